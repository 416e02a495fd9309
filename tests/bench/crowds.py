"""Several hosts side by side on one database, each with as many TCP channels open and identified as
its descriptors allow, and visits (STATUS and a complete store) at all of them at once.

    crowds.py --build DIR [--hosts 5] [--cards 18000] [--rate 100] [--seconds 60] [--workers 8]

--cards and --rate are each host's. A private MariaDB server on a file system in memory. Prints
JSON; ends with 1, and says why, when a channel did not open, or a visit failed, did not
end or did not begin.
"""
import argparse
import json
import os
import signal

import crowd
from crowd import laboratory
from process import Process, ProcessError, read_text, wait_until, write_atomically


class Site:
    """One host, with its cards and their park."""

    def __init__(self, lab, number, how, cards):
        self.lab, self.number = lab, number
        self.cards = lab.path("etc", f"cards-{number}.csv")
        self.ports = lab.path("data", f"ports-{number}.json")
        config = lab.path("etc", f"host-{number}.ini")
        with open(os.open(self.cards, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="ascii") as file:
            file.writelines(cards)
        write_atomically(config, read_text(lab.host_config).replace(lab.ports_file, self.ports)
                         .replace("card_keys = cards.csv", f"card_keys = cards-{number}.csv"))
        self.host = Process([lab.program("bipvault-host"), "--config", config],
                            lab.path("log", f"host-{number}.log"), cwd=lab.path("data"))
        wait_until(self._told, 60, "the host's ports, " + self.host.log_path)
        self.park = None
        self.how = how

    def _told(self):
        if not self.host.running():
            raise ProcessError(f"bipvault-host ended: {self.host.log().strip()}")
        return os.path.exists(self.ports) and json.loads(read_text(self.ports) or "{}")

    def open(self):
        site = argparse.Namespace(**vars(self.how), channel="tcp", size="2K",
                                  state=self.cards + ".state")
        self.lab.ports = json.loads(read_text(self.ports))
        self.park = crowd.Park(self.lab, site, self.cards)

    def end(self):
        if self.park:
            self.park.kill()
        self.host.stop(signal.SIGKILL)


def crowds(how, folder):
    plugin = {"sessions": str(how.cards + 1000), "idle_timeout": "600s",
              "workers": str(how.workers)}
    with laboratory.Lab(how.build, engine="mysql", keep=os.path.join(folder, "lab"),
                        bip=plugin) as lab:
        everybody = lab.path("etc", "all.csv")
        lab.run("bipvault-card", "park-cards", "--count", str(how.cards * how.hosts), everybody)
        lab.ops("import", everybody, seconds=600)
        head, *rows = read_text(everybody).splitlines(keepends=True)
        sites = []
        try:
            for i in range(how.hosts):
                part = [head, *rows[i * how.cards:(i + 1) * how.cards]]
                sites.append(Site(lab, i, how, part))
            for site in sites:
                site.open()
            opened = [site.park.line() for site in sites]
            used = [crowd.processor_seconds(site.host.pid) for site in sites]
            for site in sites:
                site.park.go()
            summaries = [site.park.line() for site in sites]
            codes = [site.park.end() for site in sites]
            used = [crowd.processor_seconds(site.host.pid) - before
                    for site, before in zip(sites, used)]
        finally:
            for site in sites:
                site.end()
        print(json.dumps({
            "open": sum(one["open"] for one in opened),
            "failed_to_open": sum(one["failed"] for one in opened),
            "hosts_cpu_share": round(sum(used) / (how.seconds * os.cpu_count()), 3),
            "parks": summaries}, indent=1))
        wrong = [fault for one, summary in zip(opened, summaries)
                 for fault in crowd.visit_faults(one, summary, how)]
        return crowd.told(wrong) or max(codes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--hosts", type=int, default=5)
    parser.add_argument("--cards", type=int, default=18_000)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--open-rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=8)
    crowd.in_memory(crowds, parser.parse_args())


if __name__ == "__main__":
    main()

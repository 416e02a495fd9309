"""Proves that kill -9 of the host under load loses nothing that was acknowledged: cards of the park
store all the time over TCP and CAT_TP while the host is killed and started again, many times; then
every card fetches, and what it gets is whole and either what was acknowledged last or something
that it has sent since. The history is whole, and no process is left in a bad state."""
import json
import subprocess
import time

import lab as laboratory
from checks import Report
from process import ProcessError, wait_until

CARDS = 60
LOAD_SECONDS = 1.5  # between two kills


class Load:
    """A park that stores until it is told to stop."""

    def __init__(self, lab, channel, cards, state):
        command = [lab.program("bipvault-card"), "park", "--cards", cards, "--server",
                   f"127.0.0.1:{lab.ports[channel]}", "--channel", channel, "--visit", "store",
                   "--size", "1K-24K", "--at-once", "12", "--seconds", "3600", "--timeout", "10s",
                   "--state", state, "--quiet"]
        self._popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def end(self):
        self._popen.terminate()
        out, _ = self._popen.communicate(timeout=60)
        return json.loads(out.splitlines()[-1])

    def kill(self):
        self._popen.kill()
        self._popen.wait()


def park(lab, channel, cards, state, *arguments, code=None):
    done = lab.run("bipvault-card", "park", "--cards", cards, "--server",
                   f"127.0.0.1:{lab.ports[channel]}", "--channel", channel, "--state", state,
                   "--quiet", *arguments, code=code, seconds=120)
    return json.loads(done.out.splitlines()[-1])


def settled(lab):
    """Every channel of the host that was killed last has been given up by the new one."""
    return lab.health()["state"] == "running"


def main(options):
    report = Report(f"kill -9 under load, on {options.engine}, {options.kills} times")
    with laboratory.Lab(options.build, options.engine, options.keep,
                        bip={"cat_tp": "127.0.0.1:0", "bad_per_ip": "0"}) as lab:
        files = {}
        for channel in ("tcp", "cat_tp"):
            files[channel] = lab.path("etc", channel + ".csv"), lab.path("etc", channel + "-state")
            lab.run("bipvault-card", "park-cards", "--count", str(CARDS), files[channel][0])
            lab.ops("import", files[channel][0])
        join_keys(lab, [cards for cards, _ in files.values()])
        lab.start()
        # The same ports in every life.
        lab.sections["bip"].update({name: f"127.0.0.1:{port}" for name, port in lab.ports.items()})
        lab.write_config()
        stored = kill_often(lab, files, options.kills)
        wait_until(lambda: settled(lab), 30, "the host to be well")
        for channel, (cards, state) in files.items():
            seen = park(lab, channel, cards, state, "--visit", "fetch", "--visits", str(CARDS),
                        "--at-once", "4")
            report.equal(f"{channel}: stores acknowledged", stored[channel] > 100, True,
                         stored[channel])
            report.equal(f"{channel}: fetched back", (seen["visits"], seen["failures"]),
                         (CARDS, {}), f"{seen['visits']} whole images")
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        report.contains("everything stored", lab.ops("db", "check").out, "all is whole")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


def join_keys(lab, paths):
    """One key file for the host from those of the parks."""
    rows = []
    for path in paths:
        with open(path, encoding="ascii") as file:
            header, *more = file.read().splitlines()
            rows += more
    laboratory.write_secret(lab.path("etc", "cards.csv"), "\n".join([header, *rows]) + "\n")


def kill_often(lab, files, kills):
    """Returns how many stores were acknowledged, by channel."""
    loads = {channel: Load(lab, channel, *names) for channel, names in files.items()}
    try:
        for _ in range(kills):
            time.sleep(LOAD_SECONDS)  # how long there is load, not a wait for anything
            lab.kill()
            lab.start()
        time.sleep(LOAD_SECONDS)
        seen = {channel: load.end() for channel, load in loads.items()}
    finally:
        for load in loads.values():
            load.kill()
    for channel, summary in seen.items():
        wrong = {"lost", "broken", "refused"} & set(summary["failures"])
        if wrong:
            raise ProcessError(f"{channel}: {summary['failures']}")
    return {channel: summary["visits"] for channel, summary in seen.items()}


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__, kills={"type": int, "default": 20}))

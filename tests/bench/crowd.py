"""Many cards at once: N channels open and identified in one host, what an idle one costs, and of
them so many visits a second (STATUS and a complete store). Storage on a file system in memory.

    crowd.py --build DIR [--channel cat_tp|tcp|tls_psk] [--cards 100000] [--rate 500]
             [--seconds 60] [--size 2K] [--workers 24]

Memory is the growth of the host's resident set since a warm-up of as many visits that come and go,
without what the kernel holds for sockets. Prints JSON, the park's summary in it; ends with 1, and
says why, when a channel did not open, a visit failed, did not end or did not begin, or an idle
channel costs too much.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import lab as laboratory  # noqa: E402
from process import ProcessError, read_text, wait_until  # noqa: E402

SOURCES = 200  # addresses from which the cards come
CARDS_A_PROCESS = 18_000
# What an idle channel may cost in octets. OpenSSL alone takes 14,000 for one of TLS.
MOST_OCTETS = {"cat_tp": 4096, "tcp": 4096, "tls_psk": 20_000}
ENOUGH = 10_000  # from so many on chance does not count


def resident(pid):
    """Octets of the process's resident set that belong to it alone."""
    for line in read_text(f"/proc/{pid}/status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ProcessError(f"no RssAnon of process {pid}")


def processor_seconds(pid):
    fields = read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def park_command(lab, how, cards_file):
    port = lab.ports[how.channel]
    # Each TCP channel is a descriptor of the park too.
    processes = 1 if how.channel == "cat_tp" else -(-how.cards // CARDS_A_PROCESS)
    return [lab.program("bipvault-card"), "park", "--cards", cards_file,
            "--server", f"127.0.0.1:{port}", "--channel", how.channel, "--size", how.size,
            "--sources", str(SOURCES), "--processes", str(processes),
            # What the warm-up has used up of the cards' counters the next park must know.
            "--state", how.state]


def visit_faults(opened, summary, how):
    """What a park should have seen and has not."""
    wrong = []
    if opened["open"] != how.cards or opened["failed"]:
        wrong.append(f"{opened['open']} of {how.cards} open, {opened['failed']} failed")
    if summary["failures"] or summary["unended"]:
        wrong.append(f"visits failed: {summary['failures']}, not ended: {summary['unended']}")
    due = how.rate * how.seconds  # begun by chance, so many in the mean
    if summary["visits"] < (0.95 if due >= ENOUGH else 0.5) * due:
        wrong.append(f"{summary['visits']} visits of about {due:.0f}")
    return wrong


class Park:
    """bipvault-card park with channels that stay."""

    def __init__(self, lab, how, cards_file):
        self._popen = subprocess.Popen(
            [*park_command(lab, how, cards_file), "--stay", "--wait", "--open-rate",
             str(how.open_rate), "--rate", str(how.rate), "--seconds", str(how.seconds),
             "--at-once", str(how.cards)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        text = self._popen.stdout.readline()
        if not text:
            raise ProcessError(f"the park ended with {self._popen.wait()}")
        return json.loads(text)

    def go(self):
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()

    def end(self):
        if self._popen.poll() is None:
            self._popen.stdin.close()
        return self._popen.wait(60)

    def kill(self):
        self._popen.kill()
        self._popen.wait()


def settings(how):
    plugin = {"sessions": str(how.cards + 1000), "idle_timeout": "600s",
              "workers": str(how.workers)}
    if how.channel != "tcp":
        plugin[how.channel] = "127.0.0.1:0"
    return plugin


def crowd(how, folder):
    with laboratory.Lab(how.build, keep=os.path.join(folder, "lab"), bip=settings(how)) as lab:
        cards_file = lab.path("etc", "cards.csv")
        how.state = lab.path("etc", "cards.state")
        lab.run("bipvault-card", "park-cards", "--count", str(how.cards), cards_file)
        lab.ops("import", cards_file, seconds=600)
        lab.start(seconds=120)
        warm_up = [*park_command(lab, how, cards_file), "--visits", str(min(how.cards, 10_000)),
                   "--at-once", "64", "--quiet", "--no-confirm"]
        lab.runner.run(warm_up, seconds=300)
        wait_until(lambda: lab.health()["sessions"] == 0, 30, "the warm-up's channels to end")
        before = resident(lab.host.pid)
        park = Park(lab, how, cards_file)
        try:
            opened = park.line()
            health = lab.health()
            idle = resident(lab.host.pid)
            used = processor_seconds(lab.host.pid)
            park.go()
            summary = park.line()
            code = park.end()
        except BaseException:
            park.kill()
            raise
        used = processor_seconds(lab.host.pid) - used
        octets_each = round((idle - before) / max(1, health["sessions"]))
        wrong = visit_faults(opened, summary, how)
        if health["proven_sessions"] != how.cards:
            wrong.append(f"{health['proven_sessions']} of {how.cards} proven")
        if how.cards >= ENOUGH and octets_each > MOST_OCTETS[how.channel]:
            wrong.append(f"{octets_each} octets for an idle channel")
        print(json.dumps({
            "channel": how.channel, "open": opened["open"], "proven": health["proven_sessions"],
            "failed_to_open": opened["failed"],
            "octets_each": octets_each,
            "resident_before": before, "resident_open": idle,
            "resident_after": resident(lab.host.pid),
            "host_cpu_share": round(used / (summary["seconds"] * os.cpu_count()), 3),
            "park": summary}, indent=1))
        lab.kill()
        return told(wrong) or code


def told(wrong):
    for line in wrong:
        print("FAILED: " + line, file=sys.stderr)
    return 1 if wrong else 0


def in_memory(run, how):
    """Ends the program with what `run` gives back; its folder is on a file system in memory."""
    folder = tempfile.mkdtemp(prefix="bvcrowd-", dir="/dev/shm")
    try:
        sys.exit(run(how, folder))
    except (laboratory.CheckFailed, ProcessError, OSError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--channel", choices=["tcp", "tls_psk", "cat_tp"], default="cat_tp")
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--open-rate", type=float, default=2500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="2K")
    parser.add_argument("--workers", type=int, default=24,
                        help="of the host; each keeps pages of the store in memory")
    in_memory(crowd, parser.parse_args())


if __name__ == "__main__":
    main()

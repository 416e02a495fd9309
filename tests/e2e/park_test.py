"""Proves the park of cards: every channel, with delay and loss, several processes and source
addresses, channels that stay, its state between two runs, its bounds; and through it the host under
some load: no failed visit, every acknowledged image is fetched back whole, the history is whole."""
import json
import os
import re
import signal
import socket
import subprocess

import lab as laboratory
from checks import Report

CARDS = 60


def park(lab, channel, *arguments, code=0, port=None, seconds=60):
    """Runs the park and returns its summary."""
    name = {"tls_psk": "tls_psk", "cat_tp": "cat_tp"}.get(channel, "tcp")
    server = f"127.0.0.1:{port or lab.ports[name]}"
    done = lab.run("bipvault-card", "park", "--cards", lab.path("etc", "cards.csv"), "--server",
                   server, "--channel", channel, "--quiet", "--state", lab.path("etc", "park.csv"),
                   *arguments, code=code, seconds=seconds)
    return json.loads(done.out.splitlines()[-1]) if done.out else None


def visits(lab, report, name, channel, *arguments, count=120, seconds=60):
    seen = park(lab, channel, "--visits", str(count), *arguments, seconds=seconds)
    report.equal(f"{name}: visits", seen["visits"], count, show="")
    report.equal(f"{name}: failed", seen["failures"], {}, f"{seen['visits_per_second']}/s")
    return seen


def channels(lab, report):
    for channel in ("tcp", "tls_psk", "cat_tp"):
        visits(lab, report, channel, channel, "--at-once", "8", "--visit", "status,store,fetch",
               "--size", "1K-16K")
    # Waits double: five losses of one SYN in a row, one in 4,000, are a minute and a half.
    visits(lab, report, "cat_tp, 10 % lost", "cat_tp", "--at-once", "20", "--sources", "20",
           "--loss", "10", "--delay", "20ms", "--size", "1K-4K", "--timeout", "250s", count=30,
           seconds=280)
    seen = visits(lab, report, "tcp, by rate", "tcp", "--rate", "60", "--processes", "3",
                  "--sources", "20", "--think", "5ms", "--visit", "store,fetch", count=60)
    report.true("think time is waited", seen["seconds"] > 0.3, show="")
    seen = visits(lab, report, "tcp, more processes than cards", "tcp", "--processes", "64",
                  "--at-once", "64", "--visit", "status", count=120)
    report.equal("its processes", seen["processes"], CARDS, show="")
    seen = visits(lab, report, "tcp, more processes than visits", "tcp", "--processes", "3",
                  "--visit", "status", count=2)
    report.equal("its processes", seen["processes"], 2, show="")


# Without --quiet, once a second, on stderr.
PROGRESS = re.compile(r"^\d+\.\d s  open \d+  visits (\d+)  [\d.]+/s  p50 [\d.]+ ms  "
                      r"p99 [\d.]+ ms  failed 0$")


def watched(lab, report):
    """What an operator watches: progress while it runs, the network's delay in what steps take, and
    the park's own share of the processors."""
    done = lab.run("bipvault-card", "park", "--cards", lab.path("etc", "cards.csv"), "--server",
                   f"127.0.0.1:{lab.ports['tcp']}", "--state", lab.path("etc", "park.csv"),
                   "--visit", "status", "--at-once", "8", "--seconds", "3", "--delay", "40ms")
    seen = json.loads(done.out.splitlines()[-1])
    lines = re.split(r"[\r\n]+", done.err.strip())
    told = [int(found[1]) for found in map(PROGRESS.match, lines) if found]
    report.true("progress", len(told) >= 2 and told == sorted(told) and
                0 < told[0] <= told[-1] <= seen["visits"], done.err, lines[-1])
    report.true("the delay is waited", seen["steps"]["status"]["p50_ms"] >= 40, seen["steps"],
                f"p50 of STATUS {seen['steps']['status']['p50_ms']} ms with 40 ms there and back")
    report.true("share of the processors", 0 < seen["cpu_share"] <= 1, seen["cpu_share"])


def staying(lab, report):
    """All cards are open at once; visits go to open channels."""
    for channel in ("tcp", "cat_tp"):
        seen = park(lab, channel, "--stay", "--rate", "60", "--seconds", "1", "--processes", "2",
                    "--sources", "8")
        report.equal(f"{channel} stays: channels", seen["opened"], CARDS, show="")
        report.equal(f"{channel} stays: failed", seen["failures"], {}, f"{seen['visits']} visits")
        report.true(f"{channel} stays: visits", seen["visits"] > 20, seen["visits"])


def failures(lab, report):
    """What fails is told as what it is."""
    seen = park(lab, "tcp", "--visits", "5", port=1, code=1)
    report.equal("nobody there", seen["failures"], {"no_channel": 5})
    done = lab.run("bipvault-card", "park", "--cards", lab.path("etc", "cards.csv"), "--server",
                   "192.0.2.1:7100", "--visits", "1", code=2)
    report.true("loopback only", "loopback" in done.err, show="")
    done = lab.run("bipvault-card", "park", "--cards", lab.path("etc", "cards.csv"), "--server",
                   "127.0.0.1:1", code=2)
    report.true("a bound is needed", "bound" in done.err, show="")


def ends(lab, report):
    """What ends early is told: visits without an end, a signal, cards without their keys."""
    state = lab.path("etc", "park.csv")
    bare = ["bipvault-card", "park", "--cards", lab.path("etc", "cards.csv"), "--server",
            f"127.0.0.1:{lab.ports['tcp']}", "--quiet"]
    done = lab.run(*bare, "--visits", "1", "--json", lab.path("none", "x.json"), code=1)
    report.true("a summary that cannot be written is told before",
                "x.json: No such file" in done.err and not done.out, show="")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        seen = park(lab, "cat_tp", "--seconds", "1", "--at-once", "2", code=1,
                    port=silent.getsockname()[1])
    report.equal("nobody answers: no success", (seen["visits"], seen["unended"]), (0, 2), show="")
    interrupted(lab, report, [*bare, "--state", state])
    forgotten = lab.path("etc", "forgotten.csv")
    with open(state, encoding="ascii") as file, open(forgotten, "w", encoding="ascii") as copy:
        copy.writelines(re.sub(r",\d{7,16},(\d[^,]*)$", r",,\1", line) for line in file)
    done = lab.run(*bare, "--state", forgotten, "--visits", "3", "--visit", "store", code=1)
    seen = json.loads(done.out)
    report.equal("cards without their keys", (seen["failures"], seen["key_wanted"]),
                 ({"refused": 3}, 3), show="")
    report.true("the remedy is named", "--state" in done.err, show="")
    state_of_others(lab, report, bare, state)


def state_of_others(lab, report, command, state):
    """A run with some of the cards leaves what is known of the others as it was; a state that
    cannot be written, as in a folder that went, takes no summary with it."""
    with open(state, encoding="ascii") as file:
        before = file.read().splitlines()
    few = lab.path("etc", "few.csv")
    with open(lab.path("etc", "cards.csv"), encoding="ascii") as file:
        lines = file.read().splitlines()
    with open(few, "w", encoding="ascii") as file:
        os.chmod(few, 0o600)
        file.write("\n".join(lines[:1] + lines[-3:]) + "\n")
    lab.run(*command, "--cards", few, "--state", state, "--visits", "3")
    with open(state, encoding="ascii") as file:
        after = file.read().splitlines()
    report.equal("cards in the state", sorted(line.split(",")[0] for line in after),
                 sorted(line.split(",")[0] for line in before), show="")
    report.equal("cards that have called", len(set(before) - set(after)), 3, show="")
    folder = lab.path("etc", "gone")
    os.mkdir(folder)
    program = os.path.join(lab.build, "bin", command[0])
    with subprocess.Popen([program, *command[1:], "--stay", "--wait", "--visits", "3",
                           "--visit", "status", "--cards", few,
                           "--state", os.path.join(folder, "park.csv")],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as running:
        running.stdout.readline()
        os.rmdir(folder)
        out, err = running.communicate("\n", timeout=60)
        report.equal("exit code", running.returncode, 1, show="")
        report.contains("the state is missed", err, os.path.join(folder, "park.csv"), None)
        report.equal("the summary is there", json.loads(out)["visits"], 3, show="")


def interrupted(lab, report, command):
    """SIGINT while it waits for a line of input, which stays open."""
    program = os.path.join(lab.build, "bin", command[0])
    with subprocess.Popen([program, *command[1:], "--stay", "--wait", "--seconds", "60"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as waiting:
        try:
            opened = json.loads(waiting.stdout.readline())["open"]
            report.equal("all are open", opened, CARDS, show="")
            waiting.send_signal(signal.SIGINT)
            waiting.wait(timeout=60)
            seen = json.loads(waiting.stdout.readline())
            report.equal("interrupted while it waits", (seen["interrupted"], seen["failed"]),
                         (True, 0), show="")
        finally:
            waiting.kill()


def main(options):
    report = Report("A park of cards on every channel")
    with laboratory.Lab(options.build, options.engine, options.keep,
                        bip={"tls_psk": "127.0.0.1:0", "cat_tp": "127.0.0.1:0"}) as lab:
        lab.run("bipvault-card", "park-cards", "--count", str(CARDS), lab.path("etc", "cards.csv"))
        lab.ops("import", lab.path("etc", "cards.csv"))
        lab.start()
        channels(lab, report)
        watched(lab, report)
        staying(lab, report)
        failures(lab, report)
        ends(lab, report)
        report.equal("wrong checksums", lab.counter("bip.wrong_cc"), 0, show="")
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

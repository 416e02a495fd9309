"""Proves that the host is as it was after a long time of cards on every channel at once, with cuts,
lost datagrams and reloads: memory, descriptors and threads flat, every image that was acknowledged
fetched back whole, the history whole, nothing failed that was not cut."""
import datetime
import glob
import json
import os
import subprocess
import time

import lab as laboratory
from checks import CheckFailed, Report
from kill_test import join_keys
from process import read_text, wait_until

CARDS = 100  # on each channel
CHANNELS = {"tcp": ["--cut", "5"], "tls_psk": ["--cut", "5"],
            "cat_tp": ["--cut", "5", "--loss", "3"], "carried": ["--cut", "5"]}
# Before the first look every worker has been needed: each keeps buffers, pages and a connection.
WARM_SECONDS, WARM_AT_ONCE = 10, 60
AT_ONCE = 6
GROWTH = 8 << 20   # octets that the memory may grow afterwards
# A worker opens the store when it is first needed: database, log and index, each; or a connection.
STORES = 32
STORE_FILES = {"sqlite": 3 * STORES, "mysql": STORES}


def state_of(pid):
    """Memory, descriptors (those of the store apart) and threads of a process."""
    # MariaDB's connections; the host has no other local sockets.
    local = {f"socket:[{line.split()[6]}]"
             for line in read_text(f"/proc/{pid}/net/unix").splitlines()[1:]}
    status = dict(line.split(":", 1) for line in read_text(f"/proc/{pid}/status").splitlines()
                  if ":" in line)
    files = [os.path.realpath(fd) for fd in glob.glob(f"/proc/{pid}/fd/*")]
    store = sum("/bipvault.db" in name or name.rpartition("/")[2] in local for name in files)
    return {"memory": int(status["RssAnon"].split()[0]) * 1024,
            "descriptors": len(files) - store, "store": store,
            "threads": int(status["Threads"])}


def command(lab, channel, *arguments):
    speaks = "tcp" if channel == "carried" else channel
    return [lab.program("bipvault-card"), "park", "--cards", lab.path("etc", channel + ".csv"),
            "--server", f"127.0.0.1:{lab.ports[channel]}", "--channel", speaks, "--state",
            lab.path("etc", channel + "-state"), "--quiet", *arguments]


def quiet(lab):
    """Nothing is open any more: what was cut has been given up."""
    return lab.health()["sessions"] == 0


def load(lab, seconds, at_once):
    """All channels at once; the parks' summaries."""
    common = ["--visit", "store,fetch,status", "--size", "1K-32K", "--at-once", str(at_once),
              "--think", "20ms", "--seconds", str(seconds), "--timeout", "180s"]
    parks = {channel: subprocess.Popen(command(lab, channel, *common, *how),
                                       stdout=subprocess.PIPE, text=True)
             for channel, how in CHANNELS.items()}
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(5, max(0.1, until - time.monotonic())))  # the load's time
            lab.reload()
        return {channel: json.loads(park.communicate(timeout=300)[0].splitlines()[-1])
                for channel, park in parks.items()}
    finally:
        for park in parks.values():
            park.kill()
            park.wait()


def check(report, name, seen):
    for channel, summary in seen.items():
        # A cut CAT_TP link is found out by the card's next one.
        report.equal(f"{name}, {channel}: failed", summary["failures"], {},
                     f"{summary['visits']} visits, {summary['cuts']} cuts")


def host_date(lab):
    """What the host's clock says, by the last line of its log."""
    lab.health()
    stamp = lab.host.log().splitlines()[-1].split()[0]
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))


def look(lab):
    # Silent links time out. Channels of what comes next must not: the host reads its clock's file
    # now and then only.
    then = host_date(lab) + datetime.timedelta(minutes=10)
    lab.move_clock(600_000)
    wait_until(lambda: host_date(lab) >= then, 60, "the host's clock to move")
    wait_until(lambda: quiet(lab), 60, "channels that were cut to be given up")
    return state_of(lab.host.pid)


def main(options):
    report = Report(f"Soak, {options.seconds} s, on {options.engine}")
    with laboratory.Lab(options.build, options.engine, options.keep,
                        host={"carry_bip": "yes"},
                        bip={"tls_psk": "127.0.0.1:0", "cat_tp": "127.0.0.1:0"}) as lab:
        for channel in CHANNELS:
            lab.run("bipvault-card", "park-cards", "--count", str(CARDS),
                    lab.path("etc", channel + ".csv"))
            lab.ops("import", lab.path("etc", channel + ".csv"))
        join_keys(lab, [lab.path("etc", channel + ".csv") for channel in CHANNELS])
        lab.start()
        check(report, "warm", load(lab, WARM_SECONDS, WARM_AT_ONCE))
        before = look(lab)
        check(report, "soak", load(lab, options.seconds, AT_ONCE))
        after = look(lab)
        report.equal("threads", after["threads"], before["threads"])
        report.true("the store is open", before["store"])
        report.equal("descriptors", after["descriptors"], before["descriptors"])
        report.true("files of the store", after["store"] <= STORE_FILES[options.engine],
                    after["store"], f"{before['store']} to {after['store']}")
        grown = f"{before['memory'] >> 20} to {after['memory'] >> 20} MB"
        report.true("memory", after["memory"] - before["memory"] < GROWTH, grown, grown)
        for channel in CHANNELS:
            done = lab.runner.run(command(lab, channel, "--visit", "fetch", "--visits",
                                          str(CARDS), "--at-once", "4"), seconds=300)
            if done.code != 0:
                raise CheckFailed(f"{channel}: {done.text()}")
            report.equal(f"{channel}: fetched back", json.loads(done.out)["visits"], CARDS)
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__, seconds={"type": int, "default": 3600}))

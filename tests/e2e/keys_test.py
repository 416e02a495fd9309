"""Proves that a new master key takes over while the vault works: instances that have not loaded it
hold it up, a kill in the middle loses nothing, what is stored stays readable throughout, and the
old key can go when nothing needs it any more."""
import json
import os
import signal
import sqlite3

import lab as laboratory
from checks import Report
from lab import Lab
from peer import an_image
from process import Process, read_text, wait_until

CARDS = 24


def uses(lab):
    """How many data keys each master key has wrapped, from behind."""
    query = "SELECT master, COUNT(*) FROM data_keys GROUP BY master"
    if lab.db:
        rows = [line.split() for line in lab.db.sql(f"USE;{query};").splitlines()]
    else:
        with sqlite3.connect(lab.path("data", "bipvault.db")) as database:
            rows = database.execute(query).fetchall()
    return {int(master): int(count) for master, count in rows}


def fetch_all(lab, report, stored, what):
    for card, key, image in stored:
        with lab.channel(card) as channel:
            report.equal("fetch", channel.fetch(key)[1], image, show="")
    report.evidence(what, f"{len(stored)} cards have fetched what they stored")


def master(lab):
    shown = json.loads(lab.ops("keys", "status", "--json").out)
    return [(key["number"], key["uses"]) for key in shown["master"]]


def rotate_and_kill(lab, report):
    process = Process([lab.program("bipvault-ops"), "--config", lab.config, "--clock-file",
                       lab.clock_file, "keys", "rotate", "--batch", "1", "--pause", "1s"],
                      lab.path("log", "rotate.log"))
    try:
        wait_until(lambda: uses(lab).get(2, 0) > 0 or not process.running(), 60, "a first batch")
    finally:
        process.stop(signal.SIGKILL)
    seen = uses(lab)
    report.true("killed in the middle", 0 < seen.get(1, 0) < CARDS, seen,
                f"{seen[2]} of {CARDS} keys were wrapped anew")


def main(options):
    report = Report(f"Key rotation, on {options.engine}")
    with Lab(options.build, options.engine, options.keep) as lab:
        lab.start()
        stored = []
        for number, card in enumerate(lab.new_cards(CARDS)):
            image = an_image(200, number)
            with lab.channel(card) as channel:
                stored.append((card, channel.store(image).key, image))
        report.equal("keys status", master(lab), [(1, CARDS)])
        report.contains("keys new", lab.ops("keys", "new", "master").out, "key 2 is in", None)
        wait_until(lambda: "running\": 1" in lab.ops("status", "--json", code=None).out, 30,
                   "the instance's row")
        early = lab.ops("keys", "rotate", code=1)
        report.contains("before a restart", early.err, "has not loaded master key 2", None)
        report.equal("nothing happened", uses(lab), {1: CARDS}, show="")
        report.equal("restart", lab.restart(), 0, show="")
        wait_until(lambda: json.loads(lab.ops("keys", "status", "--json").out)["not_loaded_by"]
                   == "", 30, "the instance's new row")
        rotate_and_kill(lab, report)
        fetch_all(lab, report, stored, "afterwards")
        report.contains("too early", lab.ops("keys", "drop", "master", "1", code=1).err,
                        "still need it", None)
        report.contains("again", lab.ops("keys", "rotate").out, "anew under master key 2", None)
        report.equal("keys status", master(lab), [(1, 0), (2, CARDS)])
        lab.ops("keys", "drop", "master", "1")
        left = read_text(lab.path("etc", "master.keys"))
        report.equal("the old key", [line.split()[0] for line in left.splitlines()
                                     if line and line[0] != "#"], ["2"], "is gone from the file")
        report.equal("mode", os.stat(lab.path("etc", "master.keys")).st_mode & 0o777, 0o600,
                     show="")
        report.equal("restart", lab.restart(), 0, show="")
        fetch_all(lab, report, stored, "with the new key alone")
        report.contains("everything stored", lab.ops("db", "check").out, "all is whole", None)
        secret = left.split()[-1]
        report.true("no key in logs and outputs", secret not in lab.host.log(), show="")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

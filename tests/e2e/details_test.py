"""Proves that each transaction of a card has one line in the detail records, in files that are
complete when they are named so, also those of a process that was killed; that no key and no content
is in them; and that a folder that is gone is an alarm that no card notices."""
import csv
import glob
import os
import shutil

import lab as laboratory
import wire
from checks import Report
from lab import Lab
from peer import an_image
from process import read_text, wait_until

COLUMNS = ["time", "instance", "iccid", "transport", "operation", "result", "transaction",
           "octets", "milliseconds"]


def rows(folder):
    found = []
    for path in sorted(glob.glob(folder + "/*.csv")):
        with open(path, newline="", encoding="ascii") as file:
            found += list(csv.DictReader(file))
    return found


def conversation(lab, card, image):
    """A store, a wrong key, a mistyped one, a fetch; returns the key."""
    with lab.channel(card) as channel:
        key = channel.store(image, transaction=77).key
    with lab.channel(card) as channel:
        channel.fetch(wire.other_key(key))
        channel.fetch(wire.mistype(key))
        channel.fetch(key)
        channel.status()
    return key


EXPECTED = [("store", "done", "77", "400"), ("key_confirm", "done", "77", "0"),
            ("fetch", "wrong_key", "", "0"), ("fetch", "mistyped_key", "", "0"),
            ("fetch", "done", None, "400")]


def as_expected(report, name, seen, card):
    """The transaction of a fetch is the vault's own number."""
    wanted = [(*row[:2], row[2] if row[2] is not None else seen[i]["transaction"], row[3])
              for i, row in enumerate(EXPECTED)]
    report.equal(name, [(row["operation"], row["result"], row["transaction"], row["octets"])
                        for row in seen], wanted, f"{len(seen)} lines")
    report.equal("whose", {(row["iccid"], row["instance"], row["transport"]) for row in seen},
                 {(card.iccid, "one", "tcp")}, show="")
    report.equal("columns", list(seen[0]), COLUMNS, show="")


def main(options):
    report = Report("Detail records")
    with Lab(options.build, "sqlite", options.keep) as lab:
        folder = lab.path("data", "details")
        os.mkdir(folder)
        lab.sections["store"] = {"instance": "one"}
        lab.sections["detail_records"] = {"directory": folder}
        lab.write_config()
        cards = lab.new_cards(3)
        image = an_image(400, 1)
        lab.start()
        key = conversation(lab, cards[0], image)
        wait_until(lambda: lab.counter("plugin.details") == len(EXPECTED), 20, "five lines")
        report.equal("complete before the end", rows(folder), [], "none, one is being written")
        report.equal("the host ended with", lab.stop(), 0, show="")
        as_expected(report, "a conversation", rows(folder), cards[0])
        text = "".join(read_text(path) for path in glob.glob(folder + "/*"))
        report.true("no key", key not in text and wire.other_key(key) not in text, show="none")
        lab.start()
        conversation(lab, cards[1], image)
        wait_until(lambda: lab.counter("plugin.details") == len(EXPECTED), 20, "five lines")
        lab.kill()
        lab.start()
        wait_until(lambda: len(rows(folder)) == 2 * len(EXPECTED), 20, "what was left behind")
        as_expected(report, "of a killed process", rows(folder)[len(EXPECTED):], cards[1])
        # Nothing is open yet in this life: the next line needs the folder.
        shutil.move(folder, folder + "-away")
        conversation(lab, cards[2], image)
        wait_until(lambda: "alarm detail_records: " in lab.host.log(), 20, "the alarm")
        report.equal("state", lab.health()["state"], "running", "the card was served, an alarm")
        shutil.move(folder + "-away", folder)
        wait_until(lambda: "alarm detail_records is over" in lab.host.log(), 20, "its end")
        report.equal("the host ended with", lab.stop(), 0, show="")
        as_expected(report, "what had waited", rows(folder)[2 * len(EXPECTED):], cards[2])
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

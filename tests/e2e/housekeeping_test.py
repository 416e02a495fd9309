"""Proves what the plugin does unasked, by its log and its counters: an upload that was given up is
dropped after its window, and every hour the head of the history is sealed. `audit verify` takes
the sealed line from the log and finds what was removed together with a record's own head. What a
suspended card has stored is erased when its time is over."""
import os
import re
import sqlite3

import lab as laboratory
from checks import Report
from lab import Lab
from peer import an_image
from process import wait_until

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def sealed_lines(lab):
    return re.findall(r"sealed history head \S+ entries \d+ sum [0-9A-F]{64} seal [0-9A-F]{64}",
                      lab.host.log(), re.IGNORECASE)


def given_up(lab, report):
    """Half an upload, then never again."""
    card, = lab.new_cards(1)
    image = os.urandom(150_000)
    with lab.channel(card) as channel:
        channel.begin(image, 1)
        channel.upload(image[:100_000], 1)
        report.equal("STATUS", channel.status().name, "done", show="")
    wait_until(lambda: "upload" in lab.show(card.iccid) and staged(lab) > 0, 20, "staged octets")
    report.evidence("given up", f"{staged(lab)} parts staged")
    return card


def staged(lab):
    with sqlite3.connect(lab.path("data", "bipvault.db")) as database:
        return database.execute("SELECT COUNT(*) FROM staged").fetchone()[0]


def wind_back(lab, iccid):
    """What somebody with write access would do to hide a record's newest entry."""
    with sqlite3.connect(lab.path("data", "bipvault.db")) as database:
        record, count = database.execute(
            "SELECT id, history_count FROM records WHERE iccid = ?", (iccid,)).fetchone()
        database.execute("DELETE FROM history WHERE record_id = ? AND seq = ?", (record, count))
        database.execute(
            "UPDATE records SET history_count = ?, history_mac = (SELECT mac FROM history "
            "WHERE record_id = ? AND seq = ?) WHERE id = ?", (count - 1, record, count - 1, record))


def kept_no_longer(lab, report):
    """Suspended, and nobody calls anything for half a year."""
    card, other = lab.new_cards(2)
    for each in (card, other):
        with lab.channel(each) as channel:
            report.equal("a store", channel.store(an_image(300, 2)).name, "done", show="")
    lab.care("suspend", card.iccid)
    runs = lab.counter("vault.retention_runs")
    lab.move_clock(149 * DAY_MS)
    wait_until(lambda: lab.counter("vault.retention_runs") > runs, 30, "a day's run")
    report.equal("after 149 days", len(lab.show(card.iccid)["versions"]), 1, "all is there")
    lab.move_clock(2 * DAY_MS)
    wait_until(lambda: lab.counter("vault.retention_erased") == 1, 30, "the erasure")
    report.equal("after 151 days", lab.show(card.iccid)["versions"], [], "erased by itself")
    report.contains("history", lab.care("audit", card.iccid).out,
                    "erased  vault  retention: suspended since", show="")
    report.equal("another card", len(lab.show(other.iccid)["versions"]), 1, "is as it was")
    wait_until(lambda: "suspended cards had stored is erased" in lab.host.log(), 20, "the line")


def main(options):
    report = Report("Housekeeping")
    with Lab(options.build, "sqlite", options.keep) as lab:
        victim, = lab.new_cards(1)
        lab.start()
        with lab.channel(victim) as channel:
            report.equal("a store", channel.store(an_image(300, 2)).name, "done", show="")
        lost = given_up(lab, report)
        lab.show(victim.iccid)
        lines = len(sealed_lines(lab))
        lab.move_clock(26 * HOUR_MS)
        wait_until(lambda: lab.counter("vault.uploads_swept") == 1, 30, "the sweep")
        report.equal("staged afterwards", staged(lab), 0, "the octets are gone")
        report.contains("the host's log", lab.host.log(), "1 uploads given up")
        report.contains("history", lab.care("audit", lost.iccid).out, "upload_expired  vault",
                        "upload_expired")
        wait_until(lambda: len(sealed_lines(lab)) > lines, 30, "a sealed head in the log")
        line = sealed_lines(lab)[-1]
        report.evidence("sealed", line[:52] + "...")
        verify = ("audit", "verify", "--sealed-head", f"2026-01-01T00:00:00Z info vault {line}")
        report.equal("verify", lab.care(*verify).out.strip(), "the history is whole")
        wind_back(lab, victim.iccid)
        report.equal("without the line", lab.care("audit", "verify").out.strip(),
                     "the history is whole", "the removed entry is not missed")
        report.contains("with the line", lab.care(*verify, code=1).out, "not the history of",
                        "it is")
        kept_no_longer(lab, report)
        report.equal("the host runs", lab.host.running(), True)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

"""Proves that too much is bounded: cards that come twice as fast as the host can serve them are
served, wait to be accepted, or are told `try later`, and nothing else; what is served takes no
longer than serving all who are there; memory stays within bounds; when the load falls all is as
before, at once. On MariaDB also a server that stalls under load: nothing acknowledged is lost,
nothing grows without bound, and service goes on by itself."""
import time

import lab as laboratory
from checks import Report
from kill_test import Load, park
from process import read_text, wait_until

CARDS = 1500
SESSIONS = 400  # fewer than cards: the others wait to be accepted
GROWTH = 160 << 20  # octets: 1,500 channels with full buffers, workers' pages
PATIENT = {"try_later", "no_card"}  # what may happen to a visit when there is too much


def memory(lab):
    for line in read_text(f"/proc/{lab.host.pid}/status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def bounded(lab, report, before):
    now = memory(lab)
    grown = f"{before >> 20} to {now >> 20} MB"
    report.true("memory", now - before < GROWTH, grown, grown)


def flood(lab, report, cards, state):
    """At least twice what can be served, as far as there are cards: four times what was, as a
    machine that others use too may be faster a moment later."""
    def calm(seconds):
        return park(lab, "tcp", cards, state, "--visit", "store", "--size", "4K", "--at-once", "8",
                    "--seconds", str(seconds), code=0)

    def stores(*arguments):
        return park(lab, "tcp", cards, state, "--visit", "store", "--size", "4K", *arguments)

    first = calm(2)
    report.equal("before: failed", first["failures"], {}, f"{first['visits_per_second']} stores/s")
    most = stores("--at-once", "64", "--seconds", "2")
    report.equal("as much as can be: failed", most["failures"], {},
                 f"{most['visits_per_second']} stores/s")
    before, full = memory(lab), lab.counter("bip.sessions_full")
    rate = 4 * most["visits_per_second"]
    seen = stores("--rate", str(rate), "--at-once", str(CARDS), "--seconds", "6", "--timeout",
                  "120s")
    report.true("flood: failed", set(seen["failures"]) <= PATIENT, seen["failures"],
                f"{seen['visits']} stores of {rate:.0f} a second, {seen['failures']}")
    report.true("flood: served", seen["visits"] > 0, seen)
    # All who are there at once, at the pace from before; three times that, as the pace changes.
    bound = 5_000 + 3 * 1000 * CARDS / max(1, first["visits_per_second"])
    store = seen["steps"]["store"]
    report.true("flood: p99", store["p99_ms"] <= bound, store,
                f"{store['p99_ms']:.0f} ms of a store, at most {bound:.0f}")
    bounded(lab, report, before)
    last = calm(2)
    report.equal("afterwards: failed", last["failures"], {},
                 f"{last['visits_per_second']} stores/s")
    report.true("afterwards: as fast as before", 3 * last["visits_per_second"] >=
                first["visits_per_second"], (first, last))
    report.true("more came than were let in", lab.counter("bip.sessions_full") > full)
    wait_until(lambda: lab.health()["sessions"] == 0, 60, "the flood's channels to end")
    report.equal("staged octets left", lab.health()["staging_bytes"], 0)
    seen = park(lab, "tcp", cards, state, "--visit", "fetch", "--at-once", "8", "--visits",
                str(CARDS), code=0)
    report.equal("fetched back", (seen["visits"], seen["failures"]), (CARDS, {}),
                 f"{CARDS} whole images")


def stall(lab, report, cards, state, seconds):
    """The database server is there, and does not answer."""
    before = memory(lab)
    load = Load(lab, "tcp", cards, state)
    try:
        time.sleep(2)  # load
        lab.db.freeze()
        time.sleep(seconds)  # how long the stall takes
        bounded(lab, report, before)
        lab.db.thaw()
        wait_until(lambda: lab.health()["state"] == "running", 60, "the store to be well again")
        time.sleep(2)  # load
        seen = load.end()
    finally:
        lab.db.thaw()
        load.kill()
    wrong = {"lost", "broken", "refused"} & set(seen["failures"])
    report.equal("stall: wrong answers", sorted(wrong), [], f"{seen['visits']} stores, "
                 f"{seen['failures']}")
    bounded(lab, report, before)
    wait_until(lambda: lab.health()["sessions"] == 0, 60, "channels to end")
    seen = park(lab, "tcp", cards, state, "--visit", "fetch", "--visits", str(CARDS), "--at-once",
                "4", code=0)
    report.equal("fetched back", (seen["visits"], seen["failures"]), (CARDS, {}),
                 f"{CARDS} whole images")


def main(options):
    report = Report(f"Too much, on {options.engine}")
    with laboratory.Lab(options.build, options.engine, options.keep,
                        bip={"sessions": str(SESSIONS)}) as lab:
        cards, state = lab.path("etc", "cards.csv"), lab.path("etc", "park-state")
        lab.run("bipvault-card", "park-cards", "--count", str(CARDS), cards)
        lab.ops("import", cards)
        lab.start()
        flood(lab, report, cards, state)
        if options.engine == "mysql":
            stall(lab, report, cards, state, options.stall)
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__, stall={"type": float, "default": 30}))

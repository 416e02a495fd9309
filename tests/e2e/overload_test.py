"""Proves that too much is bounded: cards that come faster than the host can serve them are served,
wait, or are told `try later`, and nothing else; what is served takes no longer than serving all
who are there; memory stays within bounds; when the load falls all is as before. On MariaDB also a
server that stalls under load: nothing acknowledged is lost, nothing grows without bound, and
service goes on by itself."""
import time

import lab as laboratory
from checks import Report
from kill_test import Load, park
from process import read_text, wait_until

CARDS = 1500
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
    """Ten times what a closed loop gets through, as far as there are cards."""
    calm = park(lab, "tcp", cards, state, "--visit", "store", "--size", "4K", "--at-once", "8",
                "--seconds", "2", code=0)
    report.equal("before: failed", calm["failures"], {}, f"{calm['visits_per_second']} stores/s")
    before = memory(lab)
    rate = min(100_000, 10 * max(100, calm["visits_per_second"]))
    seen = park(lab, "tcp", cards, state, "--visit", "store", "--size", "4K", "--rate", str(rate),
                "--at-once", str(CARDS), "--seconds", "6", "--timeout", "120s")
    report.true("flood: failed", set(seen["failures"]) <= PATIENT, seen["failures"],
                f"{seen['visits']} stores, {seen['failures']}")
    report.true("flood: served", seen["visits"] > 0, seen)
    # All who are there at once, at the pace from before; five times that, as the pace changes.
    most = 10_000 + 5 * 1000 * CARDS / max(1, calm["visits_per_second"])
    store = seen["steps"]["store"]
    report.true("flood: p99", store["p99_ms"] <= most, store,
                f"{store['p99_ms']:.0f} ms of a store, at most {most:.0f}")
    bounded(lab, report, before)
    wait_until(lambda: lab.health()["sessions"] == 0, 60, "the flood's channels to end")
    health = lab.health()
    report.equal("staged octets left", health["staging_bytes"], 0)
    calm = park(lab, "tcp", cards, state, "--visit", "store,fetch", "--size", "4K", "--at-once",
                "8", "--visits", "200", code=0)
    report.equal("afterwards: failed", calm["failures"], {},
                 f"{calm['visits_per_second']} visits/s")


def stall(lab, report, cards, state, seconds):
    """The database server is there, and does not answer."""
    before = memory(lab)
    load = Load(lab, "tcp", cards, state)
    try:
        time.sleep(2)  # load
        lab.db.freeze()
        time.sleep(seconds)  # how long the stall takes
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
    seen = park(lab, "tcp", cards, state, "--visit", "fetch", "--visits", "300", "--at-once", "4",
                code=0)
    report.equal("fetched back", (seen["visits"], seen["failures"]), (300, {}), "300 whole images")


def main(options):
    report = Report(f"Too much, on {options.engine}")
    with laboratory.Lab(options.build, options.engine, options.keep) as lab:
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

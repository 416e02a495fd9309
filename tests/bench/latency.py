"""bench-latency: how long a complete store takes when stores begin at random moments, half as
many a second as the product has just reached at saturation, beside three bare commits. A ratio up
to 1 is what is wanted. Open loop: a store that finds others before it waits, and its wait counts.

    .../p50, .../p99       the limit is three times the same percentile of the bare program at the
                           same rate, same moments
    .../p99-alone          three times the 99th percentile of one bare store after the other
    .../p99-median         three times their median: what three commits take when all is well
"""
import statistics
import time

from pairs import check
from place import Sides

PARTS = ("p50", "p99", "p99-alone", "p99-median")
SATURATED = 64  # cards at once
LOAD = 0.5      # of the rate at saturation
COMMITS = 3


def run(how, engine, wanted):
    name = f"bench-latency/{engine}"
    with Sides(how, engine) as sides:
        sides.place.bare("forget")
        blocks = [block(how, sides) for _ in range(how.pairs + 1)][1:]  # the first warms up
    limits = {"p50": ("p50", "bare"), "p99": ("p99", "bare"), "p99-alone": ("p99", "alone"),
              "p99-median": ("p50", "alone")}
    for part, (percentile, beside) in limits.items():
        ours = [one["real"][part[:3] + "_ms"] * 1000 for one in blocks]
        limit = [COMMITS * one[beside][percentile + "_ms"] * 1000 for one in blocks]
        if wanted(f"{name}/{part}"):
            yield f"{name}/{part}", ("us", ours, limit, told(blocks) if part == "p99" else [])


def block(how, sides):
    """One round: what the product can do, half of that for both sides, one bare store at a time."""
    def ask(what, side, *how_many):
        time.sleep(how.pause)
        seen = sides.load.ask(what, side, sides.ports[side], *how_many)
        check(f"{what}, {side}", seen)
        return seen

    saturated = ask("run", "real", SATURATED, how.seconds)
    rate = saturated["rate"] * LOAD
    return {"saturated": saturated, "real": ask("arrive", "real", rate, how.seconds),
            "bare": ask("arrive", "bare", rate, how.seconds),
            "alone": ask("run", "bare", 1, how.seconds / 2)}


def told(blocks):
    names = {"saturated": "saturated", "real": "at half of that", "bare": "bare, the same",
             "alone": "bare, one at a time"}
    for side, name in names.items():
        rate, p50, p99 = (statistics.median(one[side][what] for one in blocks)
                          for what in ("rate", "p50_ms", "p99_ms"))
        yield f"{name}: {rate:.0f} stores/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms"

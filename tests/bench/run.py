"""Runs the benches and tells how close the product comes to the limit of the machine.

    run.py --build DIR [NAME...]     NAME: bench-store, bench-db, bench-tls, bench-packet,
                                     bench-smpp, bench-reminders, bench-sessions, bench-latency,
                                     or the beginning of a result's name such as
                                     bench-store/mariadb/8; none: all

Both sides of a bench take turns in short blocks of one run. A ratio is the median of the ratios of
neighbouring blocks, shown with the lowest and the highest: rates of a shared machine swing, their
ratio hardly. Written to DIR/bench.json: [{name, unit, value, limit, ratio}].
"""
import argparse
import json
import os
import statistics
import sys

import latency
import process
import reminders
import sessions
import smpp
from pairs import BenchFailed, store_pairs
from place import ENGINES, Place, Server, Sides, program
from process import ProcessError, read_text

AT_ONCE = (1, 8, 64)
THREADS = (1, 4, 16)
PACKETS = (64, 256, 700)  # octets of a packet's data


def bench_store(how, engine, wanted):
    second = [] if engine == "sqlite" else ["batching"]  # SQLite's bare program commits together
    with Sides(how, engine, ["bare", *second]) as sides:
        for at_once in AT_ONCE:
            name = f"bench-store/{engine}/{at_once}"
            if not wanted(name):
                continue
            sides.place.bare("forget")
            rates, detail = store_pairs(how, sides.load, sides.ports, sides.pids, at_once)
            yield name, ("stores/s", rates["real"], rates["bare"], detail)
            for side in second:
                yield f"{name}/{side}", ("stores/s", rates["real"], rates[side], [])


def bench_db(how, engine, wanted):
    place = Place(how, engine)
    try:
        for threads in THREADS:
            name = f"bench-db/{engine}/{threads}"
            if not wanted(name):
                continue
            place.bare("forget")
            seen = json.loads(process.run(
                [program(how.build, "bench_db"), place.engine, place.folder, str(threads),
                 str(how.seconds), str(how.pairs), *([place.where] if place.server else [])],
                seconds=600))
            yield name, ("updates/s", seen["ours"], seen["bare"], [])
            yield name + "/one-statement", ("updates/s", seen["ours"], seen["overwrite"], [])
    finally:
        place.remove()


def bench_alone(how, wanted):
    """Programs that hold both sides of what they measure and need no store."""
    programs = [("bench-tls/psk-aes128-gcm", "handshakes/s", ["bench_tls"])]
    programs += [(f"bench-packet/{size}", "packets/s", ["bench_packet", str(size)])
                 for size in PACKETS]
    for name, unit, (file, *arguments) in programs:
        if wanted(name):
            seen = json.loads(process.run([program(how.build, file), *arguments, str(how.seconds),
                                           str(how.pairs)], seconds=600))
            yield name, (unit, seen["ours"], seen["bare"], [])


BENCHES = {"bench-store": bench_store, "bench-db": bench_db, "bench-latency": latency.run}
NAMES = {*BENCHES, "bench-tls", "bench-packet", "bench-sessions", "bench-smpp", "bench-reminders"}


def results(how):
    def asked(name):
        return not how.names or any((name + "/").startswith(n.rstrip("/") + "/")
                                    for n in how.names)

    yield from bench_alone(how, asked)
    yield from sessions.run(how, how.build, asked)
    yield from smpp.run(how, how.build, asked)
    yield from reminders.run(how, ENGINES, Server, asked)
    for bench, run in BENCHES.items():
        for engine in ENGINES:
            prefix = f"{bench}/{engine}/"
            parts = {"bench-store": AT_ONCE, "bench-db": THREADS, "bench-latency": latency.PARTS}
            if any(asked(prefix + str(part)) for part in parts[bench]):
                yield from run(how, engine, asked)


def run(how):
    objects = []
    print(f"{'bench':<36} {'unit':<10} {'value':>8} {'limit':>8} {'ratio':>6}  lowest..highest",
          flush=True)
    for name, (unit, ours, limit, detail) in results(how):
        ratios = [a / b for a, b in zip(ours, limit)]
        ratio = statistics.median(ratios)
        value, bound = statistics.median(ours), statistics.median(limit)
        print(f"{name:<36} {unit:<10} {value:>8.0f} {bound:>8.0f} {ratio:>6.2f}  "
              f"{min(ratios):.2f}..{max(ratios):.2f}", flush=True)
        if how.detail:
            for line in detail:
                print("    " + line, flush=True)
        objects.append({"name": name, "unit": unit, "value": round(value, 1),
                        "limit": round(bound, 1), "ratio": round(ratio, 3)})
    if not objects:
        raise BenchFailed("no such bench: " + " ".join(how.names))
    return objects


def join(path, objects):
    """Results of other benches in the file stay."""
    old = json.loads(read_text(path)) if os.path.exists(path) else []
    names = {one["name"] for one in objects}
    objects = [one for one in old if one["name"] not in names] + objects
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(objects, file, indent=1)
        file.write("\n")
    os.rename(path + ".new", path)


def main():
    global AT_ONCE, THREADS
    parser = argparse.ArgumentParser(prog="run-bench", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--pairs", type=int, default=5, help="blocks of each side (5)")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of a block (2.5)")
    parser.add_argument("--pause", type=float, default=0.3, help="between blocks (0.3)")
    parser.add_argument("--content", choices=["random", "book"], default="random",
                        help="of the images: random cannot be compressed (default)")
    parser.add_argument("--stored", type=int, default=1_000_000, metavar="N",
                        help="records of the larger store of bench-reminders (1,000,000)")
    parser.add_argument("--detail", action="store_true", help="latencies and processor time")
    parser.add_argument("--smoke", action="store_true", help="only prove that the benches work")
    parser.add_argument("--check", action="store_true", help="only look at the options")
    how = parser.parse_args()
    for name in how.names:
        if name.split("/")[0] not in NAMES:
            parser.error(f"no such bench: {name}; there are {', '.join(sorted(NAMES))}")
    if how.pairs < 1 or how.seconds <= 0 or how.pause < 0 or how.stored < 1:
        parser.error("--pairs, --seconds and --stored must be more than 0")
    if how.check:
        return 0
    how.build, how.cards = os.path.abspath(how.build), 1000
    if how.smoke:
        how.pairs, how.seconds, how.pause = 1, 0.5, 0
        AT_ONCE, THREADS, how.cards = (8,), (4,), 960
        smpp.WINDOWS = (10,)
    try:
        objects = run(how)
        if not how.smoke:
            join(os.path.join(how.build, "bench.json"), objects)
    except (BenchFailed, ProcessError, OSError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

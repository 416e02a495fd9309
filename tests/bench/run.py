"""Runs the benches and tells how close the product comes to the limit of the machine.

    run.py --build DIR [NAME...]     NAME: bench-store, bench-db, bench-tls, bench-packet,
                                     bench-smpp, bench-reminders, bench-sessions, or the beginning
                                     of a result's name such as bench-store/mariadb/8; none: all

Both sides of a bench take turns in short blocks of one run. A ratio is the median of the ratios of
neighbouring blocks, shown with the lowest and the highest: rates of a shared machine swing, their
ratio hardly. Written to DIR/bench.json: [{name, unit, value, limit, ratio}].
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

import process
import reminders
import sessions
import smpp
from pairs import BenchFailed, store_pairs
from process import Asked, Process, ProcessError, port_of, read_text, wait_until

ENGINES = {"sqlite": "sqlite", "mariadb": "mysql"}
AT_ONCE = (1, 8, 64)
THREADS = (1, 4, 16)
PACKETS = (64, 256, 700)  # octets of a packet's data
WORKERS = 24  # as the default of [bip] workers
CARDS = 1000
# Durable, and large enough that neither side waits for pages: what is measured is the program.
SERVER = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1", "--skip-networking",
          "--skip-log-bin", "--performance-schema=OFF", "--innodb-buffer-pool-size=2G",
          "--innodb-log-file-size=2G", "--innodb-io-capacity=2000", "--innodb-flush-neighbors=0",
          "--max-connections=200"]


class Server:
    """A private MariaDB server with the schemas of both sides."""

    def __init__(self, folder):
        self.socket, data = os.path.join(folder, "s"), os.path.join(folder, "mysql")
        user = ["--user=root"] if os.geteuid() == 0 else []
        # --force: a machine whose own name resolves nowhere is no reason.
        process.run(["mariadb-install-db", "--no-defaults", "--skip-test-db", "--force",
                     "--auth-root-authentication-method=normal", "--basedir=/usr",
                     "--datadir=" + data, *user])
        self._process = Process(["/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + data,
                                 "--socket=" + self.socket, "--pid-file=" + data + ".pid",
                                 *user, *SERVER], os.path.join(folder, "mariadb.log"))
        wait_until(self._ready, 60, "mariadbd, " + self._process.log_path)
        self.sql("CREATE DATABASE bipvault CHARACTER SET utf8mb4; CREATE DATABASE bare;")

    def _ready(self):
        if not self._process.running():
            raise ProcessError("mariadbd ended: " + self._process.log_path)
        return os.path.exists(self.socket) and "ready for connections" in self._process.log()

    def sql(self, text):
        process.run(["mariadb", "--no-defaults", "--socket=" + self.socket, "-uroot"], text, 300)

    def warm(self):
        """Writes the redo log once from end to end: its first round is slower than all later."""
        self.sql("CREATE TABLE bare.warm (id INT AUTO_INCREMENT PRIMARY KEY, d LONGBLOB);" +
                 "INSERT INTO bare.warm (d) VALUES (REPEAT(RANDOM_BYTES(1024), 15360));" * 140 +
                 "DROP TABLE bare.warm;")

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        self._process.stop(signal.SIGKILL)


def program(build, name):
    return os.path.join(build, "tests", name)


class Place:
    """A folder with a prepared store of one engine, and the bare tables beside it."""

    def __init__(self, how, engine):
        self.build, self.engine = how.build, ENGINES[engine]
        self.folder = tempfile.mkdtemp(prefix="bvb-", dir="/tmp")
        self.server = None
        try:
            self._prepare(how.smoke)
        except BaseException:
            self.remove()
            raise

    def _prepare(self, smoke):
        socket = []
        if self.engine == "mysql":
            self.server = Server(self.folder)
            if not smoke:
                self.server.warm()
            socket = [self.server.socket]
        process.run([program(self.build, "bench_workspace"), self.folder, str(CARDS),
                     self.engine, *socket])
        self.bare("init", self.path("cards.txt"))

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def where(self):
        return self.server.socket if self.server else self.path("bare.db")

    def bare(self, what, *more):
        process.run([program(self.build, "bench_bare"), what, self.engine, self.where, *more])

    def remove(self):
        if self.server:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def bench_store(how, engine, wanted):
    place = Place(how, engine)
    load = Asked([program(how.build, "bench_load"), str(CARDS), how.content])
    host, bare = None, None
    try:
        host = Process([os.path.join(how.build, "bin", "bipvault-host"), "--config",
                        place.path("host.ini")], place.path("host.log"))
        ports = {"real": port_of(host, place.path("ports.json"))}
        sizes = load.ask("prepare", ports["real"])
        bare = Process([program(how.build, "bench_bare"), "serve", place.engine, place.where,
                        place.path("bare.json"), str(WORKERS), str(sizes["begin"]),
                        str(sizes["store"]), str(sizes["answer1"]), str(sizes["answer2"])],
                       place.path("bare.log"))
        ports["bare"] = port_of(bare, place.path("bare.json"))
        pids = {"real": [host.pid], "bare": [bare.pid]}
        if place.server:
            for side in pids:
                pids[side].append(place.server.pid)
        for at_once in AT_ONCE:
            name = f"bench-store/{engine}/{at_once}"
            if wanted(name):
                place.bare("forget")
                yield name, store_pairs(how, load, ports, pids, at_once)
        if host.stop() != 0:
            raise BenchFailed("bipvault-host: " + host.log())
    finally:
        load.stop()
        for server in (host, bare):
            if server:
                server.stop(signal.SIGKILL)
        place.remove()


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


BENCHES = {"bench-store": bench_store, "bench-db": bench_db}


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

            sizes = AT_ONCE if bench == "bench-store" else THREADS
            if any(asked(prefix + str(size)) for size in sizes):
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
    global AT_ONCE, THREADS, CARDS
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--build", required=True, metavar="DIR")
    parser.add_argument("--pairs", type=int, default=5, help="blocks of each side (5)")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of a block (2.5)")
    parser.add_argument("--pause", type=float, default=0.3, help="between blocks (0.3)")
    parser.add_argument("--content", choices=["random", "book"], default="random",
                        help="of the images: random cannot be compressed (default)")
    parser.add_argument("--stored", type=int, default=1_000_000, metavar="N",
                        help="records of the larger store of bench-reminders (1,000,000)")
    parser.add_argument("--detail", action="store_true", help="latencies and processor time")
    parser.add_argument("--smoke", action="store_true", help="only prove that the benches work")
    how = parser.parse_args()
    how.build = os.path.abspath(how.build)
    if how.smoke:
        how.pairs, how.seconds, how.pause = 1, 0.5, 0
        AT_ONCE, THREADS, CARDS = (8,), (4,), 960
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

#!/usr/bin/python3
"""What cards cost on the disks of a MariaDB server, for docs/scale.md: capacity.py --build DIR
[--cards 1000000] [--size 2K]. A sample is stored by the product itself, then copied by SQL with
ids of their own until there are so many; sizes are those of the tables' files. Takes minutes, and
some gigabytes below /tmp."""
import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import mariadb  # noqa: E402
from kill_test import join_keys, park  # noqa: E402
from lab import Lab  # noqa: E402

SAMPLE = 2000
TABLES = ["records", "counters", "images", "data_keys", "history", "reminders"]
# How a copy differs from its original; the other columns are taken as they are.
COPY = {"id": "UNHEX(MD5(CONCAT(HEX({c}), k.seq)))",
        "record_id": "UNHEX(MD5(CONCAT(HEX({c}), k.seq)))",
        "iccid": "LPAD(CONV(LEFT(MD5(CONCAT({c}, k.seq)), 15), 16, 10), 20, '8')",
        "msisdn_provisioned": "CONCAT('49', LPAD(CONV(LEFT(MD5(CONCAT(t.iccid, k.seq)), 10), "
                              "16, 10), 13, '1'))"}


def settings(pool):
    keep = [one for one in mariadb.SMALL if "buffer-pool" not in one and "log-file" not in one]
    mariadb.SMALL[:] = [*keep, f"--innodb-buffer-pool-size={pool}", "--innodb-log-file-size=1G"]
    mariadb.DURABLE[:] = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]


def columns(lab, table):
    return lab.db.sql("SELECT column_name FROM information_schema.columns WHERE table_schema = "
                      f"'bipvault' AND table_name = '{table}' ORDER BY ordinal_position"
                      ).split()


def copy(lab, table, times, at_once=20):
    names = columns(lab, table)
    values = ", ".join(COPY[name].format(c="t." + name) if name in COPY and not (
        name == "id" and table != "records") else "t." + name for name in names)
    lab.db.sql(f"CREATE TABLE bipvault.original AS SELECT * FROM bipvault.{table}")
    for first in range(1, times, at_once):
        last = min(first + at_once, times) - 1
        lab.db.sql(f"USE;INSERT INTO {table} ({', '.join(names)}) SELECT {values} "
                   f"FROM original t JOIN seq_{first}_to_{last} k")
    lab.db.sql("DROP TABLE bipvault.original")


def sizes(lab):
    folder = lab.path("data", "mysql", "bipvault")
    found = {}
    for table in TABLES:
        path = os.path.join(folder, table + ".ibd")
        found[table] = os.stat(path).st_blocks * 512 if os.path.exists(path) else 0
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--cards", type=int, default=1_000_000)
    parser.add_argument("--size", default="2K", help="of a card's content")
    parser.add_argument("--pool", default="6G", help="innodb_buffer_pool_size")
    options = parser.parse_args()
    settings(options.pool)
    with Lab(options.build, "mysql", bip={"bad_per_ip": "0"}) as lab:
        cards, state = lab.path("etc", "cards-park.csv"), lab.path("etc", "state")
        lab.run("bipvault-card", "park-cards", "--count", str(SAMPLE), cards)
        lab.ops("import", cards)
        join_keys(lab, [cards])
        lab.start()
        print(park(lab, "tcp", cards, state, "--visit", "store", "--size", options.size,
                   "--visits", str(SAMPLE), "--at-once", "16", code=0)["visits"], "stored")
        lab.stop()
        began = time.monotonic()
        for table in TABLES:
            copy(lab, table, options.cards // SAMPLE)
            print(table, f"{time.monotonic() - began:.0f} s", flush=True)
        lab.db.sql("SET GLOBAL innodb_fast_shutdown = 0; SHUTDOWN;")
        lab.db.process.wait(600)
        total = 0
        for table, size in sizes(lab).items():
            total += size
            print(f"{table:<12} {size / 2**20:>9.0f} MB {size / options.cards:>8.0f} octets a card")
        print(f"{'all':<12} {total / 2**20:>9.0f} MB {total / options.cards:>8.0f} octets a card")


if __name__ == "__main__":
    main()

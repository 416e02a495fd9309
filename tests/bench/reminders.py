"""bench-reminders: reminders a second when the same number of records is due among ten times as
many: the cost of a run follows what is due, not what is stored. The ratio should be near 1.
`--stored 10000000` takes four gigabytes and some minutes to fill."""
import json
import os
import shutil
import tempfile

import process

DUE = 10_000


def run(how, engines, server_of, wanted):
    """engines: {name: engine}; server_of(folder): a database server with sql() and a socket."""
    for name, engine in engines.items():
        if wanted(f"bench-reminders/{name}"):
            yield f"bench-reminders/{name}", one(how, engine, server_of)


def one(how, engine, server_of):
    stored, due = (10_000, 100) if how.smoke else (how.stored, DUE)
    folder, server = tempfile.mkdtemp(prefix="bvb-", dir="/tmp"), None
    try:
        if engine == "mysql":
            server = server_of(folder)
        rates, details = {stored // 10: [], stored: []}, []
        for _ in range(min(how.pairs, 2)):
            for records, seen in rates.items():
                if server:
                    server.sql("DROP DATABASE IF EXISTS reminders; CREATE DATABASE reminders "
                               "CHARACTER SET utf8mb4;")
                told = json.loads(process.run(
                    [os.path.join(how.build, "tests", "bench_reminders"), engine, folder,
                     str(records), str(due), *([server.socket] if server else [])],
                    seconds=7200))
                seen.append(told["reminders_per_s"])
                details.append(f"{records} stored in {told['fill_s']} s, {told['due']} due: "
                               f"run {told['run_s']} s, preview {told['preview_s']} s, a look "
                               f"when nothing is due {told['idle_look_s'] * 1e6:.0f} us")
        return "reminders/s", rates[stored], rates[stored // 10], details
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)

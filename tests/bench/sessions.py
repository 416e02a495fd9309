"""bench-sessions: complete stores of 16 KiB through the gateway with a store in memory, beside a
server on the same event library that takes and gives the same octets in the same pieces."""
import os
import shutil
import signal
import tempfile

from pairs import store_pairs
from process import Asked, Process, ports_of

CHANNELS = ("tcp", "tls_psk", "cat_tp")
AT_ONCE = 64
CARDS = 1000


def run(how, build, wanted):
    for channel in CHANNELS:
        name = f"bench-sessions/{channel}/{AT_ONCE}"
        if wanted(name):
            yield name, one(how, build, channel)


def one(how, build, channel):
    def program(file):
        return os.path.join(build, "tests", file)

    folder = tempfile.mkdtemp(prefix="bvb-", dir="/tmp")
    servers, load = {}, Asked([program("bench_load"), str(CARDS), how.content, channel])

    def start(side, file, *arguments):
        told = os.path.join(folder, side + ".json")
        servers[side] = Process([program(file), told, *arguments],
                                os.path.join(folder, side + ".log"))
        return ports_of(servers[side], told)[channel]

    try:
        ports = {"real": start("real", "bench_gateway", str(CARDS))}
        sizes = load.ask("prepare", ports["real"])
        ports["bare"] = start("bare", "bench_echo", *(str(sizes[name]) for name in
                                                      ("first", "store", "answer1", "answer2")))
        pids = {side: [server.pid] for side, server in servers.items()}
        rates, detail = store_pairs(how, load, ports, pids, AT_ONCE)
        return "stores/s", rates["real"], rates["bare"], detail
    finally:
        load.stop()
        for server in servers.values():
            server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)

"""bench-smpp: submit_sm per second by the ESME, beside the same loop of hand-written PDUs, beside
what a window allows when answers take their time, and beside Kannel where it is installed."""
import os
import shutil
import signal
import tempfile

import kannel
import process
from process import Asked, Process, port_of

WINDOWS = (1, 10, 100, 1000)
DELAYS_MS = (0, 20)


def count_for(window, delay_ms, seconds):
    """Messages that keep Kannel busy about as long as a block of ours."""
    if delay_ms:
        return max(int(window / delay_ms * 500 * seconds), 20)
    return int(25_000 * seconds)


def run(how, build, wanted):
    for delay_ms in DELAYS_MS:
        for window in WINDOWS:
            name = f"bench-smpp/{window}/{delay_ms}ms"
            parts = [part for part in ("", "/window", "/kannel") if wanted(name + part)]
            if parts:
                yield from one(how, build, name, parts, window, delay_ms)


def one(how, build, name, parts, window, delay_ms):
    def program(file):
        return os.path.join(build, "tests", file)

    folder = tempfile.mkdtemp(prefix="bvb-", dir="/tmp")
    beside = "/kannel" in parts and not how.smoke and kannel.installed()
    rates = {"ours": [], "bare": [], "kannel": []}
    sink = Process([program("bench_smpp_sink"), os.path.join(folder, "port.json"),
                    str(delay_ms)], os.path.join(folder, "sink.log"))
    bench = None
    try:
        bench = Asked([program("bench_smpp"),
                       str(port_of(sink, os.path.join(folder, "port.json")))])
        for _ in range(how.pairs):
            for side in ("ours", "bare"):
                rates[side].append(bench.ask(side, window, how.seconds)["rate"])
            if beside:
                rates["kannel"].append(kannel.rate(
                    os.path.join(folder, "kannel"), program("bench_smpp_sink"), window,
                    delay_ms, count_for(window, delay_ms, how.seconds)))
    finally:
        if bench:
            bench.stop()
        sink.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    ours = rates["ours"]
    if "" in parts:
        yield name, ("submits/s", ours, rates["bare"], [])
    if "/window" in parts and delay_ms:
        yield name + "/window", ("submits/s", ours, [window * 1000 / delay_ms] * how.pairs, [])
    if beside:
        yield name + "/kannel", ("submits/s", ours, rates["kannel"], [])

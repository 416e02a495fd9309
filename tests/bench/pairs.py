"""Blocks of complete stores by bench_load: the product and its limits in turn, their rates and
processor time."""
import os
import statistics
import sys
import time

from process import read_text


class BenchFailed(Exception):
    pass


def cpu_of(pid):
    """Seconds of processor time used so far."""
    fields = read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check(what, seen):
    if seen["cut"] or seen["try_later"] or seen["refused"]:
        raise BenchFailed(f"{what}: {seen}")


def store_pairs(how, load, ports, pids, at_once):
    """Rates of the blocks by side, and lines about latency and processor time."""
    rates, cpu, latency = ({side: [] for side in ports} for _ in range(3))
    for side in ports:
        load.ask("run", side, ports[side], at_once, how.seconds / 2)
    for _ in range(how.pairs):
        for side in ports:
            before = [cpu_of(pid) for pid in pids[side]]
            seen = load.ask("run", side, ports[side], at_once, how.seconds)
            check(f"{side}, {at_once} at once", seen)
            if seen["ran_out"]:
                print(f"note: the load ran out of prepared stores: {seen}", file=sys.stderr)
            rates[side].append(seen["rate"])
            used = [cpu_of(pid) - start for pid, start in zip(pids[side], before)]
            cpu[side].append([1e6 * one / seen["stores"] for one in [seen["cpu"], *used]])
            latency[side].append((seen["p50_ms"], seen["p99_ms"]))
            time.sleep(how.pause)
    total = {side: statistics.median(sum(parts) for parts in cpu[side]) for side in ports}
    detail = ["by processor time (load, program, server): "
              f"ratio {total['bare'] / total['real']:.2f}, "
              f"{total['real']:.0f} us a store beside {total['bare']:.0f} us"]
    for side in ports:
        parts = [statistics.median(column) for column in zip(*cpu[side])]
        names = ["load", "vault" if side == "real" else side, "server"]
        p50, p99 = (statistics.median(column) for column in zip(*latency[side]))
        detail.append(f"{side}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, processor us/store: " +
                      ", ".join(f"{n} {p:.0f}" for n, p in zip(names, parts)))
    return rates, detail

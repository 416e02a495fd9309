"""Proves what `bipvault-ops status` tells from the store alone: that an instance runs, its port and
channels, and that it is gone when it is; in words and as JSON, with an exit code."""
import json

import lab as laboratory
from checks import Report
from lab import Lab
from process import wait_until


def status(lab, code=None):
    return json.loads(lab.ops("status", "--json", code=code).out)


def main(options):
    report = Report(f"Status, on {options.engine}")
    with Lab(options.build, options.engine, options.keep,
             store={"instance": "vault7"}) as lab:
        report.contains("before the first start", lab.ops("status", code=1).out,
                        "no instance has reported", None)
        card, = lab.new_cards(1)
        lab.start()
        with lab.channel(card) as channel:
            channel.begin(b"x" * 100, 1)
            wait_until(lambda: any(i["figures"].get("proven_sessions") == 1
                                   for i in status(lab)["instances"]), 30, "a proven channel")
            instance, = status(lab, code=0)["instances"]
        report.equal("it", (instance["name"], instance["alive"], instance["alarms"]),
                     ("vault7", True, {}), "vault7 runs")
        report.equal("port", instance["figures"]["port.tcp"], lab.port)
        report.equal("keys", (instance["figures"]["keys.master"],
                              instance["figures"]["keys.pepper"]), (1, 1))
        text = lab.ops("status").out
        report.contains("in words", text, "instance vault7: runs, version ", None)
        report.contains("in words", text, f"tcp on port {lab.port}", None)
        lab.kill()
        lab.move_clock(21_000)
        seen = status(lab, code=1)
        report.equal("21 s after its end", (seen["running"], seen["instances"][0]["alive"]),
                     (0, False), "silent")
        lab.start()
        wait_until(lambda: status(lab)["running"] == 1, 30, "its row")
        report.equal("started again", len(status(lab)["instances"]), 1, "the same row")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

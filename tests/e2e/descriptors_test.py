"""Proves what a host does that is out of descriptors, whoever accepts, plugin or host: accepting
pauses and is tried again, with one line in the log and next to no processor time; what was accepted
before is served; and when there are descriptors again, those who waited are served."""
import os
import resource
import time

import lab as laboratory
from checks import Report
from lab import Lab
from peer import an_image
from process import wait_until

WATCHED_SECONDS = 4  # accepting is tried once a second
MOST_SHARE = 0.25    # of one processor; what spins takes all of it


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(options):
    report = Report("descriptors")
    who = "carrier" if options.carried else "bip"
    # One worker: a second one might need a connection to the store, and answer "try later".
    with Lab(options.build, keep=options.keep, bip={"workers": "1"}) as lab:
        lab.start()
        before, late = lab.new_cards(2)
        with lab.channel(before) as served:
            report.equal("a store before", served.store(an_image(50, 1)).name, "done", show="")
            had = resource.prlimit(lab.host.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(lab.host.pid, resource.RLIMIT_NOFILE, (0, had[1]))
            report.step("No descriptor is to be had.")
            with lab.channel(late) as waiting:
                paused = f"[{who}.accept_paused]"
                wait_until(lambda: paused in lab.host.log(), 20, "accepting that pauses")
                began, used = time.monotonic(), processor_seconds(lab.host.pid)
                waiting.socket.settimeout(WATCHED_SECONDS)
                try:
                    report.equal("somebody who is not accepted hears", waiting.socket.recv(1), None)
                except TimeoutError:
                    pass
                used = processor_seconds(lab.host.pid) - used
                share = used / (time.monotonic() - began)
                report.true("it does not spin", share < MOST_SHARE, f"{share:.2f} of a processor")
                report.equal("lines about it", lab.host.log().count(paused), 1)
                report.equal("who was there", served.status().name, "done", show="served")

                report.step("There are descriptors again.")
                resource.prlimit(lab.host.pid, resource.RLIMIT_NOFILE, had)
                waiting.socket.settimeout(20)
                report.equal("who waited", waiting.store(an_image(50, 2)).name, "done", show="")
        report.equal("the host ends with", lab.stop(), 0, show="")
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

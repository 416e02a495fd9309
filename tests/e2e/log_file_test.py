"""Proves that logrotate, with the file that the packages bring, loses no line of the log: the host
writes into a file, logrotate renames it and sends SIGHUP, and the host goes on in a new one."""
import os
import re
import signal

import lab as laboratory
from checks import Report
from lab import Lab
from process import read_text, wait_until

ROTATE = os.path.join(os.path.dirname(__file__), "../../packaging/logrotate/bipvault-host")


def own_copy(lab, log):
    """The packages' file for this laboratory: its log, its process, nobody's user."""
    text = read_text(ROTATE)
    text = text.replace("/var/log/bipvault/host.log {", log + " {")
    text = re.sub(r"(?m)^\s*su .*\n", "", text)
    text = re.sub(r"(?m)^\s*create .*$", "\tcreate 0640", text)
    text = re.sub(r"(?s)postrotate.*endscript",
                  f"postrotate\n\t\tkill -HUP {lab.host.pid}\n\tendscript", text)
    path = lab.path("etc", "logrotate.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


def main(options):
    report = Report("The log in a file")
    with Lab(options.build, "sqlite", options.keep) as lab:
        log = lab.path("log", "file.log")
        lab.sections["host"] = {"log": "file", "log_file": log}
        lab.write_config()
        lab.start()
        wait_until(lambda: "[host.started]" in read_text(log), 20, "the file's first lines")
        report.equal("on standard error", lab.host.log(), "", "nothing")
        lab.host.send_signal(signal.SIGUSR1)
        wait_until(lambda: "info health {" in read_text(log), 20, "the health in the file")
        configuration = own_copy(lab, log)
        for number in (1, 2):
            lab.runner.run(["/usr/sbin/logrotate", "--force", "--state", lab.path("log", "state"),
                            configuration])
            wait_until(lambda: os.path.exists(log) and "[host.reloaded]" in read_text(log), 20,
                       f"a new file after rotation {number}")
        old = read_text(log + ".1")
        report.true("the renamed one", "[host.reloaded]" in old and "[host.started]" not in old,
                    old, "ends before the second rotation")
        report.equal("compressed", os.path.exists(log + ".2.gz"), True, "the first")
        report.equal("the host ended with", lab.stop(), 0, show="")
        report.contains("the last line", read_text(log).splitlines()[-1], "[host.ended]", None)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

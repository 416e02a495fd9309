"""Proves what the demo leaves with --serve and --keep: the platform runs on, what is printed of it
can be called as it stands, Ctrl-C ends it, and the folder stays."""
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

import lab as laboratory
from checks import Report
from process import Process, Runner, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
RUN_DEMO = os.path.join(HERE, "..", "..", "run-demo")
TOLD = "The platform runs. Ctrl-C ends it."


def printed_commands(text):
    """The commands below `tools` and `the user's phone`, each in one line."""
    text = text[text.index(TOLD):].replace("\\\n", " ")
    starts = r"^(?:  tools|  the user's phone|)\s+(\S*/bipvault-\S+ .*)$"
    return [shlex.split(line) for line in re.findall(starts, text, re.MULTILINE)]


def main(options):
    report = Report("The demo that stays")
    with tempfile.TemporaryDirectory(prefix="bve2e-") as folder:
        kept = os.path.join(folder, "kept")
        runner = Runner(os.path.join(folder, "runs"))
        story = Process([sys.executable, "-B", os.path.join(HERE, "story.py"), "--build",
                         options.build, "--serve", "--keep", kept], os.path.join(folder, "story"))
        try:
            wait_until(lambda: TOLD in story.log() or not story.running(), 240,
                       "the story has been told")
            called(report, runner, story)
            ended(report, story, kept)
        finally:
            story.stop(signal.SIGKILL)
        refused(report, kept)
    report.end()


def called(report, runner, story):
    report.step("Each printed command is called as it stands")
    report.contains("it runs on", story.log(), TOLD)
    status, show, phone = printed_commands(story.log())
    report.contains("db status", runner.run(status).out, "schema")
    report.contains("show", runner.run(show, stdin="X1234567\n").out, "A back-up is there")
    report.contains("the phone's menu", runner.run(phone, stdin="quit\n").out, "Restore")


def ended(report, story, kept):
    report.step("Ctrl-C")
    host = int(re.search(r"SIGHUP to (\d+)", story.log()).group(1))
    report.true("the platform was there", os.path.exists(f"/proc/{host}"))
    report.equal("exit code", story.stop(signal.SIGINT), 0)
    report.true("the platform has ended", not os.path.exists(f"/proc/{host}"))
    for name in ("etc/bipvault.ini", "etc/host.ini", "data/bipvault.db"):
        report.true(f"{name} is kept", os.path.exists(os.path.join(kept, name)))
    report.true("traces are kept", os.listdir(os.path.join(kept, "trace")))


def refused(report, kept):
    report.step("The folder is not used again: refused before anything is installed or built")
    again = subprocess.run([RUN_DEMO, "--keep", kept], capture_output=True, text=True, check=False)
    report.equal("exit code", again.returncode, 2)
    report.contains("why", again.stderr, f"{kept} is not empty")


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

"""Proves what a really full disk does: cards are told `try later`, the platform is `degraded` with
the alarm `store` that says why, and with room again it is well without a restart, nothing that was
acknowledged is lost. SQLite, on a file system of 4 MiB in memory."""
import os
import subprocess
import sys
import tempfile

import lab as laboratory
from checks import Report
from lab import Lab
from peer import an_image
from process import wait_until

INSIDE = "BIPVAULT_FULL_DISK"  # set: the mounts of this process are its own


def mounts_of_its_own():
    """Goes on in a mount namespace, which ends with the process whatever happens to it. A user who
    is not root needs user namespaces for that."""
    if INSIDE in os.environ:
        return
    become = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() != 0 else [])
    probe = "mount -t tmpfs -o size=4m none /mnt"
    tried = subprocess.run(become + ["sh", "-c", probe], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.STDOUT, check=False)
    if tried.returncode != 0:
        print(f"skipped: no file system can be mounted here: {tried.stdout.strip()}")
        sys.exit(77)
    os.environ[INSIDE] = "yes"
    os.execvp(become[0], become + [sys.executable, "-B", *sys.argv])


class Disk:
    """A small file system, and a file that takes all the room that is left."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="bve2e-", dir="/tmp")
        self.ballast = os.path.join(self.path, "ballast")

    def __enter__(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", self.path], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.path], check=False)
        os.rmdir(self.path)

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        os.unlink(self.ballast)


def store(lab, card, image):
    with lab.channel(card) as channel:
        return channel.store(image)


def play(lab, disk, report):
    held, refused = lab.new_cards(2)
    image, large = an_image(300, 2), os.urandom(100_000)
    lab.start()
    first = store(lab, held, image)
    report.equal("a store", first.name, "done")
    wait_until(lambda: lab.health()["state"] == "running", 20, "state running")
    report.step("No room is left. Nobody needs to call: the beat of the instance fails.")
    disk.fill()
    wait_until(lambda: lab.health()["state"] == "degraded", 60, "state degraded")
    health = lab.health()
    report.contains("alarm store", health["alarms"].get("store", ""), "disk is full")
    report.contains("store", health["store"], "can be read but not written", show=None)
    report.equal("a store", store(lab, refused, large).name, "try later")
    report.equal("the host runs", lab.host.running(), True, show="")
    report.step("Room again.")
    disk.free()
    wait_until(lambda: lab.health()["state"] == "running", 60, "state running")
    report.equal("alarms", lab.health()["alarms"], {})
    report.equal("a store", store(lab, refused, large).name, "done")
    report.contains("the end in the log", lab.host.log(), "store is over")
    with lab.channel(held) as channel:
        report.equal("what was stored before", channel.fetch(first.key)[1] == image, True,
                     show="whole")
    report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")


def main(options):
    report = Report("A full disk")
    with Disk() as disk:
        path = {"path": os.path.join(disk.path, "bipvault.db")}
        with Lab(options.build, "sqlite", options.keep, store=path) as lab:
            play(lab, disk, report)
    report.end()


if __name__ == "__main__":
    arguments = laboratory.options(__doc__)
    mounts_of_its_own()
    laboratory.run(main, arguments)

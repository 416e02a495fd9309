"""Kannel's bearerbox as a second ESME beside ours: what it submits to the plain sink, when all its
messages wait in its memory before the SMSC is there. Of Debian's packages kannel and kannel-extras.
"""
import json
import os
import re
import shutil
import signal
import socket
import urllib.error
import urllib.request

from process import Process, ProcessError, wait_until

BEARERBOX = "/usr/sbin/bearerbox"
TEXT = "Your backup is 2 months old, update it? Y/N"
CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = bench
status-password = bench
admin-allow-ip = "127.0.0.1"
admin-deny-ip = "*.*.*.*"
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
smsbox-max-pending = 1000000
sms-outgoing-queue-limit = 1000000
dlr-storage = internal
log-level = 3

group = smsc
smsc = smpp
smsc-id = sink
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = bench
smsc-password = secret
system-type = ""
interface-version = 34
max-pending-submits = {window}
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}

group = sms-service
keyword = default
text = "-"
max-messages = 0
"""


def batch_program():
    """mtbatch fills the queue; where it lies depends on the package's version."""
    return shutil.which("mtbatch") or shutil.which("mtbatch", path="/usr/lib/kannel/test")


def installed():
    return os.path.exists(BEARERBOX) and batch_program() is not None


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Kannel:
    """A bearerbox whose SMSC is not there yet."""

    def __init__(self, folder, window):
        self._folder = folder
        self.smsc_port, self._admin, self._box, http = free_ports(4)
        write(self._path("kannel.conf"), CONFIGURATION.format(
            admin=self._admin, box=self._box, smsc=self.smsc_port, window=window,
            http=http))
        self._batch = None
        self._process = Process([BEARERBOX, "-v", "3", self._path("kannel.conf")],
                                self._path("bearerbox.log"))
        try:
            wait_until(self._status, 30, "bearerbox, " + self._process.log_path)
        except BaseException:
            self.stop()
            raise

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _status(self):
        if not self._process.running():
            raise ProcessError("bearerbox ended: " + self._process.log()[-500:])
        url = f"http://127.0.0.1:{self._admin}/status.txt?password=bench"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode("utf-8", "replace")
        except (urllib.error.URLError, OSError):
            return None

    def _queued(self):
        found = re.search(r"SMS:.*sent \d+ \((\d+) queued\)", self._status() or "")
        return int(found.group(1)) if found else 0

    def queue(self, count):
        """Returns when so many messages wait."""
        write(self._path("content"), TEXT)
        write(self._path("receivers"),
              "".join(f"{491700000000 + i}\n" for i in range(count)))
        self._batch = Process([batch_program(), "-v", "4", "-b", "127.0.0.1", "-p",
                               str(self._box), "-f", "12345", self._path("content"),
                               self._path("receivers")], self._path("mtbatch.log"))
        wait_until(lambda: self._queued() >= count, 120, f"{count} messages in Kannel's queue")

    def stop(self):
        for one in (self._batch, self._process):
            if one:
                one.stop(signal.SIGKILL)


def rate(folder, sink_program, window, delay_ms, count):
    """submit_sm per second for `count` messages: a bearerbox and a sink of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    kannel, sink = Kannel(folder, window), None
    try:
        kannel.queue(count)
        sink = Process([sink_program, os.path.join(folder, "port.json"), str(delay_ms),
                        str(kannel.smsc_port), str(count)], os.path.join(folder, "sink.log"))
        line = wait_until(lambda: "}" in sink.log() and sink.log(), 180, "Kannel's messages")
        return json.loads(line.splitlines()[0])["rate"]
    finally:
        kannel.stop()
        if sink:
            sink.stop(signal.SIGKILL)

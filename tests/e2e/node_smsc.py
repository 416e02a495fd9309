"""node-smpp as an SMSC (bad_smsc.js): its manners are commanded, what it sees is told."""
import json
import os
import subprocess
import threading
import time

from process import ProcessError

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALL = os.path.join(HERE, "..", "..", "packaging", "node-modules")


def modules(build):
    """The folder with node-smpp; raises when it cannot be had."""
    done = subprocess.run([INSTALL, build], capture_output=True, text=True, timeout=300,
                          check=False)
    if done.returncode != 0:
        raise ProcessError(f"node-smpp is not there: {done.stderr.strip()}")
    return os.path.join(build, "node", "node_modules")


class NodeSmsc:
    """`submitted`: what has come, (number, text), in order, over all connections.
    `piece`: octets that are written at a time (0: any number). `tls`: (key file, certificate,
    or also newest version and group of the key exchange)."""

    def __init__(self, build, manner="polite", piece=0, tls=(), **options):
        self.submitted, self.binds, self.unbinds, self.nacks = [], 0, 0, 0
        self._answers, self._done = {}, []
        self._changed, self.port = threading.Condition(), None
        environment = dict(os.environ, NODE_PATH=modules(build))
        self._popen = subprocess.Popen(
            ["node", os.path.join(HERE, "bad_smsc.js"), str(piece), *tls], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.wait(lambda: self.port, "its port")
        self.behave(manner, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._popen.stdin.close()
        self._popen.wait(30)
        self._thread.join()

    @property
    def pid(self):
        return self._popen.pid

    def behave(self, manner, **options):
        """What comes from now on is treated so."""
        self._command(do="manner", name=manner, **options)

    def release(self):
        """What was held back is done: late answers are given, a deaf one listens."""
        self._command(do="release")

    def deliver(self, text, source="491701", **fields):
        """A message from a phone; the status with which it was answered."""
        pdu = dict({"source_addr": source, "source_addr_ton": 1, "source_addr_npi": 1,
                    "destination_addr": "12345", "short_message": text}, **fields)
        self._answers.clear()  # numbers begin anew with each connection
        sequence = self._command(do="deliver", pdu=pdu)["sequence"]
        self.wait(lambda: sequence in self._answers, "an answer to deliver_sm")
        return self._answers[sequence]

    def texts(self):
        return [text for _, text in self.submitted]

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        with self._changed:
            while not condition():
                if self._popen.poll() is not None:
                    raise ProcessError(f"node-smpp ended with {self._popen.returncode}")
                if not self._changed.wait(max(0, end - time.monotonic())):
                    raise ProcessError(f"the SMSC waited {seconds} s in vain: {what}")

    def _command(self, **command):
        before = len(self._done)
        self._popen.stdin.write(json.dumps(command) + "\n")
        self._popen.stdin.flush()
        self.wait(lambda: len(self._done) > before, command["do"])
        return self._done[before]

    def _listen(self):
        for line in self._popen.stdout:
            with self._changed:
                self._note(json.loads(line))
                self._changed.notify_all()
        self._popen.wait()
        with self._changed:
            self._changed.notify_all()

    def _note(self, event):
        what = event["event"]
        if what == "listening":
            self.port = event["port"]
        elif what == "done":
            self._done.append(event)
        elif what == "bind":
            self.binds += 1
        elif what == "submit":
            self.submitted.append((event["to"], event["text"]))
        elif what == "unbind":
            self.unbinds += 1
        elif what == "nack":
            self.nacks += 1
        elif what == "answer":
            self._answers[event["sequence"]] = event["status"]

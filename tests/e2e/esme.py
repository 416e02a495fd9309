"""The ESME of the product by itself (esme_driver): commands in, events out."""
import json
import os
import subprocess
import threading
import time

from process import ProcessError, write_atomically, write_secret


class Esme:
    """smscs: {name: {key: value}} as in bipvault.ini, in order of preference; `password` goes into
    a file. The log of the driver's standard error is in the folder."""

    def __init__(self, build, folder, smscs):
        os.makedirs(folder, exist_ok=True)
        sections = {"store": {"engine": "sqlite", "path": "none.db"},  # only has to be there
                    "keys": {"master_key_file": "none", "pepper_file": "none",
                             "audit_key_file": "none"}}
        for name, keys in smscs.items():
            keys = dict({"system_id": "bv", "source": "12345"}, **keys)
            write_secret(os.path.join(folder, name + ".password"), keys.pop("password", "secret"))
            sections["smsc." + name] = dict(keys, password_file=name + ".password")
        config = os.path.join(folder, "bipvault.ini")
        write_atomically(config, "".join(
            f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
            for section, keys in sections.items()))
        with open(os.path.join(folder, "esme.err"), "wb") as errors:
            self._popen = subprocess.Popen([os.path.join(build, "tests", "esme_driver"), config],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=errors, text=True)
        self.events, self._changed = [], threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self._ref = 0

    def _listen(self):
        for line in self._popen.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self.events.append({"event": "ended"})
            self._changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._popen.kill()
        self._popen.wait()
        self._thread.join()

    def _say(self, line):
        self._popen.stdin.write(line + "\n")
        self._popen.stdin.flush()

    def position(self):
        """Of the events that are still to come."""
        with self._changed:
            return len(self.events)

    def wait(self, what, seconds=30, since=0, **fields):
        """The first event of that kind with these fields, from a position on."""
        deadline = time.monotonic() + seconds
        with self._changed:
            at = since
            while True:
                for event in self.events[at:]:
                    if event["event"] == what and all(event.get(k) == v for k, v in fields.items()):
                        return event
                    if event["event"] == "ended":
                        raise ProcessError("esme_driver has ended")
                at = len(self.events)
                if not self._changed.wait(deadline - time.monotonic()):
                    raise ProcessError(f"waited {seconds} s in vain for {what} {fields}; last: "
                                       f"{self.events[-5:]}")

    def wait_count(self, what, count, seconds=30):
        """Until so many events of that kind have come."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while sum(event["event"] == what for event in self.events) < count:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise ProcessError(f"waited {seconds} s in vain for {count} {what}")

    def forget(self):
        """The events so far; positions begin anew."""
        with self._changed:
            self.events.clear()

    @property
    def pid(self):
        return self._popen.pid

    def of(self, what, since=0, **fields):
        with self._changed:
            return [event for event in self.events[since:] if event["event"] == what and
                    all(event.get(k) == v for k, v in fields.items())]

    def bound(self, seconds=30, since=0):
        deadline = time.monotonic() + seconds
        while True:
            state = self.state()
            if all(one["bound"] for one in state["smscs"]):
                return state
            if time.monotonic() > deadline:
                raise ProcessError(f"not bound: {state}")
            time.sleep(0.02)

    def state(self):
        since = self.position()
        self._say("state")
        return self.wait("state", since=since)

    def text(self, number, words):
        return self._submit("text", f"{number} {words}")

    def packet(self, number, octets):
        return self._submit("packet", f"{number} {octets.hex()}")

    def _submit(self, command, rest):
        """The reference; None while there is no room."""
        self._ref += 1
        self._say(f"{command} {self._ref} {rest}")
        taken = self.wait("taken", ref=self._ref)["taken"]
        if taken == "impossible":
            raise ProcessError("a message was impossible")
        return self._ref if taken == "yes" else None

    def keep(self, yes):
        self._say("keep " + ("yes" if yes else "no"))
        self.state()  # commands are obeyed in their order

    def stop(self, milliseconds):
        """Every segment has had its outcome; the driver's code."""
        self._say(f"stop {milliseconds}")
        self.wait("stopped", seconds=milliseconds / 1000 + 20)
        return self._popen.wait(20)

"""A SIM in a phone: bipvault-card, driven by scripts; what it tells comes back as events."""
import json
import os

from checks import CheckFailed
from process import write_secret


class Sim:
    """One card. It goes into phones by name; a phone that does not exist is a new one."""

    def __init__(self, lab, iccid, contacts=250, msisdn=None, server=None, channel=None):
        self.lab, self.iccid, self.channel = lab, iccid, channel or lab.speaks
        self.file = lab.path("cards", iccid + ".card")
        options = ["--msisdn", msisdn] if msisdn else []
        self._card("create", "--iccid", iccid, "--keys", lab.path("etc", "cards.csv"),
                   "--size", str(contacts), "--server", server or self.server,
                   "--channel", self.channel, *options)

    @property
    def server(self):
        """Where it calls."""
        return f"127.0.0.1:{self.lab.ports[self.channel]}"

    def _card(self, command, *arguments, **how):
        return self.lab.run("bipvault-card", command, "--card", self.file, *arguments, **how)

    def fill(self, contacts, messages, memos, seed=1):
        self._card("fill", "--contacts", str(contacts), "--messages", str(messages),
                   "--memos", str(memos), "--seed", str(seed))

    def show(self):
        """Counts, octets and digest of what a backup would carry."""
        return json.loads(self._card("show", "--json").out)

    def image(self):
        """The image that a backup would carry."""
        path = self.lab.path("data", self.iccid + ".image")
        self._card("dump", path)
        with open(path, "rb") as file:
            image = file.read()
        os.unlink(path)
        return image

    def files(self):
        """The card's files by path: hexadecimal content."""
        with open(self.file, encoding="utf-8") as file:
            return json.load(file)["files"]

    def run(self, phone, *script, code=0, seconds=100, radio=None, server=True, gsmtap=None):
        """One life in a phone, from power on to power off. radio: the network's local socket;
        server False: channels go where the card, or a PUSH, says; gsmtap: who is sent a trace."""
        self.lab.lives += 1
        trace = self.lab.path("trace", f"{self.lab.lives:03d}-{self.iccid}.pcap")
        done = self._card("run", "--phone", self.lab.path("cards", phone + ".phone"), "--json",
                          *(["--server", self.server] if server else []),
                          "--script", "-",
                          "--pcap", trace, "--clock-file", self.lab.clock_file,
                          "--timeout", f"{seconds}s", *(["--radio", radio] if radio else []),
                          *(["--gsmtap", gsmtap] if gsmtap else []),
                          stdin="\n".join(script) + "\n", code=None,
                          seconds=seconds + 10)
        life = Life(done, trace)
        if done.code != code:
            why = life.last("fault") or done.err.strip()
            raise CheckFailed(f"card {self.iccid} in {phone}: expected exit code {code}, seen "
                              f"{done.code}: {why}; {done.path}.out")
        return life


class Life:
    """What happened between power on and power off."""

    def __init__(self, done, trace):
        self.trace, self.output = trace, done.path + ".out"
        self.events = [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def last(self, kind):
        """The text of the last event of a kind, "" without one."""
        events = self.of(kind)
        return events[-1]["text"] if events else ""

    def results(self, command):
        """The results of a command, in order."""
        return [event.get("result") for event in self.of("message")
                if event.get("command") == command and "result" in event]

    def screens(self):
        return [event["text"] for event in self.events if event["event"] in ("screen", "input")]

    def said(self, part):
        """The first text on the screen that holds `part`; "" without one."""
        return next((text for text in self.screens() if part in text), "")


class KeyFile:
    """A subscriber's key in a file of mode 0600: it goes to the card by name, never in the open."""

    def __init__(self, lab, name, key=None):
        self.path = lab.path("cards", name + ".key")
        if key is not None:
            write_secret(self.path, key + "\n")

    @property
    def key(self):
        with open(self.path, encoding="ascii") as file:
            return file.read().strip()

    @property
    def typed(self):
        """The script's line by which the user types it."""
        return "key @" + self.path

    @property
    def saved(self):
        """The script's line by which the user writes down what the screen shows."""
        return "save-key " + self.path

"""What the acts of the story share."""
import trace
from phone import KeyFile, Sim


class Story:
    """The laboratory, the report, and who has what: SIMs and keys by a name of the story. SIMs
    speak `channels` in turn."""

    def __init__(self, lab, report, channels):
        self.lab, self.report, self.turn = lab, report, channels
        self.sims, self.keys, self.iccids = {}, {}, {}
        self.traces = []

    def new_sim(self, name, **how):
        """The SIM that operations have imported under this name of the story."""
        channel = self.turn[len(self.sims) % len(self.turn)]
        self.sims[name] = Sim(self.lab, self.iccids[name], channel=channel, **how)
        self.report.evidence("its channel", f"{channel}, {self.sims[name].server}")
        return self.sims[name]

    def key_file(self, name, key=None):
        self.keys[name] = KeyFile(self.lab, name, key)
        return self.keys[name]

    def live(self, name, phone, *script):
        """The SIM lives in the phone for a while."""
        life = self.sims[name].run(phone, *script)
        self.traces.append(life.trace)
        return life

    def channels(self, since=0):
        """(channels opened, SEND DATA, RECEIVE DATA) by proactive commands so far."""
        counts = [trace.proactive(path) for path in self.traces[since:]]
        return tuple(sum(count.get(kind, 0) for count in counts)
                     for kind in (trace.OPEN_CHANNEL, trace.SEND_DATA, trace.RECEIVE_DATA))

    def same_as_stored(self, record, sim):
        """The record's newest version is as long as what the card holds, and so noted. Octet by
        octet it is compared when it is restored."""
        octets = sim.show()["octets"]
        stored = [entry["detail"] for entry in record["history"] if entry["kind"] == "stored"][-1]
        self.report.equal("octets stored", record["versions"][0]["bytes"], octets)
        self.report.contains("octets noted", stored, f"{octets} octets, ")


def date(text):
    return text.replace("T", " ").replace("Z", " UTC")


def kinds(record):
    """The kinds of a record's history, without those who looked."""
    return [entry["kind"] for entry in record["history"] if entry["kind"] != "shown"]

"""Proves that the ESME survives an SMSC that behaves badly: node-smpp, told to throttle, to go
silent, to go deaf, to drop, to answer late, to repeat itself, to send receipts first and odd ids,
to speak octet by octet, to refuse binds; and one of raw octets that says what nobody understands.
Whatever it does, each segment has one outcome, none is written twice but what was refused for now,
and the ESME comes back."""
import collections
import os
import secrets
import subprocess
import tempfile
import time

import lab as laboratory
import raw_smsc as raw
from checks import Report
from esme import Esme
from node_smsc import NodeSmsc
from raw_smsc import RawSmsc, pack

NUMBER = "491701"
GROWTH_KIB = 1024
# A loaded machine must not look like a bad SMSC; IMPATIENT is for those that never answer.
QUICK = {"response_timeout": "20s", "bind_timeout": "20s", "enquire_link": "20s",
         "enquire_timeout": "20s", "reconnect_min": "100ms", "reconnect_max": "200ms",
         "throttle_hold": "100ms", "retry_after": "100ms", "refused_retry": "1s"}
IMPATIENT = {"response_timeout": "1s", "enquire_link": "1s", "enquire_timeout": "2s"}


class World:
    def __init__(self, build, folder, report):
        self.build, self.folder, self.report = build, folder, report

    def smsc(self, manner="polite", **options):
        return NodeSmsc(self.build, manner, **options)

    def esme(self, smsc, **keys):
        name = os.path.join(self.folder, secrets.token_hex(4))
        return Esme(self.build, name, {"bad": dict(QUICK, host="127.0.0.1", port=smsc.port,
                                                   **keys)})


def submit(esme, count, number=NUMBER):
    """Texts "1" to "count"; the references, in order. What is turned away is offered again."""
    references = []
    for i in range(1, count + 1):
        while True:
            since = esme.position()
            reference = esme.text(number, str(i))
            if reference:
                break
            esme.wait("room", since=since)
        references.append(reference)
    return references


def outcomes(esme, references, seconds=30):
    """{kind: how many}; each reference has exactly one outcome."""
    for reference in references:
        esme.wait("outcome", seconds=seconds, ref=reference)
    seen = collections.Counter(event["ref"] for event in esme.of("outcome"))
    assert all(seen[reference] == 1 for reference in references), seen
    return dict(collections.Counter(event["kind"] for event in esme.of("outcome")
                                    if event["ref"] in references))


def throttles(world):
    """Two of three are refused for now."""
    report = world.report
    with world.smsc("throttles", count=60) as smsc, world.esme(smsc, rate=1000) as esme:
        esme.bound()
        references = submit(esme, 40)
        report.equal("throttled, queue full", outcomes(esme, references), {"accepted": 40},
                     f"40 accepted in {len(smsc.submitted)} attempts")
        report.true("attempts", len(smsc.submitted) >= 60)
        report.true("throttles counted", esme.state()["counters"]["smsc.throttled"] > 0)
        report.equal("the driver ends with", esme.stop(5000), 0, show="")
        smsc.wait(lambda: smsc.unbinds == 1, "the unbind")


def silent(world):
    """Answers enquire_link and no submit: uncertain, never written twice, a new connection"""
    report = world.report
    with world.smsc("silent") as smsc, world.esme(smsc, window=5, **IMPATIENT) as esme:
        esme.bound()
        references = submit(esme, 5)
        report.equal("silent", outcomes(esme, references), {"uncertain": 5}, "5 uncertain")
        while smsc.binds < 2:  # nothing is answered for three times the limit: it is left
            submit(esme, 1)
        smsc.behave("polite")
        esme.bound()
        report.equal("afterwards", outcomes(esme, submit(esme, 5)), {"accepted": 5}, show="")
        report.equal("written once", smsc.texts()[:5], ["1", "2", "3", "4", "5"], show="")


def deaf(world):
    """Stops reading: the next enquire_link is the last one."""
    report = world.report
    with world.smsc("deaf") as smsc, world.esme(smsc, **IMPATIENT) as esme:
        esme.bound()
        references = submit(esme, 3)
        smsc.wait(lambda: smsc.binds == 2, "the next connection")
        report.equal("deaf", outcomes(esme, references), {"uncertain": 3}, "3 uncertain")
        smsc.behave("polite")
        smsc.release()
        esme.bound()
        report.equal("afterwards", outcomes(esme, submit(esme, 3)), {"accepted": 3}, show="")


def drops(world):
    """Cuts the line again and again, in the middle of an answer too: what was written is uncertain
    unless it was answered, what was not goes out on the next connection."""
    report = world.report
    with world.smsc("drops") as smsc, world.esme(smsc, window=4) as esme:
        esme.bound()
        kinds = outcomes(esme, submit_over_cuts(esme, 60), seconds=60)
        report.equal("dropped", sum(kinds.values()), 60, f"{smsc.binds} connections, {kinds}")
        report.true("some were uncertain", kinds["uncertain"] > 0)
        report.equal("written twice", [text for text, n in collections.Counter(
            smsc.texts()).items() if n > 1], [], "none")


def submit_over_cuts(esme, count):
    """As submit(); while there is no bind nothing is taken, and `room` says when there is."""
    references = []
    while len(references) < count:
        since = esme.position()
        reference = esme.text(NUMBER, str(len(references) + 1))
        if reference:
            references.append(reference)
        else:
            esme.wait("room", since=since)
    return references


def late(world):
    """Answers when nobody waits any more: known, counted, and no second outcome."""
    report = world.report
    with world.smsc("late") as smsc, world.esme(smsc, **IMPATIENT) as esme:
        esme.bound()
        references = submit(esme, 4)
        report.equal("late", outcomes(esme, references), {"uncertain": 4}, "4 uncertain")
        smsc.behave("polite")
        smsc.release()
        report.equal("afterwards", outcomes(esme, submit(esme, 4)), {"accepted": 4}, show="")
        report.equal("counted", esme.state()["counters"]["smsc.late_answers"], 4,
                     "4 late answers")
        report.equal("outcomes", len(esme.of("outcome")), 8, show="")


def repeats(world):
    """Says everything twice."""
    report = world.report
    with world.smsc("repeats") as smsc, world.esme(smsc) as esme:
        esme.bound()
        report.equal("answers twice", outcomes(esme, submit(esme, 30)), {"accepted": 30},
                     "30 outcomes")
        for _ in range(2):
            report.equal("answered", smsc.deliver("Y"), 0, show="")
        esme.wait_count("incoming", 2)
        marks = {event["mark"] for event in esme.of("incoming")}
        report.equal("a message twice", (len(esme.of("incoming")), len(marks)), (2, 1),
                     "one mark, so the store keeps one")
        esme.keep(False)
        report.true("not durable", smsc.deliver("N") != 0, show="answered with an error")


def receipts(world):
    """Before the answer, of ids in other forms, the same id for all, and none."""
    report = world.report
    ids = ["", "0", "msg_id_not_implemented", "A" * 65, "1101C1-C9D03D-F000"]
    with world.smsc("receipts", ids=ids) as smsc, world.esme(smsc) as esme:
        esme.bound()
        report.equal("odd ids", outcomes(esme, submit(esme, 25)), {"accepted": 25}, "25 accepted")
        esme.wait_count("receipt", 25)
        submitted = {event["id"] for event in esme.of("outcome")}
        report.equal("receipts name them", {event["id"] for event in esme.of("receipt")},
                     submitted, f"{len(submitted)} ids")


def octets(world):
    """One octet at a time, with and without TLS: also where the handshake takes the client another
    flight, with TLS 1.2, and with a group that the client does not expect."""
    report = world.report
    files, keys = certificates(world.folder)
    for name, tls in (("", None), (", TLS", ()), (", TLS 1.2", ("TLSv1.2", "auto")),
                      (", TLS 1.3 by P-256", ("TLSv1.3", "P-256"))):
        server, client = ((), {}) if tls is None else ((*files, *tls), keys)
        with world.smsc(piece=1, tls=server) as smsc, world.esme(smsc, **client) as esme:
            esme.bound()
            report.equal("octet by octet" + name,
                         outcomes(esme, submit(esme, 20)), {"accepted": 20}, "20 accepted")
            report.equal("a message", smsc.deliver("Y"), 0, show="")


def certificates(folder):
    """The server's files, and what the ESME is to know of it."""
    path = os.path.join(folder, "smsc")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=smsc",
                    "-addext", "subjectAltName=DNS:smsc.example", "-keyout", path + ".key",
                    "-out", path + ".pem"], check=True, capture_output=True)
    return (path + ".key", path + ".pem"), {"tls": "yes", "tls_ca_file": path + ".pem",
                                            "tls_name": "smsc.example"}


def nonsense(world):
    """Unknown PDUs, broken ones, answers to nothing; at last a length that cannot be."""
    report = world.report

    def manner(link, pdu):
        if pdu.command == raw.BIND_TRANSCEIVER:
            link.send(pack(raw.BIND_TRANSMITTER | raw.RESPONSE, 0, pdu.sequence, b"\0"))
        else:
            raw.polite(link, pdu)

    with RawSmsc(manner) as smsc, world.esme(smsc) as esme:
        esme.bound()
        link = smsc.link
        link.send(pack(0x00010203, 0, 7, b"\xff\xff") + pack(raw.NACK, 3, 16) +
                  pack(raw.DELIVER | raw.RESPONSE, 0, 99, b"\0") +
                  pack(raw.SUBMIT | raw.RESPONSE, 0, 4711, b"x\0") +
                  pack(raw.ALERT, 0, 8, b"\x03\x01" b"491701\0\0\x01" b"12345\0"))
        esme.wait("back", number=NUMBER)
        smsc.wait(lambda: smsc.nacks > 0, "a nack")
        report.true("a broken message", smsc.wait_answer(link, link.deliver(b"\0\1")) != 0)
        sequence = link.deliver(raw.message(b"Y", tlvs=b"\x14\x01\xff\xffA"))
        report.equal("a broken TLV", smsc.wait_answer(link, sequence), 0,
                     "left out, the message stays")
        report.equal("nacked", smsc.nacks, 1, "the unknown one alone")
        report.equal("still bound", outcomes(esme, submit(esme, 3)), {"accepted": 3}, show="")
        link.send(b"\x7f\xff\xff\xff" + bytes(12))
        smsc.wait(lambda: smsc.binds == 2, "the next connection")
        report.equal("after a length that cannot be", outcomes(esme, submit_over_cuts(esme, 3)),
                     {"accepted": 3}, "closed, and bound again")


def refused(world):
    """Refuses the password: an alarm, few attempts, one line in the log; then it takes it."""
    report = world.report
    with world.smsc("refuses", count=2, status=0x0E) as smsc, \
            world.esme(smsc, password="hush") as esme:
        alarm = esme.wait("alarm")
        report.contains("alarm", alarm["text"], "invalid password")
        esme.bound()
        esme.wait("alarm", text="")
        lines = [event["text"] for event in esme.of("log") if "not bound" in event["text"]]
        report.equal("lines of the log", len(lines), 1, show="")
        report.equal("the password is told", any("hush" in str(event) for event in esme.events),
                     False, "to nobody")


def size_of(pid):
    """(resident KiB, descriptors, threads)"""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return (int(fields["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")),
            int(fields["Threads"]))


def soak(world, seconds):
    """Everything at random, for a while: nothing lost, nothing doubled, and it does not grow."""
    report = world.report
    report.step(soak.__doc__)
    with world.smsc("moody", seed=7) as smsc, world.esme(smsc, window=50, **IMPATIENT) as esme:
        esme.bound()
        end, kinds, sizes = time.monotonic() + seconds, collections.Counter(), []
        while time.monotonic() < end or len(sizes) < 6:
            esme.forget()
            smsc.submitted.clear()
            kinds.update(outcomes(esme, submit_over_cuts(esme, 200), seconds=90))
            sizes.append(size_of(esme.pid))
        report.evidence("outcomes", dict(kinds))
        report.evidence("connections", smsc.binds)
        early, late_on = sizes[len(sizes) // 3], sizes[-1]
        report.true("memory, descriptors and threads do not grow",
                    late_on[0] - early[0] < GROWTH_KIB and late_on[1] <= early[1] + 1 and
                    late_on[2] <= early[2], (early, late_on),
                    f"{early} to {late_on} (KiB, descriptors, threads), {len(sizes)} rounds")


SCENES = (throttles, silent, deaf, drops, late, repeats, receipts, octets, nonsense, refused)


def main(options):
    report = Report("An SMSC that behaves badly")
    with tempfile.TemporaryDirectory(prefix="bvbad-", dir="/tmp") as folder:
        world = World(options.build, folder, report)
        for scene in SCENES:
            report.step(scene.__doc__.split("\n")[0].rstrip(":,"))
            scene(world)
        soak(world, options.soak)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, soak={"type": float, "default": 15, "help": "seconds at random (15)"}))

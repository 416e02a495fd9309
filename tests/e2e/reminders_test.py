"""Proves figure 5 of the design with an SMSC and cards that share no code with the product: two
months after a store the subscriber is reminded; "Y" wakes the card, whose proof of receipt counts
and which stores anew; "N" moves the date; silence is reminded again after a week, and no more often
than configured. STOP ends it. Messages are acknowledged when they are in the store, and a stop
unbinds. With --by-host the platform's own connection carries all of it."""
import json

import lab as laboratory
import smsc_peer
import wire
from checks import Report
from lab import Lab
from peer import Card, an_image
from process import wait_until, write_secret
from smsc_peer import SmscPeer

DAY_MS = 86_400_000
SOURCE = "12345"


class Subscriber:
    def __init__(self, lab, number, language="en"):
        self.number, self.language = number, language
        self.iccid = lab.new_iccid()
        self.key, self.card, self.images = None, None, 0

    def row(self):
        return {"iccid": self.iccid, "msisdn": "+" + self.number, "language": self.language}

    def store(self, lab, report):
        self.images += 1
        with lab.channel(self.card) as channel:
            stored = channel.store(an_image(300, self.images), self.key)
            report.equal(f"a store by {self.number}", stored.name, "done", show="")
            self.key = stored.key or self.key

    def updated(self, lab):
        return lab.show(self.iccid)["updated_at"]


def history(lab, subscriber):
    return lab.care("audit", subscriber.iccid).out


def reminded(lab, report, smsc, people):
    """Two months pass: each gets one text, in his language, from our number."""
    report.step("Two months pass")
    lab.move_clock(62 * DAY_MS)
    texts = smsc.wait_submitted(len(people))
    report.equal("reminders", sorted(sms.dest for sms in texts),
                 sorted(person.number for person in people))
    for sms in texts:
        report.equal("plain text", (sms.esm_class, sms.protocol_id), (0, 0), show="")
        report.equal("our number", sms.source, SOURCE, show="")
        report.equal("receipt wanted", sms.registered_delivery & 1, 1, show="")
        report.true("validity is set", sms.validity != "", show=None)
        report.equal("receipt", smsc.receipt(sms), 0, show="")
    chinese = next(sms for sms in texts if sms.dest == people[1].number)
    english = next(sms for sms in texts if sms.dest == people[0].number)
    report.equal("UCS2 for Chinese", chinese.data_coding, 8, show="")
    report.contains("in Chinese", chinese.text, "回复1立即备份")
    report.contains("in English", english.text, "Reply Y to back it up now")
    return texts


def yes(lab, report, smsc, person):
    """The answer wakes the card; it proves that it got the packet, and stores anew."""
    report.step("\"Y\" wakes the card")
    before = len(smsc.submitted)
    report.equal("deliver_sm answered", smsc.deliver(person.number, SOURCE, b" y! "), 0, show="")
    packet = smsc.wait_submitted(before + 1)[-1]
    report.equal("to", packet.dest, person.number, show="")
    report.equal("PID, DCS, UDHI",
                 (packet.protocol_id, packet.data_coding, packet.esm_class & smsc_peer.UDHI),
                 (0x7F, 0xF6, 0x40), "7F, F6, 40")
    report.equal("user data header", packet.content[:3].hex(), "027000", show="")
    spi, tar, counter, data = wire.unwrap_sms_command(person.card.keys, packet.content[3:])
    report.equal("SPI", spi.hex(), "1639")
    report.equal("TAR", tar.hex().upper(), "BFFF01")
    report.equal("CNTR", counter, 1)
    report.equal("for the applet", data.hex(), "570101", "57 01 01, to store")
    proof = wire.proof_of_receipt(person.card.keys, counter)
    report.equal("PoR answered", smsc.deliver(person.number, SOURCE, proof, 0x40, 0x7F, 0xF6), 0,
                 show="")
    wait_until(lambda: "status 00" in history(lab, person), 20, "the proof in the history")
    report.evidence("proof of receipt", "in the history")
    dated = person.updated(lab)
    person.store(lab, report)
    report.true("stored anew", person.updated(lab) > dated, show=person.updated(lab))


def woken_by_operations(lab, report, smsc, person):
    """`wake`; a card that has seen a higher counter says so, and gets one far above it, once."""
    report.step("Operations wake a card")
    before = len(smsc.submitted)
    done = json.loads(lab.ops("wake", person.iccid, "--reason", "identity", "--json").out)
    report.equal("wake", (done["state"], done["iccid"]), ("done", person.iccid), show="")
    packet = smsc.wait_submitted(before + 1)[-1]
    _, tar, counter, data = wire.unwrap_sms_command(person.card.keys, packet.content[3:])
    report.equal("CNTR", counter, 2)
    report.equal("for the applet", data.hex(), "570102", "57 01 02, to report")
    low = bytes.fromhex("027100000B0A") + tar + counter.to_bytes(5, "big") + b"\x00\x02"
    report.equal("PoR answered", smsc.deliver(person.number, SOURCE, low, 0x40, 0x7F, 0xF6), 0,
                 show="")
    packet = smsc.wait_submitted(before + 2)[-1]
    counter = wire.unwrap_sms_command(person.card.keys, packet.content[3:])[2]
    report.equal("CNTR after \"counter low\"", counter, 258)
    proof = wire.proof_of_receipt(person.card.keys, counter)
    report.equal("PoR answered", smsc.deliver(person.number, SOURCE, proof, 0x40, 0x7F, 0xF6), 0,
                 show="")
    report.contains("history", history(lab, person), "wake_up_asked", "wake_up_asked")


def tools(lab, report, smsc, name):
    report.step("What operations see")
    def shown():
        instance, = json.loads(lab.ops("smsc", "status", "--json", code=None).out)["instances"]
        state, = instance["smscs"]
        return instance["alive"], state["name"], state["bound"]

    wait_until(lambda: shown() == (True, name, 1), 30, "the instance's row")
    report.evidence("smsc status", f"{name} is bound")
    before = len(smsc.submitted)
    done = json.loads(lab.ops("smsc", "send-test", "+491729999999", "Grüße", "--json",
                              *(["--smsc", name] if name != "host" else [])).out)
    report.equal("send-test", done["state"], "done", done["result"])
    sms = smsc.wait_submitted(before + 1)[-1]
    report.equal("to", (sms.dest, sms.content), ("491729999999", b"Gr\x7e\x1ee"), "GSM 7 bit")
    status = json.loads(lab.ops("reminders", "status", "--json").out)
    report.equal("reminders status", (status["enabled"], status["due"], status["inside_hours"]),
                 (True, 0, True))
    report.equal("reminders run", lab.ops("reminders", "run").out.strip(), "begun")
    refused = lab.ops("smsc", "send-test", "+491729999999", "x" * 5000, "--json", code=1)
    report.equal("too long a text", json.loads(refused.out)["state"], "failed")


def change_of_card(lab, report, smsc, person):
    """What is done to a record is told on its number, whoever did it."""
    report.step("A change of card is told")
    new = lab.new_iccid()
    lab.import_cards([new])
    before = len(smsc.submitted)
    lab.ops("swap", person.iccid, new)
    notice = smsc.wait_submitted(before + 1)[-1]
    report.equal("to", notice.dest, person.number)
    report.contains("text", notice.text, new[-4:], None)


def afterwards(lab, report):
    """Nobody is there any more: the tools say so, and nothing is lost."""
    lab.move_clock(60_000)
    report.contains("smsc status", lab.ops("smsc", "status", code=1).out, "silent", "silent")
    late = lab.ops("smsc", "send-test", "+491729999999", "--wait", "0", code=4)
    report.contains("send-test", late.err, "no instance with an SMSC runs", None)


def no(lab, report, smsc, person):
    report.step("\"0\" moves the date")
    dated = person.updated(lab)
    report.equal("deliver_sm answered", smsc.deliver(person.number, SOURCE, "０".encode(
        "utf-16-be"), data_coding=8), 0, show="")
    wait_until(lambda: person.updated(lab) > dated, 20, "the date to move")
    report.evidence("updated", person.updated(lab))


def silence(lab, report, smsc, person):
    """Again after a week, twice at most; nobody else is written to."""
    report.step("The third does not answer")
    for repetition in (1, 2):
        before = len(smsc.submitted)
        lab.move_clock(8 * DAY_MS)
        again = smsc.wait_submitted(before + 1)
        report.equal(f"reminder {repetition + 1}", again[-1].dest, person.number)
    lab.move_clock(8 * DAY_MS)
    runs = lab.counter("vault.reminder_runs")
    lab.move_clock(DAY_MS)
    wait_until(lambda: lab.counter("vault.reminder_runs") > runs, 30, "the next day's run")
    report.equal("messages in all", len(smsc.submitted), before + 1, "no more than configured")


def stop(lab, report, smsc, person):
    report.step("STOP, until the next interval and for ever")
    report.equal("deliver_sm answered", smsc.deliver(person.number, SOURCE, b"Stop."), 0, show="")
    wait_until(lambda: "opted_out" in history(lab, person), 20, "the opt-out")
    report.evidence("history", "opted_out")


def connection(port, by_host):
    """Its name for the tools, and the sections: of the plugin's SMSC, or of the platform's."""
    bind = {"password_file": "smsc.password", "source": SOURCE, "system_id": "bipvault"}
    if not by_host:
        return "main", {"smsc.main": dict(bind, host="127.0.0.1", port=port,
                                          reconnect_min="100ms")}
    bind = {"smsc_" + key: value for key, value in bind.items()}
    return "host", {"smsc": {"by_host": "yes"},
                    "host": dict(bind, carry_sms="yes", smsc=f"127.0.0.1:{port}")}


def main(options):
    report = Report(f"Reminders, answers and wake-ups, on {options.engine}" +
                    (", carried by the platform" if options.by_host else ""))
    smsc = SmscPeer(password="secret")
    name, sections = connection(smsc.port, options.by_host)
    lab = Lab(options.build, options.engine, options.keep,
              **sections, reminder={"enabled": "yes", "hours": "00:00-00:00"})
    write_secret(lab.path("etc", "smsc.password"), "secret\n")
    with lab:
        people = [Subscriber(lab, "491721000001"), Subscriber(lab, "491721000002", "zh"),
                  Subscriber(lab, "491721000003")]
        lab.make_keys([person.iccid for person in people])
        lab.import_cards([person.row() for person in people])
        for person in people:
            person.card = Card(person.iccid, lab.card_keys[person.iccid])
        lab.start()
        smsc.wait(lambda peer: peer.binds == 1, "a bind")
        report.evidence("bound as", smsc.system_id)
        for person in people:
            person.store(lab, report)
        reminded(lab, report, smsc, people)
        yes(lab, report, smsc, people[0])
        woken_by_operations(lab, report, smsc, people[0])
        no(lab, report, smsc, people[1])
        silence(lab, report, smsc, people[2])
        stop(lab, report, smsc, people[2])
        tools(lab, report, smsc, name)
        change_of_card(lab, report, smsc, people[1])
        report.step("The end")
        state, = lab.health()["smsc"]
        report.equal("health", (state["name"], state["bound"], state["trouble"]),
                     (name, True, ""))
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        report.equal("the host ended with", lab.stop(), 0)
        smsc.wait(lambda peer: peer.unbinds == 1, "an unbind")
        report.evidence("unbound", "yes")
        afterwards(lab, report)
        report.equal("no password in the log", "secret" in lab.host.log(), False, show="")
    smsc.close()
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__, by_host={
        "action": "store_true", "help": "the platform has the SMSC connection, not the plugin"}))

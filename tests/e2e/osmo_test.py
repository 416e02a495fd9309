"""A real SMSC between the product and a phone: osmo-msc with HLR and STP, the phone is a card in
bipvault-card behind SGs. A text reaches the user and the answer comes back; a wake-up reaches the
card with PID, DCS, header and octets as they were sent, and the card obeys it and proves it; what
the SMSC says of a delivery, of a phone that is away and of one that is back is understood.
"""
import secrets
import sys

import lab as laboratory
import osmo
import sgs_phone
import wire
from checks import Report
from esme import Esme
from lab import Lab
from phone import KeyFile, Sim
from process import wait_until, write_secret

SKIPPED, DAY_MS = 77, 86_400_000
IMSI, NUMBER, SERVICE = "001010000000001", "4917012345", "12345"
POR_BY_SUBMIT, POR_IN_REPORT = (wire.SPI_FIRST, 0x39), (wire.SPI_FIRST, 0x19)
UPDATE, IDENTITY = bytes.fromhex("570101"), bytes.fromhex("570102")


class World:
    def __init__(self, lab, report, smsc, cell, esme):
        self.lab, self.report, self.smsc, self.cell, self.esme = lab, report, smsc, cell, esme
        iccid = lab.new_iccid()
        lab.make_keys([iccid])
        lab.import_cards([{"iccid": iccid, "msisdn": "+" + NUMBER}])
        self.keys, self.sim = lab.card_keys[iccid], Sim(lab, iccid)
        self.counter, self.key = 0, None

    def wake_up(self, data, spi=None):
        """A secured packet to the applet; its reference and octets."""
        self.counter += 1
        packet = wire.wrap_command(self.keys, self.counter, data, spi=spi or POR_BY_SUBMIT,
                                   carrier="sms")
        return self.esme.packet(NUMBER, packet), packet

    def live(self, *script, **how):
        return self.sim.run("phone", *script, radio=self.cell.radio_path, **how)

    def proof(self, since):
        event = self.esme.wait("incoming", since=since, text="")
        user_data = bytes.fromhex(event["user_data"])
        return wire.unwrap_response(self.keys, user_data, carrier="sms")


def text_and_answer(world):
    report, esme = world.report, world.esme
    report.step("A text waits for a phone that is away; the phone is switched on, and answers")
    since = esme.position()
    ref = esme.text(NUMBER, "Your backup is 2 months old, update it? Y/N {€}")
    accepted = esme.wait("outcome", ref=ref, kind="accepted")
    report.evidence("message_id of the SMSC", accepted["id"])
    life = world.live(r"await text update it\? Y/N", "reply Y")
    shown = life.of("text")[0]
    report.equal("on the screen", shown["text"],
                 "Your backup is 2 months old, update it? Y/N {€}")
    report.equal("from", shown["from"], SERVICE)
    answer = esme.wait("incoming", since=since, text="Y")
    report.equal("the answer is from", answer["from"], NUMBER)
    report.equal("and was for", answer["to"], SERVICE)
    back = esme.wait("back", since=since)
    report.equal("alert_notification", back["number"], NUMBER)
    receipt = esme.wait("receipt", since=since, kind="delivered")
    report.equal("receipt for", receipt["number"], NUMBER)
    report.evidence("names it", receipt["id"])


def wake_up(world):
    report, esme, cell = world.report, world.esme, world.cell
    report.step("A wake-up goes through unchanged; the card opens its channel and stores")
    since, before = esme.position(), len(cell.deliveries)
    ref, packet = world.wake_up(UPDATE)
    world.key = KeyFile(world.lab, "key")
    life = world.live("await text Your key", world.key.saved, "await text Backed up")
    esme.wait("outcome", ref=ref, kind="accepted")
    tpdu = cell.deliveries[before]
    report.equal("TPDUs", len(cell.deliveries) - before, 1)
    report.true("TP-UDHI", tpdu[0] & 0x40, show="set")
    address = 2 + (tpdu[1] + 1) // 2 + 1
    report.equal("TP-PID", f"{tpdu[address]:02X}", "7F")
    report.equal("TP-DCS", f"{tpdu[address + 1]:02X}", "F6")
    report.equal("user data", tpdu[address + 9] == len(tpdu) - address - 10 and
                 tpdu[address + 10:] == b"\x02\x70\x00" + packet, True,
                 f"{len(packet) + 3} octets, unchanged")
    report.equal("the card", life.last("wake-up"), "to update, status 00")
    proof = world.proof(since)
    report.equal("proof of receipt", (proof.status, proof.protected, proof.counter),
                 (0, True, world.counter), "status 00, its CC verifies")
    report.equal("the vault has it", world.lab.show(world.sim.iccid)["state"], "held")


def long_messages(world):
    report, esme = world.report, world.esme
    report.step("A long text and a long packet arrive whole")
    words = " ".join(f"word{i}" for i in range(60))
    since = esme.position()
    ref2, packet = world.wake_up(IDENTITY + bytes(200))
    ref = esme.text(NUMBER, words)  # comes last
    life = world.live("await text word59")
    report.equal("text of", len(life.of("text")[-1]["text"]), len(words), f"{len(words)} letters")
    report.equal("segments", esme.wait("outcome", ref=ref)["segments"], 3)
    report.equal("packet of", esme.wait("outcome", ref=ref2)["segments"], 2,
                 f"{len(packet)} octets in two messages")
    report.equal("its proof", world.proof(since).status, 0, "status 00")


def in_the_report(world):
    """SMPP 3.4 has no field for it: what the network takes from the phone ends at the SMSC."""
    report, esme = world.report, world.esme
    report.step("A proof in the delivery report reaches the SMSC, and nobody behind it")
    since = esme.position()
    world.wake_up(IDENTITY, spi=POR_IN_REPORT)
    esme.text(NUMBER, "the end")
    life = world.live("await text the end")
    # The first: with two messages at once osmo-msc may begin anew, and deliver it once more.
    user_data = bytes.fromhex(life.of("sms")[0]["user_data"])
    proof = wire.unwrap_response(world.keys, user_data, carrier="sms")
    report.equal("from the card", (proof.status, proof.counter), (0, world.counter), "status 00")
    esme.wait("receipt", since=since, kind="delivered")
    report.equal("by SMPP", esme.of("incoming", since=since), [], "a receipt, and no message")


def refusals(world):
    report, esme = world.report, world.esme
    report.step("A forged packet is answered in the clear, an unknown number by nobody")
    since = esme.position()
    world.counter += 1
    forged = bytearray(wire.wrap_command(world.keys, world.counter, UPDATE, spi=POR_BY_SUBMIT,
                                         carrier="sms"))
    forged[-1] ^= 1
    esme.packet(NUMBER, bytes(forged))
    esme.text(NUMBER, "the end")
    world.live("await text the end")
    proof = world.proof(since)
    report.equal("proof of receipt", (proof.status, proof.protected), (1, False),
                 "status 01, clear")
    ref = esme.text("4917099999", "nobody there")
    outcome = esme.wait("outcome", ref=ref)
    report.evidence("an unknown number", f"{outcome['kind']}, status {outcome['status']}")


def history(world):
    return world.lab.care("audit", world.sim.iccid).out


def the_whole(world):
    """The plugin as the ESME. Its counter for the card begins below the one of this test."""
    report, lab = world.report, world.lab
    report.step("Two months pass: the platform reminds, \"Y\" wakes the card, which stores anew")
    write_secret(lab.path("etc", "smsc.password"), world.smsc.password + "\n")
    lab.sections["smsc.osmo"] = {
        "host": world.smsc.ip, "system_id": world.smsc.system_id, "source": SERVICE,
        "source_ton": 2, "password_file": "smsc.password"}
    lab.sections["reminder"] = {"enabled": "yes", "hours": "00:00-00:00"}
    lab.write_config()
    lab.restart()
    before = lab.show(world.sim.iccid)
    lab.move_clock(62 * DAY_MS)
    world.sim.fill(contacts=5, messages=1, memos=1)
    life = world.live("await text Reply Y", "reply Y", world.key.typed, "await text Backed up")
    report.evidence("on the screen", life.of("text")[0]["text"])
    report.equal("the card", [event["text"] for event in life.of("wake-up")],
                 ["refused, status 02", "to update, status 00"],
                 "counter low at first, then to update")
    report.equal("STORE BEGIN", life.results("STORE BEGIN"), ["key required", "done"],
                 "key required, done")
    after = lab.show(world.sim.iccid)
    report.true("stored anew", after["updated_at"] > before["updated_at"],
                show=after["updated_at"])
    report.equal("versions", len(after["versions"]), len(before["versions"]) + 1)
    wait_until(lambda: "status 00" in history(world), 30, "the proof in the history")
    report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
    report.equal("the host ends with", lab.stop(), 0, show="")


def main(options):
    if not osmo.installed():
        print("skipped: Debian's osmo-msc, osmo-hlr and osmo-stp are not installed")
        sys.exit(SKIPPED)
    report = Report("Through a real SMSC")
    with Lab(options.build, options.engine, options.keep) as lab:
        lab.start()
        smsc = osmo.Osmo(lab.path("osmo"), options.sctp)
        try:
            smsc.start()
            smsc.add_subscriber(IMSI, NUMBER)
            radio = lab.path("data", secrets.token_hex(4))
            with sgs_phone.Cell(smsc.ip, osmo.SGS_PORT, IMSI, radio) as cell, \
                    Esme(lab.build, lab.path("esme"), {"osmo": {
                        "host": smsc.ip, "password": smsc.password, "source_ton": 2,
                        "system_id": smsc.system_id, "response_timeout": "60s"}}) as esme:
                world = World(lab, report, smsc, cell, esme)
                esme.bound()
                for step in (text_and_answer, wake_up, long_messages, in_the_report, refusals):
                    step(world)
                report.equal("the driver ends with", esme.stop(5000), 0, show="")
                the_whole(world)
        finally:
            smsc.stop()
        report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, sctp={"required": True, "help": "library that runs SCTP over TCP"}))

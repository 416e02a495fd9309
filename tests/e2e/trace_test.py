"""Proves that the card and its phone speak as the standards have it: tshark, an independent reader,
finds no malformed packet, no expert complaint and no unknown command in the traces of a report, a
memo, a back-up, a restore, a status and a broken line; every command was answered, the channel was
opened with the objects that OPEN CHANNEL needs. Who listens for GSMTAP gets what the file gets."""
import re

import lab as laboratory
from checks import CheckFailed, Report
from lab import Lab
from phone import KeyFile, Sim
from trace import GSMTAP, GsmtapListener, exchanges, packets

# The applet's own folder and file have no standard name.
OWN = re.compile(r"File ID: Unknown \(0x(7fbf|6f02|6f01)\)")
COMPLAINT = re.compile(r"malformed|expert info|unknown|undecoded|unspecified|dissector bug", re.I)
BAD_INS = re.compile(r"Instruction: .*\(0x(?!a4|b0|b2|d6|dc|c0|f2|10|12|14|c2)", re.I)


def tshark(lab, path, *arguments):
    done = lab.runner.run(["tshark", "-r", path, *arguments], env={
        "PATH": "/usr/bin:/bin", "HOME": lab.path("data"), "LC_ALL": "C.UTF-8"})
    if done.code:
        raise CheckFailed(f"tshark: {done.text()}")
    return done.out


def fields(lab, path, which, *names):
    arguments = [part for name in names for part in ("-e", name)]
    return [line.split("\t") for line in tshark(lab, path, "-Y", which, "-T", "fields",
                                                *arguments).splitlines()]


def complaints(lab, path):
    return [line.strip() for line in tshark(lab, path, "-V").splitlines()
            if (COMPLAINT.search(line) and not OWN.search(line)) or BAD_INS.search(line)]


def damaged_is_seen(lab, report, path):
    """The same trace with a command type or a length that nobody knows: tshark must complain."""
    with open(path, "rb") as file:
        octets = file.read()
    command = re.search(rb"\x03.\x40\x01\x82\x02\x81\x82", octets, re.DOTALL)
    for what, at, value in (("command type", 2, 0x7E), ("length", 5, 0x7F)):
        copy = bytearray(octets)
        copy[command.start() + at] = value
        other = lab.path("trace", "damaged.pcap")
        with open(other, "wb") as file:
            file.write(copy)
        seen = complaints(lab, other)
        report.true(f"a damaged {what} is seen", seen, show=seen[0] if seen else None)


def check(lab, report, what, path):
    packets = fields(lab, path, "frame", "_ws.col.Protocol", "gsm_sim.apdu.ins",
                     "etsi_cat.comp_tlv.cmd_type", "etsi_cat.comp_tlv.cmd_nr")
    report.equal(f"{what}: protocols", {row[0] for row in packets}, {"GSM SIM"}, show="")
    report.equal(f"{what}: complaints", complaints(lab, path), [], show="")
    fetched, answered = ([row[2:] for row in packets if row[1] == ins] for ins in ("0x12", "0x14"))
    report.equal(f"{what}: commands answered", answered, fetched, show="")
    report.true(f"{what}: no command without a type", all(kind for kind, _ in fetched), fetched)
    report.evidence(what, f"{len(packets)} exchanges, {len(fetched)} commands, no complaint")
    return [kind for kind, _ in fetched]


def open_channel(lab, report, path):
    """OPEN CHANNEL names bearer, buffer, transport level and address (TS 102 223 clause 6.6.27)."""
    rows = fields(lab, path, "etsi_cat.comp_tlv.cmd_type == 0x40 && gsm_sim.apdu.ins == 0x12",
                  "etsi_cat.comp_tlv.bearer.descr", "etsi_cat.comp_tlv.buffer_size",
                  "etsi_cat.comp_tlv.transport.ptype", "etsi_cat.comp_tlv.transport.port",
                  "etsi_cat.comp_tlv.other_address.coding")
    report.true("OPEN CHANNEL was seen", rows)
    bearer, buffer, transport, port, coding = rows[0]
    report.equal("OPEN CHANNEL", (int(bearer, 0), int(transport, 0), int(port), int(coding, 0)),
                 (3, 2, lab.port, 0x21),
                 f"default bearer, TCP client, port {port}, buffer {buffer}")


def listened_to(lab, report, sim, key):
    """Whoever listens at GSMTAP's port gets what the file gets: version 2, a header of four words,
    type SIM, nothing else in it; with the key masked alike. That nobody listens is no fault."""
    script = ("menu Write memo", "type Tea", "type black", "menu Back up", key.saved,
              "menu Restore", key.typed, "expect text Restored")
    with GsmtapListener() as listener:
        path = sim.run("phone", *script, gsmtap=listener.address).trace
    seen = listener.datagrams
    report.equal("GSMTAP headers", {datagram[:GSMTAP].hex() for datagram in seen},
                 {"02040400" + "00" * (GSMTAP - 4)}, show="version 2, four words, SIM")
    report.equal("the APDUs of the file", [datagram[GSMTAP:] for datagram in seen],
                 list(exchanges(path)), show=f"{len(seen)} datagrams")
    report.equal("and the payload of its packets", [packet[28:] for packet in packets(path)], seen,
                 show="")
    typed = key.key.encode()
    report.true("no key in them", not any(typed in datagram for datagram in seen))
    sim.run("phone", "menu Status", "expect result done", gsmtap=listener.address)


def main(options):
    report = Report("Traces, read by tshark")
    with Lab(options.build, options.engine, options.keep) as lab:
        iccids = [lab.new_iccid(), lab.new_iccid()]
        lab.make_keys(iccids)
        lab.import_cards(iccids)
        lab.start()
        sim, key = Sim(lab, iccids[0], contacts=150), KeyFile(lab, "key")
        sim.fill(150, 10, 1)
        lives = {
            "report, memo, back-up": ("advance 12h", "menu Write memo", "type Tea", "type green",
                                      "menu Back up", key.saved, "expect result done"),
            "restore, status": ("menu Restore", key.typed, "menu Status", "expect result done"),
            "broken line": ("menu Write memo", "type a", "type b", "cut after 2500 sent",
                            "menu Back up", key.typed, "expect text Connection lost"),
            "line cut while receiving": ("cut after 900 received", "menu Restore", key.typed),
            "an older back-up": ("menu Write memo", "type x", "type y", "menu Back up", key.typed,
                                 "menu Restore older", "back", "menu Restore older", "type 1",
                                 key.typed, "expect text Restored: "),
            "erase": ("menu Erase backup", key.typed, "expect result done"),
        }
        seen = set()
        for what, script in lives.items():
            seen |= set(check(lab, report, what, sim.run("phone", *script).trace))
        wanted = {f"0x{kind:02x}" for kind in (0x01, 0x02, 0x03, 0x05, 0x21, 0x23, 0x24, 0x25, 0x26,
                                               0x27, 0x40, 0x41, 0x42, 0x43, 0x44)}
        report.equal("kinds of commands", wanted - seen, set(), f"{len(seen)}")
        path = sim.run("phone", "menu Status").trace
        open_channel(lab, report, path)
        damaged_is_seen(lab, report, path)
        listened_to(lab, report, sim, key)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

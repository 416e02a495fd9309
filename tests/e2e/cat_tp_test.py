"""Proves card channels over CAT_TP with the installed programs: a card made for it backs up and
restores through UDP, also when datagrams are lost, repeated and late, when each holds a part of a
packet only, and when the host restarts; tshark, an independent reader, finds every datagram of both
sides a CAT_TP PDU with a good checksum, none malformed. (Its heuristic is off by default:
-d udp.port==PORT,cattp.)"""
import collections

import lab as laboratory
from checks import Report
from lab import Lab
from peer import CatTpChannel
from phone import KeyFile
from process import wait_until
from trace_test import COMPLAINT, tshark
from udp_relay import Relay

SYN, ACK, EACK, NUL, SEG = 0x80, 0x40, 0x20, 0x08, 0x04


class CatTpSim:
    """A card over CAT_TP in one phone, behind a relay."""

    def __init__(self, lab, iccid, contacts):
        self.lab, self.iccid = lab, iccid
        self.file, self.phone = (lab.path("cards", iccid + end) for end in (".card", ".phone"))
        lab.run("bipvault-card", "create", "--card", self.file, "--iccid", iccid, "--keys",
                lab.path("etc", "cards.csv"), "--channel", "cat_tp")
        lab.run("bipvault-card", "fill", "--card", self.file, "--contacts", str(contacts),
                "--messages", "10")

    def show(self):
        return self.lab.run("bipvault-card", "show", "--card", self.file, "--json").out

    def wipe(self):
        self.lab.run("bipvault-card", "wipe", "--card", self.file)

    def run(self, relay, *script, code=0):
        return self.lab.run("bipvault-card", "run", "--card", self.file, "--phone", self.phone,
                            "--server", f"127.0.0.1:{relay.port}", "--timeout", "240s",
                            "--script", "-", stdin="\n".join(script) + "\n", code=code,
                            seconds=260)


def new_sim(lab, contacts):
    iccid = lab.new_iccid()
    lab.make_keys([iccid])
    lab.import_cards([iccid])
    return CatTpSim(lab, iccid, contacts)


def store_and_fetch(lab, report, sim, relay):
    before, key = sim.show(), KeyFile(lab, sim.iccid)
    sim.run(relay, "menu Back up", "run", "expect text Backed up", key.saved)
    report.equal("backed up", lab.show(sim.iccid)["state"], "held")
    sim.wipe()
    report.true("wiped", sim.show() != before)
    sim.run(relay, "menu Restore", key.typed, "run", "expect text Restored")
    report.equal("restored octet by octet", sim.show() == before, True)
    return key


def in_pieces_and_silent(lab, report):
    """Datagrams that hold a part of a packet only, and a card of which nothing is heard."""
    lab.sections["bip"].update(cat_tp_pdu=256, cat_tp_keep_alive="300ms")
    lab.write_config()
    lab.restart()
    card, = lab.new_cards(1)
    with Relay(lab.ports["cat_tp"]) as relay:
        store_and_fetch(lab, report, new_sim(lab, 20), relay)
        with CatTpChannel(card, relay.port) as channel:
            channel.status()
            wait_until(lambda: any(octets[0] & NUL for *_, octets in relay.datagrams), 10,
                       "whether the card is there")
            channel.link.nul()
            report.equal("asked whether it is there, it is", channel.status().name, "done")
        wait_until(lambda: links(lab) == 0, 10, "the end of every link")
    for kind in (SEG, NUL):
        ports = {source == relay.server_port for _, source, _, octets in relay.datagrams
                 if octets[0] & kind}
        report.equal(f"{kind:02X} both ways", ports, {True, False}, show="")
    report.equal("largest datagram", max(len(octets) for *_, octets in relay.datagrams), 256)
    read_by_tshark(lab, report, relay, {SYN, SYN | ACK, ACK, ACK | SEG, ACK | NUL})


def links(lab):
    health = lab.health()
    return health["cat_tp_links"] + health["cat_tp_half_open"]


def read_by_tshark(lab, report, relay, wanted):
    """`wanted`: kinds of PDU (TS 102 127 clause 5.4: the flags) that must be there."""
    path = lab.path("trace", "cat_tp.pcap")
    relay.write_pcap(path)
    decode = ("-d", f"udp.port=={relay.server_port},cattp")
    rows = [line.split("\t") for line in tshark(
        lab, path, *decode, "-T", "fields", "-e", "frame.protocols", "-e", "cattp.checksum.status",
        "-e", "cattp.flags").splitlines()]
    report.equal("every datagram was read", len(rows), len(relay.datagrams))
    report.equal("protocols", {row[0].split(":data")[0] for row in rows}, {"raw:ip:udp:cattp"})
    report.equal("checksums", {row[1] for row in rows}, {"1"}, "all good")
    kinds = collections.Counter(int(row[2], 0) & 0xFC for row in rows)
    report.equal("kinds of PDU", wanted - set(kinds), set(),
                 ", ".join(f"{kind:02X}: {count}" for kind, count in sorted(kinds.items())))
    report.true("RST at the end", any(kind & 0x10 for kind in kinds))
    words = [line.strip() for line in tshark(lab, path, *decode, "-O", "cattp").splitlines()
             if COMPLAINT.search(line)]
    report.equal("complaints", words, [], show="")
    relay.datagrams[0] = (*relay.datagrams[0][:3], relay.datagrams[0][3][:-1] + b"\x00")
    relay.write_pcap(path)
    status = tshark(lab, path, *decode, "-T", "fields", "-e", "cattp.checksum.status").split()[0]
    report.true("a damaged one is seen", status != "1")


def main(options):
    report = Report("CAT_TP")
    # idle_timeout: what ends a link whose RST was lost.
    with Lab(options.build, options.engine, options.keep,
             bip={"cat_tp": "127.0.0.1:0", "idle_timeout": "45s"}) as lab:
        lab.start()
        report.chapter("a good network")
        sim = new_sim(lab, 150)
        with Relay(lab.ports["cat_tp"]) as relay:
            key = store_and_fetch(lab, report, sim, relay)
            wait_until(lambda: links(lab) == 0, 10, "the end of every link")
        read_by_tshark(lab, report, relay, {SYN, SYN | ACK, ACK})
        report.chapter("a bad one: 30 % lost, 10 % twice, 20 % late")
        with Relay(lab.ports["cat_tp"], 0.3, 0.1, 0.2) as relay:
            store_and_fetch(lab, report, new_sim(lab, 20), relay)
            wait_until(lambda: links(lab) == 0, 90, "the end of every link")
        report.true("datagrams were lost", relay.lost, f"{relay.lost} of {len(relay.datagrams)}")
        read_by_tshark(lab, report, relay, {SYN, SYN | ACK, ACK, ACK | EACK})
        report.true("links opened", lab.counter("bip.cat_tp_links") >= 4)
        report.chapter("datagrams of 256 octets, and a card that is silent")
        in_pieces_and_silent(lab, report)
        report.chapter("afterwards")
        report.equal("the host ends well", lab.restart(), 0)
        with Relay(lab.ports["cat_tp"]) as relay:
            sim.run(relay, "menu Back up", key.typed, "run", "expect text Backed up")
        report.equal("the host ends well", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

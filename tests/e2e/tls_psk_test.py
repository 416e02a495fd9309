"""Proves card channels over TLS-PSK with the installed programs: a card made for it backs up and
restores, and `openssl s_client -psk`, which knows nothing of us, gets through the handshake, is
taken for the card that its PSK identity names, and exchanges packets; in TLS 1.2 and 1.3, in cards'
suites. A wrong key and an unknown card end in the same alert."""
import os
import re
import select
import subprocess
import time

import lab as laboratory
import wire
from checks import Report
from lab import Lab
from peer import Card
from process import read_text

SUITES = ["PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256", "PSK-NULL-SHA256"]


class Client:
    """openssl s_client: octets in, octets out; -quiet keeps its own words out of them."""

    def __init__(self, lab, identity, psk, *options):
        self._popen = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{lab.ports['tls_psk']}", "-quiet",
             "-psk_identity", identity, "-psk", psk, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.set_blocking(self._popen.stdout.fileno(), False)
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._popen.kill()
        self._popen.communicate()

    def send(self, octets):
        self._popen.stdin.write(octets)
        self._popen.stdin.flush()

    def receive(self, keys, seconds=15):
        """The next answer; None when the vault has closed the channel."""
        deadline = time.monotonic() + seconds
        while (packet := wire.next_packet(self._input)) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._popen.stdout], [], [], left)[0]:
                return None
            octets = self._popen.stdout.read(65536)
            if not octets:
                return None
            self._input += octets
        self._input = packet[1]
        return wire.unwrap_response(keys, packet[0])

    def end(self):
        """What it says when the handshake has failed."""
        _, errors = self._popen.communicate(timeout=15)
        return errors.decode(errors="replace")


def asks(lab, report, what, card, identity, psk, *options):
    with Client(lab, identity, psk, *options) as client:
        client.send(card.wrap(wire.message(wire.STATUS, iccid=card.iccid)))
        answer = client.receive(card.keys)
        report.equal(what, answer and answer.name, "done")


def bare(lab, report):
    """Inside TLS a packet may do without a CC, a cipher and a counter; not under a NULL suite."""
    card, = lab.new_cards(1)
    psk = lab.psk(card.iccid)
    ask = wire.bare_command(card.keys, 7, wire.message(wire.STATUS, iccid=card.iccid))
    with Client(lab, card.iccid, psk, "-tls1_2") as client:
        for _ in range(2):  # the counter is not looked at
            client.send(ask)
            answer = client.receive(card.keys)
            report.equal("SPI 00", answer and (answer.name, answer.counter), ("done", 7))
        client.send(card.wrap(wire.message(wire.STATUS, iccid=card.iccid)))  # nor used up
        report.equal("SPI 16 on the same channel", client.receive(card.keys).name, "done")
    with Client(lab, card.iccid, psk, "-tls1_2", "-cipher", "PSK-NULL-SHA256:@SECLEVEL=0") as null:
        null.send(ask)
        answer = null.receive(card.keys)
        report.equal("SPI 00 under a NULL suite", answer and answer.status, 0x0A)


def refused(lab, identity, psk):
    with Client(lab, identity, psk, "-tls1_2") as client:
        return re.findall(r"alert number \d+", client.end())


def foreign_client(lab, report):
    card, = lab.new_cards(1)
    psk = lab.psk(card.iccid)
    report.chapter("openssl s_client")
    for suite in SUITES:
        asks(lab, report, suite, card, card.iccid, psk, "-tls1_2", "-cipher",
             suite + ":@SECLEVEL=0")
    asks(lab, report, "TLS 1.3", card, card.iccid, psk, "-tls1_3", "-ciphersuites",
         "TLS_AES_128_GCM_SHA256")
    asks(lab, report, "identity with a realm", card, card.iccid + "@vault", psk, "-tls1_2")
    asks(lab, report, "records of 512 octets", card, card.iccid, psk, "-tls1_2", "-maxfraglen",
         "512")
    wrong = refused(lab, card.iccid, "00" * 16)
    report.equal("wrong key", len(wrong), 1)
    report.equal("unknown card", refused(lab, lab.new_iccid(), psk), wrong)
    report.equal("no card at all", refused(lab, "somebody", psk), wrong)
    report.equal("handshakes counted", lab.counter("bip.tls_handshakes"), 6)
    report.equal("failures counted", lab.counter("bip.tls_failed"), 3)


def own_card(lab, report):
    """The whole story of a phone over TLS, with the product's own card."""
    report.chapter("bipvault-card --channel tls_psk")
    iccid = lab.new_iccid()
    lab.make_keys([iccid])
    lab.import_cards([iccid])
    card, phone = lab.path("cards", "tls.card"), lab.path("cards", "tls.phone")
    server = f"127.0.0.1:{lab.ports['tls_psk']}"
    lab.run("bipvault-card", "create", "--card", card, "--iccid", iccid, "--keys",
            lab.path("etc", "cards.csv"), "--server", server, "--channel", "tls_psk")
    lab.run("bipvault-card", "fill", "--card", card, "--contacts", "60", "--messages", "5")
    before = lab.run("bipvault-card", "show", "--card", card, "--json").out
    key = lab.path("cards", "tls.key")

    def plays(script):
        return lab.run("bipvault-card", "run", "--card", card, "--phone", phone, "--script", "-",
                       stdin=script)

    plays(f"menu Back up\nrun\nexpect text Backed up\nsave-key {key}\n")
    report.equal("backed up", lab.show(iccid)["state"], "held")
    lab.run("bipvault-card", "wipe", "--card", card)
    report.true("wiped", lab.run("bipvault-card", "show", "--card", card, "--json").out != before)
    plays(f"menu Restore\nkey @{key}\nrun\nexpect text Restored\n")
    after = lab.run("bipvault-card", "show", "--card", card, "--json").out
    report.equal("restored octet by octet", after == before, True)


def main(options):
    report = Report("TLS-PSK")
    suites = " ".join([*SUITES, "TLS_AES_128_GCM_SHA256"])
    bip = {"tls_psk": "127.0.0.1:0", "tls_max": "1.3", "tls_suites": suites}
    with Lab(options.build, options.engine, options.keep, bip=bip) as lab:
        details = lab.path("data", "details")
        os.mkdir(details)
        lab.sections["detail_records"] = {"directory": details}
        lab.write_config()
        lab.start()
        foreign_client(lab, report)
        bare(lab, report)
        own_card(lab, report)
        report.equal("the host ends well", lab.stop(), 0)
        lines = [line.split(",") for name in os.listdir(details)
                 for line in read_text(os.path.join(details, name)).splitlines()[1:]]
        report.true("detail records", lines)
        report.equal("their channel", {line[3] for line in lines}, {"tls"})
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

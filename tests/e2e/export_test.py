"""Proves that what customer care exports is what the card has stored, and that programs which are
not ours read it: vCards by python3-vobject, imported into radicale; CSV by Python's csv. A damaged
entry is left out and named, the others come out. The file is for its owner only, nothing goes to a
terminal, and the call is in the history."""
import base64
import csv
import json
import os
import pty
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import vobject

import lab as laboratory
import wire
from checks import Report
from image import ADN, Image
from lab import Lab
from phone import Sim
from process import Process, ProcessError, wait_until

NAMES = ["Anna", "王小明", "Ольга Иванова", "Comma, Semicolon; Back\\slash",
         "Ein ziemlich langer Name, der gefaltet werden muss: äöüßÄÖÜ und noch einmal äöüß",
         "名" * 40]
BOOK = ("7FFF", "5F3A")


def bcd(digits):
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))


def adn(name, number, width=100):
    """A record of EF_ADN, its name in UCS2."""
    alpha = (b"\x80" + name.encode("utf-16-be")).ljust(width, b"\xff")
    digits = bcd(number.lstrip("+"))
    part = bytes([1 + len(digits), 0x91 if number.startswith("+") else 0x81]) + digits
    return alpha + part.ljust(14, b"\xff")


def card_file(path, records):
    body = wire.tlv(0x80, bytes.fromhex("".join(path))) + wire.tlv(0x81, b"\x01")
    for number, content in records:
        body += wire.tlv(0xA1, wire.tlv(0x80, bytes([number])) + wire.tlv(0x81, content))
    return wire.tlv(0xA0, body)


def an_image(damaged=()):
    records = [(i, adn(name, f"+86138{i:08d}")) for i, name in enumerate(NAMES, 1)]
    records += [(100 + i, content) for i, content in enumerate(damaged)]
    emails = [(1, b"anna@example.com".replace(b"@", b"\x00").ljust(30, b"\xff"))]
    memo = wire.tlv(0x80, b"Title") + wire.tlv(0x81, "Zwei\nZeilen".encode())
    return (b"BV\x01" + card_file(BOOK + (ADN,), records) + card_file(BOOK + ("4F50",), emails) +
            wire.tlv(0xA2, memo))


def export(lab, who, form, path, *more, **how):
    return lab.care("export", "--format", form, "--output", path, *more, who, **how)


def vcards(path):
    """As vobject reads them: name to (numbers, addresses)."""
    with open(path, encoding="utf-8", newline="") as file:
        cards = list(vobject.readComponents(file.read()))
    for card in cards:
        card.validate(raiseException=True)
    return {card.fn.value: ([tel.value for tel in card.contents.get("tel", [])],
                            [mail.value for mail in card.contents.get("email", [])])
            for card in cards}


EXPECTED = {name: ([f"+86138{i:08d}"], ["anna@example.com"] if i == 1 else [])
            for i, name in enumerate(NAMES, 1)}


def forms(lab, report, card, image):
    """Every form holds what was stored."""
    for version in ("3", "4"):
        path = lab.path("data", f"v{version}.vcf")
        done = export(lab, card.iccid, "vcard" + version, path)
        report.contains("said", done.out, f"exported {card.iccid}: {len(NAMES)} contacts", show="")
        report.contains("memos are told", done.err, "1 memos are no contacts", show="")
        report.equal(f"vCard {version}.0 by vobject", vcards(path), EXPECTED,
                     f"{len(NAMES)} contacts as stored")
        report.equal("mode", oct(os.stat(path).st_mode & 0o7777), "0o600", show="")
        with open(path, "rb") as file:
            lines = file.read().split(b"\r\n")
        report.true("lines of 75 octets at most", max(map(len, lines)) <= 75, show="")
    path = lab.path("data", "raw")
    export(lab, card.iccid, "raw", path)
    with open(path, "rb") as file:
        report.equal("raw", file.read() == image, True, f"{len(image)} octets as stored")
    out = export(lab, card.iccid, "csv", "-").out
    rows = list(csv.DictReader(out.splitlines(keepends=True)))
    report.equal("CSV", [row["name"] for row in rows if row["kind"] == "contact"], NAMES,
                 f"{len(rows)} rows")
    report.equal("memo", [row["text"] for row in rows if row["kind"] == "memo"],
                 ["Zwei\nZeilen"], show="")
    report.contains("text", export(lab, card.iccid, "text", "-").out, "王小明", show="")


def refusals(lab, report, card):
    path = lab.path("data", "v4.vcf")
    with open(path, "rb") as file:
        before = file.read()
    report.contains("a file that exists", export(lab, card.iccid, "vcard4", path, code=1).err,
                    "File exists", "is left alone")
    with open(path, "rb") as file:
        report.equal("its content", file.read() == before, True, show="")
    missing = lab.path("data", "missing.vcf")
    export(lab, lab.new_iccid(), "vcard4", missing, code=5)
    report.equal("no file without a card", os.path.exists(missing), False, show="")
    export(lab, card.iccid, "pdf", missing, code=2)
    export(lab, card.iccid, "vcard4", missing, "--copy", "7", code=2)
    report.equal("no file without content", os.path.exists(missing), False, show="")
    terminal, name = pty.openpty()
    done = subprocess.run(
        [lab.program("bipvault-care"), "--config", lab.config, "export", "--format", "text",
         "--output", "-", "--agent", "a", "--reason", "test", "--document", "passport", card.iccid],
        input=b"D12345678\n", stdout=name, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(name)
    os.close(terminal)
    report.equal("to a terminal", done.returncode, 2, done.stderr.decode().strip())


def damaged(lab, report, card, key):
    """An entry whose number says that it is longer than its field, one that is too short."""
    broken = bytearray(adn("Broken", "+4912345"))
    broken[-14] = 0x20
    with lab.channel(card) as channel:
        stored = channel.store(an_image([bytes(broken), b"\x01\x02"]), key)
    report.equal("stored", stored.name, "done", show="")
    path = lab.path("data", "damaged.vcf")
    done = export(lab, card.iccid, "vcard4", path, "--json")
    report.equal("the others come out", vcards(path), EXPECTED, f"{len(EXPECTED)} contacts")
    places = [item["place"] for item in json.loads(done.out)["left_out"]]
    report.equal("left out", places,
                 ["7FFF/5F3A/4F3A record 100", "7FFF/5F3A/4F3A record 101"], ", ".join(places))
    report.true("without content", "Broken" not in done.err, done.err)
    older = lab.path("data", "older.vcf")
    export(lab, card.iccid, "vcard4", older, "--copy", "1")
    report.equal("the version before", vcards(older), EXPECTED, show="")


def a_filled_card(lab, report):
    """What our own card fills itself with: every contact and message is there."""
    iccid = lab.new_iccid()
    lab.make_keys([iccid])
    lab.import_cards([iccid])
    sim = Sim(lab, iccid)
    sim.fill(200, 20, 5)
    image, counts = sim.image(), sim.show()
    with lab.channel(laboratory.Card(iccid, lab.card_keys[iccid])) as channel:
        report.equal("stored", channel.store(image).name, "done", show="")
    done = json.loads(export(lab, iccid, "csv", lab.path("data", "filled.csv"), "--json").out)
    report.equal("contacts", done["contacts"], counts["contacts"], f"{done['contacts']} contacts")
    report.equal("messages", done["messages"], counts["messages"], f"{done['messages']} messages")
    report.equal("memos", done["memos"], counts["memos"], f"{done['memos']} memos")
    report.equal("nothing left out", done["left_out"], [], show="")
    path = lab.path("data", "filled.vcf")
    export(lab, iccid, "vcard4", path)
    with open(path, encoding="utf-8", newline="") as file:
        cards = list(vobject.readComponents(file.read()))
    report.equal("read by vobject", len(cards), Image(image).count(ADN), show="")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def radicale(lab, report, path):
    """A CardDAV server takes the file as an address book and gives every contact back."""
    port = free_port()
    server = Process([sys.executable, "-m", "radicale", "--config", "", "--server-hosts",
                      f"127.0.0.1:{port}", "--auth-type", "none",
                      "--storage-filesystem-folder", lab.path("data", "radicale")],
                     lab.path("log", "radicale.log"))
    url = f"http://127.0.0.1:{port}/care/book/"
    headers = {"Authorization": "Basic " + base64.b64encode(b"care:").decode(),
               "Content-Type": "text/vcard; charset=utf-8"}

    def listening():
        if not server.running():
            raise ProcessError(f"radicale ended: {server.log()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    try:
        wait_until(listening, 30, "radicale")
        with open(path, "rb") as file:
            body = file.read()
        put = urllib.request.Request(url, body, headers, method="PUT")
        with urllib.request.urlopen(put, timeout=60) as answer:
            report.true("PUT", answer.status in (200, 201, 204), answer.status, show="")
        get = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(get, timeout=60) as answer:
            back = list(vobject.readComponents(answer.read().decode()))
        sent = list(vobject.readComponents(body.decode()))
        report.equal("radicale gives back", sorted(card.fn.value for card in back),
                     sorted(card.fn.value for card in sent), f"{len(back)} contacts")
    except urllib.error.HTTPError as refused:
        raise ProcessError(f"radicale: {refused}; {server.log()}") from refused
    finally:
        server.stop()


def main(options):
    report = Report("Export")
    with Lab(options.build, options.engine, options.keep) as lab:
        lab.start()
        card, = lab.new_cards(1)
        export(lab, card.iccid, "vcard4", lab.path("data", "nothing.vcf"), code=1)
        image = an_image()
        with lab.channel(card) as channel:
            key = channel.store(image).key
        forms(lab, report, card, image)
        refusals(lab, report, card)
        damaged(lab, report, card, key)
        filled = a_filled_card(lab, report)
        radicale(lab, report, filled)
        audit = lab.care("audit", card.iccid).out
        report.contains("history", audit, "exported  agent:agent7  as vcard4, version of ",
                        f"{audit.count('exported')} exports")
        report.equal("audit verify", lab.care("audit", "verify").out.strip(),
                     "the history is whole")
        lab.stop()
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

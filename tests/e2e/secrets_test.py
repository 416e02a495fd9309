"""Proves that no secret lies about: a subscriber's key as issued, a document's number, contact
names and numbers, memos and messages, the cards' OTA keys and the database's password are planted,
then looked for in every form in all outputs, logs, traces, history, database files (also while the
platform runs, after a restart and after a crash), and command lines of every process."""
import json
import os
import secrets
import signal

import lab as laboratory
import wire
from checks import CheckFailed, Report
from image import ADN, NUMBER_PART, SMS, Image
from lab import Lab
from needles import Needles, files_below, of_octets, of_text
from phone import KeyFile, Sim
from process import read_text, write_secret

DOCUMENT = "Z" + str(secrets.randbelow(10 ** 8)).zfill(8) + "Q"
TITLE, BODY = "Zephyrine Quuxley", "vault code swordfish 8813377"


class Planted:
    """The needles, and where they may be: key files, card files, and what the user wrote down."""

    def __init__(self, lab, report):
        self.lab, self.report, self.needles = lab, report, Needles()
        etc = lab.path("etc")
        self.allowed = [lab.path("cards"), *(os.path.join(etc, name) for name in (
            "cards.csv", "master.keys", "pepper.keys", "audit.keys"))]
        if lab.db:
            self.allowed.append(lab.db.password_file)

    def plant_files(self):
        for iccid, keys in self.lab.card_keys.items():
            for octets in (keys.kic, keys.kid):
                self.needles.add(f"OTA key of {iccid}", of_octets(octets))
        for name in ("master.keys", "pepper.keys", "audit.keys"):
            for line in read_text(self.lab.path("etc", name)).splitlines():
                if line and not line.startswith("#"):
                    self.needles.add(name, of_octets(bytes.fromhex(line.split()[1])))
        if self.lab.db:
            password = read_text(self.lab.db.password_file).strip()
            self.needles.add("database password", of_text(password))

    def plant_image(self, image):
        """Some of each kind: names in both alphabets, numbers, messages."""
        for _, record in image.files[ADN][:15]:
            alpha = record[:-NUMBER_PART].rstrip(b"\xFF")
            number = record[-NUMBER_PART + 2:-2].rstrip(b"\xFF")
            if len(alpha) >= 8:
                self.needles.add("contact name", of_octets(alpha))
            if len(number) >= 5:
                self.needles.add("contact number", of_octets(number))
        for _, record in image.files[SMS][:4]:
            self.needles.add("short message", of_octets(record.rstrip(b"\xFF")[-12:]))

    def plant_text(self, name, text):
        self.needles.add(name, of_text(text))

    def search(self, when, quiet=False):
        """Every file of the laboratory but those that are made to hold them."""
        found, count, octets = [], 0, 0
        for path in files_below(self.lab.root, self.allowed):
            count, octets = count + 1, octets + os.path.getsize(path)
            found += [f"{name} in {path}" for name in sorted(self.needles.find(path))]
        if found:
            raise CheckFailed(f"{when}: " + "; ".join(found[:10]))
        self.report.checks += 1
        if not quiet:
            self.report.evidence(when, f"{count} files, {octets // 1024} KiB: nothing")

    def command_lines(self):
        pids = [process.pid for process in (self.lab.host, self.lab.db and self.lab.db.process)
                if process]
        for pid in pids:
            path = f"/proc/{pid}/cmdline"
            found = self.needles.find(path)
            self.report.true(f"{path} holds no secret", not found, found)
        self.report.evidence("command lines", f"{len(pids)} servers' and all tools': nothing")


def use_everything(lab, planted):
    """A life in which every secret is used: back-up, slips, guesses, restore, counter, audit."""
    iccid, other = lab.new_iccid(), lab.new_iccid()
    lab.make_keys([iccid, other])
    lab.import_cards([{"iccid": iccid, "msisdn": "+8613800010001"}, other])
    planted.plant_files()
    sim, key = Sim(lab, iccid), KeyFile(lab, "key")
    sim.fill(60, 12, 2)
    sim.run("phone", "menu Write memo", "type " + TITLE, "type " + BODY, "menu Back up", key.saved,
            "expect result done")
    planted.plant_image(Image(sim.image()))
    slip = KeyFile(lab, "slip", wire.mistype(key.key))
    wrong = KeyFile(lab, "wrong", wire.other_key(key.key))
    sim.run("phone", "menu Back up", slip.typed, wrong.typed, key.typed)
    sim.run("phone", "cut after 2000 sent", "menu Write memo", "type x", "type y", "menu Back up",
            key.typed)
    sim.run("phone", "menu Restore", wrong.typed, wrong.typed, wrong.typed, "expect result locked")
    care = {"document": DOCUMENT, "reason": "secrets test"}
    lab.care("show", iccid, **care)
    lab.care("show", "--json", iccid, **care)
    lab.care("unlock", iccid, **care)
    lab.care("show", "no such card", code=None, **care)
    for said in (DOCUMENT, DOCUMENT.lower()[:4] + " " + DOCUMENT.lower()[4:]):
        done = lab.care("unlock", iccid, document=DOCUMENT, reason=f"passport {said}, lost", code=2)
        os.remove(done.path + ".cmd")  # our own note of what was typed
    sim.run("phone", "menu Restore", key.typed, "menu Status", "expect result done")
    lab.care("audit", iccid)
    lab.care("audit", "--json", iccid)
    sim.show()
    return {"key as issued": key.key, "mistyped key": slip.key, "guessed key": wrong.key}


def errors(lab, report, planted):
    """What is wrong in a secret file is said without repeating it."""
    half = secrets.token_hex(12)
    planted.plant_text("half an OTA key", half)
    write_secret(lab.path("etc", "cards.csv"),
                 f"iccid,key_set,algorithm,kic,kid\n{lab.new_iccid()},1,aes,{half},{half}\n")
    report.contains("bad key file", lab.reload(), "stay as they were", "refused on reload")
    bad = secrets.token_hex(31)
    planted.plant_text("bad master key", bad)
    with open(lab.path("etc", "master.keys"), encoding="ascii") as file:
        good = file.read()
    write_secret(lab.path("etc", "master.keys"), f"{good}2 {bad}\n")
    done = lab.ops("config", "check", code=None)
    report.true("bad master key", done.code != 0, done.text(), done.text().split("/")[-1])
    lab.care("show", "1", code=None)
    write_secret(lab.path("etc", "master.keys"), good)


def no_core(lab, report):
    """A crash writes no memory to disk, and the database holds no more than before."""
    limits = read_text(f"/proc/{lab.host.pid}/limits")
    line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    report.equal("core file limit of the host", line.split()[4:6], ["0", "0"], show="0")
    lab.host.send_signal(signal.SIGSEGV)
    report.equal("ended by", lab.host.wait(10), -signal.SIGSEGV, show="SIGSEGV")
    cores = [path for path in files_below(lab.root) if os.path.basename(path).startswith("core")]
    report.equal("core files", cores, [], show="none")


def main(options):
    report = Report(f"No secret lies about, on {options.engine}")
    with Lab(options.build, options.engine, options.keep, host={"log_level": "debug"},
             vault={"key_digits": "10"}) as lab:
        planted = Planted(lab, report)
        lab.start()
        for name, key in use_everything(lab, planted).items():
            planted.plant_text(name, key)
        for name, text in (("document", DOCUMENT), ("memo title", TITLE), ("memo", BODY)):
            planted.plant_text(name, text)
        report.evidence("planted", ", ".join(sorted(planted.needles.names()))[:90] + " ...")
        seen = set().union(*(planted.needles.find(path) for path in files_below(lab.path("cards"))))
        report.true("the search finds what is there", {"key as issued", "contact name"} <= seen,
                    seen, "key and contacts, in the card's own files")
        planted.search("while it runs")
        planted.command_lines()
        lab.health()
        errors(lab, report, planted)
        planted.search("after wrong files")
        lab.write_card_keys()
        lab.restart()
        planted.search("after a restart")
        no_core(lab, report)
        planted.search("after a crash")
        lab.start()
        json.loads(lab.care("audit", "--json").out)
        lab.care("audit", "verify")
        planted.search("after recovery")
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

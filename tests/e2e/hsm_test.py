"""Proves that the master key can lie in an HSM: from a key file to the HSM and back while the vault
holds content, each fault told before anything starts, `try later` while the HSM is gone and service
again without a restart, and a first set-up that never has a master key on the disk. With a token of
Debian's softhsm2."""
import json
import os
import re
import shutil
import subprocess

import lab as laboratory
import wire
from checks import Report
from lab import Lab
from peer import an_image
from process import ProcessError, read_text, wait_until, write_secret

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN, WRONG_PIN = "493027", "581164"
CARDS = 6


class Token:
    """A token in the laboratory's folder; the environment of all programs names it."""

    def __init__(self, folder):
        self.folder, self.tokens = folder, os.path.join(folder, "tokens")
        os.makedirs(self.tokens)
        config = os.path.join(folder, "softhsm2.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\n"
                       "log.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = config
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "vault", "--so-pin",
                        "87654321", "--pin", PIN], check=True, stdout=subprocess.DEVNULL)

    def take_away(self):
        os.rename(self.tokens, self.tokens + ".away")
        os.mkdir(self.tokens)

    def bring_back(self):
        shutil.rmtree(self.tokens)
        os.rename(self.tokens + ".away", self.tokens)


def settings(lab, **changed):
    write_secret(lab.path("etc", "hsm.pin"), PIN + "\n")
    return {"pkcs11_module": MODULE, "pkcs11_token": "vault", "pkcs11_pin_file": "hsm.pin",
            **changed}


def use(lab, **keys):
    """[keys] from now on."""
    lab.sections["keys"] = keys
    lab.write_config()


def masters(lab):
    """Number -> (uses, in the HSM)."""
    shown = json.loads(lab.ops("keys", "status", "--json", code=None).out)
    return {key["number"]: (key["uses"], key["in_hsm"]) for key in shown["master"]}


def restarted(lab, report):
    report.equal("restart", lab.restart(), 0, show="")
    wait_until(lambda: json.loads(lab.ops("keys", "status", "--json", code=None).out)
               ["not_loaded_by"] == "", 60, "the instance's new row")


def fetch_all(lab, report, stored, what):
    for card, key, image in stored:
        with lab.channel(card, timeout=60) as channel:
            report.equal("fetch", channel.fetch(key)[1], image, show="")
    report.evidence(what, f"{len(stored)} cards have fetched what they stored")


def faults(lab, report):
    report.chapter("What is wrong is told")
    cases = [("no module", {"pkcs11_module": "/nowhere/hsm.so"}, "the module cannot be loaded"),
             ("no token", {"pkcs11_token": "vaults"}, "HSM token 'vaults': there is no such token"),
             ("no PIN file", {"pkcs11_pin_file": "none.pin"}, "none.pin"),
             ("no key", {"master_key_file": ""}, "holds no key called 'bipvault-master'"),
             ("no token named", {"pkcs11_token": ""}, "needs the token's label")]
    for name, changed, text in cases:
        use(lab, **settings(lab, **changed))
        report.contains(name, lab.ops("config", "check", code=3).err, text, None)
    use(lab, **settings(lab))
    write_secret(lab.path("etc", "hsm.pin"), WRONG_PIN + "\n")
    wrong = lab.ops("config", "check", code=3)
    report.contains("wrong PIN", wrong.err, "PIN incorrect", None)
    report.true("no PIN in it", WRONG_PIN not in wrong.text())
    os.chmod(lab.path("etc", "hsm.pin"), 0o644)
    report.contains("everybody's PIN", lab.ops("config", "check", code=3).err, "hsm.pin", "told")
    os.unlink(lab.path("etc", "hsm.pin"))
    use(lab, **settings(lab))
    report.contains("all is well", lab.ops("config", "check").out, "good", None)


def to_hsm(lab, report, stored):
    report.chapter("From the key file to the HSM")
    report.contains("keys new", lab.ops("keys", "new", "master").out,
                    "master key 2 is in HSM token 'vault'", None)
    restarted(lab, report)
    report.contains("keys rotate", lab.ops("keys", "rotate").out, "anew under master key 2", None)
    report.equal("keys status", masters(lab), {1: (0, False), 2: (CARDS, True)})
    lab.ops("keys", "drop", "master", "1")
    report.true("the file is empty", not re.search(r"^[0-9]", read_text(lab.path(
        "etc", "master.keys")), re.MULTILINE))
    os.unlink(lab.path("etc", "master.keys"))
    use(lab, **settings(lab, master_key_file=""))
    restarted(lab, report)
    fetch_all(lab, report, stored, "no master key on the disk")
    report.contains("everything stored", lab.ops("db", "check").out, "all is whole", None)


def gone(lab, token, report, stored):
    report.chapter("The HSM is gone, and comes back")
    card, key, _ = stored[0]
    token.take_away()
    with lab.channel(card, timeout=60) as channel:
        answer = channel.ask(wire.FETCH_BEGIN, iccid=card.iccid, key=key)
        report.equal("fetch", answer.name, "try later")
    health = wait_until(lambda: (lambda h: h["state"] == "degraded" and h)(lab.health()), 60,
                        "the state degraded")
    report.contains("health", health["hsm"], "HSM token 'vault'", None)
    report.contains("alarm", health["alarms"]["hsm"], "HSM token 'vault'", "hsm")
    report.equal("the store", health["store"], "ok")
    report.contains("the log", lab.host.log(), "[plugin.hsm_away]", None)
    report.true("counted", lab.counter("db.hsm_failures") > 0)
    token.bring_back()
    wait_until(lambda: lab.health()["state"] == "running", 60, "the state running")
    fetch_all(lab, report, stored, "without a restart")
    report.contains("the log", lab.host.log(), "[plugin.hsm_back]", None)
    token.take_away()
    report.equal("stop", lab.stop(), 0, show="")
    try:
        lab.start()
        report.true("a start without HSM is refused", False)
    except ProcessError as refused:
        report.contains("a start without it", str(refused), "HSM token 'vault': there is no such "
                        "token", None)
    token.bring_back()
    lab.start()


def to_file(lab, report, stored):
    report.chapter("Back to a key file")
    write_secret(lab.path("etc", "master.keys"), "")
    use(lab, **settings(lab))
    report.contains("keys new", lab.ops("keys", "new", "master", "--in", "file").out,
                    "key 3 is in", None)
    restarted(lab, report)
    report.contains("keys rotate", lab.ops("keys", "rotate").out, "anew under master key 3", None)
    report.equal("keys status", masters(lab), {2: (0, True), 3: (CARDS, False)})
    report.contains("not by the way", lab.ops("keys", "drop", "master", "2", code=1).err,
                    "--destroy", None)
    report.contains("keys drop", lab.ops("keys", "drop", "master", "2", "--destroy").out,
                    "is destroyed", None)
    use(lab)
    restarted(lab, report)
    fetch_all(lab, report, stored, "without HSM")
    report.contains("everything stored", lab.ops("db", "check").out, "all is whole", None)


def first_set_up(lab, report):
    report.chapter("A first set-up with an HSM")
    home = lab.path("fresh")
    os.makedirs(home)
    write_secret(os.path.join(home, "pin"), PIN + "\n")
    config = os.path.join(home, "bipvault.ini")
    with open(config, "w", encoding="utf-8") as file:
        file.write("[store]\nengine = sqlite\npath = v.db\n\n[keys]\npepper_file = pepper.keys\n"
                   f"audit_key_file = audit.keys\npkcs11_module = {MODULE}\npkcs11_token = vault\n"
                   "pkcs11_pin_file = pin\npkcs11_key_label = another vault\n")

    def ops(*arguments, **how):
        return lab.run("bipvault-ops", "--config", config, *arguments, **how)

    report.contains("keys init", ops("keys", "init").out, "master key 1 in HSM token 'vault'", None)
    report.contains("once", ops("keys", "init").out, "all keys exist already", None)
    ops("db", "init")
    report.contains("config check", ops("config", "check").out, "good", None)
    shutil.rmtree(home)


def main(options):
    report = Report(f"Master key in an HSM, on {options.engine}")
    with Lab(options.build, options.engine, options.keep) as lab:
        token = Token(lab.path("hsm"))
        lab.start()
        stored = []
        for number, card in enumerate(lab.new_cards(CARDS)):
            image = an_image(200, number)
            with lab.channel(card, timeout=60) as channel:
                stored.append((card, channel.store(image).key, image))
        faults(lab, report)
        to_hsm(lab, report, stored)
        gone(lab, token, report, stored)
        to_file(lab, report, stored)
        first_set_up(lab, report)
        report.true("no PIN in the log", PIN not in read_text(lab.host.log_path), show="")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

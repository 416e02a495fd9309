"""Proves what a person at the keyboard sees and gets: bipvault-card --interactive on a terminal,
against the platform. Menu, forms, what does not fit, and how it ends."""
import os
import pty
import re
import select
import subprocess
import time

import lab as laboratory
from checks import CheckFailed, Report
from lab import Lab
from phone import Sim

SECONDS = 60
MENU, SCREEN, FORM = "or quit> ", "[enter]> ", "type (empty: cancel)> "
LIST = "number, text or back (empty: cancel)> "


class Person:
    """At a terminal of his own, before one run of bipvault-card."""

    def __init__(self, lab, sim, *options, card=None):
        self.terminal, other = pty.openpty()
        self._run = subprocess.Popen(
            [lab.program("bipvault-card"), "run", "--card", card or sim.file, "--phone",
             lab.path("cards", "person.phone"), "--server", sim.server, "--clock-file",
             lab.clock_file, "--interactive", *options],
            stdin=other, stdout=other, stderr=other)
        os.close(other)
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._run.kill()
        self._run.wait()
        os.close(self.terminal)

    def read(self):
        """What comes next; "" at the end."""
        if not select.select([self.terminal], [], [], SECONDS)[0]:
            raise CheckFailed(f"nothing came for {SECONDS} s after {self.seen[-200:]!r}")
        try:
            return os.read(self.terminal, 4096).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            return ""

    def until(self, *prompts):
        """What is shown up to a prompt, and that prompt."""
        while True:
            for prompt in prompts:
                if self.seen.endswith(prompt):
                    shown, self.seen = self.seen, ""
                    return shown, prompt
            more = self.read()
            if not more:
                raise CheckFailed(f"it ended at {self.seen!r}; expected one of {prompts}")
            self.seen += more

    def type(self, line):
        os.write(self.terminal, (line + "\n").encode())

    def back_to_menu(self):
        """Reads on, with enter at each screen, until the menu is there again; what was shown."""
        all_shown = ""
        while True:
            shown, prompt = self.until(MENU, SCREEN)
            all_shown += shown
            if prompt == MENU:
                return all_shown
            self.type("")

    def end(self):
        """Its exit code."""
        while self.read():
            pass
        deadline = time.monotonic() + SECONDS
        while self._run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return self._run.poll()


def item(shown, text):
    """The number of a menu item."""
    return re.search(rf"^\s*(\d+) {text}\s*$", shown, re.M)[1]


def by_hand(lab, report, sim):
    with Person(lab, sim) as person:
        shown = person.back_to_menu()
        report.step("The menu; an item by its number; a key is shown, and enter goes on.")
        person.type(item(shown, "Back up"))
        stored = person.back_to_menu()
        report.true("a key on the screen", re.search(r"Your key: \d{9}", stored), stored, "shown")
        report.contains("the end", stored, "Backed up", None)
        report.step("What cannot be done is told, and costs nothing.")
        for nonsense in ("nonsense", "menu Nothing", "expect"):
            person.type(nonsense)
            report.contains(nonsense, person.back_to_menu(), "Not done.", None)
        report.step("A form takes what fits; an empty line cancels.")
        person.type("menu Restore")
        _, prompt = person.until(FORM, MENU)
        report.equal("asked for the key", prompt, FORM, "a form")
        person.type("1")
        refused, _ = person.until(FORM)
        report.contains("one digit", refused, "That does not fit.", None)
        person.type("")
        person.back_to_menu()
        chosen_from_a_list(report, person)
        person.type("quit")
        report.equal("exit code after quit", person.end(), 0)
    report.equal("stored", len(lab.show(sim.iccid)["versions"]), 1, "one version")


def chosen_from_a_list(report, person):
    report.step("A list: by number or text, not by what is not in it; back and an empty line leave "
                "it.")
    for leave in ("back", ""):
        person.type("menu Restore older")
        listed, prompt = person.until(LIST, MENU)
        report.equal(f"left by {leave!r}", prompt, LIST, "a list")
        report.equal("its lines", re.findall(r"^ {2}(\d.*?)\s*$", listed, re.M),
                     ["1 (the one before the last)", *"23456789"])
        person.type("10")
        report.contains("what is not in it", person.until(LIST)[0], "That does not fit.", None)
        person.type(leave)
        report.equal("and then", person.back_to_menu().count("screen: "), 0, "the menu")
    for choice in ("2", "1 (the one before the last)"):
        person.type("menu Restore older")
        person.until(LIST)
        person.type(choice)
        asked, _ = person.until(FORM, MENU)
        report.contains(f"chosen: {choice}", asked, "Enter the key of your backup:", None)
        person.type("")
        report.contains("without the key", person.back_to_menu(), "Nothing was restored.", None)


def ends(lab, report, sim):
    report.step("The end of the input ends it as well; a file that cannot be read, or a wrong "
                "option, does not begin.")
    with Person(lab, sim) as person:
        person.back_to_menu()
        os.write(person.terminal, b"\x04")
        report.equal("exit code after the end of the input", person.end(), 0)
    with Person(lab, sim, card=lab.path("cards", "nowhere.card")) as person:
        report.equal("exit code without the card's file", person.end(), 1)
    with Person(lab, sim, "--nonsense", "x") as person:
        report.equal("exit code of a wrong option", person.end(), 2)
    report.contains("version", lab.run("bipvault-card", "--version").out, "bipvault-card ", None)


def in_a_script(lab, report, sim):
    report.step("In a script the same mistakes are failures.")
    for script, fault in ((("menu Nothing",), "no menu item Nothing"),
                          (("menu Restore", "key 1"), "the form does not take this answer"),
                          (("sms John 027000",), "sms takes a number"),
                          (("sms +" + 21 * "4" + " 027000",), "sms takes a number")):
        life = sim.run("person", *script, code=1)
        report.contains(script[-1], life.last("fault"), fault, None)


def made_once(lab, report, sim):
    report.step("A card has a number that is one, or none.")
    for number in ("", "+", "John", "+49 171", 21 * "4"):
        refused = lab.run("bipvault-card", "create", "--card", lab.path("cards", "no.card"),
                          "--iccid", sim.iccid, "--keys", lab.path("etc", "cards.csv"),
                          "--msisdn", number, code=2)
        report.contains(f"--msisdn {number}", refused.err, "--msisdn takes", None)
    report.step("A card is not made anew over one that is there: its counters would be lost.")
    create = ["bipvault-card", "create", "--card", sim.file, "--iccid", sim.iccid, "--keys",
              lab.path("etc", "cards.csv"), "--size", "50"]
    with open(sim.file, "rb") as file:
        before = file.read()
    refused = lab.run(*create, code=1)
    report.contains("refused", refused.err, f"{sim.file}: is there already", None)
    report.contains("and how it can be done", refused.err, "--force", None)
    with open(sim.file, "rb") as file:
        report.true("the card is as before", file.read() == before)
    report.step("Nor over anything else that bears this name: a folder, a link to nowhere.")
    other = lab.path("cards", "other.card")
    create[3] = other
    for kind in (os.mkdir, lambda path: os.symlink("nowhere", path)):
        kind(other)
        report.contains("refused", lab.run(*create, code=1).err, "is there already", None)
        report.true("not touched", os.path.isdir(other) or os.path.islink(other))
        os.rmdir(other) if os.path.isdir(other) else os.unlink(other)
    report.step("With --force it is, and where there is none --force changes nothing.")
    for path in (sim.file, other):
        create[3] = path
        lab.run(*create, "--force")
        shown = lab.run("bipvault-card", "show", "--card", path).out
        report.contains("a card without content", shown, "contacts 0", None)
        report.equal("its file's mode", oct(os.stat(path).st_mode & 0o777), "0o600")
    life = sim.run("person", "menu Back up")
    report.equal("its counters are old ones for the vault", life.results("STORE BEGIN")[0],
                 "security status 02", "counter low")


def main(options):
    report = Report("A card by hand")
    with Lab(options.build, "sqlite", options.keep) as lab:
        iccid = lab.new_iccid()
        lab.make_keys([iccid])
        lab.import_cards([iccid])
        lab.start()
        sim = Sim(lab, iccid)
        sim.fill(5, 2, 1)
        by_hand(lab, report, sim)
        ends(lab, report, sim)
        in_a_script(lab, report, sim)
        made_once(lab, report, sim)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

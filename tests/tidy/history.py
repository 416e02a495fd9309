#!/usr/bin/python3
"""docs/care.md against the sources: every kind of entry that is noted in the history is explained
there, and what is explained there is noted somewhere. history.py --source DIR
"""
import argparse
import pathlib
import re
import sys

from both_ways import both_ways
from violations import told

FOLDERS = ("vault", "db")
WHO = r'(?:"(?:vault|card|subscriber)"|"(?:agent|ops):"|[\w.>-]*(?:actor|asked_by)\b)'
# A note begins with its kind, or a choice of two, and who has done it.
NOTE = re.compile(r'[{(]\s*(?:[^{}()"]*\?\s*)?"([a-z_]+)"(?:\s*:\s*"([a-z_]+)")?,\s*' + WHO)
# Kinds that a function is given which makes the note.
ANSWER = re.compile(r'\bnote\("[a-z]+",\s*"([a-z_]+)"')
HEAD = "| entry | meaning |"
# Made and not noted: that a reminder has arrived changes nothing (vault/sms_sender.cpp).
NOT_NOTED = {"reminder_delivered"}


def noted_in(text):
    kinds = {kind for pair in NOTE.findall(text) for kind in pair if kind}
    return (kinds | set(ANSWER.findall(text))) - NOT_NOTED


def explained(text):
    """Words of the first column of the table of entries; what stands in `` is no kind."""
    rows = text.partition(HEAD)[2].lstrip("\n").split("\n\n")[0].splitlines()[1:]
    cells = [re.sub(r"`[^`]*`", "", row.split("|")[1]) for row in rows]
    return {word for cell in cells for word in cell.replace(",", " ").split()
            if word not in ("by", "with")}


def differences(noted, known):
    return both_ways(noted, known, "docs/care.md", "the entry ", "noted")


def check_self():
    """The rules above find what they are for."""
    sample = ('tx.note(r, {"stored", "card", "x"}); note("yes", "answered_yes", "y");\n'
              'const HistoryNote note{own ? "withdrawn" : "rejected", actor,\n'
              'return {"sent", "vault", to}; log("other", "text");')
    assert noted_in(sample) == {"stored", "answered_yes", "withdrawn", "rejected", "sent"}
    table = f"{HEAD}\n|---|---|\n| stored, sent | x, no |\n| gone, by `vault` | x |\n\n| late | |\n"
    assert explained(table) == {"stored", "sent", "gone"}
    assert len(list(differences({"stored": "a", "new": "b"}, {"stored", "gone"}))) == 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=lambda text: pathlib.Path(text).resolve(), required=True)
    source = parser.parse_args().source
    check_self()
    noted = {}
    for folder in FOLDERS:
        for path in sorted((source / folder).rglob("*.cpp")):
            name = path.relative_to(source).as_posix()
            noted.update(dict.fromkeys(noted_in(path.read_text(encoding="utf-8")), name))
    known = explained((source / "docs/care.md").read_text(encoding="utf-8"))
    violations = list(differences(noted, known))
    if len(noted) < 40:
        violations.append(f"{source}: only {len(noted)} kinds found: wrong folder")
    return told(violations, f"{len(noted)} kinds of entries")


if __name__ == "__main__":
    sys.exit(main())

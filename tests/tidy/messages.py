#!/usr/bin/python3
"""docs/messages.md against the sources: every message that is logged and every alarm that is raised
is explained there, and what is explained there exists. messages.py --source DIR
"""
import argparse
import pathlib
import re
import sys

from both_ways import both_ways
from violations import told

FOLDERS = ("base", "vault", "bip", "smsc", "db", "config", "plugin", "host", "cli")
IDENTIFIER = r"[a-z_]+\.[a-z_]+"
# A call of the log; its first argument ends at the first comma outside of brackets.
CALL = re.compile(r"\blog(?:_|\(\))?(?:\.|->)(?:debug|info|warning|error)\(")
CALL_OF_TEMPORARY = re.compile(r"\bHostLog\([^()]*\)\.(?:debug|info|warning|error)\(")
WRITE = re.compile(r"\b(?:log_?|log\(\)|out_)(?:\.|->)write\(")
# Rows of tables whose first column is counter and identifier in one.
ROW = re.compile(r'\{\s*"(' + IDENTIFIER + r')",\s*base::Severity::')
ALARM = re.compile(r'\balarms_\.set\(\s*"([^"]+)"(\s*\+)?')
LITERAL = re.compile(r'"([^"]*)"')

# Where an identifier comes from a table or from the caller.
FORWARDERS = {"bip/faults.cpp", "vault/notices.cpp", "base/log.h", "base/seldom_log.h",
              "host/services.cpp", "plugin/host.cpp"}
# Identifiers that reach the log by another way than a call with a literal.
BY_HAND = {
    "cli/cared.cpp": {"care.listens"},
    "cli/cared_request.cpp": {"care.called"},
    "host/log.cpp": {"host.lines_dropped"},
    "host/services.cpp": {"alarm.raised", "alarm.over"},
}
NOT_DOTTED = {"health"}


def first_argument(text, start):
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and text[i] == ","):
            return text[start:i]
    return text[start:]


def logged_in(name, text):
    """Identifiers that this source logs, and faults as (line, what is wrong)."""
    found, faults = set(ROW.findall(text)), []
    for call in [*CALL.finditer(text), *CALL_OF_TEMPORARY.finditer(text)]:
        literals = LITERAL.findall(first_argument(text, call.end()))
        line = text[:call.start()].count("\n") + 1
        if not literals and name not in FORWARDERS:
            faults.append((line, "a message whose identifier is no literal"))
        for literal in literals:
            if re.fullmatch(IDENTIFIER, literal) or literal in NOT_DOTTED:
                found.add(literal)
            else:
                faults.append((line, f"{literal!r} is no identifier (part.what_happened)"))
    for call in WRITE.finditer(text):
        if name not in FORWARDERS:
            faults.append((text[:call.start()].count("\n") + 1, "write() hides the identifier"))
    for literal in BY_HAND.get(name, ()):
        if f'"{literal}"' not in text:
            faults.append((1, f"{literal} is not here any more"))
        found.add(literal)
    return found, faults


def without_identifiers(text):
    """The source without what it names to the log, so that counters can be looked for."""
    calls = [*CALL.finditer(text), *CALL_OF_TEMPORARY.finditer(text)]
    for call in sorted(calls, key=lambda call: -call.start()):
        argument = first_argument(text, call.end())
        text = text[:call.end()] + text[call.end() + len(argument):]
    return text


def alarms_in(text):
    return {name + ("NAME" if prefix else "") for name, prefix in ALARM.findall(text)}


def explained(text):
    """First columns of the tables: (messages, alarms)."""
    body, _, alarms = text.partition("## Alarms")
    def column(part):
        cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("|")]
        return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    return column(body), column(alarms)


def differences(logged, alarms, text):
    messages, known_alarms = explained(text)
    yield from both_ways(logged, messages, "docs/messages.md", "", "logged")
    yield from both_ways(alarms, known_alarms, "docs/messages.md", "the alarm ", "raised")


def check_self():
    """The rules above find what they are for."""
    sample = ('log_.warning(a ? "bip.one" : "bip.two", text);\n'
              'log.error("bip", "three");\nlog_.info(name, "four");\n'
              'log.write(severity, "bip.five", text);\n'
              '{"bip.six", base::Severity::error, "x"},\nHostLog(host_).error("plugin.seven", t);')
    found, faults = logged_in("bip/x.cpp", sample)
    assert found == {"bip.one", "bip.two", "bip.six", "plugin.seven"}, found
    assert sorted(line for line, _ in faults) == [2, 3, 4], faults
    assert alarms_in('alarms_.set("smsc." + n, t); alarms_.set("store", t);') == {
        "smsc.NAME", "store"}
    text = "| `bip.one`, `bip.nine` | x `bip.no` |\n## Alarms\n| `store` | |\n| `gone` | |\n"
    told = list(differences({"bip.one": "a:1", "bip.two": "b:2"},
                            {"store": "c", "other": "d"}, text))
    assert len(told) == 4, told


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=lambda text: pathlib.Path(text).resolve(), required=True)
    source = parser.parse_args().source
    check_self()
    logged, alarms, violations = {}, {}, []
    for folder in FOLDERS:
        for path in sorted((source / folder).rglob("*")):
            if path.suffix not in (".cpp", ".h"):
                continue
            name = path.relative_to(source).as_posix()
            text = path.read_text(encoding="utf-8")
            found, faults = logged_in(name, text)
            violations += [f"{name}:{line}: {what}" for line, what in faults]
            logged.update(dict.fromkeys(found, name))
            alarms.update(dict.fromkeys(alarms_in(text), name))
    violations += differences(logged, alarms, (source / "docs/messages.md").read_text())
    if len(logged) < 50:
        violations.append(f"{source}: only {len(logged)} messages found: wrong folder")
    return told(violations, f"{len(logged)} messages, {len(alarms)} alarms")


if __name__ == "__main__":
    sys.exit(main())

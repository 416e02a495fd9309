#!/usr/bin/python3
"""docs/smsc-field.md: each of its rows names tests, and each of those exists, runs and is green.

    field.py --source DIR --build DIR

A row without a test needs a sentence in its last column; at most five may have one.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROWS = 40
MOST_SENTENCES = 5
BINARIES = {"smsc": ["unit_smsc"], "vault": ["unit_vault"], "store": ["contract_store", "sqlite"]}
NAME = re.compile(r"\b(smsc|vault|store):([a-z0-9_]+/[a-z0-9_]+)")
ROW = re.compile(r"^\| (\d+) \|(.*)\|\s*$")


def rows_of(text):
    """[(number, last column)]"""
    found = []
    for line in text.splitlines():
        match = ROW.match(line)
        if match:
            found.append((int(match.group(1)), match.group(2).split("|")[-1].strip()))
    return found


def faults_of(rows):
    faults = []
    if [number for number, _ in rows] != list(range(1, ROWS + 1)):
        faults.append(f"the rows are not 1 to {ROWS}")
    sentences = [number for number, tests in rows if not NAME.search(tests)]
    for number, tests in rows:
        if number in sentences and len(tests.split()) < 5:
            faults.append(f"row {number}: neither a test nor a sentence")
    if len(sentences) > MOST_SENTENCES:
        faults.append(f"{len(sentences)} rows have no test, at most {MOST_SENTENCES}")
    return faults


def ran(build, kind, names):
    """Those of the cases that ran without a failure."""
    program, *engine = BINARIES[kind]
    command = [str(build / "tests" / program), "--run_test=" + ":".join(sorted(names)),
               "--log_level=test_suite", "--report_level=no", "--color_output=no"]
    done = subprocess.run(command + (["--", *engine] if engine else []), capture_output=True,
                          text=True, timeout=300, check=False)
    return green_cases(done.stdout)


def green_cases(log):
    """Cases that a log of level test_suite shows as left, without an error in them."""
    left, failed, suite = set(), set(), ""
    for line in log.splitlines():
        if match := re.search(r'Entering test suite "(\w+)"', line):
            suite = match.group(1)
        elif match := re.search(r'Leaving test case "(\w+)"', line):
            left.add(f"{suite}/{match.group(1)}")
        elif match := re.search(r'error: in "([^"]+)"', line):
            failed.add(match.group(1))
    return left - failed


def self_test():
    good = [(n, "smsc:a/b") for n in range(1, ROWS + 1)]
    assert not faults_of(good)
    assert faults_of(good[1:])
    assert faults_of([(1, "")] + good[1:])
    assert not faults_of([(1, "a sentence of five words")] + good[1:])
    assert faults_of([(n, "a sentence of five words") for n in range(1, 7)] + good[6:])
    log = ('Entering test suite "a"\nLeaving test case "b"\nLeaving test case "c"\n'
           'x(1): error: in "a/c": check\nTest case "a/d" is skipped because disabled\n')
    assert green_cases(log) == {"a/b"}
    assert rows_of("| 3 | a | b | smsc:x/y |") == [(3, "smsc:x/y")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    options = parser.parse_args()
    self_test()
    rows = rows_of((options.source / "docs/smsc-field.md").read_text(encoding="utf-8"))
    faults = faults_of(rows)
    wanted = {}
    for _, tests in rows:
        for kind, name in NAME.findall(tests):
            wanted.setdefault(kind, set()).add(name)
    count = 0
    for kind, names in wanted.items():
        good = ran(options.build, kind, names)
        count += len(names & good)
        faults += [f"{kind}:{name} is not there, or not green" for name in sorted(names - good)]
    for fault in faults:
        print(f"docs/smsc-field.md:1: {fault}")
    print(f"{len(rows)} rows, {count} tests ran, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

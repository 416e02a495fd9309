#!/usr/bin/python3
"""The rules that a machine can hold. tidy.py PART --source DIR [...]; parts:
  sources   folders' arrows, forbidden words, long lines and files, on the text alone
  headers   every header of the product compiles by itself, as far as the build has not proven it
  binary    what the built plugin exports, imports and runs when it is loaded
  texts     key table = example INI = manual; every counter stands in the manual
  self      that each rule above finds what it is for
Prints file:line: rule for each violation and ends with 1 if there was one.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

import messages

MODULES = ["base", "vault", "bip", "smsc", "db", "config", "plugin", "host", "cli", "card"]
IN_PLUGIN = ["base", "vault", "bip", "smsc", "db", "config", "plugin"]

# What a folder may include of the others: whole folders, or single headers.
ARROWS = {
    "base": [],
    "vault": ["base"],
    "bip": ["vault", "base"],
    "smsc": ["vault", "base"],
    "db": ["vault", "base"],
    "config": ["base", "bip/settings.h", "db/settings.h", "smsc/settings.h", "vault/policy.h",
               "vault/reminder_settings.h"],
    "plugin": ["bip", "smsc", "vault", "db", "config", "base", "bipvault"],
    "host": ["base", "bipvault", "smsc/esme.h"],
    "cli": ["vault", "db", "config", "base"],
    "card": ["base", "bip/secured_packet.h", "bip/message.h", "bip/cat_tp.h"],
    "bipvault": [],
}

LONGEST_LINE = 100
LONGEST_FILE = 400
# Tables (*.def, *.sql) and tests are not counted.
LONG_FILES = set()

# Where a wait has nothing to wait for.
SLEEPERS = {
    "db/sql_store.cpp",    # a moment of random length before a transaction is tried again
    "db/mysql_store.cpp",  # between two looks for a commit whose fate is unknown
    "cli/keys_ops.cpp",    # between two batches, so that the vault's own work goes first
    "cli/sms_wait.cpp",    # until an instance has done it, which only its row tells
    "card/lab_clock.cpp",  # until other programs have read the laboratory's clock file
}

CODE = {".cpp", ".h", ".c", ".def", ".inc"}
TEXT = CODE | {".py", ".js", ".sh", ".cmake", ".txt", ".sql", ".ini", ".md", ".service", ".supp"}
SKIPPED = re.compile(r"(^|/)(build[^/]*|\.git|\.cache|__pycache__|corpus)(/|$)")

# Assembled, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
MACHINE = re.compile("|".join(["(?<![\\w.])/wo" + "rk/", r"\.\./sha" + "red"]))
STREAMS = re.compile(r"#include\s*<iostream>|std::(cout|cerr|clog)\b")
DETACH = re.compile(r"(\.|->)detach\s*\(|pthread_detach\s*\(")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.>:])sleep\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Symbols of the C library that a guest has no business with.
DENIED = {
    "exit", "_exit", "_Exit", "abort", "raise", "quick_exit", "at_quick_exit", "__assert_fail",
    "kill", "signal", "__sysv_signal", "sigprocmask", "sigaction", "alarm", "setitimer",
    "setlocale", "setenv", "unsetenv", "putenv", "clearenv", "chdir", "fchdir", "umask",
    "setrlimit", "setrlimit64", "srand", "srandom", "rand", "openlog", "syslog", "fork", "vfork",
    "system", "popen", "daemon", "execve", "execv", "execvp", "posix_spawn", "posix_spawnp",
    "pthread_atfork", "__register_atfork", "puts", "printf", "putchar", "perror",
    "__printf_chk", "nice", "setpriority", "prctl",
}
# Not pthread_detach: Boost.Asio has it for a thread of its own that is never started; whether we
# detach one is seen in the sources. The named exception: db saves and restores the host's SIGPIPE
# around the SQL driver.
EXCEPTIONS = {"sigaction": "db"}

# Objects that may run code when the plugin is loaded: Boost.Asio leaves constructors of its own in
# each file that includes it, and only those are accepted.
LOADING_OBJECTS = re.compile(r"base/event_loop\.cpp|bip/(gateway(_\w+)?|(udp_)?listener)\.cpp"
                             r"|smsc/(esme|wire)(_\w+)?\.cpp|plugin/metrics_endpoint\.cpp")
GUARDED_CONSTRUCTOR = re.compile(r"guard variable for (.*)")


class Report:
    def __init__(self):
        self.violations = []

    def add(self, where, line, rule):
        self.violations.append(f"{where}:{line}: {rule}")

    def end(self):
        for violation in self.violations:
            print(violation)
        print(f"{len(self.violations)} violations")
        return 1 if self.violations else 0


def files_of(source, suffixes):
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if SKIPPED.search(name) or not path.is_file():
            continue
        if path.suffix in suffixes or (path.suffix == "" and is_script(path)):
            yield name, path


def is_script(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def without_strings_and_comments(line):
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return re.sub(r"//.*|/\*.*?\*/", "", line)


# ---- sources ----------------------------------------------------------------------------------

def allowed_include(folder, target):
    top = target.split("/")[0]
    if top == folder:
        return True
    return any(target == arrow or top == arrow for arrow in ARROWS[folder])


def check_include(name, number, line, report):
    match = INCLUDE.match(line)
    if not match:
        return
    folder = "bipvault" if name.startswith("plugin/include/") else name.split("/")[0]
    kind, target = match.groups()
    if folder not in ARROWS:
        return
    if kind == "<":
        if folder in IN_PLUGIN and target.startswith("Poco/"):
            report.add(name, number, "Poco stays out of what the plugin links")
        return
    if folder == "bipvault":
        if target not in ("../plugin.h", "plugin.h"):
            report.add(name, number, f"the border's headers include each other only, not {target}")
    elif target.startswith("."):
        report.add(name, number, f"includes name their folder: {target}")
    elif not allowed_include(folder, target):
        report.add(name, number, f"{folder} may not include {target}")


def check_line(name, number, line, report):
    folder = name.split("/")[0]
    code = pathlib.Path(name).suffix in CODE
    if code or name.endswith((".py", ".js", ".sh", ".cmake")):
        if len(line) > LONGEST_LINE:
            report.add(name, number, f"{len(line)} columns, at most {LONGEST_LINE}")
        if line != line.rstrip():
            report.add(name, number, "blanks at the end of the line")
    if UNFINISHED.search(line):
        report.add(name, number, "unfinished work belongs into the tracker, not into a comment")
    if MACHINE.search(line):
        report.add(name, number, "a path of one machine")
    if not code or folder not in MODULES:
        return
    check_include(name, number, line, report)
    bare = without_strings_and_comments(line)
    if SLEEP.search(bare) and name not in SLEEPERS:
        report.add(name, number, "the product waits for conditions, it does not sleep")
    if folder in IN_PLUGIN:
        if STREAMS.search(line if "#" in line else bare):
            report.add(name, number, "no standard streams in what the plugin links")
        if DETACH.search(bare):
            report.add(name, number, "threads are joined, never detached")


def check_sources(source, report):
    seen = 0
    for name, path in files_of(source, TEXT):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        seen += 1
        for number, line in enumerate(lines, 1):
            check_line(name, number, line, report)
        folder = name.split("/")[0]
        counted = folder in MODULES and path.suffix in (".cpp", ".h", ".c")
        if counted and len(lines) > LONGEST_FILE and name not in LONG_FILES:
            report.add(name, len(lines), f"{len(lines)} lines, at most {LONGEST_FILE}")
    for name in sorted((LONG_FILES | SLEEPERS) - {n for n, _ in files_of(source, CODE)}):
        report.add("tests/tidy/tidy.py", 0, f"an exception for {name}, which is not there")
    if seen < 50:
        report.add(source, 0, f"only {seen} files found: wrong folder")


# ---- headers ----------------------------------------------------------------------------------

def flags_of(build):
    """Include paths and definitions of each module, from the build's own commands."""
    flags = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(command["command"])
        keep = []
        for i, word in enumerate(words):
            if word.startswith(("-I", "-D", "-std=", "-isystem", "-fcoroutines")):
                keep.append(word)
                if word == "-isystem":
                    keep.append(words[i + 1])
        flags.setdefault(pathlib.Path(command["file"]).resolve().parent, keep)
    return flags


def proven_by_build(path):
    """The source of the same name includes it first, so that the build has compiled it so."""
    own = path.with_suffix(".cpp")
    if not own.exists() or "#pragma once" not in path.read_text():
        return False
    first = next((line for line in own.read_text().splitlines() if line.startswith("#include")), "")
    parts = first.split('"')
    return len(parts) > 1 and path.as_posix().endswith("/" + parts[1])


def compile_header(compiler, source, name, flags):
    text = f'#include "{name}"\n#include "{name}"\n'
    command = [compiler, "-x", "c++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               f"-I{source}", *flags, "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return name, result.returncode, result.stderr


def check_headers(source, build, compiler, report):
    flags = flags_of(build)
    jobs, seen = [], 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, path in files_of(source, {".h"}):
            if name.split("/")[0] not in MODULES:
                continue
            seen += 1
            if proven_by_build(path):
                continue
            own = flags.get(path.parent, flags.get(source / "plugin", []))
            jobs.append(pool.submit(compile_header, compiler, source, name, own))
        for job in jobs:
            name, status, text = job.result()
            if status != 0:
                first = next((l for l in text.splitlines() if "error" in l), text.strip())
                report.add(name, 1, f"does not compile by itself: {first}")
    if seen < 30 or not jobs:
        report.add(source, 0, f"only {len(jobs)} of {seen} headers to compile: wrong folder")


# ---- binary -----------------------------------------------------------------------------------

def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def symbols(*options):
    """Names without version, as nm prints them."""
    return {line.split()[-1].split("@")[0] for line in run("nm", *options).splitlines() if line}


def init_array_entries(path):
    for line in run("readelf", "-SW", path).splitlines():
        match = re.search(r"\.init_array\s+INIT_ARRAY\s+\S+\s+\S+\s+([0-9a-f]+)", line)
        if match:
            return int(match.group(1), 16) // 8
    return 0


def objects_of(build, source):
    """(source name, object) of everything that the plugin is linked from."""
    links = (source / "plugin/CMakeLists.txt").read_text()
    for module in IN_PLUGIN:
        if module == "smsc" and not re.search(r"\bsmsc\b", links):
            continue
        for path in sorted((build / module).rglob("*.o")):
            name = path.name.removesuffix(".o")
            yield f"{module}/{name}", path


def check_imports(plugin, build, source, release, report):
    denied = DENIED if release else DENIED - {"__assert_fail"}
    for symbol in sorted(symbols("-D", "--undefined-only", plugin) & denied):
        users = [n for n, path in objects_of(build, source)
                 if symbol in symbols("--undefined-only", path)]
        for name in users or [plugin]:
            if EXCEPTIONS.get(symbol) != name.split("/")[0]:
                report.add(name, 1, f"imports {symbol}, which a guest must not call")


def check_loading(name, path, report):
    if not LOADING_OBJECTS.fullmatch(name):
        report.add(name, 1, "runs code when the plugin is loaded (a static constructor)")
        return
    for line in run("nm", "-C", path).splitlines():
        match = GUARDED_CONSTRUCTOR.search(line)
        if match and not match.group(1).startswith("boost::"):
            report.add(name, 1, f"holds a static object with a constructor: {match.group(1)}")


def check_binary(build, plugin, source, release, report):
    exported = symbols("-D", "--defined-only", plugin)
    if exported != {"bipvault_entry"}:
        report.add(plugin, 0, f"exports {sorted(exported)} instead of bipvault_entry alone")
    check_imports(plugin, build, source, release, report)
    loading = [(n, path) for n, path in objects_of(build, source)
               if init_array_entries(path) > 0]
    for name, path in loading:
        check_loading(name, path, report)
    # One more: frame_dummy of the compiler's own start files.
    entries = init_array_entries(plugin)
    if entries != len(loading) + 1:
        report.add(plugin, 0, f"{entries} entries in .init_array, {len(loading)} objects and "
                              "frame_dummy explain them")
    dynamic = run("readelf", "-dW", plugin)
    for flag in ("NODELETE", "NOW"):
        if flag not in dynamic:
            report.add(plugin, 0, f"is not linked with -z {flag.lower()}")
    for line in dynamic.splitlines():
        if "NEEDED" in line and "Poco" in line:
            report.add(plugin, 0, f"needs Poco: {line.strip()}")
        if "RPATH" in line or "RUNPATH" in line:
            report.add(plugin, 0, f"names a folder of the build machine: {line.strip()}")


# ---- texts ------------------------------------------------------------------------------------

def first_difference(wanted, got):
    for number, (a, b) in enumerate(zip(wanted.splitlines(), got.splitlines()), 1):
        if a != b:
            return number
    return min(len(wanted.splitlines()), len(got.splitlines())) + 1


def check_texts(source, ops, report):
    defaults = run(ops, "config", "defaults")
    example = (source / "config/bipvault.ini").read_text()
    if defaults != example:
        report.add("config/bipvault.ini", first_difference(defaults, example),
                   "is not what `bipvault-ops config defaults` prints")
    manual = source / "docs/operations.md"
    reference = run(ops, "config", "reference")
    if manual.exists() and reference.strip() not in manual.read_text():
        text = manual.read_text()
        line = text[:max(text.find(reference.splitlines()[0]), 0)].count("\n") + 1
        report.add("docs/operations.md", line,
                   "does not hold what `bipvault-ops config reference` prints")


COUNTER = re.compile(r'"((?:bip|smsc|vault|db|plugin)\.[a-z_]+)"')


def counters_of(text):
    return set(COUNTER.findall(messages.without_identifiers(text)))


def check_counters(source, report):
    """Every counter of the sources stands in the manual and in the metrics."""
    manual = (source / "docs/operations.md").read_text()
    told = (source / "plugin/counter_names.cpp").read_text()
    seen = 0
    for name, path in files_of(source, CODE):
        if name.split("/")[0] not in IN_PLUGIN:
            continue
        for counter in sorted(counters_of(path.read_text())):
            seen += 1
            if f"`{counter}`" not in manual:
                report.add(name, 1, f"docs/operations.md does not name the counter {counter}")
            if f'"{counter}"' not in told:
                report.add(name, 1, f"plugin/counter_names.cpp does not name {counter}")
    if seen < 30:
        report.add(source, 0, f"only {seen} counters found: wrong folder")


# ---- self -------------------------------------------------------------------------------------

# (file, line of it, part of the rule that must be found; empty: none may be)
SAMPLES = [
    ("base/x.h", '#include "vault/types.h"', "base may not include"),
    ("vault/x.h", '#include "db/stores.h"', "vault may not include"),
    ("vault/x.h", '#include "base/bytes.h"', ""),
    ("bip/x.cpp", '#include "db/stores.h"', "bip may not include"),
    ("db/x.cpp", '#include "bip/ports.h"', "db may not include"),
    ("smsc/x.cpp", '#include "vault/sms_ports.h"', ""),
    ("smsc/x.cpp", '#include "bip/ports.h"', "smsc may not include"),
    ("config/x.cpp", '#include "bip/settings.h"', ""),
    ("config/x.cpp", '#include "bip/gateway.h"', "config may not include"),
    ("cli/x.cpp", '#include "bip/settings.h"', "cli may not include"),
    ("card/x.cpp", '#include "bip/message.h"', ""),
    ("card/x.cpp", '#include "bip/session.h"', "card may not include"),
    ("host/x.cpp", '#include "bipvault/plugin.h"', ""),
    ("host/x.cpp", '#include "plugin/host.h"', "host may not include"),
    ("host/x.cpp", '#include "smsc/esme.h"', ""),
    ("host/x.cpp", '#include "vault/record.h"', "host may not include"),
    ("vault/x.cpp", '#include "plugin/host.h"', "vault may not include"),
    ("plugin/x.cpp", '#include "cli/tool.h"', "plugin may not include"),
    ("plugin/x.cpp", '#include "db/stores.h"', ""),
    ("plugin/x.cpp", '#include "../db/stores.h"', "name their folder"),
    ("plugin/include/bipvault/ext/x.h", '#include "../plugin.h"', ""),
    ("plugin/include/bipvault/ext/x.h", '#include "base/bytes.h"', "border's headers"),
    ("db/x.cpp", "#include <Poco/Path.h>", "Poco stays out"),
    ("cli/x.cpp", "#include <Poco/Path.h>", ""),
    ("db/x.cpp", "#include <iostream>", "standard streams"),
    ("db/x.cpp", "  std::cerr << 1;", "standard streams"),
    ("cli/x.cpp", "  std::cerr << 1;", ""),
    ("db/x.cpp", "  thread.detach();", "never detached"),
    ("host/x.cpp", "  std::this_thread::sleep_for(1s);", "does not sleep"),
    ("host/x.cpp", "  usleep(1);", "does not sleep"),
    ("db/sql_store.cpp", "  std::this_thread::sleep_for(1s);", ""),
    ("host/x.cpp", "  // sleep (or not)", ""),
    ("tests/x.cpp", "  usleep(1);", ""),
    ("tests/x.cpp", "x" * 101, "columns"),
    ("tests/x.cpp", "\u00e4" * 100, ""),
    ("docs/x.md", "x" * 101, ""),
    ("tests/x.cpp", "// TO" + "DO", "unfinished"),
    ("base/x.cpp", 'path + ".' + "X" * 6 + '"', ""),
    ("docs/x.md", "see /wo" + "rk/main", "path of one machine"),
    ("docs/x.md", "see ../sha" + "red/design", "path of one machine"),
    ("docs/x.md", "a link to docs/wo" + "rk/x", ""),
]


def check_self(report):
    for name, line, part in SAMPLES:
        found = Report()
        check_line(name, 1, line, found)
        text = "; ".join(found.violations)
        if (part == "") != (text == "") or part not in text:
            report.add(name, 1, f"for {line[:60]!r} wanted {part!r}, got {text!r}")


def resolved(text):
    return pathlib.Path(text).resolve()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["sources", "headers", "binary", "texts", "self"])
    parser.add_argument("--source", type=resolved, required=True)
    parser.add_argument("--build", type=resolved)
    parser.add_argument("--plugin")
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--ops")
    parser.add_argument("--release", action="store_true", help="assert() must be compiled out")
    options = parser.parse_args()
    report = Report()
    if options.part == "sources":
        check_sources(options.source, report)
    elif options.part == "headers":
        check_headers(options.source, options.build, options.compiler, report)
    elif options.part == "binary":
        check_binary(options.build, options.plugin, options.source, options.release, report)
    elif options.part == "texts":
        check_texts(options.source, options.ops, report)
        check_counters(options.source, report)
    else:
        check_self(report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())

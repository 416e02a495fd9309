"""Proves that bipvault-host does not start on what is wrong, says so in clear lines and ends with a
code other than 0: plugin file missing, not a plugin, every error of the INI at once, key file that
others may read, port in use. With each put right it starts."""
import os
import re
import socket

import lab as laboratory
from checks import CheckFailed, Report
from lab import Lab
from process import ProcessError, write_atomically


def refused(lab, report, what, *parts):
    """The host must end by itself; its log must hold every part. Its lines are the evidence."""
    try:
        lab.start(seconds=20)
    except ProcessError:
        pass
    else:
        lab.stop()
        raise CheckFailed(f"{what}: expected a refusal, the host has started")
    report.true(f"{what}: exit code", lab.host.code not in (0, None) and lab.host.code > 0,
                lab.host.code)
    log = lab.host.log()
    for part in parts:
        report.contains(f"{what}: log", log, part)
    lines = [line for line in log.splitlines() if any(part in line for part in parts)]
    for i, line in enumerate(lines):
        text = re.sub(r"^\S+Z error host (init refused: INVALID: )?", "", line)
        report.evidence("" if i else what, text.replace(lab.root + "/", "")[:110])
    report.equal(f"{what}: no ports file", os.path.exists(lab.ports_file), False, show="")


def with_config(lab, sections, report, what, *parts):
    lab.sections = sections
    lab.write_config()
    refused(lab, report, what, *parts)
    lab.sections = {}
    lab.write_config()


def bad_ini(lab, report):
    """Six errors of six kinds, all told in one go."""
    with open(lab.config, encoding="utf-8") as file:
        good = file.read()
    bad = good.replace("[bip]\n", "[bip]\nbach = 16\nworkers = 0\nworkers = 4\n"
                       "idle_timeout = 3 apples\nthis line is none\n")
    bad += "[vualt]\nkeep_versions = 3\n"
    write_atomically(lab.config, bad)
    refused(lab, report, "bad INI", "bach", "workers", "idle_timeout", "without '='", "vualt")
    numbers = re.findall(r"bipvault\.ini:(\d+)", lab.host.log())
    report.true("bad INI: each with its line", len(set(numbers)) >= 5, numbers)
    write_atomically(lab.config, good)


def main(options):
    report = Report("What the platform refuses to start on")
    with Lab(options.build, options.engine, options.keep) as lab:
        missing = lab.path("lib", "nothing.so")
        with_config(lab, {"host": {"plugin": missing}}, report, "missing plugin", missing)
        program = "/usr/bin/env"
        with_config(lab, {"host": {"plugin": program}}, report, "not a plugin", program)
        text = lab.path("etc", "text.so")
        write_atomically(text, "no library at all\n")
        with_config(lab, {"host": {"plugin": text}}, report, "a text file", text)
        bad_ini(lab, report)
        for name in ("master.keys", "pepper.keys", "audit.keys", "cards.csv"):
            path = lab.path("etc", name)
            os.chmod(path, 0o644)
            refused(lab, report, f"{name}, mode 0644", name)
            os.chmod(path, 0o600)
        os.rename(lab.path("etc", "pepper.keys"), lab.path("etc", "hidden"))
        refused(lab, report, "key file missing", "pepper.keys")
        os.rename(lab.path("etc", "hidden"), lab.path("etc", "pepper.keys"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with_config(lab, {"bip": {"tcp": address}}, report, "port in use", address)
        lab.start()
        report.equal("all put right", lab.host.running(), True, "started")
        first = lab.host
        lab.start()
        report.equal("a second one beside it, the first ended with", first.stop(), 0)
        report.equal("ports file of the second", os.path.exists(lab.ports_file), True, show="")
        report.equal("ended with", lab.stop(), 0)
        report.equal("ports file", os.path.exists(lab.ports_file), False, show="")
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

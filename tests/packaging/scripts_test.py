"""run-demo, run-tests and build-packages on a machine that has nothing yet: help and wrong options
are answered before anything is installed or built, and without a single Python module.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

failures = []


def check(what, holds, evidence=""):
    print(("ok    " if holds else "FAILED ") + what, flush=True)
    if not holds:
        failures.append(what)
        print("      " + evidence.strip().replace("\n", "\n      "), flush=True)


class FreshMachine:
    """The scripts alone, and of programs only what a minimal Debian has: a set-up could not even
    begin (no apt-get, no cmake, no python3)."""
    programs = ("bash", "cat", "comm", "dirname", "dpkg-query", "env", "grep", "head", "id", "ls",
                "mkdir", "rm", "sed", "sort", "tail", "tr")

    def __init__(self, source, work):
        self.root, self.path = os.path.join(work, "tree"), os.path.join(work, "bin")
        os.makedirs(os.path.join(self.root, "packaging"))
        os.mkdir(self.path)
        for name in ("run-demo", "run-tests", "packaging/setup.sh",
                     "packaging/build-packages", "packaging/debian-packages.txt"):
            shutil.copy(os.path.join(source, name), os.path.join(self.root, name))
        for name in self.programs:
            os.symlink(shutil.which(name), os.path.join(self.path, name))

    def run(self, script, *options, **how):
        done = subprocess.run([os.path.join(self.root, script), *options], text=True,
                              env={"PATH": self.path}, capture_output=True, timeout=120,
                              check=False, **how)
        built = os.path.exists(os.path.join(self.root, "build"))
        return done.returncode, done.stdout, done.stderr, built

    def wanted(self):
        with open(os.path.join(self.root, "packaging/debian-packages.txt"),
                  encoding="utf-8") as file:
            lines = [line.partition("#")[0].strip() for line in file]
        return [line for line in lines if line]

    def has_all_but(self, missing, removed, provided):
        """From now on dpkg-query says so: of `removed` only settings are left, `provided` comes
        with a package of another name."""
        rows = [f"installed\\t{name}, " for name in self.wanted()
                if name not in (*missing, removed, provided)]
        rows += [f"config-files\\t{removed}, ", f"installed\\tother, x (= 1), {provided} (= 2)"]
        query = os.path.join(self.path, "dpkg-query")
        os.remove(query)
        with open(query, "w", encoding="ascii") as file:
            file.write(f"#!{shutil.which('bash')}\nprintf '%b\\n' " +
                       " ".join(f"'{row}'" for row in rows) + "\n")
        os.chmod(query, 0o755)


PACKAGES = "packaging/build-packages"
HELP = {"./run-demo [options]": ("--engine", "--keep", "--serve", "--channel", "--carried"),
        "./run-tests [options]": ("--all", "--hours", "--sanitize", "--only"),
        f"{PACKAGES} OUT [options]": ("--build", "--version")}
WRONG = [("run-demo", ("--engine", "oracle"), "--engine takes one of: sqlite mysql"),
         ("run-demo", ("--engine",), "--engine needs a value"),
         ("run-demo", ("--channel=udp",), "--channel takes one of: tcp tls_psk cat_tp"),
         ("run-demo", ("--keep", "/etc"), "/etc is not empty"),
         ("run-demo", ("--serve", "--nonsense"), "unknown option --nonsense"),
         ("run-demo", ("mysql",), "unknown option mysql"),
         ("run-tests", ("--nonsense",), "unknown option --nonsense"),
         ("run-tests", ("--all", "--sanitize", "memory"), "--sanitize takes one of"),
         ("run-tests", ("--only",), "--only needs a regular expression"),
         (PACKAGES, (), "the folder for the packages is missing"),
         (PACKAGES, ("--build", "x"), "the folder for the packages is missing"),
         (PACKAGES, ("out", "--nonsense"), "unknown option --nonsense")]


def check_missing_packages(source, work):
    """Who may not install is told what to type, and nothing has happened."""
    machine = FreshMachine(source, os.path.join(work, "other"))
    missing, removed, provided = ("cmake", "ninja-build"), "libzstd-dev", "npm"
    check("the packages of this test are in the list",
          {*missing, removed, provided} <= set(machine.wanted()))
    machine.has_all_but(missing, removed, provided)
    os.chmod(work, 0o755)
    how = {}
    if os.getuid() == 0:
        how = {"user": "nobody", "group": "nogroup", "extra_groups": [], "cwd": "/"}
    for script in ("run-demo", "run-tests"):
        code, out, err, built = machine.run(script, **how)
        told = [line.rstrip() for line in err.splitlines()]
        check(f"{script} without root: the packages that are missing, and how to install them",
              code == 2 and not out and not built and told == [
                  "These Debian packages are missing. Install them, then run this again:",
                  "  sudo apt-get install -y --no-install-recommends "
                  + " ".join(sorted((*missing, removed)))], f"{code}\n{out}{err}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    source = parser.parse_args().source
    with tempfile.TemporaryDirectory(prefix="bvscripts-", dir="/tmp") as work:
        machine = FreshMachine(source, work)
        for usage, words in HELP.items():
            script = usage.split()[0]
            for option in ("--help", "-h"):
                code, out, err, built = machine.run(script, option)
                check(f"{script} {option} says how it is called",
                      code == 0 and out.startswith(f"Usage: {usage}\n") and not err
                      and not built and all(f"  {word}" in out for word in words), out + err)
        for script, options, why in WRONG:
            code, out, err, built = machine.run(script, *options)
            name = os.path.basename(script)
            told = err.startswith(f"{name}: {why}") and err.endswith("(--help)\n")
            check(f"{script} {' '.join(options)}: {why}",
                  code == 2 and told and not out and not built, out + err)
        # So that the above proves something: without options a set-up is begun, and fails here.
        code, out, err, _ = machine.run("run-demo", "--carried")
        check("run-demo with good options goes on to the set-up",
              code != 0 and "unknown" not in err, out + err)
        check_missing_packages(source, work)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

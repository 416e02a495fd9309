"""The packages under the eyes of their checkers: lintian, mandoc, shellcheck, systemd-analyze,
pkg-config, CMake and rpmbuild, and their bill of materials. Nothing is installed on this machine.
"""
import argparse
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

import license_expression

failures = []


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    return done.returncode, done.stdout


def check(what, holds, evidence=""):
    print(("ok    " if holds else "FAILED ") + what, flush=True)
    if not holds:
        failures.append(what)
        print("      " + evidence.strip().replace("\n", "\n      "), flush=True)


def must(command, **options):
    code, out = run(command, **options)
    if code != 0:
        sys.exit(f"{' '.join(command)} ended with {code}:\n{out}")
    return out


def lintian(packages):
    code, out = run(["lintian", "--allow-root", "--fail-on", "error,warning", *packages])
    check("lintian: no error, no warning", code == 0 and not out.strip(), out)


def pages(unpacked):
    """Every program and every configuration file has its page, and mandoc finds no fault."""
    found = glob.glob(unpacked + "/usr/share/man/man*/*.gz")
    names = {os.path.basename(page)[:-3] for page in found}
    programs = [os.path.basename(p) for p in glob.glob(unpacked + "/usr/bin/*")]
    for name in programs + [os.path.basename(p) for p in glob.glob(unpacked + "/etc/*/*.ini")]:
        check(f"{name} has a manual page", any(n.rsplit(".", 1)[0] == name for n in names))
    for page in found:
        plain = page[:-3]
        with gzip.open(page, "rb") as packed, open(plain, "wb") as file:
            file.write(packed.read())
        _, out = run(["mandoc", "-T", "lint", plain])
        # The pages that are referred to are not installed here.
        left = [line for line in out.splitlines() if "referenced manual not found" not in line]
        check(f"mandoc -T lint {os.path.basename(plain)}", not left, "\n".join(left))
    for page in glob.glob(unpacked + "/usr/share/man/man*/bipvault-*.gz"):
        name = os.path.basename(page).split(".", maxsplit=1)[0]
        _, shown = run([f"{unpacked}/usr/bin/{name}", "--help"])
        if "Exit codes:" not in shown:
            continue
        with gzip.open(page, "rt") as text:
            listed = text.read().partition("EXIT STATUS")[2]
        check(f"{name}: its page lists the exit codes of --help",
              re.findall(r"^\.It (\d)$", listed, re.M) ==
              re.findall(r"^  (\d)  ", shown.partition("Exit codes:")[2], re.M), shown)


def pages_tell_all(unpacked):
    """What the written pages say and --help does: options and commands are the same."""
    for program, page in (("bipvault-host", "man8/bipvault-host.8"),
                          ("bipvault-card", "man1/bipvault-card.1")):
        with open(f"{unpacked}/usr/share/man/{page}", encoding="utf-8") as file:
            text = file.read().replace("\\-", "-")
        _, told = run([f"{unpacked}/usr/bin/{program}", "--help"])
        words = set(re.findall(r"^\s+(?:-\w, )?(--[a-z-]+)", told, re.M))
        words |= set(re.findall(rf"^\s+{program} ([a-z]+) ", told, re.M))
        missing = [w for w in sorted(words) if not re.search(
            rf"(Fl -{w[2:]}|Cm {w})\b" if w.startswith("--") else rf"Cm {w}\b", text)]
        check(f"{page} names all that {program} --help does", words and not missing,
              " ".join(missing))


def materials(folder, unpacked):
    """The bill of materials names every library that is loaded, each with a licence."""
    with open(glob.glob(folder + "/*.spdx.json")[0], encoding="utf-8") as file:
        bill = json.load(file)
    listed = {package["SPDXID"]: package for package in bill["packages"]}
    ends = {end for one in bill["relationships"]
            for end in (one["spdxElementId"], one["relatedSpdxElement"])}
    check("materials: every relation is between what is listed",
          ends - {"SPDXRef-DOCUMENT"} == set(listed), str(ends ^ set(listed)))
    known = license_expression.get_spdx_licensing()
    bad = [f"{package['name']}: {package['licenseDeclared']}" for package in listed.values()
           if known.validate(package["licenseDeclared"]).errors]
    check("materials: every licence is one that SPDX knows", not bad, "\n".join(bad))
    for program in ("lib/bipvault/bipvault.so", "bin/bipvault-host", "bin/bipvault-cared"):
        path = f"{unpacked}/usr/{program}"
        needed = re.findall(r"=> (\S+)", must(["ldd", path]))
        _, owned = run(["dpkg-query", "--search", *{os.path.realpath(n) for n in needed},
                        *{os.path.realpath(n).removeprefix("/usr") for n in needed}])
        names = {line.split(":")[0] for line in owned.splitlines() if ": /" in line}
        missing = names - {package["name"] for package in listed.values()}
        check(f"materials: what {program} loads", len(names) > 3 and not missing, str(missing))


def scripts(source):
    files = [f"{source}/{name}" for name in ("run-demo", "run-tests", "run-bench", ".ci/run",
                                             "packaging/setup.sh", "packaging/build-packages",
                                             "packaging/node-modules",
                                             "packaging/completions/bipvault.bash")]
    files += glob.glob(source + "/packaging/debian/*.p*rm") + glob.glob(
        source + "/packaging/debian/*.p*inst") + glob.glob(source + "/packaging/debian/*.config")
    code, out = run(["shellcheck", "--severity=warning", "--shell=bash", *files])
    check(f"shellcheck: {len(files)} scripts", code == 0, out)


def units(unpacked, work):
    for unit in glob.glob(unpacked + "/lib/systemd/system/*.service"):
        name = os.path.basename(unit)
        # The same unit, but with the unpacked programs, so that what it starts is found.
        with open(unit, encoding="utf-8") as file:
            text = file.read()
        copy = os.path.join(work, name)
        with open(copy, "w", encoding="utf-8") as file:
            file.write(text.replace("=/usr/bin/", f"={unpacked}/usr/bin/"))
        code, out = run(["systemd-analyze", "verify", "--man=no", copy])
        check(f"systemd-analyze verify {name}", code == 0, out)
        _, out = run(["systemd-analyze", "security", "--offline=true", unit])
        level = re.search(r"exposure level for \S+: ([0-9.]+)", out)
        check(f"systemd-analyze security {name}: under 3.0", level and float(level[1]) < 3.0, out)


def completions(unpacked):
    """Bash asks the programs themselves; what it offers is what they know."""
    def offered(*typed):
        script = (f"export PATH={unpacked}/usr/bin:$PATH; "
                  f". {unpacked}/usr/share/bash-completion/completions/bipvault-ops; "
                  f"COMP_WORDS=(bipvault-ops {' '.join(typed)!s} ''); "
                  f"COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
                  f"_bipvault bipvault-ops '' ${{COMP_WORDS[COMP_CWORD-1]}}; "
                  f"printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return run(["bash", "-c", script])[1].split()
    check("completion: commands", {"import", "keys", "db", "config", "swap"} <= set(offered()),
          str(offered()))
    check("completion: second words", set(offered("db")) == {"init", "upgrade", "status", "check"},
          str(offered("db")))


def zsh_completions(unpacked):
    """The same in zsh: its function, with what it offers printed instead."""
    functions = unpacked + "/usr/share/zsh/vendor-completions/_bipvault"
    def offered(*typed):
        words = " ".join(f"'{word}'" for word in (unpacked + "/usr/bin/" + typed[0], *typed[1:]))
        return run(["zsh", "-f", "-c",
                    'compadd() { shift; print -l -- "$@" }; _files() { print FILES }; '
                    f"f() {{ local -a words; words=({words}); local CURRENT=$#words; "
                    f"source {functions} }}; f"])[1].split()
    check("zsh: commands", {"import", "keys", "db", "config", "swap"} <=
          set(offered("bipvault-ops", "")), str(offered("bipvault-ops", "")))
    check("zsh: second words", set(offered("bipvault-ops", "db", "")) ==
          {"init", "upgrade", "status", "check"}, str(offered("bipvault-ops", "db", "")))
    options = offered("bipvault-care", "erase", "--")
    check("zsh: options", {"--agent", "--document", "--json"} <= set(options), str(options))
    check("zsh: files", offered("bipvault-care", "--config", "") == ["FILES"])


def interface(unpacked, work):
    """A host finds the headers by pkg-config and by CMake."""
    source = os.path.join(work, "host.c")
    with open(source, "w", encoding="ascii") as file:
        file.write('#include <bipvault/plugin.h>\nint main(void) { return BV_ABI_MAJOR == 0; }\n')
    env = dict(os.environ, PKG_CONFIG_PATH=unpacked + "/usr/share/pkgconfig")
    flags = must(["pkg-config", "--cflags", "bipvault"], env=env).split()
    code, out = run(["cc", "-Wall", "-Werror", *flags, source, "-o", work + "/host"])
    check("a host compiles with pkg-config's flags", code == 0, out)
    plugin = must(["pkg-config", "--variable=plugindir", "bipvault"], env=env).strip()
    check("pkg-config names the plugin's folder", os.path.exists(plugin + "/bipvault.so"), plugin)
    with open(os.path.join(work, "CMakeLists.txt"), "w", encoding="ascii") as file:
        file.write("cmake_minimum_required(VERSION 3.20)\nproject(h C)\n"
                   "find_package(Bipvault 0.1 REQUIRED)\nadd_executable(h host.c)\n"
                   "target_link_libraries(h PRIVATE Bipvault::interface)\n"
                   "if(NOT EXISTS ${BIPVAULT_PLUGIN})\nmessage(FATAL_ERROR ${BIPVAULT_PLUGIN})\n"
                   "endif()\n")
    code, out = run(["sh", "-c", f"cmake -S {work} -B {work}/b -DCMAKE_PREFIX_PATH={unpacked}/usr "
                     f"&& cmake --build {work}/b"])
    check("a host builds with the CMake package", code == 0, out)


def rpm(source, build, work):
    top = os.path.join(work, "rpm")
    code, out = run(["rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {top}",
                     "--define", f"bipvault_build {build}", "--define", f"bipvault_source {source}",
                     source + "/packaging/rpm/bipvault.spec"])
    files = glob.glob(top + "/RPMS/*/*.rpm")
    for package, unit in (("host", "bipvault-host"), ("plugin", "bipvault-host"),
                          ("tools", "bipvault-cared")):
        scripts = "".join(run(["rpm", "-qp", "--scripts", path])[1]
                          for path in files if f"bipvault-{package}-" in path)
        check(f"an upgrade of the RPM {package} restarts {unit}",
              f"systemctl try-restart {unit}.service" in scripts and "%" not in scripts)
    built = {os.path.basename(p).split("-0")[0] for p in files}
    check("rpmbuild makes four packages", built == {
        "bipvault-plugin", "bipvault-host", "bipvault-tools", "bipvault-devel"}, out[-2000:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    how = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bvpkg-", dir="/tmp") as work:
        os.chmod(work, 0o755)
        must([how.source + "/packaging/build-packages", work, "--build", how.build])
        packages = glob.glob(work + "/*.deb")
        check("four packages", len(packages) == 4, str(packages))
        lintian(packages)
        unpacked = os.path.join(work, "root")
        for package in packages:
            must(["dpkg-deb", "--extract", package, unpacked])
        units(unpacked, work)
        pages(unpacked)
        pages_tell_all(unpacked)
        completions(unpacked)
        zsh_completions(unpacked)
        interface(unpacked, work)
        materials(work, unpacked)
        scripts(how.source)
        rpm(how.source, how.build, work)
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

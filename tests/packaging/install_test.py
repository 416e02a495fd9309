"""The packages in a clean Debian root (debootstrap), in mount, PID and network namespaces of its
own: installed, set up as README.Debian says, run as the unit says, upgraded with a schema one step
back, removed and purged with both answers. Needs root and a Debian mirror.
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

VAULT = "runuser -u bipvault -- "
OPS = VAULT + "bipvault-ops --config /etc/bipvault/bipvault.ini "
ICCID = "8949000000000000014"
NEXT_ICCID = "8949000000000000022"


class Failed(Exception):
    pass


def check(what, holds, evidence=""):
    if not holds:
        raise Failed(f"{what}\n{evidence}")
    print("ok    " + what, flush=True)


def mirror():
    for path in glob.glob("/etc/apt/sources.list.d/*.sources") + ["/etc/apt/sources.list"]:
        if os.path.exists(path):
            found = re.search(r"^(?:URIs:|deb(?: \[.*\])?) *(\S+)", open(path).read(), re.M)
            if found:
                return found[1]
    return "http://deb.debian.org/debian"


class Root:
    """A Debian 12 with nothing in it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "root")
        self._must(["debootstrap", "--variant=minbase", "bookworm", self.path, mirror()], 600)
        # As in a container: installing starts nothing.
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copy(name, self.path + name)

    @staticmethod
    def _must(command, seconds):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=seconds)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n"
                         f"{done.stdout[-4000:]}")

    def write(self, path, text, mode=0o644):
        with open(self.path + path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path + path, mode)

    def sh(self, script, code=0, seconds=300, stdin=None):
        """Runs a script in the root, as root, in namespaces of its own; returns what it printed."""
        inside = ("set -e; mount -t proc proc /proc; mount -t tmpfs tmpfs /run; "
                  "export DEBIAN_FRONTEND=noninteractive LC_ALL=C "
                  "PATH=/usr/sbin:/usr/bin:/sbin:/bin; "
                  "install -d -o bipvault -g bipvault /run/bipvault 2>/dev/null || true\n" + script)
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot",
                               self.path, "/bin/bash", "-c", inside],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=seconds, input=stdin)
        if code is not None and done.returncode != code:
            raise Failed(f"{script}\nended with {done.returncode}, not {code}:\n"
                         f"{done.stdout[-4000:]}")
        return done.stdout

    def has(self, path):
        return os.path.exists(self.path + path)

    def install(self, packages):
        for package in packages:
            shutil.copy(package, self.path + "/tmp/")
        names = " ".join("/tmp/" + os.path.basename(p) for p in packages)
        self.sh("apt-get update -qq && apt-get install -y -qq --no-install-recommends -o "
                f"Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 {names}", seconds=600)


def exec_start(root):
    unit = open(root.path + "/lib/systemd/system/bipvault-host.service", encoding="utf-8").read()
    return re.search(r"^User=(\S+)", unit, re.M)[1], re.search(r"^ExecStart=(.+)", unit, re.M)[1]


def served(root, script):
    """Runs what the unit runs, as its user, and the script against it; what both have printed."""
    user, command = exec_start(root)
    return root.sh(f"""
runuser -u {user} -- {command} >/run/host.log 2>&1 & host=$!
for i in $(seq 200); do
  [ -s /run/bipvault/ports.json ] && break; kill -0 $host || break; sleep 0.05
done
port=$(sed -nE 's/.*"tcp": *([0-9]+).*/\\1/p' /run/bipvault/ports.json) || true
status=0
(set -e; {script}
) || status=$?
kill $host 2>/dev/null && wait $host || true
cat /run/host.log
exit $status
""")


def card(root, words):
    return served(root, "bipvault-card run --card /root/a.card --phone /root/a.phone --json "
                  f"--server 127.0.0.1:$port --timeout 60s --script - <<'END'\n{words}\nEND")


def image(root):
    return json.loads(root.sh("bipvault-card show --card /root/a.card --json"))["digest"]


def set_up(root):
    """As README.Debian says."""
    root.sh(OPS + "keys init; " + OPS + "db init")
    root.sh("sed -i 's/^tcp = .*/tcp = 127.0.0.1:0/' /etc/bipvault/bipvault.ini; "
            "sed -i 's/^log = journald/log = stderr/' /etc/bipvault/host.ini")
    keys = "".join(f"{i},1,aes,{os.urandom(16).hex()},{os.urandom(16).hex()}\n"
                   for i in (ICCID, NEXT_ICCID))
    root.write("/etc/bipvault/secret/cards.csv", "iccid,key_set,algorithm,kic,kid\n" + keys, 0o600)
    root.sh("chown bipvault:bipvault /etc/bipvault/secret/cards.csv")
    root.write("/tmp/cards.csv", f"iccid\n{ICCID}\n{NEXT_ICCID}\n")
    root.sh(OPS + "import /tmp/cards.csv")
    root.sh(f"bipvault-card create --card /root/a.card --iccid {ICCID} "
            "--keys /etc/bipvault/secret/cards.csv --size 60; "
            "bipvault-card fill --card /root/a.card --contacts 50 --messages 5 --memos 1")


def one_step_back(root):
    """The store as an older version would have left it: without the last schema step."""
    root.sh("apt-get install -y -qq --no-install-recommends sqlite3 >/dev/null")
    step = sorted(glob.glob(os.path.join(root.source, "db", "schema", "*.sql")))[-1]
    text = open(step, encoding="utf-8").read()
    number = int(os.path.basename(step).split("_")[0])
    tables = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", text)
    drops = [f"DROP TABLE {name};" for name in tables]
    drops += [f"DROP INDEX {name};" for name, table in
              re.findall(r"CREATE (?:UNIQUE )?INDEX (\w+) ON (\w+)", text) if table not in tables]
    drops += [f"ALTER TABLE {table} DROP COLUMN {name};" for table, name in
              re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", text)]
    root.sh(VAULT + "sqlite3 /var/lib/bipvault/bipvault.db", stdin="".join(drops) +
            f"DELETE FROM schema_version WHERE version = {number};")
    return number


def story(root, how, work):
    def packages(name, *more):
        out = os.path.join(work, name)
        done = subprocess.run([how.source + "/packaging/build-packages", out, "--build", how.build,
                               *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode != 0:
            raise Failed(done.stdout)
        return glob.glob(out + "/*.deb")

    root.install(packages("first"))
    check("four packages installed, with all that they need, on a clean Debian 12", True)
    check("nothing to serve with: no key files yet, the unit's condition holds it back",
          not root.has("/etc/bipvault/secret/master.keys"))
    set_up(root)
    out = card(root, "menu Back up\nrun\nexpect result done\nok\nrun\nsave-key /root/key\nrun")
    check("a card has stored, through the unit's command as its user", "running" in out, out)
    before = image(root)
    root.sh("bipvault-card wipe --card /root/a.card")
    restore = "menu Restore\nkey @/root/key\nrun\nexpect result done"
    card(root, restore)
    check("and fetched: the card's content is what it was", image(root) == before)

    number = one_step_back(root)
    root.install(packages("second", "--version", "0.1.1"))
    check("upgraded; the changed configuration stays",
          "tcp = 127.0.0.1:0" in root.sh("cat /etc/bipvault/bipvault.ini") and
          "0.1.1" in root.sh("dpkg-query -W bipvault-plugin"))
    out = root.sh(OPS + "db status", code=1)
    check(f"the schema is one step back: {out.strip()}", f"needs {number}" in out, out)
    root.sh(OPS + "db upgrade")
    root.sh("bipvault-card wipe --card /root/a.card")
    card(root, restore)
    check("after db upgrade the content comes back as it was", image(root) == before)

    root.sh("apt-get purge -y -qq bipvault-plugin bipvault-host bipvault-tools bipvault-dev")
    check("purge without an answer keeps key files and store",
          root.has("/etc/bipvault/secret/master.keys") and
          root.has("/var/lib/bipvault/bipvault.db"))
    root.install(packages("second", "--version", "0.1.1"))
    root.sh("echo bipvault-plugin bipvault-plugin/purge-data boolean true | "
            "debconf-set-selections; "
            "apt-get purge -y -qq bipvault-plugin bipvault-host bipvault-tools bipvault-dev")
    check("purge with yes deletes both",
          not root.has("/etc/bipvault/secret") and not root.has("/var/lib/bipvault"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    how = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root: debootstrap and chroot")
    began = time.monotonic()
    work = tempfile.mkdtemp(prefix="bvroot-", dir="/tmp")
    try:
        root = Root(work)
        root.source = how.source
        story(root, how, work)
    except Failed as failure:
        sys.exit(f"FAILED {failure}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"all as it must be, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

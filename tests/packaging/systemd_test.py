"""The packages under systemd itself: a clean Debian 12 boots in namespaces of its own, the units
start as they are installed, hardened; cards store and fetch, an agent calls customer care, the
journal has the fields, a host that was killed comes back, and stopping is clean. Needs root, a
mount of cgroup2 and a kernel that lets namespaces be made; where there are none it says so (77).
"""
import argparse
import ctypes
import glob
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from install_test import ICCID, OPS, Failed, Root, check, set_up

UNITS = ("bipvault-host", "bipvault-cared")
CAP_SYS_RESOURCE = 24
RESTORE = "menu Restore\nkey @/root/key\nrun\nexpect result done"

# The root becomes the root of its namespaces (not by chroot: in one, no unit may have a namespace
# of users), with the file systems that systemd wants to find in a container.
BOOT = """
set -e
cd {root}
mount --bind . .
cd {root}
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
  touch dev/$name
  mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
ip link set lo up
pivot_root . mnt
umount -l /mnt
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \\
  --log-target=journal multi-user.target </dev/null
"""


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain: {what}")
        time.sleep(0.2)
    return seen


def cgroup2():
    """Where the unified hierarchy is mounted; None: nowhere."""
    with open("/proc/mounts", encoding="ascii") as mounts:
        return next((line.split()[1] for line in mounts if line.split()[2] == "cgroup2"), None)


class Machine:
    """A root in which systemd has booted. Ends with the test."""

    def __init__(self, root, hierarchy):
        self.path, self._group = root.path, f"{hierarchy}/bvtest-{os.getpid()}"
        self._log = root.path + ".boot"
        os.mkdir(self._group)
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc",
                 "--cgroup", "--net", "--propagation", "private", "sh", "-c",
                 BOOT.format(root=root.path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._join)
        self._first = None

    def _join(self):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        with open(self._group + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))

    def boot(self):
        """Waits until it has booted; why it did not, or None."""
        pid = self._process.pid

        def state():
            if self._process.poll() is not None:
                return "ended"
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                self._first = file.read().strip()
            if not self._first:
                return None
            told = self.sh("systemctl is-system-running || true", code=None).strip()
            return told if told in ("running", "degraded") else None

        try:
            seen = wait_until(state, 120, "systemd to have booted")
        except Failed as late:
            seen = str(late)
        if seen in ("running", "degraded"):
            return None
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return f"{seen}: {file.read()[-1000:]}"

    def sh(self, script, code=0, stdin=None):
        done = subprocess.run(
            ["nsenter", "--target", self._first, "--mount", "--pid", "--uts", "--ipc", "--net",
             "--cgroup", "--root", "--wd", "env", "-i", "LC_ALL=C",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "bash", "-c", "set -e\n" + script],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=200,
            input=stdin)
        if code is not None and done.returncode != code:
            raise Failed(f"{script}\nended with {done.returncode}, not {code}:\n{done.stdout}")
        return done.stdout

    def property(self, unit, name):
        return self.sh(f"systemctl show --value -p {name} {unit}").strip()

    def end(self):
        self._process.kill()
        self._process.wait()
        groups = [self._group, *glob.glob(self._group + "/**/", recursive=True)]

        def removed():
            """Deepest first; busy until the last process has gone."""
            for group in sorted(set(groups), key=len, reverse=True):
                try:
                    os.rmdir(group)
                except FileNotFoundError:
                    pass
                except OSError:
                    return False
            return True

        wait_until(removed, 30, "the machine's processes to end")


def limits_as_allowed(root):
    """LimitNOFILE cannot be above this machine's own limit where that cannot be raised."""
    with open("/proc/self/status", encoding="ascii") as file:
        caps = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most >= 120000 or caps >> CAP_SYS_RESOURCE & 1:
        return "as installed"
    folder = root.path + "/etc/systemd/system/bipvault-host.service.d"
    os.makedirs(folder)
    with open(folder + "/machine.conf", "w", encoding="ascii") as file:
        file.write(f"[Service]\nLimitNOFILE={most}\n")
    return f"as installed, but for LimitNOFILE={most}, which this machine does not let be raised"


def prepare(root):
    set_up(root)
    root.sh("sed -i 's/^log = stderr/log = journald/' /etc/bipvault/host.ini; "
            "useradd --create-home mei; printf '%s\\n' '[care]' "
            "'socket = /run/bipvault-cared/socket' 'agents = mei=mei' >>/etc/bipvault/bipvault.ini")


def card(machine, words):
    port = json.loads(machine.sh("cat /run/bipvault/ports.json"))["tcp"]
    machine.sh("bipvault-card run --card /root/a.card --phone /root/a.phone --json --server "
               f"127.0.0.1:{port} --timeout 60s --script -", stdin=words + "\n")


def image(machine):
    return json.loads(machine.sh("bipvault-card show --card /root/a.card --json"))["digest"]


def confined(machine, unit):
    """What the kernel says of the unit's process."""
    status = dict(line.split(":\t", 1) for line in machine.sh(
        f"cat /proc/{machine.property(unit, 'MainPID')}/status").splitlines() if ":\t" in line)
    user = machine.sh("id -u bipvault").strip()
    check(f"{unit}: its user, no capability, filtered calls, no new privileges",
          status["Uid"].split() == [user] * 4 and int(status["CapEff"], 16) == 0 and
          status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", str(status))


def care(machine, user):
    return machine.sh(f"runuser -u {user} -- bipvault-care show --agent mei --reason look "
                      f"--document passport --json {ICCID}", code=None,
                      stdin="D1234567\n")


def served(machine):
    wait_until(lambda: machine.sh("cat /run/bipvault/ports.json", code=None).startswith("{"), 60,
               "the host to tell its ports")
    card(machine, "menu Back up\nrun\nexpect result done\nok\nrun\nsave-key /root/key\nrun")
    before = image(machine)
    machine.sh("bipvault-card wipe --card /root/a.card")
    card(machine, RESTORE)
    check("a card has stored and fetched", image(machine) == before)
    return before


def journal(machine):
    lines = [json.loads(line) for line in
             machine.sh("journalctl -u bipvault-host -o json").splitlines()]
    told = [line for line in lines if line.get("BIPVAULT_MESSAGE") == "host.started"]
    check("the journal has identifier, component and priority as fields", told and
          (told[0]["BIPVAULT_COMPONENT"], told[0]["PRIORITY"]) == ("host", "6"), str(lines[-3:]))


def killed(machine, before):
    old = machine.property("bipvault-host", "MainPID")
    machine.sh("systemctl kill --signal=KILL bipvault-host")
    wait_until(lambda: machine.property("bipvault-host", "MainPID") not in ("0", old) and
               machine.property("bipvault-host", "SubState") == "running", 60,
               "the host to be started again")
    machine.sh("bipvault-card wipe --card /root/a.card")
    wait_until(lambda: machine.sh("journalctl -o cat -u bipvault-host").count("started [") >= 2, 60,
               "the new host to have started")
    card(machine, RESTORE)
    check("killed, it is started again, and the content is there", image(machine) == before)


def stopped(machine):
    machine.sh("systemctl reload bipvault-host")
    wait_until(lambda: "[plugin.reloaded]" in machine.sh("journalctl -o cat -u bipvault-host"), 60,
               "the host to have read its configuration again")
    machine.sh("systemctl stop " + " ".join(UNITS))
    check("reloaded and stopped, without a fault", all(
        (machine.property(unit, "Result"), machine.property(unit, "ExecMainStatus"))
        == ("success", "0") for unit in UNITS))


def story(root, how, work, hierarchy):
    out = os.path.join(work, "packages")
    done = subprocess.run([how.source + "/packaging/build-packages", out, "--build", how.build],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failed(done.stdout)
    root.install(glob.glob(out + "/*.deb"))
    root.sh("apt-get install -y -qq --no-install-recommends systemd-sysv dbus >/dev/null")
    prepare(root)
    units = limits_as_allowed(root)
    machine = Machine(root, hierarchy)
    try:
        if why := machine.boot():
            print("SKIPPED: systemd does not boot here: " + why)
            return 77
        print("ok    systemd has booted; units " + units, flush=True)
        machine.sh("systemctl enable --now " + " ".join(UNITS))
        before = served(machine)
        for unit in UNITS:
            confined(machine, unit)
        seen = care(machine, "mei")
        check("an agent's account is served", '"held"' in seen, seen)
        seen = machine.sh("runuser -u mei -- " + OPS.split("-- ")[1] + "keys status", code=None)
        check("and opens no key file", "keys" in seen and "master key 1" not in seen, seen)
        journal(machine)
        killed(machine, before)
        stopped(machine)
    finally:
        machine.end()
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    how = parser.parse_args()
    hierarchy = cgroup2()
    if os.geteuid() != 0 or not hierarchy:
        print("SKIPPED: needs root and a mount of cgroup2")
        sys.exit(77)
    work = tempfile.mkdtemp(prefix="bvboot-", dir="/tmp")
    os.chmod(work, 0o755)
    try:
        root = Root(work)
        root.source = how.source
        code = story(root, how, work, hierarchy)
    except Failed as failure:
        sys.exit(f"FAILED {failure}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()

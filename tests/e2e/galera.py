"""A Galera cluster on one machine: nodes of MariaDB with data, sockets and ports of their own.

Run by root, the servers are the user `mysql`: the state transfer by rsync does not work as root.
Timers of the group are those of docs/scale.md, so that a dead node is left within two seconds.
"""
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import tempfile

from process import Process, ProcessError, read_text, wait_until, write_secret

PROVIDER = "/usr/lib/galera/libgalera_smm.so"
TIMERS = ("evs.suspect_timeout=PT1S;evs.inactive_timeout=PT3S;evs.install_timeout=PT3S;"
          "evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.3S")
DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"]
SMALL = ["--skip-log-bin", "--performance-schema=OFF", "--innodb-buffer-pool-size=48M",
         "--innodb-log-file-size=32M", "--max-connections=400", "--skip-name-resolve"]


def free_ports(count):
    """Ports of 127.0.0.1 that nobody has now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Node:
    """One server. kill() and start(position) on the same data, or start() on none."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.port, self.group_port, self.ist_port, self.sst_port = free_ports(4)
        self.folder = cluster.path(f"n{number}")
        self.data = os.path.join(self.folder, "data")
        self.socket = os.path.join(self.folder, "s.sock")
        self.log_path = cluster.path(f"n{number}.log")
        self.process = None
        os.makedirs(os.path.join(self.folder, "tmp"))
        self._environment = {**os.environ, "TMPDIR": os.path.join(self.folder, "tmp"),
                             "HOME": self.folder}

    def _command(self, *more):
        return ["/usr/sbin/mariadbd", "--no-defaults", "--basedir=/usr", "--datadir=" + self.data,
                "--socket=" + self.socket, "--pid-file=" + self.data + ".pid",
                "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
                *DURABLE, *SMALL, *more]

    def _cluster_options(self, first):
        others = ",".join(f"127.0.0.1:{node.group_port}" for node in self.cluster.nodes)
        options = (f"gmcast.listen_addr=tcp://127.0.0.1:{self.group_port};"
                   f"ist.recv_addr=127.0.0.1:{self.ist_port};gcache.size=256M;{TIMERS}")
        return ["--wsrep-on=ON", "--wsrep-provider=" + PROVIDER, "--wsrep-cluster-name=bipvault",
                "--wsrep-cluster-address=gcomm://" + ("" if first else others),
                f"--wsrep-node-name=n{self.number}", "--wsrep-node-address=127.0.0.1",
                f"--wsrep-sst-receive-address=127.0.0.1:{self.sst_port}",
                "--wsrep-sst-method=rsync", "--wsrep-provider-options=" + options,
                "--bind-address=127.0.0.1", f"--port={self.port}"]

    def install(self):
        done = self.cluster.runner.run(
            self.cluster.as_server(["mariadb-install-db", "--no-defaults", "--force",
                                    "--auth-root-authentication-method=normal", "--skip-test-db",
                                    "--basedir=/usr", "--datadir=" + self.data]),
            env=self._environment)
        if done.code:
            raise ProcessError(f"mariadb-install-db: {done.text()}")

    def start(self, *more, first=False):
        os.makedirs(self.data, exist_ok=True)
        self.cluster.own(self.data)
        self.process = Process(
            self.cluster.as_server([*self._command(*more), *self._cluster_options(first)]),
            self.log_path, env=self._environment, cwd=self.folder)

    def wait(self, seconds=120):
        wait_until(self.synced, seconds, f"node {self.number} to be synced, {self.log_path}",
                   every=0.1)

    def synced(self):
        if not self.process.running():
            raise ProcessError(f"mariadbd ended with {self.process.code}: {self.log_path}")
        return os.path.exists(self.socket) and self.status("local_state_comment") == "Synced"

    def status(self, name):
        """A wsrep_ figure; nothing while the node does not answer."""
        done = self.client(f"SHOW STATUS LIKE 'wsrep_{name}'")
        return done.out.split("\t")[-1].strip() if done.code == 0 else None

    def client(self, statements):
        return self.cluster.runner.run(["mariadb", "--no-defaults", "--socket=" + self.socket,
                                        "-uroot", "-N", "mysql"], stdin=statements)

    def sql(self, statements):
        done = self.client(statements)
        if done.code:
            raise ProcessError(f"mariadb: {done.text()}")
        return done.out

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def recover(self):
        """Comes back with what it had when it was killed; the rest by IST, as Debian's unit does.
        """
        found = self.cluster.runner.run(
            self.cluster.as_server([*self._command("--wsrep-recover"),
                                    *self._cluster_options(False)]),
            env=self._environment)
        position = re.search(r"Recovered position:?\s*(\S+:-?\d+)", found.out + found.err)
        if not position:
            raise ProcessError(f"no recovered position: {found.path}.err")
        self.start("--wsrep-start-position=" + position.group(1))
        self.wait()
        return position.group(1)

    def log(self, since=0):
        return read_text(self.log_path)[since:]


class Cluster:
    """`count` nodes that are one cluster, with database and account as bipvault.ini names them."""

    def __init__(self, runner, count=3):
        self.runner = runner
        self.root = tempfile.mkdtemp(prefix="bvgalera-", dir="/tmp")
        self._user = "mysql" if os.getuid() == 0 else None
        self.own(self.root)
        self.nodes = []
        self.nodes += [Node(self, number) for number in range(1, count + 1)]
        for node in self.nodes:
            self.own(node.folder)
            self.own(os.path.join(node.folder, "tmp"))

    def path(self, *names):
        return os.path.join(self.root, *names)

    def own(self, path):
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(path, account.pw_uid, account.pw_gid)

    def as_server(self, command):
        if not self._user:
            return command
        return ["setpriv", "--reuid", self._user, "--regid", self._user, "--init-groups",
                "--pdeathsig", "KILL", *command]

    def create(self, password_file):
        first, *others = self.nodes
        first.install()
        first.start(first=True)
        first.wait()
        password = secrets.token_hex(16)
        write_secret(password_file, password + "\n")
        first.sql("CREATE DATABASE bipvault CHARACTER SET utf8mb4; "
                  f"CREATE USER bipvault@localhost IDENTIFIED BY '{password}'; "
                  f"CREATE USER bipvault@'127.0.0.1' IDENTIFIED BY '{password}'; "
                  "GRANT ALL ON bipvault.* TO bipvault@localhost, bipvault@'127.0.0.1';")
        for node in others:  # by SST; one after the other, as a node can give to one only
            node.start()
            node.wait()

    def end(self, keep=False):
        for node in self.nodes:
            if node.process:
                node.process.stop(signal.SIGKILL)
        if not keep:
            shutil.rmtree(self.root, ignore_errors=True)

"""Prepared stores of one engine for the benches, and the servers that are measured on them."""
import os
import shutil
import signal
import tempfile

import process
from pairs import BenchFailed
from process import Asked, Process, ProcessError, port_of, wait_until

ENGINES = {"sqlite": "sqlite", "mariadb": "mysql"}
WORKERS = 24  # as the default of [bip] workers
# Durable, and large enough that neither side waits for pages: what is measured is the program.
SERVER = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1", "--skip-networking",
          "--skip-log-bin", "--performance-schema=OFF", "--innodb-buffer-pool-size=2G",
          "--innodb-log-file-size=2G", "--innodb-io-capacity=2000", "--innodb-flush-neighbors=0",
          "--max-connections=200"]


class Server:
    """A private MariaDB server with the schemas of both sides."""

    def __init__(self, folder):
        self.socket, data = os.path.join(folder, "s"), os.path.join(folder, "mysql")
        user = ["--user=root"] if os.geteuid() == 0 else []
        # --force: a machine whose own name resolves nowhere is no reason.
        process.run(["mariadb-install-db", "--no-defaults", "--skip-test-db", "--force",
                     "--auth-root-authentication-method=normal", "--basedir=/usr",
                     "--datadir=" + data, *user])
        self._process = Process(["/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + data,
                                 "--socket=" + self.socket, "--pid-file=" + data + ".pid",
                                 *user, *SERVER], os.path.join(folder, "mariadb.log"))
        wait_until(self._ready, 60, "mariadbd, " + self._process.log_path)
        self.sql("CREATE DATABASE bipvault CHARACTER SET utf8mb4; CREATE DATABASE bare;")

    def _ready(self):
        if not self._process.running():
            raise ProcessError("mariadbd ended: " + self._process.log_path)
        return os.path.exists(self.socket) and "ready for connections" in self._process.log()

    def sql(self, text):
        process.run(["mariadb", "--no-defaults", "--socket=" + self.socket, "-uroot"], text, 300)

    def warm(self):
        """Writes the redo log once from end to end: its first round is slower than all later."""
        self.sql("CREATE TABLE bare.warm (id INT AUTO_INCREMENT PRIMARY KEY, d LONGBLOB);" +
                 "INSERT INTO bare.warm (d) VALUES (REPEAT(RANDOM_BYTES(1024), 15360));" * 140 +
                 "DROP TABLE bare.warm;")

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        self._process.stop(signal.SIGKILL)


def program(build, name):
    return os.path.join(build, "tests", name)


class Place:
    """A folder with a prepared store of one engine, and the bare tables beside it."""

    def __init__(self, how, engine):
        self.build, self.engine = how.build, ENGINES[engine]
        self.folder = tempfile.mkdtemp(prefix="bvb-", dir="/tmp")
        self.server = None
        try:
            self._prepare(how)
        except BaseException:
            self.remove()
            raise

    def _prepare(self, how):
        socket = []
        if self.engine == "mysql":
            self.server = Server(self.folder)
            if not how.smoke:
                self.server.warm()
            socket = [self.server.socket]
        process.run([program(self.build, "bench_workspace"), self.folder, str(how.cards),
                     self.engine, *socket])
        self.bare("init", self.path("cards.txt"))

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def where(self):
        return self.server.socket if self.server else self.path("bare.db")

    def bare(self, what, *more):
        process.run([program(self.build, "bench_bare"), what, self.engine, self.where, *more])

    def remove(self):
        if self.server:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sides:
    """The product and the programs that are its limits, serving the same cards on one place."""

    def __init__(self, how, engine, limits=("bare",)):
        self.place, self._servers = Place(how, engine), {}
        self.load = Asked([program(how.build, "bench_load"), str(how.cards), how.content])
        try:
            self._host(how)
            sizes = self.load.ask("prepare", self.ports["real"])
            for side in limits:
                self._limit(how, side, [str(sizes[name]) for name in
                                        ("begin", "store", "answer1", "answer2")])
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        try:
            if not any(failure) and self._servers["real"].stop() != 0:
                raise BenchFailed("bipvault-host: " + self._servers["real"].log())
        finally:
            self.end()

    def _host(self, how):
        self._servers["real"] = Process(
            [os.path.join(how.build, "bin", "bipvault-host"), "--config",
             self.place.path("host.ini")], self.place.path("host.log"))
        self.ports = {"real": port_of(self._servers["real"], self.place.path("ports.json"))}

    def _limit(self, how, side, sizes):
        told = self.place.path(side + ".json")
        self._servers[side] = Process(
            [program(how.build, "bench_" + side), "serve", self.place.engine, self.place.where,
             told, str(WORKERS), *sizes], self.place.path(side + ".log"))
        self.ports[side] = port_of(self._servers[side], told)

    @property
    def pids(self):
        """Of each side: its program, and the database server that both use."""
        server = [self.place.server.pid] if self.place.server else []
        return {side: [one.pid, *server] for side, one in self._servers.items()}

    def end(self):
        self.load.stop()
        for server in self._servers.values():
            server.stop(signal.SIGKILL)
        self.place.remove()

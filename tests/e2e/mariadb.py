"""A private MariaDB server: own data directory and socket, durable, no port, no configuration of
the machine. As root or as any user."""
import os
import secrets
import signal

from process import Process, ProcessError, wait_until, write_secret

DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"]
SMALL = ["--skip-networking", "--skip-log-bin", "--performance-schema=OFF",
         "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=32M", "--max-connections=100"]


class MariaDb:
    """One server; survives kill() and start() on the same data."""

    def __init__(self, folder, log_folder, runner):
        self._data = os.path.join(folder, "mysql")
        # Its temporary tables, which servers side by side must not share.
        self._environment = {**os.environ, "TMPDIR": os.path.join(folder, "tmp")}
        os.makedirs(self._environment["TMPDIR"])
        self.socket = os.path.join(folder, "s.sock")
        self.password_file = os.path.join(folder, "db.password")
        self._log = os.path.join(log_folder, "mariadb.log")
        self._runner, self.process = runner, None

    @staticmethod
    def _user():
        return ["--user=root"] if os.getuid() == 0 else []

    def create(self):
        """New data directory, server running, database and account as bipvault.ini names them."""
        made = self._runner.run(
            ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
             "--force",  # a machine whose own name resolves nowhere is no reason
             "--skip-test-db", "--basedir=/usr", "--datadir=" + self._data, *self._user()],
            env=self._environment)
        if made.code:
            raise ProcessError(f"mariadb-install-db: {made.text()}")
        self.start()
        password = secrets.token_hex(16)
        write_secret(self.password_file, password + "\n")
        self.sql("CREATE DATABASE bipvault CHARACTER SET utf8mb4; "
                 f"CREATE USER bipvault@localhost IDENTIFIED BY '{password}'; "
                 "GRANT ALL ON bipvault.* TO bipvault@localhost;")

    def start(self):
        self.process = Process(
            ["/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + self._data,
             "--socket=" + self.socket, "--pid-file=" + self._data + ".pid", *self._user(),
             *DURABLE, *SMALL], self._log, env=self._environment)
        wait_until(self._answers, 60, "MariaDB server, " + self._log)

    def _answers(self):
        if not self.process.running():
            raise ProcessError(f"mariadbd ended with {self.process.code}: {self._log}")
        if not os.path.exists(self.socket) or "ready for connections" not in self.process.log():
            return False
        return self._client("SELECT 1;").code == 0

    def _client(self, statements):
        return self._runner.run(["mariadb", "--no-defaults", "--socket=" + self.socket, "-uroot",
                                 "-N", "bipvault" if statements.startswith("USE;") else "mysql"],
                                stdin=statements.removeprefix("USE;"))

    def sql(self, statements):
        done = self._client(statements)
        if done.code:
            raise ProcessError(f"mariadb: {done.text()}")
        return done.out

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def freeze(self):
        """Alive, but answers nobody any more."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """For good: nothing of it is needed any more, so no clean shutdown."""
        if self.process:
            self.process.stop(signal.SIGKILL)

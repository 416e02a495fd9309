"""Processes that a laboratory starts: own group, output in files, gone with their parent."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class ProcessError(Exception):
    """A program did not do what the laboratory needs; the text names its output file."""


def _dies_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_until(condition, seconds, what, every=0.01):
    """Asks again and again until the condition holds; returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ProcessError(f"waited {seconds} s in vain: {what}")
        time.sleep(every)


class Process:
    """A long-running program. Its output goes to one file, appended to over restarts."""

    def __init__(self, command, log_path, **options):
        self.name, self.log_path = os.path.basename(command[0]), log_path
        with open(log_path, "ab") as log:
            self.log_begin = log.tell()
            self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, process_group=0,
                                           preexec_fn=_dies_with_parent, **options)

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    @property
    def code(self):
        return self._popen.poll()

    def send_signal(self, number):
        if self.running():
            self._popen.send_signal(number)

    def log(self, since=None):
        """What it has written since its start, or since a position got from log_size()."""
        with open(self.log_path, "rb") as file:
            file.seek(self.log_begin if since is None else since)
            return file.read().decode("utf-8", "replace")

    def log_size(self):
        return os.path.getsize(self.log_path)

    def wait(self, seconds):
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise ProcessError(f"{self.name} did not end within {seconds} s: "
                               f"{self.log_path}") from late

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it; by SIGKILL when it does not go by itself. Returns its code."""
        self.send_signal(number)
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


class Finished:
    """A program that has ended: code and outputs."""

    def __init__(self, command, code, out, err, path):
        self.command, self.code, self.out, self.err, self.path = command, code, out, err, path

    def text(self):
        return (self.out + self.err).strip()


class Runner:
    """Runs programs to their end; command line, code and outputs of each are kept in a folder."""

    def __init__(self, folder):
        self._folder, self._count = folder, 0
        os.makedirs(folder, exist_ok=True)

    def run(self, command, stdin="", seconds=60, env=None):
        self._count += 1
        path = os.path.join(self._folder, f"{self._count:03d}-{os.path.basename(command[0])}")
        with open(path + ".out", "wb+") as out, open(path + ".err", "wb+") as err:
            popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err,
                                     process_group=0, preexec_fn=_dies_with_parent, env=env)
            try:
                popen.communicate(stdin.encode(), timeout=seconds)
            except subprocess.TimeoutExpired as late:
                raise ProcessError(f"{' '.join(command)}: no end within {seconds} s; "
                                   f"outputs: {path}.*") from late
            finally:
                if popen.poll() is None:
                    popen.kill()
                    popen.wait()
        texts = [read_text(path + end) for end in (".out", ".err")]
        with open(path + ".cmd", "w", encoding="utf-8") as file:
            file.write(f"{' '.join(command)}\nexit code {popen.returncode}\n")
        return Finished(command, popen.returncode, texts[0], texts[1], path)


def read_text(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "replace")


def write_secret(path, text):
    """A file that only its owner may read, from its first moment on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def write_atomically(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)

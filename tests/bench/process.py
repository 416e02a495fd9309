"""Programs that a bench starts: their output goes to files, and none outlives the bench."""
import ctypes
import json
import os
import signal
import subprocess
import time

_libc = ctypes.CDLL(None)


class ProcessError(Exception):
    pass


def _dies_with_parent():
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise ProcessError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.01)
    return value


class Process:
    """A long-running program."""

    def __init__(self, command, log_path):
        self.name, self.log_path = os.path.basename(command[0]), log_path
        with open(log_path, "ab") as log:
            self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, preexec_fn=_dies_with_parent)

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def log(self):
        return read_text(self.log_path)

    def stop(self, number=signal.SIGTERM, seconds=60):
        """Returns its code; kills it when it does not end by itself."""
        if self.running():
            self._popen.send_signal(number)
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


class Asked:
    """A program that answers each line with a line of JSON, and ends with its input."""

    def __init__(self, command):
        self._name = os.path.basename(command[0])
        self._popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True, preexec_fn=_dies_with_parent)

    def ask(self, *words):
        self._popen.stdin.write(" ".join(map(str, words)) + "\n")
        self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        if not line:
            raise ProcessError(f"{self._name} has ended with {self._popen.wait()}")
        return json.loads(line)

    def stop(self):
        self._popen.stdin.close()
        self._popen.wait(20)


def ports_of(server, path):
    """The ports that a starting server writes into a file, by name."""
    def told():
        if not server.running():
            raise ProcessError(f"{server.name} ended: {server.log().strip()}")
        return os.path.exists(path) and json.loads(read_text(path))
    return wait_until(told, 30, path)


def port_of(server, path):
    return ports_of(server, path)["tcp"]


def run(command, stdin="", seconds=120):
    """Runs a program to its end and returns its output; another code than 0 is an error."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True,
                              timeout=seconds, preexec_fn=_dies_with_parent)
    except subprocess.TimeoutExpired as late:
        raise ProcessError(f"{command[0]} did not end within {seconds} s") from late
    if done.returncode:
        raise ProcessError(f"{command[0]}: code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout

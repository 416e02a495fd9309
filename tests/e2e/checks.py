"""Steps and checks: what a test says, what it saw, and how many checks held.

The first check that fails ends the run: what was expected and what was seen.
"""
import os
import sys
import time


class CheckFailed(Exception):
    """One line: what was expected, what was seen."""


class Report:
    """Numbered steps with aligned evidence on standard output."""

    WIDTH = 26

    def __init__(self, title):
        self.steps, self.checks, self._began = 0, 0, time.monotonic()
        self._colour = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        print(self._bold(title))

    def _bold(self, text):
        return f"\033[1m{text}\033[0m" if self._colour else text

    def chapter(self, text):
        print(f"\n{self._bold(text)}", flush=True)

    def step(self, text):
        self.steps += 1
        print(f"\n{self.steps:3d}. {text}", flush=True)

    def evidence(self, name, value):
        print(f"     {name:<{self.WIDTH}} {value}", flush=True)

    def equal(self, name, seen, expected, show=None):
        """A check; printed as evidence when `show` is not "" (None: what was seen)."""
        self.checks += 1
        if seen != expected:
            raise CheckFailed(f"{name}: expected {expected!r}, seen {seen!r}")
        if show != "":
            self.evidence(name, seen if show is None else show)

    def true(self, name, condition, seen="", show=None):
        """A check of a condition; `name` says what must hold."""
        self.checks += 1
        if not condition:
            raise CheckFailed(f"{name}: not so" + (f"; seen {seen!r}" if seen != "" else ""))
        if show is not None:
            self.evidence(name, show)

    def contains(self, name, text, part, show=""):
        self.checks += 1
        if part not in text:
            raise CheckFailed(f"{name}: expected {part!r} in {text!r}")
        if show != "":
            self.evidence(name, part if show is None else show)

    def end(self):
        seconds = time.monotonic() - self._began
        steps = f"{self.steps} steps, " if self.steps else ""
        print(f"\n{self._bold('All came out as it must')}: {steps}{self.checks} checks in "
              f"{seconds:.1f} s", flush=True)


def masked(key):
    """A key for the eye: never whole."""
    return key[:2] + "*" * (len(key) - 2) if key else "none"

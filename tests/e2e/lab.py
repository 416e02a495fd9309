"""A laboratory: one platform with everything that it needs, in a folder of its own.

    with Lab(build, engine="sqlite") as lab:
        lab.import_cards([lab.new_iccid()])
        lab.start()

Keys, configuration, database, host and tools as an operator would set them up; a moved clock; card
keys random per laboratory. Whatever happens, no process is left behind. The folder is removed when
all went well, kept and named otherwise.
"""
import argparse
import json
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile

import wire
from checks import CheckFailed
from mariadb import MariaDb
from peer_cat_tp import CatTpError
from peer_tls import TlsError
from peer import Card, CatTpChannel, Channel, PeerError, TlsChannel
from process import (Process, ProcessError, Runner, read_text, wait_until, write_atomically,
                     write_secret)

DOCUMENT = "E12345678"  # what customer care is shown when a test does not care


def luhn_digit(digits):
    total = 0
    for i, digit in enumerate(reversed(digits)):
        n = int(digit) * (2 if i % 2 == 0 else 1)
        total += n - 9 if n > 9 else n
    return str(-total % 10)


class Lab:
    """bip, vault, host: keys for the sections of bipvault.ini and host.ini beyond the defaults."""

    speaks = "tcp"  # what cards in phones speak: tcp, tls_psk, cat_tp
    carried = False  # the host ends TCP and hands octets over ([host] carry_bip)

    def __init__(self, build, engine="sqlite", keep=None, plugin=None, **sections):
        self.build, self.engine, self.keep = os.path.abspath(build), engine, keep
        self.sections = sections
        self.root = self._folder(keep)
        for name in ("etc", "data", "log", "out", "cards", "trace"):
            os.makedirs(self.path(name), exist_ok=True)
        self.plugin = plugin or os.path.join(self.build, "lib", "bipvault.so")
        self.runner = Runner(self.path("out"))
        self.clock_file = self.path("etc", "clock")
        self.lives = 0  # of cards in phones, so far
        self.config = self.path("etc", "bipvault.ini")
        self.host_config = self.path("etc", "host.ini")
        self.ports_file = self.path("data", "ports.json")
        self.card_keys, self.psks, self.ports = {}, {}, {}
        self.imported = set()
        self.host = self.db = None
        self._serial = secrets.randbelow(10 ** 9)

    @staticmethod
    def _folder(keep):
        if keep is None:
            return tempfile.mkdtemp(prefix="bve2e-", dir="/tmp")
        os.makedirs(keep, mode=0o700, exist_ok=True)
        if os.listdir(keep):
            raise ProcessError(f"{keep} is not empty")
        return os.path.abspath(keep)

    def path(self, *names):
        return os.path.join(self.root, *names)

    # --- set-up ------------------------------------------------------------------------------

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" ignores it
        try:
            write_atomically(self.clock_file, "0\n")
            if self.engine == "mysql":
                self.db = MariaDb(self.path("data"), self.path("log"), self.runner)
                self.db.create()
            self.write_config()
            self.write_card_keys()
            self.ops("keys", "init")
            self.ops("db", "init")
        except BaseException:
            self._end(True)
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        self._end(kind not in (None, KeyboardInterrupt, SystemExit))

    def _end(self, failed):
        for process in (self.host, self.db):
            if process:
                process.stop()
        if self.keep is None and not failed:
            shutil.rmtree(self.root, ignore_errors=True)
        elif failed:
            print(f"data, logs and outputs: {self.root}", file=sys.stderr)

    def write_config(self):
        """bipvault.ini and host.ini from self.sections; call it again after changing them."""
        store = {"engine": "sqlite", "path": "../data/bipvault.db"}
        if self.engine == "mysql":
            store = {"engine": "mysql", "socket": self.db.socket,
                     "password_file": self.db.password_file}
        plugin = {"store": store,
                  "keys": {"master_key_file": "master.keys", "pepper_file": "pepper.keys",
                           "audit_key_file": "audit.keys"},
                  "bip": {"tcp": "127.0.0.1:0"}}
        host = {"host": {"plugin": self.plugin, "plugin_config": "bipvault.ini",
                         "card_keys": "cards.csv", "ports_file": self.ports_file,
                         "clock": "file:" + self.clock_file, "drain_deadline": "2s"}}
        if self.speaks != "tcp":
            plugin["bip"][self.speaks] = "127.0.0.1:0"
        if self.carried:
            plugin["bip"]["tcp"] = ""
            host["host"]["carry_bip"] = "yes"
        for section, keys in self.sections.items():
            (host if section == "host" else plugin).setdefault(section, {}).update(keys)
        for path, sections in ((self.config, plugin), (self.host_config, host)):
            text = "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) + "\n"
                           for name, keys in sections.items())
            write_atomically(path, text)

    def write_card_keys(self):
        rows = ["iccid,key_set,algorithm,kic,kid,psk"]
        rows += [f"{iccid},{k.key_set},{k.family},{k.kic.hex()},{k.kid.hex()},{self.psk(iccid)}"
                 for iccid, k in self.card_keys.items()]
        write_secret(self.path("etc", "cards.csv"), "\n".join(rows) + "\n")

    def psk(self, iccid):
        """A card's pre-shared key for TLS, in hex."""
        return self.psks.setdefault(iccid, secrets.token_hex(16))

    # --- platform ----------------------------------------------------------------------------

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    def start(self, seconds=30):
        """Starts bipvault-host and waits until it has told its ports."""
        if os.path.exists(self.ports_file):
            os.unlink(self.ports_file)
        self.host = Process([self.program("bipvault-host"), "--config", self.host_config],
                            self.path("log", "host.log"), cwd=self.path("data"))
        wait_until(self._ports_told, seconds, "the host's ports, " + self.host.log_path)

    def _ports_told(self):
        if not self.host.running():
            raise ProcessError(f"bipvault-host ended with {self.host.code}: "
                               f"{self.host.log().strip()}")
        try:
            self.ports = json.loads(read_text(self.ports_file))
        except (OSError, ValueError):
            return False
        return True

    @property
    def port(self):
        return self.ports["tcp"]

    def stop(self):
        """A clean end; returns the host's code."""
        return self.host.stop(signal.SIGTERM)

    def restart(self):
        code = self.stop()
        self.start()
        return code

    def kill(self):
        self.host.stop(signal.SIGKILL)

    def reload(self):
        """SIGHUP; waits for the host's word and returns what it has logged."""
        return self._signalled(signal.SIGHUP, r" \[host\.(reloaded|configuration_kept)\]$")

    def health(self):
        """The plugin's health, asked by SIGUSR1 and read from the log."""
        text = self._signalled(signal.SIGUSR1, r"\{.*\}\s*$")
        return json.loads(re.search(r"\{.*\}", text.splitlines()[-1]).group())

    def counter(self, name):
        return self.health()["counters"].get(name, 0)

    def _signalled(self, number, pattern):
        since = self.host.log_size()
        self.host.send_signal(number)

        def logged():
            if not self.host.running():
                raise ProcessError(f"bipvault-host ended: {self.host.log_path}")
            text = self.host.log(since)
            text = text[:text.rfind("\n") + 1]  # whole lines
            found = [m for m in re.finditer(pattern, text, re.MULTILINE)]
            return text[:found[-1].end()] if found else None

        return wait_until(logged, 20, f"signal {number} to take effect, {self.host.log_path}")

    def move_clock(self, milliseconds):
        """Time passes for the platform and for every tool."""
        moved = int(read_text(self.clock_file)) + int(milliseconds)  # cards move it as well
        write_atomically(self.clock_file, f"{moved}\n")

    # --- tools -------------------------------------------------------------------------------

    def run(self, program, *arguments, stdin="", code=0, seconds=60):
        """Runs one of our programs; `code` None: any."""
        done = self.runner.run([self.program(program), *arguments], stdin, seconds)
        if code is not None and done.code != code:
            raise CheckFailed(f"{program} {' '.join(arguments)}: expected exit code {code}, "
                              f"seen {done.code}: {done.text()}")
        return done

    def ops(self, *arguments, **how):
        return self.run("bipvault-ops", "--config", self.config, "--clock-file", self.clock_file,
                        *arguments, **how)

    def care(self, call, *arguments, document=DOCUMENT, agent="agent7", reason="e2e test", **how):
        """A call of customer care; the document's number goes by standard input."""
        proof = [] if call == "audit" else ["--agent", agent, "--reason", reason,
                                            "--document", "passport"]
        return self.run("bipvault-care", "--config", self.config, "--clock-file", self.clock_file,
                        call, *proof, *arguments, stdin=document + "\n", **how)

    def show(self, iccid):
        """The record as customer care sees it."""
        return json.loads(self.care("show", "--json", iccid).out)

    # --- cards -------------------------------------------------------------------------------

    def new_iccid(self):
        """The next invented ICCID: 19 digits, the last one a Luhn digit."""
        self._serial += 1
        digits = f"898601{self._serial:012d}"
        return digits + luhn_digit(digits)

    def make_keys(self, iccids, family="aes", key_set=1):
        """OTA keys for cards, told to the host's key file."""
        for iccid in iccids:
            self.card_keys[iccid] = wire.Keys(key_set, family, secrets.token_bytes(16),
                                              secrets.token_bytes(16))
        self.write_card_keys()
        if self.host and self.host.running():
            self.reload()

    def import_cards(self, rows):
        """rows: ICCIDs, or dicts with iccid and further columns."""
        rows = [row if isinstance(row, dict) else {"iccid": row} for row in rows]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        path = self.path("etc", f"import-{secrets.token_hex(3)}.csv")
        write_atomically(path, "\n".join([",".join(columns)] + [
            ",".join(row.get(column, "") for column in columns) for row in rows]) + "\n")
        done = self.ops("import", path)
        self.imported.update(row["iccid"] for row in rows)
        return done

    def new_cards(self, count, family="aes"):
        """Imported cards with keys, as peers for exact control."""
        iccids = [self.new_iccid() for _ in range(count)]
        self.make_keys(iccids, family)
        self.import_cards(iccids)
        return [Card(iccid, self.card_keys[iccid]) for iccid in iccids]

    def channel(self, card, **how):
        """A channel of the kind that cards of this laboratory speak."""
        if self.speaks == "tls_psk":
            how.setdefault("psk", bytes.fromhex(self.psk(card.iccid)))
            return TlsChannel(card, self.ports["tls_psk"], **how)
        if self.speaks == "cat_tp":
            return CatTpChannel(card, self.ports["cat_tp"], **how)
        return Channel(card, self.port, **how)


def options(description, **extra):
    """Command line of a test: --build DIR, --engine, --keep DIR and what else it names."""
    parser = argparse.ArgumentParser(description=description.strip().split("\n\n")[0])
    parser.add_argument("--build", required=True, metavar="DIR", help="where cmake has built")
    parser.add_argument("--engine", choices=["sqlite", "mysql"], default="sqlite")
    parser.add_argument("--keep", metavar="DIR",
                        help="an empty or new folder: data, logs and configuration stay there")
    parser.add_argument("--carried", action="store_true",
                        help="the host carries the channels, not the plugin")
    parser.add_argument("--channel", choices=["tcp", "tls_psk", "cat_tp"],
                        help="what cards in phones speak (tcp; in the story: each in turn)")
    for name, how in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **how)
    parsed = parser.parse_args()
    Lab.carried, Lab.speaks = parsed.carried, parsed.channel or "tcp"
    return parsed


def run(main, *arguments):
    """Runs a test's main; failed checks end in one clear line and code 1."""
    try:
        main(*arguments)
    except (CheckFailed, ProcessError, PeerError, wire.WireError, TlsError, CatTpError,
            OSError) as failure:
        sys.stdout.flush()
        print(f"\nFAILED: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

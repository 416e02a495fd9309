"""Proves what the manual says of backing up: taken while cards store, with the tools that it names,
database and key files together bring the vault back after a total loss. Cards fetch what they had
stored by then, keys and history hold, and what is missing is said before anything is served."""
import os
import shutil
import threading

import lab as laboratory
from checks import Report
from lab import Lab
from peer import PeerError, an_image
from process import ProcessError, write_secret

KEY_FILES = ("master.keys", "pepper.keys", "audit.keys")


class Busy:
    """A card that stores again and again until it is told to stop."""

    def __init__(self, lab, card, key):
        self.lab, self.card, self.key = lab, card, key
        self.stores, self.fault = 0, None
        self._end = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            while not self._end.is_set():
                with self.lab.channel(self.card) as channel:
                    answer = channel.store(an_image(300, self.stores), self.key)
                if answer is None or answer.result != 0:
                    raise PeerError(f"a store was answered {answer and answer.name}")
                self.stores += 1
                self._first.set()
        except (PeerError, OSError) as fault:
            self.fault = fault
            self._first.set()

    def wait_first(self):
        self._first.wait(60)

    def stop(self):
        self._end.set()
        self._thread.join()
        if self.fault:
            raise self.fault


def store(lab, report, card, image, key=None):
    with lab.channel(card) as channel:
        answer = channel.store(image, key)
    report.equal("store", answer.name, "done", show="")
    return answer.key or key


def back_up(lab, folder):
    """As in the manual: keys apart, the database online."""
    os.makedirs(os.path.join(folder, "keys"), mode=0o700)
    for name in KEY_FILES:
        shutil.copy2(lab.path("etc", name), os.path.join(folder, "keys"))
    copy = os.path.join(folder, "copy")
    if lab.db:
        dump = lab.runner.run(["mariadb-dump", "--no-defaults", "--socket=" + lab.db.socket,
                               "-uroot", "--single-transaction", "--hex-blob", "bipvault"],
                              seconds=120)
    else:
        dump = lab.runner.run(["sqlite3", lab.path("data", "bipvault.db"), f"VACUUM INTO '{copy}'"],
                              seconds=120)
    if dump.code:
        raise ProcessError(f"the back-up failed: {dump.text()}")
    if lab.db:
        write_secret(copy, dump.out)
    return copy


def lose_everything(lab):
    for name in KEY_FILES:
        os.unlink(lab.path("etc", name))
    if lab.db:
        lab.db.sql("DROP DATABASE bipvault; CREATE DATABASE bipvault CHARACTER SET utf8mb4;")
        return
    for end in ("", "-wal", "-shm"):
        if os.path.exists(lab.path("data", "bipvault.db" + end)):
            os.unlink(lab.path("data", "bipvault.db" + end))


def restore_keys(lab, folder):
    for name in KEY_FILES:
        shutil.copy2(os.path.join(folder, "keys", name), lab.path("etc", name))


def restore_database(lab, copy):
    if lab.db:
        with open(copy, encoding="utf-8") as file:
            lab.db.sql("USE;" + file.read())
    else:
        shutil.copy2(copy, lab.path("data", "bipvault.db"))


def without(lab, report, folder, copy):
    """Each half alone is refused, by name."""
    report.step("Only one half is there")
    report.contains("no keys", lab.ops("db", "status", code=None).text() +
                    lab.ops("config", "check", code=3).text(), "master.keys", "named")
    restore_database(lab, copy)
    report.contains("new keys over an old database", lab.ops("keys", "init", code=1).err,
                    "the database is in use already", None)
    restore_keys(lab, folder)


def main(options):
    report = Report(f"Back-up and restoring, on {options.engine}")
    with Lab(options.build, options.engine, options.keep) as lab:
        folder = lab.path("backup")
        lab.start()
        first, second, busy_card = lab.new_cards(3)
        images = [an_image(300, number) for number in range(4)]
        keys = [store(lab, report, first, images[0]), store(lab, report, second, images[1])]
        report.step("A back-up while a card stores")
        busy = Busy(lab, busy_card, store(lab, report, busy_card, images[2]))
        try:
            busy.wait_first()
            copy = back_up(lab, folder)
        finally:
            busy.stop()
        report.evidence("stores meanwhile", busy.stores)
        store(lab, report, second, images[3], keys[1])
        report.equal("the host ended with", lab.stop(), 0, show="")
        lose_everything(lab)
        without(lab, report, folder, copy)
        report.step("Restored")
        report.equal("db status", lab.ops("db", "status").out.strip().split(",")[0][:6], "schema",
                     show="")
        report.contains("db check", lab.ops("db", "check").out, "all is whole", None)
        report.equal("audit verify", lab.care("audit", "verify").out.strip(),
                     "the history is whole")
        lab.start()
        for card, key, image, what in ((first, keys[0], images[0], "a card fetches"),
                                       (second, keys[1], images[1], "what came later is gone")):
            with lab.channel(card) as channel:
                answer, seen = channel.fetch(key)
            report.equal(what, (answer.name, seen == image), ("done", True),
                         "its image of before the back-up")
        with lab.channel(busy_card) as channel:
            report.equal("the busy card", channel.fetch(busy.key)[0].name, "done", "a whole image")
        store(lab, report, second, images[3], keys[1])
        report.evidence("and stores again", "done")
        report.contains("db check", lab.ops("db", "check").out, "all is whole", None)
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

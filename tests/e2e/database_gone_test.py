"""Proves that a database which goes away before, in and after commits costs answers, not data: the
platform starts without it, answers `try later`, and is well again without a restart once it is
back. No store that was answered `done` is lost, no image is torn, no history is broken.

Cards store all the time while the server is killed (-9) at some moment, started again, frozen and
thawed. Runs on MariaDB."""
import hashlib
import threading
import time

import lab as laboratory
import wire
from checks import CheckFailed, Report
from lab import Lab
from peer import PeerError, an_image, new_transaction
from process import wait_until

CARDS, ROUNDS = 6, 3
SETTINGS = {"store": {"connect_timeout": "1s", "query_timeout": "2s", "commit_deadline": "3s"},
            "bip": {"bad_per_ip": "0", "bad_per_iccid": "0"}, "vault": {"agent_daily_limit": "0"}}


def told(answer):
    """Nothing for try later: a worker may meet the end of its old connection first, and a card
    asks again."""
    return None if answer is not None and answer.name == "try later" else answer


class Storer(threading.Thread):
    """One card that stores image after image, each in a channel of its own."""

    def __init__(self, lab, card):
        super().__init__(daemon=True)
        self.lab, self.card, self.ended = lab, card, threading.Event()
        self.done = self.try_later = self.lost = self.number = 0
        self.fault = self.key = None
        self.acknowledged, self.uncertain = None, []  # images
        self.open = None  # image and transaction of an END that was answered `try later`
        self.repeated = self.confirm_later = 0
        self.repeats_confirm = int(card.iccid[-2]) % 2 == 0  # the others use the key unconfirmed
        self.unconfirmed = None  # transaction of a key whose confirmation was not answered `done`

    def image(self):
        self.number += 1
        return an_image(400, f"{self.card.iccid} {self.number}")

    def run(self):
        try:
            while not self.ended.is_set():
                self.store()
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = f"{self.card.iccid}: {fault!r}"

    def store(self):
        """One store. What END was sent for may be there, whatever the answer was; then the same
        store is repeated."""
        image, transaction = self.open or (self.image(), new_transaction())
        try:
            with self.lab.channel(self.card, timeout=30) as channel:
                if self.unconfirmed and self.repeats_confirm:
                    self.confirm(channel, self.unconfirmed)
                answer = channel.begin(image, transaction, self.key)
                if answer is not None and answer.result == 0:
                    if not self.open:
                        self.unconfirmed = None  # the key was used: that makes it active
                    channel.upload(image, transaction, answer.offset, 200)
                    if not self.open:
                        self.uncertain.append(image)
                    answer = channel.end(transaction)
                    self.open = (image, transaction) if answer and answer.result == 9 else None
                self.judge(answer, image, channel, transaction)
        except (ConnectionError, PeerError) as broken:
            raise CheckFailed(f"the channel broke: {broken}") from broken

    def judge(self, answer, image, channel, transaction):
        if answer is None:
            self.lost += 1
        elif answer.name == "done":
            if answer.key:
                self.key = answer.key
                self.confirm(channel, transaction)
            self.acknowledged, self.uncertain = image, []
            self.done += 1
            self.open = None
        elif answer.name == "try later":
            self.try_later += 1
            self.repeated += self.open is not None
            time.sleep(0.05)  # a card's timer; it would wait minutes
        else:
            raise CheckFailed(f"expected done or try later, seen {answer.name}")

    def confirm(self, channel, transaction):
        """A confirmation that is put off or lost may be repeated in a later session; the next use
        of the key does as well."""
        answer = channel.confirm(transaction, self.key)
        if answer is not None and answer.name not in ("done", "try later"):
            raise CheckFailed(f"KEY CONFIRM: expected done or try later, seen {answer.name}")
        done = answer is not None and answer.result == 0
        self.unconfirmed = None if done else transaction
        self.confirm_later += not done

    def held(self):
        with self.lab.channel(self.card) as channel:
            if self.unconfirmed:
                self.confirm(channel, self.unconfirmed)
            state = wait_until(lambda: told(channel.status()), 20, "STATUS served").key_state
            if state != 2:
                raise CheckFailed(f"the key's state: expected 2 (active), seen {state}")

            def fetched():
                begun, image = channel.fetch(self.key)
                return told(begun) and (begun, image)

            begun, image = wait_until(fetched, 20, "a fetch served")
            if image is None:
                raise CheckFailed(f"fetch: {begun and begun.name}")
            return image


class Crowd:
    """All storers, looked at together."""

    def __init__(self, lab, report):
        self.lab, self.report = lab, report
        everybody = [Storer(lab, card) for card in lab.new_cards(CARDS + ROUNDS)]
        self.storers, self.newcomers = everybody[:CARDS], everybody[CARDS:]

    def newcomer(self):
        """One more card: its first store, with its key, falls to the server's return."""
        one = self.newcomers.pop()
        self.storers.append(one)
        one.start()

    def wait(self, what, count, more, seconds=60):
        """Until every storer has `more` more of something."""
        before = [getattr(one, count) for one in self.storers]

        def reached():
            faults = [one.fault for one in self.storers if one.fault]
            if faults:
                raise CheckFailed(f"{what}: {faults[0]}")
            return all(getattr(one, count) >= was + more
                       for one, was in zip(self.storers, before))

        wait_until(reached, seconds, what, every=0.02)

    def total(self, count):
        return sum(getattr(one, count) for one in self.storers)

    def end(self):
        for one in self.storers:
            one.ended.set()
        for one in self.storers:
            one.join(60)

    def check(self):
        """What each record holds is the last acknowledged image, or one whose outcome was open."""
        for one in self.storers:
            if one.fault:
                raise CheckFailed(one.fault)
            held = one.held()
            if held != one.acknowledged and held not in one.uncertain:
                raise CheckFailed(f"{one.card.iccid}: expected the image last acknowledged "
                                  f"({short(one.acknowledged)}) or one that was under way, "
                                  f"seen {short(held)}")
            self.report.checks += 1


def short(image):
    return hashlib.sha256(image).hexdigest()[:8]


def lines(lab, part):
    return lab.host.log().count(part)


def without_a_database(lab, report):
    """The platform starts although the server is down, and serves once it is there."""
    lab.db.kill()
    lab.start()
    report.equal("health", lab.health()["state"] in ("degraded", "running"), True, show="")
    card, image = lab.first, an_image(300, 1)
    with lab.channel(card, timeout=30) as channel:
        answer = channel.begin(image, 1)
        report.equal("BEGIN without a database", answer.name, "try later")
        status = channel.status()
        report.true("STATUS without a database", status is None or status.result != 0,
                    show=status.name if status else "closed")
    lab.db.start()

    def stored():
        with lab.channel(card, timeout=30) as channel:
            return channel.store(image).name == "done"

    wait_until(stored, 30, "a store after the server's start", every=0.1)
    report.evidence("server started", "a store works, the host was not restarted")


def main(options):
    report = Report("The database goes away")
    with Lab(options.build, "mysql", options.keep, **SETTINGS) as lab:
        lab.first, = lab.new_cards(1)
        without_a_database(lab, report)
        crowd = Crowd(lab, report)
        for one in crowd.storers:
            one.start()
        crowd.wait("stores before anything happens", "done", 3)
        for i in range(ROUNDS):
            lab.db.kill()
            crowd.wait("try later while the server is dead", "try_later", 1)
            crowd.newcomer()
            lab.db.start()
            crowd.wait("stores after the server's start", "done", 2)
            report.evidence(f"killed and started ({i + 1})", f"{crowd.total('done')} done, "
                            f"{crowd.total('try_later')} try later, {crowd.total('lost')} lost")
        lab.db.freeze()
        crowd.wait("try later while the server is frozen", "try_later", 1)
        lab.db.thaw()
        crowd.wait("stores after the thaw", "done", 2)
        report.evidence("frozen and thawed", f"{crowd.total('done')} done, "
                        f"{crowd.total('try_later')} try later, {crowd.total('lost')} lost")
        crowd.end()
        crowd.check()
        report.evidence("records", f"{len(crowd.storers)} hold the last acknowledged image, "
                        "or one under way")
        report.evidence("ends repeated", f"{crowd.total('repeated')} whose outcome was open")
        report.evidence("confirmed later", f"{crowd.total('confirm_later')} keys")
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        wait_until(lambda: lab.health()["state"] == "running", 20, "state running")
        report.true("try later was counted", lab.counter("vault.try_later") > 0, show="yes")
        wait_until(lambda: lines(lab, "store available again") > 0, 60, "the end in the log")
        report.true("lines in the log", lines(lab, "store unavailable") <= 2 * (ROUNDS + 2),
                    show="begin and end, not each failure")
        report.equal("the host runs", lab.host.running(), True)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

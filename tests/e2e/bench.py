"""What the tests of bad input share: one platform, a card with a stored image, and the rule that
whatever a peer sends, all records stay as they were, the platform has counted it and logged a
line."""
import datetime

from checks import CheckFailed
from lab import Lab
from peer import an_image
from process import wait_until
from rows import Kept

MINUTE = 60_000

# The limits would end a test that misbehaves for a living; one test sets them again.
SETTINGS = {"bip": {"bad_per_ip": "0", "bad_per_iccid": "0", "close_wait": "0"},
            "vault": {"agent_daily_limit": "0"}}


class Bench:
    """A laboratory with one card that holds an image."""

    def __init__(self, lab, report):
        self.lab, self.report = lab, report
        self.card, self.image, self.key = self.stored_card()

    def stored_card(self, size=600):
        """A new card whose image is stored and whose key is confirmed: (card, image, key)."""
        card, = self.lab.new_cards(1)
        image = an_image(size, card.iccid)
        with self.lab.channel(card) as channel:
            stored = channel.store(image)
            if stored is None or stored.result != 0:
                raise CheckFailed(f"store before the test: seen {stored and stored.name}")
            key = stored.key
        return card, image, key

    def channel(self, **how):
        return self.lab.channel(self.card, **how)

    def still_works(self):
        """A normal store and fetch, as any card's."""
        card, image, key = self.stored_card()
        with self.lab.channel(card) as channel:
            begun, fetched = channel.fetch(key)
        self.report.true("a normal store and fetch still work", fetched == image, begun.name)

    def unchanged(self, text, action, counter=None, log=None, noted=()):
        """Runs action(bench); what is kept of every card must be as before, `counter` higher and
        `log` in the log by then. noted: what the history of this bench's card is to say of it."""
        if log:
            pass_time(self, MINUTE)  # faults of a kind have one line a minute
        since, before = self.lab.host.log_size(), Kept(self.lab)
        count = self.lab.counter(counter) if counter else 0
        shown = action(self)
        if counter:
            wait_until(lambda: self.lab.counter(counter) > count, 10,
                       f"{text}: counter {counter} to rise above {count}")
        if log:
            wait_until(lambda: log in self.lab.host.log(since), 10, f"{text}: {log!r} in the log")
        after = Kept(self.lab)
        self.report.equal(f"{text}: changed", after.changes(before), [], show="")
        self.report.equal(f"{text}: new in the history", after.entries(before),
                          [(self.card.iccid, kind) for kind in noted], show="")
        self.report.equal(f"{text}: cards that have a record", set(after.cards.values()),
                          self.lab.imported, show="")
        self.report.evidence(text, shown or "")


def seconds_of_host(b):
    """The host's clock, as its log tells it."""
    b.lab.health()
    date = b.lab.host.log().splitlines()[-1].split()[0]
    return datetime.datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").timestamp()


def pass_time(b, milliseconds):
    """Moves the clock, until the host has seen it: it reads the file once a second."""
    due = seconds_of_host(b) + milliseconds // 1000
    b.lab.move_clock(milliseconds)
    wait_until(lambda: seconds_of_host(b) >= due, 10, "the host to see the moved clock", every=0.05)


def start(options, report, **sections):
    """The laboratory of a bad input test, running."""
    merged = {name: dict(keys) for name, keys in SETTINGS.items()}
    for name, keys in sections.items():
        merged.setdefault(name, {}).update(keys)
    return Lab(options.build, options.engine, options.keep, **merged)

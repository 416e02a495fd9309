"""What the tests of bad input share: one platform, a card with a stored image, and the rule that
whatever a peer sends, the record stays as it was, the platform has counted it and logged a line."""
from checks import CheckFailed
from lab import Lab
from peer import an_image
from process import wait_until

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

    def unchanged(self, text, action, counter=None, log=None):
        """Runs action(bench); the record must be as before, `counter` higher, `log` in the log."""
        before, count = self.record(), self.lab.counter(counter) if counter else 0
        shown = action(self)
        seen = [text, shown or ""]
        if counter:
            wait_until(lambda: self.lab.counter(counter) > count, 10,
                       f"{text}: counter {counter} to rise above {count}")
        if log:
            self.report.contains(f"{text}: the host's log", self.lab.host.log(), log)
        self.report.equal(f"{text}: the record afterwards", self.record(), before, show="")
        self.report.evidence(*seen)

    def record(self):
        """What customer care sees, without the traces of looking. Uploads that began and failed
        are no part of what is kept."""
        record = self.lab.show(self.card.iccid)
        record.pop("upload", None)
        record["history"] = [entry for entry in record["history"]
                             if entry["kind"] in ("stored", "locked", "wrong_key", "erased")]
        return record


def start(options, report, **sections):
    """The laboratory of a bad input test, running."""
    merged = {name: dict(keys) for name, keys in SETTINGS.items()}
    for name, keys in sections.items():
        merged.setdefault(name, {}).update(keys)
    return Lab(options.build, options.engine, options.keep, **merged)

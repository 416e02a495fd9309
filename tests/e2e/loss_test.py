"""Proves that no datagram matters: of a session over CAT_TP (SYN, store, key confirmed, fetch)
every single one is lost once, in either direction, each in a session of its own. The store is
acknowledged all the same, and what is fetched, there and over a link that loses nothing, is what
was stored, octet by octet. With datagrams that hold a packet each, and with small ones. (The RST at
the end is none of them: the vault may as well never hear it.)"""
import collections
import concurrent.futures

import lab as laboratory
import wire
from checks import CheckFailed, Report
from lab import Lab
from peer import CatTpChannel, an_image, new_transaction
from peer_cat_tp import Link

AT_ONCE = 10
BLOCK = 600
# Short waits, so that a loss costs little time; the long run has those of an operator.
QUICK = {"cat_tp_rto_initial": "300ms", "cat_tp_rto_min": "100ms"}
QUICK_REPEAT = 0.25  # seconds


class LossyChannel(CatTpChannel):
    """A CAT_TP link of which one datagram gets lost: the `lose`th, both ways counted together."""

    def __init__(self, card, port, lose, max_pdu, repeat):
        self._how = lose, max_pdu, repeat
        super().__init__(card, port, timeout=60.0)

    def _open(self, port, identify, timeout, nodelay=True):
        lose, max_pdu, repeat = self._how
        self.link = Link(port, timeout, max_pdu=max_pdu)
        self.link.lose, self.link.repeat = lose, repeat
        self.link.open(wire.ef_iccid(self.card.iccid))


class Losses:
    """Sessions with datagrams of at most max_pdu octets."""

    def __init__(self, lab, size, max_pdu, repeat):
        self.lab, self.size, self.max_pdu, self.repeat = lab, size, max_pdu, repeat

    def session(self, card, lose):
        """Returns how many datagrams passed, and which way the lost one went (None: none was)."""
        what = f"datagram {lose} of at most {self.max_pdu} octets lost"
        image = an_image(self.size, f"{card.iccid} {lose}")
        port = self.lab.ports["cat_tp"]
        with LossyChannel(card, port, lose, self.max_pdu, self.repeat) as channel:
            transaction = new_transaction()
            stored = channel.store(image, None, transaction, BLOCK, confirm=False)
            if stored is None or stored.result != 0:
                raise CheckFailed(f"{what}: store: seen {stored and stored.name}")
            confirmed = channel.confirm(transaction, stored.key)
            if confirmed is None or confirmed.result != 0:
                raise CheckFailed(f"{what}: key: seen {confirmed and confirmed.name}")
            self.compare(f"{what}, the same link", channel, stored.key, image)
            passed, lost = channel.passed, channel.link.lost
        with self.lab.channel(card) as channel:
            self.compare(f"{what}, another link", channel, stored.key, image)
        return passed, lost

    @staticmethod
    def compare(what, channel, key, image):
        begun, fetched = channel.fetch(key)
        if fetched != image:
            raise CheckFailed(f"{what}: fetch: seen {begun and begun.name}, "
                              f"{'other' if fetched else 'no'} octets")

    def each(self, report):
        """One session for each datagram, until none of several had that many: acknowledgements
        ride on data or do not, so that no two need the same number."""
        card, = self.lab.new_cards(1)
        plain, _ = self.session(card, None)
        ways, lose, more = collections.Counter(), 0, True
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            while more:
                cards = self.lab.new_cards(plain if lose == 0 else AT_ONCE)
                jobs = [pool.submit(self.session, card, lose + i)
                        for i, card in enumerate(cards, 1)]
                results = [job.result() for job in jobs]
                lose += len(cards)
                ways.update(way for _, way in results if way)
                more = any(way for _, way in results)
        report.true("about as many were lost as a session has", ways.total() >= plain * 3 // 4,
                    (ways.total(), plain))
        report.true("both ways", len(ways) == 2, ways)
        report.evidence(f"at most {self.max_pdu} octets", f"{plain} datagrams without a loss; "
                        + ", ".join(f"{count} lost {way}" for way, count in sorted(ways.items()))
                        + ", each stored and fetched")


def main(options):
    Lab.speaks = "cat_tp"
    report = Report("Every single datagram of a session lost once")
    with Lab(options.build, options.engine, options.keep,
             bip={**({} if options.patient else QUICK), "bad_per_ip": "0"}) as lab:
        lab.start()
        for max_pdu in (1400, 300):
            repeat = 1.0 if options.patient else QUICK_REPEAT
            Losses(lab, options.size, max_pdu, repeat).each(report)
        report.equal("the host runs", lab.host.running(), True)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, size={"type": int, "default": 8000, "help": "octets of what is stored"},
        patient={"action": "store_true", "help": "with the waits of an operator"}))

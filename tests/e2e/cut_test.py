"""Proves "all or nothing": a store is cut behind every octet that the card sends, and the record
then holds the old image or the new one, whole.

A store that replaces an image is recorded once; its length gives the cut points: over TCP and
TLS-PSK octets (every --stride-th and each packet's or record's last one; the handshake too), over
CAT_TP datagrams, those of both ends. Each is tried with an orderly end (FIN; CAT_TP: RST; the card
waits for BEGIN's answer) and a broken line (TCP and TLS: RST, everything sent at once; CAT_TP:
silence), with fresh counters and a transaction of its own. Before the last octet of STORE END has
been sent only the old image may be there. Every orderly cut between BEGIN and END is then resumed
by a card whose content has changed in between: it goes on where the vault says, but with other
octets under the old digest, and must be refused. The last store is resumed honestly and must work.
"""
import concurrent.futures
import hashlib

import lab as laboratory
import wire
from checks import CheckFailed, Report
from lab import Lab
from peer import LineCut, an_image, new_transaction
from process import wait_until

BLOCK = 112
SIZE = 300
CARDS = 4
# Lines that break in the handshake count as failures of this address; half-open links last.
NO_LIMITS = {"bad_per_ip": "0", "bad_per_iccid": "0", "half_open_per_ip": "1000"}


class Cutter:
    """One card, the image that its record holds, and the one that is to replace it."""

    def __init__(self, lab, card):
        self.lab, self.card = lab, card
        self.uploads_cut = self.packets_cut = 0  # orderly: the vault has certainly seen these
        self.old, self.new, self.other = (an_image(SIZE, f"{card.iccid} {n}") for n in range(3))
        with lab.channel(card) as channel:
            self.key = channel.store(self.old).key

    def packets(self, transaction):
        """A whole store as the card sends it: a list of packets, with fresh counters."""
        card, digest = self.card, hashlib.sha256(self.new).digest()
        texts = [wire.message(wire.STORE_BEGIN, iccid=card.iccid, transaction=transaction,
                              total=SIZE, digest=digest, key=self.key)]
        texts += [wire.message(wire.STORE_DATA, transaction=transaction, offset=at,
                               piece=self.new[at:at + BLOCK]) for at in range(0, SIZE, BLOCK)]
        texts += [wire.message(wire.STORE_END, transaction=transaction)]
        wants = [wire.WANT_ALWAYS] + [wire.WANT_ON_ERROR] * (len(texts) - 2) + [wire.WANT_ALWAYS]
        return [card.wrap(text, want) for text, want in zip(texts, wants)]

    def send(self, channel, transaction, waits, passed):
        """The store; `passed` gets the names of what has passed, also if the line is cut."""
        begin, *others = self.packets(transaction)
        channel.send(begin)
        if waits:
            answer = channel.receive()
            if answer is None or answer.result != 0:
                raise CheckFailed(f"BEGIN: expected done, seen {answer and answer.name}")
            passed.add("BEGIN")
        for packet in others:
            channel.send(packet)
        passed.add("END")
        if waits:
            channel.receive()

    def record(self):
        """How much passes in a store, and where each piece of it ends."""
        with self.lab.channel(self.card) as channel:
            self.send(channel, new_transaction(), True, set())
            self.old, self.new = self.new, self.old
            return channel.passed, channel.marks

    def cut(self, at, broken):
        """A store of which only `at` passes; then the line ends. Returns transaction and names."""
        transaction, passed = new_transaction(), set()
        links = self.lab.speaks == "cat_tp"
        with self.lab.channel(self.card, limit=at) as channel:
            try:
                self.send(channel, transaction, links or not broken, passed)
            except LineCut:
                pass
            if broken:
                channel.break_off()
            else:
                channel.finish()
                if not links:
                    channel.closed()  # so the vault has served whatever was complete
        return transaction, passed

    def settle(self, what, transaction):
        """All of a store has passed, but may not have been served yet: END is repeated."""
        with self.lab.channel(self.card) as channel:
            begun = channel.begin(self.new, transaction, self.key)
            channel.upload(self.new, transaction, begun.offset, BLOCK)
            ended = channel.end(transaction)
        if ended is None or ended.result != 0 or self.held() != self.new:
            raise CheckFailed(f"{what}, then ended: seen {ended and ended.name}")
        self.old, self.new = self.new, self.old

    def held(self):
        """What the record holds: the octets of its newest image; None when it cannot be read."""
        with self.lab.channel(self.card) as channel:
            begun = channel.ask(wire.FETCH_BEGIN, iccid=self.card.iccid, key=self.key)
            if begun is not None and begun.name == "try later":
                return None  # the store found that it has another digest than it was kept with
            if begun is None or begun.result != 0:
                raise CheckFailed(f"FETCH BEGIN: expected done, seen {begun and begun.name}")
            image = b""
            while len(image) < begun.total:
                piece = channel.ask(wire.FETCH_DATA, transaction=begun.transaction,
                                    offset=len(image))
                if piece is None or not piece.piece:
                    raise CheckFailed(f"FETCH DATA at {len(image)}: seen {piece and piece.name}")
                image += piece.piece
            return image

    def check(self, what, may_be_new):
        """The record is whole, and new only if it may be; then the two images change places."""
        image = self.held()
        if image not in (self.old, self.new):
            raise CheckFailed(f"{what}: the record is neither the old nor the new image"
                              + (", it cannot be read" if image is None else ""))
        if image == self.old:
            return False
        if not may_be_new:
            raise CheckFailed(f"{what}: expected the old image, seen the new one")
        self.old, self.new = self.new, self.old
        return True

    def resume_with_other_octets(self, what, transaction):
        """The content changed while the line was down; the transaction and the digest did not."""
        with self.lab.channel(self.card) as channel:
            begun = channel.begin(self.new, transaction)
            if begun is None or begun.result not in (0, 1):
                raise CheckFailed(f"{what}: resuming BEGIN: seen {begun and begun.name}")
            if begun.result == 1:  # nothing of it had come: the vault knows no such transaction
                return False
            if begun.offset >= SIZE:
                return False
            channel.upload(self.other, transaction, begun.offset, BLOCK)
            ended = channel.end(transaction)
        self.check(f"{what}, then resumed with other octets", False)
        if ended is None or ended.name != "digest mismatch":
            raise CheckFailed(f"{what}: expected digest mismatch, seen {ended and ended.name}")
        return True

    def cut_everywhere(self, points, total, marks):
        """Returns how often a cut store was resumed with other octets."""
        resumed = 0
        inside = set(points) - {0, *marks} if self.lab.speaks != "cat_tp" else ()
        ends = ("silence", "RST") if self.lab.speaks == "cat_tp" else ("RST", "FIN")
        for at in points:
            for broken in (False, True):
                what = f"cut by {ends[not broken]} behind {at} of {total}"
                transaction, passed = self.cut(at, broken)
                if not self.check(what, "END" in passed) and "END" in passed:
                    self.settle(what, transaction)
                self.packets_cut += not broken and at in inside
                if not broken and passed == {"BEGIN"}:
                    self.uploads_cut += 1
                    resumed += self.resume_with_other_octets(what, transaction)
        return resumed

    def resume_honestly(self, points):
        """Cuts between BEGIN and END, at the first of the points that lies there (of datagrams no
        two stores need the same number); resumes and ends."""
        for at in points:
            transaction, passed = self.cut(at, False)
            if passed == {"BEGIN"}:
                break
        else:
            raise CheckFailed(f"no point of {points} is between BEGIN and END")
        with self.lab.channel(self.card) as channel:
            begun = channel.begin(self.new, transaction)
            channel.upload(self.new, transaction, begun.offset, BLOCK)
            ended = channel.end(transaction)
        if ended.result != 0 or self.held() != self.new:
            raise CheckFailed(f"the last store, resumed at {begun.offset}: seen {ended.name}")
        return begun.offset


def noticed(lab, report, cutters):
    """Where a card went is counted each time, and a line tells of it now and then."""
    for counter, cuts, line in (
            ("vault.upload_cut", sum(c.uploads_cut for c in cutters), "ended within an upload"),
            ("bip.cut_packet", sum(c.packets_cut for c in cutters), "ended within a packet")):
        wait_until(lambda: lab.counter(counter) >= cuts, 10, f"{counter} to reach {cuts}")
        if cuts:
            report.contains(counter, lab.host.log(), line, show=f"{cuts} orderly ones, logged")


def main(options):
    links = Lab.speaks == "cat_tp"
    report = Report(f"Cut behind every {'datagram' if links else 'octet'}")
    with Lab(options.build, options.engine, options.keep, options.plugin,
             bip={} if Lab.speaks == "tcp" else NO_LIMITS) as lab:
        cards = lab.new_cards(CARDS)
        lab.start()
        cutters = [Cutter(lab, card) for card in cards]
        total, marks = cutters[0].record()
        points = sorted({*range(0, total, options.stride), *marks, total})
        report.evidence("datagrams of a store, both ways" if links else "octets of a store",
                        f"{total}" + (f", pieces end at {marks}" if marks else ""))
        report.evidence("cut points", f"{len(points)}, each by "
                        + ("RST and by silence" if links else "FIN and by RST"))
        with concurrent.futures.ThreadPoolExecutor(CARDS) as pool:
            jobs = [pool.submit(cutter.cut_everywhere, points[i::CARDS], total, marks)
                    for i, cutter in enumerate(cutters)]
            resumed = sum(job.result() for job in jobs)
        report.checks += 2 * len(points) + resumed
        report.evidence("resumed otherwise", f"{resumed} times with other octets, all refused")
        report.true("some were resumed", resumed > 0)
        noticed(lab, report, cutters)
        for cutter in cutters:
            at = cutter.resume_honestly(range(5, total) if links else marks[-2:-1])
            report.evidence("last store", f"resumed at {at}, done")
        report.equal("digest mismatches", lab.counter("vault.digest_mismatch"), resumed)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, stride={"type": int, "default": 1, "help": "try every n-th octet only"},
        plugin={"help": "another build of the plugin"}))

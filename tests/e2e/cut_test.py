"""Proves "all or nothing": a store is cut behind every octet that the card sends, and the record
then holds the old image or the new one, whole.

A store that replaces an image is recorded once; its length gives the cut points. Each is tried
with an orderly end (FIN, the card waits for BEGIN's answer) and a broken line (RST, everything
sent at once), with fresh counters and a transaction of its own. Before the last octet of STORE
END has been sent only the old image may be there. Every cut between BEGIN and END is then resumed
by a card whose content has changed in between: it goes on where the vault says, but with other
octets under the old digest, and must be refused. The last store is resumed honestly and must work.
"""
import concurrent.futures
import hashlib
import socket
import struct

import lab as laboratory
import wire
from checks import CheckFailed, Report
from lab import Lab
from peer import an_image, new_transaction

BLOCK = 112
SIZE = 300
CARDS = 4


class Cutter:
    """One card, the image that its record holds, and the one that is to replace it."""

    def __init__(self, lab, card):
        self.lab, self.card = lab, card
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
        return [wire.identification(card.iccid)] + [card.wrap(text, want)
                                                    for text, want in zip(texts, wants)]

    def cut(self, at, broken):
        """Sends `at` octets of a store and ends the line. Returns the transaction."""
        transaction = new_transaction()
        packets = self.packets(transaction)
        begin = len(packets[0]) + len(packets[1])
        octets = b"".join(packets)
        with self.lab.channel(self.card, identify=False) as channel:
            if broken:
                channel.send(octets[:at])
                channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
                return transaction
            channel.send(octets[:min(at, begin)])
            if at > begin:
                if channel.receive().result != 0:
                    raise CheckFailed(f"cut at {at}: BEGIN was refused")
                channel.send(octets[begin:at])
            channel.socket.shutdown(socket.SHUT_WR)
            channel.closed()  # so the vault has served whatever was complete
        return transaction

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
        if image == self.new:
            if not may_be_new:
                raise CheckFailed(f"{what}: expected the old image, seen the new one")
            self.old, self.new = self.new, self.old

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

    def cut_everywhere(self, points, total, begin, end):
        resumed = 0
        for at in points:
            for broken in (False, True):
                what = f"cut by {'RST' if broken else 'FIN'} behind octet {at} of {total}"
                transaction = self.cut(at, broken)
                self.check(what, at == total)
                if not broken and begin <= at < end:
                    resumed += self.resume_with_other_octets(what, transaction)
        return resumed

    def resume_honestly(self, at):
        transaction = self.cut(at, False)
        with self.lab.channel(self.card) as channel:
            begun = channel.begin(self.new, transaction)
            channel.upload(self.new, transaction, begun.offset, BLOCK)
            ended = channel.end(transaction)
        if ended.result != 0 or self.held() != self.new:
            raise CheckFailed(f"the last store, resumed at {begun.offset}: seen {ended.name}")
        return begun.offset


def main(options):
    report = Report("Cut behind every octet")
    with Lab(options.build, options.engine, options.keep, options.plugin) as lab:
        cards = lab.new_cards(CARDS)
        lab.start()
        cutters = [Cutter(lab, card) for card in cards]
        lengths = [len(packet) for packet in cutters[0].packets(new_transaction())]
        total, begin, end = sum(lengths), lengths[0] + lengths[1], sum(lengths[:-1])
        points = list(range(0, total, options.stride)) + [total]
        report.evidence("octets of a store", f"{total} in {len(lengths)} packets {lengths}")
        report.evidence("cut points", f"{len(points)}, each by FIN and by RST")
        with concurrent.futures.ThreadPoolExecutor(CARDS) as pool:
            jobs = [pool.submit(cutter.cut_everywhere, points[i::CARDS], total, begin, end)
                    for i, cutter in enumerate(cutters)]
            resumed = sum(job.result() for job in jobs)
        report.checks += 2 * len(points) + resumed
        report.evidence("resumed otherwise", f"{resumed} times with other octets, all refused")
        report.true("some were resumed", resumed > 0)
        for cutter in cutters:
            report.evidence("last store", f"resumed at {cutter.resume_honestly(end - 1)}, done")
        report.equal("digest mismatches", lab.counter("vault.digest_mismatch"), resumed)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, stride={"type": int, "default": 1, "help": "try every n-th octet only"},
        plugin={"help": "another build of the plugin"}))

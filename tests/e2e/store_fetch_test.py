"""Proves with a card written apart from the product that stores and fetches work octet by octet:
AES and 3DES, images from one octet to the limit, blocks of many sizes, keys issued and confirmed or
lost, the same image again, resuming over channels and a restart, older versions, a shrunken image,
erase, slow octets, and fetches cut into pieces."""
import hashlib
import time

import lab as laboratory
import wire
from checks import CheckFailed, Report
from lab import Lab
from peer import an_image, new_transaction

LIMIT = 256 * 1024


def done(report, what, answer, name="done"):
    report.equal(what, answer and answer.name, name, show="")
    return answer


def families(lab, report):
    """Both ciphers, every size of the last block of either."""
    for family in ("aes", "3des"):
        card, = lab.new_cards(1, family)
        key, sizes = None, [1, 7, 8, 9, 15, 16, 17, 100, 1023, 1024, 1025, 5000]
        with lab.channel(card) as channel:
            for size in sizes:
                image = hashlib.shake_128(bytes([size % 256])).digest(size)
                stored = done(report, f"{family}, {size} octets", channel.store(image, key))
                key = key or stored.key
                _, fetched = channel.fetch(key)
                report.equal(f"{family}, {size} octets fetched", fetched == image, True, show="")
        report.evidence(f"{family} sizes", f"{sizes[0]} to {sizes[-1]} octets, equal")


def large(lab, report):
    """The largest image, in blocks of several sizes; one octet more is refused."""
    card, = lab.new_cards(1)
    key = None
    for block in (1024, 1000, 333):
        image = hashlib.shake_128(block.to_bytes(2, "big")).digest(LIMIT)
        began = time.monotonic()
        with lab.channel(card) as channel:
            stored = done(report, f"blocks of {block}", channel.store(image, key, block=block))
            key = key or stored.key
            _, fetched = channel.fetch(key)
        report.equal(f"256 KiB in blocks of {block}", fetched == image, True,
                     f"equal, {time.monotonic() - began:.1f} s")
    with lab.channel(card) as channel:
        answer = channel.begin(b"", 1, key, total=LIMIT + 1, digest=bytes(32))
        done(report, "one octet more", answer, "too large")


def keys(lab, report):
    """A key that was never confirmed locks nobody out; a repeated END gives a fresh one."""
    card, = lab.new_cards(1)
    with lab.channel(card) as channel:
        first = done(report, "first store", channel.store(an_image(100, 1), transaction=1,
                                                          confirm=False))
        again = done(report, "END again", channel.end(1))
        report.true("a fresh key", again.key and again.key != first.key)
        done(report, "the older key", channel.confirm(1, first.key), "wrong key")
        done(report, "a store without key", channel.store(an_image(100, 2), confirm=False))
        begun, _ = channel.fetch()
        done(report, "a fetch without key", begun)
        third = done(report, "third store", channel.store(an_image(100, 3)))
    with lab.channel(card) as channel:
        begun, _ = channel.fetch()
        done(report, "after the confirmation", begun, "key required")
        begun, image = channel.fetch(third.key)
        report.equal("only the last key", image == an_image(100, 3), True, "confirmed key counts")
        done(report, "confirmed again", channel.confirm(4711, third.key), "no such transaction")


def resume(lab, report):
    """An upload goes on over channels and a restart of the platform, without the key."""
    card, = lab.new_cards(1)
    with lab.channel(card) as channel:
        key = channel.store(an_image(200, 1)).key
    image, transaction, offsets = hashlib.shake_128(b"x").digest(150_000), new_transaction(), []
    for part in range(3):
        with lab.channel(card) as channel:
            answer = channel.begin(image, transaction, key if part == 0 else None)
            begun = done(report, "BEGIN", answer)
            offsets.append(begun.offset)
            channel.upload(image[:begun.offset + 40_000], transaction, begun.offset)
            channel.status()
        if part == 1:
            report.equal("restart", lab.restart(), 0, show="")
    with lab.channel(card) as channel:
        begun = done(report, "BEGIN", channel.begin(image, transaction))
        channel.upload(image, transaction, begun.offset)
        done(report, "END", channel.end(transaction))
        _, fetched = channel.fetch(key)
    report.true("each session begins where the last one ended", offsets == sorted(set(offsets)),
                offsets)
    report.equal("resumed over a restart", fetched == image, True,
                 f"at {', '.join(map(str, offsets[1:] + [begun.offset]))}")
    with lab.channel(card) as channel:
        same = channel.begin(image, new_transaction(), key)
        report.equal("same image again", same.offset, len(image), "the vault has all of it")


def versions(lab, report):
    """Three versions; a shrunken image pins the one before; FETCH by version; ERASE."""
    card, = lab.new_cards(1)
    images = [an_image(300, n) for n in range(4)]
    key = None
    with lab.channel(card) as channel:
        for image in images:
            key = channel.store(image, key).key or key
        for version, image in enumerate(reversed(images[1:])):
            _, fetched = channel.fetch(key, version=version)
            report.equal(f"version {version}", fetched == image, True, show="")
        begun, _ = channel.fetch(key, version=3)
        done(report, "version 3", begun, "nothing stored")
        memos = [wire.tlv(0x80, b"t%d" % n) + wire.tlv(0x81, b"b") for n in range(20)]
        many = b"BV\x01" + b"".join(wire.tlv(0xA2, memo) for memo in memos)
        done(report, "20 memos", channel.store(many, key))
        shrunk = done(report, "one memo", channel.store(images[0], key))
        report.equal("flags after a shrink", shrunk.flags & 1, 1, "the image before is pinned")
        for image in images[1:]:
            channel.store(image, key)
        kept = [channel.fetch(key, version=n)[1] for n in range(4)]
        report.true("the pinned image is still there", many in kept, show="4 stores later")
        done(report, "ERASE without key", channel.ask(wire.ERASE, iccid=card.iccid), "key required")
        done(report, "ERASE", channel.ask(wire.ERASE, iccid=card.iccid, key=key))
        begun, _ = channel.fetch(key)
        done(report, "after ERASE", begun, "nothing stored")


def slow(lab, report):
    """Octet by octet, where a packet need not be one SDU, and answers fetched in small pieces."""
    card, = lab.new_cards(1)
    image, transaction = an_image(300, 9), 1
    with lab.channel(card) as channel:
        begin = card.wrap(wire.message(wire.STORE_BEGIN, iccid=card.iccid, transaction=transaction,
                                       total=len(image), digest=hashlib.sha256(image).digest()))
        data = card.wrap(wire.message(wire.STORE_DATA, transaction=transaction, offset=0,
                                      piece=image), wire.WANT_ON_ERROR)
        stream = lab.speaks != "cat_tp"
        for piece in [bytes([octet]) for octet in begin + data] if stream else [begin, data]:
            channel.send(piece)
        done(report, "BEGIN octet by octet", channel.receive())
        key = done(report, "END", channel.end(transaction)).key
        begun = channel.ask(wire.FETCH_BEGIN, iccid=card.iccid, key=key, max_data=64)
        fetched = b""
        while len(fetched) < begun.total:
            piece = channel.ask(wire.FETCH_DATA, transaction=begun.transaction, offset=len(fetched))
            if not piece.piece or len(piece.piece) > 64:
                raise CheckFailed(f"FETCH DATA: expected 1..64 octets, seen {piece.piece!r}")
            fetched += piece.piece
    report.equal("octet by octet, pieces of 64", fetched == image, True, "equal")


def main(options):
    report = Report(f"A card in Python stores and fetches, on {options.engine}")
    with Lab(options.build, options.engine, options.keep, bip={"algorithms": "aes 3des"},
             vault={"agent_daily_limit": "0"}) as lab:
        lab.start()
        for part in (families, large, keys, resume, versions, slow):
            part(lab, report)
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

"""Peers that are hostile to TLS-PSK, for hostile_test: handshakes that stop, crawl, or are none,
records that never end."""
import random
import struct

import wire
from peer_tls import HANDSHAKE, VERSION

MINUTE = 60_000


class Stopped(Exception):
    """The handshake has gone as far as the test wants."""


def record(kind, octets):
    return bytes([kind]) + VERSION + struct.pack(">H", len(octets)) + octets


def go_as_far_as(channel, records):
    """A handshake of which only so many of the card's records are sent."""
    left = records

    def put(octets):
        nonlocal left
        if left == 0:
            raise Stopped
        left -= 1
        channel.raw(octets)

    try:
        channel.shake_hands(put)
    except Stopped:
        return
    raise AssertionError("the handshake ended")


def client_hello(b):
    """As a card begins."""
    hello = []

    def put(octets):
        hello.append(octets)
        raise Stopped

    with b.channel(identify=False) as channel:
        try:
            channel.shake_hands(put)
        except Stopped:
            pass
    return hello[0]


def octet_by_octet(b):
    """Slow in everything, and within its time: a card as any other."""
    with b.channel(identify=False) as channel:
        def put(octets):
            for octet in octets:
                channel.raw(bytes([octet]))
        channel.shake_hands(put)
        b.report.equal("answer", channel.status().name, "done", show="")
    return "served"


def crawls(b, closed_after, pass_time):
    """The first octet was in time; the hello is not whole a minute later."""
    hello = client_hello(b)
    with b.channel(identify=False) as channel:
        for octet in hello[:20]:
            channel.raw(bytes([octet]))
        pass_time(b, MINUTE // 2)
        channel.raw(hello[20:40])
        closed_after(b, channel, MINUTE // 2, "hello in pieces")
    return "closed after a minute"


def half_handshakes(b, closed_after):
    """Silent behind the hello, the key exchange, the change of cipher."""
    channels = [b.channel(identify=False) for _ in range(3)]
    try:
        for records, channel in enumerate(channels, 1):
            go_as_far_as(channel, records)
        closed_after(b, channels[0], MINUTE, "half a handshake")
        for channel in channels[1:]:
            b.report.true("half a handshake: closed", channel.closed())
    finally:
        for channel in channels:
            channel.close()
    return "three kinds, closed after a minute"


def broken_handshakes(b):
    """Records that are none, or none that may come now: an alert at most, and closed."""
    dice, hello = random.Random(815), client_hello(b)
    begins = bytes([1]) + (0xFFFFFF).to_bytes(3, "big")
    cases = [record(kind, dice.randbytes(size)) for kind in range(20, 24) for size in (1, 90, 700)]
    cases += [hello[:size] + dice.randbytes(300) for size in range(5, len(hello), 9)]
    cases += [record(HANDSHAKE, begins + bytes(16000)) + 3 * record(HANDSHAKE, bytes(16000)),
              record(HANDSHAKE, b"") * 100, hello + hello, hello + record(23, b"x" * 40),
              hello[:3] + b"\xFF\xFF" + hello[5:]]
    for octets in cases:
        with b.channel(identify=False) as channel:
            try:
                channel.raw(octets)
                channel.finish()
            except OSError:
                pass  # closed before it had all been sent
            b.report.true("closed", channel.closed())
    return f"{len(cases)} kinds: closed"


def broken_records(b):
    """Behind a good handshake: octets in the clear, a record that was changed, one sent twice."""
    for spoil in (lambda sealed: b"\x03\x0C\x36" + sealed,
                  lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
                  lambda sealed: sealed + sealed,
                  lambda sealed: record(23, b"")):
        with b.channel() as channel:
            channel.status()
            sealed = channel.sealed(b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid)))
            channel.raw(spoil(sealed))
            b.report.true("closed", channel.closed())
    return "four kinds: closed"


def record_without_end(b, closed_after):
    """Half of a record, then nothing: what is inside is no packet's beginning yet."""
    with b.channel() as channel:
        channel.status()
        packet = b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid))
        channel.raw(channel.sealed(packet)[:30])
        closed_after(b, channel, 181_000, "half a record")
    return "closed after 181 s"

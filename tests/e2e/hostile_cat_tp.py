"""Peers that are hostile to CAT_TP, for hostile_test: SYNs that never go on, datagrams that are no
PDUs or of no link, links that acknowledge nothing, take nothing, or say nothing."""
import random
import select
import socket
import struct

import wire
from peer_cat_tp import (ACK, HEAD, NUL, RST, SYN, checksum, identification_area, pdu)
from process import wait_until

SLOTS, SLOTS_PER_ADDRESS = 4096, 20  # half_open, half_open_per_ip
HALF_OPEN_TIMEOUT = 30_000
NO_ANSWER = 5  # RST's reason: the retransmissions are used up


class Stranger:
    """A socket of an address of its own; counts octets both ways."""

    def __init__(self, b, last=2):
        self.sent = self.received = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((f"127.0.{last // 250}.{last % 250 + 2}", 0))
        self._socket.connect(("127.0.0.1", b.lab.ports["cat_tp"]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, octets):
        self.sent += len(octets)
        self._socket.send(octets)

    def syn(self, port):
        self.send(pdu(SYN, 1, 0, identification_area(b""), own=port))

    def take(self, seconds):
        """The next datagram; None when none comes."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return None
        octets = self._socket.recv(4096)
        self.received += len(octets)
        return octets


def half_open(b):
    return b.lab.health()["cat_tp_half_open"]


def forgotten(b):
    """The slots are free again."""
    b.lab.move_clock(HALF_OPEN_TIMEOUT)
    wait_until(lambda: half_open(b) == 0, 30, "no more half-open links")


def syn_and_nothing(b):
    with Stranger(b) as stranger:
        stranger.syn(1)
        answer = stranger.take(15)
        b.report.equal("answer", answer and answer[0], SYN | ACK, show="")
        wait_until(lambda: half_open(b) == 1, 10, "a half-open link")
        forgotten(b)
        b.report.equal("anything more", stranger.take(0.3), None, show="")
        b.report.true("no larger than what came", stranger.received <= stranger.sent)
    return "one SYN/ACK, forgotten after 30 s"


def one_address(b):
    """More SYNs from one address than it may have half open: no answer at all."""
    with Stranger(b) as stranger:
        for port in range(1, 2 * SLOTS_PER_ADDRESS + 1):
            stranger.syn(port)
        answers = 0
        while stranger.take(1 if answers >= SLOTS_PER_ADDRESS else 15):
            answers += 1
        b.report.equal("answers", answers, SLOTS_PER_ADDRESS, show="")
        b.still_works()
        forgotten(b)
    return f"{answers} of {2 * SLOTS_PER_ADDRESS} answered, cards elsewhere served"


def flood(b):
    """From 230 addresses: the slots stay as many, and a card gets through."""
    sent = received = 0
    for last in range(1, 231):
        with Stranger(b, last) as stranger:
            for port in range(1, SLOTS_PER_ADDRESS + 1):
                stranger.syn(port)
            for _ in range(SLOTS_PER_ADDRESS):
                if stranger.take(1) is None:
                    break
            sent, received = sent + stranger.sent, received + stranger.received
        if last % 100 == 0:
            b.still_works()
    b.report.equal("half-open links", half_open(b), SLOTS, show="")
    b.still_works()
    b.report.true("no more octets out than in", received <= sent, (received, sent))
    forgotten(b)
    return f"{230 * SLOTS_PER_ADDRESS} SYNs: {received / sent:.2f} of their octets in answer"


def random_datagrams(b):
    """Octets that are no PDU: not a word. The link of a card beside them is not disturbed."""
    dice = random.Random(4712)
    with b.channel() as channel, Stranger(b, 7) as stranger:
        for i in range(1000):
            octets = dice.randbytes(dice.randint(0, 1472))
            stranger.send(octets)
            channel.link.raw(octets)
            if i % 50 == 0:
                b.report.equal("beside it", channel.status().name, "done", show="")
        b.report.equal("answers", stranger.take(0.3), None, show="")
    return "2,000 datagrams: no answer"


def random_pdus(b):
    """Right checksums and lengths, whatever else: nothing larger comes back, nothing opens for
    good, and nobody else's link ends."""
    dice = random.Random(4713)
    with b.channel() as channel, Stranger(b, 8) as stranger:
        for i in range(1000):
            area, data = dice.randbytes(dice.randint(0, 40)), dice.randbytes(dice.randint(0, 60))
            head = struct.pack(">BHBHHHHHH", dice.randrange(256), 0, HEAD + len(area),
                               dice.choice((1, dice.randrange(0x10000))),
                               dice.choice((9000, dice.randrange(0x10000))), len(data),
                               *(dice.randrange(0x10000) for _ in range(3)))
            check = checksum(head + b"\0\0" + area + data)
            stranger.send(head + struct.pack(">H", check) + area + data)
            if i % 50 == 0:
                b.report.equal("beside it", channel.status().name, "done", show="")
        while stranger.take(0.3):
            pass
        b.report.true("no more octets out than in", stranger.received <= stranger.sent,
                      (stranger.received, stranger.sent))
        forgotten(b)
        b.report.equal("afterwards", channel.status().name, "done", show="")
    return f"{stranger.received / stranger.sent:.2f} of their octets in answer"


def forged(b):
    """PDUs of a card's link with numbers that do not fit it: data, RST, SYN, bare ACKs."""
    dice = random.Random(4714)
    with b.channel() as channel:
        channel.status()
        numbers = [n + channel.link.following & 0xFFFF for n in range(20, 0xFFFF - 20)]
        for flags in (ACK, RST | ACK, RST, SYN | ACK, NUL | ACK) * 40:
            area = identification_area(b"") if flags & SYN else b"\0" if flags & RST else b""
            data = b"" if flags & (SYN | RST | NUL) else b"forged"
            channel.link.raw(pdu(flags, dice.choice(numbers), dice.randrange(0x10000), area, data))
        b.report.equal("afterwards", channel.status().name, "done", show="")
    return "200 forged PDUs: the link goes on"


def acknowledges_nothing(b):
    """It reads no answer: the vault repeats it as often as it may, then says so."""
    with b.channel() as channel:
        channel.status()
        link = channel.link
        link.deaf = True
        channel.tell(wire.STATUS, wire.WANT_ALWAYS, iccid=b.card.iccid)
        came = 0
        while not link.ended:
            b.lab.move_clock(13_000)
            link.take_one()
            came += 1
        b.report.equal("reason", link.reason, NO_ANSWER, show="")
    return f"RST with reason {NO_ANSWER} behind {came - 1} datagrams"


def takes_nothing(b):
    """Its window is closed and stays so: it is asked now and then, and not for ever."""
    with b.channel() as channel:
        channel.link.window = 0
        channel.status()  # its acknowledgement closes the window
        channel.tell(wire.STATUS, wire.WANT_ALWAYS, iccid=b.card.iccid)
        channel.link.settle()
        b.lab.move_clock(181_000)
        b.report.equal("answer", channel.receive(), None, show="")
        b.report.true("closed", channel.link.ended)
    return "no answer, closed after 181 s"


def only_nul(b, pass_time):
    """Signs of life are no identification."""
    with b.channel(identify=False) as channel:
        for _ in range(2):
            channel.link.nul()
            pass_time(b, 6_000)
        b.report.true("closed", channel.closed())
    return "closed within 15 s"


def sdu_without_end(b, closed_after):
    """A packet that goes on with the next PDU, which never comes."""
    with b.channel() as channel:
        channel.status()
        packet = b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid))
        channel.send_part(packet[:30])
        closed_after(b, channel, 181_000, "half an SDU")
    return "closed after 181 s"

"""CAT_TP as a card speaks it (TS 102 127), written from the standard: one link over one UDP socket.
What is lost is repeated; what comes out of order is asked for again by an ACK."""
import secrets
import select
import socket
import struct
import time

SYN, ACK, EACK, RST, NUL, SEG = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04
PORT, OWN_PORT = 9000, 1
HEAD = 18
MAX_PDU, MAX_SDU, WINDOW = 1400, 1400, 10
REPEAT_SECONDS = 1.0


class CatTpError(Exception):
    """The vault did not follow the standard."""


def checksum(octets):
    padded = octets + bytes(len(octets) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pdu(flags, sequence, ack, area=b"", data=b"", window=WINDOW):
    head = struct.pack(">BHBHHHHHH", flags, 0, HEAD + len(area), OWN_PORT, PORT, len(data),
                       sequence & 0xFFFF, ack & 0xFFFF, window)
    check = checksum(head + b"\0\0" + area + data)
    return head + struct.pack(">H", check) + area + data


def identification_area(octets):
    return struct.pack(">HHB", MAX_PDU, MAX_SDU, len(octets)) + octets


class Link:
    """passed counts datagrams, both ways. With a limit the line is dead behind so many: what is
    sent goes nowhere and nothing comes any more; `cut` is then raised."""

    def __init__(self, port, timeout, limit=None, cut=CatTpError):
        self.timeout, self.limit, self.cut, self.passed = timeout, limit, cut, 0
        self.ended, self._received, self._part = False, [], b""
        self._next = self._unacknowledged = secrets.randbelow(0x10000)
        self._current, self._window, self._largest = None, 1, MAX_PDU
        self._sent = []  # (sequence number, octets) that nobody has acknowledged
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    def open(self, identification):
        self._put_numbered(SYN, identification_area(identification))
        self._until(lambda: self._current is not None or self.ended, "SYN/ACK")

    def send(self, sdu, more=False):
        """Waits for the window only. more: the last PDU says that the SDU goes on."""
        room = self._largest - HEAD
        for at in range(0, len(sdu), room):
            self._until(lambda: self.ended or self._outstanding() < self._window, "window")
            last = at + room >= len(sdu) and not more
            self._put_numbered(ACK if last else ACK | SEG, data=sdu[at:at + room])

    def receive(self):
        """The next SDU; None when the vault has ended the link."""
        self._until(lambda: self._received or self.ended, "SDU")
        return self._received.pop(0) if self._received else None

    def is_open(self):
        return self._current is not None and not self.ended

    def raw(self, octets):
        """A datagram as it is."""
        self._put(octets)

    def reset(self, reason=0):
        """RST; the line need not be alive."""
        self._send(pdu(RST | ACK, self._next, self._current or 0, bytes([reason])))

    def close(self):
        self._socket.close()

    # --- inside ------------------------------------------------------------------------------

    def _outstanding(self):
        return self._next - self._unacknowledged & 0xFFFF

    def _put_numbered(self, flags, area=b"", data=b""):
        octets = pdu(flags, self._next, self._current or 0, area, data)
        self._sent.append((self._next, octets))
        self._next = self._next + 1 & 0xFFFF
        self._put(octets)

    def _acknowledge(self):
        self._put(pdu(ACK, self._next, self._current))

    def _put(self, octets):
        self._pass()
        self._send(octets)

    def _pass(self):
        if self.limit is not None and self.passed >= self.limit:
            raise self.cut()
        self.passed += 1

    def _send(self, octets):
        try:
            self._socket.send(octets)
        except ConnectionRefusedError:
            self.ended = True

    def _until(self, condition, what):
        deadline = time.monotonic() + self.timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"CAT_TP: no {what} within {self.timeout} s")
            if self.limit is not None and self.passed >= self.limit:
                raise self.cut()
            if select.select([self._socket], [], [], REPEAT_SECONDS)[0]:
                self._take()
            else:
                for _, octets in self._sent:
                    self._put(octets)

    def _take(self):
        try:
            octets = self._socket.recv(65536)
        except ConnectionRefusedError:
            self.ended = True
            return
        self._pass()
        if checksum(octets):
            raise CatTpError("checksum")
        flags, _, size, _, _, count, sequence, ack, window, _ = struct.unpack(
            ">BHBHHHHHHH", octets[:HEAD])
        if size + count != len(octets):
            raise CatTpError("lengths")
        if flags & RST:
            self.ended = True
            return
        if flags & ACK:
            self._acknowledged(ack, window)
        if flags & SYN:
            self._opened(sequence, octets)
        elif count or flags & NUL:
            self._data(flags, sequence, octets[size:])

    def _opened(self, sequence, octets):
        if self._current is None:
            self._current = sequence
            self._largest = min(MAX_PDU, int.from_bytes(octets[HEAD:HEAD + 2], "big"))
        self._acknowledge()

    def _acknowledged(self, ack, window):
        if ack - self._unacknowledged & 0xFFFF < self._outstanding():
            self._unacknowledged = ack + 1 & 0xFFFF
            self._sent = [sent for sent in self._sent
                          if sent[0] - self._unacknowledged & 0xFFFF < 0x8000]
        self._window = window

    def _data(self, flags, sequence, data):
        if self._current is None:
            return
        if sequence == self._current + 1 & 0xFFFF:
            self._current = sequence
            self._part += data
            if data and not flags & SEG:
                self._received.append(self._part)
                self._part = b""
        self._acknowledge()

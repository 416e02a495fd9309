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


def pdu(flags, sequence, ack, area=b"", data=b"", window=WINDOW, own=OWN_PORT):
    head = struct.pack(">BHBHHHHHH", flags, 0, HEAD + len(area), own, PORT, len(data),
                       sequence & 0xFFFF, ack & 0xFFFF, window)
    check = checksum(head + b"\0\0" + area + data)
    return head + struct.pack(">H", check) + area + data


def identification_area(octets, max_pdu=MAX_PDU):
    return struct.pack(">HHB", max_pdu, MAX_SDU, len(octets)) + octets


class Link:
    """passed counts datagrams, both ways. With a limit the line is dead behind so many: what is
    sent goes nowhere and nothing comes any more; `cut` is then raised.

    What a test may set: `deaf` (data neither taken nor acknowledged), `window` as it is told,
    `lose` (the one datagram that gets lost, counted as in passed; `lost` then says which way),
    `repeat`. After an RST `reason` is its reason."""

    def __init__(self, port, timeout, limit=None, cut=CatTpError, max_pdu=MAX_PDU):
        self.timeout, self.limit, self.cut, self.passed = timeout, limit, cut, 0
        self.lose, self.lost, self.repeat = None, None, REPEAT_SECONDS
        self.ended, self.reason, self.deaf, self.window = False, None, False, WINDOW
        self._received, self._part = [], b""
        self._next = self._unacknowledged = secrets.randbelow(0x10000)
        self._current, self._window, self._largest = None, 1, max_pdu
        self._sent = []  # (sequence number, octets) that nobody has acknowledged
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    def open(self, identification):
        self._put_numbered(SYN, identification_area(identification, self._largest))
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

    @property
    def following(self):
        """The sequence number that comes next."""
        return self._next

    def is_open(self):
        return self._current is not None and not self.ended

    def nul(self):
        self._put_numbered(NUL | ACK)

    def settle(self):
        """Until the vault has acknowledged everything."""
        self._until(lambda: self.ended or not self._sent, "acknowledgement")

    def take_one(self):
        """Waits for a datagram of any kind, and repeats nothing."""
        if not select.select([self._socket], [], [], self.timeout)[0]:
            raise TimeoutError(f"CAT_TP: nothing within {self.timeout} s")
        self._take()

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
        octets = pdu(flags, self._next, self._current or 0, area, data, self.window)
        self._sent.append((self._next, octets))
        self._next = self._next + 1 & 0xFFFF
        self._put(octets)

    def _acknowledge(self):
        self._put(pdu(ACK, self._next, self._current, window=self.window))

    def _put(self, octets):
        if self._passes("to the vault"):
            self._send(octets)

    def _passes(self, way):
        if self.limit is not None and self.passed >= self.limit:
            raise self.cut()
        self.passed += 1
        if self.passed == self.lose:
            self.lost = way
        return self.passed != self.lose

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
            if select.select([self._socket], [], [], self.repeat)[0]:
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
        if not self._passes("to the card"):
            return
        if checksum(octets):
            raise CatTpError("checksum")
        flags, _, size, _, _, count, sequence, ack, window, _ = struct.unpack(
            ">BHBHHHHHHH", octets[:HEAD])
        if size + count != len(octets):
            raise CatTpError("lengths")
        if flags & RST:
            self.ended, self.reason = True, octets[HEAD]
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
            self._largest = min(self._largest, int.from_bytes(octets[HEAD:HEAD + 2], "big"))
        self._acknowledge()

    def _acknowledged(self, ack, window):
        if ack - self._unacknowledged & 0xFFFF < self._outstanding():
            self._unacknowledged = ack + 1 & 0xFFFF
            self._sent = [sent for sent in self._sent
                          if sent[0] - self._unacknowledged & 0xFFFF < 0x8000]
        self._window = window

    def _data(self, flags, sequence, data):
        if self._current is None or self.deaf:
            return
        if sequence == self._current + 1 & 0xFFFF:
            self._current = sequence
            self._part += data
            if data and not flags & SEG:
                self._received.append(self._part)
                self._part = b""
        self._acknowledge()

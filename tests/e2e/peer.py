"""A card that does exactly what a test tells it: one channel, over TCP octet by octet, over TLS-PSK
or over CAT_TP.

A Card keeps keys and counter as the real one does; a Channel is one connection. Nothing is hidden:
every answer comes back as a wire.Answer, and whatever is not allowed can be sent as well.
"""
import hashlib
import secrets
import socket
import struct

import peer_cat_tp
import peer_tls
import wire
from wire import WANT_ALWAYS, WANT_ON_ERROR


class PeerError(Exception):
    """The vault did not answer as the peer's flow needs."""


class Card:
    """ICCID, keys, and the counter that only rises."""

    def __init__(self, iccid, keys, counter=0):
        self.iccid, self.keys, self.counter = iccid, keys, counter

    def next_counter(self):
        self.counter += 1
        return self.counter

    def wrap(self, data, want=WANT_ALWAYS, **how):
        counter = how.pop("counter", None)
        how.setdefault("spi", (wire.SPI_FIRST, want))
        return wire.wrap_command(self.keys, self.next_counter() if counter is None else counter,
                                 data, **how)


class LineCut(Exception):
    """As much has passed as the test wanted: the line is dead, the channel can only end."""


class Channel:
    """One connection of a card, TCP. Ends with the with-block, whatever happened in it.

    limit: only so much passes (TCP and TLS: octets of the card; CAT_TP: datagrams, both ways), then
    LineCut is raised. passed counts them."""

    def __init__(self, card, port, identify=True, timeout=15.0, nodelay=True, limit=None):
        self.card, self._input, self._passed, self._limit = card, b"", 0, limit
        self.socket, self.marks = None, []  # marks: passed after each piece that was sent
        try:
            self._open(port, identify, timeout, nodelay)
        except BaseException as failure:
            if not isinstance(failure, LineCut):  # the next send meets the end of the line, too
                self.close()
                raise

    @property
    def passed(self):
        return self._passed

    def _open(self, port, identify, timeout, nodelay=True):
        self._connect(port, timeout, nodelay)
        if identify:
            self.send(wire.identification(self.card.iccid))

    def _connect(self, port, timeout, nodelay=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        if nodelay:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()

    def finish(self):
        """The card has nothing more to say: FIN."""
        self.socket.shutdown(socket.SHUT_WR)

    def break_off(self):
        """The line breaks: RST. To be called last."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, octets):
        self._put(octets)

    def send_part(self, octets):
        """Octets that are the beginning of something, for all that the channel tells."""
        self.send(octets)

    def _put(self, octets):
        left = len(octets) if self._limit is None else self._limit - self.passed
        self.socket.sendall(octets[:left])
        self._passed += min(left, len(octets))
        self.marks.append(self.passed)
        if left < len(octets):
            raise LineCut

    def _get(self):
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def _next_octets(self):
        """What came, b"" when the vault has closed the channel."""
        return self._get()

    def receive(self):
        """The next answer; None when the vault has closed the channel."""
        while (packet := wire.next_packet(self._input)) is None:
            octets = self._next_octets()
            if not octets:
                return None
            self._input += octets
        self._input = packet[1]
        return wire.unwrap_response(self.card.keys, packet[0])

    def closed(self):
        """Waits until the vault closes; what it still sends before that is thrown away."""
        while self.receive() is not None:
            pass
        return True

    def ask(self, ins, want=WANT_ALWAYS, how=None, **fields):
        """One command and its answer. None: closed without one."""
        self.send(self.card.wrap(wire.message(ins, **fields), want, **(how or {})))
        return self.receive()

    def tell(self, ins, want=WANT_ON_ERROR, **fields):
        """A command whose answer comes only on error, if at all."""
        self.send(self.card.wrap(wire.message(ins, **fields), want))

    # --- flows -------------------------------------------------------------------------------

    def begin(self, image, transaction, key=None, **fields):
        fields.setdefault("total", len(image))
        fields.setdefault("digest", hashlib.sha256(image).digest())
        return self.ask(wire.STORE_BEGIN, iccid=self.card.iccid, transaction=transaction, key=key,
                        **fields)

    def upload(self, image, transaction, offset=0, block=1024, want=WANT_ON_ERROR):
        for at in range(offset, len(image), block):
            if want == WANT_ON_ERROR:
                self.tell(wire.STORE_DATA, transaction=transaction, offset=at,
                          piece=image[at:at + block])
            else:
                self.ask(wire.STORE_DATA, transaction=transaction, offset=at,
                         piece=image[at:at + block])

    def end(self, transaction):
        return self.ask(wire.STORE_END, transaction=transaction)

    def store(self, image, key=None, transaction=None, block=1024, confirm=True):
        """A whole store. Returns the last answer; its key, when one was issued, is confirmed."""
        if transaction is None:
            transaction = new_transaction()
        answer = self.begin(image, transaction, key)
        if answer is None or answer.result != 0:
            return answer
        self.upload(image, transaction, answer.offset, block)
        answer = self.end(transaction)
        if answer is not None and answer.result == 0 and answer.key and confirm:
            self.confirm(transaction, answer.key)
        return answer

    def confirm(self, transaction, key):
        return self.ask(wire.KEY_CONFIRM, transaction=transaction, key=key)

    def fetch(self, key=None, **fields):
        """(answer to BEGIN, image); the image is None when it was refused."""
        begun = self.ask(wire.FETCH_BEGIN, iccid=self.card.iccid, key=key, **fields)
        if begun is None or begun.result != 0:
            return begun, None
        image = b""
        while len(image) < begun.total:
            piece = self.ask(wire.FETCH_DATA, transaction=begun.transaction, offset=len(image))
            if piece is None or piece.result != 0:
                raise PeerError(f"FETCH DATA at {len(image)}: {piece and piece.name}")
            image += piece.piece
        if hashlib.sha256(image).digest() != begun.digest:
            raise PeerError("what was fetched has another digest than FETCH BEGIN named")
        return begun, image

    def status(self):
        return self.ask(wire.STATUS, iccid=self.card.iccid)


class TlsChannel(Channel):
    """Inside TLS-PSK, whose identity names the card. identify False: no handshake either, and what
    is sent goes out in clear."""

    def __init__(self, card, port, psk, **how):
        self._psk, self._tls = psk, None
        super().__init__(card, port, **how)

    def _open(self, port, identify, timeout, nodelay=True):
        self._connect(port, timeout, nodelay)
        if identify:
            self.shake_hands()

    def shake_hands(self, put=None):
        """put: stands in for what sends a record."""
        tls = peer_tls.Tls(put or self._put, self._get)
        tls.shake_hands(self.card.iccid.encode(), self._psk)
        tls.divert(self._put)
        self._tls = tls

    def send(self, octets):
        if self._tls:
            self._tls.send(octets)
        else:
            self._put(octets)

    def raw(self, octets):
        """Past TLS, as they are."""
        self._put(octets)

    def sealed(self, octets):
        """The record, which is not sent."""
        return self._tls.sealed(octets)

    def _next_octets(self):
        if self._tls:
            return self._tls.receive()
        while self._get():  # an alert in clear at most
            pass
        return b""


class CatTpChannel(Channel):
    """One CAT_TP link; what is sent at once is one SDU. identify False: a SYN that names nobody."""

    link, _dead = None, False

    def _open(self, port, identify, timeout, nodelay=True):
        own = wire.ef_iccid(self.card.iccid) if identify else b""
        self.link = peer_cat_tp.Link(port, timeout, self._limit, LineCut)
        self.link.open(own)

    def close(self):
        if self.link:
            if self.link.is_open() and not self._dead:
                self.link.reset()
            self.link.close()

    @property
    def passed(self):
        return self.link.passed if self.link else 0

    def finish(self):
        self.link.reset()
        self._dead = True

    def break_off(self):
        """Nothing is heard of the card any more."""
        self._dead = True

    def send(self, octets):
        self.link.send(octets)

    def send_part(self, octets):
        self.link.send(octets, more=True)

    def _next_octets(self):
        return self.link.receive() or b""


def new_transaction():
    return secrets.randbits(31)


def an_image(octets, seed):
    """A well-formed image with one memo, `octets` long (at least 40); the same for a seed."""
    body = hashlib.shake_128(str(seed).encode()).hexdigest(octets).encode()
    for size in range(octets, 0, -1):
        inner = wire.tlv(0x80, b"note") + wire.tlv(0x81, body[:size])
        image = b"BV\x01" + wire.tlv(0xA2, inner)
        if len(image) <= octets:
            return image
    raise ValueError(octets)

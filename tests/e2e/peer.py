"""A card that does exactly what a test tells it: one TCP channel, octet by octet.

A Card keeps keys and counter as the real one does; a Channel is one connection. Nothing is hidden:
every answer comes back as a wire.Answer, and whatever is not allowed can be sent as well.
"""
import hashlib
import secrets
import socket

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


class Channel:
    """One connection of a card. Ends with the with-block, whatever happened in it."""

    def __init__(self, card, port, identify=True, timeout=15.0, nodelay=True):
        self.card, self._input, self.sent = card, b"", 0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        if nodelay:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if identify:
            self.send(wire.identification(card.iccid))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)
        self.sent += len(octets)

    def receive(self):
        """The next answer; None when the vault has closed the channel."""
        while (packet := wire.next_packet(self._input)) is None:
            try:
                octets = self.socket.recv(65536)
            except ConnectionResetError:
                octets = b""
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

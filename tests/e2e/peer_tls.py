"""TLS 1.2 with a pre-shared key as a card speaks it (RFC 5246, 4279, 5487), written from the RFCs:
PSK-AES128-GCM-SHA256 and nothing else, so that every octet of the line is in a test's hand."""
import hashlib
import hmac
import secrets
import struct

from Cryptodome.Cipher import AES

SUITE = bytes.fromhex("00A8")
VERSION = b"\x03\x03"
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE, FINISHED = 1, 2, 14, 16, 20
LARGEST = 16384  # octets of a record


class TlsError(Exception):
    """The handshake or a record failed; `alert` is the number the vault named, if any."""

    def __init__(self, text, alert=None):
        super().__init__(text)
        self.alert = alert


def prf(secret, label, seed, size):
    """RFC 5246 section 5, P_SHA256."""
    seed, out = label + seed, b""
    chain = seed
    while len(out) < size:
        chain = hmac.digest(secret, chain, "sha256")
        out += hmac.digest(secret, chain + seed, "sha256")
    return out[:size]


def handshake_message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


class Tls:
    """One end of a connection. put(octets) sends; get() returns octets, b"" at the end."""

    def __init__(self, put, get):
        self._put, self._get = put, get
        self._input, self._messages, self._said = b"", b"", b""
        self._out = self._in = None  # (key, fixed nonce) once ciphered
        self._sent = self._received = 0

    def send(self, octets, kind=DATA):
        """One record for at most 16 KiB; nothing of it is kept back."""
        for at in range(0, len(octets), LARGEST):
            self._put(self._record(kind, octets[at:at + LARGEST]))

    def divert(self, put):
        """Sends by another put from here on."""
        self._put = put

    def sealed(self, octets):
        """The next record; whoever calls sends it."""
        return self._record(DATA, octets)

    def receive(self):
        """The octets of the next record; b"" when the vault has closed."""
        kind, octets = self._next_record()
        if kind == ALERT or kind is None:
            return b""
        if kind != DATA:
            raise TlsError(f"record of type {kind}")
        return octets

    def shake_hands(self, identity, psk):
        client = secrets.token_bytes(32)
        hello = VERSION + client + b"\0" + b"\0\4" + SUITE + b"\x00\xFF" + b"\1\0"
        self._say(CLIENT_HELLO, hello)
        server = self._hear(SERVER_HELLO)
        at = 35 + server[34]
        if server[:2] != VERSION or server[at:at + 2] != SUITE:
            raise TlsError("another version or suite")
        while self._hear() != SERVER_HELLO_DONE:  # a hint may come before it
            pass
        self._say(CLIENT_KEY_EXCHANGE, struct.pack(">H", len(identity)) + identity)
        half = struct.pack(">H", len(psk))
        master = prf(half + bytes(len(psk)) + half + psk, b"master secret", client + server[2:34],
                     48)
        keys = prf(master, b"key expansion", server[2:34] + client, 40)
        self.send(b"\1", CHANGE_CIPHER_SPEC)
        self._out = keys[:16], keys[32:36]
        self._say(FINISHED, self._verify(master, b"client finished"))
        kind, octets = self._next_record()
        if kind != CHANGE_CIPHER_SPEC:
            raise self._refused(kind, octets)
        self._in = keys[16:32], keys[36:]
        expected = self._verify(master, b"server finished")
        if not hmac.compare_digest(self._hear(FINISHED), expected):
            raise TlsError("the vault's Finished does not verify")

    # --- inside ------------------------------------------------------------------------------

    def _verify(self, master, label):
        return prf(master, label, hashlib.sha256(self._said).digest(), 12)

    def _say(self, kind, body):
        message = handshake_message(kind, body)
        self._said += message
        self.send(message, HANDSHAKE)

    def _hear(self, expected=None):
        """The next handshake message: its body, or its kind if none is expected."""
        while len(self._messages) < 4 or len(self._messages) < 4 + self._size():
            kind, octets = self._next_record()
            if kind != HANDSHAKE:
                raise self._refused(kind, octets)
            self._messages += octets
        end = 4 + self._size()
        message, self._messages = self._messages[:end], self._messages[end:]
        self._said += message
        if expected is None:
            return message[0]
        if message[0] != expected:
            raise TlsError(f"handshake message {message[0]} for {expected}")
        return message[4:]

    def _size(self):
        return int.from_bytes(self._messages[1:4], "big")

    @staticmethod
    def _refused(kind, octets):
        if kind == ALERT:
            return TlsError(f"alert {octets[1]}", octets[1])
        return TlsError("closed" if kind is None else f"record of type {kind}")

    def _record(self, kind, octets):
        if self._out is None:
            return bytes([kind]) + VERSION + struct.pack(">H", len(octets)) + octets
        key, fixed = self._out
        number = struct.pack(">Q", self._sent)
        self._sent += 1
        cipher = AES.new(key, AES.MODE_GCM, fixed + number)
        cipher.update(number + bytes([kind]) + VERSION + struct.pack(">H", len(octets)))
        text, tag = cipher.encrypt_and_digest(octets)
        body = number + text + tag
        return bytes([kind]) + VERSION + struct.pack(">H", len(body)) + body

    def _next_record(self):
        """(type, octets); (None, b"") at the end of the line."""
        while len(self._input) < 5 or len(self._input) < 5 + self._length():
            octets = self._get()
            if not octets:
                return None, b""
            self._input += octets
        end = 5 + self._length()
        kind, body, self._input = self._input[0], self._input[5:end], self._input[end:]
        return kind, body if self._in is None else self._opened(kind, body)

    def _length(self):
        return int.from_bytes(self._input[3:5], "big")

    def _opened(self, kind, body):
        key, fixed = self._in
        number = struct.pack(">Q", self._received)
        self._received += 1
        cipher = AES.new(key, AES.MODE_GCM, fixed + body[:8])
        cipher.update(number + bytes([kind]) + VERSION + struct.pack(">H", len(body) - 24))
        try:
            return cipher.decrypt_and_verify(body[8:-16], body[-16:])
        except ValueError as bad:
            raise TlsError("the vault's record does not verify") from bad

"""Octets between card and vault, written from the standards and docs/protocol.md alone.

Shares nothing with the C++ sources, so that an error which both ends of the product make alike
shows here: secured packets of TS 102 225 over TCP (AES-CBC with AES-CMAC, two-key 3DES in CBC with
CBC-MAC), identification packets, messages and their TLVs. wire_test.py holds the vectors.
"""
import functools
import struct

from Cryptodome.Cipher import AES, DES3
from Cryptodome.Hash import CMAC

TAR = bytes.fromhex("BFFF01")
SPI_FIRST = 0x16  # CC, ciphered, counter higher
WANT_NOTHING, WANT_ALWAYS, WANT_ON_ERROR = 0x00, 0x19, 0x1A
CC_SIZE = 8

# Instructions.
REPORT, STORE_BEGIN, STORE_DATA, STORE_END, KEY_CONFIRM = 0x01, 0x02, 0x03, 0x04, 0x05
FETCH_BEGIN, FETCH_DATA, ERASE, STATUS, FETCH_REPORT = 0x06, 0x07, 0x08, 0x09, 0x0A

RESULTS = ["done", "key required", "wrong key", "locked", "unknown card", "nothing stored",
           "wrong offset", "digest mismatch", "too large", "try later", "move pending", "conflict",
           "malformed", "unsupported", "no such transaction", "mistyped key", "suspended"]

TAGS = {"iccid": 0x80, "previous": 0x81, "number": 0x82, "key": 0x83, "transaction": 0x84,
        "total": 0x85, "offset": 0x86, "piece": 0x87, "digest": 0x88, "attempts": 0x89,
        "date": 0x8A, "state": 0x8B, "max_data": 0x8C, "key_state": 0x8D, "version": 0x8E,
        "counts": 0x8F, "flags": 0x90, "handset": 0x91, "origin": 0x92}
NAMES = {tag: name for name, tag in TAGS.items()}
WIDTHS = {"transaction": 4, "total": 4, "offset": 4, "attempts": 1, "state": 1, "max_data": 2,
          "key_state": 1, "version": 2, "flags": 1, "origin": 1}


class WireError(Exception):
    """What came is not what the standard allows."""


def ber_length(size):
    if size < 0x80:
        return bytes([size])
    if size < 0x100:
        return bytes([0x81, size])
    return bytes([0x82]) + struct.pack(">H", size)


def read_ber_length(octets, at):
    """(length, position behind it), or None while octets are missing."""
    if at >= len(octets):
        return None
    first = octets[at]
    if first < 0x80:
        return first, at + 1
    if first not in (0x81, 0x82):
        raise WireError(f"length octet {first:02x}")
    width = first - 0x80
    if at + 1 + width > len(octets):
        return None
    return int.from_bytes(octets[at + 1:at + 1 + width], "big"), at + 1 + width


def tlv(tag, value):
    return bytes([tag]) + ber_length(len(value)) + value


def ef_iccid(digits):
    """EF_ICCID: nibble-swapped BCD with F behind."""
    padded = digits + "F" * (20 - len(digits))
    return bytes(int(padded[i + 1] + padded[i], 16) for i in range(0, 20, 2))


def iccid_digits(octets):
    return "".join(f"{o & 15:X}{o >> 4:X}" for o in octets).rstrip("F")


def identification(digits, tag=0x36):
    value = bytes([tag, 10]) + ef_iccid(digits)
    return b"\x03" + ber_length(len(value)) + value


# --- secured packets -------------------------------------------------------------------------

class Keys:
    """One key set of a card. family: "aes" or "3des"."""

    def __init__(self, key_set, family, kic, kid):
        self.key_set, self.family, self.kic, self.kid = key_set, family, kic, kid

    @property
    def octet(self):
        return self.key_set << 4 | (2 if self.family == "aes" else 5)

    @property
    def block(self):
        return 16 if self.family == "aes" else 8

    def _cipher(self, key):
        if self.family == "aes":
            return AES.new(key, AES.MODE_CBC, bytes(16))
        return DES3.new(key, DES3.MODE_CBC, bytes(8))

    def encrypt(self, octets):
        return self._cipher(self.kic).encrypt(octets)

    def decrypt(self, octets):
        return self._cipher(self.kic).decrypt(octets)

    def cc(self, octets):
        if self.family == "aes":
            return CMAC.new(self.kid, octets, ciphermod=AES).digest()[:CC_SIZE]
        return self._cipher(self.kid).encrypt(octets + bytes(-len(octets) % 8))[-8:]


def wrap_command(keys, counter, data, tar=TAR, spi=(SPI_FIRST, WANT_ALWAYS), kic=None, kid=None,
                 cc=None, carrier="bip"):
    """A command packet. `cc`, `kic`, `kid` stand in for what would be right.

    carrier "bip": CPI 01 and BER lengths; "sms": two octets of CPL and one of CHL."""
    pad = -(6 + CC_SIZE + len(data)) % keys.block
    size = 8 + 6 + CC_SIZE + len(data) + pad  # SPI to TAR, CNTR to PCNTR, CC, data
    head = bytes([spi[0], spi[1], keys.octet if kic is None else kic,
                  keys.octet if kid is None else kid]) + tar
    chl = bytes([13 + CC_SIZE])
    if carrier == "sms":
        front = struct.pack(">H", size) + chl
    else:
        front = b"\x01" + ber_length(size) + chl
    count = counter.to_bytes(5, "big") + bytes([pad])
    padded = data + bytes(pad)
    check = keys.cc(front + head + count + padded) if cc is None else cc
    return front + head + keys.encrypt(count + check + padded)


def bare_command(keys, counter, data, want=0x01, tar=TAR):
    """A command packet of SPI 00: no CC, no cipher; only inside TLS."""
    head = bytes([0x00, want, keys.octet, keys.octet]) + tar
    body = bytes([13]) + head + counter.to_bytes(5, "big") + b"\0" + data
    return b"\x01" + ber_length(len(body)) + body


def unwrap_sms_command(keys, packet):
    """What a card reads from a command packet (from its CPL on): (SPI, TAR, counter, data)."""
    if int.from_bytes(packet[:2], "big") != len(packet) - 2 or packet[2] != 13 + CC_SIZE:
        raise WireError("CPL or CHL")
    spi, kic, kid, tar = packet[3:5], packet[5], packet[6], packet[7:10]
    if (kic, kid) != (keys.octet, keys.octet):
        raise WireError(f"KIc {kic:02x}, KID {kid:02x}")
    plain = keys.decrypt(packet[10:])
    pad, check, data = plain[5], plain[6:14], plain[14:]
    if keys.cc(packet[:10] + plain[:6] + data) != check:
        raise WireError("the command's CC does not verify")
    if pad >= keys.block or any(data[len(data) - pad:]):
        raise WireError("padding")
    return spi, tar, int.from_bytes(plain[:5], "big"), data[:len(data) - pad]


def proof_of_receipt(keys, counter, status=0, data=b"", tar=TAR):
    """A card's PoR by SMS, ciphered and with CC, from its user data header on."""
    size = 4 + 7 + CC_SIZE + len(data)
    pad = -(7 + CC_SIZE + len(data)) % keys.block
    front = b"\x02\x71\x00" + struct.pack(">H", size + pad) + bytes([10 + CC_SIZE]) + tar
    fixed = counter.to_bytes(5, "big") + bytes([pad, status])
    padded = data + bytes(pad)
    return front + keys.encrypt(fixed + keys.cc(front + fixed + padded) + padded)


class Answer:
    """An unwrapped response packet; its message is decoded when somebody asks for it."""

    def __init__(self, status, tar, counter, data, protected):
        self.status, self.tar, self.counter = status, tar, counter
        self.data, self.protected = data, protected

    @functools.cached_property
    def _message(self):
        return decode_message(self.data) if self.data else (None, {})

    @property
    def result(self):
        """The result octet; None when no data came."""
        return self._message[0]

    @property
    def name(self):
        if self.status:
            return f"status {self.status:02X}"
        if self.result is None:
            return "nothing"
        return RESULTS[self.result] if self.result < len(RESULTS) else f"result {self.result:02X}"

    def __getattr__(self, name):
        """A field of the message, None when it is not there; tag 87 is called `piece`."""
        if name in TAGS:
            return self._message[1].get(name)
        raise AttributeError(name)


def unwrap_response(keys, packet, carrier="bip"):
    """The answer; raises WireError when a protected one does not verify."""
    front = 3 if carrier == "sms" else 1  # UDHL IEI IEIDL, or RPI
    if carrier == "sms":
        rpl, at = int.from_bytes(packet[3:5], "big"), 5
    else:
        if packet[0] != 2:
            raise WireError(f"identifier {packet[0]:02x} is not a response")
        rpl, at = read_ber_length(packet, front)
    if len(packet) - at != rpl:
        raise WireError("RPL is not the packet's length")
    rhl = packet[at]
    tar, rest = packet[at + 1:at + 4], packet[at + 4:]
    if rhl == 10:
        return Answer(rest[6], tar, int.from_bytes(rest[:5], "big"), rest[7:], False)
    if rhl != 10 + CC_SIZE:
        raise WireError(f"RHL {rhl:02x}")
    plain = keys.decrypt(rest)
    pad, status, check, data = plain[5], plain[6], plain[7:15], plain[15:]
    if keys.cc(packet[:at + 4] + plain[:7] + data) != check:
        raise WireError("the answer's CC does not verify")
    if pad >= keys.block or any(data[len(data) - pad:]):
        raise WireError("padding")
    return Answer(status, tar, int.from_bytes(plain[:5], "big"), data[:len(data) - pad], True)


def next_packet(octets):
    """(packet, rest) of a stream of packets, or None while one is not whole."""
    if len(octets) < 2:
        return None
    length = read_ber_length(octets, 1)
    if length is None or len(octets) < length[1] + length[0]:
        return None
    end = length[1] + length[0]
    return octets[:end], octets[end:]


# --- messages --------------------------------------------------------------------------------

def encode_field(name, value):
    if name in ("iccid", "previous"):
        value = ef_iccid(value)
    elif name in WIDTHS:
        value = value.to_bytes(WIDTHS[name], "big")
    elif name == "counts":
        value = struct.pack(">HH", *value)
    elif name == "key":
        value = value.encode("ascii")
    return tlv(TAGS[name], value)


def message(ins, **fields):
    """A command's data; fields in the order in which they are given, None left out."""
    return bytes([ins]) + b"".join(encode_field(name, value) for name, value in fields.items()
                                   if value is not None)


def decode_message(data):
    fields, at = {}, 1
    while at < len(data):
        length = read_ber_length(data, at + 1)
        if length is None or length[1] + length[0] > len(data):
            raise WireError("a TLV runs over the end")
        size, begin = length
        name, value = NAMES.get(data[at]), data[begin:begin + size]
        at = begin + size
        if name is None or name in fields:
            continue
        if name in WIDTHS:
            if size != WIDTHS[name]:
                raise WireError(f"{name} of {size} octets")
            value = int.from_bytes(value, "big")
        elif name == "key":
            value = value.decode("ascii")
        fields[name] = value
    return data[0], fields


def damm_ok(key):
    """Is the last digit of a subscriber's key its Damm check digit?"""
    table = ["0317598642", "7092154863", "4206871359", "1750983426", "6123045978", "3674209581",
             "5869720134", "8945362017", "9438617205", "2581436790"]
    interim = 0
    for digit in key:
        interim = int(table[interim][int(digit)])
    return interim == 0


def damm_digit(digits):
    """The check digit that makes a key of these digits."""
    return next(last for last in "0123456789" if damm_ok(digits + last))


def mistype(key):
    """The key with one wrong digit, as a slip of the finger: its check digit shows it."""
    return key[:2] + str((int(key[2]) + 1) % 10) + key[3:]


def other_key(key):
    """Another key whose check digit is right: a guess."""
    for number in range(10 ** 3):
        guess = f"{number:03d}" + key[3:-1]
        for last in "0123456789":
            if damm_ok(guess + last) and guess + last != key:
                return guess + last
    raise AssertionError("there is always one")

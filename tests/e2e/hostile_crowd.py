"""Crowds of hostile_test: thousands at once that never say who they are. What they cost, that a
card is served meanwhile, and that everything is given back."""
import os
import resource
import select
import socket
import struct

import hostile_tls
from checks import CheckFailed
from peer_cat_tp import ACK, RST, SYN, identification_area, pdu
from process import read_text, wait_until

MINUTE = 60_000
# Octets of resident memory; docs/performance.md says what an idle session costs, and that most of
# TLS's is OpenSSL's.
MOST_PER_CHANNEL = {"tcp": 4 * 1024, "cat_tp": 4 * 1024, "tls_psk": 24 * 1024}
GROWTH = 512  # of it what a second and a third crowd may add for each of them, and
SLACK = 1 << 20  # whatever else the process has done meanwhile
KINDS = ("sessions", "cat_tp_links", "cat_tp_half_open", "carried_channels")


def resident(b):
    for line in read_text(f"/proc/{b.lab.host.pid}/status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise CheckFailed("no VmRSS")


def descriptors(b):
    """How many the host has, but for the database's: workers connect when they first have work."""
    folder = f"/proc/{b.lab.host.pid}/fd"

    def target(name):
        try:
            return os.readlink(f"{folder}/{name}")
        except FileNotFoundError:  # closed meanwhile
            return None

    database = b.lab.path("data") + os.sep
    return sum(1 for path in map(target, os.listdir(folder))
               if path is not None and not path.startswith(database))


def given_back(b, before):
    """Every channel has ended; the process has as many descriptors as it had."""
    def quiet():
        health = b.lab.health()
        return not any(health[kind] for kind in KINDS)
    wait_until(quiet, 60, f"no more {', '.join(KINDS)}")
    wait_until(lambda: descriptors(b) <= before, 30, f"{before} descriptors as before")


class Sockets:
    """Connections over TCP. Over TLS every third has said hello and goes no further."""

    def __init__(self, b):
        self._b, self._sockets = b, []

    def open(self, count):
        tls = self._b.lab.speaks == "tls_psk"
        port = self._b.lab.ports["tls_psk" if tls else "tcp"]
        hello = hostile_tls.client_hello(self._b) if tls else b""
        for i in range(count):
            one = socket.create_connection(("127.0.0.1", port), 30)
            self._sockets.append(one)
            if i % 3 == 0:
                one.sendall(hello)
        if tls:  # until they have their answers
            for one in self._sockets[::3]:
                one.recv(1)

    def there(self, count):
        return self._b.lab.health()["sessions"] >= count

    def close(self):
        for one in self._sockets:
            one.close()


class Links:
    """CAT_TP links of one socket, told apart by their CAT_TP ports; few at a time are half open."""

    AT_ONCE = 10

    def __init__(self, b):
        self._b, self._acknowledged = b, {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", b.lab.ports["cat_tp"]))

    def open(self, count):
        for first in range(1, count + 1, self.AT_ONCE):
            left = set(range(first, min(first + self.AT_ONCE, count + 1)))
            for _ in range(30):  # what gets lost is sent again
                for port in left:
                    self._socket.send(pdu(SYN, port, 0, identification_area(b""), own=port))
                while left and select.select([self._socket], [], [], 1)[0]:
                    left.discard(self._answer())
            if left:
                raise CheckFailed(f"no SYN/ACK for the links {sorted(left)}")

    def _answer(self):
        octets = self._socket.recv(4096)
        flags, port, number = octets[0], *struct.unpack(">H2xH", octets[6:12])
        if flags & RST or not flags & SYN:
            raise CheckFailed(f"link {port}: expected SYN/ACK, seen {flags:02X}")
        self._acknowledged[port] = number
        self._acknowledge(port)
        return port

    def _acknowledge(self, port):
        self._socket.send(pdu(ACK, port + 1, self._acknowledged[port], own=port))

    def there(self, count):
        if self._b.lab.health()["cat_tp_links"] >= count:
            return True
        for port in self._acknowledged:  # what got lost
            self._acknowledge(port)
        return False

    def close(self):
        self._socket.close()


def crowd(b, size):
    """So many at once that never identify; then they and what they took are gone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < size + 200:
        raise CheckFailed(f"{size} connections need {size + 200} descriptors, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before, files, most = resident(b), descriptors(b), MOST_PER_CHANNEL[b.lab.speaks]
    many = Links(b) if b.lab.speaks == "cat_tp" else Sockets(b)
    try:
        many.open(size)
        wait_until(lambda: many.there(size), 60, f"{size} channels", every=0.1)
        each = (resident(b) - before) // size
        b.report.true(f"memory of {size} channels", each < most + SLACK // size,
                      f"{each} octets each")
        b.still_works()
        b.lab.move_clock(MINUTE)
        given_back(b, files)
    finally:
        many.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    b.report.true("counted", b.lab.counter("bip.never_identified") >= size)
    return f"{max(each, 0)} octets of memory each, all closed"


def crowds_again(b, size):
    """A second and a third crowd find the memory that the first one left."""
    after_first = resident(b)
    for _ in range(2):
        crowd(b, size)
    grown = resident(b) - after_first
    b.report.true("memory does not grow from crowd to crowd", grown < size * GROWTH + SLACK, grown)
    return f"{grown // 1024} KiB more after two more"

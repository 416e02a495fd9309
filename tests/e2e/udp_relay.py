"""A network between a card and the host's UDP port: it writes every datagram down as a pcap file
and loses, repeats and reorders them by a seed. As behind a NAT, each sender gets a port of its
own."""
import random
import select
import socket
import struct
import threading
import time


def packet(source, destination, payload):
    """IPv4 and UDP headers around a datagram of this machine."""
    udp = struct.pack(">HHHH", source, destination, 8 + len(payload), 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0,
                     bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1]))
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ip[:10] + struct.pack(">H", ~total & 0xFFFF) + ip[12:] + udp + payload


class Relay:
    """with Relay(port) as relay: cards are told relay.port."""

    def __init__(self, server_port, loss=0.0, duplicate=0.0, late=0.0, seed=1):
        self.server_port, self.seed = server_port, seed
        self.loss, self.duplicate, self.late = loss, duplicate, late
        self.datagrams = []  # (time, source port, destination port, octets), what went in
        self.lost = 0
        self._random = random.Random(seed)
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self.port = self._front.getsockname()[1]
        self._backs = {}  # a card's address to the socket towards the server
        self._held = []   # (due, socket, octets, address or None)
        self._wake, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.close()
        self._thread.join()
        for each in (self._front, self._wake, *self._backs.values()):
            each.close()

    def _run(self):
        while True:
            now = time.monotonic()
            for due in [held for held in self._held if held[0] <= now]:
                self._held.remove(due)
                self._put(*due[1:])
            timeout = min((held[0] - now for held in self._held), default=None)
            sockets = [self._front, self._wake, *self._backs.values()]
            for ready in select.select(sockets, [], [], timeout)[0]:
                if ready is self._wake:
                    return
                self._pass_on(ready)

    def _pass_on(self, ready):
        octets, address = ready.recvfrom(4096)
        if ready is self._front:
            if address not in self._backs:
                self._backs[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._backs[address].connect(("127.0.0.1", self.server_port))
            self._fly(octets, address[1], self.server_port, self._backs[address], None)
        else:
            card = next(a for a, back in self._backs.items() if back is ready)
            self._fly(octets, self.server_port, card[1], self._front, card)

    def _fly(self, octets, source, destination, out, address):
        self.datagrams.append((time.time(), source, destination, octets))
        if self._random.random() < self.loss:
            self.lost += 1
            return
        for _ in range(2 if self._random.random() < self.duplicate else 1):
            if self._random.random() < self.late:
                self._held.append((time.monotonic() + 0.3, out, octets, address))
            else:
                self._put(out, octets, address)

    @staticmethod
    def _put(out, octets, address):
        try:
            out.sendto(octets, address) if address else out.send(octets)
        except OSError:
            pass  # nobody there any more

    def write_pcap(self, path):
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
            for when, source, destination, octets in self.datagrams:
                whole = packet(source, destination, octets)
                file.write(struct.pack("<IIII", int(when), int(when % 1 * 1e6), len(whole),
                                       len(whole)))
                file.write(whole)

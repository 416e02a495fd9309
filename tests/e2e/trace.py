"""Traces of APDUs (GSMTAP in a pcap file): how often a proactive command was fetched."""
import random
import socket
import struct
import threading

OPEN_CHANNEL, CLOSE_CHANNEL, RECEIVE_DATA, SEND_DATA = 0x40, 0x41, 0x42, 0x43
FETCH = 0x12
GSMTAP = 16  # octets of its header
HEADERS = 20 + 8 + GSMTAP  # IPv4, UDP, GSMTAP
GSMTAP_PORT = 4729


class GsmtapListener:
    """Takes what is sent to an address of the loopback that nobody else has, until the end of the
    block: `datagrams`, in the order in which they came. The port is fixed, so the address is what
    keeps two at a time apart."""

    def __enter__(self):
        self.address = "127." + ".".join(str(random.randint(1, 254)) for _ in range(3))
        self.datagrams, self._end = [], threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, GSMTAP_PORT))
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def _listen(self):
        while True:
            ending = self._end.is_set()  # looked at before the last wait, not behind it
            try:
                self.datagrams.append(self._socket.recv(65536))
            except TimeoutError:
                if ending:
                    return

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self._socket.close()


def packets(path):
    """The packets of a trace, from the IP header on."""
    with open(path, "rb") as file:
        octets = file.read()
    at = 24
    while at < len(octets):
        size = struct.unpack_from("<I", octets, at + 8)[0]
        yield octets[at + 16:at + 16 + size]
        at += 16 + size


def exchanges(path):
    """The APDU exchanges of a trace: header, data, status word."""
    for packet in packets(path):
        yield packet[HEADERS:]


def proactive(path):
    """Counts of the proactive commands in a trace, by type."""
    counts = {}
    for apdu in exchanges(path):
        if len(apdu) < 12 or apdu[1] != FETCH or apdu[5] != 0xD0:
            continue
        at = 7 if apdu[6] < 0x80 else 8
        kind = apdu[at + 3]  # 81 03 number type qualifier
        counts[kind] = counts.get(kind, 0) + 1
    return counts

"""Traces of APDUs (GSMTAP in a pcap file): how often a proactive command was fetched."""
import struct

OPEN_CHANNEL, CLOSE_CHANNEL, RECEIVE_DATA, SEND_DATA = 0x40, 0x41, 0x42, 0x43
FETCH = 0x12
HEADERS = 20 + 8 + 16  # IPv4, UDP, GSMTAP


def exchanges(path):
    """The APDU exchanges of a trace: header, data, status word."""
    with open(path, "rb") as file:
        octets = file.read()
    at = 24
    while at < len(octets):
        size = struct.unpack_from("<I", octets, at + 8)[0]
        yield octets[at + 16 + HEADERS:at + 16 + size]
        at += 16 + size


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

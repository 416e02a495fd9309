"""A cell with one phone behind a real SMSC: the MME's side of SGs (TS 29.118), and above it the
short message layers of the phone (TS 24.011). The phone itself is bipvault-card, which attaches by
its radio: a local socket with a line of text for each TPDU (bipvault-card --help).

While no card is attached the subscriber is unreachable.
"""
import os
import selectors
import socket
import threading

# SGs message types and information elements (TS 29.118 clauses 9.2, 9.3).
PAGING, SERVICE_REQUEST, DOWNLINK, UPLINK = 0x01, 0x06, 0x07, 0x08
UPDATE, UPDATE_ACCEPT, TMSI_DONE = 0x09, 0x0A, 0x0C
EPS_DETACH, EPS_DETACH_ACK = 0x11, 0x12
RESET, RESET_ACK, UNREACHABLE = 0x15, 0x16, 0x1F
IE_IMSI, IE_LAI, IE_CAUSE, IE_MME, IE_UPDATE, IE_DETACH = 0x01, 0x04, 0x08, 0x09, 0x0A, 0x10
IE_NAS, IE_SERVICE = 0x16, 0x20
IMSI_DETACHED_FOR_EPS = 0x02
SMS_SERVICE = 0x02
LAI = bytes.fromhex("00f1100001")
# CP and RP (TS 24.011 clauses 8.1, 8.2).
PD_SMS, FROM_OTHER_SIDE = 0x09, 0x80
CP_DATA, CP_ACK = 0x01, 0x04
RP_DATA_UP, RP_DATA_DOWN, RP_ACK_UP, RP_ERROR_UP, RP_ERROR_DOWN = 0, 1, 2, 4, 5
RP_USER_DATA, PROTOCOL_ERROR = 0x41, 111
SERVICE_CENTRE = bytes.fromhex("91947101")


def imsi_value(imsi):
    """Mobile identity with an odd number of digits (TS 24.008 clause 10.5.1.4)."""
    digits = [int(digit) for digit in imsi]
    octets = [digits[0] << 4 | 0x09]
    octets += [low | high << 4 for low, high in zip(digits[1::2], digits[2::2])]
    return bytes(octets)


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))


def tlv(element, value):
    return bytes([element, len(value)]) + value


def elements(message):
    """{element: value} behind the message type."""
    found, at = {}, 1
    while at + 1 < len(message):
        size = message[at + 1]
        found[message[at]] = message[at + 2:at + 2 + size]
        at += 2 + size
    return found


class Cell:
    """Serves in a thread of its own. `deliveries` and `submits`: TPDUs down and up, in order;
    `refused`: references of RP errors that the network has sent."""

    def __init__(self, ip, port, imsi, socket_path):
        self.deliveries, self.submits, self.refused = [], [], []
        self._imsi = tlv(IE_IMSI, imsi_value(imsi))
        self._mme = socket.create_connection((ip, port), timeout=10)
        self.radio_path = socket_path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(socket_path)
        self._listener.listen(1)
        self._radio, self._heard, self._received = None, b"", b""
        self._attached = False  # the network has taken the location update
        self._waiting = []   # (transaction, RP reference) that the phone has still to report
        self._queued = []    # TPDUs of the phone: one short message at a time
        self._reference, self._busy = 0, False
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self._thread is None:
            return
        os.write(self._stop_write, b"x")
        self._thread.join()
        self._thread = None
        for one in (self._mme, self._listener, self._radio):
            if one:
                one.close()
        os.close(self._stop_read)
        os.close(self._stop_write)
        os.unlink(self.radio_path)

    def _serve(self):
        while True:
            with selectors.DefaultSelector() as selector:
                # One phone after the other: a card that went off has first to be detached.
                for one in (self._mme, self._radio or self._listener, self._stop_read):
                    selector.register(one, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in selector.select()]
            if self._stop_read in ready:
                return
            if self._listener in ready:
                self._radio, _ = self._listener.accept()
            elif self._radio in ready:
                self._hear_phone()
            if self._mme in ready:
                octets = self._mme.recv(65536)
                if not octets:
                    return
                for message in self._messages(octets):
                    self._hear_network(message)

    # --- the phone ---------------------------------------------------------------------------

    def _hear_phone(self):
        octets = self._radio.recv(4096)
        if not octets:
            self._radio.close()
            self._radio, self._heard, self._attached = None, b"", False
            self._waiting, self._queued, self._busy = [], [], False
            self._say(EPS_DETACH, tlv(IE_MME, self._mme_name()),
                      tlv(IE_DETACH, bytes([IMSI_DETACHED_FOR_EPS])))
            return
        self._heard += octets
        while b"\n" in self._heard:
            line, self._heard = self._heard.split(b"\n", 1)
            verb, value = line.decode().split(" ", 1)
            if verb == "attach":
                self._say(UPDATE, tlv(IE_MME, self._mme_name()), tlv(IE_UPDATE, b"\x01"),
                          tlv(IE_LAI, LAI))
            elif verb == "submit":
                self._queued.append(bytes.fromhex(value))
                self._send_next()
            elif verb == "report":
                self._report(value)

    @staticmethod
    def _mme_name():
        return labels("mmec01.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org")

    def _report(self, value):
        """RP-ACK, with the report's user data if there is any, or an RP-ERROR."""
        transaction, reference = self._waiting.pop(0)
        if value == "refused":
            rp = bytes([RP_ERROR_UP, reference, 1, PROTOCOL_ERROR])
        else:
            rp = bytes([RP_ACK_UP, reference])
        if value not in ("refused", "-"):
            data = bytes.fromhex(value)
            # SMS-DELIVER-REPORT with PID, DCS, UDL and a header (TS 23.040 clause 9.2.2.1a).
            rp += tlv(RP_USER_DATA, bytes([0x40, 0x07, 0x7F, 0xF6, len(data)]) + data)
        self._say_nas(bytes([transaction, CP_DATA, len(rp)]) + rp)

    def _send_next(self):
        if self._busy or not self._queued:
            return
        self._busy = True
        self._reference = (self._reference + 1) % 256
        tpdu = self._queued.pop(0)
        self.submits.append(tpdu)
        rp = bytes([RP_DATA_UP, self._reference, 0, len(SERVICE_CENTRE)]) + SERVICE_CENTRE + \
            bytes([len(tpdu)]) + tpdu
        transaction = (self._reference % 7) << 4 | PD_SMS
        self._say_nas(bytes([transaction, CP_DATA, len(rp)]) + rp)

    # --- the network -------------------------------------------------------------------------

    def _say(self, kind, *parts):
        self._send_whole(bytes([kind]) + self._imsi + b"".join(parts))

    def _send_whole(self, message):
        self._mme.sendall(len(message).to_bytes(4, "big") + message)

    def _say_nas(self, octets):
        self._say(UPLINK, tlv(IE_NAS, octets))

    def _messages(self, octets):
        """As SCTP would give them: over TCP each has its length in front."""
        self._received += octets
        while len(self._received) >= 4:
            end = 4 + int.from_bytes(self._received[:4], "big")
            if len(self._received) < end:
                return
            message, self._received = self._received[4:end], self._received[end:]
            yield message

    def _hear_network(self, message):
        kind, seen = message[0], elements(message)
        if kind == RESET:
            self._send_whole(bytes([RESET_ACK]) + tlv(IE_MME, self._mme_name()))
        elif kind == UPDATE_ACCEPT:
            self._attached = self._radio is not None
            self._say(TMSI_DONE)
        elif kind == PAGING and not self._attached:
            self._say(UNREACHABLE, tlv(IE_CAUSE, b"\x01"))
        elif kind == PAGING:
            self._say(SERVICE_REQUEST, tlv(IE_SERVICE, bytes([SMS_SERVICE])), tlv(IE_LAI, LAI))
        elif kind == DOWNLINK:
            self._hear_nas(seen[IE_NAS])

    def _hear_nas(self, nas):
        if nas[1] != CP_DATA:
            return
        rp = nas[3:3 + nas[2]]
        transaction = nas[0] ^ FROM_OTHER_SIDE
        self._say_nas(bytes([transaction, CP_ACK]))
        if rp[0] & 7 == RP_DATA_DOWN:
            self._deliver(transaction, rp)
        else:
            failed = rp[0] & 7 == RP_ERROR_DOWN
            if failed:
                self.refused.append(rp[1])
            if self._radio:
                self._radio.sendall(b"refused\n" if failed else b"taken\n")
            self._busy = False
            self._send_next()

    def _deliver(self, transaction, rp):
        at = 2
        at += 1 + rp[at]  # originator: the service centre
        at += 1 + rp[at]  # destination: none
        tpdu = rp[at + 1:at + 1 + rp[at]]
        self.deliveries.append(tpdu)
        self._waiting.append((transaction, rp[1]))
        if not self._attached:  # also what was still on its way to the phone before
            self._report("refused")
        else:
            self._radio.sendall(b"deliver " + tpdu.hex().encode() + b"\n")

"""An SMSC for tests: SMPP 3.4 on a loopback port, written from the standard alone.

It takes transceiver binds, keeps every submit_sm, answers as told, and delivers messages and
receipts. One thread per connection; what a test asks is answered under one lock.
"""
import socket
import struct
import threading
import time

BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM = 0x09, 0x04, 0x05
UNBIND, ENQUIRE_LINK, ALERT_NOTIFICATION = 0x06, 0x15, 0x102
GENERIC_NACK, RESPONSE = 0x80000000, 0x80000000
UDHI = 0x40
MESSAGE_PAYLOAD = 0x0424

# The part of GSM 7 bit default alphabet that differs from ASCII where our texts have letters.
GSM7 = {0x00: "@", 0x02: "$", 0x11: "_"}


class Submitted:
    """One submit_sm, field by field."""

    def __init__(self, body):
        self.service_type, rest = _c_string(body)
        self.source_ton, self.source_npi = rest[0], rest[1]
        self.source, rest = _c_string(rest[2:])
        self.dest_ton, self.dest_npi = rest[0], rest[1]
        self.dest, rest = _c_string(rest[2:])
        self.esm_class, self.protocol_id, self.priority = rest[0], rest[1], rest[2]
        self.schedule, rest = _c_string(rest[3:])
        self.validity, rest = _c_string(rest)
        self.registered_delivery, _, self.data_coding, _, size = rest[:5]
        self.content, rest = rest[5:5 + size], rest[5 + size:]
        self.tlvs = {}
        while rest:
            tag, length = struct.unpack(">HH", rest[:4])
            self.tlvs[tag], rest = rest[4:4 + length], rest[4 + length:]
        self.content = self.tlvs.get(MESSAGE_PAYLOAD, self.content)
        self.message_id = None

    @property
    def text(self):
        if self.data_coding == 8:
            return self.content.decode("utf-16-be")
        return "".join(GSM7.get(octet, chr(octet)) for octet in self.content)

    @property
    def binary(self):
        return self.data_coding in (0xF6, 0x04)


def _c_string(octets):
    end = octets.index(0)
    return octets[:end].decode("ascii"), octets[end + 1:]


class SmscPeer:
    """`answer(submitted)` may give another command_status than 0, or None: no answer at all."""

    def __init__(self, password=None, answer=None):
        self.password, self.answer = password, answer or (lambda submitted: 0)
        self.submitted, self.binds, self.unbinds, self.refused = [], 0, 0, 0
        self._changed = threading.Condition()
        self._links, self._answers, self._sequence = [], {}, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        with self._changed:
            for link in self._links:
                link.close()

    # --- what a test asks --------------------------------------------------------------------

    def wait(self, condition, what, seconds=30):
        """Until condition(self) holds; gives what it gave."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                value = condition(self)
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"the SMSC waited {seconds} s in vain: {what}")
                self._changed.wait(left)

    def wait_submitted(self, count, seconds=30):
        self.wait(lambda smsc: len(smsc.submitted) >= count, f"{count} messages", seconds)
        return list(self.submitted)

    def deliver(self, source, dest, content, esm_class=0, protocol_id=0, data_coding=0,
                seconds=30):
        """A message from a phone or card; gives the command_status that it was answered with."""
        body = (b"\0\x01\x01" + source.encode() + b"\0\x01\x01" + dest.encode() + b"\0" +
                bytes([esm_class, protocol_id, 0]) + b"\0\0" +
                bytes([0, 0, data_coding, 0, len(content)]) + content)
        with self._changed:
            self._sequence += 1
            sequence = self._sequence
            link = self._links[-1]
        self._send(link, DELIVER_SM, 0, sequence, body)
        self.wait(lambda smsc: sequence in smsc._answers, "an answer to deliver_sm", seconds)
        return self._answers[sequence]

    def receipt(self, submitted, state="DELIVRD"):
        """A delivery receipt for a message."""
        text = (f"id:{submitted.message_id} sub:001 dlvrd:001 submit date:2611280000 "
                f"done date:2611280001 stat:{state} err:000 text:")
        return self.deliver(submitted.dest, submitted.source, text.encode(), esm_class=0x04)

    # --- the wire ----------------------------------------------------------------------------

    @staticmethod
    def _send(link, command, status, sequence, body=b""):
        link.sendall(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)

    def _accept(self):
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        data = b""
        try:
            while True:
                while len(data) < 4 or len(data) < struct.unpack(">I", data[:4])[0]:
                    more = link.recv(65536)
                    if not more:
                        return
                    data += more
                length, command, status, sequence = struct.unpack(">IIII", data[:16])
                body, data = data[16:length], data[length:]
                self._pdu(link, command, status, sequence, body)
        except OSError:
            return
        finally:
            with self._changed:
                if link in self._links:
                    self._links.remove(link)
                self._changed.notify_all()
            link.close()

    def _pdu(self, link, command, status, sequence, body):
        if command == BIND_TRANSCEIVER:
            self._bind(link, sequence, body)
        elif command == SUBMIT_SM:
            self._submit(link, sequence, body)
        elif command == ENQUIRE_LINK:
            self._send(link, ENQUIRE_LINK | RESPONSE, 0, sequence)
        elif command == UNBIND:
            with self._changed:
                self.unbinds += 1
                self._changed.notify_all()
            self._send(link, UNBIND | RESPONSE, 0, sequence)
        elif command == DELIVER_SM | RESPONSE:
            with self._changed:
                self._answers[sequence] = status
                self._changed.notify_all()
        elif not command & RESPONSE:
            self._send(link, GENERIC_NACK, 3, sequence)

    def _bind(self, link, sequence, body):
        system_id, rest = _c_string(body)
        password, _ = _c_string(rest)
        good = self.password is None or password == self.password
        self._send(link, BIND_TRANSCEIVER | RESPONSE, 0 if good else 0x0E, sequence,
                   b"peer\0" if good else b"")
        with self._changed:
            self.system_id = system_id
            if good:
                self.binds += 1
                self._links.append(link)
            else:
                self.refused += 1
            self._changed.notify_all()

    def _submit(self, link, sequence, body):
        submitted = Submitted(body)
        status = self.answer(submitted)
        with self._changed:
            self.submitted.append(submitted)
            submitted.message_id = f"{len(self.submitted):08X}"
            self._changed.notify_all()
        if status is None:
            return
        body = submitted.message_id.encode() + b"\0" if status == 0 else b""
        self._send(link, SUBMIT_SM | RESPONSE, status, sequence, body)

"""An SMSC of raw octets, for what node-smpp (node_smsc.py) cannot say: broken PDUs, answers of the
wrong kind. SMPP 3.4 on a loopback port, written from the standard alone. A manner is a function
manner(link, pdu) that is called for each PDU of the ESME; polite() is the good one.
"""
import collections
import socket
import struct
import threading
import time

BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT, DELIVER, UNBIND = 0x01, 0x02, 0x04, 0x05, 0x06
BIND_TRANSCEIVER, ENQUIRE, ALERT, DATA, NACK = 0x09, 0x15, 0x102, 0x103, 0x80000000
RESPONSE = 0x80000000
BINDS = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)

Pdu = collections.namedtuple("Pdu", "command status sequence body")


def pack(command, status, sequence, body=b""):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def c_string(octets, at):
    end = octets.index(0, at)
    return octets[at:end], end + 1


def short_message(body):
    """(destination, text) of a submit_sm."""
    _, at = c_string(body, 0)
    _, at = c_string(body, at + 2)
    destination, at = c_string(body, at + 2)
    at += 3
    _, at = c_string(body, at)
    _, at = c_string(body, at)
    size = body[at + 4]
    return destination.decode(), body[at + 5:at + 5 + size]


def message(text, source="491701", esm_class=0, coding=0, tlvs=b""):
    """Body of a deliver_sm to our number."""
    return (b"\0\x01\x01" + source.encode() + b"\0\0\x01" b"12345\0" + bytes([esm_class, 0, 0]) +
            b"\0\0" + bytes([0, 0, coding, 0, len(text)]) + text + tlvs)


def polite(link, pdu):
    if pdu.command in BINDS:
        link.answer(pdu, body=b"bad\0")
    elif pdu.command == SUBMIT:
        link.answer(pdu, body=f"{pdu.sequence:08X}".encode() + b"\0")
    elif pdu.command in (UNBIND, ENQUIRE):
        link.answer(pdu)
    elif not pdu.command & RESPONSE:
        link.send(pack(NACK, 3, pdu.sequence))


class Link:
    """One connection. `answers`: status of our deliver_sm by sequence number."""

    def __init__(self, sock):
        self.sock, self.answers = sock, {}
        self._sequence, self._lock = 0, threading.Lock()

    def send(self, octets):
        with self._lock:
            try:
                self.sock.sendall(octets)
            except OSError:
                pass  # it has gone meanwhile

    def answer(self, pdu, status=0, body=b""):
        self.send(pack(pdu.command | RESPONSE, status, pdu.sequence, body))

    def deliver(self, body, command=DELIVER):
        """Its sequence number."""
        self._sequence += 1
        self.send(pack(command, 0, self._sequence, body))
        return self._sequence

    def drop(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class RawSmsc:
    """`submitted`: what has come, (destination, text), in order; over all connections."""

    def __init__(self, manner=polite):
        self.manner = manner
        self.submitted, self.binds, self.nacks = [], 0, 0
        self.links, self._changed = [], threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # shutdown ends the accept() of the other thread, close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self.links):
            link.drop()

    @property
    def link(self):
        return self.links[-1]

    def wait(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        with self._changed:
            while not condition():
                if not self._changed.wait(end - time.monotonic()):
                    raise TimeoutError(f"the SMSC waited {seconds} s in vain: {what}")

    def wait_answer(self, link, sequence):
        """The status with which a deliver_sm was answered."""
        self.wait(lambda: sequence in link.answers, "an answer to deliver_sm")
        return link.answers[sequence]

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = None
        try:
            link = Link(sock)
            with self._changed:
                self.links.append(link)
                self._changed.notify_all()
            for pdu in self._pdus(sock):
                self._note(link, pdu)
                self.manner(link, pdu)
        except OSError:
            pass
        finally:
            sock.close()
            with self._changed:
                if link in self.links:
                    self.links.remove(link)
                self._changed.notify_all()

    @staticmethod
    def _pdus(sock):
        data = b""
        while octets := sock.recv(65536):
            data += octets
            while len(data) >= 16:
                length, command, status, sequence = struct.unpack(">IIII", data[:16])
                if len(data) < length:
                    break
                yield Pdu(command, status, sequence, data[16:length])
                data = data[length:]

    def _note(self, link, pdu):
        with self._changed:
            if pdu.command in BINDS:
                self.binds += 1
            elif pdu.command == SUBMIT:
                self.submitted.append(short_message(pdu.body))
            elif pdu.command == NACK:
                self.nacks += 1
            elif pdu.command in (DELIVER | RESPONSE, DATA | RESPONSE):
                link.answers[pdu.sequence] = pdu.status
            self._changed.notify_all()

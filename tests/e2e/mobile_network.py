"""The way between an SMSC of smsc_peer and phones (bipvault-card by its radio): submit_sm becomes
SMS-DELIVER, SMS-SUBMIT becomes deliver_sm (TS 23.040 clauses 9.2.2.1, 9.2.2.2). One message at a
time per phone; what comes for a phone that is off waits until it attaches; what a phone has taken
is receipted.
"""
import os
import socket
import threading
import time

UDHI, MORE = 0x40, 0x04


def bcd(digits):
    padded = digits + "F" * (len(digits) % 2)
    return bytes(int(padded[i + 1] + padded[i], 16) for i in range(0, len(padded), 2))


def unbcd(octets, count):
    return "".join(f"{octet & 15:X}{octet >> 4:X}" for octet in octets)[:count]


def pack(septets, header=b""):
    """User data in GSM 7 bit and its length in septets; the text begins at a septet."""
    begin = (len(header) * 8 + 6) // 7 * 7
    bits = int.from_bytes(header, "little")
    for i, septet in enumerate(septets):
        bits |= septet << (begin + 7 * i)
    size = begin + 7 * len(septets)
    return size // 7, bits.to_bytes((size + 7) // 8, "little")


def unpack(octets, count):
    bits = int.from_bytes(octets, "little")
    return bytes(bits >> (7 * i) & 0x7F for i in range(count))


def to_deliver(sms):
    """SMS-DELIVER of a submit_sm."""
    header = sms.esm_class & UDHI
    octets = sms.content
    if sms.data_coding == 0:
        size = octets[0] + 1 if header else 0
        length, octets = pack(octets[size:], octets[:size])
    else:
        length = len(octets)
    stamp = bytes(int(part[::-1], 16) for part in time.strftime("%y %m %d %H %M %S 00").split())
    kind = 0x91 if sms.source_ton == 1 else 0x81
    return (bytes([MORE | header, len(sms.source), kind]) + bcd(sms.source) +
            bytes([sms.protocol_id, sms.data_coding]) + stamp + bytes([length]) + octets)


def from_submit(tpdu):
    """What SmscPeer.deliver() wants of an SMS-SUBMIT without validity period."""
    count, digits = tpdu[2], (tpdu[2] + 1) // 2
    rest = tpdu[4 + digits:]
    content = rest[3:]
    if rest[1] == 0:
        content = unpack(content, rest[2])
    return {"dest": unbcd(tpdu[4:], count), "content": content, "esm_class": tpdu[0] & UDHI,
            "protocol_id": rest[0], "data_coding": rest[1]}


class Phone:
    """Where the messages for one number go. radio: the local socket for bipvault-card."""

    def __init__(self, network, number, radio):
        self.number, self.radio = number, radio
        self._network, self._waiting, self._link = network, [], None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(radio)
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            for line in link.makefile("r", encoding="ascii"):
                self._hear(link, *line.split())
            with self._network.lock:
                self._link = None
            link.close()

    def _hear(self, link, verb, value):
        if verb == "submit":
            status = self._network.smsc.deliver(source=self.number,
                                                **from_submit(bytes.fromhex(value)))
            link.sendall(b"refused\n" if status else b"taken\n")
            return
        taken = None
        with self._network.lock:
            if verb == "attach":
                self._link = link
            elif verb == "report":
                taken = self._waiting.pop(0)
            self._next()
        if taken:
            self._network.smsc.receipt(taken, "UNDELIV" if value == "refused" else "DELIVRD")

    def add(self, sms):
        self._waiting.append(sms)
        if len(self._waiting) == 1:
            self._next()

    def _next(self):
        if self._link and self._waiting:
            self._link.sendall(b"deliver " + to_deliver(self._waiting[0]).hex().encode() + b"\n")

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        os.unlink(self.radio)


class MobileNetwork:
    def __init__(self, smsc, folder):
        self.smsc, self.lock = smsc, threading.Lock()
        self._folder, self._phones, self._seen, self._closed = folder, {}, 0, False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def phone(self, number):
        """The radio of a number (international, without +)."""
        with self.lock:
            if number not in self._phones:
                self._phones[number] = Phone(self, number,
                                             os.path.join(self._folder, number + ".radio"))
            return self._phones[number].radio

    def _carry(self):
        while not self._closed:
            try:
                self.smsc.wait(lambda smsc: len(smsc.submitted) > self._seen, "messages", 0.5)
            except TimeoutError:
                continue
            with self.lock:
                fresh = self.smsc.submitted[self._seen:]
                self._seen += len(fresh)
                for sms in fresh:
                    if sms.dest in self._phones:
                        self._phones[sms.dest].add(sms)

    def close(self):
        self._closed = True
        self._thread.join()
        for phone in self._phones.values():
            phone.close()

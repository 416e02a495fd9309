"""Proves that a host which knows several servers goes on at the next one when one is lost, whether
it is dead, refuses connections or is merely silent, and that all its connections go to the same
server. The servers are relays to one database, so that nothing but the way is lost."""
import socket
import threading
import time

import lab as laboratory
import wire
from checks import Report
from lab import Lab
from peer import PeerError, an_image
from process import wait_until


class Relay:
    """A port of 127.0.0.1 that leads to the database's unix socket until it is closed; a silent one
    takes connections and octets and gives nothing back."""

    def __init__(self, target, port=0):
        self._target, self._pairs, self._lock = target, [], threading.Lock()
        self.silent = self.closed = False
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def connections(self):
        with self._lock:
            return len(self._pairs)

    def close(self):
        """As if the server had been killed: connections are reset, new ones refused."""
        with self._lock:
            self.closed = True
            for one in (self._listener, *(end for pair in self._pairs for end in pair)):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it has ended already
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self._target)
            except OSError:
                near.close()
                continue
            with self._lock:
                if self.closed:
                    near.close()
                    far.close()
                    return
                self._pairs.append((near, far))
            for source, sink, back in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._carry, args=((near, far), source, sink, back),
                                 daemon=True).start()

    def _carry(self, pair, source, sink, back):
        try:
            while octets := source.recv(65536):
                if not (back and self.silent):
                    sink.sendall(octets)
        except OSError:
            pass
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        with self._lock:
            if pair in self._pairs:
                self._pairs.remove(pair)


class Client:
    """Stores with one card until it is done; what it keeps is checked at the end."""

    def __init__(self, lab, report):
        self.lab, self.report = lab, report
        self.card, = lab.new_cards(1)
        self.key, self.images = None, 0

    def store(self):
        """Seconds until a store was done."""
        self.images += 1
        began = time.monotonic()
        wait_until(self._stored, 60, "a store that is done", every=0.05)
        return time.monotonic() - began

    def _stored(self):
        try:
            with self.lab.channel(self.card, timeout=30) as channel:
                answer = channel.store(an_image(300, self.images), self.key)
        except (OSError, PeerError, wire.WireError):
            return False
        if answer is None or answer.name != "done":
            return False
        self.key = answer.key or self.key
        return True


def at(report, relays, wanted, what):
    """Everybody has come to that server, and nobody is left at the other one."""
    wait_until(lambda: relays[wanted].connections() > 0 and relays[1 - wanted].connections() == 0,
               30, f"all connections at server {wanted + 1}")
    report.evidence(what, f"{relays[wanted].connections()} connections, all at "
                    f"server {wanted + 1}")


def main(options):
    report = Report("Several servers, one of which is lost")
    with Lab(options.build, "mysql", options.keep, bip={"workers": "4"}) as lab:
        relays = [Relay(lab.db.socket), Relay(lab.db.socket)]
        lab.sections["store"] = {"socket": "", "query_timeout": "2s", "connect_timeout": "2s",
                                 "host": " ".join(f"127.0.0.1:{one.port}" for one in relays)}
        lab.write_config()
        lab.ops("db", "status")
        client = Client(lab, report)
        lab.start()
        client.store()
        at(report, relays, 0, "at first")
        relays[0].close()
        report.evidence("the first is killed", f"stored after {client.store():.1f} s")
        at(report, relays, 1, "then")
        relays[0] = Relay(lab.db.socket, relays[0].port)
        client.store()
        at(report, relays, 1, "it is back")
        relays[1].silent = True
        report.evidence("the second is silent", f"stored after {client.store():.1f} s")
        # A worker that has had nothing to do since still holds a connection that nobody has ended.
        wait_until(lambda: relays[0].connections() > 0, 30, "a connection at server 1")
        lab.ops("db", "status")
        relays[0].close()
        relays[1].close()
        report.equal("both are away", lab.ops("db", "status", code=None).code != 0, True, show="")
        relays = [Relay(lab.db.socket, one.port) for one in relays]
        report.evidence("both were away", f"stored after {client.store():.1f} s")
        with lab.channel(client.card) as channel:
            report.equal("fetched back", channel.fetch(client.key)[1],
                         an_image(300, client.images), "the last image")
        report.true("reconnections were counted", lab.counter("db.reconnects") > 0, show="yes")
        report.equal("the host ended with", lab.stop(), 0)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

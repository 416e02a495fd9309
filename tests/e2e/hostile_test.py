"""Proves that peers which never do anything sensible cost little and change nothing: one octet a
minute, nothing at all, random octets, 10,000 connections that never identify, an address that
fails too often. Afterwards a normal store works and the process has not grown without bound."""
import random
import resource
import socket

import bench
import lab as laboratory
import wire
from checks import CheckFailed, Report
from process import read_text, wait_until

MINUTE = 60_000
CROWD = 10_000
MOST_PER_CONNECTION = 4 * 1024  # octets of resident memory, docs: an idle session


def closed_after(b, channel, milliseconds, what):
    """The clock moves; the vault must close the channel by itself."""
    b.lab.move_clock(milliseconds)
    try:
        b.report.true(f"{what}: closed", channel.closed())
    except TimeoutError as late:
        raise CheckFailed(f"{what}: not closed {milliseconds} ms later") from late


def one_octet_a_minute(b):
    """Never gets as far as an identification."""
    octets = wire.identification(b.card.iccid)
    with b.channel(identify=False) as channel:
        channel.send(octets[:1])
        closed_after(b, channel, MINUTE, "identification in pieces")
    return "closed in the first minute"


def silent(b):
    with b.channel(identify=False) as channel:
        closed_after(b, channel, MINUTE // 4, "no octet at all")
    return "closed within 15 s"


def slow_packet(b):
    """A packet of a real store, one octet a minute: the second does not come in time."""
    with b.channel() as channel:
        channel.status()
        packet = b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid))
        channel.send(packet[:1])
        closed_after(b, channel, MINUTE + 1000, "packet in pieces")
    return "closed after its first minute"


def only_claims(b):
    """Names a card and never proves it: holds its place for a minute, not for the idle time."""
    with b.channel() as channel:
        closed_after(b, channel, MINUTE + 1000, "claimed card")
    return "closed after its first minute"


def idle(b):
    with b.channel() as channel:
        channel.status()
        b.lab.move_clock(170_000)
        wait_for_clock(b)
        b.report.equal("after 170 s", channel.status().name, "done", show="")
        closed_after(b, channel, 181_000, "idle channel")
    return "served after 170 s, closed after 181 s"


def typing(b):
    """A user who types the key may take longer."""
    with b.channel() as channel:
        b.report.equal("answer", channel.begin(b.image[::-1], 5).name, "key required", show="")
        b.lab.move_clock(290_000)
        wait_for_clock(b)
        b.report.equal("after 290 s", channel.status().name, "done", show="")
    return "served after 290 s"


def wait_for_clock(b):
    """Until the host has seen the moved clock: it reads the file once a second."""
    def date():
        b.lab.health()
        return b.lab.host.log().splitlines()[-1][:16]
    before = date()
    wait_until(lambda: date() != before, 5, "the host to see the moved clock", every=0.05)


def random_octets(b):
    """Before identification, after it, and inside a ciphered packet that verifies."""
    dice = random.Random(4711)
    for i in range(150):
        octets = dice.randbytes(dice.randint(1, 2000))
        with b.channel(identify=i % 3 != 0) as channel:
            if i % 3 == 2:
                channel.send(b.card.wrap(octets[:900]))
                answer = channel.receive()
                b.report.true("answered", answer.name in ("malformed", "unsupported"), answer.name)
            else:
                channel.send(octets)
                channel.socket.shutdown(socket.SHUT_WR)
                channel.closed()
    return "150 peers: refused or closed"


def resident(b):
    for line in read_text(f"/proc/{b.lab.host.pid}/status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise CheckFailed("no VmRSS")


def crowd(b):
    """10,000 connections at once that never identify; then they and what they cost are gone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CROWD + 200:
        raise CheckFailed(f"10,000 connections need {CROWD + 200} descriptors, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before, sockets = resident(b), []
    try:
        for _ in range(CROWD):
            sockets.append(socket.create_connection(("127.0.0.1", b.lab.port), 30))
        wait_until(lambda: b.lab.health()["sessions"] >= CROWD, 60, "10,000 sessions")
        during = resident(b)
        b.report.true("memory with 10,000 connections",
                      during - before < CROWD * MOST_PER_CONNECTION,
                      f"{(during - before) // CROWD} octets each")
        b.still_works()
        b.lab.move_clock(MINUTE)
        wait_until(lambda: b.lab.health()["sessions"] == 0, 60, "the sessions to end")
    finally:
        for one in sockets:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    b.report.equal("counted", b.lab.counter("bip.never_identified") >= CROWD, True, show="")
    return f"{max(during - before, 0) // CROWD} octets of memory each, all closed"


def crowds_again(b):
    """A second and a third crowd find the memory that the first one left."""
    after_first = resident(b)
    for _ in range(2):
        crowd(b)
    grown = resident(b) - after_first
    b.report.true("memory does not grow from crowd to crowd", grown < CROWD * 512, grown)
    return f"{grown // 1024} KiB more after two more"


def limited(b):
    """Five failures a minute, then the address is closed at once; a minute later it may again."""
    b.lab.sections["bip"] = {**b.lab.sections["bip"], "bad_per_ip": "5"}
    b.lab.write_config()
    b.lab.reload()
    for i in range(5):
        with b.channel(identify=False) as channel:
            channel.send(b"\xFF" * 20)
            channel.closed()
    with b.channel() as channel:
        try:
            b.report.equal("the sixth", channel.ask(wire.STATUS, iccid=b.card.iccid), None, show="")
        except (ConnectionResetError, BrokenPipeError):
            pass  # closed before it was sent
    b.lab.move_clock(MINUTE + 1000)
    wait_for_clock(b)
    with b.channel() as channel:
        b.report.equal("a minute later", channel.status().name, "done", show="")
    return "closed at once, served a minute later"


def main(options):
    report = Report("Hostile peers")
    with bench.start(options, report) as lab:
        lab.start()
        b = bench.Bench(lab, report)
        b.unchanged("one octet a minute", one_octet_a_minute, "bip.never_identified",
                    "no identification in time")
        b.unchanged("nothing at all", silent, "bip.never_identified")
        b.unchanged("slow packet", slow_packet, "bip.timeouts", "time-out")
        b.unchanged("claimed card", only_claims, "bip.never_proven", "no packet proved it")
        b.unchanged("idle channel", idle, "bip.timeouts")
        b.unchanged("user who types slowly", typing)
        b.unchanged("random octets", random_octets, "bip.bad_identification", "not a packet")
        b.unchanged("10,000 connections", crowd, "bip.never_identified")
        b.unchanged("twice more", crowds_again, "bip.never_identified")
        b.unchanged("too many failures", limited, "bip.limited", "too many failures")
        b.still_works()
        report.equal("the host runs", lab.host.running(), True)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

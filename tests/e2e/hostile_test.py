"""Proves that peers which never do anything sensible cost little and change nothing, over each
channel: one octet a minute, nothing at all, random octets, thousands at once that never identify,
an address that fails too often; over TLS-PSK handshakes that stop, crawl or are none; over CAT_TP
SYNs that never go on, a flood of them, datagrams of nobody, links that acknowledge or take
nothing. A card is served meanwhile, each is counted and logged, and in the end the process has as
many descriptors as in the beginning and has not grown without bound."""
import random

import bench
import hostile_cat_tp
import hostile_tls
import lab as laboratory
import wire
from bench import MINUTE, pass_time
from checks import CheckFailed, Report
from hostile_crowd import crowd, crowds_again, descriptors, given_back
from lab import Lab
from peer_tls import TlsError
from process import wait_until


def closed_after(b, channel, milliseconds, what):
    """The clock moves; the vault must close the channel by itself."""
    wait_until(lambda: b.lab.health()["sessions"], 10, f"{what}: a session")
    b.lab.move_clock(milliseconds)
    try:
        b.report.true(f"{what}: closed", channel.closed())
    except TimeoutError as late:
        raise CheckFailed(f"{what}: not closed {milliseconds} ms later") from late


def one_octet_a_minute(b):
    """Never gets as far as an identification."""
    octets = wire.identification(b.card.iccid)
    with b.channel(identify=False) as channel:
        channel.send_part(octets[:1])
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
        pass_time(b, 170_000)
        b.report.equal("after 170 s", channel.status().name, "done", show="")
        closed_after(b, channel, 181_000, "idle channel")
    return "served after 170 s, closed after 181 s"


def typing(b):
    """A user who types the key may take longer."""
    with b.channel() as channel:
        b.report.equal("answer", channel.begin(b.image[::-1], 5).name, "key required", show="")
        pass_time(b, 290_000)
        b.report.equal("after 290 s", channel.status().name, "done", show="")
    return "served after 290 s"


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
                continue
            try:
                channel.send(octets)
                if b.lab.speaks != "cat_tp":  # an SDU is whole, and judged as it is
                    channel.finish()
            except OSError:
                pass  # closed before all of it was sent
            b.report.true("closed", channel.closed())
    return "150 peers: refused or closed"


def refused(b):
    """Whether a card finds the door closed."""
    try:
        with b.channel() as channel:
            return channel.ask(wire.STATUS, iccid=b.card.iccid) is None
    except (ConnectionResetError, BrokenPipeError, TlsError):
        return True  # closed before it was sent


def limited(b):
    """Five failures a minute, then the address is closed at once; a minute later it may again."""
    b.lab.sections["bip"] = {**b.lab.sections["bip"], "bad_per_ip": "5"}
    b.lab.write_config()
    b.lab.reload()
    for _ in range(5):
        with b.channel(identify=False) as channel:
            channel.send(b"\xFF" * 20)
            channel.closed()
    b.report.true("the sixth is closed", refused(b))
    pass_time(b, MINUTE + 1000)
    with b.channel() as channel:
        b.report.equal("a minute later", channel.status().name, "done", show="")
    return "closed at once, served a minute later"


# --- what is tried over which channel: text, action, counter, part of the log ---------------------

def of_tcp():
    return [("one octet a minute", one_octet_a_minute, "bip.never_identified",
             "no identification in time"),
            ("nothing at all", silent, "bip.never_identified"),
            ("slow packet", slow_packet, "bip.timeouts", "time-out"),
            ("random octets", random_octets, "bip.bad_identification", "not a packet")]


def of_tls():
    tls = hostile_tls
    return [("octet by octet", tls.octet_by_octet, "bip.tls_handshakes"),
            ("hello in pieces", lambda b: tls.crawls(b, closed_after, pass_time),
             "bip.never_identified", "no identification in time"),
            ("nothing at all", silent, "bip.never_identified"),
            ("half a handshake", lambda b: tls.half_handshakes(b, closed_after),
             "bip.never_identified"),
            ("broken handshakes", tls.broken_handshakes, "bip.tls_failed", "TLS failed"),
            ("broken records", tls.broken_records, "bip.tls_failed"),
            ("half a record", lambda b: tls.record_without_end(b, closed_after), "bip.timeouts",
             "time-out"),
            ("slow packet", slow_packet, "bip.timeouts"),
            ("random octets", random_octets, "bip.bad_packet", "not a packet")]


def of_cat_tp():
    udp = hostile_cat_tp
    return [("SYN and nothing", udp.syn_and_nothing, "bip.cat_tp_unopened",
             "nothing followed a SYN"),
            ("SYNs from one address", udp.one_address, "bip.cat_tp_refused",
             "a SYN opened no CAT_TP link"),
            ("flood of SYNs", udp.flood, "bip.cat_tp_displaced", "the oldest make room"),
            ("random datagrams", udp.random_datagrams, "bip.cat_tp_malformed", "no CAT_TP PDU"),
            ("random PDUs", udp.random_pdus, "bip.cat_tp_stray"),
            ("forged PDUs", udp.forged),
            ("nothing at all", silent, "bip.never_identified", "no identification in time"),
            ("nothing but NUL", lambda b: udp.only_nul(b, pass_time), "bip.never_identified"),
            ("one octet a minute", one_octet_a_minute, "bip.never_identified"),
            ("no acknowledgement", udp.acknowledges_nothing, "bip.timeouts", "time-out"),
            ("closed window", udp.takes_nothing, "bip.timeouts"),
            ("half an SDU", lambda b: udp.sdu_without_end(b, closed_after), "bip.timeouts"),
            ("random octets", random_octets, "bip.bad_packet", "not a packet")]


def of_all(size, short):
    twice = [("twice more", lambda b: crowds_again(b, size), "bip.never_identified",
              "no identification in time")]
    patience = [("idle channel", idle, "bip.timeouts"), ("user who types slowly", typing)]
    return [*([] if short else patience),
            ("claimed card", only_claims, "bip.never_proven", "no packet proved it"),
            (f"{size} at once", lambda b: crowd(b, size), "bip.never_identified",
             "no identification in time"),
            *([] if short else twice),
            ("too many failures", limited, "bip.limited", "too many failures")]


def main(options):
    own = {"tcp": of_tcp, "tls_psk": of_tls, "cat_tp": of_cat_tp}[Lab.speaks]
    report = Report("Hostile peers over " + ("carried channels" if Lab.carried else Lab.speaks))
    with bench.start(options, report, bip={"cat_tp_retries": "1"}) as lab:
        lab.start()
        b = bench.Bench(lab, report)
        files = descriptors(b)
        for text, action, *seen in own() + of_all(options.crowd, options.short):
            b.unchanged(text, action, *seen)
        b.still_works()
        b.lab.move_clock(MINUTE)
        given_back(b, files)
        report.evidence("descriptors", f"{files} before, no more afterwards")
        report.equal("the host runs", lab.host.running(), True)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, crowd={"type": int, "default": 10_000, "help": "how many come at once"},
        short={"action": "store_true", "help": "without what every channel has from the session"}))

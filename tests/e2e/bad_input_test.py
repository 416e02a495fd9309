"""Proves that wrong input over the wire changes no record, is answered as the protocol says,
is counted and is logged: unknown cards, wrong checksums, replays, lower counters, other TARs,
unknown instructions, missing tags, lengths that lie, sizes over the limits, wrong digests,
offset gaps and repeats, two channels of one card."""
import bad_input_stores
import bench
import lab as laboratory
import wire
from bad_input import CASES, case, clear_status, expect, result
from checks import CheckFailed, Report
from peer import Card, new_transaction
from peer_tls import TlsError


# --- who speaks ------------------------------------------------------------------------------

def alert(b, iccid, psk):
    """The alert that ends a TLS handshake which must not come about."""
    try:
        with b.lab.channel(Card(iccid, b.card.keys), psk=psk):
            raise CheckFailed("the handshake came about")
    except TlsError as refused:
        b.report.true("an alert", refused.alert is not None, refused)
        return refused.alert


@case("ICCID that nobody knows", "bip.wrong_cc", "checksum does not verify",
      {"tls_psk": ("bip.tls_failed", "TLS failed")})
def stranger(b):
    card = Card(b.lab.new_iccid(), b.card.keys)
    if b.lab.speaks == "tls_psk":
        return f"alert {alert(b, card.iccid, bytes(16))}"
    with b.lab.channel(card) as channel:
        answer = channel.ask(wire.STATUS, iccid=card.iccid)
        return expect(b, answer, "status 01", False)


@case("proven card, never imported", "vault.unknown_card", "no record of a proven card")
def not_imported(b):
    iccid = b.lab.new_iccid()
    b.lab.make_keys([iccid])
    card = Card(iccid, b.lab.card_keys[iccid])
    with b.lab.channel(card) as channel:
        return expect(b, channel.begin(b.image, new_transaction()), "unknown card", True)


@case("wrong CC", "bip.wrong_cc", "checksum does not verify")
def wrong_cc(b):
    return clear_status(b, 1, {"cc": bytes(8)})


@case("another card's keys", "bip.wrong_cc", "checksum does not verify")
def wrong_keys(b):
    other, = b.lab.new_cards(1)
    card = Card(b.card.iccid, other.keys)
    with b.lab.channel(card) as channel:
        return expect(b, channel.ask(wire.STATUS, iccid=card.iccid), "status 01", False)


@case("three wrong CCs", "bip.wrong_cc", "checksum does not verify")
def three_wrong(b):
    with b.channel() as channel:
        for _ in range(3):
            expect(b, channel.ask(wire.STATUS, how={"cc": bytes(8)}), "status 01")
        b.report.true("the channel is closed", channel.closed())
    return "closed"


@case("unknown before, now wrong: same look")
def same_look(b):
    stranger_ = Card(b.lab.new_iccid(), b.card.keys)
    if b.lab.speaks == "tls_psk":
        seen = [alert(b, iccid, bytes(16)) for iccid in (stranger_.iccid, b.card.iccid)]
        b.report.equal("both alerts", seen[0], seen[1], show="")
        return f"alert {seen[0]}"
    seen = []
    for card, how in ((stranger_, {}), (b.card, {"cc": bytes(8)})):
        with b.lab.channel(card) as channel:
            answer = channel.ask(wire.STATUS, iccid=card.iccid, how=how)
            seen.append((answer.status, answer.protected, answer.data))
    b.report.equal("both refusals", seen[0], seen[1], show="")
    return "alike"


# --- counters --------------------------------------------------------------------------------

@case("lower counter", "bip.counter_low", "replay counter not higher")
def lower(b):
    return clear_status(b, 2, {"counter": 1})


@case("equal counter in a channel", "bip.counter_low", "replay counter not higher")
def equal(b):
    with b.channel() as channel:
        first = b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid))
        channel.send(first)
        expect(b, channel.receive(), "done")
        channel.send(first)
        return expect(b, channel.receive(), "status 02", False)


@case("counter FFFFFFFFFF", "bip.counter_blocked", "ALARM: replay counter")
def blocked(b):
    return clear_status(b, 4, {"counter": 0xFFFFFFFFFF})


@case("counter jumps by 2^32 + 1", "bip.counter_blocked", "ALARM: replay counter")
def jump(b):
    return clear_status(b, 4, {"counter": b.card.counter + 2 ** 32 + 2})


# --- heads -----------------------------------------------------------------------------------

@case("another TAR", "bip.tar_unknown", "another application (TAR)")
def other_tar(b):
    return clear_status(b, 9, {"tar": bytes.fromhex("B00001")})


@case("SPI without CC", "bip.insufficient_security", "too little security")
def weak_spi(b):
    return clear_status(b, 0x0A, {"spi": (0x00, 0x19)})


@case("SPI asks a clear answer", "bip.insufficient_security", "too little security")
def clear_answer(b):
    return clear_status(b, 0x0A, {"spi": (0x16, 0x01)})


@case("BEGIN wants no answer", "bip.insufficient_security", "too little security")
def silent_begin(b):
    with b.channel() as channel:
        return expect(b, channel.begin(b.image, 5, b.key, how={"spi": (0x16, 0x1A)}), "status 0A")


@case("KIc and KID of two key sets", "bip.security_error", "KIc/KID")
def two_sets(b):
    return clear_status(b, 6, {"kid": 0x22})


@case("key set 0", "bip.security_error", "KIc/KID")
def set_zero(b):
    return clear_status(b, 6, {"kic": 0x02, "kid": 0x02})


@case("family that is not allowed (3DES)", "bip.security_error", "KIc/KID")
def not_allowed(b):
    return clear_status(b, 6, {"kic": 0x15, "kid": 0x15})


# --- messages --------------------------------------------------------------------------------

@case("unknown instruction", "bip.unsupported", "unknown instruction")
def unknown_ins(b):
    return result(b, "unsupported", 0x7F, iccid=b.card.iccid)


@case("every tag missing in turn", "bip.malformed", "message not understood")
def missing_tags(b):
    fields = {"iccid": b.card.iccid, "transaction": 9, "total": 10, "digest": bytes(32)}
    for missing in fields:
        left = {name: value for name, value in fields.items() if name != missing}
        result(b, "malformed", wire.STORE_BEGIN, **left)
    result(b, "malformed", wire.STORE_DATA, transaction=9, offset=0)
    result(b, "malformed", wire.FETCH_DATA, transaction=9)
    return result(b, "malformed", wire.KEY_CONFIRM, transaction=9)


@case("another ICCID inside", "bip.other_iccid", "names another card")
def other_iccid(b):
    return result(b, "malformed", wire.STATUS, iccid=b.lab.new_iccid())


@case("key of letters", "bip.malformed", "message not understood")
def letters(b):
    return result(b, "malformed", wire.FETCH_BEGIN, iccid=b.card.iccid, key="ABCDEFGH")


@case("TLV lengths that lie", "bip.malformed", "message not understood")
def tlv_lies(b):
    good = wire.message(wire.STATUS, iccid=b.card.iccid)
    for lie in (good[:2] + b"\x0B" + good[3:], good[:2] + b"\x82\xFF\xFF" + good[3:],
                good[:2] + b"\x84\0\0\0\x0A" + good[3:], good + b"\x87",
                good + b"\x87\x81", b"\x09\x80"):
        with b.channel() as channel:
            channel.send(b.card.wrap(lie))
            expect(b, channel.receive(), "malformed", True)
    return "malformed"


# --- packets ---------------------------------------------------------------------------------

@case("packet over 1,400 octets", "bip.packet_too_large", "over max_packet")
def too_large_packet(b):
    with b.channel() as channel:
        channel.send(b.card.wrap(bytes([wire.STORE_DATA]) + bytes(1400)))
        b.report.true("the channel is closed", channel.closed())
    return "closed"


@case("length octets that lie", "bip.bad_packet", "not a packet")
def length_lies(b):
    packet = b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid))
    for lie in (b"\x01\x80" + packet[2:], b"\x01\x83\0\0\x40" + packet[2:], b"\x02" + packet[1:],
                packet[:1] + bytes([packet[1] - 1]) + packet[2:] + packet):
        with b.channel() as channel:
            channel.send(lie)
            b.report.true("the channel is closed", channel.closed())
    return "closed"


@case("CHL that lies", "bip.security_error", "KIc/KID")
def chl_lies(b):
    for chl in (0, 1, 0x14, 0x16, 0xFF):
        packet = bytearray(b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid)))
        packet[2] = chl
        with b.channel() as channel:
            channel.send(bytes(packet))
            answer = channel.receive()
            b.report.true(f"CHL {chl:02X} refused with status 01 or 06", answer.status in (1, 6),
                          answer.name)
            b.report.equal("data in a refusal", answer.data, b"", show="")
    return "status 06 or 01"


@case("identified twice", "bip.second_identification", "identified a second time")
def twice(b):
    with b.channel() as channel:
        channel.send(wire.identification(b.card.iccid))
        b.report.true("the channel is closed", channel.closed())
    return "closed"


@case("no identification", "bip.bad_identification", "no identification packet",
      {"tls_psk": ("bip.tls_failed", "TLS failed")})
def no_identification(b):
    with b.channel(identify=False) as channel:
        channel.send(b.card.wrap(wire.message(wire.STATUS, iccid=b.card.iccid)))
        b.report.true("the channel is closed", channel.closed())
    return "closed"


def main(options):
    report = Report("Bad input over the wire")
    with bench.start(options, report) as lab:
        lab.start()
        b = bench.Bench(lab, report)
        for text, function, refused_by, noted in CASES:
            b.unchanged(text, function, *refused_by.get(lab.speaks, refused_by["tcp"]), noted)
        bad_input_stores.replayed_session(b)
        bad_input_stores.sent_before_the_import(b)
        b.still_works()
        report.equal("the host runs", lab.host.running(), True)
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

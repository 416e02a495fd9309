"""Proves that wrong input over the wire changes no record, is answered as the protocol says,
is counted and is logged: unknown cards, wrong checksums, replays, lower counters, other TARs,
unknown instructions, missing tags, lengths that lie, sizes over the limits, wrong digests,
offset gaps and repeats, two channels of one card."""
import hashlib

import bench
import lab as laboratory
import wire
from checks import CheckFailed, Report
from peer import Card, new_transaction
from peer_tls import TlsError

CASES = []


def case(text, counter=None, log=None, but=None):
    """but: channel to (counter, log), where another part of the vault refuses it."""
    def add(function):
        CASES.append((text, function, {"tcp": (counter, log), **(but or {})}))
        return function
    return add


def expect(bench_, answer, name, protected=None):
    """The answer's name; whether it came ciphered with a CC."""
    bench_.report.equal("answer", answer and answer.name, name, show="")
    if protected is not None:
        bench_.report.equal(f"{name} ciphered", answer.protected, protected, show="")
    return name


def clear_status(b, number, how=None, ins=wire.STATUS, **fields):
    """One command that must be refused by a clear packet with a status and nothing else."""
    with b.channel() as channel:
        fields.setdefault("iccid", b.card.iccid)
        answer = channel.ask(ins, how=how, **fields)
        b.report.equal("data in a refusal", answer.data, b"", show="")
        return expect(b, answer, f"status {number:02X}", False)


def result(b, name, ins, **fields):
    with b.channel() as channel:
        return expect(b, channel.ask(ins, **fields), name, True)


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


@case("another card's keys", "bip.wrong_cc")
def wrong_keys(b):
    other, = b.lab.new_cards(1)
    card = Card(b.card.iccid, other.keys)
    with b.lab.channel(card) as channel:
        return expect(b, channel.ask(wire.STATUS, iccid=card.iccid), "status 01", False)


@case("three wrong CCs", "bip.wrong_cc")
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

@case("lower counter", "bip.counter_low")
def lower(b):
    return clear_status(b, 2, {"counter": 1})


@case("equal counter in a channel", "bip.counter_low")
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


@case("counter jumps by 2^32 + 1", "bip.counter_blocked")
def jump(b):
    return clear_status(b, 4, {"counter": b.card.counter + 2 ** 32 + 2})


# --- heads -----------------------------------------------------------------------------------

@case("another TAR", "bip.tar_unknown", "another application (TAR)")
def other_tar(b):
    return clear_status(b, 9, {"tar": bytes.fromhex("B00001")})


@case("SPI without CC", "bip.insufficient_security", "too little security")
def weak_spi(b):
    return clear_status(b, 0x0A, {"spi": (0x00, 0x19)})


@case("SPI asks a clear answer", "bip.insufficient_security")
def clear_answer(b):
    return clear_status(b, 0x0A, {"spi": (0x16, 0x01)})


@case("BEGIN wants no answer", "bip.insufficient_security")
def silent_begin(b):
    with b.channel() as channel:
        return expect(b, channel.begin(b.image, 5, b.key, how={"spi": (0x16, 0x1A)}), "status 0A")


@case("KIc and KID of two key sets", "bip.security_error", "KIc/KID")
def two_sets(b):
    return clear_status(b, 6, {"kid": 0x22})


@case("key set 0", "bip.security_error")
def set_zero(b):
    return clear_status(b, 6, {"kic": 0x02, "kid": 0x02})


@case("family that is not allowed (3DES)", "bip.security_error")
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


@case("key of letters", "bip.malformed")
def letters(b):
    return result(b, "malformed", wire.FETCH_BEGIN, iccid=b.card.iccid, key="ABCDEFGH")


@case("TLV lengths that lie", "bip.malformed")
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


@case("CHL that lies", "bip.security_error")
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


# --- stores ----------------------------------------------------------------------------------

@case("image over the limit", "vault.too_large", "upload over max_image_bytes refused")
def too_large_image(b):
    with b.channel() as channel:
        answer = channel.begin(b"", 6, b.key, total=256 * 1024 + 1, digest=bytes(32))
        b.report.equal("the limit named", answer.total, 256 * 1024, show="")
        return expect(b, answer, "too large", True)


@case("digest that does not match", "vault.digest_mismatch", "another digest than was announced")
def wrong_digest(b):
    with b.channel() as channel:
        channel.begin(b.image, 7, b.key, digest=bytes(32))
        channel.upload(b.image, 7)
        return expect(b, channel.end(7), "digest mismatch", True)


@case("offset gaps", "vault.offset_gaps", "a piece of an upload is missing")
def gaps(b):
    image = b.image[::-1]
    with b.channel() as channel:
        channel.begin(image, 8, b.key)
        answer = channel.ask(wire.STORE_DATA, transaction=8, offset=100, piece=image[100:200])
        b.report.equal("where to go on", answer.offset, 0, show="")
        expect(b, answer, "wrong offset", True)
        expect(b, channel.ask(wire.STORE_DATA, transaction=8, offset=len(image) - 1, piece=b"ab"),
               "malformed")
        return expect(b, channel.end(8), "wrong offset", True)


@case("data for no transaction")
def no_transaction(b):
    result(b, "no such transaction", wire.STORE_END, transaction=4711)
    result(b, "no such transaction", wire.FETCH_DATA, transaction=4711, offset=0)
    return result(b, "no such transaction", wire.STORE_DATA, transaction=4711, offset=0, piece=b"a")


def main(options):
    report = Report("Bad input over the wire")
    with bench.start(options, report) as lab:
        lab.start()
        b = bench.Bench(lab, report)
        for text, function, refused_by in CASES:
            b.unchanged(text, function, *refused_by.get(lab.speaks, refused_by["tcp"]))
        replayed_session(b)
        sent_before_the_import(b)
        repeats(b)
        two_channels(b)
        b.still_works()
        report.equal("the host runs", lab.host.running(), True)
    report.end()


def replayed_session(b):
    """A whole store, recorded and sent again, octet by octet."""
    image = b.image[::-1]
    texts = [wire.message(wire.STORE_BEGIN, iccid=b.card.iccid, transaction=77, total=len(image),
                          digest=hashlib.sha256(image).digest(), key=b.key),
             wire.message(wire.STORE_DATA, transaction=77, offset=0, piece=image),
             wire.message(wire.STORE_END, transaction=77)]
    packets = [b.card.wrap(text) for text in texts]
    with b.channel() as channel:
        for packet in packets:
            channel.send(packet)
            expect(b, channel.receive(), "done", True)
    b.image = image

    def again(b_):
        with b_.channel() as channel:
            for packet in packets:
                channel.send(packet)
                expect(b_, channel.receive(), "status 02", False)
            b_.report.true("the channel is closed", channel.closed())
        return "three times status 02, closed"

    b.unchanged("replayed session", again, "bip.counter_low")


def sent_before_the_import(b):
    """The same by a card without a record, sent again when it has one."""
    iccid, image = b.lab.new_iccid(), b.image
    b.lab.make_keys([iccid])
    card = Card(iccid, b.lab.card_keys[iccid])
    packets = [card.wrap(text) for text in (
        wire.message(wire.REPORT, iccid=iccid),
        wire.message(wire.STORE_BEGIN, iccid=iccid, transaction=78, total=len(image),
                     digest=hashlib.sha256(image).digest()))]
    with b.lab.channel(card) as channel:
        for packet in packets:
            channel.send(packet)
            expect(b, channel.receive(), "unknown card", True)
    b.lab.import_cards([iccid])

    def again(b_):
        with b_.lab.channel(card) as channel:
            for packet in packets:
                channel.send(packet)
                expect(b_, channel.receive(), "status 02", False)
        return "twice status 02"

    b.unchanged("sent before the import", again, "bip.counter_low")


def repeats(b):
    """Octets sent again are ignored: the image that comes out is the right one."""
    card, image, key = b.stored_card()
    new = image[::-1]
    with b.lab.channel(card) as channel:
        channel.begin(new, 1, key)
        for at, end in ((0, 300), (0, 300), (100, 400), (399, 401), (200, len(new))):
            answer = channel.ask(wire.STORE_DATA, transaction=1, offset=at, piece=new[at:end])
            expect(b, answer, "done")
        expect(b, channel.end(1), "done")
        expect(b, channel.end(1), "done")
        _, fetched = channel.fetch(key)
    b.report.equal("offset repeats, END twice", fetched == new, True, "image as sent")


def two_channels(b):
    """Two channels of one card: the older is closed when the newer has proved itself, and what it
    was storing cannot end any more."""
    card, image, key = b.stored_card()
    new = image[::-1]
    with b.lab.channel(card) as old, b.lab.channel(card) as young:
        expect(b, old.begin(new, 1, key), "done")
        expect(b, young.begin(new, 2, key), "done")
        b.report.true("the older channel is closed", old.closed())
        young.upload(new, 2)
        expect(b, young.end(2), "done")
        _, fetched = young.fetch(key)
    b.report.equal("two channels of one card", fetched == new, True, "the older closed")


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))

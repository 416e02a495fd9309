"""Bad input to stores and fetches, and what was heard of one and is sent again, for
bad_input_test."""
import hashlib

import wire
from bad_input import case, expect, result
from peer import Card


# --- stores ----------------------------------------------------------------------------------

@case("image over the limit", "vault.too_large", "upload over max_image_bytes refused")
def too_large_image(b):
    with b.channel() as channel:
        answer = channel.begin(b"", 6, b.key, total=256 * 1024 + 1, digest=bytes(32))
        b.report.equal("the limit named", answer.total, 256 * 1024, show="")
        return expect(b, answer, "too large", True)


@case("digest that does not match", "vault.digest_mismatch", "another digest than was announced",
      noted=["store_failed"])
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


@case("offset repeats", "vault.offset_repeats", "octets of an upload came again")
def repeats(b):
    """Octets sent again are ignored: the image that comes out is the right one."""
    card, image, key = b.stored_card()
    new = image[::-1]
    with b.lab.channel(card) as channel:
        channel.begin(new, 1, key)
        before = b.lab.counter("vault.offset_repeats")
        for at, end in ((0, 300), (0, 300), (100, 400), (399, 401), (200, len(new))):
            answer = channel.ask(wire.STORE_DATA, transaction=1, offset=at, piece=new[at:end])
            expect(b, answer, "done")
        b.report.equal("counted", b.lab.counter("vault.offset_repeats") - before, 4, show="")
        expect(b, channel.end(1), "done")
        expect(b, channel.end(1), "done")
        _, fetched = channel.fetch(key)
    b.report.equal("what is fetched", fetched, new, show="")
    return "image as sent, END twice"


@case("two channels of one card", "bip.superseded", "the older one is closed")
def two_channels(b):
    """The older is closed when the newer has proved itself, and what it was storing cannot end any
    more."""
    card, image, key = b.stored_card()
    new = image[::-1]
    with b.lab.channel(card) as old, b.lab.channel(card) as young:
        expect(b, old.begin(new, 1, key), "done")
        expect(b, young.begin(new, 2, key), "done")
        b.report.true("the older channel is closed", old.closed())
        expect(b, young.end(1), "no such transaction")
        young.upload(new, 2)
        expect(b, young.end(2), "done")
        expect(b, young.end(1), "no such transaction")
        _, fetched = young.fetch(key)
    b.report.equal("what is fetched", fetched, new, show="")
    return "the older closed, its transaction unknown"


# --- sent again ------------------------------------------------------------------------------

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

    b.unchanged("replayed session", again, "bip.counter_low", "replay counter not higher")


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

    b.unchanged("sent before the import", again, "bip.counter_low", "replay counter not higher")

"""The cases of bad_input_test: how one is told, and the checks that they share."""
import wire

CASES = []


def case(text, counter=None, log=None, but=None, noted=()):
    """but: channel to (counter, log), where another part of the vault refuses it. noted: what the
    card's history says of it."""
    def add(function):
        CASES.append((text, function, {"tcp": (counter, log), **(but or {})}, noted))
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

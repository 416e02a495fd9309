"""Secrets in every form in which they could lie about: plain, UCS2, packed, BCD, hexadecimal."""
import base64
import os

PAGE = 4096


def packed7(text):
    """The text in the GSM default alphabet, seven bits a character (TS 23.038 clause 6.1.2.1)."""
    bits = sum(ord(c) << 7 * i for i, c in enumerate(text))
    return bits.to_bytes((7 * len(text) + 7) // 8, "little")


def bcd(digits, swapped):
    """Whole octets of BCD only: a half octet at the end may hold anything."""
    pairs = [digits[i:i + 2] for i in range(0, len(digits) - 1, 2)]
    return bytes(int(pair[::-1] if swapped else pair, 16) for pair in pairs)


def of_text(text):
    """Every form of a text: UTF-8, UCS2 in both orders, packed if it is ASCII, BCD if digits."""
    forms = {text.encode(), text.encode("utf-16-be"), text.encode("utf-16-le")}
    if text.isascii():
        forms.add(packed7(text)[:-1])  # the last octet shares its bits with what follows
    if text.isdecimal():
        forms |= {bcd(text, False), bcd(text, True)}
    return forms


def of_octets(octets):
    return {octets}


class Needles:
    """Named secrets; looks for all of them in files."""

    def __init__(self):
        self._forms = {}

    def add(self, name, forms):
        """Adds the forms, each also in hexadecimal and base64."""
        for form in forms:
            if len(form) < 4:
                raise ValueError(f"{name}: too short to look for")
            text = base64.b64encode(form).rstrip(b"=")
            for one in (form, form.hex().encode(), form.hex().upper().encode(), text[:-1]):
                self._forms[one] = name

    def names(self):
        return set(self._forms.values())

    def find(self, path):
        """The names of the secrets that the file holds."""
        octets = without_empty_pages(path)
        return {name for form, name in self._forms.items() if form in octets}


def without_empty_pages(path):
    """A file's octets; pages of zeros, most of a database's files, shrink to a few zeros."""
    empty, pages = bytes(PAGE), []
    with open(path, "rb") as file:
        while page := file.read(PAGE):
            pages.append(page if page != empty else empty[:64])
    return b"".join(pages)


def files_below(folder, but=()):
    """Every file below the folder, except below the paths `but`."""
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not path.startswith(tuple(but)):
                yield path

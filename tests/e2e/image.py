"""What a backup holds, read in Python: files, records and memos, and how names are coded."""
from wire import read_ber_length

ADN, EXT1, ANR, EMAIL, SMS = "4F3A", "4F4A", "4F11", "4F50", "6F3C"
NUMBER_PART = 14  # of EF_ADN, behind the alpha identifier (TS 31.102 clause 4.4.2.3)


def tlvs(octets):
    at = 0
    while at < len(octets):
        size, begin = read_ber_length(octets, at + 1)
        yield octets[at], octets[begin:begin + size]
        at = begin + size


class Image:
    """files: last file identifier to a list of (record number, content); memos: a count."""

    def __init__(self, octets):
        assert octets[:3] == b"BV\x01", octets[:3]
        self.files, self.memos = {}, 0
        for tag, value in tlvs(octets[3:]):
            if tag == 0xA0:
                self._file(value)
            elif tag == 0xA2:
                self.memos += 1

    def _file(self, value):
        path, records = None, []
        for tag, part in tlvs(value):
            if tag == 0x80:
                path = part[-2:].hex().upper()
            elif tag == 0xA1:
                fields = dict(tlvs(part))
                records.append((int.from_bytes(fields[0x80], "big"), fields[0x81]))
        self.files.setdefault(path, []).extend(records)

    def count(self, path):
        return len(self.files.get(path, []))

    def names(self):
        """(in the GSM alphabet, in UCS2): the alpha identifiers of EF_ADN (TS 102 221 annex A)."""
        alphas = [content[:-NUMBER_PART] for _, content in self.files.get(ADN, [])]
        ucs2 = sum(1 for alpha in alphas if alpha[0] in (0x80, 0x81, 0x82))
        return len(alphas) - ucs2, ucs2

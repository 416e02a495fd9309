"""What the store holds, read past every program of ours: those keep traces of looking."""
import contextlib
import sqlite3

from checks import CheckFailed


def rows(lab, table):
    """All rows of a table, as dicts."""
    if lab.db:
        raise CheckFailed("this test reads the database's file: --engine sqlite only")
    with contextlib.closing(sqlite3.connect(lab.path("data", "bipvault.db"))) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(f"SELECT * FROM {table}")]


class Kept:
    """What is kept of all cards. Replay counters and uploads that have not ended are no part of
    it: every verified packet and every BEGIN may change them. Nor is the head of the history,
    which changes with its entries."""

    PASSING = {"version", "last_op", "counter_key_set", "counter_value"}
    STAGED = 65_536  # places of data keys from here on are of uploads

    def __init__(self, lab):
        records = rows(lab, "records")
        self.cards = {row["id"]: row["iccid"] for row in records}
        self._parts = {("records", row["id"], name): value for row in records
                       for name, value in row.items()
                       if name not in self.PASSING and not name.startswith(("upload_", "history_"))}
        for table, where in (("history", "seq"), ("images", "place"), ("data_keys", "place")):
            self._parts.update({(table, row["record_id"], row[where]): row
                                for row in rows(lab, table) if row[where] < self.STAGED})

    def entries(self, before):
        """What the history has got since about records that were there: [(ICCID, kind)]."""
        return sorted((before.cards[record], self._parts[table, record, seq]["kind"])
                      for table, record, seq in self._parts.keys() - before._parts.keys()
                      if table == "history" and record in before.cards)

    def changes(self, before):
        """The names of whatever else has changed in them, and not what is in it."""
        both = before._parts.keys() | self._parts.keys()
        return sorted(f"{part[0]} of {before.cards[part[1]]}: {part[2]}" for part in both
                      if part[1] in before.cards
                      and (part[0] != "history" or part in before._parts)
                      and self._parts.get(part) != before._parts.get(part))

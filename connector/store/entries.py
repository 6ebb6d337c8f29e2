"""What waits to go to AWS in a file: one entry per record, the newest, until a file takes it up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table

OPEN_UPLOAD = "exists (select 1 from upload_records u where u.record_id = file_entries.record_id and u.open = 1)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it is to go out.

    Attributes:
        record_type: ``opportunity`` or ``lead``.
        run_id: the run that decided to send it.
        entry: its members in the file.
        partner_id, apn_id: the identifiers that it carries; ``apn_id`` is None for one that AWS does not have yet.
        snapshot: the row's mapped paths as sent.
        record: the canonical record that is sent, as ``ace.record.to_json`` writes it.
        left_out: ACE names that cannot go with it and follow after the result.
        decision: what it answers to a referral, ``Accepted`` or ``Rejected``; empty otherwise.
        requested: a person asked for it.
        put_at: aware UTC.
    """

    record_id: str
    record_type: str
    run_id: str
    entry: dict[str, Any]
    partner_id: str
    apn_id: str | None
    put_at: datetime
    snapshot: dict[str, str | None] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    decision: str = ""
    requested: bool = False


class Entries(Table):
    """Entries by record."""

    def put(self, entry: Entry) -> None:
        """Let the entry wait for a file; it replaces one of the same record that waits."""
        self._upsert("file_entries", ("record_id",), entry_columns(entry))

    def waiting(self, record_type: str, limit: int = 5000) -> list[Entry]:
        """Return the entries that a file may take now, oldest first. One whose record is in a file without a result
        is not among them.
        """
        rows = self._all(
            f"select * from file_entries where record_type = ? and not {OPEN_UPLOAD} "  # noqa: S608 - our own text
            "order by put_at, record_id limit ?",
            (record_type, limit),
        )
        return [read_entry(row) for row in rows]

    def page(self, record_type: str, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return the entries that a file may take now, by record id, from behind the one that is named."""
        rows = self._all(
            f"select * from file_entries where record_type = ? and record_id > ? and not {OPEN_UPLOAD} "  # noqa: S608
            "order by record_id limit ?",
            (record_type, after, limit),
        )
        return [read_entry(row) for row in rows]

    def of_record(self, record_id: str) -> Entry | None:
        row = self._one("select * from file_entries where record_id = ?", (record_id,))
        return read_entry(row) if row else None

    def drop(self, record_id: str) -> None:
        """The record's entry does not go out after all."""
        self._write("delete from file_entries where record_id = ?", (record_id,))

    def take(self, entries: Iterable[Entry]) -> None:
        """Remove the entries that a file took up, but not one that was put anew meanwhile."""
        with self._transaction():
            for entry in entries:
                self._write(
                    "delete from file_entries where record_id = ? and put_at = ?",
                    (entry.record_id, stamp(entry.put_at)),
                )

    def count(self, record_type: str | None = None) -> int:
        """Return how many entries wait, those of records in flight included."""
        return int(
            self._value("select count(*) from file_entries where ?1 is null or record_type = ?1", (record_type,))
        )


def entry_columns(entry: Entry) -> Record:
    """Return the entry as the columns that both of its tables have."""
    row = {name: getattr(entry, name) for name in Entry.__slots__}
    return row | {
        "entry": dump(entry.entry),
        "snapshot": dump(entry.snapshot),
        "record": dump(entry.record),
        "left_out": dump(list(entry.left_out)),
        "requested": int(entry.requested),
        "put_at": stamp(entry.put_at),
    }


def read_entry(row: Record) -> Entry:
    """Return the entry that a row of :func:`entry_columns` holds."""
    return Entry(**entry_members(row))


def entry_members(row: Record) -> Record:
    """Return an entry's members as typed values; other columns of the row are left out."""
    return {name: row[name] for name in Entry.__slots__} | {
        "entry": load(row["entry"]),
        "snapshot": load(row["snapshot"]),
        "record": load(row["record"]),
        "left_out": tuple(load(row["left_out"])),
        "requested": bool(row["requested"]),
        "put_at": moment(row["put_at"]),
    }

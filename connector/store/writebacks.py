"""Fields that wait to be written to Salesforce records: one entry per record for its own values, and one for each
parent that has values for it as a related record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table


@dataclass(frozen=True, slots=True)
class Writeback:
    """Fields to write to one record.

    Attributes:
        parent: the record whose values from AWS these are, where they are for a record related to it; empty for the
            record's own.
        relationship: how the parent refers to the record, as mapped; empty for the record's own.
        values: by API name; JSON values and ``Decimal``.
        guard: write only if the record was not modified since this time (ISO 8601); None writes in any case.
        reason: why the last attempt failed; empty before the first.
        attempts: failed attempts.
        retry_at: not before; aware UTC.
        created_at: when the first of the values was put; aware UTC.
        put_at: when the last of them was put; aware UTC.
    """

    record_id: str
    object_name: str
    values: dict[str, Any]
    guard: str | None
    reason: str
    attempts: int
    retry_at: datetime
    created_at: datetime
    put_at: datetime
    parent: str = ""
    relationship: str = ""

    @property
    def owner(self) -> str:
        """The record whose turn brought the values."""
        return self.parent or self.record_id


class Writebacks(Table):
    """Pending writes by record."""

    def put(
        self,
        record_id: str,
        object_name: str,
        values: dict[str, Any],
        now: datetime,
        *,
        guard: str | None = None,
        parent: str = "",
        relationship: str = "",
    ) -> None:
        """Add values to what waits for the record; a value put later replaces one put earlier.

        If several puts had a guard, the earliest stays: under a later one, values that were worked out from an older
        look at the record would cover up an edit made in between. What two parents have for the same related record is
        kept apart, as each of them is to learn what became of its own.
        """
        with self._transaction():
            waiting = self.get(record_id, parent=parent, relationship=relationship)
            if waiting is None:
                columns = _columns(record_id, object_name, values, guard, now)
                self._upsert("writebacks", _KEY, columns | {"parent": parent, "relationship": relationship})
            else:
                self._write(
                    f"update writebacks set fields = ?, guard = ?, put_at = ? {_ONE}",  # noqa: S608 - a constant
                    (
                        dump(waiting.values | values),
                        _earlier(waiting.guard, guard),
                        stamp(now),
                        record_id,
                        parent,
                        relationship,
                    ),
                )

    def get(self, record_id: str, *, parent: str = "", relationship: str = "") -> Writeback | None:
        row = self._one(f"select * from writebacks {_ONE}", (record_id, parent, relationship))  # noqa: S608
        return _writeback(row) if row else None

    def of_parent(self, parent: str) -> list[Writeback]:
        """Return what waits for the records related to one record."""
        rows = self._all("select * from writebacks where parent = ? order by relationship, record_id", (parent,))
        return [_writeback(row) for row in rows]

    def waits_for(self, record_id: str) -> bool:
        """Return whether anything of the record's waits: its own values, or those for records related to it."""
        return self.get(record_id) is not None or bool(self.of_parent(record_id))

    def due(self, now: datetime, limit: int) -> list[Writeback]:
        """Return what may be written now, oldest first."""
        rows = self._all(
            "select * from writebacks where retry_at <= ? order by retry_at, record_id, put_at limit ?",
            (stamp(now), limit),
        )
        return [_writeback(row) for row in rows]

    def oldest(self) -> datetime | None:
        """Return since when the oldest entry has been waiting."""
        text = self._value("select min(created_at) from writebacks")
        return None if text is None else moment(text)

    def count(self) -> int:
        return int(self._value("select count(*) from writebacks"))

    def has_urgent(self, name: str) -> bool:
        """Return whether an entry has a value for the field, or a guard: the older a guard, the likelier it fails."""
        return bool(
            self._value(
                "select exists (select 1 from writebacks where guard is not null or json_type(fields, ?) is not null)",
                (f'$."{name}"',),
            )
        )

    def due_since(self) -> datetime | None:
        """Return since when the entry that is due longest has been due; it may lie ahead. None without entries."""
        text = self._value("select min(retry_at) from writebacks")
        return None if text is None else moment(text)

    def done(self, record_id: str, values: dict[str, Any], *, parent: str = "", relationship: str = "") -> None:
        """Remove the values that were written (or are to be dropped); one that was put anew meanwhile stays."""
        key = (record_id, parent, relationship)
        with self._transaction():
            waiting = self.get(record_id, parent=parent, relationship=relationship)
            if waiting is None:
                return
            if left := unsent(waiting.values, values):
                self._write(
                    f"update writebacks set fields = ?, attempts = 0, reason = '' {_ONE}",  # noqa: S608 - a constant
                    (dump(left), *key),
                )
            else:
                self._write(f"delete from writebacks {_ONE}", key)  # noqa: S608 - a constant

    def retry(self, record_id: str, at: datetime, reason: str, *, parent: str = "", relationship: str = "") -> None:
        """Try again at ``at``, counting the attempt."""
        self._write(
            f"update writebacks set attempts = attempts + 1, retry_at = ?, reason = ? {_ONE}",  # noqa: S608
            (stamp(at), reason, record_id, parent, relationship),
        )

    def remember_related(self, record_id: str, texts: Mapping[str, str | None]) -> None:
        """Keep what was written to a related record, by field, so that other parents tell it from a person's edit.

        Only short digests are kept: no personal data stands here.
        """
        for name, text in texts.items():
            row = {"record_id": record_id, "field": name, "digest": _digest(text)}
            self._upsert("related_writes", ("record_id", "field"), row)

    def wrote_related(self, record_id: str, name: str, text: str | None) -> bool:
        """Return whether the text is what was last written to the field of the related record."""
        kept = self._value(
            "select max(digest) from related_writes where record_id = ? and field = ?", (record_id, name)
        )
        return bool(kept == _digest(text))


_DIGITS = 6
"""Enough to tell two values apart, too few to tell what the value was."""
_KEY = ("record_id", "parent", "relationship")
_ONE = "where record_id = ? and parent = ? and relationship = ?"


def _digest(text: str | None) -> str:
    return sha256(b"" if text is None else b"=" + text.encode()).hexdigest()[:_DIGITS]


def unsent(waiting: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Return the members of ``waiting`` that ``sent`` does not have with the same value."""
    return {name: value for name, value in waiting.items() if name not in sent or dump(sent[name]) != dump(value)}


def _earlier(one: str | None, other: str | None) -> str | None:
    guards = [guard for guard in (one, other) if guard is not None]
    return min(guards, key=moment, default=None)


def _columns(record_id: str, object_name: str, values: dict[str, Any], guard: str | None, now: datetime) -> Record:
    return {
        "record_id": record_id,
        "object_name": object_name,
        "fields": dump(values),
        "guard": guard,
        "reason": "",
        "attempts": 0,
        "retry_at": stamp(now),
        "created_at": stamp(now),
        "put_at": stamp(now),
    }


def _writeback(row: Record) -> Writeback:
    return Writeback(
        record_id=row["record_id"],
        object_name=row["object_name"],
        values=load(row["fields"]),
        guard=row["guard"],
        reason=row["reason"],
        attempts=row["attempts"],
        retry_at=moment(row["retry_at"]),
        created_at=moment(row["created_at"]),
        put_at=moment(row["put_at"]),
        parent=row["parent"],
        relationship=row["relationship"],
    )

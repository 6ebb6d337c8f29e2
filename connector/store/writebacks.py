"""Fields that wait to be written to Salesforce records, one entry per record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table


@dataclass(frozen=True, slots=True)
class Writeback:
    """Fields to write to one record.

    Attributes:
        values: by API name; JSON values and ``Decimal``.
        guard: write only if the record was not modified since this time (ISO 8601); None writes in any case.
        reason: why the last attempt failed; empty before the first.
        attempts: failed attempts.
        retry_at: not before; aware UTC.
        created_at: when the first of the values was put; aware UTC.
    """

    record_id: str
    object_name: str
    values: dict[str, Any]
    guard: str | None
    reason: str
    attempts: int
    retry_at: datetime
    created_at: datetime


class Writebacks(Table):
    """Pending writes by record."""

    def put(
        self, record_id: str, object_name: str, values: dict[str, Any], now: datetime, *, guard: str | None = None
    ) -> None:
        """Add values to what waits for the record; a value put later replaces one put earlier.

        If several puts had a guard, the earliest stays: under a later one, values that were worked out from an older
        look at the record would cover up an edit made in between.
        """
        with self._transaction():
            waiting = self.get(record_id)
            if waiting is None:
                self._upsert("writebacks", ("record_id",), _columns(record_id, object_name, values, guard, now))
            else:
                self._write(
                    "update writebacks set fields = ?, guard = ? where record_id = ?",
                    (dump(waiting.values | values), _earlier(waiting.guard, guard), record_id),
                )

    def get(self, record_id: str) -> Writeback | None:
        row = self._one("select * from writebacks where record_id = ?", (record_id,))
        return _writeback(row) if row else None

    def due(self, now: datetime, limit: int) -> list[Writeback]:
        """Return what may be written now, oldest first."""
        rows = self._all(
            "select * from writebacks where retry_at <= ? order by retry_at, record_id limit ?", (stamp(now), limit)
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

    def done(self, record_id: str, values: dict[str, Any]) -> None:
        """Remove the values that were written (or are to be dropped); one that was put anew meanwhile stays."""
        with self._transaction():
            waiting = self.get(record_id)
            if waiting is None:
                return
            if left := unsent(waiting.values, values):
                self._write(
                    "update writebacks set fields = ?, attempts = 0, reason = '' where record_id = ?",
                    (dump(left), record_id),
                )
            else:
                self._write("delete from writebacks where record_id = ?", (record_id,))

    def retry(self, record_id: str, at: datetime, reason: str) -> None:
        """Try again at ``at``, counting the attempt."""
        self._write(
            "update writebacks set attempts = attempts + 1, retry_at = ?, reason = ? where record_id = ?",
            (stamp(at), reason, record_id),
        )


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
    )

"""Rows that wait to be upserted into Salesforce's log objects by their unique key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table
from connector.store.writebacks import unsent


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One row to upsert into ``object_name`` where ``key_field`` is ``key``; ``body`` is without the key."""

    object_name: str
    key_field: str
    key: str
    body: dict[str, Any]
    reason: str
    attempts: int
    retry_at: datetime
    created_at: datetime


class Outbox(Table):
    """Pending upserts by object and key."""

    def put(self, object_name: str, key_field: str, key: str, body: dict[str, Any], now: datetime) -> None:
        """Add fields to what waits for the key; a field put later replaces one put earlier."""
        with self._transaction():
            waiting = self.get(object_name, key)
            if waiting is None:
                self._insert(object_name, key_field, key, body, now)
            else:
                self._replace_body(waiting, waiting.body | body)

    def get(self, object_name: str, key: str) -> OutboxRow | None:
        row = self._one('select * from outbox where object_name = ? and "key" = ?', (object_name, key))
        return _outbox_row(row) if row else None

    def due(self, now: datetime, object_name: str, limit: int) -> list[OutboxRow]:
        """Return the rows of one object that may be written now, in the order in which they were put first."""
        rows = self._all(
            "select * from outbox where object_name = ? and retry_at <= ? order by id limit ?",
            (object_name, stamp(now), limit),
        )
        return [_outbox_row(row) for row in rows]

    def done(self, object_name: str, key: str, body_written: dict[str, Any]) -> None:
        """Remove the fields that were written (or are to be dropped); one that was put anew meanwhile stays."""
        with self._transaction():
            waiting = self.get(object_name, key)
            if waiting is None:
                return
            if left := unsent(waiting.body, body_written):
                self._replace_body(waiting, left)
            else:
                self._write('delete from outbox where object_name = ? and "key" = ?', (object_name, key))

    def retry(self, object_name: str, key: str, at: datetime, reason: str) -> None:
        """Try again at ``at``, counting the attempt."""
        self._write(
            'update outbox set attempts = attempts + 1, retry_at = ?, reason = ? where object_name = ? and "key" = ?',
            (stamp(at), reason, object_name, key),
        )

    def count(self, object_name: str | None = None) -> int:
        """Return the number of rows that wait, of one object or of all."""
        return int(
            self._value("select count(*) from outbox where :name is null or object_name = :name", {"name": object_name})
        )

    def due_since(self) -> datetime | None:
        """Return since when the row that is due longest has been due; it may lie ahead. None without rows."""
        text = self._value("select min(retry_at) from outbox")
        return None if text is None else moment(text)

    def _insert(self, object_name: str, key_field: str, key: str, body: dict[str, Any], now: datetime) -> None:
        self._write(
            'insert into outbox (object_name, key_field, "key", body, reason, attempts, retry_at, created_at) '
            "values (?, ?, ?, ?, '', 0, ?, ?)",
            (object_name, key_field, key, dump(body), stamp(now), stamp(now)),
        )

    def _replace_body(self, row: OutboxRow, body: dict[str, Any]) -> None:
        self._write(
            'update outbox set body = ? where object_name = ? and "key" = ?', (dump(body), row.object_name, row.key)
        )


def _outbox_row(row: Record) -> OutboxRow:
    return OutboxRow(
        object_name=row["object_name"],
        key_field=row["key_field"],
        key=row["key"],
        body=load(row["body"]),
        reason=row["reason"],
        attempts=row["attempts"],
        retry_at=moment(row["retry_at"]),
        created_at=moment(row["created_at"]),
    )

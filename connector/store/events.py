"""What AWS announced: each event once, until its effect is queued, and for some days after to know it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table

WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """One event that arrived.

    Attributes:
        id: the event's identifier, or the row's for one that came as a row.
        row_id: Salesforce row that brought it; empty for one that came through a queue.
        body: the event's members.
        status: ``waiting``, or what became of it.
        message: why.
        received_at: aware UTC.
        told: the row says what became of it, or never will.
        attempts: failed attempts to write the status to its row.
    """

    id: str
    row_id: str
    body: dict[str, Any]
    status: str
    message: str
    received_at: datetime
    told: bool
    attempts: int


class Events(Table):
    """Events by identifier."""

    def add(
        self, event_id: str, body: Mapping[str, Any], now: datetime, *, row_id: str = "", again: bool = False
    ) -> bool:
        """Keep the event to be worked off; return False for one that is known. ``again``: work it off once more."""
        with self._transaction():
            known = self._one("select 1 from events where event_id = ?", (event_id,)) is not None
            if known and not again:
                return False
            row = {
                "event_id": event_id, "row_id": row_id, "body": dump(body), "status": WAITING, "message": "",
                "received_at": stamp(now), "told": 0, "attempts": 0,
            }  # fmt: skip
            self._upsert("events", ("event_id",), row)
            return True

    def get(self, event_id: str) -> KeptEvent | None:
        row = self._one("select * from events where event_id = ?", (event_id,))
        return _kept(row) if row else None

    def waiting(self, limit: int) -> list[KeptEvent]:
        """Return events whose effect is not queued yet, in the order of their arrival."""
        rows = self._all("select * from events where status = ? order by received_at, rowid limit ?", (WAITING, limit))
        return [_kept(row) for row in rows]

    def settle(self, event_id: str, status: str, message: str) -> None:
        """Remember what became of the event."""
        self._write("update events set status = ?, message = ? where event_id = ?", (status, message, event_id))

    def untold(self, limit: int) -> list[KeptEvent]:
        """Return settled events whose Salesforce row does not say so yet."""
        rows = self._all(
            "select * from events where row_id <> '' and told = 0 and status <> ? order by rowid limit ?",
            (WAITING, limit),
        )
        return [_kept(row) for row in rows]

    def told(self, event_ids: Iterable[str]) -> None:
        """The rows of these events say what became of them, or never will."""
        with self._transaction():
            for event_id in event_ids:
                self._write("update events set told = 1 where event_id = ?", (event_id,))

    def untell(self, event_ids: Iterable[str]) -> None:
        """The rows of these events are to be told once more."""
        with self._transaction():
            for event_id in event_ids:
                self._write("update events set told = 0 where event_id = ?", (event_id,))

    def count_attempt(self, event_id: str) -> None:
        """A row refused its status."""
        self._write("update events set attempts = attempts + 1 where event_id = ?", (event_id,))

    def prune(self, before: datetime) -> int:
        """Forget events that were settled and arrived before that time; return how many."""
        return self._write(
            "delete from events where status <> ? and received_at < ?", (WAITING, stamp(before))
        ).rowcount

    def counts(self) -> dict[str, int]:
        """Return the number of events that are remembered, by status."""
        return {row["status"]: row["n"] for row in self._all("select status, count(*) n from events group by status")}


def _kept(row: Record) -> KeptEvent:
    return KeptEvent(
        id=row["event_id"],
        row_id=row["row_id"],
        body=load(row["body"]),
        status=row["status"],
        message=row["message"],
        received_at=moment(row["received_at"]),
        told=bool(row["told"]),
        attempts=row["attempts"],
    )

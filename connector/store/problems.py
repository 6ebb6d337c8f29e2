"""The open reasons why records did not go out or come in: one log detail each, updated instead of repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from connector.store.codec import dump, moment, stamp
from connector.store.table import Record, Table

KEY_LENGTH = 120
"""Most characters that a detail key has."""


@dataclass(frozen=True, slots=True)
class OpenProblem:
    """One reason of one record. It holds codes and keys only; the offending value is written to Salesforce alone.

    Attributes:
        detail_key: unique key of its log detail, never used again for another occurrence.
        log_key: key of the log that the detail belongs to.
        first_seen, last_seen: aware UTC.
        count: how often it was met since it was opened.
        open: False once it was resolved.
    """

    record_id: str
    code: str
    field: str
    detail_key: str
    log_key: str
    first_seen: datetime
    last_seen: datetime
    count: int
    open: bool

    @property
    def is_new(self) -> bool:
        """Whether the detail has to be created rather than updated."""
        return self.count == 1


class Problems(Table):
    """Reasons by record, code and field."""

    def raise_(self, record_id: str, code: str, field: str, now: datetime, *, log_key: str = "") -> OpenProblem:
        """Open the reason, or count it again if it is open; return it. The first occurrence's log stays its log."""
        with self._transaction():
            known = self._open(record_id, code, field)
            if known is None:
                self._insert(record_id, code, field, now, log_key)
            else:
                self._write(
                    "update problems set count = count + 1, last_seen = ? where detail_key = ?",
                    (stamp(now), known["detail_key"]),
                )
            raised = self._open(record_id, code, field)
            assert raised is not None
            return _problem(raised)

    def resolve(self, record_id: str, codes: Collection[str] | None = None, *, now: datetime) -> list[OpenProblem]:
        """Close the record's open reasons, or those with one of the codes; return them as closed."""
        with self._transaction():
            rows = [row for row in self._rows_open(record_id) if codes is None or row["code"] in codes]
            for row in rows:
                row |= {"open": 0, "last_seen": stamp(now)}
                self._write(
                    "update problems set open = 0, last_seen = ? where detail_key = ?", (stamp(now), row["detail_key"])
                )
            return [_problem(row) for row in rows]

    def close(self, detail_key: str, now: datetime) -> None:
        """Close one reason by the key of its detail."""
        self._write("update problems set open = 0, last_seen = ? where detail_key = ?", (stamp(now), detail_key))

    def adopt(self, key: str, record_id: str, code: str, now: datetime, *, log_key: str, count: int) -> None:
        """Take over a reason whose open detail an earlier state wrote; one that is known already stays as it is.

        Of a hashed key the field cannot be told; raising that reason takes the row over.
        """
        head, _, sequence = key.rpartition(":")
        if not sequence.isdecimal():
            return
        known = head.removeprefix(f"{record_id}:{code}:")
        self._write(
            "insert or ignore into problems (detail_key, record_id, code, field, sequence, log_key, first_seen, "
            "last_seen, count, open) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (key, record_id, code, known, int(sequence), log_key, stamp(now), stamp(now), count),
        )

    def is_open(self, key: str) -> bool:
        """Return whether the reason with that detail key is open."""
        return bool(self._value("select count(*) from problems where detail_key = ? and open = 1", (key,)))

    def open_for(self, record_id: str) -> list[OpenProblem]:
        return [_problem(row) for row in self._rows_open(record_id)]

    def open_count(self) -> int:
        return int(self._value("select count(*) from problems where open = 1"))

    def prune(self, before: datetime) -> int:
        """Remove reasons that were closed before that time, except the last of each, which carries the numbering."""
        return self._write(
            "delete from problems where open = 0 and last_seen < ? and exists (select 1 from problems later "
            "where later.record_id = problems.record_id and later.code = problems.code "
            "and later.field = problems.field and later.sequence > problems.sequence)",
            (stamp(before),),
        ).rowcount

    def _insert(self, record_id: str, code: str, field: str, now: datetime, log_key: str) -> None:
        sequence = 1 + self._value(
            "select coalesce(max(sequence), 0) from problems where record_id = ? and code = ? and field = ?",
            (record_id, code, field),
        )
        key = detail_key(record_id, code, field, sequence)
        self._write(
            "insert into problems (detail_key, record_id, code, field, sequence, log_key, first_seen, last_seen, "
            "count, open) values (?, ?, ?, ?, ?, ?, ?, ?, 1, 1) "
            "on conflict (detail_key) do update set field = excluded.field, sequence = excluded.sequence, open = 1",
            (key, record_id, code, field, sequence, log_key, stamp(now), stamp(now)),
        )

    def _open(self, record_id: str, code: str, field: str) -> Record | None:
        return self._one(
            "select * from problems where record_id = ? and code = ? and field = ? and open = 1",
            (record_id, code, field),
        )

    def _rows_open(self, record_id: str) -> list[Record]:
        return self._all(
            "select * from problems where record_id = ? and open = 1 order by first_seen, code, field", (record_id,)
        )


def detail_key(record_id: str, code: str, field: str, sequence: int) -> str:
    """Return the key of one occurrence: readable where that is short and unambiguous, hashed otherwise."""
    readable = f"{record_id}:{code}:{field}:{sequence}"
    if len(readable) <= KEY_LENGTH and readable.count(":") == 3:
        return readable
    digest = hashlib.sha256(dump([record_id, code, field]).encode()).hexdigest()
    return f"{digest}:{sequence}"


def _problem(row: Record) -> OpenProblem:
    return OpenProblem(
        record_id=row["record_id"],
        code=row["code"],
        field=row["field"],
        detail_key=row["detail_key"],
        log_key=row["log_key"],
        first_seen=moment(row["first_seen"]),
        last_seen=moment(row["last_seen"]),
        count=row["count"],
        open=bool(row["open"]),
    )

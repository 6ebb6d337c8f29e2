"""Sync runs: each is one sync log in Salesforce, counted by the last outcome of every record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connector.store.codec import moment, stamp
from connector.store.table import Record, Table

Outcome = Literal["success", "error", "waiting"]
"""What became of a record in a run; ``waiting``: its file is not worked off. Records in the tables of files count as
waiting without it.
"""
Call = Literal["", "API Success", "Error"]

_WAITING = (
    # What waits follows from the files themselves, so that it ends with them. Each record counts once. Asked for run by
    # run: with ten thousand records in files, looking at all of them for each log of one takes most of the time.
    "select count(*) from ("
    "select record_id from run_records as noted where noted.run_id = runs.run_id and outcome = 'waiting' "
    "union select record_id from file_entries where file_entries.run_id = runs.run_id "
    "union select record_id from uploads join upload_records using (name) "
    "where uploads.run_id = runs.run_id and open = 1 "
    'union select arrived.id from downloads join arrived using ("key", etag) '
    "where downloads.run_id = runs.run_id and arrived.status = 'waiting')"
)
_SELECT = (
    "select runs.*, count(outcome) filter (where outcome = 'success') as success, "  # noqa: S608 - our own words
    "count(outcome) filter (where outcome = 'error') as error, "
    f"({_WAITING}) as waiting from runs left join run_records using (run_id) "
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it stands.

    Attributes:
        direction, purpose, object_name: as the sync log words them.
        parent: run id of the run that this one answers or repeats; empty if none.
        started_at, ended_at: aware UTC; ``ended_at`` is None while it is open.
        file_name: of the file that the run sent or read; empty for a run without one.
        call: how uploading or reading that file went, as the sync log words it; empty while it has not.
        success, error: records by their last outcome.
        waiting: records that wait for a file, or are in one that is not worked off.
    """

    run_id: str
    direction: str
    purpose: str
    object_name: str
    parent: str
    message: str
    started_at: datetime
    ended_at: datetime | None
    file_name: str
    call: Call
    success: int
    error: int
    waiting: int


class Runs(Table):
    """Runs and the outcome of each record in them."""

    def start(
        self,
        run_id: str,
        now: datetime,
        *,
        direction: str,
        purpose: str,
        object_name: str,
        parent: str = "",
        message: str = "",
        file_name: str = "",
    ) -> Run:
        """Open a run; starting it again changes nothing. Return it."""
        self._write(
            "insert into runs (run_id, direction, purpose, object_name, parent, message, started_at, file_name) "
            "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (run_id) do nothing",
            (run_id, direction, purpose, object_name, parent, message, stamp(now), file_name),
        )
        run = self.get(run_id)
        assert run is not None
        return run

    def record(self, run_id: str, record_id: str, outcome: Outcome) -> None:
        """Note what became of a record; a later outcome replaces an earlier one, so nothing counts twice."""
        self._upsert(
            "run_records", ("run_id", "record_id"), {"run_id": run_id, "record_id": record_id, "outcome": outcome}
        )

    def call(self, run_id: str, call: Call, *, file_name: str = "") -> None:
        """Note how uploading or reading the run's file went, and its name if one is given."""
        self._write(
            "update runs set call = ?1, file_name = case ?2 when '' then file_name else ?2 end where run_id = ?3",
            (call, file_name, run_id),
        )

    def drop_waiting(self, run_id: str) -> None:
        """Nothing is expected any more of records that were noted as waiting: they do not count in the run."""
        self._write("delete from run_records where run_id = ? and outcome = 'waiting'", (run_id,))

    def close(self, run_id: str, now: datetime, *, message: str | None = None) -> Run | None:
        """End the run, with a last message if one is given; return it, None if there is no such run."""
        self._write(
            "update runs set ended_at = coalesce(ended_at, ?), message = coalesce(?, message) where run_id = ?",
            (stamp(now), message, run_id),
        )
        return self.get(run_id)

    def get(self, run_id: str) -> Run | None:
        row = self._one(_SELECT + "where run_id = ? group by run_id", (run_id,))
        return _run(row) if row else None

    def open_runs(self) -> list[Run]:
        """Return the runs that have not ended, oldest first."""
        rows = self._all(_SELECT + "where ended_at is null group by run_id order by started_at, run_id")
        return [_run(row) for row in rows]

    def of_record(self, record_id: str, direction: str) -> str | None:
        """Return the id of the latest open run of that direction that has an outcome of the record."""
        row = self._one(
            "select run_id from run_records join runs using (run_id) "
            "where record_id = ? and direction = ? and ended_at is null order by started_at desc limit 1",
            (record_id, direction),
        )
        return row["run_id"] if row else None

    def outcome(self, run_id: str, record_id: str) -> Outcome | None:
        """Return what became of the record in the run, None if nothing is known."""
        found: Outcome | None = self._value(
            "select outcome from run_records where run_id = ? and record_id = ?", (run_id, record_id)
        )
        return found

    def ids(self, run_id: str, *, outcome: Outcome | None = None, limit: int = 10_000) -> list[str]:
        """Return the ids of the run's records, in their own order, optionally of one outcome."""
        rows = self._all(
            "select record_id from run_records where run_id = :run and (:outcome is null or outcome = :outcome) "
            "order by record_id limit :limit",
            {"run": run_id, "outcome": outcome, "limit": limit},
        )
        return [row["record_id"] for row in rows]

    def prune(self, before: datetime) -> int:
        """Remove the runs that ended before that time, with their outcomes; return how many."""
        return self._write("delete from runs where ended_at < ?", (stamp(before),)).rowcount


def _run(row: Record) -> Run:
    ended = row["ended_at"]
    return Run(**row | {"started_at": moment(row["started_at"]), "ended_at": None if ended is None else moment(ended)})

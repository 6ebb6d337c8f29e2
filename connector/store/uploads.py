"""Files for AWS: each is kept with its bytes before it goes out, and with its records until AWS has answered.

A file's life::

    stored -> sent -> answered
                   -> released -> answered     (an admin deleted its log; a result may still come)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connector.errors import StaleRecord
from connector.store.codec import dump, moment, stamp
from connector.store.entries import Entries, Entry, entry_columns, entry_members
from connector.store.table import Record, Table

UploadStatus = Literal["stored", "sent", "answered", "released"]
FileOutcome = Literal["success", "error"]

# The bytes are read only where they are needed: up to a megabyte for each file.
_FACTS = "name, record_type, run_id, status, stored_at, sent_at, ended_at, log_id, told_at"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file.

    Attributes:
        name: its name in the bucket; with its bytes it never changes once AWS may have it.
        run_id: the run whose sync log is this file's.
        body: the bytes; empty once AWS has them for certain, and in listings that do not say otherwise.
        stored_at, sent_at, ended_at: aware UTC; ``ended_at`` is when it was answered, or released.
        log_id: Salesforce id of its sync log since AWS has the file; empty until it is written.
        told_at: when people were told that its result does not come; None if they were not.
    """

    name: str
    record_type: str
    run_id: str
    body: bytes = b""
    status: UploadStatus = "stored"
    stored_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    log_id: str = ""
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UploadRecord(Entry):
    """One record of a file: what went out, and what AWS said of it; None while it said nothing."""

    name: str = ""
    outcome: FileOutcome | None = None


class Uploads(Table):
    """Files by name, and by the records in them. A record is in one file at a time that waits for its result."""

    def store(self, upload: Upload, entries: Iterable[Entry], now: datetime) -> None:
        """Keep the file with its records, which wait for no other file any more: all of it or nothing.

        Raises StaleRecord when one of the records is in a file that waits for its result; nothing is kept then.
        """
        entries = tuple(entries)
        with self._transaction():
            self._refuse_in_flight(entries)
            self._write(
                "insert into uploads (name, record_type, run_id, body, status, stored_at) "
                "values (?, ?, ?, ?, 'stored', ?)",
                (upload.name, upload.record_type, upload.run_id, upload.body, stamp(now)),
            )
            for entry in entries:
                row = entry_columns(entry) | {"name": upload.name, "open": 1}
                self._upsert("upload_records", ("name", "record_id"), row)
                self._move_wait(entry, upload.run_id)
            Entries(self._handles).take(entries)

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another name that AWS certainly does not have: its own was taken by other bytes."""
        with self._transaction():
            self._write("update uploads set name = ? where name = ? and status = 'stored'", (new_name, name))

    def to_send(self, record_type: str, limit: int = 10) -> list[Upload]:
        """Return files, with their bytes, that AWS does not have for certain, oldest first."""
        rows = self._all(
            f"select {_FACTS}, body from uploads where status = 'stored' and record_type = ? "  # noqa: S608
            "order by stored_at, rowid limit ?",
            (record_type, limit),
        )
        return [_upload(row) for row in rows]

    def sent(self, name: str, now: datetime) -> None:
        """AWS has the file for certain: its bytes are not needed any more."""
        self._write(
            "update uploads set status = 'sent', sent_at = ?, body = x'' where name = ? and status = 'stored'",
            (stamp(now), name),
        )

    def conclude(self, name: str, record_id: str, outcome: FileOutcome) -> None:
        """AWS said what became of one record: it is no longer in flight."""
        self._write(
            "update upload_records set outcome = ?, open = 0 where name = ? and record_id = ?",
            (outcome, name, record_id),
        )

    def answered(self, name: str, now: datetime) -> None:
        """The file's result is worked off: none of its records is in flight, and what they held is removed."""
        with self._transaction():
            self._end(name, "answered", now)
            self._write(
                "update upload_records set entry = '{}', snapshot = '{}', record = '{}' where name = ?", (name,)
            )

    def released(self, name: str, now: datetime) -> None:
        """An admin does not wait for the result any more: its records may go out again. What they held stays, since
        a result may still come.
        """
        with self._transaction():
            self._end(name, "released", now)

    def get(self, name: str) -> Upload | None:
        """Return the file, with the bytes that are kept of it."""
        row = self._one(f"select {_FACTS}, body from uploads where name = ?", (name,))  # noqa: S608
        return _upload(row) if row else None

    def unanswered(self, record_type: str | None = None) -> list[Upload]:
        """Return the files that were sent and wait for their results, oldest first, without bytes."""
        rows = self._all(
            f"select {_FACTS} from uploads where status = 'sent' "  # noqa: S608
            "and (?1 is null or record_type = ?1) order by sent_at, rowid",
            (record_type,),
        )
        return [_upload(row) for row in rows]

    def of_record(self, record_id: str) -> tuple[Upload, UploadRecord] | None:
        """Return the file, without bytes, in which the record is in flight, and the record as it went out."""
        row = self._one("select * from upload_records where record_id = ? and open = 1", (record_id,))
        if row is None:
            return None
        upload = self._one(f"select {_FACTS} from uploads where name = ?", (row["name"],))  # noqa: S608
        assert upload is not None
        return _upload(upload), _record(row)

    def records(self, name: str) -> list[UploadRecord]:
        """Return the file's records, in the order of their ids."""
        return [
            _record(row) for row in self._all("select * from upload_records where name = ? order by record_id", (name,))
        ]

    def last_sent(self, record_id: str) -> datetime | None:
        """Return when the last file in which AWS took the record was sent, None where none is known."""
        found = self._value(
            "select max(sent_at) from uploads join upload_records using (name) "
            "where record_id = ? and outcome = 'success'",
            (record_id,),
        )
        return moment(found) if found else None

    def record_ids(self, run_id: str) -> list[str]:
        """Return the ids of all records that went out in the files of a run, in their own order."""
        rows = self._all(
            "select distinct record_id from upload_records join uploads using (name) "
            "where uploads.run_id = ? and status <> 'stored' order by record_id",
            (run_id,),
        )
        return [row["record_id"] for row in rows]

    def open_runs(self) -> set[str]:
        """Return the runs whose sync logs must stay: of files without a result."""
        rows = self._all("select run_id from uploads where status in ('stored', 'sent')")
        return {row["run_id"] for row in rows}

    def log_written(self, run_id: str, log_id: str) -> None:
        """The sync log of a file at AWS was written to Salesforce: when that row is deleted, somebody did it. Written
        again under another id, it was deleted before; the first id stays.
        """
        self._write(
            "update uploads set log_id = ? where run_id = ? and status = 'sent' and log_id = ''", (log_id, run_id)
        )

    def log_lost(self, name: str) -> None:
        """The sync log is not to be found, and nothing says that it was deleted: it is written anew."""
        self._write("update uploads set log_id = '' where name = ?", (name,))

    def told(self, name: str, now: datetime) -> None:
        """People know that the result does not come."""
        self._write("update uploads set told_at = ? where name = ?", (stamp(now), name))

    def recovered(self) -> list[Upload]:
        """Return the files whose results came after people were told that they do not."""
        rows = self._all(
            f"select {_FACTS} from uploads where status = 'answered' and told_at is not null order by name"  # noqa: S608
        )
        return [_upload(row) for row in rows]

    def untold(self, name: str) -> None:
        """People know that the result came."""
        self._write("update uploads set told_at = null where name = ?", (name,))

    def oldest_unanswered(self, record_type: str | None = None) -> datetime | None:
        """Return since when the file that waits longest for its result has been at AWS."""
        found = self._value(
            "select min(sent_at) from uploads where status = 'sent' and (?1 is null or record_type = ?1)",
            (record_type,),
        )
        return moment(found) if found else None

    def counts(self) -> dict[str, int]:
        """Return the number of files by status."""
        return {row["status"]: row["n"] for row in self._all("select status, count(*) n from uploads group by status")}

    def prune(self, before: datetime) -> int:
        """Forget the files that were answered or released before that time, with their records; return how many."""
        return self._write(
            "delete from uploads where status in ('answered', 'released') and ended_at < ?", (stamp(before),)
        ).rowcount

    def _end(self, name: str, status: UploadStatus, now: datetime) -> None:
        self._write(
            "update uploads set status = ?1, ended_at = ?2, body = x'', "
            "told_at = case ?1 when 'released' then null else told_at end where name = ?3 and status <> 'answered'",
            (status, stamp(now), name),
        )
        self._write("update upload_records set open = 0 where name = ?", (name,))

    def _move_wait(self, entry: Entry, run_id: str) -> None:
        """The record waits in the run of its file, not in the one that decided to send it."""
        self._write(
            "delete from run_records where run_id = ? and run_id <> ? and record_id = ? and outcome = 'waiting'",
            (entry.run_id, run_id, entry.record_id),
        )

    def _refuse_in_flight(self, entries: Iterable[Entry]) -> None:
        ids = dump([entry.record_id for entry in entries])
        row = self._one(
            "select record_id, name from upload_records "
            "where open = 1 and record_id in (select value from json_each(?)) limit 1",
            (ids,),
        )
        if row is not None:
            raise StaleRecord(
                f"record {row['record_id']} is in file {row['name']}, which has no result yet; it waits for that"
            )


def _upload(row: Record) -> Upload:
    times = {name: moment(row[name]) if row[name] else None for name in ("stored_at", "sent_at", "ended_at", "told_at")}
    return Upload(**row | times)


def _record(row: Record) -> UploadRecord:
    return UploadRecord(**entry_members(row), name=row["name"], outcome=row["outcome"])

"""Files of AWS: which were seen, which were read, and what is left of their records to work off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connector.store.codec import moment, stamp
from connector.store.table import Record, Table

DownloadStatus = Literal["listed", "taken", "unreadable", "finished"]
ArrivedStatus = Literal["waiting", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Download:
    """One file as it lay in the bucket; another content under the same key is another file.

    Attributes:
        key, etag: together they name it.
        name: the last part of the key.
        parent: the run that listed it.
        run_id: the run that read it; empty until then.
        status: ``listed``, ``taken`` (its records are kept here), ``unreadable``, ``finished``.
        reason: why it is unreadable.
        modified_at, listed_at, ended_at: aware UTC; when it was put there, last seen there, and finished.
    """

    key: str
    etag: str
    name: str
    record_type: str
    size: int
    modified_at: datetime
    parent: str
    run_id: str = ""
    status: DownloadStatus = "listed"
    reason: str = ""
    listed_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewArrival:
    """One record of a file, as it is to be kept. ``payload`` is its text as AWS wrote it."""

    position: int
    payload: str
    apn_id: str = ""
    partner_id: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record of a file. ``payload`` is empty after it was forgotten, or once AWS said something newer of it."""

    id: int
    key: str
    etag: str
    position: int
    record_type: str
    apn_id: str
    partner_id: str
    payload: str
    run_id: str
    status: ArrivedStatus


_ARRIVED = (
    "select arrived.id, arrived.key, arrived.etag, position, record_type, apn_id, partner_id, payload, run_id, "
    "arrived.status from arrived join downloads using (key, etag) "
)


class Downloads(Table):
    """Files by key and entity tag, and their records by number."""

    def listed(self, file: Download, now: datetime) -> bool:
        """Note that the file lies in the bucket; return whether it is to be read.

        One that is known is not, in whatever state it is; one that was finished is when it was put there again later.
        """
        with self._transaction():
            known = self.get(file.key, file.etag)
            if known is None or (known.status == "finished" and file.modified_at > known.modified_at):
                self._forget(file.key, file.etag)
                self._insert(file, now)
                return True
            self._write(
                "update downloads set listed_at = ? where key = ? and etag = ?", (stamp(now), file.key, file.etag)
            )
            return False

    def taken(self, key: str, etag: str, run_id: str, records: Iterable[NewArrival]) -> list[Arrived]:
        """Keep all records of a file that was read, each to be worked off for itself; return them in order.

        A file that was taken before stays as it is: its records are returned as they are now.
        """
        with self._transaction():
            changed = self._write(
                "update downloads set status = 'taken', run_id = ?, reason = '' "
                "where key = ? and etag = ? and status in ('listed', 'unreadable')",
                (run_id, key, etag),
            ).rowcount
            if changed:
                self._keep(key, etag, records)
            return self.records(key, etag)

    def get(self, key: str, etag: str) -> Download | None:
        row = self._one("select * from downloads where key = ? and etag = ?", (key, etag))
        return _download(row) if row else None

    def open(self, record_type: str | None = None) -> list[Download]:
        """Return the files that are to be read or are being worked off, in the order in which they were put there."""
        return self._of_status("('listed', 'taken')", record_type)

    def unreadables(self, record_type: str | None = None) -> list[Download]:
        """Return the files that cannot be read, in the order in which they were put there."""
        return self._of_status("('unreadable')", record_type)

    def arrived(self, arrived_id: int) -> Arrived | None:
        row = self._one(_ARRIVED + "where arrived.id = ?", (arrived_id,))
        return Arrived(**row) if row else None

    def records(self, key: str, etag: str, status: ArrivedStatus | None = None) -> list[Arrived]:
        """Return the records of a file in its order, optionally of one status."""
        rows = self._all(
            _ARRIVED + "where arrived.key = ?1 and arrived.etag = ?2 and (?3 is null or arrived.status = ?3) "
            "order by position",
            (key, etag, status),
        )
        return [Arrived(**row) for row in rows]

    def following(self, arrived: Arrived, limit: int) -> list[Arrived]:
        """Return a record and those that wait after it in its file, at most so many."""
        rows = self._all(
            _ARRIVED + "where arrived.key = ? and arrived.etag = ? and arrived.status = 'waiting' and position >= ? "
            "order by position limit ?",
            (arrived.key, arrived.etag, arrived.position, limit),
        )
        return [Arrived(**row) for row in rows]

    def counts(self, key: str, etag: str) -> dict[str, int]:
        """Return the number of a file's records by status."""
        rows = self._all(
            "select status, count(*) n from arrived where key = ? and etag = ? group by status", (key, etag)
        )
        return {row["status"]: row["n"] for row in rows}

    def open_of(self, record_type: str, apn_id: str) -> list[Arrived]:
        """Return what waits of one of AWS's records, oldest first."""
        rows = self._all(
            _ARRIVED + "where record_type = ? and apn_id = ? and arrived.status = 'waiting' order by arrived.id",
            (record_type, apn_id),
        )
        return [Arrived(**row) for row in rows]

    def last(self, record_type: str, apn_id: str) -> Arrived | None:
        """Return AWS's last word on one of its records, with its payload, concluded or not; None where none is kept."""
        row = self._one(
            _ARRIVED + "where record_type = ? and apn_id = ? and payload <> '' and arrived.status <> 'skipped' "
            "order by arrived.id desc limit 1",
            (record_type, apn_id),
        )
        return Arrived(**row) if row else None

    def amend(self, arrived_id: int, payload: str) -> None:
        """AWS's record is known to say something else by now than in its last file."""
        self._write("update arrived set payload = ? where id = ? and status <> 'waiting'", (payload, arrived_id))

    def conclude(self, arrived_id: int, status: ArrivedStatus) -> bool:
        """Note what became of a record; return whether its file is complete by that.

        Of AWS's records the last payload is kept, since nothing but a file says what AWS has; others are dropped.
        """
        with self._transaction():
            self._write("update arrived set status = ? where id = ?", (status, arrived_id))
            one = self.arrived(arrived_id)
            if one is None:
                return False
            self._drop_payloads(one)
            return self.is_complete(one.key, one.etag)

    def is_complete(self, key: str, etag: str) -> bool:
        """Whether the file was read and none of its records waits any more."""
        return bool(
            self._value(
                "select exists (select 1 from downloads where key = ?1 and etag = ?2 and status = 'taken') and "
                "not exists (select 1 from arrived where key = ?1 and etag = ?2 and status = 'waiting')",
                (key, etag),
            )
        )

    def unreadable(self, key: str, etag: str, reason: str, *, run_id: str = "") -> None:
        """The file is no list of records: it is not read again until its content changes or somebody asks for it."""
        self._write(
            "update downloads set status = 'unreadable', reason = ?, run_id = ? "
            "where key = ? and etag = ? and status = 'listed'",
            (reason, run_id, key, etag),
        )

    def repeat(self, key: str, etag: str) -> bool:
        """Let a file that cannot be read be read once more; return whether there is such a file."""
        changed = self._write(
            "update downloads set status = 'listed', reason = '' where key = ? and etag = ? and status = 'unreadable'",
            (key, etag),
        )
        return bool(changed.rowcount)

    def finished(self, key: str, etag: str, now: datetime) -> None:
        """All of the file is worked off and it is gone from the bucket, or is to be deleted when it is seen again."""
        self._write(
            "update downloads set status = 'finished', ended_at = ? where key = ? and etag = ?",
            (stamp(now), key, etag),
        )

    def forget(self, key: str, etag: str) -> None:
        """The file is gone, or was replaced, before it was read."""
        with self._transaction():
            self._forget(key, etag)

    def prune(self, before: datetime) -> int:
        """Forget files finished before that time, and ones that lie in the bucket no more since before it; return how
        many. What is being worked off stays, and so does AWS's last word on each record.
        """
        with self._transaction():
            self._write(
                "delete from arrived where payload = '' and status <> 'waiting' and exists (select 1 from downloads d "
                "where d.key = arrived.key and d.etag = arrived.etag and d.status = 'finished' and d.ended_at < ?)",
                (stamp(before),),
            )
            return self._write(
                "delete from downloads where (status = 'finished' and ended_at < ?1 and not exists "
                "(select 1 from arrived a where a.key = downloads.key and a.etag = downloads.etag)) "
                "or (status in ('listed', 'unreadable') and listed_at < ?1)",
                (stamp(before),),
            ).rowcount

    def _drop_payloads(self, one: Arrived) -> None:
        """Drop the payload of the record, and of what was concluded of AWS's record, but for the last that counted: one
        that waits may yet turn out to be older.
        """
        same = (
            "id in (select arrived.id from arrived join downloads using (key, etag) "
            "where apn_id = ?1 and apn_id <> '' and record_type = ?2)"
        )
        self._write(
            f"update arrived set payload = '' where payload <> '' and status <> 'waiting' and (id = ?3 or {same}) "  # noqa: S608
            f"and id <> coalesce((select max(id) from arrived where {same} and payload <> '' "
            "and status in ('done', 'failed')), 0)",
            (one.apn_id, one.record_type, one.id),
        )

    def _of_status(self, statuses: str, record_type: str | None) -> list[Download]:
        rows = self._all(
            f"select * from downloads where status in {statuses} "  # noqa: S608 - our own text
            "and (?1 is null or record_type = ?1) order by modified_at, key",
            (record_type,),
        )
        return [_download(row) for row in rows]

    def _insert(self, file: Download, now: datetime) -> None:
        self._write(
            "insert into downloads (key, etag, name, record_type, size, modified_at, parent, status, listed_at) "
            "values (?, ?, ?, ?, ?, ?, ?, 'listed', ?)",
            (
                file.key,
                file.etag,
                file.name,
                file.record_type,
                file.size,
                stamp(file.modified_at),
                file.parent,
                stamp(now),
            ),
        )

    def _keep(self, key: str, etag: str, records: Iterable[NewArrival]) -> None:
        for one in records:
            self._write(
                "insert into arrived (key, etag, position, apn_id, partner_id, payload, status) "
                "values (?, ?, ?, ?, ?, ?, 'waiting')",
                (key, etag, one.position, one.apn_id, one.partner_id, one.payload),
            )

    def _forget(self, key: str, etag: str) -> None:
        self._write("delete from downloads where key = ? and etag = ?", (key, etag))


def _download(row: Record) -> Download:
    return Download(
        **row
        | {
            "modified_at": moment(row["modified_at"]),
            "listed_at": moment(row["listed_at"]),
            "ended_at": moment(row["ended_at"]) if row["ended_at"] else None,
        }
    )

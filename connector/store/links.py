"""The links: which Salesforce record is which AWS opportunity, and what both sides looked like when last seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from connector.ace.record import Value, from_json, to_json
from connector.errors import DuplicateValue, Problem
from connector.store.codec import dump, load
from connector.store.table import Record, Table

Origin = Literal["partner", "aws"]
Status = Literal["new", "linked", "held", "tombstone"]

CLOSED_STAGES = ("Launched", "Closed Lost")
"""Partner Central stages after which AWS's summary is not asked for again by rotation."""

_JSON = ("row", "seen", "written", "aws", "summary", "failed_snapshot", "locked")
_CANONICAL = ("applied", "pending_applied")
_FLAGS = ("requested", "apn_id_written")


@dataclass(slots=True)
class Link:
    """What is known of one Salesforce record and its counterpart at AWS.

    Attributes:
        record_id: 18-character Salesforce id.
        object_name: API name of the Salesforce object.
        apn_id: AWS's opportunity id, None while there is none; at most one link has it.
        origin: the side where the opportunity began.
        status: ``tombstone`` marks a record that was deleted in Salesforce and must never come back.
        hold_reason: why it is held; empty otherwise.
        generation: counts definite refusals of a create; part of its token.
        review_status, stage: AWS's, as last seen; empty while unknown.
        row: the Salesforce row as last observed, numbers as ``Decimal`` or ``int``; None before the first look.
        seen: mapped fields as last handled, by name.
        written: mapped fields as we last wrote them to Salesforce, by name.
        modstamp: SystemModstamp of the row last observed.
        aws, summary: AWS's last answers; None before the first.
        aws_modified: AWS's LastModifiedDate as last brought towards Salesforce.
        summarised_at: when the summary was last asked for, ISO 8601 UTC; empty for never.
        rounds: how often the record went back and forth without a person's edit.
        failures: refusals in a row of the same content.
        first_failure: when the first of them was, ISO 8601 UTC.
        failed_snapshot: the content that was refused.
        requested: a person asked for it to go out.
        apn_id_written: Salesforce carries the id as well.
        applied: AWS's side as Salesforce was last brought to, as a canonical record; None while unknown.
        pending_applied: what ``applied`` becomes once the writes that wait have arrived.
        locked: mapped fields with an edit that AWS does not take in the present state, by path.
    """

    record_id: str
    object_name: str
    apn_id: str | None = None
    origin: Origin = "partner"
    status: Status = "new"
    hold_reason: str = ""
    generation: int = 0
    review_status: str = ""
    stage: str = ""
    row: dict[str, Any] | None = None
    seen: dict[str, str | None] = field(default_factory=dict)
    written: dict[str, str | None] = field(default_factory=dict)
    modstamp: str = ""
    aws: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    aws_modified: str = ""
    summarised_at: str = ""
    rounds: int = 0
    failures: int = 0
    first_failure: str | None = None
    failed_snapshot: dict[str, Any] | None = None
    requested: bool = False
    apn_id_written: bool = False
    applied: dict[str, Value] | None = None
    pending_applied: dict[str, Value] | None = None
    locked: dict[str, str | None] = field(default_factory=dict)

    def confirm_applied(self) -> None:
        """Salesforce has what AWS said."""
        if self.pending_applied is not None:
            self.applied, self.pending_applied = self.pending_applied, None


class Links(Table):
    """Links by record id and by AWS id."""

    def get(self, record_id: str) -> Link | None:
        row = self._one("select * from links where record_id = ?", (record_id,))
        return _link(row) if row else None

    def require(self, record_id: str) -> Link:
        """Return the link of a record that is known to have one. Raises KeyError otherwise."""
        link = self.get(record_id)
        if link is None:
            raise KeyError(record_id)
        return link

    def by_apn(self, apn_id: str) -> Link | None:
        """Return the link that has the AWS id, whatever its case, tombstones included."""
        row = self._one("select * from links where apn_id = ?", (apn_id,))
        return _link(row) if row else None

    def save(self, link: Link) -> None:
        """Store the link as it is now.

        Raises DuplicateValue when another link has its AWS id, ValueError when the record id is not of 18 characters
        (with the short form one record would have two links).
        """
        if len(link.record_id) != 18:
            raise ValueError(f"record id {link.record_id!r} is not of 18 characters; convert it before linking")
        try:
            self._upsert("links", ("record_id",), _columns(link))
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            raise DuplicateValue((_taken(link),)) from error

    def delete(self, record_id: str) -> None:
        self._write("delete from links where record_id = ?", (record_id,))

    def iterate(
        self, *, status: Status | None = None, object_name: str | None = None, batch: int = 500, after: str = ""
    ) -> Iterator[Link]:
        """Yield the links in the order of their ids behind ``after``, holding ``batch`` of them in memory.

        Links may be saved or deleted meanwhile; one that is added behind the walk is not met.
        """
        last = after
        while rows := self._all(
            "select * from links where record_id > :last and (:status is null or status = :status) "
            "and (:object is null or object_name = :object) order by record_id limit :batch",
            {"last": last, "status": status, "object": object_name, "batch": batch},
        ):
            yield from map(_link, rows)
            last = rows[-1]["record_id"]

    def count(self, status: Status | None = None) -> int:
        return int(
            self._value("select count(*) from links where :status is null or status = :status", {"status": status})
        )

    def summary_rotation(self, limit: int, before: str) -> list[Link]:
        """Return up to ``limit`` linked opportunities whose stage is open and whose summary was last asked for earlier
        than ``before`` (ISO 8601 UTC, spelled as in :meth:`summarised`), longest ago first. Leads have ids of their own
        form, and no summary."""
        rows = self._all(
            "select * from links where status = 'linked' and apn_id like 'O%' and summarised_at < ? "
            "and stage not in (select value from json_each(?)) order by summarised_at, record_id limit ?",
            (before, dump(CLOSED_STAGES), limit),
        )
        return [_link(row) for row in rows]

    def summarised(self, record_id: str, at: str) -> None:
        """Note that the summary was asked for, also when the answer was an error, so that the rotation moves on."""
        self._write("update links set summarised_at = ? where record_id = ?", (at, record_id))


def _columns(link: Link) -> Record:
    row = {name: getattr(link, name) for name in Link.__slots__}
    for name in _JSON:
        row[name] = None if row[name] is None else dump(row[name])
    for name in _CANONICAL:
        row[name] = None if row[name] is None else dump(to_json(row[name]))
    for name in _FLAGS:
        row[name] = int(row[name])
    return row


def _link(row: Record) -> Link:
    for name in _JSON:
        row[name] = None if row[name] is None else load(row[name])
    for name in _CANONICAL:
        row[name] = None if row[name] is None else from_json(load(row[name]))
    for name in _FLAGS:
        row[name] = bool(row[name])
    return Link(**row)


def _taken(link: Link) -> Problem:
    return Problem(
        code="APN_ID_TAKEN",
        field="apnCrmUniqueIdentifier",
        value=link.apn_id or "",
        rule=f"another Salesforce record is linked to this opportunity, so {link.record_id} cannot be.",
        remedy="Use the record that holds the id, or clear the id on the copy.",
    )

"""One record's turn towards Salesforce: what AWS changed since it was last applied is written, a person's unsent
edit wins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.ace import api_shape, lifecycle
from connector.ace.catalogue import Owner
from connector.ace.record import AceRecord
from connector.ace.text import same
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem, RecordRejected
from connector.mapping.currency import foreign_amounts
from connector.mapping.fallbacks import Used
from connector.mapping.inbound import WARNINGS, to_salesforce
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.sync import logs
from connector.sync.adoption import find_link, restore_seen
from connector.sync.arrival import Arrival, as_applied, canonical, fetch, referral_facts, remember
from connector.sync.base import UNDER_WAY, is_unfinished, mark_applied
from connector.sync.corrections import corrected
from connector.sync.creation import create_record
from connector.sync.edits import changed_at_aws, conflict_note, conflicting, differing_paths
from connector.sync.engine import Engine
from connector.sync.exclusion import excluded, leave_out
from connector.sync.fallbacks import fallback_note, with_stand_ins
from connector.sync.observe import require_settled
from connector.sync.ports import Row
from connector.sync.problems import invisible
from connector.sync.queueing import enqueue_inbound, enqueue_outbound
from connector.sync.referral_links import adopt_referral
from connector.sync.referral_notes import LAPSED, REMINDER
from connector.sync.related_exchange import referred
from connector.sync.related_retries import refusals
from connector.sync.related_values import (
    RelatedWrite,
    our_own,
    plan_related,
    reaches_related,
    require_related_settled,
)
from connector.sync.writeback import SERVER_TIME, bury, put, put_related

FOLLOWS = frozenset({"lastModifiedDate"})
"""What moves with every write, ours included: alone it is no news to be told."""


def receive(engine: Engine, apn_id: str, run_id: str, *, fresh: bool = False) -> None:
    """Bring Salesforce to what AWS says of the opportunity; ``fresh`` reads the row again instead of using the
    observed one.

    Raises:
        RecordRejected: Salesforce's row cannot take the values; logged already by the caller with its payload.
    """
    arrival = fetch(engine, apn_id)
    if is_dummy_identifier(str(arrival.answer.get("PartnerOpportunityIdentifier") or "")):
        return None
    link = find_link(engine, apn_id, arrival.answer)
    if link is None:
        link, arrival = adopt_referral(engine, arrival)
    if link is not None and link.status == "tombstone":
        return None
    if leave_out(engine, arrival, link, run_id):
        return None
    if link is None and engine.state.backfills.is_barred(apn_id):
        return None
    if link is None:
        return create_record(engine, arrival, run_id)
    row = row_for(engine, link, arrival, fresh=fresh)
    if row is None:
        return None
    return apply(engine, link, row, arrival, run_id)


def row_for(engine: Engine, link: Link, arrival: Arrival, *, fresh: bool) -> Row | None:
    """Return the row that what AWS says is worked out from: as it was observed where that is enough, otherwise read.
    None where it was deleted, which buries the link.
    """
    row = None if fresh else observed_row(engine, link, arrival.record)
    return row or read_row(engine, link)


def observed_row(engine: Engine, link: Link, record: AceRecord) -> Row | None:
    """Return the row as it was observed, if what AWS says can be worked out from it."""
    if not link.row or not link.modstamp or reaches_related(engine, link, link.row, record):
        return None
    return link.row


def read_row(engine: Engine, link: Link) -> Row | None:
    """Return the row as it is now; a deleted one buries the link.

    Raises:
        Deferred: the row is so fresh that a later edit may bear the same time, and no guard would tell.
    """
    row = engine.salesforce.rows(link.object_name, [link.record_id], engine.row_fields()).get(link.record_id)
    if row is None:
        if link.record_id in engine.salesforce.deleted(link.object_name, [link.record_id]):
            bury(engine, link)
            return None
        raise RecordRejected((invisible(link),))
    require_settled(engine, row)
    require_related_settled(engine, row)
    link.row = row
    engine.state.links.save(link)
    return row


def apply(engine: Engine, link: Link, row: Row, arrival: Arrival, run_id: str) -> None:
    """Queue what AWS changed for the record, release what waited for AWS, and remember both sides."""
    if link.applied is None:
        restore_seen(engine, link, row, arrival.record, arrival.answer)
    _agree(engine, link, row, arrival.record)
    change = _change(engine, link, row, arrival.record)
    status = link.review_status
    with engine.state.transaction():
        remember(engine, link, arrival)
        _keep_unapplied(link, change)
        _queue(engine, link, row, change, stamped=bool(change.changed))
        _release(engine, link, status_before=status)
        _tell(engine, link, arrival, change, run_id)


def _tell(engine: Engine, link: Link, arrival: Arrival, change: _Change, run_id: str) -> None:
    alarm = _alarm(arrival)
    if any(problem.code not in WARNINGS for problem in change.problems):
        logs.log_problems(engine, run_id, link, (*change.problems, *alarm), payload=arrival.logged)
    elif change.changed - FOLLOWS or (arrival.by_file and not arrival.again):
        # Of a file each record is told, also one that brings nothing new.
        note = _note(engine, change, arrival.record, arrival.note)
        remaining, kept = (*change.problems, *alarm), _not_arrived(engine, link, change)
        kept = kept if change.changed - FOLLOWS else kept | _told(engine, link, WARNINGS)
        kept = kept | _told(engine, link, {REMINDER, LAPSED}) if arrival.by_file else kept
        logs.log_success(engine, run_id, link, arrival.logged, note, remaining=remaining, keep=kept)
    else:
        _resolve_written(engine, link, alarm, run_id)
        for problem in alarm:
            logs.note_problem(engine, run_id, link, problem)


def _not_arrived(engine: Engine, link: Link, change: _Change) -> frozenset[tuple[str, str]]:
    """Return why values that are offered to related records again were refused before: told until they arrive."""
    offered = {f"{write.relationship}.{name}" for write in change.related for name in write.values}
    names = _named(engine, frozenset(offered), dict.fromkeys(change.changed))
    return frozenset(one for one in refusals(engine, link.record_id, names) if one[0] not in WARNINGS)


def _resolve_written(engine: Engine, link: Link, alarm: tuple[Problem, ...], run_id: str) -> None:
    """All that AWS says is in Salesforce, by whatever way: what could not be written before is not open any more.
    What was written but for a part of it stays told.
    """
    kept = _told(engine, link, WARNINGS) | {(one.code, one.field) for one in alarm}
    logs.resolve(engine, link.record_id, run_id, keep=kept)


def _told(engine: Engine, link: Link, codes: Collection[str]) -> frozenset[tuple[str, str]]:
    """Return the reasons of these codes that are open for the record."""
    told = engine.state.problems.open_for(link.record_id)
    return frozenset((one.code, one.field) for one in told if one.code in codes)


def _note(engine: Engine, change: _Change, record: AceRecord, corrected_values: str) -> str:
    overridden = {name: record.get(name) for name in change.conflicts}
    notes = (conflict_note(engine.mapping, overridden), corrected_values, fallback_note(change.used))
    return " ".join(note for note in notes if note)


def _agree(engine: Engine, link: Link, row: Row, at_aws: AceRecord) -> None:
    """Where both sides have come to say the same, by whatever way, no edit waits any more."""
    record, _ = engine.to_ace(row)
    snap = snapshot(engine.mapping, row)
    if not link.seen and link.applied is not None:
        # AWS decided before the first share came to its end: what was edited meanwhile is still to be sent.
        edits = differing_paths(engine, link.applied, row)
        link.seen = {path: UNDER_WAY if path in edits else text for path, text in snap.items()}
    alike = {
        field.path
        for field in engine.mapping.fields
        if field.ace_field in record
        and field.ace_field in at_aws
        and same(record[field.ace_field], at_aws[field.ace_field])
    }
    known = {**referred(engine, row), **link.seen} if link.seen else {}
    link.seen = {**known, **{path: snap[path] for path in alike}}
    link.written = {path: text for path, text in link.written.items() if path not in alike}
    link.locked = {path: text for path, text in link.locked.items() if path not in alike}


def apply_known(engine: Engine, link: Link, *, sharing: bool) -> None:
    """Queue what AWS changed by itself, as its answers in the state show it: after a turn towards AWS no further call
    is needed.

    Args:
        sharing: the turn shared the record. What AWS filled in then is part of the share, and no news of its own.
    """
    if link.row is None or link.aws is None:
        return
    # Without a summary nothing is known of AWS's view, which is not the same as knowing it to be empty.
    at_aws = canonical(link.aws, link.summary) if link.summary else api_shape.from_get(link.aws)
    at_aws |= referral_facts(engine, link.apn_id or "")
    record, corrections = corrected(engine, link.apn_id or "", at_aws)
    if excluded(engine, record):
        return
    change = _change(engine, link, link.row, record)
    if change.related or (not link.modstamp and _touches_people(engine, change.values)):
        # The row was written since, or read within its second: no guard made from it would tell of a person's edit.
        # Of related records the row never tells when they were last modified but as it was read.
        enqueue_inbound(engine, link.apn_id or "", "", fresh=True)
        return
    link.pending_applied = as_applied(engine, link, record)
    mark_applied(link, link.aws)
    _keep_unapplied(link, change)
    _queue(engine, link, link.row, change, stamped=False)
    if _touches_people(engine, change.values) and not sharing:
        # A colleague's change that a turn towards AWS met came in by it (LOG-24).
        run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
        logs.log_success(engine, run_id, link, link.aws, _note(engine, change, record, corrections))


@dataclass(frozen=True, slots=True)
class _Change:
    """What AWS's record brings to a Salesforce record.

    Attributes:
        changed: ACE fields of which Salesforce was last brought to another value.
        conflicts: those of them that give way to a person's edit, with their paths.
        values: what the record itself is to be given, by field.
        related: what related records are to be given.
        problems: what could not be translated, or has no record to go to.
        used: stand-ins for what AWS left empty.
    """

    changed: frozenset[str]
    conflicts: Mapping[str, str]
    values: dict[str, Any]
    related: tuple[RelatedWrite, ...]
    problems: tuple[Problem, ...]
    used: tuple[Used, ...]


def _change(engine: Engine, link: Link, row: Row, record: AceRecord) -> _Change:
    waiting = _waiting_paths(engine, link)
    changed = changed_at_aws(link.applied or {}, record) | _named(engine, waiting, record)
    conflicts = _conflicts(engine, link, row, changed)
    foreign = foreign_amounts(engine.mapping, row, record, changed - set(conflicts))
    wanted = changed - set(conflicts) - {problem.field for problem in foreign}
    filled = with_stand_ins(engine, record, only=wanted)
    values, problems = to_salesforce(
        engine.mapping, filled.record, engine.describe(), only=wanted, creating=False, catalogue=engine.catalogue
    )
    related, refused = plan_related(engine, row, filled.record, wanted, waiting)
    return _Change(
        frozenset(changed),
        conflicts,
        _missing_values(engine, row, values, waiting),
        related,
        (*problems, *refused, *foreign, *filled.problems),
        tuple(filled.used),
    )


def _conflicts(engine: Engine, link: Link, row: Row, changed: set[str]) -> dict[str, str]:
    writable = {field.ace_field for field in engine.mapping.fields if field.inbound}
    found = conflicting(engine, link, row, changed & writable)
    ours = our_own(engine, row, found.values())
    return {name: path for name, path in found.items() if path not in ours}


def _waiting_paths(engine: Engine, link: Link) -> frozenset[str]:
    """Fields with a value that waits to be written: where AWS took it back meanwhile, it must not arrive."""
    waiting = engine.state.writebacks.get(link.record_id)
    related = engine.state.writebacks.of_parent(link.record_id)
    return frozenset(waiting.values if waiting else ()) | {
        f"{one.relationship}.{name}" for one in related for name in one.values
    }


def _named(engine: Engine, paths: frozenset[str], record: AceRecord) -> set[str]:
    return {field.ace_field for field in engine.mapping.fields if field.path in paths and field.ace_field in record}


def _missing_values(engine: Engine, row: Row, values: Mapping[str, Any], waiting: frozenset[str]) -> dict[str, Any]:
    """Return the values that the row does not have already, or would lose to one that waits."""
    before, after = snapshot(engine.mapping, row), snapshot(engine.mapping, {**row, **values})
    return {
        name: value
        for name, value in values.items()
        if name in waiting or name not in after or before.get(name) != after[name]
    }


def _keep_unapplied(link: Link, change: _Change) -> None:
    """What could not be written stays to be applied: a corrected mapping, a lookup that is filled, brings it in. What
    gave way to a person's edit stays so, too, should the edit never reach AWS.
    """
    told = {problem.field for problem in change.problems if problem.code != "TEXT_CUT"}
    for name in told.union(change.conflicts):
        if link.pending_applied is not None:
            link.pending_applied[name] = (link.applied or {}).get(name)


def _queue(engine: Engine, link: Link, row: Row, change: _Change, *, stamped: bool) -> None:
    values = change.values
    own: dict[str, Any] = {}
    stamped = stamped and not is_unfinished(engine, link, link.aws)
    if not row.get(engine.names.apn_id) and link.status != "held":
        own[engine.names.apn_id] = link.apn_id
    if stamped:
        own[engine.names.last_sync_date] = SERVER_TIME
    guard = _modified(row) if _touches_people(engine, values) else None
    if not values and not change.related:
        link.confirm_applied()
    engine.state.links.save(link)
    for write in change.related:
        put_related(engine, link, write)
    if values or own:
        put(engine, link, {**values, **own}, guard=guard)


def _touches_people(engine: Engine, values: Mapping[str, Any]) -> bool:
    people = {f.path for f in engine.mapping.fields if engine.catalogue[f.ace_field].owner is Owner.PARTNER}
    return any(name in people for name in values)


def _modified(row: Row) -> datetime:
    return datetime.fromisoformat(row["LastModifiedDate"])


def _release(engine: Engine, link: Link, *, status_before: str) -> None:
    """AWS decided: edits that waited for it go out, edits that it refused to take are tried again."""
    if lifecycle.locked(link.review_status):
        return
    engine.state.queue.release(link.record_id, engine.now())
    if status_before != link.review_status and link.locked:
        link.locked = {}
        engine.state.links.save(link)
        enqueue_outbound(engine, link, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))


def _alarm(arrival: Arrival) -> tuple[Problem, ...]:
    members = arrival.answer.get("UnknownMembers") or ()
    if not members:
        return ()
    problem = Problem(
        "UNKNOWN_MEMBERS",
        "",
        ", ".join(members),
        "AWS's record has members that this release does not know.",
        "Update the connector; until then updates of this record wait for an admin's word.",
    )
    return (problem,)

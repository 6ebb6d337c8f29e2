"""One opportunity's turn towards Salesforce: what AWS changed since it was last applied is written, a person's unsent
edit wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.ace import api_shape, lifecycle
from connector.ace.catalogue import Owner, opportunity_fields
from connector.ace.record import AceRecord, Value
from connector.ace.text import same
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem, RecordRejected
from connector.mapping.currency import foreign_amounts
from connector.mapping.inbound import to_salesforce
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.outbound import snapshot, to_ace
from connector.store.links import Link
from connector.sync import logs
from connector.sync.adoption import find_link, restore_seen
from connector.sync.base import UNDER_WAY, is_unfinished, mark_applied, remember_answer
from connector.sync.engine import Engine
from connector.sync.observe import require_settled
from connector.sync.ports import Json, Row
from connector.sync.problems import invisible
from connector.sync.queueing import enqueue_inbound, enqueue_outbound
from connector.sync.writeback import SERVER_TIME, bury, put


@dataclass(frozen=True, slots=True)
class Arrival:
    """AWS's two answers about one opportunity, and both as one canonical record."""

    answer: Json
    summary: Json
    record: dict[str, Value]


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
        return create_record(engine, arrival, run_id)
    if link.status == "tombstone":
        return None
    row = link.row if link.row and link.modstamp and not fresh else read_row(engine, link)
    if row is None:
        return None
    return apply(engine, link, row, arrival, run_id)


def fetch(engine: Engine, apn_id: str) -> Arrival:
    """Read both of AWS's views: an event or a date does not say which of them changed."""
    answer = engine.partner_central.get_opportunity(apn_id)
    summary = engine.partner_central.get_aws_opportunity_summary(apn_id)
    return Arrival(answer, summary, _canonical(answer, summary))


def _canonical(answer: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Value]:
    """Return both views as one record. What goes out with the submission AWS leaves out until then, which says nothing
    of its value.
    """
    fields = opportunity_fields()
    view = api_shape.from_summary(summary)
    known = {name: value for name, value in view.items() if value is not None or not fields[name].submit}
    return {**known, **api_shape.from_get(answer)}


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
    link.row = row
    engine.state.links.save(link)
    return row


def apply(engine: Engine, link: Link, row: Row, arrival: Arrival, run_id: str) -> None:
    """Queue what AWS changed for the record, release what waited for AWS, and remember both sides."""
    if link.applied is None:
        restore_seen(engine, link, row, arrival.record, arrival.answer)
    _agree(engine, link, row, arrival.record)
    waiting = _waiting_paths(engine, link)
    changed = changed_at_aws(link.applied or {}, arrival.record) | _named(engine, waiting, arrival.record)
    conflicts = conflicting(engine, link, row, changed)
    values, problems = _translated(engine, row, arrival.record, changed - set(conflicts))
    values = _missing_values(engine, row, values, waiting)
    status = link.review_status
    with engine.state.transaction():
        _remember(engine, link, arrival)
        _keep_unapplied(link, problems, values, engine)
        _keep_conflicting(link, conflicts)
        _queue_values(engine, link, row, values, changed=bool(changed))
        _release(engine, link, status_before=status)
        alarm = _alarm(arrival)
        if problems:
            logs.log_problems(engine, run_id, link, (*problems, *alarm), payload=arrival.answer)
        elif changed:
            note = conflict_note(engine.mapping, {name: arrival.record.get(name) for name in conflicts})
            logs.log_success(engine, run_id, link, arrival.answer, note, remaining=alarm)
        else:
            for problem in alarm:
                logs.note_problem(engine, run_id, link, problem)


def _agree(engine: Engine, link: Link, row: Row, at_aws: AceRecord) -> None:
    """Where both sides have come to say the same, by whatever way, no edit waits any more."""
    record, _ = to_ace(engine.mapping, row, engine.catalogue)
    snap = snapshot(engine.mapping, row)
    if not link.seen and link.applied is not None:
        # AWS decided before the first share came to its end: what was edited meanwhile is still to be sent.
        edits = _differing(engine, link.applied, row)
        link.seen = {path: UNDER_WAY if path in edits else text for path, text in snap.items()}
    alike = {
        field.path
        for field in engine.mapping.fields
        if field.ace_field in record
        and field.ace_field in at_aws
        and same(record[field.ace_field], at_aws[field.ace_field])
    }
    link.seen = {**link.seen, **{path: snap[path] for path in alike}}
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
    record = _canonical(link.aws, link.summary) if link.summary else api_shape.from_get(link.aws)
    waiting = _waiting_paths(engine, link)
    changed = changed_at_aws(link.applied or {}, record) | _named(engine, waiting, record)
    conflicts = conflicting(engine, link, link.row, changed)
    values, problems = _translated(engine, link.row, record, changed - set(conflicts))
    values = _missing_values(engine, link.row, values, waiting)
    if not link.modstamp and _touches_people(engine, values):
        # The row was written since, or read within its second: no guard made from it would tell of a person's edit.
        enqueue_inbound(engine, link.apn_id or "", "", fresh=True)
        return
    link.pending_applied = record
    mark_applied(link, link.aws)
    _keep_unapplied(link, problems, values, engine)
    _keep_conflicting(link, conflicts)
    _queue_values(engine, link, link.row, values, changed=False)
    if _touches_people(engine, values) and not sharing:
        # A colleague's change that a turn towards AWS met came in by it (LOG-24).
        logs.log_success(engine, logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS), link, link.aws)


def _translated(
    engine: Engine, row: Row, record: AceRecord, wanted: set[str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the wanted fields as Salesforce values, and those that this row cannot take."""
    foreign = foreign_amounts(engine.mapping, row, record, wanted)
    only = wanted - {problem.field for problem in foreign}
    values, problems = to_salesforce(engine.mapping, record, engine.describe(), only=only, creating=False)
    return values, (*problems, *foreign)


def changed_at_aws(applied: AceRecord, now: AceRecord) -> set[str]:
    """Return the ACE fields whose value at AWS is not the one that Salesforce was last brought to."""
    return {name for name, value in now.items() if not same(applied.get(name), value)}


def user_edits(engine: Engine, link: Link, row: Mapping[str, Any]) -> set[str]:
    """Return the mapped paths that differ both from what was last seen and from what we last wrote, and those where a
    write of ours is in doubt.

    While a record is shared for the first time it was not seen as a whole yet: what it was created with at AWS counts
    instead.
    """
    if link.applied is not None and (not link.seen or _first_share(engine, link)):
        return _differing(engine, link.applied, row)
    snap = snapshot(engine.mapping, row)
    differing = {
        path
        for path, value in snap.items()
        if value != link.seen.get(path) and (path not in link.written or value != link.written[path])
    }
    return differing | _doubtful_paths(engine, link, row)


def _first_share(engine: Engine, link: Link) -> bool:
    share = engine.state.shares.get(link.record_id)
    return share is not None and bool(share.create_request)


def _differing(engine: Engine, applied: AceRecord, row: Mapping[str, Any]) -> set[str]:
    record, _ = to_ace(engine.mapping, row, engine.catalogue)
    return {
        field.path
        for field in engine.mapping.fields
        if field.ace_field in record and not same(applied.get(field.ace_field), record[field.ace_field])
    }


def conflicting(engine: Engine, link: Link, row: Row, changed: set[str]) -> dict[str, str]:
    """Return ACE field → Salesforce path of the changes that meet a person's edit which AWS has not got yet: the edit
    wins.
    """
    edits = user_edits(engine, link, row)
    record, _ = to_ace(engine.mapping, row, engine.catalogue)
    return {
        field.ace_field: field.path
        for field in engine.mapping.fields
        if field.ace_field in changed
        and field.path in edits
        and engine.catalogue[field.ace_field].owner is Owner.PARTNER
        and field.ace_field in record
    }


def _doubtful_paths(engine: Engine, link: Link, row: Mapping[str, Any]) -> set[str]:
    """Paths of a write of ours whose outcome is unknown, on a row that a person touched since: what stands there may
    be their word.
    """
    if not link.written or row.get("LastModifiedById") in engine.settings.integration_users:
        return set()
    return set(link.written)


def _waiting_paths(engine: Engine, link: Link) -> frozenset[str]:
    """Fields with a value that waits to be written: where AWS took it back meanwhile, it must not arrive."""
    waiting = engine.state.writebacks.get(link.record_id)
    return frozenset(waiting.values) if waiting else frozenset()


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


def _remember(engine: Engine, link: Link, arrival: Arrival) -> None:
    link.summary, link.summarised_at = arrival.summary, engine.now().isoformat()
    link.pending_applied = dict(arrival.record)
    mark_applied(link, arrival.answer)
    remember_answer(engine, link, arrival.answer)


def _keep_unapplied(link: Link, problems: tuple[Problem, ...], values: Mapping[str, Any], engine: Engine) -> None:
    """A value that could not be translated stays to be applied: a corrected mapping brings it in."""
    path = {field.ace_field: field.path for field in engine.mapping.fields}
    for problem in problems:
        if link.pending_applied is not None and path.get(problem.field) not in values:
            link.pending_applied[problem.field] = (link.applied or {}).get(problem.field)


def _keep_conflicting(link: Link, conflicts: Mapping[str, str]) -> None:
    """What gave way to a person's edit stays to be applied, should the edit never reach AWS."""
    for name in conflicts:
        if link.pending_applied is not None:
            link.pending_applied[name] = (link.applied or {}).get(name)


def _queue_values(engine: Engine, link: Link, row: Row, values: dict[str, Any], *, changed: bool) -> None:
    own: dict[str, Any] = {}
    changed = changed and not is_unfinished(engine, link, link.aws)
    if not row.get(engine.names.apn_id):
        own[engine.names.apn_id] = link.apn_id
    if changed:
        own[engine.names.last_sync_date] = SERVER_TIME
    guard = _modified(row) if _touches_people(engine, values) else None
    if not values:
        link.confirm_applied()
    engine.state.links.save(link)
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


def conflict_note(mapping: FieldMap, overridden: AceRecord) -> str:
    """Return in words which changes of AWS's gave way to a person's edit (IN-25); ``overridden`` holds AWS's values."""
    parts = [
        f"{field.ace_field}: AWS changed it to {overridden[field.ace_field]!s} while an edit of {field.path} was not "
        "sent yet; the edit is kept."
        for field in mapping.fields
        if field.ace_field in overridden
    ]
    return " ".join(parts)


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


def create_record(engine: Engine, arrival: Arrival, run_id: str) -> None:
    """Create the Salesforce record of an opportunity that a colleague made in Partner Central (IN-05), by its AWS
    identifier.
    """
    apn_id = str(arrival.answer["Id"])
    describe = engine.describe()
    values, problems = to_salesforce(engine.mapping, arrival.record, describe, only=None, creating=True)
    provisional = Link(record_id=apn_id, object_name=engine.mapping.object_name, apn_id=None)
    if problems and not values:
        raise RecordRejected(problems)
    row = {**values, **_own_values(engine, apn_id, arrival)}
    outcome = engine.salesforce.upsert(engine.mapping.object_name, engine.names.apn_id, [row])[0]
    if outcome.error is not None:
        if isinstance(outcome.error, RecordRejected):
            logs.log_problems(engine, run_id, provisional, outcome.error.problems, payload=arrival.answer)
            return
        raise outcome.error
    _link_created(engine, outcome.id, row, arrival, run_id)
    if problems:
        for problem in problems:
            logs.note_problem(engine, run_id, engine.state.links.require(outcome.id), problem)


def _own_values(engine: Engine, apn_id: str, arrival: Arrival) -> dict[str, Any]:
    now = engine.salesforce.server_time().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    own: dict[str, Any] = {
        engine.names.apn_id: apn_id,
        engine.names.sync_with_aws: True,
        engine.names.last_sync_date: now,
    }
    name = engine.describe().field("Name")
    title = str(arrival.record.get("partnerProjectTitle") or apn_id)
    if name is not None and name.createable:
        own["Name"] = logs.cut(title, name.length or 80)
    if engine.settings.default_owner_id:
        own["OwnerId"] = engine.settings.default_owner_id
    return own


def _link_created(engine: Engine, record_id: str, row: Row, arrival: Arrival, run_id: str) -> None:
    link = engine.state.links.get(record_id) or Link(record_id=record_id, object_name=engine.mapping.object_name)
    link.apn_id, link.status, link.apn_id_written = str(arrival.answer["Id"]), "linked", True
    link.origin = "aws" if arrival.record.get("opportunityOwnership") == "AWS Referral" else "partner"
    link.seen = snapshot(engine.mapping, row)
    with engine.state.transaction():
        _remember(engine, link, arrival)
        link.confirm_applied()
        engine.state.links.save(link)
        # While the record could not be created, its reasons bore the opportunity's id.
        logs.resolve(engine, link.apn_id, run_id)
        logs.log_success(engine, run_id, link, arrival.answer)

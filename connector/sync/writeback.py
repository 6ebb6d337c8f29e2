"""What we write to Salesforce records: kept in the state first, written in collections, and never over a person's edit.

Stamps touch only our own fields. Fields that people edit are written only if the row was not modified since it was
read; otherwise the record's turn begins anew with the row as it is now. What is about to be written is remembered
before the call, so that our own write is recognised even if its answer is lost. Values for a related record are the
parent's: its link remembers them, and its log says what became of them.

What the link remembers as written, before Salesforce showed or confirmed it, is in doubt: it may stand there. A call
that certainly wrote nothing takes its own values back at once, and leaves what an earlier one, or one that was cut off,
put in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.eligibility.rules import REVIEW_ENDED
from connector.errors import (
    AuthFailed,
    ConnectorError,
    Deferred,
    Problem,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
)
from connector.mapping.outbound import snapshot
from connector.mapping.related import nest
from connector.store.links import Link
from connector.store.writebacks import Writeback
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.exchange.conversion import end_refused, is_converted, refused_as_converted
from connector.sync.exchange.last_words import last_words
from connector.sync.log_storage import tell_room
from connector.sync.ports import Row, RowOutcome
from connector.sync.problems import as_problem, deleted
from connector.sync.queueing import enqueue_inbound
from connector.sync.related_retries import close_refusals, offer_again
from connector.sync.related_values import RelatedWrite, refused_values, related_is_gone, related_record

SERVER_TIME = "@server_time"
"""Stands for Salesforce's own time at the moment of writing."""
BATCH = 200
CLOSED_LOST = "Closed Lost"
Doubts = Mapping[str, str | None]
"""Values of mapped fields that an earlier attempt may have written, by path."""


def stamp(engine: Engine, link: Link) -> None:
    """Set Last Sync Date when the record is written next."""
    put(engine, link, {engine.names.last_sync_date: SERVER_TIME})


def write_identifier(engine: Engine, link: Link) -> None:
    """Write the AWS identifier to the record: an item of its own that retries, never a gate."""
    put(engine, link, {engine.names.apn_id: link.apn_id})


def put(engine: Engine, link: Link, values: Mapping[str, Any], *, guard: datetime | None = None) -> None:
    """Queue values for the record; a later value of the same field replaces an earlier one that was not written yet.
    Nothing is written to a lead that was converted.
    """
    if is_converted(link.row):
        return
    text = guard.isoformat() if guard else None
    engine.state.writebacks.put(link.record_id, link.object_name, dict(values), engine.now(), guard=text)


def put_related(engine: Engine, link: Link, write: RelatedWrite) -> None:
    """Queue values for a record related to the link's; what waits for one that it referred to before is dropped."""
    for waiting in engine.state.writebacks.of_parent(link.record_id):
        if waiting.relationship == write.relationship and waiting.record_id != write.record_id:
            _done(engine, waiting)
    engine.state.writebacks.put(
        write.record_id,
        write.object_name,
        write.values,
        engine.now(),
        guard=write.guard.isoformat(),
        parent=link.record_id,
        relationship=write.relationship,
    )


def flush(engine: Engine) -> int:
    """Write everything that waits; return how many rows were written. Faults of single rows are retried or logged.

    Raises:
        Deferred, AuthFailed: nothing can be written now; everything is kept.
    """
    written = 0
    while batch := engine.state.writebacks.due(engine.now(), BATCH):
        for alike in _grouped(_still_meant(engine, batch)):
            written += sum(_write(ours, some) for ours, some in _by_engine(engine, alike))
    return written


def _by_engine(engine: Engine, alike: Sequence[Writeback]) -> list[tuple[Engine, list[Writeback]]]:
    """Return what goes into one call by the engine whose mapping the record that it belongs to has."""
    parts: dict[bool, list[Writeback]] = {}
    for one in alike:
        link = engine.state.links.get(one.owner)
        parts.setdefault(link is not None and engine.engine_of(link.object_name) is not engine, []).append(one)
    return [((engine.leads or engine) if of_leads else engine, some) for of_leads, some in parts.items()]


def _still_meant(engine: Engine, batch: Sequence[Writeback]) -> list[Writeback]:
    """Drop values for related records that their parent does not refer to any more, as far as was observed: it is
    looked at again.
    """
    kept = list[Writeback]()
    for one in batch:
        link = engine.state.links.get(one.parent) if one.parent else None
        target = related_record((link.row if link else None) or {}, one.relationship) if one.parent else None
        if one.parent and (link is None or link.status == "tombstone"):
            _done(engine, one)
        elif one.parent and link is not None and link.row is not None and (target or {}).get("Id") != one.record_id:
            with engine.state.transaction():
                _look_again(engine, one, link)
        else:
            kept.append(one)
    return kept


def _grouped(batch: Sequence[Writeback]) -> list[list[Writeback]]:
    """Return what goes into one call: of one object, guarded or not; what was put last comes last."""
    groups: dict[tuple[str, bool], list[Writeback]] = {}
    for one in sorted(batch, key=lambda one: one.put_at):
        groups.setdefault((one.object_name, bool(one.guard)), []).append(one)
    return list(groups.values())


def _write(engine: Engine, pending: Sequence[Writeback]) -> int:
    server_time = engine.salesforce.server_time()
    rows: dict[str, Row] = {}
    for one in pending:
        # Of what two parents have for one record, the later value of each field counts.
        rows[one.record_id] = {**rows.get(one.record_id, {}), **_row(one, server_time)}
    doubts = _remember_intent(engine, pending, rows)
    try:
        outcomes = _call(engine, pending, list(rows.values()))
    except ConnectorError as error:
        _give_up(engine, pending, error, doubts)
        if not isinstance(error, Retriable):
            raise
        return 0
    with engine.state.transaction():
        by_record = dict(zip(rows, outcomes, strict=True))
        for one, doubt in zip(pending, doubts, strict=True):
            _conclude(engine, one, by_record[one.record_id], doubt)
    tell_room(engine, (outcome.error for outcome in outcomes))
    return sum(outcome.error is None for outcome in outcomes)


def _give_up(engine: Engine, pending: Sequence[Writeback], error: ConnectorError, doubts: Sequence[Doubts]) -> None:
    """The call as a whole failed: everything is kept, and what can pass is tried again later."""
    with engine.state.transaction():
        for one, doubt in zip(pending, doubts, strict=True):
            _take_back(engine, one, engine.state.links.get(one.owner), error, doubt)
            if isinstance(error, Retriable | Deferred | AuthFailed):
                _postpone(engine, one, error)


def _call(engine: Engine, pending: Sequence[Writeback], rows: list[Row]) -> Sequence[RowOutcome]:
    object_name = pending[0].object_name
    if pending[0].guard:
        guards: dict[str, datetime] = {}
        for one in pending:
            moment = datetime.fromisoformat(one.guard or "")
            guards[one.record_id] = min(moment, guards.get(one.record_id, moment))
        guarded = [(row, guards[str(row["Id"])]) for row in rows]
        return engine.salesforce.update_unless_modified(object_name, guarded)
    return engine.salesforce.update(object_name, rows)


def _row(pending: Writeback, server_time: datetime) -> Row:
    moment = server_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    values = {name: moment if value == SERVER_TIME else value for name, value in pending.values.items()}
    return {"Id": pending.record_id, **values}


def _mapped(engine: Engine, pending: Writeback) -> dict[str, str | None]:
    """Return the values for mapped fields as a snapshot of the owner's row shows them."""
    if not pending.parent:
        texts = snapshot(engine.mapping, pending.values)
        return {path: texts[path] for path in texts if path in pending.values}
    texts = snapshot(engine.mapping, nest({}, {pending.relationship: pending.values}))
    paths = {f"{pending.relationship}.{name}" for name in pending.values}
    return {path: texts[path] for path in texts if path in paths}


def _remember_intent(engine: Engine, pending: Sequence[Writeback], rows: Mapping[str, Row]) -> list[Doubts]:
    """Remember what is about to be written; return, for each entry, what was in doubt before."""
    doubts = list[Doubts]()
    with engine.state.transaction():
        for one in pending:
            link, values = engine.state.links.get(one.owner), _mapped(engine, one)
            doubts.append({path: link.written[path] for path in values if path in link.written} if link else {})
            if link is not None and values:
                link.written = {**link.written, **values}
                engine.state.links.save(link)
            if one.parent:
                _remember_related(engine, one, rows[one.record_id])
    return doubts


def _remember_related(engine: Engine, pending: Writeback, row: Row) -> None:
    """Note what other parents of the record may meet there: it is no person's edit."""
    sent = replace(pending, values={name: row[name] for name in pending.values})
    texts = {path.rpartition(".")[2]: text for path, text in _mapped(engine, sent).items()}
    engine.state.writebacks.remember_related(pending.record_id, texts)


def _postpone(engine: Engine, one: Writeback, error: Retriable | Deferred | AuthFailed) -> None:
    after = error.after if isinstance(error, Retriable) else None
    at = error.until if isinstance(error, Deferred) else engine.now() + _pause(one.attempts, after)
    engine.state.writebacks.retry(one.record_id, at, str(error), parent=one.parent, relationship=one.relationship)


def _pause(attempts: int, after: float | None) -> timedelta:
    return timedelta(seconds=max(after or 0, min(2**attempts, 300)))


def _conclude(engine: Engine, pending: Writeback, outcome: RowOutcome, doubts: Doubts) -> None:
    link = engine.state.links.get(pending.owner)
    if outcome.error is not None:
        _take_back(engine, pending, link, outcome.error, doubts)
    match outcome.error:
        case None:
            _confirm(engine, pending, link)
        case RecordGone() as error if pending.parent:
            _refuse(engine, pending, link, error)
        case RecordGone():
            _done(engine, pending)
            if link is not None:
                bury(engine, link)
        case StaleRecord():
            _look_again(engine, pending, link)
        case Retriable() | Deferred() | AuthFailed() as error:
            _postpone(engine, pending, error)
        case error if link is not None and not pending.parent and refused_as_converted(error):
            _done(engine, pending)
            end_refused(engine, link, _run_of(engine, pending, link))
        case error:
            _refuse(engine, pending, link, error)


def _confirm(engine: Engine, pending: Writeback, link: Link | None) -> None:
    _done(engine, pending)
    if link is None:
        return
    values = _mapped(engine, pending)
    link.seen = {**link.seen, **values}
    # A turn towards AWS that waits already must not take the value from before for a person's edit.
    link.row = link.row and _with_written(link.row, pending, values)
    link.written = {path: text for path, text in link.written.items() if path not in values}
    if not pending.parent:
        # Our write moved the row's dates: whoever guards a further write by them reads the row first.
        link.modstamp = ""
        link.apn_id_written = link.apn_id_written or engine.names.apn_id in pending.values
    if values:
        _confirm_applied(engine, link, values)
    if pending.parent:
        close_refusals(engine, link, _names_at(engine, values))
    engine.state.links.save(link)


def _with_written(row: Row, pending: Writeback, paths: Iterable[str]) -> Row:
    """Return the row with what was written to its own fields, or to the related record if it still refers to it."""
    names = [path.rpartition(".")[2] for path in paths]
    written = {name: pending.values[name] for name in names}
    if not pending.parent:
        return {**row, **written}
    target = related_record(row, pending.relationship)
    stays = target is None or target["Id"] != pending.record_id
    return row if stays else nest(row, {pending.relationship: written})


def _done(engine: Engine, pending: Writeback) -> None:
    engine.state.writebacks.done(
        pending.record_id, pending.values, parent=pending.parent, relationship=pending.relationship
    )


def _confirm_applied(engine: Engine, link: Link, paths: Iterable[str]) -> None:
    """Salesforce has what AWS said at these paths; of the record as a whole, once nothing of it waits any more."""
    own = engine.state.writebacks.get(link.record_id)
    if not engine.state.writebacks.of_parent(link.record_id) and not (own and _mapped(engine, own)):
        link.confirm_applied()
    elif link.pending_applied is not None:
        arrived = _names_at(engine, paths) & set(link.pending_applied)
        link.applied = {**(link.applied or {}), **{name: link.pending_applied[name] for name in arrived}}


def _keep_unapplied(engine: Engine, link: Link, paths: Iterable[str]) -> None:
    """The values at these paths did not arrive: whatever else of the record does, they stay to be applied."""
    if link.pending_applied is not None:
        kept = dict.fromkeys(_names_at(engine, paths) & set(link.pending_applied))
        link.pending_applied = {**link.pending_applied, **{name: (link.applied or {}).get(name) for name in kept}}


def _names_at(engine: Engine, paths: Iterable[str]) -> set[str]:
    """Return the ACE fields that AWS writes to these paths."""
    wanted = set(paths)
    return {field.ace_field for field in engine.mapping.fields if field.inbound and field.path in wanted}


def _look_again(engine: Engine, pending: Writeback, link: Link | None) -> None:
    """A person edited the row meanwhile: plan the inbound change anew, on the row as it is by then."""
    _done(engine, pending)
    if link is None or link.apn_id is None:
        return
    _keep_unapplied(engine, link, _mapped(engine, pending))
    engine.state.links.save(link)
    run_id = engine.state.runs.of_record(link.record_id, logs.FROM_AWS) or ""
    enqueue_inbound(engine, link.apn_id, run_id, fresh=True)
    _put_own(engine, pending, link)


def _take_back(engine: Engine, pending: Writeback, link: Link | None, error: ConnectorError, doubts: Doubts) -> None:
    """Take back what was remembered as written, as nothing was; what was in doubt before stays in doubt.

    The link keeps the doubt, so that a restart between two attempts forgets none.
    """
    values = _mapped(engine, pending)
    if link is None or not values or error.outcome_unknown:
        return
    link.written = {**{path: text for path, text in link.written.items() if path not in values}, **doubts}
    engine.state.links.save(link)


def _refuse(engine: Engine, pending: Writeback, link: Link | None, error: ConnectorError) -> None:
    """Salesforce refused the values: say so on the record's log detail; our own stamps go on without them."""
    _done(engine, pending)
    if link is None:
        return
    _keep_unapplied(engine, link, _mapped(engine, pending))
    if pending.parent:
        # Nothing else may wait: then the rest of the record has arrived.
        _confirm_applied(engine, link, ())
    engine.state.links.save(link)
    run_id = _run_of(engine, pending, link)
    logs.withdraw_success(engine, run_id, link)
    for problem in _told(engine, pending, error):
        # Beside what the record's other values came to; the payload is what a person can correct: AWS's own words.
        words = link.aws or last_words(engine, link.apn_id) or pending.values
        logs.note_problem(engine, run_id, link, problem, words)
    engine.state.runs.record(run_id, link.record_id, "error")
    if pending.parent and isinstance(error, RecordRejected):
        offer_again(engine, link, _names_at(engine, _mapped(engine, pending)))
    if set(pending.values) - set(engine.names.all):
        _put_own(engine, pending, link)


def _told(engine: Engine, pending: Writeback, error: ConnectorError) -> Sequence[Problem]:
    if pending.parent and isinstance(error, RecordGone):
        return related_is_gone(engine.mapping, pending)
    problems = error.problems if isinstance(error, RecordRejected) else (as_problem(error),)
    return refused_values(engine.mapping, pending, problems) if pending.parent else problems


def _put_own(engine: Engine, pending: Writeback, link: Link) -> None:
    own = {name: value for name, value in pending.values.items() if name in engine.names.all}
    if own:
        put(engine, link, own)


def _run_of(engine: Engine, pending: Writeback, link: Link) -> str:
    """Return the run that counted the values as written when they were queued: AWS's values came in by one, our own
    stamps go with what went out.
    """
    direction = logs.FROM_AWS if _mapped(engine, pending) else logs.TO_AWS
    known = engine.state.runs.of_record(link.record_id, direction)
    purpose = logs.INBOUND_RECORDS if direction == logs.FROM_AWS else logs.OUTBOUND_RETRIEVAL
    return known or logs.start_run(engine, direction, purpose)


def _run(engine: Engine) -> str:
    return logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)


def bury(engine: Engine, link: Link) -> None:
    """The Salesforce record is gone: nothing is sent for it any more, and nothing recreates it (OUT-16). Of a deal that
    is off at AWS, too, and of a lead that had been converted, nobody has to know (OPS-16).
    """
    converted = is_converted(link.row)
    link.status, link.row, link.requested = "tombstone", None, False
    engine.state.links.save(link)
    if converted or link.review_status.lower() in REVIEW_ENDED or link.stage == CLOSED_LOST:
        return logs.resolve(engine, link.record_id)
    logs.resolve(engine, link.record_id)
    logs.log_problems(engine, _run(engine), link, (deleted(engine.record_type),))
    return None

"""What we write to Salesforce records: kept in the state first, written in collections, and never over a person's edit.

Stamps touch only our own fields. Fields that people edit are written only if the row was not modified since it was
read; otherwise the record's turn begins anew with the row as it is now. What is about to be written is remembered
before the call, so that our own write is recognised even if its answer is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

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
from connector.store.links import Link
from connector.store.writebacks import Writeback
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.ports import Row, RowOutcome
from connector.sync.problems import as_problem
from connector.sync.queueing import enqueue_inbound

SERVER_TIME = "@server_time"
"""Stands for Salesforce's own time at the moment of writing."""
BATCH = 200


def stamp(engine: Engine, link: Link) -> None:
    """Set Last Sync Date when the record is written next."""
    put(engine, link, {engine.names.last_sync_date: SERVER_TIME})


def write_identifier(engine: Engine, link: Link) -> None:
    """Write the AWS identifier to the record: an item of its own that retries, never a gate."""
    put(engine, link, {engine.names.apn_id: link.apn_id})


def put(engine: Engine, link: Link, values: Mapping[str, Any], *, guard: datetime | None = None) -> None:
    """Queue values for the record; a later value of the same field replaces an earlier one that was not written yet."""
    text = guard.isoformat() if guard else None
    engine.state.writebacks.put(link.record_id, link.object_name, dict(values), engine.now(), guard=text)


def flush(engine: Engine) -> int:
    """Write everything that waits; return how many rows were written. Faults of single rows are retried or logged.

    Raises:
        Deferred, AuthFailed: nothing can be written now; everything is kept.
    """
    written = 0
    while batch := engine.state.writebacks.due(engine.now(), BATCH):
        plain = [pending for pending in batch if not pending.guard]
        guarded = [pending for pending in batch if pending.guard]
        written += _write(engine, plain) + _write(engine, guarded)
    return written


def _write(engine: Engine, pending: Sequence[Writeback]) -> int:
    if not pending:
        return 0
    server_time = engine.salesforce.server_time()
    rows = [_row(one, server_time) for one in pending]
    _remember_intent(engine, pending)
    try:
        outcomes = _call(engine, pending, rows)
    except (Retriable, Deferred, AuthFailed) as error:
        _postpone(engine, pending, error)
        if not isinstance(error, Retriable):
            raise
        return 0
    with engine.state.transaction():
        for one, outcome in zip(pending, outcomes, strict=True):
            _conclude(engine, one, outcome)
    return sum(outcome.error is None for outcome in outcomes)


def _call(engine: Engine, pending: Sequence[Writeback], rows: list[Row]) -> Sequence[RowOutcome]:
    object_name = pending[0].object_name
    if pending[0].guard:
        guarded = [(row, datetime.fromisoformat(one.guard or "")) for row, one in zip(rows, pending, strict=True)]
        return engine.salesforce.update_unless_modified(object_name, guarded)
    return engine.salesforce.update(object_name, rows)


def _row(pending: Writeback, server_time: datetime) -> Row:
    moment = server_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    values = {name: moment if value == SERVER_TIME else value for name, value in pending.values.items()}
    return {"Id": pending.record_id, **values}


def _mapped(engine: Engine, pending: Writeback) -> dict[str, str | None]:
    """Return the values for mapped fields as a snapshot shows them."""
    texts = snapshot(engine.mapping, pending.values)
    return {path: texts[path] for path in texts if path in pending.values}


def _remember_intent(engine: Engine, pending: Sequence[Writeback]) -> None:
    with engine.state.transaction():
        for one in pending:
            link, values = engine.state.links.get(one.record_id), _mapped(engine, one)
            if link is not None and values:
                link.written = {**link.written, **values}
                engine.state.links.save(link)


def _postpone(engine: Engine, pending: Sequence[Writeback], error: Retriable | Deferred | AuthFailed) -> None:
    after = error.after if isinstance(error, Retriable) else None
    with engine.state.transaction():
        for one in pending:
            at = error.until if isinstance(error, Deferred) else engine.now() + _pause(one.attempts, after)
            engine.state.writebacks.retry(one.record_id, at, str(error))


def _pause(attempts: int, after: float | None) -> timedelta:
    return timedelta(seconds=max(after or 0, min(2**attempts, 300)))


def _conclude(engine: Engine, pending: Writeback, outcome: RowOutcome) -> None:
    link = engine.state.links.get(pending.record_id)
    match outcome.error:
        case None:
            _confirm(engine, pending, link)
        case RecordGone():
            engine.state.writebacks.done(pending.record_id, pending.values)
            if link is not None:
                bury(engine, link)
        case StaleRecord():
            _look_again(engine, pending, link)
        case Retriable() | Deferred() | AuthFailed() as error:
            _postpone(engine, [pending], error)
        case error:
            _refuse(engine, pending, link, error)


def _confirm(engine: Engine, pending: Writeback, link: Link | None) -> None:
    engine.state.writebacks.done(pending.record_id, pending.values)
    if link is None:
        return
    values = _mapped(engine, pending)
    link.seen = {**link.seen, **values}
    # A turn towards AWS that waits already must not take the value from before for a person's edit.
    link.row = link.row and {**link.row, **{name: pending.values[name] for name in values}}
    link.written = {path: text for path, text in link.written.items() if path not in values}
    # Our write moved the row's dates: whoever guards a further write by them reads the row first.
    link.modstamp = ""
    link.apn_id_written = link.apn_id_written or engine.names.apn_id in pending.values
    if values:
        link.confirm_applied()
    engine.state.links.save(link)


def _look_again(engine: Engine, pending: Writeback, link: Link | None) -> None:
    """A person edited the row meanwhile: plan the inbound change anew, on the row as it is by then."""
    engine.state.writebacks.done(pending.record_id, pending.values)
    if link is None or link.apn_id is None:
        return
    _withdraw_intent(engine, pending, link)
    run_id = engine.state.runs.of_record(link.record_id, logs.FROM_AWS) or ""
    enqueue_inbound(engine, link.apn_id, run_id, fresh=True)
    _put_own(engine, pending, link)


def _withdraw_intent(engine: Engine, pending: Writeback, link: Link) -> None:
    """The values were not written. On a first attempt nothing of ours can have arrived before: they are no write in
    doubt.
    """
    if pending.attempts == 0:
        link.written = {path: text for path, text in link.written.items() if path not in _mapped(engine, pending)}
        engine.state.links.save(link)


def _refuse(engine: Engine, pending: Writeback, link: Link | None, error: ConnectorError) -> None:
    """Salesforce refused the values: say so on the record's log detail; our own stamps go on without them."""
    engine.state.writebacks.done(pending.record_id, pending.values)
    if link is None:
        return
    _withdraw_intent(engine, pending, link)
    problems = error.problems if isinstance(error, RecordRejected) else (as_problem(error),)
    run_id = _run_of(engine, pending, link)
    logs.withdraw_success(engine, run_id, link)
    logs.log_problems(engine, run_id, link, problems, payload=pending.values)
    if set(pending.values) - set(engine.names.all):
        _put_own(engine, pending, link)


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
    """The Salesforce record is gone: nothing is sent for it any more, and nothing recreates it (OUT-16)."""
    link.status, link.row, link.requested = "tombstone", None, False
    engine.state.links.save(link)
    problem = Problem(
        "DELETED_IN_SALESFORCE",
        "",
        "",
        "The Salesforce record was deleted; AWS keeps its opportunity.",
        "Close the opportunity in Partner Central if the deal is off: opportunities cannot be deleted there.",
    )
    logs.resolve(engine, link.record_id)
    logs.log_problems(engine, _run(engine), link, (problem,))

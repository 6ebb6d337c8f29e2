"""Writing sync logs to Salesforce: by unique key, logs before details, in collections. What cannot be written now
stays and is written later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from connector.errors import ConnectorError, Fatal, RecordRejected, Retriable, StorageFull
from connector.names import DETAIL_LOOKUPS, NOTIFICATION, SYNC_LOG, SYNC_LOG_DETAIL, Detail, Log
from connector.store.outbox import OutboxRow
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.log_storage import logs_are_paused, pause_logs, resume_logs
from connector.sync.ports import RowOutcome

BATCH = 200
ORDER = (SYNC_LOG, SYNC_LOG_DETAIL, NOTIFICATION)
PURGE_SLICE = 2000
ATTEMPTS = 10
"""Refusals after which a log row is given up: the worker's own log keeps the fact."""

_NO_SUCH_RECORD = frozenset({
    "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "CANNOT_UPDATE_CONVERTED_LEAD",
})  # fmt: skip
"""Salesforce's answers to a lookup that cannot be set, a converted lead's included."""

log = structlog.get_logger(__name__)


def flush_logs(engine: Engine) -> int:
    """Write what waits in the outbox; return how many rows were written. Never raises what only concerns logging.

    While the org has no room, nothing is written and everything kept.
    """
    logs.publish_runs(engine)
    if logs_are_paused(engine):
        return 0
    try:
        return sum(_flush_object(engine, name) for name in ORDER)
    except Fatal:
        raise
    except ConnectorError as error:
        log.warning("sync logs wait", reason=str(error), waiting=engine.state.outbox.count())
        return 0


def _flush_object(engine: Engine, object_name: str) -> int:
    written = 0
    while rows := engine.state.outbox.due(engine.now(), object_name, BATCH):
        written += _write(engine, rows)
    return written


def _write(engine: Engine, rows: Sequence[OutboxRow]) -> int:
    first = rows[0]
    try:
        outcomes = engine.salesforce.upsert(
            first.object_name, first.key_field, [{row.key_field: row.key, **row.body} for row in rows]
        )
    except StorageFull as error:
        pause_logs(engine, error)
        raise
    except ConnectorError as error:
        for row in rows:
            _later(engine, row, str(error), error.after if isinstance(error, Retriable) else None)
        raise
    with engine.state.transaction():
        for row, outcome in zip(rows, outcomes, strict=True):
            _conclude(engine, row, outcome)
    full = [outcome.error for outcome in outcomes if isinstance(outcome.error, StorageFull)]
    if full:
        pause_logs(engine, full[0])
        raise full[0]
    resume_logs(engine)
    return sum(outcome.error is None for outcome in outcomes)


def _conclude(engine: Engine, row: OutboxRow, outcome: RowOutcome) -> None:
    match outcome.error:
        case None:
            engine.state.outbox.done(row.object_name, row.key, row.body)
            if row.object_name == SYNC_LOG:
                engine.state.uploads.log_written(row.key, outcome.id)
        case StorageFull():
            # It stays as it is: the pause is everybody's, and no attempt counts against it.
            return
        case RecordRejected() as error if _dangling(row, error):
            # The record is gone or hidden from us: the detail keeps its id as text.
            engine.state.outbox.put(row.object_name, row.key_field, row.key, dict.fromkeys(_lookups(row)), engine.now())
            _later(engine, row, str(error), None)
        case RecordRejected() as error if row.attempts + 1 >= ATTEMPTS:
            # Not in the error's own words: they may quote what the row says about a person.
            codes = [problem.code for problem in error.problems]
            log.error("a sync log row was given up", key=row.key, error=type(error).__name__, codes=codes)
            engine.state.outbox.done(row.object_name, row.key, row.body)
        case error:
            _later(engine, row, str(error), None)


def _lookups(row: OutboxRow) -> list[str]:
    """Return the row's lookups that lead to a record."""
    return [name for name in DETAIL_LOOKUPS.values() if row.body.get(name)]


def _dangling(row: OutboxRow, error: RecordRejected) -> bool:
    lookups = _lookups(row)
    told = [f"{problem.field} {problem.rule}" for problem in error.problems]
    named = any(name in text for name in lookups for text in told)
    codes = {problem.code for problem in error.problems}
    return bool(lookups) and (named or bool(codes & _NO_SUCH_RECORD))


def _later(engine: Engine, row: OutboxRow, reason: str, after: float | None) -> None:
    pause = timedelta(seconds=max(after or 0.0, min(2.0**row.attempts, 600.0)))
    engine.state.outbox.retry(row.object_name, row.key, engine.now() + pause, reason)


def purge_old_logs(engine: Engine, limit: int = PURGE_SLICE) -> int:
    """Delete the sync logs, with their details, that are older than the admin's retention; return how many.

    Reasons that are still open move to a log of their own first: nobody would be told of them again. The log of a file
    that AWS has not answered stays: whoever deletes it releases the file's records.
    """
    days = engine.settings.log_retention_days
    if days is None:
        return 0
    before = (engine.salesforce.server_time() - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not _open_reasons_moved(engine, before):
        return 0
    held = engine.state.uploads.open_runs()
    query = (
        f"SELECT Id, {Log.KEY} FROM {SYNC_LOG} WHERE CreatedDate < {before} "  # noqa: S608 - our own names
        f"ORDER BY CreatedDate LIMIT {limit + len(held)}"
    )
    ids = [row["Id"] for row in engine.salesforce.query(query) if row[Log.KEY] not in held][:limit]
    return sum(_deleted(outcome) for outcome in engine.salesforce.delete(ids)) if ids else 0


def _open_reasons_moved(engine: Engine, before: str) -> bool:
    """Move what is open below logs of before that time; return whether it is out of the way."""
    below = engine.salesforce.query(
        f"SELECT {Detail.KEY}, {Detail.LOG_REF}.{Log.DIRECTION} FROM {SYNC_LOG_DETAIL} "  # noqa: S608
        f"WHERE {Detail.LOG_REF}.CreatedDate < {before} AND {Detail.STATUS} IN ({logs.OPEN_STATUSES})"
    )
    outward = {
        str(row[Detail.KEY]): (row[Detail.LOG_REF] or {}).get(Log.DIRECTION) == logs.TO_AWS
        for row in below
        if engine.state.problems.is_open(str(row[Detail.KEY]))
    }
    for direction in sorted(set(outward.values())):
        logs.move_reasons(engine, [key for key, out in outward.items() if out is direction], outward=direction)
    flush_logs(engine)
    return not any(engine.state.outbox.get(SYNC_LOG_DETAIL, key) for key in outward)


def _deleted(outcome: RowOutcome) -> bool:
    error: ConnectorError | None = outcome.error
    return error is None

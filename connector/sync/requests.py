"""What a person asks for: always goes, whatever the automatic switches say, and goes first."""

from __future__ import annotations

from connector.errors import Problem, RecordRejected
from connector.store.queue import Work
from connector.sync import logs, queueing
from connector.sync.engine import Engine, Priority
from connector.sync.observe import observe, require_settled


def request_record(engine: Engine, record_id: str, run_id: str) -> bool:
    """Queue one record because a person asked for it; return whether it is due.

    Raises:
        RecordRejected: the record does not exist or is not visible.
        Deferred: the row is so fresh that a later edit may bear the same time, and no guard would tell.
    """
    rows = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields())
    if record_id not in rows:
        raise RecordRejected((_not_found(engine, record_id),))
    require_settled(engine, rows[record_id])
    return observe(engine, rows[record_id], run_id, again=True, requested=True)


def _not_found(engine: Engine, record_id: str) -> Problem:
    return Problem(
        "RECORD_NOT_VISIBLE",
        "",
        record_id,
        f"{engine.mapping.object_name} has no such record, or the integration user cannot see it.",
        "Check the id (18 characters) and the integration user's permissions.",
    )


def share_work(record_id: str) -> Work:
    """Return the work item by which the worker is asked to share a record."""
    return Work(
        kind=queueing.REQUEST,
        key=record_id,
        lane=queueing.READ_LANE,
        priority=Priority.REQUEST,
        payload={"action": "share"},
    )


def perform_request(engine: Engine, record_id: str) -> None:
    """Carry out a request for one record that was put on the queue."""
    request_record(engine, record_id, logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))

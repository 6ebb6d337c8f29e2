"""What a person asks for: always goes, whatever the automatic switches say, and goes first."""

from __future__ import annotations

from connector.errors import Problem, RecordRejected
from connector.store.queue import Work
from connector.store.state import State
from connector.sync import logs, queueing
from connector.sync.answering import pending_turn
from connector.sync.engine import Engine, Priority
from connector.sync.observe import observe, require_settled


def request_record(engine: Engine, record_id: str, run_id: str) -> bool:
    """Queue one record because a person asked for it; return whether it is due. What comes to nothing is over: no later
    edit goes out by it.

    Raises:
        RecordRejected: the record does not exist or is not visible.
        Deferred: the row is so fresh that a later edit may bear the same time, and no guard would tell.
    """
    rows = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields())
    if record_id not in rows:
        raise RecordRejected((_not_found(engine, record_id),))
    require_settled(engine, rows[record_id])
    queued = observe(engine, rows[record_id], run_id, again=True, requested=True)
    if pending_turn(engine, record_id, queueing.OUTBOUND) is None:
        forget_request(engine.state, record_id)
    return queued


def forget_request(state: State, record_id: str) -> None:
    """What a person asked for is over without an effect: no later edit goes out by it."""
    link = state.links.get(record_id)
    if link is not None and link.requested:
        link.requested = False
        state.links.save(link)


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

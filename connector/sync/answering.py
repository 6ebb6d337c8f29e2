"""Answers to what people asked for in Salesforce. How the work that a request began has ended is written back by an
item of its own, which :func:`wake_answers` lets run as soon as that is known.
"""

from __future__ import annotations

from datetime import UTC, timedelta

from connector.errors import RecordGone
from connector.names import ACTION_REQUEST, ActionRequest
from connector.store.queue import Item, Work
from connector.sync import logs, queueing
from connector.sync.action_outcome import Answer, outcome, still_under_way
from connector.sync.asking import Request
from connector.sync.engine import Engine, Priority
from connector.sync.ports import Row

ANSWER = "action-answer"
LIST_ANSWER = "marketplace-answer"
"""The answer to who asked for lists of AWS Marketplace."""
PATIENCE = timedelta(minutes=15)
"""How long a request's work may take before its requester is told that it is still under way."""
_LONGEST_MESSAGE = 32_000


def pending_turn(engine: Engine, record_id: str, kind: str) -> Item | None:
    items = engine.state.queue.list(key=record_id, limit=1000)
    return next((one for one in items if one.kind == kind and one.state in ("waiting", "held")), None)


def follow(engine: Engine, request: Request, turn: Item) -> None:
    """Leave the answer to an item of its own, which runs when the turn's outcome is known, or after a while."""
    work = Work(
        kind=ANSWER,
        key=request.record_id,
        lane=queueing.READ_LANE,
        priority=Priority.REQUEST,
        payload={"request": request.id, "record": request.record_id, "turn": turn.id},
        dedup=f"{ANSWER}:{request.id}",
    )
    engine.state.queue.enqueue(work, engine.now(), at=engine.now() + PATIENCE)


def wake_answers(engine: Engine) -> None:
    """Let those answers run whose outcome is known by now. Costs no call."""
    now = engine.now()
    for item in engine.state.queue.list("waiting", 200):
        if item.kind == ANSWER and item.retry_at > now and outcome(engine, item) is not None:
            engine.state.queue.requeue(item.id, now)


def give_answer(engine: Engine, item: Item) -> None:
    """Write to the request how its work ended, or that it is still under way after a long time."""
    write_answer(engine, str(item.payload["request"]), outcome(engine, item) or still_under_way(engine, item))


def write_answer(engine: Engine, request_id: str, answer: Answer) -> None:
    """Write the answer to the request, which ends it."""
    moment = engine.salesforce.server_time().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    message = logs.cut(answer.message, _LONGEST_MESSAGE)
    write_to(
        engine,
        request_id,
        {
            ActionRequest.STATUS: answer.status,
            ActionRequest.MESSAGE: message,
            ActionRequest.COMPLETED_AT: moment,
        },
    )


def write_to(engine: Engine, request_id: str, values: Row) -> None:
    """Write to the request; one that was deleted needs nothing any more."""
    error = engine.salesforce.update(ACTION_REQUEST, [{"Id": request_id, **values}])[0].error
    if error is not None and not isinstance(error, RecordGone):
        raise error

"""What people ask for in Salesforce: one row of ``ACE_Action_Request__c`` per wish, carried out once, answered there.

Salesforce has no callbacks, so that new rows are polled. Each becomes a queue item of its own, which marks the row,
checks the right of whoever created it, and begins the work. How the work ended is written back by a second item, which
:func:`wake_answers` lets run as soon as that is known. A request that was begun and not answered, because the process
or its state was lost, is taken up again: every action here may be begun twice without a second effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta

from connector.errors import RecordGone, RecordRejected
from connector.names import ACTION_REQUEST, ActionRequest
from connector.store.queue import Item, Work
from connector.sync import logs, queueing
from connector.sync.action_outcome import DONE, FAILED, UNKNOWN, Answer, outcome, still_under_way
from connector.sync.engine import Engine, Priority
from connector.sync.observe import judge
from connector.sync.ports import Row
from connector.sync.requests import request_record
from connector.sync.rights import EVERY_ASKER, access_query, askers, by_group, held, holders_query, is_id, may_edit
from connector.sync.schedules import deactivate_all
from connector.sync.sending_rules import contradicted_parameter, refused_for_sending

ACTION, ANSWER = "action-request", "action-answer"
NEW, IN_PROGRESS = "New", "In Progress"
DEACTIVATE_SCHEDULES = "Deactivate Schedules"
ATTEMPTS = 10
"""Failed attempts to begin a request after which its requester is told: the last of them are minutes apart."""
PATIENCE = timedelta(minutes=15)
"""How long a request's work may take before its requester is told that it is still under way."""
_TARGETS = (
    ActionRequest.ACE_OPPORTUNITY,
    ActionRequest.ACE_LEAD,
    ActionRequest.OPPORTUNITY,
    ActionRequest.LEAD,
    ActionRequest.RECORD_ID,
)
"""Where a request names its record: the lookup of the record's object, or the id as text for any other object."""
_FIELDS = (
    "Id",
    "CreatedById",
    ActionRequest.ACTION,
    *_TARGETS,
    ActionRequest.INVOLVEMENT_TYPE,
    ActionRequest.VISIBILITY,
    ActionRequest.STATUS,
)
_LONGEST_MESSAGE = 32_000
_NO_RECORD = "The request names no record. Fill the lookup to it, or Record Id with the record's 18-character id."


@dataclass(frozen=True, slots=True)
class Request:
    """One wish as it stands in Salesforce, with what its requester may do."""

    row: Row
    requester: str
    record_id: str
    sets: frozenset[str]
    may_edit: bool

    @property
    def id(self) -> str:
        return str(self.row["Id"])

    @property
    def action(self) -> str:
        return str(self.row[ActionRequest.ACTION])


def open_requests_query() -> str:
    """Return the SOQL of the requests that were not answered yet."""
    return (
        f"SELECT {', '.join(_FIELDS)} FROM {ACTION_REQUEST} "  # noqa: S608 - our own names
        f"WHERE {ActionRequest.STATUS} IN ('{NEW}', '{IN_PROGRESS}') ORDER BY CreatedDate, Id"
    )


def take_requests(engine: Engine, rows: Iterable[Row]) -> int:
    """Queue the requests that the queue does not know; return how many."""
    return sum(engine.state.queue.enqueue(_work(row), engine.now()) for row in rows if not _is_known(engine, row))


def _work(row: Row) -> Work:
    request = str(row["Id"])
    payload = {"request": request, "requester": str(row["CreatedById"]), "record": _target(row)}
    return Work(
        kind=ACTION,
        key=_target(row) or request,
        lane=queueing.READ_LANE,
        priority=Priority.REQUEST,
        payload=payload,
        dedup=f"{ACTION}:{request}",
    )


def _target(row: Row) -> str:
    """Return the id of the record that the request is about, empty where it names none."""
    named = next((str(row[name]).strip() for name in _TARGETS if row.get(name)), "")
    return named if is_id(named) else ""


def _is_known(engine: Engine, row: Row) -> bool:
    key, request = _target(row) or str(row["Id"]), row["Id"]
    items = engine.state.queue.list(key=key, limit=1000)
    return any(item.kind in (ACTION, ANSWER) and item.payload.get("request") == request for item in items)


def perform_action(engine: Engine, item: Item) -> None:
    """Carry out one request, or begin what takes longer; its answer follows when the outcome is known.

    Raises:
        Deferred, Retriable, AuthFailed, MappingError: it cannot be begun now; it is tried again.
    """
    request = _read(engine, item)
    if request is None:
        return
    if request.row[ActionRequest.STATUS] == NEW:
        _write(engine, request.id, {ActionRequest.STATUS: IN_PROGRESS})
    answer = _refusal(request) or _given_up(item) or _perform(engine, request)
    if answer is not None:
        write_answer(engine, request.id, answer)


def _read(engine: Engine, item: Item) -> Request | None:
    """Ask for the request and for its requester's rights in one call; None when nothing is to be done any more.

    A second call follows only for who does not hold a fitting permission set directly: a group may contain it.
    """
    request, requester, record = (str(item.payload[name]) for name in ("request", "requester", "record"))
    soqls = [
        f"SELECT {', '.join(_FIELDS)} FROM {ACTION_REQUEST} WHERE Id = '{request}'",  # noqa: S608 - an id
        holders_query([requester], EVERY_ASKER),
        *([access_query(requester, record)] if record else []),
    ]
    found, assigned, *access = engine.salesforce.queries(soqls)
    if not found or found[0][ActionRequest.STATUS] not in (NEW, IN_PROGRESS):
        return None
    sets = frozenset(held(assigned).get(requester, ()))
    if not sets.intersection(askers(str(found[0][ActionRequest.ACTION]))):
        sets |= by_group(engine.salesforce, [requester], EVERY_ASKER).get(requester, set())
    return Request(found[0], requester, record, sets, bool(access) and may_edit(access[0]))


def _refusal(request: Request) -> Answer | None:
    """Return why the requester may not ask for this, None if they may."""
    allowed = askers(request.action)
    if not request.sets.intersection(allowed):
        wanted = " or ".join(name.replace("_", " ") for name in allowed)
        return Answer(FAILED, f"The requester holds none of the permission sets {wanted}. Have one of them assigned.")
    if request.record_id and not request.may_edit:
        return Answer(
            FAILED, f"The requester may not edit the record {request.record_id}. Have it shared with edit access."
        )
    return None


def _given_up(item: Item) -> Answer | None:
    if item.attempts < ATTEMPTS:
        return None
    return Answer(
        UNKNOWN,
        f"It could not be carried out in {item.attempts} attempts ({item.reason}). "
        "Please check the record in Partner Central, then ask again.",
    )


def _perform(engine: Engine, request: Request) -> Answer | None:
    performers: Mapping[str, Callable[[Engine, Request], Answer | None]] = {
        "Share": _share,
        "Send": _send,
        "Refresh": _refresh,
        DEACTIVATE_SCHEDULES: _deactivate_schedules,
    }
    performer = performers.get(request.action)
    if performer is None:
        return Answer(FAILED, f"The action {request.action} is not available yet.")
    if performer is not _deactivate_schedules and not request.record_id:
        return Answer(FAILED, _NO_RECORD)
    return performer(engine, request)


def _send(engine: Engine, request: Request) -> Answer | None:
    """Like sharing, but for opportunities of the partner's own only."""
    reason = refused_for_sending(engine, request.record_id)
    return Answer(FAILED, reason) if reason else _share(engine, request)


def _share(engine: Engine, request: Request) -> Answer | None:
    record_id = request.record_id
    if not record_id.startswith(engine.describe().key_prefix):
        return Answer(FAILED, f"Sending other records than those of {engine.mapping.object_name} is not available yet.")
    asked = {
        "involvementType": str(request.row[ActionRequest.INVOLVEMENT_TYPE] or ""),
        "visibility": str(request.row[ActionRequest.VISIBILITY] or ""),
    }
    if any(asked.values()) and (contradiction := contradicted_parameter(engine, record_id, asked)):
        return Answer(FAILED, contradiction)
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    try:
        request_record(engine, record_id, run_id)
    except RecordRejected as error:
        return Answer(FAILED, str(error))
    turn = _pending(engine, record_id, queueing.OUTBOUND) or _pending(engine, record_id, queueing.INBOUND)
    if turn is None:
        return Answer(FAILED, _why_not_due(engine, record_id))
    _follow(engine, request, turn)
    return None


def _why_not_due(engine: Engine, record_id: str) -> str:
    link = engine.state.links.get(record_id)
    rows = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields())
    if record_id not in rows:
        return "The record was deleted meanwhile."
    return f"Nothing was sent. {judge(engine, rows[record_id], link).reason}"


def _refresh(engine: Engine, request: Request) -> Answer | None:
    link = engine.state.links.get(request.record_id)
    if link is None or link.apn_id is None:
        return Answer(FAILED, "The record has no opportunity at AWS yet. Share it first.")
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    queueing.enqueue_inbound(engine, link.apn_id, run_id, priority=Priority.REQUEST, fresh=True)
    turn = _pending(engine, request.record_id, queueing.INBOUND)
    assert turn is not None, "it was queued a moment ago"
    _follow(engine, request, turn)
    return None


def _deactivate_schedules(engine: Engine, _: Request) -> Answer:
    count = deactivate_all(engine, "Deactivated on request.")
    return Answer(DONE, f"{count} schedules were deactivated.")


def _pending(engine: Engine, record_id: str, kind: str) -> Item | None:
    items = engine.state.queue.list(key=record_id, limit=1000)
    return next((one for one in items if one.kind == kind and one.state in ("waiting", "held")), None)


def _follow(engine: Engine, request: Request, turn: Item) -> None:
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
    _write(
        engine,
        request_id,
        {
            ActionRequest.STATUS: answer.status,
            ActionRequest.MESSAGE: message,
            ActionRequest.COMPLETED_AT: moment,
        },
    )


def _write(engine: Engine, request_id: str, values: Row) -> None:
    """Write to the request; one that was deleted needs nothing any more."""
    error = engine.salesforce.update(ACTION_REQUEST, [{"Id": request_id, **values}])[0].error
    if error is not None and not isinstance(error, RecordGone):
        raise error

"""What people ask for in Salesforce: one row of ``ACE_Action_Request__c`` per wish, carried out once, answered there.

Salesforce has no callbacks, so that new rows are polled. Each becomes a queue item of its own, which marks the row,
checks the right of whoever created it, and begins the work. How the work ended is written back by a second item, which
:func:`wake_answers` lets run as soon as that is known. A request that was begun and not answered, because the process
or its state was lost, is taken up again: every action here may be begun twice without a second effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from connector.errors import Deferred, RecordRejected
from connector.names import ACTION_REQUEST, ActionRequest
from connector.store.queue import Item, Work
from connector.sync import logs, queueing
from connector.sync.action_outcome import DONE, FAILED, UNKNOWN, Answer
from connector.sync.answering import ANSWER, LIST_ANSWER, PATIENCE, follow, pending_turn, write_answer, write_to
from connector.sync.asking import IN_ORDER, TARGETS, Request, attempts_note, let_earlier_go_first, target
from connector.sync.assignment import perform_assignment
from connector.sync.association_requests import close_items, items_query, link_private_offer, perform_associations
from connector.sync.engine import Engine, Priority
from connector.sync.file_requests import refused_request
from connector.sync.observe import judge
from connector.sync.other_integrations import unconfirmed
from connector.sync.ports import Row
from connector.sync.referral_requests import accept_on_request, decide_by_status, reject_on_request
from connector.sync.requests import request_record
from connector.sync.rights import EVERY_ASKER, access_query, askers, by_group, held, holders_query, may_edit
from connector.sync.schedules import deactivate_all
from connector.sync.sending_rules import contradicted_parameter, refused_for_sending
from connector.sync.solutions import REFRESH_SOLUTIONS, perform_solutions

Performer = Callable[[Engine, Request], Answer | None]
"""Carries out a request that its requester may make, or begins to: None where :func:`follow` leaves the answer to
later. What it raises lets it be tried again, so that it must bear being begun twice.
"""
ACTION = "action-request"
NEW, IN_PROGRESS = "New", "In Progress"
DEACTIVATE_SCHEDULES = "Deactivate Schedules"
ATTEMPTS = 10
"""Failed attempts to begin a request after which its requester is told: the last of them are minutes apart."""
TOLD_AFTER = timedelta(minutes=1)
"""A wait that is longer is told on the request, such as one for AWS's daily quota."""
_FIELDS = (
    "Id",
    "CreatedById",
    ActionRequest.ACTION,
    *TARGETS,
    ActionRequest.INVOLVEMENT_TYPE,
    ActionRequest.VISIBILITY,
    ActionRequest.PARTNER_ACCEPTANCE_STATUS,
    ActionRequest.REJECTION_REASON,
    ActionRequest.ASSIGNEE_EMAIL,
    ActionRequest.ASSIGNEE_FIRST_NAME,
    ActionRequest.ASSIGNEE_LAST_NAME,
    ActionRequest.ASSIGNEE_BUSINESS_TITLE,
    ActionRequest.OTHER_SOLUTION,
    ActionRequest.PRIVATE_OFFER,
    ActionRequest.STATUS,
    ActionRequest.MESSAGE,
)
_LAST_WORD = frozenset({"Associate", "Disassociate", "Link Private Offer", "Assign"})
"""Actions of which a later one may take back what an earlier one did."""
_NO_RECORD = "The request names no record. Fill the lookup to it, or Record Id with the record's 18-character id."


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
    in_order = {IN_ORDER: True} if row[ActionRequest.ACTION] in _LAST_WORD else {}
    payload = {"request": request, "requester": str(row["CreatedById"]), "record": target(row), **in_order}
    return Work(
        kind=ACTION,
        key=target(row) or request,
        lane=queueing.READ_LANE,
        priority=Priority.REQUEST,
        payload=payload,
        dedup=f"{ACTION}:{request}",
    )


def _is_known(engine: Engine, row: Row) -> bool:
    key, request = target(row) or str(row["Id"]), row["Id"]
    items = engine.state.queue.list(key=key, limit=1000)
    kinds = (ACTION, ANSWER, LIST_ANSWER)
    return any(item.kind in kinds and item.payload.get("request") == request for item in items)


def perform_action(engine: Engine, item: Item, *, lists: Mapping[str, Performer] = MappingProxyType({})) -> None:
    """Carry out one request, or begin what takes longer; its answer follows when the outcome is known.

    Args:
        lists: further actions, which read a list from AWS: they are about no record.

    Raises:
        Deferred, Retriable, AuthFailed, MappingError: it cannot be begun now; it is tried again.
    """
    request = _read(engine, item)
    if request is None:
        return
    if request.row[ActionRequest.STATUS] == NEW:
        write_to(engine, request.id, {ActionRequest.STATUS: IN_PROGRESS})
    try:
        answer = _refusal(request) or _given_up(item)
        if answer is None:
            let_earlier_go_first(engine, item)
            answer = _perform(engine, request, lists)
    except Deferred as error:
        raise _put_off(engine, item, request, error) from None
    if answer is not None:
        close_items(engine, request, answer)
        write_answer(engine, request.id, answer)


def _put_off(engine: Engine, item: Item, request: Request, error: Deferred) -> Deferred:
    """Tell a long wait on the request; return when to go on. What is asked about every few seconds and does not come
    to an end is asked about once a minute in the end.
    """
    now, until = engine.now(), error.until
    if now - item.created_at > PATIENCE:
        until = max(until, now + TOLD_AFTER)
    told = f"It waits: {error}"
    if until - now >= TOLD_AFTER and request.row.get(ActionRequest.MESSAGE) != told:
        write_to(engine, request.id, {ActionRequest.MESSAGE: told})
    return Deferred(str(error), until)


def _read(engine: Engine, item: Item) -> Request | None:
    """Ask for the request and for its requester's rights in one call; None when nothing is to be done any more.

    A second call follows only for who does not hold a fitting permission set directly: a group may contain it.
    """
    request, requester, record = (str(item.payload[name]) for name in ("request", "requester", "record"))
    soqls = [
        f"SELECT {', '.join(_FIELDS)} FROM {ACTION_REQUEST} WHERE Id = '{request}'",  # noqa: S608 - an id
        holders_query([requester], EVERY_ASKER),
        items_query(request),
        *([access_query(requester, record)] if record else []),
    ]
    found, assigned, items, *access = engine.salesforce.queries(soqls)
    if not found or found[0][ActionRequest.STATUS] not in (NEW, IN_PROGRESS):
        return None
    sets = frozenset(held(assigned).get(requester, ()))
    if not sets.intersection(askers(str(found[0][ActionRequest.ACTION]))):
        sets |= by_group(engine.salesforce, [requester], EVERY_ASKER).get(requester, set())
    editable = bool(access) and may_edit(access[0])
    return Request(found[0], requester, record, sets, editable, tuple(items), attempts_note(item))


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


def _perform(engine: Engine, request: Request, lists: Mapping[str, Performer]) -> Answer | None:
    if request.action in lists:
        return lists[request.action](engine, request)
    performer = _performers().get(request.action)
    if performer is None:
        return Answer(FAILED, f"The action {request.action} is not available yet.")
    if request.action not in WITHOUT_RECORD and not request.record_id:
        return Answer(FAILED, _NO_RECORD)
    if request.action not in WITHOUT_RECORD and (reason := refused_request(engine, request)):
        return Answer(FAILED, reason)
    if request.action not in WITHOUT_WRITE and (reason := unconfirmed(engine)):
        return Answer(FAILED, reason)
    try:
        return performer(engine, request)
    except RecordRejected as error:
        return Answer(FAILED, str(error))


WITHOUT_RECORD = frozenset({DEACTIVATE_SCHEDULES, REFRESH_SOLUTIONS})
"""Actions that are about no record."""
WITHOUT_WRITE = frozenset({"Refresh", *WITHOUT_RECORD})
"""Actions that change nothing at AWS."""


def _performers() -> Mapping[str, Performer]:
    return {
        "Share": _share,
        "Send": _send,
        "Refresh": _refresh,
        DEACTIVATE_SCHEDULES: _deactivate_schedules,
        "Associate": perform_associations,
        "Disassociate": perform_associations,
        "Link Private Offer": link_private_offer,
        "Assign": perform_assignment,
        REFRESH_SOLUTIONS: perform_solutions,
        "Approval Status": decide_by_status,
        "Accept": accept_on_request,
        "Reject": reject_on_request,
    }


def _send(engine: Engine, request: Request) -> Answer | None:
    """Like sharing, but of opportunities for the partner's own only; leads that go out are AWS's referrals anyway."""
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
    turn = pending_turn(engine, record_id, queueing.OUTBOUND) or pending_turn(engine, record_id, queueing.INBOUND)
    if turn is None:
        return Answer(FAILED, _why_not_due(engine, record_id))
    follow(engine, request, turn)
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
    turn = pending_turn(engine, request.record_id, queueing.INBOUND)
    assert turn is not None, "it was queued a moment ago"
    follow(engine, request, turn)
    return None


def _deactivate_schedules(engine: Engine, _: Request) -> Answer:
    count = deactivate_all(engine, "Deactivated on request.")
    return Answer(DONE, f"{count} schedules were deactivated.")

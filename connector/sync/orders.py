"""What an operator orders by command for one record: the sellers' actions, without a request in Salesforce.

An order is an item of the queue, carried out by the worker or by the command itself. It may be begun twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from connector.errors import ConnectorError, Problem, RecordRejected
from connector.store.links import Link
from connector.store.queue import Item, Queue, Work
from connector.sync import logs, queueing
from connector.sync.action_outcome import DONE, FAILED, Answer
from connector.sync.asking import IN_ORDER, attempts_note, let_earlier_go_first
from connector.sync.assignment import assign
from connector.sync.association_changes import change_associations
from connector.sync.associations import Wish
from connector.sync.engine import Engine, Priority
from connector.sync.file_requests import refused_action
from connector.sync.inbound import receive
from connector.sync.other_integrations import unconfirmed

ORDER = "order"
ASSIGN, ASSOCIATE, REFRESH = "assign", "associate", "refresh"
_ACTIONS = {ASSIGN: "Assign", ASSOCIATE: "Associate", REFRESH: "Refresh"}
"""By order: what the action is called in Salesforce."""


class OrderFailed(ConnectorError):
    """An order was refused; its message says why."""


def assignment_order(record_id: str, assignee: Mapping[str, str]) -> Work:
    """Return the work item that hands the record's opportunity to a person."""
    return _order(record_id, {"action": ASSIGN, IN_ORDER: True, "assignee": dict(assignee)})


def association_order(record_id: str, wishes: Sequence[Wish], other: str = "") -> Work:
    """Return the work item that associates and disassociates."""
    named = [[wish.adds, wish.entity_type, wish.entity_id] for wish in wishes]
    return _order(record_id, {"action": ASSOCIATE, IN_ORDER: True, "wishes": named, "other": other})


def refresh_order(record_id: str) -> Work:
    """Return the work item that brings in what AWS has for the record, whether or not it changed."""
    return replace(_order(record_id, {"action": REFRESH}), lane=queueing.READ_LANE)


def _order(record_id: str, payload: dict[str, Any]) -> Work:
    details = sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    return Work(
        kind=ORDER,
        key=record_id,
        lane=queueing.WRITE_LANE,
        priority=Priority.REQUEST,
        payload=payload,
        # Another order for the same record must not take the place of one that waits.
        dedup=f"{ORDER}:{record_id}:{details}",
    )


def in_turn(queue: Queue, work: Work) -> Work:
    """Return an order so that it comes after those that wait for its record: one that repeats an earlier one does not
    take that one's place, since what lies between the two may say the opposite.
    """
    waiting = [one for one in queue.list(key=work.key, limit=1000) if one.kind == ORDER and one.state == "waiting"]
    last = max(waiting, key=lambda one: one.id, default=None)
    if work.kind != ORDER or last is None or last.dedup == work.dedup:
        return work
    return replace(work, dedup=f"{work.dedup}:{last.id}")


def perform_order(engine: Engine, item: Item) -> None:
    """Carry out an order as :func:`carry_out_order` does. Nobody waits for it: a refusal goes to the record's log."""
    try:
        carry_out_order(engine, item)
    except OrderFailed as error:
        remedy = "Correct what it says, and give the command again."
        link = engine.state.links.get(item.key) or Link(item.key, engine.mapping.object_name)
        run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
        with engine.state.transaction():
            logs.note_problem(engine, run_id, link, Problem("ORDER_REFUSED", "", "", str(error), remedy))
            engine.state.runs.record(run_id, item.key, "error")
        raise


def carry_out_order(engine: Engine, item: Item) -> str:
    """Carry out an order; return what came of it.

    Raises:
        OrderFailed: it was refused, in whole or in part.
        Deferred, Retriable, AuthFailed: it is begun again.
    """
    answer = _carry_out(engine, item)
    if answer.status != DONE:
        raise OrderFailed(answer.message)
    return answer.message


def _carry_out(engine: Engine, item: Item) -> Answer:
    payload, note = item.payload, attempts_note(item)
    if reason := refused_action(engine, _ACTIONS.get(str(payload.get("action")), "")):
        return Answer(FAILED, reason)
    if payload.get("action") == REFRESH:
        return _refresh(engine, item.key)
    if payload.get("action") not in (ASSIGN, ASSOCIATE):
        # `connector forget` empties what the queue holds of a record.
        return Answer(FAILED, "What was ordered is not known any more. Give the command again.")
    if reason := unconfirmed(engine):
        return Answer(FAILED, reason)
    let_earlier_go_first(engine, item)
    if payload["action"] == ASSIGN:
        return assign(engine, item.key, payload["assignee"], note=note)
    wishes = [Wish(bool(adds), str(kind), str(entity)) for adds, kind, entity in payload["wishes"]]
    try:
        outcome = change_associations(engine, item.key, wishes, str(payload["other"]), note=note)
    except RecordRejected as error:
        return Answer(FAILED, str(error))
    failures = outcome.failures
    told = "; ".join(f"{name}: {reason}" for name, reason in failures)
    total = len(outcome.results) + (outcome.other is not None)
    done = f"{total - len(failures)} of {total} changes done for {outcome.apn_id}"
    return Answer(FAILED if failures else DONE, f"{done}. {told}".strip())


def _refresh(engine: Engine, record_id: str) -> Answer:
    link = engine.state.links.get(record_id)
    if link is None or link.apn_id is None:
        return Answer(FAILED, "The record has no opportunity at AWS yet. Share it first.")
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    try:
        receive(engine, link.apn_id, run_id, fresh=True)
    except RecordRejected as error:
        return Answer(FAILED, str(error))
    return Answer(DONE, f"Salesforce is brought to what AWS has for {link.apn_id}.")

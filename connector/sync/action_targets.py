"""The record that an action is about, with the opportunity that AWS has for it."""

from __future__ import annotations

from datetime import timedelta

from connector.errors import Deferred, Problem, RecordRejected
from connector.store.links import Link
from connector.store.queue import Work
from connector.sync import logs, queueing
from connector.sync.answering import pending_turn
from connector.sync.engine import Engine, Priority
from connector.sync.inbound import receive
from connector.sync.ports import Row
from connector.sync.set_aside import is_set_aside, set_aside_problem

SOON = timedelta(seconds=30)
"""A turn towards AWS that is due within it goes ahead of an action on the same record."""


def shared_record(engine: Engine, record_id: str) -> tuple[Link, Row]:
    """Return the link of a record that AWS has an opportunity for, and the row as it is now. What the state does not
    know of either side is looked up.

    Raises:
        RecordRejected: it is not visible, was not shared or accepted yet, or nobody knows which opportunity is its own.
        Deferred: the record's own turn towards AWS is about to run; it goes first.
    """
    _let_turn_go_first(engine, record_id)
    row = _row(engine, record_id)
    link = engine.state.links.get(record_id)
    carried = str(row.get(engine.names.apn_id) or "")
    if (link is None or link.apn_id is None or link.applied is None) and (carried or (link and link.apn_id)):
        apn_id = (link.apn_id if link else None) or carried
        receive(engine, apn_id, logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS))
        link = engine.state.links.get(record_id)
    if link is None or link.apn_id is None:
        raise RecordRejected((_no_opportunity(engine, row, carried),))
    _refuse_unclear(engine, link)
    return link, row


def _row(engine: Engine, record_id: str) -> Row:
    name = engine.mapping.object_name
    if not record_id.startswith(engine.describe().key_prefix or "\0"):
        raise RecordRejected((_other_object(name, record_id),))
    found = engine.salesforce.rows(name, [record_id], engine.row_fields()).get(record_id)
    if found is None:
        problem = Problem(
            "RECORD_NOT_VISIBLE",
            "",
            record_id,
            f"{name} has no such record, or the integration user cannot see it.",
            "Check the id (18 characters) and the integration user's permissions.",
        )
        raise RecordRejected((problem,))
    return found


def _other_object(name: str, record_id: str) -> Problem:
    return Problem(
        "OTHER_OBJECT",
        "",
        record_id,
        f"Only records of {name} are synchronised with opportunities of AWS.",
        f"Ask for it on the record of {name}.",
    )


def _no_opportunity(engine: Engine, row: Row, carried: str) -> Problem:
    if row.get(engine.names.invitation_id):
        return Problem(
            "NOT_ACCEPTED",
            "",
            "",
            "AWS referred the opportunity and it is not accepted yet: until then AWS takes no change of it.",
            "Accept it with Approval Status first.",
        )
    if carried:
        return Problem(
            "IDENTIFIER_TAKEN",
            engine.names.apn_id,
            carried,
            "The record carries the identifier of an opportunity that belongs to another record.",
            "Clear the identifier if this is a copy, and share the record.",
        )
    return Problem(
        "NOT_SHARED", "", "", "The record has no opportunity at AWS yet.", "Share it first with Share with AWS."
    )


def _refuse_unclear(engine: Engine, link: Link) -> None:
    if is_set_aside(engine, link):
        raise RecordRejected((set_aside_problem(engine, link),))
    if link.status == "held":
        problem = Problem(
            "SEVERAL_OPPORTUNITIES",
            engine.names.apn_id,
            link.hold_reason,
            "AWS has several opportunities for the record.",
            "Put the identifier of the right one into the record and share it.",
        )
        raise RecordRejected((problem,))


def _let_turn_go_first(engine: Engine, record_id: str) -> None:
    """What the record itself is to send was said earlier, and an action would be planned on what it is about to
    change. A person waits for it by now, so that it goes ahead of other records' edits.
    """
    turn = pending_turn(engine, record_id, queueing.OUTBOUND)
    if turn is not None and turn.state == "waiting" and turn.retry_at <= engine.now() + SOON:
        hurried = Work(turn.kind, turn.key, turn.lane, Priority.REQUEST, turn.payload, turn.dedup)
        engine.state.queue.enqueue(hurried, engine.now(), at=turn.retry_at)
        raise Deferred(
            "The record's own edits go to AWS first.", max(turn.retry_at, engine.now()) + timedelta(seconds=2)
        )

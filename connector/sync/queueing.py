"""Who puts which work on the queue, under which key: one place, so that one record is worked on by one flow at a
time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector.store.links import Link
from connector.store.queue import Work
from connector.sync.engine import Engine, Priority

OUTBOUND = "outbound"
INBOUND = "inbound"
REQUEST = "request"
POLL = "poll"
DUE_SWEEP = "due-sweep"
MODIFIED_SWEEP = "modified-sweep"
SUMMARY_SWEEP = "summary-sweep"
FLUSH = "flush"
DELETIONS = "deletions"
RETENTION = "retention"
REFERRALS = "referrals"
REFERRAL = "referral"
DECISION = "referral-decision"

WRITE_LANE = "write"
READ_LANE = "read"


def enqueue_outbound(engine: Engine, link: Link, run_id: str, *, at: datetime | None = None) -> bool:
    """Queue the record's turn towards AWS. A turn that already waits is kept and takes the newer run."""
    priority = Priority.REQUEST if link.requested else Priority.EDIT
    work = Work(kind=OUTBOUND, key=link.record_id, lane=WRITE_LANE, priority=priority, payload={"run": run_id})
    return engine.state.queue.enqueue(work, engine.now(), at=at)


def enqueue_inbound(
    engine: Engine, apn_id: str, run_id: str, *, priority: int = Priority.INBOUND, fresh: bool = False
) -> bool:
    """Queue a look at one opportunity at AWS; its record's id is the key where we know the record."""
    link = engine.state.links.by_apn(apn_id)
    payload: dict[str, Any] = {"apn_id": apn_id, "run": run_id, "fresh": fresh}
    work = Work(
        kind=INBOUND,
        key=link.record_id if link else apn_id,
        lane=READ_LANE,
        priority=priority,
        payload=payload,
        dedup=f"{INBOUND}:{apn_id}",
    )
    return engine.state.queue.enqueue(work, engine.now())


def enqueue_referral(
    engine: Engine,
    invitation_id: str,
    run_id: str = "",
    *,
    priority: int = Priority.INBOUND,
    at: datetime | None = None,
) -> bool:
    """Queue a look at one invitation; its record's id is the key where we know the record."""
    invitation_id = invitation_id.rpartition("/")[2]
    known = engine.state.referrals.get(invitation_id)
    work = Work(
        kind=REFERRAL,
        key=(known.record_id if known else None) or invitation_id,
        lane=READ_LANE,
        priority=priority,
        payload={"invitation": invitation_id, "run": run_id},
        dedup=f"{REFERRAL}:{invitation_id}",
    )
    return engine.state.queue.enqueue(work, engine.now(), at=at)


def decision_work(record_id: str, decision: str, *, reason: str = "", note: str = "") -> Work:
    """Return the work item that answers a referral.

    Args:
        decision: ``accept`` or ``reject``.
        reason: why it is rejected.
        note: who decided, where no person did; for the log.
    """
    return Work(
        kind=DECISION,
        key=record_id,
        lane=WRITE_LANE,
        priority=Priority.INBOUND if note else Priority.REQUEST,
        payload={"decision": decision, "reason": reason, "note": note},
        dedup=f"{DECISION}:{record_id}",
    )


def enqueue_job(engine: Engine, kind: str, lane: str = READ_LANE, *, priority: int = Priority.SWEEP) -> bool:
    """Queue one periodic job; it is never piled up."""
    return engine.state.queue.enqueue(Work(kind=kind, key=kind, lane=lane, priority=priority), engine.now())

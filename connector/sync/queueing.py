"""Who puts which work on the queue, under which key: one place, so that one record is worked on by one flow at a
time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector.store.links import Link
from connector.store.queue import Work
from connector.sync.engine import TYPE, Engine, Priority

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
RETRIEVE = "exchange-retrieve"
FILE = "exchange-file"
UPLOAD = "exchange-upload"
RESULTS = "exchange-results"
STUCK = "exchange-stuck"
LIST = "marketplace-list"

WRITE_LANE = "write"
READ_LANE = "read"


def enqueue_outbound(engine: Engine, link: Link, run_id: str, *, at: datetime | None = None) -> bool:
    """Queue the record's turn towards AWS. A turn that already waits is kept and takes the newer run."""
    priority = Priority.REQUEST if link.requested else Priority.EDIT
    payload = {"run": run_id, **typed(engine)}
    work = Work(kind=OUTBOUND, key=link.record_id, lane=WRITE_LANE, priority=priority, payload=payload)
    return engine.state.queue.enqueue(work, engine.now(), at=at)


def typed(engine: Engine) -> dict[str, Any]:
    """Return what a work item's payload says of the type of its records."""
    return {} if engine.record_type == "opportunity" else {TYPE: engine.record_type}


def enqueue_inbound(
    engine: Engine, apn_id: str, run_id: str, *, priority: int = Priority.INBOUND, fresh: bool = False
) -> bool:
    """Queue a look at one opportunity at AWS; its record's id is the key where we know the record."""
    link = engine.state.links.by_apn(apn_id)
    payload: dict[str, Any] = {"apn_id": apn_id, "run": run_id, "fresh": fresh, **typed(engine)}
    work = Work(
        kind=INBOUND,
        key=link.record_id if link else apn_id,
        lane=READ_LANE,
        priority=priority,
        payload=payload,
        dedup=f"{INBOUND}:{apn_id}",
    )
    return engine.state.queue.enqueue(work, engine.now())


def enqueue_arrival(engine: Engine, arrived_id: int, apn_id: str, run_id: str) -> bool:
    """Queue one record that came in a file of the bucket; its Salesforce record's id is the key where we know it."""
    link = engine.state.links.by_apn(apn_id) if apn_id else None
    payload: dict[str, Any] = {"arrived": arrived_id, "apn_id": apn_id, "run": run_id, **typed(engine)}
    work = Work(
        kind=INBOUND,
        key=(link.record_id if link else apn_id) or f"arrived:{arrived_id}",
        lane=READ_LANE,
        priority=Priority.INBOUND,
        payload=payload,
        dedup=f"{INBOUND}:arrived:{arrived_id}",
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


def enqueue_results(engine: Engine) -> bool:
    """Queue a look for AWS's answers to files: one job for those about opportunities and about leads."""
    work = Work(kind=RESULTS, key=RESULTS, lane=READ_LANE, priority=Priority.SWEEP)
    return engine.state.queue.enqueue(work, engine.now())


def enqueue_job(
    engine: Engine, kind: str, lane: str = READ_LANE, *, priority: int = Priority.SWEEP, at: datetime | None = None
) -> bool:
    """Queue one periodic job for the engine's records; it is never piled up."""
    payload = typed(engine)
    key = f"{kind}:{engine.record_type}" if payload else kind
    work = Work(kind=kind, key=key, lane=lane, priority=priority, payload=payload)
    return engine.state.queue.enqueue(work, engine.now(), at=at)


def enqueue_list(engine: Engine, account: str, what: str, *, priority: int = Priority.SWEEP) -> int:
    """Queue reading a list of a seller account from AWS Marketplace; return the item's id. One that waits is joined,
    and of one account one is read at a time. Where a person asks, what waits to be tried again is tried now.
    """
    payload = {"account": account, "list": what}
    work = Work(
        kind=LIST,
        key=f"marketplace:{account}",
        lane=READ_LANE,
        priority=priority,
        payload=payload,
        dedup=f"{LIST}:{account}:{what}",
    )
    with engine.state.transaction():
        engine.state.queue.enqueue(work, engine.now())
        waiting = engine.state.queue.list("waiting", 1000, key=work.key)
        item = next(one for one in waiting if one.dedup == work.dedup)
        if priority == Priority.REQUEST:
            engine.state.queue.requeue(item.id, engine.now())
    return item.id

"""Submitting a draft to AWS: one task, followed until AWS says what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.errors import Deferred, Problem, RecordRejected, Retriable, StaleRecord
from connector.store.links import Link
from connector.store.shares import Share
from connector.sync.engine import Engine
from connector.sync.plan import Submit
from connector.sync.tokens import submit_token

POLL_AFTER = timedelta(seconds=2)
QUOTA_PAUSE = timedelta(hours=2)
_PASSING = ("InternalError", "RequestThrottled")


def submission_under_way(engine: Engine, link: Link) -> bool:
    """Whether this record's share was begun by us and has not reached its end."""
    return engine.state.shares.get(link.record_id) is not None


def drop_share(engine: Engine, link: Link) -> None:
    """The share reached its end, or the record needs none."""
    engine.state.shares.delete(link.record_id)


def submit(engine: Engine, link: Link, action: Submit) -> None:
    """Start or follow the submission task until it is complete.

    Raises:
        Deferred: the task is still running.
        RecordRejected: AWS refused the submission; the next attempt uses a new token.
        Retriable: the task failed for a passing reason.
    """
    share = engine.state.shares.get(link.record_id) or _begin(engine, link)
    task = _follow(engine, share) or _start(engine, link, share, action)
    match task.get("TaskStatus"):
        case "COMPLETE":
            # The task moved LastModifiedDate and the review status.
            link.aws = None
            engine.state.links.save(link)
        case "FAILED":
            _fail(engine, share, task)
        case _:
            raise Deferred("AWS is still working on the submission.", engine.now() + POLL_AFTER)


def _begin(engine: Engine, link: Link) -> Share:
    now = engine.now()
    share = Share(
        record_id=link.record_id,
        generation=0,
        step="created",
        create_request="",
        create_token="",
        submit_token="",
        apn_id=link.apn_id,
        started_at=now,
        updated_at=now,
    )
    engine.state.shares.save(share)
    return share


def _follow(engine: Engine, share: Share) -> dict[str, Any] | None:
    if not share.task_id:
        return None
    tasks = engine.partner_central.engagement_tasks(task_id=share.task_id)
    return tasks[0] if tasks else None


def _start(engine: Engine, link: Link, share: Share, action: Submit) -> dict[str, Any]:
    apn_id = link.apn_id or ""
    share.submit_token = submit_token(engine.org_id, link.record_id, apn_id, share.generation)
    share.step, share.involvement, share.visibility = "submitting", action.involvement, action.visibility
    engine.state.shares.save(share)
    # Same token and same words: repeating this after a lost answer starts nothing twice.
    try:
        task = engine.partner_central.start_engagement(
            apn_id, token=share.submit_token, involvement=action.involvement, visibility=action.visibility
        )
    except StaleRecord:
        task = _started_before(engine, share, apn_id)
    share.step, share.task_id = "polling", task.get("TaskId")
    engine.state.shares.save(share)
    return task


def _started_before(engine: Engine, share: Share, apn_id: str) -> dict[str, Any]:
    """Return the task that used the token with other words, by a lost answer or a lost state, if it lives.

    Raises:
        Retriable: it came to nothing; the next token is tried.
    """
    tasks = engine.partner_central.engagement_tasks(opportunity_id=apn_id)
    alive = next((task for task in tasks if task.get("TaskStatus") in ("IN_PROGRESS", "COMPLETE")), None)
    if alive is None:
        share.generation, share.task_id, share.step = share.generation + 1, None, "created"
        engine.state.shares.save(share)
        raise Retriable("The submission's token was used before with other words; the next one is tried.", after=1)
    return alive


def _fail(engine: Engine, share: Share, task: dict[str, Any]) -> None:
    share.generation, share.task_id, share.step = share.generation + 1, None, "created"
    engine.state.shares.save(share)
    reason, message = str(task.get("ReasonCode") or "unknown"), str(task.get("Message") or "")
    if reason == "ServiceQuotaExceeded":
        raise Deferred(f"AWS's quota of submissions is used up: {message}", engine.now() + QUOTA_PAUSE)
    if reason in _PASSING or reason.endswith("Conflict"):
        raise Retriable(f"The submission failed for a passing reason ({reason}): {message}", after=60)
    problem = Problem(
        "SUBMISSION_FAILED",
        "",
        reason,
        f"AWS did not accept the submission: {message or reason}.",
        "Correct the record as AWS says and share it again."
        if not reason.endswith("AccessDenied")
        else "Give the connector's AWS role the permissions that its policy file lists, then share again.",
    )
    raise RecordRejected((problem,))

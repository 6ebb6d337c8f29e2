"""Answering a referral: accept it by the task that makes its opportunity, or reject it with a reason.

Nothing but the invitation's id and the decision goes to AWS. What was asked is stored before it is asked, with a token
that is derived: whatever was lost, repeating the call makes no second opportunity, and what AWS says of an invitation
that is answered already is looked up, not guessed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.ace.invitation_shape import (
    ACCEPTED,
    EXPIRED,
    PENDING,
    REASON,
    REJECTED,
    STATUS,
    rejection_reason,
    rejection_reasons,
    status_of,
)
from connector.errors import Deferred, Problem, RecordGone, RecordRejected, Retriable, StaleRecord
from connector.store.queue import Item
from connector.store.referrals import Referral
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.file_requests import refused_action
from connector.sync.inbound import receive
from connector.sync.other_integrations import require_confirmed
from connector.sync.ports import Json
from connector.sync.referral_links import TASK_PAUSE, acceptance_tasks, bury_record, remember_invitation
from connector.sync.referral_marks import close, has_arrived, link_of
from connector.sync.referral_notes import spelled
from connector.sync.referrals import is_being_decided, look_at_invitation, opportunity_of
from connector.sync.tokens import accept_token

ACCEPT, REJECT = "accept", "reject"
QUOTA_PAUSE = timedelta(hours=2)
_PASSING = ("InternalError", "RequestThrottled")


def perform_decision(engine: Engine, item: Item) -> None:
    """Carry out an answer that was queued: by the command line, or by the accept rule.

    Raises:
        RecordRejected: it cannot be given; the executor tells it on the record.
        ConfigError: another integration is at work, and nobody confirmed that both may send.
    """
    require_confirmed(engine)
    if reason := refused_action(engine, "Accept"):
        raise RecordRejected((_problem("DECISION_BY_FIELD", "", reason, "Answer it there."),))
    decision, note = str(item.payload.get("decision") or ""), str(item.payload.get("note") or "")
    if decision not in (ACCEPT, REJECT):
        raise RecordRejected(
            (_problem("DECISION_FORGOTTEN", "", "What was decided is not known any more.", "Decide again."),)
        )
    referral = referral_of(engine, item.key)
    if decision == REJECT:
        reject(engine, referral, str(item.payload.get("reason") or ""))
    elif not note or _is_left_to_rule(engine, referral, item):
        accept(engine, referral, note)


def _is_left_to_rule(engine: Engine, referral: Referral, item: Item) -> bool:
    """Whether the accept rule may still answer: nobody else did, and no person deleted the record meanwhile."""
    if referral.decision == ACCEPT:
        return True
    record_id = referral.record_id or ""
    if is_being_decided(engine, record_id, besides=item.id):
        return False
    if record_id in engine.salesforce.deleted(referral.object_name, [record_id]):
        bury_record(engine, referral)
        return False
    return referral.status == PENDING


def referral_of(engine: Engine, record_id: str) -> Referral:
    """Return the referral whose record it is, also one that a lost state does not know.

    Raises:
        RecordRejected: AWS did not refer it (PCAPI-12), or the record or its invitation cannot be seen.
    """
    known = engine.state.referrals.of_record(record_id)
    if known is not None:
        return known
    fields = ("Id", *(name for name in engine.own_fields() if name != engine.names.has_updates))
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], fields).get(record_id)
    if row is None:
        raise RecordRejected((_unseen(engine, record_id),))
    invitation_id = str(row.get(engine.names.invitation_id) or "")
    if not invitation_id:
        raise RecordRejected((_not_referred(record_id),))
    try:
        answer = engine.partner_central.get_engagement_invitation(invitation_id)
    except RecordGone:
        raise RecordRejected((_out_of_reach(invitation_id),)) from None
    return remember_invitation(engine, answer, record_id)


def accept(engine: Engine, referral: Referral, note: str = "") -> str:
    """Accept the referral and bring its opportunity in; return AWS's id of it. Accepting twice is the same as once.

    Args:
        note: who decided, where no person did; for the log.

    Raises:
        Deferred: the task is still running.
        Retriable: a passing fault, or an outcome that is unknown.
        RecordRejected: the referral was rejected or lapsed, or AWS did not accept the acceptance.
    """
    if referral.settled and referral.status == ACCEPTED and has_arrived(engine, referral):
        return referral.opportunity_id or ""
    task = {} if referral.status == ACCEPTED else _task(engine, referral)
    apn_id = str(task.get("OpportunityId") or "") or opportunity_of(engine, referral)
    if not apn_id:
        pause = TASK_PAUSE.total_seconds()
        raise Retriable("The referral is accepted; AWS does not name its opportunity yet.", after=pause)
    return _bring_in(engine, referral, apn_id, task, note)


def reject(engine: Engine, referral: Referral, reason: str) -> None:
    """Reject the referral. What AWS showed of it is stored before: afterwards it shows nothing. Rejecting twice is the
    same as once.

    Args:
        reason: one of AWS's reasons.

    Raises:
        RecordRejected: the reason is none of AWS's, or the referral was accepted or lapsed.
        Retriable: a passing fault, or an outcome that is unknown.
    """
    chosen = _checked_reason(reason)
    if referral.status == REJECTED and referral.settled:
        return
    _require_open(engine, referral)
    _store_before(engine, referral, chosen)
    try:
        engine.partner_central.reject_invitation(referral.invitation_id, chosen)
    except (StaleRecord, RecordGone):
        _rejected_before(engine, referral)
    except RecordRejected:
        _look_again(engine, referral)
        raise
    run_id = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    close(engine, referral, REJECTED, run_id)


def _task(engine: Engine, referral: Referral) -> Json:
    """Return the task that accepted the invitation, which is complete."""
    task = _followed(engine, referral) or _start(engine, referral)
    match task.get("TaskStatus"):
        case "COMPLETE":
            return task
        case "FAILED":
            raise _failure(engine, referral, task)
        case _:
            raise Deferred("AWS is still working on the acceptance.", engine.now() + TASK_PAUSE)


def _followed(engine: Engine, referral: Referral) -> Json | None:
    if not referral.task_id:
        return None
    tasks = engine.partner_central.acceptance_tasks(task_id=referral.task_id)
    return tasks[0] if tasks else None


def _start(engine: Engine, referral: Referral) -> Json:
    # What was asked before and not answered is asked again, whatever the deadline says: it may have arrived in time.
    if not (referral.decision == ACCEPT and referral.token):
        _require_open(engine, referral)
    referral.decision = "accept"
    referral.token = accept_token(engine.org_id, referral.invitation_id, engine.catalog, referral.generation)
    engine.state.referrals.save(referral)
    try:
        task = engine.partner_central.accept_invitation(referral.invitation_id, token=referral.token)
    except StaleRecord:
        return _answered_before(engine, referral)
    except RecordRejected:
        _next_generation(engine, referral)
        _look_again(engine, referral)
        raise
    referral.task_id = task.get("TaskId")
    engine.state.referrals.save(referral)
    return task


def _answered_before(engine: Engine, referral: Referral) -> Json:
    """Return what became of an invitation that does not take the answer: a lost state, another worker or a colleague
    answered it.

    Raises:
        RecordRejected: it was rejected or lapsed.
        Retriable: the token was used before without a result; the next one is tried.
    """
    tasks = acceptance_tasks(engine, referral.invitation_id)
    alive = next((task for task in tasks if task.get("TaskStatus") in ("IN_PROGRESS", "COMPLETE")), None)
    if alive is not None:
        return alive
    status = _look_again(engine, referral)
    if status == ACCEPTED:
        return {"TaskStatus": "COMPLETE"}
    _require_open(engine, referral)
    _next_generation(engine, referral)
    raise Retriable("The acceptance's token was used before without a result; the next one is tried.", after=1)


def _look_again(engine: Engine, referral: Referral) -> str:
    """AWS did not take the answer: bring the record to what AWS has; return the invitation's status."""
    try:
        answer = engine.partner_central.get_engagement_invitation(referral.invitation_id)
    except RecordGone:
        look_at_invitation(engine, referral.invitation_id)
        known = engine.state.referrals.get(referral.invitation_id)
        referral.status = known.status if known else referral.status
        return referral.status
    status = status_of(answer)
    if status in (REJECTED, EXPIRED):
        close(engine, referral, status, logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS))
    return status


def _next_generation(engine: Engine, referral: Referral) -> None:
    referral.generation, referral.token, referral.task_id, referral.decision = referral.generation + 1, "", None, ""
    engine.state.referrals.save(referral)


def _failure(engine: Engine, referral: Referral, task: Json) -> Deferred | Retriable | RecordRejected:
    """Return what a failed task means; it would fail again under its token."""
    _next_generation(engine, referral)
    reason, message = str(task.get("ReasonCode") or "unknown"), str(task.get("Message") or "")
    if reason == "ServiceQuotaExceeded":
        return Deferred(f"AWS's quota of acceptances is used up: {message}", engine.now() + QUOTA_PAUSE)
    if reason in _PASSING or reason.endswith("Conflict"):
        return Retriable(f"The acceptance failed for a passing reason ({reason}): {message}", after=60)
    denied = reason.endswith("AccessDenied")
    remedy = (
        "Give the connector's AWS role the permissions that its policy file lists, then accept again."
        if denied
        else "Do what AWS says, then accept again; Partner Central can do it, too."
    )
    return RecordRejected(
        (_problem("ACCEPTANCE_FAILED", reason, f"AWS did not accept the acceptance: {message or reason}.", remedy),)
    )


def _bring_in(engine: Engine, referral: Referral, apn_id: str, task: Json, note: str) -> str:
    """Give the record its opportunity, with everything that AWS shows only now."""
    with engine.state.transaction():
        referral.status, referral.opportunity_id = ACCEPTED, apn_id
        engine.state.referrals.save(referral)
    out = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    receive(engine, apn_id, logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS), fresh=True)
    link = link_of(engine, referral)
    if link is not None and link.apn_id == apn_id:
        payload: dict[str, Any] = {"Identifier": referral.invitation_id, "TaskId": task.get("TaskId")}
        logs.log_success(engine, out, link, payload, note or f"Accepted: AWS has it as {apn_id}.")
    settled = engine.state.referrals.get(referral.invitation_id)
    if settled is not None and not settled.settled:
        settled.settled = True
        engine.state.referrals.save(settled)
    return apn_id


def _store_before(engine: Engine, referral: Referral, reason: str) -> None:
    try:
        answer = engine.partner_central.get_engagement_invitation(referral.invitation_id)
    except RecordGone:
        answer = referral.payload  # rejected by a call whose answer was lost
    else:
        referral.payload = answer
    referral.decision, referral.reason = "reject", reason
    engine.state.referrals.save(referral)


def _rejected_before(engine: Engine, referral: Referral) -> None:
    """Let pass an invitation that is rejected already.

    Raises:
        RecordRejected: it was accepted or lapsed.
        Retriable: AWS's list does not show yet what became of it.
    """
    listed = engine.partner_central.list_engagement_invitations(statuses=(REJECTED,))
    if any(str(one["Id"]).endswith(referral.invitation_id) for page in listed for one in page):
        return
    status = _look_again(engine, referral)
    if status == ACCEPTED:
        referral.status = ACCEPTED
        engine.state.referrals.save(referral)
    _require_open(engine, referral)
    raise Retriable("AWS does not show yet what became of the rejection; it is asked again.", after=5)


def _require_open(engine: Engine, referral: Referral) -> None:
    """Raise RecordRejected where the referral takes no answer any more."""
    value = referral.invitation_id
    if referral.status == ACCEPTED:
        end = "Close the opportunity as Closed Lost instead, with a reason."
        raise RecordRejected((_problem("REFERRAL_ACCEPTED", value, "The referral was accepted already.", end),))
    if referral.status == REJECTED:
        ask = "Ask your AWS contact to refer it again."
        raise RecordRejected((_problem("REFERRAL_REJECTED", value, "The referral was rejected already.", ask),))
    if referral.status == EXPIRED or (referral.expires is not None and engine.now() >= referral.expires):
        rule = f"The referral lapsed on {spelled(referral.expires)}; AWS takes no answer any more."
        raise RecordRejected(
            (_problem("REFERRAL_LAPSED", value, rule, "Ask your AWS contact to refer it again if you want it."),)
        )


def reason_problem(reason: str) -> Problem | None:
    """Return what is wrong with a reason for a rejection, None for one of AWS's."""
    given = reason.strip()
    if given and rejection_reason(given) is not None:
        return None
    rule = "AWS takes a rejection with a reason of its list only." if given else "A rejection needs a reason."
    return Problem("REASON_REQUIRED", REASON, given, rule, f"Use one of: {', '.join(rejection_reasons())}.")


def _checked_reason(reason: str) -> str:
    problem = reason_problem(reason)
    if problem is not None:
        raise RecordRejected((problem,))
    return rejection_reason(reason) or ""


def _problem(code: str, value: str, rule: str, remedy: str) -> Problem:
    return Problem(code, STATUS, value, rule, remedy)


def _not_referred(record_id: str) -> Problem:
    return _problem(
        "NOT_A_REFERRAL",
        record_id,
        "Only an opportunity that AWS referred can be accepted or rejected; this record is none.",
        "Use Share with AWS for a deal of your own.",
    )


def _unseen(engine: Engine, record_id: str) -> Problem:
    return _problem(
        "RECORD_NOT_VISIBLE",
        record_id,
        f"{engine.mapping.object_name} has no such record, or the integration user cannot see it.",
        "Check the id (18 characters) and the integration user's permissions.",
    )


def _out_of_reach(invitation_id: str) -> Problem:
    return _problem(
        "INVITATION_NOT_VISIBLE",
        invitation_id,
        "AWS does not show the record's invitation any more: it was rejected, or these credentials do not see it.",
        "Check it in Partner Central.",
    )

"""What sellers ask of a referral by the packaged actions: *Approval Status*, *Accept* and *Reject* (PCAPI-10)."""

from __future__ import annotations

from datetime import timedelta

from connector.errors import Deferred, RecordRejected
from connector.names import ActionRequest
from connector.store.referrals import Referral
from connector.sync.action_outcome import DONE, FAILED, Answer
from connector.sync.asking import Request
from connector.sync.engine import Engine
from connector.sync.referral_decisions import accept, referral_of, reject
from connector.sync.referral_marks import link_of

SOON = timedelta(seconds=3)


def decide_by_status(engine: Engine, request: Request) -> Answer | None:
    """Accept or reject as the request's Partner Acceptance Status says."""
    match str(request.row.get(ActionRequest.PARTNER_ACCEPTANCE_STATUS) or ""):
        case "Accepted":
            return accept_on_request(engine, request)
        case "Rejected":
            return reject_on_request(engine, request)
        case other:
            return Answer(FAILED, f"Partner Acceptance Status is {other or 'empty'}. Choose Accepted or Rejected.")


def accept_on_request(engine: Engine, request: Request) -> Answer | None:
    """Accept the referral; the answer follows once the record shows what AWS shows only then."""
    try:
        referral = referral_of(engine, request.record_id)
        apn_id = accept(engine, referral)
    except RecordRejected as error:
        return Answer(FAILED, str(error))
    _await_record(engine, request.record_id)
    return Answer(
        DONE, f"Accepted. AWS has the opportunity as {apn_id}{_status(engine, referral)}.{_left(engine, request)}"
    )


def reject_on_request(engine: Engine, request: Request) -> Answer | None:
    """Reject the referral with the request's reason."""
    try:
        referral = referral_of(engine, request.record_id)
        reject(engine, referral, str(request.row.get(ActionRequest.REJECTION_REASON) or ""))
    except RecordRejected as error:
        return Answer(FAILED, str(error))
    _await_record(engine, request.record_id)
    reason = f": {referral.reason}" if referral.reason else ""  # a colleague's reason AWS does not tell
    return Answer(DONE, f"Rejected{reason}. AWS shows nothing more of it.")


def _await_record(engine: Engine, record_id: str) -> None:
    """Raise Deferred while the record does not show yet what came of it: the request is begun again, to no effect."""
    if engine.state.writebacks.waits_for(record_id):
        engine.person_waits = True
        raise Deferred("It is done at AWS; the record is being written.", engine.now() + SOON)


def _status(engine: Engine, referral: Referral) -> str:
    link = link_of(engine, referral)
    return f", approval status {link.review_status}" if link is not None and link.review_status else ""


def _left(engine: Engine, request: Request) -> str:
    found = engine.state.problems.open_for(request.record_id)
    named = ", ".join(f"{one.code} {one.field}".strip() for one in found)
    return f" Still open: {named} (the record's sync log details say more)." if named else ""

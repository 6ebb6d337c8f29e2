"""What people are told of a referral that waits for an answer."""

from __future__ import annotations

from datetime import datetime

from connector.ace.invitation_shape import ACCEPT_BY, ACCEPTED, EXPIRED, PENDING, REJECTED, STATUS
from connector.errors import Problem
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.store.referrals import Referral
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.ports import Row

REMINDER, LAPSED, NOT_SENT, UNANSWERED = (
    "INVITATION_LAPSES",
    "INVITATION_EXPIRED",
    "DECISION_NOT_SENT",
    "PENDING_INVITATION",
)
_ASK = "Use the action Approval Status on the record, or `connector action accept` and `connector action reject`."
_NONE_LEFT = "For a deal of your own create a record of its own; otherwise clear Sync with AWS."
_REASONS = {
    PENDING: ("AWS referred this opportunity, and nobody accepted it yet: nothing of it is sent.", _ASK),
    ACCEPTED: (
        "The referral was accepted, and its opportunity is being looked for at AWS.",
        "Nothing to do: edits go out once it is found.",
    ),
    REJECTED: ("The referral was rejected; AWS takes nothing for it any more.", _NONE_LEFT),
    EXPIRED: ("The referral lapsed unanswered; AWS takes nothing for it any more.", _NONE_LEFT),
}


def awaits_acceptance(engine: Engine, record_id: str, row: Row) -> bool:
    """Whether the record is a referral without an opportunity: nothing may be created for it at AWS.

    Args:
        row: the record with the connector's own fields, as far as they were read.
    """
    if row.get(engine.names.apn_id):
        return False
    if not row.get(engine.names.invitation_id) and engine.state.referrals.of_record(record_id) is None:
        return False
    link = engine.state.links.get(record_id)
    return link is None or not link.apn_id


def not_accepted(engine: Engine, record_id: str, row: Row) -> Problem:
    """Return why a referral's record does not go out."""
    referral = engine.state.referrals.of_record(record_id)
    rule, remedy = _REASONS[referral.status if referral else PENDING]
    return Problem(UNANSWERED, "", str(row.get(engine.names.invitation_id) or ""), rule, remedy)


def typed_decision(engine: Engine, link: Link, row: Row) -> Problem | None:
    """Return the hint that a decision which a person typed into the record is not sent (PCAPI-11); None without one."""
    mapped = engine.mapping.field(STATUS)
    if mapped is None:
        return None
    typed = snapshot(engine.mapping, row).get(mapped.path)
    if typed is None or typed == link.seen.get(mapped.path):
        return None
    return Problem(
        NOT_SENT,
        STATUS,
        typed,
        "With Partner Central's API a decision that is entered in this field is not sent to AWS.",
        f"{_ASK} The field then shows what AWS has.",
    )


def lapses_soon(referral: Referral) -> Problem:
    """Return the reminder of a decision (IN-10)."""
    return Problem(
        REMINDER, ACCEPT_BY, spelled(referral.expires), "AWS takes an answer to this referral until then only.", _ASK
    )


def lapsed(referral: Referral) -> Problem:
    """Return that a referral went by."""
    return Problem(
        LAPSED,
        ACCEPT_BY,
        spelled(referral.expires),
        "The referral lapsed without an answer.",
        "Ask your AWS contact to refer it again if you want it; nothing else needs to be done.",
    )


def drop_hints(engine: Engine, record_id: str) -> None:
    """Close what was told of an answer that was still to be given, or seemed to come too late."""
    hints = {REMINDER, LAPSED, NOT_SENT, UNANSWERED}
    others = [one for one in engine.state.problems.open_for(record_id) if one.code not in hints]
    logs.resolve(engine, record_id, keep=[(one.code, one.field) for one in others])


def spelled(moment: datetime | None) -> str:
    """Return the moment as people read it, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""

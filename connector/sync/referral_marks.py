"""What a referral's record shows of how it was answered."""

from __future__ import annotations

from typing import Any

from connector.ace.invitation_shape import ACCEPT_BY, EXPIRED, REASON, STATUS
from connector.ace.record import Value
from connector.mapping.inbound import to_salesforce
from connector.mapping.picklists import active_values, to_salesforce_value
from connector.store.links import Link
from connector.store.referrals import Referral
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.referral_notes import lapsed, lapses_soon
from connector.sync.writeback import put

_ELSEWHERE = "It was rejected in Partner Central."


def link_of(engine: Engine, referral: Referral) -> Link | None:
    """Return the link of the referral's record; None where it has none, or a person deleted it."""
    if referral.record_id is None:
        return None
    link = engine.state.links.get(referral.record_id) or Link(referral.record_id, referral.object_name, origin="aws")
    return None if link.status == "tombstone" else link


def has_arrived(engine: Engine, referral: Referral) -> bool:
    """Whether what AWS says of the opportunity was brought to the record since the two were linked: an interruption
    may have come in between.
    """
    link = link_of(engine, referral)
    return link is None or bool(link.aws_modified)


def close(engine: Engine, referral: Referral, status: str, run_id: str, *, note: str = "") -> None:
    """The referral ended without an opportunity: its record shows it, its log says why, and nothing more is asked of
    AWS. A referral that lapsed shows as rejected, as AWS's data model has it.

    Args:
        status: REJECTED or EXPIRED.
        run_id: an inbound run where AWS told us, an outbound one where we told AWS.
        note: for the log of a rejected one; by default, who rejected it.
    """
    link = link_of(engine, referral)
    # Of the decision the record shows what AWS took, whatever a person typed into the field.
    values = _values(engine, {STATUS: "Rejected"}) | _reason_value(engine, referral) if link else {}
    with engine.state.transaction():
        referral.status, referral.settled = status, True
        engine.state.referrals.save(referral)
        if link is None:
            return
        engine.state.links.save(link)
        if values:
            put(engine, link, values)
        # Whatever was wrong with the record, nobody needs to mend it any more.
        logs.resolve(engine, link.record_id)
        if status == EXPIRED:
            logs.note_problem(engine, run_id, link, lapsed(referral))
        else:
            payload = {"Identifier": referral.invitation_id, "RejectionReason": referral.reason or None}
            own = f"Rejected: {referral.reason}." if referral.decision == "reject" else _ELSEWHERE
            logs.log_success(engine, run_id, link, payload, note or own)


def tell_reminder(engine: Engine, referral: Referral, run_id: str) -> None:
    """Remind once of the deadline, by a detail that stays open until the referral is answered or lapses."""
    link = link_of(engine, referral)
    with engine.state.transaction():
        referral.reminded = True
        engine.state.referrals.save(referral)
        if link is not None:
            logs.note_problem(engine, run_id, link, lapses_soon(referral))


def mark_expiry(engine: Engine, referral: Referral) -> None:
    """AWS moved the deadline: the record shows the new one, and is reminded of it."""
    link = link_of(engine, referral)
    values = _values(engine, {ACCEPT_BY: referral.expires}) if link else {}
    with engine.state.transaction():
        referral.reminded = False
        engine.state.referrals.save(referral)
        if link is not None:
            if link.applied is not None:
                link.applied[ACCEPT_BY] = referral.expires
                engine.state.links.save(link)
            if values:
                put(engine, link, values)


def _values(engine: Engine, facts: dict[str, Value]) -> dict[str, Any]:
    values, _ = to_salesforce(engine.mapping, facts, engine.describe(), creating=False, catalogue=engine.catalogue)
    return values


def _reason_value(engine: Engine, referral: Referral) -> dict[str, Any]:
    """Return the reason for the record's own field, where it takes it: AWS never sends it back."""
    mapped = engine.mapping.field(REASON)
    field = engine.describe().field(mapped.path) if mapped is not None and not mapped.related else None
    if mapped is None or field is None or not field.updateable or not referral.reason:
        return {}
    text = to_salesforce_value(mapped, referral.reason)
    fits = text in active_values(field) or not field.restricted_picklist
    return {field.name: text} if fits else {}

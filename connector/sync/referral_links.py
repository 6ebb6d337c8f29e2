"""Which record is which referral's, and which opportunity became of it: acceptance must give the record that is there
an opportunity, and never make a second record.

AWS names the opportunity in the task that accepted the invitation. Where a colleague accepted in Partner Central and no
task tells, it is known by what the invitation showed: title, company and close date.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connector.ace.invitation_shape import (
    ACCEPTED,
    OWNERSHIP,
    PENDING,
    STATUS,
    expiry_of,
    from_invitation,
    status_of,
)
from connector.ace.record import AceRecord
from connector.ace.text import same
from connector.errors import Deferred, Problem, RecordGone, RecordRejected
from connector.mapping.outbound import snapshot
from connector.store.links import Link
from connector.store.referrals import Referral
from connector.sync.adoption import is_record_id, restore_seen
from connector.sync.arrival import Arrival, referral_facts
from connector.sync.corrections import corrected
from connector.sync.create import ADOPTED
from connector.sync.engine import Engine
from connector.sync.ports import Json, Row
from connector.sync.referral_notes import drop_hints
from connector.sync.writeback import write_identifier

TASK_PAUSE = timedelta(seconds=2)
_KNOWN = "referrals:known"
_REFERRED = "AWS Referral"
_TITLE, _COMPANY, _CLOSE = "partnerProjectTitle", "customerCompanyName", "targetCloseDate"


def remember_invitation(engine: Engine, answer: Json, record_id: str | None = None) -> Referral:
    """Keep what AWS says of an invitation; what is known of it besides stays."""
    invitation_id, now = str(answer["Id"]), engine.now()
    known = engine.state.referrals.get(invitation_id)
    referral = known or Referral(invitation_id, engine.mapping.object_name, status_of(answer), now)
    referral.payload, referral.expires, referral.looked_at = answer, expiry_of(answer), now
    referral.record_id = referral.record_id or record_id
    engine.state.referrals.save(referral)
    return referral


def adopt_referral(engine: Engine, arrival: Arrival) -> tuple[Link | None, Arrival]:
    """Link an opportunity that has no record of its own with the record of the referral that it came from. Return the
    link, None where there is no such record, and what arrived with what the referral adds.

    What the record was made with counts as AWS's: only what a person changed since is an edit.

    Raises:
        Deferred: an acceptance is under way that may have made it.
        RecordRejected: it may be the opportunity of several referrals.
    """
    referral = _find(engine, arrival)
    if referral is None:
        return None, arrival
    know_record(engine, referral)
    link = _prepared(engine, referral, arrival)
    with engine.state.transaction():
        referral.status, referral.opportunity_id, referral.settled = ACCEPTED, arrival.id, True
        engine.state.referrals.save(referral)
        _keep_corrections(engine, referral.invitation_id, arrival.id)
        if link is not None:
            _link(engine, link, arrival.id)
    # What was corrected of the referral is the opportunity's only now.
    record, note = corrected(engine, arrival.id, {**arrival.record, **referral_facts(engine, arrival.id)})
    return link, replace(arrival, record=record, note=note or arrival.note)


def know_record(engine: Engine, referral: Referral) -> None:
    """Learn which record bears the invitation's id, where a lost state does not know: never a second one is made, and
    none in the place of one that a person deleted.
    """
    if referral.record_id is not None or engine.describe().field(engine.names.invitation_id) is None:
        return
    holders = engine.salesforce.holders(engine.mapping.object_name, engine.names.invitation_id, referral.invitation_id)
    # One that exists before one that was deleted.
    record_id = min(holders, key=lambda one: holders[one], default=None)
    if record_id is None:
        return
    with engine.state.transaction():
        referral.record_id = record_id
        engine.state.referrals.save(referral)
        if holders[record_id]:
            bury_record(engine, referral)


def bury_record(engine: Engine, referral: Referral) -> None:
    """A person deleted the record: the referral is left to whoever decides it in Partner Central."""
    record_id = referral.record_id or ""
    link = engine.state.links.get(record_id) or Link(record_id, referral.object_name, origin="aws")
    link.status = "tombstone"
    engine.state.links.save(link)


def _prepared(engine: Engine, referral: Referral, arrival: Arrival) -> Link | None:
    """Return the link of the referral's record as it is to be kept; None where it has no record."""
    if referral.record_id is None:
        return None
    link = engine.state.links.get(referral.record_id) or Link(referral.record_id, referral.object_name)
    if link.apn_id not in (None, arrival.id):
        raise RecordRejected((_other_opportunity(link, arrival.id),))
    rows = engine.salesforce.rows(referral.object_name, [link.record_id], engine.row_fields())
    row = rows.get(link.record_id)
    if row is not None:
        if link.applied is None:
            _recall(engine, link, row, referral, arrival)
        _absorb_decision(engine, link, row)
    return link


def _link(engine: Engine, link: Link, apn_id: str) -> None:
    link.apn_id, link.origin = apn_id, "aws"
    if link.status != "tombstone":
        link.status = "linked"
        write_identifier(engine, link)
        drop_hints(engine, link.record_id)
    engine.state.links.save(link)


def _recall(engine: Engine, link: Link, row: Row, referral: Referral, arrival: Arrival) -> None:
    """Work out, for a state that lost its memory, what the record was made with: where it says what the invitation
    showed, nobody edited it.
    """
    restore_seen(engine, link, row, arrival.record, arrival.answer)
    shown, snap = from_invitation(referral.payload), snapshot(engine.mapping, row)
    record, _ = engine.to_ace(row)
    for item in engine.mapping.fields:
        name = item.ace_field
        if name in shown and name in record and shown[name] is not None and same(shown[name], record[name]):
            link.seen[item.path] = snap[item.path]
            link.applied = {**(link.applied or {}), name: shown[name]}


def _absorb_decision(engine: Engine, link: Link, row: Row) -> None:
    """A decision that was typed into the record is no edit to be sent, and gives way to the one that was made."""
    mapped = engine.mapping.field(STATUS)
    if mapped is not None:
        link.seen = {**link.seen, mapped.path: snapshot(engine.mapping, row).get(mapped.path)}


def _keep_corrections(engine: Engine, invitation_id: str, apn_id: str) -> None:
    """What a person corrected of the referral holds for its opportunity, too (IN-16)."""
    for one in engine.state.corrections.of(invitation_id):
        engine.state.corrections.keep(replace(one, apn_id=apn_id))
        engine.state.corrections.drop(invitation_id, one.ace_field)


def _find(engine: Engine, arrival: Arrival) -> Referral | None:
    """Return the referral whose acceptance made the opportunity, None for any other opportunity."""
    known = engine.state.referrals.of_opportunity(arrival.id)
    if known is not None:
        return known
    if is_record_id(engine, str(arrival.answer.get("PartnerOpportunityIdentifier") or "")):
        return None
    if arrival.record.get(OWNERSHIP) == _REFERRED:
        know_rows(engine)
    open_ones = engine.state.referrals.open()
    # AWS's clock decides what lapsed, and may have let somebody accept after ours had closed it.
    alike = [one for one in (*open_ones, *engine.state.referrals.lapsed()) if is_alike(one, arrival.record)]
    of_day = [one for one in alike if same(from_invitation(one.payload).get(_CLOSE), arrival.record.get(_CLOSE))]
    untold = [one for one in open_ones if one not in alike and (one.decision == "accept" or not one.payload)]
    found = [one for one in of_day or alike if _became(engine, one, arrival.id, alike=True)]
    found = found or [one for one in untold if _became(engine, one, arrival.id, alike=False)]
    if len(found) > 1:
        raise RecordRejected((_several(arrival.id, found),))
    return next(iter(found), None)


def is_alike(referral: Referral, record: AceRecord) -> bool:
    """Whether the invitation showed what the opportunity is called, and whose it is."""
    shown = from_invitation(referral.payload)
    return all(shown.get(name) is not None and same(shown[name], record.get(name)) for name in (_TITLE, _COMPANY))


def _became(engine: Engine, referral: Referral, apn_id: str, *, alike: bool) -> bool:
    """Whether acceptance made this opportunity of the referral: a task says so, or none says otherwise of an accepted
    one that looks the same.
    """
    tasks = acceptance_tasks(engine, referral.invitation_id)
    made = {str(task["OpportunityId"]) for task in tasks if task.get("OpportunityId")}
    if made or not alike:
        return apn_id in made
    if any(task.get("TaskStatus") == "IN_PROGRESS" for task in tasks):
        raise Deferred("A referral is being accepted that may have made this opportunity.", engine.now() + TASK_PAUSE)
    try:
        return status_of(engine.partner_central.get_engagement_invitation(referral.invitation_id)) == ACCEPTED
    except RecordGone:
        return False


def acceptance_tasks(engine: Engine, invitation_id: str) -> list[Json]:
    """Return the tasks that accept this invitation, newest first."""
    return list(engine.partner_central.acceptance_tasks(invitation_id=invitation_id))


def know_rows(engine: Engine) -> None:
    """Learn of the records that a lost or restored state does not know as referrals: once for each new state."""
    mark = engine.state.meta.get(ADOPTED) or ""
    if engine.state.meta.get(_KNOWN) == mark or engine.describe().field(engine.names.invitation_id) is None:
        return
    names = engine.names
    rows = engine.salesforce.query(
        f"SELECT Id, {names.invitation_id} FROM {engine.mapping.object_name} "  # noqa: S608 - our own names
        f"WHERE {names.invitation_id} != null AND {names.apn_id} = null"
    )
    for row in rows:
        _know(engine, str(row[names.invitation_id]), str(row["Id"]))
    engine.state.meta.set(_KNOWN, mark)


def _know(engine: Engine, invitation_id: str, record_id: str) -> None:
    if engine.state.referrals.get(invitation_id) is not None:
        return
    # Whatever became of it meanwhile, the next look finds and tells; of a rejected one AWS shows nothing any more.
    referral = Referral(invitation_id, engine.mapping.object_name, PENDING, engine.now(), record_id=record_id)
    with suppress(RecordGone):
        answer = engine.partner_central.get_engagement_invitation(invitation_id)
        referral.payload, referral.expires = answer, expiry_of(answer)
    engine.state.referrals.save(referral)


def _several(apn_id: str, found: list[Referral]) -> Problem:
    return Problem(
        "REFERRAL_AMBIGUOUS",
        "",
        apn_id,
        f"The opportunity may come of several referrals: {', '.join(str(one.record_id) for one in found)}.",
        f"Write {apn_id} into APN CRM Unique Identifier of the right record.",
    )


def _other_opportunity(link: Link, apn_id: str) -> Problem:
    return Problem(
        "AMBIGUOUS_AT_AWS",
        "apnCrmUniqueIdentifier",
        f"{link.apn_id}, {apn_id}",
        "The referral's record is linked to another opportunity already.",
        "Check in Partner Central which of them is the referral's, and put its identifier on the record.",
    )


def company_of(referral: Referral) -> str:
    """Return the customer's company as the invitation names it, empty where it does not."""
    value: Any = from_invitation(referral.payload).get(_COMPANY)
    return str(value or "")

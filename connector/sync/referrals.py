"""AWS's referrals: invitations become records that wait for a decision, each known by its invitation's id.

A look at one invitation does whatever AWS's status of it asks for; nothing else decides. So the periodic list, an
event, and a person who asks may come in any order, twice, or not at all. Before acceptance AWS shows no person of the
customer's, and there is no opportunity: nothing is sent for the record.
"""

from __future__ import annotations

from datetime import timedelta

from connector.ace import api_shape
from connector.ace.invitation_shape import (
    ACCEPTED,
    EXPIRED,
    PENDING,
    REJECTED,
    as_opportunity,
    from_invitation,
    invited_at,
    is_from_aws,
    is_referral,
    short_id,
    status_of,
)
from connector.errors import ConnectorError, MappingError, RecordGone
from connector.store.links import Link
from connector.store.queue import Item
from connector.store.referrals import Referral
from connector.sync import logs, queueing
from connector.sync.arrival import Arrival
from connector.sync.corrections import corrected
from connector.sync.creation import insert_record, remember_created, seen_of
from connector.sync.engine import Engine, Priority
from connector.sync.exclusion import leave_out
from connector.sync.inbound import receive
from connector.sync.ports import Json
from connector.sync.referral_links import (
    acceptance_tasks,
    company_of,
    is_alike,
    know_record,
    know_rows,
    remember_invitation,
)
from connector.sync.referral_marks import close, has_arrived, link_of, mark_expiry, tell_reminder
from connector.sync.referral_rules import accepting_rule

AGAIN = timedelta(hours=1)
"""How long a referral whose record could not be created, or whose opportunity was not found, waits for the next try."""
CLOCK_MARGIN = timedelta(minutes=15)
MOST_COMPARED = 20
MOST_ITEMS = 1000
_DECIDED = (ACCEPTED, REJECTED, EXPIRED)


def watch_referrals(engine: Engine, *, again: bool = False) -> int:
    """List the invitations that wait for an answer, and queue a look at those that are new, decided, due to be reminded
    of, or lapsed; return how many.

    Args:
        again: look once more at what could not be brought in, however lately it was tried.
    """
    know_rows(engine)
    files = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_FILES)
    records = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS, parent=files)
    try:
        pending = _listed(engine, (PENDING,))
    except ConnectorError as error:
        logs.log_call(engine, files, error=str(error))
        raise
    known = {one.invitation_id: one for one in engine.state.referrals.open()}
    wanted = [one for one in pending if _is_new(engine, one, known.get(one), again=again)]
    wanted += [one.invitation_id for one in known.values() if _is_due(engine, one, pending)]
    with engine.state.transaction():
        queued = sum(queueing.enqueue_referral(engine, one, records) for one in dict.fromkeys(wanted))
        if queued:
            logs.log_call(engine, files, note=f"{queued} referrals of AWS to look at.")
    return queued


def _listed(engine: Engine, statuses: tuple[str, ...]) -> list[str]:
    pages = engine.partner_central.list_engagement_invitations(statuses=statuses)
    return [short_id(str(one["Id"])) for page in pages for one in page]


def _is_new(engine: Engine, invitation_id: str, known: Referral | None, *, again: bool) -> bool:
    if known is None:
        return engine.state.referrals.get(invitation_id) is None
    if known.record_id is not None:
        return bool(engine.settings.accept_rule) and link_of(engine, known) is not None and _rule_is_new(engine, known)
    return again or engine.now() - known.looked_at >= AGAIN


def _rule_is_new(engine: Engine, known: Referral) -> bool:
    """Whether a rule that was set or mended since the referral came in accepts it. What AWS refused is not asked of it
    with every look.
    """
    if known.generation and engine.now() - known.looked_at < AGAIN:
        return False
    return not known.decision and bool(accepting_rule(engine, from_invitation(known.payload)))


def _is_due(engine: Engine, known: Referral, pending: list[str]) -> bool:
    if known.invitation_id not in pending:
        return known.status == PENDING or engine.now() - known.looked_at >= AGAIN
    return _has_lapsed(engine, known) or _is_to_be_reminded(engine, known)


def _has_lapsed(engine: Engine, referral: Referral) -> bool:
    return referral.expires is not None and engine.now() >= referral.expires


def _is_to_be_reminded(engine: Engine, referral: Referral) -> bool:
    days = engine.settings.invitation_reminder_days
    if not days or referral.reminded or referral.record_id is None or referral.expires is None:
        return False
    return engine.now() >= referral.expires - timedelta(days=days)


def look_at_item(engine: Engine, item: Item) -> None:
    """Carry out a look that was queued."""
    look_at_invitation(engine, str(item.payload["invitation"]), str(item.payload.get("run") or ""))


def look_at_invitation(engine: Engine, invitation_id: str, run_id: str = "") -> None:
    """Do what AWS's status of the invitation asks for: create its record, find its opportunity, or close it.

    Args:
        invitation_id: its id or ARN. An invitation that is no referral to us is left alone.
        run_id: an inbound run; one is begun where it is empty.

    Raises:
        MappingError: the object has no field for the invitation's id.
        Deferred, Retriable: it is to be looked at again.
    """
    invitation_id = short_id(invitation_id)
    known = engine.state.referrals.get(invitation_id)
    if known is not None and _is_over(engine, known):
        return
    run_id = run_id or logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    try:
        answer = engine.partner_central.get_engagement_invitation(invitation_id)
    except RecordGone:
        if known is not None and not known.settled:
            _close_gone(engine, known, run_id)
        return
    if known is None and not _is_ours(engine, answer):
        return
    expires_before = known.expires if known is not None else None
    referral = remember_invitation(engine, answer)
    if known is not None and referral.record_id is not None and expires_before != referral.expires:
        mark_expiry(engine, referral)
    _follow(engine, referral, status_of(answer), run_id)


def _is_over(engine: Engine, known: Referral) -> bool:
    """Whether nothing is left to be done. What lapsed by our clock may have been accepted by AWS's."""
    if known.status == ACCEPTED:
        return known.settled and has_arrived(engine, known)
    return known.settled and known.status != EXPIRED


def _is_ours(engine: Engine, answer: Json) -> bool:
    """Whether the invitation refers an opportunity to us. One between two partners does not tell who received it."""
    if not is_referral(answer):
        return False
    return is_from_aws(answer) or str(answer["Id"]) in _listed(engine, (PENDING, *_DECIDED))


def _follow(engine: Engine, referral: Referral, status: str, run_id: str) -> None:
    match status:
        case "ACCEPTED":
            _bring_in(engine, referral, run_id)
        case _ if referral.settled:
            return
        case "REJECTED" | "EXPIRED":
            close(engine, referral, status, run_id)
        case _ if _has_lapsed(engine, referral):
            close(engine, referral, EXPIRED, run_id)
        case _:
            _wait(engine, referral, run_id)


def _wait(engine: Engine, referral: Referral, run_id: str) -> None:
    """Nobody answered yet: there is a record to answer by, its deadline is reminded of, and the rule may answer."""
    if referral.record_id is None:
        _create(engine, referral, run_id)
    if referral.record_id is None or link_of(engine, referral) is None:
        return  # without a record, or with one that a person deleted, there is nothing to answer by
    if _is_to_be_reminded(engine, referral):
        tell_reminder(engine, referral, run_id)
    decided = referral.decision or is_being_decided(engine, referral.record_id)
    why = "" if decided else accepting_rule(engine, from_invitation(referral.payload))
    if why:
        work = queueing.decision_work(referral.record_id, "accept", note=why)
        engine.state.queue.enqueue(work, engine.now())


def is_being_decided(engine: Engine, record_id: str, *, besides: int = 0) -> bool:
    """Whether an answer waits already, or anything else that a person asked for: no rule comes before it.

    Args:
        besides: a queue item that does not count.
    """
    items = engine.state.queue.list(key=record_id, limit=MOST_ITEMS)
    return any(
        one.kind == queueing.DECISION or (one.priority == Priority.REQUEST and one.kind != queueing.REFERRAL)
        for one in items
        if one.state in ("waiting", "leased", "held") and one.id != besides
    )


def _create(engine: Engine, referral: Referral, run_id: str) -> None:
    """Create the referral's record, or find the one that it has: never a second one, and none in the place of one that
    a person deleted.
    """
    if engine.describe().field(engine.names.invitation_id) is None:
        raise MappingError(
            f"AWS referred an opportunity, and {engine.mapping.object_name} has no field "
            f"{engine.names.invitation_id} to know it by. Deploy the package's fields for the object."
        )
    arrival = _arrival(engine, referral)
    if leave_out(engine, arrival, None, run_id):
        return
    know_record(engine, referral)
    if referral.record_id is None:
        _insert(engine, referral, arrival, run_id)


def _arrival(engine: Engine, referral: Referral) -> Arrival:
    payload = as_opportunity(referral.payload)
    record, note = corrected(engine, referral.invitation_id, from_invitation(referral.payload))
    return Arrival(payload, {}, record, note, invited=True)


def _insert(engine: Engine, referral: Referral, arrival: Arrival, run_id: str) -> None:
    made = insert_record(engine, arrival, run_id)
    if made is None:
        return
    record_id, draft = made
    link = engine.state.links.get(record_id) or Link(record_id, engine.mapping.object_name)
    seen = seen_of(engine, record_id, draft)
    with engine.state.transaction():
        link.origin = "aws"
        remember_created(engine, link, draft, arrival, seen)
        engine.state.links.save(link)
        referral.record_id = record_id
        engine.state.referrals.save(referral)
        # While the record could not be created, its reasons bore the invitation's id.
        logs.resolve(engine, referral.invitation_id, run_id)
        logs.log_success(engine, run_id, link, arrival.answer, draft.note)
        for problem in draft.problems:
            logs.note_problem(engine, run_id, link, problem, payload=arrival.answer)


def _bring_in(engine: Engine, referral: Referral, run_id: str) -> None:
    """Somebody accepted: give the record its opportunity."""
    referral.status, referral.settled = ACCEPTED, referral.settled and referral.opportunity_id is not None
    engine.state.referrals.save(referral)
    apn_id = opportunity_of(engine, referral)
    if not apn_id:
        return
    _join(engine, referral, apn_id)
    receive(engine, apn_id, run_id, fresh=True)
    referral = engine.state.referrals.get(referral.invitation_id) or referral
    if not referral.settled and engine.state.links.by_apn(apn_id) is not None:
        referral.opportunity_id, referral.settled = apn_id, True
        engine.state.referrals.save(referral)


def _join(engine: Engine, referral: Referral, apn_id: str) -> None:
    """Its opportunity may have a record already, by whatever way: what the invitation tells belongs there, too."""
    link = engine.state.links.by_apn(apn_id)
    if link is not None:
        referral.opportunity_id, referral.record_id = apn_id, referral.record_id or link.record_id
        engine.state.referrals.save(referral)


def opportunity_of(engine: Engine, referral: Referral) -> str:
    """Return AWS's id of the opportunity that acceptance made, empty while it is not found."""
    if referral.opportunity_id:
        return referral.opportunity_id
    link = engine.state.links.get(referral.record_id) if referral.record_id else None
    if link is not None and link.apn_id:
        return link.apn_id
    tasks = acceptance_tasks(engine, referral.invitation_id)
    told = next((str(task["OpportunityId"]) for task in tasks if task.get("OpportunityId")), "")
    return told or _searched(engine, referral)


def _searched(engine: Engine, referral: Referral) -> str:
    """Look for the opportunity by what the invitation showed; ``receive`` makes sure that it is the referral's."""
    company, since = company_of(referral), invited_at(referral.payload)
    if not company:
        return ""
    pages = engine.partner_central.list_opportunities(
        created_after=since - CLOCK_MARGIN if since else None, company=company
    )
    strangers = [one for page in pages for one in page if _may_be_its(engine, one)]
    for summary in strangers[:MOST_COMPARED]:
        answer = engine.partner_central.get_opportunity(summary["Id"])
        if is_alike(referral, api_shape.from_get(answer)):
            return str(summary["Id"])
    return ""


def _may_be_its(engine: Engine, summary: Json) -> bool:
    """Whether the opportunity belongs to no record of ours yet, or to one that came in before its invitation."""
    link = engine.state.links.by_apn(summary["Id"])
    if link is None:
        return not summary.get("PartnerOpportunityIdentifier")
    # A link that a lost state found again does not say where its opportunity comes from.
    referred = link.origin == "aws" or (link.summary or {}).get("Origin") == "AWS Referral"
    return referred and engine.state.referrals.of_opportunity(summary["Id"]) is None


def _close_gone(engine: Engine, referral: Referral, run_id: str) -> None:
    """AWS shows a rejected invitation no more; its list still tells. What is in no list is left open, and looked for
    again after a while: these credentials may not see it.
    """
    for status in (REJECTED, EXPIRED):
        if referral.invitation_id in _listed(engine, (status,)):
            return close(engine, referral, status, run_id)
    queueing.enqueue_referral(engine, referral.invitation_id, at=engine.now() + AGAIN)
    return None

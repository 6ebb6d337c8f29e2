"""The planner: pure. From what each side looks like to the list of typed actions that bring AWS to what Salesforce
says.

The list is recomputed from the facts whenever a record's turn comes, so that a crash between two actions costs nothing:
what already happened shows in the facts and is not planned again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from connector.ace import api_shape, lifecycle, rules
from connector.ace.catalogue import AceField, Moment, opportunity_fields
from connector.ace.formats import shown
from connector.ace.record import AceRecord, Value
from connector.ace.text import named_as_at_aws, same
from connector.eligibility.rules import is_dummy_identifier
from connector.errors import Problem
from connector.sync.involvement import explained
from connector.sync.ownership import owner_problems, wanted_owner

IDENTIFIER = "partnerCrmUniqueIdentifier"
OWNERSHIP, REFERRAL = "opportunityOwnership", "AWS Referral"


@dataclass(frozen=True, slots=True)
class Create:
    """Create the opportunity at AWS; what comes after is planned on the created record."""


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the record at AWS by ``request``; ``changes`` maps ACE field to (value at AWS, value to be)."""

    request: Mapping[str, Any]
    changes: Mapping[str, tuple[Value, Value]]


@dataclass(frozen=True, slots=True)
class Associate:
    entity_type: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class Disassociate:
    entity_type: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Make the person (``Email``, ``FirstName``, ``LastName``, ``BusinessTitle``) the draft's owner."""

    assignee: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Submit:
    """Start the task that submits the draft to AWS."""

    involvement: str
    visibility: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Everything is at AWS: remember the row as handled and stamp it. ``locked``: edits that AWS does not take now."""

    locked: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """The edit waits for AWS's review; it goes out by itself when AWS unlocks the record."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Await:
    """Nothing goes out until a person asks for it (automatic sharing or updating is off) or has decided."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Reject:
    """The record cannot go out as it is; all its problems at once."""

    problems: tuple[Problem, ...]


Action = Create | Update | Associate | Disassociate | Assign | Submit | Settle | Hold | Await | Reject


@dataclass(frozen=True, slots=True)
class OutboundFacts:
    """What the planner knows of one record.

    Attributes:
        record: the Salesforce row as a canonical record.
        mapping_problems: values that could not be translated.
        base: the last known GetOpportunity answer, None when the record has no opportunity yet.
        unknown_members: members of AWS's record that the service model does not know.
        record_id: the record's Salesforce id, by which AWS knows it as ours.
        edited: ACE fields that a person changed since the record was last handled.
        view: AWS's own view of the opportunity as a canonical record, as far as it is known.
        unanswered: the record is a referral that was not accepted: nothing is created for it.
        submitting: a share of this record is under way (a draft of ours that waits for its submission).
        requested: a person asked for it.
        share_automatically, update_automatically: the admin's two settings.
        by_rule: the share rule sets a first share going.
        ruling: what the share rule says of the record, in words; empty without one.
        today: the UTC date that date rules are held against.
    """

    record: AceRecord
    mapping_problems: tuple[Problem, ...]
    base: Mapping[str, Any] | None
    today: date
    catalog: str
    submitting: bool = False
    requested: bool = False
    share_automatically: bool = False
    update_automatically: bool = False
    by_rule: bool = False
    ruling: str = ""
    unknown_members: tuple[str, ...] = field(default=())
    record_id: str = ""
    edited: frozenset[str] = frozenset()
    view: AceRecord = field(default_factory=dict)
    unanswered: Problem | None = None


def plan_outbound(facts: OutboundFacts) -> tuple[Action, ...]:
    """Return the actions in their order; the last one is Create, Submit, Settle, Hold, Await or Reject."""
    if facts.base is None:
        return _plan_first_share(facts)
    identifier = str(facts.base.get("PartnerOpportunityIdentifier") or "")
    if is_dummy_identifier(identifier):
        return (Reject((_historical(identifier),)),)
    status = review_status(facts.base)
    if lifecycle.final(status):
        return (Reject((_rejected_by_aws(facts.base),)),)
    if lifecycle.locked(status):
        waits = facts.mapping_problems or _differs(facts.record, facts.base)
        return (Hold(_held_in_review(status)),) if waits else (Settle(),)
    if facts.unknown_members and not facts.requested:
        return (Reject((_unknown_members(facts.unknown_members),)),)
    return _plan_change(facts, facts.base)


def review_status(base: Mapping[str, Any]) -> str:
    """Return the review status of an opportunity as AWS spells it, empty when AWS names none."""
    return str((base.get("LifeCycle") or {}).get("ReviewStatus") or "")


def is_draft(base: Mapping[str, Any]) -> bool:
    return review_status(base).casefold() == "pending submission"


def _differs(record: AceRecord, base: Mapping[str, Any]) -> bool:
    """Whether there is something to send once AWS takes it."""
    return bool(api_shape.locked_changes(record, base) or any(association_changes(record, api_shape.from_get(base))))


def _plan_first_share(facts: OutboundFacts) -> tuple[Action, ...]:
    if facts.unanswered is not None:
        return (Reject((facts.unanswered,)),)
    if not (facts.requested or facts.share_automatically or facts.by_rule):
        return (Await(_waits_for_request("share", facts.ruling)),)
    problems = facts.mapping_problems + _rule_problems(facts, Moment.SUBMIT, None) + owner_problems(facts.record)
    return (Reject(problems),) if problems else (Create(),)


def _plan_change(facts: OutboundFacts, base: Mapping[str, Any]) -> tuple[Action, ...]:
    before = api_shape.from_get(base)
    facts = replace(facts, record=named_as_at_aws(facts.record, before))
    identified = _identified(facts, base, before)
    changes = api_shape.changed_fields(identified, base)
    refused = api_shape.locked_changes(facts.record, base) + _without_a_way(facts, before)
    locked = explained(refused, facts.record, {**facts.view, **before}, changes)
    if set(changes) <= {IDENTIFIER}:
        # Our identifier goes along with an update, and is no reason for one.
        changes = {}
    early, late = association_changes(facts.record, before)
    submits = is_draft(base) and (facts.submitting or facts.requested)
    if not (changes or early or late or submits):
        return (Reject(facts.mapping_problems),) if facts.mapping_problems else (Settle(locked),)
    if not (facts.requested or facts.submitting or facts.update_automatically):
        return (Await(_waits_for_request("update")),)
    moment = Moment.SUBMIT if submits else Moment.UPDATE
    owner = wanted_owner(facts.record, before) if submits else {}
    problems = facts.mapping_problems + _rule_problems(facts, moment, before)
    problems += owner_problems(facts.record) if owner else ()
    if problems:
        return (Reject(problems),)
    update = (Update(api_shape.to_update(identified, base, catalog=facts.catalog), changes),) if changes else ()
    end = _submission({**before, **facts.record}) if submits else Settle(locked)
    if lifecycle.phase(review_status(base)) is lifecycle.Phase.ACTION_REQUIRED:
        # The update hands the record to AWS's reviewers, who lock it: what they asked for goes first.
        return (*early, *late, *update, end)
    return (*early, *update, *late, *((Assign(owner),) if owner else ()), end)


def _identified(facts: OutboundFacts, base: Mapping[str, Any], before: AceRecord) -> AceRecord:
    """Return the record with our identifier, where AWS takes it for sure.

    After approval that is on its own referrals, which come without one. Whether it takes one on others its documents
    do not agree about, and no edit must fail by it: those are known by AWS's identifier alone.
    """
    approved = lifecycle.phase(review_status(base)) is lifecycle.Phase.APPROVED
    known_to_be_open = not approved or before.get(IDENTIFIER) or facts.view.get(OWNERSHIP) == REFERRAL
    if not facts.record_id or not known_to_be_open:
        return facts.record
    return {**facts.record, IDENTIFIER: facts.record_id}


def _without_a_way(facts: OutboundFacts, before: AceRecord) -> tuple[Problem, ...]:
    """Return one problem for each edit that no call of this connector takes to AWS once the record was submitted."""
    if is_draft(facts.base or {}):
        return ()
    at_aws = {**facts.view, **before}
    fields = opportunity_fields()
    return tuple(
        _not_updatable(fields[name], value, at_aws[name])
        for name, value in facts.record.items()
        if name in facts.edited
        and name in at_aws
        and not (fields[name].update_path or fields[name].associate)
        and not same(value, at_aws[name])
    )


def _rule_problems(facts: OutboundFacts, moment: Moment, before: AceRecord | None) -> tuple[Problem, ...]:
    merged = {**(before or {}), **facts.record}
    return rules.problems(
        merged,
        moment=moment,
        today=facts.today,
        before=before,
        review_status=review_status(facts.base or {}),
        has_solution=api_shape.has_solution(merged),
    )


def _many(value: Value) -> tuple[Any, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def association_changes(
    record: AceRecord, before: AceRecord
) -> tuple[tuple[Associate | Disassociate, ...], tuple[Disassociate, ...]]:
    """Return what to do before the record is updated, and what to take away after it.

    Solutions and products are added before others are taken away, so that a record never stands without one in
    between; only where AWS takes no more of them, as many go first as are in the way. Everything else is taken away
    first: an opportunity has one offer, or one offer set, at a time.
    """
    drop: list[Disassociate] = []
    add: list[Associate] = []
    late: list[Disassociate] = []
    for name, known in opportunity_fields().items():
        if not known.associate or name not in record:
            continue
        want, have = dict.fromkeys(_many(record[name])), _many(before.get(name))
        new = [Associate(known.associate, entity) for entity in want if entity not in have]
        old = [Disassociate(known.associate, entity) for entity in have if entity not in want]
        surplus = max(0, len(have) + len(new) - (known.max_values or len(have) + len(new)))
        first = surplus if known.associate in api_shape.SOLUTION_TYPES else len(old)
        drop, add, late = drop + old[:first], add + new, late + old[first:]
    return (*drop, *add), tuple(late)


def _submission(record: AceRecord) -> Submit:
    return Submit(api_shape.involvement(record), api_shape.visibility(record))


def _waits_for_request(what: str, ruling: str = "") -> Problem:
    setting = "Share automatically" if what == "share" else "Update automatically"
    rule = f" {ruling}." if ruling else ""
    return Problem(
        "PENDING_NOT_SHARED",
        "",
        "",
        f"Pending, not shared: the edit waits for a request, since {setting} is off.{rule}",
        f"Use Share with AWS on the record, run `connector action share`, or switch on {setting} in the settings.",
    )


def _not_updatable(field: AceField, value: Value, kept: Value) -> Problem:
    what = "goes out once, when the opportunity is submitted" if field.submit else "is not changed by an update"
    return Problem(
        "FIELD_NOT_UPDATED",
        field.name,
        shown(value),
        f"At AWS {field.label} {what}; AWS keeps {shown(kept)!r}.",
        f"{'Use Assign on the record' if field.assign else 'Change it in Partner Central'}, or set the field back to "
        "AWS's value.",
    )


def _held_in_review(status: str) -> Problem:
    return Problem(
        "HELD_IN_REVIEW",
        "status",
        status,
        "AWS does not take edits while it reviews the opportunity.",
        "Nothing to do: the edit is kept and goes out by itself when AWS has decided.",
    )


def _historical(identifier: str) -> Problem:
    return Problem(
        "DUMMY_ID",
        "",
        identifier,
        "AWS's record bears a placeholder for our identifier: it is historical data, which is not synchronised.",
        "Clear Sync with AWS; to share the deal, use a record without the identifier of that opportunity.",
    )


def _rejected_by_aws(base: Mapping[str, Any]) -> Problem:
    comments = str((base.get("LifeCycle") or {}).get("ReviewComments") or "")
    return Problem(
        "REJECTED_BY_AWS",
        "status",
        "Rejected",
        f"AWS rejected the opportunity; it is read-only. {comments}".strip(),
        "Create a new opportunity if the deal is still on, or clear Sync with AWS.",
    )


def _unknown_members(members: tuple[str, ...]) -> Problem:
    return Problem(
        "UNKNOWN_MEMBERS",
        "",
        ", ".join(members),
        "AWS's record has members that this release does not know; an update would clear them.",
        "Update the connector, or release the record with `connector action share` if they may be lost.",
    )

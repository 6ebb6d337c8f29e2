"""CreateOpportunity, UpdateOpportunity, GetOpportunity."""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import datetime
from typing import Any

from connector.sandbox.partner_central.catalog import Account, Catalog, stamp
from connector.sandbox.partner_central.engagements import invite_partner
from connector.sandbox.partner_central.errors import ConflictError, FieldError, ValidationError, refuse
from connector.sandbox.partner_central.locks import find_locked, phase_of
from connector.sandbox.partner_central.records import ENTITY_TYPES, Fields, Opportunity
from connector.sandbox.partner_central.reviews import apply_requested_status, decide_invitation, enter_review
from connector.sandbox.partner_central.rules import Draft, check_postal_format, check_values
from connector.sandbox.partner_central.spend import settle
from connector.sandbox.partner_central.values import APN_PROGRAMS, NO_SUPPORT
from connector.sandbox.partner_central.wire import at, escape_fields, format_timestamp, parse_timestamp, prune

MEMBERS = (
    "PrimaryNeedsFromAws",
    "NationalSecurity",
    "PartnerOpportunityIdentifier",
    "Customer",
    "Project",
    "OpportunityType",
    "Marketing",
    "SoftwareRevenue",
    "LifeCycle",
)
REVIEW_MEMBERS = ("ReviewStatus", "ReviewComments", "ReviewStatusReason")
MAX_NEXT_STEPS = 50


def digest_of(request: Fields) -> bytes:
    """Return what tells one request body from another."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()


def create(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Create a draft; a repeated token gives the first answer again."""
    digest = digest_of(request)
    known = catalog.replay("CreateOpportunity", request["ClientToken"], digest)
    if known is not None:
        return known
    opportunity = build(account, catalog, request)
    if opportunity.origin == "AWS Referral":
        invite_partner(account, catalog, opportunity)
    catalog.add(opportunity)
    result = _written(opportunity)
    catalog.remember("CreateOpportunity", request["ClientToken"], digest, result)
    return result


def build(account: Account, catalog: Catalog, request: Fields) -> Opportunity:
    """Return the opportunity that a create request describes, checked but not stored.

    Raises:
        ValidationError: business rules are broken.
    """
    now = account.clock.now()
    fields = _members(request)
    errors = _wrong_origin(catalog, request) + _wrong_review_members(fields)
    errors += settle(fields.setdefault("Project", {}), {}, clears_duration=False, creates=True)
    _fill_defaults(fields)
    team, wrong_team = _build_team(account, prune(request.get("OpportunityTeam") or []))
    fields["OpportunityTeam"] = request.get("OpportunityTeam")
    draft = draft_of(account, catalog, prune(fields), None, None)
    check_values(draft)
    errors += wrong_team + draft.errors
    if errors:
        raise ValidationError(errors)
    draft.fields.pop("OpportunityTeam", None)
    _settle(draft.fields, {}, now)
    opportunity = Opportunity(catalog.name, catalog.new_opportunity_id(), draft.fields, stamp(now))
    opportunity.origin = request.get("Origin") or "Partner Referral"
    opportunity.team = team
    opportunity.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
    return opportunity


def update(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Replace the whole record, if the caller has seen its latest state."""
    opportunity = catalog.visible(request["Identifier"])
    if parse_timestamp(request["LastModifiedDate"]) != opportunity.modified:
        raise ConflictError("Conflicting error, last modified date is not the latest")
    before = opportunity.fields
    draft = _draft_of_update(account, catalog, opportunity, request, before)
    _check_update(account, opportunity, draft, before)
    now = account.clock.now()
    _settle(draft.fields, before, now)
    if opportunity.has_solution:
        draft.fields["Project"].pop("OtherSolutionDescription", None)
    with catalog.changing(opportunity, now):
        _follow_needs(opportunity, draft.fields)
        opportunity.fields = draft.fields
        if phase_of(opportunity) == "action" and before["LifeCycle"].get("ReviewStatus") == "Action Required":
            enter_review(account, opportunity)
        decide_invitation(catalog, opportunity)
    return _written(opportunity)


def get(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Return the partner's view of an opportunity, free text escaped."""
    return view(catalog.visible(request["Identifier"]))


def view(opportunity: Opportunity) -> Fields:
    """Return an opportunity as GetOpportunity shows it."""
    fields = opportunity.fields
    escape_fields(fields)
    related = {kind: list(opportunity.entities.get(kind, ())) for kind in ENTITY_TYPES}
    return {
        **dict.fromkeys(MEMBERS),
        **fields,
        "Catalog": opportunity.catalog,
        "Id": opportunity.id,
        "Arn": opportunity.arn,
        "LastModifiedDate": format_timestamp(opportunity.modified),
        "CreatedDate": format_timestamp(opportunity.created),
        "RelatedEntityIdentifiers": related,
        "OpportunityTeam": opportunity.team,
    }


def draft_of(
    account: Account, catalog: Catalog, fields: Fields, opportunity: Opportunity | None, before: Fields | None
) -> Draft:
    """Return the values to be checked, with what the rules need to know about their surroundings."""

    def exists(identifier: str) -> bool:
        other = catalog.opportunities.get(identifier)
        return other is not None and other.accepted

    return Draft(
        fields=fields,
        before=before,
        today=account.clock.now().date(),
        has_solution=bool(opportunity and opportunity.has_solution),
        referral=bool(opportunity and opportunity.origin == "AWS Referral"),
        partner_path=account.settings.partner_path,
        revenue_program=account.settings.revenue_program,
        exists=exists,
    )


def _members(request: Fields) -> Fields:
    fields: Fields = prune({name: request.get(name) for name in MEMBERS})
    fields.get("LifeCycle", {}).pop("NextStepsHistory", None)
    return fields


def _written(opportunity: Opportunity) -> Fields:
    return {
        "Id": opportunity.id,
        "PartnerOpportunityIdentifier": opportunity.fields.get("PartnerOpportunityIdentifier"),
        "LastModifiedDate": format_timestamp(opportunity.modified),
    }


def _wrong_origin(catalog: Catalog, request: Fields) -> list[FieldError]:
    if request.get("Origin") and catalog.name != "Sandbox":
        return [FieldError("ACTION_NOT_PERMITTED", "origin", "Origin can be set in catalog Sandbox only.")]
    return []


def _wrong_review_members(fields: Fields) -> list[FieldError]:
    life_cycle = fields.get("LifeCycle") or {}
    given = [name for name in REVIEW_MEMBERS if life_cycle.get(name) not in (None, "Pending Submission")]
    return [
        FieldError(
            "ACTION_NOT_PERMITTED", f"lifeCycle.{name[0].lower()}{name[1:]}", f"Field LifeCycle.{name} is read-only."
        )
        for name in given
    ]


def _fill_defaults(fields: Fields) -> None:
    fields.setdefault("OpportunityType", "Net New Business")
    fields.setdefault("NationalSecurity", "No")
    fields.setdefault("Marketing", {"Source": "None"})
    life_cycle = fields.setdefault("LifeCycle", {})
    life_cycle.setdefault("Stage", "Prospect")
    life_cycle["ReviewStatus"] = "Pending Submission"


def _build_team(account: Account, given: list[Fields]) -> tuple[list[Fields], list[FieldError]]:
    lead = account.settings.users[0]
    owner = team_member(lead.email, lead.first_name, lead.last_name, "OpportunityOwner")
    others: list[Fields] = []
    errors: list[FieldError] = []
    for member in given:
        title, email = member.get("BusinessTitle"), member.get("Email", "")
        user = account.settings.user(email)
        if title == "PartnerAccountManager":
            others.append({"Phone": None, **member})
        elif title != "OpportunityOwner":
            message = "BusinessTitle must be OpportunityOwner or PartnerAccountManager."
            errors.append(FieldError("INVALID_VALUE", "opportunityTeam.businessTitle", message))
        elif user is None:
            message = f"User not found for Opportunity Owner email: {email}"
            errors.append(FieldError("INVALID_VALUE", "opportunityTeam.email", message))
        else:
            owner = team_member(user.email, user.first_name, user.last_name, title)
    return [owner, *others], errors


def team_member(email: str, first_name: str, last_name: str, title: str, phone: str | None = None) -> Fields:
    """Return one entry of an opportunity team."""
    return {"Email": email, "FirstName": first_name, "LastName": last_name, "BusinessTitle": title, "Phone": phone}


def _draft_of_update(
    account: Account, catalog: Catalog, opportunity: Opportunity, request: Fields, before: Fields
) -> Draft:
    fields = _members(request)
    project = fields.setdefault("Project", {})
    cleared = "ExpectedContractDuration" in (request.get("Project") or {}) and "ExpectedContractDuration" not in project
    errors = settle(project, copy.deepcopy(before["Project"]), clears_duration=cleared, creates=False)
    draft = draft_of(account, catalog, fields, opportunity, before)
    draft.errors += errors
    return draft


def _check_update(account: Account, opportunity: Opportunity, draft: Draft, before: Fields) -> None:
    phase = phase_of(opportunity)
    _refuse_read_only(opportunity, phase)
    draft.errors += apply_requested_status(opportunity, draft.fields, before)
    check_values(draft)
    if phase != "pending":
        check_postal_format(draft)
    draft.errors += find_locked(opportunity, before, draft.fields, account.settings)
    if draft.errors:
        raise ValidationError(draft.errors)


def _refuse_read_only(opportunity: Opportunity, phase: str) -> None:
    if opportunity.review_status is None:
        raise refuse("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus", "You cannot perform Submit action")
    if phase == "rejected" or (phase == "review" and opportunity.catalog != "Sandbox"):
        message = f"The opportunity is read-only while ReviewStatus is {opportunity.review_status}."
        raise refuse("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus", message)


def _follow_needs(opportunity: Opportunity, fields: Fields) -> None:
    """Asking for co-sell support turns an opportunity that was only visible into a co-sell one."""
    needs: list[Any] = fields.get("PrimaryNeedsFromAws") or []
    if opportunity.involvement == "For Visibility Only" and needs and NO_SUPPORT not in needs:
        opportunity.involvement = "Co-Sell"


def _settle(fields: Fields, before: Fields, now: datetime) -> None:
    """Do what the service does to accepted values: unknown programmes vanish, next steps are remembered."""
    project = fields["Project"]
    programs = [name for name in project.pop("ApnPrograms", ()) if name in APN_PROGRAMS]
    if programs:
        project["ApnPrograms"] = programs
    if fields.get("NationalSecurity") == "Yes":
        fields["Customer"]["Account"]["Address"]["CountryCode"] = "US"
    history = at(before, "LifeCycle.NextStepsHistory") or []
    steps = fields["LifeCycle"].get("NextSteps")
    if steps and steps != at(before, "LifeCycle.NextSteps"):
        history = [*history, {"Value": steps, "Time": format_timestamp(stamp(now))}][-MAX_NEXT_STEPS:]
    if history:
        fields["LifeCycle"]["NextStepsHistory"] = history

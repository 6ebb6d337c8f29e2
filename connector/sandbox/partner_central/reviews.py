"""AWS's review of a submitted opportunity: its steps, who may cause them, and what follows from them."""

from __future__ import annotations

import heapq
from datetime import timedelta

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.errors import FieldError
from connector.sandbox.partner_central.events import note_invitation
from connector.sandbox.partner_central.records import Fields, Opportunity

STEPS: dict[str, tuple[str, ...]] = {
    "Submitted": ("In review", "Approved", "Rejected", "Action Required"),
    "In review": ("Approved", "Rejected", "Action Required"),
}
_AUTOMATIC = {"Submitted": "In review", "In review": "Approved"}
AWS_TEAM = (
    ("AWSSalesRep", "Jordan", "Reyes"),
    ("AWSAccountOwner", "Priya", "Nair"),
    ("PDM", "Noa", "Berg"),
)


def enter_review(account: Account, opportunity: Opportunity) -> None:
    """Make the opportunity Submitted, and let AWS's own review take its course where the settings say so."""
    set_status(account, opportunity, "Submitted")


def set_status(account: Account, opportunity: Opportunity, status: str, comments: str = "", reason: str = "") -> None:
    """Write a review status; comments and reason replace the former ones. The caller moves LastModifiedDate."""
    fields = opportunity.fields
    life_cycle = fields["LifeCycle"]
    life_cycle["ReviewStatus"] = status
    for name, text in (("ReviewComments", comments), ("ReviewStatusReason", reason)):
        life_cycle.pop(name, None)
        if text:
            life_cycle[name] = text
    opportunity.fields = fields
    if status == "Approved" and opportunity.catalog == "AWS":
        _give_team(opportunity)
    seconds = account.settings.review_seconds
    if seconds is not None and status in _AUTOMATIC:
        due = account.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(account.reviews_due, (due, opportunity.catalog, opportunity.id))


def _give_team(opportunity: Opportunity) -> None:
    team = [
        {
            "Email": f"{first}.{last}@aws.example.com".lower(),
            "FirstName": first,
            "LastName": last,
            "BusinessTitle": title,
        }
        for title, first, last in AWS_TEAM
    ]
    opportunity.summary.setdefault("OpportunityTeam", team)
    opportunity.summary.setdefault("Insights", {"EngagementScore": "Medium"})
    opportunity.summary.setdefault("CosellMotion", "Partner-led")


def review(
    account: Account, catalog: Catalog, opportunity: Opportunity, status: str, comments: str, reason: str
) -> None:
    """Take one step of the review as AWS.

    Raises:
        ValueError: the step is not one that AWS takes from the present status.
    """
    allowed = STEPS.get(opportunity.review_status or "", ())
    if status not in allowed:
        steps = ", ".join(allowed) or "nothing"
        raise ValueError(
            f"Cannot transition opportunity from status {opportunity.review_status} to {status}; only to {steps}"
        )
    now = account.clock.now()
    with catalog.changing(opportunity, now):
        set_status(account, opportunity, status, comments, reason)
    decide_invitation(catalog, opportunity)


def decide_invitation(catalog: Catalog, opportunity: Opportunity) -> None:
    """AWS answers the invitation that the submission sent as it decides the review."""
    sent = catalog.invitations.get(catalog.sent.get(opportunity.id, ""))
    if sent:
        decided = {"Approved": "ACCEPTED", "Rejected": "REJECTED"}.get(opportunity.review_status or "", sent.decided)
        if decided != sent.decided:
            note_invitation(catalog.feed, sent, decided.capitalize())
        sent.decided = decided


def run_due_reviews(account: Account) -> None:
    """Take every automatic step whose time has come by the sandbox clock."""
    while account.reviews_due and account.reviews_due[0][0] <= account.clock.now():
        _, name, identifier = heapq.heappop(account.reviews_due)
        catalog = account.catalogs[name]
        opportunity = catalog.opportunities[identifier]
        following = _AUTOMATIC.get(opportunity.review_status or "")
        if following:
            review(account, catalog, opportunity, following, "", "")


def apply_requested_status(opportunity: Opportunity, fields: Fields, before: Fields) -> list[FieldError]:
    """Judge the review members of an update; read-only, except that partners play AWS's part in catalog Sandbox.

    A status that is left out becomes null, as every member does; comments and reason are AWS's and stay.
    """
    new, old = fields.setdefault("LifeCycle", {}), before["LifeCycle"]
    wanted, present = new.get("ReviewStatus"), old.get("ReviewStatus")
    if opportunity.catalog == "Sandbox" and wanted not in (None, present):
        if wanted in STEPS.get(present or "", ()):
            return []
        message = f"Cannot transition opportunity from status {present} to {wanted}"
        return [FieldError("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus", message)]
    errors: list[FieldError] = []
    for name in ("ReviewStatus", "ReviewComments", "ReviewStatusReason"):
        if name in new and new[name] != old.get(name):
            field = f"lifeCycle.{name[0].lower()}{name[1:]}"
            errors.append(FieldError("ACTION_NOT_PERMITTED", field, f"Field LifeCycle.{name} is read-only."))
        elif name != "ReviewStatus" and name in old:
            new[name] = old[name]
    return errors

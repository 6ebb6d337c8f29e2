"""Which fields of an opportunity can change in which state. A changed locked value fails the whole call.

Where the published descriptions contradict each other, the stricter reading holds.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from connector.sandbox.partner_central.errors import FieldError
from connector.sandbox.partner_central.records import Fields, Opportunity
from connector.sandbox.partner_central.rules import CLOSED_STAGES, field_name
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.partner_central.values import NO_SUPPORT
from connector.sandbox.partner_central.wire import at

Phase = Literal["pending", "review", "action", "approved", "closed", "rejected"]
_ACCOUNT = "Customer.Account."
_ADDRESS = "Customer.Account.Address."

# Beyond the phase "pending", in which everything is editable: path, then a (Action Required), A (Approved),
# L (Launched or Closed Lost), i (Launched, Software path partners only), r (Launched, revenue programme only).
_EDITABLE: dict[str, str] = {
    _ACCOUNT + "CompanyName": "",
    _ACCOUNT + "Industry": "",
    _ACCOUNT + "OtherIndustry": "",
    _ACCOUNT + "WebsiteUrl": "a",
    _ACCOUNT + "AwsAccountId": "A",
    _ACCOUNT + "Duns": "A",
    _ADDRESS + "City": "aA",
    _ADDRESS + "StreetAddress": "aA",
    _ADDRESS + "CountryCode": "a",
    _ADDRESS + "PostalCode": "a",
    _ADDRESS + "StateOrRegion": "a",
    "Customer.Contacts": "A",
    "NationalSecurity": "",
    "PartnerOpportunityIdentifier": "a",
    "OpportunityType": "Ai",
    "Project.Title": "",
    "Project.CustomerBusinessProblem": "a",
    "Project.CustomerUseCase": "A",
    "Project.SalesActivities": "A",
    "Project.CompetitorName": "A",
    "Project.OtherCompetitorNames": "A",
    "Project.OtherSolutionDescription": "A",
    "Project.DeliveryModels": "Ai",
    "Project.RelatedOpportunityIdentifier": "Ai",
    "Project.AdditionalComments": "Ai",
    "Project.ApnPrograms": "",
    "Project.AwsPartition": "",
    "Project.ExpectedContractDuration": "aA",
    "LifeCycle.Stage": "A",
    "LifeCycle.ClosedLostReason": "A",
    "LifeCycle.NextSteps": "A",
    "LifeCycle.TargetCloseDate": "aA",
    "Marketing": "A",
    "SoftwareRevenue": "Ar",
}


def phase_of(opportunity: Opportunity) -> Phase:
    """Return the column of the editability table that applies to the stored opportunity."""
    status = opportunity.review_status
    if status == "Approved":
        return "closed" if opportunity.stage in CLOSED_STAGES else "approved"
    if status == "Action Required":
        return "action"
    if status in ("Submitted", "In review"):
        return "review"
    # A status that an update lost leaves a record that nobody can work with any more.
    return "pending" if status == "Pending Submission" else "rejected"


def find_locked(opportunity: Opportunity, before: Fields, after: Fields, settings: Settings) -> list[FieldError]:
    """Return one error per locked field whose value would change."""
    phase = phase_of(opportunity)
    if phase == "pending":
        return []
    changed = [path for path in _EDITABLE if at(before, path) != at(after, path)]
    locked = [path for path in changed if not _may_change(path, phase, before, settings, opportunity)]
    locked += _locked_spend(phase, before, after) + _locked_needs(phase, before, after, opportunity)
    status = opportunity.review_status
    return [
        FieldError(
            "ACTION_NOT_PERMITTED",
            field_name(path),
            f"Field {path} cannot be changed when ReviewStatus is {status} and Stage is {opportunity.stage}.",
        )
        for path in locked
    ]


def _may_change(path: str, phase: Phase, before: Fields, settings: Settings, opportunity: Opportunity) -> bool:
    marks = _EDITABLE[path]
    if phase == "approved" and path == "PartnerOpportunityIdentifier":
        # An accepted referral comes without the partner's identifier: it can be given once.
        return opportunity.origin == "AWS Referral" and path not in before
    if phase == "approved" and path == "SoftwareRevenue":
        sells_software = "SaaS or PaaS" in (at(before, "Project.DeliveryModels") or [])
        return settings.partner_path == "ISV" and sells_software
    if phase == "closed":
        isv, program = settings.partner_path == "ISV", settings.revenue_program
        return "L" in marks or ("i" in marks and isv) or ("r" in marks and program)
    return {"action": "a", "approved": "A"}.get(phase, "-") in marks


def _spend_entries(fields: Fields) -> list[Fields]:
    return at(fields, "Project.ExpectedCustomerSpend") or []


def _locked_spend(phase: Phase, before: Fields, after: Fields) -> list[str]:
    """The amount is editable longer than the rest of an entry; AWS itself drops an address that no longer fits."""
    path = "Project.ExpectedCustomerSpend"
    old, new = _spend_entries(before), _spend_entries(after)
    if phase == "action" or old == new:
        return []
    if phase != "approved":
        return [path]
    # A contract value comes and goes with the contract duration, which is editable here.
    kinds = [
        Counter(_entry_kind(entry) for entry in entries if entry["TargetCompany"] != "Self") for entries in (old, new)
    ]
    locked = [] if kinds[0] == kinds[1] else [path]
    known = {entry.get("EstimationUrl") for entry in old} | {None}
    if any(entry.get("EstimationUrl") not in known for entry in new):
        locked.append(f"{path}.EstimationUrl")
    return locked


def _entry_kind(entry: Fields) -> tuple[Any, ...]:
    return entry["CurrencyCode"], entry["Frequency"], entry["TargetCompany"]


def _locked_needs(phase: Phase, before: Fields, after: Fields, opportunity: Opportunity) -> list[str]:
    """After approval needs change only with the step from visibility to co-sell, or to complete a referral."""
    path = "PrimaryNeedsFromAws"
    old, new = before.get(path), after.get(path)
    if old == new:
        return []
    if phase == "approved" and new and NO_SUPPORT not in new:
        if opportunity.involvement == "For Visibility Only":
            return []
        if opportunity.origin == "AWS Referral" and not old:
            return []
    return [path]

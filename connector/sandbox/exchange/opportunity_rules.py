"""What AWS asks of an opportunity in a file, besides the form of each value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from connector.sandbox.exchange.checks import Judged, check_form, check_locks, check_masked, parts
from connector.sandbox.exchange.definitions import MASKED_OPPORTUNITY, OPPORTUNITY_FIELDS
from connector.sandbox.exchange.values import COUNTRIES, NO_SUPPORT, OTHER_SOLUTION
from connector.sandbox.partner_central.countries import WITHOUT_POSTAL_CODE
from connector.sandbox.partner_central.locks import Phase
from connector.sandbox.partner_central.settings import Settings

OLDER_VALUES = frozenset({"partnerPrimaryNeedFromAws", "useCase", "campaignName", "state"})
"""Fields whose former standard values version 1.0 still takes."""
LATER_VALUES = frozenset({"nextStep"})
"""Fields that take a value during creation from version 2.0 on only."""
MARKETING_DETAILS = (
    "marketingActivityChannel",
    "marketingActivityUsecase",
    "isMarketingDevelopmentFunded",
    "awsSFCampaignName",
)
SOFTWARE = (
    "procurementType",
    "customerSoftwareValue",
    "customerSoftwareValueCurrency",
    "contractStartDate",
    "contractEndDate",
)
IDENTITY = ("apnCrmUniqueIdentifier", "partnerCrmUniqueIdentifier")
MANDATORY = tuple(name for name, field in OPPORTUNITY_FIELDS.items() if "m" in field.marks)
FIRST_STAGE = "Prospect"
_OFFER = re.compile(r"offer-[A-Za-z0-9]+", re.IGNORECASE)
SHORTEST_DESCRIPTION = 20

REDACTED = ("postalCode", "state", "customerCompanyName", "customerWebsite")
"""What AWS takes out of its own systems where an opportunity is of national security."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules need to know about the record's surroundings.

    Attributes:
        version: of the payload, 1.0 or 2.0.
        phase: the stored record's place in AWS's review; new for one that is not stored, offered for a referral that
            the partner has not decided.
        referral: the record comes from AWS.
        expired: the time for a decision has passed.
        solutions: ids of the partner's active solutions.
        exists: tells whether an opportunity with that AWS identifier is known.
    """

    version: str
    phase: Phase | str
    today: date
    account: Settings
    referral: bool
    expired: bool
    solutions: frozenset[str]
    exists: Callable[[str], bool]


def judge(judged: Judged, situation: Situation) -> None:
    """Collect every broken rule in ``judged.errors``."""
    if situation.phase in ("review", "rejected"):
        status = judged.after.get("status")
        judged.fail("status", f"Opportunity is not editable while its status is {status}.")
        return
    check_form(judged, lenient=OLDER_VALUES if situation.version == "1.0" else frozenset())
    if judged.errors:
        return
    _check_changes(judged, situation)
    if situation.phase == "offered" and judged.after.get("partnerAcceptanceStatus") != "Accepted":
        return
    for rule in _RULES:
        rule(judged, situation)


def _check_changes(judged: Judged, situation: Situation) -> None:
    if situation.phase == "new":
        _check_new(judged, situation)
    elif situation.phase == "offered":
        _check_decision(judged, situation)
    else:
        check_locks(judged, _marks(situation), f"in status {judged.after.get('status')}")


def _check_new(judged: Judged, situation: Situation) -> None:
    for name in judged.changed:
        early = name == "stage" and judged.given[name] == FIRST_STAGE
        late = name in LATER_VALUES and situation.version == "1.0"
        if late or (name in judged.fields and "c" not in judged.fields[name].marks and not early):
            judged.fail(name, "Field is not accepted while an opportunity is created.")


def _check_decision(judged: Judged, situation: Situation) -> None:
    decision = judged.given.get("partnerAcceptanceStatus")
    if situation.expired:
        judged.fail("partnerAcceptanceStatus", f"The opportunity had to be accepted by {judged.after.get('acceptBy')}.")
    elif decision is None:
        judged.require("partnerAcceptanceStatus", " for AWS originated opportunities")
    elif decision == "Rejected":
        _check_rejection(judged, situation)
    else:
        check_masked(judged, MASKED_OPPORTUNITY, "partnerAcceptanceStatus")
        check_locks(judged, "ud", "with its acceptance")


def _check_rejection(judged: Judged, situation: Situation) -> None:
    if situation.version != "1.0":
        judged.require("rejectionReason", " when partnerAcceptanceStatus is Rejected")
    for name in judged.changed:
        if name not in (*IDENTITY, "partnerAcceptanceStatus", "rejectionReason"):
            judged.fail(name, "Field cannot be changed with a rejection.")


def _marks(situation: Situation) -> str:
    if situation.phase == "action":
        return "a"
    if situation.phase != "closed":
        return "u"
    isv, program = situation.account.partner_path == "ISV", situation.account.revenue_program
    return ("i" if isv else "") + ("p" if program else "") or "-"


def _check_mandatory(judged: Judged, situation: Situation) -> None:
    for name in MANDATORY:
        classified = judged.after.get("doesOppBelongToNatSec") == "Yes"
        if classified and name in ("customerWebsite", "customerCompanyName"):
            continue
        if situation.referral and name in ("solutionOffered", "salesActivities", "IsOppFromMarketingActivity"):
            continue
        judged.require(name)
    if situation.phase != "new":
        judged.require("stage")


def _check_customer(judged: Judged, _situation: Situation) -> None:
    after = judged.after
    if after.get("industry") == "Other":
        judged.require("industryOther", " when industry is Other")
    if judged.has("customerDuns") and not re.fullmatch(r"\d{9}", after["customerDuns"]):
        judged.fail("customerDuns", "A DUNS number has nine digits.")
    if judged.has("awsAccountId") and not re.fullmatch(r"\d{12}", after["awsAccountId"]):
        judged.fail("awsAccountId", "An AWS account id has twelve digits.")
    if len(after.get("projectDescription") or "") < SHORTEST_DESCRIPTION and judged.has("projectDescription"):
        judged.fail("projectDescription", f"Must be minimum {SHORTEST_DESCRIPTION} characters.")


def _check_address(judged: Judged, situation: Situation) -> None:
    after = judged.after
    country, classified = after.get("country"), after.get("doesOppBelongToNatSec") == "Yes"
    if classified or not country:
        return
    if country == "United States":
        judged.require("state", " when country is United States")
    elif judged.has("state") and "state" in judged.changed and situation.version != "1.0":
        judged.fail("state", "Invalid value; a state is accepted only when country is United States.")
    if COUNTRIES.get(country) not in WITHOUT_POSTAL_CODE:
        judged.require("postalCode", f" when country is {country}")
    elif judged.has("postalCode") and "postalCode" in judged.changed and situation.version != "1.0":
        judged.fail("postalCode", f"{country} has no postal codes.")


def _check_security(judged: Judged, _situation: Situation) -> None:
    if judged.after.get("doesOppBelongToNatSec") != "Yes":
        return
    if judged.after.get("industry") != "Government":
        judged.fail("doesOppBelongToNatSec", "Takes the value Yes only when industry is Government.")
    if NO_SUPPORT in parts(judged.after.get("partnerPrimaryNeedFromAws") or ""):
        judged.fail("partnerPrimaryNeedFromAws", f"Cannot be '{NO_SUPPORT}' when doesOppBelongToNatSec is Yes.")


def _check_marketing(judged: Judged, _situation: Situation) -> None:
    source = judged.after.get("IsOppFromMarketingActivity")
    if source == "Yes":
        judged.require("isMarketingDevelopmentFunded", " when IsOppFromMarketingActivity is Yes")
    for name in MARKETING_DETAILS:
        if source == "No" and judged.has(name):
            judged.fail(name, "Must be null when IsOppFromMarketingActivity is No.")


def _check_needs(judged: Judged, _situation: Situation) -> None:
    needs = parts(judged.after.get("partnerPrimaryNeedFromAws") or "")
    before = parts((judged.stored or {}).get("partnerPrimaryNeedFromAws") or "")
    if NO_SUPPORT in needs and len(needs) > 1:
        judged.fail("partnerPrimaryNeedFromAws", f"'{NO_SUPPORT}' cannot be selected along with other values.")
    if NO_SUPPORT in needs and before and NO_SUPPORT not in before:
        judged.fail("partnerPrimaryNeedFromAws", f"Cannot move from a co-sell value to '{NO_SUPPORT}'.")


def _check_solutions(judged: Judged, situation: Situation) -> None:
    offered = judged.after.get("solutionOffered") or []
    if OTHER_SOLUTION in offered and situation.version != "1.0":  # which has it by default, and no description of it
        judged.require("otherSolutionOffered", " when solutionOffered is Other")
    for each in offered if "solutionOffered" in judged.changed else ():
        if each != OTHER_SOLUTION and each not in situation.solutions:
            judged.fail("solutionOffered", f"Solution {each} is none of your active solutions.")
    if judged.after.get("competitiveTracking") == "*Other":
        judged.require("competitiveTrackingOther", " when competitiveTracking is Other")
    offers = judged.after.get("offers") or []
    if len(offers) > 1:
        judged.fail("offers", "Takes one value per opportunity.")
    for each in offers if "offers" in judged.changed else ():
        if not _OFFER.fullmatch(each):
            judged.fail("offers", f"Invalid value {each}; an offer is named like offer-xxxxxx.")


def _check_figures(judged: Judged, situation: Situation) -> None:
    revenue, closes = judged.after.get("expectedMonthlyAwsRevenue"), judged.after.get("targetCloseDate")
    if revenue is not None and revenue <= 0:
        judged.fail("expectedMonthlyAwsRevenue", "Must be greater than 0.")
    if closes and "targetCloseDate" in judged.changed and closes < situation.today.isoformat():
        judged.fail("targetCloseDate", "Date cannot be in the past.")
    begins, ends = judged.after.get("contractStartDate"), judged.after.get("contractEndDate")
    if begins and ends and begins > ends:
        judged.fail("contractEndDate", "Cannot be before contractStartDate.")


def _check_type(judged: Judged, situation: Situation) -> None:
    if judged.after.get("opportunityType") == "Flat Renewal":
        judged.require("parentOppId", " when opportunityType is Flat Renewal")
    parent = judged.after.get("parentOppId")
    if parent and "parentOppId" in judged.changed and not situation.exists(parent):
        judged.fail("parentOppId", f"Resource with Identifier {parent} does not exist or is not accessible.")


def _check_stage(judged: Judged, situation: Situation) -> None:
    stage = judged.after.get("stage")
    if stage == "Closed Lost":
        judged.require("closedLostReason", " when stage is Closed Lost")
    if stage in ("Committed", "Launched") and OTHER_SOLUTION in (judged.after.get("solutionOffered") or ()):
        judged.fail("solutionOffered", "Cannot be Other when stage is Committed or Launched.")
    if stage == "Launched":
        if situation.account.partner_path == "Consulting":
            judged.require("awsAccountId", " when stage is Launched")
        for name in SOFTWARE if situation.account.revenue_program else ():
            judged.require(name, " for special programs when stage is Launched")


def _check_owner(judged: Judged, situation: Situation) -> None:
    email = judged.given.get("opportunityOwnerEmail")
    if email and situation.account.user(email) is None:
        judged.errors.append(f"User not found for Opportunity Owner email:{email}")


_RULES: tuple[Callable[[Judged, Situation], None], ...] = (
    _check_mandatory,
    _check_customer,
    _check_address,
    _check_security,
    _check_marketing,
    _check_needs,
    _check_solutions,
    _check_figures,
    _check_type,
    _check_stage,
    _check_owner,
)


def fill_defaults(judged: Judged, version: str) -> None:
    """Do for a new record, and for one of version 1.0, what AWS fills in."""
    defaults: dict[str, Any] = {"opportunityType": "Net New Business", "doesOppBelongToNatSec": "No"}
    if version == "1.0":
        defaults["salesActivities"] = "Initialized discussions with customer"
        defaults["IsOppFromMarketingActivity"] = "No"
        defaults["solutionOffered"] = [OTHER_SOLUTION]
        for name in ("solutionOffered", "awsProducts"):
            if isinstance(judged.after.get(name), str):
                judged.given[name] = judged.after[name] = [judged.after[name]]
    for name, value in defaults.items():
        if not judged.has(name):
            judged.after[name] = value
    if judged.after["doesOppBelongToNatSec"] == "Yes":
        judged.after["country"] = "United States"

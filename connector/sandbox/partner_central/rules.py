"""The business rules of a record's values, all broken ones at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connector.sandbox.partner_central.countries import NAMES, POSTAL_RULES, WITHOUT_POSTAL_CODE
from connector.sandbox.partner_central.errors import Code, FieldError
from connector.sandbox.partner_central.model import camel
from connector.sandbox.partner_central.records import Fields
from connector.sandbox.partner_central.values import CUSTOMER_USE_CASES, MARKETING_USE_CASES, NO_SUPPORT, US_STATES
from connector.sandbox.partner_central.wire import at

REQUIRED = (
    "Customer.Account.CompanyName",
    "Customer.Account.Industry",
    "Customer.Account.Address.CountryCode",
    "Project.Title",
    "Project.CustomerBusinessProblem",
    "LifeCycle.TargetCloseDate",
)
REQUIRED_OF_REFERRAL = (
    "Project.CustomerUseCase",
    "Project.DeliveryModels",
    "PrimaryNeedsFromAws",
    "LifeCycle.TargetCloseDate",
    "Project.ExpectedCustomerSpend",
    "Marketing.Source",
)
LISTS = (
    "PrimaryNeedsFromAws",
    "Customer.Contacts",
    "Project.DeliveryModels",
    "Project.ExpectedCustomerSpend",
    "Project.SalesActivities",
    "Project.ApnPrograms",
    "Marketing.UseCases",
    "Marketing.Channels",
    "OpportunityTeam",
)
LATE_STAGES = ("Committed", "Launched")
CLOSED_STAGES = ("Launched", "Closed Lost")
MARKETING_DETAILS = ("UseCases", "CampaignName", "AwsFundingUsed", "Channels")
MAX_YEARS_AHEAD = 60


def field_name(path: str) -> str:
    """Return an API path as the service writes field names."""
    return ".".join(camel(name) for name in path.split("."))


@dataclass(slots=True)
class Draft:
    """A record as a call would leave it, and everything found wrong with it.

    Attributes:
        fields: the members that the partner writes, without nulls.
        before: the stored members; None on create.
        today: the sandbox's UTC date.
        has_solution: a solution or Marketplace product is associated.
        exists: tells whether an opportunity of this catalog exists.
    """

    fields: Fields
    before: Fields | None
    today: date
    has_solution: bool
    referral: bool
    partner_path: str
    revenue_program: bool
    exists: Callable[[str], bool]
    errors: list[FieldError] = field(default_factory=list)

    def get(self, path: str) -> Any:
        """Return the member at an API path or None."""
        return at(self.fields, path)

    def fail(self, code: Code, path: str, message: str) -> None:
        """Note one broken rule of the field at an API path."""
        self.errors.append(FieldError(code, field_name(path), message))

    def require(self, path: str, when: str = "") -> None:
        """Note the field as missing when it has no value."""
        if self.get(path) in (None, "", [], {}):
            self.fail("REQUIRED_FIELD_MISSING", path, f"Field {path} is required{when}.")

    @property
    def national_security(self) -> bool:
        """Whether the opportunity is classified."""
        return bool(self.fields.get("NationalSecurity") == "Yes")

    @property
    def stage_changed(self) -> bool:
        """Whether the call moves the stage."""
        return bool(self.get("LifeCycle.Stage") != at(self.before or {}, "LifeCycle.Stage"))


def check_values(draft: Draft) -> None:
    """Collect every broken rule of the record in ``draft.errors``."""
    for path in REQUIRED:
        draft.require(path)
    for rule in _RULES:
        rule(draft)


def check_lists(draft: Draft) -> None:
    """Lists and their elements must say something: leaving a member out is how to send nothing."""
    for path in LISTS:
        value = draft.get(path)
        if value == []:
            draft.fail("NOT_ENOUGH_VALUES", path, f"Field {path} must have at least one value when it is given.")
    for number, contact in enumerate(draft.get("Customer.Contacts") or [], 1):
        if not any(contact.values()):
            draft.fail("INVALID_VALUE", f"Customer.Contacts.{number}.member", "A contact must not be empty.")


def check_account(draft: Draft) -> None:
    """Industry's free text, website, and what national security asks of the account."""
    if draft.get("Customer.Account.Industry") == "Other":
        draft.require("Customer.Account.OtherIndustry", " when Industry is Other")
    if not draft.national_security:
        draft.require("Customer.Account.WebsiteUrl")
    elif draft.get("Customer.Account.Industry") != "Government":
        draft.fail("INVALID_VALUE", "NationalSecurity", "NationalSecurity Yes is allowed for Industry Government only.")


def check_address(draft: Draft) -> None:
    """State and postal code as far as the country asks for them; formats are checked at submission."""
    country = draft.get("Customer.Account.Address.CountryCode")
    state, code = draft.get("Customer.Account.Address.StateOrRegion"), draft.get("Customer.Account.Address.PostalCode")
    if draft.national_security or not country:
        return
    if country == "US":
        draft.require("Customer.Account.Address.StateOrRegion", " when CountryCode is US")
        if state and state not in US_STATES:
            message = f"Value at 'customer.account.address.stateOrRegion' is no state of the United States: {state}"
            draft.fail("INVALID_VALUE", "Customer.Account.Address.StateOrRegion", message)
    if country in WITHOUT_POSTAL_CODE:
        if code:
            message = f"Country {country} has no postal codes; PostalCode must be empty."
            draft.fail("INVALID_VALUE", "Customer.Account.Address.PostalCode", message)
    else:
        draft.require("Customer.Account.Address.PostalCode", f" when CountryCode is {country}")


def check_postal_format(draft: Draft) -> None:
    """The postal code's form, which the service checks at submission and from then on."""
    country, code = draft.get("Customer.Account.Address.CountryCode"), draft.get("Customer.Account.Address.PostalCode")
    rule = POSTAL_RULES.get(country or "")
    if rule and code and not draft.national_security and not rule.pattern.fullmatch(code):
        name = NAMES[country]
        message = f"The postal code is invalid for country {name}, {name} postal code must be in {rule.printed} format."
        draft.fail("INVALID_VALUE", "Customer.Account.Address.PostalCode", message)


def check_use_case(draft: Draft) -> None:
    """The customer's use case is one of a list that the service model does not carry."""
    use_case = draft.get("Project.CustomerUseCase")
    if use_case and use_case not in CUSTOMER_USE_CASES:
        message = f"Value at 'project.customerUseCase' failed to satisfy constraint: '{use_case}' is no known use case"
        draft.fail("INVALID_ENUM_VALUE", "Project.CustomerUseCase", message)


def check_competitor(draft: Draft) -> None:
    """Another competitor needs its name."""
    if draft.get("Project.CompetitorName") == "*Other":
        draft.require("Project.OtherCompetitorNames", " when CompetitorName is *Other")


def check_related(draft: Draft) -> None:
    """A related opportunity must exist; for net new business it is not stored."""
    related = draft.get("Project.RelatedOpportunityIdentifier")
    if not related:
        return
    if draft.fields.get("OpportunityType") == "Net New Business":
        del draft.fields["Project"]["RelatedOpportunityIdentifier"]
    elif not draft.exists(related):
        message = f"Resource with Identifier {related} does not exist or is not accessible"
        draft.fail("INVALID_VALUE", "Project.RelatedOpportunityIdentifier", message)


def check_currency(draft: Draft) -> None:
    """Spend is in US dollars; in euros, and only so, within the European sovereign partition."""
    draft.require("Project.ExpectedCustomerSpend")
    allowed = "EUR" if draft.get("Project.AwsPartition") == "aws-eusc" else "USD"
    for number, entry in enumerate(draft.get("Project.ExpectedCustomerSpend") or [], 1):
        if entry["CurrencyCode"] != allowed:
            path = f"Project.ExpectedCustomerSpend.{number}.member.CurrencyCode"
            draft.fail("INVALID_VALUE", path, f"CurrencyCode must be {allowed} for the opportunity's partition.")


def check_close_date(draft: Draft) -> None:
    """The close date is a day in the future, at most 60 years ahead; a closed deal keeps the date it has."""
    path = "LifeCycle.TargetCloseDate"
    text = draft.get(path)
    if not text:
        return
    try:
        closes = date.fromisoformat(text)
    except ValueError:
        draft.fail("INVALID_VALUE", path, f"{text} is no day of the calendar.")
        return
    if draft.get("LifeCycle.Stage") in CLOSED_STAGES and draft.before and at(draft.before, path) == text:
        return
    if closes <= draft.today:
        draft.fail("INVALID_VALUE", path, "Target Close Date should be a future date")
    elif (closes.year - MAX_YEARS_AHEAD, closes.month, closes.day) > draft.today.timetuple()[:3]:
        draft.fail("VALUE_OUT_OF_RANGE", path, f"Target Close Date must be within {MAX_YEARS_AHEAD} years")


def check_stage(draft: Draft) -> None:
    """What the stage asks of the record."""
    stage = draft.get("LifeCycle.Stage")
    if draft.before is not None:
        draft.require("LifeCycle.Stage")
    if stage == "Closed Lost":
        draft.require("LifeCycle.ClosedLostReason", " when LifeCycle.Stage is Closed Lost")
    other = bool(draft.get("Project.OtherSolutionDescription")) or draft.before is not None
    if stage in LATE_STAGES and not draft.has_solution and other:
        message = "Solution offered cannot be 'Other' when Opportunity stage is Committed or Launched"
        draft.fail("INVALID_VALUE", "RelatedEntityIdentifiers.Solutions", message)
    if stage == "Launched":
        _check_launch(draft)


def _check_launch(draft: Draft) -> None:
    if draft.partner_path == "Consulting":
        draft.require("Customer.Account.AwsAccountId", " when LifeCycle.Stage is Launched")
    if draft.revenue_program:
        for name in ("DeliveryModel", "Value", "EffectiveDate", "ExpirationDate"):
            draft.require(f"SoftwareRevenue.{name}", " for special program opportunities when stage is 'Launched'")


def check_referral(draft: Draft) -> None:
    """A referral from AWS must be completed when it leaves the first stage."""
    if not draft.referral or not draft.stage_changed:
        return
    if draft.get("LifeCycle.Stage") not in (None, "Prospect", "Closed Lost"):
        for path in REQUIRED_OF_REFERRAL:
            draft.require(path, " to move an AWS referral beyond Prospect")
        if not draft.has_solution and not draft.get("Project.OtherSolutionDescription"):
            draft.require("RelatedEntityIdentifiers.Solutions", " to move an AWS referral beyond Prospect")


def check_marketing(draft: Draft) -> None:
    """The source decides whether the other marketing members must or must not be there."""
    marketing = draft.fields.get("Marketing") or {}
    if draft.before is not None or marketing:
        draft.require("Marketing.Source")
    if marketing.get("Source") == "Marketing Activity":
        draft.require("Marketing.AwsFundingUsed", " when Marketing.Source is Marketing Activity")
    elif marketing.get("Source") == "None":
        for name in MARKETING_DETAILS:
            if name in marketing:
                draft.fail(
                    "INVALID_VALUE", f"Marketing.{name}", f"{name} is not allowed when Marketing.Source is None."
                )
    for number, use_case in enumerate(marketing.get("UseCases") or [], 1):
        if use_case not in MARKETING_USE_CASES:
            message = f"'{use_case}' is no known marketing use case."
            draft.fail("INVALID_ENUM_VALUE", f"Marketing.UseCases.{number}.member", message)


def check_software_revenue(draft: Draft) -> None:
    """The contract must not end before it begins."""
    begins, ends = draft.get("SoftwareRevenue.EffectiveDate"), draft.get("SoftwareRevenue.ExpirationDate")
    if begins and ends and begins > ends:
        message = "Effective Date must be less than or equal to the expiration date"
        draft.fail("INVALID_VALUE", "SoftwareRevenue.EffectiveDate", message)


def check_needs(draft: Draft) -> None:
    """Wanting no support excludes all other needs, and classified opportunities."""
    needs = draft.fields.get("PrimaryNeedsFromAws") or []
    if NO_SUPPORT not in needs:
        return
    if len(needs) > 1:
        draft.fail("INVALID_VALUE", "PrimaryNeedsFromAws", f"'{NO_SUPPORT}' cannot be combined with other needs.")
    if draft.national_security:
        message = f"PrimaryNeedsFromAws cannot be '{NO_SUPPORT}' when NationalSecurity is Yes."
        draft.fail("INVALID_VALUE", "PrimaryNeedsFromAws", message)


_RULES: tuple[Callable[[Draft], None], ...] = (
    check_lists,
    check_account,
    check_address,
    check_use_case,
    check_competitor,
    check_related,
    check_currency,
    check_close_date,
    check_stage,
    check_referral,
    check_marketing,
    check_software_revenue,
    check_needs,
)

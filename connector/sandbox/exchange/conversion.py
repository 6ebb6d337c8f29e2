"""A file's flat record and Partner Central's opportunity: the same values in two shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connector.sandbox.exchange import values
from connector.sandbox.exchange.checks import Record, parts
from connector.sandbox.partner_central.opportunities import team_member
from connector.sandbox.partner_central.records import Fields, Opportunity
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.partner_central.values import aws_products
from connector.sandbox.partner_central.wire import at, format_timestamp, parse_timestamp, put

_ACCOUNT, _ADDRESS = "Customer.Account.", "Customer.Account.Address."
TEXTS = {
    "partnerCrmUniqueIdentifier": "PartnerOpportunityIdentifier",
    "customerCompanyName": _ACCOUNT + "CompanyName",
    "customerWebsite": _ACCOUNT + "WebsiteUrl",
    "customerDuns": _ACCOUNT + "Duns",
    "industryOther": _ACCOUNT + "OtherIndustry",
    "awsAccountId": _ACCOUNT + "AwsAccountId",
    "streetAddress": _ADDRESS + "StreetAddress",
    "city": _ADDRESS + "City",
    "state": _ADDRESS + "StateOrRegion",
    "postalCode": _ADDRESS + "PostalCode",
    "doesOppBelongToNatSec": "NationalSecurity",
    "partnerProjectTitle": "Project.Title",
    "projectDescription": "Project.CustomerBusinessProblem",
    "useCase": "Project.CustomerUseCase",
    "competitiveTracking": "Project.CompetitorName",
    "competitiveTrackingOther": "Project.OtherCompetitorNames",
    "otherSolutionOffered": "Project.OtherSolutionDescription",
    "parentOppId": "Project.RelatedOpportunityIdentifier",
    "additionalComments": "Project.AdditionalComments",
    "opportunityType": "OpportunityType",
    "targetCloseDate": "LifeCycle.TargetCloseDate",
    "stage": "LifeCycle.Stage",
    "nextStep": "LifeCycle.NextSteps",
    "isMarketingDevelopmentFunded": "Marketing.AwsFundingUsed",
    "awsSFCampaignName": "Marketing.CampaignName",
    "procurementType": "SoftwareRevenue.DeliveryModel",
    "contractStartDate": "SoftwareRevenue.EffectiveDate",
    "contractEndDate": "SoftwareRevenue.ExpirationDate",
    "customerSoftwareValueCurrency": "SoftwareRevenue.Value.CurrencyCode",
}
CHOICES: dict[str, tuple[str, Mapping[str, str]]] = {
    "country": (_ADDRESS + "CountryCode", values.COUNTRIES),
    "industry": (_ACCOUNT + "Industry", values.INDUSTRIES),
    "closedLostReason": ("LifeCycle.ClosedLostReason", values.LOST_REASONS),
    "IsOppFromMarketingActivity": ("Marketing.Source", values.MARKETING),
}
MULTIPLE: dict[str, tuple[str, Mapping[str, str]]] = {
    "deliveryModel": ("Project.DeliveryModels", {}),
    "salesActivities": ("Project.SalesActivities", {}),
    "campaignName": ("Project.ApnPrograms", values.PROGRAMS),
    "marketingActivityChannel": ("Marketing.Channels", {}),
    "marketingActivityUsecase": ("Marketing.UseCases", {}),
    "partnerPrimaryNeedFromAws": ("PrimaryNeedsFromAws", {}),
}
CONTACT = {
    "customerFirstName": "FirstName",
    "customerLastName": "LastName",
    "customerTitle": "BusinessTitle",
    "customerEmail": "Email",
    "customerPhone": "Phone",
}
SALES_CONTACT = {
    "primaryContactFirstName": "FirstName",
    "primaryContactLastName": "LastName",
    "primaryContactEmail": "Email",
    "primaryContactPhone": "Phone",
}
AWS_TEAM = {
    "AWSAccountOwner": ("aWSAccountOwnerName", "aWSAccountOwnerEmail"),
    "AWSSalesRep": ("aWSSalesRepName", "aWSSalesRepEmail"),
    "ISVSM": ("aWSISVSuccessManagerName", "aWSISVSuccessManagerEmail"),
    "PDM": ("partnerDeveloperManager", "partnerDeveloperManagerEmail"),
    "PSM": ("aWSPartnerSuccessManagerName", "aWSPartnerSuccessManagerEmail"),
    "WWPSPDM": ("wWPSPDM", "wWPSPDMEmail"),
}


def stamp_text(text: str) -> str:
    """Return a date-time as files carry it: UTC with milliseconds."""
    moment = parse_timestamp(text)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z" if moment else text


def show(opportunity: Opportunity) -> Record:
    """Return an opportunity as a flat record."""
    fields = opportunity.fields
    record: Record = {name: at(fields, path) for name, path in TEXTS.items()}
    for name, (path, spellings) in CHOICES.items():
        record[name] = _back(spellings, at(fields, path))
    for name, (path, spellings) in MULTIPLE.items():
        record[name] = ";".join(_back(spellings, each) for each in at(fields, path) or ()) or None
    record["country"] = values.COUNTRY_NAMES.get(at(fields, _ADDRESS + "CountryCode"), record["country"])
    record |= _show_people(opportunity, fields) | _show_amounts(fields) | _show_related(opportunity)
    return record | _show_own(opportunity, fields) | _show_summary(opportunity.summary)


def _back(spellings: Mapping[str, str], value: Any) -> Any:
    return next((name for name, api in spellings.items() if api == value), value)


def _show_people(opportunity: Opportunity, fields: Fields) -> Record:
    contact = (at(fields, "Customer.Contacts") or [{}])[0]
    record = {name: contact.get(member) for name, member in CONTACT.items()}
    team = {member["BusinessTitle"]: member for member in opportunity.team}
    seller = team.get("PartnerAccountManager") or {}
    record |= {name: seller.get(member) for name, member in SALES_CONTACT.items()}
    record["primaryContactTitle"] = None
    owner = team.get("OpportunityOwner") or {}
    return record | {"opportunityOwnerEmail": owner.get("Email"), "opportunityOwnerName": _name(owner) or None}


def _name(person: Mapping[str, Any]) -> str:
    return f"{person.get('FirstName') or ''} {person.get('LastName') or ''}".strip()


def _show_amounts(fields: Fields) -> Record:
    spend = [one for one in at(fields, "Project.ExpectedCustomerSpend") or () if one.get("TargetCompany") != "Self"]
    amount, value = (spend[0].get("Amount") if spend else None), at(fields, "SoftwareRevenue.Value.Amount")
    return {
        # Whole dollars, as the definitions say; the API knows cents.
        "expectedMonthlyAwsRevenue": float(round(float(amount))) if amount else None,
        "customerSoftwareValue": float(value) if value else None,
    }


def _show_related(opportunity: Opportunity) -> Record:
    entities = opportunity.entities
    solutions = list(entities.get("Solutions", ()))
    if not solutions and at(opportunity.fields, "Project.OtherSolutionDescription"):
        solutions = [values.OTHER_SOLUTION]
    return {
        "solutionOffered": solutions or None,
        "awsProducts": list(entities.get("AwsProducts", ())) or None,
        "offers": [each.rpartition("/")[2] for each in entities.get("AwsMarketplaceOffers", ())] or None,
    }


def _show_own(opportunity: Opportunity, fields: Fields) -> Record:
    status = opportunity.review_status
    history = at(fields, "LifeCycle.NextStepsHistory") or ()
    return {
        "apnCrmUniqueIdentifier": opportunity.id,
        "opportunityOwnership": opportunity.origin,
        "status": values.STATUSES.get(status or "", status),
        "apnReviewerComments": at(fields, "LifeCycle.ReviewComments"),
        "nextStepHistory": "\n".join(f"{stamp_text(one['Time'])} {one['Value']}" for one in history) or None,
        "createdDate": stamp_text(format_timestamp(opportunity.created)),
        "lastModifiedDate": stamp_text(format_timestamp(opportunity.modified)),
        "createdBy": "AWS" if opportunity.origin == "AWS Referral" else "Partner Central",
        "lastModifiedBy": "Partner Central",
    }


def _show_summary(summary: Fields) -> Record:
    record: Record = {
        "aWSStage": at(summary, "LifeCycle.Stage"),
        "aWSCloseDate": at(summary, "LifeCycle.TargetCloseDate"),
        "aWSClosedLostReason": at(summary, "LifeCycle.ClosedLostReason"),
        "engagementScore": at(summary, "Insights.EngagementScore"),
        "recommendedNextBestActions": at(summary, "Insights.NextBestActions"),
        "cosellConvertReason": summary.get("InvolvementTypeChangeReason"),
        "partnerDeveloperManagerPhone": None,
        "backwardsCompatibilityChanges": None,
    }
    team = {member["BusinessTitle"]: member for member in summary.get("OpportunityTeam") or ()}
    for title, (name, email) in AWS_TEAM.items():
        member = team.get(title)
        record[name] = _name(member) if member else None
        record[email] = member.get("Email") if member else None
    return record


def take_over(record: Record, fields: Fields, names: set[str]) -> Fields:
    """Return Partner Central's members, which are changed, with those values of a flat record."""
    for name in names & set(TEXTS):
        put(fields, TEXTS[name], record.get(name) or None)
    for name in names & set(CHOICES):
        path, spellings = CHOICES[name]
        put(fields, path, spellings.get(record.get(name) or ""))
    for name in names & set(MULTIPLE):
        path, spellings = MULTIPLE[name]
        put(fields, path, [spellings.get(each, each) for each in parts(record.get(name) or "")] or None)
    for wanted, write in ((set(CONTACT), _write_contact), (_AMOUNTS, _write_amounts)):
        if names & wanted:
            write(record, fields)
    if record.get("doesOppBelongToNatSec") == "Yes":
        put(fields, _ADDRESS + "CountryCode", "US")
    return _full(fields)


def _full(fields: Fields) -> Fields:
    """Return the members without structures that hold nothing, or half of an amount of money."""
    full = {name: _full(value) if isinstance(value, dict) else value for name, value in fields.items()}
    money = full.get("Value")
    if isinstance(money, dict) and len(money) < 2:
        del full["Value"]
    return {name: value for name, value in full.items() if value != {}}


_AMOUNTS = {"expectedMonthlyAwsRevenue", "customerSoftwareValue"}


def _write_contact(record: Record, fields: Fields) -> None:
    contact = _person(record, CONTACT)
    others = (at(fields, "Customer.Contacts") or [])[1:]
    put(fields, "Customer.Contacts", [contact, *others] if contact else others or None)


def _person(record: Record, members: Mapping[str, str]) -> Fields:
    person = {member: record[name] for name, member in members.items() if record.get(name)}
    if "Email" in person:
        person["Email"] = person["Email"].lower()
    digits = re.sub(r"\D", "", person.pop("Phone", ""))
    if re.fullmatch(r"[1-9]\d{1,14}", digits):
        person["Phone"] = f"+{digits}"
    return person


def _write_amounts(record: Record, fields: Fields) -> None:
    spend = [one for one in at(fields, "Project.ExpectedCustomerSpend") or () if one.get("TargetCompany") == "Self"]
    amount, value = record.get("expectedMonthlyAwsRevenue"), record.get("customerSoftwareValue")
    if amount is not None:
        entry = {"Amount": f"{amount:.2f}", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
        spend.insert(0, entry)
    put(fields, "Project.ExpectedCustomerSpend", spend or None)
    put(fields, "SoftwareRevenue.Value.Amount", None if value is None else f"{value:.2f}")


def write_related(record: Record, opportunity: Opportunity, account: Settings, names: set[str]) -> None:
    """Associate what the record names; a product that the API does not know stays with the file's record only."""
    writers: dict[str, tuple[str, Callable[[str], str | None]]] = {
        "solutionOffered": ("Solutions", lambda each: None if each == values.OTHER_SOLUTION else each),
        "awsProducts": ("AwsProducts", _product),
        "offers": ("AwsMarketplaceOffers", lambda each: _offer(each, account)),
    }
    for name in names & set(writers):
        kind, convert = writers[name]
        opportunity.entities[kind] = [found for each in record.get(name) or () if (found := convert(each))]


def _product(code: str) -> str | None:
    return next((each for each in (code, f"AWS{code}", f"Amazon{code}") if each in aws_products()), None)


def _offer(identifier: str, account: Settings) -> str:
    arn = f"arn:aws:aws-marketplace:us-east-1:{account.seller_accounts[0]}:AWSMarketplace/Offer/"
    return identifier if identifier.startswith("arn:") else arn + identifier.lower()


def write_team(record: Record, opportunity: Opportunity, account: Settings, names: set[str]) -> None:
    """Set owner and sales contact; the alliance lead owns what names nobody."""
    team = {member["BusinessTitle"]: member for member in opportunity.team}
    if "OpportunityOwner" not in team or "opportunityOwnerEmail" in names:
        owner = account.user(record.get("opportunityOwnerEmail") or "") or account.users[0]
        team["OpportunityOwner"] = team_member(owner.email, owner.first_name, owner.last_name, "OpportunityOwner")
    if names & set(SALES_CONTACT):
        team.pop("PartnerAccountManager", None)
        person = _person(record, SALES_CONTACT)
        if person:
            team["PartnerAccountManager"] = {"Phone": None, **person, "BusinessTitle": "PartnerAccountManager"}
    opportunity.team = list(team.values())

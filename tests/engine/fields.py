"""The few fields that the in-memory org has, and what the platforms' documents say of each.

Written from those documents and not from the connector's catalogue, so that the two can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry

OPPORTUNITY = "ACE_Opportunity__c"
KEY_PREFIX = "a0X"
FLAG = "ACE_Sync_with_AWS__c"
SYNCED = "ACE_Last_Sync_Date__c"
HAS_UPDATES = "ACE_Has_Updates__c"
APN_ID = "ACE_APN_Unique_Identifier__c"
ACCOUNT, LOOKUP, RELATION = "Account", "Account__c", "Account__r"
"""The related object, and how the reduced object refers to it."""

FORMULA = (
    "AND(ACE_Sync_with_AWS__c, OR(ISBLANK(ACE_Last_Sync_Date__c), AND(LastModifiedDate >= ACE_Last_Sync_Date__c, "
    "CASESAFEID(LastModifiedById) <> $Setup.ACE_Connector_Settings__c.Integration_User_Id__c)))"
)

PENDING, ACTION_REQUIRED, APPROVED = "Pending Submission", "Action Required", "Approved"
UNDER_REVIEW = ("Submitted", "In review")
_EARLY = frozenset({PENDING})
_CORRECTABLE = frozenset({PENDING, ACTION_REQUIRED})
_AGREED = frozenset({PENDING, APPROVED})
_ALWAYS = frozenset({PENDING, ACTION_REQUIRED, APPROVED})

Canonical = str | Decimal | date | frozenset[str] | None
"""A value as both sides mean it: texts, amounts, dates, sets; None for empty."""


@dataclass(frozen=True, slots=True)
class PartnerField:
    """One field that partners send.

    Attributes:
        name: in Salesforce.
        type: describe's word.
        path: in the Selling API's answers; ``Solutions`` and the like for associations.
        editable: review statuses in which AWS takes a change.
        good, bad: Salesforce values that people enter; AWS's rules refuse the bad ones.
        keeps: AWS may not change it in Salesforce (inbound updates are off when mapped automatically).
        required: AWS refuses a record without it.
    """

    name: str
    type: str
    path: str
    editable: frozenset[str]
    good: tuple[Any, ...]
    bad: tuple[Any, ...] = ()
    keeps: bool = False
    required: bool = False
    length: int = 255

    @property
    def associated(self) -> str:
        """Entity type, empty for a member of the record itself."""
        return self.path.removeprefix("RelatedEntityIdentifiers.") if "Related" in self.path else ""


def _spend() -> str:
    return "Project.ExpectedCustomerSpend[AWS].Amount"


_PRICING = "Co-Sell - Pricing Assistance"
_NEEDS = ("Co-Sell - Deal Support", _PRICING, f"Co-Sell - Deal Support;{_PRICING}")
_SALES = ("SOW Signed", "Conducted POC / Demo", "Conducted POC / Demo;SOW Signed")
_LONG = "The lease of the data centre ends and all loads must move"

PARTNER_FIELDS = (
    PartnerField("Customer_Company_Name__c", "string", "Customer.Account.CompanyName", _EARLY,
                 ("Example Freight", "Example Rail"), (None,), required=True),
    PartnerField("Customer_Website__c", "url", "Customer.Account.WebsiteUrl", _CORRECTABLE,
                 ("https://freight.example", "https://rail.example"), required=True),
    PartnerField("Industry__c", "picklist", "Customer.Account.Industry", _EARLY, ("Aerospace", "Agriculture"),
                 required=True),
    PartnerField("Country__c", "picklist", "Customer.Account.Address.CountryCode", _CORRECTABLE, ("DE",),
                 required=True),
    PartnerField("Postal_Code__c", "string", "Customer.Account.Address.PostalCode", _CORRECTABLE,
                 ("10115", "20095"), ("no code",), required=True),
    PartnerField("Partner_Project_Title__c", "string", "Project.Title", _EARLY,
                 ("Move the data centre", "Move the warehouse"), required=True),
    PartnerField("Customer_Business_Problem__c", "textarea", "Project.CustomerBusinessProblem", _CORRECTABLE,
                 (f"{_LONG}.", f"{_LONG} soon."), ("too short",), required=True, length=2000),
    PartnerField("Target_Close_Date__c", "date", "LifeCycle.TargetCloseDate", _ALWAYS,
                 ("2040-03-01", "2041-06-30"), ("2020-01-01",), keeps=True, required=True),
    PartnerField("Next_Step__c", "string", "LifeCycle.NextSteps", _AGREED,
                 (None, "Call them", "Send the offer", "Sign")),
    PartnerField("Expected_Monthly_AWS_Revenue__c", "currency", _spend(), _ALWAYS,
                 (Decimal("1200"), Decimal("800"), Decimal("10")), required=True),
    PartnerField("Use_Case__c", "picklist", "Project.CustomerUseCase", _AGREED, ("Archiving", "Blockchain"),
                 required=True),
    PartnerField("Delivery_Model__c", "multipicklist", "Project.DeliveryModels", _AGREED,
                 ("Resell", "Other", "Other;Resell"), required=True),
    PartnerField("Sales_Activities__c", "multipicklist", "Project.SalesActivities", _AGREED, _SALES, required=True),
    PartnerField("Primary_Needs_from_AWS__c", "multipicklist", "PrimaryNeedsFromAws", _EARLY, _NEEDS, required=True),
    PartnerField("Other_Solution_Offered__c", "string", "Project.OtherSolutionDescription", _AGREED,
                 (None, "Our own platform", "Our own service")),
    PartnerField("Solution_Offered__c", "textarea", "RelatedEntityIdentifiers.Solutions", _ALWAYS,
                 ("S-0000001", "S-0000002", "S-0000001;S-0000002"), length=1000),
    PartnerField("AWS_Products__c", "textarea", "RelatedEntityIdentifiers.AwsProducts", _ALWAYS,
                 (None, "AmazonEC2", "AmazonS3", "AmazonEC2;AmazonS3"), length=4000),
    PartnerField("Stage__c", "picklist", "LifeCycle.Stage", _AGREED, ("Prospect", "Qualified", "Committed"),
                 keeps=True, required=True),
)  # fmt: skip
BY_NAME = {item.name: item for item in PARTNER_FIELDS}

AWS_FIELDS = {
    "Review_Status__c": ("picklist", "LifeCycle.ReviewStatus"),
    "Reviewer_Comments__c": ("textarea", "LifeCycle.ReviewComments"),
    "Next_Step_History__c": ("textarea", ""),
    "AWS_Last_Modified_Date__c": ("datetime", ""),
    "AWS_Stage__c": ("string", ""),
    "Engagement_Score__c": ("picklist", ""),
}
"""Fields that only AWS fills, with describe's word and the path in GetOpportunity where comparing is plain."""

_OPEN_LISTS = {
    "Review_Status__c": ("Pending Submission", "Submitted", "In review", "Approved", "Rejected", "Action Required"),
    "Engagement_Score__c": ("Low", "Medium", "High"),
}


def describe_opportunity() -> ObjectDescribe:
    """Return the describe of the reduced object."""
    fields = {known.name.lower(): known for known in _fields_of_opportunity()}
    return ObjectDescribe(OPPORTUNITY, "ACE Opportunity", KEY_PREFIX, fields=fields)


@cache
def _fields_of_opportunity() -> tuple[FieldDescribe, ...]:
    own = (
        FieldDescribe("Id", "Record ID", "id", length=18, updateable=False),
        FieldDescribe("Name", "Name", "string", length=80),
        FieldDescribe("OwnerId", "Owner", "reference", length=18),
        FieldDescribe("LastModifiedDate", "Last Modified Date", "datetime", updateable=False),
        FieldDescribe("LastModifiedById", "Last Modified By", "reference", updateable=False),
        FieldDescribe("SystemModstamp", "System Modstamp", "datetime", updateable=False),
        FieldDescribe(FLAG, "Sync with AWS", "boolean", nillable=False),
        FieldDescribe(SYNCED, "Last Sync Date", "datetime"),
        FieldDescribe(HAS_UPDATES, "Has Updates", "boolean", calculated=True, updateable=False, formula=FORMULA),
        FieldDescribe(APN_ID, "AWS identifier", "string", length=18, unique=True, external_id=True),
        FieldDescribe(LOOKUP, "Account", "reference", length=18, reference_to=(ACCOUNT,), relationship_name=RELATION),
    )
    mapped = [_describe(item.name, item.type, item.length, item.good) for item in PARTNER_FIELDS]
    mapped += [
        _describe(name, kind, 131_072 if kind == "textarea" else 255, _OPEN_LISTS.get(name, ()))
        for name, (kind, _) in AWS_FIELDS.items()
    ]
    return (*own, *mapped)


def describe_account() -> ObjectDescribe:
    """Return the describe of the related object."""
    fields = (
        FieldDescribe("Id", "Record ID", "id", length=18, updateable=False),
        FieldDescribe("LastModifiedDate", "Last Modified Date", "datetime", updateable=False),
        FieldDescribe("LastModifiedById", "Last Modified By", "reference", updateable=False),
        FieldDescribe("SystemModstamp", "System Modstamp", "datetime", updateable=False),
        FieldDescribe("BillingCity", "Billing City", "string", length=40),
        FieldDescribe("BillingStreet", "Billing Street", "textarea", length=255),
    )
    return ObjectDescribe(ACCOUNT, "Account", "001", fields={known.name.lower(): known for known in fields})


def _describe(name: str, kind: str, length: int, values: tuple[Any, ...]) -> FieldDescribe:
    offered = {part for value in values if isinstance(value, str) for part in value.split(";")}
    picklist = tuple(PicklistEntry(value, value) for value in sorted(offered)) if "picklist" in kind else ()
    return FieldDescribe(
        name, name, kind, length=length, precision=18 if kind == "currency" else 0, scale=2, picklist=picklist
    )


def meant(item: PartnerField, value: Any) -> Canonical:
    """Return what a Salesforce value, or AWS's value of the same field, means."""
    if value in (None, "", []):
        return None
    match item.type:
        case "currency":
            return Decimal(str(value))
        case "date":
            return date.fromisoformat(str(value)[:10])
        case "multipicklist":
            return frozenset(value.split(";") if isinstance(value, str) else value)
        case "textarea" if item.associated:
            return frozenset(value.split(";") if isinstance(value, str) else value)
        case _:
            return str(value)


def sound_values() -> dict[str, Any]:
    """Return values that make a record which AWS takes."""
    return {item.name: item.good[0] for item in PARTNER_FIELDS}


@dataclass(frozen=True, slots=True)
class Extra:
    """A member that the org does not map but colleagues fill in at AWS."""

    path: str
    values: tuple[Any, ...] = field(default=())


EXTRAS = (
    Extra("Project.AdditionalComments", ("They like trains", "Ask for Pat")),
    Extra("Project.CompetitorName", ("*Other", "On-Prem")),
    Extra("Customer.Account.Duns", ("123456789", "987654321")),
    Extra("Customer.Account.Address.City", ("Berlin", "Hamburg")),
    Extra("Customer.Contacts", ([{"FirstName": "Pat", "LastName": "Doe"}], [{"Email": "pat@freight.example"}])),
    Extra("OpportunityType", ("Expansion", "Flat Renewal")),
    Extra("Marketing", ({"Source": "Marketing Activity", "AwsFundingUsed": "Yes", "CampaignName": "Spring"},)),
    Extra("Project.ExpectedContractDuration", ({"Term": "Months", "Value": "12"},)),
    Extra("Project.ExpectedCustomerSpend[AWS].EstimationUrl", ("https://calculator.aws/#/estimate?id=0123",)),
)


def read(answer: Any, path: str) -> Any:
    """Return the value at the path of an answer, None where there is none. ``[AWS]`` is the spend entry of AWS."""
    value = answer
    for step in path.split("."):
        if value is None:
            return None
        name, _, selector = step.partition("[")
        value = value.get(name)
        if selector:
            value = next((one for one in value or () if one.get("TargetCompany") == selector[:-1]), None)
    return value


def write(answer: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at the path; None takes it away."""
    *above, last = path.split(".")
    for step in above:
        name, _, selector = step.partition("[")
        if selector:
            entries = answer.setdefault(name, [])
            if not any(one.get("TargetCompany") == selector[:-1] for one in entries):
                entries.append({"TargetCompany": selector[:-1], "CurrencyCode": "USD", "Frequency": "Monthly"})
            answer = next(one for one in entries if one.get("TargetCompany") == selector[:-1])
        else:
            answer = answer.setdefault(name, {})
    if value is None:
        answer.pop(last, None)
    else:
        answer[last] = value


def at_aws(item: PartnerField, value: Any) -> Any:
    """Return a Salesforce value as the Selling API writes it."""
    plain = meant(item, value)
    match plain:
        case frozenset():
            return sorted(plain)
        case Decimal():
            return format(plain, "f")
        case date():
            return plain.isoformat()
        case _:
            return plain

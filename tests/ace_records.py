"""Canonical opportunity records for tests: one that AWS takes, and a strategy for any that the model allows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from connector.ace.catalogue import AceField, FieldType, opportunity_fields
from connector.ace.record import Value

TODAY = date(2026, 11, 23)


def sound_record(**changes: Value) -> dict[str, Value]:
    """Return a record that AWS takes for co-selling, with changes; dots in names are written as ``__``."""
    record: dict[str, Value] = {
        "partnerCrmUniqueIdentifier": "006000000000001AAA",
        "customerCompanyName": "Example Freight",
        "customerWebsite": "https://freight.example",
        "industry": "Transportation and Logistics",
        "country": "US",
        "state": "Texas",
        "postalCode": "75001",
        "partnerProjectTitle": "Move the data centre",
        "projectDescription": "The lease of the data centre ends and all loads must move.",
        "targetCloseDate": date(2027, 3, 1),
        "expectedMonthlyAwsRevenue": Decimal("1200"),
        "useCase": "Migration / Database Migration",
        "deliveryModel": ("SaaS or PaaS",),
        "salesActivities": ("SOW Signed",),
        "partnerPrimaryNeedFromAws": ("Co-Sell - Deal Support",),
        "stage": "Qualified",
        "customerEmail": "pat@freight.example",
        "customerPhone": "+15550100",
    }
    return record | {name.replace("__", "."): value for name, value in changes.items()}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="&", exclude_categories=("Cs", "Cc")), min_size=1)
_PATTERNED = {
    "customerDuns": st.from_regex(r"[0-9]{9}", fullmatch=True),
    "awsAccountId": st.from_regex(r"[0-9]{12}", fullmatch=True),
    "parentOppId": st.from_regex(r"O[0-9]{1,19}", fullmatch=True),
    "project.expectedCustomerSpend.estimationUrl": st.from_regex(r"[a-f0-9]{32}", fullmatch=True).map(
        "https://calculator.aws/#/estimate?id={}".format
    ),
    "project.expectedContractDuration.value": st.integers(1, 144),
    "project.expectedCustomerSpend.currencyCode": st.just("USD"),
    "IsOppFromMarketingActivity": st.just("Marketing Activity"),
    "projectDescription": TEXT.map(lambda text: f"A long enough problem: {text}"[:2000]),
    "customerWebsite": TEXT.map(lambda text: f"www.{text}"[:255]),
}


def values(field: AceField) -> st.SearchStrategy[Value]:
    """Return any value that the field takes by itself, in the form that AWS keeps."""
    if field.name in _PATTERNED:
        return _PATTERNED[field.name]
    match field.type:
        case FieldType.PICKLIST:
            return st.sampled_from(field.values)
        case FieldType.MULTI_PICKLIST:
            return st.lists(st.sampled_from(field.values), min_size=1, unique=True).map(tuple)
        case FieldType.AMOUNT:
            return st.decimals(Decimal("0.01"), Decimal("9999999999999999.99"), places=field.decimals)
        case FieldType.DATE:
            return st.dates(date(2027, 1, 1), date(2080, 1, 1))
        case FieldType.EMAIL:
            return st.from_regex(r"[a-z]{1,20}@[a-z]{1,20}\.example", fullmatch=True)
        case FieldType.PHONE:
            return st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True)
        case _:
            return TEXT.map(lambda text: text[: field.length or 2000])


def written_fields() -> list[AceField]:
    """Return the fields that create and update requests carry, without those that AWS takes only in company."""
    pairs = {"project.expectedContractDuration.value", "project.expectedCustomerSpend.self.amount"}
    pairs |= {"customerSoftwareValue", "customerSoftwareValueCurrency"}
    lone = {"project.expectedCustomerSpend.currencyCode"}
    return [field for field in opportunity_fields().values() if field.update_path and field.name not in pairs | lone]


@st.composite
def records(draw: st.DrawFn) -> dict[str, Value]:
    """Draw a record with any of the fields that requests carry, and the members that AWS needs in company."""
    chosen = draw(st.lists(st.sampled_from(written_fields()), unique_by=lambda field: field.name))
    record = {field.name: draw(values(field)) for field in chosen}
    if draw(st.booleans()):
        record["project.expectedCustomerSpend.self.amount"] = draw(values(_field("customerSoftwareValue")))
        record["project.expectedContractDuration.value"] = draw(st.integers(1, 144))
    if draw(st.booleans()):
        record["customerSoftwareValue"] = draw(values(_field("customerSoftwareValue")))
        record["customerSoftwareValueCurrency"] = draw(values(_field("customerSoftwareValueCurrency")))
    return {"customerCompanyName": "Example Freight", **record}


def _field(name: str) -> AceField:
    return opportunity_fields()[name]

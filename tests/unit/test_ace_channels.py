"""One opportunity reads the same from the bucket's file and from the Selling API: whoever moves from the one to the
other sees no change that nobody made.

Both sides are the sandbox's, which shows one opportunity in two shapes by rules of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from ace_records import values
from hypothesis import given
from hypothesis import strategies as st

from connector.ace import api_shape
from connector.ace.catalogue import FieldType, opportunity_fields
from connector.ace.export_shape import read_export
from connector.ace.file_fields import Version, readable_fields
from connector.ace.file_shape import opportunity_entry
from connector.ace.paths import put
from connector.ace.record import Value
from connector.ace.text import named_as_at_aws, same, to_api
from connector.ace.values import match_value
from connector.data.values import countries
from connector.sandbox.exchange.conversion import show
from connector.sandbox.partner_central import summary
from connector.sandbox.partner_central.opportunities import view
from connector.sandbox.partner_central.records import Opportunity

FIELDS = opportunity_fields()
OFFER = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Offer/offer-abc123"
STAMPED = {"nextStepHistory"}
"""AWS's own text, whose moments the two channels write with more or fewer decimals."""
BARE: Mapping[str, Any] = {
    "Customer": {"Account": {"CompanyName": "Example Freight", "Address": {}}},
    "Project": {},
    "LifeCycle": {"ReviewStatus": "Approved"},
    "Marketing": {},
    "SoftwareRevenue": {"Value": {}},
}
_CHOICES = [
    name
    for name, field in FIELDS.items()
    if field.get_path and name in readable_fields("opportunity") and field.value_list
]
_PLAIN = [
    field
    for name, field in FIELDS.items()
    if field.get_path and field.update_path and name in readable_fields("opportunity")
]


def both(fields: Mapping[str, Any], **facts: Any) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return what the API and what a file say of the opportunity with these members, as canonical records."""
    opportunity = Opportunity("AWS", "O1234567", dict(fields), datetime(2026, 1, 1, tzinfo=UTC))
    for name, value in facts.items():
        setattr(opportunity, name, value)
    answer = json.loads(json.dumps(view(opportunity)))
    by_api = {**api_shape.from_summary(summary.view(opportunity)), **api_shape.from_get(answer)}
    [exported] = read_export(json.dumps({"opportunities": [show(opportunity)]}), "opportunity").records
    assert not exported.problems
    return by_api, dict(exported.record)


def differing(fields: Mapping[str, Any], **facts: Any) -> dict[str, tuple[Value, Value]]:
    by_api, by_file = both(fields, **facts)
    common = (by_api.keys() & by_file.keys()) - STAMPED
    return {name: (by_api[name], by_file[name]) for name in common if not same(by_api[name], by_file[name])}


def with_value(name: str, value: Value) -> dict[str, Any]:
    fields = deepcopy(dict(BARE))
    put(fields, FIELDS[name].get_path, to_api(value))
    return fields


def standard(name: str) -> list[Value]:
    """Return the standard values of a field, each as the field holds it."""
    several = FIELDS[name].type is FieldType.MULTI_PICKLIST
    return [(value,) if several else value for value in FIELDS[name].values]


@pytest.mark.parametrize("name", _CHOICES)
def test_the_standard_values_read_the_same_from_both(name: str) -> None:
    for value in standard(name):
        fields = with_value(name, value)
        by_api, by_file = both(fields)
        assert not differing(fields)
        assert by_file[name] == by_api[name] == value


@given(data=st.data())
def test_any_value_that_aws_takes_reads_the_same_from_both(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(_PLAIN))
    assert not differing(with_value(field.name, data.draw(values(field))))


def test_nothing_reads_as_nothing_from_both() -> None:
    assert not differing(BARE)


def test_people_and_aws_own_view_read_the_same_from_both() -> None:
    team = [
        {"BusinessTitle": "PartnerAccountManager", "FirstName": "Sam", "LastName": "Okafor", "Email": "s@acme.example"},
        {"BusinessTitle": "OpportunityOwner", "FirstName": "Mary Ann", "LastName": "Doe", "Email": "m@acme.example"},
    ]
    titles = ("AWSAccountOwner", "AWSSalesRep", "ISVSM", "PDM", "PSM", "WWPSPDM")
    aws = {
        "LifeCycle": {
            "Stage": "Committed", "TargetCloseDate": "2027-01-01", "ClosedLostReason": "Lost to Competitor - Google",
        },
        "Insights": {"EngagementScore": "High", "NextBestActions": "Call & meet"},
        "InvolvementTypeChangeReason": "Risk Mitigation",
        "OpportunityTeam": [
            {"BusinessTitle": one, "FirstName": "Pat", "LastName": one, "Email": f"{one.lower()}@aws.example"}
            for one in titles
        ],
    }  # fmt: skip
    assert not differing(BARE, team=team, summary=aws)


def test_a_description_in_place_of_a_solution_reads_the_same_from_both() -> None:
    assert not differing(with_value("otherSolutionOffered", "Our own tool"))


def test_an_offer_is_the_same_by_its_arn_and_by_its_id() -> None:
    by_api, by_file = both(BARE, entities={"AwsMarketplaceOffers": [OFFER], "Solutions": ["S-1234567"]})
    assert by_api["offers"] == (OFFER,) and by_file["offers"] == ("offer-abc123",)
    assert not differing(BARE, entities={"AwsMarketplaceOffers": [OFFER], "Solutions": ["S-1234567"]})
    assert not same((OFFER,), ("offer-abc124",)) and not same((OFFER,), None)


def test_an_offer_that_files_named_by_its_id_goes_to_the_api_by_its_arn() -> None:
    record = {"offers": ("offer-abc123", "offer-new"), "city": "Kassel"}
    assert named_as_at_aws(record, {"offers": (OFFER,)}) == {"offers": (OFFER, "offer-new"), "city": "Kassel"}


@pytest.mark.parametrize("name", _CHOICES)
def test_the_spelling_of_a_file_is_the_same_value_to_a_mapping(name: str) -> None:
    """A picklist in Salesforce that was filled with the bucket's words still means the API's value."""
    names = {"partner_id": "006000000000001AAA", "apn_id": "O1"}
    for value, plain in zip(standard(name), FIELDS[name].values, strict=True):
        entry = opportunity_entry({name: value}, version=Version.V2, **names).entry
        if name in entry:
            assert match_value(FIELDS[name].value_list, str(entry[name])) == plain


def test_every_name_of_a_country_is_the_same_country_to_a_mapping() -> None:
    for country in countries():
        assert {match_value("country", text) for text in (country.name, *country.s3_names)} == {country.code}

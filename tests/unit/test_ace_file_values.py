"""Values are spelled as the ACE bucket spells them, and read in any spelling that AWS uses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bucket_model import COUNTRIES, VALUES

from connector.ace.catalogue import lead_fields, opportunity_fields
from connector.ace.file_values import from_file, is_masked, to_file
from connector.ace.text import UnreadableValueError
from connector.data.values import standard_values

FIELDS = opportunity_fields()


@pytest.mark.parametrize("name", VALUES)
def test_the_values_written_are_exactly_those_of_the_buckets_list(name: str) -> None:
    field = FIELDS[name]
    written = {value: to_file(field, value) for value in field.values}
    assert set(written.values()) == VALUES[name]
    assert {from_file(field, text) for text in written.values()} <= {*field.values, *((v,) for v in field.values)}


@pytest.mark.parametrize("name", VALUES)
def test_every_value_comes_back_as_it_went(name: str) -> None:
    field = FIELDS[name]
    for value in field.values:
        wanted = (value,) if field.type.value == "multi_picklist" else value
        assert from_file(field, to_file(field, wanted)) == wanted


@pytest.mark.parametrize(("code", "text"), COUNTRIES.items())
def test_countries_go_by_the_buckets_names(code: str, text: str) -> None:
    assert to_file(FIELDS["country"], code) == text
    assert from_file(FIELDS["country"], text) == code


def test_every_country_has_a_name_of_its_own_in_the_bucket() -> None:
    codes = standard_values("country")
    names = [to_file(FIELDS["country"], code) for code in codes]
    assert len(set(names)) == len(codes) and not set(names) & set(codes)
    assert [from_file(FIELDS["country"], name) for name in names] == list(codes)


def test_the_second_name_of_a_country_is_read_too() -> None:
    assert from_file(FIELDS["country"], "Great Britain") == "GB"


def test_a_country_without_a_code_stays_as_aws_wrote_it() -> None:
    """Nothing is guessed: the mapping says that it does not know the value."""
    assert from_file(FIELDS["country"], "Serbia and Montenegro") == "Serbia and Montenegro"


def test_leads_have_lists_of_their_own() -> None:
    leads = lead_fields()
    for name in ("industry", "country", "state", "status", "useCaseWorkload", "currentLeadStage"):
        assert [to_file(leads[name], value) for value in leads[name].values] == list(leads[name].values)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("targetCloseDate", date(2025, 3, 1), "2025-03-01"),
        ("acceptBy", datetime(2022, 9, 24, 13, 15, 35, tzinfo=UTC), "2022-09-24T13:15:35.000Z"),
        ("expectedMonthlyAwsRevenue", Decimal("1041.00"), 1041),
        ("customerSoftwareValue", Decimal("1234567890123456.78"), Decimal("1234567890123456.78")),
        ("customerSoftwareValue", Decimal("1E+3"), 1000),
        ("deliveryModel", ("Resell", "Other"), "Resell;Other"),
        ("awsProducts", ("Lambda", "WorkLink"), ["Lambda", "WorkLink"]),
        ("customerDuns", None, None),
    ],
)
def test_values_have_the_form_of_the_samples(name: str, value: Any, text: Any) -> None:
    written = to_file(FIELDS[name], value)
    assert written == text and type(written) is type(text)


def test_an_offer_is_named_by_its_id() -> None:
    arn = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Offer/offer-abc123"
    assert to_file(FIELDS["offers"], (arn,)) == ["offer-abc123"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("leadAge", Decimal("4.0"), 4),
        ("industry", "Business &amp; Consumer Services", "Business & Consumer Services"),
        ("useCaseWorkload", "Big Data; Content Delivery;", ("Big Data", "Content Delivery")),
        ("useCaseWorkload", ["Big Data", None, "Big Data"], ("Big Data",)),
        ("postalCode", 98201, "98201"),
        ("city", "  ", None),
        ("state", [], None),
        ("createdDate", "2020-01-17T20:08:13.000+0000", datetime(2020, 1, 17, 20, 8, 13, tzinfo=UTC)),
    ],
)
def test_forms_of_leads_are_read(name: str, text: Any, value: Any) -> None:
    assert from_file(lead_fields()[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("expectedMonthlyAwsRevenue", Decimal("100.0"), Decimal("100")),
        ("expectedMonthlyAwsRevenue", "1500", Decimal("1500")),
        ("customerSoftwareValue", Decimal("-0.0"), Decimal("0")),
        ("targetCloseDate", "2022-09-24T23:30:00.000Z", date(2022, 9, 24)),
        ("doesOppBelongToNatSec", True, "Yes"),
        ("closedLostReason", "Lost to Competitor - Google", "Lost to Competitor - Google"),
        ("useCase", "Migration/Database Migration", "Migration / Database Migration"),
        ("stage", "A stage of tomorrow", "A stage of tomorrow"),
        ("solutionOffered", "S-0001111;S-0001112", ("S-0001111", "S-0001112")),
    ],
)
def test_forms_of_opportunities_are_read(name: str, text: Any, value: Any) -> None:
    assert from_file(FIELDS[name], text) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("targetCloseDate", "next week"), ("targetCloseDate", 20220924), ("acceptBy", "0001-01-01T00:00:00+14:00"),
        ("expectedMonthlyAwsRevenue", "a lot"), ("expectedMonthlyAwsRevenue", True),
        ("expectedMonthlyAwsRevenue", Decimal("1E+999999")), ("expectedMonthlyAwsRevenue", "NaN"),
        ("city", {"name": "Seattle"}), ("city", ["Seattle"]), ("awsProducts", {"a": 1}), ("awsProducts", [["a"]]),
    ],
)  # fmt: skip
def test_what_is_not_of_the_fields_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UnreadableValueError, match=name):
        from_file(FIELDS[name], value)


@pytest.mark.parametrize("value", ["Accept to View", "Accept To View", " accept to view ", ["Accept to View"]])
def test_both_spellings_of_the_mask_are_known(value: Any) -> None:
    assert is_masked(value)


@pytest.mark.parametrize("value", ["Accept to View it", "", None, 3, [], ["Accept to View", "x"]])
def test_nothing_else_is_a_mask(value: Any) -> None:
    assert not is_masked(value)

"""What a Salesforce row means to AWS: exact, translated, and refused rather than guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import AceField, FieldType, Owner, lead_fields, opportunity_fields
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping
from connector.mapping.outbound import select_paths, snapshot, to_ace, used_fallbacks

CATALOGUE = opportunity_fields()
CREATED = AceField(
    "madeUp", "Made up", FieldType.DATETIME, None, Owner.PARTNER,
    inbound=True, outbound=True, personal=False, values=(),
    create_path="", update_path="", get_path="", summary_path="", salesforce_name="", salesforce_type="",
)  # fmt: skip


def mapping(*pairs: tuple[str, str], **picklists: PicklistMapping) -> Mapping:
    fields = (FieldMapping(ace, path, True, picklists.get(ace)) for ace, path in pairs)
    return Mapping("opportunity", "Opportunity", 1, tuple(fields))


def convert(ace: str, raw: object, picklist: PicklistMapping | None = None):
    """Return the value, or the code of the only problem."""
    record, problems = to_ace(
        Mapping("opportunity", "O", 1, (FieldMapping(ace, "F__c", True, picklist),)), {"F__c": raw},
        {**CATALOGUE, CREATED.name: CREATED},
    )  # fmt: skip
    if problems:
        assert not record
        assert {problem.field for problem in problems} == {ace}
        return problems[0].code
    return record[ace]


@pytest.mark.parametrize(
    ("ace", "raw", "value"),
    [
        ("customerCompanyName", "  Acme\r\nInc ", "Acme\nInc"),
        ("customerCompanyName", "   ", None),
        ("customerCompanyName", None, None),
        ("customerCompanyName", 7, "NOT_A_TEXT"),
        ("customerEmail", "Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("customerPhone", "+1 (206) 555-01.00", "+12065550100"),
        ("customerPhone", "(206) 555-0100", "PHONE_NOT_INTERNATIONAL"),
        ("customerPhone", "+12065550100 ext. 12", "PHONE_NOT_INTERNATIONAL"),
        ("customerPhone", "0044 20 7946 0000", "PHONE_NOT_INTERNATIONAL"),
        ("customerPhone", "+1234567890123456", "PHONE_NOT_INTERNATIONAL"),
        ("expectedMonthlyAwsRevenue", Decimal("1041.67"), Decimal("1041.67")),
        ("expectedMonthlyAwsRevenue", 1500, Decimal(1500)),
        ("expectedMonthlyAwsRevenue", 0, Decimal(0)),
        ("expectedMonthlyAwsRevenue", 1041.67, Decimal("1041.67")),
        ("expectedMonthlyAwsRevenue", 0.1 + 0.2, "NOT_A_NUMBER"),
        ("expectedMonthlyAwsRevenue", "1500.50", Decimal("1500.50")),
        ("expectedMonthlyAwsRevenue", "abc", "NOT_A_NUMBER"),
        ("expectedMonthlyAwsRevenue", "NaN", "NOT_A_NUMBER"),
        ("expectedMonthlyAwsRevenue", True, "NOT_A_NUMBER"),
        ("project.expectedContractDuration.value", Decimal("12.0"), 12),
        ("project.expectedContractDuration.value", Decimal("12.5"), "NOT_WHOLE"),
        ("targetCloseDate", "2026-03-01", date(2026, 3, 1)),
        ("targetCloseDate", "2026-02-30", "NOT_A_DATE"),
        ("targetCloseDate", "2026-03-01T00:00:00.000+0000", "NOT_A_DATE"),
        ("madeUp", "2026-03-01T01:30:00.000+0200", datetime(2026, 2, 28, 23, 30, tzinfo=UTC)),
        ("madeUp", "2026-03-01T01:30:00", "NOT_A_DATETIME"),
        ("doesOppBelongToNatSec", True, "Yes"),
        ("doesOppBelongToNatSec", False, "No"),
        ("doesOppBelongToNatSec", "no", "VALUE_NOT_MAPPED"),
        ("IsOppFromMarketingActivity", True, "Marketing Activity"),
        ("IsOppFromMarketingActivity", False, "None"),
        ("country", "US", "US"),
        ("country", "United States", "US"),
        ("country", "Atlantis", "VALUE_NOT_MAPPED"),
        ("deliveryModel", "Resell; SaaS or PaaS;;Resell", ("Resell", "SaaS or PaaS")),
        ("deliveryModel", " ; ", None),
        ("deliveryModel", "Resell;Nonsense", "VALUE_NOT_MAPPED"),
        ("solutionOffered", "S-0000001\r\nS-0000002;S-0000001", ("S-0000001", "S-0000002")),
    ],
)  # fmt: skip
def test_value_is_converted_exactly_or_refused(ace, raw, value):
    found = convert(ace, raw)
    assert found == value
    assert type(found) is type(value)


def test_a_leads_phone_number_goes_as_it_is():
    """AWS's own sample of a lead has a national number; only the API's fields ask for an international one."""
    lead = Mapping("lead", "Lead", 1, (FieldMapping("phone", "Phone", True),))
    assert to_ace(lead, {"Phone": " (206) 555-0100 "}, lead_fields()) == ({"phone": "(206) 555-0100"}, ())


def test_checkbox_values_can_be_mapped():
    values = PicklistMapping({"Yes": "true", "No": "false"})
    assert [convert("doesOppBelongToNatSec", raw, values) for raw in (True, False)] == ["Yes", "No"]


def test_each_entry_of_a_multi_select_is_mapped_and_all_unmapped_ones_are_named():
    """PICK-14"""
    values = PicklistMapping({"Resell": "A", "Managed Services": "B"}, {"C": "Resell"})
    assert convert("deliveryModel", "C; A;B", values) == ("Resell", "Managed Services")
    _, problems = to_ace(mapping(("deliveryModel", "F__c"), deliveryModel=values), {"F__c": "A;X;Y"}, CATALOGUE)
    assert [problem.value for problem in problems] == ["X", "Y"]


def test_one_bad_value_does_not_hide_another_nor_the_good_ones():
    record, problems = to_ace(
        mapping(("stage", "Stage__c"), ("customerPhone", "Phone__c"), ("city", "City__c"), ("nextStep", "Next__c")),
        {"Stage__c": "Bad", "Phone__c": "bad", "City__c": "Oslo", "Next__c": None},
        CATALOGUE,
    )
    assert record == {"city": "Oslo", "nextStep": None}
    assert [problem.field for problem in problems] == ["stage", "customerPhone"]


def test_fields_of_aws_never_go_out():
    """MAP-36"""
    row = {"A__c": "Qualified", "C__c": "Oslo"}
    record, problems = to_ace(mapping(("aWSStage", "A__c"), ("city", "C__c")), row, CATALOGUE)
    assert (record, problems) == ({"city": "Oslo"}, ())


ROW = {"Name": "Deal", "Account": {"Name": "Acme", "Owner": {"Email": "Boss@acme.com"}}, "Empty__r": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Account.Name", "Acme"),
        ("account.NAME", "Acme"),
        ("Account.Owner.Email", "Boss@acme.com"),
        ("Empty__r.Name", None),
    ],
)
def test_related_values_are_read_through_two_relationships(path, value):
    record, problems = to_ace(mapping(("customerCompanyName", path)), ROW, CATALOGUE)
    assert (record, problems) == ({"customerCompanyName": value}, ())


@pytest.mark.parametrize("path", ["Missing__c", "Account.Missing__c"])
def test_a_field_that_was_not_read_is_a_problem_and_not_an_empty_value(path):
    record, problems = to_ace(mapping(("customerCompanyName", path)), ROW, CATALOGUE)
    assert record == {}
    assert [(problem.code, problem.field) for problem in problems] == [("FIELD_NOT_READ", "customerCompanyName")]


def test_an_unknown_aws_field_is_a_problem():
    _, problems = to_ace(mapping(("CustomerCompanyName", "Name")), ROW, CATALOGUE)
    assert [problem.code for problem in problems] == ["UNKNOWN_AWS_FIELD"]


def test_every_field_is_queried_once():
    paths = select_paths(mapping(("city", "City__c"), ("state", "Account.Name"), ("nextStep", "city__C")))
    assert paths == ("City__c", "Account.Name")


def one(value: object) -> str | None:
    return snapshot(mapping(("city", "F__c")), {"F__c": value})["F__c"]


@pytest.mark.parametrize(
    "alike",
    [
        [Decimal("10"), Decimal("10.00"), Decimal("1E+1"), 10, 10.0],
        [Decimal("-0.0"), 0, Decimal("0E+3")],
        ["2026-03-01T01:30:00.000+0200", "2026-02-28T23:30:00Z", "2026-02-28T23:30:00.000+00:00",
         datetime(2026, 2, 28, 23, 30, tzinfo=UTC)],
        ["2026-03-01", date(2026, 3, 1)],
        [None, "", "  "],
        ["a\r\nb", "a\nb ", "a\rb"],
        [True, "true"],
    ],
)  # fmt: skip
def test_equal_values_have_one_snapshot(alike):
    assert len({one(value) for value in alike}) == 1


def test_different_values_have_different_snapshots():
    values = [None, 0, 1, "1.0", "01", Decimal("0.1"), Decimal("0.01"), 10, 100, False, "a;b", "b;a", "2026-03-01"]
    assert len({one(value) for value in values}) == len(values)


@given(st.decimals(-(10**15), 10**15, allow_nan=False, places=2), st.integers(0, 6))
def test_the_scale_of_a_number_never_shows(number, zeros):
    scaled = number.quantize(Decimal(1).scaleb(-2 - zeros)) if zeros < 3 else number.normalize()
    assert one(scaled) == one(number)
    assert Decimal(one(number) or "") == number


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_the_offset_of_a_moment_never_shows(naive, minutes):
    moment = naive.replace(tzinfo=UTC)
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert one(local.isoformat()) == one(moment.isoformat()) == one(moment)


@given(st.text())
def test_a_snapshot_of_a_snapshot_is_the_same(raw):
    assert one(one(raw)) == one(raw)


def test_a_snapshot_covers_every_mapped_path_also_of_related_and_unread_fields():
    found = snapshot(mapping(("city", "Name"), ("state", "Account.Owner.Email"), ("nextStep", "Gone__c")), ROW)
    assert found == {"Name": "Deal", "Account.Owner.Email": "Boss@acme.com", "Gone__c": None}


WEBSITE = Mapping("opportunity", "Opportunity", 1, (FieldMapping("customerWebsite", "Account.Website", False),))
MAIL = Mapping("opportunity", "Opportunity", 1, (FieldMapping("nextStep", "site__r.owner.Email", False),))


@pytest.mark.parametrize(
    ("fields", "row", "lookup"),
    [
        (WEBSITE, {"AccountId": "001A", "Account": None}, "AccountId"),
        (MAIL, {"Site__c": "a0BA", "Site__r": None}, "site__c"),
        (MAIL, {"Site__c": "a0BA", "Site__r": {"OwnerId": "005A", "Owner": None}}, "site__r.ownerId"),
    ],
)
def test_a_field_on_a_record_that_is_hidden_from_us_is_a_problem_and_not_empty(
    fields: Mapping, row: dict[str, object], lookup: str
) -> None:
    """A platform that shows nothing of it says nothing of it: it is neither sent nor taken for a change."""
    record, (problem,) = to_ace(fields, row, CATALOGUE)
    assert record == {} and problem.code == "RELATED_NOT_VISIBLE" and lookup in problem.rule
    assert problem.field == fields.fields[0].ace_field and problem.value and fields.fields[0].path in problem.rule
    assert snapshot(fields, row) == {}


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        (WEBSITE, {"AccountId": None, "Account": None}),
        (WEBSITE, {"Account": None}),
        (WEBSITE, {"AccountId": "001A", "Account": {"Website": None}}),
        (MAIL, {"Site__c": "a0BA", "Site__r": {"OwnerId": None, "Owner": None}}),
    ],
)
def test_an_empty_lookup_and_an_empty_field_behind_a_filled_one_are_empty(
    fields: Mapping, row: dict[str, object]
) -> None:
    assert to_ace(fields, row, CATALOGUE) == ({fields.fields[0].ace_field: None}, ())
    assert snapshot(fields, row) == {fields.fields[0].path: None}


@pytest.mark.parametrize(
    ("path", "fallback"),
    [
        ("Account.Website", Fallback(value="https://fallback.example")),
        ("Web__c", Fallback(formula="Account.Website")),
    ],
)
def test_nothing_stands_in_for_what_is_hidden(path: str, fallback: Fallback) -> None:
    """Neither a fixed value for the hidden field, nor a formula that reads it as if it were empty."""
    fields = Mapping("opportunity", "O", 1, (FieldMapping("customerWebsite", path, False, to_aws=fallback),))
    row = {"AccountId": "001A", "Account": None, "Web__c": None}
    record, (problem,) = to_ace(fields, row, CATALOGUE, lambda *_: "https://fallback.example")
    assert record == {} and problem.code == "RELATED_NOT_VISIBLE"
    assert "Account.Website" not in snapshot(fields, row)
    assert used_fallbacks(fields, row, record) == ()

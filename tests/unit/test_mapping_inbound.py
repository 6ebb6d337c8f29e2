"""What AWS knows, as values for a Salesforce record: toggles respected, nothing cut unseen, masks left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import Owner, lead_fields, opportunity_fields
from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry
from connector.mapping.inbound import WARNINGS, related_values, to_salesforce
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping
from connector.mapping.outbound import snapshot, to_ace
from connector.mapping.related import inbound_relationships, lookup_path, nest, target_object

CATALOGUE = opportunity_fields()
MOMENT = datetime(2026, 3, 1, 2, 3, 4, 999999, tzinfo=UTC)


def describe(*fields: FieldDescribe) -> ObjectDescribe:
    return ObjectDescribe("Opportunity", "Opportunity", "006", fields={field.name.lower(): field for field in fields})


def convert(ace: str, value: object, *, creating: bool = False, **field: object):
    """Return (values, codes of problems) for one field that is mapped to ``F__c``."""
    known = FieldDescribe("F__c", "F", **{"type": "string", "length": 255, **field})  # type: ignore[arg-type]
    mapping = Mapping("opportunity", "Opportunity", 1, (FieldMapping(ace, "F__c", True),))
    values, problems = to_salesforce(mapping, {ace: value}, describe(known), creating=creating)
    assert {problem.field for problem in problems} <= {ace}
    return values, [problem.code for problem in problems]


@pytest.mark.parametrize(
    ("ace", "value", "field", "written"),
    [
        ("city", "Oslo", {}, "Oslo"),
        ("city", None, {}, None),
        ("targetCloseDate", date(2026, 3, 1), {"type": "date"}, "2026-03-01"),
        ("acceptBy", MOMENT, {"type": "datetime"}, "2026-03-01T02:03:04.000+0000"),
        ("customerSoftwareValue", Decimal("1.50"), {"type": "currency", "precision": 9, "scale": 2}, Decimal("1.50")),
        ("insights.opportunityQuality.score", 80, {"type": "double", "precision": 3}, 80),
        ("deliveryModel", ("Resell", "SaaS or PaaS"), {"type": "multipicklist"}, "Resell;SaaS or PaaS"),
        ("offers", ("offer-1", "offer-2"), {"type": "textarea", "length": 1000}, "offer-1;offer-2"),
        ("doesOppBelongToNatSec", "Yes", {"type": "boolean", "nillable": False}, True),
        ("doesOppBelongToNatSec", "No", {"type": "boolean"}, False),
        ("doesOppBelongToNatSec", None, {"type": "boolean", "nillable": False}, False),
        ("IsOppFromMarketingActivity", "Marketing Activity", {"type": "boolean"}, True),
        ("IsOppFromMarketingActivity", "None", {"type": "boolean"}, False),
    ],
)  # fmt: skip
def test_value_is_written_as_the_field_takes_it(ace, value, field, written):
    values, problems = convert(ace, value, **field)
    assert (values, problems) == ({"F__c": written}, [])
    assert type(values["F__c"]) is type(written)


@pytest.mark.parametrize("mask", ["Accept to view", "Accept To View", "ACCEPT TO VIEW ", ("Accept to View",)])
@pytest.mark.parametrize("creating", [True, False])
def test_masked_values_leave_the_field_alone(mask, creating):
    """Before acceptance AWS shows a placeholder, which must neither be stored nor clear what is there."""
    ace = "deliveryModel" if isinstance(mask, tuple) else "customerEmail"
    kind = "multipicklist" if isinstance(mask, tuple) else "email"
    assert convert(ace, mask, type=kind, creating=creating) == ({}, [])


def test_an_admins_stand_in_is_written_although_it_is_aws_s_own_label():
    """A lead needs a last name while AWS hides it; the label as AWS sends it is still no value."""
    item = FieldMapping("fullName", "LastName", True, from_aws=Fallback(value="Accept to view"))
    fields = describe(FieldDescribe("LastName", "Last Name", "string", nillable=False))

    def written(text, *items):
        mapping = Mapping("lead", "Lead", 1, items)
        return to_salesforce(mapping, {"fullName": text}, fields, creating=True, catalogue=lead_fields())

    assert written("Accept to view", item) == ({"LastName": "Accept to view"}, ())
    assert written("Accept To View", item) == written("Accept to view", replace(item, from_aws=None)) == ({}, ())


def test_only_a_missing_key_leaves_a_field_alone_while_none_clears_it():
    items = (FieldMapping("city", "C__c", True), FieldMapping("state", "S__c", True))
    mapping = Mapping("opportunity", "Opportunity", 1, items)
    fields = describe(FieldDescribe("C__c", "C", "string"), FieldDescribe("S__c", "S", "string"))
    assert to_salesforce(mapping, {"city": None}, fields, creating=False) == ({"C__c": None}, ())


TOGGLED = Mapping(
    "opportunity", "Opportunity", 1,
    (
        FieldMapping("stage", "StageName", False),
        FieldMapping("city", "City__c", True),
        FieldMapping("nextStep", "Next__c", True),
    ),
)  # fmt: skip
FIELDS = describe(*(FieldDescribe(name, name, "string", length=255) for name in ("StageName", "City__c", "Next__c")))
RECORD = {"stage": "Qualified", "city": "Oslo", "nextStep": "Call", "unmapped": "x"}


def test_a_field_with_inbound_off_is_never_updated_but_filled_on_a_new_record():
    values, problems = to_salesforce(TOGGLED, RECORD, FIELDS, creating=False)
    assert (values, problems) == ({"City__c": "Oslo", "Next__c": "Call"}, ())
    values, _ = to_salesforce(TOGGLED, RECORD, FIELDS, creating=True)
    assert values["StageName"] == "Qualified"


def test_only_the_chosen_fields_are_written():
    assert to_salesforce(TOGGLED, RECORD, FIELDS, only={"city", "stage"}, creating=False) == ({"City__c": "Oslo"}, ())
    assert to_salesforce(TOGGLED, RECORD, FIELDS, only=(), creating=False) == ({}, ())


def test_an_unmapped_aws_value_names_field_and_value_and_the_other_fields_are_written():
    values, problems = to_salesforce(
        TOGGLED.with_field(FieldMapping("stage", "StageName", True, PicklistMapping({"Prospect": "Open"}))),
        {**RECORD, "stage": "Foo"}, FIELDS, creating=False,
    )  # fmt: skip
    assert values == {"City__c": "Oslo", "Next__c": "Call"}
    assert [(p.code, p.field, p.value) for p in problems] == [("VALUE_NOT_MAPPED", "stage", "Foo")]


def test_a_restricted_picklist_takes_its_own_spelling_and_refuses_what_it_lacks():
    field = {"type": "picklist", "restricted_picklist": True, "picklist": (PicklistEntry("On-Prem", "On-Prem"),)}
    assert convert("competitiveTracking", "On\u2013Prem", **field) == ({"F__c": "On-Prem"}, [])
    assert convert("competitiveTracking", "Oracle Cloud", **field) == ({}, ["VALUE_NOT_MAPPED"])
    assert convert("competitiveTracking", "Oracle Cloud", **{**field, "restricted_picklist": False})[0]


def test_a_partners_text_that_is_too_long_is_refused_and_never_cut():
    assert convert("city", "x" * 41, length=40) == ({}, ["TEXT_TOO_LONG"])
    assert convert("city", "x" * 40, length=40) == ({"F__c": "x" * 40}, [])


@given(st.integers(2, 60), st.text(min_size=1, max_size=80))
def test_a_long_text_of_aws_is_cut_visibly_and_said_so(length, text):
    values, codes = convert("nextStepHistory", text, type="textarea", length=length)
    written = values.get("F__c", text)
    assert len(written) <= length or not values
    if len(text) > length and values:
        assert written == text[: length - 1] + "…"
        assert codes == ["TEXT_CUT"]
        assert set(codes) <= WARNINGS


def test_a_history_of_forty_thousand_characters_fits_the_packaged_field():
    text = "2026-03-01 called\n" * 2500
    assert convert("nextStepHistory", text, type="textarea", length=131072) == ({"F__c": text}, [])


@pytest.mark.parametrize("number", [Decimal("1000"), Decimal("-1000"), Decimal("0.125")])
def test_a_number_that_does_not_fit_is_refused_and_never_rounded(number):
    field = {"type": "currency", "precision": 5, "scale": 2}
    assert convert("customerSoftwareValue", number, **field) == ({}, ["NUMBER_DOES_NOT_FIT"])


@pytest.mark.parametrize("field", [{"type": "currency"}, {"type": "date"}, {"type": "reference"}])
def test_a_field_whose_type_does_not_fit_is_not_written(field):
    assert convert("city", "Oslo", **field) == ({}, ["TYPE_MISMATCH"])


def test_read_only_and_required_fields_are_reported():
    assert convert("city", "Oslo", updateable=False) == ({}, ["NOT_WRITABLE"])
    assert convert("city", "Oslo", createable=False, creating=True) == ({}, ["NOT_WRITABLE"])
    assert convert("city", None, nillable=False) == ({}, ["CANNOT_BE_CLEARED"])
    assert convert("city", None, nillable=False, creating=True) == ({}, [])


def lookup(name: str, relationship: str, *objects: str) -> FieldDescribe:
    return FieldDescribe(name, name, "reference", reference_to=objects, relationship_name=relationship)


def org(*account_fields: FieldDescribe):
    """Return describes of an opportunity with an account, its owner and a contact or lead, and of the first two."""
    known = {
        "Opportunity": describe(
            lookup("AccountId", "Account", "Account"),
            lookup("WhoId", "Who", "Contact", "Lead"),
            *FIELDS.fields.values(),
        ),
        "Account": ObjectDescribe(
            "Account", "Account", "001",
            fields={
                field.name.lower(): field
                for field in (lookup("OwnerId", "Owner", "User"), *account_fields)
            },
        ),
        "User": ObjectDescribe("User", "User", "005", fields={"city": FieldDescribe("City", "City", "string", 9)}),
    }  # fmt: skip
    return known.get


def related(path: str, record: dict[str, object], *account_fields: FieldDescribe, inbound=True, creating=False):
    """Return (values, codes of problems) for one ACE field that is mapped to the path."""
    [ace] = record
    mapping = Mapping("opportunity", "Opportunity", 1, (FieldMapping(ace, path, inbound),))
    values, problems = related_values(mapping, record, org(*account_fields), creating=creating)
    assert to_salesforce(mapping, record, org()("Opportunity"), creating=creating) == ({}, ())
    assert {problem.field for problem in problems} <= {ace}
    return values, [problem.code for problem in problems]


SITE = FieldDescribe("Website", "Website", "url", length=30)
WEB = "https://a.example"


def test_related_values_stand_by_relationship_and_field_and_never_among_the_records_own():
    assert related("Account.Website", {"customerWebsite": WEB}, SITE) == ({"Account": {"Website": WEB}}, [])
    assert related("Account.Owner.City", {"city": "Oslo"}) == ({"Account.Owner": {"City": "Oslo"}}, [])
    assert related("Account.Website", {"customerWebsite": None}, SITE) == ({"Account": {"Website": None}}, [])


def test_related_values_follow_the_rules_of_the_records_own():
    """Toggle, mask, length, writability, type and picklist are those of the related field."""
    assert related("Account.Website", {"customerWebsite": WEB}, SITE, inbound=False) == ({}, [])
    filled = related("Account.Website", {"customerWebsite": WEB}, SITE, inbound=False, creating=True)
    assert filled == ({"Account": {"Website": WEB}}, [])
    assert related("Account.Website", {"customerWebsite": "Accept to view"}, SITE) == ({}, [])
    assert related("Account.Website", {"customerWebsite": WEB * 2}, SITE) == ({}, ["TEXT_TOO_LONG"])
    locked = FieldDescribe("Website", "Website", "url", length=30, updateable=False)
    assert related("Account.Website", {"customerWebsite": WEB}, locked) == ({}, ["NOT_WRITABLE"])
    assert related("Account.Website", {"targetCloseDate": date(2026, 3, 1)}, SITE) == ({}, ["TYPE_MISMATCH"])
    assert related("Account.Website", {"customerWebsite": WEB}) == ({}, ["SALESFORCE_FIELD_MISSING"])
    closed = {"type": "picklist", "restricted_picklist": True, "picklist": (PicklistEntry("Energy", "Energy"),)}
    industry = FieldDescribe("Industry", "Industry", **closed)  # type: ignore[arg-type]
    assert related("Account.Industry", {"industry": "Retail"}, industry) == ({}, ["VALUE_NOT_MAPPED"])


def test_a_problem_of_a_related_value_names_the_whole_path():
    mapping = Mapping("opportunity", "Opportunity", 1, (FieldMapping("customerWebsite", "Account.Website", True),))
    _, (problem,) = related_values(mapping, {"customerWebsite": WEB * 2}, org(SITE), creating=False)
    assert "Account.Website holds 30" in problem.rule


def test_picklist_values_of_related_fields_are_translated():
    """PICK-17, towards Salesforce."""
    item = FieldMapping("industry", "Account.Industry", True, PicklistMapping({"Energy - Oil and Gas": "Energy"}))
    mapping = Mapping("opportunity", "Opportunity", 1, (item,))
    industry = FieldDescribe("Industry", "Industry", "picklist", picklist=(PicklistEntry("Energy", "Energy"),))
    values, problems = related_values(mapping, {"industry": "Energy - Oil and Gas"}, org(industry), creating=False)
    assert (values, problems) == ({"Account": {"Industry": "Energy"}}, ())


def test_a_lookup_to_several_objects_is_not_written_and_said_so():
    assert related("Who.Email", {"customerEmail": "a@b.example"}) == ({}, ["RELATED_NOT_WRITTEN"])
    assert related("Gone__r.Email", {"customerEmail": "a@b.example"}) == ({}, ["RELATED_NOT_WRITTEN"])
    assert related("Who.Email", {"customerEmail": None}) == ({}, [])


def test_relationships_lead_to_objects_and_lookups():
    assert target_object("Account.Owner", "Opportunity", org()) == "User"
    assert target_object("Who", "Opportunity", org()) is None
    assert lookup_path("Account", "Opportunity", org()) == "AccountId"
    assert lookup_path("Account.Owner", "Opportunity", org()) == "Account.OwnerId"
    assert lookup_path("Gone__r", "Opportunity", org()) == ""
    items = (
        FieldMapping("city", "Account.Owner.City", True),
        FieldMapping("stage", "StageName", True),
        FieldMapping("customerEmail", "Who.Email", False),
    )
    assert inbound_relationships(Mapping("opportunity", "Opportunity", 1, items)) == ("Account", "Account.Owner")


def test_related_values_are_nested_as_salesforce_nests_them():
    row = {"Name": "x", "Account": {"Website": "old", "Owner": None}}
    nested = nest(row, {"Account": {"Website": WEB}, "Account.Owner": {"City": "Oslo"}})
    assert nested == {"Name": "x", "Account": {"Website": WEB, "Owner": {"City": "Oslo"}}}
    assert row == {"Name": "x", "Account": {"Website": "old", "Owner": None}}


def test_a_vanished_field_is_reported_with_both_possible_causes():
    mapping = Mapping("opportunity", "Opportunity", 1, (FieldMapping("city", "Gone__c", True),))
    values, (problem,) = to_salesforce(mapping, {"city": "Oslo"}, describe(), creating=False)
    assert values == {}
    assert (problem.code, problem.field) == ("SALESFORCE_FIELD_MISSING", "city")
    assert "field-level security" in problem.rule


VALUES = {
    "customerCompanyName": st.text("abc xyz.", min_size=1, max_size=40).map(str.strip).filter(bool),
    "expectedMonthlyAwsRevenue": st.decimals(0, 10**9, places=2, allow_nan=False),
    "targetCloseDate": st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    "stage": st.sampled_from(CATALOGUE["stage"].values),
    "deliveryModel": st.lists(st.sampled_from(CATALOGUE["deliveryModel"].values), min_size=1, unique=True).map(tuple),
    "doesOppBelongToNatSec": st.sampled_from(["Yes", "No"]),
    "project.expectedContractDuration.value": st.integers(0, 999),
}
TYPES = {
    "customerCompanyName": FieldDescribe("A__c", "A", "string", length=120),
    "expectedMonthlyAwsRevenue": FieldDescribe("B__c", "B", "currency", precision=18, scale=2),
    "targetCloseDate": FieldDescribe("C__c", "C", "date"),
    "stage": FieldDescribe("D__c", "D", "picklist"),
    "deliveryModel": FieldDescribe("E__c", "E", "multipicklist"),
    "doesOppBelongToNatSec": FieldDescribe("G__c", "G", "boolean"),
    "project.expectedContractDuration.value": FieldDescribe("H__c", "H", "double", precision=3),
}


def own_values(ace: str) -> PicklistMapping:
    return PicklistMapping({value: f"Own {value}" for value in CATALOGUE[ace].values})


WHOLE = Mapping(
    "opportunity", "Opportunity", 1,
    tuple(
        FieldMapping(ace, field.name, True, own_values(ace) if "picklist" in field.type else None)
        for ace, field in TYPES.items()
    ),
)  # fmt: skip


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_comes_in_and_goes_out_again_is_the_same(record):
    written, problems = to_salesforce(WHOLE, record, describe(*TYPES.values()), creating=False)
    assert problems == ()
    row = {field.name: None for field in TYPES.values()} | written
    back, problems = to_ace(WHOLE, row, CATALOGUE)
    assert problems == ()
    assert {name: value for name, value in back.items() if name in record} == record
    again, _ = to_salesforce(WHOLE, record | back, describe(*TYPES.values()), only=set(record), creating=False)
    assert snapshot(WHOLE, row | again) == snapshot(WHOLE, row)


def test_every_field_of_aws_that_the_catalogue_knows_can_be_written_as_text_or_its_own_type():
    kinds = {"amount": "currency", "integer": "double", "date": "date", "datetime": "datetime"}
    for ace in CATALOGUE.values():
        if ace.owner is Owner.AWS and ace.inbound:
            assert convert(ace.name, None, type=kinds.get(ace.type.value, "textarea")) == ({"F__c": None}, [])

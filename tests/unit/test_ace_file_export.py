"""AWS's export files become canonical records: what can be read is read, and one error says what is wrong."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from ace_records import TEXT, sound_record, values
from bucket_model import exported_lead, exported_opportunity
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ace.catalogue import AceField, FieldType, lead_fields, opportunity_fields
from connector.ace.export_shape import ExportedRecord, read_corrected, read_entry, read_export, unknown_keys
from connector.ace.file_fields import PARTNER_ID, RecordType, Sent, Version, file_fields
from connector.ace.file_json import UnreadableFileError, entry_text, file_text
from connector.ace.file_shape import LeftOut, lead_entry, opportunity_entry
from connector.ace.record import Value

ID = "006000000000001AAA"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
FEW = settings(max_examples=40)
"""Each example is a whole record, so that a few look at many values."""
TYPES = st.sampled_from(("opportunity", "lead"))


def file(*records: Any, key: str = "opportunities", **root: Any) -> str:
    return json.dumps({"version": "2.0", "spmsId": "1234", key: list(records), **root})


def opportunity(**changes: Any) -> ExportedRecord:
    return read_entry(exported_opportunity(**changes), "opportunity", "opportunities[0]")


def lead(**changes: Any) -> ExportedRecord:
    return read_entry(exported_lead(**changes), "lead", "Leads[0]")


def test_an_exported_opportunity_is_read_under_its_names_and_with_its_types() -> None:
    export = read_export(file(exported_opportunity()), "opportunity")
    assert (export.version, export.spms_id, len(export.records)) == ("2.0", "1234", 1)
    [found] = export.records
    assert dict(found.record) == {
        "wWPSPDM": None,
        "useCase": "Business Applications & Contact Center",
        "targetCloseDate": date(2022, 9, 24),
        "status": "Pending Submission",
        "state": "Washington",
        "stage": "Prospect",
        "partnerPrimaryNeedFromAws": ("Do Not Need Support from AWS Sales Rep",),
        "partnerCrmUniqueIdentifier": "TestIdentifier",
        "partnerAcceptanceStatus": None,
        "opportunityOwnership": "Partner Referral",
        "lastModifiedDate": datetime(2022, 3, 8, 13, 15, 35, tzinfo=UTC),
        "expectedMonthlyAwsRevenue": Decimal("100"),
        "customerSoftwareValue": Decimal("0"),
        "country": "US",
        "campaignName": ("WWPS NDPP", "P3"),
        "aWSStage": "Prospect",
        "aWSCloseDate": date(2023, 1, 2),
        "apnCrmUniqueIdentifier": "O1000001",
        "IsOppFromMarketingActivity": "Marketing Activity",
        "closedLostReason": "Lost to Competitor - Google",
        "industry": "Computers and Electronics",
        "acceptBy": datetime(2022, 9, 24, 13, 15, 35, tzinfo=UTC),
        "cosellConvertReason": None,
        "awsProducts": ("Lambda", "WorkLink"),
        "solutionOffered": ("S-0001111",),
        "offers": ("Offer-XXX",),
    }
    assert not (found.unknown or found.masked or found.problems)
    assert (found.apn_id, found.partner_id) == ("O1000001", "TestIdentifier")
    assert found.payload["partnerDeveloperManagerPhone"] is None


def test_a_lead_before_its_acceptance_has_no_values_where_aws_masks_them() -> None:
    [found] = read_export(file(exported_lead(), key="leads", version="1"), "lead").records
    assert found.masked == {"title", "state", "fullName", "email", "country", "company"}
    assert not found.masked & set(found.record)
    assert found.record["useCaseWorkload"] == ("Big Data", "Content Delivery") and found.record["leadAge"] == 4
    assert (found.apn_id, found.partner_id) == ("L1000001", "")
    assert not found.problems


def test_a_lead_after_its_acceptance_is_told() -> None:
    found = lead(fullName="Pat Reed", email="pat@freight.example", country="United States", partnerCrmLeadId=ID)
    assert found.record["fullName"] == "Pat Reed" and found.record["country"] == "United States"
    assert found.partner_id == ID


@pytest.mark.parametrize("key", ["Leads", "leads", "LEADS"])
def test_the_list_is_found_under_any_spelling(key: str) -> None:
    assert len(read_export(file(exported_lead(), key=key), "lead").records) == 1


@pytest.mark.parametrize(
    ("record_type", "key", "name"),
    [
        ("opportunity", "partnerCrmOpportunityId", "partnerCrmUniqueIdentifier"),
        ("opportunity", "PartnerCrmUniqueIdentifier", "partnerCrmUniqueIdentifier"),
        ("opportunity", "ApnCrmUniqueIdentifier", "apnCrmUniqueIdentifier"),
        ("opportunity", "cosellConvertReason ", "cosellConvertReason"),
        ("opportunity", "cosellConversionReason", "cosellConvertReason"),
        ("opportunity", "marketingActivityUseCase", "marketingActivityUsecase"),
        ("opportunity", "awsStage", "aWSStage"),
        ("opportunity", "backCompatibilityChanges", "backwardsCompatibilityChanges"),
        ("lead", "partnerCrmUniqueIdentifier", "partnerCrmLeadId"),
        ("lead", "Campaign Name", "campaignName"),
        ("lead", "Company", "company"),
        ("lead", "CampaignMemberStatus", "campaignMemberStatus"),
        ("lead", "useCaseWorkLoad", "useCaseWorkload"),
    ],
)
def test_every_spelling_of_the_samples_and_the_guide_is_read(record_type: RecordType, key: str, name: str) -> None:
    told = read_entry({key: "Something", "apnCrmUniqueIdentifier": None}, record_type, "here").record[name]
    assert told in ("Something", ("Something",))


def test_of_two_spellings_the_one_with_a_value_counts() -> None:
    for entry in ({"partnerCrmOpportunityId": ID}, {"PartnerCrmUniqueIdentifier": ID, "partnerCrmOpportunityId": ID}):
        found = read_entry({"partnerCrmUniqueIdentifier": None, APN: "O1", **entry}, "opportunity", "here")
        assert found.partner_id == ID and not found.problems


def test_two_spellings_that_contradict_each_other_are_a_problem() -> None:
    entry = {"partnerCrmUniqueIdentifier": "one", "partnerCrmOpportunityId": "two", APN: "O1"}
    [problem] = read_entry(entry, "opportunity", "opportunities[4]").problems
    assert (problem.code, problem.field, problem.value) == ("INVALID_VALUE", "partnerCrmUniqueIdentifier", "two")
    assert "opportunities[4]" in problem.rule and "one" in problem.rule


APN = "apnCrmUniqueIdentifier"


def test_unknown_keys_stand_apart_and_removed_fields_are_passed_over() -> None:
    found = opportunity(somethingNew={"a": 1}, partnerDeveloperManagerPhone="+1", isThisForResell="Yes")
    assert dict(found.unknown) == {"somethingNew": {"a": 1}} and not found.problems
    assert list(unknown_keys([found, found])) == ["somethingNew"]


def test_what_the_api_alone_knows_is_unknown_in_a_file() -> None:
    assert set(opportunity(visibility="Full", arn="arn:x").unknown) == {"visibility", "arn"}


def test_one_wrong_record_does_not_stop_the_others() -> None:
    wrong = exported_opportunity(targetCloseDate="next week", acceptBy=7)
    export = read_export(file(exported_opportunity(), wrong, "no record", {}), "opportunity")
    good, late, text, empty = export.records
    assert not good.problems
    assert [(problem.code, problem.field, problem.value) for problem in late.problems] == [
        ("INVALID_TYPE", "targetCloseDate", "next week"),
        ("INVALID_TYPE", "acceptBy", "7"),
    ]
    assert all("opportunities[1]" in problem.rule and problem.remedy for problem in late.problems)
    assert "targetCloseDate" not in late.record and late.record["stage"] == "Prospect"
    assert text.payload == "no record" and "opportunities[2]" in text.problems[0].rule
    assert [(problem.code, problem.field) for problem in empty.problems] == [("REQUIRED_FIELD_MISSING", APN)]


def test_the_solution_other_and_the_placeholder_postal_code_are_no_values() -> None:
    found = opportunity(
        solutionOffered=["Other"], otherSolutionOffered="Our own", country="Hong Kong", postalCode="99999"
    )
    assert found.record["solutionOffered"] is None and found.record["otherSolutionOffered"] == "Our own"
    assert found.record["postalCode"] is None
    assert opportunity(country="Germany", postalCode="99999").record["postalCode"] == "99999"


def test_a_payload_that_a_person_corrected_is_read_like_any() -> None:
    assert read_corrected(json.dumps(exported_lead(city="Oslo")), "lead").record["city"] == "Oslo"
    with pytest.raises(UnreadableFileError, match=r"line 1, column 2.*no JSON"):
        read_corrected("{city}", "lead")


@pytest.mark.parametrize(
    ("content", "position", "field", "value", "rule"),
    [
        (b"\xff\xfe", "byte 0", "", "ff", "UTF-8"),
        ("", "line 1, column 1", "", "", "no JSON"),
        ('{"version": "2.0",\n "spmsId" 5}', "line 2, column 11", "", "5}", "no JSON"),
        ("[1, 2]", "", "", "[1, 2]", "one JSON object"),
        ('{"version": "2.0"}', "", "opportunities", "", "list of records"),
        ('{"opportunities": {"a": 1}}', "", "opportunities", '{"a": 1}', "list of records"),
        ('{"opportunities": [NaN]}', "", "", "", "NaN is no number"),
        ("[" * 100_000, "", "", "", "no JSON"),
        ('{"opportunities": ' + "[" * 60 + "]" * 60 + "}", "", "", "", "deeper"),
        ('{"opportunities": [1e99999999999999999999]}', "", "", "", "no number"),
        ('{"opportunities": [' + "9" * 5000 + "]}", "", "", "", "no JSON"),
    ],
)
def test_a_file_that_is_none_gives_one_clear_error(
    content: bytes | str, position: str, field: str, value: str, rule: str
) -> None:
    with pytest.raises(UnreadableFileError) as raised:
        read_export(content, "opportunity")
    error = raised.value
    assert (error.position, error.field, error.value) == (position, field, value)
    assert rule in error.rule and "Correct the file" in str(error)


def test_a_byte_order_mark_does_no_harm() -> None:
    content = file(exported_opportunity())
    assert read_export(b"\xef\xbb\xbf" + content.encode(), "opportunity").records
    assert read_export("\ufeff" + content, "opportunity").records


@given(TYPES, st.binary() | st.text() | JSON.map(json.dumps))
def test_garbage_raises_the_one_error_or_none(record_type: RecordType, content: bytes | str) -> None:
    try:
        read_export(content, record_type)
    except UnreadableFileError as error:
        assert error.rule


@FEW
@given(TYPES, st.data())
def test_records_full_of_garbage_are_problems_and_never_errors(record_type: RecordType, data: st.DataObject) -> None:
    names = st.sampled_from(sorted((opportunity_fields() if record_type == "opportunity" else lead_fields()).keys()))
    entry = data.draw(st.dictionaries(names | st.text(max_size=9), JSON, max_size=8))
    key = "opportunities" if record_type == "opportunity" else "leads"
    [found] = read_export(file(entry, key=key).replace("NaN", "0").replace("Infinity", "0"), record_type).records
    assert found.apn_id or found.problems


def field_values(field: AceField) -> st.SearchStrategy[Value]:
    """Return any value of the field that a file can carry, or none."""
    match field.name, field.type:
        case "postalCode", _:
            some: st.SearchStrategy[Value] = st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True)
        case "offers" | "solutionOffered" | "awsProducts", _:
            some = st.lists(st.from_regex(r"[A-Z]-[0-9]{1,6}", fullmatch=True), min_size=1, unique=True).map(tuple)
        case _, FieldType.TEXT | FieldType.LONG_TEXT | FieldType.URL if not field.value_list:
            some = TEXT.filter(str.strip)
        case _:
            some = values(field)
    return st.none() | some


def sent_fields(record_type: RecordType, version: Version) -> list[AceField]:
    sent = (Sent.ALWAYS, Sent.AFTER_CREATION)
    return [
        opportunity_fields()[name] if record_type == "opportunity" else lead_fields()[name]
        for name, field in file_fields(record_type, version).items()
        if field.sent in sent
    ]


@FEW
@given(TYPES, st.sampled_from(Version), st.data())
def test_what_goes_out_comes_back(record_type: RecordType, version: Version, data: st.DataObject) -> None:
    """In both versions a record that AWS exported as it was sent would be the record that was sent."""
    chosen = data.draw(
        st.lists(st.sampled_from(sent_fields(record_type, version)), unique_by=lambda one: one.name, max_size=12)
    )
    record = {field.name: data.draw(field_values(field), field.name) for field in chosen}
    shape = opportunity_entry if record_type == "opportunity" else lead_entry
    found = shape(record, partner_id=ID, apn_id="X1000001", version=version)
    key = "opportunities" if record_type == "opportunity" else "Leads"
    [back] = read_export(file_text(version, "1234", key, [entry_text(found.entry)]).encode(), record_type).records
    kept = {n: value for n, value in record.items() if value is not None or not never_empty(record_type, n)}
    stands = stand_in(record)
    assert not back.problems and not back.unknown and not found.left_out
    assert dict(back.record) == {**kept, **stands, PARTNER_ID[record_type]: ID, APN: "X1000001"}


def never_empty(record_type: RecordType, name: str) -> bool:
    return record_type == "opportunity" and opportunity_fields()[name].never_empty


def stand_in(record: dict[str, Value]) -> dict[str, Value]:
    """A description beside no solution goes out with the word Other, which is no solution when it comes back."""
    return {"solutionOffered": None} if "solutionOffered" in record and record["solutionOffered"] is None else {}


@pytest.mark.parametrize("version", Version)
def test_a_sound_record_comes_back_as_it_went(version: Version) -> None:
    record = sound_record()
    found = opportunity_entry(record, partner_id=ID, apn_id="O1", version=version)
    [back] = read_export(file_text(version, "1", "opportunities", [entry_text(found.entry)]), "opportunity").records
    assert set(found.left_out.values()) <= {LeftOut.NOT_IN_VERSION}
    assert {**back.record, **{name: record[name] for name in found.left_out}} == {**record, APN: "O1"}

"""AWS's answers to a partner's files are told record by record, and by the records that were sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bucket_model import answer, result
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ace.file_json import UnreadableFileError
from connector.ace.result_shape import (
    FileResult,
    Outcome,
    RecordResult,
    ResultError,
    match,
    read_refusal,
    read_result,
)

ONE, TWO, THREE = "006000000000001AAA", "006000000000002AAA", "006000000000003AAA"
NOT_NEW = "No new update identified for this record"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def read(**changes: Any) -> FileResult:
    return read_result(json.dumps(result(**changes)))


def refused(partner_id: str = ONE, *messages: Any, **changes: Any) -> dict[str, Any]:
    return answer(partnerCrmUniqueIdentifier=partner_id, isSuccess=False, errors=list(messages), **changes)


def test_a_result_of_success_is_read() -> None:
    found = read()
    assert found == FileResult(
        file_name="test-2023-05-28T01:21:20.json",
        processed_at=datetime(2023, 5, 28, 15, 21, 22, 331000, tzinfo=UTC),
        spms_id="spmsId",
        failed=False,
        errors=(),
        records=(RecordResult("testIdentifier", "O1234567", True),),
    )
    assert found.outcome is Outcome.ALL


def test_a_result_of_failure_has_the_words_of_aws() -> None:
    message = "User not found for Opportunity Owner email:xyz.abc@test.example"
    found = read(success="NONE", inboundApiResults=[refused(ONE, message)])
    assert found.records == (RecordResult(ONE, "O1234567", False, (ResultError(message),)),)
    assert found.outcome is Outcome.NONE and not found.failed


def test_a_result_of_leads_is_read_under_either_identifier() -> None:
    """LEAD-08: AWS's sample names a lead as it names an opportunity."""
    entries = [refused(ONE, NOT_NEW), {"partnerCrmLeadId": TWO, "isSuccess": True, "ApnCrmUniqueIdentifier": "L2"}]
    found = read(success="PARTIAL", inboundApiResults=entries)
    assert [(one.partner_id, one.apn_id, one.succeeded) for one in found.records] == [
        (ONE, "O1234567", False),
        (TWO, "L2", True),
    ]
    assert found.records[0].errors[0].message == NOT_NEW and found.outcome is Outcome.PARTIAL


def test_warnings_are_kept() -> None:
    """OUT-22"""
    found = read(inboundApiResults=[answer(warnings=["Postal code corrected"]), answer(warnings="One only")])
    assert [one.warnings for one in found.records] == [("Postal code corrected",), ("One only",)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("postalCode: too long", ResultError("postalCode: too long", field="postalCode")),
        ({"code": "E1", "message": "Too long", "fieldName": "city"}, ResultError("Too long", "E1", "city")),
        ({"errorCode": 7, "errorMessage": "stage: unknown"}, ResultError("stage: unknown", "7", "stage")),
        ({"why": "So"}, ResultError("why: So")),
    ],
)
def test_errors_are_read_in_any_form(error: Any, expected: ResultError) -> None:
    assert read(inboundApiResults=[refused(ONE, error)]).records[0].errors == (expected,)


def test_a_refusal_without_reason_says_so() -> None:
    found = read(success="NONE", inboundApiResults=[answer(isSuccess=False)])
    assert "no reason" in found.records[0].errors[0].message


def test_a_record_is_no_success_unless_aws_says_so() -> None:
    entry = answer()
    del entry["isSuccess"]
    assert not read(success="SOME", inboundApiResults=[entry]).records[0].succeeded
    assert read(success="ALL", inboundApiResults=[entry]).records[0].succeeded
    assert not read(success="ALL", inboundApiResults=[{**entry, "errors": ["x"]}]).records[0].succeeded


def test_an_error_of_the_file_fails_every_record_in_it() -> None:
    """S3-24, S3-26"""
    text = "[`{input JSON}`] is not of type object"
    found = read(success="NONE", isApiError=True, inboundApiResults=None, apiErrors=[text])
    assert found.failed and found.errors == (ResultError(text),) and found.outcome is Outcome.NONE
    matched = match(found, {ONE: None, TWO: "O2"})
    assert {partner: (one.succeeded, one.errors) for partner, one in matched.answers.items()} == {
        ONE: (False, (ResultError(text),)),
        TWO: (False, (ResultError(text),)),
    }
    assert matched.answers[TWO].apn_id == "O2" and not matched.unanswered


def test_an_error_of_the_file_counts_although_records_are_listed() -> None:
    found = read(isApiError=True, apiErrors="Time-out")
    assert (
        found.outcome is Outcome.NONE and not match(found, {"testIdentifier": None}).answers["testIdentifier"].succeeded
    )


def test_a_file_of_which_no_record_is_answered_failed() -> None:
    found = read(success="NONE", inboundApiResults=[])
    assert found.failed and "no reason" in match(found, {ONE: None}).answers[ONE].errors[0].message


def test_nineteen_of_twenty_succeed() -> None:
    """OUT-21"""
    ids = [f"0060000000000{place:02}AAA" for place in range(20)]
    entries = [answer(partnerCrmUniqueIdentifier=one) for one in ids[:19]] + [refused(ids[19], "Bad")]
    found = read(success="PARTIAL", inboundApiResults=entries)
    matched = match(found, dict.fromkeys(ids))
    assert found.outcome is Outcome.PARTIAL
    assert [one for one in ids if not matched.answers[one].succeeded] == [ids[19]]


def test_answers_are_matched_by_the_partners_id_then_by_awss() -> None:
    entries = [
        answer(partnerCrmUniqueIdentifier=ONE, apnCrmUniqueIdentifier="O2"),
        answer(partnerCrmUniqueIdentifier="changed", apnCrmUniqueIdentifier="O2"),
        answer(partnerCrmUniqueIdentifier="other", apnCrmUniqueIdentifier="O9"),
    ]
    matched = match(read(inboundApiResults=entries), {ONE: None, TWO: "O2", THREE: None})
    assert matched.answers[ONE].partner_id == ONE and matched.answers[TWO].partner_id == "changed"
    assert matched.unanswered == (THREE,)
    assert [one.partner_id for one in matched.strange] == ["other"]


def test_a_short_id_of_salesforce_is_its_long_one() -> None:
    found = read(inboundApiResults=[answer(partnerCrmUniqueIdentifier=ONE[:15], apnCrmUniqueIdentifier=None)])
    assert set(match(found, {ONE: None, TWO: None}).answers) == {ONE}


def test_a_failure_is_not_covered_by_a_second_answer() -> None:
    entries = [refused(ONE, "Bad"), answer(partnerCrmUniqueIdentifier=ONE)]
    for order in (entries, entries[::-1]):
        assert not match(read(inboundApiResults=order), {ONE: None}).answers[ONE].succeeded


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("", "no JSON"),
        ("[]", "one JSON object"),
        ("{}", "answers by record"),
        ('{"inboundApiResults": 5}', "list"),
        ('{"inboundApiResults": [5]}', "JSON object"),
    ],
)
def test_what_is_no_result_gives_the_one_error(content: str, rule: str) -> None:
    with pytest.raises(UnreadableFileError, match=rule):
        read_result(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"error": "Only JSON is taken"}', "error: Only JSON is taken"),
        ('["Bad", "Worse"]', "Bad; Worse"),
        ("Only\n JSON is taken", "Only JSON is taken"),
        (b"\xffno", "\ufffdno"),
        ("", "AWS gave no reason."),
        ("null", "AWS gave no reason."),
    ],
)
def test_the_note_about_a_refused_file_is_its_reason_whatever_its_form(content: bytes | str, reason: str) -> None:
    """S3-11"""
    found = read_refusal(content, "opportunity-inbound-processed-results/share-7_112720261200.error.json")
    assert (found.stem, found.reason) == ("share-7_112720261200", reason)


def test_only_notes_of_refusals_are_read_as_such() -> None:
    with pytest.raises(ValueError, match="no file of a refusal"):
        read_refusal("{}", "results/a_result.json")


@settings(max_examples=60)
@given(st.binary(max_size=40) | JSON.map(json.dumps), JSON, JSON, JSON)
def test_garbage_raises_the_one_error_or_none(content: bytes | str, one: Any, two: Any, three: Any) -> None:
    strange = result(
        inboundApiResults=[answer(errors=one, warnings=two), {"errors": one}], apiErrors=three, success=two
    )
    for text in (content, json.dumps(strange), json.dumps({**strange, "fileName": one, "fileApnProcessedDT": two})):
        read_refusal(text, "x.error.json")
        try:
            assert read_result(text).outcome in Outcome
        except UnreadableFileError as error:
            assert error.rule

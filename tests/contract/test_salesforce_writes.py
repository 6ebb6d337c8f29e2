"""Writes: many rows in few calls, each row by itself, exact values, and races that end well."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from salesforce_script import DROP, Answer, Asked, ScriptedOrg, door_to, record_id, refusal, row_error, scripted_org

from connector.errors import (
    AuthFailed,
    Deferred,
    DuplicateValue,
    MappingError,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
)

NOW = datetime(2026, 11, 23, 1, 2, 3, 900_000, tzinfo=UTC)
LOCKED = row_error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: 006")


@pytest.fixture
def org():
    with scripted_org() as running:
        yield running


def ids(count: int, prefix: str = "006") -> list[str]:
    return [record_id(number, prefix) for number in range(count)]


def done(asked: Asked) -> Answer:
    records = asked.json["records"]
    return Answer(200, [{"id": item.get("id", record_id(9)), "success": True, "errors": []} for item in records])


def sizes(org: ScriptedOrg) -> list[int]:
    return [len(call.json["records"]) for call in org.calls("composite/sobjects")]


def rows(count: int) -> list[dict[str, Any]]:
    return [{"Id": key, "StageName": "New"} for key in ids(count)]


def test_a_thousand_rows_cost_five_calls_and_outcomes_keep_their_order(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", done)
    given = rows(1000)[::-1]
    with door_to(org) as door:
        outcomes = door.update("Opportunity", given)
    assert sizes(org) == [200] * 5
    assert [outcome.id for outcome in outcomes] == [row["Id"] for row in given]
    assert all(outcome.error is None and not outcome.created for outcome in outcomes)


def test_an_update_sends_exact_values_and_asks_for_no_assignment(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", done)
    row = {"Id": ids(1)[0][:15], "Amount": Decimal("1234567890123.10"), "Name": "Zürich – 東京", "NextStep": None}
    with door_to(org) as door:
        door.update("Opportunity", [row])
    [call] = org.calls("composite/sobjects")
    assert json.loads(call.body, parse_float=str)["records"] == [
        {
            "attributes": {"type": "Opportunity"},
            "Amount": "1234567890123.10",
            "Name": "Zürich – 東京",
            "NextStep": None,
            "id": ids(1)[0],
        }
    ]
    assert call.json["allOrNone"] is False
    assert call.headers["sforce-auto-assign"] == "FALSE"
    assert call.headers["sforce-duplicate-rule-header"].startswith("allowSave=true")


def test_rows_of_the_same_record_are_sent_as_one_and_share_the_outcome(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", done)
    [key] = ids(1)
    with door_to(org) as door:
        outcomes = door.update("Lead", [{"Id": key, "A": 1, "B": 1}, {"Id": key[:15], "B": 2}])
    assert len(outcomes) == 2 and {outcome.id for outcome in outcomes} == {key}
    [record] = org.calls("composite/sobjects")[0].json["records"]
    assert (record["A"], record["B"], record["id"]) == (1, 2, key)


def test_a_row_without_a_usable_id_fails_alone_and_is_not_sent(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", done)
    [key] = ids(1)
    with door_to(org) as door:
        good, bad, missing = door.update("Lead", [{"Id": key, "A": 1}, {"Id": "x' OR 1", "A": 1}, {"A": 1}])
    assert good.error is None
    assert isinstance(bad.error, RecordRejected) and isinstance(missing.error, RecordRejected)
    assert sizes(org) == [1]


def test_one_bad_row_of_four_fails_alone_with_the_orgs_own_words(org: ScriptedOrg) -> None:
    def answer(asked: Asked) -> Answer:
        results = done(asked).body
        results[2] = row_error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Close date must be in the future", ("CloseDate",))
        return Answer(200, results)

    org.on("PATCH", "composite/sobjects", answer)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(4))
    assert [outcome.error is None for outcome in outcomes] == [True, True, False, True]
    assert "Close date must be in the future" in str(outcomes[2].error)
    assert len(org.calls()) == 1, "a permanent error is not sent again"


def test_entries_in_errors_of_a_success_are_no_error(org: ScriptedOrg) -> None:
    enqueued = {"statusCode": "OPERATION_ENQUEUED", "message": "x", "fields": []}
    org.on("PATCH", "composite/sobjects", Answer(200, [{"id": ids(1)[0], "success": True, "errors": [enqueued]}]))
    with door_to(org) as door:
        assert door.update("Event__e", rows(1))[0].error is None


def test_locked_rows_are_sent_again_in_smaller_batches(org: ScriptedOrg) -> None:
    left = dict.fromkeys(ids(200)[50:60], 1) | {ids(200)[3]: 2}

    def answer(asked: Asked) -> Answer:
        results = done(asked).body
        for number, item in enumerate(asked.json["records"]):
            if left.get(item["id"], 0):
                left[item["id"]] -= 1
                results[number] = LOCKED
        return Answer(200, results)

    org.on("PATCH", "composite/sobjects", answer)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(200))
        assert len(door.pauses) == 2  # type: ignore[attr-defined]
    assert all(outcome.error is None for outcome in outcomes)
    assert sizes(org) == [200, 11, 1]


def test_a_row_that_stays_locked_is_retriable_and_certainly_not_written(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", Answer(200, [LOCKED]))
    with door_to(org) as door:
        [outcome] = door.update("Opportunity", rows(1))
    assert isinstance(outcome.error, Retriable) and not outcome.error.outcome_unknown
    assert sizes(org) == [1, 1, 1]


def test_automation_that_fails_for_a_whole_batch_is_bisected_to_the_culprit(org: ScriptedOrg) -> None:
    culprit = ids(200)[77]

    def answer(asked: Asked) -> Answer:
        records = asked.json["records"]
        if any(item["id"] == culprit for item in records):
            return Answer(
                200, [row_error("CANNOT_EXECUTE_FLOW_TRIGGER", "Too many SOQL queries: 101") for _ in records]
            )
        return done(asked)

    org.on("PATCH", "composite/sobjects", answer)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(200))
    failed = [outcome for outcome in outcomes if outcome.error]
    assert len(failed) == 1 and isinstance(failed[0].error, RecordRejected)
    assert "Too many SOQL queries: 101" in str(failed[0].error)
    assert sizes(org) == [200, *[25] * 8, *[1] * 25]


def test_automation_that_always_fails_costs_a_bounded_number_of_calls(org: ScriptedOrg) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(200, [row_error("CANNOT_EXECUTE_FLOW_TRIGGER", "boom") for _ in asked.json["records"]])

    org.on("PATCH", "composite/sobjects", answer)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(200))
    assert len(org.calls()) == 1 + 8 + 25
    kinds = [type(outcome.error) for outcome in outcomes]
    assert sum(issubclass(kind, RecordRejected) for kind in kinds) == 25
    assert sum(issubclass(kind, Retriable) for kind in kinds) == 175, "the rest was not tried alone: not its fault yet"


def test_a_request_refused_as_a_whole_is_halved_until_the_culprit_stands_alone(org: ScriptedOrg) -> None:
    culprit = ids(200)[123]

    def answer(asked: Asked) -> Answer:
        if any(item["id"] == culprit for item in asked.json["records"]):
            return refusal(400, "JSON_PARSER_ERROR", "Cannot deserialize instance of double from VALUE_STRING value x")
        return done(asked)

    org.on("PATCH", "composite/sobjects", answer)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(200))
    assert [outcome.id == "" for outcome in outcomes].count(True) == 1
    assert isinstance(outcomes[123].error, RecordRejected)
    assert len(org.calls()) < 20


def test_a_field_that_does_not_exist_fails_the_rows_that_carry_it_without_halving(org: ScriptedOrg) -> None:
    def answer(asked: Asked) -> Answer:
        if any("Gone__c" in item for item in asked.json["records"]):
            return refusal(400, "INVALID_FIELD", "No such column 'Gone__c' on sobject of type Opportunity")
        return done(asked)

    org.on("PATCH", "composite/sobjects", answer)
    given = [row | ({"Gone__c": 1} if number % 2 else {}) for number, row in enumerate(rows(100))]
    with door_to(org) as door:
        outcomes = door.update("Opportunity", given)
    assert [outcome.error is None for outcome in outcomes] == [number % 2 == 0 for number in range(100)]
    assert "field-level security" in str(outcomes[1].error)
    assert len(org.calls()) == 2


def test_what_was_written_before_a_fault_of_the_whole_call_keeps_its_outcome(org: ScriptedOrg) -> None:
    over = refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    org.on("PATCH", "composite/sobjects", done, over)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(500))
    assert [outcome.error is None for outcome in outcomes].count(True) == 200
    assert all(isinstance(outcome.error, Deferred) for outcome in outcomes if outcome.error)
    assert len(org.calls()) == 2, "after the refusal nothing more is asked"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Deferred),
        (refusal(403, "API_DISABLED_FOR_ORG"), AuthFailed),
        (refusal(401, "INVALID_SESSION_ID"), AuthFailed),
    ],
)
def test_a_fault_of_the_whole_call_is_raised_while_nothing_was_written(
    org: ScriptedOrg, answer: Answer, expected: type[Exception]
) -> None:
    org.on("PATCH", "composite/sobjects", answer)
    org.on("PATCH", "sobjects/Opportunity/.*", answer)
    org.on("PATCH", "composite/sobjects/Opportunity/Ext__c", answer)
    org.on("DELETE", "composite/sobjects", answer)
    with door_to(org) as door:
        for write in (
            lambda: door.update("Opportunity", rows(1)),
            lambda: door.update_unless_modified("Opportunity", [(rows(1)[0], NOW)]),
            lambda: door.upsert("Opportunity", "Ext__c", [{"Ext__c": "a"}]),
            lambda: door.delete(ids(1)),
        ):
            with pytest.raises(expected):
                write()


def test_a_batch_with_a_lost_answer_is_uncertain_and_the_rest_is_certainly_unsent(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", done, DROP)
    with door_to(org) as door:
        outcomes = door.update("Opportunity", rows(600))
    errors = [outcome.error for outcome in outcomes]
    assert errors[:200] == [None] * 200
    assert all(isinstance(error, Retriable) and error.outcome_unknown for error in errors[200:400])
    assert all(isinstance(error, Retriable) and not error.outcome_unknown for error in errors[400:])


def test_an_answer_with_too_few_results_is_uncertain(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", Answer(200, []))
    with door_to(org) as door:
        [outcome] = door.update("Opportunity", rows(1))
    assert isinstance(outcome.error, Retriable) and outcome.error.outcome_unknown


# upsert


@pytest.mark.parametrize("key", ["..", ".", "a/b c+d?e#f", "O'Neil", "ünï – 東京", "%2F"])
def test_an_external_id_of_any_characters_travels_in_the_body(org: ScriptedOrg, key: str) -> None:
    created = Answer(200, [{"id": record_id(1, "a01"), "success": True, "created": True, "errors": []}])
    org.on("PATCH", "composite/sobjects/ACE_Sync_Log__c/Log_Key__c", created)
    with door_to(org) as door:
        [outcome] = door.upsert("ACE_Sync_Log__c", "Log_Key__c", [{"Log_Key__c": key, "Status__c": "Error"}])
    assert outcome.created and outcome.id == record_id(1, "a01")
    [record] = org.calls("composite")[0].json["records"]
    assert record == {"attributes": {"type": "ACE_Sync_Log__c"}, "Log_Key__c": key, "Status__c": "Error"}


def test_an_upsert_that_lost_the_race_is_sent_again_and_updates(org: ScriptedOrg) -> None:
    message = "duplicate value found: Log_Key__c duplicates value on record with id: a018V0000000001"
    lost = [
        row_error("DUPLICATE_VALUE", message),
        {"id": record_id(2, "a01"), "success": True, "created": True, "errors": []},
    ]
    won = [{"id": record_id(1, "a01"), "success": True, "created": False, "errors": []}]
    org.on("PATCH", "composite/sobjects/ACE_Sync_Log__c/Log_Key__c", Answer(200, lost), Answer(200, won))
    with door_to(org) as door:
        first, second = door.upsert("ACE_Sync_Log__c", "Log_Key__c", [{"Log_Key__c": "a"}, {"Log_Key__c": "b"}])
    assert first.error is None and not first.created and second.created
    assert [item["Log_Key__c"] for item in org.calls("composite")[1].json["records"]] == ["a"]


def test_a_value_taken_in_another_unique_field_is_told_not_repeated(org: ScriptedOrg) -> None:
    error = row_error("DUPLICATE_VALUE", "duplicate value found: Other__c duplicates value on record with id: a01")
    org.on("PATCH", "composite/sobjects/X__c/Key__c", Answer(200, [error]))
    with door_to(org) as door:
        [outcome] = door.upsert("X__c", "Key__c", [{"Key__c": "a", "Other__c": "taken"}])
    assert isinstance(outcome.error, DuplicateValue) and outcome.error.problems[0].value == "taken"
    assert len(org.calls()) == 1


def test_a_key_that_several_records_carry_is_an_alarm_not_a_write(org: ScriptedOrg) -> None:
    error = row_error("DUPLICATE_EXTERNAL_ID", "Duplicate external id specified: Key__c")
    org.on("PATCH", "composite/sobjects/X__c/Key__c", Answer(200, [error]))
    with door_to(org) as door:
        [outcome] = door.upsert("X__c", "Key__c", [{"Key__c": "a"}])
    assert isinstance(outcome.error, RecordRejected) and "Several records" in str(outcome.error)


def test_a_row_without_its_key_is_not_sent_and_equal_keys_are_sent_once(org: ScriptedOrg) -> None:
    org.on(
        "PATCH", "composite/sobjects/X__c/Key__c", Answer(200, [{"id": record_id(1), "success": True, "created": True}])
    )
    with door_to(org) as door:
        outcomes = door.upsert(
            "X__c", "Key__c", [{"Key__c": "a", "A": 1}, {"Key__c": " "}, {"A": 1}, {"Key__c": "a", "A": 2}]
        )
    assert [outcome.error is None for outcome in outcomes] == [True, False, False, True]
    assert [item["A"] for item in org.calls()[0].json["records"]] == [2]


def test_a_field_that_is_no_external_id_is_a_matter_of_the_configuration(org: ScriptedOrg) -> None:
    message = "Provided external ID field does not exist or is not accessible: Key__c"
    org.on("PATCH", "composite/sobjects/X__c/Key__c", refusal(404, "NOT_FOUND", message))
    with door_to(org) as door, pytest.raises(MappingError, match=r"Key__c.*field-level security"):
        door.upsert("X__c", "Key__c", [{"Key__c": "a"}])


# conditional updates


def test_a_conditional_update_is_a_request_of_its_own_with_the_time_floored(org: ScriptedOrg) -> None:
    org.on("PATCH", "sobjects/Opportunity/.*", Answer(204))
    given = [(row, NOW) for row in rows(30)]
    with door_to(org) as door:
        outcomes = door.update_unless_modified("Opportunity", given)
    assert [outcome.id for outcome in outcomes] == ids(30) and not any(outcome.error for outcome in outcomes)
    calls = org.calls("sobjects/Opportunity")
    assert len(calls) == 30 and not org.calls("composite")
    assert {call.headers["if-unmodified-since"] for call in calls} == {"Mon, 23 Nov 2026 01:02:03 GMT"}
    assert calls[0].json == {"StageName": "New"}


def test_only_the_record_that_somebody_edited_is_stale(org: ScriptedOrg) -> None:
    org.on(
        "PATCH", "sobjects/Opportunity/.*", Answer(204), Answer(412, [{"errorCode": "X", "message": "y"}]), Answer(204)
    )
    with door_to(org) as door:
        outcomes = door.update_unless_modified("Opportunity", [(row, NOW) for row in rows(3)])
    assert [type(outcome.error) for outcome in outcomes] == [type(None), StaleRecord, type(None)]


def composite_org(org: ScriptedOrg, *, honours: bool) -> None:
    """Script an org whose composite honours conditional headers or ignores them; the fourth record was edited."""

    def part(item: dict[str, Any]) -> dict[str, Any]:
        condition = item.get("httpHeaders", {}).get("If-Unmodified-Since", "")
        stale = honours and (item["method"] == "GET" or ids(4)[3] in item["url"]) and condition
        body = [{"errorCode": "PRECONDITION_FAILED", "message": "modified"}] if stale else None
        ok = 200 if item["method"] == "GET" else 204
        return {"referenceId": item["referenceId"], "httpStatusCode": 412 if stale else ok, "body": body}

    org.on(
        "POST",
        "composite",
        lambda asked: Answer(200, {"compositeResponse": [part(i) for i in asked.json["compositeRequest"]]}),
    )
    org.on("PATCH", "sobjects/Opportunity/.*", Answer(204))


def test_conditional_updates_travel_together_only_where_the_org_proves_that_it_honours_them(org: ScriptedOrg) -> None:
    composite_org(org, honours=True)
    with door_to(org, conditional_composite=True) as door:
        outcomes = door.update_unless_modified("Opportunity", [(row, NOW) for row in rows(30)])
        door.update_unless_modified("Opportunity", [(row, NOW) for row in rows(6)])
    assert [index for index, outcome in enumerate(outcomes) if outcome.error] == [3]
    assert isinstance(outcomes[3].error, StaleRecord)
    lengths = [len(call.json["compositeRequest"]) for call in org.calls("composite")]
    assert lengths == [1, 25, 5, 6], "the proof is asked once"
    parts = org.calls("composite")[1].json["compositeRequest"]
    assert parts[0]["httpHeaders"]["If-Unmodified-Since"] == "Mon, 23 Nov 2026 01:02:03 GMT"
    assert parts[0]["httpHeaders"]["Sforce-Auto-Assign"] == "FALSE"


def test_an_org_that_ignores_the_condition_inside_composites_gets_single_requests(org: ScriptedOrg) -> None:
    composite_org(org, honours=False)
    with door_to(org, conditional_composite=True) as door:
        door.update_unless_modified("Opportunity", [(row, NOW) for row in rows(6)])
    assert len(org.calls("composite")) == 1
    assert len(org.calls("sobjects/Opportunity")) == 6


def test_a_conditional_update_tries_failed_automation_once_more(org: ScriptedOrg) -> None:
    org.on("PATCH", "sobjects/Opportunity/.*", refusal(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "deadlock"), Answer(204))
    with door_to(org) as door:
        [outcome] = door.update_unless_modified("Opportunity", [(rows(1)[0], NOW)])
    assert outcome.error is None


def test_conditional_updates_after_a_fault_are_not_sent_and_those_before_keep_their_outcome(org: ScriptedOrg) -> None:
    org.on("PATCH", "sobjects/Opportunity/.*", Answer(204), DROP)
    with door_to(org) as door:
        outcomes = door.update_unless_modified("Opportunity", [(row, NOW) for row in rows(4)])
    errors = [outcome.error for outcome in outcomes]
    assert errors[0] is None
    assert isinstance(errors[1], Retriable) and errors[1].outcome_unknown
    assert all(isinstance(error, Retriable) and not error.outcome_unknown for error in errors[2:])


# delete, create


def test_deleting_what_is_deleted_is_done_and_what_is_invisible_is_not(org: ScriptedOrg) -> None:
    answers = {
        ids(3)[0]: {"id": ids(3)[0], "success": True, "errors": []},
        ids(3)[1]: row_error("ENTITY_IS_DELETED", "entity is deleted"),
        ids(3)[2]: row_error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
    }
    org.on(
        "DELETE",
        "composite/sobjects",
        lambda asked: Answer(200, [answers[key] for key in asked.query["ids"].split(",")]),
    )
    with door_to(org) as door:
        outcomes = door.delete([*ids(3)[::-1], ids(3)[0][:15], "nonsense"])
    assert [outcome.error is None for outcome in outcomes] == [False, True, True, True, False]
    assert org.calls()[0].query["allOrNone"] == "false"


def test_deletions_keep_their_address_short(org: ScriptedOrg) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(200, [{"id": key, "success": True, "errors": []} for key in asked.query["ids"].split(",")])

    org.on("DELETE", "composite/sobjects", answer)
    with door_to(org) as door:
        outcomes = door.delete(ids(250))
    assert [outcome.id for outcome in outcomes] == ids(250)
    assert len(org.calls()) == 3 and all(len(call.url) < 2500 for call in org.calls())


def test_a_created_row_gives_its_id_and_a_refused_one_its_problems(org: ScriptedOrg) -> None:
    missing = refusal(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ("LastName",))
    created = Answer(201, {"id": record_id(1, "00Q")[:15], "success": True, "errors": []})
    org.on("POST", "sobjects/Lead/", created, missing)
    with door_to(org) as door:
        assert door.create("Lead", {"LastName": "A", "attributes": {}}) == record_id(1, "00Q")
        with pytest.raises(RecordRejected) as caught:
            door.create("Lead", {"Company": "A"})
    assert caught.value.problems[0].field == "LastName"
    assert "attributes" not in org.calls()[0].json


def test_a_gone_record_is_told_as_gone(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", Answer(200, [row_error("ENTITY_IS_DELETED", "entity is deleted")]))
    with door_to(org) as door:
        [outcome] = door.update("Opportunity", rows(1))
    assert isinstance(outcome.error, RecordGone) and outcome.id == ids(1)[0]


def test_object_and_field_names_of_writes_are_checked(org: ScriptedOrg) -> None:
    with door_to(org) as door:
        for name in ("Lead/../User", "Lead?x", ""):
            for write in (
                lambda name=name: door.update(name, rows(1)),
                lambda name=name: door.upsert(name, "Key__c", [{"Key__c": "a"}]),
                lambda name=name: door.upsert("Lead", name, [{name: "a"}]),
                lambda name=name: door.create(name, {"A": 1}),
                lambda name=name: door.update_unless_modified(name, [(rows(1)[0], NOW)]),
            ):
                with pytest.raises(ValueError, match=re.escape(repr(name))):
                    write()
    assert not org.calls()

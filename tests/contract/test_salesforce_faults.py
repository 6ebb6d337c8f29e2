"""Every fault on the wire becomes the error that says what to do next, over real HTTP."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from salesforce_script import (
    DROP,
    HANG,
    Answer,
    ScriptedOrg,
    door_to,
    page,
    record_id,
    refusal,
    row_error,
    scripted_org,
    settings_for,
)

from connector.errors import (
    AuthFailed,
    ConfigError,
    Deferred,
    DuplicateValue,
    MappingError,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
)
from connector.salesforce.door import SalesforceDoor
from connector.salesforce.errors import TABLE, Effect, entries_of, row_fault, translate

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SOQL = "SELECT Id FROM Account"
LEAD = record_id(1, "00Q")


@pytest.fixture
def org():
    with scripted_org() as running:
        yield running


READ_FAULTS: list[tuple[Answer, type[Exception]]] = [
    (refusal(400, "MALFORMED_QUERY", "unexpected token: ERROR at Row:1:Column:8"), MappingError),
    (refusal(400, "INVALID_FIELD", "No such column 'Foo__c' on entity 'Account'."), MappingError),
    (refusal(400, "INVALID_TYPE", "sObject type 'Foo' is not supported."), MappingError),
    (refusal(400, "QUERY_TOO_COMPLICATED"), MappingError),
    (refusal(400, "QUERY_TIMEOUT", "Your query request was running for too long."), Retriable),
    (refusal(403, "API_DISABLED_FOR_ORG"), AuthFailed),
    (refusal(403, "FUNCTIONALITY_NOT_ENABLED"), AuthFailed),
    (Answer(403, "<html>forbidden</html>"), AuthFailed),
    (refusal(404, "NOT_FOUND", "The requested resource does not exist"), RecordGone),
    (Answer(410, [{"errorCode": "UNSUPPORTED_API_VERSION", "message": "retired"}]), ConfigError),
    (Answer(414, "<html>too long</html>"), MappingError),
    (Answer(431, "<html>too large</html>"), MappingError),
    (Answer(302, "", {"Location": "https://evil.example/"}), ConfigError),
    (Answer(500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}]), Retriable),
    (Answer(502, "<html>bad gateway</html>"), Retriable),
    (Answer(503, "<html>We are down for maintenance</html>"), Retriable),
    (Answer(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}]), Retriable),
    (Answer(420, "route change"), Retriable),
    (Answer(429, "slow down"), Retriable),
    (Answer(200, "<html>captive portal</html>"), Retriable),
    (DROP, Retriable),
]


@pytest.mark.parametrize(("answer", "expected"), READ_FAULTS, ids=lambda value: str(getattr(value, "body", value))[:50])
def test_a_read_that_is_refused_raises_the_error_of_its_recovery(
    org: ScriptedOrg, answer: Answer, expected: type[Exception]
) -> None:
    org.on("GET", "query/", answer)
    with door_to(org) as door, pytest.raises(expected) as caught:
        list(door.query(SOQL))
    assert str(caught.value)
    assert not getattr(caught.value, "outcome_unknown", False), "nothing was written"


WRITE_FAULTS: list[tuple[Answer, type[Exception], str]] = [
    (
        refusal(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Company]", ("Company",)),
        RecordRejected,
        "Map the",
    ),
    (refusal(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Close date in the past"), RecordRejected, "validation rule"),
    (refusal(400, "STRING_TOO_LONG", "Company: data value too large", ("Company",)), RecordRejected, "Shorten"),
    (refusal(400, "JSON_PARSER_ERROR", "Cannot deserialize instance of double"), RecordRejected, "type"),
    (
        refusal(400, "INVALID_FIELD", "No such column 'Company' on sobject of type Lead"),
        RecordRejected,
        "field-level security",
    ),
    (refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields"), RecordRejected, "edit access"),
    (refusal(400, "INSUFFICIENT_ACCESS_OR_READONLY"), RecordRejected, "Grant"),
    (refusal(400, "DUPLICATES_DETECTED", "You're creating a duplicate"), RecordRejected, "duplicate rule"),
    (
        refusal(400, "DUPLICATE_VALUE", "duplicate value found: Ext__c duplicates value on record with id: 00Q"),
        DuplicateValue,
        "use that",
    ),
    (refusal(400, "NEVER_SEEN_BEFORE", "what is this?"), RecordRejected, "what is this?"),
    (
        Answer(300, ["/services/data/v66.0/sobjects/Lead/1", "/services/data/v66.0/sobjects/Lead/2"]),
        RecordRejected,
        "several records",
    ),
    (refusal(404, "NOT_FOUND", "Provided external ID field does not exist"), RecordGone, ""),
    (refusal(404, "ENTITY_IS_DELETED", "entity is deleted"), RecordGone, "recycle bin"),
    (Answer(412, [{"errorCode": "PRECONDITION_FAILED", "message": "modified"}]), StaleRecord, "read again"),
    (Answer(412, None), StaleRecord, "read again"),
    (refusal(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "flow Stamp failed"), RecordRejected, "flow Stamp failed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected", "says"), WRITE_FAULTS, ids=lambda value: str(getattr(value, "body", ""))[:60]
)
def test_a_write_that_is_refused_says_which_recovery_fits(
    org: ScriptedOrg, answer: Answer, expected: type[Exception], says: str
) -> None:
    org.on("PATCH", "sobjects/Lead/.*", answer)
    with door_to(org) as door:
        [outcome] = door.update_unless_modified("Lead", [({"Id": LEAD, "Company": "Acme"}, NOW)])
    assert type(outcome.error) is expected or isinstance(outcome.error, expected)
    assert says in str(outcome.error)


def test_a_problem_names_field_value_rule_and_remedy(org: ScriptedOrg) -> None:
    answer = refusal(400, "STRING_TOO_LONG", "Company: data value too large: Acme (max length=3)", ("Company",))
    org.on("PATCH", "sobjects/Lead/.*", answer)
    with door_to(org) as door:
        [outcome] = door.update_unless_modified("Lead", [({"Id": LEAD, "company": "Acme"}, NOW)])
    assert isinstance(outcome.error, RecordRejected)
    [problem] = outcome.error.problems
    assert (problem.code, problem.field, problem.value) == ("STRING_TOO_LONG", "Company", "Acme")
    assert "max length=3" in problem.rule and "Shorten" in problem.remedy


def test_a_message_of_five_thousand_characters_is_kept_whole(org: ScriptedOrg) -> None:
    org.on("PATCH", "composite/sobjects", Answer(200, [row_error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "x" * 5000)]))
    with door_to(org) as door:
        [outcome] = door.update("Lead", [{"Id": LEAD, "Company": "A"}])
    assert "x" * 5000 in str(outcome.error)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("TotalRequests Limit exceeded.", Deferred),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", Retriable),
    ],
)
def test_the_two_request_limits_are_told_apart(org: ScriptedOrg, message: str, expected: type[Exception]) -> None:
    org.on("GET", "query/", refusal(403, "REQUEST_LIMIT_EXCEEDED", message))
    with door_to(org, options={"now": lambda: NOW}) as door, pytest.raises(expected) as caught:
        list(door.query(SOQL))
    if isinstance(caught.value, Deferred):
        assert caught.value.until == NOW + timedelta(minutes=15)
        assert len(org.calls("query")) == 1
    else:
        assert len(org.calls("query")) == 5


@pytest.mark.parametrize(("code", "minutes"), [("ENTITY_IS_LOCKED", 15), ("STORAGE_LIMIT_EXCEEDED", 60)])
def test_what_needs_waiting_is_deferred_not_failed(org: ScriptedOrg, code: str, minutes: int) -> None:
    org.on("PATCH", "composite/sobjects", Answer(200, [row_error(code)]))
    with door_to(org, options={"now": lambda: NOW}) as door:
        [outcome] = door.update("Lead", [{"Id": LEAD, "Company": "A"}])
    assert isinstance(outcome.error, Deferred)
    assert outcome.error.until == NOW + timedelta(minutes=minutes)


def test_a_passing_fault_is_repeated_with_growing_jittered_pauses_until_it_passes(org: ScriptedOrg) -> None:
    down = Answer(503, "<html>maintenance</html>")
    org.on("GET", "query/", down, DROP, down, page([{"Id": LEAD}]))
    with door_to(org) as door:
        assert len(list(door.query(SOQL))) == 1
        pauses = door.pauses  # type: ignore[attr-defined]
    assert len(pauses) == 3
    assert all(0 <= pause <= 0.5 * 2**number for number, pause in enumerate(pauses))


def test_a_retry_after_of_the_answer_is_waited_for(org: ScriptedOrg) -> None:
    org.on("GET", "query/", Answer(503, "busy", {"Retry-After": "7"}), page([]))
    with door_to(org) as door:
        list(door.query(SOQL))
        assert door.pauses == [7.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer", [Answer(503, "<html>"), Answer(500, [{"errorCode": "UNKNOWN_EXCEPTION"}]), DROP, HANG]
)
def test_a_creation_with_an_unknown_outcome_is_never_repeated(org: ScriptedOrg, answer: Answer) -> None:
    org.on("POST", "sobjects/Lead/", answer)
    with door_to(org, read_timeout=0.3) as door, pytest.raises(Retriable) as caught:
        door.create("Lead", {"LastName": "Ä", "Company": "B"})
    assert caught.value.outcome_unknown
    assert len(org.calls("sobjects/Lead")) == 1


def test_a_creation_that_was_certainly_refused_may_be_repeated(org: ScriptedOrg) -> None:
    locked = refusal(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
    org.on("POST", "sobjects/Lead/", locked, Answer(201, {"id": LEAD, "success": True, "errors": []}))
    with door_to(org) as door:
        assert door.create("Lead", {"LastName": "Ä", "Company": "B"}) == LEAD


def test_a_write_that_times_out_before_or_after_the_commit_has_an_unknown_outcome(org: ScriptedOrg) -> None:
    """The door cannot tell the two apart: it says so, and does not repeat by itself."""
    committed: list[Any] = []

    def commit_and_hang(asked: Any) -> Answer:
        committed.append(asked.json)
        return HANG

    for reply in (HANG, commit_and_hang):
        org.on("PATCH", "composite/sobjects", reply)
        with door_to(org, read_timeout=0.3) as door:
            [outcome] = door.update("Lead", [{"Id": LEAD, "Company": "A"}])
        assert isinstance(outcome.error, Retriable) and outcome.error.outcome_unknown
    assert len(committed) == 1
    assert len(org.calls("composite/sobjects")) == 2


def test_a_read_that_times_out_is_retriable_and_has_no_unknown_outcome(org: ScriptedOrg) -> None:
    org.on("GET", "query/", HANG)
    with door_to(org, read_timeout=0.3) as door, pytest.raises(Retriable) as caught:
        list(door.query(SOQL))
    assert not caught.value.outcome_unknown
    assert len(org.calls("query")) == 1


def test_an_org_that_cannot_be_reached_is_retriable_and_nothing_was_written() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
    door = SalesforceDoor(settings_for(origin), sleep=lambda _: None)
    with pytest.raises(Retriable, match="cannot be reached") as caught:
        door.create("Lead", {"LastName": "A", "Company": "B"})
    assert not caught.value.outcome_unknown
    door.close()


def test_an_untrusted_certificate_is_a_configuration_error() -> None:
    error = requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED: self-signed certificate")
    found = translate(error, effect=Effect.READ, now=NOW)
    assert isinstance(found, ConfigError) and "ca_bundle" in str(found)


def test_no_error_text_shows_the_query_or_its_values(org: ScriptedOrg) -> None:
    org.on("GET", "query/", Answer(503, "<html>jane@customer.example</html>"))
    with door_to(org) as door, pytest.raises(Retriable) as caught:
        list(door.query("SELECT Id FROM Lead WHERE Email = 'jane@customer.example'"))
    assert "jane" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_an_excerpt_of_the_query_in_salesforces_message_is_left_out(org: ScriptedOrg) -> None:
    said = "\nWHERE Email = 'jane@customer.example'\n ^\nERROR at Row:1:Column:42\nNo such column 'Foo__c'"
    org.on("GET", "query/", refusal(400, "INVALID_FIELD", said))
    with door_to(org) as door, pytest.raises(MappingError, match="ERROR at Row:1:Column:42\nNo such column") as caught:
        list(door.query(SOQL))
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("content", [b"<html>\xff", "", b"[]", "null", "3", b'"text"', None, [["x"]], {"unrelated": 1}])
def test_bodies_of_any_shape_are_survived(content: object) -> None:
    entries = entries_of(content)
    assert all(not entry.message for entry in entries)
    for status in (200, 302, 400, 401, 403, 404, 412, 500, 503):
        found = translate(row_fault(content, status), effect=Effect.REPEATABLE, now=NOW)
        assert str(found)


def test_every_known_code_has_a_recovery_and_a_remedy() -> None:
    kinds = {
        "session", "quota", "transient", "lock", "slow", "cursor", "hold", "storage", "automation", "data", "duplicate",
        "config", "permission", "retired", "gone",
    }  # fmt: skip
    for code, entry in TABLE["codes"].items():
        assert entry["kind"] in kinds, code
        assert entry["remedy"].endswith("."), code

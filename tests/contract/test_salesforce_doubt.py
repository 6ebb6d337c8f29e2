"""A call that the door repeats by itself: whatever its last attempt says, an earlier one may have taken effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from salesforce_script import DROP, Answer, Asked, ScriptedOrg, door_to, record_id, refusal, row_error, scripted_org

from connector.errors import AuthFailed, ConnectorError, RecordRejected, Retriable, StaleRecord

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
STALE = Answer(412, [{"errorCode": "PRECONDITION_FAILED", "message": "modified"}])
LOCKED = row_error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
AUTOMATION = refusal(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "deadlock")
UNAVAILABLE = Answer(503, "<html>We are down for maintenance</html>")


@pytest.fixture
def org() -> Iterator[ScriptedOrg]:
    with scripted_org() as running:
        yield running


def row(number: int = 0) -> dict[str, Any]:
    return {"Id": record_id(number, "006"), "StageName": "New"}


def guarded(org: ScriptedOrg, *answers: Answer) -> ConnectorError:
    """Return what becomes of a conditional update that gets these answers."""
    org.on("PATCH", "sobjects/Opportunity/.*", *answers)
    with door_to(org) as door:
        [outcome] = door.update_unless_modified("Opportunity", [(row(), NOW)])
    assert outcome.error is not None
    return outcome.error


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (STALE, StaleRecord),
        (refusal(400, "UNABLE_TO_LOCK_ROW", "locked"), Retriable),
        (refusal(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "No."), RecordRejected),
    ],
)
@pytest.mark.parametrize("first", [UNAVAILABLE, DROP])
def test_an_answer_that_was_lost_keeps_the_outcome_open(
    org: ScriptedOrg, first: Answer, last: Answer, kind: type[ConnectorError]
) -> None:
    """The modification that the repetition met may be our own."""
    error = guarded(org, first, last)
    assert isinstance(error, kind) and error.outcome_unknown


@pytest.mark.parametrize("last", [STALE, refusal(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "No.")])
def test_a_lock_leaves_no_doubt(org: ScriptedOrg, last: Answer) -> None:
    """Salesforce rolled it back; the next call knows nothing of a doubt of the one before either."""
    assert guarded(org, UNAVAILABLE, STALE).outcome_unknown
    assert not guarded(org, refusal(400, "UNABLE_TO_LOCK_ROW", "locked"), last).outcome_unknown


@pytest.mark.parametrize("last", [STALE, AUTOMATION, refusal(400, "UNABLE_TO_LOCK_ROW", "locked")])
def test_automation_that_failed_after_a_lost_answer_and_is_tried_once_more_keeps_the_doubt(
    org: ScriptedOrg, last: Answer
) -> None:
    assert guarded(org, UNAVAILABLE, AUTOMATION, last).outcome_unknown
    assert not guarded(org, AUTOMATION, last).outcome_unknown


def test_a_text_that_looks_like_a_reference_goes_by_a_call_of_its_own(org: ScriptedOrg) -> None:
    """Inside a composite request Salesforce would replace it, or refuse all of it."""

    def together(asked: Asked) -> Answer:
        parts = asked.json["compositeRequest"]
        assert "@{" not in json.dumps(parts)
        status = 412 if parts[0]["method"] == "GET" else 204
        return Answer(200, {"compositeResponse": [
            {"referenceId": one["referenceId"], "httpStatusCode": status, "body": None} for one in parts
        ]})  # fmt: skip

    org.on("POST", "composite", together)
    org.on("PATCH", "sobjects/Opportunity/.*", Answer(204))
    given = [row(number) for number in range(8)]
    given[2] |= {"NextStep": "write @{name} into the letter"}
    with door_to(org, conditional_composite=True) as door:
        outcomes = door.update_unless_modified("Opportunity", [(one, NOW) for one in given])
    assert [(one.id, one.error) for one in outcomes] == [(one["Id"], None) for one in given]
    [alone] = org.calls("sobjects/Opportunity")
    assert given[2]["Id"] in alone.path and alone.json["NextStep"] == given[2]["NextStep"]


def test_a_login_that_fails_between_two_attempts_keeps_the_outcome_open(org: ScriptedOrg) -> None:
    org.on("PATCH", "sobjects/Opportunity/.*", UNAVAILABLE, refusal(403, "API_DISABLED_FOR_ORG"))
    with door_to(org) as door, pytest.raises(AuthFailed) as refused:
        door.update_unless_modified("Opportunity", [(row(), NOW)])
    assert refused.value.outcome_unknown


def test_in_a_batch_every_row_keeps_the_doubt_of_the_lost_answer(org: ScriptedOrg) -> None:
    written: dict[str, Any] = {"id": row(0)["Id"], "success": True, "errors": []}
    org.on("PATCH", "composite/sobjects", UNAVAILABLE, Answer(200, [written, LOCKED]), Answer(200, [LOCKED]))
    with door_to(org) as door:
        outcomes = door.update("Opportunity", [row(0), row(1)])
    assert outcomes[0].error is None
    assert isinstance(outcomes[1].error, Retriable) and outcomes[1].error.outcome_unknown

"""How AWS is involved: from visibility only to co-selling by the needs, never back, and each refusal in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ace_records import TODAY, sound_record

from connector.ace import api_shape
from connector.ace.lifecycle import CO_SELL, NO_SUPPORT, VISIBILITY_ONLY
from connector.ace.record import Value
from connector.sync.plan import OutboundFacts, Reject, Settle, Update, plan_outbound

NEEDS, INVOLVEMENT = "partnerPrimaryNeedFromAws", "involvementType"
SOLUTION = ("S-0000001",)


def at_aws(*needs: str, status: str = "Approved") -> dict[str, Any]:
    record = sound_record(**{NEEDS: tuple(needs)})
    answer = api_shape.created_answer(
        api_shape.to_create(record, catalog="AWS", client_token="t"),
        {"Id": "O1", "LastModifiedDate": "2026-11-20T08:00:00.000000Z"},
    )
    answer["PrimaryNeedsFromAws"] = list(needs)
    answer["LifeCycle"] |= {"ReviewStatus": status, "Stage": "Qualified"}
    answer["RelatedEntityIdentifiers"] = {"Solutions": list(SOLUTION)}
    answer.setdefault("Marketing", {"Source": "None"})
    return answer


def planned(base: dict[str, Any], involved: str, shown_to: str = "Full", **changes: Value) -> tuple[Any, ...]:
    record = sound_record(**{"solutionOffered": SOLUTION, **changes})
    facts = OutboundFacts(record, (), base, TODAY, "AWS", update_automatically=True)
    return plan_outbound(
        replace(facts, edited=frozenset(changes), view={INVOLVEMENT: involved, "visibility": shown_to})
    )


def test_the_step_to_co_selling_is_an_update_of_the_needs_alone() -> None:
    update, end = planned(
        at_aws(NO_SUPPORT), VISIBILITY_ONLY, **{NEEDS: ("Co-Sell - Deal Support",), INVOLVEMENT: CO_SELL}
    )
    assert isinstance(update, Update) and set(update.changes) == {NEEDS}
    assert update.request["PrimaryNeedsFromAws"] == ["Co-Sell - Deal Support"]
    assert end == Settle(), "the involvement follows by itself, so that nothing remains to be told of it"


def test_a_wish_to_co_sell_without_needs_says_what_is_missing() -> None:
    (end,) = planned(at_aws(NO_SUPPORT), VISIBILITY_ONLY, **{NEEDS: (NO_SUPPORT,), INVOLVEMENT: CO_SELL})
    [problem] = end.locked
    assert problem.field == INVOLVEMENT and "by the primary needs" in problem.rule and NO_SUPPORT in problem.remedy


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({NEEDS: (NO_SUPPORT,)}, {NEEDS}),
        ({INVOLVEMENT: VISIBILITY_ONLY}, {INVOLVEMENT}),
        ({NEEDS: (NO_SUPPORT,), INVOLVEMENT: VISIBILITY_ONLY}, {NEEDS, INVOLVEMENT}),
    ],
)
def test_co_selling_cannot_be_taken_back(changes: dict[str, Value], fields: set[str]) -> None:
    (end,) = planned(at_aws("Co-Sell - Deal Support"), CO_SELL, **{NEEDS: ("Co-Sell - Deal Support",), **changes})
    assert {(one.code, one.field) for one in end.locked} == {("INVOLVEMENT_FINAL", field) for field in fields}
    assert all("cannot be put back" in one.rule and one.remedy for one in end.locked)


def test_other_needs_than_before_are_refused_as_any_locked_field() -> None:
    (end,) = planned(at_aws("Co-Sell - Deal Support"), CO_SELL, **{NEEDS: ("Co-Sell - Pricing Assistance",)})
    assert [(one.code, one.field) for one in end.locked] == [("FIELD_LOCKED", NEEDS)]


def test_the_step_needs_the_sales_activities_that_a_co_sell_submission_needs() -> None:
    base = at_aws(NO_SUPPORT)
    base["Project"].pop("SalesActivities", None)
    (end,) = planned(base, VISIBILITY_ONLY, **{NEEDS: ("Co-Sell - Deal Support",), "salesActivities": None})
    assert isinstance(end, Reject) and [one.field for one in end.problems] == ["salesActivities"]


def test_whom_aws_shows_it_to_is_left_to_aws() -> None:
    """Nobody can change it any more, so that a refusal of ours could not be mended."""
    update, _ = planned(at_aws(NO_SUPPORT), VISIBILITY_ONLY, "Limited", **{NEEDS: ("Co-Sell - Deal Support",)})
    assert isinstance(update, Update)

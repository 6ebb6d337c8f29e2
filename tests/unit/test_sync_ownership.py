"""Whom a seller names as owner on a new record becomes the owner before the opportunity is submitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ace_records import TODAY, sound_record
from hypothesis import given
from hypothesis import strategies as st

from connector.ace import api_shape
from connector.sync.ownership import EMAIL, NAME, owner_problems, wanted_owner
from connector.sync.plan import Assign, Create, OutboundFacts, Reject, Submit, plan_outbound

SOLUTION = ("S-0000001",)
LEAD = {"Email": "lead@partner.example", "FirstName": "Ada", "LastName": "Moreno", "BusinessTitle": "OpportunityOwner"}


def draft(**owner: str) -> dict[str, Any]:
    request = api_shape.to_create(sound_record(), catalog="AWS", client_token="t")
    answer = api_shape.created_answer(request, {"Id": "O1", "LastModifiedDate": "2026-11-20T08:00:00.000000Z"})
    answer["RelatedEntityIdentifiers"] = {"Solutions": list(SOLUTION)}
    answer.setdefault("Marketing", {"Source": "None"})
    return {**answer, "OpportunityTeam": [{**LEAD, **owner}]}


def planned(base: dict[str, Any] | None, **values: str) -> tuple[Any, ...]:
    record = sound_record(**{"solutionOffered": SOLUTION, **values})
    facts = OutboundFacts(record, (), base, TODAY, "AWS", share_automatically=True, update_automatically=True)
    return plan_outbound(replace(facts, submitting=base is not None))


def test_the_named_owner_is_assigned_right_before_the_submission() -> None:
    *_, assign, end = planned(draft(), **{EMAIL: "Sam@partner.example", NAME: "Sam van Okafor"})
    assert isinstance(end, Submit) and isinstance(assign, Assign)
    assert assign.assignee == {
        "Email": "sam@partner.example", "FirstName": "Sam van", "LastName": "Okafor",
        "BusinessTitle": "OpportunityOwner",
    }  # fmt: skip


@pytest.mark.parametrize("values", [{}, {NAME: "Sam Okafor"}, {EMAIL: "LEAD@partner.example", NAME: "Ada Moreno"}])
def test_without_another_owner_nobody_is_assigned(values: dict[str, str]) -> None:
    assert not any(isinstance(one, Assign) for one in planned(draft(), **values))


@pytest.mark.parametrize("name", ["", "Sam"])
def test_an_address_without_both_names_is_refused_before_anything_is_created(name: str) -> None:
    (end,) = planned(None, **{EMAIL: "sam@partner.example", **({NAME: name} if name else {})})
    assert isinstance(end, Reject) and [one.field for one in end.problems] == [NAME]
    assert planned(None, **{EMAIL: "sam@partner.example", NAME: "Sam Okafor"}) == (Create(),)


def test_what_aws_has_already_is_not_assigned_again() -> None:
    """A repetition after a lost state sees the owner that the first attempt assigned."""
    again = planned(draft(Email="sam@partner.example"), **{EMAIL: "sam@partner.example", NAME: "Sam Okafor"})
    assert not any(isinstance(one, Assign) for one in again)


def test_a_later_edit_of_the_owner_points_to_assign() -> None:
    base = draft()
    base["LifeCycle"] |= {"ReviewStatus": "Approved", "Stage": "Qualified"}
    record = sound_record(**{"solutionOffered": SOLUTION, EMAIL: "sam@partner.example"})
    facts = OutboundFacts(record, (), base, TODAY, "AWS", update_automatically=True, edited=frozenset({EMAIL}))
    (end,) = plan_outbound(facts)
    [problem] = end.locked
    assert problem.field == EMAIL and "Use Assign on the record" in problem.remedy


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_name_is_lost_or_invented(first: str, last: str) -> None:
    name = f"{first} {last}".strip()
    owner = wanted_owner({EMAIL: "sam@partner.example", NAME: name}, {})
    assert f"{owner['FirstName']} {owner['LastName']}".split() == name.split()
    complete = bool(owner["FirstName"] and owner["LastName"])
    assert (owner_problems({EMAIL: "sam@partner.example", NAME: name}) == ()) is complete

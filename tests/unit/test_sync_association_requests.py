"""Associations that sellers ask for: each entity once, each with its own answer, and both sides agree afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from association_desk import (
    AUTOMATIC,
    MANUAL,
    OTHER,
    PRODUCT,
    PRODUCTS,
    SHOWN,
    SOLUTION,
    answered,
    approved,
    asked,
    entities,
    row,
)
from engine.fields import APN_ID
from engine.turns import colleague_creates, deal, open_codes, turn
from engine.world import MAPPING
from steered_world import STRANGER, SteeredWorld

from connector.ace import api_shape
from connector.errors import Deferred, Problem, RecordRejected, Retriable
from connector.names import ACTION_REQUEST_ITEM, SYNC_LOG_DETAIL, ActionRequest, ActionRequestItem
from connector.sync import plan, queueing
from connector.sync.logs import PROCESSED
from connector.sync.observe import observe


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    """Nothing goes out by itself, and the state has been compared with AWS."""
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


@pytest.fixture
def shared(world: SteeredWorld) -> tuple[str, str]:
    """A record that AWS approved, with one solution and no product; nothing goes out by itself any more."""
    return approved(world)


def nothing_is_left_to_do(world: SteeredWorld, record: str, apn_id: str) -> bool:
    """Whether the planner sees no association to change, and a turn of everything writes nothing to AWS."""
    link = world.state.links.require(record)
    canonical, _ = world.engine.to_ace(
        world.salesforce.rows("ACE_Opportunity__c", [record], world.engine.row_fields())[record]
    )
    early, late = plan.association_changes(canonical, api_shape.from_get(world.partner_central.opportunities[apn_id]))
    writes = world.partner_central.writes
    world.settings = replace(world.settings, **AUTOMATIC)
    world.restart()
    turn(world)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    turn(world)
    assert link.apn_id == apn_id
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"
    return not early and not late and world.partner_central.writes == writes + 1


def test_several_changes_are_made_and_salesforce_shows_them(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    request, items = asked(
        world, record,
        ("Disassociate", "Solutions", SOLUTION), ("Associate", "Solutions", "S-0000002"),
        ("Associate", "AwsProducts", PRODUCT),
    )  # fmt: skip
    assert answered(world, request) == ("Done", f"All 3 changes done for {apn_id} at AWS.")
    assert [world.item(item)[0] for item in items] == ["Done"] * 3
    assert entities(world, apn_id) == {"Solutions": ["S-0000002"], "AwsProducts": [PRODUCT]}
    assert (row(world, record, SHOWN), row(world, record, PRODUCTS)) == ("S-0000002", PRODUCT)
    assert open_codes(world, record) == []
    assert nothing_is_left_to_do(world, record, apn_id)


def test_one_failure_does_not_stop_the_others(world: SteeredWorld, shared: tuple[str, str], monkeypatch: Any) -> None:
    record, apn_id = shared
    problem = Problem(
        "INVALID_VALUE", "solutionOffered", "S-0000009", "Solution S-0000009 is Draft.", "Choose another."
    )
    refuse(world, monkeypatch, "S-0000009", RecordRejected((problem,)))
    request, items = asked(
        world, record, ("Associate", "Solutions", "S-0000009"), ("Associate", "AwsProducts", PRODUCT),
        ("Associate", "Solutions", "Ledger"),
    )  # fmt: skip
    status, message = answered(world, request)
    assert status == "Failed"
    assert message.startswith(f"1 of 3 changes done for {apn_id}.")
    assert "Solution S-0000009 is Draft." in message, "AWS's own words"
    assert [world.item(item)[0] for item in items] == ["Failed", "Done", "Failed"]
    assert "Solution S-0000009 is Draft." in world.item(items[0])[1]
    assert entities(world, apn_id) == {"Solutions": [SOLUTION], "AwsProducts": [PRODUCT]}
    logged = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one.get("Error_Code__c") == "INVALID_VALUE"]
    assert [problem.rule in one["Error_Message__c"] for one in logged] == [True], "and in a sync log"
    again, _ = asked(world, record, ("Associate", "Solutions", "S-0000002"))
    assert answered(world, again)[0] == "Done"
    assert open_codes(world, record) == []


def refuse(world: SteeredWorld, monkeypatch: Any, entity: str, error: Exception, times: int = 99) -> list[str]:
    """Let AWS answer with the error when the entity is to be associated; return what was called."""
    associate, calls = type(world.partner_central).associate, list[str]()

    def scripted(self: Any, apn_id: str, kind: str, wanted: str) -> None:
        calls.append(wanted)
        if wanted == entity and calls.count(entity) <= times:
            raise error
        associate(self, apn_id, kind, wanted)

    monkeypatch.setattr(type(world.partner_central), "associate", scripted)
    return calls


def test_transient_faults_are_repeated_and_the_log_tells(
    world: SteeredWorld, shared: tuple[str, str], monkeypatch: Any
) -> None:
    record, _ = shared
    fault = Retriable("AssociateOpportunity: AWS failed (HTTP 500, InternalServerError).", outcome_unknown=True)
    calls = refuse(world, monkeypatch, PRODUCT, fault, times=2)
    request, [item] = asked(world, record, ("Associate", "AwsProducts", PRODUCT))
    assert answered(world, request)[0] == "Done"
    assert calls == [PRODUCT] * 3
    assert world.item(item)[0] == "Done"
    turn(world)
    told = [
        str(one.get("Error_Message__c"))
        for one in world.salesforce.all(SYNC_LOG_DETAIL)
        if one["Status__c"] == PROCESSED
    ]
    assert [one for one in told if "Attempt 3" in one and "HTTP 500" in one], told


def test_a_long_wait_is_told_while_it_lasts(world: SteeredWorld, shared: tuple[str, str], monkeypatch: Any) -> None:
    record, apn_id = shared
    quota = Deferred("AWS's daily quota is used up.", world.clock.now() + timedelta(hours=1))
    refuse(world, monkeypatch, PRODUCT, quota, times=1)
    request, _ = asked(world, record, ("Associate", "Solutions", "S-0000002"), ("Associate", "AwsProducts", PRODUCT))
    assert answered(world, request) == ("In Progress", "It waits: AWS's daily quota is used up.")
    assert entities(world, apn_id)["Solutions"] == [SOLUTION, "S-0000002"]
    world.steer(120)
    assert answered(world, request)[0] == "Done"
    assert entities(world, apn_id)["AwsProducts"] == [PRODUCT]


def test_the_last_solution_is_not_taken_off(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, _ = shared
    before = world.partner_central.writes
    request, [item] = asked(world, record, ("Disassociate", "Solutions", SOLUTION))
    assert answered(world, request)[0] == "Failed"
    assert "last solution" in world.item(item)[1]
    assert world.partner_central.writes == before, "no call"


def test_a_replacement_that_aws_refuses_leaves_the_old_solution(
    world: SteeredWorld, shared: tuple[str, str], monkeypatch: Any
) -> None:
    record, apn_id = shared
    problem = Problem("INVALID_VALUE", "solutionOffered", "S-0000009", "Not active.", "Choose another.")
    refuse(world, monkeypatch, "S-0000009", RecordRejected((problem,)))
    request, items = asked(
        world, record, ("Disassociate", "Solutions", SOLUTION), ("Associate", "Solutions", "S-0000009")
    )
    assert answered(world, request)[0] == "Failed"
    assert [world.item(item)[0] for item in items] == ["Failed", "Failed"]
    assert entities(world, apn_id) == {"Solutions": [SOLUTION]}


def test_it_works_at_stage_launched(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(Stage="Launched"))
    turn(world)
    request, _ = asked(world, record, ("Associate", "AwsProducts", PRODUCT))
    assert answered(world, request)[0] == "Done"
    assert entities(world, apn_id)["AwsProducts"] == [PRODUCT]


@pytest.mark.parametrize(
    ("status", "told"),
    [("Submitted", "Ask again once AWS has decided"), ("In review", "reviews"), ("Rejected", "read-only")],
)
def test_a_locked_opportunity_says_so_without_a_call(
    world: SteeredWorld, shared: tuple[str, str], status: str, told: str
) -> None:
    record, apn_id = shared
    world.partner_central.aws_reviews(apn_id, status)
    before = world.partner_central.writes
    request, [item] = asked(
        world, record, ("Associate", "AwsProducts", PRODUCT), **{ActionRequest.OTHER_SOLUTION: "Own"}
    )
    state, message = answered(world, request)
    assert (state, told in message, told in world.item(item)[1]) == ("Failed", True, True)
    assert world.partner_central.writes == before


def without_solution(world: SteeredWorld) -> tuple[str, str]:
    """Return a record that AWS approved with a description in place of a solution."""
    apn_id = colleague_creates(world)
    world.partner_central.colleague_edits(apn_id, lambda one: one.update(RelatedEntityIdentifiers={}))
    turn(world)
    [found] = [one for one in world.salesforce.all() if one[APN_ID] == apn_id]
    world.settings = replace(world.settings, **MANUAL)
    world.restart()
    return found["Id"], apn_id


def test_other_goes_to_aws_and_stays_on_both_sides(world: SteeredWorld) -> None:
    record, apn_id = without_solution(world)
    request, _ = asked(
        world, record, ("Associate", "AwsProducts", PRODUCT), **{ActionRequest.OTHER_SOLUTION: "Own cloud"}
    )
    assert answered(world, request)[0] == "Done"
    project = world.partner_central.opportunities[apn_id]["Project"]
    assert (project["OtherSolutionDescription"], row(world, record, OTHER)) == ("Own cloud", "Own cloud")
    assert nothing_is_left_to_do(world, record, apn_id)
    assert world.partner_central.opportunities[apn_id]["Project"]["OtherSolutionDescription"] == "Own cloud"


def test_other_clears_nothing_that_this_release_does_not_know(world: SteeredWorld) -> None:
    record, apn_id = without_solution(world)
    world.partner_central.colleague_edits(apn_id, lambda one: one.update(UnknownMembers=["Project.Novelty"]))
    before = world.interruptions.calls["aws update"]
    request, _ = asked(world, record, **{ActionRequest.OTHER_SOLUTION: "Own cloud"})
    status, message = answered(world, request)
    assert (status, "Project.Novelty" in message) == ("Failed", True)
    assert world.interruptions.calls["aws update"] == before


def test_other_alone_is_a_request_and_nothing_is_none(world: SteeredWorld) -> None:
    record, apn_id = without_solution(world)
    request, _ = asked(world, record, **{ActionRequest.OTHER_SOLUTION: "Own cloud"})
    assert answered(world, request) == ("Done", f"1 change done for {apn_id} at AWS.")
    empty, _ = asked(world, record)
    assert answered(world, empty)[0] == "Failed"
    assert "names nothing" in world.request(empty)[1]


def test_other_beside_a_solution_is_refused_with_the_reason(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, _ = shared
    request, [item] = asked(
        world, record, ("Associate", "AwsProducts", PRODUCT), **{ActionRequest.OTHER_SOLUTION: "Own"}
    )
    status, message = answered(world, request)
    assert (status, "while no solution is associated" in message) == ("Failed", True)
    assert world.item(item)[0] == "Done", "the rest goes on"


def test_an_edit_that_was_not_sent_is_not_overruled(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    world.salesforce.user_edits(record, {SHOWN: f"{SOLUTION};S-0000002"})
    turn(world)
    request, items = asked(
        world, record, ("Associate", "Solutions", "S-0000003"), ("Associate", "AwsProducts", PRODUCT)
    )
    assert answered(world, request)[0] == "Failed"
    assert [world.item(item)[0] for item in items] == ["Failed", "Done"]
    assert SHOWN in world.item(items[0])[1]
    assert row(world, record, SHOWN) == f"{SOLUTION};S-0000002"
    assert answered(world, world.asks("Share", record))[0] == "Done"
    assert entities(world, apn_id) == {"Solutions": [SOLUTION, "S-0000002"], "AwsProducts": [PRODUCT]}


def test_a_field_that_takes_nothing_from_aws_is_brought_along(world: SteeredWorld, shared: tuple[str, str]) -> None:
    """Otherwise the record's next turn would take back what was asked for."""
    record, apn_id = shared
    one_way = tuple(replace(one, inbound=one.path not in (SHOWN, PRODUCTS) and one.inbound) for one in MAPPING.fields)
    world.engine.mapping = replace(MAPPING, fields=one_way)
    request, _ = asked(world, record, ("Associate", "AwsProducts", PRODUCT), ("Associate", "Solutions", "S-0000002"))
    assert answered(world, request)[0] == "Done"
    assert row(world, record, PRODUCTS) == PRODUCT
    world.engine.settings = replace(world.engine.settings, **AUTOMATIC)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"
    assert entities(world, apn_id) == {"Solutions": [SOLUTION, "S-0000002"], "AwsProducts": [PRODUCT]}


def test_a_record_that_was_not_shared_says_so_on_every_item(world: SteeredWorld) -> None:
    world.settings = replace(world.settings, **MANUAL)
    world.restart()
    request, [item] = asked(world, deal(world), ("Associate", "AwsProducts", PRODUCT))
    status, message = answered(world, request)
    assert (status, "Share it first" in message) == ("Failed", True)
    assert world.item(item) == (status, message)


def test_whoever_may_not_ask_is_told_on_every_item(world: SteeredWorld, shared: tuple[str, str]) -> None:
    request = world.asks("Associate", shared[0], by=STRANGER)
    item = world.adds_item(request, "Associate", "AwsProducts", PRODUCT)
    assert answered(world, request)[0] == "Failed"
    assert world.item(item)[0] == "Failed"


def test_disassociate_only_takes_off(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    request = world.asks("Disassociate", record)
    wrong = world.adds_item(request, "Associate", "AwsProducts", PRODUCT)
    gone = world.adds_item(request, "Disassociate", "AwsProducts", "AmazonS3")
    assert answered(world, request)[0] == "Failed"
    assert [world.item(wrong)[0], world.item(gone)[0]] == ["Failed", "Done"]
    assert entities(world, apn_id) == {"Solutions": [SOLUTION]}


def test_edits_of_the_record_that_are_on_their_way_go_first(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    world.settings = replace(world.settings, **AUTOMATIC)
    world.restart()
    world.salesforce.user_edits(record, {SHOWN: f"{SOLUTION};S-0000002"})
    world.clock.advance(timedelta(minutes=1))
    observe_row(world, record)
    request, _ = asked(world, record, ("Associate", "Solutions", "S-0000003"))
    assert answered(world, request)[0] == "Done"
    assert entities(world, apn_id) == {"Solutions": [SOLUTION, "S-0000002", "S-0000003"]}


def observe_row(world: SteeredWorld, record: str) -> None:
    """The worker notices the edit, and its turn towards AWS waits for others that are urgent."""
    found = world.salesforce.rows("ACE_Opportunity__c", [record], world.engine.row_fields())[record]
    assert observe(world.engine, found, "")
    [waiting] = [one for one in world.state.queue.list("waiting") if one.kind == queueing.OUTBOUND]
    world.state._handles.db.execute("update queue set priority = 90 where id = ?", (waiting.id,))


def test_an_item_that_was_deleted_needs_no_answer(world: SteeredWorld, shared: tuple[str, str]) -> None:
    request, items = asked(world, shared[0], ("Associate", "AwsProducts", PRODUCT))
    table = world.salesforce.tables[ACTION_REQUEST_ITEM]
    update = world.salesforce.update

    def deleting(object_name: str, rows: Any) -> Any:
        if object_name == ACTION_REQUEST_ITEM:
            table.pop(items[0], None)
        return update(object_name, rows)

    world.engine.salesforce = _Passing(world.salesforce, deleting)
    assert answered(world, request)[0] == "Done"


class _Passing:
    """The org, with another way to update."""

    def __init__(self, salesforce: Any, update: Any) -> None:
        self._salesforce, self.update = salesforce, update

    def __getattr__(self, name: str) -> Any:
        return getattr(self._salesforce, name)


def test_answered_items_are_left_alone(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    request, [done, new] = asked(
        world, record, ("Associate", "AwsProducts", "AmazonS3"), ("Associate", "AwsProducts", PRODUCT)
    )
    world.salesforce.tables[ACTION_REQUEST_ITEM][done] |= {ActionRequestItem.STATUS: "Done"}
    assert answered(world, request)[0] == "Done"
    assert entities(world, apn_id)["AwsProducts"] == [PRODUCT]
    assert world.item(new)[0] == "Done"

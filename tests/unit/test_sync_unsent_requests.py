"""What a request must not lead to: a send that nobody asked for, work by another user's word, a wait behind others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from association_desk import OTHER, PRODUCT, SOLUTION, answered, approved, asked, entities
from engine.fields import FLAG
from engine.turns import turn
from steered_world import STRANGER, SteeredWorld

from connector.admin import operations
from connector.errors import Deferred, Retriable
from connector.names import ACTION_REQUEST_ITEM, ActionRequest
from connector.sync import queueing
from connector.sync.association_changes import change_associations
from connector.sync.associations import Wish
from connector.sync.engine import Priority
from connector.sync.observe import observe
from connector.sync.requests import request_record


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


@pytest.fixture
def shared(world: SteeredWorld) -> tuple[str, str]:
    """A record that AWS approved, with one solution; nothing goes out by itself any more."""
    return approved(world)


def test_a_request_that_came_to_nothing_sends_no_later_edit(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    world.salesforce.user_edits(record, {FLAG: False, "Next_Step__c": "Later"})
    world.clock.advance(timedelta(minutes=2))
    request = world.asks("Share", record)
    assert answered(world, request)[0] == "Failed"
    world.salesforce.user_edits(record, {FLAG: True})
    for _ in range(2):
        turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"].get("NextSteps") != "Later", "nobody asked for it"
    again = world.asks("Share", record)
    assert answered(world, again)[0] == "Done"
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Later"


def test_a_request_that_an_operator_cancelled_sends_no_later_edit(
    world: SteeredWorld, shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record, apn_id = shared
    world.salesforce.user_edits(record, {"Next_Step__c": "Asked for"})
    world.clock.advance(timedelta(minutes=2))
    assert request_record(world.engine, record, "")
    [item] = world.state.queue.list("waiting", key=record)
    monkeypatch.setattr(operations, "open_state", lambda: nullcontext(world.state))
    operations.queue_cancel(item.id)
    world.salesforce.user_edits(record, {"Next_Step__c": "Later"})
    for _ in range(2):
        turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"].get("NextSteps") not in ("Asked for", "Later")


def test_a_later_request_has_the_last_word_where_an_earlier_one_is_tried_again(
    world: SteeredWorld, shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record, apn_id = shared
    associate, calls = type(world.partner_central).associate, list[str]()

    def failing_once(self: Any, *given: str) -> None:
        calls.append(given[-1])
        if len(calls) == 1:
            raise Retriable("AWS failed.", after=300)
        associate(self, *given)

    monkeypatch.setattr(type(world.partner_central), "associate", failing_once)
    first, _ = asked(world, record, ("Associate", "AwsProducts", PRODUCT))
    assert answered(world, first, times=1)[0] == "In Progress"
    second, _ = asked(world, record, ("Disassociate", "AwsProducts", PRODUCT))
    status, message = answered(world, second, times=1)
    assert (status, "goes first" in message) == ("In Progress", True)
    assert answered(world, second, times=9)[0] == "Done" and world.request(first)[0] == "Done"
    assert entities(world, apn_id) == {"Solutions": [SOLUTION]} and calls == [PRODUCT] * 2


def test_an_item_that_another_user_added_is_not_done(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    request, [own, foreign] = asked(
        world, record, ("Associate", "AwsProducts", PRODUCT), ("Associate", "Solutions", "S-0000002")
    )
    world.salesforce.tables[ACTION_REQUEST_ITEM][foreign]["CreatedById"] = STRANGER
    status, message = answered(world, request)
    assert status == "Failed" and "Another user added this item" in message
    assert (world.item(own)[0], world.item(foreign)[0]) == ("Done", "Failed")
    assert entities(world, apn_id) == {"Solutions": [SOLUTION], "AwsProducts": [PRODUCT]}


@pytest.mark.parametrize("obstacle", ["unsent edit", "unknown members"])
def test_the_last_solution_stays_where_no_description_can_take_its_place(
    world: SteeredWorld, shared: tuple[str, str], obstacle: str
) -> None:
    record, apn_id = shared
    if obstacle == "unsent edit":
        world.salesforce.user_edits(record, {OTHER: "Typed"})
    else:
        world.partner_central.opportunities[apn_id]["UnknownMembers"] = ["Newer"]
    request, [item] = asked(
        world, record, ("Disassociate", "Solutions", SOLUTION), **{ActionRequest.OTHER_SOLUTION: "Own cloud"}
    )
    assert answered(world, request)[0] == "Failed"
    assert world.item(item)[0] == "Failed" and "last solution" in world.item(item)[1]
    assert entities(world, apn_id) == {"Solutions": [SOLUTION]}


def test_a_request_does_not_wait_behind_the_edits_of_other_records(
    world: SteeredWorld, shared: tuple[str, str]
) -> None:
    """The record's own edit goes first; for the person's sake it passes the others that wait."""
    record, _ = shared
    world.settings = replace(world.settings, update_automatically=True)
    world.restart()
    engine, queue = world.engine, world.state.queue
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    world.clock.advance(timedelta(minutes=2))
    row = world.salesforce.rows("ACE_Opportunity__c", [record], engine.row_fields())[record]
    assert observe(engine, row, "")
    turn_, *_ = [item for item in queue.list("waiting", key=record) if item.kind == queueing.OUTBOUND]
    assert turn_.priority > Priority.REQUEST
    before = len(world.salesforce.asked)
    with pytest.raises(Deferred, match="own edits go to AWS first"):
        change_associations(engine, record, [Wish(True, "AwsProducts", PRODUCT)])
    found = queue.get(turn_.id)
    assert found is not None and (found.priority, found.payload) == (Priority.REQUEST, turn_.payload)
    assert len(world.salesforce.asked) == before, "to wait costs no call"

"""Orders by command: queued for the worker, carried out once, and a refusal is on the record's log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine.turns import deal, open_codes, share, turn
from steered_world import SteeredWorld

from connector.store.queue import Work
from connector.sync.assignment import OWNER
from connector.sync.associations import Wish
from connector.sync.orders import ORDER, assignment_order, association_order, refresh_order

RITA = {"FirstName": "Rita", "LastName": "Lindqvist", "Email": "rita@partner.example", "BusinessTitle": OWNER}
ADD = Wish(True, "AwsProducts", "AmazonEC2")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


@pytest.fixture
def shared(world: SteeredWorld) -> tuple[str, str]:
    """A record that AWS approved; nothing goes out by itself any more."""
    found = share(world, AWS_Products__c=None, Solution_Offered__c="S-0000001")
    world.settings = replace(world.settings, share_automatically=False, update_automatically=False)
    world.restart()
    return found


def order(world: SteeredWorld, *works: Work) -> list[tuple[str, str]]:
    """Let the worker carry out orders; return how each ended."""
    for work in works:
        world.state.queue.enqueue(work, world.engine.now())
    for _ in range(3):
        world.steer()
    items = world.state.queue.list(key=works[0].key, limit=1000)
    return [(item.state, item.reason) for item in sorted(items, key=lambda one: one.id) if item.kind == ORDER]


def test_orders_for_one_record_do_not_replace_one_another(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    other = Wish(True, "Solutions", "S-0000002")
    works = [association_order(record, [ADD]), association_order(record, [other]), assignment_order(record, RITA)]
    assert [state for state, _ in order(world, *works)] == ["done"] * 3
    found = world.partner_central.opportunities[apn_id]
    assert found["RelatedEntityIdentifiers"]["Solutions"] == ["S-0000001", "S-0000002"]
    assert found["RelatedEntityIdentifiers"]["AwsProducts"] == ["AmazonEC2"]
    assert [one["Email"] for one in found["OpportunityTeam"]] == ["rita@partner.example"]
    row = world.salesforce.row(record)
    assert row is not None and row["AWS_Products__c"] == "AmazonEC2"


def test_a_refusal_is_on_the_records_log(world: SteeredWorld) -> None:
    world.settings = replace(world.settings, share_automatically=False)
    world.restart()
    record = deal(world)
    [(state, reason)] = order(world, association_order(record, [ADD]))
    assert (state, "Share it first" in reason) == ("failed", True)
    assert open_codes(world, record) == ["ORDER_REFUSED"]


def test_a_refusal_in_part_says_which_part(world: SteeredWorld, shared: tuple[str, str]) -> None:
    wishes = [ADD, Wish(False, "Solutions", "S-0000001"), Wish(True, "Solutions", "nonsense")]
    [(state, reason)] = order(world, association_order(shared[0], wishes))
    assert state == "failed"
    assert reason.startswith(f"1 of 3 changes done for {shared[1]}.")
    assert "last solution" in reason and "'nonsense' must be" in reason


def test_what_was_forgotten_is_not_guessed(world: SteeredWorld, shared: tuple[str, str]) -> None:
    emptied = replace(assignment_order(shared[0], RITA), payload={})
    [(state, reason)] = order(world, emptied)
    assert (state, "not known any more" in reason) == ("failed", True)


def test_a_refresh_brings_in_what_aws_has(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    world.partner_central.colleague_edits(apn_id, lambda told: told["LifeCycle"].update(NextSteps="Meet the architect"))
    assert [state for state, _ in order(world, refresh_order(record))] == ["done"]
    row = world.salesforce.row(record)
    assert row is not None and row["Next_Step__c"] == "Meet the architect"
    [(state, reason)] = order(world, refresh_order(deal(world)))
    assert (state, reason) == ("failed", "The record has no opportunity at AWS yet. Share it first.")

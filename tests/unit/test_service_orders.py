"""What a command carries out while no worker runs: its own orders, whose end it prints, and what waited from before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.fields import FLAG
from engine.turns import deal, open_codes, turn
from steered_world import SteeredWorld

from connector.service.config import WorkerSection
from connector.service.orders import DONE, FAILED, _Session
from connector.service.runtime import Runtime
from connector.store.queue import Work
from connector.sync.associations import Wish
from connector.sync.flush import flush_logs
from connector.sync.orders import association_order, in_turn

ADD, OTHER = Wish(True, "AwsProducts", "AmazonEC2"), Wish(True, "Solutions", "nonsense")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


def carried_out(world: SteeredWorld, *works: Work) -> list[str]:
    runtime = Runtime.__new__(Runtime)
    runtime.config = type("Config", (), {"worker": WorkerSection()})()
    ended = _Session(world.engine, runtime, "command", works, ()).run(None)
    flush_logs(world.engine)
    return [one.state for one in ended]


def shared(world: SteeredWorld) -> str:
    record = deal(world, AWS_Products__c=None, Solution_Offered__c="S-0000001")
    turn(world)
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Approved")
    turn(world)
    return record


def test_an_order_that_waited_from_before_is_on_its_records_log(world: SteeredWorld) -> None:
    """Whoever runs a command now is not told of it."""
    record = shared(world)
    earlier = deal(world, **{FLAG: False})
    world.state.queue.enqueue(association_order(earlier, [ADD]), world.engine.now())
    assert carried_out(world, association_order(record, [ADD])) == [DONE]
    assert open_codes(world, earlier) == ["ORDER_REFUSED"]
    assert open_codes(world, record) == []


def test_an_earlier_order_for_the_record_does_not_tell_the_end_of_this_one(world: SteeredWorld) -> None:
    record = shared(world)
    world.state.queue.enqueue(association_order(record, [OTHER]), world.engine.now())
    assert carried_out(world, association_order(record, [ADD])) == [DONE]
    assert open_codes(world, record) == ["ORDER_REFUSED"]
    assert carried_out(world, association_order(record, [OTHER])) == [FAILED]


def test_an_order_that_repeats_an_earlier_one_comes_after_what_took_that_one_back(world: SteeredWorld) -> None:
    record, queue = shared(world), world.state.queue
    takes_back = Wish(False, ADD.entity_type, ADD.entity_id)
    for order in (association_order(record, [ADD]), association_order(record, [takes_back])):
        queue.enqueue(in_turn(queue, order), world.engine.now())
    assert carried_out(world, association_order(record, [ADD])) == [DONE]
    [found] = world.partner_central.opportunities.values()
    assert found["RelatedEntityIdentifiers"]["AwsProducts"] == ["AmazonEC2"]
    assert queue.list("waiting", key=record) == []


def test_the_same_order_twice_waits_once(world: SteeredWorld) -> None:
    record, queue = shared(world), world.state.queue
    for _ in range(2):
        queue.enqueue(in_turn(queue, association_order(record, [ADD])), world.engine.now())
    assert len(queue.list("waiting", key=record)) == 1

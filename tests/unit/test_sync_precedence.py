"""What a person asks for goes between two writes of other turns, which then go on from where they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.partner_central import MemoryPartnerCentral
from engine.turns import deal, open_codes, turn
from engine.world import World

from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync import queueing
from connector.sync.requests import share_work

WRITES = ("create_opportunity", "update_opportunity", "associate", "disassociate", "start_engagement")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    turn(opened)
    yield opened
    opened.close()


class Writes:
    """The writes in the order in which AWS took them, by record; ``then`` acts once, after the first of them."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch, then: Callable[[], Any]) -> None:
        self.order: list[tuple[str, str]] = []
        self._world, self._then = world, then
        for name in WRITES:
            patch.setattr(MemoryPartnerCentral, name, self._watched(name, getattr(MemoryPartnerCentral, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(door: MemoryPartnerCentral, subject: Any, *rest: Any, **more: Any) -> Any:
            answer = call(door, subject, *rest, **more)
            self.order.append((name, self._record(subject, answer)))
            if len(self.order) == 1:
                self._then()
            return answer

        return watched

    def _record(self, subject: Any, answer: Any) -> str:
        apn_id = answer["Id"] if isinstance(answer, dict) and "Id" in answer else subject
        found = self._world.partner_central.opportunities[str(apn_id)]
        return str(found["PartnerOpportunityIdentifier"])


def ask(world: World, record: str) -> None:
    world.state.queue.enqueue(share_work(record), world.clock.now())


def test_a_request_is_the_next_write_and_the_turn_before_it_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited, asked = deal(world), deal(world)
    world.clock.advance(timedelta(minutes=1))
    writes = Writes(world, monkeypatch, lambda: ask(world, asked))
    world.schedule(queueing.POLL)
    world.execute(1)
    # Only the first of the two is on its way by itself; the other one is asked for meanwhile.
    for item in world.state.queue.list("waiting", key=asked):
        world.state.queue.cancel(item.id)
    world.execute(60)
    assert [record for _, record in writes.order] == [edited, asked, asked, asked, edited, edited]
    assert [name for name, record in writes.order if record == edited] == [
        "create_opportunity", "associate", "start_engagement",
    ]  # fmt: skip
    for _ in range(2):
        turn(world)
    assert len(world.partner_central.opportunities) == 2
    assert open_codes(world, edited) == open_codes(world, asked) == []
    told = [
        str(one[Detail.PAYLOAD]) for one in world.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.RECORD_ID] == edited
    ]
    assert any("CustomerBusinessProblem" in one and "AwsSubmission" in one for one in told), "the log has all of it"


def test_a_persons_own_turn_gives_way_to_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = deal(world), deal(world)
    world.clock.advance(timedelta(minutes=1))
    writes = Writes(world, monkeypatch, lambda: ask(world, second))
    ask(world, first)
    world.execute(60)
    assert [record for _, record in writes.order] == [first] * 3 + [second] * 3

"""The state file is lost at the worst moment: AWS made the opportunity, and nobody here ever heard of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from system_proxy import Call
from system_world import AUTOMATIC, FAST, Worker, World, open_world

APN_ID = "ACE_APN_Unique_Identifier__c"


def lose_state(world: World) -> None:
    """Delete the state file, and what SQLite keeps beside it."""
    for path in world.directory.glob(f"{world.state_path.name}*"):
        path.unlink()
    assert not world.state_path.exists()


def kill_when_created(world: World, worker: Worker) -> None:
    """Kill the worker once AWS has committed a creation, before the answer reaches it."""
    struck: list[str] = []

    def strike(stage: str, call: Call) -> None:
        if (stage, call.operation) == ("after", "CreateOpportunity") and not struck:
            struck.append(call.operation)
            worker.process.kill()
            worker.process.wait(timeout=20)

    world.proxy.hook = strike
    world.eventually(lambda: struck, "a creation", within=60)
    world.eventually(lambda: worker.process.poll() is not None, "the worker's end")
    world.proxy.hook = None


@pytest.mark.timeout(180)
@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "edited meanwhile"])
def test_an_answer_lost_with_the_state_makes_no_second_opportunity(tmp_path: Path, *, edited: bool) -> None:
    """Promise 2: also where the record says something else by then, so that the same token has another body."""
    with open_world(tmp_path, **AUTOMATIC, **FAST) as world:
        record = world.deal()
        world.advance(11)
        kill_when_created(world, world.start_worker())
        (identifier,) = world.of_record(record)
        assert world.row(record)[APN_ID] is None
        lose_state(world)
        if edited:
            world.edit(record, Next_Step__c="Edited while nobody was there")
        world.advance(11)
        with world.working() as worker:
            for _ in range(3):
                worker.cycle(61)
            assert world.of_record(record) == [identifier] == [one["Id"] for one in world.listed()]
            assert world.row(record)[APN_ID] == identifier
            life = world.get(identifier)["LifeCycle"]
            assert life["ReviewStatus"] == "Submitted"
            world.review(identifier, "Approved")
            worker.cycle(61)
            worker.cycle(61)
        if edited:
            assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Edited while nobody was there"
        assert world.errors(record) == []


@pytest.mark.timeout(180)
def test_a_lost_state_before_a_backfill_links_what_was_shared_and_imports_nothing_twice(tmp_path: Path) -> None:
    """The backfill takes the place of the first look: what an earlier state shared is found by its identifiers."""
    with open_world(tmp_path, **FAST) as world:
        shared = dict(world.shared() for _ in range(2))
        lose_state(world)
        before = len(world.find("Id != null"))
        told = world.do("backfill", "--json").json
        assert told["counts"]["carried"] == 2 and told["failed"] == 0
        assert len(world.find("Id != null")) == before
        assert {record: world.row(record)[APN_ID] for record in shared} == shared
        world.proxy.forget()
        with world.working() as worker:
            worker.cycle(61)
            worker.cycle(61)
        assert world.proxy.writes() == []

"""Associations that sellers ask for come to the same end, whatever is interrupted or lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from association_desk import PRODUCT, PRODUCTS, SHOWN, SOLUTION, answered, approved, asked, entities, row
from engine.turns import turn
from steered_world import SteeredWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    """The state has been compared with AWS."""
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


@pytest.fixture
def shared(world: SteeredWorld) -> tuple[str, str]:
    return approved(world)


@pytest.mark.parametrize("moment", ["crash before", "crash after", "lost before", "lost after", "busy"])
@pytest.mark.parametrize("countdown", range(1, 14))
def test_an_interruption_anywhere_comes_to_the_same_end(
    world: SteeredWorld, shared: tuple[str, str], moment: str, countdown: int
) -> None:
    record, apn_id = shared
    before = world.partner_central.writes
    request, items = asked(
        world, record, ("Disassociate", "Solutions", SOLUTION), ("Associate", "Solutions", "S-0000002"),
        ("Associate", "AwsProducts", PRODUCT),
    )  # fmt: skip
    world.interruptions.arm(moment, countdown)
    for _ in range(6):
        world.alive(lambda: world.steer(3))
    assert world.interruptions.armed == []
    assert world.request(request)[0] == "Done"
    assert [world.item(item)[0] for item in items] == ["Done"] * 3
    assert entities(world, apn_id) == {"Solutions": ["S-0000002"], "AwsProducts": [PRODUCT]}
    assert world.partner_central.writes == before + 3, "each change once"
    turn(world)
    assert (row(world, record, SHOWN), row(world, record, PRODUCTS)) == ("S-0000002", PRODUCT)


@pytest.mark.parametrize("countdown", range(1, 16))
def test_a_crash_at_any_commit_comes_to_the_same_end(
    world: SteeredWorld, shared: tuple[str, str], countdown: int
) -> None:
    record, _ = shared
    request, _ = asked(world, record, ("Associate", "AwsProducts", PRODUCT))
    world.interruptions.arm("crash after commit", countdown)
    for _ in range(6):
        world.alive(lambda: world.steer(3))
    assert world.request(request)[0] == "Done"
    turn(world)
    assert row(world, record, PRODUCTS) == PRODUCT


def test_a_lost_state_finds_the_opportunity_again(world: SteeredWorld, shared: tuple[str, str]) -> None:
    record, apn_id = shared
    world.empty_state()
    request, _ = asked(world, record, ("Associate", "AwsProducts", PRODUCT))
    assert answered(world, request)[0] == "Done"
    assert entities(world, apn_id)["AwsProducts"] == [PRODUCT]

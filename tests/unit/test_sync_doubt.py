"""A write to Salesforce that failed leaves a doubt where it may have arrived, and none where it did not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.interruptions import Crash
from engine.salesforce import OPPORTUNITY, MemorySalesforce, Written
from engine.turns import open_codes, share, turn
from engine.world import World

from connector.errors import AuthFailed, ConfigError, ConnectorError, Deferred, Retriable, StaleRecord
from connector.sync import queueing
from connector.sync.writeback import flush

pytestmark = pytest.mark.usefixtures("quiet_log")

NEXT_STEP, USE_CASE = "Next_Step__c", "Use_Case__c"
LATER = timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def deal(world: World) -> tuple[str, str]:
    """A record at rest whose next step AWS has just changed from Sign to Call them; nothing is written yet."""
    record_id, apn_id = share(world, **{NEXT_STEP: "Sign"})
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(NextSteps="Call them"))
    world.clock.advance(LATER)
    world.schedule(queueing.MODIFIED_SWEEP)
    world.execute(100)
    return record_id, apn_id


def locked() -> Retriable:
    return Retriable("The row is locked.", after=1)


def lost() -> Retriable:
    return Retriable("No answer.", after=1, outcome_unknown=True)


def failing(
    monkeypatch: pytest.MonkeyPatch, world: World, error: ConnectorError, *, row_by_row: bool, written: bool = False
) -> None:
    """Let one flush meet the error; ``written``: although the values arrived."""
    update = MemorySalesforce._update

    def fail(self: MemorySalesforce, object_name: str, values: dict[str, Any], unless_after: Any) -> Written:
        if object_name != OPPORTUNITY:
            return update(self, object_name, values, unless_after)
        if written:
            update(self, object_name, values, unless_after)
        if row_by_row:
            return Written(values["Id"], error=error)
        raise error

    def refuse(self: MemorySalesforce, object_name: str, rows: Any) -> list[Written]:
        return [fail(self, object_name, values, moment) for values, moment in rows]

    with monkeypatch.context() as patch:
        patch.setattr(MemorySalesforce, "update_unless_modified", refuse)
        world.clock.advance(LATER)
        flush(world.engine)


def written(world: World, record_id: str) -> dict[str, Any]:
    return world.state.links.require(record_id).written


def both(world: World, deal: tuple[str, str]) -> tuple[Any, Any]:
    row, answer = world.salesforce.row(deal[0]) or {}, world.partner_central.opportunities[deal[1]]
    return row[NEXT_STEP], answer["LifeCycle"]["NextSteps"]


@pytest.mark.parametrize("row_by_row", [True, False])
@pytest.mark.parametrize("restarted", [False, True])
def test_after_a_row_lock_a_persons_other_edit_does_not_turn_awss_change_back(
    world: World, deal: tuple[str, str], monkeypatch: pytest.MonkeyPatch, row_by_row: bool, restarted: bool
) -> None:
    """Nothing was written, so that nothing is in doubt: AWS's value comes in, the person's other edit goes out."""
    failing(monkeypatch, world, locked(), row_by_row=row_by_row)
    assert written(world, deal[0]) == {}
    if restarted:
        world.restart()
    world.clock.advance(LATER)
    world.salesforce.user_edits(deal[0], {USE_CASE: "Blockchain"})
    for _ in range(3):
        turn(world)
    assert both(world, deal) == ("Call them", "Call them")
    assert world.partner_central.opportunities[deal[1]]["Project"]["CustomerUseCase"] == "Blockchain"
    assert open_codes(world, deal[0]) == []


@pytest.mark.parametrize("error", [AuthFailed("Login refused."), ConfigError("Field hidden."), None])
def test_what_stops_a_whole_call_before_anything_was_written_leaves_no_doubt(
    world: World, deal: tuple[str, str], monkeypatch: pytest.MonkeyPatch, error: ConnectorError | None
) -> None:
    error = error or Deferred("Too many calls.", world.clock.now() + LATER)
    with pytest.raises(type(error)):
        failing(monkeypatch, world, error, row_by_row=False)
    assert written(world, deal[0]) == {}
    assert world.state.writebacks.waits_for(deal[0])


def test_an_unknown_outcome_stays_in_doubt_through_locks_and_restarts(
    world: World, deal: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt may have arrived; that the later ones certainly did not, says nothing of it."""
    failing(monkeypatch, world, lost(), row_by_row=True)
    world.restart()
    failing(monkeypatch, world, locked(), row_by_row=True)
    world.restart()
    failing(monkeypatch, world, StaleRecord("The row was modified."), row_by_row=True)
    assert written(world, deal[0])[NEXT_STEP] == "Call them"


def test_what_a_killed_process_was_writing_is_in_doubt(
    world: World, deal: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Crash):
        failing(monkeypatch, world, Crash(), row_by_row=False, written=True)  # type: ignore[arg-type]
    world.restart()
    failing(monkeypatch, world, locked(), row_by_row=True)
    assert written(world, deal[0])[NEXT_STEP] == "Call them"
    for _ in range(3):
        turn(world)
    assert both(world, deal) == ("Call them", "Call them")
    assert written(world, deal[0]) == {}


def test_our_own_write_whose_answer_was_lost_is_no_persons_edit(
    world: World, deal: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repetition meets our own modification. AWS changed the value once more meanwhile, and that counts."""
    stale = StaleRecord("The row was modified.")
    stale.outcome_unknown = True  # the door repeated the call by itself
    failing(monkeypatch, world, stale, row_by_row=True, written=True)
    world.partner_central.colleague_edits(deal[1], lambda one: one["LifeCycle"].update(NextSteps="Meet them"))
    for _ in range(3):
        turn(world)
    assert both(world, deal) == ("Meet them", "Meet them")


def test_a_persons_edit_of_the_field_in_doubt_wins(
    world: World, deal: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 1: what stands there may be their word."""
    failing(monkeypatch, world, lost(), row_by_row=True, written=True)
    world.clock.advance(LATER)
    world.salesforce.user_edits(deal[0], {NEXT_STEP: "Sign"})
    for _ in range(3):
        turn(world)
    assert both(world, deal) == ("Sign", "Sign")

"""The full comparison, slice by slice: what it concludes, what it does not, and that it may be cut off anywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from engine.fields import APN_ID, OPPORTUNITY
from engine.partner_central import MemoryPartnerCentral
from engine.salesforce import MemorySalesforce
from engine.turns import colleague_creates, deal, open_codes, share, turn
from engine.world import World

from connector.errors import Deferred
from connector.sync import reconcile as module
from connector.sync.ports import Row
from connector.sync.queueing import enqueue_job
from connector.sync.reconcile import RECONCILE, comparison_is_due, comparison_work, found, reconcile


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Slices of one record, an org that is asked for records with an identifier, and no log on the terminal."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    monkeypatch.setattr(module, "SLICE", 1)
    changed = MemorySalesforce.changed

    def with_identifier(
        self: MemorySalesforce, name: str, fields: Sequence[str], *, since: datetime, until: datetime, where: str = ""
    ) -> Iterator[list[Row]]:
        if where != f"{APN_ID} != null":
            yield from changed(self, name, fields, since=since, until=until, where=where)
            return
        for page in changed(self, name, (*fields, APN_ID), since=since, until=until):
            if kept := [row for row in page if row[APN_ID]]:
                yield kept

    monkeypatch.setattr(MemorySalesforce, "changed", with_identifier)
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def compare(world: World, *, repair: bool = True) -> dict[str, int]:
    """Compare both sides to the end; return the figures that are not zero."""
    for _ in range(200):
        if reconcile(world.engine, repair=repair):
            return {name: number for name, number in found(world.engine).items() if number}
    pytest.fail("the comparison does not come to its end")


def filled(world: World, *, shares: int = 2, colleagues: int = 2) -> None:
    """Let both sides have some, in step."""
    for _ in range(shares):
        share(world)
    for _ in range(colleagues):
        colleague_creates(world)
    for _ in range(2):
        turn(world)


def test_two_sides_in_step_are_left_alone(world: World) -> None:
    filled(world)
    before = world.writes()
    figures = compare(world)
    assert figures.pop("in_step") == 4
    assert set(figures) <= {"nameless"}
    turn(world)
    assert world.writes() == before
    assert all(open_codes(world, row["Id"]) == [] for row in world.salesforce.all(OPPORTUNITY))


def test_nothing_is_concluded_from_a_list_that_lacks_nearly_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another catalog, or a role that sees less: no detail says that all opportunities are gone."""
    filled(world)
    monkeypatch.setattr(module, "FEW", 1)
    monkeypatch.setattr(MemoryPartnerCentral, "list_opportunities", lambda *_, **__: iter(()))
    figures = compare(world)
    assert figures["unlisted"] == 4 and "gone" not in figures
    assert all(open_codes(world, row["Id"]) == [] for row in world.salesforce.all(OPPORTUNITY))


def test_wherever_it_is_cut_off_it_comes_to_the_same_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(world)
    apn_id = colleague_creates(world)
    missing = world.salesforce.all(OPPORTUNITY)[0]["Id"]
    world.salesforce.user_edits(missing, {APN_ID: None})
    turn_ids = {row["Id"] for row in world.salesforce.all(OPPORTUNITY)}
    world.clock.advance(module.NEARLY_A_DAY)
    calls = {"left": 0}
    for name in ("list_opportunities", "get_opportunity"):
        _refuse(monkeypatch, MemoryPartnerCentral, name, calls, world)
    for name in ("changed", "rows", "deleted"):
        _refuse(monkeypatch, MemorySalesforce, name, calls, world)
    slices = refusals = 0
    ended = False
    while not ended and slices < 300:
        slices, calls["left"] = slices + 1, slices % 3
        try:
            ended = reconcile(world.engine, repair=True)
        except Deferred:
            refusals += 1
            world.restart()
    calls["left"] = 10_000
    figures = found(world.engine)
    assert ended and refusals > 3
    assert (figures["unlinked"], figures["in_step"], figures["identifier_missing"]) == (1, 3, 1)
    turn(world)
    assert {row[APN_ID] for row in world.salesforce.all(OPPORTUNITY)} == set(world.partner_central.opportunities)
    assert apn_id in world.partner_central.opportunities
    assert len(world.salesforce.all(OPPORTUNITY)) == len(turn_ids) + 1


def _refuse(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, calls: dict[str, int], world: World) -> None:
    """Let a call of the door be refused once the calls that are left are used up."""
    original = getattr(owner, name)

    def refused(self: Any, *arguments: Any, **named: Any) -> Any:
        if calls["left"] <= 0:
            raise Deferred("Refused for the rate.", world.clock.now())
        calls["left"] -= 1
        return original(self, *arguments, **named)

    monkeypatch.setattr(owner, name, refused)


def test_it_is_due_once_a_day_and_not_for_a_new_state(world: World) -> None:
    """A worker that is restarted often does not compare each time."""
    assert not comparison_is_due(world.engine)
    filled(world)
    assert not comparison_is_due(world.engine)
    world.restart()
    assert not comparison_is_due(world.engine)
    world.clock.advance(module.NEARLY_A_DAY)
    assert comparison_is_due(world.engine)
    reconcile(world.engine, repair=True)
    assert comparison_is_due(world.engine)
    compare(world)
    assert not comparison_is_due(world.engine)


def test_a_record_of_several_opportunities_is_given_none_of_them(world: World) -> None:
    """A person chooses by the identifier on the record, and is not told to put the other one back."""
    record_id = deal(world)
    _, second = (colleague_creates(world, PartnerOpportunityIdentifier=record_id) for _ in range(2))
    turn(world)
    compare(world)
    turn(world)
    assert world.salesforce.row(record_id)[APN_ID] is None
    world.salesforce.user_edits(record_id, {APN_ID: second})
    world.clock.advance(module.NEARLY_A_DAY)
    compare(world)
    assert "IDENTIFIER_CHANGED" not in open_codes(world, record_id)
    for _ in range(3):
        turn(world)
    assert open_codes(world, record_id) == []


def test_a_comparison_that_was_asked_for_outlives_the_daily_turn(world: World) -> None:
    world.state.queue.enqueue(comparison_work(), world.clock.now())
    enqueue_job(world.engine, RECONCILE)
    assert any(item.payload.get("asked") for item in world.state.queue.list("waiting"))


def test_what_was_set_aside_is_told_once_and_not_every_day(world: World) -> None:
    """The mapping is for another object now: each day's look would be refused in the same way."""
    record_id, apn_id = share(world)
    link = world.state.links.require(record_id)
    link.object_name = "Other__c"
    world.state.links.save(link)
    world.salesforce.user_edits(record_id, {APN_ID: None})
    world.partner_central.colleague_edits(apn_id, lambda fields: fields["Project"].update(CustomerUseCase="Blockchain"))
    assert compare(world)["behind"] == 1
    for _ in range(2):
        turn(world)
    assert world.state.problems.open_for(record_id)
    figures = compare(world)
    assert figures["told"] == 1 and "behind" not in figures


def test_a_report_puts_off_no_repair(world: World) -> None:
    filled(world, shares=1, colleagues=0)
    comparison_is_due(world.engine)
    world.clock.advance(module.NEARLY_A_DAY)
    compare(world, repair=False)
    assert comparison_is_due(world.engine)


def test_a_report_repairs_nothing_and_a_repair_does_not_go_on_with_a_report(world: World) -> None:
    filled(world, shares=1, colleagues=0)
    apn_id = colleague_creates(world)
    reconcile(world.engine, repair=False)
    assert world.state.queue.list("waiting") == []
    assert compare(world)["unlinked"] == 1
    assert [item.payload["apn_id"] for item in world.state.queue.list("waiting")] == [apn_id]

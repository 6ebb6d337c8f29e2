"""A state that was lost or restored: nothing is doubled, nothing deleted comes back, no reason stays open for ever."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from engine.salesforce import OPPORTUNITY, MemorySalesforce, Written
from engine.turns import colleague_creates, deal, open_codes, share, turn
from engine.world import World

from connector.errors import Retriable
from connector.sync import queueing
from connector.sync.queueing import enqueue_job
from connector.sync.sweeps import compare_anew

NEXT_STEP = "Next_Step__c"


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.mark.parametrize("remembered_by", ["recycle bin", "sync logs"])
def test_a_deleted_record_of_a_colleagues_opportunity_stays_deleted(world: World, remembered_by: str) -> None:
    """Promise 2: such an opportunity never bears the record's id, so that only Salesforce can tell."""
    colleague_creates(world)
    turn(world)
    [row] = world.salesforce.all()
    world.salesforce.user_deletes(row["Id"])
    if remembered_by == "sync logs":
        # After 15 days the recycle bin has forgotten what stood in the record, not yet that it was deleted.
        world.salesforce.binned.clear()
    world.empty_state()
    for _ in range(3):
        turn(world)
    assert world.salesforce.all() == []


def test_the_reasons_of_a_lost_state_are_closed_when_they_are_gone(world: World) -> None:
    """Promise 4: one open detail per reason, whichever state opened it."""
    record_id = deal(world, Postal_Code__c="no code")
    turn(world)
    assert open_codes(world, record_id) == ["INVALID_FORMAT"] or open_codes(world, record_id) != []
    before = open_codes(world, record_id)
    world.empty_state()
    for _ in range(2):
        turn(world)
    assert open_codes(world, record_id) == before
    world.empty_state()
    world.salesforce.user_edits(record_id, {"Postal_Code__c": "10115"})
    for _ in range(2):
        turn(world)
    assert len(world.partner_central.opportunities) == 1
    assert set(open_codes(world, record_id)) <= {"HELD_IN_REVIEW"}


@pytest.mark.parametrize("remembered", ["by the sweep", "by the sign of life"])
def test_a_restored_state_finds_what_was_shared_since(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remembered: str
) -> None:
    """Promise 2: the copy knows nothing of the opportunity, and Salesforce does not carry its id yet."""
    turn(world)
    deal(world)
    world.state.backup(tmp_path / "copy.db")
    update = MemorySalesforce._update

    def locked(self: MemorySalesforce, name: str, row: dict[str, object], unless: object) -> Written:
        if name == OPPORTUNITY:
            return Written(str(row["Id"]), error=Retriable("The row is locked.", after=60))
        return update(self, name, row, unless)  # type: ignore[arg-type]

    monkeypatch.setattr(MemorySalesforce, "_update", locked)
    turn(world)
    assert len(world.partner_central.opportunities) == 1
    world.state.close()
    for suffix in ("-wal", "-shm"):
        world.path.with_name(world.path.name + suffix).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", world.path)
    monkeypatch.setattr(MemorySalesforce, "_update", update)
    world._start()
    if remembered == "by the sign of life":
        compare_anew(world.engine)
    # The priorities are the worker's: what goes out comes before what comes in.
    for kind, priority in ((queueing.POLL, 20), (queueing.DUE_SWEEP, 21), (queueing.MODIFIED_SWEEP, 20)):
        if remembered == "by the sweep" and kind == queueing.MODIFIED_SWEEP:
            priority = 19
        enqueue_job(world.engine, kind, priority=priority)
    world.clock.advance(timedelta(minutes=15))
    world.execute(400)
    for _ in range(4):
        turn(world)
    assert len(world.partner_central.opportunities) == 1


def test_several_opportunities_of_one_record_wait_for_a_choice(world: World) -> None:
    record_id = deal(world)
    first, second = (colleague_creates(world, PartnerOpportunityIdentifier=record_id) for _ in range(2))
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    turn(world)
    assert "AMBIGUOUS_AT_AWS" in open_codes(world, record_id)
    steps = {key: one["LifeCycle"].get("NextSteps") for key, one in world.partner_central.opportunities.items()}
    assert steps == {first: None, second: None}
    world.salesforce.user_edits(record_id, {"ACE_APN_Unique_Identifier__c": second})
    for _ in range(3):
        turn(world)
    opportunities = world.partner_central.opportunities
    assert [opportunities[key]["LifeCycle"].get("NextSteps") for key in (first, second)] == [None, "Sign"]
    assert open_codes(world, record_id) == []


def test_what_goes_out_with_the_submission_is_not_cleared_by_a_draft_that_lacks_it(world: World) -> None:
    record_id, apn_id = share(world)
    world.partner_central.summaries[apn_id].pop("InvolvementType", None)
    from connector.sync.inbound import fetch

    record = fetch(world.engine, apn_id).record
    assert "involvementType" not in record and "visibility" in record
    assert world.salesforce.row(record_id) is not None

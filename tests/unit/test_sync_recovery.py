"""A state that was lost or restored: nothing is doubled, nothing deleted comes back, no reason stays open for ever."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from engine.partner_central import MemoryPartnerCentral
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
    for _ in range(2):
        turn(world)
    assert world.salesforce.row(record_id)["ACE_APN_Unique_Identifier__c"] is None, "a person chooses"
    world.salesforce.user_edits(record_id, {"ACE_APN_Unique_Identifier__c": second})
    for _ in range(3):
        turn(world)
    opportunities = world.partner_central.opportunities
    assert [opportunities[key]["LifeCycle"].get("NextSteps") for key in (first, second)] == [None, "Sign"]
    assert open_codes(world, record_id) == []


def test_what_goes_out_with_the_submission_is_not_cleared_by_a_draft_that_lacks_it(world: World) -> None:
    record_id, apn_id = share(world)
    world.partner_central.summaries[apn_id].pop("InvolvementType", None)
    from connector.sync.arrival import fetch

    record = fetch(world.engine, apn_id).record
    assert "involvementType" not in record and "visibility" in record
    assert world.salesforce.row(record_id) is not None


def test_a_share_that_a_lost_state_forgot_is_brought_to_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 7: the draft names the record, which was never synchronised."""
    with monkeypatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise Retriable("AWS answered 500.")

        patch.setattr(MemoryPartnerCentral, "associate", fail)
        record_id = deal(world)
        turn(world)
    [apn_id] = world.partner_central.opportunities
    world.empty_state()
    for _ in range(3):
        turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["ReviewStatus"] == "Submitted"
    assert open_codes(world, record_id) == []


def test_a_colleagues_draft_is_not_submitted_by_itself(world: World) -> None:
    apn_id = colleague_creates(world, "Pending Submission")
    turn(world)
    [row] = world.salesforce.all()
    world.salesforce.user_edits(row["Id"], {NEXT_STEP: "Sign"})
    world.empty_state()
    for _ in range(3):
        turn(world)
    life_cycle = world.partner_central.opportunities[apn_id]["LifeCycle"]
    assert (life_cycle["ReviewStatus"], life_cycle["NextSteps"]) == ("Pending Submission", "Sign")


def test_what_a_record_leaves_empty_clears_nothing_after_the_state_was_lost(world: World) -> None:
    """Nobody remembers whether a person cleared it, and AWS's value may be a colleague's."""
    record_id, apn_id = share(world)
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(NextSteps="Call them"))
    world.salesforce.user_edits(record_id, {"Use_Case__c": "Blockchain"})
    world.empty_state()
    for _ in range(3):
        turn(world)
    row, answer = world.salesforce.row(record_id), world.partner_central.opportunities[apn_id]
    assert row is not None
    assert (row[NEXT_STEP], answer["LifeCycle"]["NextSteps"]) == ("Call them", "Call them")
    assert answer["Project"]["CustomerUseCase"] == "Blockchain"


def test_an_identifier_that_aws_never_knew_can_be_taken_back(world: World) -> None:
    record_id = deal(world, ACE_APN_Unique_Identifier__c="O7777777")
    for _ in range(2):
        turn(world)
    assert open_codes(world, record_id) != [] and world.partner_central.opportunities == {}
    world.salesforce.user_edits(record_id, {"ACE_APN_Unique_Identifier__c": None})
    for _ in range(2):
        turn(world)
    [apn_id] = world.partner_central.opportunities
    row = world.salesforce.row(record_id)
    assert row is not None and row["ACE_APN_Unique_Identifier__c"] == apn_id
    assert open_codes(world, record_id) == []


def test_an_identifier_that_was_exchanged_is_named_with_the_right_one(world: World) -> None:
    (first, _), (second, own) = share(world), share(world)
    taken = world.salesforce.row(first)
    assert taken is not None
    world.salesforce.user_edits(first, {"ACE_APN_Unique_Identifier__c": None})
    world.salesforce.user_edits(second, {"ACE_APN_Unique_Identifier__c": taken["ACE_APN_Unique_Identifier__c"]})
    world.clock.advance(timedelta(minutes=20))
    world.schedule(queueing.POLL)
    world.execute(50)
    [problem] = world.state.problems.open_for(second)
    assert problem.code == "IDENTIFIER_CHANGED"
    detail = world.state.outbox.get("ACE_Sync_Log_Detail__c", problem.detail_key)
    assert detail is not None and own in detail.body["Error_Message__c"]
    world.cycle()


def test_our_identifier_goes_along_with_an_update(world: World) -> None:
    """OUT-04, OUT-06: what AWS knows the record by is what Salesforce knows it by, wherever AWS takes it."""
    apn_id = colleague_creates(world, "Pending Submission")
    turn(world)
    [row] = world.salesforce.all()
    writes = world.partner_central.writes
    for _ in range(2):
        turn(world)
    assert world.partner_central.writes == writes, "it is no reason for an update"
    world.salesforce.user_edits(row["Id"], {NEXT_STEP: "Sign"})
    turn(world)
    assert world.partner_central.opportunities[apn_id]["PartnerOpportunityIdentifier"] == row["Id"]


def test_historical_data_is_left_alone(world: World) -> None:
    """ELIG-18."""
    colleague_creates(world, PartnerOpportunityIdentifier="X0007")
    for _ in range(2):
        turn(world)
    assert world.salesforce.all() == []
    messages = [str(log.get("Message__c") or "") for log in world.salesforce.all("ACE_Sync_Log__c")]
    assert any(message.startswith("1 skipped") for message in messages)


def test_an_edit_that_meets_a_change_of_awss_on_its_way_says_so(world: World) -> None:
    """IN-25, also where what goes out meets it first."""
    record_id, apn_id = share(world, Next_Step__c="Sign")
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(NextSteps="Call them"))
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Send the offer"})
    world.clock.advance(timedelta(minutes=20))
    world.schedule(queueing.POLL)
    world.execute(50)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Send the offer"
    notes = [str(row.body.get("Error_Message__c") or "") for row in world.state.outbox.due(
        world.clock.now(), "ACE_Sync_Log_Detail__c", 100)]  # fmt: skip
    assert any("AWS changed it to Call them" in note for note in notes), notes


def test_what_aws_changed_before_a_share_knew_its_opportunity_comes_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the create was lost, and the look at AWS finds the opportunity before the share does."""
    create = MemoryPartnerCentral.create_opportunity

    def lose(self: MemoryPartnerCentral, request: dict[str, object]) -> None:
        create(self, request)
        raise Retriable("No answer.", after=600, outcome_unknown=True)

    turn(world)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryPartnerCentral, "create_opportunity", lose)
        record_id = deal(world, Next_Step__c="Sign")
        world.clock.advance(timedelta(seconds=5))
        world.schedule(queueing.POLL)
        world.execute(5)
    [apn_id] = world.partner_central.opportunities
    world.partner_central.colleague_edits(apn_id, lambda one: one["LifeCycle"].update(NextSteps="Call them"))
    world.clock.advance(timedelta(seconds=5))
    world.schedule(queueing.MODIFIED_SWEEP)
    world.execute(5)
    for _ in range(2):
        turn(world)
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(3):
        turn(world)
    row = world.salesforce.row(record_id)
    assert row is not None
    assert (row[NEXT_STEP], world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"]) == ("Call them",) * 2

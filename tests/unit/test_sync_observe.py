"""Looking at Salesforce: which rows are queued, by what the state remembers of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from engine.fields import FLAG, sound_values
from engine.world import World
from hypothesis import given
from hypothesis import strategies as st
from related_world import ACCOUNT, STEP, RelatedWorld

from connector.eligibility.verdict import Code
from connector.errors import Retriable
from connector.mapping.model import FieldMapping, PicklistMapping
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.store.links import Link
from connector.sync import queueing
from connector.sync.base import UNDER_WAY
from connector.sync.edits import changed_paths, user_edits
from connector.sync.observe import candidate, judge
from connector.sync.writeback import put

AMOUNT = "Expected_Monthly_AWS_Revenue__c"
OBJECT, RECORD = "ACE_Opportunity__c", "a0X000000000009AAA"


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


@pytest.fixture
def shared(world: World) -> str:
    """An approved record that has come to rest; its id."""
    record_id = world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal"})
    for status in ("Approved", "", ""):
        turn(world)
        for apn_id in world.partner_central.opportunities if status else ():
            world.partner_central.aws_reviews(apn_id, status)
    turn(world)
    return record_id


def turn(world: World) -> None:
    world.clock.advance(timedelta(minutes=20))
    world.cycle()


def link(**members: Any) -> Link:
    return Link(RECORD, OBJECT, **members)


def sides(world: World, record_id: str) -> tuple[Decimal, Decimal]:
    row = world.salesforce.row(record_id)
    [answer] = world.partner_central.opportunities.values()
    assert row is not None
    return row[AMOUNT], Decimal(answer["Project"]["ExpectedCustomerSpend"][0]["Amount"])


def amount_at_aws(world: World, amount: str) -> None:
    [apn_id] = world.partner_central.opportunities

    def change(answer: dict[str, Any]) -> None:
        answer["Project"]["ExpectedCustomerSpend"][0]["Amount"] = amount

    world.partner_central.colleague_edits(apn_id, change)


def test_changed_means_neither_seen_nor_written_nor_refused() -> None:
    assert changed_paths(link(seen={"A": "1"}), {"A": "2"}) == ("A",)
    assert changed_paths(link(seen={"A": "1"}), {"A": "1"}) == ()
    assert changed_paths(link(seen={"A": "1"}, written={"A": "2"}), {"A": "2"}) == ()
    assert changed_paths(link(seen={"A": "1"}, locked={"A": "2"}), {"A": "2"}) == ()
    assert changed_paths(link(seen={"A": "1"}, locked={"A": "2"}), {"A": "3"}) == ("A",)
    assert changed_paths(None, {"A": "1"}) == ()


def test_a_field_that_was_cleared_and_a_field_that_was_never_seen_are_told_apart() -> None:
    assert changed_paths(link(seen={"A": "1"}), {"A": None}) == ("A",)
    assert changed_paths(link(seen={}), {"A": "1"}) == ()


TEXTS = st.one_of(st.none(), st.text(max_size=3))


@given(st.dictionaries(st.sampled_from("ABC"), TEXTS), st.dictionaries(st.sampled_from("ABC"), TEXTS))
def test_what_was_seen_is_never_changed(seen: dict[str, str | None], written: dict[str, str | None]) -> None:
    assert changed_paths(link(seen=seen, written=written), seen) == ()


def test_what_was_sent_without_an_answer_is_changed_whatever_the_record_says() -> None:
    assert changed_paths(link(seen={"A": UNDER_WAY}), {"A": "1"}) == ("A",)


def test_a_record_at_rest_is_not_due_and_a_persons_edit_makes_it_due(world: World, shared: str) -> None:
    known = world.state.links.require(shared)
    row = world.salesforce.rows(OBJECT, [shared], world.engine.row_fields())[shared]
    assert judge(world.engine, row, known).code is Code.OWN_WRITE
    assert judge(world.engine, {**row, AMOUNT: Decimal(5)}, known).due, "an edit that our own write covered up"


def test_a_copy_that_carries_anothers_identifier_is_no_candidate(world: World, shared: str) -> None:
    row = world.salesforce.rows(OBJECT, [shared], world.engine.row_fields())[shared]
    copy = {**row, "Id": RECORD, "LastModifiedById": "005000000000002AAA"}
    assert candidate(world.engine, copy, None).identifier_holder == shared
    assert judge(world.engine, copy, None).code is Code.CLONE


def test_an_edit_back_to_the_older_value_is_sent_though_an_answer_was_lost(world: World, shared: str) -> None:
    """AWS took the first edit, nobody heard of it, and the seller took it back meanwhile."""
    world.salesforce.user_edits(shared, {AMOUNT: Decimal(800)})
    world.clock.advance(timedelta(seconds=5))
    world.interruptions.armed.clear()
    world.schedule(queueing.POLL)
    world.execute(1)
    world.interruptions.arm("lost after", 1)
    world.execute(1)
    assert sides(world, shared) == (Decimal(800), Decimal(800))
    world.salesforce.user_edits(shared, {AMOUNT: Decimal("1200")})
    world.clock.advance(timedelta(seconds=5))
    # The record is looked at again before its turn is repeated.
    world.state.queue._write("update queue set retry_at = '2030-01-01' where state = 'waiting'")
    world.schedule(queueing.POLL)
    world.execute(1)
    world.state.queue._write("update queue set retry_at = '2020-01-01' where state = 'waiting'")
    turn(world)
    turn(world)
    assert sides(world, shared) == (Decimal("1200"), Decimal("1200"))


def test_an_edit_back_is_kept_though_the_answer_to_our_own_write_was_lost(world: World, shared: str) -> None:
    """Salesforce took AWS's value, nobody heard of it, and the seller took it back meanwhile."""
    amount_at_aws(world, "800")
    world.schedule(queueing.MODIFIED_SWEEP)
    world.execute(2)
    world.interruptions.arm("lost after", 1)
    world.schedule(queueing.FLUSH)
    world.execute(1)
    assert sides(world, shared) == (Decimal(800), Decimal(800))
    world.clock.advance(timedelta(seconds=5))
    world.salesforce.user_edits(shared, {AMOUNT: Decimal("1200")})
    for _ in range(3):
        turn(world)
    assert sides(world, shared) == (Decimal("1200"), Decimal("1200"))


def test_a_change_at_aws_that_a_refused_turn_met_comes_in(world: World, shared: str) -> None:
    """The turn reads AWS's record anew, finds it closed, and ends; what it read reaches Salesforce all the same."""
    world.salesforce.user_edits(shared, {"Next_Step__c": "Call them"})
    world.clock.advance(timedelta(seconds=5))
    world.schedule(queueing.POLL)
    world.execute(1)
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Rejected")
    world.execute(1)
    for _ in range(2):
        turn(world)
    row = world.salesforce.row(shared)
    assert row is not None
    assert row["Review_Status__c"] == "Rejected"


def test_success_inbound_leaves_what_keeps_the_record_from_going_out_open(world: World, shared: str) -> None:
    """Promise 4: a locked edit stays explained when AWS's news come in."""
    world.salesforce.user_edits(shared, {"Partner_Project_Title__c": "Move the warehouse"})
    turn(world)
    amount_at_aws(world, "800")
    turn(world)
    turn(world)
    codes = [
        detail[Detail.ERROR_CODE]
        for detail in world.salesforce.all(SYNC_LOG_DETAIL)
        if detail[Detail.STATUS] not in ("Processed", "Resolved")
    ]
    assert codes == ["FIELD_LOCKED"]
    assert sides(world, shared) == (Decimal(800), Decimal(800))


def test_a_rejected_record_that_is_looked_at_often_keeps_its_reason(world: World, shared: str) -> None:
    """Repeated looks are no round trips, and the end of the retries does not replace what is wrong."""
    world.salesforce.user_edits(shared, {"Target_Close_Date__c": "2020-01-01"})
    for _ in range(8):
        turn(world)
    codes = {problem.code for problem in world.state.problems.open_for(shared)}
    assert codes == {"INVALID_VALUE", "RETRIES_EXHAUSTED"}


def test_a_write_in_doubt_counts_as_an_edit_only_where_a_person_came_after_it(world: World) -> None:
    doubtful = link(seen={AMOUNT: "1"}, written={AMOUNT: "2"})
    ours, theirs = ({"LastModifiedById": user, AMOUNT: Decimal(1)} for user in ("005000000000001AAA", "005P"))
    assert AMOUNT not in user_edits(world.engine, doubtful, ours)
    assert AMOUNT in user_edits(world.engine, doubtful, theirs)


def test_of_a_related_record_it_counts_who_modified_that_record(tmp_path: Path) -> None:
    """A person's save of the opportunity says nothing of what stands in the account."""
    world = RelatedWorld(tmp_path)
    doubtful = link(seen={STEP: "1"}, written={STEP: "2"})
    for person, user in ((False, "005000000000001AAA"), (True, "005P")):
        account = {"Plan__c": "1", "LastModifiedById": user}
        for saver in ("005000000000001AAA", "005P"):
            row = {"LastModifiedById": saver, "Account__r": account}
            assert (STEP in user_edits(world.engine, doubtful, row)) is person
    world.close()


def test_a_create_that_killed_the_process_is_found_again(world: World) -> None:
    """Promise 2: the service forgot the token by then, so that repeating the call would make a second one."""
    record_id = world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal"})
    world.clock.advance(timedelta(seconds=5))
    world.schedule(queueing.MODIFIED_SWEEP)
    world.schedule(queueing.DUE_SWEEP)
    world.execute(2)
    world.interruptions.arm("crash after", 1)
    assert not world.alive(lambda: world.execute(1))
    assert len(world.partner_central.opportunities) == 1
    world.clock.advance(timedelta(minutes=30))
    world.execute(5)
    assert [one["PartnerOpportunityIdentifier"] for one in world.partner_central.opportunities.values()] == [record_id]


def test_a_value_put_for_a_record_that_is_gone_is_dropped(world: World, shared: str) -> None:
    put(world.engine, world.state.links.require(shared), {AMOUNT: Decimal(5)})
    world.salesforce.user_deletes(shared)
    turn(world)
    assert world.state.writebacks.count() == 0
    assert world.state.links.require(shared).status == "tombstone"


def test_a_passing_fault_of_a_job_does_not_lose_its_turn(world: World, shared: str) -> None:
    world.salesforce.user_edits(shared, {AMOUNT: Decimal(800)})
    world.interruptions.arm("busy", 1)
    world.clock.advance(timedelta(seconds=5))
    world.schedule(queueing.POLL)
    world.execute(1)
    assert world.state.queue.list("waiting")[0].reason == str(Retriable("Busy."))
    turn(world)
    assert sides(world, shared) == (Decimal(800), Decimal(800))


def test_an_edit_in_the_second_of_our_own_write_is_not_written_over(world: World, shared: str) -> None:
    """Stamps are whole seconds: a guard made from a row that was written in this very second guards nothing."""
    world.clock.moment = world.clock.moment.replace(microsecond=0)
    world.salesforce.update(OBJECT, [{"Id": shared, "Name": "By us"}])
    amount_at_aws(world, "800")
    [apn_id] = world.partner_central.opportunities
    queueing.enqueue_inbound(world.engine, apn_id, "", fresh=True)
    world.execute(1)
    world.salesforce.user_edits(shared, {AMOUNT: Decimal(5)})
    row = world.salesforce.row(shared)
    assert row is not None
    assert datetime.fromisoformat(row["LastModifiedDate"]) == world.clock.moment.replace(microsecond=0)
    for _ in range(3):
        turn(world)
    assert sides(world, shared) == (Decimal(5), Decimal(5))


def test_a_refused_value_of_a_related_record_is_not_tried_again_by_every_window(tmp_path: Path) -> None:
    """Windows overlap for minutes; the retries are to last until somebody had time to look (PICK-17, towards AWS)."""
    world = RelatedWorld(tmp_path)
    values = PicklistMapping(primary={"Archiving": "Hot", "Blockchain": "Cold"})
    world.engine.mapping = world.engine.mapping.with_field(FieldMapping("useCase", "Account__r.Rating", False, values))
    account = world.salesforce.user_adds(ACCOUNT, Plan__c="Call them", Rating="Hot")
    deal = world.shared(account)
    [answer] = world.partner_central.opportunities.values()
    assert answer["Project"]["CustomerUseCase"] == "Archiving"
    world.salesforce.saves(ACCOUNT, account, Rating="Warm")
    for _ in range(5):
        world.poll()
    assert world.codes() == {"VALUE_NOT_MAPPED"}
    assert world.state.links.require(deal).failures == 1
    world.salesforce.saves(ACCOUNT, account, Rating="Cold")
    world.poll()
    [answer] = world.partner_central.opportunities.values()
    assert answer["Project"]["CustomerUseCase"] == "Blockchain" and world.codes() == set()
    world.close()

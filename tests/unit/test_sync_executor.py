"""The executor: what becomes of an item is decided by the class of its error, and by nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from engine.fields import FLAG, sound_values
from engine.world import World
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import (
    AuthFailed,
    ConfigError,
    ConnectorError,
    Deferred,
    DuplicateValue,
    Fatal,
    MappingError,
    Problem,
    RecordGone,
    RecordRejected,
    Refused,
    Retriable,
    StaleRecord,
)
from connector.store.links import Link
from connector.store.queue import Item, Work
from connector.sync import queueing
from connector.sync.engine import Engine
from connector.sync.executor import AUTH_PAUSE, LONGEST_PAUSE, Executor, _pause
from connector.sync.outbound import Held

TROUBLE = Problem("INVALID_VALUE", "stage", "Dreaming", "AWS has no such stage.", "Choose another.")
RECORD = "a0X000000000009AAA"


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.state.links.save(Link(RECORD, "ACE_Opportunity__c", row={"Id": RECORD}))
    yield world
    world.close()


def after(world: World, error: ConnectorError, kind: str = queueing.OUTBOUND) -> Item:
    """Return the item as it is after an execution that raised the error."""

    def fail(_: Engine, __: Item) -> None:
        raise error

    world.state.queue.enqueue(Work(kind=kind, key=RECORD, payload={"run": "out-1"}), world.clock.now())
    item = Executor(world.engine, "test", {kind: fail}).run_one()
    assert item is not None
    found = world.state.queue.get(item.id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("make", "state", "attempts"),
    [
        (lambda now: Held(TROUBLE), "held", 0),
        (lambda now: Deferred("later", now + timedelta(hours=1)), "waiting", 0),
        (lambda now: Retriable("busy"), "waiting", 1),
        (lambda now: Retriable("lost", outcome_unknown=True), "waiting", 1),
        (lambda now: StaleRecord("moved"), "waiting", 1),
        (lambda now: AuthFailed("refused"), "waiting", 0),
        (lambda now: ConfigError("wrong"), "waiting", 0),
        (lambda now: RecordRejected((TROUBLE,)), "failed", 0),
        (lambda now: RecordGone((TROUBLE,)), "failed", 0),
        (lambda now: DuplicateValue((TROUBLE,)), "failed", 0),
        (lambda now: Refused("suspicious"), "held", 0),
        (lambda now: MappingError("does not fit"), "waiting", 0),
    ],
)
def test_every_error_has_its_queue_state(
    world: World, make: Callable[..., ConnectorError], state: str, attempts: int
) -> None:
    item = after(world, make(world.clock.now()))
    assert (item.state, item.attempts) == (state, attempts)


def test_a_deferred_item_comes_back_when_it_was_told_to(world: World) -> None:
    until = world.clock.now() + timedelta(hours=1)
    assert after(world, Deferred("later", until)).retry_at == until


def test_a_retried_item_waits_as_long_as_the_other_side_asked(world: World) -> None:
    before = world.clock.now()
    assert after(world, Retriable("busy", after=120)).retry_at >= before + timedelta(seconds=120)


def test_refused_credentials_are_tried_again_slowly(world: World) -> None:
    before = world.clock.now()
    assert after(world, AuthFailed("refused")).retry_at >= before + AUTH_PAUSE


@pytest.mark.parametrize("error", [RecordRejected((TROUBLE,)), Refused("suspicious"), MappingError("does not fit")])
def test_what_waits_for_a_person_has_an_open_log_detail(world: World, error: ConnectorError) -> None:
    """Promise 4."""
    after(world, error)
    [problem] = world.state.problems.open_for(RECORD)
    assert problem.code in ("INVALID_VALUE", "REFUSED", "MAPPING")
    assert world.state.outbox.get("ACE_Sync_Log_Detail__c", problem.detail_key) is not None


def test_failures_of_the_same_content_are_counted_and_a_correction_starts_anew(world: World) -> None:
    after(world, RecordRejected((TROUBLE,)))
    after(world, RecordRejected((TROUBLE,)))
    assert world.state.links.require(RECORD).failures == 2
    link = world.state.links.require(RECORD)
    link.row = {"Id": RECORD, "Next_Step__c": "Corrected"}
    world.state.links.save(link)
    after(world, RecordRejected((TROUBLE,)))
    assert world.state.links.require(RECORD).failures == 1


def test_a_fault_of_what_comes_in_does_not_count_against_sending(world: World) -> None:
    after(world, RecordRejected((TROUBLE,)), kind=queueing.INBOUND)
    assert world.state.links.require(RECORD).failures == 0


def test_a_fatal_error_ends_the_process_and_leaves_the_item(world: World) -> None:
    with pytest.raises(Fatal):
        after(world, Fatal("another worker holds the state"))
    [item] = world.state.queue.list("leased")
    assert item.key == RECORD


@given(st.integers(0, 60), st.one_of(st.none(), st.floats(0, 5_000)))
def test_pauses_grow_to_a_limit_and_are_never_shorter_than_asked(attempts: int, asked: float | None) -> None:
    seconds = _pause(attempts, asked).total_seconds()
    assert seconds >= min(2.0**attempts, LONGEST_PAUSE) / 2 - 1e-6
    assert seconds >= (asked or 0.0) - 1e-6
    assert seconds <= max(LONGEST_PAUSE, asked or 0.0) + 1e-6


def test_a_record_goes_out_is_reviewed_and_stamped(world: World) -> None:
    """The way of one record through the whole engine."""
    record_id = world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal"})
    world.clock.advance(timedelta(seconds=5))
    world.cycle()
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(2):
        world.clock.advance(timedelta(seconds=5))
        world.cycle()
    row = world.salesforce.row(record_id)
    assert row is not None
    assert (row["ACE_APN_Unique_Identifier__c"], row["Review_Status__c"]) == (apn_id, "Approved")
    assert row["ACE_Last_Sync_Date__c"] is not None

"""The executor's edge: one item's fault, of whatever kind, neither stops the worker nor tells a record's values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from service_engine import LeaseDoor, SettableClock, open_engine

from connector.errors import Fatal
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.store.queue import Item, Work
from connector.sync import executor as executing
from connector.sync import queueing
from connector.sync.engine import Engine, Priority
from connector.sync.executor import Executor

RECORD = "a00Sb0000000001AAA"
SECRET = "ana.lopez@example.com"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def engine(tmp_path: Path, clock: SettableClock) -> Iterator[Engine]:
    with open_engine(tmp_path, door=LeaseDoor(clock)) as opened:
        yield opened


def fail(*_: Any) -> None:
    raise KeyError(SECRET)


def run(engine: Engine, work: Work, handler: Callable[[Engine, Item], None] = fail) -> tuple[Item, list[Any]]:
    """Enqueue and execute one item; return it as it is afterwards, and the worker's log."""
    engine.state.queue.enqueue(work, engine.now())
    with structlog.testing.capture_logs() as lines:
        item = Executor(engine, "me", {work.kind: handler}).run_one()
    assert item is not None
    after = engine.state.queue.get(item.id)
    assert after is not None
    return after, lines


def test_a_record_that_meets_a_fault_waits_for_a_person_and_is_told(engine: Engine) -> None:
    item, _ = run(engine, Work(kind=queueing.OUTBOUND, key=RECORD, payload={"run": ""}))
    assert item.state == "failed"
    assert "KeyError" in item.reason
    [row] = engine.state.outbox.due(engine.now(), SYNC_LOG_DETAIL, 10)
    assert row.body[Detail.ERROR_CODE] == "UNEXPECTED_ERROR"
    assert f"connector queue retry {item.id}" in row.body[Detail.ERROR_MESSAGE]


def test_the_fault_is_logged_with_its_place_and_without_values(engine: Engine) -> None:
    item, lines = run(engine, Work(kind=queueing.OUTBOUND, key=RECORD, payload={"run": ""}))
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert line["error"] == "KeyError"
    assert any(place.endswith(" fail") for place in line["trace"])
    kept = [row.body for row in engine.state.outbox.due(engine.now(), SYNC_LOG_DETAIL, 10)]
    assert SECRET not in json.dumps([lines, kept, item.reason], default=str)


def test_a_periodic_job_that_meets_a_fault_is_tried_again(engine: Engine, clock: SettableClock) -> None:
    work = Work(kind=queueing.POLL, key=queueing.POLL)
    item, _ = run(engine, work)
    assert (item.state, item.attempts) == ("waiting", 1)
    clock.advance(minutes=1)
    done: list[str] = []
    assert run(engine, work, lambda _, one: done.append(one.kind))[0].state == "done"
    assert done == [queueing.POLL]


def test_the_next_item_is_executed_after_a_fault(engine: Engine) -> None:
    queue = engine.state.queue
    for key in (RECORD, "a00Sb0000000002AAA"):
        queue.enqueue(Work(kind=queueing.OUTBOUND, key=key, payload={"run": ""}), engine.now())
    seen: list[str] = []

    def first_fails(_: Engine, item: Item) -> None:
        seen.append(item.key)
        if item.key == RECORD:
            fail()

    worker = Executor(engine, "me", {queueing.OUTBOUND: first_fails})
    while worker.run_one() is not None:
        pass
    assert len(seen) == 2
    assert {item.state for item in queue.list(key=seen[1])} == {"done"}


def test_work_that_this_release_does_not_know_does_not_stop_the_worker(engine: Engine) -> None:
    engine.state.queue.enqueue(Work(kind="from-the-future", key="x"), engine.now())
    item = Executor(engine, "me", {}).run_one()
    assert item is not None
    after = engine.state.queue.get(item.id)
    assert after is not None
    assert after.state == "waiting"


def test_a_fault_while_telling_the_fault_does_not_stop_the_worker(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing.logs, "log_problems", fail)
    item, lines = run(engine, Work(kind=queueing.INBOUND, key=RECORD, payload={"apn_id": "O1", "run": "in-1"}))
    assert item.state == "failed"
    assert [line["event"] for line in lines] == ["unexpected error", "no sync log for it"]


def test_what_ends_the_process_is_not_survived(engine: Engine) -> None:
    def stop(*_: Any) -> None:
        raise Fatal("another worker holds the org", exit_code=3)

    engine.state.queue.enqueue(Work(kind=queueing.POLL, key=queueing.POLL), engine.now())
    with pytest.raises(Fatal):
        Executor(engine, "me", {queueing.POLL: stop}).run_one()


@pytest.mark.parametrize("outcome", ["done", "fault"])
def test_an_item_whose_lease_ran_out_is_left_to_its_new_holder(
    engine: Engine, clock: SettableClock, outcome: str
) -> None:
    taken: list[Item | None] = []

    def slow(_: Engine, item: Item) -> None:
        clock.advance(minutes=6)
        taken.append(engine.state.queue.claim(clock.now(), "another"))
        if outcome == "fault":
            fail()

    after, lines = run(engine, Work(kind=queueing.OUTBOUND, key=RECORD, payload={"run": ""}), slow)
    assert taken[0] is not None
    assert (after.state, after.leased_by) == ("leased", "another")
    assert any("lease ran out" in line["event"] for line in lines)


@pytest.mark.parametrize(("priority", "urgent"), [(Priority.REQUEST, 1), (Priority.EDIT, 0), (5, 0)])
def test_only_a_persons_request_is_urgent_at_both_doors(engine: Engine, priority: int, urgent: int) -> None:
    run(engine, Work(kind=queueing.POLL, key="x", priority=priority), lambda *_: None)
    salesforce, partner_central = engine.salesforce, engine.partner_central
    assert (salesforce.urgencies, partner_central.urgencies) == (urgent, urgent)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("priority", "background"), [(Priority.BACKFILL, 1), (Priority.SWEEP, 0), (5, 0)])
def test_only_a_backfill_goes_behind_everybody(engine: Engine, priority: int, background: int) -> None:
    run(engine, Work(kind=queueing.POLL, key="x", priority=priority), lambda *_: None)
    assert engine.partner_central.backgrounds == background  # type: ignore[attr-defined]

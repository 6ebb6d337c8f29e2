"""When the periodic jobs' turns come: at once after the start, then by the clock, never piled up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service_engine import LeaseDoor, SettableClock, open_engine

from connector.service.config import WorkerSection
from connector.service.jobs import ASKED, HEARTBEAT, job_handlers
from connector.service.listening import QUEUES
from connector.service.mirror import MIRROR
from connector.service.runtime import Runtime
from connector.service.timetable import Timetable
from connector.sync import queueing
from connector.sync.action_requests import ACTION
from connector.sync.answering import ANSWER, LIST_ANSWER
from connector.sync.backfill_links import BACKFILL_LINK
from connector.sync.engine import Engine
from connector.sync.events import EVENTS
from connector.sync.executor import Executor
from connector.sync.mapping_apply import APPLY
from connector.sync.notifications import TELL
from connector.sync.orders import ORDER
from connector.sync.reconcile import RECONCILE
from connector.sync.schedules import LIST_TICK, TICK

EVERY_JOB = {
    queueing.POLL, queueing.DUE_SWEEP, queueing.MODIFIED_SWEEP, queueing.SUMMARY_SWEEP, queueing.FLUSH,
    queueing.DELETIONS, queueing.RETENTION, queueing.REFERRALS, HEARTBEAT, ASKED, MIRROR, QUEUES,
    RECONCILE,
}  # fmt: skip
ON_DEMAND = {
    queueing.REFERRAL, queueing.DECISION, TICK, ACTION, ANSWER, APPLY, BACKFILL_LINK, EVENTS, TELL, ORDER,
    queueing.RETRIEVE, queueing.FILE, queueing.UPLOAD, queueing.RESULTS, queueing.STUCK, queueing.LIST, LIST_ANSWER,
    LIST_TICK,
}  # fmt: skip
"""What has a handler and no turn of its own: it is enqueued when there is a reason."""


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def engine(tmp_path: Path, clock: SettableClock) -> Iterator[Engine]:
    with open_engine(tmp_path, door=LeaseDoor(clock)) as opened:
        yield opened


@pytest.fixture
def timetable() -> Timetable:
    return Timetable(WorkerSection())


def waiting(engine: Engine) -> list[str]:
    return sorted(item.kind for item in engine.state.queue.list("waiting"))


def take(engine: Engine) -> list[str]:
    """Do all that waits, and return what it was."""
    done: list[str] = []
    jobs = dict.fromkeys(EVERY_JOB, lambda _, item: done.append(item.kind))
    executor = Executor(engine, "me", jobs)
    while executor.run_one() is not None:
        pass
    return sorted(done)


def test_every_job_has_a_first_turn_and_a_handler(engine: Engine, timetable: Timetable, tmp_path: Path) -> None:
    timetable.enqueue_due(engine)
    assert set(waiting(engine)) == EVERY_JOB
    config = type("Config", (), {"worker": WorkerSection()})()
    runtime = Runtime.__new__(Runtime)
    runtime.config = config
    assert set(job_handlers(runtime)) == EVERY_JOB | ON_DEMAND


def test_a_turn_comes_after_its_interval(engine: Engine, timetable: Timetable, clock: SettableClock) -> None:
    timetable.enqueue_due(engine)
    take(engine)
    clock.advance(seconds=29)
    timetable.enqueue_due(engine)
    assert queueing.POLL not in waiting(engine)
    clock.advance(seconds=1)
    timetable.enqueue_due(engine)
    assert queueing.POLL in waiting(engine)


def test_turns_that_nobody_took_do_not_pile_up(engine: Engine, timetable: Timetable, clock: SettableClock) -> None:
    for _ in range(50):
        timetable.enqueue_due(engine)
        clock.advance(hours=7)
    assert len(waiting(engine)) == len(EVERY_JOB)
    assert take(engine) == sorted(EVERY_JOB)


def test_missed_turns_are_not_made_up_for(engine: Engine, timetable: Timetable, clock: SettableClock) -> None:
    timetable.enqueue_due(engine)
    take(engine)
    clock.advance(days=3)
    timetable.enqueue_due(engine)
    assert take(engine) == sorted(EVERY_JOB)
    timetable.enqueue_due(engine)
    assert take(engine) == []


def test_a_clock_that_was_set_back_does_not_stop_the_jobs(
    engine: Engine, timetable: Timetable, clock: SettableClock
) -> None:
    timetable.enqueue_due(engine)
    take(engine)
    clock.advance(days=-200)
    timetable.enqueue_due(engine)
    clock.advance(minutes=1)
    timetable.enqueue_due(engine)
    assert queueing.POLL in take(engine)


def test_an_admins_intervals_apply_at_once(tmp_path: Path, clock: SettableClock, timetable: Timetable) -> None:
    from dataclasses import replace

    with open_engine(tmp_path, door=LeaseDoor(clock)) as engine:
        timetable.enqueue_due(engine)
        take(engine)
        engine.settings = replace(engine.settings, poll_seconds=5)
        clock.advance(seconds=5)
        timetable.enqueue_due(engine)
        assert waiting(engine) == sorted([ASKED, queueing.POLL])


def test_writing_back_and_the_sign_of_life_go_before_looking_for_work(engine: Engine, timetable: Timetable) -> None:
    timetable.enqueue_due(engine)
    order = [item.kind for item in engine.state.queue.list("waiting")]
    assert set(order[:2]) == {queueing.FLUSH, HEARTBEAT}

"""One worker per org and catalog: the row in Salesforce is lease, heartbeat and status page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service_engine import LeaseDoor, SettableClock, open_engine

from connector import __version__
from connector.errors import ConnectorError, Fatal, Retriable
from connector.service.lease import DEGRADED, Lease
from connector.store.queue import Work
from connector.sync.engine import Engine


@pytest.fixture
def door() -> LeaseDoor:
    return LeaseDoor(SettableClock())


@pytest.fixture
def engine(tmp_path: Path, door: LeaseDoor) -> Iterator[Engine]:
    with open_engine(tmp_path, "one.db", door) as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path, door: LeaseDoor) -> Iterator[Engine]:
    with open_engine(tmp_path, "two.db", door) as opened:
        yield opened


def row(door: LeaseDoor) -> dict[str, object]:
    return door.rows["ace-sandbox"]


def test_the_row_tells_version_sign_of_life_and_work(engine: Engine, door: LeaseDoor) -> None:
    engine.state.queue.enqueue(Work(kind="outbound", key="a01"), engine.now())
    Lease(engine).acquire()
    assert row(door)["Version__c"] == __version__
    assert row(door)["Heartbeat__c"] == "2026-03-01T12:00:00Z"
    assert row(door)["Status__c"] == "Running"
    assert (row(door)["Pending__c"], row(door)["Failed__c"]) == (1, 0)


def test_another_workers_fresh_lease_is_respected(engine: Engine, other: Engine, door: LeaseDoor) -> None:
    Lease(engine).acquire()
    door.clock.advance(minutes=4)
    with pytest.raises(Fatal, match="Another worker") as caught:
        Lease(other).acquire()
    assert caught.value.exit_code == 3
    assert row(door)["Host__c"] == Lease(engine).host, "the refused worker left no trace"


def test_a_lapsed_lease_is_taken_over(engine: Engine, other: Engine, door: LeaseDoor) -> None:
    Lease(engine).acquire()
    door.clock.advance(minutes=6)
    Lease(other).acquire()
    assert row(door)["Host__c"] == Lease(other).host


def test_a_released_lease_is_free_at_once(engine: Engine, other: Engine, door: LeaseDoor) -> None:
    lease = Lease(engine)
    lease.acquire()
    lease.release()
    assert row(door)["Status__c"] == "Stopped"
    Lease(other).acquire()


def test_the_same_state_is_the_same_worker_after_a_restart(engine: Engine) -> None:
    Lease(engine).acquire()
    Lease(engine).acquire()


def test_of_two_that_take_a_free_lease_at_once_one_gives_way(engine: Engine, other: Engine, door: LeaseDoor) -> None:
    def overtake() -> None:
        door.meanwhile = None
        Lease(other).beat()

    door.meanwhile = overtake
    with pytest.raises(Fatal):
        Lease(engine).acquire()
    assert row(door)["Host__c"] == Lease(other).host


def test_a_worker_that_slept_gives_way_to_the_one_that_took_over(
    engine: Engine, other: Engine, door: LeaseDoor
) -> None:
    sleeper = Lease(engine)
    sleeper.acquire()
    door.clock.advance(minutes=10)
    Lease(other).acquire()
    with pytest.raises(Fatal) as caught:
        sleeper.renew("Running", "")
    assert caught.value.exit_code == 3
    assert row(door)["Host__c"] == Lease(other).host


def test_renewing_keeps_the_lease_and_tells_what_is_wrong(engine: Engine, other: Engine, door: LeaseDoor) -> None:
    lease = Lease(engine)
    lease.acquire()
    door.clock.advance(minutes=4)
    lease.renew(DEGRADED, "x" * 400)
    door.clock.advance(minutes=4)
    assert row(door)["Status__c"] == "Degraded"
    assert len(str(row(door)["Message__c"])) == 255
    with pytest.raises(Fatal):
        Lease(other).acquire()


def test_a_lease_that_cannot_be_written_is_told(
    engine: Engine, door: LeaseDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service_engine import Outcome

    monkeypatch.setattr(LeaseDoor, "upsert", lambda *_: [Outcome(error=Retriable("locked"))])
    with pytest.raises(ConnectorError, match="locked"):
        Lease(engine).acquire()

"""A standstill is told on the worker's row: AWS tells nobody that a partner's exchange stands still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from service_engine import BEGIN, LeaseDoor, SettableClock, open_engine

from connector.ace.catalogue import lead_fields
from connector.mapping.model import Mapping
from connector.service.silence import Silence, note_look
from connector.sync.engine import Engine
from connector.sync.schedule_memory import LEAD, OPPORTUNITY, InForce, forget, remember


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def engine(tmp_path: Path, clock: SettableClock) -> Iterator[Engine]:
    with open_engine(tmp_path, "one.db", LeaseDoor(clock)) as opened:
        yield opened


def schedule(minutes: int = 60, *, inbound: bool = True) -> InForce:
    return InForce("a01", "SCH-0001", minutes, inbound, BEGIN)


def told(engine: Engine, hours: float = 6) -> list[str]:
    return list(Silence(hours, BEGIN).told(engine))


def test_looks_that_work_are_no_silence_and_their_absence_is(engine: Engine, clock: SettableClock) -> None:
    clock.advance(hours=5)
    note_look(engine)
    clock.advance(hours=6)
    assert told(engine) == []
    clock.advance(minutes=1)
    [line] = told(engine)
    assert (
        "Opportunity since 2026-03-01 17:00 UTC" in line and "quiet_hours = 6" in line and "`connector check`" in line
    )
    note_look(engine)
    assert told(engine) == []


def test_a_worker_that_never_got_through_tells_it_from_its_own_beginning(engine: Engine, clock: SettableClock) -> None:
    note_look(engine)
    clock.advance(hours=100)
    assert list(Silence(6, clock.now()).told(engine)) == [], "it stood still, and has just begun"
    clock.advance(hours=7)
    assert told(engine)


def test_zero_hours_and_disabled_inbound_integration_are_never_told(engine: Engine, clock: SettableClock) -> None:
    clock.advance(hours=100)
    assert told(engine, hours=0) == []
    remember(engine, OPPORTUNITY, schedule(inbound=False))
    assert told(engine) == []


@pytest.mark.requirement("OPS-07")
def test_leads_are_missed_only_after_their_schedules_interval_and_awss_hour(
    engine: Engine, clock: SettableClock
) -> None:
    leads = replace(engine, mapping=Mapping("lead", "ACE_Lead__c", 1, ()), catalogue=lead_fields())
    engine.leads = leads
    note_look(engine)
    clock.advance(hours=100)
    note_look(engine)
    assert told(engine) == [], "without a schedule, and never looked at, nobody wanted leads yet"
    remember(leads, LEAD, schedule(24 * 60))
    note_look(leads)
    clock.advance(hours=24)
    note_look(engine)
    assert told(engine) == []
    clock.advance(hours=1, seconds=1)
    assert "for Lead since" in told(engine)[0]
    forget(leads, LEAD)
    assert "No schedule for Lead is active" in told(engine)[0], "somebody switched it off"


def test_the_clock_that_is_set_back_tells_nothing(engine: Engine, clock: SettableClock) -> None:
    note_look(engine)
    clock.time = BEGIN - timedelta(days=1)
    assert told(engine) == []

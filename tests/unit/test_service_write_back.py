"""When the worker writes to Salesforce: stamps and logs wait for company, what people wait for does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.names import PACKAGED, SYNC_LOG_DETAIL
from connector.service.jobs import write_back_is_due
from connector.store.queue import Work
from connector.store.state import State

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OBJECT = "ACE_Opportunity__c"
RECORD, OTHER = "a00000000000001AAA", "a00000000000002AAA"
STAMP = {PACKAGED.last_sync_date: "@server_time"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state with a stamp and a log row that wait, and one more edit that is ready to go out."""
    with State.open(tmp_path / "state.db") as opened:
        opened.writebacks.put(RECORD, OBJECT, dict(STAMP), NOW)
        opened.outbox.put(SYNC_LOG_DETAIL, "Detail_Key__c", "key", {"Status__c": "Processed"}, NOW)
        opened.queue.enqueue(Work(kind="outbound", key=OTHER), NOW)
        yield opened


def due(state: State, *, after: timedelta = timedelta(), person_waits: bool = False) -> bool:
    engine: Any = SimpleNamespace(state=state, names=PACKAGED, person_waits=person_waits, now=lambda: NOW + after)
    return write_back_is_due(engine)


def test_stamps_and_logs_wait_while_edits_go_out(state: State) -> None:
    assert not due(state, after=timedelta(minutes=4))


def test_they_wait_five_minutes_at_most(state: State) -> None:
    assert due(state, after=timedelta(minutes=5))


def test_they_are_written_once_nothing_is_ready_to_go_out(state: State) -> None:
    item = state.queue.claim(NOW, "worker")
    assert item is not None
    state.queue.defer(item, NOW + timedelta(hours=1), "quota")
    assert due(state)


def test_an_identifier_does_not_wait(state: State) -> None:
    state.writebacks.put(OTHER, OBJECT, {PACKAGED.apn_id: "O1"}, NOW)
    assert due(state)


def test_values_for_fields_that_people_edit_do_not_wait(state: State) -> None:
    """They are written only while nobody edits the row, so that every minute counts."""
    state.writebacks.put(OTHER, OBJECT, {"Next_Step__c": "Call"}, NOW, guard=NOW.isoformat())
    assert due(state)


def test_what_a_person_asked_for_does_not_wait(state: State) -> None:
    assert due(state, person_waits=True)

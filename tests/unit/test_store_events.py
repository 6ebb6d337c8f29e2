"""Events are kept once, worked off in order, and forgotten after some days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.store.state import State

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        yield opened


def test_an_event_is_kept_once_by_its_id_whatever_became_of_it(state: State) -> None:
    assert state.events.add("one", {"kind": "Opportunity Updated"}, NOW)
    assert not state.events.add("one", {"kind": "something else"}, NOW)
    state.events.settle("one", "Processed", "done")
    assert not state.events.add("one", {}, NOW + DAY)
    kept = state.events.get("one")
    assert kept is not None
    assert (kept.body, kept.status, kept.message) == ({"kind": "Opportunity Updated"}, "Processed", "done")


def test_what_waits_comes_in_the_order_of_its_arrival_and_no_more_than_asked_for(state: State) -> None:
    for number, name in enumerate("cab"):
        state.events.add(name, {}, NOW + timedelta(seconds=number))
    assert [one.id for one in state.events.waiting(2)] == ["c", "a"]
    state.events.settle("c", "Ignored", "")
    assert [one.id for one in state.events.waiting(9)] == ["a", "b"]
    assert state.events.counts() == {"waiting": 2, "Ignored": 1}


def test_an_event_that_is_asked_for_again_waits_again(state: State) -> None:
    state.events.add("one", {}, NOW, row_id="row")
    state.events.settle("one", "Error", "why")
    state.events.told(["one"])
    assert state.events.add("one", {"new": "body"}, NOW, row_id="row", again=True)
    (kept,) = state.events.waiting(9)
    assert (kept.body, kept.told, kept.message) == ({"new": "body"}, False, "")


def test_only_rows_that_are_settled_and_not_told_are_to_be_told(state: State) -> None:
    state.events.add("queue", {}, NOW)
    state.events.add("row", {}, NOW, row_id="a1")
    state.events.add("waiting row", {}, NOW, row_id="a2")
    for name in ("queue", "row"):
        state.events.settle(name, "Processed", "")
    assert [one.id for one in state.events.untold(9)] == ["row"]
    state.events.count_attempt("row")
    assert state.events.untold(9)[0].attempts == 1
    state.events.told(["row"])
    assert state.events.untold(9) == []


def test_what_still_waits_is_never_forgotten(state: State) -> None:
    for name in ("old", "old and waiting"):
        state.events.add(name, {}, NOW - 20 * DAY)
    state.events.add("young", {}, NOW)
    state.events.settle("old", "Processed", "")
    state.events.settle("young", "Processed", "")
    assert state.events.prune(NOW - 15 * DAY) == 1
    assert [state.events.get(name) is None for name in ("old", "old and waiting", "young")] == [True, False, False]

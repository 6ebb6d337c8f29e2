"""Mappings, cursors and the ledger of calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connector.errors import MappingError
from connector.store.state import State

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as state:
        yield state


def publish(state: State, document: dict[str, object], record_type: str = "opportunity") -> int:
    state.mappings.save_draft(record_type, document, "admin", NOW)
    return state.mappings.publish(record_type, "admin", NOW, "note")


def test_a_draft_is_not_in_force_until_it_is_published(state: State) -> None:
    mappings = state.mappings
    mappings.save_draft("opportunity", {"a": 1}, "admin", NOW)
    mappings.save_draft("opportunity", {"a": Decimal("2.50")}, "admin", NOW)
    assert mappings.published("opportunity") is None
    assert mappings.draft("opportunity") == {"a": Decimal("2.50")}
    assert mappings.draft("lead") is None
    assert mappings.publish("opportunity", "admin", NOW) == 1
    assert mappings.published("opportunity") == (1, {"a": Decimal("2.50")})
    assert mappings.draft("opportunity") is None


def test_publishing_without_a_draft_is_refused(state: State) -> None:
    with pytest.raises(MappingError, match="no draft of the lead mapping"):
        state.mappings.publish("lead", "admin", NOW)


def test_a_draft_that_was_changed_since_it_was_checked_is_not_published(state: State) -> None:
    """Nobody found it good; what is in force stays, and so does the draft."""
    mappings = state.mappings
    mappings.save_draft("opportunity", {"a": Decimal("1.0")}, "admin", NOW)
    checked = mappings.draft("opportunity")
    mappings.save_draft("opportunity", {"a": Decimal("2.0")}, "another admin", NOW)
    with pytest.raises(MappingError, match="changed while it was being checked"):
        mappings.publish("opportunity", "admin", NOW, checked=checked)
    assert mappings.published("opportunity") is None
    assert mappings.draft("opportunity") == {"a": Decimal("2.0")}
    assert mappings.publish("opportunity", "admin", NOW, checked=mappings.draft("opportunity")) == 1


def test_a_draft_can_be_discarded(state: State) -> None:
    publish(state, {"a": 1})
    state.mappings.save_draft("opportunity", {"a": 2}, "admin", NOW)
    state.mappings.discard_draft("opportunity")
    assert state.mappings.draft("opportunity") is None
    assert state.mappings.published("opportunity") == (1, {"a": 1})


def test_history_tells_who_published_what_and_when(state: State) -> None:
    publish(state, {"a": 1})
    publish(state, {"a": 2})
    publish(state, {"b": 1}, "lead")
    assert [(v.version, v.by, v.published_at, v.note) for v in state.mappings.history("opportunity")] == [
        (2, "admin", NOW, "note"),
        (1, "admin", NOW, "note"),
    ]
    assert state.mappings.document("opportunity", 1) == {"a": 1}
    assert state.mappings.published("lead") == (1, {"b": 1})


def test_a_rollback_is_a_new_version_and_keeps_the_draft(state: State) -> None:
    publish(state, {"a": 1})
    publish(state, {"a": 2})
    state.mappings.save_draft("opportunity", {"a": 3}, "admin", NOW)
    assert state.mappings.rollback("opportunity", 1, "other", NOW) == 3
    assert state.mappings.published("opportunity") == (3, {"a": 1})
    assert state.mappings.history("opportunity")[0].note == "rollback to version 1"
    assert state.mappings.draft("opportunity") == {"a": 3}
    with pytest.raises(MappingError, match="no version 9"):
        state.mappings.rollback("opportunity", 9, "other", NOW)


def test_cursors_and_facts_are_kept_apart(state: State) -> None:
    state.cursors.set("poll", "1")
    state.cursors.set("poll", "2")
    state.meta.set("poll", "fact")
    assert (state.cursors.get("poll"), state.meta.get("poll")) == ("2", "fact")
    assert (state.cursors.get("none"), state.meta.get("none")) == (None, None)
    assert state.cursors.all() == {"poll": "2"}


def test_the_ledger_counts_whole_minutes_by_kind(state: State) -> None:
    state.ledger.spend("write", NOW)
    state.ledger.spend("write", NOW + timedelta(seconds=20), 2)
    state.ledger.spend("write", NOW + 5 * MINUTE)
    state.ledger.spend("read", NOW, 7)
    assert state.ledger.spent("write", NOW + timedelta(seconds=25)) == 4
    assert state.ledger.spent("write", NOW + MINUTE) == 1
    assert state.ledger.spent("write", NOW + 6 * MINUTE) == 0
    assert state.ledger.spent("other", NOW) == 0


def test_the_ledger_forgets_minutes_that_no_longer_count(state: State) -> None:
    state.ledger.spend("write", NOW)
    state.ledger.spend("write", NOW + 5 * MINUTE)
    assert state.ledger.prune(NOW + 5 * MINUTE) == 1
    assert state.ledger.spent("write", NOW - MINUTE) == 1

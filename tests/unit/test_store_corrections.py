"""Corrections of values from AWS: kept by opportunity and field, exactly as they were, until they are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.record import Value
from connector.store.corrections import Correction
from connector.store.state import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
values = st.one_of(
    st.none(),
    st.text(min_size=1),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.dates(),
    st.lists(st.text(min_size=1), min_size=1, max_size=3).map(tuple),
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with State.open(tmp_path_factory.mktemp("state") / "state.db") as opened:
        yield opened


def correction(
    apn_id: str = "O1", name: str = "stage", source: Value = "Foo", corrected: Value = "Prospect"
) -> Correction:
    return Correction(apn_id, name, source, corrected, translatable=False, made_at=NOW)


@given(source=values, corrected=values)
def test_every_value_comes_back_as_it_was(state: State, source: Value, corrected: Value) -> None:
    one = correction(source=source, corrected=corrected)
    state.corrections.keep(one)
    (found,) = state.corrections.of("O1")
    assert found == one
    assert (type(found.source), type(found.corrected)) == (type(source), type(corrected))


def test_a_later_correction_of_the_field_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    with State.open(tmp_path / "state.db") as state:
        for text in ("Prospect", "Qualified"):
            state.corrections.keep(correction(corrected=text))
        state.corrections.keep(correction(name="targetCloseDate", source=date(2026, 1, 1), corrected=date(2026, 2, 1)))
        state.corrections.keep(correction("O2", "expectedMonthlyAwsRevenue", Decimal("1.10"), Decimal("2.00")))
        assert [(one.ace_field, one.corrected) for one in state.corrections.of("O1")] == [
            ("stage", "Qualified"),
            ("targetCloseDate", date(2026, 2, 1)),
        ]
        assert len(state.corrections.all()) == 3


def test_a_correction_is_dropped_once(tmp_path: Path) -> None:
    with State.open(tmp_path / "state.db") as state:
        state.corrections.keep(correction())
        assert state.corrections.drop("O1", "stage") is True
        assert state.corrections.drop("O1", "stage") is False
        assert state.corrections.of("O1") == []


def test_forgetting_a_record_forgets_what_was_corrected_of_it(tmp_path: Path) -> None:
    """Corrected values may be a person's: promise 9."""
    with State.open(tmp_path / "state.db") as state:
        state.corrections.keep(correction("O1", "customerEmail", "a@example.com", "b@example.com"))
        state.corrections.keep(correction("O2", "customerEmail", "c@example.com", "d@example.com"))
        state.forget("O1")
        assert [one.apn_id for one in state.corrections.all()] == ["O2"]

"""A look for changes reads the rows that moved since they were last looked at, and only those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.mapping.model import Mapping
from connector.names import PACKAGED
from connector.store.links import Link
from connector.store.state import State
from connector.sync import observe

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OBJECT = "ACE_Opportunity__c"
RECORD = "a00000000000001AAA"
SELLER, WORKER = "005000000000001AAA", "005000000000002AAA"


def stamped(at: datetime, author: str) -> dict[str, Any]:
    return {
        "Id": RECORD, "SystemModstamp": f"{at:%Y-%m-%dT%H:%M:%S}.000+0000", "LastModifiedById": author,
        PACKAGED.sync_with_aws: True,
    }  # fmt: skip


class Org:
    """An org with one flagged row: as its window lists it, and as it is when it is read."""

    def __init__(self, listed: dict[str, Any], read: dict[str, Any] | None = None) -> None:
        self._listed, self._read = listed, read or listed
        self.reads: list[Sequence[str]] = []

    def server_time(self) -> datetime:
        return NOW

    def changed(self, _name: str, _fields: Sequence[str], **_window: Any) -> Iterator[list[dict[str, Any]]]:
        yield [self._listed]

    def rows(self, _name: str, ids: Sequence[str], _fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        self.reads.append(ids)
        return {RECORD: self._read}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        opened.cursors.set(f"salesforce:{OBJECT}", (NOW - timedelta(minutes=1)).isoformat())
        yield opened


def poll(state: State, org: Org, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Look for changes; return the rows that were judged."""
    judged: list[dict[str, Any]] = []
    monkeypatch.setattr(observe, "observe", lambda _engine, row, _run: bool(judged.append(row)))
    engine: Any = SimpleNamespace(
        state=state, salesforce=org, names=PACKAGED, mapping=Mapping("opportunity", OBJECT, 1, ()), row_fields=tuple,
        troubles={}, readable_paths=lambda _mapping: (), record_type="opportunity",
    )  # fmt: skip
    observe.poll_changes(engine, "run")
    return judged


def remember(state: State, row: dict[str, Any]) -> None:
    state.links.save(Link(record_id=RECORD, object_name=OBJECT, row=row, modstamp=row["SystemModstamp"]))


def test_a_row_that_never_was_looked_at_is_read(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stamped(NOW - timedelta(minutes=2), SELLER)
    assert poll(state, Org(row), monkeypatch) == [row]


def test_a_row_that_stands_as_it_was_looked_at_is_not_read_again(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stamped(NOW - timedelta(minutes=2), SELLER)
    remember(state, row)
    org = Org(row)
    assert poll(state, org, monkeypatch) == []
    assert org.reads == []


@pytest.mark.parametrize(
    "moved", [stamped(NOW - timedelta(seconds=119), SELLER), stamped(NOW - timedelta(seconds=120), WORKER)],
    ids=["later", "same second, somebody else"],
)  # fmt: skip
def test_a_row_that_moved_is_read(state: State, monkeypatch: pytest.MonkeyPatch, moved: dict[str, Any]) -> None:
    remember(state, stamped(NOW - timedelta(seconds=120), SELLER))
    assert poll(state, Org(moved), monkeypatch) == [moved]


@pytest.mark.parametrize("change", ["modified", "unflagged"])
def test_what_happens_between_window_and_reading_is_left_to_the_next_window(
    state: State, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A row is judged at least two seconds after its last modification, and only while it is flagged."""
    listed = stamped(NOW - timedelta(minutes=2), SELLER)
    read = stamped(NOW, SELLER) if change == "modified" else listed | {PACKAGED.sync_with_aws: False}
    assert poll(state, Org(listed, read), monkeypatch) == []

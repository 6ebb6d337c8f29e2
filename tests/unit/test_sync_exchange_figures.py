"""How the exchange of files stands: counted from the state, worded for the status page and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.store.downloads import Download
from connector.store.entries import Entry
from connector.store.state import State
from connector.store.uploads import Upload
from connector.sync.exchange.figures import age, figures_in_words, file_figures

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORD = "a0LQy00000A1b2CIA0"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        yield opened


def entry(number: int) -> Entry:
    record = f"{RECORD[:-1]}{number}"
    return Entry(
        record_id=record, record_type="lead", run_id="run-1", entry={"status": "Open"}, partner_id=record, apn_id="L1",
        put_at=NOW,
    )  # fmt: skip


def incoming(name: str) -> Download:
    return Download(
        key=f"lead-outbound/{name}", etag="e", name=name, record_type="lead", size=9, modified_at=NOW, parent="run-1"
    )


def test_a_state_without_files_has_nothing_to_tell(state: State) -> None:
    figures = file_figures(state, (0, 10_000))
    assert not figures.pending
    assert figures_in_words(figures, NOW) == ""


def test_each_stage_of_a_file_is_counted(state: State) -> None:
    state.entries.put(entry(1))
    assert figures_in_words(file_figures(state), NOW) == "Files: 1 record to go into a file."
    state.uploads.store(Upload("lead-1.json", "lead", "run-1", b"{}"), [entry(1)], NOW)
    assert figures_in_words(file_figures(state), NOW) == "Files: 1 file to be sent."
    state.uploads.sent("lead-1.json", NOW)
    later = NOW + timedelta(minutes=75)
    assert figures_in_words(file_figures(state, (3, 10_000)), later) == (
        "Files: 1 file without AWS's result, the longest for 1 hour; 3 of 10000 files sent within 24 hours."
    )
    state.uploads.told("lead-1.json", later)
    assert "; 1 of them stuck" in figures_in_words(file_figures(state), later)
    state.uploads.answered("lead-1.json", later)
    assert not file_figures(state).pending


def test_files_of_aws_are_counted_until_they_are_worked_off(state: State) -> None:
    for name in ("good.json", "broken.json"):
        state.downloads.listed(incoming(name), NOW)
    state.downloads.unreadable("lead-outbound/broken.json", "e", "no JSON")
    figures = file_figures(state)
    assert (figures.incoming, figures.unreadable) == (1, 1)
    assert figures_in_words(figures, NOW) == (
        "Files: 1 file of AWS being worked off; 1 file of AWS that cannot be read."
    )
    state.downloads.taken("lead-outbound/good.json", "e", "run-2", [])
    state.downloads.finished("lead-outbound/good.json", "e", NOW)
    assert replace(file_figures(state), unreadable=0) == replace(figures, incoming=0, unreadable=0)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119), "1 hour"),
        (timedelta(hours=23), "23 hours"),
        (timedelta(days=2, hours=23), "2 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(passed: timedelta, words: str) -> None:
    assert age(NOW, NOW + passed) == words

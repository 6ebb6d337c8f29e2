"""Files of AWS are read once, each of their records is worked off for itself, and AWS's last word is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.store.downloads import Download, NewArrival
from connector.store.state import State

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RUN = "in-20261101T120000-00000001"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        yield opened


def file(name: str = "a.json", etag: str = "1", **given: object) -> Download:
    plain = Download(f"opportunity-outbound/{name}", etag, name, "opportunity", 10, NOW, "in-parent")
    return replace(plain, **given)  # type: ignore[arg-type]


def take(state: State, download: Download, *apn_ids: str) -> list[int]:
    """Have a file read with one record for each of these ids; return the records' numbers."""
    state.downloads.listed(download, NOW)
    records = [
        NewArrival(position, f'{{"of": "{apn_id}", "in": "{download.name}"}}', apn_id)
        for position, apn_id in enumerate(apn_ids)
    ]
    return [one.id for one in state.downloads.taken(download.key, download.etag, RUN, records)]


def test_a_file_is_to_be_read_once_until_its_content_changes(state: State) -> None:
    assert state.downloads.listed(file(), NOW)
    assert not state.downloads.listed(file(), NOW + DAY)
    assert state.downloads.listed(file(etag="2"), NOW + DAY)
    known = state.downloads.get(file().key, "1")
    assert known == replace(file(), listed_at=NOW + DAY)
    assert [one.etag for one in state.downloads.open("opportunity")] == ["1", "2"]
    assert state.downloads.open("lead") == []


def test_a_finished_file_is_new_only_when_it_was_put_there_again(state: State) -> None:
    take(state, file())
    state.downloads.finished(file().key, "1", NOW)
    assert not state.downloads.listed(file(), NOW), "its deletion did not come through: it is deleted again"
    assert state.downloads.listed(file(modified_at=NOW + DAY), NOW + DAY)
    again = state.downloads.get(file().key, "1")
    assert again is not None and (again.status, again.run_id) == ("listed", "")


def test_the_records_of_a_file_are_kept_all_at_once_and_once_only(state: State) -> None:
    first = take(state, file(), "O1", "O2")
    assert take(state, file(), "O1", "O2", "O3") == first
    one = state.downloads.arrived(first[0])
    assert one is not None
    assert (one.position, one.record_type, one.apn_id, one.run_id, one.status) == (
        0,
        "opportunity",
        "O1",
        RUN,
        "waiting",
    )
    assert one.payload == '{"of": "O1", "in": "a.json"}'


def test_a_file_is_complete_when_none_of_its_records_waits(state: State) -> None:
    first, second, third = take(state, file(), "O1", "O2", "O3")
    assert not state.downloads.is_complete(file().key, "1")
    assert not state.downloads.conclude(first, "done")
    assert not state.downloads.conclude(second, "failed")
    assert state.downloads.conclude(third, "skipped")
    assert state.downloads.counts(file().key, "1") == {"done": 1, "failed": 1, "skipped": 1}
    assert [one.id for one in state.downloads.records(file().key, "1", "failed")] == [second]


def test_a_file_without_records_is_complete_once_it_was_read(state: State) -> None:
    state.downloads.listed(file(), NOW)
    assert not state.downloads.is_complete(file().key, "1")
    take(state, file())
    assert state.downloads.is_complete(file().key, "1")


def test_of_each_of_aws_s_records_the_last_word_is_kept_and_no_other(state: State) -> None:
    old, other = take(state, file(), "O1", "O2")
    [new] = take(state, file("b.json"), "o1")
    assert [one.id for one in state.downloads.open_of("opportunity", "O1")] == [old, new]
    state.downloads.conclude(new, "done")
    older = state.downloads.arrived(old)
    assert older is not None and older.payload, "it waits for its turn"
    for number in (old, other):
        state.downloads.conclude(number, "done")
    last = state.downloads.last("opportunity", "O1")
    assert last is not None and (last.id, last.payload) == (new, '{"of": "o1", "in": "b.json"}')
    gone = state.downloads.arrived(old)
    assert gone is not None and gone.payload == ""
    assert state.downloads.last("opportunity", "O2") is not None
    assert state.downloads.last("lead", "O1") is None
    assert state.downloads.open_of("opportunity", "O1") == []


def test_what_was_skipped_is_not_aws_s_last_word(state: State) -> None:
    [good] = take(state, file(), "O1")
    [stale] = take(state, file("b.json"), "O1")
    state.downloads.conclude(good, "failed")
    state.downloads.conclude(stale, "skipped")
    last, skipped = state.downloads.last("opportunity", "O1"), state.downloads.arrived(stale)
    assert last is not None and last.id == good
    assert skipped is not None and skipped.payload == ""


def test_records_without_an_id_keep_nothing(state: State) -> None:
    first, second = take(state, file(), "", "")
    state.downloads.conclude(first, "done")
    kept = state.downloads.arrived(second)
    assert kept is not None and kept.payload, "one says nothing of another"
    state.downloads.conclude(second, "failed")
    assert all(one.payload == "" for one in state.downloads.records(file().key, "1"))


def test_a_file_that_cannot_be_read_waits_for_a_new_content_or_for_somebody(state: State) -> None:
    state.downloads.listed(file(), NOW)
    state.downloads.unreadable(file().key, "1", "position 3: no list", run_id=RUN)
    assert not state.downloads.listed(file(), NOW + DAY)
    [bad] = state.downloads.unreadables("opportunity")
    assert (bad.reason, bad.run_id) == ("position 3: no list", RUN)
    assert state.downloads.open() == []
    assert state.downloads.listed(file(etag="2"), NOW)
    assert state.downloads.repeat(file().key, "1")
    assert not state.downloads.repeat(file().key, "1")
    assert state.downloads.unreadables() == []
    assert take(state, file(), "O1")


def test_a_file_that_is_gone_before_it_was_read_is_forgotten(state: State) -> None:
    state.downloads.listed(file(), NOW)
    state.downloads.forget(file().key, "1")
    assert state.downloads.get(file().key, "1") is None


def test_pruning_spares_what_is_under_way_and_aws_s_last_words(state: State) -> None:
    [kept], [replaced] = take(state, file("kept.json"), "O1"), take(state, file("old.json"), "O2")
    take(state, file("open.json"), "O3")
    [newer] = take(state, file("newer.json"), "O2")
    for number in (kept, replaced, newer):
        state.downloads.conclude(number, "done")
    for name in ("kept.json", "old.json", "newer.json"):
        state.downloads.finished(file(name).key, "1", NOW)
    state.downloads.listed(file("vanished.json"), NOW)
    state.downloads.unreadable(file("vanished.json").key, "1", "x")
    assert state.downloads.prune(NOW) == 0
    assert state.downloads.prune(NOW + DAY) == 2, "the one that was replaced, and the one that lies there no more"
    assert state.downloads.last("opportunity", "O1") is not None
    assert state.downloads.last("opportunity", "O2") is not None
    assert [one.name for one in state.downloads.open()] == ["open.json"]


def test_a_run_waits_for_the_records_of_its_file(state: State) -> None:
    state.runs.start(RUN, NOW, direction="From AWS", purpose="p", object_name="Opportunity")
    first, second = take(state, file(), "O1", "O2")
    counts = []
    for number in (first, second):
        counts.append(next(run.waiting for run in state.runs.open_runs()))
        state.downloads.conclude(number, "done")
    assert [*counts, next(run.waiting for run in state.runs.open_runs())] == [2, 1, 0]

"""What the state keeps of files: nothing is lost between an entry and AWS's answer, and no record is in two files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import StaleRecord
from connector.store.entries import Entry
from connector.store.handles import Handles, create_private
from connector.store.migrations import MIGRATIONS, migrate
from connector.store.runs import Outcome
from connector.store.state import State
from connector.store.uploads import Upload, UploadRecord

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ONE, TWO, LEAD = "006000000000001AAA", "006000000000002AAA", "00Q000000000001AAA"
RUN = "out-20261101T120000-00000001"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        yield opened


def entry(record_id: str = ONE, at: datetime = NOW, **given: Any) -> Entry:
    facts: dict[str, Any] = {
        "record_type": "opportunity", "run_id": RUN, "entry": {"partnerProjectTitle": "Data lake"},
        "partner_id": record_id, "apn_id": None,
    }  # fmt: skip
    return Entry(record_id=record_id, put_at=at, **(facts | given))


def file(name: str = "a_1.json", run_id: str = RUN, record_type: str = "opportunity") -> Upload:
    return Upload(name=name, record_type=record_type, run_id=run_id, body=b"{}")


def send(state: State, name: str = "a_1.json", *records: str, run_id: str = RUN, at: datetime = NOW) -> None:
    """Have a file with these records at AWS."""
    entries = [entry(record) for record in records or (ONE,)]
    for each in entries:
        state.entries.put(each)
    state.uploads.store(file(name, run_id), entries, at)
    state.uploads.sent(name, at)


def test_an_entry_comes_back_as_it_was_put(state: State) -> None:
    full = entry(
        apn_id="O1", snapshot={"Name": "x", "Amount": None}, record={"title": ["decimal", "1.50"]},
        entry={"expectedMonthlyAwsRevenue": Decimal("1.50"), "notes": None}, left_out=("stage",),
        decision="Accepted", requested=True,
    )  # fmt: skip
    state.entries.put(full)
    assert state.entries.of_record(ONE) == full
    assert state.entries.waiting("opportunity") == [full]


def test_the_newer_entry_of_a_record_replaces_the_one_that_waits(state: State) -> None:
    state.entries.put(entry(at=NOW - DAY))
    state.entries.put(entry(entry={"nextStep": "Call"}))
    assert [one.entry for one in state.entries.waiting("opportunity")] == [{"nextStep": "Call"}]
    assert state.entries.count() == 1


def test_entries_wait_in_the_order_in_which_they_came_each_type_for_itself(state: State) -> None:
    state.entries.put(entry(TWO))
    state.entries.put(entry(ONE, NOW + DAY))
    state.entries.put(entry(LEAD, record_type="lead"))
    assert [one.record_id for one in state.entries.waiting("opportunity")] == [TWO, ONE]
    assert [one.record_id for one in state.entries.waiting("opportunity", 1)] == [TWO]
    assert (state.entries.count("opportunity"), state.entries.count("lead"), state.entries.count()) == (2, 1, 3)
    state.entries.drop(TWO)
    assert state.entries.of_record(TWO) is None


def test_a_file_takes_its_entries_and_nothing_else_does(state: State) -> None:
    state.entries.put(entry())
    state.entries.put(entry(TWO))
    state.uploads.store(file(), [entry()], NOW)
    assert [one.record_id for one in state.entries.waiting("opportunity")] == [TWO]
    assert state.uploads.to_send("opportunity") == [
        Upload("a_1.json", "opportunity", RUN, b"{}", status="stored", stored_at=NOW)
    ]
    assert state.uploads.records("a_1.json") == [UploadRecord(**vars_of(entry()), name="a_1.json")]


def vars_of(one: Entry) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Entry.__slots__}


def test_an_entry_put_anew_while_its_file_was_made_waits_for_the_next_one(state: State) -> None:
    state.entries.put(entry())
    newer = entry(at=NOW + DAY, entry={"nextStep": "Call"})
    state.entries.put(newer)
    state.uploads.store(file(), [entry()], NOW)
    assert state.entries.of_record(ONE) == newer
    assert state.entries.waiting("opportunity") == [], "not while the record is in flight"
    state.uploads.sent("a_1.json", NOW)
    state.uploads.conclude("a_1.json", ONE, "success")
    assert state.entries.waiting("opportunity") == [newer]


def test_no_record_is_in_two_files_at_once_and_the_second_file_leaves_no_trace(state: State) -> None:
    send(state)
    state.entries.put(entry(TWO))
    with pytest.raises(StaleRecord, match=r"a_1\.json"):
        state.uploads.store(file("b_2.json"), [entry(TWO), entry(ONE, NOW + DAY)], NOW)
    assert state.uploads.get("b_2.json") is None
    assert [one.record_id for one in state.entries.waiting("opportunity")] == [TWO]


def test_the_bytes_are_kept_until_aws_certainly_has_them_and_no_longer(state: State) -> None:
    state.uploads.store(file(), [entry()], NOW)
    stored = state.uploads.get("a_1.json")
    assert stored is not None and stored.body == b"{}"
    state.uploads.sent("a_1.json", NOW + DAY)
    sent = state.uploads.get("a_1.json")
    assert sent is not None and (sent.status, sent.sent_at, sent.body) == ("sent", NOW + DAY, b"")
    assert state.uploads.to_send("opportunity") == []


def test_a_file_whose_name_was_taken_keeps_its_records_under_the_new_one(state: State) -> None:
    state.uploads.store(file(), [entry()], NOW)
    state.uploads.rename("a_1.json", "a_2.json")
    assert [one.name for one in state.uploads.to_send("opportunity")] == ["a_2.json"]
    found = state.uploads.of_record(ONE)
    assert found is not None and (found[0].name, found[1].name) == ("a_2.json", "a_2.json")
    state.uploads.sent("a_2.json", NOW)
    state.uploads.rename("a_2.json", "a_3.json")
    assert state.uploads.get("a_3.json") is None, "AWS has it: its name does not change any more"


def test_a_record_is_in_flight_until_aws_says_what_became_of_it(state: State) -> None:
    send(state, "a_1.json", ONE, TWO)
    assert state.uploads.of_record(ONE) is not None
    state.uploads.conclude("a_1.json", ONE, "error")
    assert state.uploads.of_record(ONE) is None
    assert state.uploads.of_record(TWO) is not None
    assert [one.outcome for one in state.uploads.records("a_1.json")] == ["error", None]
    assert [one.name for one in state.uploads.unanswered()] == ["a_1.json"]
    state.uploads.answered("a_1.json", NOW + DAY)
    assert state.uploads.of_record(TWO) is None
    assert state.uploads.unanswered() == []
    assert [(one.entry, one.snapshot) for one in state.uploads.records("a_1.json")] == [({}, {}), ({}, {})]


def test_what_was_released_goes_out_again_and_still_knows_what_a_late_result_is_about(state: State) -> None:
    send(state)
    state.uploads.told("a_1.json", NOW)
    state.uploads.released("a_1.json", NOW + DAY)
    assert state.uploads.of_record(ONE) is None
    assert state.uploads.records("a_1.json")[0].entry == entry().entry
    send(state, "b_2.json")
    state.uploads.conclude("a_1.json", ONE, "success")
    state.uploads.answered("a_1.json", NOW + DAY)
    found = state.uploads.of_record(ONE)
    assert found is not None and found[0].name == "b_2.json", "the late result ends the first file only"
    late = state.uploads.get("a_1.json")
    assert late is not None and late.status == "answered"
    assert state.uploads.recovered() == [], "its log is gone: there is nothing to tell on it"
    state.uploads.released("a_1.json", NOW + DAY)
    again = state.uploads.get("a_1.json")
    assert again is not None and again.status == "answered", "what is answered stays so"


def test_files_that_wait_are_listed_by_age_and_type(state: State) -> None:
    send(state, "b_2.json", TWO, at=NOW)
    send(state, "a_1.json", ONE, at=NOW - DAY)
    lead = entry(LEAD, record_type="lead")
    state.uploads.store(file("c_3.json", record_type="lead"), [lead], NOW)
    state.uploads.sent("c_3.json", NOW + DAY)
    assert [one.name for one in state.uploads.unanswered()] == ["a_1.json", "b_2.json", "c_3.json"]
    assert [one.name for one in state.uploads.unanswered("lead")] == ["c_3.json"]
    assert state.uploads.oldest_unanswered() == NOW - DAY
    assert state.uploads.oldest_unanswered("lead") == NOW + DAY
    assert state.uploads.counts() == {"sent": 3}


def test_the_logs_of_files_without_an_answer_are_known(state: State) -> None:
    send(state, "a_1.json", ONE, run_id="first")
    state.uploads.store(file("b_2.json", "second"), [entry(TWO)], NOW)
    state.uploads.log_written("first", "a0Y1")
    state.uploads.log_written("first", "a0Y9")
    state.uploads.log_written("second", "a0Y2")
    assert [one.log_id for one in state.uploads.unanswered()] == ["a0Y1"], "written under another id: the first counts"
    stored = state.uploads.get("b_2.json")
    assert stored is not None and stored.log_id == "", "AWS may not have the file: deleting its log says nothing"
    assert state.uploads.open_runs() == {"first", "second"}
    state.uploads.answered("a_1.json", NOW)
    assert state.uploads.open_runs() == {"second"}


def test_only_what_went_out_counts_as_sent_in_a_run(state: State) -> None:
    send(state, "a_1.json", TWO, ONE)
    state.uploads.store(file("b_2.json"), [entry("006000000000003AAA")], NOW)
    assert state.uploads.record_ids(RUN) == [ONE, TWO]
    state.uploads.answered("a_1.json", NOW)
    assert state.uploads.record_ids(RUN) == [ONE, TWO]


def test_pruning_forgets_ended_files_only(state: State) -> None:
    for number, record in enumerate((ONE, TWO, LEAD)):
        send(state, f"a_{number}.json", record)
    state.uploads.answered("a_0.json", NOW)
    state.uploads.released("a_1.json", NOW)
    assert state.uploads.prune(NOW) == 0
    assert state.uploads.prune(NOW + DAY) == 2
    assert [one.name for one in state.uploads.unanswered()] == ["a_2.json"]
    assert state.uploads.records("a_0.json") == []


class TestRuns:
    """A run's records wait for as long as their files do."""

    def start(self, state: State, run_id: str = RUN) -> None:
        state.runs.start(run_id, NOW, direction="To AWS", purpose="p", object_name="Opportunity", file_name="a_1.json")

    def waiting(self, state: State, run_id: str = RUN) -> int:
        run = state.runs.get(run_id)
        assert run is not None
        return run.waiting

    def test_a_record_counts_once_from_its_entry_to_its_answer(self, state: State) -> None:
        self.start(state)
        counts = [self.waiting(state)]
        state.runs.record(RUN, ONE, "waiting")
        state.entries.put(entry())
        counts.append(self.waiting(state))
        send(state, "a_1.json", ONE)
        counts.append(self.waiting(state))
        state.runs.record(RUN, ONE, "error")
        state.uploads.conclude("a_1.json", ONE, "error")
        run = state.runs.get(RUN)
        assert run is not None and (run.success, run.error, run.waiting, run.file_name) == (0, 1, 0, "a_1.json")
        assert counts == [0, 1, 1]

    def test_a_record_waits_in_the_run_of_its_file(self, state: State) -> None:
        self.start(state)
        self.start(state, "further")
        state.runs.record(RUN, ONE, "waiting")
        state.entries.put(entry())
        send(state, "a_1.json", ONE, run_id="further")
        assert (self.waiting(state), self.waiting(state, "further")) == (0, 1)
        assert {run.run_id: run.waiting for run in state.runs.open_runs()} == {RUN: 0, "further": 1}

    def test_what_the_file_came_to_is_kept_with_its_name(self, state: State) -> None:
        self.start(state)
        state.runs.call(RUN, "Error")
        state.runs.call(RUN, "API Success", file_name="b_2.json")
        run = state.runs.get(RUN)
        assert run is not None and (run.call, run.file_name) == ("API Success", "b_2.json")

    def test_nothing_is_expected_any_more_of_records_that_were_noted_as_waiting(self, state: State) -> None:
        self.start(state)
        outcomes: dict[str, Outcome] = {ONE: "success", TWO: "error", LEAD: "waiting"}
        for record, outcome in outcomes.items():
            state.runs.record(RUN, record, outcome)
        state.runs.drop_waiting(RUN)
        assert state.runs.ids(RUN) == [ONE, TWO]

    def test_runs_of_the_older_schema_keep_their_outcomes(self, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        create_private(path)
        handles = Handles(path)
        migrate(handles, [step for step in MIGRATIONS if step.number < 10])
        handles.db.execute("insert into runs values (?, 'To AWS', 'p', 'o', '', '', ?, null)", (RUN, NOW.isoformat()))
        handles.db.execute("insert into run_records values (?, 'a', 'success'), (?, 'b', 'error')", (RUN, RUN))
        handles.close()
        with State.open(path) as state:
            run = state.runs.get(RUN)
            assert run is not None
            assert (run.success, run.error, run.waiting, run.file_name, run.call) == (1, 1, 0, "", "")


steps = st.lists(
    st.tuples(st.sampled_from(("put", "store", "sent", "conclude", "answer", "release")), st.integers(0, 2)),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_whatever_happens_a_record_is_in_flight_in_at_most_one_file_and_never_packed_meanwhile(
    steps: list[tuple[str, int]],
) -> None:
    """Each record that was put is waiting, in flight, or in a file that ended: it is never lost."""
    ids = (ONE, TWO, LEAD)
    with TemporaryDirectory() as directory, State.open(Path(directory) / "state.db") as state:
        state._handles.db.execute("pragma synchronous = off")
        put: set[str] = set()
        for moment, (step, choice) in enumerate(steps):
            at = NOW + timedelta(seconds=moment)
            take(state, step, ids[choice], at)
            put |= {ids[choice]} if step == "put" else set()
            flying = [one for one in ids if state.uploads.of_record(one) is not None]
            ready = {one.record_id for one in state.entries.waiting("opportunity")}
            assert not ready.intersection(flying)
            seen = {row.record_id for name in names(state) for row in state.uploads.records(name)}
            assert put <= seen | {one for one in ids if state.entries.of_record(one)}


def names(state: State) -> list[str]:
    return [row[0] for row in state._handles.db.execute("select name from uploads")]


def take(state: State, step: str, record_id: str, at: datetime) -> None:
    found = state.uploads.of_record(record_id)
    match step:
        case "put":
            state.entries.put(replace(entry(record_id), put_at=at))
        case "store":
            waiting = state.entries.waiting("opportunity")
            if waiting:
                state.uploads.store(file(f"f_{at:%H%M%S}.json"), waiting, at)
        case "sent":
            for upload in state.uploads.to_send("opportunity"):
                state.uploads.sent(upload.name, at)
        case "conclude" if found:
            state.uploads.conclude(found[0].name, record_id, "success")
        case "answer" if found and found[0].status == "sent":
            state.uploads.answered(found[0].name, at)
        case "release" if found and found[0].status == "sent":
            state.uploads.released(found[0].name, at)

"""What waits to be written to Salesforce: merged while it waits, removed only as far as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.store.codec import stamp
from connector.store.handles import Handles
from connector.store.migrations import MIGRATIONS, migrate
from connector.store.problems import KEY_LENGTH, detail_key
from connector.store.state import State
from connector.store.writebacks import unsent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as state:
        yield state


# writebacks


def test_values_put_for_one_record_are_written_together_the_later_winning(state: State) -> None:
    state.writebacks.put("a", "Opportunity", {"Amount": Decimal("1.10"), "Name": "x"}, NOW)
    state.writebacks.put("a", "Opportunity", {"Name": "y"}, NOW + MINUTE)
    [due] = state.writebacks.due(NOW, 10)
    assert due.values == {"Amount": Decimal("1.10"), "Name": "y"}
    assert (due.object_name, due.guard, due.attempts, due.created_at) == ("Opportunity", None, 0, NOW)
    assert state.writebacks.count() == 1


@pytest.mark.parametrize(
    ("guards", "kept"),
    [
        ((None, "2026-03-01T12:00:00Z"), "2026-03-01T12:00:00Z"),
        (("2026-03-01T12:00:00Z", None), "2026-03-01T12:00:00Z"),
        (("2026-03-01T12:00:00Z", "2026-03-01T11:00:00Z"), "2026-03-01T11:00:00Z"),
        (("2026-03-01T12:00:00.000+0000", "2026-03-01T12:30:00Z"), "2026-03-01T12:00:00.000+0000"),
    ],
)
def test_the_earliest_guard_stays_so_that_no_edit_is_covered_up(
    state: State, guards: tuple[str | None, str | None], kept: str
) -> None:
    for guard in guards:
        state.writebacks.put("a", "Opportunity", {"Name": "x"}, NOW, guard=guard)
    waiting = state.writebacks.get("a")
    assert waiting is not None
    assert waiting.guard == kept


def test_a_value_put_anew_while_the_older_one_was_written_stays(state: State) -> None:
    state.writebacks.put("a", "Opportunity", {"Name": "x", "Stage": "1"}, NOW)
    [sent] = state.writebacks.due(NOW, 10)
    state.writebacks.put("a", "Opportunity", {"Name": "y"}, NOW)
    state.writebacks.done("a", sent.values)
    [left] = state.writebacks.due(NOW, 10)
    assert left.values == {"Name": "y"}
    state.writebacks.done("a", left.values)
    state.writebacks.done("a", left.values)
    assert state.writebacks.get("a") is None


def test_what_parents_have_for_one_related_record_is_kept_apart(state: State) -> None:
    """Each parent is to learn what became of its own values; the record's own are another entry still."""
    state.writebacks.put("a", "Account", {"Name": "own"}, NOW)
    for parent, name in (("p1", "x"), ("p2", "y")):
        state.writebacks.put("a", "Account", {"Name": name}, NOW, parent=parent, relationship="Account")
    state.writebacks.put("b", "Account", {"Name": "z"}, NOW, parent="p1", relationship="Buyer__r")
    assert {(one.owner, one.values["Name"]) for one in state.writebacks.due(NOW, 10)} == {
        ("a", "own"), ("p1", "x"), ("p2", "y"), ("p1", "z"),
    }  # fmt: skip
    assert [(one.record_id, one.relationship) for one in state.writebacks.of_parent("p1")] == [
        ("a", "Account"), ("b", "Buyer__r"),
    ]  # fmt: skip
    state.writebacks.done("a", {"Name": "x"}, parent="p1", relationship="Account")
    state.writebacks.retry("a", NOW + MINUTE, "locked", parent="p2", relationship="Account")
    assert {(one.owner, one.attempts) for one in state.writebacks.due(NOW, 10)} == {("a", 0), ("p1", 0)}
    state.writebacks.done("b", {"Name": "z"}, parent="p1", relationship="Buyer__r")
    assert not state.writebacks.waits_for("p1")
    assert state.writebacks.waits_for("p2") and state.writebacks.waits_for("a")


def test_what_was_written_to_a_related_record_is_known_again_without_its_text(state: State) -> None:
    state.writebacks.remember_related("a", {"Phone": "+12065550100", "Fax": None})
    assert state.writebacks.wrote_related("a", "Phone", "+12065550100")
    assert state.writebacks.wrote_related("a", "Fax", None)
    assert not state.writebacks.wrote_related("a", "Phone", "+12065550101")
    assert not state.writebacks.wrote_related("a", "Fax", "")
    assert not state.writebacks.wrote_related("b", "Phone", "+12065550100")
    assert not state.writebacks.wrote_related("b", "Fax", None)
    state.writebacks.remember_related("a", {"Phone": "+12065550101"})
    assert not state.writebacks.wrote_related("a", "Phone", "+12065550100")
    assert b"+12065550101" not in b"".join(file.read_bytes() for file in state.path.parent.iterdir())


def test_a_parent_that_is_forgotten_leaves_nothing_for_its_related_records(state: State) -> None:
    state.writebacks.put("a", "Account", {"Name": "x"}, NOW, parent="p1", relationship="Account")
    state.writebacks.put("a", "Account", {"Name": "y"}, NOW, parent="p2", relationship="Account")
    state.forget("p1")
    assert [one.parent for one in state.writebacks.due(NOW, 10)] == ["p2"]
    state.writebacks.remember_related("a", {"Name": "y"})
    state.forget("a")
    assert state.writebacks.count() == 0
    assert not state.writebacks.wrote_related("a", "Name", "y")


def test_what_waited_before_the_upgrade_waits_after_it(tmp_path: Path) -> None:
    handles = Handles(tmp_path / "state.db")
    migrate(handles, [one for one in MIGRATIONS if one.number < 5])
    handles.db.execute(
        "insert into writebacks values ('a', 'Opportunity', '{\"Name\":\"x\"}', null, 'locked', 2, ?, ?)",
        (stamp(NOW), stamp(NOW - MINUTE)),
    )
    handles.db.conn.commit()
    handles.close()
    with State.open(tmp_path / "state.db") as opened:
        [due] = opened.writebacks.due(NOW, 10)
        assert (due.record_id, due.values, due.attempts, due.parent) == ("a", {"Name": "x"}, 2, "")
        assert (due.created_at, due.put_at) == (NOW - MINUTE, NOW - MINUTE)


def test_a_write_that_failed_waits_for_its_time_even_if_more_is_put(state: State) -> None:
    state.writebacks.put("a", "Opportunity", {"Name": "x"}, NOW)
    state.writebacks.retry("a", NOW + 5 * MINUTE, "row locked")
    state.writebacks.put("a", "Opportunity", {"Name": "y"}, NOW + MINUTE)
    assert state.writebacks.due(NOW + MINUTE, 10) == []
    [due] = state.writebacks.due(NOW + 5 * MINUTE, 10)
    assert (due.attempts, due.reason, due.values) == (1, "row locked", {"Name": "y"})


def test_the_oldest_write_goes_first_and_tells_its_age(state: State) -> None:
    assert state.writebacks.oldest() is None
    for number, key in enumerate("cab"):
        state.writebacks.put(key, "Opportunity", {"Name": "x"}, NOW + number * MINUTE)
    assert [due.record_id for due in state.writebacks.due(NOW + 9 * MINUTE, 2)] == ["c", "a"]
    assert state.writebacks.oldest() == NOW


members = st.dictionaries(st.sampled_from("abc"), st.sampled_from([None, True, 1, "1", Decimal("1"), Decimal("1.0")]))


@given(members, members)
def test_what_was_not_sent_is_exactly_what_differs_by_name_or_value(
    waiting: dict[str, object], sent: dict[str, object]
) -> None:
    left = unsent(waiting, sent)
    assert left.items() <= waiting.items()
    for name, value in waiting.items():
        same = name in sent and (type(sent[name]), str(sent[name])) == (type(value), str(value))
        assert (name in left) is not same


# outbox


def test_log_rows_are_merged_by_key_and_written_in_the_order_of_their_first_put(state: State) -> None:
    state.outbox.put("Log", "Log_Key__c", "2", {"Status": "Open", "Count": 1}, NOW)
    state.outbox.put("Log", "Log_Key__c", "1", {"Status": "Open"}, NOW)
    state.outbox.put("Log", "Log_Key__c", "2", {"Count": 2}, NOW)
    state.outbox.put("Detail", "Detail_Key__c", "2", {"Code": "X"}, NOW)
    assert [(row.key, row.body) for row in state.outbox.due(NOW, "Log", 10)] == [
        ("2", {"Status": "Open", "Count": 2}),
        ("1", {"Status": "Open"}),
    ]
    assert (state.outbox.count(), state.outbox.count("Log")) == (3, 2)
    assert [row.key_field for row in state.outbox.due(NOW, "Detail", 1)] == ["Detail_Key__c"]


def test_a_log_field_put_anew_while_the_older_one_was_written_stays(state: State) -> None:
    state.outbox.put("Log", "Log_Key__c", "1", {"Status": "Open", "Count": 1}, NOW)
    [sent] = state.outbox.due(NOW, "Log", 10)
    state.outbox.put("Log", "Log_Key__c", "1", {"Count": 2}, NOW)
    state.outbox.done("Log", "1", sent.body)
    [left] = state.outbox.due(NOW, "Log", 10)
    assert left.body == {"Count": 2}
    state.outbox.done("Log", "1", left.body)
    state.outbox.done("Log", "1", left.body)
    assert state.outbox.count() == 0


def test_a_log_row_that_was_refused_waits_for_its_time(state: State) -> None:
    state.outbox.put("Log", "Log_Key__c", "1", {"Status": "Open"}, NOW)
    state.outbox.retry("Log", "1", NOW + MINUTE, "storage full")
    assert state.outbox.due(NOW, "Log", 10) == []
    [row] = state.outbox.due(NOW + MINUTE, "Log", 10)
    assert (row.attempts, row.reason) == (1, "storage full")


# problems


def test_a_problem_that_lasts_keeps_one_detail(state: State) -> None:
    first = state.problems.raise_("a", "REQUIRED", "title", NOW, log_key="run-1")
    again = state.problems.raise_("a", "REQUIRED", "title", NOW + MINUTE, log_key="run-2")
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.detail_key, again.log_key) == (first.detail_key, "run-1")
    assert (again.count, again.first_seen, again.last_seen) == (2, NOW, NOW + MINUTE)
    assert state.problems.open_for("a") == [again]


def test_a_problem_that_comes_back_gets_a_detail_of_its_own(state: State) -> None:
    first = state.problems.raise_("a", "REQUIRED", "title", NOW)
    [closed] = state.problems.resolve("a", now=NOW + MINUTE)
    assert (closed.detail_key, closed.open, closed.last_seen) == (first.detail_key, False, NOW + MINUTE)
    back = state.problems.raise_("a", "REQUIRED", "title", NOW + 2 * MINUTE)
    assert back.is_new
    assert back.detail_key != first.detail_key


def test_problems_are_resolved_by_code_or_all_at_once(state: State) -> None:
    for code, field in (("REQUIRED", "title"), ("REQUIRED", "stage"), ("TOO_LONG", "title")):
        state.problems.raise_("a", code, field, NOW)
    state.problems.raise_("b", "REQUIRED", "title", NOW)
    assert {row.field for row in state.problems.resolve("a", {"REQUIRED"}, now=NOW)} == {"title", "stage"}
    assert [row.code for row in state.problems.open_for("a")] == ["TOO_LONG"]
    assert state.problems.resolve("a", [], now=NOW) == []
    assert len(state.problems.resolve("a", now=NOW)) == 1
    assert state.problems.open_count() == 1


def test_pruned_problems_never_give_their_keys_away(state: State) -> None:
    keys = []
    for _ in range(3):
        keys.append(state.problems.raise_("a", "REQUIRED", "title", NOW).detail_key)
        state.problems.resolve("a", now=NOW)
    assert state.problems.prune(NOW + MINUTE) == 2
    keys.append(state.problems.raise_("a", "REQUIRED", "title", NOW).detail_key)
    assert len(set(keys)) == 4


parts = st.text(max_size=200) | st.text(alphabet="a:", max_size=4)


@given(st.lists(st.tuples(parts, parts, parts, st.integers(1, 12)), unique=True, max_size=20))
def test_detail_keys_are_short_and_never_alike(occurrences: list[tuple[str, str, str, int]]) -> None:
    keys = [detail_key(*occurrence) for occurrence in occurrences]
    assert len(set(keys)) == len(occurrences)
    assert all(len(key) <= KEY_LENGTH for key in keys)


def test_detail_keys_tell_apart_parts_that_read_alike_when_joined() -> None:
    assert detail_key("a", "B:C", "d", 1) != detail_key("a", "B", "C:d", 1)
    assert detail_key("006", "REQUIRED", "title", 2) == "006:REQUIRED:title:2"


def test_a_problem_can_be_closed_by_the_key_of_its_detail(state: State) -> None:
    closed = state.problems.raise_("a", "REQUIRED", "title", NOW)
    other = state.problems.raise_("a", "REQUIRED", "stage", NOW)
    state.problems.close(closed.detail_key, NOW)
    assert state.problems.open_for("a") == [other]


# runs


def test_a_run_counts_every_record_by_its_last_outcome(state: State) -> None:
    run = state.runs.start("r", NOW, direction="To AWS", purpose="p", object_name="Opportunity", parent="q")
    assert (run.success, run.error, run.ended_at, run.parent) == (0, 0, None, "q")
    state.runs.record("r", "a", "error")
    state.runs.record("r", "b", "error")
    state.runs.record("r", "a", "success")
    state.runs.record("r", "a", "success")
    [run] = state.runs.open_runs()
    assert (run.success, run.error) == (1, 1)
    assert state.runs.ids("r") == ["a", "b"]
    assert state.runs.ids("r", outcome="error") == ["b"]


def test_starting_a_run_again_keeps_its_counts(state: State) -> None:
    state.runs.start("r", NOW, direction="To AWS", purpose="p", object_name="Opportunity")
    state.runs.record("r", "a", "success")
    run = state.runs.start("r", NOW + MINUTE, direction="To AWS", purpose="p", object_name="Opportunity")
    assert (run.started_at, run.success) == (NOW, 1)


def test_a_run_ends_once_and_is_pruned_with_its_outcomes(state: State) -> None:
    for name in ("r", "s"):
        state.runs.start(name, NOW, direction="To AWS", purpose="p", object_name="Opportunity", message="begun")
        state.runs.record(name, "a", "success")
    ended = state.runs.close("r", NOW + MINUTE)
    again = state.runs.close("r", NOW + 2 * MINUTE, message="done")
    assert ended is not None
    assert again is not None
    assert (ended.ended_at, ended.message) == (NOW + MINUTE, "begun")
    assert (again.ended_at, again.message, again.success) == (NOW + MINUTE, "done", 1)
    assert [run.run_id for run in state.runs.open_runs()] == ["s"]
    assert state.runs.prune(NOW + 3 * MINUTE) == 1
    assert (state.runs.get("r"), state.runs.ids("r"), state.runs.close("r", NOW)) == (None, [], None)
    assert state.runs.ids("s") == ["a"]

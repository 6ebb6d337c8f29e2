"""Links and shares: everything comes back exactly as it was saved, and no two records share an AWS id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import DuplicateValue
from connector.store.codec import dump, load, moment, stamp
from connector.store.links import Link, Status
from connector.store.shares import Share, Step
from connector.store.state import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

FULL = Link(
    record_id="006000000000001AAA",
    object_name="Opportunity",
    apn_id="O1234567",
    origin="aws",
    status="held",
    hold_reason="in review",
    generation=2,
    review_status="Submitted",
    stage="Qualified",
    row={"Amount": Decimal("1234567890123456.10"), "Name": "Ünïcode 案件", "Account": {"Name": None}, "Count": 3},
    seen={"title": "a", "note": None},
    written={"stage": "Qualified"},
    modstamp="2026-03-01T12:00:00.000+0000",
    aws={"Id": "O1234567", "Project": {"Competitors": ["x"], "ExpectedSpend": Decimal("0.1")}},
    summary={"Insights": {"Score": "High"}},
    aws_modified="2026-03-01T12:00:00.123456Z",
    summarised_at="2026-03-01T11:00:00.000000Z",
    rounds=3,
    failures=1,
    first_failure="2026-02-01T00:00:00.000000Z",
    failed_snapshot={"title": "b"},
    requested=True,
    apn_id_written=True,
    applied={"customerCompanyName": "Ünïcode", "projectCloseDate": date(2026, 3, 1), "amount": Decimal("1.10")},
    pending_applied={"products": ("a", "b"), "note": None},
    locked={"project.title": "a"},
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as state:
        yield state


def link(number: int, *, status: Status = "linked", apn: bool = True, object_name: str = "Opportunity") -> Link:
    apn_id = f"O{number}" if apn else None
    return Link(f"{number:018d}", object_name, apn_id=apn_id, status=status)


def ids(links: list[Link]) -> list[int]:
    return [int(link.record_id) for link in links]


def test_a_link_comes_back_exactly_as_it_was_saved(state: State) -> None:
    bare = Link("006000000000002AAA", "ACE_Lead__c")
    for saved in (FULL, bare):
        state.links.save(saved)
        assert state.links.get(saved.record_id) == saved
    row = state.links.get(FULL.record_id).row  # type: ignore[union-attr]
    assert row is not None
    assert str(row["Amount"]) == "1234567890123456.10"
    assert state.links.get("006000000000009AAA") is None


def test_a_link_that_must_exist_is_missed_by_name(state: State) -> None:
    state.links.save(FULL)
    assert state.links.require(FULL.record_id) == FULL
    with pytest.raises(KeyError, match="006000000000002AAA"):
        state.links.require("006000000000002AAA")


def test_confirming_makes_what_was_pending_what_is_applied() -> None:
    link = replace(FULL)
    link.confirm_applied()
    assert (link.applied, link.pending_applied) == ({"products": ("a", "b"), "note": None}, None)
    link.confirm_applied()
    assert link.applied == {"products": ("a", "b"), "note": None}


def test_saving_again_replaces_every_field(state: State) -> None:
    state.links.save(FULL)
    state.links.save(Link(FULL.record_id, "Opportunity"))
    assert state.links.get(FULL.record_id) == Link(FULL.record_id, "Opportunity")
    assert state.links.count() == 1


def test_a_link_is_found_by_its_aws_id_in_any_case(state: State) -> None:
    state.links.save(FULL)
    assert state.links.by_apn("o1234567") == FULL
    assert state.links.by_apn("O7654321") is None


def test_two_records_cannot_be_linked_to_one_opportunity(state: State) -> None:
    state.links.save(FULL)
    with pytest.raises(DuplicateValue, match="006000000000002AAA") as refusal:
        state.links.save(Link("006000000000002AAA", "Opportunity", apn_id="o1234567"))
    assert [(problem.field, problem.value) for problem in refusal.value.problems] == [
        ("apnCrmUniqueIdentifier", "o1234567")
    ]
    assert state.links.get("006000000000002AAA") is None


def test_any_number_of_records_may_have_no_aws_id(state: State) -> None:
    for number in range(3):
        state.links.save(link(number, apn=False))
    assert state.links.count() == 3


def test_the_short_form_of_a_record_id_is_refused(state: State) -> None:
    with pytest.raises(ValueError, match="not of 18 characters"):
        state.links.save(Link("006000000000001", "Opportunity"))


def test_links_are_iterated_and_counted_by_status_and_object(state: State) -> None:
    state.links.save(link(1))
    state.links.save(link(2, status="tombstone"))
    state.links.save(link(3, object_name="ACE_Lead__c"))
    assert ids(list(state.links.iterate())) == [1, 2, 3]
    assert ids(list(state.links.iterate(status="linked"))) == [1, 3]
    assert ids(list(state.links.iterate(status="linked", object_name="Opportunity"))) == [1]
    assert (state.links.count(), state.links.count("tombstone")) == (3, 1)
    state.links.delete(f"{1:018d}")
    assert ids(list(state.links.iterate())) == [2, 3]


def test_links_may_change_while_they_are_iterated(state: State) -> None:
    with state.transaction():
        for number in range(10):
            state.links.save(link(number))
    met = []
    for met_link in state.links.iterate(batch=3):
        met.append(int(met_link.record_id))
        if met[-1] % 2:
            state.links.delete(met_link.record_id)
        else:
            state.links.save(replace(met_link, stage="Qualified"))
    assert met == list(range(10))
    assert [link.stage for link in state.links.iterate()] == ["Qualified"] * 5


def test_the_rotation_takes_open_linked_opportunities_longest_ago_first(state: State) -> None:
    for number, hour in ((1, "03"), (2, "01"), (3, "02"), (4, "09")):
        state.links.save(replace(link(number), summarised_at=f"2026-03-01T{hour}"))
    state.links.save(link(5))
    state.links.save(link(6, status="tombstone"))
    state.links.save(link(7, apn=False))
    state.links.save(replace(link(8), stage="Closed Lost"))
    state.links.save(replace(link(9), stage="Launched"))
    state.links.save(replace(link(10), apn_id="L1000010"))
    assert ids(state.links.summary_rotation(10, "2026-03-01T08")) == [5, 2, 3, 1]
    assert ids(state.links.summary_rotation(2, "2026-03-01T08")) == [5, 2]


def test_asking_for_a_summary_moves_the_rotation_on(state: State) -> None:
    for number in (1, 2):
        state.links.save(link(number))
    [first] = state.links.summary_rotation(1, "2026-03-01T08")
    state.links.summarised(first.record_id, "2026-03-01T07")
    assert ids(state.links.summary_rotation(1, "2026-03-01T08")) == [2]
    assert state.links.get(first.record_id) == replace(first, summarised_at="2026-03-01T07")


def share(record_id: str, *, step: Step = "intent", started_at: datetime = NOW) -> Share:
    return Share(
        record_id=record_id,
        generation=1,
        step=step,
        create_request='{"Catalog": "AWS",  "ClientToken": "t"}',
        create_token="t",
        submit_token="u",
        started_at=started_at,
        updated_at=NOW + timedelta(microseconds=1),
    )


def test_a_share_comes_back_exactly_with_its_request_byte_for_byte(state: State) -> None:
    bare = share("a")
    full = replace(bare, record_id="b", apn_id="O1", task_id="task-1", associated=["Solutions:S-1"], uncertain=True)
    full = replace(full, involvement="Co-Sell", visibility="Full")
    for saved in (bare, full):
        state.shares.save(saved)
        assert state.shares.get(saved.record_id) == saved


def test_open_shares_are_those_not_done_oldest_first(state: State) -> None:
    state.shares.save(share("new", step="polling"))
    state.shares.save(share("old", started_at=NOW - timedelta(hours=1)))
    state.shares.save(share("done", step="done"))
    assert [open_share.record_id for open_share in state.shares.open()] == ["old", "new"]
    state.shares.delete("old")
    assert [open_share.record_id for open_share in state.shares.open()] == ["new"]
    assert state.shares.get("old") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(json_values)
def test_json_text_gives_back_the_value_with_every_digit(value: object) -> None:
    assert repr(load(dump(value))) == repr(load(dump(load(dump(value)))))
    assert load(dump(value)) == value


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), {1, 2}, NOW])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dump({"value": value})


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_time_stamps_sort_as_text_as_they_do_in_time(one: datetime, other: datetime) -> None:
    one, other = (value.astimezone(UTC) for value in (one, other))
    assert moment(stamp(one)) == one
    assert (stamp(one) < stamp(other)) is (one < other)

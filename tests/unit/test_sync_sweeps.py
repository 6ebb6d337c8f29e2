"""The walk through AWS's list: nothing that changes meanwhile is lost, and no interruption makes it begin anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_engine import SettableClock

from connector.errors import Deferred, Refused
from connector.mapping.describe import ObjectDescribe
from connector.store.links import Link
from connector.store.state import State
from connector.sync import logs
from connector.sync.backfill import Scope, look_through
from connector.sync.create import ADOPTED
from connector.sync.engine import Engine, Priority
from connector.sync.ports import Json
from connector.sync.queueing import REQUEST
from connector.sync.reconcile import reconcile
from connector.sync.requests import share_work
from connector.sync.sweeps import (
    compare_anew,
    is_first,
    link_existing,
    modified_sweep_is_unfinished,
    sweep_modified,
    sweep_summaries,
    walk_modified,
)

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAGE = 3


class Listing:
    """Partner Central's list as positions: what is modified moves to the end, and what was behind it moves up.

    Attributes:
        dates: LastModifiedDate by id.
        between: called before each page but the first of the test, with the number of pages so far.
        bounds: the bounds that were asked for.
    """

    def __init__(self, dates: dict[str, datetime], clock: SettableClock) -> None:
        self.dates, self.clock = dates, clock
        self.between: Any = lambda _: None
        self.pages = 0
        self.bounds: list[datetime | None] = []

    def list_opportunities(self, *, modified_after: datetime | None = None) -> Iterator[list[Json]]:
        self.bounds.append(modified_after)
        # botocore sends whole seconds.
        after = modified_after.replace(microsecond=0) if modified_after else None
        position = 0
        while True:
            if self.pages:
                self.between(self.pages)
            self.pages += 1
            listed = sorted((date, one) for one, date in self.dates.items() if after is None or date > after)
            page = listed[position : position + PAGE]
            position += PAGE
            yield [{"Id": one, "LastModifiedDate": f"{date:%Y-%m-%dT%H:%M:%S.%fZ}"} for date, one in page]
            if position >= len(listed):
                return

    def get_aws_opportunity_summary(self, opportunity_id: str) -> Json:
        return {"Asked": opportunity_id}

    def touch(self, apn_id: str) -> None:
        self.dates[apn_id] = self.clock.now()


def made(count: int, *, seconds: float = 60, begin: datetime = BEGIN) -> dict[str, datetime]:
    return {f"O{number}": begin + timedelta(seconds=seconds * number) for number in range(count)}


class Desk:
    """An engine on a real state whose one door is AWS's list; Salesforce has nothing."""

    def __init__(self, path: Path, dates: dict[str, datetime]) -> None:
        self.clock = SettableClock(BEGIN + timedelta(days=1))
        self.aws, self.state = Listing(dates, self.clock), State.open(path)
        salesforce = SimpleNamespace(
            query=lambda _: iter(()),
            changed=lambda *_, **__: iter(()),
            server_time=self.clock.now,
            describe=lambda _: ObjectDescribe("ACE_Opportunity__c", "ACE Opportunity", "a00"),
        )
        mapping = SimpleNamespace(record_type="opportunity", object_name="ACE_Opportunity__c", fields=())
        self.engine = Engine(
            state=self.state, salesforce=cast(Any, salesforce), partner_central=cast(Any, self.aws), clock=self.clock,
            org_id="00DSb0000000001MAA", catalog="AWS", settings=cast(Any, None), mapping=cast(Any, mapping),
        )  # fmt: skip

    def queued(self) -> list[str]:
        return sorted(str(item.payload["apn_id"]) for item in self.state.queue.list("waiting", 10_000))

    def clear(self) -> None:
        """What is queued is done: each opportunity has a link that knows AWS's date of now."""
        for item in self.state.queue.list("waiting", 10_000):
            apn_id = str(item.payload["apn_id"])
            link = self.state.links.by_apn(apn_id) or Link(f"a00{len(apn_id):03d}{apn_id:0>12}", "ACE_Opportunity__c")
            link.apn_id, link.status = apn_id, "linked"
            link.aws_modified = f"{self.aws.dates[apn_id]:%Y-%m-%dT%H:%M:%S.%fZ}"
            self.state.links.save(link)
            self.state.queue.cancel(item.id)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state.db", made(20))
    yield desk
    desk.state.close()


def names(pages: Iterator[list[Json]]) -> set[str]:
    return {one["Id"] for page in pages for one in page}


def spaced(gaps: Sequence[float]) -> dict[str, datetime]:
    dates, moment = {}, BEGIN
    for number, gap in enumerate(gaps):
        moment += timedelta(seconds=gap)
        dates[f"O{number}"] = moment
    return dates


@given(gaps=st.lists(st.sampled_from([0.0, 0.0, 0.2, 1.0, 7.0]), min_size=1, max_size=25))
def test_a_walk_meets_everything_however_many_share_a_date(gaps: Sequence[float]) -> None:
    aws = Listing(spaced(gaps), SettableClock(BEGIN + timedelta(hours=1)))
    assert names(walk_modified(cast(Engine, SimpleNamespace(partner_central=aws)))) == set(aws.dates)


@given(
    gaps=st.lists(st.sampled_from([3.0, 4.5, 60.0]), min_size=1, max_size=25),
    touched=st.dictionaries(st.integers(1, 12), st.integers(0, 24), max_size=12),
)
def test_a_walk_meets_everything_whatever_moves_meanwhile(gaps: Sequence[float], touched: dict[int, int]) -> None:
    clock = SettableClock(BEGIN + timedelta(hours=1))
    aws = Listing(spaced(gaps), clock)

    def between(pages: int) -> None:
        clock.advance(seconds=3)
        if pages in touched:
            aws.touch(f"O{touched[pages] % len(gaps)}")

    aws.between = between
    assert names(walk_modified(cast(Engine, SimpleNamespace(partner_central=aws)))) == set(aws.dates)


def test_an_opportunity_that_moves_up_over_the_edge_of_a_page_is_met(desk: Desk) -> None:
    """By AWS's page tokens alone O3 would never be seen: it is the last of the first page by the time of the second."""
    desk.aws.between = lambda pages: desk.aws.touch("O0") if pages == 1 else None
    assert sweep_modified(desk.engine) == 21
    assert desk.queued() == sorted(desk.aws.dates)


def test_a_small_change_costs_one_question(desk: Desk) -> None:
    sweep_modified(desk.engine)
    for apn_id in ("O7", "O8"):
        desk.clear()
        desk.clock.advance(minutes=30)
        desk.aws.touch(apn_id)
        desk.aws.bounds.clear()
        assert sweep_modified(desk.engine) == 1
    assert desk.queued() == ["O8"] and len(desk.aws.bounds) == 1


def test_a_walk_that_a_refusal_cuts_off_goes_on_where_it_was(desk: Desk) -> None:
    """With 50,000 opportunities a walk that began anew each time would never come to its end."""
    later = desk.clock.now() + timedelta(minutes=1)

    def refuse(pages: int) -> None:
        if pages % 4 == 3:
            raise Deferred("Partner Central refused reads for their rate.", later)

    desk.aws.between = refuse
    for _ in range(12):
        try:
            sweep_modified(desk.engine)
            break
        except Deferred:
            assert modified_sweep_is_unfinished(desk.engine)
            desk.aws.pages += 1
    assert desk.queued() == sorted(desk.aws.dates)
    assert not modified_sweep_is_unfinished(desk.engine)
    assert desk.state.meta.get(ADOPTED) is not None


def test_nothing_may_be_created_before_the_first_walk_came_to_its_end(desk: Desk) -> None:
    sweep_modified(desk.engine, at_most=6)
    assert modified_sweep_is_unfinished(desk.engine) and desk.state.meta.get(ADOPTED) is None
    assert {item.priority for item in desk.state.queue.list("waiting")} == {Priority.BACKFILL}


@pytest.mark.parametrize("seconds", [60.0, 0.0], ids=["spread", "all of one second"])
def test_slices_come_to_the_end(tmp_path: Path, seconds: float) -> None:
    """Opportunities of one second, as a migration leaves them, are looked at together."""
    desk = Desk(tmp_path / "state.db", made(20, seconds=seconds))
    slices = 0
    while slices == 0 or modified_sweep_is_unfinished(desk.engine):
        sweep_modified(desk.engine, at_most=4)
        slices += 1
        assert slices < 20
    assert desk.queued() == sorted(desk.aws.dates)
    assert (slices > 2) is (seconds > 0)
    desk.state.close()


def test_a_date_far_ahead_does_not_hide_what_changes_until_then(desk: Desk) -> None:
    desk.aws.dates["O99"] = datetime(2099, 1, 1, tzinfo=UTC)
    sweep_modified(desk.engine)
    desk.clear()
    for _ in range(3):
        desk.clock.advance(minutes=30)
        desk.aws.touch("O5")
        sweep_modified(desk.engine)
        assert desk.queued() == ["O5"]
        desk.clear()


def test_a_clock_of_ours_that_is_behind_hides_nothing(desk: Desk) -> None:
    """AWS's own dates say how far a walk came, never our clock."""
    sweep_modified(desk.engine)
    desk.clear()
    for number in range(3):
        desk.aws.dates["O5"] = desk.clock.now() + timedelta(hours=2, minutes=number)
        sweep_modified(desk.engine)
        assert desk.queued() == ["O5"]
        desk.clear()


def test_a_comparison_anew_looks_at_everything_again(desk: Desk) -> None:
    sweep_modified(desk.engine, at_most=6)
    compare_anew(desk.engine)
    assert not modified_sweep_is_unfinished(desk.engine)
    desk.aws.bounds.clear()
    sweep_modified(desk.engine)
    assert desk.aws.bounds[0] is None


def test_what_could_not_be_brought_in_is_not_tried_anew_by_every_sweep(desk: Desk) -> None:
    """The last of the list is met by each walk, which reaches back: without a change a reason is told once."""
    sweep_modified(desk.engine, at_most=1000)
    desk.clear()
    desk.clock.advance(minutes=1)
    desk.aws.dates["O99"] = desk.clock.now()
    run = logs.start_run(desk.engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    for expected in (1, 0, 0):
        assert sweep_modified(desk.engine, at_most=1000) == expected
        for item in desk.state.queue.list("waiting"):
            desk.state.queue.cancel(item.id)
        desk.state.problems.raise_("O99", "REQUIRED", "x", desk.clock.now(), log_key=run)
    assert sweep_modified(desk.engine) == 1, "a person who asks is obeyed"
    desk.clock.advance(minutes=1)
    desk.aws.touch("O99")
    assert sweep_modified(desk.engine, at_most=1000) == 1


def test_a_change_that_was_read_too_early_is_queued_again(desk: Desk) -> None:
    """AWS's answer may lag behind its list; nothing open says that it could not be brought in."""
    sweep_modified(desk.engine, at_most=1000)
    for item in desk.state.queue.list("waiting", 100):
        desk.state.queue.cancel(item.id)
    assert sweep_modified(desk.engine, at_most=1000) == 5


@pytest.mark.parametrize("at_most", [None, 6])
def test_where_only_what_is_ours_is_linked_the_next_sweep_looks_at_everything(desk: Desk, at_most: int | None) -> None:
    """Slices of either kind may be mixed, as when an admin changes the schedule in between."""
    sweep_modified(desk.engine, at_most=6)
    queued = desk.queued()
    desk.state.cursors.delete("aws:modified:place")
    while desk.state.meta.get(ADOPTED) is None:
        link_existing(desk.engine, at_most=at_most)
    assert desk.queued() == queued and is_first(desk.engine) and not modified_sweep_is_unfinished(desk.engine)
    sweep_modified(desk.engine)
    assert desk.queued() == sorted(desk.aws.dates) and not is_first(desk.engine)


def test_a_backfill_after_a_look_that_only_linked_still_remembers_what_it_left_out(desk: Desk) -> None:
    link_existing(desk.engine)
    look_through(desk.engine, Scope(stages=("Committed",)), "in-1", lambda _: None)
    assert sweep_modified(desk.engine) == 0 and desk.queued() == []


def test_nothing_may_be_created_where_a_backfill_was_cut_off_and_inbound_is_disabled(desk: Desk) -> None:
    def stop(_: int) -> None:
        raise Deferred("The day's share is used up.", desk.clock.now())

    with pytest.raises(Deferred):
        look_through(desk.engine, Scope(), "in-1", stop)
    with pytest.raises(Refused, match="--restart"):
        link_existing(desk.engine)


def test_a_repair_does_not_import_what_a_backfill_that_was_cut_off_may_leave_out(desk: Desk) -> None:
    def stop(_: int) -> None:
        raise Deferred("The day's share is used up.", desk.clock.now())

    with pytest.raises(Deferred):
        look_through(desk.engine, Scope(stages=("Committed",)), "in-1", stop)
    with pytest.raises(Refused, match="--restart"):
        reconcile(desk.engine, repair=True)
    assert not reconcile(desk.engine, repair=False) and desk.queued() == []


def test_the_rotation_lets_what_a_person_asked_for_go_first(desk: Desk) -> None:
    sweep_modified(desk.engine)
    desk.clear()
    assert sweep_summaries(desk.engine, 5, timedelta(hours=1)) == 5
    desk.clear()
    desk.state.queue.enqueue(share_work("a00000000000001AAA"), desk.clock.now())
    assert sweep_summaries(desk.engine, 5, timedelta(hours=1)) == 0
    assert [item.kind for item in desk.state.queue.list("waiting")] == [REQUEST]


def test_a_first_sweep_does_not_import_all_beside_a_backfill_that_chose(desk: Desk) -> None:
    def stop(_: int) -> None:
        raise Deferred("The day's share is used up.", desk.clock.now())

    scope = Scope(stages=("Committed",))
    with pytest.raises(Deferred):
        look_through(desk.engine, scope, "in-1", stop)
    with pytest.raises(Refused, match="--restart"):
        sweep_modified(desk.engine)
    found = look_through(desk.engine, scope, "in-1", lambda _: None)
    assert found.resumed and found.counts == {"LEFT_OUT": 20}
    assert sweep_modified(desk.engine) == 0 and desk.queued() == []


def test_what_a_backfill_left_out_comes_in_when_it_changes(desk: Desk) -> None:
    look_through(desk.engine, Scope(stages=("Committed",)), "in-1", lambda _: None)
    desk.clock.advance(minutes=1)
    desk.aws.touch("O4")
    assert sweep_modified(desk.engine) == 1 and desk.queued() == ["O4"]


def test_a_backfill_takes_the_place_of_the_first_sweep_page_by_page(desk: Desk) -> None:
    """Wherever it is cut off, no opportunity is counted or queued twice, and none is forgotten."""
    runs = 0
    while runs < 10:
        runs += 1
        left = iter((None, None))

        def stop_at_the_third(_: int, left: Iterator[None] = left) -> None:
            try:
                next(left)
            except StopIteration:
                raise Deferred("Cut off.", desk.clock.now()) from None

        try:
            found = look_through(desk.engine, Scope(), "in-1", stop_at_the_third)
            break
        except Deferred:
            assert desk.state.meta.get(ADOPTED) is None
    assert runs > 2 and found.counts == {"NEW": 20}
    assert desk.queued() == sorted(desk.aws.dates)
    assert desk.state.meta.get(ADOPTED) is not None

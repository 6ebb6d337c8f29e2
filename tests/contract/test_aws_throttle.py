"""Our share of the quotas: evenly by the second, counted by the day, people first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from contextvars import Context
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_scripted import KEY, OPPORTUNITY, SECRET, FakeTime, Server, refusal, serve, update
from hypothesis import given
from hypothesis import strategies as st

from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings
from connector.aws.throttle import (
    DAY,
    READ,
    WRITE,
    Ledger,
    MemoryLedger,
    Quota,
    Throttle,
    background,
    ledger_kind,
    urgent,
)
from connector.errors import ConfigError, Deferred, Retriable
from connector.store.state import State

READ_COUNT, WRITE_COUNT = ledger_kind(READ), ledger_kind(WRITE)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def throttle(time: FakeTime, ledger: Ledger | None = None, *, per_day: int = 10_000, share: float = 0.8) -> Throttle:
    quotas = {READ: Quota(10, per_day * 10, share), WRITE: Quota(1, per_day, share)}
    return Throttle(
        quotas, ledger or MemoryLedger(), now=time.now, monotonic=time.monotonic, sleep=time.sleep, jitter=lambda: 1.0
    )


def moments(work: Callable[[], None], time: FakeTime, times: int) -> list[float]:
    found = []
    for _ in range(times):
        work()
        found.append(round(time.seconds, 6))
    return found


def test_requests_are_spaced_evenly_at_our_share() -> None:
    """80 % of one write and of ten reads per second; each class by its own clock."""
    time = FakeTime()
    gate = throttle(time)
    assert moments(lambda: gate.enter(WRITE), time, 4) == [0, 1.25, 2.5, 3.75]
    assert moments(lambda: gate.enter(READ), time, 3) == [3.75, 3.875, 4.0]


def test_the_wait_for_the_next_write_is_known_beforehand() -> None:
    """Whoever has other work can do that meanwhile."""
    time = FakeTime()
    gate = throttle(time)
    assert gate.delay(WRITE) == 0
    gate.enter(WRITE)
    assert gate.delay(WRITE) == 1.25
    assert gate.delay(READ) == 0
    time.seconds += 1
    assert gate.delay(WRITE) == 0.25
    time.seconds += 1
    assert gate.delay(WRITE) == 0


def test_idle_time_is_not_saved_up() -> None:
    """A burst after a quiet hour would be refused."""
    time = FakeTime()
    gate = throttle(time)
    gate.enter(WRITE)
    time.seconds = 3600
    assert moments(lambda: gate.enter(WRITE), time, 3) == [3600, 3601.25, 3602.5]


@given(
    per_second=st.floats(0.1, 50),
    share=st.floats(0.05, 1),
    pauses=st.lists(st.floats(0, 5), min_size=2, max_size=20),
)
def test_no_window_of_time_holds_more_than_our_share(per_second: float, share: float, pauses: list[float]) -> None:
    """Whatever the rhythm of the work, n requests take at least n-1 intervals."""
    time = FakeTime()
    quota = {WRITE: Quota(per_second, 10**9, share)}
    gate = Throttle(quota, MemoryLedger(), now=time.now, monotonic=time.monotonic, sleep=time.sleep)
    sent = []
    for pause in pauses:
        time.seconds += pause
        gate.enter(WRITE)
        sent.append(time.seconds)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(gaps) >= 1 / (per_second * share) * 0.999999


class Waits(Exception):
    """Ordinary work would sleep now."""


def test_people_go_first() -> None:
    """When a slot becomes free while a person waits, ordinary work that comes at that moment leaves it alone."""
    time, ledger = FakeTime(), MemoryLedger()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        if slept:
            raise Waits
        slept.append(seconds)
        time.seconds += seconds
        with pytest.raises(Waits):
            Context().run(gate.enter, WRITE)

    gate = Throttle({WRITE: Quota(1, 1000, 1.0)}, ledger, now=time.now, monotonic=time.monotonic, sleep=sleep)
    gate.enter(WRITE)
    with urgent():
        gate.enter(WRITE)
    assert slept == [1.0]
    assert ledger.spent(WRITE_COUNT, NOON) == 2


@pytest.mark.parametrize(("waiting", "comer"), [(nullcontext, background), (urgent, background), (urgent, nullcontext)])
def test_who_comes_with_a_lower_rank_leaves_the_slot_to_who_waits(waiting: Any, comer: Any) -> None:
    """People before edits, edits before backfills."""
    time, slept = FakeTime(), list[float]()

    def sleep(seconds: float) -> None:
        if slept:
            raise Waits
        slept.append(seconds)
        time.seconds += seconds
        with pytest.raises(Waits):
            Context().run(come)

    def come() -> None:
        with comer():
            gate.enter(WRITE)

    gate = Throttle({WRITE: Quota(1, 1000, 1.0)}, MemoryLedger(), now=time.now, monotonic=time.monotonic, sleep=sleep)
    gate.enter(WRITE)
    with waiting():
        gate.enter(WRITE)
    assert slept == [1.0]


@pytest.mark.parametrize(("rank", "share"), [(background, 35), (nullcontext, 45), (urgent, 50)])
def test_each_rank_leaves_the_better_ones_a_part_of_the_day(rank: Any, share: int) -> None:
    """Of a share of 50 a day a backfill may use 35 and edits 45, so that neither uses up what people may need."""
    time, ledger = FakeTime(), MemoryLedger()
    gate = throttle(time, ledger, per_day=100, share=0.5)
    ledger.spend(WRITE_COUNT, time.now(), share - 1)
    with rank():
        gate.enter(WRITE)
        with pytest.raises(Deferred, match=f"{share} writes") as told:
            gate.enter(WRITE)
    assert ("are kept for" in str(told.value)) is (rank is not urgent)


def test_the_day_is_counted_across_restarts(tmp_path: Path) -> None:
    """What one process sent, the next one finds in the state."""
    time = FakeTime()
    with State.open(tmp_path / "state.db") as state:
        gate = throttle(time, state.ledger, per_day=10, share=1.0)
        moments(lambda: gate.enter(WRITE), time, 9)
    with State.open(tmp_path / "state.db") as state:
        gate = throttle(time, state.ledger, per_day=10, share=1.0)
        with pytest.raises(Deferred, match="going on at 2"):
            gate.enter(WRITE)
        with urgent():
            gate.enter(WRITE)


def test_ordinary_work_stops_before_the_daily_share_is_gone() -> None:
    """Nine tenths are for ordinary work, the rest for people; then nobody sends."""
    time, ledger = FakeTime(), MemoryLedger()
    gate = throttle(time, ledger, per_day=100, share=0.5)
    ledger.spend(WRITE_COUNT, time.now() - timedelta(hours=20), 45)
    with pytest.raises(Deferred, match=r"45 writes.*50%.*100.*5 more are kept for what people ask for.*Service Quotas"):
        gate.enter(WRITE)
    with urgent():
        for _ in range(5):
            gate.enter(WRITE)
        with pytest.raises(Deferred, match="50 writes"):
            gate.enter(WRITE)
    gate.enter(READ)
    assert gate.budget(WRITE) == (50, 50)


def test_work_is_deferred_until_the_window_has_room() -> None:
    """A request counts for 24 hours, so the oldest ones say when to come back."""
    time, ledger = FakeTime(), MemoryLedger()
    gate = throttle(time, ledger, per_day=100, share=1.0)
    ledger.spend(WRITE_COUNT, NOON - timedelta(hours=23), 10)
    ledger.spend(WRITE_COUNT, NOON - timedelta(hours=2), 80)
    with pytest.raises(Deferred) as caught:
        gate.enter(WRITE)
    until = caught.value.until
    assert timedelta(hours=1) <= until - NOON <= timedelta(hours=1, minutes=16)
    time.seconds = (until - NOON).total_seconds()
    gate.enter(WRITE)


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 30)), min_size=1, max_size=30), st.booleans())
def test_the_time_of_return_is_right(spent: list[tuple[int, int]], person: bool) -> None:
    """Whoever is deferred passes at the time that was told."""
    time, ledger = FakeTime(), MemoryLedger()
    gate = throttle(time, ledger, per_day=50, share=1.0)
    for minutes, count in spent:
        ledger.spend(WRITE_COUNT, NOON - timedelta(minutes=minutes), count)
    limit = 50 if person else 45
    try:
        with urgent() if person else nullcontext():
            gate.enter(WRITE)
    except Deferred as deferred:
        assert NOON < deferred.until <= NOON + DAY
        assert ledger.spent(WRITE_COUNT, deferred.until - DAY) < limit or deferred.until == NOON + DAY
    else:
        assert ledger.spent(WRITE_COUNT, NOON - DAY) <= limit


def test_what_a_refused_call_costs_is_counted() -> None:
    """AWS counts attempts, so we do: the ledger is asked to remember each one, by class and time."""
    time, ledger = FakeTime(), MemoryLedger()
    gate = throttle(time, ledger)
    moments(lambda: gate.enter(WRITE), time, 3)
    gate.refused(WRITE)
    assert ledger.spent(WRITE_COUNT, NOON) == 3
    assert ledger.spent(READ_COUNT, NOON) == 0
    assert ledger.spent(WRITE_COUNT, NOON + timedelta(hours=1)) == 0


def test_a_success_ends_the_back_off() -> None:
    """The next refusal starts with the shortest wait again."""
    gate = throttle(FakeTime())
    assert [gate.refused(WRITE).seconds for _ in range(3)] == [2, 4, 8]
    gate.accepted(WRITE)
    gate.enter(WRITE)
    assert gate.refused(WRITE).seconds == 2


def test_the_longest_pause_is_some_hours() -> None:
    """A daily quota has room again at the latest then."""
    gate = throttle(FakeTime())
    pauses = [gate.refused(READ) for _ in range(20)]
    assert [pause.seconds for pause in pauses[8:12]] == [3600, 7200, 14400, 14400]
    assert [pause.exhausted for pause in pauses] == [False] * 8 + [True] * 12


def test_a_ledger_that_lives_long_forgets_old_days() -> None:
    """Its size does not grow with time."""
    ledger = MemoryLedger()
    for minute in range(60 * 24 * 3):
        ledger.spend(WRITE_COUNT, NOON + timedelta(minutes=minute))
    assert len(ledger._counts) <= 60 * 25
    assert ledger.spent(WRITE_COUNT, NOON + timedelta(days=2)) == 60 * 24


def test_the_door_waits_before_it_signs() -> None:
    """A signature is valid for minutes only: it is made after the wait, for every attempt."""
    time = FakeTime()
    with serve() as server:
        settings = PartnerCentralSettings(
            access_key_id=KEY, secret_access_key=SECRET, endpoint_url=server.url, catalog="Sandbox", reads_per_second=1
        )
        door = PartnerCentralDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep)
        order: list[str] = []
        enter = door._throttle.enter
        door._throttle.enter = lambda kind: (order.append("slot"), enter(kind))[1]  # type: ignore[method-assign]
        for client in door._clients:
            client.meta.events.register("before-sign.*.*", lambda **_: order.append("sign"))
        server.will(OPPORTUNITY, OPPORTUNITY)
        door.get_opportunity("O1234567")
        door.get_opportunity("O1234567")
    assert order == ["slot", "sign"] * 2
    assert time.slept == [1.25]


def test_the_daily_share_of_the_door_is_that_of_its_settings() -> None:
    """The store's ledger is asked and told; reads do not use up writes."""
    time, ledger = FakeTime(), MemoryLedger()
    with serve() as server:
        settings = PartnerCentralSettings(
            access_key_id=KEY, secret_access_key=SECRET, endpoint_url=server.url, catalog="Sandbox", writes_per_day=5
        )
        door = PartnerCentralDoor(settings, ledger=ledger, now=time.now, monotonic=time.monotonic, sleep=time.sleep)
        server.will({}, {}, {}, OPPORTUNITY, {})
        for number in range(3):
            door.associate("O1", "Solutions", f"S-{number}")
        with pytest.raises(Deferred):
            door.associate("O1", "Solutions", "S-9")
        door.get_opportunity("O1234567")
        with door.urgent():
            door.associate("O1", "Solutions", "S-9")
    assert door.write_budget() == (4, 4)
    assert ledger.spent(READ_COUNT, NOON) == 1
    assert server.operations == ["AssociateOpportunity"] * 3 + ["GetOpportunity", "AssociateOpportunity"]


def test_what_forbids_writing_forbids_every_write_and_no_read(server: Server, door: PartnerCentralDoor) -> None:
    """Whoever makes the write: nothing leaves, and nothing is counted."""

    def forbid() -> None:
        raise ConfigError("Not yet.")

    door.before_write = forbid
    server.will(OPPORTUNITY)
    writes: tuple[Callable[[], object], ...] = (
        lambda: door.update_opportunity(update()),
        lambda: door.associate("O1", "Solutions", "S-1"),
        lambda: door.reject_invitation("engi-0000000000001", "Other"),
    )
    for write in writes:
        with pytest.raises(ConfigError, match=r"Not yet\."):
            write()
    door.get_opportunity("O1234567")
    assert server.operations == ["GetOpportunity"] and door.write_budget()[0] == 0


# --- after AWS refused


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def door(server: Server, time: FakeTime) -> PartnerCentralDoor:
    settings = PartnerCentralSettings(
        access_key_id=KEY, secret_access_key=SECRET, endpoint_url=server.url, catalog="Sandbox"
    )
    return PartnerCentralDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep)


@pytest.mark.requirement("PCAPI-24")
def test_throttling_backs_off_longer_and_longer_then_defers(
    server: Server, door: PartnerCentralDoor, time: FakeTime
) -> None:
    """Each refusal doubles the wait; after minutes of them the daily quota must be gone, and hours are waited."""
    server.will(*[refusal("ThrottlingException", "Rate exceeded")] * 10)
    waits = []
    for _ in range(8):
        with pytest.raises(Retriable, match="Service Quotas") as caught:
            door.update_opportunity(update())
        assert caught.value.after is not None
        assert not caught.value.outcome_unknown
        waits.append(caught.value.after)
        time.seconds += caught.value.after + 0.001
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits, start=1))
    hours = []
    for _ in range(2):
        with pytest.raises(Deferred, match=r"rolling 24 hours.*Service Quotas") as deferred:
            door.update_opportunity(update())
        hours.append((deferred.value.until - time.now()) / timedelta(hours=1))
        time.seconds += hours[-1] * 3600
    assert hours == [1, 2]


def test_while_aws_wants_rest_ordinary_work_sends_nothing(
    server: Server, door: PartnerCentralDoor, time: FakeTime
) -> None:
    """Other items do not hammer on; what a person asked for may try, and success ends the rest."""
    server.will(refusal("ThrottlingException"), OPPORTUNITY, {})
    with pytest.raises(Retriable) as caught:
        door.associate("O1", "Solutions", "S-1")
    with pytest.raises(Deferred) as deferred:
        door.associate("O2", "Solutions", "S-1")
    assert deferred.value.until == time.now() + timedelta(seconds=caught.value.after or 0)
    assert door.get_opportunity("O1234567")["Id"] == "O1234567", "reads are another class"
    with door.urgent():
        door.associate("O1", "Solutions", "S-1")
    server.will({})
    door.associate("O2", "Solutions", "S-1")
    assert server.operations == [
        "AssociateOpportunity",
        "GetOpportunity",
        "AssociateOpportunity",
        "AssociateOpportunity",
    ]

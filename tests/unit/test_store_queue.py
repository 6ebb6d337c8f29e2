"""The queue: once per content, one at a time per record, in order, and nothing lost."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from connector.errors import Refused, StaleRecord
from connector.store.queue import Item, Queue, Work
from connector.store.state import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as state:
        yield state


@pytest.fixture
def queue(state: State) -> Queue:
    return state.queue


def claimed(queue: Queue, now: datetime = NOW, **choice: Any) -> Item:
    item = queue.claim(now, "worker", **choice)
    assert item is not None
    return item


def reread(queue: Queue, item: Item) -> Item:
    found = queue.get(item.id)
    assert found is not None
    return found


def test_work_comes_back_as_it_was_enqueued(queue: Queue) -> None:
    assert queue.enqueue(Work("send", "006A", "read", 7, {"amount": Decimal("1.50"), "n": [1, None]}), NOW)
    item = claimed(queue)
    assert (item.kind, item.key, item.lane, item.priority) == ("send", "006A", "read", 7)
    assert item.payload == {"amount": Decimal("1.50"), "n": [1, None]}
    assert str(item.payload["amount"]) == "1.50"
    assert (item.state, item.attempts, item.leased_by) == ("leased", 0, "worker")
    assert (item.created_at, item.leased_until) == (NOW, NOW + 5 * MINUTE)


def test_the_same_work_waits_once_with_the_newest_payload_and_the_best_priority(queue: Queue) -> None:
    assert queue.enqueue(Work("send", "a", priority=50, payload={"v": 1}), NOW)
    assert not queue.enqueue(Work("send", "a", priority=10, payload={"v": 2}), NOW)
    assert not queue.enqueue(Work("send", "a", priority=90, payload={"v": 3}), NOW)
    item = claimed(queue)
    assert (item.priority, item.payload) == (10, {"v": 3})
    queue.done(item)
    assert queue.claim(NOW, "worker") is None


def test_different_kinds_and_own_dedup_keys_do_not_join(queue: Queue) -> None:
    assert queue.enqueue(Work("send", "a"), NOW)
    assert queue.enqueue(Work("fetch", "a"), NOW)
    assert queue.enqueue(Work("send", "a", dedup="request:1"), NOW)
    assert queue.counts()["waiting"] == 3


def test_noticing_the_same_edit_again_does_not_defeat_the_back_off(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    queue.retry(claimed(queue), NOW + 30 * MINUTE, "throttled")
    assert not queue.enqueue(Work("send", "a"), NOW + MINUTE)
    assert queue.next_due() == NOW + 30 * MINUTE


@pytest.mark.parametrize(
    ("work", "at", "expected"),
    [
        (Work("send", "a", priority=10), None, NOW + MINUTE),
        (Work("send", "a"), NOW + 5 * MINUTE, NOW + 5 * MINUTE),
        (Work("send", "a"), NOW + 90 * MINUTE, NOW + 30 * MINUTE),
    ],
    ids=["a person asks", "an earlier time is named", "a later time is named"],
)
def test_joining_moves_the_time_forward_only_on_demand(
    queue: Queue, work: Work, at: datetime | None, expected: datetime
) -> None:
    queue.enqueue(Work("send", "a"), NOW, at=NOW + 30 * MINUTE)
    assert not queue.enqueue(work, NOW + MINUTE, at=at)
    assert queue.next_due() == expected


def test_work_under_way_does_not_absorb_newer_work(queue: Queue) -> None:
    """The executor may have read the record already; the newer edit needs a run of its own."""
    queue.enqueue(Work("send", "a", payload={"v": 1}), NOW)
    first = claimed(queue)
    assert queue.enqueue(Work("send", "a", payload={"v": 2}), NOW)
    assert queue.claim(NOW, "other") is None
    queue.done(first)
    assert claimed(queue).payload == {"v": 2}


def test_one_at_a_time_per_record_across_kinds_and_lanes(queue: Queue) -> None:
    queue.enqueue(Work("send", "a", lane="write"), NOW)
    queue.enqueue(Work("fetch", "a", lane="read"), NOW)
    queue.enqueue(Work("fetch", "b", lane="read"), NOW)
    first = claimed(queue, lanes=["write"])
    assert claimed(queue, lanes=["read"]).key == "b"
    assert queue.claim(NOW, "worker", lanes=["read"]) is None
    assert queue.next_due() is None
    queue.done(first)
    assert queue.next_due(["read"]) == NOW
    assert claimed(queue, lanes=["read"]).key == "a"


def test_the_most_urgent_goes_first_then_the_oldest(queue: Queue) -> None:
    queue.enqueue(Work("send", "late"), NOW, at=NOW - MINUTE)
    queue.enqueue(Work("send", "early"), NOW, at=NOW - 2 * MINUTE)
    queue.enqueue(Work("send", "asked for", priority=10), NOW)
    queue.enqueue(Work("send", "future", priority=1), NOW, at=NOW + MINUTE)
    assert [claimed(queue).key for _ in range(3)] == ["asked for", "early", "late"]
    assert queue.claim(NOW, "worker") is None


def test_claim_takes_only_the_kinds_and_lanes_asked_for(queue: Queue) -> None:
    queue.enqueue(Work("send", "a", lane="write"), NOW)
    queue.enqueue(Work("fetch", "b", lane="read"), NOW)
    assert queue.claim(NOW, "worker", kinds=["other"]) is None
    assert queue.claim(NOW, "worker", lanes=[]) is None
    assert claimed(queue, kinds=["fetch"]).key == "b"
    assert claimed(queue, lanes=["write"]).key == "a"


def test_retry_counts_an_attempt_and_defer_does_not(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    queue.retry(claimed(queue), NOW + MINUTE, "throttled")
    assert queue.claim(NOW, "worker") is None
    item = claimed(queue, NOW + MINUTE)
    assert (item.attempts, item.reason) == (1, "throttled")
    queue.defer(item, NOW + 2 * MINUTE, "in review")
    item = claimed(queue, NOW + 2 * MINUTE)
    assert (item.attempts, item.reason) == (1, "in review")


def test_a_retry_gives_way_to_newer_work_which_inherits_urgency_and_attempts(queue: Queue) -> None:
    queue.enqueue(Work("send", "a", priority=10, payload={"v": 1}), NOW)
    old = claimed(queue)
    queue.enqueue(Work("send", "a", priority=50, payload={"v": 2}), NOW)
    queue.retry(old, NOW + MINUTE, "throttled")
    new = claimed(queue)
    assert (new.priority, new.attempts, new.payload) == (10, 1, {"v": 2})
    assert reread(queue, old).reason == f"taken over by item {new.id}"
    assert queue.counts() == {"waiting": 0, "leased": 1, "held": 0, "done": 1, "failed": 0}


def test_held_work_absorbs_newer_work_and_waits_for_its_release(queue: Queue) -> None:
    queue.enqueue(Work("send", "a", payload={"v": 1}), NOW)
    queue.hold(claimed(queue), "in review")
    assert not queue.enqueue(Work("send", "a", priority=1, payload={"v": 2}), NOW)
    assert queue.claim(NOW + MINUTE, "worker") is None
    assert queue.release("a", NOW + MINUTE) == 1
    assert claimed(queue, NOW + MINUTE).payload == {"v": 2}


def test_holding_gives_way_to_newer_work_that_waits_already(queue: Queue) -> None:
    queue.enqueue(Work("send", "a", priority=10, payload={"v": 1}), NOW)
    old = claimed(queue)
    queue.enqueue(Work("send", "a", payload={"v": 2}), NOW)
    queue.hold(old, "in review")
    new = claimed(queue)
    assert (new.payload, new.priority, new.attempts) == ({"v": 2}, 10, 0)
    queue.hold(new, "in review")
    assert queue.counts() == {"waiting": 0, "leased": 0, "held": 1, "done": 1, "failed": 0}


def test_release_by_id_frees_that_entry_only(queue: Queue) -> None:
    for dedup in ("one", "two"):
        queue.enqueue(Work("send", "a", dedup=dedup), NOW)
        queue.hold(claimed(queue), "in review")
    [first, _] = queue.list("held")
    assert queue.release(first.id, NOW) == 1
    assert queue.release(first.id, NOW) == 0
    assert queue.counts()["held"] == 1


def test_failed_work_can_be_requeued_with_a_clean_slate(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    queue.retry(claimed(queue), NOW, "throttled")
    item = claimed(queue)
    queue.fail(item, "refused")
    assert (reread(queue, item).state, reread(queue, item).reason) == ("failed", "refused")
    queue.requeue(item.id, NOW + MINUTE)
    again = claimed(queue, NOW + MINUTE)
    assert (again.id, again.attempts, again.reason) == (item.id, 0, "")


def test_requeueing_failed_work_joins_what_waits_meanwhile(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    failed = claimed(queue)
    queue.fail(failed, "refused")
    queue.enqueue(Work("send", "a"), NOW)
    queue.requeue(failed.id, NOW)
    assert queue.counts() | {"done": 1, "waiting": 1} == queue.counts()


def test_requeue_hurries_waiting_and_held_work(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW, at=NOW + 60 * MINUTE)
    queue.enqueue(Work("send", "b"), NOW)
    held = claimed(queue)
    queue.hold(held, "in review")
    for item in queue.list():
        queue.requeue(item.id, NOW)
    assert {claimed(queue).key, claimed(queue).key} == {"a", "b"}


def test_cancelled_work_is_not_executed(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    [item] = queue.list()
    queue.cancel(item.id)
    assert queue.claim(NOW, "worker") is None
    assert reread(queue, item).reason == "cancelled"


def test_what_cannot_be_cancelled_or_requeued_is_refused_with_a_reason(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    item = claimed(queue)
    with pytest.raises(Refused, match="is being executed"):
        queue.cancel(item.id)
    with pytest.raises(Refused, match="is leased and cannot become waiting"):
        queue.requeue(item.id, NOW)
    queue.done(item)
    with pytest.raises(Refused, match="is done and cannot become done"):
        queue.cancel(item.id)
    with pytest.raises(Refused, match="is done and cannot become waiting"):
        queue.requeue(item.id, NOW)
    with pytest.raises(Refused, match="there is no queue item 99"):
        queue.cancel(99)


def test_only_leased_or_waiting_entries_can_end(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    [waiting] = queue.list()
    with pytest.raises(Refused, match="is waiting and cannot become failed"):
        queue.fail(waiting, "no")


def test_an_expired_lease_returns_its_work_and_locks_its_old_holder_out(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    lost = claimed(queue, lease_seconds=60)
    taken = claimed(queue, NOW + MINUTE)
    assert taken.id == lost.id
    for end in (queue.done, lambda item: queue.retry(item, NOW, "x"), lambda item: queue.hold(item, "x")):
        with pytest.raises(StaleRecord, match="read it again"):
            end(lost)
    queue.done(taken)
    with pytest.raises(StaleRecord):
        queue.done(taken)


def test_a_renewed_lease_does_not_expire(queue: Queue) -> None:
    queue.enqueue(Work("send", "a"), NOW)
    item = claimed(queue, lease_seconds=60)
    queue.renew(item, NOW + MINUTE / 2, lease_seconds=60)
    assert queue.claim(NOW + MINUTE, "other") is None
    queue.done(item)


def test_recovery_returns_all_leases_once(queue: Queue) -> None:
    for key in "abc":
        queue.enqueue(Work("send", key), NOW)
    claimed(queue), claimed(queue)
    queue.enqueue(Work("send", "a"), NOW)
    assert queue.recover(NOW) == 2
    assert queue.recover(NOW) == 0
    assert queue.counts() == {"waiting": 3, "leased": 0, "held": 0, "done": 1, "failed": 0}


def test_the_queue_tells_how_long_work_has_been_waiting(queue: Queue) -> None:
    assert (queue.oldest_waiting(), queue.next_due()) == (None, None)
    queue.enqueue(Work("send", "a"), NOW - MINUTE, at=NOW + MINUTE)
    queue.enqueue(Work("send", "b"), NOW)
    assert queue.oldest_waiting() == NOW - MINUTE
    assert queue.next_due() == NOW
    assert [item.key for item in queue.list(limit=1)] == ["b"]
    assert [item.key for item in queue.list(key="a")] == ["a"]


def test_pruning_removes_only_what_has_ended_before(queue: Queue) -> None:
    for key in "abcd":
        queue.enqueue(Work("send", key), NOW)
    queue.done(claimed(queue, NOW))
    queue.fail(claimed(queue, NOW), "refused")
    queue.done(claimed(queue, NOW + 2 * MINUTE))
    assert queue.prune(NOW + MINUTE) == 2
    assert queue.counts() == {"waiting": 1, "leased": 0, "held": 0, "done": 1, "failed": 0}


def test_a_time_without_zone_is_refused(queue: Queue) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        queue.enqueue(Work("send", "a"), NOW.replace(tzinfo=None))


def test_two_threads_never_execute_the_same_entry_nor_the_same_record_at_once(state: State) -> None:
    """Both threads claim as fast as they can; every entry is executed once and records never overlap."""
    with state.transaction():
        for number in range(60):
            state.queue.enqueue(Work("send", str(number % 6), dedup=str(number)), NOW)
    executed: list[int] = []
    busy: set[str] = set()
    overlaps: list[str] = []
    together = threading.Barrier(2)

    def work(name: str) -> None:
        together.wait()
        while item := state.queue.claim(NOW, name):
            overlaps.extend(busy & {item.key})
            busy.add(item.key)
            executed.append(item.id)
            busy.discard(item.key)
            state.queue.done(item)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(executed) == list(range(1, 61))
    assert overlaps == []
    assert state.queue.counts()["done"] == 60


class QueueMachine(RuleBasedStateMachine):
    """Any order of calls keeps the promises that the executor builds on.

    ``wanted`` holds, per de-duplication key, the payload enqueued last and not yet begun after; it must never vanish.
    """

    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.state = State.open(Path(self.directory.name) / "state.db")
        self.queue = self.state.queue
        self.now = NOW
        self.version = 0
        self.wanted: dict[str, int] = {}

    def teardown(self) -> None:
        self.state.close()
        self.directory.cleanup()

    @rule(kind=st.sampled_from(["send", "fetch"]), key=st.sampled_from("ab"), priority=st.sampled_from([10, 50]))
    def enqueue(self, kind: str, key: str, priority: int) -> None:
        self.version += 1
        pending = [i for i in self.queue.list() if i.dedup == f"{kind}:{key}" and i.state in ("waiting", "held")]
        added = self.queue.enqueue(Work(kind, key, priority=priority, payload={"v": self.version}), self.now)
        assert added is not bool(pending)
        self.wanted[f"{kind}:{key}"] = self.version

    @rule(target=items, seconds=st.sampled_from([30, 300]))
    def claim(self, seconds: int) -> Any:
        item = self.queue.claim(self.now, "worker", lease_seconds=seconds)
        if item is None:
            return multiple()
        assert item.retry_at <= self.now
        rivals = [i for i in self.queue.list("waiting") if i.retry_at <= self.now]
        busy = {i.key for i in self.queue.list("leased") if i.id != item.id}
        assert item.key not in busy
        rank = (item.priority, item.retry_at, item.id)
        free = [i for i in rivals if i.key not in busy | {item.key}]
        assert all(rank < (i.priority, i.retry_at, i.id) for i in free)
        return item

    @rule(item=consumes(items))
    def done(self, item: Item) -> None:
        if self.owns(item):
            self.queue.done(item)
            if self.wanted.get(item.dedup) == item.payload["v"]:
                del self.wanted[item.dedup]
        else:
            with pytest.raises(StaleRecord):
                self.queue.done(item)

    @rule(item=consumes(items), minutes=st.integers(0, 3), how=st.sampled_from(["retry", "defer", "hold"]))
    def put_off(self, item: Item, minutes: int, how: str) -> None:
        at = self.now + minutes * MINUTE
        calls: dict[str, Callable[[], None]] = {
            "retry": lambda: self.queue.retry(item, at, "later"),
            "defer": lambda: self.queue.defer(item, at, "later"),
            "hold": lambda: self.queue.hold(item, "review"),
        }
        if self.owns(item):
            calls[how]()
            assert reread(self.queue, item).state in ({"held", "done"} if how == "hold" else {"waiting", "done"})
        else:
            with pytest.raises(StaleRecord):
                calls[how]()

    @rule(key=st.sampled_from("ab"))
    def release(self, key: str) -> None:
        held = [item for item in self.queue.list("held") if item.key == key]
        assert self.queue.release(key, self.now) == len(held)

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def crash(self) -> None:
        self.state.close()
        self.state = State.open(Path(self.directory.name) / "state.db")
        self.queue = self.state.queue
        leases = len(self.queue.list("leased"))
        assert self.queue.recover(self.now) == leases

    def owns(self, item: Item) -> bool:
        current = reread(self.queue, item)
        return (current.state, current.lease) == ("leased", item.lease)

    @invariant()
    def nothing_wanted_is_lost(self) -> None:
        live = {
            (i.dedup, i.payload["v"]) for i in self.queue.list(limit=10_000) if i.state in ("waiting", "held", "leased")
        }
        assert set(self.wanted.items()) <= live

    @invariant()
    def work_waits_once_and_records_are_worked_on_once(self) -> None:
        items = self.queue.list(limit=10_000)
        pending = [item.dedup for item in items if item.state in ("waiting", "held")]
        leased = [item.key for item in items if item.state == "leased"]
        assert len(pending) == len(set(pending))
        assert len(leased) == len(set(leased))


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

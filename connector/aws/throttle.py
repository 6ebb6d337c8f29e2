"""Our share of Partner Central's quotas: an even pace by the second, a count by the day, and rest after a refusal.

Quotas belong to the whole partner account and to reads or writes as a class; whether each operation has its own is not
published, so one pace per class is assumed.
"""

from __future__ import annotations

import random
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Protocol

from connector.errors import Deferred

READ = "read"
WRITE = "write"
DAY = timedelta(hours=24)
ORDINARY_PART = 0.9
"""The part of our daily share that work nobody waits for may use; the rest is kept for what people ask for."""
BACKGROUND_PART = 0.7
"""The part that work which can wait for days may use, such as a backfill; the rest is kept for edits and requests."""
RETRIES_BEFORE_PAUSE = 8
"""Refusals in a row, each waiting twice as long (four minutes at least), before the daily quota counts as used up."""
LONGEST_PAUSE_HOURS = 4
_STEP = timedelta(minutes=15)


class Rank(IntEnum):
    """Whose turn it is when several want a slot: smaller goes first."""

    PERSON = 0
    ORDINARY = 1
    BACKGROUND = 2


_PARTS = {Rank.PERSON: 1.0, Rank.ORDINARY: ORDINARY_PART, Rank.BACKGROUND: BACKGROUND_PART}
_KEPT_FOR = {Rank.ORDINARY: "what people ask for", Rank.BACKGROUND: "edits and what people ask for"}
_rank: ContextVar[Rank] = ContextVar("rank", default=Rank.ORDINARY)


@contextmanager
def urgent() -> Iterator[None]:
    """Mark the calls inside as asked for by a person: they go first and may use the whole daily share."""
    with _ranked(Rank.PERSON):
        yield


@contextmanager
def background() -> Iterator[None]:
    """Mark the calls inside as work that can wait for days: they go last and leave others a part of the daily share."""
    with _ranked(Rank.BACKGROUND):
        yield


@contextmanager
def _ranked(rank: Rank) -> Iterator[None]:
    token = _rank.set(rank)
    try:
        yield
    finally:
        _rank.reset(token)


class Ledger(Protocol):
    """Remembers across restarts how many requests were sent. Counting by the minute is exact enough."""

    def spend(self, kind: str, at: datetime, count: int = 1) -> None:
        """Add ``count`` requests of the kind (see :func:`ledger_kind`) at the time ``at`` (aware, UTC)."""
        ...

    def spent(self, kind: str, since: datetime) -> int:
        """Return the requests of the kind at or after ``since`` (aware, UTC)."""
        ...


def ledger_kind(kind: str) -> str:
    """Return the name under which a class of requests (``read``, ``write``) is counted beside other quotas."""
    return f"partner_central_{kind}"


class MemoryLedger:
    """A ledger for processes that keep no state, such as a check of the connection."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, datetime]] = Counter()

    def spend(self, kind: str, at: datetime, count: int = 1) -> None:
        """Add ``count`` requests to the minute of ``at``; minutes that no window can reach are forgotten."""
        minute = at.replace(second=0, microsecond=0)
        if (kind, minute) not in self._counts:
            kept = {key: number for key, number in self._counts.items() if key[1] >= minute - DAY}
            self._counts = Counter(kept)
        self._counts[kind, minute] += count

    def spent(self, kind: str, since: datetime) -> int:
        """Return the requests of the minutes from that of ``since`` on."""
        start = since.replace(second=0, microsecond=0)
        return sum(count for (name, minute), count in self._counts.items() if name == kind and minute >= start)


def time_below(ledger: Ledger, name: str, limit: int, now: datetime) -> datetime:
    """Return when fewer than ``limit`` requests of that name will be left in the rolling 24 hours, to the quarter of an
    hour, if none is sent meanwhile.
    """
    steps = range(1, DAY // _STEP + 1)

    def has_room(step: int) -> int:
        return int(ledger.spent(name, now - DAY + step * _STEP) < limit)

    first = bisect_left(steps, 1, key=has_room)
    return now + steps[min(first, len(steps) - 1)] * _STEP


@dataclass(frozen=True, slots=True)
class Quota:
    """What AWS grants one class of requests, and our share of it.

    Attributes:
        per_second, per_day: AWS's figures; the day is any 24 hours.
        share: our part, above 0 and at most 1.
    """

    per_second: float
    per_day: int
    share: float

    @property
    def interval(self) -> float:
        """Seconds between two requests of ours."""
        return 1 / (self.per_second * self.share)

    @property
    def daily(self) -> int:
        """Requests of ours in 24 hours."""
        return max(1, int(self.per_day * self.share))


@dataclass(frozen=True, slots=True)
class Pause:
    """How long to leave a class of requests alone after AWS refused one for its rate.

    Attributes:
        seconds: to wait at least.
        until: the same as a time, aware, UTC.
        exhausted: refused so often in a row that the daily quota must be used up.
    """

    seconds: float
    until: datetime
    exhausted: bool


class _Pace:
    """Spaces requests evenly; of those that wait, the better rank goes first."""

    def __init__(self, interval: float, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._interval = interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = monotonic()
        self._waiting: Counter[Rank] = Counter()

    def wait(self, rank: Rank) -> None:
        """Return when one request may go out."""
        with self._lock:
            self._waiting[rank] += 1
        try:
            while (delay := self._take(rank)) > 0:
                self._sleep(delay)
        finally:
            with self._lock:
                self._waiting[rank] -= 1

    def delay(self) -> float:
        """Return the seconds until the next slot, 0 when it is free."""
        with self._lock:
            return max(0.0, self._next - self._monotonic())

    def _take(self, rank: Rank) -> float:
        """Take the slot and return 0, or return the seconds after which to ask again."""
        with self._lock:
            now = self._monotonic()
            if now < self._next:
                return self._next - now
            if any(count and other < rank for other, count in self._waiting.items()):
                return self._interval
            self._next = now + self._interval
            return 0.0


class Pacer:
    """Lets one request of a class pass at a time, at an even pace, and none for a while after AWS refused one.

    Args:
        service: whose quotas these are, in words.
        intervals: seconds between two requests, per class.
        now: the time, aware, UTC.
        monotonic, sleep: seconds of a clock that never goes back, and waiting by it.
        jitter: a number from 0 to 1, anew at each call.
    """

    def __init__(
        self,
        service: str,
        intervals: Mapping[str, float],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._service = service
        self._now = now
        self._jitter = jitter
        self._paces = {kind: _Pace(interval, monotonic, sleep) for kind, interval in intervals.items()}
        self._refusals: Counter[str] = Counter()
        self._paused: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def enter(self, kind: str) -> None:
        """Wait for the next slot of the class.

        Raises:
            Deferred: AWS refused this class a moment ago (urgent work may try).
        """
        rank = _rank.get()
        self._respect_pause(kind, rank)
        self._paces[kind].wait(rank)

    def accepted(self, kind: str) -> None:
        """Note that AWS let a request of the class pass."""
        with self._lock:
            self._refusals.pop(kind, None)
            self._paused.pop(kind, None)

    def refused(self, kind: str) -> Pause:
        """Note that AWS refused a request for its rate; return how long to rest: twice as long each time."""
        with self._lock:
            self._refusals[kind] += 1
            seconds, exhausted = self._rest(self._refusals[kind])
            until = self._now() + timedelta(seconds=seconds)
            self._paused[kind] = until
        return Pause(seconds, until, exhausted=exhausted)

    def rested(self, kind: str) -> None:
        """Note that the caller has rested after a refusal, and is about to try again."""
        with self._lock:
            self._paused.pop(kind, None)

    def _rest(self, times: int) -> tuple[float, bool]:
        """Return the seconds to rest after so many refusals in a row, and whether a day's quota must be used up."""
        return 2.0 ** min(times, RETRIES_BEFORE_PAUSE) * (0.5 + self._jitter() / 2), False

    def delay(self, kind: str) -> float:
        """Return the seconds until the next request of the class may go out at our pace, 0 when it may go now."""
        return self._paces[kind].delay()

    def _respect_pause(self, kind: str, rank: Rank) -> None:
        with self._lock:
            until = self._paused.get(kind)
        if until is not None and rank is not Rank.PERSON and self._now() < until:
            raise Deferred(
                f"{self._service} refused {kind}s for their rate a moment ago; resting until {until:%H:%M:%S} UTC.",
                until,
            )


class Throttle(Pacer):
    """Paces the requests to Partner Central, and keeps them within our share of a day's.

    Args:
        quotas: quota per class (``read``, ``write``).
        ledger: where the requests of the last 24 hours are counted.
        now, monotonic, sleep, jitter: as for :class:`Pacer`.
    """

    def __init__(
        self,
        quotas: dict[str, Quota],
        ledger: Ledger,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        intervals = {kind: quota.interval for kind, quota in quotas.items()}
        super().__init__("Partner Central", intervals, now=now, monotonic=monotonic, sleep=sleep, jitter=jitter)
        self._quotas = quotas
        self._ledger = ledger

    def enter(self, kind: str) -> None:
        """Wait for the next slot of the class and count one request.

        Raises:
            Deferred: the daily share is used up, or AWS refused this class a moment ago (urgent work may try).
        """
        rank = _rank.get()
        self._respect_pause(kind, rank)
        self._respect_day(kind, rank)
        self._paces[kind].wait(rank)
        self._ledger.spend(ledger_kind(kind), self._now())

    def budget(self, kind: str) -> tuple[int, int]:
        """Return (requests of the class in the last 24 hours, those that our share allows)."""
        return self._ledger.spent(ledger_kind(kind), self._now() - DAY), self._quotas[kind].daily

    def _rest(self, times: int) -> tuple[float, bool]:
        """Rest by the hour, once the day's quota must be used up."""
        excess = times - RETRIES_BEFORE_PAUSE
        if excess > 0:
            return 3600.0 * min(2 ** (excess - 1), LONGEST_PAUSE_HOURS), True
        return super()._rest(times)

    def _respect_day(self, kind: str, rank: Rank) -> None:
        quota = self._quotas[kind]
        limit = max(1, int(quota.daily * _PARTS[rank]))
        now = self._now()
        if self._ledger.spent(ledger_kind(kind), now - DAY) < limit:
            return
        until = time_below(self._ledger, ledger_kind(kind), limit, now)
        kept = f" ({quota.daily - limit} more are kept for {_KEPT_FOR[rank]})" if rank in _KEPT_FOR else ""
        raise Deferred(
            f"{limit} {kind}s went to Partner Central within 24 hours, which is what our share ({quota.share:.0%}) "
            f"of the account's quota of {quota.per_day} allows{kept}; going on at {until:%Y-%m-%d %H:%M} UTC. "
            "A larger share or, through AWS Service Quotas, a larger quota makes this faster.",
            until,
        )

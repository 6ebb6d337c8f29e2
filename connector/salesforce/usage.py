"""How much of the org's daily API requests is used, and when to hold back.

An org's requests are shared with everything else that talks to it. Salesforce reports the use of the last 24 hours
with every answer (``Sforce-Limit-Info: api-usage=10018/100000``). Two rules hold back work that is not urgent: our
own requests of the last 24 hours reached our share of the limit, or the org as a whole is close to its limit.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from connector.errors import Deferred

USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")
BUCKET = timedelta(minutes=15)
DAY = timedelta(hours=24)
CEILING = 0.95
STALE_AFTER = timedelta(minutes=15)
LEDGER_KIND = "salesforce_request"


class Ledger(Protocol):
    """Where our own requests are remembered, by minute."""

    def spend(self, kind: str, at: datetime, count: int = 1) -> None: ...
    def by_minute(self, kind: str, since: datetime) -> dict[datetime, int]: ...


class UsageGovernor:
    """Counts requests and lets them pass or not; may be shared by the doors of several threads.

    Args:
        share: part of the org's daily limit that our own requests may use, 0 to 1.
        now: returns aware UTC.
        ledger: keeps our own requests over restarts; without one, only this process's own are known.
    """

    def __init__(self, share: float, *, now: Callable[[], datetime], ledger: Ledger | None = None) -> None:
        self._share = share
        self._now = now
        self._ledger = ledger
        self._lock = threading.Lock()
        self._own: OrderedDict[datetime, int] = OrderedDict()
        self._used = self._limit = 0
        self._reported_at: datetime | None = None
        self._urgent = threading.local()
        for minute, count in (ledger.by_minute(LEDGER_KIND, now() - DAY) if ledger else {}).items():
            self._count(minute, count)

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Let every request of this thread pass within the block: a person is waiting for it."""
        depth = getattr(self._urgent, "depth", 0)
        self._urgent.depth = depth + 1
        try:
            yield
        finally:
            self._urgent.depth = depth

    def observe(self, limit_info: str | None) -> None:
        """Count one request of ours and take over what its answer reported (header ``Sforce-Limit-Info``, or None)."""
        with self._lock:
            now = self._now()
            self._count(now, 1)
            if self._ledger is not None:
                self._ledger.spend(LEDGER_KIND, now)
            self._forget_before(now - DAY)
            if found := USAGE.search(limit_info or ""):
                self._used, self._limit = int(found[1]), int(found[2])
                self._reported_at = now

    def admit(self) -> None:
        """Let a request pass. Raises Deferred with the time when it makes sense to try again."""
        if getattr(self._urgent, "depth", 0):
            return
        with self._lock:
            now = self._now()
            self._forget_before(now - DAY)
            own = sum(self._own.values())
            if self._limit and own >= self._share * self._limit:
                until = next(iter(self._own)) + DAY + BUCKET
                raise Deferred(
                    f"Our share of Salesforce API requests is used up: {own} of {int(self._share * self._limit)} "
                    "in 24 hours. Raise daily_share or poll less often.",
                    until,
                )
            # A report is believed for a while only: without requests there would never be a newer one.
            fresh = self._reported_at is not None and now - self._reported_at < STALE_AFTER
            if fresh and self._used >= CEILING * self._limit > 0:
                raise Deferred(
                    f"The org used {self._used} of {self._limit} API requests in 24 hours; work that "
                    "nobody waits for pauses. "
                    "Find what else uses the API, or buy more requests.",
                    now + STALE_AFTER,
                )

    @property
    def reported(self) -> tuple[int, int]:
        """Return (used, limit) of the whole org as last reported; (0, 0) when unknown."""
        with self._lock:
            return self._used, self._limit

    @property
    def own(self) -> int:
        """Return the number of our own requests in the last 24 hours, as far as is known."""
        with self._lock:
            return sum(self._own.values())

    def _count(self, at: datetime, count: int) -> None:
        bucket = at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % BUCKET
        self._own[bucket] = self._own.get(bucket, 0) + count

    def _forget_before(self, moment: datetime) -> None:
        while self._own and next(iter(self._own)) + BUCKET <= moment:
            self._own.popitem(last=False)

"""Request quotas of one partner account: per second by token bucket, per day by the sandbox clock."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime, timedelta

from connector.sandbox.partner_central.errors import ThrottlingError

WRITES_PER_SECOND = 1
READS_PER_SECOND = 10
WRITES_PER_DAY = 10_000
READS_PER_DAY = 100_000
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


class Quota:
    """One class of operations: a burst of at most one second's worth, and a rolling total of 24 hours.

    The rate runs on real time, since callers wait in real time; the total runs on the sandbox clock.
    """

    def __init__(self, per_second: float, per_day: float) -> None:
        self.per_second = per_second
        self.per_day = per_day
        self._capacity = max(1.0, per_second)
        self._tokens = self._capacity
        self._filled_at = time.monotonic()
        self._minutes: deque[tuple[datetime, int]] = deque()
        self._total = 0

    def take(self, now: datetime) -> None:
        """Use up one request at the sandbox's time ``now``.

        Raises:
            ThrottlingError: the second's or the day's requests are used up.
        """
        self._refill()
        self._forget_before(now - DAY)
        if self._tokens < 1 or self._total >= self.per_day:
            raise ThrottlingError("Rate exceeded")
        self._tokens -= 1
        self._remember(now.replace(second=0, microsecond=0))

    def _refill(self) -> None:
        moment = time.monotonic()
        self._tokens = min(self._capacity, self._tokens + (moment - self._filled_at) * self.per_second)
        self._filled_at = moment

    def _remember(self, minute: datetime) -> None:
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = (minute, self._minutes[-1][1] + 1)
        else:
            self._minutes.append((minute, 1))
        self._total += 1

    def _forget_before(self, moment: datetime) -> None:
        # Calls are counted by the minute; a minute counts until all of it has passed.
        while self._minutes and self._minutes[0][0] + MINUTE <= moment:
            self._total -= self._minutes.popleft()[1]


class Quotas:
    """AWS's published figures times ``scale``, in one bucket each for reads and writes of the account."""

    def __init__(self, scale: float = 1.0) -> None:
        if scale <= 0:
            raise ValueError(f"the quota scale is {scale}; use a number above 0")
        self.scale = scale
        self.reset()

    def reset(self) -> None:
        """Fill all buckets and forget the day."""
        self._writes = Quota(WRITES_PER_SECOND * self.scale, WRITES_PER_DAY * self.scale)
        self._reads = Quota(READS_PER_SECOND * self.scale, READS_PER_DAY * self.scale)

    def take(self, operation: str, now: datetime) -> None:
        """Use up one request of the operation's class: names that begin with Get or List read, all others write.

        Raises:
            ThrottlingError: the class is used up.
        """
        quota = self._reads if operation.startswith(("Get", "List")) else self._writes
        quota.take(now)

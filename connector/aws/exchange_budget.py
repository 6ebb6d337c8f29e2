"""How many files may be sent to the ACE bucket, and how long to rest when S3 asks for it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime

from connector.aws.throttle import DAY, Ledger, time_below
from connector.errors import Deferred

UPLOADS = "exchange_upload"
"""Under this name the ledger counts the files that were sent."""
LONGEST_REST = 300.0


class UploadBudget:
    """Counts the files of any 24 hours, and requests that S3 refused for their rate in a row.

    Args:
        ledger: where the files of the last 24 hours are counted.
        per_day: AWS's limit.
        now: the time, aware, UTC.
        jitter: a number from 0 to 1, anew at each call.
    """

    def __init__(
        self, ledger: Ledger, per_day: int, now: Callable[[], datetime], jitter: Callable[[], float] = random.random
    ) -> None:
        self._ledger, self._per_day, self._now, self._jitter = ledger, per_day, now, jitter
        self._lock = threading.Lock()
        self._refusals = 0

    def enter(self) -> datetime:
        """Count one file and return the time at which it was counted. It counts before it is sent: a process that ends
        in between has sent it perhaps.

        Raises:
            Deferred: as many as AWS takes in 24 hours were sent.
        """
        now = self._now()
        with self._lock:
            if self._ledger.spent(UPLOADS, now - DAY) < self._per_day:
                self._ledger.spend(UPLOADS, now)
                return now
        until = time_below(self._ledger, UPLOADS, self._per_day, now)
        raise Deferred(
            f"{self._per_day} files were sent to the ACE bucket within 24 hours, which is as many as AWS takes "
            f"([aws.exchange] files_per_day); going on at {until:%Y-%m-%d %H:%M} UTC. "
            "More records in one file (Outbound Batch Size) need fewer files.",
            until,
        )

    def give_back(self, at: datetime) -> None:
        """Take back a count: the file of that time certainly did not arrive as a new one."""
        self._ledger.spend(UPLOADS, at, -1)

    def used(self) -> tuple[int, int]:
        """Return (files of the last 24 hours, as many as may be sent)."""
        return self._ledger.spent(UPLOADS, self._now() - DAY), self._per_day

    def accepted(self) -> None:
        """Note that S3 let a request pass."""
        with self._lock:
            self._refusals = 0

    def refused(self) -> float:
        """Note that S3 refused a request for its rate; return the seconds to rest, twice as many each time in a row."""
        with self._lock:
            self._refusals += 1
            rest = min(2.0**self._refusals, LONGEST_REST)
        return rest * (0.5 + self._jitter() / 2)

"""The sandbox's own time: real time plus an offset that tests move."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """A clock that all servers of one sandbox share. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the sandbox's time, aware, UTC."""
        with self._lock:
            return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock by ``seconds`` (negative: backwards)."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Make ``moment`` (aware) the present; time goes on from there.

        Raises:
            ValueError: the moment carries no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError("the moment needs a time zone, such as 2026-01-31T12:00:00Z")
        with self._lock:
            self._offset = moment - datetime.now(UTC)

    def reset(self) -> None:
        """Return to real time."""
        with self._lock:
            self._offset = timedelta()

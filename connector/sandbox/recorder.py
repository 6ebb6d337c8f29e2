"""What each server was asked, counted by operation."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict


class Recorder:
    """Request counts of all servers of one sandbox. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def count(self, server: str, operation: str) -> None:
        """Count one request."""
        with self._lock:
            self._counts[server][operation] += 1

    def requests(self) -> dict[str, dict[str, int]]:
        """Return the counts by server and operation."""
        with self._lock:
            return {server: dict(sorted(counts.items())) for server, counts in sorted(self._counts.items())}

    def clear(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._counts.clear()

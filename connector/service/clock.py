"""The one clock of the connector: the system's, or on a sandbox the sandbox's own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import requests

from connector.errors import ConfigError

REFRESH_SECONDS = 1.0


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Return after so many seconds."""
        time.sleep(max(0.0, seconds))


class SandboxClock:
    """A clock that a sandbox keeps: the machine's plus an offset, asked for again after a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._offset = timedelta()
        self._asked = float("-inf")
        self._session = requests.Session()
        self._session.trust_env = False

    def now(self) -> datetime:
        """Return the sandbox's time. Raises ConfigError when it never answered."""
        if time.monotonic() - self._asked >= REFRESH_SECONDS:
            self._ask()
        return datetime.now(UTC) + self._offset

    def wait(self, seconds: float) -> None:
        """Move the sandbox's time on by so many seconds: it passes for everybody, and nobody waits. Where it does not
        take the order, so much time passes here.
        """
        seconds = max(0.0, seconds)
        try:
            self._session.post(self._url, json={"advance_seconds": seconds}, timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(seconds)
        self._ask()

    def _ask(self) -> None:
        try:
            answer = self._session.get(self._url, timeout=5)
            theirs = datetime.fromisoformat(answer.json()["now"])
        except (requests.RequestException, ValueError, KeyError) as error:
            if self._asked == float("-inf"):
                raise ConfigError(f"[worker] clock_url {self._url} does not answer with a time: {error}.") from error
            return
        self._offset, self._asked = theirs - datetime.now(UTC), time.monotonic()


def make_clock(url: str) -> SystemClock | SandboxClock:
    """Return the sandbox's clock where one is configured, otherwise the system's."""
    return SandboxClock(url) if url else SystemClock()

"""The one thread that has the open connector. Doors belong to one thread, and one change of a draft is made after
another, never two at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from connector.errors import AuthFailed
from connector.service.config import Config
from connector.service.runtime import Runtime

T = TypeVar("T")


class Office:
    """Does what pages ask on its own thread. A context manager.

    The connector stays open between requests: its login and what it knows of the org are kept. After a refused login it
    is opened anew, with what the secrets' files hold then.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._runtime: Runtime | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web-office")

    def check(self) -> None:
        """Open the connector and log in to Salesforce now. Raises what keeps it from that."""
        self.ask(lambda runtime: runtime.salesforce.identity())

    def ask(self, work: Callable[[Runtime], T]) -> T:
        """Return what the work returns, or raise what it raises; it waits for what was asked before."""
        return self._thread.submit(self._do, work).result()

    def _do(self, work: Callable[[Runtime], T]) -> T:
        if self._runtime is None:
            self._runtime = Runtime.open(self._config, exclusive=False)
        try:
            return work(self._runtime)
        except AuthFailed:
            self._close()
            raise

    def _close(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def __enter__(self) -> Office:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self._close).result()
        self._thread.shutdown()

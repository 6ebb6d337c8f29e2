"""Faults on demand: what a server is told to do wrong, and how often."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Literal, cast, get_args

FaultKind = Literal["status", "timeout_before", "timeout_after", "expire_session", "row_lock"]
KINDS: tuple[str, ...] = get_args(FaultKind)
SILENCE = 30.0
"""Seconds for which a server says nothing when it is told to time out."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to do wrong with one request.

    Attributes:
        kind: ``status`` answers with the HTTP ``status`` instead of working; ``timeout_before`` falls silent
            before, ``timeout_after`` after the request took effect; ``expire_session`` and ``row_lock`` are
            Salesforce's own.
        status: the HTTP status of kind ``status``; 0 otherwise.
        silence: seconds after which a silent connection is cut, unless the client gives up before.
    """

    kind: FaultKind
    status: int = 0
    silence: float = SILENCE


@dataclass(slots=True)
class _Order:
    server: str
    pattern: re.Pattern[str]
    fault: Fault
    left: int


class Faults:
    """The faults that are still due, over all servers. Safe to use from several threads.

    ``silence`` is for how many seconds a timeout lasts, unless its order says otherwise.
    """

    def __init__(self, silence: float = SILENCE) -> None:
        self.silence = silence
        self._lock = threading.Lock()
        self._orders: list[_Order] = []

    def add(
        self, server: str, match: str, kind: str, status: int = 0, times: int = 1, *, seconds: float | None = None
    ) -> None:
        """Let the next ``times`` requests to ``server`` whose operation matches the expression ``match`` go wrong.

        An empty ``match`` fits every operation; a plain substring is a regular expression too.

        Raises:
            ValueError: unknown kind, malformed expression, ``times`` below 1, negative ``seconds`` of silence, or a
                status that is missing or no error.
        """
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
        if times < 1:
            raise ValueError(f"times is {times}; use 1 or more")
        silence = self.silence if seconds is None else seconds
        if silence < 0:
            raise ValueError(f"seconds is {seconds}; use 0 or more")
        if kind == "status" and not 400 <= status <= 599:
            raise ValueError(f"status is {status}; kind 'status' needs an HTTP error between 400 and 599")
        try:
            pattern = re.compile(match)
        except re.error as error:
            raise ValueError(f"match {match!r} is no regular expression: {error}") from error
        with self._lock:
            self._orders.append(_Order(server, pattern, Fault(cast(FaultKind, kind), status, silence), times))

    def take(self, server: str, operation: str) -> Fault | None:
        """Return the oldest fault that is due for this request, used up once, or None."""
        if not self._orders:
            return None
        with self._lock:
            for order in self._orders:
                if order.server == server and order.pattern.search(operation):
                    order.left -= 1
                    if not order.left:
                        self._orders.remove(order)
                    return order.fault
        return None

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._orders.clear()

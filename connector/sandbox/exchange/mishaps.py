"""What AWS's side of the exchange is told to do wrong."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

MishapKind = Literal["stall", "withhold", "file_error", "record_error"]
KINDS: tuple[str, ...] = get_args(MishapKind)
DEFAULT_ERROR = "An internal error occurred. Please try again later."


@dataclass(slots=True)
class Mishap:
    """One thing to do wrong, so many times.

    Attributes:
        kind: stall leaves a file where it is, unread; withhold takes it in and keeps its result back; file_error
            refuses the whole file; record_error refuses a record.
        errors: what ``apiErrors`` says of a refused file, in any shape; of a record, the list of its errors.
        pattern: what the file's name, or the record's identifier, must have in it.
        left: how often it is still to happen.
    """

    kind: MishapKind
    pattern: re.Pattern[str]
    left: int
    errors: Any


class Mishaps:
    """The mishaps that are still due. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: list[Mishap] = []

    def add(self, kind: str, match: str, times: int, errors: Any) -> None:
        """Let the next ``times`` matching files or records go wrong; an empty ``match`` fits all.

        Raises:
            ValueError: unknown kind, malformed expression or ``times`` below 1.
        """
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
        if times < 1:
            raise ValueError(f"times is {times}; use 1 or more")
        try:
            pattern = re.compile(match)
        except re.error as error:
            raise ValueError(f"match {match!r} is no regular expression: {error}") from error
        with self._lock:
            self._due.append(Mishap(cast(MishapKind, kind), pattern, times, errors or [DEFAULT_ERROR]))

    def take(self, kind: MishapKind, name: str) -> Mishap | None:
        """Return the oldest mishap of that kind that is due for the name, used up once, or None."""
        with self._lock:
            for mishap in self._due:
                if mishap.kind == kind and mishap.pattern.search(name):
                    mishap.left -= 1
                    if not mishap.left:
                        self._due.remove(mishap)
                    return mishap
        return None

    def clear(self) -> None:
        """Forget all mishaps."""
        with self._lock:
            self._due.clear()

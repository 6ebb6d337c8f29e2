"""What goes wrong, or happens meanwhile, at a chosen moment: in any call of a door, at any commit of the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connector.errors import Deferred, Retriable

CALL, COMMIT = "call", "commit"
STEP = timedelta(milliseconds=70)


class Crash(BaseException):
    """The process ends here and now: nothing after this line runs."""


class MovingClock:
    """The one clock of both platforms and of the worker; it never shows the same moment twice."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment

    def advance(self, by: timedelta) -> None:
        self.moment += by


@dataclass(slots=True)
class Armed:
    """One interruption that waits for its moment: the ``countdown``-th call or commit from now."""

    where: str
    countdown: int
    before: Callable[[], None]
    after: Callable[[], None]


@dataclass(slots=True)
class Interruptions:
    """Counts calls and commits, and lets what was armed happen."""

    clock: MovingClock
    armed: list[Armed] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    """Whether a fault happened; whoever asks may set it back."""

    def arm(self, what: str, countdown: int) -> None:
        """Arm one of the faults by name."""
        where, before, after = self._fault(what)
        self.armed.append(Armed(where, countdown, before, after))

    def meanwhile(self, countdown: int, happen: Callable[[], None], *, after: bool) -> None:
        """Let something happen right before, or right after, the call takes effect."""
        first, second = (_nothing, happen) if after else (happen, _nothing)
        self.armed.append(Armed(CALL, countdown, first, second))

    def disarm(self) -> None:
        self.armed.clear()

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Surround one call of a door: the block is where it takes effect."""
        self.clock.advance(STEP)
        self.calls[name] += 1
        with self._moment(CALL):
            yield
        self.clock.advance(STEP)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Surround one commit of the state."""
        with self._moment(COMMIT):
            yield

    @contextmanager
    def _moment(self, where: str) -> Iterator[None]:
        due = [one for one in self.armed if one.where == where]
        for one in due:
            one.countdown -= 1
        due = [one for one in due if one.countdown <= 0]
        self.armed = [one for one in self.armed if one not in due]
        for one in due:
            one.before()
        yield
        for one in due:
            one.after()

    def _fault(self, what: str) -> tuple[str, Callable[[], None], Callable[[], None]]:
        def raising(error: BaseException) -> Callable[[], None]:
            def act() -> None:
                self.failed = True
                raise error

            return act

        lost = Retriable("The answer was lost.", outcome_unknown=True)
        until = self.clock.moment + timedelta(seconds=90)
        return {
            "busy": (CALL, raising(Retriable("Busy.", after=2)), _nothing),
            "later": (CALL, raising(Deferred("Too many calls.", until)), _nothing),
            "lost before": (CALL, raising(lost), _nothing),
            "lost after": (CALL, _nothing, raising(lost)),
            "crash before": (CALL, raising(Crash()), _nothing),
            "crash after": (CALL, _nothing, raising(Crash())),
            "crash before commit": (COMMIT, raising(Crash()), _nothing),
            "crash after commit": (COMMIT, _nothing, raising(Crash())),
        }[what]


FAULTS = (
    "busy", "later", "lost before", "lost after", "crash before", "crash after", "crash before commit",
    "crash after commit",
)  # fmt: skip


def _nothing() -> None:
    return None

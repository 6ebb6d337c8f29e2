"""How the exchange of files stands, in figures: for the worker's status, its log, and whoever asks by command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.store.state import State

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FileFigures:
    """Both directions, leads and opportunities together.

    Attributes:
        entries: records that wait for a file to go out in.
        to_send: files that are ready, and that AWS does not have for certain.
        unanswered: files at AWS whose result did not come yet.
        oldest: since when the file that waits longest is at AWS (aware UTC); None where none waits.
        stuck: those whose result has not come within *Result Wait Minutes*.
        incoming: AWS's files that are to be read, or whose records are being worked off.
        unreadable: AWS's files that cannot be read and stay in the bucket.
        sent: files of the last 24 hours, or None where no bucket is configured.
        per_day: as many as AWS takes.
    """

    entries: int
    to_send: int
    unanswered: int
    oldest: datetime | None
    stuck: int
    incoming: int
    unreadable: int
    sent: int | None = None
    per_day: int = 0

    @property
    def pending(self) -> bool:
        """Whether anything is under way, or was today."""
        return any((self.entries, self.to_send, self.unanswered, self.incoming, self.unreadable, self.sent))


def file_figures(state: State, budget: tuple[int, int] | None = None) -> FileFigures:
    """Return the figures of this moment; costs no call.

    Args:
        budget: files of the last 24 hours and as many as AWS takes; None where no bucket is configured.
    """
    uploads, waiting = state.uploads.counts(), state.uploads.unanswered()
    sent, per_day = budget if budget is not None else (None, 0)
    return FileFigures(
        entries=state.entries.count(),
        to_send=uploads.get("stored", 0),
        unanswered=len(waiting),
        oldest=state.uploads.oldest_unanswered(),
        stuck=sum(one.told_at is not None for one in waiting),
        incoming=len(state.downloads.open()),
        unreadable=len(state.downloads.unreadables()),
        sent=sent,
        per_day=per_day,
    )


def figures_in_words(figures: FileFigures, now: datetime) -> str:
    """Return one sentence; empty while no file is under way and none was sent today."""
    if not figures.pending:
        return ""
    waits = f", the longest for {age(figures.oldest, now)}" if figures.oldest else ""
    parts = (
        (figures.entries, f"{_count(figures.entries, 'record')} to go into a file"),
        (figures.to_send, f"{_count(figures.to_send, 'file')} to be sent"),
        (figures.unanswered, f"{_count(figures.unanswered, 'file')} without AWS's result{waits}"),
        (figures.stuck, f"{figures.stuck} of them stuck"),
        (figures.incoming, f"{_count(figures.incoming, 'file')} of AWS being worked off"),
        (figures.unreadable, f"{_count(figures.unreadable, 'file')} of AWS that cannot be read"),
        (figures.sent, f"{figures.sent} of {figures.per_day} files sent within 24 hours"),
    )
    return f"Files: {_listed(text for number, text in parts if number)}."


def age(since: datetime, now: datetime) -> str:
    """Return how long ago that was, in the largest unit that says enough: ``3 minutes``, ``2 hours``."""
    passed = max(now - since, timedelta())
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if passed >= unit:
            return _count(passed // unit, name)
    return "less than a minute"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(texts)

"""One account's data: two catalogs that know nothing of each other, with the indexes that lists need."""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

from connector.sandbox.partner_central import events
from connector.sandbox.partner_central.errors import AccessDeniedError, ConflictError, not_found
from connector.sandbox.partner_central.records import Engagement, Fields, Invitation, Opportunity, Solution, Task
from connector.sandbox.partner_central.settings import ACCOUNT_ID, CATALOGS, Settings

SortKey = Any
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_MILLISECOND = timedelta(milliseconds=1)

SORT_KEYS: dict[str, Callable[[Opportunity], SortKey]] = {
    "LastModifiedDate": lambda opportunity: opportunity.modified,
    "CreatedDate": lambda opportunity: opportunity.created,
    "Identifier": lambda opportunity: int(opportunity.id[1:]),
    "CustomerCompanyName": lambda opportunity: opportunity.company,
    "TargetCloseDate": lambda opportunity: opportunity.close_date,
}


class Clock(Protocol):
    def now(self) -> datetime: ...


class Catalog:
    """One catalog of the account. Callers hold the service's lock."""

    def __init__(self, name: str, numbers: Iterator[int], feed: events.Feed) -> None:
        self.name = name
        self.feed = feed
        self._numbers = numbers
        self.opportunities: dict[str, Opportunity] = {}
        self.engagements: dict[str, Engagement] = {}
        self.invitations: dict[str, Invitation] = {}
        self.tasks: dict[str, Task] = {}
        self.offers: dict[str, str] = {}  # offer: the one opportunity that it belongs to
        self.sent: dict[str, str] = {}  # opportunity: the invitation that its submission sent
        self._tokens: dict[tuple[str, str], tuple[bytes, Fields]] = {}
        self._indexes: dict[str, list[tuple[SortKey, str]]] = {}

    def new_opportunity_id(self) -> str:
        """Return the next opportunity id; no id is used in both catalogs."""
        return f"O{1_000_000 + next(self._numbers)}"

    def new_id(self, prefix: str, length: int) -> str:
        """Return an id of ``length`` letters and digits after the prefix."""
        number = int.from_bytes(hashlib.sha256(f"{prefix}{next(self._numbers)}".encode()).digest()[:12], "big")
        return prefix + "".join(_ALPHABET[number // 36**place % 36] for place in range(length))

    def visible(self, identifier: str) -> Opportunity:
        """Return the opportunity. Raises NotFoundError when there is none or its invitation was not accepted."""
        opportunity = self.opportunities.get(identifier)
        if opportunity is None or not opportunity.accepted:
            raise not_found(identifier)
        return opportunity

    def add(self, opportunity: Opportunity) -> None:
        """Store a new opportunity."""
        self.opportunities[opportunity.id] = opportunity
        self._index(opportunity)
        if opportunity.accepted:
            events.note_created(self.feed, opportunity)

    @contextmanager
    def editing(self, opportunity: Opportunity) -> Iterator[Opportunity]:
        """Keep the indexes right while the opportunity is changed."""
        self._unindex(opportunity)
        try:
            yield opportunity
        finally:
            self._index(opportunity)

    @contextmanager
    def changing(self, opportunity: Opportunity, now: datetime) -> Iterator[Opportunity]:
        """Like :meth:`editing`, and give the opportunity a new LastModifiedDate."""
        with self.editing(opportunity):
            yield opportunity
            opportunity.modified = max(stamp(now), opportunity.modified + _MILLISECOND)
        events.note_updated(self.feed, self, opportunity)

    def ordered(self, sort_by: str) -> list[tuple[SortKey, str]]:
        """Return (key, id) of all visible opportunities in ascending order. The list must not be changed."""
        if sort_by not in self._indexes:
            key = SORT_KEYS[sort_by]
            self._indexes[sort_by] = sorted(
                (key(opportunity), opportunity.id)
                for opportunity in self.opportunities.values()
                if opportunity.accepted
            )
        return self._indexes[sort_by]

    def _index(self, opportunity: Opportunity) -> None:
        if opportunity.accepted:
            for sort_by, entries in self._indexes.items():
                insort(entries, (SORT_KEYS[sort_by](opportunity), opportunity.id))

    def _unindex(self, opportunity: Opportunity) -> None:
        if opportunity.accepted:
            for sort_by, entries in self._indexes.items():
                del entries[bisect_left(entries, (SORT_KEYS[sort_by](opportunity), opportunity.id))]

    def replay(self, operation: str, token: str, digest: bytes) -> Fields | None:
        """Return what the token's first call gave, or None for a new token.

        Raises:
            ConflictError: the token came with another body before.
        """
        known = self._tokens.get((operation, token))
        if known is None:
            return None
        if known[0] != digest:
            raise ConflictError("Conflicting client token submitted for a new request body.")
        return known[1]

    def remember(self, operation: str, token: str, digest: bytes, result: Fields) -> None:
        """Keep what the token's call gave, as long as the sandbox lives."""
        self._tokens[operation, token] = (digest, result)


class Account:
    """One partner account: settings, clock, solutions and both catalogs."""

    def __init__(self, settings: Settings, clock: Clock, solutions: dict[str, Solution]) -> None:
        self.settings = settings
        self.clock = clock
        self.feed = events.Feed(clock)
        self.solutions = solutions
        self.reviews_due: list[tuple[datetime, str, str]] = []
        self.reset()

    def reset(self) -> None:
        """Forget all data."""
        numbers = itertools.count(1)
        self.catalogs = {name: Catalog(name, numbers, self.feed) for name in CATALOGS}
        self.feed.forget()
        self.reviews_due.clear()

    def catalog(self, name: str) -> Catalog:
        """Return the catalog. Raises AccessDeniedError for any other name."""
        if name not in self.catalogs:
            raise AccessDeniedError(f"Account {ACCOUNT_ID} is not authorized to access catalog {name}")
        return self.catalogs[name]

    def catalog_of(self, opportunity_id: str) -> Catalog:
        """Return the catalog that holds the opportunity. Raises NotFoundError."""
        for catalog in self.catalogs.values():
            if opportunity_id in catalog.opportunities:
                return catalog
        raise not_found(opportunity_id)


def stamp(now: datetime) -> datetime:
    """Return the moment as records carry it: milliseconds, now and then microseconds."""
    if now.microsecond % 7 == 0:
        return now
    return now.replace(microsecond=now.microsecond // 1000 * 1000)

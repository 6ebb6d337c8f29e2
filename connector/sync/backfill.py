"""Importing what exists in Partner Central: looked through once, sorted into what is ours, what is new and what a
person must decide about, and queued behind everything else.

The walk's place, its figures and what it queues are committed together, page by page: it is taken up where it was cut
off. In a state that has not looked at AWS yet it takes the place of the first sweep, which would import everything:
then what the admin did not choose is remembered as left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector.errors import ConfigError
from connector.store.backfills import Proposal
from connector.store.candidates import Candidates
from connector.store.codec import dump, load
from connector.store.links import Link
from connector.sync import logs
from connector.sync.adoption import adopt_page, is_record_id
from connector.sync.backfill_links import load_candidates, propose
from connector.sync.engine import Engine, Priority
from connector.sync.ports import Json, Row
from connector.sync.queueing import enqueue_inbound
from connector.sync.sweeps import (
    BACKFILL_PLACE,
    finish_walk,
    is_first,
    is_historical,
    later,
    place_behind,
    walk_modified,
)

Pause = Callable[[int], None]
"""Called between two pages with how many opportunities were looked at: what people wait for gets its turn."""


class Kind(StrEnum):
    """What an opportunity is to this org, and what becomes of it."""

    CARRIED = "linked by the id that a record carries"
    IDENTIFIED = "linked by partner identifier"
    CHANGED = "linked before, changed at AWS"
    NEW = "without a record: to be created"
    PROPOSED = "proposed: a person decides"
    UNDECIDED = "waiting for an earlier decision"
    SKIPPED = "skipped, as decided"
    KNOWN = "linked and up to date"
    DELETED = "record deleted in Salesforce"
    HISTORICAL = "historical data (X0001 and on)"
    LEFT_OUT = "not chosen"


QUEUED = frozenset({Kind.CARRIED, Kind.IDENTIFIED, Kind.CHANGED, Kind.NEW})


@dataclass(frozen=True, slots=True)
class Scope:
    """What an admin wants imported; what is empty does not limit.

    Attributes:
        stages, review_statuses: Partner Central's own words.
        created_after, modified_after: at AWS, at that time or later (aware).
        never_synced: only opportunities that Salesforce never got.
    """

    stages: tuple[str, ...] = ()
    review_statuses: tuple[str, ...] = ()
    created_after: datetime | None = None
    modified_after: datetime | None = None
    never_synced: bool = False

    def covers(self, summary: Json) -> bool:
        """Whether the opportunity is chosen, as far as AWS's list tells."""
        life = summary.get("LifeCycle") or {}
        return (
            (not self.stages or life.get("Stage") in self.stages)
            and (not self.review_statuses or life.get("ReviewStatus") in self.review_statuses)
            and _is_since(summary.get("CreatedDate"), self.created_after)
            and _is_since(summary.get("LastModifiedDate"), self.modified_after)
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "stages": sorted(self.stages),
            "review_statuses": sorted(self.review_statuses),
            "created_after": self.created_after.isoformat() if self.created_after else None,
            "modified_after": self.modified_after.isoformat() if self.modified_after else None,
            "never_synced": self.never_synced,
        }


def _is_since(date: Any, limit: datetime | None) -> bool:
    return limit is None or (bool(date) and datetime.fromisoformat(str(date)) >= limit)


@dataclass(slots=True)
class Found:
    """What a walk came to.

    Attributes:
        counts: opportunities by kind.
        resumed: the walk went on from where an earlier one was cut off.
    """

    counts: Counter[str] = field(default_factory=Counter)
    resumed: bool = False

    def as_json(self) -> dict[str, int]:
        return {kind.name.lower(): self.counts[kind.name] for kind in Kind}


@dataclass(frozen=True, slots=True)
class _Sorted:
    summary: Json
    kind: Kind
    proposals: tuple[Proposal, ...] = ()


def survey(engine: Engine, scope: Scope, pause: Pause) -> Found:
    """Return what a backfill would do; nothing is queued, linked or remembered."""
    found = Found()
    met: set[str] = set()
    with closing(load_candidates(engine)) as candidates:
        for page in walk_modified(engine, _start(engine, scope)):
            fresh = [one for one in page if one["Id"] not in met]
            met = {one["Id"] for one in page}
            found.counts.update(each.kind.name for each in _sort(engine, candidates, scope, fresh))
            pause(found.counts.total())
    return found


def look_through(engine: Engine, scope: Scope, run_id: str, pause: Pause) -> Found:
    """Sort all that is chosen, queue what can be queued, and keep proposals for the rest.

    Raises:
        ConfigError: a backfill of another choice was cut off; it is to be finished, or given up with :func:`give_up`.
    """
    walk = _Walk(engine, scope, run_id)
    if walk.is_first:
        logs.adopt_reasons(engine)
    with closing(load_candidates(engine)) as candidates:
        for page in walk_modified(engine, walk.begin):
            walk.take(page, _sort(engine, candidates, scope, page))
            pause(walk.found.counts.total())
    walk.finish()
    return walk.found


def give_up(engine: Engine) -> None:
    """Forget a backfill that was cut off. What it queued stays queued."""
    engine.state.cursors.delete(BACKFILL_PLACE)


def _start(engine: Engine, scope: Scope) -> datetime | None:
    """A state that has not looked at AWS yet looks at everything, whatever is chosen."""
    if is_first(engine) or scope.modified_after is None:
        return None
    return place_behind(scope.modified_after)


class _Walk:
    """One walk's memory, kept in the state with each page."""

    def __init__(self, engine: Engine, scope: Scope, run_id: str) -> None:
        self.engine, self.scope, self.run_id = engine, scope, run_id
        self.found, self.latest = Found(), ""
        self.begin, self._met = _start(engine, scope), dict[str, str]()
        self.is_first = is_first(engine)
        self._resume()

    def _resume(self) -> None:
        text = self.engine.state.cursors.get(BACKFILL_PLACE)
        if text is None:
            return
        kept = load(text)
        if kept["scope"] != self.scope.as_json():
            raise ConfigError(
                f"A backfill of another choice was cut off: {dump(kept['scope'])}. Run it again with the same options "
                "to finish it, or give it up with --restart."
            )
        self.begin, self.latest = datetime.fromisoformat(kept["place"]), kept["latest"]
        self.found = Found(Counter(kept["counts"]), resumed=True)
        self._met = dict(kept["met"])

    def take(self, page: list[Json], found: list[_Sorted]) -> None:
        """Queue what can be queued, and keep the rest, with the place, in one transaction."""
        fresh = [each for each in found if each.summary["Id"] not in self._met]
        with self.engine.state.transaction():
            adopt_page(self.engine, page if self.is_first else [one.summary for one in found if one.kind in QUEUED])
            for each in fresh:
                self._conclude(each)
            self.latest = later(self.engine, self.latest, page)
            self._keep(page)

    def _conclude(self, each: _Sorted) -> None:
        state, apn_id = self.engine.state, str(each.summary["Id"])
        self.found.counts[each.kind.name] += 1
        if each.kind in QUEUED:
            if state.backfills.decision(apn_id) == "left_out":
                state.backfills.decide(apn_id, "create")
            enqueue_inbound(self.engine, apn_id, self.run_id, priority=Priority.BACKFILL)
        elif each.kind is Kind.PROPOSED:
            state.backfills.propose(each.proposals)
        elif each.kind is Kind.LEFT_OUT and self.is_first and state.backfills.decision(apn_id) is None:
            state.backfills.decide(apn_id, "left_out", modified=str(each.summary["LastModifiedDate"]))

    def _keep(self, page: list[Json]) -> None:
        place = place_behind(datetime.fromisoformat(str(page[-1]["LastModifiedDate"])))
        # Where pages touch, or the walk is taken up again, what was modified since then is met twice: within one second
        # that may be many pages.
        met = self._met | {str(one["Id"]): str(one["LastModifiedDate"]) for one in page}
        self._met = {apn_id: date for apn_id, date in met.items() if datetime.fromisoformat(date) >= place}
        memory = {
            "scope": self.scope.as_json(), "place": place.isoformat(), "latest": self.latest,
            "counts": dict(self.found.counts), "met": self._met,
        }  # fmt: skip
        self.engine.state.cursors.set(BACKFILL_PLACE, dump(memory))

    def finish(self) -> None:
        with self.engine.state.transaction():
            self.engine.state.cursors.delete(BACKFILL_PLACE)
            if self.is_first:
                finish_walk(self.engine, self.latest)


def _sort(engine: Engine, candidates: Candidates, scope: Scope, page: list[Json]) -> list[_Sorted]:
    carriers = _carriers(engine, page)
    return [_sorted(engine, candidates, scope, summary, carriers) for summary in page]


def _carriers(engine: Engine, page: list[Json]) -> dict[str, Row]:
    """Return the records that carry an identifier of the page, by identifier: one question for the page."""
    field_name = engine.names.apn_id
    ids = [str(one["Id"]) for one in page if engine.state.links.by_apn(one["Id"]) is None and str(one["Id"]).isalnum()]
    if not ids:
        return {}
    wanted = ", ".join(f"'{one}'" for one in ids)
    rows = engine.salesforce.query(
        f"SELECT Id, {field_name}, {engine.names.last_sync_date} FROM {engine.mapping.object_name} "  # noqa: S608 - letters and digits
        f"WHERE {field_name} IN ({wanted})"
    )
    return {str(row[field_name]).upper(): row for row in rows}


def _sorted(engine: Engine, candidates: Candidates, scope: Scope, summary: Json, carriers: dict[str, Row]) -> _Sorted:
    if is_historical(summary):
        return _Sorted(summary, Kind.HISTORICAL)
    link = engine.state.links.by_apn(summary["Id"])
    if link is not None:
        return _Sorted(summary, _kind_of_linked(engine, scope, summary, link))
    carrier = carriers.get(str(summary["Id"]).upper())
    if not scope.covers(summary):
        return _Sorted(summary, Kind.LEFT_OUT)
    if carrier is not None:
        synced = scope.never_synced and carrier.get(engine.names.last_sync_date)
        return _Sorted(summary, Kind.KNOWN if synced else Kind.CARRIED)
    if is_record_id(engine, str(summary.get("PartnerOpportunityIdentifier") or "")):
        return _Sorted(summary, Kind.IDENTIFIED)
    match engine.state.backfills.decision(summary["Id"]):
        case "skip":
            return _Sorted(summary, Kind.SKIPPED)
        case "undecided":
            return _Sorted(summary, Kind.UNDECIDED)
        case "create":
            return _Sorted(summary, Kind.NEW)
    proposals = tuple(propose(engine, candidates, summary))
    return _Sorted(summary, Kind.PROPOSED if proposals else Kind.NEW, proposals)


def _kind_of_linked(engine: Engine, scope: Scope, summary: Json, link: Link) -> Kind:
    if link.status == "tombstone":
        return Kind.DELETED
    if link.aws_modified == summary["LastModifiedDate"]:
        return Kind.KNOWN
    # The first look leaves no change behind, whatever is chosen: the sweep begins where it ends.
    if is_first(engine):
        return Kind.CHANGED
    if scope.never_synced and link.applied is not None:
        return Kind.KNOWN
    return Kind.CHANGED if scope.covers(summary) else Kind.LEFT_OUT


def report_lines(engine: Engine) -> Iterator[tuple[str, str, str]]:
    """Yield (partner identifier, AWS's identifier, remark) of all that is known of Partner Central: linked pairs,
    excluded opportunities under consecutive stand-ins (OPS-18), and those that still wait for a decision.
    """
    for link in engine.state.links.iterate(object_name=engine.mapping.object_name):
        if link.apn_id and link.status in ("linked", "held"):
            yield link.record_id, link.apn_id, "linked"
    backfills = engine.state.backfills
    excluded = [*backfills.decided("skip"), *backfills.decided("left_out")]
    unlinked = (one for one in excluded if engine.state.links.by_apn(one) is None)
    for number, apn_id in enumerate(unlinked, start=1):
        yield f"X{number:04d}", apn_id, "not to be processed"
    for apn_id in backfills.decided("undecided"):
        if engine.state.links.by_apn(apn_id) is None:
            yield "", apn_id, "unmatched: waits for a decision"

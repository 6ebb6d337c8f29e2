"""An engine on a real state whose doors do only what a test of the service needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from connector.ace.catalogue import opportunity_fields
from connector.mapping.automap import automap_packaged
from connector.mapping.describe import ObjectDescribe
from connector.store.state import State
from connector.sync.engine import Engine
from connector.sync.ports import PartnerCentralPort, SalesforcePort
from connector.sync.settings import SyncSettings

ORG = "00DSb0000000001MAA"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMPTY = ObjectDescribe("ACE_Opportunity__c", "ACE Opportunity", "a00")


@dataclass(slots=True)
class SettableClock:
    time: datetime = BEGIN

    def now(self) -> datetime:
        return self.time

    def advance(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass(slots=True)
class Outcome:
    id: str = "a00"
    created: bool = True
    error: Any = None


@dataclass(slots=True)
class LeaseDoor:
    """Salesforce as the lease sees it: one table of rows by key. ``meanwhile`` acts after the next write."""

    clock: SettableClock
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    meanwhile: Any = None
    urgencies: int = 0

    def server_time(self) -> datetime:
        return self.clock.now()

    def upsert(self, _: str, key: str, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
        self.rows |= {row[key]: dict(row) for row in rows}
        if self.meanwhile:
            self.meanwhile()
        return [Outcome() for _ in rows]

    def query(self, soql: str) -> Iterator[dict[str, Any]]:
        return iter([dict(row) for key, row in self.rows.items() if f"'{key}'" in soql])

    def urgent(self) -> AbstractContextManager[None]:
        return _counted(self)


@dataclass(slots=True)
class QuietPartnerCentral:
    urgencies: int = 0
    backgrounds: int = 0

    def urgent(self) -> AbstractContextManager[None]:
        return _counted(self)

    @contextmanager
    def background(self) -> Iterator[None]:
        self.backgrounds += 1
        yield


@contextmanager
def _counted(door: LeaseDoor | QuietPartnerCentral) -> Iterator[None]:
    door.urgencies += 1
    yield


def make_engine(state: State, clock: SettableClock, door: LeaseDoor, **settings: Any) -> Engine:
    """Return an engine with an empty mapping."""
    return Engine(
        state=state,
        salesforce=cast(SalesforcePort, door),
        partner_central=cast(PartnerCentralPort, QuietPartnerCentral()),
        clock=clock,
        org_id=ORG,
        catalog="Sandbox",
        settings=SyncSettings(frozenset(), **settings),
        mapping=automap_packaged(opportunity_fields(), EMPTY),
    )


@contextmanager
def open_engine(directory: Path, name: str = "state.db", door: LeaseDoor | None = None) -> Iterator[Engine]:
    """Open a state file and an engine on it; engines of the same door share one org."""
    clock = door.clock if door else SettableClock()
    with State.open(directory / name) as state:
        yield make_engine(state, clock, door or LeaseDoor(clock))

"""One row of ``AWS_Marketplace_Sync__c`` per refresh of one account's list: what it came to, in status and counts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from connector.marketplace.accounts import salesforce_time
from connector.marketplace.fields import MarketplaceSync
from connector.names import MARKETPLACE_SYNC, MarketplaceSettings
from connector.store.queue import Item
from connector.sync.engine import Engine
from connector.sync.flush import PURGE_SLICE
from connector.sync.logs import cut
from connector.sync.notifications import LEAST_DAYS, MOST_DAYS, marketplace_setting
from connector.sync.ports import Row

IN_PROGRESS, PROCESSED, PARTIAL, ERROR = "In Progress", "Processed", "Partial", "Error"
REFRESH = "Refresh"
_LONGEST_MESSAGE = 32_000
_CURSOR = "marketplace:"
MOST_TOLD = 5
"""Lines about single entities that an answer repeats; the row has all of them."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh of one account's list came to.

    Attributes:
        listed: entities that AWS returned.
        created, updated: rows that were new, or differed.
        ended: rows whose entities AWS lists no more.
        failed: entities that could not be read, or whose rows could not be written.
        told: why, and which values were left out; one line each.
        stopped: why nothing was done at all; empty when the list was read to its end.
    """

    listed: int = 0
    created: int = 0
    updated: int = 0
    ended: int = 0
    failed: int = 0
    told: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def status(self) -> str:
        if self.stopped or (self.failed and self.failed >= self.listed):
            return ERROR
        return PARTIAL if self.failed else PROCESSED

    def __str__(self) -> str:
        if self.stopped:
            return self.stopped
        counts = f"{self.listed} listed: {self.created} new, {self.updated} changed, {self.ended} not listed any more."
        failed = f" {self.failed} could not be read or stored." if self.failed else ""
        more = f" And {len(self.told) - MOST_TOLD} more." if len(self.told) > MOST_TOLD else ""
        return " ".join((counts + failed, *self.told[:MOST_TOLD])) + more


def sync_key(item: Item) -> str:
    """Return the key of the row of an item's refresh: the same however often the item is begun."""
    return f"{item.payload['account']}/{item.payload['list']}/{item.created_at:%Y%m%dT%H%M%S%f}/{item.id}"


def tell_begin(engine: Engine, item: Item, account_id: str, now: datetime, waits: str = "") -> None:
    """Write that the refresh began, or what it waits for before it goes on."""
    row = {
        MarketplaceSync.KEY: sync_key(item),
        MarketplaceSync.ACCOUNT: account_id,
        MarketplaceSync.OBJECT: item.payload["list"],
        MarketplaceSync.OPERATION: REFRESH,
        MarketplaceSync.STATUS: IN_PROGRESS,
        MarketplaceSync.STARTED_AT: salesforce_time(now),
        MarketplaceSync.ENDED_AT: None,
        MarketplaceSync.MESSAGE: cut(f"It waits: {waits}", _LONGEST_MESSAGE) if waits else None,
    }
    _put(engine, row)


def tell_end(engine: Engine, item: Item, found: Refreshed, now: datetime) -> None:
    """Write what the refresh came to."""
    row = {
        MarketplaceSync.KEY: sync_key(item),
        MarketplaceSync.STATUS: found.status,
        MarketplaceSync.RECORD_COUNT: found.listed,
        MarketplaceSync.CREATED_COUNT: found.created,
        MarketplaceSync.UPDATED_COUNT: found.updated,
        MarketplaceSync.ERROR_COUNT: found.failed,
        MarketplaceSync.ENDED_AT: salesforce_time(now),
        MarketplaceSync.MESSAGE: _message(found),
    }
    _put(engine, row)


def _message(found: Refreshed) -> str | None:
    """Return all lines, which few rows have; of the counts those that have no field."""
    lines = [found.stopped] if found.stopped else list(found.told)
    if found.ended:
        lines.insert(0, f"{found.ended} not listed any more.")
    return cut("\n".join(lines), _LONGEST_MESSAGE) or None


def _put(engine: Engine, row: Row) -> None:
    for outcome in engine.salesforce.upsert(MARKETPLACE_SYNC, MarketplaceSync.KEY, [row]):
        if outcome.error is not None:
            raise outcome.error


def keep_result(engine: Engine, item: Item, found: Refreshed, now: datetime) -> None:
    """Remember the last refresh of an account's list."""
    known = {"item": item.id, "at": now.isoformat(), **asdict(found)}
    engine.state.cursors.set(_cursor(item.payload), json.dumps(known))


def result_of(engine: Engine, item: Item) -> Refreshed | None:
    """Return what the item's refresh came to, or a later one of the same list; None where neither is known."""
    known = _known(engine, item.payload)
    if known is None or known["item"] < item.id:
        return None
    values = {one.name: known[one.name] for one in fields(Refreshed)}
    return Refreshed(**values | {"told": tuple(values["told"])})


def last_refresh(engine: Engine, payload: dict[str, Any]) -> datetime | None:
    """Return when the account's list was last refreshed, as far as the state knows."""
    known = _known(engine, payload)
    return datetime.fromisoformat(known["at"]) if known else None


def _known(engine: Engine, payload: dict[str, Any]) -> dict[str, Any] | None:
    text = engine.state.cursors.get(_cursor(payload))
    return json.loads(text) if text else None


def _cursor(payload: dict[str, Any]) -> str:
    return f"{_CURSOR}{payload['account']}:{payload['list']}"


def purge_syncs(engine: Engine, limit: int = PURGE_SLICE) -> int:
    """Delete the rows of refreshes that are older than the admin's retention; return how many."""
    days = marketplace_setting(engine.salesforce, engine.org_id, MarketplaceSettings.SYNC_LOG_RETENTION)
    if days is None or not LEAST_DAYS <= days <= MOST_DAYS:
        return 0
    before = (engine.salesforce.server_time() - timedelta(days=int(days))).strftime("%Y-%m-%dT%H:%M:%SZ")
    soql = f"SELECT Id FROM {MARKETPLACE_SYNC} WHERE CreatedDate < {before} ORDER BY CreatedDate LIMIT {limit}"  # noqa: S608
    ids = [row["Id"] for row in engine.salesforce.query(soql)]
    return sum(outcome.error is None for outcome in engine.salesforce.delete(ids)) if ids else 0

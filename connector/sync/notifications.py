"""``AWS_Notification__c``: rows that EventBridge creates are events to work off; for what came through a queue the
connector adds the row itself, so that people find every event in one list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from connector.ace.events import INVITATION, MAX_KIND, OPPORTUNITY, Event, MalformedEvent, checked_entity
from connector.errors import RecordGone
from connector.names import MARKETPLACE_SETTINGS, NOTIFICATION, MarketplaceSettings, Notification
from connector.store.events import KeptEvent
from connector.sync.engine import Engine
from connector.sync.ports import Row, RowOutcome, SalesforcePort

NEW, PROCESSED, IGNORED, ERROR = "New", "Processed", "Ignored", "Error"
TELL = "notifications"
MOST_ROWS = 200
PURGE_SLICE = 2000
ATTEMPTS = 10
GIVEN_UP = "notifications given up"
TELL_AGAIN = timedelta(hours=1)
NAME_LENGTH = 80
LEAST_DAYS, MOST_DAYS = 1, 3650
_FIELDS = {
    Notification.ACCOUNT_NUMBER: "account",
    Notification.ENTITY_ID: "entity_id",
    Notification.PRODUCT_ID: "product_id",
    Notification.SELLER_ACCOUNT_ID: "seller_account_id",
    Notification.MANUFACTURER_ACCOUNT_ID: "manufacturer_account_id",
    Notification.CATALOG: "catalog",
}
_LENGTHS = {
    Notification.ACCOUNT_NUMBER: 20,
    Notification.SELLER_ACCOUNT_ID: 20,
    Notification.MANUFACTURER_ACCOUNT_ID: 20,
    Notification.CATALOG: 40,
}

log = structlog.get_logger(__name__)


def open_rows_query() -> str:
    """Return the SOQL of the rows that nobody worked off yet."""
    return (
        f"SELECT Id, Name, {', '.join(_FIELDS)} FROM {NOTIFICATION} "  # noqa: S608 - our own names
        f"WHERE {Notification.STATUS} IN ('{NEW}') ORDER BY CreatedDate, Id LIMIT {MOST_ROWS}"
    )


def read_rows(rows: Iterable[Row]) -> Iterator[tuple[Event, str, str]]:
    """Yield, for each row, its event, its id, and why it cannot be worked off (empty for a sound one)."""
    for row in rows:
        values = {name: str(row.get(field) or "").strip() for field, name in _FIELDS.items()}
        event = Event(id=str(row["Id"]), kind=str(row["Name"] or "")[:MAX_KIND], **values)
        fault = ""
        if event.about in (OPPORTUNITY, INVITATION):
            try:
                values["entity_id"] = checked_entity(event.about, event.entity_id)
            except MalformedEvent as error:
                fault = (
                    f"{Notification.ENTITY_ID} (value: {event.entity_id!r}): {error} "
                    "Correct the input transformer of the EventBridge rule, then create the row again."
                )
        yield Event(id=event.id, kind=event.kind, **values), event.id, fault


def put_notification(engine: Engine, event: Event, status: str, message: str) -> None:
    """Let the list of notifications show an event that came through a queue; written with the logs, by unique key."""
    body: dict[str, Any] = {"Name": event.kind[:NAME_LENGTH]}
    for name, attribute in _FIELDS.items():
        body[name] = getattr(event, attribute)[: _LENGTHS.get(name, 255)] or None
    body |= {Notification.STATUS: status, Notification.MESSAGE: message or None}
    engine.state.outbox.put(NOTIFICATION, Notification.EVENT_ID, event.id, body, engine.now())


def tell_rows(engine: Engine) -> None:
    """Write what became of the rows that EventBridge created.

    Raises:
        Retriable, Deferred, AuthFailed: not now; it is tried again.
    """
    while untold := engine.state.events.untold(MOST_ROWS):
        rows = [
            {"Id": one.row_id, Notification.STATUS: one.status, Notification.MESSAGE: one.message or None}
            for one in untold
        ]
        outcomes = engine.salesforce.update(NOTIFICATION, rows)
        if not _conclude(engine, untold, outcomes):
            return


def _conclude(engine: Engine, untold: Sequence[KeptEvent], outcomes: Sequence[RowOutcome]) -> int:
    """Remember which rows are told; return how many are done with. A row that stays refused is given up."""
    done = []
    with engine.state.transaction():
        for one, outcome in zip(untold, outcomes, strict=True):
            if outcome.error is None or isinstance(outcome.error, RecordGone):
                done.append(one.id)
                continue
            engine.state.events.count_attempt(one.id)
            if one.attempts + 1 >= ATTEMPTS:
                log.error("a notification was given up", row=one.row_id, error=type(outcome.error).__name__)
                engine.state.meta.set(GIVEN_UP, engine.now().isoformat())
                done.append(one.id)
        engine.state.events.told(done)
    return len(done)


def tell_again(engine: Engine, event_ids: Sequence[str]) -> None:
    """Try once more, every hour, to write to rows that were given up and are still New: they would keep later ones out
    of the next look.
    """
    since = engine.state.meta.get(GIVEN_UP)
    if event_ids and since and engine.now() - datetime.fromisoformat(since) >= TELL_AGAIN:
        with engine.state.transaction():
            engine.state.meta.set(GIVEN_UP, engine.now().isoformat())
            engine.state.events.untell(event_ids)


def marketplace_setting(salesforce: SalesforcePort, org_id: str, name: str) -> Any:
    """Return the org-level value of a Marketplace setting; None when it is empty."""
    rows = list(salesforce.query(f"SELECT {name} FROM {MARKETPLACE_SETTINGS} WHERE SetupOwnerId = '{org_id}'"))  # noqa: S608
    return rows[0].get(name) if rows else None


def purge_notifications(engine: Engine, limit: int = PURGE_SLICE) -> int:
    """Delete the notifications that are older than the admin's retention; return how many.

    Those that wait to be worked off stay.
    """
    days = marketplace_setting(engine.salesforce, engine.org_id, MarketplaceSettings.NOTIFICATION_RETENTION)
    if days is None or not LEAST_DAYS <= days <= MOST_DAYS:
        return 0
    before = (engine.salesforce.server_time() - timedelta(days=int(days))).strftime("%Y-%m-%dT%H:%M:%SZ")
    soql = (
        f"SELECT Id FROM {NOTIFICATION} WHERE CreatedDate < {before} "  # noqa: S608 - our own names
        f"AND {Notification.STATUS} != '{NEW}' ORDER BY CreatedDate LIMIT {limit}"
    )
    ids = [row["Id"] for row in engine.salesforce.query(soql)]
    return sum(outcome.error is None for outcome in engine.salesforce.delete(ids)) if ids else 0

"""The queue's items about lists of AWS Marketplace: reading one account's list, and answering who asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from connector.errors import AuthFailed, ConnectorError, Deferred, RecordRejected, Retriable, StaleRecord
from connector.marketplace.accounts import (
    NONE_CONFIGURED,
    account_rows,
    follow_accounts,
    note_failure,
    note_refresh,
    unconfigured,
)
from connector.marketplace.fields import SellerAccount
from connector.marketplace.refresh import refresh_list
from connector.marketplace.sync_records import (
    PROCESSED,
    Refreshed,
    keep_result,
    last_refresh,
    result_of,
    tell_begin,
    tell_end,
)
from connector.store.queue import Item, Work
from connector.sync import queueing
from connector.sync.action_outcome import DONE, FAILED, UNKNOWN, Answer
from connector.sync.answering import LIST_ANSWER, PATIENCE, write_answer
from connector.sync.asking import Request
from connector.sync.engine import Engine, Priority
from connector.sync.ports import CatalogPort, Row
from connector.sync.schedule_memory import PRODUCTS

REFRESH_PRODUCTS = "Refresh Products"
SPACING = timedelta(seconds=30)
"""Between the end of a refresh of authorizations and the next one of the same account (RA-15): AWS shows what was
created a moment ago late.
"""
POLL = timedelta(seconds=2)
"""Between two looks, in the state only, whether what was asked for has ended."""
MANY_ATTEMPTS = 3
LONG_WAIT = timedelta(minutes=1)
SWITCHED_OFF = "The account is not active (Active is cleared under AWS Accounts), so that nothing was read."
UNDER_WAY = "It is still under way after a long time. The Marketplace Syncs will say what it came to."

log = structlog.get_logger(__name__)


def read_list(engine: Engine, item: Item) -> None:
    """Read an account's list from AWS Marketplace, and record what it came to.

    Raises:
        Deferred: the list was refreshed a moment ago.
        Deferred, Retriable, AuthFailed, ConfigError, MappingError: nothing can be read, or stored, now.
    """
    account, what = str(item.payload["account"]), str(item.payload["list"])
    door = engine.sellers.get(account)
    if door is None:
        return keep_result(engine, item, Refreshed(stopped=unconfigured(account)), engine.now())
    _leave_space(engine, item)
    row = account_rows(engine)[account]
    if not row[SellerAccount.ACTIVE]:
        return keep_result(engine, item, Refreshed(stopped=SWITCHED_OFF), engine.now())
    tell_begin(engine, item, str(row["Id"]), engine.now())
    found = _read(engine, item, door, row)
    if not found.stopped:
        note_refresh(engine, row, what, engine.now())
    tell_end(engine, item, found, engine.now())
    keep_result(engine, item, found, engine.now())
    log.info("refreshed", account=account, list=what, listed=found.listed, created=found.created, failed=found.failed)
    return None


def _leave_space(engine: Engine, item: Item) -> None:
    last, now = last_refresh(engine, item.payload), engine.now()
    if item.payload["list"] != PRODUCTS and last is not None and timedelta() <= now - last < SPACING:
        raise Deferred(f"The list was refreshed less than {SPACING.seconds} seconds ago.", last + SPACING)


def _read(engine: Engine, item: Item, door: CatalogPort, row: Row) -> Refreshed:
    """Read the list; where that fails, say so on the sync's row and the account's before it is tried again."""
    try:
        return refresh_list(engine, door, row, str(item.payload["list"]))
    except RecordRejected as error:
        return Refreshed(stopped=str(error))
    except (Deferred, Retriable, StaleRecord) as error:
        tell_begin(engine, item, str(row["Id"]), engine.now(), waits=str(error))
        raise
    except ConnectorError as error:
        tell_end(engine, item, Refreshed(stopped=str(error)), engine.now())
        if isinstance(error, AuthFailed):
            note_failure(engine, row, str(error), engine.now())
        raise


def renew_products(engine: Engine) -> None:
    """Let the accounts' rows show which are configured, and have products refreshed that another version of the
    connector refreshed (MKT-05).
    """
    for account in follow_accounts(engine):
        queueing.enqueue_list(engine, account, PRODUCTS)


@dataclass(frozen=True, slots=True)
class Ended:
    """How one account's part of what was asked for has ended.

    Attributes:
        found: the counts; None where it was not done.
        message: for people.
    """

    account: str
    found: Refreshed | None
    message: str

    @property
    def succeeded(self) -> bool:
        return self.found is not None and self.found.status == PROCESSED

    def __str__(self) -> str:
        return f"{self.account}: {self.message}"


def ended(engine: Engine, ids: Iterable[int]) -> list[Ended] | None:
    """Return how the items have ended; None while one of them goes on. What waits for long counts as not done."""
    found = [_ended(engine, one) for one in ids]
    return None if None in found else [one for one in found if one is not None]


def _ended(engine: Engine, item_id: int) -> Ended | None:
    item = engine.state.queue.get(item_id)
    if item is None:
        return Ended("An account", None, "what became of it is not known any more. Ask again.")
    account = str(item.payload["account"])
    if item.state == "done":
        found = result_of(engine, item)
        if found is not None:
            return Ended(account, found, str(found))
        # It was asked for again while it was about to be repeated: the later item does it.
        return None if _goes_on(engine, item) else Ended(account, None, f"it was not done. {item.reason}".strip())
    if item.state == "failed":
        return Ended(account, None, item.reason)
    far = item.reason and item.retry_at - engine.now() >= LONG_WAIT
    if item.state == "waiting" and (far or item.attempts >= MANY_ATTEMPTS):
        return Ended(account, None, f"{item.reason} It is tried again.")
    return None


def _goes_on(engine: Engine, item: Item) -> bool:
    items = [*engine.state.queue.list("waiting", 1000, key=item.key), *engine.state.queue.list("leased", key=item.key)]
    return any(one.dedup == item.dedup for one in items)


def perform_product_refresh(engine: Engine, request: Request) -> Answer | None:
    """Have the products of every seller account read because somebody confirmed it; the answer follows."""
    if not engine.sellers:
        return Answer(FAILED, NONE_CONFIGURED)
    ids = [queueing.enqueue_list(engine, one, PRODUCTS, priority=Priority.REQUEST) for one in engine.sellers]
    work = Work(
        kind=LIST_ANSWER,
        key=request.id,
        lane=queueing.READ_LANE,
        priority=Priority.REQUEST,
        payload={"request": request.id, "items": ids},
        dedup=f"{LIST_ANSWER}:{request.id}",
    )
    engine.state.queue.enqueue(work, engine.now())
    return None


def answer_refresh(engine: Engine, item: Item) -> None:
    """Write to the request what the refresh came to, account by account.

    Raises:
        Deferred: it is under way.
    """
    found, now = ended(engine, item.payload["items"]), engine.now()
    if found is not None:
        answer = _answer(found, _strangers(engine))
    elif now - item.created_at < PATIENCE:
        raise Deferred("It is under way.", now + POLL)
    else:
        answer = Answer(UNKNOWN, UNDER_WAY)
    write_answer(engine, str(item.payload["request"]), answer)


def _answer(found: Sequence[Ended], strangers: Sequence[str]) -> Answer:
    lines = [f"{PRODUCTS} of {one}" for one in found] + [unconfigured(number) for number in strangers]
    good = all(one.succeeded for one in found) and not strangers
    return Answer(DONE if good else FAILED, "\n".join(lines))


def _strangers(engine: Engine) -> list[str]:
    """Return the accounts that are registered in Salesforce and not configured here."""
    rows = account_rows(engine)
    return [number for number, row in rows.items() if row[SellerAccount.ACTIVE] and number not in engine.sellers]


def refresh_now(engine: Engine, what: str, accounts: Sequence[str]) -> list[int]:
    """Queue what a command asks for; return the items' ids."""
    return [queueing.enqueue_list(engine, one, what, priority=Priority.REQUEST) for one in accounts]

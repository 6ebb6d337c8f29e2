"""The seller accounts that the connector has credentials for, as rows of ``AWS_Account__c``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from connector import __version__
from connector.errors import RecordGone
from connector.marketplace.fields import SellerAccount
from connector.names import AWS_ACCOUNT
from connector.sync.engine import Engine
from connector.sync.ports import Row, RowOutcome, SalesforcePort
from connector.sync.schedule_memory import AUTHORIZATIONS, PRODUCTS, SHARED_AUTHORIZATIONS

CONNECTED, ERROR = "Connected", "Error"
NONE_CONFIGURED = (
    "No seller account is configured: the connector has no credentials for AWS Marketplace. "
    "Add one [[aws.sellers]] per account to the local configuration."
)
OUTDATED = "refresh products needed"
"""Under this name the status page tells that products were refreshed by another version of the connector."""
_REFRESHED_AT = {
    PRODUCTS: SellerAccount.PRODUCTS_REFRESHED_AT,
    AUTHORIZATIONS: SellerAccount.AUTHORIZATIONS_REFRESHED_AT,
    SHARED_AUTHORIZATIONS: SellerAccount.SHARED_AUTHORIZATIONS_REFRESHED_AT,
}
_FIELDS = (
    "Id",
    "Name",
    SellerAccount.NUMBER,
    SellerAccount.ACTIVE,
    SellerAccount.STATUS,
    SellerAccount.MESSAGE,
    SellerAccount.PRODUCTS_REFRESHED_WITH,
)
_LONGEST_MESSAGE = 4000


def salesforce_time(moment: datetime) -> str:
    """Return the moment as Salesforce keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def unconfigured(number: str) -> str:
    """Return what is wrong with an account of which the connector has no credentials, and the remedy."""
    return (
        f"The connector has no credentials for the AWS account {number}. "
        "Add it as [[aws.sellers]] to the local configuration, or clear Active of its row under AWS Accounts."
    )


def account_rows(engine: Engine) -> dict[str, Row]:
    """Return the rows of all accounts by number; one that is configured and has none yet gets one."""
    known = known_accounts(engine.salesforce)
    missing = [number for number in engine.sellers if number not in known]
    if not missing:
        return known
    rows = [{SellerAccount.NUMBER: one, "Name": one, SellerAccount.ACTIVE: True} for one in missing]
    _require(engine.salesforce.upsert(AWS_ACCOUNT, SellerAccount.NUMBER, rows))
    return known_accounts(engine.salesforce)


def known_accounts(salesforce: SalesforcePort) -> dict[str, Row]:
    """Return the rows of all accounts by number."""
    rows = salesforce.query(f"SELECT {', '.join(_FIELDS)} FROM {AWS_ACCOUNT}")  # noqa: S608 - our own names
    return {str(row[SellerAccount.NUMBER]): row for row in rows}


def note_refresh(engine: Engine, row: Row, what: str, now: datetime) -> None:
    """Write to the account's row that a list was refreshed."""
    told: Row = {_REFRESHED_AT[what]: salesforce_time(now), **_connection(CONNECTED, None, now)}
    if what == PRODUCTS:
        told[SellerAccount.PRODUCTS_REFRESHED_WITH] = __version__
        engine.troubles.pop(_outdated(str(row[SellerAccount.NUMBER])), None)
    _write(engine, [{"Id": row["Id"], **told}])


def note_failure(engine: Engine, row: Row, message: str, now: datetime) -> None:
    """Write to the account's row what is wrong with its connection."""
    _write(engine, [{"Id": row["Id"], **_connection(ERROR, message[:_LONGEST_MESSAGE], now)}])


def _connection(status: str, message: str | None, now: datetime) -> Row:
    return {
        SellerAccount.STATUS: status,
        SellerAccount.MESSAGE: message,
        SellerAccount.CHECKED_AT: salesforce_time(now),
    }


def follow_accounts(engine: Engine) -> list[str]:
    """Let the rows show which accounts are configured; tell on the status page, and return, those whose products were
    refreshed by another version of the connector and are to be refreshed anew.
    """
    rows = account_rows(engine) if engine.sellers else {}
    strange = [row for number, row in rows.items() if row[SellerAccount.ACTIVE] and number not in engine.sellers]
    now, told = engine.now(), {str(row["Id"]): unconfigured(str(row[SellerAccount.NUMBER])) for row in strange}
    news = [row for row in strange if row[SellerAccount.MESSAGE] != told[str(row["Id"])]]
    _write(engine, [{"Id": row["Id"], **_connection(ERROR, told[str(row["Id"])], now)} for row in news])
    found = outdated_products(rows, engine.sellers)
    for number in engine.sellers:
        engine.troubles.pop(_outdated(number), None)
    for number, reason in found.items():
        engine.troubles[_outdated(number)] = reason
    return list(found)


def outdated_products(rows: Mapping[str, Row], configured: Iterable[str]) -> dict[str, str]:
    """Return, by account number, why products are to be refreshed anew: an upgrade may bring fields that no product has
    a value for yet (MKT-05). What was never refreshed is not among them.
    """
    found = {}
    for number in configured:
        row = rows.get(number, {})
        with_version = row.get(SellerAccount.PRODUCTS_REFRESHED_WITH)
        if row.get(SellerAccount.ACTIVE) and with_version and with_version != __version__:
            found[number] = f"the products were refreshed with version {with_version}; this is {__version__}"
    return found


def _outdated(number: str) -> str:
    return f"{OUTDATED} ({number})"


def _write(engine: Engine, rows: list[Row]) -> None:
    """Write to the rows; one that was deleted meanwhile needs nothing."""
    _require(engine.salesforce.update(AWS_ACCOUNT, rows) if rows else ())


def _require(outcomes: Iterable[RowOutcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None and not isinstance(outcome.error, RecordGone):
            raise outcome.error

"""The door to one Salesforce org."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.errors import AuthFailed, Problem, RecordGone, RecordRejected
from connector.mapping.describe import ObjectDescribe, ObjectName
from connector.salesforce.access import Need, check_need
from connector.salesforce.batches import WriteOutcome
from connector.salesforce.composite import create_with_parent
from connector.salesforce.describe import DescribeCache, list_objects
from connector.salesforce.errors import Effect
from connector.salesforce.guarded import GuardedWriter
from connector.salesforce.literals import field_path, id18, text_literal
from connector.salesforce.query import Reader, Row, select
from connector.salesforce.session import DoorSession, Exchange
from connector.salesforce.settings import SalesforceSettings
from connector.salesforce.tokens import TokenProvider
from connector.salesforce.usage import Ledger, UsageGovernor
from connector.salesforce.wire import Call, Wire
from connector.salesforce.writes import Writer

USERINFO = "/services/oauth2/userinfo"


@dataclass(frozen=True, slots=True)
class OrgIdentity:
    """Which org this is, and as whom we work in it. Ids have 18 characters."""

    org_id: str
    user_id: str
    username: str
    is_sandbox: bool
    instance_url: str


def system_now() -> datetime:
    return datetime.now(UTC)


class SalesforceDoor:
    """Reads and writes one org as its integration user. Satisfies ``SalesforcePort``.

    A door is for one thread: HTTP session and client are not shared. :meth:`sibling` makes a door for another thread
    that shares token, describes and the count of requests.

    Args:
        settings: see :class:`SalesforceSettings`.
        now: returns aware UTC; the system's clock by default.
        sleep: waits that many seconds; ``time.sleep`` by default.
        observe: is told of every request (for a log of calls); nothing secret is in an :class:`Exchange`.
        ledger: keeps the count of our requests over restarts.

    Every method may raise AuthFailed, ConfigError, Deferred or Retriable besides what it names.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        *,
        now: Callable[[], datetime] = system_now,
        sleep: Callable[[float], None] = time.sleep,
        observe: Callable[[Exchange], None] | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        governor = UsageGovernor(settings.daily_share, now=now, ledger=ledger)
        shared = (TokenProvider(settings, now=now), governor)
        self._open(settings, now, sleep, observe, *shared, DescribeCache(settings.describe_max_age))

    def _open(
        self,
        settings: SalesforceSettings,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        observe: Callable[[Exchange], None] | None,
        tokens: TokenProvider,
        governor: UsageGovernor,
        describes: DescribeCache,
    ) -> None:
        self._settings, self._now, self._sleep, self._observe = settings, now, sleep, observe
        self._tokens, self._governor, self._describes = tokens, governor, describes
        self._session = DoorSession(settings, now, observe)
        self._wire = Wire(settings, self._session, tokens, governor, now=now, sleep=sleep)
        self._reader = Reader(self._wire)
        self._writer = Writer(self._wire)
        self._guarded = GuardedWriter(self._wire, composite_allowed=settings.conditional_composite)
        self._identity: OrgIdentity | None = None

    def sibling(self) -> SalesforceDoor:
        """Return a door for another thread."""
        other = object.__new__(SalesforceDoor)
        other._open(
            self._settings, self._now, self._sleep, self._observe, self._tokens, self._governor, self._describes
        )
        return other

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def identity(self) -> OrgIdentity:
        """Return org, user and whether the org is a sandbox; asked once per door."""
        if self._identity is None:
            self._identity = self._ask_identity()
        return self._identity

    def server_time(self) -> datetime:
        """Return Salesforce's own time, whole seconds, UTC: never later than its clock, at most two seconds earlier."""
        return self._wire.server_time()

    def describe(self, object_name: str) -> ObjectDescribe:
        """Return the describe, kept and revalidated. Raises ConfigError when the object is not visible."""
        return self._describes.get(self._wire, object_name)

    def objects(self) -> tuple[ObjectName, ...]:
        """Return every object that the integration user may read, by label."""
        return list_objects(self._wire)

    def query(self, soql: str) -> Iterator[Row]:
        """Yield all rows of all pages. Raises MappingError when the query does not fit the org."""
        return self._reader.query(soql)

    def queries(self, soqls: Sequence[str]) -> list[list[Row]]:
        """Return the rows of up to five queries in one API call. Raises MappingError when one does not fit the org."""
        return self._reader.queries(soqls)

    def changed(
        self, object_name: str, fields: Sequence[str], *, since: datetime, until: datetime, where: str = ""
    ) -> Iterator[list[Row]]:
        """Yield pages of rows with ``since <= SystemModstamp < until``, ordered by (SystemModstamp, Id)."""
        return self._reader.changed(object_name, fields, since=since, until=until, where=where)

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        """Return the visible, undeleted rows by id; ids without a row are missing."""
        return self._reader.rows(object_name, ids, fields)

    def deleted(self, object_name: str, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that are known to be deleted; merely invisible ones are not among them."""
        return self._reader.deleted(object_name, ids)

    def holders(self, object_name: str, field: str, value: str) -> dict[str, bool]:
        """Return the rows whose field has the value, those in the recycle bin too: id → whether it is deleted."""
        return self._reader.holders(object_name, field, value)

    def holders_of(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, dict[str, bool]]:
        """Return the holders of each value, 200 values a call; empty for a value that nobody has."""
        return self._reader.holders_of(object_name, field, values)

    def matching(self, object_name: str, field: str, value: str, fields: Sequence[str]) -> list[Row]:
        """Return the visible, undeleted rows whose text field has the value, regardless of case as Salesforce compares;
        with their 18-character ids.
        """
        soql = select(object_name, ("Id", *fields), [f"{field_path(field)} = {text_literal(value)}"])
        return [{**row, "Id": id18(row["Id"])} for row in self._reader.query(soql)]

    def update(self, object_name: str, rows: Sequence[Row]) -> list[WriteOutcome]:
        """Update rows by ``Id``, 200 a call, each row by itself."""
        return self._writer.update(object_name, rows)

    def update_unless_modified(self, object_name: str, rows: Sequence[tuple[Row, datetime]]) -> list[WriteOutcome]:
        """Update each row unless it was modified after the time given with it; StaleRecord in its outcome otherwise."""
        return self._guarded.update(object_name, rows)

    def upsert(self, object_name: str, key_field: str, rows: Sequence[Row]) -> list[WriteOutcome]:
        """Upsert rows by the external id ``key_field``, 200 a call. Raises MappingError when it is no external id."""
        return self._writer.upsert(object_name, key_field, rows)

    def create(self, object_name: str, row: Row) -> str:
        """Create one row, never twice, and return its id. Raises RecordRejected, or Retriable with
        ``outcome_unknown``.
        """
        return self._writer.create(object_name, row)

    def create_with_parent(
        self, object_name: str, row: Row, *, lookup: str, parent_object: str, parent: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Create a row together with the parent that its field ``lookup`` is to name, both or none and never twice;
        return both ids, the row's first. Raises DuplicateValue, RecordRejected, or Retriable with ``outcome_unknown``.
        """
        return create_with_parent(
            self._wire, object_name, row, lookup=lookup, parent_object=parent_object, parent=parent
        )

    def delete(self, ids: Sequence[str]) -> list[WriteOutcome]:
        """Delete rows by id; a row that is deleted already counts as done."""
        return self._writer.delete(ids)

    def api_usage(self) -> tuple[int, int]:
        """Return (used, limit) of the org's daily API requests as last reported; (0, 0) when unknown."""
        return self._governor.reported

    def own_usage(self) -> int:
        """Return how many requests this process made in the last 24 hours."""
        return self._governor.own

    def urgent(self) -> AbstractContextManager[None]:
        """Return a block in which requests pass although our share of the API is used up: a person waits."""
        return self._governor.urgent()

    def check_access(self, needs: Sequence[Need]) -> list[Problem]:
        """Return what the integration user lacks for the needs, each with its remedy; empty when nothing is missing."""
        user_id = self.identity().user_id
        return [item for need in needs for item in check_need(need, self.describe, self._reader, user_id)]

    def _ask_identity(self) -> OrgIdentity:
        org_id, user_id, username = self._who()
        [org] = self.query(f"SELECT Id, IsSandbox FROM Organization WHERE Id = {text_literal(org_id)}")  # noqa: S608
        url = self._wire.token.instance_url
        return OrgIdentity(org_id, user_id, username, bool(org["IsSandbox"]), url)

    def _who(self) -> tuple[str, str, str]:
        """Ask userinfo; where the app's scopes do not cover it, take the ids of the token answer and read the name."""
        try:
            info: dict[str, Any] = self._wire.ask(Call("GET", USERINFO, Effect.READ)) or {}
            return id18(info["organization_id"]), id18(info["user_id"]), str(info["preferred_username"])
        except (AuthFailed, RecordGone, RecordRejected, KeyError):
            token = self._wire.token
            if not token.user_id:
                raise
        [user] = self.query(f"SELECT Id, Username FROM User WHERE Id = {text_literal(token.user_id)}")  # noqa: S608
        return id18(token.org_id), id18(token.user_id), str(user["Username"])

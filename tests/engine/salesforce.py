"""A Salesforce org in memory: rows, stamps in whole seconds, the formula, uniqueness, deletion, conditional writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.fields import (
    ACCOUNT,
    APN_ID,
    FLAG,
    HAS_UPDATES,
    KEY_PREFIX,
    LOOKUP,
    OPPORTUNITY,
    RELATION,
    SYNCED,
    describe_account,
    describe_opportunity,
)
from engine.interruptions import Interruptions

from connector.errors import (
    ConfigError,
    ConnectorError,
    DuplicateValue,
    Problem,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
)
from connector.mapping.describe import ObjectDescribe
from connector.names import SYNC_LOG, SYNC_LOG_DETAIL, Detail
from connector.sync.ports import Row

_PREFIXES = {OPPORTUNITY: KEY_PREFIX, ACCOUNT: "001", "Lead": "00Q", "ACE_Lead__c": "a0L"}
_CHILDREN = rf"SELECT (.*) FROM {OPPORTUNITY} WHERE {FLAG} = true AND {LOOKUP} IN \((.*)\)"
INTEGRATION, PERSON = "005000000000001AAA", "005000000000002AAA"
PAGE = 2


@dataclass(frozen=True, slots=True)
class WhoAmI:
    org_id: str = "00D000000000001AAA"
    user_id: str = INTEGRATION
    username: str = "worker@partner.example"
    is_sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    id: str = ""
    created: bool = False
    error: ConnectorError | None = None


def text(moment: datetime) -> str:
    """Return the moment as the REST API writes it: whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


@dataclass(slots=True)
class MemorySalesforce:
    """The org. Its public methods are the door's; those with ``user_`` are people working in it."""

    interruptions: Interruptions
    watch: Callable[[str, str, Row, Row], None] = lambda *_: None
    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    bin: dict[str, str] = field(default_factory=dict)
    binned: dict[str, Row] = field(default_factory=dict)
    record_writes: int = 0
    _ids: int = 0

    def identity(self) -> WhoAmI:
        return WhoAmI()

    def server_time(self) -> datetime:
        return self._now().replace(microsecond=0)

    def describe(self, object_name: str) -> ObjectDescribe:
        if object_name == ACCOUNT:
            return describe_account()
        if object_name != OPPORTUNITY:
            raise ConfigError(f"{object_name} is not visible.")
        return describe_opportunity()

    def query(self, soql: str) -> Iterator[Row]:
        """Answer what the engine asks of the log details: those of an AWS identifier, and those that are open; and of
        the records that refer to accounts.
        """
        if children := re.fullmatch(_CHILDREN, soql):
            with self.interruptions.call("salesforce read"):
                found = [row for row in self._table(OPPORTUNITY).values() if row[FLAG] and row.get(LOOKUP)]
                found = [self._read(row, children[1].split(", ")) for row in found if row[LOOKUP][:15] in children[2]]
            yield from found
            return
        head, _, condition = soql.partition(" WHERE ")
        assert head.endswith(f" FROM {SYNC_LOG_DETAIL}"), soql
        with self.interruptions.call("salesforce read"):
            found = [self._with_log(row) for row in self._table(SYNC_LOG_DETAIL).values() if _meets(row, condition)]
        yield from found

    def _with_log(self, detail: Row) -> Row:
        return detail | {Detail.LOG_REF: dict(detail.get(Detail.LOG_REF) or {})}

    def holders(self, object_name: str, field: str, value: str) -> dict[str, bool]:
        with self.interruptions.call("salesforce read"):
            deleted = [row for one, row in self.binned.items() if self.bin[one] == object_name]
            return {
                row["Id"]: gone
                for gone, rows in ((False, self._table(object_name).values()), (True, deleted))
                for row in rows
                if _alike(row.get(field), value)
            }

    def holders_of(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, dict[str, bool]]:
        with self.interruptions.call("salesforce read"):
            deleted = [row for one, row in self.binned.items() if self.bin[one] == object_name]
            rows = [*((False, row) for row in self._table(object_name).values()), *((True, row) for row in deleted)]
            return {value: {row["Id"]: gone for gone, row in rows if _alike(row.get(field), value)} for value in values}

    def queries(self, soqls: Sequence[str]) -> list[list[Row]]:
        return [list(self.query(soql)) for soql in soqls]

    def changed(
        self, object_name: str, fields: Sequence[str], *, since: datetime, until: datetime, where: str = ""
    ) -> Iterator[list[Row]]:
        assert where in ("", f"{FLAG} = true"), where
        position = ("", "")
        while True:
            with self.interruptions.call("salesforce read"):
                rows = sorted(
                    (row for row in self._table(object_name).values() if row[FLAG] or not where), key=_position
                )
                page = [
                    row for row in rows if _position(row) > position and since <= _moment(row["SystemModstamp"]) < until
                ][:PAGE]
                answer = [self._read(row, fields) for row in page]
            if not page:
                return
            position = _position(page[-1])
            yield answer

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        with self.interruptions.call("salesforce read"):
            table = self._table(object_name)
            return {one: self._read(table[one], fields) for one in ids if one in table}

    def deleted(self, object_name: str, ids: Sequence[str]) -> set[str]:
        with self.interruptions.call("salesforce read"):
            return {one for one in ids if self.bin.get(one) == object_name}

    def update(self, object_name: str, rows: Sequence[Row]) -> list[Written]:
        with self.interruptions.call("salesforce write"):
            return [self._update(object_name, row, None) for row in rows]

    def update_unless_modified(self, object_name: str, rows: Sequence[tuple[Row, datetime]]) -> list[Written]:
        outcomes: list[Written] = []
        for row, moment in rows:
            try:
                with self.interruptions.call("salesforce write"):
                    outcome = self._update(object_name, row, moment)
            except Retriable as error:
                outcome = Written(row["Id"], error=error)
            outcomes.append(outcome)
        return outcomes

    def upsert(self, object_name: str, key_field: str, rows: Sequence[Row]) -> list[Written]:
        with self.interruptions.call("salesforce write"):
            return [self._upsert(object_name, key_field, row) for row in rows]

    def create(self, object_name: str, row: Row) -> str:
        raise AssertionError("the engine upserts")

    def delete(self, ids: Sequence[str]) -> list[Written]:
        with self.interruptions.call("salesforce write"):
            for one in ids:
                self._remove(one)
            return [Written(one) for one in ids]

    def api_usage(self) -> tuple[int, int]:
        return (0, 0)

    def urgent(self) -> AbstractContextManager[None]:
        return nullcontext()

    def user_creates(self, values: Row, modified: datetime | None = None) -> str:
        """A person creates a record. Raises RecordRejected where the org refuses it."""
        return self._insert(OPPORTUNITY, values, PERSON, modified)

    def user_edits(self, record_id: str, values: Row, slowly: timedelta = timedelta()) -> None:
        """A person saves the record; ``slowly``: the transaction was stamped that long ago and commits now."""
        row = self._table(OPPORTUNITY)[record_id]
        stamp = max(_moment(row["SystemModstamp"]), self._now() - slowly)
        self._save(OPPORTUNITY, row, values, PERSON, stamp)

    def user_adds_account(self, **values: Any) -> str:
        return self._insert(ACCOUNT, values, PERSON)

    def user_edits_account(self, account_id: str, **values: Any) -> None:
        self._save(ACCOUNT, self._table(ACCOUNT)[account_id], values, PERSON, self._now())

    def account(self, account_id: str) -> Row:
        return dict(self._table(ACCOUNT)[account_id])

    def user_deletes(self, record_id: str) -> None:
        self._remove(record_id)

    def row(self, record_id: str) -> Row | None:
        """Return a row as it stands, without a call."""
        found = self._table(OPPORTUNITY).get(record_id)
        return dict(found) if found else None

    def all(self, object_name: str = OPPORTUNITY) -> list[Row]:
        return [dict(row) for row in self._table(object_name).values()]

    def _now(self) -> datetime:
        return self.interruptions.clock.now()

    def _table(self, object_name: str) -> dict[str, Row]:
        return self.tables.setdefault(object_name, {})

    def _remove(self, record_id: str) -> None:
        for name, table in self.tables.items():
            if row := table.pop(record_id, None):
                self.bin[record_id], self.binned[record_id] = name, row

    def _read(self, row: Row, fields: Sequence[str]) -> Row:
        own = [name for name in fields if "." not in name]
        found = {name: self._has_updates(row) if name == HAS_UPDATES else row.get(name) for name in own}
        beyond = [name.partition(".")[2] for name in fields if name.startswith(f"{RELATION}.")]
        if beyond:
            account = self._table(ACCOUNT).get(str(row.get(LOOKUP)))
            found[RELATION] = account and {name: account.get(name) for name in beyond}
        return found

    def _has_updates(self, row: Row) -> bool:
        synced = row.get(SYNCED)
        since = not synced or (
            _moment(row["LastModifiedDate"]) >= _moment(synced) and row["LastModifiedById"] != INTEGRATION
        )
        return bool(row[FLAG]) and since

    def _insert(self, object_name: str, values: Row, by: str, modified: datetime | None = None) -> str:
        self._ids += 1
        record_id = f"{_PREFIXES.get(object_name, 'a0Y')}{self._ids:012d}AAA"
        row: Row = {"Id": record_id, FLAG: False, SYNCED: None, APN_ID: None}
        self._check_unique(object_name, record_id, values)
        self._table(object_name)[record_id] = row
        self._save(object_name, row, values, by, modified or self._now())
        return record_id

    def _save(self, object_name: str, row: Row, values: Row, by: str, moment: datetime) -> None:
        self._check_unique(object_name, row["Id"], values)
        before = dict(row)
        row.update({name: None if value == "" else value for name, value in values.items() if name != "Id"})
        row |= {"LastModifiedDate": text(moment), "SystemModstamp": text(moment), "LastModifiedById": by}
        row |= {"CreatedDate": row.get("CreatedDate", text(moment)), "CreatedById": row.get("CreatedById", by)}
        if object_name == OPPORTUNITY:
            self.record_writes += by == INTEGRATION
            self.watch(by, row["Id"], before, dict(row))

    def _check_unique(self, object_name: str, record_id: str, values: Row) -> None:
        wanted = values.get(APN_ID)
        for other in self._table(object_name).values():
            if wanted and other["Id"] != record_id and _alike(other.get(APN_ID), wanted):
                problem = Problem("DUPLICATE_VALUE", APN_ID, wanted, f"{other['Id']} has it.", "Use that record.")
                raise DuplicateValue((problem,))

    def _update(self, object_name: str, values: Row, unless_after: datetime | None) -> Written:
        row = self._table(object_name).get(values["Id"])
        if row is None:
            gone = Problem("ENTITY_IS_DELETED", "Id", values["Id"], "The record is deleted.", "Restore it.")
            return Written(values["Id"], error=RecordGone((gone,)))
        if unless_after is not None and _moment(row["LastModifiedDate"]) > unless_after:
            return Written(values["Id"], error=StaleRecord("The row was modified."))
        try:
            self._save(object_name, row, values, INTEGRATION, self._now())
        except RecordRejected as error:
            return Written(values["Id"], error=error)
        return Written(values["Id"])

    def _upsert(self, object_name: str, key_field: str, values: Row) -> Written:
        if dangling := self._dangling(values):
            return Written(error=RecordRejected((dangling,)))
        known = [row for row in self._table(object_name).values() if _alike(row.get(key_field), values[key_field])]
        if known:
            return self._update(object_name, {"Id": known[0]["Id"], **values}, None)
        return Written(self._insert(object_name, values, INTEGRATION), created=True)

    def _dangling(self, values: Row) -> Problem | None:
        """Name a lookup to a record, or a parent named by its external id, that does not exist."""
        for name, reference in values.items():
            if isinstance(reference, dict):
                [(key, wanted)] = reference.items()
                if not any(log.get(key) == wanted for log in self._table(SYNC_LOG).values()):
                    return Problem("INVALID_FIELD", name, wanted, "No such parent.", "Create it first.")
        target = values.get(OPPORTUNITY)
        if not target or target in self._table(OPPORTUNITY):
            return None
        return Problem("INVALID_CROSS_REFERENCE_KEY", OPPORTUNITY, target, "No such record.", "Leave it out.")


def _meets(detail: Row, condition: str) -> bool:
    if condition.startswith(f"{Detail.APN_ID} = '"):
        return _alike(detail.get(Detail.APN_ID), condition.split("'")[1])
    if condition.startswith(f"{Detail.APN_ID} IN ("):
        return any(_alike(detail.get(Detail.APN_ID), name) for name in condition.split("'")[1::2])
    assert condition == f"{Detail.STATUS} IN ('Error', 'Pending', 'Held')", condition
    return detail[Detail.STATUS] in ("Error", "Pending", "Held")


def _alike(one: Any, other: Any) -> bool:
    return bool(one) and str(one).lower() == str(other).lower()


def _position(row: Row) -> tuple[str, str]:
    return row["SystemModstamp"], row["Id"]


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)

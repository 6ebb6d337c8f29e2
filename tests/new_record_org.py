"""A Salesforce org in memory for new records: an opportunity with an account, templates, users and record types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from engine.salesforce import WhoAmI

from connector.errors import ConfigError, ConnectorError, DuplicateValue, Problem, RecordRejected, Retriable
from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry
from connector.names import PACKAGED
from connector.sync.ports import Row

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTEGRATION, OWNER, DEFAULT_OWNER = "005000000000001AAA", "005000000000002AAA", "005000000000003AAA"
DEFAULT_ACCOUNT, TEMPLATE = "001000000000001AAA", "006000000000001AAA"
PREFIXES = {
    "Opportunity": "006",
    "Account": "001",
    "User": "005",
    "Contact": "003",
    "Deal__c": "a01",
    "ACE_Opportunity__c": "a00",
}


def text(name: str, length: int = 255, **more: Any) -> FieldDescribe:
    return FieldDescribe(name, name, **{"type": "string", "length": length, **more})


def lookup(name: str, relationship: str, target: str = "Account", **more: Any) -> FieldDescribe:
    return FieldDescribe(name, name, "reference", 18, reference_to=(target,), relationship_name=relationship, **more)


OWN = (
    FieldDescribe(PACKAGED.sync_with_aws, "Sync with AWS", "boolean", nillable=False),
    FieldDescribe(PACKAGED.last_sync_date, "Last Sync Date", "datetime"),
    text(PACKAGED.apn_id, 18, unique=True, external_id=True),
)
SYSTEM = (
    FieldDescribe("Id", "Record ID", "id", 18, createable=False, updateable=False, nillable=False),
    FieldDescribe("LastModifiedDate", "Last Modified Date", "datetime", createable=False, updateable=False),
    FieldDescribe("OwnerId", "Owner", "reference", 18, nillable=False, reference_to=("User",)),
)
OPPORTUNITY = (
    *SYSTEM,
    *OWN,
    text("Name", 120, nillable=False),
    text("StageName", nillable=False, type="picklist"),
    FieldDescribe("CloseDate", "Close Date", "date", nillable=False),
    lookup("AccountId", "Account"),
    lookup("Partner__c", "Partner__r"),
    lookup("RecordTypeId", "RecordType", "RecordType"),
    FieldDescribe("Amount", "Amount", "currency", precision=18, scale=2),
    FieldDescribe("Probability", "Probability", "percent", precision=3),
    FieldDescribe("Secret__c", "Secret", "encryptedstring", 20),
    FieldDescribe("Public__c", "Public", "boolean", nillable=False),
    text("Doubled__c", calculated=True, createable=False, updateable=False),
    text("Serial__c", unique=True),
    text("Budget_Code__c", 20),
    text("Email__c", 80, type="email"),
    text("City__c"),
)
ACCOUNT = (
    *SYSTEM,
    text("Name", nillable=False),
    text("Website", type="url"),
    text("Industry", type="picklist"),
    text("Customer_Number__c", external_id=True),
    lookup("ParentId", "Parent"),
)


@dataclass(frozen=True, slots=True)
class Written:
    id: str = ""
    created: bool = False
    error: ConnectorError | None = None


def describe(name: str, fields: Sequence[FieldDescribe]) -> ObjectDescribe:
    return ObjectDescribe(name, name, PREFIXES[name], fields={one.name.lower(): one for one in fields})


@dataclass(slots=True)
class NewRecordOrg:
    """The org. ``lost`` names calls whose answer gets lost, ``before`` or ``after`` they took effect; ``refused`` what
    the next creation is refused with.
    """

    fields: dict[str, tuple[FieldDescribe, ...]] = field(
        default_factory=lambda: {
            "Opportunity": OPPORTUNITY,
            "Account": ACCOUNT,
            "User": (*SYSTEM, text("Email"), text("IsActive")),
        }
    )
    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    record_types: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    refused: list[ConnectorError] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    read_only: set[str] = field(default_factory=set)

    def change(self, object_name: str, name: str, **changes: Any) -> None:
        """Describe a field otherwise, or a new one as text."""
        known = {one.name: one for one in self.fields[object_name]}
        known[name] = replace(known.get(name, text(name)), **changes)
        self.fields[object_name] = tuple(known.values())

    def add(self, object_name: str, record_id: str = "", **values: Any) -> str:
        table = self.tables.setdefault(object_name, {})
        record_id = record_id or f"{PREFIXES[object_name]}1{len(table):011d}AAA"
        table[record_id] = {"Id": record_id, **values}
        return record_id

    def all(self, object_name: str) -> list[Row]:
        return list(self.tables.get(object_name, {}).values())

    # -- the door

    def identity(self) -> WhoAmI:
        return WhoAmI()

    def server_time(self) -> datetime:
        return NOW

    def describe(self, object_name: str) -> ObjectDescribe:
        if object_name not in self.fields:
            raise ConfigError(f"{object_name} is not visible.")
        known = describe(object_name, self.fields[object_name])
        return replace(known, createable=object_name not in self.read_only)

    def query(self, soql: str) -> Iterator[Row]:
        assert " FROM RecordType " in soql and "IsActive = true" in soql, soql
        self.calls.append("record types")
        yield from ({"Id": one, "DeveloperName": name} for name, one in self.record_types.items())

    def matching(self, object_name: str, field: str, value: str, fields: Sequence[str]) -> list[Row]:
        self.calls.append(f"matching {object_name}")
        assert all(self.describe(object_name).field(name) for name in fields), "a hidden field refuses the query"
        found = [row for row in self.all(object_name) if str(row.get(field)).lower() == value.lower()]
        return [{"Id": row["Id"], **{name: row.get(name) for name in fields}} for row in found]

    def holders(self, object_name: str, field: str, value: str) -> dict[str, bool]:
        return {row["Id"]: False for row in self.all(object_name) if row.get(field) == value}

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        self.calls.append(f"rows {object_name}")
        table = self.tables.get(object_name, {})
        return {one: self._read(table[one], fields) for one in ids if one in table}

    def _read(self, row: Row, fields: Sequence[str]) -> Row:
        """Return the fields of a row, those of its account nested."""
        found = {name: row.get(name) for name in fields if "." not in name}
        paths = [name.partition(".")[2] for name in fields if name.startswith("Account.")]
        account = self.tables.get("Account", {}).get(row.get("AccountId") or "")
        if paths:
            found["Account"] = account and {name: account.get(name) for name in paths}
        return found

    def upsert(self, object_name: str, key_field: str, rows: Sequence[Row]) -> list[Written]:
        [row] = rows
        try:
            with_effect = self._answer_of("upsert", lambda: self._insert(object_name, row))
        except ConnectorError as error:
            return [Written(error=error)]
        return [Written(with_effect, created=True)]

    def create_with_parent(
        self, object_name: str, row: Row, *, lookup: str, parent_object: str, parent: Mapping[str, Any]
    ) -> tuple[str, str]:
        def both() -> tuple[str, str]:
            self._check_unique(object_name, row)
            parent_id = self.add(parent_object, **parent)
            return self._insert(object_name, {**row, lookup: parent_id}), parent_id

        found: tuple[str, str] = self._answer_of("create_with_parent", both)
        return found

    def _answer_of(self, call: str, work: Any) -> Any:
        self.calls.append(call)
        if self.refused:
            raise self.refused.pop(0)
        how = self.lost.pop(0) if self.lost else ""
        answer = None if how == "before" else work()
        if how:
            raise Retriable("Salesforce did not answer in time.", outcome_unknown=True)
        return answer

    def _insert(self, object_name: str, row: Row) -> str:
        known = self.describe(object_name)
        unwritable = [name for name in row if (one := known.field(name)) is None or not one.createable]
        if unwritable:
            problem = Problem("INVALID_FIELD_FOR_INSERT_UPDATE", unwritable[0], "", "Not writable.", "Leave it out.")
            raise RecordRejected((problem,))
        self._check_unique(object_name, row)
        return self.add(object_name, **row)

    def _check_unique(self, object_name: str, row: Row) -> None:
        if self.holders(object_name, PACKAGED.apn_id, row[PACKAGED.apn_id]):
            problem = Problem("DUPLICATE_VALUE", PACKAGED.apn_id, "", "duplicate value found.", "Use that record.")
            raise DuplicateValue((problem,))


def currencies(*codes: str) -> FieldDescribe:
    """Return the field by which an org with several currencies says a record's."""
    return FieldDescribe(
        "CurrencyIsoCode", "Currency", "picklist", 3, picklist=tuple(PicklistEntry(code, code) for code in codes)
    )

"""The worker's part about AWS Marketplace, with a Salesforce in memory that takes what the package's fields take, and
catalogs of seller accounts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from engine.interruptions import Crash, MovingClock
from engine.world import MAPPING

from connector.errors import ConnectorError, Problem, RecordRejected
from connector.marketplace.work import answer_refresh, read_list
from connector.names import ACTION_REQUEST, AWS_ACCOUNT, MARKETPLACE_SYNC
from connector.store.state import State
from connector.sync import queueing
from connector.sync.answering import LIST_ANSWER
from connector.sync.engine import Engine
from connector.sync.executor import Executor
from connector.sync.settings import SyncSettings

Row = dict[str, Any]
ISV, PARTNER = "111122223333", "444455556666"
OURS, PERSON = "005000000000001AAA", "005000000000002AAA"
OBJECTS = Path(__file__).resolve().parents[1] / "salesforce_metadata/base/main/default/objects"
_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_NAME = 80


@cache
def fields_of(object_name: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the package's fields of an object: type, length, and the values of a restricted picklist."""
    found = {}
    for path in (OBJECTS / object_name / "fields").glob("*.xml"):
        root = Xml.parse(path).getroot()
        found[str(root.findtext(_NAMESPACE + "fullName"))] = {
            "type": root.findtext(_NAMESPACE + "type"),
            "length": int(root.findtext(_NAMESPACE + "length") or 0),
            "unique": root.findtext(_NAMESPACE + "unique") == "true",
            "case": root.findtext(_NAMESPACE + "caseSensitive") == "true",
            "precision": int(root.findtext(_NAMESPACE + "precision") or 0),
            "restricted": root.findtext(f".//{_NAMESPACE}restricted") == "true",
            "values": [one.findtext(_NAMESPACE + "fullName") for one in root.iter(_NAMESPACE + "value")],
        }
    return found


def complaint(object_name: str, row: Row, *, update: bool = False) -> str:
    """Return why Salesforce would not take the row; empty where it would."""
    for name, value in row.items():
        if name in ("Id", "Name") or value is None:
            if name == "Name" and len(value) > _NAME:
                return f"Name: longer than {_NAME}"
            continue
        if why := _complaint(fields_of(object_name)[name], value, update=update):
            return f"{name}: {why}: {value!r}"
    return ""


def _complaint(known: Mapping[str, Any], value: Any, *, update: bool) -> str:
    match known["type"]:
        case "Text" | "LongTextArea":
            return "" if isinstance(value, str) and len(value) <= known["length"] else "does not fit"
        case "Picklist" | "MultiselectPicklist" if known["restricted"]:
            many = value.split(";") if known["type"] == "MultiselectPicklist" else [value]
            return "" if set(many) <= set(known["values"]) else "bad value for restricted picklist"
        case "Picklist":
            return "" if isinstance(value, str) and len(value) <= 255 else "does not fit"
        case "Checkbox":
            return "" if isinstance(value, bool) else "no boolean"
        case "Number":
            return "" if isinstance(value, int) and abs(value) < 10 ** known["precision"] else "does not fit"
        case "Date":
            return "" if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) else "no date"
        case "DateTime":
            return "" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000", str(value)) else "no time"
        case "MasterDetail" if update:
            return "is not writeable"
    return ""


@dataclass(frozen=True, slots=True)
class Outcome:
    id: str = ""
    created: bool = False
    error: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Who:
    org_id: str = "00D000000000001AAA"
    user_id: str = OURS
    username: str = "connector@example.com"
    is_sandbox: bool = False


@dataclass(slots=True)
class Org:
    """Salesforce, as far as the lists of AWS Marketplace go.

    Attributes:
        refuses: says of a row why it is not taken.
        calls: how many calls there were, by what they did.
        before: runs before each call, such as to end the process.
    """

    clock: MovingClock
    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    refuses: Callable[[str, Row], str] = lambda *_: ""
    before: Callable[[str], None] = lambda _: None
    calls: list[str] = field(default_factory=list)

    def identity(self) -> Who:
        return Who()

    def server_time(self) -> Any:
        return self.clock.now().replace(microsecond=0)

    def urgent(self) -> AbstractContextManager[None]:
        return nullcontext()

    def all(self, object_name: str) -> list[Row]:
        return list(self.tables.get(object_name, {}).values())

    def query(self, soql: str) -> Iterator[Row]:
        self._call(f"query {soql}")
        found = re.fullmatch(r"SELECT (.*) FROM (\w+)(?: WHERE (\w+) (LIKE|IN) (.*))?", soql)
        assert found, soql
        names = found[1].split(", ")
        assert len(names) == len(set(names)), f"a field is selected twice: {soql}"
        for row in self.all(found[2]):
            if found[3] is None or _fits(str(row.get(found[3])), found[4], found[5]):
                yield {name: row.get(name) for name in names}

    def queries(self, soqls: Sequence[str]) -> list[list[Row]]:
        return [list(self.query(one)) for one in soqls]

    def update(self, object_name: str, rows: Sequence[Row]) -> list[Outcome]:
        self._call(f"update {object_name}")
        return [self._update(object_name, row) for row in rows]

    def upsert(self, object_name: str, key: str, rows: Sequence[Row]) -> list[Outcome]:
        self._call(f"upsert {object_name}")
        return [self._upsert(object_name, key, row) for row in rows]

    def _call(self, what: str) -> None:
        self.calls.append(what)
        self.before(what)

    def _update(self, object_name: str, row: Row) -> Outcome:
        why = complaint(object_name, row, update=True) or self.refuses(object_name, row)
        if why:
            return _refused(why)
        self.tables[object_name][row["Id"]] |= row | {"LastModifiedById": OURS}
        return Outcome(row["Id"])

    def _upsert(self, object_name: str, key: str, row: Row) -> Outcome:
        fold = (lambda text: text) if fields_of(object_name)[key]["case"] else str.lower
        known = [one for one in self.all(object_name) if fold(one[key]) == fold(row[key])]
        if known:
            return self._update(object_name, {"Id": known[0]["Id"], **row})
        why = complaint(object_name, row) or self.refuses(object_name, row)
        if why:
            return _refused(why)
        return Outcome(self.insert(object_name, row, OURS), created=True)

    def insert(self, object_name: str, row: Row, by: str = PERSON) -> str:
        """A person, or the connector, creates a row; return its id."""
        table = self.tables.setdefault(object_name, {})
        record_id = f"a00{sum(map(len, self.tables.values())):012d}AAA"
        table[record_id] = {"Id": record_id, "LastModifiedById": by, **row}
        return record_id


def _fits(value: str, operator: str, wanted: str) -> bool:
    if operator == "LIKE":
        return value.startswith(wanted.strip("'").removesuffix("%"))
    return value.lower() in re.findall(r"'((?:[^'\\]|\\.)*)'", wanted.lower())


def _refused(why: str) -> Outcome:
    return Outcome(error=RecordRejected((Problem("REFUSED", "", "", why, "Correct it."),)))


@dataclass(slots=True)
class Described:
    found: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Catalog:
    """The catalog of one seller account.

    Attributes:
        entities: by id, EntityType and DetailsDocument as BatchDescribeEntities returns them.
        shared: of those, what other accounts own.
        refused: ids that are listed and cannot be described, and why.
        fails: is raised when so many summaries were listed.
    """

    account: str
    entities: dict[str, Row] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    fails: tuple[int, BaseException] | None = None
    walks: int = 0

    def list_entities(self, entity_type: str, *, shared: bool = False) -> Iterator[Row]:
        self.walks += 1
        for number, (one, entity) in enumerate(list(self.entities.items())):
            if self.fails is not None and number >= self.fails[0]:
                raise self.fails[1]
            if entity["EntityType"].partition("@")[0] == entity_type and (one in self.shared) == shared:
                yield {"EntityId": f"{one}@7", "EntityType": entity_type}

    def describe_entities(self, ids: Sequence[str]) -> Described:
        assert not any("@" in one for one in ids)
        done = Described(refused={one: self.refused[one] for one in ids if one in self.refused})
        done.found = {one: dict(self.entities[one]) for one in ids if one not in self.refused}
        return done


class Desk:
    """A worker's process for two seller accounts, in memory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "state.db"
        self.clock = MovingClock()
        self.org = Org(self.clock)
        self.isv, self.partner = Catalog(ISV), Catalog(PARTNER)
        self.start()

    def start(self) -> None:
        """The process begins on the state that is there."""
        self.state = State.open(self.path)
        self.state.queue.recover(self.clock.now())
        doors: Any = {"salesforce": self.org, "partner_central": _Silent(), "clock": self.clock}
        self.engine = Engine(
            state=self.state, org_id=Who.org_id, catalog="AWS", settings=SyncSettings(frozenset({OURS})),
            mapping=MAPPING, sellers={one.account: one for one in (self.isv, self.partner)}, **doors,
        )  # fmt: skip
        self.executor = Executor(self.engine, "worker", {queueing.LIST: read_list, LIST_ANSWER: answer_refresh})

    def restart(self) -> None:
        self.state.close()
        self.start()

    def work(self, minutes: float = 0) -> None:
        """Let time pass, and the worker do what is due."""
        self.clock.advance(timedelta(minutes=minutes))
        for _ in range(500):
            if self.executor.run_one() is None:
                return
        raise AssertionError("the queue does not empty")

    def refresh(self, what: str, account: str = ISV) -> Row:
        """Read a list; return its row under Marketplace Syncs."""
        known = len(self.org.all(MARKETPLACE_SYNC))
        queueing.enqueue_list(self.engine, account, what)
        self.work(1)
        rows = self.org.all(MARKETPLACE_SYNC)
        assert len(rows) == known + 1, "one row per refresh"
        return rows[-1]

    def crashing(self, call: int) -> bool:
        """Let the process end before its so-manieth call from now, if it comes to it; return whether it did."""
        left = [call]

        def before(_: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        self.org.before = before
        try:
            self.work(1)
        except Crash:
            return True
        finally:
            self.org.before = lambda _: None
        return False

    def account(self, number: str = ISV) -> Row:
        return next(row for row in self.org.all(AWS_ACCOUNT) if row["Account_Number__c"] == number)

    def request(self) -> str:
        """A person asked for something; return the request's id."""
        return self.org.insert(ACTION_REQUEST, {"Status__c": "In Progress", "Message__c": None})

    def close(self) -> None:
        self.state.close()


class _Silent:
    """Partner Central, of which nothing is asked."""

    def urgent(self) -> AbstractContextManager[None]:
        return nullcontext()

    def background(self) -> AbstractContextManager[None]:
        return nullcontext()


def product(title: str = "Acme", kind: str = "SaaSProduct", *, dimensions: Sequence[Row] = (), **more: Any) -> Row:
    """Return a product as AWS describes it."""
    description = {"ProductTitle": title, "ProductCode": "aw4fgf5tyo5w2ap6f", "Sku": "S1", "Visibility": "Limited"}
    description |= {"ShortDescription": "Short.", "ProductState": "Active", **more}
    document = {"Description": description, "Dimensions": list(dimensions) or [dimension()]}
    return {
        "EntityType": f"{kind}@1.0", "LastModifiedDate": "2026-05-01T10:00:00Z", "DetailsDocument": document,
    }  # fmt: skip


def dimension(key: str = "Users", *types: str) -> Row:
    """Return a dimension as AWS describes it; entitled unless said otherwise."""
    kinds = list(types) or ["Entitled"]
    return {"Name": f"{key} named", "Description": "Named users", "Key": key, "Unit": "Users", "Types": kinds}


def authorization(name: str = "For a partner", status: str = "Active", end: str = "2027-06-30", **more: Any) -> Row:
    """Return a resale authorization as AWS describes it."""
    document = {
        "Name": name, "Description": "For resale", "ProductId": "prod-1", "ProductName": "Acme", "Status": status,
        "PricingModel": "Contract", "CreatedDate": "2026-07-18T16:39:31.335Z", "ManufacturerAccountId": ISV,
        "ManufacturerLegalName": "ISV Inc", "OfferDetails": {"OfferExtendedStatus": "Not Started"},
        "PreExistingBuyerAgreement": {"AcquisitionChannel": "Unknown", "PricingModel": "Unknown"},
        "Terms": [
            {"Type": "ResaleFixedUpfrontPricingTerm", "CurrencyCode": "USD", "Duration": "P12M", "Price": "0.0"},
            {"Type": "ResalePaymentScheduleTerm", "CurrencyCode": "USD", "Schedule": []},
            {"Type": "BuyerLegalTerm", "Documents": [{"Type": "StandardEula", "Url": "https://example.com"}]},
            {"Type": "BuyerTargetingTerm", "PositiveTargeting": {"BuyerAccounts": [{"AwsAccountId": "777788889999"}]}},
        ],
        "Rules": [
            {"Type": "AvailabilityRule", "AvailabilityEndDate": f"{end}T23:59:59Z", "OffersMaxQuantity": 1},
            {"Type": "PartnerTargetingRule", "ResellerAccountId": PARTNER, "ResellerLegalName": "CP Inc"},
        ],
        **more,
    }  # fmt: skip
    return {
        "EntityType": "ResaleAuthorization@1.0", "LastModifiedDate": "2026-07-20T10:00:00Z",
        "DetailsDocument": document,
    }  # fmt: skip

"""A world of the engine's tests in which fields are read from an account and from the account's owner."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.fields import FLAG, OPPORTUNITY, describe_opportunity, sound_values
from engine.interruptions import Interruptions
from engine.salesforce import PERSON, MemorySalesforce
from engine.world import World

from connector.errors import ConfigError
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.model import FieldMapping
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync import queueing
from connector.sync.ports import Row

ACCOUNT, USER, GROUP = "Account", "User", "Group"
STEP, MAIL = "Account__r.Plan__c", "Account__r.Owner.Email"
OWNERS = {"Account__c": ("Account__r", ACCOUNT), "OwnerId": ("Owner", USER)}


def reference(name: str, relationship: str, *objects: str) -> FieldDescribe:
    return FieldDescribe(name, name, "reference", relationship_name=relationship, reference_to=objects)


def described(name: str, *fields: FieldDescribe | str, **facts: Any) -> ObjectDescribe:
    given = [one if isinstance(one, FieldDescribe) else FieldDescribe(one, one, "string", 255) for one in fields]
    stamps = [
        FieldDescribe("SystemModstamp", "Stamp", "datetime"),
        FieldDescribe("LastModifiedById", "By", "reference"),
    ]
    whole = {one.name.lower(): one for one in (*stamps, *given)}
    return ObjectDescribe(name, name, "001", fields=whole, **facts)


def primary() -> ObjectDescribe:
    known = describe_opportunity()
    return replace(known, fields={**known.fields, "account__c": reference("Account__c", "Account__r", ACCOUNT)})


DESCRIBES = {
    OPPORTUNITY: primary(),
    ACCOUNT: described(ACCOUNT, "Plan__c", "Rating", reference("OwnerId", "Owner", USER)),
    USER: described(USER, "Email"),
}


@dataclass(slots=True)
class RelatedSalesforce(MemorySalesforce):
    """The org, with accounts and their owners; ``asked`` counts what the engine asked, by object."""

    describes: dict[str, ObjectDescribe] = field(default_factory=lambda: dict(DESCRIBES))
    asked: list[str] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)

    def describe(self, object_name: str) -> ObjectDescribe:
        if object_name not in self.describes:
            raise ConfigError(f"{object_name} is not visible.")
        return self.describes[object_name]

    def changed(self, object_name: str, fields: Sequence[str], **window: Any) -> Iterator[list[Row]]:
        self.asked.append(f"window {object_name}")
        if object_name in self.faults:
            raise self.faults[object_name]
        yield from MemorySalesforce.changed(self, object_name, fields, **window)

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        self.asked.append(f"rows {len(ids)}")
        return MemorySalesforce.rows(self, object_name, ids, fields)

    def query(self, soql: str) -> Iterator[Row]:
        parents = re.fullmatch(rf"SELECT (.*) FROM {OPPORTUNITY} WHERE {FLAG} = true AND (\S+) IN \((.*)\)", soql)
        if parents is None:
            yield from MemorySalesforce.query(self, soql)
            return
        self.asked.append(f"parents by {parents[2]}")
        ids = set(re.findall(r"'(\w{15})'", parents[3]))
        for row in self.all(OPPORTUNITY):
            if row[FLAG] and str(self._follow(row, parents[2]) or "")[:15] in ids:
                yield self._read(row, parents[1].split(", "))

    def _read(self, row: Row, fields: Sequence[str]) -> Row:
        found = MemorySalesforce._read(self, row, [name for name in fields if "." not in name])
        for path in fields:
            *above, last = path.split(".")
            node: Any = found
            for depth in range(len(above)):
                way = ".".join((*above[: depth + 1], "Id"))
                inner = node.get(above[depth]) or ({} if self._follow(row, way) else None)
                node[above[depth]] = inner
                if inner is None:
                    break
                node = inner
            else:
                if above:
                    node[last] = self._follow(row, path)
        return found

    def _follow(self, row: Row, path: str) -> Any:
        """Return the value at the path, None where a lookup on the way is empty."""
        here: Row | None = row
        *above, last = path.split(".")
        for name in above:
            lookup, target = next((key, to[1]) for key, to in OWNERS.items() if to[0] == name)
            here = self.tables.get(target, {}).get(str((here or {}).get(lookup)))
            if here is None:
                return None
        return here.get(last) if here else None

    def user_adds(self, object_name: str, **values: Any) -> str:
        return self._insert(object_name, values, PERSON)

    def saves(self, object_name: str, record_id: str, by: str = PERSON, **values: Any) -> None:
        """Save a related record as of now."""
        self._save(object_name, self._table(object_name)[record_id], values, by, self._now())


class RelatedWorld(World):
    """A world whose mapping reads the next step from the account, and a text from the account's owner."""

    salesforce: RelatedSalesforce

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.salesforce = RelatedSalesforce(Interruptions(self.clock))
        self.salesforce.interruptions = self.interruptions
        self.restart()

    def _start(self) -> None:
        super()._start()
        entries = (FieldMapping("nextStep", STEP, False), FieldMapping("additionalComments", MAIL, False))
        for entry in entries:
            self.engine.mapping = self.engine.mapping.with_field(entry)

    def shared(self, account: str) -> str:
        """Return the id of an approved record of the account that has come to rest."""
        record_id = self.salesforce.user_creates(
            {**sound_values(), FLAG: True, "Name": "A deal", "Account__c": account}
        )
        self.turn()
        for apn_id, answer in self.partner_central.opportunities.items():
            if answer["PartnerOpportunityIdentifier"] == record_id:
                self.partner_central.aws_reviews(apn_id, "Approved")
        self.turn()
        self.turn()
        return record_id

    def turn(self, minutes: float = 20) -> None:
        self.clock.advance(timedelta(minutes=minutes))
        self.cycle()

    def poll(self, seconds: float = 30) -> None:
        """Only the frequent look, and what follows from it."""
        self.clock.advance(timedelta(seconds=seconds))
        for job in (queueing.POLL, queueing.FLUSH):
            self.schedule(job)
            self.execute(100)

    def at_aws(self, record_id: str) -> tuple[Any, Any]:
        [answer] = [
            one
            for one in self.partner_central.opportunities.values()
            if one["PartnerOpportunityIdentifier"] == record_id
        ]
        return answer["LifeCycle"].get("NextSteps"), answer["Project"].get("AdditionalComments")

    def edits_at_aws(self, record_id: str, step: str) -> None:
        [apn_id] = [
            key for key, one in self.partner_central.opportunities.items()
            if one["PartnerOpportunityIdentifier"] == record_id
        ]  # fmt: skip
        self.partner_central.colleague_edits(apn_id, lambda answer: answer["LifeCycle"].update(NextSteps=step))

    def codes(self) -> set[str]:
        open_ones = (one for one in self.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.STATUS] in ("Error", "Pending"))
        return {str(one[Detail.ERROR_CODE]) for one in open_ones}

"""What must hold in the end where records travel by files: for every field the values that its people may find.

Written from what people did, at the moment they did it, and never from what the engine remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.ace_bucket import DISLIKED, Held
from engine.fields import OPPORTUNITY
from engine.salesforce import INTEGRATION

LEAD = "ACE_Lead__c"
Row = dict[str, Any]
Value = Any


@dataclass(frozen=True, slots=True)
class FileField:
    """One field that both sides have.

    Attributes:
        name: in Salesforce.
        key: in files.
        good: values that people enter, on both sides.
        keeps: what AWS says of it is not brought to Salesforce.
        theirs: only AWS changes it.
    """

    name: str
    key: str
    good: tuple[Any, ...]
    keeps: bool = False
    theirs: bool = False


_AMOUNTS = (Decimal(1200), Decimal(800), Decimal(10))
_SALES = ("SOW Signed", "Conducted POC / Demo", "Conducted POC / Demo;SOW Signed")
FIELDS: dict[str, tuple[FileField, ...]] = {
    OPPORTUNITY: (
        FileField("Next_Step__c", "nextStep", ("Call them", "Send the offer", "Sign", None)),
        FileField("Expected_Monthly_AWS_Revenue__c", "expectedMonthlyAwsRevenue", _AMOUNTS),
        FileField("Sales_Activities__c", "salesActivities", _SALES),
        FileField("Target_Close_Date__c", "targetCloseDate", ("2040-03-01", "2041-06-30", "2042-01-31"), keeps=True),
        FileField("Stage__c", "stage", ("Prospect", "Qualified", "Committed"), keeps=True),
        FileField("Partner_Project_Title__c", "partnerProjectTitle", ("Move the data centre", "Move the warehouse")),
        FileField("Postal_Code__c", "postalCode", ("10115", "20095")),
        FileField("AWS_Stage__c", "aWSStage", ("Prospect", "Qualified", "Launched"), theirs=True),
        FileField("Customer_Email__c", "customerEmail", ("pat@freight.example", "sam@freight.example"), theirs=True),
    ),
    LEAD: (
        FileField("Status", "status", ("Open", "Research", "Qualified")),
        FileField("Reason__c", "leadStatusReason", ("They asked", "They wait", None)),
        FileField("Phone__c", "phone", ("2065550142", "2065550143")),
        FileField("Company", "company", ("Example Freight", "Example Rail"), theirs=True),
    ),
}  # fmt: skip
BY_NAME = {one.name: one for known in FIELDS.values() for one in known}
OBJECTS = {"opportunity": OPPORTUNITY, "lead": LEAD}


def meant(item: FileField, value: Any) -> Value:
    """Return what a value of either side means."""
    if value in (None, "", []):
        return None
    if item.key == "expectedMonthlyAwsRevenue":
        return Decimal(str(value))
    if item.key == "salesActivities":
        return frozenset(str(value).split(";"))
    return str(value)


@dataclass(slots=True)
class Expected:
    """One field of one record: what may stand there in the end, and whether a person's edit is on its way."""

    values: set[Value]
    agreed: Value = None
    quiet: bool = False
    pending: bool = False


@dataclass(slots=True)
class FileTruth:
    """The record of what people did on both sides."""

    fields: dict[tuple[str, str], Expected] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    loose: bool = False
    """State was lost, or an admin released a file, since the last rest: nobody can tell any more who moved last."""

    def on_salesforce(self, object_name: str, by: str, record_id: str, before: Row, after: Row) -> None:
        """A row was committed."""
        created = len(before) <= 4
        self.rows[record_id] = after
        apn_id = after.get("ACE_APN_Unique_Identifier__c")
        if apn_id in self.held:
            self.owners.setdefault(apn_id, record_id)
        for item in FIELDS[object_name]:
            old, new = meant(item, before.get(item.name)), meant(item, after.get(item.name))
            if created:
                there = self._there(record_id, item, new)
                self.fields[record_id, item.name] = Expected({new, there}, agreed=new, pending=by != INTEGRATION)
            elif by != INTEGRATION and old != new:
                self._edit(record_id, item, new)
            elif old != new:
                self._agree(record_id, item)

    def on_aws(self, by: str, before: Held, after: Held) -> None:
        """AWS's record changed."""
        self.held[after.apn_id] = after
        if after.partner:
            self.owners.setdefault(after.apn_id, after.partner)
        record_id = self.owners.get(after.apn_id, "")
        for item in FIELDS[OBJECTS[after.kind]]:
            expected = self.fields.get((record_id, item.name))
            old, new = meant(item, before.fields.get(item.key)), meant(item, after.fields.get(item.key))
            if expected is None or old == new:
                continue
            if by == "partner":
                self._agree(record_id, item)
            else:
                self._change(expected, item, old, new)

    def come_to_rest(self) -> None:
        self.loose = False
        for (record_id, name), expected in self.fields.items():
            here = meant(BY_NAME[name], self.rows[record_id].get(name))
            if here == self._there(record_id, BY_NAME[name], object()):
                expected.values, expected.agreed, expected.quiet, expected.pending = {here}, here, True, False

    def forget(self) -> None:
        """Of two differing sides nobody can tell any more which one moved."""
        self.loose = True
        for (record_id, name), expected in self.fields.items():
            item = BY_NAME[name]
            here = meant(item, self.rows[record_id].get(name))
            there = self._there(record_id, item, here)
            expected.pending = False
            if here != there or not expected.quiet:
                expected.values |= {here, there}
                expected.quiet = False

    def held_of(self, record_id: str) -> Held | None:
        found = [self.held[apn_id] for apn_id, owner in self.owners.items() if owner == record_id]
        return found[-1] if found else None

    def _there(self, record_id: str, item: FileField, otherwise: Any) -> Value:
        held = self.held_of(record_id)
        return meant(item, held.fields.get(item.key)) if held else otherwise

    def _edit(self, record_id: str, item: FileField, new: Value) -> None:
        expected = self.fields[record_id, item.name]
        there = self._there(record_id, item, new)
        values = {new}
        if new == expected.agreed or self.loose:
            # Back to what was there before anybody could look: nothing tells it from no edit at all.
            values.add(there)
        expected.values, expected.pending, expected.quiet = values, there != new, False

    def _change(self, expected: Expected, item: FileField, old: Value, new: Value) -> None:
        """A colleague changed it at AWS: it counts unless it meets an edit that AWS has not got yet."""
        if item.theirs or (expected.quiet and not item.keeps and not self.loose):
            expected.values = {new}
        elif not expected.pending or old in expected.values or expected.agreed in expected.values or self.loose:
            expected.values = expected.values | {new}
        expected.quiet = False

    def _agree(self, record_id: str, item: FileField) -> None:
        expected = self.fields.get((record_id, item.name))
        here = meant(item, self.rows[record_id].get(item.name)) if record_id in self.rows else object()
        if expected is not None and here == self._there(record_id, item, object()):
            expected.pending = False
            if here in expected.values:
                expected.agreed = here


__all__ = ["BY_NAME", "DISLIKED", "FIELDS", "LEAD", "OBJECTS", "FileField", "FileTruth", "meant"]

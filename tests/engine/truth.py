"""What must hold in the end: for every field of every record the values that its people may find there.

Written from what people did, at the moment they did it, and never from what the engine remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.fields import BY_NAME, FLAG, PARTNER_FIELDS, SYNCED, Canonical, PartnerField, meant, read
from engine.partner_central import COLLEAGUE, PARTNER
from engine.salesforce import INTEGRATION

from connector.sync.ports import Json, Row


@dataclass(slots=True)
class Expected:
    """One field of one record.

    Attributes:
        values: what may stand there in the end.
        doubtful: what may stand there besides if a call failed: nobody can tell whether a colleague's value came in
            and was taken back by a person, or never came in.
        pending: a person's edit is on its way to AWS.
        agreed: the value that both sides had when they last had the same one.
        quiet: both sides have had the same value since the engine last came to rest.
    """

    values: set[Canonical]
    doubtful: set[Canonical] = field(default_factory=set)
    pending: bool = True
    agreed: Canonical = None
    quiet: bool = False


@dataclass(slots=True)
class Truth:
    """The record of what people did on both sides."""

    fields: dict[tuple[str, str], Expected] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """Salesforce record by AWS id, as the two sides themselves say."""
    extras: dict[tuple[str, str], Any] = field(default_factory=dict)
    forgetful: bool = False
    """The state was emptied since the engine last came to rest."""
    rows: dict[str, Row] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)

    def on_salesforce(self, by: str, record_id: str, before: Row, after: Row) -> None:
        """A row was committed in Salesforce."""
        self.rows[record_id] = after
        self._own(record_id, after)
        created = len(before) <= 4
        for item in PARTNER_FIELDS:
            old, new = meant(item, before.get(item.name)), meant(item, after.get(item.name))
            if created:
                # A colleague may have changed the opportunity while its record was being made.
                there = self.sides(record_id, item)[1] if by == INTEGRATION else new
                self.fields[record_id, item.name] = Expected({new, there}, pending=by != INTEGRATION, agreed=new)
            elif by != INTEGRATION and old != new:
                self._edit(record_id, item, new, after)
            elif old != new:
                self._agree(record_id, item)

    def on_aws(self, by: str, apn_id: str, before: Json, after: Json) -> None:
        """An opportunity was committed at AWS."""
        self.answers[apn_id] = after
        record_id = after.get("PartnerOpportunityIdentifier")
        if record_id:
            self.owners.setdefault(apn_id, record_id)
        for item in PARTNER_FIELDS:
            old, new = meant(item, read(before, item.path)), meant(item, read(after, item.path))
            expected = self.fields.get((self.owners.get(apn_id, ""), item.name))
            if expected is None or old == new or not before:
                continue
            if by == PARTNER and not (item.name == "Other_Solution_Offered__c" and new is None):
                self._agree(self.owners[apn_id], item)
            elif by in (PARTNER, COLLEAGUE):
                # AWS drops the other solution when a real one is associated: its own doing.
                self._change(expected, item, old, new)

    def come_to_rest(self) -> None:
        """The engine has nothing more to do: what both sides share now is what they agreed on."""
        self.forgetful = False
        for (record_id, name), expected in self.fields.items():
            here, there = self.sides(record_id, BY_NAME[name])
            if here == there:
                expected.values, expected.agreed, expected.quiet, expected.pending = {here}, here, True, False
                expected.doubtful = set()

    def forget(self) -> None:
        """The state was emptied: of two differing sides nobody can tell any more which one moved."""
        self.forgetful = True
        for (record_id, name), expected in self.fields.items():
            here, there = self.sides(record_id, BY_NAME[name])
            if here != there or not expected.quiet:
                expected.values |= {here, there}

    def sides(self, record_id: str, item: PartnerField) -> tuple[Canonical, Canonical]:
        """Return the value in Salesforce and the value at AWS; the same where one of them is missing."""
        row = self.rows[record_id]
        here = meant(item, row.get(item.name))
        answer = self.answer_of(record_id)
        return here, meant(item, read(answer, item.path)) if answer else here

    def answer_of(self, record_id: str) -> Json | None:
        """Return the opportunity of a record, None while it has none."""
        found = [self.answers[apn_id] for apn_id, owner in self.owners.items() if owner == record_id]
        return found[-1] if found else None

    def _own(self, record_id: str, row: Row) -> None:
        apn_id = row.get("ACE_APN_Unique_Identifier__c")
        if apn_id and apn_id in self.answers:
            self.owners[apn_id] = record_id

    def _edit(self, record_id: str, item: PartnerField, new: Canonical, row: Row) -> None:
        expected = self.fields[record_id, item.name]
        there = self.sides(record_id, item)[1]
        values = {new}
        if new == expected.agreed:
            # Back to what was there before anybody could look: nothing tells it from no edit at all.
            values.add(there)
        if new is None and not row.get(SYNCED):
            values.add(there)
        expected.values, expected.pending, expected.quiet = values, True, False

    def _change(self, expected: Expected, item: PartnerField, old: Canonical, new: Canonical) -> None:
        """A colleague changed the field at AWS: it counts unless it meets an edit that AWS has not got yet."""
        if item.name == "Other_Solution_Offered__c":
            # It stays in Salesforce where a real solution takes its place at AWS, and gives way to any word of AWS's.
            expected.values = expected.values | {new}
        elif expected.quiet and not item.keeps and not self.forgetful:
            expected.doubtful |= expected.values
            expected.values = {new}
        elif old in expected.values or expected.agreed in expected.values or self.forgetful:
            expected.values = expected.values | {new}
        expected.quiet = False

    def _agree(self, record_id: str, item: PartnerField) -> None:
        here, there = self.sides(record_id, item)
        if here == there and here in self.fields[record_id, item.name].values:
            self.fields[record_id, item.name].agreed = here


def flagged(row: Row) -> bool:
    return bool(row.get(FLAG))

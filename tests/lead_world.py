"""A steered world whose org has leads beside its opportunities: standard leads, or the packaged object.

What leaves for AWS is only noted here: the files themselves are other tests' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.fields import APN_ID, FLAG, FORMULA, HAS_UPDATES, SYNCED
from engine.salesforce import PERSON, Written, text
from memory_bucket import MemoryBucket
from steered_world import SteeredSalesforce, SteeredWorld

from connector.ace.catalogue import lead_fields
from connector.ace.file_fields import Version
from connector.errors import Problem, RecordRejected
from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry
from connector.mapping.model import FieldMapping
from connector.mapping.model import Mapping as FieldMap
from connector.names import CONVERSION
from connector.store.entries import Entry
from connector.store.links import Link
from connector.store.queue import Item
from connector.store.uploads import Upload
from connector.sync import logs, queueing
from connector.sync.engine import Engine
from connector.sync.exchange.conversion import end_sending
from connector.sync.executor import Executor, _send
from connector.sync.file_settings import FileSettings
from connector.sync.ports import Row
from connector.sync.schedules import let_out

LEAD, PACKAGED_LEAD = "Lead", "ACE_Lead__c"
FILES = FileSettings(bucket="ace-bucket", partner_id="0010h00001aBCde", opportunity_version=Version.V2)
MAPPED = {"status": "Status", "currentLeadStage": "Stage__c", "company": "Company", "leadStatusReason": "Reason__c"}
LEAD_MAPPING = FieldMap("lead", LEAD, 1, tuple(FieldMapping(name, path, inbound=True) for name, path in MAPPED.items()))


@cache
def describe_lead(name: str = LEAD) -> ObjectDescribe:
    """Return the describe of the reduced lead; only the standard object has conversion."""
    prefix = {LEAD: "00Q", PACKAGED_LEAD: "a0L"}[name]
    fields = (
        FieldDescribe("Id", "Record ID", "id", length=18, updateable=False),
        FieldDescribe("LastModifiedDate", "Last Modified Date", "datetime", updateable=False),
        FieldDescribe("LastModifiedById", "Last Modified By", "reference", updateable=False),
        FieldDescribe("SystemModstamp", "System Modstamp", "datetime", updateable=False),
        FieldDescribe(FLAG, "Sync with AWS", "boolean", nillable=False),
        FieldDescribe(SYNCED, "Last Sync Date", "datetime"),
        FieldDescribe(HAS_UPDATES, "Has Updates", "boolean", calculated=True, updateable=False, formula=FORMULA),
        FieldDescribe(APN_ID, "AWS identifier", "string", length=18, unique=True, external_id=True),
        _picklist("Status", "Lead Status", lead_fields()["status"].values),
        _picklist("Stage__c", "Lead Stage", lead_fields()["currentLeadStage"].values),
        FieldDescribe("Company", "Company", "string", length=255),
        FieldDescribe("Reason__c", "Reason", "string", length=255),
        *(_conversion() if name == LEAD else ()),
    )
    return ObjectDescribe(name, name, prefix, fields={known.name.lower(): known for known in fields})


def _picklist(name: str, label: str, values: Sequence[str]) -> FieldDescribe:
    return FieldDescribe(name, label, "picklist", picklist=tuple(PicklistEntry(value, value) for value in values))


def _conversion() -> tuple[FieldDescribe, ...]:
    kinds = dict(zip(CONVERSION, ("boolean", "date", "reference"), strict=True))
    return tuple(FieldDescribe(name, name, kind, updateable=False) for name, kind in kinds.items())


@dataclass(slots=True)
class LeadSalesforce(SteeredSalesforce):
    """The org with leads; a converted one is read-only, as the platform has it."""

    shown: set[str] = field(default_factory=lambda: {LEAD, PACKAGED_LEAD})

    def describe(self, object_name: str) -> ObjectDescribe:
        if object_name in self.shown:
            return describe_lead(object_name)
        return SteeredSalesforce.describe(self, object_name)

    def _update(self, object_name: str, values: Row, unless_after: Any) -> Written:
        row = self._table(object_name).get(values["Id"])
        if row is not None and row.get("IsConverted"):
            problem = Problem("CANNOT_UPDATE_CONVERTED_LEAD", "", "", "cannot reference converted lead", "")
            return Written(values["Id"], error=RecordRejected((problem,)))
        return SteeredSalesforce._update(self, object_name, values, unless_after)

    def user_converts(self, lead_id: str, opportunity: str = "006000000000009AAA") -> None:
        """A person converts a lead, which sets its status."""
        made = {"IsConverted": True, "ConvertedDate": "2040-01-02", "ConvertedOpportunityId": opportunity}
        self.user_saves(LEAD, lead_id, PERSON, Status="Qualified", **made)

    def lead(self, lead_id: str) -> Row:
        """Return a standard lead as it stands."""
        return dict(self._table(LEAD)[lead_id])


class LeadWorld(SteeredWorld):
    """A steered world with an engine of the leads.

    Attributes:
        sent: records of which a turn was let out to AWS, by record type.
        fetched: record types of which files were fetched.
    """

    salesforce: LeadSalesforce
    lead_mapping: FieldMap | None = LEAD_MAPPING

    def __init__(self, directory: Path) -> None:
        self.sent: list[tuple[str, str]] = []
        self.fetched: list[str] = []
        super().__init__(directory)
        known = self.salesforce
        self.salesforce = LeadSalesforce(known.interruptions, watch=known.watch)
        self.salesforce.sets = known.sets
        self.settings = replace(self.settings, files=FILES, share_automatically=False, update_automatically=False)
        self.restart()

    def _start(self) -> None:
        super()._start()
        self.engine.bucket = MemoryBucket()  # type: ignore[assignment]
        self.give_leads(self.lead_mapping)
        own = {queueing.RETRIEVE: self._retrieve, queueing.OUTBOUND: self._send}
        self.executor = Executor(self.engine, "worker", {**self.executor.jobs, **own})

    def give_leads(self, mapping: FieldMap | None) -> None:
        """Publish a lead mapping, or have none."""
        self.lead_mapping = mapping
        mapped = {item.ace_field for item in LEAD_MAPPING.fields}
        catalogue = {name: one for name, one in lead_fields().items() if name in mapped}
        self.engine.leads = replace(self.engine, mapping=mapping, catalogue=catalogue, leads=None) if mapping else None

    @property
    def leads(self) -> Engine:
        assert self.engine.leads is not None
        return self.engine.leads

    def refers(self, apn_id: str = "L1", **values: Any) -> str:
        """A lead that AWS referred and that was synchronised; return its id."""
        row = {FLAG: True, APN_ID: apn_id, "Status": "Open", "Stage__c": "Accepted", "Company": "Example Freight"}
        lead = self.salesforce._insert(LEAD, {**row, **dict.fromkeys(("Reason__c", *CONVERSION)), **values}, PERSON)
        self.salesforce._table(LEAD)[lead] |= {
            "IsConverted": False,
            SYNCED: text(self.clock.now() + timedelta(seconds=2)),
        }
        seen = {path: self.salesforce.lead(lead)[path] for path in MAPPED.values()}
        applied = {name: seen[path] for name, path in MAPPED.items()}
        self.state.links.save(
            Link(lead, LEAD, apn_id, "aws", "linked", seen=seen, applied=applied, row=None, apn_id_written=True)
        )
        return lead

    def edits(self, lead: str, **values: Any) -> None:
        """A person edits a lead."""
        self.salesforce.user_saves(LEAD, lead, PERSON, **values)

    def kinds(self, record_type: str = "lead") -> list[str]:
        """Return the kinds of items that wait for records of the type."""
        waiting = self.state.queue.list("waiting", 1000)
        return [one.kind for one in waiting if one.payload.get("type", "opportunity") == record_type]

    def details(self, record_id: str) -> list[Mapping[str, Any]]:
        """Return the log details of a record as they stand in the org, or wait to be written there."""
        rows = self.salesforce.all("ACE_Sync_Log_Detail__c")
        return [row for row in rows if row.get("Record_Id__c") == record_id]

    def _retrieve(self, engine: Engine, _: Item) -> None:
        self.fetched.append(engine.record_type)

    def _send(self, engine: Engine, item: Item) -> None:
        if engine.channel == "api":
            return _send(engine, item)
        with let_out(engine, item):
            link, run_id = engine.state.links.require(item.key), str(item.payload["run"])
            if end_sending(engine, link, run_id):
                return None
            if engine.settings.update_automatically or link.requested:
                self.sent.append((engine.record_type, item.key))
                entry = Entry(item.key, engine.record_type, run_id, {}, item.key, link.apn_id, self.clock.now())
                self.state.entries.put(entry)
        return None

    def uploads(self, lead: str) -> str:
        """The record's file reaches AWS; return its name."""
        entry = self.state.entries.of_record(lead)
        assert entry is not None
        name = f"lead-{len(self.state.uploads.unanswered()) + 1}_11272026120000.json"
        self.state.uploads.store(Upload(name, "lead", entry.run_id), [entry], self.clock.now())
        self.state.uploads.sent(name, self.clock.now())
        return name

    def answers(self, lead: str, problem: Problem | None = None) -> None:
        """AWS's result of the record's file is worked off."""
        found = self.state.uploads.of_record(lead)
        assert found is not None
        upload, record = found
        link = self.state.links.require(lead)
        self.state.uploads.conclude(upload.name, lead, "error" if problem else "success")
        self.state.uploads.answered(upload.name, self.clock.now())
        if problem:
            logs.log_problems(self.leads, record.run_id, link, (problem,))
        else:
            logs.log_success(self.leads, record.run_id, link, {})

"""A world whose org exchanges opportunities and leads by files of the ACE bucket, and AWS that writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.exchange import Listing, MemoryExchange, Object
from engine.interruptions import Interruptions
from engine.salesforce import Written
from lead_world import LEAD as LEAD
from lead_world import LEAD_MAPPING, LeadSalesforce, LeadWorld, describe_lead
from lead_world import PACKAGED_LEAD as PACKAGED_LEAD

from connector.ace.catalogue import lead_fields
from connector.errors import Problem, RecordRejected
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.model import Fallback, FieldMapping, RecordType
from connector.names import SYNC_LOG, SYNC_LOG_DETAIL, Detail, Log
from connector.sync import logs, queueing
from connector.sync.engine import Engine
from connector.sync.exchange.retrieval import list_files, take_file
from connector.sync.executor import Executor
from connector.sync.ports import Row

Json = dict[str, Any]
OWN_LEAD = "Inquiry__c"
LISTS = {"opportunity": "opportunities", "lead": "leads"}
MASK = "Accept To View"
REFERRED = {"opportunityOwnership": "AWS Referral", "partnerAcceptanceStatus": None, "status": None}
_OPPORTUNITY: Json = {
    "customerCompanyName": "Example Freight", "customerWebsite": "https://freight.example", "industry": "Aerospace",
    "country": "Germany", "postalCode": "10115", "partnerProjectTitle": "Move the data centre",
    "projectDescription": "The lease of the data centre ends and all loads must move.",
    "targetCloseDate": "2040-03-01", "nextStep": "Call them", "expectedMonthlyAwsRevenue": 1200.0,
    "useCase": "Archiving", "deliveryModel": "Resell", "salesActivities": "SOW Signed",
    "partnerPrimaryNeedFromAws": "Co-Sell - Deal Support", "stage": "Prospect", "status": "Approved",
    "apnReviewerComments": None, "opportunityOwnership": "Partner Referral", "partnerAcceptanceStatus": None,
    "aWSStage": "Qualified", "engagementScore": "High", "createdDate": "2026-10-01T08:00:00.000Z",
}  # fmt: skip
_LEAD: Json = {
    "status": "Open", "currentLeadStage": None, "company": MASK, "fullName": MASK,
    "leadStatusReason": None, "industry": "Retail", "leadAge": 4.0, "createdDate": "2026-10-01T08:00:00.000Z",
}  # fmt: skip


def opportunity(apn_id: str, partner_id: str | None = None, *, day: int = 1, **fields: Any) -> Json:
    """Return an entry of AWS's file, last modified on that day of November 2026."""
    told = {"apnCrmUniqueIdentifier": apn_id, "partnerCrmUniqueIdentifier": partner_id, **_modified(day)}
    return {**_OPPORTUNITY, **told, **fields}


def lead(apn_id: str, partner_id: str | None = None, *, day: int = 1, **fields: Any) -> Json:
    """Return a lead's entry of AWS's file, masked as before its acceptance."""
    return {**_LEAD, "apnCrmUniqueIdentifier": apn_id, "partnerCrmLeadId": partner_id, **_modified(day), **fields}


def _modified(day: int) -> Json:
    return {"lastModifiedDate": f"2026-11-{day:02}T08:00:00.000Z"}


@dataclass(slots=True)
class ArchivingExchange(MemoryExchange):
    """The bucket, where AWS exports into the folders that partners read, and keeps what it wrote.

    Attributes:
        archived: archives by name, such as ``outbound_archive``, with their files.
        page: keys of a page of a listing.
    """

    archived: dict[str, list[Object]] = field(default_factory=dict)
    page: int = 1000

    def aws_exports(self, name: str, *entries: Json, content: bytes = b"", of: RecordType = "opportunity") -> Object:
        """AWS writes a file of records, or of some other content."""
        root = {"version": "2.0", "spmsId": "spms", LISTS[of]: list(entries)}
        key = f"{of}-outbound/{name}"
        self._put(key, of, content or json.dumps(root).encode())
        made = self.objects[key]
        kept = Object(f"{of}-outbound-archive/{name}", of, made.content, made.etag, made.modified_at)
        self.archived.setdefault("outbound_archive", []).append(kept)
        return made

    def outbound_files(self, record_type: RecordType) -> Any:
        found = self._list(f"{record_type}-outbound/").files
        for start in range(0, max(len(found), 1), self.page):
            yield Listing(found[start : start + self.page])

    def find_archived(
        self, record_type: RecordType, archive: str, name: str, *, day: date | None = None
    ) -> Sequence[Object]:
        return [one for one in self.archived.get(archive, ()) if one.name == name and one.record_type == record_type]

    def left(self, of: RecordType = "opportunity") -> list[str]:
        """Return the names of the files that lie in AWS's folder."""
        return [one.name for one in self.objects.values() if one.key.startswith(f"{of}-outbound/")]

    def _known(self, file: Any) -> Object:
        kept = [one for files in self.archived.values() for one in files if one.key == file.key]
        return kept[0] if kept else MemoryExchange._known(self, file)


@dataclass(slots=True)
class FileSalesforce(LeadSalesforce):
    """The org; ``rules`` are its validation rules: the words that refuse a value, by that value."""

    rules: dict[Any, str] = field(default_factory=dict)

    def describe(self, object_name: str) -> ObjectDescribe:
        if object_name == OWN_LEAD:
            return replace(describe_lead(PACKAGED_LEAD), name=OWN_LEAD, key_prefix="a0Y")
        known = LeadSalesforce.describe(self, object_name)
        return _with_names(known) if object_name in (LEAD, PACKAGED_LEAD) else known

    def _save(self, object_name: str, row: Row, values: Row, by: str, moment: datetime) -> None:
        broken = next((self.rules[value] for value in values.values() if _hashable(value) in self.rules), "")
        if broken and not object_name.startswith("ACE_Sync"):
            problem = Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "", "", broken, "Correct the value.")
            raise RecordRejected((problem,))
        LeadSalesforce._save(self, object_name, row, values, by, moment)

    def _upsert(self, object_name: str, key_field: str, values: Row) -> Written:
        before = dict(self._table(object_name))
        try:
            return LeadSalesforce._upsert(self, object_name, key_field, values)
        except RecordRejected as error:
            self.tables[object_name] = before
            return Written(error=error)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else ""


def _with_names(known: ObjectDescribe) -> ObjectDescribe:
    """Salesforce requires a standard lead's last name and company."""
    required = known.name == LEAD
    names = {name: FieldDescribe(name, name, "string", length=80, nillable=not required) for name in ("LastName",)}
    company = replace(known.fields["company"], nillable=not required)
    return replace(known, fields={**known.fields, "company": company, **{n.lower(): f for n, f in names.items()}})


STANDS_IN = Fallback(value="Hidden by AWS")
LEADS = replace(
    LEAD_MAPPING,
    fields=(
        *(item for item in LEAD_MAPPING.fields if item.ace_field != "company"),
        FieldMapping("company", "Company", True, from_aws=STANDS_IN),
        FieldMapping("fullName", "LastName", True, from_aws=STANDS_IN),
    ),
)


class ArrivalWorld(LeadWorld):
    """The world, with a bucket that outlives each process."""

    salesforce: FileSalesforce

    def __init__(self, directory: Path) -> None:
        self.bucket: ArchivingExchange | None = None
        super().__init__(directory)
        known = self.salesforce
        self.salesforce = FileSalesforce(known.interruptions, watch=known.watch)
        self.salesforce.sets = known.sets
        files = replace(self.settings.files, opportunities_over_files=True)
        self.settings = replace(self.settings, files=files, share_automatically=True, update_automatically=True)
        self.lead_mapping = LEADS
        self.restart()

    @property
    def exchange(self) -> ArchivingExchange:
        if self.bucket is None:
            self.bucket = ArchivingExchange(Interruptions(self.clock))
        self.bucket.interruptions = self.interruptions
        return self.bucket

    def _start(self) -> None:
        super()._start()
        own = {queueing.RETRIEVE: list_files, queueing.FILE: take_file}
        self.executor = Executor(self.engine, "worker", {**self.executor.jobs, **own})
        self.engine.bucket = self.exchange
        self.give_leads(self.lead_mapping)

    def give_leads(self, mapping: Any) -> None:
        super().give_leads(mapping)
        if self.engine.leads is not None:
            self.engine.leads.catalogue = dict(lead_fields())
            self.engine.leads.bucket = self.exchange

    def of(self, record_type: RecordType) -> Engine:
        return self.leads if record_type == "lead" else self.engine

    def fetch(self, record_type: RecordType = "opportunity", *, minutes: float = 1) -> None:
        """Let time pass, the files be fetched and worked off, and everything be written to Salesforce."""
        self.clock.advance(timedelta(minutes=minutes))
        queueing.enqueue_job(self.of(record_type), queueing.RETRIEVE)
        self.settle()

    def settle(self) -> None:
        """Let all work be done that is due, as the worker does it, until nothing comes of it any more."""
        for _ in range(4):
            self.execute(100_000)
            self.clock.advance(timedelta(minutes=2))
            queueing.enqueue_job(self.engine, queueing.FLUSH, priority=1)
        self.execute(100_000)

    def rows(self, object_name: str = "ACE_Opportunity__c") -> dict[str, Row]:
        """Return the org's records by AWS's identifier."""
        found = self.salesforce.all(object_name)
        return {str(row.get("ACE_APN_Unique_Identifier__c") or row["Id"]): row for row in found}

    def sync_logs(self, purpose: str = logs.INBOUND_RECORDS) -> list[Row]:
        """Return the sync logs of a purpose as Salesforce has them, oldest first."""
        return [row for row in self.salesforce.all(SYNC_LOG) if row[Log.PURPOSE] == purpose]

    def file_log(self, name: str) -> Row:
        """Return the sync log of a file."""
        [found] = [row for row in self.salesforce.all(SYNC_LOG) if row[Log.FILE_NAME] == name]
        return found

    def told(self, record_id: str | None = None, status: str | None = None) -> list[Row]:
        """Return log details, of a record and with a status where they are given."""
        return [
            row
            for row in self.salesforce.all(SYNC_LOG_DETAIL)
            if record_id in (None, row[Detail.RECORD_ID]) and status in (None, row[Detail.STATUS])
        ]

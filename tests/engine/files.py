"""The engine's world with the ACE bucket instead of Partner Central's API: opportunities, or leads, travel as files."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.exchange import MemoryExchange
from engine.fields import FLAG, OPPORTUNITY, sound_values
from engine.salesforce import INTEGRATION
from engine.world import HANDLERS, MAPPING, World

from connector.ace.catalogue import lead_fields
from connector.ace.file_fields import Version
from connector.mapping.model import Fallback, FieldMapping, Mapping
from connector.mapping.outbound import snapshot
from connector.names import SYNC_LOG, SYNC_LOG_DETAIL, Detail, Log
from connector.store.links import Link
from connector.sync import queueing
from connector.sync.exchange.results import take_results
from connector.sync.exchange.uploads import perform_uploads
from connector.sync.executor import Executor
from connector.sync.file_settings import FileSettings
from connector.sync.settings import SyncSettings

FILES = FileSettings(
    bucket="ace-bucket", partner_id="4815162", opportunity_version=Version.V2, opportunities_over_files=True
)
LET_OUT = SyncSettings(frozenset({INTEGRATION}), share_automatically=True, update_automatically=True, files=FILES)
"""A schedule has run: what is due goes out."""
SHUT = replace(LET_OUT, share_automatically=False, update_automatically=False)
MARKETING = FieldMapping("IsOppFromMarketingActivity", "OwnerId", inbound=False, to_aws=Fallback(value="None"))
"""Files ask for it; the reduced object has no field of its own for it."""
LEADS = Mapping(
    "lead",
    OPPORTUNITY,
    1,
    (
        FieldMapping("status", "Other_Solution_Offered__c", inbound=True),
        FieldMapping("currentLeadStage", "Partner_Project_Title__c", inbound=True),
        FieldMapping("phone", "Next_Step__c", inbound=True),
        FieldMapping("city", "Customer_Company_Name__c", inbound=True),
    ),
)
"""Leads on the reduced object of the in-memory org, whose texts stand for the lead's fields."""
LEAD = {
    "status": "Other_Solution_Offered__c", "stage": "Partner_Project_Title__c", "phone": "Next_Step__c",
    "city": "Customer_Company_Name__c",
}  # fmt: skip


class Files(World):
    """A world whose engine exchanges files; AWS takes them in when a test says so."""

    exchange: MemoryExchange
    mapping: Mapping | None = None

    def __init__(self, directory: Path, *, mapping: Mapping | None = None, settings: SyncSettings = LET_OUT) -> None:
        self.mapping, self.wanted = mapping, settings
        super().__init__(directory)

    def _start(self) -> None:
        if not hasattr(self, "exchange"):
            self.exchange = MemoryExchange(self.interruptions)
        self.settings = self.wanted
        super()._start()
        self.engine.bucket = self.exchange
        self.engine.mapping = MAPPING.with_field(MARKETING)
        if self.mapping is not None:
            self.engine.mapping, self.engine.catalogue = self.mapping, lead_fields()
        handlers = {
            **HANDLERS,
            queueing.UPLOAD: perform_uploads,
            queueing.RESULTS: take_results,
        }
        self.executor = Executor(self.engine, "worker", handlers)

    def use(self, settings: SyncSettings) -> None:
        """The admin's settings, or what lets records out, are these from now on."""
        self.wanted = self.settings = self.engine.settings = settings

    def cycle(self) -> None:
        """One turn of every job of the file channel, and all the work that they make."""
        for job in (queueing.RESULTS, queueing.POLL, queueing.DUE_SWEEP, queueing.DELETIONS, queueing.FLUSH):
            self.schedule(job)
            assert self.execute(400) < 400, "the queue does not empty"

    def turn(self, minutes: float = 20) -> None:
        """Let time pass and every job have its turn."""
        self.clock.advance(timedelta(minutes=minutes))
        self.cycle()

    def take(self) -> None:
        """AWS takes in what waits, and its answers are worked off."""
        self.exchange.aws_takes()
        self.turn()

    def deal(self, **values: Any) -> str:
        """Let a person create a flagged record; return its id."""
        return self.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal", **values})

    def shared(self, **values: Any) -> tuple[str, str]:
        """Share a deal by file, let AWS approve it and export that; return its id and AWS's, all at rest."""
        record_id = self.deal(**values)
        self.turn()
        self.take()
        link = self.state.links.require(record_id)
        assert link.apn_id is not None
        self.approve(record_id)
        self.turn()
        return record_id, link.apn_id

    def approve(self, record_id: str) -> None:
        """AWS's export says that the opportunity is approved, and edits that waited for that go on."""
        link = self.state.links.require(record_id)
        link.review_status = "Approved"
        self.state.links.save(link)
        self.state.queue.release(record_id, self.clock.now())

    def lead(self, **values: Any) -> tuple[str, str]:
        """A lead that AWS referred and an export brought in; it was accepted unless ``stage`` says otherwise."""
        known = {"status": "Open", "stage": "Accepted", "phone": "+12065550142", "city": "Seattle"} | values
        fields = {LEAD[name]: value for name, value in known.items()}
        apn_id = f"L{1_000_001 + len(self.exchange.records)}"
        record_id = self.salesforce._insert(
            OPPORTUNITY, {**fields, FLAG: True, "ACE_APN_Unique_Identifier__c": apn_id}, INTEGRATION
        )
        at_aws = {"currentLeadStage" if name == "stage" else name: value for name, value in known.items()}
        self.exchange.aws_knows(apn_id, None, **at_aws)
        adopt(self, record_id, apn_id, at_aws)
        return record_id, apn_id

    def files(self) -> list[str]:
        """Return the names of all files that were sent, in order, each once."""
        return list(dict.fromkeys(name for name, _ in self.exchange.submitted))

    def last_entries(self) -> list[dict[str, Any]]:
        return self.exchange.entries(self.files()[-1])

    def log(self, name: str) -> dict[str, Any]:
        """Return the one sync log of a file."""
        [found] = [row for row in self.salesforce.all(SYNC_LOG) if row.get(Log.FILE_NAME) == name]
        return found

    def details(self, record_id: str, status: str = "Error") -> list[dict[str, Any]]:
        rows = self.salesforce.all(SYNC_LOG_DETAIL)
        return [row for row in rows if row[Detail.RECORD_ID] == record_id and row[Detail.STATUS] == status]


def adopt(world: Files, record_id: str, apn_id: str, at_aws: dict[str, Any]) -> None:
    """What an export does to the state: both sides are known, and were seen alike."""
    row = world.salesforce.row(record_id)
    assert row is not None
    link = Link(record_id, OPPORTUNITY, apn_id=apn_id, origin="aws", status="linked", apn_id_written=True)
    link.applied, link.seen = dict(at_aws), snapshot(world.engine.mapping, row)
    world.state.links.save(link)
    world.salesforce.update(OPPORTUNITY, [{"Id": record_id, "ACE_Last_Sync_Date__c": row["LastModifiedDate"]}])

"""An engine over an org in memory, at which opportunities arrive that have no record yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

from new_record_org import (
    DEFAULT_ACCOUNT,
    DEFAULT_OWNER,
    INTEGRATION,
    NOW,
    NewRecordOrg,
)
from service_engine import QuietPartnerCentral, SettableClock

from connector.mapping.model import FieldMapping, Mapping
from connector.names import PACKAGED, SYNC_LOG_DETAIL, Detail
from connector.store.links import Link
from connector.store.state import State
from connector.sync import logs
from connector.sync.arrival import Arrival
from connector.sync.creation import create_record
from connector.sync.engine import Engine
from connector.sync.ports import PartnerCentralPort, Row, SalesforcePort
from connector.sync.settings import SyncSettings

APN_ID, COMPANY, SITE = "O1234567", "Harbour Holding", "https://harbour.example"
MAPPING = Mapping(
    "opportunity", "Opportunity", 1,
    (
        FieldMapping("partnerProjectTitle", "Name", True),
        FieldMapping("stage", "StageName", False),
        FieldMapping("targetCloseDate", "CloseDate", False),
        FieldMapping("city", "City__c", True),
        FieldMapping("customerEmail", "Email__c", True),
        FieldMapping("expectedMonthlyAwsRevenue", "Amount", True),
        FieldMapping("customerWebsite", "Account.Website", True),
        FieldMapping("industry", "Account.Industry", False),
    ),
)  # fmt: skip
RECORD: dict[str, Any] = {
    "partnerProjectTitle": "Port at last", "stage": "Qualified", "targetCloseDate": date(2027, 3, 31), "city": "Oslo",
    "customerEmail": "Accept to view", "customerCompanyName": COMPANY, "customerWebsite": SITE, "industry": "Retail",
    "opportunityOwnerEmail": "ana.lopez@example.com", "opportunityOwnership": "Partner Referral",
}  # fmt: skip


@dataclass
class Desk:
    """An engine over an org in memory, and what came of one opportunity."""

    engine: Engine
    org: NewRecordOrg
    record: dict[str, Any] = field(default_factory=lambda: dict(RECORD))

    def set(self, **settings: Any) -> None:
        self.engine.settings = replace(self.engine.settings, **settings)

    def receive(self, apn_id: str = APN_ID) -> Row:
        """Let the opportunity arrive; return the record that was created for it."""
        create_record(self.engine, Arrival({"Id": apn_id}, {}, dict(self.record)), self.run())
        [row] = [one for one in self.org.all("Opportunity") if one.get(PACKAGED.apn_id) == apn_id]
        return row

    def refuse(self) -> dict[str, str]:
        """Let the opportunity arrive, of which no record is made; return the reasons by field."""
        create_record(self.engine, Arrival({"Id": APN_ID}, {}, dict(self.record)), self.run())
        assert [one for one in self.org.all("Opportunity") if one.get(PACKAGED.apn_id)] == []
        return self.reasons(APN_ID)

    def run(self) -> str:
        return logs.start_run(self.engine, logs.FROM_AWS, logs.INBOUND_RECORDS)

    def details(self, record_id: str, status: str) -> list[dict[str, Any]]:
        waiting = self.engine.state.outbox.due(NOW, SYNC_LOG_DETAIL, 100)
        bodies = [one.body for one in waiting if one.body.get(Detail.RECORD_ID) == record_id]
        return [body for body in bodies if body[Detail.STATUS] == status]

    def reasons(self, record_id: str) -> dict[str, str]:
        """Return the open reasons of a record: code → message."""
        return {body[Detail.ERROR_CODE]: body[Detail.ERROR_MESSAGE] for body in self.details(record_id, logs.ERROR)}

    def note(self, row: Row) -> str:
        [done] = self.details(row["Id"], logs.PROCESSED)
        return done[Detail.ERROR_MESSAGE] or ""

    def link(self, row: Row) -> Link:
        return self.engine.state.links.require(row["Id"])

    def account(self, row: Row) -> Row:
        return self.org.tables["Account"][row["AccountId"]]


@contextmanager
def open_desk(directory: Path) -> Iterator[Desk]:
    """Open an engine on an empty org and a new state."""
    org = NewRecordOrg()
    with State.open(directory / "state.db") as state:
        engine = Engine(
            state=state,
            salesforce=cast(SalesforcePort, org),
            partner_central=cast(PartnerCentralPort, QuietPartnerCentral()),
            clock=SettableClock(NOW),
            org_id="00D000000000001AAA",
            catalog="AWS",
            settings=SyncSettings(frozenset({INTEGRATION})),
            mapping=MAPPING,
        )
        yield Desk(engine, org)


def with_default_account(desk: Desk) -> Desk:
    """Set the Default Account; it is not cloned."""
    desk.org.add(
        "Account", DEFAULT_ACCOUNT, Name="Default", Website="https://default.example", Industry="Banking",
        Customer_Number__c="77", OwnerId=DEFAULT_OWNER, LastModifiedDate="2026-01-01T00:00:00.000+0000",
    )  # fmt: skip
    desk.set(default_account_id=DEFAULT_ACCOUNT)
    return desk

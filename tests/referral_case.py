"""An engine between an org in memory and a Partner Central that refers opportunities and tells little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from new_record_desk import Desk
from new_record_org import INTEGRATION, NewRecordOrg
from service_engine import QuietPartnerCentral

from connector.errors import Problem, RecordGone
from connector.names import PACKAGED, SYNC_LOG_DETAIL
from connector.store.referrals import Referral
from connector.sync.ports import Json, Row
from connector.sync.referrals import look_at_invitation

ENGI, APN = "engi-0000000000001", "O7654321"


@dataclass
class Referring(QuietPartnerCentral):
    """Partner Central as far as referrals go. ``gone``: invitations that it shows no more."""

    invitations: dict[str, Json] = field(default_factory=dict)
    tasks: list[Json] = field(default_factory=list)
    opportunities: dict[str, Json] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def list_engagement_invitations(
        self, *, participant: str = "RECEIVER", statuses: Sequence[str] = ("PENDING",), payloads: Sequence[str] = ()
    ) -> Iterator[list[Json]]:
        self.asked.append("list")
        yield [one for one in self.invitations.values() if one["Status"] in statuses]

    def get_engagement_invitation(self, invitation_id: str) -> Json:
        self.asked.append("get")
        if invitation_id in self.gone or invitation_id not in self.invitations:
            raise RecordGone((Problem("RESOURCE_NOT_FOUND", "", invitation_id, "Not found.", "Check it."),))
        return deepcopy(self.invitations[invitation_id])

    def acceptance_tasks(self, *, task_id: str = "", invitation_id: str = "") -> list[Json]:
        return [one for one in self.tasks if one["EngagementInvitationId"] == invitation_id]

    def list_opportunities(self, **window: Any) -> Iterator[list[Json]]:
        company = window.get("company")
        yield [
            {"Id": one["Id"]}
            for one in self.opportunities.values()
            if company in (None, one["Customer"]["Account"]["CompanyName"])
        ]

    def get_opportunity(self, opportunity_id: str) -> Json:
        return deepcopy(self.opportunities[opportunity_id])

    def get_aws_opportunity_summary(self, opportunity_id: str) -> Json:
        return {"Origin": "AWS Referral", "Visibility": "Full"}


@dataclass(slots=True)
class ReferralOrg(NewRecordOrg):
    """The org, which knows its rows by their invitation as well."""

    def query(self, soql: str) -> Iterator[Row]:
        if f"FROM {SYNC_LOG_DETAIL} " in soql:
            return
        assert soql == (
            f"SELECT Id, {PACKAGED.invitation_id} FROM Opportunity "
            f"WHERE {PACKAGED.invitation_id} != null AND {PACKAGED.apn_id} = null"
        ), soql
        self.calls.append("referrals")
        yield from (row for row in self.all("Opportunity") if row.get(PACKAGED.invitation_id))

    def _check_unique(self, object_name: str, row: Row) -> None:
        return None

    def _read(self, row: Row, fields: Sequence[str]) -> Row:
        """Every row was written by us, long enough ago."""
        stamps = dict.fromkeys(("SystemModstamp", "LastModifiedDate", "CreatedDate"), "2026-01-01T00:00:00.000+0000")
        users = dict.fromkeys(("LastModifiedById", "CreatedById"), INTEGRATION)
        return {**NewRecordOrg._read(self, row, fields), **stamps, **users}


@dataclass
class Case:
    """An engine between an org and a Partner Central that refers."""

    desk: Desk
    org: ReferralOrg
    aws: Referring

    def invite(self, number: int = 1, **changes: Any) -> str:
        """Let AWS send an invitation; return its id."""
        invitation_id = f"engi-{number:013d}"
        self.aws.invitations[invitation_id] = invitation(invitation_id) | changes
        return invitation_id

    def look(self, invitation_id: str = ENGI) -> Referral:
        """Let the engine look; return what it knows then."""
        look_at_invitation(self.desk.engine, invitation_id)
        found = self.desk.engine.state.referrals.get(invitation_id)
        assert found is not None
        return found

    def accepted_elsewhere(self, invitation_id: str = ENGI, apn_id: str = APN, **changes: Any) -> None:
        """A colleague accepts; no task tells what became of it."""
        self.aws.invitations[invitation_id]["Status"] = "ACCEPTED"
        self.aws.opportunities[apn_id] = opportunity(apn_id) | changes

    def rows(self) -> list[Row]:
        return self.org.all("Opportunity")


def invitation(invitation_id: str) -> Json:
    payload = {
        "ReceiverResponsibilities": ["Software Partner"],
        "Customer": {
            "CompanyName": "Polaris", "CountryCode": "NO", "Industry": "Retail", "WebsiteUrl": "polaris.example",
        },
        "Project": {
            "Title": "Route planning", "BusinessProblem": "Trucks drive empty on every second way back.",
            "TargetCompletionDate": "2027-03-31", "ExpectedCustomerSpend": [],
        },
    }  # fmt: skip
    return {
        "Id": invitation_id, "PayloadType": "OpportunityInvitation", "Status": "PENDING", "SenderAwsAccountId": "aws",
        "Receiver": {"Account": {"AwsAccountId": "111122223333"}}, "Payload": {"OpportunityInvitation": payload},
        "InvitationDate": "2026-03-01T10:00:00Z",
    }  # fmt: skip


def opportunity(apn_id: str) -> Json:
    return {
        "Id": apn_id, "LastModifiedDate": "2026-03-01T13:00:00.000000Z",
        "Customer": {"Account": {"CompanyName": "Polaris", "Address": {"City": "Oslo"}}},
        "Project": {"Title": "Route planning"},
        "LifeCycle": {"Stage": "Prospect", "TargetCloseDate": "2027-03-31", "ReviewStatus": "Approved"},
    }  # fmt: skip

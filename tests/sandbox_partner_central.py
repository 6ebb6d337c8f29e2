"""The embedded Partner Central, reached by boto3 as it comes over real HTTP; and a complete opportunity."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from connector.sandbox.clock import SandboxClock
from connector.sandbox.faults import Faults
from connector.sandbox.partner_central import backstage
from connector.sandbox.partner_central.app import create_app
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.recorder import Recorder
from connector.sandbox.serving import HttpServer

Json = dict[str, Any]
SOLUTION = "S-1234567"
UPDATED = (
    "PrimaryNeedsFromAws",
    "NationalSecurity",
    "PartnerOpportunityIdentifier",
    "Customer",
    "Project",
    "OpportunityType",
    "Marketing",
    "SoftwareRevenue",
    "LifeCycle",
)
COMPLETE: Json = {
    "PartnerOpportunityIdentifier": "006000000000001AAA",
    "PrimaryNeedsFromAws": ["Co-Sell - Deal Support"],
    "NationalSecurity": "No",
    "OpportunityType": "Net New Business",
    "Customer": {
        "Account": {
            "CompanyName": "Harbour Logistics",
            "Industry": "Transportation and Logistics",
            "WebsiteUrl": "https://harbour.example.com",
            "Address": {
                "CountryCode": "US",
                "StateOrRegion": "Washington",
                "City": "Seattle",
                "PostalCode": "98101",
                "StreetAddress": "1 Pier",
            },
        },
        "Contacts": [{"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@harbour.example.com"}],
    },
    "Project": {
        "Title": "Yard visibility",
        "CustomerBusinessProblem": "Container moves are tracked on paper and boxes get lost.",
        "CustomerUseCase": "Storage & Backup",
        "DeliveryModels": ["SaaS or PaaS"],
        "SalesActivities": ["Customer has shown interest in solution"],
        "ExpectedCustomerSpend": [
            {"Amount": "2500.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
        ],
    },
    "Marketing": {"Source": "None"},
    "LifeCycle": {"Stage": "Qualified", "TargetCloseDate": "2060-12-31", "NextSteps": "Demo"},
}


class World:
    """One running Partner Central and a client for it."""

    def __init__(self) -> None:
        self.clock, self.faults, self.recorder = SandboxClock(), Faults(silence=0.2), Recorder()
        self.settings = Settings(quota_scale=1000)
        self.service = PartnerCentral(self.settings, self.clock, self.faults, self.recorder)
        self._server = HttpServer(create_app(self.service))
        self._server.start()
        self.url = self._server.url
        self._clients: list[Any] = []
        self.client = self.connect()
        self._tokens = itertools.count(1)

    def connect(self, **changes: Any) -> Any:
        """Return a boto3 client; ``changes`` override its arguments."""
        arguments = {
            "region_name": "us-east-1",
            "endpoint_url": self.url,
            "aws_access_key_id": self.settings.access_key_id,
            "aws_secret_access_key": self.settings.secret_access_key,
            "config": Config(retries={"total_max_attempts": 1, "mode": "standard"}),
            **changes,
        }
        client = boto3.client("partnercentral-selling", **arguments)
        self._clients.append(client)
        return client

    def reset(self) -> None:
        """Back to an empty account with default settings."""
        fresh = Settings(quota_scale=1000)
        for name in Settings.__dataclass_fields__:
            setattr(self.settings, name, getattr(fresh, name))
        self.faults.clear()
        self.recorder.clear()
        self.clock.reset()
        self.service.reset()

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._server.stop()

    def token(self) -> str:
        return f"token-{next(self._tokens)}"

    def create(self, body: Json | None = None, catalog: str = "AWS", **more: Any) -> str:
        """Create an opportunity and return its id."""
        body = COMPLETE if body is None else body
        return str(self.client.create_opportunity(Catalog=catalog, ClientToken=self.token(), **body, **more)["Id"])

    def get(self, identifier: str, catalog: str = "AWS") -> Json:
        answer: Json = self.client.get_opportunity(Catalog=catalog, Identifier=identifier)
        answer.pop("ResponseMetadata")
        return answer

    def associate(self, identifier: str, entity: str = SOLUTION, kind: str = "Solutions", catalog: str = "AWS") -> None:
        self.client.associate_opportunity(
            Catalog=catalog, OpportunityIdentifier=identifier, RelatedEntityType=kind, RelatedEntityIdentifier=entity
        )

    def submit(self, identifier: str, involvement: str = "Co-Sell", catalog: str = "AWS", **more: Any) -> Json:
        """Start the submission task and return its answer."""
        answer: Json = self.client.start_engagement_from_opportunity_task(
            Catalog=catalog,
            Identifier=identifier,
            ClientToken=self.token(),
            AwsSubmission={"InvolvementType": involvement, **more},
        )
        return answer

    def review(self, identifier: str, status: str) -> None:
        backstage.review_opportunity(self.service, identifier, status, "Please explain", "Clarify Revenue")

    def in_phase(self, phase: str, body: Json | None = None) -> str:
        """Return an opportunity that has come to Pending, to a review status, to Launched or to Closed Lost."""
        identifier = self.create(body)
        self.associate(identifier)
        if phase == "Pending":
            return identifier
        assert self.submit(identifier)["TaskStatus"] == "COMPLETE"
        if phase != "Submitted":
            self.review(identifier, "Approved" if phase in ("Launched", "Closed Lost") else phase)
        if phase in ("Launched", "Closed Lost"):
            reason = {"ClosedLostReason": "Price"} if phase == "Closed Lost" else {}
            self.update(identifier, lambda body: body["LifeCycle"].update({"Stage": phase, **reason}))
        return identifier

    def update(self, identifier: str, change: Callable[[Json], Any], catalog: str = "AWS") -> Json:
        """Read, change, write back as a careful client does."""
        body = self.writable(identifier, catalog)
        change(body)
        answer: Json = self.client.update_opportunity(**body)
        return answer

    def writable(self, identifier: str, catalog: str = "AWS") -> Json:
        """Return the request that would write the present state, entities decoded."""
        stored = self.get(identifier, catalog)
        body = {name: decode(copy.deepcopy(stored[name])) for name in UPDATED if name in stored}
        return {
            **body,
            "Catalog": catalog,
            "Identifier": identifier,
            "LastModifiedDate": stored["LastModifiedDate"],
        }


def decode(value: Any) -> Any:
    """Undo what GetOpportunity escapes."""
    if isinstance(value, str):
        return value.replace("&amp;", "&").replace("&colon;", ":").replace("&amp;", "&")
    if isinstance(value, dict):
        return {name: decode(each) for name, each in value.items()}
    return [decode(each) for each in value] if isinstance(value, list) else value


def body(**paths: Any) -> Json:
    """Return COMPLETE with changes: ``Project__Title="x"``; None removes the member."""
    changed = copy.deepcopy(COMPLETE)
    for path, value in paths.items():
        put(changed, path, value)
    return changed


def put(target: Json, path: str, value: Any) -> None:
    """Set the member at ``A__B__C``; None removes it."""
    *parents, last = path.split("__")
    for name in parents:
        target = target.setdefault(name, {})
    if value is None:
        target.pop(last, None)
    else:
        target[last] = value


def refused(call: Callable[[], Any]) -> Json:
    """Run a call that must be refused; return the error answer."""
    with pytest.raises(ClientError) as caught:
        call()
    return dict(caught.value.response)


def codes(error: Json) -> set[tuple[str, str]]:
    """Return (code, field) of every entry of a ValidationException."""
    assert error["Error"]["Code"] == "ValidationException", error
    return {(entry["Code"], entry.get("FieldName", "")) for entry in error["ErrorList"]}

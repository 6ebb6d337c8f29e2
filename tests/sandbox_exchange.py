"""The embedded ACE bucket, reached by boto3 as it comes over real HTTP; and complete records of its files."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from connector.sandbox import control
from connector.sandbox.clock import SandboxClock
from connector.sandbox.exchange.exchange import Exchange
from connector.sandbox.exchange.settings import PARTNER_ID, ExchangeSettings
from connector.sandbox.faults import Faults
from connector.sandbox.partner_central.app import create_app
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.recorder import Recorder
from connector.sandbox.serving import HttpServer

Json = dict[str, Any]
FULL_CONTROL = "bucket-owner-full-control"
RESULTS = "inbound-processed-results"
# Every key of AWS's sample of a new opportunity, in its spelling and with its types.
NEW_OPPORTUNITY: Json = {
    "useCase": "AI Machine Learning and Analytics",
    "targetCloseDate": "2060-09-24",
    "streetAddress": "12 Quay Street",
    "state": "Washington",
    "stage": "Prospect",
    "projectDescription": "Forecasts are made by hand and come too late to be of use.",
    "primaryContactPhone": None,
    "primaryContactLastName": "Okafor",
    "primaryContactFirstName": "Sam",
    "primaryContactEmail": None,
    "postalCode": "98101",
    "partnerProjectTitle": "Forecasting",
    "partnerPrimaryNeedFromAws": "Co-Sell - Architectural Validation;Co-Sell - Technical Consultation",
    "partnerCrmUniqueIdentifier": "006000000000001AAA",
    "isMarketingDevelopmentFunded": "No",
    "industryOther": None,
    "industry": "Government",
    "expectedMonthlyAwsRevenue": 123.0,
    "deliveryModel": "BYOL or AMI",
    "customerWebsite": "https://harbour.example",
    "customerTitle": "Head of Data",
    "customerPhone": "1234567890",
    "customerLastName": "Castell",
    "customerFirstName": "Ines",
    "customerEmail": "Ines.Castell@harbour.example",
    "customerCompanyName": "Harbour Authority",
    "country": "United States",
    "competitiveTrackingOther": None,
    "competitiveTracking": "On-Prem",
    "city": "Seattle",
    "campaignName": "WWPS NDPP;P3",
    "awsAccountId": None,
    "apnCrmUniqueIdentifier": None,
    "additionalComments": "Workshop agreed",
    "IsOppFromMarketingActivity": "Yes",
    "marketingActivityChannel": "Email",
    "marketingActivityUsecase": "Analytics",
    "awsSFCampaignName": "Spring",
    "opportunityType": "Expansion",
    "doesOppBelongToNatSec": "Yes",
    "customerDuns": "123456789",
    "salesActivities": "Customer has shown interest in solution",
    "parentOppId": None,
    "awsProducts": ["Lambda", "AWSManagedServices", "WorkLink"],
    "solutionOffered": ["S-1234567"],
    "otherSolutionOffered": None,
}
# Every key of AWS's sample of a changed lead, in its spelling and with its types.
LEAD_UPDATE: Json = {
    "projectDescription": "Wants its reports within an hour",
    "industry": "Government",
    "segmentCompanySize": "10000+",
    "useCaseWorkLoad": "Big Data;IOT",
    "status": "Open",
    "leadStatusReason": "Discussion with customer",
    "phone": "1234567890",
    "lastName": "Castell",
    "firstName": "Ines",
    "email": "ines.castell@harbour.example",
    "streetAddress": None,
    "country": "United States",
    "city": "Seattle",
    "postalCode": "98201",
    "website": "harbour.example",
    "partnerCrmLeadId": "00Q000000000001",
    "apnCrmUniqueIdentifier": "L1234567",
}


class World:
    """One running bucket with its processor, a client for it, and the control server."""

    def __init__(self) -> None:
        self.clock, self.faults, recorder = SandboxClock(), Faults(silence=0.2), Recorder()
        self.account = Settings(quota_scale=1000)
        self.service = PartnerCentral(self.account, self.clock, self.faults, recorder)
        self.exchange = Exchange(self.service, self.clock, self.faults, recorder)
        orders = control.Control(
            clock=self.clock,
            faults=self.faults,
            recorder=recorder,
            partner_central=self.service,
            exchange=self.exchange,
        )
        self._servers = [HttpServer(control.create_app(orders)), HttpServer(create_app(self.service))]
        for server in self._servers:
            server.start()
        self.exchange.settings.automatic = False
        self.exchange.start()
        self.bucket = self.exchange.bucket.name
        self.s3 = self.client("s3", self.exchange.bucket.endpoint_url, "us-west-2")
        self.api = self.client("partnercentral-selling", self._servers[1].url, "us-east-1")
        self._numbers = itertools.count(1)

    def client(self, service: str, url: str, region: str, key: str = "") -> Any:
        """Return an independent client of one of the services."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=url,
            region_name=region,
            aws_access_key_id=key or self.account.access_key_id,
            aws_secret_access_key=self.account.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def reset(self) -> None:
        """Return to the first second, with files worked off by order only."""
        self.order("/reset")
        self.exchange.settings = ExchangeSettings(automatic=False)
        self.account.partner_path, self.account.revenue_program = "ISV", False

    def close(self) -> None:
        """Stop all servers."""
        self.exchange.stop()
        for server in self._servers:
            server.stop()

    def order(self, path: str, **members: Any) -> Json:
        """Give a control order; an answer with an error fails the test."""
        status, answer = self._ask(path, members)
        assert status == 200, answer
        return answer

    def refused(self, path: str, **members: Any) -> str:
        """Give a control order that cannot be carried out; return the reason."""
        status, answer = self._ask(path, members)
        assert status == 400, answer
        return str(answer["error"])

    def _ask(self, path: str, members: Json) -> tuple[int, Json]:
        request = urllib.request.Request(self._servers[0].url + path, json.dumps(members).encode())
        try:
            response = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return response.status, json.load(response)

    def name(self, kind: str = "opportunity") -> str:
        """Return a key that no file had before."""
        return f"{kind}-inbound/file{next(self._numbers)}_11272026101500.json"

    def put(self, key: str, body: bytes) -> None:
        """Upload as AWS asks for it."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ACL=FULL_CONTROL)

    def get(self, key: str) -> Json:
        """Return the JSON of an object."""
        value: Json = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return value

    def keys(self, folder: str) -> list[str]:
        """Return the names in a folder, its placeholder left out."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{folder}/")
        found = [entry["Key"] for page in pages for entry in page["Contents"]]
        return [key.removeprefix(f"{folder}/") for key in found if not key.endswith("/")]

    def wait_for(self, prefix: str) -> None:
        """Wait until a file with that prefix is there; fail after a minute."""
        deadline = time.monotonic() + 60
        while not self._has(prefix):
            assert time.monotonic() < deadline, f"there is nothing in {prefix}"
            time.sleep(0.1)

    def _has(self, prefix: str) -> bool:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", ())
        return any(not entry["Key"].endswith("/") for entry in found)

    def send(self, *records: Json, kind: str = "opportunity", **members: Any) -> Json:
        """Upload one file of records, have it worked off, and return its result."""
        root = {"opportunity": "opportunities", "lead": "Leads"}[kind]
        version = {"opportunity": "2.0", "lead": "1.0"}[kind]
        file = {"version": version, "spmsId": PARTNER_ID, root: list(records), **members}
        return self.send_bytes(json.dumps(file).encode(), self.name(kind))

    def send_bytes(self, body: bytes, key: str) -> Json:
        """Upload any file, have it worked off, and return its result."""
        self.put(key, body)
        (result,) = self.order("/exchange/process")["results"]
        return self.get(result)

    def errors(self, *records: Json, kind: str = "opportunity", **members: Any) -> str:
        """Send one record that is refused; return its errors."""
        (one,) = self.send(*records, kind=kind, **members)["inboundApiResults"]
        assert one["isSuccess"] is False
        return "\n".join(one["errors"])

    def share(self, **fields: Any) -> str:
        """Send a new opportunity that is taken; return its AWS identifier."""
        record = new(partnerCrmUniqueIdentifier=f"006{next(self._numbers):015d}", **fields)
        result = self.send(record)
        assert result["success"] == "ALL", result
        return str(result["inboundApiResults"][0]["apnCrmUniqueIdentifier"])

    def approve(self, identifier: str) -> str:
        """Let AWS approve an opportunity; return its id."""
        self.order("/aws/review", opportunity=identifier, status="Approved")
        return identifier

    def exported(self, kind: str = "opportunity") -> dict[str, Json]:
        """Have AWS export, and return the records by AWS identifier."""
        files = [key for key in self.order("/exchange/export")["files"] if key.startswith(kind)]
        root = {"opportunity": "opportunities", "lead": "leads"}[kind]
        return {one["apnCrmUniqueIdentifier"]: one for key in files for one in self.get(key)[root]}

    def update(self, identifier: str, **fields: Any) -> Json:
        """Return a record that changes some fields of an opportunity."""
        partner = self.exchange._stores["opportunity"]
        stored = partner.record(self.service.account.catalog("AWS").opportunities[identifier])
        key = stored.get("partnerCrmUniqueIdentifier") or f"006{next(self._numbers):015d}"
        return {"apnCrmUniqueIdentifier": identifier, "partnerCrmUniqueIdentifier": key, **fields}

    def later(self, **span: float) -> None:
        """Move the sandbox's clock."""
        self.order("/clock", advance_seconds=timedelta(**span).total_seconds())


def new(**fields: Any) -> Json:
    """Return a complete new opportunity that nobody classifies, with some fields changed."""
    return {**NEW_OPPORTUNITY, "doesOppBelongToNatSec": "No", **fields}


def denied(call: Any, **arguments: Any) -> str:
    """Return the code with which S3 refuses the call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])

"""The control server of the sandbox and the sandbox as one process: orders, refusals, launch line, configuration."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from sandbox_partner_central import refused

from connector.sandbox.server import Sandbox

Json = dict[str, Any]
SEEDED = (
    "Name",
    "ACE_Sync_with_AWS__c",
    "ACE_APN_Unique_Identifier__c",
    "Customer_Company_Name__c",
    "Industry__c",
    "Country__c",
    "State_or_Region__c",
    "Postal_Code__c",
    "Customer_Website__c",
    "Partner_Project_Title__c",
    "Customer_Business_Problem__c",
    "Use_Case__c",
    "Delivery_Model__c",
    "Expected_Monthly_AWS_Revenue__c",
    "Target_Close_Date__c",
    "Sales_Activities__c",
    "Primary_Needs_from_AWS__c",
    "Solution_Offered__c",
)


class Bench:
    """A running sandbox, its control and a client for its Partner Central."""

    def __init__(self, directory: Path) -> None:
        self.sandbox = Sandbox(directory, quota_scale=1000)
        self.sandbox.start()
        self.info = self.sandbox.launch_info()
        self.client = boto3.client(
            "partnercentral-selling",
            region_name="us-east-1",
            endpoint_url=self.info["partner_central"]["endpoint_url"],
            aws_access_key_id=self.info["aws"]["access_key_id"],
            aws_secret_access_key=self.info["aws"]["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def close(self) -> None:
        self.client.close()
        self.sandbox.stop()

    def order(self, path: str, **members: Any) -> Json:
        """POST an order that is carried out; return its answer."""
        status, answer = self.try_order(path, json.dumps(members).encode())
        assert status == 200, answer
        return answer

    def try_order(self, path: str, body: bytes | None) -> tuple[int, Json]:
        """Send an order (GET without a body); return status and answer."""
        try:
            with urllib.request.urlopen(self.info["control"]["endpoint_url"] + path, data=body) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def get(self, identifier: str) -> Json:
        answer: Json = self.client.get_opportunity(Catalog="AWS", Identifier=identifier)
        return answer

    def summary(self, identifier: str) -> Json:
        answer: Json = self.client.get_aws_opportunity_summary(Catalog="AWS", RelatedOpportunityIdentifier=identifier)
        return answer


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("sandbox"))
    yield bench
    bench.close()


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.order("/reset")
    return running


def test_the_clock_is_shown_set_and_moved(bench: Bench) -> None:
    """Every server takes the sandbox's clock for the time."""
    assert bench.order("/clock", now="2031-05-06T07:08:09Z")["now"].startswith("2031-05-06T07:08:")
    bench.order("/clock", advance_seconds=86400)
    now = datetime.fromisoformat(bench.try_order("/clock", None)[1]["now"])
    assert now.date().isoformat() == "2031-05-07"
    created = bench.get(bench.order("/aws/create")["opportunity"])["CreatedDate"]
    assert created.astimezone(UTC).date().isoformat() == "2031-05-07"


@pytest.mark.parametrize(
    ("path", "members", "part"),
    [
        ("/clock", {}, "either now or advance_seconds"),
        ("/clock", {"now": "2031-01-01T00:00:00Z", "advance_seconds": 1}, "either now or advance_seconds"),
        ("/clock", {"now": "soon"}, "ISO 8601"),
        ("/clock", {"now": "2031-01-01T00:00:00"}, "time zone"),
        ("/clock", {"advance_seconds": "60"}, "advance_seconds"),
        ("/clock", {"advance_seconds": True}, "advance_seconds"),
        ("/clock", {"advance_seconds": 1, "speed": 2}, "unknown members: speed"),
        ("/fault", {"kind": "status", "status": 500}, "'server' is missing"),
        ("/fault", {"server": "marketplace", "kind": "status", "status": 500}, "marketplace"),
        ("/fault", {"server": "salesforce", "kind": "explode"}, "explode"),
        ("/fault", {"server": "salesforce", "kind": "status"}, "between 400 and 599"),
        ("/fault", {"server": "salesforce", "kind": "status", "status": 500, "times": 0}, "times"),
        ("/fault", {"server": "salesforce", "kind": "row_lock", "match": "("}, "regular expression"),
        ("/fault", {"server": "partner_central", "kind": "row_lock"}, "Salesforce's own"),
        ("/aws/create", {"fields": {"LifeCycle.ReviewStatus": "Won"}}, "reviewStatus"),
        ("/aws/refer", {"fields": {"LifeCycle.ReviewStatus": "Approved"}}, "before it is accepted"),
        ("/aws/review", {"opportunity": "O1", "status": "Approved"}, "O1 does not exist"),
        ("/aws/review", {"opportunity": "O1"}, "'status' is missing"),
        ("/aws/edit", {"opportunity": "O1", "fields": {}}, "O1 does not exist"),
        ("/aws/create", {"fields": {"Project": {"CustomerBusinessProblem": "short"}}}, "customerBusinessProblem"),
        ("/aws/create", {"fields": {"Projekt": {}}}, "Projekt is not a member"),
        ("/aws/create", {"fields": {"Customer.Account.Industry": "Other"}}, "OtherIndustry is required"),
        ("/aws/create", {"catalog": "Elsewhere"}, "Elsewhere"),
        ("/aws/refer", {"fields": {"Summary": {"Mood": "good"}}}, "Summary.Mood"),
        ("/seed", {"objects": ["Account"], "count": 1}, "cannot be seeded"),
        ("/seed", {"objects": ["ACE_Opportunity__c"], "count": 0}, "count is 0"),
        ("/seed", {"objects": "ACE_Opportunity__c", "count": 1}, "must be list"),
        ("/reset", {"hard": "yes"}, "unknown members: hard"),
    ],
)
def test_an_order_that_cannot_be_carried_out_says_why(bench: Bench, path: str, members: Json, part: str) -> None:
    status, answer = bench.try_order(path, json.dumps(members).encode())
    assert status == 400
    assert part in answer["error"]


def test_bodies_that_are_no_objects_and_unknown_paths_are_refused(bench: Bench) -> None:
    assert bench.try_order("/clock", b"{")[0] == 400
    assert bench.try_order("/clock", b"[]")[0] == 400
    status, answer = bench.try_order("/nonsense", b"{}")
    assert status == 404
    assert "POST /aws/review" in answer["error"]


def test_a_review_takes_only_steps_that_aws_takes(bench: Bench) -> None:
    identifier = bench.order("/aws/create", fields={"LifeCycle.ReviewStatus": "Submitted"})["opportunity"]
    bench.order("/aws/review", opportunity=identifier, status="Action Required", comments="Why?", reason="Other")
    life_cycle = bench.get(identifier)["LifeCycle"]
    assert [life_cycle[name] for name in ("ReviewStatus", "ReviewComments", "ReviewStatusReason")] == [
        "Action Required",
        "Why?",
        "Other",
    ]
    members = json.dumps({"opportunity": identifier, "status": "Approved"}).encode()
    status, answer = bench.try_order("/aws/review", members)
    assert status == 400
    assert "Cannot transition opportunity from status Action Required to Approved" in answer["error"]


def test_a_colleague_creates_what_the_api_then_shows(bench: Bench) -> None:
    """Nested members and dotted paths both work; what is left out comes from a default deal."""
    identifier = bench.order(
        "/aws/create",
        fields={
            "Project": {"Title": "By hand"},
            "Customer.Account.CompanyName": "Colleague's Customer",
            "LifeCycle.ReviewStatus": "Approved",
            "RelatedEntityIdentifiers.Solutions": ["S-1234567"],
            "Summary.Insights.EngagementScore": "High",
        },
    )["opportunity"]
    stored = bench.get(identifier)
    assert stored["Project"]["Title"] == "By hand"
    assert stored["Customer"]["Account"]["CompanyName"] == "Colleague's Customer"
    assert stored["Customer"]["Account"]["Industry"]
    assert stored["LifeCycle"]["ReviewStatus"] == "Approved"
    assert stored["RelatedEntityIdentifiers"]["Solutions"] == ["S-1234567"]
    summary = bench.summary(identifier)
    assert (summary["InvolvementType"], summary["Insights"]) == ("Co-Sell", {"EngagementScore": "High"})


def test_an_edit_by_aws_passes_locks_and_moves_the_date(bench: Bench) -> None:
    identifier = bench.order("/aws/create", fields={"LifeCycle.ReviewStatus": "Approved"})["opportunity"]
    before = bench.get(identifier)["LastModifiedDate"]
    bench.order(
        "/aws/edit", opportunity=identifier, fields={"Project.Title": "Renamed", "LifeCycle": {"NextSteps": None}}
    )
    after = bench.get(identifier)
    assert after["Project"]["Title"] == "Renamed"
    assert "NextSteps" not in after["LifeCycle"]
    assert after["LastModifiedDate"] > before


def test_an_edit_of_awss_own_view_moves_no_date(bench: Bench) -> None:
    identifier = bench.order("/aws/create", fields={"LifeCycle.ReviewStatus": "Approved"})["opportunity"]
    before = bench.get(identifier)["LastModifiedDate"]
    fields = {"Summary": {"LifeCycle": {"Stage": "Launched", "TargetCloseDate": "2060-01-01"}, "Visibility": "Limited"}}
    bench.order("/aws/edit", opportunity=identifier, fields=fields)
    summary = bench.summary(identifier)
    assert (summary["LifeCycle"]["Stage"], summary["Visibility"]) == ("Launched", "Limited")
    assert bench.get(identifier)["LastModifiedDate"] == before


@pytest.mark.parametrize(
    "fields",
    [
        {"LifeCycle": {"Stage": "Won"}},
        {"Summary": {"LifeCycle": {"Stage": "Won"}}},
        {"Id": "O5"},
        {"Customer": None},
        {"RelatedEntityIdentifiers": {"Pets": ["S-1"]}},
    ],
)
def test_an_edit_that_the_service_could_not_show_is_refused_and_changes_nothing(bench: Bench, fields: Json) -> None:
    identifier = bench.order("/aws/create")["opportunity"]
    before = bench.get(identifier)
    status, _ = bench.try_order("/aws/edit", json.dumps({"opportunity": identifier, "fields": fields}).encode())
    assert status == 400
    after = bench.get(identifier)
    assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}


def test_a_referral_is_an_invitation_until_it_is_accepted(bench: Bench) -> None:
    made = bench.order("/aws/refer", fields={"Project": {"Title": "From AWS"}})
    shown = bench.client.get_engagement_invitation(Catalog="AWS", Identifier=made["invitation"])
    assert shown["Payload"]["OpportunityInvitation"]["Project"]["Title"] == "From AWS"
    assert refused(lambda: bench.get(made["opportunity"]))["Error"]["Code"] == "ResourceNotFoundException"


def test_faults_reach_both_servers_and_requests_are_counted(bench: Bench) -> None:
    bench.order("/fault", server="partner_central", match="ListSol", kind="status", status=500)
    bench.order("/fault", server="salesforce", match="versions", kind="status", status=503)
    assert refused(lambda: bench.client.list_solutions(Catalog="AWS"))["ResponseMetadata"]["HTTPStatusCode"] == 500
    bench.client.list_solutions(Catalog="AWS")
    versions = bench.info["salesforce"]["instance_url"] + "/services/data"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(versions)
    with caught.value as error:
        assert error.code == 503
    with urllib.request.urlopen(versions) as response:
        assert json.load(response)
    counts = bench.try_order("/requests", None)[1]
    assert counts["partner_central"] == {"ListSolutions": 2}
    assert counts["salesforce"] == {"versions": 2}


def test_seeded_rows_are_flagged_and_can_be_shared_as_they_are(bench: Bench) -> None:
    """Each row, taken over field by field, makes an opportunity that Partner Central accepts for submission."""
    assert bench.order("/seed", objects=["ACE_Opportunity__c"], count=12) == {"ACE_Opportunity__c": 12}
    rows = bench.sandbox.org.rows(f"SELECT {', '.join(SEEDED)} FROM ACE_Opportunity__c")
    assert len({row["Name"] for row in rows}) == 12
    for number, row in enumerate(rows):
        assert row["ACE_Sync_with_AWS__c"] is True
        assert row["ACE_APN_Unique_Identifier__c"] is None
        created = bench.client.create_opportunity(Catalog="AWS", ClientToken=f"seed-{number}", **request_of(row))["Id"]
        bench.client.associate_opportunity(
            Catalog="AWS",
            OpportunityIdentifier=created,
            RelatedEntityType="Solutions",
            RelatedEntityIdentifier=row["Solution_Offered__c"],
        )
        bench.client.submit_opportunity(Catalog="AWS", Identifier=created, InvolvementType="Co-Sell")


def request_of(row: Json) -> Json:
    """Return the create request that a seeded row stands for."""
    address = {"CountryCode": row["Country__c"], "PostalCode": row["Postal_Code__c"]}
    if row["State_or_Region__c"]:
        address["StateOrRegion"] = row["State_or_Region__c"]
    spend = {"CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
    return {
        "Customer": {
            "Account": {
                "CompanyName": row["Customer_Company_Name__c"],
                "Industry": row["Industry__c"],
                "WebsiteUrl": row["Customer_Website__c"],
                "Address": address,
            }
        },
        "Project": {
            "Title": row["Partner_Project_Title__c"],
            "CustomerBusinessProblem": row["Customer_Business_Problem__c"],
            "CustomerUseCase": row["Use_Case__c"],
            "DeliveryModels": row["Delivery_Model__c"].split(";"),
            "SalesActivities": row["Sales_Activities__c"].split(";"),
            "ExpectedCustomerSpend": [{**spend, "Amount": f"{row['Expected_Monthly_AWS_Revenue__c']:.2f}"}],
        },
        "PrimaryNeedsFromAws": row["Primary_Needs_from_AWS__c"].split(";"),
        "LifeCycle": {"TargetCloseDate": row["Target_Close_Date__c"]},
    }


def test_opportunities_can_be_seeded_at_aws(bench: Bench) -> None:
    assert bench.order("/seed", objects=["PartnerCentralOpportunity"], count=30) == {"PartnerCentralOpportunity": 30}
    pages = bench.client.get_paginator("list_opportunities").paginate(Catalog="AWS", LifeCycleReviewStatus=["Approved"])
    assert sum(len(page["OpportunitySummaries"]) for page in pages) == 30


def test_reset_forgets_everything(bench: Bench) -> None:
    bench.order("/seed", objects=["ACE_Opportunity__c", "PartnerCentralOpportunity"], count=2)
    bench.order("/fault", server="partner_central", kind="status", status=500)
    bench.order("/clock", advance_seconds=1e6)
    bench.order("/reset")
    assert bench.client.list_opportunities(Catalog="AWS")["OpportunitySummaries"] == []
    assert bench.sandbox.org.rows("SELECT Id FROM ACE_Opportunity__c") == []
    now = datetime.fromisoformat(bench.try_order("/clock", None)[1]["now"])
    assert abs((now - datetime.now(UTC)).total_seconds()) < 60


def test_the_configuration_points_at_the_sandbox_and_holds_no_secret(bench: Bench) -> None:
    path = Path(bench.info["config"])
    text = path.read_text(encoding="utf8")
    config = tomllib.loads(text)
    account = config["aws"]["partner_central"]
    assert config["salesforce"]["instance_url"] == bench.info["salesforce"]["instance_url"]
    assert account["endpoint_url"] == bench.info["partner_central"]["endpoint_url"]
    assert (account["writes_per_second"], account["reads_per_day"]) == (1000, 100_000_000)
    assert config["worker"]["clock_url"] == bench.info["control"]["endpoint_url"] + "/clock"
    for key in ("access_key_id", "secret_access_key"):
        secret = Path(account[key].removeprefix("file:"))
        assert secret.read_text(encoding="utf8") == bench.info["aws"][key]
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert bench.info["aws"][key] not in text
    assert bench.info["salesforce"]["client_secret"] not in text


def test_as_a_process_it_prints_one_line_and_ends_when_told(tmp_path: Path) -> None:
    """The first line is one JSON object; SIGTERM ends it with exit code 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "connector.sandbox", "--dir", str(tmp_path), "--quota-scale", "3"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert process.stdout is not None
    with process.stdout as output:
        info = json.loads(output.readline())
        with urllib.request.urlopen(info["control"]["endpoint_url"] + "/clock") as response:
            assert "now" in json.load(response)
        assert Path(info["config"]).parent == tmp_path
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert output.read() == b""

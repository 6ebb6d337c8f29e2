"""The whole sandbox, known only by the line that it prints, serves simple-salesforce and boto3 as they come."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
)

from connector.sandbox.seed import make_request, make_row
from connector.sandbox.server import Sandbox

DEAL = "ACE_Opportunity__c"
KEY = "ACE_Invitation_Id__c"
Json = dict[str, Any]


class Loopback(HTTPAdapter):
    """Sends what is meant for https to the loopback port instead."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = f"{self._base}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, *args, **options)


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Json]:
    """The sandbox's first line, read back from JSON."""
    with Sandbox(tmp_path_factory.mktemp("sandbox"), quota_scale=1000) as sandbox:
        yield json.loads(json.dumps(sandbox.launch_info()))


@pytest.fixture(autouse=True)
def fresh(launched: Json) -> None:
    requests.post(launched["control"]["endpoint_url"] + "/reset", json={}, timeout=20).raise_for_status()


def open_org(launched: Json, token: str) -> Salesforce:
    info = launched["salesforce"]
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Loopback(info["instance_url"]))
    return Salesforce(session_id=token, instance="northwind.my.salesforce.com", version="66.0", session=session)


@pytest.fixture
def org(launched: Json) -> Salesforce:
    return open_org(launched, launched["salesforce"]["users"]["integration"]["access_token"])


@pytest.fixture
def seller(launched: Json) -> Salesforce:
    return open_org(launched, launched["salesforce"]["users"]["seller"]["access_token"])


@pytest.fixture
def aws(launched: Json) -> Iterator[Any]:
    client = boto3.client(
        "partnercentral-selling",
        region_name="us-east-1",
        endpoint_url=launched["partner_central"]["endpoint_url"],
        aws_access_key_id=launched["aws"]["access_key_id"],
        aws_secret_access_key=launched["aws"]["secret_access_key"],
    )
    yield client
    client.close()


def code(refused: pytest.ExceptionInfo[SalesforceError]) -> str:
    return str(refused.value.content[0]["errorCode"])


def test_rows_by_simple_salesforce(org: Salesforce, seller: Salesforce) -> None:
    """A seller's record is read with its owner, changed by the integration user, and upserted by its key."""
    created = seller.ACE_Opportunity__c.create(make_row(1, datetime.now(UTC)))["id"]
    soql = format_soql("SELECT Id, Owner.Name, LastModifiedBy.Name FROM ACE_Opportunity__c WHERE Id = {}", created)
    assert org.ACE_Opportunity__c.update(created, {KEY: "engi-1"}) == 204
    [row] = org.query(soql)["records"]
    assert (row["Owner"]["Name"], row["LastModifiedBy"]["Name"]) == ("Sam Okafor", "ACE Integration")
    assert org.ACE_Opportunity__c.upsert(f"{KEY}/engi-1", {"Customer_Company_Name__c": "Anew"}) == 200
    assert org.ACE_Opportunity__c.upsert(f"{KEY}/engi-2", {"Customer_Company_Name__c": "Second"}) == 201
    assert org.ACE_Opportunity__c.get_by_custom_id(KEY, "engi-1")["Id"] == created
    assert len(list(org.query_all_iter(f"SELECT Id FROM {DEAL}"))) == 2


def test_refusals_by_simple_salesforce(launched: Json, org: Salesforce, seller: Salesforce) -> None:
    """Each in Salesforce's own code: field, list, requirement, key, rights, token, length of the address."""
    org.ACE_Opportunity__c.upsert(f"{KEY}/taken", {"Customer_Company_Name__c": "x"})
    wrong = {
        "INVALID_FIELD": lambda: org.ACE_Opportunity__c.create({"Nope__c": 1}),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": lambda: org.ACE_Opportunity__c.create({"Stage__c": "Nope"}),
        "REQUIRED_FIELD_MISSING": lambda: org.Opportunity.create({"Name": "x"}),
        "DUPLICATE_VALUE": lambda: org.ACE_Opportunity__c.create({KEY: "taken"}),
        "INVALID_FIELD_FOR_INSERT_UPDATE": lambda: seller.ACE_Opportunity__c.create({KEY: "mine"}),
        "MALFORMED_QUERY": lambda: org.query("SELECT FROM Account"),
    }
    for expected, attempt in wrong.items():
        with pytest.raises(SalesforceMalformedRequest) as refused:
            attempt()
        assert code(refused) == expected
    stale = open_org(launched, f"{launched['salesforce']['org_id']}!stale")
    with pytest.raises(SalesforceExpiredSession) as expired:
        stale.query("SELECT Id FROM Account")
    assert code(expired) == "INVALID_SESSION_ID"
    names = ",".join(f"'{number:018}'" for number in range(1000))
    with pytest.raises(SalesforceGeneralError) as too_long:
        org.query(f"SELECT Id FROM Account WHERE Name IN ({names})")
    assert too_long.value.status in {414, 431}


def test_many_rows_by_simple_salesforce(org: Salesforce) -> None:
    """Collections with one bad row, a composite with references and a long query, and Bulk API 2.0 both ways."""
    rows = [{"attributes": {"type": "Account"}, "Name": name} for name in ("Acme", "")]
    results = org.restful("composite/sobjects", method="POST", json={"records": rows})
    assert [row["success"] for row in results] == [True, False]
    assert results[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    names = ",".join(f"'{number:018}'" for number in range(1000))
    base = "/services/data/v66.0"
    parts = [
        {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "a", "body": {"Name": "Both"}},
        {"method": "POST", "url": f"{base}/sobjects/Contact", "referenceId": "c",
         "body": {"LastName": "Lee", "AccountId": "@{a.id}"}},
        {"method": "GET", "url": f"{base}/query?q=SELECT+Id+FROM+Account+WHERE+Name+IN+({names})", "referenceId": "q"},
    ]  # fmt: skip
    answer = org.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": parts})
    assert [part["httpStatusCode"] for part in answer["compositeResponse"]] == [201, 201, 200]
    soql = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Both'"
    [account] = org.query(soql)["records"]
    assert [row["LastName"] for row in account["Contacts"]["records"]] == ["Lee"]
    loaded = [{KEY: f"k{number}", "Customer_Company_Name__c": f'Söhne & "Co" {number}'} for number in range(30)]
    job = org.bulk2.ACE_Opportunity__c.upsert(records=loaded, external_id_field=KEY, wait=0.05)[0]
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (30, 0)
    changed = [{"Id": row["Id"], "City__c": "Kiel"} for row in org.query(f"SELECT Id FROM {DEAL} LIMIT 2")["records"]]
    job = org.bulk2.ACE_Opportunity__c.upsert(records=changed, external_id_field="Id", wait=0.05)[0]
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 0)
    [page] = org.bulk2.ACE_Opportunity__c.query(f"SELECT {KEY}, Customer_Company_Name__c FROM {DEAL}", wait=0.05)
    found = {row[KEY]: row["Customer_Company_Name__c"] for row in csv.DictReader(io.StringIO(page))}
    assert found == {row[KEY]: row["Customer_Company_Name__c"] for row in loaded}


def test_describe_and_limits_by_simple_salesforce(org: Salesforce) -> None:
    """What the package ships is told as an org tells it."""
    described = org.ACE_Opportunity__c.describe()
    fields = {one["name"]: one for one in described["fields"]}
    assert (fields[KEY]["externalId"], fields[KEY]["unique"], fields[KEY]["length"]) == (True, True, 30)
    assert fields["ACE_Has_Updates__c"]["calculated"]
    assert not fields["ACE_Has_Updates__c"]["updateable"]
    assert fields["Stage__c"]["restrictedPicklist"]
    assert DEAL in {one["name"] for one in org.describe()["sobjects"]}
    limits = org.limits()["DailyApiRequests"]
    assert org.api_usage["api-usage"] == (limits["Max"] - limits["Remaining"], limits["Max"])


def share(aws: Any, number: int) -> str:
    """Create, complete and submit one opportunity; return its id."""
    created = aws.create_opportunity(Catalog="Sandbox", **make_request(number, datetime.now(UTC)))["Id"]
    aws.associate_opportunity(
        Catalog="Sandbox", OpportunityIdentifier=created,
        RelatedEntityType="Solutions", RelatedEntityIdentifier="S-1234567",
    )  # fmt: skip
    task = aws.start_engagement_from_opportunity_task(
        Catalog="Sandbox",
        Identifier=created,
        ClientToken=f"submit-{number}",
        AwsSubmission={"InvolvementType": "Co-Sell", "Visibility": "Full"},
    )
    assert task["TaskStatus"] == "COMPLETE", task
    return str(created)


def test_sharing_by_boto3(launched: Json, aws: Any) -> None:
    """Client token left to botocore, date of the lock handed back as it was parsed, locked while in review.

    Free text is read escaped and goes back as it was entered.
    """
    shared = share(aws, 1)
    body = aws.get_opportunity(Catalog="Sandbox", Identifier=shared)
    members = aws.meta.service_model.operation_model("UpdateOpportunity").input_shape.members
    change = {name: body[name] for name in members if name in body} | {"Identifier": shared, "Catalog": "Sandbox"}
    project = {
        name: html.unescape(value) if isinstance(value, str) else value for name, value in body["Project"].items()
    }
    change["Project"] = project | {"CustomerUseCase": "Database"}
    with pytest.raises(ClientError) as locked:
        aws.update_opportunity(**change)
    assert locked.value.response["Error"]["Code"] == "ValidationException"
    assert locked.value.response["ErrorList"][0]["Code"] == "ACTION_NOT_PERMITTED"
    order = {"opportunity": shared, "status": "Approved"}
    requests.post(f"{launched['control']['endpoint_url']}/aws/review", json=order, timeout=20).raise_for_status()
    approved = aws.get_opportunity(Catalog="Sandbox", Identifier=shared)
    change["LifeCycle"] = approved["LifeCycle"]
    updated = aws.update_opportunity(**change | {"LastModifiedDate": approved["LastModifiedDate"]})
    with pytest.raises(ClientError) as stale:
        aws.update_opportunity(**change | {"LastModifiedDate": approved["LastModifiedDate"]})
    assert stale.value.response["Error"]["Code"] == "ConflictException"
    assert aws.get_opportunity(Catalog="Sandbox", Identifier=shared)["LastModifiedDate"] == updated["LastModifiedDate"]
    summary = aws.get_aws_opportunity_summary(Catalog="Sandbox", RelatedOpportunityIdentifier=shared)
    assert summary["InvolvementType"] == "Co-Sell"


def test_lists_by_boto3s_own_paginators(launched: Json, aws: Any) -> None:
    """Every paginator over what the sandbox offers comes to an end and misses nothing."""
    shared = {share(aws, number) for number in range(3)}
    refer = f"{launched['control']['endpoint_url']}/aws/refer"
    requests.post(refer, json={"fields": {}, "catalog": "Sandbox"}, timeout=20).raise_for_status()

    def listed(operation: str, member: str, **more: Any) -> list[Json]:
        pages = aws.get_paginator(operation).paginate(
            Catalog="Sandbox", PaginationConfig={"PageSize": 2}, **more
        )  # fmt: skip
        return [item for page in pages for item in page[member]]

    assert {item["Id"] for item in listed("list_opportunities", "OpportunitySummaries")} == shared
    tasks = listed("list_engagement_from_opportunity_tasks", "TaskSummaries")
    assert {item["OpportunityId"] for item in tasks} == shared
    assert len(listed("list_solutions", "SolutionSummaries")) >= 3
    [invitation] = listed("list_engagement_invitations", "EngagementInvitationSummaries", ParticipantType="RECEIVER")
    aws.start_engagement_by_accepting_invitation_task(
        Catalog="Sandbox", Identifier=invitation["Id"], ClientToken="accept"
    )
    [accepted] = listed("list_engagement_by_accepting_invitation_tasks", "TaskSummaries")
    assert aws.get_opportunity(Catalog="Sandbox", Identifier=accepted["OpportunityId"])["Id"] not in shared
    engagements = listed("list_engagements", "EngagementSummaryList")
    assert len(engagements) == 4
    for engagement in engagements:
        assert listed("list_engagement_members", "EngagementMemberList", Identifier=engagement["Id"])
        [resource] = listed(
            "list_engagement_resource_associations",
            "EngagementResourceAssociationSummaries",
            EngagementIdentifier=engagement["Id"],
        )
        assert resource["ResourceType"] == "Opportunity"


def test_botocores_own_retries_outlive_a_passing_fault(launched: Json, aws: Any) -> None:
    """A read that meets one server error is answered by the second attempt."""
    order = {"server": "partner_central", "match": "ListSolutions", "kind": "status", "status": 500, "times": 1}
    requests.post(f"{launched['control']['endpoint_url']}/fault", json=order, timeout=20).raise_for_status()
    answer = aws.list_solutions(Catalog="Sandbox")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert answer["SolutionSummaries"]

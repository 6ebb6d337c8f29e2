"""The front door of the embedded Partner Central: signatures, form of requests, quotas, faults, catalogs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from sandbox_partner_central import COMPLETE, World, body, codes, refused


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(running: World) -> World:
    running.reset()
    return running


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_access_key_id": "AKIASTRANGER00000000"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"region_name": "eu-west-1"}, "InvalidSignatureException"),
    ],
)
def test_requests_must_be_signed_with_the_accounts_key_for_the_right_region(
    world: World, changes: dict[str, str], code: str
) -> None:
    client = world.connect(**changes)
    assert refused(lambda: client.list_solutions(Catalog="AWS"))["Error"]["Code"] == code


def test_an_unsigned_request_is_turned_away(world: World) -> None:
    request = urllib.request.Request(
        world.url, data=b"{}", headers={"X-Amz-Target": "AWSPartnerCentralSelling.ListSolutions"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        assert error.code == 403
        assert "MissingAuthenticationToken" in json.loads(error.read())["__type"]


def test_a_tampered_body_does_not_pass(world: World) -> None:
    """The signature covers the body."""
    client = world.connect()
    client.meta.events.register("before-send", lambda request, **_: setattr(request, "body", b'{"Catalog":"Sandbox"}'))
    assert refused(lambda: client.list_solutions(Catalog="AWS"))["Error"]["Code"] == "InvalidSignatureException"


@pytest.mark.parametrize("catalog", ["Aws", "Production", "sandbox"])
def test_other_catalogs_are_refused(world: World, catalog: str) -> None:
    error = refused(lambda: world.client.list_opportunities(Catalog=catalog))
    assert error["Error"]["Code"] == "AccessDeniedException"


def test_catalogs_are_separate_data(world: World) -> None:
    """An opportunity of one catalog does not exist in the other, and no id exists twice."""
    live, test = world.create(), world.create(catalog="Sandbox")
    assert live != test
    error = refused(lambda: world.get(live, "Sandbox"))
    assert error["Error"]["Code"] == "ResourceNotFoundException"
    assert [each["Id"] for each in world.client.list_opportunities(Catalog="Sandbox")["OpportunitySummaries"]] == [test]
    assert world.recorder.requests()["partner_central_catalogs"] == {"AWS": 1, "Sandbox": 3}


@pytest.mark.parametrize(
    ("path", "value", "code", "field"),
    [
        ("Project__CustomerBusinessProblem", "too short", "INVALID_STRING_FORMAT", "project.customerBusinessProblem"),
        ("Project__Title", "x" * 256, "INVALID_STRING_FORMAT", "project.title"),
        ("Project__AdditionalComments", "", "INVALID_STRING_FORMAT", "project.additionalComments"),
        ("Customer__Account__CompanyName", "x" * 121, "INVALID_STRING_FORMAT", "customer.account.companyName"),
        ("Customer__Account__Duns", "12345", "INVALID_STRING_FORMAT", "customer.account.duns"),
        ("Customer__Account__WebsiteUrl", "a.b", "INVALID_STRING_FORMAT", "customer.account.websiteUrl"),
        ("Customer__Account__AwsAccountId", "1234567890123", "INVALID_STRING_FORMAT", "customer.account.awsAccountId"),
        ("LifeCycle__NextSteps", "x" * 256, "INVALID_STRING_FORMAT", "lifeCycle.nextSteps"),
        ("LifeCycle__TargetCloseDate", "31.12.2060", "INVALID_STRING_FORMAT", "lifeCycle.targetCloseDate"),
        ("PartnerOpportunityIdentifier", "x" * 65, "INVALID_STRING_FORMAT", "partnerOpportunityIdentifier"),
        (
            "Customer__Contacts",
            [{"Email": "Ada@example.com"}],
            "INVALID_STRING_FORMAT",
            "customer.contacts.1.member.email",
        ),
        ("Customer__Contacts", [{"Phone": "555-1234"}], "INVALID_STRING_FORMAT", "customer.contacts.1.member.phone"),
        ("Customer__Account__Address__CountryCode", "XK", "INVALID_ENUM_VALUE", ""),
        ("Customer__Account__Industry", "Logistics", "INVALID_ENUM_VALUE", ""),
        ("LifeCycle__Stage", "Won", "INVALID_ENUM_VALUE", ""),
        ("PrimaryNeedsFromAws", ["Co-Sell - Everything"], "INVALID_ENUM_VALUE", ""),
    ],
)
def test_the_form_of_values_is_checked_against_the_service_model(
    world: World, path: str, value: object, code: str, field: str
) -> None:
    """What boto3 lets through by pattern, length and enum is refused as the service refuses it."""
    error = refused(lambda: world.create(body(**{path: value})))
    assert error["Reason"] == "REQUEST_VALIDATION_FAILED"
    assert codes(error) == {(code, field)}


@pytest.mark.parametrize("frequency", ["Yearly", ""])
def test_other_frequencies_than_the_two_known_are_refused(world: World, frequency: str) -> None:
    spend = [{"Amount": "1", "CurrencyCode": "USD", "Frequency": frequency, "TargetCompany": "AWS"}]
    assert codes(refused(lambda: world.create(body(Project__ExpectedCustomerSpend=spend)))) == {
        ("INVALID_ENUM_VALUE", "")
    }


def test_amounts_are_decimal_text_without_exponent(world: World) -> None:
    for amount in ("1E+4", "1,000", "-5", "10.123", "01"):
        spend = [{"Amount": amount, "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}]
        error = refused(lambda spend=spend: world.create(body(Project__ExpectedCustomerSpend=spend)))
        assert codes(error) == {("INVALID_STRING_FORMAT", "project.expectedCustomerSpend.1.member.amount")}, amount


def test_all_errors_of_form_come_at_once_and_unknown_members_are_among_them(world: World) -> None:
    client = world.connect(config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))

    def add_members(params: dict[str, bytes], **_: object) -> None:
        sent = json.loads(params["body"])
        sent["Surprise"] = 1
        sent["Project"]["Title"] = 5
        del sent["Customer"]["Account"]["CompanyName"]
        params["body"] = json.dumps(sent).encode()

    client.meta.events.register("before-call.partnercentral-selling.CreateOpportunity", add_members)
    error = refused(lambda: client.create_opportunity(Catalog="AWS", ClientToken="t", **COMPLETE))
    assert codes(error) == {
        ("INVALID_VALUE", "surprise"),
        ("INVALID_VALUE", "project.title"),
        ("REQUIRED_FIELD_MISSING", "customer.account.companyName"),
    }


def test_an_operation_that_does_not_exist_is_unknown(world: World) -> None:
    client = world.connect()
    client.meta.events.register(
        "before-call.partnercentral-selling.ListSolutions",
        lambda params, **_: params["headers"].update({"X-Amz-Target": "AWSPartnerCentralSelling.DeleteOpportunity"}),
    )
    assert refused(lambda: client.list_solutions(Catalog="AWS"))["Error"]["Code"] == "UnknownOperationException"


def test_the_second_write_within_a_second_is_throttled_and_reads_are_not(world: World) -> None:
    """One write and ten reads a second, in a bucket each."""
    world.settings.quota_scale = 1
    world.service.quotas.scale = 1
    world.service.quotas.reset()
    try:
        identifier = world.create()
        error = refused(lambda: world.create())
        assert error["Error"]["Code"] == "ThrottlingException"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        for _ in range(5):
            world.get(identifier)
        with pytest.raises(ClientError, match="Rate exceeded"):
            for _ in range(40):
                world.get(identifier)
        assert world.recorder.requests()["partner_central_throttled"] == {"CreateOpportunity": 1, "GetOpportunity": 1}
    finally:
        world.service.quotas.scale = 1000


def test_the_days_writes_run_out_until_24_hours_later_by_the_sandboxs_clock(world: World) -> None:
    identifier = world.create()
    world.service.quotas._writes.per_day = 3
    world.associate(identifier, "AWSLambda", "AwsProducts")
    world.associate(identifier, "AmazonS3", "AwsProducts")
    assert refused(lambda: world.create())["Error"]["Code"] == "ThrottlingException"
    world.clock.advance(timedelta(hours=23, minutes=58).total_seconds())
    assert refused(lambda: world.create())["Error"]["Code"] == "ThrottlingException"
    world.clock.advance(180)
    assert world.create()


def test_botocores_own_retry_gets_over_a_throttled_moment(world: World) -> None:
    world.faults.add("partner_central", "ListSolutions", "status", 400)
    client = world.connect(config=Config(retries={"total_max_attempts": 3, "mode": "standard"}))
    assert client.list_solutions(Catalog="AWS")["SolutionSummaries"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalServerException"), (503, "ServiceUnavailableException"), (429, "ThrottlingException")],
)
def test_a_fault_answers_with_the_status_that_was_asked_for_as_often_as_asked(
    world: World, status: int, code: str
) -> None:
    world.faults.add("partner_central", "Get.*Summary|GetOpportunity", "status", status, times=2)
    identifier = world.create()
    for _ in range(2):
        error = refused(lambda: world.get(identifier))
        assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert world.get(identifier)["Id"] == identifier


@pytest.mark.parametrize(("kind", "created"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_lost_answer_leaves_the_outcome_to_be_found_out(world: World, kind: str, created: int) -> None:
    """The connection ends without an answer, before or after the call took effect."""
    world.faults.add("partner_central", "CreateOpportunity", kind)
    with pytest.raises(ConnectionClosedError):
        world.create()
    assert len(world.client.list_opportunities(Catalog="AWS")["OpportunitySummaries"]) == created


def test_an_expired_session_is_told_as_an_expired_token(world: World) -> None:
    world.faults.add("partner_central", "", "expire_session")
    assert refused(lambda: world.client.list_solutions(Catalog="AWS"))["Error"]["Code"] == "ExpiredTokenException"

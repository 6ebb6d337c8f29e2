"""Every operation of the door: what is asked, what comes back, and paging until the end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_scripted import KEY, OPPORTUNITY, SECRET, FakeTime, Server, refusal, serve, update

from connector.aws.partner_central import PartnerCentralDoor
from connector.aws.session import PartnerCentralSettings
from connector.errors import Retriable
from connector.sync.ports import PartnerCentralPort

TASK = {"TaskId": "task-0123456789abc", "TaskStatus": "COMPLETE", "OpportunityId": "O1"}
INVITATION = "engi-0123456789abc"
INVITATION_ARN = f"arn:aws:partnercentral:us-east-1::catalog/Sandbox/engagement-invitation/{INVITATION}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def door(server: Server) -> PartnerCentralDoor:
    return door_to(server.url)


def door_to(url: str, **more: Any) -> PartnerCentralDoor:
    time = FakeTime()
    values = {"access_key_id": KEY, "secret_access_key": SECRET, "catalog": "Sandbox"} | more
    settings = PartnerCentralSettings(endpoint_url=url, **values)
    return PartnerCentralDoor(settings, now=time.now, monotonic=time.monotonic, sleep=time.sleep)


def summary(number: int) -> dict[str, Any]:
    members = {"Id": f"O{number}", "LastModifiedDate": f"2026-01-02T03:04:{number:02}.000000Z"}
    return {**members, "Catalog": "Sandbox", "CreatedDate": "2026-01-02T03:04:05.000000Z"}


def test_the_door_has_the_shape_of_its_port(door: PartnerCentralDoor) -> None:
    """The engine knows only the port."""
    port: PartnerCentralPort = door
    wanted = [name for name in vars(PartnerCentralPort) if not name.startswith("_")]
    assert all(callable(getattr(port, name)) for name in wanted)


# --- lists


def test_every_page_is_read_until_no_token_is_left(server: Server, door: PartnerCentralDoor) -> None:
    """A page of one, or of none, may be followed by another."""
    server.will(
        {"OpportunitySummaries": [summary(1)], "NextToken": "a&amp;b"},
        {"OpportunitySummaries": [], "NextToken": "c"},
        {"OpportunitySummaries": [summary(2), summary(3)]},
    )
    pages = list(door.list_opportunities())
    assert pages == [[summary(1)], [], [summary(2), summary(3)]]
    assert [request.json.get("NextToken") for request in server.requests] == [None, "a&amp;b", "c"]
    assert {request.json["MaxResults"] for request in server.requests} == {100}


def test_pages_are_read_as_they_are_needed(server: Server, door: PartnerCentralDoor) -> None:
    """Whoever stops early asks for no more."""
    server.will({"OpportunitySummaries": [summary(1)], "NextToken": "a"})
    assert next(door.list_opportunities()) == [summary(1)]
    assert len(server.requests) == 1


def test_a_token_that_comes_back_ends_the_walk(server: Server, door: PartnerCentralDoor) -> None:
    """Otherwise it would never end."""
    page = {"OpportunitySummaries": [summary(1)], "NextToken": "same"}
    server.will(page, page, page)
    with pytest.raises(Retriable, match="repeated a page token"):
        list(door.list_opportunities())
    assert len(server.requests) == 2


AFTER, BEFORE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 0, 0, 0, 5, tzinfo=UTC)
BY_DATE = {"SortBy": "LastModifiedDate", "SortOrder": "ASCENDING"}
BY_CREATION = {"SortBy": "CreatedDate", "SortOrder": "ASCENDING"}


@pytest.mark.parametrize(
    ("filters", "asked"),
    [
        ({}, {"Sort": BY_DATE}),
        (
            {"modified_after": AFTER, "modified_before": BEFORE},
            {
                "Sort": BY_DATE,
                "LastModifiedDate": {
                    "AfterLastModifiedDate": "2026-01-01T00:00:00Z",
                    "BeforeLastModifiedDate": "2026-01-02T00:00:00.000005Z",
                },
            },
        ),
        (
            {"created_after": AFTER, "company": "Brook & Sons"},
            {
                "Sort": BY_CREATION,
                "CreatedDate": {"AfterCreatedDate": "2026-01-01T00:00:00Z"},
                "CustomerCompanyName": ["Brook & Sons"],
            },
        ),
        (
            {"created_before": BEFORE, "modified_after": AFTER},
            {
                "Sort": BY_DATE,
                "CreatedDate": {"BeforeCreatedDate": "2026-01-02T00:00:00.000005Z"},
                "LastModifiedDate": {"AfterLastModifiedDate": "2026-01-01T00:00:00Z"},
            },
        ),
        ({"identifiers": ["O1", "O2"]}, {"Sort": BY_DATE, "Identifier": ["O1", "O2"]}),
    ],
)
def test_opportunities_are_filtered_at_aws(
    server: Server, door: PartnerCentralDoor, filters: dict[str, Any], asked: dict[str, Any]
) -> None:
    """Only what is asked for travels, in the order of the date that is filtered on."""
    server.will({"OpportunitySummaries": []})
    assert list(door.list_opportunities(**filters)) == [[]]
    assert server.requests[0].json == {"Catalog": "Sandbox", "MaxResults": 100, **asked}


def test_many_identifiers_are_asked_for_in_groups(server: Server, door: PartnerCentralDoor) -> None:
    """AWS takes twenty at a time."""
    server.will(*[{"OpportunitySummaries": []}] * 3)
    identifiers = [f"O{number}" for number in range(45)]
    list(door.list_opportunities(identifiers=identifiers))
    groups = [request.json["Identifier"] for request in server.requests]
    assert [len(group) for group in groups] == [20, 20, 5]
    assert [identifier for group in groups for identifier in group] == identifiers


def test_solutions_beyond_the_first_page_are_found(server: Server, door: PartnerCentralDoor) -> None:
    """Some partners have more than a hundred."""
    solutions = [
        {
            "Catalog": "Sandbox",
            "Id": f"S-{number}",
            "Name": "Grain",
            "Status": "Active",
            "Category": "Software",
            "CreatedDate": "2026-01-02T03:04:05.000000Z",
        }
        for number in range(150)
    ]
    server.will({"SolutionSummaries": solutions[:100], "NextToken": "a"}, {"SolutionSummaries": solutions[100:]})
    assert list(door.list_solutions()) == solutions


# --- submission


def test_a_failed_submission_is_an_answer(server: Server, door: PartnerCentralDoor) -> None:
    """AWS says so with HTTP 200; the engine decides."""
    failed = {**TASK, "TaskStatus": "FAILED", "ReasonCode": "OpportunityValidationFailed", "Message": "A &amp; B"}
    server.will(failed)
    answer = door.start_engagement("O1", token="t-1", involvement="Co-Sell", visibility="Full")
    assert answer == {**failed, "Message": "A & B"}
    assert server.requests[0].json == {
        "Catalog": "Sandbox",
        "Identifier": "O1",
        "ClientToken": "t-1",
        "AwsSubmission": {"InvolvementType": "Co-Sell", "Visibility": "Full"},
    }


def test_the_same_submission_is_the_same_request(server: Server, door: PartnerCentralDoor) -> None:
    """With the same token and bytes AWS answers with the same task."""
    server.will(TASK, TASK)
    for _ in range(2):
        door.start_engagement("O1", token="t-1", involvement="For Visibility Only", visibility="")
    assert server.requests[0].body == server.requests[1].body
    assert server.requests[0].json["AwsSubmission"] == {"InvolvementType": "For Visibility Only"}


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ({"task_id": "task-0123456789abc"}, {"TaskIdentifier": ["task-0123456789abc"]}),
        ({"opportunity_id": "O1"}, {"OpportunityIdentifier": ["O1"]}),
    ],
)
def test_submission_tasks_come_newest_first(
    server: Server, door: PartnerCentralDoor, wanted: dict[str, str], asked: dict[str, Any]
) -> None:
    """All pages, and ids where AWS gave ARNs."""
    server.will(
        {"TaskSummaries": [{**TASK, "EngagementInvitationId": INVITATION_ARN}], "NextToken": "a"},
        {"TaskSummaries": [TASK]},
    )
    assert door.engagement_tasks(**wanted) == [{**TASK, "EngagementInvitationId": INVITATION}, TASK]
    sort = {"SortBy": "StartTime", "SortOrder": "DESCENDING"}
    assert server.requests[0].json == {"Catalog": "Sandbox", "MaxResults": 100, "Sort": sort, **asked}


ASSIGNEE = {"Email": "o@p.example", "FirstName": "Ola", "LastName": "Park", "BusinessTitle": "OpportunityOwner"}


@pytest.mark.parametrize(
    ("act", "operation", "asked"),
    [
        (
            lambda door: door.associate("O1", "AwsProducts", "AmazonEC2"),
            "AssociateOpportunity",
            {"OpportunityIdentifier": "O1", "RelatedEntityType": "AwsProducts", "RelatedEntityIdentifier": "AmazonEC2"},
        ),
        (
            lambda door: door.disassociate("O1", "Solutions", "S-1"),
            "DisassociateOpportunity",
            {"OpportunityIdentifier": "O1", "RelatedEntityType": "Solutions", "RelatedEntityIdentifier": "S-1"},
        ),
        (
            lambda door: door.assign("O1", ASSIGNEE),
            "AssignOpportunity",
            {"Identifier": "O1", "Assignee": ASSIGNEE},
        ),
        (
            lambda door: door.reject_invitation(INVITATION, "Unable to support"),
            "RejectEngagementInvitation",
            {"Identifier": INVITATION, "RejectionReason": "Unable to support"},
        ),
    ],
)
def test_actions_without_an_answer(
    server: Server, door: PartnerCentralDoor, act: Callable[[Any], None], operation: str, asked: dict[str, Any]
) -> None:
    """Each is one request with just its members."""
    server.will({})
    act(door)
    assert [(request.operation, request.json) for request in server.requests] == [
        (operation, {"Catalog": "Sandbox", **asked})
    ]


# --- invitations


def test_referrals_are_listed(server: Server, door: PartnerCentralDoor) -> None:
    """Those from AWS that wait for an answer; own submissions are not among them."""
    invitation = {"Id": INVITATION, "Catalog": "Sandbox", "InvitationDate": "2026-01-02T03:04:05.100000Z"}
    server.will({"EngagementInvitationSummaries": [invitation]})
    assert list(door.list_engagement_invitations()) == [[invitation]]
    assert server.requests[0].json == {
        "Catalog": "Sandbox",
        "MaxResults": 100,
        "ParticipantType": "RECEIVER",
        "Status": ["PENDING"],
        "PayloadType": ["OpportunityInvitation"],
        "Sort": {"SortBy": "InvitationDate", "SortOrder": "ASCENDING"},
    }


def test_a_referral_can_be_looked_at_and_accepted(server: Server, door: PartnerCentralDoor) -> None:
    """Accepting starts a task; the same token gives the same task, which can be looked up."""
    server.will({"Id": INVITATION, "Catalog": "Sandbox", "Status": "PENDING"}, TASK, {"TaskSummaries": [TASK]})
    assert door.get_engagement_invitation(INVITATION)["Status"] == "PENDING"
    assert door.accept_invitation(INVITATION, token="t") == TASK
    assert door.acceptance_tasks(invitation_id=INVITATION) == [TASK]
    assert [request.json.get("ClientToken") for request in server.requests] == [None, "t", None]
    assert server.operations[1:] == [
        "StartEngagementByAcceptingInvitationTask",
        "ListEngagementByAcceptingInvitationTasks",
    ]


# --- check


def test_a_good_connection_is_confirmed(server: Server, door: PartnerCentralDoor) -> None:
    """Two signed calls that change nothing, each for one record."""
    server.will({"OpportunitySummaries": []}, {"SolutionSummaries": []})
    results = door.check()
    assert [(result.name, result.ok, result.cause) for result in results] == [
        ("ListOpportunities", True, ""),
        ("ListSolutions", True, ""),
    ]
    assert [request.json for request in server.requests] == [{"Catalog": "Sandbox", "MaxResults": 1}] * 2


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (refusal("UnrecognizedClientException", "The security token included in the request is invalid."), "key"),
        (refusal("InvalidSignatureException", "Signature expired: x is now earlier than y", status=403), "clock"),
        (refusal("InvalidSignatureException", "Credential should be scoped to a valid region."), "region"),
        (refusal("AccessDeniedException", "not authorized to perform: partnercentral:ListSolutions"), "permission"),
        (refusal("ValidationException", "bad catalog", Reason="REQUEST_VALIDATION_FAILED"), "catalog"),
        (refusal("InternalServerException", status=500), "service"),
    ],
)
def test_a_bad_connection_names_its_cause(
    server: Server, door: PartnerCentralDoor, answer: Any, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call works, the second does not: each speaks for itself."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    server.will({"OpportunitySummaries": []}, answer, answer, answer)
    first, second = door.check()
    assert first.ok
    assert (second.ok, second.cause) == (False, cause)
    assert SECRET not in second.message


def test_nobody_at_the_endpoint_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As opposed to somebody who refuses."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        results = door_to(f"http://127.0.0.1:{unused.getsockname()[1]}").check()
    assert {result.cause for result in results} == {"unreachable"}


def test_calls_from_several_threads_do_not_mix(server: Server, door: PartnerCentralDoor) -> None:
    """What one call has to restore exactly stays with it: the door is shared."""

    def change(number: int) -> None:
        request = update(LastModifiedDate=f"2026-01-02T03:04:05.{number:09}Z")
        request["PartnerOpportunityIdentifier"] = str(number)
        if number % 2:
            request["Project"]["ExpectedContractDuration"] = None
        door.update_opportunity(request)

    server.will(*[{"Id": "O1", "LastModifiedDate": "2026-01-02T03:04:05Z"}] * 12)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(1, 13)))
    bodies = {int(request.json["PartnerOpportunityIdentifier"]): request.json for request in server.requests}
    assert sorted(bodies) == list(range(1, 13))
    for number, body in bodies.items():
        assert body["LastModifiedDate"] == f"2026-01-02T03:04:05.{number:09}Z"
        assert ("ExpectedContractDuration" in body["Project"]) == bool(number % 2)


def test_an_opportunity_is_asked_for_by_its_id(server: Server, door: PartnerCentralDoor) -> None:
    """In the catalog of the connection."""
    server.will(OPPORTUNITY)
    door.get_opportunity("O1234567")
    assert server.requests[0].json == {"Catalog": "Sandbox", "Identifier": "O1234567"}

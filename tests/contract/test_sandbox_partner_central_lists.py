"""Lists of the embedded Partner Central: filters, orders, pages; invitations and what they hide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sandbox_partner_central import SOLUTION, World, body, codes, put, refused

from connector.sandbox.partner_central import backstage


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(running: World) -> World:
    running.reset()
    return running


def listed(world: World, **request: Any) -> list[str]:
    """Return the ids of all pages."""
    pages = world.client.get_paginator("list_opportunities").paginate(Catalog="AWS", **request)
    return [each["Id"] for page in pages for each in page["OpportunitySummaries"]]


def sort(by: str, order: str = "ASCENDING") -> dict[str, str]:
    return {"SortBy": by, "SortOrder": order}


@pytest.fixture
def five(world: World) -> list[str]:
    """Five opportunities, a minute apart, of companies E to A."""
    identifiers = []
    for number, letter in enumerate("EDCBA"):
        changes = {"Customer__Account__CompanyName": letter, "LifeCycle__TargetCloseDate": f"2050-01-{10 + number}"}
        identifiers.append(world.create(body(**changes)))
        world.clock.advance(60)
    return identifiers


@pytest.mark.parametrize("by", ["LastModifiedDate", "CreatedDate", "Identifier", "TargetCloseDate"])
def test_orders(world: World, five: list[str], by: str) -> None:
    assert listed(world, Sort=sort(by)) == five
    assert listed(world, Sort=sort(by, "DESCENDING"), MaxResults=2) == five[::-1]


def test_the_order_by_company(world: World, five: list[str]) -> None:
    assert listed(world, Sort=sort("CustomerCompanyName"), MaxResults=2) == five[::-1]


def test_filters(world: World, five: list[str]) -> None:
    world.associate(five[1])
    world.submit(five[1])
    backstage.review_opportunity(world.service, five[1], "Approved", "", "")
    created = [world.get(each)["CreatedDate"] for each in five]
    order = {"Sort": sort("Identifier")}
    assert listed(world, LifeCycleReviewStatus=["Approved"], **order) == [five[1]]
    assert listed(world, CustomerCompanyName=["A", "E"], **order) == [five[0], five[4]]
    assert listed(world, LifeCycleStage=["Prospect"], **order) == []
    assert listed(world, LifeCycleStage=["Qualified"], Identifier=[five[2], "O999"], **order) == [five[2]]
    window = {"AfterCreatedDate": created[1], "BeforeCreatedDate": created[4]}
    assert listed(world, CreatedDate=window, **order) == five[2:4]
    assert listed(world, CreatedDate=window, Sort=sort("CreatedDate", "DESCENDING")) == five[3:1:-1]
    window = {"AfterTargetCloseDate": "2050-01-11", "BeforeTargetCloseDate": "2050-01-14"}
    assert listed(world, TargetCloseDate=window, **order) == five[2:4]
    after = {"AfterLastModifiedDate": created[4] - timedelta(seconds=1)}
    assert listed(world, LastModifiedDate=after, Sort=sort("LastModifiedDate")) == [five[4], five[1]]


def test_pages_are_complete_even_when_some_come_short(world: World) -> None:
    """A page may be shorter than asked and still have a successor; none is lost, none comes twice."""
    made = backstage.seed_opportunities(world.service, 101)
    pages = list(
        world.client.get_paginator("list_opportunities").paginate(Catalog="AWS", MaxResults=9, Sort=sort("Identifier"))
    )
    assert [each["Id"] for page in pages for each in page["OpportunitySummaries"]] == made
    sizes = {len(page["OpportunitySummaries"]) for page in pages[:-1]}
    assert sizes == {9, 6}
    assert "NextToken" not in pages[-1]
    assert len(world.client.list_opportunities(Catalog="AWS")["OpportunitySummaries"]) == 20


def test_a_walk_meets_again_what_is_modified_while_it_runs(world: World, five: list[str]) -> None:
    order = sort("LastModifiedDate")
    first = world.client.list_opportunities(Catalog="AWS", Sort=order, MaxResults=2)
    world.associate(five[0])
    seen = [each["Id"] for each in first["OpportunitySummaries"]]
    token = first["NextToken"]
    while token:
        page = world.client.list_opportunities(Catalog="AWS", Sort=order, MaxResults=2, NextToken=token)
        seen += [each["Id"] for each in page["OpportunitySummaries"]]
        token = page.get("NextToken", "")
    assert seen == [*five, five[0]]


def test_a_token_belongs_to_its_query(world: World, five: list[str]) -> None:
    token = world.client.list_opportunities(Catalog="AWS", MaxResults=2)["NextToken"]
    for request in ({"NextToken": token, "CustomerCompanyName": ["A"]}, {"NextToken": "rubbish"}):
        error = refused(lambda request=request: world.client.list_opportunities(Catalog="AWS", **request))
        assert codes(error) == {("INVALID_VALUE", "nextToken")}


def test_summaries_leave_out_most_of_the_record(world: World) -> None:
    world.create()
    summary = world.client.list_opportunities(Catalog="AWS")["OpportunitySummaries"][0]
    assert set(summary["Project"]) == {"DeliveryModels", "ExpectedCustomerSpend"}
    assert not {"PrimaryNeedsFromAws", "Marketing", "OpportunityTeam", "RelatedEntityIdentifiers"} & set(summary)
    assert "Contacts" not in summary["Customer"]


def test_there_are_more_solutions_than_fit_on_a_page_and_not_all_are_active(world: World) -> None:
    pages = list(world.client.get_paginator("list_solutions").paginate(Catalog="AWS", MaxResults=100))
    solutions = [each for page in pages for each in page["SolutionSummaries"]]
    assert len(pages) > 1
    assert len({each["Id"] for each in solutions}) == 120
    assert SOLUTION in {each["Id"] for each in solutions if each["Status"] == "Active"}
    assert {each["Status"] for each in solutions} == {"Active", "Inactive", "Draft"}
    drafts = world.client.list_solutions(Catalog="AWS", Status=["Draft"], Sort=sort("Name", "DESCENDING"))
    names = [each["Name"] for each in drafts["SolutionSummaries"]]
    assert names == sorted(names, reverse=True)
    arn = next(each["AwsMarketplaceSolutionArn"] for each in solutions if "AwsMarketplaceSolutionArn" in each)
    assert len(world.client.list_solutions(Catalog="AWS", AwsMarketplaceSolutionArn=[arn])["SolutionSummaries"]) == 1


@pytest.fixture
def referral(world: World) -> dict[str, str]:
    contact = {"Email": "ceo@customer.example", "LastName": "Secret"}
    fields = {"Customer.Account.CompanyName": "Referred Ltd", "Customer.Contacts": [contact]}
    return backstage.refer_opportunity(world.service, fields)


def invitations(world: World, participant: str = "RECEIVER", **request: Any) -> list[dict[str, Any]]:
    answer = world.client.list_engagement_invitations(Catalog="AWS", ParticipantType=participant, **request)
    return list(answer["EngagementInvitationSummaries"])


def accept(world: World, referral: dict[str, str], token: str = "t") -> dict[str, Any]:
    answer: dict[str, Any] = world.client.start_engagement_by_accepting_invitation_task(
        Catalog="AWS", Identifier=referral["invitation"], ClientToken=token
    )
    return answer


def test_a_referral_shows_nothing_personal_before_it_is_accepted(world: World, referral: dict[str, str]) -> None:
    summary = invitations(world, Status=["PENDING"], PayloadType=["OpportunityInvitation"])[0]
    assert (summary["Id"], summary["SenderAwsAccountId"]) == (referral["invitation"], "aws")
    shown = world.client.get_engagement_invitation(Catalog="AWS", Identifier=referral["invitation"])
    payload = shown["Payload"]["OpportunityInvitation"]
    assert set(payload["Customer"]) == {"CompanyName", "CountryCode", "Industry", "WebsiteUrl"}
    assert set(payload["Project"]) == {"Title", "BusinessProblem", "TargetCompletionDate", "ExpectedCustomerSpend"}
    assert "Secret" not in str(shown)
    assert listed(world) == []
    assert refused(lambda: world.get(referral["opportunity"]))["Error"]["Code"] == "ResourceNotFoundException"
    error = refused(lambda: world.client.get_engagement(Catalog="AWS", Identifier=referral["engagement"]))
    assert error["Error"]["Code"] == "ResourceNotFoundException"


def test_an_accepted_referral_is_approved_at_the_first_stage(world: World, referral: dict[str, str]) -> None:
    task = accept(world, referral)
    assert task["TaskStatus"] == "COMPLETE"
    assert "/" in task["EngagementInvitationId"]
    stored = world.get(task["OpportunityId"])
    assert stored["Customer"]["Contacts"][0]["LastName"] == "Secret"
    assert stored["LifeCycle"]["ReviewStatus"] == "Approved"
    assert stored["LifeCycle"]["Stage"] == "Prospect"
    assert "PartnerOpportunityIdentifier" not in stored
    assert listed(world) == [task["OpportunityId"]]
    assert accept(world, referral)["TaskId"] == task["TaskId"]
    assert refused(lambda: accept(world, referral, "other"))["Error"]["Code"] == "ConflictException"
    summary = world.client.get_aws_opportunity_summary(
        Catalog="AWS", RelatedOpportunityIdentifier=task["OpportunityId"]
    )
    assert summary["Origin"] == "AWS Referral"


def test_an_accepted_referral_takes_the_partners_identifier_once_and_no_new_title(
    world: World, referral: dict[str, str]
) -> None:
    identifier = accept(world, referral)["OpportunityId"]
    world.update(identifier, lambda body: put(body, "PartnerOpportunityIdentifier", "006A"))
    error = refused(lambda: world.update(identifier, lambda body: put(body, "PartnerOpportunityIdentifier", "006B")))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "partnerOpportunityIdentifier")}
    error = refused(lambda: world.update(identifier, lambda body: put(body, "Project__Title", "Mine")))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "project.title")}


def test_a_referral_must_be_completed_to_move_on(world: World) -> None:
    fields = {"Project.CustomerUseCase": None, "Project.DeliveryModels": None, "PrimaryNeedsFromAws": None}
    identifier = accept(world, backstage.refer_opportunity(world.service, fields))["OpportunityId"]

    def qualify(request: dict[str, Any]) -> None:
        request["LifeCycle"]["Stage"] = "Qualified"

    assert {field for _, field in codes(refused(lambda: world.update(identifier, qualify)))} == {
        "project.customerUseCase",
        "project.deliveryModels",
        "primaryNeedsFromAws",
        "relatedEntityIdentifiers.solutions",
    }
    world.associate(identifier)

    def complete(request: dict[str, Any]) -> None:
        qualify(request)
        request["Project"].update(CustomerUseCase="Training", DeliveryModels=["Resell"])
        request["PrimaryNeedsFromAws"] = ["Co-Sell - Deal Support"]

    world.update(identifier, complete)


def test_acceptance_is_polled_like_every_task(world: World, referral: dict[str, str]) -> None:
    world.settings.task_polls = 1
    task = accept(world, referral)
    assert task["TaskStatus"] == "IN_PROGRESS"
    assert "OpportunityId" not in task
    polled = world.client.list_engagement_by_accepting_invitation_tasks(
        Catalog="AWS", EngagementInvitationIdentifier=[referral["invitation"]]
    )["TaskSummaries"]
    assert [(each["TaskStatus"], each["OpportunityId"]) for each in polled] == [("COMPLETE", referral["opportunity"])]


@pytest.mark.parametrize(
    ("reason", "code"), [(None, "REQUIRED_FIELD_MISSING"), ("I do not like it", "INVALID_ENUM_VALUE")]
)
def test_a_rejection_needs_a_documented_reason(
    world: World, referral: dict[str, str], reason: str | None, code: str
) -> None:
    given = {"RejectionReason": reason} if reason else {}
    error = refused(
        lambda: world.client.reject_engagement_invitation(Catalog="AWS", Identifier=referral["invitation"], **given)
    )
    assert codes(error) == {(code, "rejectionReason")}


def test_a_rejected_referral_is_out_of_reach(world: World, referral: dict[str, str]) -> None:
    world.client.reject_engagement_invitation(
        Catalog="AWS", Identifier=referral["invitation"], RejectionReason="Unable to support"
    )
    get = refused(lambda: world.client.get_engagement_invitation(Catalog="AWS", Identifier=referral["invitation"]))
    assert get["Error"]["Code"] == "ResourceNotFoundException"
    assert refused(lambda: accept(world, referral))["Error"]["Code"] == "ConflictException"
    assert [each["Status"] for each in invitations(world)] == ["REJECTED"]


def test_an_invitation_lapses_after_its_date(world: World, referral: dict[str, str]) -> None:
    world.clock.advance(15 * 86400 + 1)
    assert [each["Status"] for each in invitations(world)] == ["EXPIRED"]
    assert codes(refused(lambda: accept(world, referral))) == {("INVALID_RESOURCE_STATE", "identifier")}


def test_own_submissions_are_invitations_sent_not_received(world: World) -> None:
    identifier = world.in_phase("Submitted")
    assert invitations(world) == []
    assert [each["Status"] for each in invitations(world, "SENDER")] == ["PENDING"]
    world.review(identifier, "Approved")
    sent = invitations(world, "SENDER")[0]
    assert sent["Status"] == "ACCEPTED"
    error = refused(lambda: accept(world, {"invitation": sent["Id"]}))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "identifier")}


def test_an_engagement_is_found_from_its_opportunity(world: World) -> None:
    identifier = world.in_phase("Submitted")
    found = world.client.list_engagement_resource_associations(
        Catalog="AWS", ResourceType="Opportunity", ResourceIdentifier=identifier
    )["EngagementResourceAssociationSummaries"]
    engagement = world.client.get_engagement(Catalog="AWS", Identifier=found[0]["EngagementId"])
    project = engagement["Contexts"][0]["Payload"]["CustomerProject"]["Project"]
    assert project["Title"] == "Yard visibility"
    assert world.client.list_engagements(Catalog="AWS")["EngagementSummaryList"][0]["Id"] == engagement["Id"]
    assert world.client.list_engagement_members(Catalog="AWS", Identifier=engagement["Id"])["EngagementMemberList"]


def test_in_the_sandbox_catalog_a_created_referral_becomes_an_invitation(world: World) -> None:
    identifier = world.create(catalog="Sandbox", Origin="AWS Referral")
    assert refused(lambda: world.get(identifier, "Sandbox"))["Error"]["Code"] == "ResourceNotFoundException"
    pending = world.client.list_engagement_invitations(
        Catalog="Sandbox", ParticipantType="RECEIVER", Status=["PENDING"]
    )["EngagementInvitationSummaries"]
    task = world.client.start_engagement_by_accepting_invitation_task(
        Catalog="Sandbox", Identifier=pending[0]["Id"], ClientToken="t"
    )
    assert world.get(task["OpportunityId"], "Sandbox")["LifeCycle"]["ReviewStatus"] == "Approved"


def test_every_answer_fits_the_service_model(world: World, referral: dict[str, str]) -> None:
    """What the server says of itself is checked against botocore's model, patterns and enums included."""
    identifier = world.in_phase("Approved")
    raw: dict[str, bytes] = {}
    client = world.connect()
    client.meta.events.register(
        "before-parse.partnercentral-selling",
        lambda response_dict, operation_model, **_: raw.update({operation_model.name: response_dict["body"]}),
    )
    client.get_opportunity(Catalog="AWS", Identifier=identifier)
    client.get_aws_opportunity_summary(Catalog="AWS", RelatedOpportunityIdentifier=identifier)
    client.list_opportunities(Catalog="AWS")
    client.list_engagement_invitations(Catalog="AWS", ParticipantType="RECEIVER")
    client.get_engagement_invitation(Catalog="AWS", Identifier=referral["invitation"])
    client.list_engagement_from_opportunity_tasks(Catalog="AWS")
    client.list_engagements(Catalog="AWS")
    for operation, answer in raw.items():
        # Tasks name invitations by ARN, as captured from the service, where its model has the bare id.
        text = re.sub(r"arn:[^\"]*engagement-invitation/", "", answer.decode()) if "Tasks" in operation else answer
        world.service.model.check_answer(operation, json.loads(text))
    assert len(raw) == 7

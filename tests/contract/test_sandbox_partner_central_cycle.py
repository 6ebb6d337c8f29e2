"""The life of an opportunity in the embedded Partner Central: lock, replacement, tokens, review, associations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sandbox_partner_central import COMPLETE, SOLUTION, World, body, codes, put, refused

ARN = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/"


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(running: World) -> World:
    running.reset()
    return running


def test_the_whole_way_from_draft_to_approval(world: World) -> None:
    """Create, associate, submit, review: each step shows in what the partner reads."""
    identifier = world.create()
    world.associate(identifier)
    task = world.submit(identifier)
    assert task["TaskStatus"] == "COMPLETE"
    assert task["OpportunityId"] == identifier
    assert {"EngagementId", "EngagementInvitationId", "ResourceSnapshotJobId"} <= set(task)
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"
    world.review(identifier, "In review")
    world.review(identifier, "Approved")
    stored = world.get(identifier)
    assert stored["LifeCycle"]["ReviewStatus"] == "Approved"
    assert stored["RelatedEntityIdentifiers"]["Solutions"] == [SOLUTION]
    summary = world.client.get_aws_opportunity_summary(Catalog="AWS", RelatedOpportunityIdentifier=identifier)
    assert (summary["Origin"], summary["InvolvementType"]) == ("Partner Referral", "Co-Sell")
    assert {each["BusinessTitle"] for each in summary["OpportunityTeam"]} == {"AWSSalesRep", "AWSAccountOwner", "PDM"}


def test_before_submission_aws_shows_neither_involvement_nor_visibility(world: World) -> None:
    summary = world.client.get_aws_opportunity_summary(Catalog="AWS", RelatedOpportunityIdentifier=world.create())
    assert summary["Origin"] == "Partner Referral"
    assert not {"InvolvementType", "Visibility", "LifeCycle", "Insights"} & set(summary)


def test_a_stale_date_is_a_conflict_and_every_write_moves_the_date(world: World) -> None:
    identifier = world.create()
    stale = world.writable(identifier)
    dates = [stale["LastModifiedDate"]]
    world.associate(identifier)
    dates.append(world.get(identifier)["LastModifiedDate"])
    error = refused(lambda: world.client.update_opportunity(**stale))
    assert error["Error"]["Code"] == "ConflictException"
    assert "last modified date" in error["Error"]["Message"]
    dates.append(world.update(identifier, lambda body: None)["LastModifiedDate"])
    dates.append(world.update(identifier, lambda body: None)["LastModifiedDate"])
    assert dates == sorted(set(dates))


def test_the_answer_of_a_write_carries_the_date_for_the_next_one(world: World) -> None:
    identifier = world.create()
    request = world.writable(identifier)
    answer = world.client.update_opportunity(**request)
    world.client.update_opportunity(**{**request, "LastModifiedDate": answer["LastModifiedDate"]})


def test_an_update_replaces_the_record_so_what_is_left_out_is_gone(world: World) -> None:
    identifier = world.create()

    def leave_out(request: dict[str, Any]) -> None:
        del request["Customer"]["Contacts"]
        del request["PrimaryNeedsFromAws"]
        del request["LifeCycle"]["NextSteps"]
        del request["NationalSecurity"]

    world.update(identifier, leave_out)
    stored = world.get(identifier)
    assert "Contacts" not in stored["Customer"]
    assert not {"PrimaryNeedsFromAws", "NationalSecurity"} & set(stored)
    assert "NextSteps" not in stored["LifeCycle"]
    assert stored["LifeCycle"]["NextStepsHistory"][0]["Value"] == "Demo"


def test_a_review_status_that_is_not_echoed_is_lost_for_good(world: World) -> None:
    """Without it the opportunity can neither be submitted nor updated any more."""
    identifier = world.in_phase("Approved")
    world.update(identifier, lambda body: body["LifeCycle"].pop("ReviewStatus"))
    assert "ReviewStatus" not in world.get(identifier)["LifeCycle"]
    error = refused(lambda: world.update(identifier, lambda body: None))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus")}
    assert "You cannot perform Submit action" in error["Error"]["Message"]
    task = world.submit(identifier)
    assert (task["TaskStatus"], task["ReasonCode"]) == ("FAILED", "OpportunitySubmissionFailed")


def test_a_partner_cannot_set_the_review_status_of_a_live_opportunity(world: World) -> None:
    identifier = world.in_phase("Approved")
    error = refused(lambda: world.update(identifier, lambda body: body["LifeCycle"].update(ReviewStatus="In review")))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus")}


def test_free_text_is_returned_escaped_and_echoing_it_fails(world: World) -> None:
    """`:` and `&` come back as entities; a use case that is not decoded is no known one, a locked title has changed."""
    identifier = world.in_phase("Approved", body(Project__Title="Yard: phase 1 & 2"))
    raw = world.get(identifier)
    assert raw["Project"]["Title"] == "Yard&amp;colon; phase 1 &amp; 2"
    assert raw["Project"]["CustomerUseCase"] == "Storage &amp; Backup"
    assert world.client.list_opportunities(Catalog="AWS")["OpportunitySummaries"][0]["Id"] == identifier
    error = refused(lambda: world.update(identifier, lambda body: body.update(Project=raw["Project"])))
    assert codes(error) == {
        ("INVALID_ENUM_VALUE", "project.customerUseCase"),
        ("ACTION_NOT_PERMITTED", "project.title"),
    }
    world.update(identifier, lambda body: None)


def test_a_token_gives_the_same_answer_for_the_same_body_and_a_conflict_for_another(world: World) -> None:
    create = {"Catalog": "AWS", "ClientToken": "once", **COMPLETE}
    first = world.client.create_opportunity(**create)
    again = world.client.create_opportunity(**create)
    assert (again["Id"], again["LastModifiedDate"]) == (first["Id"], first["LastModifiedDate"])
    tagged = {**create, "Tags": [{"Key": "a", "Value": "b"}]}
    error = refused(lambda: world.client.create_opportunity(**tagged))
    assert error["Error"]["Code"] == "ConflictException"
    assert len(world.client.list_opportunities(Catalog="AWS")["OpportunitySummaries"]) == 1


def test_a_token_of_a_refused_create_is_free_again(world: World) -> None:
    refused(lambda: world.client.create_opportunity(Catalog="AWS", ClientToken="t", **body(Project__Title=None)))
    assert world.client.create_opportunity(Catalog="AWS", ClientToken="t", **COMPLETE)["Id"]


def test_a_failed_task_is_replayed_by_its_token_and_left_behind_by_a_fresh_one(world: World) -> None:
    identifier = world.create()
    start = {"Catalog": "AWS", "Identifier": identifier, "AwsSubmission": {"InvolvementType": "Co-Sell"}}
    failed = world.client.start_engagement_from_opportunity_task(ClientToken="a", **start)
    assert failed["TaskStatus"] == "FAILED"
    world.associate(identifier)
    replayed = world.client.start_engagement_from_opportunity_task(ClientToken="a", **start)
    assert (replayed["TaskId"], replayed["TaskStatus"]) == (failed["TaskId"], "FAILED")
    assert world.client.start_engagement_from_opportunity_task(ClientToken="b", **start)["TaskStatus"] == "COMPLETE"


def test_a_task_in_progress_is_polled_by_list_or_by_repeating_the_call(world: World) -> None:
    """The record is locked at once; ids appear when the task is complete."""
    world.settings.task_polls = 2
    identifier = world.create()
    world.associate(identifier)
    task = world.submit(identifier)
    assert task["TaskStatus"] == "IN_PROGRESS"
    assert "EngagementId" not in task
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"

    def poll() -> dict[str, Any]:
        answer = world.client.list_engagement_from_opportunity_tasks(Catalog="AWS", TaskIdentifier=[task["TaskId"]])
        return dict(answer["TaskSummaries"][0])

    assert [poll()["TaskStatus"], poll()["TaskStatus"]] == ["IN_PROGRESS", "COMPLETE"]
    assert poll()["EngagementId"].startswith("eng-")


def test_tasks_are_listed_by_opportunity_and_state(world: World) -> None:
    good, bad = world.in_phase("Submitted"), world.create()
    world.submit(bad)
    listed = world.client.list_engagement_from_opportunity_tasks(Catalog="AWS", OpportunityIdentifier=[good])
    assert [each["OpportunityId"] for each in listed["TaskSummaries"]] == [good]
    listed = world.client.list_engagement_from_opportunity_tasks(Catalog="AWS", TaskStatus=["FAILED"])
    assert [each["OpportunityId"] for each in listed["TaskSummaries"]] == [bad]


def test_submitting_twice_fails(world: World) -> None:
    identifier = world.in_phase("Submitted")
    task = world.submit(identifier)
    assert (task["TaskStatus"], task["ReasonCode"]) == ("FAILED", "OpportunitySubmissionFailed")
    error = refused(
        lambda: world.client.submit_opportunity(Catalog="AWS", Identifier=identifier, InvolvementType="Co-Sell")
    )
    assert codes(error) == {("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus")}


def test_the_plain_submission_raises_what_the_task_would_tell(world: World) -> None:
    identifier = world.create()
    submit = {"Catalog": "AWS", "Identifier": identifier, "InvolvementType": "Co-Sell"}
    error = refused(lambda: world.client.submit_opportunity(**submit))
    assert codes(error) == {("REQUIRED_FIELD_MISSING", "relatedEntityIdentifiers.solutions")}
    world.associate(identifier)
    world.client.submit_opportunity(**submit)
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"


def test_an_update_in_action_required_sends_the_record_back_into_review(world: World) -> None:
    identifier = world.in_phase("Action Required")
    life_cycle = world.get(identifier)["LifeCycle"]
    assert (life_cycle["ReviewComments"], life_cycle["ReviewStatusReason"]) == ("Please explain", "Clarify Revenue")
    world.update(identifier, lambda body: put(body, "Customer__Account__WebsiteUrl", "https://new.example.com"))
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"


@pytest.mark.parametrize("phase", ["Submitted", "In review", "Rejected"])
def test_under_review_and_rejected_nothing_can_be_updated(world: World, phase: str) -> None:
    identifier = world.in_phase(phase)
    error = refused(lambda: world.update(identifier, lambda body: None))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus")}


SPEND = "project.expectedCustomerSpend"
# API path, another value, error field, phases in which it can change besides Pending.
MATRIX = [
    ("Customer__Account__CompanyName", "Other Ltd", "customer.account.companyName", ()),
    ("Customer__Account__Industry", "Retail", "customer.account.industry", ()),
    ("Customer__Account__OtherIndustry", "Ports", "customer.account.otherIndustry", ()),
    ("Customer__Account__WebsiteUrl", "https://x.example", "customer.account.websiteUrl", ("Action Required",)),
    ("Customer__Account__AwsAccountId", "123456789012", "customer.account.awsAccountId", ("Approved",)),
    ("Customer__Account__Duns", "123456789", "customer.account.duns", ("Approved",)),
    ("Customer__Account__Address__City", "Tacoma", "customer.account.address.city", ("Action Required", "Approved")),
    (
        "Customer__Account__Address__StreetAddress",
        "2 Pier",
        "customer.account.address.streetAddress",
        ("Action Required", "Approved"),
    ),
    ("Customer__Account__Address__PostalCode", "98102", "customer.account.address.postalCode", ("Action Required",)),
    (
        "Customer__Account__Address__StateOrRegion",
        "Oregon",
        "customer.account.address.stateOrRegion",
        ("Action Required",),
    ),
    ("Customer__Account__Address__CountryCode", "MX", "customer.account.address.countryCode", ("Action Required",)),
    ("Customer__Contacts", [{"LastName": "New"}], "customer.contacts", ("Approved",)),
    ("PartnerOpportunityIdentifier", "006X", "partnerOpportunityIdentifier", ("Action Required",)),
    ("PrimaryNeedsFromAws", ["Co-Sell - Pricing Assistance"], "primaryNeedsFromAws", ()),
    ("OpportunityType", "Expansion", "opportunityType", ("Approved", "Launched")),
    ("Project__Title", "Another", "project.title", ()),
    (
        "Project__CustomerBusinessProblem",
        "Another problem altogether",
        "project.customerBusinessProblem",
        ("Action Required",),
    ),
    ("Project__CustomerUseCase", "Training", "project.customerUseCase", ("Approved",)),
    ("Project__SalesActivities", ["SOW Signed"], "project.salesActivities", ("Approved",)),
    ("Project__CompetitorName", "On-Prem", "project.competitorName", ("Approved",)),
    ("Project__OtherCompetitorNames", "Contoso", "project.otherCompetitorNames", ("Approved",)),
    ("Project__DeliveryModels", ["Resell"], "project.deliveryModels", ("Approved", "Launched")),
    ("Project__AdditionalComments", "Hello", "project.additionalComments", ("Approved", "Launched")),
    ("Project__ApnPrograms", ["Windows"], "project.apnPrograms", ()),
    ("LifeCycle__NextSteps", "Call", "lifeCycle.nextSteps", ("Approved",)),
    ("LifeCycle__Stage", "Business Validation", "lifeCycle.stage", ("Approved",)),
    ("LifeCycle__TargetCloseDate", "2059-01-01", "lifeCycle.targetCloseDate", ("Action Required", "Approved")),
    ("Marketing", {"Source": "Marketing Activity", "AwsFundingUsed": "No"}, "marketing", ("Approved",)),
    ("SoftwareRevenue", {"DeliveryModel": "Contract"}, "softwareRevenue", ("Approved",)),
    (
        "Project__ExpectedCustomerSpend",
        [{"Amount": "9.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}],
        SPEND,
        ("Action Required", "Approved"),
    ),
]


@pytest.mark.parametrize("phase", ["Pending", "Action Required", "Approved", "Launched", "Closed Lost"])
@pytest.mark.parametrize(("path", "value", "field", "editable"), MATRIX, ids=[row[2] for row in MATRIX])
def test_a_changed_locked_value_fails_the_whole_call(
    world: World, phase: str, path: str, value: Any, field: str, editable: tuple[str, ...]
) -> None:
    """Each field can change in the phases that the table names, and in no other."""
    identifier = world.in_phase(phase)
    as_phase = "Launched" if phase == "Closed Lost" else phase
    if phase == "Pending" or as_phase in editable:
        world.update(identifier, lambda body: put(body, path, value))
        return
    error = refused(lambda: world.update(identifier, lambda body: put(body, path, value)))
    assert codes(error) == {("ACTION_NOT_PERMITTED", field)}


def test_software_revenue_is_for_software_partners_that_sell_services_from_the_cloud(world: World) -> None:
    identifier = world.in_phase("Approved", body(Project__DeliveryModels=["Resell"]))
    error = refused(
        lambda: world.update(identifier, lambda body: put(body, "SoftwareRevenue__DeliveryModel", "Contract"))
    )
    assert codes(error) == {("ACTION_NOT_PERMITTED", "softwareRevenue")}


def test_services_partners_can_change_less_after_launch(world: World) -> None:
    """What a Software path partner may still change then, a Services path one may not."""
    world.settings.partner_path = "Consulting"
    identifier = world.in_phase("Launched", body(Customer__Account__AwsAccountId="123456789012"))
    error = refused(lambda: world.update(identifier, lambda body: put(body, "Project__AdditionalComments", "Hello")))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "project.additionalComments")}


def test_a_revenue_program_keeps_the_software_revenue_open_after_launch(world: World) -> None:
    world.settings.revenue_program = True
    revenue = {
        "DeliveryModel": "Contract",
        "Value": {"Amount": "10.00", "CurrencyCode": "USD"},
        "EffectiveDate": "2030-01-01",
        "ExpirationDate": "2031-01-01",
    }
    identifier = world.in_phase("Launched", body(SoftwareRevenue=revenue))
    world.update(identifier, lambda body: put(body, "SoftwareRevenue__Value__Amount", "11.00"))
    assert world.get(identifier)["SoftwareRevenue"]["Value"]["Amount"] == "11.00"


def test_after_approval_the_amount_may_change_but_no_calculator_address_may_come(world: World) -> None:
    identifier = world.in_phase("Approved")
    url = "https://calculator.aws/#/estimate?id=" + "0" * 40
    entry = {"Amount": "1.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
    error = refused(
        lambda: world.update(
            identifier, lambda body: put(body, "Project__ExpectedCustomerSpend", [{**entry, "EstimationUrl": url}])
        )
    )
    assert codes(error) == {("ACTION_NOT_PERMITTED", f"{SPEND}.estimationUrl")}
    world.update(identifier, lambda body: put(body, "Project__ExpectedCustomerSpend", [entry]))


def test_a_second_spend_entry_cannot_appear_after_approval(world: World) -> None:
    identifier = world.in_phase("Approved")
    more = {"Amount": "1.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
    error = refused(
        lambda: world.update(identifier, lambda body: body["Project"]["ExpectedCustomerSpend"].append(more))
    )
    assert codes(error) == {("ACTION_NOT_PERMITTED", SPEND)}


def test_visibility_becomes_co_sell_by_replacing_the_needs(world: World) -> None:
    identifier = world.create(body(PrimaryNeedsFromAws=None))
    world.associate(identifier)
    world.submit(identifier, "For Visibility Only")
    world.review(identifier, "Approved")
    need = "Co-Sell - Deal Support"
    error = refused(lambda: world.update(identifier, lambda body: body["PrimaryNeedsFromAws"].append(need)))
    assert ("INVALID_VALUE", "primaryNeedsFromAws") in codes(error)
    world.update(identifier, lambda body: put(body, "PrimaryNeedsFromAws", [need]))
    summary = world.client.get_aws_opportunity_summary(Catalog="AWS", RelatedOpportunityIdentifier=identifier)
    assert summary["InvolvementType"] == "Co-Sell"


def test_a_passed_close_date_stops_open_deals_but_not_closed_ones(world: World) -> None:
    soon = (world.clock.now() + timedelta(days=5)).date().isoformat()
    closed = world.in_phase("Launched", body(LifeCycle__TargetCloseDate=soon))
    open_one = world.in_phase("Approved", body(LifeCycle__TargetCloseDate=soon))
    world.clock.advance(10 * 86400)
    world.update(closed, lambda body: put(body, "Project__AdditionalComments", "Live"))
    error = refused(lambda: world.update(open_one, lambda body: put(body, "LifeCycle__NextSteps", "Call")))
    assert codes(error) == {("INVALID_VALUE", "lifeCycle.targetCloseDate")}


@pytest.mark.parametrize(
    ("kind", "entity", "code"),
    [
        ("Solutions", "S-9", "ResourceNotFoundException"),
        ("Solutions", "Solution 1", "ValidationException"),
        ("Solutions", "S-2000153", "ValidationException"),
        ("AwsProducts", "AmazonTeapot", "ValidationException"),
        ("AwsMarketplaceOffers", "offer-abc", "ValidationException"),
        ("AwsMarketplaceOffers", ARN.replace("111122223333", "999999999999") + "Offer/offer-a", "ValidationException"),
        ("AwsMarketplaceSolutions", ARN + "Offer/offer-a", "ValidationException"),
        ("AwsMarketplaceProducts", ARN + "Solution/soln-a", "ValidationException"),
    ],
)
def test_what_cannot_be_associated(world: World, kind: str, entity: str, code: str) -> None:
    identifier = world.create()
    assert refused(lambda: world.associate(identifier, entity, kind))["Error"]["Code"] == code


def test_limits_of_associations(world: World) -> None:
    """Ten solutions, one offer, no offer beside an offer set, no entity twice, no offer on two opportunities."""
    identifier, other = world.create(), world.create()
    active = world.client.list_solutions(Catalog="AWS", Status=["Active"], MaxResults=11)["SolutionSummaries"]
    for solution in active[:10]:
        world.associate(identifier, solution["Id"])
    error = refused(lambda: world.associate(identifier, active[10]["Id"]))
    assert codes(error) == {("TOO_MANY_VALUES", "relatedEntityIdentifiers.solutions")}
    error = refused(lambda: world.associate(identifier, active[0]["Id"]))
    assert codes(error) == {("DUPLICATE_KEY_VALUE", "relatedEntityIdentifiers.solutions")}
    world.associate(identifier, ARN + "Offer/offer-a", "AwsMarketplaceOffers")
    error = refused(lambda: world.associate(identifier, ARN + "Offer/offer-b", "AwsMarketplaceOffers"))
    assert codes(error) == {("TOO_MANY_VALUES", "relatedEntityIdentifiers.awsMarketplaceOffers")}
    error = refused(lambda: world.associate(identifier, ARN + "OfferSet/offerset-b", "AwsMarketplaceOfferSets"))
    assert codes(error) == {("INVALID_VALUE", "relatedEntityIdentifiers.awsMarketplaceOfferSets")}
    error = refused(lambda: world.associate(other, ARN + "Offer/offer-a", "AwsMarketplaceOffers"))
    assert codes(error) == {("DUPLICATE_KEY_VALUE", "relatedEntityIdentifiers.awsMarketplaceOffers")}
    for name in ("AmazonS3", "AWSLambda"):
        world.associate(other, name, "AwsProducts")
    assert world.get(other)["RelatedEntityIdentifiers"]["AwsProducts"] == ["AmazonS3", "AWSLambda"]


def test_a_solution_takes_the_place_of_a_described_one(world: World) -> None:
    identifier = world.create(body(Project__OtherSolutionDescription="Ours"))
    world.associate(identifier)
    assert "OtherSolutionDescription" not in world.get(identifier)["Project"]


@pytest.mark.parametrize("phase", ["Submitted", "In review", "Action Required", "Rejected"])
def test_related_entities_are_locked_while_the_record_is(world: World, phase: str) -> None:
    identifier = world.in_phase(phase)
    error = refused(lambda: world.associate(identifier, "AmazonS3", "AwsProducts"))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "relatedEntityIdentifiers.awsProducts")}


def test_the_last_solution_of_a_submitted_opportunity_stays(world: World) -> None:
    """To replace a solution, the new one is associated before the old one goes."""
    identifier = world.in_phase("Approved")

    def drop(entity: str) -> None:
        world.client.disassociate_opportunity(
            Catalog="AWS",
            OpportunityIdentifier=identifier,
            RelatedEntityType="Solutions",
            RelatedEntityIdentifier=entity,
        )

    assert codes(refused(lambda: drop(SOLUTION))) == {("INVALID_VALUE", "relatedEntityIdentifiers.solutions")}
    world.associate(identifier, "S-2000017")
    drop(SOLUTION)
    assert world.get(identifier)["RelatedEntityIdentifiers"]["Solutions"] == ["S-2000017"]
    assert refused(lambda: drop(SOLUTION))["Error"]["Code"] == "ResourceNotFoundException"


def test_offers_stay_as_they_are_once_the_deal_is_lost(world: World) -> None:
    identifier = world.in_phase("Closed Lost")
    error = refused(lambda: world.associate(identifier, ARN + "Offer/offer-z", "AwsMarketplaceOffers"))
    assert codes(error) == {("INVALID_RESOURCE_STATE", "relatedEntityIdentifiers.awsMarketplaceOffers")}


def test_assigning_an_owner_needs_a_user_and_takes_the_profiles_name(world: World) -> None:
    identifier = world.create()
    before = world.get(identifier)
    assert before["OpportunityTeam"][0]["Email"] == "admin@northwind.example"

    def assign(email: str, title: str = "OpportunityOwner") -> None:
        contact = {"Email": email, "FirstName": "Any", "LastName": "Name", "BusinessTitle": title}
        world.client.assign_opportunity(Catalog="AWS", Identifier=identifier, Assignee=contact)

    assert codes(refused(lambda: assign("x@y.example"))) == {("INVALID_VALUE", "assignee.email")}
    assert codes(refused(lambda: assign("x@y.example", "Chef"))) == {("INVALID_VALUE", "assignee.businessTitle")}
    assign("rita.lindqvist@northwind.example")
    assign("pam@x.example", "PartnerAccountManager")
    after = world.get(identifier)
    assert [(each["FirstName"], each["BusinessTitle"]) for each in after["OpportunityTeam"]] == [
        ("Rita", "OpportunityOwner"),
        ("Any", "PartnerAccountManager"),
    ]
    assert after["LastModifiedDate"] > before["LastModifiedDate"]


def test_in_the_sandbox_catalog_the_partner_plays_the_reviewer(world: World) -> None:
    """Only steps that a review can take are accepted."""
    identifier = world.create(catalog="Sandbox")

    def set_status(status: str, **more: str) -> None:
        world.update(identifier, lambda body: body["LifeCycle"].update({"ReviewStatus": status, **more}), "Sandbox")

    error = refused(lambda: set_status("Approved"))
    assert "Cannot transition opportunity from status" in error["Error"]["Message"]
    world.associate(identifier, catalog="Sandbox")
    world.submit(identifier, catalog="Sandbox")
    set_status("Action Required", ReviewComments="Why?", ReviewStatusReason="Clarify Solution")
    life_cycle = world.get(identifier, "Sandbox")["LifeCycle"]
    assert (life_cycle["ReviewStatus"], life_cycle["ReviewComments"]) == ("Action Required", "Why?")
    world.update(identifier, lambda body: put(body, "Customer__Account__Address__City", "Tacoma"), "Sandbox")
    set_status("Approved")
    error = refused(lambda: set_status("Rejected"))
    assert codes(error) == {("ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus")}


def test_a_review_can_run_by_itself_on_the_sandboxs_clock(world: World) -> None:
    world.settings.review_seconds = 3600
    identifier = world.in_phase("Submitted")
    seen = []
    for _ in range(3):
        seen.append(world.get(identifier)["LifeCycle"]["ReviewStatus"])
        world.clock.advance(3601)
    assert seen == ["Submitted", "In review", "Approved"]


def test_tags_are_kept_by_arn(world: World) -> None:
    arn = world.get(world.create(Tags=[{"Key": "team", "Value": "blue"}]))["Arn"]
    world.client.tag_resource(ResourceArn=arn, Tags=[{"Key": "tier", "Value": "1"}])
    world.client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert world.client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "tier", "Value": "1"}]

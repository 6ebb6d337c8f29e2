"""A co-sell opportunity's whole life, from visibility only to Launched and to Closed Lost, as seller and AWS see it."""

from __future__ import annotations

from typing import Any

import pytest
from system_world import DEALS, Live, World, codes

NO_SUPPORT = "Do Not Need Support from AWS Sales Rep"
ONLY_SEEN = {"Primary_Needs_from_AWS__c": NO_SUPPORT, "Involvement_Type__c": "For Visibility Only"}
CO_SELL = {"Primary_Needs_from_AWS__c": "Co-Sell - Deal Support", "Involvement_Type__c": "Co-Sell"}
TEAM = [
    {"BusinessTitle": title, "FirstName": first, "LastName": last, "Email": f"{first.lower()}@aws.example.com"}
    for title, first, last in (
        ("AWSSalesRep", "Jordan", "Reyes"),
        ("AWSAccountOwner", "Priya", "Nair"),
        ("PDM", "Noa", "Berg"),
        ("PSM", "Kai", "Lind"),
        ("WWPSPDM", "Ida", "Falk"),
        ("ISVSM", "Mo", "Haddad"),
    )
]


def share(live: Live, record: str) -> str:
    """A seller asks for it on the record; return AWS's id."""
    live.world.do("action", "share", record)
    live.worker.settle()
    return str(live.world.row(record)["ACE_APN_Unique_Identifier__c"])


def told(world: World, record: str) -> str:
    """Return what the record's open log details say."""
    open_ones = [one for one in world.details(record) if one["Status__c"] in ("Error", "Pending", "Held")]
    return " ".join(str(one["Error_Message__c"]) for one in open_ones)


def shown(world: World, record: str, *fields: str) -> dict[str, Any]:
    row = world.row(record, *fields)
    return {name: row[name] for name in fields}


@pytest.mark.requirement("PCAPI-31")
def test_the_involvement_goes_from_visibility_to_co_sell_and_not_back(live: Live) -> None:
    world = live.world
    record = world.deal(**ONLY_SEEN)
    identifier = share(live, record)
    [task] = world.proxy.named("StartEngagementFromOpportunityTask", identifier)
    assert task.body["AwsSubmission"] == {"InvolvementType": "For Visibility Only", "Visibility": "Full"}
    world.review(identifier, "Approved")
    live.worker.cycle()
    world.proxy.forget()
    world.edit(record, **CO_SELL)
    live.worker.cycle()
    (update,) = world.proxy.writes(identifier)
    assert update.body["PrimaryNeedsFromAws"] == ["Co-Sell - Deal Support"], "replaced, not appended"
    summary = world.aws.get_aws_opportunity_summary(Catalog="Sandbox", RelatedOpportunityIdentifier=identifier)
    assert summary["InvolvementType"] == "Co-Sell"
    assert shown(world, record, *CO_SELL) == CO_SELL and told(world, record) == ""
    world.proxy.forget()
    world.edit(record, **ONLY_SEEN)
    live.worker.cycle()
    assert world.proxy.writes(identifier) == []
    assert set(codes(world.errors(record))) == {"INVOLVEMENT_FINAL"}
    assert "cannot be put back to visibility only" in told(world, record)
    world.edit(record, **CO_SELL)
    live.worker.cycle()
    assert told(world, record) == ""


@pytest.mark.requirement("PCAPI-31")
def test_what_co_selling_asks_for_is_asked_for_before_the_step(live: Live) -> None:
    world = live.world
    record = world.deal(**ONLY_SEEN, Sales_Activities__c=None)
    identifier = share(live, record)
    world.review(identifier, "Approved")
    live.worker.cycle()
    world.proxy.forget()
    world.edit(record, **CO_SELL)
    live.worker.cycle()
    assert world.proxy.writes(identifier) == [] and "sales activity" in told(world, record)
    world.edit(record, Involvement_Type__c="Co-Sell", Primary_Needs_from_AWS__c=NO_SUPPORT)
    live.worker.cycle()
    assert world.proxy.writes(identifier) == [] and "by the primary needs" in told(world, record)


def test_a_deal_that_aws_sends_back_is_corrected_won_and_launched(live: Live) -> None:
    world = live.world
    record = world.deal(Stage__c="Prospect")
    identifier = share(live, record)
    world.review(identifier, "In review")
    world.review(identifier, "Action Required", comments="Say what the customer gains.", reason="Clarify Solution")
    live.worker.cycle()
    said = shown(world, record, "Review_Status__c", "Reviewer_Comments__c", "Review_Status_Reason__c")
    assert list(said.values()) == ["Action Required", "Say what the customer gains.", "Clarify Solution"]
    world.proxy.forget()
    problem = "The lease of the data centre ends in May; orders must not stop for longer than an hour."
    world.edit(record, Customer_Business_Problem__c=problem)
    share(live, record)
    assert [one.operation for one in world.proxy.writes(identifier)] == ["UpdateOpportunity"], "an update resubmits"
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Submitted"
    assert world.get(identifier)["Project"]["CustomerBusinessProblem"] == problem
    world.review(identifier, "Approved")
    live.worker.cycle()
    assert shown(world, record, "Review_Status__c") == {"Review_Status__c": "Approved"}
    _aws_joins(live, record, identifier)
    _steps_follow(live, record, identifier)
    _launches(live, record, identifier)


def _aws_joins(live: Live, record: str, identifier: str) -> None:
    """What AWS says of itself comes into fields of its own, and into none of the seller's."""
    world = live.world
    before = shown(world, record, "Stage__c", "Target_Close_Date__c", "Next_Step__c", "Expected_Monthly_AWS_Revenue__c")
    world.edit_at_aws(
        identifier,
        Summary={
            "OpportunityTeam": TEAM,
            "Insights": {"EngagementScore": "High", "NextBestActions": "Plan an Immersion Day"},
            "LifeCycle": {
                "Stage": "Business Validation",
                "TargetCloseDate": "2040-01-31",
                "NextSteps": "Bring in a specialist",
            },
            "Project": {
                "ExpectedCustomerSpend": [
                    {"Amount": "777.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}
                ]
            },
        },
    )
    live.worker.cycle(7 * 3600)
    said = shown(
        world, record, "AWS_Sales_Rep__c", "AWS_Account_Manager__c", "Partner_Development_Manager__c",
        "AWS_Partner_Success_Manager__c", "WWPS_PDM__c", "AWS_ISV_Success_Manager__c", "Engagement_Score__c",
        "Recommended_Next_Best_Actions__c", "AWS_Stage__c", "AWS_Close_Date__c", "AWS_Next_Step__c",
        "Opportunity_Ownership__c", "Involvement_Type__c", "AWS_Spend_Estimate__c",
    )  # fmt: skip
    assert list(said.values()) == [
        "Jordan Reyes", "Priya Nair", "Noa Berg", "Kai Lind", "Ida Falk", "Mo Haddad", "High",
        "Plan an Immersion Day", "Business Validation", "2040-01-31", "Bring in a specialist",
        "Partner Referral", "Co-Sell", 777,
    ]  # fmt: skip
    assert shown(world, record, *before) == before


def _steps_follow(live: Live, record: str, identifier: str) -> None:
    """Next steps go out one after the other, and AWS's history of them comes back."""
    world = live.world
    for step in ("Hold the workshop", "Send the offer"):
        world.edit(record, Next_Step__c=step)
        live.worker.cycle()
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Send the offer"
    history = str(shown(world, record, "Next_Step_History__c")["Next_Step_History__c"])
    assert "Agree on a workshop date" in history and "Hold the workshop" in history, history


def _launches(live: Live, record: str, identifier: str) -> None:
    """The deal is won: AWS needs the customer's account, and takes few edits afterwards."""
    world = live.world
    for stage in ("Qualified", "Technical Validation", "Business Validation", "Committed"):
        world.edit(record, Stage__c=stage)
        live.worker.cycle()
        assert world.get(identifier)["LifeCycle"]["Stage"] == stage, told(world, record)
    world.edit(record, Stage__c="Launched")
    live.worker.cycle()
    assert world.get(identifier)["LifeCycle"]["Stage"] == "Committed"
    assert "awsAccountId" in told(world, record)
    world.edit(record, AWS_Account_Id__c="123456789012")
    live.worker.cycle()
    assert world.get(identifier)["LifeCycle"]["Stage"] == "Launched", told(world, record)
    assert told(world, record) == ""
    world.edit(record, Stage__c="Committed", Additional_Comments__c="Reference customer")
    live.worker.cycle()
    answer = world.get(identifier)
    assert answer["LifeCycle"]["Stage"] == "Launched" and "stage" in told(world, record)


def test_a_lost_deal_is_closed_with_its_reason_and_comes_to_rest(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    refused = world.seller.patch(f"sobjects/{DEALS}/{record}", {"Stage__c": "Closed Lost"})
    assert refused.status_code == 400 and "closed lost reason" in refused.text
    world.edit(record, Stage__c="Closed Lost", Closed_Lost_Reason__c="Customer Deficiency")
    live.worker.cycle()
    life = world.get(identifier)["LifeCycle"]
    assert (life["Stage"], life["ClosedLostReason"]) == ("Closed Lost", "Customer Deficiency")
    assert told(world, record) == ""
    world.proxy.forget()
    live.worker.cycle(25 * 3600)
    assert world.proxy.writes(identifier) == []
    assert shown(world, record, "Stage__c", "Closed_Lost_Reason__c") == {
        "Stage__c": "Closed Lost", "Closed_Lost_Reason__c": "Customer Deficiency",
    }  # fmt: skip
    world.edit(record, Next_Step__c="They called again")
    live.worker.cycle()
    assert world.get(identifier)["LifeCycle"]["NextSteps"] != "They called again"
    assert "nextStep" in told(world, record) and "Closed Lost" in told(world, record)


def test_aws_closes_for_its_part_and_the_sellers_stage_stays(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    world.edit_at_aws(
        identifier,
        Summary={"LifeCycle": {"Stage": "Closed Lost", "ClosedLostReason": "No Integration Resources"}},
    )
    live.worker.cycle(7 * 3600)
    said = shown(world, record, "AWS_Stage__c", "Stage__c", "Closed_Lost_Reason__c")
    assert (said["AWS_Stage__c"], said["Closed_Lost_Reason__c"]) == ("Closed Lost", None)
    assert said["Stage__c"] != "Closed Lost"

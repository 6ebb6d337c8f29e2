"""A referral of AWS's, from the invitation to its end: what sellers see in Salesforce, and what AWS is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from referral_desk import (
    ACCEPT_BY,
    ACCEPTS,
    APN,
    ARN,
    DAY,
    INVITATION,
    PEOPLE,
    REJECTS,
    STATUS,
    accept_elsewhere,
    lose_state,
    opportunities_of,
    received,
    refer,
    reject_elsewhere,
    row_of,
    rows_of,
)  # fmt: skip
from system_package import add_validation_rule, copy_package
from system_world import AUTOMATIC, CATALOG, Json, World, codes, open_world

RULE_MESSAGE = "No deals without a website."


@pytest.fixture(scope="module")
def sending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org in which edits go out by themselves; nothing runs unless a test runs it."""
    with open_world(tmp_path_factory.mktemp("sending"), **AUTOMATIC) as world:
        yield world


@pytest.fixture
def passing(tmp_path: Path) -> Iterator[World]:
    """A world of the test's own, whose time may pass."""
    with open_world(tmp_path) as world:
        yield world


def test_an_invitation_becomes_a_record_that_waits(world: World) -> None:
    """What AWS shows before acceptance is there under AWS's names, and nothing of the customer's people."""
    record, ids = received(world)
    row, invitation = row_of(world, ids), world.aws.get_engagement_invitation(
        Catalog=CATALOG, Identifier=ids["invitation"]
    )  # fmt: skip
    shown = invitation["Payload"]["OpportunityInvitation"]
    assert row["Partner_Project_Title__c"] == row["Name"] == shown["Project"]["Title"]
    assert row["Customer_Company_Name__c"] == shown["Customer"]["CompanyName"]
    assert row["Customer_Business_Problem__c"] == shown["Project"]["BusinessProblem"]
    assert row["Target_Close_Date__c"] == shown["Project"]["TargetCompletionDate"]
    assert row["Expected_Monthly_AWS_Revenue__c"] == float(shown["Project"]["ExpectedCustomerSpend"][0]["Amount"])
    assert row["Partner_Development_Manager__c"] == "Noa Berg"
    assert (row[APN], row[STATUS], row[ARN]) == (None, None, invitation["Arn"])
    assert row[ACCEPT_BY][:19] == f"{invitation['ExpirationDate']:%Y-%m-%dT%H:%M:%S}"
    assert (row["Opportunity_Ownership__c"], row["Stage__c"], row["City__c"]) == ("AWS Referral", "Prospect", None)
    assert [row[name] for name in PEOPLE] == [None] * len(PEOPLE)
    assert "accept to view" not in json.dumps(row).lower()
    assert [one["Status__c"] for one in world.details(record)] == ["Processed"]


def test_a_referral_has_one_record_however_often_it_is_looked_at(world: World) -> None:
    """Also with a state that lost its memory, and with an answer of Salesforce's that got lost."""
    ids = refer(world)
    world.fault("salesforce", "collections_upsert", "timeout_after")
    world.sync("inbound")
    record = row_of(world, ids)["Id"]
    world.sync("inbound")
    lose_state(world)
    world.sync("inbound")
    assert row_of(world, ids)["Id"] == record


def test_a_record_that_a_person_deleted_does_not_come_back(world: World) -> None:
    record, ids = received(world)
    assert world.admin.send("DELETE", f"sobjects/ACE_Opportunity__c/{record}").status_code == 204
    lose_state(world)
    world.sync("inbound")
    accept_elsewhere(world, ids)
    world.sync("inbound")
    assert rows_of(world, ids) == []


@pytest.mark.requirement("ELIG-17", "PCAPI-11")
def test_nothing_is_sent_for_a_referral_but_the_answer_to_it(sending: World) -> None:
    """An edit waits, a decision that is typed into the record is no call; both are told. Also with an empty state."""
    world = sending
    record, ids = received(world)
    world.proxy.forget()
    world.edit(record, Next_Step__c="Call the customer")
    world.sync("outbound")
    assert world.preview(record)["code"] == "PENDING_INVITATION"
    assert "accept" in world.preview(record)["plan"][0].lower()
    world.edit(record, Partner_Acceptance_Status__c="Accepted")
    world.sync("outbound")
    told = {one["Error_Code__c"]: one for one in world.details(record) if one["Status__c"] == "Held"}
    assert "Approval Status" in told["DECISION_NOT_SENT"]["Error_Message__c"]
    lose_state(world)
    world.sync("inbound")
    world.sync("outbound")
    assert "accept" in world.do("action", "share", record).out
    assert world.proxy.writes() == []
    world.do("action", "accept", record)
    (call,) = world.proxy.writes()
    assert (call.operation, set(call.body)) == (ACCEPTS, {"Catalog", "ClientToken", "Identifier"})
    assert row_of(world, ids)["Next_Step__c"] == "Call the customer"
    world.sync("outbound")
    assert world.get(ids["opportunity"])["LifeCycle"]["NextSteps"] == "Call the customer"


@pytest.mark.requirement("PCAPI-13", "PCAPI-14", "PCAPI-26", "IN-09")
def test_acceptance_brings_the_people_into_the_same_record(sending: World) -> None:
    """Nothing of what the record was made with goes back as an edit; only our identifier goes along with one."""
    world = sending
    record, ids = received(world)
    world.proxy.forget()
    world.do("action", "accept", record)
    row, contact = row_of(world, ids), world.get(ids["opportunity"])["Customer"]["Contacts"][0]
    assert (row["Id"], row[APN], row[STATUS]) == (record, ids["opportunity"], "Accepted")
    assert row["Customer_Email__c"] == contact["Email"]
    assert row["Customer_Last_Name__c"] == contact["LastName"]
    assert (row["Review_Status__c"], row["Visibility__c"], row["City__c"]) == ("Approved", "Full", "Seattle")
    assert row[ARN] and row[ACCEPT_BY]
    world.sync("outbound")
    world.sync("inbound")
    world.sync("outbound")
    assert [call.operation for call in world.proxy.writes()] == [ACCEPTS]
    assert row_of(world, ids) == row
    assert world.run("action", "accept", record).code == 0
    assert [call.operation for call in world.proxy.writes()] == [ACCEPTS]


def test_a_referrals_whole_life(passing: World) -> None:
    """Pending, reminded, accepted, worked on within AWS's locks, launched."""
    world = passing
    world.settings(**AUTOMATIC)
    record, ids = received(world)
    world.advance(11 * DAY)
    world.sync("inbound")
    assert "INVITATION_LAPSES" not in codes(world.details(record))
    world.advance(1 * DAY + 60)
    for _ in range(2):
        world.sync("inbound")
    (reminder,) = [one for one in world.details(record) if one["Error_Code__c"] == "INVITATION_LAPSES"]
    assert (reminder["Status__c"], reminder["Retry_Count__c"]) == ("Pending", 0)
    assert world.do("referrals", "list", "--json").json[0]["record"] == record
    world.do("action", "accept", record)
    assert {one["Status__c"] for one in world.details(record)} <= {"Processed", "Resolved"}
    # AWS has approved it already: what it locked then is refused, the rest goes out.
    world.edit(record, Partner_Project_Title__c="A title of our own", Next_Step__c="Size the deal")
    world.sync("outbound")
    at_aws = world.get(ids["opportunity"])
    assert at_aws["LifeCycle"]["NextSteps"] == "Size the deal"
    assert at_aws["PartnerOpportunityIdentifier"] == record
    assert at_aws["Project"]["Title"] != "A title of our own"
    assert "FIELD_LOCKED" in codes(world.details(record))
    world.edit(record, Partner_Project_Title__c=at_aws["Project"]["Title"])
    world.aws.associate_opportunity(
        Catalog=CATALOG, OpportunityIdentifier=ids["opportunity"], RelatedEntityType="Solutions",
        RelatedEntityIdentifier="S-1234567",
    )  # fmt: skip
    world.sync("inbound")
    world.edit(record, Stage__c="Launched", AWS_Account_Id__c="123456789012")
    world.sync("outbound")
    assert world.get(ids["opportunity"])["LifeCycle"]["Stage"] == "Launched"
    assert opportunities_of(world, at_aws["Customer"]["Account"]["CompanyName"]) == [ids["opportunity"]]
    assert row_of(world, ids)["Id"] == record


@pytest.mark.requirement("OUT-14")
def test_a_rejection_needs_one_of_awss_reasons_and_keeps_what_was_shown(world: World) -> None:
    record, ids = received(world)
    world.proxy.forget()
    assert "reason" in world.do("action", "reject", record, code=2).err
    assert "Unable to support" in world.do("action", "reject", record, "--reason", "We do not like it", code=2).err
    assert world.proxy.writes() == []
    world.do("action", "reject", record, "--reason", "Duplicate of Partner Referral")
    (call,) = world.proxy.writes()
    assert (call.operation, call.body["RejectionReason"]) == (REJECTS, "Duplicate of partner referral")
    row = row_of(world, ids)
    assert (row[STATUS], row["Rejection_Reason__c"]) == ("Rejected", "Duplicate of partner referral")
    assert row["Partner_Project_Title__c"] and row[APN] is None
    again = world.do("action", "accept", record, code=1)
    assert "rejected already" in again.out
    world.sync("inbound")
    assert row_of(world, ids) == row and len(world.proxy.writes()) == 1


@pytest.mark.requirement("IN-10")
def test_a_referral_that_lapses_is_told_and_takes_no_answer(passing: World) -> None:
    """By our own clock at once, whatever AWS says; accepting is refused without a call."""
    world = passing
    record, ids = received(world)
    world.advance(14 * DAY)
    world.sync("inbound")
    assert "INVITATION_LAPSES" in codes(world.details(record))
    world.advance(1 * DAY + 1)
    world.proxy.forget()
    assert "lapsed" in world.do("action", "accept", record, code=1).out
    assert "lapsed" in world.do("action", "reject", record, "--reason", "Other", code=1).out
    assert world.proxy.writes() == []
    world.sync("inbound")
    assert row_of(world, ids)[STATUS] == "Rejected"
    open_ones = {one["Error_Code__c"]: one["Status__c"] for one in world.details(record)}
    assert (open_ones["INVITATION_EXPIRED"], open_ones["INVITATION_LAPSES"]) == ("Held", "Resolved")
    lose_state(world)
    world.sync("inbound")
    assert world.do("referrals", "list", "--json").json == []
    assert row_of(world, ids)["Id"] == record


def test_accepted_by_a_colleague_its_opportunity_comes_into_the_same_record(world: World) -> None:
    record, ids = received(world)
    accept_elsewhere(world, ids)
    world.sync("inbound")
    row = row_of(world, ids)
    assert (row["Id"], row[APN], row[STATUS]) == (record, ids["opportunity"], "Accepted")
    assert row["Customer_Email__c"] and row["Review_Status__c"] == "Approved"


def test_accepted_by_a_colleague_while_the_state_was_lost(world: World) -> None:
    """The row is found by its invitation; the record's own edit meanwhile is kept, and none is made up."""
    record, ids = received(world)
    world.edit(record, Next_Step__c="Ours")
    lose_state(world)
    accept_elsewhere(world, ids)
    world.sync("inbound")
    row = row_of(world, ids)
    assert (row["Id"], row[APN], row["Next_Step__c"]) == (record, ids["opportunity"], "Ours")
    assert row["Customer_Email__c"]
    assert world.preview(record)["payload"]["LifeCycle"]["NextSteps"] == "Ours"
    assert [line for line in world.preview(record)["plan"] if line.startswith("update")] == [
        "update at AWS: nextStep, partnerCrmUniqueIdentifier"
    ]


def test_rejected_by_a_colleague_it_is_marked_and_not_asked_for_again(world: World) -> None:
    record, ids = received(world)
    reject_elsewhere(world, ids)
    world.sync("inbound")
    row = row_of(world, ids)
    assert (row["Id"], row[STATUS], row[APN]) == (record, "Rejected", None)
    world.proxy.forget()
    world.sync("inbound")
    assert world.proxy.named("GetEngagementInvitation", ids["invitation"]) == []


@pytest.mark.requirement("PCAPI-25")
def test_what_a_colleague_began_and_what_aws_began_are_told_apart(world: World) -> None:
    made = world.control("/aws/create", fields={"LifeCycle.ReviewStatus": "Approved"}, catalog=CATALOG)["opportunity"]
    record, ids = received(world)
    world.do("action", "accept", record)
    (theirs,) = world.find(f"{APN} = '{made}'", "Opportunity_Ownership__c", INVITATION)
    assert (theirs["Opportunity_Ownership__c"], theirs[INVITATION]) == ("Partner Referral", None)
    assert row_of(world, ids)["Opportunity_Ownership__c"] == "AWS Referral"


def test_an_opportunity_of_our_own_is_no_referral(world: World) -> None:
    """Neither is the invitation that our own submission sends to AWS, nor can it be accepted."""
    record, identifier = world.shared()
    world.sync("inbound")
    assert world.find(f"{INVITATION} != null AND {APN} = '{identifier}'") == []
    world.proxy.forget()
    assert "AWS referred" in world.do("action", "accept", record, code=1).out
    assert world.proxy.writes() == []


@pytest.mark.requirement("IN-20")
def test_a_referral_that_the_org_refuses_is_corrected_and_then_accepted(tmp_path: Path) -> None:
    package = copy_package(
        tmp_path / "package",
        lambda it: add_validation_rule(it, "No_Vikings", 'Customer_Website__c = "viking.example"', RULE_MESSAGE),
    )
    with open_world(tmp_path / "world", package=package) as world:
        ids = refer(world, Customer__Account__WebsiteUrl="viking.example")
        world.sync("inbound", code=1)
        assert rows_of(world, ids) == []
        (error,) = [one for one in world.details(ids["invitation"], "Id", "Payload__c") if one["Status__c"] == "Error"]
        assert RULE_MESSAGE in error["Error_Message__c"]
        corrected: Json = json.loads(error["Payload__c"])
        corrected["Customer"]["Account"]["WebsiteUrl"] = "northern.example"
        values = {"Corrected_Payload__c": json.dumps(corrected), "Reprocess__c": True}
        assert world.admin.patch(f"sobjects/ACE_Sync_Log_Detail__c/{error['Id']}", values).status_code == 204
        world.sync("inbound")
        record = row_of(world, ids)["Id"]
        assert row_of(world, ids)["Customer_Website__c"] == "northern.example"
        world.do("action", "accept", record)
        row = row_of(world, ids)
        assert (row["Id"], row[APN], row["Customer_Website__c"]) == (record, ids["opportunity"], "northern.example")
        assert row["Customer_Email__c"]


def test_a_rule_of_the_admins_accepts_and_a_broken_one_accepts_nothing(passing: World) -> None:
    world = passing
    record, ids = received(world)
    for rule in ('country = "US"', 'AND(ISPICKVAL(country, "US"), expectedMonthlyAwsRevenue > 1000000)'):
        world.settings(Accept_Rule__c=rule)
        world.sync("inbound")
        assert row_of(world, ids)[APN] is None
    world.settings(Accept_Rule__c='ISPICKVAL(country, "US")')
    world.sync("inbound")
    assert row_of(world, ids)[APN] == ids["opportunity"]
    notes = [one["Error_Message__c"] or "" for one in world.details(record)]
    assert any("Accept_Rule__c" in note and "country is US" in note for note in notes)


def test_what_aws_showed_is_forgotten(world: World) -> None:
    record, _ = received(world, Project__Title="Secret Port Automation")
    assert b"Secret Port Automation" in world.state_path.read_bytes() + _wal(world)
    world.do("forget", record)
    assert b"Secret Port Automation" not in world.state_path.read_bytes() + _wal(world)


def _wal(world: World) -> bytes:
    wal = world.state_path.with_name(world.state_path.name + "-wal")
    return wal.read_bytes() if wal.exists() else b""


@pytest.mark.requirement("MAP-33")
def test_the_fields_of_an_invitation_and_of_a_share_have_their_place(sending: World) -> None:
    """ARN and visibility come in; the opportunity type goes out."""
    world = sending
    record, ids = received(world)
    assert row_of(world, ids)[ARN]
    world.do("action", "accept", record)
    assert (row_of(world, ids)["Visibility__c"], row_of(world, ids)[ARN] is None) == ("Full", False)
    deal = world.deal(Opportunity_Type__c="Expansion")
    world.proxy.forget()
    world.sync("outbound", deal)
    (call,) = world.proxy.named("CreateOpportunity")
    assert call.body["OpportunityType"] == "Expansion"


@pytest.mark.requirement("MAP-53")
def test_the_deadline_lands_in_its_field_and_a_channel_needs_a_marketing_activity(sending: World) -> None:
    world = sending
    _, ids = received(world)
    assert row_of(world, ids)[ACCEPT_BY]
    deal = world.deal(Marketing_Source__c="None", Marketing_Activity_Channels__c="Email")
    world.proxy.forget()
    world.sync("outbound", deal, code=1)
    assert world.proxy.writes() == []
    assert "marketingActivityChannel" in str(world.errors(deal))
    world.edit(deal, Marketing_Activity_Channels__c=None)
    world.sync("outbound", deal)
    assert [call.operation for call in world.proxy.writes()][:1] == ["CreateOpportunity"]
    assert world.errors(deal) == []


@pytest.mark.requirement("IN-24")
def test_an_invitation_with_more_and_with_less_than_we_know_is_processed(world: World) -> None:
    """Members that no release knows yet, another kind of payload beside ours, and every optional one missing."""
    ids = refer(world)
    whole = world.aws.get_engagement_invitation(Catalog=CATALOG, Identifier=ids["invitation"])
    customer = whole["Payload"]["OpportunityInvitation"]["Customer"]
    project = whole["Payload"]["OpportunityInvitation"]["Project"]
    kept = {name: whole[name] for name in ("Id", "Catalog", "PayloadType", "Status", "SenderAwsAccountId")}
    spend = [{**one, "Currency": "new"} for one in project["ExpectedCustomerSpend"]]
    payload = {
        "Customer": {**customer, "Mood": "good"},
        "Project": {**project, "ExpectedCustomerSpend": spend, "Priority": 1},
        "ReceiverResponsibilities": [],
        "Motion": {"New": True},
    }
    answer = {**kept, "Payload": {"OpportunityInvitation": payload}, "Reward": {"Points": 7}, "ExpirationDate": None}
    world.proxy.scripted["GetEngagementInvitation"] = [(200, answer)]
    world.sync("inbound")
    row = row_of(world, ids)
    assert (row["Partner_Project_Title__c"], row[ACCEPT_BY], row[ARN]) == (project["Title"], None, None)

"""The packaged buttons as a seller presses them over HTTP: what they preset, what they save, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_sandbox import Client, World, running_org

from connector.sandbox.server import METADATA

DEAL, LEAD, REQUEST, OFFER = "ACE_Opportunity__c", "ACE_Lead__c", "ACE_Action_Request__c", "AWS_Private_Offer__c"
RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
REVIEWS = ("Pending Submission", "Submitted", "In review", "Approved", "Action Required", "Rejected")
DECISION, REASON = "Partner_Acceptance_Status__c", "Rejection_Reason__c"
ASSIGNEE = {
    "Assignee_First_Name__c": "Ann", "Assignee_Last_Name__c": "Lee", "Assignee_Email__c": "ann@example.com",
    "Assignee_Business_Title__c": "OpportunityOwner",
}  # fmt: skip
Json = dict[str, Any]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_org(METADATA, tmp_path_factory.mktemp("org")) as found:
        yield found


@pytest.fixture
def world(packaged: World) -> World:
    packaged.org.reset()
    return packaged


def create(client: Client, name: str, **fields: Any) -> str:
    answer = client.post(f"sobjects/{name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def press(world: World, button: str, record: str, **entered: Any) -> Any:
    """Press a button of a record's page as the seller, with what he enters in its dialog."""
    name, _, action = button.partition(".")
    return world.seller.post(f"sobjects/{name}/quickActions/{action}", {"contextId": record, "record": entered})


def saved(world: World, answer: Any) -> Json:
    """Return the request that a button saved, as the connector reads it."""
    assert answer.status_code == 201, answer.text
    fields = "Action__c, Status__c, ACE_Opportunity__c, ACE_Lead__c, Opportunity__c, Lead__c, Private_Offer__c"
    more = ", ".join((DECISION, REASON, *ASSIGNEE))
    [row] = world.worker.rows(f"SELECT {fields}, {more} FROM {REQUEST} WHERE Id = '{answer.json()['id']}'")
    return {name: value for name, value in row.items() if value is not None}


def refusal(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    [error] = answer.json()
    assert error["errorCode"] == RULE, error
    return str(error["message"])


def referral(world: World) -> str:
    """Return an opportunity that AWS referred, owned by the seller."""
    owner = world.org.user("seller")
    return create(world.worker, DEAL, Name="Referral", Opportunity_Ownership__c="AWS Referral", OwnerId=owner)


@pytest.mark.parametrize("review", [None, *REVIEWS])
def test_approval_status_shows_what_aws_says_of_the_opportunity(world: World, review: str | None) -> None:
    owner = world.org.user("seller")
    deal = create(world.worker, DEAL, Name="Deal", Review_Status__c=review, OwnerId=owner)
    shown = world.seller.get(f"sobjects/{DEAL}/quickActions/ACE_Approval_Status/defaultValues/{deal}").json()
    assert shown.get("Approval_Status__c") == review
    assert shown["Action__c"] == "Approval Status"


def test_the_field_that_s3_users_accept_with_points_to_the_button(world: World) -> None:
    described = world.seller.get(f"sobjects/{DEAL}/describe").json()["fields"]
    [hint] = [one["inlineHelpText"] for one in described if one["name"] == DECISION]
    assert "Approval Status" in hint and "not sent" in hint


@pytest.mark.parametrize("decision", [{DECISION: "Accepted"}, {DECISION: "Rejected", REASON: "Other"}], ids=str)
def test_a_decision_is_saved_with_its_reason(world: World, decision: Json) -> None:
    record = referral(world)
    row = saved(world, press(world, f"{DEAL}.ACE_Approval_Status", record, **decision))
    assert row == {"Action__c": "Approval Status", "Status__c": "New", DEAL: record, **decision}


@pytest.mark.parametrize(
    ("decision", "told"),
    [({}, "Choose Accepted or Rejected"), ({DECISION: "Rejected"}, "Choose a rejection reason")],
    ids=str,
)
def test_an_incomplete_decision_is_refused(world: World, decision: Json, told: str) -> None:
    assert told in refusal(press(world, f"{DEAL}.ACE_Approval_Status", referral(world), **decision))


def test_an_assignee_is_saved_and_every_part_is_asked_for(world: World) -> None:
    record = create(world.seller, DEAL, Name="Deal")
    row = saved(world, press(world, f"{DEAL}.ACE_Assign", record, **ASSIGNEE))
    assert row == {"Action__c": "Assign", "Status__c": "New", DEAL: record, **ASSIGNEE}
    for missing in ASSIGNEE:
        entered = {name: value for name, value in ASSIGNEE.items() if name != missing}
        assert "of the assignee" in refusal(press(world, f"{DEAL}.ACE_Assign", record, **entered))


def test_an_offer_to_link_is_chosen_among_those_that_the_seller_sees(world: World) -> None:
    """It has to be shared with him; without an offer nothing is saved."""
    record = create(world.seller, DEAL, Name="Deal")
    assert "Choose the private offer" in refusal(press(world, f"{DEAL}.ACE_Link_Private_Offer", record))
    offer = create(world.worker, OFFER, Name="Offer", Offer_Id__c="offer-1", Entity_Key__c="111122223333|offer-1")
    hidden = press(world, f"{DEAL}.ACE_Link_Private_Offer", record, Private_Offer__c=offer)
    assert hidden.status_code == 400, "an offer that the seller cannot see cannot be chosen"
    assert world.worker.rows(f"SELECT Id FROM {REQUEST}") == []
    admin = Client(world.url, world.org.launch_info()["users"]["admin"]["access_token"])
    share = {"ParentId": offer, "UserOrGroupId": world.org.user("seller"), "AccessLevel": "Read"}
    create(admin, "AWS_Private_Offer__Share", **share)
    row = saved(world, press(world, f"{DEAL}.ACE_Link_Private_Offer", record, Private_Offer__c=offer))
    assert row == {"Action__c": "Link Private Offer", "Status__c": "New", DEAL: record, "Private_Offer__c": offer}


def test_only_imported_offers_are_linked(world: World) -> None:
    """The lookup's filter refuses an offer without AWS's id, in its own words, until the offer has one."""
    admin = Client(world.url, world.org.launch_info()["users"]["admin"]["access_token"])
    record = create(admin, DEAL, Name="Deal")
    offer = create(world.worker, OFFER, Name="Draft")
    row = {"Action__c": "Link Private Offer", DEAL: record, "Private_Offer__c": offer}
    [error] = admin.post(f"sobjects/{REQUEST}", row).json()
    assert error["errorCode"] == "FIELD_FILTER_VALIDATION_EXCEPTION"
    assert error["message"] == "Choose an offer that was imported from AWS Marketplace."
    assert error["fields"] == ["Private_Offer__c"]
    assert world.worker.patch(f"sobjects/{OFFER}/{offer}", {"Offer_Id__c": "offer-1"}).status_code == 204
    create(admin, REQUEST, **row)
    assert world.worker.patch(f"sobjects/{OFFER}/{offer}", {"Offer_Id__c": None}).status_code == 204
    assert admin.post(f"sobjects/{REQUEST}", row).status_code == 400


@pytest.mark.parametrize(
    ("name", "lookup", "needed"),
    [
        (DEAL, DEAL, {"Name": "Deal"}),
        (LEAD, LEAD, {"Name": "Lead"}),
        ("Opportunity", "Opportunity__c", {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01"}),
        ("Lead", "Lead__c", {"LastName": "Kim", "Company": "Acme"}),
    ],
    ids=str,
)
def test_one_record_of_each_kind_is_sent_by_its_button(world: World, name: str, lookup: str, needed: Json) -> None:
    record = create(world.seller, name, **needed)
    row = saved(world, press(world, f"{name}.ACE_Send_to_AWS", record))
    assert row == {"Action__c": "Send", "Status__c": "New", lookup: record}


def test_what_a_button_presets_is_not_changed_afterwards(world: World) -> None:
    """Neither by who pressed it, nor by the connector, which only answers."""
    record = create(world.seller, DEAL, Name="Deal")
    made = press(world, f"{DEAL}.ACE_Share_with_AWS", record).json()["id"]
    assert world.seller.patch(f"sobjects/{REQUEST}/{made}", {"Action__c": "Assign"}).status_code == 400
    assert world.worker.patch(f"sobjects/{REQUEST}/{made}", {"Action__c": "Assign"}).status_code == 400
    answer = {"Status__c": "Done", "Message__c": "AWS has the record."}
    assert world.worker.patch(f"sobjects/{REQUEST}/{made}", answer).status_code == 204

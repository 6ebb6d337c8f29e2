"""Sellers ask by buttons in Salesforce, which create request rows; the worker does it once and answers there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client
from system_worker import Worker
from system_world import FAST, World, open_world

from connector.sandbox.server import METADATA

REQUESTS, DEALS = "ACE_Action_Request__c", "ACE_Opportunity__c"
APN = "ACE_APN_Unique_Identifier__c"
BUSINESS_USER = "APN_Business_User"


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[tuple[World, Worker]]:
    """A world in which the worker runs and sends nothing by itself."""
    with open_world(tmp_path, **FAST) as world, world.working() as worker:
        worker.settle()
        yield world, worker


def ask(world: World, action: str, record: str | None, person: Client | None = None, **fields: Any) -> str:
    """Create a request as a person; return its id."""
    values = {"Action__c": action, "ACE_Opportunity__c": record, **fields}
    answer = (person or world.seller).post(f"sobjects/{REQUESTS}", values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def shown(person: Client, request: str) -> dict[str, Any]:
    """Return the request as the person sees it."""
    return person.rows(f"SELECT Status__c, Message__c, Completed_At__c FROM {REQUESTS} WHERE Id = '{request}'")[0]


def answered(world: World, worker: Worker, request: str, person: Client | None = None) -> dict[str, Any]:
    """Let time pass until the request has its answer."""

    def done() -> bool:
        world.advance(3)
        return shown(person or world.seller, request)["Status__c"] not in ("New", "In Progress")

    world.eventually(done, lambda: f"an answer; there is {shown(world.admin, request)} {world.pending()}")
    worker.settle()
    return shown(person or world.seller, request)


@pytest.mark.requirement("PCAPI-02")
def test_a_request_is_carried_out_once_and_answered_where_it_was_made(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST) as world:
        record = world.deal()
        with world.working() as worker:
            request = ask(world, "Share", record)
            answer = answered(world, worker, request)
            identifier = world.row(record)[APN]
            assert answer["Status__c"] == "Done"
            assert identifier and identifier in answer["Message__c"]
            assert answer["Completed_At__c"]
            second = world.run("run", CONNECTOR__STATE__PATH=str(tmp_path / "second.db"))
            assert second.code == 3, second.err
            world.proxy.forget()
            worker.cycle(61)
        with world.working("again") as worker:
            worker.cycle(61)
        assert world.proxy.writes() == []
        assert world.of_record(record) == [identifier]
        assert shown(world.seller, request) == answer


@pytest.mark.requirement("PCAPI-02")
def test_killed_while_it_works_it_comes_to_the_same_end(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST) as world:
        record = world.deal()
        worker = world.start_worker()
        worker.wait_for("working")
        request = ask(world, "Share", record)
        world.advance(6)
        world.eventually(lambda: shown(world.admin, request)["Status__c"] == "In Progress", "the start")
        worker.kill()
        with world.working("again") as worker:
            assert answered(world, worker, request)["Status__c"] == "Done"
        assert len(world.of_record(record)) == 1


@pytest.mark.requirement("PCAPI-03")
def test_without_the_permission_set_nothing_is_called(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record = world.deal()
    [held] = world.admin.rows(
        "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = "
        f"'{BUSINESS_USER}' AND AssigneeId = '{world.user('seller')}'"
    )
    world.proxy.forget()
    request = ask(world, "Share", record)
    assert world.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{held['Id']}").status_code == 204
    answer = answered(world, worker, request, world.admin)
    assert answer["Status__c"] == "Failed"
    assert "APN Business User" in answer["Message__c"]
    assert world.proxy.writes() == [] and world.of_record(record) == []


def test_a_record_that_the_requester_may_only_read_is_not_shared_for_them(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record = world.deal()
    request = ask(world, "Share", None, world.seller2, Record_Id__c=record)
    answer = answered(world, worker, request, world.seller2)
    assert answer["Status__c"] == "Failed"
    assert record in answer["Message__c"]
    assert world.of_record(record) == []


@pytest.mark.requirement("OUT-24")
def test_send_takes_one_record_while_others_wait_for_the_schedule(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    sent, waiting = world.deal(), world.deal()
    worker.cycle(61)
    assert answered(world, worker, ask(world, "Send", sent))["Status__c"] == "Done"
    worker.cycle(61)
    assert len(world.of_record(sent)) == 1
    assert world.of_record(waiting) == []
    fields = {"Object__c": "Opportunity", "Interval_Minutes__c": 60, "Active__c": True}
    assert world.integration.post("sobjects/ACE_Schedule__c", fields).status_code == 201

    def arrived() -> list[str]:
        world.advance(6)
        return world.of_record(waiting)

    world.eventually(arrived, "the scheduled run")


def test_an_edit_is_sent_on_request_and_waits_for_awss_review(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record = world.deal()
    assert answered(world, worker, ask(world, "Share", record))["Status__c"] == "Done"
    [identifier] = world.of_record(record)
    world.edit(record, Next_Step__c="Sign")
    answer = answered(world, worker, ask(world, "Share", record))
    assert answer["Status__c"] == "Done"
    assert answer["Message__c"].startswith("It waits: ")
    world.review(identifier, "Approved")
    worker.cycle()
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Sign"


def test_refresh_shows_what_aws_has_now(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record = world.deal()
    assert answered(world, worker, ask(world, "Refresh", record))["Status__c"] == "Failed"
    assert answered(world, worker, ask(world, "Share", record))["Status__c"] == "Done"
    [identifier] = world.of_record(record)
    world.review(identifier, "Approved")
    assert answered(world, worker, ask(world, "Refresh", record))["Status__c"] == "Done"
    assert world.row(record, "Review_Status__c")["Review_Status__c"] == "Approved"


def test_awss_own_words_reach_the_seller(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record = world.deal(Postal_Code__c="?")
    answer = answered(world, worker, ask(world, "Share", record))
    assert answer["Status__c"] == "Failed"
    assert "postalCode" in answer["Message__c"]


def test_the_integration_user_deactivates_all_schedules_by_a_request(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    fields = {"Object__c": "Opportunity", "Interval_Minutes__c": 60, "Active__c": True}
    assert world.integration.post("sobjects/ACE_Schedule__c", fields).status_code == 201
    worker.cycle()
    refused = answered(world, worker, ask(world, "Deactivate Schedules", None))
    assert refused["Status__c"] == "Failed"
    allowed = ask(world, "Deactivate Schedules", None, world.admin)
    assert answered(world, worker, allowed, world.admin)["Status__c"] == "Done"
    assert [one["Active__c"] for one in world.admin.rows("SELECT Active__c FROM ACE_Schedule__c")] == [False]


def dialog(world: World, record: str) -> Any:
    """Return the approval status that the seller's dialog shows as it opens."""
    path = f"sobjects/{DEALS}/quickActions/ACE_Approval_Status/defaultValues/{record}"
    return world.seller.get(path).json().get("Approval_Status__c")


@pytest.mark.requirement("PCAPI-32")
def test_the_dialog_of_approval_status_shows_where_awss_review_stands(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, other = world.deal(), world.deal()
    seen = []

    def follows(deal: str, identifier: str) -> None:
        worker.cycle(61)
        status = world.get(identifier)["LifeCycle"]["ReviewStatus"]
        assert dialog(world, deal) == status
        seen.append(status)

    for deal, steps in ((record, ("In review", "Approved")), (other, ("Action Required",))):
        assert dialog(world, deal) in (None, "Pending Submission")
        assert answered(world, worker, ask(world, "Share", deal))["Status__c"] == "Done"
        [identifier] = world.of_record(deal)
        follows(deal, identifier)
        for step in steps:
            world.review(identifier, step)
            follows(deal, identifier)
    assert seen == ["Submitted", "In review", "Approved", "Submitted", "Action Required"]


@pytest.mark.requirement("PCAPI-08")
def test_a_stage_chosen_in_the_path_edited_or_completed_goes_out_when_shared(manual: tuple[World, Worker]) -> None:
    """In each way the page writes the stage of the record; what differs is which stage that is."""
    world, worker = manual
    [path] = METADATA.rglob("ACE_Opportunity_Stage.pathAssistant-meta.xml")
    text = path.read_text(encoding="utf8")
    assert f"<entityName>{DEALS}</entityName>" in text and "<fieldName>Stage__c</fieldName>" in text
    stages = re.findall(r"<picklistValueName>(.*)</picklistValueName>", text)
    record = world.deal(Stage__c=stages[0])
    assert answered(world, worker, ask(world, "Share", record))["Status__c"] == "Done"
    [identifier] = world.of_record(record)
    world.review(identifier, "Approved")
    worker.cycle(61)
    completed, edited, chosen = stages[1], stages[2], stages[3]
    for stage in (completed, edited, chosen):
        world.edit(record, Stage__c=stage)
        assert answered(world, worker, ask(world, "Share", record))["Status__c"] == "Done"
        assert world.get(identifier)["LifeCycle"]["Stage"] == stage


def test_a_command_brings_in_what_aws_has_for_a_record(world: World) -> None:
    record, identifier = world.shared("In review", "Approved")
    world.edit_at_aws(identifier, LifeCycle__NextSteps="Meet the architect")
    unshared = world.deal(ACE_Sync_with_AWS__c=False)
    assert f"{record}: done." in world.do("action", "refresh", record).out
    assert world.row(record, "Next_Step__c")["Next_Step__c"] == "Meet the architect"
    assert "Share it first" in world.do("action", "refresh", unshared, code=1).out

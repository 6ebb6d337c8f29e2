"""An opportunity is handed to a colleague: by a request of a seller, by command, over a selection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client
from system_worker import Worker
from system_world import CATALOG, DEALS, FAST, World, open_world

REQUESTS = "ACE_Action_Request__c"
RITA = {
    "Assignee_First_Name__c": "Rita", "Assignee_Last_Name__c": "Lindqvist",
    "Assignee_Email__c": "rita.lindqvist@northwind.example", "Assignee_Business_Title__c": "OpportunityOwner",
}  # fmt: skip
TO_RITA = ("--first-name", "Rita", "--last-name", "Lindqvist", "--email", "rita.lindqvist@northwind.example")


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[tuple[World, Worker]]:
    """A world in which the worker runs and sends nothing by itself."""
    with open_world(tmp_path, **FAST) as world, world.working() as worker:
        worker.settle()
        yield world, worker


def post(world: World, record: str, person: Client | None = None, **fields: Any) -> Any:
    values = {"Action__c": "Assign", "ACE_Opportunity__c": record, **RITA, **fields}
    return (person or world.seller).post(f"sobjects/{REQUESTS}", values)


def shown(world: World, request: str) -> dict[str, Any]:
    return world.admin.rows(f"SELECT Status__c, Message__c FROM {REQUESTS} WHERE Id = '{request}'")[0]


def answered(world: World, worker: Worker, answer: Any) -> dict[str, Any]:
    """Let time pass until the request that was created has its answer."""
    assert answer.status_code == 201, answer.text
    request = str(answer.json()["id"])

    def done() -> bool:
        world.advance(3)
        return shown(world, request)["Status__c"] not in ("New", "In Progress")

    world.eventually(done, lambda: f"an answer; there is {shown(world, request)} {world.pending()}")
    worker.settle()
    return shown(world, request)


def shared(world: World, worker: Worker) -> tuple[str, str]:
    record = world.deal()
    identifier = worker.submitted(record)
    world.review(identifier, "Approved")
    worker.cycle()
    world.proxy.forget()
    return record, identifier


def team(world: World, identifier: str) -> dict[str, str]:
    return {one["BusinessTitle"]: one["Email"] for one in world.get(identifier)["OpportunityTeam"]}


@pytest.mark.requirement("PCAPI-15")
def test_the_opportunity_is_handed_over_and_every_detail_is_asked_for(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    for missing in RITA:
        refused = post(world, record, **{missing: None})
        assert (refused.status_code, "of the assignee" in refused.text) == (400, True)
    answer = answered(world, worker, post(world, record))
    assert answer["Status__c"] == "Done"
    [call] = world.proxy.writes()
    assert call.operation == "AssignOpportunity"
    assert call.body["Assignee"] == {
        "Email": "rita.lindqvist@northwind.example", "FirstName": "Rita", "LastName": "Lindqvist",
        "BusinessTitle": "OpportunityOwner",
    }  # fmt: skip
    assert call.body["Catalog"] == CATALOG
    assert team(world, identifier)["OpportunityOwner"] == "rita.lindqvist@northwind.example"
    row = world.row(record, "Opportunity_Owner_Email__c", "Opportunity_Owner_Name__c")
    assert row["Opportunity_Owner_Email__c"] == "rita.lindqvist@northwind.example"
    world.proxy.forget()
    world.edit(record, Next_Step__c="Call")
    world.do("action", "share", record)
    worker.settle()
    assert [one.operation for one in world.proxy.writes()] == ["UpdateOpportunity"], "it stays Rita's"
    assert team(world, identifier)["OpportunityOwner"] == "rita.lindqvist@northwind.example"


@pytest.mark.requirement("PCAPI-23")
def test_awss_own_reason_is_told_at_once_and_logged(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record, _ = shared(world, worker)
    answer = answered(world, worker, post(world, record, Assignee_Email__c="nobody@northwind.example"))
    reason = "User not found for Opportunity Owner email: nobody@northwind.example"
    assert (answer["Status__c"], reason in answer["Message__c"]) == ("Failed", True)
    assert [one for one in world.details(record) if reason in str(one["Error_Message__c"])]
    contact = {"Assignee_Email__c": "kim@partner.example", "Assignee_Business_Title__c": "PartnerAccountManager"}
    assert answered(world, worker, post(world, record, **contact))["Status__c"] == "Done"


@pytest.mark.requirement("PCAPI-16")
def test_a_referral_is_assigned_only_after_it_was_accepted(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    row = {"Name": "A referral", "ACE_Invitation_Id__c": "engi-0123456789abc", "OwnerId": world.user("seller")}
    created = world.integration.post(f"sobjects/{DEALS}", row)
    assert created.status_code == 201, created.text
    record = str(created.json()["id"])
    world.proxy.forget()
    answer = answered(world, worker, post(world, record))
    assert (answer["Status__c"], "not accepted yet" in answer["Message__c"]) == ("Failed", True)
    assert world.proxy.writes() == []


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_lost_answer_is_looked_after_before_it_is_repeated(manual: tuple[World, Worker], kind: str) -> None:
    world, worker = manual
    record, identifier = shared(world, worker)
    world.fault("partner_central", "AssignOpportunity", kind)
    assert answered(world, worker, post(world, record))["Status__c"] == "Done"
    assert len(world.proxy.named("AssignOpportunity")) == (1 if kind == "timeout_after" else 2)
    assert team(world, identifier)["OpportunityOwner"] == "rita.lindqvist@northwind.example"


@pytest.mark.parametrize("stage", ["before", "after"])
def test_killed_at_the_call_it_comes_to_the_same_end(tmp_path: Path, stage: str) -> None:
    with open_world(tmp_path, **FAST) as world:
        with world.working() as worker:
            record, identifier = shared(world, worker)
        worker = world.start_worker()
        worker.wait_for("working")
        world.proxy.once(stage, "AssignOpportunity", worker.kill)
        asked = post(world, record)

        def dead() -> bool:
            world.advance(3)
            return worker.process.poll() is not None

        world.eventually(dead, "the kill")
        with world.working("again") as worker:
            assert answered(world, worker, asked)["Status__c"] == "Done"
        assert team(world, identifier)["OpportunityOwner"] == "rita.lindqvist@northwind.example"


def test_commands_assign_one_record_and_a_selection(world: World) -> None:
    (first, one), (second, other) = world.shared(), world.shared()
    text = world.do("action", "assign", first, *TO_RITA).out
    assert f"{first}: done." in text
    assert team(world, one)["OpportunityOwner"] == "rita.lindqvist@northwind.example"
    unshared = world.deal(ACE_Sync_with_AWS__c=False)
    lines = [
        "Record_Id,Email,First_Name,Last_Name", f"{first},sam.okafor@northwind.example,Sam,Okafor", f"{second},,,",
        f"{unshared},,,",
    ]  # fmt: skip
    path = world.directory / "people.csv"
    path.write_text("\n".join(lines), encoding="utf8")
    ran = world.do("action", "assign", "--file", str(path), *TO_RITA, "--json", code=1)
    assert [told["state"] for told in ran.json["records"]] == ["done", "done", "failed"]
    assert (ran.json["done"], ran.json["failed"], ran.json["waiting"]) == (2, 1, 0)
    assert team(world, one)["OpportunityOwner"] == "sam.okafor@northwind.example"
    assert team(world, other)["OpportunityOwner"] == "rita.lindqvist@northwind.example"
    refused = world.do("action", "assign", first, "--email", "rita", code=2).err
    assert "Assignee First Name is required" in refused and "'rita' is no e-mail address" in refused

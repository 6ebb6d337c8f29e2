"""What is asked of records in the bucket, shown on the way over the API: identifiers, owners, origins, absence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_package import add_validation_rule, copy_package
from system_world import CATALOG, DETAILS, Live, World, open_live, open_world

OWNERS = ("Opportunity_Owner_Email__c", "Opportunity_Owner_Name__c")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with open_live(tmp_path_factory.mktemp("live")) as opened:
        yield opened


def owner_of(world: World, record: str) -> dict[str, Any]:
    team = world.opportunity(record)["OpportunityTeam"]
    found: dict[str, Any] = next(one for one in team if one["BusinessTitle"] == "OpportunityOwner")
    return found


@pytest.mark.requirement("OUT-04")
def test_a_new_record_goes_out_with_our_identifier_and_a_known_one_with_both(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    (create,) = world.proxy.named("CreateOpportunity", record)
    assert create.body["PartnerOpportunityIdentifier"] == record and "Identifier" not in create.body
    world.edit(record, Next_Step__c="Both identifiers")
    live.worker.cycle()
    (update,) = world.proxy.named("UpdateOpportunity", identifier)
    assert (update.body["PartnerOpportunityIdentifier"], update.body["Identifier"]) == (record, identifier)


@pytest.mark.requirement("OUT-17")
def test_an_owner_on_the_record_becomes_the_owner_or_the_log_says_why_not(live: Live) -> None:
    world = live.world
    blank = world.deal()
    named = world.deal(**dict(zip(OWNERS, ("Sam.Okafor@northwind.example", "Sam Okafor"), strict=True)))
    unknown = world.deal(**dict(zip(OWNERS, ("nobody@northwind.example", "No Body"), strict=True)))
    nameless = world.deal(Opportunity_Owner_Email__c="rita.lindqvist@northwind.example")
    live.worker.cycle()
    assert owner_of(world, blank)["Email"] == "admin@northwind.example", "AWS makes the alliance lead the owner"
    assert world.proxy.named("AssignOpportunity", world.of_record(blank)[0]) == []
    assert owner_of(world, named)["Email"] == "sam.okafor@northwind.example"
    assert world.opportunity(named)["LifeCycle"]["ReviewStatus"] == "Submitted"
    (error,) = world.errors(unknown)
    assert "User not found for Opportunity Owner email" in error["Error_Message__c"]
    assert "opportunityOwnerName" in world.errors(nameless)[0]["Error_Message__c"] and not world.of_record(nameless)
    world.edit(unknown, **dict(zip(OWNERS, ("rita.lindqvist@northwind.example", "Rita Lindqvist"), strict=True)))
    live.worker.cycle()
    live.worker.cycle()
    assert owner_of(world, unknown)["LastName"] == "Lindqvist" and len(world.of_record(unknown)) == 1
    assert world.opportunity(unknown)["LifeCycle"]["ReviewStatus"] == "Submitted"
    assert world.errors(unknown) == []


@pytest.mark.requirement("PCAPI-25", "OUT-32")
def test_origins_are_never_confused(live: Live) -> None:
    world = live.world
    made = world.control("/aws/create", fields={"LifeCycle": {"ReviewStatus": "Approved"}}, catalog=CATALOG)
    referral = world.control("/aws/refer", fields={}, catalog=CATALOG)
    world.aws.start_engagement_by_accepting_invitation_task(
        Catalog=CATALOG, Identifier=referral["invitation"], ClientToken="by-a-colleague"
    )
    live.worker.cycle()
    live.worker.cycle()
    identifiers = {"Partner Referral": made["opportunity"], "AWS Referral": referral["opportunity"]}
    records = {}
    for origin, identifier in identifiers.items():
        (row,) = world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'", "Opportunity_Ownership__c")
        assert row["Opportunity_Ownership__c"] == origin
        records[origin] = row["Id"]
    world.proxy.forget()
    for record in records.values():
        world.edit(record, world.admin, ACE_Sync_with_AWS__c=True, Next_Step__c="Edited by a seller")
    live.worker.cycle()
    live.worker.cycle()
    for origin, identifier in identifiers.items():
        assert {call.operation for call in world.proxy.writes(identifier)} == {"UpdateOpportunity"}, origin
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Edited by a seller"
    assert world.proxy.named("CreateOpportunity") == []


@pytest.mark.requirement("OUT-33")
def test_a_days_absence_is_made_up_for(tmp_path: Path) -> None:
    with open_live(tmp_path) as opened:
        world, (record, identifier) = opened.world, opened.worker.shared()
        assert opened.worker.stop() == 0
        new = world.deal()
        world.edit(record, Next_Step__c="While nobody looked")
        world.edit_at_aws(identifier, Customer__Account__Address__City="Bellevue")
        made = world.control("/aws/create", fields={"LifeCycle": {"ReviewStatus": "Approved"}}, catalog=CATALOG)
        world.advance(24 * 3600)
        with world.working("after") as worker:
            worker.cycle()
            worker.cycle()
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "While nobody looked"
        assert world.row(record, "City__c")["City__c"] == "Bellevue"
        assert len(world.of_record(new)) == 1
        assert len(world.find(f"ACE_APN_Unique_Identifier__c = '{made['opportunity']}'")) == 1


@pytest.mark.requirement("IN-17")
def test_what_fails_again_when_processed_again_is_an_error(tmp_path: Path) -> None:
    """A record that was refused in a partly processed log is refused again: its log says Error then."""
    package = copy_package(
        tmp_path / "package", lambda it: add_validation_rule(it, "No_Atlantis", 'City__c = "Atlantis"', "No Atlantis.")
    )
    with open_world(tmp_path / "world", package=package) as world:
        (good, good_id), (bad, bad_id) = world.shared(), world.shared()
        world.edit_at_aws(good_id, Customer__Account__Address__City="Tacoma")
        world.edit_at_aws(bad_id, Customer__Account__Address__City="Atlantis")
        world.sync("inbound", code=1)
        assert world.row(good, "City__c")["City__c"] == "Tacoma"
        assert log_of(world, bad)["Status__c"] == "Partial"
        (error,) = world.errors(bad)
        (detail,) = world.admin.rows(f"SELECT Id FROM {DETAILS} WHERE Record_Id__c = '{bad}' AND Status__c = 'Error'")
        ticked = world.admin.patch(f"sobjects/{DETAILS}/{detail['Id']}", {"Reprocess__c": True})
        assert ticked.status_code == 204, ticked.text
        world.run("sync", "inbound")
        log = log_of(world, bad)
        assert (log["Status__c"], log["Error_Count__c"]) == ("Error", 1)
        assert log["Log_Key__c"] != error["Sync_Log__r"]["Log_Key__c"]


def log_of(world: World, record: str) -> dict[str, Any]:
    """Return the log in which the record's open error stands."""
    (error,) = world.errors(record)
    (log,) = world.logs(f"Log_Key__c = '{error['Sync_Log__r']['Log_Key__c']}'")
    return dict(log)

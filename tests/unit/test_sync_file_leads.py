"""Leads that AWS refers by files: standard leads and the packaged object, hidden names, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from file_arrivals import LEAD, LEADS, MASK, OWN_LEAD, PACKAGED_LEAD, ArrivalWorld, lead, opportunity

from connector.names import Detail, Log
from connector.sync import logs, queueing

FLAG, SYNCED, APN = "ACE_Sync_with_AWS__c", "ACE_Last_Sync_Date__c", "ACE_APN_Unique_Identifier__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ArrivalWorld]:
    opened = ArrivalWorld(tmp_path)
    yield opened
    opened.close()


def deliver(world: ArrivalWorld, *entries: dict[str, object], name: str = "a.json") -> None:
    world.exchange.aws_exports(name, *entries, of="lead")
    world.fetch("lead")


@pytest.mark.requirement("LEAD-04")
def test_a_new_lead_is_made_and_a_known_one_updated(world: ArrivalWorld) -> None:
    deliver(world, lead("L1"))
    [row] = world.salesforce.all(LEAD)
    assert (row[APN], row[FLAG], row["Status"]) == ("L1", True, "Open") and row[SYNCED]
    deliver(world, lead("L1", row["Id"], day=2, leadStatusReason="They called"))
    [row] = world.salesforce.all(LEAD)
    assert row["Reason__c"] == "They called"
    link = world.state.links.require(row["Id"])
    assert (link.origin, link.review_status, link.object_name) == ("aws", "", LEAD)


@pytest.mark.requirement("LEAD-05")
@pytest.mark.parametrize("object_name", [LEAD, PACKAGED_LEAD, OWN_LEAD])
def test_a_lead_becomes_a_record_of_the_object_that_is_mapped(world: ArrivalWorld, object_name: str) -> None:
    world.give_leads(replace(LEADS, object_name=object_name))
    deliver(world, lead("L1"))
    [row] = world.salesforce.all(object_name)
    assert row[APN] == "L1"
    assert world.salesforce.all() == [] and world.exchange.left("lead") == []


def test_hidden_names_of_a_standard_lead_are_stood_in_for_and_come_after_acceptance(world: ArrivalWorld) -> None:
    """Salesforce requires a last name and a company, which AWS shows once the lead is accepted (LEAD-07)."""
    deliver(world, lead("L1"))
    [row] = world.salesforce.all(LEAD)
    assert (row["LastName"], row["Company"]) == ("Hidden by AWS", "Hidden by AWS")
    [detail] = world.told(row["Id"])
    assert "Fallback used for company" in detail[Detail.ERROR_MESSAGE]
    named = {"company": "Example Freight", "fullName": "Pat Doe", "currentLeadStage": "Accepted"}
    deliver(world, lead("L1", row["Id"], day=2, **named))
    [row] = world.salesforce.all(LEAD)
    assert (row["LastName"], row["Company"], row["Stage__c"]) == ("Pat Doe", "Example Freight", "Accepted")
    assert MASK not in str(row)


def test_without_a_stand_in_the_required_name_is_told_with_its_remedy(world: ArrivalWorld) -> None:
    fields = tuple(replace(item, from_aws=None) for item in LEADS.fields)
    world.give_leads(replace(LEADS, fields=fields))
    deliver(world, lead("L1"))
    assert world.salesforce.all(LEAD) == []
    messages = [row[Detail.ERROR_MESSAGE] for row in world.told("L1", logs.ERROR)]
    assert len(messages) == 2 and all("what stands in where AWS has no value" in one for one in messages)
    world.give_leads(LEADS)
    queueing.enqueue_inbound(world.leads, "L1", "", fresh=True)
    world.settle()
    assert len(world.salesforce.all(LEAD)) == 1, "AWS's last word makes it, though no file comes any more"
    assert world.told("L1", logs.ERROR) == []


def test_default_account_and_opportunity_do_not_concern_leads(world: ArrivalWorld) -> None:
    world.leads.settings = replace(
        world.leads.settings, default_account_id="001000000000001AAA", default_opportunity_id="006000000000001AAA",
        clone_default_account=True, record_type="Co_Sell",
    )  # fmt: skip
    deliver(world, lead("L1"))
    assert len(world.salesforce.all(LEAD)) == 1 and world.told(status=logs.ERROR) == []


@pytest.mark.requirement("FAQ-05")
def test_an_opportunitys_identifier_in_a_file_of_leads_is_flagged(world: ArrivalWorld) -> None:
    """The opportunity of that identifier is left alone."""
    world.exchange.aws_exports("o.json", opportunity("O1"))
    world.fetch()
    deliver(world, lead("O1"), lead("4711"), lead("L2"))
    assert [row[APN] for row in world.salesforce.all(LEAD)] == ["L2"]
    details = world.told(status=logs.ERROR)
    assert [row[Detail.ERROR_CODE] for row in details] == ["INVALID_IDENTIFIER"] * 2
    assert all("L1234567" in row[Detail.ERROR_MESSAGE] for row in details)
    assert all(row.get("ACE_Opportunity__c") is None for row in details)
    told = world.file_log("a.json")
    assert (told[Log.STATUS], told[Log.OBJECT]) == (logs.PARTIAL, LEAD)


def test_files_of_leads_and_of_opportunities_have_looks_of_their_own(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("o.json", opportunity("O1"))
    world.fetch("lead")
    assert world.salesforce.all() == [] and world.exchange.left() == ["o.json"]
    [look] = world.sync_logs(logs.INBOUND_FILES)
    assert look[Log.OBJECT] == LEAD


def test_a_lead_that_a_person_converted_is_left_alone_and_its_file_goes(world: ArrivalWorld) -> None:
    deliver(world, lead("L1"))
    [row] = world.salesforce.all(LEAD)
    world.salesforce.user_converts(row["Id"])
    deliver(world, lead("L1", row["Id"], day=2, leadStatusReason="They called"), name="b.json")
    [row] = world.salesforce.all(LEAD)
    assert row.get("Reason__c") is None and world.exchange.left("lead") == []
    assert "1 skipped" in world.file_log("b.json")[Log.MESSAGE]
    assert world.told(row["Id"], logs.ERROR) == []


def test_an_opportunity_that_came_of_a_lead_is_brought_with_the_leads_identifier(world: ArrivalWorld) -> None:
    """Nothing in the org maps it here: it is read, and breaks nothing."""
    world.exchange.aws_exports("o.json", opportunity("O1", apnCrmLeadUniqueIdentifier="L1"))
    world.fetch()
    link = world.state.links.by_apn("O1")
    assert link is not None and (link.applied or {})["apnCrmLeadUniqueIdentifier"] == "L1"

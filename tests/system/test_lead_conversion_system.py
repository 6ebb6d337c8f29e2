"""Standard leads, from AWS's referral to their conversion: made while AWS hides who it is about, sent, converted, and
left alone from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_world import APN, LEAD, FileWorld, entries, open_file_world
from own_org_world import AWS_ID, SYNC, SYNCED, WIDE, wide_field, write_wide

MASK = "Accept to view"
STANDARD = "Lead"
STAGE = {"fullName": "AWS_Stage__c", "label": "AWS Stage", "type": "Picklist"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose leads are standard leads, mapped as proposed."""
    with open_file_world(tmp_path_factory.mktemp("conversion"), Opportunities_over_S3__c=False) as opened:
        _give_stage(opened)
        _map(opened)
        yield opened


def _give_stage(world: FileWorld) -> None:
    """An admin gives the standard lead a field for AWS's lead stage."""
    values = [{"fullName": one, "default": False, "label": one} for one in ("Accepted", "Rejected")]
    metadata = {**STAGE, "valueSet": {"valueSetDefinition": {"sorted": False, "value": values}}}
    world.control("/salesforce/field", object=STANDARD, metadata=metadata)


def _map(world: FileWorld) -> None:
    kind = ("--type", "lead")
    world.do("mapping", "object", STANDARD, *kind, "--yes")
    offered = {one["ace_field"] for one in world.do("mapping", "propose", *kind, "--json").json}
    wanted = sorted(offered - {"status", "currentLeadStage"})
    world.do("mapping", "propose", *kind, *(part for name in wanted for part in ("--accept", name)))
    world.do("mapping", "set", "currentLeadStage", "AWS_Stage__c", *kind)
    world.do("mapping", "set", "status", "Status", *kind)
    statuses = {"Open": "Open - Not Contacted", "Research": "Working - Contacted"}
    statuses |= {"Qualified": "Closed - Converted", "Disqualified": "Closed - Not Converted"}
    pairs = (part for aws, own in statuses.items() for part in ("--primary", f"{aws}={own}"))
    world.do("mapping", "values", "status", *pairs, *kind)
    world.do("mapping", "publish", "--move", *kind)


def referred(world: FileWorld) -> tuple[str, str]:
    """Let AWS refer a lead and bring it in; return both ids."""
    identifier = world.refer_lead()
    world.export()
    world.take(LEAD)
    [row] = leads(world, identifier)
    return str(row["Id"]), identifier


def leads(world: FileWorld, identifier: str) -> list[dict[str, Any]]:
    fields = f"Id, LastName, Company, Status, AWS_Stage__c, IsConverted, {APN}"
    return world.admin.rows(f"SELECT {fields} FROM {STANDARD} WHERE {APN} = '{identifier}'")


def accept(world: FileWorld, record: str) -> None:
    change(world, record, AWS_Stage__c="Accepted")
    world.exchange_files(LEAD)
    world.export()
    world.take(LEAD)


def change(world: FileWorld, record: str, **fields: Any) -> None:
    answer = world.seller.patch(f"sobjects/{STANDARD}/{record}", fields)
    assert answer.status_code == 204, answer.text


@pytest.mark.requirement("IN-08")
def test_a_standard_lead_is_made_while_aws_hides_who_it_is_about(world: FileWorld) -> None:
    record, identifier = referred(world)
    [row] = leads(world, identifier)
    assert (row["LastName"], row["Company"]) == (MASK, MASK)
    accept(world, record)
    [row] = leads(world, identifier)
    assert MASK not in (row["LastName"], row["Company"]) and row["LastName"] and row["Company"]
    assert len(leads(world, identifier)) == 1


def test_a_converted_lead_is_left_alone_and_told_once(world: FileWorld) -> None:
    """LEAD-10: its link to AWS survives, and what AWS says of it makes no second lead."""
    record, identifier = referred(world)
    accept(world, record)
    ids = world.control("/salesforce/convert", lead=record)
    assert world.send(LEAD) == []
    for status in ("Research", "Disqualified"):
        world.control("/exchange/edit-lead", lead=identifier, fields={"status": status})
        world.export()
        world.take(LEAD)
    [row] = leads(world, identifier)
    assert (row["IsConverted"], row["Status"]) == (True, "Closed - Converted")
    told = [one for one in world.details(record) if "was converted" in str(one["Error_Message__c"])]
    assert len(told) == 1 and told[0]["Status__c"] == "Resolved"
    assert str(ids["Opportunity"]) in told[0]["Error_Message__c"]
    assert [one for one in world.details(record) if one["Status__c"] in ("Error", "Pending", "Held")] == []
    assert world.keys("lead-outbound") == [], "the file is worked off"


@pytest.mark.requirement("LEAD-13")
def test_an_own_lead_goes_to_aws_as_the_opportunity_that_it_became(world: FileWorld) -> None:
    answer = world.seller.post(f"sobjects/{STANDARD}", {"LastName": "Sample", "Company": "Sample Ltd"})
    assert answer.status_code == 201, answer.text
    lead = str(answer.json()["id"])
    change(world, lead, ACE_Sync_with_AWS__c=True)
    world.control("/salesforce/convert", lead=lead)
    deal = world.deal()
    world.wire.forget()
    world.files("outbound", LEAD)
    world.do("action", "share", deal)
    assert [entries(one, LEAD) for one in world.wire.puts("lead-inbound/")] == []
    assert str(world.row(deal)[APN]).startswith("O")
    assert world.details(lead) == []


COMPANY = {STANDARD: "Company", "ACE_Lead__c": "Company__c", WIDE: wide_field(1)}
OWN_LEADS = {"status": wide_field(7), "currentLeadStage": wide_field(9), "company": wide_field(1)}


def _map_own_object(world: FileWorld) -> None:
    """Map an object of the org's own, with the fields that the connector needs there."""
    kind = ("--type", "lead")
    world.do("mapping", "object", WIDE, *kind, "--yes")
    own = {"sync_with_aws": SYNC, "last_sync_date": SYNCED, "apn_id": AWS_ID}
    for name, field in own.items():
        world.do("mapping", "own", name, field, *kind)
    for name, field in OWN_LEADS.items():
        world.do("mapping", "set", name, field, *kind)
    world.do("mapping", "publish", "--move", *kind)


@pytest.mark.requirement("LEAD-05")
def test_leads_may_be_the_standard_object_the_packaged_one_or_one_of_the_org_s_own(tmp_path: Path) -> None:
    """Of each, AWS's referral makes one record, and its next export changes that record."""
    source = write_wide(tmp_path / "source")
    with open_file_world(tmp_path / "world", metadata=[source], Opportunities_over_S3__c=False) as world:
        _give_stage(world)
        for target, prepare in (("ACE_Lead__c", _keep), (STANDARD, _map), (WIDE, _map_own_object)):
            prepare(world)
            identifier = world.refer_lead(company="Example Freight")
            world.export()
            world.take(LEAD)
            key = AWS_ID if target == WIDE else APN
            [made] = world.admin.rows(f"SELECT Id FROM {target} WHERE {key} = '{identifier}'")
            world.control("/exchange/edit-lead", lead=identifier, fields={"currentLeadStage": "Accepted"})
            world.export()
            world.take(LEAD)
            [row] = world.admin.rows(f"SELECT Id, {COMPANY[target]} FROM {target} WHERE {key} = '{identifier}'")
            assert (row["Id"], row[COMPANY[target]]) == (made["Id"], "Example Freight"), target


def _keep(_: FileWorld) -> None:
    """The packaged object is mapped when the world opens."""

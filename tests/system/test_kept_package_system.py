"""An org that keeps the fields of AWS's managed package works with the profile ``awsapn`` as others do with ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_world import entries
from kept_package import LEAD, LEAD_PATHS, OURS, PRIMARY, kept_row, mapped, open_kept_files, open_kept_world
from standard_opportunity import document, use_mapping
from system_world import AUTOMATIC, CATALOG, World

from connector.names import AWSAPN


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[World]:
    with open_kept_world(tmp_path, **AUTOMATIC) as world:
        yield world


def deal(world: World, **fields: Any) -> str:
    customer = {"Name": "Example Freight", "Website": "https://freight.example", "BillingPostalCode": "75001"}
    account = world.seller.post("sobjects/Account", customer)
    row = kept_row(AccountId=account.json()["id"], **fields)
    made = world.admin.post(f"sobjects/{PRIMARY}", row)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def read(world: World, where: str) -> dict[str, Any]:
    own = ", ".join((AWSAPN.sync_with_aws, AWSAPN.last_sync_date, AWSAPN.has_updates, AWSAPN.apn_id))
    [row] = world.admin.rows(f"SELECT Id, NextStep, StageName, {own} FROM {PRIMARY} WHERE {where}")
    return row


@pytest.mark.requirement("FAQ-13")
def test_all_goes_by_the_names_of_the_kept_package(kept: World) -> None:
    """A share, an update, what AWS changes and what AWS creates: none of our own names exists on the object, so that
    a query or a write under one of them would fail.
    """
    world = kept
    described = {one["name"] for one in world.admin.get(f"sobjects/{PRIMARY}/describe").json()["fields"]}
    assert not described.intersection(OURS) and AWSAPN.apn_id in described
    use_mapping(world, document(mapped()))
    assert world.do("check", "--json").json["ok"]
    record = deal(world)
    world.advance(5)
    world.sync("outbound")
    [identifier] = world.of_record(record)
    shared = read(world, f"Id = '{record}'")
    assert (shared[AWSAPN.apn_id], shared[AWSAPN.has_updates]) == (identifier, False)
    assert shared[AWSAPN.last_sync_date]

    world.review(identifier, "Approved")
    world.edit_at_aws(identifier, LifeCycle__NextSteps="AWS: let us meet")
    world.advance(5)
    world.sync("inbound")
    assert read(world, f"Id = '{record}'")["NextStep"] == "AWS: let us meet"
    assert not read(world, f"Id = '{record}'")[AWSAPN.has_updates], "what AWS writes is no person's edit"

    assert world.admin.patch(f"sobjects/{PRIMARY}/{record}", {"NextStep": "Met"}).status_code == 204
    assert read(world, f"Id = '{record}'")[AWSAPN.has_updates]
    world.advance(5)
    world.sync("outbound")
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Met"
    assert not read(world, f"Id = '{record}'")[AWSAPN.has_updates]


def test_what_aws_creates_comes_in_under_the_names_of_the_kept_package(kept: World) -> None:
    world = kept
    use_mapping(world, document(mapped()))
    fields = {"Customer.Account.CompanyName": "Harbour Freight", "LifeCycle.ReviewStatus": "Approved"}
    made = world.control("/aws/create", fields={**fields, "Project.Title": "Harbour"}, catalog=CATALOG)
    account = world.seller.post("sobjects/Account", {"Name": "Template", "Website": "https://template.example"})
    template = kept_row(Name="Template", AccountId=account.json()["id"]) | {AWSAPN.sync_with_aws: False}
    answer = world.admin.post(f"sobjects/{PRIMARY}", template)
    world.settings(Default_Opportunity_Id__c=answer.json()["id"], Default_Account_Id__c=account.json()["id"])
    world.sync("inbound")
    row = read(world, f"{AWSAPN.apn_id} = '{made['opportunity']}'")
    assert row[AWSAPN.sync_with_aws] and row[AWSAPN.last_sync_date] and not row[AWSAPN.has_updates]


def test_our_own_objects_have_our_fields_under_either_profile(kept: World) -> None:
    """Nothing is mapped yet: the packaged object is, by itself, and its fields are the package's."""
    world = kept
    record = world.deal()
    world.do("action", "share", record)
    assert world.row(record)["ACE_APN_Unique_Identifier__c"] == world.of_record(record)[0]


@pytest.mark.requirement("FAQ-13")
def test_leads_go_by_the_names_of_the_kept_package_too(tmp_path: Path) -> None:
    """Over files: AWS's lead comes in to the record that ACE's list names, and the seller's edit goes out."""
    with open_kept_files(tmp_path) as world:
        fields = [{"ace_field": name, "path": path, "inbound": True} for name, path in LEAD_PATHS.items()]
        mapping = {"schema": 1, "record_type": "lead", "object": LEAD, "version": 0, "fields": fields}
        (world.directory / "lead.json").write_text(json.dumps(mapping), encoding="utf8")
        world.do("mapping", "import", "lead.json", "--type", "lead")
        world.do("mapping", "publish", "--type", "lead")
        described = {one["name"] for one in world.admin.get(f"sobjects/{LEAD}/describe").json()["fields"]}
        assert not described.intersection(OURS) and AWSAPN.apn_id in described
        identifier = world.refer_lead(status="Research")
        answer = world.admin.post(f"sobjects/{LEAD}", {"LastName": "Lund", "Company": "Polaris Freight"})
        record = str(answer.json()["id"])
        (world.directory / "leads.csv").write_text(
            f"apnCrmUniqueIdentifier,partnerCrmLeadId\n{identifier},{record}\n", encoding="utf8"
        )
        world.advance(5)
        world.do("backfill", "--open-list", "leads.csv", "--object", "lead")
        world.export()
        world.take("lead")
        own = f"{AWSAPN.apn_id}, {AWSAPN.sync_with_aws}, {AWSAPN.last_sync_date}, {AWSAPN.has_updates}"
        where = f"SELECT {own}, {', '.join(LEAD_PATHS.values())} FROM {LEAD} WHERE Id = '{record}'"
        [row] = world.admin.rows(where)
        assert (row[AWSAPN.apn_id], row[AWSAPN.sync_with_aws], row[AWSAPN.has_updates]) == (identifier, True, False)
        assert row[AWSAPN.last_sync_date] and row[LEAD_PATHS["status"]] == "Research"

        edit = {LEAD_PATHS["currentLeadStage"]: "Accepted"}
        assert world.admin.patch(f"sobjects/{LEAD}/{record}", edit).status_code == 204
        world.advance(5)
        (file,) = world.exchange_files("lead")
        (entry,) = entries(file, "lead")
        assert (entry["apnCrmUniqueIdentifier"], entry["currentLeadStage"]) == (identifier, "Accepted")
        assert world.stored(identifier)["currentLeadStage"] == "Accepted"
        [row] = world.admin.rows(where)
        assert not row[AWSAPN.has_updates]


def test_without_the_fields_of_the_profile_the_mapping_is_refused_and_names_them(tmp_path: Path) -> None:
    with open_kept_world(tmp_path, profile="packaged") as world:
        (world.directory / "mapping.json").write_text(json.dumps(document(mapped())), encoding="utf8")
        refused = world.do("mapping", "import", "mapping.json", code=2)
        assert "needs the field ACE_APN_Unique_Identifier__c" in refused.err

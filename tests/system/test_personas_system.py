"""Admins and sellers at work in Salesforce alone: what they see of the connector, and what a copy of a deal is."""

from __future__ import annotations

from pathlib import Path

import pytest
from system_world import FAST, World, open_world

APN = "ACE_APN_Unique_Identifier__c"


def copy_of(world: World, record: str) -> str:
    """Let the seller clone a record as Salesforce does: every field that may be created goes along."""
    described = world.seller.get("sobjects/ACE_Opportunity__c/describe").json()
    names = [field["name"] for field in described["fields"] if field["createable"] and field["name"] != "OwnerId"]
    row = world.seller.rows(f"SELECT {', '.join(names)} FROM ACE_Opportunity__c WHERE Id = '{record}'")[0]
    values = {name: value for name, value in row.items() if name in names and value is not None}
    answer = world.seller.post("sobjects/ACE_Opportunity__c", values | {"Name": "The copy"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_copied_opportunity_starts_anew(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        record, identifier = world.shared()
        copy = copy_of(world, record)
        row = world.row(copy, "Customer_Company_Name__c")
        assert row[APN] is None and row["ACE_Last_Sync_Date__c"] is None
        assert (
            row["Customer_Company_Name__c"] == world.row(record, "Customer_Company_Name__c")["Customer_Company_Name__c"]
        )
        world.edit(copy, ACE_Sync_with_AWS__c=True)
        world.do("action", "share", copy)
        assert world.row(copy)[APN] not in (None, identifier)
        assert world.opportunity(record)["PartnerOpportunityIdentifier"] == record


@pytest.mark.requirement("PERM-25")
def test_the_published_mapping_and_the_setup_can_be_read_in_salesforce(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST) as world, world.working():
        fields = "SELECT ACE_Field__c, Salesforce_Field__c, Inbound__c, Mapping__r.Version__c FROM ACE_Field_Mapping__c"
        rows = world.eventually(lambda: world.admin.rows(fields), "the mapping in Salesforce")
        shown = {row["ACE_Field__c"]: row["Salesforce_Field__c"] for row in rows}
        mapped = world.do("mapping", "show", "--json").json["fields"]
        assert shown == {one["ace_field"]: one["path"] for one in mapped}
        (version,) = world.admin.rows("SELECT Version__c, Current__c, Object__c, Difference__c FROM ACE_Mapping__c")
        assert (version["Current__c"], version["Object__c"]) == (True, "ACE_Opportunity__c")
        assert "+ customerCompanyName → Customer_Company_Name__c" in version["Difference__c"]
        asked = "SELECT Name, Status__c, Message__c FROM ACE_Setup_Step__c ORDER BY Sequence__c"
        steps = world.eventually(lambda: world.admin.rows(asked), "the setup in Salesforce")
        assert [step["Name"] for step in steps] == [
            "AWS Connection Authentication Details",
            "System Configuration Settings",
            "Map leads and opportunities",
            "Test the configuration for Partner Central API integration",
        ]
        assert {step["Status__c"] for step in steps} == {"Complete"}, steps
        world.do("mapping", "unset", "nextStep")
        world.do("mapping", "publish")
        newer = "SELECT Difference__c FROM ACE_Mapping__c WHERE Current__c = true AND Version__c = 2"
        world.advance(6)
        (published,) = world.eventually(lambda: world.admin.rows(newer), "the newer version in Salesforce")
        assert "- nextStep → Next_Step__c" in published["Difference__c"]


def test_a_setting_that_cannot_work_stands_in_the_way_of_later_steps(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST, Retry_Count__c=101) as world, world.working():
        asked = "SELECT Name, Status__c, Message__c FROM ACE_Setup_Step__c ORDER BY Sequence__c"
        steps = world.eventually(lambda: world.admin.rows(asked), "the setup in Salesforce")
        assert [step["Status__c"] for step in steps] == ["Complete", "Failed", "Not started", "Not started"]
        assert "Retry_Count__c" in steps[1]["Message__c"]

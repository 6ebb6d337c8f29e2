"""Admins and sellers at work in Salesforce alone: what they see of the connector, and what a copy of a deal is."""

from __future__ import annotations

from pathlib import Path

import pytest
from system_world import DEALS, FAST, World, open_world

HIDDEN = "Next_Step__c"
OF_FIELD_SECURITY = ("INVALID_FIELD", "field-level", "Field Level", "FLS")
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


SETUP = (
    "SELECT Name, Status__c, Message__c FROM ACE_Setup_Step__c WHERE Integration__c = 'Partner Central API' "
    "ORDER BY Sequence__c"
)


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
        asked = SETUP
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
        asked = SETUP
        steps = world.eventually(lambda: world.admin.rows(asked), "the setup in Salesforce")
        assert [step["Status__c"] for step in steps] == ["Complete", "Failed", "Not started", "Not started"]
        assert "Retry_Count__c" in steps[1]["Message__c"]


def told(world: World) -> str:
    """Return everything that sync logs, their details and the worker's row say."""
    rows = [
        *world.admin.rows("SELECT Message__c FROM ACE_Sync_Log__c"),
        *world.admin.rows("SELECT Error_Code__c, Error_Summary__c, Error_Message__c FROM ACE_Sync_Log_Detail__c"),
        *world.admin.rows("SELECT Message__c FROM ACE_Worker__c"),
    ]
    return "\n".join(str(value) for row in rows for name, value in row.items() if name != "attributes" and value)


@pytest.mark.requirement("LOG-27")
@pytest.mark.requirement("PERM-02")
def test_the_packaged_sets_hide_nothing_and_a_field_that_is_hidden_is_named(tmp_path: Path) -> None:
    """By the check, and by the synchronisation of a record that has it: field and object, and where to grant it."""
    with open_world(tmp_path, **FAST) as world:
        with world.working() as worker:
            record, identifier = world.deal(), ""
            worker.settle()
            world.do("action", "share", record)
            worker.cycle(61)
            [identifier] = world.of_record(record)
            world.review(identifier, "Approved")
            world.edit_at_aws(identifier, Customer__Account__Address__City="Kent")
            worker.cycle(61)
            assert world.row(record, "City__c")["City__c"] == "Kent"
            assert not [one for one in OF_FIELD_SECURITY if one in told(world)], "the first sync is clean"
        world.do("check")
        world.control("/salesforce/access", object=DEALS, field=HIDDEN, access="none")
        found = world.do("check", "--json", code=1).json["checks"]
        assert any(not one["ok"] and f"{DEALS}.{HIDDEN}" in one["message"] for one in found), found
        later = world.deal(world.seller, Next_Step__c="Hidden from the connector")
        answer = world.run("action", "share", later)
        with world.working("again"):
            world.advance(61)

            def named() -> bool:
                world.advance(6)
                text = told(world) + answer.err
                return HIDDEN in text and DEALS in text

            world.eventually(named, lambda: f"the field's name in {told(world)} {answer}")
        for one in world.of_record(later):
            assert world.get(one)["LifeCycle"].get("NextSteps") is None, "nothing is made up for it"
        world.control("/salesforce/access", object=DEALS, field=HIDDEN, access="edit")
        world.do("check")


def test_without_its_permission_set_the_integration_says_so(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST) as world:
        [held] = world.admin.rows(
            "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = 'APN_Integration_User' "
            f"AND AssigneeId = '{world.user('integration')}'"
        )
        assert world.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{held['Id']}").status_code == 204
        failed = [one for one in world.do("check", "--json", code=1).json["checks"] if not one["ok"]]
        assert any("permission set APN Integration User" in one["message"] for one in failed), failed

"""What sellers enter in Salesforce reaches AWS, or the record's log says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from system_package import copy_package, package_file
from system_world import Live, World, codes, open_live, open_world

APN = "ACE_APN_Unique_Identifier__c"
NO_SUPPORT = "Do Not Need Support from AWS Sales Rep"


@pytest.mark.requirement("OUT-05", "OUT-07")
def test_a_record_is_created_once_and_updated_from_then_on(live: Live) -> None:
    world, record = live.world, live.world.deal()
    world.do("action", "share", record)
    live.worker.settle()
    identifier = world.row(record)[APN]
    assert identifier and [identifier] == world.of_record(record), "the id came back with the same share"
    world.review(identifier, "Approved")
    live.worker.cycle()
    for text in ("First", "Second"):
        world.edit(record, Next_Step__c=text)
        live.worker.cycle()
    creates, updates = (
        world.proxy.named("CreateOpportunity", record),
        world.proxy.named("UpdateOpportunity", identifier),
    )
    assert (len(creates), len(updates)) == (1, 2)
    assert {call.body["PartnerOpportunityIdentifier"] for call in (*creates, *updates)} == {record}
    assert world.row(record)[APN] == identifier


@pytest.mark.requirement("OUT-08")
def test_a_changed_aws_identifier_is_refused_and_can_be_put_back(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    changed = world.admin.patch(f"sobjects/ACE_Opportunity__c/{record}", {APN: "O9999999", "Next_Step__c": "Edited"})
    assert changed.status_code == 204, changed.text
    world.proxy.forget()
    live.worker.cycle()
    assert world.proxy.writes(identifier) + world.proxy.writes("O9999999") == []
    (error,) = world.errors(record)
    assert codes([error]) == ["IDENTIFIER_CHANGED"]
    assert "O9999999" in error["Error_Message__c"] and identifier in error["Error_Message__c"]
    world.edit(record, world.admin, **{APN: identifier})
    live.worker.cycle()
    assert world.opportunity(record)["LifeCycle"]["NextSteps"] == "Edited"
    assert world.errors(record) == []


@pytest.mark.requirement("OUT-16")
def test_deleting_the_record_sends_nothing_and_is_explained(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    world.proxy.forget()
    assert world.admin.send("DELETE", f"sobjects/ACE_Opportunity__c/{record}").status_code == 204
    live.worker.cycle(25 * 3600)
    live.worker.cycle()
    assert world.proxy.writes(identifier) == []
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Approved"
    (told,) = [one for one in world.details(record) if one["Error_Code__c"] == "DELETED_IN_SALESFORCE"]
    assert "Close the opportunity" in told["Error_Message__c"]


@pytest.mark.requirement("OUT-18")
@pytest.mark.parametrize(
    ("field", "named"),
    [("Customer_Website__c", "customerWebsite"), ("Customer_Business_Problem__c", "projectDescription")],
)
def test_what_account_matching_needs_is_asked_for_before_sending(live: Live, field: str, named: str) -> None:
    world = live.world
    record = world.deal(**{field: None})
    live.worker.cycle()
    assert world.proxy.named("CreateOpportunity", record) == []
    (error,) = world.errors(record)
    assert codes([error]) == ["REQUIRED_FIELD_MISSING"] and named in error["Error_Message__c"]


@pytest.mark.requirement("OUT-19")
def test_all_problems_of_a_record_are_named_at_once(live: Live) -> None:
    world = live.world
    record = world.deal(
        Country__c="US",
        State_or_Region__c=None,
        Customer_Website__c=None,
        Delivery_Model__c=None,
        Postal_Code__c="98101",
    )
    live.worker.cycle()
    text = " ".join(one["Error_Message__c"] for one in world.errors(record))
    assert all(name in text for name in ("state", "customerWebsite", "deliveryModel"))
    assert {one["Sync_Log__r"]["Log_Key__c"] for one in world.errors(record)}.__len__() == 1
    assert world.proxy.named("CreateOpportunity", record) == []


@pytest.mark.requirement("OUT-20", "LOG-01", "LOG-02", "LOG-05")
def test_one_invalid_record_does_not_stop_the_valid_ones(tmp_path: Path) -> None:
    with open_live(tmp_path) as live:
        world = live.world
        records = [world.deal() for _ in range(19)]
        invalid = world.deal(Customer_Website__c=None)
        live.worker.cycle()
        assert {one["PartnerOpportunityIdentifier"] for one in world.listed()} == set(records)
        outbound = "Purpose__c = 'Outbound File Retrieval'"
        (log,) = world.logs(outbound, "Outbound_IDs__c", "File_Name__c")
        assert (log["Direction__c"], log["Status__c"]) == ("To AWS", "Partial")
        assert (log["Record_Count__c"], log["Success_Count__c"], log["Error_Count__c"]) == (20, 19, 1)
        assert log["File_Name__c"] and set(log["Outbound_IDs__c"].split()) >= set(records)
        found = world.details("", "ACE_Opportunity__c", "Payload__c")
        details = {one["ACE_Opportunity__c"]: one["Status__c"] for one in found}
        assert len(found) == 20 and details == {**dict.fromkeys(records, "Processed"), invalid: "Error"}
        assert {one["Sync_Log__r"]["Log_Key__c"] for one in found} == {log["Log_Key__c"]}
        assert all(one["Payload__c"] for one in found if one["Status__c"] == "Processed")
        assert [bool(one["Error_Message__c"]) for one in found if one["Status__c"] == "Error"] == [True]


@pytest.mark.requirement("OUT-23")
def test_a_corrected_record_goes_out_by_itself(tmp_path: Path) -> None:
    with open_live(tmp_path) as live:
        world = live.world
        record = world.deal(Customer_Website__c=None)
        live.worker.cycle()
        assert codes(world.errors(record)) == ["REQUIRED_FIELD_MISSING"]
        world.edit(record, Customer_Website__c="https://harbour.example.com")
        live.worker.cycle()
        assert len(world.of_record(record)) == 1
        assert world.errors(record) == []
        (sent,) = [one for one in world.details(record) if one["Status__c"] == "Processed"]
        (log,) = world.logs(f"Log_Key__c = '{sent['Sync_Log__r']['Log_Key__c']}'")
        assert log["Status__c"] == "Processed"


@pytest.mark.requirement("OUT-29")
def test_amounts_travel_as_text_where_aws_expects_text(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared(Delivery_Model__c="SaaS or PaaS")
    world.edit(record, Customer_Software_Value__c=1500, Customer_Software_Value_Currency__c="USD")
    live.worker.cycle()
    (call,) = world.proxy.named("UpdateOpportunity", identifier)
    assert call.status == 200
    assert call.body["SoftwareRevenue"]["Value"]["Amount"] == "1500"
    assert float(world.get(identifier)["SoftwareRevenue"]["Value"]["Amount"]) == 1500


@pytest.mark.requirement("OUT-30")
def test_an_update_changes_what_was_edited_and_nothing_else(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared(Additional_Comments__c="Keep me")
    before, row = world.get(identifier), world.row(record, "Review_Status__c", "Additional_Comments__c")
    world.edit(record, Next_Step__c="Only this")
    live.worker.cycle()
    after = world.get(identifier)
    assert after["LifeCycle"].pop("NextSteps") == "Only this"
    for answer in (before, after):
        for name in ("LastModifiedDate",):
            answer.pop(name)
        for name in ("NextSteps", "NextStepsHistory"):
            answer["LifeCycle"].pop(name, None)
    assert after == before
    assert after["LifeCycle"]["ReviewStatus"] == "Approved"
    now = world.row(record, "Review_Status__c", "Additional_Comments__c")
    assert [now[name] for name in ("Review_Status__c", "Additional_Comments__c")] == ["Approved", "Keep me"]
    assert row["Review_Status__c"] == "Approved"


@pytest.mark.requirement("OUT-15")
def test_after_launch_a_closed_field_is_told_and_an_open_one_is_sent(live: Live) -> None:
    world, (record, identifier) = live.world, live.worker.shared()
    world.edit(record, Stage__c="Launched", AWS_Account_Id__c="123456789012")
    live.worker.cycle()
    assert world.get(identifier)["LifeCycle"]["Stage"] == "Launched"
    world.edit(record, Stage__c="Committed", Additional_Comments__c="Went live on Monday")
    live.worker.cycle()
    answer = world.get(identifier)
    assert answer["LifeCycle"]["Stage"] == "Launched"
    assert answer["Project"]["AdditionalComments"] == "Went live on Monday"
    told = [one for one in world.details(record) if one["Error_Message__c"] and "stage" in one["Error_Message__c"]]
    assert told, "the edit that AWS does not take is told"


def test_several_values_are_translated_one_by_one(live: Live) -> None:
    world = live.world
    needs = ("Co-Sell - Deal Support", "Co-Sell - Pricing Assistance")
    record = world.deal(Primary_Needs_from_AWS__c=";".join(needs))
    live.worker.cycle()
    (identifier,) = world.of_record(record)
    assert sorted(world.get(identifier)["PrimaryNeedsFromAws"]) == sorted(needs)
    world.review(identifier, "Approved")
    activities = ["Customer has shown interest in solution", "Finalized Deployment Need"]
    world.edit_at_aws(identifier, Project__SalesActivities=activities)
    live.worker.cycle()
    shown = world.row(record, "Sales_Activities__c")["Sales_Activities__c"]
    assert sorted(shown.split(";")) == sorted(activities), "semicolons without spaces"


@pytest.mark.requirement("PCAPI-09")
def test_a_copied_aws_identifier_is_cleared_and_the_copy_is_a_new_opportunity(live: Live) -> None:
    """The package's flow clears it; whoever loads identifiers on purpose is refused, since they are unique."""
    world, (record, identifier) = live.world, live.worker.shared()
    copied = ("Partner_Project_Title__c", "Customer_Company_Name__c", "ACE_Sync_with_AWS__c")
    original = world.row(record, *copied)
    row = {name: original[name] for name in (*copied, "ACE_Last_Sync_Date__c")}
    refused = world.integration.post("sobjects/ACE_Opportunity__c", {"Name": "Clone", **row, APN: identifier})
    assert refused.status_code == 400 and "DUPLICATE_VALUE" in refused.text and record[:15] in refused.text
    clone = world.deal(world.admin, Name="Clone", **row, **{APN: identifier})
    assert world.row(clone)[APN] is None
    world.edit(clone, world.admin, ACE_Sync_with_AWS__c=True)
    world.advance(5)
    world.edit(clone, world.admin, Next_Step__c="Made from another deal")
    live.worker.cycle()
    (fresh,) = world.of_record(clone)
    assert fresh != identifier and world.of_record(record) == [identifier]


@pytest.mark.requirement("PCAPI-31")
def test_co_sell_or_visibility_only_is_carried_and_cannot_be_taken_back(live: Live) -> None:
    world = live.world
    only = world.deal(Primary_Needs_from_AWS__c=NO_SUPPORT, Involvement_Type__c="For Visibility Only")
    both = world.deal()
    live.worker.cycle()
    ids = {record: world.of_record(record)[0] for record in (only, both)}
    wishes = {
        record: world.proxy.named("StartEngagementFromOpportunityTask", identifier)[0].body["AwsSubmission"]
        for record, identifier in ids.items()
    }
    assert wishes[only]["InvolvementType"] == "For Visibility Only"
    assert wishes[both]["InvolvementType"] == "Co-Sell"
    world.review(ids[both], "Approved")
    live.worker.cycle()
    world.edit(both, Primary_Needs_from_AWS__c=NO_SUPPORT, Involvement_Type__c="For Visibility Only")
    live.worker.cycle()
    assert NO_SUPPORT not in world.get(ids[both])["PrimaryNeedsFromAws"]
    told = " ".join(str(one["Error_Message__c"]) for one in world.details(both))
    assert "partnerPrimaryNeedFromAws" in told


@pytest.mark.requirement("PICK-13")
def test_a_value_without_a_mapping_fails_its_record_by_name(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.do("mapping", "automap")
        world.do("mapping", "publish")
        values = [f"--value={one}={one}" for one in ("Prospect", "Committed")]
        world.do("mapping", "set", "stage", "Stage__c", "--no-inbound", *values)
        world.do("mapping", "publish")
        record, good = world.deal(Stage__c="Qualified"), world.deal(Stage__c="Prospect")
        world.sync(code=1)
        assert (world.of_record(record), len(world.of_record(good))) == ([], 1)
        (error,) = world.errors(record)
        assert "stage" in error["Error_Message__c"] and "Qualified" in error["Error_Message__c"]
        world.do("mapping", "set", "stage", "Stage__c", "--no-inbound", *values, "--value=Qualified=Qualified")
        world.do("mapping", "publish")
        world.sync()
        assert len(world.of_record(record)) == 1


def mapped_values(world: World, name: str) -> dict[str, str]:
    document = world.do("mapping", "show", "--draft", "--json").json
    (item,) = [one for one in document["fields"] if one["ace_field"] == name]
    found: dict[str, str] = item["picklist"]["primary"]
    return found


@pytest.mark.requirement("PICK-02", "MAP-08")
def test_a_mapping_by_hand_is_kept_and_used_in_both_directions(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.do("mapping", "automap")
        pairs = {"Prospect": "Qualified", "Qualified": "Prospect", "Technical Validation": "Technical Validation",
                 "Business Validation": "Business Validation", "Committed": "Committed", "Launched": "Launched",
                 "Closed Lost": "Closed Lost"}  # fmt: skip
        # A new mapping of the stage has inbound updates off; here AWS's word is wanted.
        values = (f"--value={aws}={mine}" for aws, mine in pairs.items())
        world.do("mapping", "set", "stage", "Stage__c", "--inbound", *values)
        world.do("mapping", "publish")
        assert mapped_values(world, "stage") == pairs, "still there in another process"
        record, identifier = world.shared(Stage__c="Qualified")
        assert world.get(identifier)["LifeCycle"]["Stage"] == "Prospect"
        world.edit_at_aws(identifier, LifeCycle__Stage="Qualified")
        world.sync("inbound")
        assert world.row(record, "Stage__c")["Stage__c"] == "Prospect"


def rename_stages(package: Path) -> None:
    """Let the org spell two stages in its own way: one differs in case only."""
    path = package_file(package, "Stage__c.field-meta.xml")
    text = path.read_text(encoding="utf8")
    for aws, mine in (("Qualified", "qualified"), ("Committed", "Commit")):
        assert f"<fullName>{aws}</fullName>" in text
        text = text.replace(f"<fullName>{aws}</fullName>", f"<fullName>{mine}</fullName>")
    path.write_text(text, encoding="utf8")


@pytest.mark.requirement("PICK-04")
def test_automap_takes_exactly_equal_values_and_lists_the_others(tmp_path: Path) -> None:
    package = copy_package(tmp_path / "package", rename_stages)
    with open_world(tmp_path / "world", package=package) as world:
        world.do("mapping", "automap")
        values = mapped_values(world, "stage")
        assert len(values) == 5 and all(aws == mine for aws, mine in values.items())
        problems = world.run("mapping", "check", "--json").json
        told = " ".join(f"{one['value']} {one['rule']}" for one in problems if one["field"] == "stage")
        assert "qualified" in told and "Commit" in told

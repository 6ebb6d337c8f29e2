"""What AWS and colleagues in Partner Central do arrives in Salesforce."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from system_package import add_validation_rule, copy_package
from system_world import CATALOG, Json, Live, World, codes, open_live, open_world

DAY = 24 * 60 * 60
RULE_MESSAGE = "Nobody closes a deal in Atlantis."
MASK = "Accept to view"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org with a validation rule that holds for the integration user too; nothing runs unless a test runs it."""
    root = tmp_path_factory.mktemp("strict")
    package = copy_package(
        root / "package", lambda it: add_validation_rule(it, "No_Atlantis", 'City__c = "Atlantis"', RULE_MESSAGE)
    )
    with open_world(root / "world", package=package) as world:
        yield world


@pytest.mark.requirement("IN-05")
def test_an_opportunity_made_in_partner_central_appears_as_a_partner_referral(live: Live) -> None:
    fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Project": {"Title": "Made by a colleague"}}
    identifier = live.world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"]
    live.worker.cycle()
    (row,) = live.world.find(
        f"ACE_APN_Unique_Identifier__c = '{identifier}'", "Partner_Project_Title__c", "Opportunity_Ownership__c"
    )
    assert row["Partner_Project_Title__c"] == "Made by a colleague"
    assert row["Opportunity_Ownership__c"] == "Partner Referral"
    live.world.proxy.forget()
    live.worker.cycle(61)
    assert live.world.proxy.writes(identifier) == []


def test_an_edit_of_a_colleagues_opportunity_reaches_aws(live: Live) -> None:
    """It was approved before Salesforce knew it, without our identifier; no edit fails by that."""
    fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Project": {"Title": "Edited by a seller"}}
    identifier = str(live.world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"])
    live.worker.cycle()
    (row,) = live.world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'")
    live.world.edit(row["Id"], live.world.admin, Next_Step__c="The seller calls them")
    live.worker.cycle()
    assert live.world.get(identifier)["LifeCycle"]["NextSteps"] == "The seller calls them"
    assert live.world.errors(row["Id"]) == []


@pytest.mark.requirement("IN-11")
def test_what_the_reviewer_asks_for_is_on_the_record(live: Live) -> None:
    record = live.world.deal()
    live.worker.cycle()
    (identifier,) = live.world.of_record(record)
    live.world.review(identifier, "Action Required", comments="Name the customer's decision maker.", reason="Details")
    live.worker.cycle()
    row = live.world.row(record, "Review_Status__c", "Reviewer_Comments__c")
    assert row["Review_Status__c"] == "Action Required"
    assert row["Reviewer_Comments__c"] == "Name the customer's decision maker."


@pytest.mark.requirement("IN-13")
def test_inbound_writes_are_the_integration_users_and_set_the_date(live: Live) -> None:
    record, identifier = live.worker.shared()
    before = live.world.row(record)["ACE_Last_Sync_Date__c"]
    live.world.edit(record, Next_Step__c="A person was here last")
    live.worker.cycle()
    live.world.edit_at_aws(identifier, Customer__Account__Address__City="Tacoma")
    live.worker.cycle()
    row = live.world.row(record, "City__c")
    assert row["City__c"] == "Tacoma"
    assert row["LastModifiedById"] == live.world.user("integration")
    assert row["ACE_Last_Sync_Date__c"] > before


@pytest.mark.requirement("OUT-31")
def test_the_review_is_followed_on_the_record_however_long_it_takes(tmp_path: Path) -> None:
    """Five business days may pass; nothing is told as an error before."""
    with open_live(tmp_path) as live:
        record = live.world.deal()
        live.worker.cycle()
        (identifier,) = live.world.of_record(record)
        seen = [live.world.row(record, "Review_Status__c")["Review_Status__c"]]
        for step in ("In review", "Action Required"):
            live.world.review(identifier, step)
            live.worker.cycle()
            seen.append(live.world.row(record, "Review_Status__c")["Review_Status__c"])
        live.world.edit(record, Customer_Business_Problem__c="Containers get lost because moves are on paper only.")
        live.worker.cycle()
        live.world.review(identifier, "In review")
        live.worker.cycle(4 * DAY)
        live.worker.cycle()
        assert live.world.errors(record) == []
        assert live.worker.count("not done") == 0
        live.world.review(identifier, "Approved")
        live.worker.cycle()
        seen.append(live.world.row(record, "Review_Status__c")["Review_Status__c"])
        assert seen == ["Submitted", "In review", "Action Required", "Approved"]


@pytest.mark.requirement("IN-14", "LOG-13")
def test_one_record_that_salesforce_refuses_does_not_stop_the_others(strict: World) -> None:
    shared = [strict.shared() for _ in range(4)]
    cities = ("Tacoma", "Everett", "Atlantis", "Olympia")
    for (_, identifier), city in zip(shared, cities, strict=True):
        strict.edit_at_aws(identifier, Customer__Account__Address__City=city)
    strict.sync("inbound", code=1)
    written = [strict.row(record, "City__c")["City__c"] for record, _ in shared]
    assert (written[0], written[1], written[3]) == ("Tacoma", "Everett", "Olympia")
    assert written[2] != "Atlantis"
    (error,) = strict.errors(shared[2][0])
    assert RULE_MESSAGE in error["Error_Message__c"]
    (log,) = strict.logs(f"Log_Key__c = '{error['Sync_Log__r']['Log_Key__c']}'")
    assert log["Purpose__c"] == "Inbound Record Retrieval"
    assert log["Status__c"] == "Partial"
    assert (log["Record_Count__c"], log["Success_Count__c"], log["Error_Count__c"]) == (4, 3, 1)


@pytest.mark.requirement("LOG-12")
def test_a_run_whose_records_were_all_written_is_processed(strict: World) -> None:
    shared = [strict.shared() for _ in range(2)]
    known = {log["Log_Key__c"] for log in strict.logs()}
    for _, identifier in shared:
        strict.edit_at_aws(identifier, Customer__Account__Address__City="Spokane")
    strict.sync("inbound")
    assert [strict.row(record, "City__c")["City__c"] for record, _ in shared] == ["Spokane"] * 2
    (log,) = [one for one in strict.logs("Purpose__c = 'Inbound Record Retrieval'") if one["Log_Key__c"] not in known]
    assert (log["Status__c"], log["Record_Count__c"], log["Success_Count__c"]) == ("Processed", 2, 2)


@pytest.mark.requirement("LOG-10")
def test_a_failed_run_tells_a_refused_record_from_an_answer_that_never_came(strict: World) -> None:
    refused, refused_id = strict.shared()
    strict.edit_at_aws(refused_id, Customer__Account__Address__City="Atlantis")
    strict.sync("inbound", code=1)
    (error,) = strict.errors(refused)
    (log,) = strict.logs(f"Log_Key__c = '{error['Sync_Log__r']['Log_Key__c']}'")
    assert (log["Status__c"], log["Record_Count__c"], log["Error_Count__c"]) == ("Error", 1, 1)
    assert RULE_MESSAGE in error["Error_Message__c"]
    denied = {"__type": "AccessDeniedException", "Message": "Not allowed to read it.", "Reason": "ACCESS_DENIED"}
    strict.proxy.scripted["ListOpportunities"] = [(400, denied)] * 3
    strict.run("sync", "inbound")
    strict.proxy.scripted.clear()
    (failed,) = strict.logs("Status__c = 'Error' AND Purpose__c = 'Inbound File Retrieval'", "Message__c")
    assert "Not allowed to read it" in failed["Message__c"]
    assert RULE_MESSAGE not in failed["Message__c"]


@pytest.mark.requirement("PCAPI-28", "PCAPI-01")
def test_without_schedules_or_events_both_directions_are_prompt(live: Live) -> None:
    """The worker polls; no schedule exists and no event ever arrives."""
    assert live.world.admin.rows("SELECT Id FROM ACE_Schedule__c") == []
    record = live.world.deal(ACE_Sync_with_AWS__c=True)
    live.world.do("action", "share", record)
    live.world.eventually(lambda: live.world.proxy.named("CreateOpportunity", record), "the share to reach AWS")
    live.worker.settle()
    (identifier,) = live.world.of_record(record)
    live.world.edit_at_aws(identifier, Customer__Account__Address__City="Renton")
    live.worker.cycle()
    assert live.world.row(record, "City__c")["City__c"] == "Renton"


def map_field(world: World, name: str, path: str, *options: str) -> None:
    world.do("mapping", "set", name, path, *options)
    world.do("mapping", "publish")


@pytest.mark.requirement("MAP-07")
def test_a_field_whose_inbound_updates_are_off_is_never_written_but_still_sent(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        record, identifier = world.shared(Stage__c="Qualified")
        map_field(world, "stage", "Stage__c", "--no-inbound")
        world.edit_at_aws(identifier, LifeCycle__Stage="Committed", Customer__Account__Address__City="Tacoma")
        world.sync("inbound")
        row = world.row(record, "Stage__c", "City__c")
        assert (row["Stage__c"], row["City__c"]) == ("Qualified", "Tacoma")
        world.edit(record, Stage__c="Technical Validation")
        world.sync(record=record)
        assert world.opportunity(record)["LifeCycle"]["Stage"] == "Technical Validation"


@pytest.mark.requirement("IN-06")
def test_values_arrive_through_mapping_and_picklist_mapping(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        record, identifier = world.shared(Stage__c="Prospect")
        pairs = ("Prospect=Prospect", "Qualified=Technical Validation", "Business Validation=Business Validation")
        map_field(world, "stage", "Stage__c", "--inbound", *(part for pair in pairs for part in ("--value", pair)))
        map_field(world, "nextStep", "Next_Step__c", "--no-inbound")
        before = world.row(record, "Next_Step__c")["Next_Step__c"]
        world.edit_at_aws(
            identifier,
            LifeCycle__Stage="Qualified",
            LifeCycle__NextSteps="AWS says so",
            Customer__Account__CompanyName="Harbour Holding",
            Customer__Account__Address__CountryCode="JP",
        )
        world.sync("inbound")
        names = ("Stage__c", "Country__c", "Customer_Company_Name__c", "Next_Step__c")
        row = world.row(record, *names)
        assert [row[name] for name in names] == ["Technical Validation", "JP", "Harbour Holding", before]


@pytest.mark.requirement("PICK-11")
def test_an_inbound_value_that_is_not_mapped_fails_its_record_by_name(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        (record, identifier), (other, other_id) = world.shared(), world.shared()
        map_field(
            world, "stage", "Stage__c", "--inbound", "--value", "Prospect=Prospect", "--value", "Qualified=Qualified"
        )
        world.edit_at_aws(identifier, LifeCycle__Stage="Business Validation")
        world.edit_at_aws(other_id, LifeCycle__Stage="Qualified")
        world.sync("inbound", code=1)
        (error,) = world.errors(record)
        assert codes([error]) == ["VALUE_NOT_MAPPED"]
        assert "stage" in error["Error_Message__c"] and "Business Validation" in error["Error_Message__c"]
        assert world.row(record, "Stage__c")["Stage__c"] == "Prospect"
        assert world.row(other, "Stage__c")["Stage__c"] == "Qualified"


def masked(answer: Json) -> Json:
    """Return the answer as AWS gives it before a referral is accepted, ready to be sent."""
    hidden = json.loads(json.dumps(answer, default=lambda moment: moment.isoformat()))
    for contact in hidden["Customer"]["Contacts"]:
        contact.update({"Email": MASK, "Phone": MASK, "LastName": MASK})
    return dict(hidden)


@pytest.mark.requirement("IN-08")
def test_the_label_accept_to_view_never_reaches_an_email_field(strict: World) -> None:
    """Nor does it fail the record; the real address is written once AWS shows it."""
    contact = {"FirstName": "Pat", "LastName": "Doe", "Email": "pat@freight.example", "Phone": "+12065550100"}
    fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Customer": {"Contacts": [contact]}}
    identifier = strict.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"]
    strict.proxy.scripted["GetOpportunity"] = [(200, masked(strict.get(identifier)))]
    strict.sync("inbound")
    (row,) = strict.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'", "Customer_Email__c", "Customer_Last_Name__c")
    assert (row["Customer_Email__c"], row["Customer_Last_Name__c"]) == (None, None)
    assert strict.errors(row["Id"]) == []
    strict.edit_at_aws(identifier, Customer__Account__Address__City="Renton")
    strict.sync("inbound")
    row = strict.row(row["Id"], "Customer_Email__c", "Customer_Last_Name__c")
    assert (row["Customer_Email__c"], row["Customer_Last_Name__c"]) == ("pat@freight.example", "Doe")


@pytest.mark.requirement("IN-12", "MAP-47")
def test_awss_own_stage_has_a_field_of_its_own_and_the_partners_stays(strict: World) -> None:
    record, identifier = strict.shared(Stage__c="Qualified")
    strict.edit_at_aws(
        identifier, LifeCycle__Stage="Committed", Summary={"LifeCycle": {"Stage": "Technical Validation"}}
    )
    strict.sync("inbound")
    row = strict.row(record, "Stage__c", "AWS_Stage__c")
    assert (row["Stage__c"], row["AWS_Stage__c"]) == ("Qualified", "Technical Validation")


@pytest.mark.requirement("IN-25")
def test_where_awss_change_meets_an_unsent_edit_the_edit_is_kept_and_the_log_says_so(strict: World) -> None:
    """A field whose inbound updates are off never conflicts."""
    record, identifier = strict.shared(Stage__c="Qualified")
    strict.edit(record, Next_Step__c="Call the customer", Stage__c="Technical Validation")
    strict.edit_at_aws(identifier, LifeCycle__NextSteps="Send the offer", LifeCycle__Stage="Committed")
    strict.sync("inbound")
    row = strict.row(record, "Next_Step__c", "Stage__c")
    assert (row["Next_Step__c"], row["Stage__c"]) == ("Call the customer", "Technical Validation")
    notes = [str(one["Error_Message__c"] or "") for one in strict.details(record) if one["Status__c"] == "Processed"]
    (note,) = [one for one in notes if "Send the offer" in one]
    assert "Next_Step__c" in note and "the edit is kept" in note
    assert "stage" not in note
    strict.sync(record=record)
    assert strict.opportunity(record)["LifeCycle"]["NextSteps"] == "Call the customer"


@pytest.mark.requirement("OUT-06")
def test_a_foreign_partner_identifier_at_aws_is_replaced_by_the_records_own(strict: World) -> None:
    """Inbound, the record is found by AWS's identifier; the next update says which record it is, where AWS's rules let
    a given identifier be changed: until it has approved the opportunity.
    """
    record, identifier = strict.shared("Action Required")
    strict.edit_at_aws(identifier, PartnerOpportunityIdentifier="CRM-4711", Customer__Account__Address__City="Bellevue")
    strict.sync("inbound")
    assert strict.row(record, "City__c")["City__c"] == "Bellevue"
    assert len(strict.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'")) == 1
    strict.edit(record, Customer_Business_Problem__c="Containers get lost because all moves are on paper only.")
    strict.sync(record=record)
    assert strict.get(identifier)["PartnerOpportunityIdentifier"] == record


@pytest.mark.requirement("OUT-28")
def test_what_aws_fills_in_by_itself_is_written_and_is_no_conflict(strict: World) -> None:
    record, identifier = strict.shared()
    names = ("Additional_Comments__c", "Competitive_Tracking__c")
    assert [strict.row(record, *names)[name] for name in names] == [None, None]
    strict.edit_at_aws(
        identifier, Project__AdditionalComments="Filled in by AWS", Project__CompetitorName="No Competition"
    )
    strict.sync("inbound")
    assert [strict.row(record, *names)[name] for name in names] == ["Filled in by AWS", "No Competition"]
    assert strict.errors(record) == []
    assert not [one for one in strict.details(record) if "is kept" in str(one["Error_Message__c"])]

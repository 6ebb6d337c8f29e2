"""Leads that AWS refers: they come in by file, sellers decide and work on them, and AWS hears of it by file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import SEEN_LEAD, answer, exported_lead, result
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    LEADS,
    OPPORTUNITY,
    RESULTS,
    SYNCED,
    FileWorld,
    counts,
    entries,
    open_file_world,
    open_live_files,
)  # fmt: skip
from system_world import codes

from connector.sandbox.exchange.settings import PARTNER_ID

LEAD_ID = "partnerCrmLeadId"
UNCHANGED = "No new update identified for this record"
PEOPLE = ("Full_Name__c", "Email__c", "Phone__c", "Company__c", "Street_Address__c", "Country__c", "Title__c")
FIELDS = {
    "status", "currentLeadStage", "partnerCrmLeadId", "apnCrmUniqueIdentifier", "campaignName", "firstName", "lastName",
    "fullName", "email", "website", "useCaseWorkload", "title", "streetAddress", "state", "segmentCompanySize",
    "projectDescription", "postalCode", "phone", "levelofAWSUsage", "leadStatusReason", "leadSource", "leadOwnerName",
    "leadOwnerEmail", "leadAge", "lastModifiedDate", "lastModifiedBy", "industry", "createdDate", "createdBy",
    "country", "company", "city", "campaignMemberStatus",
}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org that uses Partner Central's API for opportunities and the bucket for leads; nothing runs by itself."""
    directory = tmp_path_factory.mktemp("leads")
    with open_file_world(directory, Opportunities_over_S3__c=False) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    running.exchange.mishaps.clear()
    running.control("/exchange/release")
    running.take(LEAD)
    flagged = running.rows(LEAD, "ACE_Sync_with_AWS__c = true")
    running.write(LEAD, [{"id": one["Id"], "ACE_Sync_with_AWS__c": False} for one in flagged])
    running.wire.forget()
    running.proxy.forget()
    return running


@pytest.mark.requirement("LEAD-03", "LEAD-04", "IN-03")
def test_a_new_lead_becomes_a_record_and_its_update_changes_that_record(world: FileWorld) -> None:
    lead = exported_lead()
    world.exported("new.json", lead, kind=LEAD)
    world.take(LEAD)
    names = ("Status__c", "Project_Description__c", "Website__c", "Use_Case_Workload__c", "Lead_Age__c", "Industry__c")
    row = world.of_aws(lead[APN_KEY], *names, *PEOPLE)
    assert [row[one] for one in PEOPLE] == [None] * len(PEOPLE)
    assert (row["Status__c"], row["Industry__c"]) == ("Open", "Business & Consumer Services")
    assert row["Project_Description__c"] == lead["projectDescription"]
    assert row["Use_Case_Workload__c"] == lead["useCaseWorkload"] and row["Lead_Age__c"] == 4
    assert row["ACE_Sync_with_AWS__c"] and row[SYNCED]
    assert world.keys("lead-outbound") == []
    later = {
        **lead, LEAD_ID: row["Id"], "status": "Qualified", "leadStatusReason": "Met them",
        "lastModifiedDate": "2059-01-17T20:08:15.000Z",
    }  # fmt: skip
    world.exported("update.json", later, kind=LEAD)
    world.take(LEAD)
    again = world.of_aws(lead[APN_KEY], "Status__c", "Lead_Status_Reason__c")
    assert (again["Id"], again["Status__c"], again["Lead_Status_Reason__c"]) == (row["Id"], "Qualified", "Met them")


@pytest.mark.requirement("LEAD-06", "OUT-03", "S3-08", "S3-12")
def test_a_changed_lead_goes_out_in_the_form_of_aws_s_sample(world: FileWorld) -> None:
    record, identifier = world.lead()
    world.wire.forget()
    world.change(record, Status__c="Qualified", Lead_Status_Reason__c="Met them")
    (file,) = world.send(LEAD)
    assert file.key.startswith("lead-inbound/") and file.acl == "bucket-owner-full-control"
    assert list(file.json) == ["version", "spmsId", "Leads"] and file.json["spmsId"] == PARTNER_ID
    (entry,) = entries(file, LEAD)
    assert (entry[LEAD_ID], entry[APN_KEY]) == (record, identifier)
    assert (entry["status"], entry["leadStatusReason"]) == ("Qualified", "Met them")
    (key,) = world.process()
    assert world.read(key)["success"] == "ALL", world.read(key)
    world.take(LEAD)
    assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
    assert world.stored(identifier)["status"] == "Qualified"
    assert world.send(LEAD) == []


@pytest.mark.requirement("LEAD-07", "IN-08", "IN-09")
def test_a_lead_is_accepted_by_its_stage_and_its_people_show_afterwards(world: FileWorld) -> None:
    record, identifier = world.lead(stage="")
    row = world.of_aws(identifier, *PEOPLE)
    assert [row[one] for one in PEOPLE] == [None] * len(PEOPLE)
    world.change(record, Current_Lead_Stage__c="Accepted")
    (file,) = world.send(LEAD)
    (entry,) = entries(file, LEAD)
    assert (entry["currentLeadStage"], entry[LEAD_ID], entry[APN_KEY]) == ("Accepted", record, identifier)
    (key,) = world.process()
    assert world.read(key)["success"] == "ALL", world.read(key)
    world.take(LEAD)
    world.export()
    world.take(LEAD)
    row = world.of_aws(identifier, *PEOPLE)
    shown = world.stored(identifier)
    assert row["Email__c"] == shown["email"] and row["Full_Name__c"] == shown["fullName"] == "Ines Castell"
    assert all(row[one] for one in PEOPLE)
    assert world.send(LEAD) == []


@pytest.mark.requirement("LEAD-07", "ELIG-17")
def test_before_the_decision_nothing_else_goes_out_and_a_rejection_does(world: FileWorld) -> None:
    record, identifier = world.lead(stage="")
    world.change(record, Project_Description__c="Ours before it is ours")
    assert world.send(LEAD) == []
    world.change(record, Current_Lead_Stage__c="Rejected")
    (file,) = world.send(LEAD)
    (entry,) = entries(file, LEAD)
    assert entry["currentLeadStage"] == "Rejected" and "projectDescription" not in entry
    (key,) = world.process()
    assert world.read(key)["success"] == "ALL", world.read(key)
    world.take(LEAD)
    world.change(record, Project_Description__c="After the rejection")
    assert world.send(LEAD) == []
    assert identifier in [one["apnCrmUniqueIdentifier"] for one in entries(file, LEAD)]


@pytest.mark.requirement("LEAD-01", "S3-31")
def test_leads_use_the_bucket_and_opportunities_the_api(world: FileWorld) -> None:
    record, _ = world.lead()
    world.change(record, Status__c="Qualified")
    world.wire.forget()
    world.proxy.forget()
    world.exchange_files(LEAD)
    assert world.proxy.writes() == []
    deal = world.deal()
    world.sync()
    world.sync("inbound")
    assert len(world.of_record(deal)) == 1
    assert world.row(deal)[APN]
    keys = [one.key or one.prefix for one in world.wire.calls]
    assert {one.partition("/")[0] for one in keys if one.startswith("lead-")} >= {"lead-inbound", "lead-outbound"}
    assert [one for one in keys if one.startswith(("opportunity-outbound", "opportunity-inbound/"))] == []


@pytest.mark.requirement("LEAD-02")
def test_an_own_lead_is_not_sent_and_says_why(world: FileWorld) -> None:
    refused = world.seller.post(f"sobjects/{LEADS}", {"Status__c": "Open", "ACE_Sync_with_AWS__c": True})
    assert refused.status_code == 400 and "as an opportunity" in refused.text
    row = {"Status__c": "Open", "Company__c": "Harbour", "ACE_Sync_with_AWS__c": True}
    answered = world.integration.post(f"sobjects/{LEADS}", row)
    assert answered.status_code == 201, answered.text
    record = str(answered.json()["id"])
    assert world.send(LEAD) == []
    (error,) = [one for one in world.details(record) if one["Status__c"] in ("Error", "Skipped", "Pending")]
    assert "opportunity" in error["Error_Message__c"].lower(), codes([error])
    assert world.row_of(record)[SYNCED] is None


@pytest.mark.requirement("LEAD-08", "S3-26")
def test_an_error_of_aws_s_sample_stands_in_the_lead_s_log(world: FileWorld) -> None:
    record, identifier = world.lead()
    world.mishap("stall")
    world.change(record, Status__c="Qualified")
    (file,) = world.send(LEAD)
    world.process()
    world.s3.delete_object(Bucket=world.bucket, Key=file.key)
    name = file.key.rpartition("/")[2][:-5]
    world.drop(f"lead-{RESULTS}/{name}_result.json", result(file.key, answer(record, identifier, UNCHANGED)))
    world.take(LEAD)
    assert counts(world.log_of(file)) == ("Error", 1, 0, 1)
    (error,) = world.errors(record)
    assert UNCHANGED in error["Error_Message__c"]
    world.change(record, Status__c="Research")
    world.exchange_files(LEAD)
    assert world.errors(record) == [] and world.stored(identifier)["status"] == "Research"


@pytest.mark.requirement("LEAD-09")
def test_the_mapping_of_leads_lists_the_fields_of_leads(world: FileWorld) -> None:
    shown = world.do("mapping", "show", "--type", "lead", "--json").json
    fields = {one["ace_field"]: one for one in shown["shown"]}
    assert set(fields) == FIELDS
    assert {name for name, one in fields.items() if one["required"] == "sometimes"} == {"status", "currentLeadStage"}


@pytest.mark.requirement("LEAD-11", "OUT-23", "OUT-26", "LOG-15", "LOG-16", "OUT-10")
def test_what_holds_for_opportunities_in_files_holds_for_leads(world: FileWorld) -> None:
    """One failing lead fails alone and goes out again once corrected; several edits are one entry."""
    (good, _), (bad, wrong) = world.lead(), world.lead()
    for number in range(3):
        world.change(good, Lead_Status_Reason__c=f"Call {number}")
    world.change(bad, Lead_Owner_Email__c="nobody@test.example")
    world.wire.forget()
    (file,) = world.send(LEAD)
    found = {one[LEAD_ID]: one for one in entries(file, LEAD)}
    assert set(found) == {good, bad} and found[good]["leadStatusReason"] == "Call 2"
    assert "projectDescription" not in found[good], "only what changed is sent"
    log = world.log_of(file)
    assert log["Status__c"] == "API Success" and set(log["Outbound_IDs__c"].replace(",", " ").split()) == {good, bad}
    assert log["Purpose__c"] == "Outbound File Retrieval" and log["Direction__c"] == "To AWS"
    world.process()
    world.take(LEAD)
    assert counts(world.log_of(file)) == ("Partial", 2, 1, 1)
    (error,) = world.errors(bad)
    assert "User not found for Lead Owner email:nobody@test.example" in error["Error_Message__c"]
    world.change(bad, Lead_Owner_Email__c=world.stored(wrong)["leadOwnerEmail"], Lead_Status_Reason__c="Corrected")
    (file,) = world.exchange_files(LEAD)
    assert [one[LEAD_ID] for one in entries(file, LEAD)] == [bad]
    assert world.errors(bad) == []


@pytest.mark.requirement("LEAD-11")
def test_batches_of_leads_follow_the_setting(world: FileWorld) -> None:
    leads = [world.refer_lead() for _ in range(3)]
    world.export()
    world.take(LEAD)
    rows = [world.of_aws(one)["Id"] for one in leads]
    with world.changed_settings(Outbound_Batch_Size__c=2):
        world.write(LEAD, [{"id": one, "Current_Lead_Stage__c": "Accepted"} for one in rows])
        files = world.send(LEAD)
    assert sorted(len(entries(one, LEAD)) for one in files) == [1, 2]


@pytest.mark.requirement("LEAD-11", "ELIG-05", "ELIG-10")
def test_what_comes_in_is_not_sent_back(world: FileWorld) -> None:
    record, identifier = world.lead()
    world.control("/exchange/edit-lead", lead=identifier, fields={"city": "Kent"})
    world.export()
    world.take(LEAD)
    assert world.of_aws(identifier, "City__c")["City__c"] == "Kent"
    for _ in range(3):
        world.advance(60)
        assert world.send(LEAD) == []
    world.change(record, world.integration, City__c="Kent")
    assert world.send(LEAD) == [], "nor is what the integration user touches"


@pytest.mark.requirement("LEAD-11", "OUT-24")
def test_send_to_aws_sends_one_lead_alone(tmp_path: Path) -> None:
    with open_live_files(tmp_path, Opportunities_over_S3__c=False) as (world, worker):
        worker.stop()
        (record, _), (other, _) = world.lead(), world.lead()
        world.wire.forget()
        with world.working() as again:
            for one in (record, other):
                world.change(one, Status__c="Qualified")
            again.cycle(61)
            assert world.wire.puts() == [], "both wait for a schedule"
            request = {"Action__c": "Send", "ACE_Lead__c": record}
            answered = world.seller.post("sobjects/ACE_Action_Request__c", request)
            assert answered.status_code == 201, answered.text
            where = f"SELECT Status__c, Message__c FROM ACE_Action_Request__c WHERE Id = '{answered.json()['id']}'"

            def sent() -> bool:
                world.advance(3)
                return bool(world.wire.puts("lead-inbound/"))

            world.eventually(sent, lambda: f"the file; the request is {world.admin.rows(where)}")
            (file,) = world.wire.puts()
            assert [one[LEAD_ID] for one in entries(file, LEAD)] == [record]
            world.process()

            def done() -> bool:
                world.advance(60)
                return bool(world.admin.rows(where)[0]["Status__c"] == "Done")

            world.eventually(done, lambda: f"the answer; the request is {world.admin.rows(where)}")


@pytest.mark.requirement("FAQ-05")
@pytest.mark.parametrize("identifier", ["O1000001", "1234567"])
def test_an_identifier_that_is_no_lead_s_is_told(world: FileWorld, identifier: str) -> None:
    lead = exported_lead(apnCrmUniqueIdentifier=identifier)
    world.exported("strange.json", lead, kind=LEAD)
    world.take(LEAD)
    assert world.rows(LEAD, f"{APN} = '{identifier}'") == []
    (log,) = world.file_logs("Purpose__c = 'Inbound Record Retrieval'", LEAD)[-1:]
    (detail,) = world.log_details(log["Id"])
    assert detail["Status__c"] == "Error" and identifier in detail["Error_Message__c"]
    world.drop("lead-outbound/strange.json", {"version": "1", "spmsId": "1", "leads": []})
    world.take(LEAD)


def test_seen_values_of_a_lead_take_the_place_of_the_mask(world: FileWorld) -> None:
    lead = exported_lead()
    world.exported("masked.json", lead, kind=LEAD)
    world.take(LEAD)
    row = world.of_aws(lead[APN_KEY])
    seen = {**lead, **SEEN_LEAD, "currentLeadStage": "Accepted", LEAD_ID: row["Id"]}
    world.exported("seen.json", {**seen, "lastModifiedDate": "2059-01-17T20:08:15.000Z"}, kind=LEAD)
    world.take(LEAD)
    again = world.of_aws(lead[APN_KEY], "Current_Lead_Stage__c", *PEOPLE)
    assert again["Id"] == row["Id"] and again["Current_Lead_Stage__c"] == "Accepted"
    assert (again["Full_Name__c"], again["Email__c"]) == (SEEN_LEAD["fullName"], SEEN_LEAD["email"])
    assert len(world.rows(OPPORTUNITY, f"{APN} = '{lead[APN_KEY]}'")) == 0

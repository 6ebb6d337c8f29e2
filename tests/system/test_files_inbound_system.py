"""What AWS puts into the bucket comes into Salesforce, each record once, or a log says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from ace_samples import exported_opportunity, opportunity_id, referral
from file_world import (
    APN,
    APN_KEY,
    OPPORTUNITY,
    RECORDS,
    RETRIEVAL,
    SYNCED,
    FileWorld,
    Json,
    counts,
    entries,
    open_file_world,
    soon,
)  # fmt: skip
from system_package import add_validation_rule, copy_package

RULE_MESSAGE = "Nobody closes a deal in Atlantis."
FOLDER = "opportunity-outbound"
PEOPLE = ("Customer_First_Name__c", "Customer_Last_Name__c", "Customer_Email__c", "Customer_Phone__c")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org with a validation rule that holds for everybody; nothing runs unless a test runs it."""
    root = tmp_path_factory.mktemp("inbound")
    package = copy_package(
        root / "package", lambda it: add_validation_rule(it, "No_Atlantis", 'City__c = "Atlantis"', RULE_MESSAGE)
    )
    with open_file_world(root / "world", package=package) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    return running.fresh()


def came(world: FileWorld, known: int, purpose: str) -> list[Json]:
    """Return the logs of a purpose after the first so many."""
    return [one for one in world.file_logs()[known:] if one["Purpose__c"] == purpose]


def known_to(world: FileWorld, *records: Json) -> list[str]:
    """Bring records in by a file; return the ids of their rows."""
    world.exported(f"{records[0][APN_KEY]}.json", *records)
    world.take()
    return [str(world.of_aws(one[APN_KEY])["Id"]) for one in records]


def newer(record: Json, hours: float = 1, **changes: object) -> Json:
    """Return a record as AWS exports it after a change."""
    return {**record, "lastModifiedDate": f"2059-01-01T{int(hours):02}:00:00.000Z", **changes}


def correct(world: FileWorld, detail: Json, **values: object) -> None:
    """An admin saves a corrected payload by the action Edit Payload, which ticks Reprocess."""
    payload = {**json.loads(detail["Payload__c"]), **values}
    change = {"Corrected_Payload__c": json.dumps(payload), "Reprocess__c": True}
    answer = world.admin.patch(f"sobjects/ACE_Sync_Log_Detail__c/{detail['Id']}", change)
    assert answer.status_code == 204, answer.text


@pytest.mark.requirement("IN-01", "IN-02", "LOG-02", "LOG-07", "LOG-08", "LOG-09", "LOG-12", "S3-21")
def test_every_record_of_every_file_comes_in_and_the_files_go(world: FileWorld) -> None:
    known = len(world.file_logs())
    world.take()
    (look,) = world.file_logs()[known:]
    assert (look["Purpose__c"], look["Direction__c"], look["Status__c"]) == (RETRIEVAL, "From AWS", "API Success")
    known += 1
    archive = world.keys(f"{FOLDER}-archive")
    records = [[exported_opportunity() for _ in range(4)] for _ in range(3)]
    for number, part in enumerate(records):
        world.exported(f"part{number}.json", *part)
    world.take()
    (look,) = came(world, known, RETRIEVAL)
    logs = came(world, known, RECORDS)
    assert {one["Parent_Log__c"] for one in logs} == {look["Id"]}
    assert sorted(one["File_Name__c"].rpartition("/")[2] for one in logs) == ["part0.json", "part1.json", "part2.json"]
    assert [counts(one) for one in logs] == [("Processed", 4, 4, 0)] * 3
    details = [detail for one in logs for detail in world.log_details(one["Id"])]
    assert len(details) == 12 and {one["Status__c"] for one in details} == {"Processed"}
    assert {one["Record_Id__c"] for one in details} == {
        world.of_aws(one[APN_KEY])["Id"] for part in records for one in part
    }
    assert world.keys(FOLDER) == [] and world.keys(f"{FOLDER}-archive") == archive


@pytest.mark.requirement("IN-03", "IN-06", "IN-12", "IN-13", "OUT-28")
def test_a_record_with_both_identifiers_changes_its_row_and_one_without_ours_makes_one(world: FileWorld) -> None:
    first = exported_opportunity(city="Seattle", nextStep="As AWS has it")
    (record,) = known_to(world, first)
    for name, way in (("nextStep", "--no-inbound"), ("stage", "--inbound")):
        world.do("mapping", "toggle", name, way)
    world.do("mapping", "publish")
    other = exported_opportunity()
    changed = newer(
        first, partnerCrmUniqueIdentifier=record, stage="Qualified", country="Germany", city="Kiel", state=None,
        customerCompanyName="Harbour Trust", nextStep="Never to be seen", aWSStage="Committed",
        backwardsCompatibilityChanges="A default was filled in",
    )  # fmt: skip
    try:
        world.exported("both.json", changed, other)
        world.take()
    finally:
        for name, way in (("nextStep", "--inbound"), ("stage", "--no-inbound")):
            world.do("mapping", "toggle", name, way)
        world.do("mapping", "publish")
    names = ("Stage__c", "Country__c", "Customer_Company_Name__c", "Next_Step__c", "AWS_Stage__c", "LastModifiedById")
    row = world.of_aws(first[APN_KEY], *names)
    assert row["Id"] == record and world.of_aws(other[APN_KEY])["Id"] != record
    assert (row["Stage__c"], row["Country__c"], row["AWS_Stage__c"]) == ("Qualified", "DE", "Committed")
    assert (row["Customer_Company_Name__c"], row["Next_Step__c"]) == ("Harbour Trust", "As AWS has it")
    assert row["LastModifiedById"] == world.user("integration") and row[SYNCED]
    assert world.send() == [], "what came in is not sent back"


@pytest.mark.requirement("IN-04", "S3-03")
def test_the_same_referral_twice_is_one_record_also_from_the_archive(world: FileWorld) -> None:
    new = referral()
    for name in ("first.json", "second.json"):
        world.exported(name, new)
        world.take()
        assert world.of_aws(new[APN_KEY])
    content = {"version": "2.0", "spmsId": "4815162", "opportunities": [new]}
    lost = exported_opportunity()
    world.drop(f"{FOLDER}-archive/again.json", content)
    world.drop(f"{FOLDER}-archive/lost.json", {**content, "opportunities": [lost]})
    for name in ("again.json", "lost.json"):
        world.do("files", "replay", name)
    world.take()
    assert world.of_aws(new[APN_KEY]) and world.of_aws(lost[APN_KEY])
    assert {"again.json", "lost.json"} <= set(world.keys(f"{FOLDER}-archive"))


@pytest.mark.requirement("IN-07", "IN-08", "IN-09")
def test_a_referral_hides_people_until_it_is_accepted(world: FileWorld) -> None:
    new = referral()
    (record,) = known_to(world, new)
    names = ("Customer_Company_Name__c", "Partner_Project_Title__c", "AWS_Account_Manager_Email__c")
    row = world.of_aws(new[APN_KEY], *names, *PEOPLE)
    assert [row[one] for one in PEOPLE] == [None] * 4
    assert (
        row["Customer_Company_Name__c"] == "Harbour Authority" and row["Partner_Project_Title__c"] == "Contact centre"
    )
    assert row["AWS_Account_Manager_Email__c"] == "owner@aws.example"
    world.edit(record, Partner_Acceptance_Status__c="Accepted")
    (file,) = world.send()
    assert entries(file)[0]["partnerAcceptanceStatus"] == "Accepted"
    shown = exported_opportunity(opportunityOwnership="AWS Referral", partnerAcceptanceStatus="Accepted")
    seen = newer(shown, partnerCrmUniqueIdentifier=record, apnCrmUniqueIdentifier=new[APN_KEY])
    world.exported("seen.json", seen)
    world.take()
    row = world.of_aws(new[APN_KEY], *PEOPLE)
    assert [row[one] for one in PEOPLE] == ["Ines", "Castell", "ines.castell@harbour.example", "1234567890"]


@pytest.mark.requirement("LEAD-10")
def test_an_opportunity_that_came_from_a_lead_says_so(world: FileWorld) -> None:
    new = exported_opportunity(apnCrmLeadUniqueIdentifier="L1234567")
    (record,) = known_to(world, new)
    assert world.row(record, "APN_Lead_Id__c")["APN_Lead_Id__c"] == "L1234567"


@pytest.mark.requirement("IN-10", "FAQ-07")
def test_the_day_by_which_to_decide_is_shown(world: FileWorld) -> None:
    new = referral(acceptBy=soon(world.sandbox.clock, hours=24))
    known_to(world, new)
    shown = world.of_aws(new[APN_KEY], "Accept_By__c", "Partner_Acceptance_Status__c")
    assert shown["Accept_By__c"][:19] == new["acceptBy"][:19] and not shown["Partner_Acceptance_Status__c"]


@pytest.mark.requirement("IN-11")
def test_action_required_brings_the_reviewer_s_words(world: FileWorld) -> None:
    first = exported_opportunity()
    known_to(world, first)
    known_to(world, newer(first, status="Action Required", apnReviewerComments="Name the workload."))
    row = world.of_aws(first[APN_KEY], "Review_Status__c", "Reviewer_Comments__c")
    assert (row["Review_Status__c"], row["Reviewer_Comments__c"]) == ("Action Required", "Name the workload.")


@pytest.mark.requirement("IN-14", "LOG-13", "LOG-14", "IN-18")
def test_a_record_that_salesforce_refuses_fails_alone_with_its_own_payload(world: FileWorld) -> None:
    known = len(world.file_logs())
    records = [exported_opportunity() for _ in range(3)]
    bad = [exported_opportunity(city="Atlantis", additionalComments=f"Bad {number}") for number in range(2)]
    world.exported("partly.json", *records, bad[0])
    world.exported("wholly.json", bad[1])
    world.take()
    partly, wholly = sorted(came(world, known, RECORDS), key=lambda one: str(one["File_Name__c"]))
    assert (counts(partly), counts(wholly)) == (("Partial", 4, 3, 1), ("Error", 1, 0, 1))
    for log, record in ((partly, bad[0]), (wholly, bad[1])):
        (failed,) = [one for one in world.log_details(log["Id"]) if one["Status__c"] == "Error"]
        assert RULE_MESSAGE in failed["Error_Message__c"]
        assert json.loads(failed["Payload__c"]) == record
    assert all(world.of_aws(one[APN_KEY]) for one in records)
    assert world.rows(OPPORTUNITY, f"{APN} IN ('{bad[0][APN_KEY]}', '{bad[1][APN_KEY]}')") == []


@pytest.mark.requirement("LOG-14", "S3-27", "IN-19")
def test_a_file_that_cannot_be_fetched_or_read_is_told_and_stays_and_others_go_on(world: FileWorld) -> None:
    known = len(world.file_logs())
    good = exported_opportunity()
    world.exported("good.json", good)
    world.drop(f"{FOLDER}/broken.json", b'{"version": "2.0", "opportunities": [{"apnCrm')
    world.exported("shut.json", exported_opportunity())
    world.wire.refuse("GetObject", "shut.json", 403, "AccessDenied", "Access Denied", times=9)
    world.run("sync", "inbound")
    assert world.of_aws(good[APN_KEY])
    assert sorted(world.keys(FOLDER)) == ["broken.json", "shut.json"]
    found = {str(one["File_Name__c"]).rpartition("/")[2]: one for one in came(world, known, RECORDS)}
    assert found["good.json"]["Status__c"] == "Processed"
    assert {found[name]["Status__c"] for name in ("broken.json", "shut.json")} == {"Error"}
    assert "broken.json" in f"{found['broken.json']['Message__c']} {found['broken.json']['File_Name__c']}"
    texts = {str(found[name]["Message__c"]) for name in ("broken.json", "shut.json")}
    assert len(texts) == 2 and any("denied" in text.lower() for text in texts)
    world.wire.refusals.clear()
    world.drop(f"{FOLDER}/broken.json", {"version": "2.0", "spmsId": "1", "opportunities": [exported_opportunity()]})
    world.advance(600)
    world.take()
    assert world.keys(FOLDER) == []


@pytest.mark.requirement("IN-15", "IN-16", "LOG-20", "IN-20")
def test_a_corrected_payload_is_processed_and_stays_corrected(world: FileWorld) -> None:
    record = referral(city="Atlantis")
    world.exported("bad.json", record)
    world.take()
    (failed,) = [one for one in world.log_details(world.file_logs()[-1]["Id"]) if one["Status__c"] == "Error"]
    original = failed["Payload__c"]
    correct(world, failed, city="Tacoma")
    world.take()
    row = world.of_aws(record[APN_KEY], "City__c")
    assert row["City__c"] == "Tacoma"
    (kept,) = world.admin.rows(f"SELECT Payload__c, Status__c FROM ACE_Sync_Log_Detail__c WHERE Id = '{failed['Id']}'")
    assert (kept["Payload__c"], kept["Status__c"]) == (original, "Resolved")
    world.edit(row["Id"], Partner_Acceptance_Status__c="Accepted")
    (file,) = world.send()
    assert entries(file)[0]["partnerAcceptanceStatus"] == "Accepted", "it can be accepted"
    known_to(world, newer(record, city="Atlantis", projectDescription="More is known of this project by now."))
    again = world.of_aws(record[APN_KEY], "City__c", "Customer_Business_Problem__c")
    assert (again["City__c"], again["Customer_Business_Problem__c"]) == (
        "Tacoma", "More is known of this project by now.",
    )  # fmt: skip


@pytest.mark.requirement("IN-17")
def test_a_reprocessed_record_that_fails_again_makes_the_log_an_error(world: FileWorld) -> None:
    known = len(world.file_logs())
    world.exported("partly.json", exported_opportunity(), exported_opportunity(city="Atlantis"))
    world.take()
    (log,) = came(world, known, RECORDS)
    assert log["Status__c"] == "Partial"
    (failed,) = [one for one in world.log_details(log["Id"]) if one["Status__c"] == "Error"]
    correct(world, failed, additionalComments="Still in Atlantis")
    world.take()
    where = f"Status__c = 'Error' AND APN_Id__c = '{failed['APN_Id__c']}'"
    (again,) = world.admin.rows(f"SELECT Sync_Log__r.Status__c FROM ACE_Sync_Log_Detail__c WHERE {where}")
    assert again["Sync_Log__r"]["Status__c"] == "Error"


@pytest.mark.requirement("IN-21")
def test_an_older_payload_does_not_overwrite_a_newer_one(world: FileWorld) -> None:
    first = exported_opportunity()
    (record,) = known_to(world, newer(first, 5, city="Newer"))
    known_to(world, newer(first, 2, city="Older"))
    assert world.of_aws(first[APN_KEY], "City__c")["City__c"] == "Newer"
    assert world.keys(FOLDER) == []
    noted = [one["Error_Message__c"] for one in world.details(record) if one["Error_Message__c"]]
    assert any("Skipped" in one and "2059-01-01T02" in one for one in noted), noted


@pytest.mark.requirement("ELIG-18")
def test_a_dummy_identifier_is_skipped_and_counted(world: FileWorld) -> None:
    known = len(world.file_logs())
    dummy, good = exported_opportunity(partnerCrmUniqueIdentifier="X0007"), exported_opportunity()
    world.exported("history.json", dummy, good)
    world.take()
    assert world.rows(OPPORTUNITY, f"{APN} = '{dummy[APN_KEY]}'") == [] and world.of_aws(good[APN_KEY])
    (log,) = came(world, known, RECORDS)
    (told,) = [one["Error_Message__c"] for one in world.log_details(log["Id"]) if one["Error_Message__c"]]
    assert told.startswith("Skipped") and "X0007" in told
    assert log["Status__c"] == "Processed" and "1 skipped" in log["Message__c"] and world.keys(FOLDER) == []


@pytest.mark.requirement("ELIG-19")
def test_an_excluded_record_is_ignored_with_a_reason(world: FileWorld) -> None:
    world.take()  # the first run maps the packaged object by itself
    world.do("mapping", "exclude", 'customerCompanyName = "Not For Us"')
    world.do("mapping", "publish")
    known = len(world.file_logs())
    unwanted = exported_opportunity(customerCompanyName="Not For Us")
    world.exported("unwanted.json", unwanted)
    try:
        world.take()
    finally:
        world.do("mapping", "exclude", "--none")
        world.do("mapping", "publish")
    assert world.rows(OPPORTUNITY, f"{APN} = '{unwanted[APN_KEY]}'") == []
    (log,) = came(world, known, RECORDS)
    (detail,) = world.log_details(log["Id"])
    assert detail["Status__c"] == "Held" and "leaves it out" in detail["Error_Message__c"]
    assert world.keys(FOLDER) == []


@pytest.mark.requirement("IN-25")
def test_an_edit_that_was_not_sent_yet_wins_and_the_conflict_is_noted(world: FileWorld) -> None:
    record, identifier = world.shared_by_file()
    world.edit(record, Next_Step__c="The seller's")
    world.edit_at_aws(identifier, LifeCycle__NextSteps="AWS's")
    world.export()
    world.take()
    assert world.row(record, "Next_Step__c")["Next_Step__c"] == "The seller's"
    text = " ".join(str(one["Error_Message__c"]) for one in world.details(record))
    assert "The seller's" in text or "nextStep" in text
    assert entries(world.send()[0])[0]["nextStep"] == "The seller's"


@pytest.mark.requirement("S3-18", "S3-19")
def test_looking_more_often_than_aws_exports_is_no_error(world: FileWorld) -> None:
    known = len(world.file_logs())
    for _ in range(3):
        world.advance(300)
        world.take()
    assert [one["Status__c"] for one in world.file_logs()[known:]] == ["API Success"] * 3
    assert not [one for one in world.wire.calls if "notification" in one.query]


@pytest.mark.requirement("S3-20")
def test_placeholders_and_other_files_are_ignored(world: FileWorld) -> None:
    good = exported_opportunity()
    world.drop(f"{FOLDER}/deeper/", b"")
    world.drop(f"{FOLDER}/read me.txt", b"hello")
    world.exported("good.json", good)
    known = len(world.file_logs())
    world.take()
    assert world.of_aws(good[APN_KEY])
    assert [one["File_Name__c"].rpartition("/")[2] for one in came(world, known, RECORDS)] == ["good.json"]
    assert world.keys(FOLDER) == ["read me.txt"]
    assert world.exchange.bucket.read(f"{FOLDER}/deeper/") == b""


def test_a_file_like_aws_s_sample_with_unknown_keys_and_values_comes_in(world: FileWorld) -> None:
    """Identifiers that mean nothing here, a missing optional key, and keys nobody knows do no harm."""
    record = exported_opportunity(
        apnCrmUniqueIdentifier=opportunity_id(), partnerCrmUniqueIdentifier="TestIdentifier", keyOfTheFuture={"a": [1]}
    )
    del record["recommendedNextBestActions"], record["procurementType"]
    (row,) = known_to(world, record)
    assert world.row(row, "Next_Step__c")["Next_Step__c"] == record["nextStep"]


@pytest.mark.requirement("IN-24")
def test_a_referral_with_extra_and_missing_optional_keys_is_processed(world: FileWorld) -> None:
    record = referral(invitationNote="New in this version")
    for name in ("acceptBy", "customerTitle", "offers"):
        del record[name]
    assert known_to(world, record)


@pytest.mark.requirement("OUT-31")
def test_the_review_is_followed_and_four_days_in_it_are_no_error(world: FileWorld) -> None:
    record = world.deal()
    world.exchange_files()
    identifier = str(world.row(record)[APN])
    for step in ("", "In review", "Approved"):
        if step:
            world.review(identifier, step)
        world.export()
        world.take()
        shown = world.row(record, "Review_Status__c")["Review_Status__c"]
        assert shown == (step or "Submitted")
        world.advance(4 * 24 * 3600)
        world.take()
        assert world.errors(record) == []

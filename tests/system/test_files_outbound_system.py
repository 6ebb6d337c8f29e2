"""Opportunities go out as files of the ACE bucket, or the record's log says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    OPPORTUNITY,
    PARTNER_KEYS,
    SYNCED,
    FileWorld,
    counts,
    entries,
    open_file_world,
)  # fmt: skip
from system_world import codes

from connector.sandbox.exchange.settings import PARTNER_ID

FILE_NAME = re.compile(r".+_\d{2}\d{2}\d{4}\d{6}\.json")
PARTNER_KEY = PARTNER_KEYS[OPPORTUNITY]
DAY = 24 * 3600.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("files")) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    return running.fresh()


def only_entry(world: FileWorld, kind: str = OPPORTUNITY) -> dict[str, Any]:
    """Send what is due; it must be one record in one file."""
    (file,) = world.send(kind)
    (entry,) = entries(file, kind)
    return entry


def accepted_referral(world: FileWorld) -> tuple[str, str]:
    """Have a referral that the partner accepted by file; both sides know. Return both ids."""
    identifier = world.refer()
    world.export()
    world.take()
    record = str(world.of_aws(identifier)["Id"])
    world.edit(record, Partner_Acceptance_Status__c="Accepted")
    world.exchange_files()
    world.export()
    world.take()
    return record, identifier


@pytest.mark.requirement("OUT-01", "LOG-06")
def test_nothing_due_leaves_nothing_and_three_records_one_file_and_one_log(world: FileWorld) -> None:
    known = len(world.file_logs())
    assert world.send() == []
    assert len(world.file_logs()) == known
    records = world.deals(3)
    (file,) = world.send()
    assert sorted(one[PARTNER_KEY] for one in entries(file)) == sorted(records)
    new = world.file_logs()[known:]
    assert [one["Purpose__c"] for one in new] == ["Outbound File Retrieval"]
    assert world.send() == [], "what is under way is not sent again"


@pytest.mark.requirement("OUT-03", "S3-01", "S3-02", "S3-08", "S3-12", "S3-28", "CONN-26")
def test_a_file_has_the_form_that_aws_asks_for(world: FileWorld) -> None:
    """By a key pair alone: nothing else of AWS is configured where the command runs."""
    assert not [name for name in world.environment() if name.startswith("AWS_")]
    world.deal()
    assert len(world.exchange_files()) == 1
    world.wire.forget()  # after a mapping is published the next run looks once whether all folders can be reached
    record = world.deal()
    (file,) = world.send()
    folder, _, name = file.key.partition("/")
    assert folder == "opportunity-inbound" and FILE_NAME.fullmatch(name)
    assert file.acl == "bucket-owner-full-control"
    assert list(file.json) == ["version", "spmsId", "opportunities"]
    assert (file.json["version"], file.json["spmsId"]) == ("2.0", PARTNER_ID)
    (entry,) = entries(file)
    row = world.row(record, "Customer_Company_Name__c", "Target_Close_Date__c", "Expected_Monthly_AWS_Revenue__c")
    assert entry["customerCompanyName"] == row["Customer_Company_Name__c"]
    assert entry["targetCloseDate"] == row["Target_Close_Date__c"]
    assert entry["expectedMonthlyAwsRevenue"] == row["Expected_Monthly_AWS_Revenue__c"]
    assert isinstance(entry["solutionOffered"], list) and isinstance(entry["deliveryModel"], str)
    assert world.process() == [f"opportunity-inbound-processed-results/{name[:-5]}_result.json"]
    world.take()
    assert {one.key.partition("/")[0] for one in world.wire.named("PutObject")} == {"opportunity-inbound"}
    read = {(one.key or one.prefix).partition("/")[0] for one in world.wire.calls if one.method == "GET"}
    assert read <= {
        f"{kind}-{end}"
        for kind in ("opportunity", "lead")
        for end in ("outbound", "inbound-processed-results", "inbound-results")
    }


@pytest.mark.requirement("OUT-02", "LEAD-11")
def test_opportunities_and_leads_have_files_and_logs_of_their_own(world: FileWorld) -> None:
    record, _ = world.lead()
    world.wire.forget()
    deal = world.deal()
    world.change(record, Status__c="Qualified")
    (of_deal,), (of_lead,) = world.send(), world.send(LEAD)
    assert of_deal.key.startswith("opportunity-inbound/") and of_lead.key.startswith("lead-inbound/")
    assert [one[PARTNER_KEY] for one in entries(of_deal)] == [deal]
    assert [one["partnerCrmLeadId"] for one in entries(of_lead, LEAD)] == [record]
    logs = [world.log_of(one) for one in (of_deal, of_lead)]
    assert [one["Object__c"] for one in logs] == ["ACE_Opportunity__c", "ACE_Lead__c"]
    assert [one["Outbound_IDs__c"] for one in logs] == [deal, record]


@pytest.mark.requirement("OUT-04", "OUT-05", "OUT-07", "OUT-10", "FAQ-08")
def test_a_record_is_created_once_and_then_changed_by_both_identifiers(world: FileWorld) -> None:
    record, other = world.deal(), world.deal()
    known = len(world.listed())
    (file,) = world.send()
    first = {one[PARTNER_KEY]: one for one in entries(file)}[record]
    assert not first.get(APN_KEY)
    world.process()
    world.take()
    identifier = world.row(record)[APN]
    assert identifier and world.of_record(record) == [identifier]
    world.review(identifier, "Approved")
    world.export()
    world.take()
    for text in ("Price list", "Workshop", "Contract"):
        world.edit(record, Next_Step__c=text)
        new = world.deal() if text == "Contract" else ""
        (file,) = world.send()
        assert file.key.startswith("opportunity-inbound/")
        found = {one[PARTNER_KEY]: one for one in entries(file)}
        assert set(found) == {record, new} - {""}
        assert found[record] == {PARTNER_KEY: record, APN_KEY: identifier, "nextStep": text}
        world.process()
        world.take()
    assert len(world.listed()) == known + 3
    assert world.of_record(record) == [identifier]
    assert world.stored(identifier)["nextStep"] == "Contract"
    assert world.row(other)[APN]


@pytest.mark.requirement("OUT-09")
def test_a_value_that_was_cleared_is_sent_as_null(world: FileWorld) -> None:
    record, identifier = world.shared_by_file()
    before = world.stored(identifier)
    world.edit(record, Next_Step__c=None)
    entry = only_entry(world)
    assert entry == {PARTNER_KEY: record, APN_KEY: identifier, "nextStep": None}
    world.process()
    world.take()
    after = world.stored(identifier)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"nextStep", "nextStepHistory", "lastModifiedDate", "lastModifiedBy"}
    assert not after["nextStep"] and world.errors(record) == []


@pytest.mark.requirement("OUT-11")
def test_revenue_with_cents_never_reaches_aws(world: FileWorld) -> None:
    record = world.deal(Expected_Monthly_AWS_Revenue__c=1041.67)
    files = world.send()
    assert files == []
    (error,) = world.errors(record)
    assert "expectedMonthlyAwsRevenue" in error["Error_Message__c"] and "1041.67" in error["Error_Message__c"]
    assert "whole" in error["Error_Message__c"].lower()
    world.edit(record, Expected_Monthly_AWS_Revenue__c=1041)
    assert only_entry(world)["expectedMonthlyAwsRevenue"] == 1041
    world.process()
    world.take()
    assert world.errors(record) == [] and world.row(record)[APN]


@pytest.mark.requirement("OUT-12")
def test_a_date_keeps_its_day(world: FileWorld) -> None:
    world.deal(Target_Close_Date__c="2060-03-01")
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        world.files("outbound", TZ=zone)
    (file,) = world.wire.puts()
    assert [one["targetCloseDate"] for one in entries(file)] == ["2060-03-01"]


@pytest.mark.requirement("OUT-13")
@pytest.mark.parametrize(
    ("fields", "named"),
    [({"Stage__c": "Launched"}, "awsAccountId"), ({"Stage__c": "Closed Lost"}, "closedLostReason")],
)
def test_closing_needs_what_aws_asks_for(world: FileWorld, fields: dict[str, str], named: str) -> None:
    record, _ = world.shared_by_file()
    # An admin took the package's own rule away, which would stop the seller.
    rule = {"fullName": "ACE_Closed_Lost_Reason", "active": False, "errorConditionFormula": "false"}
    world.control("/salesforce/rule", object="ACE_Opportunity__c", metadata={**rule, "errorMessage": "None"})
    world.edit(record, **fields)
    assert world.send() == []
    (error,) = world.errors(record)
    assert named in error["Error_Message__c"]


@pytest.mark.requirement("OUT-16")
def test_deleting_a_record_sends_nothing(world: FileWorld) -> None:
    record, identifier = world.shared_by_file()
    assert world.admin.send("DELETE", f"sobjects/ACE_Opportunity__c/{record}").status_code == 204
    world.advance(DAY)
    with world.working():

        def told() -> list[dict[str, Any]]:
            world.advance(61)
            return [one for one in world.details(record) if one["Error_Code__c"] == "DELETED_IN_SALESFORCE"]

        (notice,) = world.eventually(told, lambda: f"a notice; {world.pending()}")
    assert "Close" in notice["Error_Message__c"]
    assert record not in "".join(one.body.decode() for one in world.wire.puts()[1:])
    assert world.stored(identifier)["status"] == "Approved"


@pytest.mark.requirement("OUT-17")
def test_an_owner_whom_aws_does_not_know_is_told_in_aws_s_words(world: FileWorld) -> None:
    record = world.deal(Opportunity_Owner_Email__c="xyz.abc@test.example")
    blank = world.deal()
    (file,) = world.send()
    found = {one[PARTNER_KEY]: one for one in entries(file)}
    assert found[record]["opportunityOwnerEmail"] == "xyz.abc@test.example"
    assert not found[blank].get("opportunityOwnerEmail")
    world.process()
    world.take()
    (error,) = world.errors(record)
    assert "User not found for Opportunity Owner email:xyz.abc@test.example" in error["Error_Message__c"]
    assert world.row(blank)[APN] and not world.row(record)[APN]


@pytest.mark.requirement("OUT-19", "OUT-20")
def test_one_bad_record_of_twenty_stays_behind_and_says_all_that_is_wrong(world: FileWorld) -> None:
    good = world.deals(19)
    bad = world.deal(Customer_Website__c=None, Country__c=None, Customer_Business_Problem__c=None)
    (file,) = world.send()
    assert sorted(one[PARTNER_KEY] for one in entries(file)) == sorted(good)
    told = " ".join(one["Error_Message__c"] for one in world.errors(bad))
    assert [name for name in ("customerWebsite", "country", "projectDescription") if name not in told] == []
    world.process()
    world.take()
    assert counts(world.log_of(file)) == ("Partial", 20, 19, 1)
    assert all(one[APN] for one in world.rows(OPPORTUNITY, f"Id IN ({', '.join(map(repr, good))})"))


@pytest.mark.requirement("OUT-23", "ELIG-07")
def test_a_corrected_record_goes_out_by_itself_in_the_next_run(world: FileWorld) -> None:
    record = world.deal(Opportunity_Owner_Email__c="nobody@test.example")
    world.exchange_files()
    assert world.errors(record) and world.row(record)[SYNCED] is None
    world.edit(record, Opportunity_Owner_Email__c=None)
    (file,) = world.exchange_files()
    assert [one[PARTNER_KEY] for one in entries(file)] == [record]
    assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
    row = world.row(record)
    assert row[APN] and row[SYNCED] and world.errors(record) == []


@pytest.mark.requirement("OUT-24")
def test_send_to_aws_sends_that_record_alone(world: FileWorld) -> None:
    record, other = world.deal(), world.deal()
    world.do("action", "share", record)
    (file,) = world.wire.puts()
    assert [one[PARTNER_KEY] for one in entries(file)] == [record]
    assert [one[PARTNER_KEY] for one in entries(world.send()[0])] == [other], "it waited for the next run"


@pytest.mark.requirement("OUT-26")
def test_five_edits_between_two_runs_are_one_entry(world: FileWorld) -> None:
    record, identifier = world.shared_by_file()
    for number in range(5):
        world.edit(record, Next_Step__c=f"Step {number}")
    assert only_entry(world) == {PARTNER_KEY: record, APN_KEY: identifier, "nextStep": "Step 4"}


@pytest.mark.requirement("OUT-34", "ELIG-17", "OUT-14", "IN-09", "OUT-32", "FAQ-06")
def test_a_referral_is_decided_by_the_record_s_status(world: FileWorld) -> None:
    people = [{"Email": "ines.castell@harbour.example", "FirstName": "Ines", "LastName": "Castell"}]
    identifier, other = world.refer(Customer__Contacts=people), world.refer()
    world.export()
    world.take()
    record, refused = (str(world.of_aws(one)["Id"]) for one in (identifier, other))
    world.edit(record, Next_Step__c="Not yet ours to say")
    assert world.send() == [], "before the decision nothing else goes out"
    world.edit(record, Partner_Acceptance_Status__c="Accepted")
    entry = only_entry(world)
    assert entry == {PARTNER_KEY: record, APN_KEY: identifier, "partnerAcceptanceStatus": "Accepted"}
    world.process()
    world.take()
    world.export()
    world.take()
    assert world.of_aws(identifier, "Customer_Email__c")["Customer_Email__c"], "the people show after acceptance"
    world.edit(refused, Partner_Acceptance_Status__c="Rejected")
    sent = [one for one in world.send() if refused in str(one.json)]
    assert sent == []
    (error,) = world.errors(refused)
    assert "rejectionReason" in error["Error_Message__c"]
    world.process()
    world.take()
    world.edit(refused, Rejection_Reason__c="Other")
    assert only_entry(world) == {
        PARTNER_KEY: refused, APN_KEY: other, "partnerAcceptanceStatus": "Rejected", "rejectionReason": "Other",
    }  # fmt: skip


@pytest.mark.requirement("FAQ-06", "OUT-32", "OUT-06")
def test_an_accepted_referral_is_changed_and_never_created(world: FileWorld) -> None:
    record, identifier = accepted_referral(world)
    known = len(world.listed())
    world.exchange_files()
    # Somebody at AWS changes the partner's identifier; the record is found by AWS's, and the right one goes out.
    changed = {
        **world.stored(identifier),
        PARTNER_KEY: "somebody-elses-id",
        "lastModifiedDate": "2059-01-01T00:00:00.000Z",
    }
    world.exported("changed.json", changed)
    world.take()
    assert world.of_aws(identifier)["Id"] == record
    world.edit(record, Next_Step__c="Visit them")
    entry = only_entry(world)
    assert (entry[PARTNER_KEY], entry[APN_KEY], entry["nextStep"]) == (record, identifier, "Visit them")
    assert world.read(world.process()[0])["success"] == "ALL"
    assert len(world.listed()) == known


@pytest.mark.requirement("ELIG-13", "ELIG-14", "ELIG-15")
def test_while_aws_reviews_edits_wait_and_after_action_required_they_go_out(world: FileWorld) -> None:
    record = world.deal()
    world.exchange_files()
    identifier = str(world.row(record)[APN])

    def told(step: str) -> None:
        world.review(identifier, step)
        world.export()
        world.take()

    for text, step in (("Kent", ""), ("Everett", "In review")):
        if step:
            told(step)
        world.edit(record, City__c=text)
        assert world.send() == []
        assert any(one["Status__c"] in ("Pending", "Held") for one in world.details(record)), "the log says why"
    told("Action Required")
    (file,) = world.send()
    assert entries(file)[0]["city"] == "Everett"
    world.process()
    world.take()
    world.export()
    world.take()
    assert world.row(record, "Review_Status__c")["Review_Status__c"] == "Submitted"
    told("In review")
    world.edit(record, Next_Step__c="Once more")
    assert world.send() == []
    told("Approved")
    (file,) = world.send()
    assert entries(file)[0]["nextStep"] == "Once more"
    assert world.send() == [], "once"


@pytest.mark.requirement("OUT-15")
def test_after_launch_only_few_fields_go_out(world: FileWorld) -> None:
    record, identifier = world.shared_by_file(AWS_Account_Id__c="123456789012")
    world.edit(record, Stage__c="Launched")
    world.exchange_files()
    world.export()
    world.take()
    assert world.stored(identifier)["stage"] == "Launched"
    world.edit(record, Next_Step__c="Too late")
    assert world.send() == []
    assert any("nextStep" in (one["Error_Message__c"] or "") for one in world.details(record))


@pytest.mark.requirement("OUT-08", "FAQ-05")
@pytest.mark.parametrize("identifier", ["O9999999", "L1234567", "01234567"])
def test_a_changed_or_malformed_identifier_is_told_and_not_sent(world: FileWorld, identifier: str) -> None:
    record, own = world.shared_by_file()
    world.edit(record, world.admin, **{APN: identifier, "Next_Step__c": "Edited"})
    assert world.send() == []
    errors = world.errors(record)
    assert errors and any(identifier in one["Error_Message__c"] for one in errors), codes(errors)
    world.edit(record, world.admin, **{APN: own})
    assert only_entry(world)["nextStep"] == "Edited"


@pytest.mark.requirement("ELIG-05", "ELIG-22")
def test_what_the_integration_user_writes_is_sent_once_and_no_more(world: FileWorld) -> None:
    record = world.deal(world.integration)
    world.exchange_files()
    identifier = str(world.row(record)[APN])
    world.review(identifier, "Approved")
    world.edit_at_aws(identifier, Customer__Account__Address__City="Kent")
    world.export()
    world.take()
    assert world.row(record, "City__c")["City__c"] == "Kent"
    for number in range(3):
        world.advance(60)
        if number == 1:
            world.edit(record, world.integration, City__c="Kent")
        assert world.send() == []


@pytest.mark.requirement("ELIG-18")
def test_dummy_identifiers_of_history_are_left_out(world: FileWorld) -> None:
    record = world.deal()
    world.edit(record, world.admin, **{APN: "X0001"})
    assert world.send() == []
    assert world.row(record)[SYNCED] is None


@pytest.mark.requirement("S3-13", "CONN-27")
@pytest.mark.parametrize(
    ("message", "hints"),
    [
        ("Access Denied", ("opportunity-inbound", "bucket-owner-full-control", "credential")),
        (
            "User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on resource: key/1",
            ("kms:GenerateDataKey",),
        ),
    ],
)
def test_a_refused_upload_says_the_causes(world: FileWorld, message: str, hints: tuple[str, ...]) -> None:
    record = world.deal()
    world.wire.refuse("PutObject", "opportunity-inbound", 403, "AccessDenied", message, times=5)
    world.run("sync", "outbound", "--json")
    log = world.file_logs()[-1]
    text = " ".join(
        str(one) for one in (log["Message__c"], *(one["Error_Message__c"] for one in world.details(record)))
    )
    assert log["Status__c"] == "Error"
    assert [hint for hint in hints if hint.lower() not in text.lower()] == [], text
    world.wire.refusals.clear()
    world.advance(600)
    world.send()
    sent = [one for one in world.wire.puts() if record in one.body.decode()]
    assert len(sent) == 1
    assert not [name for name in sent[0].headers if "server-side-encryption" in name]


@pytest.mark.requirement("FAQ-10", "ELIG-21", "LOG-17")
def test_without_a_result_nothing_is_sent_again_until_the_log_is_deleted(world: FileWorld) -> None:
    world.mishap("stall")
    record = world.deal()
    (file,) = world.send()
    world.edit(record, Next_Step__c="Asked again")
    for _ in range(3):
        world.advance(3600)
        world.take()
        assert world.send() == []
    log = world.log_of(file)
    assert (log["Status__c"], log["Outbound_IDs__c"]) == ("API Success", record)
    assert world.admin.send("DELETE", f"sobjects/ACE_Sync_Log__c/{log['Id']}").status_code == 204
    (again,) = world.send()
    assert again.key != file.key
    assert [(one[PARTNER_KEY], one["nextStep"]) for one in entries(again)] == [(record, "Asked again")]
    world.control("/exchange/release")
    world.take()
    assert len(world.of_record(record)) == 1


@pytest.mark.requirement("OUT-33")
def test_what_happened_while_nothing_ran_is_worked_off(world: FileWorld) -> None:
    record, identifier = world.shared_by_file()
    referred = world.refer()
    world.export()
    world.edit(record, Next_Step__c="While nobody looked")
    world.edit_at_aws(identifier, Customer__Account__Address__City="Everett")
    world.advance(DAY)
    world.export()
    new = world.deal()
    world.take()
    (file,) = world.exchange_files()
    assert {one[PARTNER_KEY] for one in entries(file)} == {record, new}
    assert world.of_aws(referred)["Id"]
    row = world.row(record, "City__c", "Next_Step__c")
    assert (row["City__c"], row["Next_Step__c"]) == ("Everett", "While nobody looked")
    assert world.stored(identifier)["nextStep"] == "While nobody looked"

"""The way of records to AWS by file, on a real state, an org in memory and a strict bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, FLAG, SYNCED, sound_values
from engine.files import FILES, LET_OUT, SHUT, Files
from engine.turns import open_codes

from connector.ace.file_fields import Version
from connector.errors import AuthFailed, Retriable
from connector.store.entries import Entry
from connector.sync.exchange.entries import planned_entry
from connector.sync.exchange.entry_plan import Send
from connector.sync.exchange.uploads import work_waits
from connector.sync.queueing import UPLOAD
from connector.sync.schedule_memory import InForce, remember

pytestmark = pytest.mark.usefixtures("quiet_log")
NEXT_STEP = "Next_Step__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Files]:
    world = Files(tmp_path)
    yield world
    world.close()


def batches_of(world: Files, size: int) -> None:
    world.use(replace(LET_OUT, files=replace(FILES, batch_size=size)))


def due_again(world: Files) -> list[str]:
    """Let two more turns go by; return the files that went out."""
    before = world.files()
    world.turn()
    world.turn()
    return world.files()[len(before) :]


def until_it_waits(world: Files, record_id: str) -> Entry:
    """Let the record's turn come, and stop before its entry is packed."""
    world.clock.advance(timedelta(minutes=1))
    world.schedule("due-sweep")
    while (waiting := world.state.entries.of_record(record_id)) is None:
        assert world.execute(1)
    return waiting


def test_a_new_record_goes_out_once_and_gets_its_identifier(world: Files) -> None:
    """OUT-04, OUT-07, OUT-22: first the partner's identifier only, then AWS's id, the stamp and a Processed log."""
    record_id = world.deal()
    world.turn()
    [name] = world.files()
    [entry] = world.last_entries()
    assert entry["partnerCrmUniqueIdentifier"] == record_id and "apnCrmUniqueIdentifier" not in entry
    assert world.log(name)["Status__c"] == "API Success"
    assert world.log(name)["Outbound_IDs__c"] == record_id
    world.take()
    [(apn_id, _)] = world.exchange.of_partner(record_id)
    row = world.salesforce.row(record_id)
    assert row is not None and row[APN_ID] == apn_id and row[SYNCED]
    log = world.log(name)
    assert (log["Status__c"], log["Success_Count__c"], log["Error_Count__c"]) == ("Processed", 1, 0)
    assert world.exchange.results == []
    assert due_again(world) == []


def test_an_update_carries_what_was_edited_and_both_identifiers(world: Files) -> None:
    """OUT-10, OUT-09, OUT-05: one field and the identifiers; a cleared field goes as null; the same identifier ever."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call them"})
    for value, told in (("Sign", "Sign"), (None, None)):
        world.salesforce.user_edits(record_id, {NEXT_STEP: value})
        world.turn()
        assert world.last_entries() == [
            {"partnerCrmUniqueIdentifier": record_id, "apnCrmUniqueIdentifier": apn_id, "nextStep": told}
        ]
        world.take()
    assert [one for one, _ in world.exchange.of_partner(record_id)] == [apn_id]


def test_edits_between_two_runs_go_out_as_one_entry(world: Files) -> None:
    """OUT-26: five edits between two runs of the schedule, one entry in one file."""
    record_id, _ = world.shared()
    world.use(SHUT)
    for step in ("Call them", "Send the offer", "Sign", "Call them", "Sign"):
        world.salesforce.user_edits(record_id, {NEXT_STEP: step})
        world.turn()
    world.use(LET_OUT)
    assert len(due_again(world)) == 1
    assert [entry["nextStep"] for entry in world.last_entries()] == ["Sign"]


def test_an_edit_replaces_what_waits_for_a_file(world: Files) -> None:
    """Even between two runs: something of the record goes out anyway, and its latest form is what goes."""
    record_id, _ = world.shared()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    until_it_waits(world, record_id)
    world.use(SHUT)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.clock.advance(timedelta(minutes=1))
    world.schedule("due-sweep")
    while world.executor.run_one(kinds=("due-sweep", "outbound")):
        pass
    world.turn()
    assert [entry["nextStep"] for entry in world.last_entries()] == ["Sign"]
    assert len(world.files()) == 2


def test_an_edit_while_the_file_is_in_flight_goes_out_after_the_result(world: Files) -> None:
    """Promise 1, ELIG-23: the result stamps the row and does not hide the edit; nothing goes out meanwhile."""
    record_id, apn_id = world.shared()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    world.turn()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    assert due_again(world) == []
    assert open_codes(world, record_id) == ["AWAITS_RESULT"]
    world.take()
    assert world.last_entries()[0]["nextStep"] == "Sign"
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Sign"
    assert open_codes(world, record_id) == []


def test_an_edit_back_to_the_old_value_while_in_flight_is_sent_too(world: Files) -> None:
    """Promise 1: AWS has the newer value by then."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call them"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    world.turn()
    world.take()
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Call them"


def test_a_batch_is_split_and_each_file_has_its_log(world: Files) -> None:
    """OUT-01, SET-11, S3-16: five records in files of two; names are unique."""
    batches_of(world, 2)
    for number in range(5):
        world.deal(Customer_Company_Name__c=f"Example {number}")
    world.turn()
    assert [len(world.exchange.entries(name)) for name in world.files()] == [2, 2, 1]
    world.take()
    logs = [world.log(name) for name in world.files()]
    assert [(log["Status__c"], log["Success_Count__c"]) for log in logs] == [
        ("Processed", 2), ("Processed", 2), ("Processed", 1),
    ]  # fmt: skip
    assert len({log["Log_Key__c"] for log in logs}) == 3


def test_the_valid_records_go_out_beside_a_refused_one_in_one_log(world: Files) -> None:
    """OUT-20: three due, one invalid: two are sent, the log ends Partial with one error."""
    good = [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(2)]
    bad = world.deal(Postal_Code__c=None, Customer_Website__c=None)
    world.turn()
    [name] = world.files()
    assert sorted(entry["partnerCrmUniqueIdentifier"] for entry in world.last_entries()) == sorted(good)
    assert open_codes(world, bad) == ["REQUIRED_FIELD_MISSING", "REQUIRED_FIELD_MISSING"]
    world.take()
    log = world.log(name)
    assert (log["Status__c"], log["Success_Count__c"], log["Error_Count__c"]) == ("Partial", 2, 1)
    assert sorted(log["Outbound_IDs__c"].split()) == sorted(good)


def test_nothing_due_makes_no_file_and_no_log(world: Files) -> None:
    """OUT-01: neither an unflagged record, nor one of which only unmapped fields changed."""
    world.salesforce.user_creates({**sound_values(), FLAG: False, "Name": "Private"})
    record_id, _ = world.shared()
    before = (world.files(), len(world.salesforce.all("ACE_Sync_Log__c")))
    world.salesforce.user_edits(record_id, {"Name": "Another name"})
    world.turn()
    world.turn()
    assert (world.files(), len(world.salesforce.all("ACE_Sync_Log__c"))) == before
    assert open_codes(world, record_id) == []


def test_without_a_schedule_an_edit_waits_and_says_so(world: Files) -> None:
    """Nothing goes out by itself; the reason is on the record once."""
    record_id, _ = world.shared()
    world.use(SHUT)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    assert due_again(world) == []
    assert open_codes(world, record_id) == ["PENDING_NOT_SHARED"]
    world.use(LET_OUT)
    assert len(due_again(world)) == 1
    world.take()
    assert open_codes(world, record_id) == []


def test_between_two_runs_of_a_schedule_an_edit_waits_silently(world: Files) -> None:
    """The next run looks at every flagged record again."""
    record_id, _ = world.shared()
    now = world.clock.now()
    remember(world.engine, "Opportunity", InForce("a1", "Hourly", 60, inbound=True, next=now + timedelta(hours=9)))
    world.use(SHUT)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    assert due_again(world) == []
    assert open_codes(world, record_id) == []
    world.use(LET_OUT)
    assert len(due_again(world)) == 1


def test_a_request_made_while_the_record_is_in_flight_is_not_lost(world: Files) -> None:
    """OUT-24: what is asked for meanwhile goes out after the result, although no schedule runs."""
    record_id, apn_id = world.shared()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    world.turn()
    world.use(SHUT)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    link = world.state.links.require(record_id)
    link.requested = True
    world.state.links.save(link)
    world.turn()
    world.take()
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Sign"
    assert not world.state.links.require(record_id).requested


def test_a_request_lets_out_one_file(world: Files) -> None:
    """OUT-24: an edit made after it waits for the schedule again."""
    record_id, _ = world.shared()
    world.use(SHUT)
    link = world.state.links.require(record_id)
    link.requested = True
    world.state.links.save(link)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    assert len(due_again(world)) == 1
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    world.exchange.aws_takes()
    assert due_again(world) == []
    assert open_codes(world, record_id) == ["PENDING_NOT_SHARED"]


@pytest.mark.parametrize("how", ["deleted", "withdrawn"])
def test_a_record_that_is_taken_back_before_its_file_is_packed_does_not_go_out(world: Files, how: str) -> None:
    """Neither a deleted record, nor one whose flag was taken away."""
    record_id = world.deal()
    until_it_waits(world, record_id)
    if how == "deleted":
        world.salesforce.user_deletes(record_id)
    else:
        world.salesforce.user_edits(record_id, {FLAG: False})
    world.turn()
    assert world.files() == [] and not work_waits(world.engine)


@pytest.mark.parametrize("how", ["deleted", "withdrawn"])
def test_a_result_of_a_record_that_was_taken_back_in_flight_is_still_worked_off(world: Files, how: str) -> None:
    """The identifier is kept, so that AWS's exports do not make a second record of it; nothing is written to it."""
    record_id = world.deal()
    world.turn()
    if how == "deleted":
        world.salesforce.user_deletes(record_id)
    else:
        world.salesforce.user_edits(record_id, {FLAG: False})
    world.turn()
    world.take()
    [(apn_id, _)] = world.exchange.of_partner(record_id)
    assert world.state.links.require(record_id).apn_id == apn_id
    assert world.exchange.results == [] and world.state.uploads.of_record(record_id) is None
    assert len(world.files()) == 1


def test_what_aws_takes_only_after_the_creation_follows_once_it_was_approved(world: Files) -> None:
    """The stage goes out in an update behind the result; ELIG-13: not while AWS reviews the new opportunity."""
    record_id = world.deal(Stage__c="Qualified")
    world.turn()
    assert "stage" not in world.last_entries()[0]
    world.take()
    assert due_again(world) == []
    assert open_codes(world, record_id) == ["HELD_IN_REVIEW"]
    world.approve(record_id)
    world.turn()
    [entry] = world.last_entries()
    assert entry["stage"] == "Qualified" and set(entry) == {
        "stage", "partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier",
    }  # fmt: skip
    world.take()
    assert due_again(world) == []


@pytest.mark.parametrize("status", ["Submitted", "In review"])
def test_an_edit_under_review_is_held_and_sent_once_afterwards(world: Files, status: str) -> None:
    """ELIG-13, ELIG-14."""
    record_id, _ = world.shared()
    link = world.state.links.require(record_id)
    link.review_status = status
    world.state.links.save(link)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    assert due_again(world) == []
    assert open_codes(world, record_id) == ["HELD_IN_REVIEW"]
    world.approve(record_id)
    world.turn()
    assert world.last_entries()[0]["nextStep"] == "Sign"


def test_a_correction_that_aws_asked_for_is_sent_and_under_review_again(world: Files) -> None:
    """ELIG-15."""
    record_id, _ = world.shared()
    link = world.state.links.require(record_id)
    link.review_status = "Action Required"
    world.state.links.save(link)
    world.salesforce.user_edits(record_id, {"Customer_Website__c": "https://rail.example"})
    world.turn()
    world.take()
    assert world.state.links.require(record_id).review_status == "Submitted"


def test_a_locked_edit_is_dropped_and_told_while_the_others_go(world: Files) -> None:
    """Approved: AWS does not take another title."""
    record_id, _ = world.shared()
    world.salesforce.user_edits(record_id, {"Partner_Project_Title__c": "Something else", NEXT_STEP: "Sign"})
    world.turn()
    assert set(world.last_entries()[0]) == {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier", "nextStep"}
    world.take()
    assert open_codes(world, record_id) == ["FIELD_LOCKED"]
    assert due_again(world) == []
    world.salesforce.user_edits(record_id, {"Partner_Project_Title__c": "Move the data centre"})
    world.turn()
    assert open_codes(world, record_id) == []


def test_a_record_too_large_for_a_file_is_refused_and_the_others_go(world: Files) -> None:
    """S3-14, S3-15."""
    huge = world.deal(Customer_Company_Name__c="Example Huge")
    waiting = until_it_waits(world, huge)
    world.state.entries.put(replace(waiting, entry={**waiting.entry, "additionalComments": "x" * 1_200_000}))
    other = world.deal(Customer_Company_Name__c="Example Other")
    world.turn()
    assert open_codes(world, huge) == ["TOO_LONG"]
    sent = [entry for name in world.files() for entry in world.exchange.entries(name)]
    assert other in [entry["partnerCrmUniqueIdentifier"] for entry in sent]
    assert all("additionalComments" not in entry for entry in sent)


def test_at_ten_thousand_files_the_rest_waits_with_a_warning_and_goes_later(world: Files) -> None:
    """S3-17: five files due, one may go."""
    batches_of(world, 1)
    world.exchange.files_per_day = 1
    ids = [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(5)]
    world.turn()
    assert len(world.files()) == 1
    waiting = [record_id for record_id in ids if open_codes(world, record_id) == ["WAITING"]]
    assert len(waiting) == 4
    world.exchange.files_per_day = 10
    world.turn(minutes=70)
    assert len(world.files()) == 5
    assert [code for record_id in ids for code in open_codes(world, record_id)] == []


def test_refused_access_is_told_on_the_log_and_once_per_record(world: Files) -> None:
    """S3-13: the file stays under its name and goes out once the cause is removed."""
    record_id = world.deal()
    world.exchange.trouble = AuthFailed("Access denied: the folder, the ACL, or the permission.")
    world.turn()
    world.turn()
    [stored] = world.state.uploads.to_send("opportunity")
    log = world.log(stored.name)
    assert log["Status__c"] == "Error" and "the ACL" in log["Message__c"]
    assert open_codes(world, record_id) == ["WAITING"]
    world.exchange.trouble = None
    world.turn()
    assert world.files() == [stored.name]
    assert world.log(stored.name)["Status__c"] == "API Success" and open_codes(world, record_id) == []


@pytest.mark.parametrize("missing", ["bucket", "partner_id"])
def test_without_bucket_or_partner_id_nothing_goes_out_and_records_say_so(world: Files, missing: str) -> None:
    """SET-14: a message names the setting."""
    record_id = world.deal()
    world.use(replace(LET_OUT, files=replace(FILES, **{missing: ""})))
    world.turn()
    [detail] = world.details(record_id, "Pending")
    assert ("Bucket_Name__c" if missing == "bucket" else "Partner_Id__c") in detail["Error_Message__c"]
    world.use(LET_OUT)
    world.turn()
    assert len(world.files()) == 1


def test_a_file_is_never_sent_again_while_no_result_is_there(world: Files) -> None:
    """FAQ-10, S3-09: hours go by, the record is due all the time, and the change is sent once."""
    record_id = world.deal()
    world.turn()
    world.exchange.aws_takes(answer=False)
    for _ in range(12):
        world.turn(minutes=60)
    assert len(world.files()) == 1 and len(world.exchange.submitted) == 1
    assert world.state.uploads.of_record(record_id) is not None


def test_the_same_file_is_repeated_while_nobody_knows_whether_it_arrived(world: Files) -> None:
    """The answer to the upload is lost: same name, same bytes, and the record is created once."""
    until_it_waits(world, world.deal())
    calls = world.interruptions.calls["bucket write"]
    submit = world.exchange.submit

    def lost(*given: Any) -> None:
        submit(*given)
        world.exchange.submit = submit  # type: ignore[method-assign]
        raise Retriable("no answer", outcome_unknown=True)

    world.exchange.submit = lost  # type: ignore[method-assign]
    world.turn()
    world.turn()
    assert world.interruptions.calls["bucket write"] == calls + 2
    assert len(world.files()) == 1
    world.take()
    assert len(world.exchange.records) == 1


def test_a_taken_name_gives_the_file_another_one(world: Files) -> None:
    """Other bytes certainly stand under the name: the records go out under a new one, and the log bears it."""
    record_id = world.deal()
    taken: list[str] = []
    submit = world.exchange.submit

    def collide(record_type: Any, given: str, content: bytes) -> None:
        if not taken:
            taken.append(given)
            world.exchange._put(f"opportunity-inbound/{given}", "opportunity", b"{}")
        submit(record_type, given, content)

    world.exchange.submit = collide  # type: ignore[method-assign]
    world.turn()
    [sent] = world.files()
    assert sent != taken[0]
    assert world.log(sent)["Outbound_IDs__c"] == record_id


def test_a_change_of_version_makes_what_waits_anew(world: Files) -> None:
    """OUT-27: no file carries records that were made for another version."""
    world.use(replace(LET_OUT, files=replace(FILES, opportunity_version=Version.V1)))
    world.state.meta.set("files:version used", "1.0")
    waiting = until_it_waits(world, world.deal())
    assert "salesActivities" not in waiting.entry
    world.use(LET_OUT)
    world.turn()
    for _, content in world.exchange.submitted:
        assert json.loads(content)["version"] == "2.0"
    assert "salesActivities" in world.last_entries()[0]


def test_the_preview_shows_the_entry_that_then_goes_out(world: Files) -> None:
    """Nothing is sent or kept by it."""
    record_id, _ = world.shared()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.clock.advance(timedelta(minutes=1))
    row = world.salesforce.rows("ACE_Opportunity__c", [record_id], world.engine.row_fields())[record_id]
    planned = planned_entry(world.engine, world.state.links.require(record_id), row)
    assert isinstance(planned.action, Send) and planned.verdict.due and planned.problems == ()
    assert len(world.files()) == 1 and not work_waits(world.engine)
    world.turn()
    assert world.last_entries() == [planned.entry]


def test_a_switch_to_the_api_takes_back_what_waits_and_brings_to_its_end_what_may_be_at_aws(world: Files) -> None:
    """Entries, and files that certainly did not go out, begin anew; one whose upload is in doubt is finished first."""
    batches_of(world, 1)
    ids = [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(3)]
    world.exchange.trouble = Retriable("no answer", after=3600, outcome_unknown=True)
    world.turn()
    tried, *others = world.state.uploads.to_send("opportunity")
    assert len(others) == 2
    world.exchange.trouble = None
    world.use(replace(LET_OUT, files=replace(FILES, opportunities_over_files=False)))
    world.clock.advance(timedelta(hours=2))
    world.schedule(UPLOAD)
    world.executor.run_one(kinds=(UPLOAD,))
    assert world.files() == [tried.name]
    in_flight = [record_id for record_id in ids if world.state.uploads.of_record(record_id)]
    assert len(in_flight) == 1
    queued = {item.key for item in world.state.queue.list("waiting") if item.kind == "outbound"}
    assert queued == set(ids) - set(in_flight)

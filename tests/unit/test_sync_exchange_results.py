"""AWS's answers to files: what each makes of the records, of their logs and of what goes out next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, SYNCED
from engine.files import FILES, LET_OUT, SHUT, Files
from engine.turns import open_codes

from connector.errors import Retriable
from connector.names import Detail
from connector.sync import outbound
from connector.sync.exchange.settlement import release
from connector.sync.outbound import Held
from connector.sync.queueing import enqueue_outbound
from connector.sync.schedule_memory import InForce, remember

pytestmark = pytest.mark.usefixtures("quiet_log")
NEXT_STEP = "Next_Step__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Files]:
    world = Files(tmp_path)
    yield world
    world.close()


def deals(world: Files, count: int) -> list[str]:
    return [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(count)]


def refuse(world: Files, record_id: str, *errors: Any) -> None:
    world.exchange.refuses = lambda entry: list(errors) if entry["partnerCrmUniqueIdentifier"] == record_id else []


def test_one_refused_record_fails_alone(world: Files) -> None:
    """OUT-21: of twenty records one is refused: 19 processed, one error with AWS's text, the log is Partial."""
    ids = deals(world, 20)
    refuse(world, ids[3], "User not found for Opportunity Owner email:xyz.abc@test.com")
    world.turn()
    [name] = world.files()
    world.exchange.aws_takes()
    world.schedule("exchange-results")
    world.schedule("flush")
    world.execute(50)
    log = world.log(name)
    assert (log["Status__c"], log["Success_Count__c"], log["Error_Count__c"]) == ("Partial", 19, 1)
    assert len(log["Outbound_IDs__c"].split()) == 20
    [detail] = world.details(ids[3])
    assert "User not found for Opportunity Owner email:xyz.abc@test.com" in detail[Detail.ERROR_MESSAGE]
    assert json.loads(detail[Detail.PAYLOAD])["partnerCrmUniqueIdentifier"] == ids[3]
    row = world.salesforce.row(ids[3])
    assert row is not None and row[SYNCED] is None and row[APN_ID] is None


def test_a_refused_record_is_repeated_as_often_as_the_admin_says(world: Files) -> None:
    """SET-12, ELIG-16: one attempt and three retries, then no more; a correction begins anew and succeeds (OUT-23)."""
    world.use(replace(LET_OUT, retry_count=3))
    record_id = world.deal()
    refuse(world, record_id, "nextStep: too long")
    for _ in range(8):
        world.turn()
        world.exchange.aws_takes()
    assert len(world.files()) == 4
    refuse(world, "")
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    world.take()
    assert len(world.files()) == 5 and len(world.exchange.records) == 1
    assert open_codes(world, record_id) == []
    assert world.state.links.require(record_id).failures == 0


def test_after_the_cutoff_a_refused_record_is_not_sent(world: Files) -> None:
    """SET-13: the first failure is three days old."""
    world.use(replace(LET_OUT, retry_count=9, retry_cutoff_days=2))
    record_id = world.deal()
    refuse(world, record_id, "no")
    world.turn()
    world.take()
    world.turn()
    before = world.files()
    world.exchange.aws_takes()
    world.turn(minutes=3 * 24 * 60)
    world.exchange.aws_takes()
    world.turn()
    world.turn()
    assert world.files() == before


def test_several_errors_of_a_record_are_all_told(world: Files) -> None:
    """S3-25: texts without field share one detail; each is in it in full."""
    record_id = world.deal()
    long = "nextStep: must not be longer than 255 characters, " + "x" * 5000
    refuse(world, record_id, "First thing", "Second thing", long)
    world.turn()
    world.take()
    texts = [detail[Detail.ERROR_MESSAGE] for detail in world.details(record_id)]
    assert any("First thing; Second thing" in text for text in texts) and any(long in text for text in texts)
    assert {detail[Detail.ERROR_CODE] for detail in world.details(record_id)} == {"REFUSED_BY_AWS"}


def test_no_new_update_is_an_error_like_any_other(world: Files) -> None:
    """LEAD-08."""
    record_id, _ = world.shared()
    refuse(world, record_id, "No new update identified for this record")
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    world.take()
    [detail] = world.details(record_id)
    assert "No new update identified for this record" in detail[Detail.ERROR_MESSAGE]
    assert detail[Detail.ERROR_CODE] == "NO_NEW_UPDATE"


def test_warnings_are_shown_on_the_detail(world: Files) -> None:
    """OUT-22."""
    record_id = world.deal()
    world.exchange.warns = lambda _: ["The postal code looks odd."]
    world.turn()
    world.take()
    [detail] = world.details(record_id, "Processed")
    assert "The postal code looks odd." in detail[Detail.ERROR_MESSAGE]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("{stem}_result.json", b'[{"opportunities": [ }] is not of type object'),
        ("{stem}.error.json", b'{"reason": "[...] is not of type object"}'),
        ("{stem}.json.error.json", b"the file is not of type object"),
        (
            "{stem}_result.json",
            b'{"success": "NONE", "isApiError": true, "apiErrors": ["it is not of type object"], '
            b'"inboundApiResults": null}',
        ),
    ],
)
def test_a_file_that_aws_refuses_as_a_whole_fails_every_record(world: Files, name: str, content: bytes) -> None:
    """S3-11, S3-24, S3-26, OUT-21: the log becomes Error with AWS's text, and the records are repeated as refused ones
    are.
    """
    ids = deals(world, 2)
    world.turn()
    [sent] = world.files()
    world.exchange.aws_takes(answer=False)
    world.exchange.aws_puts(name.format(stem=sent.removesuffix(".json")), content)
    world.schedule("exchange-results")
    world.schedule("flush")
    world.execute(50)
    log = world.log(sent)
    assert (log["Status__c"], log["Success_Count__c"], log["Error_Count__c"]) == ("Error", 0, 2)
    assert "is not of type object" in log["Message__c"]
    for record_id in ids:
        assert ["is not of type object" in one[Detail.ERROR_MESSAGE] for one in world.details(record_id)] == [True]
    assert world.exchange.results == []
    world.exchange.records.clear()
    world.turn()
    world.take()
    assert len(world.exchange.records) == 2 and all(open_codes(world, record_id) == [] for record_id in ids)


def test_a_result_that_comes_twice_does_nothing_the_second_time(world: Files) -> None:
    """S3-22: it is deleted, and neither counts nor changes anything."""
    record_id = world.deal()
    world.turn()
    world.take()
    [name] = world.files()
    world.turn()
    before = world.state.links.require(record_id), world.log(name), world.writes()
    world.exchange.aws_answers(name)
    world.turn()
    assert world.exchange.results == []
    assert (world.state.links.require(record_id), world.log(name), world.writes()) == before


def test_a_result_in_the_other_types_folder_is_found(world: Files) -> None:
    """AWS has been seen to mix up the folders: the name decides."""
    record_id = world.deal()
    world.turn()
    name = world.files()[-1]
    world.exchange.aws_takes(answer=False)
    [(apn_id, _)] = world.exchange.of_partner(record_id)
    told = [{"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": apn_id}]
    world.exchange.aws_answers(name, told, folder="lead")
    world.turn()
    assert world.state.links.require(record_id).apn_id == apn_id


def test_a_record_that_the_result_passes_over_stays_in_flight_and_is_told(world: Files) -> None:
    """Whether AWS took it nobody knows: it does not go out again; a later answer about it is taken."""
    first, second = deals(world, 2)
    world.turn()
    [name] = world.files()
    world.exchange.aws_takes(answer=False)
    answers = {
        record_id: {"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": apn_id}
        for record_id in (first, second)
        for apn_id, _ in world.exchange.of_partner(record_id)
    }
    world.exchange.aws_answers(name, [answers[first]])
    world.turn()
    world.turn()
    assert world.state.uploads.of_record(first) is None and world.state.uploads.of_record(second) is not None
    assert open_codes(world, second) == ["RESULT_INCOMPLETE"]
    assert world.log(name)["Status__c"] == "API Success"
    assert len(world.files()) == 1
    failed = {**answers[first], "isSuccess": False, "errors": ["Too late."]}
    world.exchange.aws_answers(name, [failed, answers[second]])
    world.turn()
    assert open_codes(world, second) == open_codes(world, first) == []
    assert (world.log(name)["Status__c"], world.log(name)["Success_Count__c"]) == ("Processed", 2)


def test_an_answer_about_a_record_that_was_not_sent_is_told_and_changes_nothing(world: Files) -> None:
    """The file's log names it."""
    record_id = world.deal()
    world.turn()
    [name] = world.files()
    world.exchange.aws_takes(answer=False)
    other = "a0X000000000099AAA"
    told = [
        {"partnerCrmUniqueIdentifier": one, "isSuccess": True, "apnCrmUniqueIdentifier": apn_id}
        for one, apn_id in ((record_id, "O7000000"), (other, "O7000001"))
    ]
    world.exchange.aws_answers(name, told)
    world.turn()
    assert other in world.log(name)["Message__c"]
    assert world.state.links.get(other) is None and world.state.links.by_apn("O7000001") is None


def test_another_identifier_than_the_records_is_refused_and_never_written(world: Files) -> None:
    """OUT-08."""
    record_id, apn_id = world.shared()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    name = world.files()[-1]
    world.exchange.aws_takes(answer=False)
    told = [{"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": "O666"}]
    world.exchange.aws_answers(name, told)
    world.schedule("exchange-results")
    world.schedule("flush")
    world.execute(50)
    row = world.salesforce.row(record_id)
    assert row is not None and row[APN_ID] == apn_id
    assert world.state.links.require(record_id).apn_id == apn_id
    assert open_codes(world, record_id) == ["IDENTIFIER_DIFFERS"]
    assert world.log(name)["Status__c"] == "Error"


def test_an_identifier_that_another_record_has_is_not_taken(world: Files) -> None:
    """Two records never share one of AWS's."""
    _, taken = world.shared()
    record_id = world.deal(Customer_Company_Name__c="Example Rail")
    world.turn()
    world.exchange.aws_takes(answer=False)
    told = [{"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": taken}]
    world.exchange.aws_answers(world.files()[-1], told)
    world.schedule("exchange-results")
    world.schedule("flush")
    world.execute(50)
    assert open_codes(world, record_id) == ["APN_ID_TAKEN"]
    assert world.state.links.require(record_id).apn_id is None


def test_a_success_without_identifier_counts_and_the_next_file_makes_no_second_record(world: Files) -> None:
    """AWS names the identifier later; the partner's stays the same, so that AWS updates what it has."""
    record_id = world.deal()
    world.turn()
    world.exchange.aws_takes(answer=False)
    told = [{"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": None}]
    world.exchange.aws_answers(world.files()[-1], told)
    world.turn()
    row = world.salesforce.row(record_id)
    assert row is not None and row[SYNCED] and row[APN_ID] is None
    world.approve(record_id)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    world.take()
    [(apn_id, at_aws)] = world.exchange.of_partner(record_id)
    assert at_aws["nextStep"] == "Sign" and world.state.links.require(record_id).apn_id == apn_id


def test_an_identifier_that_a_person_changed_is_refused_before_anything_goes_out(world: Files) -> None:
    """OUT-08: refused with the original."""
    record_id, apn_id = world.shared()
    before = world.files()
    world.salesforce.user_edits(record_id, {APN_ID: "O999", NEXT_STEP: "Sign"})
    world.turn()
    assert world.files() == before and open_codes(world, record_id) == ["IDENTIFIER_CHANGED"]
    assert apn_id in world.details(record_id)[0][Detail.ERROR_MESSAGE]


def test_a_result_of_a_file_given_up_is_still_worked_off(world: Files) -> None:
    """An admin released it; the record went out again, and both answers leave one record at AWS and no open reason."""
    record_id = world.deal()
    world.turn()
    [first] = world.files()
    world.exchange.aws_takes(answer=False)
    release(world.engine, first)
    world.turn()
    assert len(world.files()) == 2
    world.exchange.aws_answers(first, [
        {"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": "O7000000"}
    ])  # fmt: skip
    world.turn()
    assert world.state.links.require(record_id).apn_id == "O7000000"
    world.take()
    assert len(world.exchange.records) == 1 and open_codes(world, record_id) == []
    world.turn()
    assert len(world.files()) == 2


def test_after_a_release_an_edit_taken_back_meanwhile_is_sent(world: Files) -> None:
    """Promise 1: AWS may have the value that was sent, although the record says the old one again."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call them"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    name = world.files()[-1]
    world.exchange.aws_takes(answer=False)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    world.turn()
    release(world.engine, name)
    world.turn()
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Call them"


def test_where_inbound_is_disabled_results_are_asked_for_by_name(world: Files) -> None:
    """SCHED-04: the bucket sees no list call, and the result is worked off all the same."""
    now = world.clock.now()
    remember(world.engine, "Opportunity", InForce("a1", "Hourly", 60, inbound=False, next=now.replace(year=2030)))
    record_id = world.deal()
    world.turn()
    world.take()
    assert world.exchange.listings == 0
    assert world.state.links.require(record_id).apn_id


def test_answers_to_others_files_are_left_alone(world: Files) -> None:
    """Another integration may share the bucket."""
    world.exchange.aws_puts("nightly_11232026010101_result.json", b"{}")
    world.exchange.aws_puts("notes.json", b"{}")
    world.turn()
    assert world.exchange.results == ["nightly_11232026010101_result.json"]


def test_an_empty_state_learns_identifiers_from_answers_to_files_of_ours(world: Files) -> None:
    """Promise 2: what was created by the lost state is not created again, and the edit goes out as an update."""
    record_id = world.deal()
    world.turn()
    world.empty_state()
    world.exchange.aws_takes()
    world.turn()
    [(apn_id, _)] = world.exchange.of_partner(record_id)
    assert world.exchange.results == []
    row = world.salesforce.row(record_id)
    assert row is not None and row[APN_ID] == apn_id
    world.take()
    assert len(world.exchange.records) == 1 and world.state.links.require(record_id).apn_id == apn_id


def test_with_an_empty_state_an_edited_record_goes_out_whole_without_its_empty_fields(world: Files) -> None:
    """Promises 1 and 2: nothing is known of AWS's side, and a null would delete what AWS may have."""
    record_id, apn_id = world.shared()
    world.exchange.records[apn_id]["additionalComments"] = "kept"
    world.salesforce.user_edits(record_id, {"Review_Status__c": "Approved", NEXT_STEP: "Sign"})
    world.empty_state()
    world.turn()
    [entry] = world.last_entries()
    assert entry["apnCrmUniqueIdentifier"] == apn_id and entry["nextStep"] == "Sign"
    assert None not in entry.values() and "partnerProjectTitle" not in entry
    world.take()
    assert len(world.exchange.records) == 1
    assert open_codes(world, record_id) == []
    world.turn()
    assert world.files()[-1] == world.files()[1] and len(world.files()) == 2


def test_with_an_empty_state_a_record_under_review_is_held(world: Files) -> None:
    """The record itself shows AWS's status as it was last written."""
    record_id, _ = world.shared()
    world.salesforce.user_edits(record_id, {"Review_Status__c": "In review", NEXT_STEP: "Sign"})
    world.empty_state()
    world.turn()
    assert len(world.files()) == 1 and open_codes(world, record_id) == ["HELD_IN_REVIEW"]


def test_a_result_that_somebody_deleted_is_found_in_the_archive(world: Files) -> None:
    """S3-06, contradiction 7: after a while AWS's archive is the fallback; nothing is sent again."""
    record_id = world.deal()
    world.turn()
    world.exchange.aws_takes()
    for key in [key for key, one in world.exchange.objects.items() if one.answers]:
        del world.exchange.objects[key]
    world.turn(minutes=5)
    assert world.state.uploads.of_record(record_id) is not None
    world.turn(minutes=15)
    assert world.state.links.require(record_id).apn_id and world.state.uploads.of_record(record_id) is None
    assert len(world.files()) == 1


def test_a_restored_state_sends_its_file_under_the_same_name_and_finds_the_answer(world: Files) -> None:
    """S3-09, promise 2: AWS processes no name twice, and the answer of then is in the archive."""
    record_id = world.deal()
    world.exchange.trouble = Retriable("busy", after=1)
    world.turn()
    world.copy_state()
    world.exchange.trouble = None
    world.turn()
    world.take()
    world.restore_state()
    world.turn()
    world.exchange.aws_takes()
    world.turn()
    world.turn()
    assert len(world.files()) == 1 and len(world.exchange.records) == 1
    link = world.state.links.require(record_id)
    assert world.state.uploads.of_record(record_id) is None and link.apn_id in world.exchange.records


def test_by_the_api_nothing_goes_out_while_a_file_has_no_result(world: Files) -> None:
    """The admin moved opportunities to the API meanwhile: the turn waits for the file's result, and is then let go."""
    record_id = world.deal()
    world.turn()
    world.use(replace(LET_OUT, files=replace(FILES, opportunities_over_files=False)))
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    with pytest.raises(Held):
        outbound.send(world.engine, record_id, "out-1")
    assert world.partner_central.writes == 0
    enqueue_outbound(world.engine, world.state.links.require(record_id), "out-1")
    world.executor.run_one(kinds=("outbound",))
    world.exchange.aws_takes()
    world.schedule("exchange-results")
    world.executor.run_one(kinds=("exchange-results",))
    [item] = world.state.queue.list("waiting", key=record_id)
    assert item.kind == "outbound" and world.state.links.require(record_id).apn_id


def test_an_export_younger_than_the_file_keeps_its_word(world: Files) -> None:
    """What AWS exported after it had taken the file is known better than what the file said."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call them"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    link = world.state.links.require(record_id)
    link.applied = {**(link.applied or {}), "nextStep": "AWS's own"}
    link.aws_modified = (world.clock.now() + timedelta(minutes=1)).isoformat()
    world.state.links.save(link)
    world.take()
    assert (world.state.links.require(record_id).applied or {})["nextStep"] == "AWS's own"
    assert world.exchange.records[apn_id]["nextStep"] == "Sign"


def test_a_late_result_does_not_cover_what_a_later_file_settled(world: Files) -> None:
    """A file was given up and the old value sent again; AWS answers the later file first, and then the earlier one."""
    record_id, _ = world.shared(**{NEXT_STEP: "Call them"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    first = world.files()[-1]
    world.exchange.aws_takes(answer=False)
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    world.turn()
    release(world.engine, first)
    world.turn()
    world.take()
    told = {"partnerCrmUniqueIdentifier": record_id, "isSuccess": True, "apnCrmUniqueIdentifier": None}
    world.exchange.aws_answers(first, [told])
    world.turn()
    link = world.state.links.require(record_id)
    assert (link.applied or {})["nextStep"] == "Call them" and link.seen[NEXT_STEP] == "Call them"


def test_a_request_made_in_flight_survives_the_refusal_of_the_file(world: Files) -> None:
    """OUT-24: another request than that of the file."""
    record_id, apn_id = world.shared()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
    world.turn()
    world.use(replace(SHUT, retry_count=0))
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    link = world.state.links.require(record_id)
    link.requested = True
    world.state.links.save(link)
    world.turn()
    world.exchange.refuses = lambda _: ["no"]
    world.exchange.aws_takes()
    world.exchange.refuses = lambda _: []
    world.turn()
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Sign"

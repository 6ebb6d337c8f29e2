"""Records of AWS's files: what becomes of each, and of what Salesforce has; nothing twice and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.turns import open_codes
from file_arrivals import MASK, REFERRED, ArrivalWorld, opportunity

from connector.mapping.outbound import snapshot
from connector.names import Detail, Log
from connector.store.entries import Entry
from connector.store.uploads import Upload
from connector.sync import logs, queueing
from connector.sync.corrections import remember, take_ticked
from connector.sync.edits import user_edits

APN, SYNCED, FLAG = "ACE_APN_Unique_Identifier__c", "ACE_Last_Sync_Date__c", "ACE_Sync_with_AWS__c"
NEXT, COMPANY, STATUS = "Next_Step__c", "Customer_Company_Name__c", "Review_Status__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ArrivalWorld]:
    opened = ArrivalWorld(tmp_path)
    yield opened
    opened.close()


def deliver(world: ArrivalWorld, *entries: dict[str, Any], name: str = "") -> str:
    """AWS exports a file and it is fetched; return its name."""
    name = name or f"export-{world.exchange.listings}.json"
    world.exchange.aws_exports(name, *entries)
    world.fetch()
    return name


def payload_of(detail: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(detail[Detail.PAYLOAD])
    return found


# -- new, known, again


@pytest.mark.requirement("IN-03")
def test_without_a_partner_identifier_it_is_new_and_with_one_it_is_an_update(world: ArrivalWorld) -> None:
    mine = world.salesforce.user_creates({FLAG: False, "Name": "Mine"})
    deliver(world, opportunity("O1", **REFERRED), opportunity("O2", mine, nextStep="Sign"))
    assert len(world.salesforce.all()) == 2
    assert world.rows()["O2"]["Id"] == mine
    assert world.rows()["O2"][NEXT] == "Sign"
    assert world.rows()["O1"][FLAG] is True and world.rows()["O1"][SYNCED]


@pytest.mark.requirement("IN-04")
def test_a_referral_that_comes_twice_in_one_file_and_in_another_is_one_record(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", **REFERRED), opportunity("O1", **REFERRED))
    deliver(world, opportunity("O1", **REFERRED))
    world.exchange.aws_exports("a.json", opportunity("O2", **REFERRED))
    world.exchange.aws_exports("b.json", opportunity("O2", **REFERRED))
    world.fetch()
    assert sorted(world.rows()) == ["O1", "O2"] and len(world.salesforce.all()) == 2


def test_a_referral_that_a_lost_state_forgot_is_found_by_its_identifier(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", **REFERRED))
    world.empty_state()
    deliver(world, opportunity("O1", day=2, **REFERRED, nextStep="Sign"))
    assert len(world.salesforce.all()) == 1
    assert world.rows()["O1"][NEXT] == "Sign"


def test_a_deleted_record_is_not_made_anew(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", **REFERRED))
    world.salesforce.user_deletes(world.rows()["O1"]["Id"])
    deliver(world, opportunity("O1", day=2, **REFERRED, nextStep="Sign"))
    deliver(world, opportunity("O1", day=3, **REFERRED))
    assert world.salesforce.all() == [] and world.exchange.left() == []


def test_a_referral_of_aws_is_updated_under_its_own_identifier(world: ArrivalWorld) -> None:
    """Whatever a person does with it: it is never a new opportunity of the partner's own."""
    deliver(world, opportunity("O1", **{**REFERRED, "partnerAcceptanceStatus": "Accepted"}))
    record_id = world.rows()["O1"]["Id"]
    link = world.state.links.require(record_id)
    assert (link.origin, link.apn_id, link.status) == ("aws", "O1", "linked")
    world.salesforce.user_edits(record_id, {NEXT: "Sign"})
    deliver(world, opportunity("O1", day=2, **{**REFERRED, "partnerAcceptanceStatus": "Accepted"}, aWSStage="Won"))
    assert world.state.links.require(record_id).apn_id == "O1"
    assert world.rows()["O1"][NEXT] == "Sign"


@pytest.mark.requirement("ELIG-18")
def test_historical_data_is_skipped_and_counted_as_skipped(world: ArrivalWorld) -> None:
    name = deliver(world, opportunity("O1", "X0007"), opportunity("O2"))
    assert list(world.rows()) == ["O2"]
    told = world.file_log(name)
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT], told[Log.ERROR_COUNT]) == (logs.PROCESSED, 1, 0)
    assert "1 skipped" in told[Log.MESSAGE]
    [why] = world.told("O1")
    assert "X0007" in why[Detail.ERROR_MESSAGE]


@pytest.mark.requirement("ELIG-19")
def test_what_the_mapping_leaves_out_is_skipped_with_the_reason(world: ArrivalWorld) -> None:
    world.engine.mapping = replace(world.engine.mapping, exclude='TEXT(industry) = "Aerospace"')
    deliver(world, opportunity("O1"))
    assert world.salesforce.all() == [] and world.exchange.left() == []
    assert "Aerospace" in world.told("O1")[0][Detail.ERROR_MESSAGE]


# -- order


@pytest.mark.requirement("IN-21")
def test_what_is_older_overwrites_nothing(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", day=5, nextStep="Sign"))
    deliver(world, opportunity("O1", day=4, nextStep="Call them"))
    assert world.rows()["O1"][NEXT] == "Sign"
    assert any("Skipped: it is older than" in str(row.get(Detail.ERROR_MESSAGE)) for row in world.told())
    deliver(world, opportunity("O1", day=5, nextStep="Send the offer"))
    assert world.rows()["O1"][NEXT] == "Send the offer", "of the same moment, what came last counts"


@pytest.mark.parametrize("days", [(2, 3), (3, 2), (3, 3)])
def test_of_several_entries_of_a_file_the_newest_counts_whatever_the_order(
    world: ArrivalWorld, days: tuple[int, int]
) -> None:
    deliver(world, opportunity("O1", day=1))
    first, second = (opportunity("O1", day=day, nextStep=text) for day, text in zip(days, "AB", strict=True))
    deliver(world, first, second)
    assert world.rows()["O1"][NEXT] == ("A" if days[0] > days[1] else "B")


def test_a_turn_that_is_put_off_does_not_let_a_later_entry_go_first(world: ArrivalWorld) -> None:
    """The row is too fresh for the first look; both entries bear the same moment."""
    deliver(world, opportunity("O1", day=1))
    link = world.state.links.require(world.rows()["O1"]["Id"])
    link.row = None
    world.state.links.save(link)
    world.exchange.aws_exports("a.json", opportunity("O1", day=2, nextStep="A"))
    world.exchange.aws_exports("b.json", opportunity("O1", day=2, nextStep="B"))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    world.clock.advance(timedelta(minutes=5))
    world.salesforce.user_edits(link.record_id, {"Name": "Edited just now"})
    world.settle()
    assert world.rows()["O1"][NEXT] == "B"


# -- errors


@pytest.mark.requirement("IN-14")
@pytest.mark.requirement("LOG-13")
def test_a_new_record_that_a_rule_refuses_stops_no_other(world: ArrivalWorld) -> None:
    world.salesforce.rules["No Ltd"] = "Companies need a legal form."
    entries = [opportunity(f"O{number}", **REFERRED) for number in (1, 2, 3)]
    name = deliver(world, *entries, opportunity("O4", **REFERRED, customerCompanyName="No Ltd"))
    assert sorted(world.rows()) == ["O1", "O2", "O3"]
    told = world.file_log(name)
    assert told[Log.STATUS] == logs.PARTIAL
    assert (told[Log.RECORD_COUNT], told[Log.SUCCESS_COUNT], told[Log.ERROR_COUNT]) == (4, 3, 1)
    [detail] = world.told("O4", logs.ERROR)
    assert "Companies need a legal form." in detail[Detail.ERROR_MESSAGE]
    assert world.exchange.left() == []


def test_an_update_that_a_rule_refuses_is_told_with_its_own_payload(world: ArrivalWorld) -> None:
    """It is refused when it is written, long after the entry was looked at; the file is there until then."""
    deliver(world, *(opportunity(f"O{number}") for number in (1, 2)))
    world.salesforce.rules["Never"] = "Never is no step."
    name = deliver(world, opportunity("O1", day=2, nextStep="Never"), opportunity("O2", day=2, nextStep="Sign"))
    told = world.file_log(name)
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT], told[Log.ERROR_COUNT]) == (logs.PARTIAL, 1, 1)
    [detail] = world.told(world.rows()["O1"]["Id"], logs.ERROR)
    assert "Never is no step." in detail[Detail.ERROR_MESSAGE]
    assert payload_of(detail)["apnCrmUniqueIdentifier"] == "O1"
    assert world.rows()["O2"][NEXT] == "Sign"


@pytest.mark.requirement("IN-18")
def test_each_detail_has_its_own_records_payload(world: ArrivalWorld) -> None:
    deliver(
        world,
        opportunity("O1", expectedMonthlyAwsRevenue="a lot"),
        opportunity("O2"),
        opportunity("O3", industry=["what", {"is": "this"}]),
    )
    for apn_id, field in (("O1", "expectedMonthlyAwsRevenue"), ("O3", "industry")):
        [detail] = world.told(apn_id, logs.ERROR)
        assert payload_of(detail)["apnCrmUniqueIdentifier"] == apn_id
        assert detail[Detail.ERROR_MESSAGE].startswith(field)
    assert list(world.rows()) == ["O2"]


def test_entries_that_are_no_records_fail_alone(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", *["text", 7, None, {"stage": "Prospect"}, opportunity("O1")])  # type: ignore[arg-type]
    world.fetch()
    told = world.file_log("a.json")
    assert list(world.rows()) == ["O1"]
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT], told[Log.ERROR_COUNT]) == (logs.PARTIAL, 1, 4)


def test_a_file_of_which_nothing_could_be_written_says_that_it_was_retrieved(world: ArrivalWorld) -> None:
    world.salesforce.rules["Example Freight"] = "Not them."
    name = deliver(world, opportunity("O1"), opportunity("O2"))
    told = world.file_log(name)
    assert told[Log.STATUS] == logs.ERROR and "The file was retrieved" in told[Log.MESSAGE]
    assert "2 could not be written" in told[Log.MESSAGE]


def test_an_identifier_of_another_form_is_flagged(world: ArrivalWorld) -> None:
    deliver(world, opportunity("L1"), opportunity("0815"))
    assert world.salesforce.all() == []
    codes = [row[Detail.ERROR_CODE] for row in world.told(status=logs.ERROR)]
    assert codes == ["INVALID_IDENTIFIER"] * 2


def test_a_record_is_known_by_awss_identifier_whatever_partner_identifier_aws_has(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1"), opportunity("O2"))
    other = world.rows()["O2"]["Id"]
    deliver(world, opportunity("O1", other, day=2, nextStep="Sign"))
    assert (world.rows()["O1"][NEXT], world.rows()["O2"][NEXT]) == ("Sign", "Call them")
    [note] = [row for row in world.told(world.rows()["O1"]["Id"]) if other in str(row.get(Detail.ERROR_MESSAGE))]
    assert world.rows()["O1"]["Id"] in note[Detail.ERROR_MESSAGE]


def test_an_opportunity_that_names_the_record_of_another_one_is_flagged(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1"))
    mine = world.rows()["O1"]["Id"]
    deliver(world, opportunity("O9", mine, day=2))
    assert list(world.rows()) == ["O1"]
    assert {row[Detail.ERROR_CODE] for row in world.told("O9")} == {"AMBIGUOUS_AT_AWS"}


# -- what a person corrects


def correct(world: ArrivalWorld, detail: dict[str, Any], **values: Any) -> None:
    """A person corrects the payload of a detail, and ticks Reprocess."""
    payload = json.dumps({**payload_of(detail), **values}) if values else None
    row = {**detail, Detail.CORRECTED_PAYLOAD: payload, Detail.LOG_REF: {Log.DIRECTION: logs.FROM_AWS}}
    assert take_ticked(world.engine, [row]) == 1
    world.settle()


@pytest.mark.requirement("IN-16")
def test_a_refused_referral_is_corrected_and_stays_so(world: ArrivalWorld) -> None:
    """The next payload with the bad value is corrected by itself, until AWS sends another."""
    world.salesforce.rules["No Ltd"] = "Companies need a legal form."
    deliver(world, opportunity("O1", **REFERRED, customerCompanyName="No Ltd"))
    [detail] = world.told("O1", logs.ERROR)
    correct(world, detail, customerCompanyName="With Ltd")
    assert world.rows()["O1"][COMPANY] == "With Ltd"
    assert world.told("O1", logs.ERROR) == []
    deliver(world, opportunity("O1", day=2, **REFERRED, customerCompanyName="No Ltd", nextStep="Sign"))
    assert (world.rows()["O1"][COMPANY], world.rows()["O1"][NEXT]) == ("With Ltd", "Sign")
    deliver(world, opportunity("O1", day=3, **REFERRED, customerCompanyName="Good Ltd", nextStep="Sign"))
    assert world.rows()["O1"][COMPANY] == "Good Ltd"


def test_an_unreadable_value_is_corrected(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", expectedMonthlyAwsRevenue="a lot"))
    [detail] = world.told("O1", logs.ERROR)
    correct(world, detail, expectedMonthlyAwsRevenue=800)
    assert world.rows()["O1"]["Expected_Monthly_AWS_Revenue__c"] == 800
    deliver(world, opportunity("O1", day=2, expectedMonthlyAwsRevenue="a lot", nextStep="Sign"))
    assert (world.rows()["O1"]["Expected_Monthly_AWS_Revenue__c"], world.rows()["O1"][NEXT]) == (800, "Sign")


def test_an_update_that_was_refused_is_processed_again_as_it_is(world: ArrivalWorld) -> None:
    """The rule was mended: ticking Reprocess is enough, though no file comes any more."""
    deliver(world, opportunity("O1"))
    world.salesforce.rules["Never"] = "Never is no step."
    deliver(world, opportunity("O1", day=2, nextStep="Never"))
    [detail] = world.told(world.rows()["O1"]["Id"], logs.ERROR)
    world.salesforce.rules.clear()
    correct(world, detail)
    assert world.rows()["O1"][NEXT] == "Never"
    assert open_codes(world, world.rows()["O1"]["Id"]) == []


@pytest.mark.requirement("IN-17")
@pytest.mark.parametrize("known", [True, False])
def test_what_is_processed_again_and_refused_again_is_an_error(world: ArrivalWorld, known: bool) -> None:
    if known:
        deliver(world, opportunity("O1"))
    world.salesforce.rules["Never"] = "Never is no step."
    name = deliver(world, opportunity("O1", day=2, nextStep="Never"), opportunity("O2"))
    assert world.file_log(name)[Log.STATUS] == logs.PARTIAL
    [detail] = world.told(world.rows()["O1"]["Id"] if known else "O1", logs.ERROR)
    correct(world, detail)
    [again] = [row for row in world.sync_logs() if not row[Log.FILE_NAME].endswith(".json")]
    assert (again[Log.STATUS], again[Log.ERROR_COUNT]) == (logs.ERROR, 1)


def test_a_record_without_identifier_is_taken_as_it_was_corrected(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", apnCrmUniqueIdentifier=None))
    [detail] = world.told(status=logs.ERROR)
    correct(world, detail, apnCrmUniqueIdentifier="O1")
    assert world.rows()["O1"][COMPANY] == "Example Freight"


def test_a_correction_outlives_the_state_by_the_details_payload(world: ArrivalWorld) -> None:
    world.salesforce.rules["No Ltd"] = "Companies need a legal form."
    deliver(world, opportunity("O1", customerCompanyName="No Ltd"))
    [detail] = world.told("O1", logs.ERROR)
    world.empty_state()
    correct(world, detail, customerCompanyName="With Ltd")
    assert world.rows()["O1"][COMPANY] == "With Ltd"


@pytest.mark.parametrize(
    ("values", "words"),
    [({"apnCrmUniqueIdentifier": "O2"}, "is of O2"), ({"expectedMonthlyAwsRevenue": "much"}, "cannot be used")],
)
def test_a_correction_that_cannot_be_used_is_told_on_the_detail(
    world: ArrivalWorld, values: dict[str, Any], words: str
) -> None:
    world.salesforce.rules["No Ltd"] = "Companies need a legal form."
    deliver(world, opportunity("O1", customerCompanyName="No Ltd"))
    [detail] = world.told("O1", logs.ERROR)
    corrected = json.dumps({**payload_of(detail), **values})
    row = {**detail, Detail.CORRECTED_PAYLOAD: corrected, Detail.LOG_REF: {Log.DIRECTION: logs.FROM_AWS}}
    assert take_ticked(world.engine, [row]) == 0
    world.settle()
    assert words in world.told("O1")[0][Detail.ERROR_MESSAGE]


# -- edits of people


@pytest.mark.requirement("IN-25")
def test_an_edit_that_was_not_sent_wins_and_the_conflict_is_told(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1"))
    record_id = world.rows()["O1"]["Id"]
    world.salesforce.user_edits(record_id, {NEXT: "Sign"})
    world.state.links.save(_unobserved(world, record_id))
    deliver(world, opportunity("O1", day=2, nextStep="Send the offer", aWSStage="Won"))
    assert world.rows()["O1"][NEXT] == "Sign" and world.rows()["O1"]["AWS_Stage__c"] == "Won"
    notes = [str(row.get(Detail.ERROR_MESSAGE)) for row in world.told(record_id)]
    assert any("nextStep" in note and "the edit is kept" in note for note in notes)


def _unobserved(world: ArrivalWorld, record_id: str) -> Any:
    link = world.state.links.require(record_id)
    link.modstamp = ""
    return link


def test_an_edit_during_the_write_is_not_covered_up(world: ArrivalWorld) -> None:
    """The write is refused as stale: AWS's last word is applied anew, on the row as it is by then."""
    deliver(world, opportunity("O1"))
    record_id = world.rows()["O1"]["Id"]
    world.exchange.aws_exports("b.json", opportunity("O1", day=2, nextStep="Send the offer", useCase="Blockchain"))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    world.clock.advance(timedelta(minutes=1))
    for _ in range(3):
        world.executor.run_one(kinds=(queueing.RETRIEVE, queueing.FILE, queueing.INBOUND))
    world.clock.advance(timedelta(minutes=1))
    world.salesforce.user_edits(record_id, {NEXT: "Sign"})
    world.settle()
    assert (world.rows()["O1"][NEXT], world.rows()["O1"]["Use_Case__c"]) == ("Sign", "Blockchain")


def sent(world: ArrivalWorld, record_id: str, outcome: str = "", **record: Any) -> None:
    """A file of ours with the record is at AWS; with an outcome, it was answered."""
    snap = snapshot(world.engine.mapping, world.salesforce.row(record_id) or {})
    link = world.state.links.get(record_id)
    entry = Entry(
        record_id, "opportunity", "out-x", dict(record), record_id, link.apn_id if link else None, world.clock.now(),
        snapshot=snap, record=dict(record),
    )  # fmt: skip
    world.state.uploads.store(Upload("ours.json", "opportunity", "out-x"), [entry], world.clock.now())
    world.state.uploads.sent("ours.json", world.clock.now())
    if outcome == "success":
        world.state.uploads.conclude("ours.json", record_id, "success")


def test_an_export_from_before_our_file_does_not_take_the_edit_back(world: ArrivalWorld) -> None:
    """AWS exported the record, then took our file; its answer is here before its export is."""
    deliver(world, opportunity("O1"))
    record_id = world.rows()["O1"]["Id"]
    world.clock.advance(timedelta(minutes=5))
    world.salesforce.user_edits(record_id, {NEXT: "Sign"})
    sent(world, record_id, "success", nextStep="Sign")
    link = _unobserved(world, record_id)
    link.applied["nextStep"], link.seen[NEXT] = "Sign", "Sign"
    world.state.links.save(link)
    deliver(world, opportunity("O1", day=2, nextStep="Call them", aWSStage="Won"))
    assert (world.rows()["O1"][NEXT], world.rows()["O1"]["AWS_Stage__c"]) == ("Sign", "Won")
    queueing.enqueue_inbound(world.engine, "O1", "", fresh=True)
    world.settle()
    assert world.rows()["O1"][NEXT] == "Sign", "also when AWS's last word is applied once more"


def test_an_export_that_is_here_before_the_result_is_no_news_and_no_edit(world: ArrivalWorld) -> None:
    entry = opportunity("O1")
    deliver(world, entry)
    values = {name: value for name, value in world.rows()["O1"].items() if name not in (APN, "Id")}
    record_id = world.salesforce.user_creates({**values, "Name": "Mine"})
    sent(world, record_id, nextStep="Call them")
    world.salesforce.user_edits(record_id, {NEXT: None})
    deliver(world, opportunity("O2", record_id))
    link = world.state.links.require(record_id)
    assert link.apn_id == "O2" and len(world.salesforce.all()) == 2
    assert world.rows()["O2"][NEXT] is None, "what a person cleared since stays so"
    assert NEXT in user_edits(world.engine, link, world.rows()["O2"]), "and is still to be sent"


# -- referrals


def test_what_aws_hides_is_left_empty_and_comes_after_acceptance(world: ArrivalWorld) -> None:
    """Between, the label is no value: it is not written, and counts as no change of AWS's."""
    hidden = {"customerWebsite": MASK, "postalCode": "accept to view"}
    deliver(world, opportunity("O1", **REFERRED, **hidden))
    row = world.rows()["O1"]
    assert row.get("Customer_Website__c") is None and row.get("Postal_Code__c") is None
    assert row[COMPANY] == "Example Freight"
    accepted = {**REFERRED, "partnerAcceptanceStatus": "Accepted"}
    deliver(world, opportunity("O1", day=2, **accepted))
    assert world.rows()["O1"]["Customer_Website__c"] == "https://freight.example"
    deliver(world, opportunity("O1", day=3, **accepted, **hidden))
    assert world.rows()["O1"]["Customer_Website__c"] == "https://freight.example", "hidden again is not emptied"


def test_a_deadline_is_reminded_of_once_and_its_end_told(world: ArrivalWorld) -> None:
    until = world.clock.now() + timedelta(days=10)
    entry = opportunity("O1", **REFERRED, acceptBy=f"{until:%Y-%m-%dT%H:%M:%S.000Z}")
    deliver(world, entry)
    record_id = world.rows()["O1"]["Id"]
    assert open_codes(world, record_id) == []
    world.fetch(minutes=60 * 24 * 9)
    assert open_codes(world, record_id) == ["INVITATION_LAPSES"]
    deliver(world, {**entry, "nextStep": "Sign"})
    world.fetch()
    assert len(world.told(record_id, logs.PENDING)) == 1, "once, whatever AWS says besides"
    world.fetch(minutes=60 * 24 * 2)
    assert open_codes(world, record_id) == ["INVITATION_EXPIRED"]


def test_a_decision_ends_the_reminder(world: ArrivalWorld) -> None:
    until = world.clock.now() + timedelta(days=1)
    entry = opportunity("O1", **REFERRED, acceptBy=f"{until:%Y-%m-%dT%H:%M:%S.000Z}")
    deliver(world, entry)
    assert open_codes(world, world.rows()["O1"]["Id"]) == ["INVITATION_LAPSES"]
    deliver(world, {**entry, "partnerAcceptanceStatus": "Accepted", "lastModifiedDate": "2026-11-02T08:00:00.000Z"})
    world.fetch(minutes=60 * 24 * 3)
    assert open_codes(world, world.rows()["O1"]["Id"]) == []


def test_an_answer_that_aws_took_ends_the_reminder_before_its_next_export(world: ArrivalWorld) -> None:
    """An export from before our file does not bring it back."""
    until = world.clock.now() + timedelta(days=1)
    entry = opportunity("O1", **REFERRED, acceptBy=f"{until:%Y-%m-%dT%H:%M:%S.000Z}")
    deliver(world, entry)
    record_id = world.rows()["O1"]["Id"]
    link = world.state.links.require(record_id)
    link.applied = {**(link.applied or {}), "partnerAcceptanceStatus": "Accepted"}
    world.state.links.save(link)
    sent(world, record_id, "success")
    world.fetch()
    assert open_codes(world, record_id) == []
    deliver(world, {**entry, "lastModifiedDate": "2026-11-02T08:00:00.000Z"})
    assert open_codes(world, record_id) == []


@pytest.mark.requirement("IN-11")
def test_a_review_that_asks_for_action_is_shown_and_lets_held_edits_go(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", status="In review"))
    record_id = world.rows()["O1"]["Id"]
    assert world.state.links.require(record_id).review_status == "In review"
    link = world.state.links.require(record_id)
    queueing.enqueue_outbound(world.engine, link, logs.start_run(world.engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))
    item = world.state.queue.claim(world.clock.now(), "test", kinds=[queueing.OUTBOUND])
    assert item is not None
    world.state.queue.hold(item, "AWS reviews it")
    world.exchange.aws_exports("b.json", opportunity("O1", day=2, status="Action Required", apnReviewerComments="Who?"))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    for _ in range(3):
        world.executor.run_one(kinds=(queueing.RETRIEVE, queueing.FILE, queueing.INBOUND))
    assert [one.state for one in world.state.queue.list(key=record_id) if one.kind == queueing.OUTBOUND] == ["waiting"]
    world.settle()
    row = world.rows()["O1"]
    assert (row[STATUS], row["Reviewer_Comments__c"]) == ("Action Required", "Who?")


def test_keys_that_nobody_knows_are_told_and_break_nothing(world: ArrivalWorld) -> None:
    few = {name: opportunity("O1")[name] for name in ("apnCrmUniqueIdentifier", "customerCompanyName")}
    name = deliver(world, {**few, "engagementInvitation": {"new": ["shape"]}, "fromTomorrow": 1})
    assert world.rows()["O1"][COMPANY] == "Example Freight"
    assert "fromTomorrow" in world.file_log(name)[Log.MESSAGE]


def test_a_corrected_value_of_the_link_alone_is_applied_where_no_file_told_of_it(world: ArrivalWorld) -> None:
    """A partner's own record is known by our files only: a corrected mapping still brings what AWS has."""
    deliver(world, opportunity("O1"))
    link = world.state.links.require(world.rows()["O1"]["Id"])
    last = world.state.downloads.last("opportunity", "O1")
    assert last is not None
    world.state.downloads.forget(last.key, last.etag)
    remember(world.engine, "O1", json.dumps(opportunity("O1")), json.dumps(opportunity("O1", nextStep="Sign")))
    queueing.enqueue_inbound(world.engine, "O1", "", fresh=True)
    world.settle()
    assert world.rows()["O1"][NEXT] == "Sign" and link.apn_id == "O1"

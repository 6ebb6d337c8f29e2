"""What people ask for in Salesforce: done once, only for those who may, and answered in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from engine.fields import APN_ID, FLAG
from engine.salesforce import PERSON
from engine.turns import colleague_creates, deal, turn
from steered_world import STRANGER, SteeredWorld

from connector.errors import AuthFailed, Deferred
from connector.names import ACTION_REQUEST, ActionRequest, PermissionSets, Schedule
from connector.service.jobs import ASKED
from connector.sync import action_requests, queueing
from connector.sync.action_requests import ATTEMPTS
from connector.sync.answering import PATIENCE
from connector.sync.engine import Engine

MANUAL = {"share_automatically": False, "update_automatically": False}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    """Nothing goes out by itself, and the state has been compared with AWS."""
    opened = SteeredWorld(tmp_path)
    opened.settings = replace(opened.settings, **MANUAL)
    opened.restart()
    turn(opened)
    yield opened
    opened.close()


def answered(world: SteeredWorld, request: str, times: int = 4) -> tuple[str, str]:
    for _ in range(times):
        world.steer()
    return world.request(request)


@pytest.mark.parametrize("action", ["Share", "Send"])
def test_a_record_goes_out_because_somebody_asked(world: SteeredWorld, action: str) -> None:
    record, other = deal(world), deal(world)
    turn(world)
    assert world.partner_central.opportunities == {}, "nothing goes out by itself"
    request = world.asks(action, record)
    status, message = answered(world, request)
    [apn_id] = world.partner_central.opportunities
    assert (status, world.salesforce.row(record)[APN_ID]) == ("Done", apn_id)
    assert apn_id in message
    assert world.salesforce.tables[ACTION_REQUEST][request][ActionRequest.COMPLETED_AT]
    assert world.salesforce.row(other)[APN_ID] is None


def test_what_never_ends_is_told_and_asked_about_once_a_minute(
    world: SteeredWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def never(engine: Engine, _: object) -> None:
        begun.append(engine.now())
        raise Deferred("AWS is still working on it.", engine.now() + timedelta(seconds=2))

    monkeypatch.setattr(action_requests, "_performers", lambda: {"Share": never})
    request = world.asks("Share", deal(world))
    world.steer()
    assert world.request(request) == ("In Progress", "None"), "a short wait is no news"
    world.clock.advance(PATIENCE)
    world.steer()
    assert world.request(request) == ("In Progress", "It waits: AWS is still working on it.")
    asked = len(begun)
    world.clock.advance(timedelta(seconds=55))
    world.execute(10)
    assert len(begun) == asked
    world.clock.advance(timedelta(seconds=10))
    world.execute(10)
    assert len(begun) == asked + 1


def test_the_row_says_that_it_is_being_worked_on(world: SteeredWorld) -> None:
    request = world.asks("Share", deal(world))
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, ASKED)
    world.execute(2)
    assert world.request(request)[0] == "In Progress"
    world.asks("Share", deal(world))
    world.asks("Refresh", deal(world))
    before = len(world.salesforce.asked)
    queueing.enqueue_job(world.engine, ASKED, priority=1)
    world.execute(1)
    assert len(world.salesforce.asked) == before + 1, "one call tells of all new requests and of the schedules"


@pytest.mark.parametrize("moment", ["crash before", "crash after", "lost after", "busy"])
@pytest.mark.parametrize("countdown", range(1, 12))
def test_an_interruption_anywhere_repeats_nothing(world: SteeredWorld, moment: str, countdown: int) -> None:
    record = deal(world)
    request = world.asks("Share", record)
    world.interruptions.arm(moment, countdown)
    for _ in range(6):
        world.alive(lambda: world.steer(3))
    assert world.interruptions.armed == []
    assert world.request(request)[0] == "Done"
    assert len(world.partner_central.opportunities) == 1
    before = world.writes()
    world.steer()
    world.restart()
    world.steer()
    assert world.writes() == before


@pytest.mark.parametrize("countdown", range(1, 16))
def test_a_crash_at_any_commit_repeats_nothing(world: SteeredWorld, countdown: int) -> None:
    request = world.asks("Share", deal(world))
    world.interruptions.arm("crash after commit", countdown)
    for _ in range(6):
        world.alive(lambda: world.steer(3))
    assert world.request(request)[0] == "Done"
    assert len(world.partner_central.opportunities) == 1


def test_a_request_that_a_lost_state_began_comes_to_its_end(world: SteeredWorld) -> None:
    request = world.asks("Share", deal(world))
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, ASKED)
    world.execute(2)
    assert world.request(request)[0] == "In Progress"
    world.empty_state()
    turn(world)
    assert answered(world, request)[0] == "Done"
    assert len(world.partner_central.opportunities) == 1


def test_an_answered_request_is_not_taken_up_by_an_older_copy_of_the_state(world: SteeredWorld) -> None:
    record = deal(world)
    request = world.asks("Share", record)
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, ASKED)
    world.execute(1)
    world.copy_state()
    assert answered(world, request)[0] == "Done"
    before, row = world.writes(), dict(world.salesforce.tables[ACTION_REQUEST][request])
    world.restore_state()
    turn(world)
    answered(world, request)
    assert world.salesforce.tables[ACTION_REQUEST][request] == row
    assert world.writes()[0] == before[0]


@pytest.mark.parametrize("held", [set(), {"Another_Set"}, {PermissionSets.INTEGRATION_USER + "_2"}])
def test_whoever_holds_no_permission_set_is_refused(world: SteeredWorld, held: set[str]) -> None:
    world.salesforce.sets[STRANGER] = held
    request = world.asks("Share", deal(world), by=STRANGER)
    status, message = answered(world, request)
    assert status == "Failed"
    assert "APN Business User" in message
    assert world.partner_central.opportunities == {}


@pytest.mark.parametrize(
    "held", [PermissionSets.BUSINESS_USER, PermissionSets.BUSINESS_ADMINISTRATOR, PermissionSets.INTEGRATION_USER]
)
def test_each_of_the_fitting_permission_sets_will_do(world: SteeredWorld, held: str) -> None:
    world.salesforce.sets[STRANGER] = {held}
    assert answered(world, world.asks("Share", deal(world), by=STRANGER))[0] == "Done"


def test_a_permission_set_held_by_a_group_counts(world: SteeredWorld) -> None:
    """It is asked for only where no assignment of its own decides, and of an org that shows its groups."""
    groups, members = {"0PG1": {PermissionSets.BUSINESS_USER}, "0PG2": {"Another_Set"}}, world.salesforce.members
    world.salesforce.groups = groups
    for held, status in (("0PG2", "Failed"), ("0PG1", "Done")):
        members[STRANGER] = {held}
        assert answered(world, world.asks("Share", deal(world), by=STRANGER))[0] == status
    world.salesforce.groups = None
    status, message = answered(world, world.asks("Share", deal(world), by=STRANGER))
    assert (status, "APN Business User" in message) == ("Failed", True)
    world.salesforce.asked.clear()
    assert answered(world, world.asks("Share", deal(world)))[0] == "Done"
    assert not [one for asked in world.salesforce.asked for one in asked if "PermissionSetGroup" in one]


@pytest.mark.parametrize(
    ("action", "held", "named"),
    [
        ("Share", PermissionSets.MARKETPLACE_USER, "APN Business User"),
        ("Refresh Products", PermissionSets.BUSINESS_USER, "AWS Marketplace User"),
        ("Deactivate Schedules", PermissionSets.MARKETPLACE_ADMINISTRATOR, "APN Integration User"),
    ],
)
def test_each_kind_of_request_has_its_own_askers(world: SteeredWorld, action: str, held: str, named: str) -> None:
    world.salesforce.sets[STRANGER] = {held}
    record = deal(world) if action == "Share" else None
    status, message = answered(world, world.asks(action, record, by=STRANGER))
    assert (status, named in message, "permission sets" in message) == ("Failed", True, True)


def test_who_sells_on_marketplace_may_ask_for_the_products(world: SteeredWorld) -> None:
    world.salesforce.sets[STRANGER] = {PermissionSets.MARKETPLACE_USER}
    _, message = answered(world, world.asks("Refresh Products", by=STRANGER))
    assert "permission" not in message


def test_the_right_to_see_a_record_is_not_the_right_to_share_it(world: SteeredWorld) -> None:
    record = deal(world)
    world.salesforce.readers[record] = {PERSON}
    status, message = answered(world, world.asks("Share", record))
    assert status == "Failed"
    assert record in message
    assert world.partner_central.opportunities == {}


def test_a_record_that_the_requester_does_not_see_is_refused(world: SteeredWorld) -> None:
    status, message = answered(world, world.asks("Share", "a0X000000009999AAA"))
    assert status == "Failed"
    assert "may not edit" in message


@pytest.mark.parametrize("typed", ["", "a0X", "a0X00000000' OR 1"])
def test_what_is_no_record_id_is_told(world: SteeredWorld, typed: str) -> None:
    request = world.asks("Share", None, **{ActionRequest.RECORD_ID: typed})
    assert answered(world, request) == (
        "Failed",
        "The request names no record. Fill the lookup to it, or Record Id with the record's 18-character id.",
    )


@pytest.mark.parametrize("target", [ActionRequest.OPPORTUNITY, ActionRequest.RECORD_ID])
def test_records_of_an_object_without_a_mapping_say_so(world: SteeredWorld, target: str) -> None:
    other = world.salesforce.user_inserts("Opportunity", PERSON)
    status, message = answered(world, world.asks("Send", None, **{target: other}))
    assert status == "Failed"
    assert "is not available yet" in message


@pytest.mark.parametrize("target", [ActionRequest.ACE_LEAD, ActionRequest.LEAD])
def test_leads_without_a_mapping_say_what_an_admin_has_to_do(world: SteeredWorld, target: str) -> None:
    lead = world.salesforce.user_inserts("Lead", PERSON)
    status, message = answered(world, world.asks("Send", None, **{target: lead}))
    assert status == "Failed"
    assert "No lead mapping is published" in message and "--type lead" in message


@pytest.mark.parametrize("action", ["Accept", "Reject"])
def test_an_answer_to_what_aws_did_not_refer_says_so(world: SteeredWorld, action: str) -> None:
    status, message = answered(world, world.asks(action, deal(world)))
    assert status == "Failed"
    assert "Only an opportunity that AWS referred" in message


def test_awss_own_words_reach_the_requester(world: SteeredWorld) -> None:
    record = deal(world, Postal_Code__c="no code")
    status, message = answered(world, world.asks("Share", record))
    assert status == "Failed"
    assert "postalCode" in message


def test_a_record_that_is_not_flagged_says_why_nothing_was_sent(world: SteeredWorld) -> None:
    status, message = answered(world, world.asks("Share", deal(world, **{FLAG: False})))
    assert status == "Failed"
    assert message.startswith("Nothing was sent. ")
    assert "ACE_Sync_with_AWS__c" in message


def test_an_edit_that_awss_review_holds_is_answered_as_waiting(world: SteeredWorld) -> None:
    record = deal(world)
    assert answered(world, world.asks("Share", record))[0] == "Done"
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Submitted")
    turn(world)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    status, message = answered(world, world.asks("Share", record))
    assert status == "Done"
    assert message.startswith("It waits: ")
    world.partner_central.aws_reviews(apn_id, "Approved")
    turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"


def test_a_second_share_only_updates(world: SteeredWorld) -> None:
    record = deal(world)
    assert answered(world, world.asks("Share", record))[0] == "Done"
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Approved")
    turn(world)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    turn(world)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"].get("NextSteps") is None
    assert answered(world, world.asks("Share", record))[0] == "Done"
    assert list(world.partner_central.opportunities) == [apn_id]
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"


def test_refresh_brings_what_aws_has(world: SteeredWorld) -> None:
    record = deal(world)
    assert answered(world, world.asks("Share", record))[0] == "Done"
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Action Required", "Tell us more.")
    status, message = answered(world, world.asks("Refresh", record))
    assert (status, apn_id in message) == ("Done", True)
    assert world.salesforce.row(record)["Reviewer_Comments__c"] == "Tell us more."


def test_what_has_no_opportunity_cannot_be_refreshed(world: SteeredWorld) -> None:
    status, message = answered(world, world.asks("Refresh", deal(world)))
    assert status == "Failed"
    assert "Share it first" in message


@pytest.mark.requirement("OUT-25")
def test_send_is_for_partner_referrals_only(world: SteeredWorld) -> None:
    apn_id = colleague_creates(world)
    turn(world)
    [row] = world.salesforce.all()
    assert row[APN_ID] == apn_id
    link = world.state.links.require(row["Id"])
    link.summary = {**(link.summary or {}), "Origin": "AWS Referral"}
    world.state.links.save(link)
    before = world.partner_central.writes
    status, message = answered(world, world.asks("Send", row["Id"]))
    assert status == "Failed"
    assert "Partner Referrals only" in message
    assert world.partner_central.writes == before
    assert answered(world, world.asks("Send", deal(world)))[0] == "Done"


def test_a_parameter_that_contradicts_the_record_is_not_passed_over(world: SteeredWorld) -> None:
    record = deal(world)
    status, message = answered(world, world.asks("Share", record, **{ActionRequest.VISIBILITY: "Limited"}))
    assert status == "Failed"
    assert "Full" in message and "Limited" in message
    assert world.partner_central.opportunities == {}
    assert answered(world, world.asks("Share", record, **{ActionRequest.VISIBILITY: "Full"}))[0] == "Done"


def test_work_that_takes_too_long_is_answered_as_unknown(world: SteeredWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AuthFailed("AWS refused the credentials.")

    monkeypatch.setattr(type(world.partner_central), "create_opportunity", refuse)
    request = world.asks("Share", deal(world))
    assert answered(world, request)[0] == "In Progress"
    world.steer(PATIENCE.total_seconds() / 60 + 1)
    status, message = world.request(request)
    assert status == "Unknown"
    assert "AWS refused the credentials." in message


def test_a_request_that_cannot_be_begun_is_given_up_and_told(world: SteeredWorld) -> None:
    request = world.asks("Share", deal(world))
    queueing.enqueue_job(world.engine, ASKED)
    world.execute(1)
    [item] = [one for one in world.state.queue.list("waiting") if one.kind == "action-request"]
    world.state._handles.db.execute("update queue set attempts = ?, reason = 'Busy.' where id = ?", (ATTEMPTS, item.id))
    world.steer()
    status, message = world.request(request)
    assert status == "Unknown"
    assert "Busy." in message
    assert world.partner_central.opportunities == {}


def test_a_request_that_was_deleted_needs_no_answer(world: SteeredWorld) -> None:
    request = world.asks("Share", deal(world))
    queueing.enqueue_job(world.engine, ASKED)
    world.execute(1)
    world.salesforce.user_deletes(request)
    world.steer()
    assert world.partner_central.opportunities == {}
    assert world.state.queue.counts()["failed"] == 0


@pytest.mark.parametrize(("held", "count"), [(PermissionSets.BUSINESS_USER, 1), (PermissionSets.INTEGRATION_USER, 0)])
def test_all_schedules_are_deactivated_on_request(world: SteeredWorld, held: str, count: int) -> None:
    schedule = world.schedules()
    world.steer()
    world.salesforce.sets[STRANGER] = {held}
    request = world.asks("Deactivate Schedules", by=STRANGER)
    status, _ = answered(world, request)
    assert status == ("Failed" if count else "Done")
    assert world.schedule_row(schedule)[Schedule.ACTIVE] is bool(count)

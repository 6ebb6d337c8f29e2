"""Schedules: which row is in force, why one is refused, when runs begin, and what they let out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, OPPORTUNITY
from engine.salesforce import INTEGRATION, PERSON
from engine.turns import colleague_creates, deal, share, turn
from engine.world import MAPPING
from steered_world import SCHEDULER, STRANGER, SteeredWorld

from connector.names import SCHEDULE, PermissionSets, Schedule
from connector.service.jobs import ASKED
from connector.sync import logs, queueing, schedules
from connector.sync.schedules import TICK

MANUAL = {"share_automatically": False, "update_automatically": False}
SWEEPS = (ASKED, queueing.MODIFIED_SWEEP, queueing.SUMMARY_SWEEP)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    """Nothing goes out by itself, and the state has been compared with AWS."""
    opened = SteeredWorld(tmp_path)
    opened.settings = replace(opened.settings, **MANUAL)
    opened.restart()
    turn(opened)
    yield opened
    opened.close()


def shown(world: SteeredWorld, schedule: str) -> tuple[bool, str]:
    row = world.schedule_row(schedule)
    return bool(row[Schedule.ACTIVE]), str(row[Schedule.STATUS])


def runs(world: SteeredWorld, schedule: str, minutes: int) -> int:
    """Let the time pass minute by minute; return how often the schedule ran."""
    seen = {world.last_run(schedule)}
    for _ in range(minutes):
        world.steer(1)
        seen.add(world.last_run(schedule))
    return len(seen) - 1


def test_a_schedule_runs_at_once_and_then_at_its_interval(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 20})
    assert runs(world, schedule, 3) == 1
    assert shown(world, schedule) == (True, "Waiting")
    row = world.schedule_row(schedule)
    assert row[Schedule.NEXT_RUN] > row[Schedule.LAST_RUN]
    assert runs(world, schedule, 60) == 3


def test_a_tick_lets_out_what_is_due_and_nothing_else_does(world: SteeredWorld) -> None:
    record = deal(world)
    turn(world)
    assert world.partner_central.opportunities == {}
    schedule = world.schedules()
    world.steer()
    world.steer()
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Approved")
    turn(world, 1)
    world.salesforce.user_edits(record, {"Next_Step__c": "Sign"})
    for _ in range(3):
        turn(world, 10)
    assert "NextSteps" not in world.partner_central.opportunities[apn_id]["LifeCycle"], "the edit waits for the tick"
    world.steer(60)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"
    world.steer()
    assert "has ended" in world.schedule_row(schedule)[Schedule.MESSAGE]


def test_a_record_that_waits_past_the_tick_goes_out_with_it(world: SteeredWorld) -> None:
    """What was put off during a run is let out by that run, not by the next."""
    deal(world)
    world.schedules(**{Schedule.INTERVAL_MINUTES: 1440})
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, ASKED, priority=1)
    world.execute(1)
    queueing.enqueue_job(world.engine, TICK, priority=1)
    world.execute(1)
    assert [one.kind for one in world.state.queue.list("waiting") if one.kind == queueing.OUTBOUND]
    world.interruptions.arm("busy", 1)
    world.execute(3)
    world.clock.advance(timedelta(minutes=2))
    world.execute(50)
    assert len(world.partner_central.opportunities) == 1


def test_a_long_look_is_taken_in_slices_and_all_of_it_goes_out(
    world: SteeredWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "SLICE", 2)
    records = []
    for _ in range(7):
        records.append(deal(world))
        world.clock.advance(timedelta(seconds=2))
    world.schedules(**{Schedule.INTERVAL_MINUTES: 1440})
    world.steer()
    world.steer()
    assert [one for one in records if not world.salesforce.row(one)[APN_ID]] == []


def test_a_new_schedule_replaces_the_one_before(world: SteeredWorld) -> None:
    first = world.schedules()
    lead = world.schedules(active=False, **{Schedule.OBJECT: "Lead"})
    world.steer()
    untouched = dict(world.schedule_row(lead))
    second = world.schedules()
    world.steer()
    assert shown(world, first) == (False, "Deactivated")
    assert "SCH-0003" in world.schedule_row(first)[Schedule.MESSAGE]
    assert shown(world, second)[0]
    assert world.schedule_row(lead) == untouched


def test_of_two_new_ones_the_later_wins(world: SteeredWorld) -> None:
    first = world.schedules()
    world.clock.advance(timedelta(seconds=3))
    second = world.schedules()
    world.steer()
    assert (shown(world, first)[0], shown(world, second)[0]) == (False, True)


def test_a_refused_schedule_does_not_replace_the_one_in_force(world: SteeredWorld) -> None:
    first = world.schedules()
    world.steer()
    second = world.schedules(**{Schedule.INTERVAL_MINUTES: 4})
    world.steer()
    assert shown(world, first)[0]
    assert shown(world, second) == (False, "Refused")


@pytest.mark.requirement("SCHED-02")
@pytest.mark.parametrize(
    ("minutes", "accepted"), [(4, False), (2880, False), (1441, False), (0, False), (5, True), (1440, True)]
)
def test_the_interval_is_five_minutes_to_a_day(world: SteeredWorld, minutes: int, *, accepted: bool) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: minutes})
    world.steer()
    assert shown(world, schedule)[0] is accepted
    if not accepted:
        assert shown(world, schedule)[1] == "Refused"
        assert f"The interval is {minutes}" in world.schedule_row(schedule)[Schedule.MESSAGE]


def refused(world: SteeredWorld, by: str = SCHEDULER, **values: Any) -> str:
    schedule = world.schedules(by, **values)
    world.steer()
    assert shown(world, schedule) == (False, "Refused")
    assert world.last_run(schedule) is None
    return str(world.schedule_row(schedule)[Schedule.MESSAGE])


@pytest.mark.requirement("SCHED-10")
def test_each_cause_has_a_message_of_its_own(world: SteeredWorld) -> None:
    told = [
        refused(world, **{Schedule.INTERVAL_MINUTES: 3}),
        refused(world, **{Schedule.OBJECT: "Lead"}),
        refused(world, PERSON),
    ]
    world.engine.mapping = MAPPING.without_field("customerCompanyName")
    told.append(refused(world))
    world.engine.mapping = MAPPING
    world.salesforce.sets[INTEGRATION].clear()
    told.append(refused(world))
    assert all("\n" not in one for one in told), "one cause, one message"
    wanted = ("interval", "Lead", PERSON, "customerCompanyName", "connector runs as")
    for number, message in enumerate(told):
        assert [number == place for place in range(5)] == [one in message for one in wanted], message


def test_several_causes_are_told_together(world: SteeredWorld) -> None:
    message = refused(world, STRANGER, **{Schedule.INTERVAL_MINUTES: 3, Schedule.OBJECT: "Lead"})
    assert len(message.splitlines()) == 3


def test_the_permission_set_may_come_by_a_group(world: SteeredWorld) -> None:
    world.salesforce.groups = {"0PG1": {PermissionSets.INTEGRATION_USER}}
    world.salesforce.members[STRANGER] = {"0PG1"}
    schedule = world.schedules(STRANGER)
    world.steer()
    assert shown(world, schedule)[0]


@pytest.mark.parametrize(
    ("held", "objects"),
    [
        (PermissionSets.CHANNEL_PARTNER, {"Shared Resale Authorizations"}),
        (PermissionSets.MARKETPLACE_ADMINISTRATOR, {"Shared Resale Authorizations", "Products"}),
        (PermissionSets.MARKETPLACE_USER, set()),
    ],
)
def test_marketplace_roles_schedule_what_is_theirs(world: SteeredWorld, held: str, objects: set[str]) -> None:
    """Of anything else they are told that they may not; whether it can run yet is another matter."""
    world.salesforce.sets[STRANGER] = {held}
    for name in ("Opportunity", "Products", "Shared Resale Authorizations"):
        message = refused(world, STRANGER, **{Schedule.OBJECT: name})
        assert (STRANGER not in message) == (name in objects), message


@pytest.mark.requirement("SCHED-09")
def test_a_business_administrator_cannot_schedule(world: SteeredWorld) -> None:
    world.salesforce.sets[STRANGER] = {PermissionSets.BUSINESS_ADMINISTRATOR}
    deal(world)
    assert PermissionSets.INTEGRATION_USER in refused(world, STRANGER)
    turn(world)
    assert world.partner_central.opportunities == {}


def test_the_integration_user_may_activate_what_another_created(world: SteeredWorld) -> None:
    schedule = world.schedules(STRANGER, active=False)
    world.steer()
    world.salesforce.user_saves(SCHEDULE, schedule, SCHEDULER, **{Schedule.ACTIVE: True})
    world.steer()
    assert shown(world, schedule)[0]


def test_a_change_to_the_schedule_in_force_is_judged_by_who_made_it(world: SteeredWorld) -> None:
    schedule = world.schedules()
    world.steer()
    world.salesforce.user_saves(SCHEDULE, schedule, SCHEDULER, **{Schedule.INTERVAL_MINUTES: 10})
    assert runs(world, schedule, 31) == 3
    world.salesforce.user_saves(SCHEDULE, schedule, STRANGER, **{Schedule.INTERVAL_MINUTES: 5})
    world.steer()
    assert shown(world, schedule) == (False, "Refused")


def test_what_a_person_switches_off_does_not_run(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 5})
    assert runs(world, schedule, 2) == 1
    world.salesforce.user_saves(SCHEDULE, schedule, STRANGER, **{Schedule.ACTIVE: False})
    assert runs(world, schedule, 20) == 0
    assert shown(world, schedule) == (False, "Deactivated")
    deal(world)
    turn(world)
    assert world.partner_central.opportunities == {}


def test_a_schedule_that_was_deleted_does_not_run(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 5})
    world.steer()
    world.salesforce.user_deletes(schedule)
    deal(world)
    for _ in range(4):
        world.steer(5)
    assert world.partner_central.opportunities == {}


def test_without_inbound_nothing_asks_aws_what_changed(world: SteeredWorld) -> None:
    """The outbound run still happens at each tick."""
    world.engine.settings = replace(world.settings, share_automatically=True)
    share(world)  # a record that the summaries' walk would ask for
    world.engine.settings = world.settings
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 10, Schedule.DISABLE_INBOUND: True})
    world.steer()
    known = len(world.log_purposes())
    calls = world.interruptions.calls["aws read"]
    before = world.last_run(schedule)
    for _ in range(4):
        world.steer(10, jobs=SWEEPS)
    assert world.last_run(schedule) != before
    assert logs.INBOUND_FILES not in world.log_purposes()[known:]
    assert world.interruptions.calls["aws read"] == calls
    record = deal(world)
    world.steer(10, jobs=SWEEPS)
    world.steer(1)
    assert world.salesforce.row(record)[APN_ID]


def test_with_inbound_a_tick_looks_at_aws(world: SteeredWorld) -> None:
    world.schedules()
    known = len(world.log_purposes())
    world.steer()
    assert logs.INBOUND_FILES in world.log_purposes()[known:]


def test_a_new_state_is_compared_with_aws_even_without_inbound(tmp_path: Path) -> None:
    """Nothing may be created at AWS before that, so that a schedule for outbound alone needs it too."""
    world = SteeredWorld(tmp_path)
    world.schedules(**{Schedule.DISABLE_INBOUND: True})
    record = deal(world)
    for _ in range(3):
        world.steer(10, jobs=SWEEPS)
    assert world.salesforce.row(record)[APN_ID]
    world.close()


def test_the_first_look_without_inbound_brings_nothing_in_until_inbound_is_enabled(tmp_path: Path) -> None:
    """What is ours is linked by it; what a colleague made waits, and comes in with the first sweep that may."""
    world = SteeredWorld(tmp_path)
    world.settings = replace(world.settings, share_automatically=True)
    record, apn_id = share(world)
    schedule = world.schedules(**{Schedule.DISABLE_INBOUND: True})
    theirs = colleague_creates(world)
    world.empty_state()
    known = world.log_purposes().count(logs.INBOUND_FILES)
    for _ in range(3):
        world.steer(10, jobs=(queueing.MODIFIED_SWEEP, queueing.REFERRALS, *SWEEPS))
    assert [row["Id"] for row in world.salesforce.all(OPPORTUNITY)] == [record]
    assert world.log_purposes().count(logs.INBOUND_FILES) == known and len(world.partner_central.opportunities) == 2
    link = world.state.links.by_apn(apn_id)
    assert link is not None and link.record_id == record
    other = deal(world)
    world.steer(70, jobs=SWEEPS)
    world.steer(10, jobs=SWEEPS)
    assert world.salesforce.row(other)[APN_ID]
    world.salesforce.user_saves(SCHEDULE, schedule, SCHEDULER, **{Schedule.DISABLE_INBOUND: False})
    for _ in range(2):
        world.steer(10, jobs=SWEEPS)
    assert [row["Id"] for row in world.salesforce.all(OPPORTUNITY) if row[APN_ID] == theirs] != []
    world.close()


@pytest.mark.requirement("SCHED-12")
def test_a_long_run_is_not_joined_by_a_second(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 5})
    for _ in range(6):
        deal(world)
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, ASKED, priority=1)
    world.execute(1)
    queueing.enqueue_job(world.engine, TICK, priority=1)
    world.execute(1)
    begun = world.last_run(schedule)
    for _ in range(4):
        # A record every two minutes: the run takes longer than the interval.
        world.clock.advance(timedelta(minutes=2))
        world._tick()
        assert TICK not in [one.kind for one in world.state.queue.list("waiting")]
        world.executor.run_one(kinds=(queueing.OUTBOUND,))
        queueing.enqueue_job(world.engine, ASKED)
        world.executor.run_one(kinds=(ASKED,))
        assert shown(world, schedule) == (True, "Running")
    assert world.last_run(schedule) == begun
    world.steer(1)
    assert world.last_run(schedule) != begun, "the next one begins when the long one has ended"


def test_runs_that_were_missed_are_not_made_up_for(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 5})
    world.steer()
    world.clock.advance(timedelta(days=2))
    assert runs(world, schedule, 4) == 1


@pytest.mark.requirement("SCHED-13")
def test_a_restart_neither_loses_nor_repeats_a_run(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 30})
    assert runs(world, schedule, 3) == 1
    world.restart()
    assert runs(world, schedule, 20) == 0
    world.restart()
    assert runs(world, schedule, 20) == 1


def test_a_lost_state_reads_the_next_run_off_the_row(world: SteeredWorld) -> None:
    schedule = world.schedules(**{Schedule.INTERVAL_MINUTES: 30})
    assert runs(world, schedule, 3) == 1
    world.empty_state()
    assert runs(world, schedule, 20) == 0
    assert shown(world, schedule)[0]
    assert runs(world, schedule, 20) == 1


@pytest.mark.parametrize("fault", ["crash before", "crash after", "busy", "lost after"])
@pytest.mark.parametrize("countdown", range(1, 9))
def test_an_interruption_anywhere_ends_in_the_same_state(world: SteeredWorld, fault: str, countdown: int) -> None:
    record, schedule = deal(world), world.schedules(**{Schedule.INTERVAL_MINUTES: 1440})
    replaced = world.schedules(**{Schedule.INTERVAL_MINUTES: 4})
    world.interruptions.arm(fault, countdown)
    for _ in range(5):
        world.alive(lambda: world.steer(3))
    assert world.interruptions.armed == []
    assert shown(world, schedule) == (True, "Waiting")
    assert shown(world, replaced) == (False, "Refused")
    assert world.salesforce.row(record)[APN_ID]
    assert len(world.partner_central.opportunities) == 1

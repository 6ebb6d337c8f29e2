"""Schedules of leads beside those of opportunities: each lets out its own records, and fetches their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from engine.salesforce import PERSON
from engine.turns import deal, turn
from lead_world import FILES, LEAD_MAPPING, LeadWorld

from connector.names import SCHEDULE, SYNC_LOG, Schedule
from connector.store.queue import STATES, Work
from connector.sync import queueing
from connector.sync.file_settings import FileSettings
from connector.sync.schedule_memory import InForce, remember
from connector.sync.schedules import TICK, inbound_is_disabled, is_due, let_out

LEADS = {Schedule.OBJECT: "Lead"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LeadWorld]:
    """Nothing goes out by itself, and the state has been compared with AWS."""
    opened = LeadWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


def shown(world: LeadWorld, schedule: str) -> tuple[bool, str]:
    row = world.schedule_row(schedule)
    return bool(row[Schedule.ACTIVE]), str(row[Schedule.STATUS])


def by_files(world: LeadWorld) -> None:
    """The admin has opportunities exchanged over the bucket."""
    world.settings = replace(world.settings, files=replace(FILES, opportunities_over_files=True))
    world.restart()


def edited(world: LeadWorld, apn_id: str = "L1") -> str:
    """A lead with an edit that AWS has not got."""
    lead = world.refers(apn_id)
    world.clock.advance(timedelta(minutes=1))
    world.edits(lead, Reason__c="They asked for an offer")
    return lead


def test_a_lead_schedule_lets_out_leads_and_fetches_their_files(world: LeadWorld) -> None:
    lead, record = edited(world), deal(world)
    schedule = world.schedules(**LEADS)
    world.steer()
    world.steer()
    assert world.sent == [("lead", lead)]
    assert world.fetched == ["lead"]
    assert shown(world, schedule) == (True, "Waiting")
    assert world.salesforce.row(record) is not None and world.partner_central.opportunities == {}


@pytest.mark.requirement("SCHED-16")
def test_only_the_lead_schedule_active_synchronises_no_opportunity(world: LeadWorld) -> None:
    deal(world)
    opportunities = world.schedules(active=False)
    world.schedules(**LEADS)
    before = world.interruptions.calls["aws write"]
    for _ in range(4):
        world.steer(60)
    assert world.partner_central.opportunities == {} and world.interruptions.calls["aws write"] == before
    world.salesforce.user_saves(SCHEDULE, opportunities, "005000000000004AAA", **{Schedule.ACTIVE: True})
    world.steer()
    world.steer()
    assert len(world.partner_central.opportunities) == 1


def test_only_the_opportunity_schedule_active_synchronises_no_lead(world: LeadWorld) -> None:
    edited(world)
    world.schedules()
    for _ in range(3):
        world.steer(60)
    assert world.sent == [] and world.fetched == []


def test_opportunities_by_files_are_let_out_and_fetched_by_their_own_schedule(world: LeadWorld) -> None:
    by_files(world)
    record, lead = deal(world), edited(world)
    world.schedules()
    calls = world.interruptions.calls["aws read"]
    world.steer()
    world.steer()
    assert world.sent == [("opportunity", record)]
    assert world.fetched == ["opportunity"]
    assert world.interruptions.calls["aws read"] == calls, "Partner Central is not asked"
    world.schedules(**LEADS)
    world.steer()
    assert ("lead", lead) in world.sent and world.fetched == ["opportunity", "lead"]


@pytest.mark.requirement("SCHED-03")
def test_a_second_schedule_replaces_the_first_of_its_object_only(world: LeadWorld) -> None:
    lead, first = world.schedules(**LEADS), world.schedules()
    world.steer()
    world.steer()
    untouched = dict(world.schedule_row(lead))
    second = world.schedules()
    world.steer()
    assert (shown(world, first), shown(world, second)[0]) == ((False, "Deactivated"), True)
    assert world.schedule_row(lead) == untouched and shown(world, lead) == (True, "Waiting")
    other = world.schedules(**LEADS)
    world.steer()
    assert shown(world, lead) == (False, "Deactivated")
    assert shown(world, other)[0] and shown(world, second)[0]


@pytest.mark.parametrize("over_files", [False, True])
def test_without_inbound_no_file_is_fetched_and_the_outbound_run_still_happens(
    world: LeadWorld, *, over_files: bool
) -> None:
    """SCHED-04: of each type by its own schedule."""
    if over_files:
        by_files(world)
    disabled = {} if over_files else LEADS
    world.schedules(**{Schedule.DISABLE_INBOUND: True, **disabled})
    record = deal(world) if over_files else edited(world)
    for _ in range(3):
        world.steer(60)
    assert [one for _, one in world.sent] == [record] * len(world.sent) != []
    assert world.fetched == []
    ours, other = (world.engine, world.leads) if over_files else (world.leads, world.engine)
    assert inbound_is_disabled(ours) and not inbound_is_disabled(other)


def test_deactivate_all_ends_the_schedules_of_both(world: LeadWorld) -> None:
    """SCHED-05"""
    both = world.schedules(), world.schedules(**LEADS)
    world.steer()
    world.steer()
    request = world.asks("Deactivate Schedules", by="005000000000004AAA")
    world.steer()
    world.steer()
    assert world.request(request) == ("Done", "2 schedules were deactivated.")
    assert [shown(world, one)[0] for one in both] == [False, False]
    edited(world)
    fetched = list(world.fetched)
    world.steer(120)
    assert (world.sent, world.fetched) == ([], fetched)
    assert not is_due(world.leads) and not is_due(world.engine)


@pytest.mark.requirement("SCHED-07")
def test_an_unmapped_required_field_refuses_the_schedule_of_its_object_only(world: LeadWorld) -> None:
    world.engine.mapping = world.engine.mapping.without_field("customerCompanyName")
    refused, accepted = world.schedules(), world.schedules(**LEADS)
    world.steer()
    assert shown(world, refused) == (False, "Refused")
    assert "customerCompanyName" in world.schedule_row(refused)[Schedule.MESSAGE]
    assert shown(world, accepted)[0], world.schedule_row(accepted)


def refused(world: LeadWorld, **values: object) -> str:
    schedule = world.schedules(**{**LEADS, **values})
    world.steer()
    assert shown(world, schedule) == (False, "Refused")
    return str(world.schedule_row(schedule)[Schedule.MESSAGE])


def test_a_lead_schedule_needs_a_published_lead_mapping(world: LeadWorld) -> None:
    world.give_leads(None)
    told = refused(world)
    assert "No lead mapping is published" in told and "--type lead" in told


@pytest.mark.parametrize("name", ["status", "currentLeadStage"])
def test_a_lead_schedule_needs_the_fields_that_aws_requires(world: LeadWorld, name: str) -> None:
    world.give_leads(LEAD_MAPPING.without_field(name))
    assert f"Fields that AWS requires are not mapped: {name}." in refused(world)


def test_schedules_of_files_need_the_buckets_settings(world: LeadWorld) -> None:
    """One reason per setting that is missing; with Partner Central's API opportunities need none of them."""
    world.settings = replace(world.settings, files=FileSettings())
    world.restart()
    told = refused(world).splitlines()
    assert [any(name in one for one in told) for name in ("Bucket_Name__c", "Partner_Id__c", "Payload_Version__c")] == [
        True
    ] * 3
    opportunities = world.schedules()
    world.steer()
    assert shown(world, opportunities)[0]
    world.settings = replace(world.settings, files=FileSettings(opportunities_over_files=True))
    world.restart()
    again = world.schedules()
    world.steer()
    assert shown(world, again) == (False, "Refused")
    assert "Bucket_Name__c" in world.schedule_row(again)[Schedule.MESSAGE]


def test_a_file_whose_log_an_admin_deleted_goes_out_again_with_the_very_next_run(world: LeadWorld) -> None:
    """ELIG-21: it is looked after before the run begins, so that its records are part of it."""
    lead = edited(world)
    world.schedules(**LEADS)
    world.steer()
    world.steer()
    name = world.uploads(lead)
    log = world.salesforce.user_inserts(SYNC_LOG, PERSON)
    upload = world.state.uploads.get(name)
    assert upload is not None
    world.state.uploads.log_written(upload.run_id, log)
    world.salesforce.user_deletes(log)
    world.steer(61)
    assert world.sent == [("lead", lead)] * 2


@pytest.mark.requirement("SCHED-12")
def test_a_long_run_of_leads_is_not_joined_and_holds_up_no_opportunity(world: LeadWorld) -> None:
    """A turn of a lead that still waits keeps the next run of leads back, and no run of opportunities."""
    minutes = {Schedule.INTERVAL_MINUTES: 5}
    leads, opportunities = world.schedules(**LEADS, **minutes), world.schedules(**minutes)
    world.steer()
    world.steer()
    turn_of_lead = Work("outbound", "a lead", queueing.WRITE_LANE, 30, {"run": "", "type": "lead"})
    world.state.queue.enqueue(turn_of_lead, world.clock.now() - timedelta(hours=1))
    world.clock.advance(timedelta(minutes=6))
    assert not is_due(world.leads) and is_due(world.engine)
    [item] = [one for one in world.state.queue.list("waiting", 1000) if one.key == "a lead"]
    world.state.queue.cancel(item.id)
    assert is_due(world.leads)
    assert shown(world, leads)[0] and shown(world, opportunities)[0]


@pytest.mark.requirement("SCHED-13")
def test_lead_schedules_survive_a_restart_and_a_lost_state(world: LeadWorld) -> None:
    schedule = world.schedules(**LEADS, **{Schedule.INTERVAL_MINUTES: 30})
    world.steer()
    world.steer()
    begun = world.last_run(schedule)
    world.restart()
    for _ in range(5):
        world.steer(5)
    assert world.last_run(schedule) == begun
    world.empty_state()
    turn(world, 0)
    for _ in range(6):
        world.steer(5)
    assert world.last_run(schedule) != begun


def test_a_tick_follows_only_the_schedules_of_its_own_records(world: LeadWorld) -> None:
    """The engine of the leads does not know the mapping of opportunities, and must not judge by it."""
    world.schedules(**LEADS)
    world.steer()
    untouched = world.schedules()
    before = dict(world.schedule_row(untouched))
    world.clock.advance(timedelta(minutes=61))
    queueing.enqueue_job(world.leads, TICK, priority=1)
    world.execute(1)
    assert world.schedule_row(untouched) == before


def test_what_a_lead_tick_lets_out_lets_out_no_opportunity(world: LeadWorld) -> None:
    world.schedules(**LEADS)
    world.steer()
    world.steer()
    work = Work("outbound", "x", queueing.WRITE_LANE, 30)
    world.state.queue.enqueue(work, world.clock.now() - timedelta(days=1))
    [item] = world.state.queue.list("waiting", 10, key="x")
    with let_out(world.leads, item):
        assert world.leads.settings.update_automatically
    with let_out(world.engine, item):
        assert not world.engine.settings.update_automatically


def test_each_run_looks_for_answers_that_nobody_waits_for_any_more(world: LeadWorld) -> None:
    """A late answer to a file that an admin gave up, or to one that a lost state knew, is not left in the bucket."""
    world.schedules(**LEADS)
    world.steer()
    looked = [item for state in STATES for item in world.state.queue.list(state) if item.kind == queueing.RESULTS]
    assert looked and not any(item.payload for item in looked), "one job for both types"


def test_a_clock_that_was_set_back_lets_the_next_run_come_at_once(world: LeadWorld) -> None:
    remember(world.leads, "Lead", InForce("a1", "Hourly", 60, inbound=True, next=world.clock.now() + timedelta(days=2)))
    assert is_due(world.leads)
    remember(
        world.leads, "Lead", InForce("a1", "Hourly", 60, inbound=True, next=world.clock.now() + timedelta(hours=1))
    )
    assert not is_due(world.leads)

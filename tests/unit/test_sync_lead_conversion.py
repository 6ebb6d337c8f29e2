"""Leads that a person converted, merged or deleted: what is still written, sent and told, and what never comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID
from engine.turns import deal, turn
from lead_world import FILES, LEAD, PACKAGED_LEAD, LeadWorld, describe_lead

from connector.names import ActionRequest, Schedule
from connector.store.entries import Entry
from connector.store.links import Link
from connector.sync import logs, queueing
from connector.sync.deletions import bury_deleted
from connector.sync.exchange.conversion import end_receiving, end_sending, is_converted
from connector.sync.observe import judge, sweep_due
from connector.sync.set_aside import is_set_aside
from connector.sync.writeback import flush, put, stamp


@dataclass
class Arrived:
    """What AWS says of a lead, as a file brings it."""

    answer: dict[str, Any] = field(default_factory=lambda: {"Id": "L1", "LastModifiedDate": "2040-01-03T00:00:00Z"})
    payload: dict[str, Any] = field(default_factory=lambda: {"status": "Disqualified", "company": "Example Freight"})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LeadWorld]:
    opened = LeadWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


def look(world: LeadWorld) -> None:
    """The worker looks over all flagged leads, and writes its logs."""
    world.clock.advance(timedelta(minutes=1))
    sweep_due(world.leads, logs.start_run(world.leads, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))
    world.execute(50)
    written(world)


def written(world: LeadWorld) -> None:
    world.clock.advance(timedelta(minutes=6))
    queueing.enqueue_job(world.engine, queueing.FLUSH, priority=1)
    world.execute(2)


def arrives(world: LeadWorld, lead: str) -> bool:
    """AWS's file says something of the lead; return whether that is over."""
    link = world.state.links.require(lead)
    row = world.salesforce.rows(LEAD, [lead], world.leads.row_fields())[lead]
    run_id = logs.start_run(world.leads, logs.FROM_AWS, logs.INBOUND_RECORDS)
    over = end_receiving(world.leads, link, row, Arrived(), run_id)
    written(world)
    return over


def told(world: LeadWorld, lead: str) -> list[str]:
    return [str(row["Error_Message__c"]) for row in world.details(lead) if row.get("Error_Message__c")]


def test_nothing_is_sent_for_a_converted_lead_and_nobody_is_bothered(world: LeadWorld) -> None:
    """Conversion itself modifies the lead as a person, and sets its status."""
    lead = world.refers()
    look(world)
    world.clock.advance(timedelta(minutes=1))
    world.salesforce.user_converts(lead)
    world.schedules(**{Schedule.OBJECT: "Lead"})
    for _ in range(3):
        world.steer(61)
    assert world.sent == [] and world.details(lead) == []
    assert world.salesforce.lead(lead)[APN_ID] == "L1"
    assert world.state.links.require(lead).apn_id == "L1", "the link survives"


def test_an_edit_that_conversion_cut_off_is_told_once(world: LeadWorld) -> None:
    lead = world.refers()
    look(world)
    world.clock.advance(timedelta(minutes=1))
    world.edits(lead, Reason__c="They asked for an offer")
    world.salesforce.user_converts(lead)
    look(world)
    look(world)
    [message] = told(world, lead)
    assert "Edits of Reason__c were not sent to AWS" in message
    assert "converted in Salesforce on 2040-01-02 to opportunity 006000000000009AAA" in message
    assert "keeps AWS's identifier L1" in message and "with status Open" in message
    assert [row["Status__c"] for row in world.details(lead)] == [logs.RESOLVED]


def test_a_turn_that_waits_comes_to_nothing(world: LeadWorld) -> None:
    lead = world.refers()
    world.clock.advance(timedelta(minutes=1))
    world.edits(lead, Reason__c="They asked for an offer")
    look(world)
    world.salesforce.user_converts(lead)
    link = world.state.links.require(lead)
    link.row = world.salesforce.rows(LEAD, [lead], world.leads.row_fields())[lead]
    world.state.entries.put(Entry(lead, "lead", "out-x", {}, lead, "L1", world.clock.now()))
    assert end_sending(world.leads, link, logs.start_run(world.leads, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL))
    assert world.state.entries.of_record(lead) is None
    written(world)
    assert len(told(world, lead)) == 1


def test_what_aws_says_of_a_converted_lead_is_told_once_and_not_written(world: LeadWorld) -> None:
    lead = world.refers()
    world.salesforce.user_converts(lead)
    before = world.salesforce.lead(lead)
    assert arrives(world, lead) and arrives(world, lead)
    [row] = world.details(lead)
    assert row["Status__c"] == logs.RESOLVED and "Disqualified" in row["Payload__c"]
    assert "What AWS says of it since is not written" in row["Error_Message__c"]
    assert world.salesforce.lead(lead) == before
    assert len(world.salesforce.all(LEAD)) == 1
    assert world.state.links.require(lead).aws_modified == "2040-01-03T00:00:00Z"


def test_where_opportunities_travel_by_file_aws_can_be_told_of_the_conversion(world: LeadWorld) -> None:
    """AWS converts its own lead when an opportunity with the lead's identifier is shared by file."""
    world.settings = replace(world.settings, files=replace(FILES, opportunities_over_files=True))
    world.restart()
    lead = world.refers()
    world.salesforce.user_converts(lead)
    arrives(world, lead)
    [message] = told(world, lead)
    assert "Enter L1 in the opportunity's field for the APN Lead ID" in message


def test_what_aws_says_of_an_open_lead_is_not_stopped(world: LeadWorld) -> None:
    lead = world.refers()
    assert not arrives(world, lead)
    assert world.details(lead) == []


def test_a_write_that_conversion_outran_is_given_up_and_told_once(world: LeadWorld) -> None:
    """The row was read, the lead was converted, and then the values of AWS's file were written."""
    lead = world.refers()
    link = world.state.links.require(lead)
    put(world.leads, link, {"Reason__c": "From AWS"})
    stamp(world.leads, link)
    world.salesforce.user_converts(lead)
    before = world.salesforce.lead(lead)
    flush(world.engine)
    written(world)
    assert world.salesforce.lead(lead) == before
    assert world.state.writebacks.get(lead) is None
    assert len(told(world, lead)) == 1
    assert [row["Status__c"] for row in world.details(lead)] == [logs.RESOLVED]


def test_nothing_is_queued_for_writing_to_a_lead_that_is_known_to_be_converted(world: LeadWorld) -> None:
    lead = world.refers()
    look(world)
    world.salesforce.user_converts(lead)
    look(world)
    stamp(world.leads, world.state.links.require(lead))
    assert world.state.writebacks.get(lead) is None


def test_the_verdict_says_that_the_lead_was_converted(world: LeadWorld) -> None:
    lead = world.refers()
    world.salesforce.user_converts(lead)
    row = world.salesforce.rows(LEAD, [lead], world.leads.row_fields())[lead]
    verdict = judge(world.leads, row, world.state.links.get(lead))
    assert (verdict.due, verdict.code) == (False, "CONVERTED")
    request = world.asks("Send", None, **{ActionRequest.LEAD: lead})
    world.steer()
    world.steer()
    status, message = world.request(request)
    assert status == "Failed" and "the lead was converted and is read-only" in message


@pytest.mark.requirement("LEAD-13")
def test_an_own_lead_that_was_converted_leaves_by_its_opportunity_and_not_as_a_lead(world: LeadWorld) -> None:
    own = world.refers("")
    world.salesforce._table(LEAD)[own][APN_ID] = None
    world.state.links.delete(own)
    world.salesforce.user_converts(own)
    record = deal(world)
    world.schedules()
    world.schedules(**{Schedule.OBJECT: "Lead"})
    world.steer()
    world.steer()
    [opportunity] = world.partner_central.opportunities.values()
    assert opportunity["PartnerOpportunityIdentifier"] == record
    assert [one for one in world.sent if one[0] == "lead"] == [] and world.state.entries.count("lead") == 0
    assert world.details(own) == []


@pytest.mark.parametrize("known", [True, False])
def test_an_opportunity_that_carries_its_leads_identifier_is_held_and_asks_aws_nothing(
    world: LeadWorld, *, known: bool
) -> None:
    """Where an admin maps the field at conversion; whether or not the state knows the lead."""
    if known:
        world.refers("L123")
    record = deal(world)
    world.salesforce.user_edits(record, {APN_ID: "L123"})
    reads = world.interruptions.calls["aws read"]
    world.schedules()
    world.steer()
    world.steer()
    written(world)
    assert world.partner_central.opportunities == {}
    assert world.interruptions.calls["aws read"] == reads + 1, "the sweep of the schedule, and nothing of L123"
    [message] = told(world, record)
    assert "L123" in message and "clear it here" in message
    assert world.state.links.by_apn("L123") is None or known, "the lead keeps its link"
    world.salesforce.user_edits(record, {APN_ID: None})
    world.steer(61)
    world.steer()
    assert len(world.partner_central.opportunities) == 1


def test_a_lead_with_an_opportunitys_identifier_takes_nothing_of_it(world: LeadWorld) -> None:
    record = deal(world)
    world.schedules()
    world.steer()
    world.steer()
    [apn_id] = world.partner_central.opportunities
    lead = world.refers("L1")
    world.state.links.delete(lead)
    world.salesforce._table(LEAD)[lead][APN_ID] = apn_id
    look(world)
    link = world.state.links.by_apn(apn_id)
    assert link is not None and link.record_id == record
    assert world.sent == []


def test_a_merged_lead_is_a_tombstone_and_the_winner_goes_on(world: LeadWorld) -> None:
    winner, loser = world.refers("L1"), world.refers("L2")
    look(world)
    world.salesforce.user_deletes(loser)
    assert bury_deleted(world.leads) == 1
    assert world.state.links.require(loser).status == "tombstone"
    assert world.state.links.require(winner).status == "linked"
    written(world)
    [message] = told(world, loser)
    assert "AWS keeps its lead" in message and "opportunit" not in message


def test_a_winner_that_took_the_losers_identifier_takes_its_place(world: LeadWorld) -> None:
    loser, winner = world.refers("L2"), world.refers("L1")
    look(world)
    world.salesforce.user_deletes(loser)
    bury_deleted(world.leads)
    world.state.links.delete(winner)
    world.salesforce.user_saves(LEAD, winner, "005000000000002AAA", **{APN_ID: "L2"})
    look(world)
    assert world.sent == [], "nothing goes out before AWS's next word on the lead was compared"
    assert told(world, winner) == []
    link = world.state.links.by_apn("L2")
    assert link is not None and link.record_id == winner


def test_a_converted_lead_that_is_deleted_later_is_told_to_nobody(world: LeadWorld) -> None:
    lead = world.refers()
    world.salesforce.user_converts(lead)
    look(world)
    world.salesforce.user_deletes(lead)
    assert bury_deleted(world.leads) == 1
    written(world)
    assert told(world, lead) == []


def test_deletions_of_leads_leave_opportunities_alone(world: LeadWorld) -> None:
    lead = world.refers()
    world.salesforce.user_deletes(lead)
    assert bury_deleted(world.engine) == 0
    assert bury_deleted(world.leads) == 1


def test_custom_objects_have_no_conversion(world: LeadWorld) -> None:
    packaged = describe_lead(PACKAGED_LEAD)
    assert packaged.field("IsConverted") is None
    assert not is_converted({"Id": "a0L000000000001AAA"}) and not is_converted(None)
    assert is_converted({"IsConverted": True}) and not is_converted({"IsConverted": False})


def test_a_link_of_the_packaged_object_is_set_aside_when_leads_move_and_never_by_opportunities(
    world: LeadWorld,
) -> None:
    packaged = Link("a0L000000000001AAA", PACKAGED_LEAD, "L9", "aws", "linked")
    standard = Link("00Q000000000001AAA", LEAD, "L8", "aws", "linked")
    assert is_set_aside(world.leads, packaged) and not is_set_aside(world.leads, standard)
    assert not is_set_aside(world.engine, packaged) and not is_set_aside(world.engine, standard)
    other = Link("006000000000001AAA", "Opportunity", "O7", "aws", "linked")
    assert is_set_aside(world.engine, other) and not is_set_aside(world.leads, other)

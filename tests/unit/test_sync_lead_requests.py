"""What sellers ask for on a lead, or an opportunity that travels by file: done by its file, or answered in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.turns import deal, turn
from lead_world import FILES, LEAD_MAPPING, LeadWorld

from connector.errors import Problem
from connector.names import ActionRequest, Schedule
from connector.sync import queueing
from connector.sync.answering import PATIENCE
from connector.sync.orders import OrderFailed, carry_out_order, refresh_order
from connector.sync.queueing import decision_work

ON_LEADS = (ActionRequest.LEAD, ActionRequest.RECORD_ID)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LeadWorld]:
    opened = LeadWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


def edited(world: LeadWorld, apn_id: str = "L1") -> str:
    lead = world.refers(apn_id)
    world.clock.advance(timedelta(minutes=1))
    world.edits(lead, Reason__c="They asked for an offer")
    return lead


def asked(world: LeadWorld, action: str, record: str, target: str = ActionRequest.LEAD, **values: Any) -> str:
    """A seller asks; the worker takes it up and goes as far as it gets."""
    request = world.asks(action, None, **{target: record, **values})
    world.steer()
    world.steer()
    return request


@pytest.mark.requirement("OUT-24")
@pytest.mark.parametrize("target", ON_LEADS)
def test_send_to_aws_lets_out_that_one_lead_outside_the_schedule(world: LeadWorld, target: str) -> None:
    lead, other = edited(world), edited(world, "L2")
    asked(world, "Send", lead, target)
    assert world.sent == [("lead", lead)]
    assert world.state.entries.of_record(other) is None, "other leads wait for the schedule"


def test_the_answer_is_given_once_aws_has_answered_the_file(world: LeadWorld) -> None:
    lead = edited(world)
    request = asked(world, "Send", lead)
    assert world.request(request)[0] == "In Progress"
    world.uploads(lead)
    world.steer()
    assert world.request(request)[0] == "In Progress", "AWS may still refuse it"
    world.answers(lead)
    world.steer()
    world.steer()
    assert world.request(request) == ("Done", "AWS has the record as L1.")


def test_a_refusal_of_aws_reaches_the_seller(world: LeadWorld) -> None:
    lead = edited(world)
    request = asked(world, "Send", lead)
    world.uploads(lead)
    world.answers(lead, Problem("AWS_REFUSED", "leadStatusReason", "", "No new update identified", "Change it."))
    world.steer()
    world.steer()
    status, message = world.request(request)
    assert status == "Failed" and "AWS_REFUSED leadStatusReason" in message


def test_after_a_while_the_seller_is_told_in_which_file_it_is(world: LeadWorld) -> None:
    """The lead is at AWS, whose result may take hours: that is no failure."""
    lead = edited(world)
    request = asked(world, "Send", lead)
    name = world.uploads(lead)
    world.clock.advance(PATIENCE)
    world.steer()
    assert world.request(request) == (
        "Done",
        f"AWS has it in the file {name}. What AWS makes of it, its sync log tells later.",
    )


def test_a_lead_that_is_not_due_says_why(world: LeadWorld) -> None:
    lead = world.refers(ACE_Sync_with_AWS__c=False)
    status, message = world.request(asked(world, "Send", lead))
    assert status == "Failed" and "is not ticked" in message


@pytest.mark.requirement("OUT-25")
@pytest.mark.parametrize("by_row", [True, False])
def test_an_opportunity_that_aws_referred_is_not_sent_by_itself_over_files_either(
    world: LeadWorld, *, by_row: bool
) -> None:
    world.settings = replace(world.settings, files=replace(FILES, opportunities_over_files=True))
    world.restart()
    record, own = deal(world), deal(world)
    world.steer()
    queueing.enqueue_job(world.engine, queueing.DUE_SWEEP, priority=1)
    world.execute(3)
    link = world.state.links.require(record)
    link.applied = {"opportunityOwnership": "AWS Referral"}
    world.state.links.save(link)
    target = ActionRequest.RECORD_ID if by_row else ActionRequest.ACE_OPPORTUNITY
    status, message = world.request(asked(world, "Send", record, target))
    assert (status, "is an AWS Referral" in message) == ("Failed", True)
    asked(world, "Send", own, target)
    assert world.sent == [("opportunity", own)]


def test_a_refresh_says_when_the_next_files_are_fetched(world: LeadWorld) -> None:
    lead = world.refers()
    status, message = world.request(asked(world, "Refresh", lead))
    assert status == "Failed" and "cannot be refreshed over S3" in message
    assert "No schedule for Lead is active" in message and "sync inbound --object lead" in message
    schedule = world.schedules(**{Schedule.OBJECT: "Lead"})
    world.steer()
    world.steer()
    moment = world.schedule_row(schedule)[Schedule.NEXT_RUN][:16].replace("T", " ")
    _, message = world.request(asked(world, "Refresh", lead))
    assert f"fetches them next at {moment} UTC" in message


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("Approval Status", "Set Lead Stage (Stage__c) to Accepted or Rejected"),
        ("Accept", "Set Lead Stage (Stage__c) to Accepted or Rejected"),
        ("Reject", "Send to AWS"),
        ("Assign", "map leadOwnerEmail"),
        ("Associate", "Leads have no solutions"),
        ("Disassociate", "Leads have no solutions"),
    ],
)
def test_other_actions_name_the_field_that_does_it_and_call_nobody(world: LeadWorld, action: str, told: str) -> None:
    lead, calls = world.refers(), dict(world.interruptions.calls)
    request = asked(world, action, lead, **{ActionRequest.PARTNER_ACCEPTANCE_STATUS: "Accepted"})
    status, message = world.request(request)
    assert status == "Failed" and told in message
    now = world.interruptions.calls
    assert [now[kind] for kind in ("aws read", "aws write")] == [calls.get(one, 0) for one in ("aws read", "aws write")]


def test_the_rights_of_who_asks_are_looked_up_for_leads_too(world: LeadWorld) -> None:
    lead = edited(world)
    world.salesforce.readers[lead] = {"005000000000002AAA"}
    status, message = world.request(asked(world, "Send", lead))
    assert status == "Failed" and "may not edit" in message
    assert world.sent == []


def test_orders_by_command_are_answered_alike(world: LeadWorld) -> None:
    """`connector action refresh` and `action accept` on a lead."""
    lead = world.refers()
    world.state.queue.enqueue(refresh_order(lead), world.clock.now())
    [item] = world.state.queue.list("waiting", key=lead)
    with pytest.raises(OrderFailed, match="cannot be refreshed over S3"):
        carry_out_order(world.leads, item)
    world.state.queue.cancel(item.id)
    world.state.queue.enqueue(decision_work(lead, "accept"), world.clock.now())
    world.execute(3)
    [decision] = world.state.queue.list("failed", key=lead)
    assert "Set Lead Stage (Stage__c) to Accepted or Rejected" in decision.reason


def test_without_a_lead_mapping_the_record_id_of_a_lead_is_known_for_one(world: LeadWorld) -> None:
    lead = world.refers()
    world.give_leads(None)
    status, message = world.request(asked(world, "Send", lead, ActionRequest.RECORD_ID))
    assert status == "Failed" and "No lead mapping is published" in message
    world.give_leads(LEAD_MAPPING)
    assert world.leads.owns(lead)

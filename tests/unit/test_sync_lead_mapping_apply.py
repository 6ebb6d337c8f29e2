"""A published lead mapping is applied to leads from before: to AWS by their files, from AWS by what AWS last said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from engine.turns import turn
from lead_world import LeadWorld

from connector.names import Schedule
from connector.sync import queueing
from connector.sync.mapping_apply import APPLY, OF, Scope, apply_slice, apply_work

REASON, COMPANY = Scope(to_aws=("leadStatusReason",)), Scope(from_aws=("company",))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LeadWorld]:
    opened = LeadWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


def old(world: LeadWorld, apn_id: str = "L1", **values: str | None) -> str:
    """A lead that was synchronised before reason and company were mapped; AWS has a company for it."""
    lead = world.refers(apn_id, **values)
    link = world.state.links.require(lead)
    link.seen = {path: link.seen[path] for path in ("Status", "Stage__c")}
    link.applied = {"status": "Open", "currentLeadStage": "Accepted", "company": "Example Rail"}
    world.state.links.save(link)
    world.clock.advance(timedelta(minutes=1))
    return lead


def test_what_salesforce_has_in_a_newly_mapped_field_goes_out_by_file(world: LeadWorld) -> None:
    lead, without = old(world, Reason__c="They asked for an offer"), old(world, "L2")
    counts, after = apply_slice(world.leads, REASON, "")
    assert (counts.looked_at, counts.to_aws + counts.waiting, after) == (2, 1, "")
    world.edits(lead, Status="Research")
    world.schedules(**{Schedule.OBJECT: "Lead"})
    world.steer()
    world.steer()
    assert world.sent[0] == ("lead", lead) and ("lead", without) not in world.sent


def test_the_turn_of_a_lead_is_the_leads_engines(world: LeadWorld) -> None:
    lead = old(world, Reason__c="They asked for an offer")
    world.salesforce._table("Lead")[lead]["ACE_Last_Sync_Date__c"] = None
    apply_slice(world.leads, REASON, "")
    [item] = [one for one in world.state.queue.list("waiting", key=lead) if one.kind == queueing.OUTBOUND]
    assert item.payload["type"] == "lead"


def test_what_aws_last_said_fills_an_empty_field_and_nobody_is_asked(world: LeadWorld) -> None:
    empty, filled = old(world, Company=None), old(world, "L2", Company="Example Freight")
    calls = world.interruptions.calls["aws read"]
    counts, _ = apply_slice(world.leads, COMPANY, "")
    assert counts.from_aws == 1
    [item] = [one for one in world.state.queue.list("waiting", key=empty) if one.kind == queueing.INBOUND]
    assert item.payload["apn_id"] == "L1"
    assert [one for one in world.state.queue.list("waiting", key=filled) if one.kind == queueing.INBOUND] == []
    assert world.interruptions.calls["aws read"] == calls


def test_what_aws_never_said_fills_nothing(world: LeadWorld) -> None:
    lead = old(world, Company=None)
    link = world.state.links.require(lead)
    link.applied = {"status": "Open"}
    world.state.links.save(link)
    assert apply_slice(world.leads, COMPANY, "", dry=True)[0].from_aws == 0


def test_fields_that_no_file_carries_are_not_offered(world: LeadWorld) -> None:
    """AWS alone writes a lead's company: what stands in Salesforce goes nowhere."""
    old(world, Company="Example Freight")
    counts, _ = apply_slice(world.leads, Scope(to_aws=("company",)), "")
    assert counts.to_aws + counts.waiting == 0


def test_the_work_names_its_type_and_goes_to_who_reads_the_mappings_anew(world: LeadWorld) -> None:
    """Were it the leads' own item, their engine would work with the mapping from before."""
    leads, opportunities = apply_work(REASON, "lead"), apply_work(REASON, "opportunity")
    assert (leads.payload[OF], opportunities.payload.get(OF)) == ("lead", None)
    assert leads.key != opportunities.key == APPLY, "one does not take the place of the other"
    assert world.engine.engine_for(leads.key, leads.payload) is world.engine


def test_links_of_opportunities_are_left_alone(world: LeadWorld) -> None:
    old(world, Reason__c="They asked for an offer")
    assert apply_slice(world.engine, REASON, "")[0].looked_at == 0

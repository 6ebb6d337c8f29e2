"""A mapped field vanishes under a running worker: it is told loudly, and everything else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from system_world import AUTOMATIC, DEALS, FAST, World, open_world

GONE = "Additional_Comments__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, **AUTOMATIC, **FAST) as opened:
        yield opened


def status(world: World) -> tuple[str, str]:
    [row] = world.admin.rows("SELECT Status__c, Message__c FROM ACE_Worker__c")
    return str(row["Status__c"]), str(row["Message__c"] or "")


@pytest.mark.requirement("MAP-45")
def test_a_vanished_field_is_reported_and_the_cycle_goes_on(world: World) -> None:
    world.do("mapping", "automap", "--type", "lead")
    world.do("mapping", "publish", "--type", "lead")
    with world.working() as worker:
        record, identifier = worker.shared(Additional_Comments__c="Bring the plans")
        world.control("/salesforce/delete", object=DEALS, field=GONE)
        world.edit(record, Next_Step__c="Invite the architect")
        worker.cycle(400)
        worker.cycle()
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Invite the architect"
        assert world.get(identifier)["Project"]["AdditionalComments"] == "Bring the plans", "nothing is cleared"
        [left_out] = [line for line in worker.lines() if line["event"] == "mapped field left out"]
        assert (left_out["field"], left_out["path"]) == ("additionalComments", GONE)
        world.advance(90)
        world.eventually(lambda: GONE in status(world)[1], "the status page in Salesforce")
        assert status(world)[0] == "Degraded"
        worker.cycle(86_400)
        told = [line for line in worker.lines() if line["event"] == "mapping" and line["field"] == "additionalComments"]
        assert told, "the daily check says so in the log"
    rows = world.admin.rows("SELECT Record_Type__c, Object__c FROM ACE_Mapping__c WHERE Current__c = true")
    shown = {(row["Record_Type__c"], row["Object__c"]) for row in rows}
    assert shown == {("Opportunity", DEALS), ("Lead", "ACE_Lead__c")}, "both mappings are shown in Salesforce"
    assert GONE in world.do("mapping", "check", code=1).out
    assert GONE in world.do("check", code=1).out

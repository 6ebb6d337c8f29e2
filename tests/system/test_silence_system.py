"""AWS tells nobody that a partner's exchange stands still: the worker does, on its row in Salesforce."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from system_world import AUTOMATIC, FAST, World, open_world

HOUR = 3600


def beat(world: World) -> tuple[str, str]:
    """Let the worker give a sign of life; return its status and message then."""
    before = row(world)["Heartbeat__c"]
    world.advance(61)
    world.eventually(lambda: row(world)["Heartbeat__c"] != before, "a sign of life")
    return str(row(world)["Status__c"]), str(row(world)["Message__c"] or "")


def row(world: World) -> Any:
    return world.admin.rows("SELECT Status__c, Message__c, Heartbeat__c FROM ACE_Worker__c")[0]


@pytest.mark.requirement("OPS-04")
def test_an_exchange_that_stands_still_is_told_after_the_hours_that_the_operator_set(tmp_path: Path) -> None:
    with (
        open_world(tmp_path, **AUTOMATIC, **FAST) as world,
        world.working(CONNECTOR__WORKER__QUIET_HOURS="2") as worker,
    ):
        worker.cycle()
        world.fault("partner_central", "ListOpportunities", "status", status=500, times=10_000)
        world.advance(1.5 * HOUR)
        assert "Nothing was fetched" not in beat(world)[1]
        world.advance(HOUR)
        status, message = beat(world)
        assert status == "Degraded"
        assert "Nothing was fetched from AWS for Opportunity since" in message and "quiet_hours = 2" in message
        world.sandbox.faults.clear()
        world.eventually(lambda: beat(world)[0] == "Running", lambda: str(row(world)))

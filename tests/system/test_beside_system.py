"""Going live while another integration is at work: nothing is sent before an admin says that both may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_world import AUTOMATIC, FAST, World, codes, open_world

LIVE_CATALOG = {"PC_API_Sandbox_Enabled__c": False}
MEANT = {"CONNECTOR__AWS__PARTNER_CENTRAL__ALLOW_PRODUCTION_FROM_SANDBOX": "true"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The live catalog, in which nothing was written yet."""
    with open_world(tmp_path, **AUTOMATIC, **FAST, **LIVE_CATALOG) as opened:
        yield opened


def create_at_aws(world: World, identifier: str) -> None:
    """Another program creates an opportunity in the live catalog."""
    fields = {"PartnerOpportunityIdentifier": identifier, "LifeCycle": {"ReviewStatus": "Approved"}}
    world.control("/aws/create", fields=fields, catalog="AWS")


def line(world: World) -> dict[str, Any]:
    checks = world.run("check", "--json", **MEANT).json["checks"]
    found: list[dict[str, Any]] = [one for one in checks if one["name"] == "other integrations"]
    return found[0]


def status(world: World) -> tuple[str, str]:
    [row] = world.admin.rows("SELECT Status__c, Message__c FROM ACE_Worker__c")
    return str(row["Status__c"]), str(row["Message__c"])


def test_nothing_is_sent_beside_another_integration_until_an_admin_confirms(world: World) -> None:
    for number in range(3):
        create_at_aws(world, f"CRM-{number}")
    record = world.deal()
    with world.working(**MEANT) as worker:
        worker.cycle()
        worker.cycle(61)
        assert world.proxy.writes() == []
        [told] = world.details(record)
        assert (codes([told]), told["Status__c"]) == (["WAITING"], "Pending")
        assert "Beside_Other_Integration__c" in told["Error_Message__c"] and "CRM-2" in told["Error_Message__c"]
        degraded, message = status(world)
        assert degraded == "Degraded" and "another integration" in message and "Beside_Other" in message
        assert not line(world)["ok"] and "CRM-2" in line(world)["message"]
        world.settings(Beside_Other_Integration__c=True)
        worker.cycle(301)
        worker.cycle()
        assert next(call.operation for call in world.proxy.writes()) == "CreateOpportunity"
        assert world.row(record)["ACE_APN_Unique_Identifier__c"]
        worker.cycle(61)
        assert status(world)[0] == "Running"
    confirmed = line(world)
    assert confirmed["ok"] and not confirmed["warning"] and "allows" in confirmed["message"]


def test_colleagues_and_our_own_records_hold_nothing_back(world: World) -> None:
    world.control("/aws/create", fields={"LifeCycle": {"ReviewStatus": "Approved"}}, catalog="AWS")
    create_at_aws(world, "our deal with Rail")
    create_at_aws(world, "X0007")
    record = world.deal()
    world.sync(record=record, **MEANT)
    assert world.row(record)["ACE_APN_Unique_Identifier__c"]
    (world.state_path).unlink()
    other = world.deal()
    world.sync(record=other, **MEANT)
    assert world.row(other)["ACE_APN_Unique_Identifier__c"]
    assert line(world)["message"] == "no sign of one"

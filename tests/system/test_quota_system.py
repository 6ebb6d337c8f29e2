"""A bulk share under AWS's quotas, which the sandbox enforces: nothing is refused, and people's requests go first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_proxy import Call
from system_world import AUTOMATIC, DEALS, FAST, World

from connector.sandbox.server import Sandbox
from connector.store.state import State
from connector.sync.requests import share_work

COUNT, SCALE = 40, 20
"""Records to share, and how many times AWS's own quotas the sandbox grants: enough to send for several seconds."""
MIDWAY = 50


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """New records are shared by themselves; edits wait for somebody to ask."""
    with Sandbox(tmp_path, quota_scale=SCALE) as sandbox:
        opened = World(sandbox)
        try:
            own = {"PC_API_Sandbox_Enabled__c": True, "Integration_User_Id__c": opened.user("integration")}
            opened.settings(**{**AUTOMATIC, **FAST, **own, "Update_Automatically__c": False})
            yield opened
            assert opened.proxy.violations() == []
        finally:
            opened.close()


class Midway:
    """Asks for a record while the bulk is on its way, in the middle of another record's turn."""

    def __init__(self, world: World, record: str) -> None:
        self.world, self.record, self.at = world, record, -1

    def __call__(self, stage: str, call: Call) -> None:
        writes = self.world.proxy.writes()
        if stage == "after" and call in writes and len(writes) >= MIDWAY and self.at < 0:
            self.at = len(writes)
            with State.open(self.world.state_path) as state:
                state.queue.enqueue(share_work(self.record), self.world.sandbox.clock.now())


def test_a_bulk_share_is_never_refused_and_lets_a_request_through(world: World) -> None:
    record, identifier = world.shared()
    with world.working() as worker:
        world.edit(record, Next_Step__c="Sign today")
        worker.cycle()
        assert [one["Status__c"] for one in world.details(record)][-1] == "Pending"
        world.advance(60)
        world.proxy.forget()
        midway = Midway(world, record)
        world.proxy.hook = midway
        world.control("/seed", objects=[DEALS], count=COUNT)
        world.eventually(lambda: len(submitted(world)) >= COUNT, "all to be shared", within=240)
        worker.settle()
    order = [call.concerns(identifier) for call in world.proxy.writes()]
    # A write that was on its way to AWS when the request was made is not called back.
    assert 0 < midway.at <= order.index(True) <= midway.at + 1, "the next write is the one that was asked for"
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Sign today"
    assert world.control("/requests").get("partner_central_throttled", {}) == {}
    assert {call.status for call in world.proxy.calls} == {200}


def submitted(world: World) -> list[dict[str, Any]]:
    return world.find("Review_Status__c = 'Submitted'")

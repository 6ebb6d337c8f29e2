"""How soon a worker is at work, and how soon a seller's edit reaches AWS, at default settings."""

from __future__ import annotations

import random
import statistics
import time

from tests.benchmarks.figures import Figure
from tests.benchmarks.shared import share_and_approve
from tests.benchmarks.world import World, running_world, wait_until

NAME = "latency"
EDITS = 5
SEED = 7
POLL_SECONDS = 30


def run() -> list[Figure]:
    """Start a worker on an org with one shared record and edit that record at moments unrelated to the polls."""
    with running_world(quota_scale=1) as world:
        with world.worker():
            [record_id] = share_and_approve(world, 1)
        start = time.monotonic()
        before = _polls(world)
        with world.worker():
            wait_until(lambda: _polls(world) > before)
            started = time.monotonic() - start
            chance = random.Random(SEED)
            taken = [_edit(world, record_id, number, chance) for number in range(EDITS)]
    note = f"AWS's own rates, poll every {POLL_SECONDS} s; nothing else to do"
    return [
        Figure(NAME, "start-up to the first look at Salesforce", f"{started:.1f} s", note="existing state"),
        Figure(NAME, "a seller's edit until AWS has it, median", f"{statistics.median(taken):.1f} s", note=note),
        Figure(NAME, "the slowest of them", f"{max(taken):.1f} s", note=f"{EDITS} edits at random moments"),
    ]


def _edit(world: World, record_id: str, number: int, chance: random.Random) -> float:
    time.sleep(chance.uniform(0, POLL_SECONDS))
    before, start = _updates(world), time.monotonic()
    world.seller.write("PATCH", [{"Id": record_id, "Next_Step__c": f"Step {number}"}])
    wait_until(lambda: _updates(world) > before, 4 * POLL_SECONDS)
    return time.monotonic() - start


def _polls(world: World) -> int:
    return int(world.value("select count(*) from queue where kind = 'poll' and state = 'done'") or 0)


def _updates(world: World) -> int:
    return world.requests()["partner_central"].get("UpdateOpportunity", 0)

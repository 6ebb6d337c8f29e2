"""How much of our share of AWS's rate a worker uses while it has enough to send, whether AWS ever refuses, and how soon
the first write of what a person asks for leaves in the midst of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.service.config import load_config
from connector.store.state import State
from connector.sync.requests import share_work
from tests.benchmarks.figures import Figure, at_least, at_most, say
from tests.benchmarks.world import OPPORTUNITY, World, running_world, wait_until

NAME = "quota"
COUNT = 500
SCALE = 12.0
"""One slot is then a tenth of a second, about what one record's work between two writes takes; AWS's own is 1.25 s."""
AIM = 95.0
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 300


AT_ONCE = 3.0
"""Seconds of AWS's time in which the first write of a request is to leave."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What was seen while the records went out.

    Attributes:
        writes: how many there were.
        seconds: from just before the first to the last.
        waited: from the request in the midst of it to its first write.
    """

    writes: int
    seconds: float
    waited: float


def run() -> list[Figure]:
    """Let a worker share rows that wait for it, and hold its writes against the rate that is configured."""
    with running_world(SCALE) as world:
        world.configure(
            Share_Automatically__c=True, Update_Automatically__c=False, Poll_Seconds__c=5, Sweep_Seconds__c=10
        )
        section = load_config(world.directory / "connector.toml").aws.partner_central
        with world.worker() as process:
            record = _edited_record(world)
            world.control("/seed", {"objects": [OPPORTUNITY], "count": COUNT})
            phase = _write_phase(world, record)
            busy = process.cpu_times()
        done = world.requests()
    say(f"  Partner Central, by operation: {done['partner_central']}")
    say(f"  worker's processor time: {busy.user + busy.system:.1f} s")
    throttled = sum(done.get("partner_central_throttled", {}).values())
    allowed = section.writes_per_second * section.share
    note = (
        f"sandbox at {SCALE:g} times AWS's quotas: {phase.writes:,} writes of {COUNT} shares in {phase.seconds:.1f} s, "
        f"{allowed:g} a second allowed"
    )
    used = 100 * phase.writes / (allowed * phase.seconds)
    return [
        at_least(NAME, "used of the configured share of the write rate", used, AIM, "%", note),
        at_most(NAME, "requests that AWS refused for the rate", throttled, 0, note=note),
        at_most(NAME, "from a request to its first write, in AWS's time", phase.waited * SCALE, AT_ONCE, "s", note),
    ]


def _edited_record(world: World) -> str:
    """Return a record that AWS approved and somebody edited since: the edit waits for a request."""
    world.control("/seed", {"objects": [OPPORTUNITY], "count": 1})
    wait_until(lambda: world.linked("Submitted") == 1, PATIENCE_SECONDS)
    (record,) = world.seller.ids(f"SELECT Id FROM {OPPORTUNITY}")
    world.approve([str(world.value("select apn_id from links where record_id = ?", record))])
    wait_until(lambda: world.linked("Approved") == 1, PATIENCE_SECONDS)
    world.seller.write("PATCH", [{"id": record, "Next_Step__c": "Sign today"}])
    world.wait_for_poll()
    return record


def _write_phase(world: World, record: str) -> Phase:
    """Watch the records go out, and ask for another one when half of them have."""
    before = _writes(world)
    start = end = time.monotonic()
    asked_at = left_at = 0.0
    writes = 0
    deadline = start + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        asked = time.monotonic()
        now = _writes(world) - before
        if not now:
            start = asked
        elif now > writes:
            end = asked
        writes = now
        if writes > COUNT * 3 // 2 and not asked_at:
            with State.open(world.state) as state:
                state.queue.enqueue(share_work(record), datetime.now(UTC))
            asked_at = time.monotonic()
        if asked_at and not left_at and world.requests()["partner_central"].get("UpdateOpportunity"):
            left_at = time.monotonic()
        if left_at and world.linked("Submitted") >= COUNT:
            return Phase(writes, end - start, left_at - asked_at)
        time.sleep(LOOK_SECONDS if left_at or not asked_at else 0)
    raise TimeoutError(f"{COUNT} records were not shared within {PATIENCE_SECONDS} s")


def _writes(world: World) -> int:
    counts = world.requests().get("partner_central", {})
    return sum(count for name, count in counts.items() if not name.startswith(("Get", "List")))

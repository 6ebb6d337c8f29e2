"""How much of our share of AWS's rate a worker uses while it has enough to send, and whether AWS ever refuses."""

from __future__ import annotations

import time

from connector.service.config import load_config
from tests.benchmarks.figures import Figure, at_least, at_most, say
from tests.benchmarks.world import OPPORTUNITY, World, running_world

NAME = "quota"
COUNT = 500
SCALE = 12.0
"""One slot is then a tenth of a second, about what one record's work between two writes takes; AWS's own is 1.25 s."""
AIM = 95.0
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 300


def run() -> list[Figure]:
    """Let a worker share rows that wait for it, and hold its writes against the rate that is configured."""
    with running_world(SCALE) as world:
        world.control("/seed", {"objects": [OPPORTUNITY], "count": COUNT})
        world.configure(Share_Automatically__c=True)
        section = load_config(world.directory / "connector.toml").aws.partner_central
        with world.worker() as process:
            writes, seconds = _write_phase(world)
            busy = process.cpu_times()
        done = world.requests()
    say(f"  Partner Central, by operation: {done['partner_central']}")
    say(f"  worker's processor time: {busy.user + busy.system:.1f} s")
    throttled = sum(done.get("partner_central_throttled", {}).values())
    allowed = section.writes_per_second * section.share
    note = (
        f"sandbox at {SCALE:g} times AWS's quotas: {writes:,} writes of {COUNT} shares in {seconds:.1f} s, "
        f"{allowed:g} a second allowed"
    )
    used = 100 * writes / (allowed * seconds)
    return [
        at_least(NAME, "used of the configured share of the write rate", used, AIM, "%", note),
        at_most(NAME, "requests that AWS refused for the rate", throttled, 0, note=note),
    ]


def _write_phase(world: World) -> tuple[int, float]:
    """Return how many writes there were, and the seconds from just before the first to the last."""
    start = end = time.monotonic()
    writes = 0
    deadline = start + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        asked = time.monotonic()
        now = _writes(world)
        if not now:
            start = asked
        elif now > writes:
            end = asked
        writes = now
        if writes and world.linked("Submitted") >= COUNT:
            return writes, end - start
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"{COUNT} records were not shared within {PATIENCE_SECONDS} s")


def _writes(world: World) -> int:
    counts = world.requests().get("partner_central", {})
    return sum(count for name, count in counts.items() if not name.startswith(("Get", "List")))

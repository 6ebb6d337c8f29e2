"""How many calls a thousand edits cost, in a worker that is at work already."""

from __future__ import annotations

import time

from tests.benchmarks.figures import Figure, at_most, say
from tests.benchmarks.shared import share_and_approve
from tests.benchmarks.world import World, api_calls, difference, running_world

NAME = "updates"
COUNT = 1_000
SCALE = 40.0
IDLE_SECONDS = 120
PARTNER_CENTRAL_AIM, SALESFORCE_AIM = 1_010, 15


def run() -> list[Figure]:
    """Share and approve, look at an idle worker, edit every record once, and count until nothing is left to do."""
    with running_world(SCALE) as world, world.worker():
        ids = share_and_approve(world, COUNT)
        idle = _idle_calls(world)
        world.seller.write("PATCH", [{"Id": one, "Next_Step__c": "Send the order form"} for one in ids])
        before, start = world.requests(), time.monotonic()
        ended = world.wait_until_quiet()
        done = difference(before, world.requests())
        watched = time.monotonic() - start
        return _figures(done, idle, ended - start, watched)


def _idle_calls(world: World) -> float:
    """Return the API calls a minute of a worker that has nothing to do."""
    before = world.requests()
    time.sleep(IDLE_SECONDS)
    done = difference(before, world.requests())
    calls = api_calls(done.get("salesforce", {}))
    say(f"  idle: {sum(calls.values())} Salesforce API calls in {IDLE_SECONDS} s: {calls}")
    return sum(calls.values()) * 60 / IDLE_SECONDS


def _figures(done: dict[str, dict[str, int]], idle: float, seconds: float, watched: float) -> list[Figure]:
    partner_central, salesforce = done.get("partner_central", {}), api_calls(done.get("salesforce", {}))
    say(f"  Partner Central, by operation: {partner_central}")
    say(f"  Salesforce API calls, by operation: {salesforce}")
    say(f"  all requests to Salesforce, parts of composite requests included: {done.get('salesforce', {})}")
    note = f"sandbox at {SCALE:g} times AWS's quotas; {seconds:.0f} s until done, {watched:.0f} s watched"
    reads = sum(count for name, count in partner_central.items() if name == "GetOpportunity")
    total, anyway = sum(salesforce.values()), idle * watched / 60
    return [
        at_most(NAME, f"Partner Central calls for {COUNT:,} edits", sum(partner_central.values()), PARTNER_CENTRAL_AIM,
                note=note),
        at_most(NAME, "GetOpportunity calls among them", reads, 0, note=note),
        at_most(NAME, f"Salesforce API calls because of {COUNT:,} edits", round(total - anyway), SALESFORCE_AIM,
                note=f"all {total} but the {anyway:.1f} that an idle worker makes in the time; {note}"),
        Figure(NAME, "Salesforce API calls of an idle worker", f"{idle:g} a minute", note="default intervals"),
    ]  # fmt: skip

"""Set-up that several benchmarks need: opportunities that are shared, approved and settled on both sides."""

from __future__ import annotations

from tests.benchmarks.figures import say
from tests.benchmarks.world import OPPORTUNITY, World, wait_until

QUICK_SWEEP, USUAL_SWEEP = 10, 300
FLAGGED = f"SELECT Id FROM {OPPORTUNITY} WHERE ACE_Sync_with_AWS__c = true"


def share_and_approve(world: World, count: int) -> list[str]:
    """Seed opportunities and let the running worker share them, AWS approve them and the worker see it.

    Return the Salesforce ids. Afterwards nothing is left to do and the sweep over AWS is back at its usual interval.
    """
    say(f"  set-up: sharing {count} opportunities and approving them …")
    world.control("/seed", {"objects": [OPPORTUNITY], "count": count})
    world.configure(Share_Automatically__c=True, Update_Automatically__c=True, Sweep_Seconds__c=QUICK_SWEEP)
    wait_until(lambda: world.linked("Submitted") >= count, 900)
    world.approve(apn_ids(world))
    wait_until(lambda: world.linked("Approved") >= count, 900)
    world.configure(Sweep_Seconds__c=USUAL_SWEEP)
    world.wait_until_quiet()
    return world.seller.ids(FLAGGED)


def apn_ids(world: World) -> list[str]:
    """Return the AWS ids of all shared records, as the worker knows them."""
    joined = world.value("select group_concat(apn_id) from links where apn_id is not null")
    return str(joined).split(",") if joined else []

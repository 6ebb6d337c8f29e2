"""Ten thousand records each way through the ACE bucket, with the worker killed in between."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import psutil
from botocore.config import Config

from connector.sandbox.seed import make_row
from tests.benchmarks.figures import Figure, at_most, say
from tests.benchmarks.memory import watched
from tests.benchmarks.world import BATCH, OPPORTUNITY, Person, World, running_world, wait_until

NAME = "files"
RECORDS = 10_000
KILLS = 6
SCALE = 40.0
AIM_MEMORY = 300.0
PATIENCE_SECONDS = 7_200
APN = "ACE_APN_Unique_Identifier__c"
SCHEDULES = "ACE_Schedule__c"
PLACE = {"Country__c": "US", "State_or_Region__c": "Washington", "City__c": "Seattle", "Postal_Code__c": "98101"}
"""Files take a state in the United States only."""


def run() -> list[Figure]:
    """Send ten thousand deals as files and take ten thousand of AWS's in; kill the worker again and again."""
    with running_world(SCALE, exchange=True) as world:
        _enroll(world)
        say(f"  set-up: {RECORDS:,} deals, and {RECORDS:,} opportunities at AWS …")
        deals = _deals(world)
        world.control("/seed", {"objects": ["PartnerCentralOpportunity"], "count": RECORDS})
        world.control("/exchange/export", {})
        largest = max(_sizes(world, "opportunity-outbound"))
        _schedule(world)
        start = time.monotonic()
        peak = 0.0
        for number in range(KILLS):
            with _until_killed(world) as process, watched(process) as memory:
                target = RECORDS * 2 * (number + 1) // (KILLS + 2)
                wait_until(lambda target=target: _come_to(world, target), PATIENCE_SECONDS)  # type: ignore[misc]
            peak = max(peak, memory.largest)
            say(f"  killed with {_linked(world):,} records linked")
        with world.worker() as process, watched(process) as memory:
            wait_until(lambda: _is_whole(world), PATIENCE_SECONDS)
            seconds = time.monotonic() - start
        peak = max(peak, memory.largest)
        _check(world, deals)
    note = f"{RECORDS:,} records each way, the worker killed {KILLS} times; files from AWS up to {largest / 1e6:.1f} MB"
    return [
        at_most(NAME, "resident memory at its peak", round(peak, 1), AIM_MEMORY, "MiB", note),
        Figure(NAME, "both sides agreed after", f"{seconds:.0f} s", note=note),
        Figure(NAME, "records a second, both ways", f"{RECORDS * 2 / seconds:.1f}", note=note),
    ]


def _enroll(world: World) -> None:
    world.control("/exchange/enroll", {})
    world.configure(Opportunities_over_S3__c=True)


def _deals(world: World) -> list[str]:
    now, written = datetime.now(UTC), []
    for start in range(0, RECORDS, BATCH):
        rows = [make_row(start + number, now) | PLACE for number in range(BATCH)]
        written += world.seller.write("POST", rows)
    return written


def _schedule(world: World) -> None:
    """Let a schedule run every five minutes, which the worker takes up when it starts."""
    person = Person(world.launch["salesforce"], "integration")
    names = world.launch["s3"]
    row = {"Object__c": "Opportunity", "Interval_Minutes__c": 5, "Active__c": True}
    created = person.ask("POST", f"sobjects/{SCHEDULES}/", row)
    say(f"  schedule {created['id']}, bucket {names['bucket']}")
    # What lies in the bucket has to be confirmed once: the refused schedule is activated again.
    with world.worker():
        wait_until(lambda: not _is_active(world, created["id"]) or _linked(world) > 0)
        if not _is_active(world, created["id"]):
            person.ask("PATCH", f"sobjects/{SCHEDULES}/{created['id']}", {"Active__c": True})
            wait_until(lambda: _linked(world) > 0)


def _is_active(world: World, schedule: str) -> bool:
    return bool(world.admin.ids(f"SELECT Id FROM {SCHEDULES} WHERE Id = '{schedule}' AND Active__c = true"))


@contextmanager
def _until_killed(world: World) -> Iterator[psutil.Process]:
    """Run the worker; at the end it is killed, wherever it is."""
    try:
        with world.worker() as process:
            yield process
            process.kill()
            process.wait()
    except RuntimeError as error:
        if "ended with code" not in str(error):
            raise


def _linked(world: World) -> int:
    return int(world.value("select count(*) from links where apn_id is not null") or 0)


def _come_to(world: World, target: int) -> bool:
    """Whether so many records are linked. As long as they are not and the worker has nothing left to do, time passes:
    not beyond that, or the looks that come round again take all of its time.
    """
    if _linked(world) >= target:
        return True
    if world.unfinished() == 0:
        world.control("/clock", {"advance_seconds": 60})
        time.sleep(1)
    return False


def _is_whole(world: World) -> bool:
    if not _come_to(world, RECORDS * 2):
        return False
    return not _sizes(world, "opportunity-outbound") and world.unfinished() == 0


def _s3(world: World) -> Any:
    keys = world.launch["aws"]
    return boto3.client(
        "s3",
        region_name="us-west-2",
        endpoint_url=world.launch["s3"]["endpoint_url"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        config=Config(proxies={}),
    )


def _sizes(world: World, folder: str) -> list[int]:
    return [size for key, size in _objects(world, folder) if not key.endswith("/")]


def _objects(world: World, folder: str) -> Iterator[tuple[str, int]]:
    pages = _s3(world).get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=world.launch["s3"]["bucket"], Prefix=f"{folder}/"):
        for one in page.get("Contents", ()):
            yield one["Key"], one["Size"]


def _check(world: World, deals: list[str]) -> None:
    """Every record is there once on both sides, and in one file. Raises RuntimeError where not."""
    rows = world.admin.ids(f"SELECT Id FROM {OPPORTUNITY} WHERE {APN} != null")
    sent = Counter(
        entry["partnerCrmUniqueIdentifier"] for entry in _sent(world) if not entry.get("apnCrmUniqueIdentifier")
    )
    wrong = {
        "rows with an identifier": len(rows) - 2 * RECORDS,
        "rows at all": len(world.admin.ids(f"SELECT Id FROM {OPPORTUNITY}")) - 2 * RECORDS,
        "records in two files": sum(count > 1 for count in sent.values()),
        "deals that were not sent": len(set(deals) - set(sent)),
    }
    if any(wrong.values()):
        raise RuntimeError(f"the sides do not agree: {wrong}")


def _sent(world: World) -> Iterator[dict[str, Any]]:
    client = _s3(world)
    for key, _ in _objects(world, "opportunity-inbound-archive"):
        if not key.endswith("/"):
            body = client.get_object(Bucket=world.launch["s3"]["bucket"], Key=key)["Body"].read()
            yield from json.loads(body)["opportunities"]

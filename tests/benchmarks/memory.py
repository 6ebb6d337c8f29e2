"""How much memory a worker takes in an org with many opportunities."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psutil

from connector.mapping.outbound import snapshot
from connector.sandbox.seed import make_row
from connector.service.config import load_config
from connector.service.runtime import Runtime
from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.ports import Row
from tests.benchmarks.figures import Figure, at_most, say
from tests.benchmarks.shared import apn_ids, share_and_approve
from tests.benchmarks.world import BATCH, OPPORTUNITY, Person, World, running_world, wait_until

NAME = "memory"
ROWS = 100_000
CHANGED = 1_000
SCALE = 40.0
AIM = 200.0
MEBIBYTE = 2**20
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 1_800
FIRST_COPY = 5_000_000
"""Number of the first AWS identifier that belongs to a copied record."""


@dataclass(slots=True)
class Peak:
    """The largest resident set of a process while it is watched, in MiB, and the last one seen."""

    process: psutil.Process
    largest: float = 0.0
    last: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look every tenth of a second until told to end or the process is gone."""
        while not self.ended.wait(LOOK_SECONDS):
            try:
                self.last = self.process.memory_info().rss / MEBIBYTE
            except psutil.NoSuchProcess:
                return
            self.largest = max(self.largest, self.last)


def run() -> list[Figure]:
    """Share some records, copy them into a large synced org, and watch a worker look at all and send what changed."""
    with running_world(SCALE) as world:
        with world.worker():
            changing = share_and_approve(world, CHANGED)
        started = time.monotonic()
        _grow(world, ROWS - CHANGED)
        say(f"  {ROWS:,} records are there after {time.monotonic() - started:.0f} s more")
        with world.worker() as process, watched(process) as peak:
            seconds = _wait_for_due_sweep(world)
            after_sweep = peak.largest
            world.seller.write("PATCH", [{"Id": one, "Next_Step__c": "Send the order form"} for one in changing])
            world.wait_until_quiet(PATIENCE_SECONDS)
            sent = world.requests()["partner_central"].get("UpdateOpportunity", 0)
    if sent < CHANGED:
        raise RuntimeError(f"only {sent} of {CHANGED} edits were sent")
    note = f"{ROWS:,} flagged and synced records, {CHANGED:,} edited; sandbox at {SCALE:g} times AWS's quotas"
    return [
        at_most(NAME, "resident memory at its peak", round(peak.largest, 1), AIM, "MiB", note),
        Figure(NAME, "of it, after the look over all records", f"{after_sweep:.1f} MiB"),
        Figure(NAME, "the look over all flagged records took", f"{seconds:.0f} s", note="hourly by default"),
    ]


@contextmanager
def watched(process: psutil.Process) -> Iterator[Peak]:
    """Watch the memory of a process."""
    peak = Peak(process)
    thread = threading.Thread(target=peak.watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.ended.set()
        thread.join()


def _wait_for_due_sweep(world: World) -> float:
    """Wait until the worker, just started, has looked at all flagged records; return the seconds that it took."""
    start = time.monotonic()
    started = datetime.now(UTC).isoformat()
    done = "select count(*) from queue where kind = 'due-sweep' and state = 'done' and created_at > ?"
    wait_until(lambda: world.value(done, started) > 0, PATIENCE_SECONDS)
    return time.monotonic() - start


def _grow(world: World, count: int) -> None:
    """Add records that are flagged and carry an AWS identifier, and what the state would know of each had it been
    synced: a copy of what it knows of a record that was.
    """
    example_id = apn_ids(world)[0]
    integration = Person(world.launch["salesforce"], "integration")
    now = datetime.now(UTC)
    synced = {"ACE_Last_Sync_Date__c": now.isoformat(timespec="seconds")}
    for start in range(0, count, BATCH):
        numbers = range(FIRST_COPY + start, FIRST_COPY + min(start + BATCH, count))
        rows = [{**make_row(n, now), **synced, "ACE_APN_Unique_Identifier__c": f"O{n}"} for n in numbers]
        integration.write("POST", rows)
    with Runtime.open(load_config(world.directory / "connector.toml"), exclusive=True) as runtime:
        engine = runtime.engine()
        example = engine.state.links.by_apn(example_id)
        assert example is not None, "the identifier came from the state"
        for page in _pages(engine):
            _link(engine, example, page)


def _pages(engine: Engine) -> Iterator[Sequence[Row]]:
    yield from engine.salesforce.changed(
        OPPORTUNITY, engine.row_fields(), since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC)
    )


def _link(engine: Engine, example: Link, rows: Sequence[Row]) -> None:
    with engine.state.transaction():
        for row in rows:
            if engine.state.links.get(row["Id"]) is None:
                engine.state.links.save(_copy(engine, example, row))


def _copy(engine: Engine, example: Link, row: Mapping[str, Any]) -> Link:
    apn_id = row["ACE_APN_Unique_Identifier__c"]
    return replace(
        example,
        record_id=row["Id"],
        apn_id=apn_id,
        row=dict(row),
        seen=snapshot(engine.mapping, row),
        modstamp=row["SystemModstamp"],
        aws={**(example.aws or {}), "Id": apn_id},
        summarised_at=engine.now().isoformat(),
    )

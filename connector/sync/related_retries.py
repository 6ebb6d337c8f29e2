"""Values that Salesforce refused for a related record: offered again, and told until they have arrived.

A rule that was relaxed moves no date, so that nobody would notice. They are offered again as often as any refused
record is tried by itself (the admins' Retry Count), at growing intervals, behind everything else.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from connector.store.links import Link
from connector.store.queue import Work
from connector.sync import logs
from connector.sync.engine import Engine, Priority
from connector.sync.queueing import INBOUND, READ_LANE

FIRST_PAUSE = timedelta(minutes=15)


def offer_again(engine: Engine, link: Link, ace_fields: Collection[str]) -> None:
    """Queue another look at the opportunity, unless the values were refused as often as they are tried.

    Args:
        ace_fields: the fields of which a value was refused just now.
    """
    found = (one.count for one in engine.state.problems.open_for(link.record_id) if one.field in ace_fields)
    refusals = max(found, default=1)
    if link.apn_id is None or refusals > engine.settings.retry_count:
        return
    work = Work(
        kind=INBOUND,
        key=link.record_id,
        lane=READ_LANE,
        priority=Priority.BACKFILL,
        payload={"apn_id": link.apn_id, "run": "", "fresh": True},
        dedup=f"{INBOUND}:{link.apn_id}",
    )
    now = engine.now()
    engine.state.queue.enqueue(work, now, at=now + FIRST_PAUSE * 2 ** (refusals - 1))


def refusals(engine: Engine, record_id: str, ace_fields: Collection[str]) -> frozenset[tuple[str, str]]:
    """Return the open reasons, by code and field, why values of these fields are not in Salesforce."""
    known = engine.state.problems.open_for(record_id)
    return frozenset((one.code, one.field) for one in known if one.field in ace_fields)


def close_refusals(engine: Engine, link: Link, ace_fields: Collection[str]) -> None:
    """The values of these fields have arrived: what was told of them is over."""
    over = refusals(engine, link.record_id, ace_fields)
    if over:
        known = engine.state.runs.of_record(link.record_id, logs.FROM_AWS)
        run_id = known or logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
        others = engine.state.problems.open_for(link.record_id)
        logs.resolve(engine, link.record_id, run_id, keep={(one.code, one.field) for one in others} - over)

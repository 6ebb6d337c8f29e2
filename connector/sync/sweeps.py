"""What changed at AWS? Events are hints; these two walks are the guarantee.

The first asks for opportunities by LastModifiedDate, in windows that overlap. The second turns slowly through the open
opportunities and asks for AWS's summary, because AWS's stage, team and score may change without moving a date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.eligibility.rules import is_dummy_identifier
from connector.errors import ConnectorError, RecordGone, RecordRejected
from connector.store.links import Link
from connector.sync import logs
from connector.sync.adoption import adopt_page
from connector.sync.create import ADOPTED
from connector.sync.engine import Engine, Priority
from connector.sync.ports import Json
from connector.sync.queueing import enqueue_inbound

OVERLAP = timedelta(minutes=5)
WALKS = 3
"""How often a walk of several pages is repeated at most: a record that moves during the walk shifts the pages behind
it.
"""
_CURSOR = "aws:modified"


def sweep_modified(engine: Engine) -> int:
    """Queue every opportunity that changed at AWS since the last sweep; return how many.

    The first sweep of a new state looks at everything and links what is ours, before anything may be created.
    """
    if engine.state.meta.get(ADOPTED) is None:
        logs.adopt_reasons(engine)
    files = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_FILES)
    records = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS, parent=files)
    try:
        queued, skipped = _walk_until_quiet(engine, records)
    except ConnectorError as error:
        logs.log_call(engine, files, error=str(error))
        raise
    logs.log_call(engine, files, note=_skipped(skipped))
    return queued


def _skipped(count: int) -> str:
    return f"{count} skipped: historical data, with a partner identifier such as X0001." if count else ""


def compare_anew(engine: Engine) -> None:
    """Let the next sweep look at everything, and nothing be created before: the state does not know what happened."""
    with engine.state.transaction():
        engine.state.meta.delete(ADOPTED)
        engine.state.cursors.delete(_CURSOR)


def _walk_until_quiet(engine: Engine, run_id: str) -> tuple[int, int]:
    """Return how many opportunities were queued, and how many were left out as historical data."""
    cursor = engine.state.cursors.get(_CURSOR)
    after = datetime.fromisoformat(cursor) - OVERLAP if cursor else None
    found: dict[str, str] = {}
    skipped = set[str]()
    latest = cursor or ""
    for _ in range(WALKS):
        pages, fresh, newest = _walk(engine, after, found, skipped, run_id)
        latest = max(latest, newest)
        if pages < 2 or not fresh:
            break
    with engine.state.transaction():
        if latest:
            engine.state.cursors.set(_CURSOR, latest)
        engine.state.meta.set(ADOPTED, engine.now().isoformat())
    return len(found), len(skipped)


def _walk(
    engine: Engine, after: datetime | None, found: dict[str, str], skipped: set[str], run_id: str
) -> tuple[int, int, str]:
    pages, fresh, newest = 0, 0, ""
    first = engine.state.meta.get(ADOPTED) is None
    for page in engine.partner_central.list_opportunities(modified_after=after):
        pages += 1
        newest = max([newest, *(str(summary["LastModifiedDate"]) for summary in page)])
        # Not only at first: a state that was restored from a copy knows nothing of what was shared since.
        adopt_page(engine, page)
        moved = [one for one in page if found.get(one["Id"]) != one["LastModifiedDate"] and _is_news(engine, one)]
        historical = {one["Id"] for one in moved if is_dummy_identifier(one.get("PartnerOpportunityIdentifier") or "")}
        moved = [one for one in moved if one["Id"] not in historical]
        skipped |= historical
        with engine.state.transaction():
            for summary in moved:
                found[summary["Id"]] = summary["LastModifiedDate"]
                enqueue_inbound(
                    engine, summary["Id"], run_id, priority=Priority.BACKFILL if first else Priority.INBOUND
                )
        fresh += len(moved)
    return pages, fresh, newest


def _is_news(engine: Engine, summary: Json) -> bool:
    """Whether the opportunity looks different from when we last saw it; our own writes are known already."""
    link = engine.state.links.by_apn(summary["Id"])
    return link is None or (link.status != "tombstone" and link.aws_modified != summary["LastModifiedDate"])


def sweep_summaries(engine: Engine, budget: int, older_than: timedelta) -> int:
    """Ask for AWS's view of up to ``budget`` open opportunities, longest unasked first; queue those that changed."""
    now, run_id, changed = engine.now(), "", 0
    for link in engine.state.links.summary_rotation(budget, (now - older_than).isoformat()):
        different = _looks_different(engine, link)
        # What was found is queued with the mark that it was asked for: an interruption loses neither.
        with engine.state.transaction():
            engine.state.links.summarised(link.record_id, now.isoformat())
            if different and link.apn_id:
                run_id = run_id or logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
                enqueue_inbound(engine, link.apn_id, run_id)
                changed += 1
    return changed


def _looks_different(engine: Engine, link: Link) -> bool:
    try:
        summary = engine.partner_central.get_aws_opportunity_summary(link.apn_id or "")
    except (RecordGone, RecordRejected):
        return False
    return not same_view(link.summary or {}, summary)


def same_view(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two summaries say the same; AWS gives them no date."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)

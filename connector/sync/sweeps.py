"""What changed at AWS? Events are hints; these two walks are the guarantee.

The first asks for opportunities by LastModifiedDate, from where the last walk came to, with an overlap. The second
turns slowly through the open opportunities and asks for AWS's summary, because AWS's stage, team and score may change
without moving a date.

A walk of several pages must not lose what others change meanwhile: an opportunity that is modified moves to the end,
and all behind it move up by one, over the edge of a page that was read already. So every page is the first of a
question of its own, which begins with the date of the last one that was met. Such a walk may also be left and taken up
anywhere, which is why its place is kept with each page: a refusal in its midst, or a worker that is killed, costs one
page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.eligibility.rules import is_dummy_identifier
from connector.errors import ConnectorError, RecordGone, RecordRejected, Refused
from connector.store.links import Link
from connector.sync import logs
from connector.sync.adoption import adopt_page
from connector.sync.create import ADOPTED
from connector.sync.engine import Engine, Priority
from connector.sync.exchange.recollection import recall_anew
from connector.sync.other_integrations import note_page
from connector.sync.ports import Json
from connector.sync.queueing import enqueue_inbound

OVERLAP = timedelta(minutes=5)
"""How far a walk reaches back behind the last one: a change may be listed later than its date says."""
STEP_BACK = timedelta(seconds=1)
"""How far a question reaches back behind the last date that was met. Several opportunities may share it, the bound goes
over the wire in whole seconds, and whether it is part of the window AWS says both ways.
"""
_CURSOR = "aws:modified"
_PLACE = "aws:modified:place"
_MET = "aws:modified:met"
"""What was queued of the last minutes of the list, which the next walk meets again."""
_LINK_PLACE = "aws:linked:place"
_ONLY_LINKED = "aws:only-linked"
"""Kept while the look over everything has linked what is ours and brought nothing in."""
BACKFILL_PLACE = "backfill"
"""Where a backfill that was cut off is to go on."""


def walk_modified(engine: Engine, after: datetime | None = None) -> Iterator[list[Json]]:
    """Yield pages of summaries in the order of LastModifiedDate, none of them empty; every opportunity is met that was
    modified since then, also one that is modified during the walk. Some are met twice.

    Only where more than a page of them share a second, AWS's own page tokens are followed: an opportunity of that
    second may then be passed over if another one of it changes just then. The daily comparison finds it.
    """
    pages = filter(None, engine.partner_central.list_opportunities(modified_after=after))
    first = next(pages, None)
    if first is None:
        return
    yield first
    if next(pages, None) is None:
        return
    # More than one page: the second one is asked for anew, from where the first one ended.
    place, moved = _furthest(after, first), True
    while moved:
        moved = False
        for page in filter(None, engine.partner_central.list_opportunities(modified_after=place)):
            yield page
            further = _furthest(place, page)
            if further != place:
                place, moved = further, True
                break


def _furthest(place: datetime | None, page: list[Json]) -> datetime | None:
    """Return where the question behind a page begins. More opportunities of one second than fit on a page do not move
    it: those are paged through by AWS's token.
    """
    if not page:
        return place
    behind = place_behind(datetime.fromisoformat(str(page[-1]["LastModifiedDate"])))
    return behind if place is None else max(place, behind)


def place_behind(moment: datetime) -> datetime:
    """Return what is to be asked for to be given everything from that moment on."""
    return moment.replace(microsecond=0) - STEP_BACK


def sweep_modified(engine: Engine, *, at_most: int | None = None) -> int:
    """Queue every opportunity that changed at AWS since the last sweep; return how many.

    The first sweep of a new state looks at everything and links what is ours, before anything may be created. With
    ``at_most`` the walk is left after about so many opportunities, and the next one goes on from there, so that other
    work gets its turn in between. :func:`modified_sweep_is_unfinished` tells. Such a sweep, which nobody asked for,
    leaves alone what did not change since it could not be brought in for a reason that is told.

    Raises:
        Refused: it would be the first one, and a backfill that chooses was cut off: all would be imported.
    """
    if is_first(engine):
        refuse_beside_backfill(engine)
        logs.adopt_reasons(engine)
    files = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_FILES)
    records = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS, parent=files)
    try:
        queued, skipped = _sweep(engine, records, at_most)
    except ConnectorError as error:
        logs.log_call(engine, files, error=str(error))
        raise
    logs.log_call(engine, files, note=_skipped(skipped))
    return queued


def is_first(engine: Engine) -> bool:
    """Whether the next sweep is the first one that brings in what exists at AWS."""
    return engine.state.meta.get(ADOPTED) is None or engine.state.meta.get(_ONLY_LINKED) is not None


def link_existing(engine: Engine, *, at_most: int | None = None) -> None:
    """Link what is ours of everything that exists at AWS, and bring nothing in: where inbound integration is disabled,
    nothing could be created without this look. What it met is left to the first sweep after inbound is enabled again.

    With ``at_most`` it is left after about so many opportunities, as :func:`sweep_modified` is.

    Raises:
        Refused: a backfill was cut off, which would have told what else may be ours.
    """
    refuse_beside_backfill(engine)
    logs.adopt_reasons(engine)
    text, looked = engine.state.cursors.get(_LINK_PLACE), 0
    begin = datetime.fromisoformat(text) if text else None
    for page in walk_modified(engine, begin):
        adopt_page(engine, page)
        note_page(engine, page)
        place, looked = _furthest(None, page), looked + len(page)
        engine.state.cursors.set(_LINK_PLACE, place.isoformat() if place else "")
        if at_most and looked >= at_most and place != begin:
            return
    with engine.state.transaction():
        engine.state.cursors.delete(_LINK_PLACE)
        engine.state.meta.set(_ONLY_LINKED, engine.now().isoformat())
        engine.state.meta.set(ADOPTED, engine.now().isoformat())


def refuse_beside_backfill(engine: Engine) -> None:
    """Raise Refused where a backfill was cut off: only its end tells what else may be ours, and what is left out."""
    if engine.state.cursors.get(BACKFILL_PLACE) is not None:
        raise Refused(
            "A backfill was cut off before it had looked through all that exists in Partner Central. Run "
            "`connector backfill` again with the same options to finish it, or with --restart to begin anew."
        )


def modified_sweep_is_unfinished(engine: Engine) -> bool:
    """Whether the last walk was left, or cut off, before its end."""
    return any(engine.state.cursors.get(name) is not None for name in (_PLACE, _LINK_PLACE))


def _skipped(count: int) -> str:
    return f"{count} skipped: historical data, with a partner identifier such as X0001." if count else ""


def compare_anew(engine: Engine) -> None:
    """Let the next sweep look at everything, and nothing be created before: the state does not know what happened."""
    with engine.state.transaction():
        engine.state.meta.delete(ADOPTED)
        engine.state.meta.delete(_ONLY_LINKED)
        recall_anew(engine)
        engine.state.cursors.delete(_CURSOR)
        for name in (_PLACE, _LINK_PLACE, _MET):
            engine.state.cursors.delete(name)


def _sweep(engine: Engine, run_id: str, at_most: int | None) -> tuple[int, int]:
    """Return how many opportunities were queued, and how many were left out as historical data."""
    begin, latest = _begin(engine), ""
    found: dict[str, str] = {}
    skipped = set[str]()
    told = _told(engine) if at_most else {}
    recent: dict[str, str] = {}
    looked = queued = 0
    for page in walk_modified(engine, begin):
        # Not only at first: a state that was restored from a copy knows nothing of what was shared since.
        adopt_page(engine, page)
        note_page(engine, page)
        recent |= {one["Id"]: one["LastModifiedDate"] for one in page if is_news(engine, one)}
        queued += _take(engine, page, {**told, **found}, skipped, run_id)
        found = {one["Id"]: one["LastModifiedDate"] for one in page}
        latest, looked = later(engine, latest, page), looked + len(page)
        place = _furthest(begin, page)
        if at_most and looked >= at_most and place != begin:
            return queued, len(skipped)
    _keep_met(engine, recent, latest)
    finish_walk(engine, latest)
    return queued, len(skipped)


def _told(engine: Engine) -> dict[str, str]:
    """Return what was queued before and could not be brought in, for reasons that are open, with its dates."""
    met: dict[str, str] = json.loads(engine.state.cursors.get(_MET) or "{}")
    return {apn_id: date for apn_id, date in met.items() if _has_reason(engine, apn_id)}


def _has_reason(engine: Engine, apn_id: str) -> bool:
    link = engine.state.links.by_apn(apn_id)
    reasons = engine.state.problems.open_for(link.record_id if link else apn_id)
    return any(logs.is_inward(one.log_key) for one in reasons)


def _keep_met(engine: Engine, recent: Mapping[str, str], latest: str) -> None:
    """Remember what the next walk meets again, since it reaches back."""
    begin = place_behind(datetime.fromisoformat(latest)) - OVERLAP if latest else engine.now()
    kept = {apn_id: date for apn_id, date in recent.items() if datetime.fromisoformat(date) >= begin}
    engine.state.cursors.set(_MET, json.dumps(kept))


def _begin(engine: Engine) -> datetime | None:
    place, cursor = engine.state.cursors.get(_PLACE), engine.state.cursors.get(_CURSOR)
    if place is not None:
        return datetime.fromisoformat(place)
    return min(datetime.fromisoformat(cursor), engine.now()) - OVERLAP if cursor else None


def later(engine: Engine, latest: str, page: list[Json]) -> str:
    """Return the latest date that was met so far. One that lies ahead of our clock does not count: if the next walk
    began there, what changes until then would not be found.
    """
    now = engine.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return max([latest, *(date for one in page if (date := str(one["LastModifiedDate"])) <= now)])


def finish_walk(engine: Engine, latest: str) -> None:
    """The walk came to its end: what is ours is linked, and the next one begins with the latest date of this one."""
    with engine.state.transaction():
        if latest:
            engine.state.cursors.set(_CURSOR, latest)
        engine.state.cursors.delete(_PLACE)
        engine.state.cursors.delete(_LINK_PLACE)
        engine.state.meta.delete(_ONLY_LINKED)
        if engine.state.meta.get(ADOPTED) is None:
            engine.state.meta.set(ADOPTED, engine.now().isoformat())


def _take(engine: Engine, page: list[Json], found: Mapping[str, str], skipped: set[str], run_id: str) -> int:
    """Queue what is new of a page, and keep the walk's place with it; return how many were queued."""
    first = is_first(engine)
    moved = [one for one in page if found.get(one["Id"]) != one["LastModifiedDate"] and is_news(engine, one)]
    historical = {one["Id"] for one in moved if is_historical(one)}
    skipped |= historical
    moved = [one for one in moved if one["Id"] not in historical]
    priority = Priority.BACKFILL if first else Priority.INBOUND
    with engine.state.transaction():
        for summary in moved:
            enqueue_inbound(engine, summary["Id"], run_id, priority=priority)
        place = _furthest(None, page)
        engine.state.cursors.set(_PLACE, place.isoformat() if place else "")
    return len(moved)


def is_historical(summary: Json) -> bool:
    """Whether the opportunity is historical data, marked so by its partner identifier, which is never processed."""
    return is_dummy_identifier(str(summary.get("PartnerOpportunityIdentifier") or ""))


def is_news(engine: Engine, summary: Json) -> bool:
    """Whether the opportunity looks different from when we last saw it; our own writes are known already."""
    link = engine.state.links.by_apn(summary["Id"])
    if link is None:
        return not engine.state.backfills.is_left_out(summary["Id"], summary["LastModifiedDate"])
    return link.status != "tombstone" and link.aws_modified != summary["LastModifiedDate"]


def sweep_summaries(engine: Engine, budget: int, older_than: timedelta) -> int:
    """Ask for AWS's view of up to ``budget`` open opportunities, longest unasked first; queue those that changed. What
    a person asked for goes first: the rotation goes on from there the next time.
    """
    now, run_id, changed = engine.now(), "", 0
    for link in engine.state.links.summary_rotation(budget, (now - older_than).isoformat()):
        if engine.state.queue.is_due(Priority.REQUEST, engine.now()):
            break
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

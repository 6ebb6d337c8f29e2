"""How the work that a request began has ended, as far as the state knows."""

from __future__ import annotations

from dataclasses import dataclass

from connector.ace import lifecycle
from connector.store.links import Link
from connector.store.queue import Item
from connector.sync import logs, queueing
from connector.sync.engine import TYPE, Engine
from connector.sync.exchange.conversion import is_converted

DONE, FAILED, UNKNOWN = "Done", "Failed", "Unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request ends with: one of the three states above, and what people read."""

    status: str
    message: str


def outcome(engine: Engine, item: Item) -> Answer | None:
    """Return how the turn that an answer waits for has ended, None while it has not."""
    turn = engine.state.queue.get(int(item.payload["turn"]))
    if turn is None:
        return Answer(UNKNOWN, "What became of it is not known any more. Please check the record, then ask again.")
    match turn.state:
        case "failed":
            return Answer(FAILED, turn.reason)
        case "held":
            return _held(engine, turn)
        case "done" if turn.reason == "cancelled":
            return Answer(FAILED, "An operator cancelled it.")
        case "done" if not _goes_on(engine, item, turn):
            return _ended(engine, turn)
        case _:
            return None


def _goes_on(engine: Engine, item: Item, turn: Item) -> bool:
    """Whether a further turn of the record belongs to it, what it brought still waits to be written, or what it sent
    waits for a file or for AWS's result.
    """
    record_id = str(item.payload["record"])
    if engine.state.writebacks.waits_for(record_id):
        return True
    if engine.state.entries.of_record(record_id) or engine.state.uploads.of_record(record_id):
        return True
    kinds = {queueing.OUTBOUND, turn.kind}
    items = engine.state.queue.list(key=record_id, limit=1000)
    return any(one.id > turn.id and one.kind in kinds and one.state in ("waiting", "leased") for one in items)


def _held(engine: Engine, turn: Item) -> Answer:
    link = engine.state.links.get(turn.key)
    if link is not None and lifecycle.locked(link.review_status):
        return Answer(DONE, f"It waits: {turn.reason}")
    return Answer(FAILED, turn.reason)


def _ended(engine: Engine, turn: Item) -> Answer:
    """Tell the end of a turn by the outcome of the record in the turn's run."""
    link = _link(engine, turn)
    if link is None or link.status == "tombstone":
        return Answer(FAILED, "The Salesforce record was deleted. AWS keeps its opportunity, if it has one.")
    ended = _outcome_in_run(engine, turn, link)
    if ended == "error":
        return Answer(FAILED, f"Not everything arrived: {_open_reasons(engine, link)}.")
    if turn.kind == queueing.INBOUND:
        return Answer(DONE, f"Salesforce shows what AWS has for {link.apn_id}.{_left(engine, link)}")
    if ended is None and is_converted(link.row):
        return Answer(FAILED, "Nothing was sent: the lead was converted meanwhile. Share the opportunity instead.")
    if ended is None:
        return Answer(FAILED, "Nothing was sent: the record is not flagged for AWS any more.")
    return Answer(DONE, f"AWS has the record as {link.apn_id}.{_left(engine, link)}")


def _outcome_in_run(engine: Engine, turn: Item, link: Link) -> str | None:
    """Return what became of the record in the turn's run, or in that of the file which took it up."""
    run_id = str(turn.payload.get("run") or "")
    ended = engine.state.runs.outcome(run_id, link.record_id)
    by_file = turn.payload.get(TYPE) == "lead" or engine.channel == "files"
    if ended not in (None, "waiting") or not by_file:
        return ended
    latest = engine.state.runs.of_record(link.record_id, logs.TO_AWS) or ""
    # The ids begin with the direction and the time at which the run began.
    return engine.state.runs.outcome(latest, link.record_id) if latest.rpartition("-")[0] >= run_id[:19] else None


def _link(engine: Engine, turn: Item) -> Link | None:
    apn_id = turn.payload.get("apn_id")
    return engine.state.links.get(turn.key) or (engine.state.links.by_apn(str(apn_id)) if apn_id else None)


def _left(engine: Engine, link: Link) -> str:
    return f" Still open: {_open_reasons(engine, link)}." if engine.state.problems.open_for(link.record_id) else ""


def _open_reasons(engine: Engine, link: Link) -> str:
    """Name the record's open log details by code and field: the values are in Salesforce only."""
    found = engine.state.problems.open_for(link.record_id)
    named = ", ".join(f"{one.code} {one.field}".strip() for one in found) or "see the sync log"
    return f"{named} (the record's sync log details say more)"


def still_under_way(engine: Engine, item: Item) -> Answer:
    """Return the answer to a request whose work took too long to be waited for."""
    turn = engine.state.queue.get(int(item.payload["turn"]))
    sent = engine.state.uploads.of_record(str(item.payload["record"]))
    if sent is not None and sent[0].status == "sent":
        return Answer(DONE, f"AWS has it in the file {sent[0].name}. What AWS makes of it, its sync log tells later.")
    reason = f": {turn.reason}" if turn is not None and turn.reason else ""
    return Answer(
        UNKNOWN,
        f"It is still under way{reason}. It is tried again by itself; please check the record and its sync log.",
    )

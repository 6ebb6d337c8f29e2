"""The full comparison of both sides with what the state remembers: what drifted apart is reported and repaired.

It walks through AWS's list and through the Salesforce records that carry an identifier, a slice at a time, and asks for
single records only where the two disagree with the state. What it can repair it queues, behind everything else; what a
person must decide is one open detail per record. It never writes a value itself, and never over a person's edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connector.errors import Problem, RecordGone
from connector.store.codec import dump, load
from connector.store.links import Link
from connector.store.queue import Work
from connector.sync import logs
from connector.sync.drift import Kind, judge_row
from connector.sync.engine import Engine, Priority
from connector.sync.observe import EPOCH, MARGIN, observe
from connector.sync.ports import Json, Row
from connector.sync.problems import invisible
from connector.sync.queueing import READ_LANE, enqueue_inbound
from connector.sync.set_aside import is_set_aside
from connector.sync.sweeps import is_first, is_historical, place_behind, refuse_beside_backfill, walk_modified
from connector.sync.writeback import bury, write_identifier

RECONCILE = "reconcile"
SLICE = 1000
"""Records that are looked at in one go: a few seconds' work, so that nothing else waits for long."""
ASKED_FOR, ROWS = 15, 200
"""How many opportunities or records that were missed are asked for one by one, or in one question, per slice."""
FEW, PART = 20, 0.1
"""So many links, or this part of them, may be missed on one side: if it is more, the permissions or the catalog are
wrong rather than the records, and nothing is concluded from their absence.
"""
OPEN_STAGES_END = ("Launched", "Closed Lost")
_PLACE, _LAST = "reconcile", "reconciled"
NEARLY_A_DAY = timedelta(hours=23)
_AWS, _SALESFORCE = "met at AWS", "met in Salesforce"
_CODES = frozenset({"GONE_AT_AWS", "DIFFERS_AT_AWS", "IDENTIFIER_TAKEN", "IDENTIFIER_CHANGED", "IDENTIFIER_MALFORMED"})


class Phase(StrEnum):
    """The parts of a comparison, in order."""

    AWS = "opportunities"
    GONE = "links without an opportunity"
    SALESFORCE = "records"
    LOST = "links without a record"
    END = "end"


@dataclass(slots=True)
class Comparison:
    """One comparison under way, kept in the state between its slices.

    Attributes:
        phase: what is looked at next.
        place: where in the phase: a date, a record id, or empty for its beginning.
        until: stamps in Salesforce up to which records are looked at.
        repair: queue what can be repaired, and open details for what cannot.
        run: id of the run whose log has the details.
    """

    phase: Phase
    place: str
    until: str
    repair: bool
    run: str

    def move(self, engine: Engine, phase: Phase, place: str = "") -> None:
        """Go on there; durable with the transaction around it."""
        self.phase, self.place = phase, place
        engine.state.cursors.set(_PLACE, dump({name: getattr(self, name) for name in self.__slots__}))


def reconcile(engine: Engine, *, repair: bool) -> bool:
    """Do the next slice of the comparison, or begin one; return whether it came to its end.

    Raises:
        Deferred, Retriable, AuthFailed: the doors'; the comparison goes on from the slice that was cut off.
        Refused: the repair would import what a backfill that was cut off may leave out.
    """
    if repair and is_first(engine):
        refuse_beside_backfill(engine)
    comparison = _under_way(engine)
    if comparison is None or comparison.repair is not repair:
        comparison = _begin(engine, repair=repair)
    steps: dict[Phase, Callable[[Engine, Comparison], None]] = {
        Phase.AWS: _look_at_aws,
        Phase.GONE: _look_for_gone,
        Phase.SALESFORCE: _look_at_records,
        Phase.LOST: _look_for_lost,
    }
    steps[comparison.phase](engine, comparison)
    if comparison.phase is not Phase.END:
        return False
    _finish(engine, comparison)
    return True


def comparison_is_due(engine: Engine) -> bool:
    """Whether one is under way, or the last one was a day ago. A new state is compared by its first sweep."""
    if _under_way(engine) is not None:
        return True
    if is_first(engine):
        return False
    last = engine.state.meta.get(_LAST)
    if last is None:
        engine.state.meta.set(_LAST, engine.now().isoformat())
        return False
    return engine.now() - datetime.fromisoformat(last) >= NEARLY_A_DAY


def comparison_work() -> Work:
    """Return the work item by which the worker is asked to compare now."""
    return Work(
        RECONCILE,
        RECONCILE,
        lane=READ_LANE,
        priority=Priority.SWEEP,
        payload={"asked": True},
        # The daily turn must not take its place: that one does nothing before a day is over.
        dedup=f"{RECONCILE}:asked",
    )


def give_up_comparison(engine: Engine) -> None:
    """Let the next slice begin a new comparison."""
    engine.state.cursors.delete(_PLACE)


def found(engine: Engine) -> dict[str, int]:
    """Return how many were found of each kind by the last comparison."""
    return {kind.name.lower(): engine.state.comparisons.count(kind) for kind in Kind}


def found_ids(engine: Engine) -> dict[str, list[str]]:
    """Return which were found of each kind that is drift, or that somebody should look at."""
    return {kind.name.lower(): engine.state.comparisons.noted(kind) for kind in Kind if kind is not Kind.IN_STEP}


def _under_way(engine: Engine) -> Comparison | None:
    text = engine.state.cursors.get(_PLACE)
    if text is None:
        return None
    kept = load(text)
    return Comparison(Phase(kept["phase"]), kept["place"], kept["until"], kept["repair"], kept["run"])


def _begin(engine: Engine, *, repair: bool) -> Comparison:
    until = engine.salesforce.server_time() - MARGIN
    run = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_FILES)
    with engine.state.transaction():
        engine.state.comparisons.clear()
        comparison = Comparison(Phase.AWS, "", until.isoformat(), repair, run)
        comparison.move(engine, Phase.AWS)
    return comparison


def _finish(engine: Engine, comparison: Comparison) -> None:
    with engine.state.transaction():
        engine.state.comparisons.clear(_AWS, _SALESFORCE)
        engine.state.cursors.delete(_PLACE)
        if comparison.repair:
            # A report puts off no repair.
            engine.state.meta.set(_LAST, engine.now().isoformat())
            counts = ((kind, engine.state.comparisons.count(kind)) for kind in Kind)
            told = "; ".join(f"{number} {kind}" for kind, number in counts if number)
            logs.log_call(engine, comparison.run, note=f"Both sides were compared: {told or 'nothing is linked'}.")


# --- AWS's side


def _look_at_aws(engine: Engine, comparison: Comparison) -> None:
    begin = datetime.fromisoformat(comparison.place) if comparison.place else None
    looked = 0
    for page in walk_modified(engine, begin):
        looked += len(page)
        place = place_behind(datetime.fromisoformat(str(page[-1]["LastModifiedDate"])))
        with engine.state.transaction():
            engine.state.comparisons.note(_AWS, [one["Id"] for one in page])
            for summary in page:
                _conclude_summary(engine, comparison, summary)
            comparison.move(engine, Phase.AWS, place.isoformat())
        if looked >= SLICE and place != begin:
            return
    comparison.move(engine, Phase.GONE)


def _conclude_summary(engine: Engine, comparison: Comparison, summary: Json) -> None:
    kind, apn_id = _kind_at_aws(engine, summary), str(summary["Id"])
    if kind in (Kind.UNLINKED, Kind.BEHIND) and comparison.repair:
        enqueue_inbound(engine, apn_id, "", priority=Priority.BACKFILL)
    if kind is not None:
        engine.state.comparisons.note(kind, [apn_id])
    if _lacks_identifier(summary):
        engine.state.comparisons.note(Kind.NAMELESS, [apn_id])


def _kind_at_aws(engine: Engine, summary: Json) -> Kind | None:
    if is_historical(summary):
        return Kind.HISTORICAL
    link = engine.state.links.by_apn(summary["Id"])
    if link is None:
        return _kind_of_unlinked(engine, summary)
    if link.status == "tombstone":
        return Kind.DELETED
    if is_set_aside(engine, link) and engine.state.problems.open_for(link.record_id):
        return Kind.TOLD
    return None if link.aws_modified == summary["LastModifiedDate"] else Kind.BEHIND


def _kind_of_unlinked(engine: Engine, summary: Json) -> Kind:
    """An opportunity that somebody chose to leave out, or of which a detail is open already, is no news."""
    apn_id, backfills = str(summary["Id"]), engine.state.backfills
    if backfills.decision(apn_id) == "undecided":
        return Kind.UNDECIDED
    if backfills.is_left_out(apn_id, str(summary["LastModifiedDate"])):
        return Kind.LEFT_OUT
    return Kind.TOLD if engine.state.problems.open_for(apn_id) else Kind.UNLINKED


def _lacks_identifier(summary: Json) -> bool:
    """Whether an approved, open opportunity has no partner identifier (OPS-19)."""
    life = summary.get("LifeCycle") or {}
    is_open = life.get("ReviewStatus") == "Approved" and life.get("Stage") not in OPEN_STAGES_END
    return is_open and not summary.get("PartnerOpportunityIdentifier")


def _look_for_gone(engine: Engine, comparison: Comparison) -> None:
    if not comparison.place and _too_many(engine, missed := engine.state.comparisons.missed(_AWS, "apn_id")):
        engine.state.comparisons.note(Kind.UNLISTED, [apn_id for _, apn_id in missed])
        return comparison.move(engine, Phase.SALESFORCE)
    batch = engine.state.comparisons.missed(_AWS, "apn_id", after=comparison.place, limit=ASKED_FOR)
    gone = [record_id for record_id, apn_id in batch if _is_gone(engine, apn_id)]
    with engine.state.transaction():
        for link in _links(engine, gone):
            _tell(engine, comparison, Kind.GONE, link, _gone(link))
        if len(batch) < ASKED_FOR:
            comparison.move(engine, Phase.SALESFORCE)
        else:
            comparison.move(engine, Phase.GONE, batch[-1][0])
    return None


def _too_many(engine: Engine, missed: list[Any]) -> bool:
    return len(missed) > max(FEW, PART * engine.state.links.count("linked"))


def _is_gone(engine: Engine, apn_id: str) -> bool:
    """Ask AWS itself: what was created during the walk is not on the list that was read."""
    try:
        engine.partner_central.get_opportunity(apn_id)
    except RecordGone:
        return True
    return False


def _links(engine: Engine, record_ids: Iterable[str]) -> list[Link]:
    return [link for one in record_ids if (link := engine.state.links.get(one)) is not None]


# --- Salesforce's side


def _look_at_records(engine: Engine, comparison: Comparison) -> None:
    begin = datetime.fromisoformat(comparison.place or EPOCH)
    sent = logs.start_run(engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    looked = 0
    for page in engine.salesforce.changed(
        engine.mapping.object_name,
        engine.row_fields(),
        since=begin,
        until=datetime.fromisoformat(comparison.until),
        where=f"{engine.names.apn_id} != null",
    ):
        looked += len(page)
        last = str(page[-1]["SystemModstamp"])
        with engine.state.transaction():
            engine.state.comparisons.note(_SALESFORCE, [row["Id"] for row in page])
            for row in page:
                _conclude_row(engine, comparison, row, sent)
            comparison.move(engine, Phase.SALESFORCE, last)
        # Records of one second are looked at together: the next slice begins with that second.
        if looked >= SLICE and datetime.fromisoformat(last) > begin:
            return
    comparison.move(engine, Phase.LOST)


def _conclude_row(engine: Engine, comparison: Comparison, row: Row, sent: str) -> None:
    if engine.state.comparisons.is_noted(Kind.GONE, row["Id"]):
        return None
    kind, problem = judge_row(engine, row)
    link = engine.state.links.get(row["Id"]) or Link(row["Id"], engine.mapping.object_name)
    if problem is not None:
        return _tell(engine, comparison, kind, link, problem)
    name = str(row[engine.names.apn_id]) if kind is Kind.UNKNOWN_IDENTIFIER else row["Id"]
    engine.state.comparisons.note(kind, [name])
    if not comparison.repair:
        return None
    if kind in (Kind.UNKNOWN_IDENTIFIER, Kind.NOT_COMPARED):
        enqueue_inbound(engine, str(row[engine.names.apn_id]), "", priority=Priority.BACKFILL, fresh=True)
    elif kind is Kind.UNSENT:
        observe(engine, row, sent, again=True)
    elif kind is Kind.IN_STEP:
        _close_ours(engine, comparison, row["Id"])
    return None


def _look_for_lost(engine: Engine, comparison: Comparison) -> None:
    name, missed = engine.mapping.object_name, engine.state.comparisons.missed
    found = missed(_SALESFORCE, "record_id", object_name=name, after=comparison.place, limit=ROWS)
    ids = [record_id for record_id, _ in found]
    rows = engine.salesforce.rows(name, ids, ("Id", engine.names.apn_id)) if ids else {}
    deleted = engine.salesforce.deleted(name, [one for one in ids if one not in rows])
    with engine.state.transaction():
        for link in _links(engine, ids):
            _conclude_lost(engine, comparison, link, rows.get(link.record_id), deleted)
        comparison.move(engine, *((Phase.END, "") if len(ids) < ROWS else (Phase.LOST, ids[-1])))


def _conclude_lost(engine: Engine, comparison: Comparison, link: Link, row: Row | None, deleted: set[str]) -> None:
    comparisons = engine.state.comparisons
    if link.record_id in deleted:
        comparisons.note(Kind.DELETED, [link.apn_id or ""])
        if comparison.repair:
            bury(engine, link)
    elif row is None:
        # If all of them are hidden, one detail each would say nothing that the first ones do not say.
        told = comparisons.count(Kind.INVISIBLE) < FEW
        _tell(engine, comparison, Kind.INVISIBLE, link, invisible(link) if told else None)
    elif not row.get(engine.names.apn_id) and link.status == "held":
        # A person chooses among several opportunities by the identifier.
        comparisons.note(Kind.WAITING, [link.record_id])
    elif not row.get(engine.names.apn_id):
        comparisons.note(Kind.IDENTIFIER_MISSING, [link.record_id])
        if comparison.repair:
            write_identifier(engine, link)


# --- telling


def _tell(engine: Engine, comparison: Comparison, kind: Kind, link: Link, problem: Problem | None) -> None:
    engine.state.comparisons.note(kind, [link.record_id])
    if comparison.repair and problem is not None:
        _close_ours(engine, comparison, link.record_id, but=problem)
        logs.note_problem(engine, comparison.run, link, problem)


def _close_ours(engine: Engine, comparison: Comparison, record_id: str, *, but: Problem | None = None) -> None:
    """Close what earlier comparisons told of the record and is not so any more."""
    open_ones = engine.state.problems.open_for(record_id)
    kept = [(one.code, one.field) for one in open_ones if one.code not in _CODES or (but and one.code == but.code)]
    if len(kept) < len(open_ones):
        logs.resolve(engine, record_id, comparison.run, keep=kept)


def _gone(link: Link) -> Problem:
    return Problem(
        "GONE_AT_AWS",
        "apnCrmUniqueIdentifier",
        link.apn_id or "",
        "Partner Central has no such opportunity any more, or does not show it to this account.",
        "Look for it in Partner Central. If the deal is off, untick the record's flag or delete the record; if it is "
        "shown there, check the permissions of the connector's AWS role.",
    )

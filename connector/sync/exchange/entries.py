"""One record's turn towards AWS in the file channel: plan, and put what is to go out where the next file finds it.

Nothing is sent here. An entry that waits is replaced by a later one of its record, so that several edits between two
files go out as one (OUT-26). While a record is in a file that AWS has not answered, nothing else of it goes out: its
turn waits on the queue, and the result releases it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from connector.ace.file_fields import Version
from connector.ace.record import AceRecord, to_json
from connector.eligibility.verdict import Verdict
from connector.errors import Problem, RecordRejected
from connector.mapping.conversion import to_ace_field
from connector.mapping.currency import with_record_currency
from connector.mapping.outbound import snapshot
from connector.mapping.paths import read_path
from connector.store.entries import Entry
from connector.store.links import Link
from connector.sync import logs, plan
from connector.sync.edits import user_edits
from connector.sync.engine import Engine, Priority
from connector.sync.exchange import conversion, entry_plan
from connector.sync.exchange.in_flight import in_flight_problem
from connector.sync.exchange.versions import allowed_version
from connector.sync.fallbacks import edited_fields, paths_beside
from connector.sync.identity import check_identifier, choose
from connector.sync.observe import judge
from connector.sync.outbound import Held, require_answer
from connector.sync.ports import Row
from connector.sync.queueing import UPLOAD, WRITE_LANE, enqueue_job, enqueue_outbound
from connector.sync.referral_notes import awaits_acceptance, not_accepted
from connector.sync.related_exchange import referred
from connector.sync.schedule_memory import in_force_for, scheduled_object
from connector.sync.set_aside import is_set_aside, set_aside_problem
from connector.sync.writeback import stamp

BESIDE = frozenset({"FIELD_LOCKED", "NOT_IN_VERSION", "NOT_IN_FILES"})
"""Codes of what is told of a record although the rest of it goes out."""
_STATUS = "status"
_VERSION = "files:entries are of version "
"""Fact of the state: the version that what waits was made for, by type."""


def send(engine: Engine, record_id: str, run_id: str) -> None:
    """Decide what of the record goes out, and let it wait for the next file.

    Raises:
        RecordRejected: the record's own problems, all of them.
        Held: it is in a file without a result, or AWS reviews it.
        ConfigError: a setting without which no file is sent is missing.
    """
    link = engine.state.links.get(record_id)
    if link is None or link.row is None or link.status == "tombstone":
        return None
    if is_set_aside(engine, link):
        raise RecordRejected((set_aside_problem(engine, link),))
    if conversion.end_sending(engine, link, run_id):
        return None
    if link.status == "held":
        choose(engine, link)
    check_identifier(engine, link)
    require_answer(engine, link, run_id)
    if awaits_acceptance(engine, record_id, link.row):
        return _await(engine, link, run_id, not_accepted(engine, record_id, link.row))
    version = allowed_version(engine)
    action = entry_plan.plan_entry(facts_for(engine, link, version))
    return _Turn(engine, link, run_id, version).perform(action)


def facts_for(engine: Engine, link: Link, version: Version) -> entry_plan.EntryFacts:
    """Return what the planner needs, of the link's row."""
    row = link.row or {}
    record, problems = engine.to_ace(row)
    handled = bool(link.seen) or link.applied is not None
    return entry_plan.EntryFacts(
        record_type=engine.record_type,
        record_id=link.record_id,
        record=with_record_currency(row, record),
        mapping_problems=problems,
        version=version,
        today=engine.now().date(),
        apn_id=link.apn_id,
        confirmed=link.status == "linked",
        known=_known(link),
        edited=frozenset(edited_fields(engine, link, user_edits(engine, link, row))) if handled else None,
        kept=frozenset(field.ace_field for field in engine.mapping.fields if not field.inbound),
        review_status=_review_status(engine, link, row),
        brought=row.get("CreatedById") in engine.settings.integration_users
        and engine.mapping.field(_STATUS) is not None,
    )


def _known(link: Link) -> AceRecord | None:
    """Return AWS's side as last known, what is still on its way to Salesforce included."""
    if link.applied is None and link.pending_applied is None:
        return None
    return {**(link.applied or {}), **(link.pending_applied or {})}


def _review_status(engine: Engine, link: Link, row: Row) -> str:
    """Return AWS's review status: as it was last exported, or, after a loss of the state, as the record shows it."""
    field = engine.mapping.field(_STATUS)
    if engine.record_type == "lead" or link.review_status or link.applied is not None or field is None:
        return "" if engine.record_type == "lead" else link.review_status
    try:
        return str(to_ace_field(field, engine.catalogue[_STATUS], read_path(row, field.path)) or "")
    except (KeyError, RecordRejected):
        return ""


def _await(engine: Engine, link: Link, run_id: str, problem: Problem) -> None:
    with engine.state.transaction():
        engine.state.entries.drop(link.record_id)
        logs.log_problems(engine, run_id, link, (problem,))


@dataclass(frozen=True, slots=True)
class _Turn:
    """What becomes of one plan."""

    engine: Engine
    link: Link
    run_id: str
    version: Version

    def perform(self, action: entry_plan.Action) -> None:
        match action:
            case entry_plan.Settle(told=told):
                self._settle(told)
            case plan.Hold(problem=problem):
                self._let_go()
                logs.log_problems(self.engine, self.run_id, self.link, (problem,))
                raise Held(problem)
            case plan.Await(problem=problem):
                _await(self.engine, self.link, self.run_id, problem)
            case plan.Reject(problems=problems) if self._is_let_out() or _never_goes(problems):
                self._let_go()
                raise RecordRejected(problems)
            case entry_plan.Send() if self._is_let_out():
                self._put(action)
            case _:
                self._wait_for_schedule()

    def _let_go(self) -> None:
        """What waits of the record does not go out: it was made of an earlier form of it."""
        self.engine.state.entries.drop(self.link.record_id)

    def _is_let_out(self) -> bool:
        """Whether it may go out now: somebody asked, a schedule ran, or something of it is about to go out anyway."""
        settings, waiting = self.engine.settings, self.engine.state.entries.of_record(self.link.record_id)
        by_schedule = settings.share_automatically and settings.update_automatically
        return self.link.requested or by_schedule or waiting is not None

    def _wait_for_schedule(self) -> None:
        """The next run of the schedule looks at all flagged records; without one somebody must ask."""
        if in_force_for(self.engine) is None:
            logs.log_problems(self.engine, self.run_id, self.link, (_no_schedule(self.engine),))

    def _put(self, action: entry_plan.Send) -> None:
        engine, link = self.engine, self.link
        with engine.state.transaction():
            waiting = engine.state.entries.of_record(link.record_id)
            requested = link.requested or (waiting is not None and waiting.requested)
            require_one_version(engine, self.version)
            engine.state.entries.put(self._entry(action, requested=requested))
            # The entry stands for the request from here on: one that is made while it is in flight is another.
            link.requested = False
            self._tell_beside(action.told)
            engine.state.links.save(link)
            enqueue_job(engine, UPLOAD, WRITE_LANE, priority=1 + (Priority.REQUEST if requested else Priority.EDIT))

    def _entry(self, action: entry_plan.Send, *, requested: bool) -> Entry:
        link = self.link
        return Entry(
            record_id=link.record_id,
            record_type=self.engine.record_type,
            run_id=self.run_id,
            entry=dict(action.file.entry),
            partner_id=action.file.partner_id,
            apn_id=link.apn_id,
            put_at=self.engine.now(),
            snapshot=snapshot(self.engine.mapping, link.row or {}),
            record=to_json(action.record),
            left_out=action.later,
            decision=action.decision,
            requested=requested,
        )

    def _settle(self, told: tuple[Problem, ...]) -> None:
        """Remember the row as handled: it is not due again until a mapped field changes or a person edits it."""
        engine, link = self.engine, self.link
        asked = link.requested
        with engine.state.transaction():
            self._let_go()
            locked = self._tell_beside(told)
            snap = snapshot(engine.mapping, link.row or {})
            left_out = {path: link.seen[path] for path in engine.left_out.values() if path in link.seen}
            handled = {path: link.seen.get(path) if path in locked else text for path, text in snap.items()}
            link.seen = {**left_out, **referred(engine, link.row or {}), **handled}
            link.requested = False
            link.failures, link.first_failure, link.failed_snapshot = 0, None, None
            engine.state.links.save(link)
            stamp(engine, link)
            keep = [(problem.code, problem.field) for problem in told]
            if asked:
                logs.log_success(engine, self.run_id, link, {}, "AWS has all of it: nothing was sent.", keep=keep)
            else:
                logs.resolve(engine, link.record_id, self.run_id, keep=keep)

    def _tell_beside(self, told: tuple[Problem, ...]) -> set[str]:
        """Tell the edits that do not go along, close what was told before and holds no more; return their paths."""
        engine, link = self.engine, self.link
        names = {problem.field for problem in told}
        locked = paths_of(engine, names)
        snap = snapshot(engine.mapping, link.row or {})
        link.locked = {path: snap.get(path) for path in locked}
        now = {(problem.code, problem.field) for problem in told}
        others = [(one.code, one.field) for one in engine.state.problems.open_for(link.record_id)]
        kept = [one for one in others if one[0] not in BESIDE or one in now]
        logs.resolve(engine, link.record_id, self.run_id, keep=kept)
        for problem in told:
            logs.note_problem(engine, self.run_id, link, problem)
        return locked


def paths_of(engine: Engine, names: Collection[str]) -> set[str]:
    """Return the paths of the ACE fields, and those that only their fallbacks read."""
    beside = paths_beside(engine, names)
    fields = engine.mapping.fields
    return {one.path for one in fields if one.ace_field in names or one.path.lower() in beside}


def _never_goes(problems: tuple[Problem, ...]) -> bool:
    """Whether no run of a schedule would change anything: it is told at once."""
    return any(problem.code in ("NOT_SHAREABLE", "IDENTIFIER_MALFORMED") for problem in problems)


def require_one_version(engine: Engine, version: Version) -> None:
    """What waits and was made for another version is made anew: no file mixes them (OUT-27)."""
    fact = _VERSION + engine.record_type
    if engine.state.meta.get(fact) == version:
        return
    take_back(engine)
    engine.state.meta.set(fact, version)


def take_back(engine: Engine) -> int:
    """Let the records whose entries wait begin their turns anew; return how many there were."""
    taken = 0
    with engine.state.transaction():
        while entries := engine.state.entries.waiting(engine.record_type, 500):
            for entry in entries:
                engine.state.entries.drop(entry.record_id)
                queue_again(engine, entry)
            taken += len(entries)
    return taken


def queue_again(engine: Engine, entry: Entry) -> None:
    """Let the record's turn begin anew, with the request that the entry stood for."""
    link = engine.state.links.get(entry.record_id)
    if link is None or link.status == "tombstone":
        return
    if entry.requested:
        link.requested = True
        engine.state.links.save(link)
    enqueue_outbound(engine, link, entry.run_id)


def _no_schedule(engine: Engine) -> Problem:
    what = scheduled_object(engine)
    return Problem(
        "PENDING_NOT_SHARED",
        "",
        "",
        f"Pending, not shared: files go out by a schedule or on request, and no schedule for {what} is active.",
        f"Activate a schedule for {what}, use Send to AWS on the record, or run `connector sync outbound`.",
    )


# --- what people look at


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """What the record's turn would do now, somebody having asked for it.

    Attributes:
        verdict: whether it is due, with every condition.
        action: what would be done.
        entry: the record as the file would have it; None when nothing would go out.
        problems: why nothing goes out, or what does not go along.
        later: ACE names of what follows in an update, once AWS has created the opportunity.
        decision: what it would answer to a referral; empty otherwise.
    """

    verdict: Verdict
    action: entry_plan.Action
    entry: dict[str, Any] | None
    problems: tuple[Problem, ...]
    later: tuple[str, ...] = ()
    decision: str = ""


def planned_entry(engine: Engine, link: Link, row: Row) -> PlannedEntry:
    """Return what would go out of the row; nothing is sent, and nothing is kept.

    Args:
        link: as the state has it, or a new one that was not saved; its row is set.

    Raises:
        ConfigError: a setting without which no file is sent is missing.
    """
    known = engine.state.links.get(link.record_id)
    verdict = judge(engine, row, known)
    link.row = row
    link.apn_id = link.apn_id or row.get(engine.names.apn_id)
    found = engine.state.uploads.of_record(link.record_id)
    in_flight = (in_flight_problem(found[0]),) if found else ()
    action = entry_plan.plan_entry(facts_for(engine, link, allowed_version(engine)))
    if isinstance(action, entry_plan.Send):
        told = in_flight + action.told
        return PlannedEntry(verdict, action, dict(action.file.entry), told, action.later, action.decision)
    return PlannedEntry(verdict, action, None, in_flight + _told(action))


def _told(action: entry_plan.Action) -> tuple[Problem, ...]:
    match action:
        case plan.Reject(problems=problems):
            return problems
        case entry_plan.Settle(told=told) | entry_plan.Send(told=told):
            return told
        case plan.Hold(problem=problem) | plan.Await(problem=problem):
            return (problem,)

"""Opportunities that an admin wants left alone: what AWS says of them is not brought in (ELIG-19)."""

from __future__ import annotations

from connector.ace import lifecycle
from connector.ace.formats import shown
from connector.ace.record import AceRecord
from connector.eligibility.formula import FormulaError, compile_formula
from connector.errors import MappingError, Problem
from connector.store.links import Link
from connector.sync import logs
from connector.sync.adoption import restore_seen
from connector.sync.arrival import Arrival, follow_review
from connector.sync.engine import Engine
from connector.sync.formulas import ace_context

CODE = "EXCLUDED_BY_RULE"


def excluded(engine: Engine, record: AceRecord) -> str:
    """Return why what AWS says of the opportunity is to be ignored; empty where it is not.

    Args:
        record: AWS's side as a canonical record. The rule reads it by ACE names; what AWS leaves out is empty.

    Raises:
        MappingError: the rule is no condition over such a record. Nothing comes in until it is mended: what was brought
            in by mistake could not be taken back.
    """
    rule = engine.mapping.exclude
    if not rule.strip():
        return ""
    try:
        formula = compile_formula(rule)
        if not formula.holds(ace_context(engine.catalogue, record, engine.now())):
            return ""
    except FormulaError as error:
        raise MappingError(f"The mapping's rule of what is left out cannot be evaluated: {error} {_CORRECT}") from error
    names = {name.lower(): name for name in record}
    read = sorted(names[name.lower()] for name in formula.fields if name.lower() in names)
    facts = ", ".join(f"{name} is {shown(record[name]) or 'empty'}" for name in read)
    return f"The mapping leaves it out: {rule}" + (f" ({facts})." if facts else ".")


def leave_out(engine: Engine, arrival: Arrival, link: Link | None, run_id: str) -> bool:
    """Return whether what AWS says of the opportunity is to be ignored. The reason is told once, by one open detail.

    Of an excluded record that is linked, AWS's review is still followed: it decides when a person's edit may go out.
    Nothing counts as brought in, so that all of it comes once the rule leaves the opportunity out no more.

    Args:
        arrival: what AWS says.
        link: the opportunity's link; None when no Salesforce record belongs to it.

    Raises:
        MappingError: the rule cannot be evaluated.
    """
    reason = excluded(engine, arrival.record)
    subject = link or Link(record_id=str(arrival.answer["Id"]), object_name=engine.mapping.object_name)
    told = [one for one in engine.state.problems.open_for(subject.record_id) if one.code == CODE]
    with engine.state.transaction():
        if reason and link is not None:
            _follow_review(engine, link, arrival)
        if reason and not told:
            logs.note_problem(engine, run_id, subject, _problem(reason))
        if told and not reason:
            others = [one for one in engine.state.problems.open_for(subject.record_id) if one.code != CODE]
            logs.resolve(engine, subject.record_id, run_id, keep=[(one.code, one.field) for one in others])
    return bool(reason)


def _follow_review(engine: Engine, link: Link, arrival: Arrival) -> None:
    if link.applied is None and link.row is not None:
        restore_seen(engine, link, link.row, arrival.record, arrival.answer)
    follow_review(engine, link, arrival)
    if not lifecycle.locked(link.review_status):
        engine.state.queue.release(link.record_id, engine.now())


def _problem(reason: str) -> Problem:
    return Problem(CODE, "", "", reason, f"Nothing to do if that is meant. {_CORRECT}")


_CORRECT = "Otherwise correct the rule in the mapping and publish it."

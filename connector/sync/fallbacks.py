"""Fallbacks in the engine's flows: where they are used, what an edit of a field that a formula reads touches, and what
people read of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from connector.ace.formats import shown
from connector.ace.record import AceRecord, Value
from connector.ace.text import same
from connector.mapping.fallbacks import Filled, Used, filled_from_aws, paths_of
from connector.mapping.outbound import standing_in
from connector.mapping.outbound import used_fallbacks as used_for_row
from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.formulas import ace_evaluator
from connector.sync.ports import Row


def used_fallbacks(engine: Engine, row: Row, record: AceRecord | None = None) -> tuple[Used, ...]:
    """Return what stands in, towards AWS, for empty values of the row.

    Args:
        engine: the engine.
        row: the row.
        record: what is about to be sent of it, so that only its fields count; None for everything that is mapped.
    """
    return used_for_row(engine.mapping, row, engine.to_ace(row)[0] if record is None else record)


def stood_in(engine: Engine, row: Row, at_aws: AceRecord, moments: Iterable[datetime]) -> dict[str, Value]:
    """Return AWS's values that are what stands in for the row's empty ones, or did at an earlier moment: a formula may
    depend on the day, and what was sent then is no word of AWS's.

    Args:
        moments: when the record may have been sent.
    """
    found: dict[str, Value] = {}
    for moment in (None, *moments):
        used = used_for_row(engine.mapping, row, engine.to_ace(row, moment)[0])
        found |= {one.ace_field: one.value for one in used if same(one.value, at_aws.get(one.ace_field))}
    return found


def edited_fields(engine: Engine, link: Link, edits: Collection[str]) -> set[str]:
    """Return the ACE fields that edited paths touch, be it through a fallback formula that reads them and stands in.

    What a formula reads counts only against a remembered value: where none is, the fallback has just begun to stand in.
    """
    direct = {item.ace_field for item in engine.mapping.fields if item.path in edits}
    read = {path.lower() for path in edits if path in link.seen}
    through = {
        item.ace_field
        for item in standing_in(engine.mapping, link.row or {})
        if any(path.lower() in read for path in paths_of(item.to_aws))
    }
    return direct | through


def paths_beside(engine: Engine, ace_fields: Collection[str]) -> set[str]:
    """Return, in lower case, the paths that only the fallback formulas of these fields read."""
    mapped = {item.path.lower() for item in engine.mapping.fields}
    chosen = (item for item in engine.mapping.fields if item.ace_field in ace_fields)
    return {path.lower() for item in chosen for path in paths_of(item.to_aws)} - mapped


def with_stand_ins(engine: Engine, record: AceRecord, only: Collection[str] | None = None) -> Filled:
    """Return AWS's record with stand-ins for what it leaves empty: only to translate it for Salesforce.

    The link remembers AWS's own record. What was written is then an echo and no edit: it goes out only where inbound
    updates are off, as the field is Salesforce's there, and only along with something else.

    Args:
        engine: the engine.
        record: what AWS says.
        only: the fields that are about to be written, because AWS's value changed; None when the record is created.
    """
    evaluate = ace_evaluator(engine.catalogue, record, engine.now())
    return filled_from_aws(engine.mapping, record, evaluate, only=only, catalogue=engine.catalogue)


def fallback_note(used: Iterable[Used]) -> str:
    """Return in words which values were stood in for, empty for none."""
    return " ".join(
        f"Fallback used for {one.ace_field} ({one.path}): {shown(one.value)}"
        + (f", by the formula {one.formula}." if one.formula else ".")
        for one in used
    )

"""Another related record in the place of one: what AWS has locked and the other record lacks was not taken away by
anybody. AWS's value goes there, as it does where a lookup is filled for the first time (MAP-16).

A value of the other record's own is a person's word; so is an empty field of the record that was there before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from connector.ace.record import AceRecord
from connector.errors import Problem
from connector.mapping.model import FieldMapping
from connector.mapping.outbound import snapshot
from connector.mapping.paths import lookups_on, read_path
from connector.store.links import Link
from connector.sync import logs
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.related_values import describe_of, why_not_written

UNPLACED = frozenset({"RELATED_NOT_WRITTEN", "RELATED_IS_DEFAULT", "RELATED_NOT_VISIBLE"})
"""Codes of values from AWS that have no related record to go to."""


def referred(engine: Engine, row: Row) -> dict[str, str | None]:
    """Return which records the row refers to where values from AWS go, by the path of the lookup.

    It is remembered beside the values that were seen, so that another record can be told from another value.
    """
    return {path: _read(row, path) for item in engine.mapping.fields for path in _lookups(engine, item)}


def exchanged(engine: Engine, link: Link, refused: Collection[str]) -> frozenset[str]:
    """Return those of the ACE fields that AWS refused to change whose value is gone with the record it stood on.

    Args:
        refused: fields with an edit that AWS has locked.
    """
    if not refused:
        return frozenset()
    row = link.row or {}
    texts = snapshot(engine.mapping, row)
    return frozenset(
        item.ace_field
        for item in engine.mapping.fields
        if item.ace_field in refused and texts.get(item.path, "") is None and _refers_elsewhere(engine, link, row, item)
    )


def tell_unplaced(
    engine: Engine, link: Link, gone: Collection[str], locked: Collection[str], at_aws: AceRecord
) -> None:
    """Tell which of AWS's values have no place in Salesforce any more, until they have one; close what was told of
    those that met another value there.

    Args:
        gone: fields of which the value went with the record it stood on.
        locked: fields with an edit that AWS does not take.
        at_aws: AWS's values.
    """
    known = engine.state.problems.open_for(link.record_id)
    kept = [(one.code, one.field) for one in known if one.code not in UNPLACED or one.field not in locked]
    logs.resolve(engine, link.record_id, keep=kept)
    problems = list(_unplaced(engine, link.row or {}, gone, at_aws))
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS) if problems else ""
    for problem in problems:
        logs.note_problem(engine, run_id, link, problem)


def _unplaced(engine: Engine, row: Row, names: Collection[str], at_aws: AceRecord) -> Iterator[Problem]:
    for item in engine.mapping.fields:
        if item.ace_field in names and at_aws.get(item.ace_field) is not None:
            problem = why_not_written(engine, row, item, at_aws[item.ace_field])
            if problem is not None:
                yield problem


def _refers_elsewhere(engine: Engine, link: Link, row: Row, item: FieldMapping) -> bool:
    return any(path in link.seen and link.seen[path] != _read(row, path) for path in _lookups(engine, item))


def _lookups(engine: Engine, item: FieldMapping) -> tuple[str, ...]:
    """Return the lookups that values from AWS go through; none for an entry that takes none, or is on the record."""
    if not (item.related and item.inbound):
        return ()
    describes = partial(describe_of, engine)
    return tuple(lookup.path for lookup in lookups_on(item.path, engine.mapping.object_name, describes))


def _read(row: Mapping[str, object], path: str) -> str | None:
    try:
        found = read_path(row, path)
    except KeyError:
        return None
    return str(found) if found else None

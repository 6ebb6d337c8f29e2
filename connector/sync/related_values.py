"""Values from AWS for records related to the primary one: to which record they go, and why some of them do not
(MAP-13, MAP-16, MAP-18).

They go to the record that the parent refers to now. The reference itself is never changed, and the Default Account is
never written: every record that shares it would overwrite what the others brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from connector.ace.formats import shown
from connector.ace.record import AceRecord, Value
from connector.ace.text import same
from connector.errors import ConfigError, Deferred, Problem
from connector.mapping.describe import ObjectDescribe
from connector.mapping.inbound import related_values
from connector.mapping.model import FieldMapping
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.outbound import snapshot
from connector.mapping.paths import read_path
from connector.mapping.related import field_of, inbound_relationships, lookup_path, nest, relationship_of, target_object
from connector.store.links import Link
from connector.store.writebacks import Writeback
from connector.sync.edits import changed_at_aws
from connector.sync.engine import Engine
from connector.sync.observe import MARGIN, SETTLING
from connector.sync.ports import Row

_SHORT_ID = 15
"""Characters of an id that tell records apart; the three behind them only guard against a change of case."""


@dataclass(frozen=True, slots=True)
class RelatedWrite:
    """Values for one related record.

    Attributes:
        relationship: how the parent refers to it, as mapped.
        guard: when the record was last modified before these values were worked out.
    """

    relationship: str
    object_name: str
    record_id: str
    values: dict[str, Any]
    guard: datetime


def describe_of(engine: Engine, object_name: str) -> ObjectDescribe | None:
    """Return the describe of an object, None when the org does not show it."""
    try:
        return engine.salesforce.describe(object_name)
    except ConfigError:
        return None


def related_record(row: Mapping[str, Any], relationship: str) -> Mapping[str, Any] | None:
    """Return what the row says of the record that it refers to, None where it refers to none that we see."""
    try:
        found = read_path(row, relationship)
    except KeyError:
        return None
    return found if isinstance(found, Mapping) and found.get("Id") else None


def plan_related(
    engine: Engine, row: Row, record: AceRecord, wanted: set[str], waiting: frozenset[str]
) -> tuple[tuple[RelatedWrite, ...], tuple[Problem, ...]]:
    """Return what is to be written to related records, and what cannot be.

    Args:
        wanted: ACE names that may be written.
        waiting: full paths with a value that waits to be written already.
    """
    describes = partial(describe_of, engine)
    values, problems = related_values(
        engine.mapping, record, describes, only=wanted, creating=False, catalogue=engine.catalogue
    )
    writes, refused = list[RelatedWrite](), list(problems)
    for relationship, fields in values.items():
        reason = _reason_against(engine, row, relationship)
        if reason is not None:
            refused += [reason(item, record[item.ace_field]) for item in _lost(engine, relationship, fields)]
            continue
        missing = _missing(engine, row, relationship, fields, waiting)
        write = _write(engine, row, relationship, missing)
        if missing and write is not None:
            writes.append(write)
    return tuple(writes), tuple(refused)


def _write(engine: Engine, row: Row, relationship: str, values: dict[str, Any]) -> RelatedWrite | None:
    target = related_record(row, relationship)
    object_name = target_object(relationship, engine.mapping.object_name, partial(describe_of, engine))
    if target is None or object_name is None:
        return None
    guard = datetime.fromisoformat(target["LastModifiedDate"])
    return RelatedWrite(relationship, object_name, str(target["Id"]), values, guard)


def _lost(engine: Engine, relationship: str, values: Mapping[str, Any]) -> list[FieldMapping]:
    """Return the entries whose value cannot be written; where there is none, nothing is lost."""
    return [
        item
        for item in engine.mapping.fields
        if relationship_of(item) == relationship and item.inbound and values.get(field_of(item)) is not None
    ]


def _reason_against(engine: Engine, row: Row, relationship: str) -> Callable[[FieldMapping, Value], Problem] | None:
    """Return the problem that keeps values from the record behind the relationship, None where nothing does."""
    if related_record(row, relationship) is None:
        lookup = lookup_path(relationship, engine.mapping.object_name, partial(describe_of, engine))
        return partial(not_visible, lookup) if _refers(row, lookup) else no_related_record
    if _goes_through(row, relationship, engine.settings.default_account_id):
        return is_default
    return None


def why_not_written(engine: Engine, row: Row, item: FieldMapping, value: Value) -> Problem | None:
    """Return why AWS's value for a related record cannot be written as the row stands; None where it can."""
    reason = _reason_against(engine, row, relationship_of(item))
    return None if reason is None else reason(item, value)


def _refers(row: Row, lookup: str) -> bool:
    try:
        return bool(lookup) and bool(read_path(row, lookup))
    except KeyError:
        return False


def _goes_through(row: Row, relationship: str, record_id: str) -> bool:
    """Whether the record is on the way: what lies behind a shared record is shared as well."""
    names = relationship.split(".")
    way = (related_record(row, ".".join(names[: end + 1])) for end in range(len(names)))
    return bool(record_id) and any(one["Id"][:_SHORT_ID] == record_id[:_SHORT_ID] for one in way if one)


def _missing(
    engine: Engine, row: Row, relationship: str, values: dict[str, Any], waiting: frozenset[str]
) -> dict[str, Any]:
    """Return the values that the record does not have already, or would lose to one that waits."""
    before, after = snapshot(engine.mapping, row), snapshot(engine.mapping, nest(row, {relationship: values}))
    paths = {name: f"{relationship}.{name}" for name in values}
    return {
        name: values[name]
        for name, path in paths.items()
        if path in waiting or path not in after or before.get(path) != after[path]
    }


def reaches_related(engine: Engine, link: Link, row: Row, record: AceRecord) -> bool:
    """Whether what AWS says would change a related record, by the row as it was observed.

    Then the row is read anew: when the related record was modified, is to be known by the second.
    """
    if engine.state.writebacks.of_parent(link.record_id):
        return True
    changed = changed_at_aws(link.applied or {}, record)
    known, _ = engine.to_ace(row)
    there = {name for name in known if name in record and same(known[name], record[name])}
    return any(item.ace_field in changed - there for item in engine.mapping.fields if item.related and item.inbound)


def require_related_settled(engine: Engine, row: Row) -> None:
    """Let pass a row whose related records' last second is over, so that a later edit bears a later time.

    Raises:
        Deferred: one of them was modified within the margin.
    """
    found = (related_record(row, relationship) for relationship in inbound_relationships(engine.mapping))
    stamps = [datetime.fromisoformat(one["LastModifiedDate"]) for one in found if one and one.get("LastModifiedDate")]
    if any(abs(engine.salesforce.server_time() - stamp) < MARGIN for stamp in stamps):
        raise Deferred(
            "A related record was modified a moment ago; it is read once that second is over.", engine.now() + SETTLING
        )


def our_own(engine: Engine, row: Row, paths: Iterable[str]) -> set[str]:
    """Return those of the related paths where a value stands that we wrote ourselves, be it for another parent.

    It is no person's edit, though this record has not seen it yet.
    """
    texts = snapshot(engine.mapping, row)
    return {path for path in paths if "." in path and _is_ours(engine, row, path, texts.get(path))}


def _is_ours(engine: Engine, row: Row, path: str, text: str | None) -> bool:
    relationship, _, name = path.rpartition(".")
    target = related_record(row, relationship)
    if target is None or target.get("LastModifiedById") not in engine.settings.integration_users:
        return False
    return engine.state.writebacks.wrote_related(str(target["Id"]), name, text)


def no_related_record(item: FieldMapping, value: Value) -> Problem:
    """Return why a value was not written: the record refers to none that could take it."""
    relationship = relationship_of(item)
    return Problem(
        "RELATED_NOT_WRITTEN",
        item.ace_field,
        shown(value),
        f"The value from AWS belongs to {item.path}, but the record's {relationship} is empty.",
        f"Fill the lookup behind {relationship} on the record and choose Sync with AWS; the value is then written.",
    )


def not_visible(lookup: str, item: FieldMapping, value: Value) -> Problem:
    """Return why a value was not written: the related record exists and is hidden from us."""
    return Problem(
        "RELATED_NOT_VISIBLE",
        item.ace_field,
        shown(value),
        f"The value from AWS belongs to {item.path}, but the integration user cannot see the record in {lookup}.",
        "Give the integration user access to that record and its object, then choose Sync with AWS.",
    )


def is_default(item: FieldMapping, value: Value) -> Problem:
    """Return why a value was not written: the record still refers to the Default Account."""
    return Problem(
        "RELATED_IS_DEFAULT",
        item.ace_field,
        shown(value),
        f"The value from AWS belongs to {item.path}, but the record refers to the Default Account, which others share.",
        f"Choose the right record in the lookup behind {relationship_of(item)} and choose Sync with AWS.",
    )


def refused_values(mapping: FieldMap, pending: Writeback, problems: Iterable[Problem]) -> list[Problem]:
    """Return Salesforce's own words on values for a related record, told of the AWS fields that they came from."""
    return [
        Problem(
            problem.code,
            item.ace_field,
            problem.value or shown(pending.values.get(field_of(item))),
            f"Salesforce refused {item.path} of {pending.object_name} {pending.record_id}: {problem.rule}",
            problem.remedy,
        )
        for problem in problems
        for item in _concerned(mapping, pending, problem.field)
    ]


def related_is_gone(mapping: FieldMap, pending: Writeback) -> list[Problem]:
    """Return that the related record was deleted before its values could be written."""
    return [
        Problem(
            "RELATED_DELETED",
            item.ace_field,
            shown(pending.values.get(field_of(item))),
            f"{pending.object_name} {pending.record_id} was deleted before the value from AWS reached {item.path}.",
            f"Choose another record in the lookup behind {pending.relationship}, then choose Sync with AWS.",
        )
        for item in _concerned(mapping, pending, "")
    ]


def _concerned(mapping: FieldMap, pending: Writeback, name: str) -> list[FieldMapping]:
    """Return the entries that the values came from: the one of the field named, all of them where none is."""
    written = [
        item
        for item in mapping.fields
        if item.inbound and relationship_of(item) == pending.relationship and field_of(item) in pending.values
    ]
    return [item for item in written if field_of(item).lower() == name.lower()] or written

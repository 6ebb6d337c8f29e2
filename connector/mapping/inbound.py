"""From the canonical record to values for a Salesforce record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connector.ace.catalogue import AceField, FieldType, Owner, opportunity_fields
from connector.ace.record import AceRecord, Value
from connector.ace.values import normal_form
from connector.errors import Problem, RecordRejected
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import compatible, unknown_field
from connector.mapping.paths import Describes, resolve_path
from connector.mapping.picklists import active_values, spelled, to_salesforce_value
from connector.mapping.related import relationship_of, target_object

WARNINGS = frozenset({"TEXT_CUT", "RELATED_NOT_WRITTEN", "RELATED_NOT_VISIBLE", "RELATED_IS_DEFAULT"})
"""Codes of problems that leave the record written, as far as it could be."""

_MASK = "accept to view"
"""What AWS shows in place of personal data before a referral is accepted, in any case (IN-08)."""
_CUT = "…"


def to_salesforce(
    mapping: model.Mapping,
    record: AceRecord,
    describe: ObjectDescribe,
    *,
    only: Collection[str] | None = None,
    creating: bool,
    catalogue: Mapping[str, AceField] | None = None,
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return what to write to the primary object, by Salesforce field, and what could not be written. What is mapped to
    related objects is left out: :func:`related_values` has it.

    Values are ready for JSON, but that amounts stay ``Decimal``: dates and moments are text, several values are joined
    by semicolons. None clears a field. A field with a problem is left out, so that the others can be written.

    Args:
        mapping: the mapping of the object.
        record: what AWS knows; a missing key, and a masked value, leaves the field alone.
        describe: the primary object.
        only: ACE names to write; None for all.
        creating: whether the record is new. Fields whose inbound updates are off are filled then, as there is nothing
            to overwrite, and left alone later (MAP-07).
        catalogue: every ACE field by name; the opportunity's by default.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for item in _chosen(mapping, record, only, creating=creating):
        if not item.related:
            written, found = _attempt(item, record[item.ace_field], catalogue, describe, creating=creating)
            values.update(written)
            problems.extend(found)
    return values, tuple(problems)


def related_values(
    mapping: model.Mapping,
    record: AceRecord,
    describes: Describes,
    *,
    only: Collection[str] | None = None,
    creating: bool,
    catalogue: Mapping[str, AceField] | None = None,
) -> tuple[dict[str, dict[str, Any]], tuple[Problem, ...]]:
    """Return what to write to related records, by relationship path as mapped and by field, and what could not be
    written (MAP-13). Relationships without anything to write are missing.

    Args:
        describes: describe of an object by name.
        creating: whether the related records are new: as in :func:`to_salesforce`, which has the other arguments too.
    """
    values: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for item in _chosen(mapping, record, only, creating=creating):
        if item.related:
            written, found = _attempt_related(mapping, item, record, describes, catalogue, creating=creating)
            problems.extend(found)
            if written:
                values.setdefault(relationship_of(item), {}).update(written)
    return values, tuple(problems)


def _chosen(
    mapping: model.Mapping, record: AceRecord, only: Collection[str] | None, *, creating: bool
) -> Iterator[model.FieldMapping]:
    for item in mapping.fields:
        wanted = only is None or item.ace_field in only
        if wanted and item.ace_field in record and (item.inbound or creating):
            yield item


def _attempt_related(
    mapping: model.Mapping,
    item: model.FieldMapping,
    record: AceRecord,
    describes: Describes,
    catalogue: Mapping[str, AceField] | None,
    *,
    creating: bool,
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    value = record[item.ace_field]
    target = target_object(relationship_of(item), mapping.object_name, describes)
    describe = describes(target) if target else None
    if describe is not None:
        return _attempt(item, value, catalogue, describe, creating=creating)
    if value is None or _is_masked(value) or not item.inbound:
        return {}, ()
    return {}, (_no_single_target(item, value) if target is None else _not_writable(item),)


def _attempt(
    item: model.FieldMapping,
    value: Value,
    catalogue: Mapping[str, AceField] | None,
    describe: ObjectDescribe,
    *,
    creating: bool,
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    known = opportunity_fields() if catalogue is None else catalogue
    try:
        return _write(item, value, known, describe, creating=creating)
    except RecordRejected as refusal:
        return {}, refusal.problems


def _write(
    item: model.FieldMapping,
    value: Value,
    catalogue: Mapping[str, AceField],
    describe: ObjectDescribe,
    *,
    creating: bool,
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    ace = catalogue.get(item.ace_field)
    if ace is None:
        raise RecordRejected((unknown_field(item),))
    if not ace.inbound or (_is_masked(value) and not _stands_in(item, value)):
        return {}, ()
    field = _field(item, describe)
    if not (field.createable if creating else field.updateable):
        if creating and not item.inbound:
            return {}, ()
        raise RecordRejected((_not_writable(item),))
    if value is None and not field.nillable and field.type != "boolean":
        if creating:
            return {}, ()  # a default fills it, or Salesforce itself says that it is missing
        raise RecordRejected((_not_clearable(item),))
    # What people read names the whole path.
    converted, warnings = _convert(item, ace, replace(field, name=item.path), value)
    return {field.name: converted}, warnings


def _field(item: model.FieldMapping, describe: ObjectDescribe) -> FieldDescribe:
    """Return the field on the object that is written: the primary one, or a related one for its own fields."""
    name = item.path.rpartition(".")[2]
    found = resolve_path(name, describe.name, lambda name: describe if name == describe.name else None)
    if isinstance(found, Problem):
        raise RecordRejected((Problem(found.code, item.ace_field, item.path, found.rule, found.remedy),))
    return found


def _convert(
    item: model.FieldMapping, ace: AceField, field: FieldDescribe, value: Value
) -> tuple[Any, tuple[Problem, ...]]:
    mismatch = compatible(ace, field)
    if mismatch is not None:
        raise RecordRejected((mismatch,))
    if field.type == "boolean":
        return _checkbox(item, ace, value), ()
    match value:
        case None:
            return None, ()
        case Decimal() | int():
            return _number(ace, field, value), ()
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000"), ()
        case date():
            return value.isoformat(), ()
        case tuple():
            return _text(ace, field, ";".join(dict.fromkeys(_choice(item, field, text) for text in value)))
        case _:
            return _text(ace, field, _choice(item, field, value))


def _choice(item: model.FieldMapping, field: FieldDescribe, text: str) -> str:
    """Return the Salesforce value; of a restricted picklist, as the picklist spells it."""
    text = to_salesforce_value(item, text)
    offered = active_values(field)
    if text in offered or not field.restricted_picklist:
        return text
    alike = [value for value in offered if normal_form(value) == normal_form(text)]
    if len(alike) != 1:
        raise RecordRejected((_not_offered(item, text),))
    return alike[0]


def _checkbox(item: model.FieldMapping, ace: AceField, value: Value) -> bool:
    """A checkbox cannot be empty: no value at AWS is shown unchecked."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if item.picklist is not None:
        return to_salesforce_value(item, str(value)) == "true"
    return spelled(ace, "Yes") == value


def _number(ace: AceField, field: FieldDescribe, value: Decimal | int) -> Decimal | int:
    number = Decimal(value)
    exact = number == round(number, field.scale)
    if not exact or (field.precision and abs(number) >= Decimal(10) ** (field.precision - field.scale)):
        raise RecordRejected((
            Problem("NUMBER_DOES_NOT_FIT", ace.name, str(value),
                    f"{field.name} holds {field.precision - field.scale} digits and {field.scale} decimals.",
                    "Give the field more digits or decimals; the value is not rounded."),
        ))  # fmt: skip
    return value


def _text(ace: AceField, field: FieldDescribe, text: str) -> tuple[str, tuple[Problem, ...]]:
    """Return text that fits. Only AWS's own texts are cut, visibly; a partner's text is never changed (MAP-40)."""
    if not field.length or len(text) <= field.length:
        return text, ()
    problem = _too_long(ace, field, text)
    if ace.owner is Owner.AWS and ace.type in (FieldType.TEXT, FieldType.LONG_TEXT):
        return text[: field.length - len(_CUT)] + _CUT, (problem,)
    raise RecordRejected((problem,))


def _stands_in(item: model.FieldMapping, value: Value) -> bool:
    """Whether an admin wants that very text where AWS has no value, be it AWS's own label for what it hides."""
    return item.from_aws is not None and item.from_aws.value == value


def _is_masked(value: Value) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_masked, value))
    return isinstance(value, str) and value.strip().lower() == _MASK


def _too_long(ace: AceField, field: FieldDescribe, text: str) -> Problem:
    cut = ace.owner is Owner.AWS
    return Problem(
        "TEXT_CUT" if cut and ace.type in (FieldType.TEXT, FieldType.LONG_TEXT) else "TEXT_TOO_LONG", ace.name,
        f"{text[:40]}{_CUT}", f"The text from AWS has {len(text)} characters; {field.name} holds {field.length}.",
        "Make the Salesforce field longer, or map a longer one.",
    )  # fmt: skip


def _no_single_target(item: model.FieldMapping, value: Value) -> Problem:
    return Problem(
        "RELATED_NOT_WRITTEN", item.ace_field, str(value),
        f"The value from AWS was not written to {item.path}: {relationship_of(item)} is missing or hidden, or it leads "
        "to several kinds of objects.",
        "Turn inbound updates off for the field, or map a field of another object.",
    )  # fmt: skip


def _not_writable(item: model.FieldMapping) -> Problem:
    return Problem(
        "NOT_WRITABLE", item.ace_field, item.path, "The integration user cannot write the field.",
        "Grant edit access in the permission set, map a field that is no formula, or turn inbound updates off.",
    )  # fmt: skip


def _not_clearable(item: model.FieldMapping) -> Problem:
    return Problem(
        "CANNOT_BE_CLEARED", item.ace_field, item.path, "AWS has no value any more, but Salesforce requires one.",
        "Enter a value on the record and send it, or map a field that is not required.",
    )  # fmt: skip


def _not_offered(item: model.FieldMapping, text: str) -> Problem:
    return Problem(
        "VALUE_NOT_MAPPED", item.ace_field, text,
        f"{item.path} is restricted to its values and has no such active value.",
        "Add the value to the picklist, or map it to an existing one (primary values).",
    )  # fmt: skip

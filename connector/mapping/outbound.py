"""From a Salesforce row to the canonical record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from connector.ace.catalogue import AceField, Owner
from connector.ace.record import AceRecord, Value
from connector.errors import Problem, RecordRejected
from connector.mapping import model
from connector.mapping.conversion import is_empty, parse_moment, to_ace_field
from connector.mapping.fallbacks import Evaluate, Used, formula_paths, paths_of, stand_in
from connector.mapping.fit import unknown_field
from connector.mapping.paths import Describes, lookups_on, read_path, resolve_path
from connector.mapping.related import hidden_lookup


def select_paths(mapping: model.Mapping) -> tuple[str, ...]:
    """Return the fields to query for the mapping, relationship paths included, each once, in the mapping's order; those
    that only fallback formulas read come last.
    """
    return (*_mapped_paths(mapping), *formula_paths(mapping))


def readable_paths(mapping: model.Mapping, describes: Describes) -> tuple[str, ...]:
    """Return what to query for a mapping, with the lookups that its paths go through: only they tell a record that is
    hidden from us from none.

    What only fallback formulas read and the org does not have (any more) is left out: a record whose empty field needs
    such a formula is told so, the others go on.
    """
    beside = formula_paths(mapping)
    gone = {path for path in beside if isinstance(resolve_path(path, mapping.object_name, describes), Problem)}
    paths = [path for path in select_paths(mapping) if path not in gone]
    ways = (way for path in paths for way in lookups_on(path, mapping.object_name, describes))
    return tuple(dict.fromkeys((*paths, *(way.path for way in ways))))


def to_ace(
    mapping: model.Mapping,
    row: Mapping[str, Any],
    catalogue: Mapping[str, AceField],
    evaluate: Evaluate | None = None,
) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Return the canonical record of a row, and the values that could not be translated.

    A mapped field that is empty, and for which nothing stands in, is None; a field that is not mapped, belongs to AWS,
    or has a problem is missing. Nothing is guessed, rounded or cut. A field on a related record that is hidden from us
    (see :func:`connector.mapping.related.hidden_lookup`) is a problem and no empty field: nothing stands in for it.

    Args:
        mapping: the mapping of the row's object.
        row: the row, related values nested; a relationship that is empty gives None.
        catalogue: every ACE field of the record type by name.
        evaluate: computes a fallback formula over the row; without it, a formula that is needed is a problem.
    """
    record: dict[str, Value] = {}
    problems: list[Problem] = []
    for item in mapping.fields:
        ace = catalogue.get(item.ace_field)
        if ace is None:
            problems.append(unknown_field(item))
        elif ace.owner is Owner.PARTNER:
            try:
                record[ace.name] = _value(item, ace, row, evaluate)
            except RecordRejected as refusal:
                problems.extend(refusal.problems)
    return record, tuple(problems)


def used_fallbacks(mapping: model.Mapping, row: Mapping[str, Any], record: AceRecord) -> tuple[Used, ...]:
    """Return what stood in for empty values of the row in the record that :func:`to_ace` made of it."""
    return tuple(
        Used(item.ace_field, item.path, record[item.ace_field], item.to_aws.formula)
        for item in mapping.fields
        if item.to_aws is not None and record.get(item.ace_field) is not None and _stands_empty(row, item.path)
    )


def snapshot(mapping: model.Mapping, row: Mapping[str, Any]) -> dict[str, str | None]:
    """Return every mapped value of a row as text by path, for telling whether it changed.

    Equal values give equal text however they are written: decimals of any scale, moments in any offset, line ends,
    empty text and none. A mapped field that the row was read without counts as none. One on a related record that is
    hidden from us is missing: nobody changed it, as far as we can tell.

    What a fallback formula reads is part of it only while the fallback stands in: then an edit of it changes what goes
    out, otherwise not. The formula's result never is: a value that changes with the day is no edit.
    """
    found = {path: _plain(_read_or_none(row, path)) for path in _mapped_paths(mapping) if not _is_hidden(row, path)}
    beside = {path.lower(): path for path in formula_paths(mapping)}
    for path in (path.lower() for item in standing_in(mapping, row) for path in paths_of(item.to_aws)):
        if path in beside and _was_read(row, beside[path]) and not _is_hidden(row, path):
            found[beside[path]] = _plain(_read_or_none(row, beside[path]))
    return found


def standing_in(mapping: model.Mapping, row: Mapping[str, Any]) -> tuple[model.FieldMapping, ...]:
    """Return the entries whose Salesforce field is empty and that have a fallback towards AWS."""
    return tuple(item for item in mapping.fields if item.to_aws is not None and _stands_empty(row, item.path))


def _mapped_paths(mapping: model.Mapping) -> tuple[str, ...]:
    by_name = {item.path.lower(): item.path for item in reversed(mapping.fields)}
    return tuple(dict.fromkeys(by_name[item.path.lower()] for item in mapping.fields))


def _value(item: model.FieldMapping, ace: AceField, row: Mapping[str, Any], evaluate: Evaluate | None) -> Value:
    try:
        raw = read_path(row, item.path)
    except KeyError:
        raise RecordRejected((Problem(
            "FIELD_NOT_READ", ace.name, "", f"The row was read without {item.path}.",
            "Grant the integration user read access to the field.",
        ),)) from None  # fmt: skip
    if is_empty(raw):
        _require_visible(item, ace, row)
        if item.to_aws is not None:
            return stand_in(item, ace, item.to_aws, evaluate)
    return to_ace_field(item, ace, raw)


def _require_visible(item: model.FieldMapping, ace: AceField, row: Mapping[str, Any]) -> None:
    """Let pass an entry of which everything that its value comes from can be seen, what a fallback reads included."""
    for path in (item.path, *paths_of(item.to_aws)):
        if lookup := hidden_lookup(row, path):
            raise RecordRejected((Problem(
                "RELATED_NOT_VISIBLE", ace.name, str(read_path(row, lookup)),
                f"{path} cannot be read: the integration user cannot see the record in {lookup}. AWS keeps its value.",
                "Give the integration user read access to that record and its object, or choose another record.",
            ),))  # fmt: skip


def _is_hidden(row: Mapping[str, Any], path: str) -> bool:
    return "." in path and bool(hidden_lookup(row, path))


def _stands_empty(row: Mapping[str, Any], path: str) -> bool:
    return is_empty(_read_or_none(row, path)) and not _is_hidden(row, path)


def _was_read(row: Mapping[str, Any], path: str) -> bool:
    try:
        read_path(row, path)
    except KeyError:
        return False
    return True


def _read_or_none(row: Mapping[str, Any], path: str) -> Any:
    try:
        return read_path(row, path)
    except KeyError:
        return None


def _plain(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    moment = parse_moment(value)
    if moment is not None:
        return moment.isoformat()
    if isinstance(value, int | float | Decimal):
        return _plain_number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\r\n", "\n").replace("\r", "\n").strip() or None


def _plain_number(number: Decimal) -> str:
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

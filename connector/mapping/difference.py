"""What changed from one mapping to another: in words for people, and as the fields whose records are to be brought up
to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from connector.mapping.fit import catalogue_of
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping, Values
from connector.names import SyncFields

_NOTHING = "nothing"


def differences(before: Mapping | None, after: Mapping) -> tuple[str, ...]:
    """Return what changed, one line per ACE field; ``+`` was added, ``-`` was removed, ``~`` was changed."""
    old = {item.ace_field: item for item in before.fields} if before else {}
    new = {item.ace_field: item for item in after.fields}
    lines = list(_whole(before, after)) if before else []
    lines += [f"+ {name} → {_summary(new[name])}" for name in new if name not in old]
    lines += [f"- {name} → {old[name].path}" for name in old if name not in new]
    lines += [f"~ {name}: {'; '.join(_parts(old[name], new[name]))}" for name in new if _changed(old, new, name)]
    return tuple(lines)


def changed_to_aws(before: Mapping | None, after: Mapping) -> tuple[str, ...]:
    """Return the ACE fields of which AWS may get another value than under the mapping before, for the same record; what
    is never sent is not among them.
    """
    named = _differing(before, after, lambda item: (item.path, _sent(item.picklist), item.to_aws))
    catalogue = catalogue_of(after.record_type)
    return tuple(name for name in named if name not in catalogue or catalogue[name].outbound)


def changed_from_aws(before: Mapping | None, after: Mapping) -> tuple[str, ...]:
    """Return the ACE fields of which Salesforce may get another value than before; those that AWS may update only."""
    named = _differing(before, after, lambda item: (item.path, item.inbound, _received(item.picklist), item.from_aws))
    return tuple(name for name in named if _field(after, name).inbound)


def _differing(before: Mapping | None, after: Mapping, meaning: Callable[[FieldMapping], object]) -> tuple[str, ...]:
    moved = before is None or before.object_name != after.object_name
    old = {} if moved or before is None else {item.ace_field: meaning(item) for item in before.fields}
    return tuple(item.ace_field for item in after.fields if old.get(item.ace_field) != meaning(item))


def _field(mapping: Mapping, name: str) -> FieldMapping:
    return next(item for item in mapping.fields if item.ace_field == name)


def _sent(values: PicklistMapping | None) -> object:
    return values and (dict(values.primary), dict(values.additional), dict(values.defaults))


def _received(values: PicklistMapping | None) -> object:
    return values and dict(values.primary)


def _whole(before: Mapping, after: Mapping) -> Iterator[str]:
    if before.object_name != after.object_name:
        yield f"~ object: {before.object_name} became {after.object_name}"
    yield from _own(before.own_fields, after.own_fields)
    if before.exclude != after.exclude:
        yield f"~ exclude: {before.exclude or _NOTHING} became {after.exclude or _NOTHING}"


def _own(before: SyncFields | None, after: SyncFields | None) -> Iterator[str]:
    for one in fields(SyncFields):
        old, new = (getattr(names, one.name) if names else "" for names in (before, after))
        if old != new:
            yield f"~ own field {one.name}: {old or _NOTHING} became {new or _NOTHING}"


def _changed(old: dict[str, FieldMapping], new: dict[str, FieldMapping], name: str) -> bool:
    return name in old and old[name] != new[name]


def _summary(item: FieldMapping) -> str:
    inbound = "with" if item.inbound else "without"
    values = "" if item.picklist is None else f", {len(item.picklist.primary)} values"
    return f"{item.path} ({inbound} inbound updates{values})"


def _parts(old: FieldMapping, new: FieldMapping) -> Iterator[str]:
    if old.path != new.path:
        yield f"{old.path} became {new.path}"
    if old.inbound != new.inbound:
        yield f"inbound updates turned {'on' if new.inbound else 'off'}"
    if old.picklist != new.picklist:
        yield from _value_parts(old.picklist, new.picklist)
    for name, words in (("to_aws", "fallback to AWS"), ("from_aws", "fallback from AWS")):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{words}: {_fallback(before)} became {_fallback(after)}"


def _fallback(fallback: Fallback | None) -> str:
    if fallback is None:
        return _NOTHING
    return f"formula {fallback.formula}" if fallback.formula else f"value {fallback.value!r}"


def _value_parts(old: PicklistMapping | None, new: PicklistMapping | None) -> Iterator[str]:
    if old is None or new is None:
        yield "values are mapped by a table now" if new else "values are taken as both sides spell them"
    before, after = old or PicklistMapping(), new or PicklistMapping()
    yield from _table("value", before.primary, after.primary)
    yield from _table("additional value", before.additional, after.additional)
    yield from _table("default of", before.defaults, after.defaults)


def _table(what: str, old: Values, new: Values) -> Iterator[str]:
    for text in (*old, *(text for text in new if text not in old)):
        if old.get(text) != new.get(text):
            before, after = (f"{table[text]!r}" if text in table else _NOTHING for table in (old, new))
            yield f"{what} {text!r}: {before} became {after}"

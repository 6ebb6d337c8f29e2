"""Where the relationships of a mapping lead to: the records that are written besides the primary one (MAP-13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.mapping import model
from connector.mapping.describe import FieldDescribe
from connector.mapping.paths import Describes, read_path

_LOOKUP_ENDINGS = {"__r": "__c", "__pr": "__pc"}
"""Ending of a custom relationship's name to that of its lookup's; a standard lookup adds ``Id`` (``Account``)."""


def relationship_of(item: model.FieldMapping) -> str:
    """Return the relationship that the entry's path goes through, as mapped; empty for the primary object."""
    return item.path.rpartition(".")[0]


def field_of(item: model.FieldMapping) -> str:
    """Return the name of the entry's field on the object that it is on."""
    return item.path.rpartition(".")[2]


def inbound_relationships(mapping: model.Mapping) -> tuple[str, ...]:
    """Return the relationships that paths with inbound updates on go through, those on the way to others first."""
    found: dict[str, None] = {}
    for item in mapping.fields:
        names = item.path.split(".")[:-1] if item.inbound else []
        found |= dict.fromkeys(".".join(names[: end + 1]) for end in range(len(names)))
    return tuple(found)


def target_object(relationship: str, object_name: str, describes: Describes) -> str | None:
    """Return the object that the relationship leads to from the object; None for an unknown one, or several."""
    for name in relationship.split("."):
        lookup = _lookup(object_name, name, describes)
        if lookup is None or len(lookup.reference_to) != 1:
            return None
        [object_name] = lookup.reference_to
    return object_name


def lookup_path(relationship: str, object_name: str, describes: Describes) -> str:
    """Return the path of the lookup behind the relationship (``Account`` → ``AccountId``), empty when it is unknown."""
    above, _, last = relationship.rpartition(".")
    start = target_object(above, object_name, describes) if above else object_name
    lookup = _lookup(start, last, describes) if start else None
    if lookup is None:
        return ""
    return f"{above}.{lookup.name}" if above else lookup.name


def hidden_lookup(row: Mapping[str, Any], path: str) -> str:
    """Return the path of the lookup that keeps the path's value from us; empty where none does.

    Salesforce gives nothing for a record that we may not see, just as for an empty lookup; but then the lookup itself
    is filled. What the row was read without hides nothing.
    """
    names = path.split(".")[:-1]
    try:
        for depth, name in enumerate(names):
            if read_path(row, ".".join(names[: depth + 1])) is None:
                lookup = ".".join((*names[:depth], _lookup_name(name)))
                return lookup if read_path(row, lookup) else ""
    except KeyError:
        pass
    return ""


def nest(row: Mapping[str, Any], related: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the row with the related values in it, as Salesforce nests them; other values of the row stay."""
    nested = dict(row)
    for relationship, values in related.items():
        first, _, further = relationship.partition(".")
        inner = nested.get(first) or {}
        nested[first] = nest(inner, {further: values}) if further else {**inner, **values}
    return nested


def _lookup_name(relationship: str) -> str:
    stem, mark, ending = relationship.rpartition("__")
    custom = _LOOKUP_ENDINGS.get((mark + ending).lower())
    return stem + custom if custom else f"{relationship}Id"


def _lookup(object_name: str, relationship: str, describes: Describes) -> FieldDescribe | None:
    known = describes(object_name)
    fields = known.fields.values() if known else ()
    return next((field for field in fields if field.relationship_name.lower() == relationship.lower()), None)

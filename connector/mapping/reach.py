"""The objects that a mapping can reach from its primary object, one relationship after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.paths import Describes


def relationships(objects: Iterable[ObjectDescribe]) -> Iterator[FieldDescribe]:
    """Yield the lookups of the objects that can be followed, each relationship name once."""
    seen = set[str]()
    for known in objects:
        for field in known.fields.values():
            if field.relationship_name and field.reference_to and field.relationship_name.lower() not in seen:
                seen.add(field.relationship_name.lower())
                yield field


def reached(relationship: str, object_name: str, describes: Describes) -> tuple[ObjectDescribe, ...]:
    """Return the objects that the relationship (``Account.Owner``) leads to; the object itself for an empty one.

    Several for a lookup to several kinds of objects; none where it is unknown, or its objects are hidden.
    """
    found = _visible((object_name,), describes)
    for name in filter(None, relationship.split(".")):
        lookup = next((one for one in relationships(found) if one.relationship_name.lower() == name.lower()), None)
        found = _visible(lookup.reference_to if lookup else (), describes)
    return found


def first_with(objects: Iterable[ObjectDescribe], name: str) -> tuple[ObjectDescribe, FieldDescribe] | None:
    """Return the first of the objects that has a field of the name, with the field."""
    for known in objects:
        field = known.field(name)
        if field is not None:
            return known, field
    return None


def _visible(names: Iterable[str], describes: Describes) -> tuple[ObjectDescribe, ...]:
    return tuple(known for name in names if (known := describes(name)) is not None)

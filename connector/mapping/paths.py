"""Field paths: a field of the primary object, or of an object up to two relationships away (MAP-09, MAP-10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe

MAX_RELATIONSHIPS = 2
OF_SEVERAL_KINDS = frozenset({
    "id", "name", "firstname", "lastname", "email", "username", "alias", "isactive", "type",
})  # fmt: skip
"""What SOQL can read, in lower case, behind a relationship to several kinds of objects, such as a custom object's
``Owner``: the rest would need TYPEOF, and a query with it is refused as a whole.
"""
Describes = Callable[[str], ObjectDescribe | None]
"""Describe of an object by API name; None when it does not exist or is not visible."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup that a path goes through.

    Attributes:
        path: the lookup field, from the primary object (``AccountId``, ``Account.OwnerId``).
        objects: those of the objects it may lead to that have the field with which the path goes on.
    """

    path: str
    objects: tuple[str, ...]


def read_path(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at the path of a row; None where a relationship on the way is empty.

    Names are compared regardless of case, as Salesforce does. Raises KeyError when the row was read without the field.
    """
    value: Any = row
    for name in path.split("."):
        if value is None:
            return None
        value = value[_spelled(value, name)]
    return value


def resolve_path(path: str, object_name: str, describes: Describes) -> FieldDescribe | Problem:
    """Return the describe of the field that the path leads to from the object, or what is wrong with the path.

    A relationship to several objects (``Owner``) leads to the first of them that has the next name, which must be one
    that Salesforce reads there, and the last.
    """
    *relationships, last = path.split(".")
    if len(relationships) > MAX_RELATIONSHIPS:
        return _too_deep(path)
    objects = [object_name]
    for name in relationships:
        if len(objects) > 1:
            return unread_of_several(path, name)
        objects = _targets(objects, name, describes)
        if not objects:
            return _vanished(path, name, object_name)
    if len(objects) > 1 and last.lower() not in OF_SEVERAL_KINDS:
        return unread_of_several(path, last)
    found = (known.field(last) for known in map(describes, objects) if known is not None)
    return next((field for field in found if field is not None), None) or _vanished(path, last, objects[0])


def org_spelling(path: str, object_name: str, describes: Describes) -> str:
    """Return the path as the org spells it; what the org does not know stays as it is."""
    *relationships, last = path.split(".")
    objects, names = [object_name], list[str]()
    for name in relationships:
        field = _relationship(objects, name, describes)
        names.append(field.relationship_name if field else name)
        objects = list(field.reference_to) if field else []
    found = (known.field(last) for known in map(describes, objects) if known is not None)
    field = next((one for one in found if one is not None), None)
    return ".".join((*names, field.name if field else last))


def lookups_on(path: str, object_name: str, describes: Describes) -> tuple[Lookup, ...]:
    """Return the lookups that the path goes through, nearest first; none where the org does not know the path.

    A change of any record that they lead to may change the value at the end of the path: an account's other owner as
    much as the owner's other e-mail address.
    """
    *relationships, last = path.split(".")
    objects, fields = [object_name], list[FieldDescribe]()
    for name in relationships:
        field = _relationship(objects, name, describes)
        if field is None:
            return ()
        fields.append(field)
        objects = list(field.reference_to)
    follows = (*(field.name for field in fields), last)[1:] if fields else ()
    above = [field.relationship_name for field in fields]
    return tuple(
        Lookup(".".join((*above[:place], field.name)), _having(field.reference_to, name, describes))
        for place, (field, name) in enumerate(zip(fields, follows, strict=True))
    )


def _having(objects: tuple[str, ...], name: str, describes: Describes) -> tuple[str, ...]:
    return tuple(one for one in objects if (known := describes(one)) is not None and known.field(name) is not None)


def _targets(objects: list[str], relationship: str, describes: Describes) -> list[str]:
    field = _relationship(objects, relationship, describes)
    return list(field.reference_to) if field else []


def _relationship(objects: list[str], name: str, describes: Describes) -> FieldDescribe | None:
    for known in filter(None, map(describes, objects)):
        for field in known.fields.values():
            if field.relationship_name.lower() == name.lower() and field.reference_to:
                return field
    return None


def _spelled(value: Mapping[str, Any], name: str) -> str:
    if name in value:
        return name
    return next((key for key in value if key.lower() == name.lower()), name)


def _too_deep(path: str) -> Problem:
    return Problem(
        "PATH_TOO_DEEP", "", path, f"A mapping may follow at most {MAX_RELATIONSHIPS} relationships.",
        "Choose a nearer field, or copy the value into one with a formula field and map that.",
    )  # fmt: skip


def _vanished(path: str, name: str, object_name: str) -> Problem:
    return Problem(
        "SALESFORCE_FIELD_MISSING", "", path,
        f"{name} does not exist on {object_name}, or field-level security hides it from the integration user.",
        f"Map an existing field, or give the integration user's permission set read access to {object_name}.{name}.",
    )  # fmt: skip


def unread_of_several(path: str, name: str) -> Problem:
    """Return what is wrong with a path that goes on with the name behind a relationship to several kinds of objects."""
    return Problem(
        "SALESFORCE_FIELD_MISSING", "", path,
        f"{name} stands behind a relationship that leads to several kinds of objects (users and queues, say): "
        "Salesforce reads names and e-mail addresses there, and nothing else.",
        "Map such a field, or copy the value into one of the object with a formula field or a flow and map that.",
    )  # fmt: skip

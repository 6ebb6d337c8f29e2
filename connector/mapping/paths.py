"""Field paths: a field of the primary object, or of an object up to two relationships away (MAP-09, MAP-10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe

MAX_RELATIONSHIPS = 2
Describes = Callable[[str], ObjectDescribe | None]
"""Describe of an object by API name; None when it does not exist or is not visible."""


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

    A relationship to several objects (``Owner``) leads to the first of them that has the next name.
    """
    *relationships, last = path.split(".")
    if len(relationships) > MAX_RELATIONSHIPS:
        return _too_deep(path)
    objects = [object_name]
    for name in relationships:
        objects = _targets(objects, name, describes)
        if not objects:
            return _vanished(path, name, object_name)
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

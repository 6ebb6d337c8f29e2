"""Documents of entities, changed member by member."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


class BadOrder(ValueError):
    """What was asked for is nothing that the catalog could show; the message says why."""


def merge(document: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with ``fields`` put in.

    Args:
        document: left as it is.
        fields: members, nested or by dotted path; null removes, a list replaces. Among terms and rules the names are
            their types: ``Rules.AvailabilityRule.OffersMaxQuantity``.

    Raises:
        BadOrder: a path leads through something that has no members.
    """
    merged = copy.deepcopy(document)
    _merge(merged, fields, "")
    return merged


def _merge(node: Any, fields: Mapping[str, Any], place: str) -> None:
    for path, value in fields.items():
        name, _, rest = path.partition(".")
        where = f"{place}.{name}" if place else name
        if isinstance(node, list):
            _put_part(node, name, {rest: value} if rest else value, where)
        else:
            _put_member(node, name, {rest: value} if rest else value, where)


def _put_member(node: dict[str, Any], name: str, value: Any, where: str) -> None:
    if value is None:
        node.pop(name, None)
    elif not isinstance(value, Mapping):
        node[name] = copy.deepcopy(value)
    else:
        child = node.setdefault(name, {})
        if not isinstance(child, dict | list):
            raise BadOrder(f"{where} is {child!r}, which has no members")
        _merge(child, value, where)


def _put_part(parts: list[Any], kind: str, value: Any, where: str) -> None:
    if not all(isinstance(one, dict) for one in parts):
        raise BadOrder(f"{where} leads into a list of {parts}, which have no types; replace the list")
    part = next((one for one in parts if one.get("Type") == kind), None)
    if value is None:
        parts[:] = [one for one in parts if one is not part]
        return
    if not isinstance(value, Mapping):
        raise BadOrder(f"{where} must be an object, or null")
    if part is None:
        part = {"Type": kind}
        parts.append(part)
    _merge(part, value, where)


def refuse_unknown(members: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    """Raise BadOrder when there is a member that AWS describes nowhere."""
    unknown = sorted(set(members) - known)
    if unknown:
        raise BadOrder(f"{what} has no member {', '.join(unknown)}; it has {', '.join(sorted(known))}")

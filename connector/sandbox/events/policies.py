"""Who may do what, by the statements of an IAM or queue policy: as much of it as templates of events use."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to do.

    Attributes:
        action: such as ``sqs:SendMessage``.
        resource: ARN of what it is done to.
        context: condition keys, such as ``aws:SourceArn``.
        service: who asks, such as ``events.amazonaws.com``; None where the policy is attached to the asker.
    """

    action: str
    resource: str
    context: Mapping[str, str]
    service: str | None = None


def permits(policy: Mapping[str, Any], wish: Wish) -> bool:
    """Tell whether the policy allows it: one statement does and none denies."""
    statements = [one for one in policy["Statement"] if _applies(one, wish)]
    effects = {one["Effect"] for one in statements}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], wish: Wish) -> bool:
    principal = statement.get("Principal", {})
    services = ["*"] if principal == "*" else _several(principal.get("Service", []))
    if wish.service is not None and not _any_like(wish.service, services):
        return False
    if not _any_like(wish.action.lower(), (one.lower() for one in _several(statement["Action"]))):
        return False
    if "Resource" in statement and not _any_like(wish.resource, _several(statement["Resource"])):
        return False
    conditions = statement.get("Condition", {})
    return all(_meets(operator, pairs, wish.context) for operator, pairs in conditions.items())


def _meets(operator: str, pairs: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    if operator not in {"StringEquals", "StringLike", "ArnEquals", "ArnLike"}:
        raise ValueError(f"condition operator {operator!r} is not played here")
    for key, wanted in pairs.items():
        value = context.get(key)
        if value is None:
            return False
        fits = value in _several(wanted) if operator == "StringEquals" else _any_like(value, _several(wanted))
        if not fits:
            return False
    return True


def _several(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]


def _any_like(value: str, shapes: Iterable[str]) -> bool:
    """Compare with ``*`` and ``?``; brackets mean themselves in policies."""
    return any(fnmatch.fnmatchcase(value, shape.replace("[", "[[]")) for shape in shapes)

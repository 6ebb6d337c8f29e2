"""Reading and writing API structures by the path notation of :mod:`connector.ace.catalogue`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

Json = dict[str, Any]
"""A request or an answer as JSON values; timestamps are ISO 8601 text in UTC."""

_STEP = re.compile(r"\{(?P<several>[^}]+)\}|(?P<member>\w+)(?:\[(?P<selector>[^]]+)\])?")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a member, an element of a list member, or several members at the end."""

    member: str
    selector: str = ""
    several: tuple[str, ...] = ()


@cache
def parse(path: str) -> tuple[Step, ...]:
    """Return the steps of a path."""
    return tuple(_step(match) for match in _STEP.finditer(path))


def _step(match: re.Match[str]) -> Step:
    if match["several"]:
        return Step("", several=tuple(match["several"].split()))
    return Step(match["member"], match["selector"] or "")


def get(tree: Any, path: str) -> Any:
    """Return the value at ``path``, None where there is none.

    Of several members the values are joined by a space, of every element by a line break.
    """
    return _get(tree, parse(path))


def _get(tree: Any, steps: tuple[Step, ...]) -> Any:
    if not steps or tree is None:
        return tree
    step, rest = steps[0], steps[1:]
    if step.several:
        return " ".join(str(tree[name]) for name in step.several if tree.get(name)) or None
    value = tree.get(step.member)
    if step.selector == "*":
        texts = (_get(element, rest) for element in value or ())
        return "\n".join(str(text) for text in texts if text) or None
    return _get(_element(value, step.selector) if step.selector else value, rest)


def put(tree: Json, path: str, value: Any) -> None:
    """Set the value at ``path``, making the structures above it; None takes it away and makes nothing."""
    *above, last = parse(path)
    for step in above:
        below = _child(tree, step, create=value is not None)
        if below is None:
            return
        tree = below
    if value is None:
        tree.pop(last.member, None)
    else:
        tree[last.member] = value


def _child(tree: Json, step: Step, *, create: bool) -> Json | None:
    if not step.selector:
        if create and tree.get(step.member) is None:
            tree[step.member] = {}
        found: Json | None = tree.get(step.member)
        return found
    if create and tree.get(step.member) is None:
        tree[step.member] = []
    element = _element(tree.get(step.member), step.selector)
    if element is None and create:
        element = _new_element(step.selector)
        tree[step.member].append(element)
    return element


def _element(elements: list[Json] | None, selector: str) -> Json | None:
    """Return the first element that the selector names, or None."""
    if selector == "0":
        return next(iter(elements or ()), None)
    key, _, wanted = selector.partition("=")
    return next((element for element in elements or () if element.get(key) == wanted), None)


def _new_element(selector: str) -> Json:
    key, _, wanted = selector.partition("=")
    return {key: wanted} if wanted else {}


def pruned(value: Any) -> Any:
    """Return the value without empty texts, lists, structures and nulls at any depth; None when nothing is left."""
    if isinstance(value, dict):
        kept = {name: member for name, inner in value.items() if (member := pruned(inner)) is not None}
        return kept or None
    if isinstance(value, list):
        return [member for inner in value if (member := pruned(inner)) is not None] or None
    return None if value == "" else value

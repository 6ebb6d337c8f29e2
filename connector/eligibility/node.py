"""One compiled part of a formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connector.eligibility.context import Context
from connector.eligibility.fault import FormulaError, Position
from connector.eligibility.values import UNKNOWN, Kind, Value, kind_name

Run = Callable[[Context], Value]

DEPTH_LIMIT = 100
"""Deeper nesting than any person writes; refused so that no formula can exhaust the stack."""


@dataclass(frozen=True, slots=True)
class Node:
    """An expression that is ready to run.

    Attributes:
        run: computes the value.
        kind: the kind of the value, UNKNOWN when only the fields' types tell.
        position: where it stands.
        fields: the names that it reads, as written.
        depth: how deeply it is nested.
        name: the field or global, when the expression is nothing but that.
    """

    run: Run
    kind: Kind
    position: Position
    fields: frozenset[str] = frozenset()
    depth: int = 1
    name: str = ""


def compose(run: Run, kind: Kind, position: Position, parts: Iterable[Node]) -> Node:
    """Return the node of an expression made of parts. Raises FormulaError when it is nested too deeply."""
    parts = tuple(parts)
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > DEPTH_LIMIT:
        raise FormulaError(f"the formula is nested more than {DEPTH_LIMIT} levels deep", "Split it up.", position)
    return Node(run, kind, position, frozenset().union(*(part.fields for part in parts)), depth)


def truth(node: Node) -> Callable[[Context], bool | None]:
    """Return a function that computes the node as a condition: True, False, or None when it is unknown.

    Raises FormulaError: at once, or when run, if the value is no Boolean.
    """

    def refuse(kind: Kind) -> FormulaError:
        return FormulaError(
            f"a condition must be Boolean, not {kind_name(kind)}", "Compare the value with something.", node.position
        )

    if node.kind not in (UNKNOWN, bool, type(None)):
        raise refuse(node.kind)
    run = node.run

    def condition(context: Context) -> bool | None:
        value = run(context)
        if value is None or isinstance(value, bool):
            return value
        raise refuse(type(value))

    return condition

"""Which records a lookup takes: the filters of lookup fields that are required.

Supported are conditions on fields of the record looked up, against a literal, all of which must be met. A source with
another kind of filter is refused when it is read, so that none is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: the field of the record looked up, an operation of ``OPERATIONS``, and the literal."""

    field: str
    operation: str
    value: str


@dataclass(frozen=True, slots=True)
class LookupFilter:
    """The conditions of a lookup, and what is said when a record does not meet them."""

    conditions: tuple[Condition, ...]
    message: str

    def admits(self, row: Mapping[str, object]) -> bool:
        """Tell whether the stored row of the record looked up meets all conditions."""
        found = {name.lower(): value for name, value in row.items()}
        return all(
            OPERATIONS[one.operation](_shown(found.get(one.field.lower())), one.value.casefold())
            for one in self.conditions
        )


def _shown(value: object) -> str:
    """Return a stored value as a condition's literal says it, without regard to case; blank for none."""
    return "" if value is None else str(value).casefold()


OPERATIONS: Mapping[str, Callable[[str, str], bool]] = {
    "equals": lambda value, literal: value == literal,
    "notEqual": lambda value, literal: value != literal,
    "contains": lambda value, literal: literal in value,
    "notContain": lambda value, literal: literal not in value,
    "startsWith": lambda value, literal: value.startswith(literal),
}

"""What a formula is evaluated against: one record, the globals, the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from connector.eligibility.fault import FormulaError
from connector.eligibility.values import NUMBER_TYPES, Value, assumed_type, from_rest

Resolve = Callable[[str], Any]
Types = Callable[[str], str] | Mapping[str, str]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a formula reads.

    Attributes:
        resolve: returns the raw REST value (or a formula value) of a dotted name; raises KeyError for a name that it
            does not know.
        now: the time, aware.
        types: describe's type word by dotted name: a mapping (names in lower case), or a function that returns an empty
            string for names that it does not know. Without a type, audit dates and standard ids are known by name, all
            else by its value.
        user_timezone: the running user's time zone, which decides what day it is.
        is_new: the record is being created (ISNEW).
        is_clone: the record is being created as a copy (ISCLONE).
        prior: like ``resolve``, with the values from before the change; None when nothing is changing.
        blank_as_zero: read empty numbers as 0, as a formula field does that is set to treat blanks so.
    """

    resolve: Resolve
    now: datetime
    types: Types = field(default_factory=dict)
    user_timezone: tzinfo = UTC
    is_new: bool = False
    is_clone: bool = False
    prior: Resolve | None = None
    blank_as_zero: bool = False

    def read(self, name: str) -> Value:
        """Return the value of a field or global.

        Raises FormulaError: the name is unknown, or the value is not of its type.
        """
        return self._typed(name, self.resolve)

    def read_prior(self, name: str) -> Value:
        """Return the value from before the change; the present value when nothing is changing, or the record is new."""
        return self._typed(name, self.resolve if self.prior is None or self.is_new else self.prior)

    def type_of(self, name: str) -> str:
        """Return describe's word for the type of a field; an empty string when it is unknown."""
        known = self.types.get(name.lower(), "") if isinstance(self.types, Mapping) else self.types(name)
        return known or assumed_type(name)

    def _typed(self, name: str, resolve: Resolve) -> Value:
        field_type = self.type_of(name)
        try:
            raw = resolve(name)
        except KeyError:
            raise FormulaError(
                f"the field {name} is not known here",
                "Check its spelling, and that the integration user may see the field.",
            ) from None
        try:
            value = from_rest(raw, field_type)
        except FormulaError as error:
            raise FormulaError(f"{name}: {error.problem}", error.remedy) from error
        return ZERO if value is None and self.blank_as_zero and field_type in NUMBER_TYPES else value


def row_resolver(row: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> Resolve:
    """Return a resolver over one Salesforce REST row, without regard to case.

    A path that leads through an empty lookup gives None. A name that the row does not have is looked for in ``extra``.

    Args:
        row: the row; related rows are nested (``{"Account": {"Name": …}}``).
        extra: values of other names, keyed by the whole dotted name (``$Setup.Settings__c.Field__c``).
    """
    folded: dict[int, dict[str, Any]] = {}
    others = {name.lower(): value for name, value in (extra or {}).items()}

    def members(node: Mapping[str, Any]) -> dict[str, Any]:
        # Keyed by identity: the row and what is nested in it live as long as this resolver does.
        if id(node) not in folded:
            folded[id(node)] = {name.lower(): value for name, value in node.items()}
        return folded[id(node)]

    def resolve(name: str) -> Any:
        path = name.lower()
        if path in others:
            return others[path]
        node: Any = row
        for segment in name.split("."):
            if node is None:
                return None
            if not isinstance(node, Mapping):
                raise KeyError(name)
            member = segment.partition(":")[0]
            node = node[member] if member in node else members(node)[member.lower()]
        return node

    return resolve

"""Formula fields, validation rules and default values, computed over stored rows."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from connector.eligibility.formula import Context, EvaluationError, Formula, compile_formula
from connector.sandbox.salesforce.schema import NUMBER_TYPES, Field, Schema, SObject
from connector.sandbox.salesforce.storage import Storage
from connector.sandbox.salesforce.values import Stored, show, stamp

Row = Mapping[str, Stored]
Globals = Callable[[str], Any]


@lru_cache(maxsize=1024)
def compiled(text: str) -> Formula:
    """Return the formula of that text; each text is read once."""
    return compile_formula(text)


def names_in(text: str) -> list[str]:
    """Return the fields and globals that a formula names, in a fixed order."""
    return sorted(compiled(text).fields)


def to_stored(field: Field, value: Any) -> Stored:
    """Return the stored form of a formula's result."""
    if field.type == "boolean":
        return int(bool(value))
    if value is None or value == "":
        return None
    if field.type in NUMBER_TYPES:
        return float(Decimal(value).quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, time):
        return f"{value:%H:%M:%S}.000Z"
    return value.isoformat() if isinstance(value, date) else str(value)


class Formulas:
    """Evaluates formulas over the rows of one org. ``permits`` tells whether a user has a custom permission."""

    def __init__(
        self, schema: Schema, storage: Storage, now: Callable[[], datetime], permits: Callable[[str, str], bool]
    ) -> None:  # fmt: skip
        self._schema, self._storage, self._now, self._permits = schema, storage, now, permits

    def globals(self, user_id: str) -> Globals:
        """Return what ``$User``, ``$Setup`` and the other globals mean to that user, read when asked."""
        cache: dict[str, Any] = {}

        def resolve(name: str) -> Any:
            key = name.lower()
            if key not in cache:
                cache[key] = self._global(user_id, name.split("."))
            return cache[key]

        return resolve

    def _global(self, user_id: str, path: list[str]) -> Any:
        scope = path[0].lower()
        if scope == "$setup":
            return self._setup(user_id, path)
        if scope == "$permission":
            return self._permits(user_id, ".".join(path[1:]))
        user = self._storage.row(self._schema["User"], user_id) or {}
        if scope == "$user":
            return self.reader(self._schema["User"], user, self.globals(user_id))(".".join(path[1:]))
        if scope == "$profile":
            profile = self._schema["Profile"]
            row = self._storage.row(profile, str(user.get("ProfileId"))) or {}
            return self.reader(profile, row, self.globals(user_id))(".".join(path[1:]))
        if scope == "$organization":
            organization = self._schema["Organization"]
            only = self._storage.execute('SELECT Id FROM "Organization"').fetchone()
            row = self._storage.row(organization, only[0]) or {}
            return self.reader(organization, row, self.globals(user_id))(".".join(path[1:]))
        raise KeyError(".".join(path))

    def _setup(self, user_id: str, path: list[str]) -> Any:
        """Merge the rows of a hierarchy custom setting: user before profile before organization, field by field."""
        setting = self._schema.get(path[1])
        field = setting.field(path[2]) if setting and setting.custom_setting == "Hierarchy" else None
        if setting is None or field is None:
            raise KeyError(".".join(path))
        user = self._storage.row(self._schema["User"], user_id) or {}
        sql = f'SELECT SetupOwnerId, "{field.name}" FROM "{setting.name}" WHERE IsDeleted = 0'
        rows = dict(self._storage.execute(sql).fetchall())
        organization = next((owner for owner in rows if owner.startswith("00D")), "")
        for owner in (user_id, user.get("ProfileId"), organization):
            if rows.get(owner) is not None:
                return show(field, rows[owner])
        return show(field, 0 if field.type == "boolean" else None)

    def reader(self, sobject: SObject, row: Row, resolve_global: Globals) -> Globals:
        """Return a resolver of field names and paths over one row."""

        def resolve(name: str) -> Any:
            if name.startswith("$"):
                return resolve_global(name)
            head, _, rest = name.partition(".")
            if rest:
                return self._follow(sobject, row, head, rest, resolve_global)
            field = sobject.field(head)
            if field is None:
                raise KeyError(name)
            if field.calculated:
                return show(field, self.value(field, resolve, self.types(sobject)))
            return show(field, row.get(field.name))

        return resolve

    def _follow(self, sobject: SObject, row: Row, head: str, rest: str, resolve_global: Globals) -> Any:
        field = sobject.parent(head)
        if field is None:
            raise KeyError(f"{head}.{rest}")
        target = row.get(field.name)
        parent = self._schema.by_prefix(str(target)) if target else self._schema[field.reference_to[-1]]
        parent_row = self._storage.row(parent, str(target)) if parent and target else None
        if parent is None or parent_row is None:
            return None
        return self.reader(parent, parent_row, resolve_global)(rest)

    def types(self, sobject: SObject) -> Callable[[str], str]:
        """Return a function that tells describe's type of a field name or path of the object; "" when unknown."""

        def type_of(name: str) -> str:
            if name.lower().startswith("$permission."):
                return "boolean"
            if (field := self.field(sobject, name)) is None:
                return ""
            return field.type

        return type_of

    def field(self, sobject: SObject, name: str) -> Field | None:
        """Return the field that a name or path of a formula on the object stands for."""
        parts = name.split(".")
        if parts[0].lower() in {"$setup", "$user", "$profile", "$organization"}:
            target = parts[1] if parts[0].lower() == "$setup" else parts[0][1:]
            known = self._schema.get(target)
            return known.field(parts[-1]) if known else None
        for part in parts[:-1]:
            reference = sobject.parent(part)
            parent = self._schema.get(reference.reference_to[-1]) if reference else None
            if parent is None:
                return None
            sobject = parent
        return sobject.field(parts[-1])

    def value(self, field: Field, resolve: Globals, types: Callable[[str], str]) -> Stored:
        """Return a formula field's value; None where Salesforce shows ``#Error!``."""
        context = Context(resolve=resolve, now=self._now(), types=types, blank_as_zero=field.blanks_as_zero)
        try:
            return to_stored(field, compiled(field.formula).evaluate(context))
        except EvaluationError:
            return to_stored(field, None)

    def broken(self, formula: str, sobject: SObject, new: Row, old: Row | None, resolve_global: Globals) -> bool:
        """Tell whether a validation rule's condition holds for the row about to be saved."""
        prior = self.reader(sobject, old, resolve_global) if old is not None else None
        context = Context(
            resolve=self.reader(sobject, new, resolve_global), now=self._now(), types=self.types(sobject),
            is_new=old is None, prior=prior,
        )  # fmt: skip
        return compiled(formula).holds(context)

    def default(self, field: Field, user_id: str) -> Stored:
        """Return a field's default value for a new row of that user."""
        text = field.default.strip()
        if field.type == "boolean":
            return int(text.lower() == "true")
        if not text:
            return field.initial
        if not re.search(r'[("$+&]', text):
            return float(text) if field.type in NUMBER_TYPES else text
        context = Context(resolve=self.globals(user_id), now=self._now().astimezone(UTC), types=lambda _name: "")
        return to_stored(field, compiled(text).evaluate(context))

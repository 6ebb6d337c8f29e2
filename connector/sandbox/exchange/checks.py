"""Rules that hold for any record of a file: keys, types, lengths, standard values, and what may change when."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connector.sandbox.exchange.definitions import Field

Record = dict[str, Any]
_LARGEST = 10**16
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class Judged:
    """One record of a file as it would leave what is stored, and everything found wrong with it.

    Attributes:
        given: the record as the file has it, in the usual spelling.
        stored: what is stored; None for a new record.
        after: the stored record with the given fields; null takes a value away.
        errors: one message per broken rule.
    """

    given: Record
    stored: Record | None
    fields: Mapping[str, Field]
    after: Record = field(init=False)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.after = {**(self.stored or {}), **self.given}

    def fail(self, name: str, message: str) -> None:
        """Note one broken rule of a field."""
        self.errors.append(f"{name}: {message}")

    def has(self, name: str) -> bool:
        """Whether the record has a value there."""
        return self.after.get(name) not in (None, "", [])

    def require(self, name: str, when: str = "") -> None:
        """Note the field as missing when it has no value."""
        if not self.has(name):
            self.fail(name, f"Required field is missing{when}.")

    @property
    def changed(self) -> list[str]:
        """The fields whose value the record changes, in its order."""
        stored = self.stored or {}
        return [name for name, value in self.given.items() if not same(value, stored.get(name))]


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: nothing is nothing, however it is written."""
    return one == other or (one in (None, "", []) and other in (None, "", []))


def parts(value: str) -> list[str]:
    """Return the values of a multiple choice."""
    return [part.strip() for part in value.split(";") if part.strip()]


def check_form(judged: Judged, *, lenient: frozenset[str] = frozenset()) -> None:
    """Judge every given value by its definition; of ``lenient`` fields any standard value is taken."""
    for name, value in judged.given.items():
        defined = judged.fields.get(name)
        if defined is None:
            judged.fail(name, "Field is not defined for this version.")
        elif not same(value, None) and not same(value, (judged.stored or {}).get(name)):
            _check_value(judged, defined, value, defined.values if name not in lenient else ())


def _check_value(judged: Judged, defined: Field, value: Any, values: tuple[str, ...]) -> None:
    wrong = _KINDS[defined.kind](value)
    if wrong:
        judged.fail(defined.name, f"Invalid data type: {wrong}.")
        return
    if isinstance(value, str) and defined.length is not None and len(value) > defined.length:
        judged.fail(defined.name, f"Data value too large: {len(value)} characters, maximum length {defined.length}.")
    chosen = parts(value) if defined.kind == "multi" else [value]
    for each in chosen if values else ():
        if each not in values:
            judged.fail(defined.name, f"Invalid value '{each}'; it is not one of the standard values.")


def _wrong_text(value: Any) -> str:
    return "" if isinstance(value, str) else f"expected text, got {value!r}"


def _wrong_email(value: Any) -> str:
    if isinstance(value, str) and _EMAIL.fullmatch(value):
        return ""
    return f"{value!r} is no e-mail address"


def _wrong_date(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            date.fromisoformat(value)
            return ""
        except ValueError:
            pass
    return f"{value!r} is no date of the form YYYY-MM-DD"


def _wrong_number(value: Any, decimals: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is no number"
    if not abs(value) < _LARGEST:
        return f"{value!r} is out of range"
    number = Decimal(str(value))
    if number != round(number, decimals):
        return f"{value!r} has more than {decimals} decimals" if decimals else f"{value!r} is no whole number"
    return ""


def _wrong_list(value: Any) -> str:
    good = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    return "" if good else f"expected a list of texts, got {value!r}"


_KINDS: dict[str, Callable[[Any], str]] = {
    "text": _wrong_text,
    "pick": _wrong_text,
    "multi": _wrong_text,
    "email": _wrong_email,
    "date": _wrong_date,
    "list": _wrong_list,
    "whole": lambda value: _wrong_number(value, 0),
    "money": lambda value: _wrong_number(value, 2),
}


def check_locks(judged: Judged, marks: str, state: str) -> None:
    """Refuse changes of fields that none of the marks allows to change in that state of the record."""
    for name in judged.changed:
        defined = judged.fields.get(name)
        if defined is not None and not set(marks) & set(defined.marks):
            judged.fail(name, f"Field cannot be changed {state}.")


def check_masked(judged: Judged, masked: Mapping[str, Any], accepts: str) -> None:
    """What is hidden until acceptance cannot be changed before, nor by the record that accepts."""
    for name in judged.changed:
        if name in masked and not same(judged.given[name], masked[name]):
            judged.fail(name, f"Field is visible and editable only after acceptance by {accepts}.")

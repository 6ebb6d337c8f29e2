"""From one value, as it stands in Salesforce, to the value of an ACE field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.ace.catalogue import AceField, FieldType
from connector.ace.record import Value
from connector.errors import Problem, RecordRejected
from connector.mapping.model import FieldMapping
from connector.mapping.picklists import to_ace_value

_FLOAT_DIGITS = 15
"""Significant decimal digits that a binary floating point number always keeps."""
_PHONE_PUNCTUATION = re.compile(r"[\s().\-]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_SEPARATORS = re.compile(r"[;\r\n]")


def is_empty(raw: Any) -> bool:
    """Return whether nothing stands in the field: no value, or blank text. False and 0 are values."""
    return raw is None or (isinstance(raw, str) and not raw.strip())


def to_ace_field(item: FieldMapping, ace: AceField, raw: Any) -> Value:
    """Return the canonical value of what stands in the mapped Salesforce field, None of an empty one.

    Raises RecordRejected naming every value that cannot be translated. Nothing is guessed, rounded or cut.
    """
    if is_empty(raw):
        return None
    if ace.type in _LISTS or ace.type is FieldType.PICKLIST or item.picklist is not None:
        return _choices(item, ace, raw)
    return _CONVERSIONS[ace.type](ace, raw)


def parse_moment(raw: Any) -> datetime | None:
    """Return the moment in UTC, or None when it is none or has no offset."""
    try:
        if isinstance(raw, str) and _MOMENT.fullmatch(raw):
            raw = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return raw.astimezone(UTC) if isinstance(raw, datetime) and raw.tzinfo is not None else None


def _choices(item: FieldMapping, ace: AceField, raw: Any) -> Value:
    """Return one value or several, translated; all values that are not mapped are reported together."""
    texts = _entries(ace, raw) if ace.type in _LISTS else (_choice_text(item, ace, raw),)
    if ace.type is FieldType.TEXT_LIST and item.picklist is None:
        return texts or None
    found: list[str] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            found.append(to_ace_value(item, ace, text))
        except RecordRejected as refusal:
            problems.extend(refusal.problems)
    if problems:
        raise RecordRejected(tuple(problems))
    if ace.type not in _LISTS:
        return found[0]
    return tuple(dict.fromkeys(found)) or None


def _choice_text(item: FieldMapping, ace: AceField, raw: Any) -> str:
    if not isinstance(raw, bool):
        return _text(ace, raw)
    if item.picklist is not None:
        return "true" if raw else "false"
    return "Yes" if raw else "No"


def _entries(ace: AceField, raw: Any) -> tuple[str, ...]:
    parts = (part.strip() for part in _SEPARATORS.split(_text(ace, raw)))
    return tuple(dict.fromkeys(part for part in parts if part))


def _text(ace: AceField, raw: Any) -> str:
    if not isinstance(raw, str):
        raise _refusal("NOT_A_TEXT", ace, str(raw), "The field takes text.", "Map a text field to it.")
    return raw.replace("\r\n", "\n").replace("\r", "\n").strip()


def _email(ace: AceField, raw: Any) -> str:
    return _text(ace, raw).lower()


def _phone(ace: AceField, raw: Any) -> str:
    if not ace.pattern:  # a lead's, which AWS takes in any form
        return _text(ace, raw)
    number = _PHONE_PUNCTUATION.sub("", _text(ace, raw))
    if not re.fullmatch(ace.pattern, number):
        raise _refusal("PHONE_NOT_INTERNATIONAL", ace, raw,
                       "AWS takes a plus sign, country code and number, 15 digits at most.",
                       "Write it with its country code and without an extension, such as +12065550100.")  # fmt: skip
    return number


def _amount(ace: AceField, raw: Any) -> Decimal:
    number = _decimal(raw)
    if number is None or not number.is_finite():
        raise _refusal("NOT_A_NUMBER", ace, str(raw), "The field takes a number.", "Map a number field to it.")
    return number


def _decimal(raw: Any) -> Decimal | None:
    """Return the exact decimal of the number, or None: a float beyond 15 digits may not be what a person wrote."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str | Decimal):
        return None
    try:
        number = Decimal(repr(raw) if isinstance(raw, float) else raw)
    except InvalidOperation:
        return None
    if isinstance(raw, float) and len(number.normalize().as_tuple().digits) > _FLOAT_DIGITS:
        return None
    return number


def _integer(ace: AceField, raw: Any) -> int:
    number = _amount(ace, raw)
    if number != number.to_integral_value():
        raise _refusal("NOT_WHOLE", ace, str(raw), "The field takes a whole number.", "Write it without decimals.")
    return int(number)


def _boolean(ace: AceField, raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise _refusal("NOT_A_CHECKBOX", ace, str(raw), "The field takes true or false.", "Map a checkbox to it.")
    return raw


def _date(ace: AceField, raw: Any) -> date:
    text = raw.isoformat() if isinstance(raw, date) else str(raw)
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # 2026-02-30: refused below
    raise _refusal("NOT_A_DATE", ace, text, "The field takes a calendar date.", "Map a date field to it.")


def _datetime(ace: AceField, raw: Any) -> datetime:
    moment = parse_moment(raw)
    if moment is None:
        raise _refusal("NOT_A_DATETIME", ace, str(raw), "The field takes a date and time with an offset.",
                       "Map a date/time field to it.")  # fmt: skip
    return moment


def _refusal(code: str, ace: AceField, value: str, rule: str, remedy: str) -> RecordRejected:
    return RecordRejected((Problem(code, ace.name, value, rule, remedy),))


_LISTS = frozenset({FieldType.MULTI_PICKLIST, FieldType.TEXT_LIST})
_CONVERSIONS: Mapping[FieldType, Callable[[AceField, Any], Value]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.URL: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.AMOUNT: _amount,
    FieldType.INTEGER: _integer,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
}

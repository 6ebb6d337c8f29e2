"""From a Salesforce row to the canonical record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.ace.catalogue import AceField, FieldType, Owner
from connector.ace.record import Value
from connector.errors import Problem, RecordRejected
from connector.mapping import model
from connector.mapping.fit import unknown_field
from connector.mapping.paths import read_path
from connector.mapping.picklists import to_ace_value

_FLOAT_DIGITS = 15
"""Significant decimal digits that a binary floating point number always keeps."""
_E164 = re.compile(r"\+[1-9]\d{1,14}")
_PHONE_PUNCTUATION = re.compile(r"[\s().\-]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_SEPARATORS = re.compile(r"[;\r\n]")


def select_paths(mapping: model.Mapping) -> tuple[str, ...]:
    """Return the fields to query for the mapping, relationship paths included, each once, in the mapping's order."""
    by_name = {item.path.lower(): item.path for item in reversed(mapping.fields)}
    return tuple(dict.fromkeys(by_name[item.path.lower()] for item in mapping.fields))


def to_ace(
    mapping: model.Mapping, row: Mapping[str, Any], catalogue: Mapping[str, AceField]
) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Return the canonical record of a row, and the values that could not be translated.

    A mapped field that is empty is None; a field that is not mapped, belongs to AWS, or has a problem is missing.
    Nothing is guessed, rounded or cut.

    Args:
        mapping: the mapping of the row's object.
        row: the row, related values nested; a relationship that is empty gives None.
        catalogue: every ACE field of the record type by name.
    """
    record: dict[str, Value] = {}
    problems: list[Problem] = []
    for item in mapping.fields:
        ace = catalogue.get(item.ace_field)
        if ace is None:
            problems.append(unknown_field(item))
        elif ace.owner is Owner.PARTNER:
            try:
                record[ace.name] = _value(item, ace, row)
            except RecordRejected as refusal:
                problems.extend(refusal.problems)
    return record, tuple(problems)


def snapshot(mapping: model.Mapping, row: Mapping[str, Any]) -> dict[str, str | None]:
    """Return every mapped value of a row as text by path, for telling whether it changed.

    Equal values give equal text however they are written: decimals of any scale, moments in any offset, line ends,
    empty text and none. A field that the row was read without counts as none.
    """
    return {path: _plain(_read_or_none(row, path)) for path in select_paths(mapping)}


def _value(item: model.FieldMapping, ace: AceField, row: Mapping[str, Any]) -> Value:
    try:
        raw = read_path(row, item.path)
    except KeyError:
        raise _refusal("FIELD_NOT_READ", ace, "", f"The row was read without {item.path}.",
                       "Grant the integration user read access to the field.") from None  # fmt: skip
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if ace.type in _LISTS or ace.type is FieldType.PICKLIST or item.picklist is not None:
        return _choices(item, ace, raw)
    return _CONVERSIONS[ace.type](ace, raw)


def _choices(item: model.FieldMapping, ace: AceField, raw: Any) -> Value:
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


def _choice_text(item: model.FieldMapping, ace: AceField, raw: Any) -> str:
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
    number = _PHONE_PUNCTUATION.sub("", _text(ace, raw))
    if not _E164.fullmatch(number):
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
    moment = _moment(raw)
    if moment is None:
        raise _refusal("NOT_A_DATETIME", ace, str(raw), "The field takes a date and time with an offset.",
                       "Map a date/time field to it.")  # fmt: skip
    return moment


def _moment(raw: Any) -> datetime | None:
    """Return the moment in UTC, or None when it is none or has no offset."""
    try:
        if isinstance(raw, str) and _MOMENT.fullmatch(raw):
            raw = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return raw.astimezone(UTC) if isinstance(raw, datetime) and raw.tzinfo is not None else None


def _read_or_none(row: Mapping[str, Any], path: str) -> Any:
    try:
        return read_path(row, path)
    except KeyError:
        return None


def _plain(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    moment = _moment(value)
    if moment is not None:
        return moment.isoformat()
    if isinstance(value, int | float | Decimal):
        return _plain_number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\r\n", "\n").replace("\r", "\n").strip() or None


def _plain_number(number: Decimal) -> str:
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


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

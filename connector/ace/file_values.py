"""Values between the canonical record and the ACE bucket's flat JSON.

The bucket spells some standard values otherwise than the Selling API (``Computers & Electronics``), names countries in
words, joins several picklist values by semicolons, and hides what a partner may not see yet behind a label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from connector import data
from connector.ace.catalogue import AceField, FieldType
from connector.ace.file_json import FileValue
from connector.ace.record import Value
from connector.ace.text import UnreadableValueError, unescaped
from connector.ace.values import match_value
from connector.data.values import countries

_MASK = "accept to view"
_SEPARATOR = ";"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_NUMBER = 30
"""Digits before or after the point beyond which a number is no amount, and only costs memory."""
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}


def is_masked(value: Any) -> bool:
    """Return whether the value is the label behind which AWS hides a customer's data until a referral is accepted.

    AWS writes it ``Accept to View`` and ``Accept To View``.
    """
    parts = value if isinstance(value, list | tuple) and len(value) == 1 else (value,)
    return all(isinstance(part, str) and part.strip().casefold() == _MASK for part in parts)


def to_file(field: AceField, value: Value) -> FileValue:
    """Return the canonical value as a partner's file writes it, None for None."""
    match value:
        case None:
            return None
        case tuple() if field.type is FieldType.TEXT_LIST:
            return [_bucket_spelling(field, part) for part in value]
        case tuple():
            return _SEPARATOR.join(_bucket_spelling(field, part) for part in value)
        case Decimal():
            return _number(value)
        case datetime():
            moment = value.astimezone(UTC)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
        case date():
            return value.isoformat()
        case str():
            return _bucket_spelling(field, value)
        case _:
            return value


def from_file(field: AceField, value: Any) -> Value:
    """Return the canonical value of a value of AWS's file, None for an empty one.

    A picklist value that AWS's list does not have stays as it is: what AWS sends is not checked. Raises
    UnreadableValueError when the value is not of the field's type.
    """
    value = unescaped(value)
    if value is None or value == [] or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return _read(field, value)
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise UnreadableValueError(f"{field.name}: the value is no {field.type.value.replace('_', ' ')}") from error


def _read(field: AceField, value: Any) -> Value:
    match field.type:
        case FieldType.MULTI_PICKLIST | FieldType.TEXT_LIST:
            return _several(field, value)
        case FieldType.AMOUNT:
            return _decimal(value)
        case FieldType.INTEGER:
            return _integer(value)
        case FieldType.BOOLEAN:
            return _flag(value)
        case FieldType.DATE:
            return _day(value)
        case FieldType.DATETIME:
            return _moment(value)
        case _:
            return _house_spelling(field, _words(value))


def _several(field: AceField, value: Any) -> tuple[str, ...] | None:
    parts = value if isinstance(value, list) else _words(value).split(_SEPARATOR)
    texts = (_words(part).strip() for part in parts if part is not None)
    return tuple(dict.fromkeys(_house_spelling(field, text) for text in texts if text)) or None


def _words(value: Any) -> str:
    """Return a JSON value as text. Raises ValueError for a structure; ``true`` is the ``Yes`` of AWS's picklists."""
    match value:
        case str():
            return value
        case bool():
            return "Yes" if value else "No"
        case int() | float() | Decimal():
            return format(_decimal(value), "f")
        case _:
            raise ValueError("a text was expected")


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("a number was expected")
    number = Decimal(str(value).strip() if isinstance(value, str | float) else value)
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER or len(number.as_tuple().digits) > 60:
        raise ValueError("a number of usual size was expected")
    return _number_of(number)


def _number_of(number: Decimal) -> Decimal:
    """Return the number without trailing zeros behind the point, as the canonical record keeps amounts."""
    whole, _, decimals = format(number or Decimal(0), "f").partition(".")
    decimals = decimals.rstrip("0")
    return Decimal(f"{whole}.{decimals.ljust(2, '0')}" if decimals else whole)


def _number(amount: Decimal) -> int | Decimal:
    """Return the amount as a JSON number: whole where it is whole, since AWS refuses ``1041.0`` in such fields."""
    return int(amount) if amount == amount.to_integral_value() else amount


def _integer(value: Any) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise ValueError("a whole number was expected")
    return int(number)


def _flag(value: Any) -> bool:
    text = _words(value).strip().casefold()
    if text not in _FLAGS:
        raise ValueError("Yes or No was expected")
    return _FLAGS[text]


def _day(value: Any) -> date:
    """Return the calendar day that a date or a moment names; AWS's are GMT, and no day shifts (OUT-12)."""
    text = value.strip()[:10] if isinstance(value, str) else ""
    if not _DAY.fullmatch(text):
        raise ValueError("a date was expected")
    return date.fromisoformat(text)


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a date and a time were expected")
    moment = datetime.fromisoformat(value.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _house_spelling(field: AceField, text: str) -> str:
    if not field.value_list:
        return text
    known = _from_bucket(field.value_list)
    return known.get(text) or match_value(field.value_list, text.strip()) or text


def _bucket_spelling(field: AceField, text: str) -> str:
    if field.name == "offers":
        # The API names an offer by its ARN, of which the bucket knows the last part only.
        return text.rpartition("/")[2]
    return _to_bucket(field.value_list).get(text, text) if field.value_list else text


@cache
def _to_bucket(value_list: str) -> Mapping[str, str]:
    if value_list == "country":
        return {country.code: country.s3_names[0] for country in countries() if country.s3_names}
    found: Mapping[str, str] = data.read("file_values.json").get(value_list, {})
    return found


@cache
def _from_bucket(value_list: str) -> Mapping[str, str]:
    return {text: value for value, text in _to_bucket(value_list).items()}

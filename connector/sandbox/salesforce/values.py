"""One field's value: from JSON or CSV to what is stored, refused as Salesforce refuses it, and back to JSON.

Stored: text, ISO dates, datetimes in the API's own form (``2026-11-23T01:02:03.000+0000``), numbers, 0 and 1
for checkboxes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.ids import normalise
from connector.sandbox.salesforce.schema import Field

Stored = str | int | float | None
_EMAIL = re.compile(r"[^@\s,;<>()\[\]\\\"]+@[^@\s,;<>()\[\]\\\".]+(\.[^@\s,;<>()\[\]\\\".]+)+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?(Z|[+-]\d{2}:?\d{2})")
_TIME = re.compile(r"(\d{2}:\d{2}:\d{2})(?:\.(\d{1,3}))?Z?")
YEARS = range(1700, 4001)


def stamp(moment: datetime) -> str:
    """Return the API's form of a point in time: UTC, whole seconds, no colon in the offset."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def read_stamp(text: str) -> datetime:
    """Return the point in time that a stored datetime stands for."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.000%z")


def parse_datetime(text: str) -> datetime | None:
    """Return the point in time of an ISO 8601 text with an offset, or None."""
    if not (match := _DATETIME.fullmatch(text)):
        return None
    try:
        found = datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))
        return found.astimezone(UTC) if found.year in YEARS else None
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> date | None:
    """Return the calendar date of a text ``YYYY-MM-DD``, or None."""
    if not _DATE.fullmatch(text):
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def unreadable(field: Field, value: Any) -> ApiError:
    """Return the error for a JSON value of the wrong kind."""
    token = {str: "VALUE_STRING", bool: "VALUE_TRUE" if value is True else "VALUE_FALSE", int: "VALUE_NUMBER_INT"}.get(
        type(value), "VALUE_NUMBER_FLOAT" if isinstance(value, float | Decimal) else "START_OBJECT"
    )
    token, shown = ("VALUE_NULL", "null") if value is None else (token, value)
    return ApiError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token} value {shown} or request may be missing a required "
        "field at [line:1, column:1]",
        [field.name],
    )


def store(field: Field, value: Any) -> Stored:
    """Return what is stored for ``value``; text is trimmed and "" means no value.

    Raises:
        ApiError: with Salesforce's code for a value of the wrong kind, too long, out of range or not in the list.
    """
    if isinstance(value, str):
        value = value.strip() or None
    if value is None:
        if field.type == "boolean":
            raise unreadable(field, None)
        return None
    return READERS.get(field.type, _text)(field, value)


def _text(field: Field, value: Any) -> Stored:
    if not isinstance(value, str):
        raise unreadable(field, value)
    if field.length and len(value) > field.length:
        raise ApiError(
            "STRING_TOO_LONG", f"{field.label}: data value too large: {value} (max length={field.length})", [field.name]
        )
    return value


def _email(field: Field, value: Any) -> Stored:
    text = _text(field, value)
    if not _EMAIL.fullmatch(str(text)):
        raise ApiError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
    return text


def _choice(field: Field, value: Any) -> Stored:
    text = str(_text(field, value))
    if field.restricted and not any(one.value == text for one in field.choices if one.active):
        raise _bad_choice(field, text)
    return text


def _choices(field: Field, value: Any) -> Stored:
    parts = [part.strip() for part in str(_text(field, value)).split(";")]
    wanted = {str(_choice(field, part)) for part in parts if part}
    order = {one.value: place for place, one in enumerate(field.choices)}
    return ";".join(sorted(wanted, key=lambda one: (order.get(one, len(order)), one))) or None


def _bad_choice(field: Field, text: str) -> ApiError:
    return ApiError(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{field.label}: bad value for restricted picklist field: {text}",
        [field.name],
    )


def _boolean(field: Field, value: Any) -> Stored:
    if isinstance(value, str) and value.lower() in {"true", "false", "1", "0"}:
        return int(value.lower() in {"true", "1"})
    if not isinstance(value, bool):
        raise unreadable(field, value)
    return int(value)


def _decimal(field: Field, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise unreadable(field, value)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise unreadable(field, value) from None
    if not number.is_finite():
        raise unreadable(field, value)
    return number


def _out_of_range(field: Field, value: Any) -> ApiError:
    return ApiError(
        "NUMBER_OUTSIDE_VALID_RANGE",
        f"{field.label}: value outside of valid range on numeric field: {value}",
        [field.name],
    )


def _number(field: Field, value: Any) -> Stored:
    number = _decimal(field, value)
    if abs(number) >= Decimal(10) ** ((field.precision or 18) - field.scale):
        raise _out_of_range(field, value)
    return float(number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _integer(field: Field, value: Any) -> Stored:
    number = _decimal(field, value)
    if number != number.to_integral_value():
        raise unreadable(field, value)
    if abs(number) >= 10 ** (field.length or 9):
        raise _out_of_range(field, value)
    return int(number)


def _date(field: Field, value: Any) -> Stored:
    found = parse_date(value) if isinstance(value, str) else None
    if found is None:
        raise unreadable(field, value)
    return found.isoformat()


def _datetime(field: Field, value: Any) -> Stored:
    found = parse_datetime(value) if isinstance(value, str) else None
    if found is None:
        raise unreadable(field, value)
    return stamp(found)


def _time(field: Field, value: Any) -> Stored:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise unreadable(field, value)
    return f"{match[1]}.{(match[2] or '').ljust(3, '0')}Z"


def _reference(field: Field, value: Any) -> Stored:
    if not isinstance(value, str):
        raise unreadable(field, value)
    found = normalise(value)
    if found is None:
        raise ApiError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", [field.name])
    return found


READERS: dict[str, Callable[[Field, Any], Stored]] = {
    "email": _email,
    "picklist": _choice,
    "multipicklist": _choices,
    "boolean": _boolean,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _integer,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "reference": _reference,
    "id": _reference,
}


def show(field: Field, stored: Stored) -> Any:
    """Return the JSON value for a stored one."""
    if field.type == "boolean":
        return bool(stored)
    return stored

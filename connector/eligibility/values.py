"""The values that formulas compute with, and how Salesforce's REST values become such values and back.

Types are Python types: ``str`` is Text, ``Decimal`` Number, ``bool`` Boolean, ``date``, ``datetime`` (aware, UTC) and
``time`` are themselves; picklist values have types of their own because the language lets few functions touch them.
``None`` is an empty number, date or lookup. Text fields are never null: an empty one is ``""``.
Facts marked [U] are common knowledge of the platform, not checked against it.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, DecimalException, InvalidOperation
from types import NoneType
from typing import Any

from connector.eligibility.fault import FormulaError


class Picklist(str):
    """The value of a single-select picklist; empty when nothing is chosen."""

    __slots__ = ()


class MultiPicklist(str):
    """The values of a multi-select picklist, joined by semicolons; empty when nothing is chosen."""

    __slots__ = ()

    @property
    def choices(self) -> frozenset[str]:
        return frozenset(self.split(";")) if self else frozenset()


Value = str | Decimal | bool | date | datetime | time | None
Kind = type
UNKNOWN: Kind = object
"""The kind of an expression that only the fields' types decide."""

KIND_NAMES: dict[Kind, str] = {
    str: "Text",
    Decimal: "Number",
    bool: "Boolean",
    date: "Date",
    datetime: "Date/Time",
    time: "Time",
    Picklist: "Picklist",
    MultiPicklist: "Multi-Select Picklist",
    NoneType: "Null",
}

ARITHMETIC = decimal.Context(
    prec=38,
    rounding=decimal.ROUND_HALF_UP,
    Emin=-200,
    Emax=200,
    traps=[InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
"""[U] Salesforce computes in decimal numbers with more digits than any field can hold (18); halves go away from zero.
The exponents are bounded so that no formula can make a number that is longer than memory."""

NUMBER_TYPES = frozenset({"int", "long", "double", "currency", "percent"})
REFERENCE_TYPES = frozenset({"id", "reference"})
PICKLIST_TYPES = frozenset({"picklist", "combobox"})
HUNDRED = Decimal(100)
SHORT_ID = 15

AUDIT_DATETIMES = frozenset({"createddate", "lastmodifieddate", "systemmodstamp", "lastvieweddate"})


def kind_name(kind: Kind) -> str:
    """Return the word that Salesforce's people use for a kind."""
    return KIND_NAMES.get(kind, kind.__name__)


def is_blank(value: Value) -> bool:
    """Tell whether a value is null or an empty text."""
    return value is None or value == ""


def assumed_type(name: str) -> str:
    """Return the describe type that a field's name gives away where no describe is at hand, or an empty string.

    Only names that the platform itself fixes are recognised: audit dates and the ids of standard fields.
    """
    leaf = name.rpartition(".")[2].lower()
    if leaf in AUDIT_DATETIMES:
        return "datetime"
    if leaf == "id" or (name.endswith("Id") and not leaf.endswith("__c")):
        return "reference"
    return ""


def from_rest(raw: Any, field_type: str) -> Value:
    """Return the formula value of a raw REST value.

    Args:
        raw: what the REST API returned (text, number, boolean, None), or a value of the formula language.
        field_type: describe's word for the field's type; empty when unknown.

    Raises:
        FormulaError: the value does not fit the type.
    """
    try:
        if raw is None or raw == "":
            return _empty(field_type)
        convert = _CONVERSIONS.get(field_type)
        return convert(raw) if convert else _untyped(raw)
    except (ValueError, DecimalException, TypeError) as error:
        raise FormulaError(
            f"the value {raw!r} is no {field_type or 'known kind of value'}",
            "Check the field's type in Salesforce against the type that was described.",
        ) from error


def to_rest(value: Value, field_type: str = "", scale: int | None = None) -> str | Decimal | bool | None:
    """Return a formula value as the REST API writes it for a field of that type.

    Args:
        value: the value.
        field_type: describe's word for the formula field's type; a percent counts hundredths, a boolean is never null.
        scale: digits after the decimal point, for numbers; None leaves them as computed.
    """
    if value is None or value == "":
        return False if field_type == "boolean" else None
    if isinstance(value, Decimal):
        return _scaled(ARITHMETIC.multiply(value, HUNDRED) if field_type == "percent" else value, scale)
    if isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, datetime):
        milliseconds = value.microsecond // 1000
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds:03d}+0000"
    if isinstance(value, time):
        return value.strftime("%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value.isoformat()


def parse_datetime(text: str) -> datetime:
    """Return the aware UTC datetime of an ISO 8601 text (``2026-11-23T01:02:03.000+0000``). Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def case_safe_id(record_id: str) -> str:
    """Return the 18-character form of a 15-character id; any other text comes back as it is.

    The three characters at the end say which of the others are upper case, five at a time
    (bit i of a group is set when its character i is one of A to Z).
    """
    if len(record_id) != SHORT_ID or not record_id.isalnum() or not record_id.isascii():
        return record_id
    groups = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(_CHECK[sum(1 << i for i, c in enumerate(group) if "A" <= c <= "Z")] for group in groups)


_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def _scaled(number: Decimal, scale: int | None) -> Decimal:
    return number if scale is None else number.quantize(Decimal(1).scaleb(-scale), context=ARITHMETIC)


def _empty(field_type: str) -> Value:
    if field_type == "boolean":
        return False  # A checkbox is never null; through an empty lookup it reads as not ticked [U].
    if field_type in PICKLIST_TYPES:
        return Picklist()
    if field_type == "multipicklist":
        return MultiPicklist()
    if field_type in NUMBER_TYPES or field_type in REFERENCE_TYPES or field_type in ("", "date", "datetime", "time"):
        return None
    return ""


def _number(raw: Any) -> Decimal:
    if isinstance(raw, bool):
        raise TypeError
    number = ARITHMETIC.create_decimal(str(raw) if isinstance(raw, float) else raw)
    if not number.is_finite():
        raise ValueError
    return number


def _percent(raw: Any) -> Decimal:
    # [U] REST gives 75 for 75 %, a formula computes with 0.75.
    return ARITHMETIC.divide(_number(raw), HUNDRED)


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if str(raw).lower() not in ("true", "false"):
        raise ValueError
    return str(raw).lower() == "true"


def _date(raw: Any) -> date:
    if isinstance(raw, datetime):
        raise TypeError
    return raw if isinstance(raw, date) else date.fromisoformat(raw)


def _datetime(raw: Any) -> datetime:
    if isinstance(raw, datetime):
        return raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)
    return parse_datetime(raw)


def _time(raw: Any) -> time:
    return raw if isinstance(raw, time) else time.fromisoformat(raw).replace(tzinfo=None)


def _short_id(raw: Any) -> str:
    # [U] In a formula an id has 15 characters, which is why CASESAFEID exists.
    return str(raw)[:SHORT_ID]


def _untyped(raw: Any) -> Value:
    if isinstance(raw, bool | str | Decimal | date | time):
        return raw
    return _number(raw)


_CONVERSIONS: dict[str, Callable[[Any], Value]] = {
    "int": _number,
    "long": _number,
    "double": _number,
    "currency": _number,
    "percent": _percent,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "picklist": Picklist,
    "combobox": Picklist,
    "multipicklist": MultiPicklist,
    "id": _short_id,
    "reference": _short_id,
    **dict.fromkeys(("string", "textarea", "email", "phone", "url", "encryptedstring", "anyType"), str),
}

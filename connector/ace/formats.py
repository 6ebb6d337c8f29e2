"""Whether a value fits its field: type, length, pattern and value list, as the Selling API's model states them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from connector.ace import postal
from connector.ace.catalogue import AceField, FieldType
from connector.ace.record import AceRecord, Value
from connector.ace.values import match_value
from connector.errors import Problem

_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.AMOUNT: (Decimal,),
    FieldType.INTEGER: (int,),
    FieldType.BOOLEAN: (bool,),
    FieldType.DATE: (date,),
    FieldType.DATETIME: (datetime,),
    FieldType.MULTI_PICKLIST: (tuple,),
    FieldType.TEXT_LIST: (tuple,),
}
_LONGEST_SHOWN = 100
_CHOOSE = "Choose one of AWS's values, or map the Salesforce value to one."


def shown(value: Value) -> str:
    """Return the value as people read it in a message, long texts cut visibly."""
    text = "; ".join(str(part) for part in value) if isinstance(value, tuple) else "" if value is None else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def problem(field: AceField, code: str, value: Value, rule: str, remedy: str) -> Problem:
    """Return the problem of one field's value."""
    return Problem(code, field.name, shown(value), rule, remedy)


def check(field: AceField, value: Value) -> Iterator[Problem]:
    """Yield what is wrong with a value by itself; nothing for None."""
    if value is None:
        return
    if not _is_of_type(field, value):
        wanted = field.type.value.replace("_", " ")
        yield problem(
            field, "INVALID_TYPE", value, f"{field.label} takes a {wanted}.", "Map a field of a fitting type to it."
        )
        return
    match value:
        case Decimal():
            yield from _check_amount(field, value)
        case str():
            yield from _check_text(field, value)
        case tuple():
            yield from _check_list(field, value)
        case _:
            return


def _is_of_type(field: AceField, value: Value) -> bool:
    wanted = _TYPES.get(field.type, (str,))
    if field.type is FieldType.DATE and isinstance(value, datetime):
        return False
    if field.type is FieldType.INTEGER and isinstance(value, bool):
        return False
    return isinstance(value, wanted)


def _check_amount(field: AceField, amount: Decimal) -> Iterator[Problem]:
    if not amount.is_finite():
        yield problem(field, "INVALID_VALUE", amount, f"{field.label} takes a number.", "Enter an amount.")
        return
    whole, _, decimals = format(amount, "f").lstrip("-").partition(".")
    if len(decimals.rstrip("0")) > field.decimals:
        most = f"at most {field.decimals} decimals" if field.decimals else "a whole number, without decimals"
        rule = f"{field.label} takes {most}; the connector does not round."
        yield problem(field, "INVALID_STRING_FORMAT", amount, rule, "Round the amount in Salesforce.")
    if field.length is not None and len(whole) > field.length:
        rule = f"{field.label} takes at most {field.length} digits before the decimal point."
        yield problem(field, "VALUE_OUT_OF_RANGE", amount, rule, "Enter a smaller amount.")
    if amount < 0:
        yield problem(
            field, "VALUE_OUT_OF_RANGE", amount, f"{field.label} cannot be negative.", "Enter a positive amount."
        )


def _check_text(field: AceField, text: str) -> Iterator[Problem]:
    if field.length is not None and len(text) > field.length:
        rule = f"{field.label} takes at most {field.length} characters; this value has {len(text)}."
        yield problem(field, "TOO_LONG", text, rule, "Shorten the text; the connector does not cut it.")
    if len(text.strip()) < field.min_length:
        rule = f"{field.label} takes at least {field.min_length} characters; this value has {len(text.strip())}."
        yield problem(field, "TOO_SHORT", text, rule, "Write more.")
    yield from _check_pattern(field, text)
    yield from _check_value(field, text)


def _check_list(field: AceField, values: tuple[str, ...]) -> Iterator[Problem]:
    if field.max_values is not None and len(values) > field.max_values:
        rule = f"AWS takes at most {field.max_values} values in {field.label}; there are {len(values)}."
        yield problem(field, "TOO_MANY_VALUES", values, rule, "Remove some values.")
    for value in values:
        yield from _check_pattern(field, value)
        yield from _check_value(field, value)


def _check_pattern(field: AceField, text: str) -> Iterator[Problem]:
    if field.pattern and not re.fullmatch(field.pattern, text):
        yield problem(
            field, "INVALID_STRING_FORMAT", text, f"{field.label} takes {field.format}.", "Correct the value."
        )


def _check_value(field: AceField, text: str) -> Iterator[Problem]:
    if not field.values or text in field.values:
        return
    meant = match_value(field.value_list, text)
    remedy = f"Write it as AWS does: {meant!r}." if meant else _CHOOSE
    yield problem(field, "INVALID_ENUM_VALUE", text, f"{field.label} does not have this value in AWS's list.", remedy)


def check_postal_code(field: AceField, record: AceRecord) -> Iterator[Problem]:
    """Yield what is wrong with the postal code in the record's country.

    AWS asks for a code in every country that has codes, except for national security in the United States.
    """
    country, code = str(record.get("country") or ""), record.get("postalCode")
    if not country or (country == "US" and record.get("doesOppBelongToNatSec") == "Yes"):
        return
    if not postal.has_postal_codes(country):
        if code is not None:
            rule = f"Addresses in {country} have no postal code."
            yield problem(field, "INVALID_VALUE", code, rule, "Clear the postal code, or correct the country.")
    elif code is None:
        rule = f"Addresses in {country} need a postal code."
        yield problem(field, "REQUIRED_FIELD_MISSING", code, rule, "Fill in the postal code.")
    elif not postal.matches(country, str(code)):
        rule = f"Postal codes in {country} look like {postal.formats(country)} (9 a digit, A a letter, X either)."
        yield problem(field, "INVALID_STRING_FORMAT", code, rule, "Correct the postal code or the country.")

"""Values on their way between canonical types and the texts of AWS's channels."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from connector.ace.catalogue import AceField, FieldType, opportunity_fields
from connector.ace.postal import has_postal_codes
from connector.ace.record import AceRecord, Value

_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
_PHONE_FILLERS = re.compile(r"[\s().\-\u2010-\u2015/]+")
_NO_POSTAL_CODE = "99999"
_MARKETPLACE = "arn:aws:aws-marketplace:"
_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
"""Letters of ASCII only: others may become several, and the code too long."""
_MANY = {FieldType.MULTI_PICKLIST, FieldType.TEXT_LIST}


class UnreadableValueError(ValueError):
    """AWS sent a value that is not of the field's type."""


def unescaped(value: Any) -> Any:
    """Return the JSON value with HTML entities in its texts decoded.

    GetOpportunity escapes some texts twice (``&amp;colon;``), hence two rounds. An entity ends with a semicolon here,
    so that the ``&copy=`` of a web address stays what it is.
    """
    if isinstance(value, str):
        return _decode(_decode(value)) if "&" in value else value
    if isinstance(value, Mapping):
        return {name: unescaped(member) for name, member in value.items()}
    if isinstance(value, list):
        return [unescaped(member) for member in value]
    return value


def _decode(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text)


def decimal_text(amount: Decimal) -> str:
    """Return the amount as AWS takes it: no exponent, no separators, no or at least two decimals; never rounded."""
    # A zero loses its sign, which AWS does not take.
    whole, _, decimals = format(amount or Decimal(0), "f").partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals.ljust(2, '0')}" if decimals else whole


def to_api(value: Value) -> Any:
    """Return the canonical value as the Selling API's JSON value, None for None."""
    match value:
        case None:
            return None
        case Decimal():
            return decimal_text(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case tuple():
            return list(value)
        case bool():
            return value
        case _:
            return str(value)


def from_api(field: AceField, value: Any) -> Value:
    """Return the canonical value of an API value. Raises UnreadableValueError when it is not of the field's type."""
    if value is None or value == "" or value == []:
        return None
    try:
        return _READERS.get(field.type, str)(value)
    except (ValueError, InvalidOperation, TypeError) as error:
        raise UnreadableValueError(f"{field.name}: AWS's value is no {field.type.value}") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _many(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in ([values] if isinstance(values, str) else values) if value)


_READERS: Mapping[FieldType, Callable[[Any], Value]] = {
    FieldType.AMOUNT: lambda value: Decimal(str(value)),
    FieldType.INTEGER: int,
    FieldType.BOOLEAN: bool,
    FieldType.DATE: lambda value: date.fromisoformat(value[:10]),
    FieldType.DATETIME: _moment,
    FieldType.MULTI_PICKLIST: _many,
    FieldType.TEXT_LIST: _many,
}


def outgoing(record: AceRecord) -> dict[str, Value]:
    """Return the record in the form that AWS keeps, so that it can be compared with what AWS answers.

    E-mail addresses are lower case, postal codes upper case, telephone numbers bare of spaces and punctuation, amounts
    without trailing zeros, and the bucket's placeholder postal code is gone where the country has no codes. HTML
    entities (of a rich text field) are decoded, as they are in every answer: otherwise such a text would never equal
    what is read back, and once it is locked AWS would refuse each update. Nothing is guessed: what stays wrong, the
    rules name.
    """
    fields = opportunity_fields()
    kept = {name: _outgoing(fields[name], value) if name in fields else value for name, value in record.items()}
    code = kept.get("postalCode")
    if code == _NO_POSTAL_CODE and not has_postal_codes(str(kept.get("country"))):
        kept["postalCode"] = None
    elif isinstance(code, str):
        kept["postalCode"] = code.translate(_UPPER)
    return kept


def _outgoing(field: AceField, value: Value) -> Value:
    match value:
        case str() if field.type is FieldType.EMAIL:
            return value.strip().lower() or None
        case str() if field.type is FieldType.PHONE:
            return _PHONE_FILLERS.sub("", value) or None
        case str():
            return str(unescaped(value)) or None
        case tuple() if field.type in _MANY:
            return tuple(dict.fromkeys(part for part in value if part)) or None
        case Decimal() if value.is_finite():
            return Decimal(decimal_text(value))
        case _:
            return value


def same(one: Value, other: Value) -> bool:
    """Return whether two canonical values mean the same: the order of several values does not count, nor whether an
    entity of AWS Marketplace is named by its ARN or, as in files, by its id.
    """
    if isinstance(one, tuple) and isinstance(other, tuple):
        return set(map(_bare, one)) == set(map(_bare, other))
    return one == other


def named_as_at_aws(record: AceRecord, at_aws: AceRecord) -> AceRecord:
    """Return the record with the ARNs that AWS has for entities which the record names by their ids alone."""
    arns = {_bare(part): part for value in at_aws.values() if isinstance(value, tuple) for part in value}
    return {
        name: tuple(arns.get(part, part) for part in value) if isinstance(value, tuple) else value
        for name, value in record.items()
    }


def _bare(part: str) -> str:
    return part.rpartition("/")[2] if part.startswith(_MARKETPLACE) else part

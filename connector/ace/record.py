"""The canonical record: what every side translates to and from.

Keys are ACE names: the S3 field name (``customerCompanyName``), or, where a field has none, its API path in lower
camel case (``project.awsPartition``). Values are typed: ``str``, ``Decimal`` for amounts, ``date``, aware UTC
``datetime``, ``int``, ``bool``, or a tuple of ``str`` for everything with several values. Picklist values are spelled
as the Selling API spells them (``Computers and Electronics``, country ``US``). A missing key means *not known here*
(not mapped); ``None`` means *known to be empty*. Empty strings and empty tuples do not occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Value = str | Decimal | int | bool | date | datetime | tuple[str, ...] | None
AceRecord = Mapping[str, Value]


def to_json(record: AceRecord) -> dict[str, Any]:
    """Return the record as plain JSON values, each typed value as ``[type, text]``, for the state file."""
    return {name: _dump(value) for name, value in record.items()}


def from_json(data: Mapping[str, Any]) -> dict[str, Value]:
    """Return the record that :func:`to_json` wrote."""
    return {name: _load(value) for name, value in data.items()}


def _dump(value: Value) -> Any:
    match value:
        case datetime():
            return ["datetime", value.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case Decimal():
            return ["decimal", str(value)]
        case tuple():
            return ["list", *value]
        case _:
            return value


def _load(value: Any) -> Value:
    if not isinstance(value, list):
        return value  # type: ignore[no-any-return]
    kind, *rest = value
    match kind:
        case "datetime":
            return datetime.fromisoformat(rest[0])
        case "date":
            return date.fromisoformat(rest[0])
        case "decimal":
            return Decimal(rest[0])
        case _:
            return tuple(rest)

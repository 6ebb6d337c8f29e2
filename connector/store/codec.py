"""How values become text in the state file: JSON that keeps decimals exact, and time stamps that sort as text."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_DECIMAL = "$decimal"


def dump(value: Any) -> str:
    """Return ``value`` as compact JSON with sorted keys; a ``Decimal`` keeps every digit it came with.

    Raises TypeError for a type that JSON has no form for, ValueError for a number that is not finite.
    """
    return _ENCODER.encode(value)


def load(text: str) -> Any:
    """Return the value that :func:`dump` wrote."""
    found: Any = _DECODER.decode(text)
    return found


def stamp(moment: datetime) -> str:
    """Return the moment as UTC text of fixed width, so that text order is time order. Raises ValueError if naive."""
    if moment.tzinfo is None:
        raise ValueError(f"time stamp {moment!r} has no time zone; pass an aware datetime in UTC")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Return the aware UTC datetime that :func:`stamp` wrote, or that any ISO 8601 text with an offset names."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return {_DECIMAL: str(value)}
    raise TypeError(f"the state cannot keep a value of type {type(value).__name__}; pass JSON values or Decimal")


def _decode(members: dict[str, Any]) -> Any:
    """Return the decimal that stands for itself; what AWS or a person named so stays what it is."""
    text = members.get(_DECIMAL) if len(members) == 1 else None
    if not isinstance(text, str):
        return members
    with suppress(InvalidOperation):
        number = Decimal(text)
        return number if number.is_finite() else members
    return members


_ENCODER = json.JSONEncoder(default=_encode, sort_keys=True, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(object_hook=_decode)

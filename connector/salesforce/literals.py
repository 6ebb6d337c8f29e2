"""Values as SOQL literals, HTTP dates and JSON: nothing reaches a query or a body except through here.

simple-salesforce's own formatting reads naive datetimes as local time, refuses decimals and lets empty lists through
(``format_soql``, 1.12.10), hence ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
CHECK_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
FIELD_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}")
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")


def text_literal(value: str) -> str:
    """Return the text as a SOQL string literal; every character that could end or bend it is escaped."""
    return f"'{value.translate(ESCAPES)}'"


def list_literal(values: Iterable[str]) -> str:
    """Return ``('a','b')`` for ``IN``. Raises ValueError when there is no value: SOQL has no empty list."""
    literals = [text_literal(value) for value in values]
    if not literals:
        raise ValueError("SOQL knows no empty list: do not ask when there is no value")
    return f"({','.join(literals)})"


def datetime_literal(moment: datetime) -> str:
    """Return the moment, floored to the second that Salesforce stamps with, as a UTC literal. Raises ValueError when
    naive.
    """
    return require_aware(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(moment: datetime) -> str:
    """Return the moment, floored to the second, as HTTP writes it (``Mon, 23 Nov 2026 01:02:03 GMT``)."""
    return format_datetime(require_aware(moment).astimezone(UTC).replace(microsecond=0), usegmt=True)


def require_aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone means nothing to Salesforce; use aware UTC")
    return moment


def api_name(name: str) -> str:
    """Return the object or field name unchanged. Raises ValueError when it is not one: names cannot be escaped in
    SOQL.
    """
    if not API_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a Salesforce API name")
    return name


def field_path(name: str) -> str:
    """Return the field or relationship path (``Account.Owner.Name``) unchanged. Raises ValueError when it is none."""
    if not FIELD_PATH.fullmatch(name):
        raise ValueError(f"{name!r} is not a Salesforce field or relationship path")
    return name


def id18(record_id: str) -> str:
    """Return the 18-character form of a 15- or 18-character id. Raises ValueError for anything else.

    The three check characters say, per group of five, which characters are capitals.
    """
    if not RECORD_ID.fullmatch(record_id):
        raise ValueError(f"{record_id!r} is not a Salesforce record id")
    stem = record_id[:15]
    groups = (stem[start : start + 5] for start in (0, 5, 10))
    return stem + "".join(
        CHECK_ALPHABET[sum(1 << bit for bit, char in enumerate(group) if char.isupper())] for group in groups
    )


def is_record_id(value: str) -> bool:
    """Tell whether the text has the shape of a record id (a shape says nothing about existence)."""
    return RECORD_ID.fullmatch(value) is not None


def to_json(value: Any) -> str:
    """Return JSON in which decimals keep every digit: the standard encoder would force them through a float.

    Dates and datetimes become ISO 8601 text (datetimes in UTC). Raises ValueError for a number that JSON cannot
    express.
    """
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(to_json(item) for item in value) + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that Salesforce can store")
        return format(value, "f")
    if isinstance(value, datetime):
        return json.dumps(require_aware(value).astimezone(UTC).isoformat(timespec="milliseconds"))
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    return json.dumps(value, allow_nan=False)

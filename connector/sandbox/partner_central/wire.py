"""Values as they travel: date-times, HTML escaping of free text, pruning of nulls."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)")

# Free text that GetOpportunity returns escaped; which fields the service escapes is not documented beyond four of them.
ESCAPED = (
    ("Customer", "Account", "CompanyName"),
    ("Customer", "Account", "OtherIndustry"),
    ("Project", "Title"),
    ("Project", "CustomerBusinessProblem"),
    ("Project", "CustomerUseCase"),
    ("Project", "OtherCompetitorNames"),
    ("Project", "OtherSolutionDescription"),
    ("Project", "AdditionalComments"),
    ("LifeCycle", "NextSteps"),
)


def parse_timestamp(text: str) -> datetime | None:
    """Return the moment, cut to microseconds, or None when the text is no date-time with a time zone."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return None
    seconds, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None
    return moment.astimezone(UTC) + timedelta(microseconds=int((fraction or "0").ljust(9, "0")[:6]))


def format_timestamp(moment: datetime) -> str:
    """Return the moment in seconds, milliseconds or microseconds, whichever it needs, as the service does."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if moment.microsecond == 0:
        return text + "Z"
    if moment.microsecond % 1000 == 0:
        return f"{text}.{moment.microsecond // 1000:03d}Z"
    return f"{text}.{moment.microsecond:06d}Z"


def format_nanoseconds(moment: datetime) -> str:
    """Return the moment with nine decimals, as engagements and invitations carry them."""
    nanoseconds = moment.microsecond * 1000 + (moment.microsecond * 7 + moment.second) % 999 + 1
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{nanoseconds:09d}Z"


def escape(text: str) -> str:
    """Return text as GetOpportunity returns it: the colon becomes an entity, then every ampersand does."""
    return text.replace(":", "&colon;").replace("&", "&amp;")


def escape_fields(fields: dict[str, Any]) -> None:
    """Escape the free text of an answer in place."""
    for *parents, last in ESCAPED:
        node: Any = fields
        for name in parents:
            node = node.get(name) or {}
        if isinstance(node.get(last), str):
            node[last] = escape(node[last])
    for entry in (fields.get("LifeCycle") or {}).get("NextStepsHistory") or []:
        entry["Value"] = escape(entry["Value"])


def prune(value: Any) -> Any:
    """Return the value without null members, at every depth."""
    if isinstance(value, dict):
        return {name: prune(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [prune(element) for element in value]
    return value


def at(value: Any, path: str) -> Any:
    """Return the member at a dotted path, or None when any part is missing."""
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def put(value: dict[str, Any], path: str, member: Any) -> None:
    """Set the member at a dotted path, making structures on the way; None removes it."""
    *parents, last = path.split(".")
    for name in parents:
        value = value.setdefault(name, {})
    if member is None:
        value.pop(last, None)
    else:
        value[last] = member

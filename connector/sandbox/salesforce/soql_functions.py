"""SQL functions that SOQL's operators need."""

from __future__ import annotations

import re
import sqlite3
from functools import lru_cache


@lru_cache(maxsize=512)
def like_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a LIKE pattern: ``%`` any text, ``_`` one character, unless escaped."""
    parts: list[str] = []
    for match in re.finditer(r"\\([_%])|(.)", pattern, re.DOTALL):
        escaped, char = match[1], match[2]
        if escaped:
            parts.append(re.escape(escaped))
        elif char in "%_":
            parts.append(".*" if char == "%" else ".")
        else:
            parts.append(re.escape("\\" if char == "\x00" else char))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def like(value: str | None, pattern: str) -> int | None:
    """Tell whether a text fits a LIKE pattern, without regard to case; None for no text."""
    return None if value is None else int(like_pattern(pattern).fullmatch(value) is not None)


def includes(value: str | None, wanted: str) -> int | None:
    """Tell whether a multi-select value has all the choices in ``wanted`` (``A;B``)."""
    if value is None:
        return None
    present = {part.casefold() for part in value.split(";")}
    return int(all(part.strip().casefold() in present for part in wanted.split(";")))


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("soql_like", 2, like, deterministic=True)
    connection.create_function("soql_includes", 2, includes, deterministic=True)

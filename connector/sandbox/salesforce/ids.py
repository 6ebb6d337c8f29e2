"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum that survives loss of case."""

from __future__ import annotations

import re

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def checksum(id15: str) -> str:
    """Return the three characters that tell which of the fifteen are capitals."""
    groups = (id15[start : start + 5] for start in (0, 5, 10))
    return "".join(CHECKSUM[sum(1 << bit for bit, char in enumerate(group) if "A" <= char <= "Z")] for group in groups)


def normalise(text: str) -> str | None:
    """Return the 18-character form of an id, or None when ``text`` cannot be one.

    The checksum of an 18-character id repairs the case of the other fifteen.
    """
    if not _SHAPE.fullmatch(text):
        return None
    if len(text) == 15:
        return text + checksum(text)
    suffix = text[15:].upper()
    if any(char not in CHECKSUM for char in suffix):
        return None
    fifteen = "".join(
        char.upper() if CHECKSUM.index(suffix[place // 5]) >> (place % 5) & 1 else char.lower()
        for place, char in enumerate(text[:15])
    )
    return fifteen + suffix if checksum(fifteen) == suffix else None


def number(prefix: str, counter: int) -> str:
    """Return the 18-character id of the ``counter``-th record of the object with that three-character ``prefix``."""
    digits = ""
    while counter:
        counter, rest = divmod(counter, 62)
        digits = ALPHABET[rest] + digits
    id15 = f"{prefix}Sb0{digits:0>9}"
    return id15 + checksum(id15)

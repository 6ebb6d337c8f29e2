"""Functions of text. Comparing and searching regard case; positions count from 1; lengths count characters."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache

from connector.eligibility.fault import EvaluationError, FormulaError
from connector.eligibility.functions import NUMBER, TEXT, function
from connector.eligibility.values import ARITHMETIC, Picklist, Value, case_safe_id

NUMERIC = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
ESCAPED = re.compile(r"\\.", re.DOTALL)
NESTED_SET = re.compile(r"\[\^?\]?[^\]]*(\[|&&|\|\||~~|--)")
"""Java's patterns take these for unions and intersections of sets, Python's for plain characters."""
WORD = re.compile(r"[^\W_]+")
SURROGATES = range(0xD800, 0xE000)
TEXTUAL = frozenset({Decimal, date, datetime, time, Picklist, type(None)})
"""What TEXT takes: everything but text itself, Booleans and multi-select picklists."""


@function("TEXT", TEXTUAL, gives=str)
def text(value: Value) -> str:
    """Return numbers without grouping or trailing zeros, dates as ``2026-11-23``, moments with time and ``Z``."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        shown = f"{value:f}"
        return (shown.rstrip("0").rstrip(".") if "." in shown else shown) if value else "0"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, time):
        return value.strftime("%H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    return value.isoformat() if isinstance(value, date) else str(value)


@function("VALUE", TEXT, gives=Decimal)
def value(given: str) -> Decimal | None:
    if not given.strip():
        return None
    if not NUMERIC.fullmatch(given):
        raise EvaluationError(f"VALUE cannot read {given!r} as a number", "Test it with ISNUMBER first.")
    return ARITHMETIC.create_decimal(given.strip())


@function("ISNUMBER", TEXT, gives=bool)
def is_number(given: str) -> bool:
    return NUMERIC.fullmatch(given) is not None


@function("LEN", TEXT, gives=Decimal)
def length(given: str) -> Decimal:
    return Decimal(len(given))


@function("LEFT", TEXT, NUMBER, gives=str)
def left(given: str, count: Decimal) -> str:
    return given[: max(0, int(count))]


@function("RIGHT", TEXT, NUMBER, gives=str)
def right(given: str, count: Decimal) -> str:
    return given[max(0, len(given) - int(count)) :] if count > 0 else ""


@function("MID", TEXT, NUMBER, NUMBER, gives=str)
def middle(given: str, start: Decimal, count: Decimal) -> str:
    first = max(1, int(start)) - 1  # [U] a start before the text counts as its beginning.
    return given[first : first + max(0, int(count))]


@function("UPPER", TEXT, TEXT, gives=str, required=1)
def upper(given: str, _locale: str = "") -> str:
    return given.upper()


@function("LOWER", TEXT, TEXT, gives=str, required=1)
def lower(given: str, _locale: str = "") -> str:
    return given.lower()


@function("TRIM", TEXT, gives=str)
def trim(given: str) -> str:
    return given.strip(" \t\r\n")


@function("INITCAP", TEXT, gives=str)
def capitalised(given: str) -> str:
    """Return each word with its first letter upper and the others lower; a word is letters and digits in a row. [U]"""
    return WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), given)


@function("REVERSE", TEXT, gives=str)
def reverse(given: str) -> str:
    return given[::-1]


@function("ASCII", TEXT, gives=Decimal)
def code_of(given: str) -> Decimal | None:
    """Return the code of the first character, null of an empty text. [U]"""
    return Decimal(ord(given[0])) if given else None


@function("CHR", NUMBER, gives=str)
def character_of(code: Decimal) -> str:
    """Return the character of a code; half of a surrogate pair is none. [U]"""
    if int(code) in SURROGATES:
        raise ValueError
    return chr(int(code))


@function("CONTAINS", TEXT, TEXT, gives=bool)
def contains(given: str, part: str) -> bool:
    """An empty part is contained in every text."""
    return part in given


@function("BEGINS", TEXT, TEXT, gives=bool)
def begins(given: str, start: str) -> bool:
    """Every text begins with an empty one."""
    return given.startswith(start)


@function("FIND", TEXT, TEXT, NUMBER, gives=Decimal, required=2)
def find(part: str, given: str, start: Decimal = Decimal(1)) -> Decimal:
    """Return the position, 0 when there is none."""
    return Decimal(given.find(part, int(start) - 1) + 1) if part and start >= 1 else Decimal(0)


@function("SUBSTITUTE", TEXT, TEXT, TEXT, gives=str)
def substitute(given: str, old: str, new: str) -> str:
    return given.replace(old, new) if old else given


@function("LPAD", TEXT, NUMBER, TEXT, gives=str, required=2)
def pad_left(given: str, width: Decimal, filler: str = " ") -> str:
    """Return the text at that width: filled on the left, or cut at the end when it is longer."""
    return _padding(given, width, filler) + left(given, width)


@function("RPAD", TEXT, NUMBER, TEXT, gives=str, required=2)
def pad_right(given: str, width: Decimal, filler: str = " ") -> str:
    return left(given, width) + _padding(given, width, filler)


LONGEST_TEXT = 131_072


def _padding(given: str, width: Decimal, filler: str) -> str:
    if width > LONGEST_TEXT:
        raise EvaluationError(f"a text of {width} characters is too long", f"Pad to {LONGEST_TEXT} characters at most.")
    missing = int(width) - len(given)
    return (filler * missing)[:missing] if missing > 0 else ""


@function("BR", gives=str)
def line_break() -> str:
    return "<br>"


@function("HYPERLINK", TEXT, TEXT, TEXT, gives=str, required=2)
def hyperlink(url: str, label: str, target: str = "_blank") -> str:
    address, window = html.escape(url), html.escape(target)
    return f'<a href="{address}" target="{window}">{label}</a>'


@function("CASESAFEID", TEXT, gives=str)
def case_safe(given: str) -> str:
    return case_safe_id(given)


@function("REGEX", TEXT, TEXT, gives=bool)
def matches(given: str, pattern: str) -> bool:
    """Tell whether the whole text matches. Patterns are Java's; this takes what Python's have in common."""
    return _pattern(pattern).fullmatch(given) is not None


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    if NESTED_SET.search(ESCAPED.sub("", pattern)):
        raise FormulaError(
            f"the pattern {pattern!r} nests or combines sets of characters, which is not supported here",
            "Write one plain set, or alternatives with |.",
        )
    try:
        return re.compile(pattern)
    except re.error as error:
        raise EvaluationError(f"the pattern {pattern!r} cannot be read ({error})", "Correct the pattern.") from error

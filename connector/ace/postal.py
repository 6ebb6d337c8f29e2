"""Postal codes by country, as AWS checks them when an opportunity is submitted.

Formats are in ``connector/data/countries.json``: ``#`` is a digit, ``@`` a letter, ``?`` either, everything else
itself. AWS prints its formats in another notation; where that is stricter than the codes really are (Ireland), the
wider one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from connector import data

_SYMBOLS = {"#": "[0-9]", "@": "[A-Za-z]", "?": "[0-9A-Za-z]"}
_READABLE = str.maketrans({"#": "9", "@": "A", "?": "X"})


def has_postal_codes(country: str) -> bool:
    """Return whether the country (ISO code) has postal codes; one that AWS says nothing about has."""
    return _rule(country).get("use") != "none"


def matches(country: str, code: str) -> bool:
    """Return whether AWS takes the postal code for the country (ISO code)."""
    patterns = _patterns(country)
    return not patterns or any(pattern.fullmatch(code) for pattern in patterns)


def formats(country: str) -> str:
    """Return the country's formats for people (9 a digit, A a letter, X either), "" where AWS names none."""
    return " or ".join(form.translate(_READABLE) for form in _rule(country).get("formats", ()))


@cache
def _patterns(country: str) -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile("".join(_SYMBOLS.get(sign, re.escape(sign)) for sign in form))
        for form in _rule(country).get("formats", ())
    )


def _rule(country: str) -> Mapping[str, Any]:
    return _rules().get(country, {})


@cache
def _rules() -> Mapping[str, Mapping[str, Any]]:
    return {entry["code"]: entry["postal_code"] for entry in data.read("countries.json")}

"""Values as people type them, and the spelling that AWS takes.

Dashes, ampersands and spaces differ between AWS's own lists, its documents and the orgs. Case does not: ``approved`` is
not ``Approved``, because AWS compares by case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from connector.data.values import standard_values, value_aliases

_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_LOOSE = re.compile(r"\s*([/-])\s*")


def normal_form(text: str) -> str:
    """Return the form in which two spellings of one value are equal.

    Every dash is a hyphen, ``&`` is ``and``, white space is single, and there is none around slashes and hyphens.
    """
    text = _DASHES.sub("-", text.replace("&", " and "))
    return _LOOSE.sub(r"\1", " ".join(text.split()))


def match_value(value_list: str, text: str) -> str | None:
    """Return AWS's spelling of ``text`` in the list of that name, or None when it is no value of it.

    An exact match wins over a normalised one, a value over an alias. Raises KeyError for an unknown list.
    """
    if text in standard_values(value_list):
        return text
    return _spellings(value_list).get(normal_form(text))


@cache
def _spellings(value_list: str) -> Mapping[str, str]:
    aliases = {normal_form(alias): value for alias, value in value_aliases(value_list).items()}
    return aliases | {normal_form(value): value for value in standard_values(value_list)}

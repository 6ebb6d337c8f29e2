"""Facts as data: files in this directory, read once on first use.

``opportunity_fields.json`` and ``lead_fields.json`` hold one object per ACE field of an opportunity and of a lead
(:mod:`connector.ace.catalogue` gives it types), ``standard_values.json`` and ``countries.json`` the value lists,
``value_aliases.json`` other spellings of their values, ``aws_products.json`` the products that can be associated,
``error_hints.json`` what to do about an error of AWS and ``exchange_folders.json`` the folders of the ACE bucket.
``file_fields.json`` says what the bucket's files do otherwise than those facts, ``file_values.json`` how they spell
values that the Selling API spells otherwise. When AWS changes its data model, the files are replaced; no code changes.

Field facts follow the service model of ``partnercentral-selling``; editability and requirements follow AWS's developer
guide, in its stricter reading where it contradicts itself. Lead facts follow AWS's field definitions and samples of the
ACE bucket, the only way that leads travel: their values (lists named ``lead…``) are spelled as in its files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read(name: str) -> Any:
    """Return the content of the data file ``name``. Shared between callers: treat it as read-only."""
    return json.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))


def opportunity_fields() -> list[dict[str, Any]]:
    """Return the facts of every opportunity field, in the order in which people are shown them."""
    fields: list[dict[str, Any]] = read("opportunity_fields.json")
    return fields


def lead_fields() -> list[dict[str, Any]]:
    """Return the facts of every lead field, in the order in which people are shown them."""
    fields: list[dict[str, Any]] = read("lead_fields.json")
    return fields


def error_hint(code: str, message: str = "") -> str:
    """Return what to do about an error of AWS, or "" when there is no advice.

    Args:
        code: AWS's error or validation code.
        message: the error's own text; a known fragment in it is more specific than the code.
    """
    hints: Mapping[str, Any] = read("error_hints.json")
    for hint in hints["aws_messages"]:
        if hint["contains"].casefold() in message.casefold():
            return str(hint["remedy"])
    for group in ("aws_codes", "aws_exceptions"):
        if code in hints[group]:
            return str(hints[group][code])
    return ""


def usual_fields(record_type: str) -> Mapping[str, list[str]]:
    """Return where orgs usually keep an ACE field: paths on standard objects by ACE name, the likeliest first.

    Of a path with a relationship the first part names the relationship or the object that it leads to.
    """
    found: Mapping[str, list[str]] = read("usual_fields.json")[record_type]
    return found


def exchange_folders() -> Mapping[str, Mapping[str, list[str]]]:
    """Return the folders of the ACE bucket by record type and purpose; in use under several names, all are listed.

    *Inbound* and *outbound* are AWS's view: partners write into ``inbound`` and read ``outbound`` and ``results``.
    """
    found: Mapping[str, Mapping[str, list[str]]] = read("exchange_folders.json")
    return found

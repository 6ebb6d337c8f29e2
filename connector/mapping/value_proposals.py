"""Which picklist values may correspond though they are not exactly equal, each with its reason; never automatic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from connector.ace.catalogue import AceField
from connector.ace.values import match_value, normal_form
from connector.mapping.describe import FieldDescribe
from connector.mapping.likeness import words
from connector.mapping.model import FieldMapping
from connector.mapping.picklists import CHECKBOX_VALUES, active_values, open_values

_LEAST_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class ValueProposal:
    """Two values that may mean the same.

    Attributes:
        ace_field: ACE name.
        aws_value, salesforce_value: the two values.
        kind: ``primary`` for an AWS value that has none yet, ``additional`` for a further Salesforce value of one.
        score: 1 to 100.
        reason: in words.
    """

    ace_field: str
    aws_value: str
    salesforce_value: str
    kind: Literal["primary", "additional"]
    score: int
    reason: str


def propose_values(item: FieldMapping, ace: AceField, field: FieldDescribe) -> tuple[ValueProposal, ...]:
    """Return what may correspond among the values that the mapping leaves open, each Salesforce value once at most."""
    if not ace.values or active_values(field) == CHECKBOX_VALUES:
        return ()
    left = open_values(item, ace, field)
    found = sorted(
        (one for text in left.salesforce for one in _thoughts(ace, text)), key=lambda one: (-one[2], one[0], one[1])
    )
    free, used = set(left.aws), set[str]()
    chosen = list[ValueProposal]()
    for aws, text, score, reason in found:
        if text in used:
            continue
        kind: Literal["primary", "additional"] = "primary" if aws in free else "additional"
        used.add(text)
        free.discard(aws)
        chosen.append(ValueProposal(ace.name, aws, text, kind, score, reason))
    order = {value: place for place, value in enumerate(ace.values)}
    return tuple(sorted(chosen, key=lambda one: (order[one.aws_value], one.kind == "additional", one.salesforce_value)))


def _thoughts(ace: AceField, text: str) -> Iterator[tuple[str, str, int, str]]:
    for value in ace.values:
        score, reason = _likeness(ace, value, text)
        if score:
            yield value, text, score, reason


def _likeness(ace: AceField, value: str, text: str) -> tuple[int, str]:
    if value == text:
        return 99, "The values are the same."
    if normal_form(value) == normal_form(text):
        return 95, "The values differ in dashes, ampersands or spaces only."
    if ace.value_list and match_value(ace.value_list, text) == value:
        return 90, f"{text!r} is another spelling of AWS's value."
    if normal_form(value).casefold() == normal_form(text).casefold():
        return 85, "The values differ in upper and lower case only."
    theirs, ours = words(value), words(text)
    shared = theirs & ours
    if not shared or len(shared) / len(theirs | ours) < _LEAST_SHARED:
        return 0, ""
    return round(80 * len(shared) / len(theirs | ours)), f"Both speak of {', '.join(sorted(shared))}."

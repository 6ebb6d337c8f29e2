"""How alike an ACE field and a Salesforce field are, by their names, labels and values."""

from __future__ import annotations

import re
from functools import lru_cache

from connector.ace.catalogue import AceField, Owner
from connector.ace.values import normal_form
from connector.mapping.describe import FieldDescribe
from connector.mapping.picklists import active_values

_SUFFIX = re.compile(r"__(c|pc)$", re.IGNORECASE)
_NAMESPACE = re.compile(r"^[A-Za-z0-9]+__(?=\w+__c$)", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FILLERS = frozenset({"ace", "apn", "the", "of", "is", "does", "from", "to", "for", "in", "a", "an", "this", "and"})
_ALIKE = {
    "mrr": "revenue", "recurring": "revenue", "spend": "revenue", "estimated": "expected", "org": "company",
    "organization": "company", "account": "company", "zip": "postal", "postcode": "postal", "province": "state",
    "region": "state", "town": "city", "url": "website", "web": "website", "phase": "stage", "deal": "opportunity",
    "opp": "opportunity", "client": "customer", "closing": "close", "mail": "email", "telephone": "phone",
    "mobile": "phone", "identifier": "id", "number": "id", "sector": "industry", "vertical": "industry",
    "vendor": "partner", "problem": "description", "summary": "description", "lost": "loss",
    "competitor": "competitive",
}  # fmt: skip
"""Words that admins use for one another."""


@lru_cache(maxsize=8192)
def words(text: str) -> frozenset[str]:
    """Return the words of an API name or a label, in the form in which synonyms are equal."""
    bare = _SUFFIX.sub("", _NAMESPACE.sub("", text)).replace("AWS", "Aws ").replace("aWS", "Aws ")
    found = (word.lower() for word in _WORD.findall(bare))
    return frozenset(_singular(_ALIKE.get(word, word)) for word in found if word not in _FILLERS)


def likeness(ace: AceField, field: FieldDescribe) -> tuple[int, str]:
    """Return how alike names and labels are (0 to 90), and in words why; 0 and "" for nothing in common."""
    # The last part of an API path (``amount``) says too little by itself.
    named = (ace.label, ace.salesforce_name) if "." in ace.name else (ace.name, ace.label, ace.salesforce_name)
    best, reason = 0, ""
    for ours, kind in ((words(field.name), "name"), (words(field.label), "label")):
        for known in map(words, named):
            score = _overlap(known, ours, aws_view=ace.owner is Owner.AWS)
            if score > best:
                best, reason = score, _reason(field, kind, ace, known, ours)
    return best, reason


def same_values(ace: AceField, field: FieldDescribe) -> int:
    """Return how many of AWS's values the picklist has, however they are written."""
    if not ace.values or field.type == "boolean":
        return 0
    offered = set(map(_folded, active_values(field)))
    return sum(_folded(value) in offered for value in ace.values) if offered else 0


@lru_cache(maxsize=8192)
def _folded(value: str) -> str:
    return normal_form(value).casefold()


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _overlap(theirs: frozenset[str], ours: frozenset[str], *, aws_view: bool) -> int:
    """Return the likeness of two sets of words.

    AWS's view of something and the partner's are two things: a field that is named for AWS is AWS's, unless the ACE
    field itself is so named (``awsAccountId``).
    """
    if ("aws" in ours) > ("aws" in theirs) or (aws_view and "aws" in theirs - ours):
        return 0
    theirs, ours = theirs - {"aws"}, ours - {"aws"}
    if not theirs or not ours:
        return 0
    return 90 if theirs == ours else round(80 * len(theirs & ours) / len(theirs | ours))


def _reason(field: FieldDescribe, kind: str, ace: AceField, theirs: frozenset[str], ours: frozenset[str]) -> str:
    shown = field.name if kind == "name" else field.label
    if theirs - {"aws"} == ours - {"aws"}:
        return f"The {kind} {shown!r} says the same as {ace.label!r}."
    return f"The {kind} {shown!r} shares {', '.join(sorted(theirs & ours))} with {ace.label!r}."

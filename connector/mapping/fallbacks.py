"""What stands in where the source of a value is empty: a fixed value or a formula, only where an admin set one.

Nothing here knows the formula language but the names that a formula reads, which are found by its lexical rules alone:
whoever calls hands in how formulas are read (:data:`Inspect`) and computed (:data:`Evaluate`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from connector.ace import formats
from connector.ace.catalogue import AceField, FieldType, Owner, opportunity_fields
from connector.ace.record import AceRecord, Value
from connector.errors import MappingError, Problem, RecordRejected
from connector.mapping import model
from connector.mapping.conversion import to_ace_field
from connector.mapping.paths import Describes, resolve_path

Evaluate = Callable[[str], Any]
"""Compute a formula over one record; raises :class:`FormulaFailed`."""

_TOKEN = re.compile(
    r"""/\*.*?\*/
    | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'
    | [0-9]+(?:\.[0-9]*)? | \.[0-9]+
    | (?P<name>\$?[A-Za-z_][A-Za-z0-9_]*(?:[.:][A-Za-z_][A-Za-z0-9_]*)*)(?P<call>(?:\s|/\*.*?\*/)*\()?""",
    re.DOTALL | re.VERBOSE,
)
_OWNER_TYPE = re.compile(r":\w+")
_CONSTANTS = frozenset({"TRUE", "FALSE", "NULL"})
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_NUMBERS = frozenset({FieldType.AMOUNT, FieldType.INTEGER})

_TEXT, _NUMBER_KIND, _BOOLEAN = "text", "number", "boolean"
_BECOMES: Mapping[FieldType, frozenset[str]] = {
    **dict.fromkeys(FieldType, frozenset({_TEXT})),
    **dict.fromkeys(_NUMBERS, frozenset({_TEXT, _NUMBER_KIND})),
    FieldType.PICKLIST: frozenset({_TEXT, _BOOLEAN}),
    FieldType.BOOLEAN: frozenset({_BOOLEAN}),
    FieldType.DATE: frozenset({_TEXT, "date"}),
    FieldType.DATETIME: frozenset({_TEXT, "datetime"}),
}
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("int", "long", "double", "currency", "percent"), _NUMBER_KIND),
    **{name: name for name in (_BOOLEAN, "date", "datetime", "time")},
}


class FormulaFailed(MappingError):
    """A formula cannot be read or computed.

    Attributes:
        problem: what is wrong, in words, with the place in the formula.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class FormulaFacts:
    """What the text of a formula alone tells.

    Attributes:
        names: the fields and globals that it reads, as written.
        kind: ``text``, ``number``, ``boolean``, ``date``, ``datetime`` or ``time``; empty where only values tell.
    """

    names: frozenset[str]
    kind: str = ""


Inspect = Callable[[str], FormulaFacts]
"""Read a formula without computing it; raises :class:`FormulaFailed`."""


@dataclass(frozen=True, slots=True)
class Used:
    """One stand-in that was used.

    Attributes:
        ace_field, path: the entry of the mapping.
        value: the canonical value.
        formula: what it was computed by, empty for a fixed value.
    """

    ace_field: str
    path: str
    value: Value
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A record of AWS's with stand-ins for what it leaves empty; only to write to Salesforce, never to remember."""

    record: dict[str, Value]
    used: tuple[Used, ...] = ()
    problems: tuple[Problem, ...] = ()


@lru_cache(maxsize=1024)
def formula_names(formula: str) -> tuple[str, ...]:
    """Return the names of fields and globals in a formula, as written; of a text that is no formula, what looks so."""
    found = (match for match in _TOKEN.finditer(formula) if match["name"] and not match["call"])
    return tuple(dict.fromkeys(match["name"] for match in found if match["name"].upper() not in _CONSTANTS))


def formula_calls(formula: str) -> tuple[str, ...]:
    """Return the names of the functions that a formula calls, as written."""
    return tuple(match["name"] for match in _TOKEN.finditer(formula) if match["call"])


def paths_of(fallback: model.Fallback | None) -> tuple[str, ...]:
    """Return the field paths that a fallback's formula reads of the row; none for a fixed value."""
    names = formula_names(fallback.formula) if fallback else ()
    return tuple(_OWNER_TYPE.sub("", name) for name in names if not name.startswith("$"))


def formula_paths(mapping: model.Mapping) -> tuple[str, ...]:
    """Return the paths that fallbacks towards AWS read beside what is mapped, each once."""
    mapped = {item.path.lower() for item in mapping.fields}
    read = (path for item in mapping.fields for path in paths_of(item.to_aws))
    return tuple({path.lower(): path for path in read if path.lower() not in mapped}.values())


def stand_in(item: model.FieldMapping, ace: AceField, fallback: model.Fallback, evaluate: Evaluate | None) -> Value:
    """Return the canonical value that stands in for an empty one, None where the formula gives none.

    Raises:
        RecordRejected: the formula cannot be computed, or what it gives cannot become a value of the field. Nothing is
            guessed.
    """
    raw = _computed(item, fallback, evaluate) if fallback.formula else _fixed(ace, fallback.value)
    try:
        return to_ace_field(item, ace, raw)
    except RecordRejected as refusal:
        raise RecordRejected(tuple(_about(item, problem, fallback) for problem in refusal.problems)) from None


def filled_from_aws(
    mapping: model.Mapping,
    record: AceRecord,
    evaluate: Evaluate | None,
    *,
    only: Collection[str] | None = None,
    catalogue: Mapping[str, AceField] | None = None,
) -> Filled:
    """Return AWS's record with what stands in where it has no value.

    Args:
        mapping: the mapping of the record type.
        record: what AWS knows; a masked value is one.
        evaluate: computes formulas over the record; None where the mapping has none.
        only: ACE names that became empty and are about to be written; None when the record is created, which also
            fills fields whose inbound updates are off.
        catalogue: every ACE field by name; the opportunity's by default.
    """
    known = opportunity_fields() if catalogue is None else catalogue
    found, used, problems = dict(record), list[Used](), list[Problem]()
    for item in mapping.fields:
        ace = known.get(item.ace_field)
        if ace is None or item.from_aws is None or record.get(ace.name) is not None:
            continue
        if only is not None and not (item.inbound and ace.name in only):
            continue
        try:
            value = stand_in(_unmapped(item), ace, item.from_aws, evaluate)
        except RecordRejected as refusal:
            problems.extend(refusal.problems)
            continue
        if value is not None:
            found[ace.name] = value
            used.append(Used(ace.name, item.path, value, item.from_aws.formula))
    return Filled(found, tuple(used), tuple(problems))


def check_fallbacks(
    mapping: model.Mapping, catalogue: Mapping[str, AceField], describes: Describes, inspect: Inspect
) -> Iterable[Problem]:
    """Yield what keeps fallbacks from working; all of it blocks. Unknown ACE fields are left to the mapping's check.

    Args:
        mapping: what to check.
        catalogue: every ACE field of the record type by name.
        describes: describe of an object by name.
        inspect: reads a formula.
    """
    for item in mapping.fields:
        ace = catalogue.get(item.ace_field)
        if ace is None:
            continue
        if item.to_aws is not None:
            yield from _check_towards_aws(mapping, item, ace, describes, inspect)
        if item.from_aws is not None:
            yield from _check_from_aws(item, ace, catalogue, inspect)


def _unmapped(item: model.FieldMapping) -> model.FieldMapping:
    """What stands in for AWS's value is in AWS's spelling: the picklist mapping comes after it."""
    return replace(item, picklist=None)


def _fixed(ace: AceField, text: str) -> Any:
    """Return what a fixed text would be, did it stand in the field. Raises RecordRejected for what is no number."""
    text = text.strip()
    if ace.type is FieldType.BOOLEAN and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if ace.type in _NUMBERS and not _NUMBER.fullmatch(text):
        # A decimal takes more spellings than the API, such as 1_000.
        raise RecordRejected((Problem(
            "NOT_A_NUMBER", ace.name, text, "The fallback is no number.",
            "Write it in digits with a point, such as 1500.50, in the mapping.",
        ),))  # fmt: skip
    return text


def _computed(item: model.FieldMapping, fallback: model.Fallback, evaluate: Evaluate | None) -> Any:
    try:
        if evaluate is None:
            raise FormulaFailed("no record is at hand to compute it for", "Preview a record to see it.")
        return evaluate(fallback.formula)
    except FormulaFailed as error:
        raise RecordRejected((Problem(
            "FALLBACK_FAILED", item.ace_field, fallback.formula,
            f"The value is empty, and its fallback formula cannot be computed: {error.problem}.",
            f"{error.remedy} Correct the formula in the mapping, or fill in {item.path}.",
        ),)) from None  # fmt: skip


def _about(item: model.FieldMapping, problem: Problem, fallback: model.Fallback) -> Problem:
    """Return the problem of a value in words that say where the value came from."""
    source = f"the formula {fallback.formula}" if fallback.formula else "the mapping"
    return replace(
        problem,
        rule=f"It is the fallback for an empty value, from {source}. {problem.rule}",
        remedy=f"Correct the fallback of {item.ace_field} in the mapping, or fill in {item.path}.",
    )


def _check_towards_aws(
    mapping: model.Mapping, item: model.FieldMapping, ace: AceField, describes: Describes, inspect: Inspect
) -> Iterator[Problem]:
    if ace.owner is not Owner.PARTNER:
        yield Problem(
            "FALLBACK_NOT_SENT", ace.name, item.path, "AWS owns the field; nothing is ever sent for it.",
            "Remove the fallback towards AWS.",
        )  # fmt: skip
        return

    def kind_of(name: str) -> str | Problem:
        found = resolve_path(_OWNER_TYPE.sub("", name), mapping.object_name, describes)
        return found if isinstance(found, Problem) else _KINDS.get(found.type, _TEXT)

    fallback = item.to_aws or model.Fallback()
    yield from _check(item, ace, fallback, inspect, lambda name: "" if name.startswith("$") else kind_of(name))


def _check_from_aws(
    item: model.FieldMapping, ace: AceField, catalogue: Mapping[str, AceField], inspect: Inspect
) -> Iterator[Problem]:
    if not ace.inbound:
        yield Problem(
            "FALLBACK_NEVER_RECEIVED", ace.name, item.path, "AWS never returns the field; nothing is written for it.",
            "Remove the fallback towards Salesforce.",
        )  # fmt: skip
        return
    by_name = {name.lower(): known for name, known in catalogue.items()}

    def kind_of(name: str) -> str | Problem:
        known = by_name.get(name.lower())
        if known is None or not known.inbound:
            rule = "AWS has no field of that name, or never returns it."
            return Problem("", "", name, rule, "Use the AWS names of the mapping, such as customerCompanyName.")
        kind = known.type.value
        return _NUMBER_KIND if known.type in _NUMBERS else kind if kind in _KINDS else _TEXT

    yield from _check(_unmapped(item), ace, item.from_aws or model.Fallback(), inspect, kind_of)


def _check(
    item: model.FieldMapping,
    ace: AceField,
    fallback: model.Fallback,
    inspect: Inspect,
    kind_of: Callable[[str], str | Problem],
) -> Iterator[Problem]:
    if bool(fallback.formula.strip()) == bool(fallback.value.strip()):
        yield Problem(
            "FALLBACK_FORM", ace.name, fallback.value, "A fallback is either a value or a formula.", "Give one.",
        )  # fmt: skip
    elif fallback.formula:
        yield from _check_formula(ace, fallback.formula, inspect, kind_of)
    else:
        yield from _check_value(item, ace, fallback)


def _check_value(item: model.FieldMapping, ace: AceField, fallback: model.Fallback) -> Iterator[Problem]:
    try:
        value = stand_in(item, ace, fallback, None)
    except RecordRejected as refusal:
        yield from refusal.problems
    else:
        yield from (_about(item, problem, fallback) for problem in formats.check(ace, value))


def _check_formula(
    ace: AceField, formula: str, inspect: Inspect, kind_of: Callable[[str], str | Problem]
) -> Iterator[Problem]:
    try:
        facts = inspect(formula)
    except FormulaFailed as error:
        yield Problem(
            "FALLBACK_NOT_READABLE", ace.name, formula, f"The formula cannot be read: {error.problem}.", error.remedy
        )
        return
    kinds = {name: kind_of(name) for name in sorted(facts.names)}
    unknown = {name: found for name, found in kinds.items() if isinstance(found, Problem)}
    for name, found in unknown.items():
        yield Problem("FALLBACK_UNKNOWN_FIELD", ace.name, name, f"The formula reads {name}. {found.rule}", found.remedy)
    kind = facts.kind or str((not unknown and kinds.get(formula.strip())) or "")
    if kind and kind not in _BECOMES[ace.type]:
        yield Problem(
            "FALLBACK_TYPE", ace.name, formula, f"The formula gives a {kind}; {ace.label} takes a {ace.type.value}.",
            "Convert the result, for example with TEXT, VALUE or DATEVALUE.",
        )  # fmt: skip

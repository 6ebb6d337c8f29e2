"""The share rule: a formula over a Salesforce record that sets its first share going without a click (off when empty).

It stands in for the click and for nothing else: a record has to be flagged, and due by every other condition, as for a
click. It is asked when a record's turn comes, so that a change of the rule counts from then on; what has an opportunity
already is the business of the setting *update automatically*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from connector.eligibility.formula import EvaluationError, Formula, FormulaError, compile_formula
from connector.errors import Problem
from connector.mapping.fallbacks import formula_calls, formula_names
from connector.mapping.paths import Describes, Lookup, lookups_on, read_path, resolve_path
from connector.names import SETTINGS, Settings
from connector.sync.formulas import GLOBALS, row_context
from connector.sync.ports import Identity, Row

_WHILE_SAVING = frozenset({"ISCHANGED", "ISCLONE", "ISNEW", "PRIORVALUE"})
_SAMPLES: Mapping[str, Any] = {
    **dict.fromkeys(("int", "long", "double", "currency", "percent"), 1),
    "boolean": True,
    "date": "2000-01-01",
    "datetime": "2000-01-01T00:00:00.000+0000",
    "time": "12:00:00.000Z",
}
"""A value of each type that is no text, as the REST API writes it."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the share rule says of one record.

    Attributes:
        rule: its text.
        holds: whether it sets the record's first share going.
        reason: why not, where that is not plain; empty otherwise.
    """

    rule: str
    holds: bool
    reason: str = ""

    def __str__(self) -> str:
        if self.holds:
            return f"The share rule holds: {self.rule}"
        return f"The share rule does not hold: {self.rule}" + (f" ({self.reason})" if self.reason else "")


def rule_problems(rule: str, object_name: str, describes: Describes) -> tuple[Problem, ...]:
    """Return what is wrong with the rule in today's org; a rule with a problem shares nothing.

    Args:
        rule: the formula, empty for none.
        object_name: API name of the mapped object.
        describes: describe of an object by name, None where it is not visible.
    """
    if not rule:
        return ()
    try:
        formula = compile_formula(rule)
    except FormulaError as error:
        return (_broken(rule, str(error), "Correct the formula"),)
    found = [*_out_of_place(rule), *_unknown_fields(rule, object_name, describes)]
    return tuple(found) or tuple(_wrong_kinds(formula, object_name, describes))


def paths_read(rule: str, object_name: str, describes: Describes) -> tuple[str, ...]:
    """Return the fields that a row must be read with for the rule, with the lookups on the way to related ones; none
    where the rule has a problem, since a query for a field that is not there is refused as a whole.
    """
    if not rule or rule_problems(rule, object_name, describes):
        return ()
    paths = _paths(rule)
    ways = (way.path for path in paths for way in lookups_on(path, object_name, describes))
    return tuple(dict.fromkeys((*paths, *ways)))


def judge_row(
    rule: str, row: Row, object_name: str, now: datetime, *, describes: Describes, identity: Callable[[], Identity]
) -> Ruling:
    """Return what the rule says of a row. It does not hold where it cannot be computed, or where it would decide by a
    related record that is hidden from us.

    Args:
        row: read with :func:`paths_read`.
        now: the time, aware; days are UTC days.
        identity: who the worker is in Salesforce; asked only where the rule reads it.
    """
    problems = rule_problems(rule, object_name, describes)
    if problems:
        return Ruling(rule, holds=False, reason=problems[0].rule)
    context = row_context(row, object_name, now, describes=describes, identity=identity)
    unknown = _unread(rule, row) or _hidden(rule, row, object_name, describes)
    if unknown:
        return Ruling(rule, holds=False, reason=unknown)
    try:
        return Ruling(rule, compile_formula(rule).holds(context))
    except FormulaError as error:
        return Ruling(rule, holds=False, reason=f"it cannot be computed: {error.problem}")


def _paths(rule: str) -> tuple[str, ...]:
    names = (name for name in formula_names(rule) if not name.startswith("$"))
    return tuple(dict.fromkeys(".".join(part.partition(":")[0] for part in name.split(".")) for name in names))


def _out_of_place(rule: str) -> Iterable[Problem]:
    for name in formula_calls(rule):
        if name.upper() in _WHILE_SAVING:
            yield _broken(rule, f"{name} says nothing: no record is being saved when the rule is asked", "Leave it out")
    known = {name.lower() for name in GLOBALS}
    for name in formula_names(rule):
        if name.startswith("$") and name.lower() not in known:
            yield _broken(rule, f"the global {name} is not known here", f"Use one of {', '.join(GLOBALS)}")


def _unknown_fields(rule: str, object_name: str, describes: Describes) -> Iterable[Problem]:
    for path in _paths(rule):
        found = resolve_path(path, object_name, describes)
        if isinstance(found, Problem):
            yield _broken(rule, f"it reads {path}: {found.rule}", "Correct the name, or let the user see the field")


def _wrong_kinds(formula: Formula, object_name: str, describes: Describes) -> Iterable[Problem]:
    """Yield that the formula is no condition, or that its fields do not go together: it is tried without values, and
    with one of each field's type.
    """
    types = row_context({}, object_name, _LONG_AGO, describes=describes, identity=_nobody)
    for sample in ((lambda _name: None), (lambda name: _SAMPLES.get(types.type_of(name), "x"))):
        try:
            formula.holds(replace(types, resolve=sample))
        except EvaluationError:
            continue  # with other values it may well be computed
        except FormulaError as error:
            yield _broken(formula.text, error.problem, error.remedy or "Correct the formula")
            return


def _nobody() -> Identity:
    raise KeyError("no row is read, and no user is asked for")


def _broken(rule: str, what: str, remedy: str) -> Problem:
    return Problem(
        "SETTING_INVALID",
        Settings.SHARE_RULE,
        rule,
        f"The share rule does not work: {what.rstrip('.')}. It shares nothing.",
        f"{remedy.rstrip('.')}. The rule stands in {SETTINGS}; cleared, it shares nothing either.",
    )


def _unread(rule: str, row: Row) -> str:
    """Return that the rule is newer than the row, which the next look over all flagged records reads anew."""
    for path in _paths(rule):
        try:
            read_path(row, path)
        except KeyError:
            return f"the record is yet to be read with {path}"
    return ""


def _hidden(rule: str, row: Row, object_name: str, describes: Describes) -> str:
    """Return that the rule would decide by a related record that we do not see."""
    for path in _paths(rule):
        for depth, way in enumerate(lookups_on(path, object_name, describes), start=1):
            if _leads_nowhere(row, way, ".".join(path.split(".")[:depth])):
                return f"the record behind {way.path} is hidden from the integration user"
    return ""


def _leads_nowhere(row: Row, way: Lookup, relationship: str) -> bool:
    try:
        return bool(read_path(row, way.path)) and read_path(row, relationship) is None
    except KeyError:
        return False  # the lookup was not read, which only happens to a row that was read before the rule was set

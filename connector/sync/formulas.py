"""Fallback formulas in the language of Salesforce's: how they are read, and computed over a row or over AWS's record.

Days are UTC days, as in the formula by which a record is due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from connector.ace.catalogue import AceField, FieldType
from connector.ace.record import AceRecord, Value
from connector.eligibility.candidate import SETUP_USER
from connector.eligibility.context import Context, row_resolver
from connector.eligibility.formula import EvaluationError, FormulaError, compile_formula
from connector.errors import Problem
from connector.mapping.fallbacks import Evaluate, FormulaFacts, FormulaFailed, formula_calls
from connector.mapping.paths import Describes, resolve_path
from connector.sync.ports import Identity, Row

USER_ID, USER_NAME, ORGANIZATION_ID = "$User.Id", "$User.Username", "$Organization.Id"
GLOBALS = (SETUP_USER, USER_ID, USER_NAME, ORGANIZATION_ID)
"""What a formula over a row may read beside the row; the user is the one that the worker signs in as."""

_OUT_OF_PLACE = {
    **dict.fromkeys(("BR", "HYPERLINK"), "it makes HTML that only Salesforce shows"),
    **dict.fromkeys(("ISCHANGED", "ISCLONE", "ISNEW", "PRIORVALUE"), "nothing is being saved when a fallback is used"),
}
_KINDS = {"str": "text", "Decimal": "number", "bool": "boolean", "date": "date", "datetime": "datetime", "time": "time"}
_TYPES: Mapping[FieldType, str] = {
    **dict.fromkeys(FieldType, "string"),
    FieldType.PICKLIST: "picklist",
    FieldType.MULTI_PICKLIST: "multipicklist",
    FieldType.TEXT_LIST: "multipicklist",
    FieldType.AMOUNT: "currency",
    FieldType.INTEGER: "int",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.DATETIME: "datetime",
}
"""Describe's word for what holds a canonical value."""


def inspect_formula(text: str) -> FormulaFacts:
    """Return what the formula reads and, where the text tells, what it gives.

    Raises:
        FormulaFailed: it is no formula, calls a function that is unknown here, or reads an unknown global.
    """
    try:
        formula = compile_formula(text)
    except FormulaError as error:
        raise _failed(error) from None
    for name in formula_calls(text):
        if name.upper() in _OUT_OF_PLACE:
            raise FormulaFailed(
                f"{name} has no use in a fallback: {_OUT_OF_PLACE[name.upper()]}", "Write the formula without it."
            )
    known = {name.lower() for name in GLOBALS}
    for name in sorted(formula.fields):
        if name.startswith("$") and name.lower() not in known:
            raise FormulaFailed(f"the global {name} is not known here", f"Use one of {', '.join(GLOBALS)}.")
    return FormulaFacts(formula.fields, _KINDS.get(formula.kind.__name__, ""))


def row_evaluator(
    row: Row, object_name: str, now: datetime, *, describes: Describes, identity: Callable[[], Identity]
) -> Evaluate:
    """Return what computes formulas over a row, its related rows included.

    Args:
        row: the row as the REST API returned it.
        object_name: API name of the row's object.
        now: the time, aware.
        describes: describe of an object by name, for the fields' types.
        identity: who the worker is in Salesforce; asked only where a formula reads it.
    """
    return _evaluator(row_context(row, object_name, now, describes=describes, identity=identity))


def row_context(
    row: Row, object_name: str, now: datetime, *, describes: Describes, identity: Callable[[], Identity]
) -> Context:
    """Return the context of a row, in the way of :func:`row_evaluator`."""
    read = row_resolver(row)

    def resolve(name: str) -> Any:
        return _global(name, identity()) if name.startswith("$") else read(name)

    def type_of(name: str) -> str:
        path = ".".join(part.partition(":")[0] for part in name.split("."))
        found = None if name.startswith("$") else resolve_path(path, object_name, describes)
        return "" if found is None or isinstance(found, Problem) else found.type

    return Context(resolve, now, type_of)


def ace_evaluator(catalogue: Mapping[str, AceField], record: AceRecord, now: datetime) -> Evaluate:
    """Return what computes formulas over a record of AWS's, by ACE names."""
    return _evaluator(ace_context(catalogue, record, now))


def try_over_ace(text: str, catalogue: Mapping[str, AceField]) -> Any:
    """Compute the formula over a record of AWS's without values: whether its types go together does not depend on them.

    Raises:
        FormulaFailed: they do not.
    """
    return ace_evaluator(catalogue, {}, datetime(2000, 1, 1, tzinfo=UTC))(text)


def ace_context(catalogue: Mapping[str, AceField], record: AceRecord, now: datetime) -> Context:
    """Return the context of a record of AWS's. Names have dots of their own (``project.awsPartition``); case does not
    count. What AWS never returns is unknown; what it leaves out is empty.
    """
    by_name = {name.lower(): known for name, known in catalogue.items() if known.inbound}

    def resolve(name: str) -> Any:
        return _plain(record.get(by_name[name.lower()].name))

    def type_of(name: str) -> str:
        known = by_name.get(name.lower())
        return _TYPES[known.type] if known else ""

    return Context(resolve, now, type_of)


def _evaluator(context: Context) -> Evaluate:
    def evaluate(text: str) -> Any:
        try:
            return compile_formula(text).evaluate(context)
        except FormulaError as error:
            raise _failed(error) from None

    return evaluate


def _failed(error: FormulaError) -> FormulaFailed:
    place = f"line {error.position.line}, column {error.position.column}: " if error.position else ""
    near = f" near {error.excerpt!r}" if error.excerpt and not isinstance(error, EvaluationError) else ""
    return FormulaFailed(f"{place}{error.problem}{near}", error.remedy)


def _global(name: str, identity: Identity) -> str:
    known = {
        SETUP_USER.lower(): identity.user_id,
        USER_ID.lower(): identity.user_id,
        USER_NAME.lower(): identity.username,
        ORGANIZATION_ID.lower(): identity.org_id,
    }
    return known[name.lower()]


def _plain(value: Value) -> Any:
    return ";".join(value) if isinstance(value, tuple) else value

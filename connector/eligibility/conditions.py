"""Functions that decide what else is computed, and functions of fields: the forms of the language.

Conditions know three states. An unknown one (a comparison with an empty number or date) counts as not fulfilled, and
NOT of it is unknown too. [U]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from types import NoneType

from connector.eligibility.context import Context
from connector.eligibility.fault import FormulaError
from connector.eligibility.functions import form
from connector.eligibility.node import Node, Run, truth
from connector.eligibility.operators import OPERATORS
from connector.eligibility.values import UNKNOWN, Kind, MultiPicklist, Picklist, Value, is_blank, kind_name

MANY = 10_000
EQUAL = OPERATORS["="]


def conjunction(parts: Sequence[Node]) -> Run:
    """Return the AND of conditions: stops at the first that is not fulfilled."""
    conditions = tuple(truth(part) for part in parts)

    def run(context: Context) -> Value:
        result: bool | None = True
        for condition in conditions:
            value = condition(context)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return run


def disjunction(parts: Sequence[Node]) -> Run:
    """Return the OR of conditions: stops at the first that is fulfilled."""
    conditions = tuple(truth(part) for part in parts)

    def run(context: Context) -> Value:
        result: bool | None = False
        for condition in conditions:
            value = condition(context)
            if value:
                return True
            if value is None:
                result = None
        return result

    return run


def negation(part: Node) -> Run:
    """Return the NOT of a condition."""
    condition = truth(part)

    def run(context: Context) -> Value:
        value = condition(context)
        return None if value is None else not value

    return run


@form("AND", 1, MANY)
def _and(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return conjunction(arguments), bool


@form("OR", 1, MANY)
def _or(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return disjunction(arguments), bool


@form("NOT", 1)
def _not(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return negation(arguments[0]), bool


@form("IF", 3)
def _if(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    condition, kind = truth(arguments[0]), _common_kind(arguments[1:])
    fulfilled, otherwise = arguments[1].run, arguments[2].run
    return lambda context: fulfilled(context) if condition(context) else otherwise(context), kind


@form("IFS", 3, MANY)
def _ifs(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    """Conditions and results in turn, and a result for when none is fulfilled. [U]"""
    _check_default("IFS", len(arguments), pairs_from=0)
    cases = tuple((truth(test), result.run) for test, result in zip(arguments[:-1:2], arguments[1::2], strict=True))
    otherwise = arguments[-1].run

    def run(context: Context) -> Value:
        for condition, result in cases:
            if condition(context):
                return result(context)
        return otherwise(context)

    return run, _common_kind((*arguments[1::2], arguments[-1]))


@form("CASE", 4, MANY)
def _case(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    _check_default("CASE", len(arguments), pairs_from=1)
    expression, pairs, otherwise = arguments[0], arguments[1:-1], arguments[-1].run
    for candidate in pairs[::2]:
        _check_comparable(expression, candidate)
    cases = tuple((candidate.run, result.run) for candidate, result in zip(pairs[::2], pairs[1::2], strict=True))

    def run(context: Context) -> Value:
        value = _plain(expression.run(context))
        for candidate, result in cases:
            if EQUAL.apply(value, _plain(candidate(context))):
                return result(context)
        return otherwise(context)

    return run, _common_kind((*pairs[1::2], arguments[-1]))


@form("ISBLANK", 1)
def _is_blank(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    run = arguments[0].run
    return lambda context: is_blank(run(context)), bool


@form("ISNULL", 1)
def _is_null(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    """Text is never null, an empty one included: ISBLANK is the test for it."""
    run = arguments[0].run
    return lambda context: _is_missing(run(context)), bool


@form("BLANKVALUE", 2)
def _blank_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    first, second = arguments[0].run, arguments[1].run

    def run(context: Context) -> Value:
        value = first(context)
        return second(context) if is_blank(value) else value

    return run, _common_kind(arguments)


@form("NULLVALUE", 2)
def _null_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    first, second = arguments[0].run, arguments[1].run

    def run(context: Context) -> Value:
        value = first(context)
        return second(context) if _is_missing(value) else value

    return run, _common_kind(arguments)


@form("ISPICKVAL", 2)
def _is_pick_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    chosen, sought = _field_of(arguments[0], "ISPICKVAL", Picklist), _sought(arguments[1], "ISPICKVAL")
    return lambda context: chosen(context) == (sought(context) or ""), bool


@form("INCLUDES", 2)
def _includes(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    chosen, sought = _field_of(arguments[0], "INCLUDES", MultiPicklist), _sought(arguments[1], "INCLUDES")

    def run(context: Context) -> Value:
        return (sought(context) or "") in chosen(context).split(";")

    return run, bool


@form("PICKLISTCOUNT", 1)
def _picklist_count(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    """How many values are chosen. [U]"""
    chosen = _field_of(arguments[0], "PICKLISTCOUNT", MultiPicklist)
    return lambda context: Decimal(len(MultiPicklist(chosen(context)).choices)), Decimal


@form("ISCHANGED", 1)
def _is_changed(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    name = _named(arguments[0], "ISCHANGED")
    return lambda context: context.read(name) != context.read_prior(name), bool


@form("PRIORVALUE", 1)
def _prior_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    name = _named(arguments[0], "PRIORVALUE")
    return lambda context: context.read_prior(name), UNKNOWN


@form("ISNEW", 0)
def _is_new(_arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return lambda context: context.is_new, bool


@form("ISCLONE", 0)
def _is_clone(_arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return lambda context: context.is_clone, bool


def _is_missing(value: Value) -> bool:
    return value is None or (isinstance(value, Picklist | MultiPicklist) and not value)


def _plain(value: Value) -> Value:
    return str(value) if isinstance(value, Picklist) else value


def _common_kind(parts: Sequence[Node]) -> Kind:
    """Return the kind that alternatives share. Raises FormulaError when two of them are known and differ."""
    known = UNKNOWN
    for part in parts:
        if part.kind in (UNKNOWN, NoneType):
            continue
        if known is not UNKNOWN and part.kind is not known:
            raise FormulaError(
                f"the alternatives must be of one kind: {kind_name(known)} and {kind_name(part.kind)} are not",
                "Convert one of them, for example with TEXT or VALUE.",
                part.position,
            )
        known = part.kind
    return known if all(part.kind is not UNKNOWN for part in parts) else UNKNOWN


def _check_comparable(expression: Node, candidate: Node) -> None:
    try:
        EQUAL.result_of(expression.kind, candidate.kind)
    except FormulaError as error:
        raise error.located(candidate.position) from None


def _check_default(name: str, given: int, *, pairs_from: int) -> None:
    if (given - pairs_from) % 2 == 0:
        raise FormulaError(f"{name} lacks the result for all other cases", "Add one more argument at the end.")


def _named(argument: Node, function: str) -> str:
    if not argument.name:
        raise FormulaError(f"{function} takes a field", "Name a field, no expression.", argument.position)
    return argument.name


def _sought(argument: Node, function: str) -> Run:
    if argument.kind not in (UNKNOWN, str, NoneType):
        raise FormulaError(f"{function} compares with a text", "Put the value in quotes.", argument.position)
    return argument.run


def _field_of(argument: Node, function: str, kind: type[Picklist | MultiPicklist]) -> Callable[[Context], str]:
    """Return the computation of a field (or of its prior value) that must turn out to be of one kind of picklist."""

    def run(context: Context) -> str:
        value = argument.run(context)
        if value is None or isinstance(value, kind):
            return value or kind()
        raise FormulaError(
            f"{function} takes a {kind_name(kind)} field, not {kind_name(type(value))}",
            "Use = for text, ISPICKVAL for a picklist and INCLUDES for a multi-select picklist.",
            argument.position,
        )

    if argument.kind is not UNKNOWN:
        raise FormulaError(f"{function} takes a {kind_name(kind)} field", "Name a field.", argument.position)
    return run

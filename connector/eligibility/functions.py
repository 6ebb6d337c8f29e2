"""The table of functions, and how a call checks its arguments.

A null where a text is expected is an empty text; a null where a number, date or time is expected makes the result null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, DecimalException
from difflib import get_close_matches
from types import NoneType
from typing import TypeVar

from connector.eligibility.context import Context
from connector.eligibility.elsewhere import ELSEWHERE, REMEDY
from connector.eligibility.fault import EvaluationError, FormulaError, Position
from connector.eligibility.node import Node, Run, compose
from connector.eligibility.operators import PICKLIST_REMEDY
from connector.eligibility.values import KIND_NAMES, UNKNOWN, Kind, MultiPicklist, Picklist, Value, kind_name

Kinds = frozenset[Kind]
Parameter = Kinds

TEXT: Kinds = frozenset({str})
NUMBER: Kinds = frozenset({Decimal})
DATE: Kinds = frozenset({date})
TIME: Kinds = frozenset({time})
MOMENT: Kinds = frozenset({date, datetime})
ANY: Kinds = frozenset(KIND_NAMES)

Apply = Callable[..., Value]
A = TypeVar("A", bound=Apply)


@dataclass(frozen=True, slots=True)
class Function:
    """An ordinary function: all arguments are computed first.

    Attributes:
        parameters: the kinds that each argument may have; a variadic function repeats the last.
        required: how many arguments it needs at least.
        result: the kind of the result; UNKNOWN where it follows the arguments.
    """

    name: str
    apply: Apply
    parameters: tuple[Parameter, ...]
    required: int
    result: Kind
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A function that decides itself what to compute: a condition, or a function of a field, the record or the time.

    Attributes:
        build: makes the computation of the arguments' nodes and gives the kind of its result.
        least: how many arguments it needs at least.
        most: how many it takes at most.
    """

    name: str
    build: Callable[[Sequence[Node]], tuple[Run, Kind]]
    least: int
    most: int


FUNCTIONS: dict[str, Function | Form] = {}


def function(
    name: str, *parameters: Parameter, gives: Kind, required: int | None = None, variadic: bool = False
) -> Callable[[A], A]:
    """Return a decorator that enters an ordinary function under its name in the formula language."""

    def enter(apply: A) -> A:
        least = len(parameters) if required is None else required
        FUNCTIONS[name] = Function(name, apply, parameters, least, gives, variadic)
        return apply

    return enter


BuildForm = Callable[[Sequence[Node]], tuple[Run, Kind]]


def form(name: str, least: int, most: int | None = None) -> Callable[[BuildForm], BuildForm]:
    """Return a decorator that enters a form under its name in the formula language."""

    def enter(build: BuildForm) -> BuildForm:
        FUNCTIONS[name] = Form(name, build, least, least if most is None else most)
        return build

    return enter


def call(name: str, arguments: Sequence[Node], position: Position) -> Node:
    """Return the node of a call.

    Raises:
        FormulaError: the function is unknown, or its arguments do not fit in number or kind.
    """
    found = FUNCTIONS.get(name.upper())
    if found is None:
        raise _unknown(name, position)
    if isinstance(found, Form):
        _check_count(found.name, len(arguments), found.least, found.most, position)
        run, kind = found.build(arguments)
        return compose(_at(run, position), kind, position, arguments)
    most = len(arguments) if found.variadic else len(found.parameters)
    _check_count(found.name, len(arguments), found.required, most, position)
    return compose(_ordinary(found, arguments, position), found.result, position, arguments)


def _unknown(name: str, position: Position) -> FormulaError:
    if name.upper() in ELSEWHERE:
        problem = f"the function {name.upper()} works only inside Salesforce: {ELSEWHERE[name.upper()]}"
        return FormulaError(problem, REMEDY, position)
    nearest = get_close_matches(name.upper(), FUNCTIONS, n=1)
    meant = f" Did you mean {nearest[0]}?" if nearest else ""
    return FormulaError(f"the function {name} is unknown", f"Check its spelling.{meant}", position)


def _check_count(name: str, given: int, least: int, most: int, position: Position) -> None:
    if least <= given <= most:
        return
    if given < least:
        expected = str(least) if least == most else f"at least {least}"
    else:
        expected = str(most) if least == most else f"at most {most}"
    raise FormulaError(f"{name} takes {expected} arguments, not {given}", "Add or remove arguments.", position)


def _at(run: Run, position: Position) -> Run:
    """Return the computation with errors that name the call where they do not name a place inside it."""

    def located(context: Context) -> Value:
        try:
            return run(context)
        except FormulaError as error:
            raise error.located(position) from error.__cause__

    return located


def _ordinary(found: Function, arguments: Sequence[Node], position: Position) -> Run:
    kinds = found.parameters + found.parameters[-1:] * (len(arguments) - len(found.parameters))
    for number, (argument, accepted) in enumerate(zip(arguments, kinds, strict=False), start=1):
        if argument.kind not in accepted and argument.kind not in (UNKNOWN, NoneType):
            raise mismatch(found.name, number, accepted, argument.kind).located(argument.position)
    parts = tuple((argument.run, accepted) for argument, accepted in zip(arguments, kinds, strict=False))

    def run(context: Context) -> Value:
        values = []
        for number, (part, accepted) in enumerate(parts, start=1):
            value = part(context)
            if type(value) not in accepted:
                if value is not None:
                    raise mismatch(found.name, number, accepted, type(value)).located(position)
                if str not in accepted:
                    return None
                value = ""
            values.append(value)
        return _applied(found, values, position)

    return run


def _applied(found: Function, values: list[Value], position: Position) -> Value:
    try:
        return found.apply(*values)
    except FormulaError as error:
        raise error.located(position) from error.__cause__
    except (DecimalException, OverflowError, ValueError) as error:
        given = ", ".join(repr(str(value)) for value in values)
        raise EvaluationError(
            f"{found.name} cannot be computed for {given}", "Guard it with IF, or correct the values.", position
        ) from error


def mismatch(name: str, number: int, accepted: Kinds, kind: Kind) -> FormulaError:
    """Return the error of an argument whose kind a function does not take."""
    wanted = " or ".join(sorted(kind_name(one) for one in accepted))
    picklist = kind in (Picklist, MultiPicklist)
    remedy = PICKLIST_REMEDY if picklist else "Convert it, for example with TEXT, VALUE or DATEVALUE."
    return FormulaError(f"{name} takes {wanted} as argument {number}, not {kind_name(kind)}", remedy)

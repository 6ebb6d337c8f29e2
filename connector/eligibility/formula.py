"""The Salesforce formula language: compile a formula's text once, evaluate it for any number of records.

What formula fields, validation rules and an admin's own eligibility formula need is here. Pure: time, record and
globals come in with the :class:`Context`. Facts marked [U] in this room are common knowledge of the platform, not
checked against it; no decision of the connector that could lose data rests on them alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import NoneType
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from connector.eligibility import conditions, date_functions, number_functions, text_functions
from connector.eligibility.context import Context, row_resolver
from connector.eligibility.fault import EvaluationError, FormulaError, Position
from connector.eligibility.functions import FUNCTIONS, call
from connector.eligibility.node import Node, Run, compose, truth
from connector.eligibility.operators import OPERATORS, Operator
from connector.eligibility.values import (
    ARITHMETIC,
    UNKNOWN,
    Kind,
    MultiPicklist,
    Picklist,
    Value,
    case_safe_id,
    from_rest,
    kind_name,
    to_rest,
)

__all__ = [
    "FUNCTION_NAMES",
    "Context",
    "EvaluationError",
    "Formula",
    "FormulaError",
    "MultiPicklist",
    "Picklist",
    "Position",
    "Value",
    "case_safe_id",
    "compile_formula",
    "from_rest",
    "row_resolver",
    "to_rest",
]

# Importing a module of functions enters them into the table; naming the modules here shows what the imports are for.
FUNCTION_MODULES = (conditions, date_functions, number_functions, text_functions)
FUNCTION_NAMES = frozenset(FUNCTIONS)

CONSTANTS: dict[str, tuple[Value, Kind]] = {"TRUE": (True, bool), "FALSE": (False, bool), "NULL": (None, NoneType)}
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Formula:
    """A compiled formula.

    Attributes:
        text: the formula as written.
        fields: the dotted names that it reads, as written.
        kind: the Python type of its result where the text alone tells, else ``object``.
    """

    text: str
    fields: frozenset[str]
    kind: Kind
    _run: Run
    _truth: Callable[[Context], bool | None] | None

    def evaluate(self, context: Context) -> Value:
        """Return the formula's value.

        Raises:
            FormulaError: a field is unknown, or the kinds of its fields do not go together.
            EvaluationError: the values cannot be computed with (Salesforce shows ``#Error!``).
        """
        try:
            return self._run(context)
        except FormulaError as error:
            raise error.quoting(self.text) from error.__cause__

    def holds(self, context: Context) -> bool:
        """Tell whether the formula, a condition, is fulfilled; an unknown one (null) is not.

        Raises FormulaError: as :meth:`evaluate`, and when the formula gives anything but a Boolean.
        """
        if self._truth is None:
            raise FormulaError(f"the formula gives {kind_name(self.kind)}, no condition", "Compare it with something.")
        try:
            return self._truth(context) is True
        except FormulaError as error:
            raise error.quoting(self.text) from error.__cause__


@lru_cache(maxsize=1024)
def compile_formula(text: str) -> Formula:
    """Return the compiled formula; the same text is compiled once.

    Raises:
        FormulaError: the text is no formula: with the problem, its line and column, an excerpt and a remedy.
    """
    try:
        node: Node = _parser().parse(text)  # type: ignore[assignment]
        is_condition = node.kind in (UNKNOWN, bool, NoneType)
        return Formula(text, node.fields, node.kind, node.run, truth(node) if is_condition else None)
    except FormulaError as error:
        raise error.quoting(text) from error.__cause__
    except UnexpectedInput as error:
        raise _syntax_error(error).quoting(text) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("connector.eligibility").joinpath("formula.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=Compiler(), maybe_placeholders=False)


def _syntax_error(error: UnexpectedInput) -> FormulaError:
    position = Position(max(error.line, 1), max(error.column, 1))
    if isinstance(error, UnexpectedCharacters):
        quote = error.char in ("'", '"')
        if quote:
            return FormulaError("a text is not closed", "Close it with the same quotation mark.", position)
        return FormulaError(f"unexpected character {error.char!r}", "Remove it, or put text in quotes.", position)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        remedy = "Check for a missing operator, comma or parenthesis before it."
        return FormulaError(f"{str(error.token)!r} cannot stand here", remedy, position)
    return FormulaError("the formula ends too early", "Add the missing operand or parenthesis.", position)


@v_args(inline=True)
class Compiler(Transformer[Token, Node]):
    """Turns each part of the grammar into a node while the parser reads, so that no recursion depends on the text."""

    def start(self, node: Node) -> Node:
        return node

    def number(self, token: Token) -> Node:
        return _constant(ARITHMETIC.create_decimal(token), Decimal, token)

    def string(self, token: Token) -> Node:
        return _constant(_unescaped(token), str, token)

    def name(self, token: Token) -> Node:
        name, position = str(token), _position(token)
        if name.upper() in CONSTANTS:
            return _constant(*CONSTANTS[name.upper()], token)

        def run(context: Context) -> Value:
            try:
                return context.read(name)
            except FormulaError as error:
                raise error.located(position) from error.__cause__

        return Node(run, UNKNOWN, position, frozenset({name}), name=name)

    def call(self, token: Token, *arguments: Node) -> Node:
        try:
            return call(str(token), arguments, _position(token))
        except FormulaError as error:
            raise error.located(_position(token)) from error.__cause__

    def conjunction(self, *parts: Node) -> Node:
        return compose(conditions.conjunction(parts), bool, parts[0].position, parts)

    def disjunction(self, *parts: Node) -> Node:
        return compose(conditions.disjunction(parts), bool, parts[0].position, parts)

    def negated(self, token: Token, part: Node) -> Node:
        return compose(conditions.negation(part), bool, _position(token), (part,))

    def signed(self, token: Token, part: Node) -> Node:
        if str(token) not in "+-":
            raise FormulaError("'&' cannot stand here", "Put the text to join before it.", _position(token))
        zero = _constant(Decimal(0), Decimal, token)
        return self._chained(zero, [(OPERATORS[str(token)], _position(token), part)])

    def chain(self, first: Node, *rest: Any) -> Node:
        symbols, parts = rest[::2], rest[1::2]
        steps = [(OPERATORS[str(token)], _position(token), part) for token, part in zip(symbols, parts, strict=True)]
        return self._chained(first, steps)

    def _chained(self, first: Node, steps: list[tuple[Operator, Position, Node]]) -> Node:
        kind = first.kind
        for operator, position, part in steps:
            try:
                kind = operator.result_of(kind, part.kind)
            except FormulaError as error:
                raise error.located(position) from None
        return compose(_fold(first.run, steps), kind, first.position, (first, *(part for _, _, part in steps)))


def _fold(first: Run, steps: list[tuple[Operator, Position, Node]]) -> Run:
    """Return the computation of operators of one rank, from left to right."""
    compiled = tuple((operator.apply, part.run, position) for operator, position, part in steps)

    def run(context: Context) -> Value:
        value = first(context)
        for apply, operand, position in compiled:
            right = operand(context)
            try:
                value = apply(value, right)
            except FormulaError as error:
                raise error.located(position) from error.__cause__
        return value

    return run


def _constant(value: Value, kind: Kind, token: Token) -> Node:
    return Node(lambda _context: value, kind, _position(token))


def _position(token: Token) -> Position:
    return Position(token.line or 1, token.column or 1)


def _unescaped(token: Token) -> str:
    characters = iter(token[1:-1])
    result = []
    for character in characters:
        if character == "\\":
            escaped = next(characters)
            if escaped not in ESCAPES:
                raise FormulaError(
                    f"the text contains the unknown escape \\{escaped}",
                    "Write a backslash as two backslashes.",
                    _position(token),
                )
            character = ESCAPES[escaped]
        result.append(character)
    return "".join(result)

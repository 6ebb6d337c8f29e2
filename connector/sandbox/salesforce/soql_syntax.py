"""SOQL text to a tree of plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedInput, v_args
from lark.exceptions import VisitError

from connector.sandbox.salesforce.faults import ApiError

MAX_TEXT = 100_000
MAX_STRING = 4_000
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps of a parent: ``Account.Owner.Name``. ``column`` counts from 1 in the query's text."""

    names: tuple[str, ...]
    column: int = 0

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a field: ``COUNT(Id)``, ``toLabel(StageName)``."""

    name: str
    argument: Path | Call | None
    column: int = 0


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; ``kind`` is string, number, date, datetime, boolean, null or date_literal (``value``: name, n)."""

    kind: str
    value: Any
    column: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """``left operator right``; operators are ``=``, ``!=``, ``<`` …, LIKE, IN, NOT IN, INCLUDES, EXCLUDES."""

    left: Path | Call
    operator: str
    right: Any


@dataclass(frozen=True, slots=True)
class Logic:
    """AND or OR over several conditions, NOT over one."""

    operator: str
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One selected expression; ``expression`` is a Path, a Call, a Select (child rows) or a text (FIELDS())."""

    expression: Any
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Ordering:
    expression: Path | Call
    descending: bool = False
    nulls_last: bool = False


@dataclass(slots=True)
class Select:
    """A query, a child query or the inner query of a semi-join."""

    items: list[Item] = field(default_factory=list)
    source: Path = field(default_factory=lambda: Path(()))
    alias: str = ""
    where: Any = None
    group: list[Path | Call] = field(default_factory=list)
    having: Any = None
    order: list[Ordering] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False


def malformed(text: str, column: int, problem: str) -> ApiError:
    """Return the error for a place in a query, shown as Salesforce shows it; ``column`` counts from 1."""
    start = max(0, column - 40)
    shown = text[start : column + 40].replace("\n", " ")
    pointer = " " * (column - 1 - start) + "^"
    return ApiError("MALFORMED_QUERY", f"\n{shown}\n{pointer}\nERROR at Row:1:Column:{column}\n{problem}")


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    return Lark(
        File(__file__).with_name("soql.lark").read_text(encoding="utf8"), parser="lalr", maybe_placeholders=False
    )


@lru_cache(maxsize=256)
def parse(text: str) -> Select:
    """Return the tree of a query.

    Raises:
        ApiError: ``MALFORMED_QUERY`` with the place of the first fault.
    """
    if len(text) > MAX_TEXT:
        raise ApiError("QUERY_TOO_COMPLICATED", f"SOQL statements cannot be longer than {MAX_TEXT} characters.")
    try:
        built: Select = _Build(text).transform(_grammar().parse(text))
        return built
    except UnexpectedInput as fault:
        column = (fault.pos_in_stream or 0) + 1 if (fault.pos_in_stream or 0) >= 0 else len(text)
        token = getattr(fault, "token", None)
        word = "<EOF>" if token is not None and token.type == "$END" else str(token or text[column - 1 : column])
        raise malformed(text, len(text) + 1 if word == "<EOF>" else column, f"unexpected token: '{word}'") from fault
    except VisitError as wrapped:
        if isinstance(wrapped.orig_exc, ApiError):
            raise wrapped.orig_exc from wrapped
        raise


def _place(token: Token) -> int:
    return (token.start_pos or 0) + 1


@v_args(inline=True)
class _Build(Transformer[Token, Any]):
    """Builds the tree bottom up."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def start(self, select: Select) -> Select:
        return select

    def path(self, *names: Token) -> Path:
        return Path(tuple(str(name) for name in names), _place(names[0]))

    def call(self, name: Token, argument: Path | Call | None = None) -> Call:
        return Call(str(name), argument, _place(name))

    def alias(self, name: Token) -> Tree[Token]:
        return Tree("alias", [name])

    def field_item(self, path: Path, alias: Tree[Token] | None = None) -> Item:
        return Item(path, str(alias.children[0]) if alias else "")

    call_item = field_item

    def child_item(self, child: Select) -> Item:
        return Item(child)

    def fields_item(self, _word: Token, group: Token) -> Item:
        return Item(str(group).upper())

    def items(self, *items: Item) -> list[Item]:
        return list(items)

    def source(self, path: Path, alias: Token | None = None) -> tuple[Path, str]:
        return path, str(alias or "")

    def select(self, items: list[Item], source: tuple[Path, str], *clauses: tuple[str, Any]) -> Select:
        built = Select(items, *source)
        for name, value in clauses:
            setattr(built, name, value)
        return built

    child = select

    def subselect(self, path: Path, source: tuple[Path, str], *clauses: tuple[str, Any]) -> Select:
        return self.select([Item(path)], source, *clauses)

    def where(self, condition: Any) -> tuple[str, Any]:
        return "where", condition

    def having(self, condition: Any) -> tuple[str, Any]:
        return "having", condition

    def group(self, *expressions: Path | Call) -> tuple[str, Any]:
        return "group", list(expressions)

    def order(self, *orderings: Ordering) -> tuple[str, Any]:
        return "order", list(orderings)

    def nulls(self, word: Token) -> Tree[Token]:
        return Tree("nulls", [word])

    def ordering(self, expression: Path | Call, *options: Any) -> Ordering:
        direction = next((str(one) for one in options if isinstance(one, Token)), "ASC")
        nulls = next((str(one.children[0]) for one in options if isinstance(one, Tree)), "FIRST")
        return Ordering(expression, direction.upper() == "DESC", nulls.upper() == "LAST")

    def limit(self, number: Token) -> tuple[str, Any]:
        return "limit", int(number)

    def offset(self, number: Token) -> tuple[str, Any]:
        return "offset", int(number)

    def for_suffix(self, _word: Token) -> tuple[str, Any]:
        return "all_rows", False

    def all_rows(self) -> tuple[str, Any]:
        return "all_rows", True

    def conjunction(self, *parts: Any) -> Logic:
        return Logic("AND", parts)

    def disjunction(self, *parts: Any) -> Logic:
        return Logic("OR", parts)

    def negation(self, part: Any) -> Logic:
        return Logic("NOT", (part,))

    def compare(self, left: Path | Call, operator: Token, right: Literal) -> Compare:
        return Compare(left, "!=" if operator == "<>" else str(operator), right)

    def like(self, left: Path | Call, right: Literal) -> Compare:
        return Compare(left, "LIKE", right)

    def member(self, left: Path | Call, right: Any) -> Compare:
        return Compare(left, "IN", right)

    def not_member(self, left: Path | Call, right: Any) -> Compare:
        return Compare(left, "NOT IN", right)

    def includes(self, left: Path | Call, right: Any) -> Compare:
        return Compare(left, "INCLUDES", right)

    def excludes(self, left: Path | Call, right: Any) -> Compare:
        return Compare(left, "EXCLUDES", right)

    def values(self, *literals: Literal) -> list[Literal]:
        return list(literals)

    def semijoin(self, select: Select) -> Select:
        return select

    def string(self, token: Token) -> Literal:
        return Literal("string", self._unescape(token), _place(token))

    def number(self, token: Token) -> Literal:
        return Literal("number", str(token), _place(token))

    def date(self, token: Token) -> Literal:
        return Literal("date", str(token), _place(token))

    def datetime(self, token: Token) -> Literal:
        return Literal("datetime", str(token).upper(), _place(token))

    def true(self, token: Token) -> Literal:
        return Literal("boolean", 1, _place(token))

    def false(self, token: Token) -> Literal:
        return Literal("boolean", 0, _place(token))

    def null(self, token: Token) -> Literal:
        return Literal("null", None, _place(token))

    def date_literal(self, name: Token, number: Token | None = None) -> Literal:
        return Literal("date_literal", (str(name).upper(), None if number is None else int(number)), _place(name))

    def _unescape(self, token: Token) -> str:
        """Return the text of a quoted string. ``\\_`` and ``\\%`` stay escaped: LIKE reads them."""
        body = str(token)[1:-1]
        if len(body) > MAX_STRING:
            raise malformed(self._text, _place(token), f"string literal is longer than {MAX_STRING} characters")

        def replace(match: re.Match[str]) -> str:
            word = match[1]
            if word[0] == "u" and len(word) == 5:
                return chr(int(word[1:], 16))
            if word in "_%":
                return "\\" + word
            if word not in _ESCAPES:
                raise malformed(
                    self._text, _place(token) + match.start() + 1, f"Illegal escape sequence '\\{word}' in string"
                )
            # A doubled backslash stays one that LIKE must not read as an escape.
            return "\x00" if word == "\\" else _ESCAPES[word]

        return _ESCAPE.sub(replace, body)

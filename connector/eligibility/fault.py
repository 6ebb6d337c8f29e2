"""What can be wrong with a formula."""

from __future__ import annotations

from typing import NamedTuple, Self

from connector.errors import ConnectorError

EXCERPT_LENGTH = 40


class Position(NamedTuple):
    """A place in a formula's text; both count from 1."""

    line: int
    column: int


class FormulaError(ConnectorError):
    """A formula cannot be read, does not fit the fields it names, or cannot be computed.

    Attributes:
        problem: what is wrong, in words.
        remedy: what to do about it.
        position: where, or None while unknown.
        excerpt: the text of the formula from there on, shortened.
    """

    def __init__(self, problem: str, remedy: str, position: Position | None = None, excerpt: str = "") -> None:
        place = f"line {position.line}, column {position.column}: " if position else ""
        near = f" near {excerpt!r}" if excerpt else ""
        super().__init__(f"{place}{problem}{near}. {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.position = position
        self.excerpt = excerpt

    def located(self, position: Position) -> Self:
        """Return the error with a position, unless a part further inside already gave it one."""
        return self if self.position else type(self)(self.problem, self.remedy, position)

    def quoting(self, text: str) -> Self:
        """Return the error with the excerpt of the formula's text at its position."""
        if self.position is None or self.excerpt:
            return self
        rest = text.split("\n")[self.position.line - 1][self.position.column - 1 :]
        return type(self)(self.problem, self.remedy, self.position, rest[:EXCERPT_LENGTH])


class EvaluationError(FormulaError):
    """A sound formula met values that it cannot compute with: a division by zero, a text that is no number.

    Salesforce shows such a formula field as ``#Error!`` and returns null for it through the API.
    """

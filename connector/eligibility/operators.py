"""The operators between two values, as tables of the kinds that they take.

An empty number or date makes arithmetic empty, and an ordering unknown (``None``), which every condition reads as not
fulfilled. Equality always decides: two empties are equal, an empty and a value are not, and an empty text
equals null. [U]
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from types import NoneType
from typing import Any

from connector.eligibility.fault import EvaluationError, FormulaError
from connector.eligibility.values import ARITHMETIC, UNKNOWN, Kind, MultiPicklist, Picklist, Value, is_blank, kind_name

SECONDS_PER_DAY = Decimal(86400)
MICROSECONDS_PER_DAY = SECONDS_PER_DAY * 1_000_000
PICKLIST_REMEDY = "Picklist fields work only in ISPICKVAL, CASE, TEXT and INCLUDES: write TEXT(field)."

Apply = Callable[[Any, Any], Value]
Pairs = Mapping[tuple[Kind, Kind], tuple[Apply, Kind]]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Attributes:
        symbol: how it is written.
        pairs: for each pair of kinds what is done and the kind of the result.
        result: the kind of the result where it does not depend on the operands, else UNKNOWN.
        of_blank: what comes out when an operand is null.
    """

    symbol: str
    pairs: Pairs
    result: Kind
    of_blank: Apply

    def apply(self, left: Value, right: Value) -> Value:
        """Return the result.

        Raises:
            FormulaError: the kinds do not go together.
            EvaluationError: the values do not.
        """
        if left is None or right is None:
            return self.of_blank(left, right)
        pair = self.pairs.get((type(left), type(right)))
        if pair is None:
            raise self._mismatch(type(left), type(right))
        try:
            return pair[0](left, right)
        except (DecimalException, OverflowError) as error:
            problem = f"{left} {self.symbol} {right} cannot be computed"
            raise EvaluationError(problem, "Guard the calculation with IF, or correct the values.") from error

    def result_of(self, left: Kind, right: Kind) -> Kind:
        """Return the kind of the result for operands of these kinds, as far as it is known.

        Raises FormulaError: the kinds do not go together.
        """
        open_ended = {UNKNOWN, NoneType}
        if left not in open_ended and right not in open_ended:
            if (left, right) not in self.pairs:
                raise self._mismatch(left, right)
            return self.pairs[left, right][1]
        self._check_one(left, right)
        return self.result

    def _check_one(self, left: Kind, right: Kind) -> None:
        for side, kind in enumerate((left, right)):
            if kind not in (UNKNOWN, NoneType) and not any(pair[side] is kind for pair in self.pairs):
                raise self._mismatch(left, right)

    def _mismatch(self, left: Kind, right: Kind) -> FormulaError:
        sides = " and ".join("a value" if kind is UNKNOWN else kind_name(kind) for kind in (left, right))
        picklists = {Picklist, MultiPicklist} & {left, right}
        remedy = PICKLIST_REMEDY if picklists else "Convert one side, for example with TEXT, VALUE or DATEVALUE."
        return FormulaError(f"the operator {self.symbol} does not take {sides}", remedy)


def days_between(later: datetime, earlier: datetime) -> Decimal:
    """Return the exact difference in days."""
    gap = later - earlier
    return ARITHMETIC.divide(Decimal(gap // timedelta(microseconds=1)), MICROSECONDS_PER_DAY)


def _later(moment: datetime, days: Decimal) -> datetime:
    # To the whole second, the resolution of a Date/Time field.
    seconds = ARITHMETIC.to_integral_value(ARITHMETIC.multiply(days, SECONDS_PER_DAY))
    return moment + timedelta(seconds=int(seconds))


def _later_date(day: date, days: Decimal) -> date:
    return day + timedelta(days=int(days))  # A fraction of a day does not count [U].


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if not base and exponent < 0:
        return ARITHMETIC.divide(Decimal(1), base)  # An error, where the power itself would be infinite.
    return Decimal(1) if not base and not exponent else ARITHMETIC.power(base, exponent)


def _nothing(_left: Value, _right: Value) -> Value:
    return None


def _concatenated(left: Value, right: Value) -> Value:
    """Text with null is the text; null with any other kind is null."""
    other = left if right is None else right
    if isinstance(other, Picklist | MultiPicklist):
        raise FormulaError("a picklist field cannot be joined or added", PICKLIST_REMEDY)
    return other if isinstance(other, str) else None


def _both_blank(left: Value, right: Value) -> bool:
    return is_blank(left) and is_blank(right)


def _one_blank(left: Value, right: Value) -> bool:
    return not _both_blank(left, right)


def _ordering(compare: Apply) -> Pairs:
    return {(kind, kind): (compare, bool) for kind in (Decimal, date, datetime, time)}


def _equating(compare: Apply) -> Pairs:
    return {(kind, kind): (compare, bool) for kind in (str, Decimal, bool, date, datetime, time)}


_JOIN: Pairs = {(str, str): (operator.add, str)}
_ADD: Pairs = {
    **_JOIN,
    (Decimal, Decimal): (ARITHMETIC.add, Decimal),
    (date, Decimal): (_later_date, date),
    (Decimal, date): (lambda days, day: _later_date(day, days), date),
    (datetime, Decimal): (_later, datetime),
    (Decimal, datetime): (lambda days, moment: _later(moment, days), datetime),
}
_SUBTRACT: Pairs = {
    (Decimal, Decimal): (ARITHMETIC.subtract, Decimal),
    (date, date): (lambda later, earlier: Decimal((later - earlier).days), Decimal),
    (datetime, datetime): (days_between, Decimal),
    (date, Decimal): (lambda day, days: _later_date(day, days.copy_negate()), date),
    (datetime, Decimal): (lambda moment, days: _later(moment, days.copy_negate()), datetime),
}


def _numeric(symbol: str, apply: Apply) -> Operator:
    return Operator(symbol, {(Decimal, Decimal): (apply, Decimal)}, Decimal, _nothing)


def _comparison(symbol: str, compare: Apply) -> Operator:
    return Operator(symbol, _ordering(compare), bool, _nothing)


OPERATORS: dict[str, Operator] = {
    "+": Operator("+", _ADD, UNKNOWN, _concatenated),
    "&": Operator("&", _JOIN, str, _concatenated),
    "-": Operator("-", _SUBTRACT, UNKNOWN, _nothing),
    "*": _numeric("*", ARITHMETIC.multiply),
    "/": _numeric("/", ARITHMETIC.divide),
    "^": _numeric("^", _power),
    "<": _comparison("<", operator.lt),
    "<=": _comparison("<=", operator.le),
    ">": _comparison(">", operator.gt),
    ">=": _comparison(">=", operator.ge),
    "=": Operator("=", _equating(operator.eq), bool, _both_blank),
    "==": Operator("==", _equating(operator.eq), bool, _both_blank),
    "<>": Operator("<>", _equating(operator.ne), bool, _one_blank),
    "!=": Operator("!=", _equating(operator.ne), bool, _one_blank),
}

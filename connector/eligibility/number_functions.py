"""Functions of numbers: exact decimals, but for angles, which have the sixteen digits of a binary number."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Decimal

from connector.eligibility.functions import NUMBER, function
from connector.eligibility.values import ARITHMETIC

ONE = Decimal(1)
ZERO_PLACES = Decimal(0)


def _rounded(number: Decimal, places: Decimal, rounding: str) -> Decimal:
    """Round to places after the point; negative places round to tens, hundreds and so on."""
    digits = int(places)
    _, _, exponent = number.as_tuple()
    if not isinstance(exponent, int) or exponent >= -digits:
        return number
    result = number.quantize(ARITHMETIC.scaleb(ONE, -digits), rounding, ARITHMETIC)
    return result.quantize(ONE, context=ARITHMETIC) if digits < 0 else result  # Written out, without an exponent.


@function("ABS", NUMBER, gives=Decimal)
def absolute(number: Decimal) -> Decimal:
    return number.copy_abs()


@function("CEILING", NUMBER, gives=Decimal)
def ceiling(number: Decimal) -> Decimal:
    """Away from zero, for negative numbers too."""
    return _rounded(number, ZERO_PLACES, ROUND_UP)


@function("FLOOR", NUMBER, gives=Decimal)
def floor(number: Decimal) -> Decimal:
    """Towards zero, for negative numbers too."""
    return _rounded(number, ZERO_PLACES, ROUND_DOWN)


@function("MCEILING", NUMBER, gives=Decimal)
def upwards(number: Decimal) -> Decimal:
    """Towards plus infinity."""
    return _rounded(number, ZERO_PLACES, ROUND_CEILING)


@function("MFLOOR", NUMBER, gives=Decimal)
def downwards(number: Decimal) -> Decimal:
    """Towards minus infinity."""
    return _rounded(number, ZERO_PLACES, ROUND_FLOOR)


@function("ROUND", NUMBER, NUMBER, gives=Decimal)
def rounded(number: Decimal, places: Decimal) -> Decimal:
    """Halves go away from zero."""
    return _rounded(number, places, ROUND_HALF_UP)


@function("TRUNC", NUMBER, NUMBER, gives=Decimal, required=1)
def truncated(number: Decimal, places: Decimal = ZERO_PLACES) -> Decimal:
    return _rounded(number, places, ROUND_DOWN)


@function("MAX", NUMBER, gives=Decimal, variadic=True)
def largest(*numbers: Decimal) -> Decimal:
    return max(numbers)


@function("MIN", NUMBER, gives=Decimal, variadic=True)
def smallest(*numbers: Decimal) -> Decimal:
    return min(numbers)


@function("MOD", NUMBER, NUMBER, gives=Decimal)
def remainder(number: Decimal, divisor: Decimal) -> Decimal:
    """The sign follows the number. [U]"""
    return ARITHMETIC.remainder(number, divisor)


@function("SQRT", NUMBER, gives=Decimal)
def square_root(number: Decimal) -> Decimal:
    return ARITHMETIC.sqrt(number)


@function("EXP", NUMBER, gives=Decimal)
def exponential(number: Decimal) -> Decimal:
    return ARITHMETIC.exp(number)


@function("LN", NUMBER, gives=Decimal)
def natural_logarithm(number: Decimal) -> Decimal:
    return _logarithm(ARITHMETIC.ln(number))


@function("LOG", NUMBER, gives=Decimal)
def logarithm(number: Decimal) -> Decimal:
    return _logarithm(ARITHMETIC.log10(number))


def _logarithm(result: Decimal) -> Decimal:
    if not result.is_finite():
        raise ValueError("the logarithm of zero")
    return result


@function("PI", gives=Decimal)
def circle() -> Decimal:
    return _inexact(math.pi)


def _inexact(result: float) -> Decimal:
    return ARITHMETIC.create_decimal(repr(result))


def _enter_angle(name: str, compute: Callable[[float], float]) -> None:
    """Enter a function of one angle, or one that gives an angle; angles are in radians. [U]"""

    @function(name, NUMBER, gives=Decimal)
    def of_one(number: Decimal) -> Decimal:
        return _inexact(compute(float(number)))


for _name, _compute in {
    "SIN": math.sin,
    "COS": math.cos,
    "TAN": math.tan,
    "ASIN": math.asin,
    "ACOS": math.acos,
    "ATAN": math.atan,
}.items():
    _enter_angle(_name, _compute)


@function("ATAN2", NUMBER, NUMBER, gives=Decimal)
def angle_of_point(y: Decimal, x: Decimal) -> Decimal:
    """Return the angle of the point (x, y), the ordinate first. [U]"""
    return _inexact(math.atan2(float(y), float(x)))

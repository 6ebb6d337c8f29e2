"""Functions of dates and times. Moments are UTC; what day it is follows the running user's time zone."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import NoneType

from connector.eligibility.context import Context
from connector.eligibility.fault import EvaluationError
from connector.eligibility.functions import DATE, MOMENT, NUMBER, TIME, form, function, mismatch
from connector.eligibility.node import Node, Run
from connector.eligibility.values import UNKNOWN, Kind, Value, parse_datetime

MONTHS = 12
DAYS_OF_WEEK = 7
DATE_LIKE = frozenset({date, datetime, str})
TIME_LIKE = frozenset({time, datetime, str})

Convert = Callable[[Value, Context], Value]


@form("TODAY", 0)
def _today(_arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return lambda context: context.now.astimezone(context.user_timezone).date(), date


@form("NOW", 0)
def _now(_arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return lambda context: context.now.astimezone(UTC), datetime


@form("TIMENOW", 0)
def _time_now(_arguments: Sequence[Node]) -> tuple[Run, Kind]:
    return lambda context: context.now.astimezone(UTC).time(), time


@form("DATEVALUE", 1)
def _date_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    """The day of a moment, in the user's time zone, or of a text such as ``2026-11-23``."""

    def convert(given: Value, context: Context) -> Value:
        if isinstance(given, datetime):
            return given.astimezone(context.user_timezone).date()
        return given if isinstance(given, date) else _read("DATEVALUE", str(given), date.fromisoformat)

    return _conversion("DATEVALUE", DATE_LIKE, arguments[0], convert), date


@form("DATETIMEVALUE", 1)
def _datetime_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    """The moment of a text such as ``2026-11-23 01:02:03``, or of a day's first second, both UTC. [U]"""

    def convert(given: Value, _context: Context) -> Value:
        if isinstance(given, datetime):
            return given
        if isinstance(given, date):
            return datetime.combine(given, time(), UTC)
        return _read("DATETIMEVALUE", str(given), parse_datetime)

    return _conversion("DATETIMEVALUE", DATE_LIKE, arguments[0], convert), datetime


@form("TIMEVALUE", 1)
def _time_value(arguments: Sequence[Node]) -> tuple[Run, Kind]:
    def convert(given: Value, _context: Context) -> Value:
        if isinstance(given, datetime):
            return given.astimezone(UTC).time()
        return given if isinstance(given, time) else _read("TIMEVALUE", str(given), time.fromisoformat)

    return _conversion("TIMEVALUE", TIME_LIKE, arguments[0], convert), time


def _conversion(name: str, accepted: frozenset[Kind], argument: Node, convert: Convert) -> Run:
    """Return the conversion of one argument; null and empty text convert to null."""
    if argument.kind not in (UNKNOWN, NoneType) and argument.kind not in accepted:
        raise mismatch(name, 1, accepted, argument.kind).located(argument.position)
    compute = argument.run

    def run(context: Context) -> Value:
        given = compute(context)
        if given is None or given == "":
            return None
        if type(given) not in accepted:
            raise mismatch(name, 1, accepted, type(given))
        return convert(given, context)

    return run


def _read(name: str, text: str, parse: Callable[[str], Value]) -> Value:
    try:
        return parse(text)
    except ValueError as error:
        raise EvaluationError(
            f"{name} cannot read {text!r}", "Write dates as 2026-11-23 and times as 01:02:03."
        ) from error


@function("DATE", NUMBER, NUMBER, NUMBER, gives=date)
def day_of(year: Decimal, month: Decimal, day: Decimal) -> date:
    return date(int(year), int(month), int(day))


@function("YEAR", DATE, gives=Decimal)
def year_of(day: date) -> Decimal:
    return Decimal(day.year)


@function("MONTH", DATE, gives=Decimal)
def month_of(day: date) -> Decimal:
    return Decimal(day.month)


@function("DAY", DATE, gives=Decimal)
def day_of_month(day: date) -> Decimal:
    return Decimal(day.day)


@function("WEEKDAY", DATE, gives=Decimal)
def weekday_of(day: date) -> Decimal:
    """1 is Sunday, 7 Saturday."""
    return Decimal(day.isoweekday() % DAYS_OF_WEEK + 1)


@function("ADDMONTHS", MOMENT, NUMBER, gives=UNKNOWN)
def months_later(start: date, months: Decimal) -> date:
    """Return the same day of another month; its last day where the start is the last of its own, or it is too short."""
    year, month = divmod(start.year * MONTHS + start.month - 1 + int(months), MONTHS)
    if not date.min.year <= year <= date.max.year:
        raise EvaluationError(f"ADDMONTHS leads to the year {year}", "Use fewer months.")
    last = calendar.monthrange(year, month + 1)[1]
    was_last = start.day == calendar.monthrange(start.year, start.month)[1]
    return start.replace(year=year, month=month + 1, day=last if was_last else min(start.day, last))


@function("HOUR", TIME, gives=Decimal)
def hour_of(moment: time) -> Decimal:
    return Decimal(moment.hour)


@function("MINUTE", TIME, gives=Decimal)
def minute_of(moment: time) -> Decimal:
    return Decimal(moment.minute)


@function("SECOND", TIME, gives=Decimal)
def second_of(moment: time) -> Decimal:
    return Decimal(moment.second)


@function("MILLISECOND", TIME, gives=Decimal)
def millisecond_of(moment: time) -> Decimal:
    return Decimal(moment.microsecond // 1000)

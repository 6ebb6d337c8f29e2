"""Functions of dates and times. Moments are UTC; what day it is follows the running user's time zone."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
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
COUNTED = frozenset({date, datetime, time})
SPAN = frozenset({Decimal, datetime, time})
SPAN_END = frozenset({bool, datetime, time})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, SECONDS_OF_DAY = 60, 3600, 86_400

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


@function("DAYOFYEAR", DATE, gives=Decimal)
def day_of_year(day: date) -> Decimal:
    """1 is the first of January."""
    return Decimal(day.timetuple().tm_yday)


@function("ISOWEEK", DATE, gives=Decimal)
def iso_week(day: date) -> Decimal:
    """Weeks begin on Monday; the first is the one with the year's first Thursday (ISO 8601)."""
    return Decimal(day.isocalendar().week)


@function("ISOYEAR", DATE, gives=Decimal)
def iso_year(day: date) -> Decimal:
    """The year that the ISO week belongs to: a few days around New Year belong to the other year's."""
    return Decimal(day.isocalendar().year)


@function("UNIXTIMESTAMP", COUNTED, gives=Decimal)
def seconds_since_1970(moment: date | time) -> Decimal:
    """Return the seconds since 1970-01-01 UTC of a moment or of a day's beginning, since midnight of a time. [U]"""
    if isinstance(moment, time):
        return Decimal(moment.hour * HOUR + moment.minute * MINUTE + moment.second)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), UTC)
    return Decimal((moment - EPOCH) // timedelta(seconds=1))


@function("FROMUNIXTIME", NUMBER, gives=datetime)
def moment_of(seconds: Decimal) -> datetime:
    """Return the moment so many seconds after 1970-01-01 UTC; fractions do not count. [U]"""
    return EPOCH + timedelta(seconds=int(seconds))


@function("FORMATDURATION", SPAN, SPAN_END, gives=str, required=1)
def duration(start: Decimal | datetime | time, end: bool | datetime | time = False) -> str:
    """Return seconds, or what lies between two moments or two times whichever is the later, as ``HH:MM:SS``; moments,
    and seconds with TRUE, as ``DD:HH:MM:SS``. [U]
    """
    match start, end:
        case Decimal(), bool():
            return _clock(int(abs(start)), with_days=end)
        case datetime(), datetime():
            return _clock(int(abs(end - start).total_seconds()), with_days=True)
        case time(), time():
            return _clock(int(abs(seconds_since_1970(end) - seconds_since_1970(start))), with_days=False)
        case _:
            raise mismatch("FORMATDURATION", 2, frozenset({type(start)}) & SPAN_END or frozenset({bool}), type(end))


def _clock(seconds: int, *, with_days: bool) -> str:
    days, rest = divmod(seconds, SECONDS_OF_DAY) if with_days else (0, seconds)
    hours, rest = divmod(rest, HOUR)
    shown = f"{hours:02d}:{rest // MINUTE:02d}:{rest % MINUTE:02d}"
    return f"{days:02d}:{shown}" if with_days else shown


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

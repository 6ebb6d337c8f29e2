"""SOQL's date literals: TODAY, LAST_N_DAYS:n and their kin, as half-open ranges of UTC days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

Range = tuple[date, date]
"""First day, and the day after the last."""


def _month(day: date, months: int) -> date:
    """Return the first of the month that many months away."""
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def _months(first: date, count: int) -> Range:
    return first, _month(first, count)


def _days(day: date, start: int, end: int) -> Range:
    return day + timedelta(start), day + timedelta(end)


def _week(day: date, weeks: int) -> Range:
    """Weeks begin on Sunday, as they do in the en_US locale."""
    start = day - timedelta((day.weekday() + 1) % 7) + timedelta(7 * weeks)
    return start, start + timedelta(7)


def _quarter(day: date, quarters: int) -> date:
    return _month(date(day.year, (day.month - 1) // 3 * 3 + 1, 1), 3 * quarters)


def _year(day: date, years: int) -> date:
    return date(day.year + years, 1, 1)


FIXED: dict[str, Callable[[date], Range]] = {
    "TODAY": lambda d: _days(d, 0, 1),
    "YESTERDAY": lambda d: _days(d, -1, 0),
    "TOMORROW": lambda d: _days(d, 1, 2),
    "LAST_WEEK": lambda d: _week(d, -1),
    "THIS_WEEK": lambda d: _week(d, 0),
    "NEXT_WEEK": lambda d: _week(d, 1),
    "LAST_MONTH": lambda d: _months(_month(d, -1), 1),
    "THIS_MONTH": lambda d: _months(_month(d, 0), 1),
    "NEXT_MONTH": lambda d: _months(_month(d, 1), 1),
    "LAST_90_DAYS": lambda d: _days(d, -89, 1),
    "NEXT_90_DAYS": lambda d: _days(d, 1, 91),
    "LAST_QUARTER": lambda d: _months(_quarter(d, -1), 3),
    "THIS_QUARTER": lambda d: _months(_quarter(d, 0), 3),
    "NEXT_QUARTER": lambda d: _months(_quarter(d, 1), 3),
    "LAST_YEAR": lambda d: (_year(d, -1), _year(d, 0)),
    "THIS_YEAR": lambda d: (_year(d, 0), _year(d, 1)),
    "NEXT_YEAR": lambda d: (_year(d, 1), _year(d, 2)),
}
COUNTED: dict[str, Callable[[date, int], Range]] = {
    "LAST_N_DAYS": lambda d, n: _days(d, -n, 1),
    "NEXT_N_DAYS": lambda d, n: _days(d, 1, n + 1),
    "N_DAYS_AGO": lambda d, n: _days(d, -n, -n + 1),
    "LAST_N_WEEKS": lambda d, n: (_week(d, -n)[0], _week(d, 0)[0]),
    "NEXT_N_WEEKS": lambda d, n: (_week(d, 1)[0], _week(d, n)[1]),
    "LAST_N_MONTHS": lambda d, n: (_month(d, -n), _month(d, 0)),
    "NEXT_N_MONTHS": lambda d, n: (_month(d, 1), _month(d, n + 1)),
    "LAST_N_QUARTERS": lambda d, n: (_quarter(d, -n), _quarter(d, 0)),
    "NEXT_N_QUARTERS": lambda d, n: (_quarter(d, 1), _quarter(d, n + 1)),
    "LAST_N_YEARS": lambda d, n: (_year(d, -n), _year(d, 0)),
    "NEXT_N_YEARS": lambda d, n: (_year(d, 1), _year(d, n + 1)),
}


def day_range(name: str, count: int | None, today: date) -> Range | None:
    """Return the days that a literal stands for, or None when SOQL has no such literal."""
    if count is None:
        return FIXED[name](today) if name in FIXED else None
    return COUNTED[name](today, count) if name in COUNTED else None

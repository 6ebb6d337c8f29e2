"""Computes a summary report over rows, by the report's own filters, groups and sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from lxml import etree
from metadata_source import every, text

Row = Mapping[str, Any]
Group = tuple[Any, ...]
SPANS: dict[str, Callable[[date], tuple[date, date]]] = {
    "INTERVAL_LAST30": lambda today: (today - timedelta(days=29), today),
    "INTERVAL_CUSTOM": lambda _: (date.min, date.max),
}
"""First and last day of each time frame."""


def figures(report: etree._Element, rows: Iterable[Row], today: date) -> dict[Group, dict[str, float]]:
    """Return what the report shows for each group: the number of rows, and the sums by field."""
    shown: dict[Group, dict[str, float]] = {}
    for row in rows:
        if not (_in_time(report, row, today) and all(keeps(one, row) for one in every(report, "filter/criteriaItems"))):
            continue
        sums = shown.setdefault(_group(report, row), {"RowCount": 0})
        sums["RowCount"] += 1
        for field in _summed(report):
            sums[field] = sums.get(field, 0) + (row.get(field) or 0)
    return shown


def keeps(item: etree._Element, row: Row) -> bool:
    """Tell whether a filter, of a report or a list view, keeps the row; several values mean any of them."""
    field = _field(text(item, "column") or text(item, "field"))
    value = row.get(field)
    held = str(int(value)) if isinstance(value, bool) else str(value or "")
    same = held in text(item, "value").split(",")
    match text(item, "operator") or text(item, "operation"):
        case "equals":
            return same
        case "notEqual":
            return not same
        case other:
            raise AssertionError(f"{other} is not computed here")


def _in_time(report: etree._Element, row: Row, today: date) -> bool:
    first, last = SPANS[text(report, "timeFrameFilter/interval")](today)
    return first <= _day(row[_field(text(report, "timeFrameFilter/dateColumn"))]) <= last


def _group(report: etree._Element, row: Row) -> Group:
    return tuple(_grouped(one, row) for one in every(report, "groupingsDown"))


def _grouped(grouping: etree._Element, row: Row) -> Any:
    value = row.get(_field(text(grouping, "field")))
    return _day(value) if text(grouping, "dateGranularity") == "Day" else value


def _summed(report: etree._Element) -> list[str]:
    return [_field(text(one, "field")) for one in every(report, "columns") if text(one, "aggregateTypes") == "Sum"]


def _field(column: str) -> str:
    return column.rpartition("$")[2]


def _day(moment: datetime) -> date:
    return moment.date()

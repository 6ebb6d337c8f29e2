"""REST values become formula values by the field's type, and formula values become what REST would show."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.eligibility.formula import (
    Context,
    FormulaError,
    MultiPicklist,
    Picklist,
    case_safe_id,
    compile_formula,
    from_rest,
    row_resolver,
    to_rest,
)

MOMENT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "field_type", "expected"),
    [
        ("2026-11-23T01:02:03.000+0000", "datetime", MOMENT),
        ("2026-11-23T03:02:03.000+02:00", "datetime", MOMENT),
        (MOMENT, "datetime", MOMENT),
        ("2026-11-23", "date", date(2026, 11, 23)),
        ("13:14:15.123Z", "time", time(13, 14, 15, 123000)),
        (1041.67, "currency", Decimal("1041.67")),
        (7, "int", Decimal(7)),
        ("12.50", "double", Decimal("12.50")),
        (75, "percent", Decimal("0.75")),
        (True, "boolean", True),
        ("false", "boolean", False),
        (None, "boolean", False),
        (None, "string", ""),
        (None, "textarea", ""),
        (None, "double", None),
        (None, "date", None),
        (None, "reference", None),
        (None, "", None),
        (None, "picklist", Picklist()),
        ("A;B", "multipicklist", MultiPicklist("A;B")),
        ("0051x00000ABCDEAA4", "reference", "0051x00000ABCDE"),
        ("2026-11-23", "", "2026-11-23"),
        (5, "", Decimal(5)),
    ],
)
def test_reading(raw: Any, field_type: str, expected: object) -> None:
    value = from_rest(raw, field_type)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("raw", "field_type"),
    [
        ("soon", "datetime"),
        ("x", "double"),
        (True, "int"),
        ("NaN", "double"),
        ("maybe", "boolean"),
        ([1], ""),
        (MOMENT, "date"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(raw: Any, field_type: str) -> None:
    with pytest.raises(FormulaError):
        from_rest(raw, field_type)


def test_the_refusal_names_the_field() -> None:
    context = Context(row_resolver({"When__c": "soon"}), MOMENT, {"when__c": "datetime"})
    with pytest.raises(FormulaError, match=r"When__c.*'soon' is no datetime"):
        compile_formula("ISBLANK(When__c)").evaluate(context)


@pytest.mark.parametrize(
    ("value", "field_type", "scale", "shown"),
    [
        (MOMENT, "datetime", None, "2026-11-23T01:02:03.000+0000"),
        (date(2026, 11, 23), "date", None, "2026-11-23"),
        (time(1, 2, 3), "time", None, "01:02:03.000Z"),
        (Decimal("1.005"), "currency", 2, Decimal("1.01")),
        (Decimal("0.75"), "percent", 0, Decimal("75")),
        (True, "boolean", None, True),
        (None, "boolean", None, False),
        (None, "string", None, None),
        ("", "string", None, None),
        (Picklist("A"), "string", None, "A"),
    ],
)
def test_showing(value: Any, field_type: str, scale: int | None, shown: object) -> None:
    result = to_rest(value, field_type, scale)
    assert result == shown
    assert type(result) is type(shown)


def test_audit_fields_and_ids_are_known_without_a_describe() -> None:
    row = {
        "LastModifiedDate": "2026-11-23T01:02:03.000+0000",
        "LastModifiedById": "0051x00000ABCDEAA4",
        "Odd_Id__c": "a" * 18,
    }
    context = Context(row_resolver(row), MOMENT)
    assert context.read("lastmodifieddate") == MOMENT
    assert context.read("LastModifiedById") == "0051x00000ABCDE"
    assert context.read("Odd_Id__c") == "a" * 18


def test_types_may_be_a_function() -> None:
    context = Context(row_resolver({"A__c": "5"}), MOMENT, lambda name: "double" if name == "A__c" else "")
    assert context.read("A__c") == 5


@pytest.mark.parametrize(
    ("short", "full"),
    [("001A0000006Vm9r", "001A0000006Vm9rIAC"), ("00530000000abcd", "00530000000abcdAAA"), ("abc", "abc"), ("", "")],
)
def test_ids_of_18_characters(short: str, full: str) -> None:
    assert case_safe_id(short) == full


@given(st.text("abXY019", min_size=15, max_size=15), st.text("abXY019", min_size=15, max_size=15))
def test_18_characters_tell_ids_apart_without_regard_to_case(one: str, other: str) -> None:
    full = case_safe_id(one)
    assert full[:15] == one
    assert case_safe_id(full) == full
    assert (full.lower() == case_safe_id(other).lower()) == (one == other)

"""The formula language as text: what is read, what is refused and where; nothing but FormulaError comes out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.eligibility.formula import FUNCTION_NAMES, Context, FormulaError, Position, compile_formula, row_resolver
from connector.errors import ConnectorError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CONTEXT = Context(row_resolver({"A": Decimal(1), "B__c": "x", "N": None}), NOW, {"n": "double"})


def test_fields_are_reported_as_written_and_constants_are_none() -> None:
    formula = compile_formula(
        "AND(true, Account.Owner.Name = $Setup.My__c.Field__c, /* Ignored__c */ "
        "NOT(ISBLANK(foo__R.Bar__c)), $User.Id <> NULL)"
    )
    assert formula.fields == {"Account.Owner.Name", "$Setup.My__c.Field__c", "foo__R.Bar__c", "$User.Id"}


def test_the_same_text_is_compiled_once() -> None:
    assert compile_formula("1 + 1") is compile_formula("1 + 1")


def test_line_breaks_and_comments_may_stand_anywhere() -> None:
    text = "/* start */ IF(\n\tA /* one */ > 0 ,\r\n 'a /* text */' , 'b' ) /* **end** */"
    assert compile_formula(text).evaluate(CONTEXT) == "a /* text */"


def test_globals_come_from_the_caller_without_regard_to_case() -> None:
    extra = {"$Permission.Sell": True, "$Setup.My__c.Field__c": "abc", "$Profile.Name": "Sales"}
    context = Context(row_resolver({}, extra), NOW)
    text = "$permission.sell && $SETUP.my__c.field__C = 'abc' && $Profile.Name = 'Sales'"
    assert compile_formula(text).evaluate(context) is True


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("", 1, 1, "ends too early"),
        ("1 +", 1, 3, "ends too early"),
        ("IF(A,\n 1", 2, 2, "ends too early"),
        ("1 2", 1, 3, "'2' cannot stand here"),
        ("(1))", 1, 4, "cannot stand here"),
        ("LEN(,)", 1, 5, "cannot stand here"),
        ("A ? B", 1, 3, "unexpected character"),
        ("'open", 1, 1, "not closed"),
        ("1 +\n  FOO(2)", 2, 3, "function FOO is unknown"),
        ("LEFT('a')", 1, 1, "LEFT takes 2 arguments, not 1"),
        ("TRIM('a', 'b')", 1, 1, "TRIM takes 1 arguments, not 2"),
        ("FIND('a')", 1, 1, "at least 2"),
        ("TRUNC(1, 2, 3)", 1, 1, "at most 2"),
        ("IF(TRUE, 1)", 1, 1, "IF takes 3"),
        ("CASE(A, 1, 2, 3, 4)", 1, 1, "lacks the result for all other cases"),
        ("IFS(TRUE, 1, FALSE, 2)", 1, 1, "lacks the result for all other cases"),
        ("IF(TRUE, 1, 'a')", 1, 13, "Number and Text"),
        ("IF('x', 1, 2)", 1, 4, "Boolean"),
        ("NOT(1)", 1, 5, "Boolean"),
        ("1 & 'a'", 1, 3, "does not take Number and Text"),
        ("A + TRUE", 1, 3, "does not take"),
        ("-'a'", 1, 1, "does not take"),
        ("&'a'", 1, 1, "cannot stand here"),
        ("1 < 2 < 3", 1, 7, "does not take Boolean and Number"),
        ("CASE(1, 'a', 2, 3)", 1, 9, "does not take"),
        ("LEN(5)", 1, 5, "LEN takes Text"),
        ("DATEVALUE(5)", 1, 11, "DATEVALUE takes"),
        ("ISPICKVAL('a', 'b')", 1, 11, "takes a Picklist field"),
        ("ISPICKVAL(A, 5)", 1, 14, "compares with a text"),
        ("ISCHANGED(A + 1)", 1, 11, "takes a field"),
        ("'\\d'", 1, 1, "unknown escape"),
    ],
)
def test_what_is_no_formula_is_refused_with_place_excerpt_and_remedy(
    text: str, line: int, column: int, problem: str
) -> None:
    with pytest.raises(FormulaError, match=problem) as caught:
        compile_formula(text)
    assert caught.value.position == Position(line, column)
    assert caught.value.remedy in str(caught.value)
    assert text.split("\n")[line - 1][column - 1 :].startswith(caught.value.excerpt)
    assert isinstance(caught.value, ConnectorError)


def test_nesting_is_bounded_and_length_is_not() -> None:
    with pytest.raises(FormulaError, match="nested"):
        compile_formula("!" * 5000 + "TRUE")
    assert compile_formula("(" * 5000 + "A" + ")" * 5000).evaluate(CONTEXT) == 1
    assert compile_formula(" + ".join(["A"] * 3000)).evaluate(CONTEXT) == 3000
    deep = "IF(TRUE, " * 90 + "1" + ", 2)" * 90
    assert compile_formula(deep).evaluate(CONTEXT) == 1


STATES = {"TRUE": True, "FALSE": False, "(N > 1)": None}


@pytest.mark.parametrize(("left", "right"), list(product(STATES, STATES)))
def test_conditions_have_three_states(left: str, right: str) -> None:
    """False decides AND, true decides OR; otherwise an unknown condition leaves the outcome unknown."""
    values = {STATES[left], STATES[right]}
    both = False if False in values else (None if None in values else True)
    either = True if True in values else (None if None in values else False)
    assert compile_formula(f"AND({left}, {right})").evaluate(CONTEXT) is both
    assert compile_formula(f"{left} && {right}").evaluate(CONTEXT) is both
    assert compile_formula(f"OR({left}, {right})").evaluate(CONTEXT) is either
    assert compile_formula(f"{left} || {right}").evaluate(CONTEXT) is either
    assert compile_formula(f"AND({left}, {right})").holds(CONTEXT) is (both is True)


def test_conditions_stop_where_the_outcome_is_certain() -> None:
    assert compile_formula("OR(TRUE, 1/0 > 1)").evaluate(CONTEXT) is True
    assert compile_formula("FALSE && 1/0 > 1").evaluate(CONTEXT) is False
    assert compile_formula("IF(TRUE, 1, 1/0)").evaluate(CONTEXT) == 1
    assert compile_formula("CASE(A, 1, 'one', TEXT(1/0))").evaluate(CONTEXT) == "one"


@pytest.mark.parametrize(
    ("text", "expected", "as_zero"),
    [
        ("N", None, Decimal(0)),
        ("N + 1", None, Decimal(1)),
        ("N > 1", None, False),
        ("N < 1", None, True),
        ("NOT(N < 1)", None, False),
        ("N = 0", False, True),
        ("N <> 0", True, False),
        ("N = NULL", True, False),
        ("N <> NULL", False, True),
        ("ISBLANK(N)", True, False),
        ("ISNULL(N)", True, False),
        ("ABS(N)", None, Decimal(0)),
        ("TEXT(N)", "", "0"),
        ("BLANKVALUE(N, 5)", Decimal(5), Decimal(0)),
        ("IF(N < 1, 'low', 'not low')", "not low", "low"),
        ("B__c & NULL", "x", "x"),
        ("NULL & B__c", "x", "x"),
        ("NULL + 1", None, None),
        ("'' = NULL", True, True),
        ("NULL = NULL", True, True),
    ],
)
def test_empty_numbers_are_empty_or_zero_as_the_field_is_set(text: str, expected: object, as_zero: object) -> None:
    assert compile_formula(text).evaluate(CONTEXT) == expected
    zero = Context(CONTEXT.resolve, NOW, CONTEXT.types, blank_as_zero=True)
    assert compile_formula(text).evaluate(zero) == as_zero


def test_only_a_condition_can_hold() -> None:
    with pytest.raises(FormulaError, match="gives Number"):
        compile_formula("1 + 1").holds(CONTEXT)
    with pytest.raises(FormulaError, match="must be Boolean"):
        compile_formula("B__c").holds(CONTEXT)


TOKENS = st.sampled_from(
    ["A", "B__c", "N", "$User.Id", "1", "2.5", "'x'", '"y"', "TRUE", "NULL", "/* c */", "/*", "\\", "\n", "'"]
    + ["+", "-", "*", "/", "^", "&", "=", "<>", "<", ">=", "&&", "||", "!", "(", ")", ","]
    + [f"{name}(" for name in sorted(FUNCTION_NAMES)]
)


@given(st.one_of(st.text(max_size=60), st.lists(TOKENS, max_size=25).map(" ".join)))
def test_any_text_is_a_formula_or_a_formula_error(text: str) -> None:
    """Whatever an admin types, reading and evaluating it ends in a value or in a FormulaError."""
    try:
        compile_formula(text).evaluate(CONTEXT)
    except FormulaError as error:
        assert str(error)


NUMBERS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=6)


@given(NUMBERS, NUMBERS)
def test_decimals_are_exact(left: Decimal, right: Decimal) -> None:
    context = Context(row_resolver({"L": left, "R": right}), NOW, {"l": "double", "r": "double"})
    assert compile_formula("L + R - R = L").evaluate(context) is True
    assert compile_formula("VALUE(TEXT(L)) = L").evaluate(context) is True
    assert compile_formula("MFLOOR(L) <= L && L <= MCEILING(L) && ABS(TRUNC(L)) <= ABS(L)").evaluate(context) is True


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(-3000, 3000))
def test_adding_days_and_taking_the_difference_agree(day: date, days: int) -> None:
    context = Context(row_resolver({"D": day, "X": days}), NOW)
    assert compile_formula("(D + X) - D = X").evaluate(context) is True


@given(st.text(max_size=30))
def test_a_text_survives_quoting(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert compile_formula(quoted).evaluate(CONTEXT) == text

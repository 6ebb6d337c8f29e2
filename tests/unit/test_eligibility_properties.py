"""What holds of the formula language's functions whatever they are given."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connector.eligibility.formula import Context, compile_formula, row_resolver

NOW = datetime(2026, 11, 23, 22, 30, 15, tzinfo=UTC)


def of(value: object, **more: object) -> Context:
    return Context(row_resolver({"X": value, **more}), NOW)


WORDS = st.text(max_size=20)
COUNTS = st.integers(-3, 30)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))
ANGLES = st.decimals(-1, 1, places=6)


@given(WORDS)
def test_reversing_twice_and_coding_characters_change_nothing(text: str) -> None:
    assert compile_formula("REVERSE(REVERSE(X)) = X").evaluate(of(text)) is True
    assert compile_formula("IF(X = '', TRUE, CHR(ASCII(X)) = LEFT(X, 1))").evaluate(of(text)) is True


@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_initial_capitals_change_nothing_but_case(text: str) -> None:
    assert compile_formula("LOWER(INITCAP(X)) = LOWER(X)").evaluate(of(text)) is True
    assert compile_formula("INITCAP(INITCAP(X)) = INITCAP(X)").evaluate(of(text)) is True


@given(DAYS)
def test_day_numbers_agree_with_the_calendar(day: date) -> None:
    week = compile_formula("TEXT(ISOYEAR(X)) & '-W' & LPAD(TEXT(ISOWEEK(X)), 2, '0')").evaluate(of(day))
    assert week == day.strftime("%G-W%V")
    assert compile_formula("DATE(YEAR(X), 1, 1) + DAYOFYEAR(X) - 1 = X").evaluate(of(day)) is True
    assert compile_formula("WEEKDAY(X) = WEEKDAY(X + 7) && WEEKDAY(DATE(1900, 1, 7)) = 1").evaluate(of(day)) is True


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_unix_times_lead_back_to_the_second(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert compile_formula("FROMUNIXTIME(UNIXTIMESTAMP(X))").evaluate(of(moment)) == whole


@given(st.integers(0, 10**7))
def test_durations_add_up(seconds: int) -> None:
    shown = compile_formula("FORMATDURATION(X, TRUE)").evaluate(of(Decimal(seconds)))
    days, hours, minutes, rest = map(int, str(shown).split(":"))
    assert ((days * 24 + hours) * 60 + minutes) * 60 + rest == seconds
    assert hours < 24 and minutes < 60 and rest < 60


@given(ANGLES)
def test_angles_invert(number: Decimal) -> None:
    for text in ("SIN(ASIN(X))", "COS(ACOS(X))", "TAN(ATAN(X))", "SIN(ATAN2(X, 1)) / COS(ATAN2(X, 1))"):
        assert compile_formula(f"ABS({text} - X) < 0.000000001").evaluate(of(number)) is True
    assert compile_formula("ROUND(SIN(X) ^ 2 + COS(X) ^ 2, 12) = 1").evaluate(of(number)) is True


@given(st.decimals(-(10**9), 10**9, places=4), st.integers(-3, 3))
def test_halves_are_rounded_away_from_zero(number: Decimal, places: int) -> None:
    step = Decimal(1).scaleb(-places)
    expected = (abs(number) / step + Decimal("0.5")).to_integral_value("ROUND_FLOOR") * step * (-1 if number < 0 else 1)
    assert compile_formula("ROUND(X, P)").evaluate(of(number, P=Decimal(places))) == expected


@given(st.sets(st.sampled_from(["EMEA", "APAC", "LATAM"])))
def test_chosen_values_are_counted(chosen: set[str]) -> None:
    context = Context(row_resolver({"R": ";".join(sorted(chosen)) or None}), NOW, {"r": "multipicklist"})
    assert compile_formula("PICKLISTCOUNT(R)").evaluate(context) == len(chosen)
    assert all(compile_formula(f"INCLUDES(R, '{one}')").evaluate(context) for one in chosen)


@given(WORDS, COUNTS)
def test_a_text_is_cut_without_losing_a_character(text: str, count: int) -> None:
    """Positions count from 1."""
    context = of(text, N=Decimal(count))
    for whole in ("LEFT(X, N) & MID(X, MAX(N, 0) + 1, LEN(X))", "MID(X, 1, N) & RIGHT(X, LEN(X) - MAX(N, 0))"):
        assert compile_formula(f"{whole} = X").evaluate(context) is True
    width = max(count, 0)
    for padded in ("LPAD(X, N, '*')", "RPAD(X, N, '*')"):
        assert len(str(compile_formula(padded).evaluate(context))) == width


@given(WORDS, WORDS, WORDS)
def test_what_was_put_into_a_text_is_found_in_it(before: str, part: str, after: str) -> None:
    context = of(part, A=before, B=after)
    for text in (
        "CONTAINS(A & X & B, X)",
        "X = '' || MID(A & X & B, FIND(X, A & X & B), LEN(X)) = X",
        "X = '' || LEN(SUBSTITUTE(A & X & B, X, '')) < LEN(A & X & B)",
        "BEGINS(X & A, X)",
        "LEN(TRIM(X)) <= LEN(X)",
    ):
        assert compile_formula(text).evaluate(context) is True


@given(DAYS, st.integers(-500, 500))
def test_adding_months_keeps_the_day_or_takes_the_last_one(day: date, months: int) -> None:
    context = of(day, N=Decimal(months))
    later = compile_formula("ADDMONTHS(X, N)").evaluate(context)
    assert isinstance(later, date)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    next_day = compile_formula("DAY(ADDMONTHS(X, N) + 1)").evaluate(context)
    was_last = compile_formula("DAY(X + 1) = 1").evaluate(context)
    assert next_day == 1 if was_last else (later.day == day.day or next_day == 1)


@given(st.decimals(-(10**6), 10**6, places=3), st.integers(-50, 50).filter(bool))
def test_division_leaves_its_remainder(number: Decimal, divisor: int) -> None:
    context = of(number, D=Decimal(divisor))
    for text in (
        "TRUNC(X / D) * D + MOD(X, D) = X",
        "ABS(MOD(X, D)) < ABS(D)",
        "ABS(CEILING(X)) >= ABS(X) && ABS(FLOOR(X)) <= ABS(X)",
        "MCEILING(X) - MFLOOR(X) <= 1",
        "MIN(X, D) + MAX(X, D) = X + D",
        "X < 0 || ABS(SQRT(X) ^ 2 - X) < 0.000001",
        "X <= 0 || ABS(EXP(LN(X)) - X) < 0.000001 && ABS(10 ^ LOG(X) - X) < 0.000001",
    ):
        assert compile_formula(text).evaluate(context) is True, text


@given(st.times())
def test_a_time_is_taken_apart_and_put_together(moment: time) -> None:
    clock = "LPAD(TEXT(HOUR(X)), 2, '0') & ':' & LPAD(TEXT(MINUTE(X)), 2, '0') & ':' & LPAD(TEXT(SECOND(X)), 2, '0')"
    whole = f"TIMEVALUE({clock} & '.' & LPAD(TEXT(MILLISECOND(X)), 3, '0'))"
    expected = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert compile_formula(whole).evaluate(of(moment)) == expected

"""Every function of the formula language gives what Salesforce's own examples of it give."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.eligibility.formula import (
    FUNCTION_NAMES,
    Context,
    EvaluationError,
    FormulaError,
    Value,
    compile_formula,
    row_resolver,
)

NOW = datetime(2026, 11, 23, 22, 30, 15, tzinfo=UTC)
ROW = {
    "Name": "Acme",
    "Blank__c": None,
    "Amount": Decimal("1041.67"),
    "Empty_Number__c": None,
    "Probability": 75,
    "StageName": "Qualified",
    "Empty_Pick__c": None,
    "Regions__c": "EMEA;APAC",
    "Empty_Multi__c": None,
    "CloseDate": "2026-12-31",
    "Empty_Date__c": None,
    "CreatedDate": "2026-11-23T01:02:03.000+0000",
    "IsWon": True,
    "Id": "0061x00000ABCDEAA5",
    "Parent__c": None,
    "Parent__r": None,
    "Owner": {"Name": "Ana", "Manager": {"Email": "lee@example.com"}},
}
TYPES = {
    "name": "string",
    "blank__c": "string",
    "amount": "currency",
    "empty_number__c": "double",
    "probability": "percent",
    "stagename": "picklist",
    "empty_pick__c": "picklist",
    "regions__c": "multipicklist",
    "empty_multi__c": "multipicklist",
    "closedate": "date",
    "empty_date__c": "date",
    "createddate": "datetime",
    "iswon": "boolean",
    "id": "id",
    "parent__c": "reference",
    "parent__r.name": "string",
}


def evaluate(text: str, **changes: Any) -> Value:
    settings: dict[str, Any] = {"resolve": row_resolver(ROW), "now": NOW, "types": TYPES, **changes}
    return compile_formula(text).evaluate(Context(**settings))


NUMBERS = {
    "ABS(-5)": "5",
    "CEILING(2.5)": "3",
    "CEILING(-2.5)": "-3",
    "FLOOR(2.5)": "2",
    "FLOOR(-2.5)": "-2",
    "MCEILING(2.5)": "3",
    "MCEILING(-2.5)": "-2",
    "MFLOOR(2.5)": "2",
    "MFLOOR(-2.5)": "-3",
    "ROUND(1.5, 0)": "2",
    "ROUND(1.2345, 0)": "1",
    "ROUND(-1.5, 0)": "-2",
    "ROUND(225.49823, 2)": "225.50",
    "ROUND(1234.5, -2)": "1200",
    "ROUND(1.5, 30)": "1.5",
    "TRUNC(-8.94, 1)": "-8.9",
    "TRUNC(8.94)": "8",
    "MAX(1, 3, 2)": "3",
    "MIN(4, 3, 5)": "3",
    "MOD(3, 3)": "0",
    "MOD(4, 3)": "1",
    "MOD(123, 100)": "23",
    "SQRT(25)": "5",
    "EXP(0)": "1",
    "LN(1)": "0",
    "LOG(100)": "2",
    "2 ^ 3": "8",
    "0 ^ 0": "1",
    "0.1 + 0.2": "0.3",
    "1 / 4": "0.25",
    "10 - 2 - 3": "5",
    "2 + 3 * 4": "14",
    "(2 + 3) * 4": "20",
    "-2 ^ 2": "4",
    "- -2": "2",
    "+2": "2",
    ".5 + 1.": "1.5",
    "LEN('p\u00e2t\u00e9')": "4",
    "FIND('e', 'see me')": "2",
    "FIND('e', 'see me', 4)": "6",
    "FIND('z', 'see me')": "0",
    "FIND('', 'see me')": "0",
    "VALUE('1041.67')": "1041.67",
    "VALUE(' -7 ')": "-7",
    "YEAR(DATE(2026, 2, 3))": "2026",
    "MONTH(DATE(2026, 2, 3))": "2",
    "DAY(DATE(2026, 2, 3))": "3",
    "WEEKDAY(DATE(2026, 11, 22))": "1",
    "WEEKDAY(DATE(2026, 11, 28))": "7",
    "HOUR(TIMEVALUE('17:30:45.125'))": "17",
    "MINUTE(TIMEVALUE('17:30:45.125'))": "30",
    "SECOND(TIMEVALUE('17:30:45.125'))": "45",
    "MILLISECOND(TIMEVALUE('17:30:45.125'))": "125",
    "DATE(2026, 3, 1) - DATE(2026, 2, 1)": "28",
    "DATETIMEVALUE('2026-11-24 12:00:00') - DATETIMEVALUE('2026-11-23 00:00:00')": "1.5",
    "Probability": "0.75",
    "Amount * 2": "2083.34",
    "CASE(StageName, 'New', 1, 'Qualified', 2, 3)": "2",
    "CASE(Name, 'acme', 1, 3)": "3",
    "CASE(MONTH(CloseDate), 1, 10, 12, 20, 30)": "20",
    "IFS(Amount > 5000, 1, Amount > 1000, 2, 3)": "2",
    "BLANKVALUE(Empty_Number__c, 7)": "7",
    "NULLVALUE(Empty_Number__c, 7)": "7",
    "PI()": "3.141592653589793",
    "SIN(0)": "0",
    "COS(0)": "1",
    "TAN(0)": "0",
    "ASIN(0)": "0",
    "ACOS(1)": "0",
    "ATAN(0)": "0",
    "ATAN2(0, 1)": "0",
    "ROUND(SIN(PI() / 6), 12)": "0.5",
    "ROUND(ATAN2(1, 0) * 2, 12)": "3.141592653590",
    "ASCII('Acme')": "65",
    "ASCII('\u20ac')": "8364",
    "PICKLISTCOUNT(Regions__c)": "2",
    "PICKLISTCOUNT(Empty_Multi__c)": "0",
    "DAYOFYEAR(DATE(2026, 1, 1))": "1",
    "DAYOFYEAR(DATE(2024, 12, 31))": "366",
    "ISOWEEK(DATE(2027, 1, 1))": "53",
    "ISOWEEK(DATE(2026, 1, 5))": "2",
    "ISOYEAR(DATE(2027, 1, 1))": "2026",
    "ISOYEAR(DATE(2026, 1, 1))": "2026",
    "UNIXTIMESTAMP(DATE(1970, 1, 2))": "86400",
    "UNIXTIMESTAMP(DATETIMEVALUE('1970-01-01 00:01:40'))": "100",
    "UNIXTIMESTAMP(DATE(1969, 12, 31))": "-86400",
    "UNIXTIMESTAMP(TIMEVALUE('01:00:01'))": "3601",
}

TEXTS = {
    "TEXT(1041.670)": "1041.67",
    "TEXT(1000)": "1000",
    "TEXT(0.0)": "0",
    "TEXT(0.5)": "0.5",
    "TEXT(StageName)": "Qualified",
    "TEXT(CloseDate)": "2026-12-31",
    "TEXT(CreatedDate)": "2026-11-23 01:02:03Z",
    "TEXT(TIMEVALUE('01:02:03'))": "01:02:03.000",
    "TEXT(Empty_Number__c)": "",
    "LEFT('ABCDE', 2)": "AB",
    "LEFT('ABCDE', -1)": "",
    "RIGHT('ABCDE', 2)": "DE",
    "RIGHT('AB', 5)": "AB",
    "RIGHT('AB', 0)": "",
    "MID('ABCDE', 2, 3)": "BCD",
    "MID('ABCDE', 9, 3)": "",
    "UPPER('aBc')": "ABC",
    "LOWER('aBc', 'tr')": "abc",
    "TRIM('  a b ')": "a b",
    "SUBSTITUTE('a-b-c', '-', '+')": "a+b+c",
    "SUBSTITUTE('abc', '', '+')": "abc",
    "LPAD('ABCD', 6, '*')": "**ABCD",
    "LPAD('ABCD', 7, 'xy')": "xyxABCD",
    "LPAD('ABCD', 2)": "AB",
    "RPAD('ABCD', 6, '*')": "ABCD**",
    "RPAD('ABCD', 2)": "AB",
    "RPAD('A', 3) & '.'": "A  .",
    "CASESAFEID('0061x00000ABCDE')": "0061x00000ABCDEAA5",
    "CASESAFEID(Id)": "0061x00000ABCDEAA5",
    "CASESAFEID('0061x00000ABCDEAA5')": "0061x00000ABCDEAA5",
    "Id": "0061x00000ABCDE",
    "'a' & BR() & 'b'": "a<br>b",
    "HYPERLINK('/x?a=1&b=2', 'Go')": '<a href="/x?a=1&amp;b=2" target="_blank">Go</a>',
    "'Deal ' & Name & Blank__c": "Deal Acme",
    "'a' + 'b'": "ab",
    "'it\\'s \\\\ \\n'": "it's \\ \n",
    "IF(IsWon, 'won', 'open')": "won",
    "IF(Empty_Number__c > 1, 'more', 'not more')": "not more",
    "BLANKVALUE(Blank__c, 'none')": "none",
    "NULLVALUE(Blank__c, 'none')": "",
    "BLANKVALUE(Empty_Pick__c, 'none')": "none",
    "owner.manager.EMAIL": "lee@example.com",
    "Owner:User.Name": "Ana",
    "Parent__r.Name": "",
    "INITCAP('new york-CITY o2')": "New York-City O2",
    "REVERSE('abc')": "cba",
    "CHR(65)": "A",
    "CHR(8364)": "\u20ac",
    "FORMATDURATION(3661)": "01:01:01",
    "FORMATDURATION(90061)": "25:01:01",
    "FORMATDURATION(90061, TRUE)": "01:01:01:01",
    "FORMATDURATION(-59.9)": "00:00:59",
    "FORMATDURATION(NOW(), NOW() + 1.5)": "01:12:00:00",
    "FORMATDURATION(NOW() + 1, NOW())": "01:00:00:00",
    "FORMATDURATION(TIMEVALUE('10:00:00'), TIMEVALUE('09:00:30'))": "00:59:30",
}

CONDITIONS = {
    "CONTAINS('Acme Corp', 'Corp')": True,
    "CONTAINS('Acme Corp', 'corp')": False,
    "CONTAINS(Name, Blank__c)": True,
    "BEGINS('Acme', 'Ac')": True,
    "BEGINS('Acme', 'ac')": False,
    "ISNUMBER('12.5')": True,
    "ISNUMBER('twelve')": False,
    "ISNUMBER('')": False,
    "REGEX('999-99-9999', '[0-9]{3}-[0-9]{2}-[0-9]{4}')": True,
    "REGEX('1999-99-9999', '\\\\d{3}-\\\\d{2}-\\\\d{4}')": False,
    "ISPICKVAL(StageName, 'Qualified')": True,
    "ISPICKVAL(StageName, 'qualified')": False,
    "ISPICKVAL(Empty_Pick__c, '')": True,
    "INCLUDES(Regions__c, 'APAC')": True,
    "INCLUDES(Regions__c, 'AP')": False,
    "INCLUDES(Empty_Multi__c, 'APAC')": False,
    "ISBLANK(Blank__c)": True,
    "ISBLANK(Name)": False,
    "ISBLANK(Empty_Date__c)": True,
    "ISBLANK(Parent__c)": True,
    "ISBLANK(Empty_Pick__c)": True,
    "ISBLANK(Empty_Multi__c)": True,
    "ISNULL(Empty_Number__c)": True,
    "ISNULL(Blank__c)": False,
    "Name = 'Acme'": True,
    "Name = 'ACME'": False,
    'Name == "Acme" && IsWon': True,
    "Name <> 'Acme' || !IsWon": False,
    "Name != 'x'": True,
    "CloseDate > DATE(2026, 12, 30)": True,
    "CreatedDate <= NOW()": True,
    "iswon = true": True,
    "1.0 = 1": True,
    "Id = '0061x00000ABCDE'": True,
    "Id = '0061x00000ABCDEAA5'": False,
    "ISNEW()": False,
    "ISCLONE()": False,
}

MOMENTS = {
    "TODAY()": date(2026, 11, 23),
    "FROMUNIXTIME(100.9)": datetime(1970, 1, 1, 0, 1, 40, tzinfo=UTC),
    "NOW()": NOW,
    "TIMENOW()": time(22, 30, 15),
    "DATE(2026, 2, 28) + 1": date(2026, 3, 1),
    "1 + DATE(2026, 2, 28)": date(2026, 3, 1),
    "DATE(2026, 3, 1) - 1.9": date(2026, 2, 28),
    "NOW() + 0.5": datetime(2026, 11, 24, 10, 30, 15, tzinfo=UTC),
    "NOW() - 1/24": datetime(2026, 11, 23, 21, 30, 15, tzinfo=UTC),
    "DATEVALUE('2026-02-03')": date(2026, 2, 3),
    "DATEVALUE(CreatedDate)": date(2026, 11, 23),
    "DATEVALUE(CloseDate)": date(2026, 12, 31),
    "DATETIMEVALUE('2026-02-03 04:05:06')": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "DATETIMEVALUE(CloseDate)": datetime(2026, 12, 31, tzinfo=UTC),
    "DATETIMEVALUE(NOW())": NOW,
    "TIMEVALUE(NOW())": time(22, 30, 15),
    "TIMEVALUE(TIMENOW())": time(22, 30, 15),
    "ADDMONTHS(DATE(2026, 1, 15), 1)": date(2026, 2, 15),
    "ADDMONTHS(DATE(2026, 1, 31), 1)": date(2026, 2, 28),
    "ADDMONTHS(DATE(2026, 2, 28), 1)": date(2026, 3, 31),
    "ADDMONTHS(DATE(2026, 12, 10), -13)": date(2025, 11, 10),
    "ADDMONTHS(NOW(), 2)": datetime(2027, 1, 23, 22, 30, 15, tzinfo=UTC),
}


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_numbers(text: str, expected: str) -> None:
    assert evaluate(text) == Decimal(expected)


@pytest.mark.parametrize(("text", "expected"), (TEXTS | CONDITIONS | MOMENTS).items())
def test_texts_conditions_and_moments(text: str, expected: Value) -> None:
    result = evaluate(text)
    assert result == expected
    assert type(result) is type(expected)


def test_every_function_has_an_example_here() -> None:
    examples = " ".join([*NUMBERS, *TEXTS, *CONDITIONS, *MOMENTS])
    elsewhere = {"AND", "OR", "NOT", "ISCHANGED", "PRIORVALUE"}
    assert {name for name in FUNCTION_NAMES - elsewhere if f"{name}(" not in examples} == set()


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "MOD(1, 0)",
        "VALUE('abc')",
        "VALUE('1e999999999')",
        "SQRT(-1)",
        "LN(0)",
        "LOG(-1)",
        "DATE(2026, 2, 30)",
        "DATEVALUE('tomorrow')",
        "DATETIMEVALUE('noon')",
        "ADDMONTHS(DATE(2026, 1, 1), 120000)",
        "DATE(2026, 1, 1) + 99999999999",
        "9 ^ 99999",
        "REGEX('a', '(')",
        "LPAD('a', 99999999)",
        "ASIN(2)",
        "ACOS(-1.5)",
        "CHR(-1)",
        "CHR(55296)",
        "CHR(99999999)",
        f"FROMUNIXTIME({'9' * 18})",
        "VALUE('1e150') ^ 2",
    ],
)
def test_what_salesforce_shows_as_an_error_is_an_evaluation_error_with_a_place(text: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert caught.value.position is not None
    assert caught.value.remedy in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "today"),
    [
        ("Pacific/Auckland", date(2026, 11, 24)),
        ("America/Los_Angeles", date(2026, 11, 23)),
        ("UTC", date(2026, 11, 23)),
    ],
)
def test_the_day_follows_the_user_and_moments_do_not(zone: str, today: date) -> None:
    assert evaluate("TODAY()", user_timezone=ZoneInfo(zone)) == today
    assert evaluate("DATEVALUE(NOW())", user_timezone=ZoneInfo(zone)) == today
    assert evaluate("NOW()", user_timezone=ZoneInfo(zone)) == NOW
    assert evaluate("CloseDate", user_timezone=ZoneInfo(zone)) == date(2026, 12, 31)


class TestChanges:
    """ISNEW, ISCLONE, ISCHANGED and PRIORVALUE compare with the row as it was."""

    before = staticmethod(row_resolver({**ROW, "StageName": "Prospect", "Amount": None}))

    def test_a_changed_field(self) -> None:
        assert evaluate("ISCHANGED(StageName)", prior=self.before) is True
        assert evaluate("ISCHANGED(Name)", prior=self.before) is False
        assert evaluate("ISPICKVAL(PRIORVALUE(StageName), 'Prospect')", prior=self.before) is True
        assert evaluate("ISBLANK(PRIORVALUE(Amount))", prior=self.before) is True

    def test_the_prior_blank_number_follows_the_setting_too(self) -> None:
        assert evaluate("PRIORVALUE(Amount)", prior=self.before, blank_as_zero=True) == 0

    def test_a_new_record_has_changed_nothing(self) -> None:
        assert evaluate("ISNEW() && NOT(ISCHANGED(StageName))", is_new=True, prior=self.before) is True
        assert evaluate("PRIORVALUE(Amount)", is_new=True, prior=self.before) == Decimal("1041.67")
        assert evaluate("ISCLONE()", is_clone=True) is True

    def test_without_a_change_the_prior_value_is_the_present_one(self) -> None:
        assert evaluate("PRIORVALUE(Amount)") == Decimal("1041.67")
        assert evaluate("ISCHANGED(Amount)") is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("StageName = 'Qualified'", "Picklist"),
        ("'x' & StageName", "Picklist"),
        ("StageName & NULL", "picklist"),
        ("CONTAINS(Regions__c, 'APAC')", "Multi-Select Picklist"),
        ("ISPICKVAL(Name, 'Acme')", "Picklist"),
        ("INCLUDES(StageName, 'x')", "Multi-Select Picklist"),
        ("Amount & 'x'", "Number and Text"),
        ("CloseDate < NOW()", "Date and Date/Time"),
        ("Name < 'B'", "Text"),
        ("PICKLISTCOUNT(StageName)", "Multi-Select Picklist"),
        ("FORMATDURATION(CreatedDate, TRUE)", "FORMATDURATION takes Date/Time as argument 2, not Boolean"),
        ("FORMATDURATION(Amount, NOW())", "FORMATDURATION takes Boolean as argument 2, not Date/Time"),
        ("FORMATDURATION(CreatedDate, TIMENOW())", "FORMATDURATION takes Date/Time as argument 2, not Time"),
        ("LEN(Amount)", "LEN takes Text as argument 1, not Number"),
        ("DATEVALUE(Amount)", "DATEVALUE"),
        ("IF(Name, 1, 2)", "condition must be Boolean"),
        ("AND(IsWon, Name)", "condition must be Boolean"),
        ("REGEX(Name, '[[a-f]x]')", "nests or combines sets"),
        ("REGEX(Name, '[a-z&&[^x]]')", "nests or combines sets"),
        ("Nmae = 'x'", "Nmae"),
        ("Owner.Nickname", "Owner.Nickname"),
        ("Name.First", "Name.First"),
    ],
)
def test_fields_of_the_wrong_kind_are_named_with_a_place(text: str, problem: str) -> None:
    with pytest.raises(FormulaError, match=problem) as caught:
        evaluate(text)
    assert not isinstance(caught.value, EvaluationError)
    assert caught.value.position is not None
    assert caught.value.excerpt


@pytest.mark.parametrize("name", ["IMAGE", "VLOOKUP", "ParentGroupVal", "PREVGROUPVAL", "GEOLOCATION", "DISTANCE"])
def test_a_function_that_needs_salesforce_says_so(name: str) -> None:
    with pytest.raises(FormulaError, match=f"{name.upper()} works only inside Salesforce") as caught:
        compile_formula(f"{name}(1)")
    assert "formula field" in caught.value.remedy


def test_a_misspelt_function_names_the_nearest_one() -> None:
    with pytest.raises(FormulaError, match="Did you mean UPPER"):
        compile_formula("UPER('a')")


@pytest.mark.parametrize(
    "text",
    ["ASCII(Blank__c)", "CHR(NULL)", "FORMATDURATION(NULL)", "ISOWEEK(NULL)", "FROMUNIXTIME(NULL)", "SIN(NULL)"],
)
def test_nothing_comes_of_nothing(text: str) -> None:
    assert evaluate(text) is None

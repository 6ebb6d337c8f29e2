"""Promises of value spelling and postal codes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace import postal
from connector.ace.values import match_value, normal_form
from connector.data.values import countries, standard_values, value_lists


@pytest.mark.parametrize(
    ("value_list", "text", "value"),
    [
        ("closedLostReason", "Lost to Competitor – Google", "Lost to Competitor - Google"),
        ("industry", "Energy - Oil & Gas", "Energy - Oil and Gas"),
        ("industry", "Computers &  Electronics", "Computers and Electronics"),
        ("useCase", "Migration/Database Migration", "Migration / Database Migration"),
        ("useCase", "Storage and Backup", "Storage & Backup"),
        ("salesActivity", "Finalized Deployment Needs", "Finalized Deployment Need"),
        ("apnProgram", "ISV Immersion Day SFID Program", "IS Immersion Day SFID Program"),
        ("reviewStatus", "Draft", "Pending Submission"),
        ("country", "Great Britain", "GB"),
        ("country", "United Kingdom", "GB"),
        ("country", "US", "US"),
        ("stage", "Technical Validation", "Technical Validation"),
    ],
)
def test_another_spelling_is_sent_as_aws_spells_it(value_list: str, text: str, value: str) -> None:
    assert match_value(value_list, text) == value


@pytest.mark.parametrize(
    ("value_list", "text"), [("stage", "qualified"), ("stage", "Negotiation"), ("country", "us"), ("stage", "")]
)
def test_case_counts_and_unknown_values_do_not_match(value_list: str, text: str) -> None:
    assert match_value(value_list, text) is None


def test_an_unknown_list_is_an_error() -> None:
    with pytest.raises(KeyError):
        match_value("colours", "red")


@pytest.mark.parametrize("value_list", value_lists())
def test_no_two_values_of_a_list_are_confused(value_list: str) -> None:
    known = standard_values(value_list)
    assert len({normal_form(value) for value in known}) == len(known)
    assert [match_value(value_list, value) for value in known] == list(known)


@given(st.text())
def test_the_normal_form_is_its_own(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


@pytest.mark.parametrize(
    ("country", "good", "bad"),
    [
        ("US", ["75001", "75001-1234"], ["7500", "75001-12", "ABCDE"]),
        ("CA", ["K1A 0B1", "K1A0B1", "k1a 0b1"], ["K1A-0B1", "11A 0B1"]),
        ("GB", ["SW1A 1AA", "M1 1AE", "CR2 6XH", "DN551PT"], ["12345"]),
        ("DE", ["10115"], ["D-10115", "1011"]),
        ("SE", ["S-12345", "SE-12345", "12345", "123 45"], ["1234"]),
        ("GP", ["97110"], ["97210"]),
        ("BL", ["97133"], ["97134"]),
        ("BM", ["HM 12", "HM AB"], ["HM12"]),
        ("VC", ["VC0100"], ["0100"]),
        ("VA", ["00120", "120"], ["00121"]),
        ("BE", ["1000", "B-1000"], ["C-1000"]),
        ("VG", ["anything"], []),
    ],
)
def test_postal_codes_follow_the_format_of_the_country(country: str, good: list[str], bad: list[str]) -> None:
    assert all(postal.matches(country, code) for code in good)
    assert not any(postal.matches(country, code) for code in bad)


@pytest.mark.parametrize(("country", "has"), [("HK", False), ("AE", False), ("US", True), ("VG", True), ("ZZ", True)])
def test_some_countries_have_no_postal_codes(country: str, has: bool) -> None:
    assert postal.has_postal_codes(country) is has


def test_formats_are_told_in_words_that_people_know() -> None:
    assert postal.formats("US") == "99999 or 99999-9999"
    assert postal.formats("VG") == ""


def test_an_example_of_every_format_matches_its_country() -> None:
    for country in countries():
        for form in postal.formats(country.code).split(" or "):
            if form and not re.search("X", form):
                assert postal.matches(country.code, form), (country.code, form)

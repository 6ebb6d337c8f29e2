"""Values as the embedded Partner Central sends and reads them."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta

import botocore.loaders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sandbox.partner_central.countries import NAMES, POSTAL_RULES, WITHOUT_POSTAL_CODE
from connector.sandbox.partner_central.errors import ThrottlingError
from connector.sandbox.partner_central.model import compile_pattern
from connector.sandbox.partner_central.quotas import Quota
from connector.sandbox.partner_central.wire import escape, format_nanoseconds, format_timestamp, parse_timestamp

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="&")))
def test_two_rounds_of_unescaping_undo_the_escaping(text: str) -> None:
    assert html.unescape(html.unescape(escape(text))) == text


def test_the_escaped_form_is_the_one_that_integrations_have_met() -> None:
    assert escape("Big Data: A & B") == "Big Data&amp;colon; A &amp; B"


@given(MOMENTS)
def test_a_date_time_survives_the_way_out_and_back(moment: datetime) -> None:
    """Seconds, milliseconds or microseconds as needed; nanoseconds are cut to microseconds when they come back."""
    assert parse_timestamp(format_timestamp(moment)) == moment
    returned = parse_timestamp(format_nanoseconds(moment))
    assert returned is not None
    assert abs(returned - moment) < timedelta(microseconds=2)


@pytest.mark.parametrize(
    "text", ["", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1767225600", "2026-01-01 00:00:00Z"]
)
def test_what_is_no_date_time_with_a_zone_is_not_taken_for_one(text: str) -> None:
    assert parse_timestamp(text) is None


def test_zones_are_understood() -> None:
    assert parse_timestamp("2026-01-01T01:30:00.5+01:30") == datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)


def test_unicode_classes_of_the_models_patterns_are_spelt_out() -> None:
    r"""Python has no ``\p{L}``; the tag key pattern uses it."""
    pattern = compile_pattern(r"(?=.{1,128}$)([\p{L}\p{Z}\p{N}_.:/=+\-@]*)")
    assert pattern.fullmatch("Größe 1: ä/ø")
    assert not pattern.fullmatch("a*b")
    assert not pattern.fullmatch("")


def test_the_postal_table_speaks_of_countries_that_the_service_knows_and_of_none_twice() -> None:
    shapes = botocore.loaders.Loader().load_service_model("partnercentral-selling", "service-2")["shapes"]
    known = set(shapes["CountryCode"]["enum"])
    assert known >= set(POSTAL_RULES) | WITHOUT_POSTAL_CODE
    assert not set(POSTAL_RULES) & WITHOUT_POSTAL_CODE
    assert set(NAMES) == set(POSTAL_RULES)


@given(st.lists(st.integers(0, 3600 * 30), min_size=1, max_size=60).map(sorted), st.integers(1, 10))
def test_never_more_than_the_days_quota_within_24_hours(offsets: list[int], limit: int) -> None:
    """Whatever the times of the calls, any 24 hours hold at most the limit."""
    quota, granted = Quota(1e9, limit), []
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for offset in offsets:
        try:
            quota.take(start + timedelta(seconds=offset))
        except ThrottlingError:
            continue
        granted.append(offset)
    for index, offset in enumerate(granted):
        within = [each for each in granted[index:] if each < offset + 86_400]
        assert len(within) <= limit

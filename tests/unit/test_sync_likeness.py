"""How alike two deals are: what is proposed, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sync.likeness import PROPOSED_FROM, Deal, company_word, host_of, likeness, plain

TEXTS = st.text(max_size=30)
DEALS = st.builds(Deal, TEXTS, TEXTS, TEXTS, st.sampled_from(["", "2026-05-01", "2026-05-20", "2031-01-01", "soon"]))
ACME = Deal("Acme, Inc.", "Cold chain", "https://www.acme.example/about", "2026-05-01")


@given(DEALS, DEALS)
def test_likeness_is_between_0_and_100_and_the_same_both_ways(one: Deal, other: Deal) -> None:
    score, why = likeness(one, other)
    assert 0 <= score <= 100 and bool(score) is bool(why)
    assert likeness(other, one)[0] == score


@given(DEALS)
def test_a_deal_is_most_like_itself(deal: Deal) -> None:
    """As far as it says who the customer is."""
    known = bool(company_word(deal.company) or host_of(deal.website))
    assert (likeness(deal, deal)[0] >= PROPOSED_FROM) is known


@pytest.mark.parametrize(
    ("other", "proposed", "reason"),
    [
        (Deal("ACME", "Cold Chain!", "", "2027-01-01"), True, "same company, same title"),
        (Deal("acme gmbh", "Cold chains", "", ""), True, "same company, similar title"),
        (Deal("Acme", "Data lake", "", "2026-05-21"), True, "same company, close dates 20 days apart"),
        (Deal("Another name", "Cold chain", "acme.example", ""), True, "same website, same title"),
        (Deal("Acmee", "Cold chain", "", "2031-01-01"), True, "similar company, same title"),
        (Deal("Acme", "", "", ""), True, "same company; nothing else can be compared"),
        (Deal("Acme", "Data lake", "", "2031-01-01"), False, "same company"),
        (Deal("Borealis", "Cold chain", "borealis.example", "2026-05-01"), False, ""),
        (Deal("", "Cold chain", "", "2026-05-01"), False, ""),
    ],
)
def test_what_is_proposed(other: Deal, *, proposed: bool, reason: str) -> None:
    """The customer alone is not enough where more can be compared, and without the customer nothing is."""
    score, why = likeness(ACME, other)
    assert (score >= PROPOSED_FROM, why) == (proposed, reason)


def test_names_are_compared_as_people_read_them() -> None:
    assert plain("  Société  GÉNÉRALE—Énergie ") == "societe generale energie"
    assert company_word("The Acme Company, Inc.") == "acme"
    assert company_word("Company") == "company"
    assert host_of("HTTP://www.Acme.example:8080/x?y") == host_of("acme.example") == "acme.example"
    assert host_of("http://[broken") == "" == host_of("")

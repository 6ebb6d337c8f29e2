"""What is wished, held against what AWS has: limits, exclusions, the last solution, and the order of the calls."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.api_shape import SOLUTION_TYPES
from connector.sync.associations import (
    OFFER_SETS,
    OFFERS,
    Agenda,
    AtAws,
    Wish,
    agenda,
    closed_to_changes,
    fields_by_type,
    seen_at_aws,
)

ARN = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/"
EXAMPLES = {
    "Solutions": "S-000000{}",
    "AwsProducts": "AmazonEC{}",
    OFFERS: ARN + "Offer/offer-{}",
    OFFER_SETS: ARN + "OfferSet/offerset-{}",
    "AwsMarketplaceSolutions": ARN + "Solution/soln-{}",
    "AwsMarketplaceProducts": ARN + "SaaSProduct/prod-{}",
}
LIMITS = dict.fromkeys(SOLUTION_TYPES, 10) | {"AwsProducts": 20, OFFERS: 1, OFFER_SETS: 1}


def entity(kind: str, number: int) -> str:
    return EXAMPLES[kind].format(number)


def add(kind: str, number: int) -> Wish:
    return Wish(True, kind, entity(kind, number))


def remove(kind: str, number: int) -> Wish:
    return Wish(False, kind, entity(kind, number))


def at_aws(stage: str = "Qualified", status: str = "Approved", **numbers: Sequence[int]) -> AtAws:
    """Return an opportunity with entities of these numbers."""
    found = {kind: tuple(entity(kind, one) for one in numbers.get(kind, ())) for kind in EXAMPLES}
    return AtAws(found, stage, status)


def test_all_of_awss_kinds_are_known_with_their_limits() -> None:
    assert {kind: known.max_values for kind, known in fields_by_type().items()} == LIMITS


def test_an_answer_is_read_by_kind() -> None:
    found = seen_at_aws(
        {
            "RelatedEntityIdentifiers": {"Solutions": ["S-1"], "AwsProducts": None},
            "LifeCycle": {"Stage": "Launched", "ReviewStatus": "Approved"},
        }
    )
    assert (found.entities["Solutions"], found.entities["AwsProducts"]) == (("S-1",), ())
    assert (found.stage, found.review_status, found.must_keep_solution) == ("Launched", "Approved", True)
    assert seen_at_aws({}).solutions() == 0


@pytest.mark.parametrize("kind", EXAMPLES)
def test_one_of_each_kind_is_added_and_taken_off(kind: str) -> None:
    assert agenda([add(kind, 1)], at_aws()).steps == (add(kind, 1),)
    assert agenda([remove(kind, 1)], at_aws(status="Pending Submission", **{kind: (1,)})).steps == (remove(kind, 1),)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_is_so_already_needs_no_call(kind: str) -> None:
    found = agenda([add(kind, 1), remove(kind, 2)], at_aws(**{kind: (1,)}))
    assert (found.steps, found.settled, found.refused) == ((), {add(kind, 1), remove(kind, 2)}, {})


@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_more_than_the_limit_is_sent(kind: str) -> None:
    most = LIMITS[kind]
    found = agenda([add(kind, one) for one in range(1, most + 3)], at_aws())
    assert len(found.steps) == most
    assert set(found.refused) == {add(kind, most + 1), add(kind, most + 2)}
    assert all(f"at most {most}" in reason for reason in found.refused.values())


def test_what_goes_makes_room_for_what_comes() -> None:
    found = agenda([add("Solutions", 20), remove("Solutions", 1)], at_aws(Solutions=range(1, 11)))
    assert found.steps == (remove("Solutions", 1), add("Solutions", 20)), "AWS takes no eleventh"
    assert found.refused == {}


def test_a_replacement_adds_before_it_takes_off() -> None:
    found = agenda([remove("Solutions", 1), add("Solutions", 2)], at_aws(Solutions=(1,)))
    assert found.steps == (add("Solutions", 2), remove("Solutions", 1))


def test_an_offer_goes_before_another_comes() -> None:
    for other in (add(OFFERS, 2), add(OFFER_SETS, 2)):
        found = agenda([other, remove(OFFERS, 1)], at_aws(**{OFFERS: (1,)}))
        assert found.steps == (remove(OFFERS, 1), other)


def test_an_offer_and_an_offer_set_exclude_each_other() -> None:
    found = agenda([add(OFFER_SETS, 2)], at_aws(**{OFFERS: (1,)}))
    assert found.steps == ()
    assert "exclude each other" in found.refused[add(OFFER_SETS, 2)]
    assert entity(OFFERS, 1) in found.refused[add(OFFER_SETS, 2)], "what is in the way is named"
    both = agenda([add(OFFERS, 1), add(OFFER_SETS, 2)], at_aws())
    assert (both.steps, set(both.refused)) == ((add(OFFERS, 1),), {add(OFFER_SETS, 2)})


@pytest.mark.parametrize("kind", [OFFERS, OFFER_SETS])
def test_no_offer_changes_at_closed_lost(kind: str) -> None:
    for wish, known in ((add(kind, 1), ()), (remove(kind, 1), (1,))):
        found = agenda([wish, add("AwsProducts", 1)], at_aws("Closed Lost", **{kind: known}))
        assert "Closed Lost" in found.refused[wish]
        assert found.steps == (add("AwsProducts", 1),)


@pytest.mark.parametrize("kind", SOLUTION_TYPES)
@pytest.mark.parametrize(
    ("stage", "status"), [("Qualified", "Approved"), ("Launched", "Approved"), ("Committed", "Pending Submission")]
)
def test_the_last_solution_stays_where_one_is_needed(kind: str, stage: str, status: str) -> None:
    wish = remove(kind, 1)
    found = agenda([wish], at_aws(stage, status, **{kind: (1,)}))
    assert found.steps == ()
    assert "last solution" in found.refused[wish]
    for other in SOLUTION_TYPES:
        assert agenda([wish, add(other, 2)], at_aws(stage, status, **{kind: (1,)})).refused == {}


def test_of_all_solutions_that_are_to_go_one_stays() -> None:
    found = agenda([remove("Solutions", 1), remove("Solutions", 2)], at_aws(Solutions=(1, 2)))
    assert (found.steps, set(found.refused)) == ((remove("Solutions", 1),), {remove("Solutions", 2)})


@pytest.mark.parametrize(("stage", "goes"), [("Qualified", True), ("Committed", False), ("Launched", False)])
def test_a_description_takes_the_place_of_the_last_solution_at_early_stages(stage: str, goes: bool) -> None:
    found = agenda([remove("Solutions", 1)], at_aws(stage, Solutions=(1,)), described=True)
    assert (found.refused == {}) is goes


@pytest.mark.parametrize(
    "wish",
    [
        Wish(True, "Solutions", "Ledger Bridge"),
        Wish(True, "AwsProducts", "Amazon EC2"),
        Wish(True, OFFERS, "offer-1"),
        Wish(True, OFFER_SETS, ARN + "Offer/offer-1"),
        Wish(True, "AwsMarketplaceSolutions", "soln-1"),
        Wish(True, "AwsMarketplaceProducts", ""),
        Wish(True, "Partners", "P-1"),
    ],
    ids=str,
)
def test_what_is_no_entity_is_refused_with_the_format(wish: Wish) -> None:
    [reason] = agenda([wish], at_aws()).refused.values()
    assert "must be" in reason or "Use one of" in reason


def test_a_contradiction_is_refused_on_both_sides() -> None:
    found = agenda([add("Solutions", 1), remove("Solutions", 1)], at_aws(Solutions=(2,)))
    assert (found.steps, len(found.refused)) == ((), 2)


@pytest.mark.parametrize(
    ("status", "told"),
    [("Submitted", "while it reviews"), ("In review", "while it reviews"), ("Rejected", "read-only")],
)
def test_a_closed_opportunity_says_why(status: str, told: str) -> None:
    assert told in closed_to_changes(at_aws(status=status))


@pytest.mark.parametrize("status", ["Pending Submission", "Action Required", "Approved"])
def test_an_open_opportunity_takes_changes_at_every_stage(status: str) -> None:
    for stage in ("Prospect", "Launched", "Closed Lost"):
        assert closed_to_changes(at_aws(stage, status)) == ""


wishes = st.lists(
    st.builds(lambda adds, kind, number: Wish(adds, kind, entity(kind, number)),
              st.booleans(), st.sampled_from(sorted(EXAMPLES)), st.integers(1, 3)),
    max_size=14,
)  # fmt: skip
opportunities = st.builds(
    lambda stage, status, solutions, others: at_aws(stage, status, Solutions=solutions, **others),
    st.sampled_from(["Qualified", "Launched", "Closed Lost"]),
    st.sampled_from(["Pending Submission", "Approved"]),
    st.sets(st.integers(1, 10), max_size=10),
    st.one_of(st.just({}), st.sampled_from([{OFFERS: (1,)}, {OFFER_SETS: (1,)}, {"AwsMarketplaceSolutions": (1, 2)}])),
)


@given(wishes, opportunities)
def test_every_wish_has_one_end_and_no_step_breaks_a_rule(asked: list[Wish], known: AtAws) -> None:
    """Followed step by step, the agenda never exceeds a limit, pairs an offer with a set, or ends without a solution
    where one is needed; and looked at anew, nothing of it is left to do.
    """
    found = agenda(asked, known)
    assert len(set(found.steps)) == len(found.steps)
    ends = [set(found.steps), found.settled, set(found.refused)]
    assert sum(len(end) for end in ends) == len(set(asked)) == len(set.union(*ends))
    reached = _followed(found, known)
    again = agenda([wish for wish in asked if wish not in found.refused], reached)
    assert (again.steps, again.refused) == ((), {})


def _followed(found: Agenda, known: AtAws) -> AtAws:
    entities = {kind: list(ids) for kind, ids in known.entities.items()}
    for step in found.steps:
        alike = entities[step.entity_type]
        alike.append(step.entity_id) if step.adds else alike.remove(step.entity_id)
        assert len(alike) <= LIMITS[step.entity_type]
        assert not (entities[OFFERS] and entities[OFFER_SETS])
        solutions = sum(len(entities[kind]) for kind in SOLUTION_TYPES)
        assert solutions or not known.solutions() or not known.must_keep_solution
    return AtAws({kind: tuple(ids) for kind, ids in entities.items()}, known.stage, known.review_status)

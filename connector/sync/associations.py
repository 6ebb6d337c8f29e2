"""What people want associated with an opportunity, held against what AWS has: what to do in which order, and what not.

Pure. An opportunity takes solutions, AWS products, and Marketplace offers, offer sets, solutions and products, each up
to a limit. What is there already, or gone already, needs no call, so that the same wishes may be looked at twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from connector.ace import lifecycle
from connector.ace.api_shape import SOLUTION_TYPES
from connector.ace.catalogue import AceField, opportunity_fields
from connector.ace.lifecycle import Phase
from connector.sync.plan import review_status

OFFERS, OFFER_SETS = "AwsMarketplaceOffers", "AwsMarketplaceOfferSets"
_EXCLUDED_BY = {OFFERS: OFFER_SETS, OFFER_SETS: OFFERS}
NEEDS_SOLUTION = ("Committed", "Launched")
"""Stages at which a description cannot stand in for a solution."""
CLOSED_LOST = "Closed Lost"
_RELATED = "RelatedEntityIdentifiers"
_PRODUCT = ("AwsProducts", "[A-Za-z0-9_-]{1,100}", "an AWS product's code, such as AmazonEC2Linux")


@dataclass(frozen=True, slots=True)
class Wish:
    """One entity to associate with the opportunity, or to take off it.

    Attributes:
        adds: False takes it off.
        entity_type: AWS's name of the kind (``Solutions``).
        entity_id: solution id, product code, or ARN.
    """

    adds: bool
    entity_type: str
    entity_id: str

    def __str__(self) -> str:
        return f"{label(self.entity_type)} {self.entity_id}"


@dataclass(frozen=True, slots=True)
class AtAws:
    """What AWS has of an opportunity, as far as associations go.

    Attributes:
        entities: ids by entity type.
        stage, review_status: AWS's.
    """

    entities: Mapping[str, tuple[str, ...]]
    stage: str
    review_status: str

    def has(self, wish: Wish) -> bool:
        return wish.entity_id in self.entities.get(wish.entity_type, ())

    def solutions(self) -> int:
        return sum(len(self.entities.get(kind, ())) for kind in SOLUTION_TYPES)

    @property
    def must_keep_solution(self) -> bool:
        """Whether the opportunity may not stand without a solution: it was submitted, or its stage asks for one."""
        return self.stage in NEEDS_SOLUTION or lifecycle.phase(self.review_status) is not Phase.PENDING


@dataclass(slots=True)
class Agenda:
    """What becomes of the wishes.

    Attributes:
        steps: those to carry out, in this order.
        settled: those that AWS's side meets already.
        refused: why others cannot be carried out.
    """

    steps: tuple[Wish, ...] = ()
    settled: set[Wish] = field(default_factory=set)
    refused: dict[Wish, str] = field(default_factory=dict)


@cache
def fields_by_type() -> Mapping[str, AceField]:
    """Return the ACE field that holds the ids of each entity type."""
    return {known.associate: known for known in opportunity_fields().values() if known.associate}


def label(entity_type: str) -> str:
    """Return what people read for an entity type."""
    known = fields_by_type().get(entity_type)
    return known.label if known else entity_type


def seen_at_aws(answer: Mapping[str, object]) -> AtAws:
    """Return what an answer of GetOpportunity says of associations, stage and review."""
    related, life = answer.get(_RELATED), answer.get("LifeCycle")
    entities = related if isinstance(related, Mapping) else {}
    stage = str((life.get("Stage") if isinstance(life, Mapping) else "") or "")
    found = {kind: tuple(entities.get(kind) or ()) for kind in fields_by_type()}
    return AtAws(found, stage, review_status(answer))


def closed_to_changes(at_aws: AtAws) -> str:
    """Return why AWS takes no change of what is associated in the opportunity's present state; empty when it does."""
    status = at_aws.review_status
    if lifecycle.final(status):
        return f"AWS rejected the opportunity (Review Status {status}); it is read-only. Create a new one."
    if lifecycle.locked(status):
        return (
            f"AWS takes no change while it reviews the opportunity (Review Status {status}). "
            "Ask again once AWS has decided."
        )
    return ""


def agenda(wishes: Sequence[Wish], at_aws: AtAws, *, described: bool = False) -> Agenda:
    """Return what to do about the wishes.

    Args:
        wishes: in the order in which they were made; where there is not room for all, the first ones count.
        at_aws: what AWS has now.
        described: a description of another solution takes the place of the solutions that are taken off.
    """
    found = Agenda()
    wanted = list(dict.fromkeys(wishes))
    for wish in wanted:
        if reason := _unfit(wish, wanted, at_aws):
            found.refused[wish] = reason
        elif at_aws.has(wish) is wish.adds:
            found.settled.add(wish)
    open_ = [wish for wish in wanted if wish not in found.refused and wish not in found.settled]
    _refuse_surplus(found, open_, at_aws)
    _refuse_pairs(found, open_, at_aws)
    if not described or at_aws.stage in NEEDS_SOLUTION:
        _refuse_last_solutions(found, open_, at_aws)
    found.steps = _in_order([wish for wish in open_ if wish not in found.refused], at_aws)
    return found


def _unfit(wish: Wish, wanted: Sequence[Wish], at_aws: AtAws) -> str:
    """Return what is wrong with a wish by itself."""
    if wish.entity_type not in fields_by_type():
        return f"Entity Type {wish.entity_type!r} is unknown. Use one of {', '.join(fields_by_type())}."
    if Wish(not wish.adds, wish.entity_type, wish.entity_id) in wanted:
        return f"{wish} is to be added and removed in one request. Ask for one of the two."
    if wish.adds and not _fits(wish):
        return f"Entity Id {wish.entity_id!r} must be {_format(wish.entity_type)}. Correct it and ask again."
    changes = at_aws.has(wish) is not wish.adds
    if changes and at_aws.stage == CLOSED_LOST and wish.entity_type in _EXCLUDED_BY:
        return f"{wish} cannot change at stage {CLOSED_LOST}. Reopen the opportunity first, if it is on again."
    return ""


def _fits(wish: Wish) -> bool:
    kind, pattern, _ = _PRODUCT
    known = pattern if wish.entity_type == kind else fields_by_type()[wish.entity_type].pattern
    return re.fullmatch(known, wish.entity_id) is not None if known else bool(wish.entity_id)


def _format(entity_type: str) -> str:
    kind, _, words = _PRODUCT
    return words if entity_type == kind else fields_by_type()[entity_type].format


def _refuse_surplus(found: Agenda, wishes: Sequence[Wish], at_aws: AtAws) -> None:
    """Refuse what exceeds the limit of its kind, counted as if everything that is to go were gone."""
    for kind, known in fields_by_type().items():
        alike = [wish for wish in wishes if wish.entity_type == kind]
        gone = sum(not wish.adds for wish in alike)
        room = (known.max_values or len(alike)) - len(at_aws.entities.get(kind, ())) + gone
        for wish in [wish for wish in alike if wish.adds][max(room, 0) :]:
            found.refused[wish] = (
                f"An opportunity takes at most {known.max_values} of {known.label}. "
                f"{wish} finds no room: remove another one in the same request."
            )


def _refuse_pairs(found: Agenda, wishes: Sequence[Wish], at_aws: AtAws) -> None:
    """An opportunity has an offer or an offer set: the one that is there, or was named first, counts."""
    for wish in wishes:
        other = _EXCLUDED_BY.get(wish.entity_type)
        if not wish.adds or other is None or wish in found.refused:
            continue
        standing = {one for one in at_aws.entities.get(other, ()) if Wish(False, other, one) not in wishes}
        earlier = wishes[: wishes.index(wish)]
        standing |= {one.entity_id for one in earlier if one.adds and one.entity_type == other}
        if standing:
            found.refused[wish] = (
                f"{label(wish.entity_type)} and {label(other)} exclude each other. "
                f"Remove {', '.join(sorted(standing))} in the same request."
            )


def _refuse_last_solutions(found: Agenda, wishes: Sequence[Wish], at_aws: AtAws) -> None:
    if not at_aws.must_keep_solution:
        return
    alike = [one for one in wishes if one.entity_type in SOLUTION_TYPES and one not in found.refused]
    left = at_aws.solutions() + sum(one.adds for one in alike)
    for wish in [one for one in alike if not one.adds]:
        left -= 1
        if left < 1:
            left += 1
            found.refused[wish] = last_solution(wish, at_aws)


def last_solution(wish: Wish, at_aws: AtAws) -> str:
    """Return why the last solution stays."""
    when = f"at stage {at_aws.stage}" if at_aws.stage in NEEDS_SOLUTION else "once it was submitted"
    return (
        f"{wish} is the last solution of the opportunity, which needs one {when}. "
        "Associate another solution in the same request."
    )


def _in_order(steps: Sequence[Wish], at_aws: AtAws) -> tuple[Wish, ...]:
    """Solutions and products are added before others are taken off, so that an opportunity never stands without one in
    between; only where AWS takes no more of them, as many go first as are in the way. Offers go before others come: an
    opportunity has one at a time.
    """
    first: list[Wish] = []
    last: list[Wish] = []
    for kind, known in fields_by_type().items():
        alike = [step for step in steps if step.entity_type == kind]
        gone = [step for step in alike if not step.adds]
        there = len(at_aws.entities.get(kind, ())) + len(alike) - len(gone)
        in_the_way = len(gone) if kind in _EXCLUDED_BY else max(0, there - (known.max_values or there))
        first, last = first + gone[:in_the_way], last + gone[in_the_way:]
    return (*first, *_added(steps), *last)


def _added(steps: Iterable[Wish]) -> tuple[Wish, ...]:
    return tuple(step for step in steps if step.adds)

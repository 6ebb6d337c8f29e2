"""``connector action assign``, ``associate`` and ``disassociate``, for one record or over a selection."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from connector.admin.context import JsonFlag
from connector.admin.records import action_app
from connector.admin.selections import Chosen, ChosenRecord, SelectionFile, act, chosen_records
from connector.errors import ConfigError
from connector.store.queue import Work
from connector.sync.assignment import OWNER, incomplete
from connector.sync.associations import OFFER_SETS, OFFERS, Wish, fields_by_type
from connector.sync.orders import assignment_order, association_order

Ids = list[str]
_DETAILS = {
    "FirstName": ("first_name", "first name", "firstname"),
    "LastName": ("last_name", "last name", "lastname"),
    "Email": ("email", "e-mail"),
    "BusinessTitle": ("title", "business_title", "business title", "businesstitle"),
}
"""Columns of a selection's file that say for each record whom it is handed to."""


@action_app.command("assign")
def assign(
    record_id: ChosenRecord = "",
    *,
    first_name: Annotated[str, typer.Option(help="First name of the person.")] = "",
    last_name: Annotated[str, typer.Option(help="Last name of the person.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address, for an owner that of a Partner Central user.")] = "",
    title: Annotated[
        str, typer.Option(help="OpportunityOwner (changes the owner) or PartnerAccountManager (the sales contact).")
    ] = OWNER,
    file: SelectionFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand opportunities to another person of the partner. Those that AWS referred must have been accepted.

    A file may have columns first_name, last_name, email and title, which go before the options.

    With a worker running, the worker does it, ahead of everything else.
    """
    given = {"FirstName": first_name, "LastName": last_name, "Email": email, "BusinessTitle": title}
    act(chosen_records(record_id, file), partial(_assignment, given), as_json=as_json)


def _assignment(given: dict[str, str], chosen: Chosen) -> Work:
    assignee = {
        part: next((chosen.details[name] for name in names if chosen.details.get(name)), given[part]).strip()
        for part, names in _DETAILS.items()
    }
    if reasons := incomplete(assignee):
        raise ConfigError(f"{chosen.record_id}: {' '.join(reasons)}")
    return assignment_order(chosen.record_id, assignee)


Solutions = Annotated[Ids, typer.Option("--solution", help="Id of a partner solution (S-0000000); repeatable.")]
Products = Annotated[Ids, typer.Option("--product", help="Code of an AWS product (AmazonEC2Linux); repeatable.")]
Offers = Annotated[Ids, typer.Option("--offer", help="Id or ARN of a private offer in AWS Marketplace.")]
OfferSets = Annotated[Ids, typer.Option("--offer-set", help="ARN of an offer set in AWS Marketplace.")]
MarketSolutions = Annotated[
    Ids, typer.Option("--marketplace-solution", help="ARN of a solution in AWS Marketplace; repeatable.")
]
MarketProducts = Annotated[
    Ids, typer.Option("--marketplace-product", help="ARN of a product in AWS Marketplace; repeatable.")
]


@action_app.command("associate")
def associate(
    record_id: ChosenRecord = "",
    *,
    solution: Solutions = [],  # noqa: B006 - how typer spells an option that may be repeated
    product: Products = [],  # noqa: B006
    offer: Offers = [],  # noqa: B006
    offer_set: OfferSets = [],  # noqa: B006
    marketplace_solution: MarketSolutions = [],  # noqa: B006
    marketplace_product: MarketProducts = [],  # noqa: B006
    remove: Annotated[
        Ids, typer.Option("--remove", help="What to take off in the same go, as KIND=ID: Solutions=S-0000000.")
    ] = [],  # noqa: B006
    other: Annotated[str, typer.Option(help="Describes a solution that is not registered at AWS.")] = "",
    file: SelectionFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Associate solutions, products and offers with opportunities, all in one go; what fails is told for each.

    A solution is replaced with --solution NEW --remove Solutions=OLD: the new one comes before the old one goes.

    With a worker running, the worker does it, ahead of everything else.
    """
    named = _named(solution, product, offer, offer_set, marketplace_solution, marketplace_product)
    wishes = [Wish(True, kind, entity) for kind, entity in named] + [_removal(one) for one in remove]
    if not wishes and not other:
        raise ConfigError("Name what to associate: --solution, --product, --offer or another kind, or --other.")
    act(chosen_records(record_id, file), partial(_association, wishes, other), as_json=as_json)


@action_app.command("disassociate")
def disassociate(
    record_id: ChosenRecord = "",
    *,
    solution: Solutions = [],  # noqa: B006
    product: Products = [],  # noqa: B006
    offer: Offers = [],  # noqa: B006
    offer_set: OfferSets = [],  # noqa: B006
    marketplace_solution: MarketSolutions = [],  # noqa: B006
    marketplace_product: MarketProducts = [],  # noqa: B006
    file: SelectionFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Take solutions, products and offers off opportunities; what fails is told for each.

    With a worker running, the worker does it, ahead of everything else.
    """
    named = _named(solution, product, offer, offer_set, marketplace_solution, marketplace_product)
    if not named:
        raise ConfigError("Name what to take off: --solution, --product, --offer or another kind.")
    wishes = [Wish(False, kind, entity) for kind, entity in named]
    act(chosen_records(record_id, file), partial(_association, wishes, ""), as_json=as_json)


def _association(wishes: list[Wish], other: str, chosen: Chosen) -> Work:
    return association_order(chosen.record_id, wishes, other)


def _named(
    solutions: Ids, products: Ids, offers: Ids, offer_sets: Ids, market_solutions: Ids, market_products: Ids
) -> list[tuple[str, str]]:
    """Return what the options name, by AWS's names of the kinds."""
    by_kind = {
        "Solutions": solutions,
        "AwsProducts": products,
        OFFERS: offers,
        OFFER_SETS: offer_sets,
        "AwsMarketplaceSolutions": market_solutions,
        "AwsMarketplaceProducts": market_products,
    }
    return [(kind, entity) for kind, entities in by_kind.items() for entity in entities]


def _removal(text: str) -> Wish:
    kind, found, entity = text.partition("=")
    if not found or not entity or kind not in fields_by_type():
        raise ConfigError(f"--remove {text!r} must be KIND=ID, with a kind of {', '.join(fields_by_type())}.")
    return Wish(False, kind, entity)

"""AssociateOpportunity, DisassociateOpportunity, AssignOpportunity."""

from __future__ import annotations

import re

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.errors import Code, ValidationError, not_found, refuse
from connector.sandbox.partner_central.locks import phase_of
from connector.sandbox.partner_central.opportunities import team_member
from connector.sandbox.partner_central.records import SOLUTION_TYPES, Fields, Opportunity
from connector.sandbox.partner_central.rules import LATE_STAGES
from connector.sandbox.partner_central.values import aws_products

LIMITS = {
    "Solutions": 10,
    "AwsProducts": 20,
    "AwsMarketplaceOffers": 1,
    "AwsMarketplaceOfferSets": 1,
    "AwsMarketplaceSolutions": 10,
    "AwsMarketplaceProducts": 10,
}
OFFER_TYPES = {"AwsMarketplaceOffers": "AwsMarketplaceOfferSets", "AwsMarketplaceOfferSets": "AwsMarketplaceOffers"}
_ARN = r"arn:aws:aws-marketplace:[a-z]{1,2}-[a-z]*-\d+:(\d{12}):AWSMarketplace/"
_FORMATS = {
    "Solutions": re.compile(r"S-[0-9]{1,19}", re.ASCII),
    "AwsMarketplaceOffers": re.compile(_ARN + r"Offer/offer-.+", re.ASCII),
    "AwsMarketplaceOfferSets": re.compile(_ARN + r"OfferSet/offerset-.+", re.ASCII),
    "AwsMarketplaceSolutions": re.compile(_ARN + r"Solution/soln-.+", re.ASCII),
    "AwsMarketplaceProducts": re.compile(_ARN + r"(?:SaaSProduct|AmiProduct|ContainerProduct)/prod-.+", re.ASCII),
}


def _refuse(code: Code, kind: str, message: str) -> ValidationError:
    return refuse(code, f"relatedEntityIdentifiers.{kind[0].lower()}{kind[1:]}", message)


def associate(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Associate one entity; a solution takes the place of a described one."""
    opportunity = catalog.visible(request["OpportunityIdentifier"])
    kind, entity = request["RelatedEntityType"], request["RelatedEntityIdentifier"]
    _check_state(opportunity, kind)
    _check_entity(account, kind, entity)
    _check_room(catalog, opportunity, kind, entity)
    with catalog.changing(opportunity, account.clock.now()):
        opportunity.entities.setdefault(kind, []).append(entity)
        if kind in OFFER_TYPES:
            catalog.offers[entity] = opportunity.id
        if kind in SOLUTION_TYPES:
            fields = opportunity.fields
            fields["Project"].pop("OtherSolutionDescription", None)
            opportunity.fields = fields
    return {}


def disassociate(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Take one entity off; the last solution stays where the stage or a submission needs one."""
    opportunity = catalog.visible(request["OpportunityIdentifier"])
    kind, entity = request["RelatedEntityType"], request["RelatedEntityIdentifier"]
    _check_state(opportunity, kind)
    present = opportunity.entities.get(kind, [])
    if entity not in present:
        raise not_found(entity)
    _check_last_solution(opportunity, kind)
    with catalog.changing(opportunity, account.clock.now()):
        present.remove(entity)
        catalog.offers.pop(entity, None)
    return {}


def _check_state(opportunity: Opportunity, kind: str) -> None:
    phase = phase_of(opportunity)
    if opportunity.stage == "Closed Lost" and kind in OFFER_TYPES:
        raise _refuse(
            "INVALID_RESOURCE_STATE", kind, "Cannot associate/disassociate offers when opportunity is Closed Lost."
        )
    if phase not in ("pending", "approved", "closed"):
        message = f"Related entities cannot be changed when ReviewStatus is {opportunity.review_status}."
        raise _refuse("ACTION_NOT_PERMITTED", kind, message)


def _check_entity(account: Account, kind: str, entity: str) -> None:
    if kind == "AwsProducts":
        if entity not in aws_products():
            raise _refuse("INVALID_ENUM_VALUE", kind, f"{entity} is no known AWS product code.")
        return
    found = _FORMATS[kind].fullmatch(entity)
    if not found:
        raise _refuse("INVALID_STRING_FORMAT", kind, f"{entity} does not match the required format of {kind}.")
    if kind == "Solutions":
        _check_solution(account, entity)
    elif found.group(1) not in account.settings.seller_accounts:
        raise _refuse("INVALID_VALUE", kind, f"{entity} does not belong to a linked AWS Marketplace seller account.")


def _check_solution(account: Account, entity: str) -> None:
    solution = account.solutions.get(entity)
    if solution is None:
        raise not_found(entity)
    if solution.status != "Active":
        raise _refuse("INVALID_VALUE", "Solutions", f"Solution {entity} is {solution.status}; it must be Active.")


def _check_room(catalog: Catalog, opportunity: Opportunity, kind: str, entity: str) -> None:
    present = opportunity.entities.get(kind, [])
    if entity in present:
        raise _refuse("DUPLICATE_KEY_VALUE", kind, f"{entity} is already associated with opportunity {opportunity.id}.")
    if len(present) >= LIMITS[kind]:
        raise _refuse("TOO_MANY_VALUES", kind, f"At most {LIMITS[kind]} {kind} can be associated with an opportunity.")
    if kind in OFFER_TYPES and opportunity.entities.get(OFFER_TYPES[kind]):
        raise _refuse("INVALID_VALUE", kind, f"{kind} and {OFFER_TYPES[kind]} exclude each other.")
    if catalog.offers.get(entity, opportunity.id) != opportunity.id:
        raise _refuse("DUPLICATE_KEY_VALUE", kind, "This offer is already associated with another opportunity.")


def _check_last_solution(opportunity: Opportunity, kind: str) -> None:
    if kind not in SOLUTION_TYPES or sum(len(opportunity.entities.get(each, ())) for each in SOLUTION_TYPES) > 1:
        return
    if opportunity.stage in LATE_STAGES or phase_of(opportunity) != "pending":
        raise _refuse("INVALID_VALUE", kind, "An opportunity that was submitted must keep at least one solution.")


def assign(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Change the owner or the partner's sales contact; an owner is one of the account's users."""
    opportunity = catalog.visible(request["Identifier"])
    if phase_of(opportunity) not in ("pending", "approved"):
        message = (
            f"The team cannot be changed when ReviewStatus is {opportunity.review_status}, Stage {opportunity.stage}."
        )
        raise refuse("ACTION_NOT_PERMITTED", "assignee", message)
    member = _member(account, request["Assignee"])
    with catalog.changing(opportunity, account.clock.now()):
        rest = [each for each in opportunity.team if each["BusinessTitle"] != member["BusinessTitle"]]
        owner_first = member["BusinessTitle"] == "OpportunityOwner"
        opportunity.team = [member, *rest] if owner_first else [*rest, member]
    return {}


def _member(account: Account, given: Fields) -> Fields:
    title, email = given["BusinessTitle"], given["Email"]
    if title == "PartnerAccountManager":
        return team_member(email, given["FirstName"], given["LastName"], title, given.get("Phone"))
    if title != "OpportunityOwner":
        message = "BusinessTitle must be OpportunityOwner or PartnerAccountManager."
        raise refuse("INVALID_VALUE", "assignee.businessTitle", message)
    user = account.settings.user(email)
    if user is None:
        raise refuse("INVALID_VALUE", "assignee.email", f"User not found for Opportunity Owner email: {email}")
    return team_member(user.email, user.first_name, user.last_name, title)

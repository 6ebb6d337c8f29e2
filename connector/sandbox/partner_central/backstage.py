"""What happens at Partner Central without the partner's API: AWS's reviewers, AWS's edits, colleagues, referrals."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connector.sandbox.partner_central import opportunities, summary
from connector.sandbox.partner_central.catalog import Catalog, stamp
from connector.sandbox.partner_central.engagements import invite_partner
from connector.sandbox.partner_central.errors import ServiceError
from connector.sandbox.partner_central.records import ENTITY_TYPES, Fields, Opportunity
from connector.sandbox.partner_central.reviews import review, set_status
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.wire import at, put
from connector.sandbox.seed import make_request

SUMMARY = "Summary"
RELATED = "RelatedEntityIdentifiers"
TEAM = "OpportunityTeam"
SUMMARY_MEMBERS = (*summary.MEMBERS, "InvolvementType", "Visibility")


class BadOrder(ValueError):
    """What was asked for does not fit the service; the message says why."""


@contextmanager
def _orders(service: PartnerCentral) -> Iterator[None]:
    with service.lock:
        try:
            yield
        except (ServiceError, ValueError) as error:
            raise BadOrder(str(error)) from error
    service.deliver()


def review_opportunity(service: PartnerCentral, identifier: str, status: str, comments: str, reason: str) -> None:
    """Take one step of AWS's review. Raises BadOrder for an unknown id or a step that AWS does not take."""
    with _orders(service):
        catalog = service.account.catalog_of(identifier)
        review(service.account, catalog, catalog.visible(identifier), status, comments, reason)


def edit_opportunity(service: PartnerCentral, identifier: str, fields: Mapping[str, Any]) -> None:
    """Change an opportunity from AWS's side, past all locks.

    Args:
        identifier: the opportunity's id.
        fields: API members, nested or by dotted path; null removes. ``Summary`` (or ``Summary.…``) holds members of
            GetAwsOpportunitySummary; a change of these alone leaves LastModifiedDate as it is.

    Raises:
        BadOrder: unknown id, unknown member, or a value that the service could not return.
    """
    with _orders(service):
        catalog = service.account.catalog_of(identifier)
        opportunity = catalog.opportunities[identifier]
        changed = _apply(service, opportunity, unfold(fields))
        if set(unfold(fields)) - {SUMMARY}:
            with catalog.changing(opportunity, service.account.clock.now()):
                _take_over(opportunity, changed)
        else:
            _take_over(opportunity, changed)


def create_opportunity(service: PartnerCentral, fields: Mapping[str, Any], catalog_name: str = "AWS") -> str:
    """Create an opportunity as a colleague would in Partner Central; return its id.

    What ``fields`` leaves out comes from a default deal. ``LifeCycle.ReviewStatus`` may be any status: the opportunity
    has been through the review that far. ``Summary`` and ``RelatedEntityIdentifiers`` are taken over as given.

    Raises:
        BadOrder: the service would refuse it.
    """
    with _orders(service):
        catalog = service.account.catalog(catalog_name)
        opportunity, extra = _build(service, catalog, fields)
        _extend(service, opportunity, extra)
        catalog.add(opportunity)
        return opportunity.id


def refer_opportunity(service: PartnerCentral, fields: Mapping[str, Any], catalog_name: str = "AWS") -> dict[str, str]:
    """Let AWS refer an opportunity; return the ids of the invitation, its engagement and the hidden opportunity.

    Raises:
        BadOrder: the service would refuse it.
    """
    with _orders(service):
        catalog = service.account.catalog(catalog_name)
        opportunity, extra = _build(service, catalog, fields)
        if extra.get(RELATED) or extra["ReviewStatus"]:
            raise BadOrder(f"a referral has neither {RELATED} nor LifeCycle.ReviewStatus before it is accepted")
        opportunity.origin = "AWS Referral"
        _extend(service, opportunity, extra)
        invitation = invite_partner(service.account, catalog, opportunity)
        catalog.add(opportunity)
        return {"invitation": invitation.id, "engagement": invitation.engagement, "opportunity": opportunity.id}


def seed_opportunities(service: PartnerCentral, count: int, catalog_name: str = "AWS") -> list[str]:
    """Create ``count`` approved opportunities at once; return their ids."""
    identifiers = []
    for number in range(1, count + 1):
        with service.lock:
            fields = make_request(number, service.account.clock.now())
            put(fields, "LifeCycle.ReviewStatus", "Approved")
            put(fields, f"{RELATED}.Solutions", ["S-1234567"])
        identifiers.append(create_opportunity(service, fields, catalog_name))
    return identifiers


def unfold(fields: Mapping[str, Any]) -> Fields:
    """Return the fields as nested members; keys may be dotted paths."""
    unfolded: Fields = {}
    for path, value in fields.items():
        _merge(unfolded, _nest(path.split("."), value))
    return unfolded


def _nest(names: list[str], value: Any) -> Fields:
    for name in reversed(names):
        value = {name: value}
    nested: Fields = value
    return nested


def _merge(target: Fields, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = copy.deepcopy(value)


def _prune(value: Fields) -> Fields:
    return {name: _prune(each) if isinstance(each, dict) else each for name, each in value.items() if each is not None}


def _build(service: PartnerCentral, catalog: Catalog, fields: Mapping[str, Any]) -> tuple[Opportunity, Fields]:
    """Return the checked opportunity and what a create request cannot carry."""
    request = make_request(0, service.account.clock.now())
    _merge(request, unfold(fields))
    extra = {name: request.pop(name) for name in (SUMMARY, RELATED) if name in request}
    status = at(request, "LifeCycle.ReviewStatus")
    put(request, "LifeCycle.ReviewStatus", None)
    request = {**_prune(request), "Catalog": catalog.name, "ClientToken": "backstage"}
    service.model.check_request("CreateOpportunity", request)
    return opportunities.build(service.account, catalog, request), {**extra, "ReviewStatus": status}


def _extend(service: PartnerCentral, opportunity: Opportunity, extra: Fields) -> None:
    status = extra.pop("ReviewStatus", None)
    _take_over(opportunity, _apply(service, opportunity, extra))
    if status not in (None, "Pending Submission"):
        opportunity.involvement, opportunity.visibility = "Co-Sell", "Full"
        set_status(service.account, opportunity, status)
        service.model.check_answer("GetOpportunity", opportunities.view(opportunity))


def _apply(service: PartnerCentral, opportunity: Opportunity, changes: Fields) -> Opportunity:
    """Return a changed copy that the service could show. Raises ServiceError or BadOrder."""
    unknown = set(changes) - {*opportunities.MEMBERS, RELATED, TEAM, SUMMARY}
    unknown |= {f"{SUMMARY}.{name}" for name in set(changes.get(SUMMARY) or {}) - set(SUMMARY_MEMBERS)}
    unknown |= {f"{RELATED}.{name}" for name in set(changes.get(RELATED) or {}) - set(ENTITY_TYPES)}
    if unknown:
        raise BadOrder(f"unknown members: {', '.join(sorted(unknown))}")
    fields = opportunity.fields
    _merge(fields, {name: value for name, value in changes.items() if name in opportunities.MEMBERS})
    fields = _prune(fields)
    if not at(fields, "Customer.Account.CompanyName"):
        raise BadOrder("Customer.Account.CompanyName cannot be removed")
    changed = Opportunity(opportunity.catalog, opportunity.id, fields, opportunity.created)
    changed.summary = copy.deepcopy(opportunity.summary)
    view = {**(changes.get(SUMMARY) or {})}
    changed.involvement = view.pop("InvolvementType", opportunity.involvement)
    changed.visibility = view.pop("Visibility", opportunity.visibility)
    _merge(changed.summary, view)
    changed.summary = _prune(changed.summary)
    changed.entities = {**opportunity.entities, **copy.deepcopy(changes.get(RELATED) or {})}
    changed.team = copy.deepcopy(changes.get(TEAM, opportunity.team))
    changed.modified = stamp(opportunity.modified)
    service.model.check_answer("GetOpportunity", opportunities.view(changed))
    service.model.check_answer("GetAwsOpportunitySummary", summary.view(changed))
    return changed


def _take_over(opportunity: Opportunity, changed: Opportunity) -> None:
    opportunity.fields = changed.fields
    opportunity.summary = changed.summary
    opportunity.entities = changed.entities
    opportunity.team = changed.team
    opportunity.involvement, opportunity.visibility = changed.involvement, changed.visibility

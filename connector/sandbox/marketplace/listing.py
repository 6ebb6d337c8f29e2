"""ListEntities: filters, order and pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connector.sandbox.marketplace.entities import AUTHORIZATION, PRODUCT_TYPES, Entity, Json, format_second
from connector.sandbox.marketplace.errors import invalid
from connector.sandbox.partner_central.paging import page_of

DEFAULT_SIZE = 20
_HELD = (*PRODUCT_TYPES, AUTHORIZATION)
_EMPTY = (
    "DataProduct",
    "MachineLearningProduct",
    "Offer",
    "OfferSet",
    "Seller",
    "Solution",
    "ProcurementPolicy",
    "Experience",
    "Audience",
    "BrandingSettings",
    "SubsidiaryAuthorization",
    "ExpressPrivateOfferConfiguration",
)
_UNTYPED_SORTS = ("LastModifiedDate", "EntityId")


def list_entities(entities: Iterable[Entity], account: str, request: Json) -> Json:
    """Return one page of the account's own entities of a type, or of those that are shared with it.

    Raises:
        CatalogError: ValidationException for an unknown type, for filters and sorts of another type, or for two ways
            of filtering or sorting at once.
        ServiceError: the token belongs to another request.
    """
    kind = request["EntityType"]
    if kind not in (*_HELD, *_EMPTY):
        raise invalid("entityType", f"EntityType {kind} is unknown; use one of {', '.join(_HELD)}.")
    filters, sort_by, order = _read_filters(kind, request), *_read_sort(kind, request)
    shared = request.get("OwnershipType") == "SHARED"
    found = [
        each
        for each in entities
        if each.kind == kind and account == (each.shared_with if shared else each.owner) and _fits(each, filters)
    ]
    found.sort(key=lambda each: _rank(each, sort_by), reverse=order == "DESCENDING")
    page = page_of("EntitySummaryList", [each.summary() for each in found], request, default=DEFAULT_SIZE)
    return {name: value for name, value in page.items() if value is not None}


def _read_filters(kind: str, request: Json) -> Json:
    untyped, typed = request.get("FilterList"), request.get("EntityTypeFilters")
    if untyped and typed:
        raise invalid("filterList", "Use either FilterList or EntityTypeFilters.")
    if untyped:
        return _read_untyped(untyped)
    filters = _of_type(kind, typed, "Filters", "entityTypeFilters")
    for name, each in filters.items():
        given = [way for way, value in each.items() if value is not None]
        if len(given) != 1:
            raise invalid(f"entityTypeFilters.{kind}Filters.{name}", f"Filter {name} needs exactly one way to filter.")
    return filters


def _read_untyped(filters: list[Json]) -> Json:
    for each in filters:
        if each.get("Name") != "EntityId":
            raise invalid("filterList", f"FilterList cannot filter by {each.get('Name')}; use EntityId.")
        if not each.get("ValueList"):
            raise invalid("filterList", "ValueList must not be empty.")
    return {"EntityId": {"ValueList": [value for each in filters for value in each["ValueList"]]}}


def _of_type(kind: str, union: Json | None, suffix: str, field: str) -> Json:
    """Return the member of the union that belongs to the type; empty without a union."""
    if union is None:
        return {}
    name = next(member for member, value in union.items() if value is not None)
    if name != kind + suffix:
        raise invalid(f"{field}.{name}", f"{name} does not match EntityType {kind}.")
    return {member: value for member, value in union[name].items() if value is not None}


def _read_sort(kind: str, request: Json) -> tuple[str, str]:
    untyped, typed = request.get("Sort"), request.get("EntityTypeSort")
    if untyped and typed:
        raise invalid("sort", "Use either Sort or EntityTypeSort.")
    sort = untyped or _of_type(kind, typed, "Sort", "entityTypeSort")
    sort_by = sort.get("SortBy") or "LastModifiedDate"
    if untyped and sort_by not in _UNTYPED_SORTS:
        raise invalid("sort.sortBy", f"SortBy {sort_by} is not supported; use {' or '.join(_UNTYPED_SORTS)}.")
    return sort_by, sort.get("SortOrder") or "DESCENDING"


def _value(entity: Entity, name: str) -> str | None:
    if name == "EntityId":
        return entity.id
    if name == "LastModifiedDate":
        return format_second(entity.modified)
    value: str | None = entity.own_summary().get(name)
    return value


def _rank(entity: Entity, sort_by: str) -> tuple[str, str]:
    return _value(entity, sort_by) or "", entity.id


def _fits(entity: Entity, filters: Json) -> bool:
    return all(_passes(_value(entity, name), each) for name, each in filters.items())


def _passes(value: str | None, wanted: Json) -> bool:
    if value is None:
        return False
    if values := wanted.get("ValueList"):
        return value in values
    if part := wanted.get("WildCardValue"):
        return part in value
    span: dict[str, Any] = wanted["DateRange"]
    return (span.get("AfterValue") or value) <= value <= (span.get("BeforeValue") or value)

"""ListOpportunities: filters, orders and pages over an index that moves while it is walked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from connector.sandbox.partner_central.catalog import SORT_KEYS, Account, Catalog, SortKey
from connector.sandbox.partner_central.paging import make_token, page_size, read_token
from connector.sandbox.partner_central.records import Fields, Opportunity
from connector.sandbox.partner_central.wire import format_timestamp, parse_timestamp

DEFAULT_SORT = {"SortBy": "LastModifiedDate", "SortOrder": "DESCENDING"}
DATE_SORTS = ("LastModifiedDate", "CreatedDate")
_SUMMARY_LIFE_CYCLE = (
    "Stage",
    "ClosedLostReason",
    "NextSteps",
    "TargetCloseDate",
    "ReviewStatus",
    "ReviewComments",
    "ReviewStatusReason",
)
_SUMMARY_ADDRESS = ("City", "PostalCode", "StateOrRegion", "CountryCode")
Entry = tuple[SortKey, str]
Test = Callable[[Opportunity], bool]


def list_opportunities(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """Return one page. A page walk is no snapshot: what changes meanwhile moves to its new place."""
    sort = request.get("Sort") or DEFAULT_SORT
    position = read_token(request)
    after = None if position is None else (_load_key(sort["SortBy"], position[0]), position[1])
    size = page_size(request, 20)
    entries = _walk(catalog, request, sort["SortBy"], after, descending=sort["SortOrder"] == "DESCENDING")
    test = _filter_of(request)
    page: list[Entry] = []
    for entry in entries:
        if test(catalog.opportunities[entry[1]]):
            if len(page) == size:
                token = make_token(request, [_dump_key(page[-1][0]), page[-1][1]])
                return _answer(catalog, page, token)
            page.append(entry)
    return _answer(catalog, page, None)


def _answer(catalog: Catalog, page: list[Entry], token: str | None) -> Fields:
    return {
        "OpportunitySummaries": [summarize(catalog.opportunities[identifier]) for _, identifier in page],
        "NextToken": token,
    }


def _dump_key(key: SortKey) -> Any:
    return key.isoformat() if isinstance(key, datetime) else key


def _load_key(sort_by: str, key: Any) -> SortKey:
    return datetime.fromisoformat(key) if sort_by in DATE_SORTS else key


def _walk(catalog: Catalog, request: Fields, sort_by: str, after: Entry | None, *, descending: bool) -> Iterator[Entry]:
    """Yield the entries behind ``after`` in order, skipping at once what a filter on the sort key excludes."""
    identifiers = request.get("Identifier")
    if identifiers:
        entries = _chosen(catalog, identifiers, sort_by)
    else:
        entries = catalog.ordered(sort_by)
    low, high = 0, len(entries)
    if sort_by in DATE_SORTS and not identifiers:
        low, high = _window(entries, *_range_of(request, sort_by, parse_timestamp))
    if after is not None:
        if descending:
            high = min(high, bisect_left(entries, after))
        else:
            low = max(low, bisect_right(entries, after))
    places = range(high - 1, low - 1, -1) if descending else range(low, high)
    return (entries[place] for place in places)


def _window(entries: list[Entry], after: datetime | None, before: datetime | None) -> tuple[int, int]:
    low = bisect_right(entries, after, key=_sort_key) if after else 0
    high = bisect_left(entries, before, key=_sort_key) if before else len(entries)
    return low, high


def _sort_key(entry: Entry) -> SortKey:
    return entry[0]


def _chosen(catalog: Catalog, identifiers: list[str], sort_by: str) -> list[Entry]:
    found = (catalog.opportunities.get(identifier) for identifier in set(identifiers))
    return sorted((SORT_KEYS[sort_by](each), each.id) for each in found if each is not None and each.accepted)


def _range_of(request: Fields, name: str, parse: Callable[[str], Any]) -> tuple[Any, Any]:
    """Return the exclusive bounds of a date filter; None where open."""
    given = request.get(name) or {}
    after, before = given.get(f"After{name}"), given.get(f"Before{name}")
    return (parse(after) if after else None), (parse(before) if before else None)


def _filter_of(request: Fields) -> Test:
    """Return the conjunction of the request's filters."""
    tests: list[Test] = []
    for name, value in (
        ("LifeCycleStage", lambda each: each.stage),
        ("LifeCycleReviewStatus", lambda each: each.review_status),
        ("CustomerCompanyName", lambda each: each.company),
    ):
        if request.get(name):
            tests.append(_one_of(value, frozenset(request[name])))
    for name, value, parse in (
        ("LastModifiedDate", lambda each: each.modified, parse_timestamp),
        ("CreatedDate", lambda each: each.created, parse_timestamp),
        ("TargetCloseDate", lambda each: each.close_date, str),
    ):
        after, before = _range_of(request, name, parse)
        if after or before:
            tests.append(_between(value, after, before))
    return lambda opportunity: all(test(opportunity) for test in tests)


def _one_of(value: Callable[[Opportunity], Any], wanted: frozenset[str]) -> Test:
    return lambda opportunity: value(opportunity) in wanted


def _between(value: Callable[[Opportunity], Any], after: Any, before: Any) -> Test:
    def test(opportunity: Opportunity) -> bool:
        found = value(opportunity)
        return (not after or found > after) and (not before or found < before)

    return test


def summarize(opportunity: Opportunity) -> Fields:
    """Return an opportunity as lists show it: without contacts, needs, marketing, revenue and related entities."""
    fields = opportunity.fields
    account = fields["Customer"]["Account"]
    address = account.get("Address") or {}
    project = fields["Project"]
    return {
        "Catalog": opportunity.catalog,
        "Id": opportunity.id,
        "Arn": opportunity.arn,
        "PartnerOpportunityIdentifier": fields.get("PartnerOpportunityIdentifier"),
        "OpportunityType": fields.get("OpportunityType"),
        "LastModifiedDate": format_timestamp(opportunity.modified),
        "CreatedDate": format_timestamp(opportunity.created),
        "LifeCycle": {name: fields["LifeCycle"].get(name) for name in _SUMMARY_LIFE_CYCLE},
        "Customer": {
            "Account": {
                **{name: account.get(name) for name in ("Industry", "OtherIndustry", "CompanyName", "WebsiteUrl")},
                "Address": {name: address.get(name) for name in _SUMMARY_ADDRESS},
            }
        },
        "Project": {
            "DeliveryModels": project.get("DeliveryModels") or [],
            "ExpectedCustomerSpend": project.get("ExpectedCustomerSpend") or [],
            "ExpectedContractDuration": project.get("ExpectedContractDuration"),
        },
    }

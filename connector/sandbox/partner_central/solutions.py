"""The partner's solutions: more than one page of them, some of them out of use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.paging import page_of
from connector.sandbox.partner_central.records import Fields, Solution
from connector.sandbox.partner_central.settings import ACCOUNT_ID
from connector.sandbox.partner_central.wire import format_timestamp

DEFAULT_SOLUTION = "S-1234567"
COUNT = 120
_CATEGORIES = ("Software Product", "Consulting Service", "Managed Service", "Professional Service", "Training")
_THEMES = (
    "Ledger Bridge",
    "Fleet Insight",
    "Patient Portal",
    "Smart Warehouse",
    "Claims Desk",
    "Data Foundry",
    "Edge Vision",
    "Mainframe Exit",
    "Retail Pulse",
    "Grid Balance",
    "Contact Hub",
    "Backup Vault",
)
_SORT_MEMBERS = {
    "Identifier": "Id",
    "CreatedDate": "CreatedDate",
    "Name": "Name",
    "Status": "Status",
    "Category": "Category",
}


def make_solutions(now: datetime) -> dict[str, Solution]:
    """Return the account's solutions by id: 120, among them :data:`DEFAULT_SOLUTION`, every tenth not active."""
    identifiers = [DEFAULT_SOLUTION, *(f"S-{2_000_000 + 17 * number}" for number in range(1, COUNT))]
    return {identifier: _make(identifier, number, now) for number, identifier in enumerate(identifiers)}


def _make(identifier: str, number: int, now: datetime) -> Solution:
    status: Literal["Active", "Inactive", "Draft"] = "Active"
    if number % 10 == 9:
        status = "Inactive" if number % 20 == 9 else "Draft"
    marketplace = f"arn:aws:aws-marketplace:us-east-1:{ACCOUNT_ID}:AWSMarketplace/Solution/soln-{number:013d}"
    return Solution(
        id=identifier,
        name=f"{_THEMES[number % len(_THEMES)]} {number // len(_THEMES) + 1}",
        status=status,
        category=_CATEGORIES[number % len(_CATEGORIES)],
        created=now - timedelta(days=400 - number),
        marketplace_arn=marketplace if number % 3 == 0 else "",
    )


def _show(solution: Solution, catalog: str) -> Fields:
    return {
        "Catalog": catalog,
        "Id": solution.id,
        "Arn": f"arn:aws:partnercentral:us-east-1:{ACCOUNT_ID}:catalog/{catalog}/solution/{solution.id}",
        "Name": solution.name,
        "Status": solution.status,
        "Category": solution.category,
        "CreatedDate": format_timestamp(solution.created),
        "AwsMarketplaceSolutionArn": solution.marketplace_arn or None,
    }


def list_solutions(account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List solutions by status, id, category and Marketplace solution."""
    filters = (("Status", "Status"), ("Identifier", "Id"), ("Category", "Category"))
    shown = [_show(solution, catalog.name) for solution in account.solutions.values()]
    found = [
        each for each in shown if all(not request.get(name) or each[key] in request[name] for name, key in filters)
    ]
    wanted = request.get("AwsMarketplaceSolutionArn")
    if wanted:
        found = [each for each in found if each["AwsMarketplaceSolutionArn"] in wanted]
    sort: dict[str, Any] = request.get("Sort") or {"SortBy": "Identifier", "SortOrder": "ASCENDING"}
    member = _SORT_MEMBERS[sort["SortBy"]]
    found.sort(key=lambda each: (each[member], each["Id"]), reverse=sort["SortOrder"] == "DESCENDING")
    return page_of("SolutionSummaries", found, request, default=20)

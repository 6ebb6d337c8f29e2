"""The lists of AWS Marketplace, read from a catalog that is as strict as AWS's: requests it refuses show here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from system_world import World, open_world

PRODUCTS, DIMENSIONS = "AWS_Product__c", "AWS_Product_Dimension__c"
OWN, SHARED = "AWS_Resale_Authorization__c", "AWS_Shared_Resale_Authorization__c"
VENDOR, PARTNER = "111122223333", "777788889999"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("market"), marketplace=True) as world:
        world.control("/seed", objects=["SaaSProduct", "ResaleAuthorization"], count=60)
        yield world


def count(world: World, object_name: str, where: str = "Id != null") -> int:
    return len(world.admin.rows(f"SELECT Id FROM {object_name} WHERE {where}"))


def refresh(world: World, what: str, code: int = 0) -> dict[str, Any]:
    """Refresh a list of both accounts; return what it came to, by account. The pause between two is over."""
    world.advance(31)
    told = world.do("marketplace", "refresh", what, "--json", code=code).json
    return {one["account"]: one for one in told["accounts"]}


def test_the_check_finds_both_accounts(market: World) -> None:
    found = market.do("check", "--json").json["checks"]
    lines = [one for one in found if VENDOR in str(one) or PARTNER in str(one)]
    assert len(lines) >= 2 and all(one["ok"] for one in lines), lines


@pytest.mark.parametrize(
    ("what", "object_name", "holder"),
    [
        ("products", PRODUCTS, VENDOR),
        ("authorizations", OWN, VENDOR),
        ("shared-authorizations", SHARED, PARTNER),
    ],
)
def test_a_list_of_several_pages_comes_once_however_often_it_is_read(
    market: World, what: str, object_name: str, holder: str
) -> None:
    first = refresh(market, what)
    rows = count(market, object_name)
    assert first[holder]["listed"] == rows > 60
    again = refresh(market, what)
    assert (again[holder]["listed"], again[holder]["created"], again[holder]["updated"]) == (rows, 0, 0)
    assert count(market, object_name) == rows
    others = {one["listed"] for account, one in again.items() if account != holder}
    assert others == {0}, "what one account has is not the other's"


def test_what_aws_describes_is_what_the_rows_say(market: World) -> None:
    fields = {
        "Description": {"ProductTitle": "Ledger of the Sea"},
        "Dimensions": [
            {"Name": "Seats", "Description": "Named users", "Key": "seats", "Unit": "Users", "Types": ["Entitled"]},
            {"Name": "Calls", "Description": "API calls", "Key": "calls", "Unit": "Requests", "Types": ["Metered"]},
        ],
    }  # fmt: skip
    entity = market.control("/marketplace/product", type="SaaSProduct", fields=fields)["entity"]
    refresh(market, "products")
    [row] = market.admin.rows(
        f"SELECT Id, Product_Title__c, Product_Type__c, Active__c FROM {PRODUCTS} WHERE Product_Id__c = '{entity}'"
    )
    assert (row["Product_Title__c"], row["Active__c"]) == ("Ledger of the Sea", True)
    keys = market.admin.rows(f"SELECT Dimension_Key__c FROM {DIMENSIONS} WHERE Product__c = '{row['Id']}'")
    assert {one["Dimension_Key__c"] for one in keys} == {"seats", "calls"}
    market.control("/marketplace/remove", entity=entity)
    refresh(market, "products")
    assert count(market, PRODUCTS, f"Product_Id__c = '{entity}' AND Active__c = false") == 1


def test_an_entity_that_cannot_be_read_is_named_and_stops_no_other(market: World) -> None:
    entity = market.control("/marketplace/product", type="AmiProduct", fields={})["entity"]
    market.control("/marketplace/refuse", entity=entity, code="AccessDeniedException", times=50)
    found = refresh(market, "products", code=1)[VENDOR]
    assert found["status"] == "Partial" and entity in str(found)
    assert count(market, PRODUCTS, f"Product_Id__c = '{entity}'") == 0


def test_throttling_in_the_middle_of_a_list_costs_time_only(market: World) -> None:
    market.fault("marketplace_catalog", f"ListEntities {VENDOR}", "status", status=429, times=2)
    assert refresh(market, "authorizations")[VENDOR]["done"]


def test_a_restricted_authorization_says_so_on_both_sides(market: World) -> None:
    product = market.control("/marketplace/product", type="ContainerProduct", fields={})["entity"]
    authorization = market.control("/marketplace/authorization", product=product, fields={})["entity"]
    for what in ("authorizations", "shared-authorizations"):
        refresh(market, what)
    where = f"Authorization_Id__c = '{authorization}' AND Status__c = 'Restricted'"
    assert (count(market, OWN, where), count(market, SHARED, where)) == (0, 0)
    market.control("/marketplace/restrict", authorization=authorization)
    for what in ("authorizations", "shared-authorizations"):
        refresh(market, what)
    assert (count(market, OWN, where), count(market, SHARED, where)) == (1, 1)

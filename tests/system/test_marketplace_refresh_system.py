"""What seller accounts have in AWS Marketplace, as rows in Salesforce: by command, by request, and by schedules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from market_desk import authorization, dimension, product
from market_server import ISV, PARTNER, Market, open_market
from system_worker import Worker
from system_world import FAST, World, open_world

REQUESTS, SCHEDULES, SYNCS = "ACE_Action_Request__c", "ACE_Schedule__c", "AWS_Marketplace_Sync__c"
PRODUCTS, DIMENSIONS, ACCOUNTS = "AWS_Product__c", "AWS_Product_Dimension__c", "AWS_Account__c"
OWN, SHARED = "AWS_Resale_Authorization__c", "AWS_Shared_Resale_Authorization__c"
SYNC_FIELDS = (
    "Account__r.Account_Number__c, Object__c, Operation__c, Status__c, Record_Count__c, Created_Count__c, "
    "Updated_Count__c, Error_Count__c, Message__c, Started_At__c, Ended_At__c"
)
Json = dict[str, Any]


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    with open_market() as opened:
        yield opened


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, market: Market) -> Iterator[World]:
    """One world for all; who refreshes and what is there is each test's own."""
    with open_world(tmp_path_factory.mktemp("market"), **FAST) as opened:
        for role in ("AWS_Marketplace_Administrator", "AWS_Marketplace_User"):
            _assign(opened, "seller", role)
        _assign(opened, "seller2", "AWS_Channel_Partner_User")
        yield opened


def _assign(world: World, person: str, role: str) -> None:
    [held] = world.admin.rows(f"SELECT Id FROM PermissionSet WHERE Name = '{role}'")
    assigned = {"AssigneeId": world.user(person), "PermissionSetId": held["Id"]}
    assert world.admin.post("sobjects/PermissionSetAssignment", assigned).status_code == 201


@pytest.fixture
def world(whole: World, market: Market) -> World:
    """Nothing is left of the test before, and thirty seconds have passed since it."""
    market.clear()
    for name in (PRODUCTS, OWN, SHARED, SYNCS):
        for row in whole.admin.rows(f"SELECT Id FROM {name}"):
            assert whole.integration.send("DELETE", f"sobjects/{name}/{row['Id']}").status_code == 204
    whole.advance(31)
    return whole


def refresh(world: World, market: Market, what: str, *options: str, code: int = 0) -> Json:
    found: Json = world.do("marketplace", "refresh", what, *options, "--json", code=code, **market.variables()).json
    return found


def rows(world: World, name: str, fields: str) -> list[Json]:
    return world.integration.rows(f"SELECT {fields} FROM {name}")


def syncs(world: World, what: str) -> list[Json]:
    """Return the rows under Marketplace Syncs as the Marketplace administrator sees them, oldest first."""
    return world.seller.rows(f"SELECT {SYNC_FIELDS} FROM {SYNCS} WHERE Object__c = '{what}' ORDER BY CreatedDate, Name")


@pytest.mark.requirement("MKT-02")
def test_products_of_each_kind_in_two_accounts_come_with_their_dimensions(world: World, market: Market) -> None:
    for account in (ISV, PARTNER):
        for kind in ("SaaSProduct", "AmiProduct", "ContainerProduct"):
            dimensions = [dimension("Users"), dimension("reqs", "Metered", "ExternallyMetered")]
            market.own[account][f"prod-{kind[:3].lower()}"] = product(f"{kind} of us", kind, dimensions=dimensions)
    refresh(world, market, "products")
    found = rows(
        world, PRODUCTS, "Id, Product_Title__c, Product_Type__c, Account__r.Account_Number__c, Pricing_Type__c"
    )
    kinds = {(row["Account__r"]["Account_Number__c"], row["Product_Type__c"]) for row in found}
    assert len(found) == len(kinds) == 6
    assert {row["Pricing_Type__c"] for row in found} == {"Contract with Consumption"}
    below = rows(world, DIMENSIONS, "Product__c, Dimension_Key__c, Dimension_Types__c, Unit__c, Description__c")
    assert {row["Product__c"] for row in below} == {row["Id"] for row in found}
    told = {(one["Dimension_Key__c"], one["Dimension_Types__c"]) for one in below}
    assert told == {("Users", "Entitled"), ("reqs", "Metered;ExternallyMetered")}


@pytest.mark.requirement("MKT-03")
def test_one_hundred_and_seventy_three_products(world: World, market: Market) -> None:
    market.own[ISV] = {f"prod-{number:03d}": product(f"Product {number}") for number in range(173)}
    told = refresh(world, market, "products", "--account", ISV)
    assert told["accounts"][0]["message"] == "173 listed: 173 new, 0 changed, 0 not listed any more."
    assert len(rows(world, PRODUCTS, "Id")) == len(rows(world, DIMENSIONS, "Id")) == 173
    [sync] = syncs(world, "Products")
    assert (sync["Status__c"], sync["Record_Count__c"], sync["Error_Count__c"]) == ("Processed", 173, 0)


@pytest.mark.requirement("MKT-04")
def test_two_products_of_one_name_are_two_and_both_are_updated(world: World, market: Market) -> None:
    market.own[ISV] = {"prod-1": product("Acme"), "prod-2": product("Acme")}
    refresh(world, market, "products")
    before = rows(world, PRODUCTS, "Id, Product_Id__c, Name")
    assert [row["Name"] for row in before] == ["Acme", "Acme"]
    market.own[ISV] = {"prod-1": product("Acme", Sku="first"), "prod-2": product("Acme", Sku="second")}
    refresh(world, market, "products")
    after = rows(world, PRODUCTS, "Id, Product_Id__c, SKU__c")
    assert {row["Id"] for row in after} == {row["Id"] for row in before}
    assert {row["Product_Id__c"]: row["SKU__c"] for row in after} == {"prod-1": "first", "prod-2": "second"}


@pytest.mark.requirement("CPPO-01")
def test_the_channel_partner_sees_what_vendors_share(world: World, market: Market) -> None:
    shared = {
        "resaleauthz-1": authorization("Good"),
        "resaleauthz-2": authorization("Withdrawn", status="Restricted"),
        "resaleauthz-3": authorization("Over", end="2020-01-01"),
    }
    market.shared[PARTNER], market.own[ISV] = dict(shared), {"prod-1": product(), **shared}
    for what in ("products", "shared-authorizations"):
        refresh(world, market, what)
    fields = "Authorization_Name__c, Status__c, Product__r.Product_Title__c, Manufacturer_Account__c"
    listed = world.seller2.rows(f"SELECT {fields} FROM {SHARED}")
    assert {row["Authorization_Name__c"]: row["Status__c"] for row in listed} == {
        "Good": "Active", "Withdrawn": "Restricted", "Over": "Expired",
    }  # fmt: skip
    assert {(row["Product__r"]["Product_Title__c"], row["Manufacturer_Account__c"]) for row in listed} == {
        ("Acme", ISV)
    }
    del market.shared[PARTNER]["resaleauthz-1"]
    world.advance(31)
    refresh(world, market, "shared-authorizations")
    assert {row["Status__c"] for row in rows(world, SHARED, "Status__c")} == {"Restricted", "Expired"}
    assert len(rows(world, SHARED, "Id")) == 3


@pytest.mark.requirement("CPPO-02")
def test_one_hundred_and_twenty_shared_authorizations_twice(world: World, market: Market) -> None:
    market.shared[PARTNER] = {f"resaleauthz-{number:03d}": authorization("For you") for number in range(120)}
    for created in (120, 0):
        told = refresh(world, market, "shared-authorizations", "--account", PARTNER)["accounts"][0]
        assert (told["listed"], told["created"], told["failed"]) == (120, created, 0)
        world.advance(31)
    found = rows(world, SHARED, "Authorization_Id__c")
    assert len(found) == len({row["Authorization_Id__c"] for row in found}) == 120


def test_refused_credentials_of_one_account_stop_no_other_and_are_told(world: World, market: Market) -> None:
    market.own[ISV] = {"prod-1": product()}
    market.denied = {PARTNER}
    told = {one["account"]: one for one in refresh(world, market, "products", code=1)["accounts"]}
    assert (told[ISV]["created"], told[PARTNER]["done"]) == (1, False)
    accounts = {
        row["Account_Number__c"]: row for row in rows(world, ACCOUNTS, "Account_Number__c, Status__c, Message__c")
    }
    assert (accounts[ISV]["Status__c"], accounts[PARTNER]["Status__c"]) == ("Connected", "Error")
    assert "aws-marketplace:ListEntities" in accounts[PARTNER]["Message__c"]


# -- with a worker


@pytest.fixture
def worker(world: World, market: Market) -> Iterator[Worker]:
    with world.working(**market.variables()) as opened:
        opened.settle()
        market.calls.clear()
        yield opened


@pytest.mark.requirement("LOG-29")
def test_who_proceeds_gets_the_products_and_each_account_its_sync(world: World, market: Market, worker: Worker) -> None:
    market.own[ISV] = {"prod-1": product(), "prod-2": product("Two")}
    created = world.seller.post(f"sobjects/{REQUESTS}", {"Action__c": "Refresh Products"})
    assert created.status_code == 201, created.text
    soql = f"SELECT Status__c, Message__c FROM {REQUESTS} WHERE Id = '{created.json()['id']}'"

    def done() -> bool:
        world.advance(3)
        return world.seller.rows(soql)[0]["Status__c"] not in ("New", "In Progress")

    world.eventually(done, lambda: f"an answer; there is {world.seller.rows(soql)} {world.pending()}")
    [answer] = world.seller.rows(soql)
    assert answer["Status__c"] == "Done", answer
    assert f"Products of {ISV}: 2 listed: 2 new" in answer["Message__c"]
    found = {row["Account__r"]["Account_Number__c"]: row for row in syncs(world, "Products")}
    assert set(found) == {ISV, PARTNER}
    counts = ("Operation__c", "Status__c", "Record_Count__c", "Created_Count__c", "Error_Count__c")
    assert [found[ISV][name] for name in counts] == ["Refresh", "Processed", 2, 2, 0]
    assert found[ISV]["Started_At__c"] <= found[ISV]["Ended_At__c"]


@pytest.mark.requirement("RA-15")
def test_two_refreshes_within_five_seconds_are_thirty_seconds_apart(
    world: World, market: Market, worker: Worker
) -> None:
    market.own[ISV] = {"resaleauthz-1": authorization()}

    def asked(done: int) -> None:
        refresh(world, market, "authorizations", "--account", ISV)
        world.eventually(
            lambda: len(_ended(world)) == done, lambda: f"{done} refreshes; {syncs(world, 'Resale Authorizations')}"
        )

    asked(1)
    world.advance(3)
    refresh(world, market, "authorizations", "--account", ISV)
    refresh(world, market, "authorizations", "--account", ISV)
    world.advance(10)
    worker.wait_for("not done")
    assert len(_ended(world)) == 1, "put off"
    world.advance(25)
    world.eventually(lambda: len(_ended(world)) == 2, "the one that waited")
    worker.settle()
    first, second = _ended(world)
    assert second["Started_At__c"] > first["Ended_At__c"]
    assert len(rows(world, OWN, "Id")) == 1


def _ended(world: World) -> list[Json]:
    return [one for one in syncs(world, "Resale Authorizations") if one["Status__c"] == "Processed"]


@pytest.mark.requirement("SCHED-14")
@pytest.mark.requirement("SCHED-15")
def test_marketplace_roles_schedule_their_lists(world: World, market: Market, worker: Worker) -> None:
    """The administrator the products, the channel partner what is shared: new ones appear by themselves."""
    market.own[ISV] = {"prod-1": product()}
    made = {
        name: person.post(f"sobjects/{SCHEDULES}", {"Object__c": name, "Interval_Minutes__c": 5, "Active__c": True})
        for name, person in (("Products", world.seller), ("Shared Resale Authorizations", world.seller2))
    }
    assert [one.status_code for one in made.values()] == [201, 201]
    market.shared[PARTNER] = {"resaleauthz-1": authorization("First")}
    _until(world, lambda: len(rows(world, SHARED, "Id")) == 1 and len(rows(world, PRODUCTS, "Id")) == 1)
    market.shared[PARTNER]["resaleauthz-2"] = authorization("Second")
    market.own[ISV]["prod-2"] = product("Two")
    world.advance(300)
    _until(world, lambda: len(rows(world, SHARED, "Id")) == 2 and len(rows(world, PRODUCTS, "Id")) == 2)
    states = world.admin.rows(f"SELECT Object__c, Status__c, Last_Run__c FROM {SCHEDULES} WHERE Active__c = true")
    assert all(row["Last_Run__c"] for row in states) and len(states) == 2, states
    world.do("schedule", "deactivate", "--all", "--yes")


def _until(world: World, holds: Any) -> None:
    def held() -> bool:
        world.advance(6)
        return bool(holds())

    world.eventually(
        held, lambda: f"rows; {rows(world, SCHEDULES, 'Object__c, Status__c, Message__c')} {world.pending()}"
    )


@pytest.mark.requirement("MKT-05")
def test_after_an_upgrade_products_are_said_to_need_a_refresh_and_get_it(world: World, market: Market) -> None:
    market.own[ISV] = {"prod-1": product()}
    refresh(world, market, "products")
    [account] = rows(world, f"{ACCOUNTS} WHERE Account_Number__c = '{ISV}'", "Id, Products_Refreshed_With__c")
    older = {"Products_Refreshed_With__c": "0.0.1"}
    assert world.integration.patch(f"sobjects/{ACCOUNTS}/{account['Id']}", older).status_code == 204
    checks = world.run("check", "--json", **market.variables()).json["checks"]
    [line] = [one for one in checks if (one["integration"], one["name"]) == ("AWS Marketplace", "products")]
    assert line["warning"] and "refresh products needed" in line["message"] and "0.0.1" in line["message"]
    with world.working(**market.variables()) as worker:
        current = account["Products_Refreshed_With__c"]
        where = f"{ACCOUNTS} WHERE Account_Number__c = '{ISV}'"
        _until(
            world, lambda: rows(world, where, "Products_Refreshed_With__c")[0]["Products_Refreshed_With__c"] == current
        )
        worker.settle()
    assert len(syncs(world, "Products")) == 3, "both accounts by command, one by the worker"


def test_the_rows_of_refreshes_are_kept_for_as_long_as_the_settings_say(world: World, market: Market) -> None:
    refresh(world, market, "products")
    world.advance(2 * 86400)
    refresh(world, market, "products")
    assert len(syncs(world, "Products")) == 4, "for good, unless a setting says otherwise"
    keep = {"SetupOwnerId": world.info["salesforce"]["org_id"], "Sync_Log_Retention__c": 1}
    made = world.admin.post("sobjects/AWS_Marketplace_Settings__c", keep)
    assert made.status_code == 201, made.text
    with world.working(**market.variables()) as worker:
        world.eventually(lambda: len(syncs(world, "Products")) == 2, "the older rows to be deleted")
        worker.settle()
    gone = world.admin.send("DELETE", f"sobjects/AWS_Marketplace_Settings__c/{made.json()['id']}")
    assert gone.status_code == 204
    assert len(syncs(world, "Products")) == 2

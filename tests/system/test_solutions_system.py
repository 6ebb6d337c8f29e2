"""The lists that people choose from: the partner's solutions as AWS lists them, AWS's products as an admin has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from system_worker import Worker
from system_world import CATALOG, FAST, World, open_world

REQUESTS, SOLUTIONS, PRODUCTS = "ACE_Action_Request__c", "ACE_Solution__c", "ACE_AWS_Product__c"
FIELDS = "Solution_Id__c, Name, Full_Name__c, Category__c, Status__c, Catalog__c, Active__c, LastModifiedDate"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, **FAST) as opened:
        yield opened


def listed(world: World) -> dict[str, dict[str, Any]]:
    """Return what Partner Central lists, all pages, by id."""
    pages = world.aws.get_paginator("list_solutions").paginate(Catalog=CATALOG)
    return {one["Id"]: one for page in pages for one in page["SolutionSummaries"]}


def rows(world: World) -> dict[str, dict[str, Any]]:
    """Return the solution offerings as a seller sees them, by id."""
    return {row["Solution_Id__c"]: row for row in world.seller.rows(f"SELECT {FIELDS} FROM {SOLUTIONS}")}


def equal(world: World) -> bool:
    at_aws = {key: (one["Name"], one["Status"], one["Category"]) for key, one in listed(world).items()}
    return at_aws == {
        key: (row["Full_Name__c"], row["Status__c"], row["Category__c"]) for key, row in rows(world).items()
    }


def account(world: World) -> Any:
    """Return the sandbox's own side of the partner's account."""
    return world.sandbox.partner_central.account


@pytest.mark.requirement("PCAPI-19")
def test_after_a_refresh_the_offerings_are_those_of_partner_central(world: World) -> None:
    ran = world.do("solutions", "refresh", "--yes", "--json")
    found = rows(world)
    assert len(found) == len(listed(world)) > 100, "more than one page"
    assert equal(world)
    assert {row["Catalog__c"] for row in found.values()} == {CATALOG}
    assert all(row["Active__c"] is (row["Status__c"] == "Active") for row in found.values())
    assert (ran.json["listed"], ran.json["created"], ran.json["refused"]) == (len(found), len(found), [])
    tab = world.seller.rows(f"SELECT Name FROM {SOLUTIONS} WHERE Active__c = true")
    assert 100 < len(tab) < len(found)


@pytest.mark.requirement("PCAPI-20")
def test_a_second_refresh_updates_and_makes_none_twice(world: World) -> None:
    world.do("solutions", "refresh", "--yes")
    before = rows(world)
    changed, ended, gone = "S-2000017", "S-2000034", "S-2000051"
    solutions = account(world).solutions
    name = "Fleet Insight, second edition, " + "with a name that goes on " * 3
    solutions[changed] = replace(solutions[changed], name=name)
    solutions[ended] = replace(solutions[ended], status="Inactive")
    del solutions[gone]
    world.advance(5)
    told = world.do("solutions", "refresh", "--yes").out
    assert "0 new, 2 changed, 1 not offered any more" in told
    after = rows(world)
    assert set(after) == set(before)
    assert after[changed]["Full_Name__c"] == name.strip()
    assert len(after[changed]["Name"]) == 80
    assert [after[one]["Active__c"] for one in (changed, ended, gone)] == [True, False, False]
    touched = {key for key in after if after[key]["LastModifiedDate"] != before[key]["LastModifiedDate"]}
    assert touched == {changed, ended, gone}, "what did not change is not written"


@pytest.mark.requirement("PCAPI-20")
def test_without_a_confirmation_nothing_happens(world: World) -> None:
    world.proxy.forget()
    assert world.run("solutions", "refresh").code == 1
    assert rows(world) == {}
    assert world.proxy.calls == []


@pytest.mark.requirement("PCAPI-20")
def test_a_seller_who_proceeds_gets_them_by_a_request(world: World) -> None:
    with world.working() as worker:
        answer = refreshed(world, worker)
    assert answer["Status__c"] == "Done"
    assert f"{len(listed(world))} listed" in answer["Message__c"]
    assert equal(world)


def refreshed(world: World, worker: Worker) -> dict[str, Any]:
    """A seller asks for the solutions, as the flow does after Proceed; return the request's answer."""
    created = world.seller.post(f"sobjects/{REQUESTS}", {"Action__c": "Refresh Solutions"})
    assert created.status_code == 201, created.text

    def row() -> dict[str, Any]:
        soql = f"SELECT Status__c, Message__c FROM {REQUESTS} WHERE Id = '{created.json()['id']}'"
        return world.seller.rows(soql)[0]

    def done() -> bool:
        world.advance(3)
        return row()["Status__c"] not in ("New", "In Progress")

    world.eventually(done, lambda: f"an answer; there is {row()} {world.pending()}")
    worker.settle()
    return row()


def test_a_walk_that_breaks_off_ends_no_solution_and_is_repeated(world: World) -> None:
    with world.working() as worker:
        refreshed(world, worker)
        world.fault("partner_central", "ListSolutions", "status", status=500, times=4)
        answer = refreshed(world, worker)
    assert answer["Status__c"] == "Done"
    assert equal(world)


def products(world: World) -> dict[str, dict[str, Any]]:
    soql = f"SELECT Product_Id__c, Name, Service_Category__c, Active__c FROM {PRODUCTS}"
    return {row["Product_Id__c"]: row for row in world.seller.rows(soql)}


@pytest.mark.requirement("PCAPI-21")
@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_replaced_catalogue_makes_new_products_selectable(world: World, form: str) -> None:
    assert "new" in world.do("products", "refresh", "--yes").out
    shipped = products(world)
    assert len(shipped) > 500
    assert shipped["AmazonEC2Linux"]["Active__c"] is True
    entries = [
        {"Identifier": "AmazonNextThing", "Name": "Amazon Next Thing", "Family": "Compute"},
        {"Identifier": "AmazonEC2Linux", "Name": "Amazon EC2, renamed", "Family": "Compute"},
    ]
    path = world.directory / f"products.{form}"
    lines = ["identifier,name,family", *(",".join(f'"{value}"' for value in one.values()) for one in entries)]
    path.write_text(json.dumps(entries) if form == "json" else "\n".join(lines), encoding="utf8")
    found = world.do("products", "refresh", str(path), "--yes", "--json").json
    assert (found["listed"], found["created"], found["updated"], found["ended"]) == (2, 1, 1, len(shipped) - 1)
    active = {key: row["Name"] for key, row in products(world).items() if row["Active__c"]}
    assert active == {"AmazonNextThing": "Amazon Next Thing", "AmazonEC2Linux": "Amazon EC2, renamed"}
    assert len(products(world)) == len(shipped) + 1, "former ones stay, for opportunities that have them"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no products"), ("[]", "no products"), ("{", "no JSON"), ('{"a": 1}', "no list"),
        ('[{"Name": "x"}]', "entry 1 has no Identifier"), ("identifier\na\nA\n", "there twice"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_catalogue_changes_nothing(world: World, content: str, told: str) -> None:
    path = world.directory / "products.txt"
    path.write_text(content, encoding="utf8")
    assert told in world.do("products", "refresh", str(path), "--yes", code=2).err
    assert products(world) == {}

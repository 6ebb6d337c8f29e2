"""``connector check`` and the seller accounts of AWS Marketplace: a line each, with what to do about one that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from admin_desk import Desk
from aws_scripted import KEY, SECRET, refusal, serving
from catalog_scripted import ACCOUNT, OTHER, Catalog, page

MARKETPLACE = "AWS Marketplace"


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with serving(Catalog()) as server:
        yield server
    assert server.violations == []


def configure(desk: Desk, *sellers: dict[str, str]) -> None:
    desk.set(CONNECTOR__AWS__SELLERS=json.dumps(sellers), SELLER_KEY=KEY, SELLER_SECRET=SECRET)


def seller(catalog: Catalog, account: str = ACCOUNT, **members: str) -> dict[str, str]:
    keys = {"access_key_id": "env:SELLER_KEY", "secret_access_key": "env:SELLER_SECRET"}
    return {"account": account, "endpoint_url": catalog.url, **keys, **members}


def lines(desk: Desk, *, code: int = 0) -> dict[str, Any]:
    """Run the checks; return those of AWS Marketplace by name."""
    ran = desk.do("check", "--json", code=code)
    assert SECRET not in ran.out + ran.err
    return {
        one["name"]: one for one in ran.json["checks"] if one["integration"] == MARKETPLACE and "account" in one["name"]
    }


def test_each_seller_account_has_a_line_and_one_that_fails_stops_no_other(desk: Desk, catalog: Catalog) -> None:
    configure(desk, seller(catalog), seller(catalog, OTHER, name="Acme Resale"))
    catalog.will(refusal("AccessDeniedException", "may not list", status=403), page([]), page([]), page([]))
    found = lines(desk, code=1)
    assert list(found) == [f"account {ACCOUNT}", f"account {OTHER} (Acme Resale)"]
    refused, answered = found.values()
    assert not refused["ok"] and answered["ok"] and not answered["warning"]
    assert "aws-marketplace:ListEntities" in refused["message"] and ACCOUNT in refused["message"]
    assert set(catalog.operations) == {"ListEntities"}, "nothing but looking"


def test_an_account_that_answers_passes(desk: Desk, catalog: Catalog) -> None:
    configure(desk, seller(catalog))
    catalog.will(page([1]))
    (line,) = lines(desk).values()
    assert line["ok"] and "has products" in line["message"]


def test_keys_of_another_account_are_told(desk: Desk, catalog: Catalog) -> None:
    configure(desk, seller(catalog, OTHER))
    catalog.will(page([1]))
    (line,) = lines(desk, code=1).values()
    assert f"credentials in [[aws.sellers]] of account {OTHER} are those of account {ACCOUNT}" in line["message"]


def test_a_secret_that_is_missing_is_told_for_its_account(desk: Desk, catalog: Catalog) -> None:
    configure(desk, seller(catalog, secret_access_key="env:NO_SUCH_VARIABLE"))
    (line,) = lines(desk, code=1).values()
    assert "NO_SUCH_VARIABLE" in line["message"] and ACCOUNT in line["message"]
    assert catalog.requests == []

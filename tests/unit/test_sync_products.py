"""The AWS products that people choose from follow the list of the release, until an admin brings another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from steered_world import SteeredWorld

from connector.data.values import AwsProduct
from connector.names import AWS_PRODUCT
from connector.sync import products
from connector.sync.products import follow_packaged_products, refresh_products

FIRST, NEWER = AwsProduct("AmazonEC2", "Amazon EC2", "Compute"), AwsProduct("AmazonNew", "Amazon New", "Compute")
OWN = AwsProduct("Own", "An admin's own", "Other")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteeredWorld]:
    packaged(monkeypatch, FIRST)
    opened = SteeredWorld(tmp_path)
    yield opened
    opened.close()


def packaged(monkeypatch: pytest.MonkeyPatch, *listed: AwsProduct) -> None:
    monkeypatch.setattr(products, "aws_products", lambda: listed)


def offered(world: SteeredWorld) -> set[str]:
    return {row["Product_Id__c"] for row in world.salesforce.all(AWS_PRODUCT) if row["Active__c"]}


def calls(world: SteeredWorld) -> int:
    before = len(world.salesforce.asked)
    assert follow_packaged_products(world.engine) is None
    return len(world.salesforce.asked) - before


def test_they_are_there_at_first_and_when_the_release_has_others(world: SteeredWorld, monkeypatch: Any) -> None:
    assert str(follow_packaged_products(world.engine)).startswith("1 listed: 1 new")
    assert offered(world) == {"AmazonEC2"} and calls(world) == 0
    packaged(monkeypatch, NEWER)
    world.restart()
    follow_packaged_products(world.engine)
    assert offered(world) == {"AmazonNew"} and calls(world) == 0


def test_an_admins_list_stays_until_an_admin_takes_the_releases_again(world: SteeredWorld, monkeypatch: Any) -> None:
    follow_packaged_products(world.engine)
    refresh_products(world.engine, [OWN])
    packaged(monkeypatch, FIRST, NEWER)
    assert calls(world) == 0 and offered(world) == {"Own"}
    refresh_products(world.engine)
    assert calls(world) == 0 and offered(world) == {"AmazonEC2", "AmazonNew"}


def test_a_lost_state_takes_no_admins_list_away(world: SteeredWorld, monkeypatch: Any) -> None:
    refresh_products(world.engine, [OWN])
    world.empty_state()
    assert follow_packaged_products(world.engine) is None and offered(world) == {"Own"}
    refresh_products(world.engine)
    world.empty_state()
    follow_packaged_products(world.engine)
    packaged(monkeypatch, FIRST, NEWER)
    follow_packaged_products(world.engine)
    assert offered(world) == {"AmazonEC2", "AmazonNew"}, "the release's own list is known again"


def test_what_broke_off_is_done_to_the_end(world: SteeredWorld, monkeypatch: Any) -> None:
    packaged(monkeypatch, FIRST, NEWER)
    upsert = world.salesforce.upsert

    def half(name: str, key: str, rows: Any) -> Any:
        upsert(name, key, rows[:1])
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(type(world.salesforce), "upsert", lambda _, *given: half(*given))
        with pytest.raises(ConnectionError):
            follow_packaged_products(world.engine)
    assert len(offered(world)) == 1
    follow_packaged_products(world.engine)
    assert offered(world) == {"AmazonEC2", "AmazonNew"}

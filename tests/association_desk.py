"""A seller's desk for associations: a record that AWS approved, requests with items, and what both sides show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.turns import share
from steered_world import SteeredWorld

MANUAL = {"share_automatically": False, "update_automatically": False}
AUTOMATIC = {"share_automatically": True, "update_automatically": True}
SOLUTION, PRODUCT = "S-0000001", "AmazonEC2"
SHOWN, PRODUCTS, OTHER = "Solution_Offered__c", "AWS_Products__c", "Other_Solution_Offered__c"


def approved(world: SteeredWorld) -> tuple[str, str]:
    """Share a record with one solution and no product, which AWS approves; nothing goes out by itself any more."""
    record, apn_id = share(world, **{SHOWN: SOLUTION, PRODUCTS: None, OTHER: None})
    world.settings = replace(world.settings, **MANUAL)
    world.restart()
    assert entities(world, apn_id) == {"Solutions": [SOLUTION]}
    return record, apn_id


def entities(world: SteeredWorld, apn_id: str) -> dict[str, list[str]]:
    related = world.partner_central.opportunities[apn_id]["RelatedEntityIdentifiers"]
    return {kind: sorted(ids) for kind, ids in related.items() if ids}


def asked(world: SteeredWorld, record: str, *items: tuple[str, str, str], **values: Any) -> tuple[str, list[str]]:
    """A seller asks for changes; return the request and its items."""
    request = world.asks("Associate", record, **values)
    return request, [world.adds_item(request, *item) for item in items]


def answered(world: SteeredWorld, request: str, times: int = 4) -> tuple[str, str]:
    for _ in range(times):
        world.steer()
    return world.request(request)


def row(world: SteeredWorld, record: str, name: str) -> Any:
    found = world.salesforce.row(record)
    assert found is not None
    return found[name]

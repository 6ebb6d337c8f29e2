"""Private offers are linked by the name that AWS has for them, chosen by row or by id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from association_desk import SOLUTION, answered, approved, asked, entities
from engine.salesforce import PERSON
from engine.turns import turn
from steered_world import SteeredWorld

from connector.names import PRIVATE_OFFER, ActionRequest

ARN = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Offer/offer-abc"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    """The state has been compared with AWS."""
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


@pytest.fixture
def shared(world: SteeredWorld) -> tuple[str, str]:
    return approved(world)


def offer(world: SteeredWorld, **values: Any) -> str:
    fields = {"Name": "Offer", "Offer_Id__c": "offer-abc", "Entity_Key__c": None, "Account__r": None, **values}
    return world.salesforce.user_inserts(PRIVATE_OFFER, PERSON, **fields)


@pytest.mark.parametrize(
    "values",
    [
        {"Account__r": {"Account_Number__c": "111122223333"}},
        {"Entity_Key__c": "111122223333|offer-abc"},
        {"Offer_Id__c": ARN},
    ],
)
def test_a_private_offer_is_linked_by_its_name_at_aws(
    world: SteeredWorld, shared: tuple[str, str], values: dict[str, Any]
) -> None:
    record, apn_id = shared
    chosen = offer(world, **values)
    request = world.asks("Link Private Offer", record, **{ActionRequest.PRIVATE_OFFER: chosen})
    status, message = answered(world, request)
    assert (status, apn_id in message) == ("Done", True)
    assert entities(world, apn_id)["AwsMarketplaceOffers"] == [ARN]
    assert world.salesforce.tables[PRIVATE_OFFER][chosen]["ACE_Opportunity__c"] == record
    again = world.asks("Link Private Offer", record, **{ActionRequest.PRIVATE_OFFER: chosen})
    assert answered(world, again)[0] == "Done"


@pytest.mark.parametrize(
    ("values", "told"),
    [({"Offer_Id__c": None}, "no offer id"), ({}, "AWS account"), (None, "deleted")],
)
def test_an_offer_that_aws_does_not_have_is_refused(
    world: SteeredWorld, shared: tuple[str, str], values: dict[str, Any] | None, told: str
) -> None:
    record, apn_id = shared
    chosen = offer(world, **values) if values is not None else "a1A000000000001AAA"
    request = world.asks("Link Private Offer", record, **{ActionRequest.PRIVATE_OFFER: chosen})
    status, message = answered(world, request)
    assert (status, told in message) == ("Failed", True)
    assert entities(world, apn_id) == {"Solutions": [SOLUTION]}


def test_offers_are_chosen_by_their_id_and_found_by_it_when_they_go(
    world: SteeredWorld, shared: tuple[str, str]
) -> None:
    record, apn_id = shared
    offer(world, Entity_Key__c="111122223333|offer-abc")
    request, _ = asked(world, record, ("Associate", "AwsMarketplaceOffers", "offer-abc"))
    assert answered(world, request)[0] == "Done"
    assert entities(world, apn_id)["AwsMarketplaceOffers"] == [ARN]
    second, [item] = asked(world, record, ("Associate", "AwsMarketplaceOffers", ARN.replace("abc", "def")))
    assert answered(world, second)[0] == "Failed"
    assert "at most 1" in world.item(item)[1]
    gone, _ = asked(world, record, ("Disassociate", "AwsMarketplaceOffers", "offer-abc"))
    assert answered(world, gone)[0] == "Done"
    assert "AwsMarketplaceOffers" not in entities(world, apn_id)

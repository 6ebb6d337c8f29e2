"""A referral on the standard Opportunity: stage and close date that it requires, and an account of the customer's.
There is one of each, whatever answer is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from referral_desk import ACCEPTS, INVITATION, refer
from standard_opportunity import PRIMARY, document, paths, use_mapping, write_fields
from system_world import World, open_world

APN = "ACE_APN_Unique_Identifier__c"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The standard Opportunity, with account fields mapped; unknown customers get a copy of the Default Account."""
    folder = tmp_path_factory.mktemp("standard")
    with open_world(folder / "world", metadata=[write_fields(folder / "fields")]) as world:
        use_mapping(world, document(paths()))
        answer = world.admin.post("sobjects/Account", {"Name": "Default"})
        world.settings(Default_Account_Id__c=answer.json()["id"], Create_Account_from_Default__c=True)
        yield world


def rows_of(world: World, ids: dict[str, Any]) -> list[dict[str, Any]]:
    fields = f"Id, StageName, CloseDate, Customer_Email__c, Ownership__c, Account.Name, Account.BillingCity, {APN}"
    return world.admin.rows(
        f"SELECT {fields} FROM {PRIMARY} WHERE {INVITATION} = '{ids['invitation']}' OR {APN} = '{ids['opportunity']}'"
    )


def test_a_referral_gets_its_account_once_and_what_is_shown_later_goes_to_both(world: World) -> None:
    ids = refer(world)
    world.fault("salesforce", "composite", "timeout_after")
    world.sync("inbound")
    world.sync("inbound")
    (row,) = rows_of(world, ids)
    company = row["Account"]["Name"]
    assert company.startswith("Polaris Freight")
    assert (row["StageName"], row["Customer_Email__c"], row[APN]) == ("Prospecting", None, None)
    assert (row["CloseDate"] is None, row["Ownership__c"]) == (False, "AWS Referral")
    world.proxy.forget()
    world.do("action", "accept", row["Id"])
    world.sync("inbound")
    world.sync("outbound")
    (after,) = rows_of(world, ids)
    assert (after["Id"], after[APN], after["Customer_Email__c"]) == (
        row["Id"], ids["opportunity"], "casey.lund@polaris.example",
    )  # fmt: skip
    assert after["Account"]["BillingCity"] == "Seattle"
    assert len(world.admin.rows(f"SELECT Id FROM Account WHERE Name = '{company}'")) == 1
    assert [call.operation for call in world.proxy.writes()] == [ACCEPTS]

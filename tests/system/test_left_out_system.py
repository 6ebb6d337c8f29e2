"""What is left out, and what people read of it: historical data, edits by the integration user, waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from system_world import CATALOG, World, open_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.mark.requirement("ELIG-18")
def test_historical_data_is_skipped_and_counted(world: World) -> None:
    fields = {"PartnerOpportunityIdentifier": "X0007", "LifeCycle": {"ReviewStatus": "Approved"}}
    identifier = world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"]
    known = len(world.find("Id != null"))
    assert world.sync("inbound")["queued"] == 0
    assert len(world.find("Id != null")) == known
    assert world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'") == []
    told = [log for log in world.logs("", "Message__c") if str(log["Message__c"]).startswith("1 skipped")]
    assert {log["Purpose__c"] for log in told} == {"Inbound File Retrieval"}, "each look counts what it skipped"


@pytest.mark.requirement("ELIG-24")
def test_edits_made_with_the_integration_user_are_listed(world: World) -> None:
    record, _ = world.shared()
    other, _ = world.shared()
    world.edit(record, world.integration, Next_Step__c="Typed with the wrong user")
    told = edits_of_integration_users(world)
    assert record in told and other not in told
    # Whoever an admin names as a further integration user is left out as well.
    world.edit(other, world.admin, Next_Step__c="Loaded by another program")
    assert other not in edits_of_integration_users(world)
    with world.changed_settings(Other_Integration_Users__c=world.user("admin")):
        assert other in edits_of_integration_users(world)


def edits_of_integration_users(world: World) -> str:
    lines = {line["name"]: line for line in world.do("check", "--json").json["checks"]}
    line = lines["edits by the integration user"]
    assert line["ok"], "it is a warning, no failure"
    return str(line["message"])


def test_a_run_tells_why_a_record_waits(world: World) -> None:
    """Promise 4, for whoever runs once and is gone."""
    record = world.deal()
    refusal = {"__type": "AccessDeniedException", "Message": "User is not authorized to perform CreateOpportunity"}
    world.proxy.scripted["CreateOpportunity"] = [(400, refusal)]
    ran = world.run("sync", "outbound", "--record", record, "--json")
    assert ran.code == 4 and "error" in ran.json
    (detail,) = world.details(record)
    assert (detail["Status__c"], detail["Error_Code__c"]) == ("Pending", "WAITING")
    assert "not authorized" in detail["Error_Message__c"]
    world.advance(400)
    world.sync("outbound", record)
    assert world.errors(record) == [] and len(world.of_record(record)) == 1
    assert {one["Status__c"] for one in world.details(record)} == {"Processed", "Resolved"}


def test_bad_ids_are_wrong_usage_and_say_so(world: World) -> None:
    for arguments in (
        ("sync", "outbound", "--record", "nope"),
        ("action", "share", "nope"),
        ("forget", "a00000000000"),
    ):
        assert world.do(*arguments, code=2).err
    assert "SL-9999999999" in world.do("logs", "show", "SL-9999999999", code=1).err

"""What the sync logs in Salesforce tell, as an admin reads them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from system_world import DETAILS, LOGS, World, open_world

PURPOSES = {"Outbound File Retrieval", "Inbound File Retrieval", "Inbound Record Retrieval"}
DAY = timedelta(days=1)


def fresh(world: World, known: set[str], purpose: str) -> list[dict[str, object]]:
    found = world.logs(f"Purpose__c = '{purpose}'", "Parent_Log__r.Log_Key__c", "File_Name__c")
    return [log for log in found if log["Log_Key__c"] not in known]


@pytest.mark.requirement("LOG-06")
def test_an_outbound_run_with_nothing_pending_leaves_no_log(world: World) -> None:
    record = world.deal()
    world.sync()
    assert len(world.of_record(record)) == 1
    known = {str(log["Log_Key__c"]) for log in world.logs()}
    world.sync()
    assert fresh(world, known, "Outbound File Retrieval") == []
    other = world.deal()
    world.sync()
    (log,) = fresh(world, known, "Outbound File Retrieval")
    (detail,) = world.details(other)
    assert detail["Sync_Log__r"]["Log_Key__c"] == log["Log_Key__c"]


@pytest.mark.requirement("LOG-07", "LOG-09")
def test_every_look_at_aws_is_told_even_when_there_is_nothing(world: World) -> None:
    world.sync("inbound")
    known = {str(log["Log_Key__c"]) for log in world.logs()}
    world.sync("inbound")
    (log,) = fresh(world, known, "Inbound File Retrieval")
    assert log["Status__c"] == "API Success"
    assert fresh(world, known, "Inbound Record Retrieval") == []


@pytest.mark.requirement("LOG-08", "LOG-04", "LOG-05")
def test_what_a_look_found_is_a_log_of_its_own_below_it(world: World) -> None:
    _, identifier = world.shared()
    world.sync("inbound")
    known = {str(log["Log_Key__c"]) for log in world.logs()}
    world.edit_at_aws(identifier, Customer__Account__Address__City="Kent")
    world.sync("inbound")
    (parent,), (child,) = fresh(world, known, "Inbound File Retrieval"), fresh(world, known, "Inbound Record Retrieval")
    assert child["Parent_Log__r"]["Log_Key__c"] == parent["Log_Key__c"]  # type: ignore[index]
    assert child["File_Name__c"]
    (detail,) = world.admin.rows(f"SELECT Payload__c FROM {DETAILS} WHERE Sync_Log__c = '{child['Id']}'")
    assert '"Kent"' in detail["Payload__c"]
    assert {log["Purpose__c"] for log in world.logs()} == PURPOSES
    assert {log["Direction__c"] for log in world.logs("Purpose__c LIKE 'Inbound%'")} == {"From AWS"}
    assert {log["Direction__c"] for log in world.logs("Purpose__c LIKE 'Outbound%'")} == {"To AWS"}


@pytest.mark.requirement("LOG-25")
def test_logs_that_cannot_be_written_now_are_written_later(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.sync("inbound")
        before, record = len(world.logs()), world.deal()
        # One more upsert than the fault hits is the lease's own.
        world.proxy.once(
            "after",
            "StartEngagementFromOpportunityTask",
            lambda: world.fault("salesforce", "collections_upsert", "status", status=503, times=6),
        )
        world.run("sync", "outbound", "--record", record)
        assert len(world.of_record(record)) == 1, "the synchronisation itself is whole"
        assert len(world.logs("Purpose__c = 'Outbound File Retrieval'")) == 0 and len(world.logs()) == before
        world.sandbox.faults.clear()
        world.advance(30)
        world.sync("inbound")
        (detail,) = world.details(record)
        assert detail["Status__c"] == "Processed"
        (log,) = world.logs("Purpose__c = 'Outbound File Retrieval'")
        assert (log["Status__c"], log["Record_Count__c"]) == ("Processed", 1)


@pytest.mark.requirement("LOG-21", "SET-15")
def test_logs_older_than_the_retention_go_with_their_details(tmp_path: Path) -> None:
    with open_world(tmp_path, Sync_Log_Retention__c=30) as world:
        end = world.sandbox.clock.now()
        aged: dict[int, set[str]] = {}
        for days in (31, 29):
            world.control("/clock", now=(end - days * DAY).isoformat())
            known = {str(log["Log_Key__c"]) for log in world.logs()}
            _, identifier = world.shared()
            world.edit_at_aws(identifier, Customer__Account__Address__City=f"City {days}")
            world.sync("inbound")
            aged[days] = {str(log["Log_Key__c"]) for log in world.logs()} - known
            assert {log["Direction__c"] for log in world.logs() if log["Log_Key__c"] in aged[days]} == {
                "To AWS",
                "From AWS",
            }
        world.control("/clock", now=end.isoformat())
        every = {str(log["Log_Key__c"]) for log in world.logs()}
        world.settings(Sync_Log_Retention__c=None)
        with world.working() as worker:
            worker.cycle(2 * DAY.total_seconds())
            assert {str(log["Log_Key__c"]) for log in world.logs()} >= every, "blank keeps all"
        world.control("/clock", now=end.isoformat())
        world.settings(Sync_Log_Retention__c=30)
        with world.working() as worker:
            worker.settle()
            world.eventually(
                lambda: not world.logs(f"CreatedDate < {end - 30 * DAY:%Y-%m-%dT%H:%M:%SZ}"), "the clean-up"
            )
        left = {str(log["Log_Key__c"]) for log in world.logs()}
        assert not left & aged[31] and left >= aged[29]
        parents = {one["Sync_Log__r"]["Log_Key__c"] for one in world.details()}
        assert parents <= left and parents & aged[29]
        assert world.admin.rows(f"SELECT COUNT(Id) n FROM {LOGS}")[0]["n"] == len(left)

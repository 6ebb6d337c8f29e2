"""What the sync logs in Salesforce tell of files, as an admin reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import answer, exported_lead, exported_opportunity, result
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    OPPORTUNITY,
    OUTBOUND,
    RECORDS,
    RESULTS,
    RETRIEVAL,
    FileWorld,
    Json,
    counts,
    open_file_world,
)  # fmt: skip
from system_world import DEALS, DETAILS, LOGS


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("logs")) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    return running.fresh()


def status_page(world: FileWorld) -> str:
    return str(world.admin.rows("SELECT Message__c FROM ACE_Worker__c")[0]["Message__c"] or "")


@pytest.mark.requirement("LOG-01", "LOG-02", "LOG-04", "LOG-05", "LOG-15", "LOG-16", "LOG-24")
def test_an_uploaded_file_has_one_log_that_ends_as_its_result_says(world: FileWorld) -> None:
    known = len(world.file_logs())
    records = world.deals(3)
    (file,) = world.send()
    (log,) = world.file_logs()[known:]
    name = file.key.rpartition("/")[2]
    assert (log["Direction__c"], log["Purpose__c"], log["Object__c"]) == ("To AWS", OUTBOUND, DEALS)
    assert log["File_Name__c"].rpartition("/")[2] == name and log["CreatedDate"]
    assert log["Status__c"] == "API Success" and log["Record_Count__c"] == 3
    assert sorted(log["Outbound_IDs__c"].replace(",", " ").split()) == sorted(records)
    world.process()
    world.take()
    assert counts(world.log_of(file)) == ("Processed", 3, 3, 0)
    details = world.log_details(log["Id"])
    assert {one["Record_Id__c"] for one in details} == set(records) and len(details) == 3
    assert {one["Status__c"] for one in details} == {"Processed"}
    assert {one["APN_Id__c"] for one in details} == {world.row(one)[APN] for one in records}
    assert all(json.loads(one["Payload__c"])["partnerCrmUniqueIdentifier"] == one["Record_Id__c"] for one in details)
    purposes = {one["Purpose__c"]: one["Direction__c"] for one in world.file_logs()}
    assert set(purposes) <= {OUTBOUND, RETRIEVAL, RECORDS} and purposes[RETRIEVAL] == "From AWS"


@pytest.mark.requirement("LOG-16")
def test_the_ids_of_a_file_can_be_searched_for(world: FileWorld) -> None:
    record = world.deal()
    (file,) = world.exchange_files()
    # A long text field cannot stand in a condition of SOQL; a detail's record id can.
    found = world.admin.rows(f"SELECT Sync_Log__r.File_Name__c FROM {DETAILS} WHERE Record_Id__c = '{record}'")
    names = {str(one["Sync_Log__r"]["File_Name__c"]).rpartition("/")[2] for one in found}
    assert names == {file.key.rpartition("/")[2]}


@pytest.mark.requirement("LOG-07", "LOG-09", "IN-01")
@pytest.mark.parametrize("kind", [OPPORTUNITY, LEAD])
def test_each_look_into_the_bucket_is_told_even_when_it_is_empty(world: FileWorld, kind: str) -> None:
    known = len(world.file_logs())
    world.take(kind)
    world.take(kind)
    logs = world.file_logs()[known:]
    assert [(one["Purpose__c"], one["Status__c"]) for one in logs] == [(RETRIEVAL, "API Success")] * 2
    assert {one["Object__c"] for one in logs} == {DEALS if kind == OPPORTUNITY else "ACE_Lead__c"}


@pytest.mark.requirement("LOG-10")
@pytest.mark.parametrize("kind", [OPPORTUNITY, LEAD])
def test_a_list_call_that_fails_is_an_error_with_its_cause(world: FileWorld, kind: str) -> None:
    known = len(world.file_logs())
    world.run(
        "sync", "inbound", "--object", kind, CONNECTOR__AWS__EXCHANGE__ACCESS_KEY_ID="env:WRONG", WRONG="AKIAWRONG"
    )
    (log,) = world.file_logs()[known:]
    assert (log["Purpose__c"], log["Status__c"]) == (RETRIEVAL, "Error")
    assert "access" in log["Message__c"].lower() and "AKIAWRONG" not in log["Message__c"]
    world.advance(301)
    world.take(kind)


@pytest.mark.requirement("LOG-08", "LOG-12", "LOG-13", "LOG-14", "LEAD-11")
@pytest.mark.parametrize("kind", [OPPORTUNITY, LEAD])
def test_a_file_that_was_found_has_a_log_below_the_look(world: FileWorld, kind: str) -> None:
    """Counts are those of the file; each record has its own payload."""
    make = exported_opportunity if kind == OPPORTUNITY else exported_lead
    good, bad = [make() for _ in range(3)], make(apnCrmUniqueIdentifier="12345")
    known = len(world.file_logs())
    world.exported("four.json", *good, bad, kind=kind)
    world.take(kind)
    look, log = sorted(world.file_logs()[known:], key=lambda one: str(one["Purpose__c"]))
    assert (look["Purpose__c"], log["Purpose__c"]) == (RETRIEVAL, RECORDS)
    assert log["Parent_Log__c"] == look["Id"] and log["File_Name__c"].rpartition("/")[2] == "four.json"
    assert counts(log) == ("Partial", 4, 3, 1)
    details = {one["APN_Id__c"]: one for one in world.log_details(log["Id"])}
    assert {name: json.loads(one["Payload__c"]) for name, one in details.items()} == {
        one[APN_KEY]: one for one in (*good, bad)
    }
    assert details["12345"]["Status__c"] == "Error" and "12345" in details["12345"]["Error_Message__c"]


@pytest.mark.requirement("LOG-11", "IN-19", "OPS-01")
def test_after_a_crash_between_fetching_and_writing_the_log_says_so_and_the_rest_follows(tmp_path: Path) -> None:
    """Two of four are there already; a new start brings the others, and then the file goes."""
    with open_file_world(tmp_path) as world:
        records = [exported_opportunity() for _ in range(4)]
        schedule = world.schedule(Interval_Minutes__c=5)
        with world.working() as worker:
            world.ran(worker, schedule, 11)
        world.exported("four.json", *records)
        seen: list[Json] = []

        def watch() -> bool:
            world.advance(6)
            seen.extend(world.file_logs(f"Purpose__c = '{RECORDS}'"))
            return bool(world.rows(OPPORTUNITY, f"{APN} != null"))

        world.fault("salesforce", "composite|collections_upsert|create", "status", status=503, times=3)
        worker = world.start_worker()
        world.eventually(watch, lambda: f"the first row; there is {world.pending()}")
        worker.kill()
        assert world.keys("opportunity-outbound") in (["four.json"], [])
        world.sandbox.faults.clear()
        world.advance(300)
        with world.working() as again:

            def gone() -> bool:
                world.advance(30)
                return world.keys("opportunity-outbound") == []

            world.eventually(gone, lambda: f"the file's end; there is {world.pending()}")
            again.settle()
        assert all(world.of_aws(one[APN_KEY]) for one in records)
        world.advance(60)
        (log,) = world.file_logs(f"Purpose__c = '{RECORDS}'")
        assert counts(log) == ("Processed", 4, 4, 0)
        assert {one["Status__c"] for one in seen} <= {"API Success", "Processed"}


@pytest.mark.requirement("LOG-23")
def test_without_storage_the_file_stays_and_the_status_says_why(world: FileWorld) -> None:
    record = exported_opportunity()
    world.exported("waits.json", record)
    told = {"kind": "storage_limit", "objects": [DEALS], "operations": ["create"], "times": 1}
    world.control("/fault", server="salesforce", **told)
    world.take()
    assert world.keys("opportunity-outbound") == ["waits.json"]
    assert world.rows(OPPORTUNITY, f"{APN} = '{record[APN_KEY]}'") == []
    assert "STORAGE_LIMIT_EXCEEDED" in status_page(world) and "logs purge" in status_page(world)
    world.sandbox.faults.clear()
    world.advance(2 * 3600)
    world.take()
    assert world.of_aws(record[APN_KEY]) and world.keys("opportunity-outbound") == []


@pytest.mark.requirement("LOG-25")
def test_logs_that_cannot_be_written_now_are_written_later(world: FileWorld) -> None:
    known, record = len(world.file_logs()), world.deal()
    world.wire.once(
        "after",
        "PutObject",
        lambda: world.fault("salesforce", "collections_upsert", "status", status=503, times=8),
    )
    world.run("sync", "outbound", "--json")
    world.sandbox.faults.clear()
    (file,) = world.wire.puts()
    assert world.file_logs()[known:] == []
    world.process()
    world.advance(60)
    world.take()
    assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
    assert world.row(record)[APN]


def test_the_clean_up_leaves_the_log_of_a_file_without_a_result(world: FileWorld) -> None:
    """Whoever wants its records released has to delete it in Salesforce; a clean-up releases nothing."""
    world.mishap("stall")
    world.deal()
    (file,) = world.send()
    log = world.log_of(file)
    world.do("logs", "purge", "--yes")
    assert world.admin.rows(f"SELECT Id FROM {LOGS} WHERE Id = '{log['Id']}'") == [{"Id": log["Id"]}]
    world.wire.forget()
    assert world.send() == []


@pytest.mark.requirement("LOG-24")
def test_a_result_that_comes_after_the_release_still_counts(world: FileWorld) -> None:
    world.mishap("stall")
    record = world.deal()
    (file,) = world.send()
    world.s3.delete_object(Bucket=world.bucket, Key=file.key)
    log = world.log_of(file)
    assert world.admin.send("DELETE", f"sobjects/{LOGS}/{log['Id']}").status_code == 204
    world.take()
    name = file.key.rpartition("/")[2][:-5]
    world.drop(f"opportunity-{RESULTS}/{name}_result.json", result(file.key, answer(record, "O8812345")))
    world.take()
    assert world.row(record)[APN] == "O8812345"

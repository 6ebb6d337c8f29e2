"""AWS's files as files: looked for, read, ended, broken, replaced, cut off in the middle, and brought back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.interruptions import FAULTS
from file_arrivals import REFERRED, ArrivalWorld, opportunity

from connector.errors import AuthFailed, Deferred, RecordGone
from connector.names import Detail, Log
from connector.sync import logs, queueing
from connector.sync.exchange import read_ahead, retrieval
from connector.sync.exchange.replay import fetch_result, replay

FETCHING = (queueing.RETRIEVE, queueing.FILE, queueing.INBOUND)
NEXT = "Next_Step__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ArrivalWorld]:
    opened = ArrivalWorld(tmp_path)
    yield opened
    opened.close()


def begin(world: ArrivalWorld, steps: int) -> None:
    """Fetch files, and do so many pieces of the work that comes of it."""
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    for _ in range(steps):
        world.executor.run_one(kinds=FETCHING)


def write_logs(world: ArrivalWorld) -> None:
    queueing.enqueue_job(world.engine, queueing.FLUSH, priority=1)
    world.executor.run_one(kinds=(queueing.FLUSH,))


def four(day: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [opportunity(f"O{number}", day=day, **REFERRED, **fields) for number in (1, 2, 3, 4)]


# -- what the logs tell


@pytest.mark.requirement("IN-01")
@pytest.mark.requirement("LOG-07")
@pytest.mark.requirement("LOG-09")
def test_each_look_has_a_log_also_where_nothing_is_there(world: ArrivalWorld) -> None:
    world.fetch()
    [look] = world.sync_logs(logs.INBOUND_FILES)
    assert look[Log.STATUS] == logs.API_SUCCESS
    assert world.sync_logs(logs.INBOUND_RECORDS) == []
    world.fetch()
    assert len(world.sync_logs(logs.INBOUND_FILES)) == 2


@pytest.mark.requirement("IN-02")
@pytest.mark.requirement("LOG-08")
@pytest.mark.requirement("LOG-12")
def test_three_files_of_four_records_are_twelve_details_below_three_logs(world: ArrivalWorld) -> None:
    for name in "abc":
        fields = {"customerCompanyName": f"Freight {name}"}
        records = [opportunity(f"O{ord(name)}{n}", **REFERRED, **fields) for n in range(4)]
        world.exchange.aws_exports(f"{name}.json", *records)
    world.fetch()
    assert len(world.told(status=logs.PROCESSED)) == 12 and len(world.salesforce.all()) == 12
    assert all("apnCrmUniqueIdentifier" in row[Detail.PAYLOAD] for row in world.told())
    [look] = world.sync_logs(logs.INBOUND_FILES)
    for name in "abc":
        told = world.file_log(f"{name}.json")
        assert told[Log.PARENT_REF] == {Log.KEY: look[Log.KEY]}
        assert (told[Log.STATUS], told[Log.RECORD_COUNT], told[Log.SUCCESS_COUNT]) == (logs.PROCESSED, 4, 4)


def test_records_that_bring_nothing_new_are_counted_too(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", *four())
    world.fetch()
    world.exchange.aws_exports("b.json", *four())
    world.fetch()
    told = world.file_log("b.json")
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT]) == (logs.PROCESSED, 4)


@pytest.mark.requirement("LOG-11")
def test_between_reading_and_working_off_the_log_says_api_success(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", *four())
    begin(world, 2)
    write_logs(world)
    assert world.file_log("a.json")[Log.STATUS] == logs.API_SUCCESS
    begin(world, 2)
    write_logs(world)
    assert world.file_log("a.json")[Log.STATUS] == logs.API_SUCCESS, "half of it waits"
    world.settle()
    assert world.file_log("a.json")[Log.STATUS] == logs.PROCESSED


@pytest.mark.requirement("LOG-10")
def test_a_listing_that_fails_is_told_with_its_cause_and_once_while_it_lasts(world: ArrivalWorld) -> None:
    listing, world.exchange.trouble = type(world.exchange)._list, AuthFailed("The key AKIA… is not known to AWS.")
    _break_listing(world, world.exchange.trouble)
    world.fetch()
    world.fetch()
    [look] = world.sync_logs(logs.INBOUND_FILES)
    assert look[Log.STATUS] == logs.ERROR and "is not known to AWS" in look[Log.MESSAGE]
    type(world.exchange)._list = listing  # type: ignore[method-assign]
    world.fetch(minutes=10)
    statuses = [look[Log.STATUS] for look in world.sync_logs(logs.INBOUND_FILES)]
    assert sorted(statuses) == [logs.API_SUCCESS, logs.ERROR], "that it failed for a time stays to be seen"


def _break_listing(world: ArrivalWorld, error: Exception) -> None:
    def refuse(*_: Any) -> Any:
        raise error

    type(world.exchange)._list = refuse  # type: ignore[method-assign]


def test_without_a_bucket_the_look_says_so(world: ArrivalWorld) -> None:
    world.engine.bucket = None
    world.fetch()
    [look] = world.sync_logs(logs.INBOUND_FILES)
    assert look[Log.STATUS] == logs.ERROR and "No bucket is configured" in look[Log.MESSAGE]


@pytest.mark.parametrize("lacks", [{"bucket": ""}, {"opportunity_version": None}])
def test_without_a_setting_that_files_need_nothing_is_listed(world: ArrivalWorld, lacks: dict[str, Any]) -> None:
    world.exchange.aws_exports("a.json", opportunity("O1"))
    files = replace(world.engine.settings.files, **lacks)
    world.engine.settings = replace(world.engine.settings, files=files)
    world.fetch()
    [look] = world.sync_logs(logs.INBOUND_FILES)
    assert look[Log.STATUS] == logs.ERROR and "__c" in look[Log.MESSAGE]
    assert world.exchange.listings == 0


@pytest.mark.requirement("LOG-14")
def test_a_file_that_cannot_be_retrieved_is_told_otherwise_than_one_that_cannot_be_written(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", opportunity("O1"))
    begin(world, 1)
    world.interruptions.arm("busy", 1)
    world.executor.run_one(kinds=FETCHING)
    write_logs(world)
    told = world.file_log("a.json")
    assert told[Log.STATUS] == logs.ERROR and "could not be retrieved: Busy." in told[Log.MESSAGE]
    world.salesforce.rules["Example Freight"] = "Not them."
    world.settle()
    told = world.file_log("a.json")
    assert told[Log.STATUS] == logs.ERROR and "The file was retrieved. Of its 1 records 0" in told[Log.MESSAGE]
    assert len(world.sync_logs()) == 1


# -- pages, amounts


def test_all_pages_of_the_listing_are_worked_off(world: ArrivalWorld) -> None:
    world.exchange.page = 2
    for number in range(7):
        world.exchange.aws_exports(f"{number}.json", opportunity(f"O{number}"))
    world.fetch()
    assert len(world.rows()) == 7 and world.exchange.left() == []


def test_a_file_of_many_records_is_worked_off_and_queued_in_slices(
    world: ArrivalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "SLICE", 7)
    count = 25
    world.exchange.aws_exports("a.json", *(opportunity(f"O{number}", **REFERRED) for number in range(count)))
    world.fetch()
    told = world.file_log("a.json")
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT]) == (logs.PROCESSED, count)
    assert len(world.rows()) == count and world.exchange.left() == []


# -- ends


@pytest.mark.requirement("IN-19")
def test_a_crash_after_two_of_four_records_leaves_two_and_then_the_file_goes(
    world: ArrivalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "SLICE", 2)
    world.exchange.aws_exports("a.json", *four())
    begin(world, 4)
    assert len(world.salesforce.all()) == 2
    world.restart()
    assert world.exchange.left() == ["a.json"], "it stays until all are handled"
    writes = world.salesforce.record_writes
    world.settle()
    assert sorted(world.rows()) == ["O1", "O2", "O3", "O4"] and len(world.salesforce.all()) == 4
    assert world.salesforce.record_writes == writes + 2
    assert world.exchange.left() == []
    assert len(world.told(status=logs.PROCESSED)) == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_at_whatever_moment_each_record_is_there_once(tmp_path: Path, fault: str) -> None:
    """Two files, with new referrals, an update and a record that cannot be used."""
    for countdown in range(1 + FAULTS.index(fault), 64, 9):
        (tmp_path / str(countdown)).mkdir()
        opened = ArrivalWorld(tmp_path / str(countdown))
        try:
            _go_through(opened, fault, countdown)
        finally:
            opened.close()


def _go_through(world: ArrivalWorld, fault: str, countdown: int) -> None:
    world.exchange.aws_exports("a.json", opportunity("O1"))
    world.fetch()
    world.exchange.aws_exports("b.json", opportunity("O1", day=2, nextStep="Sign"), opportunity("O2", **REFERRED))
    world.exchange.aws_exports("c.json", opportunity("O3", industry={}), opportunity("O2", day=2, **REFERRED))
    world.interruptions.arm(fault, countdown)
    for _ in range(3):
        world.alive(world.fetch)
    world.interruptions.disarm()
    world.fetch(minutes=20)
    assert sorted(world.rows()) == ["O1", "O2"] and len(world.salesforce.all()) == 2
    assert world.rows()["O1"][NEXT] == "Sign"
    assert world.exchange.left() == []
    assert {row[Detail.RECORD_ID] for row in world.told(status=logs.ERROR)} == {"O3"}
    assert world.file_log("b.json")[Log.STATUS] == logs.PROCESSED
    assert world.file_log("c.json")[Log.STATUS] == logs.PARTIAL


def test_a_file_stays_while_salesforce_has_no_room(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", opportunity("O1"))
    world.fetch()
    world.exchange.aws_exports("b.json", opportunity("O1", day=2, nextStep="Sign"))
    update = type(world.salesforce).update_unless_modified
    try:
        type(world.salesforce).update_unless_modified = _full(world)  # type: ignore[method-assign]
        world.fetch()
        assert world.exchange.left() == ["b.json"]
    finally:
        type(world.salesforce).update_unless_modified = update  # type: ignore[method-assign]
    world.fetch(minutes=60)
    assert world.exchange.left() == [] and world.rows()["O1"][NEXT] == "Sign"


def _full(world: ArrivalWorld) -> Any:
    def refuse(*_: Any) -> Any:
        raise Deferred("The org has no room.", world.clock.now() + timedelta(minutes=5))

    return refuse


@pytest.mark.requirement("S3-21")
def test_only_what_was_worked_off_is_deleted_and_the_archive_is_left_alone(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", opportunity("O1"))
    world.exchange.aws_exports("b.json", content=b"{")
    world.fetch()
    assert world.exchange.left() == ["b.json"]
    assert [one.name for one in world.exchange.archived["outbound_archive"]] == ["a.json", "b.json"]


# -- broken, gone, replaced


@pytest.mark.requirement("S3-27")
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"opportunities": {}}', b'{"Leads": []}'])
def test_a_broken_file_is_told_once_stays_and_holds_up_no_other(world: ArrivalWorld, content: bytes) -> None:
    world.exchange.aws_exports("a.json", content=content)
    world.exchange.aws_exports("b.json", opportunity("O1"))
    for _ in range(3):
        world.fetch()
    assert list(world.rows()) == ["O1"] and world.exchange.left() == ["a.json"]
    told = world.file_log("a.json")
    assert told[Log.STATUS] == logs.ERROR and "cannot be read" in told[Log.MESSAGE]
    assert world.interruptions.calls["bucket read"] == 3 + 2, "three listings, and each file read once"


def test_a_broken_file_that_aws_replaces_is_read(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", content=b"{")
    world.fetch()
    world.exchange.aws_exports("a.json", opportunity("O1"))
    world.fetch()
    assert list(world.rows()) == ["O1"] and world.exchange.left() == []


def test_a_broken_file_that_somebody_removes_is_forgotten(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", content=b"{")
    world.fetch()
    world.exchange.objects.clear()
    world.fetch()
    assert world.state.downloads.unreadables() == []


def test_a_file_that_is_gone_when_it_is_to_be_read_is_told(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", opportunity("O1"))
    begin(world, 1)
    world.exchange.objects.clear()
    world.settle()
    told = world.file_log("a.json")
    assert told[Log.STATUS] == logs.ERROR and "gone when it was to be read" in told[Log.MESSAGE]
    assert world.state.downloads.open() == []


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_file_that_is_replaced_at_any_moment_is_worked_off_too(world: ArrivalWorld, steps: int) -> None:
    """Another file comes under the same key before the first was read, or while it is worked off."""
    world.exchange.aws_exports("a.json", opportunity("O1"), opportunity("O2"))
    begin(world, steps)
    world.exchange.aws_exports("a.json", opportunity("O2", day=2, nextStep="Sign"), opportunity("O3"))
    world.settle()
    world.fetch()
    assert world.rows()["O2"][NEXT] == "Sign" and "O3" in world.rows()
    assert world.exchange.left() == []


def test_the_same_file_that_is_put_there_again_is_worked_off_again(world: ArrivalWorld) -> None:
    made = world.exchange.aws_exports("a.json", opportunity("O1"))
    world.fetch()
    world.clock.advance(timedelta(hours=1))
    again = type(made)(made.key, made.record_type, made.content, made.etag, world.clock.now())
    world.exchange.objects[made.key] = again
    world.fetch()
    assert world.exchange.left() == [] and len(world.salesforce.all()) == 1


def test_work_that_got_lost_is_taken_up_by_the_next_look(world: ArrivalWorld) -> None:
    """Somebody cancelled the queue's items: the file and its records are still to be worked off."""
    world.exchange.aws_exports("a.json", *four())
    begin(world, 3)
    for item in world.state.queue.list("waiting", 100):
        if item.kind in FETCHING:
            world.state.queue.cancel(item.id)
    world.fetch()
    assert len(world.rows()) == 4 and world.exchange.left() == []


def test_a_record_that_was_forgotten_is_skipped(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", *four())
    begin(world, 2)
    world.state.forget("O3")
    world.settle()
    assert sorted(world.rows()) == ["O1", "O2", "O4"] and world.exchange.left() == []


# -- archives


@pytest.mark.requirement("S3-03")
def test_a_file_of_the_archive_is_worked_off_again_and_stays_there(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("x.json", opportunity("O1"), opportunity("O2"))
    world.exchange.objects.clear()
    for _ in range(2):
        assert replay(world.engine, "x.json") == "opportunity-outbound-archive/x.json"
        world.settle()
    assert sorted(world.rows()) == ["O1", "O2"] and len(world.salesforce.all()) == 2
    assert [one.name for one in world.exchange.archived["outbound_archive"]] == ["x.json"]
    told = [row for row in world.sync_logs() if row[Log.FILE_NAME] == "x.json"]
    assert [row[Log.STATUS] for row in told] == [logs.PROCESSED] * 2


def test_what_is_replayed_overwrites_nothing_newer(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("x.json", opportunity("O1", nextStep="Call them"))
    world.fetch()
    world.exchange.aws_exports("y.json", opportunity("O1", day=2, nextStep="Sign"))
    world.fetch()
    replay(world.engine, "x.json")
    world.settle()
    assert world.rows()["O1"][NEXT] == "Sign"


def test_a_name_that_is_not_in_the_archive_is_told(world: ArrivalWorld) -> None:
    with pytest.raises(RecordGone, match="no such file in the outbound archive"):
        replay(world.engine, "none.json")
    with pytest.raises(RecordGone, match="no such file in the results archive"):
        fetch_result(world.engine, "none.json")


@pytest.mark.parametrize("name", ["ours_01012026.json", "ours_01012026_result.json"])
def test_an_answer_is_found_in_the_archive_by_either_name(world: ArrivalWorld, name: str) -> None:
    content = json.dumps({"success": "ALL"}).encode()
    made = world.exchange.aws_exports("ours_01012026_result.json", content=content, of="lead")
    world.exchange.archived = {"results_archive": [made]}
    assert json.loads(fetch_result(world.engine, name)) == {"success": "ALL"}

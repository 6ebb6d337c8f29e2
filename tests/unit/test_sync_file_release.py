"""A file to which AWS never answers, from its upload to its release, and a bucket beside an org that is full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import OPPORTUNITY
from engine.files import Files
from engine.salesforce import MemorySalesforce, Written
from engine.turns import open_codes

from connector.errors import StorageFull
from connector.names import Log
from connector.sync import logs
from connector.sync.exchange.stuck import TROUBLE, find_released, report_stuck
from connector.sync.flush import flush_logs
from connector.sync.log_storage import RECORDS
from connector.sync.writeback import flush

STEP, TITLE = "Next_Step__c", "Partner_Project_Title__c"
FULL = "STORAGE_LIMIT_EXCEEDED: storage limit exceeded."


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Files]:
    opened = Files(tmp_path)
    yield opened
    opened.close()


def lose(world: Files, name: str) -> None:
    """AWS takes the file away and says nothing."""
    world.exchange.aws_takes(name, answer=False)
    world.exchange.records.clear()


def test_nothing_but_the_deletion_of_its_log_sends_a_record_again(world: Files) -> None:
    record_id = world.deal()
    world.turn()
    [name] = world.files()
    lose(world, name)
    world.salesforce.user_edits(record_id, {TITLE: "A project of which the title was edited later"})
    for _ in range(4):
        world.turn(60)
        report_stuck(world.engine)
        find_released(world.engine)
    flush_logs(world.engine)
    assert world.files() == [name]
    assert "STUCK_LOG" in open_codes(world, record_id)
    assert TROUBLE in world.engine.troubles
    row = world.log(name)
    assert (row[Log.STATUS], row[Log.OUTBOUND_IDS]) == (logs.API_SUCCESS, record_id)
    world.salesforce.user_deletes(row["Id"])
    assert find_released(world.engine) == 1
    world.turn()
    report_stuck(world.engine)
    again, *more = world.files()[1:]
    assert not more
    [entry] = world.exchange.entries(again)
    assert entry["partnerProjectTitle"] == "A project of which the title was edited later"
    assert TROUBLE not in world.engine.troubles
    world.take()
    assert world.log(again)[Log.STATUS] == logs.PROCESSED
    assert open_codes(world, record_id) == []
    assert world.state.links.require(record_id).apn_id is not None
    logged = [one for one in world.salesforce.all("ACE_Sync_Log__c") if one.get(Log.FILE_NAME) == name]
    assert logged == [], "what the admin deleted does not come back"


def test_an_update_that_was_lost_goes_out_again_although_nobody_edited_the_record_since(world: Files) -> None:
    record_id, _ = world.shared()
    world.salesforce.user_edits(record_id, {STEP: "Call them on Monday"})
    world.turn()
    name = world.files()[-1]
    world.exchange.aws_takes(name, answer=False)
    world.turn(120)
    world.salesforce.user_deletes(world.log(name)["Id"])
    assert find_released(world.engine) == 1
    world.turn()
    assert world.files()[-1] != name
    assert [one["nextStep"] for one in world.last_entries()] == ["Call them on Monday"]


def full(world: Files) -> StorageFull:
    return StorageFull(FULL, world.clock.now() + timedelta(hours=1))


@pytest.mark.parametrize("whole", [False, True])
def test_values_wait_for_room_and_the_status_says_why(
    world: Files, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    """Salesforce may refuse single rows of a call, or the call."""
    real = MemorySalesforce.update

    def refuse(door: MemorySalesforce, name: str, rows: Sequence[dict[str, Any]]) -> list[Written]:
        if name != OPPORTUNITY:
            return real(door, name, rows)
        if whole:
            raise full(world)
        return [Written(error=full(world)) for _ in rows]

    record_id = world.deal()
    world.turn()
    world.exchange.aws_takes()
    monkeypatch.setattr(MemorySalesforce, "update", refuse)
    world.turn()
    assert world.state.writebacks.get(record_id) is not None, "what AWS said is kept"
    assert any(FULL in why for why in world.engine.troubles.values())
    monkeypatch.setattr(MemorySalesforce, "update", real)
    world.turn(90)
    flush(world.engine)
    row = world.salesforce.row(record_id)
    assert row is not None and row["ACE_APN_Unique_Identifier__c"] == world.state.links.require(record_id).apn_id
    assert RECORDS not in world.engine.troubles

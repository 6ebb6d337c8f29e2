"""Records of AWS's files cost Salesforce far fewer calls than there are records, and become what they would become one
by one: nothing twice, nothing lost, and told the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.interruptions import FAULTS, Crash
from file_arrivals import REFERRED, ArrivalWorld, lead, opportunity

from connector.ace.file_fields import RecordType
from connector.names import Detail, Log
from connector.sync import logs, queueing
from connector.sync.exchange import read_ahead

NEXT, SYNCED = "Next_Step__c", "ACE_Last_Sync_Date__c"
FETCHING = (queueing.RETRIEVE, queueing.FILE, queueing.INBOUND)
MANY = 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ArrivalWorld]:
    opened = ArrivalWorld(tmp_path)
    yield opened
    opened.close()


def deliver(world: ArrivalWorld, *entries: dict[str, Any], name: str = "a.json", of: RecordType = "opportunity") -> int:
    """AWS exports a file, and it is fetched and worked off; return the number of calls to Salesforce until all of its
    records had their turns.
    """
    world.exchange.aws_exports(name, *entries, of=of)
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.of(of), queueing.RETRIEVE)
    for _ in range(2):
        world.executor.run_one(kinds=FETCHING)
    before = calls(world)
    while world.executor.run_one(kinds=(queueing.INBOUND,)) is not None:
        pass
    used = calls(world) - before
    world.settle()
    return used


def calls(world: ArrivalWorld) -> int:
    found = world.interruptions.calls
    return found["salesforce read"] + found["salesforce write"]


def opportunities(count: int, **fields: Any) -> list[dict[str, Any]]:
    told = ({**REFERRED, "nextStep": f"Step {number}", **fields} for number in range(count))
    return [opportunity(f"O{number}", **one) for number, one in enumerate(told)]


def leads(count: int) -> list[dict[str, Any]]:
    return [lead(f"L{number}") for number in range(count)]


def outcome(world: ArrivalWorld) -> tuple[Any, ...]:
    """Return all that people see of a file's records, but for moments and ids."""
    fields = (Detail.STATUS, Detail.APN_ID, Detail.PAYLOAD, Detail.ERROR_CODE, Detail.ERROR_MESSAGE)
    told = sorted(str([row.get(name) for name in fields]) for row in world.told())
    ids = ("Id", SYNCED, "LastModifiedDate", "SystemModstamp", "CreatedDate")
    rows = [{key: value for key, value in row.items() if key not in ids} for row in world.rows().values()]
    logged = [[row[name] for name in (Log.FILE_NAME, Log.STATUS, Log.SUCCESS_COUNT)] for row in world.sync_logs()]
    return sorted(map(str, rows)), told, logged


def test_new_opportunities_cost_a_few_calls_together(world: ArrivalWorld) -> None:
    used = deliver(world, *opportunities(MANY))
    assert len(world.rows()) == MANY
    assert used < MANY / 10, used
    told = world.file_log("a.json")
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT]) == (logs.PROCESSED, MANY)


def test_new_leads_and_their_updates_cost_a_few_calls_together(world: ArrivalWorld) -> None:
    assert deliver(world, *leads(MANY), of="lead") < MANY / 10
    news = [lead(f"L{number}", day=2, leadStatusReason="Later") for number in range(MANY)]
    assert deliver(world, *news, name="b.json", of="lead") < MANY / 10
    assert len(world.rows("Lead")) == MANY


def test_updates_of_opportunities_cost_a_few_calls_together(world: ArrivalWorld) -> None:
    deliver(world, *opportunities(MANY))
    news = opportunities(MANY, nextStep="Sign", lastModifiedDate="2026-11-02T08:00:00.000Z")
    assert deliver(world, *news, name="b.json") < MANY / 5
    assert {row[NEXT] for row in world.rows().values()} == {"Sign"}


def mixed(world: ArrivalWorld) -> list[dict[str, Any]]:
    """New ones, one that names a row of ours, one whose row the org refuses, one twice, and one that is unusable."""
    world.salesforce.rules = {"Forbidden": "This step is not allowed."}
    return [
        *opportunities(3),
        opportunity("O7", **REFERRED, nextStep="Forbidden"),
        opportunity("O8", **REFERRED),
        opportunity("O8", **REFERRED, day=2, nextStep="Later"),
        opportunity("L9", **REFERRED),
        opportunity("O10", **REFERRED, targetCloseDate="never"),
    ]


def test_all_comes_out_and_is_told_as_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (1, 200):
        monkeypatch.setattr(read_ahead, "SLICE", size)
        (tmp_path / str(size)).mkdir()
        opened = ArrivalWorld(tmp_path / str(size))
        deliver(opened, *mixed(opened))
        found.append(outcome(opened))
        opened.close()
    assert found[0] == found[1]


def test_after_the_process_ended_between_creation_and_turns_no_record_is_there_twice(world: ArrivalWorld) -> None:
    world.exchange.aws_exports("a.json", *opportunities(4))
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    for _ in range(3):
        world.executor.run_one(kinds=FETCHING)
    assert len(world.rows()) == 4, "all were created together"
    world.restart()
    world.settle()
    assert len(world.salesforce.all()) == 4
    assert [row[NEXT] for row in world.rows().values()] == [f"Step {number}" for number in range(4)]
    told = world.file_log("a.json")
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT], told[Log.ERROR_COUNT]) == (logs.PROCESSED, 4, 0)
    assert len(world.told(status=logs.PROCESSED)) == 4 and world.exchange.left() == []


def test_a_persons_edit_after_the_creation_is_kept(world: ArrivalWorld) -> None:
    """The record is there before its own turn ends it; a person may edit it in between."""
    world.exchange.aws_exports("a.json", *opportunities(3))
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    for _ in range(3):
        world.executor.run_one(kinds=FETCHING)
    world.salesforce.user_edits(world.rows()["O2"]["Id"], {NEXT: "Mine"})
    world.settle()
    assert world.rows()["O2"][NEXT] == "Mine"


def test_what_was_read_ahead_does_not_count_once_other_work_was_done(world: ArrivalWorld) -> None:
    """A write of ours, or a look at Salesforce, in between is known to the turn that comes after it."""
    deliver(world, *leads(4), of="lead")
    news = [lead(f"L{number}", day=2, leadStatusReason="Second") for number in range(4)]
    world.exchange.aws_exports("b.json", *news, of="lead")
    world.clock.advance(timedelta(minutes=1))
    queueing.enqueue_job(world.leads, queueing.RETRIEVE)
    for _ in range(3):
        world.executor.run_one(kinds=FETCHING)
    assert reads_of_a_turn(world) == 0, "it was read with the first"
    queueing.enqueue_job(world.engine, queueing.FLUSH, priority=1)
    world.executor.run_one(kinds=(queueing.FLUSH,))
    assert reads_of_a_turn(world) == 1
    world.settle()
    assert {row["Reason__c"] for row in world.rows("Lead").values()} == {"Second"}


def reads_of_a_turn(world: ArrivalWorld) -> int:
    before = world.interruptions.calls["salesforce read"]
    world.executor.run_one(kinds=(queueing.INBOUND,))
    return world.interruptions.calls["salesforce read"] - before


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_at_whatever_call_each_record_is_there_once(tmp_path: Path, fault: str) -> None:
    for countdown in range(1 + FAULTS.index(fault) % 7, 36, 7):
        (tmp_path / str(countdown)).mkdir()
        opened = ArrivalWorld(tmp_path / str(countdown))
        try:
            _go_through(opened, fault, countdown)
        finally:
            opened.close()


def _go_through(world: ArrivalWorld, fault: str, countdown: int) -> None:
    deliver(world, *opportunities(2))
    entries = [*opportunities(6), opportunity("O7", **REFERRED)]
    entries[0] |= {"nextStep": "Sign", "lastModifiedDate": "2026-11-02T08:00:00.000Z"}
    world.exchange.aws_exports("b.json", *entries)
    world.interruptions.arm(fault, countdown)
    try:
        world.fetch()
    except Crash:
        world.restart()
    world.interruptions.disarm()
    world.restart()
    world.fetch(minutes=20)
    world.fetch(minutes=20)
    where = f"{fault} at {countdown}"
    assert sorted(world.rows()) == [f"O{number}" for number in (0, 1, 2, 3, 4, 5, 7)], where
    assert len(world.salesforce.all()) == 7, where
    assert {name: row[NEXT] for name, row in world.rows().items() if name != "O7"} == {
        "O0": "Sign", **{f"O{number}": f"Step {number}" for number in range(1, 6)}
    }, where  # fmt: skip
    told = world.file_log("b.json")
    assert (told[Log.STATUS], told[Log.SUCCESS_COUNT], told[Log.ERROR_COUNT]) == (logs.PROCESSED, 7, 0), where
    assert world.exchange.left() == [], where

"""The org runs out of data storage: logs wait, records wait, the status page says why, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from system_world import AUTOMATIC, CATALOG, DEALS, DETAILS, FAST, LOGS, World, open_world

HOUR = 3600
FULL, APN = "STORAGE_LIMIT_EXCEEDED", "ACE_APN_Unique_Identifier__c"


def run_short(world: World, rows: int, *objects: str) -> None:
    """Let the org refuse so many new rows of the objects."""
    told = {"kind": "storage_limit", "objects": list(objects), "operations": ["create"], "times": rows}
    world.control("/fault", server="salesforce", **told)


def status(world: World) -> str:
    """Return what an admin reads about the worker in Salesforce."""
    return str(world.admin.rows("SELECT Message__c FROM ACE_Worker__c")[0]["Message__c"] or "")


def in_time(world: World, holds: Callable[[], Any], what: str, pause: float = 0) -> Any:
    """Let time pass until the condition holds: a pause first, which is repeated where it was not enough."""
    looks = count()

    def passed() -> Any:
        world.advance(6 if next(looks) % 100 else 6 + pause)
        return holds()

    return world.eventually(passed, lambda: f"{what}; the status is {status(world)!r}, there is {world.pending()}")


def test_logs_wait_for_room_while_records_go_on(tmp_path: Path) -> None:
    with open_world(tmp_path, **{**FAST, **AUTOMATIC}) as world, world.working() as worker:
        worker.settle()
        run_short(world, 4, LOGS, DETAILS)
        record = world.deal()
        identifier = in_time(world, lambda: world.row(record)[APN], "what people see is written")
        in_time(world, lambda: FULL in status(world), "the reason is told")
        assert "connector logs purge" in status(world)
        assert world.details(record) == []
        in_time(world, lambda: world.details(record), "the log once there is room", HOUR)
        outward = [one for one in world.details(record) if one["Sync_Log__r"]["Log_Key__c"].startswith("out-")]
        assert [one["Status__c"] for one in outward] == ["Processed"], "it is told once"
        in_time(world, lambda: FULL not in status(world), "all is well")
        assert world.of_record(record) == [identifier], "it was shared once"


def test_a_record_from_aws_waits_for_room(tmp_path: Path) -> None:
    with open_world(tmp_path, **{**FAST, **AUTOMATIC}) as world, world.working() as worker:
        worker.settle()
        run_short(world, 2, DEALS)
        fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Project": {"Title": "Made by a colleague"}}
        identifier = world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"]
        found = f"{APN} = '{identifier}'"
        worker.cycle(61)
        assert world.find(found) == []
        in_time(world, lambda: world.find(found), "the record once there is room", HOUR)
        assert len(world.find(found)) == 1

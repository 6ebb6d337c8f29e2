"""Schedules in Salesforce drive the worker: as the integration user sets them, without a restart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client
from system_worker import Worker
from system_world import FAST, LOGS, World, open_world

SCHEDULES = "ACE_Schedule__c"
APN = "ACE_APN_Unique_Identifier__c"
INTEGRATION_SET, ADMINISTRATOR_SET = "APN_Integration_User", "APN_Business_Administrator"


@contextmanager
def open_manual(directory: Path, **settings: Any) -> Iterator[tuple[World, Worker]]:
    """Open a world in which the worker runs and sends nothing by itself."""
    with open_world(directory, **{**FAST, **settings}) as world, world.working() as worker:
        worker.settle()
        yield world, worker


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[tuple[World, Worker]]:
    with open_manual(tmp_path) as opened:
        yield opened


def schedule(world: World, person: Client | None = None, **fields: Any) -> str:
    """Create an active schedule, as the integration user unless said otherwise; return its id."""
    row = {"Object__c": "Opportunity", "Interval_Minutes__c": 60, "Active__c": True, **fields}
    answer = (person or world.integration).post(f"sobjects/{SCHEDULES}", row)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def row(world: World, schedule_id: str) -> dict[str, Any]:
    fields = "Name, Active__c, Status__c, Message__c, Last_Run__c, Next_Run__c, LastModifiedById, LastModifiedDate"
    return world.admin.rows(f"SELECT {fields} FROM {SCHEDULES} WHERE Id = '{schedule_id}'")[0]


def ran(world: World, worker: Worker, schedule_id: str, seconds: float = 11) -> str:
    """Let time pass until the schedule has run (again) and its run has ended; return when the run began."""
    before = row(world, schedule_id)["Last_Run__c"]
    world.advance(seconds)

    def ended() -> bool:
        world.advance(6)
        found = row(world, schedule_id)
        return found["Last_Run__c"] != before and found["Status__c"] == "Waiting"

    world.eventually(ended, lambda: f"a run; the schedule is {row(world, schedule_id)}")
    worker.settle()
    return str(row(world, schedule_id)["Last_Run__c"])


def assign(world: World, role: str, name: str) -> str:
    """Assign a permission set as an admin does; return the assignment's id."""
    [found] = world.admin.rows(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")
    answer = world.admin.post(
        "sobjects/PermissionSetAssignment", {"PermissionSetId": found["Id"], "AssigneeId": world.user(role)}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.requirement("SCHED-01")
def test_what_is_stored_in_salesforce_is_done_without_a_restart(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    first = world.deal()
    worker.cycle(61)
    assert world.of_record(first) == [], "nothing goes out by itself"
    created = schedule(world)
    ran(world, worker, created)
    assert len(world.of_record(first)) == 1
    assert world.row(first)[APN]
    second = world.deal()
    worker.cycle(61)
    assert world.of_record(second) == [], "it waits for the schedule"
    ran(world, worker, created, 3600)
    assert len(world.of_record(second)) == 1
    found = row(world, created)
    assert found["Next_Run__c"] > found["Last_Run__c"]
    assert "has ended" in found["Message__c"]


@pytest.mark.requirement("SCHED-02")
def test_the_interval_is_five_minutes_to_a_day(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    for minutes in (4, 2880):
        fields = {"Object__c": "Opportunity", "Interval_Minutes__c": minutes, "Active__c": True}
        answer = world.integration.post(f"sobjects/{SCHEDULES}", fields)
        assert answer.status_code == 400
        assert answer.json()[0]["errorCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    for minutes in (5, 1440):
        created = schedule(world, Interval_Minutes__c=minutes)
        ran(world, worker, created)
        assert row(world, created)["Active__c"]


@pytest.mark.requirement("SCHED-03")
def test_a_newer_schedule_replaces_the_one_before(manual: tuple[World, Worker]) -> None:
    """That of the same object, no other."""
    world, worker = manual
    lead = schedule(world, Object__c="Lead", Active__c=False)
    untouched = row(world, lead)
    first = schedule(world)
    ran(world, worker, first)
    second = schedule(world, Interval_Minutes__c=30)
    ran(world, worker, second)
    replaced = row(world, first)
    assert (replaced["Active__c"], replaced["Status__c"]) == (False, "Deactivated")
    assert row(world, second)["Name"] in replaced["Message__c"]
    assert row(world, second)["Active__c"]
    assert row(world, lead) == untouched


def test_a_schedule_of_another_object_sends_no_opportunity(manual: tuple[World, Worker]) -> None:
    """Those that cannot run yet are refused in words; an opportunity waits for a schedule of its own."""
    world, worker = manual
    record = world.deal()
    for name in ("Lead", "Agreements"):
        other = schedule(world, Object__c=name)
        worker.cycle(61)
        found = row(world, other)
        assert (found["Status__c"], found["Active__c"]) == ("Refused", False)
        assert name in found["Message__c"]
    worker.cycle(61)
    assert world.of_record(record) == []
    ran(world, worker, schedule(world))
    assert len(world.of_record(record)) == 1


@pytest.mark.requirement("IN-23")
def test_without_inbound_the_worker_asks_aws_for_no_changes(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    created = schedule(world, Disable_Inbound__c=True, Interval_Minutes__c=5)
    ran(world, worker, created)
    inbound = f"SELECT COUNT(Id) n FROM {LOGS} WHERE Purpose__c = 'Inbound File Retrieval'"
    known = world.admin.rows(inbound)[0]["n"]
    record = world.deal()
    world.proxy.forget()
    for _ in range(2):
        ran(world, worker, created, 300)
    assert len(world.proxy.named("CreateOpportunity")) == 1
    assert world.proxy.named("ListOpportunities") == []
    assert world.admin.rows(inbound)[0]["n"] == known
    assert world.row(record)[APN]


@pytest.mark.requirement("SCHED-05")
def test_all_schedules_end_after_a_confirmation_only(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    created = schedule(world, Interval_Minutes__c=5)
    last = ran(world, worker, created)
    command = [sys.executable, "-m", "connector", "schedule", "deactivate", "--all"]

    def answer(text: str) -> int:
        return subprocess.run(
            command, env=world.environment(), cwd=world.directory, input=text, capture_output=True, encoding="utf8"
        ).returncode

    assert answer("n\n") == 1
    assert row(world, created)["Active__c"]
    assert answer("y\n") == 0
    assert [one["Active__c"] for one in world.admin.rows(f"SELECT Active__c FROM {SCHEDULES}")] == [False]
    record = world.deal()
    for _ in range(3):
        worker.cycle(400)
    assert row(world, created)["Last_Run__c"] == last
    assert world.of_record(record) == []


@pytest.mark.requirement("SCHED-08")
def test_whoever_lost_the_permission_set_cannot_activate(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    assignment = assign(world, "seller2", INTEGRATION_SET)
    accepted = schedule(world, world.seller2)
    ran(world, worker, accepted)
    late = schedule(world, world.seller2, Active__c=False)
    assert world.seller2.patch(f"sobjects/{SCHEDULES}/{late}", {"Active__c": True}).status_code == 204
    assert world.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{assignment}").status_code == 204
    worker.cycle()
    found = row(world, late)
    assert (found["Active__c"], found["Status__c"], found["Last_Run__c"]) == (False, "Refused", None)
    assert INTEGRATION_SET in found["Message__c"]
    assert row(world, accepted)["Active__c"], "the one in force stays"


@pytest.mark.requirement("SCHED-09")
def test_business_administrators_cannot_schedule(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    record = world.deal()
    assign(world, "seller2", ADMINISTRATOR_SET)
    fields = {"Object__c": "Opportunity", "Interval_Minutes__c": 5, "Active__c": True}
    answer = world.seller2.post(f"sobjects/{SCHEDULES}", fields)
    assert answer.json()[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY", answer.text
    by_admin = schedule(world, world.admin, Interval_Minutes__c=5)
    for _ in range(2):
        worker.cycle(301)
    found = row(world, by_admin)
    assert (found["Status__c"], found["Last_Run__c"]) == ("Refused", None)
    assert world.of_record(record) == []


def test_the_command_activates_for_the_integration_user(manual: tuple[World, Worker]) -> None:
    world, worker = manual
    created = schedule(world, world.admin, Active__c=False)
    name = str(row(world, created)["Name"])
    world.do("schedule", "activate", name)
    ran(world, worker, created)
    assert row(world, created)["LastModifiedById"] == world.user("integration")
    [listed] = world.do("schedule", "list", "--json").json
    assert (listed["Name"], listed["Active__c"]) == (name, True)
    lead = schedule(world, world.admin, Active__c=False, Object__c="Lead")
    refused = world.do("schedule", "activate", lead, code=1)
    assert "No lead mapping is published" in " ".join(refused.err.split())
    assert not row(world, lead)["Active__c"]
    assert world.do("schedule", "activate", "SCH-9999", code=1).err
    assert world.do("schedule", "activate", "x' OR Name != '", code=2).err
    assert world.do("schedule", "deactivate", code=2).err
    world.do("schedule", "deactivate", name)
    assert not row(world, created)["Active__c"]


@pytest.mark.requirement("SCHED-13")
def test_after_a_restart_the_active_schedule_runs_on(tmp_path: Path) -> None:
    with open_world(tmp_path, **FAST) as world:
        with world.working() as worker:
            worker.settle()
            created = schedule(world, Interval_Minutes__c=30)
            first = ran(world, worker, created)
        record = world.deal()
        with world.working("again") as worker:
            worker.cycle()
            assert row(world, created)["Last_Run__c"] == first, "not before its time"
            assert ran(world, worker, created, 1800) > first
        assert len(world.of_record(record)) == 1


@pytest.mark.requirement("SCHED-11")
def test_an_external_scheduler_has_the_same_effect(tmp_path: Path) -> None:
    """As cron would: one command, no worker, and no job of Salesforce's."""

    def shape(world: World, record: str) -> tuple[Any, ...]:
        assert len(world.of_record(record)) == 1 and world.row(record)[APN]
        processed = [one for one in world.details(record) if one["Status__c"] == "Processed"]
        [detail] = [one for one in processed if one["Sync_Log__r"]["Log_Key__c"].startswith("out-")]
        [log] = world.logs(f"Log_Key__c = '{detail['Sync_Log__r']['Log_Key__c']}'")
        return (detail["Status__c"], *(log[name] for name in ("Direction__c", "Purpose__c", "Status__c")))

    with open_world(tmp_path, **FAST) as world:
        with world.working() as worker:
            worker.settle()
            scheduled = world.deal()
            ran(world, worker, schedule(world))
        by_cron = world.deal()
        assert world.sync("outbound")["succeeded"] == 1
        assert shape(world, by_cron) == shape(world, scheduled)
        world.edit_at_aws(world.of_record(by_cron)[0], Customer__Account__Address__City="Kent")
        world.sync("inbound")
        assert world.row(by_cron, "City__c")["City__c"] == "Kent"

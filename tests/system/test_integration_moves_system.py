"""A partner moves: from another integration's bucket to this connector, and from files to Partner Central's API."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_world import APN, OPPORTUNITY, PARTNER_KEYS, FileWorld, entries, open_file_world, open_live_files

SECTION = "CONNECTOR__AWS__PARTNER_CENTRAL__"
NO_API = {f"{SECTION}ACCESS_KEY_ID": "", f"{SECTION}SECRET_ACCESS_KEY": ""}
BY_API = {"Opportunities_over_S3__c": False}


@pytest.mark.requirement("CONN-31")
def test_from_files_to_the_api_only_the_credentials_are_added(tmp_path: Path) -> None:
    """Without them nothing fails for the missing API; with them its checks pass, and the mapping is what it was."""
    with open_file_world(tmp_path) as world:
        record, identifier = world.shared_by_file()
        told = world.do("check", "--json", **NO_API).json
        assert told["ok"]
        lines = [one for one in told["checks"] if one["integration"] == "Partner Central"]
        assert len(lines) == 1 and "not in use" in lines[0]["message"] and not lines[0]["warning"]
        assert world.proxy.calls == []
        before = world.do("mapping", "show", "--json").json
        told = world.do("check", "--json").json
        lines = [one for one in told["checks"] if one["integration"] == "Partner Central"]
        assert told["ok"] and len(lines) > 1 and all(one["ok"] for one in lines)
        world.settings(**BY_API)
        world.edit(record, Next_Step__c="By the API")
        world.advance(5)
        world.sync("outbound")
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "By the API"
        assert world.do("mapping", "show", "--json").json == before


def told_by_worker(world: FileWorld) -> str:
    """Return the status and the message of the worker's status page."""
    [row] = world.admin.rows("SELECT Status__c, Message__c FROM ACE_Worker__c")
    return f"{row['Status__c']} {row['Message__c']}"


@pytest.mark.requirement("PCAPI-27")
def test_a_worker_without_credentials_of_the_api_is_sound(tmp_path: Path) -> None:
    """In an org that knows files only nothing is degraded, and nobody calls Partner Central; with the profile added,
    leads and the schedules go on as before.
    """
    with open_file_world(tmp_path) as world:
        with world.working(**NO_API) as worker:
            worker.settle()
            schedule = world.schedule()
            record = world.deal()
            world.ran(worker, schedule)
            world.advance(120)
            worker.settle()
            told = "Running Files: 1 file without AWS's result"
            world.eventually(lambda: told_by_worker(world).startswith(told), "the next sign of life")
        refused = world.do("reconcile", code=2, **NO_API)
        assert "Opportunities travel as files" in " ".join((refused.out + refused.err).split())
        assert world.proxy.calls == []
        world.process()
        with world.working("with the profile") as worker:
            world.ran(worker, schedule)
            assert world.row(record)[APN]
            identifier = world.refer_lead()
            world.export()
            lead_schedule = world.schedule("lead")
            world.ran(worker, lead_schedule)
            assert world.of_aws(identifier)["Id"]
            assert world.proxy.writes() == []


@pytest.mark.requirement("CONN-29", "OUT-33")
def test_what_another_integration_left_in_the_bucket_is_processed_once(tmp_path: Path) -> None:
    """Its records are linked by the ids that ours carry; what users edited meanwhile goes out afterwards, once."""
    with open_live_files(tmp_path) as (world, worker):
        left = [world.refer() for _ in range(3)]
        world.export()
        carrying = world.deal()
        world.edit(carrying, world.admin, **{APN: left[0]})
        edited = world.deal()
        world.advance(24 * 3600)
        worker.settle()
        assert world.wire.puts() == [] and world.keys("opportunity-outbound"), "off for a day"

        schedule = world.schedule()

        def refused() -> bool:
            world.advance(6)
            return world.schedule_row(schedule)["Status__c"] == "Refused"

        world.eventually(refused, lambda: f"a refusal; the schedule is {world.schedule_row(schedule)}")
        row = world.schedule_row(schedule)
        assert not row["Active__c"] and "1 object present" in row["Message__c"]
        world.do("schedule", "activate", row["Name"], "--confirm-objects", "1")
        world.ran(worker, schedule, 11)
        assert world.keys("opportunity-outbound") == []
        found = {one[APN]: one["Id"] for one in world.rows(OPPORTUNITY, f"{APN} != null")}
        assert set(found) == set(left) and found[left[0]] == carrying
        (file,) = world.wire.puts("opportunity-inbound/")
        assert edited in [one[PARTNER_KEYS[OPPORTUNITY]] for one in entries(file)]
        world.process()
        for _ in range(2):
            world.ran(worker, schedule)
        assert len(world.of_record(edited)) == 1
        assert len(world.rows(OPPORTUNITY, f"{APN} != null")) == 4 == len(world.rows(OPPORTUNITY, "Id != null"))

"""What admins see in Salesforce of the bucket's setup, and what the worker does about changes that may not be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import exported_lead
from file_world import APN_KEY, LEAD, OVER_FILES, FileWorld, entries, open_live_files
from system_worker import Worker

SETUP = (
    "SELECT Name, Status__c, Message__c FROM ACE_Setup_Step__c WHERE Integration__c = 'Amazon S3' ORDER BY Sequence__c"
)
DEALS = "opportunity-inbound/"
ABROAD = {"Country__c": "DE", "State_or_Region__c": None, "City__c": "Hamburg", "Postal_Code__c": "20095"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FileWorld, Worker]]:
    with open_live_files(tmp_path_factory.mktemp("setup")) as opened:
        yield opened


def setup(world: FileWorld) -> list[tuple[str, str]]:
    """Return status and message of each step of the S3 track."""
    return [(one["Status__c"], one["Message__c"] or "") for one in world.admin.rows(SETUP)]


def becomes(world: FileWorld, statuses: list[str]) -> list[str]:
    """Wait until the steps stand so; return their messages."""

    def there() -> bool:
        world.advance(6)
        return [status for status, _ in setup(world)] == statuses

    world.eventually(there, lambda: f"{statuses}; the steps are {setup(world)}")
    return [message for _, message in setup(world)]


def worker_says(world: FileWorld, words: str) -> str:
    """Wait until the worker's row says it; return all that it says."""
    message = ""

    def there() -> bool:
        nonlocal message
        world.advance(6)
        [row] = world.admin.rows("SELECT Message__c FROM ACE_Worker__c")
        message = str(row["Message__c"])
        return words in message

    world.eventually(there, lambda: f"{words!r}; the row says {message}")
    return message


@pytest.mark.requirement("CONN-15", "S3-30", "LEAD-12")
def test_the_setup_shows_the_track_of_s3_and_who_it_is_for(live: tuple[FileWorld, Worker]) -> None:
    world, _ = live
    first, _, third = becomes(world, ["Complete"] * 3)
    assert [one["Name"] for one in world.admin.rows(SETUP)] == [
        "AWS Connection Authentication Details",
        "System Configuration Settings",
        "Test the configuration for APN API",
    ]
    assert "since 2024" in first and "for leads" in first and world.bucket in first
    assert "lead-outbound 0" in third, "what lies in the bucket is counted"
    elsewhere = world.admin.rows("SELECT Message__c FROM ACE_Setup_Step__c WHERE Integration__c != 'Amazon S3'")
    assert all("leads" not in str(one["Message__c"]).lower() for one in elsewhere)


@pytest.mark.requirement("SET-31")
def test_each_setting_that_lacks_is_named_and_the_other_track_goes_on(live: tuple[FileWorld, Worker]) -> None:
    world, _ = live
    world.settings(Partner_Id__c=None, Payload_Version__c=None)
    try:
        _, settings, _ = becomes(world, ["Complete", "Failed", "Not started"])
        told = worker_says(world, "Payload_Version__c")
        other = "SELECT Status__c FROM ACE_Setup_Step__c WHERE Integration__c = 'Partner Central API'"
        assert {one["Status__c"] for one in world.admin.rows(other)} == {"Complete"}
    finally:
        world.control("/exchange/enroll")
    for name in ("Partner_Id__c", "Payload_Version__c"):
        assert name in settings and name in told
    becomes(world, ["Complete"] * 3)


@pytest.mark.requirement("OPS-12")
def test_a_version_that_changes_under_an_active_schedule_stops_files_until_it_is_deactivated(tmp_path: Path) -> None:
    with open_live_files(tmp_path, **OVER_FILES, Payload_Version__c=1) as (world, worker):
        schedule = world.schedule(Interval_Minutes__c=5)
        world.deal(**ABROAD)
        world.ran(worker, schedule, 11)
        (file,) = world.wire.puts(DEALS)
        assert file.json["version"] == "1.0"
        world.process()
        world.settings(Payload_Version__c=2)
        record = world.deal(**ABROAD)
        for _ in range(4):
            world.advance(150)
            worker.settle()
        assert len(world.wire.puts(DEALS)) == 1, "no file in either version"
        assert "deactivate" in worker_says(world, "changed from 1 to 2")
        world.do("schedule", "deactivate", "--all", "--yes")
        world.advance(60)
        worker.settle()
        world.do("schedule", "activate", str(world.schedule_row(schedule)["Name"]))
        world.ran(worker, schedule, 601)
        *_, file = world.wire.puts(DEALS)
        assert file.json["version"] == "2.0"
        assert record in [one["partnerCrmUniqueIdentifier"] for one in entries(file)]


def test_who_activates_a_refused_schedule_again_confirms_what_lies_there(tmp_path: Path) -> None:
    """For admins without a command line; a number that changed meanwhile is told anew."""
    with open_live_files(tmp_path) as (world, worker):
        left = [exported_lead() for _ in range(3)]

        def refused(schedule: str) -> str:
            def there() -> bool:
                world.advance(6)
                return world.schedule_row(schedule)["Status__c"] == "Refused" and not active(schedule)

            world.eventually(there, lambda: f"a refusal; it is {world.schedule_row(schedule)}")
            return str(world.schedule_row(schedule)["Message__c"])

        def active(schedule: str) -> bool:
            return bool(world.schedule_row(schedule)["Active__c"])

        def activate(schedule: str) -> None:
            answer = world.integration.patch(f"sobjects/ACE_Schedule__c/{schedule}", {"Active__c": True})
            assert answer.status_code == 204, answer.text

        world.exported("old0.json", left[0], kind=LEAD)
        world.exported("old1.json", left[1], kind=LEAD)
        schedule = world.schedule(LEAD)
        assert "2 objects present" in refused(schedule)
        world.exported("old2.json", left[2], kind=LEAD)
        activate(schedule)
        world.eventually(lambda: world.advance(6) or "3 objects present" in refused(schedule), "the new number")
        activate(schedule)
        world.ran(worker, schedule, 11)
        assert all(world.of_aws(one[APN_KEY]) for one in left) and world.keys("lead-outbound") == []

"""Schedules drive the files of the bucket: when something goes out, what is looked at, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import exported_lead, exported_opportunity
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    LEADS,
    OPPORTUNITY,
    RESULTS,
    RETRIEVAL,
    FileWorld,
    counts,
    entries,
    open_file_world,
    open_live_files,
)  # fmt: skip
from system_worker import Worker
from system_world import FAST

HOUR = 3600.0


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FileWorld, Worker]]:
    """A world in which the worker runs; nothing goes out before somebody makes a schedule."""
    with open_live_files(tmp_path_factory.mktemp("live")) as opened:
        yield opened


def refused(world: FileWorld, schedule: str) -> str:
    """Let time pass until a schedule was refused; return why."""

    def inactive() -> bool:
        world.advance(6)
        return not world.schedule_row(schedule)["Active__c"]

    world.eventually(inactive, lambda: f"a refusal; the schedule is {world.schedule_row(schedule)}")
    found = world.schedule_row(schedule)
    assert found["Status__c"] == "Refused"
    return str(found["Message__c"])


def deactivate(world: FileWorld) -> None:
    world.do("schedule", "deactivate", "--all", "--yes")


@pytest.mark.requirement("SCHED-01", "SCHED-16", "OUT-26", "LEAD-11")
def test_each_kind_goes_out_with_its_own_schedule_and_only_then(live: tuple[FileWorld, Worker]) -> None:
    world, worker = live
    deactivate(world)
    deal, lead = world.deal(), exported_lead()
    world.wire.forget()  # at its start the worker looks once whether all folders can be reached
    world.cycle(worker, 61)
    assert world.wire.puts() == [] and world.wire.lists() == [], "nothing happens by itself"
    told = [one for one in world.details(deal) if one["Status__c"] == "Pending"]
    assert told and "schedule" in told[0]["Error_Message__c"]
    of_leads = world.schedule(LEAD)
    world.ran(worker, of_leads, 11)
    world.exported("new.json", lead, kind=LEAD)
    world.ran(worker, of_leads)
    assert world.of_aws(lead[APN_KEY])
    assert world.wire.puts() == [] and world.row(deal)[APN] is None, "opportunities have no schedule yet"
    of_deals = world.schedule(Interval_Minutes__c=60)
    world.ran(worker, of_deals, 11)
    (file,) = world.wire.puts()
    assert [one["partnerCrmUniqueIdentifier"] for one in entries(file)] == [deal]
    world.process()
    world.advance(61)
    world.eventually(lambda: world.row(deal)[APN], "the result")
    world.review(str(world.row(deal)[APN]), "Approved")
    world.export()
    world.ran(worker, of_deals)
    world.wire.forget()
    for number in range(5):
        world.edit(deal, Next_Step__c=f"Step {number}")
        world.cycle(worker, 61)
    assert world.wire.puts() == [], "edits wait for the tick"
    world.ran(worker, of_deals)
    (file,) = world.wire.puts("opportunity-inbound/")
    assert [one["nextStep"] for one in entries(file)] == ["Step 4"]
    assert world.schedule_row(of_leads)["Active__c"], "that of leads is untouched"
    world.process()


@pytest.mark.requirement("SCHED-04", "IN-23")
def test_with_inbound_disabled_nothing_is_listed_and_results_come_all_the_same(tmp_path: Path) -> None:
    with open_live_files(tmp_path) as (world, worker):
        schedules = {}
        for kind in (OPPORTUNITY, LEAD):
            schedules[kind] = world.schedule(kind, Disable_Inbound__c=True)
            world.ran(worker, schedules[kind], 11)
        # Whether the folders can be reached, and what lies in them, was looked at before the schedules were accepted.
        world.wire.forget()
        world.exported("waits.json", exported_opportunity())
        world.exported("waits.json", exported_lead(), kind=LEAD)
        record = world.deal()
        for _ in range(2):
            world.ran(worker, schedules[OPPORTUNITY])
        world.ran(worker, schedules[LEAD])
        (file,) = world.wire.puts()
        assert record in file.body.decode()
        world.process()
        world.advance(61)
        world.eventually(lambda: world.row(record)[APN], lambda: f"the result; {world.pending()}")
        world.ran(worker, schedules[OPPORTUNITY])
        assert counts(world.log_of(file)) == ("Processed", 1, 1, 0)
        assert [one.prefix for one in world.wire.lists()] == []
        assert world.file_logs(f"Purpose__c = '{RETRIEVAL}'") == []
        assert world.keys("opportunity-outbound") == world.keys("lead-outbound") == ["waits.json"]
        assert world.keys(f"opportunity-{RESULTS}") == []


def test_a_schedule_over_an_incomplete_mapping_is_refused_and_names_the_field(tmp_path: Path) -> None:
    with open_live_files(tmp_path) as (world, worker):
        world.do("mapping", "automap")
        world.do("mapping", "unset", "customerCompanyName")
        unpublished = world.run("mapping", "publish")
        if unpublished.code:  # it need not even be published; an org without a mapping is refused as well
            assert "customerCompanyName" in unpublished.out + unpublished.err
            return
        assert "customerCompanyName" in refused(world, world.schedule())
        of_leads = world.schedule(LEAD)
        world.ran(worker, of_leads, 11)
        assert world.schedule_row(of_leads)["Active__c"]


@pytest.mark.requirement("SCHED-07")
def test_a_schedule_of_leads_without_a_mapping_is_refused(tmp_path: Path) -> None:
    with open_file_world(tmp_path, **FAST) as world:
        path = world.state_path
        for one in (path, *world.directory.glob("connector.db-*")):
            one.unlink(missing_ok=True)
        for row in world.admin.rows("SELECT Id FROM ACE_Mapping__c"):
            world.admin.send("DELETE", f"sobjects/ACE_Mapping__c/{row['Id']}")
        with world.working() as worker:
            worker.settle()
            assert "mapping" in refused(world, world.schedule(LEAD)).lower()


@pytest.mark.requirement("S3-29")
def test_what_lies_in_the_bucket_already_must_be_confirmed(tmp_path: Path) -> None:
    """AWS's support removes it; whoever activates all the same says that he knows of it."""
    with open_live_files(tmp_path) as (world, worker):
        records = [exported_lead() for _ in range(12)]
        for number, one in enumerate(records):
            world.exported(f"old{number}.json", one, kind=LEAD)
        schedule = world.schedule(LEAD)
        why = refused(world, schedule)
        assert "12 objects present" in why, why
        assert len(world.keys("lead-outbound")) == 12
        world.do("schedule", "activate", str(world.schedule_row(schedule)["Name"]), "--confirm-objects", "12")
        world.ran(worker, schedule, 11)
        assert world.keys("lead-outbound") == []
        assert all(world.of_aws(one[APN_KEY]) for one in records)


@pytest.mark.requirement("SET-10", "SET-14", "SET-16", "SCHED-10")
@pytest.mark.parametrize(
    ("setting", "named"),
    [("Bucket_Name__c", "Bucket"), ("Partner_Id__c", "Partner"), ("Payload_Version__c", "Version")],
)
def test_a_schedule_without_the_settings_of_the_bucket_is_refused(
    live: tuple[FileWorld, Worker], setting: str, named: str
) -> None:
    world, worker = live
    deactivate(world)
    world.settings(**{setting: None})
    world.cycle(worker)
    try:
        why = refused(world, world.schedule())
    finally:
        world.control("/exchange/enroll")
        world.cycle(worker)  # the worker knows, and has looked anew whether all folders can be reached
    assert named in why


@pytest.mark.requirement("SCHED-12", "SCHED-13", "OPS-01")
def test_a_worker_that_is_stopped_in_a_file_goes_on_with_it(tmp_path: Path) -> None:
    """No second file of the same records, no missed run piled up."""
    with open_file_world(tmp_path, **FAST) as world:
        with world.working() as worker:
            worker.settle()
            schedule = world.schedule(Interval_Minutes__c=5)
            world.ran(worker, schedule, 11)
            records = world.deals(3)
            reached: list[int] = []
            world.wire.once("before", "PutObject", lambda: reached.append(1))
            world.advance(300)
            world.eventually(lambda: reached, "the upload's beginning")
            assert worker.stop(within=30) == 0
        world.advance(3 * HOUR)
        with world.working("again") as worker:
            world.ran(worker, schedule, 11)
            world.process()
            world.advance(61)
            world.eventually(lambda: all(world.row(one)[APN] for one in records), lambda: f"results {world.pending()}")
            worker.settle()
            runs = world.file_logs(f"Purpose__c = '{RETRIEVAL}'", OPPORTUNITY)
            assert len(runs) <= 4, "hours without a worker are not caught up with run by run"
        sent = [entry["partnerCrmUniqueIdentifier"] for one in world.wire.puts() for entry in entries(one)]
        names = {one.key for one in world.wire.puts()}
        assert sorted(set(sent)) == sorted(records) and len(names) == 1
        assert all(len(world.of_record(one)) == 1 for one in records)


@pytest.mark.requirement("OPS-04", "OPS-07")
def test_the_worker_warns_when_nothing_was_exchanged_for_too_long(live: tuple[FileWorld, Worker]) -> None:
    """After hours, not after the one that AWS's exports take; the exchange of files stands in figures besides."""
    world, worker = live
    deactivate(world)
    schedule = world.schedule(LEAD, Interval_Minutes__c=60)
    world.ran(worker, schedule, 11)
    deactivate(world)

    def page() -> dict[str, str]:
        world.advance(61)
        (found,) = world.admin.rows("SELECT Status__c, Message__c FROM ACE_Worker__c")
        return {name: str(value) for name, value in found.items()}

    world.cycle(worker, HOUR)
    assert "Nothing was fetched" not in page()["Message__c"], "an hour is no fault"
    world.cycle(worker, 24 * HOUR)
    world.eventually(lambda: "Nothing was fetched" in page()["Message__c"], lambda: f"an alert; {page()}")
    assert page()["Status__c"] == "Degraded"
    assert world.do("files", "list", "--json").json is not None


@pytest.mark.requirement("SCHED-05")
def test_deactivating_all_schedules_stops_files(live: tuple[FileWorld, Worker]) -> None:
    world, worker = live
    deactivate(world)
    for kind in (OPPORTUNITY, LEAD):
        world.ran(worker, world.schedule(kind), 11)
    deactivate(world)
    world.wire.forget()
    deal = world.deal()
    world.exported("later.json", exported_lead(), kind=LEAD)
    try:
        world.cycle(worker, 2 * HOUR)
        assert world.wire.puts() == [] and world.wire.lists("lead-outbound") == []
        assert world.admin.rows(f"SELECT Id FROM {LEADS} WHERE CreatedDate = null") == []
    finally:
        world.edit(deal, ACE_Sync_with_AWS__c=False)
        world.s3.delete_object(Bucket=world.bucket, Key="lead-outbound/later.json")

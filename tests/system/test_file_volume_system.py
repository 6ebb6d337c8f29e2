"""Many files and many records: nothing is lost, nothing is there twice, whatever is killed in between."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ace_samples import exported_lead, exported_opportunity
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    OPPORTUNITY,
    FileWorld,
    Json,
    counts,
    entries,
    open_file_world,
)  # fmt: skip
from system_world import DEALS, FAST

MOST_BYTES = 1_048_576
LONGEST_TEXT = 131_072
"""Characters of a long text area in Salesforce."""
PARTNER_KEY, LEAD_KEY = "partnerCrmUniqueIdentifier", "partnerCrmLeadId"
FILE_NAME = re.compile(r"opportunity-inbound/.+_\d{2}\d{2}\d{4}\d{6}\.json")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("volume")) as opened:
        yield opened


@pytest.fixture
def world(running: FileWorld) -> FileWorld:
    running.settings(Outbound_Batch_Size__c=50)
    return running.fresh()


def sent_of(world: FileWorld, kind: str = OPPORTUNITY) -> Counter[str]:
    """Return how often each record is in the files that S3 took."""
    key = LEAD_KEY if kind == LEAD else PARTNER_KEY
    # An upload that is repeated has the same name and bytes, and is one file.
    files = {one.key: one for one in world.wire.puts(f"{kind}-inbound/")}
    return Counter(entry[key] for one in files.values() for entry in entries(one, kind))


@pytest.mark.requirement("S3-08", "S3-16", "S3-09")
def test_a_hundred_uploads_in_a_moment_have_names_of_their_own(world: FileWorld) -> None:
    """And so have those of a second start within the same second."""
    world.settings(Outbound_Batch_Size__c=1)
    moment = world.control("/clock")["now"]
    records = world.deals(100)
    files = world.send()
    assert len(files) == 100 and {len(entries(one)) for one in files} == {1}
    assert all(FILE_NAME.fullmatch(one.key) for one in files)
    assert set(sent_of(world).values()) == {1} and set(sent_of(world)) == set(records)
    world.deal()
    world.control("/clock", now=moment)
    files += world.send()
    assert len({one.key for one in files}) == len(files)


@pytest.mark.requirement("S3-14")
def test_no_file_is_larger_than_a_megabyte(world: FileWorld) -> None:
    """Fifty leads of 40 KB each fill several files, though the batch size would allow one."""
    leads = [world.refer_lead() for _ in range(50)]
    world.export()
    world.take(LEAD)
    rows = [world.of_aws(one)["Id"] for one in leads]
    world.write(LEAD, [{"id": one, "Current_Lead_Stage__c": "Accepted"} for one in rows])
    world.exchange_files(LEAD)
    world.write(LEAD, [{"id": one, "Project_Description__c": "é" * 20_480} for one in rows])
    world.wire.forget()
    files = world.send(LEAD)
    assert len(files) > 1 and all(len(one.body) < MOST_BYTES for one in files)
    assert sum(len(one.body) for one in files) > 50 * 40_000
    assert set(sent_of(world, LEAD).values()) == {1} and set(sent_of(world, LEAD)) == set(rows)
    world.process()
    world.take(LEAD)
    assert {counts(world.log_of(one))[0] for one in files} == {"Processed"}


@pytest.mark.requirement("S3-15")
def test_a_record_larger_than_a_file_is_refused_and_the_others_go(world: FileWorld) -> None:
    """The partner's comments are put together from three of its own fields, each as long as Salesforce has them."""
    essays = [f"Essay_{number}__c" for number in range(3)]
    for name in essays:
        kind = {"label": name, "type": "LongTextArea", "length": LONGEST_TEXT, "visibleLines": 3}
        world.control("/salesforce/field", object=DEALS, metadata={"fullName": name, **kind})
    world.do("mapping", "automap")
    world.do("mapping", "fallback", "additionalComments", "--to-aws-formula", " & ".join(essays))
    world.do("mapping", "publish")
    huge = world.deal(Additional_Comments__c=None, **dict.fromkeys(essays, "東" * LONGEST_TEXT))
    others = world.deals(2, Additional_Comments__c=None, Essay_0__c="In short.")
    try:
        files = world.exchange_files()
    finally:
        world.do("mapping", "fallback", "additionalComments", "--none")
        world.do("mapping", "publish")
    assert sorted(sent_of(world)) == sorted(others)
    assert {one["additionalComments"] for file in files for one in entries(file)} == {"In short."}
    [error] = world.errors(huge)
    assert error["Error_Code__c"] == "TOO_LONG" and "additionalComments" in error["Error_Message__c"]
    assert all(world.row(one)[APN] for one in others) and not world.row(huge)[APN]


@pytest.mark.requirement("S3-17")
def test_files_beyond_a_day_s_number_wait_and_the_log_says_so(world: FileWorld) -> None:
    """AWS's number is a setting; the test's is small, counted from an empty day on."""
    world.advance(25 * 3600)
    world.settings(Outbound_Batch_Size__c=1)
    world.deals(9)
    few = {"CONNECTOR__AWS__EXCHANGE__FILES_PER_DAY": "10"}
    world.files("outbound", **few)
    assert len(world.wire.puts()) == 9
    waiting = world.deals(5)
    world.run("sync", "outbound", "--json", **few)
    assert len(world.wire.puts()) == 10
    told = [one for each in waiting for one in world.details(each) if one["Status__c"] == "Pending"]
    status = world.admin.rows("SELECT Message__c FROM ACE_Worker__c")
    assert "24 hours" in f"{told} {[one['Message__c'] for one in world.file_logs()]} {status}"
    world.advance(25 * 3600)
    world.files("outbound", **few)
    assert len(world.wire.puts()) == 14 and set(sent_of(world).values()) == {1}


@pytest.mark.requirement("S3-20")
def test_all_pages_of_a_long_folder_are_read_and_strangers_ignored(world: FileWorld) -> None:
    good = [exported_opportunity() for _ in range(15)]
    for number in range(2485):
        world.drop(f"opportunity-outbound/{number:05}.txt", b"x")
    world.drop("opportunity-outbound/folder/", b"")
    for number, one in enumerate(good):
        world.exported(f"{number * 170:05}-new.json", one)
    world.take()
    assert all(world.of_aws(one[APN_KEY]) for one in good)
    left = world.keys("opportunity-outbound")
    assert len(left) == 2485 and all(one.endswith(".txt") for one in left)
    assert len(world.wire.lists("opportunity-outbound")) >= 3
    for number in range(2485):
        world.exchange.bucket._backend.delete_object(world.bucket, f"opportunity-outbound/{number:05}.txt")


@pytest.mark.requirement("S3-18")
def test_a_file_of_nearly_five_megabytes_comes_in(world: FileWorld) -> None:
    long = "A lead with much to say. " * 1250
    leads = [exported_lead(projectDescription=f"{number} {long}") for number in range(156)]
    key = world.exported("large.json", *leads, kind=LEAD)
    assert 4.9e6 < len(world.exchange.bucket.read(key)) < 5 * MOST_BYTES
    world.take(LEAD)
    rows = world.rows(LEAD, f"{APN} >= '{leads[0][APN_KEY]}' AND {APN} <= '{leads[-1][APN_KEY]}'")
    assert len(rows) == 156 and world.keys("lead-outbound") == []
    assert counts(world.file_logs()[-1]) == ("Processed", 156, 156, 0)


@pytest.mark.requirement("IN-19", "OPS-01", "OPS-03")
def test_three_hundred_records_survive_three_kills(tmp_path: Path) -> None:
    """The worker dies after an upload, while records come in, and before a file of AWS's is deleted."""
    with open_file_world(tmp_path, **FAST) as world:
        schedule = world.schedule(Interval_Minutes__c=5)
        with world.working("first") as worker:
            world.ran(worker, schedule, 11)
        out = world.deals(150)
        incoming = [exported_opportunity() for _ in range(150)]
        for number in range(3):
            world.exported(f"part{number}.json", *incoming[number * 50 : number * 50 + 50])
        moments = (("after", "PutObject", 2), ("after", "GetObject", 2), ("before", "DeleteObject", 2))
        for stage, operation, times in moments:
            worker = world.start_worker()
            dead: list[int] = []

            def die(worker: object = worker, dead: list[int] = dead) -> None:
                worker.kill()  # type: ignore[attr-defined]
                dead.append(1)

            world.wire.once(stage, operation, die, times=times)

            def killed(dead: list[int] = dead) -> bool:
                world.pass_time()
                return bool(dead)

            world.eventually(killed, f"the worker's end at {operation}", 120)
        with world.working("last") as worker:

            def whole() -> bool:
                world.pass_time()
                have = world.rows(OPPORTUNITY, f"{APN} != null")
                return len(have) >= 300 and world.keys("opportunity-outbound") == []

            world.eventually(whole, lambda: f"an end; {len(world.pending())} {world.pending()[:5]}", 200)
            worker.settle()
        converged(world, out, incoming)
        assert world.schedule_row(schedule)["Active__c"]


def converged(world: FileWorld, out: list[str], incoming: list[Json]) -> None:
    """Both sides have every record, each once, and there is nothing more to send."""
    rows = world.rows(OPPORTUNITY, f"{APN} != null")
    assert len(rows) == len({one[APN] for one in rows}) == len(out) + len(incoming)
    shared = {one["Id"]: one[APN] for one in rows}
    at_aws = {one.get("PartnerOpportunityIdentifier"): one["Id"] for one in world.listed()}
    assert len(world.listed()) == len(out), "no opportunity is there twice"
    assert {one: shared.get(one) for one in out} == {one: at_aws.get(one) for one in out}
    assert {one[APN_KEY] for one in incoming} <= set(shared.values())
    assert set(sent_of(world).values()) == {1}, "no record is in two files"
    assert world.send() == []
    left = world.file_logs("Status__c = 'API Success' AND Purpose__c != 'Inbound File Retrieval'")
    assert left == [], left

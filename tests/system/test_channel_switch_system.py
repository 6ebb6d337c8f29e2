"""Opportunities move from the bucket's files to Partner Central's API, and back: nothing is lost, sent twice, or taken
for a change that nobody made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_world import (
    APN,
    APN_KEY,
    LEAD,
    OPPORTUNITY,
    OVER_FILES,
    PARTNER_KEYS,
    FileWorld,
    entries,
    open_file_world,
    open_live_files,
)  # fmt: skip
from system_world import codes

BY_API = {"Opportunities_over_S3__c": False}
CREATE, UPDATE = "CreateOpportunity", "UpdateOpportunity"
SPELLED = {
    "Industry__c": "Computers and Electronics",
    "Primary_Needs_from_AWS__c": "Co-Sell - Deal Support;Co-Sell - Pricing Assistance",
    "APN_Programs__c": "IS Immersion Day SFID Program;P3",
    "Marketing_Source__c": "Marketing Activity",
    "Marketing_Development_Funded__c": "Yes",
}
"""Each has a spelling that differs between the two channels."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FileWorld]:
    """An org whose opportunities go over files; nothing runs unless a test runs it."""
    with open_file_world(tmp_path) as opened:
        opened.settings(Default_Owner_Id__c=opened.user("seller"))
        yield opened


def switch(world: FileWorld, **settings: bool) -> None:
    """The admin takes the tick away, or sets it again; what went over the wires before is forgotten."""
    world.settings(**settings)
    world.wire.forget()
    world.proxy.forget()


def touched(world: FileWorld) -> set[str]:
    """Return the folders of the bucket that were touched."""
    return {(one.key or one.prefix).partition("/")[0] for one in world.wire.calls}


@pytest.mark.requirement("S3-31", "OPS-10")
def test_a_record_known_from_files_goes_on_by_the_api(world: FileWorld) -> None:
    """It keeps its identifier, AWS is asked before the first update, and the update changes what was edited alone."""
    record, identifier = world.shared_by_file(**SPELLED)
    before = world.get(identifier)
    switch(world, **BY_API)
    world.edit(record, Next_Step__c="Met the board")
    world.advance(5)
    world.sync("outbound")
    asked = [one.operation for one in world.proxy.calls if one.concerns(identifier)]
    assert asked.index("GetOpportunity") < asked.index(UPDATE) and asked.count(UPDATE) == 1
    assert world.proxy.named(CREATE) == [] and world.of_record(record) == [identifier]
    after = world.get(identifier)
    assert after["LifeCycle"].pop("NextSteps") == "Met the board"
    before["LifeCycle"].pop("NextSteps", None)
    for told in (before, after):
        told.pop("LastModifiedDate")
        told["LifeCycle"].pop("NextStepsHistory", None)
    assert after == before
    assert world.row(record)[APN] == identifier and world.errors(record) == []
    assert not {one for one in touched(world) if one.startswith(OPPORTUNITY)}


@pytest.mark.requirement("PCAPI-27")
def test_what_is_spelled_otherwise_is_no_change_and_no_edit(world: FileWorld) -> None:
    """Neither side is written because of the move, and nobody's values in Salesforce are."""
    records = [world.shared_by_file(**SPELLED)[0], world.shared_by_file()[0]]
    fields = ("Industry__c", "Country__c", "Stage__c", "APN_Programs__c", "Primary_Needs_from_AWS__c", "Next_Step__c")
    before = [{name: world.row(one, *fields)[name] for name in fields} for one in records]
    switch(world, **BY_API)
    for direction in ("inbound", "outbound", "inbound"):
        world.advance(5)
        world.sync(direction)
    assert world.proxy.writes() == []
    assert [{name: world.row(one, *fields)[name] for name in fields} for one in records] == before
    assert not [world.row(one) for one in records if world.row(one)["ACE_Has_Updates__c"]]
    assert len(world.listed()) == 2 and len(world.find("Id != null")) == 2


def test_an_edit_made_before_the_move_goes_out_by_the_api(world: FileWorld) -> None:
    """Also one that waits in a file that the bucket refused: its file never goes."""
    record, identifier = world.shared_by_file()
    new = world.deal()
    world.edit(record, Next_Step__c="Before the move")
    world.wire.refusals += [("PutObject", OPPORTUNITY, (403, "AccessDenied", "Access Denied"))] * 3
    world.advance(5)
    world.run("sync", "outbound", "--object", OPPORTUNITY)
    assert world.keys("opportunity-inbound") == []
    world.wire.refusals.clear()
    switch(world, **BY_API)
    for _ in range(2):
        world.advance(400)
        world.sync("outbound")
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Before the move"
    assert len(world.of_record(new)) == 1 and world.row(new)[APN] == world.of_record(new)[0]
    assert world.wire.named("PutObject") == []


@pytest.mark.requirement("OPS-11")
def test_a_record_under_way_waits_for_its_result_and_is_never_sent_twice(world: FileWorld) -> None:
    """The result is taken after the move, then the folders are left alone."""
    record = world.deal()
    (file,) = world.send()
    switch(world, **BY_API)
    world.edit(record, Next_Step__c="Edited meanwhile")
    world.advance(5)
    world.sync("outbound")
    assert world.proxy.writes() == [] and "AWAITS_RESULT" in codes(world.details(record))
    world.process()
    world.sync("inbound")
    (identifier,) = world.of_record(record)
    assert world.row(record)[APN] == identifier
    assert world.keys("opportunity-inbound-processed-results") == []
    assert entries(file)[0][PARTNER_KEYS[OPPORTUNITY]] == record
    world.review(identifier, "Approved")
    for direction in ("inbound", "outbound"):
        world.advance(5)
        world.sync(direction)
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "Edited meanwhile"
    assert world.proxy.named(CREATE) == [] and world.of_record(record) == [identifier]
    world.wire.forget()
    for direction in ("inbound", "outbound"):
        world.sync(direction)
    assert not {one for one in touched(world) if one.startswith(OPPORTUNITY)}


@pytest.mark.requirement("LEAD-01")
def test_leads_go_on_over_the_bucket(world: FileWorld) -> None:
    """With the API in use for opportunities, a lead goes to its folder, and Partner Central hears nothing of it."""
    record, identifier = world.lead()
    switch(world, **BY_API)
    world.change(record, Status__c="Qualified")
    world.advance(5)
    (file,) = world.send(LEAD)
    assert file.key.startswith("lead-inbound/") and entries(file, LEAD)[0][APN_KEY] == identifier
    world.process()
    world.take(LEAD)
    assert world.stored(identifier)["status"] == "Qualified"
    assert world.proxy.writes() == [] and not [one for one in world.proxy.calls if one.concerns(identifier)]


def test_back_to_files_nothing_is_lost_or_doubled(world: FileWorld) -> None:
    """An edit that the API has not got goes by file, with both identifiers; what AWS changed meanwhile comes in."""
    switch(world, **BY_API)
    record = world.deal()
    world.advance(5)
    world.sync("outbound")
    (identifier,) = world.of_record(record)
    world.review(identifier, "Approved")
    world.advance(5)
    world.sync("inbound")
    world.edit(record, Next_Step__c="After the way back")
    switch(world, **OVER_FILES)
    world.advance(5)
    (file,) = world.send()
    (entry,) = entries(file)
    assert (entry[PARTNER_KEYS[OPPORTUNITY]], entry[APN_KEY]) == (record, identifier)
    assert entry["nextStep"] == "After the way back"
    world.process()
    world.take()
    world.edit_at_aws(identifier, Project__AdditionalComments="From AWS")
    world.export()
    world.take()
    assert world.get(identifier)["LifeCycle"]["NextSteps"] == "After the way back"
    assert world.row(record, "Additional_Comments__c")["Additional_Comments__c"] == "From AWS"
    assert world.proxy.writes() == [] and world.of_record(record) == [identifier]
    assert world.errors(record) == []


def test_there_and_back_again_writes_nothing_on_either_side(world: FileWorld) -> None:
    record, identifier = world.shared_by_file(**SPELLED)
    for setting in (BY_API, OVER_FILES, BY_API):
        switch(world, **setting)
        for direction in ("inbound", "outbound"):
            world.advance(5)
            world.sync(direction)
        assert world.proxy.writes() == [] and world.wire.named("PutObject") == []
    assert world.row(record)[APN] == identifier and not world.row(record)["ACE_Has_Updates__c"]


@pytest.mark.requirement("OPS-16")
@pytest.mark.parametrize("setting", [OVER_FILES, BY_API])
def test_a_rejected_record_that_is_deleted_is_never_spoken_of_again(world: FileWorld, setting: dict[str, bool]) -> None:
    """The dummy of the verification: rejected by AWS, deleted in Salesforce."""
    world.settings(**setting)
    record = world.deal()
    world.advance(5)
    world.sync("outbound")
    world.process()
    world.sync("inbound")
    (identifier,) = world.of_record(record)
    world.review(identifier, "Rejected")
    world.export()
    world.advance(5)
    world.sync("inbound")
    assert world.admin.send("DELETE", f"sobjects/ACE_Opportunity__c/{record}").status_code == 204
    known = len(world.errors(record))
    world.wire.forget()
    world.proxy.forget()
    world.export(everything=True)
    for direction in ("outbound", "inbound", "outbound", "inbound"):
        world.advance(5)
        world.sync(direction)
    assert world.proxy.writes() == [] and world.wire.named("PutObject") == []
    assert world.find("Id != null") == [] and len(world.errors(record)) == known


def test_the_worker_follows_the_move_without_a_restart(tmp_path: Path) -> None:
    """A schedule of opportunities stays active meanwhile, and sends nothing by file any more (OPS-11)."""
    automatic = {"Share_Automatically__c": True, "Update_Automatically__c": True}
    with open_live_files(tmp_path) as (world, worker):
        schedule = world.schedule()
        first = world.deal()
        world.ran(worker, schedule)
        world.process()
        world.ran(worker, schedule)
        (identifier,) = world.of_record(first)
        world.review(identifier, "Approved")
        switch(world, **BY_API, **automatic)
        world.edit(first, Next_Step__c="By the API")
        second = world.deal()
        for _ in range(3):
            worker.cycle(61)
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "By the API"
        assert len(world.of_record(second)) == 1 and world.wire.named("PutObject", OPPORTUNITY) == []
        world.ran(worker, schedule)
        assert world.wire.named("PutObject", OPPORTUNITY) == [] and len(world.listed()) == 2

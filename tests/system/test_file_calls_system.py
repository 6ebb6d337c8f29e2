"""What AWS's files bring costs Salesforce far fewer requests than there are records."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from ace_samples import exported_lead
from file_world import APN_KEY, LEAD, RECORDS, FileWorld, counts, open_file_world

MANY = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileWorld]:
    """An org that takes part; nothing runs unless a test runs it."""
    with open_file_world(tmp_path_factory.mktemp("calls")) as opened:
        yield opened


def requests_of(world: FileWorld) -> int:
    """Return how many requests the org has had."""
    return sum(world.control("/requests")["salesforce"].values())


@pytest.mark.requirement("OPS-06")
def test_many_records_cost_few_requests_and_a_used_up_limit_puts_them_off(world: FileWorld) -> None:
    """The org refuses the first write for want of requests: all is put off, and comes in once there are some again."""
    world.files("inbound", LEAD)
    leads = [exported_lead() for _ in range(MANY)]
    world.exported("many.json", *leads, kind=LEAD)
    world.fault("salesforce", "collections_upsert", "status", status=403, times=1)
    before = requests_of(world)
    world.files("inbound", LEAD)
    assert world.keys("lead-outbound") == ["many.json"], "it stays until its records are in"
    world.advance(3600)
    world.files("inbound", LEAD)
    used = requests_of(world) - before
    assert used < MANY / 2, f"{used} requests for {MANY} records"
    assert {world.of_aws(one[APN_KEY])["Id"] for one in leads[::40]}
    assert len(world.rows(LEAD, "ACE_APN_Unique_Identifier__c != null")) == MANY
    assert world.keys("lead-outbound") == []
    [told] = [one for one in world.file_logs() if one["Purpose__c"] == RECORDS and one["File_Name__c"] == "many.json"]
    assert counts(told)[:2] == ("Processed", MANY)
    shown = world.run("check").out
    found = re.search(r"API requests.*?(\d+) of (\d+) used in the last 24 hours", shown)
    assert found and 0 < int(found[1]) < int(found[2]), shown

"""The version of files goes one way only, and never changes under a running schedule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_bucket import BucketWorld, file_of

from connector.ace.file_fields import Version
from connector.errors import AuthFailed, ConfigError, Retriable
from connector.sync.exchange.versions import TROUBLE, allowed_version, follow_version, note_seen, note_used

LAST = "opportunity-0123456789abcdef0123456789abcdef_11022026235959.json"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BucketWorld]:
    opened = BucketWorld(tmp_path)
    yield opened
    opened.close()


def refusal(world: BucketWorld) -> str:
    with pytest.raises(ConfigError) as caught:
        allowed_version(world.engine)
    return str(caught.value)


@pytest.mark.parametrize(("setting", "version"), [(1, "1.0"), (2, "2.0")])
def test_the_version_that_is_set_is_used(world: BucketWorld, setting: int, version: str) -> None:
    world.set(Payload_Version__c=setting)
    assert allowed_version(world.opportunities) == version
    assert allowed_version(world.leads) == "1.0", "as AWS's samples of leads"


def test_every_setting_that_lacks_is_named(world: BucketWorld) -> None:
    world.set(Partner_Id__c=None, Payload_Version__c=None)
    told = refusal(world)
    assert "Partner_Id__c" in told and "Payload_Version__c" in told and "Bucket_Name__c" not in told


def test_after_version_2_was_sent_no_file_of_version_1_goes_out(world: BucketWorld) -> None:
    note_used(world.engine, allowed_version(world.engine))
    world.set(Payload_Version__c=1)
    assert "no way back" in refusal(world)
    assert allowed_version(world.leads) is Version.V1, "leads are alike in both versions, and labelled as AWS's samples"
    world.close()
    world.open()
    assert "Set it to 2 again" in refusal(world), "remembered over a restart"
    world.set(Payload_Version__c=2)
    assert allowed_version(world.engine) is Version.V2


def test_the_label_of_lead_files_is_free_where_it_is_set(world: BucketWorld) -> None:
    """AWS's samples of leads show 1.0, whatever opportunities have."""
    note_used(world.engine, Version.V2)
    world.set(Payload_Version__c=1, Lead_Payload_Version__c=1)
    assert allowed_version(world.leads) is Version.V1
    assert "no way back" in refusal(world)


def test_a_lead_file_with_a_version_of_its_own_binds_nobody(world: BucketWorld) -> None:
    world.set(Payload_Version__c=1, Lead_Payload_Version__c=2)
    note_used(world.leads, allowed_version(world.leads))
    assert allowed_version(world.opportunities) is Version.V1


@pytest.mark.parametrize("schedule", ["Opportunity", "Lead"])
def test_a_change_waits_until_no_schedule_is_active(world: BucketWorld, schedule: str) -> None:
    world.set(Payload_Version__c=1)
    follow_version(world.engine)
    world.activate(schedule)
    world.set(Payload_Version__c=2)
    told = refusal(world)
    assert "changed from 1 to 2" in told and f"SCH-0001 ({schedule})" in told and "deactivate" in told
    follow_version(world.engine)
    assert world.engine.troubles[TROUBLE] == told, "the status page tells it"
    world.deactivate(schedule)
    follow_version(world.engine)
    assert TROUBLE not in world.engine.troubles
    world.activate(schedule)
    assert allowed_version(world.engine) is Version.V2


def test_a_change_that_is_taken_back_in_time_changes_nothing(world: BucketWorld) -> None:
    world.set(Payload_Version__c=1)
    follow_version(world.engine)
    world.activate()
    world.set(Payload_Version__c=2)
    assert refusal(world)
    world.set(Payload_Version__c=1)
    assert allowed_version(world.engine) is Version.V1


def test_a_schedule_of_the_api_does_not_hold_a_change_up(world: BucketWorld) -> None:
    world.set(Payload_Version__c=1, Opportunities_over_S3__c=False)
    follow_version(world.engine)
    world.activate("Opportunity")
    world.set(Payload_Version__c=2)
    assert allowed_version(world.opportunities) is Version.V2


@pytest.mark.parametrize("day", ["2026/11/02", "2026/11/03"])
def test_a_lost_state_is_replaced_by_the_archive(world: BucketWorld, day: str) -> None:
    world.logs.names += ["opportunity-older_11012026000000.json", LAST, "lead-later_11032026000000.json"]
    world.bucket.put(f"opportunity-inbound-archive/{day}/{LAST}", file_of("2.0"))
    world.set(Payload_Version__c=1)
    assert LAST in refusal(world)
    calls = world.bucket.calls
    assert LAST in refusal(world)
    assert world.bucket.calls == calls, "looked up once"


def test_a_file_that_aws_has_not_taken_yet_is_evidence_too(world: BucketWorld) -> None:
    world.logs.names.append(LAST)
    world.bucket.put(f"opportunity-inbound/{LAST}", file_of("2.0"))
    world.set(Payload_Version__c=1)
    assert LAST in refusal(world)


@pytest.mark.parametrize("content", [file_of("1.0"), b"{no JSON", {"version": 7}, []])
def test_a_last_file_of_version_1_or_none_leaves_version_1_open(world: BucketWorld, content: object) -> None:
    world.logs.names.append(LAST)
    world.bucket.put(f"opportunity-inbound/{LAST}", content)
    world.set(Payload_Version__c=1)
    assert allowed_version(world.engine) is Version.V1


def test_where_the_archive_is_gone_aws_s_own_files_speak(world: BucketWorld) -> None:
    world.logs.names.append(LAST)
    world.set(Payload_Version__c=1)
    note_seen(world.engine, "2.0")
    assert "AWS's own files" in refusal(world)


def test_what_aws_exports_says_nothing_to_who_never_sent_a_file(world: BucketWorld) -> None:
    world.set(Payload_Version__c=1)
    note_seen(world.engine, "2.0")
    assert allowed_version(world.engine) is Version.V1


def test_evidence_that_cannot_be_asked_for_lets_no_file_out_and_stops_nothing_else(world: BucketWorld) -> None:
    world.logs.names.append(LAST)
    world.set(Payload_Version__c=1)
    world.bucket.error = Retriable("slow down")
    with pytest.raises(Retriable):
        allowed_version(world.engine)
    follow_version(world.engine)
    assert "slow down" in world.engine.troubles[TROUBLE]
    world.bucket.error = AuthFailed("the archive is closed")
    assert allowed_version(world.engine) is Version.V1, "what may not be looked at proves nothing"

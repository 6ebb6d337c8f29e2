"""A change to the settings about files counts at once: what was put off because of them is tried anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from memory_bucket import BucketWorld

from connector.store.queue import Work
from connector.store.uploads import Upload
from connector.sync import queueing
from connector.sync.exchange.settings_changes import TROUBLE, follow_settings

DEAL, LEAD = "a07000000000001AAA", "00Q000000000001AAA"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BucketWorld]:
    opened = BucketWorld(tmp_path)
    follow_settings(opened.opportunities)
    yield opened
    opened.close()


def put_off(world: BucketWorld, kind: str, key: str = DEAL, **payload: str) -> int:
    """Queue work that waits for five minutes; return its number."""
    work = Work(kind=kind, key=key, lane="read", priority=50, payload=payload)
    world.state.queue.enqueue(work, world.clock.now(), at=world.clock.now() + timedelta(minutes=5))
    return next(item.id for item in world.state.queue.list("waiting") if (item.kind, item.key) == (kind, key))


def is_due(world: BucketWorld, item_id: int) -> bool:
    item = world.state.queue.get(item_id)
    assert item is not None
    return item.retry_at <= world.clock.now()


@pytest.mark.parametrize(
    "kind", [queueing.OUTBOUND, queueing.UPLOAD, queueing.RESULTS, queueing.RETRIEVE, queueing.FILE]
)
def test_what_waits_begins_anew_with_a_changed_setting_and_only_then(world: BucketWorld, kind: str) -> None:
    waits = put_off(world, kind)
    follow_settings(world.opportunities)
    assert not is_due(world, waits), "nothing was changed"
    world.set(Partner_Id__c="7654321")
    follow_settings(world.opportunities)
    assert is_due(world, waits)


def test_work_that_does_not_concern_files_is_left_alone(world: BucketWorld) -> None:
    """Opportunities of the API among it; leads travel as files all the same."""
    world.set(Opportunities_over_S3__c=False)
    follow_settings(world.opportunities)
    by_api, other = put_off(world, queueing.OUTBOUND), put_off(world, queueing.MODIFIED_SWEEP, "sweep")
    lead = put_off(world, queueing.OUTBOUND, LEAD, type="lead")
    world.set(Partner_Id__c="7654321")
    follow_settings(world.opportunities)
    assert is_due(world, lead) and not is_due(world, by_api) and not is_due(world, other)


def test_files_that_wait_in_a_bucket_that_was_left_are_told_until_they_are_answered(world: BucketWorld) -> None:
    """AWS answers in the bucket that the file went to, where nobody looks any more."""
    engine, former = world.opportunities, world.opportunities.settings.files.bucket
    world.state.uploads.store(Upload(name="lead-1.json", record_type="lead", run_id="r", body=b"{}"), (), engine.now())
    world.state.uploads.sent("lead-1.json", engine.now())
    world.set(Bucket_Name__c="another-bucket")
    for _ in range(2):
        follow_settings(engine)
        assert former in engine.troubles[TROUBLE] and "another-bucket" in engine.troubles[TROUBLE]
    world.set(Bucket_Name__c=former)
    follow_settings(engine)
    assert TROUBLE not in engine.troubles
    world.set(Bucket_Name__c="another-bucket")
    follow_settings(engine)
    world.state.uploads.answered("lead-1.json", engine.now())
    follow_settings(engine)
    assert TROUBLE not in engine.troubles
    follow_settings(engine)


def test_the_last_settings_are_known_after_a_restart(world: BucketWorld) -> None:
    waits = put_off(world, queueing.UPLOAD)
    world.close()
    world.open()
    follow_settings(world.opportunities)
    assert not is_due(world, waits)
    world.set(Outbound_Batch_Size__c=7)
    follow_settings(world.opportunities)
    assert is_due(world, waits)

"""Before the first schedule of files: what lies in the bucket is told and confirmed, and nobody else is at work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from memory_bucket import NOW, BucketWorld

from connector.errors import AuthFailed, ConfigError, Refused
from connector.names import Schedule
from connector.store.downloads import Download
from connector.store.uploads import Upload
from connector.sync.exchange.going_live import (
    confirm_count,
    confirmation,
    confirmed,
    note_fetched,
    objections,
    objects_waiting,
    require_alone,
)
from connector.sync.ports import Row

OURS = "opportunity-0123456789abcdef0123456789abcdef_11032026110000.json"
OTHERS = "PartnerCRM_11032026113000.json"
RESULTS = "opportunity-inbound-processed-results"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BucketWorld]:
    opened = BucketWorld(tmp_path)
    yield opened
    opened.close()


def refused(*messages: str) -> Row:
    """Return the row of a schedule that was refused, and activated once more."""
    return {"Id": "a0S000000000001AAA", Schedule.STATUS: "Refused", Schedule.MESSAGE: "\n".join(messages)}


def fill(world: BucketWorld, count: int = 12) -> None:
    """AWS wrote files for the partner, which nobody fetched."""
    for number in range(count):
        world.bucket.put(f"opportunity-outbound/Opportunity_{number}.json")


def test_an_empty_bucket_refuses_nothing_and_is_settled(world: BucketWorld) -> None:
    assert objections(world.engine) == ()
    assert "0 objects, settled by an empty bucket" in confirmation(world.engine)
    fill(world)
    assert objections(world.engine) == (), "what comes later is no remainder"


def test_what_lies_there_is_counted_by_folder_and_has_to_be_confirmed(world: BucketWorld) -> None:
    fill(world, 11)
    world.bucket.put("opportunity-outbound/notes.txt")
    world.bucket.put("opportunity-outbound/")
    [told] = objections(world.engine)
    assert told.startswith("12 objects present in the bucket (opportunity-outbound 12)")
    assert "support" in told and "--confirm-objects 12" in told
    assert not confirmed(world.engine)
    assert objects_waiting(world.engine) == {"opportunity-outbound": 12}


def test_the_schedule_that_was_refused_confirms_when_it_is_activated_again(world: BucketWorld) -> None:
    fill(world)
    [told] = objections(world.engine)
    assert objections(world.engine, refused("The interval is blank.", told)) == ()
    assert "12 objects" in confirmation(world.engine)


@pytest.mark.parametrize("count", [1, 11, 13, 112])
def test_a_count_that_changed_is_asked_for_anew(world: BucketWorld, count: int) -> None:
    fill(world)
    told = objections(world.engine)
    fill(world, count)
    if count > 12:
        assert objections(world.engine, refused(*told))
    else:
        for number in range(count, 12):
            del world.bucket.objects[f"opportunity-outbound/Opportunity_{number}.json"]
        [again] = objections(world.engine, refused(*told))
        assert again.startswith(f"{count} object")
    assert not confirmed(world.engine)


def test_another_refusal_confirms_nothing(world: BucketWorld) -> None:
    fill(world)
    assert objections(world.engine, refused("The interval is blank. 12 objects present in the bucket"))


def test_a_person_confirms_by_the_number(world: BucketWorld) -> None:
    fill(world)
    with pytest.raises(Refused, match="Not 11: 12 objects present"):
        confirm_count(world.engine, "alex", 11)
    assert objections(world.engine)
    confirm_count(world.engine, "alex", 12)
    assert objections(world.engine) == ()
    assert confirmation(world.engine) == "12 objects, settled by alex at 2026-11-03 12:00 UTC"


def test_the_first_schedule_settles_the_bucket_for_all_that_travels_as_files(world: BucketWorld) -> None:
    """The second one is not asked for again; another bucket is."""
    fill(world)
    world.bucket.put("lead-outbound/lead.json")
    [told] = objections(world.leads)
    assert told.startswith("13 objects present in the bucket (lead-outbound 1, opportunity-outbound 12)")
    confirm_count(world.leads, "alex", 13)
    assert objections(world.opportunities) == () == objections(world.leads)
    world.set(Bucket_Name__c="another-bucket")
    assert objections(world.engine), "beta was confirmed, production was not"


def test_folders_that_come_into_use_later_are_looked_at_then(world: BucketWorld) -> None:
    fill(world)
    world.set(Opportunities_over_S3__c=False)
    world.bucket.put("lead-outbound/lead.json")
    confirm_count(world.leads, "alex", 1)
    world.set(Opportunities_over_S3__c=True)
    [told] = objections(world.opportunities)
    assert told.startswith("12 objects present")
    confirm_count(world.opportunities, "alex", 12)
    assert objections(world.leads) == () == objections(world.opportunities)


def test_our_own_files_and_what_we_fetched_are_no_remainder(world: BucketWorld) -> None:
    """People sent and fetched by command before they scheduled anything."""
    world.state.uploads.store(Upload(OURS, "opportunity", "run"), [], NOW)
    world.bucket.put(f"opportunity-inbound/{OURS}")
    world.bucket.put(f"{RESULTS}/{OURS.removesuffix('.json')}_result.json")
    fill(world, 1)
    [file] = next(world.bucket.outbound_files("opportunity")).files
    world.state.downloads.listed(
        Download(file.key, file.etag, file.name, "opportunity", file.size, file.modified_at, "run"), NOW
    )
    assert objections(world.engine) == ()


def test_who_fetched_by_command_has_settled_what_lay_there(world: BucketWorld) -> None:
    note_fetched(world.engine)
    fill(world)
    assert objections(world.engine) == ()
    world.bucket.put("lead-outbound/lead.json")
    [told] = objections(world.leads)
    assert told.startswith("1 object present"), "of the other type nobody fetched anything"


@pytest.mark.parametrize("key", [f"opportunity-inbound/{OTHERS}", f"{RESULTS}/{OTHERS[:-5]}_result.json"])
def test_another_integration_at_work_in_the_bucket_is_refused(world: BucketWorld, key: str) -> None:
    world.bucket.put(key, at=NOW - timedelta(hours=23))
    told = objections(world.engine)
    assert "Another integration is at work" in told[0] and key in told[0] and "Beside_Other_Integration__c" in told[0]
    assert told[1].startswith("1 object present"), "one does not hide the other"
    assert len(objections(world.engine, refused(*told))) == 2, "activating again is no answer to that"
    world.set(beside=True)
    assert objections(world.engine, refused(*told)) == ()


def test_beside_another_integration_nothing_goes_out_on_request_either(world: BucketWorld) -> None:
    require_alone(world.engine)
    world.bucket.put(f"opportunity-inbound/{OTHERS}", at=NOW - timedelta(hours=23))
    calls = world.bucket.calls
    require_alone(world.engine)
    assert world.bucket.calls == calls, "the bucket is looked at once an hour"
    world.clock.moment += timedelta(minutes=59, seconds=59)
    require_alone(world.engine)
    world.clock.moment += timedelta(seconds=1)
    world.bucket.put(f"opportunity-inbound/{OTHERS}", at=world.clock.moment)
    with pytest.raises(ConfigError, match="Another integration is at work") as caught:
        require_alone(world.engine)
    assert OTHERS in str(caught.value)
    world.set(beside=True)
    require_alone(world.engine)


def test_a_schedule_in_force_was_held_against_other_integrations_when_it_was_activated(world: BucketWorld) -> None:
    world.activate()
    world.bucket.put(f"opportunity-inbound/{OTHERS}")
    require_alone(world.opportunities)
    assert world.bucket.calls == 0, "nothing is listed where a schedule may disable it"


def test_another_integration_that_was_switched_off_is_a_remainder_like_any_other(world: BucketWorld) -> None:
    world.bucket.put(f"opportunity-inbound/{OTHERS}", at=NOW - timedelta(days=1))
    [told] = objections(world.engine)
    assert told.startswith("1 object present in the bucket (opportunity-inbound 1)")


def test_files_that_our_lost_state_sent_are_known_by_the_logs(world: BucketWorld) -> None:
    world.logs.names.append(OURS)
    world.bucket.put(f"opportunity-inbound/{OURS}")
    world.bucket.put(f"{RESULTS}/{OURS.removesuffix('.json')}_result.json")
    assert objections(world.engine) == ()


def test_a_schedule_that_ran_before_the_state_was_lost_goes_on(world: BucketWorld) -> None:
    fill(world)
    row = {Schedule.STATUS: "Waiting", Schedule.LAST_RUN: "2026-11-03T11:00:00.000+0000"}
    assert objections(world.engine, row) == ()
    assert objections(world.engine, row | {Schedule.STATUS: "Deactivated"})


def test_a_schedule_in_force_may_be_changed(world: BucketWorld) -> None:
    world.activate()
    fill(world)
    assert objections(world.engine) == ()


def test_a_bucket_that_cannot_be_looked_at_refuses_and_says_why(world: BucketWorld) -> None:
    world.bucket.error = AuthFailed("The access key is not known.")
    assert objections(world.engine) == ("The bucket cannot be looked at: The access key is not known.",)


def test_each_missing_setting_is_named_without_a_call(world: BucketWorld) -> None:
    world.set(Bucket_Name__c=None, Partner_Id__c=None)
    told = objections(world.engine)
    assert [text.split(":")[0] for text in told] == ["Bucket_Name__c", "Partner_Id__c"]
    assert world.bucket.calls == 0


def test_opportunities_of_the_api_are_not_concerned(world: BucketWorld) -> None:
    """Nothing of the opportunities' folders is looked at then (S3-31)."""
    world.set(Opportunities_over_S3__c=False)
    fill(world)
    assert objections(world.opportunities) == ()
    assert world.bucket.calls == 0
    assert objections(world.leads) == ()

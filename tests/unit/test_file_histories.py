"""Histories of files that once went wrong, found by the random machine (tests/system/test_file_machine.py)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, OPPORTUNITY
from engine.file_machine import FileMachineWorld, sound_deal
from engine.file_truth import LEAD
from engine.salesforce import INTEGRATION, PERSON

from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync.logs import PROCESSED, RESOLVED

NEXT = "Next_Step__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FileMachineWorld]:
    made = FileMachineWorld(tmp_path)
    yield made
    made.close()


def turn(world: FileMachineWorld, minutes: float = 5) -> None:
    world.clock.advance(timedelta(minutes=minutes))
    world.cycle()


def deal(world: FileMachineWorld) -> tuple[str, str]:
    """A deal that AWS approved, all at rest; return its id and AWS's."""
    record_id = world.salesforce._insert(OPPORTUNITY, sound_deal(), PERSON)
    turn(world)
    world.aws.aws_takes_files("answer")
    [apn_id] = world.aws.held
    turn(world)
    world.aws.aws_edits(apn_id, status="Approved")
    export(world)
    return record_id, apn_id


def export(world: FileMachineWorld) -> None:
    for kind in ("opportunity", "lead"):
        world.aws.aws_exports(kind)  # type: ignore[arg-type]
    turn(world)
    turn(world)


def edit(world: FileMachineWorld, record_id: str, **values: Any) -> None:
    object_name = LEAD if record_id.startswith("a0L") else OPPORTUNITY
    world.salesforce.user_changes(object_name, record_id, **values)


def value(world: FileMachineWorld, record_id: str, name: str = NEXT) -> Any:
    return world.salesforce._table(OPPORTUNITY)[record_id][name]


def open_codes(world: FileMachineWorld, record_id: str) -> list[str]:
    return [
        detail[Detail.ERROR_CODE]
        for detail in world.salesforce.all(SYNC_LOG_DETAIL)
        if detail[Detail.RECORD_ID] == record_id and detail[Detail.STATUS] not in (PROCESSED, RESOLVED)
    ]


def test_what_aws_changes_after_it_took_a_file_arrives_although_it_is_exported_before_the_result(
    world: FileMachineWorld,
) -> None:
    """Promise 1: the change came in while our edit was not known to have arrived; it is newer all the same."""
    record_id, apn_id = deal(world)
    edit(world, record_id, Next_Step__c="Sign")
    turn(world)
    world.aws.aws_takes_files("late")
    world.clock.advance(timedelta(minutes=2))
    world.aws.aws_edits(apn_id, nextStep="Send the offer")
    export(world)
    assert value(world, record_id) == "Sign"
    world.aws.aws_delivers_late()
    turn(world)
    turn(world)
    assert value(world, record_id) == "Send the offer" == world.aws.held[apn_id].fields["nextStep"]


def test_what_aws_changes_before_it_takes_a_file_covers_up_no_edit(world: FileMachineWorld) -> None:
    """Promise 1: the result tells when AWS took the file, and with it the edit."""
    record_id, apn_id = deal(world)
    edit(world, record_id, Next_Step__c="Sign")
    turn(world)
    world.aws.aws_edits(apn_id, nextStep="Send the offer")
    export(world)
    world.aws.aws_takes_files("answer")
    for _ in range(3):
        turn(world)
        assert value(world, record_id) == "Sign"
    export(world)
    assert value(world, record_id) == "Sign" == world.aws.held[apn_id].fields["nextStep"]


def test_with_an_empty_state_nothing_is_sent_of_referrals_that_nobody_decided(world: FileMachineWorld) -> None:
    """ELIG-17, OUT-34, LEAD-07."""
    deal(world)
    world.aws.aws_refers("lead", status="Open", currentLeadStage=None, company="Example Freight", phone="2065550142")
    world.aws.aws_refers("opportunity", partnerProjectTitle="Move", customerCompanyName="Example Freight")
    export(world)
    [lead] = world.salesforce.all(LEAD)
    [referral] = [row for row in world.salesforce.all() if row["CreatedById"] == INTEGRATION]
    sent = len(world.aws.submitted)
    world.empty_state()
    edit(world, lead["Id"], Status="Research")
    edit(world, referral["Id"], Next_Step__c="Sign")
    turn(world)
    turn(world)
    assert len(world.aws.submitted) == sent and lead[APN_ID] and referral[APN_ID]
    assert open_codes(world, lead["Id"]) == open_codes(world, referral["Id"]) == ["NOT_DECIDED"]


def test_what_a_lost_state_left_open_is_closed(world: FileMachineWorld) -> None:
    """Promise 4: also where nothing but files is exchanged, and nothing walks over AWS's records."""
    record_id = world.salesforce._insert(OPPORTUNITY, sound_deal(), PERSON)
    turn(world)
    world.aws.aws_takes_files("answer")
    turn(world)
    edit(world, record_id, Next_Step__c="Sign")
    turn(world)
    assert open_codes(world, record_id) == ["HELD_IN_REVIEW"]
    world.empty_state()
    [apn_id] = world.aws.held
    world.aws.aws_edits(apn_id, status="Approved", nextStep="Sign")
    export(world)
    assert value(world, record_id) == "Sign" and open_codes(world, record_id) == []


def test_an_old_word_of_aws_that_says_the_same_ends_no_edit_that_is_on_its_way(world: FileMachineWorld) -> None:
    """Promise 1: AWS's value of before, then that of our file before, must not take the place of the edit in a file."""
    record_id, apn_id = deal(world)
    edit(world, record_id, Next_Step__c="Call them")
    turn(world)
    world.aws.aws_edits(apn_id, nextStep="Sign")
    world.aws.aws_exports("opportunity", hold=True)
    world.clock.advance(timedelta(minutes=2))
    world.aws.aws_takes_files("answer")
    world.aws.aws_exports("opportunity", hold=True)
    turn(world)
    edit(world, record_id, Next_Step__c="Sign")
    turn(world)
    assert world.aws.waiting
    world.aws.aws_shows_delayed()
    for _ in range(3):
        turn(world)
        assert value(world, record_id) == "Sign"
    world.aws.aws_takes_files("answer")
    export(world)
    assert value(world, record_id) == "Sign" == world.aws.held[apn_id].fields["nextStep"]

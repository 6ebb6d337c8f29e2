"""The file channel under interruptions at any moment: in any call of a door, at any commit of the state, while people
go on editing and AWS goes on answering.

In the end AWS has each record once and as it is in Salesforce, whatever was lost or killed in between; no file went out
under two names, and none twice with different bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engine.fields import APN_ID
from engine.files import Files
from engine.interruptions import FAULTS
from engine.turns import open_codes
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("quiet_log")
NEXT_STEP, COMMENT = "Next_Step__c", "Use_Case__c"


@contextmanager
def a_world() -> Iterator[Files]:
    directory = Path(tempfile.mkdtemp())
    world = Files(directory)
    try:
        yield world
    finally:
        world.close()
        shutil.rmtree(directory)


def come_to_rest(world: Files) -> None:
    """Let everything be sent and answered; nothing goes wrong any more."""
    world.interruptions.disarm()
    for _ in range(12):
        for record in world.salesforce.all():
            link = world.state.links.get(record["Id"])
            if link is not None and link.review_status == "Submitted":
                world.approve(record["Id"])
        world.turn(minutes=30)
        world.exchange.aws_takes()
    assert world.exchange.results == [] and world.exchange.waiting == []


def assert_agreed(world: Files, record_id: str) -> None:
    row = world.salesforce.row(record_id)
    assert row is not None
    [(apn_id, at_aws)] = world.exchange.of_partner(record_id)
    assert row[APN_ID] == apn_id
    assert at_aws.get("nextStep") == row[NEXT_STEP], "the edit was lost"
    assert at_aws.get("useCase") == row[COMMENT], "the edit was lost"
    assert open_codes(world, record_id) == []
    assert world.state.entries.of_record(record_id) is None and world.state.uploads.of_record(record_id) is None


def story(world: Files) -> str:
    """A record is created, shared and edited; AWS answers. Each step may be cut short."""
    record_id = world.deal(**{NEXT_STEP: "Call them"})
    world.alive(world.turn)
    world.alive(world.turn)
    world.exchange.aws_takes()
    world.alive(world.turn)
    if (link := world.state.links.get(record_id)) and link.review_status:
        world.alive(lambda: world.approve(record_id))
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.alive(world.turn)
    world.salesforce.user_edits(record_id, {COMMENT: "Blockchain"})
    world.exchange.aws_takes()
    world.alive(world.turn)
    return record_id


@settings(max_examples=15)
@given(fault=st.sampled_from(FAULTS), countdown=st.integers(1, 60))
def test_killed_or_failing_anywhere_both_sides_agree_in_the_end(fault: str, countdown: int) -> None:
    """Promises 1, 2 and 7: one interruption at any call or commit of a whole story."""
    with a_world() as world:
        world.interruptions.arm(fault, countdown)
        record_id = story(world)
        come_to_rest(world)
        assert_agreed(world, record_id)
        created = [
            name
            for name in world.files()
            if any("apnCrmUniqueIdentifier" not in entry for entry in world.exchange.entries(name))
        ]
        assert len(created) == 1, "the record was asked to be created twice"
        assert len({content for _, content in world.exchange.submitted}) == len(world.files())


STEPS = ("turn", "turn", "edit", "edit back", "other edit", "take", "take silently", "answer late", "crash", "refuse")


@settings(max_examples=15)
@given(
    steps=st.lists(st.sampled_from(STEPS), max_size=12),
    faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 25)), max_size=3),
)
def test_whatever_happens_in_whatever_order_no_edit_is_lost(steps: list[str], faults: list[tuple[str, int]]) -> None:
    """Promises 1, 2 and 7: people, AWS and accidents in any order."""
    with a_world() as world:
        record_id = world.deal(**{NEXT_STEP: "Call them"})
        pending = list(faults)
        unanswered: list[str] = []
        for step in steps:
            if pending:
                world.interruptions.arm(*pending.pop())
            _do(world, record_id, step, unanswered)
        world.exchange.refuses = lambda _: []
        for name in unanswered:
            _answer(world, name)
        come_to_rest(world)
        if open_codes(world, record_id) != []:
            # AWS refused it too often: a person saves it once more.
            world.salesforce.user_edits(record_id, {NEXT_STEP: "Send the offer"})
            come_to_rest(world)
        assert_agreed(world, record_id)
        names = Counter(name for name, _ in world.exchange.taken_files)
        assert all(count == 1 for count in names.values())


def _do(world: Files, record_id: str, step: str, unanswered: list[str]) -> None:
    match step:
        case "turn":
            world.alive(world.turn)
        case "edit":
            world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
        case "edit back":
            world.salesforce.user_edits(record_id, {NEXT_STEP: "Call them"})
        case "other edit":
            world.salesforce.user_edits(record_id, {COMMENT: "Blockchain"})
        case "take":
            world.exchange.aws_takes()
        case "take silently":
            unanswered += world.exchange.waiting
            world.exchange.aws_takes(answer=False)
        case "answer late":
            for name in unanswered:
                _answer(world, name)
            unanswered.clear()
        case "crash":
            world.restart()
        case "refuse":
            world.exchange.refuses = lambda _: ["AWS does not like it."]
            world.exchange.aws_takes()
            world.exchange.refuses = lambda _: []


def _answer(world: Files, name: str) -> None:
    told = [
        {
            "partnerCrmUniqueIdentifier": entry["partnerCrmUniqueIdentifier"],
            "isSuccess": True,
            "apnCrmUniqueIdentifier": world.exchange.of_partner(entry["partnerCrmUniqueIdentifier"])[0][0],
        }
        for entry in world.exchange.entries(name)
    ]
    world.exchange.aws_answers(name, told)

"""What is left out: opportunities that the mapping's rule excludes, and historical data, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, FLAG, sound_values
from engine.world import World

from connector.errors import MappingError
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync import logs
from connector.sync.arrival import Arrival, fetch
from connector.sync.exclusion import CODE, excluded, leave_out
from connector.sync.queueing import enqueue_outbound

pytestmark = pytest.mark.usefixtures("quiet_log")

TRAINS = 'ISPICKVAL(industry, "Aerospace")'
AEROSPACE = {
    "Customer": {
        "Account": {"CompanyName": "Example Rail", "Industry": "Aerospace", "Address": {"CountryCode": "DE"}},
    },
    "Project": {"Title": "Move the data centre"},
    "LifeCycle": {"Stage": "Prospect"},
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def shared(world: World) -> str:
    """An approved record that has come to rest; its id."""
    record_id = world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal"})
    turn(world)
    for apn_id in world.partner_central.opportunities:
        world.partner_central.aws_reviews(apn_id, "Approved")
    for _ in range(2):
        turn(world)
    return record_id


def turn(world: World) -> None:
    world.clock.advance(timedelta(minutes=20))
    world.cycle()


def rule(world: World, text: str) -> None:
    world.engine.mapping = replace(world.engine.mapping, exclude=text)


def arrival(world: World) -> Arrival:
    [apn_id] = world.partner_central.opportunities
    return fetch(world.engine, apn_id)


def looks(world: World, arrived: Arrival, record_id: str = "") -> bool:
    """One turn of what AWS says comes, in a run of its own."""
    link = world.state.links.get(record_id) if record_id else None
    run_id = logs.start_run(world.engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    left_out = leave_out(world.engine, arrived, link, run_id)
    world.schedule("flush")
    world.execute(10)
    return left_out


def details(world: World) -> list[dict[str, Any]]:
    return [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one.get(Detail.ERROR_CODE) == CODE]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ("  ", ""),
        ('ISPICKVAL(industry, "Agriculture")', ""),
        (TRAINS, f"The mapping leaves it out: {TRAINS} (industry is Aerospace)."),
        ('apncrmuniqueidentifier = "O1234"', 'The mapping leaves it out: apncrmuniqueidentifier = "O1234" '),
        ("lifeCycle.awsNextSteps = 'Wait'", "The mapping leaves it out: lifeCycle.awsNextSteps = 'Wait' "),
        ('INCLUDES(deliveryModel, "Resell")', "(deliveryModel is Other; Resell)."),
        ("expectedMonthlyAwsRevenue < 500", "(expectedMonthlyAwsRevenue is 100)."),
        ("ISBLANK(customerWebsite)", "The mapping leaves it out: ISBLANK(customerWebsite)"),
        ("TRUE", "The mapping leaves it out: TRUE."),
    ],
)
def test_the_rule_is_a_formula_over_awss_record(world: World, text: str, told: str) -> None:
    """By ACE names in any case, dots included; what AWS leaves out is empty; the reason names what decided."""
    rule(world, text)
    record = {
        "industry": "Aerospace", "apnCrmUniqueIdentifier": "O1234", "lifeCycle.awsNextSteps": "Wait",
        "deliveryModel": ("Other", "Resell"), "expectedMonthlyAwsRevenue": 100,
    }  # fmt: skip
    reason = excluded(world.engine, record)
    assert (told in reason) if told else reason == ""


@pytest.mark.parametrize("text", ["AND(", "industry", "Nothing__c = 'x'", "industry = 'Aerospace'", "1 / 0 > 1"])
def test_a_rule_that_cannot_be_evaluated_brings_nothing_in(world: World, text: str) -> None:
    """What was created by mistake could not be taken back: the work waits until the rule is mended."""
    rule(world, text)
    with pytest.raises(MappingError, match=r"(?s)rule of what is left out .* publish it"):
        excluded(world.engine, {"industry": "Aerospace"})


def test_an_excluded_opportunity_without_a_record_is_told_once(world: World) -> None:
    rule(world, TRAINS)
    world.partner_central.colleague_creates(AEROSPACE, "Approved")
    arrived = arrival(world)
    assert [looks(world, arrived) for _ in range(3)] == [True, True, True]
    [detail] = details(world)
    assert (detail[Detail.STATUS], detail[Detail.RETRY_COUNT]) == ("Held", 0), "not repeated with each look"
    assert detail[Detail.RECORD_ID] == arrived.answer["Id"]
    assert TRAINS in detail[Detail.ERROR_MESSAGE] and "publish" in detail[Detail.ERROR_MESSAGE]
    assert world.salesforce.all() == []


def test_the_reason_is_closed_once_the_rule_leaves_it_out_no_more(world: World) -> None:
    rule(world, TRAINS)
    world.partner_central.colleague_creates(AEROSPACE, "Approved")
    arrived = arrival(world)
    assert looks(world, arrived)
    rule(world, "")
    assert not looks(world, arrived)
    assert [one[Detail.STATUS] for one in details(world)] == ["Resolved"]


def test_of_an_excluded_record_nothing_counts_as_brought_in_and_its_edits_go_on(world: World, shared: str) -> None:
    """AWS's review decides when a held edit may go out, whether its values are wanted or not."""
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "In review")
    turn(world)
    world.salesforce.user_edits(shared, {"Next_Step__c": "Sign"})
    turn(world)
    [waiting] = world.state.queue.list("held")
    rule(world, TRAINS)
    world.partner_central.aws_reviews(apn_id, "Approved")
    world.partner_central.colleague_edits(apn_id, lambda answer: answer["LifeCycle"].update(Stage="Committed"))
    before = world.state.links.require(shared).applied
    assert leave_out(world.engine, arrival(world), world.state.links.require(shared), "")
    link = world.state.links.require(shared)
    assert link.applied == before, "all of it comes in once the rule is gone"
    assert link.review_status == "Approved"
    assert waiting.key == shared and world.state.queue.list("held") == [], "its turn has come"
    world.execute(5)
    assert world.partner_central.opportunities[apn_id]["LifeCycle"]["NextSteps"] == "Sign"


def test_historical_data_is_not_sent_and_says_why(world: World) -> None:
    """ELIG-18, towards AWS: a record was given the identifier of an opportunity that bears a placeholder."""
    apn_id = world.partner_central.colleague_creates({**AEROSPACE, "PartnerOpportunityIdentifier": "X0007"}, "Approved")
    turn(world)
    record_id = world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal", APN_ID: apn_id})
    for _ in range(3):
        turn(world)
    assert world.partner_central.writes == 0
    assert list(world.partner_central.opportunities) == [apn_id]
    told = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one.get(Detail.ERROR_CODE) == "DUMMY_ID"]
    assert {one[Detail.STATUS] for one in told} == {"Error"} and "historical data" in told[0][Detail.ERROR_MESSAGE]
    link = world.state.links.require(record_id)
    link.requested = True
    enqueue_outbound(world.engine, link, "")
    turn(world)
    assert world.partner_central.writes == 0, "not even when a person asks for it"

"""Fallbacks between two platforms: used where the source is empty, told, and never a reason to send or write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, OPPORTUNITY, describe_opportunity
from engine.salesforce import INTEGRATION, MemorySalesforce
from engine.turns import colleague_creates, deal, open_codes, share, turn
from engine.world import MAPPING, World

from connector.errors import ConfigError
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.model import Fallback
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync.related_changes import watched_objects

pytestmark = pytest.mark.usefixtures("quiet_log")

NEXT_STEP, CLOSE, BUDGET, USE_CASE = "Next_Step__c", "Target_Close_Date__c", "Budget__c", "Use_Case__c"
DAY = 24 * 60


ACCOUNT = ObjectDescribe("Account", "Account", "001", fields={"name": FieldDescribe("Name", "Name", "string")})
MORE = {
    "budget__c": FieldDescribe("Budget__c", "Budget", "string"),
    "account__c": FieldDescribe(
        "Account__c", "Account", "reference", reference_to=("Account",), relationship_name="Account__r"
    ),
}
"""Fields that only formulas read."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ours = replace(describe_opportunity(), fields={**describe_opportunity().fields, **MORE})
    objects = {OPPORTUNITY: ours, "Account": ACCOUNT}

    def describe(_: MemorySalesforce, name: str) -> ObjectDescribe:
        if name not in objects:
            raise ConfigError(f"{name} is not visible.")
        return objects[name]

    monkeypatch.setattr(MemorySalesforce, "describe", describe)
    world = World(tmp_path)
    yield world
    world.close()


def publish(world: World, ace_field: str, **fallbacks: Fallback) -> None:
    item = world.engine.mapping.field(ace_field)
    assert item is not None
    world.engine.mapping = world.engine.mapping.with_field(replace(item, **fallbacks))


def at_aws(world: World, apn_id: str) -> Any:
    return world.partner_central.opportunities[apn_id]["LifeCycle"].get("NextSteps")


def row(world: World, record_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = world.salesforce.row(record_id)
    assert found is not None
    return found


def notes(world: World, record_id: str) -> str:
    found = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.RECORD_ID] == record_id]
    return "\n".join(str(one[Detail.ERROR_MESSAGE]) for one in found if one[Detail.ERROR_MESSAGE])


def nothing_moves(world: World, *, minutes: float = DAY, turns: int = 3) -> None:
    before = world.writes()
    for _ in range(turns):
        turn(world, minutes)
    assert world.writes() == before


def test_off_by_default_an_empty_field_is_sent_empty(world: World) -> None:
    record_id, apn_id = share(world, Next_Step__c=None)
    assert at_aws(world, apn_id) is None
    assert "Fallback" not in notes(world, record_id)


def test_a_value_goes_out_is_told_and_does_not_come_back_as_news(world: World) -> None:
    publish(world, "nextStep", to_aws=Fallback("Call them"))
    record_id, apn_id = share(world, Next_Step__c=None)
    assert at_aws(world, apn_id) == "Call them"
    assert "Fallback used for nextStep (Next_Step__c): Call them" in notes(world, record_id)
    nothing_moves(world)
    # Something else that AWS changes does not bring it in either.
    world.partner_central.colleague_edits(apn_id, lambda answer: answer["Project"].update(Title="Their title"))
    turn(world)
    turn(world)
    assert row(world, record_id)[NEXT_STEP] is None
    assert row(world, record_id)["Partner_Project_Title__c"] == "Their title"


def test_aws_own_value_comes_in_and_ends_the_stand_in(world: World) -> None:
    publish(world, "nextStep", to_aws=Fallback("Call them"))
    record_id, apn_id = share(world, Next_Step__c=None)
    world.partner_central.colleague_edits(apn_id, lambda answer: answer["LifeCycle"].update(NextSteps="Visit them"))
    turn(world)
    turn(world)
    assert (row(world, record_id)[NEXT_STEP], at_aws(world, apn_id)) == ("Visit them", "Visit them")
    nothing_moves(world)


@pytest.mark.parametrize("ace_field", ["nextStep", "targetCloseDate"])
def test_a_value_that_changes_with_the_day_sends_nothing_by_itself(world: World, ace_field: str) -> None:
    """Whether AWS may change the field or not."""
    publish(world, "nextStep", to_aws=Fallback(formula="'Call on ' & TEXT(TODAY() + 90)"))
    publish(world, "targetCloseDate", to_aws=Fallback(formula="TODAY() + 90"))
    record_id, apn_id = share(world, **({NEXT_STEP: None} if ace_field == "nextStep" else {CLOSE: None}))
    first = dict(world.partner_central.opportunities[apn_id]["LifeCycle"])
    nothing_moves(world)
    world.salesforce.user_edits(record_id, {USE_CASE: "Blockchain"})
    turn(world)
    after = world.partner_central.opportunities[apn_id]["LifeCycle"]
    if ace_field == "nextStep":
        assert after["NextSteps"] == first["NextSteps"], "AWS may change it, and nobody changed it here"
    else:
        assert after["TargetCloseDate"] > first["TargetCloseDate"], "it goes along"
    assert row(world, record_id)[NEXT_STEP if ace_field == "nextStep" else CLOSE] is None


def test_an_edit_of_what_only_the_formula_reads_goes_out(world: World) -> None:
    """By a person, and by automation under our own name alike."""
    publish(world, "nextStep", to_aws=Fallback(formula=f"'Budget ' & {BUDGET}"))
    record_id, apn_id = share(world, Next_Step__c=None, Budget__c="small")
    assert at_aws(world, apn_id) == "Budget small"
    world.salesforce.user_edits(record_id, {BUDGET: "large"})
    turn(world)
    turn(world)
    assert at_aws(world, apn_id) == "Budget large"
    by_us = world.salesforce._table(OPPORTUNITY)[record_id]
    world.clock.advance(timedelta(minutes=1))
    world.salesforce._save(OPPORTUNITY, by_us, {BUDGET: "huge"}, INTEGRATION, world.clock.now())
    turn(world)
    turn(world)
    assert at_aws(world, apn_id) == "Budget huge"
    nothing_moves(world)


def test_what_the_formula_reads_does_not_count_while_the_field_is_filled(world: World) -> None:
    publish(world, "nextStep", to_aws=Fallback(formula=f"'Budget ' & {BUDGET}"))
    record_id, apn_id = share(world, Next_Step__c="Call them", Budget__c="small")
    by_us = world.salesforce._table(OPPORTUNITY)[record_id]
    world.salesforce._save(OPPORTUNITY, by_us, {BUDGET: "huge"}, INTEGRATION, world.clock.now())
    nothing_moves(world)
    world.salesforce.user_edits(record_id, {NEXT_STEP: None})
    turn(world)
    turn(world)
    assert at_aws(world, apn_id) == "Budget huge"


def test_what_aws_cleared_stays_clear_until_somebody_edits_the_record(world: World) -> None:
    publish(world, "nextStep", to_aws=Fallback(formula=f"'Budget ' & {BUDGET}"))
    record_id, apn_id = share(world, Next_Step__c="Call them", Budget__c="small")
    world.partner_central.colleague_edits(apn_id, lambda answer: answer["LifeCycle"].pop("NextSteps"))
    for _ in range(3):
        turn(world)
    assert (row(world, record_id)[NEXT_STEP], at_aws(world, apn_id)) == (None, None)
    nothing_moves(world)
    world.salesforce.user_edits(record_id, {USE_CASE: "Blockchain"})
    turn(world)
    assert at_aws(world, apn_id) == "Budget small"


def test_a_failing_formula_is_the_records_problem_until_its_input_is_corrected(world: World) -> None:
    publish(world, "nextStep", to_aws=Fallback(formula=f"'Factor ' & TEXT(1 / VALUE({BUDGET}))"))
    record_id = deal(world, Next_Step__c=None, Budget__c="0")
    turn(world)
    assert open_codes(world, record_id) == ["FALLBACK_FAILED"]
    assert "1 / VALUE" in notes(world, record_id) and "Next_Step__c" in notes(world, record_id)
    assert world.partner_central.opportunities == {}
    world.salesforce.user_edits(record_id, {BUDGET: "4"})
    turn(world)
    turn(world)
    [apn_id] = world.partner_central.opportunities
    assert at_aws(world, apn_id) == "Factor 0.25"
    assert "FALLBACK_FAILED" not in open_codes(world, record_id)


@pytest.mark.parametrize("aws_moves", [False, True])
def test_a_lost_state_takes_no_stand_in_for_a_colleagues_word(world: World, aws_moves: bool) -> None:
    publish(world, "nextStep", to_aws=Fallback("Call them"))
    mapping = world.engine.mapping
    record_id, apn_id = share(world, Next_Step__c=None)
    if aws_moves:
        world.clock.advance(timedelta(minutes=5))
        world.partner_central.colleague_edits(apn_id, lambda answer: answer["Project"].update(Title="Their title"))
    writes = world.partner_central.writes
    world.empty_state()
    world.engine.mapping = mapping
    for _ in range(4):
        turn(world)
    assert (row(world, record_id)[NEXT_STEP], at_aws(world, apn_id)) == (None, "Call them")
    assert world.partner_central.writes == writes


@pytest.mark.parametrize("sent_again", [False, True], ids=["sent with the share", "sent since"])
def test_a_lost_state_takes_no_stand_in_of_an_earlier_day_for_a_colleagues_word(world: World, sent_again: bool) -> None:
    publish(world, "nextStep", to_aws=Fallback(formula=f"'Call ' & {BUDGET} & ' on ' & TEXT(TODAY() + 90)"))
    mapping = world.engine.mapping
    record_id, apn_id = share(world, Next_Step__c=None, Budget__c="us")
    turn(world, DAY)
    if sent_again:
        world.salesforce.user_edits(record_id, {BUDGET: "them"})
        turn(world)
        turn(world)
    sent, writes = at_aws(world, apn_id), world.partner_central.writes
    world.clock.advance(timedelta(days=3))
    world.empty_state()
    world.engine.mapping = mapping
    for _ in range(4):
        turn(world)
    assert (row(world, record_id)[NEXT_STEP], at_aws(world, apn_id)) == (None, sent)
    assert world.partner_central.writes == writes
    world.partner_central.colleague_edits(apn_id, lambda answer: answer["LifeCycle"].update(NextSteps="Visit them"))
    turn(world)
    turn(world)
    assert row(world, record_id)[NEXT_STEP] == "Visit them", "AWS's own word still comes in"


def test_a_stand_in_for_aws_is_written_once_told_and_not_sent(world: World) -> None:
    publish(world, "nextStep", from_aws=Fallback(formula="'Ask ' & customerCompanyName"))
    apn_id = colleague_creates(world)
    world.partner_central.opportunities[apn_id]["LifeCycle"].pop("NextSteps", None)
    turn(world)
    [record] = world.salesforce.all()
    assert (record[APN_ID], str(record[NEXT_STEP])[:4]) == (apn_id, "Ask ")
    assert "Fallback used for nextStep (Next_Step__c): Ask " in notes(world, record["Id"])
    writes = world.partner_central.writes
    nothing_moves(world)
    world.salesforce.user_edits(record["Id"], {USE_CASE: "Blockchain"})
    turn(world)
    turn(world)
    assert world.partner_central.writes == writes + 1
    assert at_aws(world, apn_id) is None, "nobody edited it here"
    # A person who empties or changes the field is not overruled.
    world.salesforce.user_edits(record["Id"], {NEXT_STEP: "Our step"})
    turn(world)
    assert at_aws(world, apn_id) == "Our step"
    world.partner_central.colleague_edits(apn_id, lambda answer: answer["LifeCycle"].pop("NextSteps"))
    turn(world)
    turn(world)
    assert str(row(world, record["Id"])[NEXT_STEP]).startswith("Ask "), "AWS's value became empty"
    nothing_moves(world)


def test_without_fallbacks_nothing_else_is_read(world: World) -> None:
    assert world.engine.mapping == MAPPING
    assert BUDGET not in world.engine.row_fields()
    publish(world, "nextStep", to_aws=Fallback(formula=f"{BUDGET} & lastmodifieddate & Name"))
    read = world.engine.row_fields()
    assert BUDGET in read
    assert len({name.lower() for name in read}) == len(read), "Salesforce takes each field once"


def test_a_formula_whose_field_vanished_stops_only_the_records_that_need_it(world: World) -> None:
    publish(world, "nextStep", to_aws=Fallback(formula="Gone__c"))
    needing = deal(world, Next_Step__c=None)
    share(world, Next_Step__c="Call them")
    assert open_codes(world, needing) == ["FALLBACK_FAILED"]
    assert "Gone__c is not known here" in notes(world, needing)


def test_related_records_that_only_a_formula_reads_are_watched(world: World) -> None:
    assert watched_objects(world.engine) == {}
    publish(world, "nextStep", to_aws=Fallback(formula="Account__r.Name"))
    assert list(watched_objects(world.engine)) == ["Account"]
    assert "Account__r.Name" in world.engine.row_fields()

"""What of the mapping keeps a schedule from being in force: all that keeps a mapping from being published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine.fields import describe_opportunity
from engine.turns import turn
from engine.world import MAPPING
from steered_world import SteeredSalesforce, SteeredWorld

from connector.mapping.model import Fallback, Mapping
from connector.names import PACKAGED, Schedule


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


def message(world: SteeredWorld) -> str:
    """Activate a schedule, which must be refused; return why."""
    schedule = world.schedules()
    world.steer()
    row = world.schedule_row(schedule)
    assert (row[Schedule.ACTIVE], row[Schedule.STATUS]) == (False, "Refused")
    return str(row[Schedule.MESSAGE])


def with_fallback(formula: str) -> Mapping:
    fields = tuple(
        replace(item, to_aws=Fallback(formula=formula)) if item.ace_field == "nextStep" else item
        for item in MAPPING.fields
    )
    return replace(MAPPING, fields=fields)


def test_a_sound_mapping_refuses_nothing(world: SteeredWorld) -> None:
    schedule = world.schedules()
    world.steer()
    assert world.schedule_row(schedule)[Schedule.ACTIVE], world.schedule_row(schedule)


@pytest.mark.parametrize("name", ["sync_with_aws", "last_sync_date", "apn_id"])
def test_a_missing_field_of_the_connectors_own_is_named(
    world: SteeredWorld, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, whole = str(getattr(PACKAGED, name)), describe_opportunity()
    left = replace(whole, fields={one: field for one, field in whole.fields.items() if field.name != gone})
    monkeypatch.setattr(SteeredSalesforce, "describe", lambda *_: left)
    assert gone in message(world)


def test_a_rule_that_leaves_out_opportunities_has_to_be_a_formula(world: SteeredWorld) -> None:
    world.engine.mapping = replace(MAPPING, exclude="ISPICKVAL(stage, 'Launched'")
    assert "ISPICKVAL(stage" in message(world)


def test_a_fallback_has_to_be_a_formula_over_fields_that_exist(world: SteeredWorld) -> None:
    world.engine.mapping = with_fallback("TEXT(")
    assert "nextStep" in message(world)
    world.engine.mapping = with_fallback("Nowhere__c & 'x'")
    assert "Nowhere__c" in message(world)


def test_a_required_field_that_vanished_is_told_from_one_that_nobody_mapped(world: SteeredWorld) -> None:
    """The worker leaves out what does not work any more; an admin who sees it mapped is told what it is mapped to."""
    world.engine.mapping = MAPPING.without_field("customerCompanyName").without_field("industry")
    world.engine.left_out = {"customerCompanyName": "Company__c"}
    told = message(world)
    assert "not work in the org any more: customerCompanyName (Company__c)." in told
    assert "not mapped: industry." in told

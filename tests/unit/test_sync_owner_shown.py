"""After a share Salesforce shows whom AWS has as the owner: the one that was named, or whom AWS named by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import engine.salesforce
import engine.world
import pytest
from engine.fields import describe_opportunity
from engine.turns import deal, open_codes, turn
from engine.world import World

from connector.ace.catalogue import opportunity_fields
from connector.mapping.automap import automap_packaged
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.names import SYNC_LOG_DETAIL
from connector.sync.ownership import OWNER

EMAIL, NAME = "Opportunity_Owner_Email__c", "Opportunity_Owner_Name__c"
LEAD = {"Email": "lead@partner.example", "FirstName": "Ada", "LastName": "Moreno", "BusinessTitle": OWNER}


def _with_owner() -> ObjectDescribe:
    known = describe_opportunity()
    fields = (FieldDescribe(EMAIL, "Owner Email", "email", length=80), FieldDescribe(NAME, "Owner", "string", 161))
    return replace(known, fields={**known.fields, **{one.name.lower(): one for one in fields}})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An org that maps the owner; AWS makes the alliance lead the owner of a new opportunity."""
    mapping = replace(automap_packaged(opportunity_fields(), _with_owner()), version=1)
    monkeypatch.setattr(engine.salesforce, "describe_opportunity", _with_owner)
    monkeypatch.setattr(engine.world, "MAPPING", mapping)
    opened = World(tmp_path)
    create = type(opened.partner_central)._create

    def created(self: Any, request: Any) -> Any:
        answer = create(self, request)
        self.opportunities[answer["Id"]]["OpportunityTeam"] = [LEAD]
        return answer

    monkeypatch.setattr(type(opened.partner_central), "_create", created)
    turn(opened)
    yield opened
    opened.close()


def shown(world: World, record: str) -> tuple[Any, Any]:
    for _ in range(2):
        turn(world)
    row = world.salesforce.row(record)
    assert row is not None
    return row[EMAIL], row[NAME]


def owner(world: World) -> str:
    [found] = world.partner_central.opportunities.values()
    return str(found["OpportunityTeam"][0]["Email"])


def told(world: World) -> str:
    return " ".join(str(one.get("Error_Message__c")) for one in world.salesforce.all(SYNC_LOG_DETAIL))


def test_the_owner_that_aws_named_comes_to_the_record(world: World) -> None:
    record = deal(world, **{EMAIL: None, NAME: None})
    assert shown(world, record) == ("lead@partner.example", "Ada Moreno")
    assert open_codes(world, record) == []
    writes = world.partner_central.writes
    assert shown(world, record) == ("lead@partner.example", "Ada Moreno")
    assert (owner(world), world.partner_central.writes) == ("lead@partner.example", writes), "and nothing goes back"


def test_the_owner_who_was_named_stays(world: World) -> None:
    record = deal(world, **{EMAIL: "sam@partner.example", NAME: "Sam Okafor"})
    assert shown(world, record) == ("sam@partner.example", "Sam Okafor")
    assert owner(world) == "sam@partner.example"


def test_a_name_without_an_address_assigns_nobody_and_the_log_says_so(world: World) -> None:
    record = deal(world, **{EMAIL: None, NAME: "Sam Okafor"})
    assert shown(world, record) == ("lead@partner.example", "Ada Moreno")
    assert "Sam Okafor was not assigned" in told(world)


def test_another_owner_who_is_entered_later_is_told_and_kept(world: World) -> None:
    record = deal(world, **{EMAIL: None, NAME: None})
    shown(world, record)
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "Approved")
    shown(world, record)
    world.salesforce.user_edits(record, {EMAIL: "sam@partner.example", NAME: "Sam Okafor"})
    assert shown(world, record) == ("sam@partner.example", "Sam Okafor")
    assert owner(world) == "lead@partner.example"
    assert "Use Assign on the record" in told(world)

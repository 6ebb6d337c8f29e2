"""Another integration is noticed by what programs leave and people do not, and confirmed before going live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, KEY_PREFIX, OPPORTUNITY, describe_opportunity
from engine.salesforce import MemorySalesforce
from engine.turns import colleague_creates, deal, open_codes, share, turn
from engine.world import World
from hypothesis import given
from hypothesis import strategies as st

from connector.eligibility.formula import case_safe_id
from connector.errors import ConfigError
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync import other_integrations
from connector.sync.other_integrations import (
    PACKAGE_LOG,
    TROUBLE,
    follow_others,
    require_confirmed,
    signs,
    unconfirmed,
)

OTHER_OBJECT = case_safe_id("006Sb0000000001")
"""An id of the standard opportunity, which other integrations send; ours here are of the packaged object."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The live catalog, and nothing written to it yet."""
    opened = World(tmp_path)
    yield opened
    opened.close()


def foreign(world: World, *identifiers: str) -> list[str]:
    """Let opportunities appear at AWS that bear these identifiers."""
    return [colleague_creates(world, PartnerOpportunityIdentifier=one) for one in identifiers]


def confirm(world: World) -> None:
    world.settings = replace(world.settings, beside_other_integration=True)
    world.restart()


def our_writes(world: World, record: str) -> int:
    return sum(
        one.get("PartnerOpportunityIdentifier") == record for one in world.partner_central.opportunities.values()
    )


def test_nobody_else_is_at_work_in_the_ordinary(world: World) -> None:
    """Colleagues work in Partner Central, one types an identifier, historical data is there, the state is lost."""
    colleague_creates(world)
    foreign(world, "X0001", "X0002", "X0003", "X0004", "our deal with Rail")
    record, apn_id = share(world)
    world.partner_central.colleague_edits(apn_id, lambda fields: fields["Project"].update(CustomerUseCase="Blockchain"))
    turn(world)
    assert signs(world.engine) == ()
    world.empty_state()
    for _ in range(2):
        turn(world)
    assert signs(world.engine) == () and unconfirmed(world.engine) == ""
    assert world.salesforce.row(record)[APN_ID] == apn_id


@pytest.mark.parametrize("identifiers", [("CRM-1", "CRM-2", "CRM-3"), (OTHER_OBJECT,)])
def test_going_live_beside_another_integration_waits_for_an_admins_word(world: World, identifiers: tuple[str]) -> None:
    record = deal(world)
    foreign(world, *identifiers)
    for _ in range(3):
        turn(world)
    assert our_writes(world, record) == 0 and world.salesforce.row(record)[APN_ID] is None
    assert open_codes(world, record) == ["WAITING"]
    [told] = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.RECORD_ID] == record]
    assert identifiers[-1] in told[Detail.ERROR_MESSAGE] and "Beside_Other_Integration__c" in told[Detail.ERROR_MESSAGE]
    follow_others(world.engine)
    assert world.engine.troubles[TROUBLE].startswith("Nothing is sent yet") and "outbound" in world.engine.troubles
    confirm(world)
    for _ in range(2):
        turn(world)
    assert our_writes(world, record) == 1 and open_codes(world, record) == []
    follow_others(world.engine)
    assert TROUBLE not in world.engine.troubles


def test_what_comes_after_going_live_is_told_and_stops_nothing(world: World) -> None:
    share(world)
    foreign(world, OTHER_OBJECT)
    turn(world)
    record = deal(world)
    turn(world)
    assert our_writes(world, record) == 1
    follow_others(world.engine)
    assert "at work beside this one" in world.engine.troubles[TROUBLE]
    assert unconfirmed(world.engine) == ""


def test_an_integration_that_ended_is_forgotten(world: World) -> None:
    foreign(world, OTHER_OBJECT)
    turn(world)
    assert signs(world.engine)
    world.clock.advance(timedelta(days=15))
    record = deal(world)
    for _ in range(2):
        turn(world)
    assert signs(world.engine) == () and our_writes(world, record) == 1


def test_who_replaces_our_identifier_is_noticed(world: World) -> None:
    _, apn_id = share(world)
    world.clock.advance(timedelta(days=30))
    world.partner_central.colleague_edits(
        apn_id, lambda fields: fields.update(PartnerOpportunityIdentifier=OTHER_OBJECT)
    )
    turn(world)
    [told] = signs(world.engine)
    assert apn_id in told and OTHER_OBJECT in told


def test_what_belonged_to_an_object_mapped_before_is_ours(world: World) -> None:
    """The state that knew it is lost; a sync log in Salesforce names it."""
    [apn_id] = foreign(world, OTHER_OBJECT)
    turn(world)
    [link] = [link for link in [world.state.links.by_apn(apn_id)] if link is not None]
    detail = {Detail.APN_ID: apn_id, Detail.RECORD_ID: OTHER_OBJECT, Detail.KEY: "k", Detail.STATUS: "Processed"}
    world.salesforce.tables[SYNC_LOG_DETAIL] = {"d": {"Id": "d", **detail}}
    world.state.links.delete(link.record_id)
    world.state.meta.delete("others:opportunities")
    other_integrations.note_page(world.engine, next(world.partner_central.list_opportunities()))
    assert signs(world.engine) == ()


def test_a_new_state_looks_before_it_writes_anything(world: World) -> None:
    with pytest.raises(Exception, match="looked at before the first write"):
        require_confirmed(world.engine)
    turn(world)
    require_confirmed(world.engine)
    world.engine.catalog = "Sandbox"
    foreign(world, OTHER_OBJECT)
    require_confirmed(world.engine)


class PackagedOrg:
    """An org in which AWS's managed package is installed, and writes a log for each of its runs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.logs: list[str] = []
        self.asked = 0
        describe, query = MemorySalesforce.describe, MemorySalesforce.query
        patch.setattr(
            MemorySalesforce,
            "describe",
            lambda org, name: describe_opportunity() if name == PACKAGE_LOG else describe(org, name),
        )
        patch.setattr(
            MemorySalesforce, "query", lambda org, soql: self.answer(soql) if PACKAGE_LOG in soql else query(org, soql)
        )

    def answer(self, soql: str) -> Iterator[dict[str, Any]]:
        self.asked += 1
        since = soql.split("CreatedDate > ")[1].split()[0]
        yield from ({"CreatedDate": one} for one in sorted(self.logs, reverse=True)[:1] if one > since)


def test_awss_own_connector_is_noticed_by_its_logs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    org, record = PackagedOrg(monkeypatch), deal(world)
    org.logs.append(f"{world.clock.now():%Y-%m-%dT%H:%M:%S}.000+0000")
    for _ in range(2):
        turn(world)
    assert our_writes(world, record) == 0 and PACKAGE_LOG in unconfirmed(world.engine)
    asked = org.asked
    for _ in range(20):
        signs(world.engine)
    assert org.asked == asked, "the org is not asked each time"
    world.clock.advance(timedelta(days=3))
    for _ in range(2):
        turn(world)
    assert our_writes(world, record) == 1, "the package was switched off"


def test_an_org_without_the_package_says_nothing(world: World) -> None:
    with pytest.raises(ConfigError):
        world.salesforce.describe(PACKAGE_LOG)
    assert other_integrations.package_at_work(world.salesforce, world.clock.now()) == ""


@given(st.text(max_size=64))
def test_no_text_that_people_type_counts_by_itself(text: str) -> None:
    if case_safe_id(text[:15]) != text or len(text) != 18:
        assert not other_integrations._is_salesforce_id(text)


def test_ids_of_ours_are_no_sign(world: World) -> None:
    own = case_safe_id(f"{KEY_PREFIX}Sb00000000zz")
    assert describe_opportunity().name == OPPORTUNITY
    foreign(world, own)
    turn(world)
    assert signs(world.engine) == ()

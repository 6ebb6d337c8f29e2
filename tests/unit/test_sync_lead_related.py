"""Opportunities and leads look at the same related objects, such as users, and neither forgets where the other was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lead_world import LeadWorld

from connector.sync.observe import OVERLAP
from connector.sync.related_changes import CURSOR, LEADS_CURSOR, LEADS_TROUBLE, TROUBLE, changed_parents


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LeadWorld]:
    opened = LeadWorld(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("of_leads", [True, False])
def test_each_forgets_its_own_positions_only(world: LeadWorld, *, of_leads: bool) -> None:
    for cursor in (CURSOR, LEADS_CURSOR):
        world.state.cursors.set(cursor + "User", world.clock.now().isoformat())
    world.engine.troubles.update({TROUBLE + "User": "x", LEADS_TROUBLE + "User": "y"})
    engine = world.leads if of_leads else world.engine
    assert list(changed_parents(engine, world.salesforce.server_time(), overlap=OVERLAP)) == []
    left, gone = (CURSOR, LEADS_CURSOR) if of_leads else (LEADS_CURSOR, CURSOR)
    assert world.state.cursors.get(left + "User") and world.state.cursors.get(gone + "User") is None
    assert list(engine.troubles) == [(TROUBLE if of_leads else LEADS_TROUBLE) + "User"]


def test_the_share_rule_counts_for_opportunities_only(world: LeadWorld) -> None:
    """It is a formula over opportunities; leads are never shared (LEAD-02)."""
    ruled = replace(world.settings, share_rule="NOT(ISBLANK(Company))")
    world.leads.settings = world.engine.settings = ruled
    lead = world.refers()
    row = world.salesforce.rows("Lead", [lead], world.leads.row_fields())[lead]
    assert world.leads.share_ruling(row) is None
    assert world.engine.share_ruling({"Id": "a0X000000000001AAA"}) is not None

"""``connector check --production`` and ``--data-model``: what can be computed is, what people know they confirm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from admin_desk import DEALS, SETTINGS, Desk

from connector.salesforce.door import SalesforceDoor


def steps(desk: Desk, *more: str, code: int = 1) -> dict[str, dict[str, Any]]:
    """Return the checklist by the steps' names for the command."""
    found = desk.do("check", "--production", *more, "--json", code=code).json["steps"]
    assert [one["number"] for one in found] == list(range(1, 9))
    return {one["key"]: one for one in found}


@pytest.fixture
def production(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The org says that it is a production org, and the settings name the live catalog."""
    told = SalesforceDoor.identity
    monkeypatch.setattr(SalesforceDoor, "identity", lambda door: replace(told(door), is_sandbox=False))
    row = desk.settings_row()
    assert row is not None
    desk.admin.patch(f"sobjects/{SETTINGS}/{row['Id']}", {"PC_API_Sandbox_Enabled__c": False})
    return desk


@pytest.mark.requirement("OPS-15")
def test_the_eight_steps_to_production_are_tracked(production: Desk) -> None:
    desk = production
    try:
        found = steps(desk)
        states = {key: one["state"] for key, one in found.items()}
        assert [states[key] for key in ("onboarding", "install", "mapping")] == ["complete"] * 3, found
        assert (states["schedules"], states["dummy"], states["support"]) == ("to confirm", "open", "to confirm")
        assert states["activate"] == "open" and "dummy" in found["activate"]["message"]
        desk.shared()
        assert steps(desk)["dummy"]["state"] == "complete", "seen, not typed"
        for step in ("schedules", "support", "backfill"):
            found = steps(desk, "--confirm", step, code=0 if step == "backfill" else 1)
        assert found["support"]["message"].startswith("Confirmed by ")
        assert found["schedules"]["state"] == "not needed"
        assert found["activate"]["state"] == "complete"
        table = desk.do("check", "--production").out
        assert "AWS support confirms" in table and "complete" in table
    finally:
        row = desk.settings_row()
        assert row is not None
        desk.admin.patch(f"sobjects/{SETTINGS}/{row['Id']}", {"PC_API_Sandbox_Enabled__c": True})


def test_what_the_connector_can_find_out_nobody_confirms(desk: Desk) -> None:
    assert "computed" in desk.do("check", "--production", "--confirm", "install", code=1).err
    assert "no step 'instal'" in desk.do("check", "--production", "--confirm", "instal", code=2).err
    desk.do("check", "--confirm", "support", code=2)
    assert steps(desk)["activate"]["message"].startswith("Use the production org")


def test_a_failed_check_opens_its_step_and_closes_the_last(desk: Desk) -> None:
    desk.set(CONNECTOR__AWS__PARTNER_CENTRAL__REGION="eu-west-1")
    found = steps(desk)
    assert found["onboarding"]["state"] == "open" and "region" in found["onboarding"]["message"]
    assert found["mapping"]["state"] == "complete", "one does not stop the others"


@pytest.mark.requirement("OPS-13")
def test_open_records_that_lack_what_version_2_requires_are_listed(desk: Desk) -> None:
    """Exactly the incomplete ones: not the complete, the closed, and those that do not take part."""
    before = {one["record_id"] for one in desk.run("check", "--data-model", "--json").json["records"]}
    stateless = {"State_or_Region__c": None}
    desk.deal(1, **stateless)
    lacking = desk.deal(2, Delivery_Model__c=None, **stateless)
    abroad = desk.deal(1, State_or_Region__c="Bayern")
    desk.deal(3, Delivery_Model__c=None, ACE_Sync_with_AWS__c=False)
    desk.deal(4, Delivery_Model__c=None, Stage__c="Closed Lost", Closed_Lost_Reason__c="No Opportunity")
    found = {one["record_id"]: one for one in desk.do("check", "--data-model", "--json", code=1).json["records"]}
    assert set(found) - before == {lacking, abroad}
    assert "deliveryModel" in found[lacking]["problems"][0] and found[lacking]["object"] == DEALS
    assert "United States only" in found[abroad]["problems"][0], "a rule that version 1 does not have"
    assert found[lacking]["name"]
    mended = {"Delivery_Model__c": "SaaS or PaaS"}
    assert desk.seller.patch(f"sobjects/{DEALS}/{lacking}", mended).status_code == 204
    assert desk.seller.patch(f"sobjects/{DEALS}/{abroad}", stateless).status_code == 204
    ran = desk.run("check", "--data-model")
    assert f"{len(before)} open records" in ran.out and lacking not in ran.out

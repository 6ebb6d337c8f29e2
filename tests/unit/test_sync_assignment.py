"""An opportunity is handed to a colleague once, and who asked is told AWS's own reason where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine.turns import deal, share, turn
from steered_world import SteeredWorld

from connector.errors import Retriable
from connector.names import PACKAGED, ActionRequest
from connector.sync.assignment import OWNER, SALES_CONTACT

SAM = "sam@partner.example"
RITA = {
    ActionRequest.ASSIGNEE_FIRST_NAME: "Rita",
    ActionRequest.ASSIGNEE_LAST_NAME: "Lindqvist",
    ActionRequest.ASSIGNEE_EMAIL: "rita@partner.example",
    ActionRequest.ASSIGNEE_BUSINESS_TITLE: OWNER,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    opened = SteeredWorld(tmp_path)
    turn(opened)
    yield opened
    opened.close()


@pytest.fixture
def shared(world: SteeredWorld) -> tuple[str, str]:
    """A record that AWS approved; nothing goes out by itself any more."""
    found = share(world)
    owner = {"BusinessTitle": OWNER, "Email": SAM, "FirstName": "Sam", "LastName": "Okafor"}
    world.partner_central.colleague_edits(found[1], lambda one: one.update(OpportunityTeam=[owner]))
    world.settings = replace(world.settings, share_automatically=False, update_automatically=False)
    world.restart()
    return found


def answered(world: SteeredWorld, request: str, times: int = 4) -> tuple[str, str]:
    for _ in range(times):
        world.steer()
    return world.request(request)


def team(world: SteeredWorld, apn_id: str) -> dict[str, str]:
    members = world.partner_central.opportunities[apn_id].get("OpportunityTeam", ())
    return {member["BusinessTitle"]: member["Email"] for member in members}


@pytest.mark.parametrize("title", [OWNER, SALES_CONTACT])
def test_the_opportunity_is_handed_over_once(world: SteeredWorld, shared: tuple[str, str], title: str) -> None:
    record, apn_id = shared
    wanted = {**RITA, ActionRequest.ASSIGNEE_BUSINESS_TITLE: title}
    before = world.partner_central.writes
    for _ in range(2):
        status, message = answered(world, world.asks("Assign", record, **wanted))
        assert (status, "rita@partner.example" in message, apn_id in message) == ("Done", True, True)
    assert team(world, apn_id) == {OWNER: SAM, title: "rita@partner.example"}
    assert world.partner_central.writes == before + 1


@pytest.mark.parametrize("missing", sorted(RITA))
def test_each_detail_is_required_by_its_name(world: SteeredWorld, shared: tuple[str, str], missing: str) -> None:
    request = world.asks("Assign", shared[0], **{**RITA, missing: " "})
    status, message = answered(world, request)
    assert status == "Failed"
    assert missing.removesuffix("__c").replace("_", " ") in message
    assert team(world, shared[1]) == {OWNER: SAM}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ActionRequest.ASSIGNEE_EMAIL, "rita at partner"),
        (ActionRequest.ASSIGNEE_EMAIL, f"{'r' * 80}@partner.example"),
        (ActionRequest.ASSIGNEE_BUSINESS_TITLE, "Boss"),
    ],
)
def test_details_that_cannot_be_are_refused(
    world: SteeredWorld, shared: tuple[str, str], name: str, value: str
) -> None:
    before = world.interruptions.calls["aws assign"]
    status, message = answered(world, world.asks("Assign", shared[0], **{**RITA, name: value}))
    assert (status, name.removesuffix("__c").replace("_", " ") in message) == ("Failed", True)
    assert world.interruptions.calls["aws assign"] == before


def test_awss_own_reason_is_told(world: SteeredWorld, shared: tuple[str, str]) -> None:
    wanted = {**RITA, ActionRequest.ASSIGNEE_EMAIL: "nobody@partner.example"}
    status, message = answered(world, world.asks("Assign", shared[0], **wanted))
    assert (status, "nobody@partner.example" in message) == ("Failed", True)


def test_a_referral_is_accepted_before_it_is_assigned(world: SteeredWorld) -> None:
    record = deal(world, **{PACKAGED.invitation_id: "engi-0123456789abc"})
    world.salesforce.tables["ACE_Opportunity__c"][record]["ACE_Sync_with_AWS__c"] = False
    rows = type(world.salesforce).rows

    def with_invitation(self: Any, object_name: str, ids: Any, fields: Any) -> Any:
        return rows(self, object_name, ids, (*fields, PACKAGED.invitation_id))

    world.engine.salesforce = _Reading(world.salesforce, with_invitation)
    request = world.asks("Assign", record, **RITA)
    status, message = answered(world, request)
    assert (status, "not accepted yet" in message) == ("Failed", True)
    assert world.interruptions.calls["aws assign"] == 0


class _Reading:
    """The org, with the invitation's field, which the reduced object lacks."""

    def __init__(self, salesforce: Any, rows: Any) -> None:
        self._salesforce, self._rows = salesforce, rows

    def rows(self, object_name: str, ids: Any, fields: Any) -> Any:
        return self._rows(self._salesforce, object_name, ids, fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._salesforce, name)


def test_what_was_not_shared_cannot_be_assigned(world: SteeredWorld) -> None:
    world.settings = replace(world.settings, share_automatically=False)
    world.restart()
    status, message = answered(world, world.asks("Assign", deal(world), **RITA))
    assert (status, "Share it first" in message) == ("Failed", True)


@pytest.mark.parametrize("moment", ["crash before", "crash after", "lost before", "lost after", "busy"])
@pytest.mark.parametrize("countdown", range(1, 10))
def test_an_interruption_anywhere_comes_to_the_same_end(
    world: SteeredWorld, shared: tuple[str, str], moment: str, countdown: int
) -> None:
    record, apn_id = shared
    before = world.partner_central.writes
    request = world.asks("Assign", record, **RITA)
    world.interruptions.arm(moment, countdown)
    for _ in range(6):
        world.alive(lambda: world.steer(3))
    assert world.interruptions.armed == []
    assert world.request(request)[0] == "Done"
    assert team(world, apn_id) == {OWNER: "rita@partner.example"}
    assert world.partner_central.writes == before + 1, "once"


def test_where_it_cannot_be_told_the_requester_is_asked_to_look(
    world: SteeredWorld, shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise Retriable("AssignOpportunity: no complete answer from Partner Central.", outcome_unknown=True)

    monkeypatch.setattr(type(world.partner_central), "assign", lost)
    world.partner_central.colleague_edits(shared[1], lambda one: one.pop("OpportunityTeam"))
    status, message = answered(world, world.asks("Assign", shared[0], **RITA))
    assert status == "Unknown"
    assert "check the team" in message and "no complete answer" in message

"""The embedded Partner Central announces what happens, as the service does: by hints only, and in bursts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sandbox_partner_central import World, refused

from connector.sandbox.partner_central import backstage
from connector.sandbox.partner_central.settings import ACCOUNT_ID

Json = dict[str, Any]
CREATED, UPDATED = "Opportunity Created", "Opportunity Updated"
SNAPSHOT, MEMBER = "Engagement Resource Snapshot Created", "Engagement Member Added"
INVITED, ACCEPTED, REJECTED, EXPIRED = (
    f"Engagement Invitation {end}" for end in ("Created", "Accepted", "Rejected", "Expired")
)


@pytest.fixture(scope="module")
def followed() -> Iterator[tuple[World, list[Json]]]:
    world, heard = World(), list[Json]()
    world.service.subscribe(heard.append)
    yield world, heard
    world.close()


@pytest.fixture
def world(followed: tuple[World, list[Json]], heard: list[Json]) -> World:
    followed[0].reset()
    heard.clear()
    return followed[0]


@pytest.fixture
def heard(followed: tuple[World, list[Json]]) -> list[Json]:
    return followed[1]


def kinds(heard: list[Json]) -> Counter[str]:
    """Return what was announced since the last look."""
    found = Counter(one["detail-type"] for one in heard)
    heard.clear()
    return found


def test_an_envelope_has_what_eventbridge_sends_and_identifiers_only(world: World, heard: list[Json]) -> None:
    identifier = world.create()
    (event,) = heard
    assert set(event) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    }  # fmt: skip
    assert (event["source"], event["account"], event["region"]) == (
        "aws.partnercentral-selling", ACCOUNT_ID, "us-east-1",
    )  # fmt: skip
    assert event["detail"] == {"schemaVersion": "1", "catalog": "AWS", "opportunity": {"identifier": identifier}}


def test_the_partners_own_writes_come_back_as_bursts(world: World, heard: list[Json]) -> None:
    identifier = world.create()
    assert kinds(heard) == {CREATED: 1}
    world.associate(identifier)
    assert kinds(heard) == {UPDATED: 2}
    world.update(identifier, lambda body: body["Project"].update({"Title": "Changed"}))
    assert kinds(heard) == {UPDATED: 2}


def test_what_is_refused_or_only_read_announces_nothing(world: World, heard: list[Json]) -> None:
    identifier = world.create()
    heard.clear()
    world.get(identifier)
    stale = {**world.writable(identifier), "LastModifiedDate": "2020-01-01T00:00:00Z"}
    refused(lambda: world.client.update_opportunity(**stale))
    assert kinds(heard) == {}


def test_a_submission_announces_engagement_and_invitation_and_its_review_the_answer(
    world: World, heard: list[Json]
) -> None:
    identifier = world.create()
    world.associate(identifier)
    heard.clear()
    world.submit(identifier)
    sent = next(one for one in heard if one["detail-type"] == INVITED)
    assert sent["detail"]["engagementInvitation"]["participantType"] == "SENDER"
    assert kinds(heard) == {UPDATED: 2, "Engagement Created": 1, SNAPSHOT: 1, MEMBER: 1, INVITED: 1}
    world.review(identifier, "In review")
    assert kinds(heard) == {UPDATED: 2, SNAPSHOT: 1}
    world.review(identifier, "Approved")
    assert kinds(heard) == {UPDATED: 2, SNAPSHOT: 1, ACCEPTED: 1, MEMBER: 1}


def test_a_rejected_submission_announces_that(world: World, heard: list[Json]) -> None:
    identifier = world.in_phase("Submitted")
    heard.clear()
    world.review(identifier, "Rejected")
    assert kinds(heard) == {UPDATED: 2, SNAPSHOT: 1, REJECTED: 1}


def test_a_referral_announces_its_invitation_alone_until_it_is_accepted(world: World, heard: list[Json]) -> None:
    ids = backstage.refer_opportunity(world.service, {})
    (event,) = heard
    told = event["detail"]["engagementInvitation"]
    assert (event["detail-type"], told["id"], told["participantType"]) == (INVITED, ids["invitation"], "RECEIVER")
    assert event["resources"] == [told["arn"]]
    backstage.edit_opportunity(world.service, ids["opportunity"], {"Project.Title": "Hidden still"})
    assert kinds(heard) == {INVITED: 1}
    world.client.start_engagement_by_accepting_invitation_task(
        Catalog="AWS", Identifier=ids["invitation"], ClientToken=world.token()
    )
    assert kinds(heard) == {ACCEPTED: 1, MEMBER: 1, CREATED: 1, UPDATED: 2, SNAPSHOT: 1}


def test_a_referral_that_is_declined_or_lapses_says_so_once(world: World, heard: list[Json]) -> None:
    declined, lapsing = (backstage.refer_opportunity(world.service, {})["invitation"] for _ in range(2))
    heard.clear()
    world.client.reject_engagement_invitation(Catalog="AWS", Identifier=declined, RejectionReason="Other")
    assert kinds(heard) == {REJECTED: 1}
    world.clock.advance(16 * 86_400)
    world.service.deliver()
    assert [one["detail"]["engagementInvitation"]["id"] for one in heard] == [lapsing]
    assert kinds(heard) == {EXPIRED: 1}
    world.service.deliver()
    assert kinds(heard) == {}


def test_aws_edits_are_announced_but_not_a_change_of_the_summary_alone(world: World, heard: list[Json]) -> None:
    identifier = backstage.create_opportunity(world.service, {}, "Sandbox")
    assert [one["detail"]["catalog"] for one in heard] == ["Sandbox"]
    heard.clear()
    backstage.edit_opportunity(world.service, identifier, {"Project.Title": "By AWS"})
    assert kinds(heard) == {UPDATED: 2}
    backstage.edit_opportunity(world.service, identifier, {"Summary.CosellMotion": "AWS-led"})
    assert kinds(heard) == {}


def test_a_listener_may_call_the_service_and_spoil_its_copy(world: World, heard: list[Json]) -> None:
    """It is called after the lock was released, each with an envelope of its own."""

    def curious(envelope: Json) -> None:
        if envelope["detail-type"] == CREATED:
            world.get(envelope["detail"]["opportunity"]["identifier"])
            envelope.clear()

    feed = world.service.account.feed
    feed._receivers.insert(0, curious)
    try:
        world.service.announce({"detail-type": "Anything", "id": "1"})
        backstage.create_opportunity(world.service, {})
    finally:
        feed._receivers.remove(curious)
    assert kinds(heard) == {"Anything": 1, CREATED: 1}

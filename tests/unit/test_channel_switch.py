"""What waits in the file channel when an admin moves opportunities to the API, and what the API's ways do before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ace_records import TODAY, sound_record
from engine.files import FILES, LET_OUT, Files
from engine.world import World

from connector.ace import api_shape
from connector.ace.events import PARTNER_CENTRAL, Event
from connector.errors import AuthFailed, ConnectorError, Retriable
from connector.names import NOTIFICATION, Notification
from connector.store.entries import Entry
from connector.store.links import Link
from connector.sync import plan, queueing
from connector.sync.create import ADOPTED
from connector.sync.events import BY_FILES, Arrival, take_in, work_off
from connector.sync.exchange.uploads import perform_uploads
from connector.sync.plan import OutboundFacts, Settle, plan_outbound

BY_API = replace(LET_OUT, files=replace(FILES, opportunities_over_files=False))
OFFER = "arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Offer/offer-abc123"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Files]:
    opened = Files(tmp_path)
    opened.state.meta.set(ADOPTED, opened.clock.now().isoformat())
    yield opened
    opened.close()


def move(world: Files) -> None:
    """The admin takes the tick away; the API's jobs, and what is left of files, have their turns."""
    world.exchange.trouble = None
    world.use(BY_API)
    for _ in range(3):
        world.clock.advance(timedelta(minutes=20))
        for job in (queueing.UPLOAD, queueing.RESULTS):
            world.schedule(job)
        World.cycle(world)
        world.partner_central.finish_tasks()


def refused(world: Files, error: ConnectorError) -> str:
    """A new deal gets into a file that the bucket does not take; return its id."""
    record_id = world.deal()
    world.exchange.trouble = error
    world.turn()
    assert [one.name for one in world.state.uploads.to_send("opportunity")] and world.exchange.submitted == []
    return record_id


def shared_by_api(world: Files) -> list[str]:
    """Return the partner's identifiers at AWS's API."""
    return [one["PartnerOpportunityIdentifier"] for one in world.partner_central.opportunities.values()]


def test_a_file_that_the_bucket_certainly_refused_goes_by_the_api_instead(world: Files) -> None:
    """The bucket may be closed for good: its records need not wait for it."""
    record_id = refused(world, AuthFailed("Access Denied"))
    move(world)
    assert shared_by_api(world) == [record_id] and world.exchange.submitted == []
    assert world.state.uploads.of_record(record_id) is None


def test_a_file_that_may_be_at_aws_is_brought_to_its_end(world: Files) -> None:
    """Nothing else of its record goes out before the answer, by whichever way; and it goes out under its one name."""
    record_id = refused(world, Retriable("The answer was lost.", outcome_unknown=True))
    (name,) = [one.name for one in world.state.uploads.to_send("opportunity")]
    move(world)
    assert world.files() == [name] and world.partner_central.writes == 0
    assert world.state.uploads.of_record(record_id) is not None
    world.exchange.aws_takes()
    world.schedule(queueing.RESULTS)
    world.execute(10)
    assert world.state.links.require(record_id).apn_id in world.exchange.records
    assert world.state.uploads.of_record(record_id) is None and world.partner_central.writes == 0


def test_a_refusal_after_a_lost_answer_says_nothing_of_the_first_attempt(world: Files) -> None:
    record_id = refused(world, Retriable("The answer was lost.", outcome_unknown=True))
    world.exchange.trouble = AuthFailed("Access Denied")
    world.turn()
    move(world)
    assert len(world.files()) == 1 and world.partner_central.writes == 0
    assert world.state.uploads.of_record(record_id) is not None


def test_what_waits_for_a_file_begins_its_turn_anew_with_its_request(world: Files) -> None:
    record_id = world.deal()
    link = Link(record_id, world.engine.mapping.object_name, row={})
    world.state.links.save(link)
    entry = Entry(record_id, "opportunity", "out-1", {}, record_id, None, put_at=world.clock.now(), requested=True)
    world.state.entries.put(entry)
    world.use(BY_API)
    perform_uploads(world.engine, _item())
    assert world.state.entries.count() == 0 and world.state.links.require(record_id).requested
    assert [one.key for one in world.state.queue.list("waiting") if one.kind == queueing.OUTBOUND] == [record_id]


def _item() -> Any:
    """The job's item, of which nothing is read."""
    return None


def test_events_ask_nothing_of_the_api_while_opportunities_travel_as_files(world: Files) -> None:
    """Neither an opportunity nor an invitation is looked at; the list of notifications says why."""
    arrived = [
        Event(id=f"event-{kind}", kind=kind, source=PARTNER_CENTRAL, catalog="AWS", entity_id=entity, **more)
        for kind, entity, more in (
            ("Opportunity Updated", "O1234567", {}),
            ("Engagement Invitation Created", "engi-1",
             {"participant": "RECEIVER", "payload_type": "OpportunityInvitation"}),
        )
    ]  # fmt: skip
    take_in(world.state, [Arrival(one) for one in arrived], world.clock.now())
    assert work_off(world.engine) == 0
    looks = {queueing.INBOUND, queueing.REFERRAL}
    assert not looks.intersection(one.kind for one in world.state.queue.list("waiting"))
    for one in arrived:
        row = world.state.outbox.get(NOTIFICATION, one.id)
        assert row is not None
        assert (row.body[Notification.STATUS], row.body[Notification.MESSAGE]) == ("Ignored", BY_FILES)


def at_aws(**entities: list[str]) -> dict[str, Any]:
    """Return AWS's answer about an approved opportunity of a sound record."""
    request = api_shape.to_create(sound_record(), catalog="AWS", client_token="t")
    body = {name: value for name, value in request.items() if name not in ("Catalog", "ClientToken")}
    body["LifeCycle"]["ReviewStatus"] = "Approved"
    return {**body, "Id": "O1", "LastModifiedDate": "2026-11-01T00:00:00Z", "RelatedEntityIdentifiers": entities}


def planned(offers: tuple[str, ...], **facts: Any) -> tuple[plan.Action, ...]:
    base = at_aws(AwsMarketplaceOffers=[OFFER], Solutions=["S-1234567"])
    record = {**sound_record(), "offers": offers, "solutionOffered": ("S-1234567",)}
    return plan_outbound(OutboundFacts(record, (), base, TODAY, "AWS", requested=True, **facts))


def test_an_offer_that_files_named_by_its_id_is_no_other_offer_to_the_api() -> None:
    """Salesforce got ``offer-…`` from AWS's files; the API has the ARN of the same offer."""
    assert planned(("offer-abc123",)) == planned((OFFER,))
    assert isinstance(planned((OFFER,))[-1], Settle)


def test_an_offer_that_aws_does_not_have_is_refused_for_its_form() -> None:
    (action,) = planned(("offer-other",))
    assert isinstance(action, plan.Reject)
    assert [problem.field for problem in action.problems] == ["offers"]

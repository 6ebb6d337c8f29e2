"""What arrives is kept in one transaction, worked off as looks at AWS, and told in the list of notifications."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steered_world import SteeredWorld

from connector.ace.events import BUYERS, MARKETPLACE, PARTNER_CENTRAL, Event
from connector.errors import Problem, RecordRejected, Retriable
from connector.names import NOTIFICATION, Notification
from connector.store.state import State
from connector.sync import events, notifications, queueing
from connector.sync.events import EVENTS, Arrival, take_in, take_rows, work_off
from connector.sync.notifications import TELL, tell_rows

CATALOG = "AWS"
NUMBERS = itertools.count(1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SteeredWorld]:
    opened = SteeredWorld(tmp_path)
    yield opened
    opened.close()


def event(kind: str = "Opportunity Updated", entity: str = "O1234567", **more: Any) -> Event:
    given = {"source": PARTNER_CENTRAL, "catalog": CATALOG, "entity_id": entity, **more}
    return Event(**{"id": f"event-{next(NUMBERS)}", "kind": kind, **given})


def arrive(world: SteeredWorld, *arrived: Event) -> int:
    """Take the events in and work them off; return how many looks they came to."""
    take_in(world.engine.state, [Arrival(one) for one in arrived], world.clock.now())
    return work_off(world.engine)


def waiting(world: SteeredWorld, kind: str) -> list[str]:
    items = world.engine.state.queue.list("waiting", 1000)
    return [str(item.payload.get("apn_id") or item.payload.get("invitation")) for item in items if item.kind == kind]


def note(world: SteeredWorld, event_id: str) -> dict[str, Any]:
    row = world.engine.state.outbox.get(NOTIFICATION, event_id)
    assert row is not None and row.key_field == Notification.EVENT_ID
    return row.body


@pytest.mark.parametrize("kind", ["Opportunity Created", "Opportunity Updated", "Opportunity Accepted"])
def test_an_event_about_an_opportunity_is_a_look_at_it(world: SteeredWorld, kind: str) -> None:
    one = event(kind)
    assert arrive(world, one) == 1
    assert waiting(world, queueing.INBOUND) == ["O1234567"]
    told = note(world, one.id)
    assert (told["Name"], told[Notification.ENTITY_ID], told[Notification.STATUS]) == (kind, "O1234567", "Processed")


@pytest.mark.parametrize("end", ["Created", "Accepted", "Rejected", "Expired"])
def test_an_event_about_an_invitation_is_a_look_at_it(world: SteeredWorld, end: str) -> None:
    one = event(f"Engagement Invitation {end}", "engi-1", participant="RECEIVER", payload_type="OpportunityInvitation")
    assert arrive(world, one) == 1
    assert waiting(world, queueing.REFERRAL) == ["engi-1"]
    assert note(world, one.id)[Notification.STATUS] == "Processed"


@pytest.mark.parametrize(
    "ignored",
    [
        event("Engagement Invitation Created", "engi-1", participant="SENDER"),
        event("Engagement Invitation Created", "engi-2", participant="RECEIVER", payload_type="LeadInvitation"),
        event("Engagement Resource Snapshot Created", ""),
        event("Change Set Failed", "76yes", source=MARKETPLACE, catalog="AWSMarketplace"),
        event("Offer Released", "offer-1", source=MARKETPLACE, catalog="AWSMarketplace"),
        event("subscribe-success", "offer-1", source=BUYERS, catalog=""),
        event(source="com.example.shop"),
        event(catalog="Elsewhere"),
    ],
    ids=lambda one: f"{one.kind} {one.source} {one.catalog}",
)
def test_what_is_not_acted_on_is_listed_with_the_reason(world: SteeredWorld, ignored: Event) -> None:
    assert arrive(world, ignored) == 0
    assert waiting(world, queueing.INBOUND) == waiting(world, queueing.REFERRAL) == []
    told = note(world, ignored.id)
    assert told[Notification.STATUS] == "Ignored"
    assert told[Notification.MESSAGE]


def test_many_events_about_few_things_are_few_looks(world: SteeredWorld) -> None:
    burst = [event(entity=f"O{number % 3}") for number in range(500)]
    assert arrive(world, *burst) <= 3 * (500 // events.BATCH + 1)
    assert sorted(waiting(world, queueing.INBOUND)) == ["O0", "O1", "O2"]
    assert world.engine.state.outbox.count(NOTIFICATION) == 500


def test_a_known_event_is_not_worked_off_twice_unless_asked_for(world: SteeredWorld) -> None:
    one = event()
    assert arrive(world, one) == 1
    assert arrive(world, one, one) == 0
    take_in(world.engine.state, [Arrival(one)], world.clock.now(), again=True)
    assert work_off(world.engine) == 1


@settings(max_examples=20)
@given(order=st.permutations(range(6)), doubled=st.sets(st.integers(0, 5)))
def test_order_and_doubles_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], doubled: set[int]
) -> None:
    world = SteeredWorld(tmp_path_factory.mktemp("world"))
    day = [event(entity=f"O{number % 2}") for number in range(6)]
    arrive(world, *(day[number] for number in order), *(day[number] for number in sorted(doubled)))
    assert sorted(waiting(world, queueing.INBOUND)) == ["O0", "O1"]
    assert world.engine.state.outbox.count(NOTIFICATION) == 6
    world.close()


def test_what_cannot_be_kept_whole_is_not_kept_at_all(world: SteeredWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's message is acknowledged after this returned; a part of a batch would be lost or worked off twice."""
    state = world.engine.state
    broken = Retriable("the file is busy")
    monkeypatch.setattr(state.queue, "enqueue", lambda *_, **__: (_ for _ in ()).throw(broken))
    one = event()
    with pytest.raises(Retriable):
        take_in(state, [Arrival(one)], world.clock.now())
    assert state.events.get(one.id) is None


def test_taking_in_queues_one_item_however_many_arrive(world: SteeredWorld) -> None:
    for _ in range(3):
        take_in(world.engine.state, [Arrival(event()), Arrival(event())], world.clock.now())
    assert [one.kind for one in world.engine.state.queue.list("waiting") if one.kind == EVENTS] == [EVENTS]


def test_lateness_and_doubles_are_logged_without_what_the_event_says(
    world: SteeredWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    late = event(time=(world.clock.now() - timedelta(minutes=2)).isoformat())
    take_in(world.engine.state, [Arrival(late), Arrival(late)], world.clock.now())
    out = capsys.readouterr().out
    assert "latest_by_seconds" in out and "120.0" in out
    assert "O1234567" not in out


def row(world: SteeredWorld, name: str = "Opportunity Updated", **values: Any) -> str:
    """EventBridge's API destination creates a row; return its id."""
    given = {
        "Name": name, Notification.STATUS: "New", Notification.ENTITY_ID: "O1234567", Notification.CATALOG: None,
        Notification.ACCOUNT_NUMBER: "111122223333", Notification.MESSAGE: None, **values,
    }  # fmt: skip
    return world.salesforce.user_inserts(NOTIFICATION, "005000000000009AAA", **given)


def rows(world: SteeredWorld) -> list[dict[str, Any]]:
    table = world.salesforce.tables[NOTIFICATION].values()
    return [dict(one) for one in table if one[Notification.STATUS] == "New"]


def test_a_row_has_the_effect_of_a_message_and_says_what_became_of_it(world: SteeredWorld) -> None:
    good = row(world)
    arn = "arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/engi-7"
    invited = row(world, "Engagement Invitation Created", **{Notification.ENTITY_ID: arn})
    bad = row(world, **{Notification.ENTITY_ID: "opportunity 7"})
    assert take_rows(world.engine, rows(world)) == 3
    assert work_off(world.engine) == 2
    assert (waiting(world, queueing.INBOUND), waiting(world, queueing.REFERRAL)) == (["O1234567"], ["engi-7"])
    tell_rows(world.engine)
    table = world.salesforce.tables[NOTIFICATION]
    assert [table[one][Notification.STATUS] for one in (good, invited, bad)] == ["Processed", "Processed", "Error"]
    message = table[bad][Notification.MESSAGE]
    for part in (Notification.ENTITY_ID, "opportunity 7", "must look like", "input transformer"):
        assert part in message
    assert world.engine.state.outbox.count(NOTIFICATION) == 0, "the row is there already"


def test_a_row_is_worked_off_once_while_its_status_cannot_be_written(
    world: SteeredWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    row(world)
    take_rows(world.engine, rows(world))
    assert work_off(world.engine) == 1
    with monkeypatch.context() as patched:
        refusal = RecordRejected((Problem("LOCKED", "", "", "locked", ""),))
        refused = type("Refused", (), {"error": refusal, "id": "", "created": False})()
        patched.setattr(type(world.salesforce), "update", lambda _self, _name, given: [refused for _ in given])
        for _ in range(notifications.ATTEMPTS - 1):
            tell_rows(world.engine)
            assert take_rows(world.engine, rows(world)) == 0
            assert any(item.kind == TELL for item in world.engine.state.queue.list("waiting")), "it is tried again"
        tell_rows(world.engine)
    assert take_rows(world.engine, rows(world)) == 0, "given up, and not begun anew with every look"
    assert work_off(world.engine) == 0
    tell_rows(world.engine)
    assert len(rows(world)) == 1, "it was given up"


def test_rows_that_were_given_up_are_told_after_all_once_they_can_be_written(
    world: SteeredWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look reads the 200 oldest rows that are New: given up for ever, they would keep all later ones from view."""
    row(world)
    take_rows(world.engine, rows(world))
    work_off(world.engine)
    with monkeypatch.context() as patched:
        refusal = RecordRejected((Problem("LOCKED", "", "", "locked", ""),))
        refused = type("Refused", (), {"error": refusal, "id": "", "created": False})()
        patched.setattr(type(world.salesforce), "update", lambda _self, _name, given: [refused for _ in given])
        for _ in range(notifications.ATTEMPTS):
            tell_rows(world.engine)
    take_rows(world.engine, rows(world))
    assert world.engine.state.events.untold(10) == []
    world.clock.advance(timedelta(minutes=61))
    assert take_rows(world.engine, rows(world)) == 0, "its effect is not repeated"
    tell_rows(world.engine)
    assert rows(world) == []


def test_a_row_that_a_person_sets_back_to_new_is_worked_off_again(world: SteeredWorld) -> None:
    one = row(world)
    take_rows(world.engine, rows(world))
    work_off(world.engine)
    tell_rows(world.engine)
    assert rows(world) == []
    world.salesforce.user_saves(NOTIFICATION, one, "005000000000009AAA", **{Notification.STATUS: "New"})
    assert take_rows(world.engine, rows(world)) == 1
    assert work_off(world.engine) == 1


def test_values_that_are_too_long_for_the_row_are_cut(world: SteeredWorld) -> None:
    one = event("Engagement " + "x" * 100, "", account="1" * 60, catalog="c" * 90)
    arrive(world, one)
    told = note(world, one.id)
    assert (len(told["Name"]), len(told[Notification.ACCOUNT_NUMBER]), len(told[Notification.CATALOG])) == (80, 20, 40)


def test_a_state_is_all_that_taking_in_needs(tmp_path: Path) -> None:
    """Another thread does it, with a handle of its own and without an engine."""
    with State.open(tmp_path / "state.db") as state:
        one = event()
        assert take_in(state, [Arrival(one)], datetime.now(UTC)) == 1
        assert state.events.get(one.id) is not None

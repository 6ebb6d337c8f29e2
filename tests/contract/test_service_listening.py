"""A worker listens to its queues in threads of their own: committed first, acknowledged then, whatever breaks."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.aws.queue import Message, QueueDoor, QueueSettings
from connector.errors import Retriable
from connector.sandbox.sqs import QueueServer
from connector.service.config import EventsSection
from connector.service.listening import TROUBLE, Intake, Listener, Listening
from connector.store.state import State

PATIENCE = 20.0


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    opened = QueueServer()
    opened.start()
    yield opened
    opened.stop()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.db") as opened:
        yield opened


@pytest.fixture
def door(server: QueueServer) -> Iterator[QueueDoor]:
    opened = open_door(server, server.queue_url)
    yield opened
    server.purge()
    opened.close()


def open_door(server: QueueServer, url: str) -> QueueDoor:
    keys = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "secret"}
    return QueueDoor(QueueSettings(endpoint_url=server.endpoint_url, **keys), url)


def event(identifier: str = "O1234567") -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "detail-type": "Opportunity Updated", "source": "aws.partnercentral-selling",
        "detail": {"catalog": "AWS", "opportunity": {"identifier": identifier}},
    }  # fmt: skip


def eventually(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_message_whose_event_could_not_be_kept_is_not_acknowledged(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.send(one := event())
    received = door.receive(wait_seconds=1, hidden_seconds=0)

    def busy(*_: Any, **__: Any) -> bool:
        raise Retriable("the file is busy")

    with monkeypatch.context() as patched:
        patched.setattr(state.events, "add", busy)
        with pytest.raises(Retriable):
            Intake(state, Now()).take(door, received)
    again = door.receive(wait_seconds=1)
    Intake(state, Now()).take(door, again)
    assert state.events.get(one["id"]) is not None
    assert door.receive() == []


def test_a_lost_acknowledgement_brings_the_message_again_and_does_no_harm(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.send(one := event())
    received = door.receive(wait_seconds=1, hidden_seconds=0)

    def lost(_: Any) -> None:
        raise Retriable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(door, "delete", lost)
        with pytest.raises(Retriable):
            Intake(state, Now()).take(door, received)
    state.events.settle(one["id"], "Processed", "")
    Intake(state, Now()).take(door, door.receive(wait_seconds=1))
    kept = state.events.get(one["id"])
    assert kept is not None and kept.status == "Processed", "it is known, and not worked off again"
    assert door.receive() == []


def test_what_cannot_be_read_is_moved_with_the_reason(server: QueueServer, door: QueueDoor, state: State) -> None:
    door.send("{not json", {})
    server.send(good := event())
    dead = lambda: open_door(server, server.dead_letter_queue_url)  # noqa: E731
    received = door.receive(wait_seconds=1)
    Intake(state, Now(), dead).take(door, received)
    assert state.events.get(good["id"]) is not None
    assert door.receive(hidden_seconds=0) == []
    letters = dead()
    (letter,) = letters.receive(wait_seconds=1)
    assert letter.body == "{not json"
    assert letter.attributes["ERROR_CODE"] == "MALFORMED_EVENT"
    assert "no JSON" in letter.attributes["ERROR_MESSAGE"]
    letters.delete([letter])
    letters.close()


def test_without_a_dead_letter_queue_it_is_left_to_the_queues_own_redrive(
    server: QueueServer, door: QueueDoor, state: State
) -> None:
    door.send("{not json", {})
    Intake(state, Now()).take(door, door.receive(wait_seconds=1, hidden_seconds=0))
    (left,) = door.receive(wait_seconds=1)
    assert left.received == 2
    door.delete([left])


def test_a_listener_takes_what_arrives_until_it_is_stopped(server: QueueServer, door: QueueDoor, state: State) -> None:
    listener = Listener("test", lambda: open_door(server, server.queue_url), Intake(state, Now()), 1)
    listener.start()
    server.send(one := event())
    eventually(lambda: state.events.get(one["id"]))
    listener.stop()
    state.close()  # nothing of the thread touches the state any more
    server.send(event())
    eventually(lambda: not listener.is_alive)
    # What the last poll may have brought comes again when its time is over.
    assert threading.current_thread().is_alive()


def test_trouble_is_told_once_it_is_there_and_no_longer_than_it_lasts(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.service.listening.PAUSE_SECONDS", 0.05)
    working = threading.Event()

    def open_or_fail() -> QueueDoor:
        if not working.is_set():
            raise Retriable("queue test cannot be reached")
        return open_door(server, server.queue_url)

    listener = Listener("test", open_or_fail, Intake(state, Now()), 1)
    listener.start()
    eventually(lambda: state.meta.get(TROUBLE + "test"))
    listening = Listening(EventsSection(), state, Now())
    listening._by_label["test"] = listener
    shown = SimpleNamespace(troubles={})
    listening.tell_troubles(shown)  # type: ignore[arg-type]
    assert "cannot be reached" in shown.troubles[TROUBLE + "test"], "the status page says so"
    working.set()
    eventually(lambda: state.meta.get(TROUBLE + "test") is None)
    listening.tell_troubles(shown)  # type: ignore[arg-type]
    assert shown.troubles == {}
    listener.stop()
    eventually(lambda: not listener.is_alive)


def test_an_unexpected_fault_does_not_end_the_listening(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.service.listening.LONG_PAUSE_SECONDS", 0.05)
    faults = [ZeroDivisionError()]

    def open_later() -> QueueDoor:
        if faults:
            raise faults.pop()
        return open_door(server, server.queue_url)

    listener = Listener("test", open_later, Intake(state, Now()), 1)
    listener.start()
    server.send(one := event())
    eventually(lambda: state.events.get(one["id"]))
    listener.stop()
    eventually(lambda: not listener.is_alive)


def test_the_queue_that_settings_name_is_followed_when_the_name_changes(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_KEY", "AKIAEXAMPLE")
    monkeypatch.setenv("QUEUE_SECRET", "secret")
    section = EventsSection(
        endpoint_url=server.endpoint_url, access_key_id="env:QUEUE_KEY", secret_access_key="env:QUEUE_SECRET",
        wait_seconds=1,
    )  # fmt: skip
    listening = Listening(section, state, Now())
    listening.start()
    assert list(listening._by_label) == [], "without an address there is no queue of EventBridge's"
    listening.follow(door.name)
    listening.follow(door.name)
    (listener,) = listening._by_label.values()
    message = {"Type": "Notification", "MessageId": "sns-1", "Message": json.dumps({"action": "subscribe-success"})}
    door.send(json.dumps(message), {})
    eventually(lambda: state.events.get("sns-1"))
    listening.follow("")
    eventually(lambda: not listener.is_alive)
    assert list(listening._by_label) == []
    listening.stop()


def test_a_text_that_nothing_can_keep_holds_no_other_message_up(
    server: QueueServer, door: QueueDoor, state: State
) -> None:
    """Half of a surrogate pair is sound JSON, and no text: neither the state nor Salesforce takes it."""
    door.send(json.dumps({**event(), "id": "half \ud800"}), {})
    door.send(json.dumps({**event(), "detail-type": "Opportunity \ud800"}), {})
    server.send(good := event())
    received: list[Message] = []
    while len(received) < 3:
        received += door.receive(wait_seconds=1)
    Intake(state, Now()).take(door, received)
    assert state.events.get(good["id"]) is not None
    assert list(state.events.counts().values()) == [1]


def test_a_thread_that_ended_is_noticed_and_begun_anew(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ended it: without the thread events would wait unnoticed until the next restart."""
    monkeypatch.setattr("connector.service.listening.open_queue", lambda *_: open_door(server, server.queue_url))
    with monkeypatch.context() as patched:
        patched.setattr(Listener, "_listen", lambda _: None)
        listening = begun(server, state)
    listening.tell_troubles(SimpleNamespace(troubles={}))  # type: ignore[arg-type]
    server.send(one := event())
    eventually(lambda: state.events.get(one["id"]))
    listening.stop()
    eventually(lambda: not any(one.is_alive for one in listening._by_label.values()))
    listening.tell_troubles(SimpleNamespace(troubles={}))  # type: ignore[arg-type]
    assert not any(one.is_alive for one in listening._by_label.values()), "what was stopped stays so"


def begun(server: QueueServer, state: State) -> Listening:
    """Return a listening whose thread has ended."""
    listening = Listening(EventsSection(queue_url=server.queue_url, wait_seconds=1), state, Now())
    listening.start()
    (listener,) = listening._by_label.values()
    eventually(lambda: not listener.is_alive)
    return listening


def test_an_unexpected_fault_is_told_on_the_status_page(state: State) -> None:
    def broken() -> QueueDoor:
        raise ZeroDivisionError

    listener = Listener("test", broken, Intake(state, Now()), 1)
    listener.start()
    eventually(lambda: state.meta.get(TROUBLE + "test"))
    assert "ZeroDivisionError" in (state.meta.get(TROUBLE + "test") or "")
    listener.stop()
    eventually(lambda: not listener.is_alive)


def test_stopping_does_not_wait_for_a_queue_that_does_not_answer(
    server: QueueServer, door: QueueDoor, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept and not acknowledged comes again, and is known then."""
    asked, answer = threading.Event(), threading.Event()

    def hang(*_: Any) -> None:
        asked.set()
        answer.wait(PATIENCE)

    monkeypatch.setattr(QueueDoor, "delete", hang)
    listener = Listener("test", lambda: open_door(server, server.queue_url), Intake(state, Now()), 1)
    listener.start()
    server.send(one := event())
    assert asked.wait(PATIENCE)
    stopper = threading.Thread(target=listener.stop)
    stopper.start()
    stopper.join(PATIENCE / 4)
    stopped = not stopper.is_alive()
    answer.set()
    eventually(lambda: not listener.is_alive)
    assert stopped
    assert state.events.get(one["id"]) is not None

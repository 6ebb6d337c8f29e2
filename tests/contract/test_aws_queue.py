"""The door to a queue over real HTTP: what is received, acknowledged, set aside, and how refusals are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from connector.aws.queue import QueueDoor, QueueSettings
from connector.errors import AuthFailed, ConfigError, Retriable
from connector.sandbox.sqs import QueueServer

KEYS = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "secret-of-the-key"}


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    opened = QueueServer()
    opened.start()
    yield opened
    opened.stop()


@pytest.fixture
def settings(server: QueueServer) -> QueueSettings:
    return QueueSettings(endpoint_url=server.endpoint_url, **KEYS)


@pytest.fixture
def door(server: QueueServer, settings: QueueSettings) -> Iterator[QueueDoor]:
    opened = QueueDoor(settings, server.queue_url)
    yield opened
    server.purge()
    opened.close()


def test_a_message_stays_until_it_is_acknowledged(server: QueueServer, door: QueueDoor) -> None:
    server.send({"id": "one"})
    (message,) = door.receive(wait_seconds=1, hidden_seconds=0)
    assert json.loads(message.body) == {"id": "one"}
    assert message.sent_at is not None and abs(datetime.now(UTC) - message.sent_at) < timedelta(minutes=1)
    (again,) = door.receive(wait_seconds=1)
    assert (again.id, again.received) == (message.id, 2)
    assert door.receive() == [], "it is hidden from others meanwhile"
    door.delete([again])
    assert door.receive() == []


def test_a_batch_is_received_and_acknowledged_at_once(server: QueueServer, door: QueueDoor) -> None:
    for number in range(12):
        server.send({"id": number})
    first = door.receive(wait_seconds=1)
    assert len(first) == 10
    door.delete(first)
    rest = door.receive()
    assert len(rest) == 2
    door.delete(rest)


def test_what_is_given_back_is_there_for_others(server: QueueServer, door: QueueDoor) -> None:
    server.send({"id": "one"})
    held = door.receive(wait_seconds=1, hidden_seconds=60)
    assert door.receive() == []
    door.give_back(held)
    again = door.receive()
    assert [one.id for one in again] == [held[0].id]
    door.delete(again)


def test_attributes_travel_with_a_message_and_empty_ones_stay_at_home(
    server: QueueServer, settings: QueueSettings
) -> None:
    dead = QueueDoor(settings, server.dead_letter_queue_url)
    dead.send("no event", {"ERROR_CODE": "MALFORMED_EVENT", "ERROR_MESSAGE": ""})
    (message,) = dead.receive(wait_seconds=1)
    assert (message.body, message.attributes) == ("no event", {"ERROR_CODE": "MALFORMED_EVENT"})
    dead.delete([message])
    dead.close()


def test_a_queue_is_found_by_its_name(server: QueueServer, settings: QueueSettings, door: QueueDoor) -> None:
    found = QueueDoor.named(settings, door.name)
    assert found.queue_url == server.queue_url
    found.close()
    with pytest.raises(ConfigError, match="queue nowhere does not exist"):
        QueueDoor.named(settings, "nowhere")


def test_the_check_says_what_waits_and_takes_nothing(server: QueueServer, door: QueueDoor) -> None:
    server.send({"id": "one"})
    assert "1 messages wait" in door.check()
    (message,) = door.receive(wait_seconds=1)
    assert message.received == 1


def test_a_queue_that_does_not_exist_is_a_matter_of_configuration(server: QueueServer, settings: QueueSettings) -> None:
    lost = QueueDoor(settings, f"{server.endpoint_url}/123456789012/lost")
    for call in (lost.receive, lost.check):
        with pytest.raises(ConfigError, match="queue lost does not exist"):
            call()
    lost.close()


def test_a_server_that_is_not_there_is_tried_again(server: QueueServer) -> None:
    settings = QueueSettings(endpoint_url="http://127.0.0.1:9", **KEYS)
    away = QueueDoor(settings, "http://127.0.0.1:9/123456789012/away")
    with pytest.raises(Retriable, match="cannot be reached"):
        away.receive()
    away.close()


@pytest.mark.parametrize("wrong", [{"access_key_id": "A"}, {**KEYS, "profile": "other"}])
def test_half_a_login_and_two_logins_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"\[aws\.events\]"):
        QueueSettings(**wrong)


def test_a_profile_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="no-such-profile"):
        QueueDoor(QueueSettings(profile="no-such-profile"), "https://sqs.us-east-1.amazonaws.com/1/q")


class Broken:
    """A client of which every call fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> None:
            raise self._error

        return call


def refused(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "quotes AKIASECRET"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "ReceiveMessage")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("AccessDenied", 403), AuthFailed),
        (refused("InvalidClientTokenId", 403), AuthFailed),
        (refused("ExpiredToken"), AuthFailed),
        (refused("SomethingNew", 403), AuthFailed),
        (NoCredentialsError(), AuthFailed),
        (CredentialRetrievalError(provider="role", error_msg="no"), AuthFailed),
        (refused("AWS.SimpleQueueService.NonExistentQueue"), ConfigError),
        (refused("QueueDoesNotExist"), ConfigError),
        (refused("RequestThrottled", 400), Retriable),
        (refused("InternalError", 500), Retriable),
        (EndpointConnectionError(endpoint_url="https://x"), Retriable),
        (ReadTimeoutError(endpoint_url="https://x"), Retriable),
    ],
    ids=str,
)
def test_every_refusal_says_what_to_do_next_and_quotes_no_key(error: Exception, kind: type[Exception]) -> None:
    door = QueueDoor(QueueSettings(), "https://sqs.us-east-1.amazonaws.com/111122223333/q", client=Broken(error))
    for call in (door.receive, door.check):
        with pytest.raises(kind) as told:
            call()
        assert "AKIASECRET" not in str(told.value)
        assert "queue q" in str(told.value)


def test_missing_rights_are_named(server: QueueServer) -> None:
    broken = Broken(refused("AccessDenied", 403))
    door = QueueDoor(QueueSettings(), "https://sqs.us-east-1.amazonaws.com/1/q", client=broken)
    with pytest.raises(AuthFailed, match="sqs:DeleteMessage"):
        door.check()

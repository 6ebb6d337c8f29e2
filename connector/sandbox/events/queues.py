"""Where messages end up: in memory, or in the sandbox's own SQS."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a queue: its body, and its attributes, all of them texts."""

    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class QueueFailed(Exception):
    """A queue that did not take a message."""


class Queues(Protocol):
    """Takes messages for queues that are named by ARN."""

    def put(self, arn: str, message: Message) -> None:
        """Append a message. Raises QueueFailed."""


class MemoryQueues:
    """Queues that only tests read. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: dict[str, list[Message]] = {}

    def put(self, arn: str, message: Message) -> None:
        with self._lock:
            self._messages.setdefault(arn, []).append(message)

    def messages(self, arn: str) -> list[Message]:
        """Return what the queue holds, oldest first."""
        with self._lock:
            return list(self._messages.get(arn, ()))


class SqsQueues:
    """Queues of an SQS server on loopback, found by the URL that stands for each ARN.

    Args:
        endpoint_url: the server.
        urls: queue URL by ARN; messages for other ARNs are refused.
    """

    def __init__(self, endpoint_url: str, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._client: Any = botocore.session.get_session().create_client(
            "sqs",
            region_name="us-east-1",
            endpoint_url=endpoint_url,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",  # noqa: S106 - the server on loopback asks for none
        )

    def put(self, arn: str, message: Message) -> None:
        attributes = {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items() if value
        }
        if arn not in self._urls:
            raise QueueFailed(f"{arn} is not among {', '.join(self._urls)}")
        try:
            self._client.send_message(QueueUrl=self._urls[arn], MessageBody=message.body, MessageAttributes=attributes)
        except (BotoCoreError, ClientError) as error:
            raise QueueFailed(f"{arn}: {type(error).__name__}") from error

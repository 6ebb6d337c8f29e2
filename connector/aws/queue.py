"""The door to one Amazon SQS queue: receive, acknowledge, send; the client of one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

from connector.aws.session import HOME_REGION, is_loopback, sign_in
from connector.errors import AuthFailed, ConfigError, ConnectorError, Retriable

SERVICE = "sqs"
MOST_MESSAGES = 10
LONGEST_WAIT = 20
SPARE_SECONDS = 10.0
"""How much longer than a long poll an answer may take."""
CONNECT_SECONDS = 10.0
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError, TokenRetrievalError)
_INVALID_RECEIPT = "not-a-receipt"
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"}
_REFUSED = {
    "AccessDenied", "AccessDeniedException", "AuthFailure", "ExpiredToken", "ExpiredTokenException",
    "IncompleteSignature", "InvalidClientTokenId", "InvalidSecurity", "MissingAuthenticationToken", "NotAuthorized",
    "OptInRequired", "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_BAD_RECEIPT = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "InvalidParameterValueException"}


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How to reach the queues of one AWS account.

    Attributes:
        region: AWS region; AWS announces its events in ``us-east-1`` only.
        endpoint_url: another endpoint than AWS's own, for tests and proxies.
        access_key_id, secret_access_key, session_token: keys; empty for ``profile`` or the machine's own credentials.
        profile: name of a profile in AWS's shared configuration.
        role_arn, external_id: a role to assume with the credentials above.
        sts_endpoint_url: another endpoint for assuming that role.
    """

    region: str = HOME_REGION
    endpoint_url: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = field(default="", repr=False)
    sts_endpoint_url: str = ""

    def __post_init__(self) -> None:
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ConfigError("[aws.events] access_key_id and secret_access_key belong together; give both or neither.")
        if self.access_key_id and self.profile:
            raise ConfigError("[aws.events] access keys and aws_profile exclude each other; give one of them.")


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was received.

    Attributes:
        id: SQS's identifier of the message.
        receipt: by which it is acknowledged.
        body: its text.
        sent_at: aware UTC, None when the queue does not tell.
        received: how often it was received so far.
        attributes: its text attributes.
    """

    id: str
    receipt: str
    body: str
    sent_at: datetime | None
    received: int
    attributes: Mapping[str, str]


class QueueDoor:
    """One queue. Errors are those of :mod:`connector.errors`. Used by one thread at a time.

    Args:
        settings: how to reach the account.
        queue_url: the queue's address.
    """

    def __init__(self, settings: QueueSettings, queue_url: str, client: Any = None) -> None:
        self.settings = settings
        self.queue_url = queue_url
        self._client = client or _open_client(settings)

    @classmethod
    def named(cls, settings: QueueSettings, name: str) -> QueueDoor:
        """Return the door to the account's queue of that name. Raises ConfigError when there is none."""
        client = _open_client(settings)
        answer = _ask(f"queue {name}", lambda: client.get_queue_url(QueueName=name))
        return cls(settings, answer["QueueUrl"], client)

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.queue_url.rstrip("/").rpartition("/")[2]

    def receive(
        self, *, wait_seconds: int = 0, at_most: int = MOST_MESSAGES, hidden_seconds: int | None = None
    ) -> list[Message]:
        """Return up to ten messages, waiting up to ``wait_seconds`` (at most 20) for the first.

        They are hidden from others for the queue's own visibility timeout, or for ``hidden_seconds``.
        """
        hidden = {} if hidden_seconds is None else {"VisibilityTimeout": hidden_seconds}
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=min(at_most, MOST_MESSAGES),
            WaitTimeSeconds=min(wait_seconds, LONGEST_WAIT),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            **hidden,
        )
        return [_message(one) for one in answer.get("Messages") or ()]

    def delete(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages, up to ten. Raises Retriable when some could not be: they come again."""
        if messages:
            entries = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(messages)]
            answer = self._call("delete_message_batch", Entries=entries)
            if failed := answer.get("Failed"):
                raise Retriable(f"{len(failed)} messages of queue {self.name} could not be deleted; they come again.")

    def give_back(self, messages: Sequence[Message]) -> None:
        """Let others receive the messages at once."""
        for message in messages:
            self._call("change_message_visibility", ReceiptHandle=message.receipt, VisibilityTimeout=0)

    def send(self, body: str, attributes: Mapping[str, str]) -> None:
        """Put a message into the queue; attributes are texts that are not empty."""
        told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value}
        more: dict[str, Any] = {}
        if self.queue_url.endswith(".fifo"):
            more["MessageGroupId"] = "connector"
        self._call("send_message", MessageBody=body, MessageAttributes=told, **more)

    def check(self) -> str:
        """Return, for people, what the queue says of itself; nothing is received or changed.

        Whether messages may be deleted is tried with a receipt that does not exist.

        Raises:
            ConfigError, AuthFailed, Retriable: it cannot be used, with the remedy.
        """
        answer = self._call("get_queue_attributes", AttributeNames=["All"])["Attributes"]
        for operation, more in (("delete_message", {}), ("change_message_visibility", {"VisibilityTimeout": 0})):
            self._try_receipt(operation, more)
        waiting = answer.get("ApproximateNumberOfMessages", "?")
        return f"{self.name} answers, {waiting} messages wait"

    def _try_receipt(self, operation: str, more: Mapping[str, Any]) -> None:
        try:
            getattr(self._client, operation)(QueueUrl=self.queue_url, ReceiptHandle=_INVALID_RECEIPT, **more)
        except ClientError as error:
            if _code(error) not in _BAD_RECEIPT:
                raise _explain(error, self._place) from error
        except BotoCoreError as error:
            raise _explain(error, self._place) from error

    @property
    def _place(self) -> str:
        return f"queue {self.name}"

    def _call(self, operation: str, **members: Any) -> dict[str, Any]:
        return _ask(self._place, lambda: getattr(self._client, operation)(QueueUrl=self.queue_url, **members))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _open_client(settings: QueueSettings) -> Any:
    try:
        session = sign_in(settings)
    except ProfileNotFound:
        raise ConfigError(
            f"[aws.events] aws_profile {settings.profile!r} does not exist for the user that runs the connector; "
            "add it to ~/.aws/config or name another one."
        ) from None
    return session.client(  # type: ignore[call-overload]
        SERVICE,
        region_name=settings.region,
        endpoint_url=settings.endpoint_url or None,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 2},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=LONGEST_WAIT + SPARE_SECONDS,
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
            proxies={} if is_loopback(settings.endpoint_url) else None,
        ),
    )


def _message(answer: Mapping[str, Any]) -> Message:
    system = answer.get("Attributes") or {}
    sent = system.get("SentTimestamp")
    attributes = {
        name: str(value.get("StringValue") or "") for name, value in (answer.get("MessageAttributes") or {}).items()
    }
    return Message(
        id=answer["MessageId"],
        receipt=answer["ReceiptHandle"],
        body=answer.get("Body") or "",
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
        received=int(system.get("ApproximateReceiveCount") or 1),
        attributes=attributes,
    )


def _ask(place: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        raise _explain(error, place) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _explain(error: ClientError | BotoCoreError, place: str) -> ConnectorError:
    """Return what to do next; never with AWS's own words, which may quote keys."""
    if isinstance(error, _NO_CREDENTIALS):
        return AuthFailed(
            f"There are no AWS credentials for {place}. Give keys, aws_profile or role_arn in [aws.events]."
        )
    if not isinstance(error, ClientError):
        return Retriable(
            f"{place} cannot be reached ({type(error).__name__}). Check network, proxy and [aws.events] endpoint_url."
        )
    code = _code(error)
    if code in _MISSING:
        return ConfigError(f"{place} does not exist. Check its name or address, its account and its region.")
    if code in _REFUSED or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (401, 403):
        return AuthFailed(
            f"{place}: {error.operation_name} was refused ({code}). Check the credentials in [aws.events], and grant "
            "them sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes "
            "(for a dead-letter queue sqs:SendMessage too; sqs:GetQueueUrl for a queue that is named)."
        )
    return Retriable(f"{place}: {error.operation_name} failed ({code or 'unknown error'}); it is tried again.")

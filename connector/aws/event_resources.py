"""Rules, queues and API destinations for AWS's events, made in an account one by one: what a template describes.

Each function of the class makes a resource or brings the one of that name up to date, so that a second run changes
nothing and a run that was cut off is completed by the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from connector.aws.session import HOME_REGION
from connector.errors import AuthFailed, ConfigError, ConnectorError, Retriable

Json = dict[str, Any]
Made = tuple[str, Json]
_GONE = {
    "ResourceNotFoundException", "NoSuchEntity", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist",
}  # fmt: skip
_REFUSED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
MOST_VERSIONS = 5
"""Of a managed policy, the one in force included."""


class EventResources:
    """The account in which resources are made.

    Args:
        stack: the beginning of the names of roles and policies.
        profile: of AWS's shared configuration; empty for boto3's usual search.

    Raises:
        AuthFailed: no credentials, or AWS refuses them.
    """

    def __init__(self, stack: str, profile: str = "") -> None:
        with _translated("sign in"):
            session = boto3.Session(profile_name=profile or None, region_name=HOME_REGION)
            self._events, self._sqs, self._iam = (session.client(one) for one in ("events", "sqs", "iam"))
            self.account: str = session.client("sts").get_caller_identity()["Account"]
        self._stack = stack
        self._makers: dict[str, Callable[[str, Json], Made]] = {
            "AWS::SQS::Queue": self._queue,
            "AWS::SQS::QueuePolicy": self._queue_policy,
            "AWS::Events::Connection": self._connection,
            "AWS::Events::ApiDestination": self._destination,
            "AWS::Events::Rule": self._rule,
            "AWS::IAM::Role": self._role,
            "AWS::IAM::ManagedPolicy": self._managed_policy,
        }

    def make(self, kind: str, logical: str, properties: Json) -> Made:
        """Make one resource; return what a template's Ref and Fn::GetAtt give for it.

        Args:
            kind: CloudFormation's type, such as ``AWS::Events::Rule``.
            logical: its name in the template.
            properties: as CloudFormation has them, references resolved.

        Raises:
            ConfigError: AWS cannot make it so, or the kind is unknown.
            AuthFailed: AWS refuses the credentials, or what they may do is not enough.
            Retriable: AWS did not answer.
        """
        if kind not in self._makers:
            raise ConfigError(
                f"{logical}: resources of type {kind} are not made here; use CloudFormation for this template."
            )
        with _translated(f"{kind} {logical}"):
            return self._makers[kind](logical, properties)

    def _queue(self, _logical: str, properties: Json) -> Made:
        attributes = {name: _text(value) for name, value in properties.items() if name != "QueueName"}
        name = properties["QueueName"]
        found = _existing(lambda: self._sqs.get_queue_url(QueueName=name))
        url = (found or self._sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
        if found:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, {"Arn": told["Attributes"]["QueueArn"], "QueueName": name, "QueueUrl": url}

    def _queue_policy(self, logical: str, properties: Json) -> Made:
        policy = json.dumps(properties["PolicyDocument"])
        for url in properties["Queues"]:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return logical, {}

    def _connection(self, _logical: str, properties: Json) -> Made:
        found = _existing(lambda: self._events.describe_connection(Name=properties["Name"]))
        write = self._events.update_connection if found else self._events.create_connection
        return properties["Name"], {"Arn": write(**properties)["ConnectionArn"]}

    def _destination(self, _logical: str, properties: Json) -> Made:
        found = _existing(lambda: self._events.describe_api_destination(Name=properties["Name"]))
        write = self._events.update_api_destination if found else self._events.create_api_destination
        return properties["Name"], {"Arn": write(**properties)["ApiDestinationArn"]}

    def _rule(self, _logical: str, properties: Json) -> Made:
        name, targets = properties["Name"], properties["Targets"]
        settings = {one: properties[one] for one in ("Description", "State") if one in properties}
        pattern = json.dumps(properties["EventPattern"])
        arn = self._events.put_rule(Name=name, EventPattern=pattern, **settings)["RuleArn"]
        failed = self._events.put_targets(Rule=name, Targets=targets)["FailedEntries"]
        if failed:
            raise ConfigError(
                f"The targets of rule {name} were refused: {failed[0].get('ErrorMessage', 'no reason told')}"
            )
        return name, {"Arn": arn}

    def _role(self, logical: str, properties: Json) -> Made:
        name, trust = f"{self._stack}-{logical}", json.dumps(properties["AssumeRolePolicyDocument"])
        found = _existing(lambda: self._iam.get_role(RoleName=name))
        if found:
            self._iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        else:
            described = properties.get("Description", "")
            found = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Description=described)
        for policy in properties.get("Policies", ()):
            document = json.dumps(policy["PolicyDocument"])
            self._iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
        return name, {"Arn": found["Role"]["Arn"]}

    def _managed_policy(self, logical: str, properties: Json) -> Made:
        name, document = f"{self._stack}-{logical}", json.dumps(properties["PolicyDocument"])
        arn = f"arn:aws:iam::{self.account}:policy/{name}"
        if _existing(lambda: self._iam.get_policy(PolicyArn=arn)):
            self._replace_policy(arn, document)
        else:
            described = properties.get("Description", "")
            self._iam.create_policy(PolicyName=name, PolicyDocument=document, Description=described)
        for role in properties.get("Roles", ()):
            self._iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return arn, {"PolicyArn": arn}

    def _replace_policy(self, arn: str, document: str) -> None:
        """Put a new version in force; the oldest makes room, because AWS keeps five."""
        versions = self._iam.list_policy_versions(PolicyArn=arn)["Versions"]
        others = sorted((one for one in versions if not one["IsDefaultVersion"]), key=lambda one: one["CreateDate"])
        if len(versions) >= MOST_VERSIONS:
            self._iam.delete_policy_version(PolicyArn=arn, VersionId=others[0]["VersionId"])
        self._iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)


def _text(value: Any) -> str:
    """Return an attribute of a queue as SQS wants it: text, objects as JSON."""
    if isinstance(value, Mapping):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _existing(ask: Callable[[], Any]) -> Any:
    """Return the answer, or None when there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn AWS's errors into ours. A message names the resource, never its properties: a secret may be among them."""
    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        raise _refusal(what, code, message) from None
    except BotoCoreError as error:
        if "Credentials" in type(error).__name__ or "Profile" in type(error).__name__:
            raise AuthFailed(f"AWS: {error}") from None
        raise Retriable(f"AWS, {what}: {type(error).__name__}") from None


def _refusal(what: str, code: str, message: str) -> ConnectorError:
    if code in _REFUSED:
        return AuthFailed(f"AWS refuses {what} ({code}): {message}")
    return ConfigError(f"AWS refuses {what} ({code}): {message} What was made so far stays; run the command again.")

"""The rules of a stack and their targets, checked as they are made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.sandbox.events.patterns import check_pattern, matches
from connector.sandbox.events.policies import Wish, permits
from connector.sandbox.events.stack import Resource, Stack, TemplateRefused
from connector.sandbox.events.transformer import Transformer

SERVICE = "events.amazonaws.com"
AGE_RANGE, ATTEMPT_RANGE = range(60, 86_401), range(186)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule sends its events.

    Attributes:
        arn: of an API destination or a queue.
        transformer: what is sent; None: the whole event.
        dead_letters: ARN of the queue of what cannot be delivered; None: it is lost.
        attempts, age: how often it is tried again at most, and for how many seconds.
    """

    arn: str
    transformer: Transformer | None
    dead_letters: str | None
    attempts: int
    age: int

    def body(self, event: Mapping[str, Any]) -> bytes:
        """Return what the target is sent for an event. Raises NotTransformed."""
        return json.dumps(event).encode() if self.transformer is None else self.transformer.transform(event)


@dataclass(frozen=True, slots=True)
class Rule:
    """One enabled rule of the default bus.

    Raises:
        InvalidPattern: its pattern is malformed.
    """

    arn: str
    pattern: Mapping[str, Any]
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        check_pattern(self.pattern)

    def takes(self, event: Mapping[str, Any]) -> bool:
        """Tell whether the event's targets get the event."""
        return matches(self.pattern, event)


def rules_of(stack: Stack) -> list[Rule]:
    """Return the enabled rules of a stack.

    Raises:
        InvalidPattern, InvalidTransformer: as EventBridge refuses them.
        TemplateRefused: a policy that would let deliveries fail unseen, or retries out of range.
    """
    return [
        _rule(stack, one)
        for one in stack.of_kind("AWS::Events::Rule").values()
        if one.properties.get("State", "ENABLED") != "DISABLED"
    ]


def _rule(stack: Stack, resource: Resource) -> Rule:
    properties, arn = resource.properties, resource.attributes["Arn"]
    if len(properties["Name"]) > 64:
        raise TemplateRefused(f"rule name {properties['Name']} is longer than 64 characters")
    targets = tuple(_target(stack, arn, one) for one in properties.get("Targets", ()))
    return Rule(arn, properties["EventPattern"], targets)


def _target(stack: Stack, rule: str, described: Mapping[str, Any]) -> Target:
    arn = described["Arn"]
    dead_letters = described.get("DeadLetterConfig", {}).get("Arn")
    if stack.by_arn(arn).kind == "AWS::SQS::Queue":
        _check_queue(stack, rule, arn)
    else:
        _check_role(stack, described["RoleArn"], arn)
    if dead_letters:
        _check_queue(stack, rule, dead_letters)
    retries = described.get("RetryPolicy", {})
    attempts, age = retries.get("MaximumRetryAttempts", 185), retries.get("MaximumEventAgeInSeconds", 86_400)
    if attempts not in ATTEMPT_RANGE or age not in AGE_RANGE:
        raise TemplateRefused(f"{rule}: use 0 to 185 attempts and an age of 60 to 86400 seconds")
    transformer = described.get("InputTransformer")
    made = transformer and Transformer(transformer.get("InputPathsMap", {}), transformer["InputTemplate"])
    return Target(arn, made or None, dead_letters, attempts, age)


def _context(stack: Stack, rule: str) -> dict[str, str]:
    return {"aws:SourceArn": rule, "aws:SourceAccount": stack.place.account}


def _check_queue(stack: Stack, rule: str, queue: str) -> None:
    """A queue takes a rule's messages only where its policy says so; otherwise they vanish without a word."""
    url = stack.by_arn(queue).reference
    policies = [one.properties for one in stack.of_kind("AWS::SQS::QueuePolicy").values()]
    wish = Wish("sqs:SendMessage", queue, _context(stack, rule), SERVICE)
    if not any(url in one["Queues"] and permits(one["PolicyDocument"], wish) for one in policies):
        raise TemplateRefused(f"the policy of {queue} does not let {rule} send to it")


def _check_role(stack: Stack, role: str, destination: str) -> None:
    properties = stack.by_arn(role).properties
    context = {"aws:SourceAccount": stack.place.account}
    if not permits(properties["AssumeRolePolicyDocument"], Wish("sts:AssumeRole", role, context, SERVICE)):
        raise TemplateRefused(f"{SERVICE} may not assume {role}")
    wish = Wish("events:InvokeApiDestination", destination, {})
    if not any(permits(one["PolicyDocument"], wish) for one in properties.get("Policies", ())):
        raise TemplateRefused(f"{role} may not invoke {destination}")

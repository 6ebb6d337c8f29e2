"""Events on their way from AWS to Salesforce: matched, transformed, delivered, tried again, laid aside."""

from __future__ import annotations

import contextlib
import json
import queue
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from connector.sandbox.clock import SandboxClock
from connector.sandbox.events.destination import TIMEOUT, Destination, NotDelivered, Route
from connector.sandbox.events.queues import MemoryQueues, Message, QueueFailed, Queues
from connector.sandbox.events.rules import Rule, Target, rules_of
from connector.sandbox.events.stack import Place, Stack, read_template
from connector.sandbox.events.transformer import NotTransformed

DOMAIN = "https://connector-sandbox.my.salesforce.com"
"""The org's address on the internet, as the template's parameter names it."""
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: doubling from ``first`` up to ``longest`` seconds, with jitter."""

    first: float = 0.2
    longest: float = 10.0

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after that many attempts."""
        full = min(self.longest, self.first * 2.0 ** min(attempt - 1, 30))
        return full * random.uniform(0.5, 1.0)


class Forwarder:
    """The rules of a stack at work: what ``receive`` is given is delivered by threads of its own.

    Args:
        stack: made of a template.
        route: where the org of the template's parameter is on loopback.
        queues: where messages for queues and dead letters go; None: into memory.
        clock: what an event's age is measured by.
        backoff: waits between attempts.
        timeout: seconds for an answer.
        threads: how many deliveries run at once.

    Raises:
        InvalidPattern, InvalidTransformer, TemplateRefused: as AWS refuses the rules.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        route: Route,
        queues: Queues | None = None,
        clock: SandboxClock | None = None,
        backoff: Backoff | None = None,
        timeout: float = TIMEOUT,
        threads: int = 4,
    ) -> None:
        self.rules, self.queues = rules_of(stack), queues or MemoryQueues()
        self._clock, self._backoff = clock or SandboxClock(), backoff or Backoff()
        self._destinations = {
            one.attributes["Arn"]: Destination(stack, one.attributes["Arn"], route, timeout)
            for one in stack.of_kind("AWS::Events::ApiDestination").values()
        }
        self._waiting: queue.SimpleQueue[_Delivery | None] = queue.SimpleQueue()
        self._open, self._settled = 0, threading.Condition()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"events-{at}", daemon=True) for at in range(threads)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Deliver from now on."""
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """Stop; what was not delivered is forgotten, as the sandbox's other servers forget."""
        self._stopping.set()
        for _ in self._threads:
            self._waiting.put(None)
        for one in self._threads:
            if one.is_alive():
                one.join(timeout=10)

    def receive(self, event: Event) -> None:
        """Take one event off the bus: each rule that matches sends it to each of its targets."""
        for rule in self.rules:
            if rule.takes(event):
                for target in rule.targets:
                    self._enqueue(_Delivery(dict(event), rule, target, self._clock.now().timestamp()))

    def settle(self, seconds: float = 30.0) -> bool:
        """Wait until everything taken so far was delivered or laid aside; tell whether it was in that time."""
        with self._settled:
            return self._settled.wait_for(lambda: not self._open, seconds)

    def _enqueue(self, delivery: _Delivery) -> None:
        with self._settled:
            self._open += 1
        self._waiting.put(delivery)

    def _work(self) -> None:
        while (delivery := self._waiting.get()) is not None:
            try:
                self._deliver(delivery)
            finally:
                with self._settled:
                    self._open -= 1
                    self._settled.notify_all()

    def _deliver(self, delivery: _Delivery) -> None:
        try:
            body = delivery.target.body(delivery.event)
        except NotTransformed as error:
            return self._lay_aside(delivery, NotDelivered(str(error), code="INVALID_JSON"))
        while not self._stopping.is_set():
            try:
                return self._send(delivery.target.arn, body)
            except NotDelivered as error:
                delivery.attempts += 1
                exhausted = self._exhausted(delivery)
                if not error.again or exhausted:
                    return self._lay_aside(delivery, error, exhausted if error.again else "")
                self._stopping.wait(max(error.pause, self._backoff.pause(delivery.attempts)))
        return None

    def _send(self, arn: str, body: bytes) -> None:
        if arn in self._destinations:
            self._destinations[arn].post(body)
        else:
            try:
                self.queues.put(arn, Message(body.decode()))
            except QueueFailed as error:
                raise NotDelivered(str(error), again=True) from error

    def _exhausted(self, delivery: _Delivery) -> str:
        """Return the condition that forbids another attempt, or nothing. The first attempt is no retry."""
        if delivery.attempts > delivery.target.attempts:
            return "MaximumRetryAttempts"
        age = self._clock.now().timestamp() - delivery.taken_at
        return "MaximumEventAgeInSeconds" if age >= delivery.target.age else ""

    def _lay_aside(self, delivery: _Delivery, error: NotDelivered, exhausted: str = "") -> None:
        """Put the event, as it came, into the dead-letter queue, with what EventBridge tells beside it."""
        if delivery.target.dead_letters is None:
            return
        attributes = {
            "RULE_ARN": delivery.rule.arn,
            "TARGET_ARN": delivery.target.arn,
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": str(error),
            "RETRY_ATTEMPTS": str(max(delivery.attempts - 1, 0)),
            **({"EXHAUSTED_RETRY_CONDITION": exhausted} if exhausted else {}),
        }
        with contextlib.suppress(QueueFailed):  # EventBridge, too, loses what its dead-letter queue does not take
            self.queues.put(delivery.target.dead_letters, Message(json.dumps(delivery.event), attributes))


@dataclass(slots=True)
class _Delivery:
    """One event for one target."""

    event: dict[str, Any]
    rule: Rule
    target: Target
    taken_at: float
    attempts: int = 0


def notification_stack(template: Path, *, client_id: str, client_secret: str, account: str, **more: str) -> Stack:
    """Return the stack that brings events into the sandbox's org, made of a template of an API destination.

    Args:
        template: the file.
        client_id, client_secret: of the org's app.
        account: AWS account of the bus.
        more: further parameters of the template, such as ``Catalog``.

    Raises:
        TemplateRefused: as CloudFormation refuses.
    """
    parameters = {"DomainUrl": DOMAIN, "ClientId": client_id, "ClientSecret": client_secret, **more}
    return Stack(read_template(template), parameters, Place(account=account))

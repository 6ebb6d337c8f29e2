"""The sandbox's EventBridge: what the shipped templates bring into Salesforce over HTTP; what becomes of failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from bus_events import (
    ACCOUNT,
    CHANGE_SET,
    CHANGE_SETS,
    FIVE_KINDS,
    INVITATION,
    OFFER,
    OPPORTUNITY,
    SNAPSHOT,
    envelope,
    offer_released_event,
    opportunity_event,
)
from moto import mock_aws
from salesforce_sandbox import Client, World, running_org

from connector.admin.sandboxing import sandbox as serve_sandbox
from connector.errors import ConfigError
from connector.sandbox.events.destination import Route
from connector.sandbox.events.forwarder import DOMAIN, Backoff, Forwarder, notification_stack
from connector.sandbox.events.queues import MemoryQueues, Message
from connector.sandbox.events.rules import rules_of
from connector.sandbox.events.stack import Place, Stack, TemplateRefused, read_template
from connector.sandbox.server import METADATA, Sandbox
from connector.sandbox.serving import HttpServer, Receive, Scope, Send, answer_json, read_body

TEMPLATES = METADATA.parent / "deploy" / "cloudformation"
PARTNER_CENTRAL, MARKETPLACE = TEMPLATES / "partner-central-events.yaml", TEMPLATES / "marketplace-events.yaml"
AT_ONCE = Backoff(first=0.001, longest=0.002)
FIELDS = (
    "Name", "Account_Number__c", "EntityId__c", "Catalog__c", "Status__c", "Product_Id__c", "Seller_Account_Id__c",
    "Manufacturer_Account_Id__c",
)  # fmt: skip
Json = dict[str, Any]


class Bus:
    """An org, the rules of a template that point at it, and what they lay aside."""

    def __init__(self, world: World, forwarder: Forwarder, stack: Stack) -> None:
        self.world, self.forwarder, self.stack = world, forwarder, stack
        self.queues = forwarder.queues
        [self.dead_letter_queue] = stack.of_kind("AWS::SQS::Queue").values()

    def put(self, *events: Json) -> None:
        """Put events on the bus and wait until all was delivered or laid aside."""
        for event in events:
            self.forwarder.receive(event)
        assert self.forwarder.settle()

    def rows(self) -> list[Json]:
        """Return the notifications in Salesforce, without fields that are empty."""
        found = self.world.worker.rows(f"SELECT {', '.join(FIELDS)} FROM AWS_Notification__c ORDER BY CreatedDate, Id")
        return [{name: value for name, value in row.items() if value is not None} for row in found]

    def dead_letters(self) -> list[Message]:
        assert isinstance(self.queues, MemoryQueues)
        return self.queues.messages(self.dead_letter_queue.attributes["Arn"])

    def asked(self, operation: str) -> int:
        """Return how often Salesforce was asked."""
        return self.world.recorder.requests()["salesforce"].get(operation, 0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_org(METADATA, tmp_path_factory.mktemp("org")) as running:
        yield running


@pytest.fixture
def open_bus(world: World) -> Iterator[Callable[..., Bus]]:
    """A way to make the stack of a template, which points at the module's org, emptied."""
    world.org.reset()
    world.faults.clear()
    world.recorder.clear()
    open_ = []

    def make(template: Path = PARTNER_CENTRAL, *, timeout: float = 5.0, **parameters: str) -> Bus:
        client = {"client_id": world.org.authority.client_id, "client_secret": world.org.authority.client_secret}
        stack = notification_stack(template, account=ACCOUNT, **(client | parameters))
        forwarder = Forwarder(
            stack, route=Route(DOMAIN, world.url), clock=world.clock, backoff=AT_ONCE, timeout=timeout
        )
        forwarder.start()
        open_.append(forwarder)
        users = world.org.launch_info()["users"]
        world.worker = Client(world.url, users["integration"]["access_token"])
        return Bus(world, forwarder, stack)

    yield make
    for one in open_:
        one.stop()
    world.clock.reset()


@pytest.mark.requirement("EVT-32")
def test_opportunity_and_invitation_events_become_notifications(open_bus: Callable[..., Bus]) -> None:
    """Each of the five, with its kind as name, the account, and the identifier of what it is about."""
    bus = open_bus()
    for kind, event in FIVE_KINDS.items():
        bus.put(event)
        expected = OPPORTUNITY if kind.startswith("Opportunity") else INVITATION
        assert bus.rows()[-1] == {
            "Name": kind, "Account_Number__c": ACCOUNT, "EntityId__c": expected, "Catalog__c": "AWS",
            "Status__c": "New",
        }  # fmt: skip
    bus.put(SNAPSHOT, opportunity_event("Opportunity Created", catalog="Sandbox"), CHANGE_SETS["Change Set Failed"])
    assert len(bus.rows()) == 5, "other kinds, catalogs and sources have no rule"
    assert bus.dead_letters() == []
    assert bus.asked("token") == 1, "a connection keeps its token"


@pytest.mark.requirement("EVT-12", "EVT-21")
def test_change_sets_become_notifications_of_three_values(open_bus: Callable[..., Bus]) -> None:
    """POST to the object's address in the API version of the package creates the row."""
    bus = open_bus(MARKETPLACE)
    bus.put(*CHANGE_SETS.values())
    assert sorted(bus.rows(), key=lambda row: row["Name"]) == [
        {"Name": kind, "Account_Number__c": ACCOUNT, "EntityId__c": CHANGE_SET, "Status__c": "New"}
        for kind in sorted(CHANGE_SETS)
    ]


def test_released_offers_become_notifications_of_six_values(open_bus: Callable[..., Bus]) -> None:
    """The offer and, beside it, whose product it is and who sells it."""
    bus = open_bus(MARKETPLACE)
    bus.put(offer_released_event())
    assert bus.rows() == [{
        "Name": "Offer Released", "Account_Number__c": ACCOUNT, "EntityId__c": OFFER, "Status__c": "New",
        "Product_Id__c": "bbbbaaaa-abcd-1111-abcd-666666666666", "Seller_Account_Id__c": "987654321098",
        "Manufacturer_Account_Id__c": "123456789012",
    }]  # fmt: skip


def test_one_rule_for_all_kinds_brings_each_event_once(open_bus: Callable[..., Bus]) -> None:
    """It stands in place of the five, so that nothing is told twice; other kinds come without an identifier."""
    bus = open_bus(EventSelection="all-kinds")
    bus.put(*FIVE_KINDS.values(), SNAPSHOT)
    told = {row["Name"]: row.get("EntityId__c") for row in bus.rows()}
    assert len(bus.rows()) == len(told) == 6
    assert told["Engagement Invitation Created"] == INVITATION
    assert told["Engagement Resource Snapshot Created"] is None


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_passing_failure_is_tried_again(open_bus: Callable[..., Bus], status: int) -> None:
    """The row comes once, nothing is laid aside."""
    bus = open_bus()
    bus.world.faults.add("salesforce", "row_create", "status", status, times=3)
    bus.put(FIVE_KINDS["Opportunity Created"])
    assert len(bus.rows()) == 1
    assert bus.asked("row_create") == 4
    assert bus.dead_letters() == []


def test_an_ended_session_is_renewed(open_bus: Callable[..., Bus]) -> None:
    """The connection asks for another token and sends the event with it."""
    bus = open_bus()
    bus.put(FIVE_KINDS["Opportunity Created"])
    bus.world.clock.advance(4 * 3600)
    bus.put(FIVE_KINDS["Opportunity Updated"])
    assert [row["Name"] for row in bus.rows()] == ["Opportunity Created", "Opportunity Updated"]
    assert bus.asked("token") == 2


def test_an_answer_that_does_not_come_is_not_waited_for(open_bus: Callable[..., Bus]) -> None:
    """It is tried again; where the row had been made all the same, there are two, which the connector must bear."""
    bus = open_bus(timeout=0.3)
    bus.world.faults.add("salesforce", "row_create", "timeout_after", times=1, seconds=3)
    bus.put(FIVE_KINDS["Opportunity Created"])
    assert [row["EntityId__c"] for row in bus.rows()] == [OPPORTUNITY] * 2
    assert bus.dead_letters() == []


def test_what_is_refused_for_good_goes_to_the_dead_letters(open_bus: Callable[..., Bus]) -> None:
    """At once and as it came, with the rule, the target and the error beside it."""
    bus = open_bus()
    bus.world.faults.add("salesforce", "row_create", "status", 400, times=1)
    event = FIVE_KINDS["Engagement Invitation Created"]
    bus.put(event)
    [message] = bus.dead_letters()
    assert json.loads(message.body) == event
    assert "rule/partner-central-events-engagement-invitation-created" in message.attributes["RULE_ARN"]
    assert "api-destination/partner-central-events/" in message.attributes["TARGET_ARN"]
    assert message.attributes["ERROR_CODE"] == "SDK_CLIENT_ERROR"
    assert "HTTP status code 400" in message.attributes["ERROR_MESSAGE"]
    assert message.attributes["RETRY_ATTEMPTS"] == "0"
    assert bus.asked("row_create") == 1
    assert bus.rows() == []


def test_wrong_credentials_lay_every_event_aside(open_bus: Callable[..., Bus]) -> None:
    """Without a word of the secret."""
    bus = open_bus(client_secret="another-secret")
    bus.put(FIVE_KINDS["Opportunity Created"], FIVE_KINDS["Opportunity Updated"])
    assert [json.loads(one.body)["detail-type"] for one in bus.dead_letters()]
    assert len(bus.dead_letters()) == 2
    assert all("token endpoint" in one.attributes["ERROR_MESSAGE"] for one in bus.dead_letters())
    assert "another-secret" not in str(bus.dead_letters())


def test_attempts_and_age_are_limited(open_bus: Callable[..., Bus]) -> None:
    """After 185 attempts more, or a day, an event is laid aside and tells which limit it was."""
    bus = open_bus()
    bus.world.faults.add("salesforce", "row_create", "status", 503, times=1000)
    bus.put(FIVE_KINDS["Opportunity Created"])
    [exhausted] = bus.dead_letters()
    assert exhausted.attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert exhausted.attributes["RETRY_ATTEMPTS"] == "185"
    assert bus.asked("row_create") == 186
    bus.forwarder.receive(FIVE_KINDS["Opportunity Updated"])
    bus.world.clock.advance(25 * 3600)
    assert bus.forwarder.settle()
    assert bus.dead_letters()[1].attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


def test_an_identifier_that_breaks_the_body_is_laid_aside(open_bus: Callable[..., Bus]) -> None:
    """Values are not escaped: what makes no JSON never leaves the bus."""
    bus = open_bus()
    bus.put(opportunity_event("Opportunity Created", 'O1"'), opportunity_event("Opportunity Created", "O1234567"))
    assert [row["EntityId__c"] for row in bus.rows()] == ["O1234567"]
    [message] = bus.dead_letters()
    assert message.attributes["ERROR_CODE"] == "INVALID_JSON"


def test_nothing_leaves_the_computer() -> None:
    """Plain HTTP is for loopback, and only the host of the parameter has an address there."""
    with pytest.raises(ValueError, match="loopback"):
        Route(DOMAIN, "http://example.com")


@contextmanager
def stub() -> Iterator[tuple[HttpServer, list[tuple[str, dict[str, str], bytes]]]]:
    """Serve something that says yes, and note what it was asked."""
    asked: list[tuple[str, dict[str, str], bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        asked.append((f"{scope['method']} {scope['path']}", headers, await read_body(receive)))
        await answer_json(send, 200, {"access_token": "a-token"})

    server = HttpServer(app)
    server.start()
    yield server, asked
    server.stop()


@pytest.mark.requirement("EVT-23")
@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE])
def test_the_connection_asks_for_a_token_by_client_credentials(template: Path) -> None:
    """POST to the org's token endpoint with key and secret, and the extra field of the body that names the grant."""
    stack = notification_stack(template, client_id="a-key", client_secret="a-secret", account=ACCOUNT)
    [connection] = stack.of_kind("AWS::Events::Connection").values()
    oauth = connection.properties["AuthParameters"]["OAuthParameters"]
    assert connection.properties["AuthorizationType"] == "OAUTH_CLIENT_CREDENTIALS"
    assert (oauth["HttpMethod"], oauth["AuthorizationEndpoint"]) == ("POST", f"{DOMAIN}/services/oauth2/token")
    assert oauth["ClientParameters"] == {"ClientID": "a-key", "ClientSecret": "a-secret"}
    with stub() as (server, asked), Forwarder(stack, route=Route(DOMAIN, server.url)) as forwarder:
        forwarder.receive(FIVE_KINDS["Opportunity Created"])
        forwarder.receive(offer_released_event())
        assert forwarder.settle()
    (first, headers, body), (second, sent, _) = asked
    assert first == "POST /services/oauth2/token"
    assert parse_qs(body.decode()) == {"grant_type": ["client_credentials"]}
    assert headers["authorization"].startswith("Basic ")
    assert second == "POST /services/data/v66.0/sobjects/AWS_Notification__c"
    assert sent["authorization"] == "Bearer a-token"


def test_the_queue_template_puts_whole_events_onto_its_queue() -> None:
    """The raw envelope, as the connector reads it."""
    stack = Stack(read_template(TEMPLATES / "partner-central-queue.yaml"), {}, Place(account=ACCOUNT))
    queues = MemoryQueues()
    with Forwarder(stack, route=Route(DOMAIN, "http://127.0.0.1:1"), queues=queues) as forwarder:
        for event in (*FIVE_KINDS.values(), SNAPSHOT, *CHANGE_SETS.values(), offer_released_event()):
            forwarder.receive(event)
        assert forwarder.settle()
    found = [json.loads(one.body)["detail-type"] for one in queues.messages(stack.resources["Queue"].attributes["Arn"])]
    assert sorted(found) == sorted([*FIVE_KINDS, SNAPSHOT["detail-type"], *CHANGE_SETS, "Offer Released"])


def test_another_implementation_of_eventbridge_takes_the_same_events() -> None:
    """Every pattern of every template, given to moto with a queue as target, gets what it gets here."""
    made = [
        Stack(read_template(file), {"DomainUrl": DOMAIN, "ClientId": "a", "ClientSecret": "b"} | more)
        for file, more in (
            (PARTNER_CENTRAL, {}), (PARTNER_CENTRAL, {"EventSelection": "all-kinds"}), (MARKETPLACE, {}),
        )
    ]  # fmt: skip
    rules = [rule for stack in made for rule in rules_of(stack)]
    assert len(rules) == 8
    foreign = [opportunity_event("Opportunity Created", catalog="Sandbox"), envelope("aws.x", "Offer Released", {})]
    events = [*FIVE_KINDS.values(), SNAPSHOT, *CHANGE_SETS.values(), offer_released_event(), *foreign]
    with mock_aws():
        keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        bus, sqs = boto3.client("events", **keys), boto3.client("sqs", **keys)
        urls = []
        for number, rule in enumerate(rules):
            urls.append(sqs.create_queue(QueueName=f"queue-{number}")["QueueUrl"])
            arn = f"arn:aws:sqs:us-east-1:123456789012:queue-{number}"
            bus.put_rule(Name=f"rule-{number}", EventPattern=json.dumps(rule.pattern))
            bus.put_targets(Rule=f"rule-{number}", Targets=[{"Id": "queue", "Arn": arn}])
        for event in events:
            detail = json.dumps(event["detail"])
            bus.put_events(Entries=[{"Source": event["source"], "DetailType": event["detail-type"], "Detail": detail}])
        for url, rule in zip(urls, rules, strict=True):
            got = []
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                got += [json.loads(one["Body"]) for one in messages]
            seen = sorted((one["detail-type"], one["source"]) for one in got)
            assert seen == sorted((one["detail-type"], one["source"]) for one in events if rule.takes(one))


def test_a_sandbox_without_the_template_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed package does not carry it: the remedy is named, and nothing was started."""
    monkeypatch.setattr("connector.sandbox.events.wiring.TEMPLATE", tmp_path / "nowhere.yaml")
    with pytest.raises(TemplateRefused, match="from a checkout of the project"):
        Sandbox(tmp_path, notifications=True)
    with pytest.raises(ConfigError, match="from a checkout of the project"):
        serve_sandbox(notifications=True)

"""Events that the shipped CloudFormation template brings into Salesforce reach the connector, though things fail."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from bus_events import change_set_event, opportunity_event
from system_world import CATALOG, Json, Live, World, open_live

NOTIFICATIONS = "AWS_Notification__c"
ONLY_BY_EVENT = {"Sweep_Seconds__c": 86400, "Due_Sweep_Minutes__c": 1440}
"""The connector does not look at Partner Central by itself: what arrives was announced."""


@pytest.fixture(scope="module")
def notified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A worker that learns of events from the rows that EventBridge creates."""
    with open_live(tmp_path_factory.mktemp("notified"), notifications=True, **ONLY_BY_EVENT) as live:
        yield live


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A worker that gets each event twice: over its queue, and as a row."""
    with open_live(tmp_path_factory.mktemp("both"), events=True, notifications=True, **ONLY_BY_EVENT) as live:
        yield live


def created(world: World, title: str) -> str:
    """A colleague creates an approved opportunity in Partner Central; return its id."""
    fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Project": {"Title": title}}
    return str(world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"])


def titles(world: World, identifier: str) -> list[str]:
    found = world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'", "Partner_Project_Title__c")
    return [row["Partner_Project_Title__c"] for row in found]


def rows(world: World, identifier: str, *more: str) -> list[Json]:
    fields = ", ".join(("Name", "Status__c", *more))
    where = f"EntityId__c = '{identifier}' ORDER BY CreatedDate, Id"
    return world.admin.rows(f"SELECT {fields} FROM {NOTIFICATIONS} WHERE {where}")


def settled(world: World, identifier: str) -> list[Json]:
    """Wait until every row about it has been worked off; return them."""

    def told() -> list[Json]:
        found = rows(world, identifier, "Account_Number__c", "Catalog__c")
        return found if found and all(row["Status__c"] != "New" for row in found) else []

    forwarder = world.sandbox.forwarder
    assert forwarder is not None and forwarder.settle()
    found: list[Json] = world.eventually(told, f"the notifications about {identifier}")
    return found


def announce(world: World, event: Json) -> None:
    world.control("/aws/event", event=event | {"id": str(uuid.uuid4())})


def test_an_opportunity_and_its_edits_arrive_by_notification(notified: Live) -> None:
    """Without a queue and without a sweep: the row of AWS Marketplace Notification is what tells the connector."""
    world = notified.world
    identifier = created(world, "Announced by a row")
    world.eventually(lambda: titles(world, identifier) == ["Announced by a row"], "the new record")
    world.edit_at_aws(identifier, Project__Title="Edited at AWS")
    world.eventually(lambda: titles(world, identifier) == ["Edited at AWS"], "the edit")
    told = settled(world, identifier)
    assert {row["Name"] for row in told} == {"Opportunity Created", "Opportunity Updated"}
    assert {(row["Status__c"], row["Catalog__c"]) for row in told} == {("Processed", CATALOG)}
    assert all(row["Account_Number__c"] for row in told)


def test_a_salesforce_that_is_down_for_a_while_loses_nothing(notified: Live) -> None:
    """EventBridge tries again; the rows come late, and the record after them."""
    world = notified.world
    world.fault("salesforce", "^row_create$", "status", status=503, times=3)
    identifier = created(world, "Announced while Salesforce was down")
    world.eventually(lambda: titles(world, identifier) == ["Announced while Salesforce was down"], "the record")
    assert {row["Status__c"] for row in settled(world, identifier)} == {"Processed"}


def test_the_same_event_over_both_ways_has_one_effect(both_ways: Live) -> None:
    """One record, the newest values, and nothing that failed."""
    world = both_ways.world
    identifier = created(world, "Announced twice")
    world.eventually(lambda: titles(world, identifier) == ["Announced twice"], "the record")
    for _ in range(3):
        announce(world, opportunity_event("Opportunity Updated", identifier, CATALOG))
    world.edit_at_aws(identifier, Project__Title="Announced twice again")
    world.eventually(lambda: titles(world, identifier) == ["Announced twice again"], "the edit")
    assert {row["Status__c"] for row in settled(world, identifier)} <= {"Processed", "Ignored"}
    assert len(titles(world, identifier)) == 1


def test_what_salesforce_refuses_waits_with_its_error_in_the_dead_letter_queue(both_ways: Live) -> None:
    """The event as it came, beside it the rule, the target and the error. Other services' events have no rule here."""
    world = both_ways.world
    assert world.sandbox.forwarder is not None
    world.fault("salesforce", "^row_create$", "status", status=400, times=1)
    event = opportunity_event("Opportunity Updated", "O9999999", CATALOG)
    announce(world, change_set_event("Change Set Failed"))
    announce(world, event)
    assert world.sandbox.forwarder.settle()
    told = world.info["sqs"]
    client: Any = boto3.client(
        "sqs", region_name="us-east-1", endpoint_url=told["endpoint_url"], aws_access_key_id="operator",
        aws_secret_access_key="operator", config=Config(proxies={}),
    )  # fmt: skip
    asked = {"QueueUrl": told["dead_letter_queue_url"], "MessageAttributeNames": ["All"], "VisibilityTimeout": 0}
    [message] = world.eventually(lambda: client.receive_message(**asked).get("Messages"), "the dead letter")
    client.close()
    attributes = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == event["detail"]
    assert "HTTP status code 400" in attributes["ERROR_MESSAGE"]
    assert attributes["RULE_ARN"].endswith("-opportunity-updated")
    listed = world.do("dlq", "list")
    assert "HTTP status code 400" in listed.out

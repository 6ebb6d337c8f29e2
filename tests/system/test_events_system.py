"""What AWS announces arrives in Salesforce without waiting for a sweep, whatever happens to the events on their way."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from referral_desk import refer
from system_world import CATALOG, DEALS, Json, Live, World, open_live, open_world

NOTIFICATIONS = "AWS_Notification__c"
MARKETPLACE = "AWS_Marketplace_Settings__c"
LATER = "2032-03-31"
RARELY = {"Poll_Seconds__c": 3600, "Sweep_Seconds__c": 86400, "Due_Sweep_Minutes__c": 1440}
"""So rarely that whatever arrives came by an event."""


class Queues:
    """The sandbox's queues, as an operator of the AWS account sees them."""

    def __init__(self, world: World) -> None:
        told = world.info["sqs"]
        self.url, self.dead = told["queue_url"], told["dead_letter_queue_url"]
        self.client = boto3.client(
            "sqs", region_name="us-east-1", endpoint_url=told["endpoint_url"], aws_access_key_id="operator",
            aws_secret_access_key="operator", config=Config(proxies={}),
        )  # fmt: skip

    def send(self, body: Any, *, dead: bool = False, **attributes: str) -> None:
        told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        self.client.send_message(QueueUrl=self.dead if dead else self.url, MessageBody=text, MessageAttributes=told)

    def waiting(self, url: str = "") -> int:
        """Return how many messages the queue holds, those in somebody's hands included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


@pytest.fixture(scope="module")
def announced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A worker that listens to events, and looks by itself only rarely."""
    with open_live(tmp_path_factory.mktemp("announced"), events=True, **RARELY) as live:
        yield live


def envelope(kind: str, identifier: str = "", **more: Any) -> Json:
    """Return an event as EventBridge delivers it."""
    detail: Json = {"schemaVersion": "1", "catalog": CATALOG}
    if kind.startswith("Opportunity"):
        detail["opportunity"] = {"identifier": identifier}
    elif kind.startswith("Engagement Invitation"):
        detail["engagementInvitation"] = {"id": identifier, "participantType": "RECEIVER"}
    return {
        "version": "0", "id": str(uuid.uuid4()), "detail-type": kind, "source": "aws.partnercentral-selling",
        "account": "111122223333", "time": "2026-11-01T10:00:00Z", "region": "us-east-1", "resources": [],
        "detail": detail, **more,
    }  # fmt: skip


def notes(world: World, where: str = "") -> list[Json]:
    """Return the notifications, oldest first."""
    condition = f" WHERE {where}" if where else ""
    fields = "Name, EntityId__c, Event_Id__c, Status__c, Message__c, Catalog__c, Account_Number__c, Product_Id__c"
    return world.admin.rows(f"SELECT Id, {fields} FROM {NOTIFICATIONS}{condition} ORDER BY CreatedDate, Id")


def notes_arrive(live: Live, where: str, count: int = 1) -> list[Json]:
    """Wait until so many notifications say so."""
    live.world.eventually(lambda: len(notes(live.world, where)) >= count, f"{count} notifications where {where}")
    return notes(live.world, where)


def record_of(world: World, identifier: str, *fields: str) -> Json | None:
    found = world.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'", *fields)
    assert len(found) <= 1, "one opportunity has one record"
    return found[0] if found else None


def by_colleague(world: World, title: str = "Made by a colleague") -> str:
    """A colleague creates an approved opportunity in Partner Central; return its id."""
    fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Project": {"Title": title}}
    return str(world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"])


@contextmanager
def marketplace_settings(world: World, **values: Any) -> Iterator[None]:
    """Say so in the Marketplace settings for a while; there are none before and after."""
    owner = {"SetupOwnerId": world.info["salesforce"]["org_id"]}
    made = world.admin.post(f"sobjects/{MARKETPLACE}", {**owner, **values})
    assert made.status_code == 201, made.text
    try:
        yield
    finally:
        assert world.admin.send("DELETE", f"sobjects/{MARKETPLACE}/{made.json()['id']}").status_code == 204


@contextmanager
def losing_events(world: World) -> Iterator[None]:
    """Lose every event of what happens meanwhile."""
    feed = world.sandbox.partner_central.account.feed
    receivers, feed._receivers = feed._receivers, []
    try:
        yield
    finally:
        feed._receivers = receivers


def arrives(world: World, identifier: str, title: str) -> None:
    world.eventually(
        lambda: (
            (record_of(world, identifier, "Partner_Project_Title__c") or {}).get("Partner_Project_Title__c") == title
        ),
        f"{identifier} with the title {title!r}",
    )


@pytest.mark.requirement("EVT-02", "EVT-03")
def test_a_colleagues_opportunity_and_its_edits_arrive_at_once(announced: Live) -> None:
    world = announced.world
    identifier = by_colleague(world, "Announced")
    arrives(world, identifier, "Announced")
    world.edit_at_aws(identifier, Project__Title="Announced again")
    arrives(world, identifier, "Announced again")


@pytest.mark.requirement("EVT-01", "EVT-04", "EVT-05", "EVT-06")
def test_every_event_of_a_referrals_life_is_listed_and_acted_on(announced: Live) -> None:
    world = announced.world
    one, other = str(refer(world)["invitation"]), str(refer(world)["invitation"])
    world.eventually(lambda: _by_invitation(world, one) and _by_invitation(world, other), "both pending referrals")
    waiting = _by_invitation(world, one)
    assert waiting["Engagement_Invitation_ARN__c"].endswith(one)
    assert (waiting["Partner_Acceptance_Status__c"], waiting["Customer_Email__c"]) == (None, None)

    world.aws.start_engagement_by_accepting_invitation_task(Catalog=CATALOG, Identifier=one, ClientToken="by-hand")
    accepted = world.eventually(lambda: _by_invitation(world, one)["ACE_APN_Unique_Identifier__c"], "the opportunity")
    world.eventually(lambda: _by_invitation(world, one)["Customer_Email__c"], "the contact's data")
    assert _by_invitation(world, one)["Partner_Acceptance_Status__c"] == "Accepted"

    world.aws.reject_engagement_invitation(
        Catalog=CATALOG, Identifier=other, RejectionReason="Customer problem unclear"
    )
    world.eventually(
        lambda: _by_invitation(world, other)["Partner_Acceptance_Status__c"] == "Rejected", "the rejected referral"
    )
    world.edit_at_aws(accepted, Project__Title="Changed later")
    arrives(world, accepted, "Changed later")

    for kind, entity in (
        ("Engagement Invitation Created", one),
        ("Engagement Invitation Accepted", one),
        ("Engagement Invitation Rejected", other),
        ("Opportunity Created", accepted),
        ("Opportunity Updated", accepted),
    ):
        (note, *_) = notes_arrive(announced, f"Name = '{kind}' AND EntityId__c = '{entity}'")
        assert (note["Status__c"], note["Catalog__c"], note["Account_Number__c"]) == (
            "Processed", CATALOG, "111122223333",
        )  # fmt: skip


def _by_invitation(world: World, invitation: str) -> Json:
    found = world.find(
        f"ACE_Invitation_Id__c = '{invitation}'",
        "Partner_Acceptance_Status__c", "ACE_APN_Unique_Identifier__c", "Customer_Email__c",
        "Engagement_Invitation_ARN__c",
    )  # fmt: skip
    return found[0] if found else {}


@pytest.mark.requirement("EVT-07")
def test_the_sample_event_is_processed_with_unknown_members_too(announced: Live) -> None:
    world, queues = announced.world, Queues(announced.world)
    identifier = by_colleague(world)
    arrives(world, identifier, "Made by a colleague")
    plain = envelope("Opportunity Updated", identifier)
    plain["detail"]["opportunity"]["url"] = f"https://partnercentral.example/{identifier}"
    more = {**envelope("Opportunity Updated", identifier), "trace": {"x": [1, None]}, "actor": "somebody"}
    more["detail"]["difference"] = {"stage": ["a", "b"]}
    for event in (plain, more):
        queues.send(event)
        (note,) = notes_arrive(announced, f"Event_Id__c = '{event['id']}'")
        assert (note["Name"], note["Status__c"]) == ("Opportunity Updated", "Processed")


@pytest.mark.requirement("EVT-08")
def test_in_production_an_event_of_the_sandbox_catalog_is_ignored_and_counted(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    production = {"CONNECTOR__AWS__PARTNER_CENTRAL__ALLOW_PRODUCTION_FROM_SANDBOX": "true"}
    directory = tmp_path_factory.mktemp("production")
    with (
        open_world(directory, events=True, PC_API_Sandbox_Enabled__c=False, **RARELY) as world,
        world.working(**production) as worker,
    ):
        live = Live(world, worker)
        other = by_colleague(world)
        fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Project": {"Title": "For real"}}
        ours = str(world.control("/aws/create", fields=fields, catalog="AWS")["opportunity"])
        arrives(world, ours, "For real")
        (note,) = notes_arrive(live, f"EntityId__c = '{other}'")
        assert note["Status__c"] == "Ignored"
        assert "Sandbox" in note["Message__c"]
        assert record_of(world, other) is None
        assert sum(line.get("other_catalog", 0) for line in worker.lines()) == 1


@pytest.mark.requirement("EVT-09")
def test_doubles_and_latecomers_neither_double_a_record_nor_age_it(announced: Live) -> None:
    world, queues = announced.world, Queues(announced.world)
    identifier = by_colleague(world, "First")
    arrives(world, identifier, "First")
    world.edit_at_aws(identifier, Project__Title="Newest")
    arrives(world, identifier, "Newest")
    older = envelope("Opportunity Updated", identifier, time="2026-01-01T00:00:00Z")
    for event in (older, older, {**older, "id": str(uuid.uuid4())}):
        queues.send(event)
    notes_arrive(announced, f"EntityId__c = '{identifier}' AND Event_Id__c = '{older['id']}'")
    announced.worker.settle()
    world.eventually(lambda: not queues.waiting(), "an empty queue")
    row = record_of(world, identifier, "Partner_Project_Title__c")
    assert row is not None and row["Partner_Project_Title__c"] == "Newest"
    assert len(notes(world, f"Event_Id__c = '{older['id']}'")) == 1


def test_a_days_events_replayed_twice_and_shuffled_change_nothing(announced: Live) -> None:
    """Neither a record nor a sync log row comes of events that tell nothing new."""
    world, queues = announced.world, Queues(announced.world)
    day: list[Json] = []
    world.sandbox.partner_central.subscribe(day.append)
    identifiers = [by_colleague(world, f"Deal {number}") for number in range(3)]
    for identifier in identifiers:
        arrives(world, identifier, f"Deal {identifiers.index(identifier)}")
        world.edit_at_aws(identifier, Project__Title="Settled")
    for identifier in identifiers:
        arrives(world, identifier, "Settled")
    announced.worker.settle()
    before = _everything(world)
    again = [{**one, "id": str(uuid.uuid4())} for one in day] + day * 2
    random.Random(7).shuffle(again)
    for event in again:
        queues.send(event)
    world.eventually(lambda: not queues.waiting(), "an empty queue")
    announced.worker.settle()
    assert _everything(world) == before


def _everything(world: World) -> tuple[list[Json], int, int]:
    fields = "Id, Name, Partner_Project_Title__c, ACE_APN_Unique_Identifier__c, LastModifiedDate"
    return (
        world.admin.rows(f"SELECT {fields} FROM {DEALS} ORDER BY Id"),
        len(world.details()),
        len(world.logs("Purpose__c = 'Inbound Record Retrieval'")),
    )


def test_the_echo_of_our_own_write_leaves_no_trace_but_its_notification(announced: Live) -> None:
    world = announced.world
    record = world.deal()
    world.do("action", "share", record)
    identifier = str(
        world.eventually(lambda: world.row(record)["ACE_APN_Unique_Identifier__c"], "the opportunity's identifier")
    )
    announced.worker.settle()
    world.review(identifier, "Approved")
    world.eventually(lambda: world.row(record, "Review_Status__c")["Review_Status__c"] == "Approved", "the approval")
    announced.worker.settle()
    updated = f"Name = 'Opportunity Updated' AND EntityId__c = '{identifier}'"
    told, keys = len(notes(world, updated)), logged(world, record)
    world.edit(record, Target_Close_Date__c=LATER)
    world.do("action", "share", record)
    world.eventually(lambda: len(notes(world, updated)) > told, "the echo")
    announced.worker.settle()
    assert world.get(identifier)["LifeCycle"]["TargetCloseDate"] == LATER
    assert {key.partition("-")[0] for key in logged(world, record) - keys} == {"out"}


def logged(world: World, record: str) -> set[str]:
    """Return the keys of the logs that tell of a record."""
    return {str(one["Sync_Log__r"]["Log_Key__c"]) for one in world.details(record)}


def test_several_events_about_one_opportunity_are_one_look(announced: Live) -> None:
    world, queues = announced.world, Queues(announced.world)
    identifier = by_colleague(world, "Burst")
    arrives(world, identifier, "Burst")
    announced.worker.settle()
    world.proxy.forget()
    with world.sandbox.partner_central.lock:  # nothing is read before all have arrived
        burst = [envelope("Opportunity Updated", identifier) for _ in range(8)]
        for event in burst:
            queues.send(event)
        world.eventually(lambda: not queues.waiting(), "an empty queue")
    for event in burst:
        notes_arrive(announced, f"Event_Id__c = '{event['id']}'")
    announced.worker.settle()
    # Those that came while the first look was under way are a second one.
    assert 1 <= len(world.proxy.named("GetOpportunity", identifier)) <= 2


@pytest.mark.requirement("EVT-29")
def test_a_malformed_message_is_set_aside_and_the_good_one_beside_it_is_handled(announced: Live) -> None:
    world, queues = announced.world, Queues(announced.world)
    identifier = by_colleague(world, "Good")
    arrives(world, identifier, "Good")
    good = envelope("Opportunity Updated", identifier)
    dead = queues.waiting(queues.dead)
    queues.send("this is {no event} of jane.doe@example.com")
    queues.send(good)
    notes_arrive(announced, f"Event_Id__c = '{good['id']}'")
    world.eventually(lambda: queues.waiting(queues.dead) == dead + 1 and not queues.waiting(), "the bad one moved")
    told = [line for line in announced.worker.lines() if line["event"] == "malformed event"]
    assert told and told[-1]["moved"] is True
    assert "jane.doe" not in announced.worker.log.read_text(encoding="utf8")
    listed = world.do("dlq", "list", "--json").json
    assert [one["error_code"] for one in listed] == ["MALFORMED_EVENT"]
    assert "no JSON" in listed[0]["error"]
    ran = world.do("dlq", "replay", listed[0]["id"], "--json", code=1).json
    assert ran["replayed"] == 0 and ran["failed"][0]["id"] == listed[0]["id"]
    queues.client.purge_queue(QueueUrl=queues.dead)


@pytest.mark.requirement("EVT-26")
def test_dead_letters_are_listed_with_their_error_and_replayed(announced: Live) -> None:
    world, queues = announced.world, Queues(announced.world)
    first, second = (envelope("Opportunity Updated", by_colleague(world, f"Late {number}")) for number in "12")
    for event in (first, second):
        queues.send(
            event, dead=True, ERROR_CODE="SDK_CLIENT_ERROR", ERROR_MESSAGE="Salesforce answered with status 503."
        )
    listed = world.do("dlq", "list", "--json").json
    assert {one["event_id"] for one in listed} == {first["id"], second["id"]}
    assert {one["error"] for one in listed} == {"Salesforce answered with status 503."}
    text = world.do("dlq", "list").out
    assert "SDK_CLIENT_ERROR" in text and first["detail"]["opportunity"]["identifier"] in text

    chosen = next(one["id"] for one in listed if one["event_id"] == first["id"])
    assert world.do("dlq", "replay", chosen, "--json").json == {"replayed": 1, "failed": []}
    (note,) = notes_arrive(announced, f"Event_Id__c = '{first['id']}'")
    assert note["Status__c"] == "Processed"
    assert [one["event_id"] for one in world.do("dlq", "list", "--json").json] == [second["id"]]
    world.do("dlq", "replay", "--all")
    notes_arrive(announced, f"Event_Id__c = '{second['id']}'")
    assert world.do("dlq", "list", "--json").json == []


def test_replay_wants_an_id_or_all_and_knows_what_is_there(announced: Live) -> None:
    assert "--all" in announced.world.do("dlq", "replay", code=2).err
    assert "List them" in announced.world.do("dlq", "replay", "nothing-of-that-id", code=1).err


def test_unknown_kinds_and_marketplace_events_are_kept_and_ignored(announced: Live) -> None:
    queues = Queues(announced.world)
    change = envelope("Change Set Succeeded", source="aws.marketplacecatalog")
    change["detail"] = {"Catalog": "AWSMarketplace", "ChangeSetId": "76yesvf8y165pa4f98td2crtg"}
    unknown = envelope("Engagement Lamented")
    for event in (change, unknown):
        queues.send(event)
    (changed,) = notes_arrive(announced, f"Event_Id__c = '{change['id']}'")
    assert (changed["Status__c"], changed["EntityId__c"]) == ("Ignored", "76yesvf8y165pa4f98td2crtg")
    assert "Marketplace flows" in changed["Message__c"]
    (kept,) = notes_arrive(announced, f"Event_Id__c = '{unknown['id']}'")
    assert (kept["Name"], kept["Status__c"]) == ("Engagement Lamented", "Ignored")


def test_a_buyers_message_on_the_queue_named_in_the_settings_is_listed(announced: Live) -> None:
    """The queue is read as soon as an admin names it, and no longer once the name is gone."""
    world, queues = announced.world, Queues(announced.world)
    url = queues.client.create_queue(QueueName="private-offers")["QueueUrl"]
    action = {"action": "subscribe-success", "product-code": "n0123", "offer-identifier": "offer-abcexample123"}
    message = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "Message": json.dumps(action)}
    queues.client.send_message(QueueUrl=url, MessageBody=json.dumps(message))
    with marketplace_settings(world, SQS_Queue_Name__c="private-offers"):
        world.advance(901)
        (note,) = notes_arrive(announced, f"Event_Id__c = '{message['MessageId']}'")
        assert (note["Name"], note["EntityId__c"], note["Product_Id__c"], note["Status__c"]) == (
            "subscribe-success", "offer-abcexample123", "n0123", "Ignored",
        )  # fmt: skip
        assert _events_checked(world) == {"queue", "dead-letter queue", "queue of buyers' messages"}
    assert _events_checked(world) == {"queue", "dead-letter queue"}


def _events_checked(world: World) -> set[str]:
    """Return what the check looked at of the events; all of it answers."""
    checked = world.do("check", "--json").json
    lines = {one["name"]: one for one in checked["checks"] if one["integration"] == "Events"}
    assert all(one["ok"] and "answers" in one["message"] for one in lines.values())
    return set(lines)


def test_rows_that_eventbridge_creates_have_the_same_effect(announced: Live) -> None:
    """An API destination posts the transformed event; the worker acts on it and says so on the row."""
    world = announced.world
    with losing_events(world):
        identifier = by_colleague(world, "By a row")
    rows = [
        {"Name": "Opportunity Updated", "Account_Number__c": "111122223333", "EntityId__c": identifier},
        {"Name": "Opportunity Updated", "EntityId__c": "O999-nonsense", "Catalog__c": CATALOG},
        {"Name": "Opportunity Created", "EntityId__c": identifier, "Catalog__c": "AWS"},
        {"Name": "Change Set Failed", "EntityId__c": "76yesvf8y165pa4f98td2crtg"},
    ]
    made = [world.integration.post(f"sobjects/{NOTIFICATIONS}", row) for row in rows]
    ids = [answer.json()["id"] for answer in made]
    assert {one["Status__c"] for one in notes(world) if one["Id"] in ids} == {"New"}
    world.advance(3601)
    arrives(world, identifier, "By a row")

    def told() -> list[Json]:
        found = {one["Id"]: one for one in notes(world) if one["Id"] in ids and one["Status__c"] != "New"}
        return [found[one] for one in ids] if len(found) == len(ids) else []

    good, bad, foreign, change = world.eventually(told, "four rows that say what became of them")
    assert good["Status__c"] == "Processed"
    assert bad["Status__c"] == "Error" and "EntityId__c" in bad["Message__c"]
    assert foreign["Status__c"] == "Ignored" and "catalog AWS" in foreign["Message__c"]
    assert change["Status__c"] == "Ignored"


def test_a_row_that_a_person_sets_back_to_new_is_worked_off_again(announced: Live) -> None:
    world = announced.world
    identifier = by_colleague(world, "Again")
    arrives(world, identifier, "Again")
    row = {"Name": "Opportunity Updated", "EntityId__c": identifier}
    note = world.integration.post(f"sobjects/{NOTIFICATIONS}", row).json()["id"]

    def status() -> str:
        return str(notes(world, f"Id = '{note}'")[0]["Status__c"])

    world.advance(3601)
    world.eventually(lambda: status() == "Processed", "the row to be worked off")
    with losing_events(world):
        world.edit_at_aws(identifier, Project__Title="Again and again")
    assert world.admin.patch(f"sobjects/{NOTIFICATIONS}/{note}", {"Status__c": "New"}).status_code == 204
    world.advance(3601)
    arrives(world, identifier, "Again and again")
    world.eventually(lambda: status() == "Processed", "the row to be worked off again")


def test_when_all_events_are_lost_the_sweep_finds_what_changed(announced: Live) -> None:
    world = announced.world
    known = by_colleague(world, "Known")
    arrives(world, known, "Known")
    with losing_events(world):
        world.edit_at_aws(known, Project__Title="Changed in silence")
        new = by_colleague(world, "Made in silence")
    world.advance(86401)
    arrives(world, known, "Changed in silence")
    arrives(world, new, "Made in silence")


def test_notifications_are_kept_for_as_long_as_the_settings_say(announced: Live) -> None:
    """By default for good; with a retention, those that wait to be worked off stay even then."""
    world = announced.world
    identifier = by_colleague(world, "Old")
    (old, *_) = notes_arrive(announced, f"EntityId__c = '{identifier}'")
    world.advance(2 * 86400)
    announced.worker.settle()
    assert notes(world, f"Id = '{old['Id']}'")
    with marketplace_settings(world, Notification_Retention__c=1):
        world.advance(86401)
        world.eventually(lambda: not notes(world, f"Id = '{old['Id']}'"), "the old notification to be deleted")
        fresh = by_colleague(world, "Young")
        assert notes_arrive(announced, f"EntityId__c = '{fresh}'")


@pytest.mark.requirement("EVT-10")
def test_events_that_came_while_the_worker_was_down_are_processed_at_its_start(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with open_world(tmp_path_factory.mktemp("down"), events=True, **RARELY) as world:
        with world.working() as worker:
            identifier = by_colleague(world, "Before")
            arrives(world, identifier, "Before")
            worker.settle()
        queues = Queues(world)
        world.edit_at_aws(identifier, Project__Title="While it was down")
        new = by_colleague(world, "New meanwhile")
        assert queues.waiting() >= 3
        with world.working():
            arrives(world, identifier, "While it was down")
            arrives(world, new, "New meanwhile")
            world.eventually(lambda: not queues.waiting(), "an empty queue")


@pytest.mark.requirement("PCAPI-28")
def test_without_events_a_change_at_aws_appears_within_the_poll_interval(live: Live) -> None:
    identifier = by_colleague(live.world, "Found")
    live.worker.cycle()
    live.world.edit_at_aws(identifier, Project__Title="Found by polling")
    live.worker.cycle()
    row = record_of(live.world, identifier, "Partner_Project_Title__c")
    assert row is not None and row["Partner_Project_Title__c"] == "Found by polling"
    assert notes(live.world) == []

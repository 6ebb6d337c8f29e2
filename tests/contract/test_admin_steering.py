"""``connector schedule`` and ``connector logs purge``."""

from __future__ import annotations

import io
import sys

import pytest
from admin_desk import Desk
from salesforce_sandbox import Client

from connector.admin import operations
from connector.sync import log_storage

LOGS, DETAILS, SCHEDULES = "ACE_Sync_Log__c", "ACE_Sync_Log_Detail__c", "ACE_Schedule__c"


@pytest.fixture
def integration(desk: Desk) -> Client:
    org = desk.info["salesforce"]
    return Client(org["instance_url"], org["users"]["integration"]["access_token"])


def write(person: Client, object_name: str, **fields: object) -> str:
    answer = person.post(f"sobjects/{object_name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def log(person: Client, key: str, status: str) -> str:
    fields = {"Direction__c": "To AWS", "Purpose__c": "Outbound File Retrieval", "Object__c": "ACE_Opportunity__c"}
    return write(person, LOGS, Log_Key__c=key, Status__c=status, **fields)


@pytest.fixture
def all_logs(desk: Desk, integration: Client) -> dict[str, str]:
    """An org with two logs of each status and nothing else; return keys by id."""
    for row in desk.admin.rows(f"SELECT Id FROM {LOGS}"):
        desk.admin.send("DELETE", f"sobjects/{LOGS}/{row['Id']}")
    statuses = ("API Success", "Processed", "Partial", "Error")
    return {
        log(integration, f"{status} {number}", status): f"{status} {number}" for number in (1, 2) for status in statuses
    }


def left(desk: Desk) -> set[str]:
    return {row["Log_Key__c"] for row in desk.admin.rows(f"SELECT Log_Key__c FROM {LOGS}")}


@pytest.mark.requirement("LOG-22")
def test_the_clean_up_takes_finished_logs_only(desk: Desk, all_logs: dict[str, str]) -> None:
    assert log_storage.MOST_PURGED == 4000
    assert desk.do("logs", "purge", "--yes", "--json").json == {"deleted": 4, "failed": 0}
    assert left(desk) == {"Partial 1", "Partial 2", "Error 1", "Error 2"}
    assert desk.do("logs", "purge", "--yes", "--json").json == {"deleted": 0, "failed": 0}


@pytest.mark.requirement("LOG-22")
def test_one_clean_up_has_an_end(desk: Desk, all_logs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_storage, "MOST_PURGED", 3)
    monkeypatch.setattr(operations, "MOST_PURGED", 3)
    ran = desk.do("logs", "purge", "--yes")
    assert "3 sync logs were deleted." in ran.out and "repeat" in ran.out
    assert len(left(desk)) == 5


def say(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Let a person answer the next question."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))


def test_without_a_confirmation_everything_stays(
    desk: Desk, all_logs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, "n")
    assert "4 sync logs" in desk.do("logs", "purge", code=1).out
    assert left(desk) == set(all_logs.values())
    say(monkeypatch, "y")
    desk.do("logs", "purge")
    assert len(left(desk)) == 4


def test_a_log_below_which_something_is_open_stays(desk: Desk, integration: Client, all_logs: dict[str, str]) -> None:
    ids = {key: one for one, key in all_logs.items()}
    for key, status in (("Processed 1", "Pending"), ("API Success 1", "Processed")):
        write(integration, DETAILS, Sync_Log__c=ids[key], Detail_Key__c=f"of {key}", Status__c=status)
    assert desk.do("logs", "purge", "--yes", "--json").json["deleted"] == 3
    assert "Processed 1" in left(desk) and "API Success 1" not in left(desk)


def test_a_schedule_is_named_by_name_or_id(desk: Desk, integration: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"Object__c": "Opportunity", "Interval_Minutes__c": 10}
    first, second = write(integration, SCHEDULES, **row), write(integration, SCHEDULES, **row)
    listed = {one["Id"]: one for one in desk.do("schedule", "list", "--json").json}
    assert not listed[first]["Active__c"]
    desk.do("schedule", "activate", listed[first]["Name"])
    desk.do("schedule", "activate", second)
    listed = {one["Id"]: one for one in desk.do("schedule", "list", "--json").json}
    assert listed[first]["Active__c"] and listed[second]["Active__c"], "the worker will choose"
    assert listed[second]["Name"] in desk.do("schedule", "list").out
    say(monkeypatch, "n")
    desk.do("schedule", "deactivate", "--all", code=1)
    active = {one["Id"] for one in desk.do("schedule", "list", "--json").json if one["Active__c"]}
    assert active == {first, second}
    assert "2 deactivated" in desk.do("schedule", "deactivate", "--all", "--yes").out
    assert "0 deactivated" in desk.do("schedule", "deactivate", second).out
    for wrong in (("deactivate",), ("deactivate", second, "--all"), ("activate", "x' OR Name != '")):
        desk.do("schedule", *wrong, code=2)
    assert "SCH-9999" in desk.do("schedule", "activate", "SCH-9999", code=1).err


def test_a_schedule_for_what_has_no_mapping_is_refused(desk: Desk, integration: Client) -> None:
    lead = write(integration, SCHEDULES, Object__c="Lead", Interval_Minutes__c=10)
    assert "No lead mapping is published" in desk.do("schedule", "activate", lead, code=1).err
    [row] = desk.admin.rows(f"SELECT Active__c FROM {SCHEDULES} WHERE Id = '{lead}'")
    assert not row["Active__c"]

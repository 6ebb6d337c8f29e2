"""A payload from AWS that Salesforce refused is corrected by a person, processed again, and stays corrected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_package import add_validation_rule, copy_package
from system_world import World, open_world

PAYLOADS = ("Detail_Key__c", "Payload__c", "Reprocess__c")
RULE_MESSAGE = "Nobody closes a deal in Atlantis."


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org with a validation rule that holds for the integration user too; nothing runs unless a test runs it."""
    root = tmp_path_factory.mktemp("strict")
    package = copy_package(
        root / "package", lambda it: add_validation_rule(it, "No_Atlantis", 'City__c = "Atlantis"', RULE_MESSAGE)
    )
    with open_world(root / "world", package=package) as world:
        yield world


def failed(world: World, record: str) -> dict[str, Any]:
    """Return the open error of the record, with its payload."""
    errors = [one for one in world.details(record, "Id", *PAYLOADS) if one["Status__c"] == "Error"]
    (error,) = errors
    return error


def with_city(payload: str, city: str) -> str:
    answer = json.loads(payload)
    answer["Customer"]["Account"]["Address"]["City"] = city
    return json.dumps(answer, indent=1)


def save_payload(world: World, error: dict[str, Any], corrected: str | None) -> None:
    """The admin saves the corrected payload by the action Edit Payload, which ticks Reprocess."""
    values = {"Corrected_Payload__c": corrected, "Reprocess__c": True}
    answer = world.admin.patch(f"sobjects/ACE_Sync_Log_Detail__c/{error['Id']}", values)
    assert answer.status_code == 204, answer.text


def refused(world: World) -> tuple[str, str]:
    """A shared record whose city AWS changes to one that Salesforce refuses."""
    record, identifier = world.shared()
    world.edit_at_aws(identifier, Customer__Account__Address__City="Atlantis")
    world.sync("inbound", code=1)
    return record, identifier


def city(world: World, record: str) -> str:
    return str(world.row(record, "City__c")["City__c"])


def corrections(world: World, identifier: str) -> list[dict[str, Any]]:
    """Return the corrections that still stand in for what AWS says of an opportunity."""
    return [one for one in world.do("logs", "corrections", "--json").json if one["apn_id"] == identifier]


@pytest.mark.requirement("IN-15", "IN-16", "LOG-20")
def test_a_corrected_payload_is_processed_and_stays_corrected_until_aws_has_a_good_value(strict: World) -> None:
    record, identifier = refused(strict)
    error = failed(strict, record)
    assert RULE_MESSAGE in error["Error_Message__c"]
    save_payload(strict, error, with_city(error["Payload__c"], "Tacoma"))
    strict.sync("inbound")
    assert city(strict, record) == "Tacoma"
    assert [one["corrected"] for one in corrections(strict, identifier)] == ["Tacoma"]
    assert strict.errors(record) == []
    (resolved,) = [one for one in strict.details(record, *PAYLOADS) if one["Detail_Key__c"] == error["Detail_Key__c"]]
    assert (resolved["Status__c"], resolved["Reprocess__c"]) == ("Resolved", False)
    # The payload comes again, with the bad value and news beside it.
    strict.edit_at_aws(identifier, Project__Title="A better title")
    strict.sync("inbound")
    row = strict.row(record, "City__c", "Partner_Project_Title__c")
    assert (row["City__c"], row["Partner_Project_Title__c"]) == ("Tacoma", "A better title")
    assert strict.get(identifier)["Customer"]["Account"]["Address"]["City"] == "Atlantis"
    noted = [one for one in strict.details(record) if "in place of Atlantis" in (one["Error_Message__c"] or "")]
    assert noted and {one["Status__c"] for one in noted} == {"Processed"}
    # A good value of AWS's own ends the correction.
    strict.edit_at_aws(identifier, Customer__Account__Address__City="Everett")
    strict.sync("inbound")
    assert city(strict, record) == "Everett"
    assert corrections(strict, identifier) == []


@pytest.mark.requirement("PICK-12")
def test_a_picklist_value_without_mapping_is_corrected_in_the_payload(strict: World) -> None:
    strict.sync("inbound")  # the first run maps the packaged object by itself
    strict.do("mapping", "set", "industry", "Industry__c", "--value", "Healthcare=Healthcare")
    strict.do("mapping", "publish")
    try:
        record, identifier = strict.shared(Industry__c="Healthcare")
        strict.edit_at_aws(identifier, Customer__Account__Industry="Education")
        strict.sync("inbound", code=1)
        error = failed(strict, record)
        assert "Education" in error["Error_Message__c"] and "industry" in error["Error_Message__c"]
        answer = json.loads(error["Payload__c"])
        answer["Customer"]["Account"]["Industry"] = "Healthcare"
        save_payload(strict, error, json.dumps(answer))
        strict.sync("inbound")
        assert strict.row(record, "Industry__c")["Industry__c"] == "Healthcare"
        assert strict.errors(record) == []
    finally:
        strict.do("mapping", "rollback", "1")


@pytest.mark.requirement("IN-15")
@pytest.mark.parametrize(
    ("text", "told"),
    [("{not json", "not JSON"), ("[1]", "no opportunity"), (None, "says the same")],
    ids=["no JSON", "no opportunity", "nothing corrected"],
)
def test_a_payload_that_cannot_be_used_is_told_on_its_detail(strict: World, text: str | None, told: str) -> None:
    record, _ = refused(strict)
    error = failed(strict, record)
    save_payload(strict, error, text or error["Payload__c"])
    strict.sync("inbound")
    after = failed(strict, record)
    assert told in after["Error_Message__c"]
    assert (after["Reprocess__c"], after["Payload__c"]) == (False, error["Payload__c"])
    assert city(strict, record) != "Atlantis"


@pytest.mark.requirement("IN-15")
def test_the_command_line_corrects_a_payload_and_refuses_what_is_no_json(strict: World, tmp_path: Path) -> None:
    record, _ = refused(strict)
    error = failed(strict, record)
    file = tmp_path / "payload.json"
    file.write_text("{")
    ran = strict.do("logs", "edit", error["Detail_Key__c"], "--payload", str(file), code=2)
    assert "not JSON" in ran.err
    assert failed(strict, record)["Reprocess__c"] is False
    file.write_text(with_city(error["Payload__c"], "Olympia"))
    strict.do("logs", "edit", error["Detail_Key__c"], "--payload", str(file))
    strict.sync("inbound")
    assert city(strict, record) == "Olympia"


@pytest.mark.requirement("IN-18")
def test_each_detail_has_the_payload_of_its_own_record(strict: World) -> None:
    ids = dict([refused(strict), refused(strict)])
    for record, identifier in ids.items():
        assert json.loads(failed(strict, record)["Payload__c"])["Id"] == identifier


def test_a_record_that_could_not_be_created_is_created_from_the_corrected_payload(strict: World) -> None:
    fields = {"LifeCycle": {"ReviewStatus": "Approved"}, "Customer": {"Account": {"Address": {"City": "Atlantis"}}}}
    identifier = str(strict.control("/aws/create", fields=fields, catalog="Sandbox")["opportunity"])
    strict.sync("inbound", code=1)
    error = failed(strict, identifier)
    save_payload(strict, error, with_city(error["Payload__c"], "Yakima"))
    strict.sync("inbound")
    (row,) = strict.find(f"ACE_APN_Unique_Identifier__c = '{identifier}'", "City__c")
    assert row["City__c"] == "Yakima"
    assert strict.errors(identifier) == []

"""The embedded ACE bucket's leads, from referral to update; and the bucket as part of the whole sandbox."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_exchange import LEAD_UPDATE, RESULTS, World

from connector.sandbox.exchange.definitions import LEAD_FIELDS
from connector.sandbox.server import Sandbox

Json = dict[str, Any]
IDS = {"apnCrmUniqueIdentifier": "L1234567", "partnerCrmLeadId": "00Q000000000001"}
MASKED = (
    "title", "streetAddress", "state", "postalCode", "phone", "fullName", "email", "country", "company", "city",
)  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(running: World) -> World:
    running.reset()
    running.order("/exchange/refer-lead", fields={"apnCrmUniqueIdentifier": "L1234567"})
    return running


def accept(world: World) -> None:
    assert world.send({**IDS, "currentLeadStage": "Accepted"}, kind="lead")["success"] == "ALL"


def test_a_lead_is_masked_until_it_is_accepted_and_the_next_export_tells_who_it_is(world: World) -> None:
    masked = world.exported("lead")["L1234567"]
    assert {name: masked[name] for name in MASKED} == dict.fromkeys(MASKED, "Accept To View")
    assert (masked["currentLeadStage"], masked["partnerCrmLeadId"]) == (None, None)
    assert set(masked) == set(LEAD_FIELDS) - {"firstName", "lastName"}
    accept(world)
    seen = world.exported("lead")["L1234567"]
    assert (seen["fullName"], seen["currentLeadStage"]) == ("Ines Castell", "Accepted")
    assert "Accept To View" not in seen.values()
    assert seen["partnerCrmLeadId"] == IDS["partnerCrmLeadId"]


def test_an_update_made_like_aws_s_sample_is_taken_after_acceptance(world: World) -> None:
    accept(world)
    result = world.send(LEAD_UPDATE, kind="lead")
    assert (result["success"], result["inboundApiResults"][0]) == (
        "ALL",
        {
            "warnings": None,
            "partnerCrmUniqueIdentifier": IDS["partnerCrmLeadId"],
            "isSuccess": True,
            "errors": None,
            "apnCrmUniqueIdentifier": "L1234567",
        },
    )
    record = world.exported("lead")["L1234567"]
    assert (record["useCaseWorkload"], record["leadStatusReason"]) == ("Big Data;IOT", "Discussion with customer")
    assert len(world.keys(f"lead-{RESULTS}")) == 2


@pytest.mark.parametrize("version", ["1", "1.0", "2.0"])
def test_both_spellings_of_the_list_and_every_version_seen_are_read(world: World, version: str) -> None:
    accept(world)
    file = {"version": version, "spmsId": world.exchange.settings.partner_id, "leads": [LEAD_UPDATE]}
    assert world.send_bytes(json.dumps(file).encode(), world.name("lead"))["success"] == "ALL"


def test_an_update_without_news_is_an_error(world: World) -> None:
    accept(world)
    world.send(LEAD_UPDATE, kind="lead")
    assert world.errors(LEAD_UPDATE, kind="lead") == "No new update identified for this record"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": "Won"}, "status: Invalid value 'Won'"),
        ({"status": None}, "status: Required"),
        ({"useCaseWorkLoad": "Big Data;Magic"}, "useCaseWorkload: Invalid value 'Magic'"),
        ({"leadStatusReason": "x" * 256}, "leadStatusReason: Data value too large"),
        ({"partnerCrmLeadId": None}, "partnerCrmLeadId: Required"),
        ({"apnCrmUniqueIdentifier": None}, "partners cannot submit leads of their own"),
        ({"apnCrmUniqueIdentifier": "L7654321"}, "Lead L7654321 was not found"),
        ({"apnCrmUniqueIdentifier": "O1000001"}, "Lead O1000001 was not found"),
        ({"company": "Another"}, "company: Field cannot be changed"),
        ({"campaignName": "Another"}, "campaignName: Field cannot be changed"),
        ({"currentLeadStage": "Rejected"}, "currentLeadStage: Field cannot be changed"),
        ({"leadOwnerEmail": "nobody@test.com"}, "User not found for Lead Owner email:nobody@test.com"),
        ({"colour": "red"}, "colour: Field is not defined"),
    ],
)  # fmt: skip
def test_a_broken_rule_refuses_the_lead(world: World, fields: Json, text: str) -> None:
    accept(world)
    assert text in world.errors({**LEAD_UPDATE, **fields}, kind="lead")


def test_the_partner_s_identifier_of_another_lead_is_refused(world: World) -> None:
    accept(world)
    other = world.order("/exchange/refer-lead")["lead"]
    taking = {**IDS, "apnCrmUniqueIdentifier": other, "currentLeadStage": "Accepted"}
    assert "partnerCrmLeadId: " in (text := world.errors(taking, kind="lead"))
    assert "belongs to lead L1234567" in text


def test_before_a_decision_nothing_but_the_decision_is_taken(world: World) -> None:
    assert "currentLeadStage: Required" in world.errors(LEAD_UPDATE, kind="lead")
    early = {**IDS, "currentLeadStage": "Accepted", "email": "other@harbour.example"}
    assert "email: Field is visible and editable only after acceptance" in world.errors(early, kind="lead")
    assert (
        world.send({**IDS, "currentLeadStage": "Accepted", "email": "Accept To View"}, kind="lead")["success"] == "ALL"
    )


def test_a_rejected_lead_is_told_of_no_more_and_not_editable(world: World) -> None:
    assert world.send({**IDS, "currentLeadStage": "Rejected"}, kind="lead")["success"] == "ALL"
    assert world.exported("lead") == {}
    assert "Lead is not editable" in world.errors({**IDS, "status": "Research"}, kind="lead")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(LEAD_FIELDS)), st.none() | st.integers() | st.text() | st.just([{}])))
def test_whatever_a_lead_holds_it_is_answered_and_can_be_exported(world: World, fields: Json) -> None:
    (entry,) = world.send({**LEAD_UPDATE, "currentLeadStage": "Accepted", **fields}, kind="lead")["inboundApiResults"]
    assert entry["isSuccess"] is not bool(entry["errors"])
    world.order("/exchange/export")


def test_aws_changes_a_lead_and_refers_others(world: World) -> None:
    accept(world)
    world.exported("lead")
    world.later(days=4)
    assert world.exported("lead") == {}
    world.order("/exchange/edit-lead", lead="L1234567", fields={"projectDescription": "More"})
    assert world.exported("lead")["L1234567"]["leadAge"] == 4
    other = world.order("/exchange/refer-lead")["lead"]
    assert list(world.exported("lead")) == [other]
    assert "status: Invalid value" in world.refused("/exchange/refer-lead", fields={"status": "Won"})
    assert "there is no lead L1" in world.refused("/exchange/edit-lead", lead="L1", fields={})


def test_the_sandbox_tells_where_the_bucket_is_and_configures_it(tmp_path: Path) -> None:
    with Sandbox(tmp_path, exchange=True) as sandbox:
        info = sandbox.launch_info()
        section = tomllib.loads(sandbox.config_path.read_text(encoding="utf8"))["aws"]["exchange"]
        keys = {
            f"aws_{name}": Path(section[name].removeprefix("file:")).read_text(encoding="utf8")
            for name in ("access_key_id", "secret_access_key")
        }
        endpoint, region = section["endpoint_url"], section["region"]
        client: Any = boto3.client("s3", endpoint_url=endpoint, region_name=region, **keys)  # type: ignore[call-overload]
        folders = {entry["Key"] for entry in client.list_objects_v2(Bucket=info["s3"]["bucket"])["Contents"]}
        assert {"opportunity-inbound/", "lead-outbound/", "lead-inbound-results/"} <= folders
        for _ in range(2):
            entered = ask(sandbox, "/exchange/enroll")
        (row,) = sandbox.org.rows("SELECT Bucket_Name__c, Partner_Id__c FROM ACE_Connector_Settings__c")
        assert row["Bucket_Name__c"] == entered["Bucket_Name__c"] == info["s3"]["bucket"]
        ask(sandbox, "/reset")
        assert {entry["Key"] for entry in client.list_objects_v2(Bucket=info["s3"]["bucket"])["Contents"]} == folders


def ask(sandbox: Sandbox, path: str) -> Json:
    status, answer = sandbox._control.perform("POST", path, b"{}")
    assert status == 200, answer
    return answer


def test_without_the_bucket_nothing_of_it_is_there(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    try:
        assert sandbox.exchange is None
        assert sandbox._control.perform("POST", "/exchange/process", b"{}")[0] == 404
    finally:
        sandbox.stop()

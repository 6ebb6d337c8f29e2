"""Commands about one record: ``preview``, ``action share``, ``forget``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from admin_desk import DEALS, Desk
from botocore.config import Config

from connector.store.state import State


def requests(desk: Desk) -> dict[str, int]:
    return desk.sandbox.recorder.requests().get("partner_central", {})


def answer_of(desk: Desk, identifier: str) -> dict[str, Any]:
    """Return GetOpportunity's answer as AWS's own client prints it."""
    client = boto3.client(
        "partnercentral-selling",
        region_name="us-east-1",
        endpoint_url=desk.info["partner_central"]["endpoint_url"],
        aws_access_key_id=desk.info["aws"]["access_key_id"],
        aws_secret_access_key=desk.info["aws"]["secret_access_key"],
        config=Config(proxies={}),
    )
    answer: dict[str, Any] = client.get_opportunity(Catalog="Sandbox", Identifier=identifier)
    client.close()
    answer.pop("ResponseMetadata")
    return json.loads(json.dumps(answer, default=str))  # type: ignore[no-any-return]


def test_preview_shows_verdict_plan_and_payload_and_sends_nothing(desk: Desk) -> None:
    record = desk.deal(21)
    desk.sandbox.recorder.clear()
    shown = desk.do("preview", record, "--json").json
    assert shown["record"] == record
    assert shown["due"] is True
    assert shown["conditions"]
    assert shown["plan"][0].startswith("create the opportunity at AWS")
    assert shown["payload"]["PartnerOpportunityIdentifier"] == record
    values = {"salesforce_value", "ace_value", "json_path", "json_value"}
    named = {"ace_field", "salesforce_field", *values, "fallback", "problems"}
    assert named == set(shown["fields"][0])
    assert not requests(desk)


def test_preview_for_people_says_the_same(desk: Desk) -> None:
    record = desk.deal(22)
    out = desk.do("preview", record).out
    assert "Plan" in out
    assert "create the opportunity at AWS" in out
    assert record in out


def test_preview_of_a_record_that_cannot_go_names_what_is_wrong(desk: Desk) -> None:
    shown = desk.do("preview", desk.deal(23, Postal_Code__c="?"), "--json").json
    assert shown["plan"][0].startswith("refuse:")
    assert "postalCode" in shown["plan"][0]
    assert shown["payload"] is None


@pytest.mark.requirement("OUT-11", "OUT-19", "MAP-46")
def test_preview_puts_every_problem_on_its_fields_line_and_calls_nobody(desk: Desk) -> None:
    record = desk.deal(31, Postal_Code__c="?", Expected_Monthly_AWS_Revenue__c=1041.67, Customer_Phone__c="12")
    desk.sandbox.recorder.clear()
    shown = desk.do("preview", record, "--json").json
    told = {one["ace_field"]: one["problems"] for one in shown["fields"] if one["problems"]}
    wrong = {name: [problem["rule"] for problem in problems] for name, problems in told.items()}
    assert set(wrong) == {"postalCode", "expectedMonthlyAwsRevenue", "customerPhone"}
    assert "whole number" in wrong["expectedMonthlyAwsRevenue"][0]
    assert all(name in shown["plan"][0] for name in wrong), "one refusal names them all"
    assert not requests(desk)
    out = desk.do("preview", record).out.splitlines()
    place = next(number for number, line in enumerate(out) if "→ postalCode: ?" in line)
    assert out[place + 1].startswith("      ! postalCode (value: '?')")


@pytest.mark.requirement("MAP-63")
def test_preview_shows_each_value_on_its_way_into_the_request(desk: Desk) -> None:
    record = desk.deal(32, City__c="Bergen")
    shown = desk.do("preview", record, "--json").json
    fields = {one["ace_field"]: one for one in shown["fields"]}
    assert fields["city"] == {
        "ace_field": "city", "salesforce_field": "City__c", "salesforce_value": "Bergen", "ace_value": "Bergen",
        "json_path": "Customer.Account.Address.City", "json_value": "Bergen", "fallback": "", "problems": [],
    }  # fmt: skip
    assert shown["payload"]["Customer"]["Account"]["Address"]["City"] == "Bergen"
    own = fields["partnerCrmUniqueIdentifier"]
    assert (own["salesforce_field"], own["json_value"]) == ("Id", record)
    assert shown["payload"]["PartnerOpportunityIdentifier"] == record
    assert fields["solutionOffered"]["json_path"] == "AssociateOpportunity: Solutions"
    assert fields["aWSStage"]["json_path"] == "inbound only"
    assert "City__c: Bergen → city: Bergen → Customer.Account.Address.City: Bergen" in desk.do("preview", record).out


def test_preview_notes_where_a_fallback_stands_in(desk: Desk) -> None:
    record = desk.deal(33, Next_Step__c=None)
    desk.do("preview", record)
    desk.do("mapping", "fallback", "nextStep", "--to-aws-value", "Call them")
    shown = desk.do("preview", record, "--draft", "--json").json
    [step] = [one for one in shown["fields"] if one["ace_field"] == "nextStep"]
    assert (step["salesforce_value"], step["json_value"], step["fallback"]) == (None, "Call them", "fixed value")
    assert "fallback: the field is empty, fixed value stands in" in desk.do("preview", record, "--draft").out


@pytest.mark.requirement("ELIG-20")
def test_preview_explains_each_condition_of_eligibility(desk: Desk) -> None:
    record = desk.deal(34, ACE_Sync_with_AWS__c=False)
    shown = desk.do("preview", record, "--json").json
    conditions = {one["name"]: one["passed"] for one in shown["conditions"]}
    assert conditions["Sync with AWS"] is False
    assert {
        "Sync with AWS", "Has Updates", "Last modified by a person", "No sync log holds the record",
        "Approval state allows edits", "Retries left",
    } <= set(conditions)  # fmt: skip
    assert shown["due"] is False
    assert "FAIL  Sync with AWS" in desk.do("preview", record).out


def test_preview_with_the_draft_uses_it_and_without_one_says_so(desk: Desk) -> None:
    record = desk.deal(24, Customer_Website__c="https://a.example")
    desk.do("preview", record)
    assert "There is no draft" in desk.do("preview", record, "--draft", code=2).err
    desk.do("mapping", "unset", "customerWebsite")
    named = {one["ace_field"] for one in desk.do("preview", record, "--json").json["fields"]}
    drafted = {one["ace_field"] for one in desk.do("preview", record, "--draft", "--json").json["fields"]}
    assert named - drafted == {"customerWebsite"}


def test_preview_of_an_answer_shows_each_value_on_its_way_and_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    record, identifier = desk.shared(25)
    answer = answer_of(desk, identifier)
    answer["LifeCycle"]["NextSteps"] = "AWS: invite the architect"
    answer["Customer"]["Account"]["Industry"] = "Alchemy"
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))
    shown = desk.do("preview", record, "--inbound", str(file), "--json").json
    fields = {one["salesforce_field"]: one for one in shown["fields"]}
    step = fields["Next_Step__c"]
    assert step["aws_path"] == "LifeCycle.NextSteps"
    assert step["aws_value"] == step["ace_value"] == step["would_be"] == "AWS: invite the architect"
    assert (fields["Industry__c"]["aws_value"], fields["Industry__c"]["written"]) == ("Alchemy", False)
    assert [one["value"] for one in shown["problems"]] == ["Alchemy"]
    assert [one["value"] for one in fields["Industry__c"]["problems"]] == ["Alchemy"]
    assert (step["target"], step["target_id"]) == (DEALS, record)
    assert fields["Stage__c"]["written"] is False, "inbound is off for the stage by default"
    [row] = desk.admin.rows(f"SELECT Next_Step__c FROM {DEALS} WHERE Id = '{record}'")
    assert row["Next_Step__c"] != "AWS: invite the architect"
    assert "AWS: invite the architect" in desk.do("preview", record, "--inbound", str(file)).out


@pytest.mark.parametrize("content", ["[]", "{}", "not json", '{"LifeCycle": "x"}'])
def test_a_file_that_is_no_answer_is_wrong_usage(desk: Desk, tmp_path: Path, content: str) -> None:
    record, file = desk.deal(26), tmp_path / "x.json"
    file.write_text(content)
    ran = desk.do("preview", record, "--inbound", str(file), code=2)
    assert "--inbound" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", [("preview",), ("action", "share")])
def test_an_id_of_15_characters_is_refused(desk: Desk, command: tuple[str, ...]) -> None:
    assert "18 characters" in desk.do(*command, "a00Sb0000000001", code=2).err


def test_share_works_here_when_no_worker_runs(desk: Desk) -> None:
    record = desk.deal(27)
    shown = desk.do("action", "share", record, "--json").json
    assert (shown["record"], shown["left_to_worker"], shown["failed"]) == (record, False, 0)
    [row] = desk.admin.rows(f"SELECT ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'")
    assert row["ACE_APN_Unique_Identifier__c"]


def test_share_that_fails_says_why(desk: Desk) -> None:
    shown = desk.do("action", "share", desk.deal(28, Postal_Code__c="?"), "--json", code=1).json
    assert shown["failed"] == 1
    assert shown["open_reasons"]


def test_share_is_the_workers_to_do_while_one_runs(desk: Desk) -> None:
    record = desk.deal(29)
    with State.open(desk.state_path) as state:
        with state.lock():
            shown = desk.do("action", "share", record, "--json").json
        [item] = state.queue.list("waiting")
    assert shown == {"record": record, "left_to_worker": True}
    assert (item.kind, item.key, item.priority, item.payload) == ("request", record, 10, {"action": "share"})
    [row] = desk.admin.rows(f"SELECT ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'")
    assert row["ACE_APN_Unique_Identifier__c"] is None


def test_forget_removes_what_the_state_holds_of_a_record_and_nothing_is_sent_twice(desk: Desk) -> None:
    record, identifier = desk.shared(30, Customer_Company_Name__c="Forgettable Industries")
    assert b"Forgettable" in desk.state_path.read_bytes()
    desk.do("forget", record)
    held = b"".join(path.read_bytes() for path in desk.state_path.parent.glob("state.db*"))
    assert b"Forgettable" not in held
    desk.do("sync", "outbound", "--record", record)
    [row] = desk.admin.rows(f"SELECT ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'")
    assert row["ACE_APN_Unique_Identifier__c"] == identifier

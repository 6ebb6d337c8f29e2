"""A record and its account in one call: both or none, never twice, and a refusal that says which one is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from salesforce_script import Answer, ScriptedOrg, door_to, record_id, scripted_org

from connector.errors import DuplicateValue, RecordRejected, Retriable
from connector.salesforce.door import SalesforceDoor
from connector.salesforce.settings import SalesforceSettings
from connector.sandbox.server import Sandbox

KEY = "ACE_APN_Unique_Identifier__c"
DEAL: dict[str, Any] = {"Name": "Port", "StageName": "Prospecting", "CloseDate": "2027-03-31"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def door(sandbox: Sandbox) -> Iterator[SalesforceDoor]:
    info = sandbox.launch_info()["salesforce"]
    settings = SalesforceSettings(
        instance_url=info["instance_url"],
        audience="https://test.salesforce.com",
        api_version=info["api_version"],
        client_id=info["client_id"],
        username=info["username"],
        private_key=Path(info["private_key_file"]).read_text(),
    )
    with closing(SalesforceDoor(settings, sleep=lambda _: None)) as opened:
        yield opened


def create(door: SalesforceDoor, key: str, company: str, *, child: Any = (), parent: Any = ()) -> tuple[str, str]:
    row = {**DEAL, KEY: key, **dict(child)}
    account = {"Name": company, **dict(parent)}
    return door.create_with_parent("Opportunity", row, lookup="AccountId", parent_object="Account", parent=account)


def accounts(door: SalesforceDoor, company: str) -> list[dict[str, Any]]:
    return door.matching("Account", "Name", company, ("Name", "Website"))


def deals(door: SalesforceDoor, key: str) -> list[dict[str, Any]]:
    return door.matching("Opportunity", KEY, key, ("AccountId", "Amount"))


def fault(sandbox: Sandbox, kind: str) -> None:
    url = sandbox.launch_info()["control"]["endpoint_url"]
    body = {"server": "salesforce", "kind": kind, "match": "^composite$", "seconds": 0.2}
    assert requests.post(f"{url}/fault", json=body, timeout=5).status_code == 200


def test_both_are_there_and_the_record_refers_to_its_account(door: SalesforceDoor) -> None:
    site = {"Website": "https://harbour.example"}
    record, account = create(door, "O1000001", "Harbour Holding", child={"Amount": Decimal("1.10")}, parent=site)
    assert accounts(door, "harbour holding") == [{"Id": account, "Name": "Harbour Holding", **site}]
    assert deals(door, "O1000001") == [{"Id": record, "AccountId": account, "Amount": Decimal("1.1")}]
    assert len(record) == len(account) == 18


def test_a_refused_record_leaves_no_account_behind(door: SalesforceDoor) -> None:
    with pytest.raises(RecordRejected) as refused:
        create(door, "O1000002", "Refused Child", child={"StageName": "No such stage"})
    [problem] = refused.value.problems
    assert (problem.code, problem.field, problem.value) == (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "StageName", "No such stage",
    )  # fmt: skip
    assert accounts(door, "Refused Child") == []


def test_a_refused_account_is_named_and_leaves_no_record_behind(door: SalesforceDoor) -> None:
    with pytest.raises(RecordRejected) as refused:
        create(door, "O1000003", "Refused Parent", parent={"BillingCity": "x" * 41})
    [problem] = refused.value.problems
    assert (problem.code, problem.field) == ("STRING_TOO_LONG", "Account.BillingCity")
    assert deals(door, "O1000003") == []


def test_a_record_that_is_there_already_is_not_touched_and_gets_no_second_account(door: SalesforceDoor) -> None:
    _, account = create(door, "O1000004", "First Come")
    with pytest.raises(DuplicateValue) as refused:
        create(door, "O1000004", "Second Come")
    assert [problem.field for problem in refused.value.problems] == [KEY]
    assert accounts(door, "Second Come") == []
    assert [row["AccountId"] for row in deals(door, "O1000004")] == [account]


@pytest.mark.parametrize(("kind", "there"), [("timeout_before", 0), ("timeout_after", 1)])
def test_an_answer_that_never_comes_is_told_as_unknown_and_not_repeated(
    sandbox: Sandbox, door: SalesforceDoor, kind: str, there: int
) -> None:
    fault(sandbox, kind)
    with pytest.raises(Retriable) as lost:
        create(door, f"O100001{there}", f"Lost Answer {there}")
    assert lost.value.outcome_unknown
    assert len(accounts(door, f"Lost Answer {there}")) == len(deals(door, f"O100001{there}")) == there


def test_a_text_that_reads_like_a_reference_is_not_sent(door: SalesforceDoor) -> None:
    """Salesforce would put another part's answer in its place, or refuse the whole request."""
    with pytest.raises(RecordRejected) as refused:
        create(door, "O1000005", "Odd Company", child={"NextStep": "Mail to sales@{part0.id}"})
    [problem] = refused.value.problems
    assert (problem.code, problem.field) == ("REFERENCE_IN_TEXT", "Opportunity.NextStep")
    assert accounts(door, "Odd Company") == []


def test_a_name_with_quotes_is_found_as_it_is_written(door: SalesforceDoor) -> None:
    company = 'O\'Hara \\ "Sons" %_'
    _, account = create(door, "O1000006", company)
    assert [row["Id"] for row in accounts(door, company)] == [account]
    assert accounts(door, "O_Hara%") == []


@pytest.fixture
def script() -> Iterator[ScriptedOrg]:
    with scripted_org() as running:
        yield running


def part(name: str, status: int, body: Any) -> dict[str, Any]:
    return {"referenceId": name, "httpStatusCode": status, "httpHeaders": {}, "body": body}


def halted(name: str) -> dict[str, Any]:
    return part(name, 400, [{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back."}])


def answer(script: ScriptedOrg, *parts: dict[str, Any]) -> None:
    script.on("POST", "composite", Answer(200, {"compositeResponse": list(parts)}))


def test_both_go_in_one_transaction_without_lead_assignment(script: ScriptedOrg) -> None:
    done = [part(f"part{n}", 201, {"id": record_id(n, "006"), "success": True, "errors": []}) for n in (0, 1)]
    answer(script, *done)
    with door_to(script) as door:
        assert create(door, "O1", "Acme") == (record_id(1, "006"), record_id(0, "006"))
    [sent] = [call.json for call in script.calls("composite")]
    assert sent["allOrNone"] is True and sent["collateSubrequests"] is False
    assert [one["method"] for one in sent["compositeRequest"]] == ["POST", "POST"]
    assert sent["compositeRequest"][1]["body"]["AccountId"] == "@{part0.id}"
    assert all(one["httpHeaders"]["Sforce-Auto-Assign"] == "FALSE" for one in sent["compositeRequest"])


def test_the_reason_is_taken_from_the_part_that_has_one(script: ScriptedOrg) -> None:
    reason = [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No new accounts.", "fields": []}]
    answer(script, part("part0", 400, reason), halted("part1"))
    with door_to(script) as door, pytest.raises(RecordRejected) as refused:
        create(door, "O1", "Acme")
    [problem] = refused.value.problems
    assert (problem.field, problem.rule) == ("Account", "No new accounts.")


def test_a_rollback_without_a_reason_is_tried_again(script: ScriptedOrg) -> None:
    answer(script, halted("part0"), halted("part1"))
    with door_to(script) as door, pytest.raises(Retriable) as passing:
        create(door, "O1", "Acme")
    assert not passing.value.outcome_unknown


def test_automation_that_failed_is_tried_once_more(script: ScriptedOrg) -> None:
    """It may wrap a lock; both parts were undone."""
    flow = [{"errorCode": "CANNOT_EXECUTE_FLOW_TRIGGER", "message": "The flow failed.", "fields": []}]
    answer(script, halted("part0"), part("part1", 400, flow))
    with door_to(script) as door, pytest.raises(RecordRejected) as refused:
        create(door, "O1", "Acme")
    assert [problem.code for problem in refused.value.problems] == ["CANNOT_EXECUTE_FLOW_TRIGGER"]
    assert len(script.calls("composite")) == 2


def test_a_lock_in_one_part_is_a_passing_fault_that_left_nothing(script: ScriptedOrg) -> None:
    lock = [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}]
    answer(script, halted("part0"), part("part1", 400, lock))
    with door_to(script) as door, pytest.raises(Retriable) as passing:
        create(door, "O1", "Acme")
    assert not passing.value.outcome_unknown

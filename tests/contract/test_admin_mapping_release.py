"""``connector mapping publish``, ``apply``, ``diff``, ``history``, ``rollback``, ``export`` and ``import``; and what a
published mapping does when the org changes under it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from admin_desk import DEALS, QUOTA_SCALE, Desk
from botocore.config import Config
from own_org_mapping import write_mapping
from own_org_world import AWS_ID, BASE, DEAL, SYNC, deal

from connector.sandbox.server import Sandbox
from connector.store.state import State


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside an object of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture(autouse=True)
def published(desk: Desk) -> Iterator[None]:
    """The packaged object, mapped and published; the org is as it was afterwards."""
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    yield
    control(desk, "/reset")


def control(desk: Desk, path: str, **members: Any) -> dict[str, Any]:
    answer = requests.post(desk.info["control"]["endpoint_url"] + path, json=members, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def at_aws(desk: Desk, identifier: str) -> dict[str, Any]:
    """Return the opportunity as AWS's own client reads it."""
    client = boto3.client(
        "partnercentral-selling", region_name="us-east-1", endpoint_url=desk.info["partner_central"]["endpoint_url"],
        aws_access_key_id=desk.info["aws"]["access_key_id"],
        aws_secret_access_key=desk.info["aws"]["secret_access_key"], config=Config(proxies={}),
    )  # fmt: skip
    answer: dict[str, Any] = client.get_opportunity(Catalog="Sandbox", Identifier=identifier)
    client.close()
    return answer


def row_of(desk: Desk, record: str, *fields: str) -> dict[str, Any]:
    [row] = desk.admin.rows(f"SELECT {', '.join(fields)} FROM {DEALS} WHERE Id = '{record}'")
    return row


def approved(desk: Desk, number: int, **fields: Any) -> tuple[str, str]:
    """Share a record and let AWS approve it; return its id and AWS's."""
    record, identifier = desk.shared(number, **fields)
    control(desk, "/aws/review", opportunity=identifier, status="Approved")
    desk.do("sync", "inbound")
    return record, identifier


# Versions


def test_diff_history_and_discard_tell_what_changed(desk: Desk) -> None:
    assert desk.do("mapping", "diff", "--to", "1", "--json").json[0].startswith("+ ")
    desk.do("mapping", "toggle", "nextStep", "--no-inbound")
    assert desk.do("mapping", "diff", "--json").json == ["~ nextStep: inbound updates turned off"]
    desk.do("mapping", "publish", "--note", "we plan ourselves")
    newest = desk.do("mapping", "history", "--json").json[0]
    assert (newest["note"], newest["differences"]) == ("we plan ourselves", ["~ nextStep: inbound updates turned off"])
    assert "we plan ourselves" in desk.do("mapping", "history").out
    assert desk.do("mapping", "diff", "--from", "2", "--to", "1", "--json").json == [
        "~ nextStep: inbound updates turned on"
    ]
    desk.do("mapping", "unset", "nextStep")
    desk.do("mapping", "discard")
    assert "There is no draft" in desk.do("mapping", "discard", code=2).err
    assert "no version" in desk.do("mapping", "diff", "--from", "newest", code=2).err


def test_rollback_puts_an_earlier_version_in_force_and_keeps_the_draft(desk: Desk) -> None:
    desk.do("mapping", "toggle", "nextStep", "--no-inbound")
    desk.do("mapping", "publish")
    desk.do("mapping", "unset", "customerWebsite")
    told = desk.do("mapping", "rollback", "1").out
    assert "Version 3 is in force, the same as version 1." in told
    assert desk.do("mapping", "diff", "--from", "1", "--to", "3", "--json").json == []
    assert "- customerWebsite" in desk.do("mapping", "diff").out


def test_publishing_is_refused_while_something_blocks_and_names_it(desk: Desk) -> None:
    desk.do("mapping", "unset", "customerCompanyName")
    refused = desk.do("mapping", "publish", code=2)
    assert "customerCompanyName" in refused.err
    assert [one["version"] for one in desk.do("mapping", "history", "--json").json] == [1]


# From one org to another


@pytest.mark.requirement("MAP-44")
def test_a_mapping_goes_to_another_installation_as_a_file_and_comes_back_the_same(
    desk: Desk, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, new_desk: Callable[[Sandbox], Desk]
) -> None:
    desk.do("mapping", "set", "nextStep", "Partner_Project_Title__c", "--no-inbound")
    desk.do("mapping", "toggle", "partnerProjectTitle", "--no-inbound")
    desk.do("mapping", "values", "closedLostReason", "--primary", "Price=Other", "--default", "Other=Other")
    desk.do("mapping", "fallback", "customerWebsite", "--to-aws-value", "https://none.example")
    desk.do("mapping", "exclude", "ISPICKVAL(industry, 'Gaming')")
    desk.do("mapping", "publish")
    first, second = tmp_path / "sandbox.yaml", tmp_path / "production.yaml"
    desk.do("mapping", "export", str(first))
    text = first.read_text(encoding="utf8")
    assert "# Next Steps" in text or "# Next Step" in text
    assert desk.info["salesforce"]["org_id"][:15] not in text
    record = desk.deal(40, Customer_Website__c=None)
    before = desk.do("preview", record, "--json").json

    with Sandbox(tmp_path_factory.mktemp("production"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as production:
        other = new_desk(production)
        other.set(CONNECTOR__STATE__PATH=str(tmp_path / "production.db"))
        other.do("mapping", "import", str(first))
        other.do("mapping", "publish")
        other.do("mapping", "export", str(second))
        copy = other.deal(40, Customer_Website__c=None)
        after = other.do("preview", copy, "--json").json
    assert second.read_bytes() == first.read_bytes()

    def behaviour(shown: dict[str, Any]) -> Any:
        kept = [one for one in shown["fields"] if one["ace_field"] != "partnerCrmUniqueIdentifier"]
        payload = {
            k: v for k, v in shown["payload"].items() if k not in ("ClientToken", "PartnerOpportunityIdentifier")
        }
        return [sorted(kept, key=lambda one: str(one["ace_field"])), payload]

    assert behaviour(after) == behaviour(before)


def test_an_import_lists_every_problem_and_spells_names_as_the_org_does(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    desk.do("mapping", "export", str(file))
    text = file.read_text(encoding="utf8")
    file.write_text(text.replace("path: Next_Step__c", "path: nEXT_sTEP__C"), encoding="utf8")
    desk.do("mapping", "import", str(file))
    assert desk.do("mapping", "diff", "--json").json == []
    wrong = text.replace("path: Next_Step__c", "path: Vanished__c").replace(
        "path: City__c", "path: Target_Close_Date__c"
    )
    file.write_text(wrong, encoding="utf8")
    refused = desk.do("mapping", "import", str(file), code=2)
    assert "Vanished__c" in refused.err
    assert "city" in refused.err


# Records that were synchronised before


def test_publishing_is_not_retroactive_and_apply_sends_what_is_newly_mapped(desk: Desk) -> None:
    desk.do("mapping", "unset", "nextStep")
    desk.do("mapping", "publish")
    record, identifier = approved(desk, 50, Next_Step__c="Invite the architect")
    unflagged, other = approved(desk, 51, Next_Step__c="Never mind")
    desk.admin.patch(f"sobjects/{DEALS}/{unflagged}", {"ACE_Sync_with_AWS__c": False})
    desk.do("mapping", "set", "nextStep", "Next_Step__c")
    told = desk.do("mapping", "publish").out
    assert "not applied to records by itself" in told
    assert "mapping apply --to-aws" in told
    desk.do("sync", "outbound")
    assert "NextSteps" not in at_aws(desk, identifier)["LifeCycle"], "publishing alone sends nothing"

    counted = desk.do("mapping", "apply", "--to-aws", "--dry-run", "--json").json
    assert (counted["to_aws"], counted["waiting"], counted["looked_at"]) == (1, 1, 2)
    assert "--to-aws" in desk.do("mapping", "apply", code=2).err
    assert "--yes" in desk.do("mapping", "apply", "--to-aws", code=2).err
    done = desk.do("mapping", "apply", "--to-aws", "--yes", "--json").json
    assert (done["to_aws"], done["waiting"], done["left_to_worker"]) == (1, 1, False)
    with State.open(desk.state_path) as state:
        assert [(item.key, item.priority) for item in state.queue.list("waiting") if item.kind == "outbound"] == [
            (record, 80)
        ]
    desk.do("sync", "outbound")
    assert at_aws(desk, identifier)["LifeCycle"]["NextSteps"] == "Invite the architect"
    assert "NextSteps" not in at_aws(desk, other)["LifeCycle"], "without its flag nothing of it goes"
    assert "nothing is to be done" in desk.do("mapping", "apply", "--to-aws", "--yes", code=2).err


def test_apply_from_aws_fills_what_is_empty_and_leaves_what_people_wrote(desk: Desk) -> None:
    desk.do("mapping", "unset", "nextStep")
    desk.do("mapping", "publish")
    empty, first = approved(desk, 52, Next_Step__c=None)
    filled, second = approved(desk, 53, Next_Step__c="We call")
    for identifier in (first, second):
        control(desk, "/aws/edit", opportunity=identifier, fields={"LifeCycle": {"NextSteps": "AWS calls"}})
    desk.do("sync", "inbound")
    desk.do("mapping", "set", "nextStep", "Next_Step__c")
    desk.do("mapping", "publish")
    desk.do("sync", "inbound")
    assert row_of(desk, empty, "Next_Step__c")["Next_Step__c"] is None
    assert desk.do("mapping", "apply", "--from-aws", "--yes", "--json").json["from_aws"] == 1
    desk.do("sync", "inbound")
    assert row_of(desk, empty, "Next_Step__c")["Next_Step__c"] == "AWS calls"
    assert row_of(desk, filled, "Next_Step__c")["Next_Step__c"] == "We call"


def test_apply_is_the_workers_while_one_runs(desk: Desk) -> None:
    desk.shared(54)
    desk.do("mapping", "toggle", "nextStep", "--no-inbound")
    desk.do("mapping", "set", "nextStep", "Partner_Project_Title__c", "--no-inbound")
    desk.do("mapping", "publish")
    with State.open(desk.state_path) as state, state.lock():
        done = desk.do("mapping", "apply", "--to-aws", "--yes", "--json").json
        assert (done["left_to_worker"], done["linked"], done["to_aws"]) == (True, 1, ["nextStep"])
        [item] = [one for one in state.queue.list("waiting") if one.kind == "mapping-apply"]
    assert item.payload == {"to_aws": ["nextStep"], "from_aws": [], "after": ""}


# Another primary object


def test_another_object_is_not_published_over_linked_records_unless_that_is_meant(desk: Desk, tmp_path: Path) -> None:
    record, identifier = approved(desk, 55)
    desk.do("mapping", "import", str(write_mapping(tmp_path / "own.json")))
    refused = desk.do("mapping", "publish", code=2)
    assert f"1 records of {DEALS} are linked" in refused.err
    desk.seller.patch(f"sobjects/{DEALS}/{record}", {"Next_Step__c": "An edit that nobody sent"})
    refused = desk.do("mapping", "publish", "--move", code=2)
    assert record in refused.err
    assert "not at AWS yet" in refused.err
    desk.do("sync", "outbound")
    assert "1 linked records of the earlier object are set aside" in desk.do("mapping", "publish", "--move").out

    control(desk, "/aws/edit", opportunity=identifier, fields={"LifeCycle": {"NextSteps": "AWS: a call"}})
    desk.do("sync", "inbound", code=1)
    assert desk.admin.rows(f"SELECT Id FROM {DEAL}") == [], "nothing is created in the place of what was set aside"
    desk.do("sync", "outbound")
    assert row_of(desk, record, "Next_Step__c")["Next_Step__c"] == "An edit that nobody sent"
    reasons = desk.admin.rows("SELECT Error_Code__c FROM ACE_Sync_Log_Detail__c WHERE Error_Code__c = 'OBJECT_CHANGED'")
    assert reasons

    answer = desk.admin.post(f"sobjects/{DEAL}", deal(**{AWS_ID: identifier, SYNC: False}))
    assert answer.status_code == 201, answer.text
    control(desk, "/aws/edit", opportunity=identifier, fields={"LifeCycle": {"NextSteps": "AWS: another call"}})
    desk.do("sync", "inbound")
    with State.open(desk.state_path) as state:
        link = state.links.by_apn(identifier)
    assert link is not None
    assert link.object_name == DEAL, "the record that carries the identifier has the opportunity now"


def test_going_back_to_the_earlier_object_takes_its_records_up_again(desk: Desk, tmp_path: Path) -> None:
    record, identifier = approved(desk, 56)
    desk.do("mapping", "import", str(write_mapping(tmp_path / "own.json")))
    desk.do("mapping", "publish", "--move")
    desk.do("sync", "outbound")
    desk.do("mapping", "rollback", "1")
    desk.seller.patch(f"sobjects/{DEALS}/{record}", {"Next_Step__c": "Back again"})
    desk.do("sync", "outbound")
    assert at_aws(desk, identifier)["LifeCycle"]["NextSteps"] == "Back again"


def test_preview_of_a_payload_says_to_which_related_record_a_value_would_go(desk: Desk, tmp_path: Path) -> None:
    file = write_mapping(tmp_path / "own.json")
    desk.do("mapping", "import", str(file))
    desk.do("mapping", "set", "customerWebsite", "Customer__r.Website", "--inbound")
    account = desk.admin.post("sobjects/Account", {"Name": "Hospital", "Website": "https://old.example"}).json()["id"]
    linked, alone = (
        desk.admin.post(f"sobjects/{DEAL}", deal(Customer__c=customer)).json()["id"] for customer in (account, None)
    )
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps({
        "Id": "O1234567", "LastModifiedDate": "2026-01-01T00:00:00Z", "LifeCycle": {"Stage": "Prospect"},
        "Customer": {"Account": {"WebsiteUrl": "https://new.example"}},
    }))  # fmt: skip

    def website(record: str) -> dict[str, Any]:
        shown = desk.do("preview", record, "--draft", "--inbound", str(payload), "--json").json
        [found] = [one for one in shown["fields"] if one["ace_field"] == "customerWebsite"]
        return dict(found)

    found = website(linked)
    assert (found["target"], found["target_id"], found["now"], found["would_be"], found["written"]) == (
        "Account", account, "https://old.example", "https://new.example", True,
    )  # fmt: skip
    lost = website(alone)
    assert (lost["target_id"], lost["written"]) == ("", False)
    assert [one["code"] for one in lost["problems"]] == ["RELATED_NOT_WRITTEN"]
    assert desk.admin.rows(f"SELECT Website FROM Account WHERE Id = '{account}'")[0]["Website"] == "https://old.example"
    desk.do("mapping", "exclude", "ISPICKVAL(stage, 'Prospect')")
    shown = desk.do("preview", linked, "--draft", "--inbound", str(payload), "--json").json
    assert "leaves it out" in shown["excluded"]


# The org changes


def hide(desk: Desk, field: str, access: str = "none") -> None:
    control(desk, "/salesforce/access", object=DEALS, field=field, access=access)


def test_a_hidden_field_is_reported_left_out_and_never_cleared_at_aws(desk: Desk) -> None:
    record, identifier = approved(desk, 57, Additional_Comments__c="Bring the plans")
    hide(desk, "Additional_Comments__c")
    found = desk.do("mapping", "check", "--json", code=1).json
    assert ("SALESFORCE_FIELD_MISSING", "additionalComments", True) in {
        (one["code"], one["field"], one["blocking"]) for one in found
    }
    assert "Additional_Comments__c" in desk.do("check", code=1).out
    desk.seller.patch(
        f"sobjects/{DEALS}/{record}", {"Next_Step__c": "Go on", "Additional_Comments__c": "Bring them twice"}
    )
    desk.do("sync", "outbound")
    answer = at_aws(desk, identifier)
    assert answer["LifeCycle"]["NextSteps"] == "Go on"
    assert answer["Project"]["AdditionalComments"] == "Bring the plans"
    shown = desk.do("preview", record, "--json").json
    [lost] = [one for one in shown["fields"] if one["ace_field"] == "additionalComments"]
    assert lost["problems"][0]["code"] == "SALESFORCE_FIELD_MISSING"

    hide(desk, "Additional_Comments__c", "edit")
    desk.do("sync", "outbound")
    assert at_aws(desk, identifier)["Project"]["AdditionalComments"] == "Bring them twice", "no edit is lost"


def test_what_aws_changed_while_a_field_was_hidden_comes_in_once_it_works_again(desk: Desk) -> None:
    record, identifier = approved(desk, 59, Additional_Comments__c="Bring the plans")
    hide(desk, "Additional_Comments__c")
    control(desk, "/aws/edit", opportunity=identifier, fields={"Project": {"AdditionalComments": "AWS has them"}})
    desk.do("sync", "inbound")
    hide(desk, "Additional_Comments__c", "edit")
    assert row_of(desk, record, "Additional_Comments__c")["Additional_Comments__c"] == "Bring the plans"
    desk.do("sync", "inbound")
    assert row_of(desk, record, "Additional_Comments__c")["Additional_Comments__c"] == "AWS has them"


def test_a_hidden_required_field_stops_new_shares_by_the_ordinary_rule(desk: Desk) -> None:
    record = desk.deal(58)
    desk.do("preview", record)
    hide(desk, "Customer_Company_Name__c")
    shown = desk.do("action", "share", record, "--json", code=1).json
    assert "customerCompanyName" in " ".join(one["message"] for one in shown["open_reasons"])


def test_a_draft_is_not_thrown_away_by_a_start(desk: Desk, tmp_path: Path) -> None:
    """A new state maps the packaged object by itself, but not over what an admin has begun."""
    desk.set(CONNECTOR__STATE__PATH=str(tmp_path / "new.db"))
    desk.do("mapping", "object", DEAL)
    assert "there is a draft" in desk.do("sync", "inbound", code=2).err
    assert desk.do("mapping", "show", "--draft", "--json").json["object"] == DEAL

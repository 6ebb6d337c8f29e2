"""Leads and files on the command line: what a preview says of them, and what is under way in the bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from admin_desk import QUOTA_SCALE, SETTINGS, Desk
from web_browser import serve_pages

from connector.sandbox.server import Sandbox
from connector.store.downloads import Download
from connector.store.entries import Entry
from connector.store.state import State
from connector.store.uploads import Upload

LEADS = "ACE_Lead__c"
KEY = "apnCrmUniqueIdentifier"


@pytest.fixture(scope="module")
def bucket_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), quota_scale=QUOTA_SCALE, exchange=True) as running:
        control(running, "exchange/settings", automatic=False)
        control(running, "exchange/enroll")
        yield running


@pytest.fixture
def desk(bucket_sandbox: Sandbox, new_desk: Callable[[Sandbox], Desk]) -> Desk:
    """A desk with a state of its own, leads mapped."""
    opened = new_desk(bucket_sandbox)
    opened.do("mapping", "automap", "--type", "lead")
    opened.do("mapping", "publish", "--type", "lead")
    return opened


def control(sandbox: Sandbox, path: str, **members: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{sandbox.launch_info()['control']['endpoint_url']}/{path}", json=members, timeout=30)
    answer.raise_for_status()
    return answer.json()


def lead(desk: Desk, **fields: Any) -> str:
    row = {"Name": "Quay", "ACE_Sync_with_AWS__c": True, "Status__c": "Open", **fields}
    answer = desk.admin.post(f"sobjects/{LEADS}", row)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def named(shown: dict[str, Any]) -> dict[str, Any]:
    return {one["ace_field"]: one for one in shown["fields"]}


def test_a_preview_of_a_lead_shows_the_entry_of_its_file_and_sends_nothing(desk: Desk) -> None:
    record = lead(desk, ACE_APN_Unique_Identifier__c="L7000001", Current_Lead_Stage__c="Accepted", City__c="Leeds")
    desk.sandbox.recorder.clear()
    shown = desk.do("preview", record, "--json").json
    assert shown["payload"] == {
        "partnerCrmLeadId": record, KEY: "L7000001", "status": "Open", "currentLeadStage": "Accepted", "city": "Leeds",
    }  # fmt: skip
    city = named(shown)["city"]
    assert (city["salesforce_value"], city["json_path"], city["json_value"]) == ("Leeds", "city", "Leeds")
    assert named(shown)["company"]["json_path"] == "inbound only"
    assert shown["plan"][-1] == "goes out on request only: no schedule for Lead is active"
    assert "s3" not in desk.sandbox.recorder.requests()
    out = desk.do("preview", record).out
    assert "update in the next file: " in out and "City__c: Leeds → city: Leeds → city: Leeds" in out


def test_a_preview_of_a_partners_own_lead_says_that_it_is_never_sent(desk: Desk) -> None:
    shown = desk.do("preview", lead(desk, ACE_Sync_with_AWS__c=False), "--json").json
    assert shown["payload"] is None
    assert shown["plan"][0].startswith("refuse:")
    assert KEY in shown["plan"][0]


def test_a_preview_of_a_file_of_aws_shows_what_it_would_bring_to_the_lead(desk: Desk, tmp_path: Path) -> None:
    identifier = control(desk.sandbox, "exchange/refer-lead", fields={"city": "York"})["lead"]
    record = lead(desk, ACE_APN_Unique_Identifier__c=identifier, City__c="Leeds", Project_Description__c="Ours")
    [key] = control(desk.sandbox, "exchange/export")["files"]
    assert desk.sandbox.exchange is not None
    file = tmp_path / "export.json"
    file.write_bytes(desk.sandbox.exchange.bucket.read(key))
    told = desk.do("preview", record, "--inbound", str(file), "--json").json
    fields = named(told)
    hidden, project = fields["city"], fields["projectDescription"]
    assert (hidden["aws_value"], hidden["ace_value"], hidden["written"]) == ("Accept To View", None, False)
    assert hidden["note"] == "hidden by AWS until the referral is accepted"
    assert (project["now"], project["written"]) == ("Ours", True)
    assert project["would_be"].startswith("Wants to move its reporting")
    one = tmp_path / "one.json"
    one.write_text(json.dumps({KEY: identifier, "status": "Research"}))
    shown = named(desk.do("preview", record, "--inbound", str(one), "--json").json)
    assert shown["status"]["would_be"] == "Research"


def test_the_page_shows_the_same_of_a_lead_as_the_command_line(desk: Desk) -> None:
    record = lead(desk, ACE_APN_Unique_Identifier__c="L7000003", Current_Lead_Stage__c="Accepted")
    told = desk.do("preview", record, "--json").json
    with serve_pages() as served:
        browser = served.entered()
        page = browser.open(f"/preview?record={record}")
        assert json.loads(page.find("//pre")[0].text_content()) == told["payload"]
        assert page.texts("//h2[.='Plan']/following-sibling::ul[1]/li") == told["plan"]
        file = json.dumps({KEY: "L7000003", "status": "Research"})
        came = browser.send(page, "/preview/inbound", {"record": record}, file=file)
        [row] = came.find("//tr[td[2]/code='status']")
        assert "becomes Research" in row.text_content()
        browser.close()


def test_a_file_about_other_records_is_refused_with_what_is_missing(desk: Desk, tmp_path: Path) -> None:
    record, file = lead(desk, ACE_APN_Unique_Identifier__c="L7000002"), tmp_path / "other.json"
    file.write_text(json.dumps({"leads": [{KEY: "L9"}, {KEY: "L8"}]}))
    refused = desk.do("preview", record, "--inbound", str(file), code=2).err
    assert "has 2 records, none of them about" in refused and "L7000002" in refused
    file.write_text(json.dumps({"LifeCycle": {}}))
    assert "Leads travel by such files only" in desk.do("preview", record, "--inbound", str(file), code=2).err


def test_an_opportunity_by_files_is_previewed_as_its_file_has_it(desk: Desk) -> None:
    [settings] = desk.admin.rows(f"SELECT Id FROM {SETTINGS}")
    switch = f"sobjects/{SETTINGS}/{settings['Id']}"
    desk.admin.patch(switch, {"Opportunities_over_S3__c": True})
    try:
        record = desk.deal(6, City__c="Tacoma")
        shown = desk.do("preview", record, "--json").json
        assert shown["payload"]["partnerCrmUniqueIdentifier"] == record
        assert (shown["payload"]["city"], KEY in shown["payload"]) == ("Tacoma", False)
        assert shown["plan"][0] == "ask AWS in the next file to create the opportunity"
        assert named(shown)["solutionOffered"]["json_path"] == "solutionOffered"
        refused = desk.do("preview", desk.deal(12, Postal_Code__c="?"), "--json").json
        assert [one["field"] for one in named(refused)["postalCode"]["problems"]] == ["postalCode"]
    finally:
        desk.admin.patch(switch, {"Opportunities_over_S3__c": False})


def test_what_is_under_way_is_listed_with_age_and_log(desk: Desk) -> None:
    now = desk.sandbox.clock.now()
    entry = Entry("a0L000000000001AAA", "lead", "run-1", {"status": "Open"}, "a0L000000000001AAA", "L1", now)
    waiting = Entry("a0L000000000002AAA", "lead", "run-1", {"status": "Open"}, "a0L000000000002AAA", "L2", now)
    key = "lead-outbound/broken.json"
    with State.open(desk.state_path) as state:
        state.entries.put(waiting)
        state.uploads.store(Upload("lead-a.json", "lead", "run-1", b"{}"), [entry], now)
        state.uploads.sent("lead-a.json", now)
        state.uploads.told("lead-a.json", now)
        state.downloads.listed(Download(key, "e", "broken.json", "lead", 9, now, "run-0"), now)
        state.downloads.unreadable(key, "e", "It is no JSON.", run_id="run-2")
    listed = desk.do("files", "list", "--json").json
    [sent] = listed["sent"]
    assert (sent["name"], sent["status"], sent["log"]) == ("lead-a.json", "stuck", "run-1")
    assert (sent["records"], sent["waits"]) == ([entry.record_id], "less than a minute")
    [received] = listed["received"]
    assert (received["key"], received["status"], received["reason"]) == (key, "unreadable", "It is no JSON.")
    assert [one["record"] for one in listed["waiting"]] == [waiting.record_id]
    figures = desk.do("queue", "list", "--json").json["files"]
    assert {name: figures[name] for name in ("entries", "unanswered", "stuck", "unreadable")} == {
        "entries": 1, "unanswered": 1, "stuck": 1, "unreadable": 1,
    }  # fmt: skip
    out = desk.do("files", "list").out
    assert "lead-a.json" in out and "delet" in out.lower()
    assert "1 of them stuck" in desk.do("queue", "list").out


@pytest.mark.requirement("S3-03")
def test_a_file_that_was_deleted_too_early_is_worked_off_from_the_archive_and_repeating_that_is_harmless(
    desk: Desk,
) -> None:
    identifier = control(desk.sandbox, "exchange/refer-lead")["lead"]
    [key] = control(desk.sandbox, "exchange/export")["files"]
    assert desk.sandbox.exchange is not None
    desk.sandbox.exchange.bucket.move(key, "elsewhere/x.json")
    name = key.rpartition("/")[2]
    for _ in range(2):
        told = desk.do("files", "replay", name, "--json").json
        assert (told["key"], told["left_to_worker"]) == (f"lead-outbound-archive/{name}", False)
        desk.do("sync", "inbound", "--object", "lead")
        found = desk.admin.rows(f"SELECT Id FROM {LEADS} WHERE ACE_APN_Unique_Identifier__c = '{identifier}'")
        assert len(found) == 1
    assert desk.sandbox.exchange.bucket.keys("lead-outbound-archive/"), "the archive stays as it is"
    missing = desk.do("files", "replay", "no-such.json", "--object", "lead", code=2).err
    assert "no-such.json" in missing and "There is no such file" in missing


@pytest.mark.requirement("S3-06")
def test_aws_answer_to_a_file_is_found_in_the_archive_of_its_day(desk: Desk) -> None:
    assert desk.sandbox.exchange is not None
    day = f"{desk.sandbox.clock.now():%Y-%m-%d}"
    answer = {"success": "ALL", "fileName": "lead-x_result.json"}
    path = f"lead-inbound-results-archive/{day.replace('-', '/')}/lead-x_result.json"
    desk.sandbox.exchange.bucket.write(path, json.dumps(answer).encode())
    assert desk.do("files", "results", "fetch", "lead-x.json", "--date", day).json == answer
    assert desk.do("files", "results", "fetch", "lead-x_result.json").json == answer
    assert "lead-x.json" in desk.do("files", "results", "fetch", "lead-x.json", "--date", "2020-01-01", code=1).err


@pytest.mark.requirement("S3-27")
def test_a_file_that_cannot_be_read_stays_and_is_read_again_when_somebody_asks(desk: Desk) -> None:
    assert desk.sandbox.exchange is not None
    key = "lead-outbound/broken.json"
    desk.sandbox.exchange.bucket.write(key, b"{")
    try:
        desk.run("sync", "inbound", "--object", "lead")
        [received] = desk.do("files", "list", "--json").json["received"]
        assert (received["key"], received["status"]) == (key, "unreadable")
        assert desk.do("files", "retry", key, "--json").json["key"] == key
        assert desk.do("queue", "list", "--state", "waiting", "--json").json["items"][0]["kind"]
        assert "`connector files list` shows" in desk.do("files", "retry", "lead-outbound/x.json", code=1).err
    finally:
        desk.sandbox.exchange.bucket.move(key, "elsewhere/broken.json")


def test_a_lead_that_is_shared_by_command_goes_out_in_a_file_and_is_listed_until_aws_answers(desk: Desk) -> None:
    identifier = control(desk.sandbox, "exchange/refer-lead")["lead"]
    control(desk.sandbox, "exchange/export")
    desk.do("sync", "inbound", "--object", "lead")
    [row] = desk.admin.rows(f"SELECT Id FROM {LEADS} WHERE ACE_APN_Unique_Identifier__c = '{identifier}'")
    desk.admin.patch(f"sobjects/{LEADS}/{row['Id']}", {"Current_Lead_Stage__c": "Accepted"})
    desk.do("action", "share", str(row["Id"]))
    [sent] = desk.do("files", "list", "--json").json["sent"]
    assert (sent["type"], sent["records"], sent["status"]) == ("lead", [row["Id"]], "waits for AWS's result")
    told = desk.do("preview", str(row["Id"])).out
    assert sent["name"] in told, "an edit would wait for this file's answer"
    control(desk.sandbox, "exchange/process")
    desk.do("sync", "inbound", "--object", "lead")
    assert desk.do("files", "list", "--json").json["sent"] == []
    answer = desk.do("files", "results", "fetch", sent["name"]).json
    assert answer["success"] == "ALL"

"""From draft to version on the web pages: check, publish, history, files, preview; and the command that serves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from admin_desk import Desk
from web_browser import Browser, serve_pages


@pytest.fixture
def admin(desk: Desk) -> Iterator[Browser]:
    """A browser, and a draft of the packaged object's mapping."""
    desk.do("mapping", "automap")
    with serve_pages() as served:
        browser = served.entered()
        yield browser
        browser.close()


def history(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.do("mapping", "history", "--json").json
    return found


def publish(browser: Browser, note: str = "") -> Any:
    return browser.send(browser.open("/opportunity/draft"), "/opportunity/publish", {"note": note})


def test_a_draft_is_published_with_a_note_and_the_history_says_who_and_what(desk: Desk, admin: Browser) -> None:
    publish(admin, "The first")
    desk.do("mapping", "set", "nextStep", "Additional_Comments__c", "--no-inbound")
    page = admin.open("/opportunity/draft")
    assert any("nextStep" in line for line in page.texts("//ul[@class='lines']/li"))
    page = publish(admin, "Comments instead")
    assert page.path == "/opportunity/history"
    assert "Version 2 is in force from the next cycle." in page.told
    assert "not applied to records by itself" in page.told
    [newest, first] = history(desk)
    assert (newest["by"], newest["note"], first["note"]) == ("web-admin", "Comments instead", "The first")
    assert "Comments instead" in page.text
    assert page.find("//form[@action='/opportunity/apply']//input[@name='to_aws']"), "the run that does it is offered"
    page = admin.send(page, "/opportunity/apply", {"to_aws": "yes"})
    assert "The worker looks at 0 linked records" in page.told
    assert not page.find("//form[@action='/opportunity/apply']//input[@name='to_aws']")
    assert "There is no draft" in admin.open("/opportunity/draft").text


def test_what_stops_publishing_is_named_and_nothing_is_published(desk: Desk, admin: Browser) -> None:
    publish(admin)
    desk.do("mapping", "unset", "customerCompanyName")
    page = admin.open("/opportunity/draft")
    assert "Stops publishing (1)" in page.text
    assert page.find("//form[@action='/opportunity/publish']/button[@disabled]")
    page = publish(admin)
    assert page.status == 422
    assert "customerCompanyName" in page.told
    assert "customerCompanyName" in admin.open("/opportunity/check").texts("//h2[1]/following-sibling::ul")[0]
    assert "The mapping works." in admin.open("/opportunity/check?published=1").text
    assert len(history(desk)) == 1


def test_going_back_to_a_version_shows_the_difference_and_asks(desk: Desk, admin: Browser) -> None:
    publish(admin)
    desk.do("mapping", "unset", "nextStep")
    publish(admin)
    page = admin.open("/opportunity/history/1")
    assert any("nextStep" in line for line in page.texts("//ul[@class='lines']/li"))
    assert len(history(desk)) == 2
    stale = admin.open("/opportunity/history/1")
    page = admin.send(page, "/opportunity/history/1")
    assert "Version 3 is in force, the same as version 1." in page.told
    assert "nextStep" in {one["ace_field"] for one in desk.do("mapping", "show", "--json").json["fields"]}
    again = admin.send(stale, "/opportunity/history/1")
    assert (again.status, "published meanwhile" in again.told) == (422, True)
    assert admin.open("/opportunity/history/9").status == 404


def test_a_file_is_the_command_lines_and_comes_back_as_a_draft(desk: Desk, admin: Browser, tmp_path: Path) -> None:
    publish(admin)
    desk.do("mapping", "export", str(tmp_path / "mapping.yaml"))
    text = (tmp_path / "mapping.yaml").read_text(encoding="utf8")
    answer = admin.open("/opportunity/mapping.yaml").answer
    assert answer.text == text
    assert answer.headers["content-disposition"] == 'attachment; filename="opportunity-mapping.yaml"'
    desk.do("mapping", "reset", "--yes")
    page = admin.send(admin.open("/opportunity/files"), "/opportunity/import", file=text)
    assert "The draft is what the file says" in page.told
    assert "Nothing differs." in page.text
    before = desk.do("mapping", "show", "--draft", "--json").json
    for wrong in ("", b"\xff\xfe", "no: mapping", text.replace("Stage__c", "No_Such_Field__c")):
        page = admin.send(admin.open("/opportunity/files"), "/opportunity/import", file=wrong)
        assert (page.status, bool(page.told)) == (422, True)
    assert desk.do("mapping", "show", "--draft", "--json").json == before
    page = admin.send(admin.open("/lead/files"), "/lead/import", file=text)
    assert (page.status, "opportunity" in page.told) == (422, True)


def test_a_draft_is_discarded_only_when_that_is_ticked(desk: Desk, admin: Browser) -> None:
    page = admin.send(admin.open("/opportunity/draft"), "/opportunity/discard")
    assert page.status == 422
    assert "There is no draft any more" in admin.send(page, "/opportunity/discard", {"confirmed": "yes"}).told
    desk.do("mapping", "show", "--draft", code=2)


def test_a_preview_shows_what_the_command_line_shows_with_the_draft_too(desk: Desk, admin: Browser) -> None:
    record = desk.deal(91)
    assert "No opportunity mapping was published" in admin.open(f"/preview?record={record}").told
    assert history(desk) == [], "to look publishes nothing"
    publish(admin)
    desk.do("mapping", "unset", "nextStep")
    told = desk.do("preview", record, "--json").json
    page = admin.open(f"/preview?record={record}")
    assert json.loads(page.find("//pre")[0].text_content()) == told["payload"]
    assert page.texts("//h2[.='Plan']/following-sibling::ul[1]/li") == [" ".join(one.split()) for one in told["plan"]]
    assert "nextStep" in page.texts("//td[2]/code")
    assert "nextStep" not in admin.open(f"/preview?record={record}&draft=1").texts("//td[2]/code")
    assert "not a Salesforce record id" in admin.open("/preview?record=short").told


def test_a_payload_of_awss_is_shown_on_its_way_in(desk: Desk, admin: Browser) -> None:
    publish(admin)
    record = desk.deal(92)
    payload = {"Id": "O1234567", "LifeCycle": {"NextSteps": "Call <b>them</b>"}}
    page = admin.open("/preview")
    page = admin.send(page, "/preview/inbound", {"record": record}, file=json.dumps(payload))
    assert page.status == 200, page.told
    [row] = page.find("//tr[td[2]/code='nextStep']")
    assert "becomes Call <b>them</b>" in row.text_content()
    refused = admin.send(page, "/preview/inbound", {"record": record}, file="[]")
    assert (refused.status, "neither an answer of GetOpportunity" in refused.told) == (422, True)


def test_the_command_serves_what_it_prints_and_stops_when_told(desk: Desk) -> None:
    command = [sys.executable, "-m", "connector", "web", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=dict(os.environ), stdout=pipe, stderr=pipe, text=True) as ran:
        assert ran.stdout is not None
        try:
            # The document has three lines; the process goes on.
            url = json.loads("".join(ran.stdout.readline() for _ in range(3)))["url"]
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url, timeout=30)
        finally:
            ran.terminate()
            ran.communicate(timeout=30)
    assert answer.status_code == 200
    assert "Opportunity mappings" in answer.text
    assert "token" not in answer.url


@pytest.mark.parametrize(("key", "value", "told"), [
    ("BIND", "0.0.0.0:8080", "reachable from other machines"),
    ("BIND", "127.0.0.1", "must be ADDRESS:PORT"),
    ("PASSWORD", "env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
])  # fmt: skip
def test_a_configuration_that_would_not_be_safe_is_refused(desk: Desk, key: str, value: str, told: str) -> None:
    desk.set(**{f"CONNECTOR__WEB__{key}": value})
    assert told in desk.do("web", code=2).err

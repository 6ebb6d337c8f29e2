"""What an admin reads: short, and with the way to the remedy that fits where they are, on a page or at the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_desk import QUOTA_SCALE, Desk
from own_org_mapping import write_mapping
from own_org_world import BASE, DEAL
from web_browser import Browser, Page, serve_pages

from connector.sandbox.server import Sandbox

PUBLISH = "/opportunity/publish"


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside an object of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture
def admin(desk: Desk) -> Iterator[Browser]:
    with serve_pages() as served:
        browser = served.entered()
        yield browser
        browser.close()


def told_on_page(page: Page, *words: str) -> None:
    """Require the words, and nothing that only a shell understands."""
    told = page.told
    assert all(word in told for word in words), told
    assert "connector " not in told, told
    assert " --" not in told, told


# Short


def test_a_long_list_of_open_values_is_counted_and_the_first_are_named(desk: Desk) -> None:
    desk.do("mapping", "object", DEAL)
    told = desk.do("mapping", "set", "country", "Land__c", "--inbound").out
    [line] = [line for line in told.splitlines() if "Land__c has nothing for" in line]
    left = desk.do("mapping", "values", "country", "--draft", "--json").json["open"]["aws"]
    assert len(left) > 200
    assert f"has nothing for {len(left)} values of AWS" in line
    assert f"{'; '.join(left[:5])}; and {len(left) - 5} more" in line
    assert "`connector mapping values` and the AWS field's name" in told
    assert line in desk.do("mapping", "check", code=1).out
    assert left[-1] in desk.do("mapping", "values", "country", "--draft").out


# On a page


def test_pages_say_where_to_go_on_the_pages(desk: Desk, admin: Browser) -> None:
    told_on_page(admin.open("/opportunity/check"), "the Object Selector", "Auto Map ACE Object")
    desk.do("mapping", "automap")
    told_on_page(admin.open("/opportunity/proposals"), "needs no proposals", "Auto Map ACE Object")
    desk.do("mapping", "object", DEAL, "--yes")
    desk.do("mapping", "set", "stage", "Phase__c")
    told_on_page(admin.open("/opportunity/field/nextstep"), "the page Fields lists all")
    told_on_page(admin.open("/opportunity/field/nextStep/values"), "the page Fields, with the Mapping View Mapped,")
    told_on_page(admin.open("/preview?record=a0N000000000001AAA"), "Auto Map ACE Object", "the page Draft and publish")


def test_a_file_of_the_other_mapping_is_sent_to_its_page(desk: Desk, admin: Browser, tmp_path: Path) -> None:
    desk.do("mapping", "automap")
    file = write_mapping(tmp_path / "own.json")
    page = admin.send(admin.open("/lead/files"), "/lead/import", file=file.read_text())
    told_on_page(page, "the page Export and import of the opportunity mappings")
    assert "--type opportunity" in desk.do("mapping", "import", str(file), "--type", "lead", code=2).err
    desk.do("mapping", "publish")
    told_on_page(admin.open("/opportunity/mapping.yaml?draft=1"), "by its own button")
    assert "leaving out --draft" in desk.do("mapping", "export", str(tmp_path / "x.yaml"), "--draft", code=2).err


def test_moving_to_another_object_says_which_box_to_tick(desk: Desk, admin: Browser, tmp_path: Path) -> None:
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    record, _ = desk.shared(81)
    desk.do("mapping", "import", str(write_mapping(tmp_path / "own.json")))
    told_on_page(admin.send(admin.open("/opportunity/draft"), PUBLISH), "the box ticked that sets linked records aside")
    assert "publish with --move" in desk.do("mapping", "publish", code=2).err
    answer = desk.seller.patch(f"sobjects/ACE_Opportunity__c/{record}", {"Next_Step__c": "Not sent yet"})
    assert answer.status_code == 204, answer.text
    page = admin.send(admin.open("/opportunity/draft"), PUBLISH, {"move": "yes"})
    told_on_page(page, "a run of the worker", "the page Preview a record")
    assert "`connector sync outbound`" in desk.do("mapping", "publish", "--move", code=2).err


def test_open_values_are_asked_for_by_the_steps_of_the_dialog(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "object", DEAL)
    desk.do("mapping", "set", "stage", "Phase__c")
    there = "/opportunity/field/stage/values/edit"
    page = admin.send(admin.open(there), there, {"step": "secondary"}, button=("go", "save"))
    told_on_page(page, "the step Primary APN Values", "the step Additional APN Value")
    refused = desk.do("mapping", "values", "stage", "--complete", code=2).err
    assert "--primary AWS=SALESFORCE" in refused


# Leads


def test_a_lead_without_a_mapping_is_not_previewed_nor_the_lead_mapping_applied_which_both_say_why(
    desk: Desk, admin: Browser
) -> None:
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    for name, fields in (
        ("Lead", {"LastName": "Sample", "Company": "Sample Ltd"}),
        ("ACE_Lead__c", {"Name": "Sample"}),
    ):
        answer = desk.admin.post(f"sobjects/{name}", fields)
        assert answer.status_code == 201, answer.text
        record = str(answer.json()["id"])
        refused = desk.do("preview", record, code=2).err
        assert f"{record} is a record of {name}, a lead" in refused
        assert "`connector mapping automap --type lead`" in refused
        told_on_page(admin.open(f"/preview?record={record}"), "a lead", "Auto Map ACE Object on the page Fields")
    refused = desk.do("mapping", "apply", "--type", "lead", "--to-aws", code=2).err
    assert "No lead mapping was published yet" in refused

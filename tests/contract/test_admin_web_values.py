"""The dialog of picklist values over HTTP: three steps, nothing lost between them, nothing kept before it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from admin_desk import QUOTA_SCALE, Desk
from own_org_world import BASE
from web_browser import Browser, Page, serve_pages

from connector.ace.catalogue import opportunity_fields
from connector.sandbox.server import Sandbox

THERE = "/opportunity/field/stage/values"
EDIT = f"{THERE}/edit"
PAIRS = {
    "Prospect": "1 Discover", "Qualified": "2 Qualify", "Technical Validation": "3 Prove",
    "Business Validation": "4 Negotiate", "Committed": "5 Sign", "Launched": "6 Live", "Closed Lost": "9 Lost",
}  # fmt: skip
TABS = ["Primary APN Values", "Additional APN Value", "Secondary APN Values"]


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside objects of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture
def admin(desk: Desk) -> Iterator[Browser]:
    """A browser, and a draft in which the stage is mapped to a picklist with words of its own."""
    desk.begin(
        ("mapping", "object", "Deal__c"), ("mapping", "own", "--likely"), ("mapping", "set", "stage", "Phase__c")
    )
    with serve_pages() as served:
        browser = served.entered()
        yield browser
        browser.close()


def stored(desk: Desk) -> dict[str, Any]:
    document = desk.do("mapping", "show", "--draft", "--json").json
    [entry] = [one for one in document["fields"] if one["ace_field"] == "stage"]
    found: dict[str, Any] = entry["picklist"]
    return found


def primary(pairs: dict[str, str]) -> dict[str, str]:
    return {f"primary:{aws}": ours for aws, ours in pairs.items()}


def go(browser: Browser, page: Page, where: str, fields: dict[str, str] | None = None) -> Page:
    return browser.send(page, EDIT, fields, button=("go", where))


def step(page: Page) -> str:
    return page.texts("//*[@aria-current='step']")[0]


def two_for_one() -> dict[str, str]:
    """Two of AWS's values are one of the partner's, which leaves one of theirs to be additional."""
    return {**PAIRS, "Qualified": "1 Discover"}


@pytest.mark.requirement("PICK-01", "PICK-03")
def test_all_three_kinds_are_set_listed_and_removed_and_saving_is_confirmed(desk: Desk, admin: Browser) -> None:
    page = admin.open(EDIT)
    assert page.texts("//ol[contains(@class, 'steps')]/li") == TABS
    assert not page.find("//ol//a | //ol//button"), "while values are edited, Next and Back lead from tab to tab"
    page = go(admin, page, "next", primary(two_for_one()))
    assert step(page) == "Additional APN Value"
    assert page.find("//select/@name") == ["additional:2 Qualify"], "only values that no primary one uses are asked"
    page = go(admin, page, "next", {"additional:2 Qualify": "Qualified"})
    assert step(page) == "Secondary APN Values"
    assert page.find("//select/@name") == ["secondary:1 Discover"]
    assert page.find("//select/option[@value!='']/@value") == ["Prospect", "Qualified"]
    assert stored(desk)["primary"] == {}, "nothing is kept before it is saved"
    page = go(admin, page, "save", {"secondary:1 Discover": "Qualified"})
    assert "The value mapping of stage is saved" in page.told
    assert page.path == THERE
    assert stored(desk) == {
        "primary": two_for_one(), "additional": {"2 Qualify": "Qualified"}, "defaults": {"1 Discover": "Qualified"},
    }  # fmt: skip
    for tab, left, right in (
        ("primary", "Prospect", "1 Discover"), ("additional", "2 Qualify", "Qualified"),
        ("secondary", "1 Discover", "Qualified"),
    ):  # fmt: skip
        page = admin.open(f"{THERE}?tab={tab}")
        assert page.texts("//nav[@class='tabs']/a") == TABS
        assert page.texts(f"//tr[td[1][normalize-space()='{left}']]/td[2]") == [right]
    page = go(admin, admin.open(EDIT), "partial", primary({"Prospect": ""}) | {"additional:2 Qualify": ""})
    assert "Prospect" not in stored(desk)["primary"]
    page = go(admin, go(admin, admin.open(EDIT), "next", primary(PAIRS)), "next")
    page = go(admin, page, "save")
    assert stored(desk) == {"primary": PAIRS, "additional": {}, "defaults": {}}
    assert page.find("//a[contains(., 'Close')]/@href")[0].startswith("/opportunity")


@pytest.mark.requirement("PICK-09")
def test_next_is_disabled_and_refused_until_every_value_is_filled_in(desk: Desk, admin: Browser) -> None:
    page = admin.open(EDIT)
    [button] = page.find("//button[@data-next]")
    assert (button.text_content(), button.get("disabled") is not None) == ("Next", True)
    page = go(admin, page, "next", primary({**PAIRS, "Launched": ""}))
    assert page.status == 422
    assert "Fill in what is blank before you go on: Launched." in page.told
    assert step(page) == "Primary APN Values"
    chosen = page.find("//select[@name='primary:Prospect']/option[@selected]/@value")
    assert chosen == ["1 Discover"], "what was filled in is still there"
    assert page.find("//button[@data-next]")[0].get("disabled") is not None
    page = go(admin, page, "next", primary({"Launched": "6 Live"}))
    assert step(page) == "Additional APN Value"
    page = go(admin, page, "next")
    assert page.find("//button[@data-next]")[0].get("disabled") is None
    page = go(admin, page, "save")
    assert stored(desk)["primary"] == PAIRS


@pytest.mark.requirement("PICK-10")
def test_a_choice_on_the_third_tab_is_kept_while_tabs_change_as_long_as_it_is_valid(desk: Desk, admin: Browser) -> None:
    page = go(admin, admin.open(EDIT), "next", primary(two_for_one()))
    page = go(admin, page, "next", {"additional:2 Qualify": "Qualified"})
    page = go(admin, page, "back", {"secondary:1 Discover": "Qualified"})
    page = go(admin, page, "back")
    page = go(admin, page, "next", primary({"Launched": "5 Sign"}))
    page = go(admin, page, "next", {"additional:6 Live": "Launched"})
    assert page.find("//select[@name='secondary:1 Discover']/option[@selected]/@value") == ["Qualified"]
    page = go(admin, page, "back", {"secondary:5 Sign": "Launched"})
    page = go(admin, go(admin, go(admin, page, "back"), "next", primary({"Qualified": "2 Qualify"})), "next")
    assert page.find("//select/@name") == ["secondary:5 Sign"], "it is not asked where it does not apply"
    page = go(admin, go(admin, go(admin, page, "back"), "back"), "next", primary({"Qualified": "1 Discover"}))
    page = go(admin, page, "next")
    assert page.find("//select[@name='secondary:1 Discover']/option[@selected]/@value") == ["Qualified"]
    go(admin, page, "save")
    assert stored(desk)["defaults"] == {"1 Discover": "Qualified", "5 Sign": "Launched"}


def test_what_is_open_may_be_kept_on_purpose_and_is_told(desk: Desk, admin: Browser) -> None:
    page = go(admin, admin.open(EDIT), "partial", primary({"Prospect": "1 Discover"}))
    assert "are open: a record that has one is refused" in page.told
    assert stored(desk)["primary"] == {"Prospect": "1 Discover"}
    page = go(admin, admin.open(EDIT), "partial", primary({"Qualified": "1 Discover"}))
    assert page.status == 422, "a value that stands for two needs a default (PICK-08)"
    assert "'1 Discover'" in page.told
    assert page.find("//select[@name='primary:Qualified']/option[@selected]/@value") == ["1 Discover"]


def test_a_value_that_salesforce_does_not_have_is_refused(desk: Desk, admin: Browser) -> None:
    page = go(admin, admin.open(EDIT), "partial", primary({"Prospect": "Nonsense"}))
    assert page.status == 422
    assert "no active value of that name" in page.told
    assert stored(desk)["primary"] == {}


def test_the_values_of_a_long_list_are_typed_with_one_shared_list(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    desk.do("mapping", "automap")
    there = "/opportunity/field/country/values"
    page = admin.open(f"{there}/edit")
    values = opportunity_fields()["country"].values
    assert len(page.find("//input[@list='choices']")) == len(values)
    assert len(page.find("//datalist")) == 1
    page = admin.send(page, f"{there}/edit", button=("go", "next"))
    page = admin.send(page, f"{there}/edit", button=("go", "next"))
    page = admin.send(page, f"{there}/edit", button=("go", "save"))
    assert "is saved" in page.told


def test_equal_values_are_added_where_they_are_missing(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    desk.do("mapping", "automap")
    desk.do("mapping", "values", "stage", "--remove-primary", "Prospect")
    page = admin.send(admin.open(THERE), f"{THERE}/equal")
    assert "is saved" in page.told
    assert stored(desk)["primary"]["Prospect"] == "Prospect"


@pytest.mark.requirement("PICK-16")
def test_every_picklist_is_in_one_view_with_unmapped_values_marked(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    desk.do("mapping", "automap")
    desk.do("mapping", "values", "stage", "--remove-primary", "Prospect")
    page = admin.open("/opportunity/values")
    shown = {one["ace_field"] for one in desk.do("mapping", "values", "--draft", "--json").json}
    assert set(page.texts("//details/summary/strong")) == shown
    assert {"stage", "industry", "deliveryModel"} <= shown
    [stage] = page.find("//details[summary/strong='stage']")
    rows = [[cell.text_content() for cell in row] for row in stage.xpath(".//tbody/tr[@class='open']")]
    assert ["Unmapped", "Prospect", "none"] in rows
    assert ["Unmapped", "none", "Prospect"] in rows
    assert "2 unmapped" in stage.text_content()


def test_values_of_a_field_that_has_none_or_is_not_mapped_are_told(admin: Browser, desk: Desk) -> None:
    desk.do("mapping", "set", "projectDescription", "Problem__c")
    assert "no standard values" in admin.open("/opportunity/field/projectDescription/values").told
    assert "is not mapped" in admin.open("/opportunity/field/industry/values").told

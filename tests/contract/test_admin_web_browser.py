"""The web pages in a real browser, where one is installed: what the script adds, and that nothing of it is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from admin_desk import QUOTA_SCALE, Desk
from own_org_world import BASE
from playwright.sync_api import Page, sync_playwright
from web_browser import LINK, serve_pages

from connector.sandbox.server import Sandbox

_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), "")
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed, and CHROMIUM names none")
PAIRS = {
    "Prospect": "1 Discover", "Qualified": "1 Discover", "Technical Validation": "3 Prove",
    "Business Validation": "4 Negotiate", "Committed": "5 Sign", "Launched": "6 Live", "Closed Lost": "9 Lost",
}  # fmt: skip


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside objects of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    """A browser on the list; whatever it complains about fails the test."""
    desk.do("mapping", "object", "Deal__c")
    desk.do("mapping", "own", "--likely")
    desk.do("mapping", "set", "stage", "Phase__c")
    complaints: list[str] = []
    with serve_pages() as served, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--no-proxy-server"])
        found = browser.new_page(base_url=served.site.address)
        found.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        found.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 500 else None)
        found.on("pageerror", lambda error: complaints.append(str(error)))
        found.goto(f"/login?token={LINK}")
        yield found
        browser.close()
    assert complaints == []


def choose(page: Page, step: str, pairs: dict[str, str]) -> None:
    for left, right in pairs.items():
        page.locator(f"[name='{step}:{left}']").select_option(right)


def test_next_opens_with_the_last_blank_filled_and_choices_come_back(page: Page, desk: Desk) -> None:
    """PICK-09 and PICK-10, as a person sees them."""
    page.goto("/opportunity/field/stage/values/edit")
    button = page.get_by_role("button", name="Next", exact=True)
    assert button.is_disabled()
    assert page.get_by_text("7 of 7 are blank.").is_visible()
    choose(page, "primary", {name: value for name, value in PAIRS.items() if name != "Launched"})
    assert button.is_disabled()
    choose(page, "primary", {"Launched": "6 Live"})
    assert button.is_enabled()
    choose(page, "primary", {"Launched": ""})
    assert button.is_disabled()
    choose(page, "primary", {"Launched": "6 Live"})
    button.click()
    choose(page, "additional", {"2 Qualify": "Qualified"})
    button.click()
    choose(page, "secondary", {"1 Discover": "Qualified"})
    page.get_by_role("button", name="Back", exact=True).click()
    page.get_by_role("button", name="Back", exact=True).click()
    assert page.locator("[name='primary:Prospect']").input_value() == "1 Discover"
    button.click()
    button.click()
    assert page.locator("[name='secondary:1 Discover']").input_value() == "Qualified"
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.get_by_text("The value mapping of stage is saved in the draft.").is_visible()
    [entry] = desk.do("mapping", "show", "--draft", "--json").json["fields"]
    assert entry["picklist"]["defaults"] == {"1 Discover": "Qualified"}


@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_is_wider_than_the_window(page: Page, desk: Desk, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    desk.do("mapping", "object", "Deal__c", "--yes")
    desk.do("mapping", "own", "--likely")
    desk.do("mapping", "set", "stage", "Phase__c")
    record = desk.deal(61 + width)
    for path in ("/opportunity", "/opportunity/field/customerWebsite?expand=Customer__r", "/opportunity/object",
                 "/opportunity/field/stage/values/edit", "/opportunity/field/stage/values", "/opportunity/own",
                 "/opportunity/values", "/opportunity/proposals", "/opportunity/check", "/opportunity/draft",
                 "/opportunity/files", f"/preview?record={record}", "/login"):  # fmt: skip
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_toggle_and_the_login_work_by_keyboard(page: Page, desk: Desk) -> None:
    page.goto("/opportunity?search=stage")
    page.get_by_role("button", name="Enable Inbound Updates of Stage").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Inbound updates of stage are on.")
    [entry] = desk.do("mapping", "show", "--draft", "--json").json["fields"]
    assert entry["inbound"] is True

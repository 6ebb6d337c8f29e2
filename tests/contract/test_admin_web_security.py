"""What keeps the web pages safe: login, tokens, addresses, headers, escaping, and forms that went stale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from admin_desk import QUOTA_SCALE, Desk
from fastapi.routing import APIRoute
from own_org_world import BASE
from web_browser import LINK, PASSWORDS, Browser, Page, Pages, serve_pages

from connector.admin.web import field_pages, preview_pages, release_pages, setup_pages, value_pages
from connector.sandbox.server import Sandbox

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
ROUTERS = (field_pages, preview_pages, release_pages, setup_pages, value_pages)


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside objects of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture
def pages(desk: Desk) -> Iterator[Pages]:
    desk.begin(("mapping", "object", "Deal__c"), ("mapping", "own", "--likely"))
    with serve_pages() as served:
        yield served


@pytest.fixture
def browser(pages: Pages) -> Iterator[Browser]:
    found = pages.entered()
    yield found
    found.close()


def paths(method: str) -> list[str]:
    """Return every address that the pages answer, with something in the place of what varies."""
    routes = [one for room in ROUTERS for one in room.router.routes if isinstance(one, APIRoute)]
    found = {one.path.format(kind="opportunity", name="stage", version=1) for one in routes if method in one.methods}
    return sorted(found)


def drafted(desk: Desk) -> dict[str, dict[str, Any]]:
    document = desk.do("mapping", "show", "--draft", "--json").json
    return {one["ace_field"]: one for one in document["fields"]}


def control(desk: Desk, path: str, **members: Any) -> None:
    answer = requests.post(desk.info["control"]["endpoint_url"] + path, json=members, timeout=60)
    assert answer.status_code == 200, answer.text


def unharmed(page: Page) -> None:
    """What came from elsewhere is text: no element and no attribute of a page comes from it."""
    assert page.find("//script/@src") == ["/static/pages.js"]
    assert not page.find("//img | //@onerror | //@onload | //script[not(@src)]")


# Login


@pytest.mark.requirement("SEC-07")
def test_nothing_is_shown_or_changed_without_a_login(desk: Desk, pages: Pages) -> None:
    stranger = pages.browser()
    for path in ("/", *paths("GET")):
        page = stranger.open(path)
        assert page.status == 401, path
        assert "Deal__c" not in page.answer.text
    for path in ("/logout", *paths("POST")):
        assert stranger.post(path, {"csrf": "x", "confirmed": "yes"}).status == 401, path
    assert stranger.open("/login?token=guessed").status == 401
    stranger.session.cookies.set(pages.site.cookie, "guessed")
    assert stranger.open("/opportunity").status == 401
    stranger.close()


def test_the_link_lets_in_leads_on_and_logging_out_ends_it(pages: Pages) -> None:
    browser = pages.browser()
    page = browser.open(f"/login?token={LINK}&to=/lead/history%3Fx%3D1")
    assert (page.status, page.path) == (200, "/lead/history")
    [cookie] = browser.session.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"
    kept = cookie.value
    browser.send(browser.open("/opportunity"), "/logout")
    browser.session.cookies.set(pages.site.cookie, str(kept))
    assert browser.open("/opportunity").status == 401, "the cookie's old value is worth nothing"
    browser.close()


ELSEWHERE = ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_login_leads_to_another_site(pages: Pages, target: str) -> None:
    browser = pages.browser()
    answer = browser.session.get(
        f"{browser.address}/login", params={"token": LINK, "to": target}, allow_redirects=False, timeout=30
    )
    assert answer.headers["location"] == "/"
    browser.close()


@pytest.mark.requirement("PERM-31")
def test_who_logs_in_to_look_may_look_and_change_nothing(desk: Desk) -> None:
    """The pages have no Salesforce login: those who edit the mapping and those who look at it have a password each."""
    desk.do("mapping", "object", "Deal__c")
    with serve_pages(link="", passwords=PASSWORDS) as served:
        viewer = served.browser()
        page = viewer.open("/opportunity/object")
        assert viewer.send(page, "/login", {"secret": "a guess that is wrong"}).status == 401
        page = viewer.send(page, "/login", {"secret": "the viewers' password"})
        assert page.path == "/opportunity/object"
        assert "(viewer)" in page.text
        assert not page.find("//main//button[not(ancestor::form[@method='get'])]")
        token = page.find("//input[@name='csrf']/@value")[0]
        for path in paths("POST"):
            if path != "/preview/inbound":
                refused = viewer.post(path, {"csrf": token, "object": "Opportunity", "confirmed": "yes"})
                assert (refused.status, "may look, but change nothing" in refused.told) == (403, True), path
        assert viewer.open(f"/login?token={LINK}").status == 401, "with passwords there is no link"
        editor = served.browser()
        editor.send(editor.open("/"), "/login", {"secret": "the editors' password"})
        page = editor.send(editor.open("/opportunity/object"), "/opportunity/object", {"object": "Deal__c"})
        assert "The draft maps Deal__c" in page.told
        viewer.close()
        editor.close()


# Requests from elsewhere


def test_every_form_needs_the_sessions_own_token(desk: Desk, pages: Pages, browser: Browser) -> None:
    other = pages.entered()
    foreign = other.open("/opportunity").find("//input[@name='csrf']/@value")[0]
    for path in ("/logout", *paths("POST")):
        for token in ({}, {"csrf": "guessed"}, {"csrf": foreign}):
            page = browser.post(path, {**token, "confirmed": "yes", "path": "Phase__c"})
            assert page.status == 403, (path, token)
            assert "Nothing was changed" in page.told
    assert browser.open("/opportunity").status == 200, "and nobody was logged out"
    assert drafted(desk) == {}
    other.close()


def test_forms_from_other_origins_and_other_names_for_the_host_are_refused(pages: Pages, browser: Browser) -> None:
    page = browser.open("/opportunity/reset")
    form = {"csrf": page.find("//input[@name='csrf']/@value")[0], "confirmed": "yes"}
    for origin in ("https://evil.example", "null", browser.address + ".evil.example"):
        assert browser.post("/opportunity/reset", form, headers={"Origin": origin}).status == 403
    port = pages.site.address.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1:{port}.evil.example"):
        answer = browser.session.get(f"{browser.address}/opportunity", headers={"Host": host}, timeout=30)
        assert answer.status_code == 421
        assert "Deal__c" not in answer.text
    assert browser.session.get(f"http://localhost:{port}/login", timeout=30).status_code == 200


def test_what_is_too_large_or_of_unknown_length_is_not_read(browser: Browser) -> None:
    assert browser.post("/opportunity/import", {"note": "x" * 2_000_001}).status == 413
    answer = browser.session.post(f"{browser.address}/opportunity/import", data=iter([b"x"]), timeout=30,
                                  headers={"Origin": browser.address})  # fmt: skip
    assert answer.status_code == 411
    assert browser.session.delete(f"{browser.address}/opportunity", timeout=30).status_code == 405


def test_every_answer_forbids_frames_scripts_of_others_and_keeping(pages: Pages, browser: Browser) -> None:
    stranger = pages.browser()
    for page in (browser.open("/opportunity"), browser.open("/nowhere"), stranger.open("/opportunity"),
                 browser.open("/static/pages.css")):  # fmt: skip
        headers = page.answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    stranger.close()


def test_what_nobody_foresaw_is_answered_without_a_word_of_it(
    pages: Pages, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a value that nobody may see")

    monkeypatch.setattr(pages.office, "ask", fail)
    answer = browser.open("/opportunity").answer
    assert answer.status_code == 500
    assert "nobody may see" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_pages_name_no_other_site_and_carry_no_script_or_style_of_their_own(browser: Browser) -> None:
    for path in ("/opportunity", "/opportunity/field/stage", "/opportunity/object", "/preview"):
        page = browser.open(path)
        addresses = page.find("//@href | //@src | //@action")
        assert all(one.startswith(("/", "#")) and not one.startswith("//") for one in addresses), addresses
        assert not page.find("//style | //@style | //script[not(@src)]")


# Content of others


@pytest.mark.requirement("SEC-06")
def test_labels_values_and_titles_that_hold_markup_are_shown_as_text(desk: Desk) -> None:
    text = {"fullName": "Odd__c", "label": ATTACK[:40], "type": "Text", "length": 80}
    control(desk, "/salesforce/field", object="Deal__c", metadata=text)
    control(desk, "/salesforce/picklist", object="Deal__c", field="Phase__c", value="Odd", label=ATTACK)
    record = desk.deal(81, Customer_Company_Name__c=ATTACK)
    desk.do("mapping", "automap")
    desk.do("mapping", "publish", "--note", ATTACK)
    desk.do("mapping", "object", "Deal__c", "--yes")
    desk.do("mapping", "set", "stage", "Phase__c")
    with serve_pages() as served:
        browser = served.entered()
        for path, shown in (
            ("/opportunity/field/customerCompanyName", ATTACK[:40]),
            ("/opportunity/field/stage/values?tab=additional", ATTACK),
            ("/opportunity/field/stage/values/edit", ATTACK),
            ("/opportunity/history", ATTACK),
            (f"/preview?record={record}", ATTACK),
        ):  # fmt: skip
            page = browser.open(path)
            assert page.status == 200, page.told
            assert shown in page.text, path
            unharmed(page)
        for path in (f"/opportunity?search={ATTACK}", f"/opportunity/field/stage?find={ATTACK}&expand={ATTACK}",
                     f"/opportunity/field/{ATTACK.replace('/', '')}", f"/preview?record={ATTACK}",
                     f"/login?to=/{ATTACK}"):  # fmt: skip
            unharmed(browser.open(path))
        browser.close()


# Two people at once


def test_a_form_that_went_stale_is_told_and_loses_nothing(desk: Desk, pages: Pages, browser: Browser) -> None:
    there, other = "/opportunity/field/nextStep", pages.entered()
    page = browser.open(there)
    other.send(other.open(there), there, {"path": "Headline__c", "inbound": "off"})
    stale = browser.send(page, there, {"path": "Next_Action__c", "inbound": "on"})
    assert stale.status == 409
    assert "The draft was changed meanwhile" in stale.told
    assert drafted(desk)["nextStep"]["path"] == "Headline__c"
    assert stale.find("//input[@name='path'][@checked]/@value") == ["Next_Action__c"], "what was chosen is still chosen"
    assert stale.find("//input[@name='inbound'][@checked]/@value") == ["on"]
    assert "Headline__c" in stale.texts("//dl")[0], "and what stands there now is shown"
    browser.send(stale, there)
    assert drafted(desk)["nextStep"]["path"] == "Next_Action__c"
    other.close()


def test_two_people_change_different_fields_without_being_in_each_others_way(
    desk: Desk, pages: Pages, browser: Browser
) -> None:
    other = pages.entered()
    mine, theirs = "/opportunity/field/nextStep", "/opportunity/field/projectDescription"
    first, second = browser.open(mine), other.open(theirs)
    assert browser.send(first, mine, {"path": "Next_Action__c"}).status == 200
    assert other.send(second, theirs, {"path": "Problem__c"}).status == 200
    assert set(drafted(desk)) == {"nextStep", "projectDescription"}
    other.close()


def test_values_that_went_stale_are_told_and_kept_in_the_dialog(desk: Desk, browser: Browser) -> None:
    desk.do("mapping", "set", "stage", "Phase__c")
    there = "/opportunity/field/stage/values/edit"
    page = browser.open(there)
    desk.do("mapping", "values", "stage", "--primary", "Launched=6 Live")
    stale = browser.send(page, there, {"primary:Prospect": "1 Discover"}, button=("go", "partial"))
    assert stale.status == 409
    assert stale.find("//select[@name='primary:Prospect']/option[@selected]/@value") == ["1 Discover"]
    assert drafted(desk)["stage"]["picklist"]["primary"] == {"Launched": "6 Live"}


@pytest.mark.parametrize("path", ["reset", "automap", "object", "own", "discard", "publish", "import", "proposals"])
def test_what_concerns_the_whole_draft_is_not_done_to_another_draft(desk: Desk, browser: Browser, path: str) -> None:
    page = browser.open("/opportunity/reset")
    token = page.find("//input[@name='csrf']/@value")[0]
    refused = browser.post(f"/opportunity/{path}", {
        "csrf": token, "seen": "f" * 24, "confirmed": "yes", "object": "Opportunity", "accept": "nextStep",
    })  # fmt: skip
    assert refused.status == 409
    assert "changed meanwhile" in refused.told
    assert re.match("Deal__c", desk.do("mapping", "show", "--draft", "--json").json["object"])

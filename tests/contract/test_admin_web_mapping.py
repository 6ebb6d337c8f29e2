"""The mapping's web pages over HTTP, as an admin uses them beside the command line, on a partner's own org."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from admin_desk import QUOTA_SCALE, Desk
from own_org_world import BASE
from web_browser import Browser, Page, Pages, serve_pages

from connector.ace.catalogue import opportunity_fields
from connector.sandbox.server import Sandbox

DEAL, OFFICE = "Deal__c", "Deal_Desk__c"


@pytest.fixture(scope="module")
def desk_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A partner's own org: the package beside objects of their own."""
    with Sandbox(tmp_path_factory.mktemp("own"), quota_scale=QUOTA_SCALE, metadata=[BASE]) as running:
        yield running


@pytest.fixture
def pages(desk: Desk) -> Iterator[Pages]:
    with serve_pages() as served:
        yield served


@pytest.fixture
def admin(pages: Pages) -> Iterator[Browser]:
    browser = pages.entered()
    yield browser
    browser.close()


@pytest.fixture
def own(desk: Desk, admin: Browser) -> Browser:
    """A browser, and a draft for the partner's own object with its own fields chosen."""
    desk.do("mapping", "object", DEAL)
    desk.do("mapping", "own", "--likely")
    return admin


def drafted(desk: Desk, *options: str) -> dict[str, dict[str, Any]]:
    """Return the draft's entries by AWS field, as the command line shows them."""
    document = desk.do("mapping", "show", "--draft", "--json", *options).json
    return {one["ace_field"]: one for one in document["fields"]}


def listed(browser: Browser, query: str = "") -> list[str]:
    """Return the AWS fields of all pages of the list."""
    found: list[str] = []
    page, number = browser.open(f"/opportunity?{query}&page=1"), 1
    while True:
        found += page.find("//table[@class='fields']/tbody/tr/@id")
        number += 1
        if not page.find(f"//nav[@class='pages']/a[normalize-space()='{number}']"):
            return found
        page = browser.open(f"/opportunity?{query}&page={number}")


def offered(page: Page) -> list[str]:
    return [str(one) for one in page.find("//input[@name='path']/@value")]


def control(desk: Desk, path: str, **members: Any) -> None:
    answer = requests.post(desk.info["control"]["endpoint_url"] + path, json=members, timeout=60)
    assert answer.status_code == 200, answer.text


# Both ways


@pytest.mark.requirement("MAP-01")
def test_page_and_command_line_show_the_same_stored_mapping(desk: Desk, own: Browser) -> None:
    own.send(own.open("/opportunity/field/projectDescription"), "/opportunity/field/projectDescription",
             {"path": "Problem__c", "inbound": "off"})  # fmt: skip
    kept = {"ace_field": "projectDescription", "path": "Problem__c", "inbound": False}
    assert drafted(desk)["projectDescription"] == kept
    desk.do("mapping", "set", "customerWebsite", "Customer__r.Website")
    row = own.open("/opportunity?search=customerWebsite").row("customerWebsite")
    assert "Customer__r.Website" in row.text_content()
    fixed = {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier"}
    assert set(listed(own, "view=mapped")) == set(drafted(desk)) | fixed


@pytest.mark.requirement("MAP-02")
def test_the_navigation_switches_between_mappings_that_are_separate(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "automap")
    before = drafted(desk)
    page = admin.open("/opportunity")
    [leads] = page.find("//nav[@class='side']/a[normalize-space()='Lead mappings']/@href")
    page = admin.open(leads)
    assert "ACE Mappings: lead" in page.text
    page = admin.send(page, "/lead/automap")
    assert "fields are mapped in the draft" in page.told
    name = next(iter(drafted(desk, "--type", "lead")))
    page = admin.send(admin.open(f"/lead/field/{name}"), f"/lead/field/{name}/unset")
    assert name not in drafted(desk, "--type", "lead")
    assert drafted(desk) == before
    assert page.find("//nav[@class='side']/a[normalize-space()='Opportunity mappings']/@href") == ["/opportunity"]


# The object


@pytest.mark.requirement("MAP-03")
def test_another_object_replaces_the_first_after_confirmation_only(desk: Desk, admin: Browser) -> None:
    page = admin.open("/opportunity/object")
    names = [str(one) for one in page.find("//input[@name='object']/@value")]
    assert names[:2] == ["Opportunity", "ACE_Opportunity__c"]
    assert DEAL in names
    assert "ACE_Sync_Log__c" not in names
    assert {"Lead", "ACE_Lead__c", DEAL} <= set(admin.open("/lead/object").find("//input[@name='object']/@value"))

    desk.do("mapping", "automap")
    mapped = len(drafted(desk))
    page = admin.send(admin.open("/opportunity/object"), "/opportunity/object", {"object": DEAL})
    assert f"{mapped} mapped fields of ACE_Opportunity__c" in page.text
    assert len(drafted(desk)) == mapped, "without confirmation nothing is thrown away"
    page = admin.send(page, "/opportunity/object", button=("confirmed", "yes"))
    assert drafted(desk) == {}
    assert "The draft maps Deal__c to opportunity records." in page.told
    assert admin.open("/opportunity/object").find("//input[@name='object'][@checked]/@value") == [DEAL]


def test_an_object_that_cannot_be_mapped_is_refused(desk: Desk, admin: Browser) -> None:
    page = admin.send(admin.open("/opportunity/object"), "/opportunity/object", {"object": "ACE_Sync_Log__c"})
    assert page.status == 422
    assert "ACE_Sync_Log__c is not among the objects" in page.told


# The views


@pytest.mark.requirement("MAP-04", "MAP-05")
def test_the_views_show_what_they_count(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "automap")
    desk.do("mapping", "unset", "customerWebsite")
    told = desk.do("mapping", "show", "--draft", "--json").json["counts"]
    page = admin.open("/opportunity")
    options = page.texts("//select[@name='view' or @name='need']/option")
    everything = len(opportunity_fields())
    assert options == [
        f"All ({everything})", f"Mapped ({told['mapped']})", f"Unmapped ({told['unmapped']})",
        f"All ({everything})", f"Required ({told['required']})", f"Optional ({told['optional']})",
    ]  # fmt: skip
    assert listed(admin) == list(opportunity_fields())
    for parameter, name in (("view", "mapped"), ("view", "unmapped"), ("need", "required"), ("need", "optional")):
        shown = desk.do("mapping", "show", "--draft", "--json", f"--{name}").json["shown"]
        assert listed(admin, f"{parameter}={name}") == [one["ace_field"] for one in shown]
        assert len(shown) == told[name]
    assert listed(admin, "search=WEBSITE") == ["customerWebsite"]
    headings = [one.partition("What AWS")[0] for one in page.texts("//th")]
    assert headings[0] == "AWS Fields"
    assert headings[1].startswith("Salesforce Fields")
    assert headings[2].startswith("Enable Inbound Updates")


@pytest.mark.requirement("MAP-42")
def test_optional_unmapped_fields_are_listed_with_what_is_lost(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "automap")
    desk.do("mapping", "unset", "nextStep")
    page = admin.open("/opportunity?need=optional&view=unmapped")
    assert "nextStep" in page.find("//tr/@id")
    for row in page.find("//tbody/tr"):
        [lost] = row.xpath(".//span[@class='lost']")
        assert lost.text_content().strip(), row.get("id")
    assert "not sent to AWS" in page.row("nextStep").text_content()


# One field


@pytest.mark.requirement("MAP-06")
def test_only_fields_that_fit_are_offered_and_others_are_refused_with_the_reason(desk: Desk, own: Browser) -> None:
    page = own.open("/opportunity/field/customerCompanyName")
    assert "Headline__c" in offered(page)
    assert not {"Monthly_Spend__c", "Close_By__c", "Send_to_AWS__c"} & set(offered(page))
    why = page.texts("//details//li[code='Monthly_Spend__c']")
    assert "of type currency cannot hold it" in why[0]
    page = own.send(page, "/opportunity/field/customerCompanyName", {"path": "Monthly_Spend__c"})
    assert page.status == 422
    assert "Monthly_Spend__c cannot hold customerCompanyName" in page.told
    assert "Choose a field of one of these types" in page.told
    assert "currency" in desk.do("mapping", "set", "customerCompanyName", "Monthly_Spend__c", code=2).err
    assert drafted(desk) == {}


@pytest.mark.requirement("MAP-11")
def test_relationships_stand_at_the_end_with_a_mark_and_expand_to_their_fields(desk: Desk, own: Browser) -> None:
    page = own.open("/opportunity/field/customerWebsite")
    entries = page.texts("//fieldset[contains(@class, 'offers')]/*[contains(@class, 'offer')]")
    expandable = page.find("//a[contains(@class, 'expand')]")
    assert all(">" in one.text_content() for one in expandable)
    assert len(expandable) == sum(">" in one for one in entries[-len(expandable) :]), "they are the last"
    [way] = [one.get("href") for one in expandable if "Customer__r" in one.text_content()]
    page = own.open(way)
    assert "Customer__r.Website" in offered(page)
    assert "Customer__r.AnnualRevenue" not in offered(page)
    assert page.find("//a[contains(@class, 'expand')][contains(., 'Customer__r.Owner')]"), "and one level further"
    page = own.send(page, "/opportunity/field/customerWebsite", {"path": "Customer__r.Website"})
    assert drafted(desk)["customerWebsite"]["path"] == "Customer__r.Website"


def test_the_search_among_the_offers_keeps_what_is_chosen(desk: Desk, own: Browser) -> None:
    desk.do("mapping", "set", "customerWebsite", "Customer__r.Website")
    page = own.open("/opportunity/field/customerWebsite?find=headline")
    assert offered(page) == ["Customer__r.Website", "Headline__c"]
    assert page.find("//input[@name='path'][@checked]/@value") == ["Customer__r.Website"]


def test_a_field_stays_as_it_is_without_a_choice(desk: Desk, own: Browser) -> None:
    page = own.open("/opportunity/field/nextStep")
    page = own.send(page, "/opportunity/field/nextStep", {"path": None})
    assert page.status == 422
    assert "no Salesforce field was chosen" in page.told


def test_the_toggle_of_the_list_is_kept_and_protected_fields_begin_with_it_off(desk: Desk, own: Browser) -> None:
    """MAP-07, MAP-48"""
    page = own.open("/opportunity/field/stage")
    assert "By default it is off here" in page.text
    page = own.send(page, "/opportunity/field/stage", {"path": "Phase__c"})
    assert "inbound updates off" in page.told
    page = own.open("/opportunity?search=stage")
    page = own.send(page, "/opportunity/field/stage/toggle", button=("inbound", "on"))
    assert drafted(desk)["stage"]["inbound"] is True
    assert page.row("stage").xpath(".//button[@aria-pressed='true']")
    own.send(page, "/opportunity/field/stage/toggle", button=("inbound", "off"))
    assert drafted(desk)["stage"]["inbound"] is False


@pytest.mark.requirement("MAP-38")
def test_an_edit_from_page_two_returns_to_page_two_with_a_mark_of_success(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "automap")
    page = admin.open("/opportunity?view=mapped&page=2")
    assert page.texts("//th/span[@class='help']"), "headings have help text"
    row = next(one for one in page.find("//tbody/tr") if one.xpath(".//a[starts-with(., 'Edit')]"))
    name = row.get("id")
    page = admin.open(row.xpath(".//a[starts-with(., 'Edit')]/@href")[0])
    page = admin.send(page, f"/opportunity/field/{name}")
    parts = urlsplit(page.answer.url)
    assert (parts.path, parse_qs(parts.query)) == ("/opportunity", {"view": ["mapped"], "page": ["2"]})
    assert "✓ Saved" in page.row(name).text_content()
    assert f"{name} is mapped to" in page.told
    assert "✓ Saved" not in admin.open("/opportunity?view=mapped&page=2").text, "it is said once"


def test_fallbacks_are_set_side_by_side_and_taken_away(desk: Desk, own: Browser) -> None:
    desk.do("mapping", "set", "nextStep", "Next_Action__c")
    there = "/opportunity/field/nextStep"
    page = own.open(there)
    own.send(page, f"{there}/fallback", {"to_aws_text": "Call them", "from_aws_text": "Wait"})
    assert drafted(desk)["nextStep"]["to_aws"] == {"value": "Call them"}
    formula = {"to_aws_how": "formula", "to_aws_text": "Name", "from_aws_text": ""}
    own.send(own.open(there), f"{there}/fallback", formula)
    assert drafted(desk)["nextStep"]["to_aws"] == {"formula": "Name"}
    assert "from_aws" not in drafted(desk)["nextStep"]
    page = own.send(own.open(there), f"{there}/fallback", {"to_aws_text": "Nonsense("})
    assert page.status == 422
    assert page.find("//input[@name='to_aws_text']/@value") == ["Nonsense("], "what was entered is still there"


# What is fixed


@pytest.mark.requirement("MAP-63")
def test_the_partners_identifier_is_shown_as_fixed_and_cannot_be_mapped(desk: Desk, own: Browser) -> None:
    row = own.open("/opportunity").row("partnerCrmUniqueIdentifier")
    assert "Id" in row.text_content()
    assert "Fixed" in row.text_content()
    assert not row.xpath(".//a | .//form")
    page = own.open("/opportunity/field/partnerCrmUniqueIdentifier")
    assert "never changes" in page.text
    token = page.find("//input[@name='csrf']/@value")[0]
    seen = own.open("/opportunity/field/nextStep").find("//input[@name='seen']/@value")[0]
    refused = own.post("/opportunity/field/partnerCrmUniqueIdentifier",
                       {"csrf": token, "seen": seen, "path": "Headline__c"})  # fmt: skip
    assert refused.status == 422
    assert "the record's own 18-character Salesforce id" in refused.told
    assert drafted(desk) == {}
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    for number in (72, 73):
        record = desk.deal(number)
        payload = json.loads(own.open(f"/preview?record={record}").find("//pre")[0].text_content())
        assert payload["PartnerOpportunityIdentifier"] == record


@pytest.mark.requirement("MAP-25")
def test_sync_with_aws_is_fixed_on_standard_objects_and_a_checkbox_on_own_ones(desk: Desk, admin: Browser) -> None:
    for kind, name in (("opportunity", "Opportunity"), ("lead", "Lead")):
        desk.do("mapping", "object", name, "--type", kind)
        page = admin.open(f"/{kind}/own")
        assert "fixed and cannot be edited" in page.text
        assert not page.find("//main//select | //main//button")
        refused = admin.send(page, f"/{kind}/own", {"field": "IsPrivate"})
        assert (refused.status, "fixed" in refused.told) == (422, True)
    desk.do("mapping", "object", DEAL, "--yes")
    page = admin.open("/opportunity/own")
    assert page.find("//select[@id='own-sync_with_aws']/option[@value!='']/@value") == ["Send_to_AWS__c"]
    refused = admin.send(page, "/opportunity/own", {"name": "sync_with_aws", "field": "Headline__c"})
    assert refused.status == 422
    assert "Checkbox" in refused.told
    admin.send(page, "/opportunity/own", {"name": "sync_with_aws", "field": "Send_to_AWS__c"})
    document = desk.do("mapping", "show", "--draft", "--json").json
    assert document["own_fields"]["sync_with_aws"] == "Send_to_AWS__c"


@pytest.mark.requirement("MAP-27")
def test_without_a_valid_field_the_menu_is_disabled_and_says_so(desk: Desk) -> None:
    def identifier() -> Any:
        with serve_pages() as served:
            browser = served.entered()
            found = browser.open("/opportunity/field/apnCrmUniqueIdentifier")
            browser.close()
        assert found.path == "/opportunity/own"
        return found.find("//select[@id='own-apn_id']")[0]

    desk.do("mapping", "object", OFFICE)
    text = {"label": "Key", "type": "Text", "length": 17, "externalId": True, "unique": True, "caseSensitive": False}
    control(desk, "/salesforce/field", object=OFFICE, metadata={**text, "fullName": "Short_Key__c"})
    plain = {**text, "length": 18, "externalId": False, "unique": False}
    control(desk, "/salesforce/field", object=OFFICE, metadata={**plain, "fullName": "Plain_Key__c"})
    menu = identifier()
    assert menu.get("disabled") is not None
    assert [one.text_content() for one in menu] == ["No valid field to map"]
    control(desk, "/salesforce/field", object=OFFICE, metadata={**text, "length": 18, "fullName": "Right_Key__c"})
    menu = identifier()
    assert menu.get("disabled") is None
    assert menu.xpath("option[@value!='']/@value") == ["Right_Key__c"]


@pytest.mark.requirement("MAP-36")
def test_awss_own_fields_are_inbound_only_and_never_in_a_payload(desk: Desk, admin: Browser) -> None:
    admin.send(admin.open("/opportunity"), "/opportunity/automap")
    desk.do("mapping", "publish")
    assert "Inbound only" in admin.open("/opportunity?search=aWSStage").row("aWSStage").text_content()
    record = desk.deal(71)
    shown = admin.open(f"/preview?record={record}")
    assert shown.find("//pre[@class='payload']"), shown.told
    payload = shown.texts("//pre[@class='payload']")[0]
    assert '"Stage"' in payload
    assert "AwsStage" not in payload
    assert "Insights" not in payload


# Many at once


@pytest.mark.requirement("MAP-28")
def test_auto_map_is_offered_for_the_packaged_object_only(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "object", "Opportunity")
    page = admin.open("/opportunity")
    assert not page.find("//form[@action='/opportunity/automap']")
    token = page.find("//input[@name='csrf']/@value")[0]
    seen = admin.open("/opportunity/reset").find("//main//input[@name='seen']/@value")[0]
    refused = admin.post("/opportunity/automap", {"csrf": token, "seen": seen})
    assert refused.status == 422
    assert "Opportunity cannot be mapped automatically" in refused.told
    desk.do("mapping", "object", "ACE_Opportunity__c", "--yes")
    page = admin.open("/opportunity")
    assert page.texts("//form[@action='/opportunity/automap']/button") == ["Auto Map ACE Object"]
    admin.send(page, "/opportunity/automap")
    assert listed(admin, "view=unmapped&need=required") == []
    assert "Stops publishing" not in admin.open("/opportunity/check").text


def test_proposals_map_what_is_ticked_and_nothing_else(desk: Desk, own: Browser) -> None:
    page = own.open("/opportunity/proposals")
    names = [str(one) for one in page.find("//input[@name='accept']/@value")]
    assert names
    assert page.texts("//td[@data-label='Reason']")[0]
    page = own.send(page, "/opportunity/proposals")
    assert "No proposal was ticked" in page.told
    own.send(page, "/opportunity/proposals", {"accept": names[:1]})
    assert list(drafted(desk)) == names[:1]


@pytest.mark.requirement("MAP-35")
def test_reset_asks_and_clears_nothing_unconfirmed(desk: Desk, admin: Browser) -> None:
    desk.do("mapping", "automap")
    mapped = len(drafted(desk))
    page = admin.open(admin.open("/opportunity").find("//a[normalize-space()='Reset']/@href")[0])
    assert f"All {mapped} mapped fields" in page.text
    assert len(drafted(desk)) == mapped
    assert admin.send(page, "/opportunity/reset").status == 422
    assert len(drafted(desk)) == mapped
    page = admin.send(page, "/opportunity/reset", button=("confirmed", "yes"))
    assert f"{mapped} fields were cleared" in page.told
    assert drafted(desk) == {}

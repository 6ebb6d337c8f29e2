"""The data model as an admin meets it: which fields can be mapped, with which values, and what they carry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from admin_desk import DEALS, Desk
from data_model import (
    CAMPAIGNS,
    CHANNELS,
    CURRENCIES,
    LEAD_FIELDS,
    LOST_REASONS,
    MARKETING_USE_CASES,
    OPPORTUNITY_FIELDS,
    PROCUREMENT,
)
from salesforce_sandbox import Client
from web_browser import serve_pages

SCHEDULE, COMPANY = "ACE_Schedule__c", "Customer_Company_Name__c"
LEAD = ("--type", "lead")
LATER = {
    # What versions 12 and 14 of the data model brought, with the type of a field that holds it.
    "awsProducts": "textarea", "otherSolutionOffered": "string", "parentOppId": "string", "solutionOffered": "textarea",
    "primaryContactTitle": "string", "recommendedNextBestActions": "textarea", "offers": "textarea",
    "backwardsCompatibilityChanges": "textarea", "customerDuns": "string", "opportunityType": "picklist",
    "salesActivities": "multipicklist", "engagementScore": "picklist", "rejectionReason": "picklist",
    "cosellConvertReason": "picklist", "procurementType": "picklist", "customerSoftwareValue": "currency",
    "contractStartDate": "date", "contractEndDate": "date", "customerSoftwareValueCurrency": "picklist",
    "IsOppFromMarketingActivity": "picklist", "marketingActivityChannel": "multipicklist",
    "marketingActivityUsecase": "multipicklist", "awsSFCampaignName": "string",
}  # fmt: skip
DROPPED = ("subUseCase", "isThisForMarketplace", "rfxSolicitationNumber", "publicReferenceTitle")


@pytest.fixture
def packaged(desk: Desk) -> Iterator[Desk]:
    """The packaged opportunity, mapped and published."""
    desk.do("mapping", "automap")
    desk.do("mapping", "publish")
    yield desk


def shown(desk: Desk, *options: str) -> dict[str, dict[str, Any]]:
    """Return the mapping's draft, every AWS field of it by name."""
    document = desk.do("mapping", "show", "--draft", "--json", *options).json
    return {one["ace_field"]: one for one in document["shown"]}


def values(desk: Desk, ace_field: str, *options: str) -> set[str]:
    """Return AWS's values of a mapped picklist."""
    rows = desk.do("mapping", "values", ace_field, "--json", *options).json["values"]
    return {row["aws_value"] for row in rows if row["aws_value"]}


def payload(desk: Desk, record: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.do("preview", record, "--json").json["payload"]
    return found


def control(desk: Desk, path: str, **members: Any) -> None:
    answer = requests.post(desk.info["control"]["endpoint_url"] + path, json=members, timeout=60)
    assert answer.status_code == 200, answer.text


def row(desk: Desk, record: str, *fields: str) -> list[Any]:
    [found] = desk.admin.rows(f"SELECT {', '.join(fields)} FROM {DEALS} WHERE Id = '{record}'")
    return [found[name] for name in fields]


# Which fields there are


@pytest.mark.requirement("MAP-20")
def test_no_field_of_the_definitions_is_missing_and_the_aws_account_goes_out(packaged: Desk) -> None:
    assert set(OPPORTUNITY_FIELDS.split()) <= set(shown(packaged))
    assert "awsFieldEngagement" in shown(packaged)
    packaged.do("mapping", "unset", "awsAccountId")
    packaged.do("mapping", "publish")
    record = packaged.deal(1, AWS_Account_Id__c="123456789012")
    assert "AwsAccountId" not in payload(packaged, record)["Customer"]["Account"]
    packaged.do("mapping", "set", "awsAccountId", "AWS_Account_Id__c")
    packaged.do("mapping", "publish")
    assert payload(packaged, record)["Customer"]["Account"]["AwsAccountId"] == "123456789012"


def test_no_field_of_leads_is_missing_under_its_present_name(desk: Desk) -> None:
    """MAP-58, MAP-21: as far as a mapping goes; leads travel in files."""
    desk.do("mapping", "automap", *LEAD)
    found = shown(desk, *LEAD)
    assert set(LEAD_FIELDS.split()) == set(found)
    assert "Other" not in values(desk, "industry", "--draft", *LEAD)
    for steps in (("unset", "campaignMemberStatus"), ("set", "campaignMemberStatus", "Campaign_Member_Status__c")):
        desk.do("mapping", *steps, *LEAD)
        assert "campaignMemberStatus" not in desk.do("mapping", "check", *LEAD).out
        desk.do("mapping", "publish", *LEAD)


@pytest.mark.parametrize("name", ["partnerDeveloperManagerPhone", "isThisForResell", "isManagedServicesIncluded"])
@pytest.mark.requirement("MAP-57")
def test_what_aws_removed_is_not_offered(packaged: Desk, name: str) -> None:
    assert name not in shown(packaged)
    assert "AWS has no opportunity field of that name" in packaged.do("mapping", "set", name, "Name", code=2).err


@pytest.mark.requirement("MAP-57")
def test_the_use_case_and_the_reason_that_were_added_are_offered(packaged: Desk) -> None:
    assert "Training" in values(packaged, "useCase")
    assert "Financial/Commercial" in values(packaged, "closedLostReason")


@pytest.mark.requirement("MAP-54")
def test_the_fields_of_version_12_are_mapped_and_their_lists_are_the_standard_ones(packaged: Desk) -> None:
    mapped = shown(packaged, "--mapped")
    names = LATER.keys() - {"backwardsCompatibilityChanges"}
    assert names <= mapped.keys()
    assert values(packaged, "customerSoftwareValueCurrency") == set(CURRENCIES.split())
    assert values(packaged, "procurementType") == set(PROCUREMENT.split("; "))
    assert values(packaged, "marketingActivityChannel") == set(CHANNELS.split("; "))
    assert values(packaged, "marketingActivityUsecase") == set(MARKETING_USE_CASES.split("; "))
    record = packaged.deal(2, Customer_Software_Value__c=1200.5, Customer_Software_Value_Currency__c="SEK",
                           Procurement_Type__c="Subscription", Contract_Start_Date__c="2027-02-01",
                           Contract_End_Date__c="2028-01-31")  # fmt: skip
    revenue = payload(packaged, record)["SoftwareRevenue"]
    assert revenue["Value"] == {"Amount": "1200.50", "CurrencyCode": "SEK"} or revenue["Value"]["CurrencyCode"] == "SEK"
    assert (revenue["EffectiveDate"], revenue["ExpirationDate"]) == ("2027-02-01", "2028-01-31")
    assert revenue["DeliveryModel"] == "Subscription"


@pytest.mark.parametrize("ace_field", sorted(LATER))
def test_fields_of_later_versions_can_be_mapped_to_fields_of_their_type(packaged: Desk, ace_field: str) -> None:
    """MAP-50, MAP-54: the way back of some is in files."""
    offered = {one["path"]: one["type"] for one in packaged.do("mapping", "fields", ace_field, "--json").json["fields"]}
    path = shown(packaged)[ace_field]["path"]
    assert offered[path] == LATER[ace_field]


# Which values there are


def plain(texts: str) -> set[str]:
    """Return the values in the Selling API's spelling, which has hyphens where AWS's list has dashes."""
    return set(texts.replace("–", "-").split("; "))


@pytest.mark.requirement("MAP-59")
def test_the_reasons_of_lost_opportunities_are_the_standard_ones(packaged: Desk) -> None:
    assert values(packaged, "closedLostReason") == plain(LOST_REASONS)


@pytest.mark.requirement("MAP-55")
def test_the_programs_are_the_standard_ones(packaged: Desk) -> None:
    """The Selling API has lost a letter of one name; the list's spelling is understood."""
    listed, odd = plain(CAMPAIGNS), "ISV Immersion Day SFID Program"
    assert values(packaged, "campaignName") == listed - {odd} | {"IS Immersion Day SFID Program"}
    gone = ("APN Marketing Central", "AWS Field Event", "Integrated Partner Campaign", "Partner-Led event(s)",
            "Partner prospecting", "WWPS marketing", "Windows RMP", "VMware Cloud")  # fmt: skip
    assert not set(gone) & listed


# What they carry


@pytest.mark.requirement("MAP-22")
def test_the_reviewers_comments_reach_the_field_that_an_admin_mapped(packaged: Desk) -> None:
    packaged.do("mapping", "set", "apnReviewerComments", "Additional_Comments__c", "--inbound", code=2)
    packaged.do("mapping", "unset", "apnReviewerComments")
    packaged.do("mapping", "set", "apnReviewerComments", "Reviewer_Comments__c")
    packaged.do("mapping", "publish")
    record, identifier = packaged.shared(3)
    words = "Please describe what the customer wants to achieve."
    control(packaged, "/aws/review", opportunity=identifier, status="Action Required", comments=words)
    packaged.do("sync", "inbound")
    assert row(packaged, record, "Reviewer_Comments__c", "Review_Status__c") == [words, "Action Required"]


@pytest.mark.requirement("MAP-32")
def test_sales_rep_and_account_manager_are_shown_with_both_names(packaged: Desk) -> None:
    record, identifier = packaged.shared(4)
    control(packaged, "/aws/review", opportunity=identifier, status="Approved")
    team = [
        {"BusinessTitle": title, "FirstName": first, "LastName": last, "Email": f"{last.lower()}@aws.example.com"}
        for title, first, last in (("AWSSalesRep", "Jordan", "Reyes"), ("AWSAccountOwner", "Priya", "Nair"))
    ]
    control(packaged, "/aws/edit", opportunity=identifier, fields={"Summary": {"OpportunityTeam": team}})
    packaged.do("sync", "inbound", "--record", record)
    assert row(packaged, record, "AWS_Sales_Rep__c", "AWS_Account_Manager__c") == ["Jordan Reyes", "Priya Nair"]


def test_opportunity_type_goes_out_with_the_share(packaged: Desk) -> None:
    """MAP-33: the share's half."""
    record = packaged.deal(5, Opportunity_Type__c="Expansion")
    assert payload(packaged, record)["OpportunityType"] == "Expansion"


@pytest.mark.parametrize("name", DROPPED)
def test_what_version_2_dropped_is_not_sent_whatever_the_mapping_says(packaged: Desk, name: str) -> None:
    """MAP-51: the half of version 2."""
    path = shown(packaged)[name]["path"] or "Additional_Comments__c"
    packaged.do("mapping", "unset", "additionalComments")
    packaged.do("mapping", "set", name, path)
    assert "dropped this field after version 1.0" in packaged.do("mapping", "check").out
    packaged.do("mapping", "publish")
    record = packaged.deal(6)
    [passage] = [one for one in packaged.do("preview", record, "--json").json["fields"] if one["ace_field"] == name]
    assert passage["json_path"] == ""
    assert name.lower() not in str(payload(packaged, record)).lower()


# What must be mapped


@pytest.fixture
def schedule(desk: Desk) -> Iterator[str]:
    """The name of a schedule that nobody activated."""
    org = desk.info["salesforce"]
    client = Client(org["instance_url"], org["users"]["integration"]["access_token"])
    made = client.post(f"sobjects/{SCHEDULE}", {"Object__c": "Opportunity", "Interval_Minutes__c": 60})
    assert made.status_code == 201, made.text
    [found] = client.rows(f"SELECT Name FROM {SCHEDULE} WHERE Id = '{made.json()['id']}'")
    yield found["Name"]
    client.send("DELETE", f"sobjects/{SCHEDULE}/{made.json()['id']}")
    client.session.close()


@pytest.mark.requirement("MAP-24")
@pytest.mark.parametrize("job", [("schedule", "activate"), ("sync", "outbound"), ("sync", "inbound")])
def test_without_a_required_field_nothing_is_scheduled_or_run_and_the_field_is_named(
    desk: Desk, schedule: str, job: tuple[str, str]
) -> None:
    desk.do("mapping", "automap")
    desk.do("mapping", "unset", "customerCompanyName")
    assert "customerCompanyName" in desk.do("mapping", "publish", code=2).err
    command = (*job, schedule) if job[0] == "schedule" else job
    refused = desk.do(*command, code=2)
    assert "Map these fields, which AWS requires: customerCompanyName." in refused.err
    desk.do("mapping", "set", "customerCompanyName", COMPANY)
    desk.do("mapping", "publish")
    ran = desk.run(*command)
    assert "Map these fields" not in ran.err
    if job[0] == "schedule":
        assert ran.code == 0, ran.err
        desk.do("schedule", "deactivate", schedule)


@pytest.mark.requirement("MAP-34")
def test_a_required_field_that_we_may_not_read_is_named_with_the_permission(packaged: Desk) -> None:
    org, user = packaged.sandbox.org, packaged.info["salesforce"]["users"]["integration"]["id"]
    org.hide(DEALS, COMPANY, user)
    try:
        told = packaged.do("mapping", "check", code=1).out
        refused = packaged.do("mapping", "set", "customerCompanyName", COMPANY, code=2).err
        with serve_pages() as served:
            browser = served.entered()
            page = browser.open("/opportunity/check").text
            browser.close()
    finally:
        org.show(DEALS, COMPANY, user)
    for text in (told, refused, page):
        assert f"permission set read access to {DEALS}.{COMPANY}" in text
        assert "setFieldLengthWarning" not in text
    for text in (told, page):
        assert "AWS requires Customer Company Name" in text


@pytest.mark.requirement("MAP-37")
def test_optional_fields_that_are_not_mapped_or_empty_are_never_asked_for(packaged: Desk) -> None:
    optional = [name for name, one in shown(packaged).items() if one["mapped"] and not one["required"]]
    mapped = [name for name in optional if name not in {"partnerCrmUniqueIdentifier", "apnCrmUniqueIdentifier"}]
    assert len(mapped) > 60
    empty = {"Additional_Comments__c": None, "Next_Step__c": None, "Customer_Title__c": None, "City__c": None}
    record, identifier = packaged.shared(7, **empty)
    assert identifier
    assert packaged.do("preview", record, "--json").json["problems"] == []
    for name in mapped:
        packaged.do("mapping", "unset", name)
    packaged.do("mapping", "publish")
    assert not [one for one in packaged.do("mapping", "check", "--json").json if one["blocking"]]
    record, identifier = packaged.shared(8)
    assert identifier
    found = packaged.do("preview", record, "--json").json
    assert [one["problems"] for one in found["fields"] if one["problems"]] == []
    assert found["problems"] == []

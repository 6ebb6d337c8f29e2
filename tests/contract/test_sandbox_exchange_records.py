"""The embedded ACE bucket judges each opportunity as AWS's field definitions say, and shares Partner Central's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_exchange import NEW_OPPORTUNITY, World, new

from connector.sandbox.exchange import exchange
from connector.sandbox.exchange.definitions import OPPORTUNITY_FIELDS

Json = dict[str, Any]
OUTBOUND_SAMPLE_KEYS = {
    "wWPSPDMEmail", "wWPSPDM", "useCase", "targetCloseDate", "streetAddress", "status", "state", "stage",
    "projectDescription", "primaryContactPhone", "primaryContactLastName", "primaryContactFirstName",
    "primaryContactEmail", "postalCode", "partnerProjectTitle", "partnerPrimaryNeedFromAws",
    "partnerDeveloperManagerPhone", "partnerDeveloperManagerEmail", "partnerDeveloperManager",
    "partnerCrmUniqueIdentifier", "partnerAcceptanceStatus", "opportunityOwnership", "opportunityOwnerName",
    "opportunityOwnerEmail", "nextStepHistory", "nextStep", "lastModifiedDate", "lastModifiedBy",
    "isMarketingDevelopmentFunded", "industryOther", "industry", "expectedMonthlyAwsRevenue", "deliveryModel",
    "customerWebsite", "customerTitle", "customerPhone", "customerLastName", "customerFirstName", "customerEmail",
    "customerCompanyName", "createdDate", "createdBy", "country", "competitiveTrackingOther", "competitiveTracking",
    "closedLostReason", "city", "campaignName", "aWSStage", "aWSSalesRepName", "aWSSalesRepEmail",
    "aWSPartnerSuccessManagerName", "aWSPartnerSuccessManagerEmail", "aWSISVSuccessManagerName",
    "aWSISVSuccessManagerEmail", "aWSClosedLostReason", "aWSCloseDate", "aWSAccountOwnerName", "aWSAccountOwnerEmail",
    "awsAccountId", "apnCrmUniqueIdentifier", "additionalComments", "procurementType", "customerSoftwareValue",
    "contractStartDate", "contractEndDate", "customerSoftwareValueCurrency", "IsOppFromMarketingActivity",
    "marketingActivityChannel", "marketingActivityUsecase", "awsSFCampaignName", "apnReviewerComments", "acceptBy",
    "opportunityType", "doesOppBelongToNatSec", "customerDuns", "salesActivities", "parentOppId",
    "cosellConvertReason", "engagementScore", "recommendedNextBestActions", "awsProducts", "solutionOffered",
    "otherSolutionOffered", "offers",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(running: World) -> World:
    running.reset()
    return running


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"customerCompanyName": None}, "customerCompanyName: Required field is missing"),
        ({"customerWebsite": ""}, "customerWebsite: Required"),
        ({"projectDescription": "Too short"}, "projectDescription: Must be minimum 20 characters"),
        ({"partnerProjectTitle": "x" * 256}, "partnerProjectTitle: Data value too large: 256 characters"),
        ({"industry": "Government and Education"}, "industry: Invalid value 'Government and Education'"),
        ({"industry": "Computers and Electronics"}, "industry: Invalid value"),
        ({"industry": "Other"}, "industryOther: Required field is missing when industry is Other"),
        ({"deliveryModel": "SaaS or PaaS;Magic"}, "deliveryModel: Invalid value 'Magic'"),
        ({"deliveryModel": ["SaaS or PaaS"]}, "deliveryModel: Invalid data type"),
        ({"useCase": "Anything"}, "useCase: Invalid value"),
        ({"country": "US"}, "country: Invalid value 'US'"),
        ({"state": None}, "state: Required field is missing when country is United States"),
        ({"state": "Bavaria"}, "state: Invalid value"),
        ({"country": "Germany"}, "state: Invalid value; a state is accepted only when country is United States"),
        ({"country": "Germany", "state": None, "postalCode": None}, "postalCode: Required"),
        ({"country": "Botswana", "state": None}, "postalCode: Botswana has no postal codes"),
        ({"doesOppBelongToNatSec": "Yes", "industry": "Aerospace"}, "doesOppBelongToNatSec: Takes the value Yes only"),
        ({"targetCloseDate": "2020-01-01"}, "targetCloseDate: Date cannot be in the past"),
        ({"targetCloseDate": "24.09.2060"}, "targetCloseDate: Invalid data type"),
        ({"targetCloseDate": "2060-02-30"}, "targetCloseDate: Invalid data type"),
        ({"expectedMonthlyAwsRevenue": 1041.67}, "expectedMonthlyAwsRevenue: Invalid data type: 1041.67"),
        ({"expectedMonthlyAwsRevenue": "123"}, "expectedMonthlyAwsRevenue: Invalid data type"),
        ({"expectedMonthlyAwsRevenue": 0}, "expectedMonthlyAwsRevenue: Must be greater than 0"),
        ({"partnerPrimaryNeedFromAws": "Co-Sell - Deal Support;Do Not Need Support from AWS Sales Rep"}, "along with"),
        ({"isMarketingDevelopmentFunded": None}, "isMarketingDevelopmentFunded: Required"),
        ({"IsOppFromMarketingActivity": "No"}, "marketingActivityChannel: Must be null"),
        ({"isOppFromMarketingActivity": "No"}, "isOppFromMarketingActivity: Field is not defined"),
        ({"isThisForMarketplace": "Yes"}, "isThisForMarketplace: Field is not defined for this version"),
        ({"solutionOffered": ["S-0000000"]}, "solutionOffered: Solution S-0000000 is none"),
        ({"solutionOffered": "S-1234567"}, "solutionOffered: Invalid data type"),
        ({"solutionOffered": ["Other"]}, "otherSolutionOffered: Required"),
        ({"competitiveTracking": "*Other"}, "competitiveTrackingOther: Required"),
        ({"opportunityType": "Flat Renewal"}, "parentOppId: Required"),
        ({"parentOppId": "O9999999"}, "parentOppId: Resource with Identifier O9999999 does not exist"),
        ({"customerDuns": "12345678"}, "customerDuns: A DUNS number has nine digits"),
        ({"awsAccountId": "123"}, "awsAccountId: An AWS account id has twelve digits"),
        ({"customerEmail": "nobody"}, "customerEmail: Invalid data type"),
        ({"stage": "Qualified"}, "stage: Field is not accepted while an opportunity is created"),
        ({"closedLostReason": "Price"}, "closedLostReason: Field is not accepted"),
        ({"status": "Approved"}, "status: Field is not accepted"),
        ({"opportunityOwnerEmail": "xyz.abc@test.com"}, "User not found for Opportunity Owner email:xyz.abc@test.com"),
        ({"apnCrmUniqueIdentifier": "O7777777"}, "apnCrmUniqueIdentifier: Opportunity O7777777 was not found"),
        ({"partnerCrmUniqueIdentifier": 17}, "partnerCrmUniqueIdentifier: Invalid data type"),
    ],
)  # fmt: skip
def test_a_broken_rule_refuses_the_record_and_names_the_field(world: World, fields: Json, text: str) -> None:
    assert text in world.errors(new(**fields))
    assert world.exported() == {}


def test_all_broken_rules_of_a_record_are_told_at_once(world: World) -> None:
    text = world.errors(new(customerCompanyName=None, deliveryModel=None, targetCloseDate="2020-01-01"))
    assert len(text.splitlines()) == 3


def test_the_older_version_takes_the_older_values_and_shapes(world: World) -> None:
    older = new(useCase="Analytics", solutionOffered="S-1234567", country="Germany", state="Bavaria")
    older = {name: value for name, value in older.items() if name not in ("awsProducts", "parentOppId")}
    assert world.send(older, version="1.0")["success"] == "ALL"
    world.order("/exchange/settings", opportunity_version="1.0")
    (record,) = world.exported().values()
    assert (record["solutionOffered"], record["campaignName"]) == ("S-1234567", "WWPS NDPP")
    assert "parentOppId" not in record


def test_a_known_partner_identifier_changes_the_record_instead_of_making_another(world: World) -> None:
    first = world.send(new())["inboundApiResults"][0]["apnCrmUniqueIdentifier"]
    assert "status: Opportunity is not editable while its status is Submitted" in world.errors(new(nextStep="Call"))
    world.approve(first)
    (entry,) = world.send(new(nextStep="Call"))["inboundApiResults"]
    assert (entry["isSuccess"], entry["apnCrmUniqueIdentifier"]) == (True, first)
    assert list(world.exported()) == [first]


def test_an_update_needs_both_identifiers_and_they_must_belong_together(world: World) -> None:
    one, other = world.approve(world.share()), world.approve(world.share())
    text = world.errors({"apnCrmUniqueIdentifier": one, "nextStep": "Call"})
    assert text == "partnerCrmUniqueIdentifier: Required field is missing for updates."
    mixed = {**world.update(one), "partnerCrmUniqueIdentifier": world.update(other)["partnerCrmUniqueIdentifier"]}
    assert f"belongs to opportunity {other}" in world.errors(mixed)


@pytest.mark.parametrize("status", ["In review", "Rejected"])
def test_a_record_under_review_or_rejected_is_not_editable(world: World, status: str) -> None:
    identifier = world.share()
    world.order("/aws/review", opportunity=identifier, status=status)
    assert f"not editable while its status is {status}" in world.errors(world.update(identifier, nextStep="Call"))


def test_where_aws_requires_action_its_fields_are_editable_and_the_review_begins_anew(world: World) -> None:
    identifier = world.share()
    world.order("/aws/review", opportunity=identifier, status="Action Required", comments="Say more")
    assert world.exported()[identifier]["apnReviewerComments"] == "Say more"
    assert "nextStep: Field cannot be changed" in world.errors(world.update(identifier, nextStep="Call"))
    better = "Forecasts are made by hand in five places and contradict each other."
    assert world.send(world.update(identifier, projectDescription=better))["success"] == "ALL"
    record = world.exported()[identifier]
    assert (record["status"], record["projectDescription"]) == ("Submitted", better)


def test_after_approval_and_launch_the_definitions_say_what_is_editable(world: World) -> None:
    identifier = world.approve(world.share())
    assert "country: Field cannot be changed in status Approved" in world.errors(
        world.update(identifier, country="Germany", state=None)
    )
    assert world.send(world.update(identifier, stage="Launched"))["success"] == "ALL"
    assert "nextStep: Field cannot be changed" in world.errors(world.update(identifier, nextStep="Call"))
    assert world.send(world.update(identifier, additionalComments="Live"))["success"] == "ALL"
    world.account.partner_path = "Consulting"
    assert "additionalComments" in world.errors(world.update(identifier, additionalComments="Gone"))


def test_closing_asks_for_what_the_definitions_ask_for(world: World) -> None:
    identifier = world.approve(world.share())
    assert "closedLostReason: Required" in world.errors(world.update(identifier, stage="Closed Lost"))
    dash = "Lost to Competitor \N{EN DASH} Google"
    hyphen = dash.replace("\N{EN DASH}", "-")
    lost = world.update(identifier, stage="Closed Lost", closedLostReason=hyphen)
    assert "closedLostReason: Invalid value" in world.errors(lost)
    world.account.partner_path, world.account.revenue_program = "Consulting", True
    text = world.errors(world.update(identifier, stage="Launched"))
    assert "awsAccountId: Required" in text
    assert "contractEndDate: Required" in text
    assert world.send({**lost, "closedLostReason": dash})["success"] == "ALL"


def test_needs_do_not_go_back_from_co_sell_to_none(world: World) -> None:
    identifier = world.approve(world.share())
    back = world.update(identifier, partnerPrimaryNeedFromAws="Do Not Need Support from AWS Sales Rep")
    assert "Cannot move from a co-sell value" in world.errors(back)


def test_what_is_left_out_stays_and_null_takes_a_value_away(world: World) -> None:
    identifier = world.approve(world.share(nextStep="Workshop"))
    assert world.send(world.update(identifier, additionalComments=None))["success"] == "ALL"
    record = world.exported()[identifier]
    assert (record["additionalComments"], record["nextStep"]) == (None, "Workshop")


ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(OPPORTUNITY_FIELDS)), ANY_VALUE, min_size=1, max_size=4))
def test_whatever_a_record_holds_it_is_answered_and_what_was_taken_can_be_exported(world: World, fields: Json) -> None:
    (entry,) = world.send(new(**fields))["inboundApiResults"]
    assert entry["isSuccess"] is not bool(entry["errors"])
    world.order("/exchange/export")


@pytest.mark.parametrize("text", ['{"version": "2.0", "opportunities": ' + "[" * 100_000, '{"version": "\\ud800"}'])
def test_a_hostile_file_is_answered_too(world: World, text: str) -> None:
    assert world.send_bytes(text.encode(), world.name())["isApiError"] is True


# -- one account with Partner Central's API


def test_an_opportunity_of_a_file_is_one_of_the_api_and_the_other_way_round(world: World) -> None:
    identifier = world.approve(world.share())
    deal = world.api.get_opportunity(Catalog="AWS", Identifier=identifier)
    assert deal["Customer"]["Account"]["Industry"] == "Government"
    assert deal["Customer"]["Contacts"][0]["Phone"] == "+1234567890"
    assert deal["Project"]["ExpectedCustomerSpend"][0]["Amount"] == "123.00"
    assert deal["Project"]["ApnPrograms"] == ["WWPS NDPP", "P3"]
    assert deal["RelatedEntityIdentifiers"]["Solutions"] == ["S-1234567"]
    world.order(
        "/aws/edit",
        opportunity=identifier,
        fields={
            "LifeCycle.NextSteps": "Call",
            "Project.AdditionalComments": "Seen",
            "Summary.LifeCycle": {"Stage": "Qualified"},
        },
    )
    record = world.exported()[identifier]
    assert (record["nextStep"], record["aWSStage"], record["customerPhone"]) == ("Call", "Qualified", "1234567890")
    assert (record["aWSSalesRepName"], record["additionalComments"]) == ("Jordan Reyes", "Seen")
    complete = {"LifeCycle.ReviewStatus": "Approved", "RelatedEntityIdentifiers.Solutions": ["S-1234567"]}
    foreign = world.order("/aws/create", fields=complete)["opportunity"]
    assert world.exported()[foreign]["partnerCrmUniqueIdentifier"] is None
    assert world.send(world.update(foreign, nextStep="Meet"))["success"] == "ALL"
    assert world.api.get_opportunity(Catalog="AWS", Identifier=foreign)["LifeCycle"]["NextSteps"] == "Meet"


def test_the_files_opportunities_are_those_of_the_catalog_that_is_set(world: World) -> None:
    world.order("/exchange/settings", catalog="Sandbox")
    identifier = world.share()
    assert world.api.get_opportunity(Catalog="Sandbox", Identifier=identifier)["Id"] == identifier
    assert "catalog is 'Beta'" in world.refused("/exchange/settings", catalog="Beta")


def test_an_export_has_the_sample_s_keys_and_gives_every_value_back(world: World) -> None:
    identifier = world.share()
    record = world.exported()[identifier]
    assert set(record) >= OUTBOUND_SAMPLE_KEYS
    assert set(record) <= set(OPPORTUNITY_FIELDS)
    sent = {name: value for name, value in NEW_OPPORTUNITY.items() if value not in (None, "Yes")}
    ours = ("partnerCrmUniqueIdentifier",)
    assert {name: record[name] for name in sent if name not in ours} == {
        name: value for name, value in sent.items() if name not in ours
    }


def test_only_what_is_new_or_changed_is_exported_unless_everything_is_asked_for(world: World) -> None:
    one, other = world.approve(world.share()), world.share()
    assert set(world.exported()) == {one, other}
    assert world.order("/exchange/export") == {"files": []}
    world.send(world.update(one, nextStep="Call"))
    assert set(world.exported()) == {one}
    (key,) = world.order("/exchange/export", everything=True)["files"]
    assert len(world.get(key)["opportunities"]) == 2
    assert len(world.keys("opportunity-outbound-archive")) == 3


def test_no_exported_file_is_larger_than_aws_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_BYTES_OUT", 10_000)
    shared = {world.share() for _ in range(4)}
    files = world.order("/exchange/export")["files"]
    assert len(files) == 2
    assert {one["apnCrmUniqueIdentifier"] for key in files for one in world.get(key)["opportunities"]} == shared


# -- AWS's referrals


def test_version_1_takes_no_next_step_while_a_record_is_created(world: World) -> None:
    """AWS's definitions: from payload version 2.0 on, this field takes values during creation as well."""
    older = {name: value for name, value in new().items() if name not in ("awsProducts", "parentOppId")}
    older = {**older, "opportunityType": None}
    text = world.errors({**older, "nextStep": "Call"}, version="1.0")
    assert text == "nextStep: Field is not accepted while an opportunity is created."
    assert world.send({**older, "nextStep": None}, version="1.0")["success"] == "ALL"


def test_an_offer_is_named_as_the_marketplace_names_it(world: World) -> None:
    identifier = world.share()
    world.approve(identifier)
    assert "offers: Invalid value X-1" in world.errors(world.update(identifier, offers=["X-1"]))
    assert world.send(world.update(identifier, offers=["offer-abc123"]))["success"] == "ALL"


def test_an_export_has_nothing_of_what_aws_redacts(world: World) -> None:
    """AWS's definitions: of a national security opportunity it keeps neither customer nor place."""
    identifier = world.share(industry="Government", doesOppBelongToNatSec="Yes")
    record = world.exported()[identifier]
    assert record["doesOppBelongToNatSec"] == "Yes"
    redacted = ("customerCompanyName", "customerWebsite", "state", "postalCode")
    assert [record[name] for name in redacted] == [None] * 4
    assert record["country"] == "United States" and record["partnerProjectTitle"]


def refer(world: World) -> str:
    contact = {"FirstName": "Ines", "LastName": "Castell", "Email": "ines@harbour.example"}
    return str(world.order("/aws/refer", fields={"Customer": {"Contacts": [contact]}})["opportunity"])


def test_a_referral_is_masked_until_a_file_accepts_it(world: World) -> None:
    identifier = refer(world)
    masked = world.exported()[identifier]
    assert (masked["opportunityOwnership"], masked["partnerCrmUniqueIdentifier"]) == ("AWS Referral", None)
    assert (masked["customerEmail"], masked["country"]) == ("Accept to View", "Accept to View")
    assert masked["solutionOffered"] is None
    assert masked["customerCompanyName"]
    assert masked["acceptBy"].endswith("Z")
    accepting = world.update(identifier, partnerAcceptanceStatus="Accepted", customerEmail="Accept to View")
    assert world.send(accepting)["success"] == "ALL"
    seen = world.exported()[identifier]
    assert (seen["customerEmail"], seen["status"], seen["partnerAcceptanceStatus"]) == (
        "ines@harbour.example", "Approved", "Accepted",
    )  # fmt: skip
    assert seen["partnerCrmUniqueIdentifier"] == accepting["partnerCrmUniqueIdentifier"]
    assert world.api.get_opportunity(Catalog="AWS", Identifier=identifier)["Id"] == identifier
    assert world.send(world.update(identifier, nextStep="Call"))["success"] == "ALL"


def test_nothing_else_can_be_done_to_a_referral_before(world: World) -> None:
    identifier = refer(world)
    assert "partnerAcceptanceStatus: Required" in world.errors(world.update(identifier, nextStep="Call"))
    early = world.update(identifier, partnerAcceptanceStatus="Accepted", customerEmail=None)
    assert "customerEmail: Field is visible and editable only after acceptance" in world.errors(early)


def test_a_rejection_needs_a_reason_and_ends_the_referral(world: World) -> None:
    identifier = refer(world)
    rejecting = world.update(identifier, partnerAcceptanceStatus="Rejected")
    assert "rejectionReason: Required" in world.errors(rejecting)
    assert "rejectionReason: Invalid value" in world.errors({**rejecting, "rejectionReason": "No time"})
    assert world.send({**rejecting, "rejectionReason": "Renewal opportunity"})["success"] == "ALL"
    assert world.exported() == {}
    assert "not editable" in world.errors({**rejecting, "partnerAcceptanceStatus": "Accepted"})


def test_a_referral_can_be_accepted_until_its_time_is_over(world: World) -> None:
    identifier = refer(world)
    world.later(days=16)
    text = world.errors(world.update(identifier, partnerAcceptanceStatus="Accepted"))
    assert "had to be accepted by" in text

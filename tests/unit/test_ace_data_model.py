"""The facts of AWS's data model, version by version, are in the definition files as AWS's documents have them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from data_model import OPPORTUNITY_FIELDS

from connector.ace import rules
from connector.ace.catalogue import FieldType, Owner, lead_fields, opportunity_fields
from connector.ace.formats import check
from connector.data.values import countries, standard_values

FIELDS = opportunity_fields()
DROPPED = (
    "awsFieldEngagement contractVehicle partnerPrimaryNeedFromAwsOther isThisAPublicReference isThisForMarketplace "
    "leadSource isNetNewBusinessForCompany publicReferenceTitle publicReferenceUrl rfxSolicitationNumber subUseCase"
)


def test_every_field_of_aws_definitions_can_be_mapped() -> None:
    """MAP-20"""
    assert set(OPPORTUNITY_FIELDS.split()) <= set(FIELDS)


def test_what_version_2_dropped_is_known_as_dropped_and_has_no_way_out() -> None:
    """MAP-51"""
    dropped = {ace.name for ace in FIELDS.values() if ace.last_version}
    assert dropped == set(DROPPED.split())
    for name in dropped:
        ace = FIELDS[name]
        assert ace.last_version == "1.0" and ace.outbound
        assert not (ace.create_path or ace.update_path or ace.associate or ace.assign or ace.submit)


@pytest.mark.parametrize(
    ("names", "types"),
    [
        ("awsProducts solutionOffered offers", {FieldType.TEXT_LIST}),
        ("otherSolutionOffered parentOppId primaryContactTitle customerDuns", {FieldType.TEXT}),
        ("recommendedNextBestActions backwardsCompatibilityChanges nextStepHistory", {FieldType.LONG_TEXT}),
        ("opportunityType engagementScore rejectionReason cosellConvertReason", {FieldType.PICKLIST}),
        ("salesActivities marketingActivityChannel marketingActivityUsecase campaignName", {FieldType.MULTI_PICKLIST}),
        ("contractStartDate contractEndDate targetCloseDate aWSCloseDate", {FieldType.DATE}),
        ("acceptBy createdDate lastModifiedDate", {FieldType.DATETIME}),
        ("customerSoftwareValue expectedMonthlyAwsRevenue", {FieldType.AMOUNT}),
        ("procurementType customerSoftwareValueCurrency IsOppFromMarketingActivity", {FieldType.PICKLIST}),
    ],
)
def test_fields_of_later_versions_have_their_types(names: str, types: set[FieldType]) -> None:
    """MAP-50, MAP-53, MAP-54"""
    assert {FIELDS[name].type for name in names.split()} == types


def test_invitation_type_and_visibility_are_there() -> None:
    """MAP-33: the first comes in, the others are the partner's word."""
    assert FIELDS["engagementInvitation.arn"].owner is Owner.AWS
    assert FIELDS["opportunityType"].create_path and FIELDS["visibility"].submit
    assert all(FIELDS[name].salesforce_name for name in ("engagementInvitation.arn", "opportunityType", "visibility"))


def test_removed_fields_are_gone_and_added_values_are_there() -> None:
    """MAP-57"""
    removed = {"partnerDeveloperManagerPhone", "isThisForResell", "isManagedServicesIncluded"}
    assert not removed & FIELDS.keys()
    assert "Training" in FIELDS["useCase"].values
    assert "Financial/Commercial" in FIELDS["closedLostReason"].values


def test_programs_are_todays() -> None:
    """MAP-55: as the Selling API spells them."""
    programs = set(standard_values("apnProgram"))
    assert programs >= {"ATO (Authority to Operate)", "IS Immersion Day SFID Program", "VMware Cloud on AWS", "Windows"}
    assert not programs & {
        "APN Marketing Central", "AWS Field Event", "Integrated Partner Campaign", "Partner-Led event(s)",
        "Partner prospecting", "WWPS marketing", "Windows RMP", "VMware Cloud",
    }  # fmt: skip
    assert len(programs) == 16


def test_reasons_of_lost_opportunities_are_todays() -> None:
    """MAP-59"""
    assert set(standard_values("closedLostReason")) == {
        "Customer Deficiency", "Delay / Cancellation of Project", "Legal / Tax / Regulatory",
        "Lost to Competitor - Google", "Lost to Competitor - Microsoft", "Lost to Competitor - SoftLayer",
        "Lost to Competitor - VMWare", "Lost to Competitor - Other", "No Opportunity", "On Premises Deployment",
        "Partner Gap", "Price", "Security / Compliance", "Technical Limitations", "Customer Experience", "Other",
        "People/Relationship/Governance", "Product/Technology", "Financial/Commercial",
    }  # fmt: skip


def test_industries_and_countries_are_spelled_as_aws_spells_them() -> None:
    """MAP-56: the API's words; the bucket's are read as well."""
    assert {"Energy - Oil and Gas", "Energy - Power and Utilities"} <= set(standard_values("industry"))
    names = {name for country in countries() for name in country.s3_names}
    assert "Bonaire, Sint Eustatius and Saba" in names
    assert any("Congo" in name and "Democratic" in name for name in names)
    assert any(name.startswith("Iran") for name in names) and any(name.startswith("Saint Martin") for name in names)


def codes(name: str, value: object, fields: str = "opportunity") -> list[str]:
    known = lead_fields() if fields == "lead" else FIELDS
    return [problem.code for problem in check(known[name], value)]  # type: ignore[arg-type]


def test_a_reason_of_aws_of_256_characters_is_flagged() -> None:
    """MAP-56"""
    assert FIELDS["aWSClosedLostReason"].length == 255
    assert codes("aWSClosedLostReason", "x" * 256) == ["TOO_LONG"]


@pytest.mark.parametrize(
    ("fields", "name", "value", "expected"),
    [
        ("lead", "city", "x" * 41, ["TOO_LONG"]), ("lead", "city", "x" * 40, []),
        ("opportunity", "customerCompanyName", "x" * 121, ["TOO_LONG"]),
        ("opportunity", "expectedMonthlyAwsRevenue", Decimal("10.5"), ["INVALID_STRING_FORMAT"]),
        ("opportunity", "expectedMonthlyAwsRevenue", Decimal("10.00"), []),
        ("opportunity", "customerSoftwareValue", Decimal("10.50"), []),
        ("lead", "industry", "Other", ["INVALID_ENUM_VALUE"]),
    ],
)  # fmt: skip
def test_lengths_and_forms_are_those_of_the_definitions(
    fields: str, name: str, value: object, expected: list[str]
) -> None:
    """MAP-58"""
    assert codes(name, value, fields) == expected


def test_leads_bear_their_present_names() -> None:
    """MAP-58, MAP-21"""
    assert {
        "currentLeadStage",
        "leadSource",
        "leadAge",
        "levelofAWSUsage",
        "campaignMemberStatus",
    } <= lead_fields().keys()
    assert not lead_fields()["campaignMemberStatus"].required


@pytest.mark.parametrize("moment", list(rules.Moment))
def test_every_field_that_a_rule_can_ask_for_is_known_to_be_needed_by_some(moment: rules.Moment) -> None:
    """MAP-37: what is shown as optional is never asked for."""
    asked = set[str]()
    for stage in ("Prospect", "Launched"):
        record = {
            "country": "DE",
            "stage": stage,
            "campaignName": ("AWS Marketplace Campaign",),
            "partnerPrimaryNeedFromAws": ("Co-Sell - Deal Support",),
        }
        found = rules.problems(record, moment=moment, today=date(2026, 1, 1), has_solution=False)
        asked |= {one.field for one in found if one.code in ("REQUIRED_FIELD_MISSING", "NOT_ENOUGH_VALUES")}
    by_rule = {name for name in asked if not FIELDS[name].required}
    assert by_rule <= rules.REQUIRED_BY_RULE
    if moment is rules.Moment.SUBMIT:
        assert by_rule == rules.REQUIRED_BY_RULE

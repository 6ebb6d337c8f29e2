"""Promises of the rules: what AWS would refuse is told beforehand, all of it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ace_records import TODAY, sound_record, values, written_fields
from hypothesis import given
from hypothesis import strategies as st
from service_model import violations

from connector.ace import api_shape, lifecycle, rules
from connector.ace.catalogue import FieldType, Moment, opportunity_fields
from connector.errors import Problem

NO_SUPPORT = "Do Not Need Support from AWS Sales Rep"
ESTIMATE = f"https://calculator.aws/#/estimate?id={'a' * 32}"


def found(
    record: Any = None, moment: Moment = Moment.SUBMIT, *, has_solution: bool = True, **more: Any
) -> tuple[Problem, ...]:
    chosen = sound_record() if record is None else record
    return rules.problems(chosen, moment=moment, today=TODAY, has_solution=has_solution, **more)


def codes(problems: tuple[Problem, ...]) -> set[tuple[str, str]]:
    return {(problem.field, problem.code) for problem in problems}


@pytest.mark.parametrize("moment", list(Moment))
def test_a_sound_record_has_no_problem(moment: Moment) -> None:
    assert found(moment=moment) == ()


def test_an_empty_record_is_told_everything_at_once() -> None:
    missing = {field for field, code in codes(found({}, has_solution=False)) if code == "REQUIRED_FIELD_MISSING"}
    assert missing == {
        "customerCompanyName",
        "country",
        "industry",
        "customerWebsite",
        "partnerProjectTitle",
        "projectDescription",
        "targetCloseDate",
        "expectedMonthlyAwsRevenue",
        "useCase",
        "deliveryModel",
        "partnerPrimaryNeedFromAws",
        "solutionOffered",
    }


def test_a_draft_needs_less_than_a_submission() -> None:
    record = {
        k: v for k, v in sound_record().items() if k not in ("useCase", "deliveryModel", "partnerPrimaryNeedFromAws")
    }
    assert found(record, Moment.CREATE, has_solution=False) == ()
    assert found(record, Moment.SUBMIT) != ()


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"customerCompanyName": "x" * 121}, "customerCompanyName", "TOO_LONG"),
        ({"projectDescription": "short"}, "projectDescription", "TOO_SHORT"),
        ({"projectDescription": "   short" + " " * 30}, "projectDescription", "TOO_SHORT"),
        ({"customerDuns": "12345678"}, "customerDuns", "INVALID_STRING_FORMAT"),
        ({"awsAccountId": "ABC"}, "awsAccountId", "INVALID_STRING_FORMAT"),
        ({"customerEmail": "no address"}, "customerEmail", "INVALID_STRING_FORMAT"),
        ({"customerPhone": "555 0100"}, "customerPhone", "INVALID_STRING_FORMAT"),
        ({"parentOppId": "006000000000001"}, "parentOppId", "INVALID_STRING_FORMAT"),
        ({"industry": "Software & Internet"}, "industry", "INVALID_ENUM_VALUE"),
        ({"stage": "qualified"}, "stage", "INVALID_ENUM_VALUE"),
        ({"deliveryModel": ("SaaS or PaaS", "Cloud")}, "deliveryModel", "INVALID_ENUM_VALUE"),
        ({"deliveryModel": "SaaS or PaaS"}, "deliveryModel", "INVALID_TYPE"),
        ({"expectedMonthlyAwsRevenue": 100}, "expectedMonthlyAwsRevenue", "INVALID_TYPE"),
        ({"expectedMonthlyAwsRevenue": Decimal("1.005")}, "expectedMonthlyAwsRevenue", "INVALID_STRING_FORMAT"),
        ({"expectedMonthlyAwsRevenue": Decimal("1041.67")}, "expectedMonthlyAwsRevenue", "INVALID_STRING_FORMAT"),
        ({"customerSoftwareValue": Decimal("1.005")}, "customerSoftwareValue", "INVALID_STRING_FORMAT"),
        ({"expectedMonthlyAwsRevenue": Decimal(0)}, "expectedMonthlyAwsRevenue", "VALUE_OUT_OF_RANGE"),
        ({"expectedMonthlyAwsRevenue": Decimal(-5)}, "expectedMonthlyAwsRevenue", "VALUE_OUT_OF_RANGE"),
        ({"expectedMonthlyAwsRevenue": Decimal("NaN")}, "expectedMonthlyAwsRevenue", "INVALID_VALUE"),
        ({"expectedMonthlyAwsRevenue": Decimal(10) ** 16}, "expectedMonthlyAwsRevenue", "VALUE_OUT_OF_RANGE"),
        (
            {"project__expectedCustomerSpend__currencyCode": "EUR"},
            "project.expectedCustomerSpend.currencyCode",
            "INVALID_VALUE",
        ),
        ({"targetCloseDate": TODAY}, "targetCloseDate", "INVALID_VALUE"),
        ({"targetCloseDate": TODAY - timedelta(days=1)}, "targetCloseDate", "INVALID_VALUE"),
        ({"targetCloseDate": date(2087, 1, 1)}, "targetCloseDate", "VALUE_OUT_OF_RANGE"),
        ({"state": "TX"}, "state", "INVALID_ENUM_VALUE"),
        ({"state": None}, "state", "REQUIRED_FIELD_MISSING"),
        ({"postalCode": "1234"}, "postalCode", "INVALID_STRING_FORMAT"),
        ({"postalCode": None}, "postalCode", "REQUIRED_FIELD_MISSING"),
        ({"country": "HK", "state": None}, "postalCode", "INVALID_VALUE"),
        ({"industry": "Other"}, "industryOther", "REQUIRED_FIELD_MISSING"),
        ({"competitiveTracking": "*Other"}, "competitiveTrackingOther", "REQUIRED_FIELD_MISSING"),
        (
            {"IsOppFromMarketingActivity": "Marketing Activity"},
            "isMarketingDevelopmentFunded",
            "REQUIRED_FIELD_MISSING",
        ),
        ({"marketingActivityChannel": ("TV",)}, "marketingActivityChannel", "INVALID_VALUE"),
        ({"IsOppFromMarketingActivity": "None", "awsSFCampaignName": "x"}, "awsSFCampaignName", "INVALID_VALUE"),
        ({"stage": "Closed Lost"}, "closedLostReason", "REQUIRED_FIELD_MISSING"),
        ({"stage": "Launched"}, "awsAccountId", "REQUIRED_FIELD_MISSING"),
        ({"stage": "Launched", "awsAccountId": "12345678901"}, "awsAccountId", "INVALID_STRING_FORMAT"),
        ({"stage": "Launched", "campaignName": ("AWS Marketplace Campaign",)}, "offers", "REQUIRED_FIELD_MISSING"),
        ({"stage": "Launched", "isThisForMarketplace": "Yes"}, "offers", "REQUIRED_FIELD_MISSING"),
        (
            {"project__expectedContractDuration__value": 12},
            "project.expectedCustomerSpend.self.amount",
            "REQUIRED_FIELD_MISSING",
        ),
        (
            {"project__expectedCustomerSpend__self__amount": Decimal(5)},
            "project.expectedContractDuration.value",
            "REQUIRED_FIELD_MISSING",
        ),
        (
            {
                "project__expectedContractDuration__value": 145,
                "project__expectedCustomerSpend__self__amount": Decimal(5),
            },
            "project.expectedContractDuration.value",
            "VALUE_OUT_OF_RANGE",
        ),
        (
            {
                "project__expectedContractDuration__value": 12,
                "project__expectedCustomerSpend__self__amount": Decimal(5),
                "project__expectedCustomerSpend__estimationUrl": ESTIMATE,
            },
            "project.expectedCustomerSpend.estimationUrl",
            "INVALID_VALUE",
        ),
        ({"customerSoftwareValue": Decimal(5)}, "customerSoftwareValueCurrency", "REQUIRED_FIELD_MISSING"),
        (
            {"contractStartDate": date(2027, 1, 2), "contractEndDate": date(2027, 1, 1)},
            "contractEndDate",
            "INVALID_VALUE",
        ),
        (
            {"partnerPrimaryNeedFromAws": (NO_SUPPORT, "Co-Sell - Deal Support")},
            "partnerPrimaryNeedFromAws",
            "INVALID_VALUE",
        ),
        (
            {"partnerPrimaryNeedFromAws": (NO_SUPPORT,), "involvementType": "Co-Sell"},
            "involvementType",
            "INVALID_VALUE",
        ),
        ({"involvementType": "For Visibility Only"}, "involvementType", "INVALID_VALUE"),
        ({"visibility": "Limited"}, "visibility", "INVALID_VALUE"),
        ({"salesActivities": None}, "salesActivities", "NOT_ENOUGH_VALUES"),
        ({"doesOppBelongToNatSec": "Yes"}, "industry", "INVALID_VALUE"),
        (
            {"doesOppBelongToNatSec": "Yes", "partnerPrimaryNeedFromAws": (NO_SUPPORT,)},
            "partnerPrimaryNeedFromAws",
            "INVALID_VALUE",
        ),
        ({"solutionOffered": ("0000001",)}, "solutionOffered", "INVALID_STRING_FORMAT"),
        ({"awsProducts": tuple(f"P{n}" for n in range(21))}, "awsProducts", "TOO_MANY_VALUES"),
    ],
)
def test_a_broken_rule_names_field_value_rule_and_remedy(changes: dict[str, Any], field: str, code: str) -> None:
    problems = found(sound_record(**changes))
    assert (field, code) in codes(problems)
    for problem in problems:
        assert problem.rule.endswith(".")
        assert problem.remedy.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"customerEmail": "Pat@Freight.Example", "customerPhone": "+1 (555) 010-0"},
        {"industry": "Other", "industryOther": "Circus"},
        {"country": "HK", "state": "Kowloon", "postalCode": None},
        {"country": "HK", "state": None, "postalCode": "99999"},
        {"country": "GB", "state": "Greater London", "postalCode": "SW1A 1AA"},
        {"country": "NL", "state": None, "postalCode": "1012 AB"},
        {"country": "IE", "state": None, "postalCode": "D02 X285"},
        {"country": "VG", "state": None, "postalCode": "VG1110"},
        {
            "doesOppBelongToNatSec": "Yes",
            "industry": "Government",
            "state": None,
            "postalCode": None,
            "customerWebsite": None,
        },
        {"partnerPrimaryNeedFromAws": (NO_SUPPORT,), "salesActivities": None, "visibility": "Limited"},
        {"partnerPrimaryNeedFromAws": None, "involvementType": "For Visibility Only", "salesActivities": None},
        {"expectedMonthlyAwsRevenue": None, "project__expectedCustomerSpend__estimationUrl": ESTIMATE},
        {"project__awsPartition": "aws-eusc", "project__expectedCustomerSpend__currencyCode": "EUR"},
        {
            "IsOppFromMarketingActivity": "Marketing Activity",
            "isMarketingDevelopmentFunded": "No",
            "marketingActivityChannel": ("TV",),
        },
        {"stage": "Closed Lost", "closedLostReason": "Price"},
        {"stage": "Launched", "awsAccountId": "123456789012"},
        {"stage": "Committed", "isThisForMarketplace": "Yes"},
        {"expectedMonthlyAwsRevenue": Decimal("1041.00"), "customerSoftwareValue": None},
        {
            "stage": "Launched",
            "awsAccountId": "123456789012",
            "isThisForMarketplace": "Yes",
            "offers": ("arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/Offer/offer-1",),
        },
        {
            "project__expectedContractDuration__value": 144,
            "project__expectedCustomerSpend__self__amount": Decimal("0.01"),
        },
        {"targetCloseDate": TODAY + timedelta(days=1)},
    ],
)
def test_what_aws_takes_is_no_problem(changes: dict[str, Any]) -> None:
    assert found(sound_record(**changes)) == ()


def test_a_solution_is_needed_for_submission_and_a_real_one_to_launch() -> None:
    described = sound_record(otherSolutionOffered="Our own migration service")
    assert found(described, has_solution=False) == ()
    assert codes(found(sound_record(), has_solution=False)) == {("solutionOffered", "REQUIRED_FIELD_MISSING")}
    assert codes(found(described | {"stage": "Committed"}, Moment.UPDATE, has_solution=False)) == {
        ("solutionOffered", "REQUIRED_FIELD_MISSING")
    }


def test_offers_and_offer_sets_exclude_each_other() -> None:
    arn = "arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/"
    both = sound_record(
        offers=(f"{arn}Offer/offer-1",),
        relatedEntityIdentifiers__awsMarketplaceOfferSets=(f"{arn}OfferSet/offerset-1",),
    )
    assert codes(found(both)) == {("offers", "INVALID_VALUE")}


def test_the_remedy_for_another_spelling_is_aws_spelling() -> None:
    (problem,) = found(sound_record(industry="Software & Internet"))
    assert "'Software and Internet'" in problem.remedy


def test_long_values_are_cut_visibly_in_messages() -> None:
    (problem,) = found(sound_record(partnerProjectTitle="x" * 300))
    assert len(problem.value) == 100
    assert problem.value.endswith("…")


def test_an_update_is_not_blamed_for_what_was_there_before() -> None:
    """AWS leaves referrals incomplete and close dates pass: their other fields must stay editable."""
    before = {**sound_record(), "useCase": None, "customerWebsite": None, "targetCloseDate": TODAY - timedelta(days=9)}
    assert found({"nextStep": "Call"}, Moment.UPDATE, before=before, review_status="Approved") == ()
    worse = found({"stage": "Closed Lost"}, Moment.UPDATE, before=before, review_status="Approved")
    assert codes(worse) == {("closedLostReason", "REQUIRED_FIELD_MISSING")}


@pytest.mark.parametrize(
    "about", [{"isThisForMarketplace": "Yes"}, {"campaignName": ("AWS Marketplace Campaign",)}], ids=str
)
def test_what_aws_itself_launched_incomplete_stays_editable(about: dict[str, Any]) -> None:
    before = {**sound_record(), "stage": "Launched", **({} if "isThisForMarketplace" in about else about)}
    edit = {"nextStep": "Call", "stage": "Launched", **about}
    assert found(edit, Moment.UPDATE, before=before, review_status="Approved") == ()
    early = {**before, "stage": "Committed"}
    assert ("offers", "REQUIRED_FIELD_MISSING") in codes(
        found(edit, Moment.UPDATE, before=early, review_status="Approved")
    )


def test_a_revenue_of_aws_own_with_decimals_stays_while_nobody_changes_it() -> None:
    """AWS computes it from an estimate; a person who changes it writes a whole number."""
    before = sound_record(expectedMonthlyAwsRevenue=Decimal("1041.67"))
    same = {"nextStep": "Call", "expectedMonthlyAwsRevenue": Decimal("1041.67")}
    assert found(same, Moment.UPDATE, before=before, review_status="Approved") == ()
    (problem,) = found(same | {"expectedMonthlyAwsRevenue": Decimal("1041.50")}, Moment.UPDATE, before=before)
    assert "whole number" in problem.rule and problem.value == "1041.50"


@given(st.sets(st.sampled_from([
    ("country", "US", "state"), ("industry", "Other", "industryOther"), ("stage", "Closed Lost", "closedLostReason"),
    ("competitiveTracking", "*Other", "competitiveTrackingOther"), ("stage", "Launched", "awsAccountId"),
    ("IsOppFromMarketingActivity", "Marketing Activity", "isMarketingDevelopmentFunded"),
])))  # fmt: skip
def test_every_condition_that_holds_is_told_at_once(conditions: set[tuple[str, str, str]]) -> None:
    """OUT-19: a person corrects a record once, not rule by rule."""
    record = sound_record(state=None, country="DE", postalCode="10115")
    for name, value, _ in sorted(conditions):
        record[name] = value
    if record["country"] == "US":
        record["postalCode"] = "75001"
    expected = {needed for name, value, needed in conditions if record[name] == value}
    assert {field for field, code in codes(found(record)) if code == "REQUIRED_FIELD_MISSING"} == expected


def test_clearing_a_required_field_is_a_problem_of_the_update() -> None:
    problems = found({"targetCloseDate": None}, Moment.UPDATE, before=sound_record(), review_status="Approved")
    assert codes(problems) == {("targetCloseDate", "REQUIRED_FIELD_MISSING")}


def test_locked_edits_are_not_judged() -> None:
    edit = {"customerCompanyName": "x" * 200}
    assert found(edit, Moment.UPDATE, before=sound_record(), review_status="Approved") == ()
    assert found(edit, Moment.UPDATE, before=sound_record(), review_status="Pending Submission") != ()


def test_a_submission_of_a_draft_is_judged_as_a_whole() -> None:
    draft = {**sound_record(), "useCase": None}
    problems = found({"nextStep": "Call"}, Moment.SUBMIT, before=draft, review_status="Pending Submission")
    assert codes(problems) == {("useCase", "REQUIRED_FIELD_MISSING")}


def test_fields_that_are_not_sent_are_not_judged() -> None:
    assert found(sound_record(aWSStage="anything", apnReviewerComments="x" * 99999, subUseCase="x" * 999)) == ()


@given(st.sampled_from(written_fields()), st.data())
def test_values_that_the_model_allows_are_allowed(field: Any, data: st.DataObject) -> None:
    """No value rule is stricter than AWS's model, so that none holds back what AWS would take."""
    value = data.draw(values(field))
    wrong = {problem.code for problem in found(sound_record() | {field.name: value}) if problem.field == field.name}
    assert wrong <= {"INVALID_VALUE", "TOO_SHORT"} | _by_context(field.name)


def _by_context(name: str) -> set[str]:
    """Return codes that depend on another field of the record, which the value alone cannot satisfy."""
    return {"state": {"INVALID_ENUM_VALUE"}, "postalCode": {"INVALID_STRING_FORMAT"}}.get(name, set())


@given(st.sampled_from(written_fields()), st.text(max_size=2100))
def test_text_that_passes_the_rules_passes_the_service_model(field: Any, text: str) -> None:
    if field.type not in (
        FieldType.TEXT,
        FieldType.LONG_TEXT,
        FieldType.URL,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.PICKLIST,
    ):
        return
    record = sound_record() | {field.name: text or None}
    if any(problem.field == field.name for problem in found(record, Moment.CREATE)):
        return
    request = api_shape.to_create(record, catalog="AWS", client_token="t")
    assert violations("CreateOpportunity", request) == []


@pytest.mark.parametrize("status", ["Submitted", "In review", "In Review", "IN REVIEW", "Something new"])
def test_nothing_is_editable_while_aws_reviews(status: str) -> None:
    assert lifecycle.locked(status)
    assert not any(lifecycle.editable(field, status, "Qualified") for field in opportunity_fields())


def test_a_rejected_opportunity_is_final() -> None:
    assert lifecycle.final("Rejected")
    assert lifecycle.final("rejected")
    assert not lifecycle.final("Approved")
    assert not lifecycle.locked("Rejected")
    assert not any(lifecycle.editable(field, "Rejected", "") for field in opportunity_fields())


@pytest.mark.parametrize(
    ("field", "editable_in"),
    [
        ("customerCompanyName", "P"),
        ("customerWebsite", "PA"),
        ("awsAccountId", "PV"),
        ("city", "PAV"),
        ("postalCode", "PA"),
        ("customerEmail", "PV"),
        ("partnerProjectTitle", "P"),
        ("projectDescription", "PA"),
        ("useCase", "PV"),
        ("expectedMonthlyAwsRevenue", "PAV"),
        ("project.expectedCustomerSpend.currencyCode", "PA"),
        ("stage", "PV"),
        ("targetCloseDate", "PAV"),
        ("additionalComments", "PVL"),
        ("procurementType", "PV"),
        ("project.expectedCustomerSpend.estimationUrl", "PA"),
        ("industry", "P"),
        ("campaignName", "P"),
        ("aWSStage", ""),
    ],
)
def test_editability_follows_the_matrix(field: str, editable_in: str) -> None:
    phases = {
        "P": ("Pending Submission", "Prospect"),
        "A": ("Action Required", "Prospect"),
        "V": ("Approved", "Committed"),
        "L": ("Approved", "Launched"),
    }
    assert {key for key, state in phases.items() if lifecycle.editable(field, *state)} == set(editable_in)


def test_needs_change_after_approval_only_towards_co_selling() -> None:
    def allowed(before: Any, after: Any) -> bool:
        return lifecycle.change_allowed(
            "partnerPrimaryNeedFromAws", "Approved", "Qualified", before=before, after=after
        )

    co_sell = ("Co-Sell - Deal Support",)
    assert allowed((NO_SUPPORT,), co_sell)
    assert allowed(None, co_sell)
    assert not allowed(co_sell, (NO_SUPPORT,))
    assert not allowed(co_sell, None)
    assert not allowed(co_sell, ("Co-Sell - Pricing Assistance",))


def test_our_identifier_can_be_filled_in_after_approval_but_not_changed() -> None:
    name = "partnerCrmUniqueIdentifier"
    assert lifecycle.change_allowed(name, "Approved", "Prospect", before=None, after="006000000000001AAA")
    assert not lifecycle.change_allowed(name, "Approved", "Prospect", before="other", after="006000000000001AAA")


def test_problems_are_values_that_can_be_compared() -> None:
    one, two = found(sound_record(state="TX")), found(sound_record(state="TX"))
    assert one == two
    assert replace(one[0], field="x") != one[0]

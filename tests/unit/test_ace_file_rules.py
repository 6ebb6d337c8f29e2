"""A person hears of all that AWS would refuse in a file, of the bucket's rules and not of the API's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ace_records import TODAY, sound_record

from connector.ace import file_rules, lead_rules
from connector.ace.file_fields import Version
from connector.ace.record import Value

V1, V2 = Version
ID, APN = "00Q000000000001AAA", "L1000001"


def sound(**changes: Value) -> dict[str, Value]:
    """Return an opportunity that the bucket takes."""
    whole: dict[str, Value] = {"IsOppFromMarketingActivity": "None", "solutionOffered": ("S-0001111",)}
    return sound_record(**{**whole, **changes})


def troubles(record: dict[str, Value], *, version: Version = V2, creates: bool = True) -> list[tuple[str, str]]:
    found = file_rules.problems(record, version=version, creates=creates, today=TODAY)
    assert all(problem.rule and problem.remedy for problem in found)
    return [(problem.field, problem.code) for problem in found]


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("creates", [True, False])
def test_a_sound_record_has_no_problem(version: Version, *, creates: bool) -> None:
    assert troubles(sound(), version=version, creates=creates) == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("customerPhone", "1234567890", ""), ("customerPhone", "1" * 41, "TOO_LONG"),
        ("customerCompanyName", "x" * 121, "TOO_LONG"),
        ("expectedMonthlyAwsRevenue", Decimal("1" * 18), ""),
        ("expectedMonthlyAwsRevenue", Decimal("1" * 19), "VALUE_OUT_OF_RANGE"),
        ("expectedMonthlyAwsRevenue", Decimal("1041.67"), "INVALID_STRING_FORMAT"),
        ("expectedMonthlyAwsRevenue", Decimal("0"), "VALUE_OUT_OF_RANGE"),
        ("additionalComments", "x" * 3000, ""), ("projectDescription", "Too short", "TOO_SHORT"),
        ("postalCode", "ABC", "INVALID_STRING_FORMAT"), ("state", "TX", "INVALID_ENUM_VALUE"),
        ("industry", "Transportation & Logistics", "INVALID_ENUM_VALUE"),
        ("offers", ("offer-abc123",), ""), ("offers", ("abc",), "INVALID_STRING_FORMAT"),
        ("offers", ("arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Offer/offer-1",), ""),
        ("marketingActivityChannel", ("Email",), "INVALID_VALUE"),
        ("salesActivities", None, "REQUIRED_FIELD_MISSING"), ("useCase", None, "REQUIRED_FIELD_MISSING"),
        ("IsOppFromMarketingActivity", None, "REQUIRED_FIELD_MISSING"),
        ("solutionOffered", None, "REQUIRED_FIELD_MISSING"), ("stage", None, ""),
    ],
)  # fmt: skip
def test_lengths_forms_and_requirements_are_the_buckets(name: str, value: Value, code: str) -> None:
    """MAP-53, MAP-58, OUT-11"""
    assert troubles(sound(**{name: value})) == ([(name, code)] if code else [])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"industry": "Other"}, "industryOther"),
        ({"opportunityType": "Flat Renewal"}, "parentOppId"),
        ({"competitiveTracking": "*Other"}, "competitiveTrackingOther"),
        ({"IsOppFromMarketingActivity": "Marketing Activity"}, "isMarketingDevelopmentFunded"),
        ({"stage": "Closed Lost"}, "closedLostReason"),
        ({"stage": "Launched"}, "awsAccountId"),
        ({"state": None}, "state"),
        ({"postalCode": None}, "postalCode"),
    ],
)
def test_what_some_records_need_is_asked_for(changes: dict[str, Value], expected: str) -> None:
    """OUT-13, OUT-19"""
    assert troubles(sound(**changes)) == [(expected, "REQUIRED_FIELD_MISSING")]


def test_all_problems_are_told_at_once() -> None:
    """OUT-19"""
    record = sound(industry="Other", competitiveTracking="*Other", customerWebsite=None)
    assert {name for name, _ in troubles(record)} == {"industryOther", "competitiveTrackingOther", "customerWebsite"}


def test_national_security_needs_no_customer() -> None:
    hidden = {"customerCompanyName": None, "customerWebsite": None, "state": None, "postalCode": None}
    assert troubles(sound(doesOppBelongToNatSec="Yes", industry="Government", **hidden)) == []


def test_a_state_belongs_to_the_united_states() -> None:
    assert troubles(sound(country="DE", state="Bavaria", postalCode="80331")) == [("state", "INVALID_VALUE")]
    assert troubles(sound(country="DE", state="Bavaria", postalCode="80331"), version=V1) == []


def test_a_monthly_revenue_in_another_currency_is_refused() -> None:
    name = "project.expectedCustomerSpend.currencyCode"
    assert troubles({**sound(), name: "EUR"}) == [(name, "INVALID_VALUE")]
    assert troubles({**sound(), name: "USD"}) == []


def test_what_the_api_alone_knows_is_no_matter() -> None:
    assert troubles({**sound(visibility="Limited", involvementType="For Visibility Only")}) == []


def test_version_1_has_none_of_the_rules_that_version_2_brought() -> None:
    """MAP-52"""
    early = sound(
        postalCode="ABC", projectDescription="Short", state="TX", useCase="An older one", salesActivities=None,
        campaignName=("An older one",), partnerPrimaryNeedFromAws=("An older one",), solutionOffered=None,
    )  # fmt: skip
    assert troubles(early, version=V1) == []
    assert {name for name, _ in troubles(early)} == {
        "postalCode", "projectDescription", "state", "useCase", "salesActivities", "campaignName",
        "partnerPrimaryNeedFromAws", "solutionOffered",
    }  # fmt: skip


def test_version_1_takes_one_need_and_one_program() -> None:
    many = sound(
        partnerPrimaryNeedFromAws=("Co-Sell - Deal Support", "Co-Sell - Pricing Assistance"),
        campaignName=("P3", "Windows"),
    )
    assert troubles(many) == []
    assert troubles(many, version=V1) == [
        ("partnerPrimaryNeedFromAws", "TOO_MANY_VALUES"),
        ("campaignName", "TOO_MANY_VALUES"),
    ]


def test_of_an_update_only_what_it_makes_worse_counts() -> None:
    before = sound(useCase=None, customerWebsite=None)
    found = file_rules.problems({"nextStep": "x" * 256}, version=V2, creates=False, today=TODAY, before=before)
    assert [(problem.field, problem.code) for problem in found] == [("nextStep", "TOO_LONG")]


def test_an_opportunity_does_not_leave_co_selling() -> None:
    before = sound()
    changed: dict[str, Value] = {"partnerPrimaryNeedFromAws": ("Do Not Need Support from AWS Sales Rep",)}
    found = file_rules.problems(changed, version=V2, creates=False, today=TODAY, before=before)
    assert [(problem.field, problem.code) for problem in found] == [("partnerPrimaryNeedFromAws", "INVALID_VALUE")]


@pytest.mark.parametrize(
    ("status", "stage", "name", "value", "locked"),
    [
        ("Approved", "Qualified", "nextStep", "Call", False),
        ("Approved", "Qualified", "partnerProjectTitle", "Other title", True),
        ("Action Required", "Qualified", "city", "Austin", False),
        ("Action Required", "Qualified", "nextStep", "Call", True),
        ("In review", "Qualified", "nextStep", "Call", True),
        ("Approved", "Launched", "additionalComments", "Done", False),
        ("Approved", "Launched", "stage", "Committed", True),
    ],
)
def test_what_aws_has_locked_is_told_and_counts_as_not_made(
    status: str, stage: str, name: str, value: Value, *, locked: bool
) -> None:
    """OUT-15, MAP-52"""
    before, changed = sound(stage=stage), {name: value}
    found = file_rules.locked_changes(changed, before, version=V2, review_status=status)
    assert [problem.code for problem in found] == (["FIELD_LOCKED"] if locked else [])
    bad = file_rules.problems(
        {name: "x" * 256 if name == "nextStep" else value},
        version=V2, creates=False, today=TODAY, before=before, review_status=status,
    )  # fmt: skip
    assert bool(bad) is (name == "nextStep" and not locked)


def test_after_the_launch_version_1_takes_three_fields_more() -> None:
    """OUT-15"""
    record: dict[str, Value] = dict.fromkeys(
        ("isThisForMarketplace", "isNetNewBusinessForCompany", "awsFieldEngagement"), "Yes"
    )
    found = file_rules.locked_changes(record, sound(stage="Launched"), version=V1, review_status="Approved")
    assert found == ()


@pytest.mark.parametrize(
    ("decision", "reason", "version", "expected"),
    [
        ("Accepted", None, V2, []), ("Rejected", "Other", V2, []), ("Rejected", None, V1, []),
        ("Rejected", None, V2, [("rejectionReason", "REQUIRED_FIELD_MISSING")]),
        ("Rejected", "No time", V2, [("rejectionReason", "INVALID_ENUM_VALUE")]),
        ("Accept", None, V2, [("partnerAcceptanceStatus", "INVALID_ENUM_VALUE")]),
    ],
)  # fmt: skip
def test_a_referral_is_answered_with_a_word_of_aws_and_a_reason(
    decision: str, reason: str | None, version: Version, expected: list[tuple[str, str]]
) -> None:
    """OUT-14"""
    found = file_rules.decision_problems(decision, reason, version=version)
    assert [(problem.field, problem.code) for problem in found] == expected


def lead(**changes: Value) -> dict[str, Value]:
    return {"status": "Open", "currentLeadStage": "Accepted", **changes}


def lead_troubles(record: dict[str, Value], before: dict[str, Value] | None = None) -> list[tuple[str, str]]:
    found = lead_rules.problems(record, version=V1, partner_id=ID, apn_id=APN, before=before)
    return [(problem.field, problem.code) for problem in found]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("city", "x" * 40, ""), ("city", "x" * 41, "TOO_LONG"), ("industry", "Other", "INVALID_ENUM_VALUE"),
        ("industry", "Business & Consumer Services", ""), ("country", "US", "INVALID_ENUM_VALUE"),
        ("status", "Closed", "INVALID_ENUM_VALUE"), ("status", None, "REQUIRED_FIELD_MISSING"),
        ("currentLeadStage", None, "REQUIRED_FIELD_MISSING"), ("useCaseWorkload", ("Games",), "INVALID_ENUM_VALUE"),
        ("fullName", "x" * 500, ""), ("projectDescription", "x" * 32_001, "TOO_LONG"),
    ],
)  # fmt: skip
def test_leads_have_rules_of_their_own(name: str, value: Value, code: str) -> None:
    """MAP-58, LEAD-09"""
    assert lead_troubles(lead(**{name: value})) == ([(name, code)] if code else [])


def test_an_update_of_a_lead_may_be_a_part_of_it() -> None:
    assert lead_troubles({"city": "Oslo"}, before=lead(industry="Of AWS's own")) == []
    assert lead_troubles({"industry": "Mine"}, before=lead(industry="Of AWS's own")) == [
        ("industry", "INVALID_ENUM_VALUE")
    ]


def test_a_lead_of_the_partners_own_is_never_sent() -> None:
    """LEAD-02"""
    [problem] = lead_rules.problems(lead(), version=V1, partner_id=ID, apn_id=None)
    assert (problem.field, problem.code) == ("apnCrmUniqueIdentifier", "NOT_SHAREABLE") and problem.remedy


def test_a_lead_needs_the_partners_id() -> None:
    [problem] = lead_rules.problems(lead(), version=V1, partner_id="", apn_id=APN)
    assert (problem.field, problem.code) == ("partnerCrmLeadId", "REQUIRED_FIELD_MISSING")

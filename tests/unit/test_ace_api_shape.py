"""Promises of the translation between canonical records and the Selling API."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from ace_records import records, sound_record, written_fields
from hypothesis import given
from hypothesis import strategies as st
from service_model import violations

from connector.ace import api_shape, paths
from connector.ace.catalogue import opportunity_fields
from connector.ace.text import outgoing, unescaped

STAMPS = {"Id": "O123", "LastModifiedDate": "2026-11-23T08:00:00.000000Z"}


def create(record: Any) -> dict[str, Any]:
    return api_shape.to_create(record, catalog="Sandbox", client_token="token-1")


def answer(record: Any = None, status: str = "Pending Submission", **members: Any) -> dict[str, Any]:
    """Return what GetOpportunity says of a record that was just created."""
    base = api_shape.created_answer(create(record or sound_record()), STAMPS)
    base["LifeCycle"]["ReviewStatus"] = status
    return base | members


def update(record: Any, base: Any) -> dict[str, Any]:
    return api_shape.to_update(record, base, catalog="Sandbox")


@given(records())
def test_a_record_comes_back_from_aws_as_it_was_sent(record: dict[str, Any]) -> None:
    got = api_shape.from_get(answer(record))
    sent = outgoing(record)
    for name, value in sent.items():
        expected = set(value) if isinstance(value, tuple) else value
        assert (set(got[name]) if isinstance(got[name], tuple) else got[name]) == expected, name


@given(records())
def test_every_create_request_passes_the_service_model(record: dict[str, Any]) -> None:
    assert violations("CreateOpportunity", create(record)) == []


@given(records(), records(), st.sampled_from(["Pending Submission", "Action Required", "Approved", "In review"]))
def test_every_update_request_passes_the_service_model(before: Any, after: Any, status: str) -> None:
    request = update(after, answer(before, status))
    project = request.get("Project", {})
    if project.get("ExpectedContractDuration", "") is None:
        del project["ExpectedContractDuration"]
    assert violations("UpdateOpportunity", request) == []


@given(records(), st.sampled_from(written_fields()), st.data())
def test_an_update_changes_nothing_but_the_fields_of_the_record(before: Any, field: Any, data: st.DataObject) -> None:
    """No null by omission: an update replaces the opportunity, so what the org does not map must go along."""
    base = answer(before | {"IsOppFromMarketingActivity": "Marketing Activity"})
    after = {field.name: data.draw(st.sampled_from([before.get(field.name), None]))}
    left = api_shape.from_get(api_shape.merged_answer(base, update(after, base), STAMPS))
    lost = {name for name, value in api_shape.from_get(base).items() if left[name] != value}
    companions = {"expectedMonthlyAwsRevenue": {"project.expectedCustomerSpend.estimationUrl"}}
    currency = {"project.expectedCustomerSpend.currencyCode"}
    assert lost <= {field.name} | companions.get(field.name, set()) | currency


@given(records(), records())
def test_an_update_is_done_when_it_was_made(before: Any, after: Any) -> None:
    """Sending the same record twice changes nothing: no edit goes round in circles."""
    base = answer(before)
    made = api_shape.merged_answer(base, update(after, base), STAMPS)
    open_fields = set(api_shape.changed_fields(after, made))
    assert open_fields <= {"project.expectedCustomerSpend.estimationUrl", "expectedMonthlyAwsRevenue"} | _companions(
        after
    )


def _companions(record: dict[str, Any]) -> set[str]:
    names = (
        "isMarketingDevelopmentFunded",
        "awsSFCampaignName",
        "marketingActivityChannel",
        "marketingActivityUsecase",
    )
    return {name for name in names if record.get(name)}


def test_members_and_elements_of_others_stay() -> None:
    base = answer()
    base["Customer"]["Contacts"].append({"Email": "second@freight.example"})
    base["Project"]["ExpectedCustomerSpend"].append(
        {"TargetCompany": "Third", "Frequency": "Monthly", "CurrencyCode": "USD", "Amount": "7"}
    )
    request = update({"customerEmail": "new@freight.example", "expectedMonthlyAwsRevenue": Decimal(9)}, base)
    assert [contact["Email"] for contact in request["Customer"]["Contacts"]] == [
        "new@freight.example",
        "second@freight.example",
    ]
    assert [entry["Amount"] for entry in request["Project"]["ExpectedCustomerSpend"]] == ["9", "7"]


def test_an_update_carries_only_what_the_operation_takes() -> None:
    base = answer(OpportunityTeam=[{"Email": "a@b.example"}], CreatedDate="2026-01-01T00:00:00Z", Arn="arn:x", New=1)
    base["LifeCycle"]["NextStepsHistory"] = [{"Value": "called", "Time": "2026-01-01T00:00:00Z"}]
    request = update({"nextStep": "Call again"}, base)
    assert set(request) <= {"Catalog", "Identifier", "LastModifiedDate", *api_shape.UPDATE_MEMBERS}
    assert "NextStepsHistory" not in request["LifeCycle"]
    assert (request["Identifier"], request["LastModifiedDate"]) == ("O123", STAMPS["LastModifiedDate"])


def test_review_status_stage_and_marketing_source_are_echoed() -> None:
    base = answer(sound_record(IsOppFromMarketingActivity="Marketing Activity"), "Approved")
    request = update({"nextStep": "Call"}, base)
    assert request["LifeCycle"]["ReviewStatus"] == "Approved"
    assert request["LifeCycle"]["Stage"] == "Qualified"
    assert request["Marketing"]["Source"] == "Marketing Activity"
    assert update({"nextStep": "Call"}, answer())["Marketing"] == {"Source": "None"}


def test_the_base_is_left_as_it_was() -> None:
    base = answer(sound_record(), "Approved")
    kept = deepcopy(base)
    update({"nextStep": "x", "customerEmail": None, "project.expectedContractDuration.value": None}, base)
    assert base == kept


def test_none_clears_and_a_missing_key_keeps() -> None:
    request = update({"customerPhone": None}, answer())
    assert request["Customer"]["Contacts"] == [{"Email": "pat@freight.example"}]
    assert "Contacts" not in update({"customerPhone": None, "customerEmail": None}, answer())["Customer"]


@pytest.mark.parametrize("name", ["stage", "opportunityType", "IsOppFromMarketingActivity", "doesOppBelongToNatSec"])
def test_what_aws_never_leaves_empty_is_not_cleared(name: str) -> None:
    base = answer(
        sound_record(opportunityType="Expansion", doesOppBelongToNatSec="No", IsOppFromMarketingActivity="None")
    )
    assert api_shape.changed_fields({name: None}, base) == {}


def test_locked_fields_keep_the_value_of_aws_and_are_named() -> None:
    base = answer(sound_record(), "Approved")
    record = {"partnerProjectTitle": "Another title", "nextStep": "Call"}
    assert update(record, base)["Project"]["Title"] == "Move the data centre"
    (problem,) = api_shape.locked_changes(record, base)
    assert (problem.code, problem.field, problem.value) == ("FIELD_LOCKED", "partnerProjectTitle", "Another title")
    assert "Approved" in problem.rule
    assert api_shape.changed_fields(record, base) == {"nextStep": (None, "Call")}


def test_html_entities_do_not_pile_up() -> None:
    base = answer()
    base["Project"]["CustomerUseCase"] = "Storage &amp;amp; Backup"
    base["Customer"]["Account"]["CompanyName"] = "A&amp;colon; B"
    request = update({"nextStep": "Call"}, base)
    assert request["Project"]["CustomerUseCase"] == "Storage & Backup"
    assert request["Customer"]["Account"]["CompanyName"] == "A: B"
    assert unescaped({"u": ["https://x.example/?a=1&copy=2&lt=3"]}) == {"u": ["https://x.example/?a=1&copy=2&lt=3"]}


def test_spend_entries_are_found_by_company_not_by_place() -> None:
    base = answer(
        sound_record(
            project__expectedCustomerSpend__self__amount=Decimal(50), project__expectedContractDuration__value=12
        )
    )
    base["Project"]["ExpectedCustomerSpend"].reverse()
    got = api_shape.from_get(base)
    assert got["expectedMonthlyAwsRevenue"] == Decimal("1200")
    assert got["project.expectedCustomerSpend.self.amount"] == Decimal(50)
    assert got["project.expectedContractDuration.value"] == 12


def test_amounts_are_decimal_text() -> None:
    entries = create({"expectedMonthlyAwsRevenue": Decimal("1E+5")})["Project"]["ExpectedCustomerSpend"]
    assert entries == [{"Amount": "100000", "TargetCompany": "AWS", "Frequency": "Monthly", "CurrencyCode": "USD"}]
    for amount, text in {"0.10": "0.10", "100.00": "100", "12345678901234567890.5": "12345678901234567890.50"}.items():
        assert create({"customerSoftwareValue": Decimal(amount)})["SoftwareRevenue"]["Value"]["Amount"] == text


def test_the_currency_follows_the_partition() -> None:
    request = create({"expectedMonthlyAwsRevenue": Decimal(1), "project.awsPartition": "aws-eusc"})
    assert paths.get(request, "Project.ExpectedCustomerSpend[0].CurrencyCode") == "EUR"


@pytest.mark.parametrize(
    "cleared", [{"project.expectedContractDuration.value": None}, {"project.expectedCustomerSpend.self.amount": None}]
)
def test_leaving_a_contract_value_sends_an_explicit_null(cleared: dict[str, None]) -> None:
    record = sound_record(
        project__expectedCustomerSpend__self__amount=Decimal(50), project__expectedContractDuration__value=12
    )
    base = answer(record)
    request = update(cleared, base)
    assert request["Project"]["ExpectedContractDuration"] is None
    assert [entry["TargetCompany"] for entry in request["Project"]["ExpectedCustomerSpend"]] == ["AWS"]
    merged = api_shape.from_get(api_shape.merged_answer(base, request, STAMPS))
    assert merged["project.expectedContractDuration.value"] is None
    assert merged["project.expectedCustomerSpend.self.amount"] is None


def test_a_new_estimate_counts_and_must_be_read_back() -> None:
    record = sound_record()
    base = answer(record)
    address = f"https://calculator.aws/#/estimate?id={'a' * 32}"
    request = update({**record, "project.expectedCustomerSpend.estimationUrl": address}, base)
    (entry,) = request["Project"]["ExpectedCustomerSpend"]
    assert "Amount" not in entry
    assert entry["EstimationUrl"] == address
    assert api_shape.needs_reading(base, request)
    assert not api_shape.needs_reading(base, update({"nextStep": "x"}, base))


def test_an_amount_changed_alone_takes_the_estimate_away() -> None:
    address = f"https://calculator.aws/#/estimate?id={'a' * 32}"
    base = answer(sound_record(project__expectedCustomerSpend__estimationUrl=address))
    merged = api_shape.merged_answer(base, update({"expectedMonthlyAwsRevenue": Decimal(5)}, base), STAMPS)
    assert api_shape.from_get(merged)["project.expectedCustomerSpend.estimationUrl"] is None


def test_an_update_after_action_required_is_reviewed_anew() -> None:
    base = answer(sound_record(), "Action Required")
    base["LifeCycle"]["NextStepsHistory"] = [{"Value": "called", "Time": "2026-01-01T00:00:00Z"}]
    response = {"Id": "O123", "LastModifiedDate": "2026-11-23T09:00:00.000000Z"}
    merged = api_shape.merged_answer(base, update({"targetCloseDate": date(2028, 1, 1)}, base), response)
    assert merged["LifeCycle"]["ReviewStatus"] == "Submitted"
    assert merged["LastModifiedDate"] == response["LastModifiedDate"]
    assert merged["LifeCycle"]["NextStepsHistory"] == base["LifeCycle"]["NextStepsHistory"]
    assert merged["RelatedEntityIdentifiers"] == {}


def test_marketing_details_leave_with_the_source() -> None:
    record = sound_record(
        IsOppFromMarketingActivity="Marketing Activity", isMarketingDevelopmentFunded="Yes", awsSFCampaignName="Spring"
    )
    request = update({"IsOppFromMarketingActivity": "None"}, answer(record))
    assert request["Marketing"] == {"Source": "None"}


def test_texts_are_brought_into_the_form_that_aws_keeps() -> None:
    record = {
        "customerEmail": " Pat@Freight.Example ",
        "customerPhone": "+1 (555) 010-0",
        "country": "HK",
        "postalCode": "99999",
    }
    assert outgoing(record) == {
        "customerEmail": "pat@freight.example",
        "customerPhone": "+15550100",
        "country": "HK",
        "postalCode": None,
    }
    assert api_shape.changed_fields({"customerEmail": "PAT@freight.example"}, answer()) == {}


def test_the_order_of_several_values_is_no_change() -> None:
    base = answer(sound_record(deliveryModel=("SaaS or PaaS", "Resell")))
    assert api_shape.changed_fields({"deliveryModel": ("Resell", "SaaS or PaaS")}, base) == {}


def test_the_sales_contact_goes_out_with_the_create_only() -> None:
    record = sound_record(primaryContactEmail="rep@partner.example", opportunityOwnerEmail="owner@partner.example")
    assert create(record)["OpportunityTeam"] == [
        {"BusinessTitle": "PartnerAccountManager", "Email": "rep@partner.example"}
    ]
    assert "OpportunityTeam" not in update(record, answer())


def test_a_get_answer_tells_every_field_that_it_can_carry() -> None:
    got = api_shape.from_get({"Id": "O1", "LastModifiedDate": "2026-11-23T08:00:00Z"})
    assert set(got) == {name for name, field in opportunity_fields().items() if field.get_path}
    assert got["customerCompanyName"] is None
    assert got["lastModifiedDate"] == datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_a_value_of_the_wrong_type_is_not_known() -> None:
    got = api_shape.from_get(
        {
            "Id": "O1",
            "LifeCycle": {"TargetCloseDate": "2026-02-31"},
            "Project": {"ExpectedContractDuration": {"Value": "many"}},
        }
    )
    assert "targetCloseDate" not in got
    assert "project.expectedContractDuration.value" not in got


def test_the_summary_is_aws_own_view() -> None:
    summary = {
        "Origin": "AWS Referral",
        "InvolvementType": "Co-Sell",
        "LifeCycle": {
            "Stage": "Committed",
            "NextSteps": "AWS calls",
            "NextStepsHistory": [
                {"Value": "a", "Time": "2026-01-01T00:00:00Z"},
                {"Value": "b", "Time": "2026-01-02T00:00:00Z"},
            ],
        },
        "OpportunityTeam": [
            {"BusinessTitle": "PDM", "FirstName": "Ana", "LastName": "Ng", "Email": "ana@aws.example"},
            {"BusinessTitle": "PSM", "LastName": "Solo"},
        ],
        "Insights": {
            "OpportunityQuality": {"Score": 71, "Trend": "up"},
            "Recommendations": [{"Type": "T", "Details": "D"}],
        },
        "Project": {"ExpectedCustomerSpend": [{"Amount": "12.5", "CurrencyCode": "USD"}]},
        "RelatedEntityIds": {"AwsProducts": ["AmazonEC2"]},
    }
    got = api_shape.from_summary(summary)
    assert got["opportunityOwnership"] == "AWS Referral"
    assert got["aWSStage"] == "Committed"
    assert got["lifeCycle.awsNextSteps"] == "AWS calls"
    assert got["lifeCycle.awsNextStepsHistory"] == "2026-01-01T00:00:00Z a\n2026-01-02T00:00:00Z b"
    assert (got["partnerDeveloperManager"], got["partnerDeveloperManagerEmail"]) == ("Ana Ng", "ana@aws.example")
    assert got["aWSPartnerSuccessManagerName"] == "Solo"
    assert got["insights.opportunityQuality.score"] == 71
    assert got["insights.recommendations"] == "T D"
    assert got["project.awsExpectedCustomerSpend.amount"] == Decimal("12.5")
    assert got["relatedEntityIds.awsProducts"] == ("AmazonEC2",)
    assert "expectedMonthlyAwsRevenue" not in got
    assert got["visibility"] is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"partnerPrimaryNeedFromAws": ("Co-Sell - Deal Support",)}, "Co-Sell"),
        ({"partnerPrimaryNeedFromAws": ("Do Not Need Support from AWS Sales Rep",)}, "For Visibility Only"),
        ({"involvementType": "For Visibility Only"}, "For Visibility Only"),
        ({}, ""),
    ],
)
def test_involvement_follows_the_needs(record: dict[str, Any], expected: str) -> None:
    assert api_shape.involvement(record) == expected


def test_visibility_is_full_unless_limited() -> None:
    assert api_shape.visibility({}) == "Full"
    assert api_shape.visibility({"visibility": "Limited"}) == "Limited"


def test_sending_the_same_record_twice_gives_the_same_bytes() -> None:
    """A create is repeated with its token only when the body is the same."""
    assert create(sound_record()) == create(dict(sound_record()))


def test_a_contract_duration_that_is_left_out_stays_and_a_null_ends_it() -> None:
    base = answer(
        sound_record(
            project__expectedCustomerSpend__self__amount=Decimal(50), project__expectedContractDuration__value=12
        )
    )
    request = update({"nextStep": "Call"}, base)
    kept = {**request, "Project": {k: v for k, v in request["Project"].items() if k != "ExpectedContractDuration"}}
    ended = {**request, "Project": {**request["Project"], "ExpectedContractDuration": None}}
    assert api_shape.merged_answer(base, kept, STAMPS)["Project"]["ExpectedContractDuration"]["Value"] == "12"
    assert "ExpectedContractDuration" not in api_shape.merged_answer(base, ended, STAMPS)["Project"]


def test_every_field_that_is_written_can_be_cleared_while_pending() -> None:
    """Clearing is the counterpart of leaving out: a key that is None takes AWS's value away."""
    record = sound_record(nextStep="Call", competitiveTracking="No Competition", customerDuns="012345678")
    base = answer(record)
    for name in ("nextStep", "competitiveTracking", "customerDuns", "salesActivities", "useCase"):
        merged = api_shape.merged_answer(base, update({name: None}, base), STAMPS)
        assert api_shape.from_get(merged)[name] is None


def test_a_description_stays_behind_where_a_solution_is_associated() -> None:
    """AWS clears the description then: sending it again and again would change nothing."""
    described = sound_record(otherSolutionOffered="Our own service")
    solved = described | {"solutionOffered": ("S-1234567",)}
    assert create(described)["Project"]["OtherSolutionDescription"] == "Our own service"
    assert "OtherSolutionDescription" not in create(solved)["Project"]
    base = answer(RelatedEntityIdentifiers={"Solutions": ["S-1234567"]})
    assert api_shape.changed_fields({"otherSolutionOffered": "Our own service"}, base) == {}
    assert api_shape.has_solution(api_shape.from_get(base))
    assert not api_shape.has_solution(described)

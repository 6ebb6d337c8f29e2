"""The business rules of the embedded Partner Central: what it refuses, with which code, on which field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sandbox_partner_central import COMPLETE, World, body, codes, refused

SPEND = "Project__ExpectedCustomerSpend"
STATE = "Customer__Account__Address__StateOrRegion"
POSTAL = "Customer__Account__Address__PostalCode"
COUNTRY = "Customer__Account__Address__CountryCode"


def spend(
    amount: str | None = "100.00",
    currency: str = "USD",
    frequency: str = "Monthly",
    company: str = "AWS",
    url: str = "",
) -> dict[str, str]:
    entry = {"CurrencyCode": currency, "Frequency": frequency, "TargetCompany": company}
    if amount is not None:
        entry["Amount"] = amount
    if url:
        entry["EstimationUrl"] = url
    return entry


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
    ("changes", "code", "field"),
    [
        ({"Project__Title": None}, "REQUIRED_FIELD_MISSING", "project.title"),
        ({"Project__Title": ""}, "REQUIRED_FIELD_MISSING", "project.title"),
        ({"Project__CustomerBusinessProblem": None}, "REQUIRED_FIELD_MISSING", "project.customerBusinessProblem"),
        ({"LifeCycle__TargetCloseDate": None}, "REQUIRED_FIELD_MISSING", "lifeCycle.targetCloseDate"),
        ({"Customer__Account__Industry": None}, "REQUIRED_FIELD_MISSING", "customer.account.industry"),
        ({"Customer__Account__WebsiteUrl": None}, "REQUIRED_FIELD_MISSING", "customer.account.websiteUrl"),
        ({COUNTRY: None}, "REQUIRED_FIELD_MISSING", "customer.account.address.countryCode"),
        ({SPEND: None}, "REQUIRED_FIELD_MISSING", "project.expectedCustomerSpend"),
        ({"Customer__Account__Industry": "Other"}, "REQUIRED_FIELD_MISSING", "customer.account.otherIndustry"),
        ({STATE: None}, "REQUIRED_FIELD_MISSING", "customer.account.address.stateOrRegion"),
        ({STATE: "WA"}, "INVALID_VALUE", "customer.account.address.stateOrRegion"),
        ({POSTAL: None}, "REQUIRED_FIELD_MISSING", "customer.account.address.postalCode"),
        ({COUNTRY: "AE", POSTAL: "99999"}, "INVALID_VALUE", "customer.account.address.postalCode"),
        ({COUNTRY: "AD", POSTAL: None}, "REQUIRED_FIELD_MISSING", "customer.account.address.postalCode"),
        ({"Project__CustomerUseCase": "Storage &amp; Backup"}, "INVALID_ENUM_VALUE", "project.customerUseCase"),
        ({"Project__CustomerUseCase": "Migration/Database Migration"}, "INVALID_ENUM_VALUE", "project.customerUseCase"),
        ({"Project__CompetitorName": "*Other"}, "REQUIRED_FIELD_MISSING", "project.otherCompetitorNames"),
        ({"Project__SalesActivities": []}, "NOT_ENOUGH_VALUES", "project.salesActivities"),
        ({"Project__DeliveryModels": []}, "NOT_ENOUGH_VALUES", "project.deliveryModels"),
        ({"PrimaryNeedsFromAws": []}, "NOT_ENOUGH_VALUES", "primaryNeedsFromAws"),
        ({"Customer__Contacts": [{}]}, "INVALID_VALUE", "customer.contacts.1.member"),
        (
            {"OpportunityType": "Expansion", "Project__RelatedOpportunityIdentifier": "O77"},
            "INVALID_VALUE",
            "project.relatedOpportunityIdentifier",
        ),
        ({"LifeCycle__TargetCloseDate": "2061-02-30"}, "INVALID_VALUE", "lifeCycle.targetCloseDate"),
        ({"LifeCycle__TargetCloseDate": "2001-01-01"}, "INVALID_VALUE", "lifeCycle.targetCloseDate"),
        ({"LifeCycle__TargetCloseDate": "2190-01-01"}, "VALUE_OUT_OF_RANGE", "lifeCycle.targetCloseDate"),
        ({"LifeCycle__Stage": "Closed Lost"}, "REQUIRED_FIELD_MISSING", "lifeCycle.closedLostReason"),
        ({"LifeCycle__ReviewStatus": "Approved"}, "ACTION_NOT_PERMITTED", "lifeCycle.reviewStatus"),
        ({"LifeCycle__ReviewComments": "fine"}, "ACTION_NOT_PERMITTED", "lifeCycle.reviewComments"),
        ({"Marketing": {"Source": "Marketing Activity"}}, "REQUIRED_FIELD_MISSING", "marketing.awsFundingUsed"),
        ({"Marketing": {"CampaignName": "Spring"}}, "REQUIRED_FIELD_MISSING", "marketing.source"),
        ({"Marketing": {"Source": "None", "AwsFundingUsed": "No"}}, "INVALID_VALUE", "marketing.awsFundingUsed"),
        ({"Marketing": {"Source": "None", "CampaignName": "S"}}, "INVALID_VALUE", "marketing.campaignName"),
        ({"Marketing": {"Source": "None", "UseCases": ["AI/ML"]}}, "INVALID_VALUE", "marketing.useCases"),
        ({"Marketing": {"Source": "None", "Channels": ["TV"]}}, "INVALID_VALUE", "marketing.channels"),
        (
            {"Marketing": {"Source": "Marketing Activity", "AwsFundingUsed": "No", "UseCases": ["Cooking"]}},
            "INVALID_ENUM_VALUE",
            "marketing.useCases.1.member",
        ),
        (
            {"SoftwareRevenue": {"EffectiveDate": "2030-02-01", "ExpirationDate": "2030-01-01"}},
            "INVALID_VALUE",
            "softwareRevenue.effectiveDate",
        ),
        ({"NationalSecurity": "Yes"}, "INVALID_VALUE", "nationalSecurity"),
        (
            {"PrimaryNeedsFromAws": ["Co-Sell - Deal Support", "Do Not Need Support from AWS Sales Rep"]},
            "INVALID_VALUE",
            "primaryNeedsFromAws",
        ),
        ({SPEND: [spend("0")]}, "INVALID_VALUE", "project.expectedCustomerSpend.1.member.amount"),
        ({SPEND: [spend("0.00")]}, "INVALID_VALUE", "project.expectedCustomerSpend.1.member.amount"),
        ({SPEND: [spend(None)]}, "REQUIRED_FIELD_MISSING", "project.expectedCustomerSpend.1.member.amount"),
        ({SPEND: [spend("")]}, "REQUIRED_FIELD_MISSING", "project.expectedCustomerSpend.1.member.amount"),
        ({SPEND: [spend(currency="EUR")]}, "INVALID_VALUE", "project.expectedCustomerSpend.1.member.currencyCode"),
        (
            {"Project__AwsPartition": "aws-eusc"},
            "INVALID_VALUE",
            "project.expectedCustomerSpend.1.member.currencyCode",
        ),
        ({SPEND: [spend(frequency="None")]}, "INVALID_VALUE", "project.expectedCustomerSpend.frequency"),
    ],
)
def test_a_broken_rule_is_told_with_its_code_and_field(
    world: World, changes: dict[str, Any], code: str, field: str
) -> None:
    error = refused(lambda: world.create(body(**changes)))
    assert error["Reason"] == "BUSINESS_VALIDATION_FAILED"
    assert codes(error) == {(code, field)}


@pytest.mark.parametrize(
    "changes",
    [
        {"Customer__Account__Industry": "Other", "Customer__Account__OtherIndustry": "Pottery"},
        {STATE: "Dist. of Columbia"},
        {STATE: "FPO, AP"},
        {COUNTRY: "AE", POSTAL: None, STATE: None},
        {COUNTRY: "AD", POSTAL: "anything", STATE: None},
        {COUNTRY: "DE", POSTAL: "80331", STATE: "Bayern"},
        {"Project__AwsPartition": "aws-eusc", SPEND: [spend(currency="EUR")]},
        {"Project__CompetitorName": "*Other", "Project__OtherCompetitorNames": "Contoso"},
        {"Marketing": {"Source": "Marketing Activity", "AwsFundingUsed": "Yes", "Channels": ["TV"]}},
        {"PrimaryNeedsFromAws": ["Do Not Need Support from AWS Sales Rep"]},
        {"PrimaryNeedsFromAws": None},
        {"LifeCycle__Stage": "Closed Lost", "LifeCycle__ClosedLostReason": "Price"},
        {"Marketing": None},
    ],
)
def test_what_keeps_the_rules_is_accepted(world: World, changes: dict[str, Any]) -> None:
    assert world.create(body(**changes))


def test_all_broken_rules_come_at_once(world: World) -> None:
    broken = body(Project__Title=None, Marketing={"Source": "None", "CampaignName": "x"}, **{STATE: "WA"})
    assert {field for _, field in codes(refused(lambda: world.create(broken)))} == {
        "project.title",
        "marketing.campaignName",
        "customer.account.address.stateOrRegion",
    }


def test_the_close_date_must_lie_after_the_sandboxs_today(world: World) -> None:
    """Today is refused, tomorrow is not; the sandbox clock says what today is."""
    today = world.clock.now().date()
    field = ("INVALID_VALUE", "lifeCycle.targetCloseDate")
    assert codes(refused(lambda: world.create(body(LifeCycle__TargetCloseDate=today.isoformat())))) == {field}
    tomorrow = (today + timedelta(days=1)).isoformat()
    assert world.create(body(LifeCycle__TargetCloseDate=tomorrow))
    world.clock.advance(86400)
    assert codes(refused(lambda: world.create(body(LifeCycle__TargetCloseDate=tomorrow)))) == {field}


def test_classified_opportunities_are_government_and_need_no_address(world: World) -> None:
    """National security: industry Government; website, state and postal code may be missing; the country becomes US."""
    classified = body(
        NationalSecurity="Yes",
        Customer__Account__Industry="Government",
        Customer__Account__WebsiteUrl=None,
        **{STATE: None, POSTAL: None, COUNTRY: "DE"},
    )
    stored = world.get(world.create(classified))
    assert stored["Customer"]["Account"]["Address"]["CountryCode"] == "US"
    classified["PrimaryNeedsFromAws"] = ["Do Not Need Support from AWS Sales Rep"]
    assert codes(refused(lambda: world.create(classified))) == {("INVALID_VALUE", "primaryNeedsFromAws")}


def test_what_is_left_out_gets_the_documented_defaults(world: World) -> None:
    stored = world.get(world.create(body(OpportunityType=None, Marketing=None, NationalSecurity=None)))
    assert stored["OpportunityType"] == "Net New Business"
    assert stored["Marketing"] == {"Source": "None"}
    assert stored["NationalSecurity"] == "No"
    assert stored["LifeCycle"]["ReviewStatus"] == "Pending Submission"


def test_unknown_programs_vanish_without_a_word(world: World) -> None:
    stored = world.get(world.create(body(Project__ApnPrograms=["Windows", "Free Lunch"])))
    assert stored["Project"]["ApnPrograms"] == ["Windows"]


def test_a_related_opportunity_is_kept_unless_the_business_is_new(world: World) -> None:
    parent = world.create()
    expansion = body(OpportunityType="Expansion", Project__RelatedOpportunityIdentifier=parent)
    assert world.get(world.create(expansion))["Project"]["RelatedOpportunityIdentifier"] == parent
    new = body(Project__RelatedOpportunityIdentifier=parent)
    assert "RelatedOpportunityIdentifier" not in world.get(world.create(new))["Project"]


def test_another_target_company_is_rewritten_to_aws(world: World) -> None:
    stored = world.get(world.create(body(**{SPEND: [spend(company="Contoso")]})))
    assert [each["TargetCompany"] for each in stored["Project"]["ExpectedCustomerSpend"]] == ["AWS"]


@pytest.mark.parametrize(
    ("email", "title", "field"),
    [
        ("nobody@northwind.example", "OpportunityOwner", "opportunityTeam.email"),
        ("sam.okafor@northwind.example", "Seller", "opportunityTeam.businessTitle"),
    ],
)
def test_the_team_holds_known_owners_and_known_titles(world: World, email: str, title: str, field: str) -> None:
    team = [{"Email": email, "FirstName": "S", "LastName": "O", "BusinessTitle": title}]
    assert codes(refused(lambda: world.create(OpportunityTeam=team))) == {("INVALID_VALUE", field)}


def test_an_owners_name_comes_from_the_profile(world: World) -> None:
    team = [
        {
            "Email": "sam.okafor@northwind.example",
            "FirstName": "X",
            "LastName": "Y",
            "BusinessTitle": "OpportunityOwner",
        },
        {"Email": "pam@x.example", "FirstName": "Pam", "LastName": "P", "BusinessTitle": "PartnerAccountManager"},
    ]
    stored = world.get(world.create(OpportunityTeam=team))["OpportunityTeam"]
    assert [(each["FirstName"], each["BusinessTitle"]) for each in stored] == [
        ("Sam", "OpportunityOwner"),
        ("Pam", "PartnerAccountManager"),
    ]


def test_origin_is_for_the_sandbox_catalog_alone(world: World) -> None:
    assert codes(refused(lambda: world.create(Origin="AWS Referral"))) == {("ACTION_NOT_PERMITTED", "origin")}


CONTRACT = {"Term": "Months", "Value": "12"}
OWN = spend("12000.00", frequency="None", company="Self")
URL = "https://calculator.aws/#/estimate?id=" + "0" * 40


@pytest.mark.parametrize(
    ("entries", "duration", "field"),
    [
        ([OWN], None, "project.expectedContractDuration"),
        ([spend()], CONTRACT, "project.expectedCustomerSpend"),
        ([OWN, OWN], CONTRACT, "project.expectedCustomerSpend"),
        ([OWN, spend(company="Contoso")], CONTRACT, "project.expectedCustomerSpend.targetCompany"),
        ([OWN, spend(currency="EUR")], CONTRACT, "project.expectedCustomerSpend.currencyCode"),
        ([{**OWN, "EstimationUrl": URL}], CONTRACT, "project.expectedCustomerSpend.estimationUrl"),
        ([OWN], {"Term": "Months", "Value": "145"}, "project.expectedContractDuration.value"),
        ([OWN], {"Term": "Months", "Value": "0"}, "project.expectedContractDuration.value"),
    ],
)
def test_contract_value_rules(
    world: World, entries: list[dict[str, str]], duration: dict[str, str] | None, field: str
) -> None:
    wrong = body(**{SPEND: entries, "Project__ExpectedContractDuration": duration})
    assert ("INVALID_VALUE", field) in codes(refused(lambda: world.create(wrong)))


def test_a_contract_value_comes_back_with_awss_estimate(world: World) -> None:
    """Two entries are returned: AWS's monthly estimate and the contract value."""
    stored = world.get(world.create(body(**{SPEND: [OWN], "Project__ExpectedContractDuration": CONTRACT})))
    assert {each["TargetCompany"]: each["Amount"] for each in stored["Project"]["ExpectedCustomerSpend"]} == {
        "AWS": "1000.00",
        "Self": "12000.00",
    }


def test_a_contract_duration_that_is_left_out_stays_with_its_value(world: World) -> None:
    """The one exception from full replacement; the contract value is rebuilt from storage."""
    identifier = world.create(body(**{SPEND: [OWN], "Project__ExpectedContractDuration": CONTRACT}))

    def leave_out(request: dict[str, Any]) -> None:
        del request["Project"]["ExpectedContractDuration"]
        request["Project"]["ExpectedCustomerSpend"] = [spend("1000.00")]

    world.update(identifier, leave_out)
    project = world.get(identifier)["Project"]
    assert project["ExpectedContractDuration"] == CONTRACT
    assert [each["TargetCompany"] for each in project["ExpectedCustomerSpend"]] == ["AWS", "Self"]


def test_an_explicit_null_clears_the_contract_duration(world: World) -> None:
    identifier = world.create(body(**{SPEND: [OWN], "Project__ExpectedContractDuration": CONTRACT}))
    client = world.connect()

    def set_null(params: dict[str, bytes], **_: object) -> None:
        sent = json.loads(params["body"])
        sent["Project"]["ExpectedContractDuration"] = None
        params["body"] = json.dumps(sent).encode()

    client.meta.events.register("before-call.partnercentral-selling.UpdateOpportunity", set_null)
    request = world.writable(identifier)
    request["Project"]["ExpectedCustomerSpend"] = [spend("900.00")]
    client.update_opportunity(**request)
    project = world.get(identifier)["Project"]
    assert "ExpectedContractDuration" not in project
    assert project["ExpectedCustomerSpend"] == [spend("900.00")]


@pytest.mark.parametrize(
    ("entry", "stored"),
    [
        (spend(None, url=URL), spend("1.00", url=URL)),
        (spend("1.00", url=URL), spend("1.00", url=URL)),
        (spend("2.00", url=URL), spend("2.00")),
        (spend("2.00", url=URL.replace("=0000", "=dead")), spend("2.00")),
    ],
)
def test_the_pricing_calculator_fills_or_loses_against_the_amount(
    world: World, entry: dict[str, str], stored: dict[str, str]
) -> None:
    """An address alone gives the amount; beside another amount it is dropped without an error."""
    assert world.get(world.create(body(**{SPEND: [entry]})))["Project"]["ExpectedCustomerSpend"] == [stored]


def test_an_address_without_an_estimate_is_refused_when_nothing_else_is_given(world: World) -> None:
    entry = spend(None, url=URL.replace("=0000", "=dead"))
    error = refused(lambda: world.create(body(**{SPEND: [entry]})))
    assert codes(error) == {("INVALID_VALUE", "project.expectedCustomerSpend.estimationUrl")}


@pytest.mark.parametrize(
    ("country", "good", "bad"),
    [
        ("US", ["98101", "98101-1234"], ["9810", "981011"]),
        ("CA", ["M5V 2T6", "M5V2T6"], ["M5V-2T6", "55V 2T6"]),
        ("GB", ["LS1 4AP", "SW1A 1AA", "EC1A1BB"], ["LS1 4A", "12345"]),
        ("DE", ["80331"], ["8033", "D-80331"]),
        ("NL", ["1012 AB", "1012AB"], ["1012"]),
        ("SE", ["S-12345", "SE-12345", "12345", "123 45"], ["1234"]),
        ("JP", ["1234567", "123-4567"], ["1234-567"]),
        ("BR", ["12345", "12345-678"], ["1234"]),
        ("GF", ["97300"], ["97400"]),
        ("BM", ["HM 12", "HM AX"], ["HM12"]),
        ("AD", ["whatever"], []),
    ],
)
def test_a_postal_codes_form_is_checked_at_submission_only(
    world: World, country: str, good: list[str], bad: list[str]
) -> None:
    """A draft with a malformed code can be created, and cannot be submitted."""
    state = "Washington" if country == "US" else None
    for code in good + bad:
        identifier = world.create(body(**{COUNTRY: country, POSTAL: code, STATE: state}))
        world.associate(identifier)
        task = world.submit(identifier)
        assert task["TaskStatus"] == ("COMPLETE" if code in good else "FAILED"), code
        if code in bad:
            assert task["ReasonCode"] == "OpportunityValidationFailed"
            assert "postal code" in task["Message"]


@pytest.mark.parametrize(
    ("changes", "involvement", "part"),
    [
        ({"Project__CustomerUseCase": None}, "Co-Sell", "Project.CustomerUseCase"),
        ({"Project__DeliveryModels": None}, "Co-Sell", "Project.DeliveryModels"),
        ({"Project__SalesActivities": None}, "Co-Sell", "Project.SalesActivities"),
        ({"PrimaryNeedsFromAws": None}, "Co-Sell", "PrimaryNeedsFromAws"),
        (
            {"PrimaryNeedsFromAws": ["Do Not Need Support from AWS Sales Rep"]},
            "Co-Sell",
            "InvolvementType Co-Sell when PrimaryNeedsFromAws Is Do Not Need",
        ),
        ({}, "For Visibility Only", "InvolvementType For Visibility Only when PrimaryNeedsFromAws Is Co-Sell"),
    ],
)
def test_a_task_fails_when_the_record_cannot_be_submitted(
    world: World, changes: dict[str, Any], involvement: str, part: str
) -> None:
    """The call succeeds; the task tells the failure, and the record stays a draft."""
    identifier = world.create(body(**changes))
    world.associate(identifier)
    task = world.submit(identifier, involvement)
    assert (task["TaskStatus"], task["ReasonCode"]) == ("FAILED", "OpportunityValidationFailed")
    assert part in task["Message"]
    assert "EngagementId" not in task
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Pending Submission"


def test_a_submission_needs_a_solution_or_a_description_of_one(world: World) -> None:
    bare = world.create()
    task = world.submit(bare)
    assert task["TaskStatus"] == "FAILED"
    assert "RelatedEntityIdentifiers.Solutions" in task["Message"]
    assert world.submit(world.create(body(Project__OtherSolutionDescription="Ours")))["TaskStatus"] == "COMPLETE"


def test_visibility_only_needs_neither_needs_nor_activities(world: World) -> None:
    """The service fills the needs with the value that the model does not list."""
    identifier = world.create(body(PrimaryNeedsFromAws=None, Project__SalesActivities=None))
    world.associate(identifier)
    assert world.submit(identifier, "For Visibility Only")["TaskStatus"] == "COMPLETE"
    assert world.get(identifier)["PrimaryNeedsFromAws"] == ["Do Not Need Support from AWS Sales Rep"]


def test_co_sell_cannot_be_limited_and_limited_needs_eligibility(world: World) -> None:
    identifier = world.create(body(PrimaryNeedsFromAws=None))
    world.associate(identifier)
    error = refused(lambda: world.submit(identifier, "Co-Sell", Visibility="Limited"))
    assert "Cannot set visibility to limited" in error["Error"]["Message"]
    world.submit(identifier, "For Visibility Only", Visibility="Limited")
    summary = world.client.get_aws_opportunity_summary(Catalog="AWS", RelatedOpportunityIdentifier=identifier)
    assert (summary["InvolvementType"], summary["Visibility"]) == ("For Visibility Only", "Full")


@pytest.mark.parametrize("stage", ["Committed", "Launched"])
def test_late_stages_need_a_solution_of_the_partners_own(world: World, stage: str) -> None:
    described = world.create(body(Project__OtherSolutionDescription="Ours"))
    error = refused(lambda: world.update(described, lambda body: body["LifeCycle"].update(Stage=stage)))
    assert "cannot be 'Other'" in error["Error"]["Message"]
    world.associate(described)
    world.update(described, lambda body: body["LifeCycle"].update(Stage=stage))
    assert world.get(described)["LifeCycle"]["Stage"] == stage


def test_launch_asks_services_partners_for_the_customers_account(world: World) -> None:
    world.settings.partner_path = "Consulting"
    identifier = world.in_phase("Approved")
    error = refused(lambda: world.update(identifier, lambda body: body["LifeCycle"].update(Stage="Launched")))
    assert codes(error) == {("REQUIRED_FIELD_MISSING", "customer.account.awsAccountId")}

    def launch(request: dict[str, Any]) -> None:
        request["LifeCycle"]["Stage"] = "Launched"
        request["Customer"]["Account"]["AwsAccountId"] = "123456789012"

    world.update(identifier, launch)


def test_launch_asks_for_the_software_revenue_in_a_revenue_program(world: World) -> None:
    world.settings.revenue_program = True
    identifier = world.in_phase("Approved")
    error = refused(lambda: world.update(identifier, lambda body: body["LifeCycle"].update(Stage="Launched")))
    assert {field for _, field in codes(error)} == {
        f"softwareRevenue.{name}" for name in ("deliveryModel", "value", "effectiveDate", "expirationDate")
    }


def test_an_update_needs_stage_and_marketing_source(world: World) -> None:
    identifier = world.create()
    error = refused(lambda: world.update(identifier, lambda body: body["LifeCycle"].pop("Stage")))
    assert codes(error) == {("REQUIRED_FIELD_MISSING", "lifeCycle.stage")}
    error = refused(lambda: world.update(identifier, lambda body: body.pop("Marketing")))
    assert codes(error) == {("REQUIRED_FIELD_MISSING", "marketing.source")}


def test_the_complete_record_passes_untouched(world: World) -> None:
    """The record that the rules above start from is itself in order."""
    identifier = world.create(COMPLETE)
    world.associate(identifier)
    assert world.submit(identifier)["TaskStatus"] == "COMPLETE"

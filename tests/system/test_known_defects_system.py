"""Defects that later releases of AWS's own connector mended, and that this one never had."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from system_world import DEALS, DETAILS, Live, World, codes

APN = "ACE_APN_Unique_Identifier__c"


def sent(world: World, record: str) -> dict[str, Any]:
    """Return the body with which the record's one opportunity was created."""
    (create,) = world.proxy.named("CreateOpportunity", record)
    return create.body


def refusal(message: str) -> tuple[int, dict[str, Any]]:
    problem = {"Code": "INVALID_VALUE", "FieldName": "relatedEntityIdentifier", "Message": message}
    return 400, {
        "__type": "ValidationException",
        "Message": "No.",
        "Reason": "BUSINESS_VALIDATION_FAILED",
        "ErrorList": [problem],
    }


def test_the_identifier_is_on_the_record_before_anything_else_can_fail(live: Live) -> None:
    """3.19, 3.16: an unlinked record cannot be managed, and the solutions set at creation survive."""
    world, record = live.world, live.world.deal()
    world.proxy.scripted["AssociateOpportunity"] = [refusal("The solution is being reviewed.")]
    live.worker.cycle()
    (identifier,) = world.of_record(record)
    assert world.row(record)[APN] == identifier and "being reviewed" in world.errors(record)[0]["Error_Message__c"]
    assert world.get(identifier)["LifeCycle"]["ReviewStatus"] == "Pending Submission"
    solution = world.row(record, "Solution_Offered__c")["Solution_Offered__c"]
    world.edit(record, Next_Step__c="Try again")
    live.worker.cycle()
    answer = world.get(identifier)
    assert answer["LifeCycle"]["ReviewStatus"] == "Submitted" and world.of_record(record) == [identifier]
    assert answer["RelatedEntityIdentifiers"]["Solutions"] == [solution]
    assert world.row(record, "Solution_Offered__c")["Solution_Offered__c"] == solution


def test_create_and_associate_are_chained_without_a_duplicate(live: Live) -> None:
    """3.18: passing faults between the two leave one opportunity, with its solution, and one record."""
    world, record = live.world, live.world.deal()
    world.fault("partner_central", "AssociateOpportunity", "status", status=500, times=2)
    live.worker.cycle()
    live.worker.cycle(61)
    (identifier,) = world.of_record(record)
    assert world.get(identifier)["RelatedEntityIdentifiers"]["Solutions"]
    assert [row["Id"] for row in world.find(f"{APN} = '{identifier}'")] == [record]


def test_the_packages_validation_rules_do_not_stand_in_the_workers_way(live: Live) -> None:
    """3.17, 3.18: a person must say which other industry it is; what AWS says is written all the same."""
    world, (record, identifier) = live.world, live.worker.shared("In review")
    refused = world.seller.patch(f"sobjects/{DEALS}/{record}", {"Industry__c": "Other", "Industry_Other__c": None})
    assert refused.status_code == 400 and "FIELD_CUSTOM_VALIDATION_EXCEPTION" in refused.text
    world.edit_at_aws(identifier, Customer__Account__Industry="Other")
    live.worker.cycle()
    assert world.row(record, "Industry__c")["Industry__c"] == "Other" and world.errors(record) == []


def test_a_country_without_postal_codes_needs_none(live: Live) -> None:
    """3.16."""
    world = live.world
    record = world.deal(Country__c="HK", State_or_Region__c=None, City__c="Kowloon", Postal_Code__c=None)
    live.worker.cycle()
    assert world.opportunity(record)["LifeCycle"]["ReviewStatus"] == "Submitted"
    assert "PostalCode" not in sent(world, record)["Customer"]["Account"]["Address"]


def test_what_aws_finds_wrong_only_when_it_submits_is_told_on_the_record(live: Live) -> None:
    """3.13: a postal code that fails later leaves no silent draft."""
    world, record = live.world, live.world.deal()
    failed = {
        "TaskId": "task-abcdefghijklm", "TaskStatus": "FAILED", "ReasonCode": "OpportunityValidationFailed",
        "Message": "The postal code is invalid for country DE.", "StartTime": "2026-11-27T10:00:00Z",
    }  # fmt: skip
    world.proxy.scripted["StartEngagementFromOpportunityTask"] = [(200, failed)]
    live.worker.cycle()
    (error,) = world.errors(record)
    assert codes([error]) == ["SUBMISSION_FAILED"] and "postal code is invalid" in error["Error_Message__c"]
    world.edit(record, Next_Step__c="Corrected")
    live.worker.cycle()
    assert world.opportunity(record)["LifeCycle"]["ReviewStatus"] == "Submitted" and world.errors(record) == []


def test_other_travels_with_its_text_and_large_amounts_in_full(live: Live) -> None:
    """3.15, 3.13: the industry's and the solution's text, no exponent, and numbers that are texts."""
    world = live.world
    record = world.deal(
        Industry__c="Other", Industry_Other__c="Circus", Customer_DUNS__c="012345678",
        Expected_Monthly_AWS_Revenue__c=123456789012, Solution_Offered__c=None,
        Other_Solution_Offered__c="A tent of our own",
    )  # fmt: skip
    live.worker.cycle()
    account, project = sent(world, record)["Customer"]["Account"], sent(world, record)["Project"]
    assert (account["Industry"], account["OtherIndustry"], account["Duns"]) == ("Other", "Circus", "012345678")
    assert project["OtherSolutionDescription"] == "A tent of our own"
    (spend,) = project["ExpectedCustomerSpend"]
    assert spend["Amount"].partition(".")[0] == "123456789012"
    assert world.opportunity(record)["LifeCycle"]["ReviewStatus"] == "Submitted", "no draft is left behind"


def test_the_field_for_errors_takes_long_ones(live: Live) -> None:
    """3.13: 128 KB."""
    fields = live.world.admin.get(f"sobjects/{DETAILS}/describe").json()["fields"]
    (length,) = [one["length"] for one in fields if one["name"] == "Error_Message__c"]
    assert length == 131_072


def test_changes_in_partner_central_make_no_second_record(live: Live) -> None:
    """3.11: another solution chosen there comes to the same record, and a later edit goes to the same opportunity."""
    world, (record, identifier) = live.world, live.worker.shared()
    world.edit_at_aws(identifier, RelatedEntityIdentifiers__Solutions=["S-2000034"], Project__Title="Renamed there")
    live.worker.cycle()
    row = world.row(record, "Solution_Offered__c", "Partner_Project_Title__c")
    assert (row["Solution_Offered__c"], row["Partner_Project_Title__c"]) == ("S-2000034", "Renamed there")
    world.edit(record, Next_Step__c="Edited here")
    live.worker.cycle()
    assert world.of_record(record) == [identifier]
    assert [one["Id"] for one in world.find(f"{APN} = '{identifier}'")] == [record]
    assert world.get(identifier)["RelatedEntityIdentifiers"]["Solutions"] == ["S-2000034"]


@pytest.mark.requirement("LOG-24")
def test_every_transaction_leaves_a_log_and_a_detail(live: Live) -> None:
    """Share, review, association, assignment and refusal: an auditor finds each, with its record."""
    world, record = live.world, live.world.deal()
    live.worker.cycle()
    (identifier,) = world.of_record(record)
    trail = {"share": len(world.details(record))}
    world.review(identifier, "Approved")
    live.worker.cycle()
    trail["approve"] = len(world.details(record))
    world.do("action", "associate", record, "--product", "AmazonEC2")
    live.worker.settle()
    trail["associate"] = len(world.details(record))
    person = ("--email", "sam.okafor@northwind.example", "--first-name", "Sam", "--last-name", "Okafor")
    world.do("action", "assign", record, *person)
    live.worker.settle()
    trail["assign"] = len(world.details(record))
    counts = list(trail.values())
    assert counts[0] >= 1 and all(later > earlier for earlier, later in pairwise(counts)), trail
    keys = {one["Sync_Log__r"]["Log_Key__c"] for one in world.details(record)}
    assert keys <= {log["Log_Key__c"] for log in world.logs()}

"""Fallbacks as an admin sets them and a seller meets them: off by default, visible wherever they are used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from system_world import World, open_world

WEBSITE, TITLE, NEXT_STEP = "customerWebsite", "partnerProjectTitle", "nextStep"
BAD = (("UPPER(Nmae)", "Nmae"), ("SHOUT(Name)", "SHOUT"), ("VLOOKUP(1, 2, 3)", "inside Salesforce"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world"), Update_Automatically__c=True) as world:
        world.do("mapping", "automap")
        publish(world)
        yield world


def fallback(world: World, ace_field: str, *options: str, code: int = 0) -> str:
    ran = world.do("mapping", "fallback", ace_field, *options, code=code)
    return f"{ran.out}{ran.err}"


def publish(world: World) -> None:
    world.do("mapping", "publish")


def told(world: World, record: str) -> str:
    return "\n".join(str(one["Error_Message__c"]) for one in world.details(record) if one["Error_Message__c"])


def test_a_value_and_a_formula_stand_in_for_empty_fields_and_the_log_says_so(world: World) -> None:
    record = world.deal(Customer_Website__c=None, Next_Step__c=None)
    world.do("action", "share", record, code=1)
    # Off by default: what AWS requires is missing, and nothing is made up for it.
    assert [(one["Error_Code__c"], one["Status__c"]) for one in world.errors(record)] != []
    assert "customerWebsite" in told(world, record) and "Fallback" not in told(world, record)
    assert world.of_record(record) == []

    fallback(world, WEBSITE, "--to-aws-value", "https://www.example.com")
    fallback(world, NEXT_STEP, "--to-aws-formula", "'Call ' & Customer_Company_Name__c & ' about ' & TEXT(Stage__c)")
    publish(world)
    company = world.row(record, "Customer_Company_Name__c")["Customer_Company_Name__c"]
    world.edit(record, Use_Case__c="Archiving")
    world.do("action", "share", record)
    opportunity = world.opportunity(record)
    assert opportunity["Customer"]["Account"]["WebsiteUrl"] == "https://www.example.com"
    assert opportunity["LifeCycle"]["NextSteps"] == f"Call {company} about Prospect"
    assert world.errors(record) == []
    note = told(world, record)
    assert "Fallback used for customerWebsite (Customer_Website__c): https://www.example.com." in note
    assert f"Fallback used for nextStep (Next_Step__c): Call {company} about Prospect, by the formula" in note
    # Neither comes back into the empty fields, and AWS is not written again.
    world.review(opportunity["Id"], "Approved")
    world.sync("inbound", record)
    at_rest = world.opportunity(record)["LastModifiedDate"]
    world.advance(timedelta(days=2).total_seconds())
    world.sync("outbound")
    world.sync("inbound")
    row = world.row(record, "Customer_Website__c", "Next_Step__c")
    assert (row["Customer_Website__c"], row["Next_Step__c"]) == (None, None)
    assert world.opportunity(record)["LastModifiedDate"] == at_rest
    # The preview shows it before anything is sent.
    shown = world.preview(world.deal(Customer_Website__c=None))
    assert shown["payload"]["Customer"]["Account"]["WebsiteUrl"] == "https://www.example.com"


def test_a_formula_that_cannot_work_is_refused_and_one_that_fails_names_itself(world: World) -> None:
    for formula, reason in BAD:
        refused = world.run("mapping", "fallback", TITLE, "--to-aws-formula", formula)
        if refused.code == 0:
            refused = world.run("mapping", "publish")
        assert refused.code != 0
        assert reason in refused.out + refused.err
    fallback(world, NEXT_STEP, "--to-aws-formula", "'Share ' & TEXT(1 / (Expected_Monthly_AWS_Revenue__c - 800))")
    fallback(world, TITLE, "--none")
    publish(world)
    record = world.deal(Next_Step__c=None, Expected_Monthly_AWS_Revenue__c=800)
    world.do("action", "share", record, code=1)
    (error,) = [one for one in world.errors(record) if one["Error_Code__c"] == "FALLBACK_FAILED"]
    for part in ("nextStep", "1 / (Expected_Monthly_AWS_Revenue__c", "cannot be computed", "Next_Step__c"):
        assert part in error["Error_Message__c"]
    assert world.of_record(record) == []


def test_what_aws_leaves_empty_is_stood_in_for_when_its_record_comes(world: World) -> None:
    fallback(world, NEXT_STEP, "--none")
    fallback(world, NEXT_STEP, "--from-aws-formula", "'Plan with ' & customerCompanyName")
    publish(world)
    record, identifier = world.shared()
    world.edit_at_aws(identifier, LifeCycle__NextSteps=None)
    world.sync("inbound", record)
    row = world.row(record, "Next_Step__c", "Customer_Company_Name__c")
    assert row["Next_Step__c"] == f"Plan with {row['Customer_Company_Name__c']}"
    assert "Fallback used for nextStep (Next_Step__c): Plan with" in told(world, record)
    # It is our own writing: AWS is not told of it, then or later, until a person edits the field.
    for _ in range(2):
        world.advance(3600)
        world.sync("outbound")
    assert "NextSteps" not in world.get(identifier)["LifeCycle"]

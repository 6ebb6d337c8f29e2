"""Promises of the field catalogue: it agrees with AWS's service model and with the package."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape
from service_model import enum_of, service_model

from connector.ace import paths
from connector.ace.catalogue import AceField, FieldType, Moment, Owner, field_by_path, lead_fields, opportunity_fields
from connector.data.values import countries, standard_values, value_lists
from connector.names import PACKAGED

FIELDS = list(opportunity_fields().values())
LEAD_FIELDS = list(lead_fields().values())
OPERATIONS = {
    "create_path": ("CreateOpportunity", "input_shape"),
    "update_path": ("UpdateOpportunity", "input_shape"),
    "get_path": ("GetOpportunity", "output_shape"),
    "summary_path": ("GetAwsOpportunitySummary", "output_shape"),
}


def shape_at(root: Shape, path: str) -> Shape | None:
    """Return the shape that a catalogue path leads to; None when the model has no such place."""
    shape: Any = root
    for step in paths.parse(path):
        for member in step.several or (step.member,):
            if not isinstance(shape, StructureShape) or member not in shape.members:
                return None
        shape = shape.members[(step.several or (step.member,))[-1]]
        if step.selector:
            shape = shape.member
    return shape if isinstance(shape, Shape) else None


def placed() -> list[Any]:
    return [
        pytest.param(field, operation, id=f"{field.name}-{operation}")
        for field in FIELDS
        for operation in OPERATIONS
        if getattr(field, operation)
    ]


@pytest.mark.parametrize(("field", "operation"), placed())
def test_every_path_leads_to_a_place_in_the_service_model(field: AceField, operation: str) -> None:
    name, side = OPERATIONS[operation]
    root = getattr(service_model().operation_model(name), side)
    shape = shape_at(root, getattr(field, operation))
    assert shape is not None
    if isinstance(shape, ListShape):
        assert field.type in (FieldType.MULTI_PICKLIST, FieldType.TEXT_LIST)
        shape = shape.member
    if isinstance(shape, StringShape) and shape.enum and field.values:
        assert set(field.values) <= enum_of(shape.name)
        if field.name != "project.expectedCustomerSpend.currencyCode":
            assert set(field.values) == enum_of(shape.name)


@pytest.mark.parametrize("field", [field for field in FIELDS if field.update_path], ids=lambda field: field.name)
def test_lengths_and_patterns_are_those_of_the_service_model(field: AceField) -> None:
    shape = shape_at(service_model().operation_model("UpdateOpportunity").input_shape, field.update_path)
    assert shape is not None
    limit = re.fullmatch(r"\(\?s\)\.\{(\d+),(\d+)\}", shape.metadata.get("pattern", ""))
    if limit:
        assert field.length is not None
        assert field.length <= int(limit[2])
        assert field.min_length >= int(limit[1]) or int(limit[1]) == 1
    if field.pattern and field.name != "awsAccountId":
        assert field.pattern == shape.metadata["pattern"]


def leaves(shape: Shape, prefix: str = "") -> set[str]:
    """Return the paths of all plain members, list elements as ``[]``."""
    if isinstance(shape, StructureShape):
        return {leaf for name, member in shape.members.items() for leaf in leaves(member, f"{prefix}.{name}")}
    if isinstance(shape, ListShape):
        return leaves(shape.member, f"{prefix}[]")
    return {prefix.lstrip(".")}


def test_every_member_that_an_update_can_carry_is_in_the_catalogue() -> None:
    """A new version of the service model fails here first: the member needs a field or a reason."""
    known = {re.sub(r"\[[^]]*\]", "[]", field.update_path) for field in FIELDS if field.update_path}
    known |= {f"{path}[]" for path in known}
    deliberate = {
        "Catalog", "Identifier", "LastModifiedDate",
        "Project.ExpectedContractDuration.Term", "Project.ExpectedCustomerSpend[].Frequency",
        "Project.ExpectedCustomerSpend[].TargetCompany",
        "LifeCycle.ReviewStatus", "LifeCycle.ReviewComments", "LifeCycle.ReviewStatusReason",
        "LifeCycle.NextStepsHistory[].Value", "LifeCycle.NextStepsHistory[].Time",
    }  # fmt: skip
    shape = service_model().operation_model("UpdateOpportunity").input_shape
    assert shape is not None
    assert leaves(shape) - known == deliberate


@pytest.mark.parametrize("field", [*FIELDS, *LEAD_FIELDS], ids=lambda field: field.name)
def test_aws_fields_only_come_in(field: AceField) -> None:
    if field.owner is Owner.AWS:
        assert not field.outbound or field is lead_fields()["apnCrmUniqueIdentifier"]
        assert not field.create_path
        assert not field.update_path


def test_new_mappings_protect_stage_close_date_and_closed_lost_reason() -> None:
    assert {field.name for field in FIELDS if field.protected} == {"stage", "targetCloseDate", "closedLostReason"}


def test_people_are_marked_as_personal() -> None:
    person = re.compile(
        r"(Email|[fF]irstName|[lL]astName|fullName|Phone|customerTitle|OwnerName|SalesRepName)$|^(email|phone|title)$"
    )
    assert all(field.personal for field in (*FIELDS, *LEAD_FIELDS) if person.search(field.name))
    assert not lead_fields()["company"].personal
    assert not opportunity_fields()["customerCompanyName"].personal


@pytest.mark.parametrize("fields", [FIELDS, LEAD_FIELDS], ids=["opportunity", "lead"])
def test_names_of_salesforce_fields_are_legal_and_unique(fields: list[AceField]) -> None:
    names = [field.salesforce_name for field in fields if field.salesforce_name]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*__c", name) and len(name) <= 43 for name in names)
    assert next(field for field in fields if field.name == "apnCrmUniqueIdentifier").salesforce_name == PACKAGED.apn_id


SAMPLE_FROM_AWS = (
    "website useCaseWorkload title streetAddress status state segmentCompanySize projectDescription postalCode phone "
    "partnerCrmLeadId levelofAWSUsage leadStatusReason leadSource leadOwnerName leadOwnerEmail leadAge industry "
    "lastModifiedDate lastModifiedBy fullName email currentLeadStage createdDate createdBy country company city "
    "campaignName campaignMemberStatus apnCrmUniqueIdentifier"
)
SAMPLE_TO_AWS = (
    "projectDescription industry segmentCompanySize useCaseWorkload status leadStatusReason phone lastName firstName "
    "email streetAddress country city postalCode website partnerCrmLeadId apnCrmUniqueIdentifier"
)
"""The keys of AWS's sample files with leads; ``useCaseWorkLoad`` of the second is the field ``useCaseWorkload``."""


def test_leads_have_the_fields_of_the_samples_in_their_directions() -> None:
    assert {field.name for field in LEAD_FIELDS if field.inbound} == set(SAMPLE_FROM_AWS.split())
    sent = {field.name for field in LEAD_FIELDS if field.outbound}
    assert sent - set(SAMPLE_TO_AWS.split()) == {"currentLeadStage", "leadOwnerEmail", "title", "state"}
    assert set(SAMPLE_TO_AWS.split()) <= sent
    assert len(LEAD_FIELDS) == 33


def test_leads_take_the_values_and_lengths_of_the_field_definitions() -> None:
    fields = lead_fields()
    assert fields["status"].values == ("Open", "Research", "Disqualified", "Qualified")
    assert fields["currentLeadStage"].values == ("Accepted", "Rejected")
    assert {"Big Data", "Content Delivery", "IOT"} <= set(fields["useCaseWorkload"].values)
    assert "Other" not in fields["industry"].values
    assert [len(fields[name].values) for name in ("industry", "country", "state")] == [37, 249, 163]
    assert (fields["city"].length, fields["fullName"].length, fields["projectDescription"].length) == (40, 120, 32000)


def test_what_aws_takes_no_lead_without_is_required_at_an_update() -> None:
    """Partners update the leads of AWS, they create none."""
    moments = {need.moment for field in LEAD_FIELDS for need in field.required}
    assert moments == {Moment.UPDATE}
    assert {field.name for field in LEAD_FIELDS if field.required} == {
        "status", "currentLeadStage", "partnerCrmLeadId", "apnCrmUniqueIdentifier"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("customer.contacts.1.member.email", "customerEmail"),
        ("Customer.Account.CompanyName", "customerCompanyName"),
        ("project.expectedCustomerSpend.1.member.amount", "expectedMonthlyAwsRevenue"),
        ("project.expectedContractDuration.value", "project.expectedContractDuration.value"),
        ("lifecycle.targetclosedate", "targetCloseDate"),
        ("marketing.source", "IsOppFromMarketingActivity"),
        ("primaryNeedsFromAws", "partnerPrimaryNeedFromAws"),
    ],
)
def test_a_field_is_found_by_the_path_of_an_error(path: str, name: str) -> None:
    field = field_by_path(path)
    assert field is not None
    assert field.name == name


def test_an_unknown_path_finds_nothing() -> None:
    assert field_by_path("customer.shoeSize") is None
    assert field_by_path("") is None


def test_conditions_name_known_fields_and_values() -> None:
    for field in FIELDS:
        for need in field.required:
            for name, values in {**need.when, **need.unless}.items():
                other = opportunity_fields()[name]
                assert not other.values or set(values) <= {"*", *other.values}


def test_value_lists_have_no_stray_spaces_or_doubles() -> None:
    for name in value_lists():
        known = standard_values(name)
        assert len(set(known)) == len(known)
        assert all(value == " ".join(value.split()) for value in known)


def test_countries_are_those_of_the_service_model() -> None:
    assert {country.code for country in countries()} == enum_of("CountryCode")
    names = [name for country in countries() for name in country.s3_names]
    assert len(set(names)) == len(names)

"""A mapping that cannot work is refused with every reason at once, before a record meets it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.ace.catalogue import FieldType, opportunity_fields
from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import FITTING, check_mapping, compatible, is_blocking, own_field_problems
from connector.mapping.model import FieldMapping, Mapping
from connector.mapping.paths import resolve_path
from connector.names import PACKAGED

CATALOGUE = opportunity_fields()
DESCRIBE_TYPES = (
    "id", "string", "textarea", "boolean", "int", "double", "currency", "percent", "date", "datetime", "time", "email",
    "phone", "url", "picklist", "multipicklist", "combobox", "reference", "address", "location", "base64",
    "encryptedstring", "anyType",
)  # fmt: skip


def text(name: str, **more: object) -> FieldDescribe:
    return FieldDescribe(name, name, **{"type": "string", "length": 255, **more})  # type: ignore[arg-type]


def lookup(name: str, relationship: str, *targets: str) -> FieldDescribe:
    return text(name, type="reference", relationship_name=relationship, reference_to=targets)


def an_object(name: str, *fields: FieldDescribe) -> ObjectDescribe:
    return ObjectDescribe(name, name, "", fields={field.name.lower(): field for field in fields})


ORG = {
    "Opportunity": an_object(
        "Opportunity", text("Name"), text("City__c"), text("Formula__c", calculated=True, updateable=False),
        text("Key__c", unique=True), text("Short__c", length=20),
        text("Amount", type="currency", precision=18, scale=2),
        lookup("AccountId", "Account", "Account"), lookup("OwnerId", "Owner", "Group", "User"),
        text(PACKAGED.apn_id),
    ),
    "Account": an_object("Account", text("Name"), lookup("OwnerId", "Owner", "User")),
    "User": an_object("User", text("Email", type="email"), lookup("ManagerId", "Manager", "User")),
    "Group": an_object("Group", text("Name")),
}  # fmt: skip


def check(*items: FieldMapping, object_name: str = "Opportunity") -> list[Problem]:
    """Return the problems but for unmapped required fields."""
    found = check_mapping(Mapping("opportunity", object_name, 1, items), CATALOGUE, ORG.get)
    return [problem for problem in found if problem.code not in ("REQUIRED_UNMAPPED", "HISTORY_UNMAPPED")]


@pytest.mark.parametrize("kind", DESCRIBE_TYPES)
def test_a_company_name_fits_texts_only(kind):
    """No number, date, checkbox or lookup is offered for a text field."""
    fits = kind in ("id", "string", "textarea", "picklist", "combobox", "email", "phone", "url")
    problem = compatible(CATALOGUE["customerCompanyName"], text("F__c", type=kind))
    assert (problem is None) == fits
    assert problem is None or (problem.field, problem.value) == ("customerCompanyName", "F__c")


@pytest.mark.parametrize("type_", FieldType)
def test_every_ace_type_fits_known_types_of_salesforce(type_):
    assert FITTING[type_]
    assert set(DESCRIBE_TYPES) >= FITTING[type_]


def test_a_checkbox_fits_a_yes_or_no_and_no_other_picklist():
    box = text("F__c", type="boolean")
    assert compatible(CATALOGUE["doesOppBelongToNatSec"], box) is None
    assert compatible(CATALOGUE["IsOppFromMarketingActivity"], box) is None
    assert compatible(CATALOGUE["stage"], box) is not None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("name", "Name"), ("Account.Name", "Name"), ("account.owner.email", "Email"), ("Owner.Email", "Email"),
        ("Owner.Manager.Email", "Email"), ("Account.Owner.Manager.Email", "PATH_TOO_DEEP"),
        ("Account.Gone__c", "SALESFORCE_FIELD_MISSING"), ("Gone__r.Name", "SALESFORCE_FIELD_MISSING"),
        ("Gone__c", "SALESFORCE_FIELD_MISSING"), ("Name.Name", "SALESFORCE_FIELD_MISSING"),
    ],
)  # fmt: skip
def test_paths_lead_through_up_to_two_relationships(path, found):
    field = resolve_path(path, "Opportunity", ORG.get)
    assert (field.code if isinstance(field, Problem) else field.name) == found


@pytest.mark.parametrize(
    ("item", "code", "blocks"),
    [
        (FieldMapping("City", "City__c", True), "UNKNOWN_AWS_FIELD", True),
        (FieldMapping("city", "Gone__c", True), "SALESFORCE_FIELD_MISSING", True),
        (FieldMapping("city", "Amount", True), "TYPE_MISMATCH", True),
        (FieldMapping("city", "Formula__c", True), "NOT_WRITABLE", True),
        (FieldMapping("city", "Key__c", True), "UNIQUE_FIELD", True),
        (FieldMapping("city", PACKAGED.apn_id, False), "RESERVED_FIELD", True),
        (FieldMapping("partnerCrmUniqueIdentifier", "City__c", False), "RESERVED_FIELD", True),
        (FieldMapping("city", "Short__c", True), "MAY_NOT_FIT", False),
        (FieldMapping("city", "Account.Name", True), "RELATED_NOT_WRITTEN", False),
        (FieldMapping("primaryContactTitle", "City__c", True), "NOTHING_COMES_IN", False),
    ],
)  # fmt: skip
def test_each_fault_of_an_entry_is_told_once(item, code, blocks):
    (problem,) = check(item)
    assert (problem.code, problem.field) == (code, item.ace_field)
    assert is_blocking(problem) == blocks
    assert problem.rule and problem.remedy


@pytest.mark.parametrize("path", ["City__c", "Account.Name", "Formula__c", "Key__c", "Short__c"])
def test_a_field_that_only_goes_out_may_be_related_short_or_a_formula(path):
    assert check(FieldMapping("city", path, False)) == []


def test_duplicates_are_told():
    twice = [FieldMapping("city", "City__c", False), FieldMapping("city", "Name", False)]
    assert [problem.code for problem in check(*twice)] == ["MAPPED_TWICE"]
    both = [FieldMapping("city", "City__c", True), FieldMapping("nextStep", "city__C", True)]
    assert [(p.code, p.field) for p in check(*both)] == [("TARGET_TWICE", "city"), ("TARGET_TWICE", "nextStep")]
    shared = [both[0], replace(both[1], inbound=False)]
    assert check(*shared) == []


def test_all_faults_of_a_mapping_come_at_once():
    found = check(FieldMapping("city", "Gone__c", True), FieldMapping("nextStep", "Amount", True))
    assert {problem.code for problem in found} == {"SALESFORCE_FIELD_MISSING", "TYPE_MISMATCH"}


def unmapped(*mapped: str) -> set[str]:
    items = tuple(FieldMapping(name, "Name", False) for name in mapped)
    found = check_mapping(Mapping("opportunity", "Opportunity", 1, items), CATALOGUE, ORG.get)
    return {problem.field for problem in found if problem.code == "REQUIRED_UNMAPPED" and is_blocking(problem)}


def test_required_fields_must_be_mapped_conditional_ones_where_the_condition_can_come_true():
    assert {"customerCompanyName", "country", "industry", "partnerProjectTitle", "stage"} <= unmapped()
    assert "industryOther" not in unmapped()
    assert "industryOther" in unmapped("industry")
    assert "closedLostReason" in unmapped("stage")
    assert "customerCompanyName" not in unmapped("customerCompanyName")


def test_an_optional_field_never_counts_as_required():
    optional = {ace.name for ace in CATALOGUE.values() if not ace.required}
    assert unmapped(*CATALOGUE) == set()
    assert not optional & unmapped()


def test_an_unmapped_history_is_advised():
    problems = check_mapping(Mapping("opportunity", "Opportunity", 1, ()), CATALOGUE, ORG.get)
    found = {problem.code: problem for problem in problems}
    assert not is_blocking(found["HISTORY_UNMAPPED"])


def test_an_object_that_is_not_there_is_one_problem():
    found = check(FieldMapping("city", "X", True), object_name="Deal__c")
    assert [(problem.code, problem.value) for problem in found] == [("OBJECT_MISSING", "Deal__c")]


IDENTIFIER = text(PACKAGED.apn_id, length=18, external_id=True, unique=True)
OWN = (text(PACKAGED.sync_with_aws, type="boolean"), text(PACKAGED.last_sync_date, type="datetime"), IDENTIFIER)


def test_an_object_with_the_synchronisation_fields_is_accepted():
    assert own_field_problems(an_object("X__c", *OWN), PACKAGED) == ()


@pytest.mark.parametrize(
    "wrong", [{"length": 17}, {"external_id": False}, {"unique": False}, {"case_sensitive": True}], ids=str
)
def test_only_a_unique_case_insensitive_external_id_of_18_characters_holds_the_identifier(wrong):
    (problem,) = own_field_problems(an_object("X__c", *OWN[:2], replace(IDENTIFIER, **wrong)), PACKAGED)
    assert problem.code == "NO_VALID_FIELD_TO_MAP"
    assert "No valid field to map" in problem.rule


def test_missing_and_formula_synchronisation_fields_are_named_with_the_type_they_need():
    formula = replace(OWN[0], calculated=True, updateable=False)
    found = own_field_problems(an_object("X__c", formula), PACKAGED)
    assert [problem.field for problem in found] == [PACKAGED.sync_with_aws, PACKAGED.last_sync_date, PACKAGED.apn_id]
    assert "boolean" in found[0].rule and "datetime" in found[1].rule and "string" in found[2].rule

"""A mapping that cannot work is refused with every reason at once, before a record meets it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import FieldType, Owner, lead_fields, opportunity_fields
from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry
from connector.mapping.fallbacks import FormulaFacts, FormulaFailed
from connector.mapping.fit import FITTING, Surroundings, check_mapping, compatible, is_blocking, working_part
from connector.mapping.model import Fallback, FieldMapping, Mapping
from connector.mapping.paths import resolve_path
from connector.names import ACE_OPPORTUNITY, PACKAGED

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
        text("Key__c", unique=True), text("Short__c", length=20), text("Mail__c", type="email"),
        text("Choice__c", type="picklist", restricted_picklist=True, picklist=(PicklistEntry("A", "A"),)),
        text("Amount", type="currency", precision=18, scale=2),
        lookup("AccountId", "Account", "Account"), lookup("OwnerId", "Owner", "Group", "User"),
        lookup("Partner__c", "Partner__r", "Account"),
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
        ("Owner.Manager.Email", "SALESFORCE_FIELD_MISSING"),
        ("Owner.ManagerId", "SALESFORCE_FIELD_MISSING"), ("Account.Owner.Manager.Email", "PATH_TOO_DEEP"),
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
        (FieldMapping("city", "Owner.Name", True), "RELATED_NOT_WRITTEN", False),
        (FieldMapping("city", "Mail__c", True), "MAY_NOT_FIT", False),
        (FieldMapping("arn", "Choice__c", True), "MAY_NOT_FIT", False),
        (FieldMapping("leadSource", "City__c", False), "DEPRECATED_FIELD", False),
        (FieldMapping("rejectionReason", "City__c", True), "NOTHING_COMES_IN", False),
    ],
)  # fmt: skip
def test_each_fault_of_an_entry_is_told_once(item, code, blocks):
    (problem,) = check(item)
    assert (problem.code, problem.field) == (code, item.ace_field)
    assert is_blocking(problem) == blocks
    assert problem.rule and problem.remedy


@pytest.mark.parametrize(
    "path", ["City__c", "Account.Name", "Formula__c", "Key__c", "Short__c", "Owner.Name", "Mail__c"]
)
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


def unmapped(*mapped: str, object_name: str = "Opportunity") -> set[str]:
    items = tuple(FieldMapping(name, "Name", False) for name in mapped)
    org = {**ORG, object_name: replace(ORG["Opportunity"], name=object_name)}
    found = check_mapping(Mapping("opportunity", object_name, 1, items), CATALOGUE, org.get)
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


def test_what_only_some_records_need_is_advice_on_the_packaged_object_and_blocks_elsewhere():
    """MAP-24: one click maps the packaged object whole; elsewhere such a record would fail long after."""
    mapped = ("stage", "industry")
    assert {"awsAccountId", "closedLostReason", "industryOther"} <= unmapped(*mapped, object_name="Deal__c")
    assert not {"awsAccountId", "closedLostReason", "industryOther"} & unmapped(*mapped, object_name=ACE_OPPORTUNITY)
    org = {ACE_OPPORTUNITY: replace(ORG["Opportunity"], name=ACE_OPPORTUNITY)}
    mapping = Mapping("opportunity", ACE_OPPORTUNITY, 1, (FieldMapping("stage", "Name", False),))
    found = {p.field: p for p in check_mapping(mapping, CATALOGUE, org.get) if p.code == "CONDITION_UNMAPPED"}
    assert "when Stage is Launched" in found["awsAccountId"].rule
    assert not any(map(is_blocking, found.values()))


def test_an_aws_field_is_never_required():
    aws = {ace.name for ace in (*CATALOGUE.values(), *lead_fields().values()) if ace.owner is Owner.AWS}
    assert not aws & unmapped()


def test_a_hidden_required_field_says_that_aws_needs_it_and_which_access_is_missing():
    (problem,) = check(FieldMapping("customerCompanyName", "Gone__c", False))
    assert "field-level security hides it" in problem.rule and "AWS requires Customer Company Name." in problem.rule
    assert "Opportunity.Gone__c" in problem.remedy and "permission set" in problem.remedy


# --- what else is known of the org


def advice(mapping: Mapping, **known) -> dict[str, Problem]:
    found = check_mapping(mapping, CATALOGUE, ORG.get, Surroundings(**known))
    return {problem.code: problem for problem in found}


@pytest.mark.parametrize(
    ("path", "default_account", "told"),
    [
        ("Account.Name", None, ""), ("Account.Name", True, ""), ("Account.Name", False, "Set a Default Account"),
        ("Account.Owner.Email", False, "Set a Default Account"), ("Partner__r.Name", True, ""),
        ("City__c", False, ""),
    ],
)  # fmt: skip
def test_related_values_of_new_records_need_a_record_to_go_to(path, default_account, told):
    """MAP-17"""
    entry = FieldMapping("customerEmail" if path.endswith("Email") else "city", path, True)
    found = advice(Mapping("opportunity", "Opportunity", 1, (entry,)), default_account=default_account)
    assert ("RELATED_NEEDS_RECORD" in found) is bool(told)
    if told:
        assert told in found["RELATED_NEEDS_RECORD"].remedy
        assert not is_blocking(found["RELATED_NEEDS_RECORD"])


def test_two_ways_to_one_related_field_are_told():
    both = (FieldMapping("city", "Account.Name", True), FieldMapping("state", "Partner__r.Name", True))
    found = [problem for problem in check(*both) if problem.code == "SAME_RELATED_FIELD"]
    assert [problem.field for problem in found] == ["city", "state"]
    assert check(both[0], replace(both[1], inbound=False)) == []


def test_fields_that_salesforce_requires_and_nothing_fills_are_named_once():
    deal = an_object(
        "Deal__c", text("Name", nillable=False), text("Code__c", nillable=False), text("Kind__c", nillable=False),
        text("Town__c", nillable=False), text("Set__c", nillable=False, defaulted_on_create=True),
        text("Flag__c", type="boolean", nillable=False), text("Auto__c", nillable=False, createable=False),
        lookup("OwnerId", "Owner", "User"),
    )  # fmt: skip
    mapping = Mapping("opportunity", "Deal__c", 1, (FieldMapping("city", "town__c", False),))

    def values(**known) -> list[str]:
        found = check_mapping(mapping, CATALOGUE, {"Deal__c": deal}.get, Surroundings(**known))
        return [problem.value for problem in found if problem.code == "CREATION_FIELD_UNFILLED"]

    assert values(default_opportunity=False) == ["Code__c; Kind__c"]
    assert values(default_opportunity=True) == values() == []


def test_deprecated_fields_are_advised_against_unless_version_1_is_sent():
    """MAP-51"""
    mapping = Mapping("opportunity", "Opportunity", 1, (FieldMapping("subUseCase", "City__c", False),))
    assert "DEPRECATED_FIELD" in advice(mapping)
    assert "DEPRECATED_FIELD" not in advice(mapping, sends_version_1=True)
    assert len([ace for ace in CATALOGUE.values() if ace.last_version]) == 11


def inspect(formula: str) -> FormulaFacts:
    """A language of one word: the field that is read; ``!`` cannot be read."""
    if formula == "!":
        raise FormulaFailed("it is no formula", "Write one.")
    return FormulaFacts(frozenset({formula}), "boolean" if formula.islower() else "text")


@pytest.mark.parametrize(
    ("formula", "codes"),
    [
        ("", set()), ("industry", set()), ("!", {"EXCLUDE_NOT_READABLE"}), ("nonsense", {"EXCLUDE_UNKNOWN_FIELD"}),
        ("INDUSTRY", {"EXCLUDE_TYPE"}), ("Nonsense", {"EXCLUDE_UNKNOWN_FIELD", "EXCLUDE_TYPE"}),
    ],
)  # fmt: skip
def test_the_formula_that_excludes_records_is_checked(formula, codes):
    mapping = Mapping("opportunity", "Opportunity", 1, (), exclude=formula)
    found = advice(mapping, inspect=inspect)
    assert {code for code in found if code.startswith("EXCLUDE")} == codes
    assert all(is_blocking(found[code]) for code in codes)
    assert not {code for code in advice(mapping) if code.startswith("EXCLUDE")}, "nothing reads formulas"


def test_fallbacks_are_checked_with_the_mapping():
    entry = FieldMapping("city", "City__c", False, to_aws=Fallback(formula="!"))
    assert "FALLBACK_NOT_READABLE" in advice(Mapping("opportunity", "Opportunity", 1, (entry,)), inspect=inspect)


# --- what works today (MAP-45)


GOOD = FieldMapping("city", "City__c", True)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (FieldMapping("nextStep", "Gone__c", True), "SALESFORCE_FIELD_MISSING"),
        (FieldMapping("nextStep", "Account.Gone__c", False), "SALESFORCE_FIELD_MISSING"),
        (FieldMapping("nextStep", "Amount", True), "TYPE_MISMATCH"),
        (FieldMapping("nextStep", "Account.Owner.Manager.Email", False), "PATH_TOO_DEEP"),
        (FieldMapping("droppedByAws", "Name", True), "UNKNOWN_AWS_FIELD"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_work_is_left_out_and_named_and_the_others_go_on(bad, code):
    mapping = Mapping("opportunity", "Opportunity", 7, (bad, GOOD), exclude="x")
    working, problems = working_part(mapping, ORG.get)
    assert working == replace(mapping, fields=(GOOD,))
    assert [(problem.code, problem.field) for problem in problems] == [(code, bad.ace_field)]


def test_what_only_inbound_cannot_do_stays_in_the_working_part():
    mapping = Mapping("opportunity", "Opportunity", 1, (FieldMapping("city", "Formula__c", True), GOOD))
    assert working_part(mapping, ORG.get) == (mapping, ())


def test_nothing_of_a_mapping_works_without_its_object():
    working, (problem,) = working_part(Mapping("opportunity", "Deal__c", 1, (GOOD,)), ORG.get)
    assert (working.fields, problem.code) == ((), "OBJECT_MISSING")


def test_a_mapping_of_leads_is_judged_by_the_fields_of_leads():
    lead = FieldMapping("campaignMemberStatus", "City__c", True)
    assert working_part(Mapping("lead", "Opportunity", 1, (lead,)), ORG.get)[1] == ()
    assert working_part(Mapping("opportunity", "Opportunity", 1, (lead,)), ORG.get)[1] != ()


@given(st.lists(st.sampled_from(list(CATALOGUE)), unique=True), st.data())
def test_the_working_part_has_no_fault_left(names, data):
    """Whatever is mapped to whatever: what is left resolves and fits, and nothing that does was taken away."""
    paths = st.sampled_from(["Name", "City__c", "Amount", "Account.Name", "Gone__c", "Owner.Email", "Account.Owner.X"])
    items = tuple(FieldMapping(name, data.draw(paths), data.draw(st.booleans())) for name in names)
    mapping = Mapping("opportunity", "Opportunity", 1, items)
    working, problems = working_part(mapping, ORG.get)
    assert working_part(working, ORG.get) == (working, ())
    assert len(working.fields) + len(problems) == len(items)
    assert {item.ace_field for item in working.fields}.isdisjoint(problem.field for problem in problems)

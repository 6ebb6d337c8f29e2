"""What stands in for empty values: only where an admin set it, as if it stood in the source, and never a guess."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import opportunity_fields
from connector.eligibility.formula import FormulaError, compile_formula
from connector.errors import Problem
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fallbacks import (
    Filled,
    FormulaFailed,
    Used,
    check_fallbacks,
    filled_from_aws,
    formula_names,
    formula_paths,
)
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping
from connector.mapping.outbound import select_paths, snapshot, to_ace, used_fallbacks
from connector.sync.formulas import GLOBALS, ace_evaluator, inspect_formula, row_evaluator

CATALOGUE = opportunity_fields()
NOW = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
AMOUNT, COMPANY, STATE, SITE = "expectedMonthlyAwsRevenue", "customerCompanyName", "state", "customerWebsite"


def described(name: str, **types: str) -> ObjectDescribe:
    fields = {one.lower(): FieldDescribe(one, one, kind) for one, kind in types.items()}
    return ObjectDescribe(name, name, "006", fields=fields)


ACCOUNT = described("Account", Name="string", Site="string", Employees="int")
DEAL = described(
    "Opportunity", Name="string", Amount="currency", Zero__c="double", CloseDate="date", Stage="picklist",
    Won__c="boolean", Empty__c="string",
)  # fmt: skip
LOOKUP = FieldDescribe("AccountId", "Account", "reference", reference_to=("Account",), relationship_name="Account")
DEAL = ObjectDescribe("Opportunity", "Opportunity", "006", fields={**DEAL.fields, "accountid": LOOKUP})
OBJECTS = {"Opportunity": DEAL, "Account": ACCOUNT}
ROW = {
    "Name": "Deal", "Amount": Decimal("1500.50"), "Zero__c": 0, "CloseDate": "2026-12-31", "Stage": "Proposal",
    "Won__c": False, "Empty__c": None, "Account": {"Name": "Acme", "Site": None, "Employees": 7},
}  # fmt: skip


class Who:
    org_id, user_id, username, is_sandbox = "00D000000000001AAA", "005000000000001AAA", "worker@partner.example", False


def mapping(*fields: FieldMapping) -> Mapping:
    return Mapping("opportunity", "Opportunity", 1, fields)


def towards_aws(ace: str, path: str = "Empty__c", picklist: PicklistMapping | None = None, **given: str) -> Mapping:
    return mapping(FieldMapping(ace, path, True, picklist, to_aws=Fallback(**given)))


def towards_salesforce(ace: str, *, inbound: bool = True, **given: str) -> Mapping:
    return mapping(FieldMapping(ace, "Name", inbound, from_aws=Fallback(**given)))


def evaluator(row: dict[str, Any] = ROW) -> Callable[[str], Any]:
    return row_evaluator(row, "Opportunity", NOW, describes=OBJECTS.get, identity=Who)


def sent(fields: Mapping, row: dict[str, Any] = ROW) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    return to_ace(fields, row, CATALOGUE, evaluator(row))


@pytest.mark.parametrize("empty", [None, "", "  \t"])
def test_an_empty_field_is_stood_in_for_and_says_so(empty: str | None) -> None:
    row = ROW | {"Empty__c": empty}
    fields = towards_aws(COMPANY, value="Unknown customer")
    record, problems = sent(fields, row)
    assert (record, problems) == ({COMPANY: "Unknown customer"}, ())
    assert used_fallbacks(fields, row, record) == (Used(COMPANY, "Empty__c", "Unknown customer"),)


@pytest.mark.parametrize(("path", "ace", "value"), [("Zero__c", AMOUNT, Decimal(0)), ("Name", COMPANY, "Deal")])
def test_zero_and_every_other_value_is_no_empty_one(path: str, ace: str, value: object) -> None:
    fields = towards_aws(ace, path, value="5")
    record, _ = sent(fields)
    assert record == {ace: value}
    assert used_fallbacks(fields, ROW, record) == ()


def test_an_unticked_checkbox_is_a_value() -> None:
    assert sent(towards_aws("doesOppBelongToNatSec", "Won__c", value="Yes"))[0] == {"doesOppBelongToNatSec": "No"}


def test_nothing_stands_in_unless_an_admin_set_it() -> None:
    assert sent(mapping(FieldMapping(COMPANY, "Empty__c", True))) == ({COMPANY: None}, ())


def test_a_field_that_was_not_read_is_not_known_to_be_empty() -> None:
    record, problems = sent(towards_aws(COMPANY, "Hidden__c", value="x"))
    assert record == {}
    assert [one.code for one in problems] == ["FIELD_NOT_READ"]


def test_a_field_behind_an_empty_lookup_is_empty() -> None:
    row = ROW | {"Account": None}
    assert sent(towards_aws(COMPANY, "Account.Name", formula="Name"), row)[0] == {COMPANY: "Deal"}


@pytest.mark.parametrize(
    ("ace", "text", "value"),
    [
        (AMOUNT, " 1500.50 ", Decimal("1500.50")),
        ("project.expectedContractDuration.value", "12", 12),
        ("targetCloseDate", "2027-01-31", date(2027, 1, 31)),
        ("deliveryModel", "Resell;SaaS or PaaS", ("Resell", "SaaS or PaaS")),
        ("customerPhone", "+1 (206) 555-0100", "+12065550100"),
        ("country", "United States", "US"),
        (AMOUNT, "1_500", "NOT_A_NUMBER"),
        (AMOUNT, "1e3", "NOT_A_NUMBER"),
        (AMOUNT, "1.500,50", "NOT_A_NUMBER"),
        ("project.expectedContractDuration.value", "1.5", "NOT_WHOLE"),
        ("targetCloseDate", "31.01.2027", "NOT_A_DATE"),
        ("country", "Atlantis", "VALUE_NOT_MAPPED"),
    ],
)
def test_a_value_is_taken_as_if_it_stood_in_the_field(ace: str, text: str, value: object) -> None:
    record, problems = sent(towards_aws(ace, value=text))
    if problems:
        assert [one.code for one in problems] == [value]
        assert "fallback" in f"{problems[0].rule} {problems[0].remedy}"
        assert problems[0].field == ace
    else:
        assert record == {ace: value}


def test_the_picklist_mapping_applies_to_what_stands_in() -> None:
    values = PicklistMapping({"Qualified": "Hot"})
    assert sent(towards_aws("stage", picklist=values, value="Hot"))[0] == {"stage": "Qualified"}
    assert [one.code for one in sent(towards_aws("stage", picklist=values, value="Qualified"))[1]] == [
        "VALUE_NOT_MAPPED"
    ]


@pytest.mark.parametrize(
    ("ace", "formula", "value"),
    [
        (COMPANY, "Account.Name & ' (' & Name & ')'", "Acme (Deal)"),
        (COMPANY, "IF(ISPICKVAL(Stage, 'Proposal'), UPPER(account.NAME), Name)", "ACME"),
        (AMOUNT, "ROUND(Amount / 3, 2)", Decimal("500.17")),
        ("targetCloseDate", "CloseDate + 30", date(2027, 1, 30)),
        ("targetCloseDate", "TODAY() + 1", date(2026, 11, 28)),
        ("stage", "TEXT(Stage)", "VALUE_NOT_MAPPED"),
        ("doesOppBelongToNatSec", "Amount > 1000", "Yes"),
        (COMPANY, "$User.Username & $organization.id", "worker@partner.example00D000000000001"),
        (COMPANY, "Account.Site", None),
        (COMPANY, "Amount", "NOT_A_TEXT"),
        ("targetCloseDate", "NOW()", "NOT_A_DATE"),
        ("project.expectedContractDuration.value", "Amount / 3", "NOT_WHOLE"),
    ],
)
def test_a_formula_is_computed_over_the_row(ace: str, formula: str, value: object) -> None:
    record, problems = sent(towards_aws(ace, formula=formula))
    assert [one.code for one in problems] == ([value] if problems else [])
    assert problems or record == {ace: value}


@pytest.mark.parametrize(
    ("formula", "why"),
    [("TEXT(Amount / Zero__c)", "cannot be computed"), ("Account & 'x'", ""), ("Name + Amount", "does not take Text")],
)
def test_a_formula_that_fails_is_a_problem_and_no_guess(formula: str, why: str) -> None:
    record, problems = sent(towards_aws(COMPANY, formula=formula))
    assert record == {}
    (problem,) = problems
    assert (problem.code, problem.field, problem.value) == ("FALLBACK_FAILED", COMPANY, formula)
    assert why in problem.rule
    assert "Empty__c" in problem.remedy


def test_a_formula_without_a_way_to_compute_it_is_a_problem() -> None:
    record, problems = to_ace(towards_aws(COMPANY, formula="Name"), ROW, CATALOGUE)
    assert (record, [one.code for one in problems]) == ({}, ["FALLBACK_FAILED"])


def test_a_formula_that_is_not_needed_is_not_computed() -> None:
    assert sent(towards_aws(COMPANY, "Name", formula="TEXT(1 / 0)")) == ({COMPANY: "Deal"}, ())


def test_what_a_formula_reads_is_queried_once_beside_what_is_mapped() -> None:
    fields = mapping(
        FieldMapping(STATE, "Empty__c", True, to_aws=Fallback(formula="Account.Site & name & $User.Id")),
        FieldMapping(COMPANY, "Name", True, to_aws=Fallback(formula="ACCOUNT.site & Owner:User.Email")),
        FieldMapping(SITE, "Site__c", True, from_aws=Fallback(formula="city")),
    )
    assert select_paths(fields) == ("Empty__c", "Name", "Site__c", *formula_paths(fields))
    assert [path.lower() for path in formula_paths(fields)] == ["account.site", "owner.email"]


def test_what_a_formula_reads_is_an_edit_only_while_it_stands_in() -> None:
    fields = towards_aws(COMPANY, formula="Account.Name & TEXT(TODAY())")
    acme = snapshot(fields, ROW)
    other = snapshot(fields, ROW | {"Account": {"Name": "Other"}})
    assert acme == {"Empty__c": None, "Account.Name": "Acme"}
    assert acme != other
    filled = ROW | {"Empty__c": "Filled"}
    assert snapshot(fields, filled) == snapshot(fields, filled | {"Account": {"Name": "Other"}})


def test_what_the_row_was_read_without_is_nothing_to_compare() -> None:
    assert snapshot(towards_aws(COMPANY, formula="Account.Name"), {"Empty__c": None}) == {"Empty__c": None}


PIECES = st.sampled_from([
    "Name", "Account.Name", "$User.Id", "Owner:User.Email", "TRUE", "null", "1.5", ".5", "'Name'", '"a\\"b Name"',
    "/* Name */", "UPPER(", "LEFT (", "IF/* x */(", ")", "(", ",", "+", "&&", "<>", "!", "\n", "x1.Y__c",
])  # fmt: skip


@given(st.lists(PIECES, max_size=20).map(" ".join))
def test_names_are_found_as_the_language_itself_finds_them(text: str) -> None:
    """The names are found without the language; where the text is a formula, both must agree."""
    try:
        formula = compile_formula(text)
    except FormulaError:
        return
    assert set(formula_names(text)) == formula.fields


def filled(fields: Mapping, record: dict[str, Any], only: set[str] | None = None) -> Filled:
    return filled_from_aws(fields, record, ace_evaluator(CATALOGUE, record, NOW), only=only)


def test_what_aws_leaves_empty_is_stood_in_for_when_the_record_is_created() -> None:
    for record in ({}, {COMPANY: None}):
        found = filled(towards_salesforce(COMPANY, inbound=False, value="Unknown"), record)
        assert (found.record, found.used) == ({COMPANY: "Unknown"}, (Used(COMPANY, "Name", "Unknown"),))
    assert filled(towards_salesforce(COMPANY, value="Unknown"), {COMPANY: "Acme"}) == Filled({COMPANY: "Acme"})


def test_later_only_what_became_empty_is_stood_in_for() -> None:
    fields, record = towards_salesforce(COMPANY, value="Unknown"), dict[str, Any]({COMPANY: None})
    assert filled(fields, record, {STATE}).used == ()
    assert filled(fields, record, {COMPANY}).record == {COMPANY: "Unknown"}
    off = towards_salesforce(COMPANY, inbound=False, value="Unknown")
    assert filled(off, record, {COMPANY}) == Filled(record)


@pytest.mark.parametrize(
    ("ace", "formula", "value"),
    [
        (COMPANY, "TEXT(project.awsPartition) & '-' & CITY", "aws-eusc-Berlin"),
        (COMPANY, "TEXT(stage) & BLANKVALUE(state, '?')", "Qualified?"),
        (COMPANY, "IF(INCLUDES(deliveryModel, 'Resell'), 'resold', 'sold')", "resold"),
        (AMOUNT, "project.expectedCustomerSpend.self.amount / 4", Decimal("2.5")),
        ("targetCloseDate", "TODAY()", date(2026, 11, 27)),
        (COMPANY, "1 / 0", "FALLBACK_FAILED"),
        (COMPANY, "Name__c", "FALLBACK_FAILED"),
        ("stage", "'Nonsense'", "VALUE_NOT_MAPPED"),
    ],
)
def test_a_formula_towards_salesforce_reads_the_ace_record(ace: str, formula: str, value: object) -> None:
    record = {
        "project.awsPartition": "aws-eusc", "city": "Berlin", "stage": "Qualified", "state": None,
        "deliveryModel": ("Resell", "SaaS or PaaS"), "project.expectedCustomerSpend.self.amount": Decimal(10),
    }  # fmt: skip
    found = filled(towards_salesforce(ace, formula=formula), {name: record[name] for name in record if name != ace})
    if found.problems:
        assert ([one.code for one in found.problems], found.used) == ([value], ())
        assert found.record.get(ace) is None
    else:
        assert found.record[ace] == value
        assert found.used == (Used(ace, "Name", found.record[ace], formula),)


def test_a_stand_in_for_aws_is_spelled_as_aws_does_before_values_are_mapped() -> None:
    values = PicklistMapping({"US": "Home"})
    item = FieldMapping("country", "Name", True, values, from_aws=Fallback("United States"))
    assert filled(mapping(item), {}).record == {"country": "US"}


def problems_of(fields: Mapping) -> list[tuple[str, str]]:
    return [(one.code, one.field) for one in check_fallbacks(fields, CATALOGUE, OBJECTS.get, inspect_formula)]


@pytest.mark.parametrize(
    "fields",
    [
        towards_aws(COMPANY, value="Unknown"),
        towards_aws(COMPANY, formula="Account.Name"),
        towards_aws(AMOUNT, formula="account.employees * 10"),
        towards_aws(AMOUNT, formula="Amount"),
        towards_aws("targetCloseDate", formula="TODAY() + 30"),
        towards_aws("stage", picklist=PicklistMapping({"Qualified": "Hot"}), value="Hot"),
        towards_aws("doesOppBelongToNatSec", formula="Amount > 1"),
        towards_aws(COMPANY, formula=" & ".join(GLOBALS)),
        towards_salesforce(COMPANY, formula="city"),
        towards_salesforce("stage", value="Qualified"),
        towards_salesforce("aWSStage", value="Qualified"),
        towards_salesforce("targetCloseDate", formula="targetCloseDate"),
    ],
)
def test_what_works_is_not_complained_of(fields: Mapping) -> None:
    assert problems_of(fields) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (towards_aws(COMPANY, formula="UPPER(Name"), "FALLBACK_NOT_READABLE"),
        (towards_aws(COMPANY, formula="SHOUT(Name)"), "FALLBACK_NOT_READABLE"),
        (towards_aws(COMPANY, formula="VLOOKUP(Name, Name, Name)"), "FALLBACK_NOT_READABLE"),
        (towards_aws(COMPANY, formula="HYPERLINK('/', 'x')"), "FALLBACK_NOT_READABLE"),
        (towards_aws(COMPANY, formula="TEXT(PRIORVALUE(Stage))"), "FALLBACK_NOT_READABLE"),
        (towards_aws(COMPANY, formula="$Profile.Name"), "FALLBACK_NOT_READABLE"),
        (towards_aws(COMPANY, formula="Nmae"), "FALLBACK_UNKNOWN_FIELD"),
        (towards_aws(COMPANY, formula="Account.Owner.Manager.Name"), "FALLBACK_UNKNOWN_FIELD"),
        (towards_aws(COMPANY, formula="Account.Nmae"), "FALLBACK_UNKNOWN_FIELD"),
        (towards_aws(COMPANY, formula="1 + 1"), "FALLBACK_TYPE"),
        (towards_aws(COMPANY, formula="Amount"), "FALLBACK_TYPE"),
        (towards_aws("targetCloseDate", formula="NOW()"), "FALLBACK_TYPE"),
        (towards_aws(AMOUNT, formula="TODAY()"), "FALLBACK_TYPE"),
        (towards_aws(AMOUNT, value="lots"), "NOT_A_NUMBER"),
        (towards_aws("stage", value="Hot"), "VALUE_NOT_MAPPED"),
        (towards_aws(COMPANY, value="x" * 121), "TOO_LONG"),
        (towards_aws("aWSStage", value="Qualified"), "FALLBACK_NOT_SENT"),
        (towards_aws(COMPANY, value="x", formula="Name"), "FALLBACK_FORM"),
        (towards_aws(COMPANY, value=" "), "FALLBACK_FORM"),
        (towards_salesforce(COMPANY, formula="Name"), "FALLBACK_UNKNOWN_FIELD"),
        (towards_salesforce(COMPANY, formula="$User.Id"), "FALLBACK_UNKNOWN_FIELD"),
        (towards_salesforce(COMPANY, formula="expectedMonthlyAwsRevenue"), "FALLBACK_TYPE"),
        (towards_salesforce("stage", value="Hot"), "VALUE_NOT_MAPPED"),
    ],
)
def test_what_cannot_work_is_told_when_it_is_saved(fields: Mapping, code: str) -> None:
    found = list(check_fallbacks(fields, CATALOGUE, OBJECTS.get, inspect_formula))
    assert [(one.code, one.field) for one in found] == [(code, fields.fields[0].ace_field)]
    assert found[0].rule and found[0].remedy


def test_a_field_that_aws_never_returns_has_nothing_to_be_stood_in_for() -> None:
    name = next(one.name for one in CATALOGUE.values() if not one.inbound)
    assert problems_of(towards_salesforce(name, value="x")) == [("FALLBACK_NEVER_RECEIVED", name)]


def test_an_unknown_aws_field_is_left_to_the_mappings_own_check() -> None:
    assert problems_of(towards_aws("nobodyKnows", value="x")) == []


def test_the_reason_names_the_place_in_the_formula() -> None:
    with pytest.raises(FormulaFailed, match="line 1, column 11"):
        inspect_formula("'x' & 1 + SHOUT(1)")

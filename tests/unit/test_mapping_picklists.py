"""Picklist values: several to one, one to several, and never an arbitrary choice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import opportunity_fields
from connector.errors import RecordRejected
from connector.mapping.describe import FieldDescribe, PicklistEntry
from connector.mapping.fit import is_blocking
from connector.mapping.model import FieldMapping, PicklistMapping
from connector.mapping.picklists import (
    automap_values,
    candidates,
    check_values,
    open_values,
    to_ace_value,
    to_salesforce_value,
    value_rows,
    with_primary,
)  # fmt: skip

STAGE = opportunity_fields()["stage"]
NEEDS = opportunity_fields()["partnerPrimaryNeedFromAws"]


def item(primary=(), additional=(), defaults=()) -> FieldMapping:
    return FieldMapping("stage", "StageName", True, PicklistMapping(dict(primary), dict(additional), dict(defaults)))


def picklist(*values: str, inactive: tuple[str, ...] = (), restricted: bool = True) -> FieldDescribe:
    entries = (*(PicklistEntry(v, v) for v in values), *(PicklistEntry(v, v, active=False) for v in inactive))
    return FieldDescribe("StageName", "Stage", "picklist", picklist=entries, restricted_picklist=restricted)


def codes(mapped: FieldMapping, field: FieldDescribe) -> dict[str, str]:
    return {problem.code: problem.value for problem in check_values(mapped, STAGE, field)}


ONE_TO_MANY = {"Prospect": "Open", "Qualified": "Open", "Committed": "Won soon"}


@pytest.mark.parametrize(
    ("salesforce", "defaults", "additional", "sent"),
    [
        ("Won soon", {}, {}, "Committed"),
        ("Open", {"Open": "Qualified"}, {}, "Qualified"),
        ("Negotiation", {}, {"Negotiation": "Committed"}, "Committed"),
        ("Negotiation", {"Open": "Prospect"}, {"Negotiation": "Launched"}, "Launched"),
    ],
)
def test_outbound_takes_primary_then_default_then_additional(salesforce, defaults, additional, sent):
    assert to_ace_value(item(ONE_TO_MANY, additional, defaults), STAGE, salesforce) == sent


@pytest.mark.parametrize(
    ("salesforce", "defaults", "code"),
    [
        ("Open", {}, "VALUE_AMBIGUOUS"),
        ("Open", {"Open": "Launched"}, "VALUE_AMBIGUOUS"),
        ("Unheard of", {}, "VALUE_NOT_MAPPED"),
        ("won soon", {}, "VALUE_NOT_MAPPED"),
    ],
)
def test_outbound_refuses_what_is_open_naming_field_and_value(salesforce, defaults, code):
    with pytest.raises(RecordRejected) as caught:
        to_ace_value(item(ONE_TO_MANY, defaults=defaults), STAGE, salesforce)
    (problem,) = caught.value.problems
    assert (problem.code, problem.field, problem.value) == (code, "stage", salesforce)
    assert code != "VALUE_AMBIGUOUS" or ("Prospect" in problem.rule and "Qualified" in problem.rule)


@pytest.mark.parametrize("aws", ["Prospect", "Qualified"])
def test_several_aws_values_write_the_same_salesforce_value(aws):
    assert to_salesforce_value(item(ONE_TO_MANY), aws) == "Open"


def test_inbound_ignores_additional_values():
    mapped = item({"Committed": "Commit"}, {"Negotiation": "Committed"})
    assert to_ace_value(mapped, STAGE, "Negotiation") == "Committed"
    assert to_salesforce_value(mapped, "Committed") == "Commit"


def test_an_unmapped_aws_value_is_refused_by_field_and_value():
    with pytest.raises(RecordRejected) as caught:
        to_salesforce_value(item(ONE_TO_MANY), "Foo")
    assert [(p.field, p.value) for p in caught.value.problems] == [("stage", "Foo")]


def test_dashes_and_spaces_of_an_aws_value_do_not_matter_but_case_does():
    primary = {"Co-Sell - Deal Support": "Support"}
    assert to_salesforce_value(item(primary), "Co\u2011Sell \u2013 Deal  Support") == "Support"
    with pytest.raises(RecordRejected):
        to_salesforce_value(item(primary), "co-sell - deal support")


@given(st.permutations(STAGE.values))
def test_a_value_that_goes_out_and_comes_back_is_the_same(shuffled):
    mapped = item(dict(zip(STAGE.values, (f"Own {value}" for value in shuffled), strict=True)))
    for own in mapped.picklist.primary.values():
        assert to_salesforce_value(mapped, to_ace_value(mapped, STAGE, own)) == own


def test_without_a_picklist_mapping_only_values_of_aws_pass():
    plain = FieldMapping("partnerPrimaryNeedFromAws", "Needs__c", True)
    assert to_ace_value(plain, NEEDS, "Co\u2011Sell \u2013 Deal Support") == "Co-Sell - Deal Support"
    with pytest.raises(RecordRejected):
        to_ace_value(plain, NEEDS, "deal support")


def test_automap_takes_equal_values_only_and_case_counts():
    """PICK-04: other values stay open, and are named."""
    equal = STAGE.values[:5]
    field = picklist(*equal, STAGE.values[5].lower(), inactive=STAGE.values[6:])
    mapped = replace(item(), picklist=automap_values(STAGE, field))
    assert dict(mapped.picklist.primary) == {value: value for value in equal}
    assert codes(mapped, field)["AWS_VALUES_UNMAPPED"] == "; ".join(STAGE.values[5:])


def test_automap_adds_what_is_missing_and_keeps_the_rest():
    kept = PicklistMapping({"Prospect": "Early"}, {"Talking": "Prospect"}, {})
    added = automap_values(STAGE, picklist("Prospect", "Qualified", "Early"), kept)
    assert dict(added.primary) == {"Prospect": "Early", "Qualified": "Qualified"}
    assert added.additional == kept.additional
    assert automap_values(STAGE, picklist("Prospect", "Qualified", "Early"), added) == added


def test_several_aws_values_without_a_default_cannot_be_saved():
    """PICK-08"""
    field = picklist("Open", "Won soon")
    found = [p for p in check_values(item(ONE_TO_MANY), STAGE, field) if is_blocking(p)]
    assert [(p.code, p.value) for p in found] == [("VALUE_AMBIGUOUS", "Open")]
    assert "Prospect" in found[0].rule
    saved = item(ONE_TO_MANY, defaults={"Open": "Prospect"})
    assert not any(is_blocking(p) for p in check_values(saved, STAGE, field))


@pytest.mark.parametrize(
    ("mapped", "code", "value"),
    [
        (item(ONE_TO_MANY, {"Open": "Launched"}, {"Open": "Prospect"}), "VALUE_MAPPED_TWICE", "Open"),
        (item(ONE_TO_MANY, {}, {"Open": "Prospect", "Won soon": "Launched"}), "DEFAULT_NOT_A_CANDIDATE", "Won soon"),
        (item({"prospect": "Open"}), "UNKNOWN_AWS_VALUE", "prospect"),
        (item({"Prospect": "Gone"}), "UNKNOWN_SALESFORCE_VALUE", "Gone"),
    ],
)
def test_a_picklist_mapping_that_cannot_work_is_blocked(mapped, code, value):
    found = {p.code: p for p in check_values(mapped, STAGE, picklist("Open", "Won soon"))}
    assert found[code].value == value
    assert is_blocking(found[code])


def test_open_values_of_both_sides_are_listed_as_advice():
    found = {p.code: p for p in check_values(item({"Prospect": "Open"}), STAGE, picklist("Open", "Lost", "Won"))}
    assert found["SALESFORCE_VALUES_UNMAPPED"].value == "Lost; Won"
    assert found["AWS_VALUES_UNMAPPED"].value == f"{'; '.join(STAGE.values[1:6])}; and 1 more"
    assert found["AWS_VALUES_UNMAPPED"].rule == "StageName has nothing for 6 values of AWS."
    assert not any(map(is_blocking, found.values()))


# --- values one by one


def test_automap_changes_nothing_that_was_decided():
    """MAP-49: a value in use goes out as before, one that was for sending only stays so."""
    kept = PicklistMapping({"Qualified": "Prospect"}, {"Launched": "Committed"}, {})
    field = picklist(*STAGE.values)
    mapped = replace(item(), picklist=automap_values(STAGE, field, kept))
    assert to_ace_value(mapped, STAGE, "Prospect") == "Qualified"
    assert to_ace_value(mapped, STAGE, "Launched") == "Committed"
    assert to_salesforce_value(mapped, "Prospect") == "Prospect"
    assert not any(is_blocking(problem) for problem in check_values(mapped, STAGE, field))


VALUES = st.sampled_from(STAGE.values)


@given(st.dictionaries(VALUES, VALUES), st.dictionaries(VALUES, VALUES), st.sets(VALUES))
def test_automap_breaks_no_mapping_and_loses_nothing(primary, additional, offered):
    """Twice is the same as once; what a person decided stays, in both directions, and never becomes ambiguous."""
    used = set(primary.values())
    kept = PicklistMapping(primary, {text: aws for text, aws in additional.items() if text not in used})
    field = picklist(*offered)
    found = automap_values(STAGE, field, kept)
    assert automap_values(STAGE, field, found) == found
    assert primary.items() <= found.primary.items() and found.additional == kept.additional
    for text in {*used, *kept.additional}:
        before = candidates(kept, text)
        if len(before) < 2:
            sent = before[0] if before else kept.additional[text]
            assert to_ace_value(replace(item(), picklist=found), STAGE, text) == sent


def test_choosing_a_value_keeps_the_defaults_that_are_still_a_choice():
    """PICK-10"""
    values = PicklistMapping({"Prospect": "Open", "Qualified": "Open"}, {"Won": "Launched"}, {"Open": "Qualified"})
    assert with_primary(values, "Committed", "Open").defaults == {"Open": "Qualified"}
    assert with_primary(values, "Qualified", "Late").defaults == {}
    assert with_primary(values, "Qualified", None).primary == {"Prospect": "Open"}
    moved = with_primary(values, "Launched", "Won")
    assert (moved.primary["Launched"], moved.additional) == ("Won", {})


def test_what_is_open_can_be_listed():
    """PICK-09: whoever steps on is told what is missing."""
    field = picklist("Open", "Lost", "Won")
    left = open_values(item({"Prospect": "Open", "Qualified": "Open"}, {"Lost": "Prospect"}), STAGE, field)
    assert left.aws == STAGE.values[2:]
    assert left.salesforce == ("Won",)
    assert left.undecided == ("Open",)
    assert open_values(item(ONE_TO_MANY, defaults={"Open": "Prospect"}), STAGE, field).undecided == ()


def test_everything_mapped_is_seen_in_one_view():
    """PICK-16"""
    mapped = item({"Qualified": "Open", "Prospect": "Open"}, {"Lost": "Closed Lost"}, {"Open": "Prospect"})
    rows = [
        (row.kind, row.aws_value, row.salesforce_value) for row in value_rows(mapped, STAGE, picklist("Open", "Won"))
    ]
    assert rows[:4] == [
        ("primary", "Prospect", "Open"), ("primary", "Qualified", "Open"), ("additional", "Closed Lost", "Lost"),
        ("default", "Prospect", "Open"),
    ]  # fmt: skip
    assert rows[4:] == [*(("open at AWS", value, "") for value in STAGE.values[2:]), ("open in Salesforce", "", "Won")]


def test_a_picklist_that_is_spelled_as_aws_spells_it_is_seen_as_mapped():
    plain = FieldMapping("partnerPrimaryNeedFromAws", "Needs__c", True)
    rows = value_rows(plain, NEEDS, picklist("Co-Sell \u2013 Deal Support", "Other"))
    assert ("primary", "Co-Sell - Deal Support", "Co-Sell \u2013 Deal Support") in [
        (row.kind, row.aws_value, row.salesforce_value) for row in rows
    ]
    assert rows[-1].kind == "open in Salesforce"

"""What changed between two mappings is told whole, and the fields to apply to records are exactly the changed ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.mapping.difference import changed_from_aws, changed_to_aws, differences
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping
from connector.names import AWSAPN, PACKAGED

STAGE = FieldMapping("stage", "Phase__c", False, PicklistMapping({"Prospect": "Open"}, {"Old": "Prospect"}, {}))
CITY = FieldMapping("city", "City__c", True)
BASE = Mapping("opportunity", "Deal__c", 1, (STAGE, CITY))


def values(**parts: dict[str, str]) -> PicklistMapping:
    """Return the values of the stage, some parts of them changed."""
    assert STAGE.picklist is not None
    return replace(STAGE.picklist, **parts)


def lines(**changes: object) -> str:
    return "\n".join(differences(BASE, BASE.with_field(replace(STAGE, **changes))))


def test_nothing_differs_from_itself() -> None:
    assert differences(BASE, replace(BASE, version=7)) == ()
    assert changed_to_aws(BASE, BASE) == changed_from_aws(BASE, BASE) == ()


def test_fields_that_came_and_went_have_a_line_each() -> None:
    after = BASE.without_field("city").with_field(FieldMapping("nextStep", "Step__c", True))
    assert differences(BASE, after) == ("+ nextStep → Step__c (with inbound updates)", "- city → City__c")


def test_the_first_version_adds_everything() -> None:
    assert [line[:7] for line in differences(None, BASE)] == ["+ stage", "+ city "]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"path": "Stage__c"}, "Phase__c became Stage__c"),
        ({"inbound": True}, "inbound updates turned on"),
        ({"picklist": values(primary={"Prospect": "New"})}, "value 'Prospect': 'Open' became 'New'"),
        ({"picklist": values(additional={})}, "additional value 'Old': 'Prospect' became nothing"),
        ({"picklist": values(defaults={"Open": "Prospect"})}, "default of 'Open': nothing became 'Prospect'"),
        ({"picklist": None}, "as both sides spell them"),
        ({"to_aws": Fallback(value="Open")}, "fallback to AWS: nothing became value 'Open'"),
        ({"from_aws": Fallback(formula="'x'")}, "fallback from AWS: nothing became formula 'x'"),
    ],
)  # fmt: skip
def test_every_part_of_a_field_is_told(changes: dict[str, object], told: str) -> None:
    found = lines(**changes)
    assert found.startswith("~ stage: ")
    assert told in found


def test_object_own_fields_and_what_is_left_out_are_told() -> None:
    before = replace(BASE, own_fields=PACKAGED)
    after = replace(BASE, object_name="Other__c", own_fields=replace(AWSAPN, has_updates=""), exclude="city = 'X'")
    told = "\n".join(differences(before, after))
    assert "~ object: Deal__c became Other__c" in told
    assert f"~ own field apn_id: {PACKAGED.apn_id} became {AWSAPN.apn_id}" in told
    assert f"~ own field has_updates: {PACKAGED.has_updates} became nothing" in told
    assert "~ exclude: nothing became city = 'X'" in told


def test_only_what_can_change_a_value_is_to_be_applied() -> None:
    on, other = replace(STAGE, inbound=True), replace(CITY, path="Town__c")
    assert changed_to_aws(BASE, BASE.with_field(on)) == ()
    assert changed_from_aws(BASE, BASE.with_field(on)) == ("stage",)
    assert changed_to_aws(BASE, BASE.with_field(other)) == changed_from_aws(BASE, BASE.with_field(other)) == ("city",)
    more = replace(STAGE, picklist=values(additional={}))
    assert changed_to_aws(BASE, BASE.with_field(more)) == ("stage",)
    assert changed_from_aws(BASE, BASE.with_field(more)) == ()


def test_another_object_is_wholly_new() -> None:
    after = replace(BASE, object_name="Other__c")
    assert changed_to_aws(BASE, after) == ("stage", "city")
    assert changed_from_aws(BASE, after) == ("city",)


def test_what_is_never_sent_is_not_to_be_brought_to_aws() -> None:
    stage = FieldMapping("aWSStage", "AWS_Stage__c", True)
    assert changed_to_aws(BASE, BASE.with_field(stage)) == ()
    assert changed_from_aws(BASE, BASE.with_field(stage)) == ("aWSStage",)
    company, email = FieldMapping("company", "Firm__c", True), FieldMapping("email", "Mail__c", True)
    leads = Mapping("lead", "Tip__c", 1, (company, email))
    assert changed_to_aws(None, leads) == ("email",)

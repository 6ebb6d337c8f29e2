"""The connector's own fields on an object: which field can be which, and what an object lacks, with the type needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.ace.catalogue import opportunity_fields
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import Surroundings, check_mapping, is_blocking
from connector.mapping.model import FieldMapping, Mapping
from connector.mapping.own_fields import OWN_FIELDS, candidates, is_fixed, likely, own_field_problems
from connector.names import ACE_LEAD, ACE_OPPORTUNITY, AWSAPN, PACKAGED, SyncFields, sync_fields


def text(name: str, **more: object) -> FieldDescribe:
    return FieldDescribe(name, name, **{"type": "string", "length": 255, **more})  # type: ignore[arg-type]


def an_object(*fields: FieldDescribe, name: str = "Deal__c") -> ObjectDescribe:
    return ObjectDescribe(name, "Deal", "", fields={field.name.lower(): field for field in fields})


FLAG = text("Send__c", type="boolean", length=0)
STAMP = text("Synced__c", type="datetime", length=0)
VERDICT = text("Due__c", type="boolean", length=0, calculated=True, updateable=False)
IDENTIFIER = text("Aws_Id__c", length=18, external_id=True, unique=True)
INVITATION = text("Invited__c", length=30, external_id=True, unique=True, case_sensitive=True)
OWN = SyncFields("Send__c", "Synced__c", "Due__c", "Aws_Id__c", "Invited__c")
DEAL = an_object(FLAG, STAMP, VERDICT, IDENTIFIER, INVITATION, text("Name"), text("Town__c"))


def without(*names: str, changed: tuple[FieldDescribe, ...] = ()) -> ObjectDescribe:
    kept = [field for field in DEAL.fields.values() if field.name not in names]
    return an_object(*kept, *changed)


def test_an_object_with_all_of_them_has_no_problem():
    assert own_field_problems(DEAL, OWN) == ()


def test_each_is_offered_only_what_can_be_it():
    """A standard checkbox, a formula, a read-only field are no flag; a plain text is no identifier (MAP-25, MAP-27)."""
    others = (
        text("IsWon", type="boolean"), text("Locked__c", type="boolean", updateable=False), text("Long__c", length=19),
        text("Loose__c", length=18, external_id=True), text("CreatedDate", type="datetime", updateable=False),
    )  # fmt: skip
    found = candidates(without(changed=others))
    names = {name: {field.name for field in one.fields} for name, one in found.items()}
    assert names == {
        "sync_with_aws": {"Send__c"}, "last_sync_date": {"Synced__c"},
        "has_updates": {"Due__c", "Send__c", "Locked__c"}, "apn_id": {"Aws_Id__c"}, "invitation_id": {"Invited__c"},
    }  # fmt: skip
    assert not any(one.message for one in found.values())


@pytest.mark.parametrize(
    "wrong",
    [{"length": 17}, {"external_id": False}, {"unique": False}, {"case_sensitive": True}, {"updateable": False}],
    ids=str,
)
def test_without_a_text_18_that_is_unique_regardless_of_case_the_choice_is_closed(wrong):
    """MAP-27: the message takes the place of the choice."""
    describe = without("Aws_Id__c", changed=(replace(IDENTIFIER, **wrong),))
    choice = candidates(describe)["apn_id"]
    assert choice.fields == ()
    assert choice.message.startswith("No valid field to map")
    assert "Text(18) (External ID) (Unique Case Insensitive)" in choice.message
    (problem,) = own_field_problems(describe, OWN)
    assert (problem.code, is_blocking(problem)) == ("NO_VALID_FIELD_TO_MAP", True)
    assert "No valid field to map" in problem.rule


@pytest.mark.parametrize("own", OWN_FIELDS, ids=lambda own: own.name)
def test_a_missing_one_is_named_with_the_type_it_needs(own):
    """MAP-26: but for those that an object may lack."""
    name = getattr(OWN, own.name)
    (problem,) = own_field_problems(without(name), OWN)
    assert (problem.field, problem.code) == (name, "OWN_FIELD_MISSING")
    assert own.wanted in problem.rule
    unnamed = own_field_problems(without(name), replace(OWN, **{own.name: ""}))
    assert bool(unnamed) is not own.optional


def test_an_object_without_verdict_and_invitation_is_complete():
    """ELIG-12: the worker computes the verdict itself."""
    assert own_field_problems(without("Due__c", "Invited__c"), replace(OWN, has_updates="", invitation_id="")) == ()
    profile = replace(OWN, has_updates=PACKAGED.has_updates, invitation_id=PACKAGED.invitation_id)
    assert own_field_problems(without("Due__c", "Invited__c"), profile) == ()


@pytest.mark.parametrize(
    "field",
    [
        replace(FLAG, calculated=True, updateable=False), replace(FLAG, type="string"), replace(FLAG, filterable=False),
        replace(STAMP, type="date"), replace(VERDICT, type="double"), replace(INVITATION, length=29),
    ],
    ids=lambda field: f"{field.name}-{field.type}",
)  # fmt: skip
def test_one_of_another_kind_is_refused(field):
    (problem,) = own_field_problems(without(field.name, changed=(field,)), OWN)
    assert (problem.code, problem.field) == ("OWN_FIELD_UNFIT", field.name)
    assert is_blocking(problem)


def test_one_field_is_not_two():
    found = own_field_problems(DEAL, replace(OWN, has_updates="send__c"))
    assert [(problem.code, problem.field) for problem in found] == [("OWN_FIELD_TWICE", "send__c")]


def test_what_suggests_itself_is_proposed_and_doubt_is_left_to_the_admin():
    assert likely(DEAL) == OWN
    assert likely(without("Due__c", "Invited__c")) == replace(OWN, has_updates="", invitation_id="")
    assert likely(without("Aws_Id__c")) is None
    second = text("Agreed__c", type="boolean")
    assert likely(without(changed=(second,))) is None
    usual = replace(FLAG, name=PACKAGED.sync_with_aws)
    assert likely(without(changed=(second, usual))) == replace(OWN, sync_with_aws=PACKAGED.sync_with_aws)


def problems(mapping: Mapping, describe: ObjectDescribe, profile: SyncFields | None = None) -> set[str]:
    org = {mapping.object_name: replace(describe, name=mapping.object_name)}
    found = check_mapping(mapping, opportunity_fields(), org.get, Surroundings(names=profile))
    return {problem.code for problem in found if problem.code.startswith(("OWN", "NO_VALID", "RESERVED"))}


@pytest.mark.parametrize("name", ["Opportunity", "Lead", ACE_OPPORTUNITY, ACE_LEAD, "opportunity"])
def test_standard_and_packaged_objects_have_fixed_fields(name):
    """MAP-25"""
    assert is_fixed(name)
    assert problems(Mapping("opportunity", name, 1, (), own_fields=OWN), DEAL) == {"OWN_FIELDS_FIXED"}
    assert not is_fixed("Deal__c")


def test_the_check_of_a_mapping_covers_them():
    """MAP-26: an object that lacks them blocks the mapping, and with it the schedules."""
    mapping = Mapping("opportunity", "Deal__c", 1, (), own_fields=OWN)
    assert problems(mapping, DEAL) == set()
    assert problems(mapping, without("Synced__c")) == {"OWN_FIELD_MISSING"}
    by_profile = Mapping("opportunity", "Deal__c", 1, ())
    assert problems(by_profile, DEAL, AWSAPN) == {"OWN_FIELD_MISSING"}
    assert problems(by_profile, DEAL) == set(), "the profile is not known"


@pytest.mark.parametrize("name", [ACE_OPPORTUNITY, ACE_LEAD, "ace_opportunity__c"])
def test_our_objects_have_our_fields_under_every_profile(name):
    """AWS's package adds its fields to standard objects only; a mapping of ours is sound where the org keeps them."""
    assert sync_fields(name, AWSAPN) == sync_fields(name, PACKAGED) == PACKAGED
    assert sync_fields("Opportunity", AWSAPN) == AWSAPN and sync_fields("Deal__c", AWSAPN) == AWSAPN
    packaged = without(changed=tuple(map(_as_packaged, ("sync_with_aws", "last_sync_date", "apn_id"))))
    assert problems(Mapping("opportunity", name, 1, ()), packaged, AWSAPN) == set()
    assert problems(Mapping("opportunity", "Opportunity", 1, ()), packaged, AWSAPN) == {"OWN_FIELD_MISSING"}


def _as_packaged(attribute: str) -> FieldDescribe:
    field = DEAL.field(getattr(OWN, attribute))
    assert field is not None
    return replace(field, name=getattr(PACKAGED, attribute))


def test_they_hold_nothing_else():
    entry = FieldMapping("city", "aws_ID__c", False)
    mapping = Mapping("opportunity", "Deal__c", 1, (entry,), own_fields=OWN)
    assert problems(mapping, DEAL) == {"RESERVED_FIELD"}

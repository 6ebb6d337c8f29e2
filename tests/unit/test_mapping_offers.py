"""A person is offered what fits, can look behind lookups up to two levels, and can ask why something is not offered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ace.catalogue import FieldType, opportunity_fields
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import compatible
from connector.mapping.offers import Offers, offered_fields, why_not
from connector.mapping.paths import resolve_path
from connector.names import PACKAGED, SyncFields

CATALOGUE = opportunity_fields()
COMPANY = CATALOGUE["customerCompanyName"]


def field(name: str, kind: str = "string", length: int = 255, **more: object) -> FieldDescribe:
    return FieldDescribe(name, name.removesuffix("__c"), kind, length=length, **more)  # type: ignore[arg-type]


def lookup(name: str, relationship: str, *targets: str) -> FieldDescribe:
    return field(name, "reference", 18, relationship_name=relationship, reference_to=targets)


def an_object(name: str, *fields: FieldDescribe) -> ObjectDescribe:
    return ObjectDescribe(name, name, "", fields={one.name.lower(): one for one in fields})


USER = an_object(
    "User", field("Name", updateable=False), field("Email", "email", 128), field("Department"),
    lookup("ManagerId", "Manager", "User"),
)  # fmt: skip
ORG = {
    "Deal__c": an_object(
        "Deal__c", field("Title__c"), field("Short__c", length=40), field("Won__c", "boolean", 0),
        field("Ends__c", "date", 0),
        field("Sum__c", "currency", 0, precision=18, scale=2), field("Copy__c", calculated=True, updateable=False),
        field("Key__c", unique=True), field("Own__c", length=18), field(PACKAGED.apn_id, length=18),
        lookup("Customer__c", "Customer__r", "Account"), lookup("OwnerId", "Owner", "Group", "User"),
        lookup("Secret__c", "Secret__r", "Hidden__c"),
    ),
    "Account": an_object("Account", field("Name"), field("Staff", "int", 0), lookup("OwnerId", "Owner", "User")),
    "User": USER,
    "Group": an_object("Group", field("Name"), field("Email", "string", 80)),
}  # fmt: skip


def offers(ace: str = "customerCompanyName", relationship: str = "", own: SyncFields | None = None) -> Offers:
    return offered_fields(CATALOGUE[ace], "Deal__c", ORG.get, relationship=relationship, own=own)


def paths(found: Offers) -> list[str]:
    return [offer.path for offer in found.fields]


def test_only_fields_that_can_hold_the_values_are_offered():
    """MAP-06: for a company name no number, date, checkbox or lookup."""
    assert set(paths(offers())) == {"Title__c", "Short__c", "Copy__c", "Key__c", "Own__c"}
    assert paths(offers("targetCloseDate")) == ["Ends__c"]
    assert paths(offers("expectedMonthlyAwsRevenue")) == ["Sum__c"]


def test_the_reason_for_every_other_field_can_be_asked():
    found = offers()
    everything = {one.name for one in ORG["Deal__c"].fields.values()}
    assert set(found.refused) == everything - set(paths(found))
    assert found.refused["Sum__c"].code == "TYPE_MISMATCH"
    assert found.refused[PACKAGED.apn_id].code == "RESERVED_FIELD"
    assert all(problem.rule and problem.remedy and problem.field for problem in found.refused.values())


def test_lookups_come_last_with_a_sign_and_expand_to_the_fields_behind_them():
    """MAP-11"""
    found = offers()
    assert [(one.relationship, one.label) for one in found.relationships] == [
        ("Customer__r", "Customer >"), ("Owner", "OwnerId >"), ("Secret__r", "Secret >"),
    ]  # fmt: skip
    account = offers(relationship="Customer__r")
    assert paths(account) == ["Customer__r.Name"]
    assert account.fields[0].label == "Name (Customer__r)"
    assert account.refused["Customer__r.Staff"].code == "TYPE_MISMATCH"


def test_two_levels_can_be_followed_and_no_third():
    """MAP-10"""
    assert [one.relationship for one in offers(relationship="Customer__r").relationships] == ["Customer__r.Owner"]
    owner = offers("customerEmail", "Customer__r.Owner")
    assert "Customer__r.Owner.Email" in paths(owner)
    assert owner.relationships == ()
    third = offers(relationship="Customer__r.Owner.Manager")
    assert (third.fields, third.relationships) == ((), ())
    assert [problem.code for problem in third.refused.values()] == ["PATH_TOO_DEEP"]


def test_behind_an_owner_that_may_be_a_queue_only_what_salesforce_reads_there_is_offered():
    """A query that asks for more is refused as a whole, and nothing would be in step any more."""
    found = offers(relationship="Owner")
    assert paths(found) == ["Owner.Email", "Owner.Name"]
    assert found.relationships == ()
    assert "several kinds of objects" in found.refused["Owner.Department"].rule
    refusal = why_not(COMPANY, "Owner.Manager.Email", "Deal__c", ORG.get)
    assert refusal is not None and "several kinds of objects" in refusal.rule
    assert why_not(COMPANY, "Customer__r.Owner.Department", "Deal__c", ORG.get) is None


@pytest.mark.parametrize("relationship", ["Gone__r", "Secret__r", "Title__c"])
def test_what_cannot_be_expanded_says_why(relationship):
    found = offers(relationship=relationship)
    assert found.fields == () and found.refused[relationship].code == "SALESFORCE_FIELD_MISSING"


def test_an_offer_says_whether_aws_may_write_to_it():
    by_path = {offer.path: offer for offer in offers().fields}
    assert by_path["Title__c"].can_be_inbound and by_path["Title__c"].notes == ()
    assert not by_path["Copy__c"].can_be_inbound and by_path["Copy__c"].notes[0].code == "NOT_WRITABLE"
    assert not by_path["Key__c"].can_be_inbound and by_path["Key__c"].notes[0].code == "UNIQUE_FIELD"
    assert by_path["Short__c"].can_be_inbound and by_path["Short__c"].notes[0].code == "MAY_NOT_FIT"
    (owner,) = (offer for offer in offers("customerEmail", "Owner").fields if offer.path == "Owner.Email")
    assert not owner.can_be_inbound and owner.notes[0].code == "RELATED_NOT_WRITTEN"


def test_what_only_comes_in_is_not_offered_fields_that_cannot_be_written():
    found = offers("arn")
    assert "Title__c" in paths(found) and "Copy__c" not in paths(found)
    assert found.refused["Copy__c"].code == "NOT_WRITABLE"


def test_what_the_connector_fills_itself_is_offered_nothing():
    """MAP-63"""
    found = offers("partnerCrmUniqueIdentifier")
    assert (found.fields, found.relationships) == ((), ())
    assert "18-character" in found.refused[""].rule


def test_the_own_fields_of_the_mapping_are_not_offered():
    own = SyncFields("Won__c", "", "", "Own__c", "")
    assert "Own__c" in paths(offers()) and "Own__c" not in paths(offers(own=own))


def test_one_path_gets_the_same_answer():
    for ace in ("customerCompanyName", "arn", "partnerCrmUniqueIdentifier"):
        found = offers(ace)
        for offer in found.fields:
            assert why_not(CATALOGUE[ace], offer.path, "Deal__c", ORG.get) is None
        for path, problem in found.refused.items():
            assert why_not(CATALOGUE[ace], path, "Deal__c", ORG.get) == problem
    problem = why_not(COMPANY, "Gone__c", "Deal__c", ORG.get)
    assert problem is not None and (problem.code, problem.field) == ("SALESFORCE_FIELD_MISSING", COMPANY.name)


@given(st.sampled_from(list(CATALOGUE.values())), st.sampled_from(["", "Customer__r", "Owner", "Customer__r.Owner"]))
def test_every_offer_resolves_and_fits(ace, relationship):
    found = offered_fields(ace, "Deal__c", ORG.get, relationship=relationship)
    for offer in found.fields:
        known = resolve_path(offer.path, "Deal__c", ORG.get)
        assert isinstance(known, FieldDescribe) and compatible(ace, known) is None
    assert not set(paths(found)) & set(found.refused)


def test_a_type_that_salesforce_adds_later_is_refused_and_not_offered():
    unknown = replace(field("New__c"), type="hologram")
    assert all(compatible(replace(COMPANY, type=kind), unknown) is not None for kind in FieldType)

"""The packaged object is mapped in one step, completely, and a second time changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from connector.ace.catalogue import Owner, opportunity_fields
from connector.errors import MappingError
from connector.mapping.automap import automap_packaged, cleared, new_entry, with_equal_values
from connector.mapping.describe import FieldDescribe, ObjectDescribe, PicklistEntry
from connector.mapping.fit import check_mapping, is_blocking
from connector.mapping.inbound import to_salesforce
from connector.mapping.model import Fallback, FieldMapping, Mapping, PicklistMapping
from connector.names import ACE_OPPORTUNITY, PACKAGED

CATALOGUE = opportunity_fields()
SOURCE = Path(__file__).parents[2] / "salesforce_metadata/base/main/default/objects" / ACE_OPPORTUNITY / "fields"
NS = "{http://soap.sforce.com/2006/04/metadata}"
TYPES = {
    "Text": "string", "LongTextArea": "textarea", "TextArea": "textarea", "Picklist": "picklist", "Number": "double",
    "MultiselectPicklist": "multipicklist", "Checkbox": "boolean", "Currency": "currency", "Date": "date",
    "DateTime": "datetime", "Email": "email", "Phone": "phone", "Url": "url",
}  # fmt: skip


def read_field(path: Path) -> FieldDescribe:
    root = etree.parse(path).getroot()

    def value(tag: str) -> str:
        return str(root.findtext(NS + tag, ""))

    entries = (str(one.findtext(NS + "fullName")) for one in root.iter(NS + "value"))
    return FieldDescribe(
        name=value("fullName"), label=value("label"), type=TYPES[value("type")], length=int(value("length") or 0),
        precision=int(value("precision") or 0), scale=int(value("scale") or 0), updateable=not value("formula"),
        calculated=bool(value("formula")), unique=value("unique") == "true",
        restricted_picklist="icklist" in value("type"),
        picklist=tuple(PicklistEntry(entry, entry) for entry in entries),
    )  # fmt: skip


FIELDS = [read_field(path) for path in sorted(SOURCE.glob("*.xml"))]
PACKAGE = ObjectDescribe(
    ACE_OPPORTUNITY, "ACE Opportunity", "a00", fields={field.name.lower(): field for field in FIELDS}
)
MAPPED = automap_packaged(CATALOGUE, PACKAGE)


def test_the_packaged_object_is_mapped_without_a_problem():
    """Types fit, every required field is there, and every picklist value of both sides has its counterpart."""
    assert check_mapping(MAPPED, CATALOGUE, {ACE_OPPORTUNITY: PACKAGE}.get) == ()


def test_every_field_of_the_catalogue_that_the_package_has_is_mapped_to_it():
    expected = {ace.name: ace.salesforce_name for ace in CATALOGUE.values() if ace.salesforce_name}
    del expected["apnCrmUniqueIdentifier"]
    assert {item.ace_field: item.path for item in MAPPED.fields} == expected


def test_inbound_updates_are_on_but_for_stage_close_date_and_lost_reason():
    off = {item.ace_field for item in MAPPED.fields if not item.inbound and CATALOGUE[item.ace_field].inbound}
    assert off == {"stage", "targetCloseDate", "closedLostReason"}
    assert all(item.inbound for item in MAPPED.fields if CATALOGUE[item.ace_field].owner is Owner.AWS)


def test_the_connectors_own_fields_are_not_mapped():
    assert not {item.path for item in MAPPED.fields} & set(PACKAGED.all)


def test_mapping_twice_changes_nothing():
    assert automap_packaged(CATALOGUE, PACKAGE, MAPPED) == MAPPED


def test_an_existing_mapping_keeps_its_choices_and_gets_what_is_missing():
    values = PicklistMapping({"Prospect": "Qualified"}, {}, {"Qualified": "Prospect"})
    kept = MAPPED.without_field("city").with_field(FieldMapping("stage", "Stage__c", True, values))
    again = automap_packaged(CATALOGUE, PACKAGE, kept)
    stage = again.field("stage")
    assert stage is not None and stage.picklist is not None
    assert stage.inbound is True
    assert stage.picklist.primary["Prospect"] == "Qualified"
    assert set(stage.picklist.primary) == set(CATALOGUE["stage"].values)
    assert again.field("city") == MAPPED.field("city")


def test_fields_that_the_org_lacks_or_typed_otherwise_are_left_out_and_missed_by_the_check():
    fields = {name: field for name, field in PACKAGE.fields.items() if name != "country__c"}
    fields["industry__c"] = replace(fields["industry__c"], type="double")
    org = replace(PACKAGE, fields=fields)
    mapped = automap_packaged(CATALOGUE, org)
    assert mapped.field("country") is None and mapped.field("industry") is None
    found = check_mapping(mapped, CATALOGUE, {ACE_OPPORTUNITY: org}.get)
    assert {problem.field for problem in found if is_blocking(problem)} >= {"country", "industry"}


def test_other_objects_are_refused():
    with pytest.raises(MappingError, match="Opportunity cannot be mapped automatically"):
        automap_packaged(CATALOGUE, replace(PACKAGE, name="Opportunity"))
    with pytest.raises(MappingError, match="Clear it first"):
        automap_packaged(CATALOGUE, PACKAGE, replace(MAPPED, object_name="Opportunity"))


def test_what_a_person_set_besides_stays():
    """An entry's fallback is nothing that a second run takes away."""
    city = MAPPED.field("city")
    assert city is not None
    kept = MAPPED.with_field(replace(city, to_aws=Fallback(value="Springfield")))
    assert automap_packaged(CATALOGUE, PACKAGE, kept) == kept


# --- any object


def an_org() -> dict[str, ObjectDescribe]:
    def text(name: str, **more: object) -> FieldDescribe:
        return FieldDescribe(name, name, **{"type": "string", "length": 255, **more})  # type: ignore[arg-type]

    stages = tuple(PicklistEntry(value, value) for value in (*CATALOGUE["stage"].values[:2], "Won"))
    sectors = tuple(PicklistEntry(value, value) for value in (*CATALOGUE["industry"].values[:3], "Retail trade"))
    deal = (
        text("Title__c"), text("Phase__c", type="picklist", picklist=stages), text("Formula__c", updateable=False),
        text("Customer__c", type="reference", relationship_name="Customer__r", reference_to=("Account",)),
    )  # fmt: skip
    account = (text("Sector__c", type="picklist", picklist=sectors), text("Name"))
    return {
        name: ObjectDescribe(name, name, "", fields={one.name.lower(): one for one in fields})
        for name, fields in (("Deal__c", deal), ("Account", account))
    }


ORG = an_org()


def entry(ace_field: str, path: str) -> FieldMapping:
    return new_entry(CATALOGUE[ace_field], path, "Deal__c", ORG.get)


def test_a_new_entry_protects_what_the_partner_decides():
    """MAP-48"""
    assert not entry("stage", "Phase__c").inbound
    assert not any(entry(name, "Title__c").inbound for name in ("targetCloseDate", "closedLostReason"))
    assert all(entry(name, "Title__c").inbound for name in ("aWSStage", "aWSClosedLostReason", "nextStep"))


def test_a_new_entry_takes_nothing_in_where_nothing_can_be_written():
    assert not entry("city", "Formula__c").inbound
    assert not entry("rejectionReason", "Title__c").inbound
    assert entry("city", "Gone__c").inbound, "the check tells what is wrong"


def test_equal_values_of_related_picklists_are_mapped_too():
    """PICK-17"""
    mapped = entry("industry", "Customer__r.Sector__c")
    assert mapped.picklist is not None
    assert dict(mapped.picklist.primary) == {value: value for value in CATALOGUE["industry"].values[:3]}


def test_one_fields_values_are_mapped_on_request_and_only_missing_ones():
    """MAP-49"""
    values = PicklistMapping({"Prospect": "Won"})
    mapping = Mapping("opportunity", "Deal__c", 1, (FieldMapping("stage", "Phase__c", False, values),))
    found = with_equal_values(mapping, "stage", CATALOGUE, ORG.get).field("stage")
    assert found is not None and found.picklist is not None
    assert dict(found.picklist.primary) == {"Prospect": "Won", "Qualified": "Qualified"}


@pytest.mark.parametrize(
    ("name", "path"), [("stage", ""), ("stage", "Gone__c"), ("stage", "Title__c"), ("city", "Title__c")]
)
def test_values_cannot_be_mapped_where_there_are_none(name, path):
    items = (FieldMapping(name, path, False),) if path else ()
    with pytest.raises(MappingError, match=name):
        with_equal_values(Mapping("opportunity", "Deal__c", 1, items), name, CATALOGUE, ORG.get)


def test_a_cleared_mapping_has_no_field_and_is_for_the_same_object():
    """MAP-29: clear, then map automatically: the same as mapping anew."""
    assert cleared(MAPPED) == replace(MAPPED, fields=())
    assert automap_packaged(CATALOGUE, PACKAGE, cleared(MAPPED)) == MAPPED


def test_a_history_of_thirty_thousand_characters_is_written_whole():
    """MAP-23: the packaged field is a long text of 131,072."""
    history = "Called the customer; they ask for an offer.\n" * 700
    values, problems = to_salesforce(MAPPED, {"nextStepHistory": history}, PACKAGE, creating=False)
    assert len(history) > 30_000
    assert (values, problems) == ({"Next_Step_History__c": history}, ())

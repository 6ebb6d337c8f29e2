"""Reads objects, fields, picklists and validation rules from a directory of Salesforce DX source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lxml import etree

from connector.sandbox.salesforce.lookup_filters import OPERATIONS, Condition, LookupFilter
from connector.sandbox.salesforce.schema import AUDIT, Choice, Field, RecordType, Rule, Schema, SObject
from connector.sandbox.salesforce.standard import new_object, record_type_field, standard_schema

TYPES = {
    "Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Html": "textarea", "Checkbox": "boolean",
    "Currency": "currency", "Number": "double", "Percent": "percent", "Date": "date", "DateTime": "datetime",
    "Time": "time", "Email": "email", "Phone": "phone", "Url": "url", "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist", "Lookup": "reference", "MasterDetail": "reference",
    "Hierarchy": "reference",
    "AutoNumber": "string", "EncryptedText": "encryptedstring",
}  # fmt: skip
LENGTHS = {
    "email": 80, "phone": 40, "url": 255, "picklist": 255, "multipicklist": 4099, "reference": 18, "textarea": 255,
    "string": 255, "encryptedstring": 175,
}  # fmt: skip


STANDARD_VALUES = {
    "OpportunityStage": ("Opportunity.StageName",),
    "OpportunityType": ("Opportunity.Type",),
    "LeadStatus": ("Lead.Status",),
    "LeadSource": ("Lead.LeadSource", "Opportunity.LeadSource", "Contact.LeadSource", "Account.AccountSource"),
    "Industry": ("Account.Industry", "Lead.Industry"),
    "AccountType": ("Account.Type",),
    "AccountRating": ("Account.Rating", "Lead.Rating"),
    "CampaignType": ("Campaign.Type",),
    "CampaignStatus": ("Campaign.Status",),
}
"""Sets of values for standard picklists, and the fields that offer them. [U] Which fields share one."""


class MetadataError(ValueError):
    """The source directory holds something that an org would refuse to deploy; the message names the file."""


class Xml:
    """One metadata element, read by child names without their namespace."""

    def __init__(self, element: etree._Element) -> None:
        self._element = element

    @classmethod
    def read(cls, path: Path) -> Xml:
        try:
            return cls(etree.fromstring(path.read_bytes()))
        except etree.XMLSyntaxError as broken:
            raise MetadataError(f"{path}: {broken}") from broken

    def all(self, name: str) -> list[Xml]:
        return [
            Xml(child) for child in self._element if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name
        ]

    def one(self, name: str) -> Xml | None:
        return next(iter(self.all(name)), None)

    def text(self, name: str, default: str = "") -> str:
        found = self.one(name)
        return (found._element.text or "") if found else default

    def number(self, name: str) -> int:
        return int(self.text(name) or 0)

    def flag(self, name: str) -> bool:
        return self.text(name).strip() == "true"


def find_files(directories: Sequence[Path], pattern: str) -> list[Path]:
    """Return the files or folders of that name below the directories: in their order, sorted within each."""
    return [path for directory in directories for path in sorted(directory.rglob(pattern))]


def read_schema(*directories: Path) -> Schema:
    """Return the standard objects plus what the source below each of ``directories`` adds, one after the other.

    A field or a rule that a later directory has too replaces the earlier one, as a second deployment does.

    Raises:
        MetadataError: a file is not well formed, or a field has a type or a target that no org knows.
    """
    schema = standard_schema()
    folders = [path for path in find_files(directories, "objects/*") if path.is_dir()]
    value_sets = {
        path.name.split(".")[0]: Xml.read(path) for path in find_files(directories, "*.globalValueSet-meta.xml")
    }
    for path in find_files(directories, "*.standardValueSet-meta.xml"):
        _replace_values(schema, path)
    for folder in folders:
        _read_object(schema, folder, value_sets)
    _check_targets(schema)
    return schema


def _replace_values(schema: Schema, path: Path) -> None:
    """Give standard picklists the values of a file in the place of those that every org has."""
    name = path.name.split(".")[0]
    if name not in STANDARD_VALUES:
        raise MetadataError(f"{path}: this org knows no standard values {name}.")
    choices = tuple(_standard_choice(one) for one in Xml.read(path).all("standardValue"))
    for sobject, _, field in (target.partition(".") for target in STANDARD_VALUES[name]):
        schema[sobject].add(replace(schema[sobject].fields[field.lower()], choices=choices))


def _standard_choice(xml: Xml) -> Choice:
    chance = xml.text("probability")
    return replace(
        _choice(xml), closed=xml.flag("closed"), won=xml.flag("won"), converted=xml.flag("converted"),
        probability=int(chance) if chance else None,
    )  # fmt: skip


def _choice(xml: Xml) -> Choice:
    value = xml.text("fullName")
    return Choice(value, xml.text("label") or value, xml.text("isActive") != "false", xml.flag("default"))


def _read_object(schema: Schema, folder: Path, value_sets: dict[str, Xml]) -> None:
    name = folder.name
    if schema.get(name) is None:
        schema.add(_declare(name, folder))
    sobject = schema[name]
    for path in sorted(folder.glob("fields/*.field-meta.xml")):
        if path.name.split(".")[0].endswith("__c"):
            sobject.add(read_field(path, value_sets))
    for path in sorted(folder.glob("validationRules/*.validationRule-meta.xml")):
        add_rule(sobject, Xml.read(path))
    for path in sorted(folder.glob("recordTypes/*.recordType-meta.xml")):
        _add_record_type(sobject, Xml.read(path))
    if any(one.master_detail for one in sobject.fields.values()):
        sobject.fields.pop("ownerid", None)


def add_rule(sobject: SObject, xml: Xml) -> None:
    """Give the object a validation rule in the place of the one of that name; one that is not active only goes."""
    name = xml.text("fullName")
    sobject.rules = [one for one in sobject.rules if one.name != name]
    if xml.flag("active"):
        rule = Rule(name, xml.text("errorConditionFormula"), xml.text("errorMessage"), xml.text("errorDisplayField"))
        sobject.rules.append(rule)


def _add_record_type(sobject: SObject, xml: Xml) -> None:
    """Give the object a record type. With the first one comes the field that names it. [U]

    Which picklist values the type has is not kept: the reference knows of no check of them over REST.
    """
    found = RecordType(
        xml.text("fullName"), xml.text("label") or xml.text("fullName"), xml.flag("active"), xml.text("description")
    )
    sobject.record_types = [*(one for one in sobject.record_types if one.name != found.name), found]
    sobject.add(record_type_field())


def _declare(name: str, folder: Path) -> SObject:
    path = folder / f"{name}.object-meta.xml"
    if not path.exists():
        raise MetadataError(f"{path}: an object that the org does not have needs its own file.")
    xml = Xml.read(path)
    setting = xml.text("customSettingsType")
    label = xml.text("label") or name
    sobject = new_object(name, label, xml.text("pluralLabel") or label, owner=not setting)
    sobject.custom_setting, sobject.sharing = setting, xml.text("sharingModel") or "ReadWrite"
    sobject.add(_name_field(xml.one("nameField"), setting=setting))
    if setting:
        targets = ("Organization", "Profile", "User")
        sobject.add(
            Field("SetupOwnerId", "Location", "reference", length=18, required=setting == "Hierarchy",
                  reference_to=targets, unique=setting == "Hierarchy", parent_name="SetupOwner")
        )  # fmt: skip
    return sobject


def _name_field(xml: Xml | None, *, setting: str) -> Field:
    label = xml.text("label", "Name") if xml else "Name"
    if xml and xml.text("type") == "AutoNumber":
        return Field(
            "Name", label, "string", length=80, required=True, auto_number=xml.text("displayFormat") or "{0}",
            first_number=xml.number("startingNumber") or 1, createable=False, updateable=False,
        )  # fmt: skip
    return Field("Name", label, "string", length=38 if setting else 80)


def read_field(path: Path, value_sets: dict[str, Xml]) -> Field:
    """Return the custom field that the file describes."""
    return make_field(Xml.read(path), value_sets, place=str(path))


def make_field(xml: Xml, value_sets: dict[str, Xml], *, place: str) -> Field:
    """Return the custom field that a piece of metadata describes; ``place`` is for the message when it cannot be."""
    source = xml.text("type")
    if source not in TYPES:
        raise MetadataError(f"{place}: field type {source!r} is not supported by this org.")
    kind = TYPES[source]
    field = Field(
        name=xml.text("fullName"),
        label=xml.text("label"),
        type=kind,
        length=xml.number("length") or LENGTHS.get(kind, 0),
        precision=xml.number("precision"),
        scale=xml.number("scale"),
        required=xml.flag("required"),
        unique=xml.flag("unique"),
        case_sensitive=xml.flag("caseSensitive"),
        external_id=xml.flag("externalId"),
        default=xml.text("defaultValue"),
        html=source == "Html",
        help=xml.text("inlineHelpText"),
    )
    return _relate(_choose(_calculate(field, xml), xml, value_sets), xml, source)


def _calculate(field: Field, xml: Xml) -> Field:
    if formula := xml.text("formula"):
        length = 1300 if field.type == "string" else 0
        zero = xml.text("formulaTreatBlanksAs") != "BlankAsBlank"
        return replace(
            field,
            formula=formula,
            blanks_as_zero=zero,
            length=length,
            createable=False,
            updateable=False,
            required=False,
        )
    if xml.text("type") == "AutoNumber":
        return replace(
            field, length=30, auto_number=xml.text("displayFormat") or "{0}",
            first_number=xml.number("startingNumber") or 1, createable=False, updateable=False,
        )  # fmt: skip
    return field


def _choose(field: Field, xml: Xml, value_sets: dict[str, Xml]) -> Field:
    if (values := xml.one("valueSet")) is None:
        return field
    named = values.text("valueSetName")
    if named and named not in value_sets:
        raise MetadataError(f"{field.name}: the global value set {named} is not in the source.")
    entries = value_sets[named].all("customValue") if named else []
    if definition := values.one("valueSetDefinition"):
        entries = definition.all("value")
    return replace(
        field, choices=tuple(_choice(one) for one in entries), restricted=values.flag("restricted") or bool(named)
    )


def _relate(field: Field, xml: Xml, source: str) -> Field:
    if field.type != "reference":
        return field
    detail = source == "MasterDetail"
    child = xml.text("relationshipName")
    return replace(
        field,
        reference_to=(xml.text("referenceTo"),),
        parent_name=field.name[:-1] + "r",
        child_name=f"{child}__r" if child else "",
        on_delete="Cascade" if detail else xml.text("deleteConstraint") or "SetNull",
        master_detail=detail,
        reparentable=xml.flag("reparentableMasterDetail"),
        master_read=detail and xml.flag("writeRequiresMasterRead"),
        required=field.required or detail,
        updateable=not detail or xml.flag("reparentableMasterDetail"),
        filter=_lookup_filter(xml, field.name),
    )


def _lookup_filter(xml: Xml, place: str) -> LookupFilter | None:
    """Return the filter that a lookup demands; an optional one only narrows what people are offered."""
    found = xml.one("lookupFilter")
    if found is None or not found.flag("active") or found.flag("isOptional"):
        return None
    target, conditions = xml.text("referenceTo"), []
    for one in found.all("filterItems"):
        owner, _, name = one.text("field").partition(".")
        if owner != target or "." in name or one.text("operation") not in OPERATIONS or one.one("valueField"):
            raise MetadataError(f"{place}: this org does not know lookup filters such as {one.text('field')}.")
        conditions.append(Condition(name, one.text("operation"), one.text("value")))
    if found.text("booleanFilter"):
        raise MetadataError(f"{place}: this org does not know the logic of lookup filters.")
    message = found.text("errorMessage") or "Value does not exist or does not match filter criteria."
    return LookupFilter(tuple(conditions), message)


def _check_targets(schema: Schema) -> None:
    for sobject in schema:
        for field in sobject.fields.values():
            missing = [name for name in field.reference_to if schema.get(name) is None]
            if missing and field.name not in AUDIT:
                raise MetadataError(f"{sobject.name}.{field.name} refers to {missing[0]}, which the org does not have.")
            for one in field.filter.conditions if field.filter else ():
                if schema[field.reference_to[0]].field(one.field) is None:
                    raise MetadataError(f"{sobject.name}.{field.name}: its filter names the unknown field {one.field}.")

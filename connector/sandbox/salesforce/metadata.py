"""Reads objects, fields, picklists and validation rules from a directory of Salesforce DX source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lxml import etree

from connector.sandbox.salesforce.schema import AUDIT, Choice, Field, Rule, Schema, SObject
from connector.sandbox.salesforce.standard import new_object, standard_schema

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


def read_schema(directory: Path) -> Schema:
    """Return the standard objects plus what the source below ``directory`` adds.

    Raises:
        MetadataError: a file is not well formed, or a field has a type or a target that no org knows.
    """
    schema = standard_schema()
    folders = sorted(path for path in directory.rglob("objects/*") if path.is_dir())
    value_sets = {path.name.split(".")[0]: Xml.read(path) for path in directory.rglob("*.globalValueSet-meta.xml")}
    for folder in folders:
        _read_object(schema, folder, value_sets)
    _check_targets(schema)
    return schema


def _read_object(schema: Schema, folder: Path, value_sets: dict[str, Xml]) -> None:
    name = folder.name
    if schema.get(name) is None:
        schema.add(_declare(name, folder))
    sobject = schema[name]
    for path in sorted(folder.glob("fields/*.field-meta.xml")):
        if path.name.split(".")[0].endswith("__c"):
            sobject.add(read_field(path, value_sets))
    for path in sorted(folder.glob("validationRules/*.validationRule-meta.xml")):
        xml = Xml.read(path)
        if xml.flag("active"):
            field = xml.text("errorDisplayField")
            sobject.rules.append(
                Rule(xml.text("fullName"), xml.text("errorConditionFormula"), xml.text("errorMessage"), field)
            )
    if any(one.master_detail for one in sobject.fields.values()):
        sobject.fields.pop("ownerid", None)


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
    xml = Xml.read(path)
    source = xml.text("type")
    if source not in TYPES:
        raise MetadataError(f"{path}: field type {source!r} is not supported by this org.")
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
    choices = tuple(
        Choice(
            one.text("fullName"),
            one.text("label") or one.text("fullName"),
            one.text("isActive") != "false",
            one.flag("default"),
        )
        for one in entries
    )
    return replace(field, choices=choices, restricted=values.flag("restricted") or bool(named))


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
    )


def _check_targets(schema: Schema) -> None:
    for sobject in schema:
        for field in sobject.fields.values():
            missing = [name for name in field.reference_to if schema.get(name) is None]
            if missing and field.name not in AUDIT:
                raise MetadataError(f"{sobject.name}.{field.name} refers to {missing[0]}, which the org does not have.")

"""What describe says of objects and fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce import record_types
from connector.sandbox.salesforce.permissions import Rights, permissionable
from connector.sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, SObject

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

Json = dict[str, Any]
_SOAP = {"int": "xsd:int", "boolean": "xsd:boolean", "date": "xsd:date", "datetime": "xsd:dateTime", "time": "xsd:time"}


def soap_type(field: Field) -> str:
    if field.type in ID_TYPES:
        return "tns:ID"
    return "xsd:double" if field.type in NUMBER_TYPES - {"int"} else _SOAP.get(field.type, "xsd:string")


FIXED: Json = {
    "compoundFieldName": None,
    "controllerName": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "displayLocationInDecimal": False,
    "queryByDistance": False,
    "referenceTargetField": None,
}
"""Attributes that are the same for every field of this org."""


def describe_field(field: Field, *, create: bool = True, edit: bool = True) -> Json:
    """Return describe's attributes of a field, for somebody who may set it in new rows, or change it, or neither."""
    may = {"createable": field.createable and create, "updateable": field.updateable and edit}
    return FIXED | _shape(field) | _use(field) | may | _values(field) | _relation(field)


def _shape(field: Field) -> Json:
    """Return what the field is: name, type and size."""
    text = field.type in TEXT_TYPES or field.type in ID_TYPES
    length = field.length if text else 0
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "soapType": soap_type(field),
        "length": length,
        "byteLength": length if field.type in ID_TYPES else length * 3,
        "digits": field.length if field.type == "int" else 0,
        "precision": field.precision,
        "scale": field.scale,
        "custom": field.custom,
        "nameField": field.name == "Name",
        "htmlFormatted": field.html,
        "extraTypeInfo": "richtextarea" if field.html else "plaintextarea" if field.long else None,
        "encrypted": field.type == "encryptedstring",
        "inlineHelpText": field.help or None,
    }


def _use(field: Field) -> Json:
    """Return what can be done with the field."""
    sortable = not field.long and field.type != "multipicklist"
    measured = field.type in {"datetime", "double", "currency", "percent"}
    return {
        "nillable": not field.required and field.type not in {"boolean", "id"} and not _stamped(field),
        "permissionable": field.custom and not field.required,
        "aggregatable": not field.long and field.type != "boolean",
        "filterable": not field.long,
        "sortable": sortable,
        "groupable": sortable and not measured and not field.calculated,
        "unique": field.unique,
        "caseSensitive": field.case_sensitive,
        "externalId": field.external_id,
        "idLookup": field.external_id or field.name == "Id",
    }


def _values(field: Field) -> Json:
    """Return where the field's values come from."""
    checkbox = field.type == "boolean"
    return {
        "autoNumber": bool(field.auto_number),
        "calculated": field.calculated,
        "calculatedFormula": field.formula or None,
        "formulaTreatNullNumberAsZero": field.calculated and field.blanks_as_zero,
        "defaultValue": False if checkbox and not field.calculated else field.initial,
        "defaultValueFormula": field.default if field.default and not checkbox else None,
        "defaultedOnCreate": field.defaulted,
        "restrictedPicklist": field.restricted,
        "picklistValues": [
            {
                "active": one.active,
                "defaultValue": one.default,
                "label": one.label,
                "validFor": None,
                "value": one.value,
            }
            for one in field.choices
        ],
    }


def _relation(field: Field) -> Json:
    """Return what the field refers to."""
    several = len(field.reference_to) > 1
    return {
        "referenceTo": list(field.reference_to),
        "relationshipName": field.parent_name or None,
        "relationshipOrder": 0 if field.master_detail else None,
        "namePointing": several,
        "polymorphicForeignKey": several,
        "cascadeDelete": field.on_delete == "Cascade",
        "restrictedDelete": field.on_delete == "Restrict",
        "writeRequiresMasterRead": field.master_read,
    }


def _stamped(field: Field) -> bool:
    return field.name in {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}


def summarise(sobject: SObject, base: str, rights: Rights) -> Json:
    """Return the members that describe and the global describe share."""
    create, edit, delete = (sobject.createable and rights.may(one, sobject) for one in ("create", "edit", "delete"))
    return {
        "activateable": False,
        "createable": create,
        "custom": sobject.custom,
        "customSetting": bool(sobject.custom_setting),
        "deletable": delete,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isSubtype": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.label,
        "labelPlural": sobject.plural,
        "layoutable": not sobject.custom_setting,
        "mergeable": sobject.name in {"Account", "Contact", "Lead"},
        "mruEnabled": not sobject.custom_setting,
        "name": sobject.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": not sobject.custom_setting,
        "triggerable": True,
        "undeletable": delete,
        "updateable": edit,
        "urls": {
            "sobject": f"{base}/sobjects/{sobject.name}",
            "describe": f"{base}/sobjects/{sobject.name}/describe",
            "rowTemplate": f"{base}/sobjects/{sobject.name}/{{ID}}",
        },
    }


def describe(org: Org, user_id: str, sobject: SObject, base: str) -> Json:
    """Return the describe of an object, without the fields and children that are hidden from the user."""
    rights = org.access.of(user_id)
    fields = [one for one in sobject.fields.values() if rights.reads(sobject, one)]
    children: list[Json] = [
        {
            "cascadeDelete": one.field.on_delete == "Cascade",
            "childSObject": one.sobject.name,
            "deprecatedAndHidden": False,
            "field": one.field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": one.field.child_name or None,
            "restrictedDelete": one.field.on_delete == "Restrict",
        }
        for one in org.schema.children(sobject.name)
        if rights.may("read", one.sobject) and rights.reads(one.sobject, one.field)
    ]
    return summarise(sobject, base, rights) | {
        "fields": [_for_user(sobject, one, rights) for one in fields],
        "childRelationships": children,
        "recordTypeInfos": record_types.infos(org, rights, sobject, base),
        "supportedScopes": [],
    }


def _for_user(sobject: SObject, field: Field, rights: Rights) -> Json:
    create, edit = (rights.writes(sobject, field) and rights.may(one, sobject) for one in ("create", "edit"))
    shown = describe_field(field, create=create, edit=edit)
    return shown | {"permissionable": permissionable(sobject, field)}


def describe_global(org: Org, user_id: str, base: str) -> Json:
    """Return the list of all objects that the user may read."""
    rights = org.access.of(user_id)
    objects = [summarise(one, base, rights) for one in org.schema if rights.may("read", one)]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects}

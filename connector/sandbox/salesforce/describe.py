"""What describe says of objects and fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, SObject

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

Json = dict[str, Any]
_SOAP = {"int": "xsd:int", "boolean": "xsd:boolean", "date": "xsd:date", "datetime": "xsd:dateTime", "time": "xsd:time"}


def soap_type(field: Field) -> str:
    if field.type in ID_TYPES:
        return "tns:ID"
    return "xsd:double" if field.type in NUMBER_TYPES - {"int"} else _SOAP.get(field.type, "xsd:string")


def describe_field(field: Field) -> Json:
    """Return describe's attributes of a field."""
    text = field.type in TEXT_TYPES or field.type in ID_TYPES
    sortable = not field.long and field.type != "multipicklist"
    return {
        "aggregatable": not field.long and field.type != "boolean",
        "autoNumber": bool(field.auto_number),
        "byteLength": field.length * 3 if text and field.type not in ID_TYPES else field.length if text else 0,
        "calculated": field.calculated,
        "calculatedFormula": field.formula or None,
        "cascadeDelete": field.on_delete == "Cascade",
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": None,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": False if field.type == "boolean" and not field.calculated else field.initial,
        "defaultValueFormula": field.default if field.default and field.type != "boolean" else None,
        "defaultedOnCreate": field.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": field.length if field.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": field.type == "encryptedstring",
        "externalId": field.external_id,
        "extraTypeInfo": "richtextarea" if field.html else "plaintextarea" if field.long else None,
        "filterable": not field.long,
        "formulaTreatNullNumberAsZero": bool(field.calculated and field.blanks_as_zero),
        "groupable": sortable
        and field.type not in {"datetime", "double", "currency", "percent"}
        and not field.calculated,
        "htmlFormatted": field.html,
        "idLookup": field.external_id or field.name == "Id",
        "inlineHelpText": field.help or None,
        "label": field.label,
        "length": field.length if text else 0,
        "name": field.name,
        "nameField": field.name == "Name",
        "namePointing": len(field.reference_to) > 1,
        "nillable": not field.required and field.type not in {"boolean", "id"} and not _stamped(field),
        "permissionable": field.custom and not field.required,
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
        "polymorphicForeignKey": len(field.reference_to) > 1,
        "precision": field.precision,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.parent_name or None,
        "relationshipOrder": 0 if field.master_detail else None,
        "restrictedDelete": field.on_delete == "Restrict",
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "soapType": soap_type(field),
        "sortable": sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": False,
    }


def _stamped(field: Field) -> bool:
    return field.name in {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}


def summarise(sobject: SObject, base: str) -> Json:
    """Return the members that describe and the global describe share."""
    writable = sobject.createable
    return {
        "activateable": False,
        "createable": writable,
        "custom": sobject.custom,
        "customSetting": bool(sobject.custom_setting),
        "deletable": writable,
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
        "undeletable": writable,
        "updateable": writable,
        "urls": {
            "sobject": f"{base}/sobjects/{sobject.name}",
            "describe": f"{base}/sobjects/{sobject.name}/describe",
            "rowTemplate": f"{base}/sobjects/{sobject.name}/{{ID}}",
        },
    }


def describe(org: Org, user_id: str, sobject: SObject, base: str) -> Json:
    """Return the describe of an object, without the fields that are hidden from the user."""
    fields = [one for one in sobject.fields.values() if not org.hidden_from(user_id, sobject, one)]
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
    ]
    return summarise(sobject, base) | {
        "fields": [describe_field(one) for one in fields],
        "childRelationships": children,
        "recordTypeInfos": [],
        "supportedScopes": [],
    }


def describe_global(org: Org, base: str) -> Json:
    """Return the list of all objects."""
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [summarise(one, base) for one in org.schema]}

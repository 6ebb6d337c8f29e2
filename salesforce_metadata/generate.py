"""Write the Salesforce DX source of ``ACE_Opportunity__c`` from the field catalogue.

Run ``python salesforce_metadata/generate.py`` after the catalogue in ``connector/data`` has changed. The same catalogue
always gives the same bytes, and a test compares them with what is checked in.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from connector.ace.catalogue import AceField, FieldType, Owner, opportunity_fields
from connector.data.values import countries
from connector.names import ACE_OPPORTUNITY, PACKAGED

ROOT = Path(__file__).parent
OBJECTS = Path("base/main/default/objects")

Node = str | bool | int | dict[str, "Node"] | list["Node"]
"""XML content: text, or child elements; a list repeats its element."""

INTEGRATION_USER = "$Setup.ACE_Connector_Settings__c.Integration_User_Id__c"
NOT_THE_CONNECTOR = f"CASESAFEID($User.Id) <> {INTEGRATION_USER}"
HAS_UPDATES = (
    f"AND({PACKAGED.sync_with_aws}, OR(ISBLANK({PACKAGED.last_sync_date}), "
    f"AND(LastModifiedDate >= {PACKAGED.last_sync_date}, CASESAFEID(LastModifiedById) <> {INTEGRATION_USER})))"
)

SYNC_FIELDS: dict[str, dict[str, Node]] = {
    PACKAGED.sync_with_aws: {
        "defaultValue": False,
        "description": "Whether the connector keeps this record in step with AWS. Set by sharing the record.",
        "label": "Sync with AWS",
        "type": "Checkbox",
    },
    PACKAGED.last_sync_date: {
        "description": "When the record was last sent to AWS or updated from AWS. Written by the connector.",
        "label": "Last Sync Date",
        "required": False,
        "type": "DateTime",
    },
    PACKAGED.has_updates: {
        "description": "Whether a person changed the record since it was last in step with AWS. "
        "Admins may change the formula; the connector obeys it.",
        "formula": HAS_UPDATES,
        "label": "Has Updates for AWS",
        "type": "Checkbox",
    },
    PACKAGED.apn_id: {
        "caseSensitive": False,
        "description": "Identifier of the opportunity at AWS. Written by the connector. A copy must not keep it.",
        "externalId": True,
        "label": "APN CRM Unique Identifier",
        "length": 18,
        "required": False,
        "type": "Text",
        "unique": True,
    },
    PACKAGED.invitation_id: {
        "caseSensitive": False,
        "description": "Identifier of the AWS referral that this record came from. Written by the connector.",
        "externalId": True,
        "label": "Engagement Invitation Id",
        "length": 30,
        "required": False,
        "type": "Text",
        "unique": True,
    },
}

RULES: dict[str, tuple[str, str, str]] = {
    "ACE_Closed_Lost_Reason": (
        'AND(ISPICKVAL(Stage__c, "Closed Lost"), ISBLANK(TEXT(Closed_Lost_Reason__c)))',
        "Closed_Lost_Reason__c",
        "Choose a closed lost reason when the stage is Closed Lost.",
    ),
    "ACE_Industry_Other": (
        'AND(ISPICKVAL(Industry__c, "Other"), ISBLANK(Industry_Other__c))',
        "Industry_Other__c",
        "Describe the industry when you choose Other.",
    ),
    "ACE_Competitor_Other": (
        'AND(ISPICKVAL(Competitive_Tracking__c, "*Other"), ISBLANK(Competitive_Tracking_Other__c))',
        "Competitive_Tracking_Other__c",
        "Name the competitor when you choose *Other.",
    ),
    "ACE_Marketing_Funds": (
        'AND(ISPICKVAL(Marketing_Source__c, "Marketing Activity"), ISBLANK(TEXT(Marketing_Development_Funded__c)))',
        "Marketing_Development_Funded__c",
        "Say whether marketing development funds were used for the marketing activity.",
    ),
    "ACE_Business_Problem_Length": (
        "AND(LEN(Customer_Business_Problem__c) > 0, LEN(Customer_Business_Problem__c) < 20)",
        "Customer_Business_Problem__c",
        "Describe the customer's business problem in at least 20 characters.",
    ),
    "ACE_Revenue_Positive": (
        "AND(NOT(ISBLANK(Expected_Monthly_AWS_Revenue__c)), Expected_Monthly_AWS_Revenue__c <= 0)",
        "Expected_Monthly_AWS_Revenue__c",
        "Enter an expected monthly AWS revenue above zero.",
    ),
    "ACE_Contract_Dates": (
        "AND(NOT(ISBLANK(Contract_Start_Date__c)), NOT(ISBLANK(Contract_End_Date__c)), "
        "Contract_End_Date__c < Contract_Start_Date__c)",
        "Contract_End_Date__c",
        "The contract cannot end before it starts.",
    ),
}
"""Formula that is true for a record to refuse, the field that shows the message, the message."""


def main(arguments: list[str]) -> None:
    """Write the source below the directory given, or below the package itself."""
    write(Path(arguments[0]) if arguments else ROOT)


def write(target: Path) -> list[Path]:
    """Write every file below ``target`` and return their paths, sorted."""
    written = []
    for path, text in sources().items():
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return sorted(written)


def sources() -> dict[Path, str]:
    """Return the text of every file by its path in the package."""
    folder = OBJECTS / ACE_OPPORTUNITY
    files = {folder / f"{ACE_OPPORTUNITY}.object-meta.xml": _document("CustomObject", _object())}
    files[folder / "listViews/All.listView-meta.xml"] = _document("ListView", _list_view())
    for name, content in (SYNC_FIELDS | _catalogue_fields()).items():
        files[folder / f"fields/{name}.field-meta.xml"] = _document("CustomField", {"fullName": name, **content})
    for name, rule in RULES.items():
        files[folder / f"validationRules/{name}.validationRule-meta.xml"] = _document(
            "ValidationRule", _validation_rule(name, *rule)
        )
    return files


def _object() -> dict[str, Node]:
    return {
        "allowInChatterGroups": False,
        "compactLayoutAssignment": "SYSTEM",
        "deploymentStatus": "Deployed",
        "description": "An opportunity as AWS Partner Central knows it, kept in step by the connector.",
        "enableActivities": True,
        "enableBulkApi": True,
        "enableFeeds": False,
        "enableHistory": True,
        "enableReports": True,
        "enableSearch": True,
        "enableSharing": True,
        "enableStreamingApi": True,
        "externalSharingModel": "Private",
        "label": "ACE Opportunity",
        "nameField": {"label": "ACE Opportunity Name", "trackHistory": False, "type": "Text"},
        "pluralLabel": "ACE Opportunities",
        "sharingModel": "Private",
        "visibility": "Public",
    }


def _list_view() -> dict[str, Node]:
    columns = ("Customer_Company_Name__c", "Stage__c", "Review_Status__c", "Target_Close_Date__c", PACKAGED.apn_id)
    return {"fullName": "All", "columns": ["NAME", *columns], "filterScope": "Everything", "label": "All"}


def _validation_rule(name: str, formula: str, field: str, message: str) -> dict[str, Node]:
    """Return a rule that holds for people; what AWS sends is stored as it is."""
    return {
        "fullName": name,
        "active": True,
        "errorConditionFormula": f"AND({NOT_THE_CONNECTOR}, {formula})",
        "errorDisplayField": field,
        "errorMessage": message,
    }


def _catalogue_fields() -> dict[str, dict[str, Node]]:
    """Return the definition of every catalogue field that has a Salesforce field of its own, by API name."""
    return {
        field.salesforce_name: _definition(field) for field in opportunity_fields().values() if field.salesforce_type
    }


def _definition(field: AceField) -> dict[str, Node]:
    kind, *sizes = re.findall(r"\w+", field.salesforce_type)
    content: dict[str, Node] = {"description": _description(field), "label": field.label, "type": kind}
    match kind:
        case "Text":
            content["length"] = int(sizes[0])
        case "LongTextArea":
            content |= {"length": int(sizes[0]), "visibleLines": 5}
        case "Currency" | "Number":
            content |= {"precision": int(sizes[0]), "scale": int(sizes[1])}
        case "Picklist":
            content["valueSet"] = _value_set(field)
        case "MultiselectPicklist":
            content |= {"valueSet": _value_set(field), "visibleLines": 5}
    if kind not in {"LongTextArea", "MultiselectPicklist"}:
        content["required"] = False
    return dict(sorted(content.items()))


def _description(field: AceField) -> str:
    if field.owner is Owner.AWS:
        return f"Comes from AWS ({field.name}). People do not change it."
    if field.type is FieldType.TEXT_LIST:
        return f"Goes to AWS ({field.name}). Several identifiers are separated by semicolons."
    return f"Goes to AWS ({field.name})."


def _value_set(field: AceField) -> Node:
    labels = {country.code: country.name for country in countries()} if field.value_list == "country" else {}
    values = sorted(field.values, key=lambda value: labels[value]) if labels else field.values
    entries: list[Node] = [{"fullName": value, "default": False, "label": labels.get(value, value)} for value in values]
    return {"restricted": True, "valueSetDefinition": {"sorted": False, "value": entries}}


def _document(root: str, content: dict[str, Node]) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="http://soap.sforce.com/2006/04/metadata">']
    for name, node in content.items():
        lines += _element(name, node, "    ")
    return "\n".join([*lines, f"</{root}>", ""])


def _element(name: str, node: Node, indent: str) -> list[str]:
    match node:
        case list():
            return [line for item in node for line in _element(name, item, indent)]
        case dict():
            inner = [line for key, child in node.items() for line in _element(key, child, indent + "    ")]
            return [f"{indent}<{name}>", *inner, f"{indent}</{name}>"]
        case bool():
            return [f"{indent}<{name}>{str(node).lower()}</{name}>"]
        case _:
            return [f"{indent}<{name}>{escape(str(node))}</{name}>"]


if __name__ == "__main__":
    main(sys.argv[1:])

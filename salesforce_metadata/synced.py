"""The synced objects: ``ACE_Opportunity__c`` and ``ACE_Lead__c`` from the field catalogue, and the connector's own
fields on every synced object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from connector.ace.catalogue import AceField, FieldType, Owner, lead_fields, opportunity_fields
from connector.data.values import countries
from connector.names import ACE_LEAD, ACE_OPPORTUNITY, INTEGRATION_PERMISSION, PACKAGED
from salesforce_metadata.fields import value_set
from salesforce_metadata.source import (
    Content,
    Node,
    field_files,
    list_view_files,
    object_file,
    ordinary_object,
    rule_files,
)

INTEGRATION_USER = "$Setup.ACE_Connector_Settings__c.Integration_User_Id__c"
# Either mark is enough: a connector whose permission set waits for its assignment is not blocked, nor one of several.
NOT_THE_CONNECTOR = f"CASESAFEID($User.Id) <> {INTEGRATION_USER}, NOT($Permission.{INTEGRATION_PERMISSION})"
HAS_UPDATES = (
    f"AND({PACKAGED.sync_with_aws}, OR(ISBLANK({PACKAGED.last_sync_date}), "
    f"AND(LastModifiedDate >= {PACKAGED.last_sync_date}, CASESAFEID(LastModifiedById) <> {INTEGRATION_USER})))"
)

OPPORTUNITY_RULES: dict[str, tuple[str, str, str]] = {
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
LEAD_RULES: dict[str, tuple[str, str, str]] = {
    "ACE_Lead_From_AWS": (
        f"AND({PACKAGED.sync_with_aws}, ISBLANK({PACKAGED.apn_id}))",
        PACKAGED.sync_with_aws,
        "AWS takes updates of the leads that it referred, no others. Share your own lead as an opportunity.",
    ),
    "ACE_Lead_Status": (
        f"AND({PACKAGED.sync_with_aws}, ISBLANK(TEXT(Status__c)))",
        "Status__c",
        "Choose a status: AWS takes no lead without one.",
    ),
    "ACE_Lead_Stage": (
        f"AND({PACKAGED.sync_with_aws}, NOT(ISNEW()), ISCHANGED(Status__c), ISBLANK(TEXT(Current_Lead_Stage__c)))",
        "Current_Lead_Stage__c",
        "Accept or reject the lead before you change its status: AWS takes no update of a lead without a stage.",
    ),
}
"""Formula that is true for a record to refuse, the field that shows the message, the message."""


def sources() -> dict[Path, str]:
    """Return the text of every file of the synced objects by its path in the package."""
    return {
        **_packaged(ACE_OPPORTUNITY, "opportunity", opportunity_fields(), OPPORTUNITY_RULES, _OPPORTUNITY_COLUMNS),
        **_packaged(ACE_LEAD, "lead", lead_fields(), LEAD_RULES, _LEAD_COLUMNS),
        **field_files("Opportunity", sync_fields("opportunity")),
        **field_files("Lead", sync_fields("lead")),
    }


_OPPORTUNITY_COLUMNS = ("Customer_Company_Name__c", "Stage__c", "Review_Status__c", "Target_Close_Date__c")
_LEAD_COLUMNS = ("Company__c", "Full_Name__c", "Status__c", "Current_Lead_Stage__c")


HELP = {
    "partnerAcceptanceStatus": "With Partner Central's API, accept or reject by the action Approval Status: a change "
    "made here is not sent to AWS.",
}
"""By ACE field: what a person who is about to fill it needs to know."""


def sync_fields(record: str) -> dict[str, Content]:
    """Return the connector's own fields on a synced object; ``record`` is ``opportunity`` or ``lead``."""
    return {
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
        PACKAGED.apn_id: _identifier(
            "APN CRM Unique Identifier",
            18,
            f"Identifier of the {record} at AWS. Written by the connector. A copy must not keep it.",
        ),
        PACKAGED.invitation_id: _identifier(
            "Engagement Invitation Id",
            30,
            "Identifier of the AWS referral that this record came from. Written by the connector.",
        ),
    }


def _identifier(label: str, length: int, description: str) -> Content:
    return {
        "caseSensitive": False,
        "description": description,
        "externalId": True,
        "label": label,
        "length": length,
        "required": False,
        "type": "Text",
        "unique": True,
    }


def _packaged(
    name: str,
    record: str,
    catalogue: Mapping[str, AceField],
    rules: Mapping[str, tuple[str, str, str]],
    columns: tuple[str, ...],
) -> dict[Path, str]:
    spared = {
        rule: (f"AND({NOT_THE_CONNECTOR}, {formula})", field, message)
        for rule, (formula, field, message) in rules.items()
    }
    fields = {one.salesforce_name: _definition(one) for one in catalogue.values() if one.salesforce_type}
    return {
        **object_file(name, _object(record)),
        **list_view_files(name, [_list_view(columns)]),
        **field_files(name, sync_fields(record) | fields),
        **rule_files(name, spared),
    }


def _object(record: str) -> Content:
    label = f"ACE {record.title()}"
    plural = {"opportunity": "ACE Opportunities", "lead": "ACE Leads"}[record]
    article = "An" if record == "opportunity" else "A"
    content = ordinary_object(
        label,
        plural,
        f"{article} {record} as AWS Partner Central knows it, kept in step by the connector.",
        {"label": f"{label} Name", "trackHistory": False, "type": "Text"},
        "Private",
    )
    return content | {"enableActivities": True, "enableHistory": True, "externalSharingModel": "Private"}


def _list_view(columns: tuple[str, ...]) -> Content:
    return {
        "fullName": "All",
        "columns": ["NAME", *columns, PACKAGED.apn_id],
        "filterScope": "Everything",
        "label": "All",
    }


def _definition(field: AceField) -> Content:
    kind, *sizes = re.findall(r"\w+", field.salesforce_type)
    content: Content = {"description": _description(field), "label": field.label, "type": kind}
    if field.name in HELP:
        content["inlineHelpText"] = HELP[field.name]
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
    return content


def _description(field: AceField) -> str:
    if field.owner is Owner.AWS:
        return f"Comes from AWS ({field.name}). People do not change it."
    if field.type is FieldType.TEXT_LIST:
        return f"Goes to AWS ({field.name}). Several identifiers are separated by semicolons."
    return f"Goes to AWS ({field.name})."


def _value_set(field: AceField) -> Node:
    if field.value_list != "country":
        return value_set({value: value for value in field.values})
    names = {country.code: country.name for country in countries()}
    return value_set({code: names[code] for code in sorted(field.values, key=lambda code: names[code])})

"""What the connector shows of AWS and of itself: offerings, products, notifications, guided setup and mapping.

The connector writes the rows and finds them again by their keys; people read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connector.names import (
    AWS_PRODUCT,
    FIELD_MAPPING,
    MAPPING,
    NOTIFICATION,
    SETUP_STEP,
    SOLUTION,
    CoSellProduct,
    FieldMapping,
    Notification,
    PublishedMapping,
    SetupStep,
    Solution,
)
from salesforce_metadata.fields import checkbox, date_time, key, long_text, master_detail, number, picklist, text
from salesforce_metadata.source import Content, field_files, list_view_files, object_file, ordinary_object


@dataclass(frozen=True, slots=True)
class Mirror:
    """One object.

    Attributes:
        label, plural, description: what people read.
        name_label: label of the row's name, a text.
        fields: definitions by API name.
        views: columns after the name, and filters (field, operation, value), by the list view's label.
        sharing: ``Read``, or ``ControlledByParent`` for rows that belong to another one.
    """

    label: str
    plural: str
    description: str
    name_label: str
    fields: dict[str, Content]
    views: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]]
    sharing: str = "Read"


MIRRORS: dict[str, Mirror] = {
    SOLUTION: Mirror(
        "Solution Offering",
        "Solution Offerings",
        "A solution of the partner as Partner Central lists it. Written by the connector.",
        "Solution Offering",
        {
            Solution.ID: key("Solution Id", 20, "Identifier at AWS, like S-0000000."),
            Solution.FULL_NAME: text("Full Name", 255, "The solution's name at AWS, of which the row's name holds 80."),
            Solution.CATEGORY: text("Category", 255, "The solution's category at AWS."),
            Solution.STATUS: picklist("Status", ("Active", "Inactive", "Draft"), "The solution's status at AWS."),
            Solution.CATALOG: text("Catalog", 40, "The catalog that holds the solution: AWS or Sandbox."),
            Solution.CREATED: date_time("Created Date (AWS)", "When the solution was created at AWS."),
            Solution.MARKETPLACE_ARN: text(
                "AWS Marketplace Solution ARN", 255, "The AWS Marketplace solution that takes this one's place."
            ),
            Solution.ACTIVE: checkbox(
                "Active",
                "Whether AWS listed the solution as active at the last refresh: only then can it be associated.",
            ),
        },
        {
            "All": ((Solution.ID, Solution.CATEGORY, Solution.STATUS, Solution.CATALOG, Solution.CREATED), ()),
            "Active": (
                (Solution.ID, Solution.CATEGORY, Solution.CATALOG, Solution.CREATED),
                ((Solution.ACTIVE, "equals", "1"),),
            ),
        },
    ),
    AWS_PRODUCT: Mirror(
        "AWS Product (co-sell)",
        "AWS Products (co-sell)",
        "A product of AWS that can be associated with an opportunity. Written by the connector.",
        "AWS Product Name",
        {
            CoSellProduct.ID: key("Product Id", 100, "Identifier at AWS, like AmazonEC2AutoScaling."),
            CoSellProduct.SERVICE_CATEGORY: text("Service Category", 80, "The family of AWS services it belongs to."),
            CoSellProduct.ACTIVE: checkbox("Active", "Whether the product can still be associated."),
        },
        {"All": ((CoSellProduct.ID, CoSellProduct.SERVICE_CATEGORY, CoSellProduct.ACTIVE), ())},
    ),
    NOTIFICATION: Mirror(
        "AWS Marketplace Notification",
        "AWS Marketplace Notifications",
        "One event of Partner Central or AWS Marketplace, named by its detail-type. Amazon EventBridge or the "
        "connector creates the row; the connector acts on it.",
        "Notification",
        {
            Notification.EVENT_ID: key(
                "Event Id", 100, "Unique identifier of an event that came through a queue; EventBridge leaves it empty."
            ),
            Notification.ACCOUNT_NUMBER: text("Account Number", 20, "AWS account that the event belongs to."),
            Notification.ENTITY_ID: text(
                "Entity ID", 255, "What the event is about: an opportunity, invitation, change set or offer."
            ),
            Notification.PRODUCT_ID: text("Product ID", 255, "The product of a released offer."),
            Notification.SELLER_ACCOUNT_ID: text("Seller Account ID", 20, "Account of the seller of record."),
            Notification.MANUFACTURER_ACCOUNT_ID: text("Manufacturer Account ID", 20, "Account of the manufacturer."),
            Notification.CATALOG: text("Catalog", 40, "Catalog of the event: AWS, Sandbox or AWSMarketplace."),
            Notification.STATUS: picklist(
                "Status", ("New", "Processed", "Ignored", "Error"), "What the connector did with the event.", "New"
            ),
            Notification.MESSAGE: long_text("Message", "Why the event was ignored or failed, with the remedy."),
        },
        {
            "All": ((Notification.ENTITY_ID, Notification.ACCOUNT_NUMBER, Notification.STATUS, "CREATED_DATE"), ()),
            "Failed": (
                (Notification.ENTITY_ID, Notification.ACCOUNT_NUMBER, "CREATED_DATE"),
                ((Notification.STATUS, "equals", "Error"),),
            ),
        },
    ),
    SETUP_STEP: Mirror(
        "Guided Setup Step",
        "AWS Guided Setup",
        "One step of the guided setup and how it stands. Written by the connector.",
        "Step",
        {
            SetupStep.KEY: key("Step Key", 80, "Unique key of the step."),
            SetupStep.INTEGRATION: text("Integration", 80, "The integration that the step belongs to."),
            SetupStep.SEQUENCE: number("Sequence", 4, "Place of the step in its integration."),
            SetupStep.STATUS: picklist(
                "Status",
                ("Not started", "To confirm", "Complete", "Failed"),
                "How the step stands. A step to confirm waits for a person.",
                "Not started",
            ),
            SetupStep.MESSAGE: long_text("Message", "What was found, and what to do."),
            SetupStep.CHECKED_AT: date_time("Checked At", "When the connector looked last."),
        },
        {
            "All": (
                (SetupStep.INTEGRATION, SetupStep.SEQUENCE, SetupStep.STATUS, SetupStep.CHECKED_AT),
                (),
            ),
            "Open": (
                (SetupStep.INTEGRATION, SetupStep.SEQUENCE, SetupStep.STATUS, SetupStep.CHECKED_AT),
                ((SetupStep.STATUS, "notEqual", "Complete"),),
            ),
        },
    ),
    MAPPING: Mirror(
        "ACE Mapping",
        "ACE Mappings",
        "One published version of a mapping between Salesforce and ACE fields. Written by the connector.",
        "ACE Mapping",
        {
            PublishedMapping.KEY: key("Mapping Key", 80, "Unique key: record type and version."),
            PublishedMapping.RECORD_TYPE: picklist("Record Type", ("Opportunity", "Lead"), "What is mapped."),
            PublishedMapping.OBJECT: text("Object", 80, "API name of the Salesforce object."),
            PublishedMapping.VERSION: number("Version", 6, "Number of the published version."),
            PublishedMapping.PUBLISHED_AT: date_time("Published At", "When the version was published."),
            PublishedMapping.PUBLISHED_BY: text("Published By", 255, "Who published the version."),
            PublishedMapping.DIFFERENCE: long_text("Difference", "What the version changed of the one before."),
            PublishedMapping.CURRENT: checkbox("Current", "Whether records are mapped by this version now."),
        },
        {
            "All": (
                (
                    PublishedMapping.RECORD_TYPE,
                    PublishedMapping.OBJECT,
                    PublishedMapping.VERSION,
                    PublishedMapping.CURRENT,
                    PublishedMapping.PUBLISHED_AT,
                    PublishedMapping.PUBLISHED_BY,
                ),
                (),
            ),
            "Current": (
                (PublishedMapping.RECORD_TYPE, PublishedMapping.OBJECT, PublishedMapping.VERSION),
                ((PublishedMapping.CURRENT, "equals", "1"),),
            ),
        },
    ),
    FIELD_MAPPING: Mirror(
        "Field Mapping",
        "Field Mappings",
        "One mapped field of a published mapping. Written by the connector.",
        "Field Mapping",
        {
            FieldMapping.KEY: key("Field Key", 255, "Unique key: the mapping's key and the ACE field."),
            FieldMapping.MAPPING: master_detail(
                "ACE Mapping", MAPPING, "Field_Mappings", "Field Mappings", "The published mapping."
            ),
            FieldMapping.ACE_FIELD: text("ACE Field", 255, "Name of the field at AWS."),
            FieldMapping.SALESFORCE_FIELD: text(
                "Salesforce Field", 255, "API name of the Salesforce field; a path where it is on a related record."
            ),
            FieldMapping.INBOUND: checkbox("Inbound", "Whether the field takes updates from AWS."),
            FieldMapping.PICKLIST_VALUES: long_text(
                "Picklist Values", "Salesforce value and AWS value, one pair a line.", 131072
            ),
            FieldMapping.REQUIRED: checkbox("Required", "Whether AWS takes no record without the field."),
        },
        {
            "All": (
                (
                    FieldMapping.MAPPING,
                    FieldMapping.ACE_FIELD,
                    FieldMapping.SALESFORCE_FIELD,
                    FieldMapping.INBOUND,
                    FieldMapping.REQUIRED,
                ),
                (),
            )
        },
        "ControlledByParent",
    ),
}


def sources() -> dict[Path, str]:
    """Return the text of every file of these objects by its path in the package."""
    files: dict[Path, str] = {}
    for name, mirror in MIRRORS.items():
        declared = ordinary_object(mirror.label, mirror.plural, mirror.description, _name(mirror), mirror.sharing)
        files |= object_file(name, declared)
        files |= list_view_files(name, [_view(label, *parts) for label, parts in mirror.views.items()])
        files |= field_files(name, mirror.fields)
    return files


def _name(mirror: Mirror) -> Content:
    return {"label": mirror.name_label, "trackHistory": False, "type": "Text"}


def _view(label: str, columns: tuple[str, ...], filters: tuple[tuple[str, str, str], ...]) -> Content:
    view: Content = {
        "fullName": label.replace(" ", "_"),
        "columns": ["NAME", *columns],
        "filterScope": "Everything",
        "label": label,
    }
    if filters:
        view["filters"] = [{"field": field, "operation": how, "value": value} for field, how, value in filters]
    return view

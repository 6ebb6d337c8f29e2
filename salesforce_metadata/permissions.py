"""Write the permission sets of the package from the tables below and the objects that are on disk.

Run ``python salesforce_metadata/permissions.py`` after an object, a field or a table has changed. Objects and fields
are read from the source itself, so that a new field is granted to the connector's user at once. The same source always
gives the same bytes, and a test compares them with what is checked in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from connector.ace.catalogue import AceField, Owner, lead_fields, opportunity_fields
from connector.names import PACKAGED
from salesforce_metadata import marketplace, source
from salesforce_metadata.source import OBJECTS, Content, Node, document

ROOT = Path(__file__).parent
TARGET = OBJECTS.parent / "permissionsets"
STANDARD_TARGET = Path("extras/standard_objects/main/default/permissionsets")
"""Where the set with standard fields is: an org that lacks one of them refuses the file, which must not be the base."""
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
APPLICATION = "AWS_Partner_CRM_Connector"


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """What one permission set grants besides objects, fields and tabs.

    Attributes:
        name: API name; the file is named by it.
        description: whom the set is for, at most 255 characters.
        application: whether it shows the app.
        user_permissions: general permissions of the platform.
        custom_permissions: permissions of the package that rules and flows ask for.
        settings: custom settings that may be read. Only Customize Application writes them.
    """

    name: str
    description: str
    application: bool = True
    user_permissions: tuple[str, ...] = ()
    custom_permissions: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


ADMINISTRATOR = PermissionSet(
    "APN_Business_Administrator",
    "For those who look after the co-sell side of the connector: every record, all sync logs, the mapping. "
    "Cannot schedule. Grants no setup permission: pair it with the System Administrator profile for settings.",
    user_permissions=("RunFlow",),
    settings=("ACE_Connector_Settings__c",),
)
INTEGRATION = PermissionSet(
    "APN_Integration_User",
    "For the user that the connector logs in as. Reads and writes every record of the package, and schedules. "
    "Give it to no one else who should not schedule.",
    user_permissions=("ApiEnabled",),
    custom_permissions=("ACE_Integration",),
    settings=("ACE_Connector_Settings__c", "AWS_Marketplace_Settings__c"),
)
USER = PermissionSet(
    "APN_Business_User",
    "For sellers: ACE Opportunities, ACE Leads, requests to the connector, and the fields of sync logs that are shared "
    "with them. Gives no sight of other people's records by itself.",
    user_permissions=("RunFlow",),
)
MARKETPLACE_ADMINISTRATOR = PermissionSet(
    "AWS_Marketplace_Administrator",
    "For those who look after the Marketplace side of the connector: every Marketplace record and sync, and schedules. "
    "Pair it with the System Administrator profile to write settings.",
    user_permissions=("RunFlow",),
    settings=("AWS_Marketplace_Settings__c",),
)
MARKETPLACE_USER = PermissionSet(
    "AWS_Marketplace_User",
    "For those who sell on AWS Marketplace: create and manage private offers and resale authorizations, refresh "
    "products, offers, authorizations and agreements.",
    user_permissions=("RunFlow",),
)
CHANNEL_PARTNER = PermissionSet(
    "AWS_Channel_Partner_User",
    "For channel partners: see the resale authorizations that are shared with the company, and create channel partner "
    "private offers from them.",
    user_permissions=("RunFlow",),
)
STANDARD_INTEGRATION = PermissionSet(
    "ACE_Standard_Objects_Integration",
    "For the connector's user, where standard Opportunity or Lead is synchronised. Sees every record and the standard "
    "fields; share those that it is to write, and grant it the fields of your own that are mapped.",
    application=False,
)
STANDARD_USER = PermissionSet(
    "ACE_Standard_Objects_User",
    "For sellers, where standard Opportunity or Lead is synchronised: they see the identifiers that the connector "
    "maintains, and set the flag.",
    application=False,
)

MAIN = (ADMINISTRATOR, INTEGRATION, USER, MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER)
"""The columns of the tables of rights and tabs, in this order."""
SETS = (*MAIN, STANDARD_INTEGRATION, STANDARD_USER)

ALL = "CREDVM"
READ_ALL = "RV"
RIGHTS: dict[str, tuple[str, str, str, str, str, str]] = {
    # Create, Read, Edit, Delete, View all, Modify all: for administrator, integration, user; the same of Marketplace.
    "ACE_Opportunity__c": (ALL, ALL, "CRE", "", "", ""),
    "ACE_Lead__c": (ALL, ALL, "CRE", "", "", ""),
    "ACE_Action_Request__c": ("CRV", ALL, "CR", "CR", "CR", "CR"),
    "ACE_Action_Request_Item__c": ("CRV", ALL, "CR", "CR", "CR", "CR"),
    "ACE_Sync_Log__c": ("REDVM", ALL, "R", "", "", ""),
    "ACE_Sync_Log_Detail__c": ("REDVM", ALL, "R", "", "", ""),
    "ACE_Schedule__c": (READ_ALL, ALL, "", "CREDV", "R", "CRE"),
    "ACE_Solution__c": (READ_ALL, ALL, "R", "", "", ""),
    "ACE_AWS_Product__c": (READ_ALL, ALL, "R", "", "", ""),
    "ACE_Mapping__c": (READ_ALL, ALL, "", "", "", ""),
    "ACE_Field_Mapping__c": (READ_ALL, ALL, "", "", "", ""),
    "ACE_Setup_Step__c": (READ_ALL, ALL, "", READ_ALL, "", ""),
    "ACE_Worker__c": (READ_ALL, ALL, "", READ_ALL, "", ""),
    "AWS_Notification__c": (READ_ALL, ALL, "R", ALL, "R", "R"),
    "AWS_Log__c": ("REDVM", ALL, "R", ALL, "", ""),
    "AWS_S3_Bucket_Setting__c": ("", ALL, "", ALL, "", ""),
    "AWS_Account__c": ("", ALL, "", ALL, "R", "R"),
    "AWS_Product__c": ("", ALL, "", ALL, "R", "R"),
    "AWS_Product_Dimension__c": ("", ALL, "", ALL, "R", "R"),
    "AWS_Private_Offer__c": ("R", ALL, "R", ALL, "CRE", "CRE"),
    "AWS_Offer_Dimension__c": ("", ALL, "", ALL, "CRED", "CRED"),
    "AWS_Payment_Schedule__c": ("", ALL, "", ALL, "CRED", "CRED"),
    "AWS_Resale_Authorization__c": ("", ALL, "", ALL, "CRE", "R"),
    "AWS_Shared_Resale_Authorization__c": ("", ALL, "", ALL, "", READ_ALL),
    "AWS_Agreement__c": ("", ALL, "", ALL, "REV", "REV"),
    "AWS_Marketplace_Sync__c": ("", ALL, "", ALL, "R", "R"),
}
"""Rights on every object of the package. What only mirrors AWS or the worker is not edited: the next refresh wins.

Authorizations shared with the company and agreements belong to no seller: whoever works with them sees all of them, and
may say to which opportunity an agreement belongs.
"""

STANDARD_RIGHTS: dict[str, tuple[str, str]] = {
    "Account": ("CREV", "R"),
    "Lead": ("CREV", "CRE"),
    "Opportunity": ("CREV", "CRE"),
}
"""Rights on standard objects, for the two optional sets. None deletes, hence none has Modify All."""

STANDARD_FIELDS: dict[str, tuple[str, ...]] = {
    "Account": (
        "AccountNumber", "AccountSource", "AnnualRevenue", "BillingAddress", "Description", "Fax", "Industry",
        "NumberOfEmployees", "Ownership", "ParentId", "Phone", "Rating", "ShippingAddress", "Sic", "Site",
        "TickerSymbol", "Type", "Website",
    ),
    "Lead": (
        "Address", "AnnualRevenue", "Description", "Email", "Fax", "Industry", "LeadSource", "MobilePhone",
        "NumberOfEmployees", "Phone", "Rating", "Title", "Website",
    ),
    "Opportunity": (
        "AccountId", "Amount", "CampaignId", "Description", "LeadSource", "NextStep", "Probability",
        "TotalOpportunityQuantity", "Type",
    ),
}  # fmt: skip
"""Standard fields that the connector's user may read and write: a profile with API access only shows it none of them.

An address is granted as a whole. Names, owners, stages, statuses, close dates and companies are not here: every row has
them, everybody sees them, and a grant of them would fail the deployment. Nor are fields that only some orgs have. [U]
The names are common knowledge of the platform: the set is an extra, whose README tells what to do where one is missing.
"""

TABS: dict[str, tuple[PermissionSet, ...]] = {
    "standard-report": (USER, MARKETPLACE_USER, CHANNEL_PARTNER),
    "ACE_Setup_Step__c": (ADMINISTRATOR, INTEGRATION, MARKETPLACE_ADMINISTRATOR),
    "ACE_Mapping__c": (ADMINISTRATOR,),
    "ACE_Field_Mapping__c": (ADMINISTRATOR, INTEGRATION),
    "ACE_Schedule__c": (ADMINISTRATOR, INTEGRATION, MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER),
    "ACE_Sync_Log__c": (ADMINISTRATOR, INTEGRATION, USER),
    "ACE_Lead__c": (ADMINISTRATOR, INTEGRATION, USER),
    "ACE_Opportunity__c": (ADMINISTRATOR, INTEGRATION, USER),
    "ACE_Solution__c": (ADMINISTRATOR, USER),
    "ACE_Action_Request__c": (ADMINISTRATOR, INTEGRATION, USER),
    "ACE_Worker__c": (ADMINISTRATOR, INTEGRATION),
    "AWS_Account__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Product__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER),
    "AWS_Product_Dimension__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER),
    "AWS_Private_Offer__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Offer_Dimension__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Payment_Schedule__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Resale_Authorization__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Shared_Resale_Authorization__c": (MARKETPLACE_ADMINISTRATOR, CHANNEL_PARTNER),
    "AWS_Marketplace_Sync__c": (MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Agreement__c": (MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Notification__c": (ADMINISTRATOR, USER, MARKETPLACE_ADMINISTRATOR, MARKETPLACE_USER, CHANNEL_PARTNER),
    "AWS_Log__c": (ADMINISTRATOR, USER),
}
"""The sets that show a tab. Others leave it as the profile has it."""
AVAILABLE = {"ACE_Schedule__c": (CHANNEL_PARTNER,)}
"""The sets that offer a tab under All Items without showing it: partners schedule shared authorizations only."""

IDENTIFIERS = frozenset(PACKAGED.all) - {PACKAGED.sync_with_aws}
"""The connector's own fields on a synced record that people only read: a copy must not carry them on."""
SYNCED: dict[str, Callable[[], Mapping[str, AceField]]] = {
    "ACE_Lead__c": lead_fields,
    "ACE_Opportunity__c": opportunity_fields,
    "Lead": dict,
    "Opportunity": dict,
}
"""The catalogue behind each synced object; standard ones have the connector's own fields only."""
PEOPLE_WRITE: dict[str, frozenset[str]] = {
    "ACE_Sync_Log__c": frozenset(),
    "ACE_Sync_Log_Detail__c": frozenset({"Corrected_Payload__c", "Reprocess__c"}),
    "AWS_Log__c": frozenset(),
    "AWS_Notification__c": frozenset({"Status__c"}),
}
"""Objects of which people write these fields only, whatever their rights on the object."""
CONNECTOR_WRITES: dict[str, frozenset[str]] = {
    "ACE_Action_Request__c": frozenset({"Completed_At__c", "Message__c", "Status__c"}),
    "ACE_Action_Request_Item__c": frozenset({"Message__c", "Status__c"}),
    "ACE_Schedule__c": frozenset({"Last_Run__c", "Message__c", "Next_Run__c", "Status__c"}),
    "AWS_S3_Bucket_Setting__c": frozenset({"Prefix_Key__c"}),
}
"""Fields that people only read, because the connector or a flow fills them."""
REQUESTED = frozenset({"ACE_Action_Request__c", "ACE_Action_Request_Item__c"})
"""Objects of which the connector's user writes the answer only: it never rewrites what a person asked for."""

LETTERS = {
    "C": "allowCreate", "D": "allowDelete", "E": "allowEdit", "R": "allowRead", "M": "modifyAllRecords",
    "V": "viewAllRecords",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A field on disk, as far as rights depend on it."""

    name: str
    grantable: bool
    calculated: bool


def main(arguments: list[str]) -> None:
    """Write the permission sets below the directory given, or below the package itself."""
    write(Path(arguments[0]) if arguments else ROOT)


def write(target: Path) -> list[Path]:
    """Write every file below ``target`` and return their paths, sorted."""
    return source.write(sources(), target)


def sources() -> dict[Path, str]:
    """Return the text of every permission set by its path in the package. Raises KeyError for an unlisted object."""
    return {
        (STANDARD_TARGET if one is STANDARD_INTEGRATION else TARGET) / f"{one.name}.permissionset-meta.xml": document(
            "PermissionSet", _content(one)
        )
        for one in SETS
    }


@cache
def objects() -> dict[str, list[Field]]:
    """Return the fields of every object on disk but custom settings, both sorted by name."""
    folders = sorted(path for path in (ROOT / OBJECTS).iterdir() if path.is_dir())
    return {folder.name: _fields(folder) for folder in folders if not _is_setting(folder)}


def rights(one: PermissionSet, name: str) -> str:
    """Return the letters of the rights that a set has on an object, empty for none."""
    if name in STANDARD_RIGHTS:
        return dict(zip((STANDARD_INTEGRATION, STANDARD_USER), STANDARD_RIGHTS[name], strict=True)).get(one, "")
    return dict(zip(MAIN, RIGHTS[name], strict=True)).get(one, "")


def may_edit(one: PermissionSet, name: str, field: Field) -> bool:
    """Tell whether a set lets its holders write a field of an object that they see."""
    if field.calculated or not set("CE") & set(rights(one, name)):
        return False
    answer = field.name in CONNECTOR_WRITES.get(name, ())
    if one in (INTEGRATION, STANDARD_INTEGRATION):
        return answer or name not in REQUESTED
    if name in PEOPLE_WRITE:
        return field.name in PEOPLE_WRITE[name]
    return not (answer or field.name in _kept_by_connector(name))


def _kept_by_connector(name: str) -> set[str]:
    """Return the fields that AWS or the connector fills, as the catalogue and the Marketplace tables tell."""
    if name in SYNCED:
        aws = (one.salesforce_name for one in SYNCED[name]().values() if one.owner is Owner.AWS)
        return {*aws, *IDENTIFIERS}
    return marketplace.not_for_people(name) if name in marketplace.tables()["objects"] else set()


def _is_setting(folder: Path) -> bool:
    definition = folder / f"{folder.name}.object-meta.xml"
    return definition.exists() and bool(_text(_root(definition), "customSettingsType"))


def _fields(folder: Path) -> list[Field]:
    paths = folder.glob("fields/*.field-meta.xml")
    return sorted((_field(_root(path)) for path in paths), key=lambda one: one.name)


def _root(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()  # noqa: S314  the package's own files


def _field(root: ElementTree.Element) -> Field:
    """Return what rights depend on: the platform refuses to grant a field that every row must have anyway."""
    kind = _text(root, "type")
    calculated = bool(_text(root, "formula")) or kind in {"Summary", "AutoNumber"}
    return Field(_text(root, "fullName"), _text(root, "required") != "true" and kind != "MasterDetail", calculated)


def _text(element: ElementTree.Element, tag: str) -> str:
    return element.findtext(f"{{{NAMESPACE}}}{tag}", default="")


def _content(one: PermissionSet) -> Content:
    """Return a permission set in the order in which the Metadata API writes it."""
    shown: list[Node] = [{"application": APPLICATION, "visible": True}] if one.application else []
    return {
        "applicationVisibilities": shown,
        "customPermissions": _enabled(one.custom_permissions),
        "customSettingAccesses": _enabled(one.settings),
        "description": one.description,
        "fieldPermissions": sorted(
            [*_field_permissions(one), *_standard_permissions(one)], key=lambda entry: str(entry["field"])
        ),
        "hasActivationRequired": False,
        "label": one.label,
        "objectPermissions": list(_object_permissions(one)),
        "tabSettings": list(_tab_settings(one)),
        "userPermissions": _enabled(one.user_permissions),
    }


def _enabled(names: tuple[str, ...]) -> list[Node]:
    return [{"enabled": True, "name": name} for name in names]


def _tab_settings(one: PermissionSet) -> Iterator[Node]:
    for tab in sorted(TABS):
        if one in TABS[tab]:
            yield {"tab": tab, "visibility": "Visible"}
        elif one in AVAILABLE.get(tab, ()):
            yield {"tab": tab, "visibility": "Available"}


def _field_permissions(one: PermissionSet) -> Iterator[Node]:
    for name, fields in objects().items():
        for field in fields if rights(one, name) else ():
            if field.grantable:
                editable = may_edit(one, name, field)
                yield {"editable": editable, "field": f"{name}.{field.name}", "readable": True}


def _standard_permissions(one: PermissionSet) -> Iterator[Node]:
    for name, fields in STANDARD_FIELDS.items() if one is STANDARD_INTEGRATION else ():
        for field in fields:
            yield {"editable": True, "field": f"{name}.{field}", "readable": True}


def _object_permissions(one: PermissionSet) -> Iterator[Node]:
    for name in sorted({*objects(), *STANDARD_RIGHTS}):
        if letters := rights(one, name):
            granted: Content = {element: letter in letters for letter, element in LETTERS.items()}
            yield dict(sorted({**granted, "object": name}.items()))


if __name__ == "__main__":
    main(sys.argv[1:])

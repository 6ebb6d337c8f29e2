"""The people of the org, its profiles and permission sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.sandbox.salesforce import currencies, ids, record_types
from connector.sandbox.salesforce.metadata import MetadataError
from connector.sandbox.salesforce.permissions import ADMINISTRATOR, API_ONLY, PermissionSet, always_seen
from connector.sandbox.salesforce.schema import SObject

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.records import Writer


@dataclass(frozen=True, slots=True)
class Person:
    """One user. The passwords guard made-up data on loopback."""

    first: str
    last: str
    username: str
    password: str
    profile: str
    permissions: str


PEOPLE = {
    "integration": Person(
        "ACE", "Integration", "integration@northwind.example", "integration-2026", "API Only", "integration"
    ),
    "admin": Person("Ada", "Moreno", "admin@northwind.example", "admin-2026", "System Administrator", "admin"),
    "seller": Person("Sam", "Okafor", "sam.okafor@northwind.example", "seller-2026", "Standard User", "seller"),
    "seller2": Person(
        "Rita", "Lindqvist", "rita.lindqvist@northwind.example", "seller-2026", "Standard User", "seller"
    ),
}
"""By role, in the order of their ids."""

PROFILES = {
    "System Administrator": "System Administrator",
    "Standard User": "Standard User",
    "API Only": API_ONLY,
}
UNASSIGNED = frozenset({"AWS_Marketplace_Administrator", "AWS_Marketplace_User", "AWS_Channel_Partner_User"})
"""Permission sets that nobody has in a new org, so that each person shows what one set allows."""
SHOWN = {
    "create": "Create", "read": "Read", "edit": "Edit", "delete": "Delete",
    "view_all": "ViewAllRecords", "modify_all": "ModifyAllRecords",
}  # fmt: skip


def plant(org: Org) -> None:
    """Create the rows that a new org has."""
    admin = org.user("admin")
    with org.writing(admin) as writer:
        writer.create(org.schema["Organization"], {
            "Name": "Northwind Cloud Partners", "InstanceName": "SBX1", "IsSandbox": org.is_sandbox,
            "OrganizationType": "Enterprise Edition", "LanguageLocaleKey": "en_US", "DefaultLocaleSidKey": "en_US",
            "TimeZoneSidKey": "GMT",
        })  # fmt: skip
        profiles = {
            key: writer.create(org.schema["Profile"], {"Name": name, "UserType": "Standard"})
            for key, name in PROFILES.items()
        }
        for place, person in enumerate(PEOPLE.values(), 1):
            created = writer.create(org.schema["User"], {
                "FirstName": person.first, "LastName": person.last, "Username": person.username,
                "Email": person.username,
                "Alias": person.last[:8].lower(), "IsActive": True, "UserType": "Standard",
                "ProfileId": profiles[person.profile],
            })  # fmt: skip
            assert created == ids.number("005", place), "the users of an org are planted once, in order"
        _grant(org, profiles)
        record_types.plant(writer)
        currencies.plant(writer, org.currencies)
        _describe_entities(org)
        _configure(org)


def _configure(org: Org) -> None:
    """Create the org default of the connector's settings, as an admin does after the first deployment."""
    if org.schema.get("ACE_Connector_Settings__c") is None:
        return
    with org.writing(org.user("admin")) as writer:
        writer.create(org.schema["ACE_Connector_Settings__c"], {
            "SetupOwnerId": org.org_id, "Integration_User_Id__c": org.user("integration"),
            "PC_API_Sandbox_Enabled__c": org.is_sandbox,
        })  # fmt: skip


def _grant(org: Org, profiles: dict[str, str]) -> None:
    """Deploy the permission sets of the source, and assign them with those behind the profiles."""
    with org.writing(org.user("admin")) as writer:
        for one in org.access.sets.values():
            created = _deploy_set(writer, one)
            for role, person in PEOPLE.items():
                if person.permissions == holder(one.name):
                    _assign(writer, created, org.user(role))
        for key, profile in profiles.items():
            powers = {"PermissionsViewAllData": key == ADMINISTRATOR, "PermissionsModifyAllData": key == ADMINISTRATOR}
            created = writer.create(org.schema["PermissionSet"], {
                "Name": f"X{profile}", "Label": PROFILES[key], "IsOwnedByProfile": True, "ProfileId": profile,
                "PermissionsApiEnabled": True, **powers,
            })  # fmt: skip
            for role, person in PEOPLE.items():
                if person.profile == key:
                    _assign(writer, created, org.user(role))


def deploy(org: Org) -> None:
    """Bring what an org tells of its objects and permission sets in line with the source; assign nothing."""
    with org.writing(org.user("admin")) as writer:
        for name in ("ObjectPermissions", "FieldPermissions", "EntityDefinition"):
            org.storage.execute(f'DELETE FROM "{name}"')  # noqa: S608 - a constant
        for one in org.access.sets.values():
            _deploy_set(writer, one)
        record_types.plant(writer)
        _describe_entities(org)


def _deploy_set(writer: Writer, one: PermissionSet) -> str:
    """Create a permission set unless it is there, and tell what it grants; return its id."""
    sobject = writer.org.schema["PermissionSet"]
    known = writer.org.storage.ids(sobject, "Name", one.name)
    row = {"Name": one.name, "Label": one.label, "IsCustom": True}
    found = known[0] if known else writer.create(sobject, row)
    _show_grants(writer, found, one)
    return found


def holder(name: str) -> str:
    """Return for whom a permission set is: by its name the integration, the admin, or else the sellers."""
    if name in UNASSIGNED:
        return ""
    return next((kind for kind in ("integration", "admin") if kind in name.lower()), "seller")


def _assign(writer: Writer, permission_set: str, user_id: str) -> None:
    writer.create(
        writer.org.schema["PermissionSetAssignment"], {"PermissionSetId": permission_set, "AssigneeId": user_id}
    )


def tell_field(org: Org, sobject: SObject, name: str) -> None:
    """Bring what the org tells of the permissions on a field in line with its permission sets."""
    path, key = f"{sobject.name}.{name}", f"{sobject.name}.{name}".lower()
    org.storage.execute("DELETE FROM FieldPermissions WHERE Field = ?", (path,))
    with org.planting() as writer:
        for one in org.access.sets.values():
            if key in one.fields:
                [parent] = org.storage.ids(org.schema["PermissionSet"], "Name", one.name)
                _show_field(writer, parent, sobject, path, editable=one.fields[key])


def tell_object(org: Org, sobject: SObject) -> None:
    """Bring what the org tells of the permissions on an object in line with its permission sets."""
    org.storage.execute("DELETE FROM ObjectPermissions WHERE SobjectType = ?", (sobject.name,))
    with org.planting() as writer:
        for one in org.access.sets.values():
            if sobject.name.lower() in one.objects:
                [parent] = org.storage.ids(org.schema["PermissionSet"], "Name", one.name)
                _show_object(writer, parent, sobject, one.objects[sobject.name.lower()])


def _show_object(writer: Writer, parent: str, sobject: SObject, rights: frozenset[str]) -> None:
    told = {f"Permissions{shown}": right in rights for right, shown in SHOWN.items()}
    writer.create(writer.org.schema["ObjectPermissions"], {"ParentId": parent, "SobjectType": sobject.name, **told})


def _show_field(writer: Writer, parent: str, sobject: SObject, path: str, *, editable: bool) -> None:
    row = {"ParentId": parent, "SobjectType": sobject.name, "Field": path}
    told = {"PermissionsRead": True, "PermissionsEdit": editable}
    writer.create(writer.org.schema["FieldPermissions"], {**row, **told})


def _show_grants(writer: Writer, parent: str, granting: PermissionSet) -> None:
    """Create the rows that tell what a permission set grants; the grants themselves are its file's."""
    schema = writer.org.schema
    for name, rights in granting.objects.items():
        if (sobject := schema.get(name)) is None:
            raise MetadataError(f"permission set {granting.name}: no object {name} in the org.")
        _show_object(writer, parent, sobject, rights)
    for path, editable in granting.fields.items():
        head, _, tail = path.partition(".")
        sobject = schema.get(head)
        if sobject is None or (found := sobject.field(tail)) is None:
            raise MetadataError(f"permission set {granting.name}: no field {path} in the org.")
        if always_seen(found):
            raise MetadataError(f"permission set {granting.name}: {path} is always seen, and no permission can be set.")
        _show_field(writer, parent, sobject, f"{sobject.name}.{found.name}", editable=editable)


def _describe_entities(org: Org) -> None:
    with org.writing(org.user("admin")) as writer:
        for one in org.schema:
            writer.create(org.schema["EntityDefinition"], {
                "QualifiedApiName": one.name, "DeveloperName": one.name.removesuffix("__c"), "Label": one.label[:40],
                "KeyPrefix": one.prefix, "IsCustomSetting": bool(one.custom_setting),
                "InternalSharingModel": one.sharing, "ExternalSharingModel": "Private",
            })  # fmt: skip

"""The people of the org, its profiles and permission sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.sandbox.salesforce import ids

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org


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
    "API Only": "Minimum Access - API Only Integrations",
}
KINDS = {"integration": ("integration", "worker"), "admin": ("admin",), "seller": ("seller", "sales", "user")}


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
        _grant(org)
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


def _grant(org: Org) -> None:
    """Deploy the permission sets of the source and assign them by what their names say they are for."""
    with org.writing(org.user("admin")) as writer:
        for path in sorted(org.schema_dir.rglob("*.permissionset-meta.xml")):
            name = path.name.split(".")[0]
            created = writer.create(
                org.schema["PermissionSet"], {"Name": name, "Label": name.replace("_", " "), "IsCustom": True}
            )
            for role, person in PEOPLE.items():
                if any(word in name.lower() for word in KINDS[person.permissions]):
                    assignment = {"PermissionSetId": created, "AssigneeId": org.user(role)}
                    writer.create(org.schema["PermissionSetAssignment"], assignment)

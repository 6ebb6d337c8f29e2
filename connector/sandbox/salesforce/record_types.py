"""Record types: their rows, who may use which, and what a record gets when nothing is said.

The reference is silent on them; what describe shows is in the API's own types. [U] The code and words of a refusal,
and that a record without a type shows null. Which picklist values a type offers is a matter of pages: REST takes all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.permissions import Rights
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.values import Stored

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.records import Writer

FIELD = "RecordTypeId"
MASTER = "012000000000000AAA"
"""The record type of records that have none; they show null."""
_ROW = "SELECT Id FROM RecordType WHERE SobjectType = ? AND DeveloperName = ?"


def plant(writer: Writer) -> None:
    """Create the row of each record type that has none yet, in a fixed order, so that ids are the same each time."""
    sobject = writer.org.schema["RecordType"]
    for owner in sorted(writer.org.schema, key=lambda one: one.name):
        for one in owner.record_types:
            row: dict[str, Stored] = {"Name": one.label, "IsActive": one.active, "Description": one.description or None}
            if (known := find_id(writer.org, owner, one.name)) is None:
                writer.create(sobject, {**row, "DeveloperName": one.name, "SobjectType": owner.name})
            else:
                writer.org.storage.update(sobject, known, {**row, "IsActive": int(one.active)})


def find_id(org: Org, sobject: SObject, name: str) -> str | None:
    """Return the id of a record type by its developer name, or None."""
    found = org.storage.execute(_ROW, (sobject.name, name)).fetchone()
    return str(found[0]) if found else None


def default_name(rights: Rights, sobject: SObject) -> str:
    """Return the developer name of the type that the user's new records get, "" for none."""
    wanted = rights.profile.defaults.get(sobject.name.lower(), "")
    usable = (one.name for one in sobject.record_types if one.active)
    return next((name for name in usable if f"{sobject.name}.{name}".lower() == wanted), "")


def default_id(org: Org, user_id: str, sobject: SObject) -> str | None:
    """Return the id of the type that a new record of the user gets when it names none."""
    name = default_name(org.access.of(user_id), sobject)
    return find_id(org, sobject, name) if name else None


def check(org: Org, rights: Rights, sobject: SObject, row: Mapping[str, Stored]) -> list[ApiError]:
    """Return what is wrong with the record type that a row is about to get: of another object, inactive, not his."""
    wanted = row.get(FIELD)
    usable = (one.name for one in sobject.record_types if one.active and rights.uses(sobject, one.name))
    if wanted is None or any(find_id(org, sobject, name) == wanted for name in usable):
        return []
    message = f"Record Type ID: this ID value isn't valid for the user: {wanted}"
    return [ApiError("INVALID_CROSS_REFERENCE_KEY", message, [FIELD])]


def infos(org: Org, rights: Rights, sobject: SObject, base: str) -> list[dict[str, Any]]:
    """Return describe's ``recordTypeInfos`` for a user: every type of the object, and Master in the end."""
    default = default_name(rights, sobject)
    found: list[dict[str, Any]] = [
        {
            "active": one.active,
            "available": one.active and rights.uses(sobject, one.name),
            "defaultRecordTypeMapping": one.name == default,
            "developerName": one.name,
            "master": False,
            "name": one.label,
            "recordTypeId": find_id(org, sobject, one.name),
        }
        for one in sobject.record_types
    ]
    master = {"active": True, "available": True, "defaultRecordTypeMapping": not default, "developerName": "Master"}
    found.append({**master, "master": True, "name": "Master", "recordTypeId": MASTER})
    path = f"{base}/sobjects/{sobject.name}/describe/layouts"
    return [{**one, "urls": {"layout": f"{path}/{one['recordTypeId']}"}} for one in found]

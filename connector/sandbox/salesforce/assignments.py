"""Who holds which permission sets: what an org refuses of assignments and of the contents of groups.

An assignment names a permission set or a group of them. [U] A group's assignment shows no permission set; on the
platform it shows one that stands for the whole group and has a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.values import Stored

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

_SET, _GROUP = "PermissionSetId", "PermissionSetGroupId"
_KEYS = {
    "PermissionSetAssignment": ("AssigneeId", _SET, _GROUP),
    "PermissionSetGroupComponent": (_GROUP, _SET),
}
"""By object: the fields that no two rows have alike."""


def check_assignment(org: Org, sobject: SObject, row: Mapping[str, Stored]) -> Iterator[ApiError]:
    """Yield why a new assignment, or a new part of a group, is refused; nothing for rows of other objects."""
    if sobject.name not in _KEYS:
        return
    if sobject.name == "PermissionSetAssignment" and bool(row.get(_SET)) == bool(row.get(_GROUP)):
        yield ApiError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{_SET}]", [_SET])
        return
    keys = _KEYS[sobject.name]
    alike = " AND ".join(f'"{name}" IS ?' for name in keys)
    sql = f'SELECT Id FROM "{sobject.name}" WHERE {alike} AND Id != ? AND IsDeleted = 0'  # noqa: S608 - constants
    if found := org.storage.execute(sql, (*(row.get(name) for name in keys), row["Id"])).fetchone():
        told = ", ".join(f"{name}: {row[name]}" for name in keys if row.get(name))
        message = f"duplicate value found: Duplicate {sobject.name}. {told} duplicates value on record with id: "
        yield ApiError("DUPLICATE_VALUE", message + found[0], [])

"""Who reaches which rows: organization-wide defaults, owners, shares, and the masters of details.

Not modelled: role hierarchy, sharing rules, teams, groups within groups, and the share rows that stand for owners.
[U] A row out of reach is answered as if it were not there; a parent out of reach shows null in a query; a reference to
it is refused with INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY; its unique values are taken, by ``<unknown>``.
"""

# ruff: noqa: S608 - names in SQL come from the org's own schema; ids are the org's own
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.permissions import Rights
from connector.sandbox.salesforce.schema import Choice, Field, Schema, SObject
from connector.sandbox.salesforce.standard import system_fields
from connector.sandbox.salesforce.values import Stored

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

NONE, READ, EDIT, ALL = range(4)
"""Levels of access to one row. Deleting it, giving it away and sharing it take ALL."""
DEFAULTS = {"Private": NONE, "Read": READ, "ReadWrite": EDIT, "ReadWriteTransfer": EDIT, "FullAccess": ALL}
"""What everybody has by an object's sharing model."""
SHARED = ("Private", "Read")
"""Sharing models that leave something to share."""
SHARE_LEVELS = {"Read": READ, "Edit": EDIT, "All": ALL}
_GROUPS = "SELECT GroupId FROM GroupMember WHERE UserOrGroupId = ? AND IsDeleted = 0"


def add_shares(schema: Schema) -> None:
    """Give each custom object whose rows can be shared its share object, ``X__Share`` of ``X__c``."""
    for sobject in list(schema):
        if sobject.custom and not sobject.custom_setting and sobject.sharing in SHARED and not masters(sobject):
            schema.add(_share_object(sobject))


def _share_object(shared: SObject) -> SObject:
    name = f"{shared.name.removesuffix('__c')}__Share"
    share = SObject(name, f"Share: {shared.label}"[:40], f"Share: {shared.label}"[:40], sharing="ControlledByParent")
    share.shares = shared.name
    levels = (Choice("Read", "Read Only"), Choice("Edit", "Read/Write"), Choice("All", "Owner", active=False))
    causes = (Choice("Owner", "Owner", active=False), Choice("Manual", "Manual Sharing", default=True))
    for one in (
        *system_fields(),
        Field("ParentId", "Parent ID", "reference", 18, required=True, reference_to=(shared.name,), updateable=False,
              parent_name="Parent", child_name="Shares", on_delete="Cascade"),
        Field("UserOrGroupId", "User/Group ID", "reference", 18, required=True, reference_to=("Group", "User"),
              updateable=False, parent_name="UserOrGroup"),
        Field("AccessLevel", "Access Level", "picklist", 40, required=True, restricted=True, choices=levels),
        Field("RowCause", "Row Cause", "picklist", 40, restricted=True, choices=causes, updateable=False),
    ):  # fmt: skip
        share.add(one)
    return share


def masters(sobject: SObject) -> list[Field]:
    """Return the references whose rows decide who reaches a row of the object."""
    return [one for one in sobject.fields.values() if is_master(sobject, one)]


def is_master(sobject: SObject, reference: Field) -> bool:
    """Tell whether a reference of the object is one of its masters."""
    return reference.master_detail or (bool(sobject.shares) and reference.name == "ParentId")


def needed(sobject: SObject, master: Field) -> int:
    """Return the level on a master that whoever writes a row below it needs."""
    return ALL if sobject.shares else READ if master.master_read else EDIT


def _unshared(sobject: SObject) -> bool:
    """Tell whether rights on the object alone decide, as with settings and the org's own records."""
    return bool(sobject.custom_setting) or ("ownerid" not in sobject.fields and not masters(sobject))


class Sharing:
    """Answers for one org. ``rights`` are those of ``user_id``, or everything for code in system mode."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def visible(self, user_id: str, rights: Rights, sobject: SObject, alias: str) -> str:
        """Return the SQL condition under which the user sees a row of a table; empty when he sees them all."""
        if rights.sees_all(sobject) or _unshared(sobject):
            return ""
        if above := masters(sobject):
            through = (self._through(user_id, rights, one, alias) for one in above)
            return " AND ".join(filter(None, through))
        if DEFAULTS.get(sobject.sharing, EDIT) >= READ:
            return ""
        who = ", ".join(f"'{one}'" for one in self._who(user_id))
        own = f'{alias}."OwnerId" IN ({who})'
        if (share := self._shares(sobject)) is None:
            return own
        shared = f'SELECT ParentId FROM "{share.name}" WHERE UserOrGroupId IN ({who}) AND IsDeleted = 0'
        return f"({own} OR {alias}.Id IN ({shared}))"

    def _through(self, user_id: str, rights: Rights, master: Field, alias: str) -> str:
        parent, name = self._org.schema[master.reference_to[0]], f"{alias}m"
        condition = self.visible(user_id, rights, parent, name)
        inner = f'SELECT {name}.Id FROM "{parent.name}" AS {name} WHERE {condition}'
        return f'{alias}."{master.name}" IN ({inner})' if condition else ""

    def level(self, user_id: str, rights: Rights, sobject: SObject, row: Mapping[str, Stored]) -> int:
        """Return what the user may do with a stored row, as far as sharing decides."""
        if rights.edits_all(sobject) or _unshared(sobject):
            return ALL
        least = READ if rights.sees_all(sobject) else NONE
        if above := masters(sobject):
            return max(least, min(self._below(user_id, rights, sobject, one, row) for one in above))
        if row["OwnerId"] in (who := self._who(user_id)):
            return ALL
        return max(least, DEFAULTS.get(sobject.sharing, EDIT), self._given(who, sobject, str(row["Id"])))

    def _below(
        self, user_id: str, rights: Rights, sobject: SObject, master: Field, row: Mapping[str, Stored]
    ) -> int:  # fmt: skip
        """Return the level on a row that the level on its master gives."""
        parent = self._org.schema[master.reference_to[0]]
        found = self._org.storage.row(parent, str(row[master.name]))
        level = self.level(user_id, rights, parent, found) if found else NONE
        return ALL if level >= needed(sobject, master) else min(level, READ)

    def _given(self, who: list[str], sobject: SObject, record_id: str) -> int:
        if (share := self._shares(sobject)) is None:
            return NONE
        sql = f'SELECT UserOrGroupId, AccessLevel FROM "{share.name}" WHERE ParentId = ? AND IsDeleted = 0'
        rows = self._org.storage.execute(sql, (record_id,)).fetchall()
        return max((SHARE_LEVELS[level] for holder, level in rows if holder in who), default=NONE)

    def _shares(self, sobject: SObject) -> SObject | None:
        return self._org.schema.get(f"{sobject.name.removesuffix('__c')}__Share")

    def _who(self, user_id: str) -> list[str]:
        """Return the user and the groups and queues that he is a member of."""
        return [user_id, *(row[0] for row in self._org.storage.execute(_GROUPS, (user_id,)))]

    def sees(self, user_id: str, rights: Rights, sobject: SObject, record_id: str) -> bool:
        """Tell whether the user sees the row with that id, which may not exist."""
        row = self._org.storage.row(sobject, record_id)
        return row is not None and self.level(user_id, rights, sobject, row) >= READ

    def ids(self, user_id: str, rights: Rights, sobject: SObject, field: str, value: Stored) -> list[str]:
        """Return the ids of the undeleted rows with that value that the user sees."""
        found = self._org.storage.ids(sobject, field, value)
        if rights.sees_all(sobject):
            return found
        return [one for one in found if self.sees(user_id, rights, sobject, one)]

    def check_share(self, sobject: SObject, row: Mapping[str, Stored]) -> list[ApiError]:
        """Return what is wrong with a share that gives no more than everybody has. [U] The wording."""
        shared = self._org.schema.get(sobject.shares) if sobject.shares else None
        given = str(row.get("AccessLevel"))
        if shared is None or SHARE_LEVELS[given] > DEFAULTS[shared.sharing]:
            return []
        message = (
            f"field integrity exception: AccessLevel (trivial share level {given}, for organization with default level "
            f"{shared.sharing})"
        )
        return [ApiError("FIELD_INTEGRITY_EXCEPTION", message, ["AccessLevel"])]

    def forget_manual(self, sobject: SObject, record_id: str) -> None:
        """Take back the shares of a row that has a new owner, as Salesforce does with manual ones."""
        if (share := self._shares(sobject)) is not None:
            sql = f"UPDATE \"{share.name}\" SET IsDeleted = 1 WHERE ParentId = ? AND RowCause = 'Manual'"
            self._org.storage.execute(sql, (record_id,))


def no_access() -> ApiError:
    """Return the refusal to write a row that the user only sees."""
    return ApiError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])


def no_access_to(record_id: str, field: Field) -> ApiError:
    """Return the refusal of a reference to a row that the user does not reach."""
    message = f"insufficient access rights on cross-reference id: {record_id}"
    return ApiError("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", message, [field.name])

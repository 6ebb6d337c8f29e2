"""Who may do what: rights on objects and fields, from the permission sets of the source and their assignments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.metadata import Xml
from connector.sandbox.salesforce.schema import Field, SObject

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

RIGHTS = {
    "create": "allowCreate", "read": "allowRead", "edit": "allowEdit", "delete": "allowDelete",
    "view_all": "viewAllRecords", "modify_all": "modifyAllRecords",
}  # fmt: skip
"""What a permission set can grant on an object, and the metadata element of each."""
SETUP = frozenset({"User", "Group", "GroupMember", "PermissionSet", "PermissionSetAssignment"})
"""Standard objects whose rows only administrators write. Values of custom settings are theirs too."""
ADMINISTRATOR = "System Administrator"
API_ONLY = "Minimum Access - API Only Integrations"
"""The profile that gives no right on any object; the org keeps it to the objects that some permission set opens."""
_NAMES = (
    'SELECT p."Name" FROM PermissionSetAssignment AS a JOIN PermissionSet AS p ON p.Id = a.PermissionSetId '
    "WHERE a.AssigneeId = ? AND a.IsDeleted = 0"
)
_PROFILE = 'SELECT p."Name" FROM "User" AS u JOIN Profile AS p ON p.Id = u.ProfileId WHERE u.Id = ?'


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """One permission set of the source. Names of objects and fields are in lower case.

    Attributes:
        objects: the rights on each object.
        fields: the readable fields as ``object.field``, with whether they are editable too.
        settings: the custom settings that may be read.
        permissions: the custom permissions that it gives.
    """

    name: str
    label: str
    objects: dict[str, frozenset[str]]
    fields: dict[str, bool]
    settings: frozenset[str]
    permissions: frozenset[str] = frozenset()


def read_permission_sets(directory: Path) -> list[PermissionSet]:
    """Return the permission sets of the source below ``directory``. Raises MetadataError for malformed files."""
    return [_read(path) for path in sorted(directory.rglob("*.permissionset-meta.xml"))]


def read_custom_permissions(directory: Path) -> frozenset[str]:
    """Return the names of the custom permissions of the source below ``directory``, in lower case."""
    return frozenset(path.name.split(".")[0].lower() for path in directory.rglob("*.customPermission-meta.xml"))


def _read(path: Path) -> PermissionSet:
    xml, name = Xml.read(path), path.name.split(".")[0]
    objects = {
        one.text("object").lower(): frozenset(right for right, element in RIGHTS.items() if one.flag(element))
        for one in xml.all("objectPermissions")
    }
    fields = {
        one.text("field").lower(): one.flag("editable") for one in xml.all("fieldPermissions") if one.flag("readable")
    }
    settings = frozenset(one.text("name").lower() for one in xml.all("customSettingAccesses") if one.flag("enabled"))
    permissions = frozenset(one.text("name").lower() for one in xml.all("customPermissions") if one.flag("enabled"))
    return PermissionSet(name, xml.text("label") or name, objects, fields, settings, permissions)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one user may do: everything, or what the permission sets grant, less what is hidden one by one.

    Standard objects and their standard fields are open to everybody, as the profiles of this org leave them, but for
    the objects in ``closed`` (names in lower case), which need a permission set.
    """

    sets: Sequence[PermissionSet] = ()
    everything: bool = False
    hidden: frozenset[tuple[str, str]] = frozenset()
    closed: frozenset[str] = frozenset()

    def may(self, right: str, sobject: SObject) -> bool:
        """Tell whether the user has a right, one of ``RIGHTS``, on an object."""
        name = sobject.name.lower()
        if self.everything:
            return True
        if sobject.shares:
            return any("read" in one.objects.get(sobject.shares.lower(), ()) for one in self.sets)
        if sobject.name in SETUP or sobject.custom_setting:
            return right == "read" and (not sobject.custom or any(name in one.settings for one in self.sets))
        if not sobject.custom and name not in self.closed:
            return True
        return any(right in one.objects.get(name, ()) for one in self.sets)

    def sees_all(self, sobject: SObject) -> bool:
        """Tell whether sharing hides no row of the object from the user."""
        return self._has_any(sobject, {"view_all", "modify_all"})

    def edits_all(self, sobject: SObject) -> bool:
        """Tell whether the user may write every row of the object, whoever owns it."""
        return self._has_any(sobject, {"modify_all"})

    def _has_any(self, sobject: SObject, wanted: set[str]) -> bool:
        name = sobject.name.lower()
        return self.everything or any(wanted & one.objects.get(name, frozenset()) for one in self.sets)

    def permits(self, permission: str) -> bool:
        """Tell whether the user has a custom permission; administrators have none unless a set gives it."""
        return any(permission.lower() in one.permissions for one in self.sets)

    def reads(self, sobject: SObject, one: Field) -> bool:
        """Tell whether the user sees a field of an object; what a row cannot be without is never hidden."""
        key = (sobject.name.lower(), one.name.lower())
        if key in self.hidden:
            return False
        if self._open(sobject, one):
            return True
        return any(".".join(key) in granted.fields for granted in self.sets)

    def writes(self, sobject: SObject, one: Field) -> bool:
        """Tell whether the user may set a field that he sees."""
        if self._open(sobject, one):
            return True
        key = f"{sobject.name}.{one.name}".lower()
        return any(granted.fields.get(key, False) for granted in self.sets)

    def _open(self, sobject: SObject, one: Field) -> bool:
        always = not one.custom or (one.required and not one.calculated) or one.master_detail
        return self.everything or always or bool(sobject.custom_setting)

    def demand(self, right: str, sobject: SObject) -> None:
        """Raise ApiError ``INSUFFICIENT_ACCESS_OR_READONLY`` unless the user has the right on the object."""
        if not self.may(right, sobject):
            message = f"insufficient access rights on object id: {sobject.name} ({right})"
            raise ApiError("INSUFFICIENT_ACCESS_OR_READONLY", message, [])


EVERYTHING = Rights(everything=True)
"""For code that runs in system mode, and for system administrators."""


class Access:
    """The rights of every user of an org. Where the source has no permission sets at all, everybody has every right."""

    def __init__(self, org: Org, sets: Sequence[PermissionSet]) -> None:
        self._org = org
        self.sets = {one.name: one for one in sets}
        self._granted = frozenset(name for one in sets for name in one.objects)
        self._known: dict[str, Rights] = {}

    def of(self, user_id: str) -> Rights:
        """Return the rights of a user as they are now."""
        if (found := self._known.get(user_id)) is None:
            found = self._known[user_id] = self._find(user_id)
        return found

    def open(self, object_name: str, field: Field) -> None:
        """Let every permission set grant a field that was deployed without them."""
        for one in self.sets.values():
            one.fields[f"{object_name}.{field.name}".lower()] = not field.calculated

    def forget(self) -> None:
        """Read the assignments anew when next asked, as every request does."""
        self._known.clear()

    def _find(self, user_id: str) -> Rights:
        hidden = frozenset((sobject, name) for who, sobject, name in self._org.hidden if who == user_id)
        execute = self._org.storage.execute
        names = {row[0] for row in execute(_NAMES, (user_id,))}
        sets = [one for one in self.sets.values() if one.name in names]
        [profile] = execute(_PROFILE, (user_id,)).fetchone() or [""]
        closed = self._granted if profile == API_ONLY else frozenset()
        return Rights(sets, not self.sets or profile == ADMINISTRATOR, hidden, closed)

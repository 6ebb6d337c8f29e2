"""Who may do what: rights on objects and fields, from the permission sets of the source and their assignments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.metadata import Xml, find_files
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.standard import SETUP

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

RIGHTS = {
    "create": "allowCreate", "read": "allowRead", "edit": "allowEdit", "delete": "allowDelete",
    "view_all": "viewAllRecords", "modify_all": "modifyAllRecords",
}  # fmt: skip
"""What a permission set can grant on an object, and the metadata element of each."""
ADMINISTRATOR = "System Administrator"
API_ONLY = "Minimum Access - API Only Integrations"
"""The profile that gives no right on any object; the org keeps it to the objects that some permission set opens."""
STANDARD_PROFILES = {"Admin": ADMINISTRATOR, "Standard": "Standard User"}
"""Profiles whose files have another name than they show."""
GUARDED = frozenset({"Account", "Contact", "Opportunity", "Lead", "Campaign"})
"""Standard objects whose fields permission sets can open and keep closed."""
_ALWAYS = frozenset({"Id", "Name", "FirstName", "LastName", "Salutation", "OwnerId", "RecordTypeId", "CurrencyIsoCode"})
_PARTS = ("Street", "City", "State", "PostalCode", "Country")
ADDRESSES = {
    f"{name}.{start}Address".lower(): tuple(f"{name}.{start}{part}".lower() for part in _PARTS)
    for name, start in (("Account", "Billing"), ("Account", "Shipping"), ("Contact", "Mailing"), ("Lead", ""))
}
"""Permissions on an address as a whole open its parts. [U] Whether parts can be opened one by one; here they can."""
_NAMES = (
    'SELECT p."Name" FROM PermissionSetAssignment AS a '
    "LEFT JOIN PermissionSetGroupComponent AS c ON c.PermissionSetGroupId = a.PermissionSetGroupId AND c.IsDeleted = 0 "
    "JOIN PermissionSet AS p ON p.Id IN (a.PermissionSetId, c.PermissionSetId) "
    "WHERE a.AssigneeId = ? AND a.IsDeleted = 0"
)
"""Names of the permission sets that somebody holds, by an assignment of their own or by a group that contains them."""
_PROFILE = 'SELECT p."Name" FROM "User" AS u JOIN Profile AS p ON p.Id = u.ProfileId WHERE u.Id = ?'


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """One permission set of the source. Names of objects and fields are in lower case.

    Attributes:
        objects: the rights on each object.
        fields: the readable fields as ``object.field``, with whether they are editable too.
        settings: the custom settings that may be read.
        permissions: the custom permissions that it gives.
        record_types: the record types that it lets people use, as ``object.type``.
    """

    name: str
    label: str
    objects: dict[str, frozenset[str]]
    fields: dict[str, bool]
    settings: frozenset[str]
    permissions: frozenset[str] = frozenset()
    record_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Profile:
    """What this org heeds of a profile: the record types that its users may use, and each object's default one.

    All names are in lower case; ``defaults`` is by object, its values are of the form ``object.type``.
    """

    record_types: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)


def read_permission_sets(*directories: Path) -> list[PermissionSet]:
    """Return the permission sets of the source below ``directories``. Raises MetadataError for malformed files."""
    return [_read(path) for path in find_files(directories, "*.permissionset-meta.xml")]


def read_custom_permissions(*directories: Path) -> frozenset[str]:
    """Return the names of the custom permissions of the source below ``directories``, in lower case."""
    return frozenset(path.name.split(".")[0].lower() for path in find_files(directories, "*.customPermission-meta.xml"))


def read_profiles(*directories: Path) -> dict[str, Profile]:
    """Return what the profiles of the source say of record types, by the profile's name in the org.

    Raises:
        MetadataError: a file is malformed.
    """
    found: dict[str, Profile] = {}
    for path in find_files(directories, "*.profile-meta.xml"):
        stem = path.name.removesuffix(".profile-meta.xml")
        name = STANDARD_PROFILES.get(stem, stem)
        found[name] = _merge_profile(found.get(name, Profile()), Xml.read(path))
    return found


def _merge_profile(known: Profile, xml: Xml) -> Profile:
    """Return a profile after another piece of it was deployed: what a file does not name stays as it is."""
    told = {one.text("recordType").lower(): one for one in xml.all("recordTypeVisibilities")}
    kept = known.record_types - told.keys()
    visible = {name for name, one in told.items() if one.flag("visible")}
    defaults = {name.partition(".")[0]: name for name, one in told.items() if one.flag("default")}
    return Profile(kept | visible, {**known.defaults, **defaults})


def _read(path: Path) -> PermissionSet:
    xml, name = Xml.read(path), path.name.split(".")[0]
    objects = {
        one.text("object").lower(): frozenset(right for right, element in RIGHTS.items() if one.flag(element))
        for one in xml.all("objectPermissions")
    }
    fields = {
        field: one.flag("editable")
        for one in xml.all("fieldPermissions")
        if one.flag("readable")
        for field in ADDRESSES.get(one.text("field").lower(), (one.text("field").lower(),))
    }
    settings = frozenset(one.text("name").lower() for one in xml.all("customSettingAccesses") if one.flag("enabled"))
    permissions = frozenset(one.text("name").lower() for one in xml.all("customPermissions") if one.flag("enabled"))
    types = frozenset(
        one.text("recordType").lower() for one in xml.all("recordTypeVisibilities") if one.flag("visible")
    )
    return PermissionSet(name, xml.text("label") or name, objects, fields, settings, permissions, types)


def always_seen(one: Field) -> bool:
    """Tell whether everybody sees a field because no row can be without it: no permission set may name it."""
    return one.required or one.master_detail or (not one.custom and one.name in _ALWAYS)


def permissionable(sobject: SObject, one: Field) -> bool:
    """Tell whether permissions decide who sees a field: what a row cannot be without is never hidden.

    [U] Which standard fields are always seen: names, owners, and what the platform itself works out.
    """
    return not always_seen(one) and (one.custom or (sobject.name in GUARDED and one.updateable))


@dataclass(frozen=True, slots=True)
class Rights:
    """What one user may do: everything, or what the permission sets grant, less what is hidden one by one.

    Standard objects and their standard fields are open to everybody, as the profiles of this org leave them, but for
    the objects in ``closed`` (names in lower case), which need a permission set, and the fields where ``guarded``.
    """

    sets: Sequence[PermissionSet] = ()
    everything: bool = False
    hidden: frozenset[tuple[str, str]] = frozenset()
    closed: frozenset[str] = frozenset()
    profile: Profile = Profile()
    guarded: bool = False

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

    def uses(self, sobject: SObject, record_type: str) -> bool:
        """Tell whether the user may give records of the object that record type."""
        name = f"{sobject.name}.{record_type}".lower()
        sets = (name in one.record_types for one in self.sets)
        return self.everything or name in self.profile.record_types or any(sets)

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
        if self.everything or sobject.custom_setting or not permissionable(sobject, one):
            return True
        return not one.custom and not self.guarded

    def demand(self, right: str, sobject: SObject) -> None:
        """Raise ApiError ``INSUFFICIENT_ACCESS_OR_READONLY`` unless the user has the right on the object."""
        if not self.may(right, sobject):
            message = f"insufficient access rights on object id: {sobject.name} ({right})"
            raise ApiError("INSUFFICIENT_ACCESS_OR_READONLY", message, [])


EVERYTHING = Rights(everything=True)
"""For code that runs in system mode, and for system administrators."""


class Access:
    """The rights of every user of an org. Where the source has no permission sets at all, everybody has every right."""

    def __init__(self, org: Org, sets: Sequence[PermissionSet], profiles: Mapping[str, Profile]) -> None:
        self._org, self._profiles = org, profiles
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
        known = self._profiles.get(profile, Profile())
        guarded = self._org.guarded and profile == API_ONLY
        return Rights(sets, not self.sets or profile == ADMINISTRATOR, hidden, closed, known, guarded)

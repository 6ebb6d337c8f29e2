"""Who may ask the worker for something. Our own rights are wider than those of the people who ask, so that theirs are
looked up before anything is done for them.

A permission set is held by an assignment of its own, or by one to a permission set group that contains it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from connector.errors import MappingError, RecordRejected
from connector.names import PermissionSets
from connector.sync.ports import Row

ASKERS = (PermissionSets.BUSINESS_USER, PermissionSets.BUSINESS_ADMINISTRATOR, PermissionSets.INTEGRATION_USER)
"""Whoever holds one of these may ask for something to be done with a record that they may edit."""
_SELLERS_ON_MARKETPLACE = (PermissionSets.MARKETPLACE_USER, PermissionSets.MARKETPLACE_ADMINISTRATOR)
_OTHER_ASKERS = {
    "Deactivate Schedules": (PermissionSets.BUSINESS_ADMINISTRATOR, PermissionSets.INTEGRATION_USER),
    "Refresh Products": (*_SELLERS_ON_MARKETPLACE, PermissionSets.INTEGRATION_USER),
    "Link Private Offer": (*ASKERS, *_SELLERS_ON_MARKETPLACE, PermissionSets.CHANNEL_PARTNER),
}
_MARKETPLACE_SCHEDULERS = (PermissionSets.INTEGRATION_USER, PermissionSets.MARKETPLACE_ADMINISTRATOR)
_OTHER_SCHEDULERS = {
    "Products": _MARKETPLACE_SCHEDULERS,
    "Private Offers": _MARKETPLACE_SCHEDULERS,
    "Resale Authorizations": _MARKETPLACE_SCHEDULERS,
    "Agreements": _MARKETPLACE_SCHEDULERS,
    "Shared Resale Authorizations": (*_MARKETPLACE_SCHEDULERS, PermissionSets.CHANNEL_PARTNER),
}
EVERY_ASKER = tuple(dict.fromkeys((*ASKERS, *(name for names in _OTHER_ASKERS.values() for name in names))))
"""Whoever holds none of these may ask for nothing at all."""
EVERY_SCHEDULER = _OTHER_SCHEDULERS["Shared Resale Authorizations"]
"""Whoever holds none of these may activate no schedule at all."""


class Questions(Protocol):
    """What is needed of Salesforce to tell who holds what."""

    def query(self, soql: str) -> Iterator[Row]: ...

    def queries(self, soqls: Sequence[str]) -> list[list[Row]]: ...


def askers(action: str) -> tuple[str, ...]:
    """Return the permission sets of which one lets its holder ask for the action."""
    return _OTHER_ASKERS.get(action, ASKERS)


def schedulers(object_name: str) -> tuple[str, ...]:
    """Return the permission sets of which one lets its holder activate a schedule of what it names."""
    return _OTHER_SCHEDULERS.get(object_name, (PermissionSets.INTEGRATION_USER,))


def is_id(text: str) -> bool:
    """Whether the text has the form of an 18-character id: people type some of them, and they end up in queries."""
    return len(text) == 18 and text.isascii() and text.isalnum()


def holders(salesforce: Questions, user_ids: Iterable[str], permission_sets: Sequence[str]) -> dict[str, set[str]]:
    """Return which of the permission sets each of the users holds, by user id, directly or by a group."""
    users = sorted(set(user_ids))
    direct = held(salesforce.query(holders_query(users, permission_sets)))
    by_groups = by_group(salesforce, users, permission_sets)
    return {user: direct.get(user, set()) | by_groups.get(user, set()) for user in users}


def by_group(salesforce: Questions, user_ids: Iterable[str], permission_sets: Sequence[str]) -> dict[str, set[str]]:
    """Return what :func:`holders` does, as far as permission set groups give it.

    An org that does not show us its groups gives nothing by them: whoever asks is then told to have the set assigned.
    """
    try:
        assigned, contained = salesforce.queries([_assigned_groups(user_ids), _groups_with(permission_sets)])
    except (MappingError, RecordRejected):
        return {}
    by_id: dict[str, set[str]] = {}
    for row in contained:
        by_id.setdefault(str(row["PermissionSetGroupId"]), set()).add(str(row["PermissionSet"]["Name"]))
    found: dict[str, set[str]] = {}
    for row in assigned:
        if names := by_id.get(str(row["PermissionSetGroupId"])):
            found.setdefault(str(row["AssigneeId"]), set()).update(names)
    return found


def _assigned_groups(user_ids: Iterable[str]) -> str:
    return (
        "SELECT AssigneeId, PermissionSetGroupId FROM PermissionSetAssignment "  # noqa: S608 - ids
        f"WHERE AssigneeId IN ({_listed(sorted(set(user_ids)))}) AND PermissionSetGroupId != null"
    )


def _groups_with(permission_sets: Sequence[str]) -> str:
    return (
        "SELECT PermissionSetGroupId, PermissionSet.Name FROM PermissionSetGroupComponent "  # noqa: S608 - our own names
        f"WHERE PermissionSet.Name IN ({_listed(permission_sets)})"
    )


def holders_query(user_ids: Iterable[str], permission_sets: Sequence[str]) -> str:
    """Return the SOQL that tells which of the users hold which of the permission sets directly."""
    return (
        "SELECT AssigneeId, PermissionSet.Name FROM PermissionSetAssignment "  # noqa: S608 - ids and our own names
        f"WHERE AssigneeId IN ({_listed(sorted(set(user_ids)))}) AND PermissionSet.Name IN ({_listed(permission_sets)})"
    )


def held(rows: Iterable[Row]) -> dict[str, set[str]]:
    """Return the permission sets by user id, from the rows of :func:`holders_query`."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(str(row["AssigneeId"]), set()).add(str(row["PermissionSet"]["Name"]))
    return found


def access_query(user_id: str, record_id: str) -> str:
    """Return the SOQL that tells whether the user may edit the record."""
    return (
        "SELECT RecordId, HasEditAccess FROM UserRecordAccess "  # noqa: S608 - ids
        f"WHERE UserId = '{user_id}' AND RecordId IN ({_listed([record_id])})"
    )


def may_edit(rows: Iterable[Mapping[str, object]]) -> bool:
    """Whether the rows of :func:`access_query` grant the edit; no row means that the record is not to be seen."""
    return any(bool(row["HasEditAccess"]) for row in rows)


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)

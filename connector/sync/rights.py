"""Who may ask the worker for something. Our own rights are wider than those of the people who ask, so that theirs are
looked up before anything is done for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connector.names import PermissionSets
from connector.sync.ports import Row

ASKERS = (PermissionSets.BUSINESS_USER, PermissionSets.BUSINESS_ADMINISTRATOR, PermissionSets.INTEGRATION_USER)
"""Whoever holds one of these may ask for something to be done with a record that they may edit."""


def is_id(text: str) -> bool:
    """Whether the text has the form of an 18-character id: people type some of them, and they end up in queries."""
    return len(text) == 18 and text.isascii() and text.isalnum()


def holders_query(user_ids: Iterable[str], permission_sets: Sequence[str]) -> str:
    """Return the SOQL that tells which of the users hold which of the permission sets."""
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


def may_edit(rows: Iterable[Row]) -> bool:
    """Whether the rows of :func:`access_query` grant the edit; no row means that the record is not to be seen."""
    return any(bool(row["HasEditAccess"]) for row in rows)


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)

"""``UserRecordAccess``: what a user may do with certain records, worked out when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.ids import normalise
from connector.sandbox.salesforce.sharing import ALL, EDIT, NONE, READ
from connector.sandbox.salesforce.soql_syntax import Compare, Literal, Logic, Path, Select
from connector.sandbox.salesforce.values import Stored

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

NAME = "UserRecordAccess"
MAX_RECORDS = 200


def prepare(org: Org, asker: str, select: Select) -> None:
    """Work out the rows that the query can find.

    Raises:
        ApiError: ``MALFORMED_QUERY`` unless the query names one user and at most 200 records. [U] The wording.
    """
    wanted = dict(_named(select.where))
    users, records = wanted.get("userid", []), wanted.get("recordid", [])
    if len(users) != 1 or not records:
        raise ApiError("MALFORMED_QUERY", f"{NAME} needs filters on one UserId and on RecordId, joined by AND")
    if len(records) > MAX_RECORDS:
        raise ApiError("MALFORMED_QUERY", f"{NAME} takes at most {MAX_RECORDS} records in one query")
    sobject = org.schema[NAME]
    org.storage.execute(f'DELETE FROM "{NAME}"')  # noqa: S608 - a constant
    rows = [found for one in dict.fromkeys(records) if (found := _row(org, asker, users[0], one))]
    org.storage.insert(sobject, rows)


def _named(node: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the ids that each condition of the filter names, by field in lower case."""
    if isinstance(node, Logic) and node.operator == "AND":
        for part in node.parts:
            yield from _named(part)
    elif isinstance(node, Compare) and isinstance(node.left, Path) and node.operator in {"=", "IN"}:
        values = node.right if node.operator == "IN" else [node.right]
        if all(isinstance(one, Literal) for one in values):
            ids = [normalise(str(one.value)) for one in values]
            yield node.left.names[-1].lower(), [one for one in ids if one]


def _row(org: Org, asker: str, user_id: str, record_id: str) -> dict[str, Stored] | None:
    """Return a user's access to a record; None when whoever asks does not see the record himself. [U]"""
    sobject = org.schema.by_prefix(record_id)
    if sobject is None or not org.sharing.sees(asker, org.access.of(asker), sobject, record_id):
        return None
    reads, edits, deletes, owns = _rights(org, user_id, record_id)
    named = {"All": owns, "Delete": deletes, "Edit": edits, "Read": reads}
    highest = next((name for name, has in named.items() if has), "None")
    return {
        "Id": record_id, "IsDeleted": 0, "UserId": user_id, "RecordId": record_id, "HasReadAccess": int(reads),
        "HasEditAccess": int(edits), "HasDeleteAccess": int(deletes), "HasTransferAccess": int(owns),
        "HasAllAccess": int(owns), "MaxAccessLevel": highest,
    }  # fmt: skip


def _rights(org: Org, user_id: str, record_id: str) -> tuple[bool, bool, bool, bool]:
    """Return whether the user reads, edits, deletes and wholly owns a record: sharing and object rights together."""
    sobject = org.schema.by_prefix(record_id)
    row = org.storage.row(sobject, record_id) if sobject else None
    if sobject is None or row is None or row["IsDeleted"]:
        return False, False, False, False
    rights = org.access.of(user_id)
    level = org.sharing.level(user_id, rights, sobject, row) if rights.may("read", sobject) else NONE
    edits = level >= EDIT and rights.may("edit", sobject)
    deletes = level >= ALL and rights.may("delete", sobject)
    return level >= READ, edits, deletes, level >= ALL and edits and deletes

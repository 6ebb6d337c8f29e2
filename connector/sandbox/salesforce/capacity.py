"""An org whose data storage is full: what it refuses, for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError, RowErrors

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.schema import SObject

OPERATIONS = ("create", "update")


@dataclass(slots=True)
class Shortage:
    """Room is short for some writes.

    Attributes:
        objects: the objects concerned, names in lower case; empty: all.
        operations: which of ``OPERATIONS`` are refused.
        left: how many more rows are refused.
    """

    objects: frozenset[str]
    operations: frozenset[str]
    left: int

    def meets(self, sobject: SObject, operation: str) -> bool:
        """Tell whether a write falls under it."""
        return operation in self.operations and (not self.objects or sobject.name.lower() in self.objects)


def demand_room(org: Org, sobject: SObject, operation: str) -> None:
    """Raise RowErrors ``STORAGE_LIMIT_EXCEEDED`` (403) when there is no room for a row to be written."""
    short = next((one for one in org.shortages if one.meets(sobject, operation)), None)
    if short is None:
        return
    short.left -= 1
    if short.left <= 0:
        org.shortages.remove(short)
    raise RowErrors([ApiError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", [], status=403)])

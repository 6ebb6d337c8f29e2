"""What people ask for in Salesforce, as the flows that carry it out see it: one row of ``ACE_Action_Request__c``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connector.errors import Deferred
from connector.names import ActionRequest
from connector.store.queue import Item
from connector.sync.engine import Engine
from connector.sync.ports import Row
from connector.sync.rights import is_id

TARGETS = (
    ActionRequest.ACE_OPPORTUNITY,
    ActionRequest.ACE_LEAD,
    ActionRequest.OPPORTUNITY,
    ActionRequest.LEAD,
    ActionRequest.RECORD_ID,
)
"""Where a request names its record: the lookup of the record's object, or the id as text for any other object."""


@dataclass(frozen=True, slots=True)
class Request:
    """One wish as it stands in Salesforce, with what its requester may do.

    Attributes:
        items: its rows of ``ACE_Action_Request_Item__c``.
        note: what went wrong in earlier attempts to begin it, for the log; empty at the first one.
    """

    row: Row
    requester: str
    record_id: str
    sets: frozenset[str]
    may_edit: bool
    items: tuple[Row, ...] = ()
    note: str = ""

    @property
    def id(self) -> str:
        return str(self.row["Id"])

    @property
    def action(self) -> str:
        return str(self.row[ActionRequest.ACTION])


LONGEST_MESSAGE = 32_000
"""Characters of what a request, or an item of it, can be told."""


IN_ORDER = "in_order"
"""In an item's payload: it says what is to be at AWS, so that of two for one record the later one must have the last
word."""
_WAITED_FOR = 10
"""Failed attempts of an earlier one after which a later one goes ahead."""


def let_earlier_go_first(engine: Engine, item: Item) -> None:
    """Wait for what was asked for earlier about the record and is tried again: done later, it would undo this. What was
    tried for long is not waited for.

    Raises:
        Deferred: there is such a one.
    """
    if not item.payload.get(IN_ORDER):
        return
    waiting = engine.state.queue.list("waiting", 1000, key=item.key)
    begun = [one for one in waiting if one.id < item.id and one.attempts < _WAITED_FOR]
    earlier = [one.retry_at for one in begun if one.payload.get(IN_ORDER)]
    if earlier:
        raise Deferred(
            "What was asked for earlier about the record goes first.",
            max(*earlier, engine.now()) + timedelta(seconds=2),
        )


def attempts_note(item: Item) -> str:
    """Return what went wrong in the attempts before this one; empty at the first."""
    if not item.attempts:
        return ""
    return f"Attempt {item.attempts + 1}; what went wrong before: {item.reason}"


def target(row: Mapping[str, Any]) -> str:
    """Return the id of the record that the request is about, empty where it names none."""
    named = next((str(row[name]).strip() for name in TARGETS if row.get(name)), "")
    return named if is_id(named) else ""

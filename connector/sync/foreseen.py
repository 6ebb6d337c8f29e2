"""What Salesforce answered ahead of the turns that ask for it: many records cost the calls of a few.

A turn asks as it always does. Its door answers from what was asked for many records at once, where that is young enough
and nothing else was worked off since; everything else goes to Salesforce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from connector.sync.ports import Row, RowOutcome, SalesforcePort

KEPT = timedelta(minutes=2)
"""How long an answer counts. What changes meanwhile does no harm: records are created by a unique identifier, and
written only where nobody edited them since they were read.
"""


@dataclass(slots=True)
class Foreseen:
    """Answers for records of one object; each row and each creation is given out once.

    Attributes:
        object_name: the records' object.
        key_field, stamp_field: its field of AWS's identifier, and that of the last sync, whose value is the moment's.
        fields: what the rows were read with.
        arrivals: numbers of the records of files that the answers are for, be there any or not.
        until: when the answers have become too old.
        holders: by AWS's identifier, the records that carry it, as :meth:`SalesforcePort.holders` has them.
        rows: records by id.
        queries, matches: answers by what was asked.
        made: by AWS's identifier, the row that was created and what came of it.
    """

    object_name: str
    key_field: str
    stamp_field: str
    fields: tuple[str, ...]
    arrivals: frozenset[int]
    until: datetime
    holders: dict[str, dict[str, bool]] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    queries: dict[str, list[Row]] = field(default_factory=dict)
    matches: dict[tuple[str, ...], list[Row]] = field(default_factory=dict)
    made: dict[str, tuple[Row, RowOutcome]] = field(default_factory=dict)

    def forget(self) -> None:
        """Something else was worked off: what was read may have changed by it. What was created stays created."""
        self.rows.clear()
        self.matches.clear()
        self.holders = {apn_id: found for apn_id, found in self.holders.items() if apn_id in self.made}

    def is_made(self, row: Row) -> bool:
        """Whether the row was created as it is, but for the moment of its last sync."""
        made = self.made.get(str(row.get(self.key_field)))
        return made is not None and {**made[0], self.stamp_field: None} == {**row, self.stamp_field: None}


class ForeseeingDoor:
    """The door to Salesforce, for turns whose answers may be known."""

    def __init__(self, door: SalesforcePort, foreseen: Foreseen) -> None:
        self._door, self._foreseen = door, foreseen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door, name)

    def holders(self, object_name: str, field: str, value: str) -> dict[str, bool]:
        known = self._foreseen
        if (object_name, field) == (known.object_name, known.key_field) and value in known.holders:
            return dict(known.holders[value])
        return self._door.holders(object_name, field, value)

    def query(self, soql: str) -> Iterator[Row]:
        known = self._foreseen.queries.get(soql)
        return self._door.query(soql) if known is None else iter(known)

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        known = self._foreseen
        if object_name == known.object_name and tuple(fields) == known.fields and set(ids) <= known.rows.keys():
            return {one: known.rows.pop(one) for one in dict.fromkeys(ids)}
        return self._door.rows(object_name, ids, fields)

    def matching(self, object_name: str, field: str, value: str, fields: Sequence[str]) -> list[Row]:
        """Who has an e-mail address is asked once. An account that was not there may have come with another record."""
        asked, known = (object_name, field, value, *fields), self._foreseen.matches
        if asked in known:
            return known[asked]
        found = self._door.matching(object_name, field, value, fields)
        if found or object_name == "User":
            known[asked] = found
        return found

    def upsert(self, object_name: str, key_field: str, rows: Sequence[Row]) -> Sequence[RowOutcome]:
        known = self._foreseen
        one = rows[0] if len(rows) == 1 and (object_name, key_field) == (known.object_name, known.key_field) else None
        if one is not None and known.is_made(one):
            return [known.made.pop(str(one[key_field]))[1]]
        return self._door.upsert(object_name, key_field, rows)


def foreseeing(door: SalesforcePort, foreseen: Foreseen) -> SalesforcePort:
    """Return the door with the answers before it."""
    return cast(SalesforcePort, ForeseeingDoor(door, foreseen))

"""Writing a list of entities to their rows: what is new is created, what differs is changed, what vanished is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.errors import RecordRejected
from connector.sync.ports import Row, RowOutcome, SalesforcePort


@dataclass(slots=True)
class Written:
    """What writing rows came to.

    Attributes:
        created, updated, ended: rows that were new, that differed, and whose entities AWS lists no more.
        ids: ids of the rows that stand for what AWS lists, by folded key.
        refused: why single rows could not be written, one line each.
        failed: keys of those rows.
    """

    created: int = 0
    updated: int = 0
    ended: int = 0
    ids: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Table:
    """Where a list of entities is kept.

    Attributes:
        object_name: the object.
        key: its external id.
        refreshed_at: the field that every refresh stamps.
        fold: makes keys equal that the external id takes for equal.
    """

    object_name: str
    key: str
    refreshed_at: str
    fold: Callable[[str], str] = str.lower

    def by_key(self, rows: Iterable[Row]) -> dict[str, Row]:
        """Return the rows by folded key."""
        return {self.fold(str(row[self.key])): row for row in rows if row.get(self.key)}


def write_rows(
    salesforce: SalesforcePort, table: Table, wanted: Sequence[Row], known: Mapping[str, Row], stamp: str
) -> Written:
    """Create the rows that are new by their key, and bring the others up to date. One row's refusal stops no other.

    Args:
        wanted: the rows as they should be, complete.
        known: the rows as they are, by folded key.
        stamp: time of the refresh, which every row gets.

    Raises:
        ConnectorError: what concerns all rows (no room, no access), or passes by itself.
    """
    rows = table.by_key(wanted)
    stamped = {table.refreshed_at: stamp}
    new = {key: row | stamped for key, row in rows.items() if key not in known}
    old = {key: {"Id": known[key]["Id"], **_differences(known[key], rows[key])} for key in rows if key in known}
    done = Written(ids={key: str(row["Id"]) for key, row in old.items()})
    if new:
        outcomes = salesforce.upsert(table.object_name, table.key, list(new.values()))
        for key, outcome in zip(new, outcomes, strict=True):
            if _settled(done, key, outcome):
                done.created += 1
                done.ids[key] = outcome.id
    if old:
        outcomes = salesforce.update(table.object_name, [row | stamped for row in old.values()])
        for key, outcome in zip(old, outcomes, strict=True):
            done.updated += _settled(done, key, outcome) and len(old[key]) > 1
    return done


def end_rows(salesforce: SalesforcePort, table: Table, ended: Mapping[str, Row], done: Written) -> None:
    """Write what ends rows whose entities are not listed any more; none is deleted.

    Args:
        ended: by folded key, the row with its id and what it is to say.
        done: takes the counts.
    """
    if ended:
        outcomes = salesforce.update(table.object_name, list(ended.values()))
        for key, outcome in zip(ended, outcomes, strict=True):
            done.ended += _settled(done, key, outcome)


def _differences(known: Row, wanted: Row) -> Row:
    return {name: value for name, value in wanted.items() if _plain(known.get(name)) != _plain(value)}


def _plain(value: Any) -> Any:
    """Salesforce returns nothing for an empty text, and may end lines its own way."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n") or None
    return value


def _settled(done: Written, key: str, outcome: RowOutcome) -> bool:
    if outcome.error is None:
        return True
    if not isinstance(outcome.error, RecordRejected):
        raise outcome.error
    done.failed.add(key)
    done.refused.append(f"{key}: {outcome.error}")
    return False

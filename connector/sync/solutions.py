"""The partner's solutions as Partner Central lists them, kept as rows that people choose from (``ACE_Solution__c``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connector.errors import ConnectorError, RecordRejected
from connector.names import SOLUTION, Solution
from connector.sync import logs
from connector.sync.action_outcome import DONE, FAILED, Answer
from connector.sync.asking import Request
from connector.sync.engine import Engine
from connector.sync.ports import Json, Row, RowOutcome

REFRESH_SOLUTIONS = "Refresh Solutions"
ACTIVE = "Active"
STATUSES = (ACTIVE, "Inactive", "Draft")
NAME_LENGTH, TEXT_LENGTH = 80, 255
MOST_TOLD = 5
"""Reasons of single rows that an answer repeats."""


@dataclass(slots=True)
class Refreshed:
    """What a refresh came to, in rows.

    Attributes:
        listed: what there is now.
        created, updated: rows written because they were new or differed.
        ended: rows that are not offered any more: what they stand for vanished.
        refused: why rows could not be written.
    """

    listed: int = 0
    created: int = 0
    updated: int = 0
    ended: int = 0
    refused: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.listed} listed: {self.created} new, {self.updated} changed, {self.ended} not offered any more."
        if not self.refused:
            return told
        return f"{told} {len(self.refused)} could not be written: {' '.join(self.refused[:MOST_TOLD])}"


def perform_solutions(engine: Engine, _: Request) -> Answer:
    """Bring the solutions up to date because somebody confirmed it.

    Raises:
        Deferred, Retriable, AuthFailed: it is begun again; rows are upserted, so that nothing is there twice.
    """
    found = refresh_solutions(engine)
    return Answer(FAILED if found.refused else DONE, f"Solutions: {found}")


def refresh_solutions(engine: Engine) -> Refreshed:
    """Write every solution that AWS lists in this catalog to its row, and mark those that it lists no more.

    Nothing is written before the last page has come: a walk that breaks off ends no solution.
    """
    wanted = [_row(engine, one) for one in engine.partner_central.list_solutions()]
    fields = ("Id", "Name", *_OWN)
    known = list(engine.salesforce.query(f"SELECT {', '.join(fields)} FROM {SOLUTION}"))  # noqa: S608 - our own names
    found = write_list(engine, SOLUTION, Solution.ID, Solution.ACTIVE, wanted, known)
    run_id = logs.start_run(engine, logs.FROM_AWS, logs.INBOUND_RECORDS)
    logs.log_call(engine, run_id, error=f"Solutions: {found}" if found.refused else "", note=f"Solutions: {found}")
    return found


_OWN = (
    Solution.ID,
    Solution.FULL_NAME,
    Solution.CATEGORY,
    Solution.STATUS,
    Solution.CATALOG,
    Solution.CREATED,
    Solution.MARKETPLACE_ARN,
    Solution.ACTIVE,
)


def _row(engine: Engine, solution: Json) -> Row:
    """Return the row of a solution. A status that the package does not know leaves Status empty: it is not active."""
    name, status = str(solution.get("Name") or solution["Id"]), str(solution.get("Status") or "")
    return {
        Solution.ID: str(solution["Id"]),
        "Name": logs.cut(name, NAME_LENGTH),
        Solution.FULL_NAME: logs.cut(name, TEXT_LENGTH),
        Solution.CATEGORY: logs.cut(str(solution.get("Category") or ""), TEXT_LENGTH) or None,
        Solution.STATUS: status if status in STATUSES else None,
        Solution.CATALOG: engine.catalog,
        Solution.CREATED: _moment(solution.get("CreatedDate")),
        Solution.MARKETPLACE_ARN: str(solution.get("AwsMarketplaceSolutionArn") or "") or None,
        Solution.ACTIVE: status == ACTIVE,
    }


def _moment(text: Any) -> str | None:
    """Return AWS's time as Salesforce keeps it, in whole seconds."""
    return f"{str(text)[:19]}.000+0000" if text else None


def write_list(
    engine: Engine, object_name: str, key: str, active: str, wanted: Iterable[Row], known: Iterable[Row]
) -> Refreshed:
    """Upsert the rows of a list by their key, but for those that are as they should be; end the others.

    Args:
        key: the external id's field.
        active: the tick that says whether a row is offered.
        wanted: the rows as they should be.
        known: the rows as they are.
    """
    by_key = {str(row[key]).lower(): row for row in known if row.get(key)}
    rows = {str(row[key]).lower(): row for row in wanted}
    new = [row for one, row in rows.items() if one not in by_key]
    changed = [row for one, row in rows.items() if one in by_key and _differs(by_key[one], row)]
    ended = [{"Id": row["Id"], active: False} for one, row in by_key.items() if one not in rows and row[active]]
    written = [*_upsert(engine, object_name, key, [*new, *changed]), *_update(engine, object_name, ended)]
    refused = tuple(str(error) for error in _errors(written))
    return Refreshed(len(rows), len(new), len(changed), len(ended), refused)


def _differs(known: Row, wanted: Row) -> bool:
    return any((known.get(name) or None) != (value or None) for name, value in wanted.items())


def _upsert(engine: Engine, object_name: str, key: str, rows: list[Row]) -> Iterable[RowOutcome]:
    return engine.salesforce.upsert(object_name, key, rows) if rows else ()


def _update(engine: Engine, object_name: str, rows: list[Row]) -> Iterable[RowOutcome]:
    return engine.salesforce.update(object_name, rows) if rows else ()


def _errors(written: Iterable[RowOutcome]) -> Iterable[ConnectorError]:
    """Yield the refusals of single rows. What concerns the whole (no room, no access) is raised.

    Raises:
        ConnectorError: that can pass, or is not about one row.
    """
    for outcome in written:
        if outcome.error is None:
            continue
        if not isinstance(outcome.error, RecordRejected):
            raise outcome.error
        yield outcome.error

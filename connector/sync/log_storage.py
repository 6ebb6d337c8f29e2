"""When the org has no room for more logs: writing them pauses, and finished ones can be cleaned up by hand.

Logs are what fills the storage, so that they stop first; what is to be written stays in the state. Records that wait
for room are told of as well (LOG-23); a file of AWS stays in the bucket for as long as any of its records waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from connector.errors import ConnectorError, StorageFull
from connector.names import SYNC_LOG, SYNC_LOG_DETAIL, Detail, Log
from connector.sync import logs
from connector.sync.engine import Engine

MOST_PURGED = 4000
"""Logs that one clean-up deletes at most."""
FINISHED = (logs.API_SUCCESS, logs.PROCESSED)
TROUBLE = "sync logs"
RECORDS = "records"
_PAUSE = "logs:paused"


def pause_logs(engine: Engine, error: StorageFull) -> None:
    """Write no logs until the time that the error names, nor after a restart; the status page says why."""
    engine.state.meta.set(_PAUSE, json.dumps({"until": error.until.isoformat(), "reason": str(error)}))
    engine.troubles[TROUBLE] = str(error)


def logs_are_paused(engine: Engine) -> bool:
    """Whether logs wait for room in the org; what is told of it on the status page is kept up."""
    text = engine.state.meta.get(_PAUSE)
    if text is None:
        engine.troubles.pop(TROUBLE, None)
        return False
    pause = json.loads(text)
    engine.troubles[TROUBLE] = str(pause["reason"])
    return engine.now() < datetime.fromisoformat(pause["until"])


def require_room(engine: Engine) -> None:
    """Let pass what must not end before its log is written: a file of AWS is not deleted without one (LOG-23).

    Raises:
        StorageFull: the org has no room for logs at present.
    """
    text = engine.state.meta.get(_PAUSE)
    if logs_are_paused(engine) and text is not None:
        pause = json.loads(text)
        raise StorageFull(str(pause["reason"]), datetime.fromisoformat(pause["until"]))


def resume_logs(engine: Engine) -> None:
    """There is room: logs are written again."""
    engine.state.meta.delete(_PAUSE)
    engine.troubles.pop(TROUBLE, None)


def tell_room(engine: Engine, errors: Iterable[ConnectorError | None]) -> None:
    """Tell on the status page that the org has no room for values of records, until it takes some again.

    Args:
        errors: what became of the rows of one call, None for each that was written.
    """
    outcomes = tuple(errors)
    full = next((error for error in outcomes if isinstance(error, StorageFull)), None)
    if full is not None:
        engine.troubles[RECORDS] = str(full)
    elif None in outcomes:
        engine.troubles.pop(RECORDS, None)


def finished_logs(engine: Engine) -> list[str]:
    """Return the ids of the logs that one clean-up deletes, oldest first: those that say that all went well.

    One below which something is still open is left out: nobody would be told of it again. So is that of a file without
    AWS's answer: its deletion says that the file's records go out again.
    """
    held = engine.state.uploads.open_runs()
    statuses = ", ".join(f"'{status}'" for status in FINISHED)
    rows = engine.salesforce.query(
        f"SELECT Id, {Log.KEY} FROM {SYNC_LOG} WHERE {Log.STATUS} IN ({statuses}) AND Id NOT IN "  # noqa: S608 - our own names
        f"(SELECT {Detail.LOG} FROM {SYNC_LOG_DETAIL} WHERE {Detail.STATUS} IN ({logs.OPEN_STATUSES})) "
        f"ORDER BY CreatedDate, Id LIMIT {MOST_PURGED + len(held)}"
    )
    return [str(row["Id"]) for row in rows if row[Log.KEY] not in held][:MOST_PURGED]


def purge(engine: Engine, log_ids: list[str]) -> int:
    """Delete the logs with their details; return how many went. What waited for room is written again."""
    outcomes = engine.salesforce.delete(log_ids) if log_ids else []
    deleted = sum(outcome.error is None for outcome in outcomes)
    if deleted:
        resume_logs(engine)
    return deleted

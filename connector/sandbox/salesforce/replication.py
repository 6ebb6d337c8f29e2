"""What changed since: /updated and /deleted; and the small resources of a version."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import unquote

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.values import parse_datetime, stamp
from connector.sandbox.salesforce.wire import Answer, Call

UPDATED_DAYS, DELETED_DAYS = 30, 15
MAX_IDS = 600_000
RESOURCES = ("composite", "jobs", "limits", "query", "queryAll", "sobjects")


def resources(call: Call) -> Answer:
    who = call.org.authority.identity_url(call.user_id)
    return Answer(200, {name: f"{call.base}/{name}" for name in RESOURCES} | {"identity": who})


def limits(call: Call) -> Answer:
    usage = call.org.usage
    fixed = {
        "DailyBulkApiBatches": 15000, "DailyBulkV2QueryJobs": 10000, "DailyBulkV2QueryFileStorageMB": 976562,
        "DataStorageMB": 1024, "FileStorageMB": 1024, "HourlyPublishedPlatformEvents": 50000,
    }  # fmt: skip
    body = {"DailyApiRequests": {"Max": usage.limit, "Remaining": max(0, usage.limit - usage.used)}}
    return Answer(200, body | {name: {"Max": size, "Remaining": size} for name, size in fixed.items()})


def _span(call: Call, days: int) -> tuple[datetime, datetime]:
    """Return start and end of the request, whole minutes. Raises ApiError ``INVALID_REPLICATION_DATE``."""
    # A plus sign that the client did not escape arrives as a blank.
    texts = [unquote(call.request.query.get(name, "")).replace(" ", "+") for name in ("start", "end")]
    start, end = (parse_datetime(text) for text in texts)
    if start is None or end is None:
        raise ApiError("MALFORMED_QUERY", "start and end must be dates and times with an offset")
    start, end = start.replace(second=0), end.replace(second=0)
    if end - start < timedelta(minutes=1):
        raise ApiError("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if start < call.org.clock.now() - timedelta(days=days):
        raise ApiError("INVALID_REPLICATION_DATE", f"startDate before org created date or more than {days} days ago")
    return start, end


def _covered(call: Call, end: datetime) -> str:
    """Return up to when the answer is complete: not beyond the start of a transaction that still runs."""
    return stamp(min([end, call.org.clock.now(), *(one.at for one in call.org.late)]))


def updated(call: Call, name: str) -> Answer:
    sobject = call.require(name)
    start, end = _span(call, UPDATED_DAYS)
    where = f"t.SystemModstamp >= ? AND t.SystemModstamp < ? AND t.IsDeleted = 0 AND {call.visible(sobject, 't')}"
    sql = f'SELECT t.Id FROM "{sobject.name}" AS t WHERE {where}'
    ids = [row[0] for row in call.org.storage.execute(sql, (stamp(start), stamp(end)))]
    if len(ids) > MAX_IDS:
        raise ApiError("EXCEEDED_ID_LIMIT", f"more than {MAX_IDS} ids; ask for a shorter time")
    return Answer(200, {"ids": ids, "latestDateCovered": _covered(call, end)})


def deleted(call: Call, name: str) -> Answer:
    sobject = call.require(name)
    start, end = _span(call, DELETED_DAYS)
    where = f"t.SystemModstamp >= ? AND t.SystemModstamp < ? AND t.IsDeleted = 1 AND {call.visible(sobject, 't')}"
    sql = f'SELECT t.Id, t.SystemModstamp FROM "{sobject.name}" AS t WHERE {where}'
    rows = call.org.storage.execute(sql, (stamp(start), stamp(end))).fetchall()
    earliest = call.org.clock.now() - timedelta(days=DELETED_DAYS)
    records = [{"id": row[0], "deletedDate": row[1]} for row in rows]
    answer = {
        "deletedRecords": records,
        "earliestDateAvailable": stamp(earliest),
        "latestDateCovered": _covered(call, end),
    }
    return Answer(200, answer)

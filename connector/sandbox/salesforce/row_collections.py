"""sObject Collections: up to 200 rows in one call, each with its own result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from connector.sandbox.salesforce.faults import AmbiguousKey, ApiError, RowErrors, not_found
from connector.sandbox.salesforce.records import Writer, record_id
from connector.sandbox.salesforce.rows import key_field, read_rows
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.wire import Answer, Call

MAX_ROWS = 200
MAX_CHUNKS = 10
MAX_READ = 2000
Json = dict[str, Any]
Work = Callable[[Writer], Json]


class _RollBack(Exception):
    pass


def _records(call: Call) -> tuple[list[Json], bool]:
    """Return the rows of the body and whether all or none are to be written. Raises ApiError for a malformed body."""
    body = call.request.fields
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ApiError("JSON_PARSER_ERROR", "The request body needs a list of records")
    _check_count(len(rows))
    return rows, body.get("allOrNone") is True


def _check_count(count: int) -> None:
    if count > MAX_ROWS:
        message = f"record limit reached. cannot submit more than {MAX_ROWS} records into this call"
        raise ApiError("EXCEEDED_ID_LIMIT", message)


def _typed(call: Call, rows: Sequence[Json]) -> list[SObject]:
    """Return the object of each row. Raises ApiError for rows without one, or too many changes from one to the next."""
    names = [str((row.get("attributes") or {}).get("type", "")) for row in rows]
    found = []
    for name in names:
        if (sobject := call.org.schema.get(name)) is None:
            raise ApiError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        found.append(sobject)
    if sum(1 for _ in groupby(found, key=lambda one: one.name)) > MAX_CHUNKS:
        message = (
            f"Cannot have more than {MAX_CHUNKS} chunks in a single operation. "
            "Please rearrange the data to reduce chunking."
        )
        raise ApiError("INVALID_INPUT", message)
    return found


def _run(call: Call, works: Sequence[Work], *, all_or_none: bool) -> Answer:
    """Do the works in order and return a result each; with ``all_or_none`` one failure undoes the others."""
    results: list[Json] = []
    try:
        with call.writing() as writer:
            results = [_attempt(writer, work) for work in works]
            if all_or_none and not all(one["success"] for one in results):
                raise _RollBack
    except _RollBack:
        return Answer(200, [_rolled_back(one) for one in results])
    return Answer(200, results)


def _attempt(writer: Writer, work: Work) -> Json:
    try:
        with writer.org.storage.transaction():
            return work(writer)
    except RowErrors as refused:
        return failure(refused.errors)
    except ApiError as refused:
        return failure([refused])
    except AmbiguousKey as several:
        message = f"more than one record found for external id field: [{', '.join(several.ids)}]"
        return failure([ApiError("DUPLICATE_EXTERNAL_ID", message, [])])


def failure(errors: Sequence[ApiError]) -> Json:
    """Return the result of a refused row."""
    return {"success": False, "errors": [error.row_body() for error in errors]}


def _rolled_back(result: Json) -> Json:
    if not result["success"]:
        return result
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    return failure([ApiError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message)])


def success(row_id: str) -> Json:
    return {"id": row_id, "success": True, "errors": []}


def create_rows(call: Call) -> Answer:
    rows, all_or_none = _records(call)

    def work(sobject: SObject, row: Json) -> Work:
        return lambda writer: success(writer.create(sobject, row))

    works = [work(sobject, row) for sobject, row in zip(_typed(call, rows), rows, strict=True)]
    return _run(call, works, all_or_none=all_or_none)


def update_rows(call: Call) -> Answer:
    rows, all_or_none = _records(call)
    seen: set[str] = set()
    works = [_update(sobject, row, seen) for sobject, row in zip(_typed(call, rows), rows, strict=True)]
    return _run(call, works, all_or_none=all_or_none)


def _update(sobject: SObject, row: Json, seen: set[str]) -> Work:
    def work(writer: Writer) -> Json:
        given = next((value for name, value in row.items() if name.lower() == "id"), None)
        if not given:
            raise ApiError("MISSING_ARGUMENT", "Id not specified in an update call", [])
        row_id = record_id(str(given), sobject.name)
        if row_id in seen:
            raise ApiError("DUPLICATE_VALUE", f"duplicate id specified: {row_id}", [])
        seen.add(row_id)
        writer.update(sobject, row_id, {name: value for name, value in row.items() if name.lower() != "id"})
        return success(row_id)

    return work


def upsert_rows(call: Call, name: str, field: str) -> Answer:
    rows, all_or_none = _records(call)
    sobject = call.require(name)
    key = key_field(call, sobject, field)
    if any(one.name != sobject.name for one in _typed(call, rows)):
        raise ApiError("INVALID_INPUT", f"All records must be of type {sobject.name}")
    seen: set[str] = set()

    def work(row: Json) -> Work:
        def upsert(writer: Writer) -> Json:
            given = next((value for one, value in row.items() if one.lower() == key.name.lower()), None)
            rest = {one: value for one, value in row.items() if one.lower() != key.name.lower()}
            if given in (None, ""):
                raise ApiError("MISSING_ARGUMENT", f"{key.name} not specified", [])
            if str(given).casefold() in seen:
                raise ApiError("DUPLICATE_VALUE", f"Duplicate external id specified: {given}", [key.name])
            seen.add(str(given).casefold())
            row_id, created = writer.upsert(sobject, key, str(given), rest)
            return success(row_id) | {"created": created}

        return upsert

    return _run(call, [work(row) for row in rows], all_or_none=all_or_none)


def delete_rows(call: Call) -> Answer:
    given = [one for one in call.request.query.get("ids", "").split(",") if one]
    _check_count(len(given))

    def work(text: str) -> Work:
        def delete(writer: Writer) -> Json:
            row_id = record_id(text, "Record")
            if (sobject := call.org.schema.by_prefix(row_id)) is None:
                raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
            writer.delete(sobject, row_id)
            return success(row_id)

        return delete

    all_or_none = call.request.query.get("allornone", "false").lower() == "true"
    return _run(call, [work(one) for one in given], all_or_none=all_or_none)


def read_many(call: Call, name: str) -> Answer:
    """Return rows by id, null for each that is not there; ids and fields by URL or, for up to 2,000, by body."""
    sobject = call.require(name)
    if call.request.method == "POST":
        given, fields = call.request.fields.get("ids") or [], call.request.fields.get("fields") or []
    else:
        given, fields = (call.request.query.get(one, "").split(",") for one in ("ids", "fields"))
    if len(given) > MAX_READ:
        raise ApiError(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MAX_READ} records into this call"
        )
    wanted = [record_id(one.strip(), sobject.name) for one in given]
    if not any(fields):
        raise not_found() if not wanted else ApiError("MALFORMED_QUERY", "fields are required")
    names = list(dict.fromkeys([*(one.strip() for one in fields)]))
    hide_id = not any(one.lower() == "id" for one in names)
    rows = read_rows(call, sobject, wanted, [*names, *(["Id"] if hide_id else [])])
    by_id = {row["Id"]: row for row in rows}
    return Answer(200, [by_id.get(one) for one in wanted])

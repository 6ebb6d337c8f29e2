"""Bulk API 2.0: ingest and query jobs, CSV in and out."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.salesforce import ids
from connector.sandbox.salesforce.faults import AmbiguousKey, ApiError, RowErrors, not_found
from connector.sandbox.salesforce.records import Writer, record_id
from connector.sandbox.salesforce.rows import key_field
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.soql_query import Query, compile_query
from connector.sandbox.salesforce.wire import Answer, Call, Text

DELIMITERS = {"COMMA": ",", "SEMICOLON": ";", "TAB": "\t", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
OPERATIONS = {"insert", "update", "upsert", "delete", "hardDelete"}
MAX_BYTES = 150_000_000
NULL = "#N/A"
PAGE = 50_000
Row = dict[str, str]
Json = dict[str, Any]


@dataclass(slots=True)
class Job:
    """One job. Ingest keeps each row's outcome; query keeps the ids of its answer."""

    id: str
    kind: str
    request: Json
    version: str
    user_id: str
    created_at: str
    state: str = "Open"
    data: str = ""
    columns: list[str] = field(default_factory=list)
    done: list[tuple[str, bool, Row]] = field(default_factory=list)
    failed: list[tuple[str, str, Row]] = field(default_factory=list)
    unprocessed: list[Row] = field(default_factory=list)
    query: Query | None = None
    found: list[str] = field(default_factory=list)

    @property
    def delimiter(self) -> str:
        return DELIMITERS[self.request.get("columnDelimiter", "COMMA")]

    @property
    def newline(self) -> str:
        return "\r\n" if self.request.get("lineEnding") == "CRLF" else "\n"


def _show(call: Call, job: Job) -> Json:
    """Return what the API tells of a job."""
    common = {
        "id": job.id, "operation": job.request["operation"], "createdById": job.user_id, "createdDate": job.created_at,
        "systemModstamp": call.org.now_text(), "state": job.state, "concurrencyMode": "Parallel", "contentType": "CSV",
        "apiVersion": float(job.version), "lineEnding": job.request.get("lineEnding", "LF"),
        "columnDelimiter": job.request.get("columnDelimiter", "COMMA"),
        "jobType": "V2Ingest" if job.kind == "ingest" else "V2Query",
    }  # fmt: skip
    if job.kind == "query":
        return common | {
            "object": job.query.sobject.name if job.query else "",
            "numberRecordsProcessed": len(job.found),
            "retries": 0,
        }
    return common | {
        "object": job.request["object"],
        "externalIdFieldName": job.request.get("externalIdFieldName"),
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches",
        "numberRecordsProcessed": len(job.done) + len(job.failed),
        "numberRecordsFailed": len(job.failed),
        "retries": 0,
    }


def _job(call: Call, job_id: str, kind: str) -> Job:
    job = call.org.jobs.get(ids.normalise(job_id) or "")
    if job is None or job.kind != kind:
        raise not_found()
    return job


def _new(call: Call, kind: str, request: Json) -> Job:
    if request.get("columnDelimiter", "COMMA") not in DELIMITERS:
        raise ApiError("INVALIDJOB", f"InvalidJob : columnDelimiter {request['columnDelimiter']} is not supported")
    job_id = ids.number("750", len(call.org.jobs) + 1)
    job = Job(job_id, kind, request, call.version, call.user_id, call.org.now_text())
    call.org.jobs[job.id] = job
    return job


# -- ingest


def create_ingest(call: Call) -> Answer:
    request = call.request.fields
    sobject = call.org.schema.get(str(request.get("object", "")))
    if sobject is None or not call.org.access.of(call.user_id).may("read", sobject):
        raise ApiError(
            "INVALIDENTITY", f"InvalidEntity : Entity '{request.get('object')}' is not supported by the Bulk API."
        )
    if request.get("operation") not in OPERATIONS:
        raise ApiError("INVALIDJOB", f"InvalidJob : operation {request.get('operation')} is not supported")
    if request["operation"] == "upsert":
        key_field(call, sobject, str(request.get("externalIdFieldName", "")))
    return Answer(200, _show(call, _new(call, "ingest", {**request, "object": sobject.name})))


def list_ingest(call: Call) -> Answer:
    records = [_show(call, job) for job in call.org.jobs.values() if job.kind == "ingest"]
    return Answer(200, {"done": True, "nextRecordsUrl": None, "records": records})


def upload(call: Call, job_id: str) -> Answer:
    job = _job(call, job_id, "ingest")
    if job.state != "Open" or job.data:
        raise ApiError("INVALIDJOBSTATE", "InvalidJobState : data can be uploaded once, while the job is Open")
    if len(call.request.body) > MAX_BYTES:
        raise ApiError("INVALIDBATCH", "InvalidBatch : content is larger than 150 MB", status=413)
    try:
        job.data = call.request.body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ApiError("INVALIDBATCH", "InvalidBatch : content is not UTF-8") from fault
    return Answer(201)


def set_state(call: Call, job_id: str) -> Answer:
    job = _job(call, job_id, "ingest")
    state = call.request.fields.get("state")
    if state not in {"UploadComplete", "Aborted"} or job.state not in {"Open", "UploadComplete"}:
        raise ApiError("INVALIDJOBSTATE", f"InvalidJobState : a job that is {job.state} cannot become {state}")
    job.state = state
    shown = _show(call, job)
    if state == "UploadComplete":
        _process(call, job)
    return Answer(200, shown)


def get_ingest(call: Call, job_id: str) -> Answer:
    """Show a job. A finished upload is shown in progress once before it is shown complete: clients have to poll."""
    job = _job(call, job_id, "ingest")
    job.state = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}.get(job.state, job.state)
    return Answer(200, _show(call, job))


def delete_job(call: Call, job_id: str) -> Answer:
    if call.org.jobs.pop(ids.normalise(job_id) or "", None) is None:
        raise not_found()
    return Answer(204)


def _process(call: Call, job: Job) -> None:
    """Do every row by itself."""
    reader = csv.DictReader(io.StringIO(job.data, newline=""), delimiter=job.delimiter)
    job.columns = list(reader.fieldnames or [])
    sobject = call.org.schema[job.request["object"]]
    with call.writing() as writer:
        for row in reader:
            if None in row or None in row.values():
                job.unprocessed.append({name: value or "" for name, value in row.items() if name})
                continue
            _process_row(call, job, writer, sobject, row)
    random.Random(job.id).shuffle(job.done)


def _process_row(call: Call, job: Job, writer: Writer, sobject: SObject, row: Row) -> None:
    try:
        with call.org.storage.transaction():
            row_id, created = _write(call, job, writer, sobject, row)
        job.done.append((row_id, created, row))
    except RowErrors as refused:
        job.failed.append((row.get("Id", ""), _problem(refused.errors[0]), row))
    except ApiError as refused:
        job.failed.append((row.get("Id", ""), _problem(refused), row))
    except AmbiguousKey as several:
        job.failed.append(("", f"DUPLICATE_EXTERNAL_ID:more than one record found: {', '.join(several.ids)}:--", row))


def _problem(error: ApiError) -> str:
    return f"{error.code}:{error.message}:{' '.join(error.fields or ())} --"


def _write(call: Call, job: Job, writer: Writer, sobject: SObject, row: Row) -> tuple[str, bool]:
    operation = job.request["operation"]
    data = cells(row)
    given = str(next((data.pop(name) for name in list(data) if name.lower() == "id"), None) or "")
    by_id = operation == "upsert" and job.request["externalIdFieldName"].lower() == "id"
    if operation == "insert" or (by_id and not given):
        return writer.create(sobject, data), True
    if operation == "upsert" and not by_id:
        key = key_field(call, sobject, job.request["externalIdFieldName"])
        text = next((data.pop(name) for name in list(data) if name.lower() == key.name.lower()), None)
        if not text:
            raise ApiError("MISSING_ARGUMENT", f"{key.name} not specified", [])
        return writer.upsert(sobject, key, str(text), data)
    row_id = record_id(given, sobject.name)
    if operation in {"update", "upsert"}:
        writer.update(sobject, row_id, data)
    else:
        writer.delete(sobject, row_id)
    return row_id, False


def cells(row: Row) -> Json:
    """Return the body of a CSV row: an empty cell says nothing, ``#N/A`` clears, ``Parent.Key`` is a parent's key."""
    body: Json = {}
    for name, text in row.items():
        if text == "":
            continue
        value = None if text == NULL else text
        parent, _, key = name.partition(".")
        if key:
            body[parent] = None if value is None else {key: value}
        else:
            body[name] = value
    return body


def ingest_results(call: Call, job_id: str, which: str) -> Answer:
    job = _job(call, job_id, "ingest")
    if which.lower() == "successfulresults":
        head, rows = ["sf__Id", "sf__Created"], [[one, str(made).lower(), *row.values()] for one, made, row in job.done]
    elif which.lower() == "failedresults":
        head, rows = ["sf__Id", "sf__Error"], [[one, error, *row.values()] for one, error, row in job.failed]
    elif which.lower() == "unprocessedrecords":
        head, rows = [], [list(row.values()) for row in job.unprocessed]
    else:
        raise not_found()
    return _csv(job, [*head, *job.columns], rows)


def _csv(job: Job, head: Sequence[str], rows: Sequence[Sequence[str]], headers: dict[str, str] | None = None) -> Answer:
    """Return CSV as Salesforce sends it: every cell quoted, and no charset in the content type."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=job.delimiter, lineterminator=job.newline, quoting=csv.QUOTE_ALL)
    writer.writerow(head)
    writer.writerows(rows)
    return Answer(200, Text(text.getvalue()), {"Content-Type": "text/csv", **(headers or {})})


# -- query


def create_query(call: Call) -> Answer:
    request = call.request.fields
    if request.get("operation") not in {"query", "queryAll"}:
        raise ApiError("INVALIDJOB", f"InvalidJob : operation {request.get('operation')} is not supported")
    deleted = request["operation"] == "queryAll"
    query = compile_query(call.org, call.user_id, str(request.get("query", "")), version=call.version, deleted=deleted)
    if query.aggregate or not query.flat:
        raise ApiError(
            "API_ERROR", "Aggregate queries, OFFSET, FIELDS() and child queries are not supported by Bulk API 2.0"
        )
    job = _new(call, "query", request)
    job.query, job.state, job.found = query, "UploadComplete", query.ids()
    return Answer(200, _show(call, job))


def get_query(call: Call, job_id: str) -> Answer:
    job = _job(call, job_id, "query")
    job.state = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}.get(job.state, job.state)
    return Answer(200, _show(call, job))


def abort_query(call: Call, job_id: str) -> Answer:
    job = _job(call, job_id, "query")
    job.state = "Aborted"
    return Answer(200, _show(call, job))


def query_results(call: Call, job_id: str) -> Answer:
    """Return one page of a query job's rows."""
    job = _job(call, job_id, "query")
    if job.version != call.version:
        raise ApiError("API_VERSION_MISMATCH", f"The job was created with version {job.version}", status=409)
    if job.state != "JobComplete" or job.query is None:
        raise ApiError("INVALIDJOBSTATE", f"InvalidJobState : results of a job that is {job.state} cannot be read")
    locator, size = call.request.query.get("locator", ""), call.request.query.get("maxrecords", "")
    if locator and not locator.isdigit():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    start = int(locator or 0)
    end = start + (min(PAGE, int(size)) if size.isdigit() and int(size) else PAGE)
    rows = job.query.rows(job.found[start:end])
    names = job.query.paths()
    headers = {"Sforce-NumberOfRecords": str(len(rows)), "Sforce-Locator": str(end) if end < len(job.found) else "null"}
    return _csv(job, names, [[_cell(row, name) for name in names] for row in rows], headers)


def _cell(row: Json, path: str) -> str:
    value: Any = row
    for name in path.split("."):
        value = None if value is None else value[name]
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

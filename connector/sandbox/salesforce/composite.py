"""Composite, batch and tree: several requests in one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from connector.sandbox.salesforce.faults import ApiError, RowErrors
from connector.sandbox.salesforce.records import Writer
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.wire import EMPTY, Answer, Call, Claim, Request

MAX_PARTS = 25
MAX_HEAVY = 5
MAX_TREE = 200
_HEAVY = re.compile(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)\b", re.IGNORECASE)
_REFERENCE_ID = re.compile(r"[A-Za-z]\w*")
_REFERENCE = re.compile(r"@\{([^}]+)\}")
_STEP = re.compile(r"\w+|\[\d+\]")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."
Json = dict[str, Any]


class _RollBack(Exception):
    pass


def run_composite(call: Call) -> Answer:
    """Run up to 25 subrequests in order; with ``allOrNone`` one failure undoes them all."""
    parts = call.request.fields.get("compositeRequest")
    if not isinstance(parts, list) or not parts:
        raise ApiError("JSON_PARSER_ERROR", "The request body needs a list compositeRequest")
    _check(parts)
    call = replace(call, request=replace(call.request, claims=_lost(call)))
    all_or_none = call.request.fields.get("allOrNone") is True
    results: list[Json] = []
    try:
        with call.org.storage.transaction():
            _run_parts(call, parts, results, all_or_none=all_or_none)
    except _RollBack:
        _halt(parts, results)
    return Answer(200, {"compositeResponse": results})


def _lost(call: Call) -> frozenset[Claim]:
    """Return the keys that somebody took since the request arrived; what its own parts create is theirs to find."""
    storage, schema = call.org.storage, call.org.schema
    return frozenset(one for one in call.request.claims if storage.ids(schema[one.sobject], one.key, one.text))


def _check(parts: list[Json]) -> None:
    if not all(isinstance(part, dict) for part in parts):
        raise ApiError("JSON_PARSER_ERROR", "Every subrequest must be a JSON object")
    if len(parts) > MAX_PARTS:
        raise ApiError("LIMIT_EXCEEDED", f"Too many subrequests: {len(parts)}. The limit is {MAX_PARTS}")
    heavy = sum(bool(_HEAVY.match(str(part.get("url", "")))) for part in parts)
    if heavy > MAX_HEAVY:
        raise ApiError(
            "LIMIT_EXCEEDED", f"No more than {MAX_HEAVY} subrequests can be queries or sObject Collections operations"
        )
    names = [part.get("referenceId") for part in parts]
    if any(not isinstance(name, str) or not _REFERENCE_ID.fullmatch(name) for name in names):
        raise ApiError("JSON_PARSER_ERROR", "Every subrequest needs a referenceId of letters, digits and underscores")
    if len(set(names)) < len(names):
        raise ApiError("JSON_PARSER_ERROR", "Duplicate referenceId in the composite request")


def _run_parts(call: Call, parts: list[Json], results: list[Json], *, all_or_none: bool) -> None:
    bodies: dict[str, Any] = {}
    for part in parts:
        answer = _run_part(call, part, bodies)
        results.append(_result(answer, part["referenceId"]))
        if not answer.failed:
            bodies[part["referenceId"]] = answer.body
        elif all_or_none:
            raise _RollBack


def _result(answer: Answer, reference: str) -> Json:
    body = None if answer.body is EMPTY else answer.body
    return {"body": body, "httpHeaders": answer.headers, "httpStatusCode": answer.status, "referenceId": reference}


def _run_part(call: Call, part: Json, bodies: dict[str, Any]) -> Answer:
    try:
        url = urlsplit(str(_fill(part.get("url", ""), bodies)))
        body = _fill(part["body"], bodies) if "body" in part else EMPTY
    except LookupError as missing:
        message = f"Invalid reference specified. No value for {missing.args[0]} found."
        return Answer(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])
    headers = {name.lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    method, claims = str(part.get("method", "GET")).upper(), call.request.claims
    return call.dispatch(Request(method, url.path, url.query, headers, parsed=body, claims=claims))


def _halt(parts: list[Json], results: list[Json]) -> None:
    """Make every result but the failed one say that it was undone, or never begun."""
    failed = len(results) - 1
    halted = [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}]
    undone = [_result(Answer(400, halted), part["referenceId"]) for part in parts]
    results[:] = [results[failed] if place == failed else one for place, one in enumerate(undone)]


def _fill(value: Any, bodies: dict[str, Any]) -> Any:
    """Replace references to earlier answers. Raises LookupError for one that leads nowhere."""
    if isinstance(value, dict):
        return {key: _fill(one, bodies) for key, one in value.items()}
    if isinstance(value, list):
        return [_fill(one, bodies) for one in value]
    if not isinstance(value, str):
        return value
    if whole := _REFERENCE.fullmatch(value):
        return _look_up(whole[1], bodies)
    return _REFERENCE.sub(lambda match: str(_look_up(match[1], bodies)), value)


def _look_up(path: str, bodies: dict[str, Any]) -> Any:
    head, *steps = _STEP.findall(path)
    if head not in bodies:
        raise LookupError(path)
    found = bodies[head]
    for step in steps:
        try:
            found = found[int(step[1:-1])] if step.startswith("[") else found[step]
        except (LookupError, TypeError):
            raise LookupError(path) from None
    return found


def run_batch(call: Call) -> Answer:
    """Run up to 25 requests one by one, each on its own."""
    parts = call.request.fields.get("batchRequests")
    if not isinstance(parts, list) or not parts or len(parts) > MAX_PARTS:
        raise ApiError("JSON_PARSER_ERROR", f"The request body needs a list batchRequests of at most {MAX_PARTS}")
    halt = call.request.fields.get("haltOnError") is True
    results: list[Json] = []
    for part in parts:
        url = urlsplit("/services/data/" + str(part.get("url", "")).removeprefix("/services/data/").lstrip("/"))
        body = part.get("richInput", EMPTY)
        if halt and any(one["statusCode"] >= 400 for one in results):
            answer = Answer(412, [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing was halted"}])
        else:
            answer = call.dispatch(Request(str(part.get("method", "GET")).upper(), url.path, url.query, parsed=body))
        results.append({"statusCode": answer.status, "result": None if answer.body is EMPTY else answer.body})
    return Answer(200, {"hasErrors": any(one["statusCode"] >= 400 for one in results), "results": results})


class _TreeError(Exception):
    def __init__(self, reference: str, refused: RowErrors) -> None:
        super().__init__(reference)
        self.reference, self.refused = reference, refused


def run_tree(call: Call, name: str) -> Answer:
    """Create rows with their children, all or none."""
    sobject = call.require(name)
    results: list[Json] = []
    try:
        with call.writing() as writer:
            _plant(writer, sobject, call.request.fields.get("records") or [], {}, results)
            if len(results) > MAX_TREE:
                raise ApiError("INVALID_INPUT", f"a tree has at most {MAX_TREE} records")
    except _TreeError as refused:
        errors = [error.row_body() for error in refused.refused.errors]
        return Answer(400, {"hasErrors": True, "results": [{"referenceId": refused.reference, "errors": errors}]})
    return Answer(201, {"hasErrors": False, "results": results})


def _plant(writer: Writer, sobject: SObject, rows: list[Json], parent: Json, results: list[Json]) -> None:
    links = {
        one.field.child_name.lower(): one for one in writer.org.schema.children(sobject.name) if one.field.child_name
    }
    for row in rows:
        reference = str((row.get("attributes") or {}).get("referenceId", ""))
        nested = {key: value for key, value in row.items() if key.lower() in links and isinstance(value, dict)}
        own = {key: value for key, value in row.items() if key not in nested} | parent
        try:
            row_id = writer.create(sobject, own)
        except RowErrors as refused:
            raise _TreeError(reference, refused) from refused
        results.append({"referenceId": reference, "id": row_id})
        for key, value in nested.items():
            child = links[key.lower()]
            _plant(writer, child.sobject, value.get("records") or [], {child.field.name: row_id}, results)

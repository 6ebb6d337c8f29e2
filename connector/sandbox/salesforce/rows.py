"""Single rows: /sobjects/X, /sobjects/X/{id}, /sobjects/X/{external id field}/{value}."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from connector.sandbox.salesforce import describe
from connector.sandbox.salesforce.faults import AmbiguousKey, ApiError, RowErrors, not_found
from connector.sandbox.salesforce.records import record_id
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.soql_query import Query
from connector.sandbox.salesforce.soql_syntax import Item, Path, Select
from connector.sandbox.salesforce.values import read_stamp
from connector.sandbox.salesforce.wire import Answer, Call, http_date

Row = dict[str, Any]


def read_rows(call: Call, sobject: SObject, ids: list[str], names: list[str]) -> list[Row]:
    """Return the undeleted rows of those ids with those fields. Raises ApiError ``INVALID_FIELD``."""
    items = [Item(Path(tuple(name.strip().split(".")), 1)) for name in names]
    query = Query(
        call.org, call.user_id, Select(items, Path((sobject.name,))), version=call.version, text="", sobject=sobject
    )
    found = {one: call.org.storage.row(sobject, one) for one in ids}
    live = [one for one in ids if (row := found[one]) and not row["IsDeleted"] and call.sees(sobject, row)]
    return query.rows(live)


def visible_fields(call: Call, sobject: SObject) -> list[str]:
    return [one.name for one in sobject.fields.values() if not call.org.hidden_from(call.user_id, sobject, one)]


def show_object(call: Call, name: str) -> Answer:
    sobject = call.require(name)
    rights = call.org.access.of(call.user_id)
    return Answer(200, {"objectDescribe": describe.summarise(sobject, call.base, rights), "recentItems": []})


def show_describe(call: Call, name: str) -> Answer:
    sobject = call.require(name)
    return _unless_old(call, lambda: describe.describe(call.org, call.user_id, sobject, call.base))


def show_global(call: Call) -> Answer:
    return _unless_old(call, lambda: describe.describe_global(call.org, call.user_id, call.base))


def _unless_old(call: Call, body: Any) -> Answer:
    headers = {"Last-Modified": http_date(call.org.schema_changed_at)}
    since = call.request.moment("if-modified-since")
    if since is not None and call.org.schema_changed_at <= since:
        return Answer(304, headers=headers)
    return Answer(200, body(), headers)


def get_row(call: Call, name: str, text: str) -> Answer:
    sobject = call.require(name)
    return _get(call, sobject, record_id(unquote(text), sobject.name))


def _get(call: Call, sobject: SObject, row_id: str) -> Answer:
    names = call.request.query.get("fields")
    wanted = [one for one in names.split(",") if one.strip()] if names else visible_fields(call, sobject)
    with_stamp = [
        *wanted,
        *(["LastModifiedDate"] if "lastmodifieddate" not in {one.strip().lower() for one in wanted} else []),
    ]
    found = read_rows(call, sobject, [row_id], with_stamp)
    if not found:
        raise not_found()
    changed = read_stamp(found[0]["LastModifiedDate"])
    headers = {"Last-Modified": http_date(changed), **_tag(sobject, row_id, found[0]["LastModifiedDate"])}
    limit, since = (call.request.moment(f"if-{one}-since") for one in ("unmodified", "modified"))
    if limit is not None and changed > limit:
        raise _changed_since()
    tag = call.request.headers.get("if-none-match")
    if (since is not None and changed <= since) or (tag is not None and tag == headers.get("ETag")):
        return Answer(304, headers=headers)
    if len(with_stamp) > len(wanted):
        del found[0]["LastModifiedDate"]
    return Answer(200, found[0], headers)


def _tag(sobject: SObject, row_id: str, modified: str) -> dict[str, str]:
    """Return the ETag header. Only accounts have one."""
    if sobject.name != "Account":
        return {}
    return {"ETag": f'"{hashlib.sha256(f"{row_id}{modified}".encode()).hexdigest()[:32]}--gzip"'}


def create_row(call: Call, name: str) -> Answer:
    sobject = call.require(name)
    if not sobject.createable:
        raise ApiError("METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are HEAD,GET", status=405)
    with call.writing() as writer:
        created = writer.create(sobject, call.request.fields)
    return Answer(
        201,
        {"id": created, "success": True, "errors": []},
        {"Location": f"{call.base}/sobjects/{sobject.name}/{created}"},
    )


def update_row(call: Call, name: str, text: str) -> Answer:
    sobject = call.require(name)
    _update(call, sobject, record_id(unquote(text), sobject.name))
    return Answer(204)


def _update(call: Call, sobject: SObject, row_id: str) -> None:
    body = call.request.fields
    if any(key.lower() == "id" for key in body):
        raise ApiError("INVALID_FIELD", "The Id field should not be specified in the sobject data.", ["Id"])
    with call.writing() as writer:
        _check_unmodified(call, sobject, writer.existing(sobject, row_id))
        writer.update(sobject, row_id, body)


def _check_unmodified(call: Call, sobject: SObject, row: Row) -> None:
    """Refuse a write whose precondition fails; whole seconds, as the stamps are."""
    limit: datetime | None = call.request.moment("if-unmodified-since")
    call.request.moment("if-modified-since")
    tag = call.request.headers.get("if-match")
    stale = limit is not None and read_stamp(row["LastModifiedDate"]) > limit
    own = _tag(sobject, row["Id"], row["LastModifiedDate"]).get("ETag")
    if stale or (tag is not None and own is not None and tag not in {own, "*"}):
        raise _changed_since()


def _changed_since() -> ApiError:
    message = "The precondition of the request was not met: the record has changed"
    return ApiError("PRECONDITION_FAILED", message, status=412)


def delete_row(call: Call, name: str, text: str) -> Answer:
    sobject = call.require(name)
    with call.writing() as writer:
        writer.delete(sobject, record_id(unquote(text), sobject.name))
    return Answer(204)


def key_field(call: Call, sobject: SObject, name: str) -> Field:
    """Return the external id field of that name. Raises ApiError 404."""
    found = sobject.field(name)
    if (
        found is None
        or not (found.external_id or found.name == "Id")
        or call.org.hidden_from(call.user_id, sobject, found)
    ):
        message = "Provided external ID field does not exist or is not accessible: " + name
        raise ApiError("NOT_FOUND", message, status=404)
    return found


def get_by_key(call: Call, name: str, field: str, text: str) -> Answer:
    sobject = call.require(name)
    key = key_field(call, sobject, field)
    found = call.ids(sobject, key, unquote(text))
    if not found:
        raise not_found()
    return _several(call, sobject, found) if len(found) > 1 else _get(call, sobject, found[0])


def upsert_row(call: Call, name: str, field: str, text: str) -> Answer:
    sobject = call.require(name)
    key = key_field(call, sobject, field)
    body = call.request.fields
    if key.name.lower() in {one.lower() for one in body}:
        message = f"The {key.name} field should not be specified in the sobject data."
        raise ApiError("INVALID_FIELD", message, [key.name])
    create = call.request.query.get("updateonly", "false").lower() != "true"
    try:
        with call.writing() as writer:
            present = call.ids(sobject, key, unquote(text))
            if len(present) == 1:
                _check_unmodified(call, sobject, writer.existing(sobject, present[0]))
            row_id, created = writer.upsert(sobject, key, unquote(text), body, create=create)
    except AmbiguousKey as several:
        return _several(call, sobject, several.ids)
    if not created and float(call.version) < 46:
        return Answer(204)
    return Answer(201 if created else 200, {"id": row_id, "success": True, "errors": [], "created": created})


def _several(call: Call, sobject: SObject, ids: list[str]) -> Answer:
    return Answer(300, [f"{call.base}/sobjects/{sobject.name}/{one}" for one in ids])


def create_by_id(call: Call, name: str) -> Answer:
    """Upsert by the Id field without a value: always a new row."""
    answer = create_row(call, name)
    return Answer(201, {**answer.body, "created": True}, answer.headers)


def delete_by_key(call: Call, name: str, field: str, text: str) -> Answer:
    sobject = call.require(name)
    found = call.ids(sobject, key_field(call, sobject, field), unquote(text))
    if len(found) != 1:
        raise RowErrors([not_found()])
    return delete_row(call, name, quote(found[0]))

"""/query, /queryAll and their further pages."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.salesforce import ids
from connector.sandbox.salesforce.column_metadata import column_metadata
from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.soql_query import Query, compile_query
from connector.sandbox.salesforce.wire import Answer, Call

LARGEST_PAGE = 2000
SMALLEST_PAGE = 200
LONG_TEXT_ROWS = 1000
"""Rows per page with one long text column; two columns halve it, and so on."""
MAX_CURSORS = 50
Json = dict[str, Any]


@dataclass(slots=True)
class Cursor:
    """The rest of an answer: the ids are fixed, the rows are read page by page."""

    query: Query
    ids: list[str]
    user_id: str
    size: int
    resource: str


@dataclass(slots=True)
class Cursors:
    """The open cursors of an org, oldest first; each user has a limited number."""

    open: dict[str, Cursor] = field(default_factory=dict)
    opened: int = 0

    def add(self, cursor: Cursor) -> str:
        """Keep a cursor and return its locator; the user's oldest makes room."""
        self.opened += 1
        locator = ids.number("01g", self.opened)
        own = [one for one, kept in self.open.items() if kept.user_id == cursor.user_id]
        if len(own) >= MAX_CURSORS:
            del self.open[own[0]]
        self.open[locator] = cursor
        return locator


def run_query(call: Call) -> Answer:
    return Answer(200, query_rows(call, call.request.query.get("q", ""), deleted=False, resource="query"))


def run_query_all(call: Call) -> Answer:
    return Answer(200, query_rows(call, call.request.query.get("q", ""), deleted=True, resource="queryAll"))


def query_rows(call: Call, text: str, *, deleted: bool, resource: str) -> Json:
    """Return the first page of a query. Raises ApiError."""
    query = compile_query(call.org, call.user_id, text, version=call.version, deleted=deleted)
    if call.request.query.get("columns", "").lower() == "true":
        return column_metadata(query)
    if query.counting:
        return {"totalSize": query.count(), "done": True, "records": []}
    if query.aggregate:
        groups = query.groups()
        return {"totalSize": len(groups), "done": True, "records": groups}
    found = query.ids()
    return _page(call, Cursor(query, found, call.user_id, _page_size(call, query), resource), 0)


def _page_size(call: Call, query: Query) -> int:
    """Return the most rows a page may have: what the client asked for, less where texts are long."""
    options = call.request.headers.get("sforce-query-options", "")
    asked = options.lower().partition("batchsize=")[2].strip()
    size = min(LARGEST_PAGE, max(SMALLEST_PAGE, int(asked))) if asked.isdigit() else LARGEST_PAGE
    return min(size, max(SMALLEST_PAGE, LONG_TEXT_ROWS // query.long_text)) if query.long_text else size


def _page(call: Call, cursor: Cursor, start: int, locator: str = "") -> Json:
    """Return one page. Every third or so is shorter than it might be: clients must go by ``done``."""
    size = cursor.size
    if len(cursor.ids) - start > size:
        chance = random.Random(f"{call.org.seed}:{start}:{len(cursor.ids)}")
        size -= chance.randrange(size // 2) if chance.random() < 0.35 else 0
    end = start + size
    page: Json = {"totalSize": len(cursor.ids), "done": end >= len(cursor.ids)}
    if not page["done"]:
        locator = locator or call.org.cursors.add(cursor)
        page["nextRecordsUrl"] = f"{call.base}/{cursor.resource}/{locator}-{end}"
    page["records"] = cursor.query.rows(cursor.ids[start:end])
    return page


def query_more(call: Call, locator: str) -> Answer:
    name, _, place = locator.partition("-")
    cursor = call.org.cursors.open.get(name)
    if cursor is None or cursor.user_id != call.user_id or not place.isdigit():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    return Answer(200, _page(call, cursor, int(place), name))

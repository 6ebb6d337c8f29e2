"""Reading rows: queries of any length, all pages, walks that survive a lost cursor, rows by id, and which rows are
deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from connector.errors import MappingError, RecordRejected
from connector.salesforce.composite import Part, PartAnswer, send_parts
from connector.salesforce.errors import CursorLost, Effect, row_fault, translate
from connector.salesforce.literals import (
    api_name,
    datetime_literal,
    field_path,
    id18,
    is_record_id,
    list_literal,
    text_literal,
)
from connector.salesforce.wire import Call, Wire, next_page_path

Row = dict[str, Any]
LONGEST_URL = 2_000
LONGEST_SOQL = 100_000
QUERIES_PER_CALL = 5
IDS_PER_QUERY = 200  # a page of wide rows may be as short as that; and the condition stays below 4,000 characters
RESTARTS = 3
DELETED_LOG = timedelta(days=14)  # the platform keeps at least 15
STAMPS = ("Id", "SystemModstamp")


class Reader:
    """Everything that reads rows, over one wire. Raises the errors of :mod:`connector.errors`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def query(self, soql: str) -> Iterator[Row]:
        """Yield all rows of all pages. If the cursor dies, the query starts again and rows already yielded are left
        out.

        For that the ids of a query of several pages are remembered; a query whose rows have no ``Id`` cannot be
        resumed and raises Retriable instead.
        """
        seen: set[str] = set()
        nameless = False
        for restart in range(RESTARTS + 1):
            try:
                for page, more in self._pages(soql):
                    fresh = [row for row in page if row.get("Id") not in seen]
                    nameless = nameless or any("Id" not in row for row in fresh)
                    if more or seen:
                        seen.update(row["Id"] for row in fresh if "Id" in row)
                    yield from fresh
                return
            except CursorLost:
                if nameless or restart == RESTARTS:
                    raise

    def queries(self, soqls: Sequence[str]) -> list[list[Row]]:
        """Return the rows of up to five queries, asked in one API call; further pages cost further calls.

        Raises ValueError for more than five.
        """
        if len(soqls) > QUERIES_PER_CALL:
            raise ValueError(f"one call takes {QUERIES_PER_CALL} queries, not {len(soqls)}")
        if not soqls:
            return []
        parts = [_query_part(soql) for soql in soqls]
        answers = send_parts(self._wire, parts, Effect.READ)
        return [self._rest_of(soql, self._body(answer)) for soql, answer in zip(soqls, answers, strict=True)]

    def changed(
        self, object_name: str, fields: Sequence[str], *, since: datetime, until: datetime, where: str = ""
    ) -> Iterator[list[Row]]:
        """Yield pages of rows with ``since <= SystemModstamp < until``, ordered by (SystemModstamp, Id).

        Both bounds are floored to the second, the grain of the stamps, so that windows that touch leave no gap. If
        the cursor dies, the walk goes on behind the last row that was yielded. ``where`` is a trusted SOQL condition.
        """
        bounds = [f"SystemModstamp >= {datetime_literal(since)}", f"SystemModstamp < {datetime_literal(until)}"]
        if where:
            bounds.append(f"({where})")
        last: Row | None = None
        losses = 0
        while True:
            soql = select(object_name, (*STAMPS, *fields), [*bounds, *_behind(last)], order="SystemModstamp, Id")
            try:
                for page, _ in self._pages(soql):
                    if page:
                        yield page
                        last, losses = page[-1], 0
                return
            except CursorLost:
                losses += 1
                if losses > RESTARTS:
                    raise

    def rows(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        """Return the visible, undeleted rows by 18-character id; ids without a row, or that are no ids at all, are
        missing.
        """
        soqls = [
            select(object_name, ("Id", *fields), [f"Id IN {_short_ids(chunk)}"])
            for chunk in id_chunks(ids, IDS_PER_QUERY)
        ]
        return {id18(row["Id"]): row for row in self._all(soqls)}

    def deleted(self, object_name: str, ids: Sequence[str]) -> set[str]:
        """Return those ids that are known to be deleted.

        Two witnesses: the recycle bin (``queryAll``) and, for rows that left it, the replication log of the last 14
        days. An id that neither names may be invisible or long purged; the platform does not tell, so it is not
        reported.
        """
        wanted = {record_id for chunk in id_chunks(ids, IDS_PER_QUERY) for record_id in chunk}
        met: dict[str, bool] = {}
        for chunk in id_chunks(sorted(wanted), IDS_PER_QUERY):
            soql = select(object_name, ("Id", "IsDeleted"), [f"Id IN {_short_ids(chunk)}"])
            for page, _ in self._pages(soql, resource="queryAll"):
                met.update({id18(row["Id"]): bool(row["IsDeleted"]) for row in page})
        missing = wanted - met.keys()
        return {key for key, gone in met.items() if gone} | (missing & self._logged_deletions(object_name, missing))

    def holders(self, object_name: str, field: str, value: str) -> dict[str, bool]:
        """Return the rows whose field has the value, those in the recycle bin too: id → whether it is deleted."""
        soql = select(object_name, ("Id", "IsDeleted"), [f"{field_path(field)} = {text_literal(value)}"])
        pages = self._pages(soql, resource="queryAll")
        return {id18(row["Id"]): bool(row["IsDeleted"]) for page, _ in pages for row in page}

    def holders_of(self, object_name: str, field: str, values: Sequence[str]) -> dict[str, dict[str, bool]]:
        """Return the holders of each value, compared regardless of case as Salesforce does; 200 values a call."""
        found: dict[str, dict[str, bool]] = {value.casefold(): {} for value in values}
        wanted = sorted(found)
        for start in range(0, len(wanted), IDS_PER_QUERY):
            literals = ", ".join(text_literal(value) for value in wanted[start : start + IDS_PER_QUERY])
            soql = select(object_name, ("Id", "IsDeleted", field), [f"{field_path(field)} IN ({literals})"])
            for page, _ in self._pages(soql, resource="queryAll"):
                for row in page:
                    holders = found.setdefault(str(row[field]).casefold(), {})
                    holders[id18(row["Id"])] = bool(row["IsDeleted"])
        return {value: dict(found[value.casefold()]) for value in values}

    def _logged_deletions(self, object_name: str, missing: set[str]) -> set[str]:
        if not missing:
            return set()
        end = self._wire.server_time()
        params = {"start": datetime_literal(end - DELETED_LOG), "end": datetime_literal(end)}
        try:
            answer = self._wire.ask(
                Call("GET", f"sobjects/{api_name(object_name)}/deleted/", Effect.READ, params=params)
            )
        except (MappingError, RecordRejected):
            return set()  # the object keeps no such log, or it is too long to be read: this witness is silent
        return {id18(str(item["id"])) for item in (answer or {}).get("deletedRecords", ())}

    def _all(self, soqls: Sequence[str]) -> Iterator[Row]:
        if len(soqls) == 1:
            yield from self.query(soqls[0])
            return
        for start in range(0, len(soqls), QUERIES_PER_CALL):
            for rows in self.queries(soqls[start : start + QUERIES_PER_CALL]):
                yield from rows

    def _rest_of(self, soql: str, first: Row) -> list[Row]:
        try:
            return [row for page, _ in self._follow(first) for row in page]
        except CursorLost:
            return list(self.query(soql))

    def _pages(self, soql: str, resource: str = "query") -> Iterator[tuple[list[Row], bool]]:
        yield from self._follow(self._first_page(soql, resource))

    def _follow(self, answer: Row) -> Iterator[tuple[list[Row], bool]]:
        """Yield (rows, whether more follow) page by page; only ``done`` says when it ends, never the size of a page."""
        while True:
            more = not answer["done"]
            yield [self._plain(row) for row in answer["records"]], more
            if not more:
                return
            answer = self._wire.ask(Call("GET", next_page_path(answer["nextRecordsUrl"]), Effect.READ))

    def _first_page(self, soql: str, resource: str) -> Row:
        if len(soql) > LONGEST_SOQL:
            raise MappingError(
                f"A query of {len(soql)} characters exceeds Salesforce's {LONGEST_SOQL}. Map fewer "
                "fields or shorten the rules."
            )
        params = {"q": soql}
        if len(self._wire.full_url(f"{resource}/?{urlencode(params)}")) <= LONGEST_URL:
            answer: Row = self._wire.ask(Call("GET", f"{resource}/", Effect.READ, params=params))
            return answer
        return self._body(send_parts(self._wire, [_query_part(soql, resource)], Effect.READ)[0])

    def _body(self, answer: PartAnswer) -> Row:
        if answer.status >= 300:
            fault = row_fault(answer.body, answer.status)
            raise translate(fault, effect=Effect.READ, now=self._wire.now())
        body: Row = answer.body
        return body

    def _plain(self, value: Any) -> Any:
        """Return the value without ``attributes``; a child query becomes the list of its rows, of all pages."""
        if not isinstance(value, dict):
            return value
        if "records" in value and "done" in value:
            return [row for page, _ in self._follow(value) for row in page]
        return {key: self._plain(item) for key, item in value.items() if key != "attributes"}


def select(object_name: str, fields: Sequence[str], conditions: Sequence[str], order: str = "") -> str:
    """Return a SOQL query. Names are checked, not escaped (SOQL cannot); a field asked for twice is selected once.

    ``conditions`` are SOQL, joined by AND: every value in them must come from :mod:`connector.salesforce.literals`.
    Raises ValueError for a name that is none.
    """
    unique: dict[str, str] = {}
    for name in fields:
        unique.setdefault(name.lower(), field_path(name))
    wanted = ", ".join(unique.values())
    soql = f"SELECT {wanted} FROM {api_name(object_name)}"  # noqa: S608 (names checked above)
    if conditions:
        soql += f" WHERE {' AND '.join(conditions)}"
    return f"{soql} ORDER BY {order}" if order else soql


def id_chunks(ids: Sequence[str], size: int) -> list[list[str]]:
    """Return the distinct ids in 18 characters, chunked; text that is no id (it may come from outside) is left out."""
    clean = list(dict.fromkeys(id18(record_id) for record_id in ids if is_record_id(record_id)))
    return [clean[start : start + size] for start in range(0, len(clean), size)]


def _short_ids(ids: Sequence[str]) -> str:
    """Return a list literal of the ids without their check characters, which Salesforce does not need."""
    return list_literal([record_id[:15] for record_id in ids])


def _behind(last: Row | None) -> list[str]:
    if last is None:
        return []
    stamp = datetime_literal(datetime.fromisoformat(last["SystemModstamp"]))
    # The first condition repeats what the second implies: it is the one that an index serves.
    return [f"SystemModstamp >= {stamp}", f"(SystemModstamp > {stamp} OR Id > {text_literal(last['Id'])})"]


def _query_part(soql: str, resource: str = "query") -> Part:
    return Part("GET", f"{resource}/?q={quote(soql, safe='')}")

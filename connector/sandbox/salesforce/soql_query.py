"""Runs a query: ids first, then the rows of one page at a time, nested as the REST API nests them."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce import record_access
from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.soql_scope import AGGREGATES, Column, Scope, Source
from connector.sandbox.salesforce.soql_syntax import Call, Item, Ordering, Path, Select, parse
from connector.sandbox.salesforce.soql_where import Conditions
from connector.sandbox.salesforce.values import show

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

MAX_OFFSET = 2000
MAX_GROUPS = 2000
MAX_FIELDS_LIMIT = 200
MAX_CHILD_QUERIES = 20
Show = Callable[[Any], Any]
Json = dict[str, Any]


@dataclass(slots=True)
class Node:
    """How one level of a row is built: its id's place among the SQL columns, and its members in order."""

    source: Source
    place: int
    members: dict[str, tuple[int, Show] | Node | ChildRows] = field(default_factory=dict)


@dataclass(slots=True)
class ChildRows:
    """A child query: its rows by parent id, read anew for each page."""

    query: Query
    reference: Field
    limit: int | None
    rows: dict[str, list[Json]] = field(default_factory=dict)


class Query:
    """One query of one user, compiled.

    Raises (all methods):
        ApiError: what Salesforce answers to a query that is wrong.
    """

    def __init__(self, org: Org, user_id: str, select: Select, *, version: str, text: str,
                 sobject: SObject | None = None,
                 deleted: bool = False, prefix: str = "t") -> None:  # fmt: skip
        self._org, self._select, self._version = org, select, version
        start = Scope(org, user_id, org.schema["User"], text=text)
        found = sobject or org.queryable(select.source, start)
        if found.name == record_access.NAME:
            record_access.prepare(org, user_id, select)
        self.scope = Scope(org, user_id, found, select.alias, text, prefix)
        self._deleted = deleted or select.all_rows
        self._columns: list[str] = []
        self.sobject = found
        self._check_size()
        calls = [one.expression for one in select.items if isinstance(one.expression, Call)]
        self.aggregate = bool(select.group) or any(call.name.upper() in AGGREGATES for call in calls)
        self.counting = self.aggregate and len(select.items) == 1 and bool(calls) and calls[0].argument is None
        self._where, self._parameters = self._compile_where()
        self._order = self._compile_order()
        self._node = None if self.aggregate else self._compile_items()

    def _check_size(self) -> None:
        select = self._select
        if select.offset > MAX_OFFSET:
            raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        wide = {"ALL", "CUSTOM"} & {one.expression for one in select.items if isinstance(one.expression, str)}
        if wide and not (select.limit is not None and select.limit <= MAX_FIELDS_LIMIT):
            raise ApiError(
                "MALFORMED_QUERY", f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
            )
        if sum(isinstance(one.expression, Select) for one in select.items) > MAX_CHILD_QUERIES:
            raise ApiError("MALFORMED_QUERY", f"A query can have at most {MAX_CHILD_QUERIES} child queries")

    def _compile_where(self) -> tuple[str, list[Any]]:
        parts = [] if self._deleted else [f"{self.scope.base.alias}.IsDeleted = 0"]
        conditions = Conditions(self.scope)
        if self._select.where is not None:
            parts.append(conditions.sql(self._select.where))
        if visible := self.scope.visible(self.scope.base):
            parts.append(visible)
        return " AND ".join(parts) or "1", conditions.parameters

    def _compile_order(self) -> str:
        return ", ".join(self._ordering(one) for one in self._select.order)

    def _ordering(self, one: Ordering) -> str:
        column = self.scope.expression(one.expression)
        if column.field.long or column.field.type == "multipicklist":
            raise self.scope.error(
                "MALFORMED_QUERY",
                one.expression.column,
                f"field '{column.field.name}' can not be sorted in a query call",
            )
        natural = one.nulls_last == one.descending  # SQLite has nulls first ascending and last descending
        nulls = "" if natural else " NULLS LAST" if one.nulls_last else " NULLS FIRST"
        return f"{column.sql} {'DESC' if one.descending else 'ASC'}{nulls}"

    @property
    def _window(self) -> str:
        select = self._select
        limit = -1 if select.limit is None else select.limit
        return f" LIMIT {limit} OFFSET {select.offset}" if select.offset or limit >= 0 else ""

    # -- plain queries

    def ids(self) -> list[str]:
        """Return the ids of all rows of the answer, in order."""
        order = f" ORDER BY {self._order}" if self._order else ""
        sql = f"SELECT {self.scope.base.alias}.Id FROM {self.scope.tables} WHERE {self._where}{order}{self._window}"
        return [row[0] for row in self._org.storage.execute(sql, self._parameters)]

    def rows(self, ids: Sequence[str]) -> list[Json]:
        """Return the rows of those ids, in that order; rows that are gone are left out."""
        node = self.root
        self._load_children(node, ids)
        sql = (
            f"SELECT {', '.join(self._columns)} FROM {self.scope.tables} "
            f"WHERE {self.scope.base.alias}.Id IN (SELECT value FROM json_each(?))"
        )
        found = {row[0]: row for row in self._org.storage.execute(sql, (json.dumps(ids),)).fetchall()}
        return [self._shape(node, found[one]) for one in ids if one in found]

    @property
    def root(self) -> Node:
        """How a row of this query is built; aggregate queries have none."""
        assert self._node is not None
        return self._node

    def group_keys(self) -> list[str]:
        """Return the names of an aggregate query's columns."""
        return (
            []
            if self.counting
            else self._compile_groups({self.scope.expression(one).sql for one in self._select.group})[0]
        )

    @property
    def flat(self) -> bool:
        """Whether the query is one that bulk jobs take."""
        return not self._select.offset and all(isinstance(one.expression, Path) for one in self._select.items)

    def paths(self) -> list[str]:
        """Return the selected paths in canonical spelling, in order."""
        found: list[str] = []

        def walk(node: Node, prefix: str) -> None:
            for name, member in node.members.items():
                if isinstance(member, Node):
                    walk(member, f"{prefix}{name}.")
                else:
                    found.append(prefix + name)

        walk(self.root, "")
        return found

    @property
    def long_text(self) -> int:
        """How many long text fields each row carries; they make pages smaller."""
        return sum(column.field.long for column in self._selected)

    def _compile_items(self) -> Node:
        self._selected: list[Column] = []
        root = Node(self.scope.base, self._column(f"{self.scope.base.alias}.Id"))
        for item in self._expanded():
            if isinstance(item.expression, Select):
                self._add_children(root, item.expression)
            else:
                self._add_field(root, item)
        return root

    def _expanded(self) -> Iterable[Item]:
        """Yield the selected items, FIELDS() replaced by the fields that it stands for."""
        for item in self._select.items:
            if not isinstance(item.expression, str):
                yield item
                continue
            if item.expression not in {"ALL", "CUSTOM", "STANDARD"}:
                raise ApiError("MALFORMED_QUERY", f"unexpected token: '{item.expression}'")
            for one in self.sobject.fields.values():
                wanted = item.expression == "ALL" or one.custom == (item.expression == "CUSTOM")
                if wanted and not self._org.hidden_from(self.scope.user_id, self.sobject, one):
                    yield Item(Path((one.name,)))

    def _column(self, sql: str) -> int:
        self._columns.append(sql)
        return len(self._columns) - 1

    def _add_field(self, root: Node, item: Item) -> None:
        expression = item.expression
        column = self.scope.expression(expression)
        self._selected.append(column)
        path = expression
        while isinstance(path, Call):
            path = path.argument
        node = root if item.alias or isinstance(expression, Call) else self._descend(root, path)
        key = item.alias or (column.field.name if isinstance(expression, Path) or _shows(expression) else "expr0")
        if key in node.members:
            raise self.scope.error("MALFORMED_QUERY", expression.column, f"duplicate field selected: {expression}")
        node.members[key] = (self._column(column.sql), _display(expression, column.field))

    def _descend(self, root: Node, path: Path) -> Node:
        """Return the node of the parent whose field is selected."""
        source = self._source_of(path)
        node = root
        for depth in range(1, len(source.names) + 1):
            name = source.names[depth - 1]
            if name not in node.members:
                table = self.scope.sources[source.names[:depth]]
                node.members[name] = Node(table, self._column(f"{table.alias}.Id"))
            child = node.members[name]
            assert isinstance(child, Node)
            node = child
        return node

    def _source_of(self, path: Path) -> Source:
        names = path.names[:-1]
        if names and self.sobject.parent(names[0]) is None:
            names = names[1:]  # the query's alias or the object's own name
        return self.scope.source(self.scope.base, names, path.column)

    def _shape(self, node: Node, values: Sequence[Any]) -> Json:
        record_id = values[node.place]
        kind = node.source.sobject.name
        if kind == "Name":
            owner = self._org.schema.by_prefix(record_id)
            kind = owner.name if owner else kind
        row: Json = {
            "attributes": {"type": kind, "url": f"/services/data/v{self._version}/sobjects/{kind}/{record_id}"}
        }
        for name, member in node.members.items():
            if isinstance(member, Node):
                row[name] = None if values[member.place] is None else self._shape(member, values)
            elif isinstance(member, ChildRows):
                found = member.rows.get(record_id)
                row[name] = {"totalSize": len(found), "done": True, "records": found} if found else None
            else:
                row[name] = member[1](values[member[0]])
        return row

    # -- children

    def _add_children(self, root: Node, select: Select) -> None:
        name = select.source.names[-1]
        children = self._org.schema.children(self.sobject.name)
        child = next((one for one in children if one.field.child_name.lower() == name.lower()), None)
        rights = self._org.access.of(self.scope.user_id)
        if child is None or not rights.may("read", child.sobject):
            raise self.scope.error(
                "INVALID_TYPE",
                select.source.column,
                f"Didn't understand relationship '{name}' in FROM part of query call.",
            )
        query = Query(self._org, self.scope.user_id, select, version=self._version, text=self.scope.text,
                      sobject=child.sobject, deleted=self._deleted, prefix="c")  # fmt: skip
        root.members[child.field.child_name] = ChildRows(query, child.field, select.limit)

    def _load_children(self, node: Node, ids: Sequence[str]) -> None:
        for member in node.members.values():
            if isinstance(member, ChildRows):
                member.rows = member.query.children_of(member.reference, ids, member.limit)

    def children_of(self, reference: Field, parents: Sequence[str], limit: int | None) -> dict[str, list[Json]]:
        """Return this query's rows by the parent that ``reference`` names."""
        node = self.root
        link = f'{self.scope.base.alias}."{reference.name}"'
        order = f" ORDER BY {self._order}" if self._order else ""
        sql = (
            f"SELECT {', '.join(self._columns)}, {link} FROM {self.scope.tables} "
            f"WHERE {link} IN (SELECT value FROM json_each(?)) AND {self._where}{order}"
        )
        found: dict[str, list[Json]] = {}
        for values in self._org.storage.execute(sql, [json.dumps(parents), *self._parameters]).fetchall():
            rows = found.setdefault(values[-1], [])
            if limit is None or len(rows) < limit:
                rows.append(self._shape(node, values))
        return found

    # -- aggregates

    def count(self) -> int:
        """Return the number of rows of ``SELECT COUNT()``."""
        sql = f"SELECT 1 FROM {self.scope.tables} WHERE {self._where}{self._window}"
        return int(self._org.storage.execute(f"SELECT COUNT(*) FROM ({sql})", self._parameters).fetchone()[0])

    def groups(self) -> list[Json]:
        """Return the rows of an aggregate query."""
        group = [self._grouping(one) for one in self._select.group]
        keys, columns, shows = self._compile_groups({one.sql for one in group})
        having = Conditions(self.scope)
        condition = f" HAVING {having.sql(self._select.having)}" if self._select.having is not None else ""
        grouping = f" GROUP BY {', '.join(one.sql for one in group)}" if group else ""
        order = f" ORDER BY {self._order}" if self._order else ""
        rest = f"{self._where}{grouping}{condition}{order}{self._window}"
        sql = f"SELECT {', '.join(columns)} FROM {self.scope.tables} WHERE {rest}"
        found = self._org.storage.execute(sql, [*self._parameters, *having.parameters]).fetchall()
        if len(found) > MAX_GROUPS:
            raise ApiError(
                "EXCEEDED_ID_LIMIT", "Aggregate query does not support queryMore(), use LIMIT to restrict the results"
            )
        head = {"attributes": {"type": "AggregateResult"}}
        return [head | {key: one(value) for key, one, value in zip(keys, shows, row, strict=True)} for row in found]

    def _grouping(self, one: Path | Call) -> Column:
        column = self.scope.expression(one)
        if column.field.long or column.field.type in {"multipicklist", "double", "currency", "percent"}:
            problem = f"field '{column.field.name}' can not be grouped in a query call"
            raise self.scope.error("MALFORMED_QUERY", one.column, problem)
        return column

    def _compile_groups(self, grouped: set[str]) -> tuple[list[str], list[str], list[Show]]:
        keys, columns, shows = [], [], []
        unnamed = 0
        for item in self._select.items:
            expression = item.expression
            if not isinstance(expression, Path | Call):
                raise ApiError("MALFORMED_QUERY", "Grouped query cannot use child queries or FIELDS()")
            column = self.scope.expression(expression)
            total = isinstance(expression, Call) and expression.name.upper() in AGGREGATES
            if not total and column.sql not in grouped:
                raise self.scope.error(
                    "MALFORMED_QUERY", expression.column, f"Field must be grouped or aggregated: {column.field.name}"
                )
            key = item.alias or (column.field.name if isinstance(expression, Path) else f"expr{unnamed}")
            unnamed += not item.alias and isinstance(expression, Call)
            keys.append(key)
            columns.append(column.sql)
            shows.append(_display(expression, column.field))
        return keys, columns, shows


def _shows(call: Call) -> bool:
    return call.name.upper() in {"TOLABEL", "FORMAT"}


def _display(expression: Path | Call, shown: Field) -> Show:
    """Return the function from a stored value to JSON."""
    if isinstance(expression, Call) and expression.name.upper() == "TOLABEL":
        labels = {one.value: one.label for one in shown.choices}
        return lambda value: (
            None if value is None else ";".join(labels.get(part, part) for part in str(value).split(";"))
        )
    if isinstance(expression, Call) and expression.name.upper() == "FORMAT":
        return lambda value: None if value is None else str(show(shown, value))
    if shown.type == "boolean":
        return lambda value: None if value is None else bool(value)
    return lambda value: value


def compile_query(org: Org, user_id: str, text: str, *, version: str, deleted: bool = False) -> Query:
    """Return the compiled query of a SOQL text."""
    return Query(org, user_id, parse(text), version=version, text=text, deleted=deleted)

"""A query's columns without its rows: the answer to ``columns=true``, which Salesforce's command line asks for."""

from __future__ import annotations

from typing import Any

from connector.sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, Field
from connector.sandbox.salesforce.soql_query import ChildRows, Node, Query

Json = dict[str, Any]


def column_metadata(query: Query) -> Json:
    """Return the answer for a query."""
    columns = (
        [_column(name, None, aggregate=True) for name in query.group_keys()]
        if query.aggregate
        else _members(query.root)
    )
    return {
        "columnMetadata": columns,
        "entityName": query.sobject.name,
        "groupBy": query.aggregate,
        "idSelected": any(column["columnName"] == "Id" for column in columns),
        "keyPrefix": query.sobject.prefix,
    }


def _members(node: Node) -> list[Json]:
    columns = []
    for name, member in node.members.items():
        if isinstance(member, Node):
            columns.append(_column(name, None, joins=_members(member)))
        elif isinstance(member, ChildRows):
            columns.append(_column(name, None, aggregate=True, joins=_members(member.query.root)))
        else:
            columns.append(_column(name, node.source.sobject.field(name)))
    return columns


def _column(name: str, field: Field | None, *, aggregate: bool = False, joins: list[Json] | None = None) -> Json:
    kind = field.type if field else ""
    return {
        "aggregate": aggregate,
        "apexType": None,
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": bool(field and field.custom),
        "displayName": name,
        "foreignKeyName": field.parent_name or None if field else None,
        "insertable": bool(field and field.createable),
        "joinColumns": joins or [],
        "numberType": kind in NUMBER_TYPES,
        "textType": bool(kind) and kind not in NUMBER_TYPES | ID_TYPES | {"boolean", "date", "datetime", "time"},
        "updatable": bool(field and field.updateable),
    }

"""Conditions of a query to SQL, with Salesforce's two-valued logic and its checks of literals against field types."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from connector.sandbox.salesforce.date_literals import day_range
from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.ids import normalise
from connector.sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES
from connector.sandbox.salesforce.soql_scope import Column, Scope
from connector.sandbox.salesforce.soql_syntax import Call, Compare, Literal, Logic, Select
from connector.sandbox.salesforce.values import parse_date, parse_datetime, stamp

_RANGE = {"=": "({c} >= {a} AND {c} < {b})", "<": "{c} < {a}", "<=": "{c} < {b}", ">": "{c} >= {b}", ">=": "{c} >= {a}"}


class Conditions:
    """Builds the SQL of a condition tree; ``parameters`` collects its values in order."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.parameters: list[Any] = []

    def sql(self, node: Any) -> str:
        """Return the SQL of a condition. Only NOT turns *unknown* into false: AND and OR carry it upwards unharmed."""
        if isinstance(node, Logic):
            if node.operator == "NOT":
                return f"NOT COALESCE({self.sql(node.parts[0])}, 0)"
            return f"({f' {node.operator} '.join(self.sql(part) for part in node.parts)})"
        return self._compare(node)

    def _compare(self, node: Compare) -> str:
        column = self._scope.expression(node.left)
        if column.field.long:
            raise self._invalid(node, f"field '{column.field.name}' can not be filtered in a query call")
        if isinstance(node.right, Select):
            return self._semijoin(node, column)
        if node.operator in {"IN", "NOT IN"}:
            return self._member(node, column)
        if node.operator in {"INCLUDES", "EXCLUDES"}:
            return self._includes(node, column)
        if node.operator == "LIKE":
            return self._like(node, column)
        return self._simple(node, column, node.right)

    def _invalid(self, node: Compare, problem: str, code: str = "INVALID_FIELD") -> ApiError:
        return self._scope.error(code, node.left.column, problem)

    def _simple(self, node: Compare, column: Column, literal: Literal) -> str:
        operator = node.operator
        if literal.kind == "date_literal":
            return self._in_range(node, column, literal)
        value = self._value(node, column, literal)
        if value is None:
            if operator not in {"=", "!="}:
                raise self._invalid(
                    node, f"operator {operator} can not be used with null", "INVALID_QUERY_FILTER_OPERATOR"
                )
            return f"{column.sql} IS {'NOT ' if operator == '!=' else ''}NULL"
        if column.field.type in {"boolean", "multipicklist"} | ID_TYPES and operator not in {"=", "!="}:
            raise self._invalid(node, f"invalid operator on field {column.field.name}", "INVALID_QUERY_FILTER_OPERATOR")
        self.parameters.append(value)
        return f"{column.sql} {'IS NOT' if operator == '!=' else operator} ?"

    def _value(self, node: Compare, column: Column, literal: Literal) -> Any:
        """Return the stored form of a literal, checked against the field that it is compared with."""
        kind = column.field.type
        if literal.kind == "null":
            return 0 if kind == "boolean" else None
        if kind in ID_TYPES:
            return self._id(node, column, literal)
        expected = {"boolean": "boolean", "date": "date", "datetime": "datetime"}.get(
            kind, "number" if kind in NUMBER_TYPES else "string"
        )
        if literal.kind != expected:
            quotes = "should be enclosed" if expected == "string" else "should not be enclosed"
            raise self._invalid(
                node,
                f"value of filter criterion for field '{column.field.name}' must be of type {kind} "
                f"and {quotes} in quotes",
            )
        return self._converted(literal)

    def _converted(self, literal: Literal) -> Any:
        if literal.kind == "number":
            return float(Decimal(literal.value))
        if literal.kind == "string":
            return plain(literal.value) or None
        if literal.kind == "date":
            found = parse_date(literal.value)
            text = found.isoformat() if found else None
        elif literal.kind == "datetime":
            moment = parse_datetime(literal.value)
            text = stamp(moment) if moment else None
        else:
            return literal.value
        if text is None:
            raise self._scope.error("MALFORMED_QUERY", literal.column, f"Invalid date: {literal.value}")
        return text

    def _id(self, node: Compare, column: Column, literal: Literal) -> str | None:
        if literal.kind != "string":
            raise self._invalid(
                node,
                f"value of filter criterion for field '{column.field.name}' must be of type ID "
                "and should be enclosed in quotes",
            )
        if not literal.value:
            return None
        found = normalise(literal.value)
        if found is None:
            raise self._invalid(node, f"invalid ID field: {literal.value}", "INVALID_QUERY_FILTER_OPERATOR")
        return found

    def _in_range(self, node: Compare, column: Column, literal: Literal) -> str:
        name, count = literal.value
        today = self._scope.org.clock.now().date()
        found = day_range(name, count, today)
        if found is None:
            raise self._scope.error("MALFORMED_QUERY", literal.column, f"unexpected token: '{name}'")
        if column.field.type not in {"date", "datetime"}:
            raise self._invalid(
                node, f"value of filter criterion for field '{column.field.name}' must be of type {column.field.type}"
            )
        negated = node.operator == "!="
        template = _RANGE["=" if negated else node.operator]
        first, after = (f"'{self._edge(column, day)}'" for day in found)
        sql = template.format(c=column.sql, a=first, b=after)
        return f"NOT COALESCE({sql}, 0)" if negated else sql

    @staticmethod
    def _edge(column: Column, day: date) -> str:
        return day.isoformat() if column.field.type == "date" else f"{day.isoformat()}T00:00:00.000+0000"

    def _member(self, node: Compare, column: Column) -> str:
        values = [self._value(node, column, one) for one in node.right]
        present = [value for value in values if value is not None]
        self.parameters.extend(present)
        sql = f"{column.sql} IN ({', '.join('?' * len(present))})"
        if len(present) < len(values):
            sql = f"({sql} OR {column.sql} IS NULL)"
        return sql if node.operator == "IN" else f"NOT COALESCE({sql}, 0)"

    def _semijoin(self, node: Compare, column: Column) -> str:
        inner: Select = node.right
        if column.field.type not in ID_TYPES:
            raise self._invalid(
                node, "The left operand in a semi join expression should be an ID or reference field", "MALFORMED_QUERY"
            )
        outer = self._scope
        sobject = outer.org.queryable(inner.source, outer)
        scope = outer.org.scope(sobject, outer.user_id, inner.alias, prefix=outer.base.alias + "s")
        selected = scope.expression(inner.items[0].expression)
        nested = Conditions(scope)
        where = f" AND {nested.sql(inner.where)}" if inner.where else ""
        self.parameters.extend(nested.parameters)
        present = f"{scope.base.alias}.IsDeleted = 0 AND {selected.sql} IS NOT NULL"
        if visible := scope.visible(scope.base):
            present = f"{visible} AND {present}"
        sql = f"{column.sql} IN (SELECT {selected.sql} FROM {scope.tables} WHERE {present}{where})"
        return sql if node.operator == "IN" else f"NOT COALESCE({sql}, 0)"

    def _includes(self, node: Compare, column: Column) -> str:
        if column.field.type != "multipicklist":
            raise self._invalid(
                node, f"{node.operator} can only be used with multi-select picklists", "INVALID_QUERY_FILTER_OPERATOR"
            )
        choices = [str(self._value(node, column, one) or "") for one in node.right]
        self.parameters.extend(choices)
        sql = " OR ".join([f"soql_includes({column.sql}, ?)"] * len(choices))
        return f"({sql})" if node.operator == "INCLUDES" else f"NOT COALESCE(({sql}), 0)"

    def _like(self, node: Compare, column: Column) -> str:
        if column.field.type in ID_TYPES | NUMBER_TYPES | {
            "boolean",
            "date",
            "datetime",
            "multipicklist",
        } or isinstance(node.left, Call):
            raise self._invalid(node, f"invalid operator on {column.field.type} field", "INVALID_QUERY_FILTER_OPERATOR")
        if not isinstance(node.right, Literal) or node.right.kind != "string":
            raise self._invalid(
                node, f"value of filter criterion for field '{column.field.name}' should be enclosed in quotes"
            )
        self.parameters.append(node.right.value)
        return f"soql_like({column.sql}, ?)"


def plain(text: str) -> str:
    """Return a string literal as text outside LIKE."""
    return text.replace("\\_", "_").replace("\\%", "%").replace("\x00", "\\")

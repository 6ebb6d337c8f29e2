"""Resolves the names in a query to SQL expressions: fields, parents' fields by joins, formulas by functions."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.sandbox.salesforce.faults import ApiError
from connector.sandbox.salesforce.formulas import names_in
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.soql_syntax import Call, Path
from connector.sandbox.salesforce.storage import collation
from connector.sandbox.salesforce.values import Stored, show

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org

MAX_LEVELS = 5
MAX_PARENTS = 55
_OWN_COLUMN = {"Organization": {"Name"}, "Profile": {"Name"}, "Group": {"Name", "Email"}}
_PERSON = ("Name", "FirstName", "LastName", "Email", "Username", "Alias", "IsActive")
AGGREGATES = {"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"}
_DATE_PARTS = {
    "CALENDAR_YEAR": "CAST(substr({0}, 1, 4) AS INTEGER)",
    "CALENDAR_MONTH": "CAST(substr({0}, 6, 2) AS INTEGER)",
    "CALENDAR_QUARTER": "(CAST(substr({0}, 6, 2) AS INTEGER) + 2) / 3",
    "DAY_IN_MONTH": "CAST(substr({0}, 9, 2) AS INTEGER)",
    "HOUR_IN_DAY": "CAST(substr({0}, 12, 2) AS INTEGER)",
    "DAY_ONLY": "substr({0}, 1, 10)",
}


@dataclass(frozen=True, slots=True)
class Column:
    """An SQL expression and the field that it shows."""

    sql: str
    field: Field
    sobject: SObject


@dataclass(frozen=True, slots=True)
class Source:
    """A table of the query: the object itself or a parent reached by ``names``."""

    alias: str
    sobject: SObject
    names: tuple[str, ...] = ()


def polymorphic() -> SObject:
    """Return what SOQL can ask of a parent that may be of several objects: a name and a few members of users."""
    name = SObject("Name", "Name", "Names")
    for one in ("Id", *_PERSON, "Type"):
        kind = "id" if one == "Id" else "boolean" if one == "IsActive" else "string"
        name.add(Field(one, one, kind, length=255))
    return name


def polymorphic_view() -> str:
    """Return the SQL of the view behind :func:`polymorphic`."""
    parts = []
    for table in ("User", "Group", "Profile", "Organization"):
        own = _OWN_COLUMN.get(table, set(_PERSON))
        columns = [f'"{one}"' if one in own else f'NULL AS "{one}"' for one in _PERSON]
        kind = '"Type"' if table == "Group" else f"'{table}' AS Type"
        parts.append(f'SELECT Id, {", ".join(columns)}, {kind} FROM "{table}"')
    return f'CREATE TEMP VIEW IF NOT EXISTS "Name" AS {" UNION ALL ".join(parts)}'


class Scope:
    """The tables of one query, as the names in it call for them."""

    def __init__(
        self, org: Org, user_id: str, sobject: SObject, alias: str = "", text: str = "", prefix: str = "t"
    ) -> None:
        self.org, self.user_id, self.root = org, user_id, sobject
        self._alias, self.text, self._prefix = alias.lower(), text, prefix
        self.base = Source(f"{prefix}0", sobject)
        self.sources: dict[tuple[str, ...], Source] = {(): self.base}
        self.joins: list[str] = []
        self._open: dict[tuple[str, str], Source] = {}

    @property
    def tables(self) -> str:
        return " ".join([f'"{self.root.name}" AS {self.base.alias}', *self.joins])

    def error(self, code: str, column: int, problem: str) -> ApiError:
        """Return the error for a place in the query's text."""
        line = self.text[max(0, column - 40) : column + 40].replace("\n", " ")
        pointer = " " * (column - 1 - max(0, column - 40)) + "^"
        return ApiError(code, f"\n{line}\n{pointer}\nERROR at Row:1:Column:{column}\n{problem}")

    def resolve(self, path: Path) -> Column:
        """Return the column of a field path.

        Raises:
            ApiError: ``INVALID_FIELD`` for names that the object does not have or the user may not see.
        """
        names = path.names
        if (
            len(names) > 1
            and names[0].lower() in {self._alias, self.root.name.lower()}
            and not self.root.parent(names[0])
        ):
            names = names[1:]
        return self._column(self.source(self.base, names[:-1], path.column), names[-1], path.column)

    def source(self, start: Source, names: tuple[str, ...], column: int = 0) -> Source:
        """Return the table of the parent that ``names`` lead to from ``start``, joined when it is new.

        ``column`` is the place in the query; 0 for a path in a formula, from which no permission hides anything.
        """
        for name in names:
            start = self._parent(start, name, column)
        return start

    def _parent(self, child: Source, name: str, column: int) -> Source:
        reference = child.sobject.parent(name)
        if reference is None or (column and not self._visible(child.sobject, reference)):
            raise self.error(
                "INVALID_FIELD", column,
                f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                "relationship, be sure to append the '__r' after the custom relationship name.",
            )  # fmt: skip
        names = (*child.names, reference.parent_name)
        formula = (child.alias, reference.parent_name)
        known = self.sources.get(names) if column else self._open.get(formula)
        if known is not None:
            return known
        if len(names) > MAX_LEVELS or len(self.joins) >= MAX_PARENTS:
            raise self.error(
                "MALFORMED_QUERY", column, "maximum depth or number of relationships exceeded in the query"
            )
        many = len(reference.reference_to) > 1
        parent = self.org.polymorphic if many else self.org.schema[reference.reference_to[0]]
        joined = Source(f"{self._prefix}{len(self.joins) + 1}", parent, names)
        visible = "" if many else self.visible(joined)
        on = f'{joined.alias}.Id = {child.alias}."{reference.name}"'
        self.joins.append(
            f'LEFT JOIN "{parent.name}" AS {joined.alias} ON {on}' + (f" AND {visible}" if column and visible else "")
        )
        # What the user names is hidden from him where he does not see its row; what a formula names never is.
        if column or (not visible and self.sources.get(child.names) is child):
            self.sources[names] = joined
        if not (column and visible):
            self._open[formula] = joined
        return joined

    def visible(self, source: Source) -> str:
        """Return the SQL condition under which the user sees a row of a table; empty when always."""
        rights = self.org.access.of(self.user_id)
        return self.org.sharing.visible(self.user_id, rights, source.sobject, source.alias)

    def _column(self, source: Source, name: str, column: int) -> Column:
        field = source.sobject.field(name)
        if field is None or not self._visible(source.sobject, field):
            raise self.error(
                "INVALID_FIELD", column,
                f"No such column '{name}' on entity '{source.sobject.name}'. If you are attempting to use a custom "
                "field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the "
                "describe call for the appropriate names.",
            )  # fmt: skip
        return Column(self.field_sql(source, field), field, source.sobject)

    def _visible(self, sobject: SObject, field: Field) -> bool:
        """Tell whether the user sees a field and, of a lookup, what it points at."""
        rights = self.org.access.of(self.user_id)
        targets = [self.org.schema[name] for name in field.reference_to]
        return rights.reads(sobject, field) and (not targets or any(rights.may("read", one) for one in targets))

    def field_sql(self, source: Source, field: Field) -> str:
        """Return the SQL of a field of a table; a formula becomes a function of the fields that it names."""
        if not field.calculated:
            return f'{source.alias}."{field.name}"'
        inputs: list[tuple[str, Field]] = []
        arguments: list[str] = []
        for name in names_in(field.formula):
            if name.startswith("$"):
                continue
            head, _, last = name.rpartition(".")
            table = self.source(source, tuple(head.split(".")) if head else ())
            if (found := table.sobject.field(last)) is None:
                raise ApiError(
                    "UNKNOWN_EXCEPTION", f"The formula of {field.name} names {name}, which does not exist.", status=500
                )
            inputs.append((name, found))
            arguments.append(self.field_sql(table, found))
        function = self.org.formula_function(source.sobject, field, inputs)
        return f"{function}({', '.join(arguments)}){collation(field)}"

    def call(self, call: Call) -> Column:
        """Return the column of a function: an aggregate or a part of a date."""
        name = call.name.upper()
        if call.argument is None:
            if name != "COUNT":
                raise self.error("MALFORMED_QUERY", call.column, f"function {call.name} needs a field")
            return Column("COUNT(*)", Field("count", "count", "int"), self.root)
        inner = self.expression(call.argument)
        if name in AGGREGATES:
            return self._aggregate(name, inner, call)
        if name in _DATE_PARTS:
            kind = "date" if name == "DAY_ONLY" else "int"
            return Column(_DATE_PARTS[name].format(inner.sql), Field(name, name, kind), self.root)
        if name in {"TOLABEL", "FORMAT"}:
            return inner
        raise self.error("MALFORMED_QUERY", call.column, f"unknown function {call.name}")

    def _aggregate(self, name: str, inner: Column, call: Call) -> Column:
        numeric = inner.field.type in {"int", "double", "currency", "percent"}
        if (name in {"SUM", "AVG"} and not numeric) or inner.field.type == "boolean" or inner.field.long:
            raise self.error(
                "MALFORMED_QUERY", call.column, f"field {inner.field.name} does not support aggregate operator {name}"
            )
        if name in {"COUNT", "COUNT_DISTINCT"}:
            sql = f"COUNT({inner.sql})" if name == "COUNT" else f"COUNT(DISTINCT {inner.sql})"
            return Column(sql, Field("count", "count", "int"), self.root)
        if name in {"MIN", "MAX"}:
            return Column(f"{name}({inner.sql})", inner.field, inner.sobject)
        return Column(f"{name}({inner.sql})", Field(inner.field.name, "", "double", scale=inner.field.scale), self.root)

    def expression(self, node: Path | Call) -> Column:
        return self.resolve(node) if isinstance(node, Path) else self.call(node)


def formula_adapter(
    inputs: list[tuple[str, Field]],
    evaluate: Callable[[Callable[[str], object]], Stored],
    resolve_global: Callable[[str], object],
) -> Callable[..., Stored]:
    """Return a function of SQL values that computes a formula over them."""
    places = {name.lower(): (place, field) for place, (name, field) in enumerate(inputs)}

    def compute(*values: Stored) -> Stored:
        def resolve(name: str) -> object:
            if name.startswith("$"):
                return resolve_global(name)
            place, field = places[name.lower()]
            return show(field, values[place])

        return evaluate(resolve)

    return compute

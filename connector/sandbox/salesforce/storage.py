"""The rows of an org in SQLite: one table per object, the indexes that a Salesforce org has."""

# ruff: noqa: S608 - names in SQL come from the org's own schema; values are bound
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from connector.sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, Field, Schema, SObject
from connector.sandbox.salesforce.values import Stored

STAMPS = frozenset({"CreatedDate", "LastModifiedDate", "SystemModstamp"})
NO_CASE = "sf"
"""Collation of text: Salesforce compares and sorts without regard to case, in every alphabet."""


def compare_text(left: str, right: str) -> int:
    """Return -1, 0 or 1 as Salesforce orders two texts."""
    a, b = left.casefold(), right.casefold()
    return (a > b) - (a < b)


def column_type(field: Field) -> str:
    """Return the SQL type and collation of a field's column."""
    if field.type == "boolean":
        return "INTEGER"
    if field.type in NUMBER_TYPES:
        return "INTEGER" if field.type == "int" else "REAL"
    exact = field.type in ID_TYPES | {"date", "datetime", "time"} or field.case_sensitive
    return "TEXT" if exact else f"TEXT COLLATE {NO_CASE}"


def collation(field: Field) -> str:
    """Return the collation of a field's column, for SQL that computes it."""
    return f" COLLATE {NO_CASE}" if NO_CASE in column_type(field) else ""


class Storage:
    """One SQLite connection; its owner serialises access to it, and begins by :meth:`prepare` or :meth:`fill`."""

    def __init__(self, path: str, schema: Schema) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)
        self.connection.create_collation(NO_CASE, compare_text)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("PRAGMA temp_store = MEMORY")
        self.schema = schema
        self._depth = 0

    def prepare(self) -> None:
        """Create what is missing: tables, columns, indexes."""
        self.execute("CREATE TABLE IF NOT EXISTS _meta (key TEXT PRIMARY KEY, value)")
        for sobject in self.schema:
            self._prepare_table(sobject)

    def _prepare_table(self, sobject: SObject) -> None:
        table = sobject.name
        columns = (f'"{field.name}" {column_type(field)}' for field in sobject.stored if field.name != "Id")
        self.execute(f'CREATE TABLE IF NOT EXISTS "{table}" ({", ".join(("Id TEXT PRIMARY KEY", *columns))})')
        present = {row[1].lower() for row in self.execute(f'PRAGMA table_info("{table}")')}
        for field in sobject.stored:
            if field.name.lower() not in present:
                self.execute(f'ALTER TABLE "{table}" ADD COLUMN "{field.name}" {column_type(field)}')
        self._index(table, "SystemModstamp", "SystemModstamp, Id")
        for field in sobject.stored:
            if (field.reference_to and not field.name.endswith("ById")) or field.unique or field.external_id:
                self._index(table, field.name, f'"{field.name}"')

    def _index(self, table: str, name: str, columns: str) -> None:
        self.execute(f'CREATE INDEX IF NOT EXISTS "{table}.{name}" ON "{table}" ({columns})')

    def drop(self, sobject: SObject, field: Field) -> None:
        """Remove a field's column with its values."""
        self.execute(f'DROP INDEX IF EXISTS "{sobject.name}.{field.name}"')
        self.execute(f'ALTER TABLE "{sobject.name}" DROP COLUMN "{field.name}"')

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a block that takes effect as a whole; blocks nest, an inner one may fail alone."""
        name = f"s{self._depth}"
        self.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield
        except BaseException:
            self.execute(f"ROLLBACK TO {name}")
            raise
        finally:
            self._depth -= 1
            self.execute(f"RELEASE {name}")

    def meta(self, key: str, default: Any = None) -> Any:
        row = self.execute("SELECT value FROM _meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else row[0]

    def set_meta(self, key: str, value: Any) -> None:
        self.execute("INSERT OR REPLACE INTO _meta VALUES (?, ?)", (key, value))

    def row(self, sobject: SObject, record_id: str) -> dict[str, Stored] | None:
        """Return the stored fields of a row, deleted or not."""
        cursor = self.execute(f'SELECT * FROM "{sobject.name}" WHERE Id = ?', (record_id,))
        values = cursor.fetchone()
        return None if values is None else dict(zip([column[0] for column in cursor.description], values, strict=True))

    def ids(self, sobject: SObject, field: str, value: Stored) -> list[str]:
        """Return the ids of the undeleted rows whose field has that value."""
        sql = f'SELECT Id FROM "{sobject.name}" WHERE "{field}" = ? AND IsDeleted = 0 ORDER BY Id'
        return [row[0] for row in self.execute(sql, (value,))]

    def insert(self, sobject: SObject, rows: Iterable[Mapping[str, Stored]]) -> None:
        names = [field.name for field in sobject.stored]
        columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
        self.connection.executemany(
            f'INSERT INTO "{sobject.name}" ({columns}) VALUES ({marks})',
            ([row.get(name) for name in names] for row in rows),
        )

    def update(self, sobject: SObject, record_id: str, changes: Mapping[str, Stored]) -> None:
        columns = ", ".join(f'"{name}" = ?' for name in changes)
        self.execute(f'UPDATE "{sobject.name}" SET {columns} WHERE Id = ?', [*changes.values(), record_id])

    def clear(self) -> None:
        """Remove all rows and counters."""
        with self.transaction():
            for sobject in self.schema:
                self.execute(f'DELETE FROM "{sobject.name}"')
            self.execute("DELETE FROM _meta")

    def copy(self) -> sqlite3.Connection:
        """Return a database in memory that holds what this one holds now."""
        target = sqlite3.connect(":memory:", check_same_thread=False)
        self.connection.backup(target)
        return target

    def fill(self, model: sqlite3.Connection) -> None:
        """Replace everything by what ``model`` holds. Not within a transaction."""
        model.backup(self.connection)

    def restamp(self, at: str) -> None:
        """Give every row the same moment as its creation and last change."""
        with self.transaction():
            for sobject in self.schema:
                stamps = ", ".join(f'"{field.name}" = :at' for field in sobject.stored if field.name in STAMPS)
                self.connection.execute(f'UPDATE "{sobject.name}" SET {stamps}', {"at": at})

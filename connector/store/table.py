"""What every part of the state has in common: reading rows as dictionaries and writing them in transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from connector.store.handles import Handles

Record = dict[str, Any]
"""One row of a table by column name."""

Parameters = Sequence[Any] | Mapping[str, Any]


class Table:
    """Base of the parts of the state."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    def _transaction(self) -> AbstractContextManager[None]:
        return self._handles.transaction()

    def _all(self, sql: str, parameters: Parameters = ()) -> list[Record]:
        # Database.query of sqlite-utils puts a savepoint around every single read, which costs more than the read.
        cursor = self._handles.db.execute(sql, _plain(parameters))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _one(self, sql: str, parameters: Parameters = ()) -> Record | None:
        rows = self._all(sql, parameters)
        return rows[0] if rows else None

    def _value(self, sql: str, parameters: Parameters = ()) -> Any:
        row = self._one(sql, parameters)
        return next(iter(row.values())) if row else None

    def _write(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        with self._transaction():
            return self._handles.db.execute(sql, _plain(parameters))

    def _upsert(self, table: str, key: Sequence[str], row: Mapping[str, Any]) -> None:
        """Insert the row, or overwrite the columns given of the row that has its key.

        Table and column names come from this package, never from data.
        """
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in row if name not in key)
        self._write(
            f'insert into "{table}" ({names}) values ({marks}) '  # noqa: S608
            f"on conflict ({', '.join(key)}) do update set {changes}",
            tuple(row.values()),
        )


def _plain(parameters: Parameters) -> Sequence[Any] | dict[str, Any]:
    return dict(parameters) if isinstance(parameters, Mapping) else parameters

"""The mappings: one draft and any number of published versions per record type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.errors import MappingError
from connector.store.codec import dump, load, moment, stamp
from connector.store.table import Record, Table


@dataclass(frozen=True, slots=True)
class Version:
    """One published version: who published it, when (aware UTC), and why."""

    record_type: str
    version: int
    by: str
    published_at: datetime
    note: str


class Mappings(Table):
    """Mapping documents by record type (``opportunity``, ``lead``). Versions count from 1 and never change."""

    def save_draft(self, record_type: str, document: dict[str, Any], by: str, now: datetime) -> None:
        """Keep the document as the draft, in place of an earlier draft."""
        row = {"record_type": record_type, "document": dump(document), "author": by, "saved_at": stamp(now)}
        self._upsert("mapping_drafts", ("record_type",), row)

    def draft(self, record_type: str) -> dict[str, Any] | None:
        """Return the draft, None if there is none."""
        return _document(self._value("select document from mapping_drafts where record_type = ?", (record_type,)))

    def discard_draft(self, record_type: str) -> None:
        self._write("delete from mapping_drafts where record_type = ?", (record_type,))

    def publish(
        self, record_type: str, by: str, now: datetime, note: str = "", *, checked: dict[str, Any] | None = None
    ) -> int:
        """Make the draft the next version, which is in force from now on; return its number.

        Args:
            checked: the draft that was found good; another one, saved meanwhile, is not published.

        Raises MappingError when there is no draft, or another one.
        """
        with self._transaction():
            document = self.draft(record_type)
            if document is None:
                raise MappingError(
                    f"there is no draft of the {record_type} mapping; change the mapping before publishing"
                )
            if checked is not None and dump(checked) != dump(document):
                raise MappingError(
                    f"the draft of the {record_type} mapping was changed while it was being checked; publish it again"
                )
            self.discard_draft(record_type)
            return self._append(record_type, document, by, now, note)

    def published(self, record_type: str) -> tuple[int, dict[str, Any]] | None:
        """Return number and document of the version in force, None if none was ever published."""
        row = self._one(
            "select version, document from mapping_versions where record_type = ? order by version desc limit 1",
            (record_type,),
        )
        return (row["version"], load(row["document"])) if row else None

    def document(self, record_type: str, version: int) -> dict[str, Any]:
        """Return the document of one version. Raises MappingError when there is no such version."""
        document = _document(
            self._value(
                "select document from mapping_versions where record_type = ? and version = ?", (record_type, version)
            )
        )
        if document is None:
            raise MappingError(f"the {record_type} mapping has no version {version}; its history lists what there is")
        return document

    def history(self, record_type: str) -> list[Version]:
        """Return the published versions, newest first."""
        rows = self._all(
            "select record_type, version, author, published_at, note from mapping_versions "
            "where record_type = ? order by version desc",
            (record_type,),
        )
        return [_version(row) for row in rows]

    def rollback(self, record_type: str, version: int, by: str, now: datetime) -> int:
        """Publish an earlier version again, as a new one; return its number. A draft stays.

        Raises MappingError when there is no such version.
        """
        with self._transaction():
            document = self.document(record_type, version)
            return self._append(record_type, document, by, now, f"rollback to version {version}")

    def _append(self, record_type: str, document: dict[str, Any], by: str, now: datetime, note: str) -> int:
        version = 1 + int(
            self._value("select coalesce(max(version), 0) from mapping_versions where record_type = ?", (record_type,))
        )
        self._write(
            "insert into mapping_versions (record_type, version, document, author, published_at, note) "
            "values (?, ?, ?, ?, ?, ?)",
            (record_type, version, dump(document), by, stamp(now), note),
        )
        return version


def _document(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    document: dict[str, Any] = load(text)
    return document


def _version(row: Record) -> Version:
    return Version(
        record_type=row["record_type"],
        version=row["version"],
        by=row["author"],
        published_at=moment(row["published_at"]),
        note=row["note"],
    )

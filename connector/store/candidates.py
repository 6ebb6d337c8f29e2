"""Salesforce records without an opportunity, to be looked through by likeness: for one run only, and never in the
state file, since it holds names. SQLite keeps it in memory and, where that gets too much, in a file without a name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a record says of its deal.

    Attributes:
        record_id: 18-character id.
        name: the record's name.
        company, title, website: texts as they stand; empty for none.
        close_date: ISO 8601 date; empty for none.
        word: by which records of the same company are found.
        host: host name of the website; empty for none.
    """

    record_id: str
    name: str
    company: str
    title: str
    website: str
    close_date: str
    word: str
    host: str


class Candidates:
    """The records of one run. For the thread that made it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        names = ", ".join(f"{one.name} text not null" for one in fields(Candidate))
        self._db.execute(f"create table candidates ({names}, primary key (record_id)) without rowid")
        for column in ("word", "host"):
            self._db.execute(f"create index candidates_{column} on candidates ({column}) where {column} <> ''")

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Keep records; one that was added before is replaced."""
        names = [one.name for one in fields(Candidate)]
        rows = [tuple(getattr(each, name) for name in names) for each in candidates]
        marks = ", ".join("?" for _ in names)
        self._db.executemany(f"insert or replace into candidates values ({marks})", rows)  # noqa: S608

    def alike(self, word: str, host: str, company: str = "", limit: int = 1000) -> list[Candidate]:
        """Return records of the same company word or host; empty texts find none. Those of the same host or of the very
        same company come first, so that the limit leaves out others (many companies begin with "Bank"), then it is by
        the order of their ids.
        """
        rows = self._db.execute(
            "select * from candidates where (word = :word and word <> '') or (host = :host and host <> '') "
            "order by (host = :host and host <> '') or company = :company collate nocase desc, record_id limit :limit",
            {"word": word, "host": host, "company": company, "limit": limit},
        )
        return [Candidate(*row) for row in rows]

    def close(self) -> None:
        self._db.close()

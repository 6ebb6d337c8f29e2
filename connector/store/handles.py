"""Connections to the state file: one per thread, durable, private to the account that runs the worker."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database

from connector.errors import ConnectorError, Fatal, Retriable

BUSY_SECONDS = 30.0
"""How long a writer waits for another process (the command line beside the worker) before it gives up."""

_PRAGMAS = (
    "pragma journal_mode = wal",
    "pragma synchronous = full",  # every commit is on the disk before it returns: it must survive a power cut
    "pragma foreign_keys = on",
    "pragma secure_delete = on",  # what was removed must not linger in free pages
)


class Handles:
    """One connection per thread to one file; created when a thread first asks, closed together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._by_thread: dict[threading.Thread, Database] = {}

    @property
    def db(self) -> Database:
        """The calling thread's database."""
        thread = threading.current_thread()
        with self._guard:
            if thread not in self._by_thread:
                self._drop_dead_threads()
                self._by_thread[thread] = _connect(self.path)
            return self._by_thread[thread]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock until the block ends: committed when it returns, undone when it raises.

        A block inside another belongs to the outer one; if it raises, only its own changes are undone at once.
        Raises Retriable when another process keeps the file locked, Fatal when the disk is full or the file damaged.
        """
        conn = self.db.conn
        begin, commit, undo = _NESTED if conn.in_transaction else _OUTERMOST
        with explained(self.path):
            conn.execute(begin)
            try:
                yield
                conn.execute(commit)
            except BaseException:
                if conn.in_transaction:  # some errors have ended the transaction already
                    for statement in undo:
                        conn.execute(statement)
                raise

    def close(self) -> None:
        """Close every thread's connection."""
        with self._guard:
            for database in self._by_thread.values():
                database.close()
            self._by_thread.clear()

    def _drop_dead_threads(self) -> None:
        for thread in [thread for thread in self._by_thread if not thread.is_alive()]:
            self._by_thread.pop(thread).close()


_OUTERMOST = ("begin immediate", "commit", ("rollback",))
_NESTED = ("savepoint inner_block", "release inner_block", ("rollback to inner_block", "release inner_block"))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Let failures of the file itself leave the block as Retriable or Fatal, with their remedy; others as they are."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        meaning = _explain(error, path)
        if meaning is None:
            raise
        raise meaning from error


def _explain(error: sqlite3.Error, path: Path) -> ConnectorError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Retriable(f"state file {path} is in use by another process; try again later", after=5.0)
        case sqlite3.SQLITE_FULL:
            return Fatal(f"state file {path} cannot grow: the disk is full; free space and start again")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return Fatal(
                f"state file {path} cannot be read or written; it must lie on a local disk, "
                "in a directory that the account of the worker may write to"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Fatal(f"state file {path} is damaged or no state file; restore a backup, or move it away")
        case _:
            return None


def create_private(path: Path) -> None:
    """Create the file, and its directory if missing, so that only the owner may read it; tighten a file that is there.

    Raises Fatal when the file system refuses.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).chmod(0o600)
    except OSError as error:
        raise Fatal(
            f"{path} cannot be created or made private ({error.strerror}); "
            "choose a place that the account of the worker owns"
        ) from error


def _connect(path: Path) -> Database:
    """Open one connection. No thread but its own uses it, except for closing."""
    with explained(path):
        conn = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            conn.execute(pragma)
    return Database(conn, execute_plugins=False)

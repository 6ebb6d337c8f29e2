"""The state: everything that the worker must remember across restarts, in one SQLite file per org."""

from __future__ import annotations

import os
import sqlite3
from contextlib import AbstractContextManager, closing
from datetime import datetime
from pathlib import Path
from types import TracebackType

from connector.errors import Fatal
from connector.store.backfills import Backfills, Comparisons
from connector.store.codec import stamp
from connector.store.corrections import Corrections
from connector.store.cursors import Cursors, Meta
from connector.store.downloads import Downloads
from connector.store.entries import Entries
from connector.store.events import Events
from connector.store.forgetting import forget
from connector.store.handles import Handles, create_private, explained
from connector.store.ledger import Ledger
from connector.store.links import Links
from connector.store.lock import StateLock, take_turns
from connector.store.mappings import Mappings
from connector.store.migrations import MIGRATIONS, migrate, refuse_foreign, schema_version
from connector.store.outbox import Outbox
from connector.store.problems import Problems
from connector.store.queue import Queue
from connector.store.referrals import Referrals
from connector.store.runs import Runs
from connector.store.shares import Shares
from connector.store.uploads import Uploads
from connector.store.writebacks import Writebacks

_KEPT_ON_RESET = frozenset({"mapping_drafts", "mapping_versions"})


class State:
    """An open state file. Usable from any thread; each gets a connection of its own.

    Every method of every part is atomic and durable by itself; several become so together inside :meth:`transaction`.
    """

    def __init__(self, handles: Handles) -> None:
        """Wrap handles to a file whose schema is current; :meth:`open` is the way to get there."""
        self._handles = handles
        self.path = handles.path
        self.meta = Meta(handles)
        self.links = Links(handles)
        self.queue = Queue(handles)
        self.shares = Shares(handles)
        self.writebacks = Writebacks(handles)
        self.outbox = Outbox(handles)
        self.problems = Problems(handles)
        self.runs = Runs(handles)
        self.cursors = Cursors(handles)
        self.mappings = Mappings(handles)
        self.ledger = Ledger(handles)
        self.corrections = Corrections(handles)
        self.events = Events(handles)
        self.referrals = Referrals(handles)
        self.backfills = Backfills(handles)
        self.comparisons = Comparisons(handles)
        self.entries = Entries(handles)
        self.uploads = Uploads(handles)
        self.downloads = Downloads(handles)

    @classmethod
    def open(cls, path: Path) -> State:
        """Open the file, create it if it is missing, and bring its schema up to date.

        A file of an older schema is first copied to ``<path>.bak-v<N>``, N being its old schema.
        Raises Fatal when the file cannot be used, was made by a newer program or by another, or is of an older schema
        while a worker holds it (exit code 3).
        """
        create_private(path)
        handles = Handles(path)
        try:
            with take_turns(path.parent):
                _upgrade(handles)
        except BaseException:
            handles.close()
            raise
        return cls(handles)

    def close(self) -> None:
        """Close all connections; no thread may use the state afterwards."""
        self._handles.close()

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Return a block that is committed as a whole or not at all, and keeps other writers out; blocks may nest.

        Keep it short, and never call a door inside it.
        """
        return self._handles.transaction()

    def lock(self) -> StateLock:
        """Take the lock that only one process has; it ends with its block, its ``release()`` or the process.

        Raises Fatal (exit code 3), naming the holder's process id, when another has it.
        """
        return StateLock(lock_path(self.path))

    @property
    def schema_version(self) -> int:
        return schema_version(self._handles)

    def binding(self) -> tuple[str, str] | None:
        """Return (org id, catalog) that this state belongs to, None while it belongs to none."""
        org_id, catalog = self.meta.get("org_id"), self.meta.get("catalog")
        return None if org_id is None or catalog is None else (org_id, catalog)

    def bind(self, org_id: str, catalog: str) -> None:
        """Bind the state to an org and a catalog for good. Raises Fatal when it is bound to others."""
        with self.transaction():
            bound = self.binding()
            if bound is None:
                self.meta.set("org_id", org_id)
                self.meta.set("catalog", catalog)
            elif bound != (org_id, catalog):
                raise Fatal(
                    f"state file {self.path} belongs to org {bound[0]} and catalog {bound[1]}, but the worker is "
                    f"connected to org {org_id} and catalog {catalog}; correct the connection or [state] path, or, "
                    "if the org is a refreshed sandbox, reset the state"
                )

    def backup(self, target: Path) -> None:
        """Copy the whole state, as of one moment, to ``target`` (mode 0600), while others go on using it.

        An older file of that name is replaced once the copy is complete. Raises Fatal when it cannot be written.
        """
        _copy(self._handles, target)

    def backups(self) -> list[Path]:
        """Return the copies that schema upgrades left beside the file. They hold what the state held then."""
        return sorted(self.path.parent.glob(f"{self.path.name}.bak-v*"))

    def check(self, now: datetime | None = None) -> list[str]:
        """Return what is wrong with the file, in sentences; an empty list if nothing is.

        Expired leases are looked for if ``now`` is given.
        """
        return [*self._damage(), *self._exposure(), *self._stuck_leases(now)]

    def reset(self) -> None:
        """Empty the state, binding included, but not the mappings, which are people's work. For the lock's holder."""
        db = self._handles.db
        with self.transaction():
            for name in sorted(set(db.table_names()) - _KEPT_ON_RESET):
                if not name.startswith("sqlite_"):
                    db.execute(f'delete from "{name}"')  # noqa: S608
        self._shrink()

    def forget(self, record_id: str) -> None:
        """Remove what the state holds of a record's content; ids, tokens and states stay, against duplicates.

        The file is rewritten, so nothing lingers in it. Not for use inside a transaction. :meth:`backups` lists the
        copies that may still hold the content.
        """
        forget(self._handles, record_id)
        self._shrink()

    def _shrink(self) -> None:
        with explained(self.path):
            self._handles.db.execute("vacuum")
            self._handles.db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def _damage(self) -> list[str]:
        db = self._handles.db
        found = [row[0] for row in db.execute("pragma integrity_check").fetchall() if row[0] != "ok"]
        orphans = db.execute("pragma foreign_key_check").fetchall()
        return [f"damaged: {text}; restore a backup" for text in found] + [
            f"table {table}, row {row}: refers to a row of {parent} that is gone; restore a backup"
            for table, row, parent, _ in orphans
        ]

    def _exposure(self) -> list[str]:
        if self.path.stat().st_mode & 0o077:
            return [f"{self.path} can be read by other accounts; set its mode to 0600"]
        return []

    def _stuck_leases(self, now: datetime | None) -> list[str]:
        if now is None:
            return []
        rows = self._handles.db.query(
            "select id, leased_by, leased_until from queue where state = 'leased' and leased_until <= ?", (stamp(now),)
        )
        return [
            f"queue item {row['id']}: the lease of {row['leased_by']} ran out at {row['leased_until']}; "
            "the worker takes it up again when it runs"
            for row in rows
        ]


def lock_path(path: Path) -> Path:
    """Return the lock file of a state file."""
    return path.with_name(path.name + ".lock")


def _upgrade(handles: Handles) -> None:
    newest = MIGRATIONS[-1].number
    refuse_foreign(handles, newest=newest)
    version = schema_version(handles)
    if 0 < version < newest:
        # A worker of the older program must not find the schema changed under its feet.
        with StateLock(lock_path(handles.path)):
            _copy(handles, handles.path.with_name(f"{handles.path.name}.bak-v{version}"))
            migrate(handles)
    elif version < newest:
        migrate(handles)


def _copy(handles: Handles, target: Path) -> None:
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    try:
        create_private(part)
        with closing(sqlite3.connect(part)) as copy:
            handles.db.conn.backup(copy)
        part.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.OperationalError) as error:
        raise Fatal(f"backup {target} cannot be written ({error}); choose another place, with space left") from error
    finally:
        part.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""New orgs kept as models: an org of the same source begins as a copy of the rows that the first one planted.

Planting writes some two thousand rows, each with every check; copying the database takes a few milliseconds.
"""

from __future__ import annotations

import atexit
import sqlite3
import threading

from connector.sandbox.salesforce.storage import Storage

KEPT = 4
"""How many models a process keeps."""
Kind = tuple[str, bool, bool]
"""What decides about the rows of a new org: the digest of its source, whether it is a sandbox, and guarded."""

_models: dict[Kind, sqlite3.Connection] = {}
_lock = threading.Lock()


def fill(storage: Storage, kind: Kind | None) -> bool:
    """Make the storage a copy of the model of that kind; return False where there is none."""
    with _lock:
        if kind is None or kind not in _models:
            return False
        _models[kind] = _models.pop(kind)  # the one used last goes last
        storage.fill(_models[kind])
    return True


def keep(storage: Storage, kind: Kind | None) -> None:
    """Take the storage of an org that was just planted as the model of its kind."""
    if kind is None:
        return
    with _lock:
        if (old := _models.pop(kind, None)) is not None:
            old.close()
        _models[kind] = storage.copy()
        while len(_models) > KEPT:
            _models.pop(next(iter(_models))).close()


@atexit.register
def _close() -> None:
    with _lock:
        while _models:
            _models.popitem()[1].close()

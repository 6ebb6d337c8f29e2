"""What the source of an org says, read once per process for as long as the content of its files stays the same.

Reading some seven hundred files takes longer than many a test that wants an org to itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector.sandbox.salesforce.currencies import Currency, add_currencies
from connector.sandbox.salesforce.flows import Flow, flows_by_object, read_flows
from connector.sandbox.salesforce.metadata import read_schema
from connector.sandbox.salesforce.permissions import (
    PermissionSet,
    Profile,
    read_custom_permissions,
    read_permission_sets,
    read_profiles,
)
from connector.sandbox.salesforce.quick_actions import QuickAction, read_quick_actions
from connector.sandbox.salesforce.schema import Field, Schema
from connector.sandbox.salesforce.sharing import add_shares

KEPT = 4
"""How many different sources a process keeps."""
_packed: dict[str, _Packed] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Source:
    """All that an org reads from its source. Whoever gets one may change it: nobody else has the same.

    ``digest`` tells sources of different content or with other currencies apart.
    """

    digest: str
    schema: Schema
    sets: list[PermissionSet]
    profiles: Mapping[str, Profile]
    flows: Mapping[str, list[Flow]]
    quick_actions: Mapping[str, list[QuickAction]]
    custom_permissions: frozenset[str]


def read_source(directories: Sequence[Path], currencies: Sequence[Currency] = ()) -> Source:
    """Return what the source below ``directories`` says to an org with those currencies.

    Raises:
        MetadataError: an org would refuse to deploy it.
    """
    digest = _digest(directories, currencies)
    with _lock:
        found = _packed.pop(digest, None) or _Packed(_read(digest, directories, currencies))
        _packed[digest] = found
        while len(_packed) > KEPT:
            del _packed[next(iter(_packed))]
    return found.copy()


class _Packed:
    """A source of which everybody gets a copy of his own; what cannot be changed is shared by all copies."""

    def __init__(self, source: Source) -> None:
        self._shared: list[Field] = []
        packer = _Packer(packed := io.BytesIO(), self._shared)
        packer.dump(source)
        self._packed = packed.getvalue()

    def copy(self) -> Source:
        source: Source = _Unpacker(io.BytesIO(self._packed), self._shared).load()
        return source


class _Packer(pickle.Pickler):
    def __init__(self, target: io.BytesIO, shared: list[Field]) -> None:
        super().__init__(target)
        self._shared = shared

    def persistent_id(self, thing: object) -> int | None:
        if not isinstance(thing, Field):
            return None
        self._shared.append(thing)
        return len(self._shared) - 1


class _Unpacker(pickle.Unpickler):
    def __init__(self, source: io.BytesIO, shared: list[Field]) -> None:
        super().__init__(source)
        self._shared = shared

    def persistent_load(self, number: int) -> Field:
        return self._shared[number]


def _read(digest: str, directories: Sequence[Path], currencies: Sequence[Currency]) -> Source:
    schema = read_schema(*directories)
    add_shares(schema)
    if currencies:
        add_currencies(schema, currencies)
    return Source(
        digest=digest,
        schema=schema,
        sets=read_permission_sets(*directories),
        profiles=read_profiles(*directories),
        flows=flows_by_object(read_flows(directories, schema)),
        quick_actions=read_quick_actions(directories, schema),
        custom_permissions=read_custom_permissions(*directories),
    )


def _digest(directories: Sequence[Path], currencies: Sequence[Currency]) -> str:
    """Return a text that is another one as soon as the name of a folder, or name, size or date of a file is."""
    told = hashlib.blake2b(repr(tuple(currencies)).encode("utf8"))
    for directory in directories:
        told.update(b"\0")
        for folder, folders, files in os.walk(directory):
            folders.sort()
            told.update(f"{os.path.relpath(folder, directory)}\0".encode())
            for name in sorted(one for one in files if one.endswith(".xml")):
                status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - of hundreds of files
                told.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return told.hexdigest()

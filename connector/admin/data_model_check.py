"""``connector check --data-model``: which open records are not ready for version 2 of the data model of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connector.service.runtime import Runtime
from connector.sync.exchange.data_model import Incomplete, incomplete_records


@dataclass(frozen=True, slots=True)
class NotReady:
    """A record that is not ready, with what it lacks in words, one text each."""

    object: str
    record_id: str
    name: str
    problems: tuple[str, ...]


def records_not_ready(runtime: Runtime) -> Iterator[NotReady]:
    """Yield the opportunities, then the leads, that are open, take part, and are not ready; nothing is changed.

    Raises:
        ConnectorError: the records cannot be read.
    """
    engine = runtime.engine()
    for one in filter(None, (engine, engine.leads)):
        yield from (_told(one.mapping.object_name, found) for found in incomplete_records(one))


def _told(object_name: str, found: Incomplete) -> NotReady:
    return NotReady(object_name, found.record_id, found.name, tuple(map(str, found.problems)))

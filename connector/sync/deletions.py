"""Deleted Salesforce records: no query shows them, so the links are asked after once a day."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from connector.store.links import Link
from connector.sync.engine import Engine
from connector.sync.writeback import bury

BATCH = 400


def bury_deleted(engine: Engine) -> int:
    """Make a tombstone of every link whose Salesforce record was deleted; return how many there were."""
    object_name = engine.mapping.object_name
    buried = 0
    for links in _batches(engine.state.links.iterate(status="linked", object_name=object_name)):
        gone = engine.salesforce.deleted(object_name, [link.record_id for link in links])
        for link in links:
            if link.record_id in gone:
                bury(engine, link)
                buried += 1
    return buried


def _batches(links: Iterator[Link]) -> Iterator[list[Link]]:
    while batch := list(islice(links, BATCH)):
        yield batch

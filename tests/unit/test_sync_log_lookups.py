"""A log's detail leads to its record by the lookup of the record's object, for as long as there is that record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.salesforce import MemorySalesforce, Written
from engine.turns import share
from engine.world import World

from connector.errors import Problem, RecordRejected
from connector.names import DETAIL_LOOKUPS, SYNC_LOG_DETAIL, Detail
from connector.sync import flush, logs

Row = dict[str, Any]
TROUBLE = Problem("X", "Stage__c", "Won", "It is wrong.", "Correct it.")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def detail_of(world: World, object_name: str) -> Row:
    """Note a problem of a record of the object, and return the detail that waits to be written."""
    record, _ = share(world)
    link = world.state.links.get(record)
    assert link is not None
    run_id = logs.start_run(world.engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    logs.note_problem(world.engine, run_id, replace(link, object_name=object_name), TROUBLE)
    (known,) = world.state.problems.open_for(record)
    waiting = world.state.outbox.get(SYNC_LOG_DETAIL, known.detail_key)
    assert waiting is not None
    return {**waiting.body, Detail.KEY: known.detail_key}


@pytest.mark.parametrize(("object_name", "lookup"), [*DETAIL_LOOKUPS.items(), ("Deal__c", None)])
def test_a_detail_fills_the_lookup_that_fits_its_record(world: World, object_name: str, lookup: str | None) -> None:
    """And no other; of an object of the org's own the id as text says which record it is."""
    body = detail_of(world, object_name)
    filled = {name: body[name] for name in DETAIL_LOOKUPS.values() if name in body}
    assert filled == ({lookup: body[Detail.RECORD_ID]} if lookup else {})
    assert body[Detail.RECORD_ID]


@pytest.mark.parametrize(("object_name", "lookup"), DETAIL_LOOKUPS.items())
@pytest.mark.parametrize("code", ["INVALID_CROSS_REFERENCE_KEY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"])
def test_a_detail_of_a_record_that_is_gone_keeps_its_id(
    world: World, monkeypatch: pytest.MonkeyPatch, object_name: str, lookup: str, code: str
) -> None:
    real = MemorySalesforce.upsert

    def upsert(door: MemorySalesforce, name: str, key: str, rows: Sequence[Row]) -> Any:
        if not any(row.get(lookup) for row in rows if name == SYNC_LOG_DETAIL):
            return real(door, name, key, rows)
        return [Written(error=RecordRejected((Problem(code, "", "", "No such record.", ""),))) for _ in rows]

    body = detail_of(world, object_name)
    monkeypatch.setattr(MemorySalesforce, "upsert", upsert)
    for _ in range(3):
        world.clock.advance(timedelta(minutes=20))
        flush.flush_logs(world.engine)
    (row,) = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.KEY] == body[Detail.KEY]]
    assert (row[Detail.RECORD_ID], row[lookup]) == (body[Detail.RECORD_ID], None)
    assert world.state.outbox.count() == 0

"""Files as the state knows them, without a bucket: kept, sent and answered by hand, with their logs."""

from __future__ import annotations

from typing import Any

from engine.world import World

from connector.errors import Problem
from connector.mapping.outbound import snapshot
from connector.names import SYNC_LOG, Log
from connector.store.entries import Entry
from connector.store.links import Link
from connector.store.uploads import Upload
from connector.sync import logs
from connector.sync.flush import flush_logs

Row = dict[str, Any]
NAME = "opportunity-1_11012026120000.json"


def kept(world: World, *records: str, name: str = NAME, **facts: Any) -> str:
    """Keep a file with these records, as its run found them; return the run."""
    run_id = logs.start_run(world.engine, logs.TO_AWS, logs.OUTBOUND_RETRIEVAL)
    now = world.clock.now()
    entries = [
        Entry(one, "opportunity", run_id, {"of": one}, one, None, now, snapshot=seen(world, one), **facts)
        for one in records
    ]
    for entry in entries:
        world.state.entries.put(entry)
    world.state.runs.call(run_id, "", file_name=name)
    world.state.uploads.store(Upload(name, "opportunity", run_id, b"{}"), entries, now)
    return run_id


def seen(world: World, record_id: str) -> dict[str, str | None]:
    return snapshot(world.engine.mapping, read(world, record_id))


def read(world: World, record_id: str) -> Row:
    return world.salesforce.rows(world.engine.mapping.object_name, [record_id], world.engine.row_fields())[record_id]


def sent(world: World, *records: str, name: str = NAME, **facts: Any) -> str:
    """Have a file with these records at AWS, and its log in Salesforce; return the run."""
    run_id = kept(world, *records, name=name, **facts)
    for one in records:
        if world.state.links.get(one) is None:
            world.state.links.save(Link(one, world.engine.mapping.object_name, row=read(world, one)))
    with world.state.transaction():
        world.state.uploads.sent(name, world.clock.now())
        logs.log_file(world.engine, run_id, file_name=name)
    flush_logs(world.engine)
    return run_id


def answer(world: World, run_id: str, record_id: str, *problems: Problem, name: str = NAME) -> None:
    link = world.state.links.require(record_id)
    world.state.uploads.conclude(name, record_id, "error" if problems else "success")
    if problems:
        logs.log_problems(world.engine, run_id, link, problems)
    else:
        logs.log_success(world.engine, run_id, link, {})


def log_of(world: World, run_id: str) -> Row:
    flush_logs(world.engine)
    [found] = [row for row in world.salesforce.all(SYNC_LOG) if row[Log.KEY] == run_id]
    return found


def figures(row: Row) -> tuple[Any, ...]:
    return row[Log.STATUS], row[Log.RECORD_COUNT], row[Log.SUCCESS_COUNT], row[Log.ERROR_COUNT]

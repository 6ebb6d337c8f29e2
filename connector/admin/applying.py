"""Who carries out ``connector mapping apply``: the worker, or this process where none holds the state."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from connector.admin.context import open_runtime
from connector.admin.mapping_desk import MappingDesk
from connector.admin.mapping_ways import by_command
from connector.admin.release_desk import remember_applied
from connector.errors import MappingError
from connector.mapping.model import RecordType
from connector.service.runtime import Runtime
from connector.sync.engine import Engine
from connector.sync.mapping_apply import Counts, Scope, apply_key, apply_slice, apply_work, links_to_apply


def leave_to_worker(scope: Scope, record_type: RecordType) -> int:
    """Enqueue the run for the worker; return how many linked records it will look at."""
    with open_runtime(exclusive=False) as runtime:
        engine = _engine(runtime, record_type)
        runtime.state.queue.enqueue(apply_work(scope, record_type), engine.now())
        _remember(runtime, scope, record_type)
        return sum(1 for _ in links_to_apply(engine))


def apply_here(scope: Scope, record_type: RecordType, console: Console, *, dry_run: bool) -> Counts:
    """Look at all linked records in this process; what is to go, or to come, waits on the queue then.

    Raises Fatal (exit code 3) while a worker holds the state, unless only counting.
    """
    with open_runtime(exclusive=not dry_run) as runtime:
        engine, total = _engine(runtime, record_type), Counts()
        bar = Progress(
            TextColumn("linked records"), BarColumn(), MofNCompleteColumn(),
            console=console, disable=not console.is_terminal, transient=True,
        )  # fmt: skip
        with bar:
            task = bar.add_task("", total=sum(1 for _ in links_to_apply(engine)))
            for found in _slices(engine, scope, dry_run=dry_run):
                total.add(found)
                bar.update(task, completed=total.looked_at)
        if not dry_run:
            _remember(runtime, scope, record_type)
    return total


def _slices(engine: Engine, scope: Scope, *, dry_run: bool) -> Iterator[Counts]:
    """Go through all slices. A kill in between leaves the next slice on the queue, for whoever works next."""
    after = ""
    while True:
        counts, after = apply_slice(engine, scope, after, dry=dry_run)
        yield counts
        if not after:
            break
    if not dry_run:
        for item in engine.state.queue.list("waiting", key=apply_key(engine.record_type)):
            engine.state.queue.cancel(item.id)


def _engine(runtime: Runtime, record_type: RecordType) -> Engine:
    """Return the engine of the record type, whose mapping must be published."""
    engine = runtime.engine()
    if record_type == "opportunity":
        return engine
    if engine.leads is None:
        raise MappingError(f"No lead mapping was published yet. {by_command('publish', 'lead')} does it.")
    return engine.leads


def _remember(runtime: Runtime, scope: Scope, record_type: RecordType) -> None:
    remember_applied(MappingDesk(runtime, record_type, ""), scope)

"""``connector reconcile``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector.admin.context import JsonFlag, config, open_runtime, open_state, worker_holds_state
from connector.admin.output import people, print_json, print_table
from connector.errors import ConfigError, Fatal
from connector.names import SETTINGS, FileSettings
from connector.service.clock import make_clock
from connector.service.lease import RUNNING, Lease
from connector.service.runtime import Runtime
from connector.sync.drift import DRIFT, Kind
from connector.sync.engine import Engine
from connector.sync.flush import flush_logs
from connector.sync.reconcile import comparison_work, found, found_ids, give_up_comparison, reconcile

MOST_SHOWN = 20


def reconcile_command(
    *,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Queue what can be repaired, and open a log detail where a person must decide."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare all of Partner Central and Salesforce with what the connector knows, and tell what drifted apart.

    Without --repair nothing is changed. The worker does the same with repair once a day; while it runs, --repair asks
    it to do so now. Exit code 1 if something drifted apart that was not queued for repair.
    """
    console = people(as_json=as_json)
    if worker_holds_state():
        return _ask_worker(console, repair=repair, as_json=as_json)
    with open_runtime(exclusive=True) as runtime:
        counts, ids = _compare(runtime, console, repair=repair)
    if as_json:
        print_json({"repair": repair, "counts": counts, "found": ids})
    _show(console, counts, ids, repair=repair)
    if any(counts[kind.name.lower()] for kind in DRIFT) and not repair:
        raise typer.Exit(1)
    return None


def _ask_worker(console: Console, *, repair: bool, as_json: bool) -> None:
    if not repair:
        raise Fatal(
            "A worker has the state and compares once a day; its log and the sync logs tell what it finds. Ask it to "
            "compare now with --repair, or stop it first.",
            exit_code=3,
        )
    with open_state() as state:
        state.queue.enqueue(comparison_work(), make_clock(config().worker.clock_url).now())
    console.print("The worker compares both sides next; the sync logs tell what it finds.")
    if as_json:
        print_json({"enqueued": True})


def _compare(runtime: Runtime, console: Console, *, repair: bool) -> tuple[dict[str, int], dict[str, list[str]]]:
    engine = runtime.engine()
    if engine.channel == "files":
        raise ConfigError(
            f"Opportunities travel as files ({FileSettings.OPPORTUNITIES_OVER_S3} of {SETTINGS}), so that AWS cannot "
            "be asked what it has: its exports are compared as they come. `connector backfill --open-list FILE` takes "
            "the list of open opportunities that AWS gives to partners."
        )
    lease = Lease(engine)
    lease.acquire()
    try:
        give_up_comparison(engine)
        _walk(engine, lease, console, repair=repair)
        return found(engine), found_ids(engine)
    finally:
        flush_logs(engine)
        lease.release()


def _walk(engine: Engine, lease: Lease, console: Console, *, repair: bool) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task("comparing", total=None)
        while not reconcile(engine, repair=repair):
            # A large org takes longer than a lease lasts.
            lease.renew(RUNNING, "")


def _show(console: Console, counts: dict[str, int], ids: dict[str, Any], *, repair: bool) -> None:
    rows = [(kind.value, counts[kind.name.lower()], _some(ids.get(kind.name.lower(), []))) for kind in Kind]
    print_table(console, "Both sides compared", ("Found", "Number", "Ids"), [row for row in rows if row[1]])
    drifted = sum(counts[kind.name.lower()] for kind in DRIFT)
    if not drifted:
        console.print("Nothing drifted apart.")
    elif repair:
        console.print("What can be repaired is queued: the worker, or `connector sync`, does it. The rest has details.")
    else:
        console.print(f"{drifted} drifted apart. Repair what can be with --repair.")


def _some(ids: list[str]) -> str:
    more = f", and {len(ids) - MOST_SHOWN} more" if len(ids) > MOST_SHOWN else ""
    return ", ".join(ids[:MOST_SHOWN]) + more

"""``connector run`` and ``connector sync``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connector.admin.context import JsonFlag, config, open_runtime
from connector.admin.output import people, print_json
from connector.admin.records import checked_id
from connector.service.once import Outcome, run_once
from connector.service.runtime import Runtime
from connector.service.telemetry import configure_logging
from connector.service.worker import Worker


class Direction(StrEnum):
    outbound = "outbound"
    inbound = "inbound"


class RecordType(StrEnum):
    opportunity = "opportunity"
    lead = "lead"


def run() -> None:
    """Run the worker until it is stopped.

    systemd and containers start this. SIGTERM and SIGINT let it finish what it has in hand.
    """
    settings = config()
    configure_logging(settings.worker.log_level, json_lines=True)
    worker = Worker(settings)
    worker.stop_on_signals()
    worker.run()


def sync(
    direction: Annotated[
        Direction, typer.Argument(help="outbound: from Salesforce to AWS; inbound: from AWS to Salesforce.")
    ],
    *,
    object_: Annotated[
        RecordType, typer.Option("--object", help="What to synchronise; opportunities by default.")
    ] = RecordType.opportunity,
    record: Annotated[str, typer.Option("--record", help="Only this Salesforce record (18-character id).")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Run one direction now, in this process.

    What is due goes out whatever the automatic switches in Salesforce say. Leads, and opportunities of partners who
    exchange them over S3, travel in files of the ACE bucket: what AWS says of a file is taken as far as it is there.
    Exit code 3 while a worker runs.
    """
    console = people(as_json=as_json)
    if record:
        checked_id(record)
    with open_runtime(exclusive=True) as runtime:
        outcome = _run_with_bar(runtime, direction, object_, record, console)
    if as_json:
        print_json({"direction": direction, "object": object_, **outcome.as_json()})
    console.print(
        f"{direction}: {outcome.succeeded} done, {outcome.failed} failed, {outcome.waiting} waiting. "
        "The sync logs in Salesforce say why for each."
    )
    if outcome.failed:
        raise typer.Exit(1)


def _run_with_bar(
    runtime: Runtime, direction: Direction, record_type: RecordType, record: str, console: Console
) -> Outcome:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(direction, total=None)
        return run_once(
            runtime, direction, record_type=record_type.value, record_id=record,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip

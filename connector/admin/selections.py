"""Actions over chosen records: one named on the command line, or those of a CSV file with a column of ids."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connector.admin.context import open_runtime, worker_holds_state
from connector.admin.output import people, print_json
from connector.errors import ConfigError
from connector.salesforce.literals import id18, is_record_id
from connector.service.orders import DONE, FAILED, WAITING, Ended, carry_out, enqueue_all
from connector.store.queue import Work
from connector.sync.rights import is_id

ID_COLUMNS = ("id", "record_id", "record id", "recordid", "record_id__c")
ChosenRecord = Annotated[str, typer.Argument(help="Salesforce record id (18 characters); leave it out with --file.")]
SelectionFile = Annotated[
    Path | None, typer.Option("--file", help="CSV file with a column Id: one record per line, up to 10000.")
]
MOST, MOST_TOLD = 10_000, 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """One record, with what its line of the file says besides, by column in lower case."""

    record_id: str
    details: dict[str, str] = field(default_factory=dict)


def chosen_records(record_id: str, file: Path | None) -> list[Chosen]:
    """Return the records that a command is about; a line that a file has twice, once.

    Raises:
        ConfigError: neither or both are given, the file cannot be read or has no column of ids, or something in it is
            no id; all wrong lines are told at once.
    """
    if bool(record_id) is (file is not None):
        raise ConfigError("Name one record, or give --file with a CSV file.")
    if file is None:
        if not is_id(record_id):
            raise ConfigError(
                f"{record_id!r} is not a Salesforce record id of 18 characters. Copy it from the record's address."
            )
        return [Chosen(record_id)]
    found = _read(file)
    wrong = [f"line {number}: {one.record_id!r}" for number, one in found if not is_record_id(one.record_id)]
    if wrong:
        raise ConfigError(f"{file} has no record ids in {', '.join(wrong[:MOST_TOLD])}. Correct these lines.")
    if not found:
        raise ConfigError(f"{file} names no records. Give it a column Id with one record per line.")
    if len(found) > MOST:
        raise ConfigError(f"{file} has {len(found)} lines; {MOST} are taken at a time. Split it.")
    # Reports give ids in their short form.
    named = [replace(one, record_id=id18(one.record_id)) for _, one in found]
    return list({(one.record_id, *sorted(one.details.items())): one for one in named}.values())


def _read(file: Path) -> list[tuple[int, Chosen]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, delimiter=_delimiter(opened.readline()))
            opened.seek(0)
            columns = {name: name.strip().lower() for name in reader.fieldnames or () if name}
            key = next((name for name, plain in columns.items() if plain in ID_COLUMNS), None)
            if key is None:
                raise ConfigError(f"{file} has no column Id. Give its first line the names of the columns.")
            return [(reader.line_num, _chosen(line, key, columns)) for line in reader if any(line.values())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file} cannot be read: {error}. Name a CSV file in UTF-8.") from error


def _delimiter(heading: str) -> str:
    """Return what separates the columns: spreadsheets of some countries write semicolons, others tabs."""
    return max(",;\t", key=heading.count)


def _chosen(line: dict[str, str], key: str, columns: dict[str, str]) -> Chosen:
    details = {plain: (line.get(name) or "").strip() for name, plain in columns.items() if name != key}
    return Chosen((line.get(key) or "").strip(), details)


def act(
    chosen: Sequence[Chosen], work_of: Callable[[Chosen], Work], *, as_json: bool, and_kinds: Sequence[str] = ()
) -> None:
    """Carry out work for each record and print one line for each; with a worker running, leave it on its queue.

    Args:
        work_of: the work for a record. Raises ConfigError where its details do not do.
        and_kinds: kinds of items that belong to that work.

    Raises:
        ConfigError: before anything is done.
        typer.Exit: code 1, if it failed for some.
    """
    console = people(as_json=as_json)
    works = _distinct(work_of(one) for one in chosen)
    if worker_holds_state():
        with open_runtime(exclusive=False) as runtime:
            enqueue_all(runtime, works)
        for work in works:
            console.print(f"{work.key} is on the worker's queue; its sync log will say what became of it.")
        if as_json:
            print_json({"left_to_worker": True, "records": [{"record": work.key} for work in works]})
        return
    with open_runtime(exclusive=True) as runtime, _bar(console, shown=len(works) > 1) as bar:
        task = bar.add_task("records", total=len(works))
        ended = carry_out(
            runtime, works, and_kinds=and_kinds, progress=lambda done, _: bar.update(task, completed=done)
        )
    _tell(console, ended, as_json=as_json)


def _distinct(works: Iterable[Work]) -> list[Work]:
    """Return the work for each record once.

    Raises:
        ConfigError: two lines about one record say different things.
    """
    found: dict[str, Work] = {}
    for work in works:
        if found.setdefault(work.key, work) != work:
            raise ConfigError(f"{work.key} is named twice, with different details. Keep one of its lines.")
    return list(found.values())


def _bar(console: Console, *, shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not (shown and console.is_terminal), transient=True,
    )  # fmt: skip


def _tell(console: Console, ended: Sequence[Ended], *, as_json: bool) -> None:
    for one in ended:
        console.print(f"{one.record_id}: {one.state}. {one.message}", markup=False)
    counts = {state: sum(one.state == state for one in ended) for state in (DONE, FAILED, WAITING)}
    if len(ended) > 1:
        console.print(", ".join(f"{count} {state}" for state, count in counts.items()))
    if as_json:
        records = [{"record": one.record_id, "state": one.state, "message": one.message} for one in ended]
        print_json({"left_to_worker": False, "records": records, **counts})
    if counts[FAILED]:
        raise typer.Exit(1)

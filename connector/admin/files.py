"""``connector files``: the files that travel through the ACE bucket."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from connector.admin.context import JsonFlag, config, open_runtime, open_state, worker_holds_state
from connector.admin.mapping_options import RecordKind
from connector.admin.output import people, print_json, print_table
from connector.aws.exchange_budget import UPLOADS
from connector.errors import ConfigError, RecordGone, Refused
from connector.service.clock import make_clock
from connector.store.state import State
from connector.store.uploads import Upload
from connector.sync.engine import TYPE, Engine
from connector.sync.exchange.arrivals import enqueue_file
from connector.sync.exchange.figures import FileFigures, age, figures_in_words, file_figures
from connector.sync.exchange.replay import fetch_result, replay

files_app = typer.Typer(no_args_is_help=True, help="The files that travel through the ACE bucket.")
results_app = typer.Typer(no_args_is_help=True, help="AWS's answers to the files that were sent.")
files_app.add_typer(results_app, name="results")
ObjectFlag = Annotated[
    RecordKind | None, typer.Option("--object", help="What the file is about; by default either is looked for.")
]
DateFlag = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="The day (UTC) of the archive; without it all of it is read."),
]
_MOST_ENTRIES = 1000
_MOST_UNSENT = 20
"""They come with their bytes; the figures count all of them."""
_TO_AWS = {
    "name": "File", "type": "Of", "records": "Records", "sent_at": "Sent (UTC)", "waits": "Waits", "log": "Log",
    "status": "Status",
}  # fmt: skip
_FROM_AWS = {
    "key": "File", "type": "Of", "modified_at": "There since (UTC)", "records": "Records", "log": "Log",
    "status": "Status", "reason": "Reason",
}  # fmt: skip
_TIMES = frozenset({"sent_at", "modified_at", "since"})
_WAITING = {"record": "Record", "type": "Of", "apn_id": "AWS id", "since": "Since (UTC)"}
_STUCK = "Stuck: AWS's result did not come. Deleting the file's sync log in Salesforce lets its records go out again."


def figures_now(state: State, now: datetime) -> FileFigures:
    """Return how the exchange of files stands, the files of the last 24 hours against AWS's limit included."""
    spent = state.ledger.spent(UPLOADS, now - timedelta(days=1))
    return file_figures(state, (spent, config().aws.exchange.files_per_day))


@files_app.command("list")
def list_files(*, as_json: JsonFlag = False) -> None:
    """List what is under way: files without AWS's result, AWS's files that are open or unreadable, waiting records.

    Nobody is asked: it is what the state knows.
    """
    now = make_clock(config().worker.clock_url).now()
    with open_state() as state:
        figures = figures_now(state, now)
        sent = [_sent(state, one, now) for one in _under_way(state)]
        received = list(_received(state))
        waiting = list(_waiting(state))
    if as_json:
        print_json({"figures": asdict(figures), "sent": sent, "received": received, "waiting": waiting})
        return
    _print(people(), sent, received, waiting)
    people().print(figures_in_words(figures, now) or "No file is under way.")


@files_app.command("replay")
def replay_file(
    name: Annotated[str, typer.Argument(help="Name of a file that AWS wrote, with or without its folder.")],
    *,
    object_: ObjectFlag = None,
    date_: DateFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Have a file of AWS's outbound archive worked off once more, such as one that was deleted too early.

    What Salesforce has already is not made twice, and what it has of a later date is not written over.
    """
    with open_runtime(exclusive=False) as runtime:
        key = _of_each(runtime.engine(), name, object_, lambda engine, file: replay(engine, file, day=_day(date_)))
    if as_json:
        print_json({"key": key, "left_to_worker": worker_holds_state()})
    people(as_json=as_json).print(f"{key} is queued. {_who_works()}", markup=False)


@files_app.command("retry")
def retry_file(
    key: Annotated[str, typer.Argument(help="Key of a file that cannot be read, as `files list` shows it.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Have a file of AWS that could not be read, and that still lies in the bucket, read once more."""
    with open_runtime(exclusive=False) as runtime:
        engine = runtime.engine()
        downloads = engine.state.downloads
        found = [one for one in downloads.unreadables() if one.key == key]
        if not found:
            raise Refused(f"{key} is no file that could not be read. `connector files list` shows those that are.")
        with engine.state.transaction():
            for one in found:
                downloads.repeat(one.key, one.etag)
                enqueue_file(engine, one.key, one.etag)
    if as_json:
        print_json({"key": key, "left_to_worker": worker_holds_state()})
    people(as_json=as_json).print(f"{key} is read again. {_who_works()}", markup=False)


@results_app.command("fetch")
def fetch_answer(
    name: Annotated[str, typer.Argument(help="Name of a file that was sent, or of AWS's answer to it.")],
    *,
    date_: DateFlag = None,
) -> None:
    """Print AWS's answer to a file of ours from the archive, as AWS wrote it; nothing is worked off."""
    with open_runtime(exclusive=False) as runtime:
        text = fetch_result(runtime.engine(), name.rpartition("/")[2], _day(date_))
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _of_each(engine: Engine, name: str, chosen: RecordKind | None, work: Callable[[Engine, str], str]) -> str:
    """Do the work for the type of record that was chosen or that the folder names; otherwise for the first that has
    the file.

    Raises:
        ConfigError: there is no such file, or leads are not mapped.
    """
    folder, _, file = name.rpartition("/")
    kind = chosen or next((one for one in RecordKind if folder.startswith(f"{one.value}-")), None)
    engines = [engine, *([engine.leads] if engine.leads else [])]
    if kind is not None:
        engines = [engine.engine_for("", {TYPE: kind.value})]
    refusal = ""
    for one in engines:
        try:
            return work(one, file)
        except RecordGone as error:
            refusal = str(error)
    raise ConfigError(refusal)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _who_works() -> str:
    if worker_holds_state():
        return "The worker works it off."
    return "`connector run` or `connector sync inbound` works it off."


def _under_way(state: State) -> Iterator[Upload]:
    """Yield the files that AWS does not have for certain, and those it has not answered."""
    for record_type in ("opportunity", "lead"):
        yield from state.uploads.to_send(record_type, limit=_MOST_UNSENT)
    yield from state.uploads.unanswered()


def _sent(state: State, upload: Upload, now: datetime) -> dict[str, Any]:
    since = upload.sent_at
    return {
        "name": upload.name,
        "type": upload.record_type,
        "status": "stuck" if upload.told_at else "waits for AWS's result" if since else "to be sent",
        "records": [one.record_id for one in state.uploads.records(upload.name)],
        "sent_at": since and since.isoformat(timespec="seconds"),
        "waits": age(since, now) if since else None,
        "log": upload.run_id,
    }


def _received(state: State) -> Iterator[dict[str, Any]]:
    for file in (*state.downloads.open(), *state.downloads.unreadables()):
        yield {
            "key": file.key,
            "type": file.record_type,
            "status": file.status,
            "modified_at": file.modified_at.isoformat(timespec="seconds"),
            "records": state.downloads.counts(file.key, file.etag),
            "log": file.run_id or None,
            "reason": file.reason,
        }


def _waiting(state: State) -> Iterator[dict[str, Any]]:
    for record_type in ("opportunity", "lead"):
        for one in state.entries.waiting(record_type, _MOST_ENTRIES):
            since = one.put_at.isoformat(timespec="seconds")
            yield {"record": one.record_id, "type": record_type, "apn_id": one.apn_id, "since": since}


def _print(
    console: Console, sent: list[dict[str, Any]], received: list[dict[str, Any]], waiting: list[dict[str, Any]]
) -> None:
    told = [{**one, "records": len(one["records"])} for one in sent]
    _table(console, "To AWS", _TO_AWS, told)
    if any(one["status"] == "stuck" for one in sent):
        console.print(_STUCK)
    _table(console, "From AWS", _FROM_AWS, [{**one, "records": _numbers(one["records"])} for one in received])
    _table(console, "To go into a file", _WAITING, waiting)


def _table(console: Console, title: str, columns: Mapping[str, str], rows: list[dict[str, Any]]) -> None:
    if rows:
        cells = [[_short(row[name]) if name in _TIMES else row[name] for name in columns] for row in rows]
        print_table(console, title, tuple(columns.values()), cells)


def _short(moment: str | None) -> str | None:
    return moment and moment[:16].replace("T", " ")


def _numbers(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))

"""``connector queue`` and ``connector logs``."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Annotated, Any

import typer

from connector.admin.context import JsonFlag, config, open_runtime, open_state
from connector.admin.files import figures_now
from connector.admin.output import people, print_json, print_table
from connector.errors import Refused
from connector.names import SYNC_LOG, SYNC_LOG_DETAIL, Detail, Log
from connector.service.clock import make_clock
from connector.sync.exchange.figures import figures_in_words
from connector.sync.log_storage import MOST_PURGED, finished_logs, purge
from connector.sync.queueing import OUTBOUND
from connector.sync.requests import forget_request

queue_app = typer.Typer(no_args_is_help=True, help="The durable queue.")
logs_app = typer.Typer(no_args_is_help=True, help="The sync logs in Salesforce.")
ItemId = Annotated[int, typer.Argument(help="Id of a queue item, as `queue list` prints it.")]


class QueueState(Enum):
    """The states of the queue's items."""

    waiting = "waiting"
    leased = "leased"
    held = "held"
    done = "done"
    failed = "failed"


@queue_app.command("list")
def queue_list(
    *,
    state: Annotated[QueueState | None, typer.Option(help="Only items of this state.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List work items, the next to run first."""
    with open_state() as opened:
        items = opened.queue.list(None if state is None else state.value, limit)
        counts, now = opened.queue.counts(), make_clock(config().worker.clock_url).now()
        figures = figures_now(opened, now)
    if as_json:
        print_json({"counts": counts, "files": dataclasses.asdict(figures), "items": [_item(item) for item in items]})
        return
    rows = [
        (one.id, one.kind, one.key, one.state, one.attempts, f"{one.retry_at:%Y-%m-%d %H:%M:%S}", one.reason)
        for one in items
    ]
    print_table(people(), "", ("Id", "Work", "Record", "State", "Attempts", "Due (UTC)", "Reason"), rows)
    people().print(", ".join(f"{count} {name}" for name, count in counts.items()))
    if told := figures_in_words(figures, now):
        people().print(told)


@queue_app.command("show")
def queue_show(item_id: ItemId) -> None:
    """Show one work item as JSON."""
    with open_state() as state:
        item = state.queue.get(item_id)
    if item is None:
        raise Refused(f"There is no queue item {item_id}. List the queue for the ids that exist.")
    print_json(_item(item))


@queue_app.command("retry")
def queue_retry(item_id: ItemId) -> None:
    """Let an item that failed, is held or waits for its time run now."""
    with open_state() as state:
        state.queue.requeue(item_id, make_clock(config().worker.clock_url).now())
    people().print(f"Item {item_id} runs next.")


@queue_app.command("release")
def queue_release(item_id: ItemId) -> None:
    """Let a held item go on."""
    with open_state() as state:
        released = state.queue.release(item_id, make_clock(config().worker.clock_url).now())
    if not released:
        raise Refused(f"Queue item {item_id} is not held.")
    people().print(f"Item {item_id} goes on.")


@queue_app.command("cancel")
def queue_cancel(item_id: ItemId) -> None:
    """End an item undone."""
    with open_state() as state:
        item = state.queue.get(item_id)
        state.queue.cancel(item_id)
        if item is not None and item.kind == OUTBOUND:
            forget_request(state, item.key)
    people().print(f"Item {item_id} was cancelled.")


def _item(item: Any) -> dict[str, Any]:
    return dataclasses.asdict(item)


@logs_app.command("list")
def logs_list(
    *,
    errors: Annotated[bool, typer.Option("--errors", help="Only runs with records that failed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=2000, help="At most so many.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List the newest sync logs."""
    fields = (
        Log.KEY,
        Log.DIRECTION,
        Log.PURPOSE,
        Log.STATUS,
        Log.RECORD_COUNT,
        Log.SUCCESS_COUNT,
        Log.ERROR_COUNT,
        "CreatedDate",
    )
    where = f" WHERE {Log.STATUS} IN ('Error', 'Partial')" if errors else ""
    soql = f"SELECT {', '.join(fields)} FROM {SYNC_LOG}{where} ORDER BY CreatedDate DESC, Name DESC LIMIT {limit}"  # noqa: S608
    _print_rows(
        soql, fields, ("Log", "Direction", "Purpose", "Status", "Records", "Good", "Bad", "Created"), as_json=as_json
    )


@logs_app.command("show")
def logs_show(
    log_key: Annotated[str, typer.Argument(help="Key of a sync log, as `logs list` prints it.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show the details of one sync log."""
    if not log_key.replace("-", "").isalnum():
        raise Refused(f"{log_key!r} is not the key of a sync log. List the logs for the keys that exist.")
    fields = (
        Detail.KEY,
        Detail.RECORD_ID,
        Detail.APN_ID,
        Detail.STATUS,
        Detail.ERROR_CODE,
        Detail.ERROR_MESSAGE,
        Detail.LAST_SEEN,
    )
    where = f"{Detail.LOG_REF}.{Log.KEY} = '{log_key}'"
    soql = f"SELECT {', '.join(fields)} FROM {SYNC_LOG_DETAIL} WHERE {where} ORDER BY Name"  # noqa: S608
    _print_rows(
        soql,
        fields,
        ("Detail", "Record", "AWS id", "Status", "Code", "Message", "Last seen"),
        as_json=as_json,
        missing=f"No sync log {log_key} has details. List the logs for the keys that exist.",
    )


@logs_app.command("purge")
def logs_purge(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete finished sync logs with their details, up to 4000 in one go, when the org runs out of storage.

    Only logs of status API Success or Processed go, the oldest first; Error and Partial stay, and so does every log
    below which something is still open, and that of a file without AWS's answer: whoever deletes that one releases the
    file's records. The records of the logs are not touched.
    """
    console = people(as_json=as_json)
    with open_runtime(exclusive=False) as runtime:
        engine = runtime.engine()
        found = finished_logs(engine)
        if found and not yes:
            typer.confirm(f"Delete {len(found)} sync logs with their details?", abort=True, err=as_json)
        deleted = purge(engine, found)
    console.print(f"{deleted} sync logs were deleted.")
    if len(found) == MOST_PURGED:
        console.print("There may be more: repeat the command.")
    if as_json:
        print_json({"deleted": deleted, "failed": len(found) - deleted})
    if deleted < len(found):
        raise typer.Exit(1)


def _print_rows(
    soql: str, fields: tuple[str, ...], titles: tuple[str, ...], *, as_json: bool, missing: str = ""
) -> None:
    with open_runtime(exclusive=False) as runtime:
        rows = list(runtime.salesforce.query(soql))
    if missing and not rows:
        raise Refused(missing)
    if as_json:
        print_json([{name: row.get(name) for name in fields} for row in rows])
    else:
        print_table(people(), "", titles, [[row.get(name) for name in fields] for row in rows])

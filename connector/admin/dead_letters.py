"""``connector dlq``: events that could not be delivered or read, and having them worked off after all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from connector.ace.events import Event, MalformedEvent, parse_message
from connector.admin.context import JsonFlag, config, open_state, worker_holds_state
from connector.admin.output import people, print_json, print_table
from connector.aws.queue import Message, QueueDoor
from connector.errors import ConfigError, Refused
from connector.service.clock import make_clock
from connector.service.listening import open_queue
from connector.sync.events import Arrival, take_in

dlq_app = typer.Typer(no_args_is_help=True, help="The dead-letter queue of AWS's events.")
HIDDEN_SECONDS = 60
"""For how long messages are kept from others while a command looks at them."""


@dlq_app.command("list")
def dlq_list(
    *, limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100, as_json: JsonFlag = False
) -> None:
    """List events that could not be delivered or read, with the error; nothing is removed."""
    with _held(limit) as (_, messages):
        found = [_shown(one) for one in messages]
    if as_json:
        print_json(found)
        return
    rows = [[one[name] for name in ("id", "kind", "entity", "sent_at", "error_code", "error")] for one in found]
    print_table(people(), "", ("Id", "Event", "About", "Sent (UTC)", "Code", "Error"), rows)
    people().print(f"{len(found)} dead letters.")


@dlq_app.command("replay")
def dlq_replay(
    message_id: Annotated[str, typer.Argument(help="Id of a dead letter, as `dlq list` prints it.")] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Replay all of them.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Have dead letters worked off, and remove those that were taken.

    They are worked off even if their event was known before. What still cannot be read stays; exit code 1 then.
    """
    if bool(message_id) is everything:
        raise ConfigError("Name one dead letter by its id, or give --all.")
    with _held(1000) as (door, messages):
        chosen = [one for one in messages if everything or one.id == message_id]
        if message_id and not chosen:
            raise Refused(f"There is no dead letter {message_id}. List them for the ids that exist.")
        results = [_replay(door, one) for one in chosen]
        messages[:] = [one for one in messages if one.id not in {done["id"] for done in results if not done["error"]}]
    _print(results, as_json=as_json)


def _print(results: list[dict[str, str]], *, as_json: bool) -> None:
    failed = [one for one in results if one["error"]]
    if as_json:
        print_json({"replayed": len(results) - len(failed), "failed": failed})
    console = people(as_json=as_json)
    for one in failed:
        console.print(f"{one['id']} stays: {one['error']}", markup=False)
    when = "The worker works them off." if worker_holds_state() else "`connector run` or `sync inbound` works them off."
    console.print(f"{len(results) - len(failed)} dead letters were taken in. {when}", markup=False)
    if failed:
        raise typer.Exit(1)


def _replay(door: QueueDoor, message: Message) -> dict[str, str]:
    """Keep the event and remove the letter, in this order; return why it could not be done, if so."""
    try:
        event = parse_message(message.body, message.id)
    except MalformedEvent as error:
        return {"id": message.id, "error": str(error)}
    now = make_clock(config().worker.clock_url).now()
    with open_state() as state:
        take_in(state, [Arrival(event)], now, again=True)
    door.delete([message])
    return {"id": message.id, "error": ""}


@contextmanager
def _held(limit: int) -> Iterator[tuple[QueueDoor, list[Message]]]:
    """Give the dead letters; those that are still in the list afterwards are given back.

    Raises:
        ConfigError: no dead-letter queue is configured, or it does not exist.
    """
    section = config().aws.events
    if not section.dead_letter_queue_url:
        raise ConfigError("There is no dead-letter queue: give its address as [aws.events] dead_letter_queue_url.")
    door = open_queue(section, section.dead_letter_queue_url)
    messages: list[Message] = []
    try:
        known: set[str] = set()
        while len(messages) < limit:
            found = [one for one in door.receive(wait_seconds=1, hidden_seconds=HIDDEN_SECONDS) if one.id not in known]
            if not found:
                break
            known.update(one.id for one in found)
            messages += found
        yield door, messages
    finally:
        door.give_back(messages)
        door.close()


def _shown(message: Message) -> dict[str, Any]:
    event, fault = _read(message)
    told = message.attributes
    return {
        "id": message.id,
        "event_id": event.id if event else None,
        "kind": event.kind if event else None,
        "entity": event.entity_id if event else None,
        "catalog": event.catalog if event else None,
        "sent_at": message.sent_at.isoformat(timespec="seconds") if message.sent_at else None,
        "received": message.received,
        "error_code": told.get("ERROR_CODE") or ("MALFORMED_EVENT" if fault else None),
        "error": told.get("ERROR_MESSAGE") or fault or None,
        "rule": told.get("RULE_ARN"),
        "target": told.get("TARGET_ARN"),
    }


def _read(message: Message) -> tuple[Event | None, str]:
    try:
        return parse_message(message.body, message.id), ""
    except MalformedEvent as error:
        return None, str(error)

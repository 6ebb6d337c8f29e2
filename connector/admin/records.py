"""Commands about one record: ``preview``, ``action``, ``forget``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from connector.admin.context import JsonFlag, open_runtime, open_state, worker_holds_state
from connector.admin.inbound_preview import show_inbound
from connector.admin.mapping_ways import by_command
from connector.admin.output import people, print_json, spell
from connector.admin.previewing import lead_mapping, preview_record, type_of
from connector.admin.selections import ChosenRecord, SelectionFile, act, chosen_records
from connector.eligibility.verdict import explain
from connector.errors import ConfigError, MappingError
from connector.mapping.model import Mapping, from_document
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.service.once import run_once
from connector.service.runtime import OPPORTUNITY, Runtime
from connector.store.state import State
from connector.sync import logs
from connector.sync.orders import refresh_order
from connector.sync.plan import Action, Await, Create, Hold, Reject, Settle, Update
from connector.sync.preview import Passage, Preview
from connector.sync.queueing import OUTBOUND
from connector.sync.requests import share_work

action_app = typer.Typer(no_args_is_help=True, help="The sellers' actions, from the command line.")
RecordId = Annotated[str, typer.Argument(help="Salesforce record id (18 characters).")]


def preview(
    record_id: RecordId,
    *,
    draft: Annotated[
        bool, typer.Option("--draft", help="Use the draft of the mapping instead of the published one.")
    ] = False,
    inbound: Annotated[
        Path | None,
        typer.Option("--inbound", help="JSON of AWS's (GetOpportunity, or a bucket's file): show what it would bring."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what would happen to one record, and why; nothing is sent.

    Prints the verdict with every condition, the plan, and the exact payload: the request of Partner Central's API, or
    the record as its file in the ACE bucket would have it. With --inbound, what AWS's answer or file would bring to
    each mapped field.
    """
    console, record = people(as_json=as_json), checked_id(record_id)
    with open_runtime(exclusive=False) as runtime:
        mapping = lead_mapping(runtime, record, by_command, draft=draft)
        mapping = mapping or (_draft(runtime.state) if draft else runtime.mapping())
        engine = runtime.engine(mapping)
        left_out = runtime.use_mapping(engine, mapping)
        if inbound is not None:
            return show_inbound(engine, record, inbound, console, left_out, as_json=as_json)
        shown = preview_record(engine, record, left_out)
    if as_json:
        print_json(_as_json(shown))
    else:
        _show(console, shown)
    return None


def _draft(state: State) -> Mapping:
    document = state.mappings.draft(OPPORTUNITY)
    if document is None:
        raise MappingError(
            "There is no draft of the opportunity mapping. Change the mapping first, or leave out --draft."
        )
    return from_document(document)


def checked_id(record_id: str) -> str:
    """Return the id. Raises ConfigError for anything but 18 letters and digits."""
    if len(record_id) != 18 or not record_id.isalnum():
        raise ConfigError(
            f"{record_id!r} is not a Salesforce record id of 18 characters. Copy it from the record's address."
        )
    return record_id


def _as_json(shown: Preview) -> dict[str, Any]:
    return {
        "record": shown.record_id,
        "due": shown.verdict.due,
        "code": shown.verdict.code,
        "reason": shown.verdict.reason,
        "conditions": [dataclasses.asdict(condition) for condition in shown.verdict.conditions],
        "share_rule": shown.ruling,
        "plan": described_plan(shown),
        "payload": shown.payload,
        "fields": [_passage_json(one) for one in shown.fields],
        "problems": [dataclasses.asdict(problem) for problem in shown.problems],
    }


def _passage_json(one: Passage) -> dict[str, Any]:
    return {
        "ace_field": one.ace_field, "salesforce_field": one.path, "salesforce_value": one.salesforce_value,
        "ace_value": one.ace_value, "json_path": one.json_path, "json_value": one.json_value,
        "fallback": one.fallback, "problems": [dataclasses.asdict(problem) for problem in one.problems],
    }  # fmt: skip


def _show(console: Console, shown: Preview) -> None:
    console.print(explain(shown.verdict), markup=False)
    if shown.ruling:
        console.print(f"{shown.ruling}.", markup=False)
    console.print("\nPlan")
    for step in described_plan(shown):
        console.print(f"  {step}", markup=False)
    console.print()
    console.print("Fields: Salesforce → ACE → request")
    for one in shown.fields:
        if one.salesforce_value is not None or one.ace_value is not None or one.problems:
            console.print("\n".join(_passage_lines(one)), markup=False)
    for problem in shown.problems:
        console.print(str(problem), markup=False)
    if shown.payload is not None:
        console.print("\nPayload")
        console.print_json(data=shown.payload, default=str)


def _passage_lines(one: Passage) -> Iterator[str]:
    """Yield a field's line, and one per thing to know of it."""
    request = "" if not one.json_path else f" → {one.json_path}"
    value = "" if one.json_value is None else f": {spell(one.json_value)}"
    yield f"  {one.path}: {spell(one.salesforce_value)} → {one.ace_field}: {spell(one.ace_value)}{request}{value}"
    if one.fallback:
        yield f"      fallback: the field is empty, {one.fallback} stands in"
    for problem in one.problems:
        yield f"      ! {problem}"


def described_plan(shown: Preview) -> list[str]:
    """Return what would be done, in words."""
    return [*map(describe_action, shown.actions), *shown.steps]


def describe_action(action: Action) -> str:
    """Return a planned action in words."""
    match action:
        case Create():
            return "create the opportunity at AWS, associate its solutions and products, submit it"
        case Update(changes=changes):
            return f"update at AWS: {', '.join(changes)}"
        case Reject(problems=problems):
            return "refuse:\n    " + "\n    ".join(str(problem) for problem in problems)
        case Hold(problem=problem) | Await(problem=problem):
            return f"wait: {problem.rule}"
        case Settle(locked=locked):
            return "nothing differs at AWS" + (
                f"; not taken by AWS: {', '.join(p.field for p in locked)}" if locked else ""
            )
        case _:
            return f"{type(action).__name__.lower()}: {', '.join(str(v) for v in dataclasses.asdict(action).values())}"


@action_app.command("share")
def share(record_id: ChosenRecord = "", *, file: SelectionFile = None, as_json: JsonFlag = False) -> None:
    """Share records with AWS, or send their edits, now. A lead that AWS referred goes out in a file.

    With a worker running, the worker does it, ahead of everything else.
    """
    if file is not None:
        chosen = chosen_records(record_id, file)
        return act(chosen, lambda one: share_work(one.record_id), as_json=as_json, and_kinds=(OUTBOUND,))
    record = checked_id(record_id)
    console = people(as_json=as_json)
    if worker_holds_state():
        with open_runtime(exclusive=False) as runtime:
            runtime.state.queue.enqueue(share_work(record), runtime.clock.now())
        console.print(f"{record} is on the worker's queue; its sync log will say what became of it.")
        if as_json:
            print_json({"record": record, "left_to_worker": True})
        return None
    with open_runtime(exclusive=True) as runtime:
        outcome = run_once(runtime, "outbound", record_type=type_of(runtime, record), record_id=record)
        reasons = list(_open_reasons(runtime, record))
    console.print(f"{record}: {outcome.succeeded} done, {outcome.failed} failed, {outcome.waiting} waiting.")
    for reason in reasons:
        console.print(f"  {reason['code']}: {reason['message']}", markup=False)
    if as_json:
        print_json({"record": record, "left_to_worker": False, "open_reasons": reasons, **outcome.as_json()})
    if outcome.failed or any(reason["status"] == logs.ERROR for reason in reasons):
        raise typer.Exit(1)
    return None


@action_app.command("refresh")
def refresh(record_id: ChosenRecord = "", *, file: SelectionFile = None, as_json: JsonFlag = False) -> None:
    """Bring in what AWS has for records now, whether or not it changed. An edit that was not sent yet stays.

    With a worker running, the worker does it, ahead of everything else.
    """
    act(chosen_records(record_id, file), lambda one: refresh_order(one.record_id), as_json=as_json)


def _open_reasons(runtime: Runtime, record_id: str) -> Iterator[dict[str, str]]:
    """Yield what the record's open log details say, as they stand in Salesforce: the state keeps no values."""
    fields = (Detail.STATUS, Detail.ERROR_CODE, Detail.ERROR_MESSAGE)
    rows = runtime.salesforce.query(
        f"SELECT {', '.join(fields)} FROM {SYNC_LOG_DETAIL} "  # noqa: S608 - an id
        f"WHERE {Detail.RECORD_ID} = '{record_id}' AND {Detail.STATUS} IN ({logs.OPEN_STATUSES})"
    )
    for row in rows:
        status, code, message = (str(row[name] or "") for name in fields)
        yield {"status": status, "code": code, "message": message}


def forget(record_id: RecordId) -> None:
    """Remove the content of one record from the state.

    Identifiers stay, so that nothing is duplicated. What Salesforce and AWS hold is not touched.
    """
    with open_state() as state:
        if not (state.links.get(record_id) or state.queue.list(key=record_id)):
            raise ConfigError(f"The state knows no record {record_id!r}. Give its id of 18 characters.")
        state.forget(record_id)
        backups = state.backups()
    console = people()
    console.print(f"The state holds no content of {record_id} any more.")
    for backup in backups:
        console.print(f"A copy made before an upgrade may still hold it: {backup}. Delete it if it is not needed.")

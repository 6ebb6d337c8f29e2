"""``connector logs edit``, ``retry`` and ``corrections``: a payload from AWS is corrected and processed again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from connector.admin.context import JsonFlag, open_runtime, open_state
from connector.admin.operations import logs_app
from connector.admin.output import people, print_json, print_table
from connector.errors import ConfigError
from connector.names import SYNC_LOG_DETAIL, Detail, Log
from connector.salesforce.door import SalesforceDoor
from connector.sync import logs
from connector.sync.corrections import changes_of
from connector.sync.ports import Row

DetailKey = Annotated[str, typer.Argument(help="Key of a log detail, as `logs show` prints it.")]
_KEY = re.compile(r"[A-Za-z0-9:._-]{1,120}")
_NEXT = "The worker processes it at its next look; without a worker, `connector sync inbound` does."


@logs_app.command("edit")
def edit(
    detail_key: DetailKey,
    *,
    payload: Annotated[
        Path | None, typer.Option("--payload", help="File with the corrected payload; without it an editor opens.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Correct the payload of a record from AWS that failed, and have it processed again.

    What is corrected is used for later payloads of the record too, until AWS's own value becomes valid.
    """
    console = people(as_json=as_json)
    with open_runtime(exclusive=False) as runtime:
        row = _detail(runtime.salesforce, detail_key)
        if (row[Detail.LOG_REF] or {}).get(Log.DIRECTION) != logs.FROM_AWS:
            raise ConfigError(f"{detail_key} is of what went to AWS. Correct the record itself; it is sent by itself.")
        before = str(row[Detail.CORRECTED_PAYLOAD] or row[Detail.PAYLOAD] or "")
        text = _edited(before) if payload is None else _read(payload)
        changes = changes_of(str(row[Detail.APN_ID] or row[Detail.RECORD_ID]), str(row[Detail.PAYLOAD] or ""), text)
        _write(runtime.salesforce, row, {Detail.CORRECTED_PAYLOAD: text, Detail.REPROCESS: True})
    if as_json:
        print_json({"detail": detail_key, "corrected": sorted(changes)})
    for name, (source, value) in changes.items():
        console.print(f"{name}: {source!s} → {value!s}", markup=False)
    console.print(f"The corrected payload is saved. {_NEXT}")


@logs_app.command("retry")
def retry(detail_key: DetailKey) -> None:
    """Have the record of a log detail processed again, with its corrected payload where it has one."""
    with open_runtime(exclusive=False) as runtime:
        row = _detail(runtime.salesforce, detail_key)
        _write(runtime.salesforce, row, {Detail.REPROCESS: True})
    people().print(f"{detail_key} is ticked to be processed again. {_NEXT}")


@logs_app.command("corrections")
def corrections(
    *,
    drop: Annotated[str, typer.Option("--drop", help="AWS id/field of a correction to forget.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """List the corrections that are in force, or forget one."""
    with open_state() as state:
        if drop:
            apn_id, _, name = drop.partition("/")
            if not state.corrections.drop(apn_id, name):
                raise ConfigError(f"There is no correction {drop!r}. Write it as the list does: O1234567/stage.")
        found = state.corrections.all()
    rows = [(one.apn_id, one.ace_field, one.source, one.corrected, f"{one.made_at:%Y-%m-%d %H:%M}") for one in found]
    if as_json:
        print_json(
            [dict(zip(("apn_id", "ace_field", "source", "corrected", "made_at"), row, strict=True)) for row in rows]
        )
    else:
        print_table(people(), "", ("AWS id", "AWS field", "From AWS", "Corrected", "Made (UTC)"), rows)


def _detail(salesforce: SalesforceDoor, detail_key: str) -> Row:
    if not _KEY.fullmatch(detail_key):
        raise ConfigError(f"{detail_key!r} is not the key of a log detail. `connector logs show` lists keys.")
    fields = (
        Detail.PAYLOAD,
        Detail.CORRECTED_PAYLOAD,
        Detail.RECORD_ID,
        Detail.APN_ID,
        f"{Detail.LOG_REF}.{Log.DIRECTION}",
    )
    soql = f"SELECT Id, {', '.join(fields)} FROM {SYNC_LOG_DETAIL} WHERE {Detail.KEY} = '{detail_key}'"  # noqa: S608
    row = next(iter(salesforce.query(soql)), None)
    if row is None:
        raise ConfigError(f"There is no log detail {detail_key}. `connector logs show` lists keys.")
    return row


def _edited(text: str) -> str:
    edited = click.edit(text, extension=".json")
    if edited is None or edited.strip() == text.strip():
        raise ConfigError("Nothing was changed, so that nothing is processed again. `logs retry` does that.")
    return edited


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--payload {file} cannot be read: {error}.") from None


def _write(salesforce: SalesforceDoor, row: Row, values: dict[str, Any]) -> None:
    outcome = salesforce.update(SYNC_LOG_DETAIL, [{"Id": row["Id"], **values}])[0]
    if outcome.error is not None:
        raise outcome.error

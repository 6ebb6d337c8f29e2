"""``connector db``: the state file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.admin.context import JsonFlag, config, open_state
from connector.admin.output import people, print_json
from connector.service.clock import make_clock

db_app = typer.Typer(no_args_is_help=True, help="The state file.")


@db_app.command("migrate")
def migrate() -> None:
    """Bring the state file to this release's schema, after a backup."""
    with open_state() as state:
        people().print(f"{state.path}: schema {state.schema_version}.")
        for backup in state.backups():
            people().print(f"backup: {backup}")


@db_app.command("backup")
def backup(target: Annotated[Path, typer.Argument(help="File to write.")]) -> None:
    """Copy the state as of now; the worker may go on."""
    with open_state() as state:
        state.backup(target)
    people().print(f"The state was copied to {target}.")


@db_app.command("check")
def check(*, as_json: JsonFlag = False) -> None:
    """Check the state file; exit 1 when something is wrong."""
    with open_state() as state:
        found = state.check(make_clock(config().worker.clock_url).now())
    if as_json:
        print_json({"problems": found})
    for text in found:
        people(as_json=as_json).print(text, markup=False)
    if found:
        raise typer.Exit(1)
    people(as_json=as_json).print("The state file is sound.")

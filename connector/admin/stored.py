"""``connector db`` and ``connector settings``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.admin.context import JsonFlag, config, open_runtime, open_state
from connector.admin.output import people, print_json, print_table
from connector.service.clock import make_clock
from connector.service.runtime import current_settings

db_app = typer.Typer(no_args_is_help=True, help="The state file.")
settings_app = typer.Typer(no_args_is_help=True, help="The settings in Salesforce.")


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


@settings_app.command("show")
def show(*, as_json: JsonFlag = False) -> None:
    """Show the settings that apply now, and what is wrong with them."""
    with open_runtime(exclusive=False) as runtime:
        settings = current_settings(runtime.salesforce)
    values = {name: getattr(settings, name) for name in settings.__slots__ if name != "problems"}
    values["integration_users"] = sorted(settings.integration_users)
    if as_json:
        print_json({**values, "problems": [str(problem) for problem in settings.problems]})
        return
    print_table(people(), "", ("Setting", "Value"), list(values.items()))
    for problem in settings.problems:
        people().print(str(problem), markup=False)

"""The command line: ``connector``, also ``python -m connector``. Exit codes: 0 done; 1 some records or a check failed;
2 wrong usage or configuration; 3 another worker holds the state; 4 authentication."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from connector import __version__
from connector.admin import association_actions as _association_actions  # noqa: F401 - adds commands to `action`
from connector.admin import (
    backfilling,
    checks,
    operations,
    org_settings,
    reconciling,
    records,
    referral_actions,
    running,
    sandboxing,
    schedules,
    stored,
    versions,
)
from connector.admin import payloads as _payloads  # noqa: F401 - adds commands to `logs`
from connector.admin.context import SHARED
from connector.admin.dead_letters import dlq_app
from connector.admin.event_rules import events_app
from connector.admin.files import files_app
from connector.admin.mapping import mapping_app
from connector.admin.marketplace import marketplace_app
from connector.admin.output import people, print_json
from connector.admin.solutions import products_app, solutions_app
from connector.admin.web_command import web
from connector.errors import AuthFailed, ConfigError, ConnectorError, Fatal, MappingError
from connector.service.telemetry import configure_logging

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    sandboxing.demo,
    sandboxing.sandbox,
    running.run,
    running.sync,
    backfilling.backfill,
    records.preview,
    checks.check,
    versions.version,
    web,
    records.forget,
):
    app.command()(command)
app.command("reconcile")(reconciling.reconcile_command)
app.add_typer(mapping_app, name="mapping")
app.add_typer(records.action_app, name="action")
app.add_typer(referral_actions.referrals_app, name="referrals")
app.add_typer(schedules.schedule_app, name="schedule")
app.add_typer(operations.queue_app, name="queue")
app.add_typer(operations.logs_app, name="logs")
app.add_typer(dlq_app, name="dlq")
app.add_typer(events_app, name="events")
app.add_typer(files_app, name="files")
app.add_typer(solutions_app, name="solutions")
app.add_typer(products_app, name="products")
app.add_typer(marketplace_app, name="marketplace")
app.add_typer(stored.db_app, name="db")
app.add_typer(org_settings.settings_app, name="settings")


@app.callback(invoke_without_command=True)
def program(
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", envvar="CONNECTOR_CONFIG", help="The TOML file of the local configuration."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Co-sell connector between Salesforce and AWS Partner Central.

    Exit codes: 0 done; 1 some records or a check failed; 2 wrong usage or configuration; 3 another worker holds the
    state; 4 authentication.
    """
    SHARED.config_path = config
    if version:
        typer.echo(__version__)
        raise typer.Exit


@cache
def program_command() -> Any:
    """Return the whole tree of commands; building it takes longer than many a command."""
    return typer.main.get_command(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    configure_logging("WARNING", json_lines=False)
    try:
        program_command()(args=arguments, prog_name="connector")
    except ConnectorError as error:
        people(as_json=True).print(Text("error: ", style="bold red"), Text(str(error)), sep="")
        if "--json" in (sys.argv[1:] if arguments is None else arguments):
            print_json({"error": str(error)})
        sys.exit(exit_code(error))


def exit_code(error: ConnectorError) -> int:
    """Return the exit code that tells what to do next."""
    match error:
        case Fatal():
            return error.exit_code
        case AuthFailed():
            return 4
        case ConfigError() | MappingError():
            return 2
        case _:
            return 1

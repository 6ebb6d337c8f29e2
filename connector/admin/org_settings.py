"""``connector settings``: the admins' settings in Salesforce."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from connector.admin.context import JsonFlag, config, open_runtime
from connector.admin.output import people, print_json, print_table
from connector.admin.person import Person, Row
from connector.errors import ConfigError, Refused
from connector.names import SETTINGS, FileSettings, Settings, TemplateSettings
from connector.service.config import secret
from connector.sync.file_settings import DEFAULT_BATCH, DEFAULT_WAIT
from connector.sync.file_settings import FileSettings as SettingsOfFiles
from connector.sync.ports import Identity
from connector.sync.settings import SyncSettings

settings_app = typer.Typer(no_args_is_help=True, help="The settings in Salesforce (ACE_Connector_Settings__c).")

DEFAULTS: Row = {
    Settings.SHARE_AUTOMATICALLY: False,
    Settings.UPDATE_AUTOMATICALLY: False,
    Settings.RETRY_COUNT: 3,
    Settings.RETRY_CUTOFF_DAYS: 7,
    TemplateSettings.OWNER_BY_EMAIL: False,
    FileSettings.OPPORTUNITIES_OVER_S3: False,
    FileSettings.OUTBOUND_BATCH_SIZE: DEFAULT_BATCH,
    FileSettings.RESULT_WAIT_MINUTES: DEFAULT_WAIT,
}
"""What a new org default holds besides integration user and catalog; what is left blank has the worker's default."""


@settings_app.command("show")
def show(*, as_json: JsonFlag = False) -> None:
    """Show the settings that apply now, and what is wrong with them."""
    with open_runtime(exclusive=False) as runtime:
        settings = runtime.settings()
    values = _values(settings)
    values["integration_users"] = sorted(settings.integration_users)
    files = _values(values.pop("files"))
    if as_json:
        print_json({**values, "files": files, "problems": [str(problem) for problem in settings.all_problems]})
        return
    shown = [*values.items(), *((f"files: {name}", value) for name, value in files.items())]
    print_table(people(), "", ("Setting", "Value"), shown)
    for problem in settings.all_problems:
        people().print(str(problem), markup=False)


def _values(settings: SyncSettings | SettingsOfFiles) -> Row:
    return {name: getattr(settings, name) for name in settings.__slots__ if name != "problems"}


@settings_app.command("init")
def init(
    *,
    token: Annotated[
        str,
        typer.Option(
            "--token",
            help="An admin's access token by reference: env:NAME, file:PATH, or - to read it from standard input.",
        ),
    ],
    instance_url: Annotated[
        str, typer.Option("--instance-url", help="The org's My Domain address; by default the configuration's.")
    ] = "",
    live: Annotated[
        bool | None,
        typer.Option(
            "--live-catalog/--sandbox-catalog",
            help="Partner Central's catalog; by default AWS for production orgs, Sandbox for sandboxes.",
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Correct integration user and catalog of settings that exist.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Create the org default of the settings with an admin's session, for the configured integration user.

    The integration user itself may not change custom settings, which is why an admin's token is needed. It is used for
    this command and not kept. Sharing and updating by itself stay switched off; an admin switches them on in Salesforce
    under Setup > Custom Settings.
    """
    with open_runtime(exclusive=False) as runtime:
        worker = runtime.salesforce.identity()
    section = config().salesforce
    admin = Person(instance_url or section.instance_url, section.api_version, _read_token(token))
    _refuse_other_org(admin.org_id(), worker)
    row = _write(admin, worker, live=live, update=update)
    if as_json:
        print_json(row)
    console = people(as_json=as_json)
    print_table(console, SETTINGS, ("Field", "Value"), list(row.items()))
    console.print("The worker takes the settings over at its next cycle; `connector settings show` tells what applies.")


def _read_token(reference: str) -> str:
    token = sys.stdin.readline().strip() if reference == "-" else ""
    if reference != "-":
        if not reference.startswith(("env:", "file:")):
            raise ConfigError(
                "--token is a reference, env:NAME, file:PATH or -; a token itself would show in the history."
            )
        token = secret(reference, "--token")
    if not token:
        raise ConfigError(f"--token {reference} holds nothing. Give the access token of an admin's session.")
    return token


def _refuse_other_org(org_id: str, worker: Identity) -> None:
    if org_id != worker.org_id:
        raise ConfigError(
            f"The token belongs to org {org_id}, the configuration to org {worker.org_id}. Use a session of that org."
        )


def _write(admin: Person, worker: Identity, *, live: bool | None, update: bool) -> Row:
    sandbox = worker.is_sandbox if live is None else not live
    row: Row = {Settings.INTEGRATION_USER_ID: worker.user_id, Settings.SANDBOX_CATALOG: sandbox}
    found = admin.query(f"SELECT Id FROM {SETTINGS} WHERE SetupOwnerId = '{worker.org_id}'")  # noqa: S608 - an id
    if not found:
        row = {**row, **DEFAULTS}
        admin.create(SETTINGS, {"SetupOwnerId": worker.org_id, **row})
    elif update:
        # The state is bound to the catalog: it is corrected only where that was asked for.
        row = row if live is not None else {Settings.INTEGRATION_USER_ID: worker.user_id}
        admin.edit(SETTINGS, str(found[0]["Id"]), row)
    else:
        raise Refused(
            f"The org has an org default of {SETTINGS} already. Change it in Salesforce under Setup > Custom Settings, "
            "or add --update to correct the integration user."
        )
    return row

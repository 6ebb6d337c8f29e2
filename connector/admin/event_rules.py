"""``connector events install``: what a template of events describes, made in the AWS account without CloudFormation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.admin.context import JsonFlag
from connector.admin.output import people, print_json, print_table
from connector.aws.event_resources import EventResources
from connector.errors import ConfigError
from connector.service.config import secret

events_app = typer.Typer(no_args_is_help=True, help="How AWS's events reach the connector.")


@events_app.callback()
def events() -> None:
    """How AWS's events reach the connector."""


@events_app.command("install")
def install(
    template: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A template of the project's deploy/cloudformation.")
    ],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", help="KEY=VALUE, may be repeated; a secret as env:NAME or file:PATH."),
    ] = None,
    stack_name: Annotated[str, typer.Option(help="The beginning of the names of roles and policies.")] = "ace-events",
    profile: Annotated[str, typer.Option(help="A profile of AWS's shared configuration.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Make the rules, queues and destinations of a template by AWS's API, in N. Virginia.

    What exists under these names is brought up to date: run it again after a change or a failure. The credentials are
    an administrator's of the AWS account, by boto3's usual search, not the connector's own.
    """
    from connector.sandbox.events.stack import Place, Stack, TemplateRefused, read_template

    try:
        source = read_template(template)
        values = _parameters(parameter or [], source.get("Parameters", {}))
        Stack(source, values)  # complains before anything is made
        account = EventResources(stack_name, profile)
        stack = Stack(source, values, Place(account=account.account, stack=stack_name), account.make)
    except TemplateRefused as error:
        raise ConfigError(f"{template.name}: {error}") from error
    made = {name: {"type": one.kind, "id": one.reference} for name, one in stack.resources.items()}
    if as_json:
        return print_json({"resources": made, "outputs": stack.outputs})
    print_table(people(), "", ("Resource", "Type", "Is"), [(name, *one.values()) for name, one in made.items()])
    for name, value in stack.outputs.items():
        people().print(f"{name} = {value}", markup=False)
    return None


def _parameters(given: list[str], declared: dict[str, dict[str, object]]) -> dict[str, str]:
    """Return the values by name; those that the template hides are read from where they are."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--parameter {name}: write it as KEY=VALUE.")
        hidden = declared.get(name, {}).get("NoEcho") is True
        if hidden and not value.startswith(("env:", "file:")):
            raise ConfigError(f"--parameter {name} is a secret: write it as env:NAME or file:PATH.")
        found[name] = secret(value, f"--parameter {name}") if hidden else value
    return found

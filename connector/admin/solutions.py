"""``connector solutions refresh`` and ``connector products refresh``: the lists that people choose from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.admin.context import JsonFlag, open_runtime
from connector.admin.output import people, print_json
from connector.sync.engine import Engine
from connector.sync.flush import flush_logs
from connector.sync.products import read_products, refresh_products
from connector.sync.solutions import Refreshed, refresh_solutions

solutions_app = typer.Typer(no_args_is_help=True, help="The partner's solutions, as Partner Central lists them.")
products_app = typer.Typer(no_args_is_help=True, help="The AWS products that can be associated with opportunities.")
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@solutions_app.command("refresh")
def refresh_solution_list(*, yes: Yes = False, as_json: JsonFlag = False) -> None:
    """Bring the solution offerings in Salesforce up to date with Partner Central.

    Refreshing again updates rows and makes none twice; what Partner Central does not list any more is not active.
    """
    if not yes:
        question = "Proceed? The solutions that Partner Central lists are written to Solution Offerings."
        typer.confirm(question, abort=True, err=as_json)
    _refresh(refresh_solutions, "solutions", as_json=as_json)


@products_app.command("refresh")
def refresh_product_list(
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON or CSV file with Identifier, Name, Family; without one, the list of this release."),
    ] = None,
    *,
    yes: Yes = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring the AWS products in Salesforce up to date with a list; what is not in it is not active any more.

    AWS publishes the list as a file; no interface has it.
    """
    products = None if file is None else read_products(file)
    if not yes:
        source = "the list of this release" if file is None else str(file)
        typer.confirm(f"Proceed? The AWS products become those of {source}.", abort=True, err=as_json)

    def refresh(engine: Engine) -> Refreshed:
        return refresh_products(engine, products)

    _refresh(refresh, "products", as_json=as_json)


def _refresh(refresh: Callable[[Engine], Refreshed], what: str, *, as_json: bool) -> None:
    with open_runtime(exclusive=False) as runtime:
        engine = runtime.engine()
        with engine.salesforce.urgent(), engine.partner_central.urgent():
            found = refresh(engine)
        flush_logs(engine)
    people(as_json=as_json).print(f"{what}: {found}", markup=False)
    if as_json:
        print_json(_as_json(found))
    if found.refused:
        raise typer.Exit(1)


def _as_json(found: Refreshed) -> dict[str, Any]:
    return dataclasses.asdict(found)

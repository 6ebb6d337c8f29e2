"""``connector marketplace refresh``: the lists of AWS Marketplace, as rows in Salesforce."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from connector.admin.context import JsonFlag, open_runtime, worker_holds_state
from connector.admin.output import people, print_json
from connector.errors import ConfigError
from connector.marketplace.accounts import NONE_CONFIGURED
from connector.marketplace.work import Ended, refresh_now
from connector.service.refreshing import refresh_lists
from connector.sync.engine import Engine
from connector.sync.schedule_memory import AUTHORIZATIONS, PRODUCTS, SHARED_AUTHORIZATIONS

marketplace_app = typer.Typer(no_args_is_help=True, help="What seller accounts have in AWS Marketplace.")


class Listed(StrEnum):
    """A list as the command names it."""

    PRODUCTS = "products"
    AUTHORIZATIONS = "authorizations"
    SHARED = "shared-authorizations"


_LISTS = {
    Listed.PRODUCTS: PRODUCTS,
    Listed.AUTHORIZATIONS: AUTHORIZATIONS,
    Listed.SHARED: SHARED_AUTHORIZATIONS,
}


@marketplace_app.callback()
def marketplace() -> None:
    """What seller accounts have in AWS Marketplace."""


@marketplace_app.command("refresh")
def refresh(
    what: Annotated[Listed, typer.Argument(help="The list.")],
    *,
    account: Annotated[str, typer.Option("--account", help="Only this AWS account (12 digits).")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Bring products, resale authorizations, or those shared with us, up to date with AWS Marketplace.

    All pages of every seller account are read; each account's refresh leaves a row under Marketplace Syncs. Refreshing
    again updates rows and makes none twice; what AWS does not list any more is marked and not deleted. Authorizations
    of one account are read at most every 30 seconds. With a worker running, the worker does it.
    """
    name = _LISTS[what]
    if worker_holds_state():
        with open_runtime(exclusive=False) as runtime:
            engine = runtime.engine()
            chosen = _accounts(engine, account)
            refresh_now(engine, name, chosen)
        return _tell_left(chosen, name, as_json=as_json)
    with open_runtime(exclusive=True) as runtime:
        chosen = _accounts(runtime.engine(), account)
        found = refresh_lists(runtime, name, chosen)
    return _tell(chosen, found, name, as_json=as_json)


def _accounts(engine: Engine, account: str) -> list[str]:
    if not engine.sellers:
        raise ConfigError(NONE_CONFIGURED)
    if account and account not in engine.sellers:
        raise ConfigError(
            f"The AWS account {account} is not configured. Configured: {', '.join(engine.sellers)}. "
            "Add it as [[aws.sellers]], or name one of these."
        )
    return [account] if account else list(engine.sellers)


def _tell_left(accounts: Sequence[str], name: str, *, as_json: bool) -> None:
    console = people(as_json=as_json)
    for one in accounts:
        console.print(f"{one}: {name} are on the worker's queue; Marketplace Syncs will say what came of it.")
    if as_json:
        print_json({"left_to_worker": True, "list": name, "accounts": [{"account": one} for one in accounts]})


def _tell(accounts: Sequence[str], found: Sequence[Ended], name: str, *, as_json: bool) -> None:
    """Print how each account's refresh has ended; exit 1 where one did not succeed."""
    by_account = {one.account: one for one in found}
    told = [by_account.get(one, Ended(one, None, "It waits; the next worker does it.")) for one in accounts]
    console = people(as_json=as_json)
    for one in told:
        console.print(f"{name} of {one}", markup=False)
    if as_json:
        print_json({"left_to_worker": False, "list": name, "accounts": [_as_json(one) for one in told]})
    if not all(one.succeeded for one in told):
        raise typer.Exit(1)


def _as_json(one: Ended) -> dict[str, Any]:
    counts = {} if one.found is None else dataclasses.asdict(one.found) | {"status": one.found.status}
    return {"account": one.account, "done": one.succeeded, "message": one.message, **counts}

"""``connector sandbox`` and ``connector demo``; the sandbox is an extra, imported only when it is asked for."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.errors import ConfigError

if TYPE_CHECKING:
    from connector.sandbox.server import Sandbox

QuotaScale = Annotated[float, typer.Option("--quota-scale", help="Enforce so many times AWS's rates.")]


def sandbox_class() -> type[Sandbox]:
    """Return the sandbox. Raises ConfigError naming the extra when it is not installed."""
    try:
        from connector.sandbox.server import Sandbox
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The sandbox needs the package {error.name}. Install the extra: pip install 'ace-connector[sandbox]'."
        ) from error
    return Sandbox


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="Salesforce's port; the others take free ones.")] = 0,
    directory: Annotated[Path | None, typer.Option("--dir", help="Where connector.toml, keys and state go.")] = None,
    quota_scale: QuotaScale = 1.0,
    metadata: Annotated[
        list[Path] | None,
        typer.Option(
            "--metadata", exists=True, file_okay=False, help="Deploy further Salesforce DX source; may be repeated."
        ),
    ] = None,
    currency: Annotated[
        list[str] | None,
        typer.Option("--currency", help="Give the org several currencies, by ISO code, the corporate one first."),
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Serve SQS too, and announce there what changes in Partner Central.")
    ] = False,
    notifications: Annotated[
        bool,
        typer.Option("--notifications", help="Bring Partner Central's events into the org, by the shipped template."),
    ] = False,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="Serve the ACE bucket (S3) too, with AWS working its files off.")
    ] = False,
    marketplace: Annotated[
        bool, typer.Option("--marketplace", help="Serve the AWS Marketplace catalog of two seller accounts too.")
    ] = False,
) -> None:
    """Serve a Salesforce org and Partner Central on loopback.

    The first line of the output is one JSON object that says where they are and how to log in; they serve until the
    command is stopped.
    """
    create = sandbox_class()
    if notifications:
        _check_event_template()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    options: dict[str, Any] = {"metadata": metadata or (), "events": events, "notifications": notifications}
    options |= {"exchange": exchange, "marketplace": marketplace}
    if currency:
        from connector.sandbox.salesforce.currencies import Currency

        options["currencies"] = [Currency(code) for code in currency]
    with create(directory, port=port, quota_scale=quota_scale, **options) as servers:
        sys.stdout.write(json.dumps(servers.launch_info()) + "\n")
        sys.stdout.flush()
        stopping.wait()


def _check_event_template() -> None:
    from connector.sandbox.events.stack import TemplateRefused
    from connector.sandbox.events.wiring import check_template

    try:
        check_template()
    except TemplateRefused as error:
        raise ConfigError(str(error)) from error


def demo(
    *, serve: Annotated[bool, typer.Option("--serve", help="Keep the worker and the sandbox up afterwards.")] = False
) -> None:
    """Play the whole story on the embedded sandbox.

    A seller, AWS and a colleague work on opportunities and a lead, with the worker between them; it takes about a
    minute and ends by itself.
    """
    from connector.admin.demo import play

    play(sandbox_class(), serve=serve)

"""The whole sandbox in one process: every server on loopback, and a configuration that points at them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import connector
from connector.sandbox import control
from connector.sandbox.clock import SandboxClock
from connector.sandbox.events.forwarder import Forwarder
from connector.sandbox.events.wiring import check_template, forward_events
from connector.sandbox.exchange.exchange import Exchange
from connector.sandbox.exchange.settings import REGION as BUCKET_REGION
from connector.sandbox.faults import Faults
from connector.sandbox.marketplace import app as marketplace_app
from connector.sandbox.marketplace.service import MarketplaceCatalog
from connector.sandbox.marketplace.settings import SERVER as MARKETPLACE
from connector.sandbox.marketplace.settings import make_accounts
from connector.sandbox.partner_central import app as partner_central_app
from connector.sandbox.partner_central import quotas
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.recorder import Recorder
from connector.sandbox.salesforce.app import create_app as create_salesforce_app
from connector.sandbox.salesforce.currencies import Currency
from connector.sandbox.salesforce.org import Org
from connector.sandbox.serving import HttpServer
from connector.sandbox.sqs import QueueServer

METADATA = Path(connector.__file__).resolve().parent.parent / "salesforce_metadata"
AUDIENCE = "https://test.salesforce.com"


class Sandbox:
    """A Salesforce org, a Partner Central and a control server that live and die together.

    Args:
        directory: where ``connector.toml``, keys and secrets are written; None: a directory of its own.
        port: Salesforce's port; 0: a free one, as all others take.
        quota_scale: how many times AWS's published request quotas Partner Central grants.
        settings: Partner Central's account; None: defaults. Its ``quota_scale`` is overwritten.
        schema_dir: Salesforce DX source to deploy; None: the packaged metadata.
        metadata: further directories of DX source, deployed after it: what a partner's own org has.
        currencies: the org's currencies, the corporate one first, where it has several.
        guarded: whether the integration user sees only those standard fields that permission sets open to him.
        database: SQLite file of the org, by default in memory.
        events: serve SQS, and announce there what changes in Partner Central.
        notifications: bring those events into the org too, as the shipped CloudFormation template says.
        exchange: serve the ACE bucket, with AWS behind it, over Partner Central's opportunities.
        marketplace: serve the AWS Marketplace catalog of two seller accounts.

    Attributes:
        clock, faults, recorder: shared by all servers.
        org: the Salesforce org.
        partner_central: the Partner Central.
        marketplace: the AWS Marketplace catalog of two seller accounts, if it was asked for.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        quota_scale: float = 1.0,
        settings: Settings | None = None,
        schema_dir: Path | None = None,
        metadata: Sequence[Path] = (),
        currencies: Sequence[Currency] = (),
        guarded: bool = False,
        database: str = ":memory:",
        events: bool = False,
        notifications: bool = False,
        exchange: bool = False,
        marketplace: bool = False,
    ) -> None:
        if notifications:
            check_template()  # before a port is bound
        self.directory = Path(directory or tempfile.mkdtemp(prefix="connector-sandbox-")).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.clock, self.faults, self.recorder = SandboxClock(), Faults(), Recorder()
        settings = settings or Settings()
        settings.quota_scale = quota_scale
        self.partner_central = PartnerCentral(settings, self.clock, self.faults, self.recorder)
        self.org = Org(
            schema_dir or METADATA,
            self.clock,
            directory=self.directory,
            database=database,
            metadata=metadata,
            currencies=currencies,
            guarded=guarded,
        )
        self.queues = QueueServer() if events else None
        services = (self.partner_central, self.clock, self.faults, self.recorder)
        self.exchange = Exchange(*services) if exchange else None
        self.marketplace = None
        if marketplace:
            self.marketplace = MarketplaceCatalog(make_accounts(settings), quota_scale, *services[1:])
        self._control = control.Control(
            clock=self.clock,
            faults=self.faults,
            recorder=self.recorder,
            partner_central=self.partner_central,
            org=self.org,
            queues=self.queues,
            exchange=self.exchange,
            marketplace=self.marketplace,
        )
        self._servers = {
            "salesforce": HttpServer(create_salesforce_app(self.org, self.faults, self.recorder), port),
            "partner_central": HttpServer(partner_central_app.create_app(self.partner_central)),
            "control": HttpServer(control.create_app(self._control)),
        }
        if self.marketplace is not None:
            self._servers[MARKETPLACE] = HttpServer(marketplace_app.create_app(self.marketplace))
        self.org.instance_url = self._servers["salesforce"].url
        self.forwarder: Forwarder | None = None
        self._notifies = notifications

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def config_path(self) -> Path:
        """The configuration file that points at this sandbox."""
        return self.directory / "connector.toml"

    def start(self) -> None:
        """Serve, and write the configuration."""
        for server in self._servers.values():
            server.start()
        if self.queues is not None:
            self.queues.start()
            self.partner_central.subscribe(self.queues.send)
        if self.exchange is not None:
            self.exchange.start()
        if self._notifies:
            self._start_forwarder()
        self._write_config()

    def _start_forwarder(self) -> None:
        sqs = self.queues.launch_info() if self.queues is not None else None
        self.forwarder = forward_events(self.org, self.clock, sqs)
        self.forwarder.start()
        self.partner_central.subscribe(self.forwarder.receive)

    def stop(self) -> None:
        """Stop all servers. The directory stays."""
        if self.forwarder is not None:
            self.forwarder.stop()
        for server in self._servers.values():
            server.stop()
        if self.queues is not None:
            self.queues.stop()
        if self.exchange is not None:
            self.exchange.stop()

    def launch_info(self) -> dict[str, Any]:
        """Return what a program needs to use the sandbox: the first line that ``connector sandbox`` prints."""
        settings = self.partner_central.settings
        return {
            "salesforce": self.org.launch_info(),
            "partner_central": {"endpoint_url": self._servers["partner_central"].url},
            "aws": {"access_key_id": settings.access_key_id, "secret_access_key": settings.secret_access_key},
            **self._marketplace_info(),
            **({"sqs": self.queues.launch_info()} if self.queues is not None else {}),
            **({"s3": self.exchange.launch_info()} if self.exchange is not None else {}),
            "control": {"endpoint_url": self._servers["control"].url},
            "config": str(self.config_path),
        }

    def _marketplace_info(self) -> dict[str, Any]:
        if self.marketplace is None:
            return {}
        return {MARKETPLACE: {"endpoint_url": self._servers[MARKETPLACE].url, **self.marketplace.launch_info()}}

    def _write_secret(self, name: str, value: str) -> str:
        """Write a secret into a file of its own, readable by its owner only; return the reference to it."""
        path = self.directory / name
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(value, encoding="utf8")
        return f"file:{path}"

    def _write_config(self) -> None:
        lines = []
        for section, values in self._config().items():
            lines += _section(f"[{section}]", values)
        for seller in self._seller_configs():
            lines += _section("[[aws.sellers]]", seller)
        self.config_path.write_text("\n".join(lines), encoding="utf8")

    def _queue_config(self, info: dict[str, Any], account: Settings) -> dict[str, dict[str, Any]]:
        if self.queues is None:
            return {}
        return {
            "aws.events": {
                **info["sqs"],
                "access_key_id": self._write_secret("aws-access-key-id", account.access_key_id),
                "secret_access_key": self._write_secret("aws-secret-access-key", account.secret_access_key),
                "wait_seconds": 2,
            }
        }

    def _exchange_config(self, info: dict[str, Any], account: Settings) -> dict[str, dict[str, Any]]:
        if self.exchange is None:
            return {}
        return {
            "aws.exchange": {
                "region": BUCKET_REGION,
                "endpoint_url": info["s3"]["endpoint_url"],
                "access_key_id": self._write_secret("aws-access-key-id", account.access_key_id),
                "secret_access_key": self._write_secret("aws-secret-access-key", account.secret_access_key),
            }
        }

    def _seller_configs(self) -> list[dict[str, Any]]:
        accounts = self.marketplace.accounts.values() if self.marketplace is not None else ()
        return [
            {
                "account": account.number,
                "name": account.name,
                "endpoint_url": self._servers[MARKETPLACE].url,
                "access_key_id": self._write_secret(f"seller-{account.number}-access-key-id", account.access_key_id),
                "secret_access_key": self._write_secret(
                    f"seller-{account.number}-secret-access-key", account.secret_access_key
                ),
            }
            for account in accounts
        ]

    def _config(self) -> dict[str, dict[str, Any]]:
        """Return the sections of the configuration that are there once at most."""
        info = self.launch_info()
        org, account, scale = info["salesforce"], self.partner_central.settings, self.partner_central.quotas.scale
        return {
            "salesforce": {
                "instance_url": org["instance_url"],
                "token_host": org["instance_url"],
                "audience": AUDIENCE,
                "auth": "jwt",
                "client_id": org["client_id"],
                "username": org["username"],
                "private_key_file": org["private_key_file"],
                "api_version": org["api_version"],
            },
            "aws.partner_central": {
                "region": "us-east-1",
                "endpoint_url": info["partner_central"]["endpoint_url"],
                "access_key_id": self._write_secret("aws-access-key-id", account.access_key_id),
                "secret_access_key": self._write_secret("aws-secret-access-key", account.secret_access_key),
                "writes_per_second": quotas.WRITES_PER_SECOND * scale,
                "reads_per_second": quotas.READS_PER_SECOND * scale,
                "writes_per_day": int(quotas.WRITES_PER_DAY * scale),
                "reads_per_day": int(quotas.READS_PER_DAY * scale),
                "share": 0.8,
            },
            **self._queue_config(info, account),
            **self._exchange_config(info, account),
            "state": {"path": str(self.directory / "connector.db")},
            "worker": {"clock_url": info["control"]["endpoint_url"] + "/clock"},
            "web": {"bind": "127.0.0.1:0"},
        }


def _section(head: str, values: dict[str, Any]) -> list[str]:
    """Return a section's lines; JSON's text, numbers and lists are TOML's too."""
    return [head, *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]

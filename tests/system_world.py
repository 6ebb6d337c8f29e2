"""The whole product on loopback for system tests: sandbox, people who edit, the command line, and the worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config
from command_line import command_line
from salesforce_sandbox import Client
from system_proxy import RecordingProxy
from system_worker import SWEEP_SECONDS, Start, Worker, forked

from connector.sandbox.salesforce.currencies import Currency
from connector.sandbox.seed import make_row
from connector.sandbox.server import Sandbox
from connector.store.state import State

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
DEALS = "ACE_Opportunity__c"
SETTINGS = "ACE_Connector_Settings__c"
LOGS, DETAILS = "ACE_Sync_Log__c", "ACE_Sync_Log_Detail__c"
CATALOG = "Sandbox"
QUOTA_SCALE = 200
PATIENCE_SECONDS = 30.0
AUTOMATIC = {"Share_Automatically__c": True, "Update_Automatically__c": True}
FAST = {"Poll_Seconds__c": 5, "Sweep_Seconds__c": SWEEP_SECONDS, "Due_Sweep_Minutes__c": 1}
SYNC_FIELDS = "ACE_Last_Sync_Date__c, ACE_APN_Unique_Identifier__c, ACE_Has_Updates__c"
AUDIT = "LastModifiedById, LastModifiedDate, SystemModstamp"


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class World:
    """One sandbox, its people, and ways to use the product on it.

    Attributes:
        seller, seller2, admin, integration: clients of Salesforce's REST API, each with that person's token.
        proxy: everything the connector sends to Partner Central goes through it.
        aws: boto3's client, past the proxy: what a colleague in Partner Central sees.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.directory = sandbox, sandbox.directory
        self.info = sandbox.launch_info()
        salesforce = self.info["salesforce"]
        self.people = {
            role: Client(salesforce["instance_url"], user["access_token"]) for role, user in salesforce["users"].items()
        }
        self.seller, self.admin = self.people["seller"], self.people["admin"]
        self.seller2, self.integration = self.people["seller2"], self.people["integration"]
        self.control_url = self.info["control"]["endpoint_url"]
        self.proxy = RecordingProxy(self.info["partner_central"]["endpoint_url"], sandbox.clock.now)
        self.aws = _partner_central(self.info)
        self._session = requests.Session()
        self._session.trust_env = False
        self._numbers = iter(range(1, 1_000_000))
        self._workers: list[Worker] = []

    def user(self, role: str) -> str:
        """Return the id of a Salesforce user."""
        return str(self.info["salesforce"]["users"][role]["id"])

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
        self.proxy.close()
        self.aws.close()
        self._session.close()
        for client in self.people.values():
            client.session.close()

    # -- the sandbox's own controls

    def control(self, path: str, **members: Any) -> Json:
        """Give the control server an order; GET when there are no members and the path only shows something."""
        if path in ("/requests", "/clock") and not members:
            answer = self._session.get(self.control_url + path, timeout=20)
        else:
            answer = self._session.post(self.control_url + path, json=members, timeout=60)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.control("/clock", advance_seconds=seconds)

    def fault(self, server: str, match: str, kind: str, **more: Any) -> None:
        self.control("/fault", server=server, match=match, kind=kind, **{"seconds": 0.2, **more})

    def eventually(
        self, holds: Callable[[], Any], what: str | Callable[[], str], within: float = PATIENCE_SECONDS
    ) -> Any:
        """Wait until the condition holds; return its value."""
        deadline, pause = time.monotonic() + within, 0.05
        while not (found := holds()):
            late = time.monotonic() > deadline
            assert not late, f"waited {within:.0f} s for {what if isinstance(what, str) else what()}"
            time.sleep(pause)
            # What takes long is asked for less often: each question costs the processes that are waited for time.
            pause = min(0.25, pause * 1.5)
        return found

    # -- the product

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a process of the product: the configuration, and AWS through the proxy."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR", "AWS_"))}
        return {
            **kept,
            "CONNECTOR_CONFIG": str(self.sandbox.config_path),
            "CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL": self.proxy.url,
            "CONNECTOR__WORKER__WRITE_BACK_SECONDS": "0.5",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **variables,
        }

    def run(self, *arguments: str, **variables: str) -> Ran:
        """Run one command; ``variables`` go to its environment."""
        environment = self.environment(**variables)
        if "PYTHONPATH" in variables:  # another program, or other data of it: what is loaded already will not do
            done = subprocess.run(
                [sys.executable, "-m", "connector", *arguments],
                env=environment, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf8",
                timeout=120, check=False,
            )  # fmt: skip
            code, out, err = done.returncode, done.stdout, done.stderr
        else:
            code, out, err = command_line().run(arguments, environment, self.directory, 120)
        assert "Traceback" not in err, err
        return Ran(code, out, err)

    def do(self, *arguments: str, code: int = 0, **variables: str) -> Ran:
        """Run one command that must end with the exit code."""
        ran = self.run(*arguments, **variables)
        assert ran.code == code, f"{arguments} ended with {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def sync(self, direction: str = "outbound", record: str = "", *, code: int = 0, **variables: str) -> Json:
        """Run one direction once and return what it says it did."""
        only = ("--record", record) if record else ()
        found: Json = self.do("sync", direction, *only, "--json", code=code, **variables).json
        return found

    def preview(self, record: str, *options: str, **variables: str) -> Json:
        found: Json = self.do("preview", record, *options, "--json", **variables).json
        return found

    @contextmanager
    def working(self, name: str = "worker", **variables: str) -> Iterator[Worker]:
        """Run the worker; it is stopped as systemd stops it."""
        worker = self.start_worker(name, **variables)
        try:
            worker.wait_for("working")
            yield worker
        finally:
            worker.stop()

    def start_worker(self, name: str = "worker", start: Start = forked, **variables: str) -> Worker:
        """Start the worker; whoever starts it ends it."""
        log = self.directory / f"{name}-{next(self._numbers)}.log"
        worker = Worker(self, log, start, **variables)
        self._workers.append(worker)
        return worker

    @property
    def state_path(self) -> Path:
        return self.directory / "connector.db"

    def pending(self) -> list[str]:
        """Return what is due or under way, and what waits to be written to Salesforce."""
        now = self.sandbox.clock.now() + timedelta(milliseconds=500)
        with State.open(self.state_path) as state:
            items = [*state.queue.list("leased"), *state.queue.list("waiting", 1000)]
            # A request for a record that was saved a moment ago waits until that second is over.
            now_or_asked = [one for one in items if one.retry_at <= now or one.kind == "request"]
            found = [f"{one.kind} {one.key} {one.state} {one.reason}" for one in now_or_asked]
            found += [f"row {one.record_id} {one.values} {one.reason}" for one in state.writebacks.due(now, 200)]
            return found + [
                f"log {one.key} {one.reason}" for name in (LOGS, DETAILS) for one in state.outbox.due(now, name, 200)
            ]

    # -- Salesforce, as people use it

    def settings(self, **values: Any) -> None:
        """Change the org default of the connector's settings, as an admin."""
        found = self.admin.rows(f"SELECT Id FROM {SETTINGS} WHERE SetupOwnerId = '{self.info['salesforce']['org_id']}'")
        if found:
            answer = self.admin.patch(f"sobjects/{SETTINGS}/{found[0]['Id']}", values)
        else:
            owner = {"SetupOwnerId": self.info["salesforce"]["org_id"]}
            answer = self.admin.post(f"sobjects/{SETTINGS}", {**owner, **values})
        assert answer.status_code in (200, 201, 204), answer.text

    @contextmanager
    def changed_settings(self, **values: Any) -> Iterator[None]:
        """Change the org default of the connector's settings for a while; what was said before is said again."""
        where = f"WHERE SetupOwnerId = '{self.info['salesforce']['org_id']}'"
        (before,) = self.admin.rows(f"SELECT {', '.join(values)} FROM {SETTINGS} {where}")
        self.settings(**values)
        try:
            yield
        finally:
            self.settings(**{name: before[name] for name in values})

    def deal(self, person: Client | None = None, **fields: Any) -> str:
        """Create a complete ACE Opportunity, flagged for sharing unless said otherwise; return its id."""
        number = next(self._numbers)
        row = {**make_row(number, self.sandbox.clock.now()), **fields}
        answer = (person or self.seller).post(f"sobjects/{DEALS}", row)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def edit(self, record: str, person: Client | None = None, **fields: Any) -> None:
        """Change an ACE Opportunity."""
        answer = (person or self.seller).patch(f"sobjects/{DEALS}/{record}", fields)
        assert answer.status_code == 204, answer.text

    def row(self, record: str, *fields: str) -> Json:
        """Return fields of an ACE Opportunity, always with the connector's own and the audit fields."""
        named = ", ".join((*fields, SYNC_FIELDS, AUDIT))
        return self.admin.rows(f"SELECT {named} FROM {DEALS} WHERE Id = '{record}'")[0]

    def find(self, where: str, *fields: str) -> list[Json]:
        return self.admin.rows(f"SELECT {', '.join(('Id', *fields))} FROM {DEALS} WHERE {where}")

    def logs(self, where: str = "", *fields: str) -> list[Json]:
        """Return sync logs, oldest first."""
        known = "Log_Key__c, Direction__c, Purpose__c, Status__c, Record_Count__c, Success_Count__c, Error_Count__c"
        more = ", ".join((known, "CreatedDate", *fields))
        condition = f" WHERE {where}" if where else ""
        return self.admin.rows(f"SELECT Id, Name, {more} FROM {LOGS}{condition} ORDER BY Name")

    def details(self, record: str = "", *fields: str) -> list[Json]:
        """Return the sync log details of a record, oldest first; all details without one."""
        known = "Status__c, Error_Code__c, Error_Message__c, Error_Summary__c, Record_Id__c, Retry_Count__c"
        more = ", ".join((known, "Sync_Log__r.Log_Key__c", *fields))
        condition = f" WHERE Record_Id__c = '{record}'" if record else ""
        return self.admin.rows(f"SELECT {more} FROM {DETAILS}{condition} ORDER BY Name")

    def errors(self, record: str) -> list[Json]:
        """Return the details of a record that are open errors."""
        return [one for one in self.details(record) if one["Status__c"] == "Error"]

    # -- AWS, as a colleague in Partner Central sees it

    def opportunity(self, record: str) -> Json:
        """Return GetOpportunity's answer for a record that was shared."""
        identifier = self.row(record)["ACE_APN_Unique_Identifier__c"]
        assert identifier, f"{record} has no AWS identifier"
        return self.get(identifier)

    def get(self, identifier: str) -> Json:
        answer: Json = self.aws.get_opportunity(Catalog=CATALOG, Identifier=identifier)
        answer.pop("ResponseMetadata")
        return answer

    def listed(self) -> list[Json]:
        """Return the summaries of all opportunities."""
        pages = self.aws.get_paginator("list_opportunities").paginate(Catalog=CATALOG)
        return [one for page in pages for one in page["OpportunitySummaries"]]

    def of_record(self, record: str) -> list[str]:
        """Return the ids of all opportunities that carry the record's id."""
        return [one["Id"] for one in self.listed() if one.get("PartnerOpportunityIdentifier") == record]

    def review(self, identifier: str, *steps: str, **more: str) -> None:
        """Let AWS take steps of its review."""
        for step in steps:
            self.control("/aws/review", opportunity=identifier, status=step, **more)

    def edit_at_aws(self, identifier: str, **fields: Any) -> None:
        """Let AWS change an opportunity; ``LifeCycle__Stage`` stands for ``LifeCycle.Stage``."""
        paths = {name.replace("__", "."): value for name, value in fields.items()}
        self.control("/aws/edit", opportunity=identifier, fields=paths)

    def shared(self, *steps: str, **fields: Any) -> tuple[str, str]:
        """Share a new deal and let AWS review it (approved by default); Salesforce knows. Return record and AWS id."""
        record = self.deal(**fields)
        self.do("action", "share", record)
        identifier = str(self.row(record)["ACE_APN_Unique_Identifier__c"])
        self.review(identifier, *(steps or ("Approved",)))
        self.sync("inbound", record)
        return record, identifier


def _partner_central(info: Mapping[str, Any]) -> Any:
    return boto3.client(
        "partnercentral-selling",
        region_name="us-east-1",
        endpoint_url=info["partner_central"]["endpoint_url"],
        aws_access_key_id=info["aws"]["access_key_id"],
        aws_secret_access_key=info["aws"]["secret_access_key"],
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}, proxies={}),
    )


@contextmanager
def open_world(
    directory: Path,
    *,
    package: Path | None = None,
    metadata: Sequence[Path] = (),
    currencies: Sequence[Currency] = (),
    guarded: bool = False,
    events: bool = False,
    notifications: bool = False,
    marketplace: bool = False,
    **settings: Any,
) -> Iterator[World]:
    """Start a sandbox and give the way to use it; ``settings`` go to the org's settings.

    ``package`` stands in for the packaged metadata, ``metadata`` is deployed beside it; with ``currencies`` the org has
    several; in a ``guarded`` one the integration user sees only the standard fields that permission sets open to him.
    With ``events`` AWS announces changes on a queue, of which the configuration tells; with ``notifications`` its
    events come into Salesforce by the shipped template; with ``marketplace`` two seller accounts have a catalog.

    In the end every request that was sent to Partner Central must have been valid by the service model.
    """
    options: Json = {"schema_dir": package, "metadata": metadata, "currencies": currencies, "guarded": guarded}
    options |= {"events": events, "notifications": notifications, "marketplace": marketplace}
    with Sandbox(directory, quota_scale=QUOTA_SCALE, **options) as sandbox:
        world = World(sandbox)
        try:
            base = {"PC_API_Sandbox_Enabled__c": True, "Integration_User_Id__c": world.user("integration")}
            world.settings(**{**base, **settings})
            yield world
            assert world.proxy.violations() == []
        finally:
            world.close()


def codes(details: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the error codes of log details."""
    return [str(one["Error_Code__c"]) for one in details]


@dataclass(frozen=True, slots=True)
class Live:
    """A world in which the worker runs and sends by itself."""

    world: World
    worker: Worker


@contextmanager
def open_live(directory: Path, **options: Any) -> Iterator[Live]:
    """Open a world in which the worker runs with both automatic switches on."""
    with open_world(directory, **{**AUTOMATIC, **FAST, **options}) as world, world.working() as worker:
        yield Live(world, worker)

"""A sandbox and a worker, each in a process of its own, and what drives and watches them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import requests

OPPORTUNITY = "ACE_Opportunity__c"
SETTINGS = "ACE_Connector_Settings__c"
BATCH = 200
FREE = {"versions", "token", "userinfo", "introspect", "revoke", "other"}
"""Requests that Salesforce does not count as API calls."""


class Person:
    """One person's REST client of the org."""

    def __init__(self, org: Mapping[str, Any], role: str) -> None:
        self._base = f"{org['instance_url']}/services/data/v{org['api_version']}/"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {org['users'][role]['access_token']}"

    def ask(self, method: str, path: str, body: Any = None, **params: str) -> Any:
        """Return the answer's JSON, None for an empty one. Raises HTTPError."""
        answer = self._session.request(method, self._base + path, json=body, params=params, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ids(self, soql: str) -> list[str]:
        """Return the ids of all rows of a query."""
        answer = self.ask("GET", "query/", q=soql)
        found = [row["Id"] for row in answer["records"]]
        while not answer["done"]:
            answer = self.ask("GET", answer["nextRecordsUrl"].split("/", 4)[4])
            found += [row["Id"] for row in answer["records"]]
        return found

    def write(self, method: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Create (POST) or update (PATCH) opportunities in collections; return their ids."""
        written: list[str] = []
        for start in range(0, len(rows), BATCH):
            records = [{"attributes": {"type": OPPORTUNITY}, **row} for row in rows[start : start + BATCH]]
            outcomes = self.ask(method, "composite/sobjects", {"allOrNone": False, "records": records})
            refused = [outcome["errors"] for outcome in outcomes if not outcome["success"]]
            if refused:
                raise RuntimeError(f"{len(refused)} rows were refused, the first for {refused[0]}")
            written += [outcome["id"] for outcome in outcomes]
        return written


class World:
    """A running sandbox. :meth:`worker` starts a worker on it."""

    def __init__(self, directory: Path, launch: Mapping[str, Any]) -> None:
        self.directory, self.launch = directory, launch
        self.state = directory / "connector.db"
        self.admin, self.seller = Person(launch["salesforce"], "admin"), Person(launch["salesforce"], "seller")
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Give the sandbox an order, or ask it (without a body)."""
        url = self.launch["control"]["endpoint_url"] + path
        answer = self._session.get(url, timeout=60) if body is None else self._session.post(url, json=body, timeout=600)
        if answer.status_code != requests.codes.ok:
            raise RuntimeError(f"{path}: {answer.text}")
        return answer.json()

    def configure(self, **settings: Any) -> None:
        """Change the org default of the connector's settings, as an admin does."""
        org_id = self.launch["salesforce"]["org_id"]
        found = self.admin.ids(f"SELECT Id FROM {SETTINGS} WHERE SetupOwnerId = '{org_id}'")
        if found:
            self.admin.ask("PATCH", f"sobjects/{SETTINGS}/{found[0]}", settings)
        else:
            user_id = self.launch["salesforce"]["users"]["integration"]["id"]
            fixed = {"SetupOwnerId": org_id, "PC_API_Sandbox_Enabled__c": True, "Integration_User_Id__c": user_id}
            self.admin.ask("POST", f"sobjects/{SETTINGS}/", fixed | settings)

    def approve(self, apn_ids: Sequence[str]) -> None:
        """Let AWS approve opportunities that were submitted."""
        for apn_id in apn_ids:
            for status in ("In review", "Approved"):
                self.control("/aws/review", {"opportunity": apn_id, "status": status})

    def requests(self) -> dict[str, dict[str, int]]:
        """Return what was asked so far, by server and operation."""
        found: dict[str, dict[str, int]] = self.control("/requests")
        return found

    def value(self, sql: str, *parameters: Any) -> Any:
        """Return one value from the worker's state, None while there is none."""
        if not self.state.exists():
            return None
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True, timeout=30)) as db:
            row = db.execute(sql, parameters).fetchone()
        return row[0] if row else None

    def linked(self, status: str = "Approved") -> int:
        """Return how many records have an opportunity in that review status, as the worker knows it."""
        return int(self.value("select count(*) from links where review_status = ? and applied is not null", status))

    def unfinished(self) -> int:
        """Return what the worker still has to send or to write back."""
        queue = "select count(*) from queue where state in ('waiting', 'leased') and kind in ('outbound', 'inbound')"
        return sum(
            int(self.value(sql)) for sql in (queue, "select count(*) from writebacks", "select count(*) from outbox")
        )

    def wait_for_poll(self, seconds: float = 120) -> None:
        """Wait until the worker has looked at everything that Salesforce's clock calls past by now."""
        moment = datetime.now(UTC).isoformat()
        wait_until(lambda: self._looked_until() > moment, seconds)

    def wait_until_quiet(self, seconds: float = 600) -> float:
        """Wait until nothing is left to do, also after one more look for changes; return when it became so."""
        deadline = time.monotonic() + seconds
        while True:
            wait_until(lambda: self.unfinished() == 0, deadline - time.monotonic())
            quiet_since = time.monotonic()
            self.wait_for_poll(deadline - time.monotonic())
            time.sleep(1)
            if self.unfinished() == 0:
                return quiet_since

    def at_work(self) -> bool:
        """Whether the worker has connected and looked for changes at least once."""
        tables = self.value("select count(*) from sqlite_master where name = 'cursors'")
        return bool(tables) and self._looked_until() != ""

    def _looked_until(self) -> str:
        return str(self.value("select value from cursors where name = ?", f"salesforce:{OPPORTUNITY}") or "")

    @contextmanager
    def worker(self, **environment: str) -> Iterator[psutil.Process]:
        """Run ``connector run`` and wait until it is at work; its log is ``worker.log`` beside the configuration."""
        variables = os.environ | {"CONNECTOR_CONFIG": self.launch["config"]} | environment
        command = [sys.executable, "-m", "connector", "run"]
        with (self.directory / "worker.log").open("ab") as log, _running(command, variables, stderr=log) as process:
            wait_until(lambda: self.at_work() or process.poll() is not None)
            yield psutil.Process(process.pid)
            if process.poll() is not None:
                raise RuntimeError(f"the worker ended with code {process.returncode}; see {log.name}")


@contextmanager
def running_world(quota_scale: float, *, exchange: bool = False) -> Iterator[World]:
    """Run a sandbox in a process of its own, in a directory that is removed afterwards (kept with BENCH_KEEP=1);
    ``exchange``: with the ACE bucket.
    """
    with ExitStack() as stack:
        if os.environ.get("BENCH_KEEP"):
            directory = tempfile.mkdtemp(prefix="connector-bench-")
        else:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="connector-bench-"))
        options = ["--dir", directory, "--quota-scale", str(quota_scale), *(["--exchange"] if exchange else [])]
        command = [sys.executable, "-m", "connector", "sandbox", *options]
        process = stack.enter_context(_running(command, dict(os.environ), stdout=subprocess.PIPE))
        assert process.stdout is not None, "the sandbox was started with a pipe"
        world = World(Path(directory), json.loads(process.stdout.readline()))
        world.configure()
        yield world


@contextmanager
def _running(command: Sequence[str], variables: Mapping[str, str], **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=dict(variables), **streams)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def wait_until(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.2)


def difference(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Return the requests between two looks, by server and operation."""
    return {
        server: {
            name: count - before.get(server, {}).get(name, 0)
            for name, count in counts.items()
            if count != before.get(server, {}).get(name, 0)
        }
        for server, counts in after.items()
    }


def api_calls(counts: Mapping[str, int]) -> dict[str, int]:
    """Return those requests to Salesforce that count as API calls: parts of a composite request do not."""
    return {name: count for name, count in counts.items() if "/" not in name and name not in FREE}

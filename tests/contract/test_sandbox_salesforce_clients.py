"""Clients that are not ours work with the sandbox org: simple-salesforce as it comes, jsforce where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from salesforce_sandbox import World, running_org, write_metadata
from simple_salesforce import Salesforce, SalesforceAuthenticationFailed, format_soql
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

JSFORCE = os.environ.get("JSFORCE_HOME", "")
SCRIPT = """
const { Connection } = require(process.argv[1] + '/node_modules/@jsforce/jsforce-node');
(async () => {
  const c = new Connection({ instanceUrl: process.argv[2], accessToken: process.argv[3], version: '66.0' });
  const one = await c.sobject('Deal__c').create({ Title__c: 'js' });
  const many = await c.sobject('Deal__c').create([{ Title__c: 'a' }, { Title__c: 'x'.repeat(11) }]);
  const found = await c.query("SELECT Title__c FROM Deal__c ORDER BY Title__c");
  const described = await c.sobject('Deal__c').describe();
  console.log(JSON.stringify({ one: one.success, many: many.map(m => m.success),
    found: found.records.map(r => r.Title__c),
    fields: described.fields.length }));
})();
"""


class Loopback(HTTPAdapter):
    """Sends every https request, whatever host it names, to one loopback port."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = f"{self._base}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        options["verify"] = False
        return super().send(request, *args, **options)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_org(write_metadata(tmp_path / "source"), tmp_path / "keys") as found:
        yield found


@pytest.fixture
def session(world: World) -> requests.Session:
    found = requests.Session()
    found.trust_env = False
    found.mount("https://", Loopback(world.url))
    return found


@pytest.fixture
def org(world: World, session: requests.Session) -> Salesforce:
    info = world.org.launch_info()
    return Salesforce(
        username=info["username"],
        consumer_key=info["client_id"],
        privatekey_file=info["private_key_file"],
        domain="test",
        version="66.0",
        session=session,
    )


def test_simple_salesforce_reads_and_writes_rows(org: Salesforce) -> None:
    created = org.Deal__c.create({"Title__c": "One"})
    assert created["success"]
    assert org.Deal__c.update(created["id"], {"Notes__c": "x"}) == 204
    assert org.Deal__c.get(created["id"])["Notes__c"] == "x"
    assert org.Deal__c.upsert("Key__c/K1", {"Title__c": "Two"}) == 201
    assert org.Deal__c.upsert("Key__c/K1", {"Title__c": "Three"}) == 200
    assert org.Deal__c.get_by_custom_id("Key__c", "K1")["Title__c"] == "Three"
    assert org.Deal__c.delete(created["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        org.Deal__c.get(created["id"])
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.Deal__c.create({})
    assert refused.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"


def test_simple_salesforce_queries_all_pages(world: World, org: Salesforce) -> None:
    world.org.insert("Deal__c", [{"Title__c": "it's"} for _ in range(4100)])
    soql = format_soql("SELECT Id FROM Deal__c WHERE Title__c = {}", "it's")
    assert len(list(org.query_all_iter(soql))) == 4100
    assert org.query("SELECT COUNT() FROM Deal__c")["totalSize"] == 4100


def test_simple_salesforce_describes_and_sees_limits(org: Salesforce) -> None:
    assert {"Deal__c", "Account"} <= {one["name"] for one in org.describe()["sobjects"]}
    assert org.Deal__c.describe()["keyPrefix"].startswith("a0")
    assert org.limits()["DailyApiRequests"]["Max"] == 100_000
    assert org.api_usage["api-usage"].total == 100_000
    assert org.oauth2("userinfo")["preferred_username"].startswith("integration@")


def test_simple_salesforce_composite_and_bulk(org: Salesforce) -> None:
    rows = [{"attributes": {"type": "Deal__c"}, "Title__c": f"T{n}"} for n in range(3)]
    results = org.restful("composite/sobjects", method="POST", json={"records": rows})
    assert [row["success"] for row in results] == [True] * 3
    job = org.bulk2.Deal__c.insert(records=[{"Title__c": "bulk"}, {"Title__c": "x" * 11}], wait=1)[0]
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 1)
    assert "STRING_TOO_LONG" in org.bulk2.Deal__c.get_failed_records(job["job_id"])
    pages = list(org.bulk2.Deal__c.query("SELECT Title__c FROM Deal__c ORDER BY Title__c", wait=1))
    assert "bulk" in pages[0]


def test_simple_salesforce_by_client_credentials(world: World, session: requests.Session) -> None:
    info = world.org.launch_info()
    org = Salesforce(
        consumer_key=info["client_id"],
        consumer_secret=info["client_secret"],
        domain="northwind.my",
        version="66.0",
        session=session,
    )
    assert org.query("SELECT Id FROM Organization")["records"][0]["Id"] == info["org_id"]


@pytest.mark.parametrize("version", ["59.0", "66.0"])
def test_simple_salesforce_cannot_log_in_by_soap(world: World, session: requests.Session, version: str) -> None:
    info = world.org.launch_info()
    with pytest.raises(SalesforceAuthenticationFailed):
        Salesforce(
            username=info["username"], password=info["password"], security_token="t", version=version, session=session
        )


@pytest.mark.skipif(
    not (JSFORCE and shutil.which("node")), reason="set JSFORCE_HOME to a directory with jsforce-node installed"
)
def test_jsforce_works(world: World) -> None:
    token = world.org.launch_info()["users"]["integration"]["access_token"]
    done = subprocess.run(
        ["node", "-e", SCRIPT, JSFORCE, world.url, token], capture_output=True, text=True, timeout=60, check=True
    )
    told = json.loads(done.stdout)
    assert told["one"] is True
    assert told["many"] == [True, False]
    assert told["found"] == ["a", "js"]


@pytest.mark.skipif(shutil.which("sf") is None, reason="Salesforce's command line is not installed")
def test_the_salesforce_cli_works(world: World, tmp_path: Path) -> None:
    token = world.org.launch_info()["users"]["integration"]["access_token"]
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "SF_ACCESS_TOKEN": token,
        "SF_DISABLE_TELEMETRY": "true",
        "SF_AUTOUPDATE_DISABLE": "true",
        "SF_SKIP_NEW_VERSION_CHECK": "true",
    }

    def run(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            ["sf", *words, "--json"], capture_output=True, text=True, timeout=120, check=True, env=environment
        )
        return dict(json.loads(done.stdout))

    run("org", "login", "access-token", "--instance-url", world.url, "--no-prompt", "--alias", "emu")
    assert run("data", "create", "record", "-s", "Deal__c", "-v", "Title__c=sf", "-o", "emu")["result"]["success"]
    shown = subprocess.run(
        ["sf", "data", "query", "-q", "SELECT Title__c FROM Deal__c", "-o", "emu"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=environment,
    )
    assert "sf" in shown.stdout
    found = run("data", "query", "-q", "SELECT Title__c FROM Deal__c", "-o", "emu")
    assert found["result"]["records"][0]["Title__c"] == "sf"

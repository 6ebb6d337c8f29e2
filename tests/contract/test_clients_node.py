"""jsforce and Salesforce's own command line, where they are installed, work with the sandbox as it is launched.

``CONNECTOR_NODE_CLIENTS`` names a directory whose ``node_modules`` has ``@salesforce/cli``, which brings jsforce along;
on Node 20 its ``package.json`` needs ``"overrides": {"undici": "^7"}``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox.server import Sandbox

MODULES = Path(os.environ.get("CONNECTOR_NODE_CLIENTS", "/nowhere")) / "node_modules"
JSFORCE, SF = MODULES / "@jsforce" / "jsforce-node", MODULES / ".bin" / "sf"
DEAL, KEY = "ACE_Opportunity__c", "ACE_Invitation_Id__c"
MISSING = f"CONNECTOR_NODE_CLIENTS names no directory whose node_modules has {{}} (looked in {MODULES})"
Json = dict[str, Any]

SCRIPT = """
const { Connection } = require(process.argv[1]);
const [url, accessToken, deal, key] = process.argv.slice(2);
const code = (work) => work.then(() => 'none', (error) => error.errorCode);
(async () => {
  const org = new Connection({ instanceUrl: url, accessToken, version: '66.0' });
  const stale = new Connection({ instanceUrl: url, accessToken: accessToken.slice(0, 19) + 'stale', version: '66.0' });
  const deals = org.sobject(deal);
  const poll = { pollInterval: 50, pollTimeout: 20000 };
  const told = {};
  told.username = (await org.identity()).username;
  const one = await deals.create({ [key]: 'js-1', Customer_Company_Name__c: 'One' });
  told.row = (await deals.retrieve(one.id)).Customer_Company_Name__c;
  told.updated = (await deals.update({ Id: one.id, Customer_Company_Name__c: 'Again' })).success;
  told.upserted = [await deals.upsert({ [key]: 'js-1' }, key), await deals.upsert({ [key]: 'js-2' }, key)]
    .map((answer) => answer.created);
  told.collection = (await deals.create([{ [key]: 'js-3' }, { [key]: 'js-1' }, { Stage__c: 'Nope' }]))
    .map((answer) => answer.success || answer.errors[0].statusCode);
  told.many = (await deals.create(Array.from({ length: 450 }, () => ({})), { allowRecursive: true })).length;
  told.fetched = (await org.query(`SELECT Id FROM ${deal}`, { autoFetch: true, maxFetch: 1000 })).records.length;
  told.found = (await deals.find({ [key]: 'js-1' }, ['Owner.Name'])).map((row) => row.Owner.Name);
  const account = await org.sobject('Account').create({ Name: 'Vineyard' });
  await org.sobject('Contact').create({ LastName: 'Lee', AccountId: account.id });
  told.children = (await org.query('SELECT Id, (SELECT LastName FROM Contacts) FROM Account')).records
    .map((row) => row.Contacts.records.map((child) => child.LastName));
  told.external = (await deals.describe()).fields.filter((field) => field.name === key).map((field) => field.unique);
  told.global = (await org.describeGlobal()).sobjects.some((object) => object.name === deal);
  told.codes = [
    await code(deals.create({ Nope__c: 1 })), await code(org.sobject('Opportunity').create({ Name: 'x' })),
    await code(deals.create({ Stage__c: 'Nope' })), await code(deals.create({ [key]: 'js-1' })),
    await code(org.query('SELECT Nope__c FROM Account')), await code(stale.query('SELECT Id FROM Account')),
  ];
  const loaded = await org.bulk2.loadAndWaitForResults({ object: deal, operation: 'upsert', externalIdFieldName: key,
    input: [{ [key]: 'js-2', Customer_Company_Name__c: 'Söhne, "Co"' }, { [key]: 'x'.repeat(31) }], ...poll });
  told.bulk = [loaded.successfulResults.length, loaded.failedResults.map((row) => row.sf__Error.split(':')[0])];
  const stream = await org.bulk2.query(`SELECT Customer_Company_Name__c FROM ${deal} WHERE ${key} = 'js-2'`, poll);
  told.exported = (await stream.toArray()).map((row) => row.Customer_Company_Name__c);
  const limits = (await org.limits()).DailyApiRequests;
  told.usage = limits.Max - limits.Remaining === org.limitInfo.apiUsage.used;
  console.log(JSON.stringify(told));
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Json]:
    """A sandbox of the test's own: what the clients find is all that there is."""
    with Sandbox(tmp_path / "sandbox") as sandbox:
        yield json.loads(json.dumps(sandbox.launch_info()["salesforce"]))


@pytest.mark.skipif(not (JSFORCE.is_dir() and shutil.which("node")), reason=MISSING.format("@jsforce/jsforce-node"))
def test_jsforce_works_with_the_sandbox(launched: Json) -> None:
    """Rows, collections, pages, children, describe, refusals, Bulk API 2.0 and usage, by its own methods."""
    token = launched["users"]["integration"]["access_token"]
    done = subprocess.run(
        ["node", "-e", SCRIPT, str(JSFORCE), launched["instance_url"], token, DEAL, KEY],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "username": launched["username"],
        "row": "One",
        "updated": True,
        "upserted": [False, True],
        "collection": [True, "DUPLICATE_VALUE", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"],
        "many": 450,
        "fetched": 453,
        "found": ["ACE Integration"],
        "children": [["Lee"]],
        "external": [True],
        "global": True,
        "codes": [
            "INVALID_FIELD",
            "REQUIRED_FIELD_MISSING",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "DUPLICATE_VALUE",
            "INVALID_FIELD",
            "INVALID_SESSION_ID",
        ],
        "bulk": [1, ["STRING_TOO_LONG"]],
        "exported": ['Söhne, "Co"'],
        "usage": True,
    }


class CommandLine:
    """Salesforce's command line with a home of its own."""

    def __init__(self, launched: Json, home: Path) -> None:
        self._home = home
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "SF_ACCESS_TOKEN": launched["users"]["seller"]["access_token"],
            "SF_DISABLE_TELEMETRY": "true",
            "SF_AUTOUPDATE_DISABLE": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true",
        }
        self.run("org", "login", "access-token", "--instance-url", launched["instance_url"], "--no-prompt", "-a", "emu")

    def text(self, *words: str) -> str:
        """Run one command and return what it printed."""
        done = subprocess.run(
            [str(SF), *words], capture_output=True, text=True, timeout=120, check=False,
            env=self._environment, cwd=self._home,
        )  # fmt: skip
        return done.stdout

    def run(self, *words: str) -> Any:
        """Run one command and return its result."""
        answer = json.loads(self.text(*words, "--json"))
        assert answer["status"] == 0, answer
        return answer["result"]


@pytest.mark.skipif(not SF.exists(), reason=MISSING.format("@salesforce/cli"))
def test_the_salesforce_command_line_works_with_the_sandbox(launched: Json, tmp_path: Path) -> None:
    """Login by token, create, update, query as a table, bulk upsert, describe, and a refusal."""
    sf = CommandLine(launched, tmp_path)
    target = ("-o", "emu")
    created = sf.run("data", "create", "record", "-s", DEAL, "-v", "Customer_Company_Name__c='From the shell'", *target)
    sf.run("data", "update", "record", "-s", DEAL, "-i", created["id"], "-v", "City__c=Bremen", *target)
    table = sf.text("data", "query", "-q", f"SELECT City__c, Owner.Name FROM {DEAL} WHERE City__c != null", *target)
    assert "Bremen" in table
    assert "Sam Okafor" in table
    (tmp_path / "rows.csv").write_text("Name\nFirst\nSecond\n", encoding="utf8")
    loaded = sf.run("data", "import", "bulk", "-s", DEAL, "-f", "rows.csv", "-w", "1", *target)
    assert (loaded["processedRecords"], loaded["failedRecords"]) == (2, 0)
    (tmp_path / "again.csv").write_text(f"Id,City__c\n{created['id']},Kiel\n", encoding="utf8")
    job = sf.run("data", "upsert", "bulk", "-s", DEAL, "-f", "again.csv", "-i", "Id", "-w", "1", *target)["jobInfo"]
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 0)
    described = sf.run("sobject", "describe", "-s", DEAL, *target)
    assert {one["name"]: one["updateable"] for one in described["fields"]}[KEY] is False, "maintained by the connector"
    refused = json.loads(sf.text("data", "create", "record", "-s", DEAL, "-v", f"{KEY}=mine", "--json", *target))
    assert refused["name"] == "INVALID_FIELD_FOR_INSERT_UPDATE"

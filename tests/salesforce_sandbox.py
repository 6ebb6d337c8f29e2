"""A small Salesforce org for tests: its metadata, its server on a free port, and a plain HTTP client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from connector.sandbox.clock import SandboxClock
from connector.sandbox.faults import Faults
from connector.sandbox.recorder import Recorder
from connector.sandbox.salesforce import Org, create_app
from connector.sandbox.serving import HttpServer

XMLNS = "http://soap.sforce.com/2006/04/metadata"
PICKLIST = (
    "<valueSet><restricted>{restricted}</restricted><valueSetDefinition><sorted>false</sorted>{values}"
    "</valueSetDefinition></valueSet>"
)
DEAL_FIELDS: dict[str, str] = {
    "Key__c": "<type>Text</type><length>18</length><externalId>true</externalId><unique>true</unique>"
    "<caseSensitive>false</caseSensitive>",
    "Loose_Key__c": "<type>Text</type><length>18</length><externalId>true</externalId>",
    "Title__c": "<type>Text</type><length>10</length><required>true</required>",
    "Notes__c": "<type>LongTextArea</type><length>32000</length><visibleLines>3</visibleLines>",
    "Amount__c": "<type>Currency</type><precision>8</precision><scale>2</scale>",
    "Count__c": "<type>Number</type><precision>6</precision><scale>0</scale>",
    "Email__c": "<type>Email</type>",
    "Active__c": "<type>Checkbox</type><defaultValue>true</defaultValue>",
    "Close__c": "<type>Date</type>",
    "Seen__c": "<type>DateTime</type>",
    "Account__c": "<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>Deals</relationshipName>"
    "<deleteConstraint>SetNull</deleteConstraint>",
    "Serial__c": "<type>AutoNumber</type><displayFormat>D-{0000}</displayFormat>",
    "Doubled__c": "<type>Number</type><precision>18</precision><scale>2</scale><formula>Amount__c * 2</formula>"
    "<formulaTreatBlanksAs>BlankAsZero</formulaTreatBlanksAs>",
    "Customer__c": "<type>Text</type><formula>Account__r.Name</formula>",
    "Foreign__c": "<type>Checkbox</type>"
    "<formula>LastModifiedById &lt;&gt; $Setup.Deal_Settings__c.User_Id__c</formula>",
}
STAGES = ("Open", "Won", "Lost")


def _xml(root: str, body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{body}</{root}>\n'


def _object(folder: Path, name: str, body: str, fields: Mapping[str, str]) -> None:
    target = folder / "objects" / name
    (target / "fields").mkdir(parents=True)
    label = name.removesuffix("__c").replace("_", " ")
    (target / f"{name}.object-meta.xml").write_text(
        _xml("CustomObject", f"<label>{label}</label><pluralLabel>{label}s</pluralLabel>{body}")
    )
    for field, inner in fields.items():
        text = f"<fullName>{field}</fullName><label>{field.removesuffix('__c').replace('_', ' ')}</label>{inner}"
        (target / "fields" / f"{field}.field-meta.xml").write_text(_xml("CustomField", text))


def choices(*values: str, restricted: bool) -> str:
    """Return the XML of a picklist's values."""
    rows = "".join(f"<value><fullName>{one}</fullName><label>{one}!</label></value>" for one in values)
    return PICKLIST.format(restricted=str(restricted).lower(), values=rows)


def write_metadata(folder: Path) -> Path:
    """Write the source of ``Deal__c``, its detail ``Deal_Line__c`` and a custom setting; return its directory."""
    text_name = "<nameField><label>Name</label><type>Text</type></nameField><sharingModel>Private</sharingModel>"
    picklists = {
        "Stage__c": f"<type>Picklist</type>{choices(*STAGES, restricted=True)}",
        "Mood__c": f"<type>Picklist</type>{choices('Good', 'Bad', restricted=False)}",
        "Tags__c": f"<type>MultiselectPicklist</type>{choices('A', 'B', 'C', restricted=True)}"
        "<visibleLines>4</visibleLines>",
    }
    _object(folder, "Deal__c", text_name, {**DEAL_FIELDS, **picklists})
    rules = folder / "objects" / "Deal__c" / "validationRules"
    rules.mkdir()
    (rules / "Won_Needs_Amount.validationRule-meta.xml").write_text(
        _xml(
            "ValidationRule",
            "<fullName>Won_Needs_Amount</fullName><active>true</active>"
            '<errorConditionFormula>AND(ISPICKVAL(Stage__c, "Won"), ISBLANK(Amount__c))</errorConditionFormula>'
            "<errorDisplayField>Amount__c</errorDisplayField><errorMessage>A won deal has an amount.</errorMessage>",
        )
    )
    auto = "<nameField><label>Line</label><type>AutoNumber</type><displayFormat>L{00}</displayFormat></nameField>"
    parent = "<type>MasterDetail</type><referenceTo>Deal__c</referenceTo><relationshipName>Lines</relationshipName>"
    _object(folder, "Deal_Line__c", auto + "<sharingModel>ControlledByParent</sharingModel>", {"Deal__c": parent})
    setting = "<customSettingsType>Hierarchy</customSettingsType>"
    _object(folder, "Deal_Settings__c", setting, {"User_Id__c": "<type>Text</type><length>18</length>"})
    return folder


class Client:
    """A plain HTTP client of one version of the org's REST API."""

    def __init__(self, url: str, token: str, version: str = "67.0") -> None:
        self.url, self.base = url, f"/services/data/v{version}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def send(self, method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
        target = path if path.startswith("/services") else f"{self.base}/{path}"
        return self.session.request(method, self.url + target, json=json, timeout=20, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, json: Any, **options: Any) -> requests.Response:
        return self.send("POST", path, json, **options)

    def patch(self, path: str, json: Any, **options: Any) -> requests.Response:
        return self.send("PATCH", path, json, **options)

    def query(self, soql: str, **options: Any) -> requests.Response:
        return self.get("query", params={"q": soql}, **options)

    def rows(self, soql: str, resource: str = "query", **options: Any) -> list[dict[str, Any]]:
        """Return the rows of all pages, without their attributes."""
        answer = self.get(resource, params={"q": soql}, **options).json()
        found = answer["records"]
        while not answer["done"]:
            answer = self.get(answer["nextRecordsUrl"]).json()
            found += answer["records"]
        return [{name: value for name, value in row.items() if name != "attributes"} for row in found]

    def deal(self, **fields: Any) -> str:
        """Create a deal and return its id."""
        answer = self.post("sobjects/Deal__c", {"Title__c": "Deal", **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


class World:
    """An org, its server, what drives it, and a client per person."""

    def __init__(self, org: Org, server: HttpServer, clock: SandboxClock, faults: Faults, recorder: Recorder) -> None:
        self.org, self.url, self.clock, self.faults, self.recorder = org, server.url, clock, faults, recorder
        users = org.launch_info()["users"]
        self.worker = Client(self.url, users["integration"]["access_token"])
        self.seller = Client(self.url, users["seller"]["access_token"])


@contextmanager
def running_org(schema: Path, directory: Path, **options: Any) -> Iterator[World]:
    """Serve an org on a free loopback port."""
    clock, faults, recorder = SandboxClock(), Faults(silence=0.2), Recorder()
    org = Org(schema, clock, directory=directory, **options)
    server = HttpServer(create_app(org, faults, recorder))
    org.instance_url = server.url
    server.start()
    try:
        yield World(org, server, clock, faults, recorder)
    finally:
        server.stop()
        org.close()

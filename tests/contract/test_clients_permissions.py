"""Rights in the sandbox org come from the permission sets of the source, as in any org."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client, World, running_org, write_metadata

from connector.sandbox.server import METADATA, Sandbox

SET = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">'
    "<label>{label}</label>{body}</PermissionSet>\n"
)
OBJECT = (
    "<objectPermissions><allowCreate>{create}</allowCreate><allowDelete>false</allowDelete><allowEdit>{edit}</allowEdit>"
    "<allowRead>true</allowRead><modifyAllRecords>false</modifyAllRecords><object>{name}</object>"
    "<viewAllRecords>{all}</viewAllRecords></objectPermissions>"
)
FIELD = (
    "<fieldPermissions><editable>{edit}</editable><field>Deal__c.{name}</field><readable>true</readable>"
    "</fieldPermissions>"
)


def grant(name: str, *, create: str = "true", edit: str = "true", view_all: str = "false") -> str:
    return OBJECT.format(name=name, create=create, edit=edit, all=view_all)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The integration user writes notes, reads the amount and knows no line; the seller reads deals."""
    source = write_metadata(tmp_path / "source")
    folder = source / "permissionsets"
    folder.mkdir()
    worker = grant("Deal__c", view_all="true") + FIELD.format(name="Notes__c", edit="true")
    worker += FIELD.format(name="Amount__c", edit="false") + FIELD.format(name="Key__c", edit="true")
    worker += FIELD.format(name="Customer__c", edit="false")
    seller = grant("Deal__c", create="false", edit="false") + grant("Deal_Line__c")
    for name, body in {"Integration": worker, "Sales": seller}.items():
        (folder / f"{name}.permissionset-meta.xml").write_text(SET.format(label=name, body=body))
    with running_org(source, tmp_path / "keys") as found:
        yield found


def fields(client: Client) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in client.get("sobjects/Deal__c/describe").json()["fields"]}


def refusal(answer: Any) -> str:
    return str(answer.json()[0]["errorCode"])


def test_fields_without_a_grant_are_absent(world: World) -> None:
    """From describe, rows, queries and writes; required and system fields are always there."""
    described = fields(world.worker)
    assert {"Id", "OwnerId", "SystemModstamp", "Title__c", "Notes__c", "Amount__c"} <= set(described)
    assert not {"Mood__c", "Account__c"} & set(described)
    deal = world.worker.deal()
    assert "Mood__c" not in world.worker.get(f"sobjects/Deal__c/{deal}").json()
    assert refusal(world.worker.get("query", params={"q": "SELECT Mood__c FROM Deal__c"})) == "INVALID_FIELD"
    assert refusal(world.worker.get("query", params={"q": "SELECT Account__r.Name FROM Deal__c"})) == "INVALID_FIELD"
    assert refusal(world.worker.patch(f"sobjects/Deal__c/{deal}", {"Mood__c": "Good"})) == "INVALID_FIELD"


def test_a_field_that_may_be_read_only(world: World) -> None:
    """It shows in describe as not writable, and a write is refused."""
    described = fields(world.worker)
    assert [described["Amount__c"][one] for one in ("createable", "updateable")] == [False, False]
    assert [described["Notes__c"][one] for one in ("createable", "updateable")] == [True, True]
    deal = world.worker.deal()
    refused = world.worker.patch(f"sobjects/Deal__c/{deal}", {"Amount__c": 1})
    assert refusal(refused) == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert refused.json()[0]["fields"] == ["Amount__c"]


def test_a_formula_reads_what_its_reader_may_not(world: World) -> None:
    """A granted formula shows the name of an account behind a hidden lookup."""
    [account] = world.org.insert("Account", [{"Name": "Vineyard"}])
    [deal] = world.org.insert("Deal__c", [{"Title__c": "T", "Account__c": account}])
    assert world.worker.get(f"sobjects/Deal__c/{deal}").json()["Customer__c"] == "Vineyard"


def test_an_object_without_a_grant_is_unknown(world: World) -> None:
    """By its resources, in queries, in lists, and as a child; custom settings need a grant too."""
    assert world.worker.get("sobjects/Deal_Line__c/describe").status_code == 404
    assert refusal(world.worker.get("query", params={"q": "SELECT Id FROM Deal_Line__c"})) == "INVALID_TYPE"
    children = world.worker.get("query", params={"q": "SELECT (SELECT Id FROM Lines__r) FROM Deal__c"})
    assert refusal(children) == "INVALID_TYPE"
    assert refusal(world.worker.get("query", params={"q": "SELECT Id FROM Deal_Settings__c"})) == "INVALID_TYPE"
    names = {one["name"] for one in world.worker.get("sobjects").json()["sobjects"]}
    assert "Deal__c" in names
    assert "Deal_Line__c" not in names
    children = world.worker.get("sobjects/Deal__c/describe").json()["childRelationships"]
    assert "Deal_Line__c" not in {one["childSObject"] for one in children}


def test_reading_an_object_is_not_writing_it(world: World) -> None:
    """Alone, in collections and in describe."""
    [deal] = world.org.insert("Deal__c", [{"Title__c": "T"}])
    described = world.seller.get("sobjects/Deal__c/describe").json()
    assert (described["createable"], described["updateable"], described["queryable"]) == (False, False, True)
    assert refusal(world.seller.post("sobjects/Deal__c", {"Title__c": "T"})) == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert refusal(world.seller.patch(f"sobjects/Deal__c/{deal}", {"Title__c": "T"})) == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    row = {"attributes": {"type": "Deal__c"}, "Title__c": "T"}
    [result] = world.seller.post("composite/sobjects", {"records": [row]}).json()
    assert result["errors"][0]["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_grants_can_be_read_and_taken_away(world: World) -> None:
    """View All shows in ObjectPermissions; without the assignment nothing is left."""
    worker = world.org.user("integration")
    admin = Client(world.url, world.org.launch_info()["users"]["admin"]["access_token"])
    mine = f"(SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{worker}')"
    soql = f"SELECT SobjectType, PermissionsViewAllRecords FROM ObjectPermissions WHERE ParentId IN {mine}"
    [row] = world.worker.get("query", params={"q": soql}).json()["records"]
    assert (row["SobjectType"], row["PermissionsViewAllRecords"]) == ("Deal__c", True)
    named = "PermissionSet.Name = 'Integration'"
    soql = f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{worker}' AND {named}"
    [row] = admin.get("query", params={"q": soql}).json()["records"]
    assert admin.send("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}").status_code == 204
    assert world.worker.get("sobjects/Deal__c/describe").status_code == 404
    assert "Mood__c" in fields(admin), "administrators see everything"


def test_nobody_but_an_administrator_changes_who_may_do_what(world: World) -> None:
    """Neither users nor assignments."""
    worker = world.org.user("integration")
    assert refusal(world.worker.patch(f"sobjects/User/{worker}", {"Alias": "x"})) == "INSUFFICIENT_ACCESS_OR_READONLY"
    [sales] = world.worker.rows("SELECT Id FROM PermissionSet WHERE Name = 'Sales'")
    row = {"AssigneeId": worker, "PermissionSetId": sales["Id"]}
    assert refusal(world.worker.post("sobjects/PermissionSetAssignment", row)) == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_sharing_defaults_are_told(world: World) -> None:
    """By EntityDefinition, as the source has them."""
    soql = "SELECT QualifiedApiName, InternalSharingModel FROM EntityDefinition WHERE QualifiedApiName LIKE 'Deal%'"
    found = {row["QualifiedApiName"]: row["InternalSharingModel"] for row in world.org.rows(soql)}
    assert (found["Deal__c"], found["Deal_Line__c"]) == ("Private", "ControlledByParent")


def check(source: Path, directory: Path) -> tuple[int, list[str]]:
    """Run ``connector check`` against a sandbox into which that source was deployed; return what failed."""
    with Sandbox(directory, schema_dir=source) as sandbox:
        done = subprocess.run(
            [sys.executable, "-m", "connector", "--config", str(sandbox.config_path), "check"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    return done.returncode, [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("FAIL")]


def test_the_packaged_grants_are_all_that_the_worker_needs(tmp_path: Path) -> None:
    """``connector check`` is content with them, and not when that of a single required field is taken away."""
    assert check(METADATA, tmp_path / "whole") == (0, [])
    source = shutil.copytree(METADATA, tmp_path / "source")
    [file] = source.rglob("APN_Integration_User.permissionset-meta.xml")
    granted = re.compile(
        r"\s*<fieldPermissions>\s*<editable>true</editable>\s*<field>ACE_Opportunity__c\.Customer_Company_Name__c</field>"
        r"\s*<readable>true</readable>\s*</fieldPermissions>"
    )
    text, taken = granted.subn("", file.read_text(encoding="utf8"))
    assert taken == 1
    file.write_text(text, encoding="utf8")
    status, failed = check(source, tmp_path / "short")
    assert status == 1
    assert any("Customer_Company_Name__c" in line for line in failed)

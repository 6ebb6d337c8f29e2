"""An admin takes a related record out of the integration user's sight: AWS keeps what it was told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from salesforce_sandbox import XMLNS
from system_world import DEALS, World, codes, open_world

SITE = "Site__c"
MAPPED = ("customerWebsite", "Site__r.Web__c")
OBJECT = (
    "<label>Site</label><pluralLabel>Sites</pluralLabel><nameField><label>Name</label><type>Text</type></nameField>"
    "<sharingModel>Private</sharingModel>"
)
WEB = "<fullName>Web__c</fullName><label>Web</label><type>Text</type><length>255</length>"
LOOKUP = (
    "<fullName>Site__c</fullName><label>Site</label><type>Lookup</type><referenceTo>Site__c</referenceTo>"
    "<relationshipName>Deals</relationshipName><deleteConstraint>SetNull</deleteConstraint>"
)
ALLOWED = (
    "<fieldPermissions><editable>true</editable><field>Site__c.Web__c</field><readable>true</readable>"
    f"</fieldPermissions><fieldPermissions><editable>true</editable><field>{DEALS}.Site__c</field>"
    "<readable>true</readable></fieldPermissions><label>Sites</label><objectPermissions><allowCreate>true</allowCreate>"
    "<allowDelete>false</allowDelete><allowEdit>true</allowEdit><allowRead>true</allowRead>"
    "<modifyAllRecords>false</modifyAllRecords><object>Site__c</object><viewAllRecords>false</viewAllRecords>"
    "</objectPermissions>"
)


def write_metadata(folder: Path) -> Path:
    """Write an object whose records only those see with whom they are shared, and the lookup to it."""
    site, deal, sets = folder / "objects" / SITE, folder / "objects" / DEALS, folder / "permissionsets"
    _write(site / f"{SITE}.object-meta.xml", "CustomObject", OBJECT)
    _write(site / "fields" / "Web__c.field-meta.xml", "CustomField", WEB)
    _write(deal / "fields" / f"{SITE}.field-meta.xml", "CustomField", LOOKUP)
    for who in ("Integration", "Seller"):
        _write(sets / f"Sites_{who}.permissionset-meta.xml", "PermissionSet", ALLOWED)
    return folder


def _write(path: Path, root: str, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">'
    path.write_text(f"{head}{body}</{root}>\n", encoding="utf8")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hidden")
    with open_world(folder / "world", metadata=[write_metadata(folder / "metadata")]) as opened:
        opened.do("mapping", "automap")
        opened.do("mapping", "set", *MAPPED, "--no-inbound")
        opened.do("mapping", "publish")
        yield opened


def share_site(world: World, site: str) -> str:
    """Let the seller share the site with the integration user; return the share's id."""
    body = {"ParentId": site, "UserOrGroupId": world.user("integration"), "AccessLevel": "Read"}
    answer = world.seller.post("sobjects/Site__Share", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def website(world: World, record: str) -> str | None:
    found: str | None = world.opportunity(record)["Customer"]["Account"].get("WebsiteUrl")
    return found


def test_a_related_record_that_is_no_longer_shared_with_us_clears_nothing_at_aws(world: World) -> None:
    """Promise 5: the lookup is filled, and what stands behind it cannot be read; a log says so until it can."""
    answer = world.seller.post(f"sobjects/{SITE}", {"Name": "Harbour", "Web__c": "https://harbour.example"})
    assert answer.status_code == 201, answer.text
    site = str(answer.json()["id"])
    share = share_site(world, site)
    record, _ = world.shared(**{SITE: site})
    assert website(world, record) == "https://harbour.example"
    assert world.seller.send("DELETE", f"sobjects/Site__Share/{share}").status_code == 204
    world.edit(record, Next_Step__c="Meet the harbour master")
    world.sync("outbound", record, code=1)
    assert website(world, record) == "https://harbour.example"
    assert codes(world.errors(record)) == ["RELATED_NOT_VISIBLE"]
    told = world.errors(record)[0]["Error_Message__c"]
    assert all(word in told for word in ("customerWebsite", "Site__r.Web__c", "Site__c", "Give the integration user"))
    share_site(world, site)
    world.sync("outbound", record)
    assert world.errors(record) == []
    assert world.opportunity(record)["LifeCycle"]["NextSteps"] == "Meet the harbour master"
    assert website(world, record) == "https://harbour.example"

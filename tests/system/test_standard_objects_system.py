"""Standard opportunities as the synced object: an admin added the fields, sellers work with the packaged buttons."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ace_records import sound_record
from standard_opportunity import document, paths, use_mapping, write_fields
from system_package import copy_package
from system_worker import Worker
from system_world import AUTOMATIC, DETAILS, FAST, World, open_world

from connector.sandbox.seed import make_row

STANDARD, PACKAGED, REQUESTS = "Opportunity", "ACE_Opportunity__c", "ACE_Action_Request__c"
GRANT = re.compile(r"\s*<fieldPermissions>(?:(?!</fieldPermissions>).)*</fieldPermissions>", re.DOTALL)
SETS = {
    "ACE_Standard_Objects_Integration": "APN_Integration_User",
    "ACE_Standard_Objects_User": "APN_Business_User",
}
"""The set that gets the grants of the admin's fields, and the set that has those of the packaged object's."""


def add_fields(package: Path) -> None:
    """Give the standard opportunity the fields that the packaged one has, and grant them to the same people."""
    objects = package / "base/main/default/objects"
    for path in (objects / PACKAGED / "fields").glob("*.xml"):
        if not (target := objects / STANDARD / "fields" / path.name).exists():
            shutil.copy(path, target)
    for name, source in SETS.items():
        path, like = (next(package.rglob(f"{one}.permissionset-meta.xml")) for one in (name, source))
        text = path.read_text(encoding="utf8")
        wanted = [one for one in GRANT.findall(like.read_text(encoding="utf8")) if f"<field>{PACKAGED}." in one]
        grants = [one.replace(f"{PACKAGED}.", f"{STANDARD}.") for one in wanted]
        new = [one for one in grants if field_of(one) not in text]
        path.write_text(text.replace("<hasActivation", f"{''.join(new)}<hasActivation", 1), encoding="utf8")


def field_of(grant: str) -> str:
    found = re.search(r"<field>.*</field>", grant)
    assert found
    return found[0]


@pytest.fixture
def standard(tmp_path: Path) -> Iterator[tuple[World, Worker]]:
    """A world in which standard opportunities are mapped as the packaged ones are; the worker waits for wishes."""
    directory = tmp_path / "world"
    directory.mkdir()
    with open_world(directory, package=copy_package(tmp_path / "package", add_fields), **FAST) as world:
        for words in (("automap",), ("publish",), ("export", "mapping.yaml")):
            world.do("mapping", *words)
        path = directory / "mapping.yaml"
        text = path.read_text(encoding="utf8")
        assert text.count(PACKAGED) == 1
        path.write_text(text.replace(PACKAGED, STANDARD), encoding="utf8")
        for words in (("import", "mapping.yaml"), ("publish",)):
            world.do("mapping", *words)
        with world.working() as worker:
            worker.settle()
            yield world, worker


def make_deal(world: World) -> str:
    own = {"Name": "Standard", "StageName": "Prospecting", "CloseDate": "2027-06-01"}
    answer = world.seller.post(f"sobjects/{STANDARD}", make_row(1, world.sandbox.clock.now()) | own)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def share(world: World, worker: Worker, record: str) -> dict[str, Any]:
    """Press the button as the seller; return the request as it was answered."""
    body = {"contextId": record}
    pressed = world.seller.post(f"sobjects/{STANDARD}/quickActions/ACE_Share_with_AWS", body)
    assert pressed.status_code == 201, pressed.text
    where = f"SELECT Status__c, Message__c, Opportunity__c FROM {REQUESTS} WHERE Id = '{pressed.json()['id']}'"

    def answered() -> bool:
        world.advance(3)
        return world.seller.rows(where)[0]["Status__c"] not in ("New", "In Progress")

    world.eventually(answered, lambda: f"an answer; there is {world.seller.rows(where)} {world.pending()}")
    worker.settle()
    return world.seller.rows(where)[0]


@pytest.mark.requirement("LOG-19")
def test_details_of_a_standard_opportunity_lead_to_it_from_their_log(standard: tuple[World, Worker]) -> None:
    """By its id, by a link that people click, and by a lookup, which the record's end clears: the id stays."""
    world, worker = standard
    record = make_deal(world)
    answer = share(world, worker, record)
    [identifier] = world.of_record(record)
    assert (answer["Status__c"], answer["Opportunity__c"]) == ("Done", record)
    assert identifier in answer["Message__c"]
    below = f"Record_Id__c, Record_Link__c, Opportunity__c, {PACKAGED}"
    soql = f"SELECT Name, (SELECT {below} FROM Sync_Log_Details__r) FROM ACE_Sync_Log__c WHERE Direction__c = 'To AWS'"
    [log] = [one for one in world.admin.rows(soql) if one["Sync_Log_Details__r"]]
    [detail] = log["Sync_Log_Details__r"]["records"]
    assert (detail["Record_Id__c"], detail["Opportunity__c"], detail[PACKAGED]) == (record, record, None)
    assert detail["Record_Link__c"] == f'<a href="/{record}" target="_self">{record}</a>'
    assert world.admin.send("DELETE", f"sobjects/{STANDARD}/{record}").status_code == 204
    [kept] = world.admin.rows(f"SELECT Record_Id__c, Opportunity__c FROM {DETAILS} WHERE Record_Id__c = '{record}'")
    assert (kept["Record_Id__c"], kept["Opportunity__c"]) == (record, None)


def test_a_seller_who_holds_the_set_by_a_group_is_served(standard: tuple[World, Worker]) -> None:
    """A permission set group counts like an assignment of its own, and without either the request is refused."""
    world, worker = standard
    set_id = world.admin.rows("SELECT Id FROM PermissionSet WHERE Name = 'APN_Business_User'")[0]["Id"]
    seller = world.user("seller")
    where = f"AssigneeId = '{seller}' AND PermissionSetId = '{set_id}'"
    [direct] = world.admin.rows(f"SELECT Id FROM PermissionSetAssignment WHERE {where}")
    group = {"DeveloperName": "Field_Sales", "MasterLabel": "Field Sales"}
    group_id = str(world.admin.post("sobjects/PermissionSetGroup", group).json()["id"])
    component = {"PermissionSetGroupId": group_id, "PermissionSetId": set_id}
    assert world.admin.post("sobjects/PermissionSetGroupComponent", component).status_code == 201
    assert world.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{direct['Id']}").status_code == 204
    assigned = world.admin.post(
        "sobjects/PermissionSetAssignment", {"AssigneeId": seller, "PermissionSetGroupId": group_id}
    )
    assert assigned.status_code == 201, assigned.text
    record = make_deal(world)
    answer = share(world, worker, record)
    assert answer["Status__c"] == "Done", answer
    assert len(world.of_record(record)) == 1


TEXT = "<type>Text</type><length>255</length>"
BESIDE = {"salesActivities": "Steps__c", "postalCode": "Account.BillingPostalCode", "otherSolutionOffered": "Offer__c"}
STANDARD_SET = "ACE_Standard_Objects_Integration"


def created(world: World, object_name: str, **fields: Any) -> str:
    answer = world.seller.post(f"sobjects/{object_name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def make_flagged(world: World) -> str:
    """Create a complete opportunity of an account, with the standard fields as people fill them; return its id."""
    account = created(
        world, "Account", Name="Example Freight", Website="https://freight.example", BillingPostalCode="75001"
    )
    row: dict[str, Any] = {"AccountId": account, "StageName": "Qualification", "Offer__c": "Moving"}
    for name, path in (paths() | BESIDE).items():
        value = sound_record().get(name)
        if value is not None and "." not in path and path not in row:
            row[path] = ";".join(value) if isinstance(value, tuple) else plain(value)
    record = world.admin.post(f"sobjects/{STANDARD}", row | {"ACE_Sync_with_AWS__c": True})
    assert record.status_code == 201, record.text
    return str(record.json()["id"])


def plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else float(value) if hasattr(value, "is_finite") else value


@contextmanager
def guarded_world(folder: Path, **options: Any) -> Iterator[World]:
    """A world whose integration user's profile shows no standard field: the package's sets have to."""
    fields = write_fields(folder / "fields", Steps__c=TEXT, Offer__c=TEXT)
    (folder / "world").mkdir()
    with open_world(folder / "world", metadata=[fields], guarded=True, **AUTOMATIC, **options) as world:
        yield world


def test_the_packaged_set_shows_a_user_with_api_access_only_the_standard_fields(tmp_path: Path) -> None:
    """A standard opportunity with its account's fields is mapped, sent, and updated by AWS, with no set but ours."""
    with guarded_world(tmp_path) as world:
        use_mapping(world, document(paths() | BESIDE))
        checks = {one["name"]: one for one in world.do("check", "--json").json["checks"]}
        assert checks[f"access to {STANDARD}"]["message"] == "granted"
        record = make_flagged(world)
        world.advance(5)
        world.sync("outbound")
        [identifier] = world.of_record(record)
        sent = world.get(identifier)
        assert sent["Customer"]["Account"]["WebsiteUrl"] == "https://freight.example"
        assert sent["Customer"]["Account"]["Address"]["PostalCode"] == "75001"
        world.review(identifier, "Approved")
        world.edit_at_aws(identifier, LifeCycle__NextSteps="AWS: let us meet")
        world.advance(5)
        world.sync("inbound")
        [row] = world.admin.rows(f"SELECT NextStep FROM {STANDARD} WHERE Id = '{record}'")
        assert row["NextStep"] == "AWS: let us meet"


def hide_standard_fields(package: Path) -> None:
    """Take the grants of standard fields out of the packaged set."""
    [path] = package.rglob(f"{STANDARD_SET}.permissionset-meta.xml")
    text = path.read_text(encoding="utf8")
    for one in GRANT.findall(text):
        if "__c</field>" not in one:
            text = text.replace(one, "")
    path.write_text(text, encoding="utf8")


def test_without_the_grants_each_hidden_field_is_named(tmp_path: Path) -> None:
    """A mapping of what the connector's user does not see is refused, each field with the grant that is missing."""
    package = copy_package(tmp_path / "package", hide_standard_fields)
    with guarded_world(tmp_path, package=package) as world:
        (world.directory / "mapping.json").write_text(json.dumps(document(paths() | BESIDE)), encoding="utf8")
        refused = world.do("mapping", "import", "mapping.json", code=2)
        for field in ("Opportunity.Description", "Opportunity.NextStep", "Opportunity.Account"):
            assert f"read access to {field}" in refused.err

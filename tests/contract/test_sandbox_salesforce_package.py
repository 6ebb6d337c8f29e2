"""The sandbox org loads the complete package and enforces it: every field of every object, what its people may do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client, World, running_org

from connector.sandbox.clock import SandboxClock
from connector.sandbox.salesforce import Org, ids
from connector.sandbox.server import METADATA

FOLDERS = sorted(path for path in METADATA.rglob("objects/*") if path.is_dir())
OBJECTS = sorted({path.name for path in FOLDERS})
MISSING = "REQUIRED_FIELD_MISSING"
UNREADABLE, TOO_LONG, BAD_CHOICE = "JSON_PARSER_ERROR", "STRING_TOO_LONG", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
NO_REFERENCE = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
DEALS, LEADS, REQUESTS = "ACE_Opportunity__c", "ACE_Lead__c", "ACE_Action_Request__c"
LOGS, DETAILS = "ACE_Sync_Log__c", "ACE_Sync_Log_Detail__c"
Json = dict[str, Any]


def codes(answer: Any) -> list[str]:
    return [str(one["errorCode"]) for one in answer.json()]


# -- every field


class Walk:
    """Writes rows as an administrator into an org without rules and flows: what is left are the fields' own checks."""

    def __init__(self, world: World) -> None:
        users = world.org.launch_info()["users"]
        self.admin, self.seller_id = Client(world.url, users["admin"]["access_token"]), users["seller"]["id"]
        self.numbers, self.made, self.known = count(1), dict[str, str](), dict[str, list[Json]]()
        for one in world.org.schema:
            one.rules.clear()
        world.org.flows.clear()

    def fields(self, name: str) -> list[Json]:
        if name not in self.known:
            self.known[name] = self.admin.get(f"sobjects/{name}/describe").json()["fields"]
        return self.known[name]

    def row(self, name: str) -> Json:
        """Return the least that a new row of the object needs."""
        found = {
            one["name"]: self.valid(one)
            for one in self.fields(name)
            if one["createable"] and not one["nillable"] and not one["defaultedOnCreate"]
        }
        # Requests take imported offers only.
        found |= {"Offer_Id__c": f"offer-{next(self.numbers)}"} if name == "AWS_Private_Offer__c" else {}
        return found | ({"SetupOwnerId": self.seller_id} if "SetupOwnerId" in found else {})

    def create(self, name: str) -> str:
        answer = self.admin.post(f"sobjects/{name}", self.row(name))
        assert answer.status_code == 201, (name, answer.text)
        return str(answer.json()["id"])

    def record(self, name: str) -> str:
        """Return the id of the one row of the object that others refer to."""
        if name not in self.made:
            self.made[name] = self.seller_id if name == "User" else self.create(name)
        return self.made[name]

    def valid(self, field: Json) -> Any:
        """Return a value that uses the field to its limits."""
        kind, number = field["type"], next(self.numbers)
        if kind == "reference":
            return self.record(field["referenceTo"][-1])
        if kind in {"picklist", "multipicklist"}:
            values = [one["value"] for one in field["picklistValues"] if one["active"]]
            return ";".join(values[:2]) if kind == "multipicklist" else values[-1] if values else "Any"
        if kind in {"string", "textarea"}:
            return f"{number}.".ljust(field["length"], "x")[: field["length"]].rstrip(".")
        if kind in {"double", "currency", "percent"}:
            scale = field["scale"]
            return 1 + 10**-scale if scale else min(10 ** field["precision"] - 1, 10**15 - 1)
        return {
            "boolean": True, "date": "2028-02-29", "datetime": "2026-11-23T01:02:03.000+0000", "time": "10:11:12.000Z",
            "email": "a.b@example.com", "url": "https://example.com/a", "phone": "+1 206 555 0100",
        }[kind]  # fmt: skip

    def invalid(self, field: Json) -> list[tuple[Any, str]]:
        """Return values that the field does not take, and the code with which each is refused."""
        kind = field["type"]
        if kind == "reference":
            target = field["referenceTo"][-1]
            other, gone = self.record("Account" if target == "Contact" else "Contact"), self.record(target)[:3]
            return [
                ("nobody", "MALFORMED_ID"), (other, "FIELD_INTEGRITY_EXCEPTION"),
                (ids.number(gone, 999_999), "INVALID_CROSS_REFERENCE_KEY"),
            ]  # fmt: skip
        if field["restrictedPicklist"]:
            return [("No such value", BAD_CHOICE)]
        if kind in {"double", "currency", "percent"}:
            return [(10 ** (field["precision"] - field["scale"]), "NUMBER_OUTSIDE_VALID_RANGE"), ("many", UNREADABLE)]
        if kind in {"string", "textarea", "url", "phone", "picklist", "multipicklist"}:
            return [("x" * (field["length"] + 1), TOO_LONG), (7, UNREADABLE)]
        if kind == "email":
            return [("nobody", "INVALID_EMAIL_ADDRESS"), ("x" * field["length"] + "@example.com", TOO_LONG)]
        bad = {"boolean": "maybe", "date": "2026-02-30", "datetime": "2026-11-23", "time": "noon"}[kind]
        return [(bad, UNREADABLE), *([(None, UNREADABLE)] if kind == "boolean" else [])]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with running_org(METADATA, tmp_path_factory.mktemp("org")) as world:
        yield Walk(world)


def test_the_walk_covers_the_package() -> None:
    """Base and extras; more than the objects that everything turns on."""
    assert {DEALS, LEADS, LOGS, DETAILS, REQUESTS, "AWS_Private_Offer__c", "Opportunity", "Lead"} <= set(OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_takes_what_is_valid_and_refuses_what_is_not(walk: Walk, name: str) -> None:
    """By type: length, choices, digits, form, what it refers to; required, unique; calculated fields take nothing."""
    files = {
        path.name.split(".")[0] for folder in FOLDERS if folder.name == name for path in folder.glob("fields/*.xml")
    }
    described = {one["name"]: one for one in walk.fields(name)}
    custom = {one for one in files if one.endswith("__c")}
    assert custom <= described.keys()
    record = walk.create(name)
    for one in sorted(custom):
        check_field(walk, name, record, described[one])


def check_field(walk: Walk, name: str, record: str, field: Json) -> None:
    """Write the field of a row, and of a new row."""
    api, path = field["name"], f"sobjects/{name}/{record}"
    if not field["createable"]:
        assert field["calculated"] or field["autoNumber"], (api, "only the org fills a field that nobody can set")
        assert codes(walk.admin.patch(path, {api: "1"})) == ["INVALID_FIELD_FOR_INSERT_UPDATE"], api
        return
    value = walk.valid(field)
    for wrong, code in walk.invalid(field):
        refused = walk.admin.post(f"sobjects/{name}", walk.row(name) | {api: wrong})
        assert (refused.status_code, codes(refused)) == (400, [code]), (api, str(wrong)[:60], refused.text[:300])
    if field["updateable"]:
        answer = walk.admin.patch(path, {api: value})
        assert answer.status_code == 204, (api, value, answer.text[:300])
        assert walk.admin.get(path, params={"fields": api}).json()[api] == value, api
    else:
        assert codes(walk.admin.patch(path, {api: value})) == ["INVALID_FIELD_FOR_INSERT_UPDATE"], api
    if not field["nillable"] and field["type"] != "boolean":
        assert codes(walk.admin.post(f"sobjects/{name}", walk.row(name) | {api: None})) == [MISSING], api
    if field["unique"]:
        assert codes(walk.admin.post(f"sobjects/{name}", walk.row(name) | {api: value})) == ["DUPLICATE_VALUE"], api


# -- people


class Office(World):
    """The packaged org with all its people."""

    def __init__(self, world: World) -> None:
        self.__dict__.update(world.__dict__)
        self.users = self.org.launch_info()["users"]
        self.other, self.admin = (Client(self.url, self.users[one]["access_token"]) for one in ("seller2", "admin"))

    def sets_of(self, role: str) -> set[str]:
        where = f"AssigneeId = '{self.users[role]['id']}' AND PermissionSet.IsOwnedByProfile = false"
        rows = self.admin.rows(f"SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE {where}")
        return {row["PermissionSet"]["Name"] for row in rows}

    def take_sets(self, role: str) -> None:
        """Take away every permission set of a user."""
        where = f"AssigneeId = '{self.users[role]['id']}' AND PermissionSet.IsOwnedByProfile = false"
        for row in self.admin.rows(f"SELECT Id FROM PermissionSetAssignment WHERE {where}"):
            assert self.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}").status_code == 204

    def give_set(self, role: str, name: str) -> None:
        [row] = self.admin.rows(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")
        grant = {"AssigneeId": self.users[role]["id"], "PermissionSetId": row["Id"]}
        assert self.admin.post("sobjects/PermissionSetAssignment", grant).status_code == 201

    def make(self, client: Client, name: str, **fields: Any) -> str:
        answer = client.post(f"sobjects/{name}", fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def log(self) -> tuple[str, str]:
        """Let the integration write a log with one detail; return their ids."""
        log = self.make(self.worker, LOGS, Log_Key__c="run-1", Status__c="Error")
        detail = self.make(self.worker, DETAILS, Sync_Log__c=log, Detail_Key__c="run-1|1", Status__c="Error")
        return log, detail


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_org(METADATA, tmp_path_factory.mktemp("org")) as found:
        yield found


@pytest.fixture
def office(packaged: World) -> Office:
    packaged.org.reset()
    return Office(packaged)


def test_each_person_has_the_sets_of_the_part_that_he_plays(office: Office) -> None:
    """One of the package's own, and that for the standard objects."""
    standard = {"ACE_Standard_Objects_User"}
    assert {role: office.sets_of(role) for role in office.users} == {
        "integration": {"APN_Integration_User", "ACE_Standard_Objects_Integration"},
        "admin": {"APN_Business_Administrator"},
        "seller": {"APN_Business_User"} | standard, "seller2": {"APN_Business_User"} | standard,
    }  # fmt: skip
    planted = {
        row["Name"] for row in office.admin.rows("SELECT Name FROM PermissionSet WHERE IsOwnedByProfile = false")
    }
    files = {path.name.split(".")[0] for path in METADATA.rglob("*.permissionset-meta.xml")}
    assert planted == files


@pytest.mark.requirement("LOG-26")
def test_logs_are_private_by_default(office: Office) -> None:
    """Details go with their log."""
    texts = {path.name: path.read_text(encoding="utf8") for path in METADATA.rglob("*.object-meta.xml")}
    assert "<sharingModel>Private</sharingModel>" in texts[f"{LOGS}.object-meta.xml"]
    assert "<sharingModel>ControlledByParent</sharingModel>" in texts[f"{DETAILS}.object-meta.xml"]


@pytest.mark.requirement("PERM-03")
def test_a_business_user_sees_no_log_until_it_is_shared(office: Office) -> None:
    """Neither the log nor its details; shared, both, and still not those of another run."""
    log, detail = office.log()
    rows = {LOGS: log, DETAILS: detail}
    office.take_sets("seller")
    office.give_set("seller", "APN_Business_User")
    for name, record in rows.items():
        assert office.seller.rows(f"SELECT Id FROM {name}") == []
        assert office.seller.get(f"sobjects/{name}/{record}").status_code == 404
    share = {"ParentId": log, "UserOrGroupId": office.users["seller"]["id"], "AccessLevel": "Read"}
    office.make(office.admin, "ACE_Sync_Log__Share", **share)
    office.make(office.worker, LOGS, Log_Key__c="run-2", Status__c="Processed")
    for name, record in rows.items():
        assert office.seller.rows(f"SELECT Id FROM {name}") == [{"Id": record}]
        assert office.seller.get(f"sobjects/{name}/{record}").status_code == 200


def test_nobody_requests_an_action_on_a_record_out_of_reach(office: Office) -> None:
    """Over the button and without it; a request itself is seen by its requester only, and by the integration."""
    deal = office.make(office.seller, DEALS, Name="Mine")
    button, body = f"sobjects/{DEALS}/quickActions/ACE_Share_with_AWS", {"contextId": deal}
    assert codes(office.other.post(button, body)) == ["NOT_FOUND"]
    request = {"Action__c": "Share", DEALS: deal}
    assert codes(office.other.post(f"sobjects/{REQUESTS}", request)) == [NO_REFERENCE]
    pressed = office.seller.post(button, body)
    assert pressed.status_code == 201, pressed.text
    made = pressed.json()["id"]
    assert [len(one.rows(f"SELECT Id FROM {REQUESTS}")) for one in (office.seller, office.other)] == [1, 0]
    [row] = office.worker.rows(f"SELECT Id, Action__c, Status__c, {DEALS}, CreatedById FROM {REQUESTS}")
    expected = {"Id": made, "Action__c": "Share", "Status__c": "New", DEALS: deal}
    assert row == expected | {"CreatedById": office.users["seller"]["id"]}


def test_the_integration_asks_what_a_requester_may_do(office: Office) -> None:
    """Edit access to the record and permission sets, both by query."""
    deal = office.make(office.seller, DEALS, Name="Mine")
    edits = {
        role: office.worker.rows(
            "SELECT HasEditAccess FROM UserRecordAccess "
            f"WHERE UserId = '{office.users[role]['id']}' AND RecordId = '{deal}'"
        )[0]["HasEditAccess"]
        for role in ("seller", "seller2", "admin", "integration")
    }
    assert edits == {"seller": True, "seller2": False, "admin": True, "integration": True}
    office.take_sets("seller")
    where = f"AssigneeId = '{office.users['seller']['id']}' AND PermissionSet.Name LIKE 'A%'"
    assert office.worker.rows(f"SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE {where}") == []


def test_without_a_permission_set_nobody_requests_anything(office: Office) -> None:
    """The objects of the package do not exist for him."""
    office.take_sets("seller")
    for name in (REQUESTS, DEALS, LOGS):
        assert office.seller.post(f"sobjects/{name}", {"Name": "x"}).status_code == 404
        assert codes(office.seller.query(f"SELECT Id FROM {name}")) == ["INVALID_TYPE"]


def test_a_business_user_works_with_the_named_set_alone(office: Office) -> None:
    """Creates, views, edits and copies an opportunity, presses its buttons, and asks for the solutions."""
    office.take_sets("seller")
    office.give_set("seller", "APN_Business_User")
    deal = office.make(office.seller, DEALS, Name="Mine", Partner_Project_Title__c="Yard")
    assert office.seller.patch(f"sobjects/{DEALS}/{deal}", {"Partner_Project_Title__c": "Yard 2"}).status_code == 204
    row = office.seller.get(f"sobjects/{DEALS}/{deal}").json()
    assert row["Partner_Project_Title__c"] == "Yard 2"
    settable = {
        one["name"] for one in office.seller.get(f"sobjects/{DEALS}/describe").json()["fields"] if one["createable"]
    }
    copied = {name: value for name, value in row.items() if name in settable - {"OwnerId"} and value is not None}
    assert office.make(office.seller, DEALS, **copied) != deal
    listed = {one["name"] for one in office.seller.get(f"sobjects/{DEALS}/quickActions").json()}
    assert {f"{DEALS}.ACE_{one}" for one in ("Share_with_AWS", "Refresh_from_AWS", "Assign")} <= listed
    for action in ("ACE_Share_with_AWS", "ACE_Refresh_from_AWS"):
        pressed = office.seller.post(f"sobjects/{DEALS}/quickActions/{action}", {"contextId": deal})
        assert pressed.status_code == 201, pressed.text
    office.make(office.seller, REQUESTS, Action__c="Refresh Solutions")


def test_a_copy_starts_anew(office: Office) -> None:
    """Identifiers, sync date and flag are gone from it, whoever copies; what the integration creates keeps them."""
    carried = {
        "ACE_APN_Unique_Identifier__c": "O1234567", "ACE_Last_Sync_Date__c": "2026-11-01T00:00:00.000+0000",
        "ACE_Sync_with_AWS__c": True,
    }  # fmt: skip
    names = ", ".join((*carried, "ACE_Invitation_Id__c"))

    def read(record: str) -> Json:
        [row] = office.admin.rows(f"SELECT {names} FROM {DEALS} WHERE Id = '{record}'")
        return row

    anew = {
        "ACE_APN_Unique_Identifier__c": None, "ACE_Last_Sync_Date__c": None, "ACE_Sync_with_AWS__c": False,
        "ACE_Invitation_Id__c": None,
    }  # fmt: skip
    original = office.make(office.worker, DEALS, Name="Original", **carried)
    assert read(original) == carried | {"ACE_Invitation_Id__c": None}
    [by_seller] = office.org.insert(DEALS, [{"Name": "Copy", **carried}])
    assert read(by_seller) == anew
    by_admin = office.make(office.admin, DEALS, Name="Copy", ACE_Invitation_Id__c="arn:1", ACE_Sync_with_AWS__c=True)
    assert read(by_admin) == anew
    fresh = office.make(office.seller, DEALS, Name="New", ACE_Sync_with_AWS__c=True)
    assert read(fresh) == anew | {"ACE_Sync_with_AWS__c": True}, "a row that was not copied keeps its flag"


def test_a_payload_is_edited_over_its_button(office: Office) -> None:
    """By an administrator: the correction and the wish to process it again, in one."""
    _, detail = office.log()
    body = {"contextId": detail, "record": {"Corrected_Payload__c": "{}"}}
    assert office.admin.post(f"sobjects/{DETAILS}/quickActions/ACE_Edit_Payload", body).status_code == 200
    [row] = office.worker.rows(f"SELECT Corrected_Payload__c, Reprocess__c FROM {DETAILS}")
    assert row == {"Corrected_Payload__c": "{}", "Reprocess__c": True}


@pytest.mark.requirement("OPS-23")
def test_a_second_deployment_keeps_rows_settings_and_assignments(tmp_path: Path) -> None:
    """The same source into the same org: nothing is planted twice."""
    database, soql = str(tmp_path / "org.db"), "SELECT Poll_Seconds__c, SetupOwnerId FROM ACE_Connector_Settings__c"
    counted = ("User", "PermissionSet", "PermissionSetAssignment", "ObjectPermissions", "FieldPermissions")
    found = []
    for round_ in (1, 2):
        org = Org(METADATA, SandboxClock(), directory=tmp_path / "keys", database=database)
        if round_ == 1:
            [setting] = org.rows("SELECT Id FROM ACE_Connector_Settings__c")
            org.update("ACE_Connector_Settings__c", setting["Id"], {"Poll_Seconds__c": 77}, org.user("admin"))
            org.insert(DEALS, [{"Name": "Kept"}])
        names = [row["Name"] for row in org.rows(f"SELECT Name FROM {DEALS}")]
        numbers = {one: len(org.rows(f"SELECT Id FROM {one}")) for one in counted}
        found.append((org.rows(soql), names, numbers))
        org.close()
    assert found[0] == found[1]
    assert found[1][0][0]["Poll_Seconds__c"] == 77
    assert found[1][1] == ["Kept"]


def test_a_new_version_brings_what_it_adds_and_assigns_nothing(tmp_path: Path) -> None:
    """A permission set that was not there before is there, for the admin to assign; changed grants hold at once."""
    source, database = shutil.copytree(METADATA, tmp_path / "source"), str(tmp_path / "org.db")
    [file] = source.rglob("AWS_Channel_Partner_User.permissionset-meta.xml")
    [business] = source.rglob("APN_Business_User.permissionset-meta.xml")
    kept = {one: one.read_text(encoding="utf8") for one in (file, business)}
    file.unlink()
    business.write_text(re.sub(r"<objectPermissions>.*</objectPermissions>", "", kept[business], flags=re.DOTALL))
    told = []
    for _ in range(2):
        org = Org(source, SandboxClock(), directory=tmp_path / "keys", database=database)
        seller = org.access.of(org.user("seller"))
        named = "SELECT Id, (SELECT Id FROM Assignments) FROM PermissionSet WHERE Name = 'AWS_Channel_Partner_User'"
        told.append((seller.may("read", org.schema[DEALS]), [row["Assignments"] for row in org.rows(named)]))
        org.close()
        for one, text in kept.items():
            one.write_text(text, encoding="utf8")
    assert told == [(False, []), (True, [None])]

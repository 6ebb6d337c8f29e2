"""Permission set groups in the sandbox org: what they give, who is told of them, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client

from connector.salesforce.door import SalesforceDoor
from connector.salesforce.settings import SalesforceSettings
from connector.sandbox.server import Sandbox
from connector.sync.rights import EVERY_ASKER, holders

ASSIGNMENT, COMPONENT = "PermissionSetAssignment", "PermissionSetGroupComponent"
USER_SET, DEAL = "APN_Business_User", "ACE_Opportunity__c"


class People:
    """The sandbox, an administrator, and a seller who holds no permission set but his profile's."""

    def __init__(self, sandbox: Sandbox) -> None:
        org = sandbox.launch_info()["salesforce"]
        self.admin, self.seller = (
            Client(org["instance_url"], org["users"][role]["access_token"]) for role in ("admin", "seller")
        )
        self.seller_id = str(org["users"]["seller"]["id"])
        where = f"AssigneeId = '{self.seller_id}' AND PermissionSet.IsOwnedByProfile = false"
        for row in self.admin.rows(f"SELECT Id FROM {ASSIGNMENT} WHERE {where}"):
            self.remove(ASSIGNMENT, row["Id"])

    def create(self, name: str, **fields: Any) -> str:
        answer = self.admin.post(f"sobjects/{name}", fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def remove(self, name: str, record: str) -> None:
        assert self.admin.send("DELETE", f"sobjects/{name}/{record}").status_code == 204

    def set_id(self, name: str = USER_SET) -> str:
        [row] = self.admin.rows(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")
        return str(row["Id"])

    def group(self) -> tuple[str, str]:
        """Create a group that contains the sellers' set; return the ids of group and component."""
        group = self.create("PermissionSetGroup", DeveloperName="Field_Sales", MasterLabel="Field Sales")
        return group, self.create(COMPONENT, PermissionSetGroupId=group, PermissionSetId=self.set_id())

    def may_create(self) -> bool:
        """Whether the seller may create opportunities at this moment."""
        answer = self.seller.post(f"sobjects/{DEAL}", {"Name": "Deal"})
        assert answer.status_code == 201 or answer.json()[0]["errorCode"] in ("NOT_FOUND", NO_RIGHT), answer.text
        return bool(answer.status_code == 201)


NO_RIGHT = "INSUFFICIENT_ACCESS_OR_READONLY"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def people(running: Sandbox) -> People:
    running.org.reset()
    return People(running)


@pytest.fixture
def door(running: Sandbox) -> Iterator[SalesforceDoor]:
    info = running.launch_info()["salesforce"]
    settings = SalesforceSettings(
        instance_url=info["instance_url"],
        audience="https://test.salesforce.com",
        api_version=info["api_version"],
        client_id=info["client_id"],
        username=info["username"],
        private_key=Path(info["private_key_file"]).read_text(),
    )
    with closing(SalesforceDoor(settings, sleep=lambda _: None)) as opened:
        yield opened


def refusal(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()[0]["errorCode"])


def test_a_group_gives_what_the_sets_in_it_give_for_as_long_as_they_are_in_it(people: People) -> None:
    assert not people.may_create()
    group, component = people.group()
    assert not people.may_create(), "nobody was assigned the group yet"
    people.create(ASSIGNMENT, AssigneeId=people.seller_id, PermissionSetGroupId=group)
    assert people.may_create()
    people.remove(COMPONENT, component)
    assert not people.may_create()


def test_the_worker_finds_holders_by_a_group_and_by_assignments_of_their_own(
    people: People, door: SalesforceDoor
) -> None:
    """The questions that it asks before it carries out somebody's request, over HTTP with its own rights."""
    assert holders(door, [people.seller_id], EVERY_ASKER) == {people.seller_id: set()}
    group, component = people.group()
    assigned = people.create(ASSIGNMENT, AssigneeId=people.seller_id, PermissionSetGroupId=group)
    assert holders(door, [people.seller_id], EVERY_ASKER) == {people.seller_id: {USER_SET}}
    [row] = people.admin.rows(
        f"SELECT PermissionSetGroup.DeveloperName, PermissionSetId FROM {ASSIGNMENT} WHERE Id = '{assigned}'"
    )
    assert row["PermissionSetGroup"]["DeveloperName"] == "Field_Sales"
    people.create(ASSIGNMENT, AssigneeId=people.seller_id, PermissionSetId=people.set_id("AWS_Marketplace_User"))
    people.remove(COMPONENT, component)
    assert holders(door, [people.seller_id], EVERY_ASKER) == {people.seller_id: {"AWS_Marketplace_User"}}


def test_nobody_is_assigned_the_same_twice_and_no_group_contains_a_set_twice(people: People) -> None:
    group, _ = people.group()
    again = {"PermissionSetGroupId": group, "PermissionSetId": people.set_id()}
    assert refusal(people.admin.post(f"sobjects/{COMPONENT}", again)) == "DUPLICATE_VALUE"
    for given in ({"PermissionSetId": people.set_id()}, {"PermissionSetGroupId": group}):
        people.create(ASSIGNMENT, AssigneeId=people.seller_id, **given)
        row = {"AssigneeId": people.seller_id, **given}
        assert refusal(people.admin.post(f"sobjects/{ASSIGNMENT}", row)) == "DUPLICATE_VALUE"


def test_an_assignment_is_of_a_set_or_of_a_group(people: People) -> None:
    group, _ = people.group()
    both = {"PermissionSetId": people.set_id(), "PermissionSetGroupId": group}
    for given in ({}, both):
        row = {"AssigneeId": people.seller_id, **given}
        assert refusal(people.admin.post(f"sobjects/{ASSIGNMENT}", row)) == "REQUIRED_FIELD_MISSING"


def test_only_administrators_make_groups(people: People) -> None:
    row = {"DeveloperName": "Mine", "MasterLabel": "Mine"}
    answer = people.seller.post("sobjects/PermissionSetGroup", row)
    assert answer.json()[0]["errorCode"] == NO_RIGHT

"""A partner's people whose deals are records of their own object, with a worker that runs: what they do and see."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from html import unescape
from typing import Any

import pytest
from admin_desk import logging_restored
from own_org_world import AWS_ID, DEAL, DESK, SYNC, SYNCED, TERRITORY, UPDATES, deal
from system_world import CATALOG, Live, World

from connector.admin.cli import main

Json = dict[str, Any]
_EDITED = (
    f"OR(ISBLANK({SYNCED}), AND(LastModifiedDate >= {SYNCED}, CASESAFEID(LastModifiedById) <> "
    "$Setup.ACE_Connector_Settings__c.Integration_User_Id__c))"
)


class Office:
    """The partner's people, whose deals are records of their own object."""

    def __init__(self, live: Live) -> None:
        self.world, self.worker = live.world, live.worker

    def add(self, object_name: str, role: str = "seller", **fields: Any) -> str:
        answer = self.world.people[role].post(f"sobjects/{object_name}", fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def edit(self, object_name: str, record: str, role: str = "seller", **fields: Any) -> None:
        answer = self.world.people[role].patch(f"sobjects/{object_name}/{record}", fields)
        assert answer.status_code == 204, answer.text

    def read(self, record: str, *fields: str, object_name: str = DEAL) -> Json:
        own = (AWS_ID, SYNCED) if object_name == DEAL else ()
        named = ", ".join(("Id", *own, *fields))
        [row] = self.world.admin.rows(f"SELECT {named} FROM {object_name} WHERE Id = '{record}'")
        return row

    def customer(self, **fields: Any) -> str:
        whole = {
            "Name": "Example Hospital", "Website": "https://hospital.example", "BillingCity": "Kassel",
            "BillingPostalCode": "34117", "Industry": "Healthcare",
        }  # fmt: skip
        return self.add("Account", **{**whole, **fields})

    def hub(self, code: str) -> str:
        """Return a desk in a territory of that code."""
        return self.add(DESK, Name="North", Territory__c=self.add(TERRITORY, Name="Hesse", Territory_Code__c=code))

    def turn(self, times: int = 2) -> None:
        for _ in range(times):
            self.worker.cycle()

    def approved(self, customer: str = "", **fields: Any) -> tuple[str, str]:
        """Create a deal, let it be shared and approved; return its id and AWS's."""
        record = self.add(DEAL, **deal(Customer__c=customer or self.customer(), **fields))
        self.turn(1)
        identifier = self.read(record)[AWS_ID]
        assert identifier, self.told(record)
        self.world.review(identifier, "Approved")
        self.turn()
        return record, str(identifier)

    def told(self, record: str) -> str:
        return "\n".join(f"{one['Error_Code__c']}: {one['Error_Message__c']}" for one in self.world.details(record))

    def open(self, record: str) -> str:
        """Return what is open about a record."""
        waiting = (one for one in self.world.details(record) if one["Status__c"] in ("Error", "Pending"))
        return "\n".join(f"{one['Error_Code__c']}: {one['Error_Message__c']}" for one in waiting)

    def at_aws(self, record: str) -> Json:
        """Return what AWS says of a record; what keeps the record is shown where the test fails."""
        sys.stdout.write(self.told(record))
        return self.get(str(self.read(record)[AWS_ID]))

    def get(self, identifier: str) -> Json:
        """Return what AWS says, in plain text: it escapes what it stores, and once more what it shows."""
        found: Json = plain(self.world.get(identifier))
        return found

    @contextmanager
    def due_only_if(self, condition: str) -> Iterator[None]:
        """Let the org's own formula ask for more, for a while."""
        try:
            self._due(f"AND({SYNC}, {condition}, {_EDITED})")
            yield
        finally:
            self._due(f"AND({SYNC}, {_EDITED})")

    def _due(self, formula: str) -> None:
        self.deploy(fullName=UPDATES, label="AWS Has Updates", type="Checkbox", formula=formula, access="read")

    def deploy(self, access: str = "edit", **metadata: Any) -> None:
        """An admin adds a field to deals, or changes it; the worker has noticed."""
        self.world.control("/salesforce/field", object=DEAL, metadata=metadata, access=access)
        self.notices()

    def notices(self) -> None:
        """Let so much time pass that the worker looks anew at what fields there are."""
        self.world.advance(600)
        self.turn()

    @contextmanager
    def deleted(self, **metadata: Any) -> Iterator[None]:
        """Delete a field of deals for a while; the worker has noticed."""
        self.world.control("/salesforce/delete", object=DEAL, field=metadata["fullName"])
        try:
            self.notices()
            yield
        finally:
            self.deploy(**metadata)

    def hear(self, identifier: str, **fields: Any) -> None:
        """A colleague at AWS changes an opportunity, and the worker looks."""
        self.world.edit_at_aws(identifier, **fields)
        self.turn()


def in_this_process(world: World) -> Callable[..., None]:
    """Return a way to run commands as the shell would, without a new process for each."""

    def do(*arguments: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err), logging_restored():
            for name, value in world.environment().items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
        assert not ended.value.code, f"{arguments} ended with {ended.value.code}\n{out.getvalue()}\n{err.getvalue()}"

    return do


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return unescape(unescape(value)) if isinstance(value, str) else value


def comes(office: Office, company: str, **fields: Any) -> str:
    members = {
        "Customer.Account.CompanyName": company, "Customer.Account.WebsiteUrl": "https://harbour.example",
        "LifeCycle.ReviewStatus": "Approved", **{name.replace("__", "."): value for name, value in fields.items()},
    }  # fmt: skip
    identifier = str(office.world.control("/aws/create", fields=members, catalog=CATALOG)["opportunity"])
    office.turn(1)
    return identifier


def received(office: Office, identifier: str, *fields: str) -> list[Json]:
    named = ", ".join(("Id", *fields))
    return office.world.admin.rows(f"SELECT {named} FROM {DEAL} WHERE {AWS_ID} = '{identifier}'")


def updates(office: Office, identifier: str) -> int:
    return len(office.world.proxy.named("UpdateOpportunity", identifier))

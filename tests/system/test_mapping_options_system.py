"""The three ways in which partners go into production: the packaged object, the standard one, and the packaged one as
a table that the org's own automation fills from its own records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ace_records import sound_record
from salesforce_sandbox import Client
from standard_opportunity import PRIMARY, document, paths, use_mapping, write_fields
from system_world import AUTOMATIC, DEALS, World, open_world

SETTINGS: dict[str, Any] = {**AUTOMATIC}
MORE = {"salesActivities": "Steps__c", "postalCode": "Account.BillingPostalCode", "otherSolutionOffered": "Offer__c"}
TEXT = "<type>Text</type><length>255</length>"
APN_ID, FLAG = "ACE_APN_Unique_Identifier__c", "ACE_Sync_with_AWS__c"


class Option:
    """One way to work: what a seller does, and where AWS's words are seen."""

    def __init__(self, world: World) -> None:
        self.world = world

    def create(self) -> str:
        """Return the id of the record that is in step with AWS."""
        return self.world.deal()

    def say(self, record: str, step: str) -> None:
        """A seller writes a next step."""
        self.world.edit(record, Next_Step__c=step)

    def heard(self, record: str) -> str:
        """Return the next step that a seller sees."""
        return str(self.world.row(record, "Next_Step__c")["Next_Step__c"])

    def identifier(self, record: str) -> str:
        return str(self.world.row(record)[APN_ID])


class Standard(Option):
    """The standard opportunity, with the fields that AWS requires mapped."""

    def create(self) -> str:
        account = insert(
            self.world.seller,
            "Account",
            Name="Example Freight",
            Website="https://freight.example",
            BillingPostalCode="75001",
        )
        row: dict[str, Any] = {"AccountId": account, "StageName": "Qualification", "Offer__c": "Moving", FLAG: True}
        for name, path in (paths() | MORE).items():
            value = sound_record().get(name)
            if value is not None and "." not in path and path not in row:
                row[path] = ";".join(value) if isinstance(value, tuple) else plain(value)
        return insert(self.world.admin, PRIMARY, **row)

    def say(self, record: str, step: str) -> None:
        change(self.world.admin, PRIMARY, record, NextStep=step)

    def heard(self, record: str) -> str:
        return str(self._row(record)["NextStep"])

    def identifier(self, record: str) -> str:
        return str(self._row(record)[APN_ID])

    def _row(self, record: str) -> Mapping[str, Any]:
        [row] = self.world.admin.rows(f"SELECT NextStep, {APN_ID} FROM {PRIMARY} WHERE Id = '{record}'")
        return row


class Staged(Option):
    """Sellers work on standard opportunities; a flow of the org, which runs as an automation user, copies both ways."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.sources: dict[str, str] = {}

    def create(self) -> str:
        seller = self.world.seller
        source = insert(seller, PRIMARY, Name="Staged", StageName="Qualification", CloseDate="2027-06-01")
        staged = self.world.deal(self.world.admin, Next_Step__c=None)
        [row] = self.world.admin.rows(f"SELECT CreatedById FROM {DEALS} WHERE Id = '{staged}'")
        assert row["CreatedById"] not in (self.world.user("integration"), self.world.user("seller"))
        self.sources[staged] = source
        return staged

    def say(self, record: str, step: str) -> None:
        change(self.world.seller, PRIMARY, self.sources[record], NextStep=step)
        self.world.edit(record, self.world.admin, Next_Step__c=step)

    def heard(self, record: str) -> str:
        told = self.world.row(record, "Next_Step__c")["Next_Step__c"]
        change(self.world.admin, PRIMARY, self.sources[record], NextStep=told)
        [row] = self.world.seller.rows(f"SELECT NextStep FROM {PRIMARY} WHERE Id = '{self.sources[record]}'")
        return str(row["NextStep"])


def insert(person: Client, object_name: str, **fields: Any) -> str:
    answer = person.post(f"sobjects/{object_name}", fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def change(person: Client, object_name: str, record: str, **fields: Any) -> None:
    answer = person.patch(f"sobjects/{object_name}/{record}", fields)
    assert answer.status_code == 204, answer.text


def plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else float(value) if hasattr(value, "is_finite") else value


@contextmanager
def packaged(folder: Path, kind: Callable[[World], Option]) -> Iterator[Option]:
    with open_world(folder / "world", **SETTINGS) as world:
        world.do("mapping", "automap")
        world.do("mapping", "publish")
        yield kind(world)


@contextmanager
def standard(folder: Path, kind: Callable[[World], Option]) -> Iterator[Option]:
    with open_world(
        folder / "world", metadata=[write_fields(folder / "fields", Steps__c=TEXT, Offer__c=TEXT)], **SETTINGS
    ) as world:
        use_mapping(world, document(paths() | MORE))
        yield kind(world)


OPTIONS = {
    "packaged, auto-mapped": (packaged, Option),
    "standard": (standard, Standard),
    "staged by the org's automation": (packaged, Staged),
}


@pytest.mark.requirement("MAP-61")
@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_story_goes_both_ways_in_each_option(tmp_path: Path, name: str) -> None:
    opening, kind = OPTIONS[name]
    with opening(tmp_path, kind) as option:
        world = option.world
        record = option.create()
        world.advance(5)
        ran = world.run("sync", "outbound", "--json")
        assert ran.code == 0, world.details(record)
        identifier = option.identifier(record)
        assert world.of_record(record) == [identifier], world.details(record)
        world.review(identifier, "Approved")
        world.sync("inbound")
        world.edit_at_aws(identifier, LifeCycle__NextSteps="AWS: let us meet")
        world.sync("inbound")
        assert option.heard(record) == "AWS: let us meet"
        world.advance(5)
        option.say(record, "We meet in May")
        world.advance(5)
        world.sync("outbound")
        assert world.get(identifier)["LifeCycle"]["NextSteps"] == "We meet in May"
        world.advance(5)
        world.sync("inbound")
        assert option.heard(record) == "We meet in May"
        assert len(world.listed()) == 1

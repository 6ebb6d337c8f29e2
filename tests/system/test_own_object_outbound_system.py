"""An object of the partner's own as the primary one: its own sync fields decide, related records are followed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from own_org_world import AWS_ID, BASE, DEAL, DESK, SYNC, SYNCED, deal
from system_world import AUTOMATIC, FAST, Live, World, open_world

OWN = {
    "sync_with_aws": SYNC, "last_sync_date": SYNCED, "has_updates": "", "apn_id": AWS_ID, "invitation_id": "",
}  # fmt: skip
PLAIN = {
    "partnerProjectTitle": "Headline__c", "projectDescription": "Problem__c", "nextStep": "Next_Action__c",
    "expectedMonthlyAwsRevenue": "Monthly_Spend__c", "targetCloseDate": "Close_By__c",
    "solutionOffered": "Solution_Code__c", "customerCompanyName": "Customer__r.Name",
    "customerWebsite": "Customer__r.Website", "city": "Customer__r.BillingCity", "state": "Customer__r.BillingState",
    "postalCode": "Customer__r.BillingPostalCode", "industryOther": "Customer__r.Site",
    "awsAccountId": "Customer__r.AWS_Account_Number__c", "primaryContactEmail": "Owner.Email",
    "additionalComments": "Desk__r.Lead_Person__r.Title",
}  # fmt: skip
VALUES = {
    "stage": ("Phase__c", {"Prospect": "1 Discover", "Qualified": "2 Qualify"}),
    "opportunityType": ("Deal_Kind__c", {"Net New Business": "New logo"}),
    "deliveryModel": ("Delivery__c", {"SaaS or PaaS": "Run by us"}),
    "useCase": ("Use__c", {"Storage & Backup": "Backups"}),
    "partnerPrimaryNeedFromAws": ("Help_Wanted__c", {"Co-Sell - Architectural Validation": "Architects"}),
    "salesActivities": ("Steps_Done__c", {"Initialized discussions with customer": "First call"}),
    "industry": ("Sector__c", {"Healthcare": "Hospitals"}),
    "country": ("Land__c", {"DE": "Deutschland"}),
    "doesOppBelongToNatSec": ("Secret_Work__c", {"No": "nein", "Yes": "ja"}),
    "closedLostReason": ("Lost_Because__c", {"Price": "Price too high"}),
}
ROWS_OF_THE_TABLE = ("later, by a person", "later, by the integration user", "earlier, by a person")


def mapping() -> dict[str, Any]:
    """Return the mapping as an admin would write it by hand."""
    entries: list[dict[str, Any]] = [{"ace_field": ace, "path": path, "inbound": False} for ace, path in PLAIN.items()]
    entries += [
        {
            "ace_field": ace, "path": path, "inbound": False,
            "picklist": {"primary": values, "additional": {}, "defaults": {}},
        }
        for ace, (path, values) in VALUES.items()
    ]  # fmt: skip
    head = {"schema": 1, "record_type": "opportunity", "object": DEAL, "version": 0, "own_fields": OWN}
    return head | {"fields": entries}


class Desk:
    """The world, as people use it whose deals are records of their own object."""

    def __init__(self, world: World) -> None:
        self.world = world

    def publish(self) -> None:
        target = self.world.directory / "mapping.json"
        target.write_text(json.dumps(mapping()), encoding="utf8")
        self.world.do("mapping", "import", str(target))
        self.world.do("mapping", "publish")

    def create(self, object_name: str, **row: Any) -> str:
        answer = self.world.seller.post(f"sobjects/{object_name}", row)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def edit(self, object_name: str, record: str, role: str = "seller", **fields: Any) -> None:
        answer = self.world.people[role].patch(f"sobjects/{object_name}/{record}", fields)
        assert answer.status_code == 204, answer.text

    def row(self, record: str) -> dict[str, Any]:
        [row] = self.world.admin.rows(
            f"SELECT {AWS_ID}, {SYNCED}, LastModifiedById, SystemModstamp FROM {DEAL} WHERE Id = '{record}'"
        )
        return dict(row)

    def at_aws(self, record: str) -> dict[str, Any]:
        return self.world.get(str(self.row(record)[AWS_ID]))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The partner's own org, whose deals have no formula field, and a worker that sends by itself."""
    settings = {**AUTOMATIC, **FAST, "Due_Sweep_Minutes__c": 240}
    with open_world(tmp_path_factory.mktemp("own"), metadata=[BASE], **settings) as world:
        Desk(world).publish()
        with world.working() as worker:
            yield Live(world, worker)


@pytest.fixture(scope="module")
def desk(live: Live) -> Desk:
    return Desk(live.world)


@pytest.fixture(scope="module")
def lead_person(live: Live) -> str:
    return live.world.user("seller2")


@pytest.fixture
def shared(live: Live, desk: Desk, lead_person: str) -> tuple[str, str]:
    """Return the ids of a customer and of its approved deal."""
    customer = desk.create(
        "Account", Name="Example Hospital", Website="https://hospital.example", BillingCity="Kassel",
        BillingPostalCode="34117",
    )  # fmt: skip
    hub = desk.create(DESK, Name="North", Lead_Person__c=lead_person)
    record = desk.create(DEAL, **deal(Customer__c=customer, Desk__c=hub))
    live.worker.cycle()
    live.worker.cycle()
    live.world.review(str(desk.row(record)[AWS_ID]), "Approved")
    live.worker.cycle()
    live.worker.cycle()
    live.world.proxy.forget()
    return customer, record


@pytest.mark.requirement("ELIG-08")
def test_the_mapped_names_are_used(live: Live, desk: Desk, shared: tuple[str, str]) -> None:
    _, record = shared
    row = desk.row(record)
    assert row[SYNCED] and live.world.of_record(record) == [row[AWS_ID]]
    unflagged = desk.create(DEAL, **deal(**{SYNC: False}))
    live.worker.cycle()
    assert live.world.of_record(unflagged) == []


@pytest.mark.requirement("ELIG-12")
def test_the_truth_table_holds_without_a_formula_field(live: Live, desk: Desk) -> None:
    """Modified after the last sync and by somebody else than the integration user: only that is sent."""
    customer = desk.create("Account", Name="Example Ward", Website="https://ward.example", BillingPostalCode="34117")
    records = {kind: desk.create(DEAL, **deal(Customer__c=customer)) for kind in ROWS_OF_THE_TABLE}
    live.worker.cycle()
    live.worker.cycle()
    for record in records.values():
        live.world.review(str(desk.row(record)[AWS_ID]), "Approved")
    live.worker.cycle()
    live.worker.cycle()
    live.world.advance(5)
    for kind, record in records.items():
        if kind == "later, by the integration user":
            desk.edit(DEAL, record, "integration", Name="Touched by the integration")
        else:
            late = {} if kind.startswith("later") else {SYNCED: "2090-01-01T00:00:00.000+0000"}
            desk.edit(DEAL, record, "admin", Next_Action__c=f"Edited {kind}", **late)
    live.worker.cycle()
    sent = {kind: desk.at_aws(record)["LifeCycle"]["NextSteps"] for kind, record in records.items()}
    assert [kind for kind, text in sent.items() if text == f"Edited {kind}"] == ["later, by a person"]


def test_related_records_of_an_own_object_are_followed_over_two_lookups(
    live: Live, desk: Desk, lead_person: str, shared: tuple[str, str]
) -> None:
    customer, record = shared
    desk.edit("Account", customer, BillingCity="Fulda")
    live.worker.cycle()
    assert desk.at_aws(record)["Customer"]["Account"]["Address"]["City"] == "Fulda"
    desk.edit("User", lead_person, "admin", Title="Head of the desk")
    live.worker.cycle()
    assert desk.at_aws(record)["Project"]["AdditionalComments"] == "Head of the desk"
    (page,) = live.world.admin.rows("SELECT Message__c FROM ACE_Worker__c")
    assert "related records" not in str(page["Message__c"]), "people and queues, who may own a deal, could be asked"

"""What a person with exactly one of the package's permission sets may and may not do, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client

from connector.sandbox.server import Sandbox

METADATA = Path(__file__).parents[2] / "salesforce_metadata"
SETTINGS = "ACE_Connector_Settings__c"
DEAL, LOG, SCHEDULE = "ACE_Opportunity__c", "ACE_Sync_Log__c", "ACE_Schedule__c"
OFFER, AUTHORIZATION = "AWS_Private_Offer__c", "AWS_Resale_Authorization__c"
SHARED, AGREEMENT = "AWS_Shared_Resale_Authorization__c", "AWS_Agreement__c"
HOURLY = {"Object__c": "Opportunity", "Interval_Minutes__c": 60}
REFUSED = "INSUFFICIENT_ACCESS_OR_READONLY"


class Org:
    """The sandbox with the package, an administrator's client, and one person whose permission sets change."""

    def __init__(self, launched: dict[str, Any]) -> None:
        users = launched["users"]
        self.admin, self.person, self.seller, self.connector = (
            Client(launched["instance_url"], users[role]["access_token"])
            for role in ("admin", "seller2", "seller", "integration")
        )
        [row] = self.rows(self.admin, "SELECT Id FROM User WHERE Username = 'rita.lindqvist@northwind.example'")
        self.person_id = row["Id"]

    def rows(self, client: Client, soql: str) -> list[dict[str, Any]]:
        answer = client.query(soql)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])

    def assign(self, *names: str) -> None:
        """Leave the person with the named permission sets alone."""
        where = f"AssigneeId = '{self.person_id}' AND PermissionSet.IsOwnedByProfile = false"
        for row in self.rows(self.admin, f"SELECT Id FROM PermissionSetAssignment WHERE {where}"):
            gone = self.admin.send("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}")
            assert gone.status_code == 204, gone.text
        for name in names:
            [one] = self.rows(self.admin, f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")
            values = {"AssigneeId": self.person_id, "PermissionSetId": one["Id"]}
            assert self.admin.post("sobjects/PermissionSetAssignment", values).status_code == 201


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield Org(sandbox.launch_info()["salesforce"])


def create(client: Client, name: str, values: dict[str, Any]) -> str:
    """Return the id of a new record, or the code with which it was refused."""
    told = client.post(f"sobjects/{name}", values).json()
    return str(told["id"] if isinstance(told, dict) else told[0]["errorCode"])


def change(client: Client, name: str, record: str, values: dict[str, Any]) -> str:
    """Return the code with which a change was refused, empty when it was made."""
    answer = client.patch(f"sobjects/{name}/{record}", values)
    return "" if answer.status_code == 204 else str(answer.json()[0]["errorCode"])


def refused(told: str) -> bool:
    return told.isupper() and "_" in told


def log_of_the_connector(org: Org, key: str) -> str:
    return create(org.connector, LOG, {
        "Log_Key__c": key, "Direction__c": "To AWS", "Purpose__c": "Outbound File Retrieval", "Status__c": "Error",
        "Object__c": "Opportunity",
    })  # fmt: skip


@pytest.mark.requirement("PERM-01")
def test_the_business_administrator_has_the_whole_app_but_makes_no_schedule(org: Org) -> None:
    """Objects, fields and tabs are granted as the role says; a schedule is seen and neither made nor changed."""
    org.assign("APN_Business_Administrator")
    log, deal = log_of_the_connector(org, "role-1"), create(org.seller, DEAL, {})
    planned = create(org.connector, SCHEDULE, HOURLY)
    ids = [row["Id"] for row in org.rows(org.person, f"SELECT Id FROM {LOG}")]
    assert log in ids
    assert change(org.person, DEAL, deal, {"Customer_Company_Name__c": "Northwind"}) == ""
    assert org.rows(org.person, f"SELECT Id FROM {SCHEDULE} WHERE Id = '{planned}'")
    assert create(org.person, SCHEDULE, HOURLY) == REFUSED
    assert change(org.person, SCHEDULE, planned, {"Interval_Minutes__c": 5}) == REFUSED
    assert refused(change(org.person, DEAL, deal, {"ACE_APN_Unique_Identifier__c": "O1"}))


@pytest.mark.requirement("PERM-07")
def test_settings_are_written_by_an_administrator_with_the_set_and_by_no_set_alone(org: Org) -> None:
    """The guide's table says so, and that credentials are the worker's."""
    guide = (METADATA / "permissions.md").read_text(encoding="utf8")
    assert "System Administrator profile" in guide
    assert "no permission set reaches them" in guide
    org.assign("APN_Business_Administrator")
    [row] = org.rows(org.person, f"SELECT Id FROM {SETTINGS}")
    assert refused(change(org.person, SETTINGS, row["Id"], {"Retry_Count__c": 4}))
    assert change(org.admin, SETTINGS, row["Id"], {"Retry_Count__c": 4}) == ""
    assert org.rows(org.person, f"SELECT Retry_Count__c FROM {SETTINGS}")[0]["Retry_Count__c"] == 4


def test_the_integration_user_makes_schedules(org: Org) -> None:
    org.assign("APN_Integration_User")
    planned = create(org.person, SCHEDULE, HOURLY)
    assert change(org.person, SCHEDULE, planned, {"Active__c": True}) == ""


def test_the_business_user_works_with_own_records_and_sees_no_log(org: Org) -> None:
    org.assign("APN_Business_User")
    log, foreign = log_of_the_connector(org, "role-2"), create(org.seller, DEAL, {})
    own = create(org.person, DEAL, {"Customer_Company_Name__c": "Own"})
    assert change(org.person, DEAL, own, {"ACE_Sync_with_AWS__c": True}) == ""
    asked = create(org.person, "ACE_Action_Request__c", {"Action__c": "Share", "ACE_Opportunity__c": own})
    assert not refused(asked)
    assert refused(change(org.person, "ACE_Action_Request__c", asked, {"Status__c": "Done"}))
    assert org.rows(org.person, f"SELECT Id FROM {LOG} WHERE Id = '{log}'") == []
    assert refused(change(org.person, DEAL, foreign, {"Customer_Company_Name__c": "Mine"}))
    assert refused(create(org.person, SCHEDULE, HOURLY))


@pytest.mark.requirement("PERM-04")
def test_the_marketplace_administrator_reads_and_writes_every_marketplace_row(org: Org) -> None:
    """Rows of others too, all syncs, and schedules; not the co-sell side."""
    org.assign("AWS_Marketplace_User")
    offer = create(org.person, OFFER, {"Name": "Of a seller"})
    moved = {"OwnerId": org.rows(org.admin, "SELECT Id FROM User WHERE Alias = 'okafor'")[0]["Id"]}
    assert change(org.admin, OFFER, offer, moved) == ""
    sync = create(org.connector, "AWS_Marketplace_Sync__c", {"Sync_Key__c": "role-1"})
    assert not refused(sync)
    org.assign("AWS_Marketplace_Administrator")
    assert change(org.person, OFFER, offer, {"Name": "Seen and changed"}) == ""
    assert org.rows(org.person, f"SELECT Id FROM AWS_Marketplace_Sync__c WHERE Id = '{sync}'")
    assert not refused(create(org.person, SCHEDULE, HOURLY))
    assert not refused(create(org.person, AUTHORIZATION, {"Name": "Wholesale"}))
    assert org.person.query(f"SELECT Id FROM {DEAL}").status_code == 400


def test_the_marketplace_user_sells_and_does_not_configure(org: Org) -> None:
    org.assign("AWS_Marketplace_User")
    offer = create(org.person, OFFER, {"Name": "Offer"})
    assert change(org.person, OFFER, offer, {"Name": "Better offer"}) == ""
    assert refused(change(org.person, OFFER, offer, {"Offer_Id__c": "offer-1"}))
    assert not refused(create(org.person, AUTHORIZATION, {"Name": "Wholesale"}))
    assert refused(create(org.person, SCHEDULE, HOURLY))
    assert refused(create(org.person, "AWS_S3_Bucket_Setting__c", {"Name": "seller", "Bucket_Name__c": "eulas"}))


@pytest.mark.requirement("PERM-06")
def test_the_channel_partner_makes_offers_and_no_resale_authorizations(org: Org) -> None:
    org.assign("AWS_Channel_Partner_User")
    shared = create(org.connector, SHARED, {"Name": "From a vendor", "Entity_Key__c": "111122223333/resaleauthz-1"})
    assert [row["Id"] for row in org.rows(org.person, f"SELECT Id FROM {SHARED}")] == [shared]
    assert refused(change(org.person, SHARED, shared, {"Description__c": "Mine"}))
    offer = create(org.person, OFFER, {
        "Name": "By authorization", "Offer_Type__c": "Channel Partner", "Shared_Resale_Authorization__c": shared,
    })  # fmt: skip
    assert not refused(offer)
    assert create(org.person, AUTHORIZATION, {"Name": "Not theirs"}) == REFUSED
    assert not refused(create(org.person, SCHEDULE, HOURLY))


@pytest.mark.parametrize(
    ("role", "what"),
    [
        ("AWS_Marketplace_Administrator", "Products"),
        ("AWS_Channel_Partner_User", "Shared Resale Authorizations"),
    ],
)
def test_marketplace_schedules_are_made_by_their_roles_and_answered_by_the_connector(
    org: Org, role: str, what: str
) -> None:
    """Everybody sees all schedules and changes his own; what became of one only the connector writes."""
    org.assign(role)
    others = create(org.connector, SCHEDULE, HOURLY)
    own = create(org.person, SCHEDULE, {"Object__c": what, "Interval_Minutes__c": 60})
    assert change(org.person, SCHEDULE, own, {"Active__c": True}) == ""
    assert refused(change(org.person, SCHEDULE, own, {"Status__c": "Waiting"}))
    assert change(org.connector, SCHEDULE, own, {"Status__c": "Waiting", "Message__c": "Due"}) == ""
    told = org.rows(org.person, f"SELECT Id, Message__c FROM {SCHEDULE} WHERE Id IN ('{own}', '{others}')")
    assert {row["Id"]: row["Message__c"] for row in told} == {own: "Due", others: None}
    assert change(org.person, SCHEDULE, others, {"Interval_Minutes__c": 5}) == REFUSED


@pytest.mark.parametrize("market", ["AWS_Marketplace_User", "AWS_Channel_Partner_User"])
def test_an_agreement_by_a_public_offer_is_seen_and_linked_to_an_opportunity(org: Org, market: str) -> None:
    """By who works with both; nothing else of it is changed, and it is not deleted."""
    org.assign(market, "APN_Business_User")
    key = f"111122223333|agmt-{market}"
    agreement = create(org.connector, AGREEMENT, {"Name": "agmt", "Entity_Key__c": key, "Public_Offer__c": True})
    seen = org.rows(org.person, f"SELECT Id FROM {AGREEMENT} WHERE Public_Offer__c = true AND Id = '{agreement}'")
    assert [row["Id"] for row in seen] == [agreement]
    deal = create(org.person, DEAL, {"Name": "Deal"})
    assert change(org.person, AGREEMENT, agreement, {DEAL: deal}) == ""
    [row] = org.rows(org.connector, f"SELECT {DEAL} FROM {AGREEMENT} WHERE Id = '{agreement}'")
    assert row[DEAL] == deal
    assert refused(change(org.person, AGREEMENT, agreement, {"Status__c": "ACTIVE"}))
    assert org.person.send("DELETE", f"sobjects/{AGREEMENT}/{agreement}").status_code != 204
    org.assign(market)
    assert refused(change(org.person, AGREEMENT, agreement, {DEAL: create(org.seller, DEAL, {})}))

"""What AWS says of the customer reaches the account that the opportunity refers to, as sellers and admins see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_package import NAMESPACE, RULE
from system_world import CATALOG, World, codes, open_world
from test_related_outbound_system import ACCOUNT, OPPORTUNITY, Office, mapping, write_metadata

RULE_MESSAGE = "Nobody lives in Atlantis."
STAGES = {
    "Prospect": "Prospecting", "Qualified": "Qualification", "Technical Validation": "Needs Analysis",
    "Business Validation": "Value Proposition", "Committed": "Negotiation/Review", "Launched": "Closed Won",
    "Closed Lost": "Closed Lost",
}  # fmt: skip
BOTH_WAYS = {"customerWebsite": "Account.Website", "city": "Account.BillingCity", "industry": "Account.Industry"}
OWN = {"partnerProjectTitle": ("Name", True), "targetCloseDate": ("CloseDate", False), "stage": ("StageName", False)}


def both_ways() -> dict[str, Any]:
    """Return the mapping with inbound updates on for the account's fields, and the standard fields of the deal."""
    document = mapping()
    for entry in document["fields"]:
        name = entry["ace_field"]
        entry["inbound"] = name in BOTH_WAYS
        if name in OWN:
            entry["path"], entry["inbound"] = OWN[name]
        if name == "stage":
            entry["picklist"] = {"primary": STAGES, "additional": {}, "defaults": {}}
        if name == "nextStep":
            entry["path"], entry["inbound"] = "NextStep", True
    return document


class Desk(Office):
    """The world, as people use it whose accounts take what AWS says."""

    def publish(self) -> None:
        target = self.world.directory / "mapping.json"
        target.write_text(json.dumps(both_ways()), encoding="utf8")
        self.world.do("mapping", "import", str(target))
        self.world.do("mapping", "publish")

    def shared(self, account: str, **steps: Any) -> tuple[str, str]:
        """Return the id of an approved deal of the account, and AWS's."""
        deal = self.deal(account)
        self.world.do("action", "share", deal)
        identifier = str(self.row(deal)["ACE_APN_Unique_Identifier__c"])
        self.world.review(identifier, "Approved")
        self.world.sync("inbound")
        return deal, identifier

    def at(self, object_name: str, record: str, *fields: str) -> list[Any]:
        """Return the values of the record's fields."""
        [row] = self.world.admin.rows(f"SELECT {', '.join(fields)} FROM {object_name} WHERE Id = '{record}'")
        return [row[name] for name in fields]

    def says(self, identifier: str, **fields: Any) -> None:
        """Let AWS say something of the customer, and the connector hear it."""
        self.world.edit_at_aws(identifier, **{f"Customer__Account__{name}": value for name, value in fields.items()})
        self.world.advance(3)
        self.world.sync("inbound")

    def open_errors(self, record: str) -> list[dict[str, Any]]:
        return [one for one in self.world.details(record) if one["Status__c"] == "Error"]


def with_rule(folder: Path) -> Path:
    """Add a rule to what the admin deployed, which holds for the integration user too."""
    target = folder / "objects" / ACCOUNT / "validationRules"
    target.mkdir(parents=True)
    text = RULE.format(
        namespace=NAMESPACE, name="No_Atlantis", formula='BillingCity = "Atlantis"', message=RULE_MESSAGE
    )
    (target / "No_Atlantis.validationRule-meta.xml").write_text(text, encoding="utf8")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("related_inbound")
    with open_world(folder / "world", metadata=[with_rule(write_metadata(folder / "metadata"))]) as world:
        Desk(world).publish()
        yield world


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


@pytest.mark.requirement("MAP-13", "MAP-18", "PICK-17")
def test_values_reach_the_account_that_the_deal_refers_to_and_no_other(desk: Desk) -> None:
    """Through the picklist mapping, both ways; the deal's account stays the same, and nothing is sent back."""
    account, other = desk.account(), desk.account(Name="Another customer", Website="https://other.example")
    deal, identifier = desk.shared(account)
    assert desk.at_aws(deal)["Customer"]["Account"]["Industry"] == "Computers and Electronics"
    fields = ("Website", "BillingCity", "Industry", "Name")
    before = desk.at(ACCOUNT, other, *fields)
    desk.world.proxy.forget()
    desk.says(identifier, WebsiteUrl="https://new.example", Address__City="Tacoma", Industry="Agriculture")
    assert desk.at(ACCOUNT, account, *fields) == ["https://new.example", "Tacoma", "Agriculture", "Example Freight"]
    assert desk.at(ACCOUNT, account, "LastModifiedById") == [desk.world.user("integration")]
    assert desk.at(ACCOUNT, other, *fields) == before
    assert desk.at(OPPORTUNITY, deal, "AccountId") == [account]
    desk.world.sync("outbound")
    assert desk.world.proxy.writes(identifier) == [], "our own write is not sent back"
    assert desk.open_errors(deal) == []


@pytest.mark.requirement("MAP-14")
def test_of_two_deals_the_one_that_carries_the_aws_identifier_is_updated(desk: Desk) -> None:
    account = desk.account()
    deal, identifier = desk.shared(account)
    twin = desk.deal(account)
    desk.world.edit_at_aws(identifier, LifeCycle__NextSteps="Call the customer's architect")
    desk.world.advance(3)
    desk.world.sync("inbound")
    assert desk.at(OPPORTUNITY, deal, "NextStep") == ["Call the customer's architect"]
    assert desk.at(OPPORTUNITY, twin, "NextStep") == [None]


@pytest.mark.requirement("MAP-16")
def test_once_an_admin_has_linked_the_account_the_next_push_fills_it(desk: Desk) -> None:
    """Until then the values wait, and the log says for what."""
    fields = {
        "LifeCycle": {"ReviewStatus": "Approved"},
        "Customer": {
            "Account": {
                "WebsiteUrl": "https://late.example", "Industry": "Agriculture", "Address": {"City": "Olympia"}
            }
        },
    }  # fmt: skip
    identifier = desk.world.control("/aws/create", fields=fields, catalog=CATALOG)["opportunity"]
    desk.world.sync("inbound")
    [row] = desk.world.admin.rows(
        f"SELECT Id, AccountId FROM {OPPORTUNITY} WHERE ACE_APN_Unique_Identifier__c = '{identifier}'"
    )
    deal = str(row["Id"])
    assert row["AccountId"] is None
    told = {one["Error_Message__c"] for one in desk.open_errors(deal) if one["Error_Code__c"] == "RELATED_NOT_WRITTEN"}
    [website] = [text for text in told if "https://late.example" in text]
    for words in ("customerWebsite", "Account.Website", "Sync with AWS"):
        assert words in website
    answer = desk.world.admin.post(f"sobjects/{ACCOUNT}", {"Name": "Late Customer"})
    account = str(answer.json()["id"])
    desk.edit(OPPORTUNITY, deal, AccountId=account, ACE_Sync_with_AWS__c=True)
    desk.world.advance(3)
    desk.world.run("sync", "outbound")
    desk.says(identifier, Address__City="Yakima")
    assert desk.at(ACCOUNT, account, "Website", "BillingCity", "Name") == [
        "https://late.example", "Yakima", "Late Customer",
    ]  # fmt: skip
    assert "RELATED_NOT_WRITTEN" not in codes(desk.open_errors(deal))


def test_a_sellers_edit_of_the_account_that_waits_is_kept_and_the_log_says_so(desk: Desk) -> None:
    """IN-25 on a related field."""
    account = desk.account()
    deal, identifier = desk.shared(account)
    desk.edit(ACCOUNT, account, Website="https://sellers.example")
    desk.says(identifier, WebsiteUrl="https://aws.example", Address__City="Spokane")
    assert desk.at(ACCOUNT, account, "Website", "BillingCity") == ["https://sellers.example", "Spokane"]
    notes = [str(one["Error_Message__c"]) for one in desk.world.details(deal) if one["Status__c"] == "Processed"]
    assert any("https://aws.example" in note and "Account.Website" in note for note in notes)


def test_a_rule_of_the_accounts_is_told_on_the_deal_and_stops_nothing_else(desk: Desk) -> None:
    account = desk.account()
    deal, identifier = desk.shared(account)
    desk.world.edit_at_aws(
        identifier, Customer__Account__Address__City="Atlantis", LifeCycle__NextSteps="Find another city"
    )
    desk.world.advance(3)
    desk.world.sync("inbound", code=1)
    assert desk.at(OPPORTUNITY, deal, "NextStep") == ["Find another city"]
    assert desk.at(ACCOUNT, account, "BillingCity") == ["Everett"]
    [error] = desk.open_errors(deal)
    for words in ("city", "Account.BillingCity", account, "Atlantis", RULE_MESSAGE):
        assert words in error["Error_Message__c"]
    desk.says(identifier, Address__City="Everett")
    assert desk.open_errors(deal) == []


def test_deals_that_share_an_account_end_with_the_same_values(desk: Desk) -> None:
    account = desk.account()
    (one, one_id), (two, two_id) = desk.shared(account), desk.shared(account)
    desk.world.edit_at_aws(one_id, Customer__Account__WebsiteUrl="https://one.example")
    desk.world.edit_at_aws(two_id, Customer__Account__Address__City="Redmond")
    desk.world.advance(3)
    desk.world.sync("inbound")
    desk.world.advance(3)
    desk.world.sync("inbound")
    assert desk.at(ACCOUNT, account, "Website", "BillingCity") == ["https://one.example", "Redmond"]
    assert desk.open_errors(one) == desk.open_errors(two) == []

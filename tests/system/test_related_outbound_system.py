"""Fields of related records, as people see them: a seller edits the account or its owner, and AWS hears of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from salesforce_sandbox import XMLNS
from system_world import AUTOMATIC, FAST, Live, World, open_world

from connector.sandbox.seed import make_row
from connector.sandbox.server import METADATA

OPPORTUNITY, ACCOUNT = "Opportunity", "Account"
OWN_FIELDS = {
    "Partner_Project_Title__c": "partnerProjectTitle", "Country__c": "country", "State_or_Region__c": "state",
    "Postal_Code__c": "postalCode", "Customer_Business_Problem__c": "projectDescription", "Use_Case__c": "useCase",
    "Delivery_Model__c": "deliveryModel", "Expected_Monthly_AWS_Revenue__c": "expectedMonthlyAwsRevenue",
    "Expected_Spend_Currency__c": "project.expectedCustomerSpend.currencyCode",
    "Target_Close_Date__c": "targetCloseDate", "Stage__c": "stage", "Opportunity_Type__c": "opportunityType",
    "National_Security__c": "doesOppBelongToNatSec", "Primary_Needs_from_AWS__c": "partnerPrimaryNeedFromAws",
    "Sales_Activities__c": "salesActivities", "Marketing_Source__c": "IsOppFromMarketingActivity",
    "Involvement_Type__c": "involvementType", "Visibility__c": "visibility", "Solution_Offered__c": "solutionOffered",
    "Industry_Other__c": "industryOther", "AWS_Account_Id__c": "awsAccountId",
    "Closed_Lost_Reason__c": "closedLostReason", "Marketing_Development_Funded__c": "isMarketingDevelopmentFunded",
}  # fmt: skip
"""Fields that an admin copied from the package to the standard object, with what they hold."""
RELATED = {
    "customerCompanyName": "Account.Name", "customerWebsite": "Account.Website", "city": "Account.BillingCity",
    "industry": "Account.Industry", "primaryContactEmail": "Account.Owner.Email",
    "primaryContactFirstName": "Account.Owner.FirstName", "primaryContactLastName": "Account.Owner.LastName",
    "additionalComments": "Account.Owner.Title", "nextStep": "Whose_Turn__c",
}  # fmt: skip
"""What is read from the account and from its owner, and a text that the org derives by a formula of its own."""
DERIVED = (
    "<fullName>Whose_Turn__c</fullName><label>Whose Turn</label><type>Text</type>"
    '<formula>"Ask " &amp; Account.Owner.LastName</formula>'
)
INDUSTRIES = {"Computers and Electronics": "Electronics", "Agriculture": "Agriculture"}
DEAL = {"StageName": "Prospecting", "CloseDate": "2027-06-30", "ACE_Sync_with_AWS__c": True}


def write_metadata(folder: Path) -> Path:
    """Write what the admin deployed: the fields on Opportunity, and who may use them; return its directory."""
    packaged = METADATA / "base" / "main" / "default" / "objects" / "ACE_Opportunity__c" / "fields"
    fields = folder / "objects" / OPPORTUNITY / "fields"
    fields.mkdir(parents=True)
    for name in OWN_FIELDS:
        shutil.copy(packaged / f"{name}.field-meta.xml", fields)
    _write(fields / "Whose_Turn__c.field-meta.xml", "CustomField", DERIVED)
    (folder / "permissionsets").mkdir()
    for who in ("Integration", "Seller"):
        _write(folder / "permissionsets" / f"Copied_{who}.permissionset-meta.xml", "PermissionSet", _allowed(who))
    return folder


def _allowed(who: str) -> str:
    every = str(who == "Integration").lower()
    shown = "<fieldPermissions><editable>{}</editable><field>{}</field><readable>true</readable></fieldPermissions>"
    fields = "".join(shown.format("true", f"{OPPORTUNITY}.{name}") for name in OWN_FIELDS)
    objects = "".join(
        "<objectPermissions><allowCreate>true</allowCreate><allowDelete>false</allowDelete><allowEdit>true</allowEdit>"
        f"<allowRead>true</allowRead><modifyAllRecords>{every}</modifyAllRecords><object>{name}</object>"
        f"<viewAllRecords>{every}</viewAllRecords></objectPermissions>"
        for name in (ACCOUNT, OPPORTUNITY)
    )
    derived = shown.format("false", f"{OPPORTUNITY}.Whose_Turn__c")
    return f"{fields}{derived}<label>{escape(f'Copied {who}')}</label>{objects}"


def _write(path: Path, root: str, body: str) -> None:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">'
    path.write_text(f"{head}{body}</{root}>\n", encoding="utf8")


def mapping() -> dict[str, Any]:
    """Return the mapping as an admin would write it by hand."""
    entries: list[dict[str, Any]] = [
        {"ace_field": ace, "path": path, "inbound": False}
        for path, ace in (*OWN_FIELDS.items(), *((path, ace) for ace, path in RELATED.items()))
    ]
    for entry in entries:
        if entry["ace_field"] == "industry":
            entry["picklist"] = {"primary": INDUSTRIES, "additional": {}, "defaults": {}}
    return {"schema": 1, "record_type": "opportunity", "object": OPPORTUNITY, "version": 0, "fields": entries}


class Office:
    """The world, as people use it whose deals are standard opportunities."""

    def __init__(self, world: World) -> None:
        self.world = world

    def publish(self) -> None:
        target = self.world.directory / "mapping.json"
        target.write_text(json.dumps(mapping()), encoding="utf8")
        self.world.do("mapping", "import", str(target))
        self.world.do("mapping", "publish")

    def account(self, **fields: Any) -> str:
        whole = {
            "Name": "Example Freight", "Website": "https://freight.example", "BillingCity": "Everett",
            "Industry": "Electronics", **fields,
        }  # fmt: skip
        return self._create(ACCOUNT, whole)

    def deal(self, account: str | None) -> str:
        row = make_row(1, self.world.sandbox.clock.now())
        own = {name: row[name] for name in OWN_FIELDS if row.get(name)}
        state = {"Country__c": "US", "State_or_Region__c": "Washington", "Postal_Code__c": "98201"}
        return self._create(OPPORTUNITY, {"Name": "A deal", **DEAL, **own, **state, "AccountId": account})

    def _create(self, object_name: str, row: dict[str, Any]) -> str:
        answer = self.world.seller.post(f"sobjects/{object_name}", row)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def edit(self, object_name: str, record: str, **fields: Any) -> None:
        person = self.world.admin if object_name == "User" else self.world.seller
        answer = person.patch(f"sobjects/{object_name}/{record}", fields)
        assert answer.status_code == 204, answer.text

    def row(self, record: str) -> dict[str, Any]:
        names = "ACE_APN_Unique_Identifier__c, ACE_Last_Sync_Date__c, SystemModstamp, LastModifiedDate"
        [row] = self.world.admin.rows(f"SELECT {names} FROM {OPPORTUNITY} WHERE Id = '{record}'")
        return dict(row)

    def at_aws(self, record: str) -> dict[str, Any]:
        return self.world.get(str(self.row(record)["ACE_APN_Unique_Identifier__c"]))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("related")
    settings = {**AUTOMATIC, **FAST, "Due_Sweep_Minutes__c": 240}
    with open_world(folder / "world", metadata=[write_metadata(folder / "metadata")], **settings) as world:
        Office(world).publish()
        with world.working() as worker:
            yield Live(world, worker)


@pytest.fixture(scope="module")
def office(live: Live) -> Office:
    return Office(live.world)


@pytest.fixture
def shared(live: Live, office: Office) -> tuple[str, str, str]:
    """Return the ids of an account, of its approved deal, and of the opportunity at AWS."""
    account = office.account()
    deal = office.deal(account)
    live.worker.cycle()
    live.worker.cycle()
    identifier = str(office.row(deal)["ACE_APN_Unique_Identifier__c"])
    live.world.review(identifier, "Approved")
    live.worker.cycle()
    live.worker.cycle()
    live.world.proxy.forget()
    return account, deal, identifier


@pytest.mark.requirement("MAP-09", "MAP-12", "MAP-43")
def test_one_payload_has_the_values_of_the_record_its_account_and_the_accounts_owner(
    live: Live, office: Office, shared: tuple[str, str, str]
) -> None:
    """A derived text and what stands behind two lookups are sent as they stand in Salesforce, in one payload."""
    _, deal, _ = shared
    answer = office.at_aws(deal)
    customer = answer["Customer"]["Account"]
    assert (customer["CompanyName"], customer["WebsiteUrl"]) == ("Example Freight", "https://freight.example")
    assert customer["Address"]["City"] == "Everett"
    assert customer["Industry"] == "Computers and Electronics", "the account's own word is translated"
    owner = live.world.admin.rows(f"SELECT Email, LastName FROM User WHERE Id = '{live.world.user('seller')}'")[0]
    (contact,) = [one for one in answer["OpportunityTeam"] if one["BusinessTitle"] == "PartnerAccountManager"]
    assert (contact["Email"], contact["LastName"]) == (owner["Email"], owner["LastName"])
    assert answer["LifeCycle"]["NextSteps"] == f"Ask {owner['LastName']}"
    assert live.world.of_record(deal) == [answer["Id"]]


def test_an_edit_of_the_account_alone_reaches_aws_with_the_next_look(
    live: Live, office: Office, shared: tuple[str, str, str]
) -> None:
    account, deal, identifier = shared
    before = office.row(deal)
    office.edit(ACCOUNT, account, BillingCity="Tacoma")
    assert office.row(deal) == before, "the opportunity itself did not move"
    live.worker.cycle()
    assert office.at_aws(deal)["Customer"]["Account"]["Address"]["City"] == "Tacoma"
    (update,) = live.world.proxy.writes(identifier)
    assert update.operation == "UpdateOpportunity"
    for _ in range(3):
        live.worker.cycle()
    assert live.world.proxy.writes(identifier) == [update], "it is sent once"


def test_an_edit_of_the_accounts_owner_and_another_owner_reach_aws(
    live: Live, office: Office, shared: tuple[str, str, str]
) -> None:
    account, deal, _ = shared
    office.edit("User", live.world.user("seller"), Title="Account Executive")
    live.worker.cycle()
    assert office.at_aws(deal)["Project"]["AdditionalComments"] == "Account Executive"
    office.edit("User", live.world.user("seller2"), Title="Director")
    live.worker.cycle()
    assert office.at_aws(deal)["Project"]["AdditionalComments"] == "Account Executive", "somebody else's title"
    answer = live.world.admin.patch(f"sobjects/{ACCOUNT}/{account}", {"OwnerId": live.world.user("seller2")})
    assert answer.status_code == 204, answer.text
    live.worker.cycle()
    assert office.at_aws(deal)["Project"]["AdditionalComments"] == "Director"
    office.edit("User", live.world.user("seller"), Title=None)


def test_what_is_not_mapped_sends_nothing(live: Live, office: Office, shared: tuple[str, str, str]) -> None:
    account, deal, identifier = shared
    office.edit(ACCOUNT, account, Rating="Hot")
    office.edit("User", live.world.user("seller"), Department="Sales")
    live.worker.cycle()
    assert live.world.proxy.writes(identifier) + live.world.proxy.writes(deal) == []


def test_a_value_of_the_account_that_no_mapping_translates_is_told_with_field_and_value(
    live: Live, office: Office, shared: tuple[str, str, str]
) -> None:
    account, deal, identifier = shared
    office.edit(ACCOUNT, account, Industry="Apparel")
    live.worker.cycle()
    assert live.world.proxy.writes(identifier) == []
    (problem,) = live.world.errors(deal)
    assert "industry" in problem["Error_Message__c"] and "Apparel" in problem["Error_Message__c"]
    office.edit(ACCOUNT, account, Industry="Electronics")
    live.worker.cycle()
    assert live.world.errors(deal) == []


@pytest.mark.requirement("MAP-10")
def test_two_relationships_are_accepted_and_a_third_is_refused(office: Office) -> None:
    office.world.do("mapping", "set", "primaryContactTitle", "Account.Owner.Department", "--no-inbound")
    refused = office.world.run("mapping", "set", "primaryContactTitle", "Account.Owner.Manager.Email", "--no-inbound")
    assert refused.code == 2
    assert "at most 2 relationships" in refused.err + refused.out
    shown = office.world.do("mapping", "show", "--draft", "--json").json
    assert "Account.Owner.Department" in json.dumps(shown) and "Owner.Manager" not in json.dumps(shown)
    office.world.do("mapping", "discard")

"""Opportunities from AWS become records of the standard Opportunity, of a partner's own object, and of the packaged
one, as the settings about new records say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from own_org_world import AWS_ID, BASE, DEAL, SYNC, SYNCED, deal
from standard_opportunity import PRIMARY, document, paths, use_mapping, write_fields
from system_world import CATALOG, DEALS, World, open_world

from connector.sandbox.salesforce.currencies import Currency
from connector.store.state import State

APN_ID = "ACE_APN_Unique_Identifier__c"
SITE = "https://www.harbour.example"
BLANK: dict[str, Any] = {
    "Default_Account_Id__c": None, "Create_Account_from_Default__c": False, "Default_Opportunity_Id__c": None,
    "Match_Owner_by_Email__c": False, "Default_Owner_Id__c": None, "New_Record_Type__c": None,
    "New_Record_Currency__c": None,
}  # fmt: skip


class Desk:
    """A world whose mapping leads to one object."""

    def __init__(self, world: World, object_name: str = PRIMARY, apn_id: str = APN_ID) -> None:
        self.world, self.object_name, self.apn_id = world, object_name, apn_id
        self.companies = iter(f"Harbour Holding {number}" for number in range(1, 1000))

    def set(self, **settings: Any) -> None:
        self.world.settings(**{**BLANK, **settings})

    def add(self, object_name: str, **fields: Any) -> str:
        answer = self.world.admin.post(f"sobjects/{object_name}", fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def comes(self, company: str = "", **fields: Any) -> str:
        """A colleague creates an opportunity in Partner Central; return its id."""
        members = {
            "Customer.Account.CompanyName": company or next(self.companies),
            "Customer.Account.WebsiteUrl": SITE,
            "LifeCycle.ReviewStatus": "Approved",
            **{name.replace("__", "."): value for name, value in fields.items()},
        }
        return str(self.world.control("/aws/create", fields=members, catalog=CATALOG)["opportunity"])

    def rows(self, identifier: str, *fields: str) -> list[dict[str, Any]]:
        wanted = ", ".join(("Id", *fields))
        return self.world.admin.rows(f"SELECT {wanted} FROM {self.object_name} WHERE {self.apn_id} = '{identifier}'")

    def receive(self, identifier: str, *fields: str) -> dict[str, Any]:
        """Let the connector look at AWS; return the one record of the opportunity."""
        self.world.sync("inbound")
        [row] = self.rows(identifier, *fields)
        return row

    def accounts(self, company: str) -> list[dict[str, Any]]:
        fields = "Id, Name, Website, Industry, OwnerId, BillingCity"
        return self.world.admin.rows(f"SELECT {fields} FROM Account WHERE Name = '{company}'")

    def told(self, record_id: str) -> str:
        """Return what the sync log details of a record say."""
        return "\n".join(str(one["Error_Message__c"]) for one in self.world.details(record_id))


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The standard Opportunity, with account fields mapped; two record types."""
    folder = tmp_path_factory.mktemp("standard")
    with open_world(folder / "world", metadata=[BASE, write_fields(folder / "fields")]) as world:
        use_mapping(world, document(paths()))
        yield Desk(world)


@pytest.fixture
def desk(standard: Desk) -> Desk:
    standard.set()
    return standard


@pytest.fixture
def default_account(desk: Desk) -> str:
    """The id of a Default Account, which is not set yet."""
    return desk.add("Account", Name="Default Account", Website="https://default.example", Industry="Technology")


@pytest.mark.requirement("IN-05", "IN-13")
def test_an_opportunity_made_in_partner_central_becomes_a_standard_opportunity(desk: Desk) -> None:
    identifier = desk.comes(Project__Title="Made by a colleague", LifeCycle__Stage="Qualified")
    fields = ("Name", "StageName", "CloseDate", "Ownership__c", "AccountId", "ACE_Sync_with_AWS__c")
    row = desk.receive(identifier, *fields, "ACE_Last_Sync_Date__c", "LastModifiedById", "OwnerId")
    assert (row["Name"], row["StageName"], row["Ownership__c"], row["AccountId"]) == (
        "Made by a colleague", "Qualification", "Partner Referral", None,
    )  # fmt: skip
    assert row["CloseDate"] == desk.world.get(identifier)["LifeCycle"]["TargetCloseDate"]
    assert row["ACE_Sync_with_AWS__c"] and row["ACE_Last_Sync_Date__c"]
    assert row["LastModifiedById"] == row["OwnerId"] == desk.world.user("integration")


@pytest.mark.requirement("MAP-15")
def test_without_a_default_account_the_values_for_the_account_are_told_as_skipped(desk: Desk) -> None:
    row = desk.receive(desk.comes(), "AccountId")
    assert row["AccountId"] is None
    assert "Account.Website" in desk.told(row["Id"]) and SITE in desk.told(row["Id"])


@pytest.mark.requirement("MAP-17")
def test_whoever_maps_a_field_of_the_account_is_warned_while_there_is_no_default_account(
    desk: Desk, default_account: str
) -> None:
    order = ("mapping", "set", "city", "Account.BillingCity")
    assert "Set a Default Account" in desk.world.do(*order).out
    desk.set(Default_Account_Id__c=default_account)
    assert "Set a Default Account" not in desk.world.do(*order).out


@pytest.mark.requirement("SET-03", "MAP-19")
def test_with_a_default_account_a_new_record_has_it_and_nothing_of_it_changes(desk: Desk, default_account: str) -> None:
    desk.set(Default_Account_Id__c=default_account)
    row = desk.receive(desk.comes(), "AccountId")
    assert row["AccountId"] == default_account
    [account] = [one for one in desk.accounts("Default Account") if one["Id"] == default_account]
    assert account["Website"] == "https://default.example"
    assert "Default Account" in desk.told(row["Id"])


@pytest.mark.requirement("SET-05", "SET-06", "MAP-15")
def test_an_unknown_customer_gets_a_copy_of_the_default_account_and_a_known_one_is_reused(
    desk: Desk, default_account: str
) -> None:
    company = next(desk.companies)
    desk.set(Default_Account_Id__c=default_account, Create_Account_from_Default__c=True)
    first = desk.receive(desk.comes(company, Customer__Account__Address__City="Tacoma"), "AccountId")
    [account] = desk.accounts(company)
    assert first["AccountId"] == account["Id"]
    assert (account["Website"], account["BillingCity"], account["Industry"]) == (SITE, "Tacoma", "Technology")
    second = desk.receive(desk.comes(company.upper()), "AccountId")
    assert second["AccountId"] == account["Id"]
    assert len(desk.accounts(company)) == 1


@pytest.mark.requirement("SET-05")
def test_without_the_option_a_known_customer_is_still_found_by_name(desk: Desk, default_account: str) -> None:
    company = next(desk.companies)
    known = desk.add("Account", Name=company, Website=SITE, Industry="Retail")
    desk.set(Default_Account_Id__c=default_account)
    assert desk.receive(desk.comes(company), "AccountId")["AccountId"] == known
    assert [(one["Industry"], one["Website"]) for one in desk.accounts(company)] == [("Retail", SITE)]


def test_values_for_a_known_customers_account_come_as_any_update_does(desk: Desk, default_account: str) -> None:
    company = next(desk.companies)
    desk.add("Account", Name=company, Website="https://old.example", Industry="Retail")
    desk.set(Default_Account_Id__c=default_account)
    desk.receive(desk.comes(company))
    desk.world.advance(5)
    desk.world.sync("inbound")
    desk.world.advance(5)
    desk.world.sync("inbound")
    assert [(one["Industry"], one["Website"]) for one in desk.accounts(company)] == [("Retail", SITE)]


@pytest.mark.requirement("MAP-18")
def test_an_update_from_aws_leaves_the_account_that_a_person_chose(desk: Desk, default_account: str) -> None:
    chosen = desk.add("Account", Name="Chosen by a person")
    desk.set(Default_Account_Id__c=default_account, Create_Account_from_Default__c=True)
    identifier = desk.comes()
    record = desk.receive(identifier)["Id"]
    assert desk.world.admin.patch(f"sobjects/Opportunity/{record}", {"AccountId": chosen}).status_code == 204
    desk.world.advance(5)
    desk.world.edit_at_aws(identifier, LifeCycle__NextSteps="Call the harbour master")
    row = desk.receive(identifier, "AccountId", "NextStep")
    assert (row["AccountId"], row["NextStep"]) == (chosen, "Call the harbour master")


@pytest.mark.requirement("SET-04")
def test_a_default_account_that_cannot_be_used_is_told_in_so_many_words(desk: Desk, default_account: str) -> None:
    contact = desk.add("Contact", LastName="Harbour")
    deleted = desk.add("Account", Name="Deleted")
    assert desk.world.admin.send("DELETE", f"sobjects/Account/{deleted}").status_code == 204
    cases = {
        default_account[:15]: "15-character form",
        contact: "begin with 001, this one with 003",
        deleted: "sees no Account record",
    }
    for value, words in cases.items():
        desk.set(Default_Account_Id__c=value)
        check = desk.world.do("check", "--json", code=1).json
        [line] = [one for one in check["checks"] if one["name"] == "settings"]
        assert words in line["message"] and value in line["message"]
        row = desk.receive(desk.comes(), "AccountId")
        assert row["AccountId"] is None
        assert any(words in one["Error_Message__c"] for one in desk.world.errors(row["Id"]))


@pytest.mark.parametrize(("kind", "attempts"), [("timeout_after", 1), ("timeout_before", 2)])
def test_an_answer_that_never_comes_makes_no_second_account(
    desk: Desk, default_account: str, kind: str, attempts: int
) -> None:
    desk.set(Default_Account_Id__c=default_account, Create_Account_from_Default__c=True)
    company = next(desk.companies)
    identifier = desk.comes(company)
    before = desk.world.control("/requests")["salesforce"].get("composite", 0)
    desk.world.fault("salesforce", "^composite$", kind)
    desk.world.run("sync", "inbound")
    for _ in range(3):
        desk.world.advance(10)
        desk.world.sync("inbound")
    [row] = desk.rows(identifier, "AccountId")
    assert [one["Id"] for one in desk.accounts(company)] == [row["AccountId"]]
    assert desk.world.control("/requests")["salesforce"]["composite"] - before >= attempts


def test_the_owner_at_aws_becomes_the_owner_where_one_active_user_has_the_address(desk: Desk) -> None:
    seller, seller2 = desk.world.user("seller"), desk.world.user("seller2")
    desk.set(Match_Owner_by_Email__c=True, Default_Owner_Id__c=seller2)
    [user] = desk.world.admin.rows(f"SELECT Email FROM User WHERE Id = '{seller}'")
    names = {"FirstName": "Sam", "LastName": "Okafor", "BusinessTitle": "OpportunityOwner"}
    team = [{"Email": user["Email"], **names}]
    assert desk.receive(desk.comes(OpportunityTeam=team), "OwnerId")["OwnerId"] == seller
    deactivated = {"IsActive": False}
    assert desk.world.admin.patch(f"sobjects/User/{seller}", deactivated).status_code == 204
    row = desk.receive(desk.comes(OpportunityTeam=team), "OwnerId")
    assert desk.world.admin.patch(f"sobjects/User/{seller}", {"IsActive": True}).status_code == 204
    assert row["OwnerId"] == seller2
    assert f"no active user has the e-mail address {user['Email']}" in desk.told(row["Id"])


def test_the_record_type_is_set_by_name_and_an_unknown_one_told(desk: Desk) -> None:
    desk.set(New_Record_Type__c="New_Business")
    assert desk.receive(desk.comes(), "RecordType.DeveloperName")["RecordType"]["DeveloperName"] == "New_Business"
    desk.set(New_Record_Type__c="Co_Sell")
    row = desk.receive(desk.comes())
    assert "Internal_Only, New_Business" in desk.told(row["Id"])
    assert "New_Record_Type__c" in desk.world.do("check", code=1).out


@pytest.mark.requirement("IN-07", "IN-08")
def test_a_masked_referral_is_created_without_personal_data_which_comes_once_it_is_shown(desk: Desk) -> None:
    """Before acceptance AWS shows a text in place of the customer's contact."""
    contact = {"FirstName": "Ana", "LastName": "Lopez", "Email": "ana@harbour.example", "BusinessTitle": "CIO"}
    identifier = desk.comes("Masked Customer", Customer__Contacts=[contact], Project__Title="Seen before acceptance")
    pass_on = desk.world.proxy.pass_on

    def mask(*arguments: Any) -> tuple[int, bytes, str]:
        status, body, kind = pass_on(*arguments)
        hidden = re.sub(rb'"(Ana|Lopez|ana@harbour.example|CIO)"', b'"Accept to view"', body)
        return status, hidden.replace(b'"Partner Referral"', b'"AWS Referral"'), kind

    desk.world.proxy.pass_on = mask  # type: ignore[method-assign]
    try:
        row = desk.receive(identifier, "Name", "Customer_Email__c", "Customercompanyname__c", "Ownership__c")
    finally:
        desk.world.proxy.pass_on = pass_on  # type: ignore[method-assign]
    assert (row["Name"], row["Customercompanyname__c"]) == ("Seen before acceptance", "Masked Customer")
    assert (row["Customer_Email__c"], row["Ownership__c"]) == (None, "AWS Referral")
    desk.world.edit_at_aws(identifier, LifeCycle__NextSteps="Accepted")
    desk.world.advance(5)
    assert desk.receive(identifier, "Customer_Email__c")["Customer_Email__c"] == "ana@harbour.example"


# -- a partner's own object, whose own required fields only a template can fill

OWN_PATHS = {
    "partnerProjectTitle": "Headline__c", "projectDescription": "Problem__c", "nextStep": "Next_Action__c",
    "targetCloseDate": "Close_By__c", "expectedMonthlyAwsRevenue": "Monthly_Spend__c",
    "customerWebsite": "Customer__r.Website",
}  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The partner's own object; its mapping is published without regard to what AWS needs for sending."""
    folder = tmp_path_factory.mktemp("own")
    names = {"sync_with_aws": SYNC, "last_sync_date": SYNCED, "has_updates": "", "apn_id": AWS_ID, "invitation_id": ""}
    with open_world(folder / "world", metadata=[BASE]) as world:
        publish(world, document(OWN_PATHS, DEAL, own_fields=names))
        yield Desk(world, DEAL, AWS_ID)


def publish(world: World, content: dict[str, Any]) -> None:
    """Put a mapping in force past the checks of the command line, which ask for everything that AWS needs."""
    with State.open(world.state_path) as state:
        state.mappings.save_draft("opportunity", content, "test", world.sandbox.clock.now())
        state.mappings.publish("opportunity", "test", world.sandbox.clock.now(), "")


def test_a_required_field_without_a_source_is_named_with_its_remedy(own: Desk) -> None:
    own.set()
    identifier = own.comes()
    own.world.sync("inbound", code=1)
    assert own.rows(identifier) == []
    told = own.told(identifier)
    assert "Budget_Code__c" in told and "Phase__c" in told and "Default_Opportunity_Id__c" in told


@pytest.mark.requirement("SET-07")
def test_the_template_fills_required_fields_and_mapped_values_win(own: Desk) -> None:
    answer = own.world.seller.post(f"sobjects/{DEAL}", deal(**{SYNC: False, "Headline__c": "Template"}))
    assert answer.status_code == 201, answer.text
    default = own.add("Account", Name="Default Account")
    own.set(Default_Opportunity_Id__c=answer.json()["id"], Default_Account_Id__c=default)
    identifier = own.comes(Project__Title="From AWS")
    fields = ("Headline__c", "Budget_Code__c", "Phase__c", "Deal_Kind__c", SYNC, SYNCED, "OwnerId", "Customer__c")
    row = own.receive(identifier, *fields)
    assert (row["Headline__c"], row["Budget_Code__c"], row["Phase__c"]) == ("From AWS", "B-17", "2 Qualify")
    assert row["Deal_Kind__c"] == "New logo" and row[SYNC] and row[SYNCED]
    assert (row["OwnerId"], row["Customer__c"]) == (own.world.user("integration"), default)


def test_an_own_object_gets_an_account_of_the_customers_own_too(own: Desk) -> None:
    answer = own.world.seller.post(f"sobjects/{DEAL}", deal(**{SYNC: False}))
    default = own.add("Account", Name="Default Account")
    own.set(
        Default_Opportunity_Id__c=answer.json()["id"],
        Default_Account_Id__c=default,
        Create_Account_from_Default__c=True,
    )
    company = next(own.companies)
    row = own.receive(own.comes(company), "Customer__c")
    [account] = own.accounts(company)
    assert (row["Customer__c"], account["Website"]) == (account["Id"], SITE)


# -- the packaged object, in an org with two currencies


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_world(tmp_path_factory.mktemp("packaged"), currencies=[Currency("EUR"), Currency("USD", 1.1)]) as world:
        yield Desk(world, DEALS)


@pytest.mark.requirement("SET-08")
def test_the_packaged_object_does_not_use_the_template(packaged: Desk) -> None:
    template = packaged.world.deal(ACE_Sync_with_AWS__c=False, Competitive_Tracking__c=None, Next_Step__c="Template")
    packaged.set(Default_Opportunity_Id__c=template)
    assert packaged.receive(packaged.comes(), "Next_Step__c")["Next_Step__c"] != "Template"


def test_amounts_are_never_relabelled_in_another_currency(packaged: Desk) -> None:
    fields = ("CurrencyIsoCode", "Expected_Monthly_AWS_Revenue__c")
    packaged.set()
    row = packaged.receive(packaged.comes(), *fields)
    assert row["CurrencyIsoCode"] == "USD" and row["Expected_Monthly_AWS_Revenue__c"]
    packaged.set(New_Record_Currency__c="EUR")
    row = packaged.receive(packaged.comes(), *fields)
    assert (row["CurrencyIsoCode"], row["Expected_Monthly_AWS_Revenue__c"]) == ("EUR", None)
    assert "AWS's amount is in USD, the record in EUR" in packaged.told(row["Id"])

"""The account of a new record: the customer's own, a copy of the Default Account, or the Default Account itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from new_record_desk import APN_ID, COMPANY, MAPPING, SITE, Desk
from new_record_org import (
    ACCOUNT,
    DEFAULT_ACCOUNT,
    OPPORTUNITY,
    OWNER,
    describe,
    lookup,
    text,
)

from connector.errors import Problem
from connector.mapping.model import FieldMapping
from connector.names import TemplateSettings
from connector.sync.accounts import account_lookup

# -- the account


def test_without_a_default_account_none_is_linked_and_its_values_are_told_as_skipped(desk: Desk) -> None:
    desk.org.add("Account", Name=COMPANY)
    row = desk.receive()
    assert "AccountId" not in row
    told = desk.reasons(row["Id"])["RELATED_NOT_WRITTEN"]
    assert "Account.Website" in told and SITE in told
    assert "Account.Industry" in desk.note(row)
    assert (desk.link(row).applied or {})["customerWebsite"] is None


@pytest.mark.parametrize("name", [COMPANY, COMPANY.upper()])
def test_an_account_of_the_customers_name_is_reused_and_its_values_come_by_the_next_look(
    cloning: Desk, name: str
) -> None:
    known = cloning.org.add("Account", Name=name, Website="https://old.example", Industry="Energy")
    row = cloning.receive()
    assert row["AccountId"] == known and len(cloning.org.all("Account")) == 2
    assert cloning.account(row) == {"Id": known, "Name": name, "Website": "https://old.example", "Industry": "Energy"}
    link = cloning.link(row)
    assert link.seen["Account.Website"] == "https://old.example", "what stands there is no person's edit"
    assert (link.applied or {})["customerWebsite"] is None
    [item] = cloning.engine.state.queue.list("waiting")
    assert (item.kind, item.payload["apn_id"], item.payload["fresh"]) == ("inbound", APN_ID, True)
    assert cloning.reasons(row["Id"]) == {}


def test_of_several_accounts_the_one_with_the_customers_website_is_taken(cloning: Desk) -> None:
    cloning.org.add("Account", Name=COMPANY, Website="https://other.example")
    right = cloning.org.add("Account", Name=COMPANY, Website="http://WWW.harbour.example/")
    assert cloning.receive()["AccountId"] == right


@pytest.mark.parametrize("sites", [(None, None), (SITE, SITE)])
def test_several_accounts_that_nothing_tells_apart_are_told_and_the_default_account_is_linked(
    cloning: Desk, sites: tuple[str | None, str | None]
) -> None:
    ids = [cloning.org.add("Account", Name=COMPANY, Website=site) for site in sites]
    row = cloning.receive()
    assert row["AccountId"] == DEFAULT_ACCOUNT
    told = cloning.reasons(row["Id"])["SEVERAL_ACCOUNTS"]
    assert all(one in told for one in ids)


def test_an_unknown_customer_gets_a_copy_of_the_default_account_with_mapped_values_laid_over(cloning: Desk) -> None:
    row = cloning.receive()
    account = cloning.account(row)
    assert (account["Name"], account["Website"], account["Industry"]) == (COMPANY, SITE, "Retail")
    assert {"Customer_Number__c", "OwnerId"}.isdisjoint(account)
    assert cloning.org.tables["Account"][DEFAULT_ACCOUNT]["Website"] == "https://default.example"
    link = cloning.link(row)
    assert link.seen["Account.Website"] == SITE and (link.applied or {})["customerWebsite"] == SITE
    assert cloning.reasons(row["Id"]) == {}
    assert cloning.engine.state.queue.list("waiting") == []


def test_what_aws_leaves_empty_does_not_clear_the_copy(cloning: Desk) -> None:
    cloning.record["customerWebsite"] = None
    assert cloning.account(cloning.receive())["Website"] == "https://default.example"


def test_the_copy_belongs_to_the_records_owner(cloning: Desk) -> None:
    cloning.set(default_owner_id=OWNER)
    row = cloning.receive()
    assert row["OwnerId"] == cloning.account(row)["OwnerId"] == OWNER


def test_two_opportunities_of_a_new_customer_share_one_account(cloning: Desk) -> None:
    assert cloning.receive("O1")["AccountId"] == cloning.receive("O2")["AccountId"]
    assert len(cloning.org.all("Account")) == 2


def test_without_the_option_the_default_account_is_linked_and_never_written(shared: Desk) -> None:
    before = dict(shared.org.tables["Account"][DEFAULT_ACCOUNT])
    row = shared.receive()
    assert row["AccountId"] == DEFAULT_ACCOUNT
    assert shared.org.tables["Account"] == {DEFAULT_ACCOUNT: before}
    assert "Account.Website" in shared.reasons(row["Id"])["RELATED_IS_DEFAULT"]
    link = shared.link(row)
    assert link.seen["Account.Website"] == "https://default.example", "what stands there is no person's edit"
    assert (link.applied or {})["customerWebsite"] is None
    assert COMPANY in shared.note(row)


def test_a_customer_without_a_name_gets_no_account_of_its_own(cloning: Desk) -> None:
    cloning.record["customerCompanyName"] = "Accept to view"
    assert cloning.receive()["AccountId"] == DEFAULT_ACCOUNT


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("003000000000001AAA", "begin with 001, this one with 003"),
        ("001000000000009AAA", "sees no Account record"),
    ],
)
def test_a_default_account_that_cannot_be_used_is_told_and_the_record_made_without_it(
    shared: Desk, account: str, words: str
) -> None:
    shared.set(default_account_id=account)
    row = shared.receive()
    assert "AccountId" not in row
    assert words in shared.reasons(row["Id"])["SETTING_INVALID"]


def test_a_default_account_of_the_wrong_form_is_told_on_the_record_too(desk: Desk) -> None:
    wrong = Problem("SETTING_INVALID", TemplateSettings.DEFAULT_ACCOUNT_ID, "001000000000001", "15.", "Correct it.")
    desk.set(problems=(wrong,))
    assert "SETTING_INVALID" in desk.reasons(desk.receive()["Id"])


def test_an_object_without_an_account_asks_for_none(cloning: Desk) -> None:
    cloning.org.fields["Opportunity"] = tuple(one for one in OPPORTUNITY if one.type != "reference")
    cloning.engine.mapping = replace(MAPPING, fields=MAPPING.fields[:-2])
    cloning.receive()
    assert cloning.org.calls == ["upsert"]


@pytest.mark.parametrize(
    ("object_name", "paths", "found"),
    [
        ("Opportunity", ("Partner__r.Name",), "AccountId"),
        ("Deal__c", ("Customer__r.Name",), "Customer__c"),
        ("Deal__c", ("Partner__r.Owner.Email", "Customer__r.Name"), "Partner__c"),
        ("Deal__c", ("City__c",), None),
    ],
)
def test_the_account_lookup_is_the_standard_one_or_the_one_that_is_mapped(
    object_name: str, paths: tuple[str, ...], found: str | None
) -> None:
    own = lookup("AccountId", "Account") if object_name == "Opportunity" else lookup("Customer__c", "Customer__r")
    known = describe(object_name, (own, lookup("Partner__c", "Partner__r"), lookup("Desk__c", "Desk__r", "Desk__c")))
    fields = tuple(FieldMapping("city", path, True) for path in paths)
    field = account_lookup(replace(MAPPING, object_name=object_name, fields=fields), known)
    assert (field and field.name) == found


def test_the_only_lookup_to_an_account_is_it_without_being_mapped() -> None:
    known = describe("Deal__c", (lookup("Customer__c", "Customer__r"), text("City__c")))
    field = account_lookup(replace(MAPPING, object_name="Deal__c", fields=()), known)
    assert field is not None and field.name == "Customer__c"


def test_where_nothing_says_which_lookup_is_the_customers_none_is_filled_and_a_note_says_why(shared: Desk) -> None:
    more = (*OPPORTUNITY, lookup("Reseller__c", "Reseller__r"))
    shared.org.fields["Opportunity"] = tuple(one for one in more if one.name != "AccountId")
    shared.engine.mapping = replace(MAPPING, fields=MAPPING.fields[:-2])
    row = shared.receive()
    assert {"Reseller__c", "Partner__c"}.isdisjoint(row)
    assert "Partner__c, Reseller__c" in shared.note(row)


def test_a_user_who_may_not_create_accounts_is_told_and_the_default_account_linked(cloning: Desk) -> None:
    cloning.org.read_only.add("Account")
    row = cloning.receive()
    assert row["AccountId"] == DEFAULT_ACCOUNT
    assert "may not create accounts" in cloning.reasons(row["Id"])["ACCOUNT_NOT_CREATED"]


def test_accounts_are_told_apart_by_name_alone_where_websites_are_hidden(cloning: Desk) -> None:
    cloning.org.fields["Account"] = tuple(one for one in ACCOUNT if one.name != "Website")
    cloning.engine.mapping = replace(MAPPING, fields=MAPPING.fields[:-2])
    known = cloning.org.add("Account", Name=COMPANY)
    assert cloning.receive()["AccountId"] == known

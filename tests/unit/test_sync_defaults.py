"""Owner, record type and currency of new records, and what the org says against the settings about them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from new_record_desk import APN_ID, MAPPING, Desk
from new_record_org import (
    DEFAULT_ACCOUNT,
    DEFAULT_OWNER,
    NOW,
    OPPORTUNITY,
    TEMPLATE,
    currencies,
)
from service_engine import SettableClock

from connector.mapping.currency import CURRENCY
from connector.names import PACKAGED
from connector.sync.arrival import Arrival
from connector.sync.creation import create_record
from connector.sync.templates import TemplateChecks, template_problems


@pytest.fixture
def templated(desk: Desk) -> Desk:
    desk.org.add(
        "Opportunity", TEMPLATE, Name="Template", StageName="Prospecting", CloseDate="2030-12-31", City__c="Nowhere",
        Budget_Code__c="B-17", Serial__c="S-1", Secret__c="***", Doubled__c="2", OwnerId=DEFAULT_OWNER, Probability=10,
        RecordTypeId="012000000000001AAA", AccountId=DEFAULT_ACCOUNT, Public__c=True,
    )  # fmt: skip
    desk.set(default_opportunity_id=TEMPLATE)
    return desk


# -- owner


def add_users(desk: Desk, *active: bool, email: str = "Ana.Lopez@example.com") -> list[str]:
    return [desk.org.add("User", Email=email, IsActive=one) for one in active]


def test_the_owner_is_the_default_owner_unless_the_setting_says_otherwise(desk: Desk) -> None:
    add_users(desk, True)
    desk.set(default_owner_id=DEFAULT_OWNER)
    assert desk.receive()["OwnerId"] == DEFAULT_OWNER
    assert "matching User" not in desk.org.calls


def test_the_one_active_user_with_the_owners_address_becomes_the_owner(desk: Desk) -> None:
    _, found = add_users(desk, False, True)
    desk.set(owner_by_email=True, default_owner_id=DEFAULT_OWNER)
    row = desk.receive()
    assert row["OwnerId"] == found and "Owner:" not in desk.note(row)


@pytest.mark.parametrize(
    ("active", "words"), [((), "no active user"), ((False,), "no active user"), ((True, True), "2")]
)
@pytest.mark.parametrize("default", ["", DEFAULT_OWNER])
def test_where_not_exactly_one_active_user_has_the_address_the_default_owner_has_it_and_a_note_says_why(
    desk: Desk, active: tuple[bool, ...], words: str, default: str
) -> None:
    add_users(desk, *active)
    desk.set(owner_by_email=True, default_owner_id=default)
    row = desk.receive()
    assert row.get("OwnerId", "") == default
    assert words in desk.note(row) and (default or "the integration user") in desk.note(row)


@pytest.mark.parametrize("email", [None, "Accept to view"])
def test_an_owner_without_an_address_is_noted(desk: Desk, email: str | None) -> None:
    desk.record["opportunityOwnerEmail"] = email
    desk.set(owner_by_email=True)
    row = desk.receive()
    assert "OwnerId" not in row and "AWS names no owner" in desk.note(row)


def test_a_detail_of_a_master_has_no_owner_of_its_own(desk: Desk) -> None:
    desk.org.change("Opportunity", "OwnerId", createable=False)
    desk.set(default_owner_id=DEFAULT_OWNER)
    assert "OwnerId" not in desk.receive()


# -- record type


def test_the_record_type_is_found_by_its_developer_name_and_wins_over_the_template(templated: Desk) -> None:
    templated.org.record_types = {"Direct": "012000000000002AAA", "Co_Sell": "012000000000003AAA"}
    templated.set(record_type="co_sell")
    assert templated.receive()["RecordTypeId"] == "012000000000003AAA"


def test_an_unknown_record_type_is_told_with_those_that_exist_and_the_record_made_with_the_default(desk: Desk) -> None:
    desk.org.record_types = {"Direct": "012000000000002AAA", "Co_Sell": "012000000000003AAA"}
    desk.set(record_type="Cosell")
    row = desk.receive()
    assert "RecordTypeId" not in row
    assert "Direct, Co_Sell" in desk.reasons(row["Id"])["SETTING_INVALID"]


def test_an_object_without_record_types_is_told(desk: Desk) -> None:
    desk.org.fields["Opportunity"] = tuple(one for one in OPPORTUNITY if one.name != "RecordTypeId")
    desk.set(record_type="Co_Sell")
    assert "no record types" in desk.reasons(desk.receive()["Id"])["SETTING_INVALID"]


# -- currency


@pytest.fixture
def several(desk: Desk) -> Desk:
    """An org with several currencies; the amount at AWS is in dollars."""
    desk.org.fields["Opportunity"] = (*OPPORTUNITY, currencies("EUR", "USD"))
    desk.record |= {"expectedMonthlyAwsRevenue": Decimal("100"), CURRENCY: "USD"}
    return desk


def test_awss_currency_is_the_records_where_it_is_active(several: Desk) -> None:
    row = several.receive()
    assert (row["CurrencyIsoCode"], row["Amount"]) == ("USD", Decimal("100"))


def test_the_currency_that_is_set_wins_and_foreign_amounts_are_told_and_not_relabelled(several: Desk) -> None:
    several.set(currency="EUR")
    row = several.receive()
    assert row["CurrencyIsoCode"] == "EUR" and "Amount" not in row
    assert "100 USD" in several.reasons(row["Id"])["CURRENCY_DIFFERS"]
    assert (several.link(row).applied or {})["expectedMonthlyAwsRevenue"] is None


def test_an_amount_in_a_currency_that_is_not_active_is_not_written_in_the_orgs(several: Desk) -> None:
    several.record[CURRENCY] = "JPY"
    row = several.receive()
    assert {"CurrencyIsoCode", "Amount"}.isdisjoint(row)
    assert "100 JPY" in several.reasons(row["Id"])["CURRENCY_DIFFERS"]


def test_a_currency_that_is_not_active_is_told_and_awss_taken(several: Desk) -> None:
    several.set(currency="GBP")
    row = several.receive()
    assert (row["CurrencyIsoCode"], row["Amount"]) == ("USD", Decimal("100"))
    assert "active are EUR, USD" in several.reasons(row["Id"])["SETTING_INVALID"]


def test_an_org_with_one_currency_gets_no_currency(desk: Desk) -> None:
    desk.record |= {"expectedMonthlyAwsRevenue": Decimal("100"), CURRENCY: "USD"}
    row = desk.receive()
    assert row["Amount"] == Decimal("100") and "CurrencyIsoCode" not in row


# -- the settings' own check


def problems(desk: Desk, object_name: str = "Opportunity") -> list[str]:
    return [str(one) for one in template_problems(desk.engine.salesforce, desk.engine.settings, object_name)]


def test_settings_that_the_org_can_follow_have_no_problem(cloning: Desk) -> None:
    cloning.org.add("Opportunity", TEMPLATE)
    cloning.org.record_types = {"Co_Sell": "012000000000003AAA"}
    cloning.set(default_opportunity_id=TEMPLATE, record_type="Co_Sell")
    assert problems(cloning) == []


def test_each_setting_that_the_org_cannot_follow_is_told(desk: Desk) -> None:
    desk.set(default_account_id=TEMPLATE, default_opportunity_id=DEFAULT_ACCOUNT, record_type="X", currency="EUR")
    told = problems(desk)
    assert [text.partition(" ")[0] for text in told] == [
        "Default_Account_Id__c", "Default_Opportunity_Id__c", "New_Record_Type__c", "New_Record_Currency__c",
    ]  # fmt: skip


def test_the_template_is_not_looked_at_for_the_packaged_object(desk: Desk) -> None:
    desk.org.fields["ACE_Opportunity__c"] = OPPORTUNITY
    desk.set(default_opportunity_id="006000000000009AAA")
    assert problems(desk, "ACE_Opportunity__c") == []
    desk.engine.mapping = replace(MAPPING, object_name="ACE_Opportunity__c", fields=MAPPING.fields[:-2])
    desk.org.add("ACE_Opportunity__c", "006000000000009AAA", Budget_Code__c="B-17")
    create_record(desk.engine, Arrival({"Id": APN_ID}, {}, desk.record), desk.run())
    [row] = [one for one in desk.org.all("ACE_Opportunity__c") if one.get(PACKAGED.apn_id)]
    assert "Budget_Code__c" not in row


def test_accounts_that_are_hidden_from_us_are_told(desk: Desk) -> None:
    del desk.org.fields["Account"]
    desk.set(default_account_id=DEFAULT_ACCOUNT)
    assert "no access to Account" in problems(desk)[0]
    desk.engine.mapping = replace(MAPPING, fields=MAPPING.fields[:-2])
    assert "no access to Account" in desk.reasons(desk.receive()["Id"])["SETTING_INVALID"]


def test_unchanged_settings_are_not_asked_about_in_every_cycle(shared: Desk) -> None:
    checks, clock = TemplateChecks(), SettableClock(NOW)

    def asked() -> int:
        before = len(shared.org.calls)
        checks.problems(shared.engine.salesforce, shared.engine.settings, "Opportunity", clock.now())
        return len(shared.org.calls) - before

    assert [asked(), asked()] == [1, 0]
    clock.advance(hours=1)
    assert asked() == 1
    shared.set(default_account_id="001000000000009AAA")
    assert [asked(), asked()] == [1, 0]
    clock.advance(minutes=5)
    assert asked() == 1, "what is wrong is looked at more often: somebody may be correcting it"

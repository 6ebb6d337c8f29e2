"""The Marketplace objects in an org: rows that it takes, values that it refuses, and what follows from a delete."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_from
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import World, running_org

from connector.sandbox.salesforce.faults import RowErrors

PROJECT = Path(__file__).parents[2] / "salesforce_metadata"
ACCOUNT, PRODUCT, DIMENSION = "AWS_Account__c", "AWS_Product__c", "AWS_Product_Dimension__c"
OFFER, AUTHORIZATION, SHARED = (
    "AWS_Private_Offer__c",
    "AWS_Resale_Authorization__c",
    "AWS_Shared_Resale_Authorization__c",
)
RATE, PAYMENT, AGREEMENT = "AWS_Offer_Dimension__c", "AWS_Payment_Schedule__c", "AWS_Agreement__c"
SYNC, LOG = "AWS_Marketplace_Sync__c", "AWS_Log__c"
BAD_CHOICE = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
TOO_LONG, OUT_OF_RANGE, MISSING = "STRING_TOO_LONG", "NUMBER_OUTSIDE_VALID_RANGE", "REQUIRED_FIELD_MISSING"
RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
BUYERS = "444455556666, 777788889999"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One org for all tests: each works on rows with keys of its own."""
    with running_org(PROJECT, tmp_path_factory.mktemp("org")) as found:
        yield found


@pytest.fixture(scope="module")
def parents(world: World) -> dict[str, str]:
    """Return the id of one record of every object that others belong to, by object."""
    ids: dict[str, str] = {}
    for name in (ACCOUNT, PRODUCT, DIMENSION, SHARED, OFFER, AUTHORIZATION):
        ids[name] = create(world, name, valid(name, ids))
    return ids


def valid(name: str, ids: dict[str, str]) -> dict[str, Any]:
    """Return a row with every kind of value that the connector writes into the object."""
    account, product = {"Account__c": ids.get(ACCOUNT)}, {"Product__c": ids.get(PRODUCT)}
    terms = {"Buyer_Accounts__c": BUYERS, "Flexible_Payment__c": True, "Pricing_Model__c": "Contract"}
    schedule = {
        "Generate_Schedule__c": "Yes", "Payment_Frequency__c": "30", "Remainder_Option__c": "Frontload",
        "Calendar_Option__c": "Business Day", "Payment_Amount__c": 100.25, "Payment_Start_Date__c": "2027-01-01",
        "Payment_End_Date__c": "2027-12-31", "Currency_Code__c": "USD", "Renewal__c": "No",
    }  # fmt: skip
    change = {"Change_Set_Status__c": "APPLYING", "Change_Set_Id__c": "76yesvf8y165pa4f98td2crtg"}
    rows: dict[str, dict[str, Any]] = {
        ACCOUNT: {"Name": "sellerA", "Account_Number__c": "111122223333", "Prefix__c": "sellerA"},
        PRODUCT: {
            "Name": "Acme", "Entity_Key__c": "111122223333|prod-1", "Product_Type__c": "SaaSProduct",
            "Pricing_Type__c": "Contract", "Visibility__c": "Limited", **account,
        },
        DIMENSION: {
            "Name": "Users", "Entity_Key__c": "111122223333|prod-1|Users", "Dimension_Key__c": "Users",
            "Dimension_Types__c": "Entitled;Metered", "Unit__c": "Users", **product,
        },
        SHARED: {
            "Name": "Shared", "Entity_Key__c": "111122223333|resaleauthz-9", "Status__c": "Active",
            "Manufacturer_Account__c": "999900001111", **account,
        },
        OFFER: {
            "Name": "Q3 deal", "Offer_Type__c": "ISV - Self", "Entity_Key__c": "111122223333|offer-1",
            "Offer_URL__c": "https://aws.amazon.com/marketplace/procurement?offerId=offer-1", "Service_Length__c": 12,
            "Service_Length_Unit__c": "Months", "Expiration_Date__c": "2027-06-30", "Markup_Percentage__c": 5.123456789,
            "EULA_Type__c": "Custom EULA", **account, **product, **terms, **schedule, **change,
        },
        AUTHORIZATION: {
            "Name": "TestRA", "Entity_Key__c": "111122223333|resaleauthz-1", "Reseller_Account__c": "777788889999",
            "Contract_Duration__c": "Custom Duration", "Duration_Type__c": "Single use", "Status__c": "Restricted",
            **account, **product, **terms, **schedule, **change,
        },
        RATE: {
            "Private_Offer__c": ids.get(OFFER), "Product_Dimension__c": ids.get(DIMENSION), "Rate__c": 0.00000001,
            "Pricing_Term__c": "Usage Based", "Quantity__c": 2147483646, "Duration__c": "P12M",
        },
        PAYMENT: {
            "Resale_Authorization__c": ids.get(AUTHORIZATION), "Charge_Date__c": "2027-01-01",
            "Charge_Amount__c": 33.34, "Generated__c": True,
        },
        AGREEMENT: {
            "Name": "agmt-1", "Agreement_Id__c": "agmt-1", "Entity_Key__c": "111122223333|agmt-1",
            "Status__c": "ACTIVE", "Acceptor_Account__c": "444455556666", "Agreement_Value__c": 999999999.5,
            "Start_Time__c": "2026-05-01T10:00:00Z", "Private_Offer__c": ids.get(OFFER), **account, **product,
        },
        SYNC: {
            "Sync_Key__c": "run-1", "Object__c": "Products", "Operation__c": "Refresh", "Status__c": "Partial",
            "Record_Count__c": 173, "Error_Count__c": 1, **account,
        },
        LOG: {
            "Log_Key__c": "call-1", "Service__c": "marketplace-catalog", "Operation__c": "ListEntities",
            "Method__c": "POST", "Status_Code__c": 429, "Duration_ms__c": 87, **account,
        },
    }  # fmt: skip
    return rows[name]


ALL = (ACCOUNT, PRODUCT, DIMENSION, SHARED, OFFER, AUTHORIZATION, RATE, PAYMENT, AGREEMENT, SYNC, LOG)
KEYED = {ACCOUNT: "Account_Number__c", PRODUCT: "Entity_Key__c", DIMENSION: "Entity_Key__c", SHARED: "Entity_Key__c",
         AGREEMENT: "Entity_Key__c", SYNC: "Sync_Key__c", LOG: "Log_Key__c"}  # fmt: skip
NUMBERS = count_from(1)
FILLED_BEFORE = {ACCOUNT, PRODUCT, DIMENSION, SHARED, OFFER, AUTHORIZATION}


def create(world: World, name: str, row: dict[str, Any]) -> str:
    answer = world.worker.post(f"sobjects/{name}", row)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def unlike(name: str, ids: dict[str, str]) -> dict[str, Any]:
    """Return the valid row with keys that no other row has."""
    number = next(NUMBERS)
    keys = dict.fromkeys(("Entity_Key__c", "Prefix__c", "Sync_Key__c", "Log_Key__c"), f"key-{number}")
    own = {**keys, "Account_Number__c": f"{number:012d}"}
    return {field: own.get(field, value) for field, value in valid(name, ids).items()}


def count(world: World, name: str) -> int:
    return int(world.worker.query(f"SELECT COUNT() FROM {name}").json()["totalSize"])


@pytest.mark.parametrize("name", ALL)
def test_a_valid_row_is_stored_as_it_was_written(world: World, parents: dict[str, str], name: str) -> None:
    row = unlike(name, parents)
    found = world.worker.get(f"sobjects/{name}/{create(world, name, row)}").json()
    expected = {field: str(value).replace("Z", ".000+0000") if field.endswith("Time__c") else value
                for field, value in row.items()}  # fmt: skip
    assert {field: found[field] for field in row} == expected


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (ACCOUNT, {"Account_Number__c": "1" * 13}, TOO_LONG),
    (ACCOUNT, {"Account_Number__c": "11112222333"}, RULE),
    (ACCOUNT, {"Account_Number__c": None}, MISSING),
    (PRODUCT, {"Product_Type__c": "MachineLearningProduct"}, BAD_CHOICE),
    (PRODUCT, {"Entity_Key__c": None}, MISSING),
    (DIMENSION, {"Dimension_Types__c": "Entitled;Free"}, BAD_CHOICE),
    (DIMENSION, {"Product__c": None}, MISSING),
    (SHARED, {"Status__c": "Draft"}, BAD_CHOICE),
    (SHARED, {"Account__c": "abc"}, "MALFORMED_ID"),
    (OFFER, {"Change_Set_Status__c": "Succeeded"}, BAD_CHOICE),
    (OFFER, {"Payment_Frequency__c": "45"}, BAD_CHOICE),
    (OFFER, {"Offer_Name__c": "x" * 151}, TOO_LONG),
    (OFFER, {"Offer_Description__c": "x" * 256}, TOO_LONG),
    (OFFER, {"Expiration_Date__c": "2027-02-30"}, "JSON_PARSER_ERROR"),
    (OFFER, {"Renewal__c": "Maybe"}, BAD_CHOICE),
    (AUTHORIZATION, {"Authorization_Name__c": "x" * 101}, TOO_LONG),
    (AUTHORIZATION, {"Status__c": "Cancelled"}, BAD_CHOICE),
    (AUTHORIZATION, {"Duration_Type__c": "Forever"}, BAD_CHOICE),
    (RATE, {"Rate__c": 10**10}, OUT_OF_RANGE),
    (RATE, {"Pricing_Term__c": "Contract"}, BAD_CHOICE),
    (PAYMENT, {"Charge_Amount__c": 10**16}, OUT_OF_RANGE),
    (AGREEMENT, {"Acceptor_Account__c": "4" * 13}, TOO_LONG),
    (AGREEMENT, {"End_Time__c": "tomorrow"}, "JSON_PARSER_ERROR"),
    (SYNC, {"Status__c": "Done"}, BAD_CHOICE),
    (SYNC, {"Record_Count__c": "many"}, "JSON_PARSER_ERROR"),
    (LOG, {"Method__c": "TRACE"}, BAD_CHOICE),
    (LOG, {"Status_Code__c": 1000}, OUT_OF_RANGE),
]


@pytest.mark.parametrize(("name", "wrong", "code"), REFUSED, ids=[f"{name}-{list(bad)}" for name, bad, _ in REFUSED])
def test_an_invalid_value_is_refused(
    world: World, parents: dict[str, str], name: str, wrong: dict[str, Any], code: str
) -> None:
    before = count(world, name)
    answer = world.worker.post(f"sobjects/{name}", unlike(name, parents) | wrong)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert count(world, name) == before


@pytest.mark.parametrize(("name", "key"), KEYED.items())
def test_what_aws_returns_again_updates_the_same_record(
    world: World, parents: dict[str, str], name: str, key: str
) -> None:
    row = valid(name, parents)
    path = f"sobjects/{name}/{key}/{str(row.pop(key)).replace('|', '%7C').upper()}"
    if name == DIMENSION:
        path, fixed = path.replace("USERS", "Users").replace("PROD", "prod"), row.pop("Product__c")
        assert fixed == parents[PRODUCT]
    first = world.worker.patch(path, row)
    again = world.worker.patch(path, row)
    assert first.json()["created"] is (name not in FILLED_BEFORE)
    assert (again.json()["created"], again.json()["id"]) == (False, first.json()["id"])


def test_products_of_one_title_are_two_records(world: World, parents: dict[str, str]) -> None:
    other = {"Name": "Twin", "Product_Title__c": "Twin", "Product_Type__c": "AmiProduct"}
    for key in ("111122223333%7Cprod-2", "111122223333%7Cprod-3", "999900001111%7Cprod-2") * 2:
        assert world.worker.patch(f"sobjects/{PRODUCT}/Entity_Key__c/{key}", other).ok
    assert len(world.worker.rows(f"SELECT Id FROM {PRODUCT} WHERE Product_Title__c = 'Twin'")) == 3


def test_dimension_keys_that_differ_in_case_are_two_dimensions(world: World, parents: dict[str, str]) -> None:
    row = {"Name": "users", "Dimension_Key__c": "users", "Product__c": parents[PRODUCT]}
    path = f"sobjects/{DIMENSION}/Entity_Key__c/111122223333%7Cprod-1%7Cusers"
    created = world.worker.patch(path, row)
    assert created.status_code == 201
    assert created.json()["id"] != parents[DIMENSION]


def test_a_rate_keeps_eight_decimals(world: World, parents: dict[str, str]) -> None:
    for rate in (0.00000001, 1234567.12345678, 100000000):
        row = create(world, RATE, {"Private_Offer__c": parents[OFFER], "Rate__c": rate})
        assert world.worker.get(f"sobjects/{RATE}/{row}").json()["Rate__c"] == rate


@pytest.mark.parametrize("name", [RATE, PAYMENT])
def test_a_row_belongs_to_exactly_one_offer_or_authorization(world: World, parents: dict[str, str], name: str) -> None:
    lookups = {"Private_Offer__c": OFFER, "Resale_Authorization__c": AUTHORIZATION,
               "Shared_Resale_Authorization__c": SHARED}  # fmt: skip
    for field, parent in lookups.items():
        assert create(world, name, {field: parents[parent]})
    both = {"Private_Offer__c": parents[OFFER], "Resale_Authorization__c": parents[AUTHORIZATION]}
    for wrong in ({}, both, {field: parents[parent] for field, parent in lookups.items()}):
        answer = world.worker.post(f"sobjects/{name}", wrong).json()
        assert (answer[0]["errorCode"], answer[0]["message"][:19]) == (RULE, "Choose exactly one:")


@pytest.mark.parametrize("name", [OFFER, AUTHORIZATION])
def test_a_draft_needs_no_more_than_a_name(world: World, name: str) -> None:
    draft = create(world, name, {"Name": "Later"})
    assert world.worker.rows(
        f"SELECT Status__c, Change_Set_Status__c, Renewal__c FROM {name} WHERE Id = '{draft}'"
    ) == [{"Status__c": "Draft", "Change_Set_Status__c": None, "Renewal__c": None}]


PEOPLE: list[tuple[str, dict[str, Any], str]] = [
    *(
        (name, wrong, message)
        for name in (OFFER, AUTHORIZATION)
        for wrong, message in (
            ({"Buyer_Accounts__c": "44445555666"}, "12 digits, separated by commas"),
            ({"Buyer_Accounts__c": "444455556666 777788889999"}, "12 digits, separated by commas"),
            ({"Payment_Amount__c": 0}, "amount above zero"),
            ({"Payment_Start_Date__c": "2027-02-01", "Payment_End_Date__c": "2027-01-31"}, "end before they start"),
            ({"Service_Length__c": 0}, "length above zero"),
        )
    ),
    (OFFER, {"Service_Start_Date__c": "2027-02-01", "Service_End_Date__c": "2027-01-31"}, "service cannot end"),
    (OFFER, {"Markup_Percentage__c": -1}, "0 percent or more"),
    (AUTHORIZATION, {"Reseller_Account__c": "7777888899"}, "12 digits"),
    (AUTHORIZATION, {"Flexible_Payment__c": True, "Pricing_Model__c": "Usage"}, "needs the contract model"),
]


@pytest.mark.parametrize(("name", "wrong", "message"), PEOPLE, ids=[f"{name}-{list(bad)}" for name, bad, _ in PEOPLE])
def test_what_can_never_be_published_is_refused_at_once_but_stored_when_aws_says_so(
    world: World, name: str, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(RowErrors, match=message):
        world.org.insert(name, [{"Name": "Draft", **wrong}], world.org.user("seller"))
    assert create(world, name, {"Name": "Imported", **wrong})


@pytest.mark.parametrize("accounts", ["444455556666", BUYERS, " 444455556666 ,\n777788889999 ", None])
def test_buyer_accounts_may_be_one_several_or_none(world: World, accounts: str | None) -> None:
    row = {"Name": "Draft", "Buyer_Accounts__c": accounts}
    assert world.org.insert(OFFER, [row], world.org.user("seller"))


@pytest.mark.parametrize(("name", "extra"), [(OFFER, {"Offer_Type__c": "ISV - Self"}), (AUTHORIZATION, {})])
def test_the_product_is_one_of_the_account(
    world: World, parents: dict[str, str], name: str, extra: dict[str, Any]
) -> None:
    other = create(world, ACCOUNT, unlike(ACCOUNT, {}))
    row = {"Name": "Draft", "Product__c": parents[PRODUCT], **extra}
    with pytest.raises(RowErrors, match="Choose a product of the AWS account"):
        world.org.insert(name, [{**row, "Account__c": other}], world.org.user("seller"))
    assert world.org.insert(name, [{**row, "Account__c": parents[ACCOUNT]}, row], world.org.user("seller"))


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        (RATE, {"Rate__c": -0.01}, "rate of 0 or more"),
        (RATE, {"Quantity__c": 0}, "quantity of 1 or more"),
        (PAYMENT, {"Charge_Amount__c": -1}, "amount of 0 or more"),
    ],
)
def test_rates_and_payments_are_not_negative(
    world: World, parents: dict[str, str], name: str, wrong: dict[str, Any], message: str
) -> None:
    row = {"Private_Offer__c": parents[OFFER]}
    with pytest.raises(RowErrors, match=message):
        world.org.insert(name, [row | wrong], world.org.user("seller"))
    assert world.org.insert(name, [row | dict.fromkeys(wrong, 1)], world.org.user("seller"))


def test_offers_and_agreements_outlive_the_opportunity(world: World, parents: dict[str, str]) -> None:
    deal = create(world, "ACE_Opportunity__c", {"Name": "Deal"})
    made = [
        (name, create(world, name, unlike(name, parents) | {"ACE_Opportunity__c": deal})) for name in (OFFER, AGREEMENT)
    ]
    assert world.worker.send("DELETE", f"sobjects/ACE_Opportunity__c/{deal}").status_code == 204
    for name, row in made:
        assert world.worker.get(f"sobjects/{name}/{row}").json()["ACE_Opportunity__c"] is None


def test_dimensions_go_with_their_product_and_offers_stay(world: World, parents: dict[str, str]) -> None:
    product = create(world, PRODUCT, unlike(PRODUCT, parents))
    own = parents | {PRODUCT: product}
    dimension, offer = (create(world, name, unlike(name, own)) for name in (DIMENSION, OFFER))
    assert world.worker.send("DELETE", f"sobjects/{PRODUCT}/{product}").status_code == 204
    assert world.worker.get(f"sobjects/{DIMENSION}/{dimension}").status_code == 404
    assert world.worker.get(f"sobjects/{OFFER}/{offer}").json()["Product__c"] is None


def test_offers_can_be_counted_by_seller_account(world: World) -> None:
    sellers = {
        name: create(world, ACCOUNT, unlike(ACCOUNT, {}) | {"Name": name}) for name in ("Counted A", "Counted B")
    }
    for name in ("Counted A", "Counted B", "Counted B"):
        create(world, OFFER, {"Name": "Deal", "Account__c": sellers[name]})
    found = world.worker.rows(
        f"SELECT Account__r.Name seller, COUNT(Id) offers FROM {OFFER} "
        "WHERE Account__r.Name LIKE 'Counted%' GROUP BY Account__r.Name"
    )
    assert {row["seller"]: row["offers"] for row in found} == {"Counted A": 1, "Counted B": 2}

"""What AWS Marketplace describes, as rows: pure, and for any document whatever."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_desk import ISV, PARTNER, authorization, complaint, dimension, product

from connector.marketplace.authorizations import own_row, product_key, shared_row
from connector.marketplace.documents import Remarks
from connector.marketplace.products import product_rows
from connector.names import MARKETPLACE_PRODUCT, PRODUCT_DIMENSION, RESALE_AUTHORIZATION, SHARED_AUTHORIZATION

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
WORDS = st.sampled_from([
    "Type", "Terms", "Rules", "Documents", "Dimensions", "Key", "Types", "Name", "Status", "Description",
    "PricingModel", "AvailabilityRule", "AvailabilityEndDate", "OffersMaxQuantity", "BuyerTargetingTerm",
    "PositiveTargeting", "BuyerAccounts", "AwsAccountId", "ResaleFixedUpfrontPricingTerm", "Duration", "CurrencyCode",
    "OfferDetails", "ResaleConfigurableUpfrontPricingTerm", "RateCards", "Selector", "Value", "Constraints",
    "Visibility", "MultipleDimensionSelection", "PreExistingBuyerAgreement", "AcquisitionChannel", "ProductTitle",
    "ShortDescription",
])  # fmt: skip
"""What documents are made of, so that what is drawn has something of their shape."""
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=300), WORDS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=25
)
DOCUMENTS = st.dictionaries(WORDS, VALUES, max_size=8)


def described(kind: str, document: Any) -> dict[str, Any]:
    return {"EntityType": kind, "LastModifiedDate": "2026-05-01T10:00:00.123Z", "DetailsDocument": document}


@given(DOCUMENTS, DOCUMENTS, st.lists(DOCUMENTS, max_size=3))
def test_whatever_a_product_says_its_rows_fit_the_fields(
    document: dict[str, Any], description: dict[str, Any], dimensions: list[dict[str, Any]]
) -> None:
    told = Remarks("prod-1")
    whole = document | {"Description": description, "Dimensions": dimensions}
    rows = product_rows(ISV, "prod-1", described("SaaSProduct@1.0", whole), told)
    assert complaint(MARKETPLACE_PRODUCT, rows.product) == ""
    assert [complaint(PRODUCT_DIMENSION, row) for row in rows.dimensions] == [""] * len(rows.dimensions)
    keys = [row["Entity_Key__c"] for row in rows.dimensions]
    assert len(keys) == len(set(keys))


@given(DOCUMENTS, st.lists(DOCUMENTS, max_size=3), st.lists(DOCUMENTS, max_size=3))
def test_whatever_an_authorization_says_its_row_fits_the_fields(
    document: dict[str, Any], terms: list[dict[str, Any]], rules: list[dict[str, Any]]
) -> None:
    entity = described("ResaleAuthorization@1.0", document | {"Terms": terms, "Rules": rules})
    for make, name in ((own_row, RESALE_AUTHORIZATION), (shared_row, SHARED_AUTHORIZATION)):
        assert complaint(name, make(ISV, "resaleauthz-1", entity, NOW, Remarks("resaleauthz-1"))) == ""
    product_key(ISV, entity, shared=True)


@given(VALUES)
def test_a_document_may_be_anything(document: Any) -> None:
    entity = described("AmiProduct@1.0", document)
    assert product_rows(ISV, "prod-1", entity, Remarks("prod-1")).product["Product_Title__c"]
    assert own_row(ISV, "resaleauthz-1", entity, NOW, Remarks("resaleauthz-1"))["Name"]


def test_a_product_and_its_dimensions() -> None:
    entity = product("Acme", "SaaSProduct", dimensions=[dimension("Users"), dimension("reqs", "Metered")])
    found = product_rows(ISV, "prod-1", entity, told := Remarks("prod-1"))
    assert told.told == []
    assert found.product == {
        "Entity_Key__c": f"{ISV}/prod-1", "Name": "Acme", "Product_Id__c": "prod-1", "Product_Title__c": "Acme",
        "Product_Type__c": "SaaSProduct", "Pricing_Type__c": "Contract with Consumption", "SKU__c": "S1",
        "Product_Code__c": "aw4fgf5tyo5w2ap6f", "Product_State__c": "Active", "Short_Description__c": "Short.",
        "Visibility__c": "Limited", "AWS_Last_Modified__c": "2026-05-01T10:00:00.000+0000", "Active__c": True,
    }  # fmt: skip
    assert found.dimensions[0] == {
        "Entity_Key__c": f"{ISV}/prod-1/Users", "Name": "Users named", "Dimension_Key__c": "Users",
        "Dimension_Name__c": "Users named", "Description__c": "Named users", "Dimension_Types__c": "Entitled",
        "Unit__c": "Users", "Active__c": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "pricing"),
    [
        ([("Entitled",)], "Contract"),
        ([("Metered",), ("ExternallyMetered", "Metered")], "Usage"),
        ([("Entitled",), ("Metered",)], "Contract with Consumption"),
        ([("Entitled", "ExternallyMetered")], "Contract with Consumption"),
        ([("Leased",)], None),
    ],
)
def test_the_dimensions_say_what_kind_of_prices_there_are(kinds: list[tuple[str, ...]], pricing: str | None) -> None:
    dimensions = [dimension(f"d{number}", *one) for number, one in enumerate(kinds)]
    found = product_rows(ISV, "prod-1", product(dimensions=dimensions), Remarks("prod-1"))
    assert found.product["Pricing_Type__c"] == pricing


def test_dimension_keys_that_differ_in_case_are_two() -> None:
    entity = product(dimensions=[dimension("users"), dimension("Users"), dimension("users")])
    keys = [row["Dimension_Key__c"] for row in product_rows(ISV, "prod-1", entity, Remarks("prod-1")).dimensions]
    assert keys == ["users", "Users"]


def test_a_value_that_the_picklist_does_not_know_is_told_and_not_guessed() -> None:
    entity = product(dimensions=[dimension("Users", "Leased", "Entitled")])
    found = product_rows(ISV, "prod-1", entity, told := Remarks("prod-1"))
    assert found.dimensions[0]["Dimension_Types__c"] == "Entitled"
    [line] = told.told
    assert line.startswith("prod-1: the type of the dimension Users 'Leased' is not known")
    row = own_row(ISV, "resaleauthz-1", authorization(PricingModel="Barter", Status="Paused"), NOW, told)
    assert (row["Pricing_Model__c"], row["Status__c"]) == (None, None)
    assert ["'Paused'" in told.told[1], "'Barter'" in told.told[2]] == [True, True]


def test_an_authorization_that_the_account_gave() -> None:
    row = own_row(ISV, "resaleauthz-1", authorization(), NOW, told := Remarks("resaleauthz-1"))
    assert told.told == []
    assert row == {
        "Entity_Key__c": f"{ISV}/resaleauthz-1", "Name": "For a partner", "Authorization_Id__c": "resaleauthz-1",
        "Authorization_Name__c": "For a partner", "Description__c": "For resale", "Status__c": "Active",
        "Pricing_Model__c": "Contract", "Currency_Code__c": "USD", "Duration_Type__c": "Single use",
        "Expiration_Date__c": "2027-06-30", "Service_Length__c": 12, "Service_Length_Unit__c": "Months",
        "Maximum_Service_Start_Date__c": None, "Flexible_Payment__c": True, "Buyer_Accounts__c": "777788889999",
        "EULA_Type__c": "Standard Contract for AWS Marketplace", "Reseller_Contract_Type__c": None,
        "Offer_Extended_Status__c": "Not Started", "AWS_Created_At__c": "2026-07-18T16:39:31.000+0000",
        "AWS_Last_Modified__c": "2026-07-20T10:00:00.000+0000", "Reseller_Account__c": PARTNER,
        "Reseller_Legal_Name__c": "CP Inc", "Offers_Created__c": None, "Multiple_Dimension_Selection__c": None,
        "Renewal__c": "No", "Renewal_Channel__c": None, "Renewal_Pricing_Model__c": None,
    }  # fmt: skip


def test_an_authorization_that_was_shared_names_its_manufacturer() -> None:
    entity = authorization()
    row = shared_row(PARTNER, "resaleauthz-1", entity, NOW, Remarks("resaleauthz-1"))
    assert row["Entity_Key__c"] == f"{PARTNER}/resaleauthz-1"
    assert (row["Manufacturer_Account__c"], row["Manufacturer_Legal_Name__c"]) == (ISV, "ISV Inc")
    assert (row["Product_Id__c"], row["Product_Name__c"]) == ("prod-1", "Acme")
    assert product_key(PARTNER, entity, shared=True) == f"{ISV}/prod-1"


@pytest.mark.parametrize(
    ("status", "end", "shown"),
    [
        ("Active", "2026-11-28T12:00:01Z", "Active"),
        ("Active", "2026-11-28T11:59:59Z", "Expired"),
        ("Active", "2026-11-28", "Active"),
        ("Active", "2026-11-27", "Expired"),
        ("Active", None, "Active"),
        ("Draft", "2026-01-01T00:00:00Z", "Draft"),
        ("Restricted", "2026-01-01T00:00:00Z", "Restricted"),
    ],
)
def test_an_active_authorization_past_its_end_is_expired(status: str, end: str | None, shown: str) -> None:
    rules = [{"Type": "AvailabilityRule", "AvailabilityEndDate": end}]
    row = own_row(ISV, "resaleauthz-1", authorization(status=status, Rules=rules), NOW, Remarks("resaleauthz-1"))
    assert row["Status__c"] == shown


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"OffersMaxQuantity": 1}, "Single use"),
        ({"OffersMaxQuantity": 1, "AvailabilityEndDate": "2027-01-01"}, "Single use"),
        ({"AvailabilityEndDate": "2027-01-01"}, "Specific duration"),
        ({"Usage": "Unlimited"}, "No set duration"),
        ({"OffersMaxQuantity": 3}, None),
    ],
)
def test_how_often_an_authorization_may_be_used(rule: dict[str, Any], kind: str | None) -> None:
    entity = authorization(Rules=[{"Type": "AvailabilityRule", **rule}])
    row = own_row(ISV, "resaleauthz-1", entity, NOW, Remarks("resaleauthz-1"))
    assert row["Duration_Type__c"] == kind


def test_a_renewal_names_where_the_subscription_was_bought() -> None:
    before = {"AcquisitionChannel": "External", "PricingModel": "Byol"}
    row = own_row(ISV, "r", authorization(PreExistingBuyerAgreement=before), NOW, Remarks("r"))
    told = ("Renewal__c", "Renewal_Channel__c", "Renewal_Pricing_Model__c")
    assert [row[name] for name in told] == ["Yes", "External", "Byol"]


def test_what_is_too_long_is_cut_to_its_field() -> None:
    long = "n" * 5000
    one = dimension("k" * 300) | {"Name": long, "Description": long, "Unit": long}
    entity = product(long, dimensions=[one], ProductCode=long, Sku=long, ShortDescription=long, ProductState=long)
    rows = product_rows(ISV, "prod-1", entity, Remarks("prod-1"))
    assert complaint(MARKETPLACE_PRODUCT, rows.product) == ""
    assert complaint(PRODUCT_DIMENSION, rows.dimensions[0]) == ""
    given = authorization(long, Description=long, ManufacturerLegalName=long, ProductName=long)
    for make, name in ((own_row, RESALE_AUTHORIZATION), (shared_row, SHARED_AUTHORIZATION)):
        assert complaint(name, make(ISV, "resaleauthz-1", given, NOW, Remarks("resaleauthz-1"))) == ""

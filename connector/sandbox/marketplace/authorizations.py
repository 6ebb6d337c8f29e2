"""Resale authorizations: what a new one looks like, what none can, and what may still happen to it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.marketplace.documents import BadOrder, refuse_unknown
from connector.sandbox.marketplace.entities import Json, days_after, find_part, format_second
from connector.sandbox.marketplace.settings import SellerAccount

BUYER = "444455556666"
_AVAILABILITY, _PARTNER = "AvailabilityRule", "PartnerTargetingRule"
_MEMBERS = frozenset(
    "Name Description ProductId ProductName PricingModel Status PreExistingBuyerAgreement CreatedDate "  # noqa: SIM905
    "ManufacturerAccountId ManufacturerLegalName Dimensions OfferDetails Terms Rules".split()
)
_TERMS = frozenset(
    "ResaleFixedUpfrontPricingTerm ResaleConfigurableUpfrontPricingTerm ResaleUsageBasedPricingTerm "  # noqa: SIM905
    "ResalePaymentScheduleTerm BuyerLegalTerm ResaleLegalTerm BuyerValidityTerm BuyerTargetingTerm "
    "ResaleNetPaymentTerm".split()
)
_MODELS = frozenset({"Usage", "Contract", "Free", "Byol"})
_OFFERS = frozenset({"OfferExtendedStatus", "OfferCreatedCount"})
_BY_AWS = frozenset({"OfferDetails"})
"""What still changes once an authorization is released."""


def make_authorization(
    product_id: str, product: Json, seller: SellerAccount, reseller: tuple[str, str], now: datetime
) -> Json:
    """Return the document of a released authorization of the seller's product.

    It is of limited duration, for one buyer: in instalments for a product with dimensions that one contracts for,
    by usage for others. ``reseller`` is account and legal name.
    """
    dimensions = product.get("Dimensions", [])
    entitled = [each["Key"] for each in dimensions if "Entitled" in each["Types"]]
    metered = [each["Key"] for each in dimensions if "Entitled" not in each["Types"]]
    pricing = _make_contract(entitled, now) if entitled else _make_usage(metered)
    return {
        "Name": f"Resale{product_id.rpartition('-')[2][:6]}",
        "Description": "For resale to one buyer",
        "ProductId": product_id,
        "ProductName": product["Description"]["ProductTitle"],
        "PricingModel": "Contract" if entitled else "Usage",
        "Status": "Active",
        "PreExistingBuyerAgreement": {"AcquisitionChannel": "Unknown", "PricingModel": "Unknown"},
        "CreatedDate": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "ManufacturerAccountId": seller.number,
        "ManufacturerLegalName": seller.name,
        "Dimensions": dimensions,
        "OfferDetails": {"OfferExtendedStatus": "Not Started", "OfferCreatedCount": 0},
        "Terms": [*pricing, *_make_terms(now)],
        "Rules": [
            {
                "Type": _AVAILABILITY,
                "AvailabilityEndDate": format_second(days_after(now, 60)),
                **({"OffersMaxQuantity": 1} if entitled else {}),
            },
            {"Type": _PARTNER, "ResellerAccountId": reseller[0], "ResellerLegalName": reseller[1]},
        ],
    }


def _make_contract(keys: list[str], now: datetime) -> list[Json]:
    charges = [
        {"ChargeDate": f"{now + timedelta(days=days):%Y-%m-%d}T00:00:00.000Z", "ChargeAmount": amount}
        for days, amount in ((90, "200.00"), (180, "250.00"))
    ]
    return [
        {
            "Type": "ResaleFixedUpfrontPricingTerm",
            "CurrencyCode": "USD",
            "Duration": "P12M",
            "Price": "0.0",
            "Grants": [{"DimensionKey": key, "MaxQuantity": 10} for key in keys],
        },
        {"Type": "ResalePaymentScheduleTerm", "CurrencyCode": "USD", "Schedule": charges},
        {
            "Type": "BuyerValidityTerm",
            "MaximumAgreementStartDate": f"{now + timedelta(days=120):%Y-%m-%d}T23:59:59.000Z",
        },
    ]


def _make_usage(keys: list[str]) -> list[Json]:
    prices = [{"DimensionKey": key, "Price": "0.10"} for key in keys]
    return [{"Type": "ResaleUsageBasedPricingTerm", "CurrencyCode": "USD", "RateCards": [{"RateCard": prices}]}]


def _make_terms(now: datetime) -> list[Json]:
    signed = f"?isSigned=yes&at={now:%Y%m%d}"
    eula, contract = "https://documents.example.com/eula.pdf", "https://documents.example.com/resale.pdf"
    buyers = {"BuyerAccounts": [{"AwsAccountId": BUYER}]}
    return [
        {"Type": "BuyerLegalTerm", "Documents": [{"Type": "StandardEula", "Url": eula + signed}]},
        {"Type": "ResaleLegalTerm", "Documents": [{"Type": "StandardResellerContract", "Url": contract + signed}]},
        {"Type": "BuyerTargetingTerm", "PositiveTargeting": buyers},
        {"Type": "ResaleNetPaymentTerm", "PaymentDuePeriod": "P60D"},
    ]


def complete_authorization(document: Json) -> None:
    """Put in what the service itself writes: ids of terms and rules, and what the limits of availability amount to."""
    for letter, name in (("t", "Terms"), ("r", "Rules")):
        for number, part in enumerate(document[name], 1):
            part.setdefault("Id", f"{letter}{number}")
    availability = find_part(document["Rules"], _AVAILABILITY)
    limits = {"AvailabilityEndDate", "OffersMaxQuantity"} & set(availability)
    availability["Usage"] = "Limited" if limits else "Unlimited"


def check_authorization(document: Json) -> None:
    """Raise BadOrder for a document that no authorization has. What the summary shows is checked there."""
    refuse_unknown(document, _MEMBERS, "ResaleAuthorization")
    for name, longest in (("Name", 100), ("Description", 255)):
        text = document.get(name, None if name == "Name" else "-")
        if not isinstance(text, str) or not 1 <= len(text) <= longest:
            raise BadOrder(f"{name} needs 1 to {longest} characters")
    if document.get("PricingModel", "Usage") not in _MODELS:
        raise BadOrder(f"PricingModel must be one of {', '.join(sorted(_MODELS))}")
    if not isinstance(document.get("CreatedDate"), str):
        raise BadOrder("CreatedDate must be a date-time such as 2027-06-30T23:59:59.123Z")
    offers = document.get("OfferDetails", {})
    if not isinstance(offers, dict):
        raise BadOrder("OfferDetails must be an object")
    refuse_unknown(offers, _OFFERS, "OfferDetails")
    _check_parts(document, "Terms", _TERMS)
    _check_parts(document, "Rules", frozenset({_AVAILABILITY, _PARTNER}))
    _check_limits(find_part(document["Rules"], _AVAILABILITY))
    reseller = find_part(document["Rules"], _PARTNER).get("ResellerAccountId")
    if not isinstance(reseller, str) or not re.fullmatch(r"\d{12}", reseller):
        raise BadOrder(f"the reseller {reseller!r} must be the 12 digits of an account")
    if document.get("Status") == "Active" and not _is_priced(document["Terms"]):
        raise BadOrder("an Active authorization needs a BuyerLegalTerm and a pricing term")


def _check_parts(document: Json, name: str, types: frozenset[str]) -> None:
    parts = document.get(name)
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise BadOrder(f"{name} must be a list of objects")
    found = [str(part.get("Type")) for part in parts]
    unknown = [kind for kind in found if kind not in types]
    if unknown or len(set(found)) != len(found):
        raise BadOrder(f"{name} are of {found}; use each of {', '.join(sorted(types))} once at most")


def _check_limits(availability: Json) -> None:
    if availability.get("OffersMaxQuantity", 1) != 1:
        raise BadOrder("OffersMaxQuantity can only be 1")
    ends: Any = availability.get("AvailabilityEndDate")
    if ends is None:
        return
    if not isinstance(ends, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", ends):
        raise BadOrder(f"AvailabilityEndDate {ends!r} must be a date-time such as 2027-06-30T23:59:59Z")


def _is_priced(terms: list[Json]) -> bool:
    found = {part["Type"] for part in terms}
    return "BuyerLegalTerm" in found and any(kind.endswith("PricingTerm") for kind in found)


def check_change(before: Json, after: Json) -> None:
    """Raise BadOrder for a change that AWS takes from nobody once the authorization is released."""
    if before["Status"] == "Draft":
        if after["Status"] == "Restricted":
            raise BadOrder("a draft cannot be restricted; release it first, by Status Active")
        return
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    if changed - _BY_AWS:
        raise BadOrder(f"{', '.join(sorted(changed - _BY_AWS))} cannot be changed: the authorization is released")


def restrict(document: Json, now: datetime) -> Json:
    """Return the document of the authorization after it was restricted, which cannot be undone.

    Raises:
        BadOrder: it is not active, or has expired.
    """
    ends = find_part(document["Rules"], _AVAILABILITY).get("AvailabilityEndDate")
    if document["Status"] != "Active":
        raise BadOrder(f"the authorization is {document['Status']}; only an Active one can be restricted")
    if ends and ends[:19] < now.strftime("%Y-%m-%dT%H:%M:%S"):
        raise BadOrder(f"the authorization expired at {ends}; an expired one cannot be restricted")
    return {**document, "Status": "Restricted"}

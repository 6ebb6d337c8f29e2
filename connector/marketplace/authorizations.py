"""A resale authorization of the catalog as a row: with its manufacturer, and shared with a channel partner. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from connector.marketplace.documents import (
    LONG_LENGTH,
    NAME_LENGTH,
    Remarks,
    chosen,
    day,
    entity_key,
    moment,
    of_type,
    parsed,
    part,
    parts,
    period,
    text,
    worded,
    words,
)
from connector.marketplace.fields import Authorization, OwnAuthorization, SharedAuthorization
from connector.sync.ports import Json, Row

ENTITY_TYPE = "ResaleAuthorization"
DRAFT, ACTIVE, RESTRICTED, EXPIRED = "Draft", "Active", "Restricted", "Expired"
SINGLE_USE, UNTIL_A_DATE, NO_END = "Single use", "Specific duration", "No set duration"
PRICING_MODELS = ("Contract", "Usage", "Byol", "Free")
CHANNELS = ("AwsMarketplace", "External")
EULAS = {
    "StandardEula": "Standard Contract for AWS Marketplace",
    "CustomEula": "Custom EULA for End User License Agreement",
}
CONTRACTS = {
    "StandardResellerContract": "Reseller Contract for AWS Marketplace",
    "CustomResellerContract": "Custom Contract for Reseller Agreement",
}
_NO_RENEWAL = "Unknown"
_ID_LENGTH, _NAME, _STATUS_LENGTH, _ACCOUNT_LENGTH, _LONGEST_SERVICE = 100, 100, 40, 12, 9999


def own_row(account: str, entity_id: str, entity: Json, now: datetime, remarks: Remarks) -> Row:
    """Return the row of an authorization that the account gave, without lookups.

    Args:
        account: number of the manufacturer's account.
        entity_id: id without revision.
        entity: as BatchDescribeEntities returns it.
        now: aware UTC; an active authorization past its end is expired.
        remarks: takes what cannot be stored.
    """
    document = part(entity, "DetailsDocument")
    partner = next(of_type(parts(document, "Rules"), "PartnerTargetingRule"), {})
    extended = part(document, "OfferDetails").get("OfferCreatedCount")
    return {
        **_common(account, entity_id, entity, (DRAFT, ACTIVE, RESTRICTED), now, remarks),
        OwnAuthorization.RESELLER_ACCOUNT: text(partner.get("ResellerAccountId"), _ACCOUNT_LENGTH),
        OwnAuthorization.RESELLER_NAME: text(partner.get("ResellerLegalName")),
        OwnAuthorization.OFFERS_CREATED: extended if isinstance(extended, int) and 0 <= extended < 10**9 else None,
        OwnAuthorization.MULTIPLE_DIMENSIONS: _several_dimensions(document, remarks),
        **_renewal(document, remarks),
    }


def shared_row(account: str, entity_id: str, entity: Json, now: datetime, remarks: Remarks) -> Row:
    """Return the row of an authorization that was shared with the account, as :func:`own_row` does."""
    document = part(entity, "DetailsDocument")
    return {
        **_common(account, entity_id, entity, (ACTIVE, RESTRICTED), now, remarks),
        SharedAuthorization.MANUFACTURER_ACCOUNT: text(document.get("ManufacturerAccountId"), _ACCOUNT_LENGTH),
        SharedAuthorization.MANUFACTURER_NAME: text(document.get("ManufacturerLegalName")),
        SharedAuthorization.PRODUCT_ID: text(document.get("ProductId"), _ID_LENGTH),
        SharedAuthorization.PRODUCT_NAME: text(document.get("ProductName")),
    }


def product_key(account: str, entity: Json, *, shared: bool) -> str:
    """Return the key of the row of the authorization's product, which belongs to the manufacturer; empty for none."""
    document = part(entity, "DetailsDocument")
    owner = text(document.get("ManufacturerAccountId"), _ACCOUNT_LENGTH) if shared else account
    product = text(document.get("ProductId"), _ID_LENGTH)
    return entity_key(owner, product) if owner and product else ""


def _common(
    account: str, entity_id: str, entity: Json, statuses: Sequence[str], now: datetime, remarks: Remarks
) -> Row:
    document = part(entity, "DetailsDocument")
    terms = parts(document, "Terms")
    available = next(of_type(parts(document, "Rules"), "AvailabilityRule"), {})
    name = text(document.get("Name"), _NAME) or entity_id
    end = available.get("AvailabilityEndDate")
    return {
        Authorization.KEY: entity_key(account, entity_id),
        "Name": text(name, NAME_LENGTH),
        Authorization.ID: text(entity_id, _ID_LENGTH),
        Authorization.NAME: text(name, _NAME),
        Authorization.DESCRIPTION: text(document.get("Description")),
        Authorization.STATUS: _status(document.get("Status"), end, statuses, now, remarks),
        Authorization.PRICING_MODEL: chosen(document.get("PricingModel"), PRICING_MODELS, "the pricing model", remarks),
        Authorization.CURRENCY: next((one for one in (text(term.get("CurrencyCode")) for term in terms) if one), None),
        Authorization.DURATION_TYPE: _duration_type(available, remarks),
        Authorization.EXPIRATION_DATE: day(end),
        **_service_length(terms),
        Authorization.MAXIMUM_START: day(
            next(of_type(terms, "BuyerValidityTerm"), {}).get("MaximumAgreementStartDate")
        ),
        Authorization.FLEXIBLE_PAYMENT: any(of_type(terms, "ResalePaymentScheduleTerm")),
        Authorization.BUYERS: text(", ".join(_buyers(terms)), LONG_LENGTH),
        Authorization.EULA_TYPE: worded(_contract(terms, "BuyerLegalTerm"), EULAS),
        Authorization.RESELLER_CONTRACT_TYPE: worded(_contract(terms, "ResaleLegalTerm"), CONTRACTS),
        Authorization.OFFER_EXTENDED_STATUS: text(
            part(document, "OfferDetails").get("OfferExtendedStatus"), _STATUS_LENGTH
        ),
        Authorization.CREATED: moment(document.get("CreatedDate")),
        Authorization.LAST_MODIFIED: moment(entity.get("LastModifiedDate")),
    }


def _status(value: Any, end: Any, known: Sequence[str], now: datetime, remarks: Remarks) -> str | None:
    """Return the state that people see. AWS has no word for an authorization whose end has passed."""
    status = chosen(value, known, "the status", remarks)
    ends = parsed(end) if isinstance(end, str) else None
    if ends is not None and len(end) == len("2026-08-31"):
        ends = ends.replace(hour=23, minute=59, second=59)
    if status == ACTIVE and ends is not None and ends.replace(tzinfo=UTC) < now:
        return EXPIRED
    return status


def _duration_type(available: Json, remarks: Remarks) -> str | None:
    most = available.get("OffersMaxQuantity")
    if most not in (None, 1):
        remarks.left_out("the greatest number of offers", most, ("1",))
        return None
    if most == 1:
        return SINGLE_USE
    return UNTIL_A_DATE if day(available.get("AvailabilityEndDate")) else NO_END


def _service_length(terms: list[Json]) -> Row:
    """Return how long the service lasts, where all prices are for one length."""
    fixed = [term.get("Duration") for term in of_type(terms, "ResaleFixedUpfrontPricingTerm")]
    chosen_by_buyer = [
        part(card, "Selector").get("Value")
        for term in of_type(terms, "ResaleConfigurableUpfrontPricingTerm")
        for card in parts(term, "RateCards")
        if part(card, "Selector").get("Type") == "Duration"
    ]
    found = {period(value) for value in (*fixed, *chosen_by_buyer)}
    length = found.pop() if len(found) == 1 else None
    number, unit = length if length is not None and length[0] <= _LONGEST_SERVICE else (None, None)
    return {Authorization.SERVICE_LENGTH: number, Authorization.SERVICE_LENGTH_UNIT: unit}


def _buyers(terms: list[Json]) -> list[str]:
    """Return the buyers' account numbers, which AWS writes as objects when read and as texts when sent."""
    term = next(of_type(terms, "BuyerTargetingTerm"), {})
    targeting = part(term, "PositiveTargeting")
    named = [str(one["AwsAccountId"]) for one in parts(targeting, "BuyerAccounts") if one.get("AwsAccountId")]
    return [*named, *words(targeting.get("BuyerAccounts"))]


def _contract(terms: list[Json], kind: str) -> Any:
    term = next(of_type(terms, kind), {})
    return next((one.get("Type") for one in parts(term, "Documents")), None)


def _several_dimensions(document: Json, remarks: Remarks) -> str | None:
    for term in of_type(parts(document, "Terms"), "ResaleConfigurableUpfrontPricingTerm"):
        for card in parts(term, "RateCards"):
            value = part(card, "Constraints").get("MultipleDimensionSelection")
            return chosen(value, ("Allowed", "Disallowed"), "the selection of dimensions", remarks)
    return None


def _renewal(document: Json, remarks: Remarks) -> Row:
    """Return whether it renews a subscription: AWS says so by naming where that was bought."""
    before = part(document, "PreExistingBuyerAgreement")
    channel = before.get("AcquisitionChannel")
    renews = channel not in (None, "", _NO_RENEWAL)
    model = before.get("PricingModel") if renews else None
    known = None if model == _NO_RENEWAL else model
    return {
        OwnAuthorization.RENEWAL: ("Yes" if renews else "No") if before else None,
        OwnAuthorization.RENEWAL_CHANNEL: chosen(channel, CHANNELS, "the renewed subscription's channel", remarks)
        if renews
        else None,
        OwnAuthorization.RENEWAL_PRICING_MODEL: chosen(
            known, PRICING_MODELS, "the renewed subscription's pricing model", remarks
        ),
    }

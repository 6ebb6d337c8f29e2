"""Expected customer spend: monthly AWS revenue, contract value and the pricing calculator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any

from connector.sandbox.partner_central.errors import FieldError
from connector.sandbox.partner_central.records import Fields

SPEND = "project.expectedCustomerSpend"
DURATION = "project.expectedContractDuration"
_MONTHS = re.compile(r"[1-9]\d{0,2}")
_CENT = Decimal("0.01")


def estimate_of(url: str) -> str | None:
    """Return the monthly amount behind a calculator address, or None when it has no estimate.

    The embedded calculator knows an estimate for every id that does not begin with ``dead``: its first six hexadecimal
    digits are the amount in cents, plus one dollar.
    """
    identifier = url.rpartition("=")[2]
    if identifier.startswith("dead"):
        return None
    return str((Decimal(int(identifier[:6], 16)) / 100 + 1).quantize(_CENT))


def settle(project: Fields, stored: Fields, *, clears_duration: bool, creates: bool) -> list[FieldError]:
    """Bring the spend of a request's project into the form that the service stores; return what is wrong with it.

    Args:
        project: the request's project without nulls; changed in place.
        stored: the stored project, empty on create.
        clears_duration: the request carries an explicit null as contract duration.
        creates: the call is CreateOpportunity.
    """
    if not clears_duration and "ExpectedContractDuration" not in project and "ExpectedContractDuration" in stored:
        project["ExpectedContractDuration"] = stored["ExpectedContractDuration"]
    entries: list[Fields] = project.get("ExpectedCustomerSpend") or []
    duration = project.get("ExpectedContractDuration")
    if duration is None:
        errors = list(_wrong_without_duration(entries))
    else:
        entries = entries if creates else _with_own_entry(entries, stored)
        errors = list(_wrong_with_duration(entries, duration))
    if not errors:
        errors = list(_settle_amounts(entries, stored))
    if not errors and entries:
        project["ExpectedCustomerSpend"] = _with_estimate(entries, duration) if duration else entries
    return errors


def own_entries(entries: list[Fields]) -> list[Fields]:
    """Return the contract value entries."""
    return [entry for entry in entries if entry["TargetCompany"] == "Self"]


def _with_own_entry(entries: list[Fields], stored: Fields) -> list[Fields]:
    """An update that keeps the duration but not the contract value gets the stored one back."""
    if own_entries(entries):
        return entries
    return [*entries, *own_entries(stored.get("ExpectedCustomerSpend") or [])]


def _wrong_without_duration(entries: list[Fields]) -> Iterator[FieldError]:
    if own_entries(entries):
        yield FieldError("INVALID_VALUE", DURATION, "ExpectedContractDuration is required with TargetCompany Self")
        return
    for entry in entries:
        entry["TargetCompany"] = "AWS"
        if entry["Frequency"] != "Monthly":
            yield FieldError("INVALID_VALUE", f"{SPEND}.frequency", "Frequency must be Monthly for TargetCompany AWS")


def _wrong_with_duration(entries: list[Fields], duration: Fields) -> Iterator[FieldError]:
    own = own_entries(entries)
    if not _MONTHS.fullmatch(duration["Value"]) or int(duration["Value"]) > 144:
        yield FieldError(
            "INVALID_VALUE", f"{DURATION}.value", "ExpectedContractDuration must be between 1 and 144 months"
        )
    if not own:
        yield FieldError("INVALID_VALUE", SPEND, "ExpectedContractDuration needs an entry with TargetCompany Self")
    if len(own) > 1:
        yield FieldError("INVALID_VALUE", SPEND, "Only one entry with TargetCompany Self is allowed")
    if any(entry["TargetCompany"] not in ("AWS", "Self") for entry in entries):
        yield FieldError("INVALID_VALUE", f"{SPEND}.targetCompany", "TargetCompany must be AWS or Self")
    if len({entry["CurrencyCode"] for entry in entries}) > 1:
        yield FieldError("INVALID_VALUE", f"{SPEND}.currencyCode", "All entries must have the same CurrencyCode")
    if any("EstimationUrl" in entry for entry in entries):
        yield FieldError(
            "INVALID_VALUE", f"{SPEND}.estimationUrl", "EstimationUrl is not allowed with a contract value"
        )
    for entry in entries:
        if entry["Frequency"] != ("None" if entry["TargetCompany"] == "Self" else "Monthly"):
            yield FieldError("INVALID_VALUE", f"{SPEND}.frequency", "Frequency must be None for Self, Monthly for AWS")


def _settle_amounts(entries: list[Fields], stored: Fields) -> Iterator[FieldError]:
    known = [(entry.get("Amount"), entry.get("EstimationUrl")) for entry in stored.get("ExpectedCustomerSpend") or []]
    for number, entry in enumerate(entries, 1):
        field = f"{SPEND}.{number}.member.amount"
        amount, url = entry.get("Amount"), entry.get("EstimationUrl")
        if url and not amount:
            amount = estimate_of(url)
            if amount is None:
                yield FieldError("INVALID_VALUE", f"{SPEND}.estimationUrl", "EstimationUrl has no estimate")
                continue
            entry["Amount"] = amount
        elif url and (amount, url) not in known and not _same_amount(estimate_of(url), amount):
            del entry["EstimationUrl"]
        if not amount:
            yield FieldError("REQUIRED_FIELD_MISSING", field, "Field Project.ExpectedCustomerSpend.Amount is required.")
        elif Decimal(amount) <= 0:
            yield FieldError("INVALID_VALUE", field, "Amount must be greater than 0")


def _same_amount(one: str | None, other: Any) -> bool:
    return one is not None and Decimal(one) == Decimal(other)


def _with_estimate(entries: list[Fields], duration: Fields) -> list[Fields]:
    """Return the contract value after AWS's own monthly estimate, which is made from it."""
    own = own_entries(entries)[0]
    # Amounts have up to 31 digits before the point, more than decimals carry by default.
    with localcontext(prec=40):
        monthly = (Decimal(own["Amount"]) / int(duration["Value"])).quantize(_CENT)
    estimate = {
        "Amount": str(max(monthly, _CENT)),
        "CurrencyCode": own["CurrencyCode"],
        "Frequency": "Monthly",
        "TargetCompany": "AWS",
    }
    return [estimate, own]

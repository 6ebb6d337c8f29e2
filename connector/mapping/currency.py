"""Amounts in an org with several currencies: a record's own currency is never relabelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.ace.record import AceRecord, Value
from connector.errors import Problem
from connector.mapping import model

RECORD_CURRENCY = "CurrencyIsoCode"
"""Salesforce's standard field on every object of an org with several currencies; other orgs do not have it."""
CURRENCY = "project.expectedCustomerSpend.currencyCode"
AMOUNTS = ("expectedMonthlyAwsRevenue", "project.expectedCustomerSpend.self.amount")


def with_record_currency(row: Mapping[str, Any], record: AceRecord) -> dict[str, Value]:
    """Return the record with the row's own currency, where it has amounts and no mapped field names another."""
    own = row.get(RECORD_CURRENCY)
    if own and record.get(CURRENCY) is None and any(record.get(name) is not None for name in AMOUNTS):
        return {**record, CURRENCY: str(own)}
    return dict(record)


def foreign_amounts(
    mapping: model.Mapping, row: Mapping[str, Any], record: AceRecord, changed: set[str]
) -> tuple[Problem, ...]:
    """Return one problem per changed amount of AWS's that is in another currency than the row."""
    own, theirs = row.get(RECORD_CURRENCY), record.get(CURRENCY)
    if not own or not theirs or own == theirs:
        return ()
    return tuple(
        Problem(
            "CURRENCY_DIFFERS",
            name,
            f"{record[name]} {theirs}",
            f"AWS's amount is in {theirs}, the record in {own}.",
            f"Enter the amount in {own}, or map it to a field of a record whose currency is {theirs}.",
        )
        for name in AMOUNTS
        if name in changed and record.get(name) is not None and mapping.field(name) is not None
    )

"""The seller accounts that the sandbox knows, and how fast AWS serves each."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sandbox.partner_central.settings import ACCOUNT_ID, Settings
from connector.sandbox.story import PARTNER, RESELLER

SERVER = "marketplace_catalog"
CATALOG = "AWSMarketplace"
RESELLER_ID = "777788889999"
PER_SECOND = {
    "ListEntities": 10,
    "DescribeEntity": 20,
    "BatchDescribeEntities": 20,  # not published; the action that it needs is DescribeEntity's
    "StartChangeSet": 5,
    "DescribeChangeSet": 10,
}
"""Requests per second and account, as AWS publishes them; 5 for all others."""
OTHERS_PER_SECOND = 5


@dataclass(slots=True)
class SellerAccount:
    """A seller account.

    Attributes:
        number: its 12 digits.
        name: the legal name, as resale authorizations show it.
        access_key_id, secret_access_key: the credentials that its requests must be signed with.
        has_role: whether it has the service-linked role for resale authorizations, without which AWS cannot share one
            with the account or out of it.
    """

    number: str
    name: str
    access_key_id: str
    secret_access_key: str
    has_role: bool = True


def make_accounts(settings: Settings) -> tuple[SellerAccount, ...]:
    """Return the accounts: Partner Central's own, a software vendor, and its channel partner."""
    return (
        SellerAccount(ACCOUNT_ID, PARTNER, settings.access_key_id, settings.secret_access_key),
        SellerAccount(RESELLER_ID, RESELLER, "AKIASANDBOX000000002", "sandbox-reseller-access-key"),
    )

"""Private offers as Salesforce knows them, and how AWS names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from connector.errors import Problem, RecordRejected
from connector.names import PRIVATE_OFFER, PrivateOffer
from connector.sync.engine import Engine
from connector.sync.ports import Row

REGION = "us-east-1"
"""Where the Marketplace catalog is; part of the ARN of each of its entities."""
_OFFER_ID = re.compile(r"offer-[A-Za-z0-9]{1,90}\Z")
_ACCOUNT = re.compile(r"[0-9]{12}")


def offer_arn(row: Row) -> str:
    """Return the ARN of a private offer's row.

    Raises:
        RecordRejected: AWS has no offer for it yet, or the row does not name the seller account.
    """
    offer_id = str(row.get(PrivateOffer.OFFER_ID) or "")
    if not offer_id:
        problem = Problem(
            "OFFER_NOT_AT_AWS",
            PrivateOffer.OFFER_ID,
            "",
            f"The private offer {row.get('Name') or row.get('Id')} does not exist at AWS yet: it has no offer id.",
            "Publish the offer, or import the offers, and ask again.",
        )
        raise RecordRejected((problem,))
    if offer_id.startswith("arn:"):
        return offer_id
    account = _seller(row)
    if not account:
        problem = Problem(
            "SELLER_UNKNOWN",
            PrivateOffer.ACCOUNT,
            offer_id,
            "The private offer names no AWS account, which is part of the offer's name at AWS.",
            "Fill AWS Account on the private offer.",
        )
        raise RecordRejected((problem,))
    return f"arn:aws:aws-marketplace:{REGION}:{account}:AWSMarketplace/Offer/{offer_id}"


def private_offer(engine: Engine, row_id: str) -> Row:
    """Return a private offer's row by its Salesforce id.

    Raises:
        RecordRejected: it does not exist any more, or is not visible.
    """
    found = list(engine.salesforce.query(_query(f"Id = '{row_id}'")))
    if not found:
        problem = Problem(
            "OFFER_NOT_VISIBLE",
            "",
            row_id,
            "The private offer was deleted, or the integration user cannot see it.",
            "Choose another offer in Offer ID Look Up.",
        )
        raise RecordRejected((problem,))
    return found[0]


def arns_of_offers(engine: Engine, offer_ids: Iterable[str]) -> Mapping[str, str]:
    """Return the ARNs of those offer ids (``offer-…``) that Salesforce has a row with a seller account for."""
    wanted = sorted({one for one in offer_ids if _OFFER_ID.match(one)})
    if not wanted:
        return {}
    listed = ", ".join(f"'{one}'" for one in wanted)
    rows = engine.salesforce.query(_query(f"{PrivateOffer.OFFER_ID} IN ({listed})"))
    return {str(row[PrivateOffer.OFFER_ID]): offer_arn(row) for row in rows if _seller(row)}


def _query(condition: str) -> str:
    fields = ("Id", "Name", PrivateOffer.OFFER_ID, PrivateOffer.ENTITY_KEY, PrivateOffer.ACCOUNT_NUMBER)
    return f"SELECT {', '.join(fields)} FROM {PRIVATE_OFFER} WHERE {condition}"  # noqa: S608 - our own names and ids


def _seller(row: Row) -> str:
    """Return the seller account's number: of the account that the row refers to, else as its key has it."""
    account = row.get(PrivateOffer.ACCOUNT_REF) or {}
    number = str(account.get(PrivateOffer.NUMBER) or "")
    found = _ACCOUNT.match(number or str(row.get(PrivateOffer.ENTITY_KEY) or ""))
    return found[0] if found else ""

"""Entities of the catalog: whose they are, what they say, and how they are found."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.marketplace.settings import CATALOG

Json = dict[str, Any]
PRODUCT_TYPES = ("SaaSProduct", "AmiProduct", "ContainerProduct")
AUTHORIZATION = "ResaleAuthorization"
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_SECOND = timedelta(seconds=1)


def format_second(moment: datetime) -> str:
    """Return the moment as the catalog's dates are: whole seconds, 20 characters."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def cut_to_second(text: str) -> str:
    """Return a date-time of a document, which may have milliseconds, as summaries show it."""
    return text if len(text) == 20 else text[:19] + "Z"


def find_part(parts: list[Json], kind: str) -> Json:
    """Return the term or rule of that type; empty when there is none."""
    return next((part for part in parts if part.get("Type") == kind), {})


@dataclass(slots=True)
class Entity:
    """One entity.

    Attributes:
        kind: its type, without the version.
        owner: the account that it belongs to.
        document: what DetailsDocument shows.
        revision: counted from 1, one more with each change.
        shared_with: the account that AWS shares it with; empty: none.
    """

    kind: str
    id: str
    owner: str
    document: Json
    modified: datetime
    revision: int = 1
    shared_with: str = ""

    @property
    def arn(self) -> str:
        """The ARN, which names the owner whoever asks."""
        return f"arn:aws:aws-marketplace:us-east-1:{self.owner}:{CATALOG}/{self.kind}/{self.id}"

    def is_seen_by(self, account: str) -> bool:
        """Whether the account may describe it."""
        return account in (self.owner, self.shared_with)

    def change(self, document: Json, now: datetime) -> None:
        """Put a new document in place of the old one, as a new revision."""
        self.document = document
        self.revision += 1
        self.modified = max(now.replace(microsecond=0), self.modified)

    def details(self) -> Json:
        """Return the entity as BatchDescribeEntities shows it."""
        return {
            "EntityType": f"{self.kind}@1.0",
            "EntityIdentifier": f"{self.id}@{self.revision}",
            "EntityArn": self.arn,
            "LastModifiedDate": format_second(self.modified),
            "DetailsDocument": self.document,
        }

    def summary(self) -> Json:
        """Return the entity as ListEntities shows it."""
        own = self.own_summary()
        return {
            "Name": own["Name"] if self.kind == AUTHORIZATION else own["ProductTitle"],
            "EntityType": self.kind,
            "EntityId": self.id,
            "EntityArn": self.arn,
            "LastModifiedDate": format_second(self.modified),
            **({} if self.kind == AUTHORIZATION else {"Visibility": own["Visibility"]}),
            f"{self.kind}Summary": own,
        }

    def own_summary(self) -> Json:
        """Return what the list shows of this type alone."""
        if self.kind == AUTHORIZATION:
            return _summarize_authorization(self.document)
        about = self.document["Description"]
        return {"ProductTitle": about.get("ProductTitle"), "Visibility": about.get("Visibility")}


def _summarize_authorization(document: Json) -> Json:
    rules = document["Rules"]
    partner, availability = find_part(rules, "PartnerTargetingRule"), find_part(rules, "AvailabilityRule")
    ends, taken = availability.get("AvailabilityEndDate"), ("Name", "ProductId", "ProductName", "Status")
    shown = {
        **{name: document.get(name) for name in (*taken, "ManufacturerAccountId", "ManufacturerLegalName")},
        "ResellerAccountID": partner.get("ResellerAccountId"),
        "ResellerLegalName": partner.get("ResellerLegalName"),
        "OfferExtendedStatus": document.get("OfferDetails", {}).get("OfferExtendedStatus"),
        "CreatedDate": cut_to_second(document["CreatedDate"]),
        "AvailabilityEndDate": cut_to_second(ends) if ends else None,
        "ResellerRole": "ChannelPartner",
        "IssuerAccountId": document.get("ManufacturerAccountId"),
    }
    return {name: value for name, value in shown.items() if value is not None}


class Numbers:
    """New ids; the same ones in the same order in every sandbox."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def make_id(self, prefix: str) -> str:
        """Return the prefix and 13 letters and digits."""
        digest = hashlib.sha256(f"{prefix}{next(self._numbers)}".encode()).digest()
        number = int.from_bytes(digest[:12], "big")
        return prefix + "".join(_ALPHABET[number // 36**place % 36] for place in range(13))

    def make_legacy_id(self) -> str:
        """Return an id as older entities have it, a UUID."""
        return str(uuid.UUID(bytes=hashlib.sha256(f"legacy{next(self._numbers)}".encode()).digest()[:16]))


def days_after(now: datetime, days: int) -> datetime:
    """Return the last second of the day so many days on."""
    return (now + timedelta(days=days + 1)).replace(hour=0, minute=0, second=0, microsecond=0) - _SECOND

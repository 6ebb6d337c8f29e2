"""What the catalog holds, and what sellers and AWS do to it without the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.marketplace.authorizations import (
    check_authorization,
    check_change,
    complete_authorization,
    make_authorization,
    restrict,
)
from connector.sandbox.marketplace.documents import BadOrder, merge
from connector.sandbox.marketplace.entities import AUTHORIZATION, PRODUCT_TYPES, Entity, Json, Numbers, find_part
from connector.sandbox.marketplace.products import check_product, make_product
from connector.sandbox.marketplace.settings import RESELLER_ID, SellerAccount
from connector.sandbox.partner_central.catalog import Clock
from connector.sandbox.partner_central.errors import ValidationError
from connector.sandbox.partner_central.model import ServiceModel

_FIRST_AGE = timedelta(days=30)


class Shelf:
    """The entities of all accounts. Callers hold the service's lock.

    Attributes:
        entities: by id.
    """

    def __init__(self, accounts: Mapping[str, SellerAccount], model: ServiceModel, clock: Clock) -> None:
        self.entities: dict[str, Entity] = {}
        self._accounts, self._model, self._clock = accounts, model, clock
        self._numbers = Numbers()

    def fill(self) -> None:
        """Put in what a new catalog holds: the vendor's three products, the AMI under an id as they were made once,
        and one authorization that is shared with the channel partner.
        """
        vendor = next(iter(self._accounts))
        at = self._clock.now() - _FIRST_AGE
        products = [
            self.create_product(vendor, kind, {}, at + timedelta(days=n)) for n, kind in enumerate(PRODUCT_TYPES)
        ]
        self.create_authorization(vendor, RESELLER_ID, products[0], {}, at + timedelta(days=5))

    def create_product(self, account: str, kind: str, fields: Mapping[str, Any], at: datetime | None = None) -> str:
        """Create a product of the account, ``fields`` over a complete one; return its id.

        Raises:
            BadOrder: unknown account or type, or nothing that the catalog could show.
        """
        self._account(account)
        if kind not in PRODUCT_TYPES:
            raise BadOrder(f"type {kind!r} is unknown; use one of {', '.join(PRODUCT_TYPES)}")
        legacy = kind == "AmiProduct" and at is not None
        identifier = self._numbers.make_legacy_id() if legacy else self._numbers.make_id("prod-")
        document = merge(make_product(kind, identifier), fields)
        return self._add(kind, identifier, account, document, at)

    def change_product(self, identifier: str, fields: Mapping[str, Any]) -> None:
        """Change a product. Raises BadOrder as :meth:`create_product` does, and for an unknown id."""
        entity = self.find(identifier, *PRODUCT_TYPES)
        document = merge(entity.document, fields)
        self._check(entity.kind, document)
        entity.change(document, self._clock.now())

    def create_authorization(
        self, account: str, reseller: str, product: str, fields: Mapping[str, Any], at: datetime | None = None
    ) -> str:
        """Create a resale authorization of the account's product for a reseller; return its id.

        ``fields`` go over a complete, released one. Of an unknown reseller nothing but the number is known.

        Raises:
            BadOrder: unknown account or product, a product in draft, or nothing that the catalog could show.
        """
        seller, sold = self._account(account), self.find(product, *PRODUCT_TYPES)
        if sold.owner != account:
            raise BadOrder(f"product {product} is {sold.owner}'s, not {account}'s")
        if sold.document["Description"]["Visibility"] == "Draft":
            raise BadOrder(f"product {product} is a draft, for which nobody can be authorized")
        known = self._accounts.get(reseller)
        named = (reseller, known.name if known else f"Reseller {reseller}")
        made = make_authorization(product, sold.document, seller, named, at or self._clock.now())
        document = merge(made, fields)
        return self._add(AUTHORIZATION, self._numbers.make_id("resaleauthz-"), account, document, at)

    def change_authorization(self, identifier: str, fields: Mapping[str, Any]) -> None:
        """Change a draft, or what AWS counts of a released authorization.

        Raises:
            BadOrder: unknown id, a released authorization, or nothing that the catalog could show.
        """
        entity = self.find(identifier, AUTHORIZATION)
        document = merge(entity.document, fields)
        self._check(AUTHORIZATION, document)
        check_change(entity.document, document)
        complete_authorization(document)
        entity.change(document, self._clock.now())
        self._share(entity)

    def restrict_authorization(self, identifier: str) -> None:
        """Restrict a released authorization. Raises BadOrder for any other, and for one that has expired."""
        entity = self.find(identifier, AUTHORIZATION)
        now = self._clock.now()
        entity.change(restrict(entity.document, now), now)

    def remove(self, identifier: str) -> None:
        """Take an entity out of the catalog. Raises BadOrder for an unknown id."""
        del self.entities[self.find(identifier).id]

    def find(self, identifier: str, *kinds: str) -> Entity:
        """Return an entity of one of the types. Raises BadOrder when there is none."""
        entity = self.entities.get(identifier)
        if entity is None or (kinds and entity.kind not in kinds):
            raise BadOrder(f"{identifier} is no {' or '.join(kinds) or 'entity'} of the catalog")
        return entity

    def _account(self, number: str) -> SellerAccount:
        if number not in self._accounts:
            raise BadOrder(f"account {number} is none of the sandbox's; use {' or '.join(self._accounts)}")
        return self._accounts[number]

    def _add(self, kind: str, identifier: str, owner: str, document: Json, at: datetime | None) -> str:
        self._check(kind, document)
        if kind == AUTHORIZATION:
            complete_authorization(document)
        modified = (at or self._clock.now()).replace(microsecond=0)
        entity = Entity(kind, identifier, owner, document, modified)
        self.entities[identifier] = entity
        self._share(entity)
        return identifier

    def _check(self, kind: str, document: Json) -> None:
        """Check what the type demands, and that the list could show it."""
        if kind == AUTHORIZATION:
            check_authorization(document)
        else:
            check_product(kind, document)
        try:
            shown = Entity(kind, "", "", document, self._clock.now()).own_summary()
            self._model.check_shape(f"{kind}Summary", shown)
        except ValidationError as error:
            raise BadOrder(str(error)) from error

    def _share(self, entity: Entity) -> None:
        """Share an authorization with its reseller once it is released, if both accounts have the role."""
        if entity.kind != AUTHORIZATION or entity.document["Status"] != "Active" or entity.shared_with:
            return
        reseller = find_part(entity.document["Rules"], "PartnerTargetingRule")["ResellerAccountId"]
        both = [self._accounts.get(number) for number in (entity.owner, reseller)]
        if all(account is not None and account.has_role for account in both):
            entity.shared_with = reseller

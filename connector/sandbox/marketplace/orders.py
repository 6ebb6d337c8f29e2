"""Control orders about AWS Marketplace: what sellers do in its portal, and what AWS does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from connector.sandbox.marketplace.documents import BadOrder
from connector.sandbox.marketplace.entities import AUTHORIZATION, PRODUCT_TYPES
from connector.sandbox.marketplace.errors import REFUSALS, CatalogError
from connector.sandbox.marketplace.service import MarketplaceCatalog
from connector.sandbox.marketplace.settings import RESELLER_ID
from connector.sandbox.orders import BadInput, Json, Order
from connector.sandbox.partner_central.settings import ACCOUNT_ID


class MarketplaceOrders:
    """Carries out orders on the catalog."""

    def __init__(self, service: MarketplaceCatalog) -> None:
        self._service = service
        self.by_path: dict[tuple[str, str], Callable[[Order], Json]] = {
            ("POST", "/marketplace/product"): self.product,
            ("POST", "/marketplace/authorization"): self.authorize,
            ("POST", "/marketplace/restrict"): self.restrict,
            ("POST", "/marketplace/remove"): self.remove,
            ("POST", "/marketplace/role"): self.set_role,
            ("POST", "/marketplace/refuse"): self.refuse,
        }
        self.makers: dict[str, Callable[[int], int]] = {
            **{kind: partial(self._seed_products, kind) for kind in PRODUCT_TYPES},
            AUTHORIZATION: self._seed_authorizations,
        }

    def product(self, order: Order) -> Json:
        """POST /marketplace/product: a seller creates a product, or changes one.

        Members: ``account`` (default: the vendor), ``type`` (SaaSProduct, AmiProduct, ContainerProduct; of a new one),
        ``entity`` (id of one to change), ``fields`` (members of its DetailsDocument, nested or by dotted path, null
        removes; over a complete product or the one there is). Answer: ``{"entity": id}``.
        """
        account, kind = order.take("account", str), order.take("type", str)
        entity, fields = order.take("entity", str), order.take("fields", dict, {})
        order.finish()
        if (kind is None) == (entity is None):
            raise BadInput("give the type of a new product, or the entity to change")
        with self._service.lock:
            if entity is None:
                return {"entity": self._service.shelf.create_product(account or ACCOUNT_ID, kind, fields)}
            self._of(account, entity)
            self._service.shelf.change_product(entity, fields)
        return {"entity": entity}

    def authorize(self, order: Order) -> Json:
        """POST /marketplace/authorization: a seller authorizes a reseller, or changes an authorization.

        Members: ``account`` (default: the vendor), ``reseller`` (12 digits; default: the channel partner), ``product``
        (id; needed for a new one), ``entity`` (id of one to change), ``fields`` (members of its DetailsDocument, as in
        /marketplace/product; the parts of Terms and Rules by their types; over a complete, released one or the one
        there is). Answer: ``{"entity": id}``.

        A released one is shared with the reseller if both accounts have the service-linked role. Nothing of it can be
        changed but ``OfferDetails``.
        """
        account, reseller = order.take("account", str), order.take("reseller", str)
        product, entity = order.take("product", str), order.take("entity", str)
        fields = order.take("fields", dict, {})
        order.finish()
        if (product is None) == (entity is None) or (entity and reseller):
            raise BadInput("give the product of a new authorization and its reseller, or the entity to change")
        shelf = self._service.shelf
        with self._service.lock:
            if entity is None:
                made = shelf.create_authorization(account or ACCOUNT_ID, reseller or RESELLER_ID, product, fields)
                return {"entity": made}
            self._of(account, entity)
            shelf.change_authorization(entity, fields)
        return {"entity": entity}

    def _of(self, account: str | None, entity: str) -> None:
        owner = self._service.shelf.find(entity).owner
        if account not in (None, owner):
            raise BadOrder(f"{entity} is {owner}'s, not {account}'s")

    def restrict(self, order: Order) -> Json:
        """POST /marketplace/restrict: a seller restricts a resale authorization, for good.

        Members: ``authorization`` (id). Answer: {}.
        """
        authorization = order.take("authorization", str, required=True)
        order.finish()
        with self._service.lock:
            self._service.shelf.restrict_authorization(authorization)
        return {}

    def remove(self, order: Order) -> Json:
        """POST /marketplace/remove: an entity disappears from the catalog. Members: ``entity`` (id). Answer: {}."""
        entity = order.take("entity", str, required=True)
        order.finish()
        with self._service.lock:
            self._service.shelf.remove(entity)
        return {}

    def set_role(self, order: Order) -> Json:
        """POST /marketplace/role: an account gets or loses the service-linked role for resale authorizations.

        Members: ``account``, ``exists`` (bool). Answer: {}. Authorizations that were released before stay as they are.
        """
        account, exists = order.take("account", str, required=True), order.take("exists", bool, required=True)
        order.finish()
        if account not in self._service.accounts:
            raise BadInput(f"account {account} is none of the sandbox's; use {' or '.join(self._service.accounts)}")
        with self._service.lock:
            self._service.accounts[account].has_role = exists
        return {}

    def refuse(self, order: Order) -> Json:
        """POST /marketplace/refuse: let coming descriptions of an entity be refused, alone or among others.

        Members: ``entity`` (id, of an entity or of none), ``code`` (AccessDeniedException, InternalServiceException,
        ResourceNotFoundException, ResourceNotSupportedException, ThrottlingException), ``message``, ``times``
        (default 1). Answer: {}.
        """
        entity, code = order.take("entity", str, required=True), order.take("code", str, required=True)
        message, times = order.take("message", str, "A refusal that was asked for."), order.take("times", int, 1)
        order.finish()
        if code not in REFUSALS:
            raise BadInput(f"code {code!r} is unknown; use one of {', '.join(sorted(REFUSALS))}")
        if times < 1:
            raise BadInput(f"times is {times}; use 1 or more")
        self._service.refuse(entity, CatalogError(code, message), times)
        return {}

    def _seed_products(self, kind: str, count: int) -> int:
        with self._service.lock:
            for number in range(1, count + 1):
                fields = {"Description": {"ProductTitle": f"Seeded {kind} {number}"}}
                self._service.shelf.create_product(ACCOUNT_ID, kind, fields)
        return count

    def _seed_authorizations(self, count: int) -> int:
        shelf = self._service.shelf
        with self._service.lock:
            sold = [each.id for each in shelf.entities.values() if each.kind in PRODUCT_TYPES]
            for number in range(1, count + 1):
                product = sold[number % len(sold)] if sold else "a product"
                shelf.create_authorization(ACCOUNT_ID, RESELLER_ID, product, {"Name": f"Seeded{number}"})
        return count

"""The service as a whole: a signed request in, an answer out."""

from __future__ import annotations

import json
import math
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from connector.sandbox.faults import Fault, Faults
from connector.sandbox.marketplace import describing, errors, listing, shelf
from connector.sandbox.marketplace.entities import Entity, Json
from connector.sandbox.marketplace.errors import CatalogError
from connector.sandbox.marketplace.settings import CATALOG, OTHERS_PER_SECOND, PER_SECOND, SERVER, SellerAccount
from connector.sandbox.partner_central import signature
from connector.sandbox.partner_central.catalog import Clock
from connector.sandbox.partner_central.errors import ServiceError
from connector.sandbox.partner_central.model import ServiceModel
from connector.sandbox.partner_central.quotas import Quota
from connector.sandbox.partner_central.service import Answer
from connector.sandbox.recorder import Recorder

SERVICE = "aws-marketplace"
PLAYED = frozenset({"ListEntities", "DescribeEntity", "BatchDescribeEntities"})


class MarketplaceCatalog:
    """The embedded catalog with all its seller accounts. Safe to use from several threads.

    Attributes:
        accounts: the seller accounts by number; the first one is the software vendor.
        shelf: what the catalog holds.
        lock: held while any of it is read or changed.
    """

    def __init__(
        self, accounts: tuple[SellerAccount, ...], scale: float, clock: Clock, faults: Faults, recorder: Recorder
    ) -> None:
        self.accounts = {account.number: account for account in accounts}
        self.model = ServiceModel("marketplace-catalog")
        self.clock = clock
        self.lock = threading.RLock()
        self._routes = self.model.routes
        self._keys = {account.access_key_id: account for account in accounts}
        self._scale, self._faults, self._recorder = scale, faults, recorder
        self.reset()

    def reset(self) -> None:
        """Return to what a new catalog holds, with full quotas."""
        with self.lock:
            self._quotas: dict[tuple[str, str], Quota] = {}
            self._refusals: dict[str, list[CatalogError]] = defaultdict(list)
            for account in self.accounts.values():
                account.has_role = True
            self.shelf = shelf.Shelf(self.accounts, self.model, self.clock)
            self.shelf.fill()

    def refuse(self, entity: str, error: CatalogError, times: int) -> None:
        """Let the next ``times`` descriptions of the entity be refused."""
        with self.lock:
            self._refusals[entity] += [error] * times

    def launch_info(self) -> Json:
        """Return the accounts and their credentials."""
        shown = ("name", "access_key_id", "secret_access_key")
        return {
            "accounts": {
                number: {name: getattr(account, name) for name in shown} for number, account in self.accounts.items()
            }
        }

    def handle(self, asked: signature.Asked, headers: Mapping[str, str], body: bytes) -> tuple[Answer, str]:
        """Answer one HTTP request; header names in lower case. Returns the error's name too, empty when there is none.

        Faults go by ``OPERATION ACCOUNT``.
        """
        try:
            account, operation = self._open(asked, headers, body)
        except (CatalogError, ServiceError) as error:
            return _refused(error)
        fault = self._faults.take(SERVER, f"{operation} {account.number}")
        if fault and fault.kind != "timeout_after":
            return _faulty(fault, account.number, operation)
        answer = self._perform(account.number, operation, asked, body)
        return (Answer(0, b"", silence=fault.silence), "") if fault else answer

    def _open(self, asked: signature.Asked, headers: Mapping[str, str], body: bytes) -> tuple[SellerAccount, str]:
        """Return whose request this is and the operation, if it is signed for this service."""
        key = signature.named_key(headers)
        account = self._keys.get(key) or next(iter(self.accounts.values()))
        signature.verify(
            headers,
            body,
            access_key_id=account.access_key_id,
            secret_access_key=account.secret_access_key,
            service=SERVICE,
            asked=asked,
        )
        operation = self._routes.get((asked.method, asked.path))
        if operation is None:
            raise CatalogError("UnknownOperationException", f"{asked.method} {asked.path} is unknown.", status=404)
        self._recorder.count(SERVER, operation)
        self._recorder.count(f"{SERVER}_accounts", account.number)
        return account, operation

    def _perform(self, account: str, operation: str, asked: signature.Asked, body: bytes) -> tuple[Answer, str]:
        try:
            with self.lock:
                self._quota(account, operation).take(self.clock.now())
                if operation not in PLAYED:
                    raise errors.access_denied(account, operation)
                result = self._dispatch(account, operation, self._read(operation, asked, body))
                return Answer(200, json.dumps(result).encode()), ""
        except (CatalogError, ServiceError) as error:
            told = _refused(error)
            if told[1] == "ThrottlingException":
                self._recorder.count(f"{SERVER}_throttled", operation)
            return told

    def _quota(self, account: str, operation: str) -> Quota:
        if (account, operation) not in self._quotas:
            per_second = PER_SECOND.get(operation, OTHERS_PER_SECOND) * self._scale
            self._quotas[account, operation] = Quota(per_second, math.inf)
        return self._quotas[account, operation]

    def _read(self, operation: str, asked: signature.Asked, body: bytes) -> Any:
        """Return the request, checked against the model."""
        if asked.method == "POST":
            try:
                request = json.loads(body)
            except ValueError as error:
                raise errors.invalid("", f"The request body is no JSON: {error}", "CannotParse") from error
        else:
            names = self.model.query_members(operation)
            request = {names.get(name, name): value for name, value in asked.parameters()}
        self.model.check_request(operation, request)
        return request

    def _dispatch(self, account: str, operation: str, request: Json) -> Json:
        def find(catalog: str, identifier: str) -> Entity:
            return self._find(account, catalog, identifier)

        if operation == "DescribeEntity":
            return describing.describe_entity(find, request)
        if operation == "BatchDescribeEntities":
            return describing.describe_entities(find, request)
        _check_catalog(request["Catalog"])
        return listing.list_entities(self.shelf.entities.values(), account, request)

    def _find(self, account: str, catalog: str, identifier: str) -> Entity:
        _check_catalog(catalog)
        if refusals := self._refusals.get(identifier):
            raise refusals.pop(0)
        entity = self.shelf.entities.get(identifier)
        if entity is None:
            raise errors.not_found(identifier)
        if not entity.is_seen_by(account):
            raise errors.access_denied(account, "DescribeEntity")
        return entity


def _check_catalog(name: str) -> None:
    if name != CATALOG:
        raise CatalogError("ResourceNotFoundException", f"The catalog {name} was not found; there is {CATALOG}.")


def _refused(error: CatalogError | ServiceError) -> tuple[Answer, str]:
    told = error if isinstance(error, CatalogError) else errors.translate(error)
    return Answer(told.status, json.dumps(told.body()).encode()), told.type


def _faulty(fault: Fault, account: str, operation: str) -> tuple[Answer, str]:
    if fault.kind == "timeout_before":
        return Answer(0, b"", silence=fault.silence), ""
    if fault.kind == "expire_session":
        told = "The security token included in the request is expired"
        return _refused(CatalogError("ExpiredTokenException", told, status=403))
    if fault.status == errors.access_denied(account, operation).status:
        return _refused(errors.access_denied(account, operation))
    if fault.status == errors.invalid("", "").status:
        return _refused(errors.invalid("catalog", "A fault that was asked for."))
    name = errors.BY_STATUS.get(fault.status, "ServiceUnavailableException")
    return _refused(CatalogError(name, "A fault that was asked for.", status=fault.status))

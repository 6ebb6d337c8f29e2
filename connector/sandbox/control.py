"""The control server: tests, demos and people make things happen on the sandbox, over JSON.

Every POST takes one JSON object; members that an order does not have are refused, and so is everything else that cannot
be done: status 400 with ``{"error": …}``. See each order for its members and its answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from connector.sandbox.clock import SandboxClock
from connector.sandbox.exchange.bucket import SERVER as S3
from connector.sandbox.exchange.exchange import Exchange
from connector.sandbox.exchange.orders import ExchangeOrders
from connector.sandbox.faults import Faults
from connector.sandbox.marketplace.orders import MarketplaceOrders
from connector.sandbox.marketplace.service import MarketplaceCatalog
from connector.sandbox.marketplace.settings import SERVER as MARKETPLACE
from connector.sandbox.orders import BadInput, Json, Order
from connector.sandbox.partner_central import backstage
from connector.sandbox.partner_central.service import SERVER as PARTNER_CENTRAL
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.recorder import Recorder
from connector.sandbox.salesforce.orders import SalesforceOrders
from connector.sandbox.salesforce.org import Org
from connector.sandbox.seed import make_row
from connector.sandbox.serving import Application, Receive, Scope, Send, answer_json, read_body
from connector.sandbox.sqs import QueueServer

SALESFORCE = "salesforce"
SERVERS = (SALESFORCE, PARTNER_CENTRAL, S3, MARKETPLACE)
ROWS = "ACE_Opportunity__c"
AT_AWS = "PartnerCentralOpportunity"
MAX_SEED = 200_000


class Control:
    """Carries out orders on the sandbox's servers."""

    def __init__(
        self,
        *,
        clock: SandboxClock,
        faults: Faults,
        recorder: Recorder,
        partner_central: PartnerCentral,
        org: Org | None = None,
        queues: QueueServer | None = None,
        exchange: Exchange | None = None,
        marketplace: MarketplaceCatalog | None = None,
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._recorder = recorder
        self._partner_central = partner_central
        self._org = org
        self._queues = queues
        self._exchange = exchange
        self._marketplace = marketplace
        self._orders: dict[tuple[str, str], Callable[[Order], Json]] = {
            ("POST", "/fault"): self.fault,
            ("POST", "/clock"): self.set_clock,
            ("GET", "/clock"): self.show_clock,
            ("POST", "/aws/review"): self.review,
            ("POST", "/aws/edit"): self.edit,
            ("POST", "/aws/create"): self.create,
            ("POST", "/aws/refer"): self.refer,
            ("POST", "/aws/event"): self.announce,
            ("POST", "/seed"): self.seed,
            ("POST", "/reset"): self.reset,
            ("GET", "/requests"): self.requests,
        }
        self._salesforce = None if org is None else SalesforceOrders(org)
        if self._salesforce is not None:
            self._orders |= self._salesforce.by_path
        self._makers: dict[str, Callable[[int], int]] = {ROWS: self._seed_rows, AT_AWS: self._seed_at_aws}
        if marketplace is not None:
            marketplace_orders = MarketplaceOrders(marketplace)
            self._orders |= marketplace_orders.by_path
            self._makers |= marketplace_orders.makers
        if exchange is not None:
            self._orders |= ExchangeOrders(exchange, org).by_path

    def perform(self, method: str, path: str, body: bytes) -> tuple[int, Json]:
        """Carry out one order; return the HTTP status and the answer."""
        handler = self._orders.get((method, path))
        if handler is None:
            known = ", ".join(f"{each} {where}" for each, where in self._orders)
            return 404, {"error": f"{method} {path} is unknown; there are {known}"}
        try:
            order = Order(_parse(body) if method == "POST" else {})
            return 200, handler(order)
        except ValueError as error:
            return 400, {"error": str(error)}

    def fault(self, order: Order) -> Json:
        """POST /fault: let coming requests go wrong.

        Members: ``server`` (salesforce, partner_central, marketplace_catalog, or s3 for the ACE bucket), ``match``
        (expression on the operation's name, in marketplace_catalog with a blank and the account's number behind it;
        empty or missing: every operation), ``kind`` (status, timeout_before, timeout_after,
        expire_session, row_lock, storage_limit), ``status`` (HTTP status of kind status), ``times`` (default 1),
        ``seconds`` (for how long a timeout is silent at most; default 30). Answer: {}.

        Kind storage_limit is Salesforce's alone and goes by rows, not by requests: the next ``times`` rows that
        anybody writes through the API are refused for want of storage, if they are of one of ``objects`` (default: of
        any) and the write is one of ``operations`` (create, update; default: both).
        """
        server = order.take("server", str, required=True)
        match, kind = order.take("match", str, ""), order.take("kind", str, required=True)
        if kind == "storage_limit":
            return self._run_short(server, match, order)
        status, times = order.take("status", int, 0), order.take("times", int, 1)
        seconds = order.take("seconds", (int, float))
        order.finish()
        if server not in SERVERS:
            raise BadInput(f"server {server!r} is unknown; use one of {', '.join(SERVERS)}")
        if server in (PARTNER_CENTRAL, MARKETPLACE) and kind == "row_lock":
            raise BadInput(f"kind row_lock is Salesforce's own; {server} locks no rows")
        if server == S3 and kind in ("row_lock", "expire_session"):
            raise BadInput(f"kind {kind} is nothing that S3 does; use status, timeout_before or timeout_after")
        self._faults.add(server, match, kind, status, times, seconds=seconds)
        return {}

    def _run_short(self, server: str, match: str, order: Order) -> Json:
        if server != SALESFORCE or self._salesforce is None:
            raise BadInput("kind storage_limit is Salesforce's own")
        if match:
            raise BadInput("kind storage_limit goes by objects and operations; leave match out")
        return self._salesforce.run_short(order)

    def set_clock(self, order: Order) -> Json:
        """POST /clock: move the sandbox's time.

        Members: either ``now`` (ISO 8601 with a time zone) or ``advance_seconds`` (number). Answer: as GET /clock.
        """
        now, seconds = order.take("now", str), order.take("advance_seconds", (int, float))
        order.finish()
        if (now is None) == (seconds is None):
            raise BadInput("give either now or advance_seconds")
        if now is not None:
            self._clock.set(_moment(now))
        else:
            self._clock.advance(seconds)
        self._partner_central.deliver()
        return self.show_clock(order)

    def show_clock(self, _order: Order) -> Json:
        """GET /clock: ``{"now": …}``, ISO 8601 in UTC."""
        return {"now": self._clock.now().isoformat().replace("+00:00", "Z")}

    def review(self, order: Order) -> Json:
        """POST /aws/review: AWS takes one step of its review.

        Members: ``opportunity`` (id), ``status`` (In review, Approved, Rejected, Action Required), ``comments``,
        ``reason``. Answer: {}.
        """
        identifier, status = order.take("opportunity", str, required=True), order.take("status", str, required=True)
        comments, reason = order.take("comments", str, ""), order.take("reason", str, "")
        order.finish()
        backstage.review_opportunity(self._partner_central, identifier, status, comments, reason)
        return {}

    def edit(self, order: Order) -> Json:
        """POST /aws/edit: AWS changes an opportunity.

        Members: ``opportunity`` (id), ``fields`` (members of GetOpportunity, nested or by dotted path, null removes;
        below ``Summary`` members of GetAwsOpportunitySummary, which move no date). Answer: {}.
        """
        identifier, fields = order.take("opportunity", str, required=True), order.take("fields", dict, required=True)
        order.finish()
        backstage.edit_opportunity(self._partner_central, identifier, fields)
        return {}

    def create(self, order: Order) -> Json:
        """POST /aws/create: a colleague creates an opportunity in Partner Central.

        Members: ``fields`` (members of CreateOpportunity over a default deal; ``LifeCycle.ReviewStatus``, ``Summary``
        and ``RelatedEntityIdentifiers`` too), ``catalog`` (default AWS). Answer: ``{"opportunity": id}``.
        """
        fields, catalog = order.take("fields", dict, {}), order.take("catalog", str, "AWS")
        order.finish()
        return {"opportunity": backstage.create_opportunity(self._partner_central, fields, catalog)}

    def refer(self, order: Order) -> Json:
        """POST /aws/refer: AWS refers an opportunity.

        Members: as of /aws/create. Answer: ``{"invitation": id, "engagement": id, "opportunity": id}``; the opportunity
        cannot be seen before the invitation is accepted.
        """
        fields, catalog = order.take("fields", dict, {}), order.take("catalog", str, "AWS")
        order.finish()
        return {**backstage.refer_opportunity(self._partner_central, fields, catalog)}

    def announce(self, order: Order) -> Json:
        """POST /aws/event: announce any event on EventBridge.

        Members: ``event`` (the whole envelope), ``times`` (default 1). Answer: {}.
        """
        event, times = order.take("event", dict, required=True), order.take("times", int, 1)
        order.finish()
        for _ in range(times):
            self._partner_central.announce(event)
        return {}

    def seed(self, order: Order) -> Json:
        """POST /seed: insert synthetic records.

        Members: ``objects`` (list of ``ACE_Opportunity__c``: rows in Salesforce, flagged and complete,
        ``PartnerCentralOpportunity``: approved opportunities at AWS, and what the vendor has in AWS Marketplace:
        ``SaaSProduct``, ``AmiProduct``, ``ContainerProduct``, and ``ResaleAuthorization``, which are shared with the
        channel partner), ``count`` (of each, at most 200,000).
        Answer: ``{object: count}``.
        """
        objects, count = order.take("objects", list, required=True), order.take("count", int, required=True)
        order.finish()
        if not 1 <= count <= MAX_SEED:
            raise BadInput(f"count is {count}; use 1 to {MAX_SEED}")
        unknown = [each for each in objects if each not in self._makers]
        if unknown or not objects:
            raise BadInput(f"objects {unknown} cannot be seeded; use {' or '.join(self._makers)}")
        return {each: self._makers[each](count) for each in objects}

    def _seed_rows(self, count: int) -> int:
        if self._org is None:
            raise BadInput("this sandbox has no Salesforce org")
        now = self._clock.now()
        return len(self._org.insert(ROWS, [make_row(number, now) for number in range(1, count + 1)]))

    def _seed_at_aws(self, count: int) -> int:
        return len(backstage.seed_opportunities(self._partner_central, count))

    def reset(self, order: Order) -> Json:
        """POST /reset: back to the first second: no data but what is there at first, no faults, no counts, full quotas,
        real time. Answer: {}.
        """
        order.finish()
        self._faults.clear()
        self._recorder.clear()
        self._clock.reset()
        self._partner_central.reset()
        if self._queues is not None:
            self._queues.purge()
        if self._exchange is not None:
            self._exchange.reset()
        if self._marketplace is not None:
            self._marketplace.reset()
        if self._org is not None:
            self._org.reset()
        return {}

    def requests(self, _order: Order) -> Json:
        """GET /requests: what each server was asked, ``{server: {operation: count}}``.

        Besides the servers: ``partner_central_catalogs`` (by catalog), ``marketplace_catalog_accounts`` (by seller
        account), ``partner_central_throttled`` and ``marketplace_catalog_throttled`` (refused for quota).
        """
        return {**self._recorder.requests()}


def _parse(body: bytes) -> Json:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise BadInput(f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadInput("the body must be a JSON object")
    return value


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"now {text!r} is no ISO 8601 date-time") from error


def create_app(control: Control) -> Application:
    """Return the application that serves ``control`` over HTTP."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            status, value = control.perform(scope["method"], scope["path"], await read_body(receive))
            await answer_json(send, status, value)

    return app

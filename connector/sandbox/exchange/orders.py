"""Control orders about the ACE bucket: what people and clocks do at AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from connector.sandbox.exchange.exchange import Exchange
from connector.sandbox.exchange.settings import PROCESSED_RESULTS, RESULTS, ExchangeSettings
from connector.sandbox.orders import BadInput, Json, Order
from connector.sandbox.partner_central.settings import CATALOGS
from connector.sandbox.salesforce.org import Org

SETTINGS = "ACE_Connector_Settings__c"
_SETTINGS_ROWS = "SELECT Id, SetupOwnerId FROM ACE_Connector_Settings__c"

_CHOICES: dict[str, tuple[Any, ...]] = {
    "results": (PROCESSED_RESULTS, RESULTS),
    "results_folder_of_opportunities": ("opportunity", "lead"),
    "opportunity_version": ("1.0", "2.0"),
    "catalog": CATALOGS,
}


class ExchangeOrders:
    """Carries out orders on the exchange."""

    def __init__(self, exchange: Exchange, org: Org | None = None) -> None:
        self._exchange, self._org = exchange, org
        self.by_path: dict[tuple[str, str], Callable[[Order], Json]] = {
            ("POST", "/exchange/process"): self.process,
            ("POST", "/exchange/export"): self.export,
            ("POST", "/exchange/refer-lead"): self.refer_lead,
            ("POST", "/exchange/edit-lead"): self.edit_lead,
            ("POST", "/exchange/fault"): self.fault,
            ("POST", "/exchange/release"): self.release,
            ("POST", "/exchange/settings"): self.change_settings,
            ("POST", "/exchange/enroll"): self.enroll,
        }

    def process(self, order: Order) -> Json:
        """POST /exchange/process: AWS takes in every file that waits, now. Answer: ``{"results": [key, …]}``."""
        order.finish()
        return {"results": self._exchange.process()}

    def export(self, order: Order) -> Json:
        """POST /exchange/export: AWS exports what is new or changed, now.

        Members: ``everything`` (true: whether or not it is). Answer: ``{"files": [key, …]}``.
        """
        everything = order.take("everything", bool, False)
        order.finish()
        return {"files": self._exchange.export(everything=everything)}

    def refer_lead(self, order: Order) -> Json:
        """POST /exchange/refer-lead: AWS refers a lead.

        Members: ``fields`` (of a lead file, over a default lead; ``apnCrmUniqueIdentifier`` too). Answer:
        ``{"lead": id}``.
        """
        given = order.take("fields", dict, {})
        order.finish()
        return {"lead": self._exchange.refer_lead(given)}

    def edit_lead(self, order: Order) -> Json:
        """POST /exchange/edit-lead: AWS changes a lead.

        Members: ``lead`` (id), ``fields`` (of a lead file; null removes). Answer: {}.
        """
        lead, given = order.take("lead", str, required=True), order.take("fields", dict, required=True)
        order.finish()
        self._exchange.edit_lead(lead, given)
        return {}

    def fault(self, order: Order) -> Json:
        """POST /exchange/fault: let coming files go wrong at AWS.

        Members: ``kind`` (stall: left unread; withhold: taken in, but the result is kept back; file_error: refused as
        a whole; record_error: a record is refused), ``match`` (expression on the file's key, of record_error on the
        record's identifiers; empty or missing: any), ``times`` (default 1), ``errors`` (what the result says; for
        file_error of any shape). Answer: {}. Requests themselves go wrong by ``/fault`` for server s3.
        """
        kind, match = order.take("kind", str, required=True), order.take("match", str, "")
        times, errors = order.take("times", int, 1), order.take("errors", (list, str, dict))
        order.finish()
        if kind == "record_error" and not isinstance(errors, list | None):
            raise BadInput("errors of kind record_error must be a list")
        self._exchange.mishaps.add(kind, match, times, errors)
        return {}

    def release(self, order: Order) -> Json:
        """POST /exchange/release: hand out results that are kept back, take in stalled files.

        Answer: ``{"results": [key, …]}``.
        """
        order.finish()
        return {"results": self._exchange.release()}

    def change_settings(self, order: Order) -> Json:
        """POST /exchange/settings: change how AWS runs the bucket.

        Members: those of ExchangeSettings, each as it is there. Answer: all settings.
        """
        settings = self._exchange.settings
        known = {field.name: getattr(settings, field.name) for field in fields(ExchangeSettings)}
        wanted = {name: order.take(name, type(value), value) for name, value in known.items()}
        order.finish()
        for name, value in wanted.items():
            if value not in _CHOICES.get(name, (value,)):
                raise BadInput(f"{name} is {value!r}; use one of {', '.join(_CHOICES[name])}")
        for name, value in wanted.items():
            setattr(settings, name, value)
        return wanted

    def enroll(self, order: Order) -> Json:
        """POST /exchange/enroll: the org's admin enters bucket, partner id and payload version into the settings.

        Members: ``version`` (1 or 2, default 2). Answer: what was entered.
        """
        version = order.take("version", int, 2)
        order.finish()
        if self._org is None:
            raise BadInput("this sandbox has no Salesforce org")
        entered = {
            "Bucket_Name__c": self._exchange.bucket.name,
            "Partner_Id__c": self._exchange.settings.partner_id,
            "Payload_Version__c": version,
        }
        admin, owner = self._org.user("admin"), self._org.org_id
        found = [row for row in self._org.rows(_SETTINGS_ROWS) if row["SetupOwnerId"] == owner]
        if found:
            self._org.update(SETTINGS, found[0]["Id"], entered, admin)
        else:
            self._org.insert(SETTINGS, [{"SetupOwnerId": owner, **entered}], admin)
        return entered

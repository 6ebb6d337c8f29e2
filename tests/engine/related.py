"""A world whose mapping keeps the customer's city and street on the account that a record refers to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from engine.fields import LOOKUP, read, write
from engine.salesforce import MemorySalesforce, Written
from engine.turns import share
from engine.world import World

from connector.errors import Problem, RecordRejected
from connector.mapping.model import FieldMapping
from connector.names import SYNC_LOG_DETAIL, Detail

CITY_PATH, STREET_PATH = "Customer.Account.Address.City", "Customer.Account.Address.StreetAddress"
CITY, STREET = "Account__r.BillingCity", "Account__r.BillingStreet"
ENTRIES = (FieldMapping("city", CITY, True), FieldMapping("streetAddress", STREET, True))


class RelatedWorld(World):
    """A world whose mapping keeps the customer's city and street on the account."""

    entries = ENTRIES

    def _start(self) -> None:
        super()._start()
        for entry in self.entries:
            self.engine.mapping = self.engine.mapping.with_field(entry)

    def at_aws(self, apn_id: str, **changes: Any) -> None:
        """Let a colleague change city and street in Partner Central."""

        def change(answer: dict[str, Any]) -> None:
            for name, value in changes.items():
                write(answer, CITY_PATH if name == "city" else STREET_PATH, value)

        self.partner_central.colleague_edits(apn_id, change)

    def city_at_aws(self, apn_id: str) -> Any:
        return read(self.partner_central.opportunities[apn_id], CITY_PATH)

    def only(self, *jobs: str, seconds: float = 30) -> None:
        """Let only these jobs have their turn."""
        self.clock.advance(timedelta(seconds=seconds))
        for job in jobs:
            self.schedule(job)
            self.execute(100)

    def details(self, record_id: str, code: str) -> list[dict[str, Any]]:
        rows = self.salesforce.all(SYNC_LOG_DETAIL)
        return [row for row in rows if row[Detail.RECORD_ID] == record_id and row.get(Detail.ERROR_CODE) == code]


def shared(world: RelatedWorld, account: str | None) -> tuple[str, str]:
    return share(world, **{LOOKUP: account})


def refusing(monkeypatch: pytest.MonkeyPatch, record_id: str) -> None:
    """Let Salesforce refuse whatever is written to the record, as a validation rule does."""
    update = MemorySalesforce._update

    def refuse(self: MemorySalesforce, object_name: str, values: dict[str, Any], unless_after: Any) -> Written:
        if values["Id"] != record_id:
            return update(self, object_name, values, unless_after)
        problem = Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "", "", "No customers in Hamburg.", "Correct it.")
        return Written(record_id, error=RecordRejected((problem,)))

    monkeypatch.setattr(MemorySalesforce, "_update", refuse)

"""The leads that AWS refers: they live here alone, as the Selling API's leads are another thing."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

from connector.sandbox.exchange.checks import Judged, Record, check_form, check_locks, check_masked
from connector.sandbox.exchange.conversion import stamp_text
from connector.sandbox.exchange.definitions import (
    AWS_KEY,
    LEAD_FIELDS,
    LEAD_KEY,
    LEAD_SPELLINGS,
    MASKED_LEAD,
    PARTNER_KEY,
)
from connector.sandbox.partner_central.catalog import Clock
from connector.sandbox.partner_central.settings import Settings
from connector.sandbox.partner_central.wire import format_timestamp

UNCHANGED = "No new update identified for this record"
FIRST_NUMBER = 1_000_001
_INBOUND_ONLY = ("firstName", "lastName")
DEFAULT: Record = {
    "status": "Open",
    "firstName": "Ines",
    "lastName": "Castell",
    "company": "Harbour Analytics Ltd",
    "title": "Head of Data",
    "email": "ines.castell@harbour.example",
    "phone": "2065550142",
    "website": "https://harbour.example",
    "streetAddress": "12 Quay Street",
    "city": "Seattle",
    "state": "Washington",
    "postalCode": "98101",
    "country": "United States",
    "industry": "Software & Internet",
    "segmentCompanySize": "100-500",
    "useCaseWorkload": "Big Data;Content Delivery",
    "projectDescription": "Wants to move its reporting to AWS and looks for a partner.",
    "campaignName": "Data on AWS 2026",
    "campaignMemberStatus": "Attended",
    "leadSource": "Accelerator Application",
    "levelofAWSUsage": "Evaluating",
}


class Leads:
    """AWS's leads for the partner. Callers hold the service's lock."""

    def __init__(self, account: Settings, clock: Clock) -> None:
        self._account, self._clock = account, clock
        self._numbers = itertools.count(FIRST_NUMBER)
        self._leads: dict[str, Record] = {}
        self._created: dict[str, datetime] = {}

    def forget(self) -> None:
        """Forget all leads."""
        self._leads.clear()
        self._created.clear()
        self._numbers = itertools.count(FIRST_NUMBER)

    def refer(self, fields: Record) -> str:
        """Refer a lead: what ``fields`` leaves out comes from a default one. Return its identifier.

        Raises:
            ValueError: a field is unknown, or its value none that AWS could send.
        """
        fields = dict(fields)
        identifier = fields.pop(AWS_KEY, None) or f"L{next(self._numbers)}"
        if identifier in self._leads:
            raise ValueError(f"lead {identifier} is there already")
        self._check(fields)
        owner = self._account.users[0]
        record = {**DEFAULT, "leadOwnerName": f"{owner.first_name} {owner.last_name}", "leadOwnerEmail": owner.email}
        self._created[identifier] = self._clock.now()
        self._leads[identifier] = {**record, **fields, AWS_KEY: identifier, "createdBy": "AWS"}
        self._touch(identifier, "AWS")
        return str(identifier)

    def edit(self, identifier: str, fields: Record) -> None:
        """Change a lead from AWS's side. Raises ValueError for an unknown lead, field or value."""
        if identifier not in self._leads:
            raise ValueError(f"there is no lead {identifier}")
        self._check(fields)
        self._leads[identifier] |= fields
        self._touch(identifier, "AWS")

    def _check(self, fields: Record) -> None:
        judged = Judged(fields, None, LEAD_FIELDS)
        check_form(judged)
        if judged.errors:
            raise ValueError("; ".join(judged.errors))

    def _touch(self, identifier: str, by: str) -> None:
        now = stamp_text(format_timestamp(self._clock.now()))
        created = stamp_text(format_timestamp(self._created[identifier]))
        self._leads[identifier] |= {"createdDate": created, "lastModifiedDate": now, "lastModifiedBy": by}

    def shown(self, identifier: str) -> Record:
        """Return a lead as AWS exports it: masked until it is accepted, the name in one piece."""
        lead = self._leads[identifier]
        names = " ".join(filter(None, (lead.get("firstName"), lead.get("lastName"))))
        record: dict[str, Any] = dict.fromkeys(LEAD_FIELDS) | lead
        record |= {"fullName": names or None, "leadAge": float((self._clock.now() - self._created[identifier]).days)}
        if lead.get("currentLeadStage") != "Accepted":
            record |= MASKED_LEAD
        return {name: value for name, value in record.items() if name not in _INBOUND_ONLY}

    def export(self, _version: str = "") -> list[Record]:
        """Return all leads that the partner did not turn down."""
        kept = (each for each, lead in self._leads.items() if lead.get("currentLeadStage") != "Rejected")
        return [self.shown(each) for each in kept]

    def receive(self, given: Record, _version: str) -> tuple[str | None, list[str]]:
        """Take one record of a file; return its AWS identifier, if there is one, and what is wrong with it."""
        given = {LEAD_SPELLINGS.get(name, name): value for name, value in given.items()}
        key = given.get(AWS_KEY)
        lead = self._leads.get(key) if isinstance(key, str) else None
        if not key:
            return None, [f"{AWS_KEY}: Required field is missing; partners cannot submit leads of their own."]
        if lead is None:
            return str(key), [f"{AWS_KEY}: Lead {key} was not found."]
        judged = Judged(given, lead, LEAD_FIELDS)
        self._judge(judged)
        self._check_key(judged, str(key))
        if not judged.errors:
            lead |= {name: given[name] for name in judged.changed}
            self._touch(str(key), "Partner")
        return str(key), judged.errors

    def _judge(self, judged: Judged) -> None:
        lead = judged.stored or {}
        if lead.get("currentLeadStage") != "Accepted":
            for name in [each for each, value in judged.given.items() if value == MASKED_LEAD.get(each, judged)]:
                judged.after[name] = lead.get(name)
                del judged.given[name]
        check_form(judged)
        for name in ("status", LEAD_KEY):
            judged.require(name)
        if judged.errors:
            return
        if not judged.changed:
            judged.errors.append(UNCHANGED)
        self._check_stage(judged, lead.get("currentLeadStage"))
        owner = judged.given.get("leadOwnerEmail")
        if owner and self._account.user(owner) is None:
            judged.errors.append(f"User not found for Lead Owner email:{owner}")

    def _check_key(self, judged: Judged, key: str) -> None:
        partner = judged.given.get(LEAD_KEY)
        others = {each: lead.get(LEAD_KEY) for each, lead in self._leads.items() if each != key}
        taken = [each for each, named in others.items() if partner and named == partner]
        if taken:
            judged.fail(LEAD_KEY, f"{partner} belongs to lead {taken[0]}.")

    def _check_stage(self, judged: Judged, stage: str | None) -> None:
        if stage == "Rejected":
            judged.fail("currentLeadStage", "Lead is not editable as it was rejected.")
        elif stage == "Accepted":
            check_locks(judged, "u", "of an accepted lead")
        elif judged.given.get("currentLeadStage") is None:
            judged.fail("currentLeadStage", "Required field is missing until the lead is accepted or rejected.")
        else:
            check_locks(judged, "ud", "by partners")
            check_masked(judged, MASKED_LEAD, "currentLeadStage")


def keys_of(record: Record) -> tuple[Any, Any]:
    """Return the partner's and AWS's identifier of any record, however the partner's is spelt."""
    names = (PARTNER_KEY, LEAD_KEY, "partnerCrmOpportunityId", "PartnerCrmUniqueIdentifier")
    return next((record[name] for name in names if record.get(name)), None), record.get(AWS_KEY)

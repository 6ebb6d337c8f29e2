"""AWS's rules for updates of leads in the ACE bucket (MAP-58, LEAD-09).

AWS refers leads and partners update them; partners share no leads of their own (LEAD-02).
"""

from __future__ import annotations

from collections.abc import Iterator

from connector.ace.catalogue import Moment, lead_fields
from connector.ace.file_fields import APN_ID, PARTNER_ID, Sent, Version, file_fields
from connector.ace.formats import check, problem
from connector.ace.record import AceRecord
from connector.errors import Problem

_PARTNER_ID = PARTNER_ID["lead"]


def problems(
    record: AceRecord, *, version: Version, partner_id: str, apn_id: str | None, before: AceRecord | None = None
) -> tuple[Problem, ...]:
    """Return everything that AWS would refuse in a lead's update, in the order of the catalogue.

    Args:
        record: what is to go out: the whole lead, or the changed fields only.
        version: of the payload.
        partner_id: 18-character id of the Salesforce record.
        apn_id: AWS's id of the lead. Without it the lead is the partner's own, which is never sent.
        before: the lead as AWS last exported it, of which missing fields are taken; only what the record makes worse
            counts then.
    """
    if not apn_id:
        return (_own_lead(),)
    identifiers: AceRecord = {_PARTNER_ID: partner_id or None, APN_ID: apn_id}
    known = {**(before or {}), **identifiers}
    found = tuple(_all_problems({**known, **record, **identifiers}, version))
    old = set(_all_problems(known, version)) if before is not None else set[Problem]()
    return tuple(trouble for trouble in found if trouble not in old)


def _all_problems(record: AceRecord, version: Version) -> Iterator[Problem]:
    for name, field in file_fields("lead", version).items():
        if field.sent is Sent.NEVER:
            continue
        value = record.get(name)
        yield from check(field.ace, value)
        if value is None and any(need.moment is Moment.UPDATE for need in field.ace.required):
            rule = f"{field.ace.label} is required in every update of a lead."
            yield problem(
                field.ace,
                "REQUIRED_FIELD_MISSING",
                None,
                rule,
                "Fill in the field, or map a Salesforce field to it.",
            )


def _own_lead() -> Problem:
    rule = "AWS takes updates of leads that it referred, and no leads of partners; this one has no identifier of AWS."
    remedy = "Take the lead out of the sync; once it is an opportunity, share that."
    return problem(lead_fields()[APN_ID], "NOT_SHAREABLE", None, rule, remedy)

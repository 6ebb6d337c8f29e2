"""The canonical record as a record of a partner's file: opportunities in either version of the payload, and leads.

A key that the canonical record lacks stays out, so that AWS keeps what it has. A value known to be empty goes as
``null``, which deletes it at AWS (OUT-09), unless AWS keeps a value of its own there anyway. What the record has and
the file cannot carry is told beside it, so that nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.ace.file_fields import (
    APN_ID,
    DECISION,
    PARTNER_ID,
    REASON,
    FileField,
    RecordType,
    Sent,
    Version,
    file_fields,
)
from connector.ace.file_json import Entry, FileValue
from connector.ace.file_values import is_masked, to_file
from connector.ace.record import AceRecord, Value
from connector.ace.text import outgoing, unescaped

OTHER_SOLUTION = "Other"
"""What the bucket takes in place of a solution's id where the partner describes the solution in words."""
NO_POSTAL_CODE = "99999"
"""AWS's placeholder for the postal code of a country that has none."""
_SOLUTIONS, _DESCRIPTION, _POSTAL_CODE = "solutionOffered", "otherSolutionOffered", "postalCode"


class LeftOut(StrEnum):
    """Why a value of the record is not in the file."""

    NOT_IN_VERSION = "not_in_version"
    """The version of the payload has no such field (MAP-50, MAP-51)."""
    AFTER_CREATION = "after_creation"
    """AWS takes it in an update once it has given the opportunity its id."""
    MASKED = "masked"
    """The value is the label behind which AWS hides the real one; sent back it would cover it."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A record of a partner's file.

    Attributes:
        partner_id: the partner's identifier in it.
        entry: the record as the file has it.
        left_out: values of the canonical record that the file does not carry, with the reason, by ACE name. AWS's own
            fields, and those that no file has in any version, are not among them.
    """

    partner_id: str
    entry: Entry
    left_out: Mapping[str, LeftOut]


def opportunity_entry(record: AceRecord, *, partner_id: str, apn_id: str | None = None, version: Version) -> FileRecord:
    """Return the opportunity as the bucket's file carries it.

    Args:
        record: what is to go out: the whole record, or the changed fields only. It should have passed the rules.
        partner_id: 18-character id of the Salesforce record, which names it for ever (OUT-04). ValueError when empty.
        apn_id: AWS's id, where it is known. Without it the file asks AWS to create the opportunity, unless AWS knows
            the partner's id already.
        version: of the payload.
    """
    known = _with_solution(_kept(record, version), creates=apn_id is None)
    return _file_record("opportunity", known, partner_id, apn_id, version)


def lead_entry(record: AceRecord, *, partner_id: str, apn_id: str, version: Version) -> FileRecord:
    """Return the update of a lead as the bucket's file carries it. Arguments as for an opportunity.

    ValueError without AWS's id, too: partners do not share leads of their own with AWS (LEAD-02).
    """
    if not apn_id:
        raise ValueError("a lead without AWS's id is never sent")
    known = {name: _tidy(value) for name, value in record.items()}
    return _file_record("lead", known, partner_id, apn_id, version)


def decision_entry(
    decision: str, *, reason: str | None = None, partner_id: str, apn_id: str, version: Version
) -> FileRecord:
    """Return the answer to an AWS referral: the decision and the identifiers, nothing else (OUT-34).

    Args:
        decision: ``Accepted`` or ``Rejected``.
        reason: why it is rejected, in the catalogue's spelling; only version 2.0 carries it.
        partner_id, apn_id, version: as for an opportunity.
    """
    fields = file_fields("opportunity", version)
    entry = _identifiers("opportunity", partner_id, apn_id)
    entry[DECISION] = to_file(fields[DECISION].ace, decision)
    if reason is None:
        return FileRecord(partner_id, entry, {})
    if REASON not in fields:
        return FileRecord(partner_id, entry, {REASON: LeftOut.NOT_IN_VERSION})
    entry[REASON] = to_file(fields[REASON].ace, reason)
    return FileRecord(partner_id, entry, {})


def _file_record(
    record_type: RecordType, record: AceRecord, partner_id: str, apn_id: str | None, version: Version
) -> FileRecord:
    fields, later = file_fields(record_type, version), file_fields(record_type, Version.V2)
    earlier = file_fields(record_type, Version.V1)
    entry, left_out = _identifiers(record_type, partner_id, apn_id), dict[str, LeftOut]()
    for name, value in record.items():
        field = fields.get(name)
        if field is None:
            other = later.get(name) or earlier.get(name)
            if other and other.sent not in (Sent.NEVER, Sent.DECISION) and value is not None:
                left_out[name] = LeftOut.NOT_IN_VERSION
        elif field.sent not in (Sent.ALWAYS, Sent.AFTER_CREATION) or (value is None and field.ace.never_empty):
            continue
        elif reason := _obstacle(field, value, creates=apn_id is None):
            if value is not None:
                left_out[name] = reason
        else:
            entry[field.written_as] = to_file(field.ace, value)
    return FileRecord(partner_id, entry, left_out)


def _identifiers(record_type: RecordType, partner_id: str, apn_id: str | None) -> dict[str, FileValue]:
    if not partner_id:
        raise ValueError("a record without the partner's id would become another one at AWS")
    found: dict[str, FileValue] = {PARTNER_ID[record_type]: partner_id}
    return found | ({APN_ID: apn_id} if apn_id else {})


def _obstacle(field: FileField, value: Value, *, creates: bool) -> LeftOut | None:
    if is_masked(value):
        return LeftOut.MASKED
    if creates and field.sent is Sent.AFTER_CREATION and value not in field.creation_values:
        return LeftOut.AFTER_CREATION
    return None


def _kept(record: AceRecord, version: Version) -> dict[str, Value]:
    """Return the record as AWS keeps it; version 1.0 still takes the placeholder of countries without postal codes."""
    known = outgoing(record)
    if version is Version.V1 and record.get(_POSTAL_CODE) == NO_POSTAL_CODE:
        known[_POSTAL_CODE] = NO_POSTAL_CODE
    return known


def _with_solution(record: dict[str, Value], *, creates: bool) -> dict[str, Value]:
    """Return the record with ``Other`` as solution where it has a description only, as AWS's definitions ask.

    In an update a record that says nothing of its solutions leaves them as they are.
    """
    described = record.get(_DESCRIPTION) is not None and not record.get(_SOLUTIONS)
    if described and (creates or _SOLUTIONS in record):
        return record | {_SOLUTIONS: (OTHER_SOLUTION,)}
    return record


def _tidy(value: Value) -> Value:
    match value:
        case str():
            return str(unescaped(value)) or None
        case tuple():
            return tuple(dict.fromkeys(part for part in value if part)) or None
        case _:
            return value

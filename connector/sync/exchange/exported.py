"""One record of a file of AWS as the flows towards Salesforce take it, be it from the API or from a file."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from connector.ace.catalogue import Owner
from connector.ace.export_shape import ExportedRecord, read_entry
from connector.ace.file_fields import APN_ID, RecordType, list_key, readable_fields
from connector.ace.file_json import FileValue, excerpt
from connector.ace.file_values import to_file
from connector.ace.record import Value
from connector.eligibility.formula import case_safe_id
from connector.errors import Problem, RecordRejected
from connector.store.codec import load
from connector.store.downloads import Arrived
from connector.store.links import Link
from connector.sync.adoption import UNKNOWN, is_apn_id
from connector.sync.arrival import Arrival
from connector.sync.corrections import corrected
from connector.sync.engine import Engine
from connector.sync.exchange.last_words import printable
from connector.sync.ports import Json, Row

STATUS, STAGE, _MODIFIED = "status", "stage", "lastModifiedDate"
_DATES = {_MODIFIED: "LastModifiedDate", "createdDate": "CreatedDate"}
_SHORT_ID = re.compile(r"[A-Za-z0-9]{15}", re.ASCII)
_EXAMPLE = {"opportunity": "O1234567", "lead": "L1234567"}


def read_arrived(arrived: Arrived) -> ExportedRecord:
    """Return the record of a file from what the state keeps of it. What is wrong with it is in its problems."""
    record_type: RecordType = "lead" if arrived.record_type == "lead" else "opportunity"
    return read_entry(load(arrived.payload), record_type, f"{list_key(record_type)}[{arrived.position}]")


def arrival_of(engine: Engine, exported: ExportedRecord, *, again: bool = False) -> Arrival:
    """Return what AWS says of the record, with what people corrected of it.

    Args:
        engine: that of the record's type.
        exported: the record.
        again: it was told in the log of its file already.

    Raises:
        RecordRejected: it bears no identifier of AWS for records of its type (FAQ-05), or a value cannot be read.
    """
    record, problems = _mended(engine, exported)
    if exported.apn_id and not is_apn_id(engine, exported.apn_id):
        problems = (_foreign_identifier(engine, exported), *problems)
    if problems:
        raise RecordRejected(problems)
    record, note = corrected(engine, exported.apn_id, record)
    payload = printable(exported.payload)
    return Arrival(_answer(engine, exported), {}, record, note, by_file=True, payload=payload, again=again)


def known_arrival(engine: Engine, link: Link) -> Arrival | None:
    """Return what the link knows of AWS's record where no file told of it; None where it knows nothing."""
    told: dict[str, Value] = {**(link.applied or {}), **(link.pending_applied or {})}
    known = {name: value for name, value in told.items() if value != UNKNOWN}
    if not known:
        return None
    record, note = corrected(engine, link.apn_id or "", known)
    date = {"LastModifiedDate": link.aws_modified} if link.aws_modified else {}
    return Arrival({"Id": link.apn_id, **date}, {}, record, note, by_file=True, again=True)


def _mended(engine: Engine, exported: ExportedRecord) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Return the record, and what is wrong with it. An unreadable value that a person corrected has no value here, so
    that the corrected one takes its place.
    """
    record = dict(exported.record)
    in_place = {one.ace_field for one in engine.state.corrections.of(exported.apn_id)} if exported.apn_id else set()
    mended = {problem.field for problem in exported.problems if problem.field in in_place}
    record |= {name: None for name in mended if name not in record}
    return record, tuple(problem for problem in exported.problems if problem.field not in mended)


def _answer(engine: Engine, exported: ExportedRecord) -> Json:
    """Return what every flow asks of AWS's answer, as the API would have it."""
    record = exported.record
    life = {STATUS: "ReviewStatus", STAGE: "Stage"} if engine.record_type == "opportunity" else {}
    dates = {member: _text(record[name]) for name, member in _DATES.items() if record.get(name)}
    return {
        "Id": exported.apn_id,
        "PartnerOpportunityIdentifier": _full(engine, exported.partner_id) or None,
        **dates,
        "LifeCycle": {member: record[name] for name, member in life.items() if name in record},
    }


def _full(engine: Engine, partner_id: str) -> str:
    """Return the identifier; a record id as people copy it from reports, of 15 characters, in full."""
    short = _SHORT_ID.fullmatch(partner_id) and partner_id.startswith(engine.describe().key_prefix or "\0")
    return case_safe_id(partner_id) if short else partner_id


def _text(value: Value) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def is_older(known: str, arrival: Arrival) -> bool:
    """Whether AWS changed its record since, and Salesforce was brought to that, of ``known``, already (IN-21)."""
    told: str = arrival.answer.get("LastModifiedDate") or ""
    return bool(told) and _moment(told) < _moment(known)


def written_down(engine: Engine, row: Row) -> str | None:
    """Return when AWS changed what the record was last brought to, where a field of the record is mapped to that."""
    field = engine.mapping.field(_MODIFIED)
    text = row.get(field.path) if field is not None and not field.related else None
    return text if isinstance(text, str) and "T" in text else None


def is_outdated(engine: Engine, link: Link, arrival: Arrival) -> bool:
    """Whether AWS wrote it down before it had the last file of ours that it took."""
    told: str = arrival.answer.get("LastModifiedDate") or ""
    sent = engine.state.uploads.last_sent(link.record_id)
    return bool(told) and sent is not None and _moment(told) < sent


def without_ours(engine: Engine, arrival: Arrival) -> Arrival:
    """Return what arrived without the partner's own values. Of an outdated record they are from before our file; AWS
    exports the record anew since then.
    """
    ours = _ours(engine)
    return replace(arrival, record={name: value for name, value in arrival.record.items() if name not in ours})


def ours_at_aws(engine: Engine, link: Link) -> dict[str, FileValue]:
    """Return the partner's own values as AWS is known to have them, as an entry of a file."""
    known, fields = {**(link.applied or {}), **(link.pending_applied or {})}, readable_fields(engine.record_type)
    names = [name for name in _ours(engine) if name in known and known[name] != UNKNOWN]
    return {name: to_file(fields[name], known[name]) for name in names}


def _ours(engine: Engine) -> set[str]:
    return {name for name, field in readable_fields(engine.record_type).items() if field.owner is Owner.PARTNER}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _foreign_identifier(engine: Engine, exported: ExportedRecord) -> Problem:
    kind = "leads" if engine.record_type == "lead" else "opportunities"
    return Problem(
        "INVALID_IDENTIFIER",
        APN_ID,
        excerpt(exported.apn_id),
        f"AWS names {kind} by one letter and digits, such as {_EXAMPLE[engine.record_type]}.",
        "Correct the identifier in the payload of this detail and tick Reprocess, or ask AWS to send the record anew.",
    )

"""AWS's export files of opportunities and leads as canonical records.

A file that is no list of records cannot be used, and one error says so. A record in it that is wrong fails alone
(IN-14): what is wrong with it stands beside what could be read, with its own payload, which a person may correct.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.ace.file_fields import (
    APN_ID,
    PARTNER_ID,
    RecordType,
    list_key,
    name_of_key,
    readable_fields,
    was_removed,
)
from connector.ace.file_json import UnreadableFileError, excerpt, member, parse, parse_object
from connector.ace.file_shape import NO_POSTAL_CODE, OTHER_SOLUTION
from connector.ace.file_values import from_file, is_masked
from connector.ace.postal import has_postal_codes
from connector.ace.record import Value
from connector.ace.redaction import without_redacted
from connector.ace.text import UnreadableValueError
from connector.errors import Problem

_REMEDY = "Correct the payload in the log detail, or ask AWS to send the record anew."
_SOLUTIONS, _POSTAL_CODE = "solutionOffered", "postalCode"


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """One record of AWS's file.

    Attributes:
        position: where in the file, such as ``opportunities[2]``.
        record: what it tells, under ACE names; None where AWS sent ``null``. Masked and unreadable values have no key.
        payload: the record as AWS sent it, for the log and for correction.
        unknown: keys that no version of AWS's definitions has, with their values.
        masked: ACE names of values that AWS hides until the referral is accepted.
        problems: why the record cannot be used as it is.
        apn_id: AWS's id, "" where the record has none; then a problem says so.
        partner_id: the partner's id, "" for a new referral (IN-03).
    """

    position: str
    record: Mapping[str, Value]
    payload: Any
    unknown: Mapping[str, Any]
    masked: frozenset[str]
    problems: tuple[Problem, ...]
    apn_id: str
    partner_id: str


@dataclass(frozen=True, slots=True)
class Export:
    """A file of AWS: ``version`` and ``spms_id`` as it has them ("" where it lacks one), and its records."""

    version: str
    spms_id: str
    records: tuple[ExportedRecord, ...]


def read_export(content: bytes | str, record_type: RecordType) -> Export:
    """Return what a file of AWS's outbound folder holds. Raises UnreadableFileError when it is no list of records."""
    root = parse_object(content)
    key = list_key(record_type)
    entries = member(root, key)
    if not isinstance(entries, list):
        raise UnreadableFileError("", key, entries, f"The file must have a list of records under {key!r}.")
    found = tuple(read_entry(entry, record_type, f"{key}[{place}]") for place, entry in enumerate(entries))
    return Export(_text(member(root, "version")), _text(member(root, "spmsId")), found)


def read_corrected(content: bytes | str, record_type: RecordType) -> ExportedRecord:
    """Return the record of a payload that a person has corrected. Raises UnreadableFileError for what is no JSON."""
    return read_entry(parse(content), record_type, "payload")


def read_entry(entry: Any, record_type: RecordType, position: str) -> ExportedRecord:
    """Return one record of a file. Never raises: what is wrong with it is in its problems."""
    if not isinstance(entry, Mapping):
        problem = _problem("INVALID_TYPE", "", entry, f"{position} must be a JSON object.")
        return ExportedRecord(position, {}, entry, {}, frozenset(), (problem,), "", "")
    told, unknown, problems = _by_name(entry, record_type, position)
    masked = frozenset(name for name, value in told.items() if is_masked(value))
    record = {}
    for name, value in told.items():
        if name not in masked:
            try:
                record[name] = from_file(readable_fields(record_type)[name], value)
            except UnreadableValueError:
                problems.append(_unreadable(record_type, position, name, value))
    apn_id, partner_id = (str(record.get(name) or "").strip() for name in (APN_ID, PARTNER_ID[record_type]))
    if not apn_id:
        problems.append(_problem("REQUIRED_FIELD_MISSING", APN_ID, "", f"{position} has no identifier of AWS."))
    plain = without_redacted(_without_stand_ins(record))
    return ExportedRecord(position, plain, entry, unknown, masked, tuple(problems), apn_id, partner_id)


def _by_name(
    entry: Mapping[str, Any], record_type: RecordType, position: str
) -> tuple[dict[str, Any], dict[str, Any], list[Problem]]:
    """Return the values by ACE name, those of unknown keys, and what contradicts itself.

    Of a field that stands under several spellings the one that has a value counts.
    """
    told: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    problems = []
    for key, value in entry.items():
        name = name_of_key(record_type, key)
        if name is None:
            if not was_removed(record_type, key):
                unknown[key] = value
        elif name in told and value is not None and told[name] not in (None, "", value):
            rule = f"{position} has {name} twice, with another value ({excerpt(told[name])})."
            problems.append(_problem("INVALID_VALUE", name, value, rule))
        elif told.get(name) in (None, ""):
            told[name] = value
    return told, unknown, problems


def _without_stand_ins(record: dict[str, Value]) -> dict[str, Value]:
    """Return the record without what AWS writes where there is no value: a solution "Other", a postal code 99999."""
    if record.get(_SOLUTIONS) == (OTHER_SOLUTION,):
        record[_SOLUTIONS] = None
    country = record.get("country")
    if record.get(_POSTAL_CODE) == NO_POSTAL_CODE and isinstance(country, str) and not has_postal_codes(country):
        record[_POSTAL_CODE] = None
    return record


def unknown_keys(records: Sequence[ExportedRecord]) -> Iterator[str]:
    """Yield each key that AWS's definitions do not have, once, in the order of the file."""
    yield from dict.fromkeys(key for record in records for key in record.unknown)


def _unreadable(record_type: RecordType, position: str, name: str, value: Any) -> Problem:
    field = readable_fields(record_type)[name]
    rule = f"{field.label} in {position} takes values of type {field.type.value.replace('_', ' ')}."
    return _problem("INVALID_TYPE", name, value, rule)


def _problem(code: str, field: str, value: Any, rule: str) -> Problem:
    return Problem(code, field, excerpt(value), rule, _REMEDY)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else excerpt(value)

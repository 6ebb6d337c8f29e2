"""The fields of the ACE bucket's files: which of them travel which way, in which version of the payload.

A field of a file is the field of the catalogue with the facts of the bucket, which takes longer telephone numbers, say,
or has its own times at which a value may change. Version 1.0 of the payload stands for version 13 of AWS's field
definitions, 2.0 for version 14 and later (OUT-27); AWS's definitions of leads do not differ by version. The facts are
in ``connector/data/file_fields.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from connector import data
from connector.ace.catalogue import AceField, Change, Moment, Requirement, lead_fields, opportunity_fields

RecordType = Literal["opportunity", "lead"]
PARTNER_ID: Mapping[RecordType, str] = {"opportunity": "partnerCrmUniqueIdentifier", "lead": "partnerCrmLeadId"}
"""The field with which a partner names a record in its files, by type of record."""
APN_ID = "apnCrmUniqueIdentifier"
"""The field with which AWS names a record."""
DECISION, REASON = "partnerAcceptanceStatus", "rejectionReason"
"""The two fields with which a partner answers an AWS referral."""


class Version(StrEnum):
    """Version of the payload, as a file spells it."""

    V1 = "1.0"
    V2 = "2.0"


class Sent(StrEnum):
    """When a partner's file carries the field."""

    NEVER = "never"
    ALWAYS = "always"
    AFTER_CREATION = "after_creation"
    """AWS takes it once it knows the opportunity, and not in the file that creates it."""
    IDENTIFIER = "identifier"
    DECISION = "decision"
    """Only in the answer to an AWS referral."""


@dataclass(frozen=True, slots=True)
class FileField:
    """One field of a file.

    Attributes:
        ace: the field of the catalogue, with the lengths, patterns, requirements and times of change of the bucket.
        sent: when a partner's file carries it.
        written_as: its key in a partner's file; AWS's own files may spell it otherwise.
        creation_values: values of a field sent after creation that the creating file may carry all the same.
    """

    ace: AceField
    sent: Sent
    written_as: str
    creation_values: tuple[str, ...] = ()


def payload_version(setting: str) -> Version | None:
    """Return the version that an admin's setting names (``2``, ``2.0``, ``1`` …), or None when it names none."""
    text = setting.strip()
    return next((version for version in Version if text in (version, version.removesuffix(".0"))), None)


@cache
def file_fields(record_type: RecordType, version: Version) -> Mapping[str, FileField]:
    """Return the fields of the version by ACE name; a field that the version lacks is not among them."""
    known = opportunity_fields() if record_type == "opportunity" else lead_fields()
    entries = _facts(record_type)["fields"]
    found = (_field(known[entry["name"]], entry, version) for entry in entries if _is_in(known, entry, version))
    return MappingProxyType({field.ace.name: field for field in found})


@cache
def readable_fields(record_type: RecordType) -> Mapping[str, AceField]:
    """Return every field that a file of AWS may carry, in any version, by ACE name."""
    known = opportunity_fields() if record_type == "opportunity" else lead_fields()
    return MappingProxyType({entry["name"]: known[entry["name"]] for entry in _facts(record_type)["fields"]})


@cache
def loosened_fields(record_type: RecordType) -> Mapping[str, AceField]:
    """Return the fields that the bucket takes in another form or length than the API in every version, by ACE name."""
    known = readable_fields(record_type)
    entries = (entry for entry in _facts(record_type)["fields"] if "facts" in entry)
    return MappingProxyType({one["name"]: replace(known[one["name"]], **one["facts"]) for one in entries})


def list_key(record_type: RecordType) -> str:
    """Return the key of a partner's file under which the records stand, as AWS's samples spell it."""
    return str(_facts(record_type)["list"])


def name_of_key(record_type: RecordType, key: str) -> str | None:
    """Return the ACE name that a key of AWS's files stands for, or None for an unknown key.

    AWS's definitions, samples and guide spell some keys in several ways: with other capitals (``Company``), with
    spaces (``Campaign Name``, ``cosellConvertReason`` and a space), or with another word (``partnerCrmOpportunityId``).
    """
    return _names(record_type).get(_folded(key))


def was_removed(record_type: RecordType, key: str) -> bool:
    """Return whether AWS took the field out of its data model, so that nobody can want its value."""
    return _folded(key) in {_folded(name) for name in _facts(record_type)["removed"]}


@cache
def _names(record_type: RecordType) -> Mapping[str, str]:
    facts = _facts(record_type)
    spellings = {_folded(spelling): str(name) for spelling, name in facts["spellings"].items()}
    return spellings | {_folded(entry["name"]): str(entry["name"]) for entry in facts["fields"]}


def _folded(key: str) -> str:
    return "".join(key.split()).casefold()


def _is_in(known: Mapping[str, AceField], entry: Mapping[str, Any], version: Version) -> bool:
    last = known[entry["name"]].last_version
    return str(entry.get("first_version", Version.V1)) <= version <= (last or Version.V2)


def _field(ace: AceField, entry: Mapping[str, Any], version: Version) -> FileField:
    facts = {**entry.get("facts", {}), **entry.get("versions", {}).get(version, {})}
    sent = Sent(facts.pop("sent", entry.get("sent", Sent.NEVER)))
    if "values" in facts:
        facts["values"] = tuple(facts["values"])
    if "required" in entry:
        facts["required"] = tuple(_requirement(need) for need in entry["required"])
    if "editable" in entry:
        facts["editable"] = {phase: Change(change) for phase, change in entry["editable"].items()}
    written_as = entry.get("written_as", ace.name)
    return FileField(replace(ace, **facts), sent, written_as, tuple(entry.get("creation_values", ())))


def _requirement(need: Mapping[str, Any]) -> Requirement:
    when, unless = ({name: tuple(values) for name, values in need.get(key, {}).items()} for key in ("when", "unless"))
    return Requirement(Moment(need["moment"]), when, unless)


def _facts(record_type: RecordType) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = data.read("file_fields.json")[record_type]
    return facts

"""What of AWS's a person holds against a record: an answer of Partner Central, or a file of the ACE bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.ace import api_shape, paths
from connector.ace.export_shape import ExportedRecord, read_entry, read_export
from connector.ace.file_fields import APN_ID, list_key, name_of_key
from connector.ace.file_json import UnreadableFileError
from connector.ace.record import Value
from connector.errors import ConfigError, Problem
from connector.sync.engine import Engine
from connector.sync.ports import Row

_SUMMARY_ONLY = ("Insights", "OpportunityTeam", "RelatedOpportunityId")
"""Members that only an answer of GetAwsOpportunitySummary has beside LifeCycle or Project."""


@dataclass(frozen=True, slots=True)
class Payload:
    """AWS's side of one record, whichever way it came.

    Attributes:
        apn_id: AWS's identifier, empty where the payload has none.
        record: what it tells, under ACE names.
        places: where the payload has a value, by ACE name.
        values: the value as AWS wrote it, by ACE name.
        masked: ACE names of values that AWS hides until the referral is accepted.
        problems: values that cannot be read.
    """

    apn_id: str
    record: Mapping[str, Value]
    places: Mapping[str, str]
    values: Mapping[str, Any]
    masked: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def read_payload(engine: Engine, row: Row, text: str, source: str) -> Payload:
    """Return what the text says of the record: an answer of GetOpportunity or GetAwsOpportunitySummary, an exported
    file of the ACE bucket, or one record of such a file.

    Args:
        row: the record; of a file with several records the one that is about it is taken.
        source: what the text comes from, for messages, such as ``--inbound answer.json``.

    Raises:
        ConfigError: it is none of these, or not about the record.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{source} cannot be read as JSON: {error}.") from None
    if not isinstance(content, dict):
        raise _unknown(engine, source)
    if engine.record_type == "opportunity" and isinstance(content.get("LifeCycle") or content.get("Project"), dict):
        return _of_answer(engine, content)
    return _of_entry(engine, _entry(engine, row, content, text, source))


def is_summary(answer: Mapping[str, Any]) -> bool:
    """Return whether the payload is AWS's own view, an answer of GetAwsOpportunitySummary."""
    return any(name in answer for name in _SUMMARY_ONLY) and "LastModifiedDate" not in answer


def _of_answer(engine: Engine, answer: Mapping[str, Any]) -> Payload:
    summary = is_summary(answer)
    record = api_shape.from_summary(answer) if summary else api_shape.from_get(answer)
    known = {name: engine.catalogue[name] for name in record if name in engine.catalogue}
    places = {name: ace.summary_path if summary else ace.get_path for name, ace in known.items()}
    values = {name: paths.get(answer, place) for name, place in places.items() if place}
    return Payload(str(answer.get("RelatedOpportunityId" if summary else "Id") or ""), record, places, values)


def _of_entry(engine: Engine, entry: ExportedRecord) -> Payload:
    named = {key: name_of_key(engine.record_type, key) for key in entry.payload}
    # Of a field that stands under several spellings the one that has a value counts.
    ordered = sorted(named, key=lambda key: entry.payload[key] in (None, ""), reverse=True)
    places = {name: key for key in ordered if (name := named[key]) is not None}
    values = {name: entry.payload[key] for name, key in places.items()}
    return Payload(entry.apn_id, entry.record, places, values, entry.masked, entry.problems)


def _entry(engine: Engine, row: Row, content: Mapping[str, Any], text: str, source: str) -> ExportedRecord:
    if any(name_of_key(engine.record_type, key) == APN_ID for key in content):
        return read_entry(content, engine.record_type, "payload")
    try:
        found = read_export(text, engine.record_type).records
    except UnreadableFileError:
        raise _unknown(engine, source) from None
    return _chosen(engine, row, [one for one in found if isinstance(one.payload, Mapping)], source)


def _chosen(engine: Engine, row: Row, found: list[ExportedRecord], source: str) -> ExportedRecord:
    link = engine.state.links.get(str(row["Id"]))
    apn_id = str((link.apn_id if link else None) or row.get(engine.names.apn_id) or "")
    for one in found:
        if one.partner_id == row["Id"] or (apn_id and one.apn_id.upper() == apn_id.upper()):
            return one
    if len(found) == 1 and not apn_id:
        return found[0]
    raise ConfigError(
        f"{source} has {len(found)} records, none of them about {row['Id']}: none carries that id or "
        f"{apn_id or 'an AWS identifier of it, which it does not have yet'}. Give the file that has the record."
    )


def _unknown(engine: Engine, source: str) -> ConfigError:
    lists = list_key(engine.record_type)
    file = f"a file of the ACE bucket, which has a list {lists!r}, or one record of it"
    if engine.record_type == "lead":
        return ConfigError(f"{source} is not {file}. Leads travel by such files only.")
    return ConfigError(
        f"{source} is neither an answer of GetOpportunity, which has LifeCycle or Project, nor {file}. Save what "
        "`aws partnercentral-selling get-opportunity` (or get-aws-opportunity-summary) prints, or a file of the bucket."
    )

"""Which records are not ready for version 2 of the data model yet (OPS-13): read and judged, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.ace import file_rules, lead_rules
from connector.ace.file_fields import Version
from connector.ace.record import AceRecord
from connector.errors import Problem
from connector.store.links import CLOSED_STAGES
from connector.sync.engine import Engine
from connector.sync.ports import Row

MISSING = "REQUIRED_FIELD_MISSING"
_BEGINNING = "1970-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Incomplete:
    """An open record that takes part in the sync and lacks what version 2 asks for.

    Attributes:
        record_id, name: of the record in Salesforce.
        problems: required fields that it lacks, and values that only version 2 refuses.
    """

    record_id: str
    name: str
    problems: tuple[Problem, ...]


def incomplete_records(engine: Engine) -> Iterator[Incomplete]:
    """Yield the records of the engine's object that take part, are open, and are not ready for version 2."""
    until = engine.salesforce.server_time() + timedelta(days=1)  # up to the latest edit
    flagged = f"{engine.names.sync_with_aws} = true"
    pages = engine.salesforce.changed(
        engine.mapping.object_name,
        _fields(engine),
        since=datetime.fromisoformat(_BEGINNING),
        until=until,
        where=flagged,
    )
    for page in pages:
        for row in page:
            found = tuple(_lacks(engine, row))
            if found:
                yield Incomplete(str(row["Id"]), str(row.get("Name") or ""), found)


def _fields(engine: Engine) -> tuple[str, ...]:
    fields = engine.row_fields()
    named = any(name.lower() == "name" for name in fields) or engine.describe().field("Name") is None
    return fields if named else (*fields, "Name")


def _lacks(engine: Engine, row: Row) -> Iterator[Problem]:
    record, _ = engine.to_ace(row)
    apn_id = str(row.get(engine.names.apn_id) or "")
    if engine.record_type == "opportunity" and record.get("stage") in CLOSED_STAGES:
        return
    if engine.record_type == "lead" and not apn_id:
        return  # a lead of the partner's own is never sent
    before = {(one.code, one.field) for one in _problems(engine, row, record, apn_id, Version.V1)}
    for one in _problems(engine, row, record, apn_id, Version.V2):
        if one.code == MISSING or (one.code, one.field) not in before:
            yield one


def _problems(engine: Engine, row: Row, record: AceRecord, apn_id: str, version: Version) -> tuple[Problem, ...]:
    if engine.record_type == "lead":
        return lead_rules.problems(record, version=version, partner_id=str(row["Id"]), apn_id=apn_id)
    return file_rules.problems(record, version=version, creates=not apn_id, today=engine.now().date())

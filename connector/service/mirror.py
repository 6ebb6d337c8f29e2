"""What Salesforce shows of the connector's own side: the published mapping, and the steps of the guided setup.

Both are read there and changed here: the mapping by command line or web page, the steps by doing them. The rows are
written by unique key, so that writing them again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import get_args

from connector.aws.check import CheckResult
from connector.errors import Problem
from connector.mapping.difference import differences
from connector.mapping.fit import catalogue_of, is_blocking
from connector.mapping.model import FieldMapping, Mapping, RecordType, from_document
from connector.names import FIELD_MAPPING, MAPPING, SETUP_STEP, PublishedMapping, SetupStep
from connector.names import FieldMapping as Mirrored
from connector.store.mappings import Version
from connector.sync.engine import Engine
from connector.sync.logs import cut
from connector.sync.ports import Row

MIRROR = "mirror"
PARTNER_CENTRAL = "Partner Central API"
NOT_STARTED, COMPLETE, FAILED = "Not started", "Complete", "Failed"
_UNKNOWN_CALLER = frozenset({"key", "token", "clock", "region", "role"})
"""Causes of a refusal that lie in the details of the connection: AWS does not accept who calls."""
_KNOWN_CALLER = frozenset({"permission", "catalog"})
"""Causes that AWS names only to a caller whose signature it accepted."""
NOT_IN_USE = (
    "not in use: opportunities travel through the ACE bucket, and [aws.partner_central] names no credentials. To move "
    "to the API, add them and take the tick from Opportunities over S3."
)
"""Said of Partner Central's API where everything goes by files (CONN-31)."""
_LONG = 32_768
_SHOWN_VERSIONS = 20
_NAME = 80


def mirror_mapping(engine: Engine) -> None:
    """Write the published versions of both mappings, newest in force, and the fields of those in force."""
    for record_type in get_args(RecordType):
        versions = engine.state.mappings.history(record_type)[:_SHOWN_VERSIONS]
        if versions:
            _mirror(engine, versions)


def _mirror(engine: Engine, versions: Sequence[Version]) -> None:
    _write(engine, MAPPING, PublishedMapping.KEY, [_version_row(engine, one, versions[0]) for one in versions])
    newest = _mapping_of(engine, versions[0].record_type, versions[0].version)
    rows = [_field_row(newest, item, _version_key(versions[0])) for item in newest.fields]
    _write(engine, FIELD_MAPPING, Mirrored.KEY, rows)


def _version_key(version: Version) -> str:
    return f"{version.record_type}:{version.version}"


def _version_row(engine: Engine, version: Version, newest: Version) -> Row:
    mapping = _mapping_of(engine, version.record_type, version.version)
    before = _mapping_of(engine, version.record_type, version.version - 1) if version.version > 1 else None
    return {
        PublishedMapping.KEY: _version_key(version),
        "Name": f"{version.record_type.title()} mapping, version {version.version}",
        PublishedMapping.RECORD_TYPE: version.record_type.title(),
        PublishedMapping.OBJECT: mapping.object_name,
        PublishedMapping.VERSION: version.version,
        PublishedMapping.PUBLISHED_AT: _stamp(version.published_at),
        PublishedMapping.PUBLISHED_BY: cut(version.by, 255),
        PublishedMapping.DIFFERENCE: cut("\n".join((version.note, *differences(before, mapping))).strip(), _LONG),
        PublishedMapping.CURRENT: version == newest,
    }


def _mapping_of(engine: Engine, record_type: str, version: int) -> Mapping:
    return from_document(engine.state.mappings.document(record_type, version))


def _field_row(mapping: Mapping, item: FieldMapping, mapping_key: str) -> Row:
    known = catalogue_of(mapping.record_type).get(item.ace_field)
    values = None if item.picklist is None else json.dumps(dict(item.picklist.primary), ensure_ascii=False, indent=1)
    return {
        Mirrored.KEY: f"{mapping_key}:{item.ace_field}",
        "Name": cut(known.label if known else item.ace_field, _NAME),
        Mirrored.MAPPING_REF: {PublishedMapping.KEY: mapping_key},
        Mirrored.ACE_FIELD: item.ace_field,
        Mirrored.SALESFORCE_FIELD: item.path,
        Mirrored.INBOUND: item.inbound,
        Mirrored.PICKLIST_VALUES: values,
        Mirrored.REQUIRED: bool(known and known.always_required),
    }


def mirror_setup(engine: Engine, checks: Sequence[CheckResult] | None, drift: Sequence[Problem]) -> None:
    """Write the state of each step of the guided setup of the Partner Central API.

    Args:
        checks: what calls to Partner Central came to that change nothing; None where the API is not in use.
        drift: problems of the published mapping on today's org.
    """
    write_steps(engine, PARTNER_CENTRAL, "partner-central", setup_steps(engine, checks, drift))


def write_steps(engine: Engine, integration: str, key: str, steps: Iterator[tuple[str, str, str]]) -> None:
    """Write the steps of one integration in their order, none complete before an earlier one.

    Args:
        engine: whose org shows them.
        integration: its name for people.
        key: its name in the rows' keys.
        steps: name, status and message of each.
    """
    now = _stamp(engine.now())
    rows = [
        {
            SetupStep.KEY: f"{key}:{place}",
            "Name": name,
            SetupStep.INTEGRATION: integration,
            SetupStep.SEQUENCE: place,
            SetupStep.STATUS: status,
            SetupStep.MESSAGE: cut(message, _LONG) or None,
            SetupStep.CHECKED_AT: now,
        }
        for place, (name, status, message) in enumerate(in_order(steps), start=1)
    ]
    _write(engine, SETUP_STEP, SetupStep.KEY, rows)


def setup_steps(
    engine: Engine, checks: Sequence[CheckResult] | None, drift: Sequence[Problem]
) -> Iterator[tuple[str, str, str]]:
    """Yield name, status and message of each step, each for itself."""
    refused = [result.message for result in checks or () if not result.ok]
    yield "AWS Connection Authentication Details", *_authentication(engine.catalog, checks)
    yield "System Configuration Settings", *_verdict(engine.settings.problems)
    yield "Map leads and opportunities", *_verdict([one for one in drift if is_blocking(one)])
    yield (
        "Test the configuration for Partner Central API integration",
        FAILED if refused else COMPLETE,
        "\n".join(refused),
    )


def _authentication(catalog: str, checks: Sequence[CheckResult] | None) -> tuple[str, str]:
    """Return whether AWS knows who calls; what this caller may do is the test of the whole configuration."""
    if checks is None:
        return NOT_STARTED, f"The API is {NOT_IN_USE}"
    wrong = [one.message for one in checks if one.cause in _UNKNOWN_CALLER]
    if wrong:
        return FAILED, "\n".join(dict.fromkeys(wrong))
    if not any(one.ok or one.cause in _KNOWN_CALLER for one in checks):
        told = "\n".join(dict.fromkeys(one.message for one in checks))
        return FAILED, f"No call to AWS was answered, so the credentials are not confirmed. {told}".strip()
    return COMPLETE, f"Catalog {catalog}."


def in_order(steps: Iterator[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield the steps; none is complete while an earlier one is not (CONN-17)."""
    waits_for = ""
    for name, status, message in steps:
        if status == COMPLETE and waits_for:
            yield name, NOT_STARTED, f"Finish the step {waits_for} first."
            continue
        if status != COMPLETE:
            waits_for = waits_for or name
        yield name, status, message


def _verdict(problems: Sequence[Problem]) -> tuple[str, str]:
    return (FAILED if problems else COMPLETE), "\n".join(map(str, problems))


def _write(engine: Engine, object_name: str, key: str, rows: list[Row]) -> None:
    for outcome in engine.salesforce.upsert(object_name, key, rows):
        if outcome.error is not None:
            raise outcome.error


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

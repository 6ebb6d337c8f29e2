"""One record: of which type it is, by which mapping it goes, and what would happen to it over the way it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connector.admin.mapping_ways import Way
from connector.errors import ConfigError, Problem
from connector.mapping.fit import spelled_as
from connector.mapping.model import Mapping, RecordType, from_document
from connector.names import ACE_LEAD
from connector.service.runtime import LEAD, OPPORTUNITY, Runtime
from connector.sync.engine import Engine
from connector.sync.exchange.preview import preview_entry
from connector.sync.preview import Preview
from connector.sync.preview import preview as preview_call

STANDARD_LEAD = "Lead"


def preview_record(engine: Engine, record_id: str, left_out: Iterable[Problem] = ()) -> Preview:
    """Return what would happen to the record now, under the engine's mapping and over its channel.

    Raises:
        ConfigError: the record does not exist or is not visible.
    """
    show = preview_entry if engine.channel == "files" else preview_call
    return show(engine, record_id, left_out)


def type_of(runtime: Runtime, record_id: str) -> RecordType:
    """Return the type of record as the published mappings have it."""
    leads = _mapping(runtime, LEAD, draft=False)
    return LEAD if leads is not None and _is_of(runtime, leads.object_name, record_id) else OPPORTUNITY


def lead_mapping(
    runtime: Runtime, record_id: str, way: Callable[[Way, RecordType], str], *, draft: bool
) -> Mapping | None:
    """Return the lead mapping that the record goes by; None for a record that is no lead.

    Args:
        draft: the draft instead of the version in force.
        way: how the reader gets to the remedy.

    Raises:
        ConfigError: the record is a lead, and there is no such mapping for its object.
    """
    drafted, published = (_mapping(runtime, LEAD, draft=one) for one in (True, False))
    known = [one.object_name for one in (drafted, published) if one is not None]
    others = {one.object_name for one in (_mapping(runtime, OPPORTUNITY, draft=each) for each in (True, False)) if one}
    names = [name for name in dict.fromkeys((*known, STANDARD_LEAD, ACE_LEAD)) if name not in others]
    object_name = next((name for name in names if _is_of(runtime, name, record_id)), None)
    if object_name is None:
        return None
    wanted = drafted if draft else published
    if wanted is None or wanted.object_name != object_name:
        which = "draft" if draft else "published version"
        there = f"is for {wanted.object_name}" if wanted else "does not exist"
        raise ConfigError(
            f"{record_id} is a record of {object_name}, a lead, and the {which} of the lead mapping {there}. Map leads "
            f"with {way('automap', LEAD)} (the packaged object) or {way('object', LEAD)} (any other), then publish "
            f"with {way('publish', LEAD)}."
        )
    return wanted


def _mapping(runtime: Runtime, record_type: RecordType, *, draft: bool) -> Mapping | None:
    store = runtime.state.mappings
    published = None if draft else store.published(record_type)
    version, document = published if published is not None else (0, store.draft(record_type) if draft else None)
    return None if document is None else spelled_as(from_document({**document, "version": version}), runtime.described)


def _is_of(runtime: Runtime, object_name: str, record_id: str) -> bool:
    described = runtime.described(object_name)
    return described is not None and bool(described.key_prefix) and record_id.startswith(described.key_prefix)

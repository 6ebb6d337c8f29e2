"""Which object of the org a mapping is for: the candidates, and what choosing another one means (MAP-03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import connector
from connector.admin.mapping_desk import NO_OWN_FIELDS, MappingDesk
from connector.errors import MappingError
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.model import RecordType
from connector.mapping.own_fields import is_fixed
from connector.names import ACE_LEAD, ACE_OPPORTUNITY

Kind = Literal["standard", "packaged", "custom"]
_FIXED_KINDS: Mapping[RecordType, Mapping[str, Kind]] = {
    "opportunity": {"Opportunity": "standard", ACE_OPPORTUNITY: "packaged"},
    "lead": {"Lead": "standard", ACE_LEAD: "packaged"},
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One object that a mapping can be for.

    Attributes:
        in_draft, in_force: whether the draft, or the published version, is for it.
    """

    name: str
    label: str
    kind: Kind
    in_draft: bool
    in_force: bool


def list_candidates(desk: MappingDesk) -> tuple[Candidate, ...]:
    """Return the standard object, the packaged one and every custom object of the org, in this order."""
    fixed = _FIXED_KINDS[desk.record_type]
    order: dict[str, int] = {name: place for place, name in enumerate(fixed)}
    draft, published = desk.draft(), desk.published()
    found = [
        Candidate(
            one.name,
            one.label,
            fixed.get(one.name, "custom"),
            in_draft=draft is not None and draft.object_name == one.name,
            in_force=published is not None and published.object_name == one.name,
        )
        for one in desk.runtime.salesforce.objects()
        if one.name in fixed or (one.name.endswith("__c") and not one.custom_setting and one.name not in _ours())
    ]
    return tuple(sorted(found, key=lambda one: order.get(one.name, len(order))))


def what_is_lost(desk: MappingDesk, name: str) -> tuple[str, ...]:
    """Return what choosing the object throws away, in words; nothing where it is chosen already, or nothing was."""
    mapping = desk.draft() or desk.published()
    if mapping is None or mapping.object_name.lower() == name.lower():
        return ()
    tables = sum(item.picklist is not None for item in mapping.fields)
    fallbacks = sum(item.to_aws is not None or item.from_aws is not None for item in mapping.fields)
    counted = (
        (len(mapping.fields), "mapped fields"),
        (tables, "picklist mappings"),
        (fallbacks, "fields' fallbacks"),
        (sum(map(bool, mapping.own_fields.all)) if mapping.own_fields else 0, "choices of the connector's own fields"),
    )
    return tuple(f"{count} {what} of {mapping.object_name}" for count, what in counted if count)


def choose(desk: MappingDesk, name: str) -> FieldMap:
    """Make the object the draft's; another one's fields are thrown away, the formula of what is left out stays.

    Raises MappingError for an object that is no candidate.
    """
    offered = {one.name.lower(): one.name for one in list_candidates(desk)}
    if name.lower() not in offered:
        raise MappingError(
            f"{name} cannot be mapped to {desk.record_type} records: it is neither {' nor '.join(_fixed(desk))} nor a "
            f"custom object that the integration user can read. {desk.way('object')} lists what there is."
        )
    chosen, before = offered[name.lower()], desk.draft() or desk.published()
    if before is not None and before.object_name == chosen:
        return before
    own = None if is_fixed(chosen) else NO_OWN_FIELDS
    mapping = FieldMap(desk.record_type, chosen, 0, (), own, before.exclude if before else "")
    desk.save(mapping)
    return mapping


def _fixed(desk: MappingDesk) -> tuple[str, ...]:
    return tuple(_FIXED_KINDS[desk.record_type])


@cache
def _ours() -> frozenset[str]:
    """Names of the package's own objects: they keep logs and settings, and are no deals or leads."""
    root = Path(connector.__file__).resolve().parent.parent / "salesforce_metadata"
    return frozenset(folder.name for folder in root.glob("*/main/default/objects/*"))

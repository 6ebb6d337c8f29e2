"""What maps itself: the packaged object in one step (MAP-28), equal picklist values, the defaults of a new entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector.ace.catalogue import AceField
from connector.errors import MappingError, Problem
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import FIXED, compatible, may_be_inbound
from connector.mapping.own_fields import RESERVED
from connector.mapping.paths import Describes, resolve_path
from connector.mapping.picklists import automap_values
from connector.names import ACE_LEAD, ACE_OPPORTUNITY

_RECORD_TYPES: Mapping[str, model.RecordType] = {ACE_OPPORTUNITY: "opportunity", ACE_LEAD: "lead"}
_PICKLISTS = frozenset({"picklist", "multipicklist", "combobox"})


def automap_packaged(
    catalogue: Mapping[str, AceField], describe: ObjectDescribe, kept: model.Mapping | None = None
) -> model.Mapping:
    """Return every ACE field that the package has a field for, mapped to it; equal picklist values too (PICK-04).

    Inbound updates are on for what AWS returns, but for stage, target close date and closed-lost reason (MAP-48).
    Fields that the org lacks or hides are left out; :func:`connector.mapping.fit.check_mapping` names what matters.

    Args:
        catalogue: every ACE field of the record type by name.
        describe: the packaged object.
        kept: a mapping of the same object whose entries and values stay; only missing ones are added (MAP-49).

    Raises MappingError for any object but the packaged ones, and for a ``kept`` mapping of another object.
    """
    record_type = _RECORD_TYPES.get(describe.name)
    if record_type is None:
        packaged = " and ".join(_RECORD_TYPES)
        raise MappingError(f"{describe.name} cannot be mapped automatically, only {packaged} can. Map it by hand.")
    base = kept or model.Mapping(record_type, describe.name, 0, ())
    if base.object_name != describe.name:
        raise MappingError(f"The mapping is for {base.object_name}, not for {describe.name}. Clear it first.")
    for ace in catalogue.values():
        item = _entry(ace, describe, base.field(ace.name))
        if item is not None:
            base = base.with_field(item)
    return base


def new_entry(ace: AceField, path: str, object_name: str, describes: Describes) -> model.FieldMapping:
    """Return the entry as it starts when an admin maps the field, equal picklist values mapped to each other.

    Inbound updates are off for stage, target close date and closed-lost reason (MAP-48), and where AWS's values cannot
    be written. A path that leads nowhere gives an entry too: :func:`connector.mapping.fit.check_mapping` refuses it.
    """
    field = resolve_path(path, object_name, describes)
    if isinstance(field, Problem):
        return model.FieldMapping(ace.name, path, ace.inbound and not ace.protected)
    inbound = not ace.protected and may_be_inbound(ace, field) is None
    return model.FieldMapping(ace.name, path, inbound, _values(ace, field, None))


def with_equal_values(
    mapping: model.Mapping, ace_field: str, catalogue: Mapping[str, AceField], describes: Describes
) -> model.Mapping:
    """Return the mapping with the missing values of one field added where both sides are equal (PICK-04, MAP-49).

    Works on any object, related ones included (PICK-17). Raises MappingError where the field is not mapped, has no
    values of its own at AWS, or is not there.
    """
    item, ace = mapping.field(ace_field), catalogue.get(ace_field)
    if item is None or ace is None:
        raise MappingError(f"{ace_field} is not mapped. Map it first.")
    field = resolve_path(item.path, mapping.object_name, describes)
    if isinstance(field, Problem):
        raise MappingError(str(replace(field, field=ace_field)))
    if not ace.values or field.type not in _PICKLISTS:
        raise MappingError(f"{ace_field} and {item.path} are not both picklists. There are no values to map.")
    return mapping.with_field(replace(item, picklist=automap_values(ace, field, item.picklist)))


def cleared(mapping: model.Mapping) -> model.Mapping:
    """Return the mapping without any field; object and own fields stay (MAP-29, MAP-35)."""
    return replace(mapping, fields=())


def _entry(ace: AceField, describe: ObjectDescribe, old: model.FieldMapping | None) -> model.FieldMapping | None:
    name = old.path if old is not None else ace.salesforce_name
    field = describe.field(name) if name else None
    if field is None or ace.name in FIXED or field.name.lower() in RESERVED or compatible(ace, field) is not None:
        return None
    if old is not None:
        return replace(old, picklist=_values(ace, field, old.picklist))
    return model.FieldMapping(ace.name, field.name, ace.inbound and not ace.protected, _values(ace, field, None))


def _values(ace: AceField, field: FieldDescribe, kept: model.PicklistMapping | None) -> model.PicklistMapping | None:
    if not ace.values or field.type not in _PICKLISTS:
        return kept
    return automap_values(ace, field, kept)

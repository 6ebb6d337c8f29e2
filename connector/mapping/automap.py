"""The mapping of the packaged object, made from the catalogue in one step (MAP-28)."""

from __future__ import annotations

from collections.abc import Mapping

from connector.ace.catalogue import AceField
from connector.errors import MappingError
from connector.mapping import model
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.mapping.fit import FIXED, compatible
from connector.mapping.picklists import automap_values
from connector.names import ACE_LEAD, ACE_OPPORTUNITY, PACKAGED

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


def _entry(ace: AceField, describe: ObjectDescribe, old: model.FieldMapping | None) -> model.FieldMapping | None:
    name = old.path if old is not None else ace.salesforce_name
    field = describe.field(name) if name else None
    if field is None or ace.name in FIXED or field.name in PACKAGED.all or compatible(ace, field) is not None:
        return None
    if old is not None:
        return model.FieldMapping(ace.name, old.path, old.inbound, _values(ace, field, old.picklist))
    return model.FieldMapping(ace.name, field.name, ace.inbound and not ace.protected, _values(ace, field, None))


def _values(ace: AceField, field: FieldDescribe, kept: model.PicklistMapping | None) -> model.PicklistMapping | None:
    if not ace.values or field.type not in _PICKLISTS:
        return kept
    return automap_values(ace, field, kept)

"""What a Salesforce org says about one of its objects, as far as the mapping needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PicklistEntry:
    value: str
    label: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class FieldDescribe:
    """One field as ``describe`` reports it. ``type`` is describe's own word (``string``, ``picklist``, ``currency`` …).

    ``length`` counts characters; ``precision`` is the total number of digits, ``scale`` the decimals.
    """

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    formula: str = ""
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    restricted_picklist: bool = False
    defaulted_on_create: bool = False
    filterable: bool = True
    reference_to: tuple[str, ...] = ()
    relationship_name: str = ""
    picklist: tuple[PicklistEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectDescribe:
    """One object. ``fields`` is keyed by the API name in lower case: Salesforce compares names regardless of case."""

    name: str
    label: str
    key_prefix: str
    createable: bool = True
    updateable: bool = True
    queryable: bool = True
    fields: Mapping[str, FieldDescribe] = field(default_factory=dict)

    def field(self, name: str) -> FieldDescribe | None:
        """Return the field of that API name, or None: it does not exist or field-level security hides it."""
        return self.fields.get(name.lower())

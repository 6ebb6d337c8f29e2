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

    ``length`` counts characters; ``precision`` is the total number of digits, ``scale`` the decimals. ``reference_to``
    names the objects that a lookup may lead to, several for ``Owner``.
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

    @property
    def custom(self) -> bool:
        """Whether an admin or a package made the field."""
        return self.name.lower().endswith("__c")


@dataclass(frozen=True, slots=True)
class RecordTypeDescribe:
    """One record type of an object. ``available`` says whether the integration user may create records of it."""

    record_type_id: str
    developer_name: str
    label: str
    active: bool = True
    available: bool = True
    default: bool = False
    master: bool = False


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
    record_types: tuple[RecordTypeDescribe, ...] = ()

    def field(self, name: str) -> FieldDescribe | None:
        """Return the field of that API name, or None: it does not exist or field-level security hides it."""
        return self.fields.get(name.lower())


@dataclass(frozen=True, slots=True)
class ObjectName:
    """One object of the org's list of objects, without its fields."""

    name: str
    label: str
    custom: bool
    custom_setting: bool = False

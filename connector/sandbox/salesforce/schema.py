"""What an org knows about its objects: the data dictionary that describe shows and every write is checked against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.sandbox.salesforce.lookup_filters import LookupFilter

TEXT_TYPES = frozenset(
    {"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox", "encryptedstring"}
)
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})
ID_TYPES = frozenset({"id", "reference"})
LONG_TEXT = 255
"""Text areas longer than this are *long*: no filter, no sorting, no grouping."""

AUDIT = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "IsDeleted", "Id")


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a picklist. ``closed``, ``won`` and ``probability`` are of stages, ``converted`` is of a status."""

    value: str
    label: str
    active: bool = True
    default: bool = False
    closed: bool = False
    won: bool = False
    converted: bool = False
    probability: int | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``type`` is describe's word; ``length`` counts characters, ``precision`` digits, ``scale`` decimals.

    ``parent_name`` is the name by which SOQL walks up (``Account``, ``Log__r``), ``child_name`` the one to walk down.
    ``master_read``: reading the master is enough to write the detail. ``filter``: which records a lookup takes.
    """

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    unique: bool = False
    case_sensitive: bool = False
    external_id: bool = False
    restricted: bool = False
    choices: tuple[Choice, ...] = ()
    default: str = ""
    formula: str = ""
    blanks_as_zero: bool = True
    auto_number: str = ""
    first_number: int = 1
    reference_to: tuple[str, ...] = ()
    parent_name: str = ""
    child_name: str = ""
    on_delete: str = "SetNull"
    master_detail: bool = False
    reparentable: bool = False
    master_read: bool = False
    filter: LookupFilter | None = None
    html: bool = False
    createable: bool = True
    updateable: bool = True
    help: str = ""

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def long(self) -> bool:
        return self.type == "textarea" and self.length > LONG_TEXT

    @property
    def calculated(self) -> bool:
        return bool(self.formula)

    @property
    def initial(self) -> str | None:
        """The default value of a picklist, or None."""
        return next((choice.value for choice in self.choices if choice.default and choice.active), None)

    @property
    def defaulted(self) -> bool:
        return (
            bool(self.default or self.auto_number or self.initial)
            or self.type == "boolean"
            or self.name in {"OwnerId", "RecordTypeId"}
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule: when ``formula`` is true, the row is refused with ``message``."""

    name: str
    formula: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type of an object. Who may use it is a matter of profiles and permission sets."""

    name: str
    label: str
    active: bool = True
    description: str = ""


@dataclass(slots=True)
class SObject:
    """One object; ``fields`` and all look-ups by name disregard case.

    ``sharing`` is what everybody may do with its rows; ``shares`` names the object whose rows this one shares.
    """

    name: str
    label: str
    plural: str
    prefix: str = ""
    custom_setting: str = ""
    person: bool = False
    createable: bool = True
    sharing: str = "ReadWrite"
    shares: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    record_types: list[RecordType] = field(default_factory=list)

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def name_field(self) -> str:
        return "Name" if "name" in self.fields else ""

    def add(self, new: Field) -> None:
        self.fields[new.name.lower()] = new

    def field(self, name: str) -> Field | None:
        return self.fields.get(name.lower())

    def parent(self, name: str) -> Field | None:
        """Return the reference that SOQL knows by the relationship ``name``."""
        lower = name.lower()
        return next((one for one in self.fields.values() if one.parent_name.lower() == lower), None)

    @property
    def stored(self) -> list[Field]:
        """The fields that have a column: all but formulas."""
        return [one for one in self.fields.values() if not one.calculated]


@dataclass(frozen=True, slots=True)
class Child:
    """A reference seen from its parent."""

    sobject: SObject
    field: Field


@dataclass(slots=True)
class Schema:
    """All objects of an org."""

    objects: dict[str, SObject] = field(default_factory=dict)

    def __iter__(self) -> Iterator[SObject]:
        return iter(self.objects.values())

    def get(self, name: str) -> SObject | None:
        return self.objects.get(name.lower())

    def __getitem__(self, name: str) -> SObject:
        return self.objects[name.lower()]

    def add(self, new: SObject) -> None:
        self.objects[new.name.lower()] = new

    def children(self, name: str) -> list[Child]:
        """Return every reference to the object ``name``."""
        return [Child(one, ref) for one in self for ref in one.fields.values() if name in ref.reference_to]

    def by_prefix(self, record_id: str) -> SObject | None:
        """Return the object whose ids begin like ``record_id``."""
        return next((one for one in self if one.prefix == record_id[:3]), None)

"""The mapping of one record type: which Salesforce field holds which ACE field, and how picklist values correspond."""

from __future__ import annotations

from collections import abc
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from connector.errors import MappingError
from connector.names import SyncFields

SCHEMA = 1
RecordType = Literal["opportunity", "lead"]
Values = abc.Mapping[str, str]
_FALLBACKS = ("to_aws", "from_aws")
_MEMBERS = {"schema", "record_type", "object", "version", "own_fields", "exclude", "fields"}


@dataclass(frozen=True, slots=True)
class PicklistMapping:
    """How the values of one picklist correspond, in the three steps in which an admin maps them.

    Attributes:
        primary: ACE value to Salesforce value; one Salesforce value may serve several ACE values (PICK-02, PICK-05).
        additional: Salesforce value that ``primary`` does not use to ACE value, for sending only (PICK-06).
        defaults: Salesforce value that serves several ACE values to the one that is sent (PICK-07).
    """

    primary: Values = field(default_factory=dict)
    additional: Values = field(default_factory=dict)
    defaults: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fallback:
    """What stands in where the source of a value is empty; exactly one of the two is given.

    Attributes:
        value: text as it would stand in the source.
        formula: in Salesforce's formula language, over the fields of the source: the row's towards AWS, those of the
            ACE record towards Salesforce.
    """

    value: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One ACE field and the Salesforce field that holds it.

    Attributes:
        ace_field: ACE name.
        path: API name of a field of the primary object, or of a related object through one or two relationships
            (``Account.Name``, ``Account.Owner.Email``).
        inbound: whether AWS may update the Salesforce field (MAP-07).
        picklist: correspondence of values; None where both sides spell them alike.
        to_aws: what is sent where the Salesforce field is empty; None for nothing.
        from_aws: what is written where AWS has no value; None for nothing.
    """

    ace_field: str
    path: str
    inbound: bool
    picklist: PicklistMapping | None = None
    to_aws: Fallback | None = None
    from_aws: Fallback | None = None

    @property
    def related(self) -> bool:
        """Whether the field is on a related object."""
        return "." in self.path


@dataclass(frozen=True, slots=True)
class Mapping:
    """The mapping of one record type to one primary object.

    Attributes:
        record_type: ``opportunity`` or ``lead``.
        object_name: API name of the primary object.
        version: number of the published mapping, counted from 1; 0 for one that never was published.
        fields: one entry per mapped ACE field.
        own_fields: names of the connector's own fields on an object of the org's own (MAP-26, MAP-27); None for those
            of the profile, which standard and packaged objects have (MAP-25). A name is empty where there is no field.
        exclude: formula over the ACE record; where it is true, what AWS says of an opportunity is ignored (ELIG-19).
    """

    record_type: RecordType
    object_name: str
    version: int
    fields: tuple[FieldMapping, ...]
    own_fields: SyncFields | None = None
    exclude: str = ""

    def field(self, ace_field: str) -> FieldMapping | None:
        """Return the entry of the ACE field, or None when it is not mapped."""
        return next((item for item in self.fields if item.ace_field == ace_field), None)

    def with_field(self, item: FieldMapping) -> Mapping:
        """Return the mapping with the entry added, in the place of one for the same ACE field."""
        if self.field(item.ace_field) is None:
            return replace(self, fields=(*self.fields, item))
        return replace(self, fields=tuple(item if old.ace_field == item.ace_field else old for old in self.fields))

    def without_field(self, ace_field: str) -> Mapping:
        """Return the mapping without the entry of the ACE field."""
        return replace(self, fields=tuple(item for item in self.fields if item.ace_field != ace_field))


def to_document(mapping: Mapping) -> dict[str, Any]:
    """Return the mapping as plain JSON values, for export, review and the state file (MAP-44)."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "record_type": mapping.record_type,
        "object": mapping.object_name,
        "version": mapping.version,
    }
    if mapping.own_fields is not None:
        document["own_fields"] = asdict(mapping.own_fields)
    if mapping.exclude:
        document["exclude"] = mapping.exclude
    return document | {"fields": [_field_document(item) for item in mapping.fields]}


def from_document(document: Any) -> Mapping:
    """Return the mapping that :func:`to_document` wrote. Raises MappingError naming everything wrong with its form."""
    faults = _faults(document)
    if faults:
        raise MappingError(f"The mapping document cannot be read. {' '.join(faults)} Correct it and import it again.")
    return Mapping(
        record_type=document["record_type"],
        object_name=document["object"],
        version=document.get("version", 0),
        fields=tuple(_field(entry) for entry in document["fields"]),
        own_fields=SyncFields(**document["own_fields"]) if document.get("own_fields") else None,
        exclude=document.get("exclude", ""),
    )


def _field_document(item: FieldMapping) -> dict[str, Any]:
    document: dict[str, Any] = {"ace_field": item.ace_field, "path": item.path, "inbound": item.inbound}
    if item.picklist is not None:
        document["picklist"] = {
            "primary": dict(item.picklist.primary),
            "additional": dict(item.picklist.additional),
            "defaults": dict(item.picklist.defaults),
        }
    for name in _FALLBACKS:
        fallback: Fallback | None = getattr(item, name)
        if fallback is not None:
            document[name] = {"formula": fallback.formula} if fallback.formula else {"value": fallback.value}
    return document


def _field(entry: abc.Mapping[str, Any]) -> FieldMapping:
    values = entry.get("picklist")
    return FieldMapping(
        ace_field=entry["ace_field"],
        path=entry["path"],
        inbound=entry["inbound"],
        picklist=None if values is None else PicklistMapping(**{name: dict(values[name]) for name in values}),
        **{name: Fallback(**entry[name]) for name in _FALLBACKS if entry.get(name)},
    )


def _faults(document: Any) -> list[str]:
    if not isinstance(document, dict):
        return ["It must be a JSON object."]
    faults = [] if document.get("schema") == SCHEMA else [f"schema must be {SCHEMA}, it is {document.get('schema')!r}."]
    faults += [f"It has the unknown key {name}." for name in sorted(map(str, set(document) - _MEMBERS))]
    if document.get("record_type") not in get_args(RecordType):
        faults.append(f"record_type must be one of {', '.join(get_args(RecordType))}.")
    if not _is_name(document.get("object")):
        faults.append("object must be the API name of an object.")
    if not _is_count(document.get("version", 0)):
        faults.append("version must be a whole number from 0.")
    entries = document.get("fields")
    if not isinstance(entries, list):
        return [*faults, "fields must be a list."]
    for place, entry in enumerate(entries):
        faults += [f"fields[{place}] {fault}." for fault in _entry_faults(entry)]
    return faults + _own_faults(document.get("own_fields")) + _exclude_faults(document.get("exclude", ""))


def _own_faults(names: Any) -> list[str]:
    if names is None:
        return []
    wanted = [one.name for one in fields(SyncFields)]
    if not isinstance(names, dict) or set(names) != set(wanted) or not all(isinstance(x, str) for x in names.values()):
        return [f"own_fields must name a field, or an empty text, for each of {', '.join(wanted)}."]
    return []


def _exclude_faults(formula: Any) -> list[str]:
    return [] if isinstance(formula, str) else ["exclude must be a formula."]


def _entry_faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["must be an object"]
    faults = [f"needs a text {name}" for name in ("ace_field", "path") if not _is_name(entry.get(name))]
    if not isinstance(entry.get("inbound"), bool):
        faults.append("needs inbound, true or false")
    unknown = sorted(set(entry) - {"ace_field", "path", "inbound", "picklist", *_FALLBACKS})
    faults += [f"has the unknown key {name}" for name in unknown]
    faults += [
        f"needs {name} with either a value or a formula" for name in _FALLBACKS if not _is_fallback(entry.get(name))
    ]
    return faults + _picklist_faults(entry.get("picklist"))


def _is_fallback(given: Any) -> bool:
    if given is None:
        return True
    return (
        isinstance(given, dict)
        and len(given) == 1
        and set(given) <= {"value", "formula"}
        and all(map(_is_name, given.values()))
    )


def _picklist_faults(values: Any) -> list[str]:
    if values is None:
        return []
    if not isinstance(values, dict):
        return ["has a picklist that is no object"]
    known = {"primary", "additional", "defaults"}
    faults = [f"has the unknown picklist part {name}" for name in sorted(set(values) - known)]
    for name in sorted(known & set(values)):
        part = values[name]
        if not isinstance(part, dict) or not all(isinstance(text, str) for pair in part.items() for text in pair):
            faults.append(f"has a picklist part {name} that is no table of texts")
    return faults


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
